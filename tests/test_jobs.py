"""Jobs as an environment places them: the examples fit, and what does not fit is said."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubeflow_spark_api import models

from components.job_classes.planning import CLASS_LABEL
from components.manifests import pod_templates
from stacks import jobs
from stacks.environment import job_class_plans
from stacks.loading import load_environment, read_stack_config
from stacks.preview.recording import record_environment
from support import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
BUILT_IN = ("kubernetes:core/", "kubernetes:batch/", "kubernetes:rbac.", "kubernetes:scheduling.k8s.io/")


def _placed(environment: str, path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert jobs.main([environment, str(path)]) == 0, capsys.readouterr().err
    return list(yaml.safe_load_all(capsys.readouterr().out))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_production(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plans = job_class_plans(load_environment("prod", read_stack_config("prod")))
    templates = [template for manifest in _placed("prod", path, capsys) for template in pod_templates(manifest)]
    assert templates
    for template in templates:
        plan = plans[template.labels[CLASS_LABEL]]
        spot = any(rung.kind == "spot" for rung in plan.rungs)
        assert template.tolerates("spot", "true") is spot
        assert template.spec["priorityClassName"] == f"job-{plan.priority}"
        assert not (template.role == "leader" and spot)


def test_the_spark_example_is_one_for_its_operator(capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = _placed("prod", ROOT / "examples" / "spark-deduplication.yaml", capsys)
    for part, model in (("driver", models.SparkV1beta2DriverSpec), ("executor", models.SparkV1beta2ExecutorSpec)):
        read = model.model_validate(job["spec"][part])
        assert set(job["spec"][part]) == set(read.model_dump(by_alias=True, exclude_none=True))


def test_the_deployment_is_one_for_kubernetes(capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = _placed("prod", ROOT / "examples" / "inference.yaml", capsys)
    kubernetes_validate.validate(job, "1.35", strict=True)


def test_every_built_in_resource_of_production_is_one_for_kubernetes() -> None:
    recording = record_environment("prod", read_stack_config("prod"))
    found = [r for r in recording.resources if r.type.startswith(BUILT_IN) and not r.type.endswith("Patch")]
    assert {r.inputs["kind"] for r in found} >= {"Namespace", "PriorityClass", "CronJob", "Role", "RoleBinding"}
    for resource in found:
        kubernetes_validate.validate(dict(resource.inputs), "1.35", strict=True)


def _problems(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, environment: str = "dev") -> str:
    path = tmp_path / "job.yaml"
    path.write_text(text, encoding="utf-8")
    assert jobs.main([environment, str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


POD = """
kind: Pod
metadata: {{name: job, namespace: {namespace}, labels: {{job-class: {name}}}}}
spec:
  containers:
    - name: main
      image: acme-prod-registry-vpc.cn-hangzhou.cr.aliyuncs.com/platform/job
      resources: {{requests: {{{requests}}}}}
