"""What RAM policies, trust policies of roles and bucket policies of OSS may allow, as an upper bound.

An explicit Deny wins over any Allow. What is unknown before apply counts as allowed, and never as denied. Sources:
alibabacloud.com/help/doc-detail/93738.htm (elements), .../help/en/ram/conditional-operator, 2025-12-09 (operators),
.../help/en/oss/user-guide/authorization-syntax-and-elements, 2026-03-26 (bucket policies).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .network_policies import UNKNOWN

WILDCARDS = re.compile(r"[*?]+")


class UnreadablePolicy(ValueError):
    """Raised for a policy that is not as documented. Whatever it grants is then not known."""


@dataclass(frozen=True)
class Statement:
    """One statement. Patterns have * for any text and ? for one character.

    Of actions and not_actions, one is empty; without resources and not_resources it is about every resource.
    conditions: values by operator and lower-case key; principals: None in a policy that belongs to its principal.
    """

    effect: str
    actions: Sequence[str]
    not_actions: Sequence[str]
    resources: Sequence[str]
    not_resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, Sequence[str]]]
    principals: Sequence[str] | None


@dataclass(frozen=True)
class _Operator:
    negated: bool = False
    folded: bool = False
    patterns: bool = False


_OPERATORS: Mapping[str, _Operator] = {
    "StringEquals": _Operator(),
    "StringNotEquals": _Operator(negated=True),
    "StringEqualsIgnoreCase": _Operator(folded=True),
    "StringNotEqualsIgnoreCase": _Operator(negated=True, folded=True),
    "StringLike": _Operator(patterns=True),
    "StringNotLike": _Operator(negated=True, patterns=True),
    "Bool": _Operator(folded=True),
}
_ELEMENTS = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal")


def parse_policy(text: str) -> Sequence[Statement]:
    """The statements of a policy document. Raises `UnreadablePolicy`, which names what is wrong."""
    try:
        document = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:
        raise UnreadablePolicy(f"not JSON: {error}") from error
    if not isinstance(document, Mapping) or document.get("Version") != "1":
        raise UnreadablePolicy('not a policy of version "1"')
    statements = document.get("Statement")
    if not isinstance(statements, list):
        raise UnreadablePolicy("Statement is not a list")
    return [_statement(each, f"Statement[{index}]") for index, each in enumerate(statements)]


@lru_cache(maxsize=65_536)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both of two patterns. An unknown part counts as *."""
    first, second = _pattern(UNKNOWN.sub("*", one)), _pattern(UNKNOWN.sub("*", other))
    states = second.closed(1)
    for character in first.text:
        if character == "*":
            states = second.every & -(states & -states)
        else:
            states = second.step(states, second.fixed if character == "?" else second.places(character))
        if not states:
            return False
    return bool(states & second.end)


@lru_cache(maxsize=65_536)
def covers(wide: str, narrow: str) -> bool:
    """Whether a pattern surely matches every text that another one matches.

    May be False where that is hard to tell. An unknown part of the wide one matches nothing, of the narrow one any
    text.
    """
    pattern = _pattern(wide)
    states = pattern.closed(1)
    for character in _pattern(UNKNOWN.sub("*", narrow)).text:
        if character == "*":
            states = pattern.closed(states & pattern.stars)
        else:
            states = pattern.step(states, pattern.singles if character == "?" else pattern.places(character))
    return bool(states & pattern.end)


