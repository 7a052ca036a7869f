"""What a user may say of OSS throttling: who gets how much of a resource pool's bandwidth."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from ..inputs import Args

Bandwidth = Annotated[
    str, Field(description="A bandwidth in whole Gbit/s, such as 20Gbps, or unlimited. OSS knows nothing finer.")
]
Share = Annotated[
    str,
    Field(
        description="A share of the pool, such as 40%, rounded down to whole Gbit/s, or a bandwidth, such as 20Gbps."
    ),
]
Requests = Annotated[int, Field(description="Requests a second, at least 1.")]


class Direction(Args):
    """Bandwidth of one direction. What is left out is unlimited, that is: limited by the level above only."""

    total: Bandwidth | None = None
    """Of all networks together."""

    intranet: Bandwidth | None = None
    """Of VPCs and the classic network."""

    internet: Bandwidth | None = None
    """Of the Internet and transfer acceleration."""


class RequestRates(Args):
    """Requests a second. The API's current pages leave them out, while the older SDKs still send them."""

    total: Requests | None = None
    """Of all networks together."""

    intranet: Requests | None = None
    """From VPCs and the classic network."""

    internet: Requests | None = None
    """From the Internet and through transfer acceleration."""


class Limits(Args):
    """Bandwidth of both directions."""

    upload: Direction = Direction()
    """Into OSS."""

    download: Direction = Direction()
    """Out of OSS."""


class RequestLimits(Limits):
    """Bandwidth of both directions, and requests a second."""

    requests: RequestRates | None = None
    """Requests a second. None: not set."""


class GroupArgs(Args):
    """Buckets that share limits."""

    buckets: Annotated[Sequence[str], Field(min_length=1)]
    """Roles of the buckets, out of `buckets` of the environment. A bucket is in one group at most."""

    limits: Limits = Limits()
    """Limits of all of them together; each that is set is at least 5Gbps."""


class RequesterArgs(Args):
    """A RAM user or role that reads and writes. Either `id` or `role`."""

    id: str | None = None
    """Id of the RAM user or role: digits, neither name nor ARN."""

    role: str | None = None
    """Name of a RAM role that the environment makes."""

    bucket: str | None = None
    """Role of the one bucket for which the limits are. None: for the whole pool."""

    limits: RequestLimits = RequestLimits()
    """Its limits; bandwidths that are set are at least 5Gbps."""


class PriorityLevel(Args):
    """One level of priority."""

    minimum: Limits | None = None
    """Bandwidth that its subjects get together when the pool is full. None: `defaultMinimum`."""

    buckets: Sequence[str] = ()
    """Roles of buckets. In a group with a level of its own, the group's counts."""

    groups: Sequence[str] = ()
    """Names of groups."""

    requesters: Sequence[str] = ()
    """Names of requesters."""


class PrioritiesArgs(Args):
    """Levels of priority: who gets what others leave, and who keeps a minimum."""

    levels: Sequence[PriorityLevel] = ()
    """From the least to the most important, 3 to 10; the first is level 1."""

    default_level: int = 1
    """Level of all that none names."""

    default_minimum: Limits | None = None
    """Minimum of each level without one of its own. None: each level has one."""


class TrafficClass(Args):
    """A class of traffic, such as training, batch or ad-hoc.

    OSS sees buckets and requesters as two dimensions: what is guaranteed and what is the most holds in each for itself,
    and the smaller counts.
    """

    priority: int
    """1 to 10; the larger goes first. Level 1 is also that of all traffic without a class."""

    guaranteed: Share
    """What it gets, all of it together, when the pool is full: a share of the pool, or a total for each direction. The
    networks' parts are in proportion to the pool's, or the least that OSS takes. For other parts write `groups` and
    `priorities`."""

    maximum: Share | None = None
    """What it gets at most: its buckets together, and each of its requesters. It limits the totals
    of both directions. None: what the pool has."""

    buckets: Sequence[str] = ()
    """Roles of its buckets; they become a group with the name of the class."""

    requesters: Sequence[str] = ()
    """Names of its requesters, all of them for the whole pool."""


class ThrottlingArgs(Args):
    """OSS throttling inside one resource pool (resource pool QoS, an invitational preview).

    No API makes a pool or puts a bucket into one: Alibaba Cloud does so by ticket. Nor does any set the limits of the
    whole account; they can only be read.
    """

    enabled: bool = False
    """Whether throttles are set. False: buckets share the account's bandwidth, and nothing is guaranteed."""

    pool: str | None = None
    """Name of the resource pool. Required where enabled."""

    pool_bandwidth: Limits = Limits()
    """The pool's bandwidth as ordered by ticket; both totals are required where enabled."""

    buckets: Mapping[str, RequestLimits] = {}
    """Limits of single buckets, by their role."""

    groups: Mapping[str, GroupArgs] = {}
    """Groups of buckets by name: 3 to 30 lowercase letters, digits and hyphens."""

    requesters: Mapping[str, RequesterArgs] = {}
    """RAM users and roles by a name of your choice."""

    priorities: PrioritiesArgs = PrioritiesArgs()
    """Levels of priority. Leave it out with `classes`, which make them."""

    classes: Mapping[str, TrafficClass] = {}
    """Classes of traffic by name, of which groups, limits and priorities are made."""
