"""Jobs of charts: rendered with what the environment knows, placed once, and refused where they do not fit."""

import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.job_classes.planning import CLASS_LABEL
from components.manifests import pod_templates
from stacks import charts, jobs
from stacks.environment import job_class_plans
from stacks.loading import load_environment, read_stack_config

IMAGE = "acme-prod-registry-vpc.cn-hangzhou.cr.aliyuncs.com/platform/image:1"
RAY: dict[str, Any] = {"image": IMAGE, "entrypoint": "python /app/a.py", "workers": {"text": {}}}
GROUP = "pod-group.scheduling.sigs.k8s.io"


def _asked(cpu: int, memory: str = "4Gi") -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"cpu": cpu, "memory": memory}}


class Charts:
    """Runs the command on values of a chart."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "cleaning.yaml"
        self.capsys = capsys

    def write(self, values: Mapping[str, Any] | str) -> None:
        """Write the file of values."""
        text = values if isinstance(values, str) else yaml.safe_dump(dict(values), sort_keys=False)
        self.file.write_text(text, encoding="utf-8")

    def run(self, chart: str, namespace: str, environment: str = "prod") -> int:
        """The exit code."""
        return jobs.main([environment, str(self.file), "--chart", chart, "--namespace", namespace])

    def placed(
        self, values: Mapping[str, Any], chart: str = "ray-job", namespace: str = "ray", environment: str = "prod"
    ) -> list[dict[str, Any]]:
        """The manifests that are printed."""
        self.write(values)
        assert self.run(chart, namespace, environment) == 0, self.capsys.readouterr().err
        return list(yaml.safe_load_all(self.capsys.readouterr().out))

    def refused(
        self,
        values: Mapping[str, Any] | str,
        chart: str = "ray-job",
        namespace: str = "ray",
        environment: str = "prod",
    ) -> str:
        """What is said of values that are refused."""
        self.write(values)
        assert self.run(chart, namespace, environment) == 2
        out, err = self.capsys.readouterr()
        assert out == ""
        return err.replace(str(self.file), "FILE")

    def problems(
        self, values: Mapping[str, Any], chart: str = "ray-job", namespace: str = "ray", environment: str = "prod"
    ) -> list[str]:
        """The problems with a job that was rendered, each with its file."""
        title, _, *lines = self.refused(values, chart, namespace, environment).splitlines()
        assert len(lines) % 2 == 0
        assert set(lines[1::2]) == {"    FILE"}
        count = len(lines) // 2
        assert title == f"{count} problem{'s' * (count > 1)} with {environment}"
        return [line.strip() for line in lines[::2]]


@pytest.fixture
def helm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Charts:
    """The command."""
    return Charts(tmp_path, capsys)


def test_a_job_is_placed_and_queued_once(helm: Charts) -> None:
    (job,) = helm.placed(RAY)
    assert (job["kind"], job["metadata"]["name"], job["metadata"]["namespace"]) == ("RayJob", "cleaning", "ray")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["tenant"] == "data"
    plans = job_class_plans(load_environment("prod", read_stack_config("prod")))
    templates = pod_templates(job)
    assert [template.labels[CLASS_LABEL] for template in templates] == ["ray-head", "ray-head", "ray-worker"]
    for template in templates:
        placement = plans[template.labels[CLASS_LABEL]].placement
        # The chart has written it, and placing does not write it again.
        assert template.spec["affinity"] == placement["affinity"]
        assert template.spec.get("tolerations", []) == placement["tolerations"]
        assert template.spec["priorityClassName"] == placement["priorityClassName"]
        assert placement["labels"].items() <= template.labels.items()
        assert template.spec["serviceAccountName"] == "ray"


def test_what_is_printed_is_printed_again(helm: Charts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = helm.placed(RAY)
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump_all(made), encoding="utf-8")
    assert jobs.main(["prod", str(again)]) == 0, capsys.readouterr().err
    assert list(yaml.safe_load_all(capsys.readouterr().out)) == made


def test_users_cannot_say_what_the_platform_says(helm: Charts) -> None:
    (job,) = helm.placed({**RAY, "platform": {"tenant": "somebody", "jobClasses": {}}})
    assert job["metadata"]["labels"]["tenant"] == "data"


def test_several_files_are_several_releases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for file in files:
        file.write_text(yaml.safe_dump(RAY), encoding="utf-8")
    arguments = ["prod", *map(str, files), "--chart", "ray-job", "--namespace", "ray"]
    assert jobs.main(arguments) == 0, capsys.readouterr().err
    names = [job["metadata"]["name"] for job in yaml.safe_load_all(capsys.readouterr().out)]
    assert names == ["one", "two"]


def test_elsewhere_jobs_say_themselves_where_they_run(helm: Charts) -> None:
    own = {"jobClass": "", "resources": _asked(1)}
    values = {**RAY, "image": "docker.io/rayproject/ray:2.56.0", "head": own, "workers": {"text": own}}
    (job,) = helm.placed(values, namespace="playground", environment="local")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "default"
    assert job["metadata"]["annotations"] == {"kueue.x-k8s.io/elastic-job": "true"}
    assert all(CLASS_LABEL not in template.labels for template in pod_templates(job))
    message = helm.problems({**values, "image": IMAGE}, namespace="playground", environment="local")[0]
    assert "playground: images must come from" in message


@pytest.mark.parametrize(
    ("chart", "namespace", "expected"),
    [
        ("ray-jbo", "ray", "--chart ray-jbo: not one of the charts; did you mean 'ray-job'?"),
        ("common", "ray", "--chart common: not one of the charts; allowed: " + ", ".join(charts.chart_names())),
        (
            "ray-job",
            "rya",
            "namespace = 'rya': not one of the environment's; allowed: backfill, nightly, notebooks, ray, serving, "
            "spark, training",
        ),
    ],
)
def test_an_unknown_chart_and_an_unknown_namespace(helm: Charts, chart: str, namespace: str, expected: str) -> None:
    assert helm.refused(RAY, chart, namespace) == expected + "\n"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {**RAY, "wrokers": {}},
            "FILE: the chart ray-job refuses these values:\n"
            "values don't meet the specifications of the schema(s) in the following chart(s):\n"
            "ray-job:\n"
            "- at '': additional properties 'wrokers' not allowed",
        ),
        (
            {**RAY, "workers": {"text": {"replicas": "three"}}},
            "FILE: the chart ray-job refuses these values:\n"
            "values don't meet the specifications of the schema(s) in the following chart(s):\n"
            "ray-job:\n"
            "- at '/workers/text/replicas': got string, want integer",
        ),
        ("a: [", "FILE: not readable as YAML: while parsing a flow node"),
        ("- 1\n", "FILE: holds something else than values of a chart\n"),
        ("text\n", "FILE: holds something else than values of a chart\n"),
        # An empty file says nothing, and the chart says what is missing.
        ("", "FILE: the chart ray-job refuses these values:\nvalues don't meet the specifications"),
    ],
    ids=["unknown key", "type", "no YAML", "list", "text", "empty"],
)
def test_values_that_the_chart_does_not_take(helm: Charts, values: Mapping[str, Any] | str, expected: str) -> None:
    assert helm.refused(values).startswith(expected)


def test_a_missing_file(helm: Charts, capsys: pytest.CaptureFixture[str]) -> None:
    assert helm.run("ray-job", "ray") == 2
    assert capsys.readouterr().err == f"{helm.file}: not readable as YAML: No such file or directory\n"


@pytest.mark.parametrize("arguments", [["--chart", "ray-job"], ["--namespace", "ray"]])
def test_chart_and_namespace_go_together(
    helm: Charts, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    helm.write(RAY)
    with pytest.raises(SystemExit) as caught:
        jobs.main(["prod", str(helm.file), *arguments])
    assert caught.value.code == 2
    assert "error: --chart and --namespace go together" in capsys.readouterr().err


def test_helm_is_a_package_of_its_own(helm: Charts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "helm_python", None)
    expected = "the package helm-python-sdk is missing, which renders charts: make job installs it\n"
    assert helm.refused(RAY) == expected


def test_a_class_that_the_namespace_does_not_have(helm: Charts) -> None:
    message = 'jobClass "ray-head" is not one of the namespace\'s: large-memory, spark-driver, spark-executor\n'
    assert helm.refused(RAY, namespace="spark").startswith("FILE: the chart ray-job refuses these values:\n")
    assert helm.refused(RAY, namespace="spark").endswith(message)


WORKERS = "RayJob/cleaning spec.rayClusterSpec.workerGroupSpecs[0].template"


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        (
            {"resources": _asked(200)},
            f"{WORKERS}.resources = '200 vCPU, 4 GiB': fits nowhere with strategy elastic. data: 31.85 vCPU for pods",
        ),
        (
            {"resources": _asked(1, "900Gi")},
            f"{WORKERS}.resources = '1 vCPU, 900 GiB': fits nowhere with strategy elastic. data: ",
        ),
        # Other pools would hold these two, and the class's affinity keeps them away from there.
        (
            {"resources": _asked(8, "200Gi")},
            f"{WORKERS}.resources = '8 vCPU, 200 GiB': fits nowhere with strategy elastic. data: 119.4 GiB for pods",
        ),
        (
            {"resources": {"requests": {"cpu": 1, "memory": "1Gi", "nvidia.com/gpu": 1}}},
            f"{WORKERS}.resources = '1 vCPU, 1 GiB, 1 GPU': fits nowhere with strategy elastic. data: is of kind cpu "
            "and has no GPUs",
        ),
        (
            {"resources": {"requests": {"cpu": 1}}},
            f"{WORKERS}.resources = None: missing; say how much CPU and memory a pod asks for",
        ),
    ],
    ids=["cpu", "memory", "memory of another pool", "gpu", "missing"],
)
def test_pods_that_fit_no_rung(helm: Charts, workers: dict[str, Any], expected: str) -> None:
    (problem,) = helm.problems({**RAY, "history": False, "workers": {"text": workers}})
    assert problem.startswith(expected)


def test_the_collector_counts_and_hides_nothing(helm: Charts) -> None:
    (problem,) = helm.problems({**RAY, "workers": {"text": {"resources": _asked(200)}}})
    assert problem.startswith(f"{WORKERS}.resources = '200.05 vCPU, 4.062 GiB': fits nowhere")
    (problem,) = helm.problems({**RAY, "workers": {"text": {"resources": {"requests": {"cpu": 1}}}}})
    assert problem == f"{WORKERS}.resources = None: missing; say how much CPU and memory a pod asks for"


def test_a_gang_does_not_start_on_serverless_pods(helm: Charts) -> None:
    (problem,) = helm.problems({**RAY, "gang": {"enabled": True}})
    assert problem == (
        f"{WORKERS} = '{GROUP}/min-available': the class ray-worker runs on serverless pods, too, which do not start "
        "together; use another"
    )


TRAINING: dict[str, Any] = {"image": IMAGE, "workers": {"replicas": 3}, "runPolicy": {"activeDeadlineSeconds": 3600}}


def test_a_gang_counts_all_pods_of_a_job(helm: Charts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = helm.placed(TRAINING, "training-job", "training")
    replicas = job["spec"]["pytorchReplicaSpecs"]
    pods = sum(spec["replicas"] for spec in replicas.values())
    labels = [template.labels for template in pod_templates(job)]
    assert {(each[f"{GROUP}/name"], each[f"{GROUP}/min-available"]) for each in labels} == {("cleaning", str(pods))}
    assert pods == 4
    # One worker fewer than the gang wants.
    smaller = deepcopy(job)
    smaller["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] = 2
    path = tmp_path / "smaller.yaml"
    path.write_text(yaml.safe_dump(smaller), encoding="utf-8")
    assert jobs.main(["prod", str(path)]) == 2
    assert capsys.readouterr().err.splitlines()[2] == (
        "  PyTorchJob/cleaning.spec.pytorchReplicaSpecs.Master.template = '4': the gang cleaning has 3 pods, and would "
        f"never start; lower {GROUP}/min-available"
    )
    message = "gang.minimum = 5: the job has only 4 pods"
    assert message in helm.refused({**TRAINING, "gang": {"minimum": 5}}, "training-job", "training")


def _flow(job: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow of one step that makes a job."""
    step = {
        "manifest": yaml.safe_dump(dict(job), sort_keys=False),
        "successCondition": "status.completionTime",
        "failureCondition": "status.conditions.0.type == Failed",
    }
    return {"image": IMAGE, "steps": {"train": {"job": step}}}


