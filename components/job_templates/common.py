"""What the charts for jobs share."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, JsonValue

from ..inputs import Args

Image = Annotated[str, Field(min_length=1)]


class ResourceValues(Args):
    """What a pod asks for, as Kubernetes writes it."""

    requests: Mapping[str, str | int] = {}
    """Requests by resource name, such as `cpu: 4` and `memory: 16Gi`."""

    limits: Mapping[str, str | int] = {}
    """Limits by resource name."""


class PlacementValues(Args):
    """Where the pods of a job class run: what the environment writes into a pod template."""

    labels: Mapping[str, str] = {}
    """Labels of pods."""

    annotations: Mapping[str, str] = {}
    """Annotations of pods."""

    affinity: Mapping[str, JsonValue] = {}
    """Affinity of pods."""

    tolerations: Sequence[Mapping[str, JsonValue]] = ()
    """Tolerations of pods."""

    priority_class_name: str = ""
    """Priority class of pods."""

    resources: ResourceValues = ResourceValues()
    """What a pod of the class asks for, where the job says nothing else."""


class MarkerValues(Args):
    """What a job of one kind says to enter its queue."""

    labels: Mapping[str, str] = {}
    """Labels of the job."""

    annotations: Mapping[str, str] = {}
    """Annotations of the job."""

    elastic: Mapping[str, str] = {}
    """Annotations of the job where it grows and shrinks while it runs."""

    pods: Mapping[str, str] = {}
    """Labels of its pods."""

    suspend: bool = False
    """Whether it is made with `spec.suspend: true`."""


class QueueValues(Args):
    """The queue of the namespace."""

    name: str = ""
    """Its name, for people."""

    markers: Mapping[str, MarkerValues] = {}
    """What jobs say to enter it, by kind."""

    gang_labels: Mapping[str, str] = {}
    """Labels of pods that start together or not at all; `{name}` stands for the job's name, `{pods}` for their
    number."""

    gang_annotations: Mapping[str, str] = {}
    """The same for annotations."""


class ObjectStorageValues(Args):
    """Where the buckets are. Empty outside Alibaba Cloud."""

    region: str = ""
    """Region of the buckets."""

    endpoint: str = ""
    """Endpoint inside the VPC."""

    buckets: Mapping[str, str] = {}
    """Names of the buckets by role."""

    event_logs: str = ""
    """Where Spark and Ray keep what they did, such as `oss://acme-prod-event-logs/data/`."""


class RayCollectorValues(Args):
    """What keeps events and logs of Ray beside each of its pods. Empty: nothing does."""

    image: str = ""
    """Image of KubeRay's collector."""

    env: Mapping[str, str] = {}
    """Its environment variables, which say where it writes."""

    secret: str = ""
    """Secret of the namespace with the keys to write there. Empty: it writes by pod identity."""


class HistoryValues(Args):
    """Where history servers look for what jobs did. Empty: there is none for the namespace."""

    spark_claim: str = ""
    """Claim of the namespace to which drivers write the event logs of Spark."""

    spark_directory: str = ""
    """Address to which they write without a claim, such as `s3a://logs/data/spark`."""

    ray: RayCollectorValues = RayCollectorValues()
    """What keeps events and logs of Ray."""


class LinkValues(Args):
    """Where people look at the namespace's jobs, as annotations of jobs. `{job}` stands for a job's name. Empty: not
    known."""

    metrics: str = ""
    """Metrics of a job: the annotation `link/metrics`."""

    logs: str = ""
    """Logs of a job: the annotation `link/logs`."""

    spark_history: str = ""
    """The history server of Spark jobs: the annotation `link/history`."""

    ray_history: str = ""
    """The history server of Ray jobs: the annotation `link/history`."""


class PlatformDatasetValues(Args):
    """A cached dataset of the namespace: Fluid keeps it near the nodes that read it, and gives it out as a claim."""

    claim: str = ""
    """Name of its PersistentVolumeClaim. Empty: the dataset's."""

    cache: str = ""
    """Name of the cache behind it. A pod can mount only one claim of each cache: kubelet knows volumes by driver and
    handle, and both claims have the same. Empty: it shares none."""

    read_only: bool = True
    """Whether it is only read."""

    waits: bool = True
    """Whether pods can wait until all of it is in the cache: not where there is none, or where it does not hold all."""

    requires: Sequence[Mapping[str, JsonValue]] = ()
    """What every node of its pods must meet: `matchExpressions` of node affinity, such as
    `{key: type, operator: NotIn, values: [virtual-kubelet]}`."""

    prefers: Sequence[Mapping[str, JsonValue]] = ()
    """Nodes that are better for its pods: preferred terms of node affinity, each with `weight` and `preference`."""


