"""What pods cost an hour: recorded by namespace and kind of job, with whose a namespace is, for panels and reports."""

import re
from collections.abc import Mapping, Sequence

from .alarms import RecordingRule, RuleGroup

CHART = "app.kubernetes.io/name"
"""Label that our charts put on pods: the chart's name."""

KINDS: Mapping[str, Mapping[str, str]] = {
    "spark": {"spark-role": ".+"},
    "ray": {"ray.io/node-type": ".+"},
    "training": {
        "training.kubeflow.org/operator-name": ".+",
        "jobset.sigs.k8s.io/replicatedjob-name": ".+",
        CHART: "training-job",
    },
    "workflow": {"workflows.argoproj.io/completed": ".+"},
    "inference": {"serving.kserve.io/inferenceservice": ".+", CHART: "inference-service"},
    "notebook": {"component": "singleuser-server", CHART: "notebook|zeppelin.*"},
}
"""Labels by which pods of each kind of job are known, with a pattern of their values; the first that fits counts. They
are those of the operators where they have few values, and of our charts where no operator is.

Sources: pyspark 4.0.1 (spark-role); ray-project/kuberay @feeaf72f, utils/constant.go; kubeflow/trainer @4445c12a
(v1.9.4), common_types.go; kubernetes-sigs/jobset @08dfbdfd, jobset_types.go; argoproj/argo-workflows @f016ad89,
workflow/controller/workflowpod.go; kserve/kserve @aaac4e29, pkg/constants; jupyterhub/zero-to-jupyterhub-k8s @48ea50e3,
templates/_helpers.tpl.
"""

OTHER, NO_QUEUE, NO_TENANT = "other", "(none)", "(platform)"
"""What stands where pods are of no kind that is known, and a namespace has no queue or no tenant."""

TENANT, QUEUE, KIND, CURRENCY = "tenant", "queue", "kind", "currency"

BY_KIND = "namespace_kind:cost:hour"
OWNERS = "namespace:owner:info"
"""Recorded names."""


def label_of(label: str) -> str:
    """A label of Kubernetes as kube-state-metrics names it."""
    return f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', label)}"


def cost_rules(prices: Mapping[str, Mapping[str, float]]) -> RuleGroup:
    """What is recorded of costs by kind of job. prices: of an hour, by currency and resource; none: OpenCost's."""
    costs = [
        f"sum by (namespace, {KIND}, {CURRENCY}) (({query}) * on (namespace, pod) group_left ({KIND}) ({_kinds()}))"
        for query in cost_queries(prices, "namespace, pod")
    ]
    return RuleGroup(
        title="Costs by kind of job",
        recordings=[
            RecordingRule(record=OWNERS, queries=[_owners()]),
            RecordingRule(record=BY_KIND, queries=costs),
        ],
    )


def report_query() -> str:
    """Cost of an hour by tenant, queue, kind of job and currency."""
    owned = f"{BY_KIND} * on (namespace) group_left ({TENANT}, {QUEUE}) {OWNERS}"
    return f"sum by ({TENANT}, {QUEUE}, {KIND}, {CURRENCY}) ({owned})"


def presence_query() -> str:
    """Something while costs can be known at all, though there may be none."""
    return f"count({BY_KIND}) and on () count({OWNERS})"


def cost_queries(prices: Mapping[str, Mapping[str, float]], by: str) -> Sequence[str]:
    """What running pods cost an hour: a query for each currency. by: the labels that are left, beside `currency`."""
    return [_priced(currency, amounts, by) for currency, amounts in prices.items()] or [_opencost(by)]


def _priced(currency: str, prices: Mapping[str, float], by: str) -> str:
    parts = [
        f'(kube_pod_container_resource_requests{{resource="{resource}"}} * {price:g})'
        for resource, price in prices.items()
    ]
    running = 'on (namespace, pod) group_left () (kube_pod_status_phase{phase="Running"} == 1)'
    return f'label_replace(sum by ({by}) (({" or ".join(parts)}) * {running}), "currency", "{currency}", "", "")'


def _opencost(by: str) -> str:
    """What pods take of nodes by OpenCost. It reckons in US dollars unless told otherwise (opencost 1.120.1)."""
    return f"""
label_replace(
  sum by ({by}) (container_cpu_allocation * on (node) group_left () max by (node) (node_cpu_hourly_cost))
  + sum by ({by}) (
    container_memory_allocation_bytes / 2^30 * on (node) group_left () max by (node) (node_ram_hourly_cost))
  + (
    sum by ({by}) (container_gpu_allocation * on (node) group_left () max by (node) (node_gpu_hourly_cost))
    or sum by ({by}) (container_cpu_allocation) * 0
  ), "currency", "USD", "", "")
"""


def _kinds() -> str:
    """One series for each pod that runs, with its kind."""
    known = [
        f'label_replace(kube_pod_labels{{{label_of(label)}=~"{pattern}"}}, "{KIND}", "{kind}", "", "")'
        for kind, labels in KINDS.items()
        for label, pattern in labels.items()
    ]
    # kube_pod_labels may come twice, with different labels: from managed Prometheus, too.
    labelled = f"max by (namespace, pod, {KIND}) ({' or on (namespace, pod) '.join(known)})"
    rest = 'max by (namespace, pod) (kube_pod_status_phase{phase="Running"})'
    return f'{labelled} or on (namespace, pod) label_replace({rest}, "{KIND}", "{OTHER}", "", "")'


def _owners() -> str:
    """One series for each namespace, with its tenant and queue."""
    by = f"max by (namespace, {TENANT}, {QUEUE})"
    unqueued = f'label_replace(kube_namespace_labels{{label_tenant!=""}}, "{QUEUE}", "{NO_QUEUE}", "", "")'
    queued = f'label_replace({unqueued}, "{QUEUE}", "$1", "label_queue", "(.+)")'
    owned = f'label_replace({queued}, "{TENANT}", "$1", "label_tenant", "(.+)")'
    others = f'label_replace(kube_namespace_labels, "{QUEUE}", "{NO_QUEUE}", "", "")'
    platform = f'label_replace({others}, "{TENANT}", "{NO_TENANT}", "", "")'
    return f"{by} ({owned}) or on (namespace) {by} ({platform})"
