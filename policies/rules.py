"""All rules of the pack, in the order in which they are documented."""

from pulumi_policy import Policy

from . import compute, hygiene, protection, quotas, storage

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
    compute.nodes_hardened,
    compute.pool_size_has_one_owner,
    compute.gpu_sharing_on_gpu_nodes,
    compute.spot_has_fallback,
    compute.leaders_not_on_spot,
    compute.rungs_need_instant_elasticity,
    compute.serverless_pods_within_limits,
]
"""The rules of the pack."""
