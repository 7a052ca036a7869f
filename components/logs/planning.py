"""Decides where logs go: stores, the pipelines that fill them, and what is asked of them.

Labels of pods: `ray.io/is-ray-node` of ray-project/kuberay@v1.7.0, ray-operator/controllers/ray/utils/constant.go;
`spark-role` of kubeflow/spark-operator, pkg/common/spark.go. Ray's files: ray-project/ray@0198336
doc/source/ray-observability/user-guides/configure-logging.md. All read in November 2026.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..inputs import InvalidInput, Problem
from ..platform.args import Flavor
from .args import Kind, LogKindArgs, LogsArgs
from .formats import FORMATS

Collector = Literal["loongcollector", "logtail", "alloy"]
Stream = Literal["stdout", "stderr"]
StoreKind = Literal["business", "engine", "platform", "network", "events", "audit", "control plane"]
STREAMS: Sequence[Stream] = ("stdout", "stderr")

COLLECTORS: Mapping[Flavor, Mapping[str, Collector]] = {
    "ack": {"logs": "loongcollector", "logtail": "logtail"},
    "upstream": {"alloy": "alloy"},
}
"""Systems that collect logs, by flavour."""

LOKI = "loki"
"""The system that keeps logs upstream."""

PLATFORM_STORE = "platform"
NETWORK_STORE = "network"
JOBS_STORE = "jobs"

CLUSTER_ID = "<cluster id>"
"""What stands for the cluster's id, which the cloud alone knows, in the names of stores that ACK makes."""

EVENT_STORE, EVENT_DAYS = "k8s-event", 90
"""Store that ACK's node problem detector makes for events, and the days for which they are free. Sources: vendor SDK
samples of built-in alerts; SLS page on the event center, 2026-03-26."""

RAY = {"ray.io/is-ray-node": "yes"}
SPARK = {"spark-role": ""}
"""Labels of pods; an empty value stands for any."""

RAY_FILES = "/tmp/ray/session_2*/logs/"  # noqa: S108
"""Where Ray writes. Its name holds when the session began, so that the link `session_latest` is not read again."""

RAY_DUMPS = "debug_state*"
"""Files that Ray writes anew every ten seconds on every node, `debug_state.txt` and `debug_state_gcs.txt`: all would
be collected each time. Source: ray-project/ray, gcs_server.cc, DumpDebugStateToFile; ray_config_def.h,
debug_dump_period_milliseconds."""

JOB_LABELS: Mapping[str, str] = {"ray.io/cluster": "ray_cluster", "sparkoperator.k8s.io/app-name": "spark_application"}
"""Labels of pods that tell the job, with the names under which entries have them."""

TAGS = ("_namespace_", "_pod_name_", "_container_name_", *JOB_LABELS.values())
"""What collectors say of the pod. Source: alibaba/loongcollector@f02d980 core/constants/TagConstants.cpp."""

NAMESPACE, PLAIN_NAMESPACE = "__tag__:_namespace_", "_namespace_"
"""Where entries have their namespace. Logtail's plugin for containers puts it beside what they say, and not among tags.
Source: alibaba/loongcollector@f02d980 plugins/input/docker/stdout/docker_stdout_processor.go, newRawLog."""

RAY_JSON = ("levelname", "name", "job_id", "task_id", "task_name", "actor_id", "worker_id", "node_id")
SPARK_JSON = ("msg", "ts")
"""Fields of JSON. Sources: Ray's page on logging; apache/spark SparkLayout.json@c865c09."""


@dataclass(frozen=True)
class LoggedTenant:
    """A tenant whose logs are collected, or the jobs that belong to none.

    id: what its names are made of, "" for those of none; namespaces: with the kinds of jobs that run in each;
    retention_days: of what its programs write; keep: whether logs outlive the tenant.
    """

    id: str
    namespaces: Mapping[str, Sequence[str]]
    retention_days: int
    keep: bool = True

    @property
    def store(self) -> str:
        """The store of what its programs write; pipelines and further stores have its name in front."""
        return f"tenant-{self.id}" if self.id else JOBS_STORE


