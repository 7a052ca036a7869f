"""Buckets: safe by default, and each attribute either inline or a resource of its own, never both."""

import json
from typing import Any

import pytest

from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.inputs import InvalidInput
from components.storage import Bucket, BucketArgs
from stacks.preview.recording import Recording
from support import only, recorded

BUCKET = "alicloud:oss/bucket:Bucket"
SPLIT = {
    "acl": "alicloud:oss/bucketAcl:BucketAcl",
    "policy": "alicloud:oss/bucketPolicy:BucketPolicy",
    "logging": "alicloud:oss/bucketLogging:BucketLogging",
    "versioning": "alicloud:oss/bucketVersioning:BucketVersioning",
    "serverSideEncryptionRule": "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption",
}


def _bucket(args: BucketArgs | None = None, **further: Any) -> Recording:
    return recorded(lambda: Bucket("raw", args or BucketArgs(), bucket="acme-test-raw", **further))


def test_defaults() -> None:
    recording = _bucket(kms_key_id="key-1", access_log_bucket="acme-test-access-logs")
    inputs = only(recording, BUCKET).inputs
    assert inputs["versioning"] == {"status": "Enabled"}
    assert inputs["serverSideEncryptionRule"] == {"sseAlgorithm": "KMS", "kmsMasterKeyId": "key-1"}
    assert inputs["logging"] == {"targetBucket": "acme-test-access-logs", "targetPrefix": "acme-test-raw/"}
    assert inputs["forceDestroy"] is False
    assert inputs["lifecycleRules"] == [
        {
            "id": "whole-bucket",
            "enabled": True,
            "prefix": "",
            "abortMultipartUploads": [{"days": 7}],
            "noncurrentVersionExpirations": [{"days": 30}],
            "expirations": [{"expiredObjectDeleteMarker": True}],
        }
    ]
    block = only(recording, "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert block["blockPublicAccess"] is True
    https = only(recording, "alicloud:oss/bucketHttpsConfig:BucketHttpsConfig").inputs
    assert https["tlsVersions"] == ["TLSv1.2", "TLSv1.3"]


def test_plain_http_is_denied() -> None:
    policy = json.loads(only(_bucket(), SPLIT["policy"]).inputs["policy"])
    assert policy["Statement"] == [
        {
            "Effect": "Deny",
            "Action": ["oss:*"],
            "Principal": ["*"],
            "Resource": ["acs:oss:*:*:acme-test-raw", "acs:oss:*:*:acme-test-raw/*"],
            "Condition": {"Bool": {"acs:SecureTransport": ["false"]}},
        }
    ]


def test_each_attribute_is_inline_or_split_never_both() -> None:
    recording = _bucket(kms_key_id="key-1", access_log_bucket="logs")
    bucket = only(recording, BUCKET)
    types = {resource.type for resource in recording.resources}
    for attribute, token in SPLIT.items():
        assert not (attribute in bucket.inputs and token in types), attribute
        if token in types:
            assert attribute in bucket.options.ignore_changes, attribute


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (BucketArgs(abort_uploads_after_days=None, expire_old_versions_after_days=None), None),
        (BucketArgs(versioning=False), {"abortMultipartUploads": [{"days": 7}]}),
        (
            BucketArgs(expire_after_days=90),
            {
                "abortMultipartUploads": [{"days": 7}],
                "noncurrentVersionExpirations": [{"days": 30}],
                "expirations": [{"days": 90}],
            },
        ),
    ],
)
def test_lifecycle(args: BucketArgs, expected: dict[str, Any] | None) -> None:
    rules = only(_bucket(args), BUCKET).inputs["lifecycleRules"]
    assert rules == ([] if expected is None else [{"id": "whole-bucket", "enabled": True, "prefix": "", **expected}])


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "Abc", "a_b", "a" * 64])
def test_illegal_names_are_refused(name: str) -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="not a bucket name"):
            Bucket("raw", BucketArgs(), bucket=name)

    assert recorded(program).resources == []


def test_encryption_key_rotates_and_has_an_alias() -> None:
    args = EncryptionKeyArgs(kms_instance_id="kst-1", rotation_days=90, pending_window_days=7)
    recording = recorded(
        lambda: EncryptionKey("key", args, name="acme-test", description="Data", deletion_protection=True)
    )
    key = only(recording, "alicloud:kms/key:Key").inputs
    assert (key["automaticRotation"], key["rotationInterval"]) == ("Enabled", "90d")
    assert (key["deletionProtection"], key["pendingWindowInDays"]) == ("Enabled", 7)
    assert key["dkmsInstanceId"] == "kst-1"
    assert only(recording, "alicloud:kms/alias:Alias").inputs["aliasName"] == "alias/acme-test"


def test_an_existing_key_is_used_and_none_is_made() -> None:
    keys: list[EncryptionKey] = []
    args = EncryptionKeyArgs(key_id="key-1")
    recording = recorded(lambda: keys.append(EncryptionKey("key", args, name="acme", description="Data")))
    assert [resource.type for resource in recording.resources] == ["ack-ai-blueprint:encryption:EncryptionKey"]
