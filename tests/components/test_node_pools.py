"""Node pools: kinds, sizes and spot become labels, taints and inputs that the provider accepts."""

from typing import Any

import pytest

from components import catalog
from components.inputs import InvalidInput
from components.node_pools import Autoscaler, AutoscalerArgs, Autoscaling, NodePool, NodePoolArgs, Spot, plan_node_pool
from support import only, recorded

TYPES = ("ecs.g8i.8xlarge", "ecs.g7.8xlarge")


def _inputs(args: NodePoolArgs) -> dict[str, Any]:
    recording = recorded(
        lambda: NodePool(
            "pool", args, name="acme-pool", cluster_id="c1", vswitch_ids=["vsw-1"], security_group_id="sg-1"
        )
    )
    return dict(only(recording, "alicloud:cs/nodePool:NodePool").inputs)


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
