"""Values of the chart inference-service.

Sources, read in November 2026: kserve/kserve v0.20.0 (component.go, inference_service_validation.go, reconcilers of
raw deployments and autoscalers), KEDA's pages on ScaledObject and the Prometheus scaler, checked custom resources of
kedacore/keda v2.20.2.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from .common import JobValues, PodValues
from .web import Directory, IngressValues, Port, Quantity


class InferencePodValues(PodValues):
    """The pods that answer."""

    job_class: str = "inference"
    """The job class whose placement they have."""

    shared_memory: Quantity = ""
    """Size of `/dev/shm`, which counts as memory of the pod; several GPUs in one pod need it. Empty: the runtime's."""

    run_as_user: Annotated[int, Field(ge=1)] | None = None
    """User of the containers, for namespaces with the pod security level `restricted`. None: the image's."""


class ModelValues(Args):
    """Where the model is. Pods find its path in `MODEL_PATH`."""

    claim: Annotated[str, Field(min_length=1)]
    """PersistentVolumeClaim that holds it, such as one of the environment's `volumes`. It is only read."""

    sub_path: str = ""
    """Its directory in the claim. Empty: the top."""

    path: Directory = "/model"
    """Where it is mounted."""


class HealthValues(Args):
    """How it is seen that a pod answers."""

    path: Annotated[str, Field(pattern=r"^/")] = "/health"
    """What is asked for; 200 to 399 is healthy."""

    startup_seconds: Annotated[int, Field(ge=10, le=86_400)] = 1800
    """Seconds that a pod may take to load its model."""

    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 5
    """Seconds that an answer may take."""

    unhealthy_seconds: Annotated[int, Field(ge=10, le=3600)] = 120
    """Seconds without an answer after which a pod is started anew. After 30 it gets no requests."""


class ReplicaValues(Args):
    """How many pods answer."""

    minimum: Annotated[int, Field(ge=0, le=10_000)] = 1
    """Fewest pods. 0 needs `scaling.prometheus`."""

    maximum: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most pods. None: the minimum, so that their number stays."""


class PrometheusValues(Args):
    """A query by which KEDA decides how many pods there are."""

    server_address: Annotated[str, Field(pattern=r"^https?://.+")]
    """Address of Prometheus, as KEDA's own pods reach it."""

    query: Annotated[str, Field(min_length=1)]
    """The query, of one value. To leave zero it must see work while no pod runs, such as a queue or a gateway."""

    threshold: Annotated[float, Field(gt=0)]
    """What one pod can take of it."""

    activation_threshold: Annotated[float, Field(ge=0)] = 0
    """Above this value there is at least one pod."""

    polling_seconds: Annotated[int, Field(ge=1, le=3600)] = 15
    """Seconds between two queries."""

    cooldown_seconds: Annotated[int, Field(ge=0, le=86_400)] = 300
    """Seconds without work after which the last pod goes, with a minimum of 0."""

    authentication: str = ""
    """TriggerAuthentication of the namespace with Prometheus' credentials. Empty: none."""


class ScalingValues(Args):
    """What decides between minimum and maximum."""

    metric: Literal["cpu", "memory"] = "cpu"
    """What is measured, without `prometheus`."""

    percent: Annotated[int, Field(ge=1, le=100)] = 70
    """Part of what pods request that they use on average."""

    stabilization_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds for which fewer pods must do, until there are fewer. Not with KServe's own autoscaler."""

    prometheus: PrometheusValues | None = None
    """A query instead; needs KEDA. None: CPU or memory."""


class RolloutValues(Args):
    """How pods are replaced."""

    max_surge: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many new pods start before old ones go. They need room, and GPUs if they have any."""

    drain_seconds: Annotated[int, Field(ge=0, le=3600)] = 15
    """Seconds for which a leaving pod goes on answering, until no request is sent to it."""

    termination_seconds: Annotated[int, Field(ge=1, le=7200)] = 90
    """Seconds after which a leaving pod is killed; longer than `drainSeconds` and the longest request."""


class CanaryValues(Args):
    """A second version behind the same address."""

    percent: Annotated[int, Field(ge=1, le=99)]
    """Its part of `replicas.minimum`, rounded down to whole pods. Requests are split as pods are."""

    image: str = ""
    """Its image. Empty: the same."""

    model: ModelValues | None = None
    """Its model. None: the same."""

    args: Sequence[str] | None = None
    """Its arguments. None: the same."""

    env: Mapping[str, str] = {}
    """Environment variables that it has beside the others, or otherwise."""


class InferenceServiceValues(JobValues):
    """A model behind HTTP."""

    engine: Literal["Deployment", "KServe"] = "Deployment"
    """What it is made of: a Deployment, on any cluster, or an InferenceService of KServe in its mode Standard."""

    command: Sequence[str] = ()
    """Command of the container. Empty: the image's."""

    args: Sequence[str] = ()
    """Its arguments."""

    port: Port = 8000
    """Port that it listens on."""

    health: HealthValues = HealthValues()
    """How it is seen that a pod answers."""

    pods: InferencePodValues = InferencePodValues()
    """The pods."""

    model: ModelValues | None = None
    """Where the model is. None: in the image, or the container fetches it."""

    replicas: ReplicaValues = ReplicaValues()
    """How many pods answer."""

    scaling: ScalingValues = ScalingValues()
    """What decides between minimum and maximum."""

    rollout: RolloutValues = RolloutValues()
    """How pods are replaced."""

    disruption_budget: bool = True
    """Whether maintenance of nodes may take only one pod at a time."""

    spread_zones: bool = True
    """Whether pods are spread over zones, as far as there is room."""

    canary: CanaryValues | None = None
    """A second version behind the same address. Not with KServe."""

    ingress: IngressValues | None = None
    """The way in from outside the cluster. None: only from inside."""
