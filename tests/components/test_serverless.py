"""Serverless pods: what they are rounded up to, which labels send them there, and the profiles that say so."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import catalog, serverless
from components.inputs import InvalidInput
from components.serverless import (
    ComputeClass,
    ComputeQos,
    ImageCache,
    Provider,
    Serverless,
    ServerlessArgs,
    ServerlessProfile,
    pod_annotations,
    pod_labels,
    profile_selectors,
    serverless_problems,
    smallest_size,
)
from stacks.preview.recording import Recording
from support import named, only, recorded

REGION = "cn-hangzhou"
ZONES = ("cn-hangzhou-i", "cn-hangzhou-j")
PATCH = "kubernetes:core/v1:ConfigMapPatch"
Size = tuple[float, float]
TEAM = {"team": "data"}


@pytest.mark.parametrize(
    ("provider", "vcpu", "memory_gib", "large", "size"),
    [
        ("acs", 0.01, 0.01, False, (0.25, 0.5)),
        ("acs", 0.25, 2, False, (0.25, 2)),
        ("acs", 0.25, 2.1, False, (0.5, 3)),
        ("acs", 1.5, 1, False, (1.5, 2)),  # 1.5 GiB at least, in whole GiB.
        ("acs", 3.2, 5, False, (3.5, 5)),
        ("acs", 4, 64, False, (8, 64)),  # 8 GiB a vCPU at most, and 7.5 vCPU have 60.
        ("acs", 16, 128, False, (16, 128)),
        ("acs", 17, 20, False, None),
        ("acs", 17, 20, True, (24, 24)),
        ("acs", 24, 24, True, (24, 24)),
        ("acs", 16, 129, False, None),
        ("acs", 16, 129, True, (24, 192)),
        ("acs", 3.2, 5, True, (3.5, 5)),
        ("acs", 64.5, 1, True, None),
        ("eci", 0.01, 0.01, False, (0.25, 0.5)),
        ("eci", 3, 1, False, (4, 2)),
        ("eci", 8, 65, False, (12, 96)),
        ("eci", 64, 512, False, (64, 512)),
        ("eci", 64, 513, True, None),
    ],
)
def test_smallest_size(provider: Provider, vcpu: float, memory_gib: float, large: bool, size: Size | None) -> None:
    assert smallest_size(catalog.serverless()[provider], vcpu, memory_gib, large=large) == size


@given(
    provider=st.sampled_from(["acs", "eci"]),
    vcpu=st.floats(0.001, 80),
    memory_gib=st.floats(0.001, 600),
    large=st.booleans(),
)
def test_no_smaller_size_would_do(provider: str, vcpu: float, memory_gib: float, large: bool) -> None:
    offer = catalog.serverless()[provider]
    legal = {*offer.sizes, *(offer.ticket_sizes if large else ())}
    holding = {size for size in legal if size[0] >= vcpu and size[1] >= memory_gib}
    size = smallest_size(offer, vcpu, memory_gib, large=large)
    if size is None:
        assert not holding
        return
    assert size in holding
    assert not any(other != size and other[0] <= size[0] and other[1] <= size[1] for other in holding)


@pytest.mark.parametrize(
    ("provider", "compute_class", "qos", "labels", "annotations"),
    [
        (
            "acs",
            "performance",
            "best-effort",
            {
                "alibabacloud.com/acs": "true",
                "alibabacloud.com/compute-class": "performance",
                "alibabacloud.com/compute-qos": "best-effort",
            },
            {},
        ),
        ("eci", "general-purpose", "default", {"alibabacloud.com/eci": "true"}, {}),
        (
            "eci",
            "general-purpose",
            "best-effort",
            {"alibabacloud.com/eci": "true"},
            {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo", "k8s.aliyun.com/eci-spot-fallback": "true"},
        ),
    ],
)
def test_labels_and_annotations(
    provider: Provider,
    compute_class: ComputeClass,
    qos: ComputeQos,
    labels: dict[str, str],
    annotations: dict[str, str],
) -> None:
    assert pod_labels(provider, compute_class, qos) == labels
    assert pod_annotations(provider, qos) == annotations


PROFILES = {
    "nightly": ServerlessProfile(namespace_labels={"batch": "true"}, pod_labels=TEAM),
    "spot": ServerlessProfile(pod_labels=TEAM, compute_qos="best-effort"),
    "acs": ServerlessProfile(namespace_labels=TEAM, provider="acs", compute_class="performance"),
}


def test_profile_selectors_keep_their_order() -> None:
    assert profile_selectors(PROFILES) == [
        {
            "name": "nightly",
            "namespaceSelector": {"matchLabels": {"batch": "true"}},
            "objectSelector": {"matchLabels": TEAM},
        },
        {
            "name": "spot",
            "objectSelector": {"matchLabels": TEAM},
            "effect": {
                "annotations": {
                    "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo",
                    "k8s.aliyun.com/eci-spot-fallback": "true",
                }
            },
        },
        {
            "name": "acs",
            "namespaceSelector": {"matchLabels": TEAM},
            "effect": {
                "labels": {
                    "alibabacloud.com/acs": "true",
                    "alibabacloud.com/compute-class": "performance",
                    "alibabacloud.com/compute-qos": "default",
                }
            },
        },
    ]


@pytest.fixture
def shenzhen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog with a region in which ACS is not open; the shipped one has none."""
    regions = {**catalog.regions(), "cn-shenzhen": frozenset({"cn-shenzhen-a"})}
    monkeypatch.setattr(serverless.catalog, "regions", lambda: regions)


