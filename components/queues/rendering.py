"""One tree as what each engine takes: ElasticQuotaTree, Kueue's objects, Koordinator's ElasticQuotas.

Field names: ACK page on elastic quota trees (2026-02-27), kubernetes-sigs/kueue v0.19.2 apis/kueue/v1beta2,
koordinator-sh/koordinator v1.8.0 apis/extension/elastic_quota.go.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..job_classes.planning import PRIORITIES
from ..tenancy.planning import NAME_LABEL
from .planning import QueueNode, QueuePlan

Manifest = Mapping[str, Any]

QUANTITIES: Mapping[str, tuple[str, str]] = {
    "vcpu": ("cpu", ""),
    "memoryGib": ("memory", "Gi"),
    "gpuMemoryGib": ("aliyun.com/gpu-mem", ""),
    "pods": ("pods", ""),
}
"""Resource name and unit by path; GPUs of every model are `nvidia.com/gpu`."""

GPU = "nvidia.com/gpu"
LOCAL_QUEUE = "default"
"""Name of each namespace's LocalQueue: Kueue sends jobs there that name no queue (general since 0.17)."""

NODES = "nodes"
"""Name of the flavour of CPU, memory and pods: any node."""

FIFO_CLASS = "fifo"
"""Priority class of all jobs in a queue of order `fifo`."""

KOORDINATOR = "quota.scheduling.koordinator.sh"
KOORDINATOR_SCHEDULER = "koord-scheduler"
KOORDINATOR_ROOT = "koordinator-root-quota"


@dataclass(frozen=True)
class ResourceFlavor:
    """Nodes with GPUs of one model: the labels that they alone have, and their taints."""

    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]] = ()


def quantity(path: str, amount: float) -> str:
    """An amount as Kubernetes writes it: millicores, MiB, or a whole number."""
    if path == "vcpu":
        return f"{amount:.0f}" if float(amount).is_integer() else f"{round(amount * 1000)}m"
    if path == "memoryGib":
        return f"{amount:.0f}Gi" if float(amount).is_integer() else f"{round(amount * 1024)}Mi"
    return f"{amount:.0f}"


def render(
    plan: QueuePlan, gpu_flavors: Mapping[str, ResourceFlavor], namespace_of_quotas: str = "kube-system"
) -> list[Manifest]:
    """The objects of a tree in the order of their making.

    gpu_flavors: nodes by GPU model, for Kueue; namespace_of_quotas: for Koordinator.
    """
    if not plan.nodes:
        return []
    if plan.engine == "elastic-quota-tree":
        return [elastic_quota_tree(plan)]
    return list(kueue(plan, gpu_flavors) if plan.engine == "kueue" else koordinator(plan, namespace_of_quotas))


def elastic_quota_tree(plan: QueuePlan) -> Manifest:
    """The one ElasticQuotaTree of an ACK cluster. GPUs of all models count together; pods are held by the quotas of
    namespaces, as no source names them here."""
    return {
        "apiVersion": "scheduling.sigs.k8s.io/v1beta1",
        "kind": "ElasticQuotaTree",
        "metadata": {"name": "elasticquotatree", "namespace": "kube-system"},
        "spec": {"root": _tree_node(plan, plan.root)},
    }


def _tree_node(plan: QueuePlan, node: QueueNode) -> dict[str, Any]:
    children = [_tree_node(plan, plan.nodes[child]) for child in node.children]
    keeps = any(summed({path: lent}) and lent < node.minimum[path] for path, lent in node.lends.items())
    return {
        "name": node.name,
        "min": summed(node.minimum),
        "max": summed(node.maximum),
        **({"namespaces": list(node.namespaces)} if node.leaf else {"children": children}),
        # Of a resource that the limit leaves out, all would be kept.
        **(
            {"attributes": {"alibabacloud.com/lendlimit": json.dumps(summed(node.lends), sort_keys=True)}}
            if keeps and node.parent
            else {}
        ),
    }


def summed(amounts: Mapping[str, float]) -> dict[str, str]:
    """Amounts by resource name without pods; GPUs of all models together. Resources of which there is none stay: a
    missing maximum would mean no limit."""
    totals: dict[str, str] = {}
    gpus = [amount for resource, amount in amounts.items() if resource.startswith("gpus.")]
    for resource, amount in amounts.items():
        if resource in QUANTITIES and resource != "pods":
            totals[QUANTITIES[resource][0]] = quantity(resource, amount)
    return {**totals, **({GPU: f"{sum(gpus):.0f}"} if gpus else {})}


