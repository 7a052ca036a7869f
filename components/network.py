"""The network: a VPC, node and pod vSwitches in every zone, a NAT gateway and a security group.

`plan_network` decides every CIDR block in plain Python; `Network` maps that plan to resources.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from . import catalog
from .inputs import Args, InvalidInput, IPv4Network, Problem, one_of, parse_cidr

VSWITCH_PREFIXES = range(16, 30)
"""Legal prefix lengths of a vSwitch. Source: pulumi-alicloud 4.0.0, vpc.Switch.cidr_block."""

SMALLEST_COMPUTED_PREFIX = 24
"""Computed vSwitches are never smaller than this: a vSwitch cannot grow, and rolling upgrades add nodes for a while."""

VPC_PREFIXES = range(8, 29)
"""Legal prefix lengths of a VPC. Source: pulumi-alicloud 4.0.0, vpc.Network.cidr_block."""

FORBIDDEN_RANGES = tuple(map(IPv4Network, ("100.64.0.0/10", "224.0.0.0/4", "127.0.0.0/8", "169.254.0.0/16")))
"""Ranges that a VPC may not use. Source: pulumi-alicloud 4.0.0, vpc.Network.cidr_block."""

Role = Literal["nodes", "pods"]


class ZoneScale(Args):
    """What the vSwitches of each zone must hold. It fixes their sizes, which cannot change later.

    It is stated for one zone, so that a further zone changes nothing in those that exist.
    """

    nodes: Annotated[int, Field(ge=1, le=15_000)]
    """Nodes in one zone."""

    pods: Annotated[int, Field(ge=1, le=500_000)]
    """Pods in one zone that have an address of their own, serverless pods included."""


class ZoneCidrs(Args):
    """CIDR blocks of one zone, given by hand instead of computed."""

    nodes: Sequence[str] = ()
    """CIDR blocks of the node vSwitches of this zone."""

    pods: Sequence[str] = ()
    """CIDR blocks of the pod vSwitches of this zone."""


class NatArgs(Args):
    """The way out to the Internet. There is no way in."""

    enabled: bool = True
    """Whether nodes and pods reach the Internet at all."""

    bandwidth_mbps: Annotated[int, Field(ge=1, le=200)] = 100
    """Peak bandwidth of the elastic IP address in Mbit/s, 1 to 200 when paid by traffic."""


class NetworkArgs(Args):
    """The network of one environment."""

    cidr: str
    """CIDR block of the VPC, a private range with a prefix of 8 to 28, such as `10.0.0.0/14`."""

    zones: Annotated[Sequence[str], Field(min_length=1)]
    """Zones to use, in order. Add new zones at the end: the order decides the computed CIDR blocks."""

    scale_per_zone: ZoneScale
    """Nodes and pods that must fit into each zone."""

    vswitches: Mapping[str, ZoneCidrs] = {}
    """CIDR blocks by zone, to use instead of the computed ones. A zone whose block is stated leaves its computed one to
    the zones after it, so state those of all zones, or none."""

    nat: NatArgs = NatArgs()
    """The NAT gateway."""

    private_zone: (
        Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")] | None
    ) = None
    """Name of a private DNS zone attached to the VPC, such as `data.internal`. None: no zone."""


@dataclass(frozen=True)
class VswitchPlan:
    """One vSwitch: `addresses` is what it can give away."""

    zone: str
    role: Role
    index: int
    cidr: IPv4Network

    @property
    def name(self) -> str:
        """The vSwitch's part of a name: `nodes-cn-hangzhou-h`, and `-2` from the second block of a zone on."""
        return f"{self.role}-{self.zone}" + (f"-{self.index + 1}" if self.index else "")

    @property
    def addresses(self) -> int:
        return self.cidr.num_addresses - catalog.VSWITCH_RESERVED_ADDRESSES


