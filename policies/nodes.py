"""Nodes and placement: how nodes are set up, and where pods may run."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from components import catalog
from components.capacity import NODE_POOL
from components.manifests import PodTemplate, UnreadableQuantity
from components.serverless import smallest_size

from .resources import (
    DEDICATED_CLUSTER,
    EDGE_CLUSTER,
    MANAGED_CLUSTER,
    any_kubernetes,
    node_labels,
    section,
    templates,
    where,
    zones,
)
from .rule import Config, Deferred, Inputs, Resource, Subject, rule, whole

AUTOSCALER = "alicloud:cs/autoscalingConfig:AutoscalingConfig"
RESOURCE_POLICY = "kubernetes:scheduling.alibabacloud.com/v1alpha1:ResourcePolicy"

NODE_POOLS = "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/create-a-node-pool"
SPOT = (
    "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "best-practices-for-preemptible-instance-based-node-pools"
)
PRIORITIES = (
    "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "configure-priority-based-resource-scheduling"
)
SERVERLESS_PODS = "https://www.alibabacloud.com/help/en/cs/user-guide/acs-pod-instance-overview"


@rule(
    "nodes-disks-encrypted",
    area="nodes",
    severity="high",
    types={NODE_POOL},
    needs=["systemDiskEncrypted", "dataDisks"],
    remedy={"systemDiskEncrypted": True},
    must="The disks of nodes must be encrypted.",
    how='Set systemDiskEncrypted to true, and encrypted to "true" on each of dataDisks.',
    reference=NODE_POOLS,
)
def nodes_disks_encrypted(subject: Subject[Config]) -> Iterator[str]:
    if not subject.inputs.get("systemDiskEncrypted"):
        yield "System disks are not encrypted. Set systemDiskEncrypted to true."
    for index, disk in enumerate(subject.inputs.get("dataDisks") or ()):
        if disk.get("encrypted") not in ("true", True):
            yield f'A data disk is not encrypted. Set dataDisks[{index}].encrypted to "true".'


@rule(
    "nodes-without-passwords",
    area="nodes",
    severity="high",
    types={NODE_POOL, DEDICATED_CLUSTER, EDGE_CLUSTER},
    needs=["password", "kmsEncryptedPassword"],
    must="Nobody must be able to log in to nodes with a password.",
    how="Leave password and kmsEncryptedPassword out; name a key pair under keyName, or none.",
    reference=NODE_POOLS,
)
def nodes_without_passwords(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("password") or subject.inputs.get("kmsEncryptedPassword"):
        yield "Nodes take a password for login. Name a key pair under keyName, or none."


@rule(
    "nodes-without-public-addresses",
    area="nodes",
    severity="high",
    types={NODE_POOL},
    needs=["internetMaxBandwidthOut", "scalingConfig.isBondEip"],
    must="Nodes must not have public addresses.",
    how="Leave internetMaxBandwidthOut and scalingConfig.isBondEip out; a NAT gateway is the way out.",
    reference=NODE_POOLS,
)
def nodes_without_public_addresses(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("internetMaxBandwidthOut"):
        yield "Nodes get public addresses. Set internetMaxBandwidthOut to 0; a NAT gateway is the way out."
    if section(subject.inputs, "scalingConfig").get("isBondEip"):
        yield "Nodes get public addresses. Set scalingConfig.isBondEip to false; a NAT gateway is the way out."


@rule(
    "nodes-metadata-behind-token",
    area="nodes",
    severity="high",
    types={NODE_POOL},
    needs=["instanceMetadataOptions.httpTokens"],
    remedy={"instanceMetadataOptions.httpTokens": "required"},
    must="The metadata of instances, which hold the nodes' credentials, must answer to tokens only.",
    how="Set instanceMetadataOptions.httpTokens to required (Kubernetes 1.28 or later).",
    reference="https://www.alibabacloud.com/help/ack/ack-managed-and-ack-dedicated/security-and-compliance/"
    "secure-access-to-ecs-instance-metadata",
)
def nodes_metadata_behind_token(subject: Subject[Config]) -> Iterator[str]:
    if section(subject.inputs, "instanceMetadataOptions").get("httpTokens") != "required":
        yield "Instance metadata answers without a token. Set instanceMetadataOptions.httpTokens to required."


@rule(
    "nodes-repair-themselves",
    area="nodes",
    severity="low",
    types={NODE_POOL},
    needs=["management.enable", "management.autoRepair"],
    level="advisory",
    remedy={"management.enable": True, "management.autoRepair": True},
    must="Nodes that fail must be repaired by ACK.",
    how="Set management with enable: true and autoRepair: true; it needs the add-on ack-node-problem-detector.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/auto-repair",
)
def nodes_repair_themselves(subject: Subject[Config]) -> Iterator[str]:
    management = section(subject.inputs, "management")
    if not (management.get("enable") and management.get("autoRepair")):
        yield "Nodes that fail stay so. Set management.enable and management.autoRepair to true."


def _autoscaled(pool: Inputs) -> bool:
    return bool(section(pool, "scalingConfig").get("enable"))


class InstanceTypes(Config):
    minimum: Annotated[int, Field(ge=1)] = 2
    """Instance types that a pool must name at least."""


@rule(
    "pool-has-several-types",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    needs=["scalingConfig.enable", "instanceTypes"],
    config=InstanceTypes,
    level="advisory",
    must="Autoscaled pools must have several instance types, since any one may be out of stock.",
    how="Name several in instanceTypes, or describe them in instancePatterns.",
    reference=NODE_POOLS,
)
def pool_has_several_types(subject: Subject[InstanceTypes]) -> Iterator[str]:
    minimum = subject.config.minimum
    if _autoscaled(subject.inputs) and _named(subject.inputs) < minimum:
        yield f"The pool cannot grow when its instance types are out of stock. Name {minimum} in instanceTypes."


MANY = 1_000
"""Counts for a pattern of instance types, which stands for many."""


def _named(pool: Inputs) -> int:
    """How many instance types a pool names."""
    return MANY if pool.get("instancePatterns") else len(pool.get("instanceTypes") or ())


class PoolZones(Config):
    minimum: Annotated[int, Field(ge=1)] = 2
    """Zones in which a pool must lie at least."""


@rule(
    "pool-in-several-zones",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    stack=True,
    needs=["vswitchIds", "instanceTypes"],
    config=PoolZones,
    level="advisory",
    must="Pools must lie in several zones, except those of GPUs, which few zones have and whose jobs stay in one.",
    how="Name vSwitches of several zones in vswitchIds.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "cluster-high-availability-architecture-recommend-configuration",
)
def pool_in_several_zones(subject: Subject[PoolZones]) -> Iterator[str]:
    count, minimum = zones(subject, "vswitchIds"), subject.config.minimum
    if count < minimum and not _has_gpus(subject.inputs):
        yield f"The pool lies in {count} zone(s), and ends with them. Name vSwitches of {minimum} zones in vswitchIds."


def _has_gpus(pool: Inputs) -> bool:
    """Whether nodes of a pool have GPUs; those of Lingjun do."""
    types = catalog.instance_types()
    names = pool.get("instanceTypes") or ()
    return bool(pool.get("efloNodeGroup")) or any(name in types and types[name].gpu for name in names)


@rule(
    "pool-size-has-one-owner",
    area="nodes",
    severity="high",
    types={NODE_POOL},
    needs=["scalingConfig.enable", "desiredSize", "nodeCount", "scalingConfig.maxSize"],
    must="A node pool must have either a fixed size or bounds for the autoscaler.",
    how="Leave desiredSize and nodeCount out where scalingConfig is enabled, and keep minSize below maxSize.",
    reference=NODE_POOLS,
)
def pool_size_has_one_owner(subject: Subject[Config]) -> Iterator[str]:
    if not _autoscaled(subject.inputs):
        return
    if subject.inputs.get("desiredSize") is not None or subject.inputs.get("nodeCount") is not None:
        yield "The pool has a fixed size and is autoscaled, which fight. Leave desiredSize and nodeCount out."
    scaling = section(subject.inputs, "scalingConfig")
    minimum, maximum = scaling.get("minSize") or 0, scaling.get("maxSize") or 0
    if maximum < minimum:
        yield f"The pool's maximum of {maximum:g} is below its minimum of {minimum:g}. Raise scalingConfig.maxSize."


@rule(
    "gpu-sharing-on-gpu-nodes",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    needs=["labels", "instanceTypes", "cpuPolicy", "kubeletConfiguration.cpuManagerPolicy"],
    must="Pools that share GPUs must have GPUs, and must not bind CPUs.",
    how="Use instance types with GPUs and the CPU policy none, or leave the label ack.node.gpu.schedule out.",
    reference="https://www.alibabacloud.com/help/en/container-service-for-kubernetes/latest/labels-used-by-ack-to-control-gpus",
)
def gpu_sharing_on_gpu_nodes(subject: Subject[Config]) -> Iterator[str]:
    mode = node_labels(subject.inputs).get("ack.node.gpu.schedule", "default")
    if mode == "default":
        return
    types = catalog.instance_types()
    for name in subject.inputs.get("instanceTypes") or ():
        if name in types and types[name].gpu is None:
            yield f"{name} has no GPU to share. Use instance types with GPUs, or leave the label out."
    kubelet = section(subject.inputs, "kubeletConfiguration")
    if mode != "topology" and "static" in (subject.inputs.get("cpuPolicy"), kubelet.get("cpuManagerPolicy")):
        yield f"Nodes that share GPUs ({mode}) must not bind CPUs. Set the CPU policy to none."


def _is_spot(pool: Inputs) -> bool:
    return pool.get("spotStrategy") not in (None, "NoSpot")


@rule(
    "spot-has-several-types",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    needs=["spotStrategy", "instanceTypes"],
    must="Spot pools must have several instance types.",
    how="Name two or more in instanceTypes, or describe them in instancePatterns.",
    reference=SPOT,
)
def spot_has_several_types(subject: Subject[Config]) -> Iterator[str]:
    if _is_spot(subject.inputs) and _named(subject.inputs) < 2:
        yield "A spot pool of one instance type loses all nodes at once. Name two or more in instanceTypes."


@rule(
    "spot-is-tainted",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    needs=["spotStrategy", "taints"],
    must="Only pods that tolerate it must land on spot nodes.",
    how="Give the pool a taint of effect NoSchedule that only pods tolerate which may be restarted.",
    reference=SPOT,
)
def spot_is_tainted(subject: Subject[Config]) -> Iterator[str]:
    kept = [taint for taint in subject.inputs.get("taints") or () if taint.get("effect") != "PreferNoSchedule"]
    if _is_spot(subject.inputs) and not kept:
        yield "Any pod may land on this spot pool. Give it a taint under taints that only restartable pods tolerate."


@rule(
    "spot-has-fallback",
    area="nodes",
    severity="medium",
    types={NODE_POOL},
    stack=True,
    needs=["spotStrategy", "compensateWithOnDemand"],
    must="Something must step in where spot instances run out.",
    how="Set compensateWithOnDemand, or order the pool beside another one in a ResourcePolicy.",
    reference=SPOT,
)
def spot_has_fallback(subject: Subject[Config]) -> Iterator[str]:
    # The provider fills in compensateWithOnDemand, which is therefore unknown where the program does not state it.
    if not _is_spot(subject.inputs) or subject.inputs.given("compensateWithOnDemand"):
        return
    if not any(_falls_back(policy, subject.inputs) for policy in subject.of(RESOURCE_POLICY)):
        subject.inputs.get("compensateWithOnDemand")
        yield (
            "Nothing steps in when spot instances run out. Set compensateWithOnDemand, or order the pool beside "
            "another one in a ResourcePolicy."
        )


def _falls_back(policy: Resource, pool: Inputs) -> bool:
    """Whether a policy orders a pool beside what is not spot."""
    units = _units(policy)
    return any(_selects(unit, pool) for unit in units) and not all(map(_on_spot, units))


def _units(policy: Resource) -> list[Inputs]:
    """The units of a ResourcePolicy. None may have no spec: then the engine has not shown it yet."""
    if "spec" not in policy.inputs:
        raise Deferred(f"{policy.name}.spec")
    return list(policy.inputs["spec"].get("units") or ())


def _selects(unit: Inputs, pool: Inputs) -> bool:
    """Whether a unit's node selector picks nodes of a pool by the labels that the program gives them."""
    selector = section(unit, "nodeSelector")
    return bool(selector) and selector.items() <= node_labels(pool).items()


