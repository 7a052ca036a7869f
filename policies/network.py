"""Network: what is private stays so, and address ranges fit together."""

import ipaddress
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import combinations, product
from typing import Annotated, Any

from pydantic import AfterValidator

from .addresses import Network, networks, ports, wide, within
from .documents import statements
from .pods import holds_pods, templates
from .resources import BUCKET, BUCKET_POLICY, CLUSTERS, NAT_GATEWAY, SERVERLESS_CLUSTER
from .rule import Config, Inputs, Resource, Subject, rule

PREFIX_LIST = "alicloud:ecs/ecsPrefixList:EcsPrefixList"
SECURITY_GROUP_RULE = "alicloud:ecs/securityGroupRule:SecurityGroupRule"
EIP_ASSOCIATION = "alicloud:ecs/eipAssociation:EipAssociation"
INSTANCE = "alicloud:ecs/instance:Instance"
CONTAINER_GROUP = "alicloud:eci/containerGroup:ContainerGroup"
MAKES_CONTAINER_GROUPS = "alicloud:ess/eciScalingConfiguration:EciScalingConfiguration"
INSTANCE_SET = "alicloud:ecs/ecsInstanceSet:EcsInstanceSet"
LAUNCH_TEMPLATES = ("alicloud:ecs/ecsLaunchTemplate:EcsLaunchTemplate", "alicloud:ecs/launchTemplate:LaunchTemplate")
MAKES_INSTANCES = (INSTANCE_SET, *LAUNCH_TEMPLATES, "alicloud:ess/scalingConfiguration:ScalingConfiguration")
IPV6_BANDWIDTH = "alicloud:vpc/ipv6InternetBandwidth:Ipv6InternetBandwidth"
CLASSIC_BALANCERS = (
    "alicloud:slb/applicationLoadBalancer:ApplicationLoadBalancer",
    "alicloud:slb/loadBalancer:LoadBalancer",
)
BALANCERS = ("alicloud:alb/loadBalancer:LoadBalancer", "alicloud:nlb/loadBalancer:LoadBalancer")
ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon"
SERVICE = "kubernetes:core/v1:Service"
SERVICE_PATCH = "kubernetes:core/v1:ServicePatch"
ALB_CONFIG = "kubernetes:alibabacloud.com/v1:AlbConfig"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
VPC = "alicloud:vpc/network:Network"
SWITCHES = ("alicloud:vpc/switch:Switch", "alicloud:vpc/subnet:Subnet")
FURTHER_BLOCK = "alicloud:vpc/ipv4CidrBlock:Ipv4CidrBlock"
FLOW_LOG = "alicloud:vpc/flowLog:FlowLog"
FORWARD_ENTRY = "alicloud:vpc/forwardEntry:ForwardEntry"
HTTPS_CONFIG = "alicloud:oss/bucketHttpsConfig:BucketHttpsConfig"
ACCESS_RULES = ("alicloud:nas/accessRule:AccessRule", "alicloud:dfs/accessRule:AccessRule")
DATABASES = (
    "alicloud:adb/cluster:Cluster",
    "alicloud:adb/dBCluster:DBCluster",
    "alicloud:clickhouse/dbCluster:DbCluster",
    "alicloud:elasticsearch/instance:Instance",
    "alicloud:gpdb/dbInstanceIpArray:DbInstanceIpArray",
    "alicloud:gpdb/elasticInstance:ElasticInstance",
    "alicloud:gpdb/instance:Instance",
    "alicloud:graphdatabase/dbInstance:DbInstance",
    "alicloud:hbase/instance:Instance",
    "alicloud:kvstore/instance:Instance",
    "alicloud:lindorm/instance:Instance",
    "alicloud:mongodb/instance:Instance",
    "alicloud:mongodb/serverlessInstance:ServerlessInstance",
    "alicloud:mongodb/shardingInstance:ShardingInstance",
    "alicloud:polardb/cluster:Cluster",
    "alicloud:rds/ddrInstance:DdrInstance",
    "alicloud:rds/instance:Instance",
    "alicloud:rds/readOnlyInstance:ReadOnlyInstance",
    "alicloud:redis/tairInstance:TairInstance",
    "alicloud:selectdb/dbInstance:DbInstance",
)
ALLOWED = ("securityIps", "securityIpLists", "ipWhite", "ipWhiteLists", "publicWhitelists", "kibanaWhitelists")
"""Properties with the addresses that may connect to a database."""

