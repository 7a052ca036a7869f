"""What jobs say to enter their queues, and what the systems that queue them are told."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import yaml

from components.queues import Gang, Marker, QueueArgs, QueuesArgs, gang, gang_problems, markers, queued
from components.queues.args import Engine
from components.queues.rendering import KOORDINATOR
from components.queues.wiring import EXTENSIONS, kueue_configuration, queue_values
from queues.trees import plan, tenant
from support import shown

TENANTS = {"vision": tenant((4, 8)), "speech": tenant((2, 6))}
TREE: Mapping[str, Any] = {
    "all": {},
    "vision": {"parent": "all", "tenants": ["vision"]},
    "speech": {"parent": "all", "tenants": ["speech"], "order": "fifo"},
}
ACK = plan(TENANTS, engine="elastic-quota-tree")
KUEUE = plan(TENANTS, TREE, engine="kueue")
KOORD = plan(TENANTS, TREE, engine="koordinator")

QUEUE = {"kueue.x-k8s.io/queue-name": "default"}
FIFO = {**QUEUE, "kueue.x-k8s.io/priority-class": "fifo"}
ELASTIC = {"kueue.x-k8s.io/elastic-job": "true"}
SUSPENDED = {"scheduling.x-k8s.io/suspend": "true"}


def _suspended(labels: Mapping[str, str]) -> dict[str, Marker]:
    return {
        "Job": Marker(labels=labels, pods=labels, suspend=True),
        "RayJob": Marker(labels=labels, pods=labels, suspend=True),
        "SparkApplication": Marker(labels=labels, pods=labels, annotations=SUSPENDED),
        "PyTorchJob": Marker(labels=labels, pods=labels, annotations=SUSPENDED),
        "TFJob": Marker(labels=labels, pods=labels, annotations=SUSPENDED),
    }


def _kueue(labels: Mapping[str, str]) -> dict[str, Marker]:
    plain, elastic = Marker(labels=labels), Marker(labels=labels, elastic=ELASTIC)
    return {
        **dict.fromkeys(("Job", "JobSet", "TrainJob", "PyTorchJob", "TFJob", "XGBoostJob", "RayService"), plain),
        **dict.fromkeys(("RayJob", "RayCluster", "SparkApplication"), elastic),
        "Workflow": Marker(pods=labels),
    }


def test_markers() -> None:
    assert markers(ACK, "vision") == _suspended({})
    assert markers(KOORD, "speech") == _suspended({f"{KOORDINATOR}/name": "speech"})
    assert markers(KUEUE, "vision") == _kueue(QUEUE)
    # Priorities do not count in a queue of order fifo.
    assert markers(KUEUE, "speech") == _kueue(FIFO)


@pytest.mark.parametrize("found", [ACK, KUEUE, KOORD, plan(TENANTS, enabled=False)])
def test_a_namespace_of_nobody_has_no_queue(found: Any) -> None:
    assert markers(found, "kube-system") == {}
    job = {"kind": "Job", "metadata": {"namespace": "kube-system"}, "spec": {}}
    assert queued(job, found) == job


def test_gangs() -> None:
    group = "pod-group.scheduling.sigs.k8s.io"
    assert gang(ACK) == Gang(labels={f"{group}/name": "{name}", f"{group}/min-available": "{pods}"})
    group = "gang.scheduling.koordinator.sh"
    assert gang(KOORD) == Gang(annotations={f"{group}/name": "{name}", f"{group}/min-available": "{pods}"})
    assert gang(KUEUE) == Gang()


def _job(kind: str = "Job", *, spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x", "namespace": "vision", **metadata}, "spec": dict(spec or {})}


@pytest.mark.parametrize(
    ("found", "job", "expected"),
    [
        (ACK, _job(), _job(spec={"suspend": True})),
        (ACK, _job("RayJob", spec={"a": 1}), _job("RayJob", spec={"suspend": True, "a": 1})),
        (ACK, _job("SparkApplication"), _job("SparkApplication", annotations=SUSPENDED)),
        (KOORD, _job(), _job(labels={f"{KOORDINATOR}/name": "vision"}, spec={"suspend": True})),
        (
            KOORD,
            _job("TFJob", annotations={"a": "b"}),
            _job("TFJob", labels={f"{KOORDINATOR}/name": "vision"}, annotations={**SUSPENDED, "a": "b"}),
        ),
        (KUEUE, _job(), _job(labels=QUEUE)),
        (KUEUE, _job(namespace="speech"), _job(namespace="speech", labels=FIFO)),
        (KUEUE, _job(labels={"a": "b"}), _job(labels={**QUEUE, "a": "b"})),
        # Its own words win.
        (
            KUEUE,
            _job(namespace="speech", labels={"kueue.x-k8s.io/queue-name": "mine"}),
            _job(namespace="speech", labels={**FIFO, "kueue.x-k8s.io/queue-name": "mine"}),
        ),
        (
            ACK,
            _job("PyTorchJob", annotations={"scheduling.x-k8s.io/suspend": "false"}),
            _job("PyTorchJob", annotations={"scheduling.x-k8s.io/suspend": "false"}),
        ),
        (ACK, _job(spec={"suspend": False}), _job(spec={"suspend": True})),
        # Kueue takes the pods of a workflow one by one.
        (KUEUE, _job("Workflow"), _job("Workflow", spec={"podMetadata": {"labels": QUEUE}})),
        (
            KUEUE,
            _job("Workflow", spec={"podMetadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}}),
            _job("Workflow", spec={"podMetadata": {"annotations": {"a": "b"}, "labels": {**QUEUE, "c": "d"}}}),
        ),
    ],
)
def test_queued(found: Any, job: dict[str, Any], expected: dict[str, Any]) -> None:
    before = deepcopy(job)
    assert queued(job, found) == expected
    assert job == before, "what is given is not changed"


@pytest.mark.parametrize(
    ("kind", "spec", "elastic"),
    [
        ("RayJob", {"rayClusterSpec": {"enableInTreeAutoscaling": True}}, True),
        ("RayJob", {"rayClusterSpec": {"enableInTreeAutoscaling": False}}, False),
        ("RayJob", {"rayClusterSpec": None}, False),
        ("RayCluster", {"enableInTreeAutoscaling": True}, True),
        ("RayCluster", {}, False),
        ("SparkApplication", {"dynamicAllocation": {"enabled": True}}, True),
        ("SparkApplication", {"dynamicAllocation": {"enabled": False}}, False),
        ("SparkApplication", {"dynamicAllocation": None}, False),
        ("RayService", {"rayClusterConfig": {"enableInTreeAutoscaling": True}}, False),
        ("Job", {"enableInTreeAutoscaling": True}, False),
    ],
)
def test_what_scales_itself_says_so(kind: str, spec: dict[str, Any], elastic: bool) -> None:
    made = queued(_job(kind, spec=spec), KUEUE)
    assert made["metadata"].get("annotations", {}) == (ELASTIC if elastic else {})
    assert not set(ELASTIC) & set(queued(_job(kind, spec=spec), ACK)["metadata"].get("annotations", {}))


def test_koordinators_scheduler_takes_every_pod_of_its_queues() -> None:
    pod = {"spec": {"containers": [{"name": "c"}]}}
    made = queued(_job("Deployment", spec={"template": pod}), KOORD)
    assert made["spec"]["template"]["spec"]["schedulerName"] == "koord-scheduler"
    scheduled = queued(_job("ScheduledSparkApplication", spec={"template": {"driver": {}}}), KOORD)
    assert scheduled["spec"]["template"]["driver"] == {"schedulerName": "koord-scheduler"}
    assert "schedulerName" not in queued(_job("Deployment", spec={"template": pod}), ACK)["spec"]["template"]["spec"]
    elsewhere = _job("Pod", spec=pod["spec"])
    elsewhere["metadata"]["namespace"] = "elsewhere"
    assert queued(elsewhere, KOORD) == elsewhere


@pytest.mark.parametrize("found", [ACK, KUEUE, KOORD])
@pytest.mark.parametrize(
    "manifest",
    [
        # What another object made is queued with that.
        _job(ownerReferences=[{"kind": "RayJob", "name": "x"}]),
        # The applications that it makes have no queue of their own.
        _job("ScheduledSparkApplication", spec={"template": {}}),
        _job("Deployment"),
        {"kind": "Job"},
        {"kind": "Job", "metadata": None},
        {},
    ],
)
def test_left_alone(found: Any, manifest: dict[str, Any]) -> None:
    assert queued(manifest, found) == manifest


def _pods(minimum: str, parallelism: int, found: Any) -> dict[str, Any]:
    together = gang(found)

    def said(words: Mapping[str, str]) -> dict[str, str]:
        return {key: value.replace("{name}", "x").replace("{pods}", minimum) for key, value in words.items()}

    metadata = {"labels": said(together.labels), "annotations": said(together.annotations)}
    pods = {"metadata": metadata, "spec": {"containers": []}}
    return _job(spec={"parallelism": parallelism, "template": pods})


@pytest.mark.parametrize("found", [ACK, KOORD])
def test_a_gang_that_never_starts(found: Any) -> None:
    assert not [*gang_problems(_pods("4", 4, found), found)]
    words = gang(found)
    key = next(key for key, value in {**words.labels, **words.annotations}.items() if value == "{pods}")
    (problem,) = gang_problems(_pods("5", 4, found), found)
    assert shown(problem).endswith(f' = "5": the gang x has 4 pods, and would never start; lower {key}')
    assert not [*gang_problems(_pods("5", 4, found), KUEUE)], "Kueue needs no words"


SPARK = "sparkoperator.k8s.io/sparkapplication"
RAY = [f"ray.io/{kind}" for kind in ("raycluster", "rayjob", "rayservice")]
V1 = [f"kubeflow.org/{kind}" for kind in ("pytorchjob", "tfjob", "xgboostjob")]
FIELDS = {
    *("apiVersion", "kind", "health", "metrics", "webhook", "leaderElection", "controller", "clientConnection"),
    *("manageJobsWithoutQueueName", "managedJobsNamespaceSelector", "waitForPodsReady", "integrations", "fairSharing"),
    "resources",
}
"""What of config.kueue.x-k8s.io/v1beta2 is said; 0.19.2's configuration_types.go has all of these."""


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        ([], []),
        (["kuberay", "prometheus"], RAY),
        (["spark-operator"], [SPARK]),
        (["training-operator"], V1),
        (["trainer", "jobset"], ["jobset.x-k8s.io/jobset", "trainer.kubeflow.org/trainjob"]),
        (["training-operator", "spark-operator", "kuberay"], [*V1, *RAY, SPARK]),
        (["nothing-that-is-known"], []),
    ],
)
def test_kueue_takes_what_runs(systems: list[str], expected: list[str]) -> None:
    found = yaml.safe_load(kueue_configuration(systems, QueuesArgs()))
    assert found["integrations"] == {"frameworks": ["batch/job", *expected, "pod"]}


