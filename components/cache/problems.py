"""What is wrong with datasets: each in itself, beside what it names, and all together."""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from ..identity import LONGEST_POLICY, ROLE_NAME, document
from ..inputs import Problem, one_of
from ..platform.values import SECRET_KEY, secret_problems
from .args import DATASET_NAME, CachingArgs, DatasetArgs, DatasetMountArgs, LoadArgs, RuntimeKind
from .options import CONSISTENCY
from .planning import (
    DatasetPlan,
    DatasetSurroundings,
    candidates,
    data_of,
    kind_of,
    load_minutes,
    load_schedule,
    nodes_in,
    overhead,
    plan_datasets,
    readers_of,
    scaled_workers,
)
from .schedules import MINUTES_A_DAY, earlier, schedule_problem

SOURCES: Mapping[RuntimeKind, Sequence[str]] = {
    "jindo": ("bucket", "claim", "oss://", "s3://", "hdfs://"),
    "alluxio": ("bucket", "claim", "oss://", "s3://", "hdfs://", "http://", "https://"),
    "juicefs": ("juicefs://",),
    "thin": ("fileSystem",),
}
"""What each kind reads. Source: fluid-cloudnative/fluid v1.0.8, pkg/ddc; for `thin` the profile of addons/nfs."""

READ_ONLY = ("http://", "https://")
"""Sources that cannot be written."""

ONE_MOUNT = ("juicefs", "thin")
"""Kinds of which one mount alone is used."""

OF_KEYS = {"of", "directory", "description", "namespaces", "tenant", "readers"}
"""What a dataset that is a part of another says; the rest is that one's."""


LONGEST_LABEL = 62
"""Characters of the label by which Fluid names the nodes of a cache; of more it makes one of a UID, which nobody knows
before (v1.0.8, pkg/utils/label.go)."""

LONGEST: Mapping[str, tuple[int, int]] = {"loads": (46, 41), "processes": (43, 43), "migrations": (45, 36)}
"""Characters of `<dataset>-<operation>` at most, once and by a schedule: of it come a Helm release of 53 characters
with `-loader`, `-processor` and `-migrate`, and a CronJob of 52 with `-loader-job` and `-migrate-migrate` (fluid
v1.0.8, charts/fluid-dataloader, -dataprocess, -datamigrate)."""

LONGEST_EVENT = 8
"""Characters that a job may add to `<dataset>-event-`, at least."""


def datasets_problems(
    datasets: Mapping[str, DatasetArgs], caching: CachingArgs, around: DatasetSurroundings
) -> list[Problem]:
    """What is wrong with datasets, and where nothing is, with what is planned of them; paths begin with their names."""
    problems = [
        problem.under(name)
        for name, args in datasets.items()
        for problem in _own(name, args, datasets, caching, around)
    ]
    problems += [*_names(datasets, around), *_overlaps(datasets, around)]
    if problems:
        return problems
    plans = plan_datasets(datasets, caching, around)
    problems = [problem.under(name) for name, plan in plans.items() for problem in _plan_problems(plan, plans, around)]
    return [*problems, *_quotas(plans, around)]


def _own(
    name: str,
    args: DatasetArgs,
    datasets: Mapping[str, DatasetArgs],
    caching: CachingArgs,
    around: DatasetSurroundings,
) -> Iterator[Problem]:
    if not re.fullmatch(DATASET_NAME, name):
        yield Problem("", name, "not a name: 1 to 40 lowercase letters, digits and hyphens, a letter first")
    if len(f"fluid.io/s-{caching.namespace}-{name}") > LONGEST_LABEL:
        message = f"makes, with caching.namespace, a label of nodes of more than {LONGEST_LABEL} characters"
        yield Problem("", name, message)
    for index, space in enumerate(args.namespaces):
        if space in args.namespaces[:index]:
            yield Problem(f"namespaces[{index}]", space, "stands twice; name each namespace once")
        if space == caching.namespace:
            yield Problem(f"namespaces[{index}]", space, "is the namespace of the caches, where nothing else may run")
    if args.tenant is not None and args.tenant not in around.tenants:
        yield Problem("tenant", args.tenant, one_of(args.tenant, around.tenants, "a tenant"))
    if args.of is not None:
        yield from _part_problems(name, args, datasets)
        whole = datasets.get(args.of, args)
        where = {"zone": whole.zone, "cross_zone": whole.cross_zone}
        yield from _reader_problems(args.model_copy(update=where), around)
        return
    kind = kind_of(args, around.flavor)
    if not args.mounts:
        yield Problem("mounts", None, "missing; say where data come from, or of which dataset they are a part (of)")
        return
    for mount_name, mount in args.mounts.items():
        for problem in _mount_problems(mount, kind, args, around, caching):
            yield problem.under(f"mounts.{mount_name}")
    if kind in ONE_MOUNT and len(args.mounts) > 1:
        message = f"runtime {kind} has one mount; make a dataset of each, or take another kind"
        yield Problem("mounts", sorted(args.mounts), message)
    if args.size_gib is None and kind != "thin":
        yield Problem("sizeGib", None, "missing; a cache is as large as its data")
    yield from _credential_problems(args, kind, caching, around, name)
    yield from _consistency_problems(args, kind)
    yield from _runtime_problems(args, kind, around)
    yield from _reader_problems(args, around)
    yield from _operation_problems(name, args, kind)
    yield from _scaling_problems(args, kind, around)


