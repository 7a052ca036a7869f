"""What is asked of logs: alarms, and queries that are kept at hand.

Each alarm has a query for Log Service and one for Loki. Phrases are not used: alarms of Log Service refuse them (its
page on limits, 2026-02-27). In double quotes several words must all be there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .args import KINDS, LogAlarmName, LogsArgs, Severity
from .formats import ERROR_LEVELS
from .planning import EVENT_STORE, LogPlan, StorePlan

NAMESPACE = '"__tag__:_namespace_"'
COUNTED = f"SELECT {NAMESPACE} AS namespace, COUNT(*) AS entries GROUP BY {NAMESPACE} ORDER BY entries DESC LIMIT 100"
ERRORS = "(" + " or ".join(f"{key}: {level}" for key in ("level", "levelname") for level in ERROR_LEVELS) + ")"


@dataclass(frozen=True)
class LogAlarm:
    """An alarm on the entries of stores of some kinds.

    search: what Log Service looks for; line: the same as an expression of Loki's, "" for the level; threshold: how
    many entries in `minutes`; silence: whether it is about there being fewer.
    """

    name: LogAlarmName
    title: str
    kinds: Sequence[str]
    search: str
    line: str
    threshold: int
    minutes: int
    severity: Severity
    silence: bool = False

    @property
    def by_namespace(self) -> bool:
        """Whether each namespace is looked at by itself: of silence nothing is left to group."""
        return not self.silence

    @property
    def query(self) -> str:
        """As Log Service is asked."""
        return f"{self.search} | {COUNTED if self.by_namespace else 'SELECT COUNT(*) AS entries'}"

    @property
    def condition(self) -> str:
        """When it is raised, by the columns of the query."""
        return f"entries {'<' if self.silence else '>='} {self.threshold}"


ALARMS: Mapping[LogAlarmName, LogAlarm] = {
    alarm.name: alarm
    for alarm in (
        LogAlarm("ErrorsSpike", "Many errors in logs", ("business", "engine"), ERRORS, "", 100, 15, "warning"),
        LogAlarm(
            "OutOfMemory",
            "Out of memory in logs",
            ("business", "engine"),
            '(OutOfMemoryError or OOM or OOMKilled or "out of memory")',
            r"OutOfMemoryError|\bOOM\b|OOMKilled|out of memory",
            1,
            15,
            "warning",
        ),
        LogAlarm("Tracebacks", "Many tracebacks in logs", ("business",), "Traceback", "Traceback", 20, 15, "info"),
        LogAlarm(
            "GpuErrors",
            "Errors of GPUs or NCCL in logs",
            ("business",),
            '("CUDA error" or "NCCL error" or "NCCL WARN" or ncclSystemError or ncclUnhandledCudaError)',
            "CUDA error|NCCL error|NCCL WARN|ncclSystemError|ncclUnhandledCudaError",
            1,
            15,
            "warning",
        ),
        # Operators always write something; jobs do not, so that silence of theirs says nothing.
        LogAlarm("CollectionSilent", "No logs arrive", ("platform",), "*", "", 1, 60, "critical", silence=True),
    )
}


@dataclass(frozen=True)
class SavedQuery:
    """A query that is kept at hand."""

    name: str
    title: str
    query: str
    kinds: Sequence[str]


QUERIES: Sequence[SavedQuery] = (
    SavedQuery("errors", "Errors by namespace", f"{ERRORS} | {COUNTED}", KINDS),
    SavedQuery(
        "loggers",
        "Who writes most",
        "* | SELECT logger, level, COUNT(*) AS entries GROUP BY logger, level ORDER BY entries DESC LIMIT 50",
        KINDS,
    ),
    SavedQuery("tracebacks", "Tracebacks by namespace", f"Traceback | {COUNTED}", ("business",)),
    SavedQuery(
        "ranks",
        "Errors by rank of distributed training",
        f"{ERRORS} and rank: * | SELECT rank, COUNT(*) AS entries GROUP BY rank ORDER BY entries DESC LIMIT 100",
        ("business",),
    ),
    SavedQuery(
        "warnings",
        "Warnings by object",
        'level: Warning or level: Error | SELECT "eventId.metadata.namespace" AS namespace, '
        '"eventId.involvedObject.kind" AS kind, "eventId.involvedObject.name" AS name, COUNT(*) AS entries '
        "GROUP BY namespace, kind, name ORDER BY entries DESC LIMIT 100",
        ("events",),
    ),
    # Kubernetes' audit entries; that the store's own index has these fields is UNCONFIRMED.
    SavedQuery("deletions", "What was deleted", "verb: delete", ("audit",)),
)
"""Queries of `k8s-event` are of the vendor's samples."""


def log_alarms(plan: LogPlan) -> list[LogAlarm]:
    """The alarms as the user wants them, of what can be asked: lines as they are tell no level."""
    found: list[LogAlarm] = []
    for name, alarm in ALARMS.items():
        said = plan.args.alarms.get(name)
        if said is not None and not said.enabled:
            continue
        if not plan.args.structured and name == "ErrorsSpike":
            continue
        update = said.model_dump(exclude={"enabled"}, exclude_none=True) if said else {}
        found.append(replace(alarm, **update))
    return found


def alarms_of(plan: LogPlan) -> list[tuple[LogAlarm, StorePlan]]:
    """Each alarm with each store that it is about."""
    filled = {pipeline.store for pipeline in plan.pipelines}
    return [
        (alarm, store)
        for store in plan.own_stores
        for alarm in log_alarms(plan)
        if store.kind in alarm.kinds and store.name in filled
    ]


def saved_queries(args: LogsArgs) -> list[SavedQuery]:
    """The default queries and the user's."""
    own = [SavedQuery(name, said.title, said.query, said.kinds) for name, said in args.saved_queries.items()]
    names = {query.name for query in own}
    return [*(query for query in QUERIES if query.name not in names), *own]


def queries_of(plan: LogPlan) -> dict[str, list[tuple[StorePlan, SavedQuery]]]:
    """Queries with their stores, by dashboard: one for each tenant, and one for the platform."""
    found: dict[str, list[tuple[StorePlan, SavedQuery]]] = {}
    if plan.logged.flavor == "upstream" or not plan.args.structured:
        return found
    for store in plan.stores:
        key = f"tenant-{plan.logged.tenants[store.tenant].id}" if store.tenant else "platform"
        found.setdefault(key, []).extend(
            (store, query)
            for query in saved_queries(plan.args)
            if store.kind in query.kinds and (store.ours or store.name == EVENT_STORE or store.kind == "audit")
        )
    return {key: queries for key, queries in found.items() if queries}
