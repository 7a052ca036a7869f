"""What is generated from the code is as the code says."""

from pathlib import Path

import pytest

from stacks import generate


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
