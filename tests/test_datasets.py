"""What datasets of an environment share with it, and what the shipped ones are planned to be."""

import functools
import math
from collections.abc import Mapping

import pytest

from components import catalog
from components.cache import BucketBandwidth, DatasetArgs, DatasetPlan, DatasetSurroundings
from components.cache.planning import USABLE_DISK
from components.cache.rendering import CLAIM_GIB
from components.cache.sizing import GBIT_PER_GIB
from components.catalog import HOURS_PER_MONTH
from stacks.datasets import dataset_notes, dataset_plans, dataset_surroundings
from stacks.environment import Environment, pool_plans
from stacks.loading import load_environment, read_stack_config
from stacks.tenancy import surroundings
from support import ENVIRONMENTS, environment

CACHE_NODE = "ecs.i4.8xlarge"
"""What prod's pool `cache` is made of."""


@functools.cache
def _prod() -> Environment:
    return load_environment("prod", read_stack_config("prod"))


@functools.cache
def _plans() -> Mapping[str, DatasetPlan]:
    return dataset_plans(_prod(), "prod")


def _around(made: Environment, stack: str = "prod") -> DatasetSurroundings:
    return dataset_surroundings(made, stack, pool_plans(made))


def _price() -> float:
    price = catalog.price_book().find(CACHE_NODE, "cn-hangzhou")
    assert price is not None
    return price.amount


def _gbps(plan: DatasetPlan) -> float:
    """Bandwidth of one worker: of its instance, or of its medium where that is slower."""
    network = catalog.instance_types()[CACHE_NODE].network_gbps
    assert plan.tier is not None
    disks = catalog.local_disk_throughput()[CACHE_NODE].read_gbps
    assert disks is not None
    return network if plan.tier.medium == "memory" else min(network, disks)


def _disk_gib() -> int:
    """What a node of the cache holds on its local disks."""
    disks = catalog.instance_types()[CACHE_NODE].local_disks
    assert disks is not None
    return math.floor(disks.count * disks.size_gb * 1e9 / 2**30 * USABLE_DISK)


def _wanted(args: DatasetArgs) -> float:
    """Gbit/s that all readers want together."""
    target = args.target
    assert target is not None
    if target.pod_gbps is not None:
        return target.pod_gbps * args.readers.pods
    assert target.epoch_minutes is not None
    return (args.size_gib or 0) * GBIT_PER_GIB / (target.epoch_minutes * 60)


def test_what_buckets_give_is_what_throttling_leaves_them() -> None:
    classes = {
        "alone": {"priority": 4, "guaranteed": "10%", "maximum": "20%", "buckets": ["raw"]},
        "batch": {"buckets": ["curated", "event-logs"]},
    }
    found = _around(environment("prod", throttling={"classes": classes})).bandwidth
    # Shares of 400 Gbit/s of download.
    assert found["raw"].most == 80
    assert found["curated"].most == 320
    assert found["models"].most == 400
    # Throttling says nothing of these.
    region = catalog.oss_throughput()["cn-hangzhou"].read_gbps
    assert found["artifacts"] == BucketBandwidth(region, region)


def test_without_throttling_the_region_limits() -> None:
    region = catalog.oss_throughput()["cn-hangzhou"].read_gbps
    found = _around(environment("staging"), "staging").bandwidth
    assert found.keys() == environment("staging").buckets.keys()
    assert set(found.values()) == {BucketBandwidth(region, region)}


def test_readers_are_on_the_nodes_of_their_class() -> None:
    made = _prod()
    classes = _around(made).job_classes
    assert classes.keys() == made.job_classes.keys()
    types = catalog.instance_types()
    # Whole GPUs: each type of the pools gives a pod the same part, 64 Gbit/s over four pods, or 16 over one.
    small = classes["training-small"]
    pools = [made.node_pools["gpu"], made.node_pools["gpu-spot"]]
    found = [types[name] for pool in pools for name in pool.instance_types]
    shares = [found_type.network_gbps / found_type.gpu.count for found_type in found if found_type.gpu is not None]
    assert small.node_gbps / small.pods_per_node == min(shares)
    assert small.zones == {"cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j"}
    assert list(small.namespaces) == ["training", "notebooks"]
    assert [name for name, nodes in classes.items() if nodes.serverless] == ["ray-worker", "spark-executor", "nightly"]
    # 10 GiB and 40 % of a GPU: two of them.
    assert classes["inference"].pods_per_node == 2


