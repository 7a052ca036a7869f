"""The monthly report of costs as resources: what makes it, where it reads, and where it writes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
from pulumi_alicloud.arms.outputs import GetPrometheusPrometheiResult

from ..platform import Placement
from ..pod_security import CONFINED, NOBODY
from ..volumes import VolumeArgs
from .args import ReportArgs
from .costs import presence_query, report_query
from .planning import MonitoringPlan
from .promql import written_out

NAME = "cost-report"
CLAIM = "cost-reports"
"""Name of the claim that keeps reports, and of their part of a bucket."""

SCRIPT = (Path(__file__).parent / "reporter.py").read_text(encoding="utf-8")
LABELS = {"app.kubernetes.io/managed-by": "pulumi", "app.kubernetes.io/name": NAME}
TIME = "06:15"
KEPT_SECONDS = 7 * 86_400
"""How long a failed run is kept, and with it its alarm."""

USER = NOBODY["run_as_user"]


def report_volume(bucket: str, namespace: str) -> VolumeArgs:
    """The part of a bucket that keeps reports. bucket: its role.

    ossfs 1.0, since files are replaced, owned by who writes them: `uid`, `gid` and `umask` are in the place of an
    `fsGroup`. Source: ACK FAQ about OSS volumes, 2024-12-18.
    """
    return VolumeArgs(
        bucket=bucket,
        prefix=f"{CLAIM}/",
        access_mode="ReadWriteMany",
        client="ossfs",
        mount_options=["allow_other", f"uid={USER}", f"gid={USER}", "umask=022"],
        size_gib=1,
        namespaces=[namespace],
    )


def report_schedule(args: ReportArgs) -> str:
    """When reports are made, as cron has it."""
    hour, minute = map(int, TIME.split(":"))
    return f"{minute} {hour} {args.day_of_month} * *"


def report_configuration(plan: MonitoringPlan) -> dict[str, Any]:
    """What the program is told."""
    return {
        "cost": written_out(report_query(), plan.unrecorded),
        "presence": written_out(presence_query(), plan.unrecorded),
        "timezone": plan.watched.audience.timezone,
        "keepMonths": plan.args.report.keep_months,
    }


class CostReport(pulumi.ComponentResource):
    """A CronJob that writes what the last month cost, by tenant, queue and kind of job.

    It asks Prometheus: upstream by the Service that the operator makes, on ACK by the address inside the region, which
    is looked up once the cluster is there. Address and token lie in a Secret. Needs a Kubernetes provider of the
    cluster in `opts`, and the system `prometheus` before it: give it to `depends_on`.

    Example:

        plan = plan_monitoring(ObservabilityArgs(), Watched("upstream", systems))
        CostReport("cost-report", plan, namespace="monitoring")
    """

    def __init__(
        self,
        resource_name: str,
        plan: MonitoringPlan,
        *,
        namespace: str,
        cluster_id: pulumi.Input[str] | None = None,
        watching: pulumi.Resource | None = None,
        placement: Placement | None = None,
        volume: pulumi.Resource | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the report of a plan that has one.

        namespace: of the system `prometheus`; cluster_id: the ACK cluster, whose Prometheus is asked; None: that of the
        cluster itself; watching: the system, behind which that one's address is known; volume: what makes the claim
        `cost-reports`, None: one is made of a storage class; deleted_with: the cluster's resource, whose end makes the
        removal of what lies in it needless.
        """
        super().__init__("ack-ai-blueprint:observability:CostReport", resource_name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        metadata: Any = {"name": NAME, "namespace": namespace, "labels": LABELS}
        first: list[pulumi.Resource] = [volume] if volume is not None else []
        if volume is None:
            first.append(
                kubernetes.core.v1.PersistentVolumeClaim(
                    f"{resource_name}-claim",
                    metadata={
                        "name": CLAIM,
                        "namespace": namespace,
                        "labels": LABELS,
                        # The volume may wait for its first pod, which comes with the month.
                        "annotations": {"pulumi.com/skipAwait": "true"},
                    },
                    spec={
                        "access_modes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                        "storage_class_name": plan.args.metrics.storage_class,
                    },
                    opts=inside,
                )
            )
        server = (
            # The Service that the operator makes for every Prometheus. Source: prometheus-operator v0.93.1,
            # pkg/prometheus/server/statefulset.go, governingServiceName.
            pulumi.Output.secret({"url": f"http://prometheus-operated.{namespace}.svc:9090", "token": ""})
            if cluster_id is None
            else _managed(cluster_id, self, watching)
        )
        first += [
            kubernetes.core.v1.Secret(
                f"{resource_name}-server",
                metadata=metadata,
                string_data=server,
                # Said here, too: while the answer of a look-up is unknown, the SDK forgets what it waited for.
                opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=watching)),
            ),
            kubernetes.core.v1.ConfigMap(
                f"{resource_name}-program",
                metadata=metadata,
                data={
                    "reporter.py": SCRIPT,
                    "configuration.json": json.dumps(report_configuration(plan), sort_keys=True),
                },
                opts=inside,
            ),
        ]
        kubernetes.batch.v1.CronJob(
            f"{resource_name}-job",
            metadata=metadata,
            spec=_cron_job(plan, placement or Placement()),
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=first)),
        )
        self.register_outputs({"schedule": report_schedule(plan.args.report)})


