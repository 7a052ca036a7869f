"""Node pools: ECS nodes by kind, fixed or autoscaled, on demand or spot; and their autoscaler.

`plan_node_pool` decides sizes, labels, taints and what a pod can get of a node in plain Python; `NodePool` maps that
plan to a resource.
"""

from .args import (
    AutoscalerArgs,
    Autoscaling,
    DataDisk,
    GpuArgs,
    KubeletArgs,
    LingjunArgs,
    NodePoolArgs,
    Reserved,
    RollingUpdate,
    Spot,
    SystemDisk,
    Taint,
)
from .component import Autoscaler, NodePool
from .planning import NodePoolPlan, autoscaler_problems, plan_node_pool

__all__ = [
    "Autoscaler",
    "AutoscalerArgs",
    "Autoscaling",
    "DataDisk",
    "GpuArgs",
    "KubeletArgs",
    "LingjunArgs",
    "NodePool",
    "NodePoolArgs",
    "NodePoolPlan",
    "Reserved",
    "RollingUpdate",
    "Spot",
    "SystemDisk",
    "Taint",
    "autoscaler_problems",
    "plan_node_pool",
]
