"""All rules of the pack, in the order in which they are documented."""

from pulumi_policy import Policy

from . import hygiene, protection, quotas, storage

RULES: list[Policy] = [
    quotas.nodes_within_quota,
    quotas.vcpu_within_quota,
    quotas.memory_within_quota,
    quotas.gpus_within_quota,
    quotas.monthly_cost_within_budget,
    quotas.instance_family_allowed,
    quotas.region_allowed,
    hygiene.required_tags,
    storage.bucket_versioning,
    storage.bucket_not_public,
    storage.bucket_blocks_public_access,
    protection.deletion_protection,
]
"""The rules of the pack."""
