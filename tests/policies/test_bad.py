"""No rule is dead: a stack that is bad in every way trips each of them, even with all others around."""

import json
from pathlib import Path

import pytest
from bad import bad_stack, bad_state
from cases import TODAY

from policies.audit import main
from policies.evaluation import evaluate, settings
from policies.rules import RULES

AUDITED = {"nothing-important-replaced"}
"""What only a preview can tell: a state says nothing of what is about to happen."""


def test_every_rule_is_tripped() -> None:
    made, config = bad_stack()
    report = evaluate(RULES, made, settings(RULES, config), today=TODAY)
    assert {name: outcome for name, outcome in report.outcomes.items() if outcome != "violated"} == {}


def test_the_audit_of_its_state_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, config = bad_state()
    (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert main([str(tmp_path / "state.json"), "--config", str(tmp_path / "config.json"), "--format", "json"]) == 1
    outcomes = json.loads(capsys.readouterr().out)["outcomes"]
    assert {name for name, outcome in outcomes.items() if outcome != "violated"} == AUDITED
