"""Tenants: what each team that shares a cluster may use, and what keeps it from the others.

`plan_tenant` decides in plain Python, `Tenant` maps that plan to resources; `promise_rows` adds up what is promised,
and `tenant_isolation` says who reaches whom, from the resources themselves.
"""

from .args import (
    Connection,
    JobLimits,
    Promise,
    TenancyArgs,
    TenantArgs,
    TenantDataset,
    TenantHome,
    TenantLogs,
    TenantNamespace,
    TenantPrefix,
    TenantResources,
    TenantThrottling,
    WorkingHours,
)
from .component import CloudResources, Tenant, TenantMembers, TenantRoles
from .isolation import Asset, Isolation, Way, after_apply, assets_of, declared, tenant_isolation
from .planning import PodPrices, Surroundings, TenantPlan, own_buckets, plan_tenant
from .problems import tenants_problems
from .promises import Available, PromiseRow, promise_problems, promise_rows

__all__ = [
    "Asset",
    "Available",
    "CloudResources",
    "Connection",
    "Isolation",
    "JobLimits",
    "PodPrices",
    "Promise",
    "PromiseRow",
    "Surroundings",
    "TenancyArgs",
    "Tenant",
    "TenantArgs",
    "TenantDataset",
    "TenantHome",
    "TenantLogs",
    "TenantMembers",
    "TenantNamespace",
    "TenantPlan",
    "TenantPrefix",
    "TenantResources",
    "TenantRoles",
    "TenantThrottling",
    "Way",
    "WorkingHours",
    "after_apply",
    "assets_of",
    "declared",
    "own_buckets",
    "plan_tenant",
    "promise_problems",
    "promise_rows",
    "tenant_isolation",
    "tenants_problems",
]
