"""Admission policies: what is held, at which level, by Gatekeeper's constraints or by ACK's policies."""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.admission import (
    DECLARATIONS,
    AdmissionArgs,
    AdmissionPlan,
    AdmissionPolicies,
    AdmissionRuleArgs,
    plan_admission,
)
from components.inputs import InvalidInput
from components.platform import Flavor
from stacks.preview.recording import Recording
from support import named, recorded, shown

TEMPLATE = "kubernetes:templates.gatekeeper.sh/v1:ConstraintTemplate"
CONSTRAINTS = "kubernetes:constraints.gatekeeper.sh/v1beta1:"
INSTANCE = "alicloud:cs/kubernetesPolicyInstance:KubernetesPolicyInstance"

SPACES = ["ray", "serving"]

PARAMETERS: Mapping[str, set[str]] = {
    "ACKAllowedRepos": {"repos"},
    "ACKBlockAutomountToken": set(),
    "ACKBlockInternetLoadBalancer": set(),
    "ACKBlockVolumeTypes": {"volumes"},
    "ACKContainerRequests": {"cpu", "memory"},
    "ACKPSPAllowPrivilegeEscalationContainer": set(),
    "ACKPSPAllowedUsers": {"runAsUser", "runAsGroup", "supplementalGroups", "fsGroup"},
    "ACKPSPCapabilities": {"allowedCapabilities", "requiredDropCapabilities"},
    "ACKPSPHostNamespace": set(),
    "ACKPSPHostNetworkingPorts": {"hostNetwork", "min", "max"},
    "ACKPSPPrivilegedContainer": set(),
    "ACKPSPReadOnlyRootFilesystem": set(),
    "ACKPVCConstraint": {"maxSize", "allowNamespaces"},
    "ACKRequiredLabels": {"labels"},
    "ACKRequiredProbes": {"probes", "probeTypes"},
}
"""ACK's policies and their parameters: https://help.aliyun.com/zh/ack/ack-edge/security-and-compliance/
predefined-security-policies-of-ack, copy of 2026."""

EVERYTHING = AdmissionArgs(
    rules={
        "images-from-registries": AdmissionRuleArgs(parameters={"registries": ["registry.example.com/team/"]}),
        "labels-present": AdmissionRuleArgs(parameters={"labels": ["team"]}),
        "services-have-probes": AdmissionRuleArgs(namespaces=["serving"]),
        "volumes-within-size": AdmissionRuleArgs(parameters={"largest": "500Gi"}, namespaces=["ray"]),
        "no-automounted-tokens": AdmissionRuleArgs(level="warn", namespaces=["serving"]),
        "pods-not-root": AdmissionRuleArgs(level="warn"),
        "pods-read-only-root": AdmissionRuleArgs(level="warn"),
    }
)


def _levels(plan: AdmissionPlan) -> dict[str, str]:
    return {rule.declaration.name: rule.level for rule in plan.rules}


def _registered(plan: AdmissionPlan) -> Recording:
    def program() -> None:
        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        cluster_id = "c1" if plan.flavor == "ack" else None
        AdmissionPolicies("admission", plan, cluster_id=cluster_id, deleted_with=cluster)

    return recorded(program)


def test_elsewhere_rules_are_held_in_all_tenants_namespaces() -> None:
    plan = plan_admission(AdmissionArgs(), "upstream", SPACES, excluded=["monitoring", "kube-system"])
    assert _levels(plan) == {
        "containers-have-requests": "deny",
        "containers-have-memory-limits": "warn",
        "services-have-probes": "warn",
        "containers-not-privileged": "deny",
        "containers-no-escalation": "warn",
        "pods-without-host-access": "deny",
        "capabilities-within-baseline": "deny",
        "capabilities-dropped": "warn",
        "images-not-latest": "deny",
        "gang-size": "deny",
        "services-internal": "deny",
    }
    assert {*_levels(plan), *plan.left_out} == {declaration.name for declaration in DECLARATIONS}
    constraint = plan.rules[0].constraint(plan.excluded)
    assert constraint == {
        "enforcementAction": "deny",
        "match": {
            "kinds": [{"apiGroups": [""], "kinds": ["Pod"]}],
            "scope": "Namespaced",
            "namespaceSelector": {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]},
            "excludedNamespaces": ["kube-system", "monitoring"],
        },
        "parameters": {},
    }