def _profile(**given: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"pod_labels": TEAM, **given}
    return {"profiles": {"p": ServerlessProfile(**values)}}


@pytest.mark.usefixtures("shenzhen")
@pytest.mark.parametrize(
    ("given", "region", "zones", "expected"),
    [
        ({}, REGION, ZONES, []),
        ({"gpu_models": ["A10", "A11"]}, REGION, ZONES, [("gpuModels[1]", "not a GPU model of ACS; allowed: A10")]),
        ({"gpu_models": ["A10", "T4", "A10"]}, REGION, ZONES, [("gpuModels", "names one twice")]),
        (
            {"provider": "eci", "gpu_models": ["A10"], "image_cache": True},
            REGION,
            ZONES,
            [("gpuModels", "needs provider: acs"), ("imageCache", "needs provider: acs")],
        ),
        ({"maximum_pods": 0, **_profile()}, REGION, ZONES, [("profiles", "need maximumPods above 0")]),
        (
            {"maximum_pods": 0, "image_caches": {"c": ImageCache(images=["a"])}},
            REGION,
            ZONES,
            [("imageCaches", "need maximumPods above 0")],
        ),
        ({}, "cn-shenzhen", (), [("provider", "ACS is not open in cn-shenzhen; open: ap-southeast-1, cn-beijing")]),
        ({"provider": "eci"}, "cn-shenzhen", (), []),
        ({"maximum_pods": 0}, "cn-shenzhen", (), []),
        ({}, "a-region-unknown", (), []),
        (
            {"provider": "eci", **_profile(provider="acs")},
            "cn-shenzhen",
            (),
            [("profiles.p.provider", "ACS is not open in cn-shenzhen")],
        ),
        (
            {"provider": "eci"},
            REGION,
            ("cn-hangzhou-i", "cn-hangzhou-k"),
            [("provider", "ECI is not offered in cn-hangzhou-k")],
        ),
        (_profile(), REGION, ("cn-hangzhou-k",), [("profiles.p.provider", "ECI is not offered in cn-hangzhou-k")]),
        ({}, REGION, ("cn-hangzhou-k",), []),
        ({"provider": "eci"}, "cn-beijing", ("cn-beijing-h",), []),  # No source for the zones of Beijing.
        ({"provider": "eci", **_profile()}, REGION, ("cn-hangzhou-k",), [("provider", "ECI is not offered")]),
        (_profile(pod_labels={}), REGION, ZONES, [("profiles.p", "matches every pod of the cluster")]),
        (_profile(pod_labels={}, namespace_labels=TEAM), REGION, ZONES, []),
        (
            _profile(compute_class="performance"),
            REGION,
            ZONES,
            [("profiles.p.computeClass", "ECI has only general-purpose")],
        ),
    ],
)
def test_problems(given: dict[str, Any], region: str, zones: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    values: dict[str, Any] = {"maximum_pods": 100, **given}
    found = serverless_problems(ServerlessArgs(**values), region, zones)
    assert [problem.path for problem in found] == [path for path, _ in expected]
    for problem, (_, part) in zip(found, expected, strict=True):
        assert part in problem.message


def _serverless(args: ServerlessArgs) -> Recording:
    def program() -> None:
        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        Serverless("serverless", args, region=REGION, zones=ZONES, deleted_with=cluster)

    return recorded(program)


def test_profiles_become_one_key_of_the_add_ons_config_map() -> None:
    recording = _serverless(ServerlessArgs(maximum_pods=10, profiles=PROFILES))
    patch = only(recording, PATCH)
    metadata = patch.inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("eci-profile", "kube-system")
    assert metadata["annotations"] == {"pulumi.com/patchForce": "true"}
    assert set(patch.inputs["data"]) == {"selectors"}
    assert json.loads(patch.inputs["data"]["selectors"]) == profile_selectors(PROFILES)
    assert patch.parent == named(recording, "serverless").urn
    assert patch.options.deleted_with == named(recording, "cluster").urn


def test_image_caches() -> None:
    caches = {
        "small": ImageCache(images=["a:1"]),
        "large": ImageCache(images=["b:1", "c:1"], size_gib=200, retention_days=7, pull_secrets=["data:registry"]),
    }
    recording = _serverless(ServerlessArgs(maximum_pods=10, image_caches=caches))
    small, large = (named(recording, f"serverless-image-cache-{name}") for name in caches)
    assert (small.inputs["apiVersion"], small.inputs["kind"]) == ("eci.alibabacloud.com/v1", "ImageCache")
    assert small.inputs["metadata"]["name"] == "small"
    assert small.inputs["spec"] == {"images": ["a:1"], "imageCacheSize": 20}
    assert large.inputs["spec"] == {
        "images": ["b:1", "c:1"],
        "imageCacheSize": 200,
        "retentionDays": 7,
        "imagePullSecrets": ["data:registry"],
    }
    assert large.options.deleted_with == named(recording, "cluster").urn
    assert not [resource for resource in recording.resources if resource.type == PATCH]


def test_bad_input_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="need maximumPods above 0"):
            Serverless("serverless", ServerlessArgs(profiles=PROFILES), region=REGION)

    assert recorded(program).resources == []
