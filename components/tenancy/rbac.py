"""Who may do what in a cluster: Kubernetes RBAC and ACK's permissions of RAM users and roles, as an upper bound.

What is unknown before apply counts as granted. Sources: kubernetes.io/docs/reference/access-authn-authz/rbac;
ClusterRole templates of ACK's predefined roles, AliyunContainerService pages of 2018 and 2022-09-02.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..capacity import Resource
from .network_policies import UNKNOWN

RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
PERMISSION = "alicloud:cs/kubernetesPermission:KubernetesPermission"

EVERYONE = "group/system:authenticated"
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-view"
"""Label of what Kubernetes adds to its ClusterRole `view`."""


@dataclass(frozen=True)
class Rule:
    """What a role allows. "*" stands for all. excluded: resources that "*" leaves out."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    resource_names: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


EVERYTHING = Rule(("*",), ("*",), ("*",))
READING = Rule(("*",), ("*",), ("get", "list", "watch"))

VIEW = Rule(
    READING.api_groups,
    READING.resources,
    READING.verbs,
    excluded=("secrets", "pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"),
)
"""Kubernetes' own ClusterRole `view`, as far as it may have been widened to custom resources."""

PREDEFINED: Mapping[str, Rule] = {"admin": EVERYTHING, "ops": EVERYTHING, "dev": EVERYTHING, "restricted": READING}
"""ACK's predefined roles, as upper bounds: all but `restricted` change things, secrets among them. `restricted` reads
secrets, too, and gets pods/exec, which is enough to run commands before Kubernetes 1.35. Sources: template of
cs:restricted in ACK's guide to permissions of sub-accounts, 2018; the same seen in a cluster, 2020-05-12
(sbopsv/cloud-tech)."""


@dataclass(frozen=True)
class Grant:
    """What a role gives a subject. namespace: "" for every namespace and what belongs to none.

    subject: ram-user/<uid>, ram-role/<uid>, user/<name>, group/<name> or service-account/<namespace>/<name>.
    """

    subject: str
    namespace: str
    role: str
    rules: Sequence[Rule]


def grants(resources: Iterable[Resource]) -> Sequence[Grant]:
    """All grants by declared bindings and permissions.

    A role that is not declared gives everything, except Kubernetes' own ClusterRole `view`. A subject whose name is
    unknown is everyone that it may be.
    """
    roles: dict[tuple[str, str, str], list[Rule]] = defaultdict(list)
    viewing = [VIEW]
    bindings: list[Resource] = []
    for resource in resources:
        kind = resource.type.removeprefix(RBAC)
        if resource.type == PERMISSION or kind in ("RoleBinding", "ClusterRoleBinding"):
            bindings.append(resource)
        elif resource.type.startswith(RBAC) and kind in ("Role", "ClusterRole"):
            metadata = _mapping(resource.inputs.get("metadata"))
            rules = _rules(resource.inputs)
            key = (kind, _namespace(resource.inputs) if kind == "Role" else "", str(metadata.get("name") or ""))
            # Two unknown names need not be the same one.
            if not UNKNOWN.search("".join(key)):
                roles[key] += rules
            labels = metadata.get("labels") or {}
            label = labels.get(AGGREGATED) if isinstance(labels, Mapping) else labels
            if kind == "ClusterRole" and (label == "true" or UNKNOWN.search(str(label))):
                viewing += rules
    roles.setdefault(("ClusterRole", "", "view"), viewing)
    return [
        grant
        for resource in bindings
        for grant in (_permitted if resource.type == PERMISSION else _bound)(resource, roles)
    ]


def allows(grant: Grant, verb: str, api_group: str, resource: str, namespace: str) -> bool:
    """Whether a grant allows a verb on anything of a resource. namespace: "" asks for what belongs to none, or for all.

    A subresource is asked for as `pods/exec`, and the rule for `pods` does not include it. A rule for some names allows
    something of the resource.
    """
    if grant.namespace not in ("", namespace):
        return False
    parent, _, subresource = resource.partition("/")
    names = {"*", resource} | ({f"{parent}/*", f"*/{subresource}"} if subresource else set())
    return any(
        not {"*", verb}.isdisjoint(rule.verbs)
        and not {"*", api_group}.isdisjoint(rule.api_groups)
        and not names.isdisjoint(rule.resources)
        and resource not in rule.excluded
        for rule in grant.rules
    )


