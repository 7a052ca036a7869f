"""Alarms and recording rules: which of them an environment has, with their thresholds, out of `rules/`."""

import functools
import re
import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from ..inputs import Args, Problem, one_of
from . import promql
from .args import AlarmArgs, AlarmName, ObservabilityArgs, OwnAlarmArgs, Owner, Severity
from .monitors import TARGET_LABELS, Monitor

Query = Annotated[str, Field(min_length=1)]


class RecordingRule(Args):
    """A query that is recorded, since more than one alarm or panel reads it."""

    record: Annotated[str, Field(pattern=r"^[a-z_]+(:[a-z0-9_]+)+$")]
    """Its name: `<labels that are left>:<what>:<operation>`."""

    queries: Annotated[Sequence[Query], Field(min_length=1)]
    """Those of which all metrics are there are joined by `or`."""


class AlarmRule(Args):
    """One alarm of the blueprint."""

    name: AlarmName
    severity: Severity
    owner: Owner
    queries: Annotated[Sequence[Query], Field(min_length=1)]
    """Those of which all metrics are there are joined by `or`. `$threshold` stands for the threshold,
    `$platform_namespaces` for a pattern of the namespaces of the platform's systems."""

    threshold: float | None = None
    unit: str = ""
    """Of the threshold."""

    for_minutes: Annotated[int, Field(ge=0)] = 5
    summary: str
    """What is wrong, in one sentence."""

    meaning: str
    """What it does to whom."""

    steps: Annotated[Sequence[str], Field(min_length=1)]
    """What to look at and what to do, in this order."""

    silenced_by: Mapping[AlarmName, Sequence[str]] = {}
    """Alarms that say more: as long as one fires with the same of these labels, this one is silent."""


class RuleGroup(Args):
    """A file of rules."""

    title: str
    jobs: Sequence[str] = ()
    """Kinds of jobs that its alarms are about. Empty: all. Tenants that run none of them do not get them."""

    recordings: Sequence[RecordingRule] = ()
    alarms: Sequence[AlarmRule] = ()


@functools.cache
def rule_groups() -> Mapping[str, RuleGroup]:
    """All rules, by the names of their files."""
    files = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
    return {path.stem: RuleGroup(**yaml.safe_load(path.read_text(encoding="utf-8"))) for path in files}


@dataclass(frozen=True)
class Recording:
    """A recording rule of an environment."""

    name: str
    query: str
    group: str


@dataclass(frozen=True)
class Alarm:
    """An alarm of an environment.

    query: whole, with its threshold; unit: of the threshold; comparison: with it, such as `<`; runbook: address of what
    to do; silenced_by: labels by the alarm that says more; jobs: kinds of jobs that it is about, empty for all.
    """

    name: str
    group: str
    severity: Severity
    owner: Owner
    query: str
    for_minutes: int
    summary: str
    runbook: str
    threshold: float | None = None
    unit: str = ""
    comparison: str = ""
    silenced_by: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    jobs: Sequence[str] = ()


@dataclass(frozen=True)
class Rules:
    """The rules of an environment.

    missing: the metrics that keep alarms out, by alarm; known: all alarms that there could be.
    """

    recordings: Sequence[Recording]
    alarms: Sequence[Alarm]
    missing: Mapping[str, Sequence[str]]
    known: Mapping[str, AlarmRule]


def plan_rules(
    args: ObservabilityArgs,
    monitors: Mapping[str, Monitor],
    groups: Mapping[str, RuleGroup],
    namespaces: Collection[str] = (),
) -> Rules:
    """The rules of which all metrics are there. groups: by name; namespaces: of the platform's systems."""
    recordings = plan_recordings(groups, monitors)
    there = provided(monitors) | {recording.name for recording in recordings}
    spaces = "|".join(sorted(namespaces))
    alarms: list[Alarm] = []
    missing: dict[str, Sequence[str]] = {}
    for group, rules in groups.items():
        for rule in rules.alarms:
            setting = args.alarms.get(rule.name, AlarmArgs())
            queries = [query for query in rule.queries if _read(query) <= there]
            if not queries:
                missing[rule.name] = sorted(_read(rule.queries[0]) - there)
            elif setting.enabled:
                alarms.append(_alarm(rule, (group, rules), queries, setting, args.runbooks, spaces))
    names = {alarm.name for alarm in alarms}
    for name, own in args.own_alarms.items():
        alarms.append(_own(name, own))
        names.add(name)
    known = {rule.name: rule for group in groups.values() for rule in group.alarms}
    return Rules(recordings, [_without_silent(alarm, names) for alarm in alarms], missing, known)


def provided(monitors: Mapping[str, Monitor]) -> set[str]:
    """The metrics that monitors bring, `up` among them."""
    brought = {metric for monitor in monitors.values() for metric in monitor.metrics}
    return {*brought, "up", "ALERTS", "scrape_samples_scraped", "scrape_samples_post_metric_relabeling"}


def plan_recordings(groups: Mapping[str, RuleGroup], monitors: Mapping[str, Monitor]) -> list[Recording]:
    """What can be recorded; each may read those before it."""
    there = provided(monitors)
    found: list[Recording] = []
    for group, rules in groups.items():
        for rule in rules.recordings:
            queries = [query for query in rule.queries if promql.metrics(query) <= there]
            if queries:
                found.append(Recording(rule.record, " or ".join(_whole(queries)), group))
                there.add(rule.record)
    return found


def _read(query: str) -> set[str]:
    return promql.metrics(with_threshold(query, 0))