@dataclass(frozen=True)
class Logged:
    """What there is to collect.

    systems: those that run, with their namespaces; tenants: by name, "" for jobs that belong to none; project: Log
    Service's, "" upstream; others: stores that ACK makes in it, with the days for which they are kept, None for what
    is not ours to say; serverless: whether jobs may run on serverless pods; runbooks: address of their page.
    """

    flavor: Flavor
    systems: Mapping[str, str]
    tenants: Mapping[str, LoggedTenant] = field(default_factory=dict[str, LoggedTenant])
    project: str = ""
    region: str = ""
    others: Mapping[str, int | None] = field(default_factory=dict[str, int | None])
    serverless: bool = False
    runbooks: str = "docs/runbooks.md"

    @property
    def collector(self) -> Collector | None:
        """What collects; None where nothing does."""
        found: list[Collector] = [
            collector for system, collector in COLLECTORS[self.flavor].items() if system in self.systems
        ]
        if self.flavor == "upstream" and LOKI not in self.systems:
            return None
        return found[0] if found else None


@dataclass(frozen=True)
class StorePlan:
    """Where logs are kept: a store of Log Service, or what has one retention in Loki.

    tenant: "" for the platform's and for jobs of no tenant; hot_days: None for all; fields: those that can be
    searched, with their types; ours: False for those that ACK makes; keep: whether it outlives who it belongs to.
    """

    name: str
    kind: StoreKind
    tenant: str
    retention_days: int | None
    hot_days: int | None = None
    fields: Mapping[str, Literal["text", "json"]] = field(default_factory=dict[str, Literal["text", "json"]])
    ours: bool = True
    keep: bool = False


@dataclass(frozen=True)
class Pipeline:
    """One way of entries into a store.

    format: of `FORMATS`, "" for lines as they are; streams: of containers, or path: of files in them; included,
    excluded: labels of pods, of which one is enough; only: whose entries are kept, by their logger; shared: whether
    another pipeline reads the same containers.
    """

    name: str
    kind: Kind
    tenant: str
    namespaces: Sequence[str]
    store: str
    format: str = ""
    streams: Sequence[Stream] = ()
    path: str = ""
    excluded_files: Sequence[str] = ()
    included: Mapping[str, str] = field(default_factory=dict[str, str])
    excluded: Mapping[str, str] = field(default_factory=dict[str, str])
    only: Literal["", "spark", "program"] = ""
    shared: bool = False

    @property
    def source(self) -> str:
        """Where entries come from, in words."""
        what = f"files {self.path}" if self.path else " and ".join(self.streams)
        labels = [f"pods with {key}" for key in self.included] + [f"no pods with {key}" for key in self.excluded]
        return ", ".join([what, *labels])


@dataclass(frozen=True)
class LogPlan:
    """What is collected in an environment, and where it goes."""

    args: LogsArgs
    logged: Logged
    collector: Collector
    stores: Sequence[StorePlan]
    pipelines: Sequence[Pipeline]

    @property
    def own_stores(self) -> list[StorePlan]:
        """Those that are made here, by the tenants or the platform."""
        return [store for store in self.stores if store.ours]

    @property
    def namespace(self) -> str:
        """The field in which entries have their namespace, in Log Service."""
        return namespace_field(self.logged)

    def kind_args(self, kind: Kind) -> LogKindArgs:
        """What is said of one kind."""
        return kind_args(self.args, kind)


def kind_args(args: LogsArgs, kind: Kind) -> LogKindArgs:
    """What is said of one kind."""
    kinds: Mapping[Kind, LogKindArgs] = {"business": args.business, "engine": args.engine, "platform": args.platform}
    return kinds[kind]


def namespace_field(logged: Logged) -> str:
    """The field in which entries have their namespace, in Log Service."""
    return PLAIN_NAMESPACE if logged.collector == "logtail" else NAMESPACE


