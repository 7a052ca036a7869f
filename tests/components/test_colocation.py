"""Colocation: Koordinator's settings as the JSON and YAML that it reads."""

import json
from typing import Any

import pulumi
import pytest
import yaml

from components.colocation import (
    Colocation,
    ColocationArgs,
    DeschedulerArgs,
    colocation_problems,
    descheduler_config,
    slo_config,
)
from components.inputs import InvalidInput
from stacks.preview.recording import Recording
from support import named, only, recorded

PATCH = "kubernetes:core/v1:ConfigMapPatch"
MAP = "kubernetes:core/v1:ConfigMap"


def _slo(**given: Any) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in slo_config(ColocationArgs(**given)).items()}


def test_slo_config() -> None:
    config = _slo(enabled=True, cpu_reclaim_percent=70, memory_reclaim_percent=55, cpu_suppress_percent=80)
    assert config == {
        "colocation-config": {
            "enable": True,
            "metricAggregateDurationSeconds": 60,
            "cpuReclaimThresholdPercent": 70,
            "memoryReclaimThresholdPercent": 55,
            "memoryCalculatePolicy": "usage",
        },
        "resource-threshold-config": {"clusterStrategy": {"enable": True, "cpuSuppressThresholdPercent": 80}},
        "resource-qos-config": {
            "clusterStrategy": {
                "lsClass": {"cpuQOS": {"enable": True, "groupIdentity": 2}, "memoryQOS": {"enable": True}},
                "beClass": {"cpuQOS": {"enable": True, "groupIdentity": -1}, "memoryQOS": {"enable": True}},
            }
        },
    }


@pytest.mark.parametrize(("stated", "suppress"), [(None, 42), (0, 0), (90, 90)])
def test_cpu_is_suppressed_where_reclaiming_ends_unless_stated(stated: int | None, suppress: int) -> None:
    config = _slo(enabled=True, cpu_reclaim_percent=42, cpu_suppress_percent=stated)
    assert config["resource-threshold-config"]["clusterStrategy"]["cpuSuppressThresholdPercent"] == suppress


def test_switched_off_by_request_and_without_isolation() -> None:
    config = _slo(enabled=False, memory_by_request=True, isolate=False)
    assert config["colocation-config"]["enable"] is False
    assert config["colocation-config"]["memoryCalculatePolicy"] == "request"
    assert config["resource-threshold-config"]["clusterStrategy"]["enable"] is False
    assert "resource-qos-config" not in config


def test_descheduler_config() -> None:
    args = DeschedulerArgs(
        enabled=True,
        dry_run=False,
        interval_seconds=90,
        low_cpu_percent=11,
        high_cpu_percent=44,
        low_memory_percent=22,
        high_memory_percent=55,
        excluded_namespaces=["kube-system", "ray"],
    )
    config = yaml.safe_load(descheduler_config(args))
    assert (config["kind"], config["dryRun"], config["deschedulingInterval"]) == (
        "DeschedulerConfiguration",
        False,
        "90s",
    )
    (profile,) = config["profiles"]
    enabled = {plugin["name"] for point in profile["plugins"].values() for plugin in point["enabled"]}
    settings = {plugin["name"]: plugin["args"] for plugin in profile["pluginConfig"]}
    assert enabled == set(settings)
    assert {plugin["kind"] for plugin in settings.values()} == {f"{name}Args" for name in enabled}
    assert {config["apiVersion"], *(plugin["apiVersion"] for plugin in settings.values())} == {"descheduler/v1alpha2"}
    load = settings["LowNodeLoad"]
    assert load["lowThresholds"] == {"cpu": 11, "memory": 22}
    assert load["highThresholds"] == {"cpu": 44, "memory": 55}
    assert load["evictableNamespaces"] == {"exclude": ["kube-system", "ray"]}


def test_descheduler_only_says_what_it_would_do_by_default() -> None:
    config = yaml.safe_load(descheduler_config(DeschedulerArgs()))
    assert config["dryRun"] is True


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"enabled": True, "descheduler": DeschedulerArgs(enabled=True)}, []),
        (
            {"descheduler": DeschedulerArgs(low_cpu_percent=50, high_cpu_percent=50)},
            [("descheduler.lowCpuPercent", 50, "not below descheduler.highCpuPercent = 50")],
        ),
        (
            {"descheduler": DeschedulerArgs(low_memory_percent=61)},
            [("descheduler.lowMemoryPercent", 61, "not below descheduler.highMemoryPercent = 60")],
        ),
        (
            {"descheduler": DeschedulerArgs(enabled=True)},
            [("descheduler.enabled", True, "needs colocation.enabled")],
        ),
    ],
)
def test_problems(given: dict[str, Any], expected: list[tuple[str, object, str]]) -> None:
    found = colocation_problems(ColocationArgs(**given))
    assert [(problem.path, problem.value, problem.message) for problem in found] == expected


def _colocation(args: ColocationArgs) -> Recording:
    def program() -> None:
        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        Colocation("colocation", args, deleted_with=cluster)

    return recorded(program)


def test_only_colocations_keys_of_the_shared_config_map_are_set() -> None:
    args = ColocationArgs(enabled=True)
    recording = _colocation(args)
    patch = only(recording, PATCH)
    metadata = patch.inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("ack-slo-config", "kube-system")
    assert metadata["annotations"] == {"pulumi.com/patchForce": "true"}
    assert patch.inputs["data"] == slo_config(args)
    assert patch.parent == named(recording, "colocation").urn
    assert patch.options.deleted_with == named(recording, "cluster").urn
    assert not [resource for resource in recording.resources if resource.type == MAP]


def test_descheduler_resource() -> None:
    descheduler = DeschedulerArgs(enabled=True, interval_seconds=60)
    recording = _colocation(ColocationArgs(enabled=True, descheduler=descheduler))
    settings = named(recording, "colocation-descheduler")
    metadata = settings.inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("koord-descheduler-config", "kube-system")
    assert settings.type == PATCH
    assert settings.inputs["data"] == {"koord-descheduler-config": descheduler_config(descheduler)}
    assert settings.options.deleted_with == named(recording, "cluster").urn


def test_bad_input_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=r"needs colocation\.enabled"):
            Colocation("colocation", ColocationArgs(descheduler=DeschedulerArgs(enabled=True)))

    assert recorded(program).resources == []
