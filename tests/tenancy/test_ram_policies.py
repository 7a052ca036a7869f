"""RAM policies: a Deny wins where it surely holds, an Allow where it may, and patterns are compared soundly."""

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.storage import Grant, bucket_policy
from components.tenancy.ram_policies import (
    UnreadablePolicy,
    assumable,
    could,
    covers,
    for_principal,
    overlap,
    parse_policy,
)
from components.volumes import access_policy

TEAM_A = "acs:oss:*:*:data/team-a/*"
TEAM_B = "acs:oss:*:*:data/team-b/*"
PROVIDER = "acs:ram::1:oidc-provider/ack-rrsa-c1"
TEXTS = ["".join(letters) for length in range(7) for letters in itertools.product("ab", repeat=length)]
PATTERNS = st.text("ab*?", max_size=3)


def _policy(*statements: Any, version: Any = "1") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def _allow(action: Any = "oss:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def _deny(action: Any = "oss:*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**_allow(action, resource, **more), "Effect": "Deny"}


def _could(
    *statements: Any, action: str = "oss:GetObject", resource: str = TEAM_A, context: dict[str, str] | None = None
) -> bool:
    return could(parse_policy(_policy(*statements)), action, resource, context or {})


def _matches(pattern: str, text: str) -> bool:
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(PATTERNS, PATTERNS)
def test_patterns_overlap_where_some_text_matches_both(one: str, other: str) -> None:
    # A shortest common text has at most one character for each of either pattern: six.
    assert overlap(one, other) is any(_matches(one, text) and _matches(other, text) for text in TEXTS)


@given(st.text("ab*?", max_size=12), st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_overlap_is_symmetric_and_sound(one: str, other: str, text: str) -> None:
    assert overlap(one, other) is overlap(other, one)
    assert overlap(one, text) is _matches(one, text)
    assert overlap(one, other) or not (_matches(one, text) and _matches(other, text))


@given(PATTERNS, PATTERNS)
def test_what_covers_matches_everything(wide: str, narrow: str) -> None:
    if covers(wide, narrow):
        assert all(_matches(wide, text) for text in TEXTS if _matches(narrow, text))


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_covers_knows_itself_everything_and_plain_texts(pattern: str, text: str) -> None:
    assert covers(pattern, pattern)
    assert covers("*", pattern)
    assert covers(pattern, text) is _matches(pattern, text)


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("a/*", "a/b/*", True),
        ("a/b/*", "a/*", False),
        ("a*", "a?", True),
        ("a?", "a*", False),
        ("*?", "?*", True),
        ("?", "*", False),
        ("*a*", "a*", True),
        ("**", "*", True),
        ("", "", True),
        ("", "*", False),
        ("*", "[unknown]", True),
        ("a*", "[unknown]", False),
        ("[unknown]", "a", False),
        ("[unknown]", "[unknown]", False),
    ],
)
def test_covers(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("[unknown]", "a", True),
        ("[unknown]", "[unknown]", True),
        ("a[unknown]", "b*", False),
        ("a[secret]c", "abc", True),
        ("a/*/c", "a/b/*", True),
        ("a*x", "a*y", False),
        ("ab*ab", "ab", False),
        ("a+b", "aab", False),
        ("a\n*", "a\nb", True),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[unknown]", "not JSON"),
        ("", "not JSON"),
        ("[]", 'not a policy of version "1"'),
        (_policy(_allow(), version="2"), 'not a policy of version "1"'),
        ('{"Version": "1"}', "Statement is not a list"),
        (_policy("x"), "Statement[0] is not an object"),
        (_policy(_allow(), _allow(NotPrincipal=["1"])), "Statement[1].NotPrincipal is not an element"),
        (_policy({**_allow(), "Effect": "allow"}), "Statement[0].Effect is neither Allow nor Deny"),
        (_policy({"Effect": "Allow", "Resource": "*"}), "Statement[0] needs either Action or NotAction"),
        (_policy(_allow(NotAction="ecs:*")), "Statement[0] needs either Action or NotAction"),
        (_policy(_allow(NotResource="*")), "Statement[0] has both Resource and NotResource"),
        (_policy(_allow(action=[])), "Statement[0].Action is neither a text nor a list of texts"),
        (_policy(_allow(action={})), "Statement[0].Action is neither a text nor a list of texts"),
        (_policy(_allow(resource=[["*"]])), "Statement[0].Resource is neither a text nor a list of texts"),
        (_policy(_allow(Condition="[unknown]")), "Statement[0].Condition is not an object of objects"),
        (_policy(_allow(Condition={"StringLike": "x"})), "Statement[0].Condition is not an object of objects"),
        (_policy(_allow(Condition={"Bool": {"k": None}})), "Statement[0].Condition.Bool.k is neither a text"),
        (_policy(_allow(Condition={"Bool": {"k": "a", "K": "b"}})), "Statement[0].Condition.Bool has a key twice"),
        (_policy(_allow(Principal={"RAM": 1.5})), "Statement[0].Principal.RAM is neither a text nor a list of texts"),
        ('{"Version": "1", "Version": "1", "Statement": []}', "a name stands twice among Version, Version, Statement"),
    ],
)
def test_unreadable_policies_say_why(text: str, message: str) -> None:
    with pytest.raises(UnreadablePolicy, match=re.escape(message)):
        parse_policy(text)


