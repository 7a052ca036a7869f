"""Protection: what holds data or carries everything else is not deleted by accident."""

from pulumi_policy import (
    EnforcementLevel,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
)

PROTECTED_VALUES: dict[str, tuple[object, ...]] = {
    "alicloud:cs/managedKubernetes:ManagedKubernetes": (True,),
    "alicloud:vpc/natGateway:NatGateway": (True,),
    "alicloud:kms/key:Key": ("Enabled",),
}
"""Types with deletion protection in the cloud, and the value of `deletionProtection` that switches it on."""

RETAINED = frozenset({"alicloud:oss/bucket:Bucket", "alicloud:vpc/network:Network"})
"""Types without it, which Pulumi itself must protect."""


def _deletion_protection(args: ResourceValidationArgs, report: ReportViolation) -> None:
    kind = args.resource_type
    if kind not in PROTECTED_VALUES and kind not in RETAINED:
        args.not_applicable("needs no protection")
    if kind in PROTECTED_VALUES:
        value = args.props.get("deletionProtection")
        if value not in PROTECTED_VALUES[kind]:
            report("Deletion protection is off. Switch it on; in an environment, set protection: true.", args.urn)
    # A tenant's bucket stays in the cloud when it is removed from the program, which protection would not allow.
    elif not args.opts.protect and "tenant" not in (args.props.get("tags") or {}):
        report(
            "The resource is not protected. Set the option `protect`; in an environment, set protection: true.",
            args.urn,
        )
    if kind == "alicloud:oss/bucket:Bucket" and "forceDestroy" in args.props and args.props["forceDestroy"]:
        report("Destroying the bucket deletes its objects. Set forceDestroy to false.", args.urn)


deletion_protection = ResourceValidationPolicy(
    name="deletion-protection",
    description="Clusters, gateways, keys, networks and buckets must be protected from deletion.",
    validate=_deletion_protection,
    enforcement_level=EnforcementLevel.ADVISORY,
    severity=Severity.HIGH,
)
