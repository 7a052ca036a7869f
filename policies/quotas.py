"""Quotas: what one stack may use at most. A rule whose quota is not set finds nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from components import catalog
from components.capacity import NODE_POOL, Capacity, Range, pool_size, total_capacity
from components.inputs import Args
from components.manifests import number

from .counting import counted, disks_gib, region_of
from .resources import BUCKET, CLUSTERS, NETWORK, VSWITCH
from .rule import Config, Resource, Subject, rule

EIP = "alicloud:ecs/eipAddress:EipAddress"
DISKS = ("alicloud:ecs/ecsDisk:EcsDisk", "alicloud:ecs/disk:Disk")
BALANCERS = (
    "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
    "alicloud:slb/loadBalancer:LoadBalancer",
    "alicloud:alb/loadBalancer:LoadBalancer",
    "alicloud:nlb/loadBalancer:LoadBalancer",
)
SERVICE = "kubernetes:core/v1:Service"
NAMESPACE = "kubernetes:core/v1:Namespace"
QUOTA = "kubernetes:core/v1:ResourceQuota"

Amount = Annotated[float, Field(ge=0)]
ACK_LIMITS = "https://www.alibabacloud.com/help/en/ack/product-overview/limits"


class Maximum(Config):
    maximum: Amount | None = None
    """The most that the stack may use. None: as much as it likes."""


def _exceeding(subject: Subject[Maximum], what: str, unit: str, amount: Callable[[Capacity], Range]) -> Iterator[str]:
    maximum = subject.config.maximum
    if maximum is None:
        return
    most = amount(total_capacity(counted(subject.of(NODE_POOL)))).maximum
    if most > maximum:
        yield (
            f"The node pools can grow to {most:,.0f} {unit}, the quota is {maximum:,.0f}. "
            f"Lower the pools' maximum sizes or raise the quota for {what}."
        )


def _uncounted(subject: Subject[Maximum]) -> Iterator[str]:
    """A violation where the catalog does not have an instance type, so that a sum would be too small."""
    if subject.config.maximum is None:
        return
    names = sorted({*total_capacity(counted(subject.of(NODE_POOL))).unknown})
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
    yield from _uncounted(subject)
    yield from _exceeding(subject, "pods", "pods", lambda capacity: capacity.pods)


class Models(Config):
    models: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    """The most GPUs of a model that the stack may use, such as `{A10: 8}`; other models are not bounded."""


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
    found = total_capacity(counted(subject.of(NODE_POOL))).gpus_by_model
    for model, maximum in subject.config.models.items():
        most = found.get(model, Range()).maximum
        if most > maximum:
            yield (
                f"The node pools can grow to {most:,.0f} GPUs of model {model}, the quota is {maximum:,}. "
                "Lower the pools' maximum sizes or raise the quota."
            )


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
    pools = sum(map(disks_gib, counted(subject.of(NODE_POOL))))
    others = sum(int(disk.inputs.get("size") or 0) for disk in subject.of(*DISKS))
    if pools + others > maximum:
        yield (
            f"Disks can grow to {pools + others:,} GiB, {pools:,} of them on nodes; the quota is {maximum:,.0f}. "
            "Lower the pools' maximum sizes or the disks' sizes."
        )


def _too_many(maximum: float, count: int, what: str) -> Iterator[str]:
    if count > maximum:
        yield f"There are {count} {what}, the quota is {maximum:,.0f}. Remove some, or raise the quota."


@rule(
    "addresses-within-quota",
    area="quotas",
    severity="medium",
    config=Maximum,
    must="Public addresses must stay within their quota.",
    how="Share a NAT gateway's address, or raise the quota.",
    reference="the owner of the quota",
)
def addresses_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is not None:
        yield from _too_many(subject.config.maximum, len(subject.of(EIP)), "public addresses")


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
    must="Load balancers, those of Services among them, must stay within their quota.",
    how="Share one between Services by an Ingress, or raise the quota.",
    reference="the owner of the quota",
)
def load_balancers_within_quota(subject: Subject[Maximum]) -> Iterator[str]:
    if subject.config.maximum is None:
        return
    services = [s for s in subject.of(SERVICE) if (s.inputs.get("spec") or {}).get("type") == "LoadBalancer"]
    yield from _too_many(subject.config.maximum, len(subject.of(*BALANCERS)) + len(services), "load balancers")


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
    names = (subject.resource.name, subject.inputs.given("nodePoolName"))
    quota = next((subject.config.pools[name] for name in names if name in subject.config.pools), None)
    if quota is None:
        return
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


@rule(
    "tenants-within-cluster",
    area="quotas",
    severity="medium",
    level="advisory",
    config=Tenants,
    must="What ResourceQuotas promise together must be there: on nodes at full size, and as serverless pods.",
    how="Lower requests.cpu and requests.memory of ResourceQuotas, let pools grow, or state a factor.",
    reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
def tenants_within_cluster(subject: Subject[Tenants]) -> Iterator[str]:
    pools, quotas = subject.of(NODE_POOL), subject.of(QUOTA)
    if not pools:
        return  # The cluster is another program's.
    total = total_capacity(counted(pools))
    for key, unit, there in (
        ("requests.cpu", "vCPUs", total.vcpu.maximum + subject.config.serverless_vcpu),
        ("requests.memory", "GiB of memory", total.memory_gib.maximum + subject.config.serverless_memory_gib),
    ):
        promised = sum(_hard(quota, key) for quota in quotas) / (2**30 if key == "requests.memory" else 1)
        if promised > there * subject.config.factor:
            yield (
                f"ResourceQuotas promise {promised:,.0f} {unit}, there are {there:,.0f} at most. "
                f"Lower {key} of some, or let pools grow."
            )


def _hard(quota: Resource, key: str) -> float:
    spec = quota.inputs.get("spec") or {}
    return number((spec.get("hard") or {}).get(key) or 0)


class Tenant(Config):
    label: str = "tenant"
    """Label of namespaces that names their tenant."""

    tenants: Mapping[str, Mapping[str, str | float]] = {}
    """The most that all ResourceQuotas of a tenant may promise, by its name and by resource as Kubernetes writes it,
    such as `{data: {requests.cpu: 400, requests.memory: 1600Gi}}`."""


@rule(
    "tenant-within-quota",
    area="quotas",
    severity="high",
    config=Tenant,
    must="The ResourceQuotas of a tenant's namespaces must stay within the tenant's quota.",
    how="Lower the ResourceQuotas of its namespaces, or raise the tenant's quota.",
    reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
def tenant_within_quota(subject: Subject[Tenant]) -> Iterator[str]:
    owners: dict[str, str | None] = {}
    for space in subject.of(NAMESPACE) if subject.config.tenants else ():
        metadata = space.inputs.get("metadata") or {}
        owners[metadata.get("name") or space.name] = (metadata.get("labels") or {}).get(subject.config.label)
    for tenant, limits in subject.config.tenants.items():
        spaces = {space for space, owner in owners.items() if owner == tenant}
        own = [q for q in subject.of(QUOTA) if (q.inputs.get("metadata") or {}).get("namespace") in spaces]
        for key, limit in limits.items():
            promised = sum(_hard(quota, key) for quota in own)
            if promised > number(limit):
                yield (
                    f"The ResourceQuotas of {tenant} promise {promised:,.0f} of {key}, its quota is {limit}. "
                    "Lower those of its namespaces."
                )


class NodePools(Config):
    maximum: Annotated[int, Field(ge=1)] = 20
    """Node pools that a cluster may have; a ticket raises it."""


@rule(
    "node-pools-within-limit",
    area="quotas",
    severity="medium",
    types=CLUSTERS,
    stack=True,
    config=NodePools,
    must="A cluster must not have more node pools than ACK lets it have.",
    how="Merge pools, or raise the limit by a ticket and set maximum.",
    reference=ACK_LIMITS,
)
def node_pools_within_limit(subject: Subject[NodePools]) -> Iterator[str]:
    pools = _pools(subject)
    if len(pools) > subject.config.maximum:
        yield f"The cluster has {len(pools)} node pools, the limit is {subject.config.maximum}. Merge some."


def _pools(subject: Subject[Any]) -> Sequence[Resource]:
    """The node pools of a cluster."""
    cluster = subject.resource.urn
    return [pool for pool in subject.of(NODE_POOL) if cluster in pool.property_dependencies.get("clusterId", ())]


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
    types=CLUSTERS,
    stack=True,
    needs=["clusterSpec"],
    config=ClusterNodes,
    must="A cluster must not be able to grow beyond what its specification and its network plugin hold.",
    how="Lower the pools' maximum sizes, use a Pro cluster with Terway, or raise the limit by a ticket.",
    reference=ACK_LIMITS,
)
def cluster_nodes_within_limit(subject: Subject[ClusterNodes]) -> Iterator[str]:
    pro = (subject.inputs.get("clusterSpec") or "").startswith("ack.pro")
    flannel = subject.inputs.given("podCidr") is not None
    limits = {"Flannel": subject.config.flannel, "Pro": subject.config.pro, "Basic": subject.config.basic}
    kind = "Basic" if not pro else "Flannel" if flannel else "Pro"
    most = int(total_capacity(counted(_pools(subject))).nodes.maximum)
    if most > limits[kind]:
        yield (
            f"The pools can grow to {most:,} nodes, a cluster of this kind ({kind}) holds {limits[kind]:,}. "
            "Lower the pools' maximum sizes."
        )


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
    reference="https://help.aliyun.com/zh/vpc/product-overview/limits-and-quotas",
)
def vswitches_within_limit(subject: Subject[VSwitches]) -> Iterator[str]:
    switches = [s for s in subject.of(VSWITCH) if subject.resource.urn in s.property_dependencies.get("vpcId", ())]
    if len(switches) > subject.config.maximum:
        yield f"The VPC has {len(switches)} vSwitches, the limit is {subject.config.maximum}. Use larger ones."


class Families(Config):
    families: Sequence[str] = ()
    """Allowed families of instance types, such as g8i. Empty: all."""


@rule(
    "instance-family-allowed",
    area="quotas",
    severity="medium",
    types={NODE_POOL},
    needs=["instanceTypes"],
    config=Families,
    must="Node pools must use allowed families of instance types.",
    how="Name instance types of an allowed family in instanceTypes.",
    reference="https://help.aliyun.com/zh/ecs/user-guide/overview-of-instance-families",
)
def instance_family_allowed(subject: Subject[Families]) -> Iterator[str]:
    families = subject.config.families
    if not families:
        return
    if subject.inputs.get("instancePatterns"):
        yield "The pool names a pattern of instance types, of any family. Name instance types."
    for name in subject.inputs.get("instanceTypes") or ():
        # ecs.g8i.4xlarge and ecs.gn7i-c8g1.2xlarge: the family stands before the first dot or hyphen after "ecs."
        family = name.removeprefix("ecs.").split(".")[0].split("-")[0]
        if family not in families:
            yield f"{name} is of family {family}, which is not allowed. Use one of: {', '.join(families)}."


class Regions(Config):
    regions: Sequence[str] = ()
    """Ids of allowed regions. Empty: all."""


@rule(
    "region-allowed",
    area="quotas",
    severity="high",
    config=Regions,
    must="Resources must lie in an allowed region.",
    how="Set the region of the provider to an allowed one.",
    reference="the owner of the quota",
)
def region_allowed(subject: Subject[Regions]) -> Iterator[str]:
    regions = subject.config.regions
    found: dict[str, list[str]] = {}
    for resource in subject.resources if regions else ():
        region = region_of(resource) or _zone_region(resource)
        if region and region not in regions and not resource.type.startswith("pulumi:"):
            found.setdefault(region, []).append(resource.name)
    for region, names in found.items():
        where = f"{names[0]} lies" if len(names) == 1 else f"{names[0]} and {len(names) - 1} further resources lie"
        yield f"{where} in {region}, which is not allowed. Use one of: {', '.join(regions)}."


def _zone_region(resource: Resource) -> str:
    zone = resource.inputs.given("zoneId")
    return next((region for region, zones in catalog.regions().items() if zone in zones), "")
