"""Loads that jobs start themselves: what the admission policy lets through, evaluated as Kubernetes evaluates it."""

import itertools
from collections.abc import Mapping
from typing import Any

import celpy
import pytest
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from components.cache import CachingArgs, DatasetArgs, DatasetMountArgs, Datasets, DatasetSurroundings, LoadArgs
from components.cache.args import RuntimeArgs
from components.cache.events import LOADER, LONGEST_SECONDS, group_of, load_policy, loaders
from components.cache.planning import plan_datasets
from stacks.preview.recording import Recording
from support import named, recorded

UPSTREAM = DatasetSurroundings(flavor="upstream")
EVENTS = {"new": LoadArgs(on_event=True)}


def _dataset(*namespaces: str, **further: Any) -> DatasetArgs:
    mounts = {"web": DatasetMountArgs(uri="https://downloads.example.com/data/")}
    values: dict[str, Any] = {"mounts": mounts, "size_gib": 1, "consistency": "periodic", "refresh": "0 1 * * *"}
    values |= {"namespaces": list(namespaces), **further}
    return DatasetArgs(**values)


DATASETS = {
    "tokens": _dataset("training", "notebooks", loads=EVENTS),
    "images": _dataset("notebooks", loads=EVENTS),
    "quiet": _dataset("training"),
}
ALLOWED = loaders(plan_datasets(DATASETS, CachingArgs(), UPSTREAM).values())
LOAD: Mapping[str, Any] = {
    "apiVersion": "data.fluid.io/v1alpha1",
    "kind": "DataLoad",
    "metadata": {"name": "tokens-event-1", "namespace": "datasets"},
    "spec": {
        "dataset": {"name": "tokens", "namespace": "datasets"},
        "target": [{"path": "/"}],
        "ttlSecondsAfterFinished": 3600,
    },
}


UNSAID: Mapping[str, Any] = {
    "options": {"threadNum": "1000"},
    "podMetadata": {"labels": {"a": "b"}},
    "affinity": {},
    "nodeSelector": {"a": "b"},
    "tolerations": [],
    "schedulerName": "mine",
    "resources": {},
    "runAfter": {"kind": "DataLoad", "name": "x"},
}
"""What would decide where and how the pod of a load runs."""


def _with(name: str = "tokens-event-1", **spec: Any) -> dict[str, Any]:
    merged = {key: value for key, value in {**LOAD["spec"], **spec}.items() if value is not None}
    return {**LOAD, "metadata": {**LOAD["metadata"], "name": name}, "spec": merged}


def _truth(expression: str, known: Mapping[str, Any]) -> bool:
    environment = celpy.Environment()
    try:
        return bool(environment.program(environment.compile(expression)).evaluate(dict(known)))
    except CELEvalError:
        return False


def _refusals(load: Mapping[str, Any], *groups: str) -> list[str]:
    policy = load_policy(ALLOWED, "datasets")
    request = {"userInfo": {"groups": ["system:authenticated", *groups]}}
    known = {"object": json_to_cel(dict(load)), "request": json_to_cel(request)}
    return [v["message"] for v in policy["validations"] if not _truth(v["expression"], known)]


def test_the_datasets_of_a_namespace_are_those_that_say_so() -> None:
    assert ALLOWED == {"notebooks": ["images", "tokens"], "training": ["tokens"]}


