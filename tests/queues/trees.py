"""Tenants and trees for the tests of queues."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import strategies as st

from components.inputs import InvalidInput
from components.queues import QueueAmounts, QueueArgs, QueuePlan, QueuesArgs, plan_queues
from components.queues.args import Engine
from components.tenancy import Promise, TenantArgs, TenantNamespace, TenantResources
from components.tenancy.promises import Available
from support import shown

Range = tuple[float, float]

FLAVORS: Mapping[Engine, str] = {"elastic-quota-tree": "ack", "kueue": "upstream", "koordinator": "upstream"}


def tenant(
    vcpu: Range = (0, 0),
    memory: Range = (0, 0),
    *,
    gpus: Mapping[str, Range] | None = None,
    gpu_memory: Range = (0, 0),
    pods: int = 100,
    parent: str | None = None,
    namespaces: tuple[str, ...] = (),
) -> TenantArgs:
    """A tenant that is promised these amounts: guaranteed, and at most."""
    return TenantArgs(
        owners=["group/leads"],
        cost_center="x-1",
        parent=parent,
        namespaces={name: TenantNamespace() for name in namespaces},
        resources=TenantResources(
            vcpu=promise(vcpu),
            memory_gib=promise(memory),
            gpus={model: promise(amounts) for model, amounts in (gpus or {}).items()},
            gpu_memory_gib=promise(gpu_memory),
            pods=pods,
        ),
    )


def promise(amounts: Range) -> Promise:
    """What is guaranteed, and the most."""
    return Promise(guaranteed=amounts[0], maximum=amounts[1])


def there(firm: float, most: float | None = None) -> Available:
    """What can be relied on, and what there may be."""
    return Available(firm, firm if most is None else most, "nodes")


def plan(
    tenants: Mapping[str, TenantArgs],
    tree: Mapping[str, Any] | None = None,
    capacity: Mapping[str, Available] | None = None,
    engine: Engine = "kueue",
    **args: Any,
) -> QueuePlan:
    """The plan of a tree as files have it."""
    asked = QueuesArgs.model_validate({"engine": engine, "tree": tree or {}, **args})
    return plan_queues(asked, tenants, capacity or {}, FLAVORS[engine])


def problems(*args: Any, **values: Any) -> list[str]:
    """What is wrong with a tree, as fixtures write it."""
    with pytest.raises(InvalidInput) as caught:
        plan(*args, **values)
    return [shown(problem) for problem in caught.value.problems]


GPU = "A10"


@st.composite
def tenant_sets(draw: st.DrawFn, *, whole: bool = True) -> dict[str, TenantArgs]:
    """Valid tenants, parts of others among them: guarantees and maxima are within those of the parent."""
    amounts = st.integers(0, 12) if whole else st.integers(0, 48).map(lambda quarters: quarters / 3)
    found: dict[str, TenantArgs] = {}
    left: dict[str, dict[str, Range]] = {}
    for index in range(draw(st.integers(1, 6))):
        name = f"t{index}"
        parent = draw(st.sampled_from([None, *found]))
        promised: dict[str, Range] = {}
        for path in ("vcpu", "memory", "gpus"):
            most = draw(amounts)
            least = min(most, draw(amounts))
            if parent is not None:
                room, limit = left[parent][path]
                most = min(most, limit)
                least = min(least, room, most)
                left[parent][path] = (room - least, limit)
            promised[path] = (least, most)
        left[name] = dict(promised)
        gpus = {GPU: promised["gpus"]} if whole else {}
        found[name] = tenant(promised["vcpu"], promised["memory"], gpus=gpus, pods=1000, parent=parent)
    return found


@st.composite
def trees(draw: st.DrawFn, *, lends: bool = False) -> tuple[dict[str, TenantArgs], dict[str, QueueArgs]]:
    """A valid tree of queues, with a tenant for each leaf. lends: whether queues may keep a part of their minima."""
    parents: dict[str, str | None] = {"all": None}
    depth = {"all": 0}
    for index in range(draw(st.integers(1, 8))):
        parent = draw(st.sampled_from([name for name, deep in depth.items() if deep < 3]))
        parents[f"q{index}"], depth[f"q{index}"] = parent, depth[parent] + 1
    children = {name: [child for child, parent in parents.items() if parent == name] for name in parents}
    amount = st.integers(0, 12)
    least: dict[str, list[int]] = {}
    for name in reversed(parents):
        below = [least[child] for child in children[name]]
        least[name] = [sum(part) + draw(amount) for part in zip(*below, strict=True)] or draw(_three(amount))
    most: dict[str, list[int]] = {}
    for name, parent in parents.items():
        spare = draw(_three(amount))
        most[name] = [low + more for low, more in zip(least[name], spare, strict=True)]
        if parent is None:
            least[name] = most[name]
        else:
            most[name] = [min(pair) for pair in zip(most[name], most[parent], strict=True)]
    kept: dict[str, QueueAmounts] = {}
    if lends:
        for name in parents:
            stated = [draw(st.none() | st.integers(0, low)) for low in least[name]]
            kept[name] = QueueAmounts(
                vcpu=stated[0], memory_gib=stated[1], gpus={} if stated[2] is None else {GPU: stated[2]}
            )
    tenants = {
        name: tenant((0, most[name][0]), (0, most[name][1]), gpus={GPU: (0, most[name][2])}, pods=1000)
        for name in parents
        if not children[name]
    }
    return tenants, {
        name: QueueArgs(
            parent=parent,
            tenants=[] if children[name] else [name],
            minimum=_amounts(least[name]),
            maximum=_amounts(most[name]),
            lends=kept.get(name, QueueAmounts()) if name != "all" else QueueAmounts(),
        )
        for name, parent in parents.items()
    }


def _three(amount: st.SearchStrategy[int]) -> st.SearchStrategy[list[int]]:
    return st.lists(amount, min_size=3, max_size=3)


def _amounts(amounts: list[int]) -> QueueAmounts:
    return QueueAmounts(vcpu=amounts[0], memory_gib=amounts[1], gpus={GPU: amounts[2]})
