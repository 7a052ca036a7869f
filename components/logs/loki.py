"""Loki and Alloy: values of their charts that follow from what is collected.

Sources: grafana/alloy@66ebea8 docs/sources/reference/components/{discovery,loki}; grafana/loki@65e30f8 docs/sources/
operations/storage/retention.md; grafana-community/helm-charts@3386a11 charts/loki. All of August 2026. Nothing of it
was rendered or run.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .args import Kind, LogKindArgs
from .formats import ERROR_LEVELS, FORMATS, HOLDS_TRACE, LEVELS, SPARK_LOGGER
from .planning import JOB_LABELS, LOKI, LogPlan, Pipeline
from .questions import LogAlarm, log_alarms, runbook

ALLOY = "alloy"
ALERTS = "prometheus"
"""The system whose Alertmanager tells of alarms."""

SINGLE_TENANT = "fake"
"""How Loki calls its only tenant where it has no authentication."""

RULES = "/rules"

JSON_FIELDS: Mapping[str, str] = {"level": "level || levelname", "logger": "logger || name"}
"""Fields out of JSON, as JMESPath."""

KEPT_FIELDS = ("logger", "rank", "component", "pid")
"""Fields that entries keep beside their labels."""


def log_values(plan: LogPlan) -> Mapping[str, Mapping[str, Any]]:
    """Values by system; none on ACK."""
    if plan.logged.flavor != "upstream":
        return {}
    return {LOKI: _loki(plan), ALLOY: {"alloy": {"configMap": {"content": _escaped(configuration(plan))}}}}


def _loki(plan: LogPlan) -> Mapping[str, Any]:
    streams = [
        {"selector": _selector(tenant=store.tenant, kind=store.kind), "priority": 1, "period": _hours(days)}
        for store in plan.stores
        if (days := store.retention_days) is not None
    ]
    longest = max((store.retention_days or 0 for store in plan.stores), default=1)
    # A line of more than 256 KiB would be lost as a whole. Source: grafana/loki, pkg/validation/limits.go.
    limits = {"retention_period": _hours(longest), "retention_stream": streams, "max_line_size_truncate": True}
    values: dict[str, Any] = {"limits_config": limits}
    if ALERTS not in plan.logged.systems:
        return {"loki": values}
    values["rulerConfig"] = {
        "storage": {"type": "local", "local": {"directory": RULES}},
        "rule_path": "/tmp/rules",  # noqa: S108
        "alertmanager_url": f"http://alertmanager-operated.{plan.logged.systems[ALERTS]}:9093",
        "enable_alertmanager_v2": True,
        "ring": {"kvstore": {"store": "inmemory"}},
    }
    groups = {"groups": [{"name": "logs", "rules": [rule(alarm, plan) for alarm in log_alarms(plan)]}]}
    rules = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "log-alarms", "labels": {"loki_rule": ""}},
        # JSON is YAML, too.
        "data": {"logs.yaml": json.dumps(groups, indent=1)},
    }
    return {
        "loki": values,
        "ruler": {"enabled": True},
        "sidecar": {"rules": {"folder": f"{RULES}/{SINGLE_TENANT}"}},
        "extraObjects": [rules],
    }


def _hours(days: int) -> str:
    return f"{days * 24}h"


def _selector(**labels: str) -> str:
    """What has some labels; an empty text stands for those that lack one."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def rule(alarm: LogAlarm, plan: LogPlan) -> dict[str, Any]:
    """An alarm as Loki's ruler reads it."""
    kinds = "|".join(alarm.kinds)
    stream, window = f'{{kind=~"{kinds}"}}', f"[{alarm.minutes}m]"
    if alarm.silence:
        query = f"absent_over_time({stream} {window})"
    else:
        levels = "|".join(ERROR_LEVELS)
        found = f'{{kind=~"{kinds}", level=~"{levels}"}}' if not alarm.line else f"{stream} |~ `{alarm.line}`"
        query = f"sum by (tenant, namespace) (count_over_time({found} {window})) >= {alarm.threshold}"
    return {
        "alert": alarm.name,
        "expr": query,
        "labels": {"severity": alarm.severity, "owner": alarm.owner},
        "annotations": {"summary": alarm.title, "runbook_url": runbook(alarm, plan)},
    }


def _escaped(text: str) -> str:
    """What the chart takes for a template, and must not."""
    return text.replace("{{", '{{ "{{" }}')


def configuration(plan: LogPlan) -> str:
    """Alloy's configuration: one discovery of pods, and a chain for each pipeline."""
    blocks = ['discovery.kubernetes "pods" {\n  role = "pod"\n}']
    for pipeline in plan.pipelines:
        blocks += _chain(pipeline, plan)
    if plan.args.events.enabled:
        blocks += [
            'loki.source.kubernetes_events "events" {\n  log_format = "json"\n'
            "  forward_to = [loki.process.events.receiver]\n}",
            _block('loki.process "events"', [*_static({"kind": "events"}), FORWARD]),
        ]
    url = f"http://{LOKI}.{plan.logged.systems[LOKI]}:3100/loki/api/v1/push"
    blocks.append(_block('loki.write "default"', ["endpoint {", f"  url = {_text(url)}", "}"]))
    return "\n\n".join(blocks) + "\n"


FORWARD = "forward_to = [loki.write.default.receiver]"


