"""The network: every CIDR block is decided before anything is registered, and the resources say what the plan says."""

from ipaddress import IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import catalog
from components.inputs import InvalidInput
from components.network import NatArgs, Network, NetworkArgs, NetworkPlan, ZoneCidrs, ZoneScale, plan_network
from stacks.preview.recording import UNKNOWN, Recording
from support import named, only, recorded

REGION = "cn-hangzhou"
ZONES = ("cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j")
ARGS = NetworkArgs(cidr="10.0.0.0/14", zones=ZONES, scale_per_zone=ZoneScale(nodes=120, pods=29_000))


def _network(args: NetworkArgs = ARGS) -> Recording:
    return recorded(lambda: Network("network", args, name="acme-test", region=REGION, tags={"team": "data"}))


def test_addresses_of_the_production_scale() -> None:
    plan = plan_network(ARGS, REGION)
    assert [str(v.cidr) for v in plan.of("pods")] == ["10.0.0.0/17", "10.0.128.0/17", "10.1.0.0/17"]
    assert [str(v.cidr) for v in plan.of("nodes")] == ["10.3.255.0/24", "10.3.254.0/24", "10.3.253.0/24"]
    assert plan.addresses("pods", "cn-hangzhou-h") == 2**15 - 4


def test_a_zone_added_at_the_end_moves_no_other() -> None:
    before = plan_network(ARGS.model_copy(update={"zones": ZONES[:2]}), REGION)
    after = plan_network(ARGS, REGION)
    assert set(before.vswitches) <= set(after.vswitches)


def test_a_zone_that_needs_more_than_the_largest_vswitch_gets_several() -> None:
    args = NetworkArgs(cidr="10.0.0.0/12", zones=ZONES[:1], scale_per_zone=ZoneScale(nodes=10, pods=100_000))
    assert [(v.name, v.cidr.prefixlen) for v in plan_network(args, REGION).of("pods")] == [
        ("pods-cn-hangzhou-h", 16),
        ("pods-cn-hangzhou-h-2", 16),
    ]


def test_pinned_blocks_stay_and_the_others_avoid_them() -> None:
    pins = {"cn-hangzhou-i": ZoneCidrs(pods=("10.0.0.0/17", "10.2.0.0/24"))}
    plan = plan_network(ARGS.model_copy(update={"vswitches": pins}), REGION)
    assert [str(v.cidr) for v in plan.of("pods", "cn-hangzhou-i")] == ["10.0.0.0/17", "10.2.0.0/24"]
    assert [str(v.cidr) for v in plan.of("pods", "cn-hangzhou-h")] == ["10.0.128.0/17"]


def test_a_vpc_that_is_too_small_says_what_it_must_hold() -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_network(ARGS.model_copy(update={"cidr": "10.0.0.0/16"}), REGION)
    assert str(caught.value) == (
        "cidr = '10.0.0.0/16': too small: 3 zones need 3 x /17 for 29,000 pods each and 3 x /24 for 120 nodes each; "
        "widen the VPC or lower scalePerZone"
    )


@given(
    prefix=st.integers(8, 20),
    zones=st.lists(st.sampled_from(sorted(catalog.regions()[REGION])), min_size=1, max_size=6, unique=True),
    nodes=st.integers(1, 15_000),
    pods=st.integers(1, 200_000),
)
def test_vswitches_never_overlap_and_always_hold_what_is_needed(
    prefix: int, zones: list[str], nodes: int, pods: int
) -> None:
    vpc = IPv4Network(f"10.0.0.0/{prefix}")
    args = NetworkArgs(cidr=str(vpc), zones=zones, scale_per_zone=ZoneScale(nodes=nodes, pods=pods))
    try:
        plan = plan_network(args, REGION)
    except InvalidInput as invalid:
        if "too small" in str(invalid):
            return
        raise
    _assert_sound(plan, vpc, args)
    fewer = plan_network(args.model_copy(update={"zones": zones[:1]}), REGION)
    assert set(fewer.vswitches) <= set(plan.vswitches)


def _assert_sound(plan: NetworkPlan, vpc: IPv4Network, args: NetworkArgs) -> None:
    cidrs = [vswitch.cidr for vswitch in plan.vswitches]
    assert all(cidr.subnet_of(vpc) and 16 <= cidr.prefixlen <= 29 for cidr in cidrs)
    assert not any(one.overlaps(other) for i, one in enumerate(cidrs) for other in cidrs[:i])
    for zone in args.zones:
        assert plan.addresses("nodes", zone) >= args.scale_per_zone.nodes
        assert plan.addresses("pods", zone) >= args.scale_per_zone.pods


def test_resources() -> None:
    recording = _network()
    assert only(recording, "alicloud:vpc/network:Network").inputs["cidrBlock"] == "10.0.0.0/14"
    switch = named(recording, "network-pods-cn-hangzhou-i")
    assert switch.inputs == {
        "cidrBlock": "10.0.128.0/17",
        "tags": {"team": "data"},
        "vpcId": UNKNOWN,
        "vswitchName": "acme-test-pods-cn-hangzhou-i",
        "zoneId": "cn-hangzhou-i",
    }
    assert switch.parent == named(recording, "network").urn
    assert [urn.rpartition("::")[2] for urn in switch.property_dependencies["vpcId"]] == ["network-vpc"]


def test_nothing_comes_in_from_outside() -> None:
    recording = _network()
    assert only(recording, "alicloud:ecs/securityGroup:SecurityGroup").inputs["securityGroupType"] == "enterprise"
    rule = only(recording, "alicloud:ecs/securityGroupRule:SecurityGroupRule").inputs
    assert (rule["type"], rule["cidrIp"]) == ("ingress", "10.0.0.0/14")


def test_every_vswitch_gets_out_through_one_address() -> None:
    recording = _network()
    entries = [r for r in recording.resources if r.type == "alicloud:vpc/snatEntry:SnatEntry"]
    assert len(entries) == 6
    assert all(any("network-egress" in urn for urn in r.property_dependencies["snatIp"]) for r in entries)
    assert only(recording, "alicloud:ecs/eipAssociation:EipAssociation").inputs["instanceType"] == "Nat"


def test_without_nat_and_with_a_private_zone() -> None:
    recording = _network(ARGS.model_copy(update={"nat": NatArgs(enabled=False), "private_zone": "data.internal"}))
    types = {resource.type for resource in recording.resources}
    assert "alicloud:vpc/natGateway:NatGateway" not in types
    assert only(recording, "alicloud:pvtz/zone:Zone").inputs["zoneName"] == "data.internal"


def test_bad_input_registers_nothing() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="not a zone of cn-hangzhou"):
            Network("network", ARGS.model_copy(update={"zones": ["nowhere"]}), name="acme", region=REGION)

    assert recorded(program).resources == []
