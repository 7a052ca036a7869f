"""All rules of the pack, in the order in which they are documented."""

from .rule import Rule
from .storage import bucket_not_public, bucket_versioning

RULES: list[Rule] = [bucket_versioning, bucket_not_public]
"""The rules of the pack."""
