"""The expressions of all formats, run on real lines as the collectors run them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.logs.formats import FORMATS, SPARK_LOGGER, Format, keys, unnamed

SAMPLES: Mapping[str, Sequence[Mapping[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "samples.yaml").read_text(encoding="utf-8")
)


def _cases() -> Iterator[Any]:
    for name, samples in SAMPLES.items():
        for index, sample in enumerate(samples):
            yield pytest.param(FORMATS[name], sample, id=f"{name}-{index}")


def _parsed(form: Format, text: str) -> dict[str, Any]:
    """Fields of an entry: the first expression that matches all of it, or JSON's first level."""
    for part in form.parts:
        match = re.fullmatch(part, text)
        if match:
            return {key: value for key, value in match.groupdict().items() if value is not None}
    if form.json and text.startswith("{"):
        return json.loads(text)
    return {}


def _by_loongcollector(form: Format, lines: Sequence[str]) -> list[str]:
    """Entries as ProcessorMergeMultilineLogNative puts them together: a line that continues is looked at first."""
    entries: list[list[str]] = []
    for line in lines:
        begins = not re.match(form.continues, line) if form.continues else bool(re.match(form.starts, line))
        if begins or not entries:
            entries.append([line])
        else:
            entries[-1].append(line)
    return ["\n".join(entry) for entry in entries]


def _by_alloy(form: Format, lines: Sequence[str]) -> list[str]:
    """Entries as stage.multiline puts them together, which knows first lines alone."""
    entries: list[list[str]] = []
    for line in lines:
        if re.match(form.starts, line) or not entries:
            entries.append([line])
        else:
            entries[-1].append(line)
    return ["\n".join(entry) for entry in entries]


@pytest.mark.parametrize(("form", "sample"), list(_cases()))
def test_real_lines_are_parsed(form: Format, sample: Mapping[str, Any]) -> None:
    text = sample["text"]
    found = _parsed(form, text)
    expected = {**sample.get("fields", {}), **sample.get("json", {})}
    assert {key: found.get(key) for key in expected} == expected
    assert bool(found) == bool(expected), found
    assert text.endswith(sample.get("ends", ""))
    if "fields" in sample and "ends" in sample:
        assert found["message"].endswith(sample["ends"]), "the trace belongs to the message"
    if "engine" in sample:
        assert bool(re.fullmatch(SPARK_LOGGER, str(found.get("logger", "")))) == sample["engine"]


@pytest.mark.parametrize("name", list(FORMATS))
def test_entries_are_put_together(name: str) -> None:
    """Each sample is an entry of its own, whatever stands before and behind it, in both collectors."""
    form = FORMATS[name]
    assert name in SAMPLES, "a format without real lines"
    texts = [sample["text"] for sample in SAMPLES[name]]
    assert any("\n" in text for text in texts), "a format without a trace"
    first = texts[0]
    for text in texts[1:]:
        lines = f"{first}\n{text}\n{first}".split("\n")
        trace_alone = form.continues and text.startswith("Traceback")
        if not trace_alone:
            assert _by_loongcollector(form, lines) == [first, text, first]
        if re.match(form.starts, text):
            assert _by_alloy(form, lines) == [first, text, first]
        # Nobody loses the lines of a trace: they stand in some entry, in their order.
        for together in (_by_loongcollector, _by_alloy):
            assert "\n".join(together(form, lines)) == "\n".join(lines)
    assert _by_alloy(form, first.split("\n")) == _by_loongcollector(form, first.split("\n")) == [first]


def test_what_is_printed_is_a_line_each() -> None:
    lines = ["epoch 1 loss 0.31", "epoch 2 loss 0.28"]
    assert _by_loongcollector(FORMATS["python"], lines) == lines
    among = ["26/07/02 18:05:27 INFO BlockManager: Initialized", "31 pairs", "+---+", "| 1 |", "+---+"]
    assert _by_loongcollector(FORMATS["spark"], among) == among


@pytest.mark.parametrize("form", list(FORMATS.values()), ids=list(FORMATS))
def test_expressions_are_for_both_engines(form: Format) -> None:
    for text in (form.starts, form.continues, *form.parts, SPARK_LOGGER):
        assert not re.search(r"\(\?(?!:|P<[a-z]+>)", text), "RE2 knows no look-around and no flags here"
        assert not re.search(r"\\[1-9]|\(\?P=", text), "RE2 knows no back-references"
    for part in form.parts:
        assert re.compile(unnamed(part)).groups == len(keys(part)), "LoongCollector counts every part"
        assert keys(part)[-1] == "message"
    assert form.fields()
