"""Charts rendered by Helm itself, and what it makes checked by kind: against the operators' own models where a package
publishes them, against Kubernetes' schemas, and else against the fields of `shapes.yaml`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubeflow_spark_api.models as spark
import kubeflow_trainer_api.models as trainer
import kubernetes_validate
import pytest
import yaml
from helm_python import Chart, HelmError
from hera.workflows import models as argo
from kubeflow import training
from kubernetes import client as kubernetes
from pydantic import BaseModel

from stacks.charts import archive, chart_names

KUBERNETES = "1.35"
CHARTS = chart_names()
SHAPES: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "shapes.yaml").read_text(encoding="utf-8"))

MODELS: Mapping[str, type[BaseModel]] = {
    "SparkApplication": spark.SparkV1beta2SparkApplication,
    "ScheduledSparkApplication": spark.SparkV1beta2ScheduledSparkApplication,
    "TrainJob": trainer.TrainerV1alpha1TrainJob,
    "Workflow": argo.Workflow,
    "WorkflowTemplate": argo.WorkflowTemplate,
    "CronWorkflow": argo.CronWorkflow,
}
TRAINING: Mapping[str, str] = {kind: f"KubeflowOrgV1{kind}" for kind in ("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob")}


def _class(name: str) -> dict[str, Any]:
    return {
        "labels": {"job-class": name, **({"goatscaler.io/safe-to-evict": "false"} if name.endswith("head") else {})},
        "annotations": {"class": name},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "node-pool", "operator": "In", "values": [name]}]}
                    ]
                }
            }
        },
        "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "job-normal",
        "resources": {"requests": {"cpu": "4", "memory": "16Gi"}, "limits": {"cpu": "4", "memory": "16Gi"}},
    }


SUSPENDED = {"annotations": {"scheduling.x-k8s.io/suspend": "true"}}
PLATFORM: Mapping[str, Any] = {
    "environment": "test",
    "namespace": "ray",
    "tenant": "data",
    "costCenter": "data-200",
    "queue": {
        "name": "root-data",
        "markers": {
            "RayJob": {"suspend": True, "labels": {"queue": "data"}, "elastic": {"elastic": "true"}},
            "RayCluster": {"labels": {"queue": "data"}, "elastic": {"elastic": "true"}},
            "RayService": {"labels": {"queue": "data"}},
            "SparkApplication": {**SUSPENDED, "elastic": {"elastic": "true"}},
            **dict.fromkeys(("PyTorchJob", "TFJob", "XGBoostJob", "TrainJob"), SUSPENDED),
            "Workflow": {"pods": {"queue": "data"}},
        },
        "gangLabels": {"pod-group/name": "{name}", "pod-group/min-available": "{pods}"},
        "gangAnnotations": {},
    },
    "jobClasses": {
        name: _class(name)
        for name in (
            *("ray-head", "ray-worker", "spark-driver", "spark-executor"),
            *("training-small", "training-large", "inference", "notebook"),
        )
    },
    "serviceAccounts": ["ray", "spark", "training", "inference", "notebook", "workflow"],
    "objectStorage": {
        "region": "cn-hangzhou",
        "endpoint": "oss-cn-hangzhou-internal.aliyuncs.com",
        "buckets": {"raw": "acme-test-raw", "event-logs": "acme-test-event-logs"},
        "eventLogs": "oss://acme-test-event-logs/data/",
    },
    "history": {},
}
"""What an environment knows of a namespace, with every kind of marker."""


def render(chart: str, values: Mapping[str, Any], name: str = "demo", namespace: str = "ray") -> list[dict[str, Any]]:
    """The manifests of a chart, each checked."""
    with Chart.load_archive(archive(chart)) as loaded:
        rendered = loaded.render(values=dict(values), name=name, namespace=namespace)
    manifests: list[dict[str, Any]] = [
        document
        for path, text in sorted(rendered.items())
        if path.startswith(f"{chart}/templates/")
        for document in yaml.safe_load_all(text)
        if document
    ]
    for manifest in manifests:
        check(manifest)
    return manifests


def refused(chart: str, values: Mapping[str, Any]) -> str:
    """What Helm says of values that a chart refuses."""
    with pytest.raises(HelmError) as caught:
        render(chart, values)
    return str(caught.value)


def one(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The one manifest of a kind."""
    found = [manifest for manifest in manifests if manifest["kind"] == kind]
    assert len(found) == 1, [manifest["kind"] for manifest in manifests]
    return found[0]


