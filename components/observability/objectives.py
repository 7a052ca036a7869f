"""Service-level objectives: what counts as good, and alarms that tell when too much of what may fail is spent.

Each alarm looks at a long window, so that it is sure, and at a short one, so that it ends when the trouble ends.
Source of windows and factors, for 30 days: Google, The Site Reliability Workbook, chapter 5, table 5-8
(sre.google/workbook/alerting-on-slos, read November 2026).
"""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..inputs import Problem
from . import promql
from .alarms import AlarmRule, RecordingRule, RuleGroup, rule_groups
from .args import ObjectiveArgs, ObjectiveName, Severity

DAYS = 30
"""Days over which an objective is held."""

LEAST = 5
"""How many must be bad within the long window before anybody is told. At 99.95 % one failure spends what 2,000 jobs
may, so that among few jobs a single one would call somebody at night; five are no accident. Why there must be such a
number: the same chapter, "Low-traffic services and error budget alerting". The number is a judgement."""


@dataclass(frozen=True)
class Burn:
    """How fast the budget may go. factor: times as fast as would spend it in 30 days."""

    severity: Severity
    windows: Sequence[tuple[str, str, float]]
    """Long window, short window and factor; any of them fires."""


BURNS: Mapping[Literal["Fast", "Slow"], Burn] = {
    "Fast": Burn("critical", (("1h", "5m", 14.4), ("6h", "30m", 6))),
    "Slow": Burn("warning", (("1d", "2h", 3), ("3d", "6h", 1))),
}
WINDOWS = tuple(dict.fromkeys(w for burn in BURNS.values() for long, short, _ in burn.windows for w in (short, long)))


@dataclass(frozen=True)
class Objective:
    """What an objective is about.

    default: what is held where nobody says otherwise; bad, all: queries of how many were bad and how many there were
    within `$window`, which is `$length` seconds. `$seconds` stands for the objective's seconds.
    """

    title: str
    subject: str
    default: ObjectiveArgs
    bad: str
    all: str
    meaning: str
    steps: Sequence[str]


_RECORDED = {recording.record: " or ".join(recording.queries) for recording in rule_groups()["jobs"].recordings}

FAILED_LATELY = " ".join(promql.written_out("job:failed:timestamp > time() - 3600", _RECORDED).split())
"""The jobs that failed in the last hour, where nothing is recorded, too."""

OBJECTIVES: Mapping[ObjectiveName, Objective] = {
    "job-success": Objective(
        title="Jobs that succeed",
        subject="Jobs that fail",
        # Seeds 000 and 001: a stability of 99.95 %.
        default=ObjectiveArgs(percent=99.95),
        bad="count(max_over_time(job:failed:timestamp[$window]) > time() - $length)",
        all="count(max_over_time(job:ended:timestamp[$window]) > time() - $length)",
        meaning="More jobs fail than the platform promises, whatever the reason: code, data, memory or nodes.",
        steps=[
            f"`{FAILED_LATELY}`: which kinds, whose namespaces?",
            "One tenant: its code or data. Several at once: look for alarms of nodes, caches and the API server.",
            "Jobs that fail by design? Let them end well and say so otherwise, or lower "
            "`observability.objectives.job-success.percent`.",
        ],
    ),
    "queue-time": Objective(
        title="Jobs that start in time",
        subject="Jobs that wait too long",
        # Seeds 000 and 001: an SLA compliance of high-priority tasks over 99 %.
        default=ObjectiveArgs(percent=99, seconds=1800),
        bad=(
            "count((max_over_time(job:started:timestamp[$window]) > time() - $length)"
            " - on (kind, namespace, name) max_over_time(job:created:timestamp[$window]) > $seconds)"
        ),
        all="count(max_over_time(job:started:timestamp[$window]) > time() - $length)",
        meaning="Jobs wait longer for their turn than the platform promises.",
        steps=[
            "Look at the dashboard Queues and quotas: which queue is full, and who borrows?",
            "Quotas free and jobs wait: look for NodePoolOutOfStock and GangNeverComplete.",
            "Raise guarantees where promises are larger than what there is.",
        ],
    ),
    "api-availability": Objective(
        title="API requests that are answered",
        subject="API requests that fail",
        default=ObjectiveArgs(percent=99.95),
        bad='sum(increase(apiserver_request_total{code=~"5.."}[$window]))',
        all="sum(increase(apiserver_request_total[$window]))",
        meaning="The API server fails more often than the platform promises; jobs start late or not at all.",
        steps=[
            "Look at ApiServerErrors and ApiServerSlow: what fails, and since when?",
            "Upgrades and changes of the control plane stand in the console's cluster tasks.",
        ],
    ),
}
"""What can be watched. The percentages are the seeds' where they give one; that of the API is its jobs'."""


