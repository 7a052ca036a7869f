"""Object storage: buckets with versioning, lifecycle, encryption, access log, no public access and TLS only."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from . import catalog
from .inputs import Args, Problem, one_of, require_valid

BUCKET_NAME = r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$"
"""A legal bucket name: 3 to 63 lowercase letters, digits and hyphens. The provider accepts illegal ones at preview."""

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")


StorageClass = Literal["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"]

MINIMUM_DAYS: Mapping[str, int] = {"IA": 30, "Archive": 60, "ColdArchive": 180, "DeepColdArchive": 180}
"""Days that an object is paid for in a storage class, however early it leaves.
Source: github windwild/aliyun-docs@f4faf6f, deep cold archive best practice, 2026-02-27."""

RESTORE_TIMES: Mapping[str, str] = {
    "Archive": "about 1 minute",
    "ColdArchive": "1 to 12 hours",
    "DeepColdArchive": "12 to 48 hours",
}
"""How long it takes until a frozen object can be read again, by the priority that is paid for.
Source: alibabacloud.com/help/en/oss/user-guide/restore-objects-for-access, read 2026-11-22."""

CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
"""From the warmest to the coldest."""


class Transition(Args):
    """A change of storage class by age."""

    after_days: Annotated[int, Field(ge=1)]
    """Days after the last change of the object."""

    storage_class: Literal["IA", "Archive", "ColdArchive", "DeepColdArchive"]
    """Storage class from then on. All but `IA` must be restored before they can be read."""


class Replication(Args):
    """A copy of a bucket in another region, for disaster recovery. Both keep versions."""

    region: str
    """Region of the copy, another than the bucket's."""

    kms_key_id: str | None = None
    """KMS key of that region for the copy. None: one is made, where the bucket is encrypted with a KMS key."""

    history: bool = True
    """Whether objects from before the replication are copied, too."""

    deletions: bool = False
    """Whether deletions are copied, too. False protects the copy from what goes wrong in the bucket."""


class Retention(Args):
    """A retention policy (WORM): nobody can change or delete an object before its time.

    A bucket has either this or versions, so neither has it replication. Source: API InitiateBucketWorm, undated copy;
    that this still holds for whole buckets is not tested.
    """

    days: Annotated[int, Field(ge=1, le=25_550)]
    """Days for which each object is kept, at most 70 years."""

    locked: bool = False
    """Lock the policy: from then on it can only be prolonged, and the bucket cannot be deleted while it holds objects.
    An unlocked policy ends by itself after 24 hours."""


class Grant(Args):
    """Who may use some prefixes of a bucket, such as a tenant's."""

    principals: Annotated[
        Sequence[Annotated[str, Field(pattern=r"^(\d+|arn:sts::\d+:assumed-role/[^*]+/\*)$")]], Field(min_length=1)
    ]
    """RAM user ids, or roles as `arn:sts::<account id>:assumed-role/<role>/*`."""

    prefixes: Sequence[Annotated[str, Field(pattern=r"^[^/*][^*]*/$")]] = ()
    """Prefixes, each ending in a slash, such as `team-a/`. Empty: all of the bucket."""

    access: Literal["read", "write"] = "read"
    """`write` includes reading, and deleting: earlier versions stay."""