GROUPS = (
    *("dbClusterAccessWhiteLists", "dbClusterIpArrays", "dbInstanceIpArrays", "desiredSecurityIpLists"),
    *("ipWhitelists", "securityIpGroups"),
)
"""Properties with groups of such addresses, under `securityIpList` or `securityIps` of each."""

HELP = "https://www.alibabacloud.com/help"
SECURITY_GROUPS = f"{HELP}/doc-detail/51170.htm"
NETWORK_PLAN = f"{HELP}/doc-detail/86500.html"


@rule(
    "api-server-private",
    area="network",
    severity="high",
    types=CLUSTERS,
    needs=["slbInternetEnabled", "endpointPublicAccessEnabled"],
    must="The API server of a cluster must have no public address.",
    how="Set slbInternetEnabled to false (ACK Serverless: endpointPublicAccessEnabled), and reach it inside the VPC.",
    reference=f"{HELP}/en/cloud-config/latest/ack-cluster-public-endpoint-check",
)
def api_server_private(subject: Subject[Config]) -> Iterator[str]:
    if subject.resource.type == SERVERLESS_CLUSTER:
        key, public = "endpointPublicAccessEnabled", subject.inputs.get("endpointPublicAccessEnabled", False)
    else:
        key, public = "slbInternetEnabled", subject.inputs.get("slbInternetEnabled", True)
    if public:
        yield f"The API server gets a public address. Set {key} to false."


def _accepts(inputs: Inputs) -> bool:
    """Whether a rule of a security group lets something in."""
    return inputs.get("type") == "ingress" and inputs.get("policy", "accept") == "accept"


class OpenPorts(Config):
    """What everybody may reach."""

    allowed_ports: Sequence[int] = ()
    """Ports that may be open to everybody, such as 443."""


def _open(subject: Subject[OpenPorts], key: str) -> Iterator[str]:
    written = subject.inputs.get("portRange", "-1/-1")
    allowed = all(port in subject.config.allowed_ports for port in ports(written))
    for what, network in (*((key, one) for one in networks(subject.inputs.get(key))), *_of_lists(subject, key)):
        if wide(network) and _accepts(subject.inputs) and not allowed:
            yield f"{what} {network} lets everybody in on the ports {written}. Name the addresses that need it."


def _of_lists(subject: Subject[OpenPorts], key: str) -> Iterator[tuple[str, Network]]:
    """The networks of the program's prefix lists that a rule of a security group names, as what stands under a key."""
    version = 6 if key == "ipv6CidrIp" else 4
    for one in subject.of(PREFIX_LIST):
        if one.urn in subject.resource.property_dependencies.get("prefixListId", ()):
            blocks = [entry.get("cidr") for entry in one.inputs.get("entries", ())]
            yield from ((f"{one.name} with", network) for network in networks(*blocks) if network.version == version)


@rule(
    "security-group-not-open-ipv4",
    area="network",
    severity="critical",
    types={SECURITY_GROUP_RULE},
    stack=True,
    needs=["type", "policy", "portRange", "cidrIp"],
    config=OpenPorts,
    must="Security groups must not let everybody in over IPv4.",
    how="Narrow cidrIp to the addresses that need it, or name a security group as the source.",
    reference=SECURITY_GROUPS,
)
def security_group_not_open_ipv4(subject: Subject[OpenPorts]) -> Iterator[str]:
    yield from _open(subject, "cidrIp")


