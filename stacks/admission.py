"""What a tenant's admission policy refuses, before the cluster does: the same rules, evaluated here."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.cel import Failed, converted, evaluated


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
    request = {"resource": {"group": group, "version": version, "resource": resource}}
    known = {"object": converted(manifest, ""), "request": converted(request, "")}
    for validation in policy["validations"]:
        try:
            admitted = bool(evaluated(validation["expression"], known))
        except Failed:
            admitted = False
        if not admitted:
            yield str(validation["message"])
