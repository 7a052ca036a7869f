"""Documents of RAM policies: who may take a role by pod identity (RRSA), and what it may do."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

READ_OBJECTS = ("oss:GetObject",)
WRITE_OBJECTS = ("oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload", "oss:ListParts")

LONGEST_POLICY = 6144
"""Characters of a custom policy at most. Source: alibabacloud.com/help/en/ram/product-overview/limits, 2025-12-16."""

ROLE_NAME = r"[A-Za-z0-9._-]{1,64}"
"""A legal name of a RAM role. Source: the same page."""


def document(statements: Iterable[Mapping[str, Any]]) -> str:
    """A policy document as compact JSON."""
    return json.dumps({"Version": "1", "Statement": list(statements)}, separators=(",", ":"))


def trust_policy(provider_arn: str, issuer_url: str, subject: str) -> str:
    """Who may take a role: one service account of one cluster, by RRSA. Compact JSON.

    subject: `system:serviceaccount:<namespace>:<name>`. Source: AliyunContainerService/ack-ram-tool,
    examples/rrsa/terraform-demo.
    """
    statement = {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Federated": [provider_arn]},
        "Condition": {"StringEquals": {"oidc:aud": "sts.aliyuncs.com", "oidc:iss": issuer_url, "oidc:sub": subject}},
    }
    return document([statement])


def object_statements(bucket: str, prefix: str, *, write: bool) -> list[dict[str, Any]]:
    """What reading a part of a bucket takes, or also writing it: listing it, and its objects.

    prefix: "" for all of the bucket. Sources: Function Compute's FAQ on OSS mounts (undated) for actions and
    `oss:Prefix`; ACK page on dynamic ossfs 2.0 volumes (2025-10-29), which grants the whole bucket.
    """
    listing: dict[str, Any] = {
        "Effect": "Allow",
        "Action": ["oss:ListObjects"],
        "Resource": [f"acs:oss:*:*:{bucket}"],
    }
    if prefix:
        listing["Condition"] = {"StringLike": {"oss:Prefix": [f"{prefix}*"]}}
    actions = [*READ_OBJECTS, *(WRITE_OBJECTS if write else ())]
    return [listing, {"Effect": "Allow", "Action": actions, "Resource": [f"acs:oss:*:*:{bucket}/{prefix}*"]}]


def key_statement(key_id: str, *, write: bool) -> dict[str, Any]:
    """What reading objects that are encrypted with a KMS key takes, or also writing them.

    Sources: RAM pages AliyunOSSBatchOperationBucketLevelJobRolePolicy (2026-08-12) and
    AliyunNasEncryptDefaultRolePolicy (2024-03-14).
    """
    actions = ["kms:Decrypt", "kms:GenerateDataKey"] if write else ["kms:Decrypt"]
    return {"Effect": "Allow", "Action": actions, "Resource": [f"acs:kms:*:*:key/{key_id}"]}
