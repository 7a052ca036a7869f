"""What the cases of rules are made of."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_alicloud as alicloud

_NUMBERS = itertools.count()
TAGS = {"environment": "test", "managed-by": "pulumi"}


@dataclass(frozen=True)
class Case:
    """A rule with three programs; `message` is what the failing one must lead to."""

    rule: str
    passes: Callable[[], object]
    fails: Callable[[], object]
    message: str
    unknown: Callable[[], object] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


def given(value: Any) -> Any:
    """A value, or what a function gives: outputs can only be made while a program runs."""
    return value() if callable(value) else value


def unknown() -> pulumi.Output[Any]:
    """A value that only the cloud can give."""
    return alicloud.vpc.Network(f"unknown-{next(_NUMBERS)}", cidr_block="10.0.0.0/16", tags=TAGS).id
