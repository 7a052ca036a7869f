"""Throttling: texts are parsed once, every contradiction is found before any call, and who gets how much is told."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.inputs import InvalidInput
from components.throttling import (
    Qos,
    ThrottlingArgs,
    ThrottlingPlan,
    not_protected,
    plan_throttling,
    support_request,
)
from components.throttling.planning import least_minimum, parse_bandwidth, parse_share
from components.throttling.wire import UNLIMITED

from .examples import BUCKETS, CLASSES, EVERYTHING, POOL_BANDWIDTH, both, throttling


def _plan(given: dict[str, Any]) -> ThrottlingPlan:
    return plan_throttling(throttling(**given), BUCKETS, roles=("trainer",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20Gbps", 20),
        (" 20 Gbps ", 20),
        ("unlimited", UNLIMITED),
        ("500Mbps", "OSS limits in whole Gbit/s only; unknown unit 'Mbps'"),
        ("2000Mbps", "OSS limits in whole Gbit/s only"),
        ("1.5Gbps", "OSS limits in whole Gbit/s only"),
        ("20", "no unit; write whole Gbit/s, such as 20Gbps, or unlimited"),
        ("20GB/s", "unknown unit 'GB/s'"),
        ("20gbps", "unknown unit 'gbps'"),
        ("0Gbps", "0 would forbid this traffic altogether"),
        ("-1Gbps", "is negative"),
        ("-1", "no unit"),
        ("", "not a bandwidth"),
        ("lots", "not a bandwidth"),
        ("100001Gbps", "is more than 100,000 Gbit/s"),
    ],
)
def test_bandwidths(text: str, value: int | str) -> None:
    parsed = parse_bandwidth(text)
    assert parsed == value if isinstance(value, int) else isinstance(parsed, str) and parsed.startswith(value)


@settings(deadline=None)
@given(st.integers(1, 100_000))
def test_what_is_written_is_what_is_meant(value: int) -> None:
    assert parse_bandwidth(f"{value}Gbps") == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("40%", Fraction(2, 5)),
        ("12.5 %", Fraction(1, 8)),
        ("100%", Fraction(1)),
        ("20Gbps", 20),
        ("101%", "a share must not be above 100%"),
        ("0%", "a share must be above 0%"),
        ("-5%", "a share must be above 0%"),
        ("unlimited", "must be a share, such as 40%"),
        ("forty%", "not a share; write one such as 40%"),
        ("20Mbps", "OSS limits in whole Gbit/s only; unknown unit 'Mbps'"),
    ],
)
def test_shares(text: str, value: Fraction | int | str) -> None:
    parsed = parse_share(text)
    assert isinstance(parsed, str) and parsed.startswith(value) if isinstance(value, str) else parsed == value


@pytest.mark.parametrize(("pool", "levels", "least"), [(100, 3, 5), (20, 3, 4), (20, 10, 1), (1, 10, 1), (30, 3, 5)])
def test_least_minimum(pool: int, levels: int, least: int) -> None:
    assert least_minimum(pool, levels) == least


def _one_class(**given: Any) -> dict[str, Any]:
    return {"classes": {"training": {"priority": 3, "guaranteed": "40%", "buckets": ["raw"], **given}}}


def _levels(*levels: dict[str, Any], **given: Any) -> dict[str, Any]:
    minimum = both(total="10Gbps", intranet="5Gbps", internet="4Gbps")
    return {"priorities": {"defaultMinimum": minimum, "levels": list(levels), **given}}


PROBLEMS: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("no pool", {"pool": None}, [("pool", "required: the name of the pool that Alibaba Cloud made by ticket")]),
    ("bad pool", {"pool": "a/b"}, [("pool", "not a pool's name")]),
    ("off", {"enabled": False}, [("enabled", "nothing to plan while throttling is off")]),
    (
        "no totals",
        {"poolBandwidth": {}},
        [("poolBandwidth.upload.total", "required"), ("poolBandwidth.download.total", "required")],
    ),
    (
        "pool item above its total",
        {"poolBandwidth": both(total="50Gbps", internet="60Gbps")},
        [
            ("poolBandwidth.upload.internet", "is above its own total, 50Gbps"),
            ("poolBandwidth.download.internet", "is above its own total"),
        ],
    ),
    ("unknown bucket", {"buckets": {"raws": both(total="5Gbps")}}, [("buckets.raws", "did you mean 'raw'?")]),
    ("nothing limited", {"buckets": {"raw": {}}}, [("buckets.raw", "limits nothing")]),
    (
        "bad texts",
        {"buckets": {"raw": {"upload": {"total": "5", "internet": "0Gbps"}, "requests": {"total": 0}}}},
        [
            ("buckets.raw.upload.total", "no unit"),
            ("buckets.raw.upload.internet", "0 would forbid"),
            ("buckets.raw.requests.total", "0 would forbid all requests; must be 1 to 100,000,000"),
        ],
    ),
    (
        "item above total",
        {"buckets": {"raw": {"upload": {"total": "5Gbps", "intranet": "6Gbps"}}}},
        [("buckets.raw.upload.intranet", "is above its own total, 5Gbps")],
    ),
    (
        "requests above total",
        {"buckets": {"raw": {"requests": {"total": 5, "intranet": 6}}}},
        [("buckets.raw.requests.intranet", "is above its own total, 5 requests a second")],
    ),
    (
        "bucket above pool",
        {"buckets": {"raw": {"upload": {"total": "101Gbps"}}}},
        [("buckets.raw.upload.total", "is above the pool's 100Gbps")],
    ),
    (
        "sum of buckets",
        {"buckets": {role: {"upload": {"total": "60Gbps"}} for role in ("raw", "models")}},
        [("poolBandwidth.upload.total", "buckets.raw, buckets.models have 120Gbps in sum, but the pool has 100Gbps")],
    ),
    (
        "sum with a group without limits",
        {
            "buckets": {role: {"upload": {"total": "60Gbps"}} for role in ("raw", "models")},
            "groups": {"lake": {"buckets": ["raw"]}},
        },
        [("poolBandwidth.upload.total", "have 120Gbps in sum")],
    ),
    (
        "bucket above group",
        {
            "buckets": {"raw": {"upload": {"total": "30Gbps"}}},
            "groups": {"lake": {"buckets": ["raw"], "limits": {"upload": {"total": "20Gbps"}}}},
        },
        [("buckets.raw.upload.total", "is above that of its group lake, 20Gbps")],
    ),
    (
        "sum in a group",
        {
            "buckets": {role: {"upload": {"total": "15Gbps"}} for role in ("raw", "models")},
            "groups": {"lake": {"buckets": ["raw", "models"], "limits": {"upload": {"total": "20Gbps"}}}},
        },
        [("groups.lake", "have 30Gbps in sum, but the group lake has 20Gbps")],
    ),
    (
        "group names and buckets",
        {"groups": {"My Lake": {"buckets": ["raw", "raw", "raws"]}, "second": {"buckets": ["raw"]}}},
        [
            ("groups.My Lake", "3 to 30 lowercase letters"),
            ("groups.My Lake.buckets[2]", "did you mean 'raw'?"),
            ("groups.My Lake.buckets[1]", "is named twice"),
            ("groups.second.buckets[0]", "is in groups.My Lake already; a bucket has one group"),
        ],
    ),
    (
        "group below 5",
        {"groups": {"lake": {"buckets": ["raw"], "limits": {"upload": {"internet": "4Gbps"}}}}},
        [("groups.lake.limits.upload.internet", "must be at least 5Gbps here, or unlimited")],
    ),
    (
        "requesters",
        {
            "requesters": {
                "nobody": {"limits": both(total="5Gbps")},
                "both": {"id": "300123456", "role": "trainer", "limits": both(total="5Gbps")},
                "name": {"id": "etl@acme", "limits": both(total="5Gbps")},
                "role": {"role": "trainr", "limits": both(total="5Gbps")},
                "small": {"id": "300123457", "limits": both(total="4Gbps")},
                "idle": {"id": "300123458"},
                "lost": {"id": "300123459", "bucket": "raws", "limits": both(total="5Gbps")},
            }
        },
        [
            ("requesters.nobody", "needs either id"),
            ("requesters.both", "needs either id"),
            ("requesters.name.id", "not an id: digits only"),
            ("requesters.role.role", "did you mean 'trainer'?"),
            ("requesters.small.limits.upload.total", "must be at least 5Gbps here"),
            ("requesters.small.limits.download.total", "must be at least 5Gbps here"),
            ("requesters.idle", "has neither limits nor a class or level"),
            ("requesters.lost.bucket", "did you mean 'raw'?"),
        ],
    ),
    (
        "one requester twice",
        {"requesters": {name: {"id": "300123456", "limits": both(total="5Gbps")} for name in ("a", "b")}},
        [("requesters.b", "is the same requester as requesters.a")],
    ),
    (
        "requester above bucket",
        {
            "buckets": {"raw": {"upload": {"total": "10Gbps"}}},
            "requesters": {"etl": {"id": "300123456", "bucket": "raw", "limits": {"upload": {"total": "11Gbps"}}}},
        },
        [("requesters.etl.limits.upload.total", "is above that of its bucket raw, 10Gbps")],
    ),
    ("two levels", _levels({}, {}), [("priorities.levels", "must be 3 to 10 levels")]),
    ("eleven levels", _levels(*[{}] * 11), [("priorities.levels", "must be 3 to 10")]),
    ("default level", _levels({}, {}, {}, defaultLevel=4), [("priorities.defaultLevel", "must be 1 to 3")]),
    (
        "no levels",
        {"priorities": {"defaultLevel": 2, "defaultMinimum": {}}},
        [("priorities.defaultMinimum", "no effect"), ("priorities.defaultLevel", "no effect")],
    ),
    (
        "no minimum",
        {"priorities": {"levels": [{}, {}, {"minimum": both(total="10Gbps", intranet="5Gbps", internet="4Gbps")}]}},
        [(f"priorities.levels[{index}].minimum", "required: there is no defaultMinimum") for index in (0, 1)],
    ),
    (
        "unlimited minimum",
        _levels(
            {"minimum": {"upload": {"total": "10Gbps", "intranet": "5Gbps"}, **{"download": both()["upload"]}}}, {}, {}
        ),
        [
            (f"priorities.levels[0].minimum.{item}", "a minimum must be given, as the pool has")
            for item in ("upload.internet", "download.total", "download.intranet", "download.internet")
        ],
    ),
    (
        "too little minimum",
        _levels({"minimum": both(total="4Gbps", intranet="4Gbps", internet="3Gbps")}, {}, {}),
        [
            (f"priorities.levels[0].minimum.{direction}.{network}", f"at least {least}Gbps")
            for direction in ("upload", "download")
            for network, least in (("total", 5), ("intranet", 5), ("internet", 4))
        ],
    ),
    (
        "minimums above the pool",
        _levels({"minimum": both(total="90Gbps", intranet="5Gbps", internet="4Gbps")}, {}, {}),
        [
            ("priorities.levels", f"total {way}: the minimums are 110Gbps in sum (level 1 90, ")
            for way in ("upload", "download")
        ],
    ),
    (
        "subjects",
        {
            **_levels(
                {"buckets": ["raw", "raws"], "groups": ["lake"], "requesters": ["etl"]},
                {"buckets": ["raw"], "groups": ["sea"], "requesters": ["etll", "on-raw"]},
                {},
            ),
            "groups": {"lake": {"buckets": ["models"]}},
            "requesters": {
                "etl": {"id": "300123456"},
                "on-raw": {"id": "300123457", "bucket": "raw", "limits": both(total="5Gbps")},
            },
        },
        [
            ("priorities.levels[0].buckets[1]", "did you mean 'raw'?"),
            ("priorities.levels[1].buckets[0]", "has a level already, in priorities.levels[0]"),
            ("priorities.levels[1].groups[0]", "not a group under groups; allowed: lake"),
            ("priorities.levels[1].requesters[0]", "did you mean 'etl'?"),
            ("priorities.levels[1].requesters[1]", "priorities are the pool's"),
        ],
    ),
    (
        "bucket and its group at two levels",
        {**_levels({"buckets": ["raw"]}, {"groups": ["lake"]}, {}), "groups": {"lake": {"buckets": ["raw"]}}},
        [("priorities.levels[0].buckets", "its group lake is at level 2, and the group's level counts")],
    ),
    ("share of a class", _one_class(guaranteed="101%"), [("classes.training.guaranteed", "must not be above 100%")]),
    ("unit of a class", _one_class(guaranteed="5Mbps"), [("classes.training.guaranteed", "whole Gbit/s only")]),
    ("above the pool", _one_class(guaranteed="101Gbps"), [("classes.training.guaranteed", "above the pool's total")]),
    ("priority", _one_class(priority=11), [("classes.training.priority", "must be 1 to 10")]),
    (
        "maximum below guaranteed",
        _one_class(maximum="30%"),
        [
            ("classes.training.maximum", f"is below guaranteed: total {way} 30Gbps of 40Gbps")
            for way in ("upload", "download")
        ],
    ),
    ("maximum above the pool", _one_class(maximum="200Gbps"), [("classes.training.maximum", "above the pool's")] * 2),
    ("maximum", _one_class(maximum="5"), [("classes.training.maximum", "no unit")]),
    (
        "tiny class",
        _one_class(guaranteed="3%", maximum="4%"),
        [("classes.training.maximum", "are at least 5Gbps")] * 2,
    ),
    (
        "too little for a class",
        _one_class(guaranteed="4%"),
        [
            (
                "classes.training.guaranteed",
                f"total {way}: 4Gbps is too little for a minimum out of 100Gbps: at least 5Gbps",
            )
            for way in ("upload", "download")
        ],
    ),
    (
        "more than all",
        {
            "classes": {
                name: {"priority": 2, "guaranteed": "60%", "buckets": [role]}
                for name, role in (("one", "raw"), ("two", "models"))
            }
        },
        [],
    ),
    (
        "no room for the levels between",
        _one_class(guaranteed="95%"),
        [
            (
                "classes",
                f"{network} {way}: the minimums are {total}Gbps in sum (level 1 {least}, level 2 {least}, level 3",
            )
            for way in ("upload", "download")
            for network, total, least in (("total", 105, 5), ("intranet", 86, 5), ("internet", 27, 4))
        ],
    ),
    (
        "sum of maximums",
        {
            "classes": {
                name: {"priority": 2, "guaranteed": "20%", "maximum": "60%", "buckets": [role]}
                for name, role in (("one", "raw"), ("two", "models"))
            }
        },
        [],
    ),
    (
        "classes and priorities",
        {**_one_class(), **_levels({}, {}, {})},
        [("priorities", "use either classes or priorities")],
    ),
    ("empty class", _one_class(buckets=[]), [("classes.training", "has neither buckets nor requesters")]),
    (
        "class and group of one name",
        {**_one_class(), "groups": {"training": {"buckets": ["models"]}}},
        [("classes.training", "is also the name of groups.training")],
    ),
    (
        "a requester in two classes",
        {
            "requesters": {"etl": {"id": "300123456", "limits": both(total="70Gbps")}},
            "classes": {
                "one": {"priority": 2, "guaranteed": "20%", "maximum": "60%", "requesters": ["etl"]},
                "two": {"priority": 3, "guaranteed": "20%", "requesters": ["etl", "els"]},
            },
        },
        [
            ("classes.two.requesters[0]", "is in classes.one already"),
            ("classes.two.requesters[1]", "not a requester under requesters; allowed: etl"),
            ("requesters.etl.limits.upload.total", "is above the maximum of classes.one, 60Gbps"),
            ("requesters.etl.limits.download.total", "is above the maximum of classes.one, 60Gbps"),
        ],
    ),
]


@pytest.mark.parametrize(("given", "expected"), [case[1:] for case in PROBLEMS], ids=[case[0] for case in PROBLEMS])
def test_problems(given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as invalid:
        _plan(given)
    found = invalid.value.problems
    if not expected:
        assert any("more than 100%" in p.message or "in sum" in p.message for p in found)
        return
    shown = [str(problem) for problem in found]
    assert [problem.path for problem in found] == [path for path, _ in expected], shown
    for problem, (_, part) in zip(found, expected, strict=True):
        assert part in problem.message, shown


def test_quotas() -> None:
    names = {f"b{index}": f"acme-{index}" for index in range(301)}
    given: dict[str, Any] = {
        "groups": {f"group-{index}": {"buckets": [f"b{index}"]} for index in range(101)},
        "requesters": {
            f"r{index}": {"id": f"300{index:06}", "limits": {"upload": {"total": "5Gbps"}}} for index in range(301)
        },
    }
    with pytest.raises(InvalidInput) as invalid:
        plan_throttling(throttling(**given), names)
    assert [(problem.path, problem.value) for problem in invalid.value.problems] == [
        ("requesters", 301),
        ("buckets", 101),
        ("groups", 101),
    ]


def test_classes_become_groups_limits_and_priorities() -> None:
    plan = _plan(CLASSES)
    assert [(m.bucket, m.group) for m in plan.memberships] == [
        ("acme-test-features", "training"),
        ("acme-test-models", "training"),
        ("acme-test-raw", "batch"),
        ("acme-test-scratch", "ad-hoc"),
    ]
    assert {group.name: group.limits for group in plan.groups} == {
        "training": Qos(upload_total=60, download_total=60),
        "batch": Qos(),
        "ad-hoc": Qos(upload_total=30, download_total=30),
    }
    assert [(r.name, r.role, r.limits) for r in plan.requesters] == [
        ("trainer", "trainer", Qos(upload_total=60, download_total=60))
    ]
    assert plan.priorities is not None
    assert plan.requester_priorities is not None
    assert plan.priorities.properties()["levels"][2] == {
        "level": 3,
        "minimum": Qos(40, 32, 8, 40, 32, 8).properties(),
        "groups": ["training"],
    }
    effective = plan.requester_priorities.effective()
    assert [sorted(subjects) for _, subjects in effective["levels"]] == [
        [],
        [("requester", "etl")],
        [("requester", "trainer")],
    ]
    assert effective["levels"][0][0] == Qos(5, 5, 4, 5, 5, 4)
    assert plan.resources == 4 + 2 + 1 + 2


def test_who_gets_how_much() -> None:
    rows = {(row.kind, row.name): row for row in _plan(CLASSES).table}
    training = rows["class", "training"]
    assert (training.text("upload_total"), training.text("upload_internet")) == (
        "40 to 60 Gbit/s".removesuffix(" Gbit/s"),
        "8 to 20",
    )
    assert training.note == "level 3"
    assert rows["class", "batch"].text("download_total") == "20 to 100"
    # Level 1 is also the level of all that has no class.
    assert rows["class", "ad-hoc"].text("download_total") == "up to 30"
    assert "all traffic without a level shares it" in rows["class", "ad-hoc"].note
    assert rows["bucket", "models"].note == "shares what its group training gets"
    assert rows["requester", "etl"].text("upload_total") == "20 to 100"


def test_worst_never_above_best() -> None:
    for example in (CLASSES, EVERYTHING):
        for row in _plan(example).table:
            for item, value in (row.worst.items if row.worst else {}).items():
                best = row.best.items[item]
                assert best == UNLIMITED or value <= best, row


def test_shared_levels_and_limits_of_several_levels() -> None:
    rows = {(row.kind, row.name): row for row in _plan(EVERYTHING).table}
    assert rows["level", "3"].text("upload_total") == "40 to 100"
    assert "shared with acme-test-models" in rows["group", "lake"].note
    assert rows["bucket", "raw"].text("upload_total") == "up to 30"
    assert rows["requester", "etl-on-raw"].best.upload_total == 5
    # What the same requester has in the whole pool, 20, is less than the bucket's 30.
    assert rows["requester", "etl-on-raw"].best.download_total == 20
    assert rows["bucket", "features"].best.upload_total == 50


def test_the_ticket_names_all_that_support_asks_for() -> None:
    text = support_request("cn-hangzhou", _plan(CLASSES))
    assert text.splitlines() == [
        "Region: cn-hangzhou",
        "Resource pool name: pool-1",
        "Bucket list: acme-test-raw, acme-test-features, acme-test-models, acme-test-scratch",
        "Total upload bandwidth: 100 Gbps",
        "Internal network upload bandwidth: 80 Gbps",
        "Public network upload bandwidth: 20 Gbps",
        "Total download bandwidth: 100 Gbps",
        "Internal network download bandwidth: 80 Gbps",
        "Public network download bandwidth: 20 Gbps",
        "Enable resource pool in console: Yes",
        "Enable priority-based throttling: Yes",
    ]


def test_what_is_not_protected_is_said() -> None:
    off = " ".join(not_protected(ThrottlingArgs(), BUCKETS))
    assert "OSS throttling is off: 5 buckets share" in off
    assert "Nothing is guaranteed" in off
    on = " ".join(not_protected(throttling(**CLASSES), BUCKETS))
    assert "logs has no limit" in on
    assert "no priorities" not in on
    assert "There are no priorities" in " ".join(
        not_protected(throttling(buckets={"raw": both(total="5Gbps")}), BUCKETS)
    )
    assert "cannot be set by any API" in on


def test_much_guaranteed_is_noted() -> None:
    assert any("70 of 100 Gbit/s are guaranteed" in note for note in _plan(CLASSES).notes)
    plan = _plan(_one_class(guaranteed="25%"))
    assert not any("guaranteed" in note for note in plan.notes)


def test_a_pool_without_limits_for_one_network() -> None:
    plan = _plan(
        {"poolBandwidth": {"upload": {"total": "100Gbps"}, "download": POOL_BANDWIDTH["download"]}, **_one_class()}
    )
    assert plan.priorities is not None
    minimum = plan.priorities.levels[0].minimum
    assert minimum is not None
    assert (minimum.upload_total, minimum.upload_internet, minimum.download_internet) == (40, UNLIMITED, 8)


@settings(deadline=None)
@given(
    shares=st.lists(st.integers(1, 100), min_size=1, max_size=5),
    total=st.integers(20, 2000),
    part=st.integers(1, 100),
)
def test_a_plan_keeps_within_the_pool_or_is_refused(shares: list[int], total: int, part: int) -> None:
    intranet = max(1, total * part // 100)
    direction = {"total": f"{total}Gbps", "intranet": f"{intranet}Gbps"}
    classes = {
        f"class-{index}": {"priority": index + 1, "guaranteed": f"{share}%", "buckets": [list(BUCKETS)[index]]}
        for index, share in enumerate(shares)
    }
    given = {"poolBandwidth": {"upload": direction, "download": direction}, "classes": classes}
    try:
        plan = _plan(given)
    except InvalidInput:
        return
    assert plan.priorities is not None
    levels = plan.priorities.effective()["levels"]
    for item, pool in plan.bandwidth.finite.items():
        minima = [minimum.items[item] for minimum, _ in levels]
        assert sum(minima) <= pool
        assert all(minimum >= min(5, Fraction(pool, 2 * len(levels))) for minimum in minima)


def test_a_level_keeps_its_own_minimum_without_subjects() -> None:
    level = both(total="60Gbps", intranet="40Gbps", internet="8Gbps")
    given = {
        "defaultMinimum": both(total="10Gbps", intranet="5Gbps", internet="4Gbps"),
        "levels": [{"minimum": level}, {"buckets": ["raw"]}, {"buckets": ["models"]}],
    }
    document = _plan({"priorities": given}).priorities
    assert document is not None
    first, _ = document.effective()["levels"][0]
    assert first.upload_total == 60


def test_a_class_caps_requesters_that_have_limits_of_their_own() -> None:
    given: dict[str, Any] = {
        "requesters": {"etl": {"id": "300123456789", "limits": {"upload": {"total": "10Gbps"}}}},
        "classes": {"batch": {"priority": 2, "guaranteed": "10%", "maximum": "20%", "requesters": ["etl"]}},
    }
    (requester,) = _plan(given).requesters
    assert (requester.limits.upload_total, requester.limits.download_total) == (10, 20)
    given["requesters"]["etl"]["limits"] = {"upload": {"intranet": "50Gbps"}}
    with pytest.raises(InvalidInput, match=r"above the maximum of classes\.batch"):
        _plan(given)


def test_the_least_of_a_network_counts_once_a_level() -> None:
    classes = {name: {"priority": 3, "guaranteed": "3%", "buckets": [name]} for name in ("raw", "models", "scratch")}
    plan = _plan({"classes": classes})
    assert plan.priorities is not None
    minimum, _ = plan.priorities.effective()["levels"][2]
    assert (minimum.upload_total, minimum.upload_intranet, minimum.upload_internet) == (9, 6, 4)


def test_no_total_is_above_what_its_networks_have() -> None:
    rows = {
        row.name: row
        for row in _plan({"buckets": {"raw": {"download": {"intranet": "5Gbps", "internet": "5Gbps"}}}}).table
    }
    assert rows["raw"].best.download_total == 10


@pytest.mark.parametrize("text", ["9" * 5000 + "Gbps", "9" * 5000 + "%"])
def test_endless_numbers_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        _plan({"classes": {"batch": {"priority": 2, "guaranteed": text, "buckets": ["raw"]}}})