def _job(cpu: int = 2, **spec: Any) -> dict[str, Any]:
    """A Job of Kubernetes in the class `pipeline`."""
    container = {"name": "a", "image": IMAGE, "resources": _asked(cpu)}
    pod = {"restartPolicy": "Never", "serviceAccountName": "training", "containers": [container]}
    template = {"metadata": {"labels": {CLASS_LABEL: "pipeline"}}, "spec": pod}
    metadata = {"name": "{{workflow.name}}-train"}
    spec = {"suspend": True, "activeDeadlineSeconds": 3600, **spec, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


EMBEDDED = "WorkflowTemplate/cleaning spec.templates[1].resource.manifest"


def test_what_a_workflow_makes_is_queued(helm: Charts) -> None:
    manifests = helm.placed(_flow(_job()), "workflow", "training")
    assert [manifest["kind"] for manifest in manifests] == ["WorkflowTemplate", "Workflow"]
    step = manifests[0]["spec"]["templates"][1]
    made = yaml.safe_load(step["resource"]["manifest"])
    assert made["spec"]["suspend"] is True
    (template,) = pod_templates(made)
    plan = job_class_plans(load_environment("prod", read_stack_config("prod")))[template.labels[CLASS_LABEL]]
    assert template.spec["affinity"] == plan.placement["affinity"]
    assert template.spec["priorityClassName"] == plan.placement["priorityClassName"]


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            _job(64),
            f"{EMBEDDED} Job spec.template.resources = '64 vCPU, 4 GiB': fits nowhere with strategy reliable. data: ",
        ),
        (
            _job(activeDeadlineSeconds=None),
            f"{EMBEDDED} Job = None: pretraining: a job must end within 720 hours: set activeDeadlineSeconds",
        ),
        # Of another namespace than the workflow's.
        (
            {**_job(), "metadata": {"name": "a", "namespace": "ray"}},
            f"{EMBEDDED} Job spec.template.namespace = 'ray': not one of the class's: training",
        ),
    ],
    ids=["size", "tenant", "namespace"],
)
def test_what_a_workflow_makes_is_checked(helm: Charts, job: dict[str, Any], expected: str) -> None:
    problems = helm.problems(_flow(job), "workflow", "training")
    assert any(problem.startswith(expected) for problem in problems), problems
    assert len(problems) == 1 or job["metadata"].get("namespace") == "ray"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # In no namespace, as `kubectl apply -n` takes it.
        (
            {"kind": "Workflow", "metadata": {"name": "flow"}, "spec": _flow(_job(suspend=False))},
            None,
        ),
        (
            {"kind": "List", "items": ["x"]},
            "holds something else than Kubernetes manifests, each with a kind",
        ),
    ],
    ids=["no namespace", "list"],
)
def test_manifests_by_themselves(
    text: dict[str, Any], expected: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if expected is None:
        manifest = yaml.safe_dump(_job(suspend=False))
        text = {**text, "spec": {"templates": [{"name": "a", "resource": {"manifest": manifest}}]}}
    path = tmp_path / "flow.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    code = jobs.main(["prod", str(path)])
    out, err = capsys.readouterr()
    if expected is None:
        assert (code, err) == (0, "")
        (template,) = yaml.safe_load(out)["spec"]["templates"]
        assert yaml.safe_load(template["resource"]["manifest"])["metadata"] == {"name": "{{workflow.name}}-train"}
    else:
        assert (code, err) == (2, f"{path}: {expected}\n")


def test_a_bad_pod_template_within_a_workflow_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pods = {"spec": {"containers": ["x"]}}
    manifest = yaml.safe_dump({"kind": "Job", "spec": {"template": pods}})
    flow = {
        "kind": "Workflow",
        "metadata": {"name": "flow", "namespace": "training"},
        "spec": {"templates": [{"name": "a", "resource": {"manifest": manifest}}]},
    }
    path = tmp_path / "flow.yaml"
    path.write_text(yaml.safe_dump(flow), encoding="utf-8")
    assert jobs.main(["prod", str(path)]) == 2
    where = "Workflow/flow spec.templates[0].resource.manifest Job"
    expected = f"{path}: {where}: spec.template: containers is not a list of mappings\n"
    assert capsys.readouterr().err == expected
