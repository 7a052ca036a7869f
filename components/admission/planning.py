"""Decides which rules are held at admission, at which level, and by what."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ..inputs import InvalidInput, Problem, one_of
from ..messages import problems_of
from ..platform import Flavor
from ..tenancy.planning import TENANT_LABEL
from .args import AdmissionArgs, AdmissionRuleArgs, Level
from .declarations import DECLARATIONS, Declaration

NEW = "oldObject == null || object.spec != oldObject.spec"
"""When an object is looked at: what ran before a rule came may be finished, and lose its finalizers."""


def _new(about: Sequence[str]) -> str:
    """When an object is looked at by a rule. about: parts of its metadata that the rule is about."""
    parts = [f"object.metadata.{part}" for part in about]
    said = [f"(has({part}) ? {part} : {{}})" for part in parts]
    return " || ".join([NEW, *(f"{one} != {one.replace('object.', 'oldObject.')}" for one in said)])


@dataclass(frozen=True)
class RulePlan:
    """One rule as it is held. parameters: by their names in YAML; namespaces: none for all that have the label."""

    declaration: Declaration
    level: Level
    parameters: Mapping[str, Any]
    namespaces: Sequence[str]

    @property
    def template(self) -> dict[str, Any]:
        """The spec of its ConstraintTemplate."""
        declaration = self.declaration
        variables = {**declaration.variables, "offenders": declaration.offenders}
        says = declaration.says.replace("\\", "\\\\").replace("'", "\\'")
        return {
            "crd": {
                "spec": {
                    "names": {"kind": declaration.kind},
                    "validation": {"openAPIV3Schema": _schema(declaration)},
                }
            },
            "targets": [
                {
                    "target": "admission.k8s.gatekeeper.sh",
                    "code": [
                        {
                            "engine": "K8sNativeValidation",
                            "source": {
                                # The key is in the singular: pkg/drivers/k8scel/schema/schema.go, v3.23.0.
                                "matchCondition": [{"name": "new", "expression": _new(declaration.about)}],
                                "variables": [
                                    {"name": name, "expression": expression} for name, expression in variables.items()
                                ],
                                "validations": [
                                    {
                                        "expression": "size(variables.offenders) == 0",
                                        "messageExpression": f"variables.offenders.join(', ') + ' {says}'",
                                    }
                                ],
                            },
                        }
                    ],
                }
            ],
        }

    def constraint(self, excluded: Sequence[str]) -> dict[str, Any]:
        """The spec of its constraint. excluded: namespaces that it leaves alone, whatever their labels."""
        kinds = [{"apiGroups": [group], "kinds": list(kinds)} for group, kinds in self.declaration.kinds.items()]
        match: dict[str, Any] = {
            "kinds": kinds,
            "scope": "Namespaced",
            "namespaceSelector": {"matchExpressions": [{"key": TENANT_LABEL, "operator": "Exists"}]},
            "excludedNamespaces": sorted(excluded),
        }
        if self.namespaces:
            match["namespaces"] = list(self.namespaces)
        return {"enforcementAction": self.level, "match": match, "parameters": dict(self.parameters)}

    def instances(self, namespaces: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """The parameters of ACK's policies, as the provider takes them, by their names.

        namespaces: those in which it is held.
        """
        return {
            policy.name: {
                key: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
                for key, value in policy.filled(self.parameters, namespaces).items()
            }
            for policy in self.declaration.ack
        }


@dataclass(frozen=True)
class AdmissionPlan:
    """The rules that are held at admission.

    namespaces: of the tenants; excluded: never looked at; left_out: why
    other rules are not held, by their names.
    """

    flavor: Flavor
    rules: Sequence[RulePlan]
    namespaces: Sequence[str]
    excluded: Sequence[str]
    left_out: Mapping[str, str]

    def holders(self, rule: RulePlan) -> Sequence[str]:
        """What holds a rule: ACK's policies, or the kind of its constraint."""
        return [policy.name for policy in rule.declaration.ack] if self.flavor == "ack" else [rule.declaration.kind]


