"""JSON Schemas of models, with the string below each field as its description.

Pydantic can read these strings itself, but does so on every import, which takes a tenth of a preview's time.
"""

import ast
import functools
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from .inputs import Args

Schema = dict[str, Any]


@functools.cache
def described_schema(model: type[Args], mode: Literal["validation", "serialization"] = "validation") -> Schema:
    """The JSON Schema of a model. The result is shared: copy it before changing it."""
    schema = model.model_json_schema(mode=mode)
    parts: Mapping[str, Schema] = {**schema.get("$defs", {}), model.__name__: schema}
    for part in {model, *_nested(model)}:
        texts = _field_texts(part)
        for name, field in part.model_fields.items():
            if name in texts:
                parts[part.__name__]["properties"][field.alias or name]["description"] = texts[name]
    return schema


def _nested(model: type[Args]) -> Iterator[type[Args]]:
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, Args):
            yield annotation
            yield from _nested(annotation)
        else:
            waiting += get_args(annotation)


def _field_texts(model: type[Args]) -> Mapping[str, str]:
    """The strings below the fields of a model and of those that it inherits from; its own win."""
    bodies = [
        _class_bodies(base.__module__)[base.__name__] for base in reversed(model.__mro__) if issubclass(base, Args)
    ]
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for body in bodies
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


@functools.cache
def _class_bodies(module: str) -> Mapping[str, list[ast.stmt]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
