"""Monitors: what the catalog says, and how many samples it brings."""

import re

import pytest

from components import catalog
from components.capacity import Range
from components.observability import ObservabilityArgs, monitoring_problems
from components.observability.component import monitor_spec
from components.observability.monitors import enabled_monitors, load_of, monitors_of
from components.platform.args import Flavor

from .watching import SCALES, planned, watched

FLAVORS: tuple[Flavor, ...] = ("upstream", "ack")


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_catalog_is_whole(flavor: Flavor) -> None:
    for name, monitor in monitors_of(flavor).items():
        assert monitor.metrics, name
        assert monitor.series > 0, name
        assert monitor.scale in (*SCALES, "one"), name
        assert set(monitor.systems) <= catalog.systems().keys(), name
        assert re.match(r"(counted|judgement)", monitor.basis), name
        assert monitor.source, name
        if monitor.kind in ("PodMonitor", "ServiceMonitor"):
            assert monitor.port, name
            assert monitor.selector or monitor.expressions, name


def test_monitors_come_with_their_systems() -> None:
    assert {"ray", "kuberay"} <= enabled_monitors("upstream", {"kuberay"}).keys()
    assert "ray" not in enabled_monitors("upstream", {"prometheus"})
    assert "ray" not in enabled_monitors("upstream", {"kuberay"}, ["ray"])
    # Managed KubeRay runs beside the control plane, where nothing reads it.
    assert "kuberay" not in enabled_monitors("ack", {"kuberay"})


def test_load_grows_with_targets_and_shrinks_with_the_interval() -> None:
    monitor = monitors_of("upstream")["spark"]
    load = load_of(monitor, Range(0, 100), Range(), 30)
    assert load.series == Range(0, 100 * monitor.series)
    assert load.samples_per_second == Range(0, 100 * monitor.series / 30)
    assert (
        load_of(monitor, Range(0, 100), Range(), 60).samples_per_second.maximum == load.samples_per_second.maximum / 2
    )


def test_only_metrics_of_the_catalog_are_kept() -> None:
    plan = planned()
    spec = monitor_spec(plan.monitors["ray"], plan)
    (endpoint,) = spec["podMetricsEndpoints"]
    (kept,) = endpoint["metricRelabelings"]
    assert set(kept["regex"].split("|")) == plan.monitors["ray"].metrics.keys()
    assert spec["sampleLimit"] == 50_000
    assert spec["namespaceSelector"] == {"any": True}
    assert spec["podTargetLabels"] == ["ray.io/cluster", "ray.io/node-type"]
    whole = planned(metrics={"whole": ["ray"], "intervalSeconds": 15})
    assert monitor_spec(whole.monitors["ray"], whole)["podMetricsEndpoints"] == [
        {"port": "metrics", "path": "/metrics", "interval": "15s"}
    ]


def test_gpus_keep_the_labels_of_the_pods_that_hold_them() -> None:
    plan = planned()
    spec = monitor_spec(plan.monitors["gpu-exporter"], plan)
    assert spec["endpoints"][0]["honorLabels"] is True
    assert spec["namespaceSelector"] == {"matchNames": ["gpu-monitoring"]}


def test_too_many_samples_are_refused_and_say_where_they_come_from() -> None:
    args = ObservabilityArgs.model_validate({"metrics": {"samplesPerSecond": 10}})
    (problem,) = monitoring_problems(args, watched("ack"))
    assert problem.path == "metrics.samplesPerSecond"
    assert "apiserver" in problem.message


@pytest.mark.parametrize(
    ("flavor", "key", "name", "message"),
    [
        ("upstream", "excluded", "cost-exporter", "leave out the system cost-exporter"),
        ("upstream", "whole", "kueue", "has no effect: the chart's monitor takes no relabeling"),
        ("ack", "excluded", "kube-state-metrics", "managed Prometheus reads it"),
        ("ack", "whole", "cadvisor", "managed Prometheus decides"),
    ],
)
def test_what_is_decided_elsewhere_is_refused(flavor: Flavor, key: str, name: str, message: str) -> None:
    args = ObservabilityArgs.model_validate({"metrics": {key: [name]}})
    (problem,) = (p for p in monitoring_problems(args, watched(flavor)) if p.path.startswith("metrics."))
    assert problem.path == f"metrics.{key}[0]"
    assert message in problem.message


def test_what_managed_prometheus_reads_by_itself_is_not_paid_for() -> None:
    plan = planned("ack")
    paid = [name for name, monitor in plan.monitors.items() if monitor.kind != "managed"]
    rate = sum(plan.loads[name].samples_per_second.maximum for name in paid)
    assert plan.gigabytes.maximum == pytest.approx(rate * 730 * 3600 * 512 / 1e9)
    assert planned("upstream").gigabytes.maximum == 0
