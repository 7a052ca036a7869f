"""Node pools: kinds, sizes and spot become labels, taints and inputs that the provider accepts."""

import base64
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import catalog
from components.inputs import InvalidInput, Problem
from components.node_pools import (
    Autoscaler,
    AutoscalerArgs,
    Autoscaling,
    DataDisk,
    GpuArgs,
    KubeletArgs,
    LingjunArgs,
    NodePool,
    NodePoolArgs,
    RollingUpdate,
    Spot,
    SystemDisk,
    Taint,
    autoscaler_problems,
    plan_node_pool,
)
from components.node_pools.args import Reserved
from support import only, recorded

TYPES = ("ecs.g8i.8xlarge", "ecs.g7.8xlarge")
A10 = ("ecs.gn7i-c8g1.2xlarge",)
NVME = ("ecs.i4.8xlarge",)
GROWING = Autoscaling(minimum=0, maximum=5)
LINGJUN = LingjunArgs(cluster_id="i1", group_id="g1")
Expected = list[tuple[str, str]]


def _args(**given: Any) -> NodePoolArgs:
    """A fixed pool of one node, with values laid over it."""
    values: dict[str, Any] = {"kind": "cpu", "instance_types": TYPES, "size": 1, **given}
    return NodePoolArgs(**values)


def _inputs(args: NodePoolArgs) -> dict[str, Any]:
    recording = recorded(
        lambda: NodePool(
            "pool", args, name="acme-pool", cluster_id="c1", vswitch_ids=["vsw-1"], security_group_id="sg-1"
        )
    )
    return _present(only(recording, "alicloud:cs/nodePool:NodePool").inputs)


def _present(value: Any) -> Any:
    """Inputs without those that are None, which counts as absent."""
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


def test_fixed_pool() -> None:
    inputs = _inputs(NodePoolArgs(kind="cpu", instance_types=TYPES, size=3))
    assert inputs["desiredSize"] == "3"
    assert "scalingConfig" not in inputs
    assert inputs["labels"] == [{"key": "node-pool", "value": "pool"}, {"key": "workload", "value": "cpu"}]
    assert inputs["taints"] == []
    assert inputs["spotStrategy"] == "NoSpot"
    assert inputs["multiAzPolicy"] == "BALANCE"


def test_autoscaled_pool_has_no_desired_size() -> None:
    inputs = _inputs(NodePoolArgs(kind="cpu", instance_types=TYPES, autoscaling=Autoscaling(minimum=1, maximum=9)))
    assert "desiredSize" not in inputs
    assert inputs["scalingConfig"] == {"enable": True, "minSize": 1, "maxSize": 9, "type": "cpu"}


def test_every_pool_is_hardened() -> None:
    inputs = _inputs(NodePoolArgs(kind="system", instance_types=TYPES, size=2))
    assert inputs["systemDiskEncrypted"] is True
    assert inputs["systemDiskSize"] == 120
    assert inputs["instanceMetadataOptions"] == {"httpTokens": "required"}
    assert inputs["management"]["autoRepair"] is True
    assert not {"password", "kmsEncryptedPassword", "keyName", "internetMaxBandwidthOut"} & set(inputs)


def test_spot_pool() -> None:
    spot = Spot(price_limits={TYPES[0]: 0.00001})
    scaling = Autoscaling(minimum=0, maximum=5)
    inputs = _inputs(NodePoolArgs(kind="cpu", instance_types=TYPES, autoscaling=scaling, spot=spot))
    assert inputs["spotStrategy"] == "SpotWithPriceLimit"
    assert inputs["spotPriceLimits"] == [{"instanceType": TYPES[0], "priceLimit": "0.00001"}]
    assert inputs["multiAzPolicy"] == "COST_OPTIMIZED"
    assert inputs["compensateWithOnDemand"] is True
    assert (inputs["onDemandBaseCapacity"], inputs["onDemandPercentageAboveBaseCapacity"]) == ("0", "0")
    assert inputs["taints"] == [{"key": "spot", "value": "true", "effect": "NoSchedule"}]
    assert inputs["scalingConfig"]["type"] == "spot"


