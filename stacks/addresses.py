"""Address arithmetic: what pools and serverless pods need, beside what the vSwitches can give."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.network import NetworkPlan, Role
from components.node_pools import NodePoolPlan

from .environment import Environment


@dataclass(frozen=True)
class AddressNeed:
    """What one role needs at full size.

    terms: the sum, spelt out; available: what the vSwitches give; after_zone_loss: the same without the largest zone.
    """

    role: Role
    needed: int
    terms: str
    available: int
    after_zone_loss: int


def address_needs(
    environment: Environment, pools: Mapping[str, NodePoolPlan], plan: NetworkPlan
) -> Sequence[AddressNeed]:
    """The needs of pods and nodes."""
    serverless = environment.serverless.maximum_pods
    pods = {name: (pool.maximum, pool.pod_addresses_per_node or 0) for name, pool in pools.items()}
    pod_terms = [f"{name} {nodes:,} x {each:,}" for name, (nodes, each) in pods.items()]
    node_terms = [f"{name} {pool.maximum:,}" for name, pool in pools.items()]
    pods_needed = sum(nodes * each for nodes, each in pods.values()) + serverless
    nodes_needed = sum(pool.maximum for pool in pools.values())
    return [
        _need("pods", pods_needed, [*pod_terms, *([f"serverless {serverless:,}"] if serverless else [])], plan),
        _need("nodes", nodes_needed, node_terms, plan),
    ]


def _need(role: Role, needed: int, terms: Sequence[str], plan: NetworkPlan) -> AddressNeed:
    total = plan.addresses(role)
    largest = max(plan.addresses(role, vswitch.zone) for vswitch in plan.of(role))
    return AddressNeed(role, needed, " + ".join(terms), total, total - largest)


def single_zone_needs(
    environment: Environment, pools: Mapping[str, NodePoolPlan]
) -> Iterator[tuple[str, Role, int, Sequence[str]]]:
    """Zone, role and need of the pools that lie in that zone alone, with their names."""
    zones = environment.network.zones if environment.network else ()
    for zone in zones:
        names = [name for name in pools if list(environment.zones_of(environment.node_pools[name])) == [zone]]
        alone = [pools[name] for name in names]
        yield zone, "nodes", sum(pool.maximum for pool in alone), names
        yield zone, "pods", sum(pool.maximum * (pool.pod_addresses_per_node or 0) for pool in alone), names
