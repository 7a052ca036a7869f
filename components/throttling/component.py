"""The resources of OSS throttling."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .args import RequesterArgs, ThrottlingArgs
from .planning import ThrottlingPlan, plan_throttling, support_request
from .provider import (
    BucketGroupMembership,
    BucketGroupThrottle,
    BucketRequesterThrottle,
    BucketThrottle,
    PoolPriorities,
    PoolRequesterPriorities,
    PoolRequesterThrottle,
)
from .wire import PriorityDocument


class Throttling(pulumi.ComponentResource):
    """Limits and priorities inside one resource pool of OSS.

    Buckets join their groups before the groups get limits, and all this is before the priorities that name them.
    Deleting goes the other way. The calls take the access key of the environment variables, not of a Pulumi provider.

    Example:

        Throttling("throttling", ThrottlingArgs(...), region="cn-hangzhou", buckets={"raw": "acme-data-dev-raw"})
    """

    plan: ThrottlingPlan
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        args: ThrottlingArgs,
        *,
        region: str,
        buckets: Mapping[str, str],
        role_ids: Mapping[str, pulumi.Input[str]] | None = None,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the throttles and register them.

        buckets: names of the environment's buckets by role; role_ids: ids (not names) of RAM roles by name; after: the
        resources of buckets and roles, which must be there first. Raises `InvalidInput` with all problems before
        anything is registered.
        """
        ids = role_ids or {}
        self.plan = plan = plan_throttling(args, buckets, roles=ids)
        super().__init__("ack-ai-blueprint:throttling:Throttling", resource_name, None, opts)
        common: dict[str, Any] = {
            "region": region,
            "pool": plan.pool,
            "support_request": support_request(region, plan),
        }

        def options(*before: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions(parent=self, depends_on=[*after, *before])

        memberships = {
            member.role: BucketGroupMembership(
                f"{resource_name}-membership-{member.role}",
                bucket=member.bucket,
                group=member.group,
                opts=options(),
                **common,
            )
            for member in plan.memberships
        }
        groups = [
            BucketGroupThrottle(
                f"{resource_name}-group-{group.name}",
                group=group.name,
                limits=group.limits.properties(),
                opts=options(*(memberships[m.role] for m in plan.memberships if m.group == group.name)),
                **common,
            )
            for group in plan.groups
            if group.limits.finite
        ]
        # Limits wait for no other limits: the inner one must go first where both shrink, the outer one where both grow.
        for bucket in plan.buckets:
            BucketThrottle(
                f"{resource_name}-bucket-{bucket.role}",
                bucket=bucket.bucket,
                limits=bucket.limits.properties(),
                opts=options(),
                **common,
            )
        for requester in plan.requesters:
            identity = plan.identities[requester.name]
            id_, limits = _id(identity, ids), requester.limits.properties()
            # Named after what it is in OSS: under a new name, the old one's removal would take the new one along.
            name = f"{resource_name}-requester-{identity.id or identity.role}"
            if requester.bucket is None:
                PoolRequesterThrottle(
                    name,
                    requester=id_,
                    limits=limits,
                    opts=options(),
                    **common,
                )
                continue
            BucketRequesterThrottle(
                f"{name}-{identity.bucket}",
                bucket=requester.bucket,
                requester=id_,
                limits=limits,
                opts=options(),
                **common,
            )
        if plan.priorities:
            PoolPriorities(
                f"{resource_name}-priorities",
                priorities=plan.priorities.properties(),
                opts=options(*memberships.values(), *groups),
                **common,
            )
        if plan.requester_priorities:
            PoolRequesterPriorities(
                f"{resource_name}-requester-priorities",
                priorities=_with_ids(plan.requester_priorities, plan, ids),
                opts=options(),
                **common,
            )
        self.register_outputs({})


def _id(requester: RequesterArgs, ids: Mapping[str, pulumi.Input[str]]) -> pulumi.Input[str]:
    return requester.id if requester.id is not None else ids[requester.role or ""]


def _with_ids(
    document: PriorityDocument, plan: ThrottlingPlan, ids: Mapping[str, pulumi.Input[str]]
) -> pulumi.Output[dict[str, Any]]:
    """A document's properties with ids of requesters in the place of their names."""
    names = sorted({name for level in document.levels for _, name in level.subjects})
    known = pulumi.Output.all(**{name: _id(plan.identities[name], ids) for name in names})
    return known.apply(lambda found: document.named(found).properties())