def test_gpu_and_cache_pools_keep_other_pods_away() -> None:
    gpu = plan_node_pool(NodePoolArgs(kind="gpu", instance_types=("ecs.gn7i-c8g1.2xlarge",), size=1))
    assert gpu.labels == {"workload": "gpu", "ack.node.gpu.schedule": "default"}
    assert [taint.key for taint in gpu.taints] == ["nvidia.com/gpu"]
    cache = plan_node_pool(NodePoolArgs(kind="cache", instance_types=("ecs.i4.8xlarge",), size=1, max_pods=32))
    assert [(taint.key, taint.value) for taint in cache.taints] == [("workload", "cache")]


def test_pods_per_node() -> None:
    small_and_large = ("ecs.g8i.2xlarge", "ecs.g8i.8xlarge")
    plan = plan_node_pool(NodePoolArgs(kind="cpu", instance_types=small_and_large, size=1))
    assert (plan.pods_per_node, plan.pod_addresses_per_node) == (45, 210)
    stated = plan_node_pool(NodePoolArgs(kind="cpu", instance_types=TYPES, size=1, max_pods=64))
    assert (stated.pods_per_node, stated.pod_addresses_per_node) == (64, 64)
    unknown = plan_node_pool(NodePoolArgs(kind="cache", instance_types=("ecs.i4.8xlarge",), size=1))
    assert (unknown.pods_per_node, unknown.pod_addresses_per_node) == (None, None)
    assert _inputs(NodePoolArgs(kind="cpu", instance_types=TYPES, size=1, max_pods=64))["kubeletConfiguration"] == {
        "maxPods": "64"
    }


def test_arm_pools_get_an_arm_image() -> None:
    arm = plan_node_pool(NodePoolArgs(kind="cpu", instance_types=("ecs.g8y.2xlarge",), size=1))
    assert arm.image_type == "AliyunLinux3Arm64"


@pytest.mark.parametrize("name", [name for name, t in catalog.instance_types().items() if t.gpu is None])
def test_every_cpu_type_of_the_catalog_makes_a_pool(name: str) -> None:
    plan_node_pool(NodePoolArgs(kind="cpu", instance_types=[name], size=1))


def test_all_problems_at_once() -> None:
    args = NodePoolArgs(kind="gpu", instance_types=("ecs.g8i.2xlarge", "nope"), size=1, key_pair="!")
    with pytest.raises(InvalidInput) as caught:
        plan_node_pool(args)
    assert [problem.path for problem in caught.value.problems] == ["instanceTypes[0]", "instanceTypes[1]", "keyPair"]


def test_autoscaler() -> None:
    args = AutoscalerArgs(utilization_threshold=0.4, unneeded_minutes=5)
    recording = recorded(lambda: Autoscaler("autoscaler", args, cluster_id="c1"))
    inputs = only(recording, "alicloud:cs/autoscalingConfig:AutoscalingConfig").inputs
    assert inputs == {
        "clusterId": "c1",
        "scalerType": "goatscaler",
        "expander": "least-waste",
        "utilizationThreshold": "0.4",
        "gpuUtilizationThreshold": "0.5",
        "coolDownDuration": "5m",
        "unneededDuration": "10m",
        "maxGracefulTerminationSec": 14400,
    }


def test_autoscaler_by_priority_joins_the_scaling_groups_of_one_priority() -> None:
    args = AutoscalerArgs(
        scaler="cluster-autoscaler",
        expander="priority",
        priorities={"a": 10, "b": 50, "c": 10},
        scan_seconds=30,
        evict_daemonset_pods=True,
        keep_nodes_with_local_storage=True,
        cool_down_minutes=7,
        graceful_termination_minutes=2,
    )
    pools = {name: _args(size=None, autoscaling=GROWING) for name in "abc"}
    groups = {name: f"asg-{name}" for name in "abc"}
    recording = recorded(lambda: Autoscaler("autoscaler", args, cluster_id="c1", pools=pools, scaling_group_ids=groups))
    inputs = only(recording, "alicloud:cs/autoscalingConfig:AutoscalingConfig").inputs
    assert (inputs["scalerType"], inputs["expander"]) == ("cluster-autoscaler", "priority")
    assert inputs["priorities"] == {"10": "asg-a,asg-c", "50": "asg-b"}
    assert inputs["scanInterval"] == "30s"
    assert (inputs["daemonsetEvictionForNodes"], inputs["skipNodesWithLocalStorage"]) == (True, True)
    assert (inputs["coolDownDuration"], inputs["unneededDuration"]) == ("10m", "7m")
    assert inputs["maxGracefulTerminationSec"] == 120


