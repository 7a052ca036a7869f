"""Custom resources and the systems that own their definitions: made after them, and gone before them."""

from collections.abc import Iterator, Mapping

import pytest

from components.platform.planning import form_of
from stacks.loading import load_environment, read_stack_config
from stacks.preview.recording import Recorded, record_environment
from stacks.systems import systems_of
from support import ENVIRONMENTS

BUILT_IN = (
    *("v1", "v2", "core", "apps", "batch", "policy", "autoscaling", "helm.sh", "kustomize"),
    *("rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io", "scheduling.k8s.io"),
    "admissionregistration.k8s.io",
)
"""Groups of Kubernetes itself, and of the SDK."""

OF_THE_CLUSTER = {
    "scheduling.alibabacloud.com": "ACK's scheduler brings it with the cluster (ACK page on priority-based scheduling)",
    "eci.alibabacloud.com": "the virtual node brings it; the catalog knows no name of its definitions",
    "eci.aliyun.com": "the virtual node brings it; the catalog knows no name of its definitions",
}


CONSTRAINTS = "constraints.gatekeeper.sh"


def _custom(resources: Iterator[Recorded] | list[Recorded]) -> Iterator[tuple[Recorded, str, str]]:
    """Custom resources with group and kind."""
    for resource in resources:
        package, module, kind = resource.type.split(":", 2) if resource.type.count(":") == 2 else ("", "", "")
        group = module.partition("/")[0]
        if package == "kubernetes" and resource.custom and group not in BUILT_IN:
            yield resource, group, kind


def _before(resource: Recorded, resources: Mapping[str, Recorded]) -> set[str]:
    """URNs of all that must be there before a resource is made: what it depends on, and what its component does."""
    found: set[str] = set()
    todo = [resource]
    while todo:
        one = todo.pop()
        for urn in (*one.dependencies, one.parent):
            if urn in resources and urn not in found:
                found.add(urn)
                todo.append(resources[urn])
    return found


def _plurals(kind: str) -> set[str]:
    name = kind.lower()
    return {f"{name}s", f"{name}es", f"{name.removesuffix('y')}ies"}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_a_custom_resource_lives_within_the_life_of_its_definitions_owner(stack: str) -> None:
    """The engine makes what a resource depends on before it, and removes it after it."""
    config = read_stack_config(stack)
    environment = load_environment(stack, config)
    resources = {resource.urn: resource for resource in record_environment(stack, config).resources}
    owners = {definition: system.name for system in systems_of(environment) for definition in system.definitions}
    checked = 0
    for resource, group, kind in _custom(list(resources.values())):
        if group in OF_THE_CLUSTER:
            continue
        # Gatekeeper defines the kinds of constraints itself, out of its templates.
        kind, group = ("ConstraintTemplate", "templates.gatekeeper.sh") if group == CONSTRAINTS else (kind, group)
        names = {f"{plural}.{group}" for plural in _plurals(kind)} & owners.keys()
        assert names, f"{resource.urn}: no system that runs owns {kind} of {group}"
        owner = f"::platform-{owners[names.pop()]}"
        assert any(urn.endswith(owner) for urn in _before(resource, resources)), (
            f"{resource.urn} does not wait for {owner}"
        )
        checked += 1
    assert checked or not environment.tenants


def test_acks_policies_wait_for_what_holds_them() -> None:
    resources = {resource.urn: resource for resource in record_environment("prod", read_stack_config("prod")).resources}
    instances = [
        r for r in resources.values() if r.type == "alicloud:cs/kubernetesPolicyInstance:KubernetesPolicyInstance"
    ]
    assert instances
    for instance in instances:
        before = {resources[urn].name for urn in _before(instance, resources)}
        spaces = {f"tenant-{tenant}-{space}" for tenant, space in (("research", "notebooks"), ("inference", "serving"))}
        assert {"platform-gatekeeper", "platform-policy-templates", *spaces} <= before


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_systems_wait_for_what_they_require(stack: str) -> None:
    config = read_stack_config(stack)
    environment = load_environment(stack, config)
    resources = {resource.urn: resource for resource in record_environment(stack, config).resources}
    named = {resource.name: resource for resource in resources.values() if resource.parent.endswith("::platform")}
    for system in systems_of(environment):
        assert form_of(system.name, environment.flavor).requires == system.requires
        before = {urn.rpartition("::")[2] for urn in _before(named[f"platform-{system.name}"], resources)}
        assert {f"platform-{required}" for required in system.requires} <= before


def test_every_operator_of_a_chart_waits_for_nodes_to_run_on() -> None:
    config = read_stack_config("prod")
    resources = {resource.urn: resource for resource in record_environment("prod", config).resources}
    releases = [r for r in resources.values() if r.type == "kubernetes:helm.sh/v3:Release"]
    assert releases
    for release in releases:
        assert any(urn.endswith("NodePool::system") for urn in _before(release, resources)), release.urn
