"""Who is told of what, in both flavours."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.observability import Audience, ObservabilityArgs, plan_monitoring, told
from components.observability.alarms import Alarm
from components.observability.args import Severity
from components.observability.routing import alertmanager_config, deliveries, plan_routes, silenced

from .watching import ON_CALL, TENANTS, planned, watched

AMTOOL = shutil.which("amtool")
AUDIENCE = Audience({"platform": ON_CALL, "data": ON_CALL, "lab": ON_CALL}, TENANTS, "Asia/Shanghai")


def _alarm(severity: Severity = "warning", **update: Any) -> Alarm:
    values: dict[str, Any] = {
        "name": "Late",
        "group": "jobs",
        "severity": severity,
        "owner": "tenant",
        "query": "late > 1",
        "for_minutes": 5,
        "summary": "Late",
        "runbook": "docs/runbooks.md#late",
    }
    return Alarm(**{**values, **update})


def _args(**said: Any) -> ObservabilityArgs:
    return ObservabilityArgs.model_validate(said)


def test_by_default_owners_are_told_and_the_platform_of_all_that_is_critical() -> None:
    routes = plan_routes(_args(), AUDIENCE)
    severities: tuple[Severity, ...] = ("critical", "warning", "info")
    reached = {s: told([_alarm(s)], routes)["Late"] for s in severities}
    # Of namespaces of nobody who is told, the platform hears.
    assert reached == {"critical": ["data", "lab", "platform"], "warning": ["data", "lab", "platform"], "info": []}
    alone = told([_alarm()], plan_routes(_args(), replace(AUDIENCE, others=False)))
    assert alone == {"Late": ["data", "lab"]}
    own = {s: told([_alarm(s, owner="platform")], routes)["Late"] for s in severities}
    assert own == {"critical": ["platform"], "warning": ["platform"], "info": []}


def test_without_tenants_the_platform_is_told_of_everything() -> None:
    routes = plan_routes(_args(), Audience({"platform": ON_CALL}))
    assert told([_alarm()], routes)["Late"] == ["platform"]


def test_somebody_hears_of_tenants_that_are_not_told_themselves() -> None:
    """Their warnings go to the platform; on ACK as a rule of its own, which leaves out those who are told."""
    targets = {name: target for name, target in AUDIENCE.targets.items() if name != "lab"}
    routes = plan_routes(_args(), replace(AUDIENCE, targets=targets, others=False))
    found = [(d.targets, d.tenant, d.outside) for d in deliveries([_alarm()], routes)]
    assert found == [(("platform",), "", ("ray", "spark")), (("data",), "data", ())]


def test_nobody_hears_the_same_twice() -> None:
    own = [
        {"targets": ["platform", "data"], "severities": ["critical", "warning", "info"]},
        {"targets": ["data"], "tenant": "lab", "severities": ["warning"]},
    ]
    routes = [(r.target, r.severities, r.owner, r.tenant) for r in plan_routes(_args(routes=own), AUDIENCE)]
    assert routes == [
        ("lab", ("critical", "warning"), "tenant", "lab"),
        ("platform", ("critical", "warning", "info"), None, None),
        ("data", ("critical", "warning", "info"), None, None),
    ]


def test_tenants_hear_of_kinds_of_jobs_that_they_run() -> None:
    routes = plan_routes(_args(), AUDIENCE)
    assert told([_alarm(jobs=["spark"])], routes)["Late"] == ["data", "platform"]
    assert told([_alarm(jobs=["notebook", "training"])], routes)["Late"] == ["lab", "platform"]


def test_each_is_told_once_and_of_its_own_namespaces() -> None:
    routes = plan_routes(_args(), AUDIENCE)
    found = [(d.tenant, d.targets, d.namespaces) for d in deliveries([_alarm("critical")], routes)]
    assert found == [
        ("", ("platform",), None),
        ("data", ("data",), ["ray", "spark"]),
        ("lab", ("lab",), ["notebooks", "training"]),
    ]
    # Nobody asked for what is only worth knowing.
    assert deliveries([_alarm("info")], routes) == []


def test_own_routes_come_beside_the_default_ones() -> None:
    args = _args(routes=[{"targets": ["lab"], "tenant": "data", "severities": ["info"]}])
    assert told([_alarm("info")], plan_routes(args, AUDIENCE))["Late"] == ["lab"]


def _config(**said: Any) -> Mapping[str, Any]:
    smtp = {"host": "smtp.example.com:587", "sender": "a@example.com", "user": "a", "passwordSecret": "smtp"}
    args = _args(smtp=smtp, **said)
    alarms = [_alarm(), _alarm("critical", name="Louder"), _alarm(name="Quiet", silenced_by={"Louder": ["namespace"]})]
    return alertmanager_config(args, AUDIENCE, plan_routes(args, AUDIENCE), alarms)


def test_alertmanager_routes_by_severity_owner_and_namespace() -> None:
    routes = _config()["route"]["routes"]
    assert {
        "receiver": "data",
        "matchers": ['severity="critical"', 'owner="tenant"', 'namespace=~"ray|spark"'],
        "continue": True,
    } in routes
    assert all(route["continue"] for route in routes)


def test_alertmanager_silences_what_another_alarm_says_better() -> None:
    assert _config()["inhibit_rules"] == [
        {"source_matchers": ['alertname="Louder"'], "target_matchers": ['alertname="Quiet"'], "equal": ["namespace"]}
    ]


def test_windows_that_pass_midnight_go_on_the_day_after() -> None:
    window = {"days": ["Sunday"], "start": "23:00", "minutes": 120, "severities": ["warning"]}
    config = _config(maintenance={"weekly": window})
    assert config["time_intervals"] == [
        {
            "name": "weekly",
            "time_intervals": [
                {
                    "times": [{"start_time": "23:00", "end_time": "24:00"}],
                    "weekdays": ["sunday"],
                    "location": "Asia/Shanghai",
                },
                {
                    "times": [{"start_time": "00:00", "end_time": "01:00"}],
                    "weekdays": ["monday"],
                    "location": "Asia/Shanghai",
                },
            ],
        }
    ]
    muted = {r["matchers"][0] for r in config["route"]["routes"] if r.get("mute_time_intervals") == ["weekly"]}
    assert muted == {'severity="warning"'}


def test_the_password_stays_in_its_secret() -> None:
    assert _config()["global"] == {
        "smtp_smarthost": "smtp.example.com:587",
        "smtp_from": "a@example.com",
        "smtp_auth_username": "a",
        "smtp_auth_password_file": "/etc/alertmanager/secrets/smtp/password",
    }


@pytest.mark.skipif(
    AMTOOL is None, reason="amtool is not on PATH; on Debian and Ubuntu it is in the package prometheus-alertmanager"
)
def test_alertmanager_takes_the_configuration(tmp_path: Path) -> None:
    window = {"days": ["Saturday"], "start": "22:00", "minutes": 300}
    config = tmp_path / "alertmanager.yaml"
    config.write_text(yaml.safe_dump(dict(_config(maintenance={"weekly": window}))))
    done = subprocess.run([str(AMTOOL), "check-config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    def receivers(*labels: str) -> str:
        command = [str(AMTOOL), "config", "routes", "test", f"--config.file={config}", *labels]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert receivers("severity=critical", "owner=tenant", "namespace=ray") == "platform,data"
    assert receivers("severity=warning", "owner=tenant", "namespace=training") == "lab"
    assert receivers("severity=warning", "owner=tenant", "namespace=elsewhere") == "platform"
    assert receivers("severity=info", "owner=platform") == "nobody"


def test_managed_prometheus_is_silent_within_the_query() -> None:
    window = {"days": ["Monday"], "start": "02:00", "minutes": 60, "severities": ["warning"]}
    args = _args(maintenance={"weekly": window})
    louder = _alarm("critical", name="Louder", query="loud > 1")
    quiet = _alarm(silenced_by={"Louder": ["namespace"]})
    query = silenced(args, quiet, {"Louder": louder}, "Asia/Shanghai")
    # Monday 02:00 in Shanghai is Sunday 18:00 UTC: 1,080 minutes after Sunday's midnight.
    assert query == (
        "((late > 1) unless on (namespace) (count_over_time((loud > 1)[5m:1m]) >= 5))"
        " unless on () ((day_of_week() * 1440 + hour() * 60 + minute() + 9000) % 10080 < 60)"
    )
    assert silenced(args, louder, {}, "Asia/Shanghai") == "loud > 1"
    at_once = replace(louder, for_minutes=0)
    assert "unless on (namespace) (loud > 1)" in silenced(args, quiet, {"Louder": at_once}, "Asia/Shanghai")


def test_upstream_needs_a_mail_server_for_its_own_targets_alone() -> None:
    plan = plan_monitoring(ObservabilityArgs(), watched("upstream"))
    assert plan.routes
    assert planned("ack").routes
