"""What a distributed cache delivers, and the cheapest one that meets a target.

Formulas of seed 003 (Alibaba Cloud, "Interpreting Data Acceleration in the Era of Large Models"):

- capacity = capacity of a worker x workers
- cache bandwidth = workers x min(bandwidth of the worker's instance, throughput of the medium)
- a pod's bandwidth at most = min(bandwidth of its instance, cache bandwidth); pods that read together share it

What is added here, and is ours: pods on one node share its bandwidth; what lies above the watermark does not stay;
what is not in the cache comes from the source, through the workers, so at the slower rate of both; a first pass is as
slow as the slower of filling and reading. Bandwidths are in Gbit/s (10^9 bits), sizes in GiB. Network figures are
baselines, so bursts come on top; latency is not in them, so many small files are slower than they say.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..catalog import HOURS_PER_MONTH

Medium = Literal["memory", "local-disk", "cloud-disk"]
Pattern = Literal["sequential", "small-files", "random", "read-write"]
"""How data are read: large files from front to back, many small files, parts of files in any order, or also written."""

Limit = Literal[
    "network of the readers' nodes",
    "network of the workers' nodes",
    "cache medium",
    "cache capacity",
    "bandwidth of the source",
    "requests to the source",
]
"""What a delivery is limited by."""

GBIT_PER_GIB = 2**30 * 8 / 1e9


@dataclass(frozen=True)
class WorkerNode:
    """One kind of node that cache workers may run on.

    read_gbps, write_gbps: of the medium, None where no source says so, `math.inf` for memory, which no network outruns
    (seed 003); most_gib: of cache that one worker may have; workers: at most, one a node; price: of a node's hour, None
    for no price; node_gib: of cache that a node holds, by which a worker pays its part of the node, None where it pays
    all of it.
    """

    name: str
    medium: Medium
    network_gbps: float
    read_gbps: float | None
    write_gbps: float | None
    most_gib: float
    workers: int
    price: float | None = None
    currency: str = ""
    node_gib: float | None = None

    @property
    def bandwidth_gbps(self) -> float:
        """What one worker delivers at most."""
        return min(self.network_gbps, math.inf if self.read_gbps is None else self.read_gbps)

    @property
    def fill_gbps(self) -> float:
        """What one worker takes in at most. Where no source says how fast its medium writes, its network."""
        return min(self.network_gbps, math.inf if self.write_gbps is None else self.write_gbps)


@dataclass(frozen=True)
class Readers:
    """Pods that read at the same time. each: whether every pod reads all data, or its own part in each pass."""

    pods: int
    node_gbps: float
    pods_per_node: int = 1
    each: Literal["part", "all"] = "part"

    @property
    def node_share_gbps(self) -> float:
        """What one pod gets of its node's bandwidth when all on it read."""
        return self.node_gbps / min(self.pods, self.pods_per_node)


@dataclass(frozen=True)
class Source:
    """Where data come from. None: no limit is known."""

    gbps: float | None = None
    requests_per_second: float | None = None


@dataclass(frozen=True)
class Data:
    """What is cached.

    files: None for not stated; high: share of a worker's cache above which it evicts; copies: of each block.
    """

    size_gib: float
    files: int | None = None
    pattern: Pattern = "sequential"
    high: float = 0.95
    copies: int = 1

    @property
    def needed_gib(self) -> float:
        """Cache in which all of it stays."""
        return self.size_gib * self.copies / self.high


@dataclass(frozen=True)
class Target:
    """What is wanted: bandwidth of each pod while all read, a pass over the data in some minutes, or both.

    cold: whether the first pass must meet it, or the later ones.
    """

    pod_gbps: float | None = None
    epoch_minutes: float | None = None
    cold: bool = False


