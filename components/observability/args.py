"""What a user may say of metrics, alarms and dashboards."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args

Severity = Literal["critical", "warning", "info"]
"""`critical`: somebody must act now. `warning`: somebody must act soon. `info`: worth knowing, nobody is called."""

SEVERITIES: Sequence[Severity] = ("critical", "warning", "info")

Owner = Literal["platform", "tenant"]
"""Who acts on an alarm: those who run the platform, or the tenant whose namespace it is about."""

Name = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
AlarmName = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{2,62}$")]
ObjectiveName = Literal["job-success", "queue-time", "api-availability"]

Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
DAYS: Sequence[Day] = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class MetricsArgs(Args):
    """How metrics are collected and kept."""

    interval_seconds: Annotated[int, Field(ge=10, le=300)] = 30
    """Seconds between two readings of a target. Half the interval is twice the samples, and twice their cost."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 35
    """Days for which samples are kept in the cluster's own Prometheus. Managed Prometheus keeps them 90 days."""

    storage_gib: Annotated[int, Field(ge=1, le=65_536)] = 50
    """Disk of the cluster's own Prometheus, in GiB. It keeps fewer days rather than fill it up."""

    storage_class: str | None = None
    """Storage class of that disk. None: the cluster's default."""

    samples_per_second: Annotated[int, Field(ge=1)] = 200_000
    """What all monitors together may read at full scale, by estimate. More is refused: read less often, or leave
    monitors out."""

    samples_per_target: Annotated[int, Field(ge=1)] = 50_000
    """Samples of one reading of one target above which it is thrown away, so that no job's labels flood all. Monitors
    that charts bring have no such limit: one target of theirs tells of all pods."""

    whole: Sequence[str] = ()
    """Monitors of which all metrics are kept, by name. Of the others only those of the catalog are, which is what the
    estimate counts. Not those that managed Prometheus reads by itself, or that are kept whole anyway."""

    excluded: Sequence[str] = ()
    """Monitors that are left out, by name. Their alarms and panels go with them. Not those that managed Prometheus
    reads by itself, or whose system needs them."""


class AlarmArgs(Args):
    """What differs from the defaults of one alarm."""

    enabled: bool = True
    """Whether there is this alarm."""

    severity: Severity | None = None
    """How bad it is. None: the alarm's own."""

    threshold: float | None = None
    """From which value on, in the alarm's unit. None: the alarm's own."""

    for_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    """Minutes for which it must hold. None: the alarm's own."""


class OwnAlarmArgs(Args):
    """An alarm of your own."""

    query: Annotated[str, Field(min_length=1)]
    """PromQL: each series of its result is an alarm. It may read what an enabled monitor brings."""

    summary: Annotated[str, Field(min_length=1)]
    """One sentence that says what is wrong; `{{ $labels.namespace }}` stands for a label."""

    severity: Severity = "warning"
    """How bad it is."""

    owner: Owner = "platform"
    """Who acts on it. A tenant's alarm must keep the label `namespace`."""

    for_minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    """Minutes for which it must hold."""

    runbook: Annotated[str, Field(pattern=r"^https?://\S+$")]
    """Address of the page that says what to do."""


class ObjectiveArgs(Args):
    """A service-level objective over 30 days. Alarms tell when the rest of what may fail is spent too fast."""

    enabled: bool = True
    """Whether it is watched."""

    percent: Annotated[float, Field(gt=0, le=100)]
    """Share that must be good. At 100 nothing may ever fail, so it must be less."""

    seconds: Annotated[float, Field(gt=0)] | None = None
    """For `queue-time` alone: how long a job may wait and still be good."""


class AlarmTargetArgs(Args):
    """Somebody, or something, that alarms reach. At least one way."""

    mail: Sequence[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]] = ()
    """Mail addresses."""

    phone: Sequence[Annotated[str, Field(pattern=r"^\+?[0-9]{6,15}$")]] = ()
    """Phone numbers, which get a text message; that they can be called is UNCONFIRMED. On ACK alone."""

    dingtalk: Sequence[Annotated[str, Field(pattern=r"^https://oapi\.dingtalk\.com/.+$")]] = ()
    """Web hooks of DingTalk robots. On ACK alone: what is open source does not speak its language."""

    webhooks: Sequence[Annotated[str, Field(pattern=r"^https?://\S+$")]] = ()
    """Addresses that get alarms as JSON by POST. Upstream alone: no resource of the provider makes them."""

    @property
    def silent(self) -> bool:
        """Whether nobody is told."""
        return not (self.mail or self.phone or self.dingtalk or self.webhooks)