def _part_problems(name: str, args: DatasetArgs, datasets: Mapping[str, DatasetArgs]) -> Iterator[Problem]:
    """What is wrong with a directory of another dataset."""
    aliases = {field: info.alias or field for field, info in DatasetArgs.model_fields.items()}
    for field in sorted(args.model_fields_set - OF_KEYS):
        yield Problem(aliases[field], None, f"is that of {args.of}, of which this is a part; remove it")
    whole = datasets.get(args.of or "")
    if whole is None or args.of == name:
        yield Problem("of", args.of, one_of(args.of or "", set(datasets) - {name}, "another dataset"))
        return
    if whole.of is not None:
        yield Problem("of", args.of, f"is itself a part of {whole.of}; name that one")
        return
    parts = [part for part in args.directory.split("/") if part]
    if not parts:
        yield Problem("directory", args.directory, f"is all of {args.of}; add the namespaces there instead")
    elif len(whole.mounts) > 1 and parts[0] not in whole.mounts:
        mounts = ", ".join(f"/{mount}" for mount in sorted(whole.mounts))
        yield Problem("directory", args.directory, f"is outside the mounts of {args.of}: it must be below {mounts}")


def _mount_problems(
    mount: DatasetMountArgs, kind: RuntimeKind, args: DatasetArgs, around: DatasetSurroundings, caching: CachingArgs
) -> Iterator[Problem]:
    stated = {
        "bucket": mount.bucket,
        "fileSystem": mount.file_system,
        "claim": mount.claim,
        "uri": mount.uri,
    }
    named = [key for key, value in stated.items() if value is not None]
    if len(named) != 1:
        yield Problem("", named or None, f"must name one of {', '.join(stated)}")
        return
    scheme = f"{mount.uri.partition('://')[0]}://" if mount.uri is not None else named[0]
    if scheme not in SOURCES[kind]:
        yield Problem(named[0], stated[named[0]], f"runtime {kind} reads {', '.join(SOURCES[kind])}")
    if around.flavor == "upstream" and named[0] in ("bucket", "fileSystem"):
        yield Problem(named[0], stated[named[0]], "is of Alibaba Cloud; name a uri or a claim here")
    elif mount.bucket is not None and mount.bucket not in around.buckets:
        yield Problem("bucket", mount.bucket, one_of(mount.bucket, around.buckets, "a bucket's role"))
    elif mount.file_system is not None and mount.file_system not in around.file_systems:
        message = one_of(mount.file_system, around.file_systems, "a file system")
        yield Problem("fileSystem", mount.file_system, message)
    elif mount.file_system is not None:
        file_system = around.file_systems[mount.file_system]
        if file_system.family == "cpfs" and file_system.export_domain is None:
            message = "CPFS; give its exportDomain, which the console shows once the file system exists"
            yield Problem("fileSystem", mount.file_system, message)
        if CONSISTENCY[args.consistency].writes and not file_system.writable:
            message = f"the file system {mount.file_system} is not writable, and {args.consistency} writes"
            yield Problem("fileSystem", mount.file_system, message)
    if (
        mount.claim is not None
        and around.flavor == "ack"
        and caching.namespace not in around.claims.get(mount.claim, ())
    ):
        message = f"not a claim in the namespace {caching.namespace}; give one of volumes that namespace"
        yield Problem("claim", mount.claim, message)
    if mount.prefix and mount.bucket is None:
        yield Problem("prefix", mount.prefix, "is for buckets")
    if mount.path != "/" and named[0] not in ("fileSystem", "claim"):
        yield Problem("path", mount.path, "is for file systems and claims")
    if CONSISTENCY[args.consistency].writes and scheme in READ_ONLY:
        yield Problem("uri", mount.uri, f"cannot be written, and {args.consistency} writes")
    if scheme == "oss://" and "fs.oss.endpoint" not in mount.options:
        yield Problem("options.fs.oss.endpoint", None, "missing; the runtime does not guess it")
    yield from _secret_problems("options", mount.options)


