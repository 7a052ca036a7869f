"""The pack as the engine runs it: a process of its own, spoken to over gRPC."""

import subprocess
import sys
from collections.abc import Generator

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
