"""Datasets in all charts: mounts, places and waiting, in every pod that a chart makes."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from charts.rendering import CHARTS, PLATFORM, one, refused, render

RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
EXPLICIT = {"jobClass": "", "resources": RESOURCES}
IMAGE = "example.com/image:1"
KUBECTL = "example.com/kubectl:1"

MINIMAL: Mapping[str, Mapping[str, Any]] = {
    "ray-cluster": {"workers": {"text": {}}},
    "ray-job": {"workers": {"text": {}}, "entrypoint": "python a.py"},
    "ray-service": {"workers": {"text": {}}, "serveConfig": "applications: []"},
    "spark-job": {"type": "Python", "mainApplicationFile": "local:///a.py"},
    "training-job": {"workers": {"replicas": 2}},
    "workflow": {
        "steps": {"data": {"jobClass": "ray-worker"}, "train": {"jobClass": "training-small", "after": ["data"]}},
        "onExit": {"resources": RESOURCES},
    },
    "inference-service": {"replicas": {"minimum": 4}, "canary": {"percent": 50}},
    "notebook": {},
    "zeppelin": {"anonymous": True},
}
"""What each chart wants beside its image; of those that can, with more than one kind of pods."""

ALONE: Mapping[str, Mapping[str, Any]] = {
    **{chart: {"head": EXPLICIT, "workers": {"text": EXPLICIT}} for chart in ("ray-cluster", "ray-job", "ray-service")},
    "spark-job": {"driver": EXPLICIT, "executor": EXPLICIT},
    "training-job": {"workers": EXPLICIT},
    "workflow": {"steps": {"data": EXPLICIT}},
    "inference-service": {"pods": EXPLICIT},
    "notebook": {"pods": EXPLICIT},
    "zeppelin": {"pods": EXPLICIT, "interpreters": {"pods": EXPLICIT}},
}
"""What they want beside on any cluster."""

PODS = {
    "ray-cluster": 2,
    "ray-job": 3,
    "ray-service": 2,
    "spark-job": 2,
    "training-job": 2,
    "workflow": 3,
    "inference-service": 2,
    "notebook": 1,
    "zeppelin": 1,
}
"""Kinds of pods of each; the pods of Zeppelin's interpreters are text, and looked at with the chart."""

PHYSICAL = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
ZONE = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["cn-hangzhou-i"]}
NEAR = {"weight": 100, "preference": {"matchExpressions": [{"key": "cache", "operator": "In", "values": ["texts"]}]}}
DATASETS: Mapping[str, Mapping[str, Any]] = {
    "texts": {"requires": [PHYSICAL, ZONE], "prefers": [NEAR]},
    "code-reviews": {"claim": "reviews", "cache": "code", "requires": [PHYSICAL]},
    "code-raw": {"cache": "code"},
    "runs": {"readOnly": False},
}


def _values(chart: str, datasets: list[Any], **platform: Any) -> dict[str, Any]:
    known = {**PLATFORM, "datasets": DATASETS, "kubectlImage": KUBECTL, **platform}
    return {"image": IMAGE, **MINIMAL[chart], "platform": known, "datasets": datasets}


def _pods(part: Any) -> Iterator[dict[str, Any]]:
    """The specs of all pods, in the form of Kubernetes: `main` is the first container, `volumes` those of the pod."""
    if isinstance(part, list):
        for item in part:
            yield from _pods(item)
    elif isinstance(part, dict):
        if "sparkVersion" in part:
            yield from (
                {**part[name], "main": part[name], "volumes": part.get("volumes", [])}
                for name in ("driver", "executor")
            )
        elif "containers" in part or "container" in part:
            main = part["container"] if "container" in part else part["containers"][0]
            yield {**part, "main": main}
        else:
            yield from _pods(list(part.values()))


def _rendered(chart: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    pods = list(_pods(render(chart, values)))
    assert len(pods) >= 1
    return pods


def _terms(pod: dict[str, Any]) -> list[Any]:
    return pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]


def test_every_chart_is_here() -> None:
    assert sorted(MINIMAL) == sorted(ALONE) == sorted(PODS) == CHARTS


