"""All rules of the pack, in the order in which they are documented."""

from . import cache, cluster, nodes, storage
from .rule import Rule

RULES: list[Rule] = [
    value for module in (cluster, nodes, storage, cache) for value in vars(module).values() if isinstance(value, Rule)
]
"""The rules of the pack."""