def _secret_problems(path: str, options: Mapping[str, str]) -> Iterator[Problem]:
    """Options that are secret by their name or look: Fluid copies them to where datasets are read."""
    for key, value in options.items():
        named = SECRET_KEY.search(key.replace(".", "_")) or re.search(r"(?i)accesskey|secret", key)
        if named or [*secret_problems("", value)]:
            message = "is a secret, and stands in the cluster; name a Secret under secrets of a mount"
            yield Problem(f"{path}.{key}", "…", message)


def _credential_problems(
    args: DatasetArgs, kind: RuntimeKind, caching: CachingArgs, around: DatasetSurroundings, name: str
) -> Iterator[Problem]:
    buckets = [mount for mount in args.mounts.values() if mount.bucket is not None]
    if "credentials" in args.model_fields_set and not buckets:
        yield Problem("credentials", args.credentials, "is for buckets; other sources have secrets of their mounts")
    secrets = {key.name for mount in args.mounts.values() for key in mount.secrets.values()}
    if kind == "jindo" and len(secrets) > 1:
        message = "JindoRuntime knows one Secret for all mounts (fluid v1.0.8); put all keys into one"
        yield Problem("mounts", sorted(secrets), message)
    if not buckets or around.flavor == "upstream":
        return
    if args.credentials == "rrsa" and "bucket" in SOURCES[kind]:
        if kind != "jindo":
            message = f"renewed tokens are read by jindo alone, not by {kind}; use secret"
            yield Problem("credentials", args.credentials, message)
        if secrets:
            yield Problem(
                "credentials", args.credentials, "stands beside secrets; set credentials: secret, or drop them"
            )
        if caching.python_image is None:
            message = "needs caching.pythonImage: an image with Python 3 renews the tokens of datasets"
            yield Problem("credentials", args.credentials, message)
        role = f"{around.name}-dataset-{name}"
        if not re.fullmatch(ROLE_NAME, role):
            yield Problem("", name, f"makes a role name {role}; at most 64 characters")
    if args.credentials == "secret":
        for mount_name, mount in args.mounts.items():
            if mount.bucket is not None and not mount.secrets:
                message = "missing; credentials: secret needs the key of the bucket, such as fs.oss.accessKeyId"
                yield Problem(f"mounts.{mount_name}.secrets", None, message)


def _consistency_problems(args: DatasetArgs, kind: RuntimeKind) -> Iterator[Problem]:
    chosen = CONSISTENCY[args.consistency]
    if kind not in chosen.kinds:
        why = "files are changed in place, which takes all of POSIX" if chosen.writes else "it keeps no metadata itself"
        message = f"cannot be kept by {kind}, as {why}; {' and '.join(chosen.kinds)} can"
        yield Problem("consistency", args.consistency, message)
    if (args.refresh is not None) != (args.consistency == "periodic"):
        message = (
            "missing; say when a periodic dataset is refreshed"
            if args.refresh is None
            else f"is for consistency: periodic, not {args.consistency}"
        )
        yield Problem("refresh", args.refresh, message)
    if args.refresh is not None and (wrong := schedule_problem(args.refresh)):
        yield Problem("refresh", args.refresh, wrong)
    if "stale_seconds" in args.model_fields_set and args.consistency != "event-driven":
        message = f"is for consistency: event-driven, not {args.consistency}"
        yield Problem("staleSeconds", args.stale_seconds, message)
    if args.pattern == "read-write" and not chosen.writes:
        writing = [name for name, entry in CONSISTENCY.items() if entry.writes]
        message = f"{args.consistency} is read alone; pods that write need {' or '.join(writing)}"
        yield Problem("consistency", args.consistency, message)
    repeated = [name for name, load in args.loads.items() if load.schedule or load.ready_by or load.on_event]
    if args.consistency == "static" and any(args.loads[name].metadata for name in repeated):
        other = "" if any(args.loads[name].on_event for name in repeated) else ", or metadata: false there"
        message = f"loads {', '.join(repeated)} look for changes again and again: say periodic{other}"
        yield Problem("consistency", "static", message)


