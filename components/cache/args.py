"""What a user may say of datasets: where data are, who reads them and how fast, and what a cache of them may cost."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from ..job_classes.args import NAMESPACE
from .sizing import Medium, Pattern

RuntimeKind = Literal["jindo", "alluxio", "juicefs", "thin"]
"""What caches. `jindo`: JindoRuntime, Alibaba Cloud's. `alluxio`, `juicefs`: AlluxioRuntime and JuiceFSRuntime, of
their projects. `thin`: ThinRuntime, a client and no cache."""

ConsistencyClass = Literal["static", "periodic", "event-driven", "separate-writes", "read-write"]

DATASET_NAME = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"
"""1 to 40 lowercase letters, digits and hyphens, a letter first: Fluid wants a DNS-1035 label, and makes longer names
of it (fluid-cloudnative/fluid v1.0.8, dataset_controller.go)."""

MOUNT_NAME = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
PATH = r"^/$|^(/[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*)+/?$"
CRON = r"^\S+(\s+\S+){4}$"

Namespace = Annotated[str, Field(pattern=NAMESPACE)]
Path = Annotated[
    str,
    Field(pattern=PATH, description="A path such as /a/b: letters, digits and _.=+- between slashes, none is `..`."),
]
Cron = Annotated[
    str, Field(pattern=CRON, description="Five fields as of cron, such as `0 2 * * *`, in the cluster's own time zone.")
]
Share = Annotated[float, Field(gt=0, lt=1)]


class SecretKey(Args):
    """A key of a Secret that exists in the namespace of datasets."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the Secret."""

    key: Annotated[str, Field(min_length=1)]
    """Key in it."""


class DatasetMountArgs(Args):
    """One place that data come from. One of `bucket`, `fileSystem`, `claim` and `uri` is required."""

    bucket: str | None = None
    """Role of a bucket under `buckets`."""

    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*/)*$")] = ""
    """Part of the bucket, such as `data/tokens/`. Name the part that is read: metadata of everything below it are
    kept."""

    file_system: str | None = None
    """Name of a file system under `fileSystems`, mounted over NFS by the kind `thin`."""

    claim: str | None = None
    """Name of a PersistentVolumeClaim in the namespace of datasets, such as one of `volumes`."""

    uri: Annotated[str, Field(pattern=r"^(oss|s3|hdfs|https?|juicefs)://[^\s?#@]*$")] | None = None
    """Anything else that the runtime can read: `oss://`, `s3://`, `hdfs://`, `https://` or `juicefs://`."""

    path: Path = "/"
    """Directory of the file system, or of the claim."""

    options: Mapping[str, str] = {}
    """Options of the mount, such as `fs.oss.endpoint`. Never put a secret here: they stand in the cluster."""

    secrets: Mapping[str, SecretKey] = {}
    """Options whose values are secret, such as `fs.s3a.accessKeyId`, by their names."""

    @property
    def text(self) -> str:
        """The place in words, such as `bucket curated/data/`."""
        if self.bucket is not None:
            return f"bucket {self.bucket}/{self.prefix}"
        if self.file_system is not None:
            return f"file system {self.file_system}{self.path}"
        return f"claim {self.claim}{self.path}" if self.claim is not None else self.uri or ""


class ReadersArgs(Args):
    """Pods that read at the same time."""

    pods: Annotated[int, Field(ge=1, le=50_000)] = 1
    """How many there are."""

    job_class: str | None = None
    """The job class that they are of: it says on which nodes they run, and how many on one."""

    node_gbps: Annotated[float, Field(gt=0)] | None = None
    """Bandwidth of a node that they run on, in Gbit/s. None: that of the slowest node of `jobClass`."""

    pods_per_node: Annotated[int, Field(ge=1)] | None = None
    """Readers on one node. None: as many as `jobClass` puts there, else 1."""

    each: Literal["part", "all"] = "part"
    """What each reads in a pass: its own part of the data, such as the workers of one training job, or all of them,
    such as replicas of a service that load a model."""


class TargetArgs(Args):
    """What the cache must deliver."""

    pod_gbps: Annotated[float, Field(gt=0)] | None = None
    """Gbit/s of each reader while all read."""

    epoch_minutes: Annotated[float, Field(gt=0)] | None = None
    """Minutes that a pass of all readers over the data may take."""

    when: Literal["warm", "cold"] = "warm"
    """Whether it holds once the data are in the cache, or already for the first pass."""


