"""What is wrong with a value that a model refused, in the words of this project."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .inputs import Args, Problem, join, one_of
from .schema import described_schema


def problems_of(invalid: ValidationError, model: type[Args]) -> list[Problem]:
    """All problems of an input to a model."""
    return [problem_of(error, model) for error in invalid.errors(include_url=False)]


def problem_of(error: ErrorDetails, model: type[Args]) -> Problem:
    """One problem of an input to a model."""
    location = [part for part in error["loc"] if part != "[key]"]
    value = None if error["type"] == "missing" else error["input"]
    return Problem(path_of(location), value, message(error, location, model))


def path_of(location: Iterable[str | int]) -> str:
    """A key path as the user writes it."""
    path = ""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else join(path, part)
    return path


EXPECTED = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "dict_type": "must be a mapping of keys to values",
    "mapping_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "missing": "missing; this key is required",
}


def message(error: ErrorDetails, location: Sequence[str | int], model: type[Args]) -> str:
    """What must be true of a value that a model refused. location: of the value, without marks for keys."""
    kind = error["type"]
    schema = schema_at(location[:-1], model)
    if kind == "extra_forbidden":
        return one_of(str(location[-1]), schema.get("properties", {}), "a key here")
    if kind == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", ""))
        allowed = [text or number for text, number in re.findall(r"'([^']*)'|\b([0-9]+)\b", expected)]
        return one_of(str(error["input"]), allowed, "allowed")
    if kind == "value_error":
        return str(error.get("ctx", {}).get("error"))
    if kind in EXPECTED:
        return EXPECTED[kind]
    if kind in ("too_long", "too_short"):
        bound = "at most {max_length}" if kind == "too_long" else "at least {min_length}"
        entries = "entry" if 1 in error.get("ctx", {}).values() else "entries"
        return f"must have {bound} {entries}, not {len(error['input'])}".format(**error.get("ctx", {}))
    if kind == "string_pattern_mismatch":
        pattern = error.get("ctx", {}).get("pattern")
        if "[key]" in error["loc"]:
            return f"a name must match {pattern}"
        meaning = " ".join(schema_at(location, model).get("description", "").split()).partition(". ")[0]
        return f"must match {pattern}" + (f" ({meaning.removesuffix('.')})" if meaning else "")
    text = error["msg"].removeprefix("Input should ").removeprefix("String should ").removeprefix("have ")
    return f"must {text}" if text.startswith(("be ", "match ")) else f"must have {text}"


def schema_at(location: Sequence[str | int], model: type[Args]) -> Mapping[str, Any]:
    """The part of a model's JSON Schema for one of its values."""
    root = described_schema(model)
    schema: dict[str, Any] = root
    for part in [*location, None]:
        if "anyOf" in schema:
            meaning = {"description": schema["description"]} if "description" in schema else {}
            schema = {**next(option for option in schema["anyOf"] if option.get("type") != "null"), **meaning}
        while "$ref" in schema or "allOf" in schema:
            reference = schema["$ref"] if "$ref" in schema else schema["allOf"][0]["$ref"]
            schema = root["$defs"][reference.rsplit("/", 1)[1]]
        if part is None:
            break
        if isinstance(part, int):
            schema = {**{key: schema[key] for key in ("description",) if key in schema}, **schema.get("items", {})}
        elif part in schema.get("properties", {}):
            schema = schema["properties"][part]
        else:
            schema = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), {})
    return schema
