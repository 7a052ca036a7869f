"""Decides what is watched: monitors with their load, rules, routes and dashboards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..capacity import Range
from ..catalog import HOURS_PER_MONTH
from ..inputs import Problem, one_of, require_valid
from ..platform.args import Flavor
from .alarms import (
    RecordingRule,
    RuleGroup,
    Rules,
    plan_recordings,
    plan_rules,
    provided,
    rule_groups,
    rule_problems,
)
from .args import ObjectiveArgs, ObjectiveName, ObservabilityArgs
from .costs import BY_KIND, OWNERS, cost_queries, cost_rules
from .dashboards import Dashboard, plan_dashboards
from .monitors import Load, Monitor, enabled_monitors, load_of, monitors_of
from .objectives import OBJECTIVES, Objective, objective_problems, objective_rules
from .routing import Audience, Route, plan_routes, route_problems

BYTES_PER_SAMPLE = 512
"""Bytes of one sample as managed Prometheus bills them. Source: its vendor's billing examples, 2026-03-11."""

MANAGED_RETENTION_DAYS = 90
"""Days for which managed Prometheus keeps samples, unless more is paid for. Source: its billing page, 2026-03-11."""


@dataclass(frozen=True)
class Watched:
    """What there is to watch.

    systems: those that run, with their namespaces; targets: how many targets there are by scale, such as `nodes`;
    audience: whom alarms can reach; prices: of an hour of what pods ask for, by currency and resource as
    kube-state-metrics names it.
    """

    flavor: Flavor
    systems: Mapping[str, str]
    targets: Mapping[str, Range] = field(default_factory=dict[str, Range])
    audience: Audience = field(default_factory=Audience)
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])


@dataclass(frozen=True)
class MonitoringPlan:
    """What is watched in an environment. unwatched: objectives whose metrics no system brings."""

    args: ObservabilityArgs
    watched: Watched
    monitors: Mapping[str, Monitor]
    loads: Mapping[str, Load]
    rules: Rules
    routes: Sequence[Route]
    dashboards: Sequence[Dashboard]
    unwatched: Sequence[str]

    @property
    def objectives(self) -> Mapping[ObjectiveName, tuple[Objective, ObjectiveArgs, float | None]]:
        """The objectives that are watched, with what is held, and within how many seconds."""
        said = self.args.objectives
        return {
            name: (objective, args, args.seconds or objective.default.seconds)
            for name, objective in OBJECTIVES.items()
            for args in (said.get(name, objective.default),)
            if args.enabled and name not in self.unwatched
        }

    @property
    def reports(self) -> bool:
        """Whether there is a monthly report: it is wanted, and what it reads is brought."""
        recorded = {recording.name for recording in self.rules.recordings}
        return self.args.report.enabled and {BY_KIND, OWNERS} <= recorded

    @property
    def retention_days(self) -> int:
        """Days for which samples are kept."""
        return MANAGED_RETENTION_DAYS if self.watched.flavor == "ack" else self.args.metrics.retention_days

    @property
    def unrecorded(self) -> Mapping[str, str]:
        """What queries must write out, since nothing records it: managed Prometheus has no resource for it."""
        if self.watched.flavor == "upstream":
            return {}
        return {recording.name: recording.query for recording in self.rules.recordings}

    @property
    def samples_per_second(self) -> Range:
        """Of all monitors."""
        return sum((load.samples_per_second for load in self.loads.values()), Range())

    @property
    def gigabytes(self) -> Range:
        """What is written a month and paid for, in GB: samples but for those that managed Prometheus reads itself."""
        paid = [
            load.samples_per_second
            for name, load in self.loads.items()
            if self.watched.flavor == "ack" and self.monitors[name].kind != "managed"
        ]
        rate = sum(paid, Range())
        factor = HOURS_PER_MONTH * 3600 * BYTES_PER_SAMPLE / 1e9
        return Range(rate.minimum * factor, rate.maximum * factor)


def plan_monitoring(args: ObservabilityArgs, watched: Watched) -> MonitoringPlan:
    """Decide what is watched. Raises `InvalidInput` with all problems; paths are relative to `observability`."""
    plan = _plan(args, watched)
    require_valid(_problems(plan))
    return plan


def monitoring_problems(args: ObservabilityArgs, watched: Watched) -> list[Problem]:
    """What is wrong with what an environment says of monitoring."""
    return _problems(_plan(args, watched))