def _on_spot(unit: Inputs) -> bool:
    spot = section(unit, "nodeSelector").get("spot") == "true"
    return spot or _best_effort(section(unit, "podLabels"), section(unit, "podAnnotations"))


def _best_effort(labels: Mapping[str, Any], annotations: Mapping[str, Any]) -> bool:
    spot = annotations.get("k8s.aliyun.com/eci-spot-strategy", "NoSpot")
    return labels.get("alibabacloud.com/compute-qos") == "best-effort" or spot != "NoSpot"


@rule(
    "leaders-not-on-spot",
    area="nodes",
    severity="high",
    types=any_kubernetes,
    needs=["spec"],
    must="Ray heads, Spark drivers and launchers must not run on spot or best-effort compute.",
    how="Remove what lets them: the toleration, node selector, label or annotation, or the unit of the ResourcePolicy.",
    reference=SPOT,
)
def leaders_not_on_spot(subject: Subject[Config]) -> Iterator[str]:
    resource = subject.resource
    if resource.type == RESOURCE_POLICY and _role(resource) == "leader" and any(map(_on_spot, _units(resource))):
        yield "Leaders (Ray heads, Spark drivers) may run on spot, and their end ends the job. Remove the spot unit."
    for template in templates(subject, "leader"):
        if ("spot", "true") in template.node_labels() or template.tolerates("spot", "true") or _cheap(template):
            yield (
                f"{where(template)} is a Ray head, Spark driver or launcher and may land on spot: its end ends the "
                "job. Remove the toleration, selector or label."
            )


