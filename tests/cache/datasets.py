"""What tests of datasets share: pools, surroundings, and datasets out of a few words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from components.cache import (
    BucketBandwidth,
    CachingArgs,
    DatasetArgs,
    DatasetPlan,
    DatasetSurroundings,
    ReaderNodes,
    datasets_problems,
    plan_datasets,
)
from components.file_systems import FileSystemArgs
from components.node_pools import NodePoolArgs, NodePoolPlan, plan_node_pool
from support import shown

HERE, THERE = "cn-hangzhou-h", "cn-hangzhou-i"
IMAGE = "docker.io/library/python:3.13-slim"
CACHING = CachingArgs(python_image=IMAGE)
CPFS = "cpfs-1-2.cn-hangzhou.cpfs.aliyuncs.com"
S3 = {"data": {"uri": "s3://samples/images/"}}
JUICE = {"data": {"uri": "juicefs:///work"}}
NFS = {"data": {"fileSystem": "home"}}
RAW = {"data": {"bucket": "raw", "prefix": "tokens/"}}

Pool = tuple[NodePoolArgs, NodePoolPlan, list[str]]


def pool(name: str, instance_type: str, size: int, zones: tuple[str, ...] = (HERE, THERE), **values: Any) -> Pool:
    """A pool of nodes, with its zones."""
    args = NodePoolArgs.model_validate({"kind": "cpu", "instanceTypes": [instance_type], "size": size, **values})
    return args, plan_node_pool(args, name), list(zones)


POOLS: Mapping[str, Pool] = {
    "nvme": pool("nvme", "ecs.i4.8xlarge", 4, kind="cache"),
    "fast": pool("fast", "ecs.g7nex.8xlarge", 3),
    "disks": pool(
        "disks",
        "ecs.g8i.4xlarge",
        2,
        dataDisks=[
            {"sizeGib": 500, "performanceLevel": "PL2", "mountPath": "/mnt/one"},
            {"sizeGib": 500, "performanceLevel": "PL2", "mountPath": "/mnt/two"},
        ],
    ),
}
AROUND = DatasetSurroundings(
    flavor="ack",
    name="acme-test",
    region="cn-hangzhou",
    pools=POOLS,
    buckets={"raw": "acme-test-raw", "models": "acme-test-models"},
    bandwidth={"raw": BucketBandwidth(10, 40), "models": BucketBandwidth(None, None)},
    file_systems={
        "home": FileSystemArgs(kind="capacity"),
        "fixed": FileSystemArgs(kind="capacity", writable=False),
        "parallel": FileSystemArgs(kind="cpfs-100", capacity_gib=3_600, export_domain=CPFS),
        "new": FileSystemArgs(kind="cpfs-200", capacity_gib=3_600),
    },
    claims={"old": frozenset({"datasets", "jobs"}), "away": frozenset({"jobs"})},
    job_classes={
        "train": ReaderNodes(["jobs"], 16, 2, frozenset({HERE}), False),
        "burst": ReaderNodes(["jobs"], 0, 0, frozenset(), True),
    },
    tenants={"vision": 1_000},
    systems=frozenset({"fluid"}),
)
UPSTREAM = DatasetSurroundings(flavor="upstream", systems=frozenset({"fluid", "keda"}))


def around(**values: Any) -> DatasetSurroundings:
    """The surroundings of tests with some values changed."""
    return replace(AROUND, **values)


def dataset(mounts: Mapping[str, Any] | None = None, **values: Any) -> DatasetArgs:
    """A dataset of 100 GiB for the namespace `jobs`, as a user writes it."""
    return DatasetArgs.model_validate(
        {"mounts": S3 if mounts is None else mounts, "sizeGib": 100, "namespaces": ["jobs"], **values}
    )


def part(of: str, **values: Any) -> DatasetArgs:
    """A directory of another dataset."""
    return DatasetArgs.model_validate({"of": of, "directory": "/a", "namespaces": ["jobs"], **values})


def plan(
    args: DatasetArgs, surroundings: DatasetSurroundings = AROUND, caching: CachingArgs = CACHING, name: str = "tokens"
) -> DatasetPlan:
    """What one dataset will be; nothing is wrong with it."""
    found = problems({name: args}, surroundings, caching)
    assert not found, found
    return plan_datasets({name: args}, caching, surroundings)[name]


def problems(
    datasets: Mapping[str, DatasetArgs], surroundings: DatasetSurroundings = AROUND, caching: CachingArgs = CACHING
) -> list[str]:
    """What is wrong with datasets, as fixtures write it."""
    return [shown(problem) for problem in datasets_problems(datasets, caching, surroundings)]
