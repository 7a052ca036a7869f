"""RBAC: grants are what bindings and permissions say, and everything where they cannot be read."""

from collections.abc import Sequence
from typing import Any, get_args

import pytest

from components.capacity import Resource
from components.tenancy.args import JobKind
from components.tenancy.rbac import (
    EVERYONE,
    EVERYTHING,
    PERMISSION,
    RBAC,
    READING,
    Grant,
    Rule,
    allows,
    grants,
    identities,
)
from components.tenancy.roles import JOBS, READ

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
PODS_RULE = Rule(("",), ("pods",), ("get", "list"))
ALICE = {"kind": "User", "name": "alice"}


def _role(name: Any, *rules: Any, namespace: Any = "", **inputs: Any) -> Resource:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **inputs.pop("metadata", {})}
    kind = "Role" if namespace else "ClusterRole"
    return Resource(f"{RBAC}{kind}", str(name), {"metadata": metadata, "rules": list(rules), **inputs})


def _binding(kind: str, role: Any, *subjects: Any, namespace: Any = "") -> Resource:
    metadata = {"name": "binding", **({"namespace": namespace} if namespace else {})}
    inputs = {"metadata": metadata, "roleRef": {"kind": kind, "name": role}, "subjects": list(subjects or [ALICE])}
    return Resource(f"{RBAC}{'RoleBinding' if namespace else 'ClusterRoleBinding'}", "binding", inputs)


def _permission(uid: Any = "1", **entry: Any) -> Resource:
    given = {"cluster": "c1", "roleType": "namespace", "namespace": "team-a", "roleName": "dev", **entry}
    return Resource(PERMISSION, "permission", {"uid": uid, "permissions": [given]})


def _only(found: Sequence[Grant]) -> Grant:
    assert len(found) == 1, found
    return found[0]


def test_bindings() -> None:
    roles = [_role("reader", PODS, namespace="a"), _role("reader", namespace="b"), _role("wide", PODS)]
    assert grants([*roles, _binding("Role", "reader", namespace="a")]) == [
        Grant("user/alice", "a", "reader", [PODS_RULE])
    ]
    assert grants([_binding("Role", "reader", namespace="b"), *roles]) == [Grant("user/alice", "b", "reader", [])]
    assert grants([*roles, _binding("ClusterRole", "wide", namespace="b")]) == [
        Grant("user/alice", "b", "wide", [PODS_RULE])
    ]
    assert grants([*roles, _binding("ClusterRole", "wide")]) == [Grant("user/alice", "", "wide", [PODS_RULE])]


def test_a_binding_without_a_namespace_is_in_the_default_one() -> None:
    binding = Resource(f"{RBAC}RoleBinding", "b", {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [ALICE]})
    assert _only(grants([binding])).namespace == "default"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (ALICE, "user/alice"),
        ({"kind": "Group", "name": "team-a"}, "group/team-a"),
        ({"kind": "ServiceAccount", "name": "ray", "namespace": "team-a"}, "service-account/team-a/ray"),
        ({"kind": "User", "name": "system:serviceaccount:team-a:ray"}, "service-account/team-a/ray"),
        ({"kind": "User", "name": "system:serviceaccount:odd"}, "user/system:serviceaccount:odd"),
        ({"kind": "ServiceAccount", "name": "[unknown]", "namespace": "team-a"}, "group/system:serviceaccounts:team-a"),
        ({"kind": "ServiceAccount", "name": "ray", "namespace": "[unknown]"}, "group/system:serviceaccounts"),
        ({"kind": "ServiceAccount", "name": "ray"}, "group/system:serviceaccounts"),
        ({"kind": "User", "name": "[unknown]"}, EVERYONE),
        ({"kind": "[unknown]", "name": "alice"}, EVERYONE),
        ("[unknown]", EVERYONE),
    ],
)
def test_subjects(subject: Any, expected: str) -> None:
    assert _only(grants([_binding("ClusterRole", "wide", subject)])).subject == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([_binding("Role", "absent", namespace="a")], [EVERYTHING]),
        ([_binding("ClusterRole", "[unknown]"), _role("[unknown]", PODS)], [EVERYTHING]),
        ([_binding("Role", "r", namespace="[unknown]"), _role("r", PODS, namespace="[unknown]")], [EVERYTHING]),
        ([_binding("Role", "r", namespace="b"), _role("r", PODS, namespace="a")], [EVERYTHING]),
        ([_binding("ClusterRole", "r", namespace="a"), _role("r", PODS, namespace="a")], [EVERYTHING]),
        ([_binding("ClusterRole", "r"), _role("r", aggregationRule={"clusterRoleSelectors": []})], [EVERYTHING]),
        ([_binding("ClusterRole", "r"), Resource(f"{RBAC}ClusterRole", "r", {"metadata": {"name": "r"}})], []),
        ([_binding("ClusterRole", "r"), _role("r", "[unknown]")], [EVERYTHING]),
        (
            [_binding("ClusterRole", "r"), _role("r", {"apiGroups": "[unknown]", "resources": ["[unknown]"]})],
            [Rule(("*",), ("*",), ())],
        ),
        ([_binding("ClusterRole", "r"), _role("r", PODS), _role("r", PODS)], [PODS_RULE, PODS_RULE]),
    ],
)
def test_what_cannot_be_read_gives_everything(resources: list[Resource], expected: list[Rule]) -> None:
    assert list(_only(grants(resources)).rules) == expected


