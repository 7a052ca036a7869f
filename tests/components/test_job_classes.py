"""Job classes: where pods run, in which order, what they must say for it, and what the cluster is told."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes_validate
import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import catalog
from components.capacity import Range
from components.colocation import ColocationArgs
from components.inputs import InvalidInput, Problem
from components.job_classes import (
    Compute,
    JobClassArgs,
    JobClasses,
    JobClassPlan,
    OffPeak,
    PodShape,
    Rung,
    SchedulingArgs,
    ServerlessRung,
    order_problems,
    plan_job_classes,
)
from components.job_classes.fit import fit_pool, fit_serverless, pods_on
from components.job_classes.planning import WAIT_LABEL
from components.node_pools import (
    Autoscaling,
    GpuArgs,
    KubeletArgs,
    LingjunArgs,
    NodePoolArgs,
    Spot,
    Taint,
    plan_node_pool,
)
from components.serverless import ServerlessArgs
from stacks.preview.recording import Recorded, Recording
from support import named, recorded

REGION = "cn-hangzhou"
GPUS = ServerlessRung(compute_class="gpu", gpu_model="A10")
PERFORMANCE = ServerlessRung(compute_class="performance")
POLICY = "kubernetes:scheduling.alibabacloud.com/v1alpha1:ResourcePolicy"
CRON_JOB = "kubernetes:batch/v1:CronJob"
NAMESPACE = "kubernetes:core/v1:Namespace"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"
ONE_TYPE = ("ecs.g8i.2xlarge",)
TWO_TYPES = ("ecs.g8i.2xlarge", "ecs.g7.2xlarge")
A10 = ("ecs.gn7i-c8g1.2xlarge",)
GROWING = Autoscaling(minimum=0, maximum=10)
SCHEDULING = SchedulingArgs(kubectl_image="registry/kubectl:1", off_peak=OffPeak(start="22:30", end="07:05"))
Expected = list[tuple[str, str]]


def _pool(**given: Any) -> NodePoolArgs:
    """A fixed pool of three nodes of 8 vCPU and 32 GiB, with values laid over it."""
    values: dict[str, Any] = {"kind": "cpu", "instance_types": ONE_TYPE, "size": 3, **given}
    if "autoscaling" in given:
        values["size"] = None
    return NodePoolArgs(**values)


FIXED = _pool()
GROWN = _pool(autoscaling=GROWING)
SPOT = _pool(instance_types=TWO_TYPES, autoscaling=GROWING, spot=Spot())
GPU = _pool(kind="gpu", instance_types=A10)
SHARED = _pool(kind="gpu", instance_types=A10, gpu=GpuArgs(schedule="cgpu"))
CORES = _pool(kind="gpu", instance_types=A10, gpu=GpuArgs(schedule="core_mem"))
LINKED = _pool(kind="gpu", instance_types=A10, gpu=GpuArgs(schedule="topology"))
ARM = _pool(instance_types=("ecs.g8y.2xlarge",))
MEMORY = _pool(kind="memory", instance_types=("ecs.r8i.2xlarge",))
LINGJUN = NodePoolArgs(kind="lingjun", size=2, max_pods=64, lingjun=LingjunArgs(cluster_id="i1", group_id="g1"))
EVERY = {"growing": GROWN, "spot": SPOT, "fixed": FIXED}


def _compute(pools: Mapping[str, NodePoolArgs] | None = None, serverless: int = 1000, **given: Any) -> Compute:
    """Pools and ACS pods; with keyword arguments of Compute."""
    every = EVERY if pools is None else pools
    values: dict[str, Any] = {
        "serverless": ServerlessArgs(maximum_pods=serverless),
        "colocation": ColocationArgs(),
        "region": REGION,
        **given,
    }
    return Compute(pools={name: (args, plan_node_pool(args, name)) for name, args in every.items()}, **values)


def _shape(vcpu: float = 2, memory_gib: float = 4, **given: Any) -> PodShape:
    return PodShape(vcpu=vcpu, memory_gib=memory_gib, **given)


def _job(**given: Any) -> JobClassArgs:
    values: dict[str, Any] = {"pod": _shape(), "maximum_pods": 1, "namespaces": ["batch"], **given}
    return JobClassArgs(**values)


def _plan(args: JobClassArgs, compute: Compute | None = None) -> JobClassPlan:
    return plan_job_classes({"jobs": args}, compute or _compute(), SCHEDULING)["jobs"]


def _order(args: JobClassArgs, compute: Compute | None = None) -> list[str]:
    return [rung.name for rung in _plan(args, compute).rungs]


def test_reliable_is_on_demand_only_with_what_is_paid_first() -> None:
    assert _order(_job(strategy="reliable")) == ["fixed", "growing"]


def test_elastic_ends_on_serverless_pods() -> None:
    plan = _plan(_job(strategy="elastic"))
    assert [(rung.name, rung.kind) for rung in plan.rungs] == [
        ("fixed", "on-demand"),
        ("growing", "on-demand"),
        ("spot", "spot"),
        ("acs general-purpose", "serverless"),
    ]
    assert plan.off_peak_rungs == []
    assert plan.off_peak_policy is None


def test_the_users_order_of_pools_counts_within_a_rung() -> None:
    args = _job(strategy="elastic", pools=["spot", "growing", "fixed"])
    assert _order(args) == ["growing", "fixed", "spot", "acs general-purpose"]
    assert _order(_job(pools=["growing"])) == ["growing"]


def test_cheapest_by_price_with_what_is_paid_first() -> None:
    # A quarter of a c8y.2xlarge: 1.067733 / 4 = 0.2669, on spot x 0.23 = 0.0614.
    # ACS performance: best effort 2 x 0.01548 + 4 x 0.0078 = 0.0622, default 2 x 0.078 + 4 x 0.039 = 0.312.
    arm = ("ecs.c8y.2xlarge",)
    pools = {
        "growing": _pool(instance_types=arm, autoscaling=GROWING),
        "spot": _pool(instance_types=(*arm, "ecs.g8y.2xlarge"), autoscaling=GROWING, spot=Spot()),
        "fixed": FIXED,
    }
    args = _job(strategy="cheapest", architectures=["amd64", "arm64"], serverless=PERFORMANCE)
    assert _order(args, _compute(pools)) == [
        "fixed",
        "spot",
        "acs performance best-effort",
        "growing",
        "acs performance",
    ]


def test_cheapest_leaves_what_has_no_price_to_the_end() -> None:
    # A quarter of a g8i.2xlarge: 2.093 / 4 = 0.523. The book has no g9i; 2 x 0.06 + 4 x 0.03 = 0.24 on ACS.
    unpriced = _pool(instance_types=("ecs.g9i.2xlarge", "ecs.g9i.4xlarge"), autoscaling=GROWING, spot=Spot())
    assert _order(_job(strategy="cheapest"), _compute({"unpriced": unpriced, "growing": GROWN})) == [
        "acs general-purpose best-effort",
        "acs general-purpose",
        "growing",
        "unpriced",
    ]


def test_staggered_is_serverless_by_day_and_elastic_off_peak() -> None:
    plan = _plan(_job(strategy="staggered"))
    assert [rung.name for rung in plan.rungs] == ["acs general-purpose"]
    assert [rung.name for rung in plan.off_peak_rungs] == ["fixed", "growing", "spot", "acs general-purpose"]
    assert plan.resource_policy
    assert plan.off_peak_policy
    assert [unit["resource"] for unit in plan.resource_policy["units"]] == ["acs"]
    assert [unit["resource"] for unit in plan.off_peak_policy["units"]] == ["ecs", "ecs", "ecs", "acs"]
    assert plan.resource_policy["whenTryNextUnits"]["policy"] == "LackResourceOrExceedMax"
    assert plan.off_peak_policy["whenTryNextUnits"]["policy"] == "TimeoutOrExceedMax"
    assert _pools_of(plan.placement) == {"fixed", "growing", "spot"}


@pytest.mark.parametrize("strategy", ["reliable", "elastic", "staggered"])
def test_leaders_never_run_on_what_may_be_taken_away(strategy: str) -> None:
    plan = _plan(_job(role="leader", strategy=strategy))
    rungs = [*plan.rungs, *plan.off_peak_rungs]
    assert {rung.kind for rung in rungs} <= {"on-demand", "serverless"}
    assert {rung.qos for rung in rungs} == {"default"}
    labels, annotations = plan.placement["labels"], plan.placement["annotations"]
    assert labels["goatscaler.io/safe-to-evict"] == annotations["goatscaler.io/safe-to-evict"] == "false"
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


def test_workers_may_be_moved() -> None:
    placement = _plan(_job()).placement
    assert (placement["labels"], placement["annotations"]) == ({"job-class": "jobs"}, {})


@pytest.mark.parametrize(
    ("pod", "order"),
    [
        (_shape(2, 16), ["memory", "cpu"]),  # 8 GiB a vCPU
        (_shape(2, 14), ["memory", "cpu"]),  # 7 GiB a vCPU
        (_shape(2, 13), ["cpu"]),
        (_shape(2, 16, gpus=1), ["gpu"]),
    ],
)
def test_pools_of_the_kind_that_fits(pod: PodShape, order: list[str]) -> None:
    # A system pool and a cache pool take no jobs unless a class names them.
    pools = {
        "cpu": FIXED,
        "memory": MEMORY,
        "lingjun": LINGJUN,
        "gpu": GPU,
        "system": _pool(kind="system"),
        "cache": _pool(kind="cache", instance_types=("ecs.i4.8xlarge",), max_pods=64),
    }
    assert _order(_job(pod=pod), _compute(pools)) == order


@pytest.mark.parametrize(
    ("given", "priority"),
    [
        ({}, "normal"),
        ({"role": "leader"}, "high"),
        ({"role": "service"}, "high"),
        ({"colocated": True}, "low"),
        ({"role": "leader", "priority": "low"}, "low"),
    ],
)
def test_priority(given: dict[str, Any], priority: str) -> None:
    plan = _plan(_job(**given), _compute(colocation=ColocationArgs(enabled=True)))
    assert (plan.priority, plan.placement["priorityClassName"]) == (priority, f"job-{priority}")


def _pools_of(placement: Mapping[str, Any]) -> set[str]:
    """The pools that a placement's affinity names; the other terms are of virtual nodes."""
    return set(_terms(placement).get("node-pool", []))


