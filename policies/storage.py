"""Storage: buckets keep versions and are never public."""

import json
from collections.abc import Iterator
from typing import Any

from .rule import Config, Subject, rule

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
BUCKET_POLICY = "alicloud:oss/bucketPolicy:BucketPolicy"
BUCKET_VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"
PUBLIC_ACCESS_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"


@rule(
    "bucket-versioning",
    area="storage",
    severity="high",
    types={BUCKET},
    stack=True,
    needs=["versioning.status"],
    must="Buckets must keep earlier versions of their objects.",
    how="Set versioning.status to Enabled, or add an oss.BucketVersioning for the bucket.",
    reference="https://help.aliyun.com/zh/oss/user-guide/versioning",
)
def bucket_versioning(subject: Subject[Config]) -> Iterator[str]:
    for split in subject.of(BUCKET_VERSIONING):
        if subject.linked(split, "bucket", "bucket") and split.inputs.get("status") == "Enabled":
            return
    inline = subject.inputs.get("versioning")
    if inline is None or inline.get("status") != "Enabled":
        yield "The bucket does not keep earlier versions. Set versioning to Enabled."


@rule(
    "bucket-not-public",
    area="storage",
    severity="critical",
    types={BUCKET, BUCKET_ACL, BUCKET_POLICY},
    needs=["acl", "policy"],
    floor=True,
    must="Buckets must not be readable or writable by everybody.",
    how="Set the ACL to private; name principals in bucket policies, or add a condition.",
    reference="https://help.aliyun.com/zh/oss/user-guide/block-public-access",
)
def bucket_not_public(subject: Subject[Config]) -> Iterator[str]:
    acl = subject.inputs.get("acl")
    if acl in ("public-read", "public-read-write"):
        yield f"The bucket's ACL is {acl}: everybody can reach its objects. Use private."
    if _allows_everybody(subject.inputs.get("policy")):
        yield "The bucket policy allows something to everybody. Name the principals, or add a condition."


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
