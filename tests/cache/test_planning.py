"""What is decided of datasets: kinds, tiers, nodes, and what several of them take of a pool."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.datasets import (
    AROUND,
    CACHING,
    HERE,
    JUICE,
    NFS,
    POOLS,
    RAW,
    S3,
    THERE,
    UPSTREAM,
    around,
    dataset,
    part,
    plan,
    pool,
    problems,
)
from components import catalog
from components.cache import DatasetArgs, plan_datasets
from components.cache.planning import (
    DAEMON_GIB,
    MEMORY_PATH,
    BucketBandwidth,
    Taken,
    candidates,
    kind_of,
    load_minutes,
    load_schedule,
    readers_of,
    source_of,
    worker_nodes,
)
from components.cache.rendering import render
from components.platform import Flavor

LOCAL = {"tier": {"medium": "local-disk"}}


@pytest.mark.parametrize(
    ("mounts", "flavor", "kind"),
    [
        (S3, "ack", "jindo"),
        (S3, "upstream", "alluxio"),
        (RAW, "ack", "jindo"),
        (NFS, "ack", "thin"),
        (JUICE, "ack", "juicefs"),
        (JUICE, "upstream", "juicefs"),
        ({**JUICE, "more": {"fileSystem": "home"}}, "ack", "thin"),
        ({"data": {"claim": "old"}}, "ack", "jindo"),
    ],
)
def test_kinds_by_what_is_read(mounts: Mapping[str, Any], flavor: Flavor, kind: str) -> None:
    assert kind_of(dataset(mounts), flavor) == kind
    assert kind_of(dataset(mounts, runtime={"kind": "alluxio"}), flavor) == "alluxio"


def test_a_client_alone_has_no_cache() -> None:
    found = plan(dataset(NFS))
    assert (found.workers, found.tier, found.pool, found.proposal, found.at_best) == (0, None, "", None, None)
    assert found.notes == ["has no cache: readers get what the file system gives"]


def test_nodes_by_medium() -> None:
    found = {name: candidates(dataset(pool=name), AROUND) for name in POOLS}
    assert {
        name: [(node.medium, node.network_gbps, node.read_gbps, node.write_gbps, node.workers) for node in nodes]
        for name, nodes in found.items()
    } == {
        "nvme": [("memory", 25, math.inf, math.inf, 4), ("local-disk", 25, 96, 48, 4)],
        "fast": [("memory", 40, math.inf, math.inf, 3)],
        "disks": [
            ("memory", found["disks"][0].network_gbps, math.inf, math.inf, 2),
            # Two disks of PL2 give 750 MB/s each at most.
            ("cloud-disk", found["disks"][0].network_gbps, *[pytest.approx(2 * catalog.essd_gbps("PL2", 500))] * 2, 2),
        ],
    }
    disk = found["nvme"][1]
    # Two disks of 3,839 GB, less what ext4 takes.
    assert disk.most_gib == disk.node_gib == math.floor(2 * 3839e9 / 2**30 * 0.98)
    memory = POOLS["nvme"][1].allocatable[0].memory_gib
    # 4 GiB of the worker, 4 of the master, and 2 for DaemonSets; a worker pays for its part of what all may have.
    assert found["nvme"][0].most_gib == math.floor(memory - 10)
    assert found["nvme"][0].node_gib == math.floor(memory - 2)
    assert found["disks"][1].most_gib == 980


def test_what_a_worker_could_have_if_it_were_alone() -> None:
    args, made, _ = POOLS["nvme"]
    memory, disk = worker_nodes("nvme", args, made, "cn-hangzhou", 3)
    assert (memory.medium, memory.most_gib) == ("memory", math.floor(made.allocatable[0].memory_gib - DAEMON_GIB))
    assert (disk.medium, disk.most_gib) == ("local-disk", 7007)
    assert (memory.workers, disk.workers) == (3, 3)
    assert (memory.node_gib, disk.node_gib) == (memory.most_gib, disk.most_gib)


@pytest.mark.parametrize(
    ("runtime", "room"),
    [
        ({}, {"memory": 227, "local-disk": 7007}),
        ({"worker": {"memoryGib": 104}}, {"memory": 127, "local-disk": 7007}),
        ({"master": {"memoryGib": 104}}, {"memory": 127, "local-disk": 7007}),
        # 237 GiB are allocatable, 2 are for DaemonSets, and the master has 4.
        ({"worker": {"memoryGib": 231}}, {"memory": 0, "local-disk": 7007}),
        # No medium without memory and vCPUs for the worker itself.
        ({"worker": {"memoryGib": 232}}, {}),
        ({"worker": {"vcpu": 30}}, {"memory": 227, "local-disk": 7007}),
        ({"worker": {"vcpu": 31}}, {}),
        ({"master": {"vcpu": 31}}, {}),
    ],
)
def test_what_worker_and_master_ask_for_is_not_for_the_cache(
    runtime: Mapping[str, Any], room: Mapping[str, int]
) -> None:
    assert {node.medium: node.most_gib for node in candidates(dataset(runtime=runtime), AROUND)} == room


def _taken(args: DatasetArgs) -> Taken:
    found = Taken()
    found.add(plan(args), readers_of(args, AROUND))
    return found


def test_what_others_take_is_not_for_the_next() -> None:
    def room(taken: Taken, **values: Any) -> dict[str, tuple[float, float, int]]:
        nodes = candidates(dataset(**values), AROUND, taken)
        return {node.medium: (node.most_gib, node.network_gbps, node.workers) for node in nodes}

    disk = _taken(dataset(runtime={"workers": 2, "tier": {"medium": "local-disk", "quotaGib": 100}}))
    assert room(disk) == {"memory": (227 - 8, 25, 4), "local-disk": (7007 - 100, 25, 4)}
    memory = _taken(dataset(runtime={"workers": 2, "tier": {"medium": "memory", "quotaGib": 100}}))
    assert room(memory) == {"memory": (227 - 108, 25, 4), "local-disk": (7007, 25, 4)}
    # 8 readers of 2 Gbit/s take 8 of each of two nodes.
    wanted = {"target": {"podGbps": 2}, "readers": {"pods": 8, "nodeGbps": 16}, "runtime": {"workers": 2, **LOCAL}}
    assert room(_taken(dataset(**wanted)))["local-disk"][1] == 25 - 8
    # 100 GiB in a minute are 14.3 Gbit/s.
    wanted = {**wanted, "target": {"epochMinutes": 1}}
    assert room(_taken(dataset(**wanted)))["local-disk"][1] == pytest.approx(25 - 100 * 2**30 * 8 / 1e9 / 60 / 2)
    # Each of 8 reads all of it, and gets what the workers have.
    wanted = {**wanted, "target": {"epochMinutes": 3}, "readers": {"pods": 8, "nodeGbps": 16, "each": "all"}}
    wanted = {**wanted, "runtime": {"workers": 4, **LOCAL}}
    left = 25 - 8 * 100 * 2**30 * 8 / 1e9 / 180 / 4
    assert room(_taken(dataset(**wanted)))["local-disk"][1] == pytest.approx(left)
    # What is in one zone is not in another; what may be anywhere is in both.
    near = _taken(dataset(zone=HERE, runtime={"workers": 2, "tier": {"medium": "local-disk", "quotaGib": 100}}))
    assert room(near, zone=THERE)["local-disk"][0] == 7007
    assert room(near, zone=HERE) == {"memory": (227 - 8, 25, 2), "local-disk": (7007 - 100, 25, 2)}
    assert room(near)["local-disk"][0] == room(disk, zone=THERE)["local-disk"][0] == 7007 - 100
    # Other pools are others.
    assert candidates(dataset(pool="fast"), AROUND, disk) == candidates(dataset(pool="fast"), AROUND)
    alone = _taken(dataset(zone=HERE, runtime={"workers": 1, "shareNodes": False}))
    assert {workers for _, _, workers in room(alone).values()} == {3}
    assert {workers for _, _, workers in room(alone, zone=HERE).values()} == {1}
    assert {workers for _, _, workers in room(alone, zone=THERE).values()} == {2}
    anywhere = _taken(dataset(runtime={"workers": 1, "shareNodes": False}))
    assert {workers for _, _, workers in room(anywhere, zone=THERE).values()} == {1}


def test_parts_are_whole_gib_once_they_are_made() -> None:
    found = plan(dataset(runtime={"workers": 3, **LOCAL}))
    assert found.delivery is not None
    assert found.tier is not None
    assert found.delivery.quota_gib == pytest.approx(100 / 0.95 / 3)
    assert found.tier.quota_gib == math.ceil(100 / 0.95 / 3)
    # What is whole already stays.
    whole = plan(dataset(sizeGib=95, runtime={"workers": 2, **LOCAL})).tier
    assert whole is not None
    assert whole.quota_gib == 50


def test_only_pools_of_kind_cache_are_taken_unasked() -> None:
    assert {node.name for node in candidates(dataset(), AROUND)} == {"nvme"}
    assert [node.medium for node in candidates(dataset(runtime=LOCAL), AROUND)] == ["local-disk"]


def test_a_zone_has_its_part_of_the_nodes() -> None:
    assert {node.workers for node in candidates(dataset(zone=HERE), AROUND)} == {2}
    three = around(pools={"odd": pool("odd", "ecs.i4.8xlarge", 3, kind="cache")})
    assert {node.workers for node in candidates(dataset(zone=HERE), three)} == {1}
    assert not candidates(dataset(zone="cn-hangzhou-x"), AROUND)
    found = plan(dataset(zone=HERE))
    assert found.zone == HERE
    assert found.node_selector == {"node-pool": "nvme", "topology.kubernetes.io/zone": HERE}
    assert [*found.tolerations] == [{"key": "workload", "operator": "Exists", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("quota", "quotas"),
    [(1, [1, 1]), (2, [1, 1]), (7, [4, 3]), (100, [50, 50]), (2047, [1024, 1023])],
)
def test_a_cache_is_spread_over_the_disks_of_its_node(quota: int, quotas: list[int]) -> None:
    args = dataset(runtime={"workers": 4, "tier": {"medium": "local-disk", "quotaGib": quota}})
    tier = plan(args).tier
    assert tier is not None
    assert dict(tier.quotas) == dict(zip(["/mnt/nvme0", "/mnt/nvme1"], quotas, strict=True))
    assert (tier.high, tier.low) == (0.95, 0.7)


def test_data_disks_are_where_the_pool_mounts_them() -> None:
    tier = plan(dataset(pool="disks", runtime={"tier": {"medium": "cloud-disk"}})).tier
    assert tier is not None
    assert dict(tier.quotas) == {"/mnt/one": 53, "/mnt/two": 53}
    memory = plan(dataset(pool="fast")).tier
    assert memory is not None
    assert dict(memory.quotas) == {MEMORY_PATH: 106}


@pytest.mark.parametrize(
    ("medium", "quota", "key", "written"),
    [
        # Kubernetes would write Ti, which JindoRuntime takes for another number (fluid v1.0.8).
        ("local-disk", 2048, "quotaList", "1023Gi,1023Gi"),
        ("local-disk", 2049, "quotaList", "1025Gi,1023Gi"),
        ("local-disk", 1024, "quotaList", "512Gi,512Gi"),
        ("memory", 200, "quota", "200Gi"),
    ],
)
def test_no_size_is_a_whole_number_of_tebibytes(medium: str, quota: int, key: str, written: str) -> None:
    args = dataset(runtime={"workers": 1, "tier": {"medium": medium, "quotaGib": quota}})
    (level,) = render(plan(args), {}, CACHING)[1]["spec"]["tieredstore"]["levels"]
    assert level[key] == written
    assert len({"quota", "quotaList"} & level.keys()) == 1


def test_upstream_a_cache_is_what_is_stated() -> None:
    found = plan(dataset(), UPSTREAM)
    assert (found.kind, found.workers, found.pool, found.proposal) == ("alluxio", 1, "", None)
    assert found.tier is not None
    assert (found.tier.medium, dict(found.tier.quotas)) == ("memory", {MEMORY_PATH: 106})
    stated = plan(dataset(runtime={"workers": 3, "tier": {"paths": ["/mnt/a", "/mnt/b"]}}), UPSTREAM)
    assert stated.tier is not None
    assert (stated.tier.medium, dict(stated.tier.quotas)) == ("local-disk", {"/mnt/a": 18, "/mnt/b": 18})
    assert not stated.node_selector


@pytest.mark.parametrize(
    ("values", "guaranteed", "most"),
    [
        (dataset(RAW), (10, 10_000), (40, 10_000)),
        (dataset({"data": {"bucket": "models"}}), (None, 10_000), (None, 10_000)),
        (dataset({"a": {"bucket": "models"}, "b": {"bucket": "raw"}}), (10, 10_000), (40, 10_000)),
        (dataset(RAW, sourceGbps=3), (3, None), (3, None)),
        (dataset(S3), (None, None), (None, None)),
        (dataset(NFS), (None, None), (None, None)),
        # 100 MB/s for each of 3,600 / 1,024 TiB.
        (dataset({"data": {"fileSystem": "parallel"}}), (2.8125, None), (2.8125, None)),
        (dataset({"data": {"fileSystem": "new"}}), (5.625, None), (5.625, None)),
    ],
)
def test_what_sources_give(values: DatasetArgs, guaranteed: tuple[Any, Any], most: tuple[Any, Any]) -> None:
    assert [(source.gbps, source.requests_per_second) for source in source_of(values, AROUND)] == [guaranteed, most]
    assert source_of(dataset(RAW), around(bandwidth={}))[0].gbps is None


def test_at_best_is_with_all_that_the_source_can_give() -> None:
    found = plan(dataset(RAW, readers={"pods": 8, "nodeGbps": 25}))
    assert found.delivery is not None
    assert found.at_best is not None
    assert found.delivery.cold_epoch_minutes == pytest.approx(100 * 2**30 * 8 / 1e9 / 10 / 60)
    assert found.at_best.cold_epoch_minutes < found.delivery.cold_epoch_minutes
    assert found.at_best.quota_gib == found.delivery.quota_gib
    assert found.at_best.epoch_minutes == found.delivery.epoch_minutes


def test_readers_are_those_of_their_job_class() -> None:
    found = readers_of(dataset(readers={"pods": 8, "jobClass": "train", "each": "all"}), AROUND)
    assert (found.pods, found.node_gbps, found.pods_per_node, found.each) == (8, 16, 2, "all")
    stated = readers_of(dataset(readers={"pods": 8, "jobClass": "train", "nodeGbps": 5, "podsPerNode": 4}), AROUND)
    assert (stated.node_gbps, stated.pods_per_node) == (5, 4)
    assert readers_of(dataset(), AROUND).node_gbps == math.inf


def test_a_target_is_met_by_the_cheapest_number_of_workers() -> None:
    target = {"target": {"podGbps": 5}, "readers": {"pods": 8, "nodeGbps": 16}}
    found = plan(dataset(**target))
    assert found.proposal is not None
    assert (found.proposal.met, found.workers, found.pool) == (True, 2, "nvme")
    assert [*found.notes] == []


def test_notes_on_what_a_cache_does_not_hold() -> None:
    large = plan(dataset(sizeGib=1_000_000, pattern="random", pool="fast"))
    held = 3 * math.floor(POOLS["fast"][1].allocatable[0].memory_gib - 10) * 0.95
    assert [*large.notes] == [f"holds {held:,.0f} of 1,000,000 GiB: it answers 0% of reads"]
    front = plan(dataset(sizeGib=1_000, pool="fast"))
    assert [*front.notes] == [f"holds {held:,.0f} of 1,000 GiB: it answers no reads of a pass from front to back"]
    hours = {"night": {"start": "0 20 * * *", "end": "0 8 * * *", "workers": 1}}
    scaled = dataset(runtime={"workers": 2}, scaling={"windows": hours})
    assert [*plan(scaled, around(systems=None)).notes] == [
        "has fewer workers in night, and then holds and gives less than this"
    ]
    (small,) = plan(dataset(pattern="small-files")).notes
    assert "latency" in small


def test_a_part_has_the_cache_of_its_whole() -> None:
    datasets = {"part": part("whole", tenant="vision"), "whole": dataset(RAW, consistency="event-driven", zone=HERE)}
    assert not problems(datasets)
    found = plan_datasets(datasets, CACHING, AROUND)
    assert list(found) == ["part", "whole"]
    own, whole = found["part"], found["whole"]
    assert (own.source, own.kind, own.pool, own.zone) == ("whole", "jindo", "nvme", HERE)
    assert (own.workers, own.tier, [*own.statements], own.role) == (0, None, [], "")
    assert own.claims == {"jobs": "dataset://datasets/whole/a"}
    assert whole.claims == {"jobs": "dataset://datasets/whole"}
    assert own.args.consistency == whole.args.consistency
    assert own.options == whole.options
    assert own.args.tenant == "vision"
    assert not render(own, {}, CACHING)


def test_a_role_reaches_its_parts_of_buckets_alone() -> None:
    mounts = {"a": RAW["data"], "b": {"bucket": "models"}}
    statements = plan(dataset(mounts)).statements
    assert [(statement["Action"], statement["Resource"]) for statement in statements] == [
        (["oss:ListObjects"], ["acs:oss:*:*:acme-test-raw"]),
        (["oss:GetObject"], ["acs:oss:*:*:acme-test-raw/tokens/*"]),
        (["oss:ListObjects"], ["acs:oss:*:*:acme-test-models"]),
        (["oss:GetObject"], ["acs:oss:*:*:acme-test-models/*"]),
    ]
    assert statements[0]["Condition"] == {"StringLike": {"oss:Prefix": ["tokens/*"]}}
    writes = plan(dataset(RAW, consistency="separate-writes"))
    assert "oss:PutObject" in writes.statements[1]["Action"]
    assert (writes.role, writes.secret) == ("dataset-tokens", "tokens-token")
    for credentials in ("none", "secret"):
        secrets = {"secrets": {"fs.oss.accessKeyId": {"name": "keys", "key": "id"}}} if credentials == "secret" else {}
        assert plan(dataset({"data": {**RAW["data"], **secrets}}, credentials=credentials)).role == ""


def test_loads_are_ready_by_a_time() -> None:
    loads = {"nightly": {"readyBy": "0 6 * * *", "metadata": False}, "noon": {"schedule": "0 12 * * *"}}
    found = plan(dataset(RAW, sizeGib=1000, consistency="periodic", refresh="0 1 * * *", loads=loads))
    # 1,000 GiB at 10 Gbit/s are 14.3 minutes; a quarter more, and 5 to start.
    assert found.delivery is not None
    assert found.delivery.warm_up_minutes == pytest.approx(14.3, abs=0.1)
    assert load_minutes(found) == pytest.approx(22.9, abs=0.1)
    assert load_schedule(found.args.loads["nightly"], found) == "37 5 * * *"
    assert load_schedule(found.args.loads["noon"], found) == "0 12 * * *"
    once = plan(dataset(loads={"first": {"once": True}}))
    assert load_schedule(once.args.loads["first"], once) is None


def test_a_load_that_takes_a_day_is_not_daily() -> None:
    loads = {"nightly": {"readyBy": "0 6 * * *", "metadata": False}}

    def refused(size: int) -> list[str]:
        # A GiB at 0.1 Gbit/s are 86 seconds.
        return problems({"tokens": dataset(sizeGib=size, sourceGbps=0.1, loads=loads)})

    # 5 minutes and a quarter more than 800 x 86 seconds are 1,437 minutes, of 1,440.
    assert not refused(800)
    assert refused(802) == [
        'tokens.loads.nightly.readyBy = "0 6 * * *": takes 24 hours, so that no day is long enough; give schedule '
        "instead"
    ]


def test_who_wants_nodes_alone_is_planned_first() -> None:
    datasets = {
        "many": dataset(runtime={"workers": 2, **LOCAL}),
        "alone": dataset(runtime={"workers": 2, "shareNodes": False}),
    }
    assert not problems(datasets)
    # Nobody may be where it is.
    more = {**datasets, "many": dataset(runtime={"workers": 3, **LOCAL})}
    assert len(problems(more)) == 1
    assert not problems({**more, "alone": dataset(runtime={"workers": 2})})


DATASETS = st.dictionaries(
    st.sampled_from([f"d{index}" for index in range(6)]),
    st.fixed_dictionaries(
        {
            "size": st.integers(1, 600),
            "workers": st.none() | st.integers(1, 3),
            "quota": st.none() | st.integers(1, 400),
            "medium": st.none() | st.sampled_from(["memory", "local-disk"]),
            "share": st.sampled_from([True] * 7 + [False]),
            "zone": st.none() | st.just(HERE),
            "copies": st.sampled_from([1, 1, 1, 2]),
            "gbps": st.none() | st.integers(1, 4),
            "memory": st.sampled_from([4, 4, 4, 20]),
            "vcpu": st.sampled_from([2, 2, 2, 5]),
        }
    ),
    min_size=1,
)


def _drawn(values: Mapping[str, Any]) -> DatasetArgs:
    tier = {"medium": values["medium"], "quotaGib": values["quota"]}
    runtime = {
        **{"workers": values["workers"], "shareNodes": values["share"], "copies": values["copies"]},
        "tier": {key: value for key, value in tier.items() if value is not None},
        "worker": {"memoryGib": values["memory"], "vcpu": values["vcpu"]},
    }
    target = {} if values["gbps"] is None else {"target": {"podGbps": values["gbps"]}}
    return dataset(
        sizeGib=values["size"], zone=values["zone"], runtime=runtime, readers={"pods": 2, "nodeGbps": 16}, **target
    )


@given(DATASETS)
def test_caches_never_take_more_than_their_nodes_have(drawn: Mapping[str, Mapping[str, Any]]) -> None:
    surroundings = around(pools={"small": pool("small", "ecs.i4.4xlarge", 6, kind="cache")})
    datasets = {name: _drawn(values) for name, values in drawn.items()}
    found = problems(datasets, surroundings)
    if found:
        return
    args, made_of, _ = surroundings.pools["small"]
    nodes = {node.medium: node for node in worker_nodes("small", args, made_of, "cn-hangzhou", 6)}
    (node,) = made_of.allocatable
    plans = plan_datasets(datasets, CACHING, surroundings)
    shared = [made for made in plans.values() if made.args.runtime.share_nodes]
    alone = [made for made in plans.values() if not made.args.runtime.share_nodes]
    # By brute force: as if each node had a worker of each cache that shares, and the masters; or one that is alone.
    for there in [shared, *([made] for made in alone)]:
        memory, vcpu, gbps = 2.0, 0.0, 0.0
        held = dict.fromkeys(nodes, 0)
        for made in there:
            assert made.tier is not None
            held[made.tier.medium] += made.tier.quota_gib
            runtime = made.args.runtime
            memory += runtime.worker.memory_gib + runtime.master.memory_gib
            vcpu += runtime.worker.vcpu + runtime.master.vcpu
            if made.args.target is not None:
                gbps += 2 * (made.args.target.pod_gbps or 0) / made.workers
        assert held["local-disk"] <= nodes["local-disk"].most_gib
        assert held["memory"] + memory <= node.memory_gib
        assert vcpu <= node.vcpu
        assert gbps <= nodes["memory"].network_gbps * (1 + 1e-9)
    assert sum(made.workers for made in alone) + max((made.workers for made in shared), default=0) <= 6
    for made in plans.values():
        assert made.tier is not None
        assert 1 <= made.tier.quota_gib <= nodes[made.tier.medium].most_gib
        assert made.workers in range(made.args.runtime.copies, 7 if made.args.zone is None else 4)
        assert made.args.runtime.workers in (None, made.workers)
        # One GiB a disk at least.
        assert made.args.runtime.tier.quota_gib in (None, made.tier.quota_gib, made.tier.quota_gib - 1)


@given(DATASETS)
def test_the_plan_does_not_depend_on_the_order_of_datasets(drawn: Mapping[str, Mapping[str, Any]]) -> None:
    datasets = {name: _drawn(values) for name, values in drawn.items()}
    if not problems(datasets):
        found = plan_datasets(datasets, CACHING, AROUND)
        assert found == plan_datasets(dict(reversed(datasets.items())), CACHING, AROUND)
        assert list(found) == sorted(datasets)


def test_the_plan_does_not_depend_on_the_order_of_pools() -> None:
    twins = {name: pool(name, "ecs.i4.8xlarge", 2, kind="cache") for name in ("one", "two")}
    large = dataset(sizeGib=1_000_000, pattern="random")
    assert plan(large, around(pools=twins)).pool == plan(large, around(pools=dict(reversed(twins.items())))).pool


def test_bandwidth_of_a_bucket_is_what_it_can_count_on() -> None:
    slow = around(bandwidth={"raw": BucketBandwidth(1, None)})
    target: dict[str, Any] = {
        "target": {"epochMinutes": 5, "when": "cold"},
        "readers": {"pods": 4, "nodeGbps": 16},
    }
    (found,) = problems({"tokens": dataset(RAW, **target)}, slow)
    assert found.endswith("it is limited by the bandwidth of the source")
    assert not problems({"tokens": dataset(RAW, **target)})