def _runtime_problems(args: DatasetArgs, kind: RuntimeKind, around: DatasetSurroundings) -> Iterator[Problem]:
    runtime, tier = args.runtime, args.runtime.tier
    if kind == "thin":
        aliases = {field: info.alias or field for field, info in type(runtime).model_fields.items()}
        stated = sorted(runtime.model_fields_set - {"kind", "fuse"})
        unused = {
            **{f"runtime.{aliases[field]}": True for field in stated},
            **{f"runtime.fuse.{key}": bool(getattr(runtime.fuse, key)) for key in ("arguments", "properties")},
            **{key: getattr(args, key) is not None for key in ("target", "pool", "zone")},
        }
        for key in (key for key, used in unused.items() if used):
            yield Problem(key, None, "is of a cache, and thin has none: readers get what the file system gives")
    if kind == "juicefs":
        for key, used in (
            ("master", "master" in runtime.model_fields_set),
            ("fuse.arguments", bool(runtime.fuse.arguments)),
            ("copies", runtime.copies > 1),
        ):
            if used:
                yield Problem(f"runtime.{key}", None, "JuiceFSRuntime takes none (fluid v1.0.8); remove it")
    if runtime.workers is not None and runtime.copies > runtime.workers:
        yield Problem("runtime.copies", runtime.copies, f"more than the {_counted(runtime.workers, 'worker')}")
    yield from _secret_problems("runtime.properties", runtime.properties)
    yield from _secret_problems("runtime.fuse.properties", runtime.fuse.properties)
    if tier.low >= tier.high:
        yield Problem("runtime.tier.low", tier.low, f"must be below high = {tier.high:g}")
    if tier.paths and around.flavor == "ack":
        yield Problem("runtime.tier.paths", list(tier.paths), "come from the pool's disks on ACK; name a medium")
    if tier.medium is not None and around.flavor == "upstream":
        yield Problem("runtime.tier.medium", tier.medium, "is memory here unless paths are named; remove it")
    if runtime.master.metadata is not None and kind != "jindo":
        yield Problem("runtime.master.metadata", None, f"is of jindo, not of {kind}")
    elif runtime.master.metadata is not None and runtime.master.replicas > 1:
        message = "is one disk, which three masters cannot share; leave it out, or set replicas: 1"
        yield Problem("runtime.master.metadata", None, message)
    if runtime.clean_up is not None and kind not in ("alluxio", "juicefs"):
        yield Problem("runtime.cleanUp", None, f"is of alluxio and juicefs, not of {kind}")
    if args.target is not None and args.target.pod_gbps is None and args.target.epoch_minutes is None:
        yield Problem("target", None, "says nothing; give podGbps or epochMinutes")
    if around.flavor == "upstream" and kind != "thin":
        for key, value in (("target", args.target), ("pool", args.pool), ("zone", args.zone)):
            if value is not None:
                message = "needs node pools, of which an upstream environment has none; state runtime.workers and tier"
                yield Problem(key, None if key == "target" else value, message)
    elif around.flavor == "ack" and kind != "thin":
        yield from _node_problems(args, around)
    if not args.cross_zone and args.zone is None:
        yield Problem("crossZone", False, "needs zone: the one that workers and readers are in")


def _lack(args: DatasetArgs, around: DatasetSurroundings) -> str:
    """What keeps the workers of a dataset from all nodes of its pools."""
    memory, vcpu = overhead(args)
    parts = {"worker": args.runtime.worker, "master": args.runtime.master}
    for field, amount in (("memory_gib", f"{memory:g} GiB of memory"), ("vcpu", f"{vcpu:g} vCPUs")):
        small = {name: part.model_copy(update={field: 0.0}) for name, part in parts.items()}
        if candidates(args.model_copy(update={"runtime": args.runtime.model_copy(update=small)}), around):
            return f"node with {amount} to spare, for a worker and the master"
    return {"local-disk": "local disks", "cloud-disk": "data disks"}.get(
        args.runtime.tier.medium or "", "node with so much to spare as worker and master ask for"
    )