def _terms(placement: Mapping[str, Any]) -> dict[str, list[str]]:
    if not placement["affinity"]:
        return {}
    required = placement["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    expressions = [term["matchExpressions"] for term in required["nodeSelectorTerms"]]
    assert all(len(each) == 1 and each[0]["operator"] == "In" for each in expressions)
    return {each[0]["key"]: each[0]["values"] for each in expressions}


def _requests(args: JobClassArgs, compute: Compute) -> dict[str, str]:
    resources = _plan(args, compute).placement["resources"]
    assert resources["requests"] == resources["limits"]
    return dict(resources["requests"])


def test_resources_of_every_kind() -> None:
    base = {"cpu": "2000m", "memory": "4096Mi"}
    assert _requests(_job(pod=_shape(0.25, 0.5)), _compute()) == {"cpu": "250m", "memory": "512Mi"}
    assert _requests(_job(pod=_shape(gpus=1)), _compute({"gpu": GPU})) == {**base, "nvidia.com/gpu": "1"}
    linked = _job(pod=_shape(gpus=1), gpu_topology=True)
    assert _requests(linked, _compute({"gpu": LINKED})) == {**base, "aliyun.com/gpu": "1"}
    shared = _job(pod=_shape(gpu_memory_gib=5))
    assert _requests(shared, _compute({"gpu": SHARED})) == {**base, "aliyun.com/gpu-mem": "5"}
    cores = _job(pod=_shape(gpu_memory_gib=5, gpu_core_percent=30))
    assert _requests(cores, _compute({"gpu": CORES})) == {
        **base,
        "aliyun.com/gpu-mem": "5",
        "aliyun.com/gpu-core.percentage": "30",
    }
    erdma = _compute({"cpu": _pool(erdma=True)})
    assert _requests(_job(erdma=True), erdma) == {**base, "aliyun/erdma": "1"}


def test_placement_on_gpus() -> None:
    placement = _plan(_job(pod=_shape(gpus=1)), _compute({"gpu": GPU, "cpu": FIXED})).placement
    assert placement["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert _terms(placement) == {"node-pool": ["gpu"]}


def test_placement_on_arm_and_virtual_nodes() -> None:
    args = _job(strategy="elastic", architectures=["amd64", "arm64"])
    placement = _plan(args, _compute({"fixed": FIXED, "arm": ARM})).placement
    assert placement["tolerations"] == [
        {"key": "kubernetes.io/arch", "operator": "Equal", "value": "arm64", "effect": "NoSchedule"}
    ]
    assert _terms(placement) == {"node-pool": ["fixed", "arm"], "type": ["virtual-kubelet"]}
    # The ResourcePolicy picks the rung, so the pod itself does not ask for ACS.
    assert placement["labels"] == {"job-class": "jobs"}


@pytest.mark.parametrize(
    ("given", "key", "topology"),
    [
        ({"pack": "nodes"}, "podAffinity", "kubernetes.io/hostname"),
        ({"pack": "zones"}, "podAffinity", "topology.kubernetes.io/zone"),
        ({"spread": "nodes"}, "podAntiAffinity", "kubernetes.io/hostname"),
        ({"spread": "zones"}, "podAntiAffinity", "topology.kubernetes.io/zone"),
    ],
)
def test_pods_that_gather_and_pods_that_are_spread(given: dict[str, Any], key: str, topology: str) -> None:
    plain = _plan(_job(strategy="elastic")).placement
    placement = _plan(_job(strategy="elastic", **given)).placement
    term = {"labelSelector": {"matchLabels": {"job-class": "jobs"}}, "topologyKey": topology}
    wish = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
    # A wish alone, beside the nodes that are demanded.
    assert placement == {**plain, "affinity": {**plain["affinity"], key: wish}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod"},
        "spec": {"containers": [{"name": "a", "image": "a"}], "affinity": placement["affinity"]},
    }
    kubernetes_validate.validate(pod, "1.35", strict=True)


def test_pods_on_one_serverless_class_may_be_spread_too() -> None:
    placement = _plan(_job(strategy="elastic", spread="zones"), _compute({})).placement
    assert placement["affinity"].keys() == {"podAntiAffinity"}


def test_colocated_pods_are_best_effort() -> None:
    compute = _compute({"fixed": FIXED}, colocation=ColocationArgs(enabled=True))
    placement = _plan(_job(colocated=True), compute).placement
    assert placement["labels"]["koordinator.sh/qosClass"] == "BE"
    assert placement["resources"]["requests"] == {
        "kubernetes.io/batch-cpu": "2000",
        "kubernetes.io/batch-memory": "4096Mi",
    }


def test_placement_on_serverless_pods_only() -> None:
    placement = _plan(_job(strategy="elastic", serverless=PERFORMANCE), _compute({})).placement
    assert placement["labels"] == {
        "job-class": "jobs",
        "alibabacloud.com/acs": "true",
        "alibabacloud.com/compute-class": "performance",
        "alibabacloud.com/compute-qos": "default",
    }
    assert (placement["affinity"], placement["tolerations"]) == ({}, [])
    eci = ServerlessArgs(maximum_pods=10, provider="eci")
    labels = _plan(_job(strategy="elastic"), _with(eci)).placement["labels"]
    assert labels == {"job-class": "jobs", "alibabacloud.com/eci": "true"}


def _with(serverless: ServerlessArgs, pools: Mapping[str, NodePoolArgs] | None = None) -> Compute:
    compute = _compute(pools or {})
    return Compute(compute.pools, serverless, compute.colocation, compute.region)


def test_placement_on_serverless_gpus_with_an_image_cache() -> None:
    args = _job(strategy="elastic", pod=_shape(gpus=2), serverless=GPUS)
    serverless = ServerlessArgs(maximum_pods=10, gpu_models=["A10"], image_cache=True)
    placement = _plan(args, _with(serverless)).placement
    assert placement["labels"]["alibabacloud.com/gpu-model-series"] == "A10"
    assert placement["labels"]["alibabacloud.com/compute-class"] == "gpu"
    assert placement["annotations"] == {"image.alibabacloud.com/enable-image-cache": "true"}
    both = _plan(args, _with(serverless, {"gpu": _pool(kind="gpu", instance_types=("ecs.gn7i-2x.8xlarge",))}))
    assert both.resource_policy
    assert both.resource_policy["units"][1]["podLabels"]["alibabacloud.com/gpu-model-series"] == "A10"
    assert both.placement["labels"] == {"job-class": "jobs"}
    assert both.placement["annotations"] == placement["annotations"]


def test_resource_policy() -> None:
    args = _job(strategy="elastic", wait_minutes=7, maxima={"fixed": 4, "serverless": 50}, maximum_pods=100)
    plan = _plan(args)
    wait = {WAIT_LABEL: "true"}
    assert plan.resource_policy == {
        "selector": {"job-class": "jobs"},
        "strategy": "prefer",
        "units": [
            {"resource": "ecs", "nodeSelector": {"node-pool": "fixed"}, "max": 4},
            {"resource": "ecs", "nodeSelector": {"node-pool": "growing"}, "podLabels": wait},
            {"resource": "ecs", "nodeSelector": {"node-pool": "spot", "spot": "true"}, "podLabels": wait},
            {
                "resource": "acs",
                "max": 50,
                "podLabels": {
                    "alibabacloud.com/compute-class": "general-purpose",
                    "alibabacloud.com/compute-qos": "default",
                },
            },
        ],
        "whenTryNextUnits": {"policy": "TimeoutOrExceedMax", "timeout": "7m"},
    }
    # Three pods a node of 7.91 vCPU: at most 4 of 9 on the fixed pool, 30 on each of the others.
    assert [(rung.pods, rung.limit, rung.nodes) for rung in plan.rungs] == [
        (4, 4, 3),
        (30, None, 10),
        (30, None, 10),
        (50, 50, 0),
    ]


@pytest.mark.parametrize(
    ("pools", "strategy", "then"),
    [
        ({"fixed": FIXED}, "elastic", {"policy": "LackResourceOrExceedMax"}),
        ({"fixed": FIXED, "growing": GROWN}, "reliable", {"policy": "LackResourceOrExceedMax"}),
        ({"growing": GROWN}, "elastic", {"policy": "TimeoutOrExceedMax", "timeout": "5m"}),
        ({"growing": GROWN, "other": GROWN}, "reliable", {"policy": "TimeoutOrExceedMax", "timeout": "5m"}),
    ],
)
def test_only_an_autoscaled_pool_before_another_rung_is_waited_for(
    pools: dict[str, NodePoolArgs], strategy: str, then: dict[str, str]
) -> None:
    policy = _plan(_job(strategy=strategy), _compute(pools)).resource_policy
    assert policy
    assert policy["whenTryNextUnits"] == then
    for unit in policy["units"]:
        if unit["resource"] == "ecs":
            autoscaled = pools[unit["nodeSelector"]["node-pool"]].autoscaling is not None
            assert (WAIT_LABEL in unit.get("podLabels", {})) == autoscaled


def test_one_rung_needs_no_policy_unless_it_is_limited() -> None:
    assert _plan(_job(), _compute({"growing": GROWN})).resource_policy is None
    limited = _plan(_job(maxima={"fixed": 2}), _compute({"fixed": FIXED}))
    assert limited.resource_policy
    assert limited.resource_policy["units"] == [{"resource": "ecs", "nodeSelector": {"node-pool": "fixed"}, "max": 2}]
    assert limited.rungs[0].pods == 2


def test_eci_calls_best_effort_spot() -> None:
    eci = ServerlessArgs(maximum_pods=10, provider="eci")
    plan = _plan(_job(strategy="cheapest"), _with(eci, {"fixed": FIXED}))
    spot, default = plan.rungs[1:]
    assert (spot.name, default.name) == ("eci general-purpose spot", "eci general-purpose")
    assert spot.unit["resource"] == "eci"
    assert spot.unit["podAnnotations"]["k8s.aliyun.com/eci-spot-strategy"] == "SpotAsPriceGo"
    assert default.unit == {"resource": "eci", "max": 1}


def test_fit_on_a_pool() -> None:
    # 7.91 vCPU / 2 = 3.9; 29.15 GiB / 4 = 7.2. A quarter of the vCPU, an eighth of the memory: a quarter of 2.093.
    (rung,) = _plan(_job(), _compute({"fixed": FIXED})).rungs
    assert (rung.fit.types, rung.fit.per_node) == (["ecs.g8i.2xlarge"], Range(3, 3))
    assert _price(rung) == _one(0.52325)
    assert rung.pods == 9


def test_fit_on_instance_types_of_several_sizes() -> None:
    # c8i.xlarge: 3.92 vCPU, 8 x 1024 x 0.94 - 750 - 200 = 6,750.48 MiB = 6.59 GiB, so one pod by memory at half of
    # the node: 0.407699. g8i.2xlarge: 3 pods at 0.52325. c7.xlarge of 8 GiB is as c8i.xlarge.
    pool = _pool(instance_types=("ecs.g8i.2xlarge", "ecs.c8i.xlarge", "ecs.c7.xlarge"))
    (rung,) = _plan(_job(), _compute({"mixed": pool})).rungs
    assert rung.fit.per_node == Range(1, 3)
    assert _price(rung) == pytest.approx((0.407699, 0.52325))
    assert rung.pods == 9
    # 8 GiB fit only the largest.
    (rung,) = _plan(_job(pod=_shape(2, 8)), _compute({"mixed": pool})).rungs
    assert (rung.fit.types, rung.fit.per_node) == (["ecs.g8i.2xlarge"], Range(3, 3))


def test_fit_on_shared_gpus() -> None:
    # 24 GB show 21 GiB: four pods of 5 GiB a card. 5 / 48 of a node with two cards, 20.1867 an hour.
    pool = _pool(kind="gpu", instance_types=("ecs.gn7i-2x.8xlarge",), gpu=GpuArgs(schedule="share"))
    (rung,) = _plan(_job(pod=_shape(1, 4, gpu_memory_gib=5)), _compute({"shared": pool})).rungs
    assert rung.fit.per_node == Range(8, 8)
    assert _price(rung) == _one(20.1867 * 5 / 48)
    # 30 % of the compute: three a card, and 15 % of the node by its cores.
    cores = pool.model_copy(update={"gpu": GpuArgs(schedule="core_mem")})
    pod = _shape(1, 4, gpu_memory_gib=5, gpu_core_percent=30)
    (rung,) = _plan(_job(pod=pod), _compute({"shared": cores})).rungs
    assert rung.fit.per_node == Range(6, 6)
    assert _price(rung) == _one(20.1867 * 0.15)


def test_fit_of_colocated_pods() -> None:
    # 60 % of 7.91 vCPU is 4.75, 50 % of 29.15 GiB is 14.6: two by CPU, one of 8 GiB by memory.
    colocation = ColocationArgs(enabled=True, cpu_reclaim_percent=60, memory_reclaim_percent=50)
    compute = _compute({"fixed": FIXED}, colocation=colocation)
    for memory_gib, count in ((4, 2), (8, 1)):
        (rung,) = _plan(_job(colocated=True, pod=_shape(2, memory_gib)), compute).rungs
        assert (rung.fit.per_node, rung.fit.price) == (Range(count, count), Range(0, 0))


def test_fit_on_serverless_pods() -> None:
    # 3.2 vCPU and 5 GiB are rounded up to 3.5 and 5: 3.5 x 0.06 + 5 x 0.03.
    (rung,) = _plan(_job(strategy="elastic", pod=_shape(3.2, 5)), _compute({})).rungs
    assert (rung.fit.types, rung.fit.per_node) == (("3.5 vCPU, 5 GiB",), Range(1, 1))
    assert _price(rung) == _one(0.36)
    assert rung.pods == 1
    # ECI has 4 vCPU with 8 GiB: 4 x 0.1764 + 8 x 0.0221.
    eci = _with(ServerlessArgs(maximum_pods=9, provider="eci"))
    (rung,) = _plan(_job(strategy="elastic", pod=_shape(3.2, 5)), eci).rungs
    assert _price(rung) == _one(0.8824)


def _price(rung: Rung) -> tuple[float, float]:
    assert rung.fit.price is not None
    assert rung.fit.currency == "CNY"
    return rung.fit.price.minimum, rung.fit.price.maximum


def _one(amount: float) -> object:
    return pytest.approx((amount, amount))


def test_a_missing_price_is_none() -> None:
    unpriced = _pool(instance_types=("ecs.g9i.2xlarge",))
    partly = _pool(instance_types=("ecs.g8i.2xlarge", "ecs.g9i.2xlarge"))
    plan = _plan(_job(strategy="elastic"), _compute({"unpriced": unpriced, "partly": partly}))
    assert [(rung.fit.price, rung.fit.currency) for rung in plan.rungs[:2]] == [(None, ""), (None, "")]
    elsewhere = _plan(_job(strategy="elastic"), _compute({"fixed": FIXED}, region="nowhere"))
    assert [rung.fit.price for rung in elsewhere.rungs] == [None, None]
    gpus = _job(strategy="elastic", pod=_shape(gpus=1), serverless=GPUS)
    (rung,) = _plan(gpus, _with(ServerlessArgs(maximum_pods=10, gpu_models=["A10"]))).rungs
    assert rung.fit.price is None


def test_only_types_with_a_wanted_gpu_count() -> None:
    pool = _pool(kind="gpu", instance_types=("ecs.gn6i-c8g1.2xlarge", *A10))
    (rung,) = _plan(_job(pod=_shape(gpus=1), gpu_models=["A10"]), _compute({"gpu": pool})).rungs
    assert rung.fit.types == list(A10)


@pytest.mark.parametrize(
    ("given", "pool", "reason"),
    [
        ({}, ARM, "its nodes are arm64, the class is built for amd64"),
        ({"erdma": True}, FIXED, "no eRDMA"),
        ({"pod": _shape(gpus=1)}, SHARED, "shared by memory (gpu.schedule: cgpu)"),
        ({"pod": _shape(gpu_memory_gib=1)}, GPU, "are not shared"),
        ({"pod": _shape(gpu_memory_gib=1)}, CORES, "give gpuCorePercent"),
        ({"pod": _shape(gpu_memory_gib=1, gpu_core_percent=5)}, SHARED, "leave gpuCorePercent out"),
        ({"pod": _shape(gpus=1)}, LINKED, "set gpuTopology"),
        ({"pod": _shape(gpus=1), "gpu_topology": True}, GPU, "set gpu.schedule: topology"),
        (
            {"colocated": True},
            _pool(kubelet=KubeletArgs(cpu_manager_policy="static")),
            "kubelet.cpuManagerPolicy: static",
        ),
        ({"pod": _shape(gpus=1), "gpu_models": ["T4"]}, GPU, "not T4"),
        ({"pod": _shape(8, 4)}, FIXED, "7.91 vCPU"),
        ({"pod": _shape(8, 4)}, SPOT, "ecs.g7.2xlarge"),
        ({"pod": _shape(2, 32)}, FIXED, "29.1 GiB"),
        ({"pod": _shape(gpus=1)}, FIXED, "is of kind cpu and has no GPUs"),
        ({"pod": _shape(gpu_memory_gib=1)}, MEMORY, "is of kind memory and has no GPUs"),
        ({"pod": _shape(gpus=2)}, GPU, "1 GPUs"),
        ({"pod": _shape(gpu_memory_gib=22)}, SHARED, "21 GiB a GPU"),
    ],
)
def test_why_a_pod_does_not_fit_on_a_pool(given: dict[str, Any], pool: NodePoolArgs, reason: str) -> None:
    fit = fit_pool(_job(**given), pool, plan_node_pool(pool), catalog.price_book(), REGION, None)
    assert not fit.fits
    assert reason in fit.problem


@pytest.mark.parametrize(
    ("given", "serverless", "reason"),
    [
        ({}, {"maximum_pods": 0}, "serverless.maximumPods is 0"),
        ({"architectures": ["arm64"]}, {}, "are amd64"),
        ({"erdma": True}, {}, "nor eRDMA"),
        ({"gpu_topology": True}, {}, "nor GPU topology"),
        ({"pod": _shape(gpu_memory_gib=1)}, {}, "neither shared GPUs"),
        ({"pod": _shape(gpus=1)}, {}, "need provider acs, gpus, serverless.computeClass: gpu"),
        ({"serverless": GPUS}, {}, "need provider acs, gpus"),
        ({"pod": _shape(gpus=1), "serverless": GPUS}, {"provider": "eci"}, "need provider acs"),
        ({"pod": _shape(gpus=1), "serverless": GPUS}, {}, "A10 is not under serverless.gpuModels"),
        (
            {"pod": _shape(gpus=1), "serverless": GPUS, "gpu_models": ["T4"]},
            {"gpu_models": ["A10"]},
            "A10 is not among the class's gpuModels",
        ),
        ({"pod": _shape(gpus=3), "serverless": GPUS}, {"gpu_models": ["A10"]}, "1, 2, 4, 8 GPUs"),
        ({"pod": _shape(129, gpus=8), "serverless": GPUS}, {"gpu_models": ["A10"]}, "up to 128 vCPU and 480 GiB"),
        ({"pod": _shape(1, 481, gpus=8), "serverless": GPUS}, {"gpu_models": ["A10"]}, "up to 128 vCPU and 480 GiB"),
        ({"serverless": PERFORMANCE}, {"provider": "eci"}, "only the compute class general-purpose"),
        ({"pod": _shape(17)}, {}, "16 vCPU and 128 GiB at most (more with a ticket: serverless.largePods)"),
        ({"pod": _shape(65)}, {"large_pods": True}, "64 vCPU and 512 GiB at most, in fixed ratios"),
    ],
)
def test_why_a_pod_does_not_fit_on_serverless_pods(
    given: dict[str, Any], serverless: dict[str, Any], reason: str
) -> None:
    values: dict[str, Any] = {"maximum_pods": 10, **serverless}
    fit = fit_serverless(_job(**given), ServerlessArgs(**values), "default", catalog.price_book(), REGION)
    assert not fit.fits
    assert reason in fit.problem


def _problems(args: JobClassArgs, compute: Compute, scheduling: SchedulingArgs | None = SCHEDULING) -> list[Problem]:
    with pytest.raises(InvalidInput) as caught:
        plan_job_classes({"jobs": args}, compute, scheduling)
    return list(caught.value.problems)


def _assert_problems(found: Sequence[Problem], expected: Expected) -> None:
    assert [problem.path for problem in found] == [f"jobs.{path}" for path, _ in expected], found
    for problem, (_, part) in zip(found, expected, strict=True):
        assert part in problem.message


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"pod": _shape(gpus=1, gpu_memory_gib=1)}, [("pod.gpuMemoryGib", "either whole GPUs")]),
        ({"pod": _shape(gpu_core_percent=5)}, [("pod.gpuCorePercent", "needs gpuMemoryGib")]),
        ({"gpu_topology": True}, [("gpuTopology", "whole GPUs")]),
        ({"pools": ["fixed", "fixd"]}, [("pools[1]", "did you mean 'fixed'?")]),
        ({"role": "leader", "pools": ["fixed", "spot"]}, [("pools[1]", "a leader (Ray head, Spark driver)")]),
        ({"role": "leader", "strategy": "cheapest"}, [("strategy", "use reliable, elastic or staggered")]),
        ({"gpu_models": ["A10", "A100x"]}, [("gpuModels[1]", "not a GPU model of the catalog")]),
        ({"pools": ["fixed", "fixed"]}, [("pools[1]", "stands twice")]),
        ({"pools": ["fixed", "spot"]}, [("pools[1]", "strategy reliable does not use")]),
        ({"serverless": ServerlessRung(gpu_model="A10")}, [("serverless.gpuModel", "computeClass: gpu")]),
        (
            {"serverless": ServerlessRung(compute_class="gpu", gpu_model="A11"), "pod": _shape(gpus=1)},
            [("serverless.gpuModel", "not a GPU model of ACS")],
        ),
        ({"serverless": GPUS}, [("serverless.computeClass", "pods with whole GPUs")]),
        (
            {"serverless": ServerlessRung(compute_class="gpu"), "pod": _shape(gpus=1)},
            [("serverless.computeClass", "needs serverless.gpuModel")],
        ),
        ({"colocated": True}, [("colocated", "needs colocation.enabled")]),
        ({"maxima": {"fixd": 1}}, [("maxima.fixd", "did you mean 'fixed'?")]),
        ({"maxima": {"growing": 1}}, [("maxima.growing", "lower autoscaling.maximum")]),
        ({"maxima": {"serverless": 1001}}, [("maxima.serverless", "above serverless.maximumPods = 1,000")]),
        ({"namespaces": ["a", "b", "a"]}, [("namespaces", "names a twice")]),
        (
            {"pack": "zones", "spread": "nodes"},
            [("spread", "pods cannot gather by zones (pack) and be spread; leave one out")],
        ),
        ({"strategy": "elastic", "maxima": {"other": 1}}, [("maxima.other", "not a rung; allowed: fixed")]),
        (
            {"pools": ["nowhere"], "gpu_topology": True},
            [("gpuTopology", "whole GPUs"), ("pools[0]", "not one of nodePools; allowed: fixed, growing, spot")],
        ),
    ],
)
def test_class_problems(given: dict[str, Any], expected: Expected) -> None:
    _assert_problems(_problems(_job(**given), _compute()), expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"role": "service"}, [("colocated", "not service and reliable")]),
        ({"strategy": "elastic"}, [("colocated", "not worker and elastic")]),
        ({"pod": _shape(gpus=1)}, [("colocated", "no GPUs")]),
        ({"pod": _shape(gpu_memory_gib=1)}, [("colocated", "no GPUs")]),
    ],
)
def test_problems_of_colocated_classes(given: dict[str, Any], expected: Expected) -> None:
    compute = _compute(colocation=ColocationArgs(enabled=True))
    _assert_problems(_problems(_job(colocated=True, **given), compute), expected)