def test_a_bad_autoscaler_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="goatscaler has only least-waste"):
            Autoscaler("autoscaler", AutoscalerArgs(expander="random"), cluster_id="c1")

    assert recorded(program).resources == []


def test_gpu_sharing() -> None:
    gpu = GpuArgs(schedule="cgpu", placement="spread", driver_version="550.144.03")
    inputs = _inputs(_args(kind="gpu", instance_types=A10, gpu=gpu, size=None, autoscaling=GROWING))
    assert {label["key"]: label["value"] for label in inputs["labels"]} == {
        "ack.aliyun.com/nvidia-driver-version": "550.144.03",
        "ack.node.gpu.placement": "spread",
        "ack.node.gpu.schedule": "cgpu",
        "node-pool": "pool",
        "workload": "gpu",
    }
    # An empty value reads as absent from the taint or as "".
    assert [(taint["key"], taint.get("value", "")) for taint in inputs["taints"]] == [("nvidia.com/gpu", "")]
    assert inputs["scalingConfig"]["type"] == "gpushare"


@pytest.mark.parametrize(
    ("given", "scaling_type"),
    [
        ({"gpu": GpuArgs(schedule="mps")}, "gpushare"),
        ({"gpu": GpuArgs(schedule="topology")}, "gpu"),
        ({}, "gpu"),
        (
            {
                "gpu": GpuArgs(schedule="share"),
                "spot": Spot(),
                "instance_types": (*A10, "ecs.gn7i-c16g1.4xlarge"),
            },
            "spot",
        ),
    ],
)
def test_scaling_type_of_gpu_pools(given: dict[str, Any], scaling_type: str) -> None:
    inputs = _inputs(_args(**{"kind": "gpu", "instance_types": A10, "size": None, "autoscaling": GROWING, **given}))
    assert inputs["scalingConfig"]["type"] == scaling_type


def test_spot_without_limits_or_fallback() -> None:
    spot = Spot(instance_pools=4, on_demand_fallback=False)
    inputs = _inputs(_args(size=None, autoscaling=GROWING, spot=spot))
    assert inputs["spotStrategy"] == "SpotAsPriceGo"
    assert "spotPriceLimits" not in inputs
    assert (inputs["compensateWithOnDemand"], inputs["spotInstancePools"]) == (False, 4)
    assert {"key": "spot", "value": "true"} in inputs["labels"]


def _script(args: NodePoolArgs) -> str:
    return base64.b64decode(plan_node_pool(args).pre_user_data or "", validate=True).decode()


def _sizes(script: str) -> list[str]:
    found = re.search(r'case " ([0-9 ]+) " in', script)
    assert found
    return found[1].split(" ")


def test_cache_pools_mount_their_local_disks() -> None:
    args = _args(kind="cache", instance_types=NVME, max_pods=64)
    plan, inputs = plan_node_pool(args), _inputs(args)
    assert plan.local_disk_paths == ["/mnt/nvme0", "/mnt/nvme1"]
    assert inputs["preUserData"] == plan.pre_user_data
    script = _script(args)
    # The catalog says 3,839 GB; a gigabyte of rounding both ways.
    assert _sizes(script) == ["3838", "3839", "3840"]
    assert not re.search(r"\{[a-z]+\}", script)
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_cache_pools_of_several_types_promise_the_disks_that_all_have() -> None:
    args = _args(kind="cache", instance_types=(*NVME, "ecs.i4.2xlarge"), max_pods=64)
    assert plan_node_pool(args).local_disk_paths == ["/mnt/nvme0"]
    assert _sizes(_script(args)) == ["1918", "1919", "1920", "3838", "3839", "3840"]


def test_only_cache_pools_mount_disks() -> None:
    args = _args(kind="memory", instance_types=NVME, max_pods=64)
    assert (plan_node_pool(args).local_disk_paths, plan_node_pool(args).pre_user_data) == ([], None)
    assert "preUserData" not in _inputs(args)


