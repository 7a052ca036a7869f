"""Budget: what a month may cost, by list prices of the price book. Without a budget a rule finds nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from components import catalog
from components.capacity import NODE_POOL, Range
from components.capacity import Resource as Counted
from components.cost import Cost, estimate
from components.inputs import Args

from .counting import countable, counted, of_pool, usage
from .rule import Config, Resource, Subject, rule

Amount = Annotated[float, Field(ge=0)]
PRICES = "https://help.aliyun.com/zh/ack/ack-managed-and-ack-dedicated/product-overview/ack-pro-cluster-billing"


class Usage(Args):
    """Expected monthly use of what is paid by use."""

    bucket_gb: Mapping[str, Amount] = {}
    """GB stored, by bucket name."""

    log_gb_per_day: Amount | None = None
    """GB of logs written a day, those of `logGbPerDayByStore` among them."""

    egress_gb: Amount | None = None
    """GB sent to the Internet a month."""

    serverless_vcpu_hours: Amount | None = None
    """Hours of vCPUs of serverless pods."""

    serverless_memory_gib_hours: Amount | None = None
    """Hours of GiB of memory of serverless pods."""

    file_system_gib: Mapping[str, Amount] = {}
    """GiB stored in general-purpose NAS, by the name of its `FileSystem`."""

    metrics_gb: Annotated[Sequence[Amount], Field(min_length=2, max_length=2)] | None = None
    """GB of samples written a month that managed Prometheus is paid for, at least and at most."""

    log_gb_per_day_by_store: Mapping[str, Amount] = {}
    """GB of logs written a day, by the name of the store."""


Currency = Literal["CNY", "USD"]
"""Currencies of the list prices."""


class Budget(Config):
    budget: Mapping[Currency, Amount] = {}
    """The most that a month may cost, by currency of the list prices."""

    usage: Usage = Usage()
    """Expected monthly use of what is paid by use."""


def _cost(subject: Subject[Any], stated: Usage) -> Cost:
    return _estimate(counted(subject.resources), stated)


def _estimate(resources: Sequence[Counted], stated: Usage) -> Cost:
    return estimate(resources, catalog.price_book(), usage(stated.model_dump(exclude_unset=True)))


def _at_least(cost: Cost) -> str:
    return "" if cost.complete else "at least "


@rule(
    "monthly-cost-within-budget",
    area="budget",
    severity="high",
    config=Budget,
    must="The estimated monthly cost at full scale-out must stay within the budget.",
    how="Lower the pools' maximum sizes, or raise the budget.",
    reference=PRICES,
)
def monthly_cost_within_budget(subject: Subject[Budget]) -> Iterator[str]:
    if not subject.config.budget:
        return
    known, waiting = countable(subject.resources)
    cost = _estimate(known, subject.config.usage)
    least = "at least " if waiting else _at_least(cost)
    for currency, limit in subject.config.budget.items():
        total = cost.totals.get(currency, Range())
        if total.maximum > limit:
            yield (
                f"The estimated monthly cost at full scale-out is {least}{currency} {total.maximum:,.0f}, "
                f"the budget is {currency} {limit:,.0f} (list prices of {cost.date}). "
                "Lower the pools' maximum sizes or raise the budget."
            )
    if waiting:
        raise waiting


class PoolBudgets(Config):
    pools: Mapping[str, Mapping[Currency, Amount]] = {}
    """The most that a month of single node pools may cost, by the name of their resource or their `nodePoolName`, and
    by currency."""


@rule(
    "pool-cost-within-budget",
    area="budget",
    severity="medium",
    types={NODE_POOL},
    needs=["desiredSize", "instanceTypes"],
    config=PoolBudgets,
    must="The estimated monthly cost of a node pool at full size must stay within the pool's budget.",
    how="Lower its maximum size, or raise its budget.",
    reference=PRICES,
)
def pool_cost_within_budget(subject: Subject[PoolBudgets]) -> Iterator[str]:
    for currency, limit in (of_pool(subject.config.pools, subject.resource) or {}).items():
        cost = _cost(subject, Usage())
        most = cost.totals.get(currency, Range()).maximum
        if most > limit:
            yield (
                f"A month of the pool at full size costs {_at_least(cost)}{currency} {most:,.0f}, its budget is "
                f"{currency} {limit:,.0f} (list prices of {cost.date}). Lower its maximum size."
            )


class TenantBudgets(Config):
    tag: str = "tenant"
    """Tag of resources that names their tenant."""

    tenants: Mapping[str, Mapping[Currency, Amount]] = {}
    """The most that a month of the resources with a tenant's tag may cost, by tenant and by currency."""

    usage: Usage = Usage()
    """Expected monthly use of what is paid by use."""


@rule(
    "tenant-cost-within-budget",
    area="budget",
    severity="medium",
    config=TenantBudgets,
    must="The estimated monthly cost of a tenant's own resources must stay within the tenant's budget.",
    how="Lower what they hold, or raise the tenant's budget.",
    reference=PRICES,
)
def tenant_cost_within_budget(subject: Subject[TenantBudgets]) -> Iterator[str]:
    for tenant, limits in subject.config.tenants.items():
        own = [resource for resource in subject.resources if _tag(resource, subject.config.tag) == tenant]
        cost = _estimate(counted(own), subject.config.usage)
        for currency, limit in limits.items():
            most = cost.totals.get(currency, Range()).maximum
            if most > limit:
                yield (
                    f"A month of the resources of {tenant} costs {_at_least(cost)}{currency} {most:,.0f}, its budget "
                    f"is {currency} {limit:,.0f} (list prices of {cost.date}). Lower what they hold."
                )


def _tag(resource: Resource, name: str) -> Any:
    """A tag of a resource; a few have tags that are no map."""
    tags = resource.inputs.get("tags")
    return tags.get(name) if isinstance(tags, Mapping) else None


class Change(Config):
    deployed: Mapping[Currency, Amount] = {}
    """The estimate of what is deployed, by currency; `make up` fills it in from the last deployed state."""

    maximum_increase_percent: Amount | None = None
    """The most by which the estimate may grow at once. None: as much as it likes."""

    usage: Usage = Usage()
    """Expected monthly use of what is paid by use."""


@rule(
    "cost-change-within-limit",
    area="budget",
    severity="medium",
    config=Change,
    must="The estimated monthly cost must not grow by more than a stated share at once.",
    how="Split the change, or state an exception or a larger maximumIncreasePercent for it.",
    reference=PRICES,
)
def cost_change_within_limit(subject: Subject[Change]) -> Iterator[str]:
    percent = subject.config.maximum_increase_percent
    if percent is None:
        return
    cost = _cost(subject, subject.config.usage)
    for currency, before in subject.config.deployed.items():
        after = cost.totals.get(currency, Range()).maximum
        if after > before * (1 + percent / 100):
            yield (
                f"The estimated monthly cost at full scale-out grows from {currency} {before:,.0f} to "
                f"{_at_least(cost)}{currency} {after:,.0f}, by more than {percent:g} %. Split the change."
            )