def _managed(
    cluster_id: pulumi.Input[str], parent: pulumi.Resource, watching: pulumi.Resource | None
) -> pulumi.Output[dict[str, str]]:
    """Address and token of managed Prometheus, empty until there is one.

    Whoever has the address may read, so that all of it is secret. Sources: pulumi_alicloud 4.0.0, arms.get_prometheus;
    help page "HTTP API URLs" of managed Prometheus, 2026-03-10. That instances of the second version, which want an
    AccessKey, are among them is UNCONFIRMED.
    """
    found = alicloud.arms.get_prometheus_output(
        ids=pulumi.Output.from_input(cluster_id).apply(lambda known: [known]),
        enable_details=True,
        opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=[watching] if watching is not None else None),
    )
    # The same for the cluster: the secret depends on it before and after apply.
    server = found.prometheis.apply(server_of)
    return pulumi.Output.secret(pulumi.Output.all(cluster_id, server).apply(lambda both: both[1]))


def server_of(instances: Sequence[GetPrometheusPrometheiResult]) -> dict[str, str]:
    """Address inside the region and token of the first instance."""
    for one in instances:
        return {"url": one.http_api_intra_url or "", "token": one.auth_token or ""}
    return {"url": "", "token": ""}


def _cron_job(plan: MonitoringPlan, placement: Placement) -> Any:
    args = plan.args.report
    ack = plan.watched.flavor == "ack"
    return {
        "schedule": report_schedule(args),
        "time_zone": plan.watched.audience.timezone,
        "concurrency_policy": "Forbid",
        # A cluster that is down on that day makes up for it.
        "starting_deadline_seconds": 3 * 86_400,
        "successful_jobs_history_limit": 1,
        "failed_jobs_history_limit": 1,
        "job_template": {
            "spec": {
                "backoff_limit": 6,
                "active_deadline_seconds": 6 * 3600,
                "ttl_seconds_after_finished": KEPT_SECONDS,
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        "restart_policy": "Never",
                        "automount_service_account_token": False,
                        # What mounts a bucket says itself whose the files are.
                        "security_context": NOBODY if ack else {**NOBODY, "fs_group": USER},
                        "node_selector": dict(placement.node_selector),
                        "tolerations": [dict(each) for each in placement.tolerations],
                        "containers": [
                            {
                                "name": NAME,
                                "image": args.image,
                                "command": ["python3", "/etc/report/reporter.py"],
                                "resources": {
                                    "requests": {"cpu": "50m", "memory": "64Mi"},
                                    "limits": {"cpu": "500m", "memory": "256Mi"},
                                },
                                "security_context": CONFINED,
                                "volume_mounts": [
                                    {"name": "program", "mount_path": "/etc/report", "read_only": True},
                                    {"name": "server", "mount_path": "/etc/prometheus", "read_only": True},
                                    {"name": "reports", "mount_path": "/reports"},
                                ],
                            }
                        ],
                        "volumes": [
                            {"name": "program", "config_map": {"name": NAME}},
                            {"name": "server", "secret": {"secret_name": NAME, "default_mode": 0o444}},
                            {"name": "reports", "persistent_volume_claim": {"claim_name": CLAIM}},
                        ],
                    },
                },
            }
        },
    }
