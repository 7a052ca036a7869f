"""Capacity and cost: sums that can be checked by hand, and what is unknown is never zero."""

import pytest

from components import catalog
from components.capacity import NODE_POOL, Range, Resource, total_capacity
from components.catalog import PriceBook
from components.cost import Usage, estimate

REGION = "cn-hangzhou"
POOL = Resource(
    NODE_POOL,
    "data-pool",
    {
        "instanceTypes": ["ecs.g8i.2xlarge", "ecs.g8i.4xlarge"],
        "scalingConfig": {"enable": True, "minSize": 2, "maxSize": 10},
        "systemDiskCategory": "cloud_essd",
        "systemDiskPerformanceLevel": "PL1",
        "systemDiskSize": 100,
    },
    REGION,
)
GPUS = Resource(NODE_POOL, "gpu-pool", {"instanceTypes": ["ecs.gn7i-4x.16xlarge"], "desiredSize": "3"}, REGION)


def test_capacity() -> None:
    vswitch = Resource("alicloud:vpc/switch:Switch", "switch", {"cidrBlock": "10.0.0.0/24"})
    total = total_capacity([POOL, GPUS, vswitch])
    assert total.nodes == Range(5, 13)
    assert total.vcpu == Range(2 * 8 + 3 * 64, 10 * 16 + 3 * 64)
    assert total.memory_gib == Range(2 * 32 + 3 * 256, 10 * 64 + 3 * 256)
    assert total.gpus == Range(12, 12)
    assert total.gpus_by_model == {"A10": Range(12, 12)}
    assert total.pods == Range(2 * 45 + 3 * 210, 10 * 210 + 3 * 210)
    assert total.addresses == 252


def test_capacity_names_what_it_cannot_count() -> None:
    pool = Resource(NODE_POOL, "pool", {"instanceTypes": ["ecs.new.large"], "desiredSize": "3"})
    total = total_capacity([pool])
    assert (total.nodes, total.vcpu, total.unknown) == (Range(3, 3), Range(), ("ecs.new.large",))


def test_cost_of_a_pool() -> None:
    cost = estimate([POOL], catalog.price_book())
    small, large, disk = 2.093, 4.186, 0.0021
    costs = [amount for line in cost.lines if line.cost for amount in (line.cost.minimum, line.cost.maximum)]
    hours = (2 * 730, 10 * 730)
    assert costs == pytest.approx([hours[0] * small, hours[1] * large, hours[0] * 100 * disk, hours[1] * 100 * disk])
    assert cost.complete
    assert cost.totals["CNY"].maximum == pytest.approx(10 * 730 * (large + 100 * disk))


def test_cost_without_a_price_is_at_least() -> None:
    cost = estimate([POOL], PriceBook("2026-01-01", {}))
    assert not cost.complete
    assert cost.totals == {}
    assert [line.note for line in cost.unpriced] == [
        "no price for ecs.g8i.2xlarge, ecs.g8i.4xlarge in cn-hangzhou",
        "no price for disk.cloud_essd.PL1 in cn-hangzhou",
    ]


def test_spot_is_priced_at_its_upper_bound() -> None:
    spot = Resource(NODE_POOL, "spot", {**POOL.inputs, "spotStrategy": "SpotAsPriceGo"}, REGION)
    lines = estimate([spot], catalog.price_book()).lines
    assert lines[0].note == "spot, at the on-demand price as upper bound"
    assert lines[0].cost == estimate([POOL], catalog.price_book()).lines[0].cost


def test_log_stores_cost_what_is_written_and_what_lies_in_them() -> None:
    inputs = {"logstoreName": "tenant-a", "retentionPeriod": 30, "hotTtl": 10}
    resources = [
        Resource("alicloud:log/project:Project", "logs", {}, REGION),
        Resource("alicloud:log/store:Store", "a", inputs, REGION),
        Resource("alicloud:log/store:Store", "b", {"logstoreName": "tenant-b"}, REGION),
    ]
    usage = Usage(log_gb_per_day=10, log_gb_per_day_by_store={"tenant-a": 4})
    lines = {(line.resource, line.item): line for line in estimate(resources, catalog.price_book(), usage).lines}
    days = 730 / 24
    assert {key: line.cost and line.cost.maximum for key, line in lines.items()} == pytest.approx(
        {
            ("logs", "sls.ingestion"): 6 * days * 0.4,
            ("a", "sls.ingestion"): 4 * days * 0.4,
            ("a", "sls.storage.hot"): 4 * 10 * days * 0.0115,
            ("a", "sls.storage.cold"): None,
            ("b", "sls.storage.hot"): None,
        }
    )
    assert lines["b", "sls.storage.hot"].note == "the volume is not stated under usage.logGbPerDayByKind"


