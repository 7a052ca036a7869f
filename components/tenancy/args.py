"""What a user may say of tenants: the teams that share a cluster."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..alarms import NotificationArgs
from ..inputs import Args
from ..job_classes.args import NAMESPACE, TIME, PodShape, Priority
from ..storage import BucketArgs

TENANT_NAME = r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"

JobKind = Literal["ray", "spark", "training", "inference", "notebook", "workflow"]
"""Kinds of jobs, each with a service account of that name."""

Role = Literal["owner", "engineer", "viewer", "automation"]
"""What people and pipelines may do in a tenant's namespaces."""

Member = Annotated[
    str,
    Field(
        pattern=r"^((ram-user|ram-role)/[0-9]{1,20}|(group|user)/[A-Za-z0-9][A-Za-z0-9._:@/-]{0,126})$",
        description=(
            "Somebody in a directory: ram-user/<id> and ram-role/<id> by their numbers in RAM, group/<name>, or, "
            "outside Alibaba Cloud, user/<name>."
        ),
    ),
]
Label = Annotated[str, Field(pattern=NAMESPACE)]
Prefix = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*/)+$",
        description="A part of a bucket, such as team/data/: letters, digits and _.=+- between slashes.",
    ),
]


class Promise(Args):
    """An amount that a tenant is promised, and the most that it may use."""

    guaranteed: Annotated[float, Field(ge=0)] = 0
    """What it gets whenever it asks. All guarantees together must fit what pools and serverless pods firmly give."""

    maximum: Annotated[float, Field(ge=0)] | None = None
    """What it may use when others leave it. None: the guarantee."""

    @property
    def most(self) -> float:
        """The most that the tenant may use."""
        return self.guaranteed if self.maximum is None else self.maximum


class TenantResources(Args):
    """What a tenant's pods may ask for, all namespaces together. What is left out is nothing."""

    vcpu: Promise = Promise(guaranteed=0, maximum=16)
    """vCPUs."""

    memory_gib: Promise = Promise(guaranteed=0, maximum=64)
    """Memory in GiB."""

    gpus: Mapping[str, Promise] = {}
    """Whole GPUs by model, as the catalog names it, such as `A10`."""

    gpu_memory_gib: Promise = Promise()
    """Memory of shared GPUs in GiB."""

    pods: Annotated[int, Field(ge=1)] = 100
    """Pods at the same time, each of which takes an address."""

    storage_gib: Annotated[int, Field(ge=0)] = 200
    """GiB that its own claims may ask for, besides `home` and the platform's `volumes`."""

    claims: Annotated[int, Field(ge=0)] = 20
    """Claims of its own at the same time."""

    cache_gib: Annotated[int, Field(ge=0)] = 0
    """GiB that caches of its `datasets` may hold, at the top level of the environment."""


class JobLimits(Args):
    """How large one job may be. Held at admission, for the kinds whose manifests say it."""

    pods: Annotated[int, Field(ge=1)] | None = None
    """Worker pods of one job: parallelism of Jobs, workers of Ray, executors of Spark, replicas of training jobs. None:
    no limit of its own."""

    hours: Annotated[int, Field(ge=1, le=8760)] | None = None
    """Hours after which a job ends: Jobs, RayJobs and training jobs must then set `activeDeadlineSeconds`. Spark has no
    such field. None: no limit."""


class TenantNamespace(Args):
    """One namespace of a tenant."""

    jobs: Sequence[JobKind] = ()
    """Kinds of jobs that run in it. Each gets a service account of that name, and on ACK a RAM role."""

    job_classes: Sequence[str] = ()
    """Classes under `jobClasses` whose pods may run in it, besides those that name it."""

    share: Annotated[float, Field(gt=0, le=100)] | None = None
    """Its part of the tenant's maxima, in percent. None: an even part of what the others leave."""

    pod_security: Literal["baseline", "restricted"] = "baseline"
    """Pod security level that is enforced; what `restricted` would refuse is warned of in any case."""

    existing: bool = False
    """Whether the namespace exists already: it is then labelled and guarded, and outlives the tenant."""


