"""Decides what is set at each level of a resource pool, and who gets how much of it.

Rules: alibabacloud.com/help/en/oss/user-guide/oss-resource-pool-qos (quotas, sums, minimums), .../developer-reference/
putbucketrequesterqosinfo and putresourcepoolbucketgroupqosinfo (at least 5 Gbit/s).
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..inputs import InvalidInput, Problem, one_of
from .args import Limits, PriorityLevel, RequesterArgs, RequestLimits, ThrottlingArgs, TrafficClass
from .wire import (
    BANDWIDTH_ITEMS,
    DIRECTIONS,
    NETWORKS,
    UNLIMITED,
    Level,
    PriorityDocument,
    Qos,
    SubjectKind,
)

POOL_BUCKETS = 100
POOL_GROUPS = 100
POOL_REQUESTERS = 300
LEVELS = (3, 10)
LEAST_LIMIT = 5
"""Gbit/s that a limit of a group or requester must have at least."""

GROUP_NAME = r"^[a-z0-9-]{3,30}$"
POOL_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
"""What goes into a query and an id without harm. The service's own rule for names of pools is UNCONFIRMED."""

STORED: Collection[SubjectKind] = ("bucket", "group")
REQUESTED: Collection[SubjectKind] = ("requester",)
"""The subjects of a pool's two priority documents."""

LARGEST = 100_000
"""Gbit/s above which a number is a slip of the pen, and requests a second times 1,000."""


@dataclass(frozen=True)
class BucketPlan:
    """Limits of one bucket."""

    role: str
    bucket: str
    limits: Qos


@dataclass(frozen=True)
class MembershipPlan:
    """A bucket's place in a group."""

    role: str
    bucket: str
    group: str


@dataclass(frozen=True)
class GroupPlan:
    """Limits of one group; no limits at all where it is only there for its priority."""

    name: str
    limits: Qos


@dataclass(frozen=True)
class RequesterPlan:
    """Limits of one requester. Either `id` or `role`; bucket: its name, None for the pool."""

    name: str
    id: str | None
    role: str | None
    bucket: str | None
    limits: Qos


@dataclass(frozen=True)
class GuaranteeRow:
    """Who gets how much. worst: when the pool is full, None where nothing is promised; best: the least of all caps.

    kind: class, level, group, bucket or requester; note: what else to know.
    """

    kind: str
    name: str
    worst: Qos | None
    best: Qos
    note: str = ""

    def text(self, item: str) -> str:
        """An item as `20 to 60 Gbit/s`."""
        best = self.best.items[item]
        most = "unlimited" if best == UNLIMITED else f"{best}"
        if self.worst is None or self.worst.items[item] == UNLIMITED:
            return f"up to {most}"
        return f"{self.worst.items[item]} to {most}"


@dataclass(frozen=True)
class ThrottlingPlan:
    """What is set at each level. Requesters stand in `requester_priorities` by their names, not ids."""

    pool: str
    bandwidth: Qos
    pool_buckets: Sequence[str]
    buckets: Sequence[BucketPlan]
    memberships: Sequence[MembershipPlan]
    groups: Sequence[GroupPlan]
    requesters: Sequence[RequesterPlan]
    priorities: PriorityDocument | None
    requester_priorities: PriorityDocument | None
    identities: Mapping[str, RequesterArgs]
    table: Sequence[GuaranteeRow]
    notes: Sequence[str]

    @property
    def resources(self) -> int:
        """How many settings it amounts to."""
        documents = [document for document in (self.priorities, self.requester_priorities) if document]
        limited = [group for group in self.groups if group.limits.finite]
        return sum(map(len, (self.buckets, self.memberships, limited, self.requesters, documents)))


def parse_bandwidth(text: str) -> int | str:
    """Gbit/s, -1 for unlimited, or what is wrong with the text.

    The API takes whole Gbit/s, so Mbps are refused rather than rounded: nobody would get what they wrote.
    """
    if text == "unlimited":
        return UNLIMITED
    match = re.fullmatch(r"([+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([A-Za-z/]*)", text.strip())
    allowed = "write whole Gbit/s, such as 20Gbps, or unlimited"
    if match is None:
        return f"not a bandwidth; {allowed}"
    number, unit = match.groups()
    if unit != "Gbps":
        finer = "OSS limits in whole Gbit/s only; " if unit.lower() in ("mbps", "kbps", "bps") else ""
        return f"{finer}{'no unit' if not unit else f'unknown unit {unit!r}'}; {allowed}"
    if "." in number:
        return f"OSS limits in whole Gbit/s only; {allowed}"
    value = int(number)
    if value == 0:
        return f"0 would forbid this traffic altogether; {allowed}"
    if value < 0:
        return f"is negative; {allowed}"
    if value > LARGEST:
        return f"is more than {LARGEST:,} Gbit/s; {allowed}"
    return value