def kueue(plan: QueuePlan, gpu_flavors: Mapping[str, ResourceFlavor]) -> Iterator[Manifest]:
    """Flavours, priority classes, cohorts, cluster queues and local queues.

    A node's quota is its minimum without those below it; what it may borrow is the rest of its maximum. CPU, memory and
    pods have one flavour, so that a job may use any node; each GPU model has its own.
    """
    yield _kueue("ResourceFlavor", NODES, {})
    for model in _models(plan):
        flavor = gpu_flavors.get(model)
        spec = {"nodeLabels": dict(flavor.labels), "nodeTaints": [dict(t) for t in flavor.taints]} if flavor else {}
        yield _kueue("ResourceFlavor", flavor_name(model), {key: value for key, value in spec.items() if value})
    priorities = {f"job-{priority}": value for priority, value in PRIORITIES.items()}
    for name, value in {**priorities, FIFO_CLASS: 0}.items():
        yield {**_object("kueue.x-k8s.io/v1beta2", "WorkloadPriorityClass", name), "value": value}
    for node in plan.nodes.values():
        groups = _resource_groups(plan, node)
        sharing = {"fairSharing": {"weight": str(node.args.weight)}} if plan.fair_sharing and node.parent else {}
        if not node.leaf:
            parent = {"parentName": node.parent} if node.parent else {}
            yield _kueue("Cohort", node.name, {**parent, "resourceGroups": groups, **sharing})
            continue
        preemption = node.args.preemption or "reclaim"
        yield _kueue(
            "ClusterQueue",
            node.name,
            {
                **({"cohortName": node.parent} if node.parent else {}),
                "queueingStrategy": "StrictFIFO" if node.args.order == "fifo" else "BestEffortFIFO",
                "namespaceSelector": {
                    "matchExpressions": [
                        {
                            "key": NAME_LABEL,
                            "operator": "In",
                            "values": sorted(node.namespaces),
                        }
                    ]
                },
                "preemption": {
                    "reclaimWithinCohort": "Never" if preemption == "never" else "Any",
                    "withinClusterQueue": "LowerPriority" if preemption == "priority" else "Never",
                },
                "resourceGroups": groups,
                **sharing,
            },
        )
        for namespace in node.namespaces:
            yield _kueue("LocalQueue", LOCAL_QUEUE, {"clusterQueue": node.name}, namespace)


def references(manifest: Manifest) -> list[str]:
    """What must be there before an object of a tree: `<kind>/<namespace>/<name>` of each."""
    spec: Mapping[str, Any] = manifest.get("spec", {})
    metadata = manifest["metadata"]
    flavors = [f"ResourceFlavor//{f['name']}" for group in spec.get("resourceGroups", ()) for f in group["flavors"]]
    cohort = spec.get("cohortName") or spec.get("parentName")
    parent = metadata.get("labels", {}).get(f"{KOORDINATOR}/parent")
    return [
        *flavors,
        *([f"Cohort//{cohort}"] if cohort else []),
        *([f"ClusterQueue//{spec['clusterQueue']}"] if "clusterQueue" in spec else []),
        *([f"ElasticQuota/{metadata['namespace']}/{parent}"] if parent else []),
    ]


def flavor_name(model: str) -> str:
    """Name of the flavour of a GPU model."""
    return f"gpu-{''.join(c if c.isalnum() else '-' for c in model.lower()).strip('-')}"


def _models(plan: QueuePlan) -> list[str]:
    return [resource.removeprefix("gpus.") for resource in plan.root.maximum if resource.startswith("gpus.")]


def _resource_groups(plan: QueuePlan, node: QueueNode) -> list[dict[str, Any]]:
    plain = [resource for resource in ("vcpu", "memoryGib", "pods") if resource in node.maximum]
    models = [model for model in _models(plan) if node.maximum[f"gpus.{model}"]]
    groups = [
        {
            "coveredResources": [QUANTITIES[resource][0] for resource in plain],
            "flavors": [{"name": NODES, "resources": [_quota(plan, node, resource) for resource in plain]}],
        }
    ]
    if models:
        flavors = [{"name": flavor_name(model), "resources": [_quota(plan, node, f"gpus.{model}")]} for model in models]
        groups.append({"coveredResources": [GPU], "flavors": flavors})
    return groups


def _quota(plan: QueuePlan, node: QueueNode, resource: str) -> dict[str, str]:
    below = sum(plan.nodes[child].minimum[resource] for child in node.children)
    least, most, lends = node.minimum[resource], node.maximum[resource], node.lends[resource]
    quota = {"name": GPU if resource.startswith("gpus.") else QUANTITIES[resource][0]}
    quota["nominalQuota"] = quantity(resource, least - below)
    if node.parent:
        quota["borrowingLimit"] = quantity(resource, most - least)
        if lends < least:
            quota["lendingLimit"] = quantity(resource, lends)
    return quota


def koordinator(plan: QueuePlan, namespace: str) -> Iterator[Manifest]:
    """An ElasticQuota for each queue, parents first; the root is Koordinator's own.

    Its webhook wants the same resources in the maxima of parent and child.
    """
    for node in plan.nodes.values():
        if not node.parent and not node.leaf:
            continue
        parent = KOORDINATOR_ROOT if node.parent in ("", plan.root.name) else node.parent
        labels = {
            f"{KOORDINATOR}/is-parent": "false" if node.leaf else "true",
            f"{KOORDINATOR}/parent": parent,
            **({"koord-queue/queue-policy": "Block"} if node.leaf and node.args.order == "fifo" else {}),
        }
        minimum, maximum = (
            {name: amount for name, amount in summed(side).items() if name != QUANTITIES["gpuMemoryGib"][0]}
            for side in (node.minimum, node.maximum)
        )
        annotations: dict[str, str] = {}
        if node.leaf:
            annotations[f"{KOORDINATOR}/namespaces"] = json.dumps(list(node.namespaces))
        if plan.fair_sharing:
            weights = dict.fromkeys(maximum, node.args.weight)
            annotations[f"{KOORDINATOR}/shared-weight"] = json.dumps(weights, sort_keys=True)
        yield {
            "apiVersion": "scheduling.sigs.k8s.io/v1alpha1",
            "kind": "ElasticQuota",
            "metadata": {
                "name": node.name,
                "namespace": namespace,
                "labels": labels,
                **({"annotations": annotations} if annotations else {}),
            },
            "spec": {"min": minimum, "max": maximum},
        }


def _kueue(kind: str, name: str, spec: Mapping[str, Any], namespace: str = "") -> dict[str, Any]:
    return {**_object("kueue.x-k8s.io/v1beta2", kind, name, namespace), "spec": dict(spec)}


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}
