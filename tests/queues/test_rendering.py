"""The same tree for three engines: the objects, and that they admit the same jobs."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charts import rendering as charts
from components.queues import QueueArgs, QueuePlan, ResourceFlavor
from components.queues.args import Engine as EngineName
from components.queues.rendering import (
    GPU,
    KOORDINATOR,
    Manifest,
    flavor_name,
    quantity,
    references,
    render,
    summed,
)
from components.tenancy import TenantArgs
from queues.engines import ElasticQuotaTree, Engine, Koordinator, KubeQueue, Kueue, request
from queues.trees import FLAVORS, plan, tenant, tenant_sets, there, trees

A10 = ResourceFlavor({"gpu": "a10"}, [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])
TENANTS = {
    "vision": tenant((4.5, 8), (16.5, 32), gpus={"A10": (1, 2), "Tesla T4": (0, 4)}, pods=40, namespaces=("v1", "v2")),
    "speech": tenant((2, 6), (8, 16), gpu_memory=(12, 24), pods=20),
}
TREE: Mapping[str, Any] = {
    "all": {},
    "research": {"parent": "all", "minimum": {"vcpu": 8, "pods": 10}, "maximum": {"vcpu": 12}, "lends": {"vcpu": 5}},
    "vision": {"parent": "research", "tenants": ["vision"], "lends": {"vcpu": 1.5, "gpus": {"A10": 0}}},
    "speech": {"parent": "research", "tenants": ["speech"]},
}
CAPACITY = {
    **{"vcpu": there(16), "memoryGib": there(64), "pods": there(110), "gpuMemoryGib": there(24)},
    **{"gpus.A10": there(2), "gpus.Tesla T4": there(4)},
}


def _without_lends(tree: Mapping[str, Any] = TREE) -> dict[str, Any]:
    return {name: {key: value for key, value in queue.items() if key != "lends"} for name, queue in tree.items()}


def _changed(**queues: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {**queue, **queues.get(name, {})} for name, queue in _without_lends().items()}


def _plan(engine: EngineName, tree: Mapping[str, Any], **args: Any) -> QueuePlan:
    return plan(TENANTS, tree, CAPACITY, engine, **args)


def check(manifest: Manifest) -> None:
    """Fail where an object is not valid for its kind."""
    if manifest["kind"] == "WorkloadPriorityClass":  # The one kind without a spec.
        assert manifest.keys() == {"apiVersion", "kind", "metadata", "value"}
        assert -(2**31) <= manifest["value"] < 2**31
    else:
        charts.check(manifest)


def _by_key(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Objects by kind, namespace and name, as `references` has them."""
    return {f"{m['kind']}/{m['metadata'].get('namespace', '')}/{m['metadata']['name']}": m for m in manifests}


@pytest.mark.parametrize(
    ("path", "amount", "expected"),
    [
        ("vcpu", 4, "4"),
        ("vcpu", 4.5, "4500m"),
        ("vcpu", 0.1 + 0.2, "300m"),
        ("vcpu", 1_234_567, "1234567"),
        ("vcpu", 0.0, "0"),
        ("memoryGib", 16, "16Gi"),
        ("memoryGib", 0.5, "512Mi"),
        ("memoryGib", 3_000_000, "3000000Gi"),
        ("gpuMemoryGib", 24.0, "24"),
        ("pods", 30_000, "30000"),
        ("gpus.A10", 2, "2"),
    ],
)
def test_quantity(path: str, amount: float, expected: str) -> None:
    assert quantity(path, amount) == expected


def test_sums_of_amounts() -> None:
    amounts = {"vcpu": 1.5, "memoryGib": 2, "gpuMemoryGib": 0, "pods": 9, "gpus.A10": 1, "gpus.T4": 2}
    assert summed(amounts) == {"cpu": "1500m", "memory": "2Gi", "aliyun.com/gpu-mem": "0", GPU: "3"}
    assert summed({"pods": 9}) == {}


@pytest.mark.parametrize(
    ("model", "expected"),
    [("A10", "gpu-a10"), ("Tesla T4", "gpu-tesla-t4"), ("NVIDIA_L20 (48G)", "gpu-nvidia-l20--48g")],
)
def test_flavor_names(model: str, expected: str) -> None:
    assert flavor_name(model) == expected


