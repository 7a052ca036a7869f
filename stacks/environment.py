"""The environment: everything that a user may write, with its meaning and defaults.

Most sections, such as `network`, `nodePools`, `jobClasses` and `buckets`, are the arguments of the components, so that
one schema serves both. `loading.load_environment` reads and checks an environment.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from components.admission import AdmissionArgs
from components.alarms import NotificationArgs, StorageAlarmArgs
from components.cache import CachingArgs, DatasetArgs
from components.cluster import ClusterArgs
from components.colocation import ColocationArgs
from components.encryption import EncryptionKeyArgs
from components.file_systems import FileSystemArgs
from components.history import HistoryArgs, HistorySurroundings, Writer
from components.history.links import LinksArgs
from components.history.planning import ray_servers, spark_volumes
from components.inputs import Args
from components.job_classes import Compute, JobClassArgs, JobClassPlan, SchedulingArgs, plan_job_classes
from components.logs import LogsArgs
from components.logs.args import Written
from components.network import NetworkArgs
from components.node_pools import AutoscalerArgs, NodePoolArgs, NodePoolPlan, Taint, plan_node_pool
from components.observability import ObservabilityArgs
from components.platform import Flavor, OperatorsArgs, SystemArgs
from components.queues import QueuesArgs
from components.registry import RegistryArgs
from components.serverless import ServerlessArgs
from components.storage import BucketArgs
from components.tenancy import TenancyArgs, TenantArgs, own_buckets
from components.tenancy.args import JobKind
from components.tenancy.planning import prefix_of, tenant_people
from components.throttling.args import RequesterArgs, ThrottlingArgs
from components.volumes import NasStorageClassArgs, VolumeArgs
from policies.evaluation import Exemption
from policies.quotas import PoolQuota
from policies.rule import Level

Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]
"""A name that becomes part of resource names: 1 to 30 lowercase letters, digits and hyphens, a letter first."""


TAG = r"(?!aliyun|acs:)(?!.*https?://).*"
"""What tag keys and values may not be: started with `aliyun` or `acs:`, or holding `http://` or `https://`.
Source: pulumi-alicloud 4.0.0, cs.NodePool.tags."""

EXAMPLE_PREFIX = (
    'prefix = "acme": this is the example\'s. Bucket and log project names are unique over all of Alibaba Cloud, '
    "so choose your own: pulumi config set ack-ai-blueprint:prefix <name>"
)

OWN_TAGS = ("environment", "managed-by")

ACCESS_LOGS = "access-logs"
"""The bucket that receives the access logs and inventories of the others."""


class NodeGroupArgs(Args):
    """Nodes of one kind of an upstream cluster, to compare queues with what there is."""

    nodes: Annotated[int, Field(ge=1)]
    """How many there are."""

    vcpu: Annotated[float, Field(gt=0)]
    """vCPUs of one that pods may have."""

    memory_gib: Annotated[float, Field(gt=0)]
    """Memory of one that pods may have, in GiB."""

    pods: Annotated[int, Field(ge=1)] = 110
    """Pods of one at most; 110 is Kubernetes' own."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs of one."""

    gpu_model: str = ""
    """Model of its GPUs, such as `A10`."""

    labels: Mapping[str, str] = {}
    """Labels that these nodes have; groups with GPUs of a model need one that no others have."""

    taints: Sequence[Taint] = ()
    """Taints of these nodes."""


class KubernetesArgs(Args):
    """The cluster of an upstream environment: any Kubernetes that a kubeconfig names."""

    context: str | None = None
    """Context of the kubeconfig. None: its current context."""

    kubeconfig: Annotated[str | None, Field(json_schema_extra={"writeOnly": True})] = None
    """Path or content of a kubeconfig; set content as a secret. None: KUBECONFIG, or ~/.kube/config."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d+(\.\d+)?$")] | None = None
    """Kubernetes version of the cluster, to check the systems' version windows. None: not checked."""

    node_groups: Mapping[Name, NodeGroupArgs] = {}
    """Its nodes by kind. Empty: not known, and queues are as large as their tenants' maxima."""


