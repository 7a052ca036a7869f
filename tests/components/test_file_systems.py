"""File systems: each kind gets what the cloud takes for it and nothing else, and only the VPC reaches it."""

from collections.abc import Mapping
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.file_systems import (
    KINDS,
    MOUNT_TARGETS,
    CpfsCache,
    FileSystem,
    FileSystemArgs,
    Kind,
    SnapshotSchedule,
    file_system_problems,
    file_system_zone,
    mount_zones,
)
from components.inputs import InvalidInput
from stacks.preview.recording import Recording
from support import only, recorded, shown

REGION = "cn-hangzhou"
ZONES = ("cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j")
FILE_SYSTEM = "alicloud:nas/fileSystem:FileSystem"
RULE = "alicloud:nas/accessRule:AccessRule"
GROUP = "alicloud:nas/accessGroup:AccessGroup"
TARGET = "alicloud:nas/mountTarget:MountTarget"
RECYCLE_BIN = "alicloud:nas/recycleBin:RecycleBin"
SNAPSHOTS = "alicloud:nas/autoSnapshotPolicy:AutoSnapshotPolicy"
SERVICE = "alicloud:nas/protocolService:ProtocolService"
EXPORT = "alicloud:nas/protocolMountTarget:ProtocolMountTarget"
FILESET = "alicloud:nas/fileset:Fileset"
SMALLEST: Mapping[str, dict[str, Any]] = {
    kind: {"kind": kind, **({} if family == "standard" else {"capacity_gib": 3_600})}
    for kind, (family, _) in KINDS.items()
}


def _args(kind: str, **further: Any) -> FileSystemArgs:
    return FileSystemArgs(**{**SMALLEST[kind], **further})


def _make(args: FileSystemArgs, **further: Any) -> FileSystem:
    values: dict[str, Any] = {
        "name": "acme-test-data",
        "region": REGION,
        "vpc_id": "vpc-1",
        "vpc_cidr": "10.0.0.0/8",
        "vswitch_ids": {zone: f"vsw-{zone[-1]}" for zone in ZONES},
        **further,
    }
    return FileSystem("data", args, **values)


def _recorded(args: FileSystemArgs, **further: Any) -> Recording:
    return recorded(lambda: _make(args, **further))


def _types(recording: Recording) -> set[str]:
    return {resource.type for resource in recording.resources if resource.custom}


def test_kinds_are_those_of_the_cloud() -> None:
    assert set(KINDS) == set(get_args(Kind))


def test_general_purpose_nas() -> None:
    recording = _recorded(_args("capacity"), tags={"environment": "test"})
    file_system = only(recording, FILE_SYSTEM)
    assert file_system.inputs == {
        "fileSystemType": "standard",
        "storageType": "Capacity",
        "protocolType": "NFS",
        "description": "acme-test-data",
        "encryptType": 1,
        "tags": {"environment": "test"},
    }
    assert file_system.options.retain_on_delete
    group = only(recording, GROUP).inputs
    assert (group["accessGroupName"], group["accessGroupType"]) == ("acme-test-data", "Vpc")
    rule = only(recording, RULE)
    assert rule.inputs["sourceCidrIp"] == "10.0.0.0/8"
    assert (rule.inputs["rwAccessType"], rule.inputs["userAccessType"]) == ("RDWR", "no_squash")
    target = only(recording, TARGET)
    assert (target.inputs["vswitchId"], target.inputs["networkType"]) == ("vsw-h", "Vpc")
    assert rule.urn in target.dependencies
    recycle_bin = only(recording, RECYCLE_BIN)
    assert recycle_bin.inputs["reservedDays"] == 7
    assert recycle_bin.options.retain_on_delete


def test_switches() -> None:
    args = _args(
        "performance",
        encryption=None,
        root="root_squash",
        writable=False,
        recycle_bin_days=None,
        retain=False,
        zone="cn-hangzhou-b",
        mount_zones=["cn-hangzhou-j", "cn-hangzhou-i"],
    )
    recording = _recorded(args)
    file_system = only(recording, FILE_SYSTEM)
    assert (file_system.inputs["encryptType"], file_system.inputs["zoneId"]) == (0, "cn-hangzhou-b")
    assert not file_system.options.retain_on_delete
    assert RECYCLE_BIN not in _types(recording)
    rule = only(recording, RULE).inputs
    assert (rule["rwAccessType"], rule["userAccessType"]) == ("RDONLY", "root_squash")
    targets = [resource for resource in recording.resources if resource.type == TARGET]
    assert [target.inputs["vswitchId"] for target in targets] == ["vsw-j", "vsw-i"]


