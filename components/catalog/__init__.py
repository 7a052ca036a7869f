"""Facts as data: instance types, regions, prices, Kubernetes versions and in-cluster systems.

Each row names its source, and each source has a date; see the JSON files beside this module. Nothing here calls a
cloud.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GBIT_PER_GB = 8
"""A GB is 10^9 bytes, a Gbit/s 10^9 bits a second."""

HOURS_PER_MONTH = 730
"""Hours in an average month (8,760 / 12): the factor from an hourly price to a monthly one."""

VSWITCH_RESERVED_ADDRESSES = 4
"""Addresses of each vSwitch that the system keeps: the first and the last three.
Source: alibabacloud.com/help/en/vpc/developer-reference/api-vpc-2016-04-28-createvswitch, 2026-09-04."""


@dataclass(frozen=True)
class Source:
    """Where a row comes from. `date` is the date of the material; `how` says how a price was obtained."""

    source: str
    date: str
    how: str = ""


@dataclass(frozen=True)
class Gpu:
    """The GPUs of an instance type. `model` is None where the vendor does not name it; memory is per GPU."""

    count: int
    memory_gb: int
    model: str | None = None


@dataclass(frozen=True)
class LocalDisks:
    """The local disks of an instance type: `medium` is NVMe or HDD, `size_gb` (10^9 bytes) is per disk."""

    count: int
    size_gb: int
    medium: str


@dataclass(frozen=True)
class Throughput:
    """What a disk, or OSS for an account in a region, gives at most, in Gbit/s. None: no source says so."""

    read_gbps: float | None
    write_gbps: float | None


@dataclass(frozen=True)
class InstanceType:
    """An ECS instance type. Network bandwidth is the baseline in Gbit/s."""

    name: str
    family: str
    architecture: str
    vcpu: int
    memory_gib: float
    network_gbps: float
    source: Source
    eni: int | None = None
    ipv4_per_eni: int | None = None
    gpu: Gpu | None = None
    local_disks: LocalDisks | None = None
    erdma: bool = False

    @property
    def pods(self) -> int | None:
        """Pods that Terway can give an address on one node in shared-ENI mode: (ENI - 1) x IPv4 addresses per ENI.

        None where no source gives the figures. Source: Terway pkg/aliyun/client/limit.go, 2026-07-23.
        """
        if self.eni is None or self.ipv4_per_eni is None:
            return None
        return (self.eni - 1) * self.ipv4_per_eni


@dataclass(frozen=True)
class ServerlessGpu:
    """A GPU model of ACS. `counts`: the numbers of cards that a pod may have; vCPU and memory are a pod's most."""

    model: str
    memory_gb: int
    counts: tuple[int, ...]
    vcpu: int
    memory_gib: int


@dataclass(frozen=True)
class ServerlessOffer:
    """What ACS or ECI offers.

    sizes: legal pods as vCPU and GiB, smallest first; ticket_sizes: those that need a support ticket; regions: where it
    is open, empty for no source; zones: the same by zone, for regions of which all zones are known.
    """

    sizes: tuple[tuple[float, float], ...]
    ticket_sizes: tuple[tuple[float, float], ...] = ()
    gpus: Mapping[str, ServerlessGpu] = field(default_factory=dict[str, ServerlessGpu])
    regions: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Price:
    """One row of the price book. `unit` is what `amount` is paid for, such as hour, GB-month or GiB-hour."""

    item: str
    region: str
    unit: str
    amount: float
    currency: str
    source: Source


@dataclass(frozen=True)
class PriceBook:
    """List prices by item and region. `date` is the day on which the book was put together."""

    date: str
    prices: Mapping[tuple[str, str], Price]

    def find(self, item: str, region: str) -> Price | None:
        """The price of an item in a region, or None: a missing price is never zero."""
        return self.prices.get((item, region))


@dataclass(frozen=True)
class KubernetesVersions:
    """The minor versions that ACK supports, each with its end of support; `default` is what this release pins."""

    default: str
    minors: Mapping[str, str]
    source: Source


@functools.cache
def instance_types() -> Mapping[str, InstanceType]:
    """All instance types of the catalog, by name."""
    data = _read("instance_types.json")
    sources = _sources(data)
    types: dict[str, InstanceType] = {}
    for name, row in data["instance_types"].items():
        fields: dict[str, Any] = {**row, "source": sources[row["source"]]}
        if "gpu" in fields:
            fields["gpu"] = Gpu(**fields["gpu"])
        if "local_disks" in fields:
            fields["local_disks"] = LocalDisks(**fields["local_disks"])
        types[name] = InstanceType(name=name, **fields)
    return types


