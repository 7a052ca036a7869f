"""The resources of throttling through the real plugin process, as the engine drives it."""

import base64
import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import given as given_
from hypothesis import strategies as st

from components.inputs import InvalidInput
from components.throttling import ThrottlingArgs, ThrottlingPlan, plan_throttling, provider
from components.throttling.client import Refused
from components.throttling.wire import BANDWIDTH_ITEMS, Qos, read_priorities

from .double import KEY_ID, POOL, REGION, SECRET, TOKEN, Fault, Oss, variables
from .examples import BUCKETS, CLASSES, EVERYTHING, both, throttling
from .plugin import SERIALIZED, UNKNOWN, Failed, Plugin, started

POOL_PLACE = {"region": REGION, "pool": POOL, "supportRequest": "Region: cn-hangzhou\nBucket list: acme-test-raw"}
RAW = {**POOL_PLACE, "bucket": "acme-test-raw"}
ID = f"{REGION}/{POOL}"
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
STEPS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _limits(**given: int) -> dict[str, int]:
    return Qos(**given).properties()


def _document(default_level: int = 1, **subjects: list[str]) -> dict[str, Any]:
    minimum = _limits(**dict.fromkeys(BANDWIDTH_ITEMS, 6))
    return {
        "count": 3,
        "defaultLevel": default_level,
        "defaultMinimum": minimum,
        "levels": [{"level": 3, "minimum": minimum, **subjects}],
    }


KINDS: list[tuple[str, dict[str, Any], str, Any, Any, str]] = [
    (
        "BucketThrottle",
        RAW,
        "limits",
        _limits(upload_total=20),
        _limits(upload_total=10, requests_total=5),
        "/acme-test-raw",
    ),
    (
        "BucketRequesterThrottle",
        {**RAW, "requester": "300123456789"},
        "limits",
        _limits(upload_total=20),
        _limits(download_total=10),
        "/acme-test-raw/300123456789",
    ),
    ("BucketGroupMembership", RAW, "group", "lake", "sea", "/acme-test-raw"),
    (
        "BucketGroupThrottle",
        {**POOL_PLACE, "group": "lake"},
        "limits",
        _limits(upload_total=20),
        _limits(upload_total=30, upload_internet=5),
        "/lake",
    ),
    (
        "PoolRequesterThrottle",
        {**POOL_PLACE, "requester": "300123456789"},
        "limits",
        _limits(upload_total=20),
        _limits(upload_total=30),
        "/300123456789",
    ),
    (
        "PoolPriorities",
        POOL_PLACE,
        "priorities",
        _document(buckets=["acme-test-raw"]),
        _document(2, groups=["lake"]),
        "",
    ),
    (
        "PoolRequesterPriorities",
        POOL_PLACE,
        "priorities",
        _document(requesters=["300123456789"]),
        _document(requesters=["300123456780", "300123456789"]),
        "",
    ),
]
CASES = pytest.mark.parametrize(("kind", "place", "key", "first", "second", "rest"), KINDS, ids=[k[0] for k in KINDS])


@pytest.fixture(autouse=True)
def a_group(oss: Oss) -> None:
    """Limits of the group `lake` need a bucket in it."""
    oss.group_of["acme-test-features"] = "lake"


def test_states_hold_names_and_no_code() -> None:
    for kind, text in SERIALIZED.items():
        assert len(text) < 200
        assert b"components.throttling.provider" in base64.b64decode(text)
        assert f"{kind}Provider".encode() in base64.b64decode(text)


