"""Who is told of which alarms: routes by tenant, owner and severity, and windows in which alarms are silent."""

import zoneinfo
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..inputs import Problem, join, one_of
from .alarms import Alarm
from .args import DAYS, AlarmTargetArgs, MaintenanceArgs, ObservabilityArgs, Owner, Severity

WEEK = 7 * 24 * 60
"""Minutes of a week."""

NOBODY = "nobody"
"""The receiver of what no route takes."""

JOINT = "-and-"
"""What stands between the names of targets that are told together."""

PLATFORM = "platform"
"""The target that the environment's `notifications` are."""


@dataclass(frozen=True)
class Audience:
    """Whom alarms can reach, and about whom they are.

    targets: by name; tenants: their namespaces by name, each with the kinds of jobs that run there; timezone: of
    maintenance windows; ids: what targets are called in the names of resources, where not as they are now; others:
    whether jobs run in namespaces of no tenant.
    """

    targets: Mapping[str, AlarmTargetArgs] = field(default_factory=dict[str, AlarmTargetArgs])
    tenants: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict[str, Mapping[str, Sequence[str]]])
    timezone: str = "UTC"
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    others: bool = True

    def id_of(self, name: str) -> str:
        """What a target or tenant is called in the names of resources."""
        return self.ids.get(name, name)


@dataclass(frozen=True)
class Route:
    """Alarms that reach a target. owner, spaces: None for any; spaces: namespaces with the kinds of jobs there;
    outside: namespaces of which the alarms are left to others."""

    target: str
    severities: Sequence[Severity]
    owner: Owner | None
    tenant: str | None
    spaces: Mapping[str, Sequence[str]] | None
    outside: Sequence[str] = ()

    @property
    def namespaces(self) -> Sequence[str]:
        """The namespaces, where there is a choice of them."""
        return sorted(self.spaces or ())

    def takes(self, alarm: Alarm) -> bool:
        """Whether alarms of a rule can come this way."""
        about = self.spaces is None or not alarm.jobs or any({*alarm.jobs} & {*k} for k in self.spaces.values())
        return alarm.severity in self.severities and self.owner in (None, alarm.owner) and about

    def covers(self, other: "Route", severity: Severity) -> bool:
        """Whether all alarms of a severity that another route brings its target come this way, too."""
        everything = self.spaces is None and not self.outside
        return (
            self.target == other.target
            and severity in self.severities
            and self.owner in (None, other.owner)
            and (everything or (self.spaces, self.outside) == (other.spaces, other.outside))
        )


def plan_routes(args: ObservabilityArgs, audience: Audience) -> list[Route]:
    """The routes of an environment: the default ones of those who can be told, and its own. None brings its target
    what another one brings it, too."""
    routes: list[Route] = []
    told = {tenant: spaces for tenant, spaces in audience.tenants.items() if tenant in audience.targets}
    if PLATFORM in audience.targets:
        routes.append(Route(PLATFORM, ("critical", "warning"), "platform", None, None))
        routes.append(Route(PLATFORM, ("critical",), "tenant", None, None))
        if audience.others or told.keys() < audience.tenants.keys():
            # Of those who are not told themselves, somebody must hear.
            outside = sorted(space for spaces in told.values() for space in spaces)
            routes.append(Route(PLATFORM, ("warning",), "tenant", None, None, outside))
    for tenant, spaces in told.items():
        routes.append(Route(tenant, ("critical", "warning"), "tenant", tenant, spaces))
    for route in args.routes:
        # Only what tenants own is about a namespace.
        owner = "tenant" if route.tenant else route.owner
        spaces = None if route.tenant is None else audience.tenants.get(route.tenant, {})
        routes += [Route(target, route.severities, owner, route.tenant, spaces) for target in route.targets]
    found: list[Route] = []
    for index, route in enumerate(routes):
        severities = tuple(s for s in route.severities if not _brought(s, route, routes[:index], routes[index + 1 :]))
        if severities:
            found.append(replace(route, severities=severities))
    return found


def _brought(severity: Severity, route: Route, before: Sequence[Route], after: Sequence[Route]) -> bool:
    """Whether another route brings the same; of two that are alike, the later one is left out."""
    return any(other.covers(route, severity) for other in before) or any(
        other.covers(route, severity) and not route.covers(other, severity) for other in after
    )


