"""Components of a data and AI platform on Alibaba Cloud ACK.

Published as `ack_ai_blueprint`; import a component from here (`from ack_ai_blueprint import Network`) or from its
module. The modules load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster, ClusterArgs
    from .encryption import EncryptionKey, EncryptionKeyArgs
    from .inputs import InvalidInput, Problem
    from .network import NatArgs, Network, NetworkArgs, ZoneCidrs, ZoneScale, plan_network
    from .node_pools import (
        Autoscaler,
        AutoscalerArgs,
        Autoscaling,
        NodePool,
        NodePoolArgs,
        Spot,
        SystemDisk,
        Taint,
        plan_node_pool,
    )
    from .platform import Platform, SystemArgs, plan_systems
    from .storage import Bucket, BucketArgs

_MODULES = {
    "cluster": ("Cluster", "ClusterArgs"),
    "encryption": ("EncryptionKey", "EncryptionKeyArgs"),
    "inputs": ("InvalidInput", "Problem"),
    "network": ("NatArgs", "Network", "NetworkArgs", "ZoneCidrs", "ZoneScale", "plan_network"),
    "node_pools": (
        "Autoscaler",
        "AutoscalerArgs",
        "Autoscaling",
        "NodePool",
        "NodePoolArgs",
        "Spot",
        "SystemDisk",
        "Taint",
        "plan_node_pool",
    ),
    "platform": ("Platform", "SystemArgs", "plan_systems"),
    "storage": ("Bucket", "BucketArgs"),
}

__all__ = [
    "Autoscaler",
    "AutoscalerArgs",
    "Autoscaling",
    "Bucket",
    "BucketArgs",
    "Cluster",
    "ClusterArgs",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "InvalidInput",
    "NatArgs",
    "Network",
    "NetworkArgs",
    "NodePool",
    "NodePoolArgs",
    "Platform",
    "Problem",
    "Spot",
    "SystemArgs",
    "SystemDisk",
    "Taint",
    "ZoneCidrs",
    "ZoneScale",
    "plan_network",
    "plan_node_pool",
    "plan_systems",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
