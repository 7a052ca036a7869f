"""Network policies: what is let through is the exact intersection of both sides, and never less than a cluster does."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from components.tenancy.network_policies import ALL_PORTS, Namespace, Ports, egress_ports, matches, open_ports

PODS = (IPv4Network("10.20.0.0/16"),)
EVERY = ["all SCTP", "all TCP", "all UDP"]
DENY_ALL = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
METADATA = IPv4Address("100.100.100.200")


def _namespace(name: str, *policies: Any, **labels: str) -> Namespace:
    return Namespace(name, {"kubernetes.io/metadata.name": name, **labels}, policies)


def _texts(ports: Sequence[Ports]) -> list[str]:
    return [str(each) for each in ports]


def _into(*policies: Any) -> list[str]:
    """What a namespace `b` with these policies lets in from `a`, which has none."""
    return _texts(open_ports(_namespace("a", team="x"), _namespace("b", *policies), PODS))


def _ingress(*rules: Any) -> dict[str, Any]:
    return {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(rules)}


def _egress(*rules: Any) -> dict[str, Any]:
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        ({"matchLabels": {"team": "x"}}, True),
        ({"matchLabels": {"team": "x", "tier": "gold"}}, False),
        ({"matchLabels": {"team": "y"}}, False),
        ({"matchLabels": {"team": "[unknown]"}}, True),
        ({"matchLabels": {"other": "[unknown]"}}, False),
        ({"matchLabels": {"new": "x"}}, True),
        ({"matchLabels": "[unknown]"}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["x", "y"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["y"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["[unknown]"]}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "new", "operator": "NotIn", "values": ["[unknown]"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "absent", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "absent", "operator": "New"}]}, True),
        ({"matchExpressions": [{"key": "[unknown]", "operator": "Exists"}]}, True),
        ({"matchExpressions": ["[unknown]"]}, True),
        ({"matchExpressions": "[unknown]"}, True),
        ({"matchLabels": {"team": "y"}, "matchExpressions": [{"key": "team", "operator": "Exists"}]}, False),
    ],
)
def test_selectors(selector: dict[str, Any], expected: bool) -> None:
    assert matches(selector, {"team": "x", "new": "[unknown]"}) is expected


@pytest.mark.parametrize(
    ("policy", "isolates"),
    [
        (None, False),
        (DENY_ALL, True),
        ({"podSelector": {}}, True),
        ({}, True),
        ({"podSelector": {"matchLabels": {}, "matchExpressions": []}}, True),
        ({"podSelector": {"matchLabels": {"app": "web"}}}, False),
        ({"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, False),
        ({"podSelector": {}, "policyTypes": ["[unknown]"]}, False),
        ({"podSelector": {}, "policyTypes": "[unknown]"}, False),
        ({"podSelector": "[unknown]"}, False),
        ("[unknown]", False),
    ],
)
def test_only_a_policy_for_all_pods_isolates(policy: Any, isolates: bool) -> None:
    assert _into(*([policy] if policy is not None else [])) == ([] if isolates else EVERY)


def test_egress_is_isolated_by_default_only_with_egress_rules() -> None:
    target = _namespace("b")
    assert open_ports(_namespace("a", {"podSelector": {}}), target, PODS) == list(ALL_PORTS)
    assert open_ports(_namespace("a", {"podSelector": {}, "egress": []}), target, PODS) == list(ALL_PORTS)
    one_port = {"podSelector": {}, "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]}
    assert _texts(open_ports(_namespace("a", one_port), target, PODS)) == ["UDP 53"]


@pytest.mark.parametrize(
    ("peer", "reaches"),
    [
        ({"namespaceSelector": {}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "a"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "c"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}, "podSelector": {"matchLabels": {"app": "w"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}, "podSelector": {}}, False),
        ({"namespaceSelector": "[unknown]"}, True),
        ({"podSelector": {}}, False),
        ({"podSelector": "[unknown]"}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}}, True),
        ({"ipBlock": {"cidr": "10.20.3.4/32"}}, True),
        ({"ipBlock": {"cidr": "10.20.3.4/16"}}, True),
        ({"ipBlock": {"cidr": "192.168.0.0/16"}}, False),
        ({"ipBlock": {"cidr": "192.168.3.4/16"}}, False),
        ({"ipBlock": "[unknown]", "namespaceSelector": {"matchLabels": {"team": "y"}}}, True),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.20.0.0/16"]}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.16.0.0/12"]}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.20.0.0/17", "10.20.128.0/17"]}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.20.0.0/17", "10.20.0.0/18"]}}, True),
        ({"ipBlock": {"cidr": "10.20.1.0/24", "except": ["10.20.0.0/16"]}}, False),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["[unknown]"]}}, True),
        ({"ipBlock": {"cidr": "10.0.0.0/8", "except": "[unknown]"}}, True),
        ({"ipBlock": {"cidr": "[unknown]"}}, True),
        ({"ipBlock": {"cidr": "::/0"}}, True),
        ({"ipBlock": "[unknown]"}, True),
        ({}, True),
        ("[unknown]", True),
    ],
)
def test_peers(peer: Any, reaches: bool) -> None:
    assert _into(_ingress({"from": [peer]})) == (EVERY if reaches else [])


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (None, EVERY),
        ([], EVERY),
        ("[unknown]", EVERY),
        (["[unknown]"], EVERY),
        ([{"port": 443}], ["TCP 443"]),
        ([{"port": 443.0}], ["TCP 443"]),
        ([{"port": 1, "endPort": 1024}], ["TCP 1-1024"]),
        ([{"port": 1, "endPort": "[unknown]"}], ["all TCP"]),
        ([{"port": 9, "endPort": 3}], ["TCP 9-65535"]),
        ([{"port": "http"}], ["all TCP"]),
        ([{"port": "[unknown]", "protocol": "UDP"}], ["all UDP"]),
        ([{"protocol": "SCTP"}], ["all SCTP"]),
        ([{"port": 53, "protocol": "[unknown]"}], ["SCTP 53", "TCP 53", "UDP 53"]),
        ([{"port": 53, "protocol": "UDP"}, {"port": 53}], ["TCP 53", "UDP 53"]),
        ([{"port": 80}, {"port": 10, "endPort": 79}, {"port": 82}], ["TCP 10-80", "TCP 82"]),
        ([{"port": 10, "endPort": 90}, {"port": 20}], ["TCP 10-90"]),
    ],
)
def test_ports(ports: Any, expected: list[str]) -> None:
    assert _into(_ingress({"ports": ports})) == expected


def test_rules() -> None:
    assert _into(_ingress()) == []
    assert _into(_ingress({})) == EVERY
    assert _into(_ingress({"from": []})) == EVERY
    assert _into(_ingress({"from": None})) == EVERY
    assert _into(_ingress({"from": "[unknown]", "ports": [{"port": 80}]})) == ["TCP 80"]
    assert _into(_ingress("[unknown]")) == EVERY
    assert _into({"podSelector": {}, "ingress": "[unknown]"}) == EVERY


def test_all_policies_add_up_whatever_pods_they_are_for() -> None:
    web = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]}
    ignored = {"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 22}]}]}
    unknown = {"podSelector": {}, "policyTypes": "[unknown]", "ingress": [{"ports": [{"port": 81}]}]}
    assert _into(DENY_ALL, web) == ["TCP 80"]
    assert _into(DENY_ALL, web, ignored) == ["TCP 80"]
    assert _into(DENY_ALL, web, unknown) == ["TCP 80-81"]
    assert _into(DENY_ALL, "[unknown]") == EVERY


def test_both_sides_must_agree() -> None:
    to_b = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
    ports = [{"port": 100, "endPort": 200}, {"port": 50}, {"protocol": "UDP"}]
    source = _namespace("a", _egress({"to": [to_b], "ports": ports}))
    target = _namespace("b", _ingress({"ports": [{"port": 150, "endPort": 300}, {"port": 100}, {"port": 99}]}))
    assert _texts(open_ports(source, target, PODS)) == ["TCP 100", "TCP 150-200"]
    assert open_ports(source, _namespace("c"), PODS) == []
    assert open_ports(_namespace("c", DENY_ALL), target, PODS) == []
    assert _texts(open_ports(target, source, PODS)) == EVERY


def test_pods_alone_are_those_of_the_same_namespace() -> None:
    inside = _namespace("b", _ingress({"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}))
    assert _texts(open_ports(inside, inside, PODS)) == EVERY
    assert open_ports(_namespace("a"), inside, PODS) == []


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([], EVERY),
        ([DENY_ALL], []),
        ([{"podSelector": {}}], EVERY),
        ([_egress({"to": [{"namespaceSelector": {}}]})], []),
        ([_egress({"to": [{"podSelector": {}}]})], []),
        ([_egress({"to": [{"namespaceSelector": "[unknown]"}]})], EVERY),
        ([_egress({"ports": [{"port": 80}]})], ["TCP 80"]),
        ([_egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]})], EVERY),
        ([_egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["100.64.0.0/10"]}}]})], []),
        ([_egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["100.100.100.200/32"]}}]})], []),
        ([_egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["100.100.100.201/32"]}}]})], EVERY),
    ],
)
def test_an_address_outside_the_cluster(policies: list[Any], expected: list[str]) -> None:
    assert _texts(egress_ports(_namespace("a", *policies), METADATA)) == expected


def test_policies_are_read_once() -> None:
    class Counted(dict[str, Any]):
        reads = 0

        def get(self, key: str, default: Any = None) -> Any:
            Counted.reads += 1
            return super().get(key, default)

    target = _namespace("b", Counted(DENY_ALL))
    assert open_ports(_namespace("a"), target, PODS) == []
    once = Counted.reads
    assert open_ports(_namespace("c"), target, PODS) == []
    assert Counted.reads == once > 0
