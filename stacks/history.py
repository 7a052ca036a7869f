"""The history servers of an environment: whose jobs they show, and what is wrong with them."""

import re
from collections.abc import Iterator, Mapping

from components.history import HistoryPlan, HistorySurroundings, history_problems, plan_history
from components.history.planning import NO_TENANT
from components.inputs import Problem
from components.tenancy.isolation import PLATFORM, Kind
from components.tenancy.problems import RESERVED_NAMESPACES

from .environment import Environment, history_writers
from .observability import is_watched
from .systems import placement_of
from .tenancy import installed, owners

PLACES = ("namespace", "job", "tenant")
"""What addresses of links may leave open."""


def history_surroundings(environment: Environment, stack: str) -> HistorySurroundings:
    """What the history servers of an environment share a cluster with."""
    claims = {(name, space) for name, args in environment.volumes.items() for space in args.namespaces}
    claims |= {(name, space) for name, args in environment.datasets.items() for space in args.namespaces}
    cloud = environment.flavor == "ack"
    return HistorySurroundings(
        flavor=environment.flavor,
        name=environment.name(stack) if cloud else "",
        buckets=environment.buckets if cloud else {},
        writers=history_writers(environment),
        claims=claims,
        placement=placement_of(environment),
        region=environment.region if cloud else "",
        bucket_names=environment.bucket_names(stack) if cloud else {},
    )


def history_plan(environment: Environment, stack: str) -> HistoryPlan | None:
    """The plan of a valid environment's history servers, None where it has none."""
    if environment.history.spark is None and environment.history.ray is None:
        return None
    return plan_history(environment.history, history_surroundings(environment, stack))


def environment_history_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    """What is wrong with the history servers of an environment."""
    args = environment.history
    yield from _link_problems(environment)
    if args.spark is None and args.ray is None:
        return
    found = history_problems(args, history_surroundings(environment, stack))
    yield from (problem.under("history") for problem in found)
    yield from _log_problems(environment)
    classes = {space for job_class in environment.job_classes.values() for space in job_class.namespaces}
    systems = installed(environment).values()
    caches = [environment.caching.namespace] if environment.datasets else []
    jobs = {space for entry in (args.spark, args.ray) if entry for space in entry.namespaces}
    taken = {*classes, *systems, *caches, *owners(environment), *environment.tenancy.open_to, *jobs}
    if RESERVED_NAMESPACES.fullmatch(args.namespace) or args.namespace in taken:
        message = "is another's already; give history servers a namespace of their own"
        yield Problem("history.namespace", args.namespace, message)


def _log_problems(environment: Environment) -> Iterator[Problem]:
    """What jobs wrote is kept for as long as they are shown, on ACK, where both are said here."""
    logs, history = environment.logs, environment.history
    if environment.flavor == "upstream" or not logs.enabled or not logs.business.enabled:
        return
    for writer in history_writers(environment):
        engines = (("spark", history.spark, writer.spark), ("ray", history.ray, writer.ray))
        days = {engine: entry.retention_days for engine, entry, spaces in engines if entry is not None and spaces}
        kept, path = logs.business.retention_days, "logs.business.retentionDays"
        if writer.name:
            kept, path = (
                environment.tenants[writer.name].logs.retention_days,
                f"tenants.{writer.name}.logs.retentionDays",
            )
        for engine, needed in days.items():
            if kept < needed:
                message = (
                    f"shorter than history.{engine} shows finished jobs (retentionDays = {needed}), whose logs would "
                    "be gone; raise this or lower that"
                )
                yield Problem(path, kept, message)


def _link_problems(environment: Environment) -> Iterator[Problem]:
    links = environment.links
    if links.grafana is not None and not is_watched(environment):
        yield Problem("links.grafana", links.grafana, "has no dashboards: nothing is watched; remove it")
    for key, address in (
        ("logs", links.logs),
        ("sparkHistory", links.spark_history),
        ("rayHistory", links.ray_history),
    ):
        for name in re.findall(r"\{([^}]*)\}", address or ""):
            if name not in PLACES:
                allowed = ", ".join(f"{{{place}}}" for place in PLACES)
                yield Problem(f"links.{key}", address, f"{{{name}}} stands for nothing; allowed: {allowed}")
        if key != "logs" and {*(address or "")} & {"?", "#"}:
            yield Problem(f"links.{key}", address, "must end with its path: the page of a job is put behind it")
    writers, history = history_writers(environment), environment.history
    for key, address, engine, entry, shown in (
        ("sparkHistory", links.spark_history, "spark", history.spark, [w.name for w in writers if w.spark]),
        ("rayHistory", links.ray_history, "ray", history.ray, [w.name for w in writers if w.ray]),
    ):
        if address is None:
            continue
        if entry is None:
            yield Problem(f"links.{key}", address, f"shows nothing without history.{engine}; remove it")
        elif "{tenant}" not in address and len(shown) > 1:
            names = ", ".join(name or NO_TENANT for name in shown)
            yield Problem(f"links.{key}", address, f"is one address for the servers of {names}; put {{tenant}} in it")


def history_notes(plan: HistoryPlan) -> list[str]:
    """What a platform engineer must know of what is not shown."""
    notes: list[str] = []
    spark, ray = plan.args.spark, plan.args.ray
    for engine, entry, servers in (("Spark", spark, plan.spark), ("Ray", ray, plan.ray)):
        if entry is None:
            continue
        missing = plan.without.get(engine)
        if missing:
            notes.append(
                f"{engine} jobs of {', '.join(missing)} leave no history: no part of the bucket {entry.bucket} is "
                "theirs to write (tenants.<name>.prefixes)."
            )
        elif not servers:
            notes.append(f"There is no server for {engine}: no tenant has jobs of kind {engine.lower()}.")
    if spark is not None and plan.spark and spark.login is None:
        notes.append("Spark's servers have no login: whoever can connect to one sees all jobs that it shows.")
    if plan.ray:
        notes.append("Ray's servers have no login: whoever can connect to a dashboard sees all jobs that it shows.")
    roles = sorted({m for server in (*plan.spark, *plan.ray) for m in server.people if m.startswith("ram-role/")})
    if roles:
        notes.append(
            f"Members that are RAM roles cannot forward a port, as no source says what they are to the API server: "
            f"{', '.join(roles)}."
        )
    return notes


def history_sharing(environment: Environment, stack: str) -> Mapping[tuple[str, str, Kind, str], str]:
    """What tenants may do of the platform because they have history servers: source, target, kind and what, with the
    reason."""
    plan = history_plan(environment, stack)
    if plan is None:
        return {}
    names: dict[str, list[str]] = {}
    for server in (*plan.spark, *plan.ray):
        if server.tenant:
            names.setdefault(server.tenant, []).append(server.pod.removesuffix("-0"))
    return {
        (tenant, PLATFORM, "API", ""): f"its people may open {' and '.join(opened)}" for tenant, opened in names.items()
    }
