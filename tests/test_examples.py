"""The examples: production takes each as its header says, at the cost that its header states."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import check
from components.job_classes import plan_job_classes
from components.job_classes.planning import CLASS_LABEL
from components.manifests import PodTemplate, embedded, pod_templates
from components.queues import markers
from stacks import jobs
from stacks.charts import chart_names
from stacks.environment import Environment, job_class_plans, whole_compute
from stacks.loading import load_environment, read_stack_config
from stacks.queues import queue_plan
from stacks.systems import systems_of
from stacks.tenancy import surroundings, tenant_plans
from support import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PRICE = re.compile(r"(?:CNY )?([\d,.]+)(?: to ([\d,.]+))?(?: an hour)? for [^,;.(]+\(([a-z-]+)\)")
SPANS: Mapping[str, int] = {"a day": 86_400, "two days": 172_800}
RRSA = {"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"}
"""What the webhook of pod identity adds to pods."""
TORCHRUN = {"LOCAL_RANK", "RANK", "WORLD_SIZE"}

each = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@cache
def _production() -> Environment:
    return load_environment("prod", read_stack_config("prod"))


def _header(path: Path) -> dict[str, str]:
    """The parts of the comment that a file starts with, by their first word; what it does is under `""`."""
    lines = path.read_text(encoding="utf-8").split("\n")
    comment = " ".join(line[2:] for line in lines[: next(i for i, line in enumerate(lines) if line[:2] != "# ")])
    _, *parts = re.split(r"(?:^| )(Chart|Cost in prod|Duration|Limits): ", f" {comment}")
    return {"": comment.partition(" Chart: ")[0], **dict(zip(parts[::2], parts[1::2], strict=True))}


def _chart(path: Path) -> tuple[str, str]:
    match = re.fullmatch(r"([a-z-]+), namespace: ([a-z-]+)", _header(path)["Chart"])
    assert match, path
    return match[1], match[2]


def _values(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def _rendered(path: Path) -> list[dict[str, Any]]:
    """What `make job` prints for production."""
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("builtins.print", lambda *texts, **_: written.append(str(texts[0])))
        chart, namespace = _chart(path)
        assert jobs.main(["prod", "--chart", chart, "--namespace", namespace, str(path)]) == 0, written
    return list(yaml.safe_load_all(written[0]))


def _jobs(path: Path) -> Iterator[dict[str, Any]]:
    """The manifests, and those that steps of workflows make."""
    for manifest in _rendered(path):
        yield manifest
        yield from (job for _, job in embedded(manifest))


@each
def test_the_header_says_what_must_be_known(path: Path) -> None:
    header = _header(path)
    assert set(header) == {"", "Chart", "Cost in prod", "Duration", "Limits"}
    assert all(len(part) > 10 for part in header.values())
    chart, namespace = _chart(path)
    assert chart in chart_names()
    tenants = tenant_plans(_production(), surroundings(_production(), "prod"))
    assert namespace in {space.name for plan in tenants.values() for space in plan.namespaces}


@each
def test_each_manifest_is_valid_and_queued(path: Path) -> None:
    queues = queue_plan(_production(), "prod")
    seen: set[str] = set()
    for manifest in _jobs(path):
        check({**manifest, "metadata": {**manifest["metadata"], "name": path.stem}})
        namespace = manifest["metadata"]["namespace"]
        assert namespace == _chart(path)[1]
        marker = markers(queues, namespace).get(manifest["kind"])
        if marker is None:
            continue
        seen.add(manifest["kind"])
        assert manifest["spec"].get("suspend", False) is marker.suspend
        assert marker.annotations.items() <= manifest["metadata"].get("annotations", {}).items()
        assert marker.labels.items() <= manifest["metadata"].get("labels", {}).items()
    expected = {
        "ray-cleaning": "RayJob",
        "batch-inference": "RayJob",
        "spark-etl": "SparkApplication",
        "fine-tuning": "PyTorchJob",
        "pipeline": "PyTorchJob",
    }
    assert seen == ({expected[path.stem]} if path.stem in expected else set())


def _templates(path: Path) -> list[tuple[dict[str, Any], PodTemplate]]:
    found = [(manifest, template) for manifest in _jobs(path) for template in pod_templates(manifest)]
    # The pod by which KubeRay submits a job.
    at = "spec.submitterPodTemplate"
    submit = [(job, job["spec"]["submitterPodTemplate"]) for job in _jobs(path) if job["kind"] == "RayJob"]
    known = {template.path for _, template in found}
    return [*found, *((job, PodTemplate(at, "", node)) for job, node in submit if at not in known)]


@each
def test_pods_have_the_placement_of_their_class(path: Path) -> None:
    plans = job_class_plans(_production())
    for _, template in _templates(path):
        plan = plans[template.labels[CLASS_LABEL]]
        spot = any(rung.kind == "spot" for rung in plan.rungs)
        assert template.tolerates("spot", "true") is spot
        assert template.spec["priorityClassName"] == f"job-{plan.priority}"
        assert template.spec.get("affinity") == plan.placement["affinity"]
        assert not (template.role == "leader" and spot)


def _price(template: PodTemplate) -> tuple[str, str, str]:
    """Least and most of a pod and hour, over the places where it may run, and its class."""
    name = template.labels[CLASS_LABEL]
    args = _production().job_classes[name]
    shape = template.shape()
    assert shape is not None
    job = args.model_copy(update={"pod": shape, "maximum_pods": 1})
    plan = plan_job_classes({name: job}, whole_compute(_production()), _production().scheduling)[name]
    prices = [rung.fit.price for rung in (*plan.rungs, *plan.off_peak_rungs)]
    assert all(price is not None for price in prices)
    known = [price for price in prices if price is not None]
    return f"{min(p.minimum for p in known):.2f}", f"{max(p.maximum for p in known):,.2f}", name


def _most_pods(path: Path, manifest: Mapping[str, Any], template: PodTemplate) -> int:
    spec = manifest["spec"]
    if manifest["kind"] == "RayJob" and ".workerGroupSpecs" in template.path:
        return spec["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplicas"]
    if manifest["kind"] == "SparkApplication" and template.path == "spec.executor":
        return spec["dynamicAllocation"]["maxExecutors"]
    if manifest["kind"] == "Deployment":
        (scaler,) = [other for other in _rendered(path) if other["kind"] == "HorizontalPodAutoscaler"]
        return scaler["spec"]["maxReplicas"]
    return template.pods(manifest)


@each
def test_the_cost_is_that_of_the_plan(path: Path) -> None:
    said = _header(path)["Cost in prod"]
    templates = _templates(path)
    stated = {(low, high or low, name) for low, high, name in PRICE.findall(said)}
    assert stated == {_price(template) for _, template in templates}
    plans = job_class_plans(_production())
    spot = any(rung.kind == "spot" for *_, name in stated for rung in plans[name].rungs)
    assert ("Spot counts at its price on demand" in said) is spot
    together: dict[int | str, float] = {}
    for manifest, template in templates:
        # Steps of a workflow run one after the other: those that make a job run in its place.
        step = template.path if manifest["kind"] == "WorkflowTemplate" else manifest["kind"]
        amount = _most_pods(path, manifest, template) * float(_price(template)[1].replace(",", ""))
        together[step] = together.get(step, 0) + amount
    most = max(together.values())
    bound = re.search(r"at most CNY ([\d,.]+) an hour", said)
    assert (bound is None) is (len(templates) == 1 and most == float(next(iter(stated))[1]))
    if bound:
        assert bound[1] == f"{most:,.2f}"
    if until := re.search(r"at most CNY ([\d,.]+) until the deadline", said):
        (deadline,) = _deadlines(path)
        assert until[1] == f"{most * deadline / 3600:,.2f}"


def _deadlines(path: Path) -> set[int]:
    specs = [manifest.get("spec", {}) for manifest in _rendered(path)]
    places = [place for spec in specs for place in (spec, spec.get("runPolicy", {}))]
    return {place["activeDeadlineSeconds"] for place in places if "activeDeadlineSeconds" in place}


@each
def test_the_duration_is_bounded_as_it_says(path: Path) -> None:
    said = _header(path)["Duration"]
    bound = re.search(r"bounded by activeDeadlineSeconds, (a day|two days)", said)
    assert _deadlines(path) == ({SPANS[bound[1]]} if bound else set())
    assert bound or re.search(r"has no deadline|until", said, re.IGNORECASE)


@each
def test_what_it_needs_is_there_or_said(path: Path) -> None:
    said = _header(path)["Limits"]
    if match := re.search(r"needs the systems ([a-z, -]+?), no secrets", said):
        assert set(re.split(r", | and ", match[1])) <= {system.name for system in systems_of(_production())}
    assert ("no secrets" in said) is not bool({"secrets", "tokenSecret"} & set(_values(path)))
    images = {
        container["image"]
        for manifest, template in _templates(path)
        for container in template.pod_spec(manifest)["containers"]
    }
    assert {image.rpartition("/")[2].partition(":")[0] for image in images} == set(
        re.findall(r"[Ii]mage platform/([a-z-]+)", said)
    )
    namespace = _chart(path)[1]
    claims = {name for name, volume in _production().volumes.items() if namespace in volume.namespaces}
    tenants = _production().tenants.values()
    homes = {"home"} if any(namespace in tenant.namespaces and tenant.home for tenant in tenants) else set[str]()
    used = {
        volume["persistentVolumeClaim"]["claimName"]
        for manifest in _jobs(path)
        for template in pod_templates(manifest)
        for volume in template.spec.get("volumes") or ()
        if "persistentVolumeClaim" in volume
    }
    assert used <= claims | homes


@each
def test_scripts_compile_and_use_variables_that_they_get(path: Path) -> None:
    values = _values(path)
    scripts = values.get("files", {})
    for name, text in scripts.items():
        compile(text, name, "exec")
    used = {name for text in scripts.values() for name in re.findall(r'os\.environ\["(\w+)"\]', text)}
    assert not any(re.search(r"os\.(getenv|environ\.)", text) for text in scripts.values())
    for manifest, template in _templates(path):
        containers = template.node.get("env") if template.spark else template.spec["containers"][0].get("env")
        given = {entry["name"] for entry in containers or ()}
        if "PYTHONPATH" in given:
            assert {"OSS_REGION", "OSS_ENDPOINT"} <= given
        if manifest["kind"] not in ("WorkflowTemplate", "PyTorchJob"):
            assert used <= given | RRSA
    for name, text in scripts.items():
        needed = set(re.findall(r'os\.environ\["(\w+)"\]', text)) - RRSA - TORCHRUN
        runs = [
            {entry["name"] for entry in container.get("env") or ()}
            for manifest, template in _templates(path)
            for container in template.pod_spec(manifest)["containers"]
            if f"/etc/job/{name}" in [*container.get("command", ()), *container.get("args", ())]
        ]
        assert all(needed <= given for given in runs), name
        started = yaml.safe_dump({key: value for key, value in values.items() if key != "files"})
        assert name == "storage.py" or f"/etc/job/{name}" in started


def test_examples_share_what_they_have_in_common() -> None:
    for name in ("storage.py", "train.py"):
        texts = [files[name] for path in EXAMPLES if name in (files := _values(path).get("files", {}))]
        assert len(texts) > 1
        assert len(set(texts)) == 1


def test_the_step_that_trains_is_like_the_chart_makes_it() -> None:
    """What is written by hand in the pipeline is what the chart gives fine-tuning, but for its size and names."""
    (mine,) = [job for job in _jobs(ROOT / "examples" / "pipeline.yaml") if job["kind"] == "PyTorchJob"]
    (made,) = [job for job in _jobs(ROOT / "examples" / "fine-tuning.yaml") if job["kind"] == "PyTorchJob"]
    step, other = (next(t.spec for t in pod_templates(job) if ".Master" in t.path) for job in (mine, made))
    for key in ("affinity", "tolerations", "priorityClassName", "serviceAccountName"):
        assert step[key] == other[key]
    assert mine["metadata"]["annotations"] == made["metadata"]["annotations"]
    (a,), (b,) = step["containers"], other["containers"]
    assert a["command"] == b["command"]
    assert a["securityContext"] == b["securityContext"]
    known = {entry["name"]: entry["value"] for entry in b["env"]}
    for entry in a["env"]:
        if entry["name"] != "CHECKPOINT_DIR":
            assert entry["value"] == known[entry["name"]]
