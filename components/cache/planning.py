"""Decides what caches a dataset: the runtime, its workers and their cache, where they are, and what that delivers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import catalog
from ..catalog import GBIT_PER_GB
from ..file_systems import FileSystemArgs
from ..identity import object_statements
from ..node_pools import NodePoolArgs, NodePoolPlan
from ..platform import Flavor
from .args import CachingArgs, DatasetArgs, DatasetMountArgs, LoadArgs, RuntimeKind
from .options import CONSISTENCY, Options, options_of
from .schedules import earlier
from .sizing import (
    GBIT_PER_GIB,
    Data,
    Delivery,
    Medium,
    Proposal,
    Readers,
    Source,
    Target,
    WorkerNode,
    deliver,
    propose,
)

USABLE_DISK = 0.98
"""Share of a disk that ext4 leaves for data: mke2fs makes an inode of 256 bytes for each 16 KiB (1.6 %)."""

CPFS_MB_PER_TIB = {"cpfs-100": 100, "cpfs-200": 200}
"""MB/s a TiB of CPFS by kind, for which the kinds are named. Source: help.aliyun.com/zh/cpfs, billing examples,
2022-05."""

ZONE_LABEL = "topology.kubernetes.io/zone"
MEMORY_PATH = "/dev/shm"  # noqa: S108  (where Fluid keeps a cache in memory, seed 003)
MEDIUM_TYPES: Mapping[Medium, str] = {"memory": "MEM", "local-disk": "SSD", "cloud-disk": "SSD"}
READY_MARGIN = 1.25
"""How much longer than planned a load may take that must be ready by a time."""

DAEMON_GIB = 2
"""GiB of a node that are left for DaemonSets. Ours."""

LAUNCH_MINUTES = 5
"""Minutes that a load takes to start. Ours."""


@dataclass(frozen=True)
class ReaderNodes:
    """Where pods of a job class run, for those that read a dataset.

    node_gbps, pods_per_node: of the nodes on which a pod gets least; 0 where it runs on serverless pods alone.
    """

    namespaces: Sequence[str]
    node_gbps: float
    pods_per_node: int
    zones: frozenset[str]
    serverless: bool


@dataclass(frozen=True)
class BucketBandwidth:
    """Gbit/s of download from a bucket: what it can count on, and at best. None: not known."""

    guaranteed: float | None
    most: float | None


@dataclass(frozen=True)
class DatasetSurroundings:
    """What datasets share a cluster with.

    name: first part of names in the cloud; pools: with their zones; buckets: names by role; claims: namespaces of the
    PersistentVolumeClaims that there are, by name; tenants: GiB of cache by tenant; systems: those that run, None
    for not known. The rest is what a dataset may name.
    """

    flavor: Flavor
    name: str = ""
    region: str = ""
    pools: Mapping[str, tuple[NodePoolArgs, NodePoolPlan, Sequence[str]]] = field(
        default_factory=dict[str, tuple[NodePoolArgs, NodePoolPlan, Sequence[str]]]
    )
    buckets: Mapping[str, str] = field(default_factory=dict[str, str])
    bandwidth: Mapping[str, BucketBandwidth] = field(default_factory=dict[str, BucketBandwidth])
    file_systems: Mapping[str, FileSystemArgs] = field(default_factory=dict[str, FileSystemArgs])
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    job_classes: Mapping[str, ReaderNodes] = field(default_factory=dict[str, ReaderNodes])
    tenants: Mapping[str, float] = field(default_factory=dict[str, float])
    systems: frozenset[str] | None = None


@dataclass(frozen=True)
class TierPlan:
    """Where a worker keeps its cache. quotas: whole GiB by path."""

    medium: Medium
    quotas: Mapping[str, int]
    high: float
    low: float

    @property
    def quota_gib(self) -> int:
        """GiB of one worker."""
        return sum(self.quotas.values())


@dataclass(frozen=True)
class DatasetPlan:
    """What a dataset will be.

    kind: of its runtime, that of the other with `of`; source: the other dataset, "" without `of`; pool, tier, workers:
    "", None and 0 where nothing caches; proposal, at_best: what it delivers with what the source guarantees, and with
    all that the source can give, None where that is not known; statements: of the RAM policy, none where there is no
    role; claims: the mount point of the claim in each namespace; mount_points: of the mounts, but for file systems,
    which the cloud must name first; endpoint: of buckets.
    """

    name: str
    args: DatasetArgs
    namespace: str
    kind: RuntimeKind
    source: str
    pool: str
    zone: str
    node_selector: Mapping[str, str]
    tolerations: Sequence[Mapping[str, str]]
    workers: int
    tier: TierPlan | None
    options: Options
    proposal: Proposal | None
    at_best: Delivery | None
    statements: Sequence[Mapping[str, Any]]
    claims: Mapping[str, str]
    mount_points: Mapping[str, str] = field(default_factory=dict[str, str])
    endpoint: str = ""
    notes: Sequence[str] = ()

    def mount_options(self, mount: DatasetMountArgs) -> dict[str, str]:
        """What a mount is told: what its class says, and what it says itself."""
        endpoint = {"fs.oss.endpoint": self.endpoint} if mount.bucket is not None else {}
        return {**endpoint, **self.options.mount, **mount.options}

    @property
    def writes(self) -> bool:
        """Whether pods write."""
        return CONSISTENCY[self.args.consistency].writes

    @property
    def most_workers(self) -> int:
        """Workers at any time."""
        return max([self.workers, *(workers for _, workers in scaled_workers(self.args))])

    @property
    def delivery(self) -> Delivery | None:
        """What it delivers with what the source guarantees."""
        return self.proposal.delivery if self.proposal else None

    @property
    def role(self) -> str:
        """Name of its RAM role without the first part, "" for none."""
        return f"dataset-{self.name}" if self.statements else ""

    @property
    def secret(self) -> str:
        """Name of the Secret with its tokens."""
        return f"{self.name}-token"


def scaled_workers(args: DatasetArgs) -> list[tuple[str, int]]:
    """The numbers of workers that are not always, by their keys under `scaling`."""
    scaling = args.scaling
    return [
        *((f"windows.{name}.workers", window.workers) for name, window in scaling.windows.items()),
        *([("metric.maximum", scaling.metric.maximum)] if scaling.metric is not None else []),
    ]


def kind_of(args: DatasetArgs, flavor: Flavor) -> RuntimeKind:
    """What caches a dataset that does not say so."""
    if args.runtime.kind is not None:
        return args.runtime.kind
    mounts = list(args.mounts.values())
    if any(mount.file_system is not None for mount in mounts):
        return "thin"
    if any((mount.uri or "").startswith("juicefs://") for mount in mounts):
        return "juicefs"
    return "jindo" if flavor == "ack" else "alluxio"


def plan_datasets(
    datasets: Mapping[str, DatasetArgs], caching: CachingArgs, around: DatasetSurroundings
) -> Mapping[str, DatasetPlan]:
    """Decide what datasets will be; their arguments and surroundings have been checked."""
    plans: dict[str, DatasetPlan] = {}
    taken = Taken()
    for name, args in sorted(datasets.items(), key=_turn):
        if args.of is None:
            plans[name] = plan = _plan(name, _ordered(args), caching, around, taken)
            taken.add(plan, readers_of(args, around))
        else:
            plans[name] = _part(name, args, plans[args.of], caching)
    return {name: plans[name] for name in sorted(datasets)}


def _ordered(args: DatasetArgs) -> DatasetArgs:
    """A dataset whose entries are in the order of their names: the engine hands mappings over in another than files
    have them."""
    groups = ("mounts", "loads", "processes", "migrations")
    update: dict[str, Any] = {key: dict(sorted(getattr(args, key).items())) for key in groups}
    windows = dict(sorted(args.scaling.windows.items()))
    return args.model_copy(update={**update, "scaling": args.scaling.model_copy(update={"windows": windows})})


def _turn(item: tuple[str, DatasetArgs]) -> tuple[bool, bool, bool, float, str]:
    """Who is planned first: who wants nodes alone, who says how much, and then who needs most. Parts come last."""
    name, args = item
    stated = args.runtime.tier.quota_gib is not None
    return args.of is not None, args.runtime.share_nodes, not stated, -(args.size_gib or 0), name


@dataclass(frozen=True)
class Load:
    """What a cache takes of each node that it may be on: GiB of its medium and of memory, vCPUs, and Gbit/s by its
    target."""

    gib: Mapping[Medium, float] = field(default_factory=dict[Medium, float])
    memory: float = 0
    vcpu: float = 0
    gbps: Mapping[Medium, float] = field(default_factory=dict[Medium, float])

    def __add__(self, other: "Load") -> "Load":
        def both(one: Mapping[Medium, float], two: Mapping[Medium, float]) -> dict[Medium, float]:
            return {medium: one.get(medium, 0) + two.get(medium, 0) for medium in MEDIUM_TYPES}

        gib, gbps = both(self.gib, other.gib), both(self.gbps, other.gbps)
        return Load(gib, self.memory + other.memory, self.vcpu + other.vcpu, gbps)


@dataclass
class Taken:
    """What caches that are planned already take of pools: of each node in their zone, as if it had a worker of each,
    for Fluid counts neither disks nor networks; and the nodes that a cache has alone. "" is any zone."""

    loads: dict[tuple[str, str], Load] = field(default_factory=dict[tuple[str, str], Load])
    nodes: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def add(self, plan: DatasetPlan, readers: Readers) -> None:
        """Count a cache. readers: who read it."""
        tier, runtime, key = plan.tier, plan.args.runtime, (plan.pool, plan.zone)
        if tier is None or plan.delivery is None:
            return
        if not runtime.share_nodes:
            self.nodes[key] = self.nodes.get(key, 0) + plan.workers
            return
        memory, vcpu = overhead(plan.args)
        each = min(wanted_gbps(plan.args, readers) / plan.workers, plan.delivery.node.bandwidth_gbps)
        in_memory = tier.quota_gib if tier.medium == "memory" else 0
        load = Load({tier.medium: tier.quota_gib}, memory + in_memory, vcpu, {tier.medium: each})
        self.loads[key] = self.loads.get(key, Load()) + load

    def of(self, pool: str, zone: str) -> Load:
        """What is taken of a node of a pool in a zone."""
        return self.loads.get((pool, ""), Load()) + (self.loads.get((pool, zone), Load()) if zone else Load())

    def alone_in(self, pool: str, zone: str | None) -> int:
        """Nodes of a pool that caches have alone. zone: None for all zones."""
        return sum(
            count
            for (name, where), count in self.nodes.items()
            if name == pool and (zone is None or where in ("", zone))
        )


def overhead(args: DatasetArgs) -> tuple[float, float]:
    """GiB of memory and vCPUs that a dataset may ask of one node besides its cache: of a worker, and of the master."""
    worker, master = args.runtime.worker, args.runtime.master
    return worker.memory_gib + master.memory_gib, worker.vcpu + master.vcpu


def wanted_gbps(args: DatasetArgs, readers: Readers) -> float:
    """What the target of a dataset takes of its cache, 0 without one."""
    target = args.target
    if target is None:
        return 0
    rate = target.pod_gbps or 0
    if target.epoch_minutes is not None:
        read = data_of(args).size_gib * GBIT_PER_GIB / (readers.pods if readers.each == "part" else 1)
        rate = max(rate, read / (target.epoch_minutes * 60))
    return rate * readers.pods


def _part(name: str, args: DatasetArgs, whole: DatasetPlan, caching: CachingArgs) -> DatasetPlan:
    """A directory of another dataset."""
    mount = f"dataset://{caching.namespace}/{whole.name}{args.directory.rstrip('/')}"
    own = args.model_copy(
        update={
            key: getattr(whole.args, key)
            for key in ("consistency", "stale_seconds", "cross_zone", "zone", "runtime", "pattern", "refresh")
        }
    )
    return DatasetPlan(
        name=name,
        args=own,
        namespace=whole.namespace,
        kind=whole.kind,
        source=whole.name,
        pool=whole.pool,
        zone=whole.zone,
        node_selector={},
        tolerations=(),
        workers=0,
        tier=None,
        options=whole.options,
        proposal=None,
        at_best=None,
        statements=(),
        claims=dict.fromkeys(args.namespaces, mount),
    )


def _plan(name: str, args: DatasetArgs, caching: CachingArgs, around: DatasetSurroundings, taken: Taken) -> DatasetPlan:
    kind = kind_of(args, around.flavor)
    proposal, at_best, tier, pool = None, None, None, ""
    workers = 0 if kind == "thin" else args.runtime.workers or 1
    if kind != "thin" and around.flavor == "ack":
        guaranteed, most = source_of(args, around)
        proposal = _proposed(args, around, guaranteed, taken)
        if proposal is not None:
            delivery = proposal.delivery
            pool, workers = delivery.node.name, delivery.workers
            tier = _tier(args, delivery, around.pools[pool])
            at_best = deliver(delivery.node, workers, delivery.quota_gib, data_of(args), readers_of(args, around), most)
    elif kind != "thin":
        tier = _upstream_tier(args, workers)
    selector, tolerations = _nodes(args, pool, around)
    mount = f"dataset://{caching.namespace}/{name}"
    return DatasetPlan(
        name=name,
        args=args,
        namespace=caching.namespace,
        kind=kind,
        source="",
        pool=pool,
        zone=args.zone or "",
        node_selector=selector,
        tolerations=tolerations,
        workers=workers,
        tier=tier,
        options=options_of(args, kind),
        proposal=proposal,
        at_best=at_best,
        statements=_statements(args, around),
        claims=dict.fromkeys(args.namespaces, mount),
        mount_points={
            entry: point for entry, part in args.mounts.items() if (point := _mount_point(part, around)) is not None
        },
        endpoint=f"oss-{around.region}-internal.aliyuncs.com" if around.region else "",
        notes=[*_notes(args, kind, proposal)],
    )


def _notes(args: DatasetArgs, kind: RuntimeKind, proposal: Proposal | None) -> Iterator[str]:
    if kind == "thin":
        yield "has no cache: readers get what the file system gives"
    if proposal is None:
        return
    delivery = proposal.delivery
    if delivery.hits < 1:
        found = f"{delivery.hits:.0%} of reads" if delivery.hits else "no reads of a pass from front to back"
        held = delivery.capacity_gib * args.runtime.tier.high / args.runtime.copies
        yield f"holds {held:,.0f} of {args.size_gib:,.0f} GiB: it answers {found}"
    if delivery.node.read_gbps is None:
        yield "no source says how fast the disks of its nodes are: the network is taken as the limit"
    fewer = [name for name, window in args.scaling.windows.items() if window.workers < delivery.workers]
    if fewer:
        yield f"has fewer workers in {', '.join(fewer)}, and then holds and gives less than this"
    if args.pattern == "small-files":
        yield "many small files are bound by latency, of which no figures are public: measure it"


def _mount_point(mount: DatasetMountArgs, around: DatasetSurroundings) -> str | None:
    """Where Fluid finds data; None for file systems."""
    if mount.bucket is not None:
        return f"oss://{around.buckets[mount.bucket]}/{mount.prefix}"
    return f"pvc://{mount.claim}{mount.path.rstrip('/')}" if mount.claim is not None else mount.uri


def source_of(args: DatasetArgs, around: DatasetSurroundings) -> tuple[Source, Source]:
    """What the source of a dataset guarantees, and what it can give at best: the slowest of its mounts."""
    if args.source_gbps is not None:
        stated = Source(args.source_gbps)
        return stated, stated
    guaranteed = [_mount_gbps(mount, around)[0] for mount in args.mounts.values()]
    most = [_mount_gbps(mount, around)[1] for mount in args.mounts.values()]
    buckets = any(mount.bucket is not None for mount in args.mounts.values())
    requests = catalog.oss_requests_per_second() if buckets else None
    return (
        Source(min((gbps for gbps in guaranteed if gbps is not None), default=None), requests),
        Source(min((gbps for gbps in most if gbps is not None), default=None), requests),
    )


def _mount_gbps(mount: DatasetMountArgs, around: DatasetSurroundings) -> tuple[float | None, float | None]:
    if mount.bucket is not None:
        found = around.bandwidth.get(mount.bucket, BucketBandwidth(None, None))
        return found.guaranteed, found.most
    if mount.file_system is not None:
        args = around.file_systems[mount.file_system]
        if args.kind in CPFS_MB_PER_TIB and args.capacity_gib is not None:
            gbps = args.capacity_gib / 1024 * CPFS_MB_PER_TIB[args.kind] * GBIT_PER_GB / 1000
            return gbps, gbps
    return None, None


def data_of(args: DatasetArgs) -> Data:
    """What of a dataset counts for its cache. It has a size, as was checked."""
    return Data(args.size_gib or 1, args.files, args.pattern, args.runtime.tier.high, args.runtime.copies)


def readers_of(args: DatasetArgs, around: DatasetSurroundings) -> Readers:
    """Who reads a dataset. Where nothing is said of their nodes, these are no limit."""
    readers = args.readers
    found = around.job_classes.get(readers.job_class) if readers.job_class else None
    gbps = readers.node_gbps or (found.node_gbps if found else math.inf)
    return Readers(
        readers.pods, gbps or math.inf, readers.pods_per_node or (found.pods_per_node if found else 1), readers.each
    )


def _proposed(args: DatasetArgs, around: DatasetSurroundings, source: Source, taken: Taken) -> Proposal | None:
    """The runtime of a dataset: as stated, or the cheapest that meets its target. None: there are no nodes for it."""
    tier = args.runtime.tier
    return propose(
        candidates(args, around, taken),
        data_of(args),
        readers_of(args, around),
        source,
        target_of(args),
        workers=args.runtime.workers,
        quota_gib=tier.quota_gib,
    )


def target_of(args: DatasetArgs) -> Target | None:
    """What a dataset must deliver."""
    target = args.target
    return target and Target(target.pod_gbps, target.epoch_minutes, cold=target.when == "cold")


def candidates(args: DatasetArgs, around: DatasetSurroundings, taken: Taken | None = None) -> list[WorkerNode]:
    """The nodes that the workers of a dataset may run on, by pool and medium. taken: what others have of them."""
    others = taken or Taken()
    memory, vcpu = overhead(args)
    found: list[WorkerNode] = []
    for name, (pool, plan, zones) in around.pools.items():
        if (name != args.pool if args.pool is not None else pool.kind != "cache") or not plan.allocatable:
            continue
        if args.zone is not None and args.zone not in zones:
            continue
        # A worker may be in any of its zones, so the fullest counts.
        loads = [others.of(name, zone) for zone in ([args.zone] if args.zone is not None else zones)]
        free = (
            min(node.memory_gib for node in plan.allocatable) - DAEMON_GIB - memory - max(load.memory for load in loads)
        )
        cores = min(node.vcpu for node in plan.allocatable) - vcpu - max(load.vcpu for load in loads)
        if free < 0 or cores < 0:
            continue
        nodes = max(0, nodes_in(args.zone, plan, zones) - others.alone_in(name, args.zone))
        for node in worker_nodes(name, pool, plan, around.region, nodes):
            medium = node.medium
            if args.runtime.tier.medium not in (None, medium):
                continue
            room = free if medium == "memory" else node.most_gib - max(load.gib.get(medium, 0) for load in loads)
            gbps = node.network_gbps - max(sum(load.gbps.values()) for load in loads)
            read = node.read_gbps and node.read_gbps - max(load.gbps.get(medium, 0) for load in loads)
            if gbps > 0 and (read is None or read > 0):
                most = float(max(0, math.floor(room)))
                found.append(replace(node, most_gib=most, workers=nodes, network_gbps=gbps, read_gbps=read))
    return found


def nodes_in(zone: str | None, plan: NodePoolPlan, zones: Sequence[str]) -> int:
    """Nodes of a pool that workers may have: in one zone its even part, as ACK balances them."""
    return plan.maximum // len(zones) if zone else plan.maximum


def worker_nodes(name: str, pool: NodePoolArgs, plan: NodePoolPlan, region: str, nodes: int) -> list[WorkerNode]:
    """What a worker could have of a pool's nodes if it were alone, by medium. Of several types the least counts."""
    types = plan.instance_types
    if not types:
        return []
    book = catalog.price_book()
    prices = [book.find(instance_type.name, region) for instance_type in types]
    known = [price for price in prices if price is not None]
    complete = len(known) == len(types) and len({price.currency for price in known}) == 1
    network = min(instance_type.network_gbps for instance_type in types)

    def node(medium: Medium, read: float | None, write: float | None, most: float) -> WorkerNode:
        return WorkerNode(
            name=name,
            medium=medium,
            network_gbps=network,
            read_gbps=read,
            write_gbps=write,
            most_gib=float(math.floor(most)),
            node_gib=float(math.floor(most)),
            workers=nodes,
            price=max(price.amount for price in known) if complete else None,
            currency=known[0].currency if complete else "",
        )

    free = min((node.memory_gib for node in plan.allocatable), default=0) - DAEMON_GIB
    found = [node("memory", math.inf, math.inf, free)] if free >= 1 else []
    disks = [instance_type.local_disks for instance_type in types]
    if plan.local_disk_paths and all(disks):
        rates = [catalog.local_disk_throughput().get(instance_type.name) for instance_type in types]
        sizes = [disk.size_gb * 1e9 / 2**30 * len(plan.local_disk_paths) * USABLE_DISK for disk in disks if disk]
        reads = [rate.read_gbps if rate else None for rate in rates]
        writes = [rate.write_gbps if rate else None for rate in rates]
        found.append(node("local-disk", least(reads), least(writes), min(sizes)))
    if pool.data_disks:
        gbps = sum(catalog.essd_gbps(disk.performance_level, disk.size_gib) for disk in pool.data_disks)
        size = sum(disk.size_gib for disk in pool.data_disks) * USABLE_DISK
        found.append(node("cloud-disk", gbps, gbps, size))
    return found