class Quotas(Args):
    """What the environment may use at most; the policy pack enforces it on the resources themselves."""

    nodes: Annotated[int, Field(ge=1)] | None = None
    """Nodes over all pools."""

    vcpu: Annotated[int, Field(ge=1)] | None = None
    """vCPUs over all pools."""

    memory_gib: Annotated[int, Field(ge=1)] | None = None
    """Memory over all pools, in GiB."""

    gpus: Annotated[int, Field(ge=0)] | None = None
    """GPUs over all pools."""

    gpu_models: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    """GPUs of single models over all pools, such as `{A10: 8}`. The others are not bounded."""

    pods: Annotated[int, Field(ge=1)] | None = None
    """Pods that all pools hold."""

    disk_gib: Annotated[int, Field(ge=1)] | None = None
    """Disks of nodes over all pools, and all others, in GiB."""

    addresses: Annotated[int, Field(ge=0)] | None = None
    """Public addresses."""

    buckets: Annotated[int, Field(ge=0)] | None = None
    """Buckets, those of tenants and copies in other regions among them."""

    load_balancers: Annotated[int, Field(ge=0)] | None = None
    """Load balancers, those of Services among them."""

    pools: Mapping[Name, PoolQuota] = {}
    """What single node pools may hold at full size, by their names under `nodePools`."""

    monthly_cost: Mapping[Literal["CNY", "USD"], Annotated[float, Field(ge=0)]] = {}
    """Cost of a month at full scale-out, by currency of the list prices. The currencies are not converted."""

    monthly_cost_increase_percent: Annotated[float, Field(ge=0)] | None = None
    """By how much one `make up` may raise that cost over what is deployed. None: by any share."""

    instance_families: Sequence[str] = ()
    """Instance families that pools may use, such as `g8i`. Empty: all of the catalog."""

    regions: Sequence[str] = ()
    """Regions that may be used. Empty: all of the catalog."""


class ServiceQuotas(Args):
    """What Alibaba Cloud lets the account have: the published defaults. Raise one here when it was raised for you."""

    nodes_per_cluster: Annotated[int, Field(ge=1, le=15_000)] = 5_000
    """Nodes of a cluster with a Pro specification and Terway; `ack.standard` has 10.
    Source: ACK limits and comparison of Terway and Flannel, 2026-02-27."""

    node_pools_per_cluster: Annotated[int, Field(ge=1)] = 20
    """Node pools of a cluster. Source: API model of DescribeUserQuota, February 2026."""

    pods_per_cluster: Annotated[int, Field(ge=1)] = 50_000
    """Pods of a cluster, serverless pods included. Source: alibabacloud.com/help/en/ack/product-overview/limits."""

    vpcs_per_region: Annotated[int, Field(ge=1)] = 10
    """VPCs of the account in a region. Source: ACK, planning CIDR blocks, 2026-02-27."""

    vswitches_per_vpc: Annotated[int, Field(ge=1)] = 150
    """vSwitches of a VPC. Source: VPC quota vpc_quota_vswitches_num."""

    private_addresses_per_vpc: Annotated[int, Field(ge=1)] = 60_000
    """Private addresses of a VPC in use. Source: VPC quotas page, undated copy."""

    serverless_vcpu: Annotated[int, Field(ge=1, le=30_000)] = 100
    """vCPUs of all serverless pods of a region, as ACS grants them by default; at most 30,000. It bounds what tenants
    can be promised. Source: alibabacloud.com/help/en/cs/product-overview/restrictions-on-use."""

    ram_roles: Annotated[int, Field(ge=1)] = 1_000
    """RAM roles of the account. Source: alibabacloud.com/help/en/ram/product-overview/limits, 2025-12-16."""

    ram_policies: Annotated[int, Field(ge=1)] = 1_500
    """Custom RAM policies of the account. Source: the same page."""


class PolicySetting(Args):
    """How one rule is enforced in this environment."""

    level: Level | None = None
    """Enforcement level; `remediate` sets right what can safely be set right. None: the rule's own. A few rules are
    never less than mandatory."""

    config: Mapping[str, JsonValue] = {}
    """Configuration of the rule."""

    exceptions: Sequence[Exemption] = ()
    """What the rule lets through, each with who answers for it, why, and until when. From the day after, it is a
    violation again."""


