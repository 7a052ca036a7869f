"""Components of a data and AI platform on Alibaba Cloud ACK.

Published as `ack_ai_blueprint`; import a component from here (`from ack_ai_blueprint import Network`) or from its
module. The modules load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster, ClusterArgs
    from .colocation import Colocation, ColocationArgs, DeschedulerArgs
    from .encryption import EncryptionKey, EncryptionKeyArgs
    from .inputs import InvalidInput, Problem
    from .job_classes import (
        Compute,
        JobClassArgs,
        JobClasses,
        OffPeak,
        PodShape,
        SchedulingArgs,
        ServerlessRung,
        plan_job_classes,
    )
    from .manifests import pod_templates
    from .network import NatArgs, Network, NetworkArgs, ZoneCidrs, ZoneScale, plan_network
    from .node_pools import (
        Autoscaler,
        AutoscalerArgs,
        Autoscaling,
        DataDisk,
        GpuArgs,
        KubeletArgs,
        LingjunArgs,
        NodePool,
        NodePoolArgs,
        Reserved,
        RollingUpdate,
        Spot,
        SystemDisk,
        Taint,
        plan_node_pool,
    )
    from .platform import Platform, SystemArgs, plan_systems
    from .serverless import ImageCache, Serverless, ServerlessArgs, ServerlessProfile
    from .storage import Bucket, BucketArgs

_MODULES = {
    "cluster": (
        "Cluster",
        "ClusterArgs",
    ),
    "colocation": (
        "Colocation",
        "ColocationArgs",
        "DeschedulerArgs",
    ),
    "encryption": (
        "EncryptionKey",
        "EncryptionKeyArgs",
    ),
    "inputs": (
        "InvalidInput",
        "Problem",
    ),
    "job_classes": (
        "Compute",
        "JobClassArgs",
        "JobClasses",
        "OffPeak",
        "PodShape",
        "SchedulingArgs",
        "ServerlessRung",
        "plan_job_classes",
    ),
    "manifests": ("pod_templates",),
    "network": (
        "NatArgs",
        "Network",
        "NetworkArgs",
        "ZoneCidrs",
        "ZoneScale",
        "plan_network",
    ),
    "node_pools": (
        "Autoscaler",
        "AutoscalerArgs",
        "Autoscaling",
        "DataDisk",
        "GpuArgs",
        "KubeletArgs",
        "LingjunArgs",
        "NodePool",
        "NodePoolArgs",
        "Reserved",
        "RollingUpdate",
        "Spot",
        "SystemDisk",
        "Taint",
        "plan_node_pool",
    ),
    "platform": (
        "Platform",
        "SystemArgs",
        "plan_systems",
    ),
    "serverless": (
        "ImageCache",
        "Serverless",
        "ServerlessArgs",
        "ServerlessProfile",
    ),
    "storage": (
        "Bucket",
        "BucketArgs",
    ),
}

__all__ = [
    "Autoscaler",
    "AutoscalerArgs",
    "Autoscaling",
    "Bucket",
    "BucketArgs",
    "Cluster",
    "ClusterArgs",
    "Colocation",
    "ColocationArgs",
    "Compute",
    "DataDisk",
    "DeschedulerArgs",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "GpuArgs",
    "ImageCache",
    "InvalidInput",
    "JobClassArgs",
    "JobClasses",
    "KubeletArgs",
    "LingjunArgs",
    "NatArgs",
    "Network",
    "NetworkArgs",
    "NodePool",
    "NodePoolArgs",
    "OffPeak",
    "Platform",
    "PodShape",
    "Problem",
    "Reserved",
    "RollingUpdate",
    "SchedulingArgs",
    "Serverless",
    "ServerlessArgs",
    "ServerlessProfile",
    "ServerlessRung",
    "Spot",
    "SystemArgs",
    "SystemDisk",
    "Taint",
    "ZoneCidrs",
    "ZoneScale",
    "plan_job_classes",
    "plan_network",
    "plan_node_pool",
    "plan_systems",
    "pod_templates",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