BARE = _pool(instance_types=TWO_TYPES, autoscaling=GROWING, spot=Spot(on_demand_fallback=False))


@pytest.mark.parametrize(
    ("given", "compute", "expected"),
    [
        (
            {"pod": _shape(8)},
            _compute(),
            [("pod", "fits nowhere with strategy reliable. fixed: 7.91 vCPU")],
        ),
        ({"pod": _shape(gpus=1)}, _compute(), [("pod", "no pool of kind gpu")]),
        ({"pod": _shape(1, 8)}, _compute({"gpu": GPU}), [("pod", "no pool of kind memory or cpu")]),
        ({}, _compute({"empty": _pool(size=0)}), [("pod", "empty: its size is 0")]),
        (
            {"strategy": "staggered"},
            _compute(serverless=0),
            [("pod", "acs general-purpose: there are none (serverless.maximumPods is 0)")],
        ),
        ({"maximum_pods": 40}, _compute(), [("maximumPods", "hold 39 at most")]),
        ({"strategy": "staggered", "maximum_pods": 1001}, _compute(), [("maximumPods", "hold 1,000 at most by day")]),
        # Best-effort and other serverless pods share the addresses: 9 + 1,000.
        (
            {"strategy": "cheapest", "maximum_pods": 1010},
            _compute({"fixed": FIXED}),
            [("maximumPods", "hold 1,009 at most")],
        ),
        ({"maxima": {"serverless": 5}}, _compute(), [("maxima.serverless", "not one of the class's rungs")]),
        ({"maxima": {"gpu": 5}}, _compute({"fixed": FIXED, "gpu": GPU}), [("maxima.gpu", "not one of the class's")]),
        (
            {"strategy": "elastic"},
            _compute({"bare": BARE}, serverless=0),
            [("strategy", "set nodePools.bare.spot.onDemandFallback: true")],
        ),
    ],
)
def test_plan_problems(given: dict[str, Any], compute: Compute, expected: Expected) -> None:
    _assert_problems(_problems(_job(**given), compute), expected)


