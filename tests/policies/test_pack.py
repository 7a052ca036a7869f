"""The pack as the engine runs it: a process of its own, spoken to over gRPC."""

import subprocess
import sys
from collections.abc import Generator
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from policies.rules import RULES
from support import ROOT


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
    assert all(policy.description for policy in info.policies)


def test_a_violation_reaches_the_engine(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    properties = struct_pb2.Struct()
    properties.update({"acl": "public-read", "tags": {"environment": "test", "managed-by": "pulumi"}})
    request = analyzer_pb2.AnalyzeRequest(
        type="alicloud:oss/bucket:Bucket",
        urn="urn:pulumi:test::project::alicloud:oss/bucket:Bucket::bucket",
        name="bucket",
        properties=properties,
    )
    found = {diagnostic.policyName: diagnostic for diagnostic in pack.Analyze(request).diagnostics}
    assert found["bucket-not-public"].enforcementLevel == analyzer_pb2.MANDATORY
    assert "everybody can reach its objects" in found["bucket-not-public"].message
    assert found["deletion-protection"].enforcementLevel == analyzer_pb2.ADVISORY


def _analyzer_resource(kind: str, name: str, properties: dict[str, Any]) -> analyzer_pb2.AnalyzerResource:
    values = struct_pb2.Struct()
    values.update(properties)
    return analyzer_pb2.AnalyzerResource(
        type=kind, name=name, urn=f"urn:pulumi:test::project::{kind}::{name}", properties=values
    )


def test_what_lies_in_a_cluster_to_be_made_counts_as_it_was_shown(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """Before the cluster exists, the engine validates the stack without the properties of what will lie in it."""
    kind = "kubernetes:scheduling.alibabacloud.com/v1alpha1:ResourcePolicy"
    pool = _analyzer_resource(
        "alicloud:cs/nodePool:NodePool",
        "pool",
        {
            "instanceTypes": ["ecs.g8i.2xlarge", "ecs.g7.2xlarge"],
            "spotStrategy": "SpotAsPriceGo",
            "labels": [{"key": "node-pool", "value": "cheap"}, {"key": "spot", "value": "true"}],
            "taints": [{"key": "spot"}],
            "desiredSize": "1",
        },
    )

    def found() -> list[tuple[str, str]]:
        request = analyzer_pb2.AnalyzeStackRequest(resources=[pool, _analyzer_resource(kind, "policy", {})])
        return [
            (diagnostic.policyName, diagnostic.message)
            for diagnostic in pack.AnalyzeStack(request).diagnostics
            if diagnostic.policyName == "spot-has-fallback"
        ]

    ((_, message),) = found()
    assert "can't be known during preview" in message
    units = [{"nodeSelector": {"node-pool": "cheap", "spot": "true"}}, {"nodeSelector": {"node-pool": "dear"}}]
    shown = _analyzer_resource(kind, "policy", {"spec": {"units": units}})
    pack.Analyze(analyzer_pb2.AnalyzeRequest(type=kind, urn=shown.urn, name=shown.name, properties=shown.properties))
    assert found() == []