@CASES
def test_life(
    plugin: Plugin, oss: Oss, kind: str, place: dict[str, Any], key: str, first: Any, second: Any, rest: str
) -> None:
    empty = oss.settings()
    news = plugin.check(kind, {**place, key: first})
    id_, outputs = plugin.create(kind, news)
    assert id_ == f"{ID}{rest}"
    assert oss.settings() != empty
    assert plugin.diff(kind, id_, outputs, news) == (False, [])
    # A refresh without drift.
    assert plugin.read(kind, id_, outputs) == (id_, outputs, news)
    # An import knows the id only.
    imported = plugin.read(kind, id_, None)
    assert imported[0] == id_
    assert plugin.diff(kind, id_, imported[1], news) == (False, [])
    # In place, and back.
    changed = plugin.check(kind, {**place, key: second}, news)
    assert plugin.diff(kind, id_, outputs, changed) == (True, [])
    outputs = plugin.update(kind, id_, outputs, changed)
    assert plugin.diff(kind, id_, outputs, changed) == (False, [])
    assert plugin.read(kind, id_, outputs) == (id_, outputs, changed)
    # Drift shows at the next diff.
    plugin.update(kind, id_, outputs, news)
    drifted = plugin.read(kind, id_, outputs)
    assert plugin.diff(kind, id_, drifted[1], changed) == (True, [])
    assert plugin.diff(kind, id_, drifted[1], news) == (False, [])
    plugin.update(kind, id_, outputs, changed)
    plugin.delete(id_, outputs)
    plugin.delete(id_, outputs)
    gone = plugin.read(kind, id_, outputs)
    assert gone[0] == ""
    assert set(gone[1]) == {"__provider"}
    assert oss.settings() == empty


@CASES
def test_identity_replaces_and_unknowns_may_change(
    plugin: Plugin, kind: str, place: dict[str, Any], key: str, first: Any, second: Any, rest: str
) -> None:
    news = {**place, key: first}
    for name in set(place) - {"supportRequest"}:
        assert plugin.diff(kind, ID + rest, news, {**news, name: "other"}) == (True, [name])
        unknown = plugin.check(kind, {**news, name: UNKNOWN})
        assert unknown[name] == UNKNOWN
        assert plugin.diff(kind, ID + rest, news, unknown) == (True, [name])
    unknown = plugin.check(kind, {**news, key: UNKNOWN})
    assert unknown[key] == UNKNOWN
    assert plugin.diff(kind, ID + rest, {**news, "__provider": SERIALIZED[kind]}, unknown) == (True, [])
    other = {**news, "supportRequest": "other", "__provider": SERIALIZED[kind]}
    assert plugin.diff(kind, ID + rest, other, news) == (False, [])


@CASES
def test_faults_are_overcome(
    plugin: Plugin, oss: Oss, kind: str, place: dict[str, Any], key: str, first: Any, second: Any, rest: str
) -> None:
    news = plugin.check(kind, {**place, key: first})
    oss.faults += [
        Fault("lost", method="PUT"),
        Fault("status", 409),
        Fault("status", 503, retry_after="0"),
        Fault("garbled", method="GET"),
        Fault("cut", method="GET"),
    ]
    id_, outputs = plugin.create(kind, news)
    assert plugin.read(kind, id_, outputs) == (id_, outputs, news)
    # All answers to the write are lost; reading shows that it was taken.
    oss.faults[:] = [Fault("lost", method="PUT", times=99)]
    changed = plugin.check(kind, {**place, key: second})
    plugin.update(kind, id_, outputs, changed)
    # None of them is taken.
    oss.faults[:] = [Fault("status", 503, method="PUT", times=99)]
    with pytest.raises(Failed, match="OSS was busy at each of 6 attempts"):
        plugin.update(kind, id_, outputs, news)
    oss.faults[:] = [Fault("status", 403, code="AccessDenied", times=99)]
    with pytest.raises(Failed, match=r"Allow the action oss:\w+ to this RAM identity") as failed:
        plugin.delete(id_, outputs)
    assert not [text for text in (KEY_ID, SECRET, TOKEN) if text in str(failed.value)]


@pytest.mark.parametrize("kind", ["BucketThrottle", "BucketGroupMembership"])
def test_a_bucket_outside_the_pool(plugin: Plugin, oss: Oss, kind: str) -> None:
    news = {**RAW, "bucket": "acme-test-new", "limits": _limits(upload_total=20), "group": "lake"}
    with pytest.raises(
        Failed, match=r"(?s)acme-test-new, resource pool pool-1.*not in the resource pool.*ask support:\nRegion"
    ):
        plugin.create(kind, news)
    assert not oss.buckets


