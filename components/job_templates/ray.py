"""Values of the charts for Ray. Fields: ray-project/kuberay v1.7.0, checked custom resources of August 2026."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from .common import GangValues, JobValues, PodValues


class RayHeadValues(PodValues):
    """The head of a Ray cluster. Its end ends the job, so its class must not be on spot."""

    job_class: str = "ray-head"
    """The job class whose placement it has."""

    start_params: Mapping[str, str] = {"num-cpus": "0"}
    """Parameters of `ray start`. `num-cpus: 0` keeps tasks off the head."""


class RayWorkerValues(PodValues):
    """One group of workers."""

    job_class: str = "ray-worker"
    """The job class whose placement they have."""

    replicas: Annotated[int, Field(ge=0, le=50_000)] = 1
    """Workers at the start."""

    minimum: Annotated[int, Field(ge=0, le=50_000)] = 0
    """Fewest workers, with `autoscaling`."""

    maximum: Annotated[int, Field(ge=1, le=50_000)] = 10
    """Most workers, with `autoscaling`."""

    start_params: Mapping[str, str] = {}
    """Parameters of `ray start`."""


class RayClusterValues(JobValues):
    """A Ray cluster that stays until it is deleted."""

    ray_version: str = "2.56.0"
    """Version of Ray in the image."""

    head: RayHeadValues = RayHeadValues()
    """The head."""

    workers: Annotated[Mapping[str, RayWorkerValues], Field(min_length=1)]
    """Groups of workers by name."""

    autoscaling: bool = True
    """Whether workers come and go with the load."""

    idle_seconds: Annotated[int, Field(ge=10, le=86_400)] = 120
    """Seconds after which an idle worker goes."""

    gang: GangValues = GangValues()
    """Whether head and workers start together or not at all. Not with classes that run on serverless pods."""

    history: bool = True
    """Whether a collector beside each pod keeps its events and logs, where the platform has a history server for Ray.
    It asks for 50m of CPU and 64 MiB of memory more."""


class RayJobValues(RayClusterValues):
    """A Ray job with a cluster of its own, which goes when the job ends."""

    entrypoint: Annotated[str, Field(min_length=1)]
    """Command that is run on the cluster."""

    runtime_env: str = ""
    """Ray's runtime environment, as YAML text."""

    active_deadline_seconds: Annotated[int, Field(ge=60)] = 86_400
    """Seconds after which the job is ended."""

    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] = 600
    """Seconds for which the finished job's cluster stays, to be looked at."""

    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 0
    """How often a failed job is tried again, each time on a new cluster."""

    submission_mode: Literal["K8sJobMode", "HTTPMode", "SidecarMode"] = "K8sJobMode"
    """How KubeRay submits the job. `K8sJobMode` makes a pod for it."""


class RayServiceValues(RayClusterValues):
    """A Ray Serve application that is updated without a gap."""

    serve_config: Annotated[str, Field(min_length=1)]
    """Ray Serve's configuration, as YAML text."""

    upgrade: Literal["NewCluster", "None"] = "NewCluster"
    """What a change of the cluster does: `NewCluster` brings a second one up and then moves traffic; `None` waits for
    the next start."""

    unhealthy_seconds: Annotated[int, Field(ge=10)] = 900
    """Seconds for which the application may be unhealthy until a new cluster is tried."""