class Usage(Args):
    """Expected monthly use of what is paid by use, for the cost estimate only."""

    bucket_gb: Mapping[str, Annotated[float, Field(ge=0)]] = {}
    """GB stored in each bucket, by its name under `buckets`."""

    file_system_gib: Mapping[str, Annotated[float, Field(ge=0)]] = {}
    """GiB stored in each general-purpose file system, by its name under `fileSystems`. The others are paid by their
    capacity."""

    log_gb_per_day: Annotated[float, Field(ge=0)] | None = None
    """GB of logs written a day, all kinds together."""

    log_gb_per_day_by_kind: Mapping[Written, Annotated[float, Field(ge=0)]] = {}
    """GB of logs written a day by kind, for the cost of each store. Stores of one kind count as equal."""

    egress_gb: Annotated[float, Field(ge=0)] | None = None
    """GB sent to the Internet a month."""

    serverless_vcpu_hours: Annotated[float, Field(ge=0)] | None = None
    """vCPU-hours of serverless pods a month, priced as general-purpose ACS pods of default quality."""

    serverless_memory_gib_hours: Annotated[float, Field(ge=0)] | None = None
    """GiB-hours of serverless pods a month."""


class Environment(Args):
    """One environment."""

    flavor: Flavor = "ack"
    """`ack`: Alibaba Cloud, managed add-ons. `upstream`: any Kubernetes, open charts, nothing in a cloud."""

    applications: Sequence[str] = ()
    """Application types: layers out of `profiles/applications/`, later ones win."""

    group: str | None = None
    """Environment group: a layer out of `profiles/groups/`."""

    prefix: Name = "acme"
    """First part of every name in the cloud. Names of buckets and log projects are unique over all of Alibaba Cloud, so
    choose your own: `acme` is refused by `pulumi up`."""

    region: str = ""
    """Region id, such as `cn-hangzhou`. Required with flavor `ack`."""

    protection: bool = False
    """Whether network, cluster, keys and buckets are protected: by Pulumi, and by deletion protection in the cloud."""

    survive_zone_loss: bool = False
    """Whether everything must still find an address when one zone is lost. It is about addresses only: the way out to
    the Internet runs through one gateway."""

    tags: Annotated[
        Mapping[Annotated[str, Field(min_length=1, max_length=128)], Annotated[str, Field(max_length=128)]],
        Field(max_length=8),
    ] = {}
    """Tags of every resource that takes tags, at most 8; `environment` and `managed-by` are added."""

    in_cluster: bool = True
    """Whether what lies in the cluster itself is managed: job classes, colocation, serverless profiles, volumes. It
    needs the cluster's API server, so with a private API a machine inside the VPC. False: the cloud side only, for as
    long as there is none."""

    network: NetworkArgs | None = None
    """The network. Required with flavor `ack`."""

    cluster: ClusterArgs = ClusterArgs()
    """The cluster."""

    node_pools: Mapping[Name, NodePoolArgs] = {}
    """Node pools by name; at least one of kind `system`."""

    autoscaler: AutoscalerArgs = AutoscalerArgs()
    """The autoscaler of the node pools."""

    serverless: ServerlessArgs = ServerlessArgs()
    """Serverless pods."""

    job_classes: Mapping[Name, JobClassArgs] = {}
    """Classes of jobs by name: what their pods need, and where they may run."""

    scheduling: SchedulingArgs = SchedulingArgs()
    """What all job classes share."""

    colocation: ColocationArgs = ColocationArgs()
    """Over-commitment by colocation (Koordinator)."""

    encryption: EncryptionKeyArgs = EncryptionKeyArgs()
    """The KMS key for Kubernetes Secrets and buckets."""

    buckets: Mapping[Name, BucketArgs] = {}
    """Buckets by role. A bucket named `access-logs` receives the access logs and inventories of the others."""

    throttling: ThrottlingArgs = ThrottlingArgs()
    """Who gets how much of the buckets' bandwidth."""

    file_systems: Mapping[Name, FileSystemArgs] = {}
    """File systems by name: NAS and CPFS."""

    volumes: Mapping[Name, VolumeArgs] = {}
    """Parts of buckets and file systems as claims in the cluster, by name."""

    storage_classes: Mapping[Name, NasStorageClassArgs] = {}
    """Storage classes of NAS by name: a directory for each claim."""

    datasets: Mapping[Name, DatasetArgs] = {}
    """Data that jobs read through caches, by name: claims of that name in their namespaces."""

    caching: CachingArgs = CachingArgs()
    """What all datasets share."""

    registry: RegistryArgs | None = None
    """The image registry. None: no registry."""

    notifications: NotificationArgs = NotificationArgs()
    """Whom alarms reach. Nobody: there are no alarms."""

    storage_alarms: StorageAlarmArgs = StorageAlarmArgs()
    """Alarms on buckets."""

    observability: ObservabilityArgs = ObservabilityArgs()
    """Metrics, alarms and dashboards."""

    history: HistoryArgs = HistoryArgs()
    """Servers that show finished jobs."""

    links: LinksArgs = LinksArgs()
    """Addresses of metrics, logs and history, which jobs then carry."""
    logs: LogsArgs = LogsArgs()
    """Logs of jobs and of the platform."""

    tenants: Mapping[Name, TenantArgs] = {}
    """Tenants by name: the teams that share the cluster."""

    tenancy: TenancyArgs = TenancyArgs()
    """What all tenants share."""

    systems: Mapping[str, SystemArgs] = {}
    """In-cluster systems by name, out of the catalog; what they require comes along."""

    operators: OperatorsArgs = OperatorsArgs()
    """What all systems share that are installed by a chart."""

    queues: QueuesArgs = QueuesArgs()
    """The queues that all kinds of jobs go through."""

    admission: AdmissionArgs = AdmissionArgs()
    """Rules that Gatekeeper holds over whatever is submitted to the tenants' namespaces."""

    kubernetes: KubernetesArgs = KubernetesArgs()
    """The cluster of an upstream environment."""

    quotas: Quotas = Quotas()
    """What the environment may use."""

    service_quotas: ServiceQuotas = ServiceQuotas()
    """What Alibaba Cloud lets the account have."""

    policies: Mapping[str, PolicySetting] = {}
    """Enforcement by the rule's name."""

    usage: Usage = Usage()
    """Expected use, for the cost estimate."""

    @property
    def has_example_prefix(self) -> bool:
        """Whether it would make names that are global and not its own."""
        return self.prefix == "acme" and self.flavor == "ack"

    def name(self, stack: str) -> str:
        """First part of every name in the cloud: `<prefix>-<stack>`."""
        return f"{self.prefix}-{stack}"

    def bucket_names(self, stack: str) -> Mapping[str, str]:
        """Names of the buckets by role."""
        return {role: f"{self.name(stack)}-{role}" for role in self.buckets}

    def all_tags(self, stack: str) -> Mapping[str, str]:
        """The tags of every resource that takes tags."""
        return {"environment": stack, "managed-by": "pulumi", **self.tags}

    def zones_of(self, pool: NodePoolArgs) -> Sequence[str]:
        """The zones of a pool."""
        return pool.zones or (self.network.zones if self.network else ())


