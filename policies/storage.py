"""Storage: buckets keep versions and are never public."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import (
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
BUCKET_POLICY = "alicloud:oss/bucketPolicy:BucketPolicy"
BUCKET_VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"
PUBLIC_ACCESS_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"


def _targets(resource: PolicyResource, buckets: Sequence[PolicyResource]) -> Iterator[PolicyResource]:
    """The buckets that a resource belongs to, by dependency or by name."""
    yield from resource.property_dependencies.get("bucket", ())
    try:
        name = resource.props.get("bucket")
    except UnknownValueError:
        return
    yield from (bucket for bucket in buckets if name and bucket.props.get("bucket") == name)


def _versioning(args: StackValidationArgs, report: ReportViolation) -> None:
    # Versioning is either an inline property or a resource of its own that refers to the bucket.
    buckets = [resource for resource in args.resources if resource.resource_type == BUCKET]
    if not buckets:
        args.not_applicable("no bucket")
    split = {
        target.urn
        for resource in args.resources
        if resource.resource_type == BUCKET_VERSIONING and resource.props.get("status") == "Enabled"
        for target in _targets(resource, buckets)
    }
    for bucket in buckets:
        inline = bucket.props.get("versioning")
        if bucket.urn not in split and (inline is None or inline.get("status") != "Enabled"):
            report("The bucket does not keep earlier versions. Set versioning to Enabled.", bucket.urn)


bucket_versioning = StackValidationPolicy(
    name="bucket-versioning",
    description="Buckets must keep earlier versions of their objects.",
    validate=_versioning,
    severity=Severity.HIGH,
)


def _not_public(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in (BUCKET, BUCKET_ACL, BUCKET_POLICY):
        args.not_applicable("not a bucket")
    acl = args.props.get("acl") if args.resource_type != BUCKET_POLICY else None
    if acl in ("public-read", "public-read-write"):
        report(f"The bucket's ACL is {acl}: everybody can reach its objects. Use private.", args.urn)
    if args.resource_type != BUCKET_ACL and _allows_everybody(args.props.get("policy")):
        report("The bucket policy allows something to everybody. Name the principals, or add a condition.", args.urn)


def _allows_everybody(policy: Any) -> bool:
    try:
        statements = json.loads(policy or "{}").get("Statement", [])
    except (AttributeError, ValueError):
        return False
    statements = statements if isinstance(statements, list) else [statements]
    return any(
        statement.get("Effect") == "Allow" and "*" in statement.get("Principal", ()) and not statement.get("Condition")
        for statement in statements
    )


bucket_not_public = ResourceValidationPolicy(
    name="bucket-not-public",
    description="Buckets must not be readable or writable by everybody.",
    validate=_not_public,
    severity=Severity.CRITICAL,
)


def _blocks_public_access(args: StackValidationArgs, report: ReportViolation) -> None:
    buckets = [resource for resource in args.resources if resource.resource_type == BUCKET]
    if not buckets:
        args.not_applicable("no bucket")
    blocked = {
        target.urn
        for resource in args.resources
        if resource.resource_type == PUBLIC_ACCESS_BLOCK and resource.props.get("blockPublicAccess") is True
        for target in _targets(resource, buckets)
    }
    for bucket in buckets:
        if bucket.urn not in blocked:
            report(
                "Nothing stops a later ACL or bucket policy from making the bucket public. Add an "
                "oss.BucketPublicAccessBlock with blockPublicAccess: true.",
                bucket.urn,
            )


bucket_blocks_public_access = StackValidationPolicy(
    name="bucket-blocks-public-access",
    description="Buckets must block public access.",
    validate=_blocks_public_access,
    severity=Severity.HIGH,
)