def could(statements: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Whether an action on some resource could be allowed.

    action, resource and the context's values may be patterns: `acs:oss:*:*:bucket/team-a/*` asks for anything below a
    prefix. context: what is known of the request, by condition key. A key that is not there may have any value.
    """
    known = {key.lower(): value for key, value in context.items()}
    allowed = False
    for statement in statements:
        if statement.effect == "Deny":
            if _applies(statement, action.lower(), resource, known, surely=True):
                return False
        else:
            allowed = allowed or _applies(statement, action.lower(), resource, known, surely=False)
    return allowed


def for_principal(statements: Iterable[Statement], principal: str) -> Sequence[Statement]:
    """The statements of a bucket or trust policy that are about a principal: those that may allow, surely deny it.

    principal: as policies write it, such as an id or arn; a pattern for any of several.
    """
    return [
        each
        for each in statements
        if each.principals is None
        or any((covers if each.effect == "Deny" else overlap)(name, principal) for name in each.principals)
    ]


def assumable(trust: Sequence[Statement], provider: str, context: Mapping[str, str]) -> bool:
    """Whether somebody whom an identity provider vouches for could take a role.

    provider: its arn; context: `oidc:iss`, `oidc:aud` and `oidc:sub`, such as `system:serviceaccount:team-a:*`.
    """
    return could(for_principal(trust, provider), "sts:AssumeRole", "*", context)


@dataclass(frozen=True)
class _Pattern:
    """A pattern and its places, as bits: bit n stands for having matched n of its characters."""

    text: str
    characters: Mapping[str, int]
    end: int

    @property
    def every(self) -> int:
        return 2 * self.end - 1

    @property
    def stars(self) -> int:
        return self.characters.get("*", 0)

    @property
    def singles(self) -> int:
        return self.characters.get("?", 0)

    @property
    def fixed(self) -> int:
        """Places that match one character."""
        return self.end - 1 & ~self.stars

    def places(self, character: str) -> int:
        """Places that match a character."""
        return self.characters.get(character, 0) | self.singles

    def closed(self, states: int) -> int:
        """States, and those behind a * that matches nothing."""
        return states | (states & self.stars) << 1

    def step(self, states: int, places: int) -> int:
        """States after one more character, which these places match, and every *."""
        return self.closed((states & places) << 1 | states & self.stars)


@lru_cache(maxsize=65_536)
def _pattern(text: str) -> _Pattern:
    # Of wildcards in a row, all orders mean the same, and one * is as good as several.
    text = WILDCARDS.sub(lambda run: "?" * run[0].count("?") + "*" * ("*" in run[0]), text)
    characters: dict[str, int] = {}
    for place, character in enumerate(text):
        characters[character] = characters.get(character, 0) | 1 << place
    return _Pattern(text, characters, 1 << len(text))


def _applies(statement: Statement, action: str, resource: str, context: Mapping[str, str], *, surely: bool) -> bool:
    """Whether a statement may be about a request, or surely is about all of it. action and context: in lower case."""
    within, outside = (covers, overlap) if surely else (overlap, covers)
    actions, not_actions = statement.actions, statement.not_actions
    return (
        (not actions or any(within(each.lower(), action) for each in actions))
        and not any(outside(each.lower(), action) for each in not_actions)
        and (not statement.resources or any(_of_parts(within, each, resource) for each in statement.resources))
        and not any(_of_parts(outside, each, resource) for each in statement.not_resources)
        and all(
            _holds(_OPERATORS.get(name), values, context.get(key), surely=surely)
            for name, keys in statement.conditions.items()
            for key, values in keys.items()
        )
    )


def _of_parts(compare: Callable[[str, str], bool], pattern: str, resource: str) -> bool:
    """A comparison of two names of resources, `acs:<service>:<region>:<account>:<rest>`, part by part.

    Otherwise the * of a region could hold a bucket, so that policies on any two buckets overlapped. That RAM itself
    lets no * reach into the next part is UNCONFIRMED; it matters for objects with colons in their names.
    """
    one, other = pattern.split(":", 4), resource.split(":", 4)
    return all(map(compare, one, other)) if len(one) == len(other) == 5 else compare(pattern, resource)


def _holds(operator: _Operator | None, values: Sequence[str], actual: str | None, *, surely: bool) -> bool:
    """Whether a condition may hold, or surely does.

    Whether a negated operator wants all or any of several values to differ is UNCONFIRMED, so each answer takes the
    reading that is on the safe side.
    """
    if operator is None or actual is None:
        return not surely
    if operator.folded:
        actual, values = actual.lower(), [value.lower() for value in values]
    may = [overlap(value, actual) for value in values]
    must = [
        covers(value, actual)
        if operator.patterns
        else value == actual and not WILDCARDS.search(UNKNOWN.sub("*", actual))
        for value in values
    ]
    if operator.negated:
        return not any(may) if surely else not all(must)
    return any(must) if surely else any(may)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UnreadablePolicy(f"a name stands twice among {', '.join(name for name, _ in pairs)}")
    return found


def _statement(given: Any, path: str) -> Statement:
    if not isinstance(given, Mapping):
        raise UnreadablePolicy(f"{path} is not an object")
    unknown = [name for name in given if name not in _ELEMENTS]
    if unknown:
        raise UnreadablePolicy(f"{path}.{unknown[0]} is not an element")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise UnreadablePolicy(f"{path}.Effect is neither Allow nor Deny")
    if ("Action" in given) == ("NotAction" in given):
        raise UnreadablePolicy(f"{path} needs either Action or NotAction")
    if "Resource" in given and "NotResource" in given:
        raise UnreadablePolicy(f"{path} has both Resource and NotResource")
    actions, not_actions, resources, not_resources = (
        _texts(given[name], f"{path}.{name}") if name in given else ()
        for name in ("Action", "NotAction", "Resource", "NotResource")
    )
    conditions = given.get("Condition", {})
    if not isinstance(conditions, Mapping) or not all(isinstance(keys, Mapping) for keys in conditions.values()):
        raise UnreadablePolicy(f"{path}.Condition is not an object of objects")
    return Statement(
        effect=given["Effect"],
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        conditions={
            name: _lowered(
                {key: _texts(values, f"{path}.Condition.{name}.{key}") for key, values in keys.items()},
                f"{path}.Condition.{name}",
            )
            for name, keys in conditions.items()
        },
        principals=_principals(given["Principal"], given["Effect"], f"{path}.Principal")
        if "Principal" in given
        else None,
    )


def _lowered(keys: Mapping[str, Sequence[str]], path: str) -> Mapping[str, Sequence[str]]:
    lowered = {key.lower(): values for key, values in keys.items()}
    if len(lowered) < len(keys):
        raise UnreadablePolicy(f"{path} has a key twice")
    return lowered


def _principals(given: Any, effect: str, path: str) -> Sequence[str]:
    if not isinstance(given, Mapping):
        # OSS takes an empty list for everyone.
        return _texts(given, path) if given != [] else ("*",)
    names = [name for kind, values in given.items() for name in _texts(values, f"{path}.{kind}")]
    # The names alone do not say of which kind they are: that all services are denied must not deny users.
    return [name for name in names if effect == "Allow" or not WILDCARDS.search(name)]


def _texts(given: Any, path: str) -> tuple[str, ...]:
    values = given if isinstance(given, list) else [given]
    if not values or not all(isinstance(value, str | int) for value in values):
        raise UnreadablePolicy(f"{path} is neither a text nor a list of texts")
    return tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
