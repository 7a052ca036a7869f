"""What a user may say of logs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args

Kind = Literal["business", "engine", "platform"]
"""`business`: what the programs of jobs write. `engine`: what Ray and Spark themselves write. `platform`: what the
systems of the platform write."""

Written = Literal[Kind, "network"]
"""Kinds of stores of which the volume can be stated."""

KINDS: Sequence[Kind] = ("business", "engine", "platform")

Severity = Literal["critical", "warning", "info"]
LogAlarmName = Literal["ErrorsSpike", "OutOfMemory", "Tracebacks", "GpuErrors", "CollectionSilent"]
Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]


class LogKindArgs(Args):
    """How lines of one kind are collected and kept."""

    enabled: bool = True
    """Whether they are collected. The stores stay, with what is in them."""

    hot_days: Annotated[int, Field(ge=7, le=3650)] | None = None
    """Days for which they are kept hot, fewer than they are kept at all; the rest is cheaper, and slower to query.
    None: all of them. On ACK alone."""

    lines_per_second: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Entries a second that each collector takes of each of its pipelines; the rest is lost. None: all of them."""

    keep_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    """Share of entries below warnings that is kept, by chance, in percent. None: all of them. Upstream alone: the
    collector on ACK cannot draw samples."""

    dropped_levels: Sequence[Literal["TRACE", "DEBUG", "INFO"]] = ()
    """Levels of which entries are left out, where their format tells the level."""


class KeptLogsArgs(LogKindArgs):
    """The same, with how long."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which they are kept."""


class BusinessLogsArgs(KeptLogsArgs):
    """What the programs of jobs write."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which they are kept where jobs belong to no tenant. Each tenant says under `logs.retentionDays` how long
    its own are."""


class EngineLogsArgs(KeptLogsArgs):
    """What Ray and Spark themselves write."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 14
    """Days for which they are kept."""


class NetworkLogsArgs(Args):
    """Which traffic of the VPC is recorded: addresses, ports and bytes, never what was said."""

    enabled: bool = True
    """Whether any is. On ACK alone."""

    traffic: Literal["All", "Allow", "Drop"] = "Drop"
    """What is recorded: all, what security groups and network ACLs let through, or what they refuse, which tells of
    attacks and of wrong rules at the least volume. Source: pulumi-alicloud 4.0.0, vpc.FlowLog, `traffic_type`."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which it is kept."""


class EventLogsArgs(Args):
    """Kubernetes' events."""

    enabled: bool = True
    """Whether they are collected. Upstream alone: on ACK the system `node-problem-detector` does, into a store of its
    own, which is free as long as it is kept 90 days and takes less than 256 MB a day (SLS page on the event center)."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which they are kept. Upstream alone."""


class LogAlarmArgs(Args):
    """What differs from the defaults of one alarm on logs."""

    enabled: bool = True
    """Whether there is this alarm."""

    threshold: Annotated[int, Field(ge=1)] | None = None
    """From how many entries on, in the time that it looks back. None: the alarm's own."""

    minutes: Annotated[int, Field(ge=1, le=1440)] | None = None
    """Minutes that it looks back, and between two looks. None: the alarm's own."""

    severity: Severity | None = None
    """How bad it is. None: the alarm's own."""


class SavedQueryArgs(Args):
    """A query that is kept at hand on the dashboards of log stores."""

    title: Annotated[str, Field(min_length=1, max_length=60)]
    """What it shows."""

    query: Annotated[str, Field(min_length=1)]
    """A query of Log Service, such as `level: ERROR | SELECT COUNT(*) AS entries`."""

    kinds: Annotated[Sequence[Kind], Field(min_length=1)] = ("business",)
    """Kinds of stores that it is for."""


class LogsArgs(Args):
    """Logs of jobs and of the platform. On ACK they need the system `logs`, or the older `logtail`; elsewhere `loki`
    and `alloy`."""

    enabled: bool = True
    """Whether any are collected."""

    structured: bool = True
    """Whether traces are put together, entries taken apart into fields, and the engines' told from the programs'.
    False: lines as pods print them, which is all that `logtail` can do here."""

    business: BusinessLogsArgs = BusinessLogsArgs()
    """What the programs of jobs write, a store for each tenant, and one for jobs that belong to none."""

    engine: EngineLogsArgs = EngineLogsArgs()
    """What Ray and Spark themselves write, stores likewise."""

    platform: KeptLogsArgs = KeptLogsArgs()
    """What the systems of the platform write."""

    network: NetworkLogsArgs = NetworkLogsArgs()
    """Traffic of the VPC, by its flow log."""

    events: EventLogsArgs = EventLogsArgs()
    """Kubernetes' events."""

    file_time_zone: Annotated[str, Field(pattern=r"^GMT[+-](0[0-9]|1[0-4]):[0-5][0-9]$")] = "GMT+00:00"
    """Time zone in which Ray writes its files; a container's is GMT+00:00 unless its image or its variable TZ says
    otherwise. Lines that say a time more than 12 hours ago are thrown away by the collector."""

    saved_queries: Mapping[Name, SavedQueryArgs] = {}
    """Queries of your own beside the defaults, by name. On ACK alone."""

    alarms: Mapping[LogAlarmName, LogAlarmArgs] = {}
    """What differs from the defaults of alarms on logs, by their names."""

    action_policy: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = "sls.builtin"
    """Id of the action policy of Log Service that says whom alarms on logs reach. Whom `sls.builtin` reaches is
    UNCONFIRMED: make one of your own in the console. On ACK alone."""