@dataclass(frozen=True)
class Delivery:
    """What a cache delivers.

    capacity_gib: all of it; hits: share of reads that it answers, 0 to 1; cache_gbps: of all workers; pod_gbps: of one
    pod that reads alone; shared_pod_gbps, epoch_minutes, limit: of each pod, and of a pass, once the cache is warm and
    all pods read; cold_…: the same of the first pass; warm_up_minutes, warm_up_limit: of filling it before; None where
    nothing bounds it that is known. month: cost at list prices, None for no price.
    """

    node: WorkerNode
    workers: int
    quota_gib: float
    capacity_gib: float
    hits: float
    cache_gbps: float
    pod_gbps: float
    shared_pod_gbps: float
    epoch_minutes: float
    limit: Limit
    cold_pod_gbps: float
    cold_epoch_minutes: float
    cold_limit: Limit
    warm_up_minutes: float
    warm_up_limit: Limit
    month: float | None

    def meets(self, target: Target) -> bool:
        """Whether a target is met."""
        rate, minutes = (
            (self.cold_pod_gbps, self.cold_epoch_minutes) if target.cold else (self.shared_pod_gbps, self.epoch_minutes)
        )
        fast = target.pod_gbps is None or rate >= target.pod_gbps * (1 - 1e-9)
        return fast and (target.epoch_minutes is None or minutes <= target.epoch_minutes * (1 + 1e-9))

    def limit_of(self, target: Target) -> Limit:
        """What keeps it from more, for a target."""
        return self.cold_limit if target.cold else self.limit


def deliver(node: WorkerNode, workers: int, quota_gib: float, data: Data, readers: Readers, source: Source) -> Delivery:
    """What so many workers with so much cache each deliver."""
    capacity = workers * quota_gib
    cache_gbps = workers * node.bandwidth_gbps
    hits = _hits(capacity, data)
    rate, limit = _warm_rate(node, cache_gbps, hits, readers, source)
    read_gbit = data.size_gib * GBIT_PER_GIB / (readers.pods if readers.each == "part" else 1)
    epoch = read_gbit / rate
    kept = min(1.0, capacity * data.high / (data.size_gib * data.copies))
    fill, fill_limit = _fill_seconds(node, workers, data, source)
    # The first pass is read as fast as a warm one at best, and no faster than the data come in.
    through, through_limit = _warm_rate(node, cache_gbps, 1.0, readers, source)
    first = max(read_gbit / through, fill)
    cold_limit = through_limit if first > fill else fill_limit
    if epoch > first:  # Misses alone make later passes slower than a first one that is bound by the readers.
        first, cold_limit = epoch, limit
    return Delivery(
        node=node,
        workers=workers,
        quota_gib=quota_gib,
        capacity_gib=capacity,
        hits=hits,
        cache_gbps=cache_gbps,
        pod_gbps=min(readers.node_gbps, cache_gbps),
        shared_pod_gbps=rate,
        epoch_minutes=epoch / 60,
        limit=limit,
        cold_pod_gbps=read_gbit / first,
        cold_epoch_minutes=first / 60,
        cold_limit=cold_limit,
        warm_up_minutes=fill * kept / 60,
        warm_up_limit=fill_limit,
        month=_month(node, workers, quota_gib),
    )


def _hits(capacity: float, data: Data) -> float:
    """The share of reads that the cache answers in later passes.

    A pass from front to back over more than fits finds nothing in a cache that drops what was not used for longest:
    what is read next has just gone. Read in any order, it finds what is there.
    """
    kept = capacity / data.needed_gib
    if kept >= 1 - 1e-9:
        return 1.0
    return kept if data.pattern == "random" else 0.0


def _warm_rate(
    node: WorkerNode, cache_gbps: float, hits: float, readers: Readers, source: Source
) -> tuple[float, Limit]:
    """Gbit/s of each pod while all read, and what limits it."""
    own = readers.node_share_gbps
    medium = node.read_gbps is not None and node.read_gbps < node.network_gbps
    inside: Limit = "cache medium" if medium else "network of the workers' nodes"
    cached = min(own, cache_gbps / readers.pods)
    if hits == 1:
        return cached, ("network of the readers' nodes" if own <= cache_gbps / readers.pods else inside)
    fetched = cached if source.gbps is None else min(cached, source.gbps / readers.pods)
    rate = 1 / (hits / cached + (1 - hits) / fetched)
    return rate, ("network of the readers' nodes" if rate >= own * (1 - 1e-9) else "cache capacity")


def _fill_seconds(node: WorkerNode, workers: int, data: Data, source: Source) -> tuple[float, Limit]:
    """How long all data take to come in, and what limits it."""
    own = workers * node.fill_gbps / data.copies
    medium = node.write_gbps is not None and node.write_gbps < node.network_gbps
    times: list[tuple[float, Limit]] = [
        (data.size_gib * GBIT_PER_GIB / own, "cache medium" if medium else "network of the workers' nodes")
    ]
    if source.gbps is not None:
        times.append((data.size_gib * GBIT_PER_GIB / source.gbps, "bandwidth of the source"))
    if source.requests_per_second is not None and data.files is not None:
        times.append((data.files / source.requests_per_second, "requests to the source"))
    return max(times, key=lambda time: time[0])