def test_on_ack_only_what_ack_has_a_policy_for() -> None:
    plan = plan_admission(AdmissionArgs(), "ack", SPACES)
    assert _levels(plan) == {
        "containers-have-requests": "deny",
        "containers-not-privileged": "deny",
        "containers-no-escalation": "warn",
        "pods-without-host-access": "deny",
        "capabilities-dropped": "warn",
        "services-internal": "deny",
    }
    assert {"images-not-latest", "gang-size", "services-have-probes"} <= {*plan.left_out}


@pytest.mark.parametrize("flavor", ["ack", "upstream"])
def test_a_rule_that_gets_its_parameter_is_held(flavor: Flavor) -> None:
    rules = _levels(plan_admission(EVERYTHING, flavor, SPACES))
    assert rules["images-from-registries"] == rules["labels-present"] == rules["volumes-within-size"] == "deny"
    assert rules["services-have-probes"] == rules["pods-not-root"] == "warn"
    off = AdmissionArgs(rules={"containers-not-privileged": AdmissionRuleArgs(level="disabled")})
    assert "containers-not-privileged" in plan_admission(off, flavor, SPACES).left_out


def test_what_follows_from_the_platform_is_a_default() -> None:
    defaults = {"jobs-name-their-queue": {"labels": ["kueue.x-k8s.io/queue-name"]}}
    plan = plan_admission(AdmissionArgs(), "upstream", SPACES, defaults=defaults)
    (rule,) = [rule for rule in plan.rules if rule.declaration.name == "jobs-name-their-queue"]
    assert (rule.level, rule.parameters) == ("warn", {"labels": ["kueue.x-k8s.io/queue-name"]})
    own = AdmissionArgs(rules={"jobs-name-their-queue": AdmissionRuleArgs(parameters={"labels": ["team"]})})
    plan = plan_admission(own, "upstream", SPACES, defaults=defaults)
    assert [rule.parameters for rule in plan.rules if rule.declaration.required] == [{"labels": ["team"]}]


def test_constraints_follow_their_templates() -> None:
    plan = plan_admission(EVERYTHING, "upstream", SPACES)
    recording = _registered(plan)
    templates = [resource for resource in recording.resources if resource.type == TEMPLATE]
    assert len(templates) == len(plan.rules) == 17
    for rule in plan.rules:
        name = rule.declaration.name
        template, constraint = named(recording, f"admission-{name}-template"), named(recording, f"admission-{name}")
        kind = template.inputs["spec"]["crd"]["spec"]["names"]["kind"]
        # Gatekeeper refuses a template with another name.
        assert template.inputs["metadata"]["name"] == kind.lower()
        assert constraint.type == f"{CONSTRAINTS}{kind}"
        assert template.urn in constraint.dependencies
        assert constraint.options.deleted_with == template.options.deleted_with == named(recording, "cluster").urn
        properties = template.inputs["spec"]["crd"]["spec"]["validation"]["openAPIV3Schema"]["properties"]
        assert properties.keys() == constraint.inputs["spec"]["parameters"].keys()
    held = named(recording, "admission-volumes-within-size").inputs["spec"]
    assert held["match"]["namespaces"] == ["ray"]
    assert held["parameters"] == {"largest": "500Gi"}
    schema = named(recording, "admission-images-from-registries-template").inputs["spec"]["crd"]["spec"]["validation"]
    assert schema["openAPIV3Schema"]["properties"]["registries"]["items"]["type"] == "string"


