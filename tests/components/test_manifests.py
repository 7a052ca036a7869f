"""Pod templates of any kind are found, read and placed."""

from typing import Any

import pytest

from components.manifests import SPARK_BYTES, UnreadableQuantity, embedded, number, placed, pod_templates

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
    [
        ("500m", 0.5),
        ("4", 4),
        (2, 2),
        ("1.5", 1.5),
        ("16Gi", 16 * GIB),
        ("1M", 10**6),
        ("1k", 1000),
        (".5", 0.5),
        ("1e3", 1000),
        ("2E", 2e18),
        ("1Pi", 2**50),
    ],
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


def _replicas(count: object, name: str = "replicas") -> dict[str, Any]:
    return {name: count, "template": _template()}


RAY_GROUPS = {
    "headGroupSpec": {"template": _template()},
    "workerGroupSpecs": [_replicas(3), _replicas(0), {"template": _template()}],
}
REPLICAS = {"Master": _replicas(1), "Worker": _replicas(4), "Evaluator": {"template": _template()}}
SPARK_PARTS = {"driver": {"cores": 1}, "executor": {"cores": 2, "instances": 5}}


@pytest.mark.parametrize(
    ("manifest", "counts"),
    [
        ({"kind": "Pod", "spec": _containers()}, [1]),
        ({"kind": "Job", "spec": _replicas(6, "parallelism")}, [6]),
        ({"kind": "Job", "spec": {"template": _template()}}, [1]),
        ({"kind": "CronJob", "spec": {"jobTemplate": {"spec": _replicas(2, "parallelism")}}}, [2]),
        # How often it is done is not how many run.
        ({"kind": "Job", "spec": {**_replicas(2, "completions")}}, [1]),
        ({"kind": "Deployment", "spec": _replicas(2)}, [2]),
        ({"kind": "StatefulSet", "spec": {"template": _template()}}, [1]),
        ({"kind": "Deployment", "spec": _replicas(None)}, [1]),
        ({"kind": "Job", "spec": _replicas("{{inputs.parameters.pods}}", "parallelism")}, [1]),
        ({"kind": "Job", "spec": _replicas("7", "parallelism")}, [7]),
        ({"kind": "RayCluster", "spec": RAY_GROUPS}, [1, 3, 0, 1]),
        ({"kind": "RayJob", "spec": {"rayClusterSpec": RAY_GROUPS}}, [1, 3, 0, 1]),
        ({"kind": "RayService", "spec": {"rayClusterConfig": RAY_GROUPS}}, [1, 3, 0, 1]),
        ({"kind": "PyTorchJob", "spec": {"pytorchReplicaSpecs": REPLICAS}}, [1, 4, 1]),
        ({"kind": "SparkApplication", "spec": SPARK_PARTS}, [1, 5]),
        ({"kind": "ScheduledSparkApplication", "spec": {"template": SPARK_PARTS}}, [1, 5]),
        ({"kind": "InferenceService", "spec": {"predictor": {"minReplicas": 3, **_containers()}}}, [1]),
        # A workflow's parallelism is a limit of all of its steps.
        ({"kind": "Workflow", "spec": {"parallelism": 9, "templates": [{"name": "a", "container": {}}]}}, [1]),
    ],
)
def test_pods_that_a_job_starts_with(manifest: dict[str, Any], counts: list[int]) -> None:
    assert [template.pods(manifest) for template in pod_templates(manifest)] == counts


def _step(key: str = "container", **further: Any) -> dict[str, Any]:
    container = {"image": "x", "resources": {"requests": {"cpu": "2", "memory": "4Gi"}}}
    return {"name": "step", key: container, "metadata": {"labels": {"job-class": "work"}}, **further}


def _flow(kind: str, *templates: Any, **metadata: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"entrypoint": "main", "templates": list(templates)}
    return {"kind": kind, "metadata": metadata, "spec": {"workflowSpec": spec} if kind == "CronWorkflow" else spec}


FLOWS = {
    "Workflow": "spec.templates",
    "WorkflowTemplate": "spec.templates",
    "CronWorkflow": "spec.workflowSpec.templates",
}