def check(manifest: Mapping[str, Any]) -> None:
    """Fail where a manifest is not valid for its kind."""
    kind = str(manifest["kind"])
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", str(manifest["metadata"].get("name", "x"))), manifest[
        "metadata"
    ]
    labels = {**manifest["metadata"].get("labels", {}), **manifest["metadata"].get("annotations", {})}
    assert all(isinstance(value, str) for value in labels.values()), labels
    if kind in MODELS:
        given = _wrapped(manifest) if MODELS[kind].__module__.startswith("kubeflow_") else manifest
        dumped = MODELS[kind].model_validate(given).model_dump(by_alias=True, exclude_unset=True, mode="json")
        unknown = [*_missing(manifest, dumped, "")]
        assert not unknown, f"{kind}: {unknown}"
    elif kind in TRAINING:
        _walk(manifest, TRAINING[kind], kind)
    elif kind in SHAPES:
        _fields(manifest.get("spec", {}), SHAPES[kind], kind)
    else:
        kubernetes_validate.validate(dict(manifest), KUBERNETES, strict=True)


def check_pod(spec: Mapping[str, Any], path: str) -> None:
    """Fail where the spec of a pod is not valid."""
    known = {key: value for key, value in spec.items() if path != "InferenceService.predictor" or key not in KSERVE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": known}
    kubernetes_validate.validate(pod, KUBERNETES, strict=True)


KSERVE = frozenset(
    {
        "minReplicas",
        "maxReplicas",
        "scaleMetric",
        "scaleTarget",
        "timeout",
        "deploymentStrategy",
        "labels",
        "annotations",
    }
)
"""Fields of a predictor beside those of a pod."""


def _wrapped(value: Any) -> Any:
    """A manifest with its quantities as Kubeflow's models take them: in a wrapping of their own."""
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    if not isinstance(value, dict):
        return value
    wrapped = {key: _wrapped(item) for key, item in value.items()}
    for key in ("requests", "limits"):
        if key in value:
            wrapped[key] = {name: {"actual_instance": quantity} for name, quantity in value[key].items()}
    if "sizeLimit" in value:
        wrapped["sizeLimit"] = {"actual_instance": value["sizeLimit"]}
    return wrapped


def _missing(given: Any, kept: Any, path: str) -> list[str]:
    """Fields that a model dropped because it does not know them."""
    if isinstance(given, Mapping) and isinstance(kept, Mapping):
        gone = [f"{path}.{key}" for key in given if key not in kept]
        return gone + [
            item for key in given if key in kept for item in _missing(given[key], kept[key], f"{path}.{key}")
        ]
    if isinstance(given, list) and isinstance(kept, list):
        return [
            item
            for index, (a, b) in enumerate(zip(given, kept, strict=True))
            for item in _missing(a, b, f"{path}[{index}]")
        ]
    return []


def _walk(value: Any, type_name: str, path: str) -> None:
    """Fail where a value has fields that a generated model of the training operator or of Kubernetes does not know."""
    if match := re.fullmatch(r"dict\(str, (.+)\)|list\[(.+)\]", type_name):
        assert isinstance(value, dict if match[1] else list), f"{path}: {value!r} is not {type_name}"
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            _walk(item, match[1] or match[2], f"{path}.{key}")
        return
    model = getattr(training, type_name, None) or getattr(kubernetes, type_name, None)
    if model is None:
        expected = {"str": str, "int": int, "bool": bool, "float": (int, float)}.get(type_name, object)
        assert isinstance(value, expected), f"{path}: {value!r} is not {type_name}"
        return
    assert isinstance(value, dict), f"{path}: {value!r} is not {type_name}"
    fields = {name: model.openapi_types[key] for key, name in model.attribute_map.items()}
    assert set(value) <= set(fields), f"{path}: unknown {set(value) - set(fields)}"
    if "containers" in value:
        check_pod(value, path)
        return
    for key, item in value.items():
        _walk(item, fields[key], f"{path}.{key}")


def _fields(value: Any, shape: Any, path: str) -> None:
    if shape == "pod":
        check_pod(value, path)
    elif isinstance(shape, Mapping):
        assert set(value) <= set(shape), f"{path}: unknown {set(value) - set(shape)}"
        for key, item in value.items():
            _fields(item, shape[key], f"{path}.{key}")
    elif isinstance(shape, list):
        for item in value:
            _fields(item, shape[0], f"{path}[]")
