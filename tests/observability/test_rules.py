"""Every alarm fires on what it is for and is silent on what is near it, by Prometheus' own promtool."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.alarms import STORAGE_ALARMS
from components.logs.questions import LOG_ALARMS
from components.observability import ObservabilityArgs, plan_monitoring, promql
from components.observability.alarms import labels_of
from components.observability.component import managed_query, rule_group
from components.observability.monitors import monitors_of
from components.observability.planning import MonitoringPlan
from components.observability.routing import deliveries
from components.platform.args import Flavor
from support import ROOT

from .watching import planned, watched

LABEL = re.compile(r"\{\{\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}")
CASES = Path(__file__).parent / "alarms"
PROMTOOL = shutil.which("promtool")
NEEDS_PROMTOOL = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not on PATH; on Debian and Ubuntu it is in the package prometheus"
)
FLAVORS: tuple[Flavor, ...] = ("upstream", "ack")


def _cases() -> Mapping[str, Mapping[str, Any]]:
    """Series and what they raise, by alarm."""
    return {
        name: case
        for path in sorted(CASES.glob("*.yaml"))
        for name, case in yaml.safe_load(path.read_text(encoding="utf-8")).items()
    }


def _rules(plan: MonitoringPlan, alarm: str) -> list[Mapping[str, Any]]:
    """An alarm with what it reads: as Prometheus does, or with everything written out, as managed Prometheus does."""
    if plan.watched.flavor == "upstream":
        groups = dict.fromkeys(rule.group for rule in (*plan.rules.recordings, *plan.rules.alarms))
        found = [rule for group in groups for rule in rule_group(plan, group)["rules"]]
        (wanted,) = (rule for rule in found if rule.get("alert") == alarm)
        recorded = {rule["record"]: rule for rule in found if "record" in rule}
        return [*_read(wanted["expr"], recorded), wanted]
    (delivery,) = (delivery for delivery in deliveries(plan.rules.alarms, ()) if delivery.alarm.name == alarm)
    labels = {"severity": delivery.alarm.severity, "owner": delivery.alarm.owner}
    annotations = {"summary": delivery.alarm.summary, "runbook_url": delivery.alarm.runbook}
    wait = f"{delivery.alarm.for_minutes}m"
    query = managed_query(plan, delivery)
    return [{"alert": alarm, "expr": query, "for": wait, "labels": labels, "annotations": annotations}]


def _read(query: str, recorded: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The recording rules that a query reads, each after those that it reads itself."""
    found: list[Mapping[str, Any]] = []
    for name in sorted(promql.metrics(query) & recorded.keys()):
        found += [rule for rule in (*_read(recorded[name]["expr"], recorded), recorded[name]) if rule not in found]
    return found


def _expected(plan: MonitoringPlan, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    alarm = next(alarm for alarm in plan.rules.alarms if alarm.name == name)
    return {
        "exp_labels": {"severity": alarm.severity, "owner": alarm.owner, **labels},
        "exp_annotations": {
            "summary": LABEL.sub(lambda match: labels.get(match[1], ""), alarm.summary),
            "runbook_url": alarm.runbook,
        },
    }


def _tests(plan: MonitoringPlan, name: str, case: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{name} {kind}",
            "interval": given.get("interval", "1m"),
            "input_series": [{"series": text, "values": values} for text, values in given["series"].items()],
            "alert_rule_test": [
                {
                    "eval_time": given["at"],
                    "alertname": name,
                    "exp_alerts": [_expected(plan, name, labels) for labels in given.get("labels", ())],
                }
            ],
        }
        for kind, given in case.items()
        if plan.watched.flavor in given.get("flavors", FLAVORS)
    ]


@NEEDS_PROMTOOL
@pytest.mark.parametrize("flavor", FLAVORS)
def test_alarms_fire_and_are_silent(flavor: Flavor, tmp_path: Path) -> None:
    plan = planned(flavor)
    there = {alarm.name for alarm in plan.rules.alarms}
    files: list[str] = []
    for name, case in _cases().items():
        tests = _tests(plan, name, case) if name in there else []
        if tests:
            groups = [{"name": name, "rules": _rules(plan, name)}]
            (tmp_path / f"{name}.rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
            whole = {"rule_files": [f"{name}.rules.yaml"], "evaluation_interval": "1m", "tests": tests}
            (tmp_path / f"{name}.tests.yaml").write_text(yaml.safe_dump(whole))
            files.append(f"{name}.tests.yaml")
    assert files
    command = [str(PROMTOOL), "test", "rules", *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alarm_has_a_case_that_fires_and_one_that_is_silent() -> None:
    cases = _cases()
    alarms = {alarm.name for flavor in FLAVORS for alarm in planned(flavor).rules.alarms}
    assert alarms == cases.keys()
    for name, case in cases.items():
        assert case["fires"].get("labels"), name
        assert not case["silent"].get("labels"), name


def test_summaries_name_labels_that_the_alarm_has() -> None:
    """A label that the query takes off would be an empty word in the text."""
    for name, case in _cases().items():
        alarm = next(alarm for flavor in FLAVORS for alarm in planned(flavor).rules.alarms if alarm.name == name)
        for labels in case["fires"]["labels"]:
            assert set(LABEL.findall(alarm.summary)) <= labels.keys(), name
        assert "$value" not in alarm.summary
        assert not re.search(r"[.!]$", alarm.summary), name


@pytest.mark.parametrize("flavor", FLAVORS)
def test_rules_select_by_labels_that_their_metrics_have(flavor: Flavor) -> None:
    labels = labels_of(monitors_of(flavor))
    rules = planned(flavor).rules
    for query in [rule.query for rule in (*rules.recordings, *rules.alarms)]:
        for selector in promql.selectors(query):
            unknown = selector.labels - labels.get(selector.metric, selector.labels)
            assert not unknown, (selector.metric, unknown)


def test_runbooks_of_all_alarms_are_in_the_docs() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    anchors = {f"docs/runbooks.md#{heading.lower()}" for heading in re.findall(r"^### (\w+)$", page, re.MULTILINE)}
    for flavor in FLAVORS:
        assert {alarm.runbook for alarm in planned(flavor).rules.alarms} <= anchors
    assert {f"docs/runbooks.md#{name.lower()}" for name in (*STORAGE_ALARMS, *LOG_ALARMS)} <= anchors


def test_alarms_that_silence_others_exist_and_share_labels() -> None:
    known, cases = planned().rules.known, _cases()
    for rule in known.values():
        assert rule.silenced_by.keys() <= known.keys(), rule.name
        for louder, labels in rule.silenced_by.items():
            for fired in (*cases[rule.name]["fires"]["labels"], *cases[louder]["fires"]["labels"]):
                assert set(labels) <= fired.keys(), (rule.name, louder)


def test_settings_change_what_an_alarm_says() -> None:
    setting = {"NodeNotReady": {"severity": "info", "forMinutes": 30}, "QuotaNearlySpent": {"threshold": 75.5}}
    alarms = {alarm.name: alarm for alarm in planned(alarms={**setting, "Watchdog": {"enabled": False}}).rules.alarms}
    assert (alarms["NodeNotReady"].severity, alarms["NodeNotReady"].for_minutes) == ("info", 30)
    assert alarms["QuotaNearlySpent"].query.endswith("* 100 > 75.5")
    assert "Watchdog" not in alarms


def test_alarms_without_their_metrics_are_left_out_and_named() -> None:
    rules = plan_monitoring(ObservabilityArgs(), watched("upstream", "prometheus")).rules
    assert "GpuError" in rules.missing
    assert not {alarm.name for alarm in rules.alarms} & rules.missing.keys()
