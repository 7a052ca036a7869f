"""Quotas: what one stack may use at most. A rule whose quota is not set finds nothing."""

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from components.capacity import NODE_POOL, Capacity, Range, pool_size, total_capacity
from components.catalog import VSWITCH_RESERVED_ADDRESSES
from components.inputs import Args
from components.manifests import UnreadableQuantity, number

from .addresses import networks
from .counting import countable, counted, disks_gib, of_pool, region_of
from .network import (
    ALB_CONFIG,
    BALANCERS,
    CLASSIC_BALANCERS,
    INSTANCE,
    MAKES_INSTANCES,
    NETWORK_PLAN,
    SERVICE,
    SWITCHES,
)
from .resources import BUCKET, CLUSTERS, DEDICATED_CLUSTER, EDGE_CLUSTER, MANAGED_CLUSTER, NETWORK, listed, section
from .rule import Config, Deferred, Inputs, Resource, Subject, rule

BUCKET_REPLICATION = "alicloud:oss/bucketReplication:BucketReplication"
EIPS = ("alicloud:ecs/eipAddress:EipAddress", "alicloud:ecs/eip:Eip")
DISKS = ("alicloud:ecs/ecsDisk:EcsDisk", "alicloud:ecs/disk:Disk")
NAMESPACE = "kubernetes:core/v1:Namespace"
QUOTA = "kubernetes:core/v1:ResourceQuota"

Amount = Annotated[float, Field(ge=0)]
REUSES_BALANCER = tuple(f"service.beta.kubernetes.io/{name}-loadbalancer-id" for name in ("alibaba-cloud", "alicloud"))
"""Annotations of Services that take a load balancer that there is, by the newer and the older name. Source:
https://www.alibabacloud.com/help/en/ack/serverless-kubernetes/user-guide/use-annotations-to-configure-load-balancing,
2026-02-28."""
ACK_LIMITS = "https://www.alibabacloud.com/help/en/ack/product-overview/limits"
VPC_LIMITS = "https://www.alibabacloud.com/help/ja/virtual-private-cloud/latest/466327"


class Maximum(Config):
    maximum: Amount | None = None
    """The most that the stack may use. None: as much as it likes."""


def _exceeding(subject: Subject[Maximum], what: str, unit: str, amount: Callable[[Capacity], Range]) -> Iterator[str]:
    maximum = subject.config.maximum
    if maximum is None:
        return
    pools, waiting = countable(subject.of(NODE_POOL))
    most = amount(total_capacity(pools)).maximum
    if most > maximum:
        yield (
            f"The node pools can grow to {_at_least(waiting)}{most:,.0f} {unit}, the quota is {maximum:,.0f}. "
            f"Lower the pools' maximum sizes or raise the quota for {what}."
        )
    elif waiting:
        raise waiting


def _at_least(waiting: Deferred | None) -> str:
    return "at least " if waiting else ""


