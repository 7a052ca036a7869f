"""Monitors, rules, routes and dashboards as resources."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from ..arms import CHANNELS, Contact, contacts, dispatch_rule
from ..inputs import Problem, require_valid
from .alarms import Alarm
from .dashboards import grafana
from .monitors import Monitor
from .planning import MonitoringPlan
from .promql import written_out
from .routing import JOINT, Delivery, deliveries, silenced

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
API = "monitoring.coreos.com/v1"

DISCOVERED = {"arms.prometheus.io/discovery": "true"}
"""Annotation of monitors that managed Prometheus finds. Source: terraform-provider-alicloud @81c43b6,
website/docs/r/arms_env_pod_monitor."""


class Monitoring(pulumi.ComponentResource):
    """What watches a cluster: monitors, recording rules, alarms with their routes, and dashboards.

    Upstream all of it lies in the cluster, for kube-prometheus-stack; the configuration of its Alertmanager is
    `alertmanager_config`, a value of the chart. On ACK monitors lie in the cluster, and alarms are those of managed
    Prometheus: there is no resource for recording rules, silence and inhibition, so that queries say all of it. Needs a
    Kubernetes provider of the cluster in `opts`, and the system `prometheus` before it: give it to `depends_on`.

    Example:

        systems = {"kuberay": "kuberay", "prometheus": "monitoring"}
        plan = plan_monitoring(ObservabilityArgs(), Watched("upstream", systems))
        Monitoring("monitoring", plan, name="acme-dev", namespace="monitoring")
    """

    plan: MonitoringPlan
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        plan: MonitoringPlan,
        *,
        name: str,
        namespace: str,
        cluster_id: pulumi.Input[str] | None = None,
        in_cluster: bool = True,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register what a plan says.

        name: first part of the alarms' names in the cloud; namespace: of the system `prometheus`; cluster_id: the ACK
        cluster, required there; in_cluster: False leaves out what lies in the cluster; deleted_with: the cluster's
        resource, whose end makes the removal of what lies in it needless. Raises `InvalidInput` before anything is
        registered.
        """
        self.plan = plan
        ack = plan.watched.flavor == "ack"
        if ack and cluster_id is None:
            require_valid([Problem("cluster_id", None, "missing; managed Prometheus watches a cluster by its id")])
        super().__init__("ack-ai-blueprint:observability:Monitoring", resource_name, None, opts)
        self._name, self._prefix, self._namespace = resource_name, name, namespace
        self._deleted_with = deleted_with
        if in_cluster:
            for monitor in plan.monitors.values():
                if monitor.kind in ("PodMonitor", "ServiceMonitor"):
                    self._monitor(monitor, DISCOVERED if ack else {})
            for dashboard in plan.dashboards:
                self._dashboard(dashboard.id, dashboard.file.folder, grafana(dashboard, plan.unrecorded))
        if ack and cluster_id is not None:
            self._managed_alarms(cluster_id)
        elif in_cluster:
            self._rules()
        self.register_outputs({"monitors": sorted(plan.monitors), "alarms": [a.name for a in plan.rules.alarms]})

    def _options(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, deleted_with=self._deleted_with)

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> Any:
        metadata: dict[str, Any] = {"name": name, "namespace": self._namespace, "labels": MANAGED}
        return {**metadata, "annotations": dict(annotations)} if annotations else metadata

    def _monitor(self, monitor: Monitor, annotations: Mapping[str, str]) -> None:
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-{monitor.name}",
            api_version=API,
            kind=monitor.kind,
            metadata=self._metadata(monitor.name, annotations),
            spec=monitor_spec(monitor, self.plan),
            opts=self._options(),
        )

    def _rules(self) -> None:
        rules = self.plan.rules
        for group in dict.fromkeys(rule.group for rule in (*rules.recordings, *rules.alarms)):
            kubernetes.apiextensions.CustomResource(
                f"{self._name}-{group}-rules",
                api_version=API,
                kind="PrometheusRule",
                metadata=self._metadata(group),
                spec={"groups": [rule_group(self.plan, group)]},
                opts=self._options(),
            )

    def _dashboard(self, name: str, folder: str, text: str) -> None:
        metadata: Any = self._metadata(f"dashboard-{name}", {"grafana_folder": folder})
        kubernetes.core.v1.ConfigMap(
            f"{self._name}-dashboard-{name}",
            # What Grafana's sidecar looks for: default of grafana-community/helm-charts, charts/grafana, values.yaml.
            metadata=metadata | {"labels": {**MANAGED, "grafana_dashboard": "1"}},
            data={f"{name}.json": text},
            opts=self._options(),
        )

    def _managed_alarms(self, cluster_id: pulumi.Input[str]) -> None:
        """Alarms of managed Prometheus, each for those whom it reaches."""
        sent = deliveries(self.plan.rules.alarms, self.plan.routes)
        reached = {name for delivery in sent for name in delivery.targets}
        audience = self.plan.watched.audience
        targets = audience.targets
        told = {
            name: contacts(
                f"{self._name}-{audience.id_of(name)}",
                f"{self._prefix}-{audience.id_of(name)}",
                pulumi.ResourceOptions(parent=self),
                mail=targets[name].mail,
                phone=targets[name].phone,
                dingtalk=targets[name].dingtalk,
            )
            for name in sorted(reached)
        }
        keys: dict[tuple[str, ...], list[str]] = {}
        for delivery in sent:
            keys.setdefault(delivery.targets, []).append(self._key(delivery))
        rules = {targets: self._dispatch(targets, told, names) for targets, names in keys.items() if targets}
        for delivery in sent:
            self._managed_alarm(cluster_id, delivery, rules.get(delivery.targets))

    def _key(self, delivery: Delivery) -> str:
        """What an alarm is called for those whom it reaches: who they are is no part of it, so that routes may change
        without another rule."""
        about = "others" if delivery.outside else self.plan.watched.audience.id_of(delivery.tenant)
        return "-".join([delivery.alarm.name, *([about] if about else [])])

    def _joined(self, targets: Sequence[str]) -> str:
        return JOINT.join(map(self.plan.watched.audience.id_of, targets))

    def _dispatch(
        self, targets: Sequence[str], contacts: Mapping[str, Sequence[Contact]], keys: Sequence[str]
    ) -> alicloud.arms.DispatchRule:
        found = [self.plan.watched.audience.targets[target] for target in targets]
        joined = self._joined(targets)
        return dispatch_rule(
            f"{self._name}-to-{joined}",
            f"{self._prefix}-{joined}",
            f"^{self._prefix}-({'|'.join(keys)})$",
            [
                {"notify_object_id": contact.resource.id, "notify_type": "ARMS_CONTACT", "name": contact.name}
                for target in targets
                for contact in contacts[target]
            ],
            [channel for channel in CHANNELS if any(getattr(target, channel) for target in found)],
            pulumi.ResourceOptions(parent=self),
        )

    def _managed_alarm(
        self, cluster_id: pulumi.Input[str], delivery: Delivery, rule: alicloud.arms.DispatchRule | None
    ) -> None:
        alarm, key = delivery.alarm, self._key(delivery)
        alicloud.arms.PrometheusAlertRule(
            f"{self._name}-{key}",
            cluster_id=cluster_id,
            prometheus_alert_rule_name=f"{self._prefix}-{key}",
            expression=managed_query(self.plan, delivery),
            # Minutes, at least one. Source: ARMS API CreatePrometheusAlertRule, 2019-08-08.
            duration=str(max(1, alarm.for_minutes)),
            message=alarm.summary.replace("{{ ", "{{").replace(" }}", "}}"),
            labels=[{"name": name, "value": value} for name, value in _labels(alarm).items()],
            annotations=[{"name": "runbook_url", "value": alarm.runbook}],
            notify_type="DISPATCH_RULE" if rule else "ALERT_MANAGER",
            dispatch_rule_id=rule.id if rule else None,
            # Two rules of one name may not stand side by side.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )


def monitor_spec(monitor: Monitor, plan: MonitoringPlan) -> dict[str, Any]:
    """What a PodMonitor or ServiceMonitor says: only metrics of the catalog are kept, unless all are wanted."""
    args = plan.args.metrics
    pods = monitor.metrics.get("kube_pod_labels")
    # Every pod has that metric, with no label at all where it has none of those that are allowed.
    labels = sorted(label for label in pods.labels if label.startswith("label_")) if pods else ()
    without = {"sourceLabels": ["__name__", *labels], "regex": "kube_pod_labels;*", "action": "drop"}
    endpoint: dict[str, Any] = {
        "port": monitor.port,
        "path": monitor.path,
        "interval": f"{args.interval_seconds}s",
        **({} if monitor.name in args.whole else {"metricRelabelings": [monitor.kept, *([without] if pods else ())]}),
    }
    endpoints = "podMetricsEndpoints" if monitor.kind == "PodMonitor" else "endpoints"
    labels = "podTargetLabels" if monitor.kind == "PodMonitor" else "targetLabels"
    if monitor.honor_labels:
        endpoint["honorLabels"] = True
    selector = {
        **({"matchLabels": dict(monitor.selector)} if monitor.selector else {}),
        **({"matchExpressions": [dict(each) for each in monitor.expressions]} if monitor.expressions else {}),
    }
    return {
        "selector": selector,
        **({labels: list(monitor.target_labels)} if monitor.target_labels else {}),
        "namespaceSelector": {"matchNames": list(monitor.namespaces)} if monitor.namespaces else {"any": True},
        # One target tells of all pods, and not by labels that jobs choose.
        "sampleLimit": args.samples_per_target * (10 if monitor.pod_series else 1),
        endpoints: [endpoint],
    }


def rule_group(plan: MonitoringPlan, group: str) -> dict[str, Any]:
    """The rules of a group, as Prometheus reads them."""
    recordings = [{"record": r.name, "expr": r.query} for r in plan.rules.recordings if r.group == group]
    alarms = [
        {
            "alert": alarm.name,
            "expr": alarm.query,
            "for": f"{alarm.for_minutes}m",
            "labels": _labels(alarm),
            "annotations": {"summary": alarm.summary, "runbook_url": alarm.runbook},
        }
        for alarm in plan.rules.alarms
        if alarm.group == group
    ]
    return {"name": group, "rules": [*recordings, *alarms]}


def managed_query(plan: MonitoringPlan, delivery: Delivery) -> str:
    """An alarm's query as managed Prometheus evaluates it: nothing recorded, inhibition and silence within it."""
    rules = plan.rules
    known = {alarm.name: alarm for alarm in rules.alarms}
    query = silenced(plan.args, delivery.alarm, known, plan.watched.audience.timezone)
    if delivery.namespaces is not None:
        spaces = "|".join(sorted(delivery.namespaces))
        query = f'({query}) and on (namespace) kube_namespace_status_phase{{namespace=~"{spaces}"}}'
    if delivery.outside:
        spaces = "|".join(delivery.outside)
        query = f'({query}) unless on (namespace) kube_namespace_status_phase{{namespace=~"{spaces}"}}'
    return written_out(query, plan.unrecorded)


def _labels(alarm: Alarm) -> dict[str, str]:
    return {"severity": alarm.severity, "owner": alarm.owner}