@rule(
    "security-group-not-open-ipv6",
    area="network",
    severity="critical",
    types={SECURITY_GROUP_RULE},
    stack=True,
    needs=["type", "policy", "portRange", "ipv6CidrIp"],
    config=OpenPorts,
    must="Security groups must not let everybody in over IPv6.",
    how="Narrow ipv6CidrIp to the addresses that need it, or name a security group as the source.",
    reference=SECURITY_GROUPS,
)
def security_group_not_open_ipv6(subject: Subject[OpenPorts]) -> Iterator[str]:
    yield from _open(subject, "ipv6CidrIp")


class Narrow(Config):
    """From how wide a range everything may come in."""

    prefix: int = 12
    """Shortest prefix of an IPv4 range that may reach all ports."""

    ipv6_prefix: int = 48
    """Shortest prefix of an IPv6 range that may reach all ports."""


@rule(
    "security-group-ports-narrow",
    area="network",
    severity="medium",
    types={SECURITY_GROUP_RULE},
    needs=["type", "policy", "ipProtocol", "portRange", "cidrIp", "ipv6CidrIp"],
    config=Narrow,
    level="advisory",
    must="Security groups must not let wide ranges of addresses reach all ports.",
    how="Name the protocol and the ports, or narrow the range to the VPC's.",
    reference=SECURITY_GROUPS,
)
def security_group_ports_narrow(subject: Subject[Narrow]) -> Iterator[str]:
    inputs = subject.inputs
    for network in networks(inputs.get("cidrIp"), inputs.get("ipv6CidrIp")):
        shortest = subject.config.prefix if network.version == 4 else subject.config.ipv6_prefix
        every = inputs.get("ipProtocol") == "all" or inputs.get("portRange") == "1/65535"
        if network.prefixlen < shortest and every and _accepts(inputs):
            yield f"{network} reaches all ports; only ranges from /{shortest} on may. Name protocol and ports."


class Addresses(Config):
    """What may have a public address."""

    instance_types: Sequence[str] = ("Nat", "SlbInstance")
    """Kinds of what an EIP may be associated with, as instanceType names them."""


ADDRESSED = (EIP_ASSOCIATION, INSTANCE, *MAKES_INSTANCES, CONTAINER_GROUP, MAKES_CONTAINER_GROUPS, IPV6_BANDWIDTH)
PUBLIC_PODS = ("k8s.aliyun.com/pod-with-eip", "network.alibabacloud.com/pod-with-eip")
"""Annotations that give each pod a public address, by Terway and by ack-extend-network-controller. Source:
https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/associate-an-eip-with-a-pod-1,
2024-06-12."""


def _may_be_public(resource: Resource) -> bool:
    return resource.type in ADDRESSED or holds_pods(resource, parts=True)


@rule(
    "addresses-only-for-gateways",
    area="network",
    severity="high",
    types=_may_be_public,
    needs=["instanceType", "internetMaxBandwidthOut", "autoCreateEip"],
    config=Addresses,
    must="Only gateways and load balancers may have public addresses.",
    how="Let instances reach the Internet through a NAT gateway, and be reached through a load balancer.",
    reference=SECURITY_GROUPS,
)
def addresses_only_for_gateways(subject: Subject[Addresses]) -> Iterator[str]:
    kind, inputs = subject.resource.type, subject.inputs
    if kind == EIP_ASSOCIATION:
        target = inputs.get("instanceType") or _associated(subject.resource)
        if target not in subject.config.instance_types:
            yield f"instanceType {target} gets a public address. Use a NAT gateway or a load balancer."
    elif kind in (INSTANCE, *MAKES_INSTANCES):
        if inputs.get("internetMaxBandwidthOut", 0) > 0:
            yield "The instance gets a public address. Set internetMaxBandwidthOut to 0, and use a NAT gateway."
    elif kind in (CONTAINER_GROUP, MAKES_CONTAINER_GROUPS):
        if inputs.get("autoCreateEip"):
            yield "The container group gets a public address. Set autoCreateEip to false, and use a NAT gateway."
    elif subject.resource.kubernetes:
        yield from _public_pods(subject.resource)
    else:
        yield "An instance is reached from the Internet over IPv6. Remove the bandwidth, or use an egress rule."