def parse_share(text: str) -> Fraction | int | str:
    """A share of the pool as a fraction, a bandwidth in Gbit/s, or what is wrong with the text."""
    match = re.fullmatch(r"([+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?)\s*%", text.strip())
    if match is None:
        value = parse_bandwidth(text)
        if isinstance(value, str):
            return f"{value}, or a share, such as 40%" if "%" not in text else "not a share; write one such as 40%"
        return "must be a share, such as 40%, or a bandwidth, such as 20Gbps" if value == UNLIMITED else value
    share = Fraction(match[1]) / 100
    if share <= 0:
        return "a share must be above 0%"
    if share > 1:
        return "a share must not be above 100%"
    return share


def not_protected(args: ThrottlingArgs, buckets: Collection[str]) -> Sequence[str]:
    """What is not protected, in sentences: everything while the layer is off, else what no limit or level covers."""
    if not args.enabled:
        many = f"{len(buckets)} buckets" if len(buckets) != 1 else "1 bucket"
        return (
            f"OSS throttling is off: {many} share the account's bandwidth and requests of the region with all other "
            "buckets of the account, and any one of them, or any one client, can use all of it.",
            "Nothing is guaranteed to training or any other traffic. When the account's limit is reached, OSS slows "
            "down or refuses requests of all alike (503).",
            "To switch it on, Alibaba Cloud must first make a resource pool: an invitational preview, by ticket, from "
            "about 400 Gbit/s in a region.",
        )
    covered = set(args.buckets)
    levelled = {name for level in args.priorities.levels for name in level.groups}
    # A group alone limits nothing.
    covered |= {
        role
        for name, group in args.groups.items()
        if group.limits != Limits() or name in levelled
        for role in group.buckets
    }
    covered |= {role for entry in args.classes.values() for role in entry.buckets}
    covered |= {role for level in args.priorities.levels for role in level.buckets}
    lines: list[str] = []
    rest = sorted(set(buckets) - covered)
    if rest:
        what = "has" if len(rest) == 1 else "have"
        lines.append(f"{', '.join(rest)} {what} no limit: only the pool's own, if in the pool at all.")
    if not args.classes and not args.priorities.levels:
        lines.append("There are no priorities: limits hold, but nothing is guaranteed when the pool is full.")
    lines.append(
        "The account's own limits cannot be set by any API, only read; buckets outside the pool share them with it."
    )
    return tuple(lines)


def support_request(region: str, plan: ThrottlingPlan) -> str:
    """The text of the ticket by which a pool is ordered or a bucket is added to one.

    Source: the user guide's section "Request a resource pool".
    """
    names = {"upload": "upload", "download": "download"}
    networks = {"total": "Total {} bandwidth", "intranet": "Internal network {} bandwidth"}
    lines = [
        f"Region: {region}",
        f"Resource pool name: {plan.pool}",
        f"Bucket list: {', '.join(plan.pool_buckets)}",
    ]
    for direction in DIRECTIONS:
        for network in NETWORKS:
            value = plan.bandwidth.items[f"{direction}_{network}"]
            label = networks.get(network, "Public network {} bandwidth").format(names[direction])
            lines.append(f"{label}: {'unlimited' if value == UNLIMITED else f'{value} Gbps'}")
    lines += ["Enable resource pool in console: Yes", "Enable priority-based throttling: Yes"]
    return "\n".join(lines)


def plan_throttling(args: ThrottlingArgs, buckets: Mapping[str, str], roles: Collection[str] = ()) -> ThrottlingPlan:
    """Decide what is set. Raises `InvalidInput` with all problems; paths are relative to `throttling`.

    buckets: names of the environment's buckets by role; roles: names of RAM roles whose ids the program knows.
    """
    planner = _Planner(args, buckets, roles)
    plan = planner.plan()
    if planner.problems:
        raise InvalidInput(planner.problems)
    return plan