def test_elastic_quota_tree() -> None:
    (tree,) = render(_plan("elastic-quota-tree", TREE), {})
    check(tree)
    lends = "alibabacloud.com/lendlimit"
    assert tree == {
        "apiVersion": "scheduling.sigs.k8s.io/v1beta1",
        "kind": "ElasticQuotaTree",
        "metadata": {"name": "elasticquotatree", "namespace": "kube-system"},
        "spec": {
            "root": {
                "name": "all",
                "min": {"cpu": "16", "memory": "64Gi", "aliyun.com/gpu-mem": "24", GPU: "6"},
                "max": {"cpu": "16", "memory": "64Gi", "aliyun.com/gpu-mem": "24", GPU: "6"},
                "children": [
                    {
                        "name": "research",
                        "min": {"cpu": "8", "memory": "25088Mi", "aliyun.com/gpu-mem": "12", GPU: "1"},
                        "max": {"cpu": "12", "memory": "48Gi", "aliyun.com/gpu-mem": "24", GPU: "6"},
                        # What a limit leaves out would be kept as a whole, so it names all.
                        "attributes": {
                            lends: '{"aliyun.com/gpu-mem": "12", "cpu": "5", "memory": "25088Mi", '
                            '"nvidia.com/gpu": "1"}'
                        },
                        "children": [
                            {
                                "name": "speech",
                                "min": {"cpu": "2", "memory": "8Gi", "aliyun.com/gpu-mem": "12", GPU: "0"},
                                "max": {"cpu": "6", "memory": "16Gi", "aliyun.com/gpu-mem": "24", GPU: "0"},
                                "namespaces": ["speech"],
                            },
                            {
                                "name": "vision",
                                "min": {"cpu": "4500m", "memory": "16896Mi", "aliyun.com/gpu-mem": "0", GPU: "1"},
                                "max": {"cpu": "8", "memory": "32Gi", "aliyun.com/gpu-mem": "0", GPU: "6"},
                                "attributes": {
                                    lends: '{"aliyun.com/gpu-mem": "0", "cpu": "1500m", "memory": "16896Mi", '
                                    '"nvidia.com/gpu": "0"}'
                                },
                                "namespaces": ["v1", "v2"],
                            },
                        ],
                    }
                ],
            }
        },
    }


def test_what_a_queue_keeps_of_one_model_of_gpus() -> None:
    tenants = {"vision": tenant(gpus={"A10": (4, 4), "T4": (4, 4)})}
    queue = {"parent": "all", "tenants": ["vision"]}

    def limit(lends: Mapping[str, Any]) -> Any:
        tree = {"all": {}, "vision": {**queue, "lends": lends}}
        (found,) = render(plan(tenants, tree, engine="elastic-quota-tree"), {})
        attributes: Mapping[str, str] = found["spec"]["root"]["children"][0].get("attributes", {})
        return {name: json.loads(text)[GPU] for name, text in attributes.items()}

    # Of 8 GPUs, it keeps the 4 of the one model.
    assert limit({"gpus": {"A10": 0}}) == {"alibabacloud.com/lendlimit": "4"}
    # Pods are not in the tree, so nothing is said of them.
    assert limit({"pods": 0}) == {}


def _quota(name: str, nominal: str, borrowing: str | None = None, lending: str | None = None) -> dict[str, str]:
    quota = {"name": name, "nominalQuota": nominal, "borrowingLimit": borrowing, "lendingLimit": lending}
    return {key: value for key, value in quota.items() if value is not None}


def _groups(plain: list[dict[str, str]], **models: dict[str, str]) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [
        {"coveredResources": ["cpu", "memory", "pods"], "flavors": [{"name": "nodes", "resources": plain}]}
    ]
    if models:
        flavors = [{"name": f"gpu-{m.replace('_', '-')}", "resources": [quota]} for m, quota in models.items()]
        groups.append({"coveredResources": [GPU], "flavors": flavors})
    return groups


