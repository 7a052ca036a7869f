"""Alarms on logs: what they look for, in Log Service and in Loki, finds the same lines."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from components.logs.formats import ERROR_LEVELS
from components.logs.questions import LOG_ALARMS, LogAlarm
from components.logs.sls import SEPARATORS
from support import ROOT

CASES: Mapping[str, Mapping[str, Sequence[Mapping[str, str]]]] = yaml.safe_load(
    (ROOT / "tests" / "logs" / "alarms.yaml").read_text(encoding="utf-8")
)


def _words(text: str) -> set[str]:
    """As an index takes texts apart, of which it ignores the case."""
    return {word.lower() for word in re.split(f"[{re.escape(SEPARATORS)}]", text) if word}


def _found(search: str, entry: Mapping[str, str]) -> bool:
    """Whether Log Service finds an entry: words, words in quotes that must all be there, or `field: word`."""
    if search == "*":
        return True
    for term in search.removeprefix("(").removesuffix(")").split(" or "):
        field, separator, word = term.partition(": ")
        if separator and word.lower() in _words(entry.get(field, "")):
            return True
        if not separator and any(_words(term.strip('"')) <= _words(text) for text in entry.values()):
            return True
    return False


def _matches(alarm: LogAlarm, entry: Mapping[str, str]) -> bool:
    """Whether Loki's rule counts an entry."""
    if alarm.line:
        return re.search(alarm.line, entry["message"]) is not None
    level = entry.get("level", entry.get("levelname"))
    return alarm.silence or level in ERROR_LEVELS


@pytest.mark.parametrize("alarm", LOG_ALARMS.values(), ids=lambda alarm: alarm.name)
def test_each_alarm_counts_what_it_is_about(alarm: LogAlarm) -> None:
    cases = CASES[alarm.name]
    counted = "silent" if alarm.silence else "fires"
    for entry in cases[counted]:
        assert _found(alarm.search, entry), entry
        assert _matches(alarm, entry), entry
    for entry in cases["silent"] if counted == "fires" else []:
        assert not _found(alarm.search, entry), entry
        assert not _matches(alarm, entry), entry


def _raised(alarm: LogAlarm, entries: int) -> bool:
    name, operator, threshold = alarm.condition.split()
    assert name == "entries"
    compared: Any = {"<": entries < int(threshold), ">=": entries >= int(threshold)}
    return compared[operator]


@pytest.mark.parametrize("alarm", LOG_ALARMS.values(), ids=lambda alarm: alarm.name)
def test_each_alarm_has_its_threshold(alarm: LogAlarm) -> None:
    assert _raised(alarm, alarm.threshold) is not alarm.silence
    assert _raised(alarm, alarm.threshold - 1) is alarm.silence
