"""Alarms on object storage: who is told of what, and from which amounts on."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from components.alarms import (
    THROTTLED_EVENTS,
    NotificationArgs,
    StorageAlarmArgs,
    StorageAlarms,
    alarm_problems,
    bandwidth_threshold,
)
from components.inputs import InvalidInput
from stacks.preview.recording import Recording
from support import named, only, recorded

MAIL = NotificationArgs(mail=["on-call@example.com"])
EVENT_RULE = "alicloud:cms/eventRule:EventRule"
ALARM = "alicloud:cms/alarm:Alarm"


def _alarms(notifications: NotificationArgs = MAIL, args: StorageAlarmArgs | None = None) -> Recording:
    return recorded(
        lambda: StorageAlarms(
            "alarms",
            notifications,
            args,
            name="acme-test",
            buckets={"raw": "acme-test-raw", "models": "acme-test-models"},
            limits={"raw": {"download": 20}},
        )
    )


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:8]


def _by_name(recording: Recording) -> Mapping[str, Mapping[str, Any]]:
    return {r.name: r.inputs for r in recording.resources if r.type == ALARM}


def test_contacts() -> None:
    robot = "https://oapi.dingtalk.com/robot/send?access_token=1"
    recording = _alarms(NotificationArgs(mail=["a@example.com", "b@example.com"], dingtalk=[robot]))
    contacts = [r.inputs for r in recording.resources if r.type == "alicloud:cms/alarmContact:AlarmContact"]
    assert [(c["alarmContactName"], c.get("channelsMail"), c.get("channelsDingWebHook")) for c in contacts] == [
        (f"acme-test-{_digest('a@example.com')}", "a@example.com", None),
        (f"acme-test-{_digest('b@example.com')}", "b@example.com", None),
        (f"acme-test-{_digest(robot)}", None, robot),
    ]
    assert only(recording, "alicloud:cms/alarmContactGroup:AlarmContactGroup").inputs["alarmContactGroupName"] == (
        "acme-test"
    )


def test_events_of_both_levels() -> None:
    recording = _alarms(NotificationArgs(mail=MAIL.mail, webhooks=["https://example.com/hook"]))
    rules = {r.inputs["eventPattern"]["levelLists"][0]: r.inputs for r in recording.resources if r.type == EVENT_RULE}
    assert rules.keys() == {"INFO", "WARN"}
    for level, inputs in rules.items():
        assert inputs["eventPattern"]["nameLists"] == list(THROTTLED_EVENTS[level])
        assert inputs["silenceTime"] == 1800
        assert inputs["webhookParameters"][0]["url"] == "https://example.com/hook"
    # What exceeds a throttle is another event than what comes near it.
    assert not set(THROTTLED_EVENTS["INFO"]) & set(THROTTLED_EVENTS["WARN"])
    assert "webhookParameters" not in named(_alarms(), "alarms-throttling-info").inputs


def test_without_events() -> None:
    recording = _alarms(args=StorageAlarmArgs(throttling=False))
    assert not [r for r in recording.resources if r.type == EVENT_RULE]


def test_bandwidth_alarms_where_there_is_a_limit_and_errors_everywhere() -> None:
    recording = _alarms(args=StorageAlarmArgs(bandwidth_percent=50, server_error_percent=2.5, silence_minutes=60))
    alarms = {name.removeprefix("alarms-"): inputs for name, inputs in _by_name(recording).items()}
    assert alarms.keys() == {"raw-errors", "models-errors", "raw-download-internet", "raw-download-intranet"}
    assert alarms["raw-errors"]["metricDimensions"] == '[{"BucketName": "acme-test-raw"}]'
    assert alarms["raw-errors"]["escalationsWarn"]["threshold"] == "2.5"
    # Half of 20 Gbit/s are 1.25 GB a second, 75 GB a minute.
    assert alarms["raw-download-intranet"]["escalationsWarn"]["threshold"] == "75000000000"
    assert alarms["raw-download-intranet"]["metric"] == "IntranetSend"
    assert {inputs["period"] for inputs in alarms.values()} == {60}


def test_threshold() -> None:
    assert bandwidth_threshold(20, 50) == "75000000000"
    assert bandwidth_threshold(1, 80) == "6000000000"


def test_nobody_to_tell_is_a_problem() -> None:
    with pytest.raises(InvalidInput, match="name somebody who is told"):
        _alarms(NotificationArgs())


def test_webhooks_alone_reach_nobody_with_metrics() -> None:
    (problem,) = alarm_problems(NotificationArgs(webhooks=["https://example.com/hook"]))
    assert problem.path == "webhooks"


def test_another_address_is_another_contact() -> None:
    """What was confirmed for one address must not stand for another."""
    kind = "alicloud:cms/alarmContact:AlarmContact"
    both, one = (
        {r.urn for r in _alarms(NotificationArgs(mail=mail)).resources if r.type == kind}
        for mail in (["a@example.com", "b@example.com"], ["b@example.com"])
    )
    assert one < both


def test_the_same_twice() -> None:
    problems = alarm_problems(NotificationArgs(mail=["a@example.com", "a@example.com"]))
    assert [(problem.path, problem.message) for problem in problems] == [("mail", "names a@example.com twice")]
    assert alarm_problems(MAIL) == []


@pytest.mark.parametrize("hook", ["http://example.com", "example.com"])
def test_hooks_are_encrypted(hook: str) -> None:
    with pytest.raises(ValidationError):
        NotificationArgs(webhooks=[hook])
