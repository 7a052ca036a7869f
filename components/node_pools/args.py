"""What a user may say of node pools and their autoscaler."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args

MAXIMUM_POOL_SIZE = 1_000
"""Source: pulumi-alicloud 4.0.0, cs.NodePool.scaling_config.max_size."""

LABEL_KEY = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"
CORES = r"^[0-9]+(\.[0-9]+)?m?$"
BYTES = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi)$"

Kind = Literal["system", "cpu", "memory", "gpu", "cache", "lingjun"]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]
Cores = Annotated[str, Field(pattern=CORES, description="An amount of CPU, such as 500m or 2.")]
Threshold = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|%)$", description="An amount, such as 500Mi, or a share, such as 10%."),
]
Bytes = Annotated[str, Field(pattern=BYTES, description="An amount of memory or storage, such as 2Gi or 500Mi.")]


class AutoscalerArgs(Args):
    """The node autoscaler. It scales the pools that declare `autoscaling`."""

    scaler: Literal["goatscaler", "cluster-autoscaler"] = "goatscaler"
    """`goatscaler`: instant elasticity, for any size, and the only one that honours ResourcePolicy.
    `cluster-autoscaler`: for less than 20 elastic pools of less than 100 nodes each.
    Source: ACK auto-scaling overview, 2026-02-27."""

    expander: Literal["least-waste", "random", "priority"] = "least-waste"
    """Which pool grows when several could: the one that leaves the least idle, any, or by `priorities`. `goatscaler`
    has only `least-waste`."""

    priorities: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    """With `expander: priority`: the priority of every autoscaled pool by its name, the highest first."""

    utilization_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of requested resources under which a node may be removed."""

    gpu_utilization_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The same for GPU nodes."""

    unneeded_minutes: Annotated[int, Field(ge=1)] = 10
    """Minutes that a node must be under the threshold before it is removed."""

    cool_down_minutes: Annotated[int, Field(ge=1)] = 10
    """Minutes without scale-in after a scale-out."""

    graceful_termination_minutes: Annotated[int, Field(ge=1, le=1440)] = 240
    """Minutes that pods of a node to be removed have to end."""

    evict_daemonset_pods: bool = False
    """Whether DaemonSet pods are evicted, too, before a node is removed."""

    scan_seconds: Annotated[int, Field(ge=5, le=300)] | None = None
    """Seconds between two looks at the cluster. Only with `cluster-autoscaler`; None: its default."""

    keep_nodes_with_local_storage: bool = False
    """Whether nodes with pods that use emptyDir or hostPath volumes are never removed. Only with
    `cluster-autoscaler`."""


class Taint(Args):
    """A Kubernetes taint."""

    key: LabelKey
    """Key of the taint."""

    value: LabelValue = ""
    """Value of the taint."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"
    """What happens to pods that do not tolerate it."""


class Autoscaling(Args):
    """Bounds of an autoscaled pool."""

    minimum: Annotated[int, Field(ge=0, le=MAXIMUM_POOL_SIZE)]
    """Nodes that always run."""

    maximum: Annotated[int, Field(ge=1, le=MAXIMUM_POOL_SIZE)]
    """Nodes at most, up to 1,000."""


class Spot(Args):
    """How a pool buys spot (preemptible) instances. Name several instance types, so that one that is reclaimed does not
    take all nodes with it."""

    price_limits: Mapping[str, Annotated[float, Field(gt=0)]] = {}
    """Highest hourly price by instance type, in the account's currency. Empty: up to the on-demand price."""

    instance_pools: Annotated[int, Field(ge=1, le=10)] = 2
    """How many of the cheapest instance types to spread over."""

    on_demand_fallback: bool = True
    """Whether on-demand instances step in when no spot instance can be had. `goatscaler` does not look at the stock of
    spot instances and may buy on-demand ones though there are some (ACK page on instant elasticity, 2026-03-26): where
    every job class that uses the pool has another rung, false is cheaper."""


class SystemDisk(Args):
    """The system disk of each node; always encrypted."""

    performance_level: Literal["PL0", "PL1", "PL2", "PL3"] = "PL1"
    """ESSD performance level."""

    size_gib: int = 120
    """Size in GiB: 40 to 2,048, from 461 for PL2 and 1,261 for PL3."""


class DataDisk(Args):
    """A data disk of each node; always encrypted and formatted."""

    size_gib: Annotated[int, Field(ge=40, le=32_768)]
    """Size in GiB, 40 to 32,768; from 461 for PL2 and 1,261 for PL3."""

    performance_level: Literal["PL0", "PL1", "PL2", "PL3"] = "PL1"
    """ESSD performance level."""

    mount_path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_./-]+$")]
    """Absolute path at which the disk is mounted."""

    file_system: Literal["ext4", "xfs"] = "ext4"
    """File system."""


class GpuArgs(Args):
    """How pods share the GPUs of a node. Every mode but `default` needs the chart ack-ai-installer and a cluster with a
    Pro specification. Source: ACK page on GPU scheduling, 2026-02-27."""

    schedule: Literal["default", "cgpu", "core_mem", "share", "mps", "topology"] = "default"
    """Value of the node label `ack.node.gpu.schedule`. `default`: whole GPUs. `cgpu`: memory isolated. `core_mem`:
    memory and compute isolated. `share`: shared, not isolated. `mps`: NVIDIA MPS. `topology`: whole GPUs, chosen by how
    they are linked."""

    placement: Literal["binpack", "spread"] | None = None
    """Whether shared GPUs are filled one by one, or evenly. None: ACK's default. Only with a sharing mode."""

    driver_version: Annotated[str, Field(pattern=r"^\d+(\.\d+){1,2}$")] | None = None
    """Version of the NVIDIA driver, such as `550.144.03`, as the label
    `ack.aliyun.com/nvidia-driver-version`. None: ACK's default."""