def _role(policy: Resource) -> str:
    """Whose pods a ResourcePolicy of this project is about."""
    return section(section(policy.inputs, "metadata"), "labels").get("role", "")


def _cheap(template: PodTemplate) -> bool:
    return _best_effort(template.labels, template.annotations)


@rule(
    "rungs-need-instant-elasticity",
    area="nodes",
    severity="high",
    types={AUTOSCALER, MANAGED_CLUSTER, RESOURCE_POLICY},
    stack=True,
    needs=["scalerType", "clusterSpec"],
    must="A ResourcePolicy with several units needs a Pro cluster and goatscaler, and no caps on elastic pools.",
    how="Set scalerType to goatscaler and clusterSpec to ack.pro.small; cap pools by maxSize, not units by max.",
    reference=PRIORITIES,
)
def rungs_need_instant_elasticity(subject: Subject[Config]) -> Iterator[str]:
    if all(len(_units(policy)) < 2 for policy in subject.of(RESOURCE_POLICY)):
        return
    kind = subject.resource.type
    if kind == AUTOSCALER:
        scaler = subject.inputs.get("scalerType") or "cluster-autoscaler"
        if scaler != "goatscaler":
            yield (
                f"{scaler} does not honour the stack's ResourcePolicies and may scale the wrong pool. Set scalerType "
                "to goatscaler."
            )
    elif kind == MANAGED_CLUSTER:
        spec = subject.inputs.get("clusterSpec") or "ack.standard"
        if not spec.startswith("ack.pro."):
            yield f"ResourcePolicies need a Pro specification, not {spec}. Set clusterSpec to ack.pro.small."
    else:
        yield from _caps(subject)