def plan_logs(args: LogsArgs, logged: Logged) -> LogPlan:
    """Decide where logs go. Raises `InvalidInput` with all problems; paths are relative to `logs`."""
    problems = log_problems(args, logged)
    if problems or logged.collector is None:
        raise InvalidInput(problems)
    pipelines = [each for each in _pipelines(args, logged, logged.collector) if kind_args(args, each.kind).enabled]
    return LogPlan(args, logged, logged.collector, [*_stores(args, logged)], pipelines)


def tenant_store(args: LogsArgs, name: str, tenant: LoggedTenant, plain: Mapping[str, Literal["text"]]) -> StorePlan:
    """The store of what a tenant's programs write. plain: fields of lines as they are."""
    return StorePlan(
        tenant.store,
        "business",
        name,
        tenant.retention_days,
        args.business.hot_days,
        _fields(("python", "spark")) if args.structured else plain,
        keep=tenant.keep,
    )


def _stores(args: LogsArgs, logged: Logged) -> Iterator[StorePlan]:
    # Alarms count by it: what has no index cannot be asked for.
    plain: Mapping[str, Literal["text"]] = {namespace_field(logged): "text"}
    for name, tenant in logged.tenants.items():
        yield tenant_store(args, name, tenant, plain)
        if args.structured and args.engine.enabled and _engines(tenant):
            yield StorePlan(
                f"{tenant.store}-engine",
                "engine",
                name,
                args.engine.retention_days,
                args.engine.hot_days,
                _fields(("ray", "spark")),
                keep=tenant.keep,
            )
    if args.platform.enabled:
        fields = _fields(("operator",)) if args.structured else plain
        days, hot = args.platform.retention_days, args.platform.hot_days
        yield StorePlan(PLATFORM_STORE, "platform", "", days, hot, fields)
    if logged.flavor == "upstream":
        if args.events.enabled:
            yield StorePlan("events", "events", "", args.events.retention_days)
        return
    if args.network.enabled:
        yield StorePlan(NETWORK_STORE, "network", "", args.network.retention_days)
    for name, days in logged.others.items():
        kind = "events" if name == EVENT_STORE else "audit" if name.startswith("audit-") else "control plane"
        yield StorePlan(name, kind, "", days, ours=False)


def _engines(tenant: LoggedTenant) -> set[str]:
    """Engines that run for a tenant."""
    return {kind for kinds in tenant.namespaces.values() for kind in kinds if kind in ("ray", "spark")}


def _fields(formats: Sequence[str]) -> dict[str, Literal["text", "json"]]:
    """What can be searched by name in entries of some formats."""
    names = [f"__tag__:{tag}" for tag in TAGS]
    names += [name for key in formats for name in FORMATS[key].fields()]
    names += ["content", *RAY_JSON, *SPARK_JSON]
    nested = {name for key in formats for name in FORMATS[key].nested}
    return {**dict.fromkeys(sorted({*names}), "text"), **dict.fromkeys(sorted(nested), "json")}


def _pipelines(args: LogsArgs, logged: Logged, collector: Collector) -> Iterator[Pipeline]:
    for name, tenant in logged.tenants.items():
        if not args.structured:
            yield _plain(tenant.store, "business", name, sorted(tenant.namespaces))
        elif collector == "alloy":
            yield from _alloy_pipelines(name, tenant)
        else:
            yield from _tenant_pipelines(name, tenant)
    platform = sorted({*logged.systems.values()})
    if not args.structured or collector == "alloy":
        form = "operator" if args.structured else ""
        yield Pipeline(PLATFORM_STORE, "platform", "", platform, PLATFORM_STORE, form, STREAMS)
    else:
        for stream in STREAMS:
            name = f"{PLATFORM_STORE}-{stream}"
            yield Pipeline(name, "platform", "", platform, PLATFORM_STORE, "operator", (stream,), shared=True)


