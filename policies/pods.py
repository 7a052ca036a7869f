"""Where pods, jobs and claims are described in the resources of a program, and what the declared rules say of them.

Pods are found in every kind of resource in a cluster that holds a template of them, whoever defines that kind.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.admission.declarations import PODS, SERVERS, Declaration
from components.manifests import PARTIAL_KINDS, PodTemplate, UnreadableQuantity, embedded, pod_parts, pod_templates

from .cel import Failed, offenders
from .rule import Config, Deferred, Resource, Subject, Unknown

WITHOUT_PODS = re.compile(
    r"kubernetes:(core|(admissionregistration|apiextensions|apiregistration|authentication|authorization|autoscaling|"
    r"certificates|coordination|discovery|events|flowcontrol|helm|networking|node|policy|"
    r"rbac\.authorization|resource|scheduling|storage)(\.k8s\.io|\.sh)?)/"
)
"""Modules whose kinds hold no pods; of `core` some do."""

CORE = ("Pod", "ReplicationController")

STRUCTURE = re.compile(
    r"(?i)(specs?|templates?|rayClusterConfig|replicatedJobs|driver|executor|predictor|transformer|explainer|"
    r"containerSet|sidecars)$"
)
"""Keys below which pods may be described."""


class PodConfig(Config):
    """What can be configured of every rule over what runs in a cluster."""

    excluded_namespaces: Sequence[str] = ("kube-system",)
    """Namespaces that are left alone, such as those of node agents."""


def looks_at(declaration: Declaration) -> Callable[[Resource], bool]:
    """Which resources a rule looks at."""
    if declaration.kinds is PODS or declaration.kinds is SERVERS:
        return lambda resource: any(True for _ in _templates(resource, declaration)) or _hidden(resource) is not None
    kinds = {kind for kinds in declaration.kinds.values() for kind in kinds}
    return lambda resource: resource.kubernetes and resource.kind in kinds | {_holder(kinds)}


def _holder(kinds: set[str]) -> str:
    """The kind whose claims are others', "" for none."""
    return "StatefulSet" if "PersistentVolumeClaim" in kinds else ""


def violations(declaration: Declaration, subject: Subject[PodConfig]) -> Iterator[str]:
    """What a rule says of a resource. Raises `Deferred` where it needs what is unknown."""
    own = declaration.parameters.model_fields
    parameters = subject.config.model_dump(by_alias=True, mode="json", include=set(own))
    metadata = subject.inputs.given("metadata")
    namespace = metadata.given("namespace") if metadata else None
    if not declaration.applies(parameters) or namespace in subject.config.excluded_namespaces:
        return
    for path, found in objects(declaration, subject.resource):
        try:
            names = offenders(declaration, found, parameters, path)
        except (Failed, UnreadableQuantity):
            yield f"{path or subject.resource.kind} is not what Kubernetes takes there: correct it."
            continue
        if names:
            yield f"{', '.join(names)}{f' in {path}' if path else ''} {declaration.says}"


def objects(declaration: Declaration, resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a rule looks at in a resource, as it would be in the cluster, each with its path."""
    manifest: dict[str, Any] = {**resource.inputs.plain, "kind": resource.kind}
    if declaration.kinds is PODS or declaration.kinds is SERVERS:
        for path, template, holder in _templates(resource, declaration):
            spec = {"containers": [], **template.pod_spec(holder)}
            pod = {"kind": "Pod", "metadata": template.metadata, "spec": spec}
            if declaration.kinds is PODS:
                yield path, pod
            elif resource.kind in SERVERS["apps"] or template.role == "service":
                yield path, {"spec": {"template": pod}}
        hidden = _hidden(resource)
        if hidden is not None:
            raise Deferred(hidden)
    elif resource.kind == "StatefulSet":
        for index, claim in enumerate(manifest["spec"].get("volumeClaimTemplates") or ()):
            yield f"spec.volumeClaimTemplates[{index}]", claim
    else:
        yield "", manifest


def _templates(resource: Resource, declaration: Declaration) -> Iterator[tuple[str, PodTemplate, Mapping[str, Any]]]:
    """The pods that a resource describes, or that a workflow makes of it, each with its path and the manifest that it
    stands in; also what is only a part of one for a rule about what must not be there."""
    if not _may_hold(resource):
        return
    manifest = {**_told(resource.inputs.plain), "kind": resource.kind}
    for above, holder in (("", manifest), *((f"{path}.", job) for path, job in embedded(manifest))):
        kind = str(holder["kind"])
        if kind not in PARTIAL_KINDS and not kind.endswith("Patch"):
            yield from ((f"{above}{template.path}".rstrip("."), template, holder) for template in pod_templates(holder))
        if declaration.parts:
            yield from ((f"{above}{template.path}".rstrip("."), template, holder) for template in pod_parts(holder))


def _may_hold(resource: Resource) -> bool:
    """Whether a resource may describe pods."""
    core = resource.type.startswith("kubernetes:core/") and resource.kind.removesuffix("Patch") in CORE
    return resource.kubernetes and (core or not WITHOUT_PODS.match(resource.type))


def _hidden(resource: Resource) -> str | None:
    """The path of something unknown below which pods may be described."""
    whole = resource.kind not in PARTIAL_KINDS and not resource.kind.endswith("Patch")
    return next(_unknown(resource.inputs.plain, ""), None) if whole and _may_hold(resource) else None


def _unknown(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            below = f"{path}.{key}".lstrip(".")
            if isinstance(item, Unknown) and STRUCTURE.search(key):
                yield below
            yield from _unknown(item, below)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, f"{path}[{index}]")


def _told(value: Any) -> Any:
    """A value without what is unknown where pods may be described."""
    if isinstance(value, Mapping):
        return {
            key: _told(item) for key, item in value.items() if not (isinstance(item, Unknown) and STRUCTURE.search(key))
        }
    return [_told(item) for item in value] if isinstance(value, list) else value
