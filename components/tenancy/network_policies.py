"""What Kubernetes network policies let through between namespaces, as an upper bound.

People choose the labels of their own pods, so the answers hold for some pod of a namespace, whatever its labels. What
is unknown before apply counts as open. Pods on a node's own network are outside of this: no policy selects them.
Source: kubernetes.io/docs/reference/kubernetes-api/policy-resources/network-policy-v1.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, IPv4Network
from typing import Any

NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"

UNKNOWN = re.compile(r"\[(unknown|secret)\]")
"""What stands in recorded inputs for a value that cannot be read."""

PROTOCOLS = ("SCTP", "TCP", "UDP")
LAST_PORT = 65_535


@dataclass(frozen=True, order=True)
class Ports:
    """A range of ports of one protocol, both ends included."""

    protocol: str
    first: int
    last: int

    def __str__(self) -> str:
        if (self.first, self.last) == (1, LAST_PORT):
            return f"all {self.protocol}"
        return f"{self.protocol} {self.first}" + ("" if self.first == self.last else f"-{self.last}")


ALL_PORTS = tuple(Ports(protocol, 1, LAST_PORT) for protocol in PROTOCOLS)


@dataclass(frozen=True)
class _Rule:
    """One rule: on these ports everyone, or its own namespace, or selected namespaces, or blocks less exceptions."""

    ports: tuple[Ports, ...] = ALL_PORTS
    everyone: bool = True
    own: bool = False
    selectors: tuple[Mapping[str, Any], ...] = ()
    blocks: tuple[tuple[IPv4Network, tuple[IPv4Network, ...]], ...] = ()


@dataclass(frozen=True)
class _Direction:
    """What all policies of a namespace say of one direction. Not isolated: some pod is free of them."""

    isolated: bool
    rules: tuple[_Rule, ...]


@dataclass(frozen=True)
class Namespace:
    """A namespace with the specs of its policies. labels: with `kubernetes.io/metadata.name`, which Kubernetes adds."""

    name: str
    labels: Mapping[str, str]
    policies: Sequence[Mapping[str, Any]]

    @cached_property
    def ingress(self) -> _Direction:
        """What may come in."""
        return _direction(self.policies, "Ingress", "from")

    @cached_property
    def egress(self) -> _Direction:
        """What may go out."""
        return _direction(self.policies, "Egress", "to")


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether labels may meet a label selector. The empty selector matches all; what cannot be read, too."""
    wanted, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or ()
    if isinstance(wanted, Mapping) and not all(_may_be(labels.get(key), [value]) for key, value in wanted.items()):
        return False
    return not isinstance(expressions, list | tuple) or all(_meets(each, labels) for each in expressions)


def open_ports(source: Namespace, target: Namespace, pod_networks: Sequence[IPv4Network]) -> Sequence[Ports]:
    """Ports on which some pod of one namespace may reach some pod of another, merged and sorted.

    pod_networks: where pods have their addresses, which blocks of addresses in policies may let through; 0.0.0.0/0 if
    it is not known.
    """
    networks = tuple(pod_networks)
    incoming = _allowed(target.ingress, target.name, source, networks)
    outgoing = _allowed(source.egress, source.name, target, networks) if incoming else ()
    return sorted(
        Ports(one.protocol, max(one.first, other.first), min(one.last, other.last))
        for one in outgoing
        for other in incoming
        if one.protocol == other.protocol and one.first <= other.last and other.first <= one.last
    )


def egress_ports(source: Namespace, address: IPv4Address) -> Sequence[Ports]:
    """Ports on which some pod may reach an address outside the cluster, such as the metadata service, 100.100.100.200.

    Merged and sorted.
    """
    return _allowed(source.egress, source.name, None, (IPv4Network(address),))


def _direction(policies: Sequence[Any], kind: str, peers: str) -> _Direction:
    isolated, rules = False, list[_Rule]()
    for policy in policies:
        if not isinstance(policy, Mapping):
            rules.append(_Rule())
            continue
        given = policy.get(kind.lower())
        kinds = policy.get("policyTypes") or (["Ingress", "Egress"] if policy.get("egress") else ["Ingress"])
        readable = isinstance(kinds, list | tuple) and not any(UNKNOWN.search(str(each)) for each in kinds)
        if readable and kind not in kinds:
            continue
        isolated |= readable and _selects_all(policy.get("podSelector"))
        rules += [_rule(each, peers) for each in given or ()] if isinstance(given, list | tuple | None) else [_Rule()]
    return _Direction(isolated, tuple(rules))


def _selects_all(selector: Any) -> bool:
    return not selector or (isinstance(selector, Mapping) and not any(selector.values()))