def _plain(store: str, kind: Kind, tenant: str, namespaces: Sequence[str]) -> Pipeline:
    return Pipeline(store, kind, tenant, namespaces, store, streams=STREAMS)


def _tenant_pipelines(name: str, tenant: LoggedTenant) -> Iterator[Pipeline]:
    """Those of LoongCollector: one for each stream, as lines of two would be mixed up in traces.

    Source: alibaba/loongcollector@f02d980 core/plugin/input/InputContainerStdio.cpp.
    """
    store, engine = tenant.store, f"{tenant.store}-engine"
    spaces, ray, spark = sorted(tenant.namespaces), _running("ray", tenant), _running("spark", tenant)
    for stream in STREAMS:
        # Spark itself writes to stderr, programs to both.
        excluded = RAY if stream == "stdout" else {**RAY, **SPARK}
        part = f"{store}-{stream}"
        yield Pipeline(part, "business", name, spaces, store, "python", (stream,), excluded=excluded, shared=True)
    if spark:
        program = Pipeline(
            f"{store}-spark", "business", name, spark, store, "spark", ("stderr",), included=SPARK, only="program"
        )
        yield replace(program, shared=True)
        part = f"{store}-spark-engine"
        yield replace(program, name=part, kind="engine", store=engine, only="spark", shared=True)
    if ray:
        programs = ("worker-*", "job-driver-*")
        yield Pipeline(f"{store}-ray", "engine", name, ray, engine, "", STREAMS, included=RAY)
        yield Pipeline(
            f"{store}-ray-engine",
            "engine",
            name,
            ray,
            engine,
            "ray",
            path=f"{RAY_FILES}*.*",
            excluded_files=(*programs, RAY_DUMPS),
            included=RAY,
        )
        for part, path in zip(("workers", "drivers"), programs, strict=True):
            yield Pipeline(
                f"{store}-ray-{part}", "business", name, ray, store, "python", path=f"{RAY_FILES}{path}", included=RAY
            )


def _alloy_pipelines(name: str, tenant: LoggedTenant) -> Iterator[Pipeline]:
    """Those of Alloy, which reads both streams of containers as one, and no files in them."""
    store = tenant.store
    spaces, ray, spark = sorted(tenant.namespaces), _running("ray", tenant), _running("spark", tenant)
    # What is apart stands in front: a tenant may be called as another with something behind.
    yield Pipeline(store, "business", name, spaces, store, "python", STREAMS, excluded={**RAY, **SPARK})
    if spark:
        yield Pipeline(f"spark-{store}", "business", name, spark, store, "spark", STREAMS, included=SPARK)
    if ray:
        yield Pipeline(f"ray-{store}", "engine", name, ray, f"{store}-engine", "ray", STREAMS, included=RAY)


def _running(kind: str, tenant: LoggedTenant) -> list[str]:
    """Namespaces of a tenant in which one kind of jobs runs."""
    return sorted(space for space, kinds in tenant.namespaces.items() if kind in kinds)


def log_problems(args: LogsArgs, logged: Logged) -> list[Problem]:
    """What is wrong with what an environment says of logs; paths are relative to `logs`."""
    return [
        *_store_problems(args, logged),
        *store_name_problems(logged),
        *_collector_problems(args, logged),
        *_idle(args, logged),
    ]


def _store_problems(args: LogsArgs, logged: Logged) -> Iterator[Problem]:
    kept = {"engine": args.engine.retention_days, "platform": args.platform.retention_days}
    kept |= {
        f"tenant {name}" if name else "jobs of no tenant": tenant.retention_days
        for name, tenant in logged.tenants.items()
    }
    hot = dict.fromkeys(kept, args.business.hot_days)
    hot |= {"engine": args.engine.hot_days, "platform": args.platform.hot_days}
    for what, days in kept.items():
        hot_days = hot[what]
        if hot_days is not None and hot_days >= days:
            path = what if what in ("engine", "platform") else "business"
            message = f"must be fewer than the days for which logs of {what} are kept, {days}; or leave it out"
            yield Problem(f"{path}.hotDays", hot_days, message)