class TierArgs(Args):
    """Where a worker keeps what it caches: one medium, as JindoRuntime uses no more (fluid v1.0.8)."""

    medium: Medium | None = None
    """`memory`, `local-disk` (NVMe of the instance type) or `cloud-disk` (the pool's data disks). None: the
    cheapest that meets the target."""

    quota_gib: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """GiB of one worker, over all its disks. None: its part of the data."""

    paths: Sequence[Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_.-]+)+$")]] = ()
    """Directories on the nodes, outside Alibaba Cloud: one a disk. Empty: memory alone."""

    high: Share = 0.95
    """Share of the quota from which the worker evicts. Source of both: docs/datasets.md."""

    low: Share = 0.7
    """Share down to which it does."""


class MetadataVolumeArgs(Args):
    """A volume on which the master of a JindoRuntime keeps its metadata, so that they move with its pod."""

    storage_class: Annotated[str, Field(min_length=1)] = "alicloud-disk-topology-alltype"
    """Storage class of a disk. Source of both: ACK page on persistent storage for the JindoFS master, 2026-03-26."""

    size_gib: Annotated[int, Field(ge=1)] = 30
    """Size in GiB."""


class MasterArgs(Args):
    """The master, which keeps the metadata of all files. No source says how much memory a file takes. Raise it where
    there are many: the defaults are those of docs/datasets.md."""

    replicas: Literal[1, 3] = 1
    """3: one may be lost; with kind `jindo`, not beside `metadata`."""

    memory_gib: Annotated[float, Field(gt=0)] = 4
    """Memory requested, in GiB."""

    memory_limit_gib: Annotated[float, Field(gt=0)] | None = 8
    """Memory limit, in GiB. None: no limit."""

    vcpu: Annotated[float, Field(gt=0)] = 1
    """vCPUs requested."""

    metadata: MetadataVolumeArgs | None = None
    """Volume for its metadata, with kind `jindo`. None: where the workers keep their data."""


class WorkerArgs(Args):
    """What a worker asks for besides its cache."""

    memory_gib: Annotated[float, Field(gt=0)] = 4
    """Memory requested, in GiB; the cache comes on top where it is in memory. There is no limit."""

    vcpu: Annotated[float, Field(gt=0)] = 2
    """vCPUs requested."""


class FuseArgs(Args):
    """The client that mounts a dataset on a node. It has no memory limit: running out would unmount the file system
    under the pods that use it."""

    memory_gib: Annotated[float, Field(gt=0)] = 8
    """Memory requested, in GiB. Source: docs/datasets.md. With `juicefs` 2 do: the kernel's page cache is used."""

    vcpu: Annotated[float, Field(gt=0)] = 1
    """vCPUs requested."""

    clean_up: Literal["when-unused", "with-dataset"] = "with-dataset"
    """When it goes from a node: with the last pod that uses it, or with the dataset (Fluid: OnDemand and
    OnRuntimeDeleted)."""

    arguments: Sequence[Annotated[str, Field(pattern=r"^-o[a-z_]+(=\S+)?$")]] = ()
    """Further arguments, such as `-omax_idle_threads=32`; they win over those of the same name that the plan makes."""

    properties: Mapping[str, str] = {}
    """Properties of the client, or options with kind `juicefs`; they win over those that the plan makes."""


class CleanUpArgs(Args):
    """How a cache is emptied when its dataset goes, with the kinds `alluxio` and `juicefs`: the others take no word."""

    grace_seconds: Annotated[int, Field(ge=0)] = 60
    """Seconds that it may take."""

    attempts: Annotated[int, Field(ge=0)] = 3
    """How often it is tried. 0: the dataset goes at once."""


class ScalingWindow(Args):
    """Hours with another number of workers."""

    start: Cron
    """When they begin."""

    end: Cron
    """When they end."""

    workers: Annotated[int, Field(ge=0, le=1000)]
    """Workers in them."""


