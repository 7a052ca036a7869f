"""Workloads: what pods, jobs and claims say of themselves, and what keeps their namespaces apart.

Rules over pods are those of `components.admission`, which Gatekeeper holds inside the cluster, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from components.admission.declarations import (
    DECLARATIONS,
    JOBS,
    AddedCapabilities,
    Capabilities,
    Declaration,
    Gangs,
    Labels,
    Priorities,
    Registries,
    Sizes,
)

from .addresses import networks, wide
from .pods import PodConfig, looks_at, violations
from .resources import section
from .rule import Config, Resource, Rule, Subject, rule

NAMESPACE = "kubernetes:core/v1:Namespace"
NAMESPACE_PATCH = "kubernetes:core/v1:NamespacePatch"
QUOTA = "kubernetes:core/v1:ResourceQuota"
LIMITS = "kubernetes:core/v1:LimitRange"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
VOLUME = "kubernetes:core/v1:PersistentVolume"
ENFORCED = "pod-security.kubernetes.io/enforce"


class CapabilitiesConfig(PodConfig, Capabilities):
    """What can be configured of `capabilities-dropped`."""


class AddedCapabilitiesConfig(PodConfig, AddedCapabilities):
    """What can be configured of `capabilities-within-baseline`."""


class RegistriesConfig(PodConfig, Registries):
    """What can be configured of `images-from-registries`."""


class LabelsConfig(PodConfig, Labels):
    """What can be configured of rules over labels."""


class PrioritiesConfig(PodConfig, Priorities):
    """What can be configured of `priority-allowed`."""


class GangsConfig(PodConfig, Gangs):
    """What can be configured of `gang-size`."""


class SizesConfig(PodConfig, Sizes):
    """What can be configured of `volumes-within-size`."""


CONFIGS: Mapping[type, type[PodConfig]] = {
    AddedCapabilities: AddedCapabilitiesConfig,
    Capabilities: CapabilitiesConfig,
    Registries: RegistriesConfig,
    Labels: LabelsConfig,
    Priorities: PrioritiesConfig,
    Gangs: GangsConfig,
    Sizes: SizesConfig,
}
"""The configuration of a rule, by its parameters."""


def declared(declaration: Declaration) -> Rule:
    """The rule of a declaration."""

    @rule(
        declaration.name,
        area="workloads",
        severity=declaration.severity,
        types=looks_at(declaration),
        needs=["metadata"] if declaration.kinds is JOBS else ["spec"],
        must=declaration.must,
        how=declaration.how,
        reference=declaration.reference,
        config=CONFIGS.get(declaration.parameters, PodConfig),
        level=declaration.level,
    )
    def made(subject: Subject[PodConfig]) -> Iterator[str]:
        yield from violations(declaration, subject)

    return made


DECLARED: Sequence[Rule] = [declared(declaration) for declaration in DECLARATIONS if not declaration.preview]
"""The rules over pods, jobs and claims."""


@rule(
    "volumes-not-of-nodes",
    area="workloads",
    severity="critical",
    types={VOLUME, f"{VOLUME}Patch"},
    needs=["spec"],
    must="Volumes must not be directories or disks of a node: who mounts one reaches into the node.",
    how="Use a disk or a file system of the cloud; name what must lie on a node's own disk as an exception.",
    reference="https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
)
def volumes_not_of_nodes(subject: Subject[Config]) -> Iterator[str]:
    for key in ("hostPath", "local"):
        if section(subject.inputs, "spec").get(key):
            yield f"spec.{key} is a part of a node. Use a disk or a file system of the cloud."


class NamespaceConfig(Config):
    """What can be configured of every rule over namespaces."""

    label: str = "tenant"
    """Label of the namespaces that the rule is about."""


class QuotaConfig(NamespaceConfig):
    """What can be configured of `namespaces-have-quota`."""

    resources: Sequence[str] = ("requests.cpu", "requests.memory", "pods")
    """What the quotas of a namespace must limit together."""


class NetworkConfig(NamespaceConfig):
    """What can be configured of `namespaces-deny-by-default`."""

    directions: Sequence[Literal["Ingress", "Egress"]] = ("Ingress", "Egress")
    """Directions in which nothing may pass that no rule names."""


class SecurityConfig(NamespaceConfig):
    """What can be configured of `namespaces-have-pod-security`."""

    levels: Sequence[Literal["privileged", "baseline", "restricted"]] = ("baseline", "restricted")
    """Levels of Pod Security that may be enforced."""


NAMESPACES: Mapping[str, Any] = {
    "area": "workloads",
    "types": {NAMESPACE, NAMESPACE_PATCH},
    "needs": ["metadata"],
}
"""What the rules over namespaces have in common."""


def _labels(subject: Subject[NamespaceConfig]) -> Mapping[str, str]:
    """Labels of a namespace that a rule is about; none for others."""
    labels: Mapping[str, str] = subject.inputs.get("metadata", {}).get("labels", {})
    return labels if subject.config.label in labels else {}


def _within(subject: Subject[NamespaceConfig], kind: str) -> Iterator[Resource]:
    """The resources of a kind in a namespace, if a rule is about it."""
    name = subject.inputs.get("metadata", {}).get("name")
    for other in subject.of(kind):
        linked = subject.resource.urn in other.property_dependencies.get("metadata", ())
        if linked or other.inputs.get("metadata", {}).get("namespace", "default") == name:
            yield other


ALIASES = {"cpu": "requests.cpu", "memory": "requests.memory"}
"""Other names of what a quota limits."""


@rule(
    "namespaces-have-quota",
    **NAMESPACES,
    severity="high",
    stack=True,
    config=QuotaConfig,
    must="Namespaces of tenants must have quotas, or one takes what the others were promised.",
    how="Add a ResourceQuota to the namespace whose spec.hard names the resources.",
    reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
)
def namespaces_have_quota(subject: Subject[QuotaConfig]) -> Iterator[str]:
    if _labels(subject):
        specs = [quota.inputs.get("spec", {}) for quota in _within(subject, QUOTA)]
        # With scopes it limits some of the pods only.
        hard = [spec.get("hard", {}) for spec in specs if not (spec.get("scopes") or spec.get("scopeSelector"))]
        limited = {ALIASES.get(name, name) for amounts in hard for name in amounts}
        missing = [name for name in subject.config.resources if ALIASES.get(name, name) not in limited]
        if missing:
            yield f"No quota of the namespace limits {', '.join(missing)}. Add a ResourceQuota with these in spec.hard."


@rule(
    "namespaces-have-limits",
    **NAMESPACES,
    severity="low",
    stack=True,
    config=NamespaceConfig,
    must="Namespaces of tenants must have defaults for containers that say nothing.",
    how="Add a LimitRange to the namespace with defaultRequest or default for type Container.",
    reference="https://kubernetes.io/docs/concepts/policy/limit-range",
)
def namespaces_have_limits(subject: Subject[NamespaceConfig]) -> Iterator[str]:
    if _labels(subject):
        limits = [limit for each in _within(subject, LIMITS) for limit in each.inputs.get("spec", {}).get("limits", ())]
        if not any(limit["type"] == "Container" and {"default", "defaultRequest"} & {*limit} for limit in limits):
            yield (
                "Containers of the namespace that request nothing get no default. Add a LimitRange with defaultRequest "
                "for type Container."
            )


@rule(
    "namespaces-deny-by-default",
    **NAMESPACES,
    severity="high",
    stack=True,
    config=NetworkConfig,
    must="Namespaces of tenants must let nothing in or out but what a rule names.",
    how="Add a NetworkPolicy with an empty podSelector and both policyTypes, whose rules name their peers.",
    reference="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def namespaces_deny_by_default(subject: Subject[NetworkConfig]) -> Iterator[str]:
    if _labels(subject):
        specs = [policy.inputs.get("spec", {}) for policy in _within(subject, NETWORK_POLICY)]
        closed = [spec for spec in specs if not any(spec.get("podSelector", {}).values())]
        for direction in subject.config.directions:
            if not any(_holds(spec, direction) for spec in closed):
                yield f"Nothing keeps {direction.lower()} of all pods closed. Add a NetworkPolicy of all pods."
            for spec in specs:
                if _holds(spec, direction) and any(
                    not rule.get(PEERS[direction]) or any(map(_everybody, rule.get("from", ())))
                    for rule in spec.get(direction.lower(), ())
                ):
                    yield (
                        f"A NetworkPolicy opens {direction.lower()} for everybody. Name the peers under "
                        f"{PEERS[direction]} in each rule."
                    )


PEERS = {"Ingress": "from", "Egress": "to"}


def _everybody(peer: Mapping[str, Any]) -> bool:
    """Whether a peer that may come in is every pod of the cluster, or every address."""
    block = peer.get("ipBlock", {}).get("cidr")
    selectors = [peer[key] for key in ("namespaceSelector", "podSelector") if key in peer]
    all_pods = "namespaceSelector" in peer and not any(any(selector.values()) for selector in selectors)
    return all_pods or any(map(wide, networks(block)))


def _holds(spec: Mapping[str, Any], direction: str) -> bool:
    """Whether a policy is about a direction; where it does not say, it is about what comes in, and about what goes out
    if it has rules for that."""
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return direction in types


@rule(
    "namespaces-have-pod-security",
    **NAMESPACES,
    severity="high",
    config=SecurityConfig,
    must="Namespaces of tenants must enforce a level of Pod Security.",
    how=f"Set the label {ENFORCED} to baseline or restricted.",
    reference="https://kubernetes.io/docs/concepts/security/pod-security-standards",
)
def namespaces_have_pod_security(subject: Subject[SecurityConfig]) -> Iterator[str]:
    labels = _labels(subject)
    if labels and labels.get(ENFORCED) not in subject.config.levels:
        yield (
            f"The namespace enforces {labels.get(ENFORCED) or 'no level'} of Pod Security. Set its label {ENFORCED} to "
            f"{' or '.join(subject.config.levels)}."
        )