def test_claims_namespaces_and_limits_are_those_of_the_environment() -> None:
    around = _around(_prod())
    assert around.claims["home"] == {"notebooks"}
    assert around.claims["checkpoints"] == {"training"}
    assert around.tenants == {"pretraining": 15000, "data": 0, "inference": 700, "research": 2000}
    assert around.systems is not None
    assert "fluid" in around.systems
    assert around.pools["cache"][2] == ["cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j"]


def test_outside_the_cloud_there_are_neither_pools_nor_buckets() -> None:
    around = dataset_surroundings(environment("local"), "local", {})
    assert (around.flavor, around.pools, around.buckets, around.job_classes) == ("upstream", {}, {}, {})


def test_the_tokens_lie_on_local_disks_of_one_zone() -> None:
    plan = _plans()["tokens"]
    args = plan.args
    assert args.size_gib is not None
    assert (plan.kind, plan.pool, plan.zone) == ("jindo", "cache", "cn-hangzhou-i")
    assert plan.tier is not None
    assert plan.tier.medium == "local-disk"
    # Seed 003: as many workers as the data need, and as the readers want.
    needed = args.size_gib / 0.95
    assert plan.workers == max(math.ceil(needed / _disk_gib()), math.ceil(_wanted(args) / _gbps(plan)))
    assert plan.tier.quota_gib == math.ceil(needed / plan.workers)
    found = plan.delivery
    assert found is not None
    assert found.capacity_gib == pytest.approx(plan.workers * found.quota_gib)
    assert found.cache_gbps == plan.workers * _gbps(plan)
    assert found.pod_gbps == min(catalog.instance_types()["ecs.gn7i-4x.16xlarge"].network_gbps, found.cache_gbps)
    assert found.shared_pod_gbps == pytest.approx(found.cache_gbps / args.readers.pods)
    assert found.shared_pod_gbps >= 2
    assert found.epoch_minutes == pytest.approx(args.size_gib * GBIT_PER_GIB / found.cache_gbps / 60)
    assert plan.proposal is not None
    assert (plan.proposal.met, plan.proposal.bottleneck) == (True, "network of the workers' nodes")
    assert found.month == pytest.approx(
        plan.workers * _price() * HOURS_PER_MONTH * found.quota_gib / _disk_gib(), rel=1e-6
    )
    # Filling takes as long as the workers take in, as the bucket gives more.
    write = catalog.local_disk_throughput()[CACHE_NODE].write_gbps
    assert write is not None
    taken = plan.workers * min(catalog.instance_types()[CACHE_NODE].network_gbps, write)
    assert found.warm_up_minutes == pytest.approx(args.size_gib * GBIT_PER_GIB / taken / 60)


def test_the_images_have_what_the_tokens_leave_of_the_nodes() -> None:
    tokens, plan = _plans()["tokens"], _plans()["images"]
    args = plan.args
    assert args.size_gib is not None
    assert args.files is not None
    assert plan.tier is not None
    assert tokens.tier is not None
    assert (plan.pool, plan.zone, plan.tier.medium) == ("cache", "", "local-disk")
    # A node may have a worker of both.
    left = _gbps(plan) - _wanted(tokens.args) / tokens.workers
    room = _disk_gib() - tokens.tier.quota_gib
    assert plan.workers == max(math.ceil(args.size_gib / 0.95 / room), math.ceil(_wanted(args) / left))
    found = plan.delivery
    assert found is not None
    assert found.cache_gbps == pytest.approx(plan.workers * left)
    assert found.epoch_minutes <= 15
    # Opening that many files takes longer than all their bytes.
    assert found.warm_up_minutes == pytest.approx(args.files / catalog.oss_requests_per_second() / 60)
    assert found.warm_up_limit == "requests to the source"


def test_replicas_of_a_service_load_their_model_at_once() -> None:
    plans = _plans()
    plan = plans["model-cache"]
    args = plan.args
    assert args.size_gib is not None
    found = plan.delivery
    assert found is not None
    # The larger ones are planned before it.
    others = [plans["tokens"], plans["images"]]
    left = _gbps(plan) - sum(_wanted(other.args) / other.workers for other in others)
    assert found.node.network_gbps == pytest.approx(left)
    assert found.cache_gbps == pytest.approx(plan.workers * min(left, _gbps(plan)))
    assert found.shared_pod_gbps == pytest.approx(min(8, found.cache_gbps / args.readers.pods))
    assert found.shared_pod_gbps >= 2
    # Fewer would not do, by bandwidth or by room.
    least = math.ceil(_wanted(args) / left - 1e-9)
    assert plan.workers == max(least, math.ceil(args.size_gib / 0.95 / found.node.most_gib))
    # Each reads all of it.
    assert found.epoch_minutes == pytest.approx(args.size_gib * GBIT_PER_GIB / found.shared_pod_gbps / 60)