def _public_pods(resource: Resource) -> Iterator[str]:
    for path, template, _ in templates(resource, parts=True):
        annotations = Inputs(template.metadata, path).get("annotations", {})
        for key in PUBLIC_PODS:
            if annotations.get(key) == "true":
                yield f"Pods get public addresses. Remove the annotation {key}, and use a NAT gateway."


def _associated(association: Resource) -> str:
    """What an EIP is associated with where no type is stated: the provider tells it by the id."""
    linked = [urn.rpartition("::")[0] for urn in association.property_dependencies.get("instanceId", ())]
    if any(urn.endswith(NAT_GATEWAY) for urn in linked):
        return "Nat"
    if any(urn.endswith(CLASSIC_BALANCERS) for urn in linked):
        return "SlbInstance"
    kind, _, _ = association.inputs.get("instanceId", "").partition("-")
    return {"ngw": "Nat", "lb": "SlbInstance"}.get(kind, "EcsInstance")


class PublicBalancers(Config):
    """Which load balancers may face the Internet."""

    allowed: Sequence[str] = ()
    """Names of resources, as patterns."""


@rule(
    "load-balancers-internal",
    area="network",
    severity="high",
    types={*CLASSIC_BALANCERS, *BALANCERS, SERVICE, SERVICE_PATCH, ALB_CONFIG, ADDON, *CLUSTERS},
    needs=["addressType", "ipv6AddressType", "spec", "metadata.annotations", "config", "addons"],
    config=PublicBalancers,
    must="Load balancers must have no public address, unless they are named.",
    how="Make it internal, or list the resource's name under allowed.",
    reference=f"{HELP}/en/ack/ack-managed-and-ack-dedicated/user-guide/configure-nlb-instances-by-using-annotations",
)
def load_balancers_internal(subject: Subject[PublicBalancers]) -> Iterator[str]:
    if any(fnmatchcase(subject.resource.name, name) for name in subject.config.allowed):
        return
    for mended in _public(subject.resource.type, subject.inputs):
        yield f"The load balancer faces the Internet. Set {mended}."


def _public(kind: str, inputs: Inputs) -> Iterator[str]:
    """What to set so that load balancers do not face the Internet."""
    if kind in CLASSIC_BALANCERS:
        # Without a type, one in a vSwitch is internal, any other is not. Source: help.aliyun.com on
        # ALIYUN::SLB::LoadBalancer, and the example of alibabacloud.com/help/doc-detail/93849.htm.
        if inputs.get("addressType", "intranet" if "vswitchId" in inputs else "internet") == "internet":
            yield "addressType to intranet"
    elif kind in BALANCERS:
        for key in ("addressType", "ipv6AddressType"):
            if inputs.get(key) == "Internet":
                yield f"{key} to Intranet"
    elif kind in (SERVICE, SERVICE_PATCH):
        balanced = inputs.get("spec", {}).get("type") == "LoadBalancer"
        yield from _public_service(balanced, kind, inputs.get("metadata", {}).get("annotations", {}))
    elif kind == ALB_CONFIG:
        config = inputs.get("spec", {}).get("config", {})
        if "id" not in config and config.get("addressType", "Internet") == "Internet":
            yield "spec.config.addressType to Intranet"
    else:
        for addon in [inputs] if kind == ADDON else inputs.get("addons", ()):
            ingress = addon.get("name") == "nginx-ingress-controller"
            if ingress and '"IngressSlbNetworkType":"internet"' in "".join(str(addon.get("config")).split()):
                yield "IngressSlbNetworkType of the add-on nginx-ingress-controller to intranet"


def _public_service(balanced: bool, kind: str, annotations: Any) -> Iterator[str]:
    """balanced: whether it says that it has a load balancer. A patch need not: the Service that it changes may."""
    reach, reach6 = _annotation(annotations, "address-type"), _annotation(annotations, "ipv6-address-type")
    # A balancer that is there already is not known here: the annotation must say of it, too, that it is internal.
    if reach != "intranet" and (balanced or (kind == SERVICE_PATCH and reach)):
        yield "the annotation service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type to intranet"
    if reach6 == "internet" and (balanced or kind == SERVICE_PATCH):
        yield "the annotation service.beta.kubernetes.io/alibaba-cloud-loadbalancer-ipv6-address-type to intranet"


