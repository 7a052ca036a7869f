"""What is generated from the code is as the code says."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from components import catalog
from components.job_templates import CHARTS
from components.platform import Flavor
from components.platform.planning import form_of
from stacks import charts, generate


def test_generated_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().out


def test_stale_files_are_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "files", lambda: {tmp_path / "page.md": "text"})
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == "page.md is out of date: run make generate\n"
    assert generate.main([]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == "text"


FLAVORS: tuple[Flavor, ...] = ("ack", "upstream")


def _rows(page: str) -> dict[str, list[str]]:
    """The cells of each row that begins with a name."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:3] == "| `"]
    return {cells[0].strip("`"): cells for cells in rows}


def test_the_page_of_systems_lists_every_system_and_every_definition() -> None:
    systems, definitions = map(_rows, generate.systems_page().split("## Who owns which resource definition"))
    known = catalog.systems()
    assert list(systems) == sorted(known)
    owners: dict[str, dict[str, set[str]]] = {}
    for name, entry in known.items():
        _, _, *cells = systems[name]
        for flavor, cell in zip(FLAVORS, cells, strict=False):
            assert bool(cell) == (flavor in entry), (name, flavor)
            if flavor in entry:
                form = form_of(name, flavor)
                assert cell.startswith(f"{form.channel} `{form.package}`")
                assert all(release["version"] in cell for release in form.releases)
                for definition in form.definitions:
                    owners.setdefault(definition, {}).setdefault(flavor, set()).add(name)
    assert list(definitions) == sorted(owners)
    for definition, (_, *cells) in definitions.items():
        for flavor, cell in zip(FLAVORS, cells, strict=True):
            assert {name for name in cell.split(", ") if name} == owners[definition].get(flavor, set()), definition


def test_every_chart_is_generated() -> None:
    folders = {path.parents[1].name for path in (generate.ROOT / "charts").glob("*/templates/*.yaml")}
    assert set(CHARTS) == set(charts.chart_names()) == folders
    written = {path.relative_to(generate.ROOT).as_posix() for path in generate.files()}
    for chart in CHARTS:
        names = ("README.md", "defaults.json", "values.schema.json", "values.yaml")
        assert {f"charts/{chart}/{name}" for name in names} <= written


def _schema(chart: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((charts.CHARTS / chart / "values.schema.json").read_text(encoding="utf-8"))
    return schema


OF_OTHERS = ("common", "global")
"""Keys of Helm's own, which it hands to every chart."""


def _places(schema: dict[str, Any], part: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where values of a schema are mappings with keys of their own; maps have one entry `x`, lists one item `0`."""
    for option in (part, *part.get("anyOf", ()), *part.get("allOf", ())):
        if "$ref" in option:
            option = schema["$defs"][option["$ref"].rpartition("/")[2]]
        if "properties" in option:
            yield path
            for key, value in option["properties"].items():
                if not (key in OF_OTHERS and not path):
                    yield from _places(schema, value, (*path, key))
        entries = option.get("additionalProperties") or next(iter(option.get("patternProperties", {}).values()), None)
        if isinstance(entries, dict):
            yield from _places(schema, entries, (*path, "x"))
        if "items" in option:
            yield from _places(schema, option["items"], (*path, "0"))


def _nested(path: tuple[str, ...], value: dict[str, Any]) -> Any:
    for key in reversed(path):
        value = [value] if key == "0" else {key: value}  # pyright: ignore[reportAssignmentType]
    return value


@pytest.mark.parametrize("chart", sorted(CHARTS))
def test_a_chart_refuses_unknown_keys_at_every_level(chart: str) -> None:
    schema = _schema(chart)
    validator = Draft202012Validator(schema)
    places = list(_places(schema, schema))
    assert {(), ("platform",), ("platform", "queue", "markers", "x")} <= set(places)
    for path in places:
        messages = [_deepest(error) for error in validator.iter_errors(_nested(path, {"unknwon": 1}))]
        assert any("'unknwon' was unexpected" in message for message in messages), (path, messages)


def _deepest(error: Any) -> str:
    """The messages of an error and of those that it is made of."""
    return " ".join([error.message, *map(_deepest, error.context or ())])


@pytest.mark.parametrize("chart", sorted(CHARTS))
def test_the_defaults_of_a_chart_fit_its_schema(chart: str) -> None:
    schema = _schema(chart)
    values = yaml.safe_load((charts.CHARTS / chart / "values.yaml").read_text(encoding="utf-8"))
    required = schema.pop("required", [])
    assert set(values) == set(schema["properties"]) - set(required) - set(OF_OTHERS)
    Draft202012Validator(schema).validate(values)
    changed = copy.deepcopy(values)
    changed["platform"]["environment"] = 1
    assert not Draft202012Validator(schema).is_valid(changed)
