"""Every rule: a case that passes, one that fails with its exact message, and one whose value is unknown before apply.

The cases are Pulumi programs, recorded and sent through the analyzer that the engine talks to.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pytest
from cases import TAGS, Case, given, unknown
from compute_cases import COMPUTE_CASES

from policies.rules import RULES
from stacks.preview.findings import run_policies
from stacks.preview.recording import record
from support import recorded

CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "nodes-within-quota": {"maximum": 10},
    "vcpu-within-quota": {"maximum": 80},
    "memory-within-quota": {"maximum": 320},
    "gpus-within-quota": {"maximum": 4},
    "monthly-cost-within-budget": {"budget": {"CNY": 20_000}},
    "instance-family-allowed": {"families": ["g8i", "gn7i"]},
    "region-allowed": {"regions": ["cn-hangzhou"]},
}


def in_region(region: str = "cn-hangzhou") -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=alicloud.Provider(f"provider-{region}", region=region))


def pool(size: Any = "10", instance_type: Any = "ecs.g8i.2xlarge", scaling: Any = None) -> Callable[[], object]:
    def program() -> None:
        alicloud.cs.NodePool(
            "pool",
            scaling_config=given(scaling),
            cluster_id="c1",
            instance_types=[instance_type],
            desired_size=size,
            system_disk_size=40,
            tags=TAGS,
            opts=in_region(),
        )

    return program


def unknown_size() -> None:
    pool(size=unknown())()


def unknown_type() -> None:
    pool(instance_type=unknown())()


def vpc(tags: Any = TAGS, region: str = "cn-hangzhou", protect: bool = True) -> Callable[[], object]:
    def program() -> None:
        opts = pulumi.ResourceOptions.merge(in_region(region), pulumi.ResourceOptions(protect=protect))
        alicloud.vpc.Network("vpc", cidr_block="10.0.0.0/16", tags=tags, opts=opts)

    return program


def bucket(blocked: Any = True, **inputs: Any) -> Callable[[], object]:
    def program() -> None:
        values: dict[str, Any] = {"tags": TAGS, **{key: given(value) for key, value in inputs.items()}}
        opts = pulumi.ResourceOptions(protect=True)
        resource = alicloud.oss.Bucket("bucket", opts=opts, **values)
        block = given(blocked)
        if block is not None:
            alicloud.oss.BucketPublicAccessBlock("block", bucket=resource.id, block_public_access=block)

    return program


def split_versioning(status: Any) -> Callable[[], object]:
    def program() -> None:
        resource = alicloud.oss.Bucket("bucket", tags=TAGS)
        value = given(status)
        alicloud.oss.BucketVersioning("versioning", bucket=resource.id, status=value)

    return program


def cluster(deletion_protection: Any) -> Callable[[], object]:
    def program() -> None:
        value = given(deletion_protection)
        alicloud.cs.ManagedKubernetes("cluster", deletion_protection=value, tags=TAGS)

    return program


CASES = [
    Case(
        "nodes-within-quota",
        pool("10"),
        pool("11"),
        "The node pools can grow to 11 nodes, the quota is 10. Lower the pools' maximum sizes or raise the "
        "quota for nodes.",
        unknown_size,
    ),
    Case(
        "vcpu-within-quota",
        pool("10"),
        pool("11"),
        "The node pools can grow to 88 vCPUs, the quota is 80. Lower the pools' maximum sizes or raise the "
        "quota for vCPUs.",
        unknown_size,
    ),
    Case(
        "memory-within-quota",
        pool("10"),
        pool("11"),
        "The node pools can grow to 352 GiB of memory, the quota is 320. Lower the pools' maximum sizes or raise the "
        "quota for memory.",
        unknown_size,
    ),
    Case(
        "gpus-within-quota",
        pool("1", "ecs.gn7i-4x.16xlarge"),
        pool("2", "ecs.gn7i-4x.16xlarge"),
        "The node pools can grow to 8 GPUs, the quota is 4. Lower the pools' maximum sizes or raise the "
        "quota for GPUs.",
        unknown_type,
    ),
    Case(
        "monthly-cost-within-budget",
        pool("10"),
        pool("20"),
        "The estimated monthly cost at full scale-out is CNY 31,784, the budget is CNY 20,000 (list prices of "
        "2026-11-22). Lower the pools' maximum sizes or raise the budget.",
        unknown_size,
    ),
    Case(
        "instance-family-allowed",
        pool("1", "ecs.gn7i-4x.16xlarge"),
        pool("1", "ecs.g7.2xlarge"),
        "ecs.g7.2xlarge is of family g7, which is not allowed. Use one of: g8i, gn7i.",
        unknown_type,
    ),
    Case(
        "region-allowed",
        vpc(),
        vpc(region="cn-beijing"),
        "vpc lies in cn-beijing, which is not allowed. Use one of: cn-hangzhou.",
    ),
    Case(
        "required-tags",
        vpc(),
        vpc({"environment": "test"}),
        "The tags managed-by are missing. Add them under `tags`.",
        lambda: alicloud.vpc.Network("vpc", cidr_block="10.0.0.0/16", tags=unknown().apply(lambda _: TAGS)),
    ),
    Case(
        "bucket-versioning",
        bucket(versioning={"status": "Enabled"}),
        bucket(versioning={"status": "Suspended"}),
        "The bucket does not keep earlier versions. Set versioning to Enabled.",
        split_versioning(unknown),
    ),
    Case(
        "bucket-versioning",
        split_versioning("Enabled"),
        bucket(),
        "The bucket does not keep earlier versions. Set versioning to Enabled.",
        bucket(versioning=lambda: {"status": unknown()}),
    ),
    Case(
        "bucket-not-public",
        bucket(acl="private"),
        bucket(acl="public-read"),
        "The bucket's ACL is public-read: everybody can reach its objects. Use private.",
        bucket(acl=unknown),
    ),
    Case(
        "bucket-blocks-public-access",
        bucket(),
        bucket(blocked=None),
        "Nothing stops a later ACL or bucket policy from making the bucket public. Add an oss.BucketPublicAccessBlock "
        "with blockPublicAccess: true.",
        bucket(blocked=lambda: unknown().apply(bool)),
    ),
    Case(
        "deletion-protection",
        cluster(True),
        cluster(False),
        "Deletion protection is off. Switch it on; in an environment, set protection: true.",
        cluster(lambda: unknown().apply(bool)),
    ),
    Case(
        "deletion-protection",
        vpc(),
        vpc(protect=False),
        "The resource is not protected. Set the option `protect`; in an environment, set protection: true.",
    ),
    Case(
        "deletion-protection",
        bucket(),
        bucket(force_destroy=True),
        "Destroying the bucket deletes its objects. Set forceDestroy to false.",
    ),
    *COMPUTE_CASES,
]


def _findings(case: Case, program: Callable[[], object]) -> list[tuple[str, str]]:
    """Level and message of each finding of the case's rule, at level mandatory."""
    rule = next(rule for rule in RULES if rule.name == case.rule)
    config = {rule.name: {"enforcementLevel": "mandatory", **CONFIGS.get(rule.name, {})}}
    found = run_policies(recorded(program), [rule], config).violations
    # Making a value unknown takes a resource of its own, which is not what the case is about.
    return [(f.level, f.message) for f in found if "::unknown-" not in f.resource]


