"""Buckets: safe by default, and each attribute either inline or a resource of its own, never both."""

import json
from typing import Any

import pulumi_alicloud as alicloud
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.inputs import InvalidInput
from components.storage import (
    CLASSES,
    MINIMUM_DAYS,
    Bucket,
    BucketArgs,
    Grant,
    Replication,
    Retention,
    Transition,
    bucket_policy,
    bucket_problems,
)
from stacks.loading import read_stack_config
from stacks.preview.recording import Recording, record_environment
from support import ENVIRONMENTS, named, only, recorded

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


ROLE, POLICY = "alicloud:ram/role:Role", "alicloud:ram/policy:Policy"
REPLICATION = "alicloud:oss/bucketReplication:BucketReplication"


def _replicated(replication: Replication, *, encrypted: bool = True) -> Recording:
    def program() -> None:
        Bucket(
            "raw",
            BucketArgs(replication=replication, inventory=None, expire_old_versions_after_days=9),
            bucket="acme-test-raw",
            kms_key_id="key-1" if encrypted else None,
            replica_provider=alicloud.Provider("there", region="cn-shanghai"),
            replica_kms_key_id="key-2" if encrypted else None,
        )

    return recorded(program)


def test_a_replicated_bucket_has_a_copy_in_its_image_in_the_other_region() -> None:
    recording = _replicated(Replication(region="cn-shanghai"))
    copy = named(recording, "raw-copy-bucket")
    assert copy.inputs["bucket"] == "acme-test-raw-copy"
    assert copy.inputs["versioning"] == {"status": "Enabled"}
    assert copy.inputs["serverSideEncryptionRule"] == {"sseAlgorithm": "KMS", "kmsMasterKeyId": "key-2"}
    assert copy.inputs["lifecycleRules"][0]["noncurrentVersionExpirations"] == [{"days": 9}]
    assert copy.provider.rpartition("::")[0] == named(recording, "there").urn
    block = named(recording, "raw-copy-public-access-block")
    assert block.inputs["blockPublicAccess"] is True
    assert block.provider == copy.provider
    inputs = only(recording, REPLICATION).inputs
    assert (inputs["action"], inputs["historicalObjectReplication"]) == ("PUT", "enabled")
    assert inputs["destination"]["location"] == "oss-cn-shanghai"
    assert inputs["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    assert inputs["encryptionConfiguration"] == {"replicaKmsKeyId": "key-2"}
    assert named(recording, "raw-replication-keys").inputs["policyName"] == "AliyunKMSCryptoUserAccess"


def test_deletions_and_history_are_replicated_as_stated() -> None:
    recording = _replicated(Replication(region="cn-shanghai", history=False, deletions=True), encrypted=False)
    inputs = only(recording, REPLICATION).inputs
    assert (inputs["action"], inputs["historicalObjectReplication"]) == ("ALL", "disabled")
    assert not {"sourceSelectionCriteria", "encryptionConfiguration"} & set(inputs)
    assert not [r for r in recording.resources if r.name == "raw-replication-keys"]


def test_the_replicating_role_reads_here_and_writes_there_only() -> None:
    recording = _replicated(Replication(region="cn-shanghai"))
    role, policy = only(recording, ROLE).inputs, only(recording, POLICY).inputs
    trust = json.loads(role["assumeRolePolicyDocument"])
    assert trust["Statement"] == [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["oss.aliyuncs.com"]}}
    ]
    here, there = json.loads(policy["policyDocument"])["Statement"]
    assert here["Resource"] == ["acs:oss:*:*:acme-test-raw", "acs:oss:*:*:acme-test-raw/*"]
    assert not [action for action in here["Action"] if "Put" in action or "Delete" in action]
    assert there["Resource"] == ["acs:oss:*:*:acme-test-raw-copy", "acs:oss:*:*:acme-test-raw-copy/*"]
    assert {"oss:ReplicatePut", "oss:ReplicateDelete"} <= set(there["Action"])


def test_a_replication_needs_its_provider_and_key() -> None:
    replication = Replication(region="cn-shanghai")

    def program() -> None:
        with pytest.raises(InvalidInput) as caught:
            Bucket("raw", BucketArgs(replication=replication), bucket="acme-test-raw", kms_key_id="key-1")
        assert [problem.path for problem in caught.value.problems] == ["replication", "replication.kmsKeyId"]

    assert recorded(program).resources == []


