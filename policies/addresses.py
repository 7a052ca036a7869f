"""Addresses and ports as resources write them."""

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from .resources import listed

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(*values: Any) -> Iterator[Network]:
    """The networks that addresses, CIDR blocks and lists of them name. What is none, the cloud refuses."""
    for value in values:
        for each in listed(value):
            for text in str(each).split(","):
                with suppress(ValueError):
                    yield ipaddress.ip_network(text.strip(), strict=False)


def wide(network: Network) -> bool:
    """Whether a network is everybody: wider than any private one, and than what a provider has of IPv6."""
    return network.prefixlen < (8 if network.version == 4 else 16)


def within(network: Network, ranges: Iterable[Network]) -> bool:
    """Whether a network lies in one of several."""
    return any(one.overlaps(network) and one.prefixlen <= network.prefixlen for one in ranges)


def ports(text: Any) -> range:
    """The ports of `22`, `80/443` and the like; the one port -1 where it names all."""
    try:
        numbers = [int(number) for number in str(text).split("/")]
    except ValueError:
        return range(-1, 0)
    return range(numbers[0], numbers[-1] + 1)
