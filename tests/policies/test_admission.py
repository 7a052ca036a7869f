"""What Gatekeeper would say of an object is what previews say of it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cases import Change, cases, changed, changes, report, resources

from components.admission import DECLARATIONS, AdmissionArgs, AdmissionRuleArgs, RulePlan, plan_admission
from policies.cel import converted, evaluated
from policies.pods import looks_at, objects
from policies.rules import RULES

CASES = cases()
ANNOTATION = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
HELD = {declaration.name for declaration in DECLARATIONS if not declaration.preview}


def _said(plan: RulePlan, found: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> list[str]:
    """The messages with which Gatekeeper refuses an object: as pkg/drivers/k8scel of v3.23.0 evaluates a template.

    before: what the object was, None for a new one.
    """
    (target,) = plan.template["targets"]
    (code,) = target["code"]
    source = code["source"]
    now, old = converted(found, ""), None if before is None else converted(before, "")
    if not all(evaluated(each["expression"], {"object": now, "oldObject": old}) for each in source["matchCondition"]):
        return []
    variables = converted({}, "")
    variables.update({"anyObject": now, "params": converted(plan.constraint([])["parameters"], "")})
    for each in source["variables"]:
        variables[each["name"]] = evaluated(each["expression"], {"variables": variables})
    return [
        str(evaluated(each["messageExpression"], {"variables": variables}))
        for each in source["validations"]
        if not evaluated(each["expression"], {"variables": variables})
    ]


def _plan(name: str, config: Mapping[str, Any]) -> RulePlan:
    """One rule as Gatekeeper holds it, with the configuration that it has at previews."""
    stated = {key: value for key, value in config.items() if key != "excludedNamespaces"}
    rule = AdmissionRuleArgs(level="deny", parameters=stated)
    plan = plan_admission(AdmissionArgs(rules={name: rule}), "upstream", ["team"])
    return next(each for each in plan.rules if each.declaration.name == name)


def _seen(plan: RulePlan, change: Change) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """What a rule looks at after a change: the resource, the path in it, and the object."""
    for resource in resources(changed(CASES[change.case], change.values)):
        if looks_at(plan.declaration)(resource):
            yield from ((resource.name, path, found) for path, found in objects(plan.declaration, resource))


def _changes(key: str) -> list[Change]:
    """Changes of cases of rules that both worlds hold."""
    own = [change for change in changes(key) if change.case in HELD]
    # A rule without its parameter is not held, nor is any in the platform's namespaces.
    return [change for change in own if "config" not in change.values or all(change.values["config"].values())]


@pytest.mark.parametrize(
    "change", [change for change in _changes("fails") if "not what Kubernetes takes" not in str(change.says)], ids=str
)
def test_what_previews_refuse_is_refused_with_the_same_words(change: Change) -> None:
    plan = _plan(change.case, {**CASES[change.case].get("config", {}), **change.values.get("config", {})})
    said: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for name, path, found in _seen(plan, change):
        if messages := _said(plan, found):
            said[name], places[name] = messages, f" in {path}"
    assert said == {name: [text.replace(places[name], "") for text in texts] for name, texts in change.says.items()}


@pytest.mark.parametrize("name", sorted(HELD))
def test_what_previews_let_through_is_let_through(name: str) -> None:
    plan = _plan(name, CASES[name].get("config", {}))
    found = [*_seen(plan, Change(name, 0, {}))]
    assert found
    assert [message for _, _, each in found for message in _said(plan, each)] == []


def test_what_ran_before_a_rule_may_be_finished() -> None:
    plan = _plan("containers-not-privileged", {})
    pod: dict[str, Any] = {"kind": "Pod", "metadata": {"finalizers": ["a"]}, "spec": {"containers": []}}
    pod["spec"]["containers"] = [{"name": "a", "securityContext": {"privileged": True}}]
    assert len(_said(plan, pod)) == 1
    assert _said(plan, {**pod, "metadata": {}}, before=pod) == []
    debugged = {**pod["spec"], "ephemeralContainers": [{"name": "b", "securityContext": {"privileged": True}}]}
    assert _said(plan, {**pod, "spec": debugged}, before=pod) == [
        "a, b must not be privileged: remove securityContext.privileged."
    ]


@pytest.mark.parametrize(
    ("name", "config", "part", "value"),
    [
        ("labels-present", {"labels": ["team"]}, "labels", {"team": "a"}),
        ("jobs-name-their-queue", {"labels": ["queue"]}, "labels", {"queue": "a"}),
        ("services-internal", {}, "annotations", {f"{ANNOTATION}address-type": "intranet"}),
    ],
)
def test_what_a_rule_wants_of_metadata_cannot_be_taken_away_later(
    name: str, config: Mapping[str, Any], part: str, value: Mapping[str, str]
) -> None:
    plan, spec = _plan(name, config), {"type": "LoadBalancer", "containers": list[str]()}
    before = {"kind": "Any", "metadata": {part: value}, "spec": spec}
    for metadata in ({}, {part: {**dict.fromkeys(value, "internet"), "x": "y"}} if part != "labels" else {part: {}}):
        assert len(_said(plan, {**before, "metadata": metadata}, before=before)) == 1
    assert _said(plan, {**before, "metadata": {"finalizers": ["a"]}}, before={**before, "metadata": {}}) == []


@pytest.mark.parametrize(
    ("spec", "annotations", "refused"),
    [
        ({"type": "ClusterIP"}, {}, False),
        ({}, {}, False),
        ({"type": "LoadBalancer"}, {}, True),
        ({"type": "LoadBalancer"}, {"alibaba-cloud-loadbalancer-address-type": "internet"}, True),
        ({"type": "LoadBalancer"}, {"alibaba-cloud-loadbalancer-address-type": "intranet"}, False),
        ({"type": "LoadBalancer"}, {"alicloud-loadbalancer-address-type": "intranet"}, False),
        (
            {"type": "LoadBalancer"},
            {"alibaba-cloud-loadbalancer-address-type": "", "alicloud-loadbalancer-address-type": "intranet"},
            False,
        ),
        (
            {"type": "LoadBalancer"},
            {"alibaba-cloud-loadbalancer-address-type": "internet", "alicloud-loadbalancer-address-type": "intranet"},
            True,
        ),
        ({"type": "LoadBalancer"}, {"alibaba-cloud-loadbalancer-id": "lb-1"}, True),
        ({"type": "LoadBalancer"}, {"alicloud-loadbalancer-id": "lb-1"}, True),
        (
            {"type": "LoadBalancer"},
            {"alibaba-cloud-loadbalancer-id": "lb-1", "alibaba-cloud-loadbalancer-address-type": "intranet"},
            False,
        ),
        (
            {"type": "LoadBalancer"},
            {
                "alibaba-cloud-loadbalancer-address-type": "intranet",
                "alicloud-loadbalancer-ipv6-address-type": "internet",
            },
            True,
        ),
        (
            {"type": "LoadBalancer"},
            {
                "alibaba-cloud-loadbalancer-address-type": "intranet",
                "alibaba-cloud-loadbalancer-ipv6-address-type": "intranet",
            },
            False,
        ),
    ],
)
def test_load_balancers_are_internal(spec: Mapping[str, str], annotations: Mapping[str, str], refused: bool) -> None:
    """Another area's rule holds it at previews, and decides alike."""
    metadata = {
        "name": "web",
        "annotations": {f"service.beta.kubernetes.io/{key}": v for key, v in annotations.items()},
    }
    plan, held = _plan("services-internal", {}), next(rule for rule in RULES if rule.name == "load-balancers-internal")
    for each in (metadata, {"name": "web"} if not annotations else metadata):
        assert bool(_said(plan, {"kind": "Service", "metadata": each, "spec": spec})) is refused
        service = {"type": "kubernetes:core/v1:Service", "inputs": {"metadata": each, "spec": spec}}
        assert bool(report(held, {}, resources({"web": service})).findings) is refused