class Connection(Args):
    """Networks outside the cluster that pods may connect to, or that may connect to pods."""

    cidrs: Annotated[Sequence[str], Field(min_length=1)]
    """IPv4 networks, each of /8 or smaller, and outside those of pods and Services."""

    ports: Annotated[Sequence[Annotated[int, Field(ge=1, le=65_535)]], Field(min_length=1)]
    """TCP ports."""


class TenantPrefix(Args):
    """A part of a shared bucket that belongs to a tenant alone."""

    bucket: str
    """Role of a bucket under `buckets`."""

    prefix: Prefix | None = None
    """Letters, digits and _.=+- between slashes, such as `team/data/`. None: `<tenant>/`."""

    writers: Sequence[JobKind] = ("ray", "spark", "training", "notebook", "workflow")
    """Kinds of the tenant's jobs that write it; its others read it."""

    readers: Sequence[str] = ()
    """Other tenants that may read it, if they name it under `datasets`."""


class TenantDataset(Args):
    """Data that a tenant reads: of nobody, or of a tenant that lets it."""

    bucket: str
    """Role of a bucket under `buckets`."""

    prefix: Prefix
    """Letters, digits and _.=+- between slashes, such as `team/data/`."""


class TenantHome(Args):
    """A directory on a file system for each namespace: the claim `home`."""

    storage_class: str
    """One of `storageClasses`; the size is held where that class has `quotas: true`."""

    size_gib: Annotated[int, Field(ge=1)] = 100
    """Size in GiB."""


class TenantThrottling(Args):
    """A tenant's part of the OSS resource pool. Needs `throttling.classes`."""

    traffic_class: str
    """One of `throttling.classes`. The tenant's RAM roles become requesters of it."""

    guaranteed_gbps: Annotated[int, Field(ge=0)] = 0
    """Gbit/s of download, out of what the class is guaranteed. OSS guarantees the class, not its members; the sum is
    checked here."""


class TenantLogs(Args):
    """A log store of the tenant's own, in the cluster's log project."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which logs are kept."""


class WorkingHours(Args):
    """When notebooks run. Out of these hours they are scaled to nothing; people start them again."""

    end: Annotated[str, Field(pattern=TIME)] = "21:00"
    """When they are stopped, HH:MM in the cluster's time zone, every day."""