def identities(subject: str) -> Sequence[str]:
    """A subject and whatever else grants may call it: its groups, and nobody, as which anyone may come.

    RAM users and roles appear in the cluster as users named by their uid. Source: as for `PREDEFINED`.
    """
    kind, _, name = subject.partition("/")
    anyone = (EVERYONE, "group/system:unauthenticated", "user/system:anonymous")
    if kind == "service-account":
        namespace = name.partition("/")[0]
        return (subject, "group/system:serviceaccounts", f"group/system:serviceaccounts:{namespace}", *anyone)
    return (subject, *([f"user/{name}"] if kind in ("ram-user", "ram-role") else []), *anyone)


def _bound(binding: Resource, roles: Mapping[tuple[str, str, str], Sequence[Rule]]) -> Iterator[Grant]:
    reference = _mapping(binding.inputs.get("roleRef"))
    kind, role = str(reference.get("kind")), str(reference.get("name"))
    namespace = "" if binding.type == f"{RBAC}ClusterRoleBinding" else _namespace(binding.inputs)
    rules = roles.get((kind, namespace if kind == "Role" else "", role), (EVERYTHING,))
    if UNKNOWN.search(namespace):
        namespace = ""
    subjects = binding.inputs.get("subjects") or ()
    for subject in subjects if isinstance(subjects, list | tuple) else ("",):
        yield Grant(_subject(subject), namespace, role, rules)


def _permitted(permission: Resource, roles: Mapping[tuple[str, str, str], Sequence[Rule]]) -> Iterator[Grant]:
    uid, given = str(permission.inputs.get("uid")), permission.inputs.get("permissions") or ()
    for entry in given if isinstance(given, list | tuple) else ("",):
        each = _mapping(entry)
        custom, of_role = each.get("isCustom") or False, each.get("isRamRole") or False
        namespace, role = str(each.get("namespace") or ""), str(each.get("roleName"))
        if each.get("roleType") != "namespace" or UNKNOWN.search(namespace):
            namespace = ""
        rules = roles.get(("ClusterRole", "", role), (EVERYTHING,))
        if not isinstance(custom, bool):
            rules = (EVERYTHING,)
        elif not custom and role in PREDEFINED:
            rules = (PREDEFINED[role],)
        kinds = ("ram-role",) if of_role is True else ("ram-user",)
        if not isinstance(of_role, bool) or not each:
            kinds = ("ram-user", "ram-role")
        for subject in [EVERYONE] if UNKNOWN.search(uid) else [f"{kind}/{uid}" for kind in kinds]:
            yield Grant(subject, namespace, role, rules)


def _subject(given: Any) -> str:
    """A subject as text. An unknown one is the smallest group that it must belong to."""
    subject = _mapping(given)
    kind, name, namespace = (str(subject.get(key) or "") for key in ("kind", "name", "namespace"))
    if kind == "User" and name.startswith("system:serviceaccount:") and name.count(":") == 3:
        kind, namespace, name = "ServiceAccount", *name.split(":")[2:]
    if kind == "ServiceAccount":
        if not namespace or UNKNOWN.search(namespace):
            return "group/system:serviceaccounts"
        if UNKNOWN.search(name):
            return f"group/system:serviceaccounts:{namespace}"
        return f"service-account/{namespace}/{name}"
    if kind not in ("User", "Group") or UNKNOWN.search(name):
        return EVERYONE
    return f"{kind.lower()}/{name}"


def _rules(inputs: Mapping[str, Any]) -> Sequence[Rule]:
    given = inputs.get("rules") or ()
    # Kubernetes itself fills in the rules of a role that is an aggregation.
    if inputs.get("aggregationRule") or not isinstance(given, list | tuple):
        return (EVERYTHING,)
    return [
        Rule(*(_texts(rule.get(key)) for key in ("apiGroups", "resources", "verbs", "resourceNames")))
        if isinstance(rule, Mapping)
        else EVERYTHING
        for rule in given
    ]


def _texts(given: Any) -> tuple[str, ...]:
    values = given or () if isinstance(given, list | tuple | None) else ("*",)
    return tuple("*" if UNKNOWN.search(str(value)) else str(value) for value in values)


def _namespace(inputs: Mapping[str, Any]) -> str:
    metadata = inputs.get("metadata") or {}
    return str((metadata.get("namespace") if isinstance(metadata, Mapping) else metadata) or "default")


def _mapping(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, Mapping) else {}
