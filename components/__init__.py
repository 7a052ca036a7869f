"""Components of a data and AI platform on Alibaba Cloud ACK.

Published as `ack_ai_blueprint`; import a component from here (`from ack_ai_blueprint import Network`) or from its
module. The modules load when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alarms import NotificationArgs, StorageAlarmArgs, StorageAlarms
    from .cluster import Cluster, ClusterArgs
    from .colocation import Colocation, ColocationArgs, DeschedulerArgs
    from .encryption import EncryptionKey, EncryptionKeyArgs
    from .file_systems import CpfsCache, FileSystem, FileSystemArgs, Mount, SnapshotSchedule
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
    from .registry import Registry, RegistryArgs, RegistryNamespaceArgs, RepositoryArgs, RetentionArgs, ScanArgs
    from .serverless import ImageCache, Serverless, ServerlessArgs, ServerlessProfile
    from .storage import Bucket, BucketArgs, Grant, Replication, Retention, Transition
    from .throttling import (
        Direction,
        GroupArgs,
        Limits,
        PrioritiesArgs,
        PriorityLevel,
        RequesterArgs,
        RequestLimits,
        RequestRates,
        Throttling,
        ThrottlingArgs,
        TrafficClass,
        plan_throttling,
    )
    from .volumes import NasStorageClassArgs, VolumeArgs, Volumes

_MODULES = {
    "alarms": (
        "NotificationArgs",
        "StorageAlarmArgs",
        "StorageAlarms",
    ),
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
    "file_systems": (
        "CpfsCache",
        "FileSystem",
        "FileSystemArgs",
        "Mount",
        "SnapshotSchedule",
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
    "registry": (
        "Registry",
        "RegistryArgs",
        "RegistryNamespaceArgs",
        "RepositoryArgs",
        "RetentionArgs",
        "ScanArgs",
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
        "Grant",
        "Replication",
        "Retention",
        "Transition",
    ),
    "throttling": (
        "Direction",
        "GroupArgs",
        "Limits",
        "PrioritiesArgs",
        "PriorityLevel",
        "RequestLimits",
        "RequestRates",
        "RequesterArgs",
        "Throttling",
        "ThrottlingArgs",
        "TrafficClass",
        "plan_throttling",
    ),
    "volumes": (
        "NasStorageClassArgs",
        "VolumeArgs",
        "Volumes",
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
    "CpfsCache",
    "DataDisk",
    "DeschedulerArgs",
    "Direction",
    "EncryptionKey",
    "EncryptionKeyArgs",
    "FileSystem",
    "FileSystemArgs",
    "GpuArgs",
    "Grant",
    "GroupArgs",
    "ImageCache",
    "InvalidInput",
    "JobClassArgs",
    "JobClasses",
    "KubeletArgs",
    "Limits",
    "LingjunArgs",
    "Mount",
    "NasStorageClassArgs",
    "NatArgs",
    "Network",
    "NetworkArgs",
    "NodePool",
    "NodePoolArgs",
    "NotificationArgs",
    "OffPeak",
    "Platform",
    "PodShape",
    "PrioritiesArgs",
    "PriorityLevel",
    "Problem",
    "Registry",
    "RegistryArgs",
    "RegistryNamespaceArgs",
    "Replication",
    "RepositoryArgs",
    "RequestLimits",
    "RequestRates",
    "RequesterArgs",
    "Reserved",
    "Retention",
    "RetentionArgs",
    "RollingUpdate",
    "ScanArgs",
    "SchedulingArgs",
    "Serverless",
    "ServerlessArgs",
    "ServerlessProfile",
    "ServerlessRung",
    "SnapshotSchedule",
    "Spot",
    "StorageAlarmArgs",
    "StorageAlarms",
    "SystemArgs",
    "SystemDisk",
    "Taint",
    "Throttling",
    "ThrottlingArgs",
    "TrafficClass",
    "Transition",
    "VolumeArgs",
    "Volumes",
    "ZoneCidrs",
    "ZoneScale",
    "plan_job_classes",
    "plan_network",
    "plan_node_pool",
    "plan_systems",
    "plan_throttling",
    "pod_templates",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
