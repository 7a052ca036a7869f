"""What a user may say of classes of jobs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from ..serverless import ComputeClass

Role = Literal["leader", "worker", "service"]
Strategy = Literal["reliable", "elastic", "cheapest", "staggered"]
Spread = Literal["nodes", "zones"]
Priority = Literal["high", "normal", "low"]
TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
NAMESPACE = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"


class PodShape(Args):
    """What one pod of a class asks for, as requests and limits."""

    vcpu: Annotated[float, Field(ge=0.01, le=1024)]
    """vCPUs."""

    memory_gib: Annotated[float, Field(ge=0.01, le=8192)]
    """Memory in GiB."""

    gpus: Annotated[int, Field(ge=0, le=16)] = 0
    """Whole GPUs."""

    gpu_memory_gib: Annotated[int, Field(ge=1, le=192)] | None = None
    """Memory in GiB of a shared GPU. Either this or `gpus`."""

    gpu_core_percent: Annotated[int, Field(ge=5, le=100, multiple_of=5)] | None = None
    """Compute of a shared GPU in percent, in steps of 5. Needs `gpuMemoryGib` and a pool with `gpu.schedule:
    core_mem`."""

    @property
    def text(self) -> str:
        """The shape in words, such as `4 vCPU, 16 GiB, 1 GPU`."""
        parts = [f"{self.vcpu:g} vCPU", f"{self.memory_gib:g} GiB"]
        if self.gpus:
            parts.append(f"{self.gpus} GPU{'s' if self.gpus > 1 else ''}")
        if self.gpu_memory_gib is not None:
            parts.append(f"{self.gpu_memory_gib} GiB of a GPU")
        if self.gpu_core_percent is not None:
            parts.append(f"{self.gpu_core_percent} % of its compute")
        return ", ".join(parts)


class ServerlessRung(Args):
    """How a class uses serverless pods."""

    compute_class: ComputeClass = "general-purpose"
    """ACS compute class."""

    gpu_model: str | None = None
    """GPU model of ACS, for pods with whole GPUs; one of `serverless.gpuModels`."""


class OffPeak(Args):
    """The hours in which online services leave nodes idle."""

    start: Annotated[str, Field(pattern=TIME)] = "22:00"
    """Start, HH:MM in the cluster's time zone."""

    end: Annotated[str, Field(pattern=TIME)] = "08:00"
    """End, on the next day where it is before the start."""


class JobClassArgs(Args):
    """A class of jobs: what its pods need, and where they may run."""

    role: Role = "worker"
    """`leader`: Ray head, Spark driver or launcher, whose end ends the job: never on spot or best-effort. `worker`: may
    be lost and repeated. `service`: answers requests, such as inference and notebooks."""

    strategy: Strategy = "reliable"
    """`reliable`: nodes on demand only. `elastic`: nodes on demand, then spot, then serverless pods. `cheapest`: all of
    these and best-effort serverless pods, what one more pod costs least first. `staggered`: serverless pods by day, as
    `elastic` in the `offPeak` hours, when online services leave nodes idle. The articles that the README names run ECS
    beside ACS, large tasks on nodes and small ones elastic."""

    pod: PodShape
    """What one pod asks for."""

    maximum_pods: Annotated[int, Field(ge=1, le=50_000)]
    """Pods of the class to plan for, over all its jobs. Serverless pods of each namespace are capped at it."""

    namespaces: Annotated[Sequence[Annotated[str, Field(pattern=NAMESPACE)]], Field(min_length=1)]
    """Namespaces in which its pods run. Each gets the class's ResourcePolicy; all but `default` are made."""

    pools: Annotated[Sequence[str], Field(min_length=1)] | None = None
    """Node pools that it may use, in this order within a rung. None: all of the kind that fits the pod: `gpu` for GPUs;
    `memory`, then `cpu`, from 7 GiB a vCPU; else `cpu`. Lingjun pools must be named."""

    gpu_models: Sequence[str] = ()
    """GPU models that it may use, such as `A10`. Empty: any."""

    gpu_topology: bool = False
    """Whether GPUs are chosen by how they are linked: needs a pool with `gpu.schedule: topology`."""

    erdma: bool = False
    """Whether pods need eRDMA interfaces: only pools with `erdma`."""

    architectures: Annotated[Sequence[Literal["amd64", "arm64"]], Field(min_length=1)] = ("amd64",)
    """CPU architectures that its images are built for."""

    colocated: bool = False
    """Whether pods run as best effort on what other pods asked for and do not use. Needs `colocation`, role `worker`
    and strategy `reliable`."""

    serverless: ServerlessRung = ServerlessRung()
    """How it uses serverless pods."""

    maxima: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    """Most pods of a namespace on a rung: by pool of fixed size, or `serverless` (of best-effort and of other pods
    each). An autoscaled pool has its own maximum. While a capped pool has no room, pods wait `waitMinutes`."""

    wait_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    """Minutes that a pod waits for an autoscaled pool before it tries the next rung."""

    pack: Spread | None = None
    """Where pods of the class gather, as far as there is room: on few `nodes`, such as the workers of one training job,
    or in one of the `zones`."""

    spread: Spread | None = None
    """Over what pods of the class are spread, as far as there is room: `nodes` or `zones`, such as the pods of a
    service. Not with `pack`."""

    priority: Priority | None = None
    """Scheduling priority. None: `high` for leaders and services, `normal` for workers, `low` where colocated."""

    @property
    def needs(self) -> str:
        """The pod's shape and whatever else keeps it from some nodes, in words."""
        parts = [self.pod.text]
        if self.architectures != ("amd64",):
            parts.append(" or ".join(self.architectures))
        if self.gpu_models:
            parts.append(" or ".join(self.gpu_models))
        parts += [name for name, needed in (("linked GPUs", self.gpu_topology), ("eRDMA", self.erdma)) if needed]
        return ", ".join(parts)


class SchedulingArgs(Args):
    """What all job classes share."""

    create_namespaces: bool = True
    """Whether the namespaces of the classes are created. False: they exist."""

    off_peak: OffPeak = OffPeak()
    """Off-peak hours, for the strategy `staggered`."""

    kubectl_image: str | None = None
    """An image with kubectl as its entry point, for the jobs that switch staggered classes by time. Required with the
    strategy `staggered`."""
