"""States of jobs and caches as metrics: what kube-state-metrics reads of their custom resources.

Operators say little of single jobs, each in its own way, and managed ones nothing; their objects say everything. The
metrics are the same for all kinds: `job_created_timestamp_seconds`, `job_started_timestamp_seconds` and
`job_ended_timestamp_seconds`, `job_phase` (1 for the phase that a job is in) and `job_condition_timestamp_seconds`
(since when a condition has its status), each with `kind`, `namespace` and `name`.

Source of the configuration: kubernetes/kube-state-metrics @c92fe0c5, docs/metrics/extend/
customresourcestate-metrics.md, pkg/customresourcestate/config.go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobKind:
    """A kind of job. phase: path of its phase below `status`, "" where it has conditions; phases: all of them; started,
    ended: paths of times below `status`, "" where conditions tell them."""

    system: str
    group: str
    version: str
    kind: str
    phase: str = ""
    phases: Sequence[str] = ()
    started: str = ""
    ended: str = ""


TRAINING = {"system": "training-operator", "group": "kubeflow.org", "version": "v1", "started": "startTime"}
JOB_KINDS: Sequence[JobKind] = (
    # ray-project/kuberay v1.7.0, ray-operator/apis/ray/v1/rayjob_types.go.
    JobKind(
        "kuberay",
        "ray.io",
        "v1",
        "RayJob",
        phase="jobDeploymentStatus",
        phases=(
            *("Initializing", "Running", "Complete", "Failed", "ValidationFailed"),
            *("Suspending", "Suspended", "Retrying", "Waiting"),
        ),
        started="startTime",
        ended="endTime",
    ),
    # kubeflow/spark-operator @38082f33, api/v1beta2/sparkapplication_types.go.
    JobKind(
        "spark-operator",
        "sparkoperator.k8s.io",
        "v1beta2",
        "SparkApplication",
        phase="applicationState.state",
        phases=(
            *("SUBMITTED", "RUNNING", "COMPLETED", "FAILED", "SUBMISSION_FAILED", "PENDING_RERUN", "INVALIDATING"),
            *("SUCCEEDING", "FAILING", "SUSPENDING", "SUSPENDED", "RESUMING", "UNKNOWN"),
        ),
        started="lastSubmissionAttemptTime",
        ended="terminationTime",
    ),
    # kubeflow/trainer @4445c12a (v1.9.4), pkg/apis/kubeflow.org/v1/common_types.go.
    *(JobKind(kind=kind, **TRAINING) for kind in ("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob")),
    # kubeflow/trainer @8c0f5059, pkg/apis/trainer/v1alpha1/trainjob_types.go.
    JobKind("trainer", "trainer.kubeflow.org", "v1alpha1", "TrainJob"),
    # argoproj/argo-workflows @f016ad89, pkg/apis/workflow/v1alpha1/workflow_phase.go and workflow_types.go.
    JobKind(
        "argo-workflows",
        "argoproj.io",
        "v1alpha1",
        "Workflow",
        phase="phase",
        phases=("Pending", "Running", "Succeeded", "Failed", "Error"),
        started="startedAt",
        ended="finishedAt",
    ),
)

RUNTIMES = ("JindoRuntime", "AlluxioRuntime", "JuiceFSRuntime")
"""Runtimes of caches. Their numbers: fluid-cloudnative/fluid @a826600a, api/v1alpha1/status.go."""

RUNTIME_NUMBERS: Mapping[str, str] = {
    "cache_workers_desired": "desiredWorkerNumberScheduled",
    "cache_workers_ready": "workerNumberReady",
    "cache_clients_desired": "desiredFuseNumberScheduled",
    "cache_clients_ready": "fuseNumberReady",
}


def custom_resource_state(systems: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of kube-state-metrics for the kinds that the running systems bring."""
    resources = [_resource(k.group, k.version, k.kind, _job_metrics(k)) for k in JOB_KINDS if k.system in systems]
    if "fluid" in systems:
        resources += [_resource("data.fluid.io", "v1alpha1", kind, _runtime_metrics()) for kind in RUNTIMES]
    return {"kind": "CustomResourceStateMetrics", "spec": {"resources": resources}}


def reading_rules(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rights to read what a configuration names: the chart grants those of the definitions alone."""
    kinds: dict[str, list[str]] = {}
    for resource in state["spec"]["resources"]:
        kinds.setdefault(resource["groupVersionKind"]["group"], []).append(resource["resourcePlural"])
    return [
        {"apiGroups": [group], "resources": plurals, "verbs": ["list", "watch"]} for group, plurals in kinds.items()
    ]


def _resource(group: str, version: str, kind: str, metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "groupVersionKind": {"group": group, "version": version, "kind": kind},
        "resourcePlural": f"{kind.lower()}s",
        "metricNamePrefix": "",
        # Times that are not there yet are no errors: at this level they are logged only when asked for.
        "errorLogV": 5,
        "commonLabels": {"kind": kind},
        "labelsFromPath": {"namespace": ["metadata", "namespace"], "name": ["metadata", "name"]},
        "metrics": list(metrics),
    }


def _job_metrics(kind: JobKind) -> list[Mapping[str, Any]]:
    metrics = [_time("job_created_timestamp_seconds", "When it was made", ["metadata", "creationTimestamp"])]
    if kind.started:
        metrics.append(_time("job_started_timestamp_seconds", "When it was let go", ["status", kind.started]))
    if kind.ended:
        metrics.append(_time("job_ended_timestamp_seconds", "When it ended", ["status", kind.ended]))
    if kind.phase:
        path = ["status", *kind.phase.split(".")]
        state = {"labelName": "phase", "path": path, "list": list(kind.phases)}
        metrics.append({"name": "job_phase", "help": "Its phase", "each": {"type": "StateSet", "stateSet": state}})
    else:
        gauge = {
            "path": ["status", "conditions"],
            "labelsFromPath": {"type": ["type"], "status": ["status"]},
            "valueFrom": ["lastTransitionTime"],
        }
        help_text = "Since when a condition has its status"
        each = {"type": "Gauge", "gauge": gauge}
        metrics.append({"name": "job_condition_timestamp_seconds", "help": help_text, "each": each})
    return metrics


def _time(name: str, help_text: str, path: Sequence[str]) -> Mapping[str, Any]:
    return {"name": name, "help": help_text, "each": {"type": "Gauge", "gauge": {"path": list(path)}}}


def _runtime_metrics() -> list[Mapping[str, Any]]:
    return [
        {
            "name": name,
            "help": f"{field} of a cache",
            "each": {"type": "Gauge", "gauge": {"path": ["status", field], "nilIsZero": True}},
        }
        for name, field in RUNTIME_NUMBERS.items()
    ]
