"""What resources add up to, as the components count it: capacity and cost."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from components.capacity import NODE_POOL, Resource, pool_size
from components.cost import Usage

from .rule import Deferred, Unknown, whole
from .rule import Resource as Shown

T = TypeVar("T")

POOL_INPUTS = (
    "dataDisks",
    "desiredSize",
    "instancePatterns",
    "instanceTypes",
    "kubeletConfiguration",
    "spotStrategy",
    "systemDiskCategory",
    "systemDiskPerformanceLevel",
    "systemDiskSize",
)
"""Inputs of a node pool on which capacity and cost depend, besides its scaling configuration."""


def countable(resources: Iterable[Shown]) -> tuple[list[Resource], Deferred | None]:
    """Resources as capacity and cost count them, without node pools whose size is unknown, and what to raise for these.

    What is unknown of other resources is left to the provider, whose default is what an estimate counts with.
    """
    found: list[Resource] = []
    waiting: Deferred | None = None
    for resource in resources:
        try:
            found.append(Resource(resource.type, resource.name, _inputs(resource), region_of(resource)))
        except Deferred as deferred:
            waiting = waiting or deferred
    return found, waiting


def counted(resources: Iterable[Shown]) -> list[Resource]:
    """Resources as capacity and cost count them. Raises `Deferred` where the size of a node pool is unknown."""
    found, waiting = countable(resources)
    if waiting is not None:
        raise waiting
    return found


def _inputs(resource: Shown) -> Mapping[str, Any]:
    if resource.type != NODE_POOL:
        return _known(resource.inputs.plain)
    try:
        inputs: dict[str, Any] = {key: whole(resource.inputs.get(key), key) for key in POOL_INPUTS}
        # How many counts, whatever their ids.
        inputs["instances"] = ["" for _ in range(len(resource.inputs.get("instances") or ()))]
        # The provider fills in the scaling configuration of a pool of fixed size, so before apply it is unknown.
        fixed = inputs["desiredSize"] is not None
        scaling = resource.inputs.given("scalingConfig") if fixed else resource.inputs.get("scalingConfig")
        inputs["scalingConfig"] = whole(scaling, "scalingConfig")
        # Likewise the number of nodes, where it is not what says the size.
        said = fixed or scaling is not None or bool(inputs["instances"])
        inputs["nodeCount"] = resource.inputs.given("nodeCount") if said else resource.inputs.get("nodeCount")
        return inputs
    except Deferred as deferred:
        raise Deferred(f"{resource.name}.{deferred.path}") from None


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items() if not isinstance(item, Unknown)}
    return [_known(item) for item in value if not isinstance(item, Unknown)] if isinstance(value, list) else value


def of_pool(said: Mapping[str, T], pool: Shown) -> T | None:
    """What is said of a node pool by the name of its resource or by `nodePoolName`. Raises `Deferred` where that may be
    its name, and is unknown."""
    if not said or pool.name in said:
        return said.get(pool.name)
    return said.get(pool.inputs.get("nodePoolName", ""))


def region_of(resource: Shown) -> str:
    """The region of a resource's provider, "" where it is not known."""
    region = resource.provider.get("region")
    return region if isinstance(region, str) else ""


def disks_gib(resource: Resource) -> int:
    """GiB of the disks of a node pool at full size: 40 for a disk without a size, as the provider has it."""
    disks = [resource.inputs.get("systemDiskSize"), *(d.get("size") for d in resource.inputs.get("dataDisks") or ())]
    return pool_size(resource).maximum * sum(int(size or 40) for size in disks)


def usage(stated: Mapping[str, Any]) -> Usage:
    """The expected use out of a configuration."""
    return Usage(**stated)
