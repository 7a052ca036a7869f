"""Decides which history servers there are, what each reads, and who may open it."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..identity import ROLE_NAME
from ..inputs import Problem, one_of
from ..platform.args import Flavor
from ..platform.planning import Placement
from ..storage import BucketArgs
from ..volumes import VolumeArgs, role_name_problems, volumes_problems
from .args import EventLogArgs, HistoryArgs, RayHistoryArgs, SparkHistoryArgs

SPARK_PORT = 18_080
"""Source: apache/spark @005f95e, docs/monitoring.md, `spark.history.ui.port`."""

RAY_PORT = 8080
"""Of Ray's history server, which knows no other. Source: ray-project/kuberay v1.7.0, historyserver, server.go."""

DASHBOARD_PORT = 8265
"""Of Ray's dashboard. Source: Ray 2.56.0, `ray start --help`."""

NO_TENANT = "platform"
"""What stands for the tenant of jobs that are no tenant's. No tenant may have this name."""

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

    name, id: of the tenant, "" for everybody; spark, ray: namespaces of its jobs; prefixes, ray_prefixes: its parts of
    buckets that Spark and Ray write, by the buckets' roles; people: its owners, engineers and viewers, such as
    `ram-user/1`.
    """

    name: str = ""
    id: str = ""
    spark: Sequence[str] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict[str, str])
    people: Sequence[str] = ()
    ray: Sequence[str] = ()
    ray_prefixes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class HistorySurroundings:
    """What history servers share a cluster with.

    name: first part of names in the cloud; buckets, bucket_names: by role; claims: those that are there already, as
    name and namespace; placement: where servers run. Name, region and buckets are of ACK alone.
    """

    flavor: Flavor
    name: str = ""
    buckets: Mapping[str, BucketArgs] = field(default_factory=dict[str, BucketArgs])
    writers: Sequence[Writer] = ()
    claims: Collection[tuple[str, str]] = ()
    placement: Placement = field(default_factory=Placement)
    region: str = ""
    bucket_names: Mapping[str, str] = field(default_factory=dict[str, str])


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
class RayServer:
    """One of Ray's history servers, with the dashboard before it.

    name, dashboard: of all that each is; tenant, namespaces, people, place: as Spark's; environment: variables that say
    where the logs are, of the server and of collectors; role, prefix: the RAM role with which it reads, and the part of
    the bucket that it may read, "" where it reads with keys.
    """

    name: str
    dashboard: str
    tenant: str
    namespaces: Sequence[str]
    people: Sequence[str]
    place: str
    environment: Mapping[str, str]
    role: str
    prefix: str

    @property
    def pod(self) -> str:
        """Name of the dashboard's pod, the one that people open."""
        return f"{self.dashboard}-0"


@dataclass(frozen=True)
class HistoryPlan:
    """All history servers.

    volumes: parts of buckets that servers and drivers mount, by the claims' names; without: tenants whose jobs have
    nowhere to write event logs, by engine.
    """

    args: HistoryArgs
    flavor: Flavor
    placement: Placement
    spark: Sequence[SparkServer]
    ray: Sequence[RayServer]
    volumes: Mapping[str, VolumeArgs]
    without: Mapping[str, Sequence[str]]

    def address(self, server: SparkServer | RayServer) -> str:
        """What people open, inside the cluster."""
        if isinstance(server, RayServer):
            return f"http://{server.dashboard}.{self.args.namespace}:{DASHBOARD_PORT}"
        return f"http://{server.name}.{self.args.namespace}:{SPARK_PORT}"

    def spark_of(self, namespace: str) -> SparkServer | None:
        """The server that shows the Spark jobs of a namespace."""
        return next((server for server in self.spark if namespace in server.namespaces), None)

    def ray_of(self, namespace: str) -> RayServer | None:
        """The server that shows the Ray jobs of a namespace."""
        return next((server for server in self.ray if namespace in server.namespaces), None)


def plan_history(args: HistoryArgs, around: HistorySurroundings) -> HistoryPlan:
    """Decide which servers there are; arguments and surroundings have been checked."""
    entries: dict[str, EventLogArgs | None] = {"Spark": args.spark, "Ray": args.ray}
    return HistoryPlan(
        args=args,
        flavor=around.flavor,
        placement=around.placement,
        spark=[] if args.spark is None else [*_spark(args.spark, around)],
        ray=ray_servers(args, around),
        volumes=spark_volumes(args, around),
        without={
            engine: missing
            for engine, said in entries.items()
            if said is not None
            and (missing := [w.name for w in around.writers if _jobs(w, said) and not _has_place(w, said, around)])
        },
    )


def _jobs(writer: Writer, args: EventLogArgs) -> Sequence[str]:
    """Namespaces of the jobs of an engine."""
    return writer.ray if isinstance(args, RayHistoryArgs) else writer.spark


def _prefixes(writer: Writer, args: EventLogArgs) -> Mapping[str, str]:
    return writer.ray_prefixes if isinstance(args, RayHistoryArgs) else writer.prefixes


def _has_place(writer: Writer, args: EventLogArgs, around: HistorySurroundings) -> bool:
    return around.flavor == "upstream" or args.bucket in _prefixes(writer, args)


def _shown(args: EventLogArgs, around: HistorySurroundings) -> list[Writer]:
    """Those whose jobs of an engine have a server."""
    return [writer for writer in around.writers if _jobs(writer, args) and _has_place(writer, args, around)]


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
            directory = place = args.directory.replace("{tenant}", writer.id or NO_TENANT)
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