class PlatformValues(Args):
    """What an environment knows of a namespace. Printed by `make values`; empty for any other cluster."""

    environment: str = ""
    """Its name."""

    namespace: str = ""
    """The namespace that this is of."""

    tenant: str = ""
    """The tenant that the namespace belongs to."""

    cost_center: str = ""
    """Who pays."""

    scheduler_name: str = ""
    """The scheduler of pods, where it is not the cluster's own."""

    queue: QueueValues = QueueValues()
    """The queue of the namespace."""

    job_classes: Mapping[str, PlacementValues] = {}
    """The job classes that may run there, by name. Empty: placement is not the environment's."""

    service_accounts: Sequence[str] = ()
    """Service accounts of the namespace, one a kind of job. Empty: not known."""

    object_storage: ObjectStorageValues = ObjectStorageValues()
    """Where the buckets are."""

    history: HistoryValues = HistoryValues()
    """Where history servers look for what jobs did."""

    links: LinkValues = LinkValues()
    """Where people look at the namespace's jobs."""

    datasets: Mapping[str, PlatformDatasetValues] = {}
    """The cached datasets of the namespace, by name."""

    kubectl_image: str = ""
    """Image with kubectl as its entry point, for pods that wait."""


class VolumeValues(Args):
    """A claim that is mounted, such as one of the environment's `volumes`, which reach buckets by pod identity."""

    claim: Annotated[str, Field(min_length=1)]
    """Name of the PersistentVolumeClaim."""

    path: Annotated[str, Field(pattern=r"^/.+")]
    """Where it is mounted."""

    sub_path: str = ""
    """A directory of it, instead of the whole."""

    read_only: bool = True
    """Whether it is only read."""


class DatasetValues(Args):
    """A cached dataset that is mounted. Pods find its path in `DATASET_<NAME>`."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the dataset; one of `platform.datasets`, if the namespace is known."""

    path: Annotated[str, Field(pattern=r"^(/.+)?$")] = ""
    """Where it is mounted. Empty: `/datasets/<name>`."""

    sub_path: str = ""
    """A directory of it, instead of the whole."""

    wait_until_cached: bool = False
    """Whether pods wait until all of it is in the cache."""

    wait_minutes: Annotated[int, Field(ge=1, le=1440)] = 120
    """Minutes after which waiting fails, and with it the pod."""


class GangValues(Args):
    """Whether a job's pods start together or not at all."""

    enabled: bool = False
    """Whether they do. With Kueue every job does."""

    minimum: Annotated[int, Field(ge=1)] | None = None
    """How many pods must find room before any starts, at most all. None: all."""


class PodValues(Args):
    """One kind of pods of a job."""

    job_class: str = ""
    """The job class whose placement they have; one of `platform.jobClasses`, if there are any. Empty: none."""

    resources: ResourceValues | None = None
    """What each asks for. None: what its job class says."""

    labels: Mapping[str, str] = {}
    """Further labels."""

    annotations: Mapping[str, str] = {}
    """Further annotations."""


class JobValues(Args):
    """What every chart takes."""

    platform: PlatformValues = PlatformValues()
    """What the environment knows of the namespace: the output of `make values`."""

    image: Image
    """Image of the pods, with a tag that does not change."""

    image_pull_policy: Annotated[str, Field(pattern="^(Always|IfNotPresent|Never)$")] = "IfNotPresent"
    """When the image is pulled."""

    service_account_name: str = ""
    """Service account of the pods, and so their RAM role. Empty: the one of this kind of job, if the platform has it,
    else the namespace's own."""

    env: Mapping[str, str] = {}
    """Environment variables. Not for secrets."""

    secrets: Sequence[str] = ()
    """Secrets of the namespace whose keys become environment variables."""

    volumes: Sequence[VolumeValues] = ()
    """Claims that every pod mounts."""

    datasets: Sequence[Annotated[str, Field(min_length=1)] | DatasetValues] = ()
    """Cached datasets that every pod mounts, by name, or with more to say."""

    files: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], str] = {}
    """Small files, such as the job's script, by name; every pod has them in `/etc/job`."""
