"""RAM roles that one service account of one cluster may take (RRSA), as resources."""

from collections.abc import Mapping

import pulumi
import pulumi_alicloud as alicloud

from .identity import trust_policy


def pod_role(
    resource_name: str,
    name: str,
    *,
    description: str,
    subject: str,
    policy_description: str,
    policy_document: pulumi.Input[str],
    provider_arn: pulumi.Input[str],
    issuer_url: pulumi.Input[str],
    tags: Mapping[str, str] | None,
    opts: pulumi.ResourceOptions,
) -> tuple[alicloud.ram.Role, alicloud.ram.RolePolicyAttachment]:
    """Register a role with one policy, both of that name; gives the role, and the attachment by which it may do so.

    subject: `system:serviceaccount:<namespace>:<name>`; provider_arn, issuer_url: the cluster's.
    """
    role = alicloud.ram.Role(
        f"{resource_name}-role",
        role_name=name,
        description=description,
        assume_role_policy_document=pulumi.Output.all(provider_arn, issuer_url).apply(
            lambda known: trust_policy(known[0], known[1], subject)
        ),
        tags=tags,
        opts=opts,
    )
    policy = alicloud.ram.Policy(
        f"{resource_name}-policy",
        policy_name=name,
        description=policy_description,
        policy_document=policy_document,
        rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
        opts=opts,
    )
    attachment = alicloud.ram.RolePolicyAttachment(
        f"{resource_name}-role-policy",
        role_name=role.role_name,
        policy_name=policy.policy_name,
        policy_type="Custom",
        opts=opts,
    )
    return role, attachment