def _kueue_object(kind: str, name: str, spec: Any, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": kind, "metadata": metadata, "spec": spec}


def test_kueue() -> None:
    tree = {**TREE, "speech": {**TREE["speech"], "order": "fifo", "preemption": "priority", "weight": 3}}
    manifests = render(_plan("kueue", tree, fairSharing=True), {"A10": A10})
    for manifest in manifests:
        check(manifest)
    priorities = [
        {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "WorkloadPriorityClass", "metadata": {"name": n}, "value": v}
        for n, v in {"job-high": 10_000, "job-normal": 1_000, "job-low": 100, "fifo": 0}.items()
    ]

    def selector(*names: str) -> dict[str, Any]:
        expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [*names]}
        return {"matchExpressions": [expression]}

    assert manifests == [
        _kueue_object("ResourceFlavor", "nodes", {}),
        _kueue_object("ResourceFlavor", "gpu-a10", {"nodeLabels": {"gpu": "a10"}, "nodeTaints": [*A10.taints]}),
        _kueue_object("ResourceFlavor", "gpu-tesla-t4", {}),
        *priorities,
        _kueue_object(
            "Cohort",
            "all",
            {
                "resourceGroups": _groups(
                    [_quota("cpu", "8"), _quota("memory", "40448Mi"), _quota("pods", "100")],
                    a10=_quota(GPU, "1"),
                    tesla_t4=_quota(GPU, "4"),
                )
            },
        ),
        _kueue_object(
            "Cohort",
            "research",
            {
                "parentName": "all",
                "resourceGroups": _groups(
                    [
                        _quota("cpu", "1500m", "4", "5"),
                        _quota("memory", "0Gi", "24064Mi"),
                        _quota("pods", "10", "50"),
                    ],
                    a10=_quota(GPU, "0", "1"),
                    tesla_t4=_quota(GPU, "0", "4"),
                ),
                "fairSharing": {"weight": "1"},
            },
        ),
        _kueue_object(
            "ClusterQueue",
            "speech",
            {
                "cohortName": "research",
                "queueingStrategy": "StrictFIFO",
                "namespaceSelector": selector("speech"),
                "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"},
                # It may use no GPU, so it names none, and a job with one is refused.
                "resourceGroups": _groups(
                    [_quota("cpu", "2", "4"), _quota("memory", "8Gi", "8Gi"), _quota("pods", "0", "20")]
                ),
                "fairSharing": {"weight": "3"},
            },
        ),
        _kueue_object("LocalQueue", "default", {"clusterQueue": "speech"}, "speech"),
        _kueue_object(
            "ClusterQueue",
            "vision",
            {
                "cohortName": "research",
                "queueingStrategy": "BestEffortFIFO",
                "namespaceSelector": selector("v1", "v2"),
                "preemption": {"reclaimWithinCohort": "Any", "withinClusterQueue": "Never"},
                "resourceGroups": _groups(
                    [
                        _quota("cpu", "4500m", "3500m", "1500m"),
                        _quota("memory", "16896Mi", "15872Mi"),
                        _quota("pods", "0", "40"),
                    ],
                    a10=_quota(GPU, "1", "1", "0"),
                    tesla_t4=_quota(GPU, "0", "4"),
                ),
                "fairSharing": {"weight": "1"},
            },
        ),
        _kueue_object("LocalQueue", "default", {"clusterQueue": "vision"}, "v1"),
        _kueue_object("LocalQueue", "default", {"clusterQueue": "vision"}, "v2"),
    ]


@pytest.mark.parametrize(
    ("preemption", "expected"),
    [
        (None, ("Any", "Never")),
        ("reclaim", ("Any", "Never")),
        ("never", ("Never", "Never")),
        ("priority", ("Any", "LowerPriority")),
    ],
)
def test_preemption_of_kueue(preemption: str | None, expected: tuple[str, str]) -> None:
    made = _by_key(render(_plan("kueue", _changed(vision={"preemption": preemption})), {}))
    found = made["ClusterQueue//vision"]["spec"]["preemption"]
    assert (found["reclaimWithinCohort"], found["withinClusterQueue"]) == expected
    assert all("fairSharing" not in manifest.get("spec", {}) for manifest in made.values())