@pytest.mark.parametrize("chart", CHARTS)
def test_every_pod_mounts_datasets(chart: str) -> None:
    reviews = {"name": "code-reviews", "path": "/data/reviews", "subPath": "v3"}
    values = {**_values(chart, ["texts", reviews, "runs"]), "files": {"a.py": "print()"}}
    values["volumes"] = [{"claim": "raw", "path": "/raw"}]
    pods = _rendered(chart, values)
    assert len(pods) == PODS[chart]
    for pod in pods:
        volumes = {volume["name"]: volume.get("persistentVolumeClaim") for volume in pod["volumes"]}
        assert volumes["claim-0"] == {"claimName": "raw", "readOnly": True}
        assert volumes["dataset-0"] == {"claimName": "texts", "readOnly": True}
        assert volumes["dataset-1"] == {"claimName": "reviews", "readOnly": True}
        assert volumes["dataset-2"] == {"claimName": "runs", "readOnly": False}
        assert "api-token" not in volumes
        assert pod["main"]["volumeMounts"][1:4] == [
            {"mountPropagation": "HostToContainer", **mount}
            for mount in (
                {"name": "dataset-0", "mountPath": "/datasets/texts", "readOnly": True},
                {"name": "dataset-1", "mountPath": "/data/reviews", "readOnly": True, "subPath": "v3"},
                {"name": "dataset-2", "mountPath": "/datasets/runs", "readOnly": False},
            )
        ]
        env = {entry["name"]: entry.get("value") for entry in pod["main"]["env"]}
        assert env["DATASET_TEXTS"] == "/datasets/texts"
        assert env["DATASET_CODE_REVIEWS"] == "/data/reviews"
        assert env["DATASET_RUNS"] == "/datasets/runs"
        assert "initContainers" not in pod


@pytest.mark.parametrize("chart", CHARTS)
def test_every_pod_runs_where_its_datasets_are(chart: str) -> None:
    values = _values(chart, ["texts", "code-reviews"])
    before = _rendered(chart, {**values, "datasets": []})
    after = _rendered(chart, values)
    for old, new in zip(before, after, strict=True):
        classed = [term["matchExpressions"] for term in _terms(old)] if "affinity" in old else [[]]
        assert _terms(new) == [{"matchExpressions": [*expressions, PHYSICAL, ZONE]} for expressions in classed]
        preferred = new["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert preferred == [NEAR]


@pytest.mark.parametrize("chart", CHARTS)
def test_on_any_cluster_the_claim_has_the_name(chart: str) -> None:
    values = {"image": IMAGE, **MINIMAL[chart], **ALONE[chart], "datasets": ["texts"]}
    for pod in _rendered(chart, values):
        (claim,) = [each["persistentVolumeClaim"] for each in pod["volumes"] if each["name"] == "dataset-0"]
        assert claim == {"claimName": "texts", "readOnly": True}
        assert "affinity" not in pod


@pytest.mark.parametrize("chart", CHARTS)
def test_pods_wait_until_all_is_cached(chart: str) -> None:
    waits = {"name": "texts", "waitUntilCached": True}
    datasets = [waits, "runs", {"name": "code-reviews", "waitUntilCached": True, "waitMinutes": 30}]
    values = _values(chart, datasets)
    pods = _rendered(chart, values)
    assert len(pods) == PODS[chart]
    if chart == "spark-job":
        assert "initContainers" not in pods.pop()
    for pod in pods:
        first, second = pod["initContainers"]
        # Pods without a token for the API have one for those that wait, and for nothing else.
        brings = pod.get("automountServiceAccountToken") is False
        token = {"name": "api-token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
        assert brings is (chart in {"inference-service", "notebook"})
        assert ("api-token" in [volume["name"] for volume in pod["volumes"]]) is brings
        assert "api-token" not in [mount["name"] for mount in pod["main"]["volumeMounts"]]
        assert first == {
            "name": "wait-for-texts",
            "image": KUBECTL,
            "args": [
                "wait",
                "dataset.data.fluid.io/texts",
                "--for=jsonpath={.status.cacheStates.cachedPercentage}=100.0%",
                "--timeout=120m",
            ],
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"cpu": "500m", "memory": "128Mi"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "seccompProfile": {"type": "RuntimeDefault"},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "runAsUser": 65532,
            },
            **({"volumeMounts": [token]} if brings else {}),
        }
        assert second["name"] == "wait-for-code-reviews"
        assert second["args"][3] == "--timeout=30m"


def test_a_notebook_waits_before_its_directories_are_made() -> None:
    values = {**_values("notebook", [{"name": "texts", "waitUntilCached": True}]), "home": {"claim": "home"}}
    (pod,) = _rendered("notebook", values)
    assert [init["name"] for init in pod["initContainers"]] == ["wait-for-texts", "make-directories"]


def test_a_rollout_that_waits_is_no_failed_one() -> None:
    values = _values("inference-service", [{"name": "texts", "waitUntilCached": True, "waitMinutes": 30}])
    values.pop("canary", None)
    assert (
        one(render("inference-service", values), "Deployment")["spec"]["progressDeadlineSeconds"] == 1800 + 600 + 1800
    )


def test_what_datasets_require_is_in_every_term() -> None:
    fast = {"key": "node-pool", "operator": "In", "values": ["fast"]}
    spread = {"weight": 1, "preference": {"matchExpressions": [fast]}}
    terms = [
        {"matchExpressions": [fast]},
        {"matchExpressions": [PHYSICAL], "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["m"]}]},
    ]
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms},
            "preferredDuringSchedulingIgnoredDuringExecution": [spread],
        },
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]
        },
    }
    classes = {"notebook": {**PLATFORM["jobClasses"]["notebook"], "affinity": affinity}}
    values = _values("notebook", ["texts", "code-reviews"], jobClasses=classes)
    given = deepcopy(values)
    (pod,) = _rendered("notebook", values)
    assert values == given
    assert _terms(pod) == [
        {"matchExpressions": [fast, PHYSICAL, ZONE]},
        {**terms[1], "matchExpressions": [PHYSICAL, ZONE]},
        {**terms[2], "matchExpressions": [PHYSICAL, ZONE]},
    ]
    assert pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] == [spread, NEAR]
    assert pod["affinity"]["podAntiAffinity"] == affinity["podAntiAffinity"]