def test_extreme_nas_with_key_and_snapshots() -> None:
    schedule = SnapshotSchedule(hours=[14, 2], weekdays=[7, 1], retention_days=None)
    args = _args("extreme-advance", capacity_gib=200, encryption="kms", snapshots=schedule)
    made: list[FileSystem] = []
    recording = recorded(lambda: made.append(_make(args, kms_key_id="key-1")))
    inputs = only(recording, FILE_SYSTEM).inputs
    assert (inputs["fileSystemType"], inputs["storageType"], inputs["capacity"]) == ("extreme", "advance", 200)
    assert (inputs["encryptType"], inputs["kmsKeyId"], inputs["zoneId"]) == (2, "key-1", "cn-hangzhou-h")
    policy = only(recording, SNAPSHOTS).inputs
    assert (policy["timePoints"], policy["repeatWeekdays"]) == (["2", "14"], ["1", "7"])
    assert (policy["retentionDays"], policy["fileSystemType"]) == (-1, "extreme")
    assert (
        only(recording, GROUP).inputs["fileSystemType"] == only(recording, RULE).inputs["fileSystemType"] == "extreme"
    )
    assert made[0].mount.root == "/share"
    assert made[0].snapshot_policy_id is not None


def test_cpfs_is_exported_over_nfs() -> None:
    domain = "cpfs-1-2.cn-hangzhou.cpfs.aliyuncs.com"
    args = _args("cpfs-200", zone="cn-hangzhou-i", filesets=["/training/", "/raw/images/"], export_domain=domain)
    made: list[FileSystem] = []
    recording = recorded(lambda: made.append(_make(args)))
    inputs = only(recording, FILE_SYSTEM).inputs
    assert (inputs["fileSystemType"], inputs["storageType"], inputs["protocolType"]) == ("cpfs", "advance_200", "cpfs")
    assert (inputs["vpcId"], inputs["vswitchId"], inputs["zoneId"]) == ("vpc-1", "vsw-i", "cn-hangzhou-i")
    service = only(recording, SERVICE).inputs
    assert (service["protocolSpec"], service["protocolType"], service["vswitchId"]) == ("General", "NFS", "vsw-i")
    assert only(recording, EXPORT).inputs["path"] == "/"
    filesets = [resource for resource in recording.resources if resource.type == FILESET]
    assert [(f.inputs["fileSystemPath"], f.inputs["deletionProtection"]) for f in filesets] == [
        ("/training/", True),
        ("/raw/images/", True),
    ]
    assert not _types(recording) & {GROUP, RULE, TARGET, RECYCLE_BIN}
    assert (made[0].mount.domain, made[0].mount.root, list(made[0].domains)) == (domain, "/share", [])


def test_cpfs_cache() -> None:
    args = _args("cpfs-100", cpfs_cache=CpfsCache(grade="CL2", throughput_mbps=8_000))
    service = only(_recorded(args), SERVICE).inputs
    assert (service["protocolSpec"], service["protocolThroughput"]) == ("CL2", 8_000)


@pytest.mark.parametrize("kind", KINDS)
def test_only_cpfs_lies_in_a_vpc_and_only_it_lacks_encryption(kind: str) -> None:
    inputs = only(_recorded(_args(kind)), FILE_SYSTEM).inputs
    parallel = kind.startswith("cpfs")
    assert ("vpcId" in inputs, "vswitchId" in inputs, "encryptType" in inputs) == (parallel, parallel, not parallel)
    assert ("zoneId" in inputs) == (KINDS[_args(kind).kind][0] != "standard")