"""


@pytest.mark.parametrize(
    ("name", "namespace", "requests", "expected"),
    [
        (
            "ray-wroker",
            "ray",
            "cpu: 1, memory: 1Gi",
            "labels.job-class = 'ray-wroker': not one of jobClasses; did you mean",
        ),
        ("ray-worker", "spark", "cpu: 1, memory: 1Gi", "namespace = 'spark': not one of the class's: ray"),
        ("ray-worker", "ray", "cpu: 1", "resources: missing; say how much CPU and memory a pod asks for"),
        ("ray-worker", "ray", "cpu: one, memory: 1Gi", "resources: 'one' is not a quantity"),
        ("notebook", "notebooks", "cpu: 9, memory: 8Gi", "resources = '9 vCPU, 8 GiB': fits nowhere"),
        (
            "notebook",
            "notebooks",
            "cpu: 1, memory: 1Gi, aliyun/erdma: 1",
            "pods of this class ask for cpu and memory alone",
        ),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, namespace: str, requests: str, expected: str
) -> None:
    error = _problems(tmp_path, capsys, POD.format(name=name, namespace=namespace, requests=requests))
    assert error.startswith("1 problem with dev\n")
    assert expected in error.replace(" = None", "")
    assert "Pod/job" in error
    assert str(tmp_path / "job.yaml") in error


def test_a_leader_needs_a_class_that_is_not_for_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "examples" / "ray-cleaning.yaml").read_text(encoding="utf-8").replace("ray-head}", "ray-worker}")
    error = _problems(tmp_path, capsys, text, "prod")
    assert "is a class of role worker, but the end of this pod ends the job: use ray-head, spark-driver" in error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "not readable as YAML"),
        ("- 1", "holds something else than Kubernetes manifests"),
        ("", "holds something else than Kubernetes manifests"),
        ("kind: ConfigMap\nmetadata: {name: x}\n", "none has the label job-class"),
    ],
)
def test_a_file_without_jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str) -> None:
    assert expected in _problems(tmp_path, capsys, text)


def test_a_missing_file_and_a_missing_environment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert jobs.main(["dev", str(tmp_path / "none.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert jobs.main(["nowhere", str(EXAMPLES[0])]) == 2
    assert "is not an environment" in capsys.readouterr().err


def test_a_class_asks_for_its_own_resources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GPUs chosen by their links, and what is reclaimed, are other resources than GPUs and CPU."""
    for name, namespace, requests, expected in (
        ("training-large", "training", "cpu: 1, memory: 1Gi, nvidia.com/gpu: 4", "ask for aliyun.com/gpu"),
        ("backfill", "backfill", "cpu: 1, memory: 1Gi", "ask for kubernetes.io/batch-cpu, kubernetes.io/batch-memory"),
        ("training-small", "training", "cpu: 1, memory: 1Gi, nvidia.com/gpu: 500m", "is not a whole number"),
    ):
        text = POD.format(name=name, namespace=namespace, requests=requests)
        assert expected in _problems(tmp_path, capsys, text, "prod"), name


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "nodeSelector: {node-pool: cache}, containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Gi}}}]",
            "no node",
        ),
        ("containers: [x]", "containers is not a list of mappings"),
        ("nodeSelector: [x], containers: []", "nodeSelector is not a mapping of texts"),
        (
            "containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Gi}}}], "
            "initContainers: [{name: b, resources: {requests: {cpu: 64}}}]",
            "resources = '64 vCPU, 1 GiB': fits nowhere",
        ),
    ],
)
def test_all_of_a_pod_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, expected: str) -> None:
    labels = "{namespace: notebooks, labels: {job-class: notebook}}"
    assert expected in _problems(tmp_path, capsys, f"kind: Pod\nmetadata: {labels}\nspec: {{{spec}}}\n")


def test_a_head_needs_a_class_of_leaders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "examples" / "ray-cleaning.yaml").read_text(encoding="utf-8").replace("ray-head}", "notebook}")
    assert "is a class of role service, but the end of this pod ends the job" in _problems(
        tmp_path, capsys, text, "prod"
    )


def test_the_items_of_a_list_are_placed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pods = [yaml.safe_load(POD.format(name="notebook", namespace="notebooks", requests="cpu: 1, memory: 1Gi"))] * 2
    path = tmp_path / "list.yaml"
    path.write_text(yaml.safe_dump({"kind": "List", "items": pods}), encoding="utf-8")
    placed = _placed("prod", path, capsys)
    assert [pod["spec"]["priorityClassName"] for pod in placed] == ["job-high", "job-high"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image": "docker.io/library/python:3.11"}, "pretraining: images must come from"),
        ({"serviceAccountName": "ray"}, "not one of training; allowed: training"),
        ({"deadline": 0}, "pretraining: a job must end within 720 hours"),
        ({"replicas": 17}, "pretraining: a job may have at most 16 worker pods"),
        ({"volumes": [{"name": "homes", "nfs": {"server": "10.0.0.1", "path": "/"}}]}, "volumes must be one of"),
    ],
    ids=["image", "service account", "deadline", "size", "volume"],
)
def test_what_a_tenant_refuses_is_refused_before(
    changes: dict[str, Any], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = yaml.safe_load((ROOT / "examples" / "pytorch-training.yaml").read_text(encoding="utf-8"))
    worker = job["spec"]["pytorchReplicaSpecs"]["Worker"]
    spec = worker["template"]["spec"]
    if "image" in changes:
        spec["containers"][0]["image"] = changes["image"]
    if "deadline" in changes:
        del job["spec"]["runPolicy"]
    if "replicas" in changes:
        worker["replicas"] = changes["replicas"]
    spec |= {key: value for key, value in changes.items() if key in ("serviceAccountName", "volumes")}
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(job), encoding="utf-8")
    assert jobs.main(["prod", str(path)]) == 2
    report = capsys.readouterr().err
    assert "1 problem with prod" in report
    assert expected in report