@dataclass(frozen=True)
class NetworkPlan:
    """All vSwitches of a network."""

    cidr: IPv4Network
    vswitches: Sequence[VswitchPlan]

    def of(self, role: Role, zone: str | None = None) -> Sequence[VswitchPlan]:
        """The vSwitches of a role, in one zone or in all."""
        return [v for v in self.vswitches if v.role == role and zone in (None, v.zone)]

    def addresses(self, role: Role, zone: str | None = None) -> int:
        """Addresses that the vSwitches of a role can give away."""
        return sum(v.addresses for v in self.of(role, zone))


def plan_network(args: NetworkArgs, region: str) -> NetworkPlan:
    """Decide the CIDR block of every vSwitch.

    Pod blocks grow from the start of the VPC and node blocks from its end, one slot a zone in the order of `zones`, so
    that a zone added at the end moves no other. A zone that needs more than a /16 holds gets several blocks. Raises
    `InvalidInput` with all problems.
    """
    problems = [*_vpc_problems(args), *_zone_problems(args, region)]
    vpc = parse_cidr(args.cidr)
    pins, pin_problems = _pins(args, vpc)
    problems += pin_problems
    needed: Mapping[Role, int] = {"pods": args.scale_per_zone.pods, "nodes": args.scale_per_zone.nodes}
    if vpc is None or problems:
        raise InvalidInput(problems)

    vswitches: list[VswitchPlan] = []
    for role, addresses in needed.items():
        blocks, size = _blocks(addresses)
        free = _slots(vpc, size, [p.cidr for p in pins] + [v.cidr for v in vswitches], from_end=role == "nodes")
        for zone in args.zones:
            pinned = [p for p in pins if (p.zone, p.role) == (zone, role)]
            if pinned:
                vswitches += pinned
                continue
            for index in range(blocks):
                cidr = next(free, None)
                if cidr is None:
                    raise InvalidInput([Problem("cidr", args.cidr, _too_small(args, needed))])
                vswitches.append(VswitchPlan(zone, role, index, cidr))

    plan = NetworkPlan(vpc, vswitches)
    short = [
        Problem(
            f"vswitches.{zone}.{role}",
            [str(v.cidr) for v in plan.of(role, zone)],
            f"holds {plan.addresses(role, zone):,} {role}, but scalePerZone.{role} = {addresses:,}; "
            f"use a prefix of /{_blocks(addresses)[1]} or add a block",
        )
        for zone in args.zones
        for role, addresses in needed.items()
        if plan.addresses(role, zone) < addresses
    ]
    if short:
        raise InvalidInput(short)
    return plan


def _vpc_problems(args: NetworkArgs) -> Iterator[Problem]:
    vpc = parse_cidr(args.cidr)
    if vpc is None:
        yield Problem("cidr", args.cidr, "not an IPv4 CIDR block without host bits, such as 10.0.0.0/14")
        return
    if vpc.prefixlen not in VPC_PREFIXES:
        yield Problem("cidr", args.cidr, f"the prefix must be /{VPC_PREFIXES[0]} to /{VPC_PREFIXES[-1]}")
    for forbidden in FORBIDDEN_RANGES:
        if vpc.overlaps(forbidden):
            yield Problem(
                "cidr", args.cidr, f"a VPC may not use {forbidden}; use a part of 10.0.0.0/8 or 172.16.0.0/12"
            )


def _zone_problems(args: NetworkArgs, region: str) -> Iterator[Problem]:
    known = catalog.regions().get(region, frozenset[str]())
    for index, zone in enumerate(args.zones):
        if zone not in known:
            yield Problem(f"zones[{index}]", zone, one_of(zone, known, f"a zone of {region}"))
        if zone in args.zones[:index]:
            yield Problem(f"zones[{index}]", zone, "stands twice; name each zone once")
    for zone in args.vswitches:
        if zone not in args.zones:
            yield Problem(f"vswitches.{zone}", zone, one_of(zone, args.zones, "one of the network's zones"))