def objective_rules(objectives: Mapping[ObjectiveName, ObjectiveArgs], known: set[str]) -> tuple[RuleGroup, list[str]]:
    """Recording rules and alarms of the objectives that can be watched, and the names of those that cannot.

    known: the metrics that are there.
    """
    recordings: list[RecordingRule] = []
    alarms: list[AlarmRule] = []
    unwatched: list[str] = []
    for name, objective in OBJECTIVES.items():
        args = objectives.get(name, objective.default)
        if not args.enabled:
            continue
        if not _read(objective) <= known:
            unwatched.append(name)
            continue
        seconds = args.seconds or objective.default.seconds
        for window in WINDOWS:
            bad, every = (_filled(query, window, seconds) for query in (objective.bad, objective.all))
            ratio = f"(({bad}) or vector(0)) / (({every}) > 0)"
            recordings.append(RecordingRule(record=_record(name, window), queries=[ratio]))
        alarms += [_alarm(name, objective, args, speed, burn) for speed, burn in BURNS.items()]
    title = f"Service-level objectives over {DAYS} days"
    return RuleGroup(title=title, recordings=recordings, alarms=alarms), unwatched


def _read(objective: Objective) -> set[str]:
    return {m for query in (objective.bad, objective.all) for m in promql.metrics(_filled(query, "5m", 1))}


def _filled(query: str, window: str, seconds: float | None) -> str:
    length = f"{promql.seconds(window):g}"
    return string.Template(query).substitute(window=window, length=length, seconds=f"{seconds or 0:g}")


def _record(name: ObjectiveName, window: str) -> str:
    return f"objective:{name.replace('-', '_')}_errors:ratio_{window}"


def _alarm(
    name: ObjectiveName,
    objective: Objective,
    args: ObjectiveArgs,
    speed: Literal["Fast", "Slow"],
    burn: Burn,
) -> AlarmRule:
    budget = 1 - args.percent / 100
    seconds = args.seconds or objective.default.seconds
    windows = [
        f"{_record(name, long)} > {factor * budget:.6g} and {_record(name, short)} > {factor * budget:.6g}"
        f" and {_filled(objective.bad, long, seconds)} >= {LEAST}"
        for long, short, factor in burn.windows
    ]
    title = "".join(part.capitalize() for part in name.split("-"))
    return AlarmRule(
        name=f"{title}BudgetBurns{speed}",
        severity=burn.severity,
        owner="platform",
        queries=[" or ".join(f"({window})" for window in windows)],
        for_minutes=0,
        summary=f"{objective.subject} miss the objective of {args.percent:g} %: what may fail in {DAYS} days is going "
        + ("within days" if speed == "Fast" else "before they are over"),
        meaning=objective.meaning,
        steps=objective.steps,
        silenced_by={f"{title}BudgetBurnsFast": ()} if speed == "Slow" else {},
    )


def objective_problems(
    objectives: Mapping[ObjectiveName, ObjectiveArgs], unwatched: Sequence[str]
) -> Iterator[Problem]:
    """What is wrong with objectives. unwatched: those whose metrics are not there."""
    for name, args in objectives.items():
        path, objective = f"objectives.{name}", OBJECTIVES[name]
        if args.percent >= 100:
            message = "leaves nothing that may fail, so that every failure would be an alarm; must be below 100"
            yield Problem(f"{path}.percent", args.percent, message)
        if args.seconds is not None and objective.default.seconds is None:
            yield Problem(f"{path}.seconds", args.seconds, "is for queue-time")
        if args.enabled and name in unwatched:
            yield Problem(path, None, "no system that runs brings its metrics; remove it")
