"""Caches and throttling: caches fit their nodes, and what is guaranteed fits the resource pool."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from components import catalog
from components.capacity import NODE_POOL
from components.manifests import UnreadableQuantity, number

from .resources import matches, node_labels, section
from .rule import Config, Inputs, Resource, Subject, rule
from .storage import BUCKET

DYNAMIC = "pulumi-python:dynamic/oss:"
BUCKET_THROTTLE = f"{DYNAMIC}BucketThrottle"
GROUP_MEMBERSHIP = f"{DYNAMIC}BucketGroupMembership"
GROUP_THROTTLE = f"{DYNAMIC}BucketGroupThrottle"
POOL_PRIORITIES = f"{DYNAMIC}PoolPriorities"
REQUESTER_PRIORITIES = f"{DYNAMIC}PoolRequesterPriorities"
REQUESTER_THROTTLE = f"{DYNAMIC}PoolRequesterThrottle"

RESOURCE_POOLS = "https://www.alibabacloud.com/help/en/oss/user-guide/oss-resource-pool-qos"

Bandwidth = Annotated[int, Field(ge=0)]
Item = Literal[
    "downloadTotal", "downloadIntranet", "downloadInternet", "uploadTotal", "uploadIntranet", "uploadInternet"
]


class PoolBandwidth(Config):
    pools: Mapping[str, Mapping[Item, Bandwidth]] = {}
    """Bandwidth of each resource pool in Gbit/s, as ordered, by item, such as downloadTotal or uploadIntranet. Default:
    none is known, and nothing is checked."""


@rule(
    "throttling-shares-within-pool",
    area="cache",
    severity="high",
    types={POOL_PRIORITIES, REQUESTER_PRIORITIES, GROUP_THROTTLE, REQUESTER_THROTTLE, BUCKET_THROTTLE},
    needs=["priorities", "limits"],
    config=PoolBandwidth,
    must="What levels of priority are guaranteed together, and what each may have, must be within the resource pool.",
    how="Lower the minimums of levels or the limits, or order more bandwidth.",
    reference=RESOURCE_POOLS,
)
def throttling_shares_within_pool(subject: Subject[PoolBandwidth]) -> Iterator[str]:
    for item, most in subject.config.pools.get(subject.inputs["pool"], {}).items():
        if subject.resource.type in (POOL_PRIORITIES, REQUESTER_PRIORITIES):
            guaranteed = sum(max(minimum.get(item, 0), 0) for minimum in _minimums(subject.inputs["priorities"]))
            if guaranteed > most:
                yield f"Levels are guaranteed {guaranteed:g} Gbit/s of {item}, the pool has {most}. Lower minimums."
        else:
            limit = subject.inputs["limits"].get(item, -1)
            if limit > most:
                yield f"The limit of {item} is {limit:g} Gbit/s, the pool has {most}. Lower limits.{item}."


def _minimums(priorities: Inputs) -> Iterator[Mapping[str, float]]:
    """What each level is guaranteed, those that no one names included."""
    default = section(priorities, "defaultMinimum")
    own = {level["level"]: section(level, "minimum") for level in priorities["levels"]}
    for level in range(1, int(priorities["count"]) + 1):
        yield own.get(level) or default


class SharedBuckets(Config):
    buckets: Sequence[str] = ()
    """Names of buckets that many read, with `*` for any text. Default: none."""


@rule(
    "shared-buckets-throttled",
    area="cache",
    severity="medium",
    types={BUCKET, GROUP_MEMBERSHIP},
    stack=True,
    config=SharedBuckets,
    must="Buckets that many read must have limits or a priority, of their own or by their group in a resource pool.",
    how="Put the bucket into a group of the pool, and give the group limits or a level of priority.",
    reference=RESOURCE_POOLS,
)
def shared_buckets_throttled(subject: Subject[SharedBuckets]) -> Iterator[str]:
    if subject.resource.type == GROUP_MEMBERSHIP:
        group = subject.inputs["group"]
        limited = {throttle.inputs["group"] for throttle in subject.of(GROUP_THROTTLE)}
        if group not in limited and not any(_ranks(one, group) for one in subject.of(POOL_PRIORITIES)):
            yield f"The group {group} has neither limits nor a level of priority. Give it one of them."
    elif matches(subject.inputs.get("bucket") or subject.resource.name, subject.config.buckets):
        members = subject.of(GROUP_MEMBERSHIP, BUCKET_THROTTLE)
        if not any(subject.linked(member, "bucket", "bucket") for member in members):
            yield "Many read the bucket, and nothing limits any of them. Put it into a group of a resource pool."


def _ranks(priorities: Resource, group: str) -> bool:
    """Whether a level of priority names a group."""
    return any(group in (level.get("groups") or ()) for level in priorities.inputs["priorities"]["levels"])


def _is_cache(resource: Resource) -> bool:
    """Whether a resource is a runtime of Fluid that keeps a cache."""
    kinds = ("AlluxioRuntime", "JindoRuntime", "JuiceFSRuntime")
    return resource.type.startswith("kubernetes:data.fluid.io/") and resource.kind in kinds


@rule(
    "cache-within-nodes",
    area="cache",
    severity="medium",
    types=_is_cache,
    stack=True,
    needs=["spec"],
    must="Caches must fit the node pools that they select, at their full size.",
    how="Lower replicas or the quotas of tieredstore, or raise the size of the pool.",
    reference="https://www.alibabacloud.com/help/en/ack/cloud-native-ai-suite/product-overview/ack-fluid",
)
def cache_within_nodes(subject: Subject[Config]) -> Iterator[str]:
    pools = _pools(subject.resource, subject)
    if not pools:
        return  # It may run anywhere, or on nodes of another program.
    nodes, workers = sum(_nodes(pool.inputs) for pool in pools), _workers(subject.resource)
    if workers > nodes:
        yield f"There is one worker on a node, {workers} of them on {nodes} node(s). Lower replicas, or raise the pool."
    here = {pool.urn for pool in pools}
    caches = [other for other in subject.resources if _is_cache(other)]
    beside = [cache for cache in caches if {pool.urn for pool in _pools(cache, subject)} <= here]
    for medium in ("memory", "disk"):
        try:
            asked = sum(_asked(cache, medium) for cache in beside if _pools(cache, subject))
        except UnreadableQuantity as error:
            yield f"The size of a cache cannot be read: {error}. Write quotas such as 100Gi."
            return
        room = sum(_nodes(pool.inputs) * _room(pool.inputs, medium) for pool in pools)
        if asked > room:
            yield (
                f"Caches ask for {asked:,.0f} GiB of {medium} on nodes that have {room:,.0f}. Lower the quotas of "
                "tieredstore, or raise the pool."
            )


def _workers(cache: Resource) -> int:
    return int(cache.inputs["spec"].get("replicas") or 0)


def _pools(cache: Resource, subject: Subject[Any]) -> list[Resource]:
    """The node pools of the program whose nodes a cache selects, by the labels that the program gives them."""
    selector = section(section(cache.inputs["spec"], "worker"), "nodeSelector")
    own = {key: value for key, value in selector.items() if "kubernetes.io/" not in key}
    pools = subject.of(NODE_POOL) if own else ()
    return [pool for pool in pools if own.items() <= node_labels(pool.inputs).items()]


def _nodes(pool: Inputs) -> int:
    """Nodes of a pool at full size."""
    # In the engine's preview the scaling of a fixed pool is unknown: the provider fills it in.
    scaling = pool.given("scalingConfig") or Inputs({})
    if scaling.get("enable"):
        return int(scaling["maxSize"])
    return int(pool.get("desiredSize") or pool.get("nodeCount") or 0)


def _asked(cache: Resource, medium: str) -> float:
    """GiB of a medium that the workers of a cache take together."""
    levels = section(cache.inputs["spec"], "tieredstore").get("levels") or ()
    sizes = [
        number(quota) / 2**30
        for level in levels
        if (level.get("mediumtype") == "MEM") == (medium == "memory")
        for quota in (level.get("quotaList") or level.get("quota") or "0").split(",")
    ]
    return _workers(cache) * sum(sizes)


def _room(pool: Inputs, medium: str) -> float:
    """GiB of a medium that a node has at most; any number where the catalog does not know an instance type."""
    known = catalog.instance_types()
    names = list(pool.get("instanceTypes") or ("of a pattern",))
    if not known.keys() >= {*names}:
        return math.inf
    types = [known[name] for name in names]
    if medium == "memory":
        return max(one.memory_gib for one in types)
    local = [one.local_disks.count * one.local_disks.size_gb * 1e9 / 2**30 for one in types if one.local_disks]
    cloud = [disk.get("size") or 0 for disk in pool.get("dataDisks") or ()]
    return max(local, default=0) + sum(cloud) + (pool.get("systemDiskSize") or 0)