def _pins(args: NetworkArgs, vpc: IPv4Network | None) -> tuple[list[VswitchPlan], list[Problem]]:
    pins: list[VswitchPlan] = []
    problems: list[Problem] = []
    for zone, cidrs in args.vswitches.items():
        roles: Mapping[Role, Sequence[str]] = {"nodes": cidrs.nodes, "pods": cidrs.pods}
        for role, texts in roles.items():
            for index, text in enumerate(texts):
                path = f"vswitches.{zone}.{role}[{index}]"
                cidr = parse_cidr(text)
                if cidr is None:
                    problems.append(Problem(path, text, "not an IPv4 CIDR block without host bits"))
                    continue
                if cidr.prefixlen not in VSWITCH_PREFIXES:
                    allowed = f"/{VSWITCH_PREFIXES[0]} to /{VSWITCH_PREFIXES[-1]}"
                    problems.append(Problem(path, text, f"the prefix of a vSwitch must be {allowed}"))
                if vpc is not None and not cidr.subnet_of(vpc):
                    problems.append(Problem(path, text, f"lies outside the VPC {vpc}"))
                for other in pins:
                    if cidr.overlaps(other.cidr):
                        where = f"{other.cidr} (vswitches.{other.zone}.{other.role}[{other.index}])"
                        problems.append(Problem(path, text, f"overlaps {where}"))
                pins.append(VswitchPlan(zone, role, index, cidr))
    return pins, problems


def _blocks(needed: int) -> tuple[int, int]:
    """How many vSwitches, and of which prefix, hold `needed` addresses with the fewest vSwitches."""
    largest = 2 ** (32 - VSWITCH_PREFIXES[0]) - catalog.VSWITCH_RESERVED_ADDRESSES
    blocks = math.ceil(needed / largest)
    bits = math.ceil(math.log2(math.ceil(needed / blocks) + catalog.VSWITCH_RESERVED_ADDRESSES))
    return blocks, min(32 - bits, SMALLEST_COMPUTED_PREFIX)


def _slots(vpc: IPv4Network, prefix: int, taken: Sequence[IPv4Network], *, from_end: bool) -> Iterator[IPv4Network]:
    """The free blocks of a size in a VPC, from its start or from its end."""
    if prefix < vpc.prefixlen:
        return
    size = 2 ** (32 - prefix)
    count = 2 ** (prefix - vpc.prefixlen)
    for position in range(count - 1, -1, -1) if from_end else range(count):
        slot = IPv4Network((int(vpc.network_address) + position * size, prefix))
        if not any(slot.overlaps(other) for other in taken):
            yield slot


def _too_small(args: NetworkArgs, needed: Mapping[Role, int]) -> str:
    zones = len(args.zones)
    parts = [
        f"{zones * blocks} x /{prefix} for {count:,} {role} each"
        for role, count in needed.items()
        for blocks, prefix in [_blocks(count)]
    ]
    return f"too small: {zones} zones need {' and '.join(parts)}; widen the VPC or lower scalePerZone"


