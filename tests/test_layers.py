"""Layers: what merging does, and that every value knows where it stands."""

from pathlib import Path

import pytest

from stacks.layers import FileProblems, Layer, merge, parse_value, place_of, read_layer


def _read(tmp_path: Path, text: str) -> Layer:
    path = tmp_path / "layer.yaml"
    path.write_text(text, encoding="utf-8")
    return read_layer(path, "layer.yaml")


def test_mappings_merge_lists_replace_and_null_removes() -> None:
    low = Layer({"a": {"x": 1, "y": 2}, "list": [1, 2], "gone": {"b": 1}, "kept": True})
    high = Layer({"a": {"y": 3, "z": {"deep": None, "set": 4}}, "list": [5], "gone": None})
    assert merge([low, high]).data == {"a": {"x": 1, "y": 3, "z": {"set": 4}}, "list": [5], "kept": True}


def test_a_value_stands_where_it_was_last_set(tmp_path: Path) -> None:
    low = _read(tmp_path, "pools:\n  data:\n    size: 1\n    types: [a, b]\n")
    high = Layer({"pools": {"data": {"types": ["c"]}}}, {"pools.data.types": "high.yaml:9"})
    places = merge([low, high]).places
    assert place_of("pools.data.size", places, "none") == "layer.yaml:3"
    assert place_of("pools.data.types[0]", places, "none") == "high.yaml:9"
    assert place_of("pools.data.missing.deeper", places, "none") == "layer.yaml:2"
    assert place_of("elsewhere", places, "none") == "none"


def test_keys_with_dots_keep_their_place(tmp_path: Path) -> None:
    layer = _read(tmp_path, "labels:\n  example.com/a.b: x\n")
    assert place_of("labels.example.com/a.b", layer.places, "none") == "layer.yaml:2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 1\n  b: 2\nc: 1\nc: 2\n", [("layer.yaml:3", "a.b"), ("layer.yaml:5", "c")]),
        ("- a\n", [("layer.yaml", "")]),
        ("a: [1\nb: 2\n", [("layer.yaml:2", "")]),
        ("a: &x 1\nb: *y\n", [("layer.yaml:2", "")]),
        ("a:\n\tb: 1\n", [("layer.yaml:2", "")]),
        (
            "a: !!binary aGk=\nb: !!set {c, d}\nc: !own {d: 1}\n",
            [("layer.yaml:1", "a"), ("layer.yaml:2", "b"), ("layer.yaml:3", "c")],
        ),
        (
            f"a: .nan\nb: [-.inf]\nc: {'9' * 400}\nd: 1e400\n",
            [("layer.yaml:1", "a"), ("layer.yaml:2", "b[0]"), ("layer.yaml:3", "c"), ("layer.yaml:4", "d")],
        ),
    ],
)
def test_files_that_are_no_layer(tmp_path: Path, text: str, expected: list[tuple[str, str]]) -> None:
    with pytest.raises(FileProblems) as caught:
        _read(tmp_path, text)
    assert [(place, problem.path) for place, problem in caught.value.problems] == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("1:30", "1:30"),
        ("1e3", 1000.0),
        ("2024-01-01", "2024-01-01"),
        ("0x10", 16),
        ("-7", -7),
        ("~", None),
        ("1.5", 1.5),
        ("1_000", "1_000"),
        ('"5"', "5"),
    ],
)
def test_plain_values_are_read_as_the_pulumi_cli_reads_them(tmp_path: Path, text: str, value: object) -> None:
    assert _read(tmp_path, f"key: {text}\n").data["key"] == value
    assert parse_value(text) == value


def test_an_empty_file_is_an_empty_layer(tmp_path: Path) -> None:
    assert _read(tmp_path, "# nothing\n").data == {}


def test_null_is_a_value_where_it_says_something() -> None:
    """Never, in place of a default: it is not taken for the removal of what a profile sets."""
    low = Layer({"a": {"days": 7, "other": 1}})
    merged = merge([low, Layer({"a": {"days": None, "other": None}, "b": {"days": None}})], lambda path: "days" in path)
    assert merged.data == {"a": {"days": None}, "b": {"days": None}}
