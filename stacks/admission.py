"""What a tenant's admission policy refuses, before the cluster does: the same rules, evaluated here."""

from collections.abc import Iterator, Mapping
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.celtypes import IntType
from celpy.evaluation import CELEvalError


def refusals(policy: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    """The messages with which Kubernetes would refuse an object.

    policy: the spec of a ValidatingAdmissionPolicy; manifest: of the object. An expression that fails refuses, as it
    does in the cluster.
    """
    group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
    resource = f"{str(manifest.get('kind', '')).lower()}s"
    if not any(
        group in r["apiGroups"] and resource in r["resources"] for r in policy["matchConstraints"]["resourceRules"]
    ):
        return
    known = {
        "object": json_to_cel(dict(manifest)),
        "request": json_to_cel({"resource": {"group": group, "version": version, "resource": resource}}),
    }
    environment = celpy.Environment()
    for validation in policy["validations"]:
        program = environment.program(environment.compile(validation["expression"]), functions={"sum": _sum})
        try:
            admitted = bool(program.evaluate(known))
        except CELEvalError:
            admitted = False
        if not admitted:
            yield str(validation["message"])


def _sum(amounts: Any) -> IntType:
    """The sum of a list: part of Kubernetes' CEL, not of CEL itself."""
    return IntType(sum(int(amount) for amount in amounts))
