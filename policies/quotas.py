"""Quotas and budget: what one stack may use at most. Without a configured quota a rule does not apply."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pulumi.runtime
from pulumi_policy import (
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from components import catalog
from components.capacity import NODE_POOL, Capacity, Range, Resource, total_capacity
from components.cost import Usage, estimate

from .properties import known

POOL_INPUTS = (
    "desiredSize",
    "instancePatterns",
    "instanceTypes",
    "kubeletConfiguration",
    "spotStrategy",
    "systemDiskCategory",
    "systemDiskPerformanceLevel",
    "systemDiskSize",
)
"""Inputs of a node pool on which capacity and cost depend, besides its scaling configuration."""

COMPUTED_INPUTS = ("nodeCount",)
"""Further ones that the provider fills in where a program gives none."""

MAXIMUM = PolicyConfigSchema(
    properties={"maximum": {"type": "number", "minimum": 0, "description": "The most that the stack may use."}}
)


def declared(args: StackValidationArgs) -> list[Resource]:
    """The resources of a stack, as capacity and cost count them."""
    return [Resource(r.resource_type, r.name, _inputs(r), _region(r)) for r in args.resources]


def _inputs(resource: PolicyResource) -> Mapping[str, Any]:
    if resource.resource_type != NODE_POOL:
        # What is unknown before apply is left to the provider, and its default is what the estimate counts with.
        return {key: known(resource.props, key) for key in resource.props}
    # The provider fills in the scaling configuration of a pool of fixed size, so before apply it is unknown.
    inputs = {key: known(resource.props, key) for key in COMPUTED_INPUTS}
    inputs |= {key: resource.props.get(key) for key in POOL_INPUTS}
    try:
        return {**inputs, "scalingConfig": resource.props.get("scalingConfig")}
    except UnknownValueError:
        if inputs["desiredSize"] is None:
            raise
        return inputs


def _region(resource: PolicyResource) -> str:
    """The region of a resource's provider; a default provider takes it from the stack's configuration."""
    provider = resource.provider
    stated = provider.props.get("region") if provider is not None else None
    return str(stated or pulumi.runtime.get_config("alicloud:region") or "")


def _within(
    what: str, unit: str, amount: Callable[[Capacity], Range]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        maximum: float | None = args.get_config().get("maximum")
        if maximum is None:
            args.not_applicable("no quota is set")
            return
        total = total_capacity(declared(args))
        if total.unknown and what != "nodes":
            names = ", ".join(sorted(set(total.unknown)))
            report(f"Node pools of {names} cannot be counted. Use instance types of the catalog.", None)
        most = amount(total).maximum
        if most > maximum:
            report(
                f"The node pools can grow to {most:,.0f} {unit}, the quota is {maximum:,.0f}. "
                f"Lower the pools' maximum sizes or raise the quota for {what}.",
                None,
            )

    return validate


nodes_within_quota = StackValidationPolicy(
    name="nodes-within-quota",
    description="Node pools at full size must stay within the quota of nodes.",
    validate=_within("nodes", "nodes", lambda capacity: capacity.nodes),
    config_schema=MAXIMUM,
    severity=Severity.HIGH,
)

vcpu_within_quota = StackValidationPolicy(
    name="vcpu-within-quota",
    description="Node pools at full size must stay within the quota of vCPUs.",
    validate=_within("vCPUs", "vCPUs", lambda capacity: capacity.vcpu),
    config_schema=MAXIMUM,
    severity=Severity.HIGH,
)

memory_within_quota = StackValidationPolicy(
    name="memory-within-quota",
    description="Node pools at full size must stay within the quota of memory.",
    validate=_within("memory", "GiB of memory", lambda capacity: capacity.memory_gib),
    config_schema=MAXIMUM,
    severity=Severity.HIGH,
)

gpus_within_quota = StackValidationPolicy(
    name="gpus-within-quota",
    description="Node pools at full size must stay within the quota of GPUs.",
    validate=_within("GPUs", "GPUs", lambda capacity: capacity.gpus),
    config_schema=MAXIMUM,
    severity=Severity.HIGH,
)


def _monthly_cost(args: StackValidationArgs, report: ReportViolation) -> None:
    config = args.get_config()
    budget: Mapping[str, float] = config.get("budget") or {}
    if not budget:
        args.not_applicable("no budget is set")
    cost = estimate(declared(args), catalog.price_book(), Usage(**config.get("usage") or {}))
    at_least = "" if cost.complete else "at least "
    for currency, limit in budget.items():
        total = cost.totals.get(currency, Range())
        if total.maximum > limit:
            report(
                f"The estimated monthly cost at full scale-out is {at_least}{currency} {total.maximum:,.0f}, "
                f"the budget is {currency} {limit:,.0f} (list prices of {cost.date}). "
                "Lower the pools' maximum sizes or raise the budget.",
                None,
            )


_AMOUNT: Mapping[str, Any] = {"type": "number", "minimum": 0}
_BY_NAME: Mapping[str, Any] = {"type": "object", "additionalProperties": _AMOUNT}
_USAGE: Mapping[str, Mapping[str, Any]] = {
    "bucket_gb": _BY_NAME,
    "file_system_gib": _BY_NAME,
    "log_gb_per_day_by_store": _BY_NAME,
    "metrics_gb": {"type": "array", "items": _AMOUNT, "minItems": 2, "maxItems": 2},
}

monthly_cost_within_budget = StackValidationPolicy(
    name="monthly-cost-within-budget",
    description="The estimated monthly cost at full scale-out must stay within the budget.",
    validate=_monthly_cost,
    config_schema=PolicyConfigSchema(
        properties={
            "budget": {
                "type": "object",
                "additionalProperties": {"type": "number", "minimum": 0},
                "description": "The most that a month may cost, by currency of the list prices.",
            },
            "usage": {
                "type": "object",
                "properties": {field.name: _USAGE.get(field.name, _AMOUNT) for field in dataclasses.fields(Usage)},
                "additionalProperties": False,
                "description": "Expected monthly use of what is paid by use.",
            },
        }
    ),
    severity=Severity.HIGH,
)


def _instance_family(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type != NODE_POOL:
        args.not_applicable("not a node pool")
    families: list[str] = args.get_config().get("families") or []
    if not families:
        args.not_applicable("no families are set")
    if "instancePatterns" in args.props and args.props.get("instancePatterns"):
        report("The pool names a pattern of instance types, of any family. Name instance types.", args.urn)
    for name in args.props.get("instanceTypes") or ():
        # ecs.g8i.4xlarge and ecs.gn7i-c8g1.2xlarge: the family stands before the first dot or hyphen after "ecs."
        family = name.removeprefix("ecs.").split(".")[0].split("-")[0]
        if family not in families:
            report(f"{name} is of family {family}, which is not allowed. Use one of: {', '.join(families)}.", args.urn)


instance_family_allowed = ResourceValidationPolicy(
    name="instance-family-allowed",
    description="Node pools must use allowed instance families.",
    validate=_instance_family,
    config_schema=PolicyConfigSchema(
        properties={
            "families": {"type": "array", "items": {"type": "string"}, "description": "Allowed families, such as g8i."}
        }
    ),
    severity=Severity.MEDIUM,
)


def _region_allowed(args: StackValidationArgs, report: ReportViolation) -> None:
    regions: list[str] = args.get_config().get("regions") or []
    if not regions:
        args.not_applicable("no regions are set")
    found: dict[str, list[str]] = {}
    for resource in args.resources:
        region = _region(resource) or _zone_region(resource.props)
        if region and region not in regions and not resource.resource_type.startswith("pulumi:"):
            found.setdefault(region, []).append(resource.name)
    for region, names in found.items():
        where = f"{names[0]} lies" if len(names) == 1 else f"{names[0]} and {len(names) - 1} further resources lie"
        report(f"{where} in {region}, which is not allowed. Use one of: {', '.join(regions)}.", None)


def _zone_region(props: Mapping[str, Any]) -> str:
    if "zoneId" not in props:
        return ""
    zone = str(props["zoneId"])
    return next((region for region, zones in catalog.regions().items() if zone in zones), "")


region_allowed = StackValidationPolicy(
    name="region-allowed",
    description="Resources must lie in an allowed region.",
    validate=_region_allowed,
    config_schema=PolicyConfigSchema(
        properties={"regions": {"type": "array", "items": {"type": "string"}, "description": "Allowed region ids."}}
    ),
    severity=Severity.HIGH,
)