def least(amounts: Sequence[float | None]) -> float | None:
    """The least of several amounts, None where one is not known."""
    known = [amount for amount in amounts if amount is not None]
    return min(known) if len(known) == len(amounts) else None


def _tier(args: DatasetArgs, delivery: Delivery, pool: tuple[NodePoolArgs, NodePoolPlan, Sequence[str]]) -> TierPlan:
    medium = delivery.node.medium
    disks = {"memory": [MEMORY_PATH], "local-disk": pool[1].local_disk_paths}.get(
        medium, [disk.mount_path for disk in pool[0].data_disks]
    )
    return _split(args, medium, disks, math.ceil(delivery.quota_gib - 1e-9))


def _upstream_tier(args: DatasetArgs, workers: int) -> TierPlan:
    """Outside Alibaba Cloud nodes are not known: the stated directories, or memory, and an even part of the data."""
    tier = args.runtime.tier
    quota = tier.quota_gib or max(1, math.ceil(data_of(args).needed_gib / workers))
    return _split(args, "local-disk" if tier.paths else "memory", tier.paths or [MEMORY_PATH], quota)


def _split(args: DatasetArgs, medium: Medium, paths: Sequence[str], quota: int) -> TierPlan:
    """A worker's cache over its disks, evenly, in whole GiB."""
    tier = args.runtime.tier
    each, rest = divmod(max(quota, len(paths)), len(paths))
    quotas = {path: each + (index < rest) for index, path in enumerate(paths)}
    return TierPlan(medium, quotas, tier.high, tier.low)


