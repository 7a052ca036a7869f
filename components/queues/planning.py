"""Decides the tree of queues: amounts of each node, and what is wrong with them."""

import graphlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..inputs import InvalidInput, Problem, one_of
from ..tenancy import TenantArgs
from ..tenancy.planning import promises
from ..tenancy.promises import Available
from .args import Engine, QueueAmounts, QueueArgs, QueuesArgs

ROOT = "root"
"""Name of the root of a tree that is made of tenants."""

Amounts = Mapping[str, float]
"""Amounts by path: `vcpu`, `memoryGib`, `gpus.<model>`, `gpuMemoryGib`, `pods`."""

SLACK = 1e-6
"""What sums of decimal fractions may be off."""

PARTS: Mapping[str, int] = {"vcpu": 1000, "memoryGib": 1024}
"""The parts that an amount may be counted in, as the engines do: millicores and MiB. All else is whole."""


@dataclass(frozen=True)
class QueueNode:
    """One queue with all its amounts; each holds the same paths as the root's.

    parent: "" for the root; path: names from the root, joined by hyphens; namespaces: of a leaf's tenants; lends: what
    of the minimum others may use.
    """

    name: str
    parent: str
    path: str
    children: Sequence[str]
    tenants: Sequence[str]
    namespaces: Sequence[str]
    minimum: Amounts
    maximum: Amounts
    lends: Amounts
    args: QueueArgs

    @property
    def leaf(self) -> bool:
        """Whether it takes jobs."""
        return not self.children


@dataclass(frozen=True)
class QueuePlan:
    """The tree of a cluster: every node after its parent, the root first; none where jobs do not queue."""

    engine: Engine
    fair_sharing: bool = False
    nodes: Mapping[str, QueueNode] = field(default_factory=dict[str, QueueNode])
    capacity: Mapping[str, Available] = field(default_factory=dict[str, Available])

    @property
    def root(self) -> QueueNode:
        """The root."""
        return next(iter(self.nodes.values()))

    @property
    def leaves(self) -> Sequence[QueueNode]:
        """The queues that take jobs."""
        return [node for node in self.nodes.values() if node.leaf]

    def leaf_of(self, namespace: str) -> QueueNode | None:
        """The queue of a namespace."""
        return next((node for node in self.leaves if namespace in node.namespaces), None)


def engine_of(args: QueuesArgs, flavor: str) -> Engine:
    """What enforces the tree. flavor: `ack` or `upstream`."""
    return args.engine or ("elastic-quota-tree" if flavor == "ack" else "kueue")


def plan_queues(
    args: QueuesArgs, tenants: Mapping[str, TenantArgs], capacity: Mapping[str, Available], flavor: str
) -> QueuePlan:
    """Decide the tree.

    capacity: what the cluster can give, by path; empty where it is not known, and then nothing is compared with it.
    flavor: `ack` or `upstream`. Raises `InvalidInput` with all problems; paths are relative to `queues`.
    """
    engine = engine_of(args, flavor)
    if not args.enabled or not tenants:
        if args.enabled and args.tree:
            names = ", ".join(args.tree)
            raise InvalidInput([Problem("tree", names, "binds no tenant; add tenants, or leave the tree out")])
        return QueuePlan(engine)
    tree = args.tree or _default(tenants, capacity)
    problems = [
        *_engine_problems(args, engine, flavor),
        *_shape_problems(tree, tenants),
        *_order_problems(tree, engine),
    ]
    if problems:
        raise InvalidInput(problems)
    nodes = _nodes(tree, tenants, capacity)
    problems = [*_amount_problems(nodes, tenants)]
    # Of a tree that is made of tenants, what is wrong on ACK is said of the tenants.
    if args.tree:
        problems += [
            problem for name, node in nodes.items() for problem in _model_problems(f"tree.{name}", node.args, capacity)
        ]
        problems += _capacity_problems(nodes, capacity)
    if flavor == "upstream" and capacity:
        problems += _gpu_problems(nodes, capacity)
    if problems:
        raise InvalidInput(problems)
    return QueuePlan(engine, args.fair_sharing, nodes, capacity)