def test_unknown_metadata_means_every_namespace() -> None:
    role = _role("r", PODS, namespace="default")
    reference = {"roleRef": {"kind": "Role", "name": "r"}, "subjects": "[unknown]"}
    for metadata in ("[unknown]", {"namespace": "[unknown]"}):
        binding = Resource(f"{RBAC}RoleBinding", "b", {"metadata": metadata, **reference})
        assert grants([role, binding]) == [Grant(EVERYONE, "", "r", (EVERYTHING,))]


def test_the_well_known_view() -> None:
    grant = _only(grants([_binding("ClusterRole", "view", namespace="a")]))
    assert allows(grant, "get", "", "pods/log", "a")
    assert allows(grant, "list", "ray.io", "rayclusters", "a")
    assert not allows(grant, "get", "", "secrets", "a")
    assert not allows(grant, "get", "", "pods/exec", "a")
    assert not allows(grant, "create", "", "pods", "a")
    assert not allows(grant, "get", "", "pods", "b")


@pytest.mark.parametrize(("label", "added"), [("true", True), ("[unknown]", True), ("false", False)])
def test_view_grows_by_what_is_added_to_it(label: str, added: bool) -> None:
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    metadata = {"labels": {"rbac.authorization.k8s.io/aggregate-to-view": label}}
    view = _binding("ClusterRole", "view")
    assert allows(_only(grants([view, _role("r", secrets, metadata=metadata)])), "get", "", "secrets", "a") is added
    other = _role("r", secrets, namespace="a", metadata=metadata)
    assert not allows(_only(grants([view, other])), "get", "", "secrets", "a")


@pytest.mark.parametrize(
    ("entry", "subject", "namespace", "rules"),
    [
        ({}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"roleName": "ops"}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"roleName": "admin", "roleType": "cluster", "namespace": None}, "ram-user/1", "", [EVERYTHING]),
        ({"roleName": "restricted", "isRamRole": True}, "ram-role/1", "team-a", [READING]),
        ({"roleName": "restricted", "roleType": "all-clusters"}, "ram-user/1", "", [READING]),
        ({"roleName": "restricted", "roleType": "[unknown]"}, "ram-user/1", "", [READING]),
        ({"roleName": "restricted", "namespace": "[unknown]"}, "ram-user/1", "", [READING]),
        ({"roleName": "restricted", "isCustom": True}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"roleName": "restricted", "isCustom": "[unknown]"}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"roleName": "reader", "isCustom": True}, "ram-user/1", "team-a", [PODS_RULE]),
        ({"roleName": "reader"}, "ram-user/1", "team-a", [PODS_RULE]),
        ({"roleName": "absent", "isCustom": True}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"roleName": "[unknown]"}, "ram-user/1", "team-a", [EVERYTHING]),
        ({"uid": "[unknown]"}, EVERYONE, "team-a", [EVERYTHING]),
    ],
)
def test_permissions(entry: dict[str, Any], subject: str, namespace: str, rules: list[Rule]) -> None:
    grant = _only(grants([_permission(**entry), _role("reader", PODS)]))
    assert (grant.subject, grant.namespace, list(grant.rules)) == (subject, namespace, rules)