@pytest.mark.parametrize(
    "load",
    [
        LOAD,
        _with(policy="Once", loadMetadata=True),
        _with("tokens-event-2026-11-22", target=[{"path": "/a", "replicas": 1}]),
    ],
)
def test_a_job_may_load_a_dataset_of_its_namespace(load: Mapping[str, Any]) -> None:
    assert _refusals(load, group_of("training")) == []


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (
            _with("quiet-event-1", dataset={"name": "quiet", "namespace": "datasets"}),
            "spec.dataset.name must",
        ),
        (_with("images-event-1", dataset={"name": "images", "namespace": "datasets"}), "spec.dataset.name"),
        (_with(dataset={"name": "tokens", "namespace": "elsewhere"}), "spec.dataset.namespace must be datasets"),
        (_with(dataset={"name": "tokens"}), "spec.dataset.namespace must be datasets"),
        (_with("tokens-refresh"), "metadata.name must begin"),
        (_with(policy="Cron", schedule="* * * * *"), "spec.policy must be Once"),
        (_with(target=[{"path": "/../other"}]), "spec.target must be"),
        (_with(target=[{"path": "/a b"}]), "spec.target must be"),
        (_with(target=[{"path": "/a", "replicas": 50}]), "spec.target must be"),
        (_with(target=[{"path": "/a"}] * 17), "spec.target must be"),
        (_with(target=None), "spec.target must be"),
        (_with(ttlSecondsAfterFinished=None), "spec.ttlSecondsAfterFinished must be at most"),
        (_with(ttlSecondsAfterFinished=LONGEST_SECONDS + 1), "spec.ttlSecondsAfterFinished must be at most"),
        *((_with("tokens-event-1", **{field: UNSAID[field]}), "spec may say") for field in UNSAID),
    ],
)
def test_what_a_job_may_not_say_is_refused(load: Mapping[str, Any], message: str) -> None:
    assert any(refusal.startswith(message) for refusal in _refusals(load, group_of("training")))


def test_who_may_not_run_pods_beside_the_caches_is_asked_whatever_his_groups() -> None:
    (condition,) = load_policy(ALLOWED, "datasets")["matchConditions"]
    pods = "authorizer.group('').resource('pods').namespace('datasets').check('create').allowed()"
    assert condition["expression"] == f"!{pods}"
    assert _refusals(LOAD, group_of("another")) == ["spec.dataset.name must be a dataset of the job's namespace"]
    assert _refusals(LOAD) == ["spec.dataset.name must be a dataset of the job's namespace"]


def _made(datasets: Mapping[str, DatasetArgs]) -> Recording:
    return recorded(lambda: Datasets("datasets", datasets, around=UPSTREAM))


def test_nobody_is_let_in_before_the_policy_looks() -> None:
    recording = _made(DATASETS)
    loader = [r for r in recording.resources if r.name == "datasets-loader"]
    kinds = [r.type.rpartition(":")[2] for r in loader if not r.type.endswith(":ResourceQuota")]
    assert kinds == ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "Role", "RoleBinding"]
    (quota,) = [r for r in loader if r.type.endswith(":ResourceQuota")]
    assert quota.inputs["spec"]["hard"] == {"count/dataloads.data.fluid.io": "50"}
    loader.remove(quota)
    for before, after in itertools.pairwise(loader):
        assert before.urn in after.dependencies
    binding = loader[-1].inputs
    assert [subject["name"] for subject in binding["subjects"]] == [group_of("notebooks"), group_of("training")]
    assert binding["roleRef"]["name"] == LOADER
    assert loader[2].inputs["rules"] == [
        {"apiGroups": ["data.fluid.io"], "resources": ["dataloads"], "verbs": ["create", "get"]}
    ]
    selector = loader[1].inputs["spec"]["matchResources"]["namespaceSelector"]["matchLabels"]
    assert selector == {"kubernetes.io/metadata.name": "datasets"}


def test_without_such_loads_nobody_may_make_any() -> None:
    recording = _made({"quiet": DATASETS["quiet"]})
    assert not [r for r in recording.resources if r.name == "datasets-loader"]
    assert named(recording, "datasets-dataload-datasets-quiet-refresh")


def test_such_a_load_is_not_made_by_the_program() -> None:
    recording = _made({"tokens": _dataset("training", loads=EVENTS, runtime=RuntimeArgs(workers=2))})
    loads = [r.inputs["metadata"]["name"] for r in recording.resources if r.type.endswith(":DataLoad")]
    assert loads == ["tokens-refresh"]
