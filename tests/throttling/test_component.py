"""The component registers what was planned, in an order that the service takes."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.inputs import InvalidInput
from components.throttling import Throttling, ThrottlingArgs
from stacks.preview.recording import Recording
from support import named, only, recorded

from .double import REGION
from .examples import BUCKETS, CLASSES, EVERYTHING, throttling

TYPE = "pulumi-python:dynamic/oss:"


def _recorded(args: ThrottlingArgs, role_ids: Mapping[str, pulumi.Input[str]] | None = None) -> Recording:
    def program() -> None:
        bucket = pulumi.ComponentResource("test:index:Buckets", "buckets")
        Throttling(
            "throttling",
            args,
            region=REGION,
            buckets=BUCKETS,
            role_ids=role_ids or {"trainer": "300987654321"},
            after=[bucket],
        )

    return recorded(program)


def _depends(recording: Recording, name: str) -> set[str]:
    """The names of the resources that one waits for, directly."""
    urns = named(recording, name).dependencies
    return {resource.name for resource in recording.resources if resource.urn in urns}


@pytest.mark.parametrize("given", [CLASSES, EVERYTHING], ids=["classes", "everything"])
def test_resources(given: dict[str, Any]) -> None:
    recording = _recorded(throttling(**given))
    found = [resource for resource in recording.resources if resource.type.startswith(TYPE)]
    assert len(found) == 9
    for resource in found:
        assert resource.parent == named(recording, "throttling").urn
        assert (resource.inputs["region"], resource.inputs["pool"]) == (REGION, "pool-1")
        assert resource.inputs["supportRequest"].startswith("Region: cn-hangzhou\nResource pool name: pool-1\n")
        # By reference, so that neither code nor a secret is in the state.
        assert len(resource.inputs["__provider"]) < 200


def test_order() -> None:
    recording = _recorded(throttling(**EVERYTHING))
    members = {"throttling-membership-raw", "throttling-membership-features"}
    assert members <= _depends(recording, "throttling-group-lake")
    for free in ("throttling-bucket-raw", "throttling-requester-300123456789-raw", "throttling-requester-300123456789"):
        assert not {name for name in _depends(recording, free) if name.startswith("throttling-")}
    assert _depends(recording, "throttling-priorities") >= {*members, "throttling-group-lake"}


def test_requesters_stand_in_priorities_by_their_ids() -> None:
    recording = _recorded(throttling(**CLASSES))
    levels = only(recording, f"{TYPE}PoolRequesterPriorities").inputs["priorities"]["levels"]
    assert [(level["level"], level["requesters"]) for level in levels] == [(2, ["300123456789"]), (3, ["300987654321"])]
    assert only(recording, f"{TYPE}PoolRequesterThrottle").inputs["requester"] == "300987654321"


def test_ids_of_roles_may_be_unknown() -> None:
    def program() -> None:
        unknown = pulumi.Output.from_input("").apply(lambda _: "x")
        role = pulumi.CustomResource("test:index:Role", "role", {"roleId": unknown})
        Throttling(
            "throttling",
            throttling(**CLASSES),
            region=REGION,
            buckets=BUCKETS,
            role_ids={"trainer": role.id},
            after=[role],
        )

    recording = recorded(program)
    assert only(recording, f"{TYPE}PoolRequesterThrottle").inputs["requester"] == "[unknown]"
    assert only(recording, f"{TYPE}PoolRequesterPriorities").inputs["priorities"] == "[unknown]"
    assert "role" in _depends(recording, "throttling-requester-trainer")


def test_bad_input_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="throttling is off"):
            Throttling("throttling", ThrottlingArgs(), region=REGION, buckets=BUCKETS)

    assert recorded(program).resources == []


def test_a_label_is_no_identity() -> None:
    """Under a new name a setting would be made, and then removed as the old one: both are the same in OSS."""
    limits = {"upload": {"total": "10Gbps"}}
    given = [throttling(requesters={name: {"id": "300123456789", "limits": limits}}) for name in ("etl", "people")]
    one, other = ({resource.urn for resource in _recorded(args).resources} for args in given)
    assert one == other