def _annotation(annotations: Any, name: str) -> Any:
    """A setting of a Service's load balancer, also under the prefix of before 2019."""
    for prefix in ("alibaba-cloud", "alicloud"):
        value = annotations.get(f"service.beta.kubernetes.io/{prefix}-loadbalancer-{name}")
        if value:
            return value
    return None


@rule(
    "flow-logs-present",
    area="network",
    severity="medium",
    types={VPC},
    stack=True,
    needs=["resourceType", "status"],
    level="advisory",
    must="Each VPC must have a flow log.",
    how="Add a vpc.FlowLog with resourceType VPC and the VPC's id as resourceId.",
    reference=f"{HELP}/en/vpc/user-guide/flowlog-overview",
)
def flow_logs_present(subject: Subject[Config]) -> Iterator[str]:
    for log in subject.of(FLOW_LOG):
        active = log.inputs.get("resourceType") == "VPC" and log.inputs.get("status", "Active") == "Active"
        if active and subject.linked(log, "resourceId", "id"):
            return
    yield "Nobody can tell later who talked to whom in the VPC. Add a vpc.FlowLog of it."


@rule(
    "buckets-over-tls",
    area="network",
    severity="high",
    types={BUCKET},
    stack=True,
    needs=["policy"],
    must="Buckets must refuse requests over plain HTTP.",
    how="Add to the bucket's policy a statement that denies all to everybody where acs:SecureTransport is false.",
    reference=f"{HELP}/en/oss/tutorial-example-using-the-bucket-policy-to-access-oss-resources",
)
def buckets_over_tls(subject: Subject[Config]) -> Iterator[str]:
    own = [one for one in subject.of(BUCKET_POLICY) if subject.linked(one, "bucket", "bucket")]
    if not any(_denies_http(one.inputs.get("policy")) for one in (subject.resource, *own)):
        yield "The bucket answers over plain HTTP. Deny it in its policy, by the condition acs:SecureTransport false."


def _denies_http(policy: Any) -> bool:
    """Whether a policy denies everybody everything over plain HTTP, under no further condition."""
    return any(
        each.effect == "Deny"
        and any(name == "*" for _, name in each.principals)
        and any(action.rpartition(":")[2] == "*" for action in each.actions)
        and any(map(_all_objects, each.resources))
        and {operator: {**keys} for operator, keys in each.conditions.items()} == HTTP
        for each in statements(policy)
    )


HTTP = {"Bool": {"acs:securetransport": ["false"]}}
"""The condition of what comes over plain HTTP."""


def _all_objects(resource: str) -> bool:
    """Whether a resource is all objects of a bucket."""
    relative = resource.rpartition(":")[2]
    return relative.endswith("*") and not relative.partition("/")[2].strip("*")


@rule(
    "buckets-with-current-tls",
    area="network",
    severity="medium",
    types={BUCKET},
    stack=True,
    needs=["enable", "tlsVersions"],
    level="advisory",
    must="Buckets must refuse TLS before 1.2.",
    how="Add an oss.BucketHttpsConfig with enable and tlsVersions TLSv1.2 and TLSv1.3.",
    reference=f"{HELP}/en/oss/user-guide/set-tls-version",
)
def buckets_with_current_tls(subject: Subject[Config]) -> Iterator[str]:
    for one in subject.of(HTTPS_CONFIG):
        current = {*one.inputs.get("tlsVersions", ())} <= {"TLSv1.2", "TLSv1.3"}
        if current and one.inputs.get("enable") and subject.linked(one, "bucket", "bucket"):
            return
    yield "The bucket accepts TLS 1.0 and 1.1. Add an oss.BucketHttpsConfig with tlsVersions TLSv1.2 and TLSv1.3."