def test_koordinator() -> None:
    tree = _changed(speech={"order": "fifo", "weight": 3})
    manifests = render(_plan("koordinator", tree, fairSharing=True), {}, "quotas")
    for manifest in manifests:
        check(manifest)

    def weight(value: int) -> str:
        return json.dumps({"cpu": value, "memory": value, GPU: value})

    def labels(parent: str, *, inner: bool) -> dict[str, str]:
        return {f"{KOORDINATOR}/is-parent": str(inner).lower(), f"{KOORDINATOR}/parent": parent}

    quotas = [
        (
            {"labels": labels("koordinator-root-quota", inner=True), "annotations": {}},
            {"cpu": "8", "memory": "25088Mi", GPU: "1"},
            {"cpu": "12", "memory": "48Gi", GPU: "6"},
        ),
        (
            {
                "labels": {**labels("research", inner=False), "koord-queue/queue-policy": "Block"},
                "annotations": {f"{KOORDINATOR}/namespaces": '["speech"]'},
            },
            {"cpu": "2", "memory": "8Gi", GPU: "0"},
            {"cpu": "6", "memory": "16Gi", GPU: "0"},
        ),
        (
            {
                "labels": labels("research", inner=False),
                "annotations": {f"{KOORDINATOR}/namespaces": '["v1", "v2"]'},
            },
            {"cpu": "4500m", "memory": "16896Mi", GPU: "1"},
            {"cpu": "8", "memory": "32Gi", GPU: "6"},
        ),
    ]
    names, weights = ("research", "speech", "vision"), (1, 3, 1)
    assert manifests == [
        {
            "apiVersion": "scheduling.sigs.k8s.io/v1alpha1",
            "kind": "ElasticQuota",
            "metadata": {
                "name": name,
                "namespace": "quotas",
                "labels": metadata["labels"],
                "annotations": {**metadata["annotations"], f"{KOORDINATOR}/shared-weight": weight(part)},
            },
            "spec": {"min": least, "max": most},
        }
        for name, part, (metadata, least, most) in zip(names, weights, quotas, strict=True)
    ]
    # Without shares, inner queues say nothing by annotations.
    plain = render(_plan("koordinator", _without_lends()), {})
    assert ["annotations" in manifest["metadata"] for manifest in plain] == [False, True, True]
    assert {manifest["metadata"]["namespace"] for manifest in plain} == {"kube-system"}


@pytest.mark.parametrize("engine", FLAVORS)
def test_a_queue_for_all(engine: EngineName) -> None:
    """A tree that is a leaf: its jobs have a queue all the same, and no cohort."""
    manifests = render(_plan(engine, {"all": {"tenants": ["vision", "speech"]}}), {})
    for manifest in manifests:
        check(manifest)
    if engine == "elastic-quota-tree":
        assert manifests[0]["spec"]["root"]["namespaces"] == ["v1", "v2", "speech"]
    elif engine == "kueue":
        queue = _by_key(manifests)["ClusterQueue//all"]["spec"]
        assert "cohortName" not in queue
        assert queue["resourceGroups"] == _groups(
            [_quota("cpu", "16"), _quota("memory", "64Gi"), _quota("pods", "110")],
            a10=_quota(GPU, "2"),
            tesla_t4=_quota(GPU, "4"),
        )
    else:
        (quota,) = manifests
        assert quota["metadata"]["labels"][f"{KOORDINATOR}/parent"] == "koordinator-root-quota"
        assert quota["spec"]["max"] == {"cpu": "16", "memory": "64Gi", GPU: "6"}


@pytest.mark.parametrize("engine", FLAVORS)
def test_nothing_where_jobs_do_not_queue(engine: EngineName) -> None:
    assert render(plan(TENANTS, engine=engine, enabled=False), {}) == []


@given(
    st.tuples(tenant_sets(), st.just({})) | tenant_sets(whole=False).map(lambda made: (made, {})) | trees(),
    st.sampled_from([*FLAVORS]),
    st.booleans(),
)
@settings(deadline=None)
def test_objects_are_valid_and_made_in_order(
    made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]], engine: EngineName, shares: bool
) -> None:
    manifests = render(plan(*made, engine=engine, fairSharing=shares and engine != "elastic-quota-tree"), {"A10": A10})
    seen: set[str] = set()
    for manifest in manifests:
        check(manifest)
        for first in references(manifest):
            assert first in seen or first.endswith("/koordinator-root-quota")
        (key,) = _by_key([manifest])
        assert key not in seen, "no name is given twice"
        seen.add(key)
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", manifest["metadata"]["name"])


JOBS = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 8), st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=25
)
"""Jobs in their order: a leaf, vCPU, memory, GPUs."""

