"""`make up` and `make destroy`: what they hand to the Pulumi CLI, and what they say without it."""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from components.throttling.client import CREDENTIALS
from stacks import destroy, up
from stacks.loading import PROJECT, StackConfig, load_environment, read_stack_config
from support import ROOT

Output = pytest.CaptureFixture[str]
Main = Callable[[Sequence[str]], int]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A stand-in for the CLI that writes each call's arguments to this file, and keeps a policy configuration."""
    log = tmp_path / "calls"
    cli = tmp_path / "pulumi"
    keep = f'[ "$7" ] && cp "$7" {tmp_path}/config.json; [ "$4" = --config-file ] && cp "$5" {tmp_path}/stack.yaml'
    known = '[ "$1" = stack ] && { [ ! "$UNKNOWN" ] || { echo "no stack named $3" >&2; exit 255; }; exit 0; }'
    cli.write_text(f'#!/bin/sh\n{known}\necho "$@" >> {log}\n{keep}\nexit ${{CODE:-0}}\n')
    cli.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("ALICLOUD_ACCESS_KEY", "key")
    monkeypatch.setenv("ALICLOUD_SECRET_KEY", "secret")
    return log


@pytest.fixture
def own_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments whose prefix is no longer the example's."""

    def read(stack: str) -> StackConfig:
        return StackConfig({**read_stack_config(stack).values, f"{PROJECT}:prefix": "ours"})

    monkeypatch.setattr(up, "read_stack_config", read)


@pytest.mark.parametrize("main", [up.main, destroy.main])
def test_without_the_cli_it_says_what_to_do(main: Main, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["dev"]) == 2
    assert "The Pulumi CLI is not on PATH" in capsys.readouterr().err


@pytest.mark.parametrize("main", [up.main, destroy.main])
@pytest.mark.usefixtures("calls")
def test_the_environment_is_checked_first(main: Main, capsys: Output) -> None:
    assert main(["nowhere"]) == 2
    assert "not an environment" in capsys.readouterr().err


@pytest.mark.parametrize("main", [up.main, destroy.main])
@pytest.mark.usefixtures("own_prefix")
def test_a_missing_stack_is_not_asked_for(
    main: Main, calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("UNKNOWN", "1")
    assert main(["dev"]) == 2
    message = capsys.readouterr().err
    assert "no stack named dev" in message
    assert "pulumi stack init dev" in message
    assert not calls.exists()


@pytest.mark.parametrize("main", [up.main, destroy.main])
@pytest.mark.usefixtures("own_prefix")
def test_throttling_needs_its_key_before_anything_runs(
    main: Main, calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for variables in CREDENTIALS:
        for variable in variables:
            monkeypatch.delenv(variable, raising=False)
    assert main(["prod"]) == 2
    assert "ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY" in capsys.readouterr().err
    assert not calls.exists()


def test_the_prefix_of_the_example_is_refused_before_anything_runs(calls: Path, capsys: Output) -> None:
    assert up.main(["dev"]) == 2
    assert 'prefix = "acme"' in capsys.readouterr().err
    assert not calls.exists()


@pytest.mark.usefixtures("own_prefix")
def test_up_hands_over_the_policies(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "3")
    assert up.main(["prod", "--", "--yes"]) == 3
    assert calls.read_text(encoding="utf-8").startswith("up --stack prod --policy-pack policies --policy-pack-config ")
    config = json.loads((calls.parent / "config.json").read_text(encoding="utf-8"))
    assert config["nodes-within-quota"] == {"enforcementLevel": "mandatory", "maximum": 150}
    assert config["deletion-protection"] == {"enforcementLevel": "mandatory"}


def test_destroy_lifts_the_protection_first(calls: Path) -> None:
    assert destroy.main(["prod"]) == 0
    assert destroy.main(["dev", "--", "--yes"]) == 0
    lift, *destroys = calls.read_text(encoding="utf-8").splitlines()
    assert re.fullmatch(r"up --stack prod --config-file \S+/Pulumi.prod.yaml", lift)
    assert destroys == ["destroy --stack prod", "destroy --stack dev --yes"]
    assert "ack-ai-blueprint:protection: false" in (calls.parent / "stack.yaml").read_text(encoding="utf-8")
    assert "protection" not in (ROOT / "stacks" / "Pulumi.prod.yaml").read_text(encoding="utf-8")


def test_destroy_stops_where_the_protection_is_not_lifted(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "1")
    assert destroy.main(["prod"]) == 1
    assert len(calls.read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("echo error: passphrase must be set >&2; exit 255", "passphrase must be set"),
        ("echo", "cannot be estimated"),
        ('echo \'{"deployment": {"resources": [1]}}\'', "cannot be estimated"),
    ],
)
def test_a_state_that_cannot_be_read_stops_it(tmp_path: Path, answer: str, said: str) -> None:
    """Else `cost-change-within-limit` would hold nothing, and say nothing of it."""
    cli = tmp_path / "pulumi"
    cli.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
    cli.chmod(0o755)
    environment = load_environment("dev", read_stack_config("dev"))
    limited = environment.quotas.model_copy(update={"monthly_cost_increase_percent": 10})
    with pytest.raises(up.NotReady, match=said):
        up._deployed(environment.model_copy(update={"quotas": limited}), "dev", str(cli))  # pyright: ignore[reportPrivateUsage]


def test_a_stack_that_was_never_updated_has_no_cost(tmp_path: Path) -> None:
    cli = tmp_path / "pulumi"
    cli.write_text('#!/bin/sh\necho \'{"version": 3, "deployment": null}\'\n', encoding="utf-8")
    cli.chmod(0o755)
    environment = load_environment("dev", read_stack_config("dev"))
    limited = environment.quotas.model_copy(update={"monthly_cost_increase_percent": 10})
    limits = environment.model_copy(update={"quotas": limited})
    assert up._deployed(limits, "dev", str(cli)) is None  # pyright: ignore[reportPrivateUsage]
