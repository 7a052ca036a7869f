"""No rule passes what it would refuse, only because a value is unknown before apply."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from cases import Change, cases, changed, changes, report, resources

from policies.rule import UNKNOWN, Inputs
from policies.rules import RULES

CASES = cases()
BY_NAME = {rule.name: rule for rule in RULES}

WITHOUT = {
    # Expected use is stated by the names of buckets; without one it is not counted, and the sum says "at least".
    "tenant-cost-within-budget": "web.bucket",
    # A key that is there at all is one; that it is not empty is looked at once it is known.
    "secrets-encrypted": "cluster.encryptionProviderKey",
    # The provider fills in the scaling configuration of a pool that has a desired size, so that it says nothing.
    "rungs-need-instant-elasticity": "pool.scalingConfig",
    "nodes-within-quota": "pool.scalingConfig",
}
"""What rules decide without."""


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


def _without(value: Any, path: Sequence[str | int]) -> Any:
    copy = value.copy()
    copy[path[0]] = _without(copy[path[0]], path[1:]) if len(path) > 1 else UNKNOWN
    return copy


@pytest.mark.parametrize("change", changes("fails"), ids=str)
def test_what_is_unknown_never_passes(change: Change) -> None:
    rule = BY_NAME[change.case]
    config = {**CASES[change.case].get("config", {}), **change.values.get("config", {})}
    made = resources(changed(CASES[change.case], change.values))
    silent: set[str] = set()
    for index, resource in enumerate(made):
        for path in _paths(resource.inputs.plain):
            unknown = replace(resource, inputs=Inputs(_without(resource.inputs.plain, path)))
            if not report(rule, config, [*made[:index], unknown, *made[index + 1 :]]).findings:
                silent.add(".".join(map(str, (resource.name, *path))))
    assert silent <= {WITHOUT.get(change.case, "")}


def test_a_sum_counts_what_it_knows() -> None:
    kind = "alicloud:cs/nodePool:NodePool"
    pool = {"type": kind, "inputs": {"instanceTypes": ["ecs.g7.xlarge"], "desiredSize": "6"}}
    later = {"type": kind, "inputs": {"instanceTypes": ["ecs.g7.xlarge"], "desiredSize": "6"}}
    made = resources({"pool": pool, "later": later}, "later.desiredSize")
    for maximum, said in ((5, ["violation"]), (6, ["deferred"])):
        found = report(BY_NAME["nodes-within-quota"], {"maximum": maximum}, made).findings
        assert [finding.kind for finding in found] == said
    (finding,) = report(BY_NAME["nodes-within-quota"], {"maximum": 5}, made).findings
    assert finding.message.startswith("The node pools can grow to at least 6 nodes, the quota is 5.")


def test_a_region_that_nothing_tells_is_said() -> None:
    bucket = {"type": "alicloud:oss/bucket:Bucket", "inputs": {"bucket": "raw"}}
    (finding,) = report(BY_NAME["region-allowed"], {"regions": ["cn-hangzhou"]}, resources({"raw": bucket})).findings
    assert (finding.kind, finding.unknown) == ("deferred", "the region of the provider of raw")


def test_what_cannot_be_read_is_not_held_to_be_right() -> None:
    pool = {"type": "alicloud:cs/nodePool:NodePool", "inputs": {"desiredSize": "many"}}
    (finding,) = report(BY_NAME["nodes-within-quota"], {"maximum": 10}, resources({"pool": pool})).findings
    assert finding.fails
    assert finding.message.startswith("Cannot be checked: a property is of another type than expected")