class ScalingMetric(Args):
    """A metric that the number of workers follows, by KEDA; with the kinds `alluxio` and `juicefs` alone, since
    JindoRuntime tells no autoscaler which pods are its own."""

    query: Annotated[str, Field(min_length=1)]
    """Query in PromQL of one number."""

    server: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Address of Prometheus."""

    per_worker: Annotated[float, Field(gt=0)]
    """What of it a worker is there for."""

    maximum: Annotated[int, Field(ge=1, le=1000)]
    """Most workers."""


class ScalingArgs(Args):
    """How workers come and go. A worker that goes takes what it cached along."""

    windows: Mapping[Annotated[str, Field(pattern=MOUNT_NAME)], ScalingWindow] = {}
    """Hours with another number of workers, by a name of your choice."""

    metric: ScalingMetric | None = None
    """A metric to follow."""


class RuntimeArgs(Args):
    """What caches a dataset. What is left out is planned."""

    kind: RuntimeKind | None = None
    """None: `thin` for file systems, `juicefs` for `juicefs://`, else `jindo` on ACK and `alluxio` elsewhere."""

    workers: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Workers, each on a node of its own. None: the fewest that meet the target, or hold the data."""

    tier: TierArgs = TierArgs()
    """Where a worker keeps what it caches."""

    copies: Annotated[int, Field(ge=1, le=10)] = 1
    """Copies of each block among the workers."""

    share_nodes: bool = True
    """Whether workers of other datasets may be on the same nodes (Fluid: placement Shared or Exclusive)."""

    network: Literal["host", "container"] = "host"
    """Where its pods have their ports. `host`: on the node, 18000 to 19999, which keeps the workers of a dataset apart.
    `container`: 6101, 8101 and 8103 of pods' own addresses."""

    master: MasterArgs = MasterArgs()
    """The master."""

    worker: WorkerArgs = WorkerArgs()
    """What a worker asks for besides its cache."""

    fuse: FuseArgs = FuseArgs()
    """The client on each node."""

    properties: Mapping[str, str] = {}
    """Properties of the master, or of all parts with kind `alluxio`; with `juicefs` options of the workers."""

    clean_up: CleanUpArgs | None = None
    """How the cache is emptied when the dataset goes. None: Fluid's defaults."""


class LoadArgs(Args):
    """Data brought into the cache before anybody reads them. One of `once`, `schedule`, `readyBy`, `after` and
    `onEvent`."""

    once: bool = False
    """When the dataset is made."""

    schedule: Cron | None = None
    """At set times."""

    ready_by: Cron | None = None
    """So early that it is done at set times, such as the start of a nightly job: as long before as the plan takes for
    all data, and a quarter more."""

    after: str | None = None
    """When another operation of the dataset has succeeded: the name of one of its `loads`, `processes` or
    `migrations`."""

    on_event: bool = False
    """Whenever a job of one of the dataset's namespaces says so: its service account may make a DataLoad."""

    paths: Annotated[Sequence[Path], Field(min_length=1)] = ("/",)
    """What is loaded: directories as pods see them."""

    metadata: bool = True
    """Whether what is new at the source is looked for, too."""


class ProcessArgs(Args):
    """A script that runs over a dataset: to unpack, check or convert. Fluid starts it once (DataProcess)."""

    image: Annotated[str, Field(pattern=r"^[^\s:@]+(:[0-9]+/[^\s:@]+)?:[A-Za-z0-9_.-]+$")]
    """Image with a shell, and with a tag."""

    script: Annotated[str, Field(min_length=1)]
    """What runs, as text of a shell script."""

    mount_path: Annotated[str, Field(pattern=r"^/.+")] = "/data"
    """Where the dataset is mounted."""

    after: str | None = None
    """The operation that must have succeeded. None: none."""


class MigrationArgs(Args):
    """A copy from elsewhere into a dataset, or out of it, with kind `juicefs` alone (DataMigrate)."""

    source: Annotated[str, Field(pattern=r"^[a-z0-9]+://[^\s?#@]+$")] | None = None
    """Where data come from. This or `target`."""

    target: Annotated[str, Field(pattern=r"^[a-z0-9]+://[^\s?#@]+$")] | None = None
    """Where data go."""

    path: Path = "/"
    """Directory of the dataset."""

    secrets: Mapping[str, SecretKey] = {}
    """Options of source or target whose values are secret, such as `access-key`."""

    schedule: Cron | None = None
    """At set times. None: once."""

    after: str | None = None
    """The operation that must have succeeded. None: none. Not with `schedule`."""