MACHINE = """
lsblk() {
  case "$*" in
    *--nodeps*) printf '/dev/%s\\n' vda nvme10n1 nvme0n1 nvme1n1 nvme2n1 nvme3n1 nvme4n1 ;;
    *nvme4n1) printf 'disk\\npartition\\n' ;;
    *) echo disk ;;
  esac
}
blockdev() { case "$2" in *nvme0n1) echo 128849018880 ;; *) echo 3840755982336 ;; esac; }
findmnt() { grep --quiet "^$2$" "$ROOT/mounted"; }
blkid() {
  local device="${!#}"
  grep --quiet "^$device$" "$ROOT/formatted" && echo "uuid-$(basename "$device")"
}
mkfs.ext4() { echo "${!#}" >>"$ROOT/formatted"; }
mount() { echo "$1" >>"$ROOT/mounts"; }
"""
"""A machine with a system disk (nvme0n1), a cloud disk as large as a local one (nvme3n1), a local disk with a partition
(nvme4n1) and three blank local disks, of which it lists the last first."""


def test_the_mount_script_takes_blank_local_disks_only_and_formats_them_once(tmp_path: Path) -> None:
    for name in ("mounted", "formatted", "mounts", "fstab"):
        (tmp_path / name).touch()
    for device in ("nvme0n1", "nvme1n1", "nvme2n1", "nvme3n1", "nvme4n1", "nvme10n1"):
        model = tmp_path / "block" / device / "device" / "model"
        model.parent.mkdir(parents=True)
        cloud = device in ("nvme0n1", "nvme3n1")
        model.write_text("Alibaba Cloud Elastic Block Storage\n" if cloud else "ESA3SMD2HW3T8\n")
    script = _script(_args(kind="cache", instance_types=NVME, max_pods=64))
    for there, here in (("/sys/block", "block"), ("/etc/fstab", "fstab"), ("/mnt/nvme", "nvme")):
        assert there in script
        script = script.replace(there, str(tmp_path / here))

    def run() -> list[str]:
        (tmp_path / "mounts").write_text("")
        subprocess.run(["bash"], input=f"ROOT={tmp_path}\n{MACHINE}\n{script}", text=True, check=True)
        return (tmp_path / "mounts").read_text().split()

    mounts = [str(tmp_path / f"nvme{index}") for index in range(3)]
    assert run() == mounts
    assert (tmp_path / "formatted").read_text().split() == ["/dev/nvme1n1", "/dev/nvme2n1", "/dev/nvme10n1"]
    entries = (tmp_path / "fstab").read_text()
    assert [line.split()[:2] for line in entries.splitlines()] == [
        ["UUID=uuid-nvme1n1", mounts[0]],
        ["UUID=uuid-nvme2n1", mounts[1]],
        ["UUID=uuid-nvme10n1", mounts[2]],
    ]
    (tmp_path / "mounted").write_text("/dev/nvme1n1\n")
    assert run() == mounts[1:]
    assert len((tmp_path / "formatted").read_text().split()) == 3
    assert (tmp_path / "fstab").read_text() == entries


def test_memory_pools_keep_other_pods_away() -> None:
    plan = plan_node_pool(_args(kind="memory", instance_types=("ecs.r8i.4xlarge",)))
    assert plan.labels == {"workload": "memory"}
    assert plan.taints == [Taint(key="workload", value="memory", effect="NoSchedule")]


def test_arm_spot_pools_have_both_taints_and_the_users() -> None:
    own = Taint(key="team", effect="PreferNoSchedule")
    args = _args(instance_types=("ecs.g8y.2xlarge", "ecs.c8y.2xlarge"), spot=Spot(), taints=[own], labels={"team": "a"})
    plan = plan_node_pool(args)
    assert plan.architecture == "arm64"
    assert [(t.key, t.value, t.effect) for t in plan.taints] == [
        ("kubernetes.io/arch", "arm64", "NoSchedule"),
        ("spot", "true", "NoSchedule"),
        ("team", "", "PreferNoSchedule"),
    ]
    assert plan.labels == {"workload": "cpu", "spot": "true", "team": "a"}
    assert plan_node_pool(_args()).architecture == "amd64"


@pytest.mark.parametrize(
    ("name", "pods"),
    [
        ("ecs.gn8is.4xlarge", 150),  # (8 - 1 - 2) x 30
        ("ecs.gn8is.2xlarge", 30),  # (4 - 1 - 1) x 15
    ],
)
def test_erdma_takes_interfaces_from_pods(name: str, pods: int) -> None:
    plan = plan_node_pool(_args(kind="gpu", instance_types=[name], erdma=True))
    assert plan.labels["erdma"] == "true"
    assert (plan.pods_per_node, plan.pod_addresses_per_node, plan.allocatable[0].pods) == (pods, pods, pods)
    without = plan_node_pool(_args(kind="gpu", instance_types=[name]))
    assert "erdma" not in without.labels
    assert without.pods_per_node == catalog.instance_types()[name].pods