def plan_admission(
    args: AdmissionArgs,
    flavor: Flavor,
    namespaces: Sequence[str],
    *,
    excluded: Sequence[str] = ("kube-system",),
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> AdmissionPlan:
    """Decide what is held.

    namespaces: of the tenants, which carry their label; excluded: namespaces of the platform; defaults: parameters by
    rule that follow from the rest of the platform. Raises `InvalidInput` with all problems; paths are relative to
    `admission`.
    """
    known = {declaration.name: declaration for declaration in DECLARATIONS}
    problems = [
        Problem(f"rules.{name}", None, one_of(name, known, "a rule")) for name in args.rules if name not in known
    ]
    if not namespaces:
        problems.append(Problem("enabled", args.enabled, "there are no tenants whose namespaces it would be about"))
    rules: list[RulePlan] = []
    left_out: dict[str, str] = {}
    for name, declaration in known.items():
        rule = args.rules.get(name, AdmissionRuleArgs())
        stated = {**(defaults or {}).get(name, {}), **rule.parameters}
        try:
            parameters = declaration.parameters.model_validate_json(json.dumps(stated), strict=True).model_dump(
                by_alias=True, mode="json"
            )
        except ValidationError as error:
            problems += [
                problem.under(f"rules.{name}.parameters") for problem in problems_of(error, declaration.parameters)
            ]
            continue
        problems += [
            problem.under(f"rules.{name}") for problem in _problems(declaration, rule, parameters, flavor, namespaces)
        ]
        level = rule.level or declaration.admission
        reason = _idle(declaration, rule, parameters, flavor)
        if level == "disabled" or reason:
            left_out[name] = reason or ("as stated" if rule.level else "unless a level is stated")
        else:
            rules.append(RulePlan(declaration, level, parameters, rule.namespaces))
    if problems:
        raise InvalidInput(problems)
    return AdmissionPlan(flavor, rules, sorted(namespaces), sorted(excluded), left_out)


def _idle(declaration: Declaration, rule: AdmissionRuleArgs, parameters: Mapping[str, Any], flavor: Flavor) -> str:
    """Why a rule cannot be held, "" where it can."""
    if flavor == "ack" and not declaration.ack:
        return "since ACK has no policy that means the same"
    if not declaration.applies(parameters):
        return "for want of parameters"
    return "for want of namespaces" if flavor == "ack" and _whole(declaration) and not rule.namespaces else ""


def _whole(declaration: Declaration) -> bool:
    return any(policy.whole for policy in declaration.ack)


def _problems(
    declaration: Declaration,
    rule: AdmissionRuleArgs,
    parameters: Mapping[str, Any],
    flavor: Flavor,
    namespaces: Sequence[str],
) -> Iterator[Problem]:
    for index, namespace in enumerate(rule.namespaces):
        if namespace not in namespaces:
            yield Problem(f"namespaces[{index}]", namespace, one_of(namespace, namespaces, "a namespace of a tenant"))
    if rule.level in (None, "disabled"):
        return
    if not declaration.applies(parameters):
        yield Problem(f"parameters.{declaration.required}", None, "missing; without it the rule does nothing")
    if flavor == "upstream":
        return
    if not declaration.ack:
        yield Problem("level", rule.level, "ACK has no policy that means the same; previews hold the rule")
    elif rule.level == "dryrun":
        yield Problem("level", rule.level, "ACK's policies have deny and warn alone")
    if _whole(declaration) and not rule.namespaces:
        policies = ", ".join(policy.name for policy in declaration.ack)
        yield Problem("namespaces", None, f"missing; {policies} would hold every pod: name those that only serve")


def _schema(declaration: Declaration) -> dict[str, Any]:
    """The schema of a rule's parameters, as a structural schema has it."""
    found = declaration.parameters.model_json_schema(by_alias=True)
    keys = ("type", "items", "pattern")
    properties = {
        name: {key: value[key] for key in keys if key in value} for name, value in found.get("properties", {}).items()
    }
    return {"type": "object", "properties": properties}
