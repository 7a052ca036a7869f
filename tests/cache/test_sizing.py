"""What a cache delivers: the figures of seed 003, and what must hold of every cache and of every proposal."""

import itertools
import math
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import catalog
from components.cache import Data, Delivery, Proposal, Readers, Source, Target, WorkerNode, deliver, propose
from components.cache.sizing import GBIT_PER_GIB, Medium, Pattern, curves, with_workers

PUBLISHED = {
    # Seed 003, section "Select Proper ECS Instance Types": vCPU, GiB, Gbit/s, local SSDs.
    "ecs.g7nex.8xlarge": (32, 128, 40, 0),
    "ecs.g7nex.16xlarge": (64, 256, 80, 0),
    "ecs.g7nex.32xlarge": (128, 512, 160, 0),
    "ecs.i4g.16xlarge": (64, 256, 32, 2),
    "ecs.i4g.32xlarge": (128, 512, 64, 4),
    "ecs.g7ne.8xlarge": (32, 128, 25, 0),
    "ecs.g7ne.12xlarge": (48, 192, 40, 0),  # The seed's `ecs.g7ne.12xlerge`.
    "ecs.g7ne.24xlarge": (96, 384, 80, 0),
    "ecs.g8i.24xlarge": (96, 384, 50, 0),
    "ecs.g8i.16xlarge": (64, 256, 32, 0),
}
G7NEX = WorkerNode("g7nex", "memory", 40, math.inf, math.inf, 116, 10)
READER = 16
"""Gbit/s of an ecs.gn7i-c8g1.2xlarge."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_table_of_the_seed_is_in_the_catalog(name: str) -> None:
    found = catalog.instance_types()[name]
    disks = found.local_disks
    assert (found.vcpu, found.memory_gib, found.network_gbps, disks.count if disks else 0) == PUBLISHED[name]
    assert "ecs.g7ne.12xlerge" not in catalog.instance_types()


def test_local_disks_of_the_seed_have_its_size() -> None:
    for name in ("ecs.i4g.16xlarge", "ecs.i4g.32xlarge"):
        disks = catalog.instance_types()[name].local_disks
        assert disks is not None
        # The seed rounds; the catalog has 1,919 of the family's own page.
        assert (disks.size_gb, disks.medium) == (pytest.approx(1920, abs=1), "NVMe")


def test_the_example_of_the_seed() -> None:
    types = catalog.instance_types()
    node = replace(G7NEX, network_gbps=types["ecs.g7nex.8xlarge"].network_gbps)
    host = types["ecs.gn7i-c8g1.2xlarge"]
    assert (host.vcpu, host.memory_gib, host.network_gbps) == (8, 30, READER)
    # "When a cache hit occurs": all that is read is there.
    found = deliver(node, 2, 100, Data(150), Readers(1, host.network_gbps), Source())
    assert (found.capacity_gib, found.cache_gbps, found.pod_gbps) == (200, 80, 16)
    assert (found.hits, found.shared_pod_gbps, found.limit) == (1, 16, "network of the readers' nodes")


@pytest.mark.parametrize(
    ("pods", "each"),
    [(1, 16), (4, 16), (5, 16), (8, 10), (16, 5)],
)
def test_pods_that_read_together_share_the_cache(pods: int, each: float) -> None:
    found = deliver(G7NEX, 2, 100, Data(150), Readers(pods, READER), Source())
    assert found.shared_pod_gbps == pytest.approx(each)
    assert found.pod_gbps == READER


def test_an_essd_of_pl2_is_slower_than_the_network() -> None:
    """750 MB/s are 6 Gbit/s: what an instance of 40 Gbit/s then delivers."""
    assert catalog.essd_gbps("PL2", 32_768) == 6
    node = replace(G7NEX, medium="cloud-disk", read_gbps=6, write_gbps=6)
    found = deliver(node, 1, 100, Data(50), Readers(1, READER), Source())
    assert (found.cache_gbps, found.pod_gbps, found.shared_pod_gbps, found.limit) == (6, 6, 6, "cache medium")
    assert (found.warm_up_limit, found.cold_pod_gbps) == ("cache medium", 6)


def test_minutes_of_a_pass_are_size_by_bandwidth() -> None:
    part = deliver(G7NEX, 2, 100, Data(150), Readers(10, READER), Source(10))
    whole = deliver(G7NEX, 2, 100, Data(150), Readers(10, READER, each="all"), Source(10))
    gbit = 150 * 2**30 * 8 / 1e9
    assert part.epoch_minutes == pytest.approx(gbit / 80 / 60)
    assert whole.epoch_minutes == pytest.approx(gbit / 8 / 60)
    # The first pass is no faster than 10 Gbit/s bring it in.
    assert (part.cold_epoch_minutes, part.cold_limit) == (pytest.approx(gbit / 10 / 60), "bandwidth of the source")
    assert part.warm_up_minutes == part.cold_epoch_minutes
    assert (whole.cold_epoch_minutes, whole.cold_limit) == (whole.epoch_minutes, "network of the workers' nodes")


@pytest.mark.parametrize(
    ("pattern", "quota", "hits"),
    [
        ("sequential", 100, 1),
        ("sequential", 99, 0),
        ("small-files", 99, 0),
        ("read-write", 99, 0),
        ("random", 50, 0.5),
        ("random", 100, 1),
        ("random", 400, 1),
    ],
)
def test_hits_by_pattern(pattern: Pattern, quota: float, hits: float) -> None:
    data = Data(95, pattern=pattern, high=0.95)
    assert deliver(G7NEX, 1, quota, data, Readers(1, READER), Source(1)).hits == hits


def test_copies_and_the_watermark_take_room() -> None:
    assert Data(95, high=0.95).needed_gib == 100
    assert Data(95, high=0.95, copies=3).needed_gib == 300
    assert with_workers(G7NEX, 3, Data(95, copies=3), Readers(1, READER), Source()).quota_gib == 100


def test_many_files_are_bound_by_requests() -> None:
    found = deliver(G7NEX, 2, 100, Data(10, files=10_000_000), Readers(4, READER), Source(10, 10_000))
    assert found.warm_up_minutes == pytest.approx(1000 / 60)
    assert found.warm_up_limit == found.cold_limit == "requests to the source"


def test_pods_of_a_node_share_it() -> None:
    assert Readers(8, 16, 4).node_share_gbps == 4
    assert Readers(2, 16, 4).node_share_gbps == 8


def test_a_node_of_unknown_disks_is_bound_by_its_network() -> None:
    node = replace(G7NEX, medium="local-disk", read_gbps=None, write_gbps=None)
    assert (node.bandwidth_gbps, node.fill_gbps) == (40, 40)


def test_a_month_is_the_workers_part_of_their_nodes() -> None:
    node = replace(G7NEX, price=10, node_gib=100)
    found = [deliver(node, 2, quota, Data(10), Readers(1, 16), Source()).month for quota in (100, 25, 400)]
    assert found == [2 * 10 * 730, 2 * 10 * 730 / 4, 2 * 10 * 730]
    whole = replace(node, node_gib=None)
    assert deliver(whole, 2, 25, Data(10), Readers(1, 16), Source()).month == 2 * 10 * 730
    assert deliver(G7NEX, 2, 25, Data(10), Readers(1, 16), Source()).month is None


def _gbps(least: float = 0.5, most: float = 200) -> st.SearchStrategy[float]:
    return st.floats(least, most).map(lambda value: round(value, 2))


MEDIA: tuple[Medium, ...] = ("memory", "local-disk", "cloud-disk")
PATTERNS: tuple[Pattern, ...] = ("sequential", "small-files", "random", "read-write")
EACH: tuple[Literal["part", "all"], ...] = ("part", "all")


@st.composite
def _nodes(draw: st.DrawFn, name: str = "pool") -> WorkerNode:
    most = draw(st.integers(1, 500))
    return WorkerNode(
        name,
        draw(st.sampled_from(MEDIA)),
        draw(_gbps()),
        draw(st.none() | _gbps()),
        draw(st.none() | _gbps()),
        most,
        draw(st.integers(1, 12)),
        draw(st.none() | _gbps()),
        node_gib=draw(st.none() | st.integers(most, 1000)),
    )


DATA = st.builds(
    Data,
    st.integers(1, 2000),
    st.none() | st.integers(1, 10**8),
    st.sampled_from(PATTERNS),
    st.sampled_from([0.5, 0.8, 0.95]),
    st.integers(1, 3),
)
READERS = st.builds(Readers, st.integers(1, 500), _gbps(), st.integers(1, 8), st.sampled_from(EACH))
SOURCES = st.builds(Source, st.none() | _gbps(0.1, 100), st.none() | st.integers(100, 20_000))
TARGETS = st.builds(Target, st.none() | _gbps(0.1, 30), st.none() | _gbps(0.1, 300), st.booleans()).filter(
    lambda target: target.pod_gbps is not None or target.epoch_minutes is not None
)
SLACK = 1 + 1e-9


def _no_worse(better: Delivery, worse: Delivery) -> None:
    assert better.cache_gbps >= worse.cache_gbps / SLACK
    assert better.pod_gbps >= worse.pod_gbps / SLACK
    assert better.shared_pod_gbps >= worse.shared_pod_gbps / SLACK
    assert better.epoch_minutes <= worse.epoch_minutes * SLACK
    assert better.hits >= worse.hits
    assert better.cold_pod_gbps >= worse.cold_pod_gbps / SLACK
    assert better.cold_epoch_minutes <= worse.cold_epoch_minutes * SLACK


@given(_nodes(), st.integers(1, 20), st.integers(1, 500), DATA, READERS, SOURCES)
def test_invariants_of_a_delivery(
    node: WorkerNode, workers: int, quota: int, data: Data, readers: Readers, source: Source
) -> None:
    found = deliver(node, workers, quota, data, readers, source)
    assert found.capacity_gib == workers * quota
    assert found.cache_gbps == pytest.approx(workers * min(node.network_gbps, node.read_gbps or math.inf))
    assert 0 <= found.hits <= 1
    assert found.shared_pod_gbps <= readers.node_share_gbps * SLACK
    assert found.pod_gbps <= min(readers.node_gbps, found.cache_gbps)
    assert found.cold_pod_gbps <= readers.node_share_gbps * SLACK
    if found.hits == 1:
        assert readers.pods * found.shared_pod_gbps <= found.cache_gbps * SLACK
        # A first pass never beats a warm one.
        assert found.cold_epoch_minutes >= found.epoch_minutes / SLACK
        assert found.cold_pod_gbps <= found.shared_pod_gbps * SLACK
    gbit = data.size_gib * GBIT_PER_GIB / (readers.pods if readers.each == "part" else 1)
    assert found.epoch_minutes * 60 * found.shared_pod_gbps == pytest.approx(gbit)
    assert found.cold_epoch_minutes * 60 * found.cold_pod_gbps == pytest.approx(gbit)
    assert found.warm_up_minutes <= found.cold_epoch_minutes * SLACK
    if source.gbps is not None:
        assert found.cold_epoch_minutes * 60 * source.gbps >= data.size_gib * GBIT_PER_GIB / SLACK


@given(_nodes(), st.integers(1, 20), DATA, READERS, SOURCES)
def test_more_workers_are_no_slower_once_all_data_are_there(
    node: WorkerNode, workers: int, data: Data, readers: Readers, source: Source
) -> None:
    quota = math.ceil(data.needed_gib)
    _no_worse(
        deliver(node, workers + 1, quota, data, readers, source), deliver(node, workers, quota, data, readers, source)
    )


@given(_nodes(), st.integers(1, 20), st.integers(1, 300), st.integers(0, 300), DATA, READERS, SOURCES)
def test_more_workers_and_more_cache_are_no_slower(
    node: WorkerNode, workers: int, quota: int, more: int, data: Data, readers: Readers, source: Source
) -> None:
    before = deliver(node, workers, quota, data, readers, source)
    _no_worse(deliver(node, workers, quota + more, data, readers, source), before)
    _no_worse(deliver(node, workers + 1, quota, data, readers, source), before)


@given(_nodes(), st.integers(1, 20), st.integers(1, 300), DATA, READERS, _gbps(0.1, 100), _gbps(0, 100))
def test_a_faster_source_is_no_slower(
    node: WorkerNode, workers: int, quota: int, data: Data, readers: Readers, gbps: float, more: float
) -> None:
    slow, fast, any_speed = (Source(limit, 10_000) for limit in (gbps, gbps + more, None))
    found = [deliver(node, workers, quota, data, readers, source) for source in (slow, fast, any_speed)]
    _no_worse(found[1], found[0])
    _no_worse(found[2], found[1])


@given(_nodes(), st.integers(1, 12), DATA, READERS, SOURCES)
def test_a_proposal_never_has_more_than_nodes_hold(
    node: WorkerNode, workers: int, data: Data, readers: Readers, source: Source
) -> None:
    found = with_workers(node, workers, data, readers, source)
    assert 1 <= found.quota_gib <= node.most_gib
    # Its part of the data, no more: whoever makes it rounds up.
    assert found.quota_gib == pytest.approx(min(node.most_gib, max(1, data.needed_gib / workers)))
    if workers * node.most_gib >= data.needed_gib:
        assert found.hits == 1


def _enumerated(
    nodes: list[WorkerNode],
    data: Data,
    readers: Readers,
    source: Source,
    workers: int | None = None,
    quota: int | None = None,
) -> list[Delivery]:
    """Every cache that could be proposed."""
    return [
        with_workers(node, count, data, readers, source, quota)
        for node in nodes
        if node.workers >= (workers or data.copies) and node.most_gib >= (quota or 1)
        # Two copies on one worker are one.
        for count in ([workers] if workers else range(data.copies, node.workers + 1))
    ]


def _good(delivery: Delivery, target: Target | None) -> bool:
    return delivery.hits == 1 if target is None else delivery.hits > 0 and delivery.meets(target)


def _minutes(delivery: Delivery, target: Target) -> float:
    return delivery.cold_epoch_minutes if target.cold else delivery.epoch_minutes


NODES = st.tuples(_nodes("one"), _nodes("two"), _nodes("three")).flatmap(
    lambda nodes: st.integers(1, 3).map(lambda count: list(nodes[:count]))
)


@given(
    NODES,
    DATA,
    READERS,
    SOURCES,
    st.none() | TARGETS,
    st.none() | st.integers(1, 12),
    st.none() | st.integers(1, 500),
)
def test_a_proposal_meets_its_target_or_nothing_does(
    nodes: list[WorkerNode],
    data: Data,
    readers: Readers,
    source: Source,
    target: Target | None,
    workers: int | None,
    quota: int | None,
) -> None:
    found = propose(nodes, data, readers, source, target, workers=workers, quota_gib=quota)
    all_of_them = _enumerated(nodes, data, readers, source, workers, quota)
    assert (found is None) == (not all_of_them)
    if found is None:
        return
    delivery = found.delivery
    assert delivery.quota_gib <= delivery.node.most_gib
    assert delivery.workers <= delivery.node.workers
    assert workers in (None, delivery.workers)
    assert quota in (None, delivery.quota_gib)
    assert found.met == any(_good(other, target) for other in all_of_them)
    assert found.met == _good(delivery, target)
    assert found.bottleneck in (delivery.limit, delivery.cold_limit)
    if not found.met and target is not None:
        assert found.bottleneck == delivery.limit_of(target)
        # Of those that answer reads nothing comes nearer, and nothing as near with fewer of the same nodes.
        answering = [other for other in all_of_them if other.hits > 0]
        assert (delivery.hits > 0) == bool(answering)
        peers = answering or all_of_them
        assert all(_minutes(delivery, target) <= _minutes(other, target) * SLACK for other in peers)
        assert not [
            other
            for other in peers
            if other.node is delivery.node
            and other.workers < delivery.workers
            and _minutes(other, target) <= _minutes(delivery, target)
        ]


def _cheapest_problem(found: Proposal, nodes: list[WorkerNode], others: list[Delivery], target: Target | None) -> str:
    """A cheaper cache that is as good, "" for none."""
    own = found.delivery
    for other in others:
        if _good(other, target) and other.month is not None:
            if own.month is None:
                return f"{other.node.name} has a price, {own.node.name} has none"
            if other.month < own.month / SLACK:
                return f"{other.workers} x {other.quota_gib} is cheaper than {own.workers} x {own.quota_gib}"
    return ""


@given(NODES, DATA, READERS, SOURCES, st.none() | TARGETS, st.integers(1, 500))
def test_a_proposal_is_the_cheapest_where_the_quota_is_stated(
    nodes: list[WorkerNode], data: Data, readers: Readers, source: Source, target: Target | None, quota: int
) -> None:
    found = propose(nodes, data, readers, source, target, quota_gib=quota)
    if found is not None and found.met:
        others = _enumerated(nodes, data, readers, source, None, quota)
        assert not _cheapest_problem(found, nodes, others, target)


@given(NODES, DATA, READERS, SOURCES, st.none() | TARGETS)
def test_a_proposal_is_the_cheapest_where_whole_nodes_are_paid(
    nodes: list[WorkerNode], data: Data, readers: Readers, source: Source, target: Target | None
) -> None:
    paid = [replace(node, node_gib=None) for node in nodes]
    found = propose(paid, data, readers, source, target)
    if found is not None and found.met:
        assert not _cheapest_problem(found, paid, _enumerated(paid, data, readers, source), target)


@given(NODES, DATA, READERS, SOURCES, st.none() | TARGETS)
def test_a_proposal_is_the_cheapest_of_all_numbers_of_workers(
    nodes: list[WorkerNode], data: Data, readers: Readers, source: Source, target: Target | None
) -> None:
    found = propose(nodes, data, readers, source, target)
    if found is not None and found.met:
        others = _enumerated(nodes, data, readers, source)
        assert not _cheapest_problem(found, nodes, others, target)
        # Among equals, there are no fewer.
        assert not [
            other
            for other in others
            if other.node is found.delivery.node
            and _good(other, target)
            and other.month == found.delivery.month
            and other.workers < found.delivery.workers
        ]


def test_fewer_workers_pay_for_no_more_than_more_of_them() -> None:
    node = WorkerNode("pool", "memory", 10, math.inf, math.inf, 500, 10, price=1, node_gib=500)
    data, readers, target = Data(9.5), Readers(10, 16), Target(pod_gbps=3)
    # 3 workers of 3.33 GiB meet 3 Gbit/s a pod, and so do 5 of 2 GiB: both pay for 10 GiB.
    found = propose([node], data, readers, Source(), target)
    assert found is not None
    assert (found.delivery.workers, found.delivery.quota_gib) == (3, pytest.approx(10 / 3))
    assert found.delivery.month == pytest.approx(730 * 10 / 500)


def test_copies_lie_on_as_many_workers() -> None:
    found = propose([G7NEX], Data(10, copies=3), Readers(1, 16), Source())
    assert found is not None
    assert found.delivery.workers == 3
    assert propose([replace(G7NEX, workers=2)], Data(10, copies=3), Readers(1, 16), Source()) is None


def test_a_cache_that_answers_nothing_of_unknown_sources_and_readers_has_figures() -> None:
    found = deliver(G7NEX, 1, 10, Data(1000), Readers(1, math.inf), Source())
    assert (found.hits, found.limit) == (0, "cache capacity")


def test_a_target_is_not_met_by_a_cache_that_answers_nothing() -> None:
    # The source alone would do, but then there need be no cache.
    found = propose([replace(G7NEX, most_gib=10, workers=1)], Data(1000), Readers(1, 16), Source(100), Target(1))
    assert found is not None
    assert (found.met, found.delivery.hits) == (False, 0)


def test_no_node_no_proposal() -> None:
    assert propose([], Data(1), Readers(1, 16), Source()) is None
    assert propose([G7NEX], Data(1), Readers(1, 16), Source(), workers=11) is None
    assert propose([G7NEX], Data(1), Readers(1, 16), Source(), quota_gib=117) is None


def test_among_equals_fewer_workers_and_then_the_name_decide() -> None:
    nodes = [replace(G7NEX, name=name) for name in ("b", "a")]
    found = propose(nodes, Data(1), Readers(1, 16), Source())
    assert found is not None
    assert (found.delivery.node.name, found.delivery.workers, found.considered) == ("a", 1, 2)


def test_without_a_target_data_that_fit_nowhere_get_the_largest_cache() -> None:
    small = replace(G7NEX, name="small", most_gib=20, price=1)
    found = propose([small, G7NEX], Data(10_000), Readers(1, 16), Source(1))
    assert found is not None
    assert (found.met, found.delivery.node.name, found.delivery.capacity_gib) == (False, "g7nex", 1160)


@given(_nodes(), st.integers(1, 400), DATA, READERS, SOURCES)
def test_curves_rise_with_readers_and_with_workers(
    node: WorkerNode, most: int, data: Data, readers: Readers, source: Source
) -> None:
    # Where all data are there: else what misses counts, too.
    node = replace(node, most_gib=math.ceil(data.needed_gib))
    found = curves(node, [1, 2, 4], most, data, readers, source)
    assert [curve.workers for curve in found] == [1, 2, 4]
    for curve in found:
        pods = [number for number, _ in curve.points]
        assert pods == sorted({*pods})
        assert pods[0] == 1
        assert pods[-1] == most
        assert all(gbps <= curve.workers * node.bandwidth_gbps * SLACK for _, gbps in curve.points)
    for less, more in itertools.pairwise(found):
        assert all(below <= above * SLACK for (_, below), (_, above) in zip(less.points, more.points, strict=True))