def test_erdma_where_no_source_gives_the_limit() -> None:
    assert plan_node_pool(_args(kind="cache", instance_types=NVME, erdma=True)).pods_per_node is None


def test_lingjun_pool() -> None:
    args = NodePoolArgs(kind="lingjun", size=4, max_pods=110, lingjun=LINGJUN)
    inputs = _inputs(args)
    assert inputs["type"] == "lingjun"
    assert inputs["efloNodeGroup"] == {"clusterId": "i1", "groupId": "g1"}
    assert "instanceTypes" not in inputs
    assert (inputs["desiredSize"], inputs["kubeletConfiguration"]) == ("4", {"maxPods": "110"})
    assert [taint["key"] for taint in inputs["taints"]] == ["nvidia.com/gpu"]
    plan = plan_node_pool(args)
    assert (plan.allocatable, plan.pods_per_node, plan.maximum) == ([], 110, 4)
    assert not {"type", "efloNodeGroup"} & set(_inputs(_args()))


def test_disks() -> None:
    disks = [
        DataDisk(size_gib=200, mount_path="/data"),
        DataDisk(size_gib=500, performance_level="PL2", mount_path="/logs", file_system="xfs"),
    ]
    inputs = _inputs(_args(data_disks=disks, system_disk=SystemDisk(performance_level="PL3", size_gib=1261)))
    first, second = inputs["dataDisks"]
    assert first == {
        "category": "cloud_essd",
        "performanceLevel": "PL1",
        "size": 200,
        "encrypted": "true",
        "autoFormat": "true",
        "fileSystem": "ext4",
        "mountTarget": "/data",
    }
    assert (second["performanceLevel"], second["size"], second["fileSystem"]) == ("PL2", 500, "xfs")
    assert (second["encrypted"], second["mountTarget"]) == ("true", "/logs")
    assert (inputs["systemDiskPerformanceLevel"], inputs["systemDiskSize"]) == ("PL3", 1261)
    assert "dataDisks" not in _inputs(_args())


def test_kubelet() -> None:
    kubelet = KubeletArgs(
        cpu_manager_policy="static",
        topology_manager_policy="single-numa-node",
        kube_reserved=Reserved(cpu="500m", memory="2Gi"),
        system_reserved=Reserved(ephemeral_storage="1Gi"),
        eviction_hard={"memory.available": "5%"},
        pod_pids_limit=4096,
    )
    inputs = _inputs(_args(kubelet=kubelet, max_pods=64))
    assert inputs["cpuPolicy"] == "static"
    assert inputs["kubeletConfiguration"] == {
        "maxPods": "64",
        "cpuManagerPolicy": "static",
        "topologyManagerPolicy": "single-numa-node",
        "kubeReserved": {"cpu": "500m", "memory": "2Gi"},
        "systemReserved": {"ephemeral-storage": "1Gi"},
        "evictionHard": {"memory.available": "5%"},
        "podPidsLimit": "4096",
    }
    assert "kubeletConfiguration" not in _inputs(_args())


def test_updates_and_repairs() -> None:
    update = RollingUpdate(maximum_unavailable=3, maximum_parallelism=5, pause="NotPause", batch_interval_minutes=10)
    inputs = _inputs(_args(update=update, auto_upgrade=True, auto_repair=False, key_pair="ops"))
    assert inputs["rollingPolicy"] == {"maxParallelism": 5, "pausePolicy": "NotPause", "batchInterval": "10"}
    management = inputs["management"]
    assert (management["maxUnavailable"], management["autoRepair"]) == (3, False)
    assert management["autoUpgradePolicy"] == {"autoUpgradeKubelet": True}
    assert management["autoVulFixPolicy"] == {"vulLevel": "asap", "restartNode": False}
    assert inputs["keyName"] == "ops"
    other = _inputs(_args(auto_fix_vulnerabilities=False))
    assert other["rollingPolicy"] == {"maxParallelism": 1, "pausePolicy": "NotPause"}
    assert not {"autoUpgradePolicy", "autoVulFixPolicy"} & set(other["management"])