def _caps(subject: Subject[Config]) -> Iterator[str]:
    # In the engine's preview the scaling of a fixed pool is unknown: the provider fills it in.
    elastic = [
        pool.inputs
        for pool in subject.of(NODE_POOL)
        if (pool.inputs.given("scalingConfig") or Inputs({})).get("enable")
    ]
    units = _units(subject.resource)
    for unit in units if len(units) > 1 else ():
        if unit.get("max") is not None and any(_selects(unit, pool) for pool in elastic):
            yield (
                "A unit with a maximum is on an autoscaled pool: nodes would start and stay empty. Remove max, and "
                "lower the pool's maxSize."
            )


FORBIDDEN_ON_SERVERLESS = ("hostNetwork", "hostPID", "hostIPC")


@rule(
    "serverless-pods-within-limits",
    area="nodes",
    severity="medium",
    types=any_kubernetes,
    needs=["spec"],
    level="advisory",
    must="Serverless pods must have a size that ACS offers, and nothing of the host.",
    how="Make them smaller, and remove what they ask of the host.",
    reference=SERVERLESS_PODS,
)
def serverless_pods_within_limits(subject: Subject[Config]) -> Iterator[str]:
    for template in templates(subject):
        if whole(template.labels, template.path).get("alibabacloud.com/acs") == "true":
            yield from _of_the_host(template)
            yield from _too_large(template)