def with_threshold(query: str, threshold: float | None, namespaces: str = "") -> str:
    """A query with its threshold in place of `$threshold`, and a pattern of the platform's namespaces."""
    return string.Template(query).substitute(threshold=f"{threshold or 0:.10g}", platform_namespaces=namespaces)


def _whole(queries: Sequence[str]) -> list[str]:
    return [query.strip() if len(queries) == 1 else f"({query.strip()})" for query in queries]


def _alarm(
    rule: AlarmRule,
    group: tuple[str, RuleGroup],
    queries: Sequence[str],
    setting: AlarmArgs,
    runbooks: str,
    namespaces: str,
) -> Alarm:
    threshold = rule.threshold if setting.threshold is None else setting.threshold
    return Alarm(
        name=rule.name,
        group=group[0],
        jobs=group[1].jobs,
        severity=setting.severity or rule.severity,
        owner=rule.owner,
        query=" or ".join(_whole([with_threshold(query, threshold, namespaces) for query in queries])),
        for_minutes=rule.for_minutes if setting.for_minutes is None else setting.for_minutes,
        summary=rule.summary,
        runbook=f"{runbooks}#{rule.name.lower()}",
        threshold=threshold,
        unit=rule.unit,
        comparison=_comparison(queries),
        silenced_by=rule.silenced_by,
    )


def _comparison(queries: Sequence[str]) -> str:
    """How values are compared with the threshold, "" where there is none."""
    found = {match[1] for query in queries for match in re.finditer(r"([<>]=?)\s*\$threshold", query)}
    return found.pop() if len(found) == 1 else ""


def _own(name: str, own: OwnAlarmArgs) -> Alarm:
    return Alarm(name, "own", own.severity, own.owner, own.query, own.for_minutes, own.summary, own.runbook)


def _without_silent(alarm: Alarm, names: set[str]) -> Alarm:
    there = {name: labels for name, labels in alarm.silenced_by.items() if name in names}
    return alarm if len(there) == len(alarm.silenced_by) else replace(alarm, silenced_by=there)


def rule_problems(
    args: ObservabilityArgs,
    monitors: Mapping[str, Monitor],
    others: Mapping[str, Monitor],
    rules: Rules,
    unrecorded: Mapping[str, str],
) -> Iterator[Problem]:
    """What is wrong with settings of alarms and own alarms.

    others: the monitors of systems that do not run; unrecorded: queries by the names that nothing records, and that
    must be written out.
    """
    known = rules.known
    for name, setting in args.alarms.items():
        path = f"alarms.{name}"
        if name not in known:
            yield Problem(path, None, one_of(name, known, "an alarm of the blueprint"))
            continue
        if setting.threshold is not None and known[name].threshold is None:
            yield Problem(f"{path}.threshold", setting.threshold, "this alarm has no threshold")
        if setting.enabled and name in rules.missing:
            yield Problem(path, None, f"reads {_missing(rules.missing[name], others)}")
    for name, own in args.own_alarms.items():
        path = f"ownAlarms.{name}"
        if name in known:
            yield Problem(path, None, "is the name of an alarm of the blueprint; choose another")
        wrong = [*query_problems(f"{path}.query", own.query, monitors, others, rules.recordings)]
        yield from wrong
        if not wrong:
            try:
                promql.written_out(own.query, unrecorded)
            except ValueError as error:
                message = f"{error}, which managed Prometheus does not record; select by labels of what it is made of"
                yield Problem(f"{path}.query", own.query, message)
        if own.owner == "tenant" and "namespace" not in own.summary:
            message = "a tenant's alarm is about a namespace; name it as {{ $labels.namespace }}"
            yield Problem(f"{path}.summary", own.summary, message)


def query_problems(
    path: str,
    query: str,
    monitors: Mapping[str, Monitor],
    others: Mapping[str, Monitor],
    recordings: Sequence[Recording],
) -> Iterator[Problem]:
    """What is wrong with a query: it cannot be parsed, or reads what nothing brings."""
    fault = promql.fault(query)
    if fault is not None:
        yield Problem(path, query, fault)
        return
    labels = labels_of(monitors)
    there = provided(monitors) | {recording.name for recording in recordings}
    missing = sorted(promql.metrics(query) - there)
    if missing:
        yield Problem(path, query, f"reads {_missing(missing, others)}")
    for selector in promql.selectors(query):
        unknown = selector.labels - labels.get(selector.metric, selector.labels)
        if unknown:
            yield Problem(path, query, f"{selector.metric} has no label {', '.join(sorted(unknown))}")


def labels_of(monitors: Mapping[str, Monitor]) -> Mapping[str, frozenset[str]]:
    """The labels of each metric that monitors bring, those of its targets among them."""
    labels: dict[str, frozenset[str]] = {}
    for monitor in monitors.values():
        for metric in monitor.metrics.values():
            added = {re.sub(r"[^a-zA-Z0-9_]", "_", label) for label in monitor.target_labels}
            clashing = {f"exported_{label}" for label in metric.labels & TARGET_LABELS}
            own = metric.labels | TARGET_LABELS | added | clashing
            labels[metric.name] = labels.get(metric.name, frozenset()) | own
    return labels


def _missing(metrics: Sequence[str], others: Mapping[str, Monitor]) -> str:
    """What says that metrics are not there, and which systems would bring them."""
    said: list[str] = []
    for metric in metrics:
        systems = sorted({system for m in others.values() if metric in m.metrics for system in m.systems})
        where = f"which {' or '.join(systems)} brings, and does not run" if systems else "which nothing brings"
        said.append(f"{metric}, {where}")
    return "; ".join(said)