def test_inventory() -> None:
    recording = _bucket(BucketArgs(inventory="Weekly"), access_log_bucket="acme-test-access-logs")
    inputs = only(recording, "alicloud:oss/bucketInventory:BucketInventory").inputs
    assert inputs["schedule"] == {"frequency": "Weekly"}
    target = inputs["destination"]["ossBucketDestination"]
    assert (target["bucket"], target["prefix"]) == ("acs:oss:::acme-test-access-logs", "inventory/acme-test-raw/")
    read, write = json.loads(only(recording, POLICY).inputs["policyDocument"])["Statement"]
    assert write == {
        "Effect": "Allow",
        "Action": ["oss:PutObject"],
        "Resource": ["acs:oss:*:*:acme-test-access-logs/*"],
    }
    assert read["Action"] == ["oss:GetObject", "oss:ListObjects"]


def test_retention_and_acceleration() -> None:
    recording = _bucket(BucketArgs(retention=Retention(days=30), versioning=False, transfer_acceleration=True))
    worm = only(recording, "alicloud:oss/bucketWorm:BucketWorm").inputs
    assert (worm["retentionPeriodInDays"], worm["status"]) == (30, "InProgress")
    assert only(recording, BUCKET).inputs["transferAcceleration"] == {"enabled": True}
    locked = _bucket(BucketArgs(retention=Retention(days=30, locked=True), versioning=False))
    assert only(locked, "alicloud:oss/bucketWorm:BucketWorm").inputs["status"] == "Locked"
    assert "transferAcceleration" not in only(locked, BUCKET).inputs


def test_transitions() -> None:
    args = BucketArgs(
        transitions=[Transition(after_days=30, storage_class="IA"), Transition(after_days=90, storage_class="Archive")],
        old_version_transitions=[Transition(after_days=30, storage_class="IA")],
        expire_old_versions_after_days=60,
    )
    (rule,) = only(_bucket(args), BUCKET).inputs["lifecycleRules"]
    assert rule["transitions"] == [{"days": 30, "storageClass": "IA"}, {"days": 90, "storageClass": "Archive"}]
    assert rule["noncurrentVersionTransitions"] == [{"days": 30, "storageClass": "IA"}]


def test_grants_open_their_prefixes_only() -> None:
    grants = {
        "team-a": Grant(principals=["1"], prefixes=["team-a/"], access="write"),
        "team-b": Grant(principals=["2"], prefixes=["team-b/", "shared/"]),
    }
    statements = json.loads(bucket_policy("raw", grants))["Statement"]
    assert statements[0]["Effect"] == "Deny"
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    objects = {s["Principal"][0]: s for s in allowed if "oss:GetObject" in s["Action"]}
    assert objects["1"]["Resource"] == ["acs:oss:*:*:raw/team-a/*"]
    assert objects["2"]["Resource"] == ["acs:oss:*:*:raw/team-b/*", "acs:oss:*:*:raw/shared/*"]
    assert "oss:PutObject" in objects["1"]["Action"]
    assert not [action for action in objects["2"]["Action"] if not action.startswith("oss:Get")]
    lists = {s["Principal"][0]: s["Condition"] for s in allowed if s["Action"] == ["oss:ListObjects"]}
    assert lists["2"] == {"StringLike": {"oss:Prefix": ["team-b/*", "shared/*"]}}


def _transition(days: int, storage_class: Any) -> Transition:
    return Transition(after_days=days, storage_class=storage_class)


TRANSITIONS = st.lists(st.builds(_transition, st.integers(1, 1000), st.sampled_from(CLASSES[1:])), max_size=4)


@given(transitions=TRANSITIONS, expiry=st.none() | st.integers(1, 2000))
def test_what_is_accepted_grows_colder_and_stays_as_long_as_it_is_paid_for(
    transitions: list[Transition], expiry: int | None
) -> None:
    args = BucketArgs(transitions=transitions, expire_after_days=expiry)
    if bucket_problems("acme-test-raw", args):
        return
    ends = [*(t.after_days for t in transitions[1:]), *([expiry] if transitions else [])]
    for transition, end in zip(transitions, ends, strict=True):
        assert end is None or end - transition.after_days >= MINIMUM_DAYS[transition.storage_class]
    classes = [CLASSES.index(t.storage_class) for t in transitions]
    assert classes == sorted(set(classes))


@pytest.mark.parametrize("stack", [name for name in ENVIRONMENTS if name != "local"])
def test_no_attribute_is_both_inline_and_split(stack: str) -> None:
    """A bucket that sets a property inline and has a resource for it loses one of them at the next refresh."""
    recording = record_environment(stack, read_stack_config(stack))
    for bucket in (resource for resource in recording.resources if resource.type == BUCKET):
        for attribute, kind in SPLIT.items():
            split = [r for r in recording.resources if r.type == kind and bucket.urn in r.dependencies]
            assert not (split and attribute in bucket.inputs), (bucket.urn, attribute)
            assert not split or attribute in bucket.options.ignore_changes, (bucket.urn, attribute)
