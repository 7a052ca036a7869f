"""Layers of configuration: YAML files merged so that a later layer wins, with the file and line of every value.

A mapping is merged key by key, anything else is replaced, and `null` removes what an earlier layer set.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from components.inputs import Problem, join

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    """Read a YAML mapping. `file` is how messages name it. Raises `FileProblems` for bad syntax and duplicate keys."""
    loader = Loader(path.read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            return Layer({})
        if not isinstance(node, yaml.MappingNode):
            raise FileProblems([(file, Problem("", None, "must be a mapping of keys to values"))])
        places: dict[str, str] = {}
        duplicates: list[tuple[str, Problem]] = []
        _walk(node, "", file, places, duplicates)
        if duplicates:
            raise FileProblems(duplicates)
        return Layer(loader.construct_document(node), places)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = file if mark is None else f"{file}:{mark.line + 1}"
        reason = getattr(error, "problem", None) or str(error)
        raise FileProblems([(place, Problem("", None, f"not valid YAML: {reason}"))]) from None
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: str, file: str, places: dict[str, str], duplicates: list[tuple[str, Problem]]) -> None:
    if path:
        places.setdefault(path, f"{file}:{node.start_mark.line + 1}")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            below = join(path, name)
            place = f"{file}:{key.start_mark.line + 1}"
            if name in seen:
                duplicates.append((place, Problem(below, name, "stands twice in one mapping; names are unique")))
            seen.add(name)
            places[below] = place
            _walk(value, below, file, places, duplicates)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, f"{path}[{index}]", file, places, duplicates)


def merge(layers: Sequence[Layer]) -> Layer:
    """All layers as one; a place is that of the layer whose value won."""
    return functools.reduce(_merge_two, layers, Layer({}))


def _merge_two(low: Layer, high: Layer) -> Layer:
    places = dict(low.places)
    data = _merge_data(low.data, high.data, "", places)
    return Layer(data, {**places, **high.places})


def _merge_data(low: Mapping[str, Any], high: Mapping[str, Any], path: str, places: dict[str, str]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = join(path, key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merge_data(merged[key], value, below, places)
        else:
            for place in [place for place in places if place.startswith((f"{below}.", f"{below}["))]:
                del places[place]
            merged[key] = _without_nulls(value)
    return merged


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def place_of(path: str, places: Mapping[str, str], default: str) -> str:
    """Where a key path stands; for a key that stands nowhere, where its nearest parent stands."""
    while path:
        if path in places:
            return places[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return default
