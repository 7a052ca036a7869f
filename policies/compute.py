"""Compute: how nodes are set up, and where pods may run.

Rules over workloads look at Kubernetes resources of any kind that hold pod templates, in any program.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from components import catalog
from components.capacity import NODE_POOL
from components.manifests import PodTemplate, UnreadableQuantity, UnreadableTemplate, pod_templates
from components.serverless import smallest_size

from .properties import UNKNOWN, Unknown, known, plain, require_known

AUTOSCALER = "alicloud:cs/autoscalingConfig:AutoscalingConfig"
CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes"
RESOURCE_POLICY = "kubernetes:scheduling.alibabacloud.com/v1alpha1:ResourcePolicy"


_SEEN: dict[str, Any] = {}
"""Specs of ResourcePolicies by URN. In the first preview of a cluster the engine knows nothing of what will lie in it
when it validates the stack, but it has shown each resource's inputs before."""


def _remember(args: ResourceValidationArgs) -> None:
    """Keep the spec of a ResourcePolicy. Each rule over resources does, so that any of them may be switched off."""
    if args.resource_type == RESOURCE_POLICY:
        _SEEN[args.urn] = plain(args.props).get("spec")


def _hardened(args: ResourceValidationArgs, report: ReportViolation) -> None:
    _remember(args)
    if args.resource_type != NODE_POOL:
        args.not_applicable("not a node pool")
    props = args.props
    if not props.get("systemDiskEncrypted"):
        report("System disks are not encrypted. Set systemDiskEncrypted to true.", args.urn)
    for disk in props.get("dataDisks") or ():
        if disk.get("encrypted") != "true":
            report('A data disk is not encrypted. Set its encrypted to "true".', args.urn)
    if props.get("password") or props.get("kmsEncryptedPassword"):
        report("Nodes take a password for login. Name a key pair under keyName, or none.", args.urn)
    scaling = known(props, "scalingConfig") or {}
    if props.get("internetMaxBandwidthOut") or scaling.get("isBondEip"):
        report("Nodes get public addresses. Set internetMaxBandwidthOut to 0; a NAT gateway is the way out.", args.urn)
    options = props.get("instanceMetadataOptions") or {}
    if options.get("httpTokens") != "required":
        report(
            "Instance metadata answers without a token. Set instanceMetadataOptions.httpTokens to required.", args.urn
        )


nodes_hardened = ResourceValidationPolicy(
    name="nodes-hardened",
    description="Nodes must have encrypted disks, no password, no public address, and metadata behind a token.",
    validate=_hardened,
    severity=Severity.HIGH,
)


def _one_owner(args: ResourceValidationArgs, report: ReportViolation) -> None:
    _remember(args)
    if args.resource_type != NODE_POOL:
        args.not_applicable("not a node pool")
    scaling = known(args.props, "scalingConfig")
    if not scaling or not scaling.get("enable"):
        return
    if known(args.props, "desiredSize") is not None or known(args.props, "nodeCount") is not None:
        report("The pool has a fixed size and is autoscaled, which fight. Leave desiredSize out.", args.urn)
    minimum, maximum = scaling.get("minSize") or 0, scaling.get("maxSize") or 0
    if maximum < minimum:
        report(f"The pool's maximum of {maximum:g} is below its minimum of {minimum:g}. Raise maxSize.", args.urn)


pool_size_has_one_owner = ResourceValidationPolicy(
    name="pool-size-has-one-owner",
    description="A node pool must have either a fixed size or bounds for the autoscaler.",
    validate=_one_owner,
    severity=Severity.HIGH,
)


def _labels(props: Mapping[str, Any]) -> Mapping[str, str]:
    return {label["key"]: label.get("value") or "" for label in props.get("labels") or ()}