@pytest.mark.parametrize("shares", [False, True])
def test_kueues_configuration(shares: bool) -> None:
    found = yaml.safe_load(kueue_configuration(["kuberay"], QueuesArgs(fair_sharing=shares)))
    assert (found["apiVersion"], found["kind"]) == ("config.kueue.x-k8s.io/v1beta2", "Configuration")
    assert found.keys() == (FIELDS if shares else FIELDS - {"fairSharing"})
    if shares:  # v1beta2 has no switch: that it is there switches it on.
        strategies = ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]
        assert found["fairSharing"] == {"preemptionStrategies": strategies}
    assert found["manageJobsWithoutQueueName"] is False
    assert found["managedJobsNamespaceSelector"] == {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]}
    assert found["waitForPodsReady"] == {"timeout": "30m", "recoveryTimeout": "30m", "blockAdmission": False}
    assert found["clientConnection"].keys() == {"qps", "burst"}
    assert found["metrics"].keys() == {"bindAddress", "enableClusterQueueResources"}
    assert found["health"].keys() == {"healthProbeBindAddress"}
    assert found["webhook"].keys() == {"port"}
    assert found["controller"].keys() == {"groupKindConcurrency"}


def _switched_on(values: Mapping[str, Any]) -> set[str]:
    return {name for name, switch in values["extension"].items() if switch == {"enable": True}}


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        ([], {"batchjob"}),
        (["kuberay"], {"batchjob", "ray"}),
        (["spark-operator", "training-operator"], {"batchjob", "spark", "pytorch", "tf"}),
        (["kuberay", "trainer"], {"batchjob", "ray"}),
    ],
)
def test_extensions_of_kube_queue(systems: list[str], expected: set[str]) -> None:
    ack = queue_values("elastic-quota-tree", systems, QueuesArgs())
    assert ack.keys() == {"job-queue"}
    assert ack["job-queue"]["extension"].keys() == {*EXTENSIONS}
    assert _switched_on(ack["job-queue"]) == expected
    koordinator = queue_values("koordinator", systems, QueuesArgs())
    assert koordinator.keys() == {"koord-queue"}
    assert koordinator["koord-queue"].keys() == {"extension"}
    assert koordinator["koord-queue"]["extension"].keys() == {*EXTENSIONS} - {"mpi"}
    assert _switched_on(koordinator["koord-queue"]) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({}, False),
        ({"all": QueueArgs(), "a": QueueArgs(parent="all", tenants=["a"])}, False),
        ({"all": QueueArgs(), "a": QueueArgs(parent="all", tenants=["a"], order="fifo")}, True),
    ],
)
def test_kube_queue_blocks_where_all_leaves_are_fifo(tree: Mapping[str, QueueArgs], expected: bool) -> None:
    values = queue_values("elastic-quota-tree", [], QueuesArgs(tree=tree))
    # enableStrictPriority beside it would cancel it.
    assert values["job-queue"]["controller"] == {"enableBlockingMode": expected}


@pytest.mark.parametrize("engine", ["kueue", "koordinator", "elastic-quota-tree"])
def test_one_system_is_told(engine: Engine) -> None:
    assert len(queue_values(engine, ["kuberay"], QueuesArgs())) == 1


def test_kueue_gets_its_configuration_as_a_text() -> None:
    values = queue_values("kueue", ["kuberay"], QueuesArgs())
    text = kueue_configuration(["kuberay"], QueuesArgs())
    assert values == {"job-queue": {"managerConfig": {"controllerManagerConfigYaml": text}}}
