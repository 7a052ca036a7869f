"""Stores, pipelines, alarms and dashboards of Log Service as resources take them.

Sources: help.aliyun.com/zh/sls/kubernetes-cr-parameter-description; alibaba/loongcollector@f02d980 (2026-08-13), docs
and core/plugin; terraform-provider-alicloud@81c43b6 (2026-08-21); vendor SDK samples of built-in alerts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .args import LogKindArgs
from .formats import FORMATS, HOLDS_TRACE, LEVELS, SPARK_LOGGER, keys, unnamed
from .planning import CLUSTER_ID, JOB_LABELS, LogPlan, Pipeline, StorePlan
from .questions import LogAlarm, SavedQuery, runbook

SEPARATORS = " #$^*\r\n\t.,;:='\"()[]{}<>/"
"""Characters between the words that can be searched for. Dots part packages from what is in them."""

API = "telemetry.alibabacloud.com/v1alpha1"
OLDER_API = "log.alibabacloud.com/v1alpha1"

LEVEL_KEYS = ("level", "levelname")
"""Fields that tell the level: of expressions and most JSON, and of Ray's."""

SEVERITIES = {"critical": 10, "warning": 6, "info": 2}
"""Log Service's numbers: critical, medium, report. Source: aliyun/aliyun-log-go-sdk@3e2987e client_alert.go."""


def store_inputs(store: StorePlan) -> dict[str, Any]:
    """What a store is made with, besides its project."""
    return {
        "logstore_name": store.name,
        "retention_period": store.retention_days,
        **({"hot_ttl": store.hot_days} if store.hot_days else {}),
        "auto_split": True,
        "max_split_shard_count": 64,
    }


def index_inputs(store: StorePlan) -> dict[str, Any]:
    """What of a store can be searched. A field without a type would be a number."""
    fields = [
        {"name": name, "type": kind, "token": SEPARATORS, "enable_analytics": True}
        for name, kind in store.fields.items()
    ]
    return {
        "full_text": {"case_sensitive": False, "token": SEPARATORS},
        **({"field_searches": fields} if fields else {}),
    }


def pipeline_spec(pipeline: Pipeline, plan: LogPlan, project: Any) -> dict[str, Any]:
    """The spec of a `ClusterAliyunPipelineConfig`. project: its name, which may be known later.

    Stores are not in it: they would only be made, and never changed.
    """
    processors = _processors(pipeline, plan.kind_args(pipeline.kind), plan)
    timed = any(processor["Type"] == "processor_parse_timestamp_native" for processor in processors)
    return {
        "project": {"name": project},
        "config": {
            **({"global": {"EnableTimestampNanosecond": True}} if timed else {}),
            "inputs": [_input(pipeline)],
            **({"processors": processors} if processors else {}),
            "flushers": [{"Type": "flusher_sls", "Logstore": pipeline.store}],
        },
    }


def _input(pipeline: Pipeline) -> dict[str, Any]:
    filters: dict[str, Any] = {"K8sNamespaceRegex": _namespaces(pipeline)}
    if pipeline.included:
        filters["IncludeK8sLabel"] = _labels(pipeline.included)
    if pipeline.excluded:
        filters["ExcludeK8sLabel"] = _labels(pipeline.excluded)
    if pipeline.path:
        # KubeRay's collector mounts the same directory; it alone has this variable, and would bring every line again.
        filters["ExcludeEnv"] = {"RAY_ROLE": ""}
    shared: dict[str, Any] = {"ContainerFilters": filters}
    if pipeline.kind != "platform":
        shared["ExternalK8sLabelTag"] = dict(JOB_LABELS)
    if pipeline.format:
        form = FORMATS[pipeline.format]
        # A line that may continue an entry does; every other one begins one.
        patterns = {"StartPattern": r"\S.*", "ContinuePattern": f"{form.continues}.*"}
        shared["Multiline"] = {
            "Mode": "custom",
            **(patterns if form.continues else {"StartPattern": f"{form.starts}.*"}),
            "UnmatchedContentTreatment": "single_line",
        }
    if pipeline.path:
        return {
            "Type": "input_file",
            "FilePaths": [pipeline.path],
            **({"ExcludeFiles": list(pipeline.excluded_files)} if pipeline.excluded_files else {}),
            "EnableContainerDiscovery": True,
            **shared,
        }
    return {
        "Type": "input_container_stdio",
        "IgnoringStdout": "stdout" not in pipeline.streams,
        "IgnoringStderr": "stderr" not in pipeline.streams,
        **({"AllowingIncludedByMultiConfigs": True} if pipeline.shared else {}),
        **shared,
    }


