"""Values of charts that follow from what is watched."""

from collections.abc import Mapping
from typing import Any

from .job_state import custom_resource_state, reading_rules
from .planning import MonitoringPlan
from .routing import alertmanager_config


def prometheus_values(plan: MonitoringPlan) -> Mapping[str, Mapping[str, Any]]:
    """Values by system.

    Sources: values.yaml of kube-prometheus-stack 88.5.3, kueue 0.19.2, dcgm-exporter 4.8.2, kube-state-metrics 8.4.0.
    """
    found: dict[str, Mapping[str, Any]] = {}
    if "gpu-exporter" in plan.monitors:
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
        found["job-queue"] = {
            "enablePrometheus": True,
            "metrics": {"prometheusNamespace": plan.watched.systems["prometheus"]},
        }
    return {**found, "prometheus": _stack(plan)}


def _stack(plan: MonitoringPlan) -> Mapping[str, Any]:
    args = plan.args
    claim: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{args.metrics.storage_gib}Gi"}},
        **({"storageClassName": args.metrics.storage_class} if args.metrics.storage_class else {}),
    }
    secrets = [args.smtp.password_secret] if args.smtp and args.smtp.password_secret else []
    rules = plan.rules.alarms
    return {
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
    }