def _node_problems(args: DatasetArgs, around: DatasetSurroundings) -> Iterator[Problem]:
    """What is wrong with the nodes of the workers."""
    runtime, tier = args.runtime, args.runtime.tier
    caches = [name for name, (pool, _, _) in around.pools.items() if pool.kind == "cache"]
    if args.pool is not None and args.pool not in around.pools:
        yield Problem("pool", args.pool, one_of(args.pool, around.pools, "one of nodePools"))
        return
    names = [args.pool] if args.pool is not None else caches
    if not names:
        yield Problem("pool", None, "there is no pool of kind cache; add one, or name a pool")
        return
    zones = {zone for name in names for zone in around.pools[name][2]}
    if args.zone is not None and args.zone not in zones:
        yield Problem("zone", args.zone, one_of(args.zone, zones, f"a zone of {', '.join(names)}"))
        return
    nodes = candidates(args, around)
    if not nodes:
        message = f"{', '.join(names)} {'has' if len(names) == 1 else 'have'} no {_lack(args, around)}"
        yield Problem("runtime.tier.medium" if tier.medium else "pool", tier.medium or args.pool, message)
        return
    most = max(node.workers for node in nodes)
    if runtime.workers is not None and runtime.workers > most:
        where = f" in {args.zone}" if args.zone else ""
        message = f"more than the {_counted(most, 'node')} of {', '.join(names)}{where}; there is one worker on a node"
        yield Problem("runtime.workers", runtime.workers, message)
    elif most < 1:
        yield Problem("pool", args.pool, f"{', '.join(names)} has no node{f' in {args.zone}' if args.zone else ''}")
    size = max(node.most_gib for node in nodes)
    if runtime.workers is None and 1 <= most < runtime.copies:
        yield Problem("runtime.copies", runtime.copies, f"more than the {_counted(most, 'node')} of {', '.join(names)}")
    if tier.quota_gib is not None and tier.quota_gib > size:
        media = " or ".join(f"{node.most_gib:,.0f} GiB of {node.medium} in {node.name}" for node in nodes)
        yield Problem("runtime.tier.quotaGib", tier.quota_gib, f"more than a node has: {media}")
    elif 1 <= (runtime.workers or 1) <= most and not any(
        node.workers >= (runtime.workers or 1) and node.most_gib >= (tier.quota_gib or 1) for node in nodes
    ):
        yield Problem("runtime", None, f"no pool has so many nodes with so much: {', '.join(names)}")


def _reader_problems(args: DatasetArgs, around: DatasetSurroundings) -> Iterator[Problem]:
    readers = args.readers
    name = readers.job_class
    if name is not None and around.flavor == "upstream":
        yield Problem("readers.jobClass", name, "there are no job classes in an upstream environment; remove it")
        return
    found = around.job_classes.get(name) if name is not None else None
    if name is not None and found is None:
        yield Problem("readers.jobClass", name, one_of(name, around.job_classes, "one of jobClasses"))
        return
    if found is not None and not set(found.namespaces) & {*args.namespaces}:
        message = f"runs in {', '.join(found.namespaces)}, and the dataset is in {', '.join(args.namespaces)}"
        yield Problem("readers.jobClass", name, message)
    if found is not None and not found.node_gbps:
        yield Problem("readers.jobClass", name, "runs on serverless pods alone, where no dataset is mounted")
    if found is not None and not args.cross_zone and args.zone is not None and args.zone not in found.zones:
        message = f"{name} runs in {', '.join(sorted(found.zones))}, where no worker is; allow crossZone, or move one"
        yield Problem("zone", args.zone, message)
    cached = args.of is None and kind_of(args, around.flavor) != "thin"
    if cached and args.target is not None and around.flavor == "ack" and math.isinf(readers_of(args, around).node_gbps):
        yield Problem("readers", None, "a target needs their nodes: name jobClass, or nodeGbps")


