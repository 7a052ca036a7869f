"""Node pools: ECS nodes by kind, fixed or autoscaled, on demand or spot; and their autoscaler.

`plan_node_pool` decides sizes, labels, taints and pods per node in plain Python; `NodePool` maps that plan to a
resource.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from . import catalog
from .catalog import InstanceType
from .inputs import Args, InvalidInput, Problem, one_of

MAXIMUM_POOL_SIZE = 1_000
"""Source: pulumi-alicloud 4.0.0, cs.NodePool.scaling_config.max_size."""

DISK_SIZES: Mapping[str, range] = {
    "PL0": range(40, 2049),
    "PL1": range(40, 2049),
    "PL2": range(461, 2049),
    "PL3": range(1261, 2049),
}
"""System disk sizes in GiB by performance level; 40 GiB is the least that holds the node images.
Source: pulumi-alicloud 4.0.0, cs.NodePool.system_disk_size."""

LABEL_KEY = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"

Kind = Literal["system", "cpu", "gpu", "cache"]
LabelKey = Annotated[str, Field(pattern=LABEL_KEY)]
LabelValue = Annotated[str, Field(pattern=LABEL_VALUE)]


class AutoscalerArgs(Args):
    """The node autoscaler (GOATScaler). It scales the pools that declare `autoscaling`."""

    utilization_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of requested resources under which a node may be removed."""

    gpu_utilization_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The same for GPU nodes."""

    unneeded_minutes: Annotated[int, Field(ge=1)] = 10
    """Minutes that a node must be under the threshold before it is removed."""

    cool_down_minutes: Annotated[int, Field(ge=1)] = 10
    """Minutes without scale-in after a scale-out."""


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
    """How a pool buys spot (preemptible) instances."""

    price_limits: Mapping[str, Annotated[float, Field(gt=0)]] = {}
    """Highest hourly price by instance type, in the account's currency. Empty: up to the on-demand price."""

    instance_pools: Annotated[int, Field(ge=1, le=10)] = 2
    """How many of the cheapest instance types to spread over."""

    on_demand_fallback: bool = True
    """Whether on-demand instances step in when no spot instance can be had."""


class SystemDisk(Args):
    """The system disk of each node; always encrypted."""

    performance_level: Literal["PL0", "PL1", "PL2", "PL3"] = "PL1"
    """ESSD performance level."""

    size_gib: int = 120
    """Size in GiB: 40 to 2,048, from 461 for PL2 and 1,261 for PL3."""


class NodePoolArgs(Args):
    """One node pool."""

    kind: Kind
    """What the pool is for: `system` (add-ons and operators), `cpu`, `gpu`, or `cache` (local NVMe disks). It sets the
    label `workload` and, for `gpu` and `cache`, a taint."""

    instance_types: Annotated[Sequence[str], Field(min_length=1, max_length=10)]
    """ECS instance types, the preferred one first; at most 10, all of one CPU architecture."""

    zones: Annotated[Sequence[str], Field(min_length=1)] | None = None
    """Zones of the pool, out of the network's. None: all of them."""

    size: Annotated[int, Field(ge=0, le=MAXIMUM_POOL_SIZE)] | None = None
    """Fixed number of nodes. Either this or `autoscaling`."""

    autoscaling: Autoscaling | None = None
    """Bounds of an autoscaled pool. Either this or `size`."""

    spot: Spot | None = None
    """Buy spot instances. The pool gets the label and taint `spot=true:NoSchedule`."""

    system_disk: SystemDisk = SystemDisk()
    """The system disk."""

    max_pods: Annotated[int, Field(ge=8)] | None = None
    """Pods per node at most. None: what Terway can give the smallest instance type."""

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
    """Whether ACK restarts and replaces nodes that are not ready."""


@dataclass(frozen=True)
class NodePoolPlan:
    """What a pool will be.

    pods_per_node: what the scheduler may put on one node, None where no source gives the instance type's limit;
    pod_addresses_per_node: the most addresses that one node can take.
    """

    instance_types: Sequence[InstanceType]
    minimum: int
    maximum: int
    labels: Mapping[str, str]
    taints: Sequence[Taint]
    image_type: str
    pods_per_node: int | None
    pod_addresses_per_node: int | None


