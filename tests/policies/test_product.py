"""The pack as a product of its own: its wheel, rules of one's own in ten lines, and an audit of a foreign program."""

import os
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc

from policies.audit import main
from policies.rules import RULES
from policies.sources import read
from stacks.preview.findings import recorded_resources
from support import ROOT, recorded

EXAMPLE = ROOT / "examples" / "audit"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the two wheels install."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, ROOT / "policies"):
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
        subprocess.run(command, cwd=source, check=True, capture_output=True)
    for wheel in folder.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def _around(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site), "PYTHONWARNINGS": "ignore"}


def test_the_wheel_holds_the_pack_alone(site: Path) -> None:
    package = site / "ack_ai_blueprint_policies"
    assert {path.name for path in package.iterdir() if path.suffix == ".py"} == {
        path.name for path in (ROOT / "policies").glob("*.py") if path.name != "hatch_build.py"
    }
    for path in package.glob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (components|policies)\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )


def test_the_installed_pack_audits_a_foreign_program(site: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ack_ai_blueprint_policies", str(EXAMPLE / "preview.json")]
    done = subprocess.run(command, cwd=tmp_path, env=_around(site), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "mandatory  bucket-not-public  data" in done.stdout


def test_a_rule_of_ones_own_joins_the_pack(site: Path, tmp_path: Path) -> None:
    """The README's example, as the engine runs it."""
    readme = (ROOT / "policies" / "README.md").read_text(encoding="utf-8")
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "@rule" in block]
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    (tmp_path / "__main__.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(tmp_path)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=_around(site), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
    finally:
        process.kill()
        process.communicate()
    assert [policy.name for policy in info.policies] == [*(rule.name for rule in RULES), "topic-is-small"]


def test_the_examples_preview_is_of_its_program() -> None:
    """`preview.json` comes from the CLI; what the program registers is what stands in it."""

    def program() -> None:
        runpy.run_path(str(EXAMPLE), run_name="__main__")

    registered = {(r.type, r.name): r.inputs.plain for r in recorded_resources(recorded(program))}
    shown = {
        (r.type, r.name): r.inputs.plain for r in read(EXAMPLE / "preview.json") if not r.type.startswith("pulumi:")
    }
    assert registered.keys() == shown.keys()
    for key, inputs in registered.items():
        assert inputs.keys() == shown[key].keys() - {"__defaults"}, key


def test_the_examples_readme_shows_the_real_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(EXAMPLE / "preview.json")]) == 1
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    (block,) = [text for text in re.findall(r"```console\n(.*?)```", readme, re.DOTALL) if "rules checked" in text]
    assert block.partition("\n")[2] == capsys.readouterr().out