def _month(node: WorkerNode, workers: int, quota_gib: float) -> float | None:
    """What the workers cost a month."""
    if node.price is None:
        return None
    part = 1.0 if node.node_gib is None else min(1.0, quota_gib / node.node_gib)
    return workers * node.price * HOURS_PER_MONTH * part


@dataclass(frozen=True)
class Proposal:
    """The cheapest cache that meets a target; where none does, the one that comes nearest.

    considered: how many kinds of nodes there were.
    """

    delivery: Delivery
    target: Target
    met: bool
    considered: int

    @property
    def bottleneck(self) -> Limit:
        """What keeps it from more."""
        return self.delivery.limit_of(self.target)


def propose(
    nodes: Iterable[WorkerNode],
    data: Data,
    readers: Readers,
    source: Source,
    target: Target | None = None,
    *,
    workers: int | None = None,
    quota_gib: float | None = None,
) -> Proposal | None:
    """The cheapest cache that meets a target, None without nodes that could hold it.

    Without a target: the cheapest that holds all data, or where none does, as much as possible. With one, a cache that
    answers no reads does not count. workers, quota_gib: what is stated of them; otherwise a worker gets its part of the
    data. Among equals, fewer workers and then the name decide.
    """
    least, size = workers or data.copies, quota_gib or 1
    offers = [node for node in nodes if node.workers >= least and node.most_gib >= size]
    if not offers:
        return None
    wanted = target or Target()
    found: list[Delivery] = []
    nearest: list[Delivery] = []
    for node in offers:
        counts = [workers] if workers else range(data.copies, node.workers + 1)

        def delivered(count: int, node: WorkerNode = node) -> Delivery:
            return with_workers(node, count, data, readers, source, quota_gib)

        def enough(delivery: Delivery) -> bool:
            # A cache that answers nothing is none, however fast the source is.
            return delivery.hits > 0 and delivery.meets(wanted) if target else delivery.hits == 1

        first = bisect.bisect_left(counts, True, key=lambda count: enough(delivered(count)))
        if first < len(counts):
            found.append(delivered(counts[first]))
        else:
            # The fewest that come as near as all of them.
            held, most, _ = nearness(delivered(counts[-1]), target)
            wish = (held, most - abs(most) * 1e-9)
            near = bisect.bisect_left(counts, True, key=lambda count: nearness(delivered(count), target)[:2] >= wish)
            nearest.append(delivered(counts[near]))
    if found:
        return Proposal(min(found, key=_cheapest), wanted, True, len(offers))
    best = min(nearest, key=lambda d: (*(-amount for amount in nearness(d, target)), d.node.name))
    return Proposal(best, wanted, False, len(offers))


def with_workers(
    node: WorkerNode,
    workers: int,
    data: Data,
    readers: Readers,
    source: Source,
    quota_gib: float | None = None,
) -> Delivery:
    """What so many workers deliver. quota_gib: of each; None for an even part of the data, at least a GiB."""
    part = max(1.0, data.needed_gib / workers)
    return deliver(node, workers, quota_gib or min(node.most_gib, part), data, readers, source)


def _cheapest(delivery: Delivery) -> tuple[bool, float, int, str]:
    return delivery.month is None, round(delivery.month or 0, 2), delivery.workers, delivery.node.name


def nearness(delivery: Delivery, target: Target | None) -> tuple[float, float, float]:
    """How near a cache comes to a target, or without one to holding all data; more is nearer."""
    if target is None:
        return delivery.capacity_gib, delivery.cache_gbps, 0
    minutes = delivery.cold_epoch_minutes if target.cold else delivery.epoch_minutes
    return float(delivery.hits > 0), -minutes, -(delivery.month or math.inf)


@dataclass(frozen=True)
class Curve:
    """Bandwidth of all readers together by their number, for so many workers."""

    workers: int
    points: Sequence[tuple[int, float]]


def curves(
    node: WorkerNode, workers: Sequence[int], most_readers: int, data: Data, readers: Readers, source: Source
) -> list[Curve]:
    """What 1 to so many readers get together, for each number of workers: what a chart shows."""
    steps = sorted({max(1, round(most_readers * step / 50)) for step in range(51)})
    return [
        Curve(
            count,
            [
                (pods, pods * with_workers(node, count, data, replace(readers, pods=pods), source).shared_pod_gbps)
                for pods in steps
            ],
        )
        for count in workers
    ]