class RouteArgs(Args):
    """Which alarms reach which targets. An alarm takes every route that fits."""

    targets: Annotated[Sequence[str], Field(min_length=1)]
    """Names of targets: those under `observability.targets`, `platform` (`notifications`), and tenants by name."""

    severities: Sequence[Severity] = ("critical", "warning")
    """Alarms of these severities."""

    tenant: str | None = None
    """Alarms about the namespaces of this tenant. None: of all, and of the platform."""

    owner: Owner | None = None
    """Alarms on which these act. None: on which anybody does."""


class MaintenanceArgs(Args):
    """A weekly window in which alarms are silent."""

    days: Annotated[Sequence[Day], Field(min_length=1)]
    """Days on which it begins."""

    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """When it begins, as `HH:MM` in the platform's time zone."""

    minutes: Annotated[int, Field(ge=1, le=1440)]
    """How long it takes."""

    severities: Annotated[Sequence[Severity], Field(min_length=1)] = SEVERITIES
    """Alarms of these severities are silent."""


class SmtpArgs(Args):
    """The mail server of the cluster's own Alertmanager."""

    host: Annotated[str, Field(pattern=r"^[^\s:]+:[0-9]{1,5}$")]
    """Host and port, such as `smtp.example.com:587`."""

    sender: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    """Address that mails come from."""

    user: str | None = None
    """Who logs in. None: nobody does."""

    password_secret: str | None = None
    """Secret in the namespace of Prometheus whose key `password` is the password. Required with `user`."""


class ReportArgs(Args):
    """The monthly report of costs, by tenant, queue and kind of job."""

    enabled: bool = True
    """Whether there is one. It needs the system `job-metrics`, and upstream `cost-exporter`."""

    day_of_month: Annotated[int, Field(ge=1, le=28)] = 2
    """Day on which the report of the month before is made, at 06:15 in the platform's time zone."""

    keep_months: Annotated[int, Field(ge=1, le=120)] = 24
    """Months of which reports are kept. At least 2 where a report is to name the change against the month before."""

    bucket: str | None = None
    """Role of the bucket that keeps them, below `cost-reports/`. None: `artifacts`; without that bucket there is no
    report. On ACK alone; elsewhere a claim in the namespace of Prometheus keeps them."""

    image: Annotated[str, Field(pattern=r"^[^\s@]+(:[A-Za-z0-9_.-]+|@sha256:[0-9a-f]{64})$")] = (
        "docker.io/library/python:3.13-slim"
    )
    """An image with Python 3.11 or later and the names of time zones, for what makes them."""


class ObservabilityArgs(Args):
    """Metrics, alarms and dashboards of the platform and of all jobs. They need the system `prometheus`."""

    enabled: bool = True
    """Whether there are any."""

    metrics: MetricsArgs = MetricsArgs()
    """How metrics are collected and kept."""

    alarms: Mapping[AlarmName, AlarmArgs] = {}
    """What differs from the defaults of alarms, by their names."""

    own_alarms: Mapping[AlarmName, OwnAlarmArgs] = {}
    """Alarms of your own, by name."""

    objectives: Mapping[ObjectiveName, ObjectiveArgs] = {}
    """Service-level objectives. Those not named have their defaults."""

    targets: Mapping[Name, AlarmTargetArgs] = {}
    """Whom alarms reach, by name, beside `platform` and the tenants."""

    routes: Sequence[RouteArgs] = ()
    """Which alarms reach whom, beside the defaults: `platform` gets its own alarms and all critical ones, and each
    tenant those that it owns."""

    maintenance: Mapping[Name, MaintenanceArgs] = {}
    """When alarms are silent, by name."""

    smtp: SmtpArgs | None = None
    """The mail server. Upstream alone; required there for mail."""

    report: ReportArgs = ReportArgs()
    """The monthly report of costs."""

    runbooks: Annotated[str, Field(min_length=1)] = "docs/runbooks.md"
    """Address of the page of runbooks, of which each alarm names its part: where you serve this repository's."""
