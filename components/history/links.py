"""Where people look at a job: its metrics, its logs and its history, as addresses."""

from typing import Annotated

from pydantic import Field

from ..inputs import Args
from .planning import NO_TENANT

Address = Annotated[str, Field(pattern=r"^https?://[^\s'\"<>]+$")]

JOB_DASHBOARD = "job"
"""The dashboard of one job, with the variables `namespace` and `job`."""

SPARK_KINDS = ("SparkApplication", "ScheduledSparkApplication")
HISTORIES = ("sparkHistory", "rayHistory")
RAY_KINDS = ("RayJob", "RayCluster", "RayService")


class LinksArgs(Args):
    """Where your own addresses lead to metrics, logs and history of jobs. In all but `grafana`, `{namespace}` and
    `{job}` stand for a job's, `{tenant}` for its tenant, `platform` where it has none. None: jobs have no such link."""

    grafana: Annotated[str, Field(pattern=r"^https?://[^\s'\"<>{}?#]+$")] | None = None
    """Address of Grafana, such as `https://grafana.example.com`, without a job: the link opens the dashboard `job`."""

    logs: Address | None = None
    """Address of a job's logs, such as a saved query of your console with `{namespace}` and `{job}` in it."""

    spark_history: Address | None = None
    """Address of Spark's history servers, such as `https://spark-{tenant}.example.com`. It is the root of a host."""

    ray_history: Address | None = None
    """Address of the dashboards before Ray's history servers, such as `https://ray-{tenant}.example.com`."""


def link_templates(args: LinksArgs, namespace: str, tenant: str, *, spark: bool, ray: bool = False) -> dict[str, str]:
    """The links of a namespace's jobs by what they show; `{job}` stands for a job's name.

    spark, ray: whether history servers show its jobs of that kind. Source of the variables in the dashboard's address:
    Grafana 11.0, dashboard URL variables.
    """
    links: dict[str, str] = {}
    if args.grafana is not None:
        query = f"var-namespace={namespace}&var-job={{job}}"
        links["metrics"] = f"{args.grafana.rstrip('/')}/d/{JOB_DASHBOARD}?{query}"
    if args.logs is not None:
        links["logs"] = _filled(args.logs, namespace, tenant)
    if args.spark_history is not None and spark:
        links["sparkHistory"] = _filled(args.spark_history, namespace, tenant).rstrip("/")
    if args.ray_history is not None and ray:
        # There is no address of one job: a page sets cookies for ten minutes (ray-project/kuberay v1.7.0, router.go).
        links["rayHistory"] = f"{_filled(args.ray_history, namespace, tenant).rstrip('/')}/select_cluster"
    return links


def _filled(address: str, namespace: str, tenant: str) -> str:
    return address.replace("{namespace}", namespace).replace("{tenant}", tenant or NO_TENANT)


def job_links(templates: dict[str, str], kind: str, name: str, application: str = "") -> dict[str, str]:
    """The links of one job: metrics, logs and history.

    kind: as Kubernetes calls it; application: of a Spark job, `status.sparkApplicationId`; without it, its history is
    the list in which it stands. Source: Spark 4.0.1, run in November 2026.
    """
    links = {what: address.replace("{job}", name) for what, address in templates.items() if what not in HISTORIES}
    history = templates.get("sparkHistory")
    if history is not None and kind in SPARK_KINDS:
        page = f"/history/{application}/jobs/" if application else "/"
        links["history"] = history.replace("{job}", name) + page
    if kind in RAY_KINDS and "rayHistory" in templates:
        links["history"] = templates["rayHistory"].replace("{job}", name)
    return links