def settled(environment: Environment, stack: str) -> Environment:
    """An environment with what its tenants bring.

    Those of other stacks are left out; their buckets are among all buckets, their namespaces among those of the job
    classes that they use, and their RAM roles among what is throttled.
    """
    here = {name: args for name, args in environment.tenants.items() if stack in (args.environments or [stack])}
    elsewhere = environment.tenants.keys() - here.keys()
    tenants = {name: _without(elsewhere, args) for name, args in here.items()} if elsewhere else here
    update: dict[str, Any] = {}
    if elsewhere:
        update["tenants"] = tenants
        update["datasets"] = _datasets_without({n: environment.tenants[n] for n in elsewhere}, environment.datasets)
    # What a section of the cloud would hold cannot come from tenants where there is no cloud.
    if environment.flavor == "ack":
        update |= _brought(environment, tenants)
    return environment.model_copy(update=update)


def _without(others: Collection[str], args: TenantArgs) -> TenantArgs:
    """A tenant that has nothing to do with others, which another stack may have."""
    prefixes = {
        name: prefix.model_copy(update={"readers": [reader for reader in prefix.readers if reader not in others]})
        for name, prefix in args.prefixes.items()
    }
    return args.model_copy(update={"prefixes": prefixes, "parent": None if args.parent in others else args.parent})


