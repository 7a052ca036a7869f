"""The Kubernetes roles of people and jobs. Every verb is spelt out, so nothing is allowed by accident."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .args import JobKind, Role

READ = ("get", "list", "watch")
WRITE = ("create", "update", "patch", "delete")

JOB_RESOURCES: Mapping[str, Sequence[str]] = {
    "batch": ("jobs", "cronjobs"),
    "ray.io": ("rayclusters", "rayjobs", "rayservices"),
    "sparkoperator.k8s.io": ("sparkapplications", "scheduledsparkapplications"),
    "jobset.x-k8s.io": ("jobsets",),
    "kubeflow.org": ("pytorchjobs", "tfjobs", "mpijobs", "xgboostjobs"),
    "trainer.kubeflow.org": ("trainjobs",),
    "argoproj.io": ("workflows", "cronworkflows", "workflowtemplates"),
    "serving.kserve.io": ("inferenceservices",),
}
"""Kinds of jobs, by API group. Source: facts on operators, custom resource definitions read in August 2026."""

SERVICE_RESOURCES: Mapping[str, Sequence[str]] = {
    "apps": ("deployments", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "keda.sh": ("scaledobjects",),
    "policy": ("poddisruptionbudgets",),
    "": ("services", "configmaps", "persistentvolumeclaims"),
}
"""What else engineers make."""

SEEN: Mapping[str, Sequence[str]] = {
    **JOB_RESOURCES,
    # A dataset may take in another namespace's, so they come from the platform.
    "data.fluid.io": ("datasets", "jindoruntimes", "dataloads"),
    **{group: names for group, names in SERVICE_RESOURCES.items() if group},
    "": (
        *("pods", "pods/log", "events", "services", "configmaps", "persistentvolumeclaims", "serviceaccounts"),
        *("resourcequotas", "limitranges"),
    ),
    "apps": ("deployments", "statefulsets", "replicasets"),
    "networking.k8s.io": ("networkpolicies",),
    "metrics.k8s.io": ("pods",),
    "scheduling.alibabacloud.com": ("resourcepolicies",),
    "scheduling.x-k8s.io": ("queueunits",),
}
"""What everybody of a tenant sees in its namespaces. There are no secrets in it, nor what decides on quotas and access
to change."""


@dataclass(frozen=True)
class Rule:
    """One rule of a ClusterRole."""

    group: str
    resources: Sequence[str]
    verbs: Sequence[str]


def _rules(resources: Mapping[str, Sequence[str]], verbs: Sequence[str]) -> list[Rule]:
    return [Rule(group, tuple(names), tuple(verbs)) for group, names in resources.items()]


_VIEW = _rules(SEEN, READ)
_SUBMIT = [*_VIEW, *_rules(JOB_RESOURCES, WRITE), *_rules(SERVICE_RESOURCES, WRITE)]
_SHELL = [
    Rule("", ("pods/exec", "pods/portforward"), ("create",)),
    Rule("", ("pods",), ("delete",)),
    Rule("apps", ("deployments/scale", "statefulsets/scale"), ("get", "update", "patch")),
]

PEOPLE: Mapping[Role, Sequence[Rule]] = {
    "viewer": _VIEW,
    "automation": _SUBMIT,
    "engineer": [*_SUBMIT, *_SHELL, Rule("", ("secrets",), ("create", "update", "delete"))],
    "owner": [*_SUBMIT, *_SHELL, Rule("", ("secrets",), (*READ, *WRITE))],
}
"""Rules by role. Engineers put secrets in place and do not read them back, though whoever may start pods can mount what
lies in the same namespace. Nobody changes quotas, limits, network policies, roles and bindings: they come from here."""

_WAIT = Rule("data.fluid.io", ("datasets",), READ)
"""What a pod needs to wait until a dataset is in its cache."""

JOBS: Mapping[JobKind, Sequence[Rule]] = {
    # The autoscaler of a Ray head, as KubeRay makes it for heads without a service account of their own.
    "ray": [
        Rule("", ("pods",), (*READ, "patch")),
        Rule("", ("pods/resize",), ("patch",)),
        Rule("ray.io", ("rayclusters",), ("get", "patch")),
        _WAIT,
    ],
    # The driver makes and removes its executors.
    "spark": [
        Rule("", ("pods", "configmaps", "services", "persistentvolumeclaims"), (*READ, *WRITE, "deletecollection")),
        _WAIT,
    ],
    # The executor of a workflow reports what its step gave.
    "workflow": [
        Rule("argoproj.io", ("workflowtaskresults",), ("create", "patch")),
        *_rules(JOB_RESOURCES, (*READ, *WRITE)),
        Rule("", ("pods", "pods/log"), READ),
        _WAIT,
    ],
    "training": [_WAIT],
    "inference": [_WAIT],
    "notebook": [_WAIT],
}
"""Rules of the service accounts by kind of job. Sources: ray-project/kuberay v1.7.0, ray-operator, BuildRole;
kubeflow/spark-operator, chart spark-operator-chart, templates of spark; Argo Workflows, workflow-rbac."""


STOPPER_RULES: Sequence[Rule] = [
    Rule("apps", ("deployments", "statefulsets"), ("get", "list")),
    Rule("apps", ("deployments/scale", "statefulsets/scale"), ("get", "patch", "update")),
]
"""Rules of what stops notebooks."""


def people_role(role: Role) -> str:
    """Name of the ClusterRole of people."""
    return f"tenant-{role}"


def job_role(kind: JobKind) -> str:
    """Name of the ClusterRole of a kind of job."""
    return f"job-{kind}"