def _namespaces(pipeline: Pipeline) -> str:
    return f"^({'|'.join(pipeline.namespaces)})$"


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels as filters take them: an expression between ^ and $, or an empty text for any value."""
    return {key: f"^{value}$" if value else "" for key, value in labels.items()}


def _processors(pipeline: Pipeline, said: LogKindArgs, plan: LogPlan) -> list[dict[str, Any]]:
    """What happens to entries. What does not match an expression keeps its content for the next."""
    found: list[dict[str, Any]] = []
    if pipeline.format:
        form = FORMATS[pipeline.format]
        found += [
            {
                "Type": "processor_parse_regex_native",
                "SourceKey": "content",
                "Regex": unnamed(part),
                "Keys": keys(part),
                "KeepingSourceWhenParseFail": True,
            }
            for part in form.parts
        ]
        if form.json:
            found.append(
                {"Type": "processor_parse_json_native", "SourceKey": "content", "KeepingSourceWhenParseFail": True}
            )
        if form.time and pipeline.path:
            # Lines of containers have the time that their runtime says; files have none but what they say.
            found.append(
                {
                    "Type": "processor_parse_timestamp_native",
                    "SourceKey": "time",
                    "SourceFormat": form.time,
                    "SourceTimezone": plan.args.file_time_zone,
                }
            )
    if pipeline.only == "spark":
        found.append({"Type": "processor_filter_regex_native", "Include": {"logger": SPARK_LOGGER}})
    if pipeline.only == "program":
        found.append(_without("logger", SPARK_LOGGER))
    if said.dropped_levels:
        levels = "|".join(LEVELS[level] for level in said.dropped_levels)
        found += [
            _without(key, f"(?:{levels})", but=("message", f"[\\s\\S]*{HOLDS_TRACE}[\\s\\S]*")) for key in LEVEL_KEYS
        ]
    if said.lines_per_second is not None:
        # Not a native one, so it comes last.
        found.append({"Type": "processor_rate_limit", "Limit": f"{said.lines_per_second}/s"})
    return found


def _without(key: str, text: str, but: tuple[str, str] | None = None) -> dict[str, Any]:
    """What leaves out entries of which a field matches, but for those of which another one matches another expression.

    `and` takes two. Source: alibaba/loongcollector@f02d980 core/plugin/processor/ProcessorFilterNative.cpp.
    """
    refused: dict[str, Any] = {"key": key, "type": "regex", "exp": text}
    if but is not None:
        kept = {"operator": "not", "operands": [{"key": but[0], "type": "regex", "exp": but[1]}]}
        refused = {"operator": "and", "operands": [refused, kept]}
    return {
        "Type": "processor_filter_regex_native",
        "ConditionExp": {"operator": "not", "operands": [refused]},
    }


def older_spec(pipeline: Pipeline, project: Any) -> dict[str, Any]:
    """The spec of an `AliyunLogConfig`, which Logtail reads: lines of containers as they are."""
    return {
        "project": project,
        "logstore": pipeline.store,
        "logtailConfig": {
            "inputType": "plugin",
            "configName": pipeline.name,
            "inputDetail": {
                "plugin": {
                    "inputs": [
                        {
                            "type": "service_docker_stdout",
                            "detail": {
                                "Stdout": "stdout" in pipeline.streams,
                                "Stderr": "stderr" in pipeline.streams,
                                "K8sNamespaceRegex": _namespaces(pipeline),
                            },
                        }
                    ]
                }
            },
        },
    }


def alarm_inputs(alarm: LogAlarm, store: StorePlan, plan: LogPlan, project: Any) -> dict[str, Any]:
    """What an alarm on a store is made with.

    The provider's example has `condition` and `count_condition` the wrong way round; this is the form of the vendor's
    own samples.
    """
    fields = ["namespace"] if alarm.by_namespace else []
    return {
        "alert_name": f"{store.name}-{alarm.name.lower()}",
        "display_name": f"{alarm.title}: {store.name}",
        "project_name": project,
        "description": "",
        "status": "ENABLED",
        "schedule": {"type": "FixedRate", "interval": f"{alarm.minutes}m", "run_immdiately": True, "delay": 10},
        "configuration": {
            "version": "2.0",
            "type": "default",
            "dashboard": "internal-alert-analysis",
            "query_lists": [
                {
                    "store_type": "log",
                    "region": plan.logged.region,
                    "project": project,
                    "store": store.name,
                    "query": alarm.query(plan.namespace),
                    "time_span_type": "Relative",
                    "start": f"-{alarm.minutes * 60}s",
                    "end": "now",
                    "power_sql_mode": "auto",
                }
            ],
            "group_configuration": {"type": "custom", "fields": fields} if fields else {"type": "no_group"},
            "join_configurations": [],
            "severity_configurations": [
                {
                    "severity": SEVERITIES[alarm.severity],
                    "eval_condition": {"condition": alarm.condition, "count_condition": ""},
                }
            ],
            # Named by the store, which keeps its name when its tenant gets another.
            "labels": [{"key": "store", "value": store.name}],
            "annotations": [
                {"key": "title", "value": f"{alarm.title}: {store.name}"},
                {"key": "desc", "value": f"${{entries}} entries in {alarm.minutes} minutes, in {store.name}"},
                {"key": "runbook", "value": runbook(alarm, plan)},
            ],
            "auto_annotation": True,
            "send_resolved": False,
            "threshold": 1,
            "no_data_fire": False,
            "no_data_severity": SEVERITIES[alarm.severity],
            "policy_configuration": {
                "alert_policy_id": "sls.builtin.dynamic",
                "action_policy_id": plan.args.action_policy,
                "repeat_interval": "1h",
            },
        },
    }


def charts(queries: Sequence[tuple[StorePlan, SavedQuery]], cluster_id: str | None) -> str:
    """Saved queries as the charts of a dashboard: the provider has no resource for saved searches.

    cluster_id: None while it is not known.
    """
    entries: list[dict[str, Any]] = [
        {
            "title": f"{query.name} {store.name}",
            "type": "table",
            "search": {
                "logstore": store.name.replace(CLUSTER_ID, cluster_id or CLUSTER_ID),
                "topic": "",
                "query": query.query,
                "start": "-86400s",
                "end": "now",
            },
            "display": {
                "xAxis": [],
                "yAxis": [],
                "xPos": index % 2 * 5,
                "yPos": index // 2 * 5,
                "width": 5,
                "height": 5,
                "displayName": f"{query.title}: {store.name}",
            },
            "action": {},
        }
        for index, (store, query) in enumerate(queries)
    ]
    return json.dumps(entries, separators=(",", ":"))