def test_a_class_without_terms_gets_one() -> None:
    classes = {"notebook": {**PLATFORM["jobClasses"]["notebook"], "affinity": {}}}
    (pod,) = _rendered("notebook", _values("notebook", ["code-reviews"], jobClasses=classes))
    required = {"nodeSelectorTerms": [{"matchExpressions": [PHYSICAL]}]}
    assert pod["affinity"] == {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def test_a_dataset_that_wants_nothing_of_nodes_changes_nothing() -> None:
    (pod,) = _rendered("notebook", _values("notebook", ["runs"]))
    assert pod["affinity"] == PLATFORM["jobClasses"]["notebook"]["affinity"]


KNOWN = "code-raw, code-reviews, runs, texts"
FAILURES: list[tuple[dict[str, Any], str]] = [
    (
        {"datasets": ["texts", "text"]},
        f'datasets[1] = "text": not one of the namespace\'s datasets; allowed: {KNOWN}',
    ),
    (
        {"datasets": [{"name": "text"}]},
        f'datasets[0].name = "text": not one of the namespace\'s datasets; allowed: {KNOWN}',
    ),
    (
        {"datasets": ["texts"], "platform": PLATFORM},
        'datasets[0] = "texts": not one of the namespace\'s datasets; the namespace has none',
    ),
    (
        {"datasets": ["texts", {"name": "texts", "path": "/b"}]},
        'datasets[1].name = "texts": datasets[0] is the same; name each dataset once',
    ),
    (
        {"datasets": ["code-raw", "texts", "code-reviews"]},
        'datasets[2] = "code-reviews": has the cache "code", as "code-raw" has; a pod can mount one dataset of a cache',
    ),
    (
        {"datasets": [{"name": "texts", "path": "/data"}, {"name": "runs", "path": "/data/"}]},
        'datasets[1].path = "/data/": datasets[0] is mounted there; each must have a path of its own',
    ),
    (
        {"datasets": ["runs", "texts"], "volumes": [{"claim": "a", "path": "/datasets/texts"}]},
        'datasets[1].path = "/datasets/texts": volumes[0] is mounted there; each must have a path of its own',
    ),
    (
        {"datasets": [{"name": "texts", "path": "/etc/job"}], "files": {"a": "b"}},
        'datasets[0].path = "/etc/job": files is mounted there; each must have a path of its own',
    ),
    (
        {
            "datasets": ["runs", {"name": "texts", "waitUntilCached": True}],
            "platform": {**PLATFORM, "datasets": DATASETS},
        },
        "datasets[1].waitUntilCached = true: platform.kubectlImage is empty; "
        "it must be an image with kubectl as its entry point",
    ),
    ({"datasets": [""]}, "at '/datasets/0'"),
    ({"datasets": [{"path": "/a"}]}, "missing property 'name'"),
    ({"datasets": [{"name": "texts", "path": "a"}]}, "at '/datasets/0/path': 'a' does not match pattern"),
    ({"datasets": [{"name": "texts", "waitMinutes": 0}]}, "at '/datasets/0/waitMinutes': minimum: got 0, want 1"),
    ({"datasets": [{"name": "texts", "readOnly": False}]}, "additional properties 'readOnly' not allowed"),
]


@pytest.mark.parametrize(("values", "message"), FAILURES)
@pytest.mark.parametrize("chart", CHARTS)
def test_bad_datasets_are_refused(chart: str, values: dict[str, Any], message: str) -> None:
    said = refused(chart, {**_values(chart, []), **values})
    assert message in said
    assert "at '/" in message or "propert" in message or said.rstrip().endswith(message), said
