"""Layers of configuration: YAML files merged so that a later layer wins, with the file and line of every value.

A mapping is merged key by key, anything else is replaced, and `null` removes what an earlier layer set.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from components.inputs import Problem, join

TEXT_TAG = "tag:yaml.org,2002:str"

PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "null", "seq", "str"))
"""What JSON can hold, and so what Pulumi's configuration can."""

NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

MAXIMUM_DEPTH = 50
"""Nesting beyond this is a mistake, and would exhaust the stack."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # pyright: ignore[reportUntypedBaseClass, reportGeneralTypeIssues]
    """Reads plain scalars as the Pulumi CLI does: only `true` and `false` are booleans, no base 60, no dates."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


_FLOAT = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass(frozen=True)
class Layer:
    """One layer: its data, and where each key path stands as `file:line`."""

    data: Mapping[str, Any]
    places: Mapping[str, str] = field(default_factory=dict[str, str])


class FileProblems(Exception):
    """A file that cannot be read as a layer, with all that is wrong in it as (place, problem)."""

    def __init__(self, problems: Sequence[tuple[str, Problem]]) -> None:
        super().__init__(problems)
        self.problems = problems


def read_layer(path: Path, file: str) -> Layer:
    """Read a YAML mapping. `file` is how messages name it. Raises `FileProblems` with all that is wrong in it."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise FileProblems([(file, Problem("", None, f"not a text in UTF-8: {error}"))]) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return Layer({})
        if not isinstance(node, yaml.MappingNode):
            raise FileProblems([(file, Problem("", None, "must be a mapping of keys to values"))])
        places: dict[str, str] = {}
        problems: list[tuple[str, Problem]] = []
        _walk(node, "", file, places, problems, ())
        if problems:
            raise FileProblems(problems)
        return Layer(loader.construct_document(node), places)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = file if mark is None else f"{file}:{mark.line + 1}"
        reason = getattr(error, "problem", None) or str(error)
        if "cannot start any token" in reason:
            reason += "; YAML is indented with spaces, not tabs, and texts with special characters are quoted"
        raise FileProblems([(place, Problem("", None, f"not valid YAML: {reason}"))]) from None
    except (RecursionError, ValueError) as error:
        raise FileProblems([(file, Problem("", None, f"not valid YAML: {error}"))]) from None
    finally:
        loader.dispose()


def _walk(
    node: yaml.Node,
    path: str,
    file: str,
    places: dict[str, str],
    problems: list[tuple[str, Problem]],
    above: tuple[yaml.Node, ...],
) -> None:
    place = f"{file}:{node.start_mark.line + 1}"
    if path:
        places.setdefault(path, place)
    if node in above or len(above) > MAXIMUM_DEPTH:
        problems.append((place, Problem(path, None, f"nested deeper than {MAXIMUM_DEPTH} levels, or within itself")))
    elif node.tag not in PLAIN_TAGS:
        problems.append((place, Problem(path, None, f"has the YAML tag {node.tag}; write a plain value")))
    elif isinstance(node, yaml.ScalarNode):
        if node.tag in NUMBER_TAGS and not _is_finite(node.value):
            problems.append((place, Problem(path, node.value, "not a number that JSON can hold")))
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{file}:{key.start_mark.line + 1}"
            if key.tag not in (TEXT_TAG, "tag:yaml.org,2002:merge"):
                problems.append((place, Problem(path, str(key.value), "a key must be a text; quote it")))
                continue
            name: str = key.value
            below = join(path, name)
            if name in seen:
                problems.append((place, Problem(below, name, "stands twice in one mapping; names are unique")))
            seen.add(name)
            places[below] = place
            _walk(value, below, file, places, problems, (*above, node))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, f"{path}[{index}]", file, places, problems, (*above, node))


def _is_finite(number: str) -> bool:
    digits = number.lower().lstrip("+-")
    return digits.startswith("0x") or (digits not in (".inf", ".nan") and math.isfinite(float(digits)))


def parse_value(text: str) -> Any:
    """A value that Pulumi's configuration holds as text, as a stack's file would have it."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a safe loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return text


def merge(layers: Sequence[Layer], null_is_value: Callable[[str], bool] = lambda _: False) -> Layer:
    """All layers as one; a place is that of the layer whose value won.

    A null removes what a lower layer sets; null_is_value: whether it is a value of its own at this path.
    """
    merged = Layer({})
    for layer in layers:
        places = dict(merged.places)
        data = _merge_data(merged.data, layer.data, "", places, null_is_value)
        merged = Layer(data, {**places, **layer.places})
    return merged


def _merge_data(
    low: Mapping[str, Any],
    high: Mapping[str, Any],
    path: str,
    places: dict[str, str],
    null_is_value: Callable[[str], bool],
) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = join(path, key)
        if value is None and not null_is_value(below):
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge_data(merged[key], value, below, places, null_is_value)
        else:
            for place in [place for place in places if place.startswith((f"{below}.", f"{below}["))]:
                del places[place]
            merged[key] = _merge_data({}, value, below, {}, null_is_value) if isinstance(value, Mapping) else value
    return merged


def place_of(path: str, places: Mapping[str, str], default: str) -> str:
    """Where a key path stands; for a key that stands nowhere, where its nearest parent stands."""
    while path:
        if path in places:
            return places[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return default
