"""What rules of several areas read: types of resources, addresses, ports, and documents of policies."""

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .rule import Items

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_POLICY = "alicloud:oss/bucketPolicy:BucketPolicy"
MANAGED_CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes"
DEDICATED_CLUSTER = "alicloud:cs/kubernetes:Kubernetes"
EDGE_CLUSTER = "alicloud:cs/edgeKubernetes:EdgeKubernetes"
SERVERLESS_CLUSTER = "alicloud:cs/serverlessKubernetes:ServerlessKubernetes"
CLUSTERS = frozenset({MANAGED_CLUSTER, DEDICATED_CLUSTER, EDGE_CLUSTER, SERVERLESS_CLUSTER})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def listed(value: Any) -> list[Any]:
    """What may be written as one or as several; nothing for None."""
    return [] if value is None else list(value) if isinstance(value, list | tuple | Items) else [value]


def networks(*values: Any) -> Iterator[Network]:
    """The networks that addresses, CIDR blocks and lists of them name. What is none, the cloud refuses."""
    for value in values:
        for each in listed(value):
            for text in str(each).split(","):
                with suppress(ValueError):
                    yield ipaddress.ip_network(text.strip(), strict=False)


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


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document. What may be written as one or as several is a list.

    principals: each with its kind, such as `RAM`, "" in a bucket policy; conditions: values by operator and by key in
    lower case; exclusive: whether it is about all actions but some.
    """

    effect: str
    actions: Sequence[str] = ()
    resources: Sequence[str] = ()
    principals: Sequence[tuple[str, str]] = ()
    conditions: Mapping[str, Mapping[str, Sequence[str]]] = field(
        default_factory=dict[str, Mapping[str, Sequence[str]]]
    )
    exclusive: bool = False


def statements(document: Any) -> list[Statement]:
    """The statements of a policy document; none where it is not one, which the cloud refuses."""
    try:
        policy = json.loads(document)
    except (TypeError, ValueError):
        return []
    return [
        Statement(
            effect=str(each.get("Effect")),
            actions=_texts(each.get("Action")),
            resources=_texts(each.get("Resource")),
            principals=[
                (kind, name)
                for kind, names in (_mapping(each.get("Principal")) or {"": each.get("Principal")}).items()
                for name in _texts(names)
            ],
            conditions={
                operator: {key.lower(): _texts(values) for key, values in _mapping(keys).items()}
                for operator, keys in _mapping(each.get("Condition")).items()
            },
            exclusive="NotAction" in each,
        )
        for each in listed(_mapping(policy).get("Statement"))
        if isinstance(each, Mapping)
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: Any) -> list[str]:
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in listed(value)]
