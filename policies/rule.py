"""What a rule is: what it looks at, what it must know, and what it says.

A rule is a plain function over the inputs of resources. It knows neither the engine nor the SDK for policies: `pack`
makes policies of Pulumi out of rules, `evaluation` runs them over a state or a preview without any.
"""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NoReturn, TypeVar, overload

from pydantic import ConfigDict

from components.inputs import Args

Area = Literal[
    "quotas", "budget", "identity", "network", "cluster", "nodes", "storage", "workloads", "cache", "hygiene"
]
Level = Literal["mandatory", "advisory", "remediate", "disabled"]
Severity = Literal["critical", "high", "medium", "low"]

STACK = "pulumi:pulumi:Stack"
"""Type of what rules over a whole stack look at, and of the resource that the engine has for it."""


class Deferred(Exception):
    """Raised where a rule needs a value that is unknown before apply. path: of the property."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Unknown:
    """Stands for a value that only apply brings. Whoever looks into it must wait."""

    def __repr__(self) -> str:
        return "[unknown]"

    def __bool__(self) -> bool:
        return True

    def _wait(self, *_: object) -> NoReturn:
        raise Deferred("a property")

    get = items = keys = values = startswith = endswith = split = lower = strip = partition = removeprefix = _wait
    __getitem__ = __iter__ = __len__ = __contains__ = __int__ = __float__ = __lt__ = __le__ = __gt__ = __ge__ = _wait
    __add__ = __radd__ = __mul__ = __rmul__ = _wait


UNKNOWN = Unknown()


def _reach(value: Any, path: str) -> Any:
    if isinstance(value, Unknown):
        raise Deferred(path)
    if isinstance(value, Mapping):
        return Inputs(value, path)
    return Items(value, path) if isinstance(value, list | tuple) else value


def whole(value: Any, path: str = "") -> Any:
    """A value as plain dictionaries and lists. Raises `Deferred` where anything in it is unknown."""
    if isinstance(value, Inputs | Items):
        path, value = value.path, value.plain
    if isinstance(value, Unknown):
        raise Deferred(path)
    if isinstance(value, Mapping):
        return {key: whole(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole(item, f"{path}[{index}]") for index, item in enumerate(value)]
    return value


class Inputs(Mapping[str, Any]):
    """The properties of a resource, or an object in them. What is unknown raises `Deferred` when it is read; what is
    null is absent."""

    def __init__(self, plain: Mapping[str, Any], path: str = "") -> None:
        self.plain = {key: value for key, value in plain.items() if value is not None}
        self.path = path

    def __getitem__(self, key: str) -> Any:
        return _reach(self.plain[key], f"{self.path}.{key}" if self.path else key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain)

    def __len__(self) -> int:
        return len(self.plain)

    def given(self, key: str) -> Any:
        """A property, or None where it is absent or unknown: for what a rule can do without."""
        try:
            return self.get(key)
        except Deferred:
            return None


class Items(Sequence[Any]):
    """A list in the properties of a resource. What is unknown raises `Deferred` when it is read."""

    def __init__(self, plain: Sequence[Any], path: str) -> None:
        self.plain, self.path = plain, path

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return _reach(self.plain[index], f"{self.path}[{index}]")

    def __len__(self) -> int:
        return len(self.plain)


@dataclass(frozen=True)
class Resource:
    """A resource as rules see it: its inputs before apply, with what the cloud added after it.

    inputs: by the provider's names, in camelCase; parent, dependencies: URNs; property_dependencies: URNs by property;
    provider: the inputs of its provider; operation: what a preview is about to do with it, such as `replace`, "" where
    nothing tells.
    """

    type: str
    name: str
    inputs: Inputs
    urn: str
    protect: bool = False
    ignore_changes: Sequence[str] = ()
    parent: str = ""
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    provider: Mapping[str, Any] = field(default_factory=dict[str, Any])
    operation: str = ""

    @property
    def kubernetes(self) -> bool:
        """Whether it lies in a cluster."""
        return self.type.startswith("kubernetes:")

    @property
    def kind(self) -> str:
        """The kind of a resource in a cluster."""
        return self.type.rpartition(":")[2]


class Config(Args):
    """Base of what can be configured of a rule; each setting has a default, and the string below it is its meaning."""

    model_config = ConfigDict(allow_inf_nan=False)


class Resources(tuple[Resource, ...]):
    """All resources that a rule sees, which it finds by type and by URN without looking at each."""

    @functools.cached_property
    def by_type(self) -> Mapping[str, Sequence[Resource]]:
        """Resources by their type."""
        found: dict[str, list[Resource]] = {}
        for resource in self:
            found.setdefault(resource.type, []).append(resource)
        return found

    @functools.cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        """Resources by their URN."""
        return {resource.urn: resource for resource in self}


C = TypeVar("C", bound=Config, covariant=True)


@dataclass(frozen=True)
class Subject(Generic[C]):
    """What one check looks at: a resource with its configuration, and beside it all resources of the stack.

    resources: all of them for rules over the whole stack, else the resource alone.
    """

    resource: Resource
    resources: Resources
    config: C

    @property
    def inputs(self) -> Inputs:
        """Those of the resource."""
        return self.resource.inputs

    def of(self, *types: str) -> list[Resource]:
        """All resources of some types."""
        return [resource for kind in types for resource in self.resources.by_type.get(kind, ())]

    def linked(self, other: Resource, key: str, own: str = "") -> bool:
        """Whether a property of another resource refers to this one.

        key: of the other's properties; own: of this one's properties that holds the same value, such as its name.
        Raises `Deferred` where neither dependencies nor values tell.
        """
        if other.property_dependencies.get(key):
            return self.resource.urn in other.property_dependencies[key]
        value = self.inputs.get(own) if own else None
        return value is not None and other.inputs.get(key) == value


Check = Callable[[Subject[Any]], Iterator[str]]
Applies = Callable[[Resource], bool]


@dataclass(frozen=True)
class Rule:
    """One rule.

    name: its id; must: a sentence that says what must be true; how: how to get there; types: of resources that it looks
    at one by one, or what tells them, empty for the stack as a whole; stack: whether it must see all resources; needs:
    properties that it must know, as paths; config: what can be set; level: unless configured otherwise; floor: whether
    it can never be less than mandatory; reference: where it comes from; remedy: properties that set it right, by path
    of one or two keys, where that is safe.
    """

    name: str
    area: Area
    severity: Severity
    must: str
    how: str
    check: Check
    types: Collection[str] | Applies
    stack: bool
    needs: Sequence[str]
    reference: str
    config: type[Config] = Config
    level: Level = "mandatory"
    floor: bool = False
    remedy: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def applies(self, resource: Resource) -> bool:
        """Whether it looks at a resource."""
        if callable(self.types):
            try:
                return not resource.type.startswith("pulumi:") and self.types(resource)
            except Deferred:
                return True
        return resource.type in (self.types or (STACK,))


def rule(
    name: str,
    *,
    area: Area,
    must: str,
    severity: Severity = "medium",
    how: str = "",
    reference: str = "",
    types: Collection[str] | Applies = (),
    stack: bool = False,
    needs: Sequence[str] = (),
    config: type[Config] = Config,
    level: Level = "mandatory",
    floor: bool = False,
    remedy: Mapping[str, Any] | None = None,
) -> Callable[[Check], Rule]:
    """Make a rule of a function that yields a message for each violation. See `Rule` for the arguments.

    Example:

        @rule("topic-is-small", area="quotas", types={"alicloud:alikafka/topic:Topic"}, must="Topics must be small.")
        def topic_is_small(subject: Subject[Config]) -> Iterator[str]:
            if subject.inputs.get("partitionNum", 12) > 48:
                yield "The topic has more than 48 partitions. Lower partitionNum."
    """

    def made(check: Check) -> Rule:
        return Rule(
            name=name,
            area=area,
            severity=severity,
            must=must,
            how=how,
            check=check,
            types=types if callable(types) else frozenset(types),
            stack=stack or (not callable(types) and not types),
            needs=tuple(needs),
            reference=reference,
            config=config,
            level=level,
            floor=floor,
            remedy=remedy or {},
        )

    return made