def test_texts_and_lists_read_alike() -> None:
    one = parse_policy(_policy(_allow("oss:Get*", TEAM_A, Condition={"Bool": {"acs:SecureTransport": True}})))
    many = parse_policy(
        _policy(_allow(["oss:Get*"], [TEAM_A], Condition={"Bool": {"acs:securetransport": ["true"]}})),
    )
    assert one == many
    assert one[0].principals is None


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([], False),
        ([_allow()], True),
        ([_allow("OSS:getobject")], True),
        ([_allow("oss:Get?bject")], True),
        ([_allow("oss:PutObject")], False),
        ([_allow(resource=TEAM_A)], True),
        ([_allow(resource=TEAM_B)], False),
        ([_allow(resource="acs:oss:*:*:DATA/*")], False),
        ([_allow(resource="acs:oss:*:*:other/*")], False),
        ([_allow(resource="acs:oss:cn-hangzhou:1:data/*")], True),
        ([_allow(resource="acs:oss:*")], True),
        ([_allow(resource="acs:*/team-a/*")], True),
        ([_allow(resource="acs:oss:*:*:data/team-a/x")], True),
        ([_allow(resource="acs:oss:*:*:[unknown]/x")], True),
        ([_allow(), _deny()], False),
        ([_deny(), _allow()], False),
        ([_allow(), _deny("oss:PutObject")], True),
        ([_allow(), _deny(resource="acs:oss:*:*:data/*")], False),
        ([_allow(), _deny(resource="acs:oss:*:*:data/team-a/x")], True),
        ([_allow(), _deny(resource="acs:oss:cn-hangzhou:*:data/*")], True),
        ([_allow(), _deny(resource="acs:oss:*:*:[unknown]")], True),
        ([_allow(), _deny("[unknown]")], True),
        ([{"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": ["ram:*", "oss:*"], "Resource": "*"}], False),
        ([{"Effect": "Allow", "NotAction": "[unknown]", "Resource": "*"}], True),
        ([_allow(), {"Effect": "Deny", "NotAction": "ram:*", "Resource": "*"}], False),
        ([_allow(), {"Effect": "Deny", "NotAction": "oss:Get*", "Resource": "*"}], True),
        ([_allow(), {"Effect": "Deny", "NotAction": "[unknown]", "Resource": "*"}], True),
        ([{"Effect": "Allow", "Action": "oss:*", "NotResource": TEAM_B}], True),
        ([{"Effect": "Allow", "Action": "oss:*", "NotResource": "acs:oss:*:*:data/*"}], False),
        ([{"Effect": "Allow", "Action": "oss:*", "NotResource": "acs:oss:*:*:data/team-a/x"}], True),
        ([_allow(), {"Effect": "Deny", "Action": "*", "NotResource": TEAM_B}], False),
        ([_allow(), {"Effect": "Deny", "Action": "*", "NotResource": "acs:oss:*:*:data/team-a/x"}], True),
    ],
)
def test_actions_and_resources(statements: list[dict[str, Any]], expected: bool) -> None:
    assert _could(*statements) is expected


