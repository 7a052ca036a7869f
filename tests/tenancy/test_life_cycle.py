"""Tenants come, change their names and go without anything happening to the others."""

import json
from typing import Any

import pytest
import yaml

from policies.evaluation import Report
from stacks.loading import StackConfig, load_environment
from stacks.preview.diff import Diff, compare, summary
from stacks.preview.document import Document, build
from stacks.preview.recording import Recording, record_environment
from support import overlaid

QUEUES = "ack-ai-blueprint:queues:Queues"
TREE = "queues-elasticquotatree-kube-system-elasticquotatree"
"""A cluster has one tree of queues, so every tenant is in it, and it waits for all their namespaces."""

ADMISSION = "ack-ai-blueprint:admission:AdmissionPolicies"


def _shared(name: str) -> bool:
    """Whether a resource is there once for all tenants: the tree, and ACK's policies, which name their namespaces."""
    return name == TREE or name.startswith("admission-ACK")


VISION: dict[str, Any] = {
    "owners": ["ram-user/200000000000000050"],
    "engineers": ["ram-user/200000000000000051"],
    "automation": ["ram-role/300000000000000050"],
    "costCenter": "cv-500",
    "namespaces": {"vision": {"jobs": ["ray", "training"], "jobClasses": ["training-small"]}},
    "resources": {"vcpu": {"guaranteed": 8, "maximum": 64}, "memoryGib": {"maximum": 256}, "pods": 50},
    "prefixes": {"images": {"bucket": "raw"}},
    "buckets": {"scratch": {}},
    "home": {"storageClass": "homes"},
    "notifications": {"mail": ["vision@example.com"]},
    "budget": {"CNY": 10000},
}


def _recorded(**values: Any) -> tuple[Document, Recording]:
    config = overlaid("prod", values)
    recording = record_environment("prod", config)
    return build(load_environment("prod", config), recording, Report((), {})), recording


@pytest.fixture(scope="module")
def prod() -> tuple[Document, Recording]:
    """prod as it is shipped."""
    return _recorded()


def _diff(before: Document, after: Document) -> Diff:
    return compare("before", before, after)


def test_a_fifth_tenant_adds_resources_and_changes_none(prod: tuple[Document, Recording]) -> None:
    document, recording = _recorded(tenants={"vision": VISION})
    before = {resource.urn: resource for resource in prod[1].resources}
    after = {resource.urn: resource for resource in recording.resources}
    assert before.keys() < after.keys()
    for urn, resource in before.items():
        now = after[urn]
        if QUEUES in urn or ADMISSION in urn:
            continue
        assert (resource.inputs, resource.options) == (now.inputs, now.options), urn
        assert resource.property_dependencies == now.property_dependencies, urn
        # The throttles wait for all buckets, a new tenant's own among them.
        waits = now.dependencies if not resource.type.startswith("pulumi-python:") else resource.dependencies
        assert resource.dependencies == waits, urn
    added = [resource for urn, resource in after.items() if urn not in before]
    own = ("tenant-vision", "tenant-members-ram-user-20000000000000005", "tenant-members-ram-role-300000000000000050")
    others = [r.name for r in added if not r.name.startswith(own)]
    # What it shares by name: its bucket, its rung of a job class, the alarms on its bucket.
    assert others
    assert all("vision" in name for name in others), others
    changes = _diff(prod[0], document)
    assert {c.action for c in changes.changes if not _shared(c.name)} == {"added"}
    assert document.tenancy is not None
    assert document.tenancy.holes == []


def test_a_part_of_the_traffic_changes_the_pools_priorities_alone(prod: tuple[Document, Recording]) -> None:
    throttled = {**VISION, "throttling": {"trafficClass": "batch", "guaranteedGbps": 5}}
    diff = _diff(prod[0], _recorded(tenants={"vision": throttled})[0])
    changed = [change.name for change in diff.changes if change.action != "added" and not _shared(change.name)]
    assert changed == ["throttling-requester-priorities"]


def test_a_shared_member_changes_its_own_permission_alone(prod: tuple[Document, Recording]) -> None:
    shared = {**VISION, "viewers": ["group/research"]}
    diff = _diff(prod[0], _recorded(tenants={"vision": shared})[0])
    changed = {change.name for change in diff.changes if change.action != "added" and not _shared(change.name)}
    assert changed == {f"tenant-members-ram-user-20000000000000004{number}" for number in (1, 2, 3)}