def ray_servers(args: HistoryArgs, around: HistorySurroundings) -> list[RayServer]:
    """Ray's servers. Sources of the variables: ray-project/kuberay v1.7.0, historyserver/cmd and pkg/storage;
    aliyun/credentials-go, credentials/providers/oidc.go, for how to get a role's keys without leaving the region."""
    said = args.ray
    if said is None or (around.flavor == "upstream") != (said.store is not None):
        return []
    servers: list[RayServer] = []
    for writer in _shown(said, around):
        name = _named("ray-history", writer)
        if said.store is not None:
            part = f"{writer.id}/ray".lstrip("/")
            place = f"s3://{said.store.bucket}/{part}"
            environment = {
                "STORAGE_BACKEND": "s3",
                "S3_BUCKET": said.store.bucket,
                "S3_ENDPOINT": said.store.endpoint,
                "S3_REGION": said.store.region,
                "S3FORCE_PATH_STYLE": "true" if said.store.path_style else "false",
                "S3DISABLE_SSL": "true" if urlsplit(said.store.endpoint).scheme == "http" else "false",
            }
        else:
            part = f"{writer.ray_prefixes[said.bucket]}ray"
            place = f"{said.bucket}/{part}/"
            environment = {
                "STORAGE_BACKEND": "aliyunoss",
                "OSS_BUCKET": around.bucket_names.get(said.bucket, ""),
                "OSS_ENDPOINT": f"oss-{around.region}-internal.aliyuncs.com",
                "OSS_REGION": around.region,
                "ALIBABA_CLOUD_STS_REGION": around.region,
                "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true",
            }
        servers.append(
            RayServer(
                name=name,
                dashboard=_named("ray-dashboard", writer),
                tenant=writer.name,
                namespaces=sorted(writer.ray),
                people=writer.people,
                place=place,
                environment={**environment, "STORAGE_ROOT_DIR": part},
                role=f"{around.name}-{name}" if said.store is None else "",
                prefix=f"{part}/" if said.store is None else "",
            )
        )
    return servers


def ray_ports(args: RayHistoryArgs) -> list[int]:
    """Where a server must be able to go: to the API server, to a role's keys, and to its store.

    It may not go to heads of Ray (8265), whose running clusters v1.7.0 would show to whoever asks.
    """
    ports = {443, 6443}
    if args.store is not None:
        endpoint = urlsplit(args.store.endpoint)
        ports.add(endpoint.port or (80 if endpoint.scheme == "http" else 443))
    return sorted(ports)


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
    problems: list[Problem] = []
    if args.spark is not None:
        found = [*_flavor_problems(args.spark, around), *_spark_problems(args.spark, around)]
        if around.flavor == "ack":
            found += [*_bucket_problems(args.spark, around), *_volume_problems(args, around)]
        problems += [problem.under("spark") for problem in found]
    if args.ray is not None:
        found = [*_flavor_problems(args.ray, around), *_ray_problems(args, args.ray, around)]
        if around.flavor == "ack":
            found += _bucket_problems(args.ray, around)
        problems += [problem.under("ray") for problem in found]
    return problems


UPSTREAM_ALONE = (("claim", "claim"), ("directory", "directory"), ("store", "store"), ("secret", "secret"))
ACK_ALONE = (("retentionDays", "retention_days"), ("bucket", "bucket"))


def _flavor_problems(args: EventLogArgs, around: HistorySurroundings) -> Iterator[Problem]:
    for key, name in UPSTREAM_ALONE if around.flavor == "ack" else ACK_ALONE:
        value = getattr(args, name, None)
        if name in args.model_fields_set and value is not None:
            shown = None if key == "store" else value
            yield Problem(key, shown, f"has no effect with flavor: {around.flavor}; remove it")


def _spark_problems(args: SparkHistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    if not any(writer.spark or writer.name for writer in around.writers):
        yield Problem(
            "namespaces", list(args.namespaces), "must name the namespaces of Spark jobs: there are no tenants"
        )
    if around.flavor == "ack":
        return
    if (args.claim is None) == (args.directory is None):
        yield Problem("", None, "must name either a claim or a directory with the event logs")
    if args.secret is not None and args.directory is None:
        yield Problem("secret", args.secret, "is for a directory; a claim needs none")
    for name in re.findall(r"\{([^}]*)\}", args.directory or ""):
        if name != "tenant":
            yield Problem("directory", args.directory, f"{{{name}}} stands for nothing; allowed: {{tenant}}")
    several = [writer.name or NO_TENANT for writer in around.writers if writer.spark]
    if args.directory is not None and "{tenant}" not in args.directory and len(several) > 1:
        message = f"would show each of {', '.join(several)} the history of the others; put {{tenant}} in it"
        yield Problem("directory", args.directory, message)


def _ray_problems(history: HistoryArgs, args: RayHistoryArgs, around: HistorySurroundings) -> Iterator[Problem]:
    if not any(writer.ray or writer.name for writer in around.writers):
        message = "must name the namespaces of Ray jobs: there are no tenants"
        yield Problem("namespaces", list(args.namespaces), message)
    if around.flavor == "upstream":
        if args.store is None:
            yield Problem("store", None, "missing; flavor: upstream needs a bucket that speaks S3")
        return
    nobodys = [space for writer in around.writers if not writer.name for space in writer.ray]
    if nobodys:
        message = "are no tenant's, so that no RAM role lets their pods write event logs; make them a tenant's"
        yield Problem("namespaces", nobodys, message)
    for server in ray_servers(history, around):
        if not re.fullmatch(ROLE_NAME, server.role):
            yield Problem("", server.tenant, f"makes a role name {server.role}; at most 64 characters")


def _bucket_problems(args: EventLogArgs, around: HistorySurroundings) -> Iterator[Problem]:
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
