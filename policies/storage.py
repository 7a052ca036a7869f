"""Storage: buckets, file systems, disks and log stores are private, encrypted, and keep what they must."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from .documents import allows_everybody
from .network import INSTANCE_SET, LAUNCH_TEMPLATES, MAKES_INSTANCES
from .resources import BUCKET, BUCKET_POLICY, matches, section, stated
from .rule import Config, Inputs, Resource, Subject, rule

BUCKET_ACL = "alicloud:oss/bucketAcl:BucketAcl"
BUCKET_ENCRYPTION = "alicloud:oss/bucketServerSideEncryption:BucketServerSideEncryption"
BUCKET_LOGGING = "alicloud:oss/bucketLogging:BucketLogging"
BUCKET_OBJECT = "alicloud:oss/bucketObject:BucketObject"
BUCKET_REPLICATION = "alicloud:oss/bucketReplication:BucketReplication"
BUCKET_VERSIONING = "alicloud:oss/bucketVersioning:BucketVersioning"
BUCKET_RETENTION = "alicloud:oss/bucketWorm:BucketWorm"
PUBLIC_ACCESS_BLOCK = "alicloud:oss/bucketPublicAccessBlock:BucketPublicAccessBlock"
ACCOUNT_PUBLIC_ACCESS_BLOCK = "alicloud:oss/accountPublicAccessBlock:AccountPublicAccessBlock"
DISK = "alicloud:ecs/ecsDisk:EcsDisk"
OLD_DISK = "alicloud:ecs/disk:Disk"
FILE_SYSTEM = "alicloud:nas/fileSystem:FileSystem"
INSTANCE = "alicloud:ecs/instance:Instance"
LOG_STORE = "alicloud:log/store:Store"
RECYCLE_BIN = "alicloud:nas/recycleBin:RecycleBin"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"


def _own(subject: Subject[Any], kind: str) -> list[Resource]:
    """The resources of a kind that belong to a bucket."""
    return [other for other in subject.of(kind) if subject.linked(other, "bucket", "bucket")]


def _versioning(subject: Subject[Any]) -> set[str]:
    """What is said of a bucket's versions, in itself and beside it; none where nothing is."""
    inline = section(subject.inputs, "versioning").get("status")
    beside = {split.inputs.get("status", "") for split in _own(subject, BUCKET_VERSIONING)}
    return beside | ({inline} if inline else set())


@rule(
    "bucket-versioning",
    area="storage",
    severity="high",
    types={BUCKET},
    stack=True,
    needs=["versioning.status"],
    must="Buckets must keep earlier versions of their objects, or have a retention policy.",
    how="Set versioning.status to Enabled, or add an oss.BucketVersioning for the bucket.",
    reference="https://help.aliyun.com/zh/oss/user-guide/versioning",
)
def bucket_versioning(subject: Subject[Config]) -> Iterator[str]:
    # A bucket with a retention policy cannot have versions.
    if not _own(subject, BUCKET_RETENTION) and _versioning(subject) != {"Enabled"}:
        yield "The bucket does not keep earlier versions. Set versioning to Enabled."


@rule(
    "bucket-not-public",
    area="storage",
    severity="critical",
    types={BUCKET, BUCKET_ACL, BUCKET_POLICY, BUCKET_OBJECT},
    needs=["acl", "policy"],
    floor=True,
    must="Buckets must not be readable or writable by everybody.",
    how="Set the ACL to private; name principals in bucket policies, or add a condition on who or from where.",
    reference="https://help.aliyun.com/zh/oss/user-guide/block-public-access",
)
def bucket_not_public(subject: Subject[Config]) -> Iterator[str]:
    acl = subject.inputs.get("acl")
    if acl in ("public-read", "public-read-write"):
        if subject.resource.type == BUCKET_OBJECT:
            yield f"The object's ACL is {acl}: everybody can reach it. Leave acl out."
        else:
            yield f"The bucket's ACL is {acl}: everybody can reach its objects. Use private."
    if allows_everybody(subject.inputs.get("policy")):
        yield "The bucket policy allows something to everybody. Name the principals, or a VPC in a condition."


