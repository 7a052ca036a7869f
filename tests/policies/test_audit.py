"""Auditing files: states, previews of Pulumi's and of this project's, and what is told of them in each format."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cases import TODAY, cases, changed, resources

from policies import reports
from policies.audit import main
from policies.evaluation import InvalidConfig, Setting, evaluate, settings
from policies.rule import UNKNOWN, Deferred
from policies.rules import RULES
from policies.sources import InvalidSource
from policies.sources import resources as read
from support import ROOT

CASE = cases()["bucket-not-public"]
BUCKET = "alicloud:oss/bucket:Bucket"
URN = f"urn:pulumi:prod::theirs::{BUCKET}::raw"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
PROVIDER = "urn:pulumi:prod::theirs::pulumi:providers:alicloud::default"


def state(**inputs: Any) -> dict[str, Any]:
    """A state as `pulumi stack export` prints it."""
    provider = {
        "urn": PROVIDER,
        "type": "pulumi:providers:alicloud",
        "custom": True,
        "id": "1",
        "inputs": {"region": "cn-hangzhou"},
    }
    bucket = {
        "urn": URN,
        "type": BUCKET,
        "custom": True,
        "id": "raw",
        "inputs": {"bucket": "raw", **inputs},
        "outputs": {"bucket": "raw", "acl": "private", "extranetEndpoint": "oss-cn-hangzhou.aliyuncs.com"},
        "provider": f"{PROVIDER}::1",
        "protect": True,
        "propertyDependencies": {"bucket": None},
    }
    return {"version": 3, "deployment": {"resources": [provider, bucket]}}


def test_a_state() -> None:
    _, bucket = read(state(acl="public-read", policy={**SECRET, "ciphertext": "v1:x"}))
    assert (bucket.name, bucket.protect, bucket.provider) == ("raw", True, {"region": "cn-hangzhou"})
    assert bucket.inputs["acl"] == "public-read", "what the program says comes first"
    assert bucket.inputs["extranetEndpoint"] == "oss-cn-hangzhou.aliyuncs.com"
    with pytest.raises(Deferred):
        bucket.inputs["policy"]
    (_, shown) = read(state(policy={**SECRET, "plaintext": '"{}"'}))
    assert shown.inputs["policy"] == "{}"


def test_a_preview_of_pulumi() -> None:
    step = {"urn": URN, "newState": {"urn": URN, "type": BUCKET, "inputs": {"acl": next(iter(UNKNOWN_VALUES))}}}
    made = read({"steps": [{"op": "replace", **step}, {"op": "delete", "urn": URN, "oldState": {}}]})
    assert [one.operation for one in made] == ["replace"]
    assert made[0].inputs.plain["acl"] is UNKNOWN


UNKNOWN_VALUES = ["04da6b54-80e4-46f7-96ec-b56ff0331ba9"]


def test_a_preview_of_this_project() -> None:
    (one,) = read(
        {
            "resources": [
                {
                    "urn": URN,
                    "type": BUCKET,
                    "inputs": {"acl": "[unknown]"},
                    "options": {"protect": True},
                    "provider": "",
                }
            ]
        }
    )
    assert one.protect
    assert one.inputs.plain["acl"] is UNKNOWN


@pytest.mark.parametrize("content", [[], {}, {"resources": [{"type": "x"}]}, {"steps": [1]}, "text"])
def test_what_is_neither_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert main([str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "none.json: cannot be read" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    assert main([str(tmp_path / "bad.json")]) == 2
    assert "bad.json: is no JSON" in capsys.readouterr().err
    with pytest.raises(InvalidSource, match="neither a state"):
        read(1)


EXCEPTION = {"resource": "raw", "owner": "web team", "reason": "a public website", "expires": "2999-12-31"}


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"bucket-not-publik": {}}, "bucket-not-publik: not a rule of this pack"),
        ({"bucket-not-public": {"enforcementLevel": "fatal"}}, "bucket-not-public.enforcementLevel = 'fatal': "),
        ({"bucket-not-public": {"strict": True}}, "bucket-not-public.strict = True: "),
        (
            {"bucket-not-public": {"exceptions": [{**EXCEPTION, "reason": "because"}]}},
            "exceptions.0.reason = 'because'",
        ),
        (
            {"bucket-not-public": {"exceptions": [{k: v for k, v in EXCEPTION.items() if k != "owner"}]}},
            "bucket-not-public.exceptions.0.owner",
        ),
        ({"bucket-not-public": {"exceptions": [{**EXCEPTION, "expires": "soon"}]}}, "exceptions.0.expires = 'soon'"),
        ({"bucket-not-public": 5}, "bucket-not-public = 5: must be a level or an object"),
        ([], "must be an object with the rules' names as keys"),
    ],
)
def test_bad_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str], config: Any, problem: str) -> None:
    (tmp_path / "state.json").write_text(json.dumps(state()), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert main([str(tmp_path / "state.json"), "--config", str(tmp_path / "config.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'config.json'}: ")
    assert problem in line


def test_the_command_fails_where_a_mandatory_rule_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.json").write_text(json.dumps(state(acl="public-read")), encoding="utf-8")
    config = {rule.name: "disabled" for rule in RULES if rule.name != "bucket-not-public"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    command = [str(tmp_path / "state.json"), "--config", str(tmp_path / "config.json")]
    assert main(command) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "Critical",
        "  mandatory  bucket-not-public  raw: The bucket's ACL is public-read: everybody can reach its objects. "
        "Use private.",
    ]
    config["bucket-not-public"] = {"exceptions": [EXCEPTION]}  # pyright: ignore[reportArgumentType]
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert main(command) == 0
    assert "Excepted until 2999-12-31 by web team: a public website" in capsys.readouterr().out


def _reported(days: int = 1) -> tuple[Any, Any]:
    """A violation of one rule, an exception of another, and a third that must wait."""
    rule = next(rule for rule in RULES if rule.name == "bucket-not-public")
    other = next(rule for rule in RULES if rule.name == "bucket-versioning")
    exception = {**EXCEPTION, "resource": "*", "expires": (TODAY + timedelta(days=days)).isoformat()}
    given = changed(CASE, CASE["fails"][0])
    said: dict[str, Setting] = settings([rule, other], {"bucket-versioning": {"exceptions": [exception]}})
    made = resources(given, "policy.policy")
    return evaluate([rule, other], made, said, today=TODAY), [rule, other]


def test_text_is_grouped_by_severity() -> None:
    report, rules = _reported()
    lines = reports.text(report, rules).splitlines()
    assert lines[0] == "Critical"
    assert lines[1].startswith("  mandatory  bucket-not-public  raw: ")
    assert lines[2].startswith("  deferred  bucket-not-public  policy: Cannot be checked before apply: policy is")
    assert lines[4] == "High"
    assert lines[5].startswith("  excepted  bucket-versioning  raw: ")
    assert lines[-1] == "2 rules checked, 1 violated, 1 excepted"


def test_markdown_and_json() -> None:
    report, rules = _reported()
    table = reports.markdown(report, rules)
    assert "| critical | mandatory | `bucket-not-public` | `raw` |" in table
    content = json.loads(reports.as_json(report, rules))
    assert content["failed"] is True
    assert content["outcomes"] == {"bucket-not-public": "violated", "bucket-versioning": "excepted"}
    assert {finding["kind"] for finding in content["findings"]} == {"violation", "deferred", "excepted"}


def test_sarif() -> None:
    report, rules = _reported()
    (run,) = json.loads(reports.sarif(report, rules, "stacks/Pulumi.prod.yaml"))["runs"]
    described = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert described["bucket-not-public"]["properties"]["security-severity"] == "9.5"
    results = {result["ruleId"]: result for result in run["results"]}
    assert results["bucket-not-public"]["level"] == "error"
    assert results["bucket-versioning"]["suppressions"]
    (location,) = results["bucket-not-public"]["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "stacks/Pulumi.prod.yaml"
    assert len(run["results"]) == 2, "what waits is no result"


def test_junit() -> None:
    report, rules = _reported()
    suite = ElementTree.fromstring(reports.junit(report, rules))  # noqa: S314 - it is our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    failure = suite.find("testcase[@name='bucket-not-public']/failure")
    assert failure is not None
    assert "public-read" in (failure.text or "")


def test_an_expired_exception_is_a_violation_again() -> None:
    report, _ = _reported(days=-1)
    (expired,) = [finding for finding in report.findings if finding.kind == "expired"]
    assert expired.message.endswith(f"The exception of web team ended on {TODAY - timedelta(days=1)}.")
    assert expired.fails


def test_levels_for_all_rules() -> None:
    said = settings(RULES, {"all": {"enforcementLevel": "disabled"}, "bucket-not-public": {}})
    assert {setting.level for setting in said.values()} == {"disabled"}
    with pytest.raises(InvalidConfig):
        settings(RULES, {"nothing": {}})


def test_the_versions_agree() -> None:
    for name in ("pyproject.toml", "policies/pyproject.toml"):
        assert f'version = "{reports.VERSION}"' in (ROOT / name).read_text(encoding="utf-8")
    assert f"version: {reports.VERSION}" in (ROOT / "policies" / "PulumiPolicy.yaml").read_text(encoding="utf-8")
