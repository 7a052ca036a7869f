"""All rules of the pack, in the order in which they are documented."""

from . import budget, cache, cluster, hygiene, identity, network, nodes, quotas, storage, workloads
from .rule import Rule

AREAS = (quotas, budget, identity, network, cluster, nodes, storage, workloads, cache, hygiene)

RULES: list[Rule] = [
    *(value for module in AREAS for value in vars(module).values() if isinstance(value, Rule)),
    *workloads.DECLARED,
]
"""The rules of the pack."""