@CASES
def test_a_missing_pool_is_asked_for(
    plugin: Plugin, kind: str, place: dict[str, Any], key: str, first: Any, second: Any, rest: str
) -> None:
    with pytest.raises(
        Failed, match=r"(?s)resource pool pool-2.*does not exist.*ask support:\nRegion: cn-hangzhou\nBucket"
    ):
        plugin.create(kind, {**place, "pool": "pool-2", key: first})


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("BucketThrottle", {"limits": _limits()}, "limits: limits nothing"),
        ("BucketThrottle", {"limits": _limits(upload_total=0)}, "0 would forbid the traffic"),
        ("BucketThrottle", {"limits": _limits(upload_total=5, upload_internet=6)}, "above its total 5"),
        ("BucketThrottle", {"limits": {"uploadTotal": 1.5}}, "not a whole number: 1.5"),
        ("BucketThrottle", {"limits": {"upload": 1}}, "unknown items upload"),
        ("BucketThrottle", {"limits": "20Gbps"}, "limits: not what it must be"),
        ("BucketThrottle", {"bucket": "", "limits": _limits(upload_total=5)}, "bucket: required"),
        ("BucketThrottle", {"region": 1, "limits": _limits(upload_total=5)}, "region: required"),
        ("PoolRequesterThrottle", {"requester": "3", "limits": _limits(upload_total=4)}, "must be at least 5"),
        ("BucketGroupThrottle", {"group": "g", "limits": _limits(requests_total=4)}, "of bandwidth only"),
        ("BucketGroupMembership", {"group": ""}, "a group's name, not ''"),
        ("PoolPriorities", {"priorities": {**_document(), "count": 2}}, "2 levels, must be 3 to 10"),
        ("PoolPriorities", {"priorities": _document(4)}, "default level 4, must be 1 to 3"),
        ("PoolPriorities", {"priorities": {**_document(), "levels": [{"level": 4}]}}, "different ones of 1 to 3"),
        ("PoolPriorities", {"priorities": {"count": 3, "defaultLevel": 1, "levels": []}}, "each level needs a minimum"),
        ("PoolPriorities", {"priorities": {}}, "priorities: not what it must be"),
    ],
)
def test_bad_inputs_are_refused(plugin: Plugin, kind: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Failed) as failed:
        plugin.check(kind, {**RAW, **given})
    assert says in str(failed.value)


def test_a_bucket_moved_by_another_hand_stays_where_it_is(plugin: Plugin, oss: Oss) -> None:
    id_, outputs = plugin.create("BucketGroupMembership", {**RAW, "group": "lake"})
    oss.group_of["acme-test-raw"] = "sea"
    assert plugin.read("BucketGroupMembership", id_, outputs)[2]["group"] == "sea"
    plugin.delete(id_, outputs)
    assert oss.group_of["acme-test-raw"] == "sea"


@CASES
def test_life_in_this_process(
    endpoint: str,
    oss: Oss,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    place: dict[str, Any],
    key: str,
    first: Any,
    second: Any,
    rest: str,
) -> None:
    """The same without gRPC, on the provider's own methods."""
    for name, value in variables(endpoint).items():
        monkeypatch.setenv(name, value)
    provider.client.cache_clear()
    made = provider.PROVIDERS[kind]()
    news = {**place, key: first}
    checked = made.check({}, news)
    assert (checked.inputs, checked.failures) == (news, [])
    created = made.create(news)
    outputs = created.outs or {}
    assert outputs == news
    assert made.diff(created.id, outputs, news).changes is False
    assert made.diff(created.id, outputs, {**news, key: second}).changes
    assert made.diff(created.id, {}, news).replaces == [name for name in place if name != "supportRequest"]
    assert made.update(created.id, outputs, {**news, key: second}).outs == {**news, key: second}
    assert made.read(created.id, outputs).inputs == {**news, key: second}
    made.delete(created.id, {**news, key: second})
    assert (made.read(created.id, outputs).id, made.read(created.id, outputs).outs) == ("", {})
    assert made.check({}, {"region": "a/b"}).failures
    oss.faults.append(Fault("lost", method="PUT", times=99))
    assert made.create(news).id == created.id
    oss.faults[:] = [Fault("status", 400, code="InvalidArgument", method="PUT", times=99)]
    with pytest.raises(Refused, match="smaller first"):
        made.update(created.id, outputs, news)
    provider.client.cache_clear()