class TenantArgs(Args):
    """One tenant: a team, what it may use, and what it cannot touch."""

    description: str = ""
    """What the team does."""

    owners: Annotated[Sequence[Member], Field(min_length=1)]
    """Who answers for it; may do all that engineers may, and manage secrets."""

    engineers: Sequence[Member] = ()
    """Who runs jobs, notebooks and services."""

    viewers: Sequence[Member] = ()
    """Who looks on; sees no secrets."""

    automation: Sequence[Member] = ()
    """Pipelines that submit jobs; they neither open shells nor read secrets."""

    cost_center: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
    """Who pays: a label and tag on everything of the tenant."""

    environments: Sequence[str] = ()
    """Stacks in which the tenant exists, for tenants declared in a profile. Empty: all that declare it."""

    parent: str | None = None
    """Tenant that it is a part of: its guarantees are part of the parent's, its maxima within the parent's."""

    formerly: Sequence[Annotated[str, Field(pattern=TENANT_NAME)]] = ()
    """Names that it had, the oldest first. Its names in cloud and cluster stay those of the oldest."""

    namespaces: Mapping[Label, TenantNamespace] = {}
    """Its namespaces by name. Empty: one with the tenant's name."""

    resources: TenantResources = TenantResources()
    """What its pods may ask for."""

    pod_defaults: PodShape = PodShape(vcpu=0.5, memory_gib=1)
    """Requests of containers that state none; without them a serverless pod would get 2 vCPU and 4 GiB. There are no
    default limits: who requests more and states no limit would be above them."""

    priorities: Sequence[Priority] = ("high", "normal", "low")
    """Priority classes that its pods may name: `job-<priority>`. Job classes of role `leader` and `service` have `high`
    unless they say otherwise."""

    largest_job: JobLimits = JobLimits()
    """How large one job may be."""

    images: Sequence[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[A-Za-z0-9._-]+)*/$")]] = ()
    """Registries and repositories that its pods may pull from, each ending in a slash, besides those of `tenancy`."""

    egress: Mapping[Label, Connection] = {}
    """Where its pods may connect to besides its own namespaces, DNS, the API server and Alibaba Cloud's services, by a
    name of your choice."""

    ingress: Mapping[Label, Connection] = {}
    """Who may connect to its pods besides its own namespaces and the platform's, by a name of your choice."""

    prefixes: Mapping[Label, TenantPrefix] = {}
    """Parts of shared buckets that are its own, by a name of your choice."""

    datasets: Mapping[Label, TenantDataset] = {}
    """What else it reads, by a name of your choice."""

    buckets: Mapping[Annotated[str, Field(pattern=TENANT_NAME)], BucketArgs] = {}
    """Buckets of its own by role; its owners and engineers that are RAM users may use them, too."""

    home: TenantHome | None = None
    """A directory on a file system for each namespace."""

    throttling: TenantThrottling | None = None
    """Its part of the OSS resource pool."""

    logs: TenantLogs = TenantLogs()
    """Its log store, where the system `logs` runs."""

    notifications: NotificationArgs = NotificationArgs()
    """Whom its alarms reach."""

    working_hours: WorkingHours | None = None
    """When notebooks run. None: always."""

    budget: Mapping[Literal["CNY", "USD"], Annotated[float, Field(gt=0)]] = {}
    """What its pods may cost in 30 days by what they request, at list prices; `notifications` are told at 50, 80 and
    100 %. It stops nothing."""

    removal: Literal["keep", "delete"] = "keep"
    """What happens when the tenant is removed. `keep`: access ends; namespaces with their limits, buckets and logs
    stay. `delete`: they go, too, buckets only once they are empty. Apply a change of it before the removal."""

    def namespaces_of(self, tenant: str) -> Mapping[str, TenantNamespace]:
        """Its namespaces by name, in their order: the engine hands mappings over in another than files have them.

        tenant: its name.
        """
        return dict(sorted(self.namespaces.items())) or {self.id_of(tenant): TenantNamespace()}

    def id_of(self, tenant: str) -> str:
        """What its names in cloud and cluster are made of. tenant: its name."""
        return self.formerly[0] if self.formerly else tenant

    def members(self) -> Mapping[Role, Sequence[str]]:
        """Everybody, by role."""
        return {
            "owner": self.owners,
            "engineer": self.engineers,
            "viewer": self.viewers,
            "automation": self.automation,
        }


class TenancyArgs(Args):
    """What all tenants share."""

    groups: Mapping[Label, Sequence[Member]] = {}
    """Members of `group/<name>` on ACK, whose permissions know RAM users and RAM roles alone. Outside Alibaba Cloud a
    group is one of the cluster's identity provider, and this is not used."""

    images: Sequence[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[A-Za-z0-9._-]+)*/$")]] = ()
    """Registries and repositories that pods of every tenant may pull from, each ending in a slash. ACK's own and the
    environment's registry are allowed in any case."""

    api_server_cidrs: Sequence[str] = ("172.16.0.0/12",)
    """Networks of the API server, outside Alibaba Cloud; the default is that of kind and k3d. On ACK it is the
    vSwitches of the nodes."""

    open_to: Sequence[Label] = ("kube-system", "arms-prom", "monitoring")
    """Namespaces of the platform whose pods may connect to every tenant's, to scrape and to probe. Those of the
    installed systems are among them in any case."""