def queue_names(args: QueuesArgs, tenants: Mapping[str, TenantArgs]) -> Mapping[str, str]:
    """The queue of each tenant, as far as it has one."""
    tree = (args.tree or _default(tenants, {})) if args.enabled else {}
    return {tenant: name for name, queue in tree.items() for tenant in queue.tenants}


def _default(tenants: Mapping[str, TenantArgs], capacity: Mapping[str, Available]) -> dict[str, QueueArgs]:
    """A queue for each tenant, with the name that it keeps in the cluster; one that has parts gets a queue for itself
    beside them."""

    def most_of(path: str, amount: float) -> float:
        # A maximum may be more than there is: who has it all to itself gets what there is.
        return _counted(path, min(amount, capacity[path].most) if path in capacity else amount)

    tree = {ROOT: QueueArgs()}
    parents = {args.parent for args in tenants.values()}
    identifiers = {name: args.id_of(name) for name, args in tenants.items()}
    for name, args in tenants.items():
        parent = identifiers.get(args.parent or "", ROOT)
        identifier = identifiers[name]
        if name in parents:
            resources = args.resources
            most = QueueAmounts(
                vcpu=most_of("vcpu", resources.vcpu.most),
                memory_gib=most_of("memoryGib", resources.memory_gib.most),
                gpus={model: int(most_of(f"gpus.{model}", gpu.most)) for model, gpu in resources.gpus.items()},
                gpu_memory_gib=most_of("gpuMemoryGib", resources.gpu_memory_gib.most),
                pods=int(most_of("pods", resources.pods)),
            )
            tree[identifier] = QueueArgs(parent=parent, maximum=most)
            own = f"{identifier}-own"
            while own in identifiers.values():
                own += "-own"
            tree[own] = QueueArgs(parent=identifier, tenants=[name])
        else:
            tree[identifier] = QueueArgs(parent=parent, tenants=[name])
    return tree


def _engine_problems(args: QueuesArgs, engine: Engine, flavor: str) -> Iterator[Problem]:
    if flavor == "ack" and engine != "elastic-quota-tree":
        yield Problem("engine", engine, "on ACK the scheduler takes its elastic-quota-tree, and no other")
    if flavor != "ack" and engine == "elastic-quota-tree":
        yield Problem("engine", engine, "only ACK's scheduler knows it; use kueue or koordinator")
    if engine == "elastic-quota-tree" and args.fair_sharing:
        yield Problem("fairSharing", True, "ACK's scheduler knows no shares; what is idle goes to whoever asks first")
    for name, queue in args.tree.items():
        path = f"tree.{name}"
        if queue.weight != 1 and not args.fair_sharing:
            yield Problem(f"{path}.weight", queue.weight, "has no effect without fairSharing: true")
        if engine != "kueue" and queue.preemption is not None:
            message = f"the engine {engine} has one way for all queues; leave it out"
            yield Problem(f"{path}.preemption", queue.preemption, message)
        if engine == "koordinator" and queue.lends.by_path():
            message = "Koordinator lends all or nothing of a quota; leave it out"
            yield Problem(f"{path}.lends", queue.lends.by_path(), message)


