"""What of an environment is logged: its systems and tenants, and what follows for the values of charts."""

from collections.abc import Iterator, Mapping

from components.inputs import Problem
from components.logs import Logged, LoggedTenant, LogPlan, StorePlan, log_problems, plan_logs, store_name_problems
from components.logs.planning import CLUSTER_ID, COLLECTORS, EVENT_DAYS, EVENT_STORE, LOKI

from .environment import Environment
from .tenancy import installed

EVENTS = "node-problem-detector"
"""The system that collects events on ACK."""

ENGINES = {"ray": "kuberay", "spark": "spark-operator"}
"""Kinds of jobs whose engines write logs of their own, with the system that runs them."""


def log_plan(environment: Environment, stack: str) -> LogPlan | None:
    """What a valid environment collects, None for nothing."""
    logged = logged_of(environment, stack)
    if not environment.logs.enabled or logged.collector is None:
        return None
    return plan_logs(environment.logs, logged)


def logged_of(environment: Environment, stack: str) -> Logged:
    """What there is to collect."""
    cloud = environment.flavor == "ack"
    systems = installed(environment)
    owned = {space for name, args in environment.tenants.items() for space in args.namespaces_of(name)}
    unowned = {space for args in environment.job_classes.values() for space in args.namespaces} - owned
    engines = [kind for kind, system in ENGINES.items() if system in systems]
    nobodys = LoggedTenant("", dict.fromkeys(sorted(unowned), engines), environment.logs.business.retention_days, False)
    return Logged(
        flavor=environment.flavor,
        systems=systems,
        tenants={
            **({"": nobodys} if unowned else {}),
            **{
                name: LoggedTenant(
                    id=args.id_of(name),
                    namespaces={space: namespace.jobs for space, namespace in args.namespaces_of(name).items()},
                    retention_days=args.logs.retention_days,
                    keep=args.removal == "keep",
                )
                for name, args in environment.tenants.items()
            },
        },
        project=f"{environment.name(stack)}-logs" if cloud else "",
        region=environment.region if cloud else "",
        others=_others(environment, systems) if cloud else {},
        serverless=cloud and environment.serverless.maximum_pods > 0,
        runbooks=environment.observability.runbooks,
    )


def _others(environment: Environment, systems: Mapping[str, str]) -> Mapping[str, int | None]:
    """Stores that ACK makes in the cluster's log project. The vendor's pages differ in the names of control-plane
    stores, and none says for how long audit entries are kept."""
    cluster = environment.cluster
    return {
        **({EVENT_STORE: EVENT_DAYS} if EVENTS in systems else {}),
        **({f"audit-{CLUSTER_ID}": None} if cluster.audit_log else {}),
        **{f"{component}-{CLUSTER_ID}": cluster.log_retention_days for component in cluster.control_plane_logs},
    }


def log_stores(plan: LogPlan | None) -> Mapping[str, StorePlan]:
    """The stores of what tenants' programs write, by tenant, which tenants make."""
    stores = plan.stores if plan is not None and plan.logged.flavor == "ack" else ()
    return {store.tenant: store for store in stores if store.kind == "business" and store.tenant}


def log_collection_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    """What is wrong with what an environment says of logs."""
    said, logged = environment.logs, logged_of(environment, stack)
    by_kind = environment.usage.log_gb_per_day_by_kind
    whole = environment.usage.log_gb_per_day
    if whole is not None and sum(by_kind.values()) > whole:
        message = f"less than the kinds under logGbPerDayByKind together, {sum(by_kind.values()):g}"
        yield Problem("usage.logGbPerDay", whole, message)
    if not said.enabled or logged.collector is None:
        # Tenants have stores, and may read them, all the same.
        yield from (problem.under("logs") for problem in store_name_problems(logged))
    if not said.enabled:
        return
    if logged.collector is None:
        if said.model_fields_set:
            names = sorted(COLLECTORS[environment.flavor])
            needed = f"{LOKI} and {names[0]}" if environment.flavor == "upstream" else " or ".join(names)
            yield Problem("logs", None, f"has no effect: nothing collects logs; add systems {needed}, or remove it")
        return
    yield from (problem.under("logs") for problem in log_problems(said, logged))


def store_volumes(environment: Environment, plan: LogPlan) -> Mapping[str, float]:
    """GB a day that are written into each store, by what is stated of its kind."""
    volumes: dict[str, float] = {}
    for kind, amount in environment.usage.log_gb_per_day_by_kind.items():
        names = [store.name for store in plan.own_stores if store.kind == kind]
        volumes |= {name: amount / len(names) for name in names}
    return volumes