class Reserved(Args):
    """Resources of a node that pods cannot have. None: not set."""

    cpu: Cores | None = None
    """CPU, such as `500m`."""

    memory: Bytes | None = None
    """Memory, such as `2Gi`."""

    ephemeral_storage: Bytes | None = None
    """Storage of the system disk, such as `10Gi`."""


class KubeletArgs(Args):
    """Settings of the kubelet. None: ACK's default."""

    cpu_manager_policy: Literal["none", "static"] = "none"
    """`static` gives pods with whole CPUs in requests and limits cores of their own. Not on nodes that share GPUs, and
    not where Koordinator pins CPUs itself."""

    topology_manager_policy: Literal["none", "best-effort", "restricted", "single-numa-node"] | None = None
    """How CPU, memory and devices of a pod are aligned to NUMA nodes."""

    kube_reserved: Reserved = Reserved()
    """Reserved for Kubernetes. Empty: ACK's formula."""

    system_reserved: Reserved = Reserved()
    """Reserved for the operating system."""

    eviction_hard: Mapping[Literal["memory.available", "nodefs.available", "imagefs.available"], Threshold] = {}
    """Below which amount pods are evicted, such as `memory.available: 500Mi`."""

    pod_pids_limit: Annotated[int, Field(ge=100)] | None = None
    """Processes of a pod at most."""


class LingjunArgs(Args):
    """The Lingjun (PAI-Lingjun AI Computing Service) cluster and node group that a pool of kind `lingjun` takes in."""

    cluster_id: str
    """Id of the Lingjun cluster."""

    group_id: str
    """Id of the Lingjun node group."""


class RollingUpdate(Args):
    """How nodes are replaced when the pool is updated. It acts only together with another change of the pool."""

    maximum_unavailable: Annotated[int, Field(ge=1, le=1000)] = 1
    """Nodes that may be away at once, also while ACK repairs."""

    maximum_parallelism: Annotated[int, Field(ge=1)] = 1
    """Nodes updated at once in each batch."""

    pause: Literal["FirstBatch", "EveryBatch", "NotPause"] = "NotPause"
    """When to wait for an operator, who goes on in the console."""

    batch_interval_minutes: Annotated[int, Field(ge=0)] | None = None
    """Minutes between batches; only with `pause: NotPause`."""


class NodePoolArgs(Args):
    """One node pool."""

    kind: Kind
    """What the pool is for. `system`: add-ons and operators. `cpu`. `memory`: at least 8 GiB a vCPU. `gpu`. `cache`:
    local NVMe disks, formatted and mounted for Fluid. `lingjun`: nodes of a Lingjun node group. It sets the label
    `workload` and, but for `system` and `cpu`, a taint that keeps other pods away; Arm nodes get one, too."""

    instance_types: Annotated[Sequence[str], Field(max_length=10)] = ()
    """ECS instance types, the preferred one first; 1 to 10, all of one CPU architecture. None with kind `lingjun`."""

    zones: Annotated[Sequence[str], Field(min_length=1)] | None = None
    """Zones of the pool, out of the network's. None: all of them."""

    size: Annotated[int, Field(ge=0, le=MAXIMUM_POOL_SIZE)] | None = None
    """Fixed number of nodes. Either this or `autoscaling`."""

    autoscaling: Autoscaling | None = None
    """Bounds of an autoscaled pool. Either this or `size`."""

    spot: Spot | None = None
    """Buy spot instances. The pool gets the label and taint `spot=true:NoSchedule`."""

    gpu: GpuArgs = GpuArgs()
    """How pods share GPUs. Only with kind `gpu`."""

    erdma: bool = False
    """Whether the nodes' eRDMA interfaces are used: the label `erdma=true`, and fewer pods a node. Needs instance types
    with eRDMA and the system `erdma`."""

    lingjun: LingjunArgs | None = None
    """The Lingjun node group. Required with, and only with, kind `lingjun`."""

    system_disk: SystemDisk = SystemDisk()
    """The system disk."""

    data_disks: Annotated[Sequence[DataDisk], Field(max_length=8)] = ()
    """Data disks, at most 8."""

    max_pods: Annotated[int, Field(ge=8)] | None = None
    """Pods per node at most. None: what Terway can give the smallest instance type."""

    kubelet: KubeletArgs = KubeletArgs()
    """Settings of the kubelet."""

    labels: Mapping[LabelKey, LabelValue] = {}
    """Further Kubernetes labels."""

    taints: Sequence[Taint] = ()
    """Further Kubernetes taints."""

    image_type: (
        Literal[
            "AliyunLinux3",
            "AliyunLinux3Arm64",
            "AliyunLinux3ContainerOptimized",
            "AliyunLinux4",
            "AliyunLinux4Arm64",
            "ContainerOS",
        ]
        | None
    ) = None
    """Operating system image. None: AliyunLinux3 of the instance types' architecture."""

    key_pair: str | None = None
    """Name of an ECS key pair for login over SSH. None: no login. Passwords are not offered."""

    auto_repair: bool = True
    """Whether ACK restarts and replaces nodes that are not ready. Needs the system `node-problem-detector`."""

    auto_fix_vulnerabilities: bool = True
    """Whether ACK patches the vulnerabilities that Security Center calls urgent. Nodes are not restarted for it."""

    auto_upgrade: bool = False
    """Whether ACK upgrades the kubelet after the control plane, in the cluster's maintenance window."""

    update: RollingUpdate = RollingUpdate()
    """How nodes are replaced when the pool is updated."""