def plan_node_pool(args: NodePoolArgs) -> NodePoolPlan:
    """Decide what a pool will be. Raises `InvalidInput` with all problems."""
    known = catalog.instance_types()
    types = [known[name] for name in args.instance_types if name in known]
    problems = [*_type_problems(args, types), *_size_problems(args), *_other_problems(args, types)]
    if problems:
        raise InvalidInput(problems)
    limits = [instance_type.pods for instance_type in types]
    sourced = [limit for limit in limits if limit is not None]
    complete = len(sourced) == len(limits)
    labels = {"workload": args.kind}
    taints: list[Taint] = []
    if args.kind == "gpu":
        # `default` is exclusive use of whole GPUs; the label is needed to leave any sharing mode again.
        labels["ack.node.gpu.schedule"] = "default"
        taints.append(Taint(key="nvidia.com/gpu"))
    if args.kind == "cache":
        taints.append(Taint(key="workload", value="cache"))
    if args.spot is not None:
        labels["spot"] = "true"
        taints.append(Taint(key="spot", value="true"))
    return NodePoolPlan(
        instance_types=types,
        minimum=args.autoscaling.minimum if args.autoscaling else args.size or 0,
        maximum=args.autoscaling.maximum if args.autoscaling else args.size or 0,
        labels={**labels, **args.labels},
        taints=[*taints, *args.taints],
        image_type=args.image_type or ("AliyunLinux3Arm64" if types[0].architecture == "arm64" else "AliyunLinux3"),
        pods_per_node=args.max_pods or (min(sourced) if complete else None),
        pod_addresses_per_node=args.max_pods or (max(sourced) if complete else None),
    )


def _type_problems(args: NodePoolArgs, types: Sequence[InstanceType]) -> Iterator[Problem]:
    known = catalog.instance_types()
    for index, name in enumerate(args.instance_types):
        path = f"instanceTypes[{index}]"
        if name not in known:
            yield Problem(path, name, one_of(name, known, "an instance type of the catalog"))
            continue
        instance_type = known[name]
        if name in args.instance_types[:index]:
            yield Problem(path, name, "stands twice; name each instance type once")
        if instance_type.architecture != types[0].architecture:
            yield Problem(
                path,
                name,
                f"is {instance_type.architecture}, but {types[0].name} is {types[0].architecture}; use one",
            )
        if args.kind == "gpu" and instance_type.gpu is None:
            yield Problem(path, name, "has no GPU; a pool of kind gpu needs instance types with GPUs")
        if args.kind != "gpu" and instance_type.gpu is not None:
            yield Problem(path, name, "has GPUs; use kind: gpu")
        if args.kind == "cache" and (instance_type.local_disks is None or instance_type.local_disks.medium != "NVMe"):
            yield Problem(path, name, "has no local NVMe disk; a pool of kind cache needs one, such as ecs.i4.8xlarge")


def _size_problems(args: NodePoolArgs) -> Iterator[Problem]:
    if args.size is not None and args.autoscaling is not None:
        yield Problem(
            "size",
            args.size,
            "a pool is either fixed (size) or autoscaled (autoscaling), never both: they would fight",
        )
    if args.size is None and args.autoscaling is None:
        yield Problem("size", None, "missing; give size or autoscaling")
    if args.autoscaling is not None and args.autoscaling.maximum < args.autoscaling.minimum:
        yield Problem(
            "autoscaling.maximum", args.autoscaling.maximum, f"below autoscaling.minimum = {args.autoscaling.minimum}"
        )
    disk = args.system_disk
    sizes = DISK_SIZES[disk.performance_level]
    if disk.size_gib not in sizes:
        yield Problem(
            "systemDisk.sizeGib",
            disk.size_gib,
            f"a {disk.performance_level} disk has {sizes[0]:,} to {sizes[-1]:,} GiB",
        )


def _other_problems(args: NodePoolArgs, types: Sequence[InstanceType]) -> Iterator[Problem]:
    for instance_type in types:
        if args.max_pods is not None and instance_type.pods is not None and args.max_pods > instance_type.pods:
            yield Problem(
                "maxPods", args.max_pods, f"Terway can give {instance_type.name} {instance_type.pods} pods at most"
            )
    if args.image_type is not None and types:
        arm = types[0].architecture == "arm64"
        if arm != args.image_type.endswith("Arm64"):
            yield Problem("imageType", args.image_type, f"does not run on {types[0].name} ({types[0].architecture})")
    if args.spot is not None:
        if args.kind == "system":
            yield Problem(
                "spot", None, "add-ons and operators need nodes that stay: a pool of kind system cannot be spot"
            )
        for name in args.spot.price_limits:
            if name not in args.instance_types:
                yield Problem(
                    f"spot.priceLimits.{name}",
                    args.spot.price_limits[name],
                    one_of(name, args.instance_types, "one of the pool's instance types"),
                )
    if args.key_pair is not None and not re.fullmatch(r"[A-Za-z][\w:-]{1,127}", args.key_pair):
        yield Problem(
            "keyPair",
            args.key_pair,
            "not a key pair name: 2 to 128 letters, digits, colons, underscores and hyphens, a letter first",
        )