@pytest.mark.parametrize(
    ("given", "compute"),
    [
        ({"maximum_pods": 39}, _compute()),
        ({"strategy": "staggered", "maximum_pods": 1000}, _compute()),
        ({"strategy": "elastic"}, _compute({"bare": BARE})),
        ({"strategy": "elastic"}, _compute({"spot": SPOT}, serverless=0)),
        ({"strategy": "cheapest", "maximum_pods": 1009}, _compute({"fixed": FIXED})),
        ({"strategy": "staggered", "maxima": {"fixed": 5, "serverless": 5}}, _compute()),
    ],
)
def test_what_is_no_problem(given: dict[str, Any], compute: Compute) -> None:
    assert _plan(_job(**given), compute).rungs


@pytest.mark.parametrize(
    ("strategy", "pools", "expected"),
    [
        ("elastic", {"growing": GROWN}, ["cluster.spec", "autoscaler.scaler"]),
        ("staggered", {"growing": GROWN}, ["cluster.spec", "autoscaler.scaler"]),
        ("elastic", {"fixed": FIXED}, ["cluster.spec"]),
        ("reliable", {"growing": GROWN}, []),
    ],
)
def test_an_order_needs_a_pro_cluster_and_goatscaler(
    strategy: str, pools: dict[str, NodePoolArgs], expected: list[str]
) -> None:
    classes = {"jobs": _job(strategy=strategy), "plain": _job(pools=list(pools))}
    good = _compute(pools)
    assert order_problems(plan_job_classes(classes, good, SCHEDULING), good) == []
    bad = _compute(pools, scaler="cluster-autoscaler", cluster_spec="ack.standard")
    found = order_problems(plan_job_classes(classes, bad, SCHEDULING), bad)
    assert [problem.path for problem in found] == expected
    assert all("the job classes jobs have" in problem.message for problem in found)


