"""What tenants are promised, beside what there is."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.node_pools import NodePoolPlan, plan_node_pool
from components.tenancy import (
    Available,
    Promise,
    PromiseRow,
    TenantArgs,
    TenantResources,
    TenantThrottling,
    promise_problems,
    promise_rows,
)
from stacks.environment import Environment
from stacks.tenancy import available, promised
from support import environment, shown

THERE = {
    "vcpu": Available(100, 200, "pools 100"),
    "memoryGib": Available(400, 400, "pools 400"),
    "gpus.A10": Available(4, 4, "pools of whole GPUs"),
    "gpuMemoryGib": Available(0, 0, "pools of shared GPUs"),
    "pods": Available(150, 150, "addresses"),
    "throttling": Available(60, 60, "guarantees of 1 traffic classes"),
    "budget.CNY": Available(1000, 1000, "quotas.monthlyCost"),
}


def _tenant(**values: Any) -> TenantArgs:
    filled: dict[str, Any] = {"owners": ["ram-user/1"], "cost_center": "cv-1", **values}
    return TenantArgs(**filled)


def _resources(**values: Any) -> TenantArgs:
    filled: dict[str, Any] = {"vcpu": Promise(), "memory_gib": Promise(), **values}
    return _tenant(resources=TenantResources(**filled))


def _rows(tenants: Mapping[str, TenantArgs], there: Mapping[str, Available] = THERE) -> dict[str, PromiseRow]:
    return {row.path: row for row in promise_rows(tenants, there)}


def _problems(tenants: Mapping[str, TenantArgs], there: Mapping[str, Available] = THERE) -> list[str]:
    return [shown(problem) for problem in promise_problems(tenants, promise_rows(tenants, there))]


VISION = _tenant(
    resources=TenantResources(
        vcpu=Promise(guaranteed=60, maximum=120),
        memory_gib=Promise(guaranteed=100),
        gpus={"A10": Promise(guaranteed=2, maximum=4)},
        pods=80,
    ),
    throttling=TenantThrottling(traffic_class="batch", guaranteed_gbps=40),
    budget={"CNY": 700},
)
SPEECH = _tenant(
    resources=TenantResources(
        vcpu=Promise(guaranteed=40, maximum=100),
        memory_gib=Promise(maximum=200),
        gpus={"A10": Promise(guaranteed=2)},
        pods=70,
    ),
    throttling=TenantThrottling(traffic_class="batch", guaranteed_gbps=20),
    budget={"CNY": 300},
)
BOTH = {"vision": VISION, "speech": SPEECH}


@pytest.mark.parametrize(
    ("path", "resource", "unit", "guaranteed", "maximum", "ratio", "note"),
    [
        ("vcpu", "vCPU", "", 100, 220, 1.1, "not all maxima at once"),
        ("memoryGib", "memory", "GiB", 100, 300, 0.75, ""),
        ("gpus.A10", "GPUs A10", "", 4, 6, 1.5, "not all maxima at once"),
        ("pods", "pods", "", 0, 150, 1, ""),
        ("throttling", "OSS download", "Gbit/s", 60, 60, 1, ""),
        ("budget.CNY", "budget", "CNY a month", 1000, 1000, 1, ""),
    ],
)
def test_rows(path: str, resource: str, unit: str, guaranteed: float, maximum: float, ratio: float, note: str) -> None:
    row = _rows(BOTH)[path]
    assert (row.resource, row.unit, row.available) == (resource, unit, THERE[path])
    assert (row.guaranteed, row.maximum) == (guaranteed, maximum)
    assert row.ratio == pytest.approx(ratio)
    assert row.fits
    assert row.note == note
    assert not _problems(BOTH)


def test_rows_are_of_what_is_promised_or_there() -> None:
    assert list(_rows(BOTH)) == ["vcpu", "memoryGib", "gpus.A10", "pods", "throttling", "budget.CNY"]
    nothing = _rows({"vision": _resources(gpu_memory_gib=Promise(maximum=24))}, {"gpuMemoryGib": Available(0, 0, "")})
    assert list(nothing) == ["gpuMemoryGib"]
    assert nothing["gpuMemoryGib"].ratio is None
    assert nothing["gpuMemoryGib"].note == "not all maxima at once"


def test_what_is_not_limited_has_no_row() -> None:
    assert list(_rows(BOTH, {"vcpu": THERE["vcpu"]})) == ["vcpu"]


def test_parts_count_with_their_parent() -> None:
    part = SPEECH.model_copy(update={"parent": "vision"})
    alone = _rows({"vision": VISION})
    assert _rows({"vision": VISION, "part": part}) == alone
    assert _rows({"part": part, "vision": VISION}) == alone
    # What is a part of nobody here counts by itself.
    assert _rows({"vision": VISION, "part": SPEECH.model_copy(update={"parent": "elsewhere"})}) == _rows(BOTH)


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        (
            "vcpu",
            {"vcpu": Promise(guaranteed=41)},
            "tenants.vision.resources.vcpu.guaranteed = 60.0: vCPU: vision 60 + speech 41 = 101 guaranteed, "
            "but 100 can be relied on (pools 100)",
        ),
        (
            "memoryGib",
            {"memory_gib": Promise(guaranteed=301)},
            "tenants.speech.resources.memoryGib.guaranteed = 301.0: memory GiB: vision 100 + speech 301 = 401 "
            "guaranteed, but 400 can be relied on (pools 400)",
        ),
        (
            "gpus.A10",
            {"gpus": {"A10": Promise(guaranteed=3)}},
            "tenants.speech.resources.gpus.A10.guaranteed = 3.0: GPUs A10: vision 2 + speech 3 = 5 guaranteed, "
            "but 4 can be relied on (pools of whole GPUs)",
        ),
        (
            "gpuMemoryGib",
            {"gpu_memory_gib": Promise(guaranteed=1)},
            "tenants.speech.resources.gpuMemoryGib.guaranteed = 1.0: memory of shared GPUs GiB: speech 1 "
            "guaranteed, but 0 can be relied on (pools of shared GPUs)",
        ),
    ],
)
def test_guarantees_that_do_not_fit(path: str, values: dict[str, Any], expected: str) -> None:
    tenants = {"vision": VISION, "speech": _resources(**values)}
    assert _rows(tenants)[path].note == "the guarantees do not fit"
    assert [f"tenants.{text}" for text in _problems(tenants)] == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"budget": {"CNY": 301}},
            "vision.budget.CNY = 700.0: budget CNY a month: vision 700 + speech 301 = 1,001 guaranteed, but "
            "1,000 can be relied on (quotas.monthlyCost)",
        ),
        (
            {"throttling": TenantThrottling(traffic_class="batch", guaranteed_gbps=41)},
            "speech.throttling.guaranteedGbps = 41.0: OSS download Gbit/s: vision 40 + speech 41 = 81 guaranteed, "
            "but 60 can be relied on (guarantees of 1 traffic classes)",
        ),
    ],
)
def test_other_promises_that_do_not_fit(values: dict[str, Any], expected: str) -> None:
    assert _problems({"vision": VISION, "speech": _tenant(**values)}) == [expected]


def test_parts_are_not_among_those_who_are_guaranteed_too_much() -> None:
    part = _resources(vcpu=Promise(guaranteed=90)).model_copy(update={"parent": "vision"})
    tenants = {"part": part, "vision": _resources(vcpu=Promise(guaranteed=110))}
    (text,) = _problems(tenants)
    assert text.startswith("vision.resources.vcpu.guaranteed = 110.0: vCPU: vision 110 guaranteed")


def test_large_amounts_are_written_in_full() -> None:
    (text,) = _problems({"vision": _tenant(budget={"CNY": 1_500_000})})
    assert "vision 1,500,000 guaranteed" in text


PROMISES = st.tuples(st.floats(0, 1000), st.none() | st.floats(0, 1000)).map(
    lambda given: Promise(guaranteed=given[0], maximum=None if given[1] is None else given[0] + given[1])
)
TENANTS = st.builds(
    lambda vcpu, memory, gpus, pods, gbps, budget: _tenant(
        resources=TenantResources(vcpu=vcpu, memory_gib=memory, gpus=gpus, pods=pods),
        throttling=None if gbps is None else TenantThrottling(traffic_class="batch", guaranteed_gbps=gbps),
        budget=budget,
    ),
    PROMISES,
    PROMISES,
    st.dictionaries(st.sampled_from(["A10", "A100"]), PROMISES),
    st.integers(1, 1000),
    st.none() | st.integers(0, 100),
    st.dictionaries(st.sampled_from(["CNY"]), st.floats(1, 1000)),
)


@given(
    tenants=st.dictionaries(st.sampled_from(["a", "b", "c"]), TENANTS),
    added=TENANTS,
    parent=st.sampled_from([None, "a", "b", "nobody"]),
)
def test_a_further_tenant_never_lowers_a_sum(
    tenants: dict[str, TenantArgs], added: TenantArgs, parent: str | None
) -> None:
    before = _rows(tenants)
    after = _rows({**tenants, "added": added.model_copy(update={"parent": parent})})
    assert before.keys() <= after.keys()
    for path, row in before.items():
        assert after[path].guaranteed >= row.guaranteed - 1e-9
        assert after[path].maximum >= row.maximum - 1e-9
        assert row.fits or not after[path].fits


@given(tenants=st.dictionaries(st.sampled_from(["a", "b", "c"]), TENANTS, min_size=1))
def test_every_guarantee_that_does_not_fit_is_told_once(tenants: dict[str, TenantArgs]) -> None:
    rows = promise_rows(tenants, THERE)
    problems = list(promise_problems(tenants, rows))
    assert len(problems) == sum(not row.fits for row in rows)
    assert {problem.path.partition(".")[0] for problem in problems} <= set(tenants)


# What environments have.


def _pools(env: Environment) -> dict[str, NodePoolPlan]:
    return {name: plan_node_pool(args, name) for name, args in env.node_pools.items()}


def _there(stack: str, **values: Any) -> Mapping[str, Available]:
    env = environment(stack, **values)
    return available(env, stack, _pools(env))


@pytest.mark.parametrize(
    ("stack", "firm", "most", "source"),
    [
        # data 50 x 32, data-memory 10 x 32, gpu 8 x 64, gpu-shared 4 x 32, gpu-linked 1 x 128; at most also data-spot
        # 40 x 32, data-arm-spot 20 x 64, gpu-spot 4 x 32, and 128 instead of 64 vCPU on 8 nodes of gpu.
        ("prod", 2688 + 30_000, 2688 + 1280 + 1280 + 128 + 8 * 64 + 30_000, "pools 2,688 + serverless 30,000"),
        # data 10 x 32, gpu 2 x 64, gpu-shared 2 x 32; at most also data-spot 10 x 32, gpu-spot 2 x 32.
        ("staging", 512 + 100, 512 + 320 + 64 + 2 * 64 + 100, "pools 512 + serverless 100"),
        ("dev", 3 * 8 + 100, 2 * 3 * 8 + 100, "pools 24 + serverless 100"),
    ],
)
def test_vcpus_of_environments(stack: str, firm: float, most: float, source: str) -> None:
    found = _there(stack)["vcpu"]
    assert (found.firm, found.most) == (pytest.approx(firm), pytest.approx(most))
    assert found.source == source


def test_serverless_pods_are_bounded_by_what_the_account_was_granted() -> None:
    granted, more = _there("dev"), _there("dev", serviceQuotas={"serverlessVcpu": 150})
    assert granted["vcpu"].firm == 24 + 100
    assert more["vcpu"].firm == 24 + 150
    # Four GiB for each vCPU, as the job classes ask for them.
    assert more["memoryGib"].firm - granted["memoryGib"].firm == pytest.approx(200)
    # 100 pods of ray-worker and 200 of spark-executor, 4 vCPU each.
    assert _there("dev", serviceQuotas={"serverlessVcpu": 30_000})["vcpu"].firm == 24 + 1200


def test_serverless_pods_are_bounded_by_their_number() -> None:
    few = _there(
        "dev",
        serviceQuotas={"serverlessVcpu": 30_000},
        serverless={"maximumPods": 120},
        jobClasses={"spark-executor": {"maximumPods": 100}},
    )
    assert few["vcpu"].firm == 24 + 120 * 4


def test_spot_is_not_firm() -> None:
    before, after = _there("dev"), _there("dev", nodePools={"data-spot": {"autoscaling": {"maximum": 4}}})
    assert after["vcpu"].firm == before["vcpu"].firm
    assert after["vcpu"].most == before["vcpu"].most + 8


@pytest.mark.parametrize("pool", ["system", "cache"])
def test_the_platforms_own_pools_are_not_counted(pool: str) -> None:
    before, after = _there("staging"), _there("staging", nodePools={pool: {"size": 3}})
    for path in ("vcpu", "memoryGib", "gpus.A10", "gpuMemoryGib"):
        assert after[path] == before[path]
    assert after["pods"].firm < before["pods"].firm


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        # gpu 8 x 4 A10, gpu-spot 4 x 1; gpu-linked 1 x 8 A100; gpu-shared 4 x 24 GiB.
        ("prod", {"gpus.A10": (32, 36), "gpus.A100": (8, 8), "gpuMemoryGib": (96, 96)}),
        ("staging", {"gpus.A10": (8, 10), "gpuMemoryGib": (48, 48)}),
        ("dev", {"gpuMemoryGib": (0, 0)}),
    ],
)
def test_gpus_of_environments(stack: str, expected: dict[str, tuple[float, float]]) -> None:
    found = {path: (row.firm, row.most) for path, row in _there(stack).items() if path.startswith("gpu")}
    assert found == expected


def test_traffic_and_money_of_environments() -> None:
    prod, dev = _there("prod"), _there("dev")
    assert prod["budget.CNY"] == Available(1_750_000, 1_750_000, "quotas.monthlyCost")
    assert dev["budget.USD"].most == 100
    assert "throttling" not in dev
    # 25 % and 15 % of 400 Gbit/s.
    assert prod["throttling"].firm == 160
    assert prod["pods"].firm == 60_000


def test_an_environment_without_tenants_promises_nothing() -> None:
    env = environment("dev")
    assert promised(env, "dev", _pools(env)) == []


def test_the_promises_of_production_can_be_kept() -> None:
    env = environment("prod")
    rows = {row.path: row for row in promised(env, "prod", _pools(env))}
    assert (rows["vcpu"].guaranteed, rows["vcpu"].maximum) == (4728, 33_584)
    assert (rows["gpus.A10"].guaranteed, rows["gpus.A10"].maximum) == (20, 40)
    assert rows["budget.CNY"].guaranteed == 1_510_000
    assert all(row.fits for row in rows.values())
