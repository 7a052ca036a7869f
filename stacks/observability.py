"""What an environment watches: its systems, tenants and sizes, and what follows for the values of charts."""

from collections.abc import Iterator, Mapping
from typing import get_args

from components.alarms import NotificationArgs
from components.cache.args import RuntimeKind
from components.cache.planning import kind_of
from components.capacity import Range
from components.inputs import Problem, one_of
from components.logs.loki import log_values
from components.node_pools import NodePoolPlan
from components.observability import (
    PLATFORM,
    AlarmTargetArgs,
    Audience,
    MonitoringPlan,
    Watched,
    monitoring_problems,
    plan_monitoring,
    prometheus_values,
    told,
)
from components.observability.report import CLAIM, TIME
from components.platform import SystemPlan
from components.platform.planning import SHARED_NAMESPACE, closure, form_of
from components.platform.values import merged
from components.tenancy.planning import PodPrices, prefix_of

from .environment import Environment, bucket_owners, pool_plans
from .logs import log_plan
from .systems import ARTIFACTS, systems_of
from .tenancy import overlap, surroundings

PROMETHEUS = "prometheus"
"""The system that watches."""

JOBS_PER_NAMESPACE = 100
"""Jobs of a namespace, finished ones that are not yet deleted among them, for the estimate. A judgement."""

PODS_PER_NODE = 10
"""Pods of the platform on each node, for the estimate of samples: collectors, drivers, agents. A judgement."""


def monitoring_plan(environment: Environment, stack: str) -> MonitoringPlan | None:
    """What a valid environment watches, None for nothing."""
    if not is_watched(environment):
        return None
    watched = watched_of(environment, stack, pool_plans(environment))
    return plan_monitoring(environment.observability, watched)


def is_watched(environment: Environment) -> bool:
    """Whether an environment has monitoring: it is not switched off, and its system runs."""
    running = closure(environment.systems, environment.flavor)
    return environment.observability.enabled and PROMETHEUS in running