RESERVED = KubeletArgs(kube_reserved=Reserved(cpu="500m", memory="2Gi"), system_reserved=Reserved(cpu="1"))
EVICTED = KubeletArgs(kube_reserved=Reserved(memory="2Gi"), eviction_hard={"memory.available": "5%"})
IN_UNITS = KubeletArgs(
    kube_reserved=Reserved(memory="0.5Gi"),
    system_reserved=Reserved(memory="1048576Ki"),
    eviction_hard={"memory.available": "512Mi"},
)


@pytest.mark.parametrize(
    ("name", "given", "vcpu", "memory_gib"),
    [
        # 8 vCPU: 8 - (0.06 + 0.01 + 2 x 0.005 + 4 x 0.0025) = 7.91.
        # 32 GiB and 45 pods: 32 x 1024 x 0.94 = 30,801.92 MiB are visible, 11 x 45 + 255 = 750 MiB and 200 MiB
        # reserved: 29,851.92 MiB = 29.15 GiB.
        ("ecs.g8i.2xlarge", {}, 7.91, 29.15),
        # 20 pods: 11 x 20 + 255 + 200 = 675 MiB: 30,126.92 MiB.
        ("ecs.g8i.2xlarge", {"max_pods": 20}, 7.91, 29.42),
        # 4 vCPU: 4 - (0.06 + 0.01 + 2 x 0.005). 11 x 1000 + 255 is more than a quarter, 8192 MiB: 22,409.92 MiB.
        ("ecs.i4.xlarge", {"max_pods": 1000}, 3.92, 21.88),
        # No source for the pods, so 256: 11 x 256 + 255 + 200 = 3271 MiB: 27,530.92 MiB.
        ("ecs.i4.xlarge", {}, 3.92, 26.89),
        # 500m + 1; 2048 MiB + 100 MiB, the kubelet's own threshold: 28,653.92 MiB.
        ("ecs.g8i.2xlarge", {"kubelet": RESERVED}, 6.5, 27.98),
        # CPU by ACK's formula; 2048 MiB + 5 % of 30,801.92 MiB: 27,213.82 MiB.
        ("ecs.g8i.2xlarge", {"kubelet": EVICTED}, 7.91, 26.58),
        # 512 + 1024 + 512 MiB: 28,753.92 MiB.
        ("ecs.g8i.2xlarge", {"kubelet": IN_UNITS}, 7.91, 28.08),
    ],
)
def test_allocatable(name: str, given: dict[str, Any], vcpu: float, memory_gib: float) -> None:
    (node,) = plan_node_pool(_args(instance_types=[name], **given)).allocatable
    assert (node.vcpu, node.memory_gib) == (vcpu, memory_gib)


def test_allocatable_by_instance_type_with_gpus() -> None:
    args = _args(kind="gpu", instance_types=("ecs.gn7i-4x.16xlarge", *A10))
    assert [(node.instance_type.name, node.gpus, node.gpu_memory_gib) for node in plan_node_pool(args).allocatable] == [
        ("ecs.gn7i-4x.16xlarge", 4, 24),
        ("ecs.gn7i-c8g1.2xlarge", 1, 24),
    ]


@given(data=st.data(), name=st.sampled_from(sorted(catalog.instance_types())))
def test_allocatable_is_positive_and_less_than_the_node(data: st.DataObject, name: str) -> None:
    instance_type = catalog.instance_types()[name]
    kind = "gpu" if instance_type.gpu else "cpu"
    pods = data.draw(st.none() | st.integers(8, instance_type.pods or 5_000), "max_pods")
    (node,) = plan_node_pool(_args(kind=kind, instance_types=[name], max_pods=pods)).allocatable
    assert 0 < node.vcpu < instance_type.vcpu
    assert 0 < node.memory_gib < instance_type.memory_gib
    assert node.pods == (pods or instance_type.pods)
    (least,) = plan_node_pool(_args(kind=kind, instance_types=[name], max_pods=8)).allocatable
    assert node.memory_gib <= least.memory_gib


def _problems(args: NodePoolArgs) -> list[Problem]:
    with pytest.raises(InvalidInput) as caught:
        plan_node_pool(args)
    return list(caught.value.problems)