def _datasets_without(
    others: Mapping[str, TenantArgs], datasets: Mapping[str, DatasetArgs]
) -> Mapping[str, DatasetArgs]:
    """Datasets but for those of tenants that only another stack has, without their namespaces."""
    gone = {space for name, tenant in others.items() for space in tenant.namespaces_of(name)}
    left: dict[str, DatasetArgs] = {}
    for name, args in datasets.items():
        spaces = [space for space in args.namespaces if space not in gone]
        if spaces and args.tenant not in others:
            left[name] = args if len(spaces) == len(args.namespaces) else args.model_copy(update={"namespaces": spaces})
    return {name: args for name, args in left.items() if args.of is None or args.of in left or args.of not in datasets}


def _brought(environment: Environment, tenants: Mapping[str, TenantArgs]) -> dict[str, Any]:
    """The sections of an environment that its tenants add to."""
    update: dict[str, Any] = {}
    users: dict[str, list[str]] = {}
    for name, args in tenants.items():
        for space, namespace in args.namespaces_of(name).items():
            for job_class in dict.fromkeys(namespace.job_classes):
                users.setdefault(job_class, []).append(space)
    if users:
        update["job_classes"] = {
            name: args.model_copy(
                update={
                    "namespaces": [
                        *args.namespaces,
                        *(s for s in sorted(users.get(name, ())) if s not in args.namespaces),
                    ]
                }
            )
            for name, args in environment.job_classes.items()
        }
    groups = environment.tenancy.groups
    own = {role: args for name, tenant in tenants.items() for role, args in own_buckets(name, tenant, groups).items()}
    if own:
        update["buckets"] = {**own, **environment.buckets}
    if any(tenant.throttling for tenant in tenants.values()):
        update["throttling"] = _with_requesters(environment.throttling, tenants, environment.datasets)
    return update


def _with_requesters(
    throttling: ThrottlingArgs, tenants: Mapping[str, TenantArgs], datasets: Mapping[str, DatasetArgs]
) -> ThrottlingArgs:
    """Throttling with the RAM roles of tenants, and of their datasets, as requesters of the classes that they name."""
    requesters, classes = dict(throttling.requesters), dict(throttling.classes)
    for name, tenant in sorted(tenants.items()):
        if tenant.throttling is None or tenant.throttling.traffic_class not in classes:
            continue
        own = {dataset: args for dataset, args in datasets.items() if args.tenant == name}
        names = [*tenant_roles(name, tenant), *dataset_roles(own)]
        requesters |= {role: RequesterArgs(role=role) for role in names}
        before = classes[tenant.throttling.traffic_class]
        joined = before.model_copy(update={"requesters": [*before.requesters, *names]})
        classes[tenant.throttling.traffic_class] = joined
    return throttling.model_copy(update={"requesters": requesters, "classes": classes})


def bucket_owners(environment: Environment) -> Mapping[str, str]:
    """The tenants that buckets belong to, by the buckets' roles; the others are the platform's."""
    return {role: name for name, tenant in environment.tenants.items() for role in own_buckets(name, tenant, {})}


