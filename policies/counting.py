"""What resources add up to, as the components count it: capacity and cost."""

from collections.abc import Iterable, Mapping
from typing import Any

from components.capacity import NODE_POOL, Resource, pool_size
from components.cost import Usage

from .rule import Deferred, Unknown, whole
from .rule import Resource as Shown

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


def counted(resources: Iterable[Shown]) -> list[Resource]:
    """Resources as capacity and cost count them. Raises `Deferred` where the size of a node pool is unknown.

    What is unknown of other resources is left to the provider, whose default is what an estimate counts with.
    """
    return [Resource(r.type, r.name, _inputs(r), region_of(r)) for r in resources]


def _inputs(resource: Shown) -> Mapping[str, Any]:
    if resource.type != NODE_POOL:
        return _known(resource.inputs.plain)
    try:
        inputs: dict[str, Any] = {key: whole(resource.inputs.get(key), key) for key in POOL_INPUTS}
        inputs["nodeCount"] = resource.inputs.given("nodeCount")
        try:
            return {**inputs, "scalingConfig": whole(resource.inputs.get("scalingConfig"), "scalingConfig")}
        except Deferred:
            # The provider fills in the scaling configuration of a pool of fixed size, so before apply it is unknown.
            if inputs["desiredSize"] is None:
                raise
            return inputs
    except Deferred as deferred:
        raise Deferred(f"{resource.name}.{deferred.path}") from None


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _known(item) for key, item in value.items() if not isinstance(item, Unknown)}
    return [_known(item) for item in value if not isinstance(item, Unknown)] if isinstance(value, list) else value


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
