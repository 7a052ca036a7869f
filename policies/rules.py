"""All rules of the pack, in the order in which they are documented."""

from .rule import Rule
from .storage import bucket_not_public, bucket_versioning
from .workloads import (
    DECLARED,
    namespaces_deny_by_default,
    namespaces_have_limits,
    namespaces_have_pod_security,
    namespaces_have_quota,
)

RULES: list[Rule] = [
    bucket_versioning,
    bucket_not_public,
    *DECLARED,
    namespaces_have_quota,
    namespaces_have_limits,
    namespaces_deny_by_default,
    namespaces_have_pod_security,
]
"""The rules of the pack."""
