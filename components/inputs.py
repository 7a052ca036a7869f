"""What the inputs of all components share: typed, frozen arguments and errors that name every problem at once."""

import difflib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

IPv4Network = ipaddress.IPv4Network


class Args(BaseModel):
    """Base of all component arguments.

    Fields are written in camelCase in YAML and in snake_case in Python; both are accepted. Unknown keys are refused and
    values cannot be changed after construction. The string below a field says what it means; the environment's JSON
    Schema and reference page are made of these strings.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        protected_namespaces=(),
    )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with an input.

    path: the key path as the user writes it, such as `nodePools.gpu.instanceTypes[0]`; value: what was found there;
    message: what must be true, with the allowed values.
    """

    path: str
    value: object
    message: str

    def under(self, prefix: str) -> "Problem":
        """The same problem, its path below `prefix`."""
        return replace(self, path=join(prefix, self.path))

    def __str__(self) -> str:
        return f"{self.path} = {self.value!r}: {self.message}"


class InvalidInput(ValueError):
    """Raised with all problems of one input, before any resource is registered."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def require_valid(problems: Iterable[Problem]) -> None:
    """Raise `InvalidInput` if there is any problem."""
    found = tuple(problems)
    if found:
        raise InvalidInput(found)


def join(prefix: str, path: str) -> str:
    """Two parts of a key path as one: `a` and `b` give `a.b`, `a` and `[0]` give `a[0]`."""
    return f"{prefix}{path}" if not prefix or not path or path.startswith("[") else f"{prefix}.{path}"


def one_of(value: str, allowed: Iterable[str], what: str) -> str:
    """A message for a value that is not among the allowed ones: the nearest one, or all if they are few."""
    choices = sorted(allowed)
    near = difflib.get_close_matches(value, choices, n=1, cutoff=0.75)
    if near:
        return f"not {what}; did you mean {near[0]!r}?"
    if not choices:
        return f"not {what}; there is none"
    if len(choices) <= 15:
        return f"not {what}; allowed: {', '.join(choices)}"
    return f"not {what} (there are {len(choices)}, such as {', '.join(choices[:3])})"


def minor_version(version: str) -> tuple[int, int] | None:
    """Major and minor of a version such as `1.35.7-aliyun.1`, or None if it starts otherwise."""
    match = re.match(r"(\d+)\.(\d+)(?!\d)", version)
    return (int(match[1]), int(match[2])) if match else None


def parse_cidr(text: str) -> IPv4Network | None:
    """The IPv4 network that a CIDR block names, or None if it is malformed, has no prefix, or has host bits set."""
    try:
        return IPv4Network(text) if re.fullmatch(r"[0-9.]+/[0-9]{1,2}", text) else None
    except ValueError:
        return None
