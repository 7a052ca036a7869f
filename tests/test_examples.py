"""The examples: production takes each as its header says, at the cost that its header states."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import check
from components.admission import DECLARATIONS
from components.cache import DatasetPlan
from components.cache.rendering import node_preferences, node_requirements
from components.job_classes import plan_job_classes
from components.job_classes.planning import CLASS_LABEL
from components.manifests import PodTemplate, embedded, pod_templates
from components.queues import markers
from policies.evaluation import evaluate, setting
from policies.rule import Inputs, Resource
from policies.workloads import DECLARED
from stacks import jobs
from stacks.charts import chart_names
from stacks.datasets import dataset_plans
from stacks.environment import Environment, job_class_plans, pool_plans, whole_compute
from stacks.loading import load_environment, read_stack_config
from stacks.queues import queue_plan
from stacks.systems import systems_of
from stacks.tenancy import surroundings, tenant_plans
from support import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PRICE = re.compile(r"(?:CNY )?([\d,.]+)(?: to ([\d,.]+))?(?: an hour)? for [^,;.(]+\(([a-z-]+)\)")
SPANS: Mapping[str, int] = {"an hour": 3600, "a day": 86_400, "two days": 172_800}
RRSA = {"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"}
"""What the webhook of pod identity adds to pods."""
TORCHRUN = {"LOCAL_RANK", "RANK", "WORLD_SIZE"}
OPERATOR = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
"""What the training operator adds to pods of a PyTorchJob with a master."""

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
        "training-on-cache": "PyTorchJob",
        "measure-cache": "PyTorchJob",
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
def test_previews_and_admission_let_them_in(path: Path) -> None:
    held = {d.name for d in DECLARATIONS if d.admission != "disabled"}
    rules = [rule for rule in DECLARED if rule.name in held or rule.level == "mandatory"]
    levels = {rule.name: setting(rule, {}) for rule in rules}
    for job in _jobs(path):
        resource = Resource(f"kubernetes:{job['apiVersion']}:{job['kind']}", path.stem, Inputs(job), path.stem)
        assert [(found.rule, found.message) for found in evaluate(rules, [resource], levels).findings] == []


@each
def test_pods_have_the_placement_of_their_class(path: Path) -> None:
    plans = job_class_plans(_production())
    datasets = dataset_plans(_production(), "prod")
    for _, template in _templates(path):
        plan = plans[template.labels[CLASS_LABEL]]
        spot = any(rung.kind == "spot" for rung in plan.rungs)
        assert template.tolerates("spot", "true") is spot
        assert template.spec["priorityClassName"] == f"job-{plan.priority}"
        mounted = [datasets[name] for name in _claims(template) & {*datasets}]
        assert template.spec.get("affinity") == _near(plan.placement["affinity"], mounted)
        assert not (template.role == "leader" and spot)


def _claims(template: PodTemplate) -> set[str]:
    volumes = template.spec.get("volumes") or ()
    return {volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume}


def _near(affinity: Mapping[str, Any], datasets: Sequence[DatasetPlan]) -> Mapping[str, Any]:
    """The affinity of a class that requires nodes, with what datasets add to it."""
    if not datasets:
        return affinity
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    nodes = affinity["nodeAffinity"]
    added = [expression for plan in datasets for expression in node_requirements(plan)]
    terms = [
        {**term, "matchExpressions": [*term["matchExpressions"], *added]}
        for term in nodes[required]["nodeSelectorTerms"]
    ]
    preferred = [term for plan in datasets for term in node_preferences(plan)]
    changed = {
        required: {"nodeSelectorTerms": terms},
        "preferredDuringSchedulingIgnoredDuringExecution": preferred,
    }
    return {**affinity, "nodeAffinity": {**nodes, **changed}}


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
    bound = re.search(r"bounded by activeDeadlineSeconds, (an hour|a day|two days)", said)
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
    # What the platform puts beside Ray is no image of the example's.
    ray = _production().history.ray
    assert ray is not None
    images.discard(ray.collector_image)
    assert {image.rpartition("/")[2].partition(":")[0] for image in images} == set(
        re.findall(r"[Ii]mage platform/([a-z-]+)", said)
    )
    namespace = _chart(path)[1]
    claims = {name for name, volume in _production().volumes.items() if namespace in volume.namespaces}
    tenants = _production().tenants.values()
    homes = {"home"} if any(namespace in tenant.namespaces and tenant.home for tenant in tenants) else set[str]()
    templates = [template for manifest in _jobs(path) for template in pod_templates(manifest)]
    used = {claim for template in templates for claim in _claims(template)}
    plans = dataset_plans(_production(), "prod")
    datasets = {name for name, plan in plans.items() if namespace in plan.claims}
    assert used <= claims | homes | datasets
    assert ("fluid" in said) is bool(used & datasets)


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
    modules = {name for name in scripts for text in scripts.values() if f"\nimport {name[:-3]}\n" in text}
    for name, text in scripts.items():
        imported = [scripts[module] for module in modules if f"\nimport {module[:-3]}\n" in text]
        needed = set(re.findall(r'os\.environ\["(\w+)"\]', "".join([text, *imported]))) - RRSA
        needed -= TORCHRUN if values.get("command") == ["torchrun"] or "steps" in values else set()
        needed -= OPERATOR if "master" in values else set()
        runs = [
            {entry["name"] for entry in container.get("env") or ()}
            for manifest, template in _templates(path)
            for container in template.pod_spec(manifest)["containers"]
            if f"/etc/job/{name}" in [*container.get("command", ()), *container.get("args", ())]
        ]
        assert all(needed <= given for given in runs), name
        started = yaml.safe_dump({key: value for key, value in values.items() if key != "files"})
        assert name in modules or f"/etc/job/{name}" in started


def test_examples_share_what_they_have_in_common() -> None:
    for name in ("storage.py", "checkpoints.py", "train.py"):
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


MEASURE = ROOT / "examples" / "measure-cache.yaml"
FIO = """fio: this platform does not support process shared mutexes, forcing use of threads.
{
  "fio version" : "fio-3.33",
  "timestamp" : 1795371085,
  "global options" : {"rw" : "read", "bs" : "4M", "ioengine" : "psync", "direct" : "0"},
  "jobs" : [
    {
      "jobname" : "0", "groupid" : 0, "error" : 0, "elapsed" : 1,
      "read" : {"io_bytes" : 33554432, "io_kbytes" : 32768, "bw_bytes" : 524288000, "bw" : 512000, "runtime" : 64},
      "write" : {"io_bytes" : 0, "io_kbytes" : 0, "bw_bytes" : 0, "bw" : 0, "runtime" : 0}
    },
    {
      "jobname" : "1", "groupid" : 0, "error" : 0, "elapsed" : 1,
      "read" : {"io_bytes" : 16777216, "io_kbytes" : 16384, "bw_bytes" : 209715200, "bw" : 204800, "runtime" : 80},
      "write" : {"io_bytes" : 0, "io_kbytes" : 0, "bw_bytes" : 0, "bw" : 0, "runtime" : 0}
    }
  ]
}
"""
"""What fio 3.33 printed for two jobs, shortened."""


def _pods_of(path: Path) -> tuple[int, set[str]]:
    """How many pods, of which classes."""
    templates = _templates(path)
    return (
        sum(_most_pods(path, manifest, template) for manifest, template in templates),
        {template.labels[CLASS_LABEL] for _, template in templates},
    )


@pytest.mark.parametrize("name", ["measure-cache", "training-on-cache"])
def test_pods_on_the_cache_are_those_of_its_plan(name: str) -> None:
    readers = dataset_plans(_production(), "prod")["tokens"].args.readers
    assert _pods_of(ROOT / "examples" / f"{name}.yaml") == (readers.pods, {readers.job_class})


def test_what_is_promised_is_that_of_the_plan() -> None:
    plan = dataset_plans(_production(), "prod")["tokens"]
    delivery = plan.delivery
    assert delivery is not None
    env = _values(MEASURE)["env"]
    assert env["PROMISED_ALL_GBPS"] == f"{delivery.cache_gbps:.6g}"
    assert env["PROMISED_READER_GBPS"] == f"{delivery.shared_pod_gbps:.6g}"
    # Neither memory of readers nor that of the cache's nodes holds what is read.
    pods, _ = _pods_of(MEASURE)
    for _, template in _templates(MEASURE):
        shape = template.shape()
        assert shape is not None
        assert float(env["GIB_A_POD"]) > shape.memory_gib
    memory = max(node.memory_gib for node in pool_plans(_production())[plan.pool].instance_types)
    assert float(env["GIB_A_POD"]) * pods > delivery.workers * memory
    assert f"{float(env['GIB_A_POD']) * pods:,.0f} GiB" in _header(MEASURE)["Limits"]
    assert f"each reads {env['GIB_A_POD']} GiB" in _header(MEASURE)[""]


def _measured(
    folder: Path, data: Path, *, pods: int = 2, fio: str | None = None
) -> Sequence[subprocess.CompletedProcess[str]]:
    """What the pods of a measurement print, the first one's first. fio: a program of that name, else there is none."""
    values = _values(MEASURE)
    script = folder / "measure.py"
    script.write_text(values["files"]["measure.py"], encoding="utf-8")
    programs = folder / "bin"
    programs.mkdir()
    if fio is not None:
        (programs / "fio").write_text(fio, encoding="utf-8")
        (programs / "fio").chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        **values["env"],
        "GIB_A_POD": str(3e6 / 2**30),
        "PROMISED_ALL_GBPS": "5",
        "PROMISED_READER_GBPS": "2",
        "WORLD_SIZE": str(pods),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "PATH": f"{programs}{os.pathsep}{os.defpath}" if fio is not None else str(programs),
    }
    # Others may come before the first.
    started = {
        rank: subprocess.Popen(
            [sys.executable, str(script), str(data)],
            env={**env, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in reversed(range(pods))
    }
    outputs = {rank: process.communicate(timeout=60) for rank, process in started.items()}
    return [
        subprocess.CompletedProcess((), started[rank].returncode, *output) for rank, output in sorted(outputs.items())
    ]


def _data(folder: Path, files: int) -> Path:
    data = folder / "data"
    for number in range(files):
        place = data / ("a:b" if number % 2 else "c d")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.npy").write_bytes(bytes(1_000_000))
    return data


def _numbers(row: str) -> list[float | None]:
    return [None if cell == "-" else float(cell) for cell in re.findall(r"(?<= )(?:-|\d+\.\d+)(?= |$)", row)]


def test_pods_measure_together(tmp_path: Path) -> None:
    first, second = _measured(tmp_path, _data(tmp_path, 10))
    assert (first.returncode, second.returncode, second.stdout) == (0, 0, ""), first.stderr + second.stderr
    *done, names, units, one, two, together, reader, total, verdict = first.stdout.splitlines()
    assert done == ["first pass: done", "second pass: done", "fio: done"]
    assert re.split(r"  +", names.strip()) == ["first pass", "second pass", "fio"]
    assert units.split() == ["Gbit/s", "s"] * 3
    assert len({len(row) for row in (names, units, one, two, together)}) == 1
    for row in (one, two, together):
        *passes, without, seconds = _numbers(row)
        assert len(passes) == 4
        assert all(number is not None for number in passes)
        assert without is seconds is None
    assert together.startswith("all ")
    # 3 MB a pod: 0.024 Gbit.
    assert reader.startswith("promised: a pod")
    assert _numbers(reader) == [2.0, 0.0]
    assert total.startswith("promised: all")
    assert _numbers(total) == [4.0, 0.0]  # Two pods ask for no more.
    assert re.fullmatch(r"The second pass has \d+% of what is promised to all\.", verdict)


def test_what_fio_measures_is_in_the_table(tmp_path: Path) -> None:
    asked, sample = tmp_path / "asked", tmp_path / "sample"
    sample.write_text(FIO, encoding="utf-8")
    data = _data(tmp_path, 10)
    (first,) = _measured(tmp_path, data, pods=1, fio=f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{asked}'\ncat '{sample}'\n")
    assert first.returncode == 0, first.stderr
    # 50,331,648 bytes in 80 ms.
    assert _numbers(first.stdout.splitlines()[-4])[-2:] == [5.033, 0.1]
    told = asked.read_text(encoding="utf-8").splitlines()
    assert {"--readonly", "--rw=read", "--direct=0", "--output-format=json", "--name=0", "--name=2"} <= {*told}
    names = [entry.partition("=")[2] for entry in told if entry.startswith("--filename=")]
    assert names == [str(data / "a:b" / f"{number}.npy").replace(":", "\\:") for number in (1, 3, 5)]


def test_the_table_has_no_fio_that_fails(tmp_path: Path) -> None:
    (first,) = _measured(tmp_path, _data(tmp_path, 4), pods=1, fio="#!/bin/sh\necho no memory >&2\nexit 1\n")
    assert first.returncode == 0, first.stderr
    assert "pod 0: fio failed: no memory\n" in first.stdout
    assert _numbers(first.stdout.splitlines()[-4])[-2:] == [None, None]


def test_no_pod_waits_for_one_that_failed(tmp_path: Path) -> None:
    first, second = _measured(tmp_path, _data(tmp_path, 1))
    assert first.stderr.strip() == f"{tmp_path / 'data'} has too few files for 2 pods"
    assert (first.returncode, second.returncode) == (1, 1)
