"""Who reaches whom: shipped environments have no holes, and every hole that is made is seen."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest

from components.capacity import Resource
from components.tenancy import Isolation, TenantPlan, assets_of, declared, isolation, network_policies, tenant_isolation
from policies.evaluation import Report
from stacks.datasets import dataset_sharing
from stacks.history import history_sharing
from stacks.loading import environments, load_environment, read_stack_config
from stacks.preview.document import build
from stacks.preview.recording import record_environment
from stacks.tenancy import network_of, surroundings, tenant_plans
from support import overlaid

STACK = "prod"
Change = Callable[[list[Resource]], None]


@functools.cache
def _prod() -> tuple[Sequence[Resource], Mapping[str, TenantPlan], Any]:
    config = read_stack_config(STACK)
    recording = record_environment(STACK, config)
    environment = load_environment(STACK, config)
    resources = [Resource(r.type, r.name, r.applied) for r in recording.resources]
    return resources, tenant_plans(environment, surroundings(environment, STACK)), environment


def _isolation(*changes: Change) -> Isolation:
    recorded, plans, environment = _prod()
    resources = [Resource(r.type, r.name, deepcopy(dict(r.inputs))) for r in recorded]
    for change in changes:
        change(resources)
    network = network_of(environment)
    assert network is not None
    pods = [vswitch.cidr for vswitch in network.of("pods")]
    return tenant_isolation(resources, assets_of(plans, surroundings(environment, STACK)), pods)


def _declared() -> Mapping[tuple[str, str, Any, str], str]:
    _, plans, environment = _prod()
    return {**declared(plans), **dataset_sharing(environment, STACK), **history_sharing(environment, STACK)}


def _holes(found: Isolation) -> set[tuple[str, str, str]]:
    shared = _declared()
    return {
        (way.source, way.target, way.kind)
        for way in found.ways
        if (way.source, way.target, way.kind, way.what) not in shared
    }


def _inputs(resources: list[Resource], kind: str, name: str) -> Any:
    (found,) = [r for r in resources if r.type.endswith(f":{kind}") and r.name == name]
    return found.inputs


def _policy(name: str, **rules: Any) -> Change:
    return lambda resources: _inputs(resources, "NetworkPolicy", name)["spec"].update(rules)


def _added(kind: str, **inputs: Any) -> Change:
    return lambda resources: resources.append(Resource(kind, "added", inputs))


def _document(name: str, kind: str, key: str, change: Callable[[dict[str, Any]], None]) -> Change:
    def changed(resources: list[Resource]) -> None:
        inputs = _inputs(resources, kind, name)
        document = json.loads(inputs[key])
        change(document)
        inputs[key] = json.dumps(document)

    return changed


def _without(kind: str, name: str) -> Change:
    def changed(resources: list[Resource]) -> None:
        resources[:] = [r for r in resources if not (r.type.endswith(f":{kind}") and r.name == name)]

    return changed


def _statement(effect: str, resource: str) -> Callable[[dict[str, Any]], None]:
    added = {"Effect": effect, "Action": "oss:*", "Resource": resource}
    return lambda document: document["Statement"].append(added)


def _binding(namespace: str, role: str, *subjects: Mapping[str, str]) -> Change:
    return _added(
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
        metadata={"name": "added", "namespace": namespace},
        roleRef={"kind": "ClusterRole", "name": role},
        subjects=list(subjects),
    )


def _subject(text: str) -> Callable[[dict[str, Any]], None]:
    def changed(document: dict[str, Any]) -> None:
        document["Statement"][0]["Condition"]["StringEquals"]["oidc:sub"] = text

    return changed


def _network_off(resources: list[Resource]) -> None:
    for addon in _inputs(resources, "ManagedKubernetes", "cluster-ack")["addons"]:
        addon["config"] = (addon.get("config") or "").replace('"NetworkPolicy":"true"', '"NetworkPolicy":"false"')


def _server(resources: list[Resource]) -> str:
    (found,) = [r.inputs for r in resources if r.type.endswith(":StorageClass")]
    return found["parameters"]["server"].partition(":")[0]


def _dataset(namespace: str, name: str, point: str, access: str = "ReadOnlyMany", path: str = "/") -> Change:
    return _added(
        "kubernetes:data.fluid.io/v1alpha1:Dataset",
        metadata={"namespace": namespace, "name": name},
        spec={"mounts": [{"mountPoint": point, "name": name, "path": path}], "accessModes": [access]},
    )


def _bucket_volume(namespace: str, claim: str, bucket: str, path: str) -> Change:
    return _added(
        "kubernetes:core/v1:PersistentVolume",
        spec={
            "claimRef": {"namespace": namespace, "name": claim},
            "csi": {"volumeAttributes": {"bucket": bucket, "path": path}},
        },
    )


def _file_volume(namespace: str, claim: str, path: str) -> Change:
    return _added(
        "kubernetes:core/v1:PersistentVolume",
        spec={
            "claimRef": {"namespace": namespace, "name": claim},
            "csi": {"volumeAttributes": {"server": "added.nas", "path": path}},
        },
    )


OPEN = [{"namespaceSelector": {}}]
RESEARCH_POLICY = "tenant-research-notebooks-notebook"
RESEARCH_ACCOUNT = {"kind": "ServiceAccount", "name": "notebook", "namespace": "notebooks"}
ALL_PODS = "tenant-research-notebooks-network"

MADE_HOLES: Mapping[str, tuple[Sequence[Change], set[tuple[str, str, str]]]] = {
    "both sides of the network open": (
        [
            _policy(ALL_PODS, egress=[{"to": OPEN}]),
            _policy("tenant-inference-serving-network", ingress=[{"from": OPEN, "ports": [{"port": 8000}]}]),
        ],
        {("research", "inference", "network")},
    ),
    "no policy in two namespaces": (
        [_without("NetworkPolicy", ALL_PODS), _without("NetworkPolicy", "tenant-inference-serving-network")],
        {
            ("research", "inference", "network"),
            ("inference", "research", "network"),
            # Where nothing is refused, what all may send to DNS servers in the VPC comes in, too.
            *(
                (source, target, "network")
                for source in ("data", "pretraining")
                for target in ("inference", "research")
            ),
            ("research", "platform", "identity"),
            ("inference", "platform", "identity"),
        },
    ),
    "a port to the pods' addresses": (
        [
            _policy(ALL_PODS, egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/17"]}}]}]),
            _policy("tenant-data-ray-network", ingress=[{"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}]),
        ],
        # The others by the port of DNS, to which they may send in the whole VPC.
        {(source, "data", "network") for source in ("research", "inference", "pretraining")},
    ),
    "the network enforces nothing": ([_network_off], {("*", "*", "network"), ("*", "platform", "identity")}),
    "the metadata service": (
        [_policy(ALL_PODS, egress=[{"to": [{"ipBlock": {"cidr": "100.64.0.0/10"}}]}])],
        {("research", "platform", "identity")},
    ),
    "a service account in another's namespace": (
        [_binding("training", "tenant-viewer", RESEARCH_ACCOUNT)],
        {("research", "pretraining", "API")},
    ),
    "one that may start pods there": (
        [_binding("training", "job-spark", RESEARCH_ACCOUNT)],
        {("research", "pretraining", "API"), ("research", "pretraining", "quota")},
    ),
    "everybody": (
        [_binding("training", "tenant-viewer", {"kind": "Group", "name": "system:authenticated"})],
        {("*", "pretraining", "API")},
    ),
    "a role for the whole cluster": (
        [
            _added(
                "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
                metadata={"name": "added"},
                roleRef={"kind": "ClusterRole", "name": "view"},
                subjects=[RESEARCH_ACCOUNT],
            )
        ],
        {("research", "*", "API"), ("research", "platform", "API")},
    ),
    "a person of one team in another": (
        [
            lambda resources: _inputs(resources, "KubernetesPermission", "tenant-members-ram-user-200000000000000041")[
                "permissions"
            ].append({"roleType": "namespace", "namespace": "serving", "roleName": "tenant-engineer", "isCustom": True})
        ],
        {
            ("research", "inference", "API"),
            ("research", "inference", "quota"),
            # Who is in both carries what one may do into the other.
            ("inference", "research", "API"),
            ("inference", "research", "quota"),
            ("inference", "research", "data"),
        },
    ),
    "a role that a wildcard may take": (
        [
            _document(
                "tenant-pretraining-training-training",
                "Role",
                "assumeRolePolicyDocument",
                lambda d: d["Statement"][0].update(
                    Condition={"StringLike": {"oidc:sub": "system:serviceaccount:notebooks:*"}}
                ),
            )
        ],
        # What that role may read of data, research may read anyway.
        {("research", "pretraining", "identity"), ("research", "pretraining", "data")},
    ),
    "a role of another's service account": (
        [
            _document(
                "tenant-inference-serving-inference",
                "Role",
                "assumeRolePolicyDocument",
                _subject("system:serviceaccount:notebooks:inference"),
            )
        ],
        {("research", "inference", "identity")},
    ),
    "a role that any service account may take": (
        [
            _document(
                "tenant-inference-serving-inference",
                "Role",
                "assumeRolePolicyDocument",
                lambda d: d["Statement"][0]["Condition"]["StringEquals"].pop("oidc:sub"),
            )
        ],
        {(source, "inference", "identity") for source in ("research", "data", "pretraining")},
    ),
    "a trust policy that nothing is known of": (
        [
            lambda rs: _inputs(rs, "Role", "tenant-inference-serving-inference").update(
                assumeRolePolicyDocument="[unknown]"
            )
        ],
        {("*", "inference", "identity")},
    ),
    "a policy for all of a bucket": (
        [
            _document(
                RESEARCH_POLICY, "Policy", "policyDocument", _statement("Allow", "acs:oss:*:*:acme-prod-checkpoints/*")
            )
        ],
        {("research", "pretraining", "data")},
    ),
    "the same, but denied": (
        [
            _document(
                RESEARCH_POLICY, "Policy", "policyDocument", _statement("Allow", "acs:oss:*:*:acme-prod-checkpoints/*")
            ),
            _document(
                RESEARCH_POLICY, "Policy", "policyDocument", _statement("Deny", "acs:oss:*:*:acme-prod-checkpoints/*")
            ),
        ],
        set(),
    ),
    "a part that a leave does not cover": (
        [
            _document(
                RESEARCH_POLICY, "Policy", "policyDocument", _statement("Allow", "acs:oss:*:*:acme-prod-raw/data/*")
            )
        ],
        {("research", "data", "data")},
    ),
    "another's logs": (
        [
            _document(
                RESEARCH_POLICY,
                "Policy",
                "policyDocument",
                lambda d: d["Statement"].append(
                    {
                        "Effect": "Allow",
                        "Action": "log:Get*",
                        "Resource": "acs:log:*:*:project/acme-prod-logs/logstore/*",
                    }
                ),
            )
        ],
        {("research", name, "data") for name in ("data", "inference", "pretraining")},
    ),
    "a volume": (
        [
            _added(
                "kubernetes:core/v1:PersistentVolume",
                spec={
                    "claimRef": {"namespace": "notebooks", "name": "added"},
                    "csi": {"volumeAttributes": {"bucket": "acme-prod-checkpoints", "path": "/pretraining/runs/"}},
                },
            )
        ],
        {("research", "pretraining", "data")},
    ),
    "a bucket policy for a person": (
        [
            _document(
                "checkpoints-policy",
                "BucketPolicy",
                "policy",
                lambda d: d["Statement"].append(
                    {
                        "Effect": "Allow",
                        "Action": ["oss:GetObject"],
                        "Principal": ["200000000000000041"],
                        "Resource": ["acs:oss:*:*:acme-prod-checkpoints/pretraining/*"],
                    }
                ),
            )
        ],
        {("research", "pretraining", "data")},
    ),
    "a volume of the file system with the homes": (
        [
            lambda rs: rs.append(
                Resource(
                    "kubernetes:core/v1:PersistentVolume",
                    "added",
                    {
                        "spec": {
                            "claimRef": {"namespace": "training", "name": "added"},
                            "csi": {"volumeAttributes": {"server": _server(rs), "path": "/"}},
                        }
                    },
                )
            )
        ],
        {("research", "pretraining", "data"), ("pretraining", "research", "data")},
    ),
    "a reference to a cache of another's part": (
        [
            _dataset("datasets", "runs", "oss://acme-prod-checkpoints/pretraining/runs/"),
            _dataset("notebooks", "runs", "dataset://datasets/runs"),
        ],
        {("research", "pretraining", "data")},
    ),
    "a reference to a cache of more than another's part": (
        [
            _dataset("datasets", "all", "oss://acme-prod-checkpoints/"),
            _dataset("notebooks", "all", "dataset://datasets/all"),
        ],
        {("research", "pretraining", "data")},
    ),
    "a reference to a directory of it": (
        [
            _dataset("datasets", "all", "oss://acme-prod-checkpoints/"),
            _dataset("notebooks", "runs", "dataset://datasets/all/pretraining/runs"),
        ],
        {("research", "pretraining", "data")},
    ),
    "a reference to a directory that is nobody's": (
        [
            _dataset("datasets", "all", "oss://acme-prod-checkpoints/"),
            _dataset("notebooks", "public", "dataset://datasets/all/public"),
        ],
        set(),
    ),
    # Where it is mounted decides what its directories are, so all of it counts.
    "a reference to a directory of a cache that is not at its root": (
        [
            _dataset("datasets", "all", "oss://acme-prod-checkpoints/", path="/checkpoints"),
            _dataset("notebooks", "public", "dataset://datasets/all/public"),
        ],
        {("research", "pretraining", "data")},
    ),
    "a cache that nobody refers to": (
        [_dataset("datasets", "runs", "oss://acme-prod-checkpoints/pretraining/runs/")],
        set(),
    ),
    "a reference of the owner": (
        [
            _dataset("datasets", "runs", "oss://acme-prod-checkpoints/pretraining/runs/"),
            _dataset("training", "runs", "dataset://datasets/runs"),
        ],
        set(),
    ),
    "a dataset of a tenant's own, without a cache elsewhere": (
        [_dataset("notebooks", "runs", "oss://acme-prod-checkpoints/pretraining/runs/")],
        {("research", "pretraining", "data")},
    ),
    "a reference to what there is not": ([_dataset("notebooks", "gone", "dataset://datasets/gone")], set()),
    "a dataset over a volume of a bucket": (
        [
            _bucket_volume("datasets", "staged", "acme-prod-checkpoints", "/pretraining/"),
            _dataset("datasets", "staged", "pvc://staged/runs"),
            _dataset("notebooks", "staged", "dataset://datasets/staged"),
        ],
        {("research", "pretraining", "data")},
    ),
    "a dataset over a part of a volume that is nobody's": (
        [
            _bucket_volume("datasets", "staged", "acme-prod-checkpoints", "/"),
            _dataset("datasets", "staged", "pvc://staged/public"),
            _dataset("notebooks", "staged", "dataset://datasets/staged"),
        ],
        set(),
    ),
    "files that two tenants write through a dataset": (
        [
            _dataset("datasets", "files", "added.nas/shared", "ReadWriteMany"),
            _dataset("notebooks", "files", "dataset://datasets/files", "ReadWriteMany"),
            _dataset("training", "files", "dataset://datasets/files", "ReadWriteMany"),
        ],
        {("research", "pretraining", "data"), ("pretraining", "research", "data")},
    ),
    "files that one writes through a volume, and another reads through a dataset": (
        [
            _dataset("datasets", "files", "added.nas/shared/a", "ReadOnlyMany"),
            _dataset("notebooks", "files", "dataset://datasets/files", "ReadOnlyMany"),
            _file_volume("training", "files", "/shared"),
        ],
        {("research", "pretraining", "data"), ("pretraining", "research", "data")},
    ),
    "files over a volume that two tenants write": (
        [
            _file_volume("datasets", "files", "/shared"),
            _dataset("datasets", "files", "pvc://files", "ReadWriteMany"),
            _dataset("notebooks", "files", "dataset://datasets/files", "ReadWriteMany"),
            _dataset("training", "files", "dataset://datasets/files", "ReadWriteMany"),
        ],
        {
            ("research", "pretraining", "data"),
            ("pretraining", "research", "data"),
        },
    ),
    "files that two tenants only read": (
        [
            _dataset("datasets", "files", "added.nas/shared"),
            _dataset("notebooks", "files", "dataset://datasets/files"),
            _dataset("training", "files", "dataset://datasets/files"),
        ],
        set(),
    ),
    "directories of files beside each other": (
        [
            _dataset("datasets", "files", "added.nas/shared", "ReadWriteMany"),
            _dataset("notebooks", "files", "dataset://datasets/files/one", "ReadWriteMany"),
            _dataset("training", "files", "dataset://datasets/files/two", "ReadWriteMany"),
        ],
        set(),
    ),
    "pages on the web": (
        [
            _dataset("datasets", "web", "https://example.com/pages/"),
            _dataset("notebooks", "web", "dataset://datasets/web"),
            _dataset("training", "web", "dataset://datasets/web"),
        ],
        set(),
    ),
    "a quota that forgets storage": (
        [
            lambda rs: _inputs(rs, "ResourceQuota", "tenant-research-notebooks-quota")["spec"]["hard"].pop(
                "requests.storage"
            )
        ],
        {("research", "*", "quota")},
    ),
    "no quota": (
        [_without("ResourceQuota", "tenant-research-notebooks-quota")],
        {("research", "*", "quota")},
    ),
    "a quota that forgets GPUs": (
        [
            lambda rs: _inputs(rs, "ResourceQuota", "tenant-research-notebooks-quota")["spec"]["hard"].pop(
                "requests.nvidia.com/gpu"
            )
        ],
        {("research", "*", "quota")},
    ),
}


@pytest.mark.parametrize("stack", environments())
def test_shipped_environments_have_no_holes(stack: str) -> None:
    config = read_stack_config(stack)
    environment = load_environment(stack, config)
    document = build(environment, record_environment(stack, config), Report((), {}))
    assert (document.tenancy is None) == (not environment.tenants)
    assert document.tenancy is None or document.tenancy.holes == []


def test_prod_shares_what_it_declares_and_nothing_else() -> None:
    found = _isolation()
    assert found.tenants == ["data", "inference", "pretraining", "research"]
    assert {(way.source, way.target, way.kind, way.what) for way in found.ways} == set(_declared())
    assert found.between("research", "data", "data")
    assert not found.between("data", "research", "data")


@pytest.mark.parametrize(("changes", "holes"), MADE_HOLES.values(), ids=MADE_HOLES.keys())
def test_made_holes_are_seen(changes: Sequence[Change], holes: set[tuple[str, str, str]]) -> None:
    assert _holes(_isolation(*changes)) == holes


def test_a_hole_fails_the_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.preview.document.sharing", lambda plans: {})
    config = read_stack_config(STACK)
    document = build(load_environment(STACK, config), record_environment(STACK, config), Report((), {}))
    assert document.tenancy is not None
    assert {(way.source, way.target) for way in document.tenancy.holes} == {
        ("research", "data"),
        ("pretraining", "data"),
        ("inference", "pretraining"),
    }
    assert document.failed


def test_the_work_grows_with_the_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs that nothing connects are not looked at, or a fleet could not be previewed."""
    looks: list[int] = []
    for module, name in ((network_policies, "open_ports"), (isolation.ram_policies, "could")):
        original = getattr(module, name)

        def counted(*arguments: Any, original: Any = original) -> Any:
            looks[-1] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, counted)
    for count in (10, 20):
        tenants = {
            f"team-{index:02}": {
                "owners": [f"ram-user/{index + 1}"],
                "costCenter": "fleet",
                "namespaces": {f"team-{index:02}": {"jobs": ["ray"]}},
                "prefixes": {"raw": {"bucket": "raw"}},
                "resources": {"vcpu": {"maximum": 1}, "memoryGib": {"maximum": 4}, "pods": 5},
            }
            for index in range(count)
        }
        config = overlaid("dev", {"tenants": tenants})
        environment = load_environment("dev", config)
        recording = record_environment("dev", config)
        looks.append(0)
        document = build(environment, recording, Report((), {}))
        assert document.tenancy is not None
        assert document.tenancy.holes == []
    assert 0 < looks[1] <= 2 * looks[0]