class DatasetArgs(Args):
    """Data that jobs read through a cache, as the claim of its name in each of its namespaces."""

    description: str = ""
    """What the data are."""

    mounts: Mapping[Annotated[str, Field(pattern=MOUNT_NAME)], DatasetMountArgs] = {}
    """Where data come from, by a name of your choice. One alone is the dataset's root; several are directories of their
    names. This or `of`."""

    of: str | None = None
    """Another dataset that this is a directory of: it has its cache and its consistency."""

    directory: Path = "/"
    """Directory of that dataset."""

    size_gib: Annotated[float, Field(gt=0)] | None = None
    """Size of all data in GiB. Required but with `of` and kind `thin`."""

    files: Annotated[int, Field(ge=1)] | None = None
    """Number of files. None: not known, and not in the plan."""

    pattern: Pattern = "sequential"
    """How data are read: `sequential`, large files from front to back; `small-files`, many of them; `random`, parts of
    files in any order; `read-write`, also written."""

    consistency: ConsistencyClass = "static"
    """Who changes the data, and when readers see it. `static`: nobody while jobs read. `periodic`: in batches, seen
    after each `refresh`. `event-driven`: at any time, seen within `staleSeconds`. `separate-writes`: readers' own
    output, such as checkpoints, in a directory that nothing else reads. `read-write`: all at once, such as a workspace.
    Source: docs/datasets.md."""

    refresh: Cron | None = None
    """When a `periodic` dataset looks for what is new, and loads it. Required with it, and only there."""

    stale_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30
    """Seconds within which an `event-driven` dataset shows a change; 0 asks the source each time and is slow."""

    readers: ReadersArgs = ReadersArgs()
    """Pods that read at the same time."""

    target: TargetArgs | None = None
    """What must be delivered. None: all data in the cache, at whatever speed that gives."""

    pool: str | None = None
    """Node pool of the workers. None: the pools of kind `cache`."""

    zone: str | None = None
    """Zone of the workers. None: all of the pool; then readers reach workers across zones."""

    cross_zone: bool = True
    """Whether readers may be in another zone than the workers. False needs `zone`, and keeps readers in it."""

    source_gbps: Annotated[float, Field(gt=0)] | None = None
    """Bandwidth of the source, in Gbit/s. None: of a bucket what throttling and the region allow, of CPFS what its
    capacity gives; of others it is not known."""

    credentials: Literal["rrsa", "secret", "none"] = "rrsa"
    """How the cache reads buckets. `rrsa`: with a RAM role for these parts of them alone, by tokens that are renewed.
    `secret`: with the mounts' `secrets`. `none`: with none. Other sources have their mounts' `secrets`."""

    namespaces: Annotated[Sequence[Namespace], Field(min_length=1)]
    """Namespaces that get a claim. They must exist."""

    tenant: str | None = None
    """Tenant whose `resources.cacheGib` it counts against. None: the platform's."""

    runtime: RuntimeArgs = RuntimeArgs()
    """What caches it."""

    loads: Mapping[Annotated[str, Field(pattern=MOUNT_NAME)], LoadArgs] = {}
    """Data brought into the cache before anybody reads them, by a name of your choice."""

    processes: Mapping[Annotated[str, Field(pattern=MOUNT_NAME)], ProcessArgs] = {}
    """Scripts that run over it, by a name of your choice."""

    migrations: Mapping[Annotated[str, Field(pattern=MOUNT_NAME)], MigrationArgs] = {}
    """Copies into it and out of it, by a name of your choice."""

    scaling: ScalingArgs = ScalingArgs()
    """How workers come and go."""


class CachingArgs(Args):
    """What all datasets share."""

    namespace: Namespace = "datasets"
    """Namespace of the caches. Clients of Fluid are privileged, so nobody else may run anything in it; it is made."""

    python_image: str | None = None
    """An image with Python 3 for what renews the tokens of caches, such as `docker.io/library/python:3.13-slim`.
    Required with `credentials: rrsa`."""

    nfs_image: Annotated[str, Field(pattern=r"^[^\s@]+:[A-Za-z0-9_.-]+$")] = "fluidcloudnative/nfs:v0.1"
    """Image of the client of the kind `thin`. Source: fluid v1.0.8, addons/nfs."""

    timezone: str = "Asia/Shanghai"
    """Time zone in which scaling by KEDA reads its schedules, an IANA name. Loads have that of the control plane, cron
    autoscaling that of its controller."""