def test_instances_of_acks_policies_name_namespaces_and_what_ack_knows() -> None:
    plan = plan_admission(EVERYTHING, "ack", SPACES)
    recording = _registered(plan)
    instances = [resource for resource in recording.resources if resource.type == INSTANCE]
    assert len(instances) == len([policy for rule in plan.rules for policy in rule.declaration.ack])
    assert {policy.name for rule in DECLARATIONS for policy in rule.ack} == PARAMETERS.keys()
    for instance in instances:
        inputs = instance.inputs
        assert inputs["clusterId"] == "c1"
        assert inputs["action"] in ("deny", "warn")
        # None would be every namespace of the cluster.
        assert inputs["namespaces"]
        assert inputs.get("parameters", {}).keys() == PARAMETERS[inputs["policyName"]]
        assert all(isinstance(value, str) for value in inputs.get("parameters", {}).values())
        assert instance.options.deleted_with == named(recording, "cluster").urn
    found = {instance.inputs["policyName"]: instance.inputs for instance in instances}
    assert found["ACKPSPHostNetworkingPorts"]["parameters"] == {"hostNetwork": "false", "min": "0", "max": "0"}
    assert json.loads(found["ACKAllowedRepos"]["parameters"]["repos"]) == ["registry.example.com/team/"]
    assert found["ACKPVCConstraint"]["parameters"] == {"maxSize": "500Gi", "allowNamespaces": '["ray"]'}
    assert found["ACKPVCConstraint"]["namespaces"] == ["ray"]
    assert found["ACKRequiredProbes"]["namespaces"] == ["serving"]
    assert found["ACKPSPPrivilegedContainer"]["namespaces"] == SPACES


@pytest.mark.parametrize(
    ("flavor", "rules", "expected"),
    [
        (
            "upstream",
            {"containers-not-priviledged": {}},
            ["rules.containers-not-priviledged = null: not a rule; did you mean 'containers-not-privileged'?"],
        ),
        (
            "upstream",
            {"images-from-registries": {"parameters": {"registries": ["docker.io"], "repos": []}}},
            [
                'rules.images-from-registries.parameters.registries[0] = "docker.io": must match '
                "^[a-z0-9][a-z0-9.:-]*(/[A-Za-z0-9._-]+)*/$ (Registries and repositories that pods may pull from, each "
                "ending in a slash)",
                "rules.images-from-registries.parameters.repos = []: not a key here; allowed: registries",
            ],
        ),
        (
            "upstream",
            {"priority-allowed": {"level": "deny"}, "gang-size": {"parameters": {"partial": "perhaps"}}},
            [
                "rules.priority-allowed.parameters.priorities = null: missing; without it the rule does nothing",
                'rules.gang-size.parameters.partial = "perhaps": must be true or false',
            ],
        ),
        (
            "upstream",
            {"services-have-probes": {"namespaces": ["servign"]}},
            [
                'rules.services-have-probes.namespaces[0] = "servign": not a namespace of a tenant; did you mean '
                "'serving'?"
            ],
        ),
        (
            "ack",
            {
                "images-not-latest": {"level": "deny"},
                "containers-no-escalation": {"level": "dryrun"},
                "services-have-probes": {"level": "warn"},
            },
            [
                "rules.services-have-probes.namespaces = null: missing; ACKRequiredProbes would hold every pod: name "
                "those that only serve",
                'rules.containers-no-escalation.level = "dryrun": ACK\'s policies have deny and warn alone',
                'rules.images-not-latest.level = "deny": ACK has no policy that means the same; previews hold the rule',
            ],
        ),
    ],
)
def test_problems(flavor: Flavor, rules: Mapping[str, Any], expected: list[str]) -> None:
    args = AdmissionArgs.model_validate({"rules": rules})
    with pytest.raises(InvalidInput) as caught:
        plan_admission(args, flavor, SPACES)
    assert [shown(problem) for problem in caught.value.problems] == expected


def test_without_tenants_there_is_nothing_to_hold() -> None:
    with pytest.raises(InvalidInput, match="there are no tenants"):
        plan_admission(AdmissionArgs(enabled=True), "ack", [])


def test_acks_policies_need_a_cluster() -> None:
    plan = plan_admission(AdmissionArgs(), "ack", SPACES)
    with pytest.raises(InvalidInput, match="cluster_id"):
        recorded(lambda: AdmissionPolicies("admission", plan))