class NodePool(pulumi.ComponentResource):
    """A managed node pool with encrypted disks, no public address, no password and hardened instance metadata.

    Example:

        NodePool("data", NodePoolArgs(kind="cpu", instance_types=["ecs.g8i.4xlarge"], size=3),
                 name="acme-data-dev-data", cluster_id=cluster.cluster_id, vswitch_ids=[...],
                 security_group_id=network.security_group_id)
    """

    node_pool_id: pulumi.Output[str]
    """Id of the pool, as in the node label `alibabacloud.com/nodepool-id`."""

    plan: NodePoolPlan
    """The decisions behind the resource."""

    def __init__(
        self,
        resource_name: str,
        args: NodePoolArgs,
        *,
        name: str,
        cluster_id: pulumi.Input[str],
        vswitch_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the pool and register it.

        name: name of the pool; vswitch_ids: the node vSwitches of its zones. Raises `InvalidInput` with all problems
        before anything is registered.
        """
        self.plan = plan = plan_node_pool(args)
        super().__init__("ack-ai-blueprint:node_pools:NodePool", resource_name, None, opts)
        scaling, spot = args.autoscaling, args.spot
        pool = alicloud.cs.NodePool(
            f"{resource_name}-pool",
            node_pool_name=name,
            cluster_id=cluster_id,
            vswitch_ids=list(vswitch_ids),
            security_group_ids=[security_group_id],
            instance_types=list(args.instance_types),
            instance_charge_type="PostPaid",
            image_type=plan.image_type,
            key_name=args.key_pair,
            desired_size=None if scaling else str(plan.minimum),
            scaling_config=(
                {
                    "enable": True,
                    "min_size": scaling.minimum,
                    "max_size": scaling.maximum,
                    "type": "spot" if spot else "gpu" if args.kind == "gpu" else "cpu",
                }
                if scaling
                else None
            ),
            scaling_policy="release",
            multi_az_policy="COST_OPTIMIZED" if spot else "BALANCE",
            spot_strategy="NoSpot" if spot is None else "SpotWithPriceLimit" if spot.price_limits else "SpotAsPriceGo",
            spot_price_limits=(
                [
                    {"instance_type": name, "price_limit": format(Decimal(str(price)), "f")}
                    for name, price in spot.price_limits.items()
                ]
                if spot and spot.price_limits
                else None
            ),
            spot_instance_pools=spot.instance_pools if spot else None,
            spot_instance_remedy=True if spot else None,
            on_demand_base_capacity="0" if spot else None,
            on_demand_percentage_above_base_capacity="0" if spot else None,
            compensate_with_on_demand=spot.on_demand_fallback if spot else None,
            system_disk_category="cloud_essd",
            system_disk_performance_level=args.system_disk.performance_level,
            system_disk_size=args.system_disk.size_gib,
            system_disk_encrypted=True,
            labels=[{"key": key, "value": value} for key, value in sorted(plan.labels.items())],
            taints=[{"key": t.key, "value": t.value, "effect": t.effect} for t in plan.taints],
            kubelet_configuration=None if args.max_pods is None else {"max_pods": str(args.max_pods)},
            management={
                "enable": True,
                "auto_repair": args.auto_repair,
                "auto_repair_policy": {"restart_node": True},
                "auto_upgrade": False,
                "auto_vul_fix": True,
                "auto_vul_fix_policy": {"vul_level": "asap", "restart_node": False},
                "max_unavailable": 1,
            },
            instance_metadata_options={"http_tokens": "required"},
            install_cloud_monitor=True,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.node_pool_id = pool.node_pool_id
        self.register_outputs({"nodePoolId": self.node_pool_id})


class Autoscaler(pulumi.ComponentResource):
    """The node autoscaler of a cluster (GOATScaler), one a cluster.

    It runs on the cluster's nodes, so let it depend on a pool that always has some. Destroying it leaves its settings
    in force: the scaler goes with the cluster. Needs the service role AliyunCSManagedAutoScalerRole.
    """

    def __init__(
        self,
        resource_name: str,
        args: AutoscalerArgs,
        *,
        cluster_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the autoscaler's configuration."""
        super().__init__("ack-ai-blueprint:node_pools:Autoscaler", resource_name, None, opts)
        alicloud.cs.AutoscalingConfig(
            f"{resource_name}-config",
            cluster_id=cluster_id,
            scaler_type="goatscaler",
            expander="least-waste",
            utilization_threshold=str(args.utilization_threshold),
            gpu_utilization_threshold=str(args.gpu_utilization_threshold),
            unneeded_duration=f"{args.unneeded_minutes}m",
            cool_down_duration=f"{args.cool_down_minutes}m",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