def store_name_problems(logged: Logged) -> Iterator[Problem]:
    """Tenants of which one's store has the name of another's engine logs, which jobs of that one may read even where
    none are collected."""
    ids = {tenant.id: name for name, tenant in logged.tenants.items() if name}
    for key, name in ids.items():
        if logged.flavor == "ack" and f"{key}-engine" in ids:
            other = ids[f"{key}-engine"]
            message = (
                f"jobs of {name} read the store tenant-{key}-engine, its engine logs, which is that of {other}; rename "
                "one of them"
            )
            yield Problem("", None, message)


def _collector_problems(args: LogsArgs, logged: Logged) -> Iterator[Problem]:
    if logged.collector == "logtail" and args.structured:
        message = (
            "logtail takes lines as they are: no traces in one entry, no fields, no files of Ray, no engine logs "
            "apart; set structured: false, or run systems.logs instead"
        )
        yield Problem("structured", True, message)
    for kind in ("business", "engine", "platform"):
        said = kind_args(args, kind)
        if logged.collector == "alloy" and said.hot_days is not None:
            yield Problem(f"{kind}.hotDays", said.hot_days, "has no effect upstream: Loki keeps all alike; remove it")
        if logged.flavor == "ack" and said.keep_percent is not None:
            message = "the collector on ACK draws no samples; use linesPerSecond or droppedLevels"
            yield Problem(f"{kind}.keepPercent", said.keep_percent, message)
        if args.structured:
            continue
        for key, value in (
            ("linesPerSecond", said.lines_per_second if logged.collector == "logtail" else None),
            ("droppedLevels", list(said.dropped_levels) or None),
        ):
            if value is not None:
                yield Problem(f"{kind}.{key}", value, "has no effect on lines as they are; remove it")
    if not args.structured and "ErrorsSpike" in args.alarms:
        message = "has no effect with structured: false, which tells no level of a line; remove it"
        yield Problem("alarms.ErrorsSpike", None, message)
    if not args.structured and "engine" in args.model_fields_set:
        yield Problem("engine", None, "has no effect with structured: false, which keeps all lines together; remove it")


def _idle(args: LogsArgs, logged: Logged) -> Iterator[Problem]:
    """What only the other flavour takes."""
    if logged.flavor == "ack":
        if "events" in args.model_fields_set:
            message = "has no effect on ACK, where systems.node-problem-detector collects and keeps events; remove it"
            yield Problem("events", None, message)
        return
    for key, alias in (("saved_queries", "savedQueries"), ("action_policy", "actionPolicy"), ("network", "network")):
        if key in args.model_fields_set:
            yield Problem(alias, None, "has no effect upstream, where there is no Log Service; remove it")
    if "file_time_zone" in args.model_fields_set:
        message = "has no effect upstream, where files in containers are not read; remove it"
        yield Problem("fileTimeZone", args.file_time_zone, message)


def log_notes(plan: LogPlan) -> list[str]:
    """What a platform engineer must know of what is not collected."""
    logged, notes = plan.logged, list[str]()
    ray = any("ray" in _engines(tenant) for tenant in logged.tenants.values())
    if plan.collector == "alloy" and ray:
        notes.append(
            "Files of Ray are not read: set RAY_LOG_TO_STDERR=1 in its pods to have them on stderr, as engine logs."
        )
    if plan.collector == "logtail":
        notes.append("Logtail keeps all of a tenant's lines together, engine logs among them.")
    if logged.serverless and plan.collector != "alloy":
        notes.append("That pipelines also read serverless pods, where no agent runs beside them, is UNCONFIRMED.")
    if any(store.hot_days for store in plan.own_stores):
        notes.append("The fewest hot days that Log Service takes are UNCONFIRMED: 7 by one page, 30 by another.")
    return notes