@pytest.mark.parametrize(("kind", "path"), FLOWS.items())
def test_the_pods_of_a_workflow_are_its_containers_and_scripts(kind: str, path: str) -> None:
    steps = [{"name": "main", "dag": {"tasks": []}}, _step(), _step("script"), {"name": "job", "resource": {}}, "text"]
    templates = pod_templates(_flow(kind, *steps))
    assert [(template.path, template.role) for template in templates] == [(f"{path}[1]", ""), (f"{path}[2]", "")]
    for template in templates:
        shape = template.shape()
        assert shape is not None
        assert (shape.vcpu, shape.memory_gib) == (2, 4)


def test_the_pod_of_a_workflow_has_the_fields_beside_its_container() -> None:
    beside = {
        "initContainers": [{"name": "a", "resources": {"requests": {"cpu": "8"}}}],
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"node-pool": "data"},
        "serviceAccountName": "me",
        "volumes": [{"name": "v"}],
        "inputs": {"parameters": []},
    }
    manifest = _flow("Workflow", _step("script", **beside))
    (template,) = pod_templates(manifest)
    shape = template.shape()
    assert shape is not None
    assert (shape.vcpu, shape.memory_gib) == (8, 4)
    assert template.tolerates("spot", "true")
    assert list(template.node_labels()) == [("node-pool", "data")]
    pod = template.pod_spec(manifest)
    assert pod.keys() == {"containers", "initContainers", "serviceAccountName", "volumes"}
    assert pod["containers"] == [{"name": "main", **manifest["spec"]["templates"][0]["script"]}]


@pytest.mark.parametrize("kind", FLOWS)
def test_the_pods_of_a_workflow_have_what_it_says_of_all(kind: str) -> None:
    sidecar = {"name": "proxy", "image": "proxy:1"}
    manifest = _flow(kind, _step(securityContext={"runAsUser": 1}, sidecars=[sidecar]), _step())
    spec = manifest["spec"]["workflowSpec"] if kind == "CronWorkflow" else manifest["spec"]
    spec |= {"securityContext": {"runAsNonRoot": True}, "hostNetwork": True, "volumes": [{"name": "v"}]}
    one, other = (template.pod_spec(manifest) for template in pod_templates(manifest))
    assert one["securityContext"] == {"runAsUser": 1}
    assert one["containers"][1:] == [sidecar]
    assert other["securityContext"] == {"runAsNonRoot": True}
    assert one["hostNetwork"] is other["hostNetwork"] is True
    assert one["volumes"] == other["volumes"] == [{"name": "v"}]


@pytest.mark.parametrize("scheduled", [False, True])
def test_the_pods_of_spark_have_what_spark_gives_them(scheduled: bool) -> None:
    driver: dict[str, Any] = {
        "cores": 2,
        "memory": "4g",
        "podSecurityContext": {"runAsUser": 185},
        "priorityClassName": "job-high",
    }
    driver["serviceAccount"] = "spark"
    executor = {"coreRequest": "500m", "image": "own:1", "securityContext": {"privileged": False}}
    application = {"image": "spark:4", "volumes": [{"name": "v"}], "driver": driver, "executor": executor}
    kind = "ScheduledSparkApplication" if scheduled else "SparkApplication"
    manifest = {"kind": kind, "spec": {"schedule": "@daily", "template": application} if scheduled else application}
    one, other = (template.pod_spec(manifest) for template in pod_templates(manifest))
    resources = {"requests": {"cpu": 2, "memory": "4g"}, "limits": {"memory": "4g"}}
    assert one == {
        "containers": [{"name": "spark", "image": "spark:4", "resources": resources}],
        "securityContext": {"runAsUser": 185},
        "priorityClassName": "job-high",
        "serviceAccountName": "spark",
        "volumes": [{"name": "v"}],
    }
    (container,) = other["containers"]
    assert (container["image"], container["securityContext"]) == ("own:1", {"privileged": False})
    # Spark's own defaults.
    assert container["resources"] == {"requests": {"cpu": "500m", "memory": "1g"}, "limits": {"memory": "1g"}}


