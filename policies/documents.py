"""Documents of policies: of RAM, of roles, and of buckets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .addresses import networks, wide
from .resources import listed

ANYWHERE = ("acs:currenttime", "acs:securetransport", "acs:useragent", "oss:")
"""How keys of conditions begin that everybody meets who wants to."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document. What may be written as one or as several is a list.

    principals: each with its kind, such as `RAM`, "" in a bucket policy; conditions: values by operator and by key in
    lower case; exclusive: whether it is about all actions but some.
    """

    effect: str
    actions: Sequence[str] = ()
    resources: Sequence[str] = ()
    principals: Sequence[tuple[str, str]] = ()
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = field(
        default_factory=dict[str, Mapping[str, Sequence[str]]]
    )
    exclusive: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether a condition says who may or from where, so that not everybody meets it."""
        return any(
            not operator.lower().startswith(("not", "stringnot", "null"))
            and not key.startswith(ANYWHERE)
            and not any(set(value) <= {"*"} or any(map(wide, networks(value))) for value in values)
            for operator, keys in self.conditions.items()
            for key, values in keys.items()
        )


def statements(document: Any) -> list[Statement]:
    """The statements of a policy document; none where it is not one, which the cloud refuses."""
    try:
        policy = json.loads(document)
    except (TypeError, ValueError):
        return []
    return [
        Statement(
            effect=str(each.get("Effect")),
            actions=_texts(each.get("Action")),
            # All but some are as good as all.
            resources=["*"] if "NotResource" in each else _texts(each.get("Resource")),
            principals=[
                (kind, name)
                for kind, names in (_mapping(each.get("Principal")) or {"": each.get("Principal")}).items()
                for name in _texts(names)
            ],
            conditions={
                operator: {key.lower(): _texts(values) for key, values in _mapping(keys).items()}
                for operator, keys in _mapping(each.get("Condition")).items()
            },
            exclusive="NotAction" in each,
        )
        for each in listed(_mapping(policy).get("Statement"))
        if isinstance(each, Mapping)
    ]


def allows_everybody(document: Any) -> bool:
    """Whether a policy document allows something to everybody, on no condition on who or from where."""
    return any(
        each.effect == "Allow" and any(name == "*" for _, name in each.principals) and not each.narrowed
        for each in statements(document)
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in listed(value)]