def route_problems(args: ObservabilityArgs, audience: Audience, *, upstream: bool) -> Iterator[Problem]:
    """What is wrong with targets, routes and maintenance windows."""
    for name, target in args.targets.items():
        path = f"targets.{name}"
        if name in audience.tenants or name == PLATFORM:
            whose = "notifications of the environment" if name == PLATFORM else f"notifications of the tenant {name}"
            yield Problem(path, None, f"is the name of the {whose}; choose another")
        elif name == NOBODY or JOINT in name:
            yield Problem(path, None, f"must not be called {NOBODY} nor hold {JOINT}; choose another name")
        elif name in audience.ids.values():
            yield Problem(path, None, "is what resources of a tenant are called, which had this name; choose another")
        if target.silent:
            yield Problem(path, None, "reaches nobody; give mail, phone, dingtalk or webhooks")
        for way in ("mail", "phone", "dingtalk", "webhooks"):
            addresses: Sequence[str] = getattr(target, way)
            for index, address in enumerate(addresses):
                if address in addresses[:index]:
                    shown = None if way in ("dingtalk", "webhooks") else address
                    yield Problem(f"{path}.{way}[{index}]", shown, "stands twice; remove one")
    for name, target in audience.targets.items():
        if name not in args.targets:
            continue
        if upstream:
            yield from _upstream_problems(args, name, target)
        elif target.webhooks:
            message = "no resource of the provider makes web hooks for managed Prometheus; use dingtalk, mail or phone"
            yield Problem(f"targets.{name}.webhooks", list(target.webhooks), message)
    known = {*audience.targets}
    for index, route in enumerate(args.routes):
        path = f"routes[{index}]"
        yield from _known(f"{path}.targets", route.targets, known)
        if route.tenant is not None and route.tenant not in audience.tenants:
            yield Problem(f"{path}.tenant", route.tenant, one_of(route.tenant, audience.tenants, "a tenant"))
        if route.tenant is not None and route.owner == "platform":
            message = "what the platform owns is about no tenant's namespaces; leave it out, or leave tenant out"
            yield Problem(f"{path}.owner", route.owner, message)
        if not route.severities:
            yield Problem(f"{path}.severities", [], "takes no alarm; name a severity")
        if route in args.routes[:index]:
            yield Problem(path, None, "stands twice")


def _known(path: str, targets: Sequence[str], known: Collection[str]) -> Iterator[Problem]:
    for index, target in enumerate(targets):
        if target not in known:
            yield Problem(join(path, f"[{index}]"), target, one_of(target, known, "a target"))


def _upstream_problems(args: ObservabilityArgs, name: str, target: AlarmTargetArgs) -> Iterator[Problem]:
    path = f"targets.{name}"
    for key, values in (("phone", target.phone), ("dingtalk", target.dingtalk)):
        if values:
            message = "Alertmanager has no such way; use webhooks of something that has"
            yield Problem(join(path, key), list(values), message)
    if target.mail and args.smtp is None:
        yield Problem("smtp", None, f"missing; {name} is told by mail, and Alertmanager needs a mail server")
    if args.smtp is not None and (args.smtp.user is None) != (args.smtp.password_secret is None):
        yield Problem("smtp", None, "user and passwordSecret belong together")


def told(alarms: Sequence[Alarm], routes: Sequence[Route]) -> dict[str, list[str]]:
    """The targets that each alarm can reach, by its name. Empty: nobody is told."""
    return {alarm.name: sorted({route.target for route in routes if route.takes(alarm)}) for alarm in alarms}


@dataclass(frozen=True)
class Delivery:
    """An alarm for those whom it reaches. tenant, namespaces: only what is about them; "" and None for everything;
    outside: namespaces that it is not about."""

    alarm: Alarm
    targets: tuple[str, ...]
    tenant: str = ""
    namespaces: Sequence[str] | None = None
    outside: Sequence[str] = ()


def deliveries(alarms: Sequence[Alarm], routes: Sequence[Route]) -> list[Delivery]:
    """Every alarm by those whom it reaches, for what can only send all of an alarm to the same.

    What is only worth knowing, and nobody wants to know, is left out.
    """
    found: list[Delivery] = []
    for alarm in alarms:
        taken = [route for route in routes if route.takes(alarm)]
        whole = [route for route in taken if route.spaces is None]
        everywhere = sorted({route.target for route in whole if not route.outside})
        beside = {tuple(route.outside): route.target for route in whole if route.outside}
        tenants = {route.tenant: route.namespaces for route in taken if route.tenant is not None}
        if everywhere or (not tenants and not beside and alarm.severity != "info"):
            found.append(Delivery(alarm, tuple(everywhere)))
        found += [Delivery(alarm, (target,), outside=outside) for outside, target in beside.items()]
        for tenant, spaces in tenants.items():
            targets = sorted({route.target for route in taken if route.tenant == tenant})
            found.append(Delivery(alarm, tuple(targets), tenant, spaces))
    return found