def compute(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Compute:
    """What the job classes of an environment are placed on. pools: the plans of its pools."""
    return Compute(
        pools={name: (args, pools[name]) for name, args in environment.node_pools.items() if name in pools},
        serverless=environment.serverless,
        colocation=environment.colocation,
        region=environment.region,
        scaler=environment.autoscaler.scaler,
        cluster_spec=environment.cluster.spec,
    )


def pool_plans(environment: Environment) -> Mapping[str, NodePoolPlan]:
    """The plans of the node pools of a valid environment."""
    return {name: plan_node_pool(args, name) for name, args in environment.node_pools.items()}


def whole_compute(environment: Environment) -> Compute:
    """What the job classes of a valid environment are placed on."""
    return compute(environment, pool_plans(environment))


def job_class_plans(environment: Environment) -> Mapping[str, JobClassPlan]:
    """The plans of a valid environment's job classes."""
    return plan_job_classes(environment.job_classes, whole_compute(environment), environment.scheduling)


def roles(environment: Environment) -> Sequence[str]:
    """The RAM roles whose ids the program knows: of volumes that mount buckets, by the volumes' names, of tenants'
    service accounts, as `<namespace>-<kind>`, of caches, as `dataset-<name>`, and of history, by the names of its
    claims and of Ray's servers."""
    volumes = [name for name, args in environment.volumes.items() if args.bucket is not None and args.role_name is None]
    accounts = [account for name, tenant in environment.tenants.items() for account in tenant_roles(name, tenant)]
    history = [*history_claims(environment), *history_servers_of_ray(environment)]
    return [*volumes, *accounts, *dataset_roles(environment.datasets), *history]


def history_writers(environment: Environment) -> Sequence[Writer]:
    """Those whose jobs write event logs: the tenants, and everybody in namespaces that are no tenant's."""
    writers = [_writer(name, tenant, environment) for name, tenant in sorted(environment.tenants.items())]
    owned = {space for name, tenant in environment.tenants.items() for space in tenant.namespaces_of(name)}
    spark, ray = (
        [space for space in (args.namespaces if args else ()) if space not in owned]
        for args in (environment.history.spark, environment.history.ray)
    )
    if spark or ray or not writers:
        writers.append(Writer(spark=spark, prefixes=dict.fromkeys(environment.buckets, ""), ray=ray))
    return writers


def _writer(name: str, tenant: TenantArgs, environment: Environment) -> Writer:
    def spaces(kind: JobKind) -> list[str]:
        return [space for space, args in tenant.namespaces_of(name).items() if kind in args.jobs]

    def prefixes(kind: JobKind) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry, own in tenant.prefixes.items():
            if kind in own.writers:
                found.setdefault(own.bucket, prefix_of(name, tenant, entry))
        return found

    return Writer(
        name=name,
        id=tenant.id_of(name),
        spark=spaces("spark"),
        prefixes=prefixes("spark"),
        people=tenant_people(tenant, environment.tenancy.groups if environment.flavor == "ack" else None),
        ray=spaces("ray"),
        ray_prefixes=prefixes("ray"),
    )


def history_claims(environment: Environment) -> Mapping[str, VolumeArgs]:
    """The claims that servers and drivers mount for event logs, by name."""
    return spark_volumes(environment.history, _history_writers(environment))


def history_servers_of_ray(environment: Environment) -> Sequence[str]:
    """Names of Ray's history servers, each of which has a RAM role on ACK."""
    return [server.name for server in ray_servers(environment.history, _history_writers(environment)) if server.role]


def _history_writers(environment: Environment) -> HistorySurroundings:
    """Surroundings of history as far as they need no name of a stack."""
    return HistorySurroundings(environment.flavor, buckets=environment.buckets, writers=history_writers(environment))


def dataset_roles(datasets: Mapping[str, DatasetArgs]) -> Sequence[str]:
    """The RAM roles of caches that read buckets, as `dataset-<name>`."""
    return [
        f"dataset-{name}"
        for name, args in datasets.items()
        if args.credentials == "rrsa" and any(mount.bucket is not None for mount in args.mounts.values())
    ]


def tenant_roles(name: str, tenant: TenantArgs) -> Sequence[str]:
    """The RAM roles of a tenant's service accounts, as `<namespace>-<kind>`."""
    return [f"{space}-{kind}" for space, namespace in tenant.namespaces_of(name).items() for kind in namespace.jobs]


def kubernetes_version(environment: Environment) -> str | None:
    """The Kubernetes version that systems must fit, None where it is not known."""
    return environment.kubernetes.version if environment.flavor == "upstream" else environment.cluster.version