@rule(
    "bucket-blocks-public-access",
    area="storage",
    severity="high",
    types={BUCKET},
    stack=True,
    must="Buckets must block public access, whatever an ACL or policy says later.",
    how="Add an oss.BucketPublicAccessBlock with blockPublicAccess: true for the bucket, or one for the account.",
    reference="https://www.alibabacloud.com/help/en/oss/developer-reference/putbucketpublicaccessblock",
)
def bucket_blocks_public_access(subject: Subject[Config]) -> Iterator[str]:
    blocks = [*subject.of(ACCOUNT_PUBLIC_ACCESS_BLOCK), *_own(subject, PUBLIC_ACCESS_BLOCK)]
    if not any(block.inputs.get("blockPublicAccess") for block in blocks):
        yield (
            "Nothing stops a later ACL or bucket policy from making the bucket public. Add an "
            "oss.BucketPublicAccessBlock with blockPublicAccess: true."
        )


@rule(
    "bucket-encrypted",
    area="storage",
    severity="high",
    types={BUCKET},
    stack=True,
    needs=["serverSideEncryptionRule.sseAlgorithm"],
    must="Buckets must encrypt their objects.",
    how="Set serverSideEncryptionRule.sseAlgorithm to KMS or AES256, or add an oss.BucketServerSideEncryption.",
    reference="https://www.alibabacloud.com/help/en/oss/developer-reference/putbucketencryption",
)
def bucket_encrypted(subject: Subject[Config]) -> Iterator[str]:
    if _own(subject, BUCKET_ENCRYPTION):
        return
    if not section(subject.inputs, "serverSideEncryptionRule").get("sseAlgorithm"):
        yield "The bucket does not encrypt its objects. Set serverSideEncryptionRule.sseAlgorithm to KMS or AES256."


@rule(
    "bucket-lifecycle",
    area="storage",
    severity="low",
    types={BUCKET},
    stack=True,
    needs=["lifecycleRules"],
    level="advisory",
    must="Buckets must let unfinished uploads and old versions expire, which are paid for but not seen.",
    how="Add a rule to lifecycleRules with abortMultipartUploads and noncurrentVersionExpirations.",
    reference="https://help.aliyun.com/en/oss/user-guide/lifecycle-rules-based-on-the-last-modified-time",
)
def bucket_lifecycle(subject: Subject[Config]) -> Iterator[str]:
    rules = _lifecycle(subject.inputs)
    if not any(one.get("abortMultipartUploads") for one in rules):
        yield "Parts of unfinished uploads stay for ever. Add a rule to lifecycleRules with abortMultipartUploads."
    if "Enabled" in _versioning(subject) and not any(one.get("noncurrentVersionExpirations") for one in rules):
        yield "Old versions stay for ever. Add a rule to lifecycleRules with noncurrentVersionExpirations."


def _lifecycle(bucket: Inputs) -> list[Inputs]:
    """The lifecycle rules that are in force."""
    return [one for one in bucket.get("lifecycleRules") or () if one.get("enabled")]


@rule(
    "bucket-access-logged",
    area="storage",
    severity="low",
    types={BUCKET},
    stack=True,
    level="advisory",
    must="Access to buckets must be logged, except to those that hold the logs.",
    how="Set logging.targetBucket to a bucket for logs, or add an oss.BucketLogging.",
    reference="https://www.alibabacloud.com/help/doc-detail/31900.htm",
)
def bucket_access_logged(subject: Subject[Config]) -> Iterator[str]:
    if "logging" in stated(subject.inputs) or _own(subject, BUCKET_LOGGING):
        return
    if not any(subject.linked(other, "targetBucket", "bucket") for other in subject.of(BUCKET_LOGGING)) and not any(
        _logs_to(other, subject) for other in subject.of(BUCKET)
    ):
        yield "Nobody can tell who read or wrote the bucket. Set logging.targetBucket to a bucket for logs."


def _logs_to(other: Resource, target: Subject[Any]) -> bool:
    """Whether another bucket's inline logging goes to a bucket."""
    if target.resource.urn in other.property_dependencies.get("logging", ()):
        return True
    return section(other.inputs, "logging").given("targetBucket") in {target.inputs.given("bucket")} - {None}