def test_a_permission_of_an_unknown_kind_is_both() -> None:
    subjects = ["ram-user/1", "ram-role/1"]
    assert [each.subject for each in grants([_permission(isRamRole="[unknown]")])] == subjects
    found = grants([Resource(PERMISSION, "p", {"uid": "1", "permissions": "[unknown]"})])
    assert [(each.subject, each.namespace, each.rules) for each in found] == [(s, "", (EVERYTHING,)) for s in subjects]


def test_others_of_the_same_group_are_no_roles() -> None:
    assert grants([Resource("kubernetes:core/v1:Pod", "p", {}), _role("r", PODS)]) == []


@pytest.mark.parametrize(
    ("rule", "question", "expected"),
    [
        (PODS_RULE, ("get", "", "pods", "a"), True),
        (PODS_RULE, ("delete", "", "pods", "a"), False),
        (PODS_RULE, ("get", "apps", "pods", "a"), False),
        (PODS_RULE, ("get", "", "secrets", "a"), False),
        (PODS_RULE, ("get", "", "pods/exec", "a"), False),
        (PODS_RULE, ("get", "", "pods", "b"), False),
        (PODS_RULE, ("get", "", "pods", ""), False),
        (EVERYTHING, ("create", "", "pods/exec", "a"), True),
        (Rule(("",), ("pods/exec",), ("*",)), ("create", "", "pods/exec", "a"), True),
        (Rule(("",), ("pods/exec",), ("*",)), ("create", "", "pods", "a"), False),
        (Rule(("",), ("pods/*",), ("*",)), ("create", "", "pods/exec", "a"), True),
        (Rule(("",), ("pods/*",), ("*",)), ("create", "", "pods", "a"), False),
        (Rule(("",), ("*/exec",), ("*",)), ("create", "", "pods/exec", "a"), True),
        (Rule(("",), ("*/exec",), ("*",)), ("create", "", "pods", "a"), False),
        (Rule(("",), ("*/scale",), ("*",)), ("create", "", "pods/exec", "a"), False),
        (Rule(("",), ("secrets",), ("get",), ("token",)), ("get", "", "secrets", "a"), True),
        (Rule(("*",), (), ("*",)), ("get", "", "pods", "a"), False),
    ],
)
def test_what_a_grant_allows(rule: Rule, question: tuple[str, str, str, str], expected: bool) -> None:
    assert allows(Grant("user/alice", "a", "r", [rule]), *question) is expected


def test_a_grant_for_every_namespace() -> None:
    grant = Grant("user/alice", "", "r", [PODS_RULE])
    assert allows(grant, "get", "", "pods", "a")
    assert allows(grant, "get", "", "pods", "")


def test_restricted_reads_secrets_and_runs_commands() -> None:
    grant = _only(grants([_permission(roleName="restricted")]))
    assert allows(grant, "get", "", "secrets", "team-a")
    assert allows(grant, "get", "", "pods/exec", "team-a")
    assert not allows(grant, "create", "", "pods", "team-a")


@pytest.mark.parametrize(
    ("subject", "included", "excluded"),
    [
        (
            "service-account/a/ray",
            {"group/system:serviceaccounts", "group/system:serviceaccounts:a", EVERYONE},
            {"group/system:serviceaccounts:b"},
        ),
        ("ram-user/1", {EVERYONE, "user/1", "group/system:unauthenticated"}, {"ram-role/1"}),
        ("ram-role/1", {EVERYONE, "user/1", "user/system:anonymous"}, {"ram-user/1"}),
        ("user/alice", {EVERYONE}, {"group/system:serviceaccounts"}),
        ("group/team-a", {EVERYONE}, {"group/system:serviceaccounts"}),
    ],
)
def test_identities(subject: str, included: set[str], excluded: set[str]) -> None:
    found = set(identities(subject))
    assert included | {subject} <= found
    assert not excluded & found


@pytest.mark.parametrize("kind", get_args(JobKind))
def test_every_kind_of_job_may_wait_for_datasets_and_change_none(kind: JobKind) -> None:
    rules = [Rule((rule.group,), tuple(rule.resources), tuple(rule.verbs)) for rule in JOBS[kind]]
    grant = Grant(f"service-account/a/{kind}", "a", f"job-{kind}", rules)
    assert all(allows(grant, verb, "data.fluid.io", "datasets", "a") for verb in READ)
    assert not any(allows(grant, verb, "data.fluid.io", "datasets", "a") for verb in ("create", "patch", "delete"))
    assert not allows(grant, "get", "", "secrets", "a")
