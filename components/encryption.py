"""Encryption keys in Key Management Service (KMS)."""

from collections.abc import Mapping
from typing import Annotated

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args


class EncryptionKeyArgs(Args):
    """A customer master key."""

    rotation_days: Annotated[int, Field(ge=7, le=365)] = 365
    """Days between automatic rotations. Default keys support 365 only; keys of a KMS instance 7 to 365."""

    pending_window_days: Annotated[int, Field(ge=7, le=366)] = 30
    """Days between the deletion of the key and its end, during which it can be brought back: 7 to 366."""


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key with rotation, deletion protection and an alias.

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
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the key and its alias `alias/<name>`."""
        super().__init__("ack-ai-blueprint:encryption:EncryptionKey", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = alicloud.kms.Key(
            f"{resource_name}-key",
            description=description,
            key_spec="Aliyun_AES_256",
            key_usage="ENCRYPT/DECRYPT",
            automatic_rotation="Enabled",
            rotation_interval=f"{args.rotation_days}d",
            pending_window_in_days=args.pending_window_days,
            deletion_protection="Enabled" if deletion_protection else "Disabled",
            tags=tags,
            opts=child,
        )
        alicloud.kms.Alias(f"{resource_name}-alias", alias_name=f"alias/{name}", key_id=key.id, opts=child)
        self.key_id = key.id
        self.register_outputs({"keyId": self.key_id})