class BucketArgs(Args):
    """One bucket. The defaults are the safe ones; nothing needs to be set."""

    versioning: bool = True
    """Keep an object's earlier versions when it is overwritten or deleted. Can be suspended later, never removed."""

    transitions: Sequence[Transition] = ()
    """Storage classes by age, each colder and later than the one before."""

    old_version_transitions: Sequence[Transition] = ()
    """The same for earlier versions, by days since they were replaced."""

    expire_old_versions_after_days: Annotated[int, Field(ge=1)] | None = 30
    """Days after which an earlier version is deleted. None: never."""

    abort_uploads_after_days: Annotated[int, Field(ge=1)] | None = 7
    """Days after which the parts of an unfinished upload are deleted. None: never."""

    expire_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which an object itself is deleted. None: never."""

    storage_class: StorageClass = "Standard"
    """Storage class of new objects. Changing it replaces the bucket."""

    redundancy: Literal["LRS", "ZRS"] = "LRS"
    """Copies in one zone (LRS) or over several zones (ZRS). Changing it replaces the bucket."""

    access_log: bool = True
    """Whether requests are logged to the environment's access-log bucket, if it has one."""

    transfer_acceleration: bool = False
    """Whether uploads from far away may use accelerated endpoints, which cost extra."""

    inventory: Literal["Daily", "Weekly"] | None = None
    """How often a list of all objects is written to the environment's access-log bucket. None: never."""

    replication: Replication | None = None
    """A copy in another region."""

    retention: Retention | None = None
    """A retention policy (WORM), such as for registries of models."""

    grants: Mapping[Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")], Grant] = {}
    """Who may use which prefixes, by name."""

    force_destroy: bool = False
    """Whether destroying the environment deletes the objects. Left at false, a bucket with objects is not deleted."""


def bucket_problems(name: str, args: BucketArgs, region: str = "") -> list[Problem]:
    """What is wrong with a bucket, besides the types of its arguments.

    region: of the bucket, "" for not known.
    """
    problems: list[Problem] = []
    if not re.fullmatch(BUCKET_NAME, name):
        problems.append(
            Problem("", name, "not a bucket name: 3 to 63 lowercase letters, digits and hyphens, no hyphen at an end")
        )
    old_versions = args.expire_old_versions_after_days
    if not args.versioning:
        for key, value in (
            ("expireOldVersionsAfterDays", old_versions),
            ("oldVersionTransitions", [t.storage_class for t in args.old_version_transitions] or None),
        ):
            stated = "expire_old_versions_after_days" in args.model_fields_set or key == "oldVersionTransitions"
            if value is not None and stated:
                message = "has no effect with versioning: false; remove it or keep versions"
                problems.append(Problem(key, value, message))
    problems += _transition_problems("transitions", args.storage_class, args.transitions, args.expire_after_days)
    if args.versioning:
        problems += _transition_problems(
            "oldVersionTransitions", args.storage_class, args.old_version_transitions, old_versions
        )
    if args.inventory is not None and len(name) > 64 - len("-inventory"):
        problems.append(
            Problem("inventory", args.inventory, f"makes a role name {name}-inventory; at most 64 characters")
        )
    problems += _retention_problems(args)
    problems += _replication_problems(name, args, region)
    return problems


def _transition_problems(
    key: str, first: str, transitions: Sequence[Transition], expiry: int | None
) -> Iterator[Problem]:
    before, since = first, 0
    for index, transition in enumerate(transitions):
        path, colder = f"{key}[{index}]", transition.storage_class
        if CLASSES.index(colder) <= CLASSES.index(before):
            choices = ", ".join(CLASSES[CLASSES.index(before) + 1 :]) or "none"
            yield Problem(f"{path}.storageClass", colder, f"not colder than {before} before it; colder: {choices}")
        if index and transition.after_days - since < MINIMUM_DAYS.get(before, 1):
            minimum = MINIMUM_DAYS.get(before, 1)
            message = f"{before} is paid for {minimum} days; give {since + minimum} or more"
            yield Problem(f"{path}.afterDays", transition.after_days, message)
        before, since = colder, transition.after_days
    if transitions and expiry is not None and expiry - since < MINIMUM_DAYS.get(before, 0):
        keys = {"transitions": "expireAfterDays", "oldVersionTransitions": "expireOldVersionsAfterDays"}
        message = (
            f"{before} from day {since} on is paid for {MINIMUM_DAYS[before]} days; give {since + MINIMUM_DAYS[before]}"
        )
        yield Problem(keys[key], expiry, f"{message} or more, or leave the transition out")


def _retention_problems(args: BucketArgs) -> Iterator[Problem]:
    if args.retention is None:
        return
    days = args.retention.days
    if args.versioning:
        message = "OSS has either versions or a retention policy; set false, or leave retention out"
        yield Problem("versioning", True, message)
    if args.expire_after_days is not None and args.expire_after_days < days:
        yield Problem(
            "expireAfterDays", args.expire_after_days, f"before retention.days = {days}, until which all is kept"
        )
    if args.force_destroy:
        yield Problem("forceDestroy", True, f"cannot delete what retention.days = {days} keeps")


def _replication_problems(name: str, args: BucketArgs, region: str) -> Iterator[Problem]:
    replication = args.replication
    if replication is None:
        return
    regions = catalog.regions()
    if replication.region not in regions:
        message = one_of(replication.region, regions, "a region of the catalog")
        yield Problem("replication.region", replication.region, message)
    elif replication.region == region:
        others = ", ".join(sorted(set(regions) - {region}))
        yield Problem("replication.region", region, f"is the bucket's own region; take another: {others}")
    if not args.versioning:
        yield Problem("versioning", False, "replication needs versions, here and in the copy")
    longest = 63 - len("-replication")
    if len(name) > longest:
        yield Problem("replication", name, f"the names of its copy and role are longer; {longest} characters at most")


def bucket_policy(bucket: str, grants: Mapping[str, Grant]) -> str:
    """A bucket policy that denies plain HTTP and allows the grants, as compact JSON.

    Source: alibabacloud.com/help/en/oss/tutorial-example-using-the-bucket-policy-to-access-oss-resources and
    .../authorization-syntax-and-elements.
    """
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Deny",
            "Action": ["oss:*"],
            "Principal": ["*"],
            "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
            "Condition": {"Bool": {"acs:SecureTransport": ["false"]}},
        }
    ]
    for grant in grants.values():
        statements.append(
            {
                "Effect": "Allow",
                "Action": [*READ_ACTIONS, *(WRITE_ACTIONS if grant.access == "write" else ())],
                "Principal": list(grant.principals),
                "Resource": [f"acs:oss:*:*:{bucket}/{prefix}*" for prefix in grant.prefixes or ("",)],
            }
        )
        listing: dict[str, Any] = {
            "Effect": "Allow",
            "Action": ["oss:ListObjects"],
            "Principal": list(grant.principals),
            "Resource": [f"acs:oss:*:*:{bucket}"],
        }
        if grant.prefixes:
            listing["Condition"] = {"StringLike": {"oss:Prefix": [f"{prefix}*" for prefix in grant.prefixes]}}
        statements.append(listing)
    return _json({"Version": "1", "Statement": statements})