IDS = [f"{case.rule}-{index}" for index, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_passes(case: Case) -> None:
    assert _findings(case, case.passes) == []


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_fails(case: Case) -> None:
    assert _findings(case, case.fails) == [("mandatory", case.message)]


@pytest.mark.parametrize("case", [case for case in CASES if case.unknown], ids=lambda case: case.rule)
def test_says_when_a_value_is_unknown(case: Case) -> None:
    assert case.unknown is not None
    found = _findings(case, case.unknown)
    assert [level for level, _ in found] == ["advisory"]
    assert f"can't run policy '{case.rule}'" in found[0][1]
    assert "can't be known during preview" in found[0][1]


def test_every_rule_has_a_case_and_an_unknown_case() -> None:
    # The region is that of the provider, which a program states and never computes.
    never_unknown = {"region-allowed"}
    assert {case.rule for case in CASES} == {rule.name for rule in RULES}
    assert {case.rule for case in CASES if case.unknown} == {rule.name for rule in RULES} - never_unknown


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.name in CONFIGS], ids=lambda rule: rule.name)
def test_without_a_quota_a_rule_does_not_apply(rule: Any) -> None:
    config = {rule.name: {"enforcementLevel": "mandatory"}}
    assert run_policies(recorded(pool("900", "ecs.gn7i-8x.32xlarge")), [rule], config).violations == []


def _of(rule_name: str, program: Callable[[], object]) -> list[str]:
    return [message for _, message in _findings(next(c for c in CASES if c.rule == rule_name), program)]


def test_what_cannot_be_counted_is_a_violation() -> None:
    found = _of("vcpu-within-quota", pool("1", "ecs.new9.large"))
    assert found == ["Node pools of ecs.new9.large cannot be counted. Use instance types of the catalog."]
    assert _of("nodes-within-quota", pool("1", "ecs.new9.large")) == []


def test_the_older_name_of_the_size_counts() -> None:
    def program() -> None:
        alicloud.cs.NodePool("pool", cluster_id="c1", instance_types=["ecs.g8i.2xlarge"], node_count=11, tags=TAGS)

    assert "grow to 11 nodes" in _of("nodes-within-quota", program)[0]


