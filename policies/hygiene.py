"""Hygiene: tags by which cost and ownership are found."""

from pulumi_policy import (
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
)

TAGGED = frozenset(
    {
        "alicloud:cs/managedKubernetes:ManagedKubernetes",
        "alicloud:cs/nodePool:NodePool",
        "alicloud:ecs/eipAddress:EipAddress",
        "alicloud:ecs/securityGroup:SecurityGroup",
        "alicloud:kms/key:Key",
        "alicloud:log/project:Project",
        "alicloud:oss/bucket:Bucket",
        "alicloud:vpc/natGateway:NatGateway",
        "alicloud:vpc/network:Network",
        "alicloud:vpc/switch:Switch",
    }
)
"""Resource types that cost money or own what does, and take tags (pulumi-alicloud 4.0.0)."""

DEFAULT_TAGS = ("environment", "managed-by")


def _required_tags(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in TAGGED:
        args.not_applicable("takes no tags, or costs nothing")
    required: list[str] = list(args.get_config().get("tags") or DEFAULT_TAGS)
    present = args.props.get("tags")
    missing = [tag for tag in required if tag not in (present or {})]
    if missing:
        report(f"The tags {', '.join(missing)} are missing. Add them under `tags`.", args.urn)


required_tags = ResourceValidationPolicy(
    name="required-tags",
    description="Resources that cost money must carry the required tags.",
    validate=_required_tags,
    config_schema=PolicyConfigSchema(
        properties={
            "tags": {
                "type": "array",
                "items": {"type": "string"},
                "default": list(DEFAULT_TAGS),
                "description": "Tags that must be present.",
            }
        }
    ),
    severity=Severity.LOW,
)
