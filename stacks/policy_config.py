"""The policy pack's configuration, out of an environment's quotas and policy settings."""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import EnforcementLevel

from policies.rules import RULES

from .environment import Environment
from .gatekeeper import preview_parameters
from .observability import monitoring_plan


def policy_config(environment: Environment, stack: str) -> Mapping[str, Mapping[str, Any]]:
    """The content of a `--policy-pack-config` file: level and configuration of each policy, by its name."""
    quotas = environment.quotas
    configs: dict[str, Mapping[str, Any]] = {
        **preview_parameters(environment, stack),
        "nodes-within-quota": {"maximum": quotas.nodes},
        "vcpu-within-quota": {"maximum": quotas.vcpu},
        "memory-within-quota": {"maximum": quotas.memory_gib},
        "gpus-within-quota": {"maximum": quotas.gpus},
        "monthly-cost-within-budget": {
            "budget": dict(quotas.monthly_cost) or None,
            "usage": usage_by_resource(environment, stack) if quotas.monthly_cost else None,
        },
        "instance-family-allowed": {"families": list(quotas.instance_families) or None},
        "region-allowed": {"regions": list(quotas.regions) or None},
    }
    result: dict[str, Mapping[str, Any]] = {}
    for rule in RULES:
        setting = environment.policies.get(rule.name)
        level = (
            setting.level if setting and setting.level else (rule.enforcement_level or EnforcementLevel.MANDATORY).value
        )
        own = dict(setting.config) if setting else {}
        set_values = {key: value for key, value in configs.get(rule.name, {}).items() if value is not None}
        result[rule.name] = {"enforcementLevel": level, **set_values, **own}
    return result


def usage_by_resource(environment: Environment, stack: str) -> dict[str, Any]:
    """The expected use, its buckets by their names in the cloud: arguments of `components.cost.Usage`."""
    usage = environment.usage.model_dump(exclude_none=True)
    buckets: Mapping[str, float] = usage.pop("bucket_gb", {})
    held = {f"{environment.name(stack)}-{role}": gb for role, gb in buckets.items()}
    copied = [role for role in buckets if role in environment.buckets and environment.buckets[role].replication]
    held |= {f"{environment.name(stack)}-{role}-copy": buckets[role] for role in copied}
    monitoring = monitoring_plan(environment, stack) if environment.flavor == "ack" else None
    written = monitoring and [round(monitoring.gigabytes.minimum, 2), round(monitoring.gigabytes.maximum, 2)]
    return {**usage, "bucket_gb": held, **({"metrics_gb": written} if written else {})}
