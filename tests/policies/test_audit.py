"""Auditing files: states, previews of Pulumi's and of this project's, and what is told of them in each format."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cases import TODAY, cases, changed, resources

from policies import reports
from policies.audit import main
from policies.evaluation import Exemption, InvalidConfig, Setting, evaluate, settings
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


def _step(op: str, name: str = "raw") -> dict[str, Any]:
    return {"op": op, "newState": {"urn": f"urn:pulumi:s::p::{BUCKET}::{name}", "type": BUCKET, "inputs": {}}}


@pytest.mark.parametrize("part", ["create-replacement", "import-replacement", "read-replacement", "refresh"])
def test_a_resource_in_several_steps_counts_once(part: str) -> None:
    for steps in ([_step(part), _step("replace")], [_step("replace"), _step(part)]):
        assert [one.operation for one in read({"steps": steps})] == ["replace"]
    assert [one.operation for one in read({"steps": [_step(part)]})] == [part]


def test_a_preview_that_hides_resources_is_refused() -> None:
    shown = {"steps": [_step("same"), _step("update", "b")], "changeSummary": {"same": 1, "update": 1}}
    assert len(read(shown)) == 2
    with pytest.raises(InvalidSource, match=r"2 resources that stay the same.*--show-sames"):
        read({**shown, "changeSummary": {"same": 3, "update": 1}})


def test_default_providers_of_a_preview_lie_in_the_configured_region() -> None:
    (one,) = read({"config": {"alicloud:region": "cn-beijing"}, "steps": [_step("create")]})
    assert one.provider == {"region": "cn-beijing"}


def test_what_waits_for_its_deletion_is_gone() -> None:
    content = state()
    content["deployment"]["resources"][1]["delete"] = True
    assert [one.type for one in read(content)] == ["pulumi:providers:alicloud"]


def test_a_stack_without_a_state() -> None:
    assert read({"version": 3, "deployment": None}) == []


def test_names_may_hold_colons() -> None:
    (one,) = read({"steps": [_step("create", "a::b")]})
    assert one.name == "a::b"


@pytest.mark.parametrize(("pattern", "held"), [("a[0]", True), ("a*", True), ("?[0]", False), ("a[01]", False)])
def test_only_stars_stand_for_any_text(pattern: str, held: bool) -> None:
    exemption = Exemption.model_validate({**EXCEPTION, "resource": pattern})
    (one,) = read({"steps": [_step("create", "a[0]")]})
    assert exemption.about(one) is held


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
        ({"bucket-not-publik": {}}, "bucket-not-publik: not a rule; did you mean 'bucket-not-public'?"),
        ({"bucket-not-public": {"enforcementLevel": "fatal"}}, "bucket-not-public.enforcementLevel = 'fatal': "),
        ({"bucket-not-public": {"strict": True}}, "bucket-not-public.strict = True: "),
        (
            {"bucket-not-public": {"exceptions": [{**EXCEPTION, "reason": "because"}]}},
            "bucket-not-public.exceptions[0].reason = 'because': must have at least 10 characters",
        ),
        (
            {"bucket-not-public": {"exceptions": [{k: v for k, v in EXCEPTION.items() if k != "owner"}]}},
            "bucket-not-public.exceptions[0].owner = None: missing; this key is required",
        ),
        (
            {"bucket-not-public": {"exceptions": [{**EXCEPTION, "expires": "soon"}]}},
            "bucket-not-public.exceptions[0].expires = 'soon': must be a valid date",
        ),
        (
            {"bucket-not-public": {"exceptions": [{**EXCEPTION, "owner": " "}]}},
            "exceptions[0].owner = ' ': must have at least",
        ),
        ({"vcpu-within-quota": {"maximum": "10"}}, "vcpu-within-quota.maximum = '10': must be a number"),
        (
            {"names-match": {"patterns": {"a": {"b": "acme-(("}}}},
            "patterns.a.b = 'acme-((': must be a regular expression: ",
        ),
        ({"cidrs-private": {"ranges": ["10.0.0.0/99"]}}, "ranges[0] = '10.0.0.0/99': must be a CIDR block, such as "),
        (
            {"tenant-within-quota": {"tenants": {"a": {"pods": "lots"}}}},
            "tenants.a.pods = 'lots': must be an amount as ",
        ),
        ({"region-allowed": {"regions": ["hangzhou"]}}, "region-allowed.regions[0] = 'hangzhou': must match "),
        ({"instance-family-allowed": {"families": ["ecs.g8i"]}}, "families[0] = 'ecs.g8i': must match "),
        (
            {"throttling-shares-within-pool": {"pools": {"a": {"upload": 1}}}},
            "pools.a.upload = 'upload': not allowed; ",
        ),
        ({"monthly-cost-within-budget": {"budget": {"EUR": 5}}}, "budget.EUR = 'EUR': not allowed; allowed: "),
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


@pytest.mark.parametrize("form", reports.FORMATS)
def test_names_of_odd_characters(tmp_path: Path, form: str) -> None:
    """Each format stays what it is, on a terminal of few characters, too."""
    entry = {"urn": f"urn:pulumi:s::p::{BUCKET}::a|b`\nc<\x01\ud800é", "type": BUCKET, "inputs": {"acl": "public-read"}}
    path = tmp_path / "a b.json"
    path.write_text(json.dumps({"deployment": {"resources": [entry]}}), encoding="utf-8")
    command = [sys.executable, "-m", "policies", str(path), "--format", form]
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=ascii_only)
    assert (done.returncode, done.stderr) == (1, "")
    if form == "junit":
        ElementTree.fromstring(done.stdout)  # noqa: S314 - it is our own
    elif form == "sarif":
        (result, *_) = json.loads(done.stdout)["runs"][0]["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/a%20b.json")
    elif form == "markdown":
        rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
        assert rows
        assert {row.count("|") for row in rows} == {6}


def test_a_reader_may_leave(tmp_path: Path) -> None:
    entries = [
        {"urn": f"urn:pulumi:s::p::{BUCKET}::{n}", "type": BUCKET, "inputs": {"acl": "public-read"}} for n in range(200)
    ]
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"deployment": {"resources": entries}}), encoding="utf-8")
    command = [sys.executable, "-m", "policies", str(path), "--format", "json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        assert reading.stderr is not None
        reading.stdout.close()
        assert reading.stderr.read() == b""
    assert reading.returncode == 1


@pytest.mark.parametrize("size", ["1e999", "1" + "0" * 400])
def test_numbers_without_end_are_no_crash(size: str) -> None:
    pool = json.loads(f'{{"scalingConfig": {{"enable": true, "maxSize": {size}}}, "instanceTypes": ["ecs.g7.large"]}}')
    kind = "alicloud:cs/nodePool:NodePool"
    made = read({"resources": [{"urn": f"urn:pulumi:s::p::{kind}::pool", "type": kind, "inputs": pool}]})
    evaluate(RULES, made, settings(RULES, {"nodes-within-quota": {"maximum": 1}}))


def test_files_nested_too_deeply(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    depth = 100_000
    (tmp_path / "deep.json").write_text(
        f'{{"resources": [{{"urn": "u", "type": "t", "inputs": {{"a": {"[" * depth}{"]" * depth}}}}}]}}',
        encoding="utf-8",
    )
    assert main([str(tmp_path / "deep.json")]) == 2
    assert "is nested too deeply" in capsys.readouterr().err


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


def test_an_exception_that_fits_nothing_is_named() -> None:
    rule = next(rule for rule in RULES if rule.name == "bucket-versioning")
    exceptions = [{**EXCEPTION, "resource": name} for name in ("raw", "gone")]
    said = settings([rule], {rule.name: {"exceptions": exceptions}})
    report = evaluate([rule], resources(CASE["given"]), said, today=TODAY)
    sentence = "The exception of bucket-versioning for gone, of web team, fits nothing."
    assert sentence in reports.text(report, [rule]).splitlines()
    assert f"\n- {sentence}\n" in reports.markdown(report, [rule])
    assert json.loads(reports.as_json(report, [rule]))["idleExceptions"] == [
        {"rule": "bucket-versioning", "resource": "gone", "owner": "web team"}
    ]


def test_levels_for_all_rules() -> None:
    said = settings(RULES, {"all": {"enforcementLevel": "disabled"}, "bucket-not-public": {}})
    assert {setting.level for setting in said.values()} == {"disabled"}
    with pytest.raises(InvalidConfig):
        settings(RULES, {"nothing": {}})


def test_the_versions_agree() -> None:
    for name in ("pyproject.toml", "policies/pyproject.toml"):
        assert f'version = "{reports.VERSION}"' in (ROOT / name).read_text(encoding="utf-8")
    assert f"version: {reports.VERSION}" in (ROOT / "policies" / "PulumiPolicy.yaml").read_text(encoding="utf-8")
