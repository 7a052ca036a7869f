"""The systems: one catalog, two forms, an order that is computed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue

from components import catalog, platform
from components.inputs import InvalidInput
from components.platform import Flavor, Platform, SystemArgs, plan_systems
from stacks.preview.recording import Recording
from support import named, recorded

ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon"


def _platform(systems: Mapping[str, SystemArgs], flavor: Flavor = "ack") -> Recording:
    return recorded(lambda: Platform("platform", systems, flavor=flavor, cluster_id="c1"))


def test_add_ons_have_their_own_name_and_a_stable_configuration() -> None:
    values: dict[str, JsonValue] = {"b": "2", "a": {"y": 1, "x": 2}}
    recording = _platform({"prometheus": SystemArgs(values=values), "kuberay": SystemArgs(version="v1.7.0")})
    prometheus = named(recording, "platform-prometheus").inputs
    assert prometheus["name"] == "arms-prometheus"
    assert prometheus["config"] == '{"a":{"x":2,"y":1},"b":"2","prometheusMode":"default"}'
    assert json.loads(prometheus["config"])
    kuberay = named(recording, "platform-kuberay").inputs
    assert kuberay == {"clusterId": "c1", "name": "kuberay-operator", "version": "v1.7.0"}


def test_an_add_on_that_made_cloud_resources_is_removed_before_the_cluster() -> None:
    def program() -> None:
        import pulumi

        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        systems = {"virtual-node": SystemArgs(), "kuberay": SystemArgs()}
        Platform("platform", systems, flavor="ack", cluster_id="c1", deleted_with=cluster)

    recording = recorded(program)
    assert named(recording, "platform-virtual-node").options.deleted_with == ""
    assert named(recording, "platform-virtual-node").inputs["cleanupCloudResources"] is True
    assert named(recording, "platform-kuberay").options.deleted_with.endswith("::cluster")


def test_systems_that_take_a_log_project_get_it() -> None:
    systems = {"node-problem-detector": SystemArgs(), "logs": SystemArgs()}
    recording = recorded(lambda: Platform("platform", systems, flavor="ack", cluster_id="c1", log_project="acme-logs"))
    detector = named(recording, "platform-node-problem-detector").inputs
    assert detector["config"] == '{"sls_project_name":"acme-logs"}'
    assert named(recording, "platform-logs").inputs["config"] == '{"IngressDashboardEnabled":"false"}'


def test_charts_upstream() -> None:
    recording = _platform({"kuberay": SystemArgs(values={"replicaCount": 2})}, "upstream")
    release = named(recording, "platform-kuberay")
    assert release.type == "kubernetes:helm.sh/v3:Release"
    assert release.inputs["repositoryOpts"] == {"repo": "https://ray-project.github.io/kuberay-helm/"}
    assert release.inputs["values"] == {"replicaCount": 2}
    assert (release.inputs["atomic"], release.inputs["createNamespace"]) == (True, True)


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A catalog in which `top` needs `middle`, which needs `bottom`; `rival` brings a definition of `bottom`."""
    systems: dict[str, Any] = {
        "top": {"title": "", "ack": {"addon": "top"}, "requires": ["middle"]},
        "middle": {"title": "", "ack": {"addon": "middle"}, "requires": ["bottom"]},
        "bottom": {"title": "", "ack": {"addon": "bottom"}, "definitions": ["things.example.com"]},
        "rival": {"title": "", "ack": {"addon": "rival"}, "definitions": ["things.example.com"]},
    }
    monkeypatch.setattr(platform.catalog, "systems", lambda: systems)
    return systems


@pytest.mark.usefixtures("invented")
def test_what_a_system_requires_comes_first() -> None:
    systems = {name: SystemArgs() for name in ("top", "middle", "bottom")}
    assert [system.name for system in plan_systems(systems, "ack")] == ["bottom", "middle", "top"]
    recording = _platform(systems)
    assert named(recording, "platform-top").dependencies == (named(recording, "platform-middle").urn,)


@pytest.mark.usefixtures("invented")
@pytest.mark.parametrize(
    ("systems", "message"),
    [
        ({"top": SystemArgs()}, "top = None: needs middle, which is not enabled"),
        (
            {"top": SystemArgs(), "middle": SystemArgs(), "bottom": SystemArgs(enabled=False)},
            "middle = None: needs bottom, which is not enabled\nbottom.enabled = False: is needed by middle",
        ),
        (
            {"bottom": SystemArgs(), "rival": SystemArgs()},
            "rival = None: brings the resource definition things.example.com, which bottom owns",
        ),
    ],
)
def test_requirements_and_owners(systems: dict[str, SystemArgs], message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_systems(systems, "ack")
    assert str(caught.value) == message


@pytest.mark.parametrize("flavor", ["ack", "upstream"])
def test_every_system_of_the_catalog_can_be_installed_in_each_of_its_forms(flavor: Flavor) -> None:
    offered = [name for name, entry in catalog.systems().items() if flavor in entry]
    assert offered
    for name in offered:
        plan_systems({name: SystemArgs()}, flavor)


def test_add_ons_need_a_cluster() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="add-ons need the cluster's id"):
            Platform("platform", {}, flavor="ack")

    assert recorded(program).resources == []