def _operation_problems(name: str, args: DatasetArgs, kind: RuntimeKind) -> Iterator[Problem]:
    """What is wrong with loads, processes and migrations. name: of the dataset."""
    refresh = ["refresh"] if args.refresh is not None else []
    repeated = {*_repeated(args), *refresh}
    groups = {"loads": [*args.loads, *refresh], "processes": args.processes, "migrations": args.migrations}
    for group, operations in groups.items():
        for operation in operations:
            most, full = LONGEST[group][operation in repeated], f"{name}-{operation}"
            if operation in args.loads and args.loads[operation].on_event:
                most, full = most - LONGEST_EVENT, f"{name}-event-"
            if len(full) > most:
                path = operation if operation in refresh else f"{group}.{operation}"
                yield Problem(path, full, f"is a name of more than {most} characters; shorten one of both")
    if args.loads and kind == "thin":
        yield Problem("loads", sorted(args.loads), "have nothing to load into: thin has no cache")
    if args.migrations and kind != "juicefs":
        message = f"are of juicefs alone (fluid v1.0.8), not of {kind}"
        yield Problem("migrations", sorted(args.migrations), message)
    groups = {"loads": args.loads, "processes": args.processes, "migrations": args.migrations}
    for (one, first), (other, second) in itertools.combinations(groups.items(), 2):
        for shared in sorted(first.keys() & second.keys()):
            yield Problem(f"{other}.{shared}", shared, f"has the name of one of {one}; give it another")
    if (
        args.consistency == "periodic"
        and "refresh" in args.loads.keys() | args.processes.keys() | args.migrations.keys()
    ):
        yield Problem("loads.refresh", "refresh", "is the name of what refreshes a periodic dataset; take another")
    for load_name, load in args.loads.items():
        yield from (problem.under(f"loads.{load_name}") for problem in _load_problems(load))
    for migration_name, migration in args.migrations.items():
        path = f"migrations.{migration_name}"
        if (migration.source is None) == (migration.target is None):
            yield Problem(path, None, "must name either source or target")
        if migration.schedule is not None and (wrong := schedule_problem(migration.schedule)):
            yield Problem(f"{path}.schedule", migration.schedule, wrong)
        if migration.schedule is not None and migration.after is not None:
            yield Problem(f"{path}.after", migration.after, "cannot stand beside schedule")
    yield from _order_problems(args)


def _load_problems(load: LoadArgs) -> Iterator[Problem]:
    ways = {
        **{"once": load.once or None, "schedule": load.schedule, "readyBy": load.ready_by, "after": load.after},
        "onEvent": load.on_event or None,
    }
    stated = [key for key, value in ways.items() if value is not None]
    if len(stated) != 1:
        yield Problem("", stated or None, f"must have one of {', '.join(ways)}")
    said = {*load.model_fields_set} & {"paths", "metadata"}
    if load.on_event and said:
        yield Problem("", sorted(said), "are said by the job that makes the load; remove them")
    for key, cron in (("schedule", load.schedule), ("readyBy", load.ready_by)):
        if cron is not None and (wrong := schedule_problem(cron)):
            yield Problem(key, cron, wrong)
    if load.ready_by is not None and not schedule_problem(load.ready_by) and earlier(load.ready_by, 0) is None:
        yield Problem("readyBy", load.ready_by, "must have one minute and one hour, or nobody can tell what is earlier")


def _repeated(args: DatasetArgs) -> set[str]:
    """Operations that run by a schedule."""
    return {
        *(name for name, load in args.loads.items() if load.schedule or load.ready_by),
        *(name for name, migration in args.migrations.items() if migration.schedule),
    }


def _order_problems(args: DatasetArgs) -> Iterator[Problem]:
    """Operations that wait for none, for one that runs again and again, or for each other."""
    after = {
        **{(name, "loads"): load.after for name, load in args.loads.items()},
        **{(name, "processes"): process.after for name, process in args.processes.items()},
        **{(name, "migrations"): migration.after for name, migration in args.migrations.items()},
    }
    repeated = {*_repeated(args), *(name for name, load in args.loads.items() if load.on_event)}
    known = {name: first for (name, _), first in after.items()}
    for (name, group), first in after.items():
        path = f"{group}.{name}.after"
        if first is None:
            continue
        if first not in known or first == name:
            yield Problem(path, first, one_of(first, set(known) - {name}, "another operation of the dataset"))
        elif first in repeated:
            yield Problem(path, first, "runs again and again, of which Fluid waits for the first run alone")
        else:
            seen, at = {name}, first
            while at is not None and at not in seen:
                seen.add(at)
                at = known.get(at)
            if at == name:
                yield Problem(path, first, "closes a circle: each would wait for the other")


def _scaling_problems(args: DatasetArgs, kind: RuntimeKind, around: DatasetSurroundings) -> Iterator[Problem]:
    scaling = args.scaling
    if not scaling.windows and scaling.metric is None:
        return
    if kind == "thin":
        yield Problem("scaling", None, "is of a cache, and thin has none")
        return
    if scaling.metric is not None and kind == "jindo":
        message = (
            "JindoRuntime tells autoscalers not which pods are its own (fluid v1.0.8); use windows, or another kind"
        )
        yield Problem("scaling.metric", None, message)
    if kind == "jindo" and around.flavor == "upstream":
        yield Problem(
            "scaling.windows", None, "JindoRuntime is scaled by ACK's cron autoscaler alone; use another kind"
        )
        return
    system = "cron-autoscaler" if kind == "jindo" else "keda"
    if (kind != "jindo" or scaling.windows) and around.systems is not None and system not in around.systems:
        yield Problem("scaling", None, f"needs the system {system}: add systems.{system}: {{}}")
    for name, window in scaling.windows.items():
        for key, cron in (("start", window.start), ("end", window.end)):
            if wrong := schedule_problem(cron):
                yield Problem(f"scaling.windows.{name}.{key}", cron, wrong)
        if window.start == window.end:
            yield Problem(f"scaling.windows.{name}.end", window.end, "is the start, so the hours are none")
    nodes = max((node.workers for node in candidates(args, around)), default=None)
    for key, most in scaled_workers(args):
        if nodes is not None and most > nodes:
            yield Problem(f"scaling.{key}", most, f"more than the {_counted(nodes, 'node')} that there are")


