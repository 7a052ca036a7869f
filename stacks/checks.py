"""What must hold between the sections of an environment, beyond the types of its values."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from pydantic import ValidationError

from components import catalog
from components.alarms import alarm_problems
from components.cluster import cluster_problems
from components.colocation import colocation_problems
from components.encryption import encryption_problems
from components.file_systems import file_system_name_problems, file_system_problems
from components.inputs import InvalidInput, Problem, one_of, parse_cidr
from components.job_classes import order_problems, plan_job_classes
from components.messages import problems_of
from components.network import Role, plan_network
from components.node_pools import NodePoolPlan, autoscaler_problems, plan_node_pool
from components.registry import instance_name_problems, registry_problems
from components.serverless import serverless_problems
from components.storage import bucket_problems
from components.throttling.planning import plan_throttling
from components.volumes import role_name_problems, volumes_problems
from policies.rules import RULES

from .addresses import AddressNeed, address_needs, single_zone_needs
from .datasets import dataset_problems
from .environment import (
    ACCESS_LOGS,
    OWN_TAGS,
    TAG,
    Environment,
    bucket_owners,
    compute,
    roles,
)
from .gatekeeper import admission_problems
from .history import environment_history_problems
from .logs import log_collection_problems
from .observability import observability_problems
from .policy_config import STATED
from .queues import group_problems, queue_problems
from .systems import job_kind_problems, mending_problems, systems_of
from .tenancy import can_be_counted, tenancy_problems

CLOUD_SECTIONS = (
    "region",
    "inCluster",
    "network",
    "cluster",
    "nodePools",
    "autoscaler",
    "serverless",
    "jobClasses",
    "colocation",
    "encryption",
    "buckets",
    "throttling",
    "fileSystems",
    "volumes",
    "storageClasses",
    "registry",
    "notifications",
    "storageAlarms",
    "quotas",
    "serviceQuotas",
    "usage",
)
"""What an upstream environment does not have."""


NODE_PROBLEMS = "node-problem-detector"
"""The system that finds the nodes which auto-repair restarts (pulumi-alicloud 4.0.0, cs.NodePool.management)."""

BASIC_NODES = 10
"""Nodes of a cluster with the specification ack.standard. Source: ACK limits, 2026-02-27."""


def check(environment: Environment, stack: str) -> list[Problem]:
    """All problems of an environment whose values have the right types."""
    problems = [*_policy_problems(environment)]
    problems += _caught("systems", lambda: systems_of(environment))
    problems += [*job_kind_problems(environment), *mending_problems(environment)]
    problems += admission_problems(environment, stack)
    if environment.flavor == "upstream":
        problems += [*_upstream_problems(environment), *group_problems(environment)]
        problems += [*dataset_problems(environment, stack, {})]
        problems += [*observability_problems(environment, stack, {})]
        problems += [*environment_history_problems(environment, stack)]
        problems += [*log_collection_problems(environment, stack)]
        return [*problems, *_tenancy(environment, stack, {})]
    pools: dict[str, NodePoolPlan] = {}
    for name, args in environment.node_pools.items():
        try:
            pools[name] = plan_node_pool(args, name)
        except InvalidInput as invalid:
            problems += [problem.under(f"nodePools.{name}") for problem in invalid.problems]
    problems += _region_problems(environment)
    problems += [problem.under("cluster") for problem in cluster_problems(environment.cluster)]
    problems += [problem.under("encryption") for problem in encryption_problems(environment.encryption)]
    problems += _tag_problems(environment)
    problems += _pool_problems(environment)
    problems += _compute_problems(environment, pools)
    problems += _address_problems(environment, pools)
    problems += _quota_problems(environment, pools)
    problems += _storage_problems(environment, stack)
    problems += dataset_problems(environment, stack, pools)
    problems += observability_problems(environment, stack, pools)
    problems += environment_history_problems(environment, stack)
    problems += log_collection_problems(environment, stack)
    problems += _tenancy(environment, stack, pools)
    return problems


def _tenancy(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> list[Problem]:
    """What is wrong with tenants, or where nothing is, with the queues that are made of them."""
    problems = [*tenancy_problems(environment, stack, pools)]
    counted = environment.flavor == "upstream" or can_be_counted(environment, pools)
    return problems if problems or not counted else [*queue_problems(environment, stack, pools)]


def _caught(prefix: str, plan: Callable[[], object]) -> list[Problem]:
    try:
        plan()
    except InvalidInput as invalid:
        return [problem.under(prefix) for problem in invalid.problems]
    return []


def _upstream_problems(environment: Environment) -> Iterator[Problem]:
    aliases = {field.alias or name: name for name, field in Environment.model_fields.items()}
    for section in CLOUD_SECTIONS:
        if aliases[section] in environment.model_fields_set:
            yield Problem(
                section, None, "has no effect with flavor: upstream, which creates nothing in a cloud; remove it"
            )


def _region_problems(environment: Environment) -> Iterator[Problem]:
    if environment.region not in catalog.regions():
        yield Problem(
            "region", environment.region, one_of(environment.region, catalog.regions(), "a region of the catalog")
        )
        return
    network = environment.network
    if network is None:
        yield Problem("network", None, "missing; flavor: ack needs cidr, zones and scalePerZone")
        return
    yield from _caught("network", lambda: plan_network(network, environment.region))
    vpc, services = parse_cidr(network.cidr), parse_cidr(environment.cluster.service_cidr)
    if vpc is not None and services is not None and vpc.overlaps(services):
        yield Problem("cluster.serviceCidr", str(services), f"overlaps network.cidr = {vpc}")


def _pool_problems(environment: Environment) -> Iterator[Problem]:
    zones = environment.network.zones if environment.network else ()
    for name, args in environment.node_pools.items():
        for index, zone in enumerate(args.zones or ()):
            if zones and zone not in zones:
                yield Problem(
                    f"nodePools.{name}.zones[{index}]",
                    zone,
                    f"no vSwitch there: {one_of(zone, zones, 'one of network.zones')}",
                )
    system = [args for args in environment.node_pools.values() if args.kind == "system"]
    if not any(args.autoscaling.minimum if args.autoscaling else args.size for args in system):
        yield Problem(
            "nodePools",
            sorted(environment.node_pools),
            "no pool of kind system with a node that always runs; add-ons need one",
        )
    for path, value, system in (
        ("serverless.maximumPods", environment.serverless.maximum_pods, "virtual-node"),
        ("colocation.enabled", environment.colocation.enabled, "koordinator"),
        *((f"nodePools.{name}.erdma", pool.erdma, "erdma") for name, pool in environment.node_pools.items()),
    ):
        if value and not _runs(environment, system):
            yield Problem(path, value, f"needs the system {system}: add systems.{system}: {{}}")
    repaired = [name for name, pool in environment.node_pools.items() if pool.auto_repair]
    if repaired and not _runs(environment, NODE_PROBLEMS):
        message = f"is needed by autoRepair of {', '.join(repaired)}; add it, or set autoRepair: false there"
        yield Problem(f"systems.{NODE_PROBLEMS}", None, message)


def _compute_problems(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    """What is wrong with autoscaler, serverless pods, colocation and job classes."""
    sections = {
        "autoscaler": autoscaler_problems(environment.autoscaler, environment.node_pools),
        "serverless": serverless_problems(
            environment.serverless, environment.region, environment.network.zones if environment.network else ()
        ),
        "colocation": colocation_problems(environment.colocation),
    }
    for section, problems in sections.items():
        for problem in problems:
            yield problem.under(section)
    plain = [name for name, pool in environment.node_pools.items() if pool.image_type == "ContainerOS"]
    if environment.colocation.enabled and environment.colocation.isolate and plain:
        message = f"needs Alibaba Cloud Linux, but the image of {', '.join(plain)} is ContainerOS; set isolate: false"
        yield Problem("colocation.isolate", True, message)
    if not environment.cluster.spec.startswith("ack.pro"):
        yield from _basic_problems(environment)
    if pools.keys() == environment.node_pools.keys():  # Else the classes would seem to fit nowhere.
        placed_on = compute(environment, pools)
        try:
            plans = plan_job_classes(environment.job_classes, placed_on, environment.scheduling)
        except InvalidInput as invalid:
            yield from (problem.under("jobClasses") for problem in invalid.problems)
        else:
            yield from order_problems(plans, placed_on)
    hours = environment.scheduling.off_peak
    if hours.start == hours.end:
        yield Problem("scheduling.offPeak.end", hours.end, "is the start, so the hours are none; give another time")


def _basic_problems(environment: Environment) -> Iterator[Problem]:
    shared = [name for name, pool in environment.node_pools.items() if pool.gpu.schedule != "default"]
    for needs, what in (
        (environment.colocation.enabled, "colocation"),
        (environment.serverless.maximum_pods, "serverless overflow (serverless.maximumPods)"),
        (shared, f"sharing GPUs in {', '.join(shared)}"),
    ):
        if needs:
            yield Problem("cluster.spec", environment.cluster.spec, f"{what} needs a Pro specification")


def _runs(environment: Environment, system: str) -> bool:
    return system in environment.systems and environment.systems[system].enabled


def _address_problems(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    for name, plan in pools.items():
        if plan.pod_addresses_per_node is None:
            names = ", ".join(instance_type.name for instance_type in plan.instance_types)
            message = f"missing; no source gives the pod limit of {names}, so state it"
            yield Problem(f"nodePools.{name}.maxPods", None, message)
    args = environment.network
    if args is None or environment.region not in catalog.regions():
        return
    try:
        network = plan_network(args, environment.region)
    except InvalidInput:
        return  # Reported where the network is checked.
    if environment.survive_zone_loss and len(args.zones) < 2:
        yield Problem("surviveZoneLoss", True, "needs two zones or more in network.zones")
        return
    needs: dict[Role, AddressNeed] = {need.role: need for need in address_needs(environment, pools, network)}
    yield from _service_quota_problems(environment, needs, len(network.vswitches))
    for need in needs.values():
        path = f"network.scalePerZone.{need.role}"
        value = getattr(args.scale_per_zone, need.role)
        lost = environment.survive_zone_loss
        available = need.after_zone_loss if lost else need.available
        if need.needed > available:
            when = " when one zone is lost" if lost else ""
            held = f"the vSwitches hold {available:,} {need.role}{when}"
            yield Problem(path, value, f"{held}, but {need.terms} = {need.needed:,} are needed")
    for zone, role, needed, names in single_zone_needs(environment, pools):
        available = network.addresses(role, zone)
        if needed > available:
            message = f"{zone} holds {available:,} {role}, but {', '.join(names)}, in that zone alone, need {needed:,}"
            yield Problem(f"network.scalePerZone.{role}", getattr(args.scale_per_zone, role), message)


def _service_quota_problems(
    environment: Environment, needs: Mapping[Role, AddressNeed], vswitches: int
) -> Iterator[Problem]:
    quotas = environment.service_quotas
    basic = environment.cluster.spec == "ack.standard"
    nodes, pods = needs["nodes"], needs["pods"]
    used = {
        "nodesPerCluster": (BASIC_NODES if basic else quotas.nodes_per_cluster, nodes.needed, f"nodes: {nodes.terms}"),
        "nodePoolsPerCluster": (quotas.node_pools_per_cluster, len(environment.node_pools), "node pools"),
        "podsPerCluster": (quotas.pods_per_cluster, pods.needed, f"pods: {pods.terms}"),
        "vswitchesPerVpc": (quotas.vswitches_per_vpc, vswitches, "vSwitches"),
        "privateAddressesPerVpc": (quotas.private_addresses_per_vpc, nodes.needed + pods.needed, "addresses"),
    }
    for key, (quota, count, what) in used.items():
        if count > quota:
            remedy = "use a Pro specification" if basic and key == "nodesPerCluster" else "lower it, or have it raised"
            yield Problem(f"serviceQuotas.{key}", quota, f"the environment grows to {count:,} {what}; {remedy}")


def _tag_problems(environment: Environment) -> Iterator[Problem]:
    for key, value in environment.tags.items():
        if not (re.fullmatch(TAG, key) and re.fullmatch(TAG, value)):
            message = "a tag may not start with aliyun or acs:, nor hold http:// or https://"
            yield Problem(f"tags.{key}", value, message)
        if key in OWN_TAGS:
            yield Problem(f"tags.{key}", value, "is set by the program")


def _quota_problems(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    quotas = environment.quotas

    def least(amount: Callable[[catalog.InstanceType], float]) -> int:
        return math.ceil(
            sum(plan.minimum * min(map(amount, plan.instance_types), default=0) for plan in pools.values())
        )

    needs = {
        "nodes": (quotas.nodes, sum(plan.minimum for plan in pools.values())),
        "vcpu": (quotas.vcpu, least(lambda instance_type: instance_type.vcpu)),
        "memoryGib": (quotas.memory_gib, least(lambda instance_type: instance_type.memory_gib)),
        "gpus": (quotas.gpus, least(lambda instance_type: instance_type.gpu.count if instance_type.gpu else 0)),
    }
    for key, (quota, need) in needs.items():
        if quota is not None and quota < need:
            yield Problem(f"quotas.{key}", quota, f"below what always runs: the pools' minimum sizes need {need:,}")
    families = {instance_type.family for instance_type in catalog.instance_types().values()}
    for index, family in enumerate(quotas.instance_families):
        if family not in families:
            yield Problem(
                f"quotas.instanceFamilies[{index}]",
                family,
                one_of(family, families, "an instance family of the catalog"),
            )
    for index, region in enumerate(quotas.regions):
        if region not in catalog.regions():
            yield Problem(
                f"quotas.regions[{index}]", region, one_of(region, catalog.regions(), "a region of the catalog")
            )


def _storage_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    owners = bucket_owners(environment)
    for name, args in environment.buckets.items():
        path = f"buckets.{name}"
        if name in owners:
            role = name.removeprefix(f"{environment.tenants[owners[name]].id_of(owners[name])}-")
            path = f"tenants.{owners[name]}.buckets.{role}"
        for problem in bucket_problems(f"{environment.name(stack)}-{name}", args, environment.region):
            yield problem.under(path)
        if args.replication is not None and f"{name}-copy" in environment.buckets:
            yield Problem(f"buckets.{name}-copy", None, f"has the name of the copy of {name}; give it another")
        if args.inventory is not None and (name == ACCESS_LOGS or ACCESS_LOGS not in environment.buckets):
            message = f"is written to the bucket {ACCESS_LOGS}, which "
            message += "does not list itself" if name == ACCESS_LOGS else "the environment does not have"
            yield Problem(f"buckets.{name}.inventory", args.inventory, message)
    if environment.throttling.enabled:
        names = environment.bucket_names(stack)
        yield from _caught("throttling", lambda: plan_throttling(environment.throttling, names, roles(environment)))
    yield from _file_system_problems(environment, environment.name(stack))
    yield from _registry_problems(environment, stack)
    yield from (problem.under("notifications") for problem in alarm_problems(environment.notifications))
    if environment.notifications.silent and "storage_alarms" in environment.model_fields_set:
        yield Problem("storageAlarms", None, "reach nobody; name somebody under notifications")
    paid = {name: args for name, args in environment.file_systems.items() if args.family == "standard"}
    for section, used, known in (
        ("bucketGb", environment.usage.bucket_gb, environment.buckets),
        ("fileSystemGib", environment.usage.file_system_gib, paid),
    ):
        for name, amount in used.items():
            if name not in known:
                what = "one of buckets" if section == "bucketGb" else "a general-purpose one of fileSystems"
                yield Problem(f"usage.{section}.{name}", amount, one_of(name, known, what))


def _file_system_problems(environment: Environment, first: str) -> Iterator[Problem]:
    """What is wrong with file systems, volumes and storage classes."""
    zones = environment.network.zones if environment.network else ()
    for name, args in environment.file_systems.items():
        named = file_system_name_problems(f"{first}-{name}")
        for problem in (*named, *file_system_problems(args, environment.region, zones)):
            yield problem.under(f"fileSystems.{name}")
    yield from role_name_problems(environment.volumes, first)
    yield from volumes_problems(
        environment.volumes,
        environment.storage_classes,
        buckets=environment.buckets,
        file_systems=environment.file_systems,
    )


def _registry_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    registry = environment.registry
    if registry is None:
        return
    problems = registry_problems(registry)
    if registry.instance_id is None and registry.instance_name is None:
        problems += instance_name_problems(environment.name(stack))
    yield from (problem.under("registry") for problem in problems)
    if not _runs(environment, "registry-credentials"):
        message = "is needed to pull from registry without secrets; add systems.registry-credentials: {}"
        yield Problem("systems.registry-credentials", None, message)


def _policy_problems(environment: Environment) -> Iterator[Problem]:
    rules = {rule.name: rule for rule in RULES}
    for name, said in environment.policies.items():
        path, rule = f"policies.{name}", rules.get(name)
        if rule is None:
            yield Problem(path, None, one_of(name, rules, "a rule of the pack"))
            continue
        if said.level in ("advisory", "disabled") and rule.floor:
            yield Problem(f"{path}.level", said.level, "this rule is never less than mandatory; use exceptions")
        if said.level == "remediate" and not rule.remedy:
            able = ", ".join(sorted(other.name for other in RULES if other.remedy))
            yield Problem(f"{path}.level", said.level, f"this rule sets nothing right by itself; those that do: {able}")
        try:
            rule.config.model_validate_json(json.dumps(said.config), strict=True, by_alias=True, by_name=False)
        except ValidationError as invalid:
            yield from (problem.under(f"{path}.config") for problem in problems_of(invalid, rule.config))
        for key, elsewhere in STATED.get(name, {}).items():
            if key in said.config:
                yield Problem(f"{path}.config.{key}", said.config[key], f"is said by {elsewhere}; set that")
        for index, exemption in enumerate(said.exceptions):
            if exemption.expires < date.today():
                message = f"ended; mend {exemption.resource}, or let {exemption.owner} give a later day and the reason"
                yield Problem(f"{path}.exceptions[{index}].expires", exemption.expires.isoformat(), message)
