"""Monitoring as resources, in both flavours."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule, ServiceMonitor

from components.inputs import InvalidInput
from components.observability import Audience, Monitoring, ObservabilityArgs, plan_monitoring, prometheus_values
from components.platform.planning import form_of
from components.platform.values import value_problems
from stacks.preview.recording import Recorded, Recording
from support import named, recorded

from .watching import ON_CALL, TENANTS, planned, watched

RULE = "alicloud:arms/prometheusAlertRule:PrometheusAlertRule"
DISPATCH = "alicloud:arms/dispatchRule:DispatchRule"
MODELS = {"PodMonitor": PodMonitor, "ServiceMonitor": ServiceMonitor, "PrometheusRule": PrometheusRule}


def _upstream(**said: Any) -> Recording:
    plan = planned("upstream", **said)
    return recorded(lambda: Monitoring("monitoring", plan, name="acme-test", namespace="monitoring"))


def _ack(**said: Any) -> Recording:
    plan = planned("ack", **said)
    return recorded(lambda: Monitoring("monitoring", plan, name="acme-test", namespace="arms-prom", cluster_id="c1234"))


def _of(recording: Recording, *types: str) -> list[Recorded]:
    return [resource for resource in recording.resources if resource.type.rpartition(":")[2] in types]


def test_objects_are_those_of_the_prometheus_operator() -> None:
    found = _of(_upstream(), *MODELS)
    assert {resource.type.rpartition(":")[2] for resource in found} == MODELS.keys()
    for resource in found:
        kind = resource.type.rpartition(":")[2]
        MODELS[kind].model_validate({"apiVersion": "monitoring.coreos.com/v1", "kind": kind, **resource.inputs})


def test_upstream_has_rules_and_dashboards_in_the_cluster() -> None:
    recording = _upstream()
    assert not _of(recording, "PrometheusAlertRule")
    rules = named(recording, "monitoring-ray-rules").inputs["spec"]["groups"][0]["rules"]
    head = next(rule for rule in rules if rule["alert"] == "RayHeadRestarted")
    assert head["labels"] == {"severity": "critical", "owner": "tenant"}
    assert head["annotations"]["runbook_url"] == "docs/runbooks.md#rayheadrestarted"
    dashboard = named(recording, "monitoring-dashboard-ray").inputs
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["metadata"]["annotations"] == {"grafana_folder": "Jobs"}
    assert json.loads(dashboard["data"]["ray.json"])["uid"] == "ray"


def test_managed_prometheus_finds_its_monitors() -> None:
    found = _of(_ack(), "PodMonitor", "ServiceMonitor")
    assert found
    for resource in found:
        assert resource.inputs["metadata"]["annotations"] == {"arms.prometheus.io/discovery": "true"}


def test_managed_alarms_reach_those_whom_they_concern() -> None:
    recording = _ack()
    platform, data = (named(recording, f"monitoring-RayHeadRestarted{end}").inputs for end in ("", "-data"))
    assert platform["prometheusAlertRuleName"] == "acme-test-RayHeadRestarted"
    assert data["prometheusAlertRuleName"] == "acme-test-RayHeadRestarted-data"
    assert 'kube_namespace_status_phase{namespace=~"ray|spark"}' in data["expression"]
    assert "kube_namespace_status_phase" not in platform["expression"]
    # Minutes as text, never none.
    assert data["duration"] == "1"
    assert data["notifyType"] == "DISPATCH_RULE"
    assert data["clusterId"] == "c1234"
    assert data["message"] == "The Ray head {{$labels.namespace}}/{{$labels.pod}} restarted"


def test_each_combination_of_targets_has_one_dispatch_rule_that_matches_its_own_alarms() -> None:
    recording = _ack()
    patterns: dict[str, str] = {}
    for rule in _of(recording, "DispatchRule"):
        (grid,) = rule.inputs["labelMatchExpressionGrids"]
        (group,) = grid["labelMatchExpressionGroups"]
        (expression,) = group["labelMatchExpressions"]
        patterns[rule.inputs["dispatchRuleName"]] = expression["value"]
    assert patterns.keys() == {"acme-test-platform", "acme-test-data"}
    alarms = [rule.inputs["prometheusAlertRuleName"] for rule in _of(recording, "PrometheusAlertRule")]
    sent = [alarm for alarm in alarms if any(re.fullmatch(pattern, alarm) for pattern in patterns.values())]
    assert not any(re.match(patterns["acme-test-platform"], alarm) for alarm in alarms if alarm.endswith("-data"))
    assert {alarm for alarm in alarms if re.fullmatch(patterns["acme-test-data"], alarm)} == {
        alarm for alarm in alarms if alarm.endswith("-data")
    }
    assert "acme-test-RayHeadRestarted" in sent


def test_who_is_told_is_no_part_of_an_alarms_name() -> None:
    """Another name is another rule, which replaces the one there was."""
    night = {"phone": ["13800000000"]}
    args = ObservabilityArgs.model_validate(
        {"targets": {"night": night}, "routes": [{"targets": ["night"], "severities": ["critical"]}]}
    )
    targets = {"platform": ON_CALL, "night": args.targets["night"]}
    plan = plan_monitoring(args, watched("ack", audience=Audience(targets, TENANTS)))
    other = recorded(
        lambda: Monitoring("monitoring", plan, name="acme-test", namespace="arms-prom", cluster_id="c1234")
    )
    names = {rule.name: rule.inputs["prometheusAlertRuleName"] for rule in _of(_ack(), "PrometheusAlertRule")}
    after = {rule.name: rule.inputs["prometheusAlertRuleName"] for rule in _of(other, "PrometheusAlertRule")}
    assert {name: names[name] for name in names.keys() & after.keys()} == {
        name: after[name] for name in names.keys() & after.keys()
    }


def test_channels_follow_the_ways_of_the_targets() -> None:
    night = {"phone": ["13800000000"], "dingtalk": ["https://oapi.dingtalk.com/robot/send?access_token=x"]}
    routes = [{"targets": ["night", "platform"], "owner": "platform", "severities": ["critical"]}]
    args = ObservabilityArgs.model_validate({"targets": {"night": night}, "routes": routes})
    targets = {"platform": ON_CALL, "night": args.targets["night"]}
    plan = plan_monitoring(args, watched("ack", audience=Audience(targets, TENANTS)))
    recording = recorded(
        lambda: Monitoring("monitoring", plan, name="acme-test", namespace="arms-prom", cluster_id="c1234")
    )
    (notify,) = named(recording, "monitoring-to-night-and-platform").inputs["notifyRules"]
    assert notify["notifyChannels"] == ["email", "sms", "dingTalk"]
    assert len(notify["notifyObjects"]) == 3


def test_replaced_alarms_go_first() -> None:
    rule = named(_ack(), "monitoring-NodeNotReady")
    assert rule.options.delete_before_replace


def test_nothing_in_the_cluster_where_nothing_reaches_it() -> None:
    plan = planned("ack")
    recording = recorded(
        lambda: Monitoring(
            "monitoring", plan, name="acme-test", namespace="arms-prom", cluster_id="c1234", in_cluster=False
        )
    )
    assert not [r for r in recording.resources if r.type.startswith("kubernetes:")]
    assert _of(recording, "PrometheusAlertRule")


def test_managed_prometheus_needs_the_cluster() -> None:
    with pytest.raises(InvalidInput, match="watches a cluster by its id"):
        recorded(lambda: Monitoring("monitoring", planned("ack"), name="acme-test", namespace="arms-prom"))


def test_values_of_the_chart() -> None:
    values = prometheus_values(planned(metrics={"retentionDays": 7, "storageGib": 20, "storageClass": "fast"}))
    spec = values["prometheus"]["prometheus"]["prometheusSpec"]
    assert (spec["retention"], spec["retentionSize"]) == ("7d", "18GiB")
    assert spec["storageSpec"]["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
    assert values["prometheus"]["defaultRules"] == {"create": False}
    assert values["job-queue"]["enablePrometheus"] is True
    assert values["gpu-exporter"] == {"serviceMonitor": {"enabled": False}}
    for system, set_values in values.items():
        assert not list(value_problems(form_of(system, "upstream").package, set_values)), system
    # Managed Prometheus has no chart.
    assert prometheus_values(planned("ack")).keys() == {"gpu-exporter", "job-metrics"}


def _value(values: Mapping[str, Any], path: str) -> Any:
    for key in path.split("."):
        values = values[key]
    return values


def test_monitors_of_charts_keep_what_the_catalog_names() -> None:
    plan = planned(metrics={"intervalSeconds": 45, "whole": ["kubelet"]})
    values = prometheus_values(plan)
    kept = {name for name, m in plan.monitors.items() if m.kind == "chart"} - {"kubelet", "kueue", "cost-exporter"}
    assert kept
    for name in kept:
        monitor = plan.monitors[name]
        *_, last = _value(values["prometheus"], monitor.relabelings)
        assert (last["action"], set(last["regex"].split("|"))) == ("keep", monitor.metrics.keys())
        assert _value(values["prometheus"], monitor.switch) is True
    kubelet = values["prometheus"]["kubelet"]["serviceMonitor"]
    assert (kubelet["metricRelabelings"], kubelet["cAdvisorInterval"], kubelet["probes"]) == ([], "45s", False)
    # What kube-state-metrics tells, too, would be there twice.
    cost = values["cost-exporter"]["opencost"]["metrics"]["serviceMonitor"]
    (dropped,) = cost["metricRelabelings"]
    assert dropped["action"] == "drop"
    assert "kube_pod_status_phase" in dropped["regex"].split("|")
    assert cost["scrapeInterval"] == "45s"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("kube-state-metrics", "prometheus.kubeStateMetrics.enabled"),
        ("cadvisor", "prometheus.kubelet.serviceMonitor.cAdvisor"),
        ("kubelet", "prometheus.kubelet.serviceMonitor.kubelet"),
        ("node-exporter", "prometheus.nodeExporter.enabled"),
        ("apiserver", "prometheus.kubeApiServer.enabled"),
        ("kueue", "job-queue.enablePrometheus"),
        ("gpu-exporter", "gpu-exporter.serviceMonitor.enabled"),
    ],
)
def test_what_is_excluded_is_not_read(name: str, path: str) -> None:
    assert _value(prometheus_values(planned(metrics={"excluded": [name]})), path) is False


def test_without_an_endpoint_there_is_no_monitor() -> None:
    values = prometheus_values(planned(metrics={"excluded": ["kubelet", "cadvisor"]}))
    assert _value(values["prometheus"], "kubelet.serviceMonitor.enabled") is False
