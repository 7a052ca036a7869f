"""The pack as the engine runs it: a process of its own, spoken to over gRPC, and the SDK's analyzer in this one."""

import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from analyzer import Analyzer
from cases import Change, cases, changed, changes, report, resources
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies.pack import schema
from policies.rule import UNKNOWN, Inputs, Resource
from policies.rules import RULES
from support import ROOT

BY_NAME = {rule.name: rule for rule in RULES}
CASES = cases()


@pytest.fixture(scope="module")
def pack() -> Generator[analyzer_pb2_grpc.AnalyzerStub]:
    """The running pack. The address of the engine need not answer."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(ROOT / "policies")]
    process = subprocess.Popen(
        command, cwd=ROOT / "policies", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    process.kill()
    process.communicate()


def test_all_rules_are_in_the_pack(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "ack-ai-blueprint"
    assert [policy.name for policy in info.policies] == [rule.name for rule in RULES]
    assert all(policy.description and policy.remediation_steps and policy.severity for policy in info.policies)


def test_a_violation_reaches_the_engine(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    (bucket, *_) = resources(changed(CASES["bucket-not-public"], CASES["bucket-not-public"]["fails"][0]))
    request = Analyzer(RULES, {}).request(bucket)
    found = {diagnostic.policyName: diagnostic for diagnostic in pack.Analyze(request).diagnostics}
    assert found["bucket-not-public"].enforcementLevel == analyzer_pb2.MANDATORY
    assert "everybody can reach its objects" in found["bucket-not-public"].message


@pytest.mark.parametrize("change", changes("fails"), ids=str)
def test_the_engine_is_told_what_the_audit_finds(change: Change) -> None:
    rule = BY_NAME[change.case]
    config = {**CASES[change.case].get("config", {}), **change.values.get("config", {})}
    made = resources(changed(CASES[change.case], change.values))
    if any(one.operation for one in made):
        pytest.skip("the engine tells policies nothing of what it is about to do")
    found = Analyzer([rule], {rule.name: config}).diagnostics(made)
    told = sorted((d.urn, d.message.removeprefix(d.description).lstrip("\n")) for d in found)
    assert told == sorted((f.resource, f.message) for f in report(rule, config, made).findings)
    assert {d.enforcementLevel for d in found} == {
        {"mandatory": analyzer_pb2.MANDATORY, "advisory": analyzer_pb2.ADVISORY}[rule.level]
    }


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in CASES for path in CASES[name].get("unknown", ())])
def test_the_engine_is_told_what_must_wait(name: str, path: str) -> None:
    rule = BY_NAME[name]
    found = Analyzer([rule], {name: CASES[name].get("config", {})}).diagnostics(resources(CASES[name]["given"], path))
    assert [d.enforcementLevel for d in found] == [analyzer_pb2.ADVISORY]
    assert "Cannot be checked before apply" in found[0].message


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.remedy], ids=lambda rule: rule.name)
def test_the_engine_gets_the_remedy(rule: object) -> None:
    one = BY_NAME[getattr(rule, "name", "")]
    case = CASES[one.name]
    change = next(values for values in case["fails"] if values.get("remedied", True))
    config = {one.name: {"enforcementLevel": "remediate", **case.get("config", {})}}
    analyzer = Analyzer([one], config)
    made = [resource for resource in resources(changed(case, change)) if one.applies(resource)]
    remedies = [remedy for resource in made for remedy in analyzer.remedied(resource)]
    assert remedies
    assert all(remedy.properties.fields and not remedy.diagnostic for remedy in remedies)


SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def _pool(**inputs: Any) -> Resource:
    return Resource("alicloud:cs/nodePool:NodePool", "pool", Inputs(inputs), "urn:pulumi:test::p::x::pool")


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("nodes-disks-encrypted", {"systemDiskEncrypted": False}),
        ("nodes-metadata-behind-token", {"instanceMetadataOptions": {"httpTokens": "optional"}}),
    ],
)
def test_a_remedy_leaves_secrets_secret(name: str, inputs: dict[str, Any]) -> None:
    password = {**SECRET, "value": "hunter2"}
    nested = {key: {**value, "key": password} for key, value in inputs.items() if isinstance(value, dict)}
    analyzer = Analyzer([BY_NAME[name]], {name: {"enforcementLevel": "remediate"}})
    (remedy,) = analyzer.remedied(_pool(**{**inputs, **nested}, password=password, vpcId=UNKNOWN))
    said = json_format.MessageToDict(remedy.properties)
    assert said["password"] == password
    assert said["vpcId"] == UNKNOWN_STRING_VALUE
    for key in nested:
        assert said[key] == {"httpTokens": "required", "key": password}


def test_a_remedy_does_not_replace_what_is_unknown() -> None:
    name = "nodes-metadata-behind-token"
    analyzer = Analyzer([BY_NAME[name]], {name: {"enforcementLevel": "remediate"}})
    assert analyzer.remedied(_pool(instanceMetadataOptions={"httpTokens": UNKNOWN})) == []
    assert analyzer.remedied(_pool(instanceMetadataOptions=UNKNOWN)) == []


def test_what_lies_in_a_cluster_to_be_made_counts_as_it_was_shown() -> None:
    """Before the cluster exists, the engine validates the stack without the properties of what will lie in it."""
    case = CASES["spot-has-fallback"]
    made = resources(case["given"])
    # What a resource holds is seen by rules that look at resources one by one, of which a pack always has some.
    analyzer = Analyzer([BY_NAME["spot-has-fallback"], BY_NAME["bucket-not-public"]], {})
    assert analyzer.diagnostics(made) == []
    shown = [replace(one, inputs=Inputs({})) if one.kubernetes else one for one in made]
    stack = analyzer_pb2.AnalyzeStackRequest(
        resources=[
            analyzer_pb2.AnalyzerResource(
                type=r.type, urn=r.urn, name=r.name, properties=analyzer.request(r).properties
            )
            for r in shown
        ]
    )
    assert list(analyzer.servicer.AnalyzeStack(stack, None).diagnostics) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_settings_have_a_schema_that_the_engine_takes(rule: object) -> None:
    """Each setting has a type and a meaning, and refers to nothing elsewhere."""
    for key, value in schema(BY_NAME[getattr(rule, "name", "")]).properties.items():
        assert value.get("type") or value.get("enum") or value.get("anyOf"), key
        assert value["description"], key
        assert "$ref" not in str(value)
