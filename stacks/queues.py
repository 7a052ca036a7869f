"""The queues of an environment: its tree, its capacity, and what is wrong with them."""

from collections.abc import Iterator, Mapping

from components.inputs import InvalidInput, Problem
from components.node_pools import NodePoolPlan
from components.queues import QueuePlan, ResourceFlavor, plan_queues
from components.queues.planning import RESOURCES
from components.tenancy.promises import Available

from .environment import Environment, pool_plans
from .tenancy import available

SYSTEMS = {"kueue": ("job-queue",), "elastic-quota-tree": ("job-queue",), "koordinator": ("koord-queue",)}
"""The systems that each engine is."""


def queue_plan(environment: Environment, stack: str) -> QueuePlan:
    """The tree of a valid environment."""
    return _plan(environment, stack, pool_plans(environment))


def _plan(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> QueuePlan:
    cloud = environment.flavor == "ack"
    capacity = available(environment, stack, pools) if cloud else upstream_capacity(environment)
    counted = {path: there for path, there in capacity.items() if path in RESOURCES or path.startswith("gpus.")}
    return plan_queues(environment.queues, environment.tenants, counted, environment.flavor)


def upstream_capacity(environment: Environment) -> Mapping[str, Available]:
    """What the node groups of an upstream cluster give; nothing where there are none."""
    totals: dict[str, float] = {}
    for group in environment.kubernetes.node_groups.values():
        amounts = {"vcpu": group.vcpu, "memoryGib": group.memory_gib, "pods": group.pods}
        if group.gpus:
            amounts[f"gpus.{group.gpu_model}"] = group.gpus
        for path, amount in amounts.items():
            totals[path] = totals.get(path, 0) + group.nodes * amount
    return {path: Available(total, total, "kubernetes.nodeGroups") for path, total in totals.items()}


def gpu_flavors(environment: Environment) -> Mapping[str, ResourceFlavor]:
    """The nodes of each GPU model of an upstream cluster: labels that its groups share, and taints of all of them."""
    groups = environment.kubernetes.node_groups
    found: dict[str, ResourceFlavor] = {}
    for model in sorted({group.gpu_model for group in groups.values() if group.gpus}):
        mine = [group for group in groups.values() if group.gpu_model == model and group.gpus]
        shared = {key: value for key, value in mine[0].labels.items() if all(g.labels.get(key) == value for g in mine)}
        taints = {(t.key, t.value, t.effect): t for group in mine for t in group.taints}
        rows = [{"key": t.key, "value": t.value, "effect": t.effect} for t in taints.values()]
        found[model] = ResourceFlavor(shared, rows)
    return found


def queue_problems(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    """What is wrong with the queues of an environment whose tenants are valid. pools: the plans of its node pools."""
    try:
        plan = _plan(environment, stack, pools)
    except InvalidInput as invalid:
        yield from (problem.under("queues") for problem in invalid.problems)
        return
    if not plan.nodes:
        return
    for system in SYSTEMS[plan.engine]:
        args = environment.systems.get(system)
        if args is None or not args.enabled:
            path = f"systems.{system}.enabled" if args else f"systems.{system}"
            message = "is what lets jobs queue; switch it on, or set queues.enabled: false"
            yield Problem(path, False if args else None, message)
    if plan.engine == "kueue":
        yield from _flavor_problems(environment)


def _flavor_problems(environment: Environment) -> Iterator[Problem]:
    """GPU models whose nodes have no label of their own: jobs would land on another's."""
    groups = environment.kubernetes.node_groups
    for model, flavor in gpu_flavors(environment).items():
        mine = [name for name, group in groups.items() if group.gpus and group.gpu_model == model]
        others = [name for name in groups if name not in mine]
        if not flavor.labels or any(flavor.labels.items() <= groups[name].labels.items() for name in others):
            message = f"GPUs {model} need a label that all of {', '.join(mine)} have and no other group"
            yield Problem(f"kubernetes.nodeGroups.{mine[0]}.labels", dict(groups[mine[0]].labels), message)


def group_problems(environment: Environment) -> Iterator[Problem]:
    """What is wrong with the node groups of an upstream cluster by themselves."""
    for name, group in environment.kubernetes.node_groups.items():
        if bool(group.gpus) != bool(group.gpu_model):
            message = "gpus and gpuModel go together"
            yield Problem(f"kubernetes.nodeGroups.{name}.gpuModel", group.gpu_model, message)