@pytest.mark.parametrize(
    ("condition", "context", "may", "must"),
    [
        ({"StringEquals": {"k": "v"}}, {"k": "v"}, True, True),
        ({"StringEquals": {"K": ["u", "v"]}}, {"k": "v"}, True, True),
        ({"StringEquals": {"k": "v"}}, {"K": "v"}, True, True),
        ({"StringEquals": {"k": "v"}}, {"k": "V"}, False, False),
        ({"StringEquals": {"k": "v"}}, {}, True, False),
        ({"StringEquals": {"k": "team-a/x"}}, {"k": "team-a/*"}, True, False),
        ({"StringEquals": {"k": "team-a/*"}}, {"k": "team-a/*"}, True, False),
        ({"StringEquals": {"k": "v"}}, {"k": "[unknown]"}, True, False),
        ({"StringEquals": {"k": "[unknown]"}}, {"k": "[unknown]"}, True, False),
        ({"StringEquals": {"k": "[unknown]"}}, {"k": "v"}, True, False),
        ({"StringNotEquals": {"k": "v"}}, {"k": "v"}, False, False),
        ({"StringNotEquals": {"k": "v"}}, {"k": "w"}, True, True),
        ({"StringNotEquals": {"k": "v"}}, {"k": "*"}, True, False),
        ({"StringNotEquals": {"k": "v"}}, {}, True, False),
        ({"StringNotEquals": {"k": ["v", "w"]}}, {"k": "v"}, True, False),
        ({"StringNotEquals": {"k": "[unknown]"}}, {"k": "v"}, True, False),
        ({"StringEqualsIgnoreCase": {"k": "V"}}, {"k": "v"}, True, True),
        ({"StringEqualsIgnoreCase": {"k": "V"}}, {"k": "w"}, False, False),
        ({"StringNotEqualsIgnoreCase": {"k": "V"}}, {"k": "v"}, False, False),
        ({"StringLike": {"k": "team-a/*"}}, {"k": "team-a/x/*"}, True, True),
        ({"StringLike": {"k": "team-a/x/*"}}, {"k": "team-a/*"}, True, False),
        ({"StringLike": {"k": "team-b/*"}}, {"k": "team-a/*"}, False, False),
        ({"StringNotLike": {"k": "team-a/*"}}, {"k": "team-a/x"}, False, False),
        ({"StringNotLike": {"k": "team-b/*"}}, {"k": "team-a/*"}, True, True),
        ({"StringNotLike": {"k": "team-a/x"}}, {"k": "team-a/*"}, True, False),
        ({"Bool": {"k": "True"}}, {"k": "true"}, True, True),
        ({"Bool": {"k": False}}, {"k": "true"}, False, False),
        ({"NumericLessThan": {"k": "1"}}, {"k": "2"}, True, False),
        ({"stringequals": {"k": "v"}}, {"k": "w"}, True, False),
        ({"StringEquals": {"k": "v", "l": "v"}}, {"k": "v", "l": "w"}, False, False),
        ({"StringEquals": {"k": "v"}, "Bool": {"l": "true"}}, {"k": "v"}, True, False),
        ({}, {}, True, True),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, str], may: bool, must: bool) -> None:
    assert _could(_allow(Condition=condition), context=context) is may
    assert _could(_allow(), _deny(Condition=condition), context=context) is not must


