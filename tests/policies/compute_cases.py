"""Cases of the rules in policies/compute.py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
from cases import TAGS, Case, given, unknown

TYPES = ("ecs.g8i.2xlarge", "ecs.g7.2xlarge")
SPOT_TAINT = {"key": "spot", "value": "true", "effect": "NoSchedule"}
Program = Callable[[], object]


def nodes(**changes: Any) -> Program:
    """A hardened pool of two nodes, with changes."""

    def program() -> None:
        inputs: dict[str, Any] = {
            "cluster_id": "c1",
            "instance_types": list(TYPES),
            "desired_size": "2",
            "system_disk_encrypted": True,
            "system_disk_size": 40,
            "instance_metadata_options": {"http_tokens": "required"},
            "tags": TAGS,
        }
        alicloud.cs.NodePool("pool", **(inputs | {key: given(value) for key, value in changes.items()}))

    return program


def shared(mode: str = "core_mem", **changes: Any) -> Program:
    label = {"key": "ack.node.gpu.schedule", "value": mode}
    return nodes(**{"labels": [label], "instance_types": ["ecs.gn7i-c8g1.2xlarge"], **changes})


def spot(**changes: Any) -> Program:
    values: dict[str, Any] = {
        "spot_strategy": "SpotAsPriceGo",
        "taints": [SPOT_TAINT],
        "labels": [{"key": "spot", "value": "true"}, {"key": "node-pool", "value": "cheap"}],
        "compensate_with_on_demand": True,
    }
    return nodes(**(values | changes))


def both(*programs: Program) -> Program:
    def program() -> None:
        for each in programs:
            each()

    return program


def policy(*units: Mapping[str, Any], role: str = "worker", spec: Any = None) -> Program:
    def program() -> None:
        kubernetes.apiextensions.CustomResource(
            "policy",
            api_version="scheduling.alibabacloud.com/v1alpha1",
            kind="ResourcePolicy",
            metadata={"name": "policy", "labels": {"role": role}},
            spec=given(spec) or {"selector": {"job-class": "x"}, "strategy": "prefer", "units": list(units)},
        )

    return program


CHEAP = {"resource": "ecs", "nodeSelector": {"node-pool": "cheap", "spot": "true"}}
DEAR = {"resource": "ecs", "nodeSelector": {"node-pool": "dear"}}
BEST_EFFORT = {"resource": "acs", "podLabels": {"alibabacloud.com/compute-qos": "best-effort"}}


def ray(labels: Any = None, **head: Any) -> Program:
    """A Ray job whose head has further fields."""

    def program() -> None:
        template = {
            "metadata": {"labels": given(labels) or {}},
            "spec": {"containers": [{"name": "ray", "image": unknown()}], **{k: given(v) for k, v in head.items()}},
        }
        kubernetes.apiextensions.CustomResource(
            "job",
            api_version="ray.io/v1",
            kind="RayJob",
            metadata={"name": "job"},
            spec={"rayClusterSpec": {"headGroupSpec": {"template": template}}},
        )

    return program


def pod(vcpu: Any = "4", memory: str = "16Gi", labels: Any = None, **further: Any) -> Program:
    acs = {"alibabacloud.com/acs": "true"}

    def program() -> None:
        requests = {"cpu": given(vcpu), "memory": memory}
        container: Any = {"name": "main", "image": "registry.example.com/app:1", "resources": {"requests": requests}}
        spec: Any = {"containers": [container], **further}
        kubernetes.core.v1.Pod("pod", metadata={"labels": given(labels) or acs}, spec=spec)

    return program


def scaler(kind: Any) -> Program:
    return lambda: alicloud.cs.AutoscalingConfig("scaler", cluster_id="c1", scaler_type=given(kind))


def elastic(**changes: Any) -> Program:
    labels: Sequence[Mapping[str, str]] = [{"key": "node-pool", "value": "dear"}]
    scaling = {"enable": True, "min_size": 0, "max_size": 5}
    return nodes(**({"desired_size": None, "scaling_config": scaling, "labels": labels} | changes))


COMPUTE_CASES = [
    Case(
        "nodes-hardened",
        nodes(),
        nodes(system_disk_encrypted=False),
        "System disks are not encrypted. Set systemDiskEncrypted to true.",
        nodes(system_disk_encrypted=lambda: unknown().apply(bool)),
    ),
    Case(
        "nodes-hardened",
        nodes(data_disks=[{"category": "cloud_essd", "size": 40, "encrypted": "true"}]),
        nodes(data_disks=[{"category": "cloud_essd", "size": 40}]),
        'A data disk is not encrypted. Set its encrypted to "true".',
    ),
    Case(
        "nodes-hardened",
        nodes(key_name="ops"),
        nodes(password="secret"),  # noqa: S106
        "Nodes take a password for login. Name a key pair under keyName, or none.",
    ),
    Case(
        "nodes-hardened",
        nodes(internet_max_bandwidth_out=0),
        nodes(internet_max_bandwidth_out=5),
        "Nodes get public addresses. Set internetMaxBandwidthOut to 0; a NAT gateway is the way out.",
    ),
    Case(
        "nodes-hardened",
        nodes(),
        elastic(scaling_config={"enable": True, "max_size": 5, "is_bond_eip": True}),
        "Nodes get public addresses. Set internetMaxBandwidthOut to 0; a NAT gateway is the way out.",
    ),
    Case(
        "nodes-hardened",
        nodes(),
        nodes(instance_metadata_options={"http_tokens": "optional"}),
        "Instance metadata answers without a token. Set instanceMetadataOptions.httpTokens to required.",
    ),
    Case(
        "pool-size-has-one-owner",
        elastic(),
        elastic(desired_size="3"),
        "The pool has a fixed size and is autoscaled, which fight. Leave desiredSize out.",
        elastic(scaling_config=lambda: {"enable": unknown().apply(bool), "max_size": 5}),
    ),
    Case(
        "pool-size-has-one-owner",
        nodes(),
        elastic(scaling_config={"enable": True, "min_size": 6, "max_size": 5}),
        "The pool's maximum of 5 is below its minimum of 6. Raise maxSize.",
    ),
    Case(
        "gpu-sharing-on-gpu-nodes",
        shared(),
        shared(instance_types=["ecs.g8i.2xlarge"]),
        "ecs.g8i.2xlarge has no GPU to share. Use instance types with GPUs, or leave the label out.",
        shared(instance_types=lambda: [unknown()]),
    ),
    Case(
        "gpu-sharing-on-gpu-nodes",
        shared("topology", cpu_policy="static"),
        shared(cpu_policy="static"),
        "Nodes that share GPUs (core_mem) must not bind CPUs. Set the CPU policy to none.",
    ),
    Case(
        "spot-has-fallback",
        spot(),
        spot(compensate_with_on_demand=False),
        "Nothing steps in when spot instances run out. Set compensateWithOnDemand, or order the pool beside another "
        "one in a ResourcePolicy.",
        spot(compensate_with_on_demand=lambda: unknown().apply(bool)),
    ),
    Case(
        "spot-has-fallback",
        both(spot(compensate_with_on_demand=False), policy(CHEAP, DEAR)),
        both(spot(compensate_with_on_demand=False), policy(CHEAP, BEST_EFFORT)),
        "Nothing steps in when spot instances run out. Set compensateWithOnDemand, or order the pool beside another "
        "one in a ResourcePolicy.",
    ),
    Case(
        "spot-has-fallback",
        spot(),
        spot(instance_types=["ecs.g8i.2xlarge"]),
        "A spot pool of one instance type loses all nodes at once. Name two or more.",
    ),
    Case(
        "spot-has-fallback",
        spot(),
        spot(taints=[]),
        "Any pod may land on this spot pool. Give it a taint that only restartable pods tolerate.",
    ),
    Case(
        "leaders-not-on-spot",
        both(spot(), policy(DEAR, role="leader")),
        both(spot(), policy(DEAR, CHEAP, role="leader")),
        "Leaders (Ray heads, Spark drivers) may run on spot, and their end ends the job. Remove the spot unit.",
        policy(role="leader", spec=lambda: {"units": [{"nodeSelector": {"node-pool": unknown()}}]}),
    ),
    Case(
        "leaders-not-on-spot",
        policy(BEST_EFFORT),
        policy(BEST_EFFORT, role="leader"),
        "Leaders (Ray heads, Spark drivers) may run on spot, and their end ends the job. Remove the spot unit.",
    ),
    Case(
        "leaders-not-on-spot",
        ray(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}]),
        ray(tolerations=[{"operator": "Exists"}]),
        "spec.rayClusterSpec.headGroupSpec.template is a Ray head, Spark driver or launcher and may land on spot: its "
        "end ends the job. Remove the toleration, selector or label.",
        ray(tolerations=lambda: [{"key": unknown()}]),
    ),
    Case(
        "leaders-not-on-spot",
        ray(nodeSelector={"spot": "false"}),
        ray(nodeSelector={"spot": "true"}),
        "spec.rayClusterSpec.headGroupSpec.template is a Ray head, Spark driver or launcher and may land on spot: its "
        "end ends the job. Remove the toleration, selector or label.",
    ),
    Case(
        "leaders-not-on-spot",
        ray(labels={"alibabacloud.com/compute-qos": "default"}),
        ray(labels={"alibabacloud.com/compute-qos": "best-effort"}),
        "spec.rayClusterSpec.headGroupSpec.template is a Ray head, Spark driver or launcher and may land on spot: its "
        "end ends the job. Remove the toleration, selector or label.",
        ray(labels=lambda: {"alibabacloud.com/compute-qos": unknown()}),
    ),
    Case(
        "rungs-need-instant-elasticity",
        both(scaler("goatscaler"), policy(DEAR, CHEAP)),
        both(scaler("cluster-autoscaler"), policy(DEAR, CHEAP)),
        "cluster-autoscaler does not honour the stack's ResourcePolicies and may scale the wrong pool. Set scalerType "
        "to goatscaler.",
        both(scaler(unknown), policy(DEAR, CHEAP)),
    ),
    Case(
        "rungs-need-instant-elasticity",
        both(scaler("cluster-autoscaler"), policy(DEAR)),
        both(lambda: alicloud.cs.ManagedKubernetes("cluster", cluster_spec="ack.standard"), policy(DEAR, CHEAP)),
        "ResourcePolicies need a Pro specification, not ack.standard. Set ack.pro.small.",
    ),
    Case(
        "rungs-need-instant-elasticity",
        both(nodes(labels=[{"key": "node-pool", "value": "dear"}]), policy({**DEAR, "max": 3}, CHEAP)),
        both(elastic(), policy({**DEAR, "max": 3}, CHEAP)),
        "A unit with a maximum is on an autoscaled pool: nodes would start and stay empty. Remove max, and lower the "
        "pool's maxSize.",
    ),
    Case(
        "serverless-pods-within-limits",
        pod(),
        pod("17", "32Gi"),
        "Pod asks for 17 vCPU, 32 GiB; ACS pods have 16 vCPU and 128 GiB at most without a ticket. Make the pods "
        "smaller.",
        pod(unknown),
    ),
    Case(
        "serverless-pods-within-limits",
        pod("64", "256Gi", labels={"app": "x"}),
        pod(host_network=True),
        "Pod asks for hostNetwork, which serverless pods cannot have. Remove it.",
        pod(labels=lambda: {"alibabacloud.com/acs": unknown()}),
    ),
    Case(
        "serverless-pods-within-limits",
        pod(volumes=[{"name": "tmp", "empty_dir": {}}]),
        pod(volumes=[{"name": "tmp", "host_path": {"path": "/tmp"}}]),  # noqa: S108
        "Pod mounts a hostPath, which serverless pods cannot. Use another volume.",
    ),
    Case(
        "serverless-pods-within-limits",
        pod("500m", "1Gi"),
        pod("four"),
        "Pod asks for an amount that cannot be read: 'four' is not a quantity.",
    ),
]
