"""The tree of queues that is decided, and everything that can be wrong with one."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.queues import QueueAmounts, QueueArgs, QueuesArgs, plan_queues
from components.queues.args import Engine
from components.queues.planning import engine_of, own_amounts, queue_notes, settings_of
from components.tenancy import TenantArgs
from components.tenancy.promises import Available
from queues.trees import FLAVORS, GPU, plan, problems, tenant, tenant_sets, there, trees

VISION = tenant((8, 16), (32, 64), gpus={GPU: (2, 4)}, pods=50)
DETECTION = tenant((5, 12), (8, 16), gpus={GPU: (1, 4)}, pods=20, parent="vision", namespaces=("detect", "detect-lab"))
SPEECH = tenant((4, 40), (16, 160), gpu_memory=(12, 24), pods=10)
ALL = {"vision": VISION, "detection": DETECTION, "speech": SPEECH}
TWO = {"vision": VISION, "speech": SPEECH}
THERE = {"vcpu": there(16, 24), "memoryGib": there(100), f"gpus.{GPU}": there(4), "pods": there(70)}


def _leaf(name: str, **values: Any) -> dict[str, Any]:
    return {"parent": "all", "tenants": [name], **values}


def _tree(**queues: Mapping[str, Any]) -> dict[str, Any]:
    """A root, and below it a leaf for each tenant that is not there yet."""
    bound = {name for queue in queues.values() for name in queue.get("tenants", ())}
    return {"all": {}, **{name: _leaf(name) for name in TWO if name not in bound and name not in queues}, **queues}


def test_the_default_tree_nests_tenants_by_their_parents() -> None:
    nodes = plan(ALL).nodes
    # Parents first, siblings by name.
    assert [(name, node.parent, node.path, [*node.tenants], [*node.namespaces]) for name, node in nodes.items()] == [
        ("root", "", "root", [], []),
        ("speech", "root", "root-speech", ["speech"], ["speech"]),
        ("vision", "root", "root-vision", [], []),
        ("detection", "vision", "root-vision-detection", ["detection"], ["detect", "detect-lab"]),
        ("vision-own", "vision", "root-vision-vision-own", ["vision"], ["vision"]),
    ]
    assert [[*node.children] for node in nodes.values()] == [
        *(["speech", "vision"], []),
        *(["detection", "vision-own"], [], []),
    ]
    assert plan(dict(reversed(ALL.items()))) == plan(ALL)


@pytest.mark.parametrize(
    ("name", "vcpu", "memory", "gpus", "gpu_memory", "pods"),
    [
        # Nothing is known of the cluster: the root is what all may use.
        ("root", (56, 56), (224, 224), (4, 4), (24, 24), (60, 60)),
        ("vision", (8, 16), (32, 64), (2, 4), (0, 0), (0, 50)),
        # What a tenant is guaranteed, without its parts; it may use all that it may use.
        ("vision-own", (3, 16), (24, 64), (1, 4), (0, 0), (0, 50)),
        ("detection", (5, 12), (8, 16), (1, 4), (0, 0), (0, 20)),
        ("speech", (4, 40), (16, 160), (0, 0), (12, 24), (0, 10)),
    ],
)
def test_amounts_of_the_default_tree(
    name: str,
    vcpu: tuple[float, float],
    memory: tuple[float, float],
    gpus: tuple[float, float],
    gpu_memory: tuple[float, float],
    pods: tuple[float, float],
) -> None:
    node = plan(ALL).nodes[name]
    assert {path: (node.minimum[path], node.maximum[path]) for path in node.minimum} == {
        "vcpu": vcpu,
        "memoryGib": memory,
        "gpuMemoryGib": gpu_memory,
        "pods": pods,
        f"gpus.{GPU}": gpus,
    }
    assert node.lends == node.minimum


def test_the_root_is_what_there_may_be_and_maxima_are_within_it() -> None:
    nodes = plan(ALL, capacity=THERE).nodes
    assert nodes["root"].maximum == nodes["root"].minimum
    assert nodes["root"].maximum == {"vcpu": 24, "memoryGib": 100, f"gpus.{GPU}": 4, "pods": 70, "gpuMemoryGib": 24}
    assert nodes["speech"].maximum == {"vcpu": 24, "memoryGib": 100, f"gpus.{GPU}": 0, "pods": 10, "gpuMemoryGib": 24}
    # So is the maximum of a tenant with parts, and what its parts may use is within its own.
    larger = {**ALL, "vision": tenant((8, 90), (32, 900), gpus={GPU: (2, 9)}, pods=500)}
    nodes = plan(larger, capacity=THERE).nodes
    for name in ("vision", "vision-own"):
        assert nodes[name].maximum == {"vcpu": 24, "memoryGib": 100, f"gpus.{GPU}": 4, "pods": 70, "gpuMemoryGib": 0}
    assert nodes["detection"].maximum["vcpu"] == 12


def test_fractions_are_rounded_down_to_what_engines_count_in() -> None:
    tenants = {"one": tenant((0.3333, 1.5), (0.15, 1), gpu_memory=(7.6, 8)), "two": tenant((0.1, 2), (0.15, 1))}
    nodes = plan(tenants, capacity={"vcpu": there(7.8), "memoryGib": there(15.55)}).nodes
    assert nodes["root"].maximum["vcpu"] == 7.8
    assert nodes["root"].maximum["memoryGib"] == 15923 / 1024
    assert nodes["one"].minimum["vcpu"] == 0.333
    assert nodes["one"].minimum["memoryGib"] == nodes["two"].minimum["memoryGib"] == 153 / 1024
    assert nodes["one"].minimum["gpuMemoryGib"] == 7
    # Guarantees that fit what there is fit, with no whole vCPU left over.
    assert plan({"one": tenant((7.7, 7.7), (15.5, 15.5))}, capacity={"vcpu": there(7.8)}).nodes


def test_names_of_tenants_own_leaves_are_free() -> None:
    tenants = {**ALL, "vision-own": tenant((1, 1), (1, 1))}
    nodes = plan(tenants).nodes
    assert list(nodes["vision-own"].tenants) == ["vision-own"]
    assert list(nodes["vision-own-own"].tenants) == ["vision"]
    assert plan(dict(reversed(tenants.items()))).nodes.keys() == nodes.keys()


def test_a_part_of_nobody_here_hangs_below_the_root() -> None:
    assert plan({"detection": DETECTION}).nodes["detection"].parent == "root"


def test_own_amounts_are_without_those_of_parts() -> None:
    deeper = {**ALL, "cars": tenant((2, 4), (8, 8), gpus={GPU: (1, 1)}, parent="detection")}
    own = own_amounts(deeper)
    assert own["vision"][0] == {"vcpu": 3, "memoryGib": 24, "gpuMemoryGib": 0, f"gpus.{GPU}": 1}
    assert own["detection"][0] == {"vcpu": 3, "memoryGib": 0, "gpuMemoryGib": 0, f"gpus.{GPU}": 0}
    assert own["cars"][0] == {"vcpu": 2, "memoryGib": 8, "gpuMemoryGib": 0, f"gpus.{GPU}": 1}
    assert own["vision"][1] == {"vcpu": 16, "memoryGib": 64, "gpuMemoryGib": 0, f"gpus.{GPU}": 4, "pods": 50}


def test_an_explicit_tree() -> None:
    tree = {
        "speech": {"parent": "research", "tenants": ["speech"], "maximum": {"vcpu": 20}, "lends": {"vcpu": 1}},
        "all": {"maximum": {"vcpu": 40}},
        "research": {"parent": "all", "minimum": {"vcpu": 6}, "maximum": {"pods": 40}},
        "vision": {"parent": "all", "tenants": ["vision", "detection"], "minimum": {"memoryGib": 33}},
    }
    nodes = plan(ALL, tree).nodes
    assert list(nodes) == ["all", "research", "speech", "vision"]
    assert [node.path for node in nodes.values()] == ["all", "all-research", "all-research-speech", "all-vision"]
    # Resource by resource: what is stated, else of a leaf its tenants', of the others the sum, of the root its maximum.
    assert [node.minimum["vcpu"] for node in nodes.values()] == [40, 6, 4, 8]
    assert [node.maximum["vcpu"] for node in nodes.values()] == [40, 20, 20, 28]
    assert [node.minimum["memoryGib"] for node in nodes.values()] == [240, 16, 16, 33]
    assert [node.maximum["pods"] for node in nodes.values()] == [110, 40, 10, 70]
    assert nodes["speech"].lends == {**nodes["speech"].minimum, "vcpu": 1}
    assert list(nodes["vision"].namespaces) == ["vision", "detect", "detect-lab"]


def test_what_is_not_stated_is_within_the_parent() -> None:
    nodes = plan(TWO, _tree(all={"maximum": {"vcpu": 12}})).nodes
    assert [nodes[name].maximum["vcpu"] for name in ("all", "vision", "speech")] == [12, 12, 12]


def test_a_queue_for_all() -> None:
    only = plan(TWO, {"all": {"tenants": ["vision", "speech"]}})
    assert [only.root] == only.leaves
    assert only.root.minimum == only.root.maximum
    assert only.root.maximum["vcpu"] == 56


def test_leaf_of_a_namespace() -> None:
    found = plan(ALL)
    assert {name: leaf and leaf.name for name in ("vision", "detect-lab", "x") for leaf in [found.leaf_of(name)]} == {
        "vision": "vision-own",
        "detect-lab": "detection",
        "x": None,
    }
    assert [leaf.name for leaf in found.leaves] == ["speech", "detection", "vision-own"]


@pytest.mark.parametrize("args", [QueuesArgs(enabled=False), QueuesArgs(enabled=False, tree={"all": QueueArgs()})])
def test_switched_off(args: QueuesArgs) -> None:
    assert not plan_queues(args, TWO, THERE, "upstream").nodes


def test_no_tenants_no_queues() -> None:
    assert not plan_queues(QueuesArgs(), {}, THERE, "ack").nodes
    assert plan_queues(QueuesArgs(), {}, THERE, "ack").leaf_of("x") is None


@pytest.mark.parametrize(
    ("engine", "flavor", "expected"),
    [
        (None, "ack", "elastic-quota-tree"),
        (None, "upstream", "kueue"),
        ("koordinator", "upstream", "koordinator"),
    ],
)
def test_engine_of(engine: Engine | None, flavor: str, expected: str) -> None:
    assert engine_of(QueuesArgs(engine=engine), flavor) == expected


@pytest.mark.parametrize(
    ("queue", "fair_sharing", "expected"),
    [
        ({}, False, []),
        ({}, True, ["weight 1"]),
        ({"weight": 3}, True, ["weight 3"]),
        ({"order": "fifo", "preemption": "never"}, False, ["fifo", "preemption never"]),
        ({"lends": {"vcpu": 4, "memoryGib": 1, "gpuMemoryGib": 0}}, False, ["keeps memoryGib, gpuMemoryGib"]),
    ],
)
def test_settings_of(queue: dict[str, Any], fair_sharing: bool, expected: list[str]) -> None:
    found = plan(TWO, _tree(speech=_leaf("speech", **queue)), fairSharing=fair_sharing)
    assert settings_of(found.nodes["speech"], fair_sharing=fair_sharing) == expected
    assert settings_of(found.root, fair_sharing=fair_sharing) == []


COUNTED = "GPUs of all models count together; per model they are only compared with what there is."
PODS = "Pods are held by the quotas of namespaces, not by the tree."
KEPT = "What a queue keeps is known to ack-kube-queue; that ACK's scheduler heeds it is UNCONFIRMED."
LEAVES = "koord-scheduler checks the maxima of leaves alone unless its enableCheckParentQuota is on."
UNKNOWN = "The cluster's size is not known (kubernetes.nodeGroups), so nothing is compared with it."


@pytest.mark.parametrize(
    ("engine", "lends", "models", "capacity", "expected"),
    [
        ("kueue", {}, ["A10", "T4"], THERE, []),
        ("kueue", {"vcpu": 0}, ["A10"], {}, [UNKNOWN]),
        ("elastic-quota-tree", {}, ["A10"], THERE, [PODS]),
        ("elastic-quota-tree", {"vcpu": 0}, ["A10", "T4"], THERE, [COUNTED, PODS, KEPT]),
        ("koordinator", {}, ["A10", "T4"], {}, [COUNTED, LEAVES, UNKNOWN]),
    ],
)
def test_notes(
    engine: Engine,
    lends: dict[str, float],
    models: list[str],
    capacity: Mapping[str, Available],
    expected: list[str],
) -> None:
    tenants = {"speech": tenant((4, 8), (1, 1), gpus=dict.fromkeys(models, (0, 1)))}
    tree = {"all": {}, "speech": _leaf("speech", lends=lends)}
    there_is = {**capacity, **{f"gpus.{model}": there(4) for model in models if capacity}}
    assert queue_notes(plan(tenants, tree, there_is, engine)) == expected


SHAPES = {
    "two-roots": (
        {**_tree(), "other": {"tenants": ["vision"]}, "vision": {"parent": "other", "tenants": []}},
        [
            'queues.tree = "all, other": two trees: a cluster has one; give all but one of them a parent',
            "queues.tree.vision.tenants = []: binds no tenant, so no job ever comes; name one, or remove the queue",
            'queues.tree.other.tenants = ["vision"]: has queues below it, and only leaves take jobs; '
            "give the tenants a queue of their own",
        ],
    ),
    "cycle": (
        {**_tree(), "one": {"parent": "two"}, "two": {"parent": "three"}, "three": {"parent": "one"}},
        ['queues.tree.one.parent = "two": a cycle: one < two < three < one'],
    ),
    "own-parent": ({**_tree(), "one": {"parent": "one"}}, ['queues.tree.one.parent = "one": a cycle: one < one']),
    "nothing-but-a-cycle": (
        {"one": {"parent": "two"}, "two": {"parent": "one"}, **{n: {"parent": "one", "tenants": [n]} for n in TWO}},
        ['queues.tree.one.parent = "two": a cycle: one < two < one'],
    ),
    "unknown-parent": (
        _tree(speech=_leaf("speech", parent="x")),
        ['queues.tree.speech.parent = "x": not one of the queues; allowed: all, speech, vision'],
    ),
    "nearly-a-parent": (
        _tree(speech=_leaf("speech", parent="visio")),
        ["queues.tree.speech.parent = \"visio\": not one of the queues; did you mean 'vision'?"],
    ),
    "no-root": (
        {"vision": _leaf("vision", parent="x"), "speech": _leaf("speech", parent="vision", tenants=["speech"])},
        [
            'queues.tree.vision.parent = "x": not one of the queues; allowed: speech, vision',
            'queues.tree = "vision, speech": has no root: a queue without a parent',
            'queues.tree.vision.tenants = ["vision"]: has queues below it, and only leaves take jobs; '
            "give the tenants a queue of their own",
        ],
    ),
    "leaf-without-tenant": (
        _tree(idle={"parent": "all"}),
        ["queues.tree.idle.tenants = []: binds no tenant, so no job ever comes; name one, or remove the queue"],
    ),
    "unknown-tenant": (
        _tree(other={"parent": "all", "tenants": ["vison"]}),
        ["queues.tree.other.tenants[0] = \"vison\": not one of tenants; did you mean 'vision'?"],
    ),
    "tenant-in-two-leaves": (
        {**_tree(), "speech": _leaf("speech", tenants=["speech", "vision"])},
        ['queues.tree.speech.tenants[1] = "vision": is in the queue vision already; a tenant has one'],
    ),
    "tenant-twice-in-a-leaf": (
        _tree(speech=_leaf("speech", tenants=["speech", "speech"])),
        ['queues.tree.speech.tenants[1] = "speech": is in the queue speech already; a tenant has one'],
    ),
    "tenant-in-no-leaf": (
        {"all": {}, "vision": _leaf("vision")},
        ['queues.tree = "speech": the tenant speech is in no leaf, so its jobs would pass the queues by'],
    ),
    "tenants-on-an-inner-queue": (
        {**_tree(), "all": {"tenants": ["speech"]}, "speech": {"parent": "vision", "tenants": ["speech"]}},
        [
            'queues.tree.all.tenants = ["speech"]: has queues below it, and only leaves take jobs; '
            "give the tenants a queue of their own",
            'queues.tree.vision.tenants = ["vision"]: has queues below it, and only leaves take jobs; '
            "give the tenants a queue of their own",
        ],
    ),
    "settings-of-leaves-on-an-inner-queue": (
        _tree(all={"order": "fifo", "preemption": "never"}),
        [
            'queues.tree.all.order = "fifo": is of leaves, which take jobs',
            'queues.tree.all.preemption = "never": is of leaves, which take jobs',
        ],
    ),
    "root-that-lends": (
        _tree(all={"lends": {"vcpu": 1, "gpus": {GPU: 0}}}),
        [f'queues.tree.all.lends = {{"vcpu": 1.0, "gpus.{GPU}": 0}}: the root has nobody to lend to, or to share with'],
    ),
    "child-named-root": (
        _tree(root={"parent": "all"}, speech=_leaf("speech", parent="root")),
        ['queues.tree.root.parent = "all": the name is the root\'s, in ack-kube-queue, too'],
    ),
    "child-named-root-of-nobody": (
        _tree(root={"parent": "x"}, speech=_leaf("speech", parent="root")),
        [
            'queues.tree.root.parent = "x": the name is the root\'s, in ack-kube-queue, too',
            'queues.tree.root.parent = "x": not one of the queues; allowed: all, root, speech, vision',
        ],
    ),
}


@pytest.mark.parametrize(("tree", "expected"), SHAPES.values(), ids=SHAPES)
def test_shape_problems(tree: dict[str, Any], expected: list[str]) -> None:
    assert [f"queues.{problem}" for problem in problems(TWO, tree)] == expected


@pytest.mark.parametrize("engine", ["kueue", "koordinator"])
def test_a_root_shares_with_nobody(engine: Engine) -> None:
    tree = _tree(all={"weight": 2})
    expected = "tree.all.weight = 2: the root has nobody to lend to, or to share with"
    assert problems(TWO, tree, engine=engine, fairSharing=True) == [expected]
    assert problems(TWO, tree, engine=engine) == [
        "tree.all.weight = 2: has no effect without fairSharing: true",
        expected,
    ]


def test_a_root_may_have_its_own_name() -> None:
    tree = {"root": {}, **{name: _leaf(name, parent="root") for name in TWO}}
    assert plan(TWO, tree).nodes["root"].parent == ""


LABS = {
    "vision": tenant((1, 2), (1, 2), gpus={GPU: (1, 2), "T4": (0, 2)}),
    "speech": tenant((1, 2), (1, 2), gpus={"T4": (1, 1), "H20": (0, 1)}),
}
CLUSTER = {"vcpu": there(9), "memoryGib": there(9), f"gpus.{GPU}": there(4)}


@pytest.mark.parametrize("engine", ["kueue", "koordinator"])
def test_gpus_that_no_node_has(engine: Engine) -> None:
    expected = [
        "tree.root.maximum.gpus.H20 = 1.0: no node has such GPUs, but speech may use them",
        "tree.root.maximum.gpus.T4 = 3.0: no node has such GPUs, but speech, vision may use them",
    ]
    assert problems(LABS, capacity=CLUSTER, engine=engine) == expected
    more = {**CLUSTER, "gpus.T4": there(3)}
    assert problems(LABS, capacity=more, engine=engine) == expected[:1]
    # Nothing is compared with a cluster of which nothing is known, and on ACK it is said of the tenants.
    assert plan(LABS, engine=engine).root.maximum["gpus.T4"] == 3
    assert plan(LABS, capacity=CLUSTER, engine="elastic-quota-tree").root.maximum["gpus.T4"] == 3


def test_gpus_that_no_node_has_are_said_of_the_root_that_is_stated() -> None:
    tree = {"all": {}, **{name: _leaf(name) for name in LABS}}
    assert problems(LABS, tree, CLUSTER) == [
        "tree.all.maximum.gpus.H20 = 1.0: no node has such GPUs, but speech may use them",
        "tree.all.maximum.gpus.T4 = 3.0: no node has such GPUs, but speech, vision may use them",
    ]


def test_a_tree_without_tenants() -> None:
    assert problems({}, _tree()) == [
        'tree = "all, vision, speech": binds no tenant; add tenants, or leave the tree out'
    ]


AMOUNTS = {
    "minimum-above-maximum": (
        {"speech": _leaf("speech", minimum={"vcpu": 30}, maximum={"vcpu": 20})},
        [
            # The root is as large as the maxima below it.
            "tree.all.minimum.vcpu = 36.0: the queues below have minima of speech 30 + vision 8 = 38",
            "tree.speech.minimum.vcpu = 30.0: above the maximum of 20",
        ],
    ),
    "minima-over-the-parents": (
        {
            "research": {"parent": "all", "minimum": {"vcpu": 11, "memoryGib": 47.5}},
            "vision": _leaf("vision", parent="research"),
            "speech": _leaf("speech", parent="research"),
        },
        [
            "tree.research.minimum.vcpu = 11.0: the queues below have minima of speech 4 + vision 8 = 12",
            "tree.research.minimum.memoryGib = 47.5: the queues below have minima of speech 16 + vision 32 = 48",
        ],
    ),
    "minima-over-the-root": (
        {"all": {"maximum": {"memoryGib": 33}}},
        ["tree.all.minimum.memoryGib = 33.0: the queues below have minima of speech 16 + vision 32 = 48"],
    ),
    "maximum-above-the-parents": (
        {"all": {"maximum": {"vcpu": 14.25}}, "speech": _leaf("speech", maximum={"vcpu": 15})},
        ["tree.speech.maximum.vcpu = 15.0: above the maximum of all, 14.25"],
    ),
    "clamped-below-the-minimum": (
        {"all": {"maximum": {"vcpu": 14}}, "speech": _leaf("speech", minimum={"vcpu": 15})},
        [
            "tree.all.minimum.vcpu = 14.0: the queues below have minima of speech 15 + vision 8 = 23",
            "tree.speech.minimum.vcpu = 15.0: above the maximum of 14",
        ],
    ),
    "the-roots-minimum": (
        {"all": {"minimum": {"pods": 60, "vcpu": 55}}},
        ["tree.all.minimum.vcpu = 55.0: the root's is its maximum, 56"],
    ),
    "lends-above-the-minimum": (
        {"speech": _leaf("speech", lends={"vcpu": 4.5, "gpus": {"A10": 1}})},
        [
            "tree.speech.lends.vcpu = 4.5: above the minimum of 4",
            "tree.speech.lends.gpus.A10 = 1.0: above the minimum of 0",
        ],
    ),
    "lends-what-nobody-has": (
        {"speech": _leaf("speech", lends={"gpus": {"T4": 1}})},
        ["tree.speech.lends.gpus.T4 = 1.0: above the minimum of 0"],
    ),
    "below-the-guarantee": (
        {"speech": _leaf("speech", minimum={"vcpu": 3, "gpuMemoryGib": 11})},
        [
            "tree.speech.minimum.vcpu = 3.0: below the 4 that speech is guaranteed under tenants",
            "tree.speech.minimum.gpuMemoryGib = 11.0: below the 12 that speech is guaranteed under tenants",
        ],
    ),
    "below-the-guarantee-of-several": (
        {"both": {"parent": "all", "tenants": ["vision", "speech"], "minimum": {"vcpu": 11}}},
        ["tree.both.minimum.vcpu = 11.0: below the 12 that vision, speech is guaranteed under tenants"],
    ),
    "above-the-maxima": (
        {"all": {"maximum": {"vcpu": 1000}}, "vision": _leaf("vision", maximum={"vcpu": 17})},
        [
            "tree.vision.maximum.vcpu = 17.0: above the 16 that vision may use under tenants, "
            "so it could never be used",
        ],
    ),
}


@pytest.mark.parametrize(("queues", "expected"), AMOUNTS.values(), ids=AMOUNTS)
def test_amount_problems(queues: dict[str, Any], expected: list[str]) -> None:
    assert problems(TWO, _tree(**queues)) == expected


CAPACITY = {
    "root-above-capacity": (
        {"all": {"maximum": {"vcpu": 24.5, "pods": 71}}},
        [
            "tree.all.maximum.vcpu = 24.5: above the 24 that there may be (nodes)",
            "tree.all.maximum.pods = 71.0: above the 70 that there may be (nodes)",
        ],
    ),
    "minima-above-what-is-firm": (
        {"vision": _leaf("vision", minimum={"vcpu": 12.5})},
        ["tree.all.minimum.vcpu = 16.5: speech 4 + vision 12.50 = 16.50 as minima, but 16 can be relied on (nodes)"],
    ),
    "unknown-model": (
        {"vision": _leaf("vision", lends={"gpus": {"A1": 0}}), "all": {"maximum": {"gpus": {"H800": 0, "A10": 4}}}},
        [
            'tree.all.maximum.gpus.H800 = "H800": not a GPU model of the node pools; allowed: A10',
            "tree.vision.lends.gpus.A1 = \"A1\": not a GPU model of the node pools; did you mean 'A10'?",
        ],
    ),
}


@pytest.mark.parametrize(("queues", "expected"), CAPACITY.values(), ids=CAPACITY)
def test_capacity_problems(queues: dict[str, Any], expected: list[str]) -> None:
    assert problems(TWO, _tree(**queues), THERE) == expected


ENGINES: dict[str, tuple[Engine, dict[str, Any], dict[str, Any], list[str]]] = {
    "shares-on-ack": (
        "elastic-quota-tree",
        {"fairSharing": True},
        {},
        ["fairSharing = true: ACK's scheduler knows no shares; what is idle goes to whoever asks first"],
    ),
    "weight-without-shares": (
        "kueue",
        {},
        {"vision": _leaf("vision", weight=2)},
        ["tree.vision.weight = 2: has no effect without fairSharing: true"],
    ),
    "preemption-on-ack": (
        "elastic-quota-tree",
        {},
        {"vision": _leaf("vision", preemption="reclaim")},
        [
            'tree.vision.preemption = "reclaim": the engine elastic-quota-tree has one way for all queues; '
            "leave it out",
        ],
    ),
    "preemption-and-lending-with-koordinator": (
        "koordinator",
        {},
        {"vision": _leaf("vision", preemption="never", lends={"vcpu": 1})},
        [
            'tree.vision.preemption = "never": the engine koordinator has one way for all queues; leave it out',
            'tree.vision.lends = {"vcpu": 1.0}: Koordinator lends all or nothing of a quota; leave it out',
        ],
    ),
    "mixed-order-on-ack": (
        "elastic-quota-tree",
        {},
        {"vision": _leaf("vision", order="fifo")},
        [
            'tree = "vision": ack-kube-queue makes its queues itself, and blocks in all of them or in none: '
            "say the same of all leaves",
        ],
    ),
}


@pytest.mark.parametrize(("engine", "args", "queues", "expected"), ENGINES.values(), ids=ENGINES)
def test_engine_problems(engine: Engine, args: dict[str, Any], queues: dict[str, Any], expected: list[str]) -> None:
    assert problems(TWO, _tree(**queues), engine=engine, **args) == expected


@pytest.mark.parametrize("engine", ["kueue", "koordinator"])
def test_order_is_each_leafs_own_elsewhere(engine: Engine) -> None:
    nodes = plan(TWO, _tree(vision=_leaf("vision", order="fifo")), engine=engine).nodes
    assert [nodes[name].args.order for name in TWO] == ["fifo", "priority"]


def test_one_order_on_ack() -> None:
    tree = _tree(**{name: _leaf(name, order="fifo") for name in TWO})
    assert plan(TWO, tree, engine="elastic-quota-tree").nodes


@pytest.mark.parametrize(
    ("engine", "flavor", "message"),
    [
        ("kueue", "ack", 'engine = "kueue": on ACK the scheduler takes its elastic-quota-tree, and no other'),
        (
            "koordinator",
            "ack",
            'engine = "koordinator": on ACK the scheduler takes its elastic-quota-tree, and no other',
        ),
        (
            "elastic-quota-tree",
            "upstream",
            'engine = "elastic-quota-tree": only ACK\'s scheduler knows it; use kueue or koordinator',
        ),
    ],
)
def test_engines_are_of_flavors(engine: Engine, flavor: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queues.trees.FLAVORS", {**FLAVORS, engine: flavor})
    assert problems(TWO, engine=engine) == [message]


def test_all_problems_of_a_kind_are_told_at_once() -> None:
    tree = _tree(vision=_leaf("vision", weight=2, parent="al"), idle={"parent": "all"})
    assert len(problems(TWO, tree, engine="elastic-quota-tree", fairSharing=True)) == 3


def _firm(tenants: Mapping[str, TenantArgs], path: str) -> float:
    roots = [args.resources for args in tenants.values() if args.parent not in tenants]
    if path.startswith("gpus."):
        return sum(args.gpus[GPU].guaranteed for args in roots if GPU in args.gpus)
    return sum((args.vcpu if path == "vcpu" else args.memory_gib).guaranteed for args in roots)


@given(
    tenant_sets() | tenant_sets(whole=False),
    st.none() | st.tuples(st.floats(0, 9), st.floats(0, 9)),
    st.sampled_from([*FLAVORS]),
)
@settings(max_examples=300, deadline=None)
def test_a_default_tree_has_no_problems(
    tenants: dict[str, TenantArgs], beyond: tuple[float, float] | None, engine: Engine
) -> None:
    capacity: dict[str, Available] = {}
    if beyond is not None:
        for path in ("vcpu", "memoryGib", f"gpus.{GPU}"):
            firm = _firm(tenants, path) + beyond[0]
            capacity[path] = Available(firm, firm + beyond[1], "nodes")
    found = plan(tenants, capacity=capacity, engine=engine)
    # Names without hyphens: joined by these, those with hyphens may make the same path.
    assert len({node.path for node in found.nodes.values()}) == len(found.nodes)
    assert sorted(name for leaf in found.leaves for name in leaf.tenants) == sorted(tenants)
    assert all(bool(node.tenants) == node.leaf for node in found.nodes.values())
    for node in found.nodes.values():
        for path, least in node.minimum.items():
            below = math.fsum(found.nodes[child].minimum[path] for child in node.children)
            assert below <= least + 1e-9
            assert least <= node.maximum[path] + 1e-9
            if node.parent:
                assert node.maximum[path] <= found.nodes[node.parent].maximum[path]
    for path, available in capacity.items():
        assert found.root.maximum.get(path, 0) <= available.most + 1e-6


@given(trees(lends=True))
@settings(deadline=None)
def test_generated_trees_are_valid(made: tuple[dict[str, TenantArgs], dict[str, QueueArgs]]) -> None:
    found = plan(*made)
    assert found.nodes.keys() == made[1].keys()
    seen: set[str] = {""}
    for name, node in found.nodes.items():
        assert node.parent in seen, "parents come first"
        seen.add(name)


def test_amounts_by_path() -> None:
    amounts = QueueAmounts(vcpu=1, gpus={"A10": 2}, gpu_memory_gib=3, pods=4)
    assert amounts.by_path() == {"vcpu": 1, "gpus.A10": 2, "gpuMemoryGib": 3, "pods": 4}
    assert QueueAmounts().by_path() == {}
