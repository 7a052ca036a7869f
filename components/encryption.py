"""Encryption keys in Key Management Service (KMS)."""

from collections.abc import Mapping
from typing import Annotated

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args, Problem, require_valid

DEFAULT_KEY_ROTATION_DAYS = 365
"""The only rotation period of a default key. Source: pulumi-alicloud 4.0.0, kms.Key.rotation_interval."""


class EncryptionKeyArgs(Args):
    """A customer master key.

    Without a KMS instance it is the region's default key, of which an account has one (alibabacloud.com/help/en/
    key-management-service/latest/kms-manage-keys, read on 2026-11-22). So let one environment of a region make it, and
    name its id in the others, or give each a key in a KMS instance.
    """

    key_id: str | None = None
    """Id of an existing key. Then none is made."""

    kms_instance_id: str | None = None
    """Id of the KMS instance in which the key is made. None: the region's default key."""

    rotation_days: Annotated[int, Field(ge=7, le=365)] = DEFAULT_KEY_ROTATION_DAYS
    """Days between automatic rotations: 365 for a default key, 7 to 365 in a KMS instance."""

    pending_window_days: Annotated[int, Field(ge=7, le=366)] = 30
    """Days between the deletion of the key and its end, during which it can be brought back: 7 to 366."""


def encryption_problems(args: EncryptionKeyArgs) -> list[Problem]:
    """What is wrong with a key, besides the types of its arguments."""
    problems: list[Problem] = []
    if args.kms_instance_id is None and args.rotation_days != DEFAULT_KEY_ROTATION_DAYS:
        message = (
            f"a default key rotates every {DEFAULT_KEY_ROTATION_DAYS} days; name a kmsInstanceId for another period"
        )
        problems.append(Problem("rotationDays", args.rotation_days, message))
    if args.key_id is not None and args.kms_instance_id is not None:
        problems.append(Problem("keyId", args.key_id, "an existing key has its instance already; remove kmsInstanceId"))
    return problems


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key with rotation, deletion protection and an alias, or an existing key.

    Limits and defaults: pulumi-alicloud 4.0.0, kms.Key.
    """

    key_id: pulumi.Output[str]
    """Id of the key."""

    def __init__(
        self,
        resource_name: str,
        args: EncryptionKeyArgs,
        *,
        name: str,
        description: str,
        deletion_protection: bool = False,
        retain: bool = False,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the key and its alias `alias/<name>`, unless an existing key is named.

        retain: whether the key outlives the program's resources, as data that do must stay readable.
        Raises `InvalidInput` with all problems before anything is registered.
        """
        require_valid(encryption_problems(args))
        super().__init__("ack-ai-blueprint:encryption:EncryptionKey", resource_name, None, opts)
        if args.key_id is not None:
            self.key_id = pulumi.Output.from_input(args.key_id)
            self.register_outputs({"keyId": self.key_id})
            return
        child = pulumi.ResourceOptions(parent=self)
        key = alicloud.kms.Key(
            f"{resource_name}-key",
            description=description,
            key_spec="Aliyun_AES_256",
            key_usage="ENCRYPT/DECRYPT",
            dkms_instance_id=args.kms_instance_id,
            automatic_rotation="Enabled",
            rotation_interval=f"{args.rotation_days}d",
            pending_window_in_days=args.pending_window_days,
            deletion_protection="Enabled" if deletion_protection else "Disabled",
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=retain),
        )
        alicloud.kms.Alias(f"{resource_name}-alias", alias_name=f"alias/{name}", key_id=key.id, opts=child)
        self.key_id = key.id
        self.register_outputs({"keyId": self.key_id})