def test_a_pattern_of_instance_types_is_of_any_family() -> None:
    patterns: Any = [{"instance_family_level": "EnterpriseLevel", "cores": 8}]

    def program() -> None:
        alicloud.cs.NodePool("pool", cluster_id="c1", instance_patterns=patterns, desired_size="1", tags=TAGS)

    assert "of any family" in _of("instance-family-allowed", program)[0]
    assert "cannot be counted" in _of("vcpu-within-quota", program)[0]


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Effect": "Allow", "Principal": ["*"], "Action": ["oss:GetObject"]}, True),
        ({"Effect": "Allow", "Principal": ["*"], "Condition": {"StringEquals": {"acs:SourceVpc": ["vpc-1"]}}}, False),
        ({"Effect": "Deny", "Principal": ["*"]}, False),
        ({"Effect": "Allow", "Principal": ["1234"]}, False),
    ],
)
def test_a_bucket_policy_that_allows_everybody_is_public(statement: Mapping[str, Any], public: bool) -> None:
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    found = _of("bucket-not-public", lambda: alicloud.oss.BucketPolicy("policy", bucket="b", policy=policy))
    expected = "The bucket policy allows something to everybody. Name the principals, or add a condition."
    assert found == ([expected] if public else [])


def test_a_block_that_names_its_bucket_counts() -> None:
    def program() -> None:
        alicloud.oss.Bucket("bucket", bucket="acme-raw", tags=TAGS)
        alicloud.oss.BucketPublicAccessBlock("block", bucket="acme-raw", block_public_access=True)

    assert _of("bucket-blocks-public-access", program) == []


def test_a_default_provider_has_the_region_of_the_configuration() -> None:
    rule = next(rule for rule in RULES if rule.name == "region-allowed")
    config = {rule.name: {"enforcementLevel": "mandatory", "regions": ["cn-hangzhou"]}}
    recording = record(
        lambda: alicloud.vpc.Network("vpc", cidr_block="10.0.0.0/16") and None,
        "project",
        "test",
        {"alicloud:region": "cn-beijing"},
    )
    found = run_policies(recording, [rule], config).violations
    assert [f.message for f in found] == ["vpc lies in cn-beijing, which is not allowed. Use one of: cn-hangzhou."]


@pytest.mark.parametrize("case", [case for case in CASES if case.rule.endswith("-within-quota")], ids=lambda c: c.rule)
def test_a_fixed_size_counts_although_the_provider_fills_in_the_scaling(case: Case) -> None:
    """In the engine's preview the scaling configuration of a fixed pool is unknown: the provider computes it."""
    gpus = "ecs.gn7i-4x.16xlarge" if case.rule.startswith("gpus") else "ecs.g8i.2xlarge"
    assert [level for level, _ in _findings(case, pool("11", gpus, unknown))] == ["mandatory"]


def test_the_scaling_counts_where_the_present_size_is_known_too() -> None:
    """After apply, the provider's state holds both the bounds and the present size of an autoscaled pool."""
    case = next(case for case in CASES if case.rule == "nodes-within-quota")
    scaling = {"enable": True, "min_size": 1, "max_size": 50}
    assert "grow to 50 nodes" in _findings(case, pool("2", scaling=scaling))[0][1]


def test_levels_come_from_the_configuration() -> None:
    case = next(case for case in CASES if case.rule == "required-tags")
    rule = next(rule for rule in RULES if rule.name == case.rule)
    recording = recorded(case.fails)
    advisory = run_policies(recording, [rule], {rule.name: {"enforcementLevel": "advisory"}})
    assert [finding.level for finding in advisory.violations] == ["advisory"]
    disabled = run_policies(recording, [rule], {rule.name: {"enforcementLevel": "disabled"}})
    assert (disabled.violations, disabled.checked, disabled.disabled) == ([], 0, 1)


def test_other_tags_can_be_required() -> None:
    rule = next(rule for rule in RULES if rule.name == "required-tags")
    config = {rule.name: {"enforcementLevel": "mandatory", "tags": ["cost-center"]}}
    found = run_policies(recorded(vpc()), [rule], config).violations
    assert [finding.message for finding in found] == ["The tags cost-center are missing. Add them under `tags`."]


def test_a_zone_tells_the_region_where_no_provider_does() -> None:
    rule = next(rule for rule in RULES if rule.name == "region-allowed")
    config = {rule.name: {"enforcementLevel": "mandatory", **CONFIGS[rule.name]}}

    def program() -> None:
        alicloud.vpc.Switch("here", vpc_id="vpc-1", cidr_block="10.0.0.0/24", zone_id="cn-hangzhou-h")
        alicloud.vpc.Switch("there", vpc_id="vpc-1", cidr_block="10.0.1.0/24", zone_id="cn-shanghai-b")

    found = run_policies(recorded(program), [rule], config).violations
    assert [finding.message for finding in found] == [
        "there lies in cn-shanghai, which is not allowed. Use one of: cn-hangzhou."
    ]
