"""How a job of each kind enters its queue, and how its pods start together, by engine.

Sources: ack-kube-queue 1.22.2 in koordinator-sh/koord-queue@298e9a8 (of 1.26.3 inferred); ACK pages on ack-kube-queue
and on gang scheduling (2026-03-26); kubernetes-sigs/kueue v0.19.2 site/content/en/docs/tasks/run; koordinator-sh/
koordinator v1.8.0 apis/extension/coscheduling.go.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ..inputs import Problem
from ..manifests import pod_templates
from .planning import QueueNode, QueuePlan
from .rendering import FIFO_CLASS, KOORDINATOR, KOORDINATOR_SCHEDULER, LOCAL_QUEUE

SUSPENDED = "scheduling.x-k8s.io/suspend"
"""Annotation by which kube-queue and koord-queue know a job that waits."""

QUEUE_LABELS = {"kueue": "kueue.x-k8s.io/queue-name", "koordinator": f"{KOORDINATOR}/name"}
"""Label by which a job names its queue, by engine; the ElasticQuotaTree goes by the namespace."""

NAME, PODS = "{name}", "{pods}"
"""What stands for a job's name and for how many pods must be there, in what a gang's pods say."""


@dataclass(frozen=True)
class Marker:
    """What a job says to enter its queue. suspend: `spec.suspend: true`; elastic: annotations where it grows and
    shrinks while it runs; pods: labels of its pods."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    elastic: Mapping[str, str] = field(default_factory=dict[str, str])
    pods: Mapping[str, str] = field(default_factory=dict[str, str])
    suspend: bool = False


@dataclass(frozen=True)
class Gang:
    """What the pods of a job say that start together or not at all, with `{name}` and `{pods}` to be filled in; empty
    where the engine does so by itself."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])


def markers(plan: QueuePlan, namespace: str) -> Mapping[str, Marker]:
    """What jobs of a namespace say, by kind. A kind that is not there is not queued: its pods only count."""
    leaf = plan.leaf_of(namespace)
    if leaf is None:
        return {}
    if plan.engine == "elastic-quota-tree":
        return _suspended({})
    if plan.engine == "koordinator":
        return _suspended({QUEUE_LABELS["koordinator"]: leaf.name})
    return _kueue(leaf)


def _suspended(labels: Mapping[str, str]) -> Mapping[str, Marker]:
    """For kube-queue and koord-queue, which start what was created suspended."""
    by_field = Marker(labels=labels, pods=labels, suspend=True)
    by_annotation = Marker(labels=labels, pods=labels, annotations={SUSPENDED: "true"})
    return {
        **dict.fromkeys(("Job", "RayJob"), by_field),
        **dict.fromkeys(("PyTorchJob", "SparkApplication", "TFJob"), by_annotation),
    }


ELASTIC = {"kueue.x-k8s.io/elastic-job": "true"}
"""Kueue refuses a Ray job that scales itself, and Spark's dynamic allocation, without it."""


def _kueue(leaf: QueueNode) -> Mapping[str, Marker]:
    labels = {QUEUE_LABELS["kueue"]: LOCAL_QUEUE}
    if leaf.args.order == "fifo":
        labels["kueue.x-k8s.io/priority-class"] = FIFO_CLASS
    plain = Marker(labels=labels)
    return {
        **dict.fromkeys(("Job", "JobSet", "PyTorchJob", "RayService", "TFJob", "TrainJob", "XGBoostJob"), plain),
        **dict.fromkeys(("RayCluster", "RayJob", "SparkApplication"), Marker(labels=labels, elastic=ELASTIC)),
        # Kueue takes each pod of a workflow by itself.
        "Workflow": Marker(pods=labels),
    }


def gang(plan: QueuePlan) -> Gang:
    """What the pods of a gang say."""
    if plan.engine == "elastic-quota-tree":
        group = "pod-group.scheduling.sigs.k8s.io"
        return Gang(labels={f"{group}/name": NAME, f"{group}/min-available": PODS})
    if plan.engine == "koordinator":
        group = "gang.scheduling.koordinator.sh"
        return Gang(annotations={f"{group}/name": NAME, f"{group}/min-available": PODS})
    return Gang()  # Kueue admits a job as a whole.


def queued(manifest: Mapping[str, Any], plan: QueuePlan) -> dict[str, Any]:
    """A job with what it must say to enter the queue of its namespace; its own labels and annotations win."""
    copy: dict[str, Any] = deepcopy(dict(manifest))
    metadata: dict[str, Any] = copy.get("metadata") or {}
    namespace = str(metadata.get("namespace", ""))
    if plan.engine == "koordinator" and plan.leaf_of(namespace):
        for template in pod_templates(copy):
            node = copy if copy["kind"] == "Pod" else template.node
            spec = node if template.spark or template.argo else node.setdefault("spec", {})
            spec.setdefault("schedulerName", KOORDINATOR_SCHEDULER)
    marker = markers(plan, namespace).get(str(copy.get("kind")))
    if marker is None or metadata.get("ownerReferences"):
        return copy
    annotations = {**marker.annotations, **(marker.elastic if _elastic(copy) else {})}
    for key, added in (("labels", marker.labels), ("annotations", annotations)):
        if added:
            metadata[key] = {**added, **(metadata.get(key) or {})}
    copy["metadata"] = metadata
    if marker.suspend:
        # Whoever starts it by itself would pass the queue by.
        copy["spec"] = {**(copy.get("spec") or {}), "suspend": True}
    if marker.pods and copy["kind"] == "Workflow":
        spec: dict[str, Any] = copy.get("spec") or {}
        pods: dict[str, Any] = spec.get("podMetadata") or {}
        labels = {**marker.pods, **(pods.get("labels") or {})}
        copy["spec"] = {**spec, "podMetadata": {**pods, "labels": labels}}
    return copy


def gang_problems(manifest: Mapping[str, Any], plan: QueuePlan) -> Iterator[Problem]:
    """Gangs that want more pods than the job has, and so never start; paths are relative to the manifest."""
    together = gang(plan)
    counted: dict[tuple[str, str], tuple[str, int]] = {}
    said = {"labels": together.labels, "annotations": together.annotations}
    keys = {value: key for part in said.values() for key, value in part.items()}
    if not keys:
        return
    for template in pod_templates(manifest):
        words = {**template.labels, **template.annotations}
        name, minimum = words.get(keys[NAME]), words.get(keys[PODS])
        if name is not None and minimum is not None:
            path, pods = counted.get((name, minimum), (template.path, 0))
            counted[name, minimum] = (path, pods + template.pods(manifest))
    for (name, minimum), (path, pods) in counted.items():
        if not minimum.isdigit() or int(minimum) > pods:
            message = f"the gang {name} has {pods} pods, and would never start; lower {keys[PODS]}"
            yield Problem(path, minimum, message)


def _elastic(manifest: Mapping[str, Any]) -> bool:
    """Whether a Ray job scales itself, or Spark allocates dynamically."""
    spec: Mapping[str, Any] = manifest.get("spec") or {}
    cluster: Mapping[str, Any] = spec.get("rayClusterSpec") or spec
    return bool(cluster.get("enableInTreeAutoscaling") or (spec.get("dynamicAllocation") or {}).get("enabled"))