def _shape_problems(tree: Mapping[str, QueueArgs], tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    roots = [name for name, queue in tree.items() if queue.parent is None]
    if len(roots) > 1:
        message = "two trees: a cluster has one; give all but one of them a parent"
        yield Problem("tree", ", ".join(roots), message)
    for name in roots:
        for key, value in (("lends", tree[name].lends.by_path()), ("weight", tree[name].weight)):
            if value not in ({}, 1):
                yield Problem(f"tree.{name}.{key}", value, "the root has nobody to lend to, or to share with")
    for name, queue in tree.items():
        if queue.parent is not None and name == ROOT:
            yield Problem(f"tree.{name}.parent", queue.parent, "the name is the root's, in ack-kube-queue, too")
        if queue.parent is not None and queue.parent not in tree:
            yield Problem(f"tree.{name}.parent", queue.parent, one_of(queue.parent, tree, "one of the queues"))
    try:
        graphlib.TopologicalSorter(
            {name: [queue.parent] for name, queue in tree.items() if queue.parent in tree}
        ).prepare()
    except graphlib.CycleError as error:
        names: list[str] = error.args[1][::-1]  # From each to its parent.
        yield Problem(f"tree.{names[0]}.parent", tree[names[0]].parent, f"a cycle: {' < '.join(names)}")
    else:
        if not roots:
            yield Problem("tree", ", ".join(tree), "has no root: a queue without a parent")
    yield from _leaf_problems(tree, tenants)


def _order_problems(tree: Mapping[str, QueueArgs], engine: Engine) -> Iterator[Problem]:
    parents = {queue.parent for queue in tree.values()}
    orders = {name: queue.order for name, queue in tree.items() if name not in parents}
    if engine == "elastic-quota-tree" and len(set(orders.values())) > 1:
        names = ", ".join(name for name, order in orders.items() if order == "fifo")
        message = (
            "ack-kube-queue makes its queues itself, and blocks in all of them or in none: say the same of all leaves"
        )
        yield Problem("tree", names, message)


def _leaf_problems(tree: Mapping[str, QueueArgs], tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    parents = {queue.parent for queue in tree.values()}
    leaves: dict[str, str] = {}
    for name, queue in tree.items():
        path = f"tree.{name}"
        if name in parents:
            if queue.tenants:
                message = "has queues below it, and only leaves take jobs; give the tenants a queue of their own"
                yield Problem(f"{path}.tenants", list(queue.tenants), message)
            for key in ("order", "preemption"):
                if getattr(queue, key) != QueueArgs.model_fields[key].default:
                    yield Problem(f"{path}.{key}", getattr(queue, key), "is of leaves, which take jobs")
            continue
        if not queue.tenants:
            yield Problem(f"{path}.tenants", [], "binds no tenant, so no job ever comes; name one, or remove the queue")
        for index, tenant in enumerate(queue.tenants):
            where = f"{path}.tenants[{index}]"
            if tenant not in tenants:
                yield Problem(where, tenant, one_of(tenant, tenants, "one of tenants"))
            elif tenant in leaves:
                yield Problem(where, tenant, f"is in the queue {leaves[tenant]} already; a tenant has one")
            else:
                leaves[tenant] = name
    for tenant in tenants:
        if tenant not in leaves and not any(tenant in queue.tenants for queue in tree.values()):
            yield Problem("tree", tenant, f"the tenant {tenant} is in no leaf, so its jobs would pass the queues by")


def settings_of(node: QueueNode, *, fair_sharing: bool) -> list[str]:
    """What of a queue differs from the defaults, in words."""
    kept = [path for path, amount in node.lends.items() if amount < node.minimum[path]]
    return [
        *(["fifo"] if node.args.order == "fifo" else []),
        *([f"preemption {node.args.preemption}"] if node.args.preemption else []),
        *([f"weight {node.args.weight}"] if fair_sharing and node.parent else []),
        *([f"keeps {', '.join(kept)}"] if kept and node.parent else []),
    ]


def queue_notes(plan: QueuePlan) -> list[str]:
    """What a platform engineer must know of a tree on its engine."""
    models = [path for path in plan.root.maximum if path.startswith("gpus.")]
    kept = any("keeps" in setting for node in plan.nodes.values() for setting in settings_of(node, fair_sharing=False))
    notes: list[str] = []
    if plan.engine != "kueue" and len(models) > 1:
        notes.append("GPUs of all models count together; per model they are only compared with what there is.")
    if plan.engine == "elastic-quota-tree":
        notes.append("Pods are held by the quotas of namespaces, not by the tree.")
    if plan.engine == "elastic-quota-tree" and kept:
        notes.append("What a queue keeps is known to ack-kube-queue; that ACK's scheduler heeds it is UNCONFIRMED.")
    if plan.engine == "koordinator":
        notes.append("koord-scheduler checks the maxima of leaves alone unless its enableCheckParentQuota is on.")
    if not plan.capacity:
        notes.append("The cluster's size is not known (kubernetes.nodeGroups), so nothing is compared with it.")
    return notes


def own_amounts(tenants: Mapping[str, TenantArgs]) -> Mapping[str, tuple[Amounts, Amounts]]:
    """Guarantee and maximum of each tenant without what its parts are guaranteed, by path."""
    found: dict[str, tuple[dict[str, float], dict[str, float]]] = {}
    for name, args in tenants.items():
        minimum = {path: _counted(path, promise.guaranteed) for path, promise in promises(args)}
        maximum = {path: _counted(path, promise.most) for path, promise in promises(args)}
        found[name] = (minimum, {**maximum, "pods": float(args.resources.pods)})
    for args in tenants.values():
        if args.parent in found:
            for path, promise in promises(args):
                own = found[args.parent][0]
                own[path] = max(0.0, own.get(path, 0) - _counted(path, promise.guaranteed))
    return found


def _counted(path: str, amount: float) -> float:
    """An amount rounded down to what the engines count it in, so that parts never come to more than the whole."""
    parts = PARTS.get(path, 1)
    return math.floor(amount * parts + SLACK) / parts


def _stated(amounts: QueueAmounts) -> dict[str, float]:
    return {path: _counted(path, amount) for path, amount in amounts.by_path().items()}


def _nodes(
    tree: Mapping[str, QueueArgs], tenants: Mapping[str, TenantArgs], capacity: Mapping[str, Available]
) -> dict[str, QueueNode]:
    """All nodes with their amounts, parents first, siblings in their order."""
    # Sorted, for the engine hands mappings over in another order than files have them.
    children = {name: sorted(other for other, queue in tree.items() if queue.parent == name) for name in tree}
    order = _preorder(next(name for name, queue in tree.items() if queue.parent is None), children)
    own = own_amounts(tenants)
    stated = [side.by_path() for queue in tree.values() for side in (queue.minimum, queue.maximum, queue.lends)]
    known = dict.fromkeys([path for path in capacity if path in RESOURCES or path.startswith("gpus.")])
    paths = [*known, *(dict.fromkeys(p for a in (*stated, *(b for pair in own.values() for b in pair)) for p in a))]
    paths = [path for path in RESOURCES if path in paths] + sorted({p for p in paths if p not in RESOURCES})
    minimum: dict[str, dict[str, float]] = {}
    maximum: dict[str, dict[str, float]] = {}
    for name in reversed(order):
        queue = tree[name]
        below = children[name]
        if below:
            least = {path: sum(minimum[child][path] for child in below) for path in paths}
            most = {path: sum(maximum[child][path] for child in below) for path in paths}
        else:
            least, most = ({p: sum(own[t][side].get(p, 0) for t in queue.tenants) for p in paths} for side in (0, 1))
        if queue.parent is None:
            # Spot that may go is no reason to refuse a job, so the root is what there may be at most.
            most |= {path: _counted(path, capacity[path].most) for path in paths if path in capacity}
            most |= _stated(queue.maximum)
            least = {**most, **_stated(queue.minimum)}
        else:
            least |= _stated(queue.minimum)
            most |= _stated(queue.maximum)
        minimum[name], maximum[name] = least, most
    full: dict[str, str] = {}
    for name in order:
        parent = tree[name].parent
        full[name] = name if parent is None else f"{full[parent]}-{name}"
        if parent is not None:
            # What nobody stated cannot be more than what is above it.
            unstated = maximum[name].keys() - tree[name].maximum.by_path().keys()
            maximum[name] |= {path: min(maximum[name][path], maximum[parent][path]) for path in unstated}
    return {
        name: QueueNode(
            name=name,
            parent=tree[name].parent or "",
            path=full[name],
            children=children[name],
            tenants=tree[name].tenants,
            namespaces=[space for t in tree[name].tenants for space in tenants[t].namespaces_of(t)],
            minimum=minimum[name],
            maximum=maximum[name],
            lends={**minimum[name], **_stated(tree[name].lends)},
            args=tree[name],
        )
        for name in order
    }


RESOURCES = ("vcpu", "memoryGib", "gpuMemoryGib", "pods")
"""Paths that are not of one GPU model."""


def _preorder(root: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    return [root, *(name for child in children[root] for name in _preorder(child, children))]


def _amount_problems(nodes: Mapping[str, QueueNode], tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    own = own_amounts(tenants)
    for name, node in nodes.items():
        path = f"tree.{name}"
        for resource, least in node.minimum.items():
            most = node.maximum[resource]
            if not node.parent and least != most:
                yield Problem(f"{path}.minimum.{resource}", least, f"the root's is its maximum, {_n(most)}")
            elif least > most + SLACK:
                yield Problem(f"{path}.minimum.{resource}", least, f"above the maximum of {_n(most)}")
            if node.parent and most > nodes[node.parent].maximum[resource] + SLACK:
                parent = nodes[node.parent].maximum[resource]
                message = f"above the maximum of {node.parent}, {_n(parent)}"
                yield Problem(f"{path}.maximum.{resource}", most, message)
            if node.lends[resource] > least + SLACK:
                yield Problem(f"{path}.lends.{resource}", node.lends[resource], f"above the minimum of {_n(least)}")
            if node.children:
                parts = [(child, nodes[child].minimum[resource]) for child in node.children]
                total = sum(amount for _, amount in parts)
                if total > least + SLACK:
                    terms = " + ".join(f"{child} {_n(amount)}" for child, amount in parts if amount)
                    message = f"the queues below have minima of {terms} = {_n(total)}"
                    yield Problem(f"{path}.minimum.{resource}", least, message)
        if node.leaf:
            yield from _tenant_problems(path, node, own)


def _model_problems(path: str, args: QueueArgs, capacity: Mapping[str, Available]) -> Iterator[Problem]:
    models = [resource.removeprefix("gpus.") for resource in capacity if resource.startswith("gpus.")]
    for key in ("minimum", "maximum", "lends"):
        for model in getattr(args, key).gpus if capacity else ():
            if model not in models:
                message = one_of(model, models, "a GPU model of the node pools")
                yield Problem(f"{path}.{key}.gpus.{model}", model, message)


def _tenant_problems(path: str, node: QueueNode, own: Mapping[str, tuple[Amounts, Amounts]]) -> Iterator[Problem]:
    """Where a leaf gives its tenants less than they are guaranteed, or more than their quotas let them use."""
    for resource in node.minimum:
        least, most = (sum(own[tenant][side].get(resource, 0) for tenant in node.tenants) for side in (0, 1))
        names = ", ".join(node.tenants)
        if node.minimum[resource] < least - SLACK:
            message = f"below the {_n(least)} that {names} is guaranteed under tenants"
            yield Problem(f"{path}.minimum.{resource}", node.minimum[resource], message)
        # The root is what there may be, whoever may use it.
        if node.parent and node.maximum[resource] > most + SLACK:
            message = f"above the {_n(most)} that {names} may use under tenants, so it could never be used"
            yield Problem(f"{path}.maximum.{resource}", node.maximum[resource], message)


def _gpu_problems(nodes: Mapping[str, QueueNode], capacity: Mapping[str, Available]) -> Iterator[Problem]:
    """GPU models that tenants may use and no node has; on ACK that is said of the tenants."""
    root = next(iter(nodes.values()))
    for resource, most in root.maximum.items():
        if most and resource.startswith("gpus.") and resource not in capacity:
            users = ", ".join(name for name, node in nodes.items() if node.leaf and node.maximum[resource])
            message = f"no node has such GPUs, but {users} may use them"
            yield Problem(f"tree.{root.name}.maximum.{resource}", most, message)


def _capacity_problems(nodes: Mapping[str, QueueNode], capacity: Mapping[str, Available]) -> Iterator[Problem]:
    root = next(iter(nodes.values()))
    for resource, there in capacity.items():
        if resource not in root.maximum:
            continue
        if root.maximum[resource] > there.most + SLACK:
            message = f"above the {_n(there.most)} that there may be ({there.source})"
            yield Problem(f"tree.{root.name}.maximum.{resource}", root.maximum[resource], message)
        parts = [(child, nodes[child].minimum[resource]) for child in root.children]
        total = sum(amount for _, amount in parts)
        if total > there.firm + SLACK:
            terms = " + ".join(f"{child} {_n(amount)}" for child, amount in parts if amount)
            message = f"{terms} = {_n(total)} as minima, but {_n(there.firm)} can be relied on ({there.source})"
            yield Problem(f"tree.{root.name}.minimum.{resource}", total, message)


def _n(amount: float) -> str:
    return f"{amount:,.0f}" if float(amount).is_integer() else f"{amount:,.2f}"