class Replicated(Config):
    buckets: Sequence[str] = ()
    """Names of buckets that must be copied, with `*` for any text. Default: none."""


@rule(
    "bucket-replicated",
    area="storage",
    severity="medium",
    types={BUCKET},
    stack=True,
    config=Replicated,
    must="Buckets that are named so must be copied to another bucket.",
    how="Add an oss.BucketReplication for the bucket.",
    reference="https://www.alibabacloud.com/help/doc-detail/254865.html",
)
def bucket_replicated(subject: Subject[Replicated]) -> Iterator[str]:
    if matches(_name(subject), subject.config.buckets) and not _own(subject, BUCKET_REPLICATION):
        yield "Nothing copies the bucket, though it must be. Add an oss.BucketReplication."


def _name(subject: Subject[Any]) -> str:
    """Name of a bucket, where the program leaves it to the provider that of the resource."""
    return subject.inputs.get("bucket") or subject.resource.name


class Retention(Config):
    days: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    """Days for which objects must be kept, by the buckets' names with `*` for any text. Default: none."""


@rule(
    "bucket-keeps-long-enough",
    area="storage",
    severity="high",
    types={BUCKET},
    needs=["lifecycleRules"],
    config=Retention,
    must="No lifecycle rule must delete objects before the days that are configured for their bucket.",
    how="Raise days under expirations and noncurrentVersionExpirations of lifecycleRules, or leave them out.",
    reference="https://help.aliyun.com/en/oss/user-guide/lifecycle-rules-based-on-the-last-modified-time",
)
def bucket_keeps_long_enough(subject: Subject[Retention]) -> Iterator[str]:
    least = max((days for name, days in subject.config.days.items() if matches(_name(subject), [name])), default=0)
    for one in _lifecycle(subject.inputs):
        for expiration in one.get("expirations") or ():
            days = expiration.get("days")
            if days is not None and days < least:
                yield f"Objects are deleted after {days:g} days, must be kept for {least}. Raise expirations.days."
            if least and (expiration.get("date") or expiration.get("createdBeforeDate")):
                yield f"Objects are deleted at a date, must be kept for {least} days. Use expirations.days."
        for expiration in one.get("noncurrentVersionExpirations") or ():
            if expiration["days"] < least:
                yield (
                    f"Earlier versions are deleted after {expiration['days']:g} days, objects must be kept for "
                    f"{least}. Raise noncurrentVersionExpirations.days."
                )