def test_expected_use() -> None:
    resources = [
        Resource("alicloud:oss/bucket:Bucket", "raw", {"bucket": "acme-raw", "redundancyType": "ZRS"}, REGION),
        Resource("alicloud:log/project:Project", "logs", {}, REGION),
        Resource("alicloud:ecs/eipAddress:EipAddress", "egress", {}, REGION),
        Resource("alicloud:cs/managedKubernetes:ManagedKubernetes", "ack", {"clusterSpec": "ack.pro.small"}, REGION),
        Resource("alicloud:kms/key:Key", "key", {}, REGION),
        Resource(
            "alicloud:nas/fileSystem:FileSystem",
            "homes-file-system",
            {"fileSystemType": "standard", "storageType": "Capacity"},
            REGION,
        ),
    ]
    usage = Usage({"acme-raw": 1000}, 10, 100, 1000, 4000, {"homes": 500})
    lines = {line.item: line for line in estimate(resources, catalog.price_book(), usage).lines}
    expected = {
        "oss.Standard.ZRS": 150,
        "sls.ingestion": 10 * 730 / 24 * 0.4,
        "eip.configuration": 0.0031 * 730,
        "eip.traffic": 12.5,
        "cluster.ack.pro.small": 0.64 * 730,
        "acs.general-purpose.default.vcpu": 60,
        "acs.general-purpose.default.memory": 120,
        "kms.default-key": 0,
        "nas.Capacity": 30,
    }
    assert {item: line.cost.maximum for item, line in lines.items() if line.cost} == pytest.approx(expected)
    assert [item for item, line in lines.items() if line.cost is None] == ["cluster.load-balancer"]
    assert {line.currency for item, line in lines.items() if item.startswith("eip")} == {"USD"}


def test_what_has_no_known_price_anywhere_is_named() -> None:
    resources = [
        Resource("alicloud:vpc/natGateway:NatGateway", "nat", {}, REGION),
        Resource("alicloud:pvtz/zone:Zone", "zone", {}, REGION),
        Resource("alicloud:kms/key:Key", "key", {"dkmsInstanceId": "kst-1"}, REGION),
        Resource("alicloud:cs/kubernetesAddon:KubernetesAddon", "prometheus", {"name": "arms-prometheus"}, REGION),
        Resource("alicloud:cs/kubernetesAddon:KubernetesAddon", "kuberay", {"name": "kuberay-operator"}, REGION),
    ]
    cost = estimate(resources, catalog.price_book())
    assert [line.item for line in cost.unpriced] == [
        "nat.capacity-unit",
        "pvtz.zone",
        "kms.instance-key",
        "prometheus.written",
    ]


def test_use_that_is_not_stated_is_not_zero() -> None:
    resources = [
        Resource("alicloud:oss/bucket:Bucket", "raw", {"bucket": "acme-raw"}, REGION),
        Resource("alicloud:log/project:Project", "logs", {}, REGION),
        Resource("alicloud:ecs/eipAddress:EipAddress", "egress", {}, REGION),
    ]
    cost = estimate(resources, catalog.price_book())
    assert [line.item for line in cost.unpriced] == ["oss.Standard.LRS", "sls.ingestion", "eip.traffic"]
    assert not cost.complete


def test_file_systems_and_registries() -> None:
    resources = [
        Resource("alicloud:nas/fileSystem:FileSystem", "homes-file-system", {"fileSystemType": "standard"}, REGION),
        Resource(
            "alicloud:nas/fileSystem:FileSystem",
            "lake-file-system",
            {"fileSystemType": "cpfs", "storageType": "advance_200", "capacity": 3600},
            REGION,
        ),
        Resource("alicloud:nas/protocolService:ProtocolService", "lake", {"protocolThroughput": 2000}, REGION),
        Resource("alicloud:nas/protocolService:ProtocolService", "free", {}, REGION),
        Resource(
            "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance", "r", {"instanceType": "Basic"}, REGION
        ),
    ]
    lines = estimate(resources, catalog.price_book()).lines
    assert [(line.resource, line.cost and line.cost.maximum, line.currency) for line in lines] == [
        ("homes-file-system", None, ""),
        ("lake-file-system", pytest.approx(5040), "CNY"),
        ("lake", pytest.approx(0.0054 * 2000 * 730), "CNY"),
        ("r", 113, "USD"),
    ]
    assert lines[0].note == "the stored volume is not stated under usage.fileSystemGib"