def _gpu_sharing(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type != NODE_POOL:
        args.not_applicable("not a node pool")
    mode = _labels(args.props).get("ack.node.gpu.schedule", "default")
    if mode == "default":
        args.not_applicable("no GPUs are shared")
    types = catalog.instance_types()
    for name in args.props.get("instanceTypes") or ():
        if name in types and types[name].gpu is None:
            report(f"{name} has no GPU to share. Use instance types with GPUs, or leave the label out.", args.urn)
    kubelet = args.props.get("kubeletConfiguration") or {}
    static = "static" in (args.props.get("cpuPolicy"), kubelet.get("cpuManagerPolicy"))
    if static and mode != "topology":
        report(f"Nodes that share GPUs ({mode}) must not bind CPUs. Set the CPU policy to none.", args.urn)


gpu_sharing_on_gpu_nodes = ResourceValidationPolicy(
    name="gpu-sharing-on-gpu-nodes",
    description="Pools that share GPUs must have GPUs, and must not bind CPUs.",
    validate=_gpu_sharing,
    severity=Severity.MEDIUM,
)


def _is_spot(pool: PolicyResource) -> bool:
    return (pool.props.get("spotStrategy") or "NoSpot") != "NoSpot"


def _pools(args: StackValidationArgs) -> list[PolicyResource]:
    return [resource for resource in args.resources if resource.resource_type == NODE_POOL]


def _policies(args: StackValidationArgs) -> Iterator[tuple[PolicyResource, list[dict[str, Any]]]]:
    for resource in args.resources:
        if resource.resource_type == RESOURCE_POLICY:
            spec = plain(resource.props).get("spec", _SEEN.get(resource.urn, UNKNOWN))
            require_known(spec, f"{resource.name}.spec")
            yield resource, list((spec or {}).get("units") or ())


def _selects(unit: Mapping[str, Any], pool: PolicyResource) -> bool:
    """Whether a unit's node selector picks nodes of a pool by the labels that the program gives them."""
    selector: Mapping[str, str] = unit.get("nodeSelector") or {}
    return bool(selector) and selector.items() <= _labels(pool.props).items()


def _spot_fallback(args: StackValidationArgs, report: ReportViolation) -> None:
    pools = [pool for pool in _pools(args) if _is_spot(pool)]
    if not pools:
        args.not_applicable("no spot pool")
    policies = list(_policies(args))
    for pool in pools:
        types = pool.props.get("instanceTypes") or ()
        if len(types) < 2:
            report("A spot pool of one instance type loses all nodes at once. Name two or more.", pool.urn)
        if not pool.props.get("taints"):
            report("Any pod may land on this spot pool. Give it a taint that only restartable pods tolerate.", pool.urn)
        other_rung = any(
            any(_selects(unit, pool) for unit in units) and not all(map(_on_spot, units)) for _, units in policies
        )
        if not pool.props.get("compensateWithOnDemand") and not other_rung:
            report(
                "Nothing steps in when spot instances run out. Set compensateWithOnDemand, "
                "or order the pool beside another one in a ResourcePolicy.",
                pool.urn,
            )


spot_has_fallback = StackValidationPolicy(
    name="spot-has-fallback",
    description="Spot pools must have several instance types, a taint, and something that steps in.",
    validate=_spot_fallback,
    severity=Severity.MEDIUM,
)


def _on_spot(unit: Mapping[str, Any]) -> bool:
    selector: Mapping[str, str] = unit.get("nodeSelector") or {}
    return selector.get("spot") == "true" or _best_effort(unit.get("podLabels") or {}, unit.get("podAnnotations") or {})


def _best_effort(labels: Mapping[str, str], annotations: Mapping[str, str]) -> bool:
    spot = annotations.get("k8s.aliyun.com/eci-spot-strategy", "NoSpot")
    return labels.get("alibabacloud.com/compute-qos") == "best-effort" or spot != "NoSpot"


def _templates(args: ResourceValidationArgs, role: str = "") -> Iterator[PodTemplate]:
    """The pod templates of a resource; role: only those of this role, "" for all."""
    if not args.resource_type.startswith("kubernetes:") or "spec" not in args.props:
        args.not_applicable("holds no pods")
    for template in pod_templates(plain(args.props)):
        if role and template.role != role:
            continue
        for part in (template.metadata, template.spec):
            if isinstance(part, Unknown):
                require_known(part, template.path)
        try:
            template.check()
        except UnreadableTemplate:
            parts = [template.spec.get(key) for key in ("tolerations", "nodeSelector", "affinity", "containers")]
            require_known([template.labels, template.annotations, *parts], template.path)
            continue  # The API server refuses it.
        yield template


def _where(template: PodTemplate) -> str:
    return template.path or "Pod"


def _leaders(args: ResourceValidationArgs, report: ReportViolation) -> None:
    _remember(args)
    if args.resource_type == RESOURCE_POLICY:
        inputs = plain(args.props)
        spec = inputs.get("spec")
        if (inputs.get("metadata") or {}).get("labels", {}).get("role") == "leader":
            require_known(spec, "spec")
            if any(map(_on_spot, (spec or {}).get("units") or ())):
                report(
                    "Leaders (Ray heads, Spark drivers) may run on spot, and their end ends the job. "
                    "Remove the spot unit.",
                    args.urn,
                )
    for template in _templates(args, "leader"):
        where = {key: template.spec.get(key) for key in ("tolerations", "nodeSelector", "affinity")}
        require_known({**where, "labels": template.labels, "annotations": template.annotations}, template.path)
        asks_for_spot = ("spot", "true") in template.node_labels()
        if asks_for_spot or template.tolerates("spot", "true") or _best_effort(template.labels, template.annotations):
            report(
                f"{_where(template)} is a Ray head, Spark driver or launcher and may land on spot: its end ends the "
                "job. Remove the toleration, selector or label.",
                args.urn,
            )


leaders_not_on_spot = ResourceValidationPolicy(
    name="leaders-not-on-spot",
    description="Ray heads, Spark drivers and launchers must not run on spot or best-effort compute.",
    validate=_leaders,
    severity=Severity.HIGH,
)


def _instant_elasticity(args: StackValidationArgs, report: ReportViolation) -> None:
    ordered = [(resource, units) for resource, units in _policies(args) if len(units) > 1]
    if not ordered:
        args.not_applicable("no order of units")
    scalers = [r for r in args.resources if r.resource_type == AUTOSCALER]
    for scaler in scalers:
        kind = scaler.props.get("scalerType") or "cluster-autoscaler"
        if kind != "goatscaler":
            report(
                f"{kind} does not honour the stack's ResourcePolicies and may scale the wrong pool. "
                "Set scalerType to goatscaler.",
                scaler.urn,
            )
    for cluster in args.resources:
        if cluster.resource_type == CLUSTER:
            spec = cluster.props.get("clusterSpec") or "ack.standard"
            if not spec.startswith("ack.pro"):
                report(f"ResourcePolicies need a Pro specification, not {spec}. Set ack.pro.small.", cluster.urn)
    autoscaled = [pool for pool in _pools(args) if (known(pool.props, "scalingConfig") or {}).get("enable")]
    for resource, units in ordered:
        for unit in units:
            if unit.get("max") is not None and any(_selects(unit, pool) for pool in autoscaled):
                report(
                    "A unit with a maximum is on an autoscaled pool: nodes would start and stay empty. "
                    "Remove max, and lower the pool's maxSize.",
                    resource.urn,
                )


rungs_need_instant_elasticity = StackValidationPolicy(
    name="rungs-need-instant-elasticity",
    description="A ResourcePolicy with several units needs a Pro cluster and goatscaler, and no caps on elastic pools.",
    validate=_instant_elasticity,
    severity=Severity.HIGH,
)

FORBIDDEN_ON_SERVERLESS = ("hostNetwork", "hostPID", "hostIPC")


def _serverless_limits(args: ResourceValidationArgs, report: ReportViolation) -> None:
    offer = catalog.serverless()["acs"]
    for template in _templates(args):
        require_known(template.labels, f"{template.path}.labels")
        if template.labels.get("alibabacloud.com/acs") != "true":
            continue
        spec = template.spec
        for key in FORBIDDEN_ON_SERVERLESS:
            if spec.get(key) is True:
                report(f"{_where(template)} asks for {key}, which serverless pods cannot have. Remove it.", args.urn)
        for container in spec.get("containers") or ():
            if isinstance(container, dict) and (container.get("securityContext") or {}).get("privileged") is True:
                report(f"{_where(template)} is privileged, which serverless pods cannot be. Remove it.", args.urn)
        if any(isinstance(volume, dict) and "hostPath" in volume for volume in spec.get("volumes") or ()):
            report(f"{_where(template)} mounts a hostPath, which serverless pods cannot. Use another volume.", args.urn)
        require_known([c.get("resources") for c in spec.get("containers") or () if isinstance(c, dict)], template.path)
        try:
            shape = template.shape()
        except UnreadableQuantity as error:
            report(f"{_where(template)} asks for an amount that cannot be read: {error}.", args.urn)
            continue
        if shape is None or shape.gpus or smallest_size(offer, shape.vcpu, shape.memory_gib, large=False):
            continue
        report(
            f"{_where(template)} asks for {shape.text}; ACS pods have 16 vCPU and 128 GiB at most without a ticket. "
            "Make the pods smaller.",
            args.urn,
        )


serverless_pods_within_limits = ResourceValidationPolicy(
    name="serverless-pods-within-limits",
    description="Serverless pods must have a size that ACS offers, and nothing of the host.",
    validate=_serverless_limits,
    enforcement_level=EnforcementLevel.ADVISORY,
    severity=Severity.MEDIUM,
)