@pytest.mark.parametrize("scheduling", [None, SchedulingArgs()])
def test_staggered_classes_need_kubectl(scheduling: SchedulingArgs | None) -> None:
    expected = [("strategy", "scheduling.kubectlImage")]
    _assert_problems(_problems(_job(strategy="staggered"), _compute(), scheduling), expected)


def test_pools_that_are_not_for_jobs() -> None:
    pools = {"system": _pool(kind="system"), "cache": _pool(kind="cache", instance_types=("ecs.i3.xlarge",))}
    expected = [("pools[0]", "kind system"), ("pools[1]", "kind cache")]
    _assert_problems(_problems(_job(pools=["system", "cache"]), _compute(pools)), expected)


def test_eci_has_one_compute_class() -> None:
    eci = _with(ServerlessArgs(maximum_pods=10, provider="eci"), EVERY)
    expected = [("serverless.computeClass", "ECI has only general-purpose")]
    _assert_problems(_problems(_job(strategy="elastic", serverless=PERFORMANCE), eci), expected)


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ({"pod": _shape(0.5, 2.5)}, "0.5 vCPU, 2.5 GiB"),
        (
            {"pod": _shape(900, 8000, gpus=2), "gpu_models": ["A10", "T4"], "gpu_topology": True, "erdma": True},
            "900 vCPU, 8000 GiB, 2 GPUs, A10 or T4, linked GPUs, eRDMA",
        ),
        (
            {"pod": _shape(gpu_memory_gib=5, gpu_core_percent=30), "architectures": ["arm64"]},
            "2 vCPU, 4 GiB, 5 GiB of a GPU, 30 % of its compute, arm64",
        ),
    ],
)
def test_needs_in_words(given: dict[str, Any], needs: str) -> None:
    assert _problems(_job(**given), _compute({}))[0].value == needs