@functools.cache
def regions() -> Mapping[str, frozenset[str]]:
    """The zones of each region of the catalog."""
    return {name: frozenset(row["zones"]) for name, row in _read("regions.json")["regions"].items()}


@functools.cache
def serverless() -> Mapping[str, ServerlessOffer]:
    """What `acs` and `eci` offer."""
    data = _read("serverless.json")
    acs, eci = data["acs"], data["eci"]
    steps = acs["steps"]
    stepped: list[dict[str, Any]] = []
    for index in range(round((steps["maximum"] - steps["minimum"]) / steps["step"]) + 1):
        vcpu = steps["minimum"] + index * steps["step"]
        least, most = (factor * vcpu for factor in steps["memory_per_vcpu"])
        stepped.append({"vcpu": vcpu, "memory": range(math.ceil(least), math.floor(most) + 1)})
    gpus = {
        model: ServerlessGpu(model, row["memory_gb"], tuple(row["counts"]), row["vcpu"], row["memory_gib"])
        for model, row in acs["gpus"]["rows"].items()
    }
    return {
        "acs": ServerlessOffer(
            tuple(_sizes([*acs["sizes"]["rows"], *stepped])),
            tuple(_sizes(acs["ticketSizes"]["rows"])),
            gpus,
            frozenset(acs["regions"]["names"]),
        ),
        "eci": ServerlessOffer(tuple(_sizes(eci["sizes"]["rows"])), zones=frozenset(eci["zones"]["names"])),
    }


def _sizes(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    return [(float(row["vcpu"]), float(memory)) for row in rows for memory in row["memory"]]


@functools.cache
def price_book() -> PriceBook:
    """The shipped price book."""
    data = _read("prices.json")
    sources = _sources(data)
    rows = (
        Price(row["item"], row["region"], row["unit"], row["price"], row["currency"], sources[row["source"]])
        for row in data["prices"]
    )
    return PriceBook(data["date"], {(price.item, price.region): price for price in rows})


@functools.cache
def local_disk_throughput() -> Mapping[str, Throughput]:
    """What the local disks of instance types give together, for those of which a source says so."""
    return {
        name: Throughput(row["read"] * GBIT_PER_GB, row["write"] * GBIT_PER_GB if "write" in row else None)
        for name, row in _read("bandwidth.json")["local_disks"].items()
    }


def essd_gbps(level: str, size_gib: float) -> float:
    """What one ESSD of a performance level and size gives at most, reads and writes together, in Gbit/s.

    The instance type may give less, of which no figures are here.
    """
    row = _read("bandwidth.json")["essd"][level]
    return min(row["base"] + row["by_gib"] * size_gib, row["throughput"]) * GBIT_PER_GB / 1000


@functools.cache
def oss_throughput() -> Mapping[str, Throughput]:
    """What OSS gives an account without a resource pool, by region: read is download."""
    rows = _read("bandwidth.json")["oss"]
    return {region: Throughput(row["download"], row["upload"]) for region, row in rows.items()}


@functools.cache
def oss_requests_per_second() -> int:
    """Requests a second that OSS takes of an account by default."""
    amount: int = _read("bandwidth.json")["oss_requests_per_second"]["amount"]
    return amount


@functools.cache
def kubernetes_versions() -> KubernetesVersions:
    """The Kubernetes versions of the catalog."""
    data = _read("kubernetes.json")
    source = _sources(data)["ack-version-support"]
    return KubernetesVersions(
        data["default"], {minor: row["endOfSupport"] for minor, row in data["minors"].items()}, source
    )


@functools.cache
def systems() -> Mapping[str, Mapping[str, Any]]:
    """The in-cluster systems as the catalog states them; `components.platform` gives them types."""
    systems: Mapping[str, Mapping[str, Any]] = _read("systems.json")["systems"]
    return systems


@functools.cache
def monitors() -> Mapping[str, Mapping[str, Any]]:
    """What reads the metrics of systems, as the catalog states it; `components.observability` gives it types."""
    monitors: Mapping[str, Mapping[str, Any]] = _read("monitors.json")["monitors"]
    return monitors


@functools.cache
def chart_values() -> Mapping[str, Mapping[str, Any]]:
    """The values of charts that the catalog knows, two levels deep: each key with the kind of its value."""
    return {name: row["keys"] for name, row in _read("chart_values.json")["charts"].items()}


@functools.cache
def replacing_properties() -> Mapping[str, frozenset[str]]:
    """The input properties of each Alibaba Cloud resource type whose change replaces the resource."""
    return {token: frozenset(names) for token, names in _read("replacements.json")["types"].items()}


def _read(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return data


def _sources(data: Mapping[str, Any]) -> dict[str, Source]:
    return {name: Source(**row) for name, row in data["sources"].items()}