def _window_problems(
    plan: DatasetPlan, plans: Mapping[str, DatasetPlan], around: DatasetSurroundings
) -> Iterator[Problem]:
    """Windows that want nodes which another cache has alone, or has where this one wants to be alone."""
    if not plan.pool:
        return
    _, pool, zones = around.pools[plan.pool]
    others = [other for other in plans.values() if other.workers and other.pool == plan.pool and other is not plan]
    # In the zone only those that must be in it; in the pool all of them.
    for zone in dict.fromkeys((plan.zone, "")):
        alone, shared = [], []
        for other in others:
            if zone in ("", other.zone):
                (shared if other.args.runtime.share_nodes else alone).append(other)
        if not plan.args.runtime.share_nodes:
            alone += sorted(shared, key=lambda other: other.most_workers)[-1:]
        left = max(0, nodes_in(zone, pool, zones) - sum(other.most_workers for other in alone))
        names = ", ".join(sorted(other.name for other in alone))
        found = [
            Problem(f"scaling.{key}", workers, f"more than the {_counted(left, 'node')} left by {names}")
            for key, workers in scaled_workers(plan.args)
            if alone and workers > left
        ]
        if found:
            yield from found
            return


def _names(datasets: Mapping[str, DatasetArgs], around: DatasetSurroundings) -> Iterator[Problem]:
    """Names that are there already."""
    made: dict[str, str] = {}
    for name, args in datasets.items():
        if args.of is not None:
            continue
        operations = {*args.loads, *args.processes, *args.migrations, *(["refresh"] if args.refresh else [])}
        metadata = ["metadata"] if args.runtime.master.metadata is not None else []
        for full in (name, *(f"{name}-{part}" for part in (*sorted(operations), *metadata))):
            other = made.setdefault(full, name)
            if other != name:
                yield Problem(name, full, f"is also the name of something that {other} makes; give one another name")
    for name, args in datasets.items():
        taken = around.claims.get(name, frozenset())
        for index, space in enumerate(args.namespaces):
            if space in taken:
                message = f"has a claim {name} already, of volumes or of a tenant's home; give the dataset another name"
                yield Problem(f"{name}.namespaces[{index}]", space, message)


def _places(args: DatasetArgs, around: DatasetSurroundings) -> Iterator[tuple[str, str]]:
    """Where a dataset's data are: as kind and name, and path with a slash at its end."""
    for mount in args.mounts.values():
        if mount.bucket is not None:
            yield f"oss://{around.buckets.get(mount.bucket, mount.bucket)}", mount.prefix
        elif mount.file_system is not None:
            yield f"file system {mount.file_system}", f"{mount.path.strip('/')}/".lstrip("/")
        elif mount.claim is not None:
            yield f"claim {mount.claim}", f"{mount.path.strip('/')}/".lstrip("/")
        elif mount.uri is not None:
            scheme, _, rest = mount.uri.partition("://")
            host, _, path = rest.partition("/")
            yield f"{scheme}://{host}", f"{path.strip('/')}/".lstrip("/")


def _overlaps(datasets: Mapping[str, DatasetArgs], around: DatasetSurroundings) -> Iterator[Problem]:
    """Data that one dataset writes and another keeps a copy of: it would show what is no longer there."""
    for (one, first), (other, second) in itertools.combinations(datasets.items(), 2):
        writers = [name for name, args in ((one, first), (other, second)) if CONSISTENCY[args.consistency].writes]
        if not writers or {first.consistency, second.consistency} == {"read-write"}:
            continue
        for (place, path), (place_2, path_2) in itertools.product(_places(first, around), _places(second, around)):
            if place == place_2 and (path.startswith(path_2) or path_2.startswith(path)):
                reader = other if writers[0] == one else one
                message = (
                    f"{writers[0]} writes {place}/{path if writers[0] == one else path_2}, which {reader} caches: it "
                    "would show old data; give them directories of their own"
                )
                yield Problem(f"{reader}.consistency", datasets[reader].consistency, message)
                break