def test_nodes_hold_a_worker_of_each_dataset() -> None:
    for stack in ENVIRONMENTS:
        made = environment(stack)
        for pool in made.node_pools if made.flavor == "ack" else ():
            plans = [plan for plan in dataset_plans(made, stack).values() if plan.pool == pool and plan.tier]
            held = [plan.tier.quota_gib for plan in plans if plan.tier and plan.tier.medium == "local-disk"]
            assert sum(held) <= _disk_gib()


def test_a_part_is_what_its_dataset_is() -> None:
    part, whole = _plans()["tokens-english"], _plans()["tokens"]
    assert (part.source, part.kind, part.pool, part.zone) == ("tokens", whole.kind, whole.pool, whole.zone)
    assert (part.workers, part.tier, part.proposal, part.statements) == (0, None, None, ())
    assert part.claims == {"notebooks": "dataset://datasets/tokens/en"}
    assert part.args.consistency == "periodic"


def test_files_have_no_cache() -> None:
    plan = _plans()["workspace"]
    assert (plan.kind, plan.workers, plan.tier, plan.proposal) == ("thin", 0, None, None)
    assert plan.notes == ["has no cache: readers get what the file system gives"]


def test_who_may_write_what_is_taken_for_unchanged_is_noted() -> None:
    written = "is static, and may be written by data (its part curated/data/): what changes is not seen"
    assert dataset_notes(_prod()) == {"images": [written]}
    runs = {
        "mounts": {"runs": {"bucket": "checkpoints", "prefix": "pretraining/runs/"}},
        "sizeGib": 1,
        "namespaces": ["training"],
    }
    notes = dataset_notes(environment("prod", datasets={"runs": runs, "images": {"consistency": "event-driven"}}))
    who = "pretraining (its part checkpoints/pretraining/), the volume checkpoints"
    assert notes == {"runs": [f"is static, and may be written by {who}: what changes is not seen"]}


def test_small_files_and_what_does_not_fit_are_noted() -> None:
    assert (
        "many small files are bound by latency, of which no figures are public: measure it" in _plans()["images"].notes
    )
    large = {
        "mounts": {"a": {"uri": "s3://samples/a/"}},
        "sizeGib": 50_000,
        "namespaces": ["training"],
        "runtime": {"workers": 2, "tier": {"medium": "local-disk", "quotaGib": 100}},
    }
    plans = dataset_plans(environment("staging", datasets={"large": large}), "staging")
    assert plans["large"].notes == ["holds 190 of 50,000 GiB: it answers no reads of a pass from front to back"]
    random = {**large, "pattern": "random"}
    plans = dataset_plans(environment("staging", datasets={"large": random}), "staging")
    assert plans["large"].notes == ["holds 190 of 50,000 GiB: it answers 0% of reads"]


def test_a_tenant_of_another_stack_takes_its_datasets_along() -> None:
    def far(**values: object) -> dict[str, object]:
        return {"mounts": {"a": {"uri": "s3://samples/a/"}}, "sizeGib": 1, "namespaces": ["far"], **values}

    made = environment(
        "prod",
        tenants={
            "elsewhere": {
                "environments": ["staging"],
                "owners": ["group/nobody"],
                "costCenter": "x-1",
                "namespaces": {"far": {}},
                "resources": {"cacheGib": 1},
            }
        },
        datasets={
            # Too large for the nodes, and for the tenant, if it were here.
            "huge": far(sizeGib=10**9, tenant="elsewhere", namespaces=["far", "serving"]),
            "alone": far(),
            "part": {"of": "huge", "directory": "/a", "namespaces": ["serving"]},
            "shared": far(namespaces=["far", "serving"]),
        },
    )
    assert made.datasets.keys() == {*_prod().datasets, "shared"}
    assert made.datasets["shared"].namespaces == ["serving"]


def test_claims_of_datasets_count_in_quotas() -> None:
    before = surroundings(_prod().model_copy(update={"datasets": {}}), "prod").claims
    after = surroundings(_prod(), "prod").claims
    added: dict[str, tuple[int, int]] = {}
    for space, (count, size) in after.items():
        others, theirs = before.get(space, (0, 0))
        if (count, size) != (others, theirs):
            added[space] = (count - others, size - theirs)
    # images, tokens-english and workspace; their claims show a GiB each, whatever their size.
    counts = {"training": 1, "notebooks": 3, "serving": 1}
    assert added == {space: (count, count * CLAIM_GIB) for space, count in counts.items()}
