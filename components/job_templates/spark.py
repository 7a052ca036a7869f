"""Values of the chart for Spark.

Fields: kubeflow/spark-operator v2.5.2, api/v1beta2; those written here are in v2.1.1, too, nearest to ACK's 2.1.2.
Memory beside the heap: Spark configuration 4.0, `spark.executor.memoryOverheadFactor`. November 2026.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from .common import GangValues, JobValues, PodValues
from .schedules import ScheduleValues

Text = Annotated[str, Field(min_length=1)]
Executors = Annotated[int, Field(ge=0, le=50_000)]


class SparkPodValues(PodValues):
    """The driver or the executors. `resources`, or what the class says, is all that a pod asks for: the heap and what
    is beside it."""

    cores: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Tasks that run at once in a pod. None: its CPU, rounded down."""

    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[mg]$")] | None = None
    """Heap, such as `8g`; the rest of the pod's memory is for what is beside it. None: the pod's memory less what Spark
    adds by itself: a tenth of the heap, for Python 40 %, and at least 384 MiB."""

    java_options: str = ""
    """Options of the Java machine."""


class SparkDriverValues(SparkPodValues):
    """The driver. Its end ends the job, so its class must not be on spot."""

    job_class: str = "spark-driver"
    """The job class whose placement it has."""


class SparkExecutorValues(SparkPodValues):
    """The executors."""

    job_class: str = "spark-executor"
    """The job class whose placement they have."""

    instances: Annotated[int, Field(ge=1, le=50_000)] = 2
    """How many there are, without `dynamicAllocation`."""


class DynamicAllocationValues(Args):
    """Executors that come and go with the load. Shuffle files are tracked, so no shuffle service is needed."""

    enabled: bool = True
    """Whether they do."""

    minimum: Executors = 1
    """Fewest executors."""

    initial: Annotated[int, Field(ge=1, le=50_000)] = 2
    """Executors at the start."""

    maximum: Annotated[int, Field(ge=1, le=50_000)] = 10
    """Most executors."""


class DependencyValues(Args):
    """What the application needs beside its image. Each is a URL, with `local://` for what is in the image."""

    jars: Sequence[Text] = ()
    """JARs on the class path."""

    files: Sequence[Text] = ()
    """Files in the working directory of each executor."""

    py_files: Sequence[Text] = ()
    """Python files and archives on the path of Python."""

    packages: Sequence[Text] = ()
    """Maven coordinates. They are fetched at each start: better put them into the image."""


class EventLogValues(Args):
    """Where the driver writes its event log. Without a word here it goes where the platform's history server reads
    (`platform.history`). Where there is none, it goes to `platform.objectStorage.eventLogs` if `hadoopConf` says how to
    log in to OSS (`fs.oss.credentials.provider`), else nowhere."""

    claim: str = ""
    """Name of a PersistentVolumeClaim that it is written to, by pod identity, in place of the platform's. The directory
    must exist."""

    path: Annotated[str, Field(pattern=r"^/.+")] = "/event-logs"
    """Where the driver mounts it."""

    sub_path: str = ""
    """A directory of `claim`, instead of the whole."""


class RestartValues(Args):
    """What becomes of a failed application."""

    policy: Literal["Never", "OnFailure", "Always"] = "Never"
    """When it is started again."""

    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often, after it failed."""

    interval_seconds: Annotated[int, Field(ge=1)] = 60
    """Seconds in between."""

    submission_retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often it is submitted again where that failed."""

    submission_interval_seconds: Annotated[int, Field(ge=1)] = 30
    """Seconds in between."""


class SparkJobValues(JobValues):
    """A Spark application, once or by a schedule."""

    type: Literal["Python", "Scala", "Java"] = "Python"
    """What the application is written in."""

    spark_version: Text = "4.0.4"
    """Version of Spark in the image."""

    main_application_file: Text
    """The application: a URL, such as `local:///etc/job/clean.py` for one of `files`."""

    main_class: str = ""
    """Its main class. Java and Scala must have one."""

    arguments: Sequence[str] = ()
    """Its arguments."""

    deps: DependencyValues = DependencyValues()
    """What it needs beside the image."""

    spark_conf: Mapping[str, str] = {}
    """Settings of Spark. They win over those that the chart makes of other values."""

    hadoop_conf: Mapping[str, str] = {}
    """Settings of Hadoop, without `spark.hadoop.`. Not for keys: everybody who sees the job reads them."""

    driver: SparkDriverValues = SparkDriverValues()
    """The driver."""

    executor: SparkExecutorValues = SparkExecutorValues()
    """The executors."""

    dynamic_allocation: DynamicAllocationValues = DynamicAllocationValues()
    """Executors that come and go with the load."""

    gang: GangValues = GangValues()
    """Whether the executors start together or not at all. The driver makes them, so it is not one of them. Only without
    `dynamicAllocation`."""

    event_logs: EventLogValues = EventLogValues()
    """Where the event log goes."""

    restart: RestartValues = RestartValues()
    """What becomes of a failed application."""

    time_to_live_seconds: Annotated[int, Field(ge=0)] = 86_400
    """Seconds for which a finished application stays."""

    schedule: ScheduleValues | None = None
    """When it runs. None: once, now."""