def _of_the_host(template: PodTemplate) -> Iterator[str]:
    spec = template.spec
    for key in FORBIDDEN_ON_SERVERLESS:
        if spec.get(key) is True:
            yield f"{where(template)} asks for {key}, which serverless pods cannot have. Remove it."
    for container in spec.get("containers") or ():
        if (whole(container.get("securityContext"), template.path) or {}).get("privileged") is True:
            yield f"{where(template)} is privileged, which serverless pods cannot be. Remove it."
    if any("hostPath" in volume for volume in spec.get("volumes") or ()):
        yield f"{where(template)} mounts a hostPath, which serverless pods cannot. Use another volume."


def _too_large(template: PodTemplate) -> Iterator[str]:
    whole([container.get("resources") for container in template.spec.get("containers") or ()], template.path)
    try:
        shape = template.shape()
    except UnreadableQuantity as error:
        yield f"{where(template)} asks for an amount that cannot be read: {error}."
        return
    offer = catalog.serverless()["acs"]
    if shape and not shape.gpus and smallest_size(offer, shape.vcpu, shape.memory_gib, large=False) is None:
        yield (
            f"{where(template)} asks for {shape.text}; ACS pods have 16 vCPU and 128 GiB at most without a ticket. "
            "Make the pods smaller."
        )


VIRTUAL_NODES = ("type", "virtual-kubelet")
"""The label of virtual nodes."""

VIRTUAL_NODE_TAINT = "virtual-kubelet.io/provider"
"""The key of their taint."""


@rule(
    "serverless-pods-labelled",
    area="nodes",
    severity="low",
    types=any_kubernetes,
    needs=["spec"],
    level="advisory",
    must="Pods for virtual nodes must say whether they are of ACS or ECI.",
    how='Give the pod template the label alibabacloud.com/acs: "true", or alibabacloud.com/eci: "true".',
    reference=SERVERLESS_PODS,
)
def serverless_pods_labelled(subject: Subject[Config]) -> Iterator[str]:
    for template in templates(subject):
        labels = whole(template.labels, template.path)
        taints = [toleration.get("key") for toleration in template.spec.get("tolerations") or ()]
        if VIRTUAL_NODES not in template.node_labels() and VIRTUAL_NODE_TAINT not in taints:
            continue
        if not {"alibabacloud.com/acs", "alibabacloud.com/eci"} & labels.keys():
            yield (
                f"{where(template)} may run on virtual nodes, as a pod of ECI unless it says otherwise. Give it the "
                'label alibabacloud.com/acs: "true", or alibabacloud.com/eci: "true".'
            )
