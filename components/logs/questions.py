"""What is asked of logs: alarms, and queries that are kept at hand.

Each alarm has a query for Log Service and one for Loki. Phrases are not used: alarms of Log Service refuse them (its
page on limits, 2026-02-27). In double quotes several words must all be there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from .args import KINDS, LogAlarmName, LogsArgs, Severity
from .formats import ERROR_LEVELS
from .planning import EVENT_STORE, NAMESPACE, PLATFORM_STORE, LogPlan, StorePlan


def counted(field: str = NAMESPACE) -> str:
    """Entries by namespace. field: where they have it."""
    return f'SELECT "{field}" AS namespace, COUNT(*) AS entries GROUP BY "{field}" ORDER BY entries DESC LIMIT 100'


ERRORS = "(" + " or ".join(f"{key}: {level}" for key in ("level", "levelname") for level in ERROR_LEVELS) + ")"


@dataclass(frozen=True)
class LogAlarm:
    """An alarm on the entries of stores of some kinds.

    search: what Log Service looks for; line: the same as an expression of Loki's, "" for the level; threshold: how
    many entries in `minutes`; silence: whether it is about there being fewer; meaning, steps: its runbook.
    """

    name: LogAlarmName
    title: str
    kinds: Sequence[str]
    search: str
    line: str
    threshold: int
    minutes: int
    severity: Severity
    meaning: str
    steps: Sequence[str]
    silence: bool = False

    @property
    def owner(self) -> Literal["platform", "tenant"]:
        """Whose it is to look at it."""
        return "platform" if self.silence else "tenant"

    @property
    def by_namespace(self) -> bool:
        """Whether each namespace is looked at by itself: of silence nothing is left to group."""
        return not self.silence

    def query(self, namespace: str = NAMESPACE) -> str:
        """As Log Service is asked. namespace: the field in which entries have theirs."""
        return f"{self.search} | {counted(namespace) if self.by_namespace else 'SELECT COUNT(*) AS entries'}"

    @property
    def condition(self) -> str:
        """When it is raised, by the columns of the query."""
        return f"entries {'<' if self.silence else '>='} {self.threshold}"


LOG_ALARMS: Mapping[LogAlarmName, LogAlarm] = {
    alarm.name: alarm
    for alarm in (
        LogAlarm(
            name="ErrorsSpike",
            title="Many errors in logs",
            kinds=("business", "engine"),
            search=ERRORS,
            line="",
            threshold=100,
            minutes=15,
            severity="warning",
            meaning="Jobs of a namespace write errors, by the level that their lines tell, far more often than usual.",
            steps=(
                "Which logger? Open the chart Who writes most of the tenant's dashboard, or `sum by (logger)` in Loki.",
                "One job: tell its owner; `make links` gives the addresses of its metrics. All jobs: did a bucket, a "
                "cache or the registry fail at that time? Look at the dashboard Platform.",
                "A program that is always loud: raise `logs.alarms.ErrorsSpike.threshold`.",
            ),
        ),
        LogAlarm(
            name="OutOfMemory",
            title="Out of memory in logs",
            kinds=("business", "engine"),
            search=(
                "(OutOfMemoryError or OOM or OOMKilled or MemoryError or _ArrayMemoryError or bad_alloc or "
                '"out of memory" or "Cannot allocate memory")'
            ),
            line=(
                r"(?i)\b(OutOfMemoryError|OOM|OOMKilled|MemoryError|_ArrayMemoryError|bad_alloc)\b|out of memory|"
                "cannot allocate memory"
            ),
            threshold=1,
            minutes=15,
            severity="warning",
            meaning="A program says that it had no memory left: the process's, Java's heap, or the GPU's.",
            steps=(
                "CUDA out of memory: a smaller batch, or more GPUs; the pod's memory has no part in it.",
                "Java heap space, or Ray's OOM: more memory for executors or workers, or fewer tasks at once.",
                "WorkerOutOfMemory, too? The pod itself was killed: raise its memory limit.",
            ),
        ),
        LogAlarm(
            name="Tracebacks",
            title="Many tracebacks in logs",
            kinds=("business",),
            search="Traceback",
            line=r"(?i)\bTraceback\b",
            threshold=20,
            minutes=15,
            severity="info",
            meaning="Programs of a namespace raise exceptions again and again.",
            steps=(
                "Open the chart Tracebacks by namespace; each entry has its whole trace, its pod and its job.",
                "The same in each pod: the program or its input. In one pod only: its node.",
            ),
        ),
        LogAlarm(
            name="GpuErrors",
            title="Errors of GPUs or NCCL in logs",
            kinds=("business",),
            search='("CUDA error" or "NCCL error" or "NCCL WARN" or ncclSystemError or ncclUnhandledCudaError)',
            line=r"(?i)CUDA error|NCCL error|NCCL WARN|\b(ncclSystemError|ncclUnhandledCudaError)\b",
            threshold=1,
            minutes=15,
            severity="warning",
            meaning="A program met an error of CUDA, or its ranks could not talk to each other.",
            steps=(
                "GpuError at the same time? Then it is the hardware: follow that runbook.",
                "NCCL: which rank says it first? Look at that rank's pod and node, and at its network.",
                "Illegal memory access and device-side asserts are errors of the program.",
            ),
        ),
        LogAlarm(
            name="CollectionSilent",
            title="No logs arrive",
            kinds=("platform",),
            search="*",
            line="",
            threshold=1,
            minutes=60,
            severity="critical",
            # Operators always write something; jobs do not, so that silence of theirs says nothing.
            silence=True,
            meaning="Nothing was collected for an hour, not even from operators, which always write.",
            steps=(
                "Does the collector run on the nodes? ACK: `kubectl -n kube-system get pods | grep loongcollector`; "
                "elsewhere the pods of `alloy` and `loki`.",
                "ACK: `kubectl get clusteraliyunpipelineconfigs -o yaml`: does their status tell of an error?",
                "Its role may have lost the right to write, or the project its quota: look for errors in its own logs.",
            ),
        ),
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
    SavedQuery("errors", "Errors by namespace", f"{ERRORS} | {counted()}", KINDS),
    SavedQuery(
        "loggers",
        "Who writes most",
        "* | SELECT logger, level, COUNT(*) AS entries GROUP BY logger, level ORDER BY entries DESC LIMIT 50",
        KINDS,
    ),
    SavedQuery("tracebacks", "Tracebacks by namespace", f"Traceback | {counted()}", ("business",)),
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
    for name, alarm in LOG_ALARMS.items():
        said = plan.args.alarms.get(name)
        if said is not None and not said.enabled:
            continue
        if not plan.args.structured and name == "ErrorsSpike":
            continue
        update = said.model_dump(exclude={"enabled"}, exclude_none=True) if said else {}
        found.append(replace(alarm, **update))
    return found


def runbook(alarm: LogAlarm, plan: LogPlan) -> str:
    """Address of what to do."""
    return f"{plan.logged.runbooks}#{alarm.name.lower()}"


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
        job = store.kind in ("business", "engine")
        key = plan.logged.tenants[store.tenant].store if job else PLATFORM_STORE
        found.setdefault(key, []).extend(
            (store, query)
            for query in saved_queries(plan.args)
            if store.kind in query.kinds and (store.ours or store.name == EVENT_STORE or store.kind == "audit")
        )
    return {key: queries for key, queries in found.items() if queries}