def test_removal_ends_access_and_keeps_data(prod: tuple[Document, Recording]) -> None:
    """Volumes and what else names the tenant's namespace must go with it: the environment says so until they do."""
    values = {"tenants": {"vision": VISION}}
    before, _ = _recorded(**values)
    diff = _diff(before, prod[0])
    assert {change.action for change in diff.changes if not _shared(change.name)} == {"removed"}
    kept = {change.type.rpartition(":")[2] for change in diff.changes if change.kept}
    assert kept >= {
        *("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "PersistentVolumeClaim"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        *("Bucket", "Store", "RegistryEnterpriseNamespace"),
    }
    gone = {change.type.rpartition(":")[2] for change in diff.changes if change.custom and not change.kept}
    assert gone >= {"KubernetesPermission", "Role", "Policy", "RolePolicyAttachment", "ServiceAccount", "RoleBinding"}
    assert not kept & gone
    assert "which stay in the cloud" in summary(diff)
    buckets = [r for r in before.resources if r.name == "vision-scratch-bucket"]
    # Protection would win over retaining, and the engine would refuse.
    assert [bucket.options.get("protect", False) for bucket in buckets] == [False]


def test_what_would_be_made_anew_beside_what_stays_is_named(prod: tuple[Document, Recording]) -> None:
    """The namespace of a job class: the classes make it as soon as no tenant does."""
    before = {"tenants": {"cleaning": {**_small(), "namespaces": {"ray": {"jobs": ["ray"]}}}}}
    documents: list[Document] = []
    for values in (before, {}):
        config = overlaid("dev", values)
        documents.append(build(load_environment("dev", config), record_environment("dev", config), Report((), {})))
    (made,) = [c for c in _diff(*documents).changes if c.name == "job-classes-ray"]
    assert (made.action, made.exists) == ("added", True)
    assert not [c.name for c in _diff(prod[0], _recorded(tenants={"vision": VISION})[0]).changes if c.exists]


def test_removal_takes_everything_where_that_is_said(prod: tuple[Document, Recording]) -> None:
    before, _ = _recorded(tenants={"vision": {**VISION, "removal": "delete"}})
    diff = _diff(before, prod[0])
    assert {change.action for change in diff.changes if not _shared(change.name)} == {"removed"}
    assert not [change.name for change in diff.changes if change.kept]


def test_another_name_replaces_nothing() -> None:
    before, _ = _recorded(tenants={"vision": VISION})
    renamed = {**VISION, "formerly": ["vision"], "prefixes": {"images": {"bucket": "raw"}}}
    after, _ = _recorded(tenants={"sight": renamed})
    diff = _diff(before, after)
    assert {change.action for change in diff.changes} == {"changed"}
    touched = {
        part.path
        for change in diff.changes
        for part in change.properties
        if not part.path.startswith(("options.", "metadata.labels.", "tags.", "description", "labels", "message"))
    }
    assert touched == set()


def test_twice_another_name() -> None:
    before, _ = _recorded(tenants={"sight": {**VISION, "formerly": ["vision"]}})
    after, _ = _recorded(tenants={"seeing": {**VISION, "formerly": ["vision", "sight"]}})
    assert {change.action for change in _diff(before, after).changes} == {"changed"}


def test_a_namespace_of_job_classes_moves_to_a_tenant() -> None:
    """dev has no tenants: the namespace `ray` is made with the job classes there."""
    config, moved = overlaid("dev", {}), {"cleaning": {**_small(), "namespaces": {"ray": {"jobs": ["ray"]}}}}
    before = build(load_environment("dev", config), record_environment("dev", config), Report((), {}))
    config = overlaid("dev", {"tenants": moved})
    after = build(load_environment("dev", config), record_environment("dev", config), Report((), {}))
    actions = {change.name: change.action for change in _diff(before, after).changes}
    assert actions["tenant-cleaning-ray"] == "changed"
    assert "job-classes-ray" not in actions
    assert "removed" not in actions.values()


def test_an_existing_namespace_is_taken_over() -> None:
    taken = {"cleaning": {**_small(), "namespaces": {"cleaning": {"existing": True}}}}
    config = overlaid("dev", {"tenants": taken})
    recording = record_environment("dev", config)
    (patch,) = [r for r in recording.resources if r.type == "kubernetes:core/v1:NamespacePatch"]
    assert patch.inputs["metadata"]["name"] == "cleaning"
    assert patch.inputs["metadata"]["labels"]["tenant"] == "cleaning"
    assert patch.inputs["metadata"]["annotations"] == {"pulumi.com/patchForce": "true"}
    guarded = {r.type.rpartition(":")[2] for r in recording.resources if patch.urn in r.dependencies}
    assert guarded >= {"ResourceQuota", "LimitRange", "NetworkPolicy"}


def _small() -> dict[str, Any]:
    return {"owners": ["ram-user/1"], "costCenter": "small"}


def test_the_order_of_keys_means_nothing() -> None:
    """The engine hands mappings over sorted, whatever order a file has."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(item) for key, item in reversed(value.items())}
        return value

    config = overlaid("prod", {})
    values = {key: json.dumps(turned(yaml.safe_load(text))) for key, text in config.values.items() if ":tenan" in key}
    other = StackConfig({**config.values, **values})
    recorded = [record_environment("prod", c) for c in (config, other)]
    one, two = ({r.urn: (r.inputs, r.options) for r in recording.resources} for recording in recorded)
    assert one == two
