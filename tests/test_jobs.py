"""Jobs as an environment places them, and what it says of those that do not fit."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from components.job_classes.planning import CLASS_LABEL
from stacks import jobs
from stacks.loading import read_stack_config
from stacks.preview.recording import record_environment
from support import ROOT, overlaid

BUILT_IN = ("kubernetes:core/", "kubernetes:batch/", "kubernetes:rbac.", "kubernetes:scheduling.k8s.io/")


def _placed(environment: str, path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert jobs.main([environment, str(path)]) == 0, capsys.readouterr().err
    return list(yaml.safe_load_all(capsys.readouterr().out))


def _example(name: str, chart: str, namespace: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The manifests of an example, as production places them."""
    path = ROOT / "examples" / f"{name}.yaml"
    assert jobs.main(["prod", "--chart", chart, "--namespace", namespace, str(path)]) == 0, capsys.readouterr().err
    return list(yaml.safe_load_all(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("name", "chart", "namespace"),
    [
        ("ray-cleaning", "ray-job", "ray"),
        ("spark-etl", "spark-job", "spark"),
        ("fine-tuning", "training-job", "training"),
        ("inference", "inference-service", "serving"),
        ("pipeline", "workflow", "training"),
    ],
)
def test_what_is_placed_is_placed_again(
    name: str, chart: str, namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Manifests that have been printed are read as any others, and do not change."""
    printed = _example(name, chart, namespace, capsys)
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump_all(printed), encoding="utf-8")
    assert _placed("prod", path, capsys) == printed


def test_every_built_in_resource_of_production_is_one_for_kubernetes() -> None:
    recording = record_environment("prod", read_stack_config("prod"))
    found = [r for r in recording.resources if r.type.startswith(BUILT_IN) and not r.type.endswith("Patch")]
    assert {r.inputs["kind"] for r in found} >= {"Namespace", "PriorityClass", "CronJob", "Role", "RoleBinding"}
    for resource in found:
        # The SDK keeps a Secret's data secret as a whole.
        shown = {key: value for key, value in resource.inputs.items() if value != "[secret]"}
        kubernetes_validate.validate(shown, "1.35", strict=True)


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


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ray-worker", "is a class of role worker, but the end of this pod ends the job: use ray-head, spark-driver"),
        ("notebook", "is a class of role service, but the end of this pod ends the job"),
    ],
)
def test_a_head_needs_a_class_of_leaders(
    name: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (job,) = [each for each in _example("ray-cleaning", "ray-job", "ray", capsys) if each["kind"] == "RayJob"]
    job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["metadata"]["labels"][CLASS_LABEL] = name
    assert expected in _problems(tmp_path, capsys, yaml.safe_dump(job), "prod")


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
    assert jobs.main(["nowhere", str(ROOT / "examples" / "ray-cleaning.yaml")]) == 2
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
    manifests = _example("fine-tuning", "training-job", "training", capsys)
    (job,) = [each for each in manifests if each["kind"] == "PyTorchJob"]
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


SAMPLES = {"mounts": {"samples": {"uri": "s3://samples/texts/"}}, "sizeGib": 10, "namespaces": ["ray", "serving"]}
ON_NODES = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}


@pytest.fixture
def with_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Production with a dataset for jobs that run on serverless pods, too, and with the tokens in notebooks."""
    changed = overlaid("prod", {"datasets": {"samples": SAMPLES, "tokens": {"namespaces": ["training", "notebooks"]}}})
    monkeypatch.setattr(jobs, "read_stack_config", lambda stack: changed)


def _pod(name: str, namespace: str, requests: str, *claims: str, **spec: Any) -> dict[str, Any]:
    """A pod that mounts claims."""
    pod: dict[str, Any] = yaml.safe_load(POD.format(name=name, namespace=namespace, requests=requests))
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    pod["spec"] |= {"volumes": volumes, **spec}
    return pod


def _affinity(*expressions: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": [*expressions]}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.usefixtures("with_datasets")
def test_a_pod_mounts_one_claim_of_a_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = _pod("notebook", "notebooks", "cpu: 1, memory: 4Gi", "tokens", "images", "tokens-english", "workspace")
    report = _problems(tmp_path, capsys, yaml.safe_dump(both), "prod")
    assert report.startswith("2 problems with prod\n")
    message = "two claims of the cache tokens, and a pod can mount one; mount it once, with subPath"
    assert [f"Pod/job = {name!r}: {message}" in report for name in ("tokens", "tokens-english")] == [True, True]
    # Claims of several caches are mounted together, and one of them as often as one likes.
    path = tmp_path / "one.yaml"
    path.write_text(yaml.safe_dump(_pod("notebook", "notebooks", "cpu: 1, memory: 4Gi", "tokens", "images")))
    assert _placed("prod", path, capsys)[0]["spec"]["volumes"]


@pytest.mark.usefixtures("with_datasets")
@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({}, True),
        ({"affinity": _affinity({"key": "disk", "operator": "Exists"})}, True),
        ({"affinity": _affinity(ON_NODES)}, False),
    ],
    ids=["nothing said", "something else said", "nodes alone"],
)
def test_pods_that_mount_datasets_stay_off_serverless_ones(
    spec: dict[str, Any], refused: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pod = _pod("ray-worker", "ray", "cpu: 8, memory: 32Gi", "samples", **spec)
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(pod), encoding="utf-8")
    code = jobs.main(["prod", str(path)])
    out, err = capsys.readouterr()
    assert code == (2 if refused else 0), err
    message = (
        "Pod/job = 'samples': may run on serverless pods, where no dataset is mounted; demand nodes by the affinity"
    )
    assert (message in err) == refused
    if not refused:
        affinity = yaml.safe_load(out)["spec"]["affinity"]["nodeAffinity"]
        terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        # The class's own places, each without virtual nodes.
        assert len(terms) == 2
        assert all(ON_NODES in term["matchExpressions"] for term in terms)


@pytest.mark.usefixtures("with_datasets")
@pytest.mark.parametrize(
    "claims", [(), ("raw",), ("tokens",)], ids=["no claim", "no dataset", "a dataset of another namespace"]
)
def test_who_mounts_no_dataset_goes_anywhere(
    claims: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "job.yaml"
    pod = _pod("ray-worker", "ray", "cpu: 8, memory: 32Gi", *claims)
    path.write_text(yaml.safe_dump(pod), encoding="utf-8")
    (placed,) = _placed("prod", path, capsys)
    assert "virtual-kubelet" in yaml.safe_dump(placed["spec"]["affinity"])


@pytest.mark.usefixtures("with_datasets")
def test_classes_without_serverless_pods_need_say_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(_pod("notebook", "notebooks", "cpu: 1, memory: 4Gi", "images")), encoding="utf-8")
    (placed,) = _placed("prod", path, capsys)
    assert "virtual-kubelet" not in yaml.safe_dump(placed["spec"])


@pytest.mark.usefixtures("with_datasets")
def test_what_the_charts_make_of_datasets_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = yaml.safe_load((ROOT / "examples" / "ray-cleaning.yaml").read_text(encoding="utf-8"))
    values, printed = tmp_path / "values.yaml", tmp_path / "job.yaml"
    values.write_text(yaml.safe_dump({**given, "datasets": ["samples"]}), encoding="utf-8")
    assert jobs.main(["prod", "--chart", "ray-job", "--namespace", "ray", str(values)]) == 0, capsys.readouterr().err
    manifests = [*yaml.safe_load_all(capsys.readouterr().out)]
    (job,) = [manifest for manifest in manifests if manifest["kind"] == "RayJob"]
    worker = job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]
    (claim,) = [v["persistentVolumeClaim"] for v in worker["volumes"] if "persistentVolumeClaim" in v]
    assert claim["claimName"] == "samples"
    required = worker["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert all(ON_NODES in term["matchExpressions"] for term in required["nodeSelectorTerms"])
    # And what was printed is taken again.
    printed.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    assert _placed("prod", printed, capsys) == manifests