def _problems(plan: MonitoringPlan) -> list[Problem]:
    args, watched = plan.args, plan.watched
    known = monitors_of(watched.flavor)
    problems = [
        Problem(f"metrics.{key}[{index}]", name, one_of(name, known, "a monitor"))
        for key, names in (("whole", args.metrics.whole), ("excluded", args.metrics.excluded))
        for index, name in enumerate(names)
        if name not in known
    ]
    problems += _fixed(args, known)
    if watched.flavor == "ack":
        problems += _idle(args)
    elif "bucket" in args.report.model_fields_set:
        message = "is for ACK; elsewhere reports lie in a claim of their own"
        problems.append(Problem("report.bucket", args.report.bucket, message))
    others = {name: monitor for name, monitor in known.items() if name not in plan.monitors}
    problems += rule_problems(args, plan.monitors, others, plan.rules, plan.unrecorded)
    problems += objective_problems(args.objectives, plan.unwatched)
    problems += route_problems(args, watched.audience, upstream=watched.flavor == "upstream")
    problems += _load_problems(plan)
    return problems


def _fixed(args: ObservabilityArgs, known: Mapping[str, Monitor]) -> Iterator[Problem]:
    """What cannot be said of a monitor, since somebody else decides it."""
    for index, name in enumerate(args.metrics.excluded):
        monitor = known.get(name)
        if monitor is not None and monitor.kind == "managed":
            message = "managed Prometheus reads it whatever is said here; switch its alarms off (alarms.<name>.enabled)"
            yield Problem(f"metrics.excluded[{index}]", name, message)
        elif monitor is not None and monitor.kind == "chart" and not monitor.switch:
            message = f"{monitor.whole}, so that it must be read; leave out the system {monitor.systems[0]}"
            yield Problem(f"metrics.excluded[{index}]", name, message)
    for index, name in enumerate(args.metrics.whole):
        monitor = known.get(name)
        if monitor is not None and (monitor.kind == "managed" or monitor.whole):
            why = monitor.whole or "managed Prometheus decides what is kept"
            yield Problem(f"metrics.whole[{index}]", name, f"has no effect: {why}; remove it")


def _idle(args: ObservabilityArgs) -> list[Problem]:
    """What only the cluster's own Prometheus takes."""
    message = "has no effect on ACK, where managed Prometheus keeps samples and sends alarms; remove it"
    given = args.metrics.model_fields_set
    keys = {"retention_days": "retentionDays", "storage_gib": "storageGib", "storage_class": "storageClass"}
    problems = [Problem(f"metrics.{keys[key]}", getattr(args.metrics, key), message) for key in keys if key in given]
    return [*problems, *([Problem("smtp", None, message)] if args.smtp else [])]


def _plan(args: ObservabilityArgs, watched: Watched) -> MonitoringPlan:
    monitors = enabled_monitors(watched.flavor, watched.systems.keys(), args.metrics.excluded)
    groups = {"tenants": _tenant_rules(watched), "costs": cost_rules(watched.prices), **rule_groups()}
    recorded = {recording.name for recording in plan_recordings(groups, monitors)}
    objectives, unwatched = objective_rules(args.objectives, provided(monitors) | recorded)
    rules = plan_rules(args, monitors, {**groups, "objectives": objectives}, {*watched.systems.values()})
    interval, pods = args.metrics.interval_seconds, watched.targets.get("pods", Range())
    return MonitoringPlan(
        args=args,
        watched=watched,
        monitors=monitors,
        loads={
            name: load_of(monitor, watched.targets.get(monitor.scale, Range(1, 1)), pods, interval)
            for name, monitor in monitors.items()
        },
        rules=rules,
        routes=plan_routes(args, watched.audience),
        dashboards=plan_dashboards(monitors, rules),
        unwatched=unwatched,
    )


def _tenant_rules(watched: Watched) -> RuleGroup:
    """Which tenant a namespace belongs to, and what it costs, as series that others are joined with."""
    rules = [
        RecordingRule(record="namespace:tenant:info", queries=[TENANTS]),
        RecordingRule(record="namespace:cost:hour", queries=cost_queries(watched.prices, "namespace")),
    ]
    return RuleGroup(title="Tenants: their namespaces and costs", recordings=rules)


TENANTS = """
max by (namespace, tenant) (
  label_replace(kube_namespace_labels{label_tenant!=""}, "tenant", "$1", "label_tenant", "(.+)"))
"""
"""Which tenant a namespace belongs to, by the label that tenants' namespaces have."""


def _load_problems(plan: MonitoringPlan) -> list[Problem]:
    most, limit = plan.samples_per_second.maximum, plan.args.metrics.samples_per_second
    if most <= limit:
        return []
    loads = {name: load.samples_per_second.maximum for name, load in plan.loads.items()}
    first = ", ".join(f"{name} {loads[name]:,.0f}" for name in sorted(loads, key=lambda name: -loads[name])[:3])
    message = (
        f"at full scale all monitors bring {most:,.0f} samples a second ({first}); raise it, read less often "
        "(intervalSeconds), or leave monitors out (excluded)"
    )
    return [Problem("metrics.samplesPerSecond", limit, message)]
