"""Pod templates of any kind are found, read and placed."""

from typing import Any

import pytest

from components.manifests import SPARK_BYTES, UnreadableQuantity, number, placed, pod_templates

GIB = 2**30


def _containers(**requests: str) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "x", "resources": {"requests": requests}}]}


def _template(**requests: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"job-class": "work"}}, "spec": _containers(**requests)}


RAY_CLUSTER = {"headGroupSpec": {"template": _template()}, "workerGroupSpecs": [{"template": _template()}]}
MANIFESTS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"kind": "Pod", "metadata": {}, "spec": _containers()}, [("", "")]),
    ({"kind": "Deployment", "spec": {"template": _template()}}, [("spec.template", "")]),
    (
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": _template()}}}},
        [("spec.jobTemplate.spec.template", "")],
    ),
    (
        {"kind": "RayCluster", "spec": RAY_CLUSTER},
        [("spec.headGroupSpec.template", "leader"), ("spec.workerGroupSpecs[0].template", "worker")],
    ),
    (
        {"kind": "RayJob", "spec": {"rayClusterSpec": RAY_CLUSTER}},
        [
            ("spec.rayClusterSpec.headGroupSpec.template", "leader"),
            ("spec.rayClusterSpec.workerGroupSpecs[0].template", "worker"),
        ],
    ),
    (
        {"kind": "SparkApplication", "spec": {"driver": {"cores": 1}, "executor": {"cores": 2}}},
        [("spec.driver", "leader"), ("spec.executor", "worker")],
    ),
    (
        {"kind": "ScheduledSparkApplication", "spec": {"template": {"driver": {}, "executor": {}}}},
        [("spec.template.driver", "leader"), ("spec.template.executor", "worker")],
    ),
    (
        {
            "kind": "MPIJob",
            "spec": {"mpiReplicaSpecs": {"Launcher": {"template": _template()}, "Worker": {"template": _template()}}},
        },
        [("spec.mpiReplicaSpecs.Launcher.template", "leader"), ("spec.mpiReplicaSpecs.Worker.template", "worker")],
    ),
    ({"kind": "InferenceService", "spec": {"predictor": _containers()}}, [("spec.predictor", "service")]),
    ({"kind": "ConfigMap", "data": {"template": "x"}}, []),
    ({"kind": "Deployment", "spec": {"template": {"spec": "not a mapping"}}}, []),
]


@pytest.mark.parametrize(("manifest", "expected"), MANIFESTS, ids=[manifest["kind"] for manifest, _ in MANIFESTS])
def test_pod_templates_are_found(manifest: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert [(template.path, template.role) for template in pod_templates(manifest)] == expected


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [("500m", 0.5), ("4", 4), (2, 2), ("1.5", 1.5), ("16Gi", 16 * GIB), ("1M", 10**6), ("1k", 1000)],
)
def test_quantities(quantity: object, amount: float) -> None:
    assert number(quantity) == amount


@pytest.mark.parametrize(("quantity", "amount"), [("4g", 4 * GIB), ("512m", GIB / 2), ("2GiB", 2 * GIB), ("1024", GIB)])
def test_spark_writes_memory_its_own_way(quantity: str, amount: float) -> None:
    assert number(quantity, SPARK_BYTES) == amount


@pytest.mark.parametrize("quantity", ["four", "", "1 2", "4Qi", None, "-1"])
def test_what_is_no_quantity(quantity: object) -> None:
    with pytest.raises(UnreadableQuantity):
        number(quantity)


def test_a_pod_asks_for_the_sum_of_its_containers_and_limits_count_where_nothing_is_requested() -> None:
    containers = [
        {"name": "a", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"nvidia.com/gpu": "2"}}},
        {"name": "b", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "9", "memory": "3Gi"}}},
        {"name": "c"},
    ]
    (template,) = pod_templates({"kind": "Pod", "spec": {"containers": containers}})
    shape = template.shape()
    assert shape is not None
    assert (shape.vcpu, shape.memory_gib, shape.gpus) == (1.5, 4, 2)


def test_shared_gpus_and_batch_resources() -> None:
    shared = _containers(
        **{"cpu": "4", "memory": "16Gi", "aliyun.com/gpu-mem": "10", "aliyun.com/gpu-core.percentage": "40"}
    )
    (template,) = pod_templates({"kind": "Pod", "spec": shared})
    shape = template.shape()
    assert shape is not None
    assert (shape.gpu_memory_gib, shape.gpu_core_percent, shape.gpus) == (10, 40, 0)
    batch = _containers(**{"kubernetes.io/batch-cpu": "2k", "kubernetes.io/batch-memory": "8Gi"})
    (template,) = pod_templates({"kind": "Pod", "spec": batch})
    shape = template.shape()
    assert shape is not None
    assert (shape.vcpu, shape.memory_gib) == (2, 8)