class Network(pulumi.ComponentResource):
    """A VPC with node and pod vSwitches in every zone, NAT, a security group and, if asked for, a private DNS zone.

    Example:

        Network("network", NetworkArgs(cidr="10.0.0.0/16", zones=["cn-hangzhou-h"],
                                       scale_per_zone=ZoneScale(nodes=50, pods=2000)),
                name="acme-data-dev", region="cn-hangzhou")
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""

    node_vswitch_ids: Mapping[str, Sequence[pulumi.Output[str]]]
    """Ids of the node vSwitches, by zone."""

    pod_vswitch_ids: Mapping[str, Sequence[pulumi.Output[str]]]
    """Ids of the pod vSwitches, by zone."""

    security_group_id: pulumi.Output[str]
    """Id of the security group for control plane, nodes and pods."""

    egress_address: pulumi.Output[str] | None
    """Public address under which the platform is seen from outside; None without NAT."""

    plan: NetworkPlan
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        args: NetworkArgs,
        *,
        name: str,
        region: str,
        deletion_protection: bool = False,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the network and register its resources.

        resource_name: logical name of the component; name: prefix of the resources' names in the cloud; region: id of
        the region, such as `cn-hangzhou`; deletion_protection: whether the NAT gateway refuses to be deleted; tags: put
        on everything that takes tags. Raises `InvalidInput` with all problems before anything is registered.
        """
        self.plan = plan = plan_network(args, region)
        super().__init__("ack-ai-blueprint:network:Network", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        vpc = alicloud.vpc.Network(
            f"{resource_name}-vpc",
            vpc_name=name,
            description="Data and AI platform",
            cidr_block=str(plan.cidr),
            tags=tags,
            opts=child,
        )
        switches = {
            vswitch: alicloud.vpc.Switch(
                f"{resource_name}-{vswitch.name}",
                vswitch_name=f"{name}-{vswitch.name}",
                vpc_id=vpc.id,
                zone_id=vswitch.zone,
                cidr_block=str(vswitch.cidr),
                tags=tags,
                opts=child,
            )
            for vswitch in plan.vswitches
        }
        # An advanced ("enterprise") group holds 65,536 network interfaces, a basic one 6,000 addresses. It isolates its
        # members unless a rule lets the VPC in. Source: help.aliyun.com on basic and advanced security groups.
        group = alicloud.ecs.SecurityGroup(
            f"{resource_name}-security-group",
            security_group_name=name,
            description="Control plane, nodes and pods",
            security_group_type="enterprise",
            vpc_id=vpc.id,
            tags=tags,
            opts=child,
        )
        alicloud.ecs.SecurityGroupRule(
            f"{resource_name}-from-vpc",
            security_group_id=group.id,
            description="Everything inside the VPC; nothing from outside",
            type="ingress",
            ip_protocol="all",
            port_range="-1/-1",
            nic_type="intranet",
            policy="accept",
            priority=1,
            cidr_ip=str(plan.cidr),
            opts=child,
        )
        self.vpc_id = vpc.id
        self.security_group_id = group.id
        self.node_vswitch_ids = {zone: [switches[v].id for v in plan.of("nodes", zone)] for zone in args.zones}
        self.pod_vswitch_ids = {zone: [switches[v].id for v in plan.of("pods", zone)] for zone in args.zones}
        self.egress_address = None
        if args.nat.enabled:
            gateway = alicloud.vpc.NatGateway(
                f"{resource_name}-nat",
                nat_gateway_name=name,
                description="Way out to the Internet",
                vpc_id=vpc.id,
                vswitch_id=self.node_vswitch_ids[args.zones[0]][0],
                nat_type="Enhanced",
                network_type="internet",
                payment_type="PayAsYouGo",
                internet_charge_type="PayByLcu",
                deletion_protection=deletion_protection,
                tags=tags,
                opts=child,
            )
            address = alicloud.ecs.EipAddress(
                f"{resource_name}-egress",
                address_name=f"{name}-egress",
                bandwidth=str(args.nat.bandwidth_mbps),
                internet_charge_type="PayByTraffic",
                payment_type="PayAsYouGo",
                tags=tags,
                opts=child,
            )
            alicloud.ecs.EipAssociation(
                f"{resource_name}-egress-association",
                allocation_id=address.id,
                instance_id=gateway.id,
                instance_type="Nat",
                opts=child,
            )
            for vswitch, switch in switches.items():
                alicloud.vpc.SnatEntry(
                    f"{resource_name}-snat-{vswitch.name}",
                    snat_entry_name=f"{name}-{vswitch.name}",
                    snat_table_id=gateway.snat_table_ids,
                    source_vswitch_id=switch.id,
                    snat_ip=address.ip_address,
                    opts=child,
                )
            self.egress_address = address.ip_address
        if args.private_zone is not None:
            zone = alicloud.pvtz.Zone(
                f"{resource_name}-private-zone", zone_name=args.private_zone, tags=tags, opts=child
            )
            alicloud.pvtz.ZoneAttachment(
                f"{resource_name}-private-zone-attachment", zone_id=zone.id, vpc_ids=[vpc.id], opts=child
            )
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "nodeVswitchIds": self.node_vswitch_ids,
                "podVswitchIds": self.pod_vswitch_ids,
                "securityGroupId": self.security_group_id,
                "egressAddress": self.egress_address,
            }
        )
