"""What the README and the docs show is what the project does."""

import ast
import re
import sys
from pathlib import Path

import pytest

from stacks.preview.__main__ import main
from support import ROOT, recorded

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.M | re.S)


def test_the_readme_shows_the_real_output(capsys: pytest.CaptureFixture[str]) -> None:
    main(["prod"])
    real = iter(capsys.readouterr().out.splitlines())
    shown = _blocks(ROOT / "README.md", "console")[0].splitlines()
    assert shown[0] == "$ make preview ENV=prod"
    # Every line is there, in this order; an ellipsis leaves lines out.
    missing = [line for line in shown[1:] if line != "…" and line not in real]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_section_links_have_their_section(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_examples_import_what_exists(path: Path) -> None:
    import components

    for block in _blocks(path, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "ack_ai_blueprint":
                assert {alias.name for alias in node.names} <= set(components.__all__)


def test_the_example_of_components_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    import components

    monkeypatch.setitem(sys.modules, "ack_ai_blueprint", components)
    (example,) = _blocks(ROOT / "docs" / "components.md", "python")
    recording = recorded(lambda: exec(example, {}))  # noqa: S102  (our own page)
    assert {"network-vpc", "cluster-ack", "data-pool", "raw-bucket"} <= {r.name for r in recording.resources}


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for path in PAGES:
        named = re.findall(r"`make ([a-z]+)|^make ([a-z]+)", path.read_text(encoding="utf-8"), re.M)
        assert {one or other for one, other in named} <= targets, path
