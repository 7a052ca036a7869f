"""What declared resources cost a month, from the price book.

An estimate of list prices, pay-as-you-go, without discounts, taxes and contracts. What has no price makes the estimate
"at least"; it is named and never counted as zero. Currencies are kept apart: the price book holds no exchange rate.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .capacity import NODE_POOL, PoolSize, Range, Resource, pool_size
from .catalog import HOURS_PER_MONTH, PriceBook

DAYS_PER_MONTH = HOURS_PER_MONTH / 24


@dataclass(frozen=True)
class CostLine:
    """One line of an estimate. `cost` is per month at minimum and maximum size; None: no price, see `note`."""

    resource: str
    item: str
    cost: Range | None
    currency: str
    note: str = ""


@dataclass(frozen=True)
class Cost:
    """A month's cost. `totals` is by currency; `unpriced` lists what makes it "at least"."""

    date: str
    lines: Sequence[CostLine]
    totals: Mapping[str, Range]
    unpriced: Sequence[CostLine]

    @property
    def complete(self) -> bool:
        """Whether everything that costs money has a price."""
        return not self.unpriced


@dataclass(frozen=True)
class Usage:
    """Expected use of what is paid by use, a month. None: not stated, so not in the estimate."""

    bucket_gb: Mapping[str, float] = field(default_factory=dict[str, float])
    """GB stored, by bucket name."""

    log_gb_per_day: float | None = None
    """GB of logs written a day, those of `log_gb_per_day_by_store` among them."""

    egress_gb: float | None = None
    serverless_vcpu_hours: float | None = None
    serverless_memory_gib_hours: float | None = None

    file_system_gib: Mapping[str, float] = field(default_factory=dict[str, float])
    """GiB stored in general-purpose NAS, by the name of its `FileSystem`."""

    metrics_gb: Sequence[float] | None = None
    """GB of samples written a month that managed Prometheus is paid for, at least and at most."""

    log_gb_per_day_by_store: Mapping[str, float] = field(default_factory=dict[str, float])
    """GB of logs written a day, by the name of the store."""


def estimate(resources: Iterable[Resource], book: PriceBook, usage: Usage | None = None) -> Cost:
    """A month's cost of the resources and of the expected use."""
    usage = usage or Usage()
    lines = [
        line
        for resource in resources
        if resource.type in _ESTIMATORS
        for line in _ESTIMATORS[resource.type](resource, book, usage)
    ]
    totals: dict[str, Range] = {}
    for line in lines:
        if line.cost is not None:
            totals[line.currency] = totals.get(line.currency, Range()) + line.cost
    return Cost(book.date, lines, dict(sorted(totals.items())), [line for line in lines if line.cost is None])


def _line(resource: Resource, book: PriceBook, item: str, amount: Range, note: str = "") -> CostLine:
    price = book.find(item, resource.region)
    if price is None:
        return CostLine(resource.name, item, None, "", f"no price for {item} in {resource.region or 'this region'}")
    cost = Range(price.amount * amount.minimum, price.amount * amount.maximum)
    return CostLine(resource.name, item, cost, price.currency, note)


