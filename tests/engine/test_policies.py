"""The pack under the real CLI: over a program that knows nothing of this project, and over an exported state."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bad import bad_state

from policies.sources import read

from .test_engine import ROOT, Workspace, oss, workspace

pytestmark = pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="the pulumi CLI is not on PATH: install it to run the pack under the real engine",
)
__all__ = ["oss", "workspace"]

EXAMPLE = ROOT / "examples" / "audit"


def _foreign(work: Workspace) -> str:
    """Put the foreign program beside the project; give its folder."""
    folder = work.root / "theirs"
    shutil.copytree(EXAMPLE, folder)
    (folder / "venv").symlink_to(sys.prefix)
    work.run("pulumi", "stack", "init", "theirs", "--cwd", str(folder))
    return str(folder)


def _preview(work: Workspace, folder: str, *arguments: str, fails: bool = False) -> str:
    command = ("pulumi", "preview", "--cwd", folder, "--stack", "theirs", "--non-interactive", "--color", "never")
    done = work.run(*command, *arguments, fails=fails)
    return done.stdout if "--json" in arguments else done.stdout + done.stderr


def test_a_foreign_program_is_held_and_audited(workspace: Callable[[str], Workspace], tmp_path: Path) -> None:
    work = workspace("dev")
    folder = _foreign(work)
    shown = _preview(work, folder, "--policy-pack", str(work.root / "policies"), fails=True)
    assert re.search(r"\[mandatory\] .* bucket-not-public", shown), shown
    assert "Cannot be checked before apply" in shown
    made = tmp_path / "preview.json"
    made.write_text(_preview(work, folder, "--json"), encoding="utf-8")
    if "AUDIT_EXAMPLE" in os.environ:
        shutil.copy(made, os.environ["AUDIT_EXAMPLE"])
    known = {one.urn: (one.type, one.inputs.plain) for one in read(EXAMPLE / "preview.json")}
    assert {one.urn.replace("::theirs::", "::dev::"): (one.type, one.inputs.plain) for one in read(made)} == {
        urn.replace("::theirs::", "::dev::"): values for urn, values in known.items()
    }


def test_a_state_is_analyzed(workspace: Callable[[str], Workspace]) -> None:
    """`pulumi policy analyze` over a state that is bad in every way finds what the audit finds."""
    work = workspace("dev")
    state, config = bad_state()
    file, settings = work.root / "state.json", work.root / "settings.json"
    file.write_text(json.dumps(state), encoding="utf-8")
    settings.write_text(json.dumps(config), encoding="utf-8")
    audit = (sys.executable, "-m", "policies", str(file), "--config", str(settings), "--format", "json")
    found = json.loads(work.run(*audit, fails=True).stdout)
    violated = {finding["rule"] for finding in found["findings"] if finding["kind"] == "violation"}
    done = work.run(
        *("pulumi", "policy", "analyze", "--file", str(file), "--policy-pack", str(work.root / "policies")),
        *("--policy-pack-config", str(settings), "--color", "never"),
        fails=True,
    )
    told = {name for name in violated if name in done.stdout + done.stderr}
    assert told == violated