def test_a_malformed_id(plugin: Plugin) -> None:
    with pytest.raises(Failed, match="not an id: 'raw'; it is region/pool/bucket"):
        plugin.read("BucketThrottle", "raw", None)


def test_the_other_spelling_is_no_drift(plugin: Plugin, oss: Oss) -> None:
    made = [(kind, plugin.create(kind, {**place, key: first})) for kind, place, key, first, _, _ in KINDS]
    oss.renamed = True
    for kind, (id_, outputs) in made:
        assert plugin.read(kind, id_, outputs)[:2] == (id_, outputs)


def test_without_credentials() -> None:
    with (
        started({}) as plugin,
        pytest.raises(Failed, match="OSS throttling needs an access key in environment variables"),
    ):
        plugin.create("BucketThrottle", {**RAW, "limits": _limits(upload_total=20)})


# Whole plans.

ROLE_IDS = {"trainer": "300987654321"}


def _desired(plan: ThrottlingPlan) -> dict[str, tuple[str, dict[str, Any]]]:
    """What the component registers, in its order: kind and inputs by name."""
    ids = {name: entry.id or ROLE_IDS[entry.role or ""] for name, entry in plan.identities.items()}
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for member in plan.memberships:
        found[f"m {member.role}"] = "BucketGroupMembership", {"bucket": member.bucket, "group": member.group}
    for group in plan.groups:
        if group.limits.finite:
            found[f"g {group.name}"] = "BucketGroupThrottle", {"group": group.name, "limits": group.limits.properties()}
    for bucket in plan.buckets:
        found[f"b {bucket.role}"] = "BucketThrottle", {"bucket": bucket.bucket, "limits": bucket.limits.properties()}
    for entry in plan.requesters:
        kind = "BucketRequesterThrottle" if entry.bucket else "PoolRequesterThrottle"
        inputs = {"requester": ids[entry.name], "limits": entry.limits.properties()}
        found[f"r {entry.name}"] = kind, {**inputs, **({"bucket": entry.bucket} if entry.bucket else {})}
    if plan.priorities:
        found["p"] = "PoolPriorities", {"priorities": plan.priorities.properties()}
    if plan.requester_priorities:
        found["q"] = "PoolRequesterPriorities", {"priorities": plan.requester_priorities.named(ids).properties()}
    return {name: (kind, {**POOL_PLACE, **inputs}) for name, (kind, inputs) in found.items()}


State = dict[str, tuple[str, str, Mapping[str, Any]]]


def _apply(plugin: Plugin, state: State, plan: ThrottlingPlan) -> int:
    """What `pulumi up` does to a state; gives the number of changes."""
    desired = _desired(plan)
    changes = 0
    for name, (kind, inputs) in desired.items():
        news = plugin.check(kind, inputs)
        if name in state and state[name][0] == kind:
            _, id_, outputs = state[name]
            changed, replaces = plugin.diff(kind, id_, outputs, news)
            if not changed:
                continue
            changes += 1
            if not replaces:
                state[name] = kind, id_, plugin.update(kind, id_, outputs, news)
                continue
        if name in state:
            _delete(plugin, state, name)
        state[name] = (kind, *plugin.create(kind, news))
        changes += 1
    for name in reversed([name for name in state if name not in desired]):
        _delete(plugin, state, name)
        changes += 1
    return changes


