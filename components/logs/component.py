"""Log stores, pipelines, alarms and dashboards as resources."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from ..inputs import Problem, require_valid
from .planning import NETWORK_STORE, LogPlan, StorePlan
from .questions import alarms_of, queries_of
from .sls import API, OLDER_API, alarm_inputs, charts, index_inputs, older_spec, pipeline_spec, store_inputs

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}

OLDER_NAMESPACE = "kube-system"
"""Namespace of what Logtail reads."""


class LogCollection(pulumi.ComponentResource):
    """What collects the logs of a cluster on ACK: stores of engines and of the platform, pipelines into all stores,
    alarms, and dashboards with saved queries.

    The store of what a tenant's programs write belongs to its `Tenant`. Upstream there are no resources: Loki and Alloy
    are charts, of which `loki.log_values` gives the values. Needs a Kubernetes provider of the cluster in `opts`, and
    the system that collects before it: give it to `depends_on`.

    Example:

        systems = {"logs": "kube-system"}
        plan = plan_logs(LogsArgs(), Logged("ack", systems, project="acme-dev-logs", region="cn-hangzhou"))
        LogCollection("logs", plan, project="acme-dev-logs")
    """

    plan: LogPlan
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        plan: LogPlan,
        *,
        project: pulumi.Input[str],
        tenants: Mapping[str, pulumi.Resource] | None = None,
        cluster_id: pulumi.Input[str] = "",
        vpc_id: pulumi.Input[str] | None = None,
        in_cluster: bool = True,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register what a plan says.

        project: of Log Service; tenants: by name, whose stores come first; cluster_id: of the ACK cluster, which names
        the store of its audit; vpc_id: whose traffic is recorded, None for none; in_cluster: False makes the cloud
        side alone; deleted_with: the cluster's resource, whose end makes the removal of what lies in it needless.
        Raises `InvalidInput` before anything is registered.
        """
        self.plan = plan
        if plan.logged.flavor != "ack":
            require_valid(
                [Problem("plan", plan.logged.flavor, "there is no Log Service; Loki's values are all there is")]
            )
        super().__init__("ack-ai-blueprint:logs:LogCollection", resource_name, None, opts)
        self._name, self._project = resource_name, project
        made = {
            store.name: self._store(store) for store in plan.own_stores if store.kind != "business" or not store.tenant
        }
        owners = {
            store.name: [tenants[store.tenant]] if tenants and store.tenant in tenants else []
            for store in plan.own_stores
        }
        if in_cluster:
            for pipeline in plan.pipelines:
                first = made.get(pipeline.store) or owners.get(pipeline.store, [])
                older = plan.collector == "logtail"
                kubernetes.apiextensions.CustomResource(
                    f"{resource_name}-{pipeline.name}",
                    api_version=OLDER_API if older else API,
                    kind="AliyunLogConfig" if older else "ClusterAliyunPipelineConfig",
                    metadata={
                        "name": pipeline.name,
                        "labels": MANAGED,
                        **({"namespace": OLDER_NAMESPACE} if older else {}),
                    },
                    spec=older_spec(pipeline, project) if older else pipeline_spec(pipeline, plan, project),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=first or None, deleted_with=deleted_with),
                )
        recorded = made.get(NETWORK_STORE)
        if vpc_id is not None and recorded is not None:
            alicloud.vpc.FlowLog(
                f"{resource_name}-vpc",
                flow_log_name=f"{plan.logged.project}-vpc",
                resource_type="VPC",
                resource_id=vpc_id,
                traffic_type=plan.args.network.traffic,
                project_name=project,
                log_store_name=NETWORK_STORE,
                opts=pulumi.ResourceOptions(parent=self, depends_on=recorded),
            )
        for alarm, store in alarms_of(plan):
            first = made.get(store.name) or owners[store.name]
            inputs: Any = alarm_inputs(alarm, store, plan, project)
            alicloud.sls.Alert(
                f"{resource_name}-{store.name}-{alarm.name}",
                **inputs,
                opts=pulumi.ResourceOptions(parent=self, depends_on=first or None),
            )
        for name, queries in queries_of(plan).items():
            alicloud.log.Dashboard(
                f"{resource_name}-{name}",
                project_name=project,
                dashboard_name=name,
                display_name=f"Logs: {name}",
                char_list=pulumi.Output.from_input(cluster_id).apply(lambda known, q=queries: charts(q, known)),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"stores": [store.name for store in plan.own_stores]})

    def _store(self, store: StorePlan) -> list[pulumi.Resource]:
        """A store with its index: what is written before there is one is never found."""
        options = pulumi.ResourceOptions(parent=self, retain_on_delete=store.keep or None)
        inputs, index = store_inputs(store), index_inputs(store)
        made = alicloud.log.Store(f"{self._name}-{store.name}", project_name=self._project, **inputs, opts=options)
        searched = alicloud.log.StoreIndex(
            f"{self._name}-{store.name}",
            project=self._project,
            logstore=made.logstore_name.apply(lambda name: name or store.name),
            **index,
            opts=options,
        )
        return [made, searched]