@rule(
    "bucket-not-force-destroyed",
    area="storage",
    severity="high",
    types={BUCKET},
    needs=["forceDestroy"],
    level="advisory",
    remedy={"forceDestroy": False},
    must="Destroying a bucket must not delete its objects.",
    how="Set forceDestroy to false.",
    reference="https://www.pulumi.com/registry/packages/alicloud/api-docs/oss/bucket/",
)
def bucket_not_force_destroyed(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("forceDestroy"):
        yield "Destroying the bucket deletes its objects. Set forceDestroy to false."


@rule(
    "file-system-encrypted",
    area="storage",
    severity="high",
    types={FILE_SYSTEM},
    needs=["encryptType", "fileSystemType"],
    must="General-purpose and extreme NAS file systems must be encrypted.",
    how="Set encryptType to 1 (key of NAS) or 2 (own key in kmsKeyId); changing it replaces the file system.",
    reference="https://www.alibabacloud.com/help/en/nas/developer-reference/api-nas-2017-06-26-createfilesystem",
)
def file_system_encrypted(subject: Subject[Config]) -> Iterator[str]:
    # CPFS takes no such key.
    if subject.inputs.get("fileSystemType") not in ("cpfs", "cpfsse") and not subject.inputs.get("encryptType"):
        yield "The file system is not encrypted. Set encryptType to 1, or to 2 with a kmsKeyId."


@rule(
    "file-system-recycle-bin",
    area="storage",
    severity="low",
    types={FILE_SYSTEM},
    stack=True,
    needs=["fileSystemType", "recycleBin.status"],
    level="advisory",
    must="General-purpose NAS file systems must have a recycle bin.",
    how="Add a nas.RecycleBin for the file system, or set recycleBin.status to Enable.",
    reference="https://www.alibabacloud.com/help/en/nas/user-guide/recycle-bin",
)
def file_system_recycle_bin(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("fileSystemType") not in (None, "standard"):
        return
    if any(subject.linked(other, "fileSystemId") for other in subject.of(RECYCLE_BIN)):
        return
    if section(subject.inputs, "recycleBin").get("status") != "Enable":
        yield "Files that are deleted by mistake are gone. Add a nas.RecycleBin for the file system."


@rule(
    "disks-encrypted",
    area="storage",
    severity="high",
    types={DISK, OLD_DISK, INSTANCE, *MAKES_INSTANCES, STORAGE_CLASS},
    needs=["encrypted", "systemDiskEncrypted", "systemDisk.encrypted", "parameters.encrypted"],
    must="Disks of instances, of what makes instances, and those that storage classes make must be encrypted.",
    how="Set encrypted to true, of an instance and a scaling configuration systemDiskEncrypted, too, of a launch "
    'template systemDisk.encrypted; of a class parameters.encrypted to "true".',
    reference="https://help.aliyun.com/zh/ack/ack-managed-and-ack-dedicated/user-guide/encrypt-cloud-disk-storage-volumes",
)
def disks_encrypted(subject: Subject[Config]) -> Iterator[str]:
    inputs, kind = subject.inputs, subject.resource.type
    if kind == STORAGE_CLASS:
        disks = inputs.get("provisioner") == "diskplugin.csi.alibabacloud.com"
        if disks and section(inputs, "parameters").get("encrypted") != "true":
            yield 'Volumes of this class are not encrypted. Set parameters.encrypted to "true".'
    elif kind in (DISK, OLD_DISK):
        if not inputs.get("encrypted"):
            yield "The disk is not encrypted. Set encrypted to true."
    else:
        if kind in LAUNCH_TEMPLATES:
            if not section(inputs, "systemDisk").get("encrypted"):
                yield "The system disk is not encrypted. Set systemDisk.encrypted to true."
        # An EcsInstanceSet has no such property (pulumi-alicloud 4.0.0).
        elif kind != INSTANCE_SET and not inputs.get("systemDiskEncrypted"):
            yield "The system disk is not encrypted. Set systemDiskEncrypted to true."
        for index, disk in enumerate(inputs.get("dataDisks") or ()):
            if not disk.get("encrypted"):
                yield f"A data disk is not encrypted. Set dataDisks[{index}].encrypted to true."


class Retained(Config):
    classes: Sequence[str] = ()
    """Names of storage classes whose volumes must stay when their claims go, with `*` for any text. Default: none."""


@rule(
    "stateful-volumes-retained",
    area="storage",
    severity="medium",
    types={STORAGE_CLASS},
    needs=["reclaimPolicy"],
    config=Retained,
    must="Volumes of storage classes that are named so must stay when their claims are deleted.",
    how="Set reclaimPolicy to Retain.",
    reference="https://kubernetes.io/docs/concepts/storage/storage-classes/#reclaim-policy",
)
def stateful_volumes_retained(subject: Subject[Retained]) -> Iterator[str]:
    name = section(subject.inputs, "metadata").get("name") or subject.resource.name
    if matches(name, subject.config.classes) and subject.inputs.get("reclaimPolicy") != "Retain":
        yield "Deleting a claim deletes its volume. Set reclaimPolicy to Retain."


class LogRetention(Config):
    days: Annotated[int, Field(ge=1, le=3650)] = 7
    """Days for which logs must be kept."""


@rule(
    "log-store-kept",
    area="storage",
    severity="low",
    types={LOG_STORE},
    needs=["retentionPeriod"],
    config=LogRetention,
    level="advisory",
    must="Log stores must keep logs for the days that are configured.",
    how="Raise retentionPeriod.",
    reference="https://www.pulumi.com/registry/packages/alicloud/api-docs/log/store/",
)
def log_store_kept(subject: Subject[LogRetention]) -> Iterator[str]:
    days = subject.inputs.get("retentionPeriod") or 30
    if days < subject.config.days:
        yield f"Logs are kept for {days:g} days only. Set retentionPeriod to {subject.config.days} or more."