Job = tuple[int, int, int, int]


def _submitted(engine: Engine, found: QueuePlan, jobs: Sequence[Job]) -> list[bool]:
    """Which of the jobs an engine admits."""
    leaves = found.leaves
    gpus = "gpus.A10" in found.root.maximum
    return [
        engine.submit(leaves[index % len(leaves)].namespaces[0], request(vcpu, memory, count if gpus else 0))
        for index, vcpu, memory, count in jobs
    ]


def _planned(made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]]) -> dict[EngineName, QueuePlan]:
    plans: dict[EngineName, QueuePlan] = {engine: plan(*made, engine=engine) for engine in FLAVORS}
    assert len({json.dumps([node.maximum for node in found.nodes.values()]) for found in plans.values()}) == 1
    return plans


TREES = st.tuples(tenant_sets(), st.just({})) | tenant_sets(whole=False).map(lambda made: (made, {})) | trees()


@given(TREES, JOBS)
@settings(max_examples=300, deadline=None)
def test_all_engines_admit_the_same_jobs(
    made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]], jobs: list[Job]
) -> None:
    plans = _planned(made)
    ack, kueue, koordinator = (render(plans[engine], {"A10": A10}) for engine in FLAVORS)
    # Koordinator makes its root as large as the cluster: a root that is stated smaller holds nothing there.
    cluster = summed(plans["koordinator"].root.maximum)
    expected = _submitted(ElasticQuotaTree(ack), plans["kueue"], jobs)
    assert _submitted(KubeQueue(ack), plans["kueue"], jobs) == expected
    assert _submitted(Kueue(kueue), plans["kueue"], jobs) == expected
    assert _submitted(Koordinator(koordinator, cluster), plans["kueue"], jobs) == expected


@given(trees(lends=True), JOBS)
@settings(max_examples=300, deadline=None)
def test_what_queues_keep_is_kept_alike(
    made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]], jobs: list[Job]
) -> None:
    plans: dict[EngineName, QueuePlan] = {e: plan(*made, engine=e) for e in FLAVORS if e != "koordinator"}
    ack, kueue = (render(found, {"A10": A10}) for found in plans.values())
    expected = _submitted(ElasticQuotaTree(ack), plans["kueue"], jobs)
    assert _submitted(Kueue(kueue), plans["kueue"], jobs) == expected
    # Two queues above a leaf and further up, kube-queue's code forgets what the leaf's siblings keep.
    if all(node.path.count("-") <= 1 for node in plans["kueue"].nodes.values()):
        assert _submitted(KubeQueue(ack), plans["kueue"], jobs) == expected


def test_what_kube_queue_forgets_of_lending() -> None:
    """A leaf's siblings keep something that kube-queue does not count two queues above the leaf; Kueue does."""
    tenants = {name: tenant((0, 10)) for name in ("idle", "near", "far")}
    tree = {
        "all": {"maximum": {"vcpu": 10}},
        "team": {"parent": "all", "minimum": {"vcpu": 10}, "maximum": {"vcpu": 10}},
        "idle": {"parent": "team", "tenants": ["idle"], "minimum": {"vcpu": 5}, "lends": {"vcpu": 0}},
        "near": {"parent": "team", "tenants": ["near"], "minimum": {"vcpu": 5}},
        "far": {"parent": "all", "tenants": ["far"]},
    }
    (ack, kueue) = (render(plan(tenants, tree, engine=e), {}) for e in FLAVORS if e != "koordinator")
    for engine, expected in ((KubeQueue(ack), True), (ElasticQuotaTree(ack), False), (Kueue(kueue), False)):
        assert engine.submit("far", {"cpu": 5})
        assert engine.submit("near", {"cpu": 5}) == expected