def _uncounted(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is not None:
        yield from _unknown_types(subject)


def _unknown_types(subject: Subject[Any]) -> Iterator[str]:
    """A violation where the catalog does not have an instance type, so that a sum would be too small."""
    names = sorted({*total_capacity(countable(subject.of(NODE_POOL))[0]).unknown})
    if names:
        yield f"Node pools of {', '.join(names)} cannot be counted. Use instance types of the catalog."


@rule(
    "nodes-within-quota",
    area="quotas",
    severity="high",
    config=Maximum,
    must="Node pools at full size must stay within the quota of nodes.",
    how="Lower the pools' maximum sizes, or raise the quota.",
    reference="the owner of the quota",
)
def nodes_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    yield from _exceeding(subject, "nodes", "nodes", lambda capacity: capacity.nodes)


@rule(
    "vcpu-within-quota",
    area="quotas",
    severity="high",
    config=Maximum,
    must="Node pools at full size must stay within the quota of vCPUs.",
    how="Lower the pools' maximum sizes, or raise the quota.",
    reference="the owner of the quota",
)
def vcpu_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    yield from _uncounted(subject)
    yield from _exceeding(subject, "vCPUs", "vCPUs", lambda capacity: capacity.vcpu)


@rule(
    "memory-within-quota",
    area="quotas",
    severity="high",
    config=Maximum,
    must="Node pools at full size must stay within the quota of memory.",
    how="Lower the pools' maximum sizes, or raise the quota.",
    reference="the owner of the quota",
)
def memory_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    yield from _uncounted(subject)
    yield from _exceeding(subject, "memory", "GiB of memory", lambda capacity: capacity.memory_gib)


@rule(
    "gpus-within-quota",
    area="quotas",
    severity="high",
    config=Maximum,
    must="Node pools at full size must stay within the quota of GPUs.",
    how="Lower the pools' maximum sizes, or raise the quota.",
    reference="the owner of the quota",
)
def gpus_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    yield from _uncounted(subject)
    yield from _exceeding(subject, "GPUs", "GPUs", lambda capacity: capacity.gpus)


@rule(
    "pods-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="The pods that node pools at full size hold must stay within the quota of pods.",
    how="Lower the pools' maximum sizes or maxPods of kubeletConfiguration, or raise the quota.",
    reference=ACK_LIMITS,
)
def pods_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is None:
        return
    yield from _uncounted(subject)
    # Without maxPods, what Terway can give addresses to counts; with Flannel it is the mask of the cluster.
    flannel = any(cluster.inputs.get("podCidr") for cluster in subject.of(*CLUSTERS))
    sizes = [pool_size(pool) for pool in countable(subject.of(NODE_POOL))[0]]
    blind = [
        size.name
        for size in sizes
        if size.max_pods is None and (flannel or any(kind.pods is None for kind in size.instance_types))
    ]
    if blind:
        yield f"The pods of {', '.join(blind)} cannot be counted. Set maxPods of kubeletConfiguration."
    yield from _exceeding(subject, "pods", "pods", lambda capacity: capacity.pods)


class Models(Config):
    models: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    """The most GPUs of a model that the stack may use, such as `{A10: 8}`; `unnamed` are those of which the vendor
    names no model. Other models are not bounded."""


@rule(
    "gpu-models-within-quota",
    area="quotas",
    severity="high",
    config=Models,
    must="Node pools at full size must stay within the quota of each model of GPU.",
    how="Lower the maximum sizes of the pools with that model, or raise its quota.",
    reference="the owner of the quota",
)
def gpu_models_within_quota(subject: Subject[Models]) -> Iterator[str]:
    if not subject.config.models:
        return
    yield from _unknown_types(subject)
    pools, waiting = countable(subject.of(NODE_POOL))
    found = total_capacity(pools).gpus_by_model
    for model, maximum in subject.config.models.items():
        most = found.get(model, Range()).maximum
        if most > maximum:
            yield (
                f"The node pools can grow to {_at_least(waiting)}{most:,.0f} GPUs of model {model}, the quota is "
                f"{maximum:,}. Lower the pools' maximum sizes or raise the quota."
            )
    if waiting:
        raise waiting


@rule(
    "disks-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="The disks of node pools at full size and all other disks must stay within the quota of GiB.",
    how="Lower the pools' maximum sizes or the sizes of disks, or raise the quota.",
    reference="the owner of the quota",
)
def disks_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    maximum = subject.config.maximum
    if maximum is None:
        return
    known, waiting = countable(subject.of(NODE_POOL))
    pools = sum(map(disks_gib, known))
    others = sum(int(disk.inputs.get("size") or 0) for disk in subject.of(*DISKS))
    for machine in subject.of(INSTANCE):
        # 40 GiB without a size. Source: pulumi-alicloud 4.0.0, ecs.Instance.
        others += int(machine.inputs.get("systemDiskSize") or 40)
        others += sum(int(disk.get("size") or 0) for disk in machine.inputs.get("dataDisks") or ())
    if pools + others > maximum:
        yield (
            f"Disks can grow to {_at_least(waiting)}{pools + others:,} GiB, {pools:,} of them on nodes; the quota is "
            f"{maximum:,.0f}. Lower the pools' maximum sizes or the disks' sizes."
        )
    elif waiting:
        raise waiting


def _too_many(maximum: float, count: int, what: str) -> Iterator[str]:
    if count > maximum:
        yield f"There are {count} {what}, the quota is {maximum:,.0f}. Remove some, or raise the quota."


@rule(
    "addresses-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="Public addresses, with those of nodes at full size and of API servers, must stay within their quota.",
    how="Share a NAT gateway's address, leave internetMaxBandwidthOut and scalingConfig.isBondEip of pools out, set "
    "slbInternetEnabled of clusters to false, or raise the quota.",
    reference="the owner of the quota",
)
def addresses_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    maximum = subject.config.maximum
    if maximum is None:
        return
    pools = [pool for pool in subject.of(NODE_POOL) if _addressed(pool.inputs)]
    known, waiting = countable(pools)
    nodes = int(total_capacity(known).nodes.maximum)
    clusters = subject.of(MANAGED_CLUSTER, DEDICATED_CLUSTER, EDGE_CLUSTER)
    servers = len([c for c in clusters if c.inputs.get("slbInternetEnabled") is not False])
    count = len(subject.of(*EIPS)) + nodes + servers
    if count > maximum:
        yield (
            f"There can be {_at_least(waiting)}{count:,} public addresses, {nodes:,} of them of nodes and {servers} "
            f"of API servers; the quota is {maximum:,.0f}. Give nodes none, share a NAT gateway's, or raise the quota."
        )
    elif waiting:
        raise waiting


def _addressed(pool: Inputs) -> bool:
    """Whether each node of a pool has a public address."""
    return (pool.get("internetMaxBandwidthOut") or 0) > 0 or bool(section(pool, "scalingConfig").get("isBondEip"))


@rule(
    "buckets-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="Buckets must stay within their quota.",
    how="Use prefixes of a bucket that there is, or raise the quota.",
    reference="the owner of the quota",
)
def buckets_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is not None:
        yield from _too_many(subject.config.maximum, len(subject.of(BUCKET)), "buckets")


@rule(
    "load-balancers-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="Load balancers, those of API servers, Services and AlbConfigs among them, must stay within their quota.",
    how="Share one between Services by an Ingress, or raise the quota.",
    reference="the owner of the quota",
)
def load_balancers_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is None:
        return
    declared = subject.of(*CLASSIC_BALANCERS, *BALANCERS, *CLUSTERS)
    services = [service for service in subject.of(SERVICE) if _makes_balancer(service)]
    albs = [
        config for config in subject.of(ALB_CONFIG) if "id" not in section(section(config.inputs, "spec"), "config")
    ]
    count = len(declared) + len(services) + len(albs)
    yield from _too_many(subject.config.maximum, count, "load balancers, those of API servers among them")


def _makes_balancer(service: Resource) -> bool:
    """Whether a Service has a load balancer made, and takes none that there is."""
    if section(service.inputs, "spec").get("type") != "LoadBalancer":
        return False
    annotations = section(section(service.inputs, "metadata"), "annotations")
    return not any(key in annotations for key in REUSES_BALANCER)


class PoolQuota(Args):
    nodes: Annotated[int, Field(ge=0)] | None = None
    """The most nodes. None: not bounded."""

    vcpu: Amount | None = None
    """The most vCPUs. None: not bounded."""

    gpus: Annotated[int, Field(ge=0)] | None = None
    """The most GPUs. None: not bounded."""


class Pools(Config):
    pools: Mapping[str, PoolQuota] = {}
    """The most that single node pools may hold, by the name of their resource or their `nodePoolName`."""


@rule(
    "pool-within-quota",
    area="quotas",
    severity="medium",
    types={NODE_POOL},
    needs=["scalingConfig.maxSize", "instanceTypes"],
    config=Pools,
    must="A node pool at full size must stay within the quota that it has.",
    how="Lower its maximum size, or raise its quota.",
    reference="the owner of the quota",
)
def pool_within_quota(subject: Subject[Pools]) -> Iterator[str]:
    quota = of_pool(subject.config.pools, subject.resource)
    if quota is None:
        return
    if quota.vcpu is not None or quota.gpus is not None:
        yield from _unknown_types(subject)
    total = total_capacity(counted([subject.resource]))
    for unit, most, maximum in (
        ("nodes", total.nodes.maximum, quota.nodes),
        ("vCPUs", total.vcpu.maximum, quota.vcpu),
        ("GPUs", total.gpus.maximum, quota.gpus),
    ):
        if maximum is not None and most > maximum:
            yield f"The pool can grow to {most:,.0f} {unit}, its quota is {maximum:,.0f}. Lower its maximum size."


class Tenants(Config):
    factor: Annotated[float, Field(gt=0)] = 1
    """How often what there is may be promised: 1.5 for half as much again, since not all use all at once."""

    serverless_vcpu: Amount = 0
    """vCPUs of serverless pods that there are beside the nodes."""

    serverless_memory_gib: Amount = 0
    """GiB of memory of serverless pods that there are beside the nodes."""

    serverless_gpus: Amount = 0
    """GPUs of serverless pods that there are beside the nodes."""


@rule(
    "tenants-within-cluster",
    area="quotas",
    severity="medium",
    level="advisory",
    config=Tenants,
    must="What ResourceQuotas promise together must be there: on nodes at full size, and as serverless pods.",
    how="Lower what ResourceQuotas let be requested, let pools grow, or state a factor.",
    reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
def tenants_within_cluster(subject: Subject[Tenants]) -> Iterator[str]:
    pools = subject.of(NODE_POOL)
    if not pools or not subject.of(QUOTA):
        return  # The cluster is another program's, or its tenants are.
    yield from _unknown_types(subject)
    total, config = total_capacity(counted(pools)), subject.config
    for key, unit, size, there in (
        ("requests.cpu", "vCPUs", 1, total.vcpu.maximum + config.serverless_vcpu),
        ("requests.memory", "GiB of memory", 2**30, total.memory_gib.maximum + config.serverless_memory_gib),
        ("requests.nvidia.com/gpu", "GPUs", 1, total.gpus.maximum + config.serverless_gpus),
    ):
        promised = sum(_promised(subject, key).values()) / size
        if promised > there * config.factor and not total.unknown:
            yield (
                f"ResourceQuotas promise {promised:,.0f} {unit}, there are {there:,.0f} at most. "
                f"Lower {key} of some, or let pools grow."
            )


def _promised(subject: Subject[Any], key: str) -> Mapping[str, float]:
    """What ResourceQuotas let each namespace have of a resource: the least that one of them says."""
    names = {space.urn: _name(space) for space in subject.of(NAMESPACE)}
    found: dict[str, float] = {}
    for quota in subject.of(QUOTA):
        spec = section(quota.inputs, "spec")
        hard = section(spec, "hard")
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue  # It bounds some of the pods only.
        # Kubernetes knows `cpu` and `memory` as other names of `requests.cpu` and `requests.memory`.
        for amount in [hard[each] for each in (key, key.removeprefix("requests.")) if each in hard]:
            space = _space(quota, names)
            found[space] = min(number(amount), found.get(space, math.inf))
    return found


def _name(space: Resource) -> str:
    """The name of a namespace in the cluster."""
    return section(space.inputs, "metadata").get("name", space.name)


def _space(quota: Resource, names: Mapping[str, str]) -> str:
    """The namespace of a ResourceQuota. names: of the program's namespaces, by URN."""
    linked = [names[urn] for urn in quota.property_dependencies.get("metadata", ()) if urn in names]
    return linked[0] if linked else section(quota.inputs, "metadata").get("namespace", "default")


def _readable(amount: float | str) -> float | str:
    try:
        number(amount)
    except UnreadableQuantity:
        raise ValueError("must be an amount as Kubernetes writes it, such as 400, 500m or 1600Gi") from None
    return amount


class Tenant(Config):
    label: str = "tenant"
    """Label of namespaces that names their tenant."""

    tenants: Mapping[str, Mapping[str, Annotated[float | str, AfterValidator(_readable)]]] = {}
    """The most that all ResourceQuotas of a tenant may promise, by its name and by resource as Kubernetes writes it,
    such as `{data: {requests.cpu: 400, requests.memory: 1600Gi}}`."""


@rule(
    "tenant-within-quota",
    area="quotas",
    severity="high",
    config=Tenant,
    must="The ResourceQuotas of a tenant's namespaces must be there, and stay within the tenant's quota.",
    how="Lower the ResourceQuotas of its namespaces, or raise the tenant's quota.",
    reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
def tenant_within_quota(subject: Subject[Tenant]) -> Iterator[str]:
    for tenant, limits in subject.config.tenants.items():
        spaces = [_name(space) for space in subject.of(NAMESPACE) if _owner(space, subject.config.label) == tenant]
        for key, limit in limits.items():
            promised = _promised(subject, key)
            for space in spaces:
                if space not in promised:
                    yield f"No ResourceQuota bounds {key} of {space}, a namespace of {tenant}. Add one."
            total = sum(promised.get(space, 0) for space in spaces)
            if total > number(limit):
                unit = str(limit).lstrip("0123456789.")
                yield (
                    f"The ResourceQuotas of {tenant} promise {_quantity(total, unit)} of {key}, its quota is "
                    f"{_quantity(number(limit), unit)}. Lower those of its namespaces."
                )


def _quantity(amount: float, unit: str) -> str:
    """An amount as Kubernetes writes it."""
    return f"{amount / number(f'1{unit}'):,.1f}".removesuffix(".0") + unit


def _owner(space: Resource, label: str) -> str | None:
    """The tenant of a namespace."""
    return section(section(space.inputs, "metadata"), "labels").get(label)


class NodePools(Config):
    maximum: Annotated[int, Field(ge=1)] = 20
    """Node pools that a cluster may have; a ticket raises it."""


@rule(
    "node-pools-within-limit",
    area="quotas",
    severity="medium",
    config=NodePools,
    must="A cluster must not have more node pools than ACK lets it have.",
    how="Merge pools, or raise the limit by a ticket and set maximum.",
    reference=ACK_LIMITS,
)
def node_pools_within_limit(subject: Subject[NodePools]) -> Iterator[str]:
    clusters: dict[Any, list[str]] = {}
    for pool in subject.of(NODE_POOL):
        # A cluster of the program or of another stack is known by where its id comes from, any other by the id itself.
        cluster = tuple(sorted(pool.property_dependencies.get("clusterId", ()))) or pool.inputs.get("clusterId")
        clusters.setdefault(cluster, []).append(pool.name)
    for names in clusters.values():
        if len(names) > subject.config.maximum:
            yield (
                f"The cluster of {names[0]} has {len(names)} node pools, the limit is {subject.config.maximum}. "
                "Merge some."
            )


class PoolSize(Config):
    maximum: Annotated[int, Field(ge=1)] = 1000
    """Nodes that a pool may have."""


@rule(
    "pool-size-within-limit",
    area="quotas",
    severity="medium",
    types={NODE_POOL},
    needs=["scalingConfig.maxSize", "desiredSize"],
    config=PoolSize,
    must="A node pool must not be able to grow beyond what ACK lets it.",
    how="Lower scalingConfig.maxSize or desiredSize, and split the pool.",
    reference=ACK_LIMITS,
)
def pool_size_within_limit(subject: Subject[PoolSize]) -> Iterator[str]:
    most = pool_size(counted([subject.resource])[0]).maximum
    if most > subject.config.maximum:
        yield f"The pool can grow to {most:,} nodes, a pool has {subject.config.maximum:,} at most. Split it."


class ClusterNodes(Config):
    pro: Annotated[int, Field(ge=1)] = 5000
    """Nodes of a Pro cluster with Terway."""

    flannel: Annotated[int, Field(ge=1)] = 200
    """Nodes of a cluster with Flannel: each takes an entry of the VPC's route table."""

    basic: Annotated[int, Field(ge=1)] = 10
    """Nodes of a Basic cluster."""


@rule(
    "cluster-nodes-within-limit",
    area="quotas",
    severity="medium",
    types={MANAGED_CLUSTER},
    stack=True,
    needs=["clusterSpec", "podCidr"],
    config=ClusterNodes,
    must="A cluster must not be able to grow beyond what its specification and its network plugin hold.",
    how="Lower the pools' maximum sizes, use a Pro cluster with Terway, or raise the limit by a ticket.",
    reference=ACK_LIMITS,
)
def cluster_nodes_within_limit(subject: Subject[ClusterNodes]) -> Iterator[str]:
    pro = (subject.inputs.get("clusterSpec") or "").startswith("ack.pro")
    flannel = "podVswitchIds" not in subject.inputs and subject.inputs.get("podCidr") is not None
    limits = {"Flannel": subject.config.flannel, "Pro": subject.config.pro, "Basic": subject.config.basic}
    kind = "Basic" if not pro else "Flannel" if flannel else "Pro"
    most = int(total_capacity(counted(_pools(subject))).nodes.maximum)
    if most > limits[kind]:
        yield (
            f"The pools can grow to {most:,} nodes, a cluster of this kind ({kind}) holds {limits[kind]:,}. "
            "Lower the pools' maximum sizes."
        )


def _pools(subject: Subject[Any]) -> Sequence[Resource]:
    """The node pools of a cluster."""
    cluster = subject.resource.urn
    return [pool for pool in subject.of(NODE_POOL) if cluster in pool.property_dependencies.get("clusterId", ())]


class VSwitches(Config):
    maximum: Annotated[int, Field(ge=1)] = 150
    """vSwitches that a VPC may have; a ticket raises it."""


@rule(
    "vswitches-within-limit",
    area="quotas",
    severity="low",
    types={NETWORK},
    stack=True,
    config=VSwitches,
    must="A VPC must not have more vSwitches than it can.",
    how="Use larger vSwitches, or raise the limit by a ticket and set maximum.",
    reference=VPC_LIMITS,
)
def vswitches_within_limit(subject: Subject[VSwitches]) -> Iterator[str]:
    switches = [s for s in subject.of(*SWITCHES) if subject.resource.urn in s.property_dependencies.get("vpcId", ())]
    if len(switches) > subject.config.maximum:
        yield f"The VPC has {len(switches)} vSwitches, the limit is {subject.config.maximum}. Use larger ones."


class Networks(Config):
    maximum: Annotated[int, Field(ge=1)] = 10
    """VPCs that an account may have in a region; Quota Center raises it."""


@rule(
    "vpcs-within-limit",
    area="quotas",
    severity="low",
    config=Networks,
    must="A stack must not have more VPCs in a region than an account can.",
    how="Share VPCs, or have the limit raised and set maximum.",
    reference=VPC_LIMITS,
)
def vpcs_within_limit(subject: Subject[Networks]) -> Iterator[str]:
    for region, count in Counter(region_of(network) for network in subject.of(NETWORK)).items():
        if count > subject.config.maximum:
            where = region or "one region"
            yield f"There are {count} VPCs in {where}, the limit is {subject.config.maximum}. Share some."


@rule(
    "vswitches-hold-nodes",
    area="quotas",
    severity="high",
    must="vSwitches must have an address for each node that the pools on them can grow to.",
    how="Use larger vSwitches, or lower the maximum sizes of the pools on them.",
    reference=NETWORK_PLAN,
)
def vswitches_hold_nodes(subject: Subject[Config]) -> Iterator[str]:
    pools = {pool.urn: (pool, _switches(subject, pool, "vswitchIds")) for pool in subject.of(NODE_POOL)}
    for switches in dict.fromkeys(used for _, used in pools.values() if used):
        nodes = total_capacity(
            counted(pool for pool, used in pools.values() if used and used <= switches)
        ).nodes.maximum
        there = _addresses(subject, switches)
        if nodes > there:
            names = sorted(switch.name for switch in subject.of(*SWITCHES) if switch.urn in switches)
            yield (
                f"{', '.join(names)} have {there:,} addresses, the pools on them can grow to {nodes:,.0f} nodes. "
                "Use larger vSwitches, or lower the pools' maximum sizes."
            )


@rule(
    "vswitches-hold-pods",
    area="quotas",
    severity="medium",
    level="advisory",
    types={MANAGED_CLUSTER, DEDICATED_CLUSTER},
    stack=True,
    must="The pod vSwitches of a cluster with Terway must have an address for each pod that its nodes can hold.",
    how="Use larger pod vSwitches, or lower maxPods of kubeletConfiguration or the pools' maximum sizes.",
    reference=NETWORK_PLAN,
)
def vswitches_hold_pods(subject: Subject[Config]) -> Iterator[str]:
    switches = _switches(subject, subject.resource, "podVswitchIds")
    if not switches:
        return
    pods, there = total_capacity(counted(_pools(subject))).pods.maximum, _addresses(subject, switches)
    if pods > there:
        yield (
            f"The nodes can hold {pods:,.0f} pods, podVswitchIds have {there:,} addresses. "
            "Use larger vSwitches, or lower maxPods of kubeletConfiguration or the pools' maximum sizes."
        )


def _switches(subject: Subject[Any], resource: Resource, key: str) -> frozenset[str]:
    """URNs of the vSwitches that a property names; none where one of them is not the program's."""
    linked = resource.property_dependencies.get(key, ())
    found = frozenset(switch.urn for switch in subject.of(*SWITCHES) if switch.urn in linked)
    return found if len(found) >= len(resource.inputs.get(key) or ()) else frozenset()


def _addresses(subject: Subject[Any], switches: Collection[str]) -> int:
    """The addresses that vSwitches give away."""
    blocks = [switch.inputs.get("cidrBlock") for switch in subject.of(*SWITCHES) if switch.urn in switches]
    return sum(network.num_addresses - VSWITCH_RESERVED_ADDRESSES for network in networks(*blocks))


class Families(Config):
    families: Sequence[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]] = ()
    """Allowed families of instance types, such as g8i. Empty: all."""


NAMES_TYPES = ("instanceTypes", "instanceType", "masterInstanceTypes", "workerInstanceTypes")
"""Properties that name instance types."""

SIZE = re.compile(r"-(l?c\d+[a-z]\d+|\d+x)$")
"""What names of instance types have behind their family: CPUs and memory or GPUs to one, or a number of GPUs.
`gn8v-tee` is a family. Source: the instance types of the catalog."""


@rule(
    "instance-family-allowed",
    area="quotas",
    severity="medium",
    types={NODE_POOL, INSTANCE, *MAKES_INSTANCES, DEDICATED_CLUSTER, EDGE_CLUSTER},
    needs=[*NAMES_TYPES, "instancePatterns"],
    config=Families,
    must="Nodes and instances must be of allowed families of instance types.",
    how="Name instance types of an allowed family in instanceTypes.",
    reference="https://www.alibabacloud.com/help/en/ecs/user-guide/overview-of-instance-families",
)
def instance_family_allowed(subject: Subject[Families]) -> Iterator[str]:
    families = subject.config.families
    if not families:
        return
    for key in ("instancePatterns", "instancePatternInfos"):
        if subject.inputs.get(key):
            yield f"{key} names instance types of any family. Name them in instanceTypes."
    for name in [name for key in NAMES_TYPES for name in listed(subject.inputs.get(key))]:
        family = SIZE.sub("", name.removeprefix("ecs.").split(".")[0])
        if family not in families:
            yield f"{name} is of family {family}, which is not allowed. Use one of: {', '.join(families)}."


class Regions(Config):
    regions: Sequence[Annotated[str, Field(pattern=r"^[a-z]{2}-[a-z]+(-\d+)?$")]] = ()
    """Ids of allowed regions, such as cn-hangzhou. Empty: all."""


@rule(
    "region-allowed",
    area="quotas",
    severity="high",
    config=Regions,
    must="Resources, and what buckets are copied to, must lie in an allowed region.",
    how="Set the region of the provider, the zone, or destination.location of the copy to an allowed one.",
    reference="the owner of the quota",
)
def region_allowed(subject: Subject[Regions]) -> Iterator[str]:
    regions = subject.config.regions
    if not regions:
        return
    allowed = f"which is not allowed. Use one of: {', '.join(regions)}."
    found: dict[str, list[str]] = {}
    waiting = list[str]()
    for resource in subject.resources:
        try:
            region = region_of(resource) or _zone_region(resource)
        except Deferred as deferred:
            waiting.append(f"{resource.name}.{deferred.path}")
            continue
        if not region and resource.type.startswith("alicloud:"):
            waiting.append(f"the region of the provider of {resource.name}")
        if region and region not in regions and not resource.type.startswith("pulumi:"):
            found.setdefault(region, []).append(resource.name)
    for region, names in found.items():
        where = f"{names[0]} lies" if len(names) == 1 else f"{names[0]} and {len(names) - 1} further resources lie"
        yield f"{where} in {region}, {allowed}"
    for replication in subject.of(BUCKET_REPLICATION):
        region = section(replication.inputs, "destination").get("location", "").removeprefix("oss-")
        if region not in regions:
            yield f"{replication.name} copies objects to {region}, {allowed}"
    if waiting:
        raise Deferred(waiting[0])


def _zone_region(resource: Resource) -> str:
    """The region of a resource's zone, "" for none. Zones are `cn-hangzhou-h` or `us-west-1a`."""
    zone = resource.inputs.get("zoneId") or resource.inputs.get("availabilityZone")
    found = re.fullmatch(r"([a-z]{2}-[a-z]+(?:-\d+)?)-?[a-z]", zone) if isinstance(zone, str) else None
    return found[1] if found else ""