def _delete(plugin: Plugin, state: State, name: str) -> None:
    _, id_, outputs = state.pop(name)
    plugin.delete(id_, outputs)


def _refresh(plugin: Plugin, state: State) -> None:
    for name, (kind, id_, outputs) in list(state.items()):
        found = plugin.read(kind, id_, outputs)
        if found[0]:
            state[name] = kind, id_, found[1]
        else:
            del state[name]


@st.composite
def arguments(draw: st.DrawFn) -> ThrottlingArgs:
    """Legal arguments: classes with their requesters, and limits of buckets, not all of which fit."""
    roles = draw(st.permutations(list(BUCKETS)))
    classes: dict[str, Any] = {}
    requesters: dict[str, Any] = {}
    for index in range(draw(st.integers(0, 3))):
        share = draw(st.integers(6, 30))
        maximum = draw(st.none() | st.integers(max(share, 5), 40))
        people = [f"person-{index}"] if draw(st.booleans()) else []
        for person in people:
            given = {"limits": {"download": {"total": "5Gbps"}}} if draw(st.booleans()) else {}
            requesters[person] = {"id": f"30012345678{index}", **given}
        classes[f"class-{index}"] = {
            "priority": draw(st.integers(1, 4)),
            "guaranteed": f"{share}%",
            **({"maximum": f"{maximum}%"} if maximum else {}),
            "buckets": [roles[index]],
            "requesters": people,
        }
    if draw(st.booleans()):
        requesters["on-bucket"] = {"role": "trainer", "bucket": roles[4], "limits": {"upload": {"total": "6Gbps"}}}
    buckets = {
        roles[index]: {
            "upload": {"total": f"{draw(st.integers(6, 10))}Gbps"},
            "requests": {"total": draw(st.integers(1, 9))},
        }
        for index in range(draw(st.integers(0, 5)))
    }
    return throttling(classes=classes, requesters=requesters, buckets=buckets)