def alertmanager_config(
    args: ObservabilityArgs, audience: Audience, routes: Sequence[Route], alarms: Sequence[Alarm]
) -> dict[str, Any]:
    """The configuration of Alertmanager: routes, what alarms silence others, and maintenance windows.

    Source of the fields: Alertmanager 0.31, docs/configuration.md.
    """
    used = sorted({route.target for route in routes})
    found: dict[str, Any] = {
        "route": {
            "receiver": NOBODY,
            "group_by": ["alertname", "namespace"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
            "routes": [_route(args, route, severity) for route in routes for severity in route.severities],
        },
        "receivers": [{"name": NOBODY}, *(_receiver(name, audience.targets[name]) for name in used)],
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{louder}"'],
                "target_matchers": [f'alertname="{alarm.name}"'],
                "equal": list(labels),
            }
            for alarm in alarms
            for louder, labels in alarm.silenced_by.items()
        ],
        "time_intervals": [
            {"name": name, "time_intervals": _intervals(window, audience.timezone)}
            for name, window in args.maintenance.items()
        ],
    }
    if args.smtp is not None:
        found["global"] = {"smtp_smarthost": args.smtp.host, "smtp_from": args.smtp.sender}
        if args.smtp.user is not None:
            found["global"] |= {
                "smtp_auth_username": args.smtp.user,
                "smtp_auth_password_file": f"/etc/alertmanager/secrets/{args.smtp.password_secret}/password",
            }
    return found


def _route(args: ObservabilityArgs, route: Route, severity: Severity) -> dict[str, Any]:
    matchers = [f'severity="{severity}"']
    if route.owner is not None:
        matchers.append(f'owner="{route.owner}"')
    if route.spaces is not None:
        matchers.append(f'namespace=~"{"|".join(route.namespaces)}"')
    if route.outside:
        matchers.append(f'namespace!~"{"|".join(route.outside)}"')
    muted = [name for name, window in args.maintenance.items() if severity in window.severities]
    return {
        "receiver": route.target,
        "matchers": matchers,
        "continue": True,
        **({"mute_time_intervals": muted} if muted else {}),
    }


def _receiver(name: str, target: AlarmTargetArgs) -> dict[str, Any]:
    ways = {
        "email_configs": [{"to": address, "send_resolved": True} for address in target.mail],
        "webhook_configs": [{"url": url, "send_resolved": True} for url in target.webhooks],
    }
    return {"name": name, **{way: entries for way, entries in ways.items() if entries}}


def _intervals(window: MaintenanceArgs, timezone: str) -> list[dict[str, Any]]:
    """A window as intervals of single days: one that passes midnight goes on the day after."""
    hour, minute = map(int, window.start.split(":"))
    start = hour * 60 + minute
    days = [day.lower() for day in window.days]
    intervals = [_interval(days, start, min(start + window.minutes, 1440), timezone)]
    if start + window.minutes > 1440:
        after = [DAYS[(DAYS.index(day) + 1) % 7].lower() for day in window.days]
        intervals.append(_interval(after, 0, start + window.minutes - 1440, timezone))
    return intervals


def _interval(days: Sequence[str], start: int, end: int, timezone: str) -> dict[str, Any]:
    clock = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end)]
    return {
        "times": [{"start_time": clock[0], "end_time": clock[1]}],
        "weekdays": list(days),
        "location": timezone,
    }


def silenced(args: ObservabilityArgs, alarm: Alarm, known: Mapping[str, Alarm], timezone: str) -> str:
    """An alarm's query that is silent by itself, for where nothing behind it can be told to silence it.

    known: the alarms by name; what silences an alarm is written out, and waits as that alarm does: until then its
    condition was not there each minute. Windows are held in UTC, at the time zone's offset without summer time.
    """
    query = alarm.query
    for louder, labels in alarm.silenced_by.items():
        said, minutes = known[louder].query, known[louder].for_minutes
        held = said if minutes < 1 else f"count_over_time(({said})[{minutes}m:1m]) >= {minutes}"
        query = f"({query}) unless on ({', '.join(labels)}) ({held})"
    for window in args.maintenance.values():
        if alarm.severity in window.severities:
            query = f"({query}) unless on () ({_window_query(window, timezone)})"
    return query


def _window_query(window: MaintenanceArgs, timezone: str) -> str:
    """Something while a window is open, nothing else. Minutes are counted from Sunday, 00:00 UTC."""
    hour, minute = map(int, window.start.split(":"))
    offset = _offset_minutes(timezone)
    now = "day_of_week() * 1440 + hour() * 60 + minute()"
    opens = sorted(((DAYS.index(day) + 1) * 1440 + hour * 60 + minute - offset) % WEEK for day in window.days)
    return " or ".join(f"({now} + {WEEK - start}) % {WEEK} < {window.minutes}" for start in opens)


def _offset_minutes(timezone: str) -> int:
    zone = zoneinfo.ZoneInfo(timezone)
    offsets = {datetime(2026, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7)}
    return int(min(offsets).total_seconds() // 60)
