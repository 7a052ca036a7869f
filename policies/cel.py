"""Expressions in CEL, as Kubernetes and Gatekeeper evaluate them, over values of which parts may be unknown.

Differences that matter to nobody else: a part that is unknown before apply makes the whole wait, and both sides of `&&`
and `||` are always looked at.
"""

import functools
from collections.abc import Mapping
from typing import Any, NoReturn

import celpy
from celpy.celtypes import BoolType, DoubleType, IntType, ListType, MapType, StringType
from celpy.evaluation import CELEvalError

from components.admission.declarations import Declaration
from components.manifests import number

from .rule import Deferred, Unknown

Failed = CELEvalError
"""Raised where an expression does not fit what it looks at; admission refuses then."""


def offenders(
    declaration: Declaration, found: Mapping[str, Any], parameters: Mapping[str, Any], path: str
) -> list[str]:
    """What in an object breaks a rule.

    found: the object; parameters: of the rule; path: of the object within a resource, for what is unknown. Raises
    `Deferred` where the rule needs what is unknown, and `Failed`.
    """
    known = {"anyObject": converted(found, path), "params": converted(parameters, "")}
    variables = _Variables(declaration.variables, known)
    return [str(each) for each in evaluated(declaration.offenders, {"variables": variables})]


def evaluated(expression: str, known: Mapping[str, Any]) -> Any:
    """The value of an expression. known: values by name, already CEL's own. Raises `Deferred` and `Failed`."""
    return _program(expression).evaluate(dict(known))


@functools.cache
def _program(expression: str) -> celpy.Runner:
    environment = celpy.Environment()
    return environment.program(environment.compile(expression), functions=FUNCTIONS)


def _sum(amounts: Any) -> IntType:
    return IntType(sum(int(amount) for amount in amounts))


def _quantity(text: Any) -> DoubleType:
    return DoubleType(number(text))


def _more(one: Any, other: Any) -> BoolType:
    return BoolType(one > other)


def _joined(texts: Any, between: Any) -> StringType:
    return StringType(between.join(map(str, texts)))


FUNCTIONS: dict[str, Any] = {"sum": _sum, "quantity": _quantity, "isGreaterThan": _more, "join": _joined}
"""Functions of Kubernetes' CEL that are none of CEL itself."""


class _Later(MapType):
    """Stands for a value that is unknown: whoever looks at it must wait."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def __getitem__(self, key: Any) -> NoReturn:
        raise Deferred(self.path)

    def __eq__(self, other: Any) -> NoReturn:
        raise Deferred(self.path)


class _Map(MapType):
    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        if isinstance(value, _Later):
            raise Deferred(value.path)
        return value


class _Variables(MapType):
    """Variables, each evaluated when it is first asked for."""

    def __init__(self, expressions: Mapping[str, str], known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self.expressions = expressions

    def __getitem__(self, key: Any) -> Any:
        if key not in self:
            self[key] = evaluated(self.expressions[key], {"variables": self})
        return super().__getitem__(key)


def converted(value: Any, path: str) -> Any:
    """A value as CEL knows it. Numbers that are whole are integers, as they are in Kubernetes; null is not there."""
    if isinstance(value, Unknown):
        return _Later(path)
    if isinstance(value, Mapping):
        items = {str(key): item for key, item in value.items() if item is not None}
        return _Map({StringType(key): converted(item, f"{path}.{key}".lstrip(".")) for key, item in items.items()})
    if isinstance(value, list | tuple):
        return ListType(converted(item, f"{path}[{index}]") for index, item in enumerate(value))
    if isinstance(value, bool):
        return BoolType(value)
    if isinstance(value, int | float):
        return IntType(int(value)) if float(value).is_integer() else DoubleType(value)
    return StringType(value)