CAPACITY = "does not go with kind: capacity; only with"
EXTREME = "does not go with kind: extreme-standard; only with"
CPFS = "does not go with kind: cpfs-100; only with"
NAS_KINDS = "capacity, performance, premium, extreme-standard, extreme-advance"
FIXED = "extreme-standard, extreme-advance, cpfs-100, cpfs-200"


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("capacity", {"capacity_gib": 100}, f"capacityGib = 100: {CAPACITY} {FIXED}"),
        ("capacity", {"filesets": ["/a/"]}, f'filesets = ["/a/"]: {CAPACITY} cpfs-100, cpfs-200'),
        ("capacity", {"cpfs_cache": CpfsCache(throughput_mbps=1)}, f'cpfsCache = "CL1": {CAPACITY} cpfs-100, cpfs-200'),
        (
            "capacity",
            {"export_domain": "cpfs-1.cn-hangzhou.cpfs.aliyuncs.com"},
            f'exportDomain = "cpfs-1.cn-hangzhou.cpfs.aliyuncs.com": {CAPACITY} cpfs-100, cpfs-200',
        ),
        (
            "capacity",
            {"encryption": "kms"},
            'encryption = "kms": general-purpose NAS takes no KMS key; allowed: service',
        ),
        (
            "extreme-standard",
            {"recycle_bin_days": 3},
            f"recycleBinDays = 3: {EXTREME} capacity, performance, premium",
        ),
        (
            "extreme-standard",
            {"snapshots": SnapshotSchedule()},
            "snapshots = [2]: only kind: extreme-advance has them",
        ),
        (
            "extreme-standard",
            {"capacity_gib": None},
            "capacityGib = null: kind: extreme-standard has a fixed capacity; give it in GiB",
        ),
        ("extreme-standard", {"capacity_gib": 300_000}, "capacityGib = 300000: must be at most 262,144 GiB"),
        ("cpfs-100", {"capacity_gib": 2_000_000}, "capacityGib = 2000000: must be at most 1,048,576 GiB"),
        ("cpfs-100", {"encryption": "service"}, f'encryption = "service": {CPFS} {NAS_KINDS}'),
        ("cpfs-100", {"root": "no_squash"}, f'root = "no_squash": {CPFS} {NAS_KINDS}'),
        ("cpfs-100", {"writable": False}, f"writable = false: {CPFS} {NAS_KINDS}"),
        ("cpfs-100", {"mount_zones": ["cn-hangzhou-h"]}, f'mountZones = ["cn-hangzhou-h"]: {CPFS} {NAS_KINDS}'),
        (
            "cpfs-100",
            {"zone": "cn-hangzhou-b"},
            'zone = "cn-hangzhou-b": not one of the network\'s zones, where CPFS must be; '
            "did you mean 'cn-hangzhou-j'?",
        ),
        ("capacity", {"zone": "cn-beijing-b"}, 'zone = "cn-beijing-b": not a zone of cn-hangzhou'),
        (
            "capacity",
            {"mount_zones": ["cn-hangzhou-h", "cn-hangzhou-h"]},
            'mountZones[1] = "cn-hangzhou-h": stands twice; name each zone once',
        ),
        (
            "capacity",
            {"mount_zones": ["us-east-1a"]},
            'mountZones[0] = "us-east-1a": not one of the network\'s zones; allowed: '
            "cn-hangzhou-h, cn-hangzhou-i, cn-hangzhou-j",
        ),
        (
            "capacity",
            {"mount_zones": ZONES},
            'mountZones = ["cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j"]: '
            "a file system has at most 2 mount targets",
        ),
        ("cpfs-100", {"filesets": ["raw"]}, 'filesets[0] = "raw": not a path like /training/, of at most 8 levels'),
        (
            "cpfs-100",
            {"filesets": ["/a/", "/a/b/"]},
            'filesets[1] = "/a/b/": lies in another fileset or holds one; they cannot nest',
        ),
        (
            "cpfs-100",
            {"export_domain": "example.com"},
            'exportDomain = "example.com": not a domain like cpfs-….<region>.cpfs.aliyuncs.com',
        ),
    ],
)
def test_problems(kind: str, values: Mapping[str, Any], expected: str) -> None:
    problems = [shown(problem) for problem in file_system_problems(_args(kind, **values), REGION, ZONES)]
    assert problems == [expected]


def test_at_most_ten_filesets() -> None:
    args = _args("cpfs-100", filesets=[f"/set{index}/" for index in range(11)])
    assert [problem.message for problem in file_system_problems(args, REGION, ZONES)] == [
        "CPFS has at most 10 filesets"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_of_each_kind_is_right(kind: str) -> None:
    assert file_system_problems(_args(kind), REGION, ZONES) == []


@pytest.mark.parametrize(
    ("args", "further", "message"),
    [
        (_args("capacity"), {"name": "1st"}, "not a name"),
        (_args("capacity"), {"vswitch_ids": {}}, "needs a vSwitch"),
        (_args("capacity"), {"vpc_cidr": "10.0.0.0"}, "not a CIDR block"),
        (_args("extreme-standard", encryption="kms"), {}, "needs the environment's KMS key"),
    ],
)
def test_bad_input_registers_nothing(args: FileSystemArgs, further: Mapping[str, Any], message: str) -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=message):
            _make(args, **further)

    assert recorded(program).resources == []


@pytest.mark.parametrize("values", [{"hours": [24]}, {"weekdays": [0]}, {"hours": []}, {"retention_days": 0}])
def test_impossible_schedules_are_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SnapshotSchedule(**values)


@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    zone=st.none() | st.sampled_from(ZONES) | st.just("cn-hangzhou-b"),
    chosen=st.lists(st.sampled_from(ZONES), max_size=3),
)
def test_what_is_accepted_has_a_place(kind: str, zone: str | None, chosen: list[str]) -> None:
    """Without problems, a file system has its zone where one is required, and mount targets in the network."""
    args = _args(kind, zone=zone, mount_zones=chosen)
    if file_system_problems(args, REGION, ZONES):
        return
    assert args.family == "standard" or file_system_zone(args, ZONES) is not None
    targets = mount_zones(args, ZONES)
    assert set(targets) <= set(ZONES)
    assert len(set(targets)) == len(targets)
    assert (1 <= len(targets) <= MOUNT_TARGETS) if args.family != "cpfs" else not targets
