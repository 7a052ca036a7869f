"""What declared resources add up to: nodes, vCPU, memory, GPUs, pods and addresses.

Works on resources as an engine or a recorded program shows them (type token and camelCase inputs), so that a preview
and a policy count alike, in any program.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import catalog
from .catalog import InstanceType
from .inputs import parse_cidr

NODE_POOL = "alicloud:cs/nodePool:NodePool"
VSWITCH = "alicloud:vpc/switch:Switch"


@dataclass(frozen=True)
class Resource:
    """A declared resource. `inputs` are camelCase, None counts as absent; `region` is its provider's, "" for none."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    region: str = ""


@dataclass(frozen=True)
class PoolSize:
    """The bounds of one node pool, and its instance types as far as the catalog knows them.

    attached: nodes beside these that are instances which were there before.
    """

    name: str
    minimum: int
    maximum: int
    instance_types: tuple[InstanceType, ...]
    unknown_types: tuple[str, ...]
    spot: bool
    max_pods: int | None
    attached: int = 0


@dataclass(frozen=True)
class Range:
    """An amount at the minimum and at the maximum size of all pools."""

    minimum: float = 0
    maximum: float = 0

    def __add__(self, other: "Range") -> "Range":
        return Range(self.minimum + other.minimum, self.maximum + other.maximum)


@dataclass(frozen=True)
class Capacity:
    """Totals over all node pools and vSwitches.

    `addresses` is what the vSwitches can give away; `gpus_by_model` uses "unnamed" where the vendor names no model;
    `unknown` names the instance types that the catalog does not have and that are therefore not counted.
    """

    nodes: Range = Range()
    vcpu: Range = Range()
    memory_gib: Range = Range()
    gpus: Range = Range()
    pods: Range = Range()
    addresses: int = 0
    gpus_by_model: Mapping[str, Range] = field(default_factory=dict[str, Range])
    unknown: tuple[str, ...] = ()


def pool_size(resource: Resource) -> PoolSize:
    """The bounds of a node pool, from its inputs only."""
    inputs = resource.inputs
    scaling = inputs.get("scalingConfig")
    if scaling and scaling.get("enable"):
        minimum, maximum = int(scaling.get("minSize") or 0), int(scaling.get("maxSize") or 0)
    else:
        minimum = maximum = int(inputs.get("desiredSize") or inputs.get("nodeCount") or 0)
    names = list(inputs.get("instanceTypes") or ())
    known = catalog.instance_types()
    kubelet = inputs.get("kubeletConfiguration")
    return PoolSize(
        name=resource.name,
        minimum=minimum,
        maximum=maximum,
        instance_types=tuple(known[name] for name in names if name in known),
        unknown_types=(
            *(name for name in names if name not in known),
            *(["a pattern of instance types"] if inputs.get("instancePatterns") else []),
        ),
        spot=(inputs.get("spotStrategy") or "NoSpot") != "NoSpot",
        max_pods=int(kubelet["maxPods"]) if kubelet and kubelet.get("maxPods") else None,
        attached=len(inputs.get("instances") or ()),
    )


def pool_sizes(resources: Iterable[Resource]) -> list[PoolSize]:
    """The bounds of every node pool."""
    return [pool_size(resource) for resource in resources if resource.type == NODE_POOL]


def total_capacity(resources: Iterable[Resource]) -> Capacity:
    """Totals over all pools and vSwitches.

    Of a pool with several instance types, the smallest counts at the minimum size and the largest at the maximum.
    """
    resources = list(resources)
    total = Capacity(addresses=sum(map(_addresses, resources)))
    for pool in pool_sizes(resources):
        total = _plus(total, pool)
    return total


def _plus(total: Capacity, pool: PoolSize) -> Capacity:
    types = pool.instance_types

    def of(amounts: Iterable[float]) -> Range:
        values = list(amounts)
        return Range(pool.minimum * min(values), pool.maximum * max(values)) if values else Range()

    gpus = dict(total.gpus_by_model)
    for model in sorted({t.gpu.model or "unnamed" for t in types if t.gpu}):
        counts = of(t.gpu.count for t in types if t.gpu and (t.gpu.model or "unnamed") == model)
        gpus[model] = gpus.get(model, Range()) + counts
    return Capacity(
        nodes=total.nodes + Range(pool.minimum + pool.attached, pool.maximum + pool.attached),
        vcpu=total.vcpu + of(t.vcpu for t in types),
        memory_gib=total.memory_gib + of(t.memory_gib for t in types),
        gpus=total.gpus + of(t.gpu.count if t.gpu else 0 for t in types),
        pods=total.pods + of(pool.max_pods or t.pods or 0 for t in types),
        addresses=total.addresses,
        gpus_by_model=gpus,
        unknown=(*total.unknown, *pool.unknown_types),
    )


def _addresses(resource: Resource) -> int:
    if resource.type != VSWITCH or "cidrBlock" not in resource.inputs:
        return 0
    cidr = parse_cidr(str(resource.inputs["cidrBlock"]))
    return 0 if cidr is None else cidr.num_addresses - catalog.VSWITCH_RESERVED_ADDRESSES