def test_problems_of_all_classes_at_once() -> None:
    classes = {"one": _job(gpu_topology=True), "two": _job(), "three": _job(pod=_shape(8))}
    with pytest.raises(InvalidInput) as caught:
        plan_job_classes(classes, _compute())
    assert [problem.path for problem in caught.value.problems] == ["one.gpuTopology", "three.pod"]


CLASSES = {
    "worker": _job(strategy="staggered", namespaces=["ray", "spark"]),
    "head": _job(strategy="staggered", role="leader", namespaces=["ray"]),
    "query": _job(strategy="elastic", namespaces=["trino", "ray"]),
    "plain": _job(namespaces=["plain"], pools=["fixed"]),
}


def _job_classes(scheduling: SchedulingArgs = SCHEDULING) -> Recording:
    def program() -> None:
        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        JobClasses(
            "jobs",
            CLASSES,
            compute=_compute(),
            scheduling=scheduling,
            timezone="Asia/Singapore",
            deleted_with=cluster,
        )

    return recorded(program)


def _of(recording: Recording, type_token: str) -> dict[str, Recorded]:
    """The resources of a type, by namespace and name in the cluster."""
    found = [resource for resource in recording.resources if resource.type == type_token]
    keys = [(r.inputs["metadata"].get("namespace", ""), r.inputs["metadata"]["name"]) for r in found]
    return {"/".join(filter(None, key)): resource for key, resource in zip(keys, found, strict=True)}