@given(TREES | trees(lends=True), JOBS, st.integers(0, 7), st.data())
@settings(max_examples=200, deadline=None)
def test_what_is_within_the_minimum_is_admitted_whatever_others_borrowed(
    made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]], jobs: list[Job], mine: int, data: st.DataObject
) -> None:
    plans: dict[EngineName, QueuePlan] = {e: plan(*made, engine=e) for e in FLAVORS if e != "koordinator"}
    leaves = plans["kueue"].leaves
    leaf = leaves[mine % len(leaves)]
    borrowers = [job for job in jobs if leaves[job[0] % len(leaves)] != leaf]
    left = [int(leaf.minimum.get(path, 0)) for path in ("vcpu", "memoryGib", "gpus.A10")]
    asked: list[tuple[int, ...]] = []
    while any(left) and len(asked) < 4:
        asked.append(tuple(data.draw(st.integers(0, room)) for room in left))
        left = [room - amount for room, amount in zip(left, asked[-1], strict=True)]
    ack, kueue = (render(found, {"A10": A10}) for found in plans.values())
    for engine in (ElasticQuotaTree(ack), Kueue(kueue)):
        _submitted(engine, plans["kueue"], borrowers)
        for amounts in asked:
            assert engine.reclaim(leaf.namespaces[0], request(*amounts))
        # Nobody took from it while it did.
        assert sum(name == engine.leaf_of(leaf.namespaces[0]) for name, _ in engine.jobs) == len(asked)


def test_a_queue_that_does_not_reclaim_waits() -> None:
    tenants = {"mine": tenant((4, 4), (4, 4)), "theirs": tenant((0, 8), (0, 8))}
    for preemption, expected in ((None, True), ("never", False)):
        tree = {
            "all": {"maximum": {"vcpu": 8, "memoryGib": 8}},
            "mine": {"parent": "all", "tenants": ["mine"], "preemption": preemption},
            "theirs": {"parent": "all", "tenants": ["theirs"]},
        }
        engine = Kueue(render(plan(tenants, tree), {}))
        assert engine.submit("theirs", request(8, 8))
        assert not engine.submit("mine", request(1, 1))
        assert engine.reclaim("mine", request(1, 1)) == expected


def test_a_leaf_may_use_more_than_its_siblings_leave_only_within_its_parents_maximum() -> None:
    """One case by hand, so that the models themselves are known to refuse."""
    tenants = {"a": tenant((2, 10), (9, 90)), "b": tenant((2, 10), (9, 90)), "c": tenant((6, 10), (9, 90))}
    tree = {
        "all": {"maximum": {"vcpu": 10, "memoryGib": 90}},
        "team": {"parent": "all", "maximum": {"vcpu": 7}},
        "a": {"parent": "team", "tenants": ["a"], "maximum": {"vcpu": 6}},
        "b": {"parent": "team", "tenants": ["b"]},
        "c": {"parent": "all", "tenants": ["c"]},
    }
    plans: dict[EngineName, QueuePlan] = {engine: plan(tenants, tree, engine=engine) for engine in FLAVORS}
    ack, kueue, koordinator = (render(found, {}) for found in plans.values())
    jobs = [("a", 7, False), ("a", 5, True), ("b", 3, False), ("b", 2, True), ("c", 4, False), ("c", 3, True)]
    engines = (
        ElasticQuotaTree(ack),
        KubeQueue(ack),
        Kueue(kueue),
        Koordinator(koordinator, summed(plans["koordinator"].root.maximum)),
    )
    for engine in engines:
        assert [(name, vcpu, engine.submit(name, request(vcpu, 0))) for name, vcpu, _ in jobs] == jobs


def test_an_inner_queue_keeps_a_part_of_its_minimum() -> None:
    """By hand, as the generated trees seldom come to it: 6 of 10 stay with a team, 2 of them with one of its queues."""
    tenants = {name: tenant((0, 12)) for name in ("near", "beside", "far")}
    tree = {
        "all": {"maximum": {"vcpu": 12}},
        "team": {"parent": "all", "minimum": {"vcpu": 10}, "lends": {"vcpu": 4}},
        "near": {"parent": "team", "tenants": ["near"], "minimum": {"vcpu": 5}, "lends": {"vcpu": 3}},
        "beside": {"parent": "team", "tenants": ["beside"]},
        "far": {"parent": "all", "tenants": ["far"]},
    }
    jobs = [("far", 7, False), ("far", 6, True), ("beside", 5, False), ("beside", 4, True), ("near", 2, True)]
    ack, kueue = (render(plan(tenants, tree, engine=e), {}) for e in FLAVORS if e != "koordinator")
    for engine in (ElasticQuotaTree(ack), Kueue(kueue)):
        assert [(name, vcpu, engine.submit(name, {"cpu": vcpu})) for name, vcpu, _ in jobs] == jobs