def _nodes(
    args: DatasetArgs, pool: str, around: DatasetSurroundings
) -> tuple[Mapping[str, str], Sequence[Mapping[str, str]]]:
    """Node selector and tolerations of master and workers."""
    if not pool:
        return {}, ()
    plan = around.pools[pool][1]
    selector = {"node-pool": pool, **({ZONE_LABEL: args.zone} if args.zone else {})}
    return selector, [{"key": taint.key, "operator": "Exists", "effect": taint.effect} for taint in plan.taints]


def _statements(args: DatasetArgs, around: DatasetSurroundings) -> list[Mapping[str, Any]]:
    """What the role of a cache may do: read its parts of buckets, or also write them."""
    if args.credentials != "rrsa":
        return []
    write = CONSISTENCY[args.consistency].writes
    return [
        statement
        for mount in args.mounts.values()
        if mount.bucket is not None
        for statement in object_statements(around.buckets[mount.bucket], mount.prefix, write=write)
    ]


def load_minutes(plan: DatasetPlan) -> float:
    """Minutes before which a load must start that is to be ready by a time."""
    delivery = plan.delivery
    return LAUNCH_MINUTES + READY_MARGIN * (delivery.warm_up_minutes if delivery else 0)


def load_schedule(load: LoadArgs, plan: DatasetPlan) -> str | None:
    """When a load starts, None for once."""
    if load.ready_by is not None:
        return earlier(load.ready_by, math.ceil(load_minutes(plan)))
    return load.schedule
