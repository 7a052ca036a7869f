"""Where pods, jobs and claims are described in the resources of a program, and what the declared rules say of them.

Pods are found in every kind of resource in a cluster that holds a template of them, whoever defines that kind.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components.admission.declarations import CLAIMS, PODS, SERVERS, Declaration
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
        return lambda resource: holds_pods(resource, declaration.parts)
    kinds = {kind for kinds in declaration.kinds.values() for kind in kinds}
    named = kinds | {HOLDERS[kind] for kind in kinds & HOLDERS.keys()}
    claims = declaration.kinds is CLAIMS
    return lambda resource: resource.kubernetes and (resource.kind in named or (claims and holds_pods(resource)))


HOLDERS = {
    "PersistentVolumeClaim": "StatefulSet",
    "Job": "CronJob",
    "SparkApplication": "ScheduledSparkApplication",
}
"""Kinds that make others of what they hold, by what they make."""


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
        for path, template, holder in templates(resource, declaration.parts):
            spec = {"containers": [], **template.pod_spec(holder)}
            pod = {"kind": "Pod", "metadata": template.metadata, "spec": spec}
            if declaration.kinds is PODS:
                yield path, pod
            elif resource.kind in SERVERS["apps"] or template.role == "service":
                yield path, {"spec": {"template": pod}}
    elif declaration.kinds is CLAIMS and resource.kind != "PersistentVolumeClaim":
        yield from _claims(resource, manifest)
    elif resource.kind == "CronJob":
        job = manifest["spec"]["jobTemplate"]
        yield "spec.jobTemplate", {"metadata": job.get("metadata") or {}, "spec": job.get("spec") or {}}
    elif resource.kind == "ScheduledSparkApplication":
        # Its applications have its labels, and no owner but it. Source: kubeflow/spark-operator,
        # internal/controller/scheduledsparkapplication/controller.go, as of commit 01ebf23.
        yield "", {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": []}}
    else:
        yield "", manifest


def _claims(resource: Resource, manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What volumes are claimed with by those whose pods have their own."""
    if resource.kind == "StatefulSet":
        for index, claim in enumerate(manifest["spec"].get("volumeClaimTemplates") or ()):
            yield f"spec.volumeClaimTemplates[{index}]", claim
    found: dict[str, Mapping[str, Any]] = {}
    for path, template, holder in templates(resource):
        # Spark has the volumes of all its pods in one place.
        above = path.rpartition(".")[0] if template.spark else f"{path}.spec".lstrip(".")
        for index, volume in enumerate(template.pod_spec(holder).get("volumes") or ()):
            claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
            if claim:
                found[f"{above}.volumes[{index}]"] = claim
    yield from found.items()


def holds_pods(resource: Resource, parts: bool = False) -> bool:
    """Whether a resource describes pods, or may once all of it is known. parts: whether parts of them count."""
    return any(True for _ in _templates(resource, parts)) or _hidden(resource) is not None


def templates(resource: Resource, parts: bool = False) -> Iterator[tuple[str, PodTemplate, Mapping[str, Any]]]:
    """The pods that a resource describes, or that a workflow makes of it, each with its path and the manifest that it
    stands in. parts: also what is only a part of one. Raises `Deferred` behind these where more may be described in
    what is unknown."""
    yield from _templates(resource, parts)
    hidden = _hidden(resource)
    if hidden is not None:
        raise Deferred(hidden)


def _templates(resource: Resource, parts: bool) -> Iterator[tuple[str, PodTemplate, Mapping[str, Any]]]:
    if not _may_hold(resource):
        return
    manifest = {**_told(resource.inputs.plain), "kind": resource.kind}
    for above, holder in (("", manifest), *((f"{path}.", job) for path, job in embedded(manifest))):
        kind = str(holder["kind"])
        if kind not in PARTIAL_KINDS and not kind.endswith("Patch"):
            yield from ((f"{above}{template.path}".rstrip("."), template, holder) for template in pod_templates(holder))
        if parts:
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
