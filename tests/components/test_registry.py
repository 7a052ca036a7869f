"""The registry: private and immutable by default, in reach of the VPC only, and every rule about something it has."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.inputs import InvalidInput
from components.registry import (
    Registry,
    RegistryArgs,
    RegistryNamespaceArgs,
    RepositoryArgs,
    RetentionArgs,
    ScanArgs,
    registry_problems,
    retention_scope,
    scan_scope,
)
from stacks.loading import SECRET
from stacks.preview.recording import Recording
from support import named, only, recorded, shown

INSTANCE = "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance"
NAMESPACE = "alicloud:cs/registryEnterpriseNamespace:RegistryEnterpriseNamespace"
REPOSITORY = "alicloud:cs/registryEnterpriseRepo:RegistryEnterpriseRepo"
RETENTION = "alicloud:cr/artifactLifecycleRule:ArtifactLifecycleRule"
SCAN = "alicloud:cr/scanRule:ScanRule"
ENDPOINT = "alicloud:cr/vpcEndpointLinkedVpc:VpcEndpointLinkedVpc"
INTERNET = "alicloud:cr/internetEndpoint:InternetEndpoint"
NAMESPACES = {"ai": RegistryNamespaceArgs(), "scratch": RegistryNamespaceArgs(auto_create=True)}


def _make(args: RegistryArgs, **further: Any) -> Registry:
    values: dict[str, Any] = {
        "name": "acme-test",
        "region": "cn-hangzhou",
        "vpc_id": "vpc-1",
        "vswitch_id": "vsw-1",
        **further,
    }
    return Registry("registry", args, **values)


def _recorded(args: RegistryArgs, **further: Any) -> Recording:
    return recorded(lambda: _make(args, **further))


def test_an_instance_is_bought_once() -> None:
    made: list[Registry] = []
    recording = recorded(lambda: made.append(_make(RegistryArgs(), tags={"environment": "test"})))
    instance = only(recording, INSTANCE)
    assert instance.inputs == {
        "instanceName": "acme-test",
        "instanceType": "Basic",
        "paymentType": "Subscription",
        "period": 1,
        "renewalStatus": "AutoRenewal",
        "renewPeriod": 1,
        "imageScanner": "ACR",
        "defaultOssBucket": "true",
        "tags": {"environment": "test"},
    }
    # What replaces an instance, or does nothing to it, is not followed.
    assert {"renewalStatus", "renewPeriod", "instanceType", "period", "imageScanner"} <= set(
        instance.options.ignore_changes
    )
    assert made[0].vpc_domain is not None
    endpoint = only(recording, ENDPOINT).inputs
    assert (endpoint["moduleName"], endpoint["vpcId"], endpoint["vswitchId"]) == ("Registry", "vpc-1", "vsw-1")
    assert endpoint["enableCreateDnsRecordInPvzt"] is True
    assert INTERNET not in {resource.type for resource in recording.resources}


def test_the_domain_is_that_of_the_instance() -> None:
    domains: list[str] = []

    def program() -> None:
        registry = _make(RegistryArgs(instance_name="images"))
        assert registry.vpc_domain is not None
        registry.vpc_domain.apply(domains.append)

    recorded(program)
    assert domains == ["images-registry-vpc.cn-hangzhou.cr.aliyuncs.com"]


def test_switches() -> None:
    args = RegistryArgs(
        instance_type="Advanced", period_months=12, renew_months=None, scanner="SAS", vpc_access=True, charts=True
    )
    recording = _recorded(args, password="not a real one")  # noqa: S106
    inputs = only(recording, INSTANCE).inputs
    assert (inputs["instanceType"], inputs["period"], inputs["imageScanner"]) == ("Advanced", 12, "SAS")
    assert (inputs["renewalStatus"], "renewPeriod" in inputs) == ("ManualRenewal", False)
    assert inputs["password"] == SECRET
    modules = [resource.inputs["moduleName"] for resource in recording.resources if resource.type == ENDPOINT]
    assert modules == ["Registry", "Chart"]


def test_an_existing_instance_is_used_and_none_is_bought() -> None:
    args = RegistryArgs(
        instance_id="cri-1",
        repositories={"there/spark": RepositoryArgs()},
        retention={"old": RetentionArgs(namespace="there", repository="ray")},
        scans={"all": ScanArgs(namespaces=["there"])},
        vpc_access=False,
    )
    made: list[Registry] = []
    recording = recorded(lambda: made.append(_make(args, vpc_id=None, vswitch_id=None)))
    types = {resource.type for resource in recording.resources}
    assert not types & {INSTANCE, ENDPOINT, NAMESPACE}
    assert only(recording, REPOSITORY).inputs["namespace"] == "there"
    assert {named(recording, f"registry-{name}").inputs["instanceId"] for name in ("retention-old", "scan-all")} == {
        "cri-1"
    }
    assert made[0].vpc_domain is None


def test_namespaces_and_repositories() -> None:
    repositories = {"ai/ray": RepositoryArgs(summary="Ray"), "ai/web/demo": RepositoryArgs(visibility="PUBLIC")}
    recording = _recorded(RegistryArgs(namespaces=NAMESPACES, repositories=repositories))
    namespace = named(recording, "registry-ai").inputs
    assert (namespace["name"], namespace["autoCreate"], namespace["defaultVisibility"]) == ("ai", False, "PRIVATE")
    assert named(recording, "registry-scratch").inputs["autoCreate"] is True
    ray = named(recording, "registry-ai/ray")
    assert {key: ray.inputs[key] for key in ("namespace", "name", "repoType", "tagImmutability", "summary")} == {
        "namespace": "ai",
        "name": "ray",
        "repoType": "PRIVATE",
        "tagImmutability": True,
        "summary": "Ray",
    }
    assert named(recording, "registry-ai").urn in ray.dependencies
    demo = named(recording, "registry-ai/web/demo").inputs
    assert (demo["name"], demo["repoType"]) == ("web/demo", "PUBLIC")


def test_rules() -> None:
    args = RegistryArgs(
        namespaces=NAMESPACES,
        repositories={"ai/ray": RepositoryArgs()},
        retention={
            "all": RetentionArgs(schedule=None),
            "ray": RetentionArgs(namespace="ai", repository="ray", keep=5, keep_tags="release-.*", schedule="MONTH"),
        },
        scans={"all": ScanArgs(), "ray": ScanArgs(namespaces=["ai"], repositories=["ray"], automatic=False)},
    )
    recording = _recorded(args)
    whole, ray = (named(recording, f"registry-retention-{name}").inputs for name in ("all", "ray"))
    assert (whole["scope"], whole["auto"], whole["retentionTagCount"]) == ("INSTANCE", False, 30)
    assert "scheduleTime" not in whole
    assert {key: value for key, value in ray.items() if key != "instanceId"} == {
        "scope": "REPO",
        "auto": True,
        "scheduleTime": "MONTH",
        "namespaceName": "ai",
        "repoName": "ray",
        "retentionTagCount": 5,
        "tagRegexp": "release-.*",
    }
    every, one = (named(recording, f"registry-scan-{name}").inputs for name in ("all", "ray"))
    assert (every["scanScope"], every["triggerType"], every["repoTagFilterPattern"]) == ("INSTANCE", "AUTO", ".*")
    assert (every["scanType"], "namespaces" in every) == ("VUL", False)
    assert (one["scanScope"], one["triggerType"], one["namespaces"], one["repoNames"]) == (
        *("REPO", "MANUAL"),
        *(["ai"], ["ray"]),
    )
    repository = named(recording, "registry-ai/ray").urn
    assert repository in named(recording, "registry-scan-ray").dependencies
    assert repository in named(recording, "registry-retention-ray").dependencies


EXISTING = "an existing instance has its own; remove it"
REGULAR = "not a regular expression: unterminated character set at position 0"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"instance_id": "cri-1", "instance_name": "x", "instance_type": "Basic", "period_months": 1},
            [
                f'instanceName = "x": {EXISTING}',
                f'instanceType = "Basic": {EXISTING}',
                f"periodMonths = 1: {EXISTING}",
            ],
        ),
        (
            {"instance_id": "cri-1", "renew_months": 1, "scanner": "ACR"},
            [f"renewMonths = 1: {EXISTING}", f'scanner = "ACR": {EXISTING}'],
        ),
        *(
            (
                {"instance_name": name},
                [
                    f'instanceName = "{name}": not a name of 3 to 30 lowercase letters and digits, '
                    "with -, _ or . between them"
                ],
            )
            for name in ("ab", "Images", "-images", "images-", "i" * 31)
        ),
        (
            {"period_months": 13, "renew_months": 25},
            [
                "periodMonths = 13: must be below 12 or whole years, such as 12, 24, 36",
                "renewMonths = 25: must be below 12 or whole years, such as 12, 24, 36",
            ],
        ),
        (
            {"namespaces": {"A": RegistryNamespaceArgs()}},
            [
                'namespaces.A = "A": not a namespace: 2 to 120 lowercase letters and digits, '
                "with -, _ and . between them"
            ],
        ),
        *(
            (
                {"namespaces": NAMESPACES, "repositories": {name: RepositoryArgs()}},
                [
                    f'repositories.{name} = "{name}": not namespace/name, the name of 2 to 64 lowercase letters and '
                    "digits, with -, _, . and / between"
                ],
            )
            for name in ("ray", "ai/", "ai/Ray", "ai/-ray")
        ),
        (
            {"namespaces": NAMESPACES, "repositories": {"aj/ray": RepositoryArgs()}},
            ['repositories.aj/ray = "aj": not a namespace of this registry; allowed: ai, scratch'],
        ),
        (
            {"namespaces": NAMESPACES, "retention": {"r": RetentionArgs(namespace="scratsh", keep_tags="[")}},
            [
                "retention.r.namespace = \"scratsh\": not a namespace of this registry; did you mean 'scratch'?",
                f'retention.r.keepTags = "[": {REGULAR}',
            ],
        ),
        (
            {"retention": {"r": RetentionArgs(repository="ray")}},
            ['retention.r.repository = "ray": needs its namespace'],
        ),
        (
            {
                "namespaces": NAMESPACES,
                "repositories": {"ai/ray": RepositoryArgs()},
                "retention": {"r": RetentionArgs(namespace="ai", repository="spark")},
            },
            ['retention.r.repository = "spark": not a repository of ai; allowed: ray'],
        ),
        (
            {"namespaces": NAMESPACES, "scans": {"s": ScanArgs(namespaces=["ai", "x"], tags="[")}},
            [
                'scans.s.namespaces[1] = "x": not a namespace of this registry; allowed: ai, scratch',
                f'scans.s.tags = "[": {REGULAR}',
            ],
        ),
        (
            {"namespaces": NAMESPACES, "scans": {"s": ScanArgs(repositories=["ray"])}},
            ["scans.s.namespaces = []: must be one, that of repositories"],
        ),
        (
            {
                "namespaces": NAMESPACES,
                "repositories": {"ai/ray": RepositoryArgs()},
                "scans": {"s": ScanArgs(namespaces=["ai"], repositories=["rays"])},
            },
            ["scans.s.repositories[0] = \"rays\": not a repository of ai; did you mean 'ray'?"],
        ),
        ({"scanner": "DISABLE", "scans": {"s": ScanArgs()}}, ['scans = ["s"]: need a scanner; allowed: ACR, SAS']),
        ({"vpc_access": False, "charts": True}, ["charts = true: needs vpcAccess"]),
    ],
)
def test_problems(values: Mapping[str, Any], expected: list[str]) -> None:
    assert [shown(problem) for problem in registry_problems(RegistryArgs(**values))] == expected


def test_pushes_may_make_repositories_that_rules_name() -> None:
    retention = {"r": RetentionArgs(namespace="scratch", repository="anything")}
    assert registry_problems(RegistryArgs(namespaces=NAMESPACES, retention=retention)) == []


@pytest.mark.parametrize(
    ("args", "further", "message"),
    [
        (RegistryArgs(), {"name": "n" * 31}, "not a name of 3 to 30"),
        (RegistryArgs(), {"vpc_id": None}, "needs a VPC"),
        (RegistryArgs(), {"vswitch_id": None}, "needs a VPC"),
        (RegistryArgs(charts=True, vpc_access=False), {}, "needs vpcAccess"),
    ],
)
def test_bad_input_registers_nothing(args: RegistryArgs, further: Mapping[str, Any], message: str) -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=message):
            _make(args, **further)

    assert recorded(program).resources == []


@pytest.mark.parametrize(
    "values", [{"instance_id": "registry-1"}, {"instance_type": "Huge"}, {"period_months": 0}, {"payment": "PostPaid"}]
)
def test_impossible_values_are_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegistryArgs(**values)


@given(
    namespaces=st.lists(st.sampled_from(["ai", "scratch"]), unique=True),
    repositories=st.lists(st.sampled_from(["ray", "spark"]), unique=True),
)
def test_scopes_are_those_that_the_provider_describes(namespaces: list[str], repositories: list[str]) -> None:
    """Namespaces with scope NAMESPACE, exactly one with REPO; repositories with REPO only."""
    known = {f"{space}/{name}": RepositoryArgs() for space in NAMESPACES for name in ("ray", "spark")}
    scan = ScanArgs(namespaces=namespaces, repositories=repositories)
    if registry_problems(RegistryArgs(namespaces=NAMESPACES, repositories=known, scans={"s": scan})):
        return
    scope = scan_scope(scan)
    assert (scope == "REPO") == bool(repositories)
    assert scope != "REPO" or len(namespaces) == 1
    assert (scope == "INSTANCE") == (not namespaces)


def test_retention_scopes() -> None:
    assert retention_scope(RetentionArgs()) == "INSTANCE"
    assert retention_scope(RetentionArgs(namespace="ai")) == "NAMESPACE"
    assert retention_scope(RetentionArgs(namespace="ai", repository="ray")) == "REPO"
