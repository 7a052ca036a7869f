"""Costs by tenant, queue and kind of job: what is recorded, and what panels and reports read of it, by promtool."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import catalog
from components.capacity import Range
from components.observability import promql
from components.observability.component import monitor_spec, rule_group
from components.observability.costs import KINDS, OTHER, label_of, presence_query, report_query
from components.observability.dashboards import dashboard_files
from components.observability.monitors import load_of, monitors_of
from components.platform.args import Flavor

from .watching import planned

PROMTOOL = shutil.which("promtool")
FLAVORS: tuple[Flavor, ...] = ("upstream", "ack")
PODS: dict[str, tuple[str, dict[str, str]]] = {
    "clean-worker": ("ray", {"ray.io/node-type": "worker", "app.kubernetes.io/name": "kuberay"}),
    "etl-driver": ("ray", {"spark-role": "driver", "app.kubernetes.io/name": "zeppelin-interpreter"}),
    "bert-0": ("lab", {"training.kubeflow.org/operator-name": "pytorchjob-controller"}),
    "t5-node-0-0": ("lab", {"jobset.sigs.k8s.io/replicatedjob-name": "node"}),
    "mpi-0": ("lab", {"app.kubernetes.io/name": "training-job"}),
    "steps-1": ("lab", {"workflows.argoproj.io/completed": "false", "component": "etl"}),
    "chat": ("lab", {"serving.kserve.io/inferenceservice": "chat", "component": "predictor"}),
    "plain-chat": ("lab", {"app.kubernetes.io/name": "inference-service"}),
    "jupyter-a": ("lab", {"component": "singleuser-server"}),
    "desk": ("lab", {"app.kubernetes.io/name": "notebook"}),
    "something": ("lab", {}),
    "operator": ("kuberay", {"app.kubernetes.io/name": "kuberay-operator"}),
}
"""Namespace and labels of pods of each kind, each of one core."""

WANTED = {
    ("data", "batch", "ray"): 1,
    ("data", "batch", "spark"): 1,
    ("lab", "(none)", "training"): 3,
    ("lab", "(none)", "workflow"): 1,
    ("lab", "(none)", "inference"): 2,
    ("lab", "(none)", "notebook"): 2,
    ("lab", "(none)", OTHER): 1,
    ("(platform)", "(none)", OTHER): 1,
}
"""Cores by tenant, queue and kind."""


def _series(flavor: Flavor) -> list[dict[str, str]]:
    found = [
        *('kube_namespace_labels{namespace="ray",label_tenant="data",label_queue="batch"}',),
        *('kube_namespace_labels{namespace="lab",label_tenant="lab"}', 'kube_namespace_labels{namespace="kuberay"}'),
        # What managed Prometheus may bring a second time, with fewer labels.
        *('kube_namespace_labels{namespace="ray",job="_kube-state-metrics"}',),
        *('kube_pod_labels{namespace="ray",pod="clean-worker",job="_kube-state-metrics"}',),
        *('node_cpu_hourly_cost{node="n"}', 'node_ram_hourly_cost{node="n"}', 'node_gpu_hourly_cost{node="n"}'),
    ]
    for pod, (namespace, labels) in PODS.items():
        place = f'namespace="{namespace}",pod="{pod}"'
        found.append(f'kube_pod_status_phase{{{place},phase="Running"}}')
        own = "".join(f',{label_of(label)}="{value}"' for label, value in labels.items())
        if labels:
            found.append(f"kube_pod_labels{{{place}{own}}}")
        if flavor == "ack":
            requests = f'{place},node="n",container="main"'
            found.append(f'kube_pod_container_resource_requests{{{requests},resource="cpu"}}')
        else:
            found.append(f'container_cpu_allocation{{{place},node="n",container="main"}}')
    given = [{"series": text, "values": "1x30"} for text in found]
    if flavor == "upstream":
        memory = [text.replace("cpu_allocation", "memory_allocation_bytes") for text in found if "cpu_alloc" in text]
        given += [{"series": text, "values": "0x30"} for text in memory]
    else:
        # A pod that waits costs nothing, and nor does one that has ended.
        place = 'namespace="lab",pod="waits"'
        given += [
            {"series": f'kube_pod_container_resource_requests{{{place},resource="cpu"}}', "values": "64x30"},
            {"series": f'kube_pod_status_phase{{{place},phase="Running"}}', "values": "0x30"},
            {"series": f'kube_pod_status_phase{{{place},phase="Pending"}}', "values": "1x30"},
        ]
    return given


def _panel(title: str) -> str:
    panels = [panel for panels in dashboard_files()["cost"].rows.values() for panel in panels]
    (panel,) = (panel for panel in panels if panel.title.startswith(title))
    (query,) = panel.queries.values()
    return query


def _by(key: int, rate: float, *, tenants_alone: bool = False) -> dict[str, float]:
    sums: dict[str, float] = {}
    for labels, cores in WANTED.items():
        if not tenants_alone or labels[0] != "(platform)":
            sums[labels[key]] = sums.get(labels[key], 0) + cores * rate
    return sums


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH")
@pytest.mark.parametrize("flavor", FLAVORS)
def test_costs_are_summed_by_tenant_queue_and_kind(flavor: Flavor, tmp_path: Path) -> None:
    plan = planned(flavor)
    currency, rate = ("CNY", 0.5) if flavor == "ack" else ("USD", 1.0)

    def expected(query: str, samples: list[tuple[dict[str, str], float]]) -> dict[str, Any]:
        texts = [("{" + ", ".join(f'{k}="{v}"' for k, v in labels.items()) + "}", value) for labels, value in samples]
        return {
            "expr": promql.written_out(query, plan.unrecorded),
            "eval_time": "20m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in texts],
        }

    whole = [
        ({"tenant": t, "queue": q, "kind": k, "currency": currency}, cores * rate)
        for (t, q, k), cores in WANTED.items()
    ]
    queues = [({"queue": q, "currency": currency}, cost) for q, cost in _by(1, rate).items()]
    kinds = [({"kind": k, "currency": currency}, cost) for k, cost in _by(2, rate, tenants_alone=True).items()]
    tests = [
        expected(report_query(), whole),
        expected(_panel("Cost of an hour by queue"), queues),
        expected(_panel("Cost of an hour by kind of job"), kinds),
        expected(f"({presence_query()}) * 0 + 1", [({}, 1)]),
    ]
    groups = [rule_group(plan, group) for group in ("tenants", "costs")] if flavor == "upstream" else []
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    case = {"interval": "1m", "input_series": _series(flavor), "promql_expr_test": tests}
    file = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(file))
    command = [str(PROMTOOL), "test", "rules", "tests.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_label_that_tells_a_kind_is_let_through_and_no_other() -> None:
    labels = {label for kinds in KINDS.values() for label in kinds}
    metric = monitors_of("ack")["job-metrics"].metrics["kube_pod_labels"]
    assert metric.labels == {"namespace", "pod", "uid", *map(label_of, labels)}
    values = catalog.systems()["job-metrics"]["upstream"]["values"]
    (pods,) = (text for text in values["metricLabelsAllowlist"] if text.startswith("pods="))
    assert set(pods.removeprefix("pods=[").removesuffix("]").split(",")) == labels


def test_what_is_let_through_is_what_is_read() -> None:
    patterns = catalog.systems()["job-metrics"]["upstream"]["values"]["metricAllowlist"]
    for metric in monitors_of("ack")["job-metrics"].metrics:
        assert any(re.fullmatch(pattern, metric) for pattern in patterns), metric


@pytest.mark.parametrize(
    ("values", "dropped"),
    [
        ({}, True),
        ({"label_component": "predictor"}, False),
        ({"label_workflows_argoproj_io_completed": "false"}, False),
    ],
)
def test_pods_without_any_of_the_labels_are_dropped(values: dict[str, str], *, dropped: bool) -> None:
    plan = planned("ack")
    spec = monitor_spec(plan.monitors["job-metrics"], plan)
    drop = spec["endpoints"][0]["metricRelabelings"][1]
    assert drop["action"] == "drop"
    joined = ";".join({"__name__": "kube_pod_labels", **values}.get(label, "") for label in drop["sourceLabels"])
    assert bool(re.fullmatch(drop["regex"], joined)) == dropped
    other = ";".join({"__name__": "job_phase"}.get(label, "") for label in drop["sourceLabels"])
    assert not re.fullmatch(drop["regex"], other)


def test_every_pod_counts_for_the_load() -> None:
    monitor = monitors_of("ack")["job-metrics"]
    none, some = (load_of(monitor, Range(1, 1), Range(0, pods), 30).series.maximum for pods in (0, 1000))
    assert some - none == 1000
    plan = planned("ack")
    # One target has the labels of tens of thousands of pods.
    assert monitor_spec(plan.monitors["job-metrics"], plan)["sampleLimit"] == 500_000
    assert monitor_spec(plan.monitors["ray"], plan)["sampleLimit"] == 50_000
