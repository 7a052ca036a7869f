"""When jobs run by themselves. Fields: kubeflow/spark-operator v2.5.2 and v2.1.1, ScheduledSparkApplication; Argo
Workflows 4.1, CronWorkflow as in hera 7.1; November 2026."""

from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args


class ScheduleValues(Args):
    """When a job runs."""

    cron: Annotated[str, Field(pattern=r"^(@\w+|\S+(\s+\S+){4})$")]
    """The schedule: five fields as of cron, or such as `@daily`."""

    timezone: Annotated[str, Field(min_length=1)] = "Asia/Shanghai"
    """Time zone of the schedule, an IANA name."""

    concurrency_policy: Literal["Forbid", "Allow", "Replace"] = "Forbid"
    """What a run does while the one before it still runs: `Forbid` leaves it out, `Allow` runs both, `Replace` ends the
    old one."""

    successful_runs: Annotated[int, Field(ge=0, le=100)] = 3
    """Finished runs that are kept."""

    failed_runs: Annotated[int, Field(ge=0, le=100)] = 3
    """Failed runs that are kept."""

    suspend: bool = False
    """Whether no further runs start."""
