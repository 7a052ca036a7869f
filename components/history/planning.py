"""Decides which history servers there are, what each reads, and who may open it."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..inputs import Problem, one_of
from ..platform.args import Flavor
from ..platform.planning import Placement
from ..storage import BucketArgs
from ..volumes import VolumeArgs, role_name_problems, volumes_problems
from .args import HistoryArgs, SparkHistoryArgs

SPARK_PORT = 18_080
"""Source: apache/spark @005f95e, docs/monitoring.md, `spark.history.ui.port`."""

EVENTS_PATH = "/event-logs"
"""Where drivers and servers mount a directory of event logs."""

STORE_PATH = "/var/spark-history"
"""Where a server keeps what it has read."""

WRITER_OPTIONS = ("umask=000", "allow_other")
"""Options of ossfs for drivers, which run as whatever user their image says."""

COLD = ("Archive", "ColdArchive", "DeepColdArchive")
"""Storage classes of objects that must be restored before they can be read."""


@dataclass(frozen=True)
class Writer:
    """Those whose jobs write event logs into one directory: a tenant, or where there are none, everybody.

    name, id: of the tenant, "" for everybody; spark: namespaces of its Spark jobs; prefixes: its parts of buckets that
    Spark writes, by the buckets' roles; people: its owners, engineers and viewers, such as `ram-user/1`.
    """

    name: str = ""
    id: str = ""
    spark: Sequence[str] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict[str, str])
    people: Sequence[str] = ()


@dataclass(frozen=True)
class HistorySurroundings:
    """What history servers share a cluster with.

    name: first part of names in the cloud; buckets: by role; claims: those that are there already, as name and
    namespace; placement: where servers run. Name and buckets are of ACK alone.
    """

    flavor: Flavor
    name: str = ""
    buckets: Mapping[str, BucketArgs] = field(default_factory=dict[str, BucketArgs])
    writers: Sequence[Writer] = ()
    claims: Collection[tuple[str, str]] = ()
    placement: Placement = field(default_factory=Placement)


@dataclass(frozen=True)
class SparkServer:
    """One of Spark's history servers.

    name: of all that it is; tenant: "" for everybody's; namespaces: of its jobs; people: who may open it; directory:
    what it reads, as a URL; sub_path: the part of the claim that it reads, "" for all; claim: that it mounts, "" for
    none; place: where the logs are, for people; events: claim that drivers mount to write there, "" for none; options:
    of its Java machine.
    """

    name: str
    tenant: str
    namespaces: Sequence[str]
    people: Sequence[str]
    directory: str
    claim: str
    sub_path: str
    place: str
    events: str
    options: Sequence[str]

    @property
    def pod(self) -> str:
        """Name of its pod."""
        return f"{self.name}-0"


@dataclass(frozen=True)
class HistoryPlan:
    """All history servers.

    volumes: parts of buckets that servers and drivers mount, by the claims' names; without: tenants whose Spark jobs
    have nowhere to write event logs.
    """

    args: HistoryArgs
    flavor: Flavor
    placement: Placement
    spark: Sequence[SparkServer]
    volumes: Mapping[str, VolumeArgs]
    without: Sequence[str]

    def address(self, server: SparkServer) -> str:
        """Where a server is inside the cluster."""
        return f"http://{server.name}.{self.args.namespace}:{SPARK_PORT}"

    def spark_of(self, namespace: str) -> SparkServer | None:
        """The server that shows the Spark jobs of a namespace."""
        return next((server for server in self.spark if namespace in server.namespaces), None)


def plan_history(args: HistoryArgs, around: HistorySurroundings) -> HistoryPlan:
    """Decide which servers there are; arguments and surroundings have been checked."""
    said = args.spark
    found = [] if said is None else [*_spark(said, around)]
    return HistoryPlan(
        args=args,
        flavor=around.flavor,
        placement=around.placement,
        spark=found,
        volumes=spark_volumes(args, around),
        without=[] if said is None else [w.name for w in around.writers if w.spark and not _has_place(w, said, around)],
    )


def _has_place(writer: Writer, args: SparkHistoryArgs, around: HistorySurroundings) -> bool:
    return around.flavor == "upstream" or args.bucket in writer.prefixes


def _shown(args: SparkHistoryArgs, around: HistorySurroundings) -> list[Writer]:
    """Those whose Spark jobs have a server."""
    return [writer for writer in around.writers if writer.spark and _has_place(writer, args, around)]


def _named(first: str, writer: Writer) -> str:
    return f"{first}-{writer.id}" if writer.id else first


def _spark(args: SparkHistoryArgs, around: HistorySurroundings) -> Iterator[SparkServer]:
    for writer in _shown(args, around):
        name, events, claim, part = _named("spark-history", writer), "", "", ""
        directory = f"file://{EVENTS_PATH}"
        if around.flavor == "ack":
            claim, events = name, _named("spark-events", writer)
            place = f"{args.bucket}/{writer.prefixes[args.bucket]}spark/"
        elif args.directory is not None:
            directory = place = args.directory.replace("{tenant}", writer.name)
        else:
            claim, part = args.claim or "", f"{writer.id}/spark".lstrip("/")
            place = f"claim {claim}/{part}"
        yield SparkServer(
            name=name,
            tenant=writer.name,
            namespaces=sorted(writer.spark),
            people=writer.people,
            directory=directory,
            claim=claim,
            sub_path=part,
            place=place,
            events=events,
            options=spark_options(args, directory),
        )


def spark_options(args: SparkHistoryArgs, directory: str) -> list[str]:
    """Options of a server's Java machine.

    Source: apache/spark @005f95e, docs/monitoring.md, each key found in Spark 4.0.1, too. The cleaner stays off: it
    would have to write, and the bucket's rule deletes.
    """
    properties = {
        "spark.history.fs.logDirectory": directory,
        "spark.history.fs.update.interval": f"{args.update_seconds}s",
        "spark.history.fs.cleaner.enabled": "false",
        "spark.history.ui.port": f"{SPARK_PORT}",
        "spark.history.store.path": STORE_PATH,
        "spark.history.store.maxDiskUsage": f"{args.disk_gib}g",
    }
    if args.login is not None:
        login = args.login
        properties |= {
            "spark.ui.filters": login.filter,
            **{f"spark.{login.filter}.param.{name}": value for name, value in sorted(login.parameters.items())},
            "spark.history.ui.acls.enable": "true",
        }
        if login.admins:
            properties["spark.history.ui.admin.acls"] = ",".join(login.admins)
        if login.admin_groups:
            properties["spark.history.ui.admin.acls.groups"] = ",".join(login.admin_groups)
    return [f"-D{key}={value}" for key, value in properties.items()]


def spark_volumes(args: HistoryArgs, around: HistorySurroundings) -> dict[str, VolumeArgs]:
    """The parts of the bucket that servers read and drivers write, each with a RAM role for itself; on ACK alone."""
    if args.spark is None or around.flavor == "upstream" or args.spark.bucket not in around.buckets:
        return {}
    found: dict[str, VolumeArgs] = {}
    for writer in _shown(args.spark, around):
        common: dict[str, Any] = {
            "bucket": args.spark.bucket,
            "prefix": f"{writer.prefixes[args.spark.bucket]}spark/",
            "client": "ossfs",
        }
        found[_named("spark-history", writer)] = VolumeArgs(
            **common, mount_options=reader_options(args.spark.user), namespaces=[args.namespace]
        )
        found[_named("spark-events", writer)] = VolumeArgs(
            **common, access_mode="ReadWriteMany", mount_options=WRITER_OPTIONS, namespaces=sorted(writer.spark)
        )
    return found


def reader_options(user: int) -> list[str]:
    """Options of ossfs for a server: Spark closes its logs to other users, and their size changes while jobs run.

    Source: OSS page on common options of ossfs, 2026-03-20.
    """
    return [f"uid={user}", f"gid={user}", "umask=022", "allow_other", "max_stat_cache_size=0"]


def history_problems(args: HistoryArgs, around: HistorySurroundings) -> list[Problem]:
    """What is wrong with history servers; paths are below `history`."""
    if args.spark is None:
        return []
    problems = [*_flavor_problems(args.spark, around), *_writer_problems(args.spark, around)]
    if around.flavor == "ack":
        problems += _bucket_problems(args.spark, around)
        problems += _volume_problems(args, around)
    return [problem.under("spark") for problem in problems]


UPSTREAM_ALONE = (("claim", "claim"), ("directory", "directory"), ("secret", "secret"))
ACK_ALONE = (("retentionDays", "retention_days"), ("bucket", "bucket"))


def _flavor_problems(args: SparkHistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    ack = around.flavor == "ack"
    for key, name in UPSTREAM_ALONE if ack else ACK_ALONE:
        if name in args.model_fields_set and getattr(args, name) is not None:
            yield Problem(key, getattr(args, name), f"has no effect with flavor: {around.flavor}; remove it")
    if ack:
        return
    if (args.claim is None) == (args.directory is None):
        yield Problem("", None, "must name either a claim or a directory with the event logs")
    if args.secret is not None and args.directory is None:
        yield Problem("secret", args.secret, "is for a directory; a claim needs none")
    for name in re.findall(r"\{([^}]*)\}", args.directory or ""):
        if name != "tenant":
            yield Problem("directory", args.directory, f"{{{name}}} stands for nothing; allowed: {{tenant}}")
    several = [writer.name for writer in around.writers if writer.spark and writer.name]
    if args.directory is not None and "{tenant}" not in args.directory and len(several) > 1:
        message = f"would show each of {', '.join(several)} the history of the others; put {{tenant}} in it"
        yield Problem("directory", args.directory, message)


def _writer_problems(args: SparkHistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    if not any(writer.spark or writer.name for writer in around.writers):
        yield Problem(
            "namespaces", list(args.namespaces), "must name the namespaces of Spark jobs: there are no tenants"
        )


def _bucket_problems(args: SparkHistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    bucket = around.buckets.get(args.bucket)
    if bucket is None:
        yield Problem("bucket", args.bucket, one_of(args.bucket, around.buckets, "a bucket's role"))
        return
    kept = bucket.expire_after_days
    if kept is not None and kept < args.retention_days:
        message = f"longer than buckets.{args.bucket} keeps logs (expireAfterDays = {kept}); raise that or lower this"
        yield Problem("retentionDays", args.retention_days, message)
    for transition in bucket.transitions:
        if transition.storage_class in COLD and transition.after_days < args.retention_days:
            message = (
                f"buckets.{args.bucket} moves logs to {transition.storage_class} after {transition.after_days} days, "
                "where no server can read them; move them later, or to IA"
            )
            yield Problem("retentionDays", args.retention_days, message)


def _volume_problems(args: HistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    """What is wrong with the names of what is made."""
    volumes = spark_volumes(args, around)
    found = volumes_problems(volumes, {}, buckets=around.buckets, file_systems={})
    found += role_name_problems(volumes, around.name)
    for problem in found:
        yield Problem("", problem.value, f"{problem.path.removeprefix('volumes.')}: {problem.message}")
    for name, volume in volumes.items():
        for space in volume.namespaces:
            if (name, space) in around.claims:
                message = (
                    f"makes a claim {name} in {space}, which volumes or datasets make already; name theirs otherwise"
                )
                yield Problem("", name, message)