READ_ACTIONS = ("oss:GetObject", "oss:GetObjectVersion")
WRITE_ACTIONS = ("oss:PutObject", "oss:AbortMultipartUpload", "oss:ListParts", "oss:DeleteObject")
TRUST_OSS = {
    "Version": "1",
    "Statement": [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["oss.aliyuncs.com"]}},
    ],
}
"""What lets OSS take a role, to replicate and to write inventories."""


def replication_policy(bucket: str, copy: str) -> str:
    """What OSS needs to replicate a bucket, as compact JSON.

    Source: alibabacloud.com/help/en/oss/user-guide/introduction-to-data-replication-permissions, 2026-03-20.
    """
    read = ["oss:ReplicateList", "oss:ReplicateGet"]
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": [f"acs:oss:*:*:{name}", f"acs:oss:*:*:{name}/*"]}
        for name, actions in ((bucket, read), (copy, [*read, "oss:ReplicatePut", "oss:ReplicateDelete"]))
    ]
    return _json({"Version": "1", "Statement": statements})


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


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

    replica_name: pulumi.Output[str] | None
    """Name of the copy in another region, None for no replication."""

    def __init__(
        self,
        resource_name: str,
        args: BucketArgs,
        *,
        bucket: str,
        kms_key_id: pulumi.Input[str] | None = None,
        access_log_bucket: pulumi.Input[str] | None = None,
        replica_provider: pulumi.ProviderResource | None = None,
        replica_kms_key_id: pulumi.Input[str] | None = None,
        retain: bool = False,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the bucket and what belongs to it.

        bucket: its name, unique over all of Alibaba Cloud; kms_key_id: key for server-side encryption, None: the
        service's own AES-256 keys; access_log_bucket: bucket that receives request log and inventory, None: neither;
        replica_provider: provider of the copy's region, required with `replication`; replica_kms_key_id: key of that
        region, required with both; retain: whether the bucket stays in the cloud when it is removed from the program,
        closed but for what RAM allows: its policy goes. Raises `InvalidInput` with all problems before anything is
        registered.
        """
        problems = bucket_problems(bucket, args)
        replication = args.replication
        copy_key = (replication.kms_key_id if replication else None) or replica_kms_key_id
        if replication is not None and replica_provider is None:
            problems.append(Problem("replication", replication.region, "needs replica_provider"))
        if replication is not None and kms_key_id is not None and copy_key is None:
            problems.append(Problem("replication.kmsKeyId", None, "missing; the bucket is encrypted with a KMS key"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:storage:Bucket", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=retain or None)
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
            transfer_acceleration={"enabled": True} if args.transfer_acceleration else None,
            tags=tags,
            # The name stays, so a replacement cannot be made beside the old bucket; one that holds objects stays too.
            opts=pulumi.ResourceOptions.merge(
                kept, pulumi.ResourceOptions(ignore_changes=["policy", "acl"], delete_before_replace=True)
            ),
        )
        alicloud.oss.BucketPublicAccessBlock(
            f"{resource_name}-public-access-block", bucket=resource.id, block_public_access=True, opts=kept
        )
        alicloud.oss.BucketPolicy(
            f"{resource_name}-policy", bucket=resource.id, policy=bucket_policy(bucket, args.grants), opts=child
        )
        alicloud.oss.BucketHttpsConfig(
            f"{resource_name}-https", bucket=resource.id, enable=True, tls_versions=TLS_VERSIONS, opts=kept
        )
        if args.retention is not None:
            alicloud.oss.BucketWorm(
                f"{resource_name}-retention",
                bucket=resource.id,
                retention_period_in_days=args.retention.days,
                status="Locked" if args.retention.locked else "InProgress",
                opts=kept,
            )
        if args.inventory is not None and access_log_bucket is not None:
            self._inventory(resource_name, bucket, resource, args.inventory, access_log_bucket)
        self.replica_name = None
        if replication is not None and replica_provider is not None:
            copy_opts = pulumi.ResourceOptions(parent=self, providers=[replica_provider])
            self.replica_name = self._replicate(
                resource_name, bucket, resource, args, replication, copy_key if kms_key_id else None, tags, copy_opts
            )
        self.name = resource.id
        self.intranet_endpoint = resource.intranet_endpoint
        self.register_outputs({"name": self.name, "intranetEndpoint": self.intranet_endpoint})

    def _inventory(
        self,
        resource_name: str,
        bucket: str,
        resource: alicloud.oss.Bucket,
        frequency: str,
        destination: pulumi.Input[str],
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        # The least that the inventory needs is UNCONFIRMED: reading here and writing there is what it does.
        allowed = pulumi.Output.from_input(destination).apply(
            lambda name: _json(
                {
                    "Version": "1",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["oss:GetObject", "oss:ListObjects"],
                            "Resource": [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"],
                        },
                        {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": [f"acs:oss:*:*:{name}/*"]},
                    ],
                }
            )
        )
        role = _role(f"{resource_name}-inventory", f"{bucket}-inventory", allowed, child)
        alicloud.oss.BucketInventory(
            f"{resource_name}-inventory",
            bucket=resource.id,
            inventory_id="all",
            is_enabled=True,
            included_object_versions="All",
            schedule={"frequency": frequency},
            optional_fields={"fields": ["Size", "LastModifiedDate", "StorageClass", "EncryptionStatus"]},
            destination={
                "oss_bucket_destination": {
                    "account_id": role.arn.apply(lambda arn: arn.split(":")[3]),
                    "bucket": pulumi.Output.concat("acs:oss:::", destination),
                    "format": "CSV",
                    "prefix": f"inventory/{bucket}/",
                    "role_arn": role.arn,
                }
            },
            opts=child,
        )

    def _replicate(
        self,
        resource_name: str,
        bucket: str,
        resource: alicloud.oss.Bucket,
        args: BucketArgs,
        replication: Replication,
        copy_key: pulumi.Input[str] | None,
        tags: Mapping[str, str] | None,
        copy_opts: pulumi.ResourceOptions,
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        own = {
            "replication": None,
            "inventory": None,
            "access_log": False,
            "grants": {},
            "transfer_acceleration": False,
        }
        copy = Bucket(
            f"{resource_name}-copy",
            args.model_copy(update=own),
            bucket=f"{bucket}-copy",
            kms_key_id=copy_key,
            tags=tags,
            opts=copy_opts,
        )
        role = _role(
            f"{resource_name}-replication",
            f"{bucket}-replication",
            replication_policy(bucket, f"{bucket}-copy"),
            child,
        )
        needs: list[pulumi.Resource] = [role]
        if copy_key is not None:
            needs.append(
                alicloud.ram.RolePolicyAttachment(
                    f"{resource_name}-replication-keys",
                    role_name=role.role_name,
                    policy_name="AliyunKMSCryptoUserAccess",
                    policy_type="System",
                    opts=child,
                )
            )
        alicloud.oss.BucketReplication(
            f"{resource_name}-replication",
            bucket=resource.id,
            action="ALL" if replication.deletions else "PUT",
            historical_object_replication="enabled" if replication.history else "disabled",
            destination={
                "bucket": copy.name,
                "location": f"oss-{replication.region}",
                "transfer_type": "internal",
            },
            sync_role=role.role_name,
            source_selection_criteria={"sse_kms_encrypted_objects": {"status": "Enabled"}}
            if copy_key is not None
            else None,
            encryption_configuration={"replica_kms_key_id": copy_key} if copy_key is not None else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
        )
        return copy.name


def _role(resource_name: str, name: str, allowed: pulumi.Input[str], opts: pulumi.ResourceOptions) -> alicloud.ram.Role:
    """A role that OSS may take, with what it may do then."""
    role = alicloud.ram.Role(
        f"{resource_name}-role", role_name=name, assume_role_policy_document=_json(TRUST_OSS), opts=opts
    )
    policy = alicloud.ram.Policy(
        f"{resource_name}-policy", policy_name=name, policy_document=allowed, force=True, opts=opts
    )
    alicloud.ram.RolePolicyAttachment(
        f"{resource_name}-attachment",
        role_name=role.role_name,
        policy_name=policy.policy_name,
        policy_type="Custom",
        opts=opts,
    )
    return role


def _lifecycle_rules(args: BucketArgs) -> list[alicloud.oss.BucketLifecycleRuleArgs]:
    # One rule for the whole bucket: rules with the same action and overlapping prefixes need a switch of their own. An
    # expiration is either by days or of expired delete markers.
    rule = alicloud.oss.BucketLifecycleRuleArgs(id="whole-bucket", enabled=True, prefix="")
    if args.abort_uploads_after_days is not None:
        rule.abort_multipart_uploads = [
            alicloud.oss.BucketLifecycleRuleAbortMultipartUploadArgs(days=args.abort_uploads_after_days)
        ]
    if args.transitions:
        rule.transitions = [
            alicloud.oss.BucketLifecycleRuleTransitionArgs(days=t.after_days, storage_class=t.storage_class)
            for t in args.transitions
        ]
    if args.versioning and args.old_version_transitions:
        rule.noncurrent_version_transitions = [
            alicloud.oss.BucketLifecycleRuleNoncurrentVersionTransitionArgs(
                days=t.after_days, storage_class=t.storage_class
            )
            for t in args.old_version_transitions
        ]
    if args.versioning and args.expire_old_versions_after_days is not None:
        rule.noncurrent_version_expirations = [
            alicloud.oss.BucketLifecycleRuleNoncurrentVersionExpirationArgs(days=args.expire_old_versions_after_days)
        ]
    if args.expire_after_days is not None:
        rule.expirations = [alicloud.oss.BucketLifecycleRuleExpirationArgs(days=args.expire_after_days)]
    elif rule.noncurrent_version_expirations is not None:
        rule.expirations = [alicloud.oss.BucketLifecycleRuleExpirationArgs(expired_object_delete_marker=True)]
    kept = (
        *(rule.abort_multipart_uploads, rule.transitions, rule.noncurrent_version_transitions),
        *(rule.noncurrent_version_expirations, rule.expirations),
    )
    return [rule] if any(kept) else []