class _Planner:
    """One planning; collects problems and goes on with what is sound."""

    def __init__(self, args: ThrottlingArgs, buckets: Mapping[str, str], roles: Collection[str]) -> None:
        self.args = args
        self.names = buckets
        self.roles = roles
        self.problems: list[Problem] = []
        self.pool = Qos()
        self.groups: dict[str, tuple[str, Sequence[str], Qos]] = {}  # Path, roles of buckets, limits.

    def problem(self, path: str, value: object, message: str) -> None:
        self.problems.append(Problem(path, value, message))

    def plan(self) -> ThrottlingPlan:
        args = self.args
        if not args.enabled:
            self.problem("enabled", False, "nothing to plan while throttling is off; set true")
        self.pool = self._pool()
        bucket_limits = {
            role: limits
            for role, entry in args.buckets.items()
            if self._known(f"buckets.{role}", role)
            for limits in (self._limits(f"buckets.{role}", entry),)
        }
        for role, limits in bucket_limits.items():
            if not limits.finite and not self._any(f"buckets.{role}"):
                self.problem(f"buckets.{role}", None, "limits nothing; give upload, download or requests")
        for name, group in args.groups.items():
            path = f"groups.{name}"
            self._group(path, name, group.buckets, self._limits(f"{path}.limits", group.limits, least=LEAST_LIMIT))
        documents, class_limits = self._classes() if args.classes else (self._priorities(), {})
        group_of = self._membership()
        requesters = self._requesters(bucket_limits, class_limits)
        self._sums(bucket_limits, group_of)
        limited = {requester.bucket for requester in args.requesters.values()}
        used = {*bucket_limits, *group_of, *self._priority_buckets(), *limited}
        # Where only requesters are limited, it is wherever they read and write.
        pool_buckets = tuple(name for role, name in self.names.items() if role in used or used <= {None})
        if len(pool_buckets) > POOL_BUCKETS:
            self.problem("buckets", len(pool_buckets), f"a pool holds at most {POOL_BUCKETS} buckets")
        if len(self.groups) > POOL_GROUPS:
            self.problem("groups", len(self.groups), f"a pool holds at most {POOL_GROUPS} groups")
        priorities, requester_priorities = documents
        return ThrottlingPlan(
            pool=args.pool or "",
            bandwidth=self.pool,
            pool_buckets=pool_buckets,
            buckets=tuple(BucketPlan(role, self.names[role], limits) for role, limits in sorted(bucket_limits.items())),
            memberships=tuple(
                MembershipPlan(role, self.names[role], group) for role, group in sorted(group_of.items())
            ),
            groups=tuple(GroupPlan(name, limits) for name, (_, _, limits) in sorted(self.groups.items())),
            requesters=requesters,
            priorities=priorities,
            requester_priorities=requester_priorities,
            identities=args.requesters,
            table=self._table(bucket_limits, group_of, requesters, documents),
            notes=tuple(self._notes(documents)),
        )

    # Values.

    def _pool(self) -> Qos:
        args = self.args
        if not args.pool:
            if args.enabled:
                self.problem("pool", args.pool, "required: the name of the pool that Alibaba Cloud made by ticket")
        elif not re.fullmatch(POOL_NAME, args.pool):
            self.problem("pool", args.pool, "not a pool's name: letters, digits, hyphens and underscores, at most 63")
        pool = self._limits("poolBandwidth", args.pool_bandwidth, own=False)
        for direction in DIRECTIONS:
            path = f"poolBandwidth.{direction}.total"
            if pool.items[f"{direction}_total"] == UNLIMITED and args.enabled and not self._any(path):
                value = getattr(args.pool_bandwidth, direction).total
                self.problem(path, value, "required: the total that the pool was ordered with, such as 100Gbps")
        return pool

    def _any(self, path: str) -> bool:
        return any(problem.path == path or problem.path.startswith(f"{path}.") for problem in self.problems)

    def _limits(self, path: str, limits: Limits, *, own: bool = True, least: int = 1) -> Qos:
        """Parse limits, and compare them with each other and, unless they are the pool's, with the pool's."""
        values: dict[str, int] = {}
        for direction in DIRECTIONS:
            for network in NETWORKS:
                text: str | None = getattr(getattr(limits, direction), network)
                if text is None:
                    continue
                parsed = parse_bandwidth(text)
                where = f"{path}.{direction}.{network}"
                if isinstance(parsed, str):
                    self.problem(where, text, parsed)
                elif parsed != UNLIMITED and parsed < least:
                    self.problem(where, text, f"must be at least {least}Gbps here, or unlimited")
                else:
                    values[f"{direction}_{network}"] = parsed
        if isinstance(limits, RequestLimits) and limits.requests is not None:
            for network in NETWORKS:
                rate: int | None = getattr(limits.requests, network)
                if rate is None:
                    continue
                if 1 <= rate <= LARGEST * 1000:
                    values[f"requests_{network}"] = rate
                else:
                    forbids = "0 would forbid all requests; " if rate == 0 else ""
                    message = f"{forbids}must be 1 to {LARGEST * 1000:,} requests a second"
                    self.problem(f"{path}.requests.{network}", rate, message)
        qos = Qos(**values)
        for what in ("upload", "download", "requests"):
            total = qos.items[f"{what}_total"]
            for network in ("intranet", "internet"):
                value = qos.items[f"{what}_{network}"]
                if UNLIMITED not in (total, value) and value > total:
                    message = f"is above its own total, {_amount(f'{what}_total', total)}"
                    self.problem(f"{path}.{what}.{network}", _amount(f"{what}_{network}", value), message)
        if own:
            self._within(path, qos, self.pool, "the pool's")
        return qos

    def _within(self, path: str, child: Qos, parent: Qos, whose: str) -> None:
        for item, value in child.finite.items():
            limit = parent.items[item]
            if limit != UNLIMITED and value > limit:
                self.problem(
                    f"{path}.{_item_path(item)}", _amount(item, value), f"is above {whose} {_amount(item, limit)}"
                )

    def _known(self, path: str, role: str) -> bool:
        if role in self.names:
            return True
        self.problem(path, role, one_of(role, self.names, "a bucket of this environment"))
        return False

    # Groups and their buckets.

    def _group(self, path: str, name: str, roles: Sequence[str], limits: Qos) -> None:
        if not re.fullmatch(GROUP_NAME, name):
            message = "not a group's name: 3 to 30 lowercase letters, digits and hyphens"
            self.problem(path, name, message)
        if name in self.groups:
            self.problem(path, name, f"is also the name of {self.groups[name][0]}; a class makes a group of its name")
            return
        known = [role for index, role in enumerate(roles) if self._known(f"{path}.buckets[{index}]", role)]
        self.groups[name] = (path, known, limits)

    def _membership(self) -> Mapping[str, str]:
        group_of: dict[str, str] = {}
        for name, (path, roles, _) in self.groups.items():
            seen: set[str] = set()
            for index, role in enumerate(roles):
                where = f"{path}.buckets[{index}]"
                if role in seen:
                    self.problem(where, role, "is named twice")
                elif role in group_of:
                    self.problem(where, role, f"is in {self.groups[group_of[role]][0]} already; a bucket has one group")
                else:
                    group_of[role] = name
                seen.add(role)
        return group_of

    def _sums(self, bucket_limits: Mapping[str, Qos], group_of: Mapping[str, str]) -> None:
        """What lies below a group or the pool must not exceed it in sum; what is unlimited does not count."""
        for name, (path, roles, limits) in self.groups.items():
            members = {role: bucket_limits[role] for role in dict.fromkeys(roles) if role in bucket_limits}
            self._sum(path, members, limits, f"the group {name} has")
            for role, member in members.items():
                self._within(f"buckets.{role}", member, limits, f"that of its group {name},")
        top = {f"buckets.{role}": limits for role, limits in bucket_limits.items() if role not in group_of}
        top |= {path: limits for path, _, limits in self.groups.values()}
        # A group without a limit stands for its buckets.
        for item in BANDWIDTH_ITEMS:
            rest = {
                f"buckets.{role}": bucket_limits[role]
                for role, group in group_of.items()
                if role in bucket_limits and self.groups[group][2].items[item] == UNLIMITED
            }
            self._sum("", {**top, **rest}, self.pool, "the pool has", items=(item,))

    def _sum(
        self, path: str, parts: Mapping[str, Qos], whole: Qos, has: str, items: Sequence[str] = BANDWIDTH_ITEMS
    ) -> None:
        for item in items:
            limited = {name: qos.items[item] for name, qos in parts.items() if qos.items[item] != UNLIMITED}
            limit, total = whole.items[item], sum(limited.values())
            if limit != UNLIMITED and total > limit and len(limited) > 1:
                message = (
                    f"{', '.join(limited)} have {total}Gbps in sum, but {has} {limit}Gbps; "
                    "OSS refuses that: lower some, or leave some out, which then share what is left"
                )
                self.problem(
                    path or f"poolBandwidth.{_item_path(item)}", f"{limit}Gbps" if not path else total, message
                )

    # Requesters.

    def _requesters(
        self, bucket_limits: Mapping[str, Qos], class_limits: Mapping[str, tuple[str, Qos]]
    ) -> Sequence[RequesterPlan]:
        plans: list[RequesterPlan] = []
        seen: dict[tuple[str, str | None], str] = {}
        named = {name for level in self.args.priorities.levels for name in level.requesters}
        named |= {name for entry in self.args.classes.values() for name in entry.requesters}
        for name, requester in self.args.requesters.items():
            path = f"requesters.{name}"
            self._identity(path, requester)
            key = (requester.id or f"role {requester.role}", requester.bucket)
            if key in seen:
                self.problem(path, key[0], f"is the same requester as {seen[key]}, with the same scope")
            seen.setdefault(key, path)
            limits = self._limits(f"{path}.limits", requester.limits, least=LEAST_LIMIT)
            above, maximum = class_limits.get(name, ("", Qos()))
            self._within(f"{path}.limits", limits, maximum, f"the maximum of {above},")
            limits = limits.least(maximum)
            for item, value in limits.finite.items():
                what, network = item.split("_")
                total = maximum.items[f"{what}_total"]
                if network != "total" and UNLIMITED != total < value:
                    message = f"is above the maximum of {above}, {_amount(f'{what}_total', total)} in all"
                    self.problem(f"{path}.limits.{_item_path(item)}", _amount(item, value), message)
            if requester.bucket is not None and self._known(f"{path}.bucket", requester.bucket):
                bucket = bucket_limits.get(requester.bucket, Qos())
                self._within(f"{path}.limits", limits, bucket, f"that of its bucket {requester.bucket},")
            if limits.finite:
                bucket_name = None if requester.bucket is None else self.names.get(requester.bucket, "")
                plans.append(RequesterPlan(name, requester.id, requester.role, bucket_name, limits))
            elif name not in named and not self._any(path):
                self.problem(path, None, "has neither limits nor a class or level; give one or remove it")
        throttled = {plan.id or plan.role for plan in plans} | {
            self.args.requesters[name].id or self.args.requesters[name].role
            for name in named
            if name in self.args.requesters
        }
        if len(throttled) > POOL_REQUESTERS:
            self.problem("requesters", len(throttled), f"a pool throttles at most {POOL_REQUESTERS} requesters")
        return tuple(sorted(plans, key=lambda plan: plan.name))

    def _identity(self, path: str, requester: RequesterArgs) -> None:
        if (requester.id is None) == (requester.role is None):
            message = "needs either id, the digits of a RAM user's or role's id, or role, a role of this environment"
            self.problem(path, requester.id, message)
        elif requester.id is not None and not re.fullmatch(r"[0-9]{6,32}", requester.id):
            self.problem(f"{path}.id", requester.id, "not an id: digits only, as RAM shows it; neither name nor ARN")
        elif requester.role is not None and requester.role not in self.roles:
            self.problem(
                f"{path}.role", requester.role, one_of(requester.role, self.roles, "a role of this environment")
            )

    # Priorities.

    def _priority_buckets(self) -> Iterator[str]:
        for level in self.args.priorities.levels:
            yield from level.buckets

    def _priorities(self) -> tuple[PriorityDocument | None, PriorityDocument | None]:
        args = self.args.priorities
        count = len(args.levels)
        if not count:
            for key, value in (("defaultMinimum", args.default_minimum), ("defaultLevel", args.default_level)):
                if "default_level" in args.model_fields_set if key == "defaultLevel" else value is not None:
                    self.problem(f"priorities.{key}", None, "has no effect without levels")
            return None, None
        if not LEVELS[0] <= count <= LEVELS[1]:
            self.problem("priorities.levels", count, f"must be {LEVELS[0]} to {LEVELS[1]} levels")
        legal = min(max(count, LEVELS[0]), LEVELS[1])
        if not 1 <= args.default_level <= count:
            self.problem("priorities.defaultLevel", args.default_level, f"must be 1 to {count}, the number of levels")
        default = None
        if args.default_minimum is not None:
            default = self._minimum("priorities.defaultMinimum", args.default_minimum, legal)
        minima: dict[int, Qos] = {}
        levels: list[Level] = []
        owner: dict[tuple[SubjectKind, str], str] = {}
        for number, level in enumerate(args.levels, 1):
            path = f"priorities.levels[{number - 1}]"
            own = None
            if level.minimum is not None:
                own = self._minimum(f"{path}.minimum", level.minimum, legal)
            elif args.default_minimum is None:
                self.problem(f"{path}.minimum", None, "required: there is no defaultMinimum")
            minima[number] = own or default or Qos()
            levels.append(Level(number, own, frozenset(self._subjects(path, level, owner))))
        if count == legal:
            self._minimum_sum("priorities.levels", minima)
        self._contradictions(levels)
        default_level = args.default_level
        groups, requesters = (
            _document(count, default_level, default, levels, kinds, own_minima=True) for kinds in (STORED, REQUESTED)
        )
        return groups, requesters

    def _subjects(
        self, path: str, level: PriorityLevel, owner: dict[tuple[SubjectKind, str], str]
    ) -> Iterator[tuple[SubjectKind, str]]:
        kinds: Sequence[tuple[SubjectKind, Sequence[str], Callable[[str, str], bool]]] = (
            ("bucket", level.buckets, self._known),
            ("group", level.groups, self._known_group),
            ("requester", level.requesters, self._known_requester),
        )
        for kind, names, known in kinds:
            for index, name in enumerate(names):
                where = f"{path}.{kind}s[{index}]"
                if (kind, name) in owner:
                    self.problem(where, name, f"has a level already, in {owner[kind, name]}")
                elif known(where, name):
                    owner[kind, name] = path
                    yield kind, self.names[name] if kind == "bucket" else name

    def _known_group(self, path: str, name: str) -> bool:
        if name in self.groups:
            return True
        self.problem(path, name, one_of(name, self.groups, "a group under groups"))
        return False

    def _known_requester(self, path: str, name: str) -> bool:
        if name not in self.args.requesters:
            self.problem(path, name, one_of(name, self.args.requesters, "a requester under requesters"))
            return False
        bucket = self.args.requesters[name].bucket
        if bucket is not None:
            message = f"is limited to the bucket {bucket}, but priorities are the pool's; give it a scope of the pool"
            self.problem(path, name, message)
        return bucket is None

    def _contradictions(self, levels: Sequence[Level]) -> None:
        """A bucket's own level counts for nothing in a group that has another; say so instead of ignoring it."""
        of_group = {name: level.level for level in levels for kind, name in level.subjects if kind == "group"}
        roles = {name: role for role, name in self.names.items()}
        group_of = {role: name for name, (_, members, _) in self.groups.items() for role in members}
        for level in levels:
            for kind, name in sorted(level.subjects):
                group = group_of.get(roles.get(name, "")) if kind == "bucket" else None
                if group in of_group and of_group[group] != level.level:
                    message = (
                        f"its group {group} is at level {of_group[group]}, and the group's level counts; remove one"
                    )
                    self.problem(f"priorities.levels[{level.level - 1}].buckets", roles[name], message)

    def _minimum(self, path: str, limits: Limits, count: int) -> Qos:
        qos = self._limits(path, limits)
        if not self._any(path):
            self._check_minimum(path, qos, count, None)
        return qos

    def _check_minimum(self, path: str, qos: Qos, count: int, text: str | None) -> None:
        for item in BANDWIDTH_ITEMS:
            value, pool = qos.items[item], self.pool.items[item]
            where = f"{path}.{_item_path(item)}" if text is None else path
            what = "" if text is None else f"{_item_words(item)}: "
            if value == UNLIMITED and pool != UNLIMITED:
                message = f"{what}a minimum must be given, as the pool has {pool}Gbps here"
                self.problem(where, text or "unlimited", message)
            elif value != UNLIMITED and pool != UNLIMITED and value < least_minimum(pool, count):
                least = least_minimum(pool, count)
                message = f"{what}{value}Gbps is too little for a minimum out of {pool}Gbps: at least {least}Gbps"
                self.problem(where, text or f"{value}Gbps", message)

    def _minimum_sum(self, path: str, minima: Mapping[int, Qos]) -> None:
        for item in BANDWIDTH_ITEMS:
            pool = self.pool.items[item]
            total = sum(max(qos.items[item], 0) for qos in minima.values())
            if pool != UNLIMITED and total > pool:
                parts = ", ".join(f"level {number} {max(qos.items[item], 0)}" for number, qos in minima.items())
                message = f"{_item_words(item)}: the minimums are {total}Gbps in sum ({parts}); the pool has {pool}Gbps"
                self.problem(path, f"{total}Gbps", message)

    # Classes of traffic.

    def _classes(
        self,
    ) -> tuple[tuple[PriorityDocument | None, PriorityDocument | None], Mapping[str, tuple[str, Qos]]]:
        args = self.args
        if args.priorities.model_fields_set:
            self.problem("priorities", None, "classes make the priorities; use either classes or priorities")
        count = min(max([LEVELS[0], *(entry.priority for entry in args.classes.values())]), LEVELS[1])
        of_requester: dict[str, tuple[str, Qos]] = {}
        minima: dict[int, Qos] = {}
        subjects: dict[int, set[tuple[SubjectKind, str]]] = {}
        shares: dict[str, Fraction] = {}
        owner: dict[str, str] = {}
        for name, entry in args.classes.items():
            path = f"classes.{name}"
            if not 1 <= entry.priority <= LEVELS[1]:
                self.problem(f"{path}.priority", entry.priority, f"must be 1 to {LEVELS[1]}")
            if not entry.buckets and not entry.requesters:
                self.problem(path, None, "has neither buckets nor requesters")
            guaranteed = self._guaranteed(path, entry, shares)
            maximum = self._maximum(path, entry)
            for item, value in maximum.finite.items():
                if guaranteed is not None and value < guaranteed.items[item]:
                    message = f"is below guaranteed: {_item_words(item)} {value}Gbps of {guaranteed.items[item]}Gbps"
                    self.problem(f"{path}.maximum", entry.maximum, message)
            mine = subjects.setdefault(entry.priority, set())
            if entry.buckets:
                self._group(path, name, entry.buckets, maximum)
                mine.add(("group", name))
            for index, requester in enumerate(entry.requesters):
                where = f"{path}.requesters[{index}]"
                if requester in owner:
                    self.problem(where, requester, f"is in {owner[requester]} already; a requester has one class")
                elif self._known_requester(where, requester):
                    owner[requester] = path
                    of_requester[requester] = (path, maximum)
                    mine.add(("requester", requester))
            if guaranteed is not None:
                before = minima.get(entry.priority)
                minima[entry.priority] = _plus(before, guaranteed) if before else guaranteed
        if sum(shares.values()) > 1:
            parts = ", ".join(f"{name} {_percent(share)}" for name, share in shares.items())
            self.problem(
                "classes", _percent(sum(shares.values(), Fraction())), f"more than 100% is guaranteed: {parts}"
            )
            return (None, None), of_requester
        if self._any("classes") or self._any("poolBandwidth") or self._any("priorities"):
            return (None, None), of_requester
        minima = {number: self._raised(qos, count) for number, qos in minima.items()}
        for number, qos in sorted(minima.items()):
            names = [name for name, entry in args.classes.items() if entry.priority == number]
            text = args.classes[names[0]].guaranteed
            self._check_minimum(f"classes.{names[0]}.guaranteed", qos, count, text)
        # Levels without a class get the least that the API takes; the ones with a class do not use it.
        default = Qos(
            **{
                item: UNLIMITED if pool == UNLIMITED else least_minimum(pool, count)
                for item, pool in self.pool.items.items()
                if item in BANDWIDTH_ITEMS
            }
        )
        self._minimum_sum("classes", {number: minima.get(number, default) for number in range(1, count + 1)})
        levels = [
            Level(number, minima.get(number), frozenset(subjects.get(number, ()))) for number in range(1, count + 1)
        ]
        groups, requesters = (_document(count, 1, default, levels, kinds) for kinds in (STORED, REQUESTED))
        return (groups, requesters), of_requester

    def _raised(self, qos: Qos, count: int) -> Qos:
        """A level's minimum, that of each network raised to the least that OSS takes."""
        least = {item: least_minimum(max(pool, 0), count) for item, pool in self.pool.items.items()}
        return Qos(
            **{
                item: value if item.endswith("_total") or value == UNLIMITED else max(value, least[item])
                for item, value in qos.items.items()
            }
        )

    def _guaranteed(self, path: str, entry: TrafficClass, shares: dict[str, Fraction]) -> Qos | None:
        """The minimum of each item; the networks' parts are in proportion to the pool's."""
        share = parse_share(entry.guaranteed)
        if isinstance(share, str):
            self.problem(f"{path}.guaranteed", entry.guaranteed, share)
            return None
        values: dict[str, int] = {}
        largest = Fraction()
        for direction in DIRECTIONS:
            total = self.pool.items[f"{direction}_total"]
            if total == UNLIMITED:
                continue
            part = share if isinstance(share, Fraction) else Fraction(share, total)
            largest = max(largest, part)
            for network in NETWORKS:
                pool = self.pool.items[f"{direction}_{network}"]
                values[f"{direction}_{network}"] = UNLIMITED if pool == UNLIMITED else math.floor(part * pool)
        if largest > 1:
            self.problem(f"{path}.guaranteed", entry.guaranteed, "is above the pool's total")
            return None
        shares[path.removeprefix("classes.")] = largest
        return Qos(**values)

    def _maximum(self, path: str, entry: TrafficClass) -> Qos:
        if entry.maximum is None:
            return Qos()
        share = parse_share(entry.maximum)
        if isinstance(share, str):
            self.problem(f"{path}.maximum", entry.maximum, share)
            return Qos()
        values: dict[str, int] = {}
        for direction in DIRECTIONS:
            pool = self.pool.items[f"{direction}_total"]
            if pool == UNLIMITED:
                continue
            values[f"{direction}_total"] = value = math.floor(share * pool) if isinstance(share, Fraction) else share
            if value > pool:
                self.problem(f"{path}.maximum", entry.maximum, f"is above the pool's {direction}, {pool}Gbps")
            elif value < LEAST_LIMIT:
                message = (
                    f"is {value}Gbps of {direction}; limits of groups and requesters are at least {LEAST_LIMIT}Gbps"
                )
                self.problem(f"{path}.maximum", entry.maximum, message)
        return Qos(**values)

    # Who gets how much.

    def _table(
        self,
        bucket_limits: Mapping[str, Qos],
        group_of: Mapping[str, str],
        requesters: Sequence[RequesterPlan],
        documents: tuple[PriorityDocument | None, PriorityDocument | None],
    ) -> Sequence[GuaranteeRow]:
        pool = self.pool
        rows: list[GuaranteeRow] = []
        level_of = {
            subject: (document, level)
            for document in documents
            if document
            for level in document.levels
            for subject in level.subjects
        }

        def row(kind: SubjectKind, name: str, shown: str, best: Qos) -> GuaranteeRow:
            best = best.capped()
            document, level = level_of.get((kind, name), (None, None))
            if document is None or level is None:
                ruling = documents[1 if kind == "requester" else 0]
                note = f"level {ruling.default_level}, the default, with all others of it" if ruling else ""
                return GuaranteeRow(kind, shown, None, best, note)
            minimum = level.minimum or document.default_minimum or Qos()
            others = sorted(other for other in level.subjects if other != (kind, name))
            note = f"level {level.level}" + (
                f"; the minimum is shared with {', '.join(other for _, other in others)}" if others else ""
            )
            if level.level == document.default_level:
                note += "; all traffic without a level shares it"
            alone = not others and level.level != document.default_level
            return GuaranteeRow(kind, shown, minimum.least(best).bandwidth_only() if alone else None, best, note)

        for document in documents:
            for level in document.levels if document else ():
                minimum = level.minimum or (document.default_minimum if document else None)
                if len(level.subjects) > 1:
                    names = ", ".join(sorted(name for _, name in level.subjects))
                    rows.append(GuaranteeRow("level", str(level.level), minimum, pool, f"shared by {names}"))
        for name, (path, _, limits) in sorted(self.groups.items()):
            best = pool.least(limits)
            rows.append(row("group", name, name, best))
            if path.startswith("classes."):
                rows[-1] = GuaranteeRow("class", name, rows[-1].worst, best, rows[-1].note)
        roles = sorted({*bucket_limits, *group_of, *self._priority_buckets()} & set(self.names))
        for role in roles:
            best, group = pool.least(bucket_limits.get(role, Qos())), group_of.get(role)
            # What the networks leave of a bucket's total goes before what its group has.
            best = best.capped() if group is None else best.capped().least(self.groups[group][2])
            found = row("bucket", self.names[role], role, best)
            if group is not None and ("group", group) in level_of:
                found = GuaranteeRow("bucket", role, None, found.best, f"shares what its group {group} gets")
            rows.append(found)
        limited = {plan.name: plan.limits for plan in requesters}
        everywhere = {(plan.id, plan.role): plan.limits for plan in requesters if plan.bucket is None}
        for name, requester in sorted(self.args.requesters.items()):
            best = pool.least(limited.get(name, Qos())).least(everywhere.get((requester.id, requester.role), Qos()))
            if requester.bucket in self.names:
                best = best.least(bucket_limits.get(requester.bucket or "", Qos()))
                group = group_of.get(requester.bucket or "")
                best = best if group is None else best.least(self.groups[group][2])
            rows.append(row("requester", name, name, best))
        return tuple(rows)

    def _notes(self, documents: Iterable[PriorityDocument | None]) -> Iterator[str]:
        yield "Settings take effect within five minutes."
        document = next((document for document in documents if document), None)
        if document is None:
            return
        for item in ("upload_total", "download_total"):
            levels = document.effective()["levels"]
            total, pool = sum(max(minimum.items[item], 0) for minimum, _ in levels if minimum), self.pool.items[item]
            if pool > 0 and 2 * total > pool:
                yield (
                    f"{_item_words(item)}: {total} of {pool} Gbit/s are guaranteed; the user guide recommends less "
                    "than half, so that the rest goes where it is needed."
                )