def _quotas(plans: Mapping[str, DatasetPlan], around: DatasetSurroundings) -> Iterator[Problem]:
    """Tenants whose datasets are larger than what they may cache."""
    used: dict[str, dict[str, float]] = {}
    for name, plan in plans.items():
        if plan.args.tenant is not None and plan.tier is not None:
            used.setdefault(plan.args.tenant, {})[name] = plan.most_workers * plan.tier.quota_gib
    for tenant, amounts in used.items():
        if sum(amounts.values()) > around.tenants[tenant]:
            terms = " + ".join(f"{name} {amount:,.0f}" for name, amount in amounts.items())
            largest = max(amounts, key=amounts.__getitem__)
            message = (
                f"{terms} = {sum(amounts.values()):,.0f} GiB of cache, and {tenant} may have "
                f"{around.tenants[tenant]:,.0f} (resources.cacheGib)"
            )
            yield Problem(f"{largest}.tenant", tenant, message)


def _plan_problems(
    plan: DatasetPlan, plans: Mapping[str, DatasetPlan], around: DatasetSurroundings
) -> Iterator[Problem]:
    args, proposal = plan.args, plan.proposal
    for key, workers in scaled_workers(args):
        if not plan.source and plan.kind != "jindo" and workers < plan.workers:
            message = f"fewer than the {plan.workers} that there always are; KEDA adds to them alone"
            yield Problem(f"scaling.{key}", workers, message)
    yield from _window_problems(plan, plans, around)
    if plan.statements:
        # A key's statement, which is not known yet, has at most 140 characters.
        length = len(document(plan.statements)) + 140
        if length > LONGEST_POLICY:
            message = f"are so many that a RAM policy of {length:,} characters comes of it; at most {LONGEST_POLICY:,}"
            yield Problem("mounts", len(args.mounts), message)
    if proposal is None and around.flavor == "ack" and plan.kind != "thin" and not plan.source:
        there = [
            f"{other.name} {other.workers} x {other.tier.quota_gib:,} GiB of {other.tier.medium}"
            + ("" if other.args.runtime.share_nodes else " alone")
            for other in plans.values()
            if other.tier is not None
        ]
        message = (
            "finds no room: a node may get a worker of each dataset, with its cache, memory, vCPUs and bandwidth, and "
            f"there are {', '.join(there) or 'no others'}; add nodes, or let them take less"
        )
        yield Problem("runtime", None, message)
    for name, load in args.loads.items():
        if load.ready_by is not None and load_minutes(plan) >= MINUTES_A_DAY:
            message = (
                f"takes {load_minutes(plan) / 60:,.0f} hours, so that no day is long enough; give schedule instead"
            )
            yield Problem(f"loads.{name}.readyBy", load.ready_by, message)
        elif load.ready_by is not None and load_schedule(load, plan) is None:
            message = "would have to start on another day; give schedule instead"
            yield Problem(f"loads.{name}.readyBy", load.ready_by, message)
    if proposal is None or proposal.met or args.target is None:
        return
    delivery = proposal.delivery
    stated = {key: value for key, value in args.target.model_dump(by_alias=True).items() if value is not None}
    rate, minutes = (
        (delivery.cold_pod_gbps, delivery.cold_epoch_minutes)
        if args.target.when == "cold"
        else (delivery.shared_pod_gbps, delivery.epoch_minutes)
    )
    cache = f"{_counted(delivery.workers, 'worker')} in {delivery.node.name} ({delivery.node.medium})"
    readers = _counted(args.readers.pods, "reader")
    gives, holds = ("gives", "holds") if delivery.workers == 1 else ("give", "hold")
    shown = f"{rate:,.1f}" if rate >= 1 else f"{rate:.2g}"
    message = (
        f"cannot be met: {cache} {gives} each of {readers} {shown} Gbit/s, and a pass takes "
        f"{minutes:,.1f} minutes; it is limited by the {proposal.bottleneck}"
        if delivery.hits
        else f"cannot be met: {cache} {holds} {delivery.capacity_gib:,.0f} of {data_of(args).needed_gib:,.0f} GiB, of "
        "which a pass finds nothing; it is limited by the cache capacity"
    )
    yield Problem("target", stated, message)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