def _assert_problems(found: list[Problem], expected: Expected) -> None:
    assert [problem.path for problem in found] == [path for path, _ in expected], found
    for problem, (_, part) in zip(found, expected, strict=True):
        assert part in problem.message


ALL_RESERVED: Expected = [("kubelet", "reserves all that ecs.g8i.8xlarge has (32 vCPU, 128 GiB)")]
SPOT_TWICE: Expected = [("taints[2].key", "set by the pool itself")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"instance_types": ()}, [("instanceTypes", "missing; name 1 to 10")]),
        (
            {"kind": "lingjun", "lingjun": LINGJUN, "max_pods": 64},
            [("instanceTypes", "given by the Lingjun node group")],
        ),
        ({"instance_types": ("ecs.g8i.9xlarge",)}, [("instanceTypes[0]", "did you mean")]),
        ({"instance_types": (TYPES[0], TYPES[0])}, [("instanceTypes[1]", "stands twice")]),
        (
            {"instance_types": (TYPES[0], "ecs.g8y.2xlarge")},
            [("instanceTypes[1]", "is arm64, but ecs.g8i.8xlarge is x86_64")],
        ),
        ({"kind": "gpu"}, [("instanceTypes[0]", "has no GPU"), ("instanceTypes[1]", "has no GPU")]),
        ({"instance_types": A10}, [("instanceTypes[0]", "use kind: gpu")]),
        ({"kind": "cache", "instance_types": TYPES[:1]}, [("instanceTypes[0]", "no local NVMe disk")]),
        ({"kind": "cache", "instance_types": ("ecs.d3s.2xlarge",)}, [("instanceTypes[0]", "no local NVMe disk")]),
        ({"kind": "memory", "instance_types": TYPES[:1]}, [("instanceTypes[0]", "has 4 GiB a vCPU")]),
        ({"erdma": True}, [("instanceTypes[1]", "has no eRDMA")]),
        ({"autoscaling": GROWING}, [("size", "never both")]),
        ({"size": None}, [("size", "give size or autoscaling")]),
        (
            {"size": None, "autoscaling": Autoscaling(minimum=3, maximum=2)},
            [("autoscaling.maximum", "below autoscaling.minimum = 3")],
        ),
        ({"system_disk": SystemDisk(size_gib=39)}, [("systemDisk.sizeGib", "40 to 2,048 GiB")]),
        (
            {"system_disk": SystemDisk(size_gib=1260, performance_level="PL3")},
            [("systemDisk.sizeGib", "1,261 to 2,048 GiB")],
        ),
        (
            {"data_disks": [DataDisk(size_gib=460, performance_level="PL2", mount_path="/a")]},
            [("dataDisks[0].sizeGib", "461 to 32,768 GiB")],
        ),
        (
            {"data_disks": [DataDisk(size_gib=40, mount_path=path) for path in ("/a", "/b", "/a")]},
            [("dataDisks[2].mountPath", "stands twice")],
        ),
        (
            {"instance_types": ("ecs.g8i.8xlarge", "ecs.g8i.2xlarge"), "max_pods": 46},
            [("maxPods", "ecs.g8i.2xlarge 45 pods at most")],
        ),
        (
            {"kind": "gpu", "instance_types": ("ecs.gn8is.4xlarge",), "erdma": True, "max_pods": 151},
            [("maxPods", "150 pods at most beside eRDMA")],
        ),
        ({"image_type": "AliyunLinux3Arm64"}, [("imageType", "does not run on ecs.g8i.8xlarge (x86_64)")]),
        (
            {"instance_types": ("ecs.g8y.2xlarge",), "image_type": "ContainerOS"},
            [("imageType", "does not run on ecs.g8y.2xlarge (arm64)")],
        ),
        ({"kind": "system", "spot": Spot()}, [("spot", "need nodes that stay")]),
        ({"instance_types": TYPES[:1], "spot": Spot()}, [("instanceTypes", "one instance type only")]),
        (
            {"spot": Spot(price_limits={TYPES[1]: 1, "ecs.r8i.xlarge": 1})},
            [("spot.priceLimits.ecs.r8i.xlarge", "not one of the pool's instance types")],
        ),
        ({"gpu": GpuArgs()}, [("gpu", "not cpu")]),
        (
            {
                "kind": "gpu",
                "instance_types": A10,
                "gpu": GpuArgs(schedule="core_mem"),
                "kubelet": KubeletArgs(cpu_manager_policy="static"),
            },
            [("kubelet.cpuManagerPolicy", "gpu.schedule = core_mem")],
        ),
        (
            {"kind": "gpu", "instance_types": A10, "gpu": GpuArgs(schedule="topology", placement="binpack")},
            [("gpu.placement", "set gpu.schedule to one of cgpu, core_mem, mps, share")],
        ),
        ({"lingjun": LINGJUN}, [("lingjun", "needs kind: lingjun")]),
        (
            {"kind": "lingjun", "instance_types": ()},
            [("lingjun", "needs clusterId and groupId"), ("maxPods", "no source gives the pod limit")],
        ),
        (
            {
                "kind": "lingjun",
                "instance_types": (),
                "lingjun": LINGJUN,
                "max_pods": 64,
                "size": None,
                "autoscaling": GROWING,
                "spot": Spot(),
            },
            [("spot", "not bought as spot"), ("autoscaling", "not autoscaled")],
        ),
        ({"kubelet": KubeletArgs(kube_reserved=Reserved(cpu="16"), system_reserved=Reserved(cpu="16"))}, ALL_RESERVED),
        ({"kubelet": KubeletArgs(kube_reserved=Reserved(memory="121Gi"))}, ALL_RESERVED),
        ({"data_disks": [DataDisk(size_gib=40, mount_path="/a/../b")]}, [("dataDisks[0].mountPath", "write /b")]),
        ({"data_disks": [DataDisk(size_gib=40, mount_path="/..")]}, [("dataDisks[0].mountPath", "not a path below /")]),
        ({"taints": [Taint(key="a"), Taint(key="a", value="b")]}, [("taints[1].key", "stands twice")]),
        (
            {"taints": [Taint(key="a"), Taint(key="a", effect="NoExecute"), Taint(key="spot")], "spot": Spot()},
            SPOT_TWICE,
        ),
        ({"labels": {"workload": "x"}}, [("labels.workload", "set by the pool itself")]),
        ({"labels": {"node-pool": "x"}}, [("labels.node-pool", "set by the pool itself")]),
        ({"spot": Spot(), "labels": {"spot": "no"}}, [("labels.spot", "set by the pool itself")]),
        (
            {"update": RollingUpdate(pause="FirstBatch", batch_interval_minutes=5)},
            [("update.batchIntervalMinutes", "needs update.pause = NotPause")],
        ),
        ({"key_pair": "1st"}, [("keyPair", "a letter first")]),
    ],
)
def test_problems(given: dict[str, Any], expected: Expected) -> None:
    _assert_problems(_problems(_args(**given)), expected)