@pytest.mark.parametrize(
    ("statement", "principal", "named"),
    [
        (_allow(Principal=["1", "2"]), "2", True),
        (_allow(Principal="1"), "2", False),
        (_allow(Principal="*"), "2", True),
        (_allow(Principal=["*"]), "2", True),
        (_allow(Principal=[]), "2", True),
        (_allow(Principal=["[unknown]"]), "2", True),
        (_allow(Principal=["arn:sts::1:assumed-role/a/*"]), "arn:sts::1:assumed-role/a/session", True),
        (_allow(Principal=["arn:sts::1:assumed-role/a/*"]), "arn:sts::1:assumed-role/b/*", False),
        (_allow(Principal=["arn:sts::1:assumed-role/a/x"]), "arn:sts::1:assumed-role/a/*", True),
        (_deny(Principal=["arn:sts::1:assumed-role/a/x"]), "arn:sts::1:assumed-role/a/*", False),
        (_deny(Principal=["arn:sts::1:assumed-role/?/*"]), "arn:sts::1:assumed-role/a/*", True),
        (_deny(Principal=["[unknown]"]), "2", False),
        (_allow(Principal={"RAM": ["acs:ram::1:root"]}), "acs:ram::1:root", True),
        (_allow(Principal={"Service": "ecs.aliyuncs.com"}), "acs:ram::1:root", False),
        (_deny(Principal={"Service": ["*"]}), "acs:ram::1:root", False),
        (_deny(Principal={"RAM": ["acs:ram::1:root"]}), "acs:ram::1:root", True),
        (_allow(), "2", True),
    ],
)
def test_principals(statement: dict[str, Any], principal: str, named: bool) -> None:
    assert bool(for_principal(parse_policy(_policy(statement)), principal)) is named


def _trust(effect: str = "Allow", principal: Any = None, **condition: Any) -> dict[str, Any]:
    return {
        "Effect": effect,
        "Action": "sts:AssumeRole",
        "Principal": principal or {"Federated": [PROVIDER]},
        **({"Condition": condition} if condition else {}),
    }


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([_trust(StringEquals={"oidc:sub": "system:serviceaccount:a:ray"})], True),
        ([_trust(StringEquals={"oidc:sub": "system:serviceaccount:b:ray"})], False),
        ([_trust(StringLike={"oidc:sub": "system:serviceaccount:*:ray"})], True),
        ([_trust(StringEquals={"oidc:aud": "sts.aliyuncs.com"})], True),
        ([_trust(StringEquals={"oidc:aud": "other"})], False),
        ([_trust(StringEquals={"oidc:iss": "https://issuer"})], True),
        ([_trust()], True),
        ([_trust(principal={"Federated": ["acs:ram::1:oidc-provider/other"]})], False),
        ([_trust(principal={"Federated": "*"})], True),
        ([_trust(principal={"Service": ["ecs.aliyuncs.com"]})], False),
        ([_trust(), _trust("Deny", StringLike={"oidc:sub": "system:serviceaccount:a:*"})], False),
        ([_trust(), _trust("Deny", StringLike={"oidc:sub": "system:serviceaccount:a:ray"})], True),
        ([_trust(), _trust("Deny", {"Service": "*"})], True),
        ([{**_trust(), "Action": "sts:Other"}], False),
    ],
)
def test_roles_that_can_be_taken(statements: list[dict[str, Any]], expected: bool) -> None:
    trust = parse_policy(_policy(*statements))
    assert (
        assumable(trust, PROVIDER, {"oidc:sub": "system:serviceaccount:a:*", "oidc:aud": "sts.aliyuncs.com"})
        is expected
    )


def test_what_the_components_write() -> None:
    access = parse_policy(access_policy("data", "team-a/", write=True))
    assert could(access, "oss:PutObject", TEAM_A, {})
    assert not could(access, "oss:PutObject", TEAM_B, {})
    assert could(access, "oss:ListObjects", "acs:oss:*:*:data", {"oss:Prefix": "team-a/*"})
    assert not could(access, "oss:ListObjects", "acs:oss:*:*:data", {"oss:Prefix": "team-b/*"})

    role = "arn:sts::1:assumed-role/team-a/*"
    bucket = parse_policy(bucket_policy("data", {"a": Grant(principals=[role], prefixes=["team-a/"])}))
    own = for_principal(bucket, role)
    assert could(own, "oss:GetObject", TEAM_A, {"acs:SecureTransport": "true"})
    assert not could(own, "oss:GetObject", TEAM_A, {"acs:SecureTransport": "false"})
    assert not could(own, "oss:PutObject", TEAM_A, {})
    assert not could(own, "oss:GetObject", TEAM_B, {})
    assert not could(for_principal(bucket, "2"), "oss:GetObject", TEAM_A, {})