@pytest.mark.parametrize("kind", FLOWS)
@pytest.mark.parametrize("key", ["container", "script"])
def test_a_workflow_is_placed_beside_its_containers(kind: str, key: str) -> None:
    manifest = _flow(kind, _step(key), {**_step(), "metadata": {}})
    result = placed(manifest, {"work": PLACEMENT}, "job-class")
    spec = result["spec"]["workflowSpec"] if kind == "CronWorkflow" else result["spec"]
    step, other = spec["templates"]
    assert step["metadata"]["labels"] == {"job-class": "work", "extra": "1"}
    assert step["affinity"] == PLACEMENT["affinity"]
    assert step["tolerations"] == PLACEMENT["tolerations"]
    assert step["priorityClassName"] == "job-normal"
    assert step[key] == _step(key)[key]
    assert "spec" not in step
    assert other == {**_step(), "metadata": {}}


def _resource(text: object) -> dict[str, Any]:
    return {"name": "job", "resource": {"action": "create", "manifest": text}}


JOB_TEXT = "kind: Job\nmetadata: {name: '{{workflow.name}}-a'}\n"


@pytest.mark.parametrize(("kind", "path"), FLOWS.items())
@pytest.mark.parametrize(
    ("text", "namespace", "expected"),
    [
        (JOB_TEXT, "mine", {"kind": "Job", "metadata": {"namespace": "mine", "name": "{{workflow.name}}-a"}}),
        (JOB_TEXT, None, {"kind": "Job", "metadata": {"name": "{{workflow.name}}-a"}}),
        ("kind: Job\nmetadata: {namespace: other}\n", "mine", {"kind": "Job", "metadata": {"namespace": "other"}}),
        ("kind: Job\n", "mine", {"kind": "Job", "metadata": {"namespace": "mine"}}),
        ("kind: Job\nmetadata: text\n", "mine", {"kind": "Job", "metadata": {"namespace": "mine"}}),
        # No YAML before Argo has filled it in.
        ("kind: Job\nspec: {parallelism: {{inputs.parameters.pods}}}\n", "mine", None),
        ("kind: [", "mine", None),
        ("- kind: Job\n", "mine", None),
        ("name: no-kind\n", "mine", None),
        ("", "mine", None),
        (None, "mine", None),
        ({"kind": "Job"}, "mine", None),
    ],
)
def test_manifests_that_a_workflow_makes(
    kind: str, path: str, text: object, namespace: str | None, expected: dict[str, Any] | None
) -> None:
    metadata = {"namespace": namespace} if namespace else {}
    manifest = _flow(kind, _step(), _resource(text), **metadata)
    found = [(f"{path}[1].resource.manifest", expected)] if expected else []
    assert list(embedded(manifest)) == found


def test_only_workflows_make_others() -> None:
    assert list(embedded({**_flow("Workflow", _resource(JOB_TEXT)), "kind": "Deployment"})) == []
    assert list(embedded({"kind": "Workflow"})) == []


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def _in(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _nodes(*terms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}}}


def _near(topology: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"job-class": "work"}}, "topologyKey": topology}
    return {PREFERRED: [{"weight": 100, "podAffinityTerm": term}]}


POOL, VIRTUAL, ZONE = _in("node-pool", "data"), _in("type", "virtual-kubelet"), _in("zone", "a")
BOTH = {**_nodes([POOL], [VIRTUAL]), "podAffinity": _near("zone")}
FULL: dict[str, Any] = {**PLACEMENT, "annotations": {"keep": "yes"}, "affinity": BOTH}