def test_namespaces_outlive_the_classes() -> None:
    recording = _job_classes()
    namespaces = _of(recording, NAMESPACE)
    assert list(namespaces) == ["plain", "ray", "spark", "trino"]
    assert all(namespace.options.retain_on_delete for namespace in namespaces.values())
    assert not [r for r in recording.resources if r.options.retain_on_delete and r.type != NAMESPACE]
    for name, policy in _of(recording, POLICY).items():
        assert policy.dependencies == (namespaces[name.partition("/")[0]].urn,)


def test_namespaces_may_exist() -> None:
    recording = _job_classes(SCHEDULING.model_copy(update={"create_namespaces": False}))
    assert not _of(recording, NAMESPACE)
    assert all(not policy.dependencies for policy in _of(recording, POLICY).values())


def test_everything_goes_with_the_cluster() -> None:
    recording = _job_classes()
    cluster, component = named(recording, "cluster").urn, named(recording, "jobs").urn
    children = [resource for resource in recording.resources if resource.custom]
    assert {resource.options.deleted_with for resource in children} == {cluster}
    assert {resource.parent for resource in children} == {component}


def test_priority_classes() -> None:
    found = _of(_job_classes(), "kubernetes:scheduling.k8s.io/v1:PriorityClass")
    values = {name: resource.inputs["value"] for name, resource in found.items()}
    assert sorted(values, key=values.__getitem__) == ["job-low", "job-normal", "job-high"]
    assert not any(resource.inputs.get("globalDefault") for resource in found.values())
    used = {plan.placement["priorityClassName"] for plan in plan_job_classes(CLASSES, _compute(), SCHEDULING).values()}
    assert used <= set(values)


def test_policies_say_what_the_plan_says() -> None:
    policies = _of(_job_classes(), POLICY)
    plans = plan_job_classes(CLASSES, _compute(), SCHEDULING)
    assert sorted(policies) == ["ray/head", "ray/query", "ray/worker", "spark/worker", "trino/query"]
    for key, policy in policies.items():
        plan = plans[key.partition("/")[2]]
        assert policy.inputs["spec"] == plan.resource_policy
        assert policy.inputs["metadata"]["labels"]["role"] == plan.args.role


def test_only_the_rungs_of_staggered_classes_are_left_to_their_switch() -> None:
    ignored = {key: tuple(policy.options.ignore_changes) for key, policy in _of(_job_classes(), POLICY).items()}
    assert ignored == {
        "ray/head": ("spec",),
        "ray/query": (),
        "ray/worker": ("spec",),
        "spark/worker": ("spec",),
        "trino/query": (),
    }


