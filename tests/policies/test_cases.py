"""Every rule: what passes, what fails with its exact message, what must wait for apply, and exceptions."""

import importlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cases import TODAY, Change, cases, changed, changes, report, resources, said
from pulumi import _types  # pyright: ignore[reportPrivateUsage]

from components.throttling.provider import PROVIDERS
from policies.pack import remedied
from policies.rule import Inputs
from policies.rules import RULES

BY_NAME = {rule.name: rule for rule in RULES}
CASES = cases()


def test_every_rule_has_cases_and_every_case_a_rule() -> None:
    assert CASES.keys() == BY_NAME.keys()
    assert all(case["fails"] for case in CASES.values())
    assert all(rule.how and rule.reference for rule in RULES)


@pytest.mark.parametrize("name", CASES)
def test_passes(name: str) -> None:
    case = CASES[name]
    assert report(BY_NAME[name], case.get("config", {}), resources(case["given"])).findings == []


@pytest.mark.parametrize("change", changes("passes"), ids=str)
def test_a_near_miss_passes(change: Change) -> None:
    case = CASES[change.case]
    config = {**case.get("config", {}), **change.values.get("config", {})}
    assert report(BY_NAME[change.case], config, resources(changed(case, change.values))).findings == []


@pytest.mark.parametrize("change", changes("fails"), ids=str)
def test_fails(change: Change) -> None:
    case = CASES[change.case]
    config = {**case.get("config", {}), **change.values.get("config", {})}
    assert said(report(BY_NAME[change.case], config, resources(changed(case, change.values)))) == change.says


@pytest.mark.parametrize(("name", "path"), [(name, path) for name in CASES for path in CASES[name].get("unknown", ())])
def test_waits_for_what_is_unknown(name: str, path: str) -> None:
    case = CASES[name]
    found = report(BY_NAME[name], case.get("config", {}), resources(case["given"], path))
    assert [finding.kind for finding in found.findings] == ["deferred"]
    assert "Cannot be checked before apply" in found.findings[0].message
    assert not found.failed


@pytest.mark.parametrize("name", CASES)
def test_all_that_a_rule_needs_is_once_unknown(name: str) -> None:
    unknown = {path.partition(".")[2] for path in CASES[name].get("unknown", ())}
    assert unknown >= set(BY_NAME[name].needs)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("days", [0, -1])
def test_exceptions(name: str, days: int) -> None:
    case, rule = CASES[name], BY_NAME[name]
    change = case["fails"][0]
    exception = {
        "resource": "*",
        "owner": "platform",
        "reason": "needed until the move is done",
        "expires": (TODAY + timedelta(days=days)).isoformat(),
    }
    config = {**case.get("config", {}), **change.get("config", {}), "exceptions": [exception]}
    found = report(rule, config, resources(changed(case, change)))
    assert {finding.kind for finding in found.findings} == {"excepted" if days == 0 else "expired"}
    assert found.failed is (days != 0 and rule.level == "mandatory")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.remedy], ids=lambda rule: rule.name)
def test_a_remedy_sets_it_right(rule: Any) -> None:
    case = CASES[rule.name]
    remedies = 0
    for change in case["fails"]:
        if change.get("remedied", True):
            made = [
                replace(one, inputs=Inputs(remedied(rule, deepcopy(one.inputs.plain)))) if rule.applies(one) else one
                for one in resources(changed(case, change))
            ]
            assert report(rule, case.get("config", {}), made).findings == []
            remedies += 1
    assert remedies, "no case is set right"


def _properties(kind: str) -> set[str] | None:
    """The properties of a resource's class, None where there is no class, as for custom resources."""
    package, module, name = kind.split(":")
    if package == "pulumi":
        return None
    if package == "pulumi-python":
        setting = PROVIDERS[name]
        return {*setting.identity, setting.key}
    path = module.split("/")[0] if package == "alicloud" else module.replace("/", ".").replace(".k8s.io", "")
    try:
        found = getattr(importlib.import_module(f"pulumi_{package}.{path}"), name)
    except (ImportError, AttributeError):
        assert package == "kubernetes", f"{kind} is no resource"
        assert "." in module, f"{kind} is no resource"
        return None
    return {*_types.resource_types(found)}


@pytest.mark.parametrize("name", CASES)
def test_cases_have_properties_that_exist(name: str) -> None:
    case = CASES[name]
    changes: list[Mapping[str, Any]] = [{}, *case.get("passes", ()), *case["fails"]]
    for change in changes:
        for resource, values in changed(case, change).items():
            known = _properties(values["type"])
            inputs = {*values.get("inputs", {})} - {"apiVersion", "kind", "metadata"}
            assert known is None or inputs <= known, f"{resource}: {inputs - known}"