def _block(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be a CIDR block, such as 10.0.0.0/8") from None
    return text


class Ranges(Config):
    """Which addresses are private."""

    ranges: Sequence[Annotated[str, AfterValidator(_block)]] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fc00::/7",
    )
    """CIDR blocks in which addresses may lie."""


BLOCKS = ("cidrBlock", "secondaryCidrBlocks", "secondaryCidrBlock", "podCidr", "serviceCidr")


@rule(
    "cidrs-private",
    area="network",
    severity="medium",
    types={VPC, FURTHER_BLOCK, *SWITCHES, *CLUSTERS},
    needs=BLOCKS,
    config=Ranges,
    must="Networks must lie in private address ranges.",
    how="Take a block in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16.",
    reference=NETWORK_PLAN,
)
def cidrs_private(subject: Subject[Ranges]) -> Iterator[str]:
    for key in BLOCKS:
        for network in networks(subject.inputs.get(key)):
            if not within(network, networks(*subject.config.ranges)):
                yield f"{key} {network} holds public addresses, which are then out of reach. Take a private block."


@rule(
    "cidrs-disjoint",
    area="network",
    severity="high",
    types={*SWITCHES, *CLUSTERS},
    stack=True,
    needs=["cidrBlock", "podCidr", "serviceCidr"],
    must="Address ranges of vSwitches, pods and Services must not overlap.",
    how="Take blocks that are free; those of pods and Services lie outside the VPC.",
    reference=NETWORK_PLAN,
)
def cidrs_disjoint(subject: Subject[Config]) -> Iterator[str]:
    inputs = subject.inputs
    if subject.resource.type in CLUSTERS:
        own = [(key, network) for key in ("podCidr", "serviceCidr") for network in networks(inputs.get(key))]
        vpcs = _vpcs(subject, subject.resource)
        around = [one for one in subject.of(VPC, FURTHER_BLOCK) if not _elsewhere(one, vpcs)]
        beside = [one for one in subject.of(*CLUSTERS) if one.urn < subject.resource.urn and vpcs & _vpcs(subject, one)]
        pods = [(one.name, network) for one in beside for network in networks(one.inputs.get("podCidr"))]
        taken = [*own, *_taken(around or subject.of(*SWITCHES))]
        for network, (name, other) in product(networks(inputs.get("podCidr")), pods):
            if network.overlaps(other):
                yield f"podCidr {network} overlaps {name} {other}. Take a block that is free."
    else:
        own = [("cidrBlock", network) for network in networks(inputs.get("cidrBlock"))]
        before = [one for one in subject.of(*SWITCHES) if one.urn < subject.resource.urn]
        taken = [*own, *_taken([one for one in before if _vpc(one) == _vpc(subject.resource)])]
    for (key, network), (name, other) in combinations(taken, 2):
        if (key, network) in own and network.overlaps(other):
            yield f"{key} {network} overlaps {name} {other}. Take a block that is free."


def _vpcs(subject: Subject[Config], cluster: Resource) -> frozenset[str]:
    """URNs of the VPCs of the program that a cluster lies in, by its vSwitches."""
    linked = {urn for urns in cluster.property_dependencies.values() for urn in urns}
    switches = [one for one in subject.of(*SWITCHES) if one.urn in linked]
    return frozenset(urn for one in switches for urn in one.property_dependencies.get("vpcId", ()))


def _elsewhere(block: Resource, vpcs: frozenset[str]) -> bool:
    """Whether a VPC, or a further block of one, is known to be none of some."""
    own = {block.urn} if block.type == VPC else {*block.property_dependencies.get("vpcId", ())}
    return bool(vpcs and own) and not own & vpcs


def _taken(resources: Sequence[Resource]) -> list[tuple[str, Network]]:
    """The blocks of networks, each with the network's name."""
    return [
        (one.name, network)
        for one in resources
        for key in ("cidrBlock", "secondaryCidrBlocks", "secondaryCidrBlock")
        for network in networks(one.inputs.get(key))
    ]


