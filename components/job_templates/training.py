"""Values of the chart for training. Fields: kubeflow/trainer v1.9.4 (the training operator, kubeflow.org/v1) and v2.3.0
(TrainJob), November 2026."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from .common import GangValues, JobValues, PodValues
from .schedules import ScheduleValues


class TrainingPodValues(PodValues):
    """Pods of a training job."""

    job_class: str = "training-small"
    """The job class whose placement they have."""


class WorkerValues(TrainingPodValues):
    """The workers."""

    replicas: Annotated[int, Field(ge=0, le=10_000)] = 1
    """How many, beside the master, chief or launcher."""


class ParameterServerValues(TrainingPodValues):
    """Parameter servers."""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many."""


class ElasticValues(Args):
    """Workers that may come and go; PyTorch alone. There is no master then: the workers find each other by c10d."""

    minimum: Annotated[int, Field(ge=1)]
    """Fewest workers with which training goes on."""

    maximum: Annotated[int, Field(ge=1)]
    """Most workers."""

    max_restarts: Annotated[int, Field(ge=0)] = 10
    """How often the workers start anew, as after each change of their number."""


class RunPolicyValues(Args):
    """When a job ends, and what stays of it."""

    active_deadline_seconds: Annotated[int, Field(ge=60)] = 86_400
    """Seconds after which the job is ended."""

    backoff_limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How often pods are started anew before the job has failed. Not with Trainer."""

    ttl_seconds_after_finished: Annotated[int, Field(ge=0)] = 86_400
    """Seconds for which the finished job stays. Not with Trainer."""

    clean_pod_policy: Literal["Running", "All", "None"] = "Running"
    """Pods that go when the job ends. Not with Trainer."""


class TrainingGangValues(GangValues):
    """Whether all pods of the job start together or not at all."""

    enabled: bool = True
    """Whether they do. With Kueue every job does."""


class TrainingJobValues(JobValues):
    """A training job on many pods, once or by a schedule."""

    framework: Literal["pytorch", "tensorflow", "mpi", "xgboost"] = "pytorch"
    """What it trains with: a PyTorchJob, TFJob, MPIJob or XGBoostJob."""

    operator: Literal["training-operator", "trainer"] = "training-operator"
    """What runs it. `trainer` makes a TrainJob, for PyTorch alone."""

    runtime: Annotated[str, Field(min_length=1)] = "torch-distributed"
    """The ClusterTrainingRuntime of a TrainJob, with one job `node`."""

    command: Sequence[str] = ()
    """Command of every pod, with MPI of the launcher alone. Empty: the image's."""

    args: Sequence[str] = ()
    """Its arguments."""

    workers: WorkerValues = WorkerValues()
    """The workers."""

    master: TrainingPodValues | None = None
    """The master of PyTorch, without `elastic`, and of XGBoost. None: as the workers."""

    launcher: TrainingPodValues | None = None
    """The launcher of MPI. None: a pod of 1 CPU and 2 GiB in the workers' class."""

    chief: TrainingPodValues | None = None
    """The chief of TensorFlow. None: there is none, the first worker leads."""

    parameter_servers: ParameterServerValues | None = None
    """The parameter servers of TensorFlow. None: there are none."""

    processes_per_node: Annotated[int, Field(ge=1)] | Literal["auto", "cpu", "gpu"] = "auto"
    """Processes in a pod: those of torchrun with PyTorch, slots of a worker with MPI, where `auto` is one."""

    elastic: ElasticValues | None = None
    """Workers that may come and go. None: their number is fixed."""

    restart_policy: Literal["OnFailure", "Never", "Always", "ExitCode"] = "OnFailure"
    """When a pod is started anew. `ExitCode`: where its exit code is above 127, as after an interruption."""

    run_policy: RunPolicyValues = RunPolicyValues()
    """When the job ends, and what stays of it."""

    gang: TrainingGangValues = TrainingGangValues()
    """Whether all pods start together or not at all. Not with classes that run on serverless pods."""

    checkpoint_directory: Annotated[str, Field(pattern=r"^(/.+)?$")] = ""
    """Where checkpoints go, below a volume or dataset that may be written; `CHECKPOINT_DIR` in every pod."""

    shared_memory_gib: Annotated[int, Field(ge=0, le=1024)] = 0
    """Size of `/dev/shm`, out of the pod's memory, for data loaders of many processes. 0: the container runtime's
    64 MiB."""

    schedule: ScheduleValues | None = None
    """When it runs, as a CronWorkflow of Argo. None: once, now."""