@st.composite
def levels(draw: st.DrawFn) -> ThrottlingArgs:
    """Legal arguments of the finer form: groups, requesters and levels of priority."""
    count = draw(st.integers(3, 5))
    split = draw(st.integers(1, 4))
    roles = draw(st.permutations(list(BUCKETS)))
    groups = {
        name: {"buckets": members, "limits": {"download": {"total": f"{draw(st.integers(5, 50))}Gbps"}}}
        for name, members in (("lake", roles[:split]), ("sea", roles[split:4]))
        if members
    }
    requesters = {f"person-{index}": {"id": f"30012345678{index}"} for index in range(3)}
    found: list[dict[str, list[str]]] = [{"groups": [], "buckets": [], "requesters": []} for _ in range(count)]
    for key, names in (("groups", list(groups)), ("buckets", [roles[4]]), ("requesters", list(requesters))):
        for name in names:
            found[draw(st.integers(0, count - 1))][key].append(name)
    total = draw(st.integers(5, 100 // count))
    minimum = both(total=f"{total}Gbps", intranet="5Gbps", internet=f"{20 // count}Gbps")
    own = draw(st.booleans())
    return throttling(
        groups=groups,
        requesters=requesters,
        priorities={
            "defaultLevel": draw(st.integers(1, count)),
            "levels": [{**level, **({"minimum": minimum} if own else {})} for level in found],
            **({} if own else {"defaultMinimum": minimum}),
        },
    )


def _planned(args: ThrottlingArgs) -> ThrottlingPlan:
    try:
        return plan_throttling(args, BUCKETS, roles=ROLE_IDS)
    except InvalidInput:
        assume(False)
        raise


@pytest.mark.parametrize("given", [CLASSES, EVERYTHING], ids=["classes", "everything"])
def test_examples_are_taken_and_lifted(plugin: Plugin, oss: Oss, given: dict[str, Any]) -> None:
    oss.group_of.clear()
    oss.strict = True
    empty = oss.settings()
    plan = plan_throttling(throttling(**given), BUCKETS, roles=ROLE_IDS)
    state: State = {}
    assert _apply(plugin, state, plan) == plan.resources
    _refresh(plugin, state)
    assert _apply(plugin, state, plan) == 0
    for name in reversed(list(state)):
        _delete(plugin, state, name)
    assert oss.settings() == empty


@SLOW
@given_(args=arguments() | levels(), renamed=st.booleans())
def test_any_plan_once_applied_has_nothing_left_to_change(
    plugin: Plugin, oss: Oss, args: ThrottlingArgs, renamed: bool
) -> None:
    oss.clear()
    oss.strict = True
    plan = _planned(args)
    state: State = {}
    _apply(plugin, state, plan)
    oss.renamed = renamed
    calls = len(oss.calls)
    assert _apply(plugin, state, plan) == 0
    assert len(oss.calls) == calls
    _refresh(plugin, state)
    assert _apply(plugin, state, plan) == 0


@STEPS
@given_(
    steps=st.lists(arguments() | levels(), min_size=2, max_size=3),
    faults=st.lists(st.sampled_from(["lost", "cut", "garbled", "status"]), max_size=4),
)
def test_any_sequence_of_updates_ends_in_what_is_declared(
    plugin: Plugin, oss: Oss, steps: list[ThrottlingArgs], faults: list[str]
) -> None:
    oss.clear()
    plans = [_planned(args) for args in steps]
    state: State = {}
    for plan in plans:
        oss.faults[:] = [Fault(kind) for kind in faults]
        _apply(plugin, state, plan)
    oss.faults.clear()
    reached = oss.settings()
    oss.clear()
    _apply(plugin, {}, plans[-1])
    assert {**reached, "priorities": sorted(reached["priorities"])} == {
        **oss.settings(),
        "priorities": sorted(oss.priorities),
    }
    # Two ways to write the same levels are no change, so the first may stand.
    assert _effective(reached["priorities"]) == _effective(oss.priorities)


def _effective(documents: Mapping[str, bytes]) -> Mapping[str, Any]:
    return {kind: read_priorities(body).effective() for kind, body in documents.items()}


@pytest.mark.parametrize("smaller", [True, False])
def test_limits_that_must_fit_together_change_in_any_order(plugin: Plugin, oss: Oss, smaller: bool) -> None:
    """A group and its buckets shrink, or grow, at the same time; two buckets swap what they have."""
    oss.strict = True
    oss.group_of |= {BUCKETS["raw"]: "lake", BUCKETS["features"]: "lake"}

    def inputs(group: int, raw: int, requester: int, models: int, scratch: int) -> list[tuple[str, dict[str, Any]]]:
        buckets = {"raw": raw, "models": models, "scratch": scratch}
        on_raw = {**RAW, "requester": "300123456789", "limits": _limits(upload_total=requester)}
        return [
            ("BucketGroupThrottle", {**POOL_PLACE, "group": "lake", "limits": _limits(upload_total=group)}),
            *(
                ("BucketThrottle", {**POOL_PLACE, "bucket": BUCKETS[role], "limits": _limits(upload_total=value)})
                for role, value in buckets.items()
            ),
            ("BucketRequesterThrottle", on_raw),
        ]

    large, small = inputs(40, 40, 40, 15, 45), inputs(10, 10, 10, 45, 15)
    before, after = (large, small) if smaller else (small, large)
    made = [(kind, plugin.create(kind, news)) for kind, news in before]
    with ThreadPoolExecutor(len(made)) as pool:
        steps = [
            pool.submit(plugin.update, kind, id_, outputs, news)
            for (kind, (id_, outputs)), (_, news) in zip(made, after, strict=True)
        ]
    for (kind, (id_, _)), step, (_, news) in zip(made, steps, after, strict=True):
        assert plugin.read(kind, id_, step.result())[2]["limits"] == news["limits"]


def test_names_are_fixed() -> None:
    assert list(SERIALIZED) == [kind for kind, *_ in KINDS]
    assert len(set(itertools.chain(SERIALIZED.values()))) == len(KINDS)