def least_minimum(pool: int, levels: int) -> int:
    """The least minimum, in Gbit/s, of a level out of a pool's item: min(5, item / (2 x levels)), rounded up."""
    return math.ceil(min(Fraction(5), Fraction(pool, 2 * levels)))


def _document(
    count: int,
    default_level: int,
    default: Qos | None,
    levels: Iterable[Level],
    kinds: Collection[SubjectKind],
    *,
    own_minima: bool = False,
) -> PriorityDocument | None:
    """The document of some kinds of subjects. A level without any is left to the default minimum, if there is one.

    own_minima: whether it keeps a minimum of its own.
    """
    mine: list[Level] = []
    for level in levels:
        subjects = frozenset(subject for subject in level.subjects if subject[0] in kinds)
        if subjects or (level.minimum is not None and (own_minima or default is None)):
            mine.append(Level(level.level, level.minimum, subjects))
    if not any(level.subjects for level in mine):
        return None
    return PriorityDocument(count, default_level, default, tuple(mine))


def _plus(one: Qos, other: Qos) -> Qos:
    return Qos(
        **{
            item: UNLIMITED if UNLIMITED in (value, other.items[item]) else value + other.items[item]
            for item, value in one.items.items()
        }
    )


def _item_path(item: str) -> str:
    return item.replace("_", ".")


def _item_words(item: str) -> str:
    what, network = item.split("_")
    return f"{network} {what}"


def _amount(item: str, value: int) -> str:
    return f"{value} requests a second" if item.startswith("requests") else f"{value}Gbps"


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):g}%"