def _with_affinity(affinity: dict[str, Any]) -> dict[str, Any]:
    template = _template(cpu="1", memory="1Gi")
    template["spec"] |= {"affinity": affinity}
    return {"kind": "Deployment", "spec": {"template": template}}


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, BOTH),
        # Written by a chart.
        (BOTH, BOTH),
        (_nodes([POOL], [VIRTUAL]), BOTH),
        # Demanded by what is written, in part or with more.
        (_nodes([VIRTUAL]), {**BOTH, **_nodes([VIRTUAL])}),
        (_nodes([ZONE, POOL]), {**BOTH, **_nodes([ZONE, POOL])}),
        (_nodes([ZONE]), {**BOTH, **_nodes([ZONE, POOL], [ZONE, VIRTUAL])}),
        (_nodes([ZONE], [POOL]), {**BOTH, **_nodes([ZONE, POOL], [ZONE, VIRTUAL], [POOL])}),
        # What a job says of other pods is its own, each of both kinds by itself.
        ({"podAffinity": _near("host")}, {**BOTH, "podAffinity": _near("host")}),
        ({"podAntiAffinity": _near("host")}, {**BOTH, "podAntiAffinity": _near("host")}),
    ],
)
def test_affinities_are_merged(own: dict[str, Any], expected: dict[str, Any]) -> None:
    result = placed(_with_affinity(own), {"work": FULL}, "job-class")
    assert result["spec"]["template"]["spec"]["affinity"] == expected


def test_fields_of_nodes_are_demanded_too() -> None:
    name = {"key": "metadata.name", "operator": "In", "values": ["n1"]}
    own = {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchFields": [name]}]}}}
    result = placed(_with_affinity(own), {"work": FULL}, "job-class")["spec"]["template"]["spec"]["affinity"]
    assert result["nodeAffinity"][REQUIRED]["nodeSelectorTerms"] == [
        {"matchExpressions": [POOL], "matchFields": [name]},
        {"matchExpressions": [VIRTUAL], "matchFields": [name]},
    ]


def test_a_class_that_says_nothing_of_nodes_leaves_them_to_the_job() -> None:
    serverless = {**FULL, "affinity": {"podAntiAffinity": _near("host")}}
    result = placed(_with_affinity(_nodes([ZONE])), {"work": serverless}, "job-class")
    affinity = result["spec"]["template"]["spec"]["affinity"]
    assert affinity == {**_nodes([ZONE]), "podAntiAffinity": _near("host")}


CLASS: dict[str, Any] = {"labels": {"job-class": "work"}}
OWN: dict[str, Any] = {"affinity": _nodes([ZONE]), "tolerations": [{"key": "mine", "operator": "Exists"}]}


def _own_template() -> dict[str, Any]:
    template = _template(cpu="1", memory="1Gi")
    template["spec"] |= OWN
    return template


def _own_ray() -> dict[str, Any]:
    groups = [{"replicas": 2, "template": _own_template()}]
    return {"headGroupSpec": {"template": _own_template()}, "workerGroupSpecs": groups}


def _own_spark() -> dict[str, Any]:
    return {name: {"cores": 1, **CLASS, **OWN} for name in ("driver", "executor")}


PLACED: list[dict[str, Any]] = [
    {"kind": "Pod", "metadata": CLASS, "spec": {**_containers(), **OWN}},
    {"kind": "Deployment", "spec": {"template": _own_template()}},
    {"kind": "Job", "spec": {"template": _template()}},
    {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": _own_template()}}}},
    {"kind": "RayCluster", "spec": _own_ray()},
    {"kind": "RayJob", "spec": {"rayClusterSpec": _own_ray()}},
    {"kind": "RayService", "spec": {"rayClusterConfig": _own_ray()}},
    {"kind": "SparkApplication", "spec": _own_spark()},
    {"kind": "ScheduledSparkApplication", "spec": {"template": _own_spark()}},
    {"kind": "MPIJob", "spec": {"mpiReplicaSpecs": {"Worker": {"replicas": 2, "template": _own_template()}}}},
    {"kind": "InferenceService", "spec": {"predictor": {**_containers(), **CLASS, **OWN}}},
    *(_flow(kind, _step(**OWN), _step("script")) for kind in FLOWS),
]


@pytest.mark.parametrize("manifest", PLACED, ids=[manifest["kind"] for manifest in PLACED])
def test_what_is_placed_is_placed_once(manifest: dict[str, Any]) -> None:
    once = placed(manifest, {"work": FULL}, "job-class")
    assert once != manifest
    assert placed(once, {"work": FULL}, "job-class") == once
    for template in pod_templates(once):
        assert template.annotations == {"keep": "yes"}
        assert template.tolerates("spot", "true")
        assert template.spec["priorityClassName"] == "job-normal"
        assert ("node-pool", "data") in template.node_labels()
