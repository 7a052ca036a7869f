"""All rules of the pack, in the order in which they are documented."""

from . import cache, cluster, hygiene, nodes, storage
from .rule import Rule

MODULES = (cluster, nodes, storage, cache, hygiene)

RULES: list[Rule] = [value for module in MODULES for value in vars(module).values() if isinstance(value, Rule)]
"""The rules of the pack."""
