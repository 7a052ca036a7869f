"""PromQL queries as data: which metrics they read, and a query with recorded ones written out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser


@dataclass(frozen=True)
class Selector:
    """What a query reads of one metric. labels: those that it selects by."""

    metric: str
    labels: frozenset[str]


def fault(query: str) -> str | None:
    """Why a query cannot be parsed, or what it reads cannot be known; None where it can."""
    try:
        promql_parser.parse(query)
    except (ValueError, TypeError) as error:
        return f"not PromQL: {error}"
    try:
        selectors(query)
    except ValueError as error:
        return str(error)
    return None


def seconds(duration: str) -> float:
    """Seconds of a duration, such as `5m`."""
    return promql_parser.parse_duration(duration).total_seconds()


def selectors(query: str) -> list[Selector]:
    """What a query reads, in its order.

    Raises `ValueError` where it cannot be parsed, or reads metrics that it does not name.
    """
    found: list[Selector] = []

    def visit(expression: Any) -> bool:
        if isinstance(expression, promql_parser.VectorSelector):
            found.append(_selector(expression))
        return True

    promql_parser.walk(promql_parser.parse(query), pre_visit=visit)
    return found


def _selector(expression: Any) -> Selector:
    matchers = expression.matchers
    names = [matcher for matcher in matchers.matchers if matcher.name == "__name__"]
    equal = [matcher.value for matcher in names if matcher.op == promql_parser.MatchOp.Equal]
    if matchers.or_matchers or len(names) + bool(expression.name) != 1 or len(names) != len(equal):
        raise ValueError(f"{expression} must name one metric")
    labels = frozenset(matcher.name for matcher in matchers.matchers if matcher.name != "__name__")
    return Selector(expression.name or equal[0], labels)


def metrics(query: str) -> set[str]:
    """The metrics that a query reads."""
    return {selector.metric for selector in selectors(query)}


def written_out(query: str, recorded: Mapping[str, str]) -> str:
    """A query with what recording rules record in place of their names. recorded: queries by name.

    What is read over a range becomes a subquery of a step a minute. Raises `ValueError` where a recorded name is read
    with labels, at an offset, or at a time.
    """

    def replace(expression: Any) -> Any:
        matrix = isinstance(expression, promql_parser.MatrixSelector)
        selector = expression.vector_selector if matrix else expression
        if not isinstance(selector, promql_parser.VectorSelector):
            return None
        read = _selector(selector)
        name = read.metric
        if name not in recorded:
            return None
        if read.labels:
            raise ValueError(f"{name} is read with labels")
        if selector.at:
            raise ValueError(f"{name} is read at a time")
        text = f"({written_out(recorded[name], recorded)})"
        if matrix:
            text += f"[{promql_parser.display_duration(expression.range)}:1m]"
        offset = f" offset {promql_parser.display_duration(selector.offset)}" if selector.offset else ""
        if offset and not matrix:
            raise ValueError(f"{name} is read with an offset")
        return promql_parser.parse(text + offset)

    return str(promql_parser.transform(promql_parser.parse(query), pre_visit=replace))
