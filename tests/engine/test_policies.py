"""The pack under the real CLI: over a program that knows nothing of this project, and over an exported state."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

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
    assert "[mandatory]  bucket-not-public" in shown.replace("\t", " "), shown
    assert "Cannot be checked before apply" in shown
    made = tmp_path / "preview.json"
    made.write_text(_preview(work, folder, "--json"), encoding="utf-8")
    if "AUDIT_EXAMPLE" in os.environ:
        shutil.copy(made, os.environ["AUDIT_EXAMPLE"])
    known = {one.urn: (one.type, one.inputs.plain) for one in read(EXAMPLE / "preview.json")}
    assert {one.urn.replace("::theirs::", "::dev::"): (one.type, one.inputs.plain) for one in read(made)} == {
        urn.replace("::theirs::", "::dev::"): values for urn, values in known.items()
    }


def test_a_state_is_analyzed(workspace: Callable[[str], Workspace], bad: Mapping[str, Any], tmp_path: Path) -> None:
    """`pulumi policy analyze` over a state that trips every rule finds what the audit finds."""
    work = workspace("dev")
    (tmp_path / "state.json").write_text(json.dumps(bad), encoding="utf-8")
    done = work.run(
        *("pulumi", "policy", "analyze", "--file", str(tmp_path / "state.json")),
        *("--policy-pack", str(work.root / "policies"), "--color", "never"),
        fails=True,
    )
    assert "bucket-not-public" in done.stdout + done.stderr
