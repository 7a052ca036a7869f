"""The links of jobs: to metrics, logs and history, in manifests and on the command line."""

import subprocess
from typing import Any

import pytest

from charts.rendering import PLATFORM, one, render
from components.history.links import LinksArgs, job_links, link_templates
from components.inputs import Problem
from components.observability.dashboards import dashboard_files
from stacks import links
from stacks.history import environment_history_problems
from stacks.loading import load_environment
from stacks.tenant_page import tenant_page
from stacks.values import links_of
from support import ROOT, environment, overlaid

LINKS = LinksArgs(
    grafana="https://grafana.example.com/",
    logs="https://logs.example.com/{tenant}?q={namespace}/{job}",
    spark_history="https://spark-{tenant}.example.com/",
    ray_history="https://ray-{tenant}.example.com/",
)
CLEAN = {
    "metrics": "https://grafana.example.com/d/job?var-namespace=spark&var-job=clean",
    "logs": "https://logs.example.com/data?q=spark/clean",
}


def test_a_job_has_a_link_for_each_address() -> None:
    templates = link_templates(LINKS, "spark", "data", spark=True)
    root = "https://spark-data.example.com"
    assert job_links(templates, "RayJob", "clean") == CLEAN
    assert job_links(templates, "SparkApplication", "clean") == {**CLEAN, "history": f"{root}/"}
    assert job_links(templates, "SparkApplication", "clean", "spark-1") == {
        **CLEAN,
        "history": f"{root}/history/spark-1/jobs/",
    }
    assert "sparkHistory" not in link_templates(LINKS, "spark", "data", spark=False)
    assert link_templates(LinksArgs(), "spark", "data", spark=True, ray=True) == {}
    ray = link_templates(LINKS, "spark", "data", spark=False, ray=True)
    page = {"history": "https://ray-data.example.com/select_cluster"}
    assert [job_links(ray, kind, "clean") for kind in ("RayJob", "SparkApplication")] == [{**CLEAN, **page}, CLEAN]
    nobodys = link_templates(LINKS, "etl", "", spark=True, ray=True)
    assert nobodys["sparkHistory"] == "https://spark-platform.example.com"
    assert nobodys["rayHistory"] == "https://ray-platform.example.com/select_cluster"


def test_the_dashboard_has_the_variables_of_the_link() -> None:
    assert {"namespace", "job"} <= dashboard_files()["job"].variables.keys()


def test_jobs_of_charts_carry_their_links() -> None:
    platform: dict[str, Any] = {**PLATFORM, "links": link_templates(LINKS, "spark", "data", spark=True)}
    values = {"platform": platform, "image": "example.com/spark:1", "mainApplicationFile": "local:///etc/job/clean.py"}
    job = one(render("spark-job", values), "SparkApplication")
    found = {k: v for k, v in job["metadata"]["annotations"].items() if k.startswith("link/")}
    name = job["metadata"]["name"]
    assert found == {
        "link/metrics": f"https://grafana.example.com/d/job?var-namespace=spark&var-job={name}",
        "link/logs": f"https://logs.example.com/data?q=spark/{name}",
        "link/history": "https://spark-data.example.com",
    }


def test_rays_jobs_lead_to_the_page_that_lists_them() -> None:
    platform: dict[str, Any] = {**PLATFORM, "links": link_templates(LINKS, "ray", "data", spark=False, ray=True)}
    resources = {"requests": {"cpu": 1, "memory": "1Gi"}}
    values = {"platform": platform, "image": "example.com/ray:1", "workers": {"text": {"resources": resources}}}
    found = {
        kind: one(render(chart, {**values, **more}), kind)["metadata"]["annotations"]["link/history"]
        for chart, kind, more in (
            ("ray-job", "RayJob", {"entrypoint": "python a.py"}),
            ("ray-cluster", "RayCluster", {}),
            ("ray-service", "RayService", {"serveConfig": "applications: []"}),
        )
    }
    assert {*found.values()} == {"https://ray-data.example.com/select_cluster"}


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["prod", "--kind", "SparkApplication", "--namespace", "spark", "--name", "clean"]
    assert links.main(arguments) == 2
    assert "names no addresses" in capsys.readouterr().err
    config = overlaid("prod", {"links": LINKS.model_dump(by_alias=True, mode="json")})

    def load(name: str, _: object) -> object:
        return load_environment(name, config)

    monkeypatch.setattr(links, "load_environment", load)
    assert links.main([*arguments, "--application", "spark-1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *(f"{what}: {address}" for what, address in CLEAN.items()),
        "history: https://spark-data.example.com/history/spark-1/jobs/",
    ]
    assert links.main(["prod", "--kind", "RayJob", "--namespace", "ray", "--name", "clean"]) == 0
    assert "history: https://ray-data.example.com/select_cluster" in capsys.readouterr().out
    assert links.main(["prod", "--kind", "RayJob", "--namespace", "nowhere", "--name", "clean"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_make_passes_all_on() -> None:
    words = ["ENV=prod", "KIND=SparkApplication", "NAMESPACE=spark", "NAME=clean", "APPLICATION=spark-1"]
    made = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "links", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    options = "--kind SparkApplication --namespace spark --name clean --application spark-1"
    assert " ".join(made.stdout.replace("\\\n", " ").split()).endswith(f"-m stacks.links prod {options}")


def test_only_spark_of_a_namespace_with_a_server_has_history() -> None:
    prod = environment("prod", links={"sparkHistory": "https://spark.example.com"})
    assert links_of(prod, "prod", "backfill") == {"sparkHistory": "https://spark.example.com"}
    assert links_of(prod, "prod", "ray") == {}


def test_a_tenant_reads_where_its_finished_jobs_are() -> None:
    shipped = environment("prod", links={"sparkHistory": "https://spark-{tenant}.example.com"})
    page = tenant_page(shipped, "prod", "data")
    assert "kubectl --namespace history port-forward pod/spark-history-data-0 18080" in page
    assert "kubectl --namespace history port-forward pod/ray-dashboard-data-0 8265" in page
    assert "http://localhost:8265/select_cluster" in page
    assert "In `backfill`, history of Spark jobs: `https://spark-data.example.com`." in page
    assert "Finished jobs" not in tenant_page(shipped, "prod", "research")


def test_addresses_of_what_is_not_there_are_refused() -> None:
    shipped = environment("prod")
    given = {"links": LINKS, "history": shipped.history.model_copy(update={"spark": None, "ray": None})}
    off = shipped.observability.model_copy(update={"enabled": False})
    found = list(environment_history_problems(shipped.model_copy(update={**given, "observability": off}), "prod"))
    assert found == [
        Problem("links.grafana", LINKS.grafana, "has no dashboards: nothing is watched; remove it"),
        Problem("links.sparkHistory", LINKS.spark_history, "shows nothing without history.spark; remove it"),
        Problem("links.rayHistory", LINKS.ray_history, "shows nothing without history.ray; remove it"),
    ]
    one_address = LinksArgs(spark_history="https://spark.example.com")
    tenant = shipped.tenants["data"].model_copy(
        update={"namespaces": {"other": shipped.tenants["data"].namespaces["spark"]}}
    )
    several = shipped.model_copy(update={"links": one_address, "tenants": {**shipped.tenants, "other": tenant}})
    assert Problem(
        "links.sparkHistory",
        "https://spark.example.com",
        "is one address for the servers of data, other; put {tenant} in it",
    ) in list(environment_history_problems(several, "prod"))