@pytest.mark.parametrize(
    ("executor", "language", "vcpu", "memory"),
    [
        ({"cores": 4, "memory": "10g"}, "Scala", 4, 11),
        ({"cores": 4, "memory": "10g"}, "Python", 4, 14),
        ({"cores": 1, "memory": "1g"}, "Java", 1, 1.375),
        ({"cores": 4, "coreRequest": "3500m", "memory": "4g", "memoryOverhead": "1g"}, "Scala", 3.5, 5),
    ],
)
def test_spark_adds_memory_of_its_own(executor: dict[str, Any], language: str, vcpu: float, memory: float) -> None:
    (template,) = pod_templates({"kind": "SparkApplication", "spec": {"type": language, "executor": executor}})
    shape = template.shape()
    assert shape is not None
    assert (shape.vcpu, shape.memory_gib) == (vcpu, memory)


def test_a_pod_that_asks_for_nothing_has_no_shape() -> None:
    (template,) = pod_templates({"kind": "Pod", "spec": {"containers": [{"name": "a"}]}})
    assert template.shape() is None


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "spot", "value": "true"}, True),
        ({"key": "spot", "operator": "Exists", "effect": "NoSchedule"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "spot", "value": "false"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": "spot", "value": "true", "effect": "NoExecute"}, False),
    ],
)
def test_tolerations(toleration: dict[str, str], tolerated: bool) -> None:
    (template,) = pod_templates({"kind": "Pod", "spec": {**_containers(), "tolerations": [toleration]}})
    assert template.tolerates("spot", "true") is tolerated


PLACEMENT: dict[str, Any] = {
    "labels": {"job-class": "work", "extra": "1"},
    "annotations": {},
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}},
    "tolerations": [{"key": "spot", "operator": "Exists", "effect": "NoSchedule"}],
    "priorityClassName": "job-normal",
}


def test_placing_keeps_what_a_template_says_itself() -> None:
    own = {"key": "mine", "operator": "Exists"}
    template = _template(cpu="1", memory="1Gi")
    template["spec"] |= {"tolerations": [own, PLACEMENT["tolerations"][0]], "affinity": {"podAffinity": {}}}
    manifest = {"kind": "Deployment", "spec": {"template": template, "replicas": 2}}
    before = repr(manifest)
    result = placed(manifest, {"work": PLACEMENT}, "job-class")["spec"]["template"]
    assert repr(manifest) == before
    assert result["metadata"]["labels"] == {"job-class": "work", "extra": "1"}
    assert result["spec"]["tolerations"] == [own, PLACEMENT["tolerations"][0]]
    assert set(result["spec"]["affinity"]) == {"podAffinity", "nodeAffinity"}
    assert result["spec"]["priorityClassName"] == "job-normal"
    assert result["spec"]["containers"] == template["spec"]["containers"]


@pytest.mark.parametrize("kind", ["Pod", "SparkApplication"])
def test_pods_and_spark_are_placed_in_their_own_fields(kind: str) -> None:
    labels = {"labels": {"job-class": "work"}}
    manifest: dict[str, Any] = {"kind": kind, "metadata": labels, "spec": _containers()}
    if kind == "SparkApplication":
        manifest = {"kind": kind, "spec": {"driver": {"cores": 1, **labels}}}
    result = placed(manifest, {"work": PLACEMENT}, "job-class")
    spec = result["spec"]["driver"] if kind == "SparkApplication" else result["spec"]
    assert spec["priorityClassName"] == "job-normal"
    assert spec["tolerations"] == PLACEMENT["tolerations"]


def test_what_has_no_class_stays_as_it_is() -> None:
    manifest = {"kind": "Deployment", "spec": {"template": {"metadata": {}, "spec": _containers()}}}
    assert placed(manifest, {"work": PLACEMENT}, "job-class") == manifest


def test_an_own_affinity_is_demanded_too() -> None:
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}
    pool = {"key": "node-pool", "operator": "In", "values": ["data"]}
    virtual = {"key": "type", "operator": "In", "values": ["virtual-kubelet"]}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    own = {"nodeAffinity": {required: {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}, "preferred": []}}
    terms = [{"matchExpressions": [pool]}, {"matchExpressions": [virtual]}]
    placement = {**PLACEMENT, "affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}}
    template = _template()
    template["spec"]["affinity"] = own
    result = placed({"kind": "Deployment", "spec": {"template": template}}, {"work": placement}, "job-class")
    affinity = result["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    assert affinity[required]["nodeSelectorTerms"] == [
        {"matchExpressions": [zone, pool]},
        {"matchExpressions": [zone, virtual]},
    ]
    assert affinity["preferred"] == []