def _block(head: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"])


def _text(text: str) -> str:
    """A text as it is: between backquotes nothing is escaped."""
    return f"`{text}`"


def _stage(name: str, **arguments: Any) -> list[str]:
    return [f"stage.{name} {{", *(f"  {key} = {value}" for key, value in arguments.items()), "}"]


def _static(labels: Mapping[str, str]) -> list[str]:
    entries = ", ".join(f"{name} = {_text(value)}" for name, value in labels.items())
    return _stage("static_labels", values=f"{{ {entries} }}")


def _chain(pipeline: Pipeline, plan: LogPlan) -> Iterator[str]:
    key = pipeline.name.replace("-", "_")
    rules = [*_rules(pipeline)]
    lines = ["targets = discovery.kubernetes.pods.targets", *(line for each in rules for line in each)]
    yield _block(f'discovery.relabel "{key}"', lines)
    yield _block(
        f'loki.source.kubernetes "{key}"',
        [f"targets    = discovery.relabel.{key}.output", f"forward_to = [loki.process.{key}.receiver]"],
    )
    yield _block(f'loki.process "{key}"', [*_stages(pipeline, plan), FORWARD])


def _rule(**arguments: str) -> list[str]:
    return ["rule {", *(f"  {key} = {value}" for key, value in arguments.items()), "}"]


def _rules(pipeline: Pipeline) -> Iterator[list[str]]:
    """Which pods a pipeline reads, and what their entries are labelled with."""
    spaces = "|".join(pipeline.namespaces)
    yield _rule(source_labels='["__meta_kubernetes_namespace"]', regex=_text(spaces), action='"keep"')
    for labels, action in ((pipeline.included, '"keep"'), (pipeline.excluded, '"drop"')):
        for label, value in labels.items():
            kind = "label" if value else "labelpresent"
            source = f'["__meta_kubernetes_pod_{kind}_{_meta(label)}"]'
            yield _rule(source_labels=source, regex=_text(value or "true"), action=action)
    named = {
        "namespace": "__meta_kubernetes_namespace",
        "pod": "__meta_kubernetes_pod_name",
        "container": "__meta_kubernetes_pod_container_name",
        **{
            name: f"__meta_kubernetes_pod_label_{_meta(label)}"
            for label, name in JOB_LABELS.items()
            if pipeline.kind != "platform"
        },
    }
    for name, source in named.items():
        yield _rule(source_labels=f'["{source}"]', target_label=f'"{name}"')
    for name, value in (("tenant", pipeline.tenant), ("kind", pipeline.kind)):
        if value:
            yield _rule(target_label=f'"{name}"', replacement=_text(value))


def _meta(label: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in label)


def _stages(pipeline: Pipeline, plan: LogPlan) -> Iterator[str]:
    """What happens to entries: traces put together, fields, the engine told from the program, what is left out."""
    if pipeline.format:
        form = FORMATS[pipeline.format]
        yield from _stage("multiline", firstline=_text(f"^{form.starts}"), max_wait_time='"3s"', max_lines="512")
        for part in form.parts:
            yield from _stage("regex", expression=_text(f"^{part}$"))
        if form.json:
            fields = ", ".join(f"{name} = {_text(path)}" for name, path in JSON_FIELDS.items())
            yield from _stage("json", expressions=f"{{ {fields} }}")
        yield from _stage("labels", values='{ level = "" }')
        names = ", ".join(f'{name} = ""' for name in KEPT_FIELDS)
        yield from _stage("structured_metadata", values=f"{{ {names} }}")
    kinds: list[Kind] = [pipeline.kind]
    if pipeline.format == "spark":
        kinds.append("engine")
        selector = f"{_selector(kind='business')} |~ {_quoted(SPARK_LINE)}"
        if plan.args.engine.enabled:
            yield from _match(selector, _static({"kind": "engine"}))
        else:
            yield from _stage("match", selector=json.dumps(selector), action='"drop"')
    for kind in kinds:
        yield from _volume(kind, plan.kind_args(kind), structured=bool(pipeline.format))


SPARK_NAME = SPARK_LOGGER.replace(".*", "[^:]*")
SPARK_LINE = rf'^(?:\d\S+ \S+ [A-Z]+ (?:{SPARK_NAME}): |\{{.*"logger":"(?:{SPARK_NAME})")'
"""A line that Spark itself wrote, by its text: what is chosen by fields cannot be labelled anew."""


def _quoted(text: str) -> str:
    return json.dumps(text)


def _match(selector: str, stages: Sequence[str]) -> list[str]:
    return ["stage.match {", f"  selector = {json.dumps(selector)}", *(f"  {line}" for line in stages), "}"]


def _volume(kind: Kind, said: LogKindArgs, *, structured: bool) -> Iterator[str]:
    """What is left out of one kind."""
    if structured and said.dropped_levels:
        levels = "|".join(LEVELS[level] for level in said.dropped_levels)
        selector = f'{{kind="{kind}", level=~"{levels}"}} !~ {_quoted(HOLDS_TRACE)}'
        yield from _stage("match", selector=json.dumps(selector), action='"drop"')
    if said.keep_percent is not None:
        levels = "|".join(LEVELS.values())
        lower = f'{{kind="{kind}", level=~"{levels}"}} !~ {_quoted(HOLDS_TRACE)}'
        selector = lower if structured else f'{{kind="{kind}"}}'
        yield from _match(selector, _stage("sampling", rate=f"{said.keep_percent / 100:g}"))
    if said.lines_per_second is not None:
        rate = str(said.lines_per_second)
        yield from _match(f'{{kind="{kind}"}}', _stage("limit", rate=rate, burst=rate, drop="true"))
