"""The policy pack's configuration, out of an environment's quotas and policy settings."""

from collections.abc import Mapping
from typing import Any

from pydantic.alias_generators import to_camel, to_snake

from components import catalog
from components.cost import Usage, estimate
from components.inputs import Args
from policies.counting import counted
from policies.rules import RULES
from policies.sources import resources

from .environment import Environment, PolicySetting
from .gatekeeper import preview_parameters
from .logs import log_plan, store_volumes
from .observability import monitoring_plan

STATED: Mapping[str, Mapping[str, str]] = {
    "nodes-within-quota": {"maximum": "quotas.nodes"},
    "vcpu-within-quota": {"maximum": "quotas.vcpu"},
    "memory-within-quota": {"maximum": "quotas.memoryGib"},
    "gpus-within-quota": {"maximum": "quotas.gpus"},
    "gpu-models-within-quota": {"models": "quotas.gpuModels"},
    "pods-within-quota": {"maximum": "quotas.pods"},
    "disks-within-quota": {"maximum": "quotas.diskGib"},
    "addresses-within-quota": {"maximum": "quotas.addresses"},
    "buckets-within-quota": {"maximum": "quotas.buckets"},
    "load-balancers-within-quota": {"maximum": "quotas.loadBalancers"},
    "monthly-cost-within-budget": {"budget": "quotas.monthlyCost"},
    "cost-change-within-limit": {"maximumIncreasePercent": "quotas.monthlyCostIncreasePercent"},
    "instance-family-allowed": {"families": "quotas.instanceFamilies"},
    "region-allowed": {"regions": "quotas.regions"},
    "node-pools-within-limit": {"maximum": "serviceQuotas.nodePoolsPerCluster"},
    "cluster-nodes-within-limit": {"pro": "serviceQuotas.nodesPerCluster"},
    "vpcs-within-limit": {"maximum": "serviceQuotas.vpcsPerRegion"},
    "vswitches-within-limit": {"maximum": "serviceQuotas.vswitchesPerVpc"},
    "tenants-within-cluster": {"serverlessVcpu": "serviceQuotas.serverlessVcpu"},
}
"""Settings of rules, by rule, that an environment makes elsewhere: their keys there. Under `policies` they are refused,
or a quota could be raised where nobody looks for it."""


def policy_config(
    environment: Environment, stack: str, deployed: Mapping[str, float] | None = None
) -> Mapping[str, Mapping[str, Any]]:
    """The content of a `--policy-pack-config` file: level, configuration and exceptions of each rule, by its name.

    deployed: what a month of what is deployed costs, by currency; see `deployed_cost`.
    """
    quotas = environment.quotas
    increase = quotas.monthly_cost_increase_percent
    usage = _camel(usage_by_resource(environment, stack)) if quotas.monthly_cost or increase is not None else None
    derived: dict[str, Mapping[str, Any]] = {
        **preview_parameters(environment, stack),
        "monthly-cost-within-budget": {"usage": usage if quotas.monthly_cost else None},
        "cost-change-within-limit": {"deployed": deployed, "usage": usage if increase is not None else None},
        "pool-within-quota": {"pools": {f"{name}-pool": _plain(quota) for name, quota in quotas.pools.items()} or None},
        # ACS has pods of at most 8 GiB a vCPU.
        "tenants-within-cluster": {"serverlessMemoryGib": environment.service_quotas.serverless_vcpu * 8},
    }
    stated = {name: {key: _stated(environment, path) for key, path in paths.items()} for name, paths in STATED.items()}
    result: dict[str, Mapping[str, Any]] = {}
    for rule in RULES:
        said = environment.policies.get(rule.name, PolicySetting())
        exceptions = [_plain(exemption) for exemption in said.exceptions]
        result[rule.name] = {
            "enforcementLevel": said.level or rule.level,
            **{
                key: value
                for values in (derived, stated)
                for key, value in values.get(rule.name, {}).items()
                if value is not None
            },
            **said.config,
            **({"exceptions": exceptions} if exceptions else {}),
        }
    return result


def _stated(environment: Environment, path: str) -> Any:
    """What an environment says at one of these keys; None for nothing."""
    section, key = path.split(".")
    value = environment.model_dump(mode="json", by_alias=True, include={to_snake(section)})[section][key]
    return None if value in ({}, []) else value


def _plain(args: Args) -> dict[str, Any]:
    return args.model_dump(mode="json", by_alias=True, exclude_none=True)


def _camel(values: Mapping[str, Any]) -> dict[str, Any]:
    return {to_camel(key): value for key, value in values.items()}


def deployed_cost(environment: Environment, stack: str, state: Any) -> Mapping[str, float]:
    """What a month of a deployed state costs at full scale-out, by currency. state: as `pulumi stack export` prints it.

    Raises `policies.sources.InvalidSource`.
    """
    usage = Usage(**usage_by_resource(environment, stack))
    cost = estimate(counted(resources(state)), catalog.price_book(), usage)
    return {currency: round(total.maximum, 2) for currency, total in cost.totals.items()}


def usage_by_resource(environment: Environment, stack: str) -> dict[str, Any]:
    """The expected use, its buckets by their names in the cloud: arguments of `components.cost.Usage`."""
    usage = environment.usage.model_dump(exclude_none=True)
    buckets: Mapping[str, float] = usage.pop("bucket_gb", {})
    held = {f"{environment.name(stack)}-{role}": gb for role, gb in buckets.items()}
    copied = [role for role in buckets if role in environment.buckets and environment.buckets[role].replication]
    held |= {f"{environment.name(stack)}-{role}-copy": buckets[role] for role in copied}
    usage.pop("log_gb_per_day_by_kind", None)
    logs = log_plan(environment, stack) if environment.flavor == "ack" else None
    volumes = {**store_volumes(environment, logs)} if logs else {}
    monitoring = monitoring_plan(environment, stack) if environment.flavor == "ack" else None
    written = monitoring and [round(monitoring.gigabytes.minimum, 2), round(monitoring.gigabytes.maximum, 2)]
    return {
        **usage,
        "bucket_gb": held,
        **({"metrics_gb": written} if written else {}),
        **({"log_gb_per_day_by_store": volumes} if volumes else {}),
    }