BY_PRIORITY = {"scaler": "cluster-autoscaler", "expander": "priority"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"expander": "random"}, [("expander", "goatscaler has only least-waste")]),
        ({"expander": "random", "scaler": "cluster-autoscaler"}, []),
        (
            {"priorities": {"growing": 1}, "scaler": "cluster-autoscaler"},
            [("priorities", "expander: priority")],
        ),
        (BY_PRIORITY, [("priorities", "needs the priority of each pool")]),
        ({**BY_PRIORITY, "priorities": {"growing": 1}}, []),
        ({"scan_seconds": 30}, [("scanSeconds", "not a setting of goatscaler")]),
        ({"keep_nodes_with_local_storage": True}, [("keepNodesWithLocalStorage", "not a setting of goatscaler")]),
        ({"scan_seconds": 30, "keep_nodes_with_local_storage": True, "scaler": "cluster-autoscaler"}, []),
        (
            {**BY_PRIORITY, "priorities": {"growing": 1, "fixed": 2, "grown": 3}},
            [("priorities.fixed", "allowed: growing"), ("priorities.grown", "not an autoscaled pool")],
        ),
        (
            {**BY_PRIORITY, "priorities": {"fixed": 2}},
            [("priorities", "missing for growing"), ("priorities.fixed", "allowed: growing")],
        ),
    ],
)
def test_autoscaler_problems(given: dict[str, Any], expected: Expected) -> None:
    pools = {"fixed": _args(), "growing": _args(size=None, autoscaling=GROWING)}
    _assert_problems(autoscaler_problems(AutoscalerArgs(**given), pools), expected)
