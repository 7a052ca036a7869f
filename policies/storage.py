"""Storage: buckets keep versions and are never public."""

from pulumi_policy import (
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
BUCKET_VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"
PUBLIC_ACCESS_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"


def _versioning(args: StackValidationArgs, report: ReportViolation) -> None:
    # Versioning is either an inline property or a resource of its own that refers to the bucket.
    buckets = [resource for resource in args.resources if resource.resource_type == BUCKET]
    if not buckets:
        args.not_applicable("no bucket")
    split = {
        target.urn
        for resource in args.resources
        if resource.resource_type == BUCKET_VERSIONING and resource.props["status"] == "Enabled"
        for target in resource.property_dependencies.get("bucket", ())
    }
    for bucket in buckets:
        inline = bucket.props.get("versioning")
        if bucket.urn not in split and (inline is None or inline["status"] != "Enabled"):
            report("The bucket does not keep earlier versions. Set versioning to Enabled.", bucket.urn)


bucket_versioning = StackValidationPolicy(
    name="bucket-versioning",
    description="Buckets must keep earlier versions of their objects.",
    validate=_versioning,
    severity=Severity.HIGH,
)


def _not_public(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in (BUCKET, BUCKET_ACL):
        args.not_applicable("not a bucket")
    acl = args.props.get("acl")
    if acl in ("public-read", "public-read-write"):
        report(f"The bucket's ACL is {acl}: everybody can reach its objects. Use private.", args.urn)


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
        if resource.resource_type == PUBLIC_ACCESS_BLOCK and resource.props["blockPublicAccess"] is True
        for target in resource.property_dependencies.get("bucket", ())
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
