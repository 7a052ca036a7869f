"""Values of charts that follow from what is watched."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..platform.values import at, merged
from .job_state import custom_resource_state, reading_rules
from .monitors import Monitor, monitors_of
from .planning import MonitoringPlan
from .routing import alertmanager_config

UNREAD: Mapping[str, Any] = {
    "kubelet.serviceMonitor.probes": False,
    "coreDns.enabled": False,
    "prometheusOperator.serviceMonitor.selfMonitor": False,
}
"""What kube-prometheus-stack reads by itself, and no monitor of the catalog stands for."""


def prometheus_values(plan: MonitoringPlan) -> Mapping[str, Mapping[str, Any]]:
    """Values by system.

    Sources: values.yaml and templates of kube-prometheus-stack 88.5.3 (82.13.3 has the same), kueue 0.19.2,
    dcgm-exporter 4.8.2, kube-state-metrics 8.4.0, opencost 2.5.17.
    """
    found: dict[str, Mapping[str, Any]] = {}
    if "gpu-exporter" in plan.watched.systems:
        # The monitor here keeps labels of the pods that hold GPUs; the chart's would read them a second time.
        found["gpu-exporter"] = {"serviceMonitor": {"enabled": False}}
    if "job-metrics" in plan.monitors:
        state = custom_resource_state(plan.watched.systems)
        found["job-metrics"] = {
            "customResourceState": {"enabled": bool(state["spec"]["resources"]), "config": state},
            "rbac": {"extraRules": reading_rules(state)},
        }
    if plan.watched.flavor == "ack":
        return found
    if "kueue" in plan.monitors:
        found["job-queue"] = {"metrics": {"prometheusNamespace": plan.watched.systems["prometheus"]}}
    return merged(found, {"prometheus": _stack(plan)}, *_brought(plan))


def _brought(plan: MonitoringPlan) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """What the monitors that charts bring read, by system."""
    args = plan.args.metrics
    for name, monitor in monitors_of("upstream").items():
        if monitor.kind != "chart" or monitor.systems[0] not in plan.watched.systems:
            continue
        said: dict[str, Any] = {}
        if monitor.switch:
            said[monitor.switch] = name in plan.monitors
        if monitor.relabelings and name in plan.monitors:
            said[monitor.relabelings] = [*monitor.dropped, *_selected(plan, monitor)]
        if monitor.interval:
            said[monitor.interval] = f"{args.interval_seconds}s"
        for path, value in said.items():
            yield {monitor.systems[0]: at(path, value)}


def _selected(plan: MonitoringPlan, monitor: Monitor) -> list[Mapping[str, Any]]:
    state = plan.monitors.get("kube-state-metrics")
    if monitor.name == "cost-exporter" and state is not None:
        # OpenCost tells of pods and nodes by the names of kube-state-metrics; twice the same cannot be joined with.
        return [{**state.kept, "action": "drop"}]
    return [] if monitor.whole or monitor.name in plan.args.metrics.whole else [monitor.kept]


def _stack(plan: MonitoringPlan) -> Mapping[str, Any]:
    args = plan.args
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{args.metrics.storage_gib}Gi"}},
        **({"storageClassName": args.metrics.storage_class} if args.metrics.storage_class else {}),
    }
    secrets = [args.smtp.password_secret] if args.smtp and args.smtp.password_secret else []
    rules = plan.rules.alarms
    own: dict[str, Any] = {
        # Ours have an owner, a runbook and tests.
        "defaultRules": {"create": False},
        "prometheus": {
            "prometheusSpec": {
                "scrapeInterval": f"{args.metrics.interval_seconds}s",
                "evaluationInterval": f"{args.metrics.interval_seconds}s",
                "retention": f"{args.metrics.retention_days}d",
                # A tenth is left for what is being written.
                "retentionSize": f"{args.metrics.storage_gib * 0.9:.0f}GiB",
                "storageSpec": {"volumeClaimTemplate": {"spec": claim}},
            }
        },
        "alertmanager": {
            "config": alertmanager_config(args, plan.watched.audience, plan.routes, rules),
            **({"alertmanagerSpec": {"secrets": secrets}} if secrets else {}),
        },
        # One monitor reads both.
        "kubelet": {"serviceMonitor": {"enabled": not plan.monitors.keys().isdisjoint({"kubelet", "cadvisor"})}},
    }
    return merged(own, *(at(path, value) for path, value in UNREAD.items()))
