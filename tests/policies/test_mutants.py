"""Mutation tests: whatever is changed in a rule, one of its cases notices."""

from collections.abc import Mapping
from typing import Any

import pytest
from cases import Change, cases, changed, report, resources, said
from mutants import mutants

from policies.rule import Rule
from policies.rules import RULES

CASES = cases()


def noticed(rule: Rule, case: Mapping[str, Any]) -> bool:
    """Whether a case comes out otherwise than it must."""
    config = case.get("config", {})
    try:
        if report(rule, config, resources(case["given"])).findings:
            return True
        for key in ("passes", "fails"):
            for index, values in enumerate(case.get(key, ())):
                found = report(rule, {**config, **values.get("config", {})}, resources(changed(case, values)))
                # What a rule cannot read for its type counts as not known; no case is about that.
                if said(found) != Change(rule.name, index, values).says or said(found, "deferred"):
                    return True
        for path in case.get("unknown", ()):
            found = report(rule, config, resources(case["given"], path))
            if [finding.kind for finding in found.findings] != ["deferred"]:
                return True
    except Exception:  # A mutant that ends in an error is noticed, too.
        return True
    return False


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_no_mutant_survives(rule: Rule) -> None:
    survivors = [what for what, mutant in mutants(rule) if not noticed(mutant, CASES[rule.name])]
    assert survivors == []
