"""Every shipped environment loads, and every fixture in environments/ does what its name says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks import config, loading
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


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the environments' files that a test may change."""
    copy = tmp_path / "stacks"
    shutil.copytree(loading.DIRECTORY, copy, symlinks=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(loading, "DIRECTORY", copy)
    return copy


def test_a_key_without_a_namespace_is_the_projects(stacks: Path) -> None:
    path = stacks / "Pulumi.dev.yaml"
    text = path.read_text(encoding="utf-8").replace("ack-ai-blueprint:group:", "group:")
    path.write_text(f"{text}  prefix: ours\n  cidr: 10.0.0.0/16\n", encoding="utf-8")
    with pytest.raises(InvalidEnvironment) as caught:
        load_environment("dev", read_stack_config("dev"))
    place = f"stacks/Pulumi.dev.yaml:{len(text.splitlines()) + 2}"
    assert [(where, problem.path) for where, problem in caught.value.problems] == [(place, "cidr")]
    path.write_text(f"{text}  prefix: ours\n", encoding="utf-8")
    environment = load_environment("dev", read_stack_config("dev"))
    assert (environment.prefix, environment.group) == ("ours", "nonproduction")


def test_what_the_cli_would_pass_over_is_a_problem(stacks: Path) -> None:
    path = stacks / "Pulumi.dev.yaml"
    text = path.read_text(encoding="utf-8").replace("ack-ai-blueprint:group", "ack-ai-bluprint:group")
    path.write_text(f"{text}  alicloud:profile: work\nencryptionsalt: v1\nfoo: 1\n", encoding="utf-8")
    with pytest.raises(InvalidEnvironment) as caught:
        read_stack_config("dev")
    assert [shown(problem).partition(";")[0] for _, problem in caught.value.problems] == [
        "foo = 1: not a key of a stack's file",
        'ack-ai-bluprint:group = "nonproduction": not a namespace of this project\'s keys',
    ]


def test_a_layer_cannot_choose_layers(stacks: Path) -> None:
    path = stacks / "profiles" / "groups" / "nonproduction.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "applications: [model-training]\n", encoding="utf-8")
    with pytest.raises(InvalidEnvironment, match="stands in an environment's own file and not in a layer"):
        load_environment("dev", read_stack_config("dev"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_value_is_shown_with_its_origin(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.main([name]) == 0
    for line in capsys.readouterr().out.splitlines():
        value, _, place = line.rpartition("  ")
        file, _, number = place.partition(":")
        last = value.partition(" = ")[0].rstrip().rpartition(".")[2]
        assert last in (loading.DIRECTORY.parent / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_the_policy_packs_configuration_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert config.main(["prod", "--policies"]) == 0
    assert json.loads(capsys.readouterr().out)["nodes-within-quota"]["enforcementLevel"] == "mandatory"
    assert config.main(["nowhere"]) == 2
    assert "not an environment" in capsys.readouterr().err


def test_every_fixture_is_used() -> None:
    assert all(".happy." in path.name or ".error." in path.name for path in FIXTURES)


def test_null_says_never_where_that_is_no_default() -> None:
    assert load_environment("prod", read_stack_config("prod")).buckets["models"].expire_old_versions_after_days is None
    environment = load_environment("dev", overlaid("dev", {"buckets": {"raw": {"abortUploadsAfterDays": None}}}))
    assert environment.buckets["raw"].abort_uploads_after_days is None
