"""Every shipped environment loads, and every fixture in environments/ does what its name says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.loading import InvalidEnvironment, load_environment, read_stack_config
from support import ENVIRONMENTS, overlaid, shown

FIXTURES = sorted((Path(__file__).parent / "environments").glob("*.yaml"))


def _load(path: Path) -> dict[str, Any]:
    fixture: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return fixture


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_shipped_environments_load(name: str) -> None:
    load_environment(name, read_stack_config(name))


@pytest.mark.parametrize("path", [p for p in FIXTURES if ".happy." in p.name], ids=lambda path: path.stem)
def test_happy(path: Path) -> None:
    fixture = _load(path)
    base = fixture.get("base", "dev")
    load_environment(base, overlaid(base, fixture["set"]))


@pytest.mark.parametrize("path", [p for p in FIXTURES if ".error." in p.name], ids=lambda path: path.stem)
def test_error_reports_all_problems(path: Path) -> None:
    fixture = _load(path)
    base = fixture.get("base", "dev")
    with pytest.raises(InvalidEnvironment) as caught:
        load_environment(base, overlaid(base, fixture["set"]))
    assert [shown(problem) for _, problem in caught.value.problems] == fixture["problems"]


def test_every_fixture_is_used() -> None:
    assert all(".happy." in path.name or ".error." in path.name for path in FIXTURES)