def watched_of(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> Watched:
    """What there is to watch. pools: the plans of the node pools that are right."""
    systems = closure(environment.systems, environment.flavor)
    tenants = {
        name: {space: namespace.jobs for space, namespace in args.namespaces_of(name).items()}
        for name, args in environment.tenants.items()
    }
    owned = {space for spaces in tenants.values() for space in spaces}
    told = {PLATFORM: environment.notifications, **{n: args.notifications for n, args in environment.tenants.items()}}
    implied = {name: _target(environment, notifications) for name, notifications in told.items()}
    return Watched(
        flavor=environment.flavor,
        systems={name: form_of(name, environment.flavor).data.get("namespace", SHARED_NAMESPACE) for name in systems},
        targets=_scales(environment, pools),
        audience=Audience(
            targets={
                **{name: target for name, target in implied.items() if not target.silent},
                **environment.observability.targets,
            },
            tenants=tenants,
            timezone=environment.cluster.timezone,
            ids={name: args.id_of(name) for name, args in environment.tenants.items()},
            others=bool({s for args in environment.job_classes.values() for s in args.namespaces} - owned),
        ),
        prices=_prices(surroundings(environment, stack).prices),
    )


def _target(environment: Environment, notifications: NotificationArgs) -> AlarmTargetArgs:
    """Notifications, as far as they can carry alarms of this flavour."""
    if environment.flavor == "upstream":
        mail = notifications.mail if environment.observability.smtp else ()
        return AlarmTargetArgs(mail=mail, webhooks=notifications.webhooks)
    return AlarmTargetArgs(mail=notifications.mail, dingtalk=notifications.dingtalk)


def _scales(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Mapping[str, Range]:
    nodes, gpus = Range(), Range()
    for name, plan in pools.items():
        bounds = Range(*_bounds(environment, name))
        cards = max((t.gpu.count for t in plan.instance_types if t.gpu), default=0)
        nodes += bounds
        gpus += Range(bounds.minimum * cards, bounds.maximum * cards)
    for group in environment.kubernetes.node_groups.values():
        nodes += Range(group.nodes, group.nodes)
        gpus += Range(group.nodes * group.gpus, group.nodes * group.gpus)
    pods = {name: args.maximum_pods for name, args in environment.job_classes.items()}
    jobs = sum(pods.values()) or sum(args.resources.pods for args in environment.tenants.values())
    spaces = sum(len(args.namespaces_of(name)) for name, args in environment.tenants.items())

    caches: dict[str, int] = dict.fromkeys(get_args(RuntimeKind), 0)
    for args in environment.datasets.values():
        caches[kind_of(args, environment.flavor)] += args.of is None

    def of(prefix: str) -> Range:
        return Range(0, sum(number for name, number in pods.items() if name.startswith(prefix)))

    return {
        "nodes": nodes,
        "gpus": gpus,
        "pods": Range(nodes.minimum * PODS_PER_NODE, nodes.maximum * PODS_PER_NODE + jobs),
        "ray-pods": of("ray-"),
        "spark-executors": of("spark-executor"),
        "namespaces": Range(spaces, spaces),
        "jobs": Range(0, JOBS_PER_NAMESPACE * spaces),
        "datasets": Range(len(environment.datasets), len(environment.datasets)),
        **{f"{kind}-datasets": Range(count, count) for kind, count in caches.items()},
    }


def _bounds(environment: Environment, pool: str) -> tuple[int, int]:
    args = environment.node_pools[pool]
    if args.autoscaling is not None:
        return args.autoscaling.minimum, args.autoscaling.maximum
    return args.size or 0, args.size or 0


def _prices(prices: Mapping[str, PodPrices]) -> Mapping[str, Mapping[str, float]]:
    """Prices of what pods ask for, by the names that kube-state-metrics gives it. A GPU costs as the dearest does."""
    found: dict[str, Mapping[str, float]] = {}
    for currency, price in prices.items():
        gpu = max(price.gpus.values(), default=0)
        named = {
            "cpu": price.vcpu,
            "memory": price.memory_gib / 2**30,
            "nvidia_com_gpu": gpu,
            "aliyun_com_gpu": gpu,
            "aliyun_com_gpu_mem": price.gpu_memory_gib,
        }
        found[currency] = {resource: amount for resource, amount in named.items() if amount}
    return found


def observability_problems(
    environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]
) -> Iterator[Problem]:
    """What is wrong with what an environment says of monitoring. pools: the plans of its node pools."""
    said = environment.observability
    if not is_watched(environment):
        if said.enabled and said.model_fields_set:
            yield Problem("observability", None, f"has no effect, since systems.{PROMETHEUS} does not run")
        return
    watched = watched_of(environment, stack, pools)
    problems = [*monitoring_problems(said, watched), *_report_problems(environment)]
    yield from (problem.under("observability") for problem in problems)


def _report_problems(environment: Environment) -> Iterator[Problem]:
    """What is wrong with where reports of costs are kept."""
    report, owners = environment.observability.report, bucket_owners(environment)
    if environment.flavor == "upstream" or not report.enabled or not environment.in_cluster:
        return
    if report.bucket is not None and report.bucket not in environment.buckets:
        yield Problem("report.bucket", report.bucket, one_of(report.bucket, environment.buckets, "a bucket's role"))
    elif report.bucket is not None and report.bucket in owners:
        message = f"belongs to the tenant {owners[report.bucket]}, and the report is about all"
        yield Problem("report.bucket", report.bucket, message)
    yield from _kept_problems(environment)
    if CLAIM in environment.volumes:
        message = f"makes the volume and the role {CLAIM}, which stand under volumes; rename that volume"
        yield Problem("report", None, message)


def _kept_problems(environment: Environment) -> Iterator[Problem]:
    """What else reads, deletes or archives where reports are kept, on ACK."""
    bucket, months = report_bucket(environment), environment.observability.report.keep_months
    if bucket is None:
        return
    for name, args in environment.tenants.items():
        parts = [prefix_of(name, args, entry) for entry, own in args.prefixes.items() if own.bucket == bucket]
        parts += [dataset.prefix for dataset in args.datasets.values() if dataset.bucket == bucket]
        if any(overlap(part, CLAIM) for part in parts):
            message = f"{CLAIM}/ in it is a part of the tenant {name}, and the report is about all"
            yield Problem("report.bucket", bucket, message)
    args, days = environment.buckets[bucket], months * 31
    if args.expire_after_days is not None and args.expire_after_days < days:
        message = (
            f"longer than buckets.{bucket} keeps reports (expireAfterDays = {args.expire_after_days}); name another "
            "bucket, or keep fewer months"
        )
        yield Problem("report.keepMonths", months, message)


def monitoring_notes(plan: MonitoringPlan) -> list[str]:
    """What a platform engineer must know of what is not watched, and of whom nobody tells."""
    notes: list[str] = []
    for alarm, metrics in plan.rules.missing.items():
        notes.append(f"No alarm {alarm}: nothing brings {', '.join(metrics)}.")
    for name in plan.unwatched:
        notes.append(f"No objective {name}: nothing brings its metrics.")
    if plan.args.report.enabled and not plan.reports:
        notes.append("No report of costs: nothing brings the labels of pods and namespaces, or what pods cost.")
    # A month has 31 days at most.
    needed = 31 + plan.args.report.day_of_month
    if plan.reports and plan.retention_days < needed:
        notes.append(
            f"The report of costs lacks days of its month: samples are kept {plan.retention_days} of {needed}."
        )
    reached = told(plan.rules.alarms, plan.routes)
    silent = [alarm.name for alarm in plan.rules.alarms if not reached[alarm.name] and alarm.severity != "info"]
    if silent:
        notes.append(f"Nobody is told of {', '.join(silent)}: name somebody under notifications or observability.")
    deaf = [name for name in plan.watched.audience.tenants if name not in plan.watched.audience.targets]
    if deaf:
        notes.append(f"Tenants that are not told of their own alarms, for want of notifications: {', '.join(deaf)}.")
    return notes


def report_bucket(environment: Environment) -> str | None:
    """Role of the bucket that keeps reports of costs on ACK, None where there is none."""
    bucket = environment.observability.report.bucket or ARTIFACTS
    return bucket if bucket in environment.buckets else None


def report_line(environment: Environment, plan: MonitoringPlan) -> str:
    """When the report of costs is made, where it lies and for how long; "" for none."""
    report = plan.args.report
    cloud = environment.flavor == "ack"
    if not plan.reports or (cloud and not environment.in_cluster):
        return ""
    bucket = report_bucket(environment)
    if cloud and bucket is None:
        return "No report of costs: no bucket keeps it; name one under observability.report.bucket."
    where = f"in the bucket {bucket}, {CLAIM}/" if cloud else f"in the claim {CLAIM}"
    return (
        f"Report of costs: of the month before, on day {report.day_of_month} at {TIME} "
        f"({plan.watched.audience.timezone}), {where}, kept {report.keep_months} months."
    )


def watched_systems(environment: Environment, stack: str) -> list[SystemPlan]:
    """The systems of a valid environment, with the values that follow from what is watched and logged."""
    plan = monitoring_plan(environment, stack)
    logs = log_plan(environment, stack)
    wiring = merged(prometheus_values(plan) if plan else {}, log_values(logs) if logs else {})
    return systems_of(environment, stack, wiring)