def test_switches_patch_the_policies_at_their_hours() -> None:
    jobs = _of(_job_classes(), CRON_JOB)
    plans = plan_job_classes(CLASSES, _compute(), SCHEDULING)
    assert sorted(jobs) == [
        *("ray/off-peak-head", "ray/off-peak-worker", "ray/peak-head", "ray/peak-worker"),
        *("spark/off-peak-worker", "spark/peak-worker"),
    ]
    for key, job in jobs.items():
        when, _, name = key.partition("/")[2].rpartition("-")
        spec = job.inputs["spec"]
        assert spec["timeZone"] == "Asia/Singapore"
        assert spec["schedule"] == {"peak": "5 7 * * *", "off-peak": "30 22 * * *"}[when]
        pod = spec["jobTemplate"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == "registry/kubectl:1"
        *command, patch = container["args"]
        assert command == ["patch", "resourcepolicies.scheduling.alibabacloud.com", name, "--type=json"]
        flag, _, text = patch.partition("=")
        expected = plans[name].resource_policy if when == "peak" else plans[name].off_peak_policy
        assert (flag, json.loads(text)) == ("--patch", [{"op": "replace", "path": "/spec", "value": expected}])


def test_switches_may_patch_their_policies_only() -> None:
    recording = _job_classes()
    roles = _of(recording, ROLE)
    bindings = _of(recording, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding")
    accounts = _of(recording, "kubernetes:core/v1:ServiceAccount")
    assert set(roles) == set(bindings) == set(accounts) == {"ray/job-class-switch", "spark/job-class-switch"}
    named_by = {key: role.inputs["rules"] for key, role in roles.items()}
    rule = {
        "apiGroups": ["scheduling.alibabacloud.com"],
        "resources": ["resourcepolicies"],
        "verbs": ["get", "patch"],
    }
    assert named_by == {
        "ray/job-class-switch": [{**rule, "resourceNames": ["worker", "head"]}],
        "spark/job-class-switch": [{**rule, "resourceNames": ["worker"]}],
    }
    for key, binding in bindings.items():
        namespace, _, name = key.partition("/")
        assert binding.inputs["roleRef"]["name"] == name
        assert binding.inputs["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    for job in _of(recording, CRON_JOB).values():
        pod = job.inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert f"{job.inputs['metadata']['namespace']}/{pod['serviceAccountName']}" in accounts


def test_kubernetes_knows_every_field() -> None:
    version = ".".join(catalog.kubernetes_versions().default.split(".")[:2])
    builtin = [
        r for r in _job_classes().resources if r.custom and r.type.startswith("kubernetes:") and r.type != POLICY
    ]
    assert {resource.inputs["kind"] for resource in builtin} == {
        *("CronJob", "Namespace", "PriorityClass", "Role", "RoleBinding", "ServiceAccount"),
    }
    for resource in builtin:
        kubernetes_validate.validate(dict(resource.inputs), version, strict=True)


def test_without_staggered_classes_nothing_is_switched() -> None:
    recording = recorded(lambda: JobClasses("jobs", {"query": CLASSES["query"]}, compute=_compute()))
    assert set(_of(recording, POLICY)) == {"ray/query", "trino/query"}
    assert not {CRON_JOB, ROLE} & {resource.type for resource in recording.resources}


def test_bad_input_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=r"jobs\.gpuTopology = True: needs pods with whole GPUs"):
            JobClasses("jobs", {"jobs": _job(gpu_topology=True)}, compute=_compute())

        with pytest.raises(InvalidInput, match="needs a Pro specification"):
            JobClasses("jobs", {"jobs": CLASSES["query"]}, compute=_compute(cluster_spec="ack.standard"))

    assert recorded(program).resources == []


SHAPES = st.builds(
    _shape,
    vcpu=st.floats(0.01, 40),
    memory_gib=st.floats(0.01, 200),
    gpus=st.integers(0, 4),
) | st.builds(
    _shape,
    vcpu=st.floats(0.01, 10),
    memory_gib=st.floats(0.01, 50),
    gpu_memory_gib=st.integers(1, 40),
    gpu_core_percent=st.none() | st.sampled_from(range(5, 105, 5)),
)


@given(
    name=st.sampled_from(sorted(catalog.instance_types())),
    pod=SHAPES,
    maximum_pods=st.none() | st.integers(8, 40),
    reclaim=st.none() | st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)),
)
def test_a_node_holds_as_many_pods_as_it_can_and_no_more(
    name: str, pod: PodShape, maximum_pods: int | None, reclaim: tuple[float, float] | None
) -> None:
    kind = "gpu" if catalog.instance_types()[name].gpu else "cpu"
    limit = catalog.instance_types()[name].pods
    if maximum_pods is not None and limit is not None:
        maximum_pods = min(maximum_pods, limit)
    (node,) = plan_node_pool(_pool(kind=kind, instance_types=[name], max_pods=maximum_pods)).allocatable
    count, reason = pods_on(node, pod, reclaim)
    cpu_share, memory_share = reclaim or (1, 1)

    def holds(pods: int) -> bool:
        # Pods that share GPUs are spread over the cards as evenly as can be.
        on_one_card = math.ceil(pods / node.gpus) if node.gpus else math.inf
        shared = pod.gpu_memory_gib is None or (
            on_one_card * pod.gpu_memory_gib <= math.floor(node.gpu_memory_gib * 0.9)
            and on_one_card * (pod.gpu_core_percent or 0) <= 100
            and on_one_card <= 20
        )
        return (
            pods * pod.vcpu <= node.vcpu * cpu_share * (1 + 1e-6)
            and pods * pod.memory_gib <= node.memory_gib * memory_share * (1 + 1e-6)
            and (node.pods is None or pods <= node.pods)
            and pods * pod.gpus <= node.gpus
            and shared
        )

    assert count >= 0
    assert count == 0 or holds(count)
    assert not holds(count + 1)
    assert (count == 0) == bool(reason)


TAINTS = st.lists(
    st.builds(
        Taint,
        key=st.sampled_from(["team", "dedicated"]),
        value=st.sampled_from(["", "true", "data"]),
        effect=st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ),
    max_size=3,
    unique_by=lambda taint: (taint.key, taint.effect),
)


@st.composite
def _pools(draw: st.DrawFn) -> NodePoolArgs:
    kind, types = draw(
        st.sampled_from(
            [
                ("cpu", ("ecs.g8i.2xlarge", "ecs.g9i.2xlarge")),
                ("cpu", ("ecs.g8y.2xlarge", "ecs.c8y.2xlarge")),
                ("memory", ("ecs.r8i.2xlarge", "ecs.r7.2xlarge")),
                ("memory", ("ecs.r8y.2xlarge", "ecs.r8y.4xlarge")),
                ("gpu", ("ecs.gn7i-c8g1.2xlarge", "ecs.gn7i-4x.8xlarge")),
                ("cpu", ("ecs.g8i.xlarge", "ecs.g7.xlarge")),
            ]
        )
    )
    spot = draw(st.none() | st.just(Spot()))
    scaling = {"autoscaling": GROWING} if draw(st.booleans()) else {"size": draw(st.integers(0, 4))}
    return _pool(kind=kind, instance_types=types, spot=spot, taints=draw(TAINTS), **scaling)


def _tolerated(taint: Taint, tolerations: list[dict[str, str]]) -> bool:
    """Whether Kubernetes lets a pod with these tolerations onto a node with that taint."""
    return any(
        toleration["key"] == taint.key
        and toleration["effect"] == taint.effect
        and (toleration["operator"] == "Exists" or toleration["value"] == taint.value)
        for toleration in tolerations
    )


@given(
    pools=st.dictionaries(st.sampled_from(["a", "b", "c", "d", "e"]), _pools(), min_size=1),
    pod=st.sampled_from([_shape(), _shape(1, 8), _shape(gpus=1), _shape(gpus=4)]),
    strategy=st.sampled_from(["reliable", "elastic", "cheapest", "staggered"]),
    role=st.sampled_from(["worker", "service"]),
    by_name=st.booleans(),
)
def test_pods_may_run_on_each_of_their_rungs_and_on_no_other_pool(
    pools: dict[str, NodePoolArgs], pod: PodShape, strategy: str, role: str, by_name: bool
) -> None:
    # A strategy refuses by name the spot pools that it does not use.
    usable = [name for name in sorted(pools) if strategy != "reliable" or not pools[name].spot]
    args = _job(
        pod=pod,
        strategy=strategy,
        role=role,
        architectures=["amd64", "arm64"],
        pools=(usable or None) if by_name else None,
    )
    compute = _compute(pools)
    try:
        plan = _plan(args, compute)
    except InvalidInput as invalid:
        if "fits nowhere" in str(invalid):
            return
        raise
    rungs = [*plan.rungs, *plan.off_peak_rungs]
    used = {rung.pool for rung in rungs if rung.pool}
    assert _pools_of(plan.placement) == used
    serverless = any(rung.kind == "serverless" for rung in rungs)
    assert _terms(plan.placement).get("type") == (
        ["virtual-kubelet"] if serverless and len({rung.name for rung in rungs}) > 1 else None
    )
    tolerations = plan.placement["tolerations"]
    taints = [taint for name in used for taint in compute.pools[name][1].taints]
    assert all(_tolerated(taint, tolerations) for taint in taints)
    assert all(any(_tolerated(taint, [toleration]) for taint in taints) for toleration in tolerations)