def _node_pool(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    pool = pool_size(resource)
    hours = Range(pool.minimum * HOURS_PER_MONTH, pool.maximum * HOURS_PER_MONTH)
    yield _instances(resource, book, pool, hours)
    level = resource.inputs.get("systemDiskPerformanceLevel") or "PL1"
    disk = f"disk.{resource.inputs.get('systemDiskCategory') or 'cloud_essd'}.{level}"
    size = float(resource.inputs.get("systemDiskSize") or 40)
    amount = Range(hours.minimum * size, hours.maximum * size)
    yield _line(resource, book, disk, amount, "system disks")
    for data_disk in resource.inputs.get("dataDisks") or ():
        kind = data_disk.get("category") or "cloud_efficiency"
        level = f".{data_disk.get('performanceLevel') or 'PL1'}" if kind == "cloud_essd" else ""
        size = float(data_disk.get("size") or 40)
        amount = Range(hours.minimum * size, hours.maximum * size)
        yield _line(resource, book, f"disk.{kind}{level}", amount, "data disks")


def _instances(resource: Resource, book: PriceBook, pool: PoolSize, hours: Range) -> CostLine:
    names = [t.name for t in pool.instance_types] + list(pool.unknown_types)
    if not names:
        return CostLine(resource.name, "nodes", None, "", "no price for Lingjun nodes")
    prices = [book.find(name, resource.region) for name in names]
    known = [price for price in prices if price is not None]
    missing = [name for name, price in zip(names, prices, strict=True) if price is None]
    item = " or ".join(names)
    if len({price.currency for price in known}) > 1:
        return CostLine(resource.name, item, None, "", "the price book has these types in several currencies")
    if missing:
        where = resource.region or "this region"
        return CostLine(resource.name, item, None, "", f"no price for {', '.join(missing)} in {where}")
    cheap, dear = (pick(known, key=lambda price: price.amount) for pick in (min, max))
    note = "spot, at the on-demand price as upper bound" if pool.spot else ""
    cost = Range(hours.minimum * cheap.amount, hours.maximum * dear.amount)
    return CostLine(resource.name, item, cost, dear.currency, note)


def _cluster(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    item = f"cluster.{resource.inputs.get('clusterSpec') or 'ack.standard'}"
    if item != "cluster.ack.standard":
        yield _line(resource, book, item, _month(HOURS_PER_MONTH))
    yield CostLine(resource.name, "cluster.load-balancer", None, "", "no price for the API server's load balancer")
    if usage.serverless_vcpu_hours is not None:
        item = "acs.general-purpose.default.vcpu"
        yield _line(resource, book, item, _month(usage.serverless_vcpu_hours), "expected use")
    if usage.serverless_memory_gib_hours is not None:
        item = "acs.general-purpose.default.memory"
        amount = _month(usage.serverless_memory_gib_hours)
        yield _line(resource, book, item, amount, "expected use")


def _unpriced(item: str, note: str) -> Callable[[Resource, PriceBook, Usage], Iterator[CostLine]]:
    def lines(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
        yield CostLine(resource.name, item, None, "", note)

    return lines


def _addon(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    if resource.inputs.get("name") != "arms-prometheus":
        return
    if usage.metrics_gb is None:
        yield CostLine(resource.name, "prometheus.written", None, "", "the volume of samples is not stated")
    else:
        yield _line(resource, book, "prometheus.written", Range(*usage.metrics_gb), "estimated samples")


def _nat_gateway(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    yield _line(resource, book, "nat.gateway", _month(HOURS_PER_MONTH))
    yield CostLine(resource.name, "nat.capacity-unit", None, "", "no source gives the price of a capacity unit (CU)")


def _eip(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    item = "eip.configuration"
    yield _line(resource, book, item, _month(HOURS_PER_MONTH))
    if usage.egress_gb is None:
        yield CostLine(resource.name, "eip.traffic", None, "", "the volume is not stated under usage.egressGb")
    else:
        yield _line(resource, book, "eip.traffic", _month(usage.egress_gb), "expected use")


def _bucket(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    storage_class = resource.inputs.get("storageClass") or "Standard"
    item = f"oss.{storage_class}.{resource.inputs.get('redundancyType') or 'LRS'}"
    gigabytes = usage.bucket_gb.get(str(resource.inputs.get("bucket", "")))
    if gigabytes is None:
        yield CostLine(resource.name, item, None, "", "the stored volume is not stated under usage.bucketGb")
    else:
        yield _line(resource, book, item, _month(gigabytes), "expected use, storage only")


def _file_system(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    item = f"nas.{resource.inputs.get('storageType')}"
    if resource.inputs.get("fileSystemType") != "standard":
        yield _line(resource, book, item, _month(float(resource.inputs.get("capacity") or 0)), "all of its capacity")
        return
    gibibytes = usage.file_system_gib.get(resource.name.removesuffix("-file-system"))
    if gibibytes is None:
        yield CostLine(resource.name, item, None, "", "the stored volume is not stated under usage.fileSystemGib")
    else:
        yield _line(resource, book, item, _month(gibibytes), "expected use")


def _protocol_service(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    throughput = resource.inputs.get("protocolThroughput")
    if throughput:  # The general service is free (CPFS page on managing protocol services, 2025-11-21).
        yield _line(resource, book, "nas.protocol-cache", _month(throughput * HOURS_PER_MONTH))


def _registry(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    yield _line(resource, book, f"registry.{resource.inputs.get('instanceType')}", _month(1), "subscription, at least")


def _log_project(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    if usage.log_gb_per_day is None:
        yield CostLine(resource.name, "sls.ingestion", None, "", "the volume is not stated under usage.logGbPerDay")
        return
    rest = max(0.0, usage.log_gb_per_day - sum(usage.log_gb_per_day_by_store.values()))
    note = "expected use, but for what is stated of each store" if usage.log_gb_per_day_by_store else "expected use"
    yield _line(resource, book, "sls.ingestion", _month(rest * DAYS_PER_MONTH), note)


def _log_store(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    """What is written into a store, and what lies in it once it is as full as it gets."""
    written = usage.log_gb_per_day_by_store.get(str(resource.inputs.get("logstoreName")))
    if written is None:
        note = "the volume is not stated under usage.logGbPerDayByKind"
        yield CostLine(resource.name, "sls.storage.hot", None, "", note)
        return
    kept = int(resource.inputs.get("retentionPeriod") or 30)
    hot = int(resource.inputs.get("hotTtl") or kept)
    yield _line(resource, book, "sls.ingestion", _month(written * DAYS_PER_MONTH), "expected use")
    amount = _month(written * hot * DAYS_PER_MONTH)
    yield _line(resource, book, "sls.storage.hot", amount, f"expected use, {hot} days, without compression")
    if kept > hot:
        yield CostLine(resource.name, "sls.storage.cold", None, "", f"no price for {kept - hot} days of colder storage")


def _key(resource: Resource, book: PriceBook, usage: Usage) -> Iterator[CostLine]:
    if resource.inputs.get("dkmsInstanceId"):
        yield CostLine(resource.name, "kms.instance-key", None, "", "no price for a key in a KMS instance")
        return
    yield _line(resource, book, "kms.default-key", _month(1))


def _month(amount: float) -> Range:
    return Range(amount, amount)


_ESTIMATORS: Mapping[str, Callable[[Resource, PriceBook, Usage], Iterator[CostLine]]] = {
    NODE_POOL: _node_pool,
    "alicloud:cs/managedKubernetes:ManagedKubernetes": _cluster,
    "alicloud:vpc/natGateway:NatGateway": _nat_gateway,
    "alicloud:ecs/eipAddress:EipAddress": _eip,
    "alicloud:oss/bucket:Bucket": _bucket,
    "alicloud:nas/fileSystem:FileSystem": _file_system,
    "alicloud:nas/protocolService:ProtocolService": _protocol_service,
    "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": _registry,
    "alicloud:log/project:Project": _log_project,
    "alicloud:log/store:Store": _log_store,
    "alicloud:kms/key:Key": _key,
    "alicloud:cs/kubernetesAddon:KubernetesAddon": _addon,
    "alicloud:pvtz/zone:Zone": _unpriced("pvtz.zone", "no price for a private DNS zone"),
}
