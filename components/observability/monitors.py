"""Which metrics an environment has: the monitors of its systems, and how many samples they bring."""

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .. import catalog
from ..capacity import Range
from ..platform.args import Flavor

MonitorKind = Literal["PodMonitor", "ServiceMonitor", "chart", "managed"]
"""Made here, brought by the system's chart, or read by managed Prometheus without being told."""

TARGET_LABELS = frozenset({"namespace", "pod", "container", "endpoint", "service", "job", "instance", "node"})
"""Labels that Prometheus adds to what it reads of a pod or service. Source: prometheus-operator v0.93.1,
pkg/prometheus/promcfg.go."""


@dataclass(frozen=True)
class Metric:
    """One metric as it is exposed. labels: its own, beside those of its target."""

    name: str
    type: str
    labels: frozenset[str]
    meaning: str = ""


@dataclass(frozen=True)
class Monitor:
    """What reads the metrics of one part of the platform.

    systems: any of them brings it; scale: what there is one target for; series: of one target, by estimate;
    pod_series: of each pod of the cluster, beside; selector, expressions: labels of the targets; namespaces: of the
    targets, empty for all; honor_labels: whether labels of the metrics win over those of the target; target_labels:
    labels of the target that metrics get; unconfirmed: what no source says of it, "" for nothing.

    Of those that a chart brings: switch, relabelings, interval: paths of its values that switch it on, say what is
    kept and how often it is read, "" where there is none; dropped: relabelings before that; whole: why all of its
    metrics are kept, "" where only those named here are.
    """

    name: str
    title: str
    systems: Sequence[str]
    kind: MonitorKind
    metrics: Mapping[str, Metric]
    scale: str
    series: int
    basis: str
    source: str
    pod_series: int = 0
    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    expressions: Sequence[Mapping[str, Any]] = ()
    namespaces: Sequence[str] = ()
    honor_labels: bool = False
    target_labels: Sequence[str] = ()
    port: str = ""
    path: str = "/metrics"
    unconfirmed: str = ""
    switch: str = ""
    relabelings: str = ""
    interval: str = ""
    dropped: Sequence[Mapping[str, Any]] = ()
    whole: str = ""

    @property
    def kept(self) -> Mapping[str, Any]:
        """The relabeling that keeps its metrics alone."""
        return {"sourceLabels": ["__name__"], "regex": "|".join(sorted(self.metrics)), "action": "keep"}


@functools.cache
def monitors_of(flavor: Flavor) -> Mapping[str, Monitor]:
    """The monitors of the catalog in one flavour."""
    sources: Mapping[str, Mapping[str, Any]] = catalog.monitors()
    return {name: _monitor(name, entry, flavor) for name, entry in sources.items() if flavor in entry["forms"]}


def _monitor(name: str, entry: Mapping[str, Any], flavor: Flavor) -> Monitor:
    form = entry["forms"][flavor]
    if form == "upstream":
        form = entry["forms"]["upstream"]
    return Monitor(
        name=name,
        title=entry["title"],
        systems=entry["systems"],
        kind=form["kind"],
        metrics={
            metric: Metric(metric, row["type"], frozenset(row.get("labels", ())), row.get("meaning", ""))
            for metric, row in entry["metrics"].items()
        },
        scale=entry["scale"],
        series=entry["series"],
        pod_series=entry.get("podSeries", 0),
        basis=entry["basis"],
        source=entry["source"],
        selector=form.get("selector", {}),
        expressions=form.get("selectorExpressions", ()),
        namespaces=form.get("namespaces", ()),
        honor_labels=form.get("honorLabels", False),
        target_labels=form.get("targetLabels", ()),
        port=form.get("port", ""),
        path=form.get("path", "/metrics"),
        unconfirmed=form.get("unconfirmed", ""),
        switch=form.get("switch", ""),
        relabelings=form.get("relabelings", ""),
        interval=form.get("interval", ""),
        dropped=form.get("dropped", ()),
        whole=form.get("whole", ""),
    )


def enabled_monitors(flavor: Flavor, systems: Collection[str], excluded: Sequence[str] = ()) -> Mapping[str, Monitor]:
    """The monitors of the systems that run."""
    return {
        name: monitor
        for name, monitor in monitors_of(flavor).items()
        if name not in excluded and set(systems).intersection(monitor.systems)
    }


@dataclass(frozen=True)
class Load:
    """What one monitor brings, by estimate."""

    targets: Range
    series: Range
    samples_per_second: Range


def load_of(monitor: Monitor, targets: Range, pods: Range, interval_seconds: int) -> Load:
    """The load of a monitor by the number of its targets, and of all pods."""
    series = Range(
        targets.minimum * monitor.series + pods.minimum * monitor.pod_series,
        targets.maximum * monitor.series + pods.maximum * monitor.pod_series,
    )
    return Load(targets, series, Range(series.minimum / interval_seconds, series.maximum / interval_seconds))