def _vpc(switch: Resource) -> Any:
    """Tells the VPC of a vSwitch from others."""
    return switch.property_dependencies.get("vpcId") or switch.inputs.get("vpcId")


class Forwarded(Config):
    """What must not be forwarded."""

    ports: Sequence[int] = (22, 3389, 6443, 10250)
    """Ports for administrators: SSH, RDP, the Kubernetes API server, the kubelet."""


@rule(
    "no-open-forwarding",
    area="network",
    severity="critical",
    types={FORWARD_ENTRY},
    needs=["externalPort", "internalPort"],
    config=Forwarded,
    must="NAT gateways must not forward the ports of administrators, nor all ports.",
    how="Remove the entry; reach machines through a VPN or a bastion host.",
    reference=f"{HELP}/en/ecs/user-guide/the-instance-operation-and-maintenance-port-should-restrict-the-ip-access-source",
)
def no_open_forwarding(subject: Subject[Forwarded]) -> Iterator[str]:
    for key in ("externalPort", "internalPort"):
        written = subject.inputs.get(key)
        if any(port in ports(written) for port in (-1, *subject.config.ports)):
            yield f"{key} {written} lets everybody try to log on. Remove the entry; use a VPN or a bastion host."


@rule(
    "file-systems-not-open",
    area="network",
    severity="high",
    types={*ACCESS_RULES},
    needs=["sourceCidrIp", "ipv6SourceCidrIp", "networkSegment"],
    must="File systems must not be open to all addresses.",
    how="Narrow the rule to the VPC's addresses.",
    reference=f"{HELP}/en/nas/latest/manage-a-permission-group",
)
def file_systems_not_open(subject: Subject[Config]) -> Iterator[str]:
    for key in ("sourceCidrIp", "ipv6SourceCidrIp", "networkSegment"):
        for network in networks(subject.inputs.get(key)):
            if wide(network):
                yield f"{key} {network} lets every address mount the file system. Name the VPC's addresses."


@rule(
    "databases-not-open",
    area="network",
    severity="critical",
    types={*DATABASES},
    needs=[*ALLOWED, *GROUPS],
    must="Databases must not be open to all addresses.",
    how="Narrow the list of addresses to the VPC's.",
    reference=f"{HELP}/doc-detail/43186.htm",
)
def databases_not_open(subject: Subject[Config]) -> Iterator[str]:
    groups = [
        (f"{name}[{index}].{key}", group.get(key))
        for name in GROUPS
        for index, group in enumerate(subject.inputs.get(name, ()))
        for key in ("securityIpList", "securityIps")
    ]
    for key, written in (*((key, subject.inputs.get(key)) for key in ALLOWED), *groups):
        for network in networks(written):
            if wide(network):
                yield f"{key} {network} lets every address connect. Name the addresses that need it."


@rule(
    "ingress-with-tls",
    area="network",
    severity="medium",
    types={INGRESS},
    needs=["spec", "metadata.annotations"],
    level="advisory",
    must="Ingresses must serve all their hosts over TLS.",
    how="List the host under spec.tls with a Secret that holds its certificate, or give the ALB an HTTPS port.",
    reference=f"{HELP}/en/ack/ack-managed-and-ack-dedicated/user-guide/alb-ingress-configuration-dictionary",
)
def ingress_with_tls(subject: Subject[Config]) -> Iterator[str]:
    annotations = subject.inputs.get("metadata", {}).get("annotations", {})
    if "HTTPS" in annotations.get("alb.ingress.kubernetes.io/listen-ports", ""):
        return
    spec = subject.inputs.get("spec", {})
    served = [host for each in spec.get("tls", ()) for host in each.get("hosts", ("*",))]
    hosts = [each.get("host", "any host") for each in spec.get("rules", ({},))]
    plain = [host for host in hosts if not any(fnmatchcase(host, pattern) for pattern in served)]
    if plain:
        yield f"spec.tls leaves out {', '.join(plain)}, which is then served in plain text. Add the host with a Secret."
