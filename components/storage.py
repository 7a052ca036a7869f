"""Object storage: buckets with versioning, lifecycle, encryption, access log, no public access and TLS only."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args, Problem, require_valid

BUCKET_NAME = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
"""A legal bucket name: 3 to 63 lowercase letters, digits and hyphens. The provider accepts illegal ones at preview."""

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")


class BucketArgs(Args):
    """One bucket. The defaults are the safe ones; nothing needs to be set."""

    versioning: bool = True
    """Keep an object's earlier versions when it is overwritten or deleted. Can be suspended later, never removed."""

    expire_old_versions_after_days: Annotated[int, Field(ge=1)] | None = 30
    """Days after which an earlier version is deleted. None: never."""

    abort_uploads_after_days: Annotated[int, Field(ge=1)] | None = 7
    """Days after which the parts of an unfinished upload are deleted. None: never."""

    expire_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which an object itself is deleted. None: never."""

    storage_class: Literal["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"] = "Standard"
    """Storage class of new objects. Changing it replaces the bucket."""

    redundancy: Literal["LRS", "ZRS"] = "LRS"
    """Copies in one zone (LRS) or over several zones (ZRS). Changing it replaces the bucket."""

    access_log: bool = True
    """Whether requests are logged to the environment's access-log bucket, if it has one."""

    force_destroy: bool = False
    """Whether destroying the environment deletes the objects. Left at false, a bucket with objects is not deleted."""


def bucket_problems(name: str, args: BucketArgs) -> list[Problem]:
    """What is wrong with a bucket, besides the types of its arguments."""
    problems: list[Problem] = []
    if not re.fullmatch(BUCKET_NAME, name):
        problems.append(
            Problem("", name, "not a bucket name: 3 to 63 lowercase letters, digits and hyphens, no hyphen at an end")
        )
    if (
        args.expire_old_versions_after_days is not None
        and not args.versioning
        and ("expire_old_versions_after_days" in args.model_fields_set)
    ):
        problems.append(
            Problem(
                "expireOldVersionsAfterDays",
                args.expire_old_versions_after_days,
                "has no effect with versioning: false; remove it or keep versions",
            )
        )
    return problems


def tls_only_policy(bucket: str) -> str:
    """A bucket policy that denies every request over plain HTTP, as compact JSON.

    Source: alibabacloud.com/help/en/oss/tutorial-example-using-the-bucket-policy-to-access-oss-resources and
    .../authorization-syntax-and-elements.
    """
    statement = {
        "Effect": "Deny",
        "Action": ["oss:*"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
        "Condition": {"Bool": {"acs:SecureTransport": ["false"]}},
    }
    return json.dumps({"Version": "1", "Statement": [statement]}, separators=(",", ":"))


class Bucket(pulumi.ComponentResource):
    """An OSS bucket that is versioned, encrypted, private and reachable over TLS only.

    Versioning, encryption, lifecycle and logging are inline properties of the bucket. Bucket policy, public access
    block and TLS versions are resources of their own; the bucket ignores `policy` and `acl`, since it would otherwise
    undo the separate resource at the next refresh.

    Example:

        Bucket("raw", BucketArgs(), bucket="acme-data-dev-raw")
    """

    name: pulumi.Output[str]
    """Name of the bucket."""

    intranet_endpoint: pulumi.Output[str]
    """Endpoint inside the region, free of traffic charges."""

    def __init__(
        self,
        resource_name: str,
        args: BucketArgs,
        *,
        bucket: str,
        kms_key_id: pulumi.Input[str] | None = None,
        access_log_bucket: pulumi.Input[str] | None = None,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the bucket and what belongs to it.

        bucket: its name, unique over all of Alibaba Cloud; kms_key_id: key for server-side encryption, None: the
        service's own AES-256 keys; access_log_bucket: bucket that receives the request log, None: no log. Raises
        `InvalidInput` with all problems before anything is registered.
        """
        require_valid(bucket_problems(bucket, args))
        super().__init__("ack-ai-blueprint:storage:Bucket", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        resource = alicloud.oss.Bucket(
            f"{resource_name}-bucket",
            bucket=bucket,
            storage_class=args.storage_class,
            redundancy_type=args.redundancy,
            force_destroy=args.force_destroy,
            versioning={"status": "Enabled" if args.versioning else "Suspended"},
            server_side_encryption_rule=(
                {"sse_algorithm": "AES256"}
                if kms_key_id is None
                else {"sse_algorithm": "KMS", "kms_master_key_id": kms_key_id}
            ),
            lifecycle_rules=_lifecycle_rules(args),
            logging=(
                {"target_bucket": access_log_bucket, "target_prefix": f"{bucket}/"}
                if access_log_bucket is not None and args.access_log
                else None
            ),
            tags=tags,
            # The name stays, so a replacement cannot be made beside the old bucket; one that holds objects stays too.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["policy", "acl"], delete_before_replace=True),
        )
        alicloud.oss.BucketPublicAccessBlock(
            f"{resource_name}-public-access-block", bucket=resource.id, block_public_access=True, opts=child
        )
        alicloud.oss.BucketPolicy(
            f"{resource_name}-policy", bucket=resource.id, policy=tls_only_policy(bucket), opts=child
        )
        alicloud.oss.BucketHttpsConfig(
            f"{resource_name}-https", bucket=resource.id, enable=True, tls_versions=TLS_VERSIONS, opts=child
        )
        self.name = resource.id
        self.intranet_endpoint = resource.intranet_endpoint
        self.register_outputs({"name": self.name, "intranetEndpoint": self.intranet_endpoint})


def _lifecycle_rules(args: BucketArgs) -> list[alicloud.oss.BucketLifecycleRuleArgs]:
    # One rule for the whole bucket: rules with the same action and overlapping prefixes need a switch of their own. An
    # expiration is either by days or of expired delete markers.
    rule = alicloud.oss.BucketLifecycleRuleArgs(id="whole-bucket", enabled=True, prefix="")
    if args.abort_uploads_after_days is not None:
        rule.abort_multipart_uploads = [
            alicloud.oss.BucketLifecycleRuleAbortMultipartUploadArgs(days=args.abort_uploads_after_days)
        ]
    if args.versioning and args.expire_old_versions_after_days is not None:
        rule.noncurrent_version_expirations = [
            alicloud.oss.BucketLifecycleRuleNoncurrentVersionExpirationArgs(days=args.expire_old_versions_after_days)
        ]
    if args.expire_after_days is not None:
        rule.expirations = [alicloud.oss.BucketLifecycleRuleExpirationArgs(days=args.expire_after_days)]
    elif rule.noncurrent_version_expirations is not None:
        rule.expirations = [alicloud.oss.BucketLifecycleRuleExpirationArgs(expired_object_delete_marker=True)]
    kept = (rule.abort_multipart_uploads, rule.noncurrent_version_expirations, rule.expirations)
    return [rule] if any(kept) else []