def _rule(rule: Any, key: str) -> _Rule:
    if not isinstance(rule, Mapping):
        return _Rule()
    ports, peers = _ports(rule.get("ports")), rule.get(key)
    own, selectors, blocks = False, list[Mapping[str, Any]](), list[tuple[IPv4Network, tuple[IPv4Network, ...]]]()
    for peer in peers if peers and isinstance(peers, list | tuple) else (None,):
        block, namespaces, pods = (
            (peer.get(name) for name in ("ipBlock", "namespaceSelector", "podSelector"))
            if isinstance(peer, Mapping)
            else (None, None, None)
        )
        if isinstance(block, Mapping) and (network := _network(block.get("cidr"))):
            excepted = block.get("except")
            networks = map(_network, excepted if isinstance(excepted, list | tuple) else ())
            blocks.append((network, tuple(each for each in networks if each)))
        elif isinstance(namespaces, Mapping) and block is None:
            selectors.append(namespaces)
        elif pods is not None and namespaces is None and block is None:
            own = True
        else:
            return _Rule(ports)
    return _Rule(ports, everyone=False, own=own, selectors=tuple(selectors), blocks=tuple(blocks))


def _network(text: object) -> IPv4Network | None:
    """A block of addresses, or None if it cannot be read, as is IPv6."""
    try:
        return IPv4Network(str(text), strict=False)
    except ValueError:
        return None


def _ports(given: Any) -> tuple[Ports, ...]:
    if not given or not isinstance(given, list | tuple):
        return ALL_PORTS
    found: list[Ports] = []
    for entry in given:
        if not isinstance(entry, Mapping):
            return ALL_PORTS
        protocol = entry.get("protocol") or "TCP"
        first, last = entry.get("port"), entry.get("endPort")
        if not isinstance(first, int | float):
            # A name: pods say themselves which port it is.
            first, last = 1, LAST_PORT
        elif last is None:
            last = first
        elif not isinstance(last, int | float) or last < first:
            last = LAST_PORT
        names = (protocol,) if protocol in PROTOCOLS else PROTOCOLS
        found += [Ports(name, int(first), int(last)) for name in names]
    return tuple(found)


def _meets(expression: Any, labels: Mapping[str, str]) -> bool:
    if not isinstance(expression, Mapping):
        return True
    key, values = expression.get("key"), expression.get("values") or ()
    if not isinstance(key, str) or UNKNOWN.search(key) or not isinstance(values, list | tuple):
        return True
    actual = labels.get(key)
    match expression.get("operator"):
        case "In":
            return _may_be(actual, values)
        case "NotIn":
            return actual is None or bool(UNKNOWN.search(actual)) or actual not in values
        case "Exists":
            return actual is not None
        case "DoesNotExist":
            return actual is None
        case _:
            return True


def _may_be(actual: str | None, values: Sequence[Any]) -> bool:
    """Whether a label may have one of some values."""
    if actual is None:
        return False
    return actual in values or any(UNKNOWN.search(str(text)) for text in (actual, *values))


def _allowed(
    direction: _Direction, own: str, other: Namespace | None, networks: tuple[IPv4Network, ...]
) -> tuple[Ports, ...]:
    """What one side allows. own: its name; other: the other namespace, None for what is outside the cluster."""
    if not direction.isolated:
        return ALL_PORTS
    found: list[Ports] = []
    for rule in direction.rules:
        named = other is not None and (
            (rule.own and other.name == own) or any(matches(selector, other.labels) for selector in rule.selectors)
        )
        if rule.everyone or named or any(_overlaps(*block, networks) for block in rule.blocks):
            found += rule.ports
    return _merged(tuple(found))


@lru_cache(maxsize=4096)
def _overlaps(block: IPv4Network, excepted: tuple[IPv4Network, ...], networks: tuple[IPv4Network, ...]) -> bool:
    """Whether a block, less what is excepted, has an address in one of the networks."""
    for network in networks:
        if not block.overlaps(network):
            continue
        part = max(block, network, key=lambda each: each.prefixlen)
        inside = [each for each in excepted if each.subnet_of(part)]
        gone = sum(each.num_addresses for each in ipaddress.collapse_addresses(inside))
        if gone < part.num_addresses and not any(part.subnet_of(each) for each in excepted):
            return True
    return False


@lru_cache(maxsize=4096)
def _merged(ports: tuple[Ports, ...]) -> tuple[Ports, ...]:
    merged: list[Ports] = []
    for each in sorted(ports):
        if merged and merged[-1].protocol == each.protocol and each.first <= merged[-1].last + 1:
            merged[-1] = Ports(each.protocol, merged[-1].first, max(merged[-1].last, each.last))
        else:
            merged.append(each)
    return tuple(merged)
