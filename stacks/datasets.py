"""The datasets of an environment: what they share it with, and what is wrong with them."""

import zoneinfo
from collections.abc import Iterator, Mapping

from components import catalog
from components.cache import BucketBandwidth, DatasetArgs, DatasetPlan, DatasetSurroundings, ReaderNodes, plan_datasets
from components.cache.events import loaders
from components.cache.options import CONSISTENCY
from components.cache.problems import datasets_problems
from components.inputs import InvalidInput, Problem
from components.job_classes import JobClassPlan, plan_job_classes
from components.node_pools import NodePoolPlan
from components.platform.planning import closure
from components.tenancy.isolation import PLATFORM, Kind
from components.tenancy.planning import prefix_of
from components.tenancy.problems import RESERVED_NAMESPACES
from components.throttling.planning import plan_throttling

from .environment import Environment, compute, pool_plans, roles
from .tenancy import can_be_counted, installed, owners, refusals

FLUID = "fluid"
"""The system that runs datasets."""


def dataset_plans(environment: Environment, stack: str) -> Mapping[str, DatasetPlan]:
    """The plans of a valid environment's datasets."""
    around = dataset_surroundings(environment, stack, pool_plans(environment))
    return plan_datasets(environment.datasets, environment.caching, around)


def dataset_surroundings(
    environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]
) -> DatasetSurroundings:
    """What the datasets of an environment share. pools: the plans of its node pools; the others are left out."""
    claims: dict[str, set[str]] = {name: {*args.namespaces} for name, args in environment.volumes.items()}
    for name, tenant in environment.tenants.items():
        if tenant.home is not None:
            claims.setdefault("home", set()).update(tenant.namespaces_of(name))
    shared = {name: frozenset(spaces) for name, spaces in claims.items()}
    limits = {name: float(tenant.resources.cache_gib) for name, tenant in environment.tenants.items()}
    systems = frozenset(closure(environment.systems, environment.flavor))
    if environment.flavor == "upstream":
        return DatasetSurroundings(flavor="upstream", claims=shared, tenants=limits, systems=systems)
    return DatasetSurroundings(
        flavor="ack",
        name=environment.name(stack),
        region=environment.region,
        pools={
            name: (args, pools[name], environment.zones_of(args))
            for name, args in environment.node_pools.items()
            if name in pools
        },
        buckets=environment.bucket_names(stack),
        bandwidth=_bandwidth(environment, stack),
        file_systems=environment.file_systems,
        claims=shared,
        job_classes=_reader_nodes(environment, pools),
        tenants=limits,
        systems=systems,
    )


def _bandwidth(environment: Environment, stack: str) -> Mapping[str, BucketBandwidth]:
    """Download of each bucket: by throttling, and where that sets no limit, what the region gives the account."""
    region = catalog.oss_throughput().get(environment.region)
    whole = region.read_gbps if region else None
    found = dict.fromkeys(environment.buckets, BucketBandwidth(whole, whole))
    if not environment.throttling.enabled:
        return found
    try:
        plan = plan_throttling(environment.throttling, environment.bucket_names(stack), roles(environment))
    except InvalidInput:
        return found  # Reported where throttling is checked.
    pool = plan.bandwidth.finite.get("download_total")
    sure = {(row.kind, row.name): row.worst.finite.get("download_total") for row in plan.table if row.worst is not None}
    of_class = {role: name for name, args in environment.throttling.classes.items() for role in args.buckets}
    for row in plan.table:
        if row.kind == "bucket":
            most = row.best.finite.get("download_total", pool)
            # A bucket of a class is guaranteed what the class is, which others of it may take.
            kept = sure.get(("bucket", row.name)) or sure.get(("class", of_class.get(row.name, "")))
            found[row.name] = BucketBandwidth(kept or most, most)
    return found


def _reader_nodes(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Mapping[str, ReaderNodes]:
    """Where pods of each job class run: the nodes on which each gets the least bandwidth."""
    if pools.keys() != environment.node_pools.keys():
        return {}
    try:
        plans = plan_job_classes(environment.job_classes, compute(environment, pools), environment.scheduling)
    except InvalidInput:
        return {}  # Reported where the classes are checked.
    return {name: _nodes_of(plan, environment, pools) for name, plan in plans.items()}


def _nodes_of(plan: JobClassPlan, environment: Environment, pools: Mapping[str, NodePoolPlan]) -> ReaderNodes:
    known = catalog.instance_types()
    rungs = [*plan.rungs, *plan.off_peak_rungs]
    places = [
        (known[name].network_gbps, max(1, int(rung.fit.per_node.maximum)))
        for rung in rungs
        if rung.pool
        for name in rung.fit.types
        if name in known
    ]
    gbps, per_node = min(places, key=lambda place: place[0] / place[1], default=(0.0, 1))
    zones = {zone for rung in rungs if rung.pool for zone in environment.zones_of(environment.node_pools[rung.pool])}
    return ReaderNodes(
        namespaces=plan.args.namespaces,
        node_gbps=gbps,
        pods_per_node=per_node,
        zones=frozenset(zones),
        serverless=any(rung.kind == "serverless" for rung in rungs),
    )


def dataset_problems(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    """What is wrong with the datasets of an environment. pools: the plans of its node pools."""
    if not environment.datasets:
        return
    # Where pools or job classes are wrong, caches would seem to have no nodes or readers.
    if environment.flavor == "ack" and not can_be_counted(environment, pools):
        return
    around = dataset_surroundings(environment, stack, pools)
    yield from (
        problem.under("datasets") for problem in datasets_problems(environment.datasets, environment.caching, around)
    )
    yield from _namespace_problems(environment)
    if environment.caching.timezone not in zoneinfo.available_timezones():
        message = "not a time zone; write an IANA name, such as Asia/Shanghai"
        yield Problem("caching.timezone", environment.caching.timezone, message)
    yield from _access_problems(environment, stack)
    yield from _volume_problems(environment)
    system = environment.systems.get(FLUID)
    if system is None or not system.enabled:
        path = f"systems.{FLUID}.enabled" if system else f"systems.{FLUID}"
        message = f"runs datasets; {'switch it on' if system else f'add systems.{FLUID}: {{}}'}"
        yield Problem(path, False if system else None, message)
    for name, pool in environment.node_pools.items():
        if pool.image_type == "ContainerOS" and pool.kind != "system":
            message = f"Fluid does not run on ContainerOS, and datasets may be read on the nodes of {name}"
            yield Problem(f"nodePools.{name}.imageType", pool.image_type, message)
    if environment.flavor == "ack" and not environment.cluster.spec.startswith("ack.pro"):
        yield Problem("cluster.spec", environment.cluster.spec, "datasets (ack-fluid) need a Pro specification")


def _namespace_problems(environment: Environment) -> Iterator[Problem]:
    """A namespace of caches that is another's."""
    space = environment.caching.namespace
    classes = {other for args in environment.job_classes.values() for other in args.namespaces}
    systems = installed(environment).values()
    if RESERVED_NAMESPACES.fullmatch(space) or space in {*classes, *systems, *environment.tenancy.open_to}:
        message = "is another's already, and pods of caches are privileged; give them a namespace of their own"
        yield Problem("caching.namespace", space, message)


def _access_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    """Datasets that show one tenant's part of a bucket to another."""
    tenants = owners(environment)
    for dataset, args in environment.datasets.items():
        whole = environment.datasets.get(args.of or "", args)
        for index, space in enumerate(args.namespaces):
            path = f"datasets.{dataset}.namespaces[{index}]"
            if environment.tenants and space not in tenants:
                yield Problem(path, space, "belongs to no tenant; name namespaces of tenants")
                continue
            for bucket, prefix in _parts(environment, stack, args, whole):
                writes = CONSISTENCY[whole.consistency].writes
                for message in refusals(environment, space, bucket, prefix, writes=writes):
                    yield Problem(path, space, message)


def _parts(environment: Environment, stack: str, args: DatasetArgs, whole: DatasetArgs) -> Iterator[tuple[str, str]]:
    """The parts of buckets that a dataset shows. whole: what it is a directory of, or itself."""
    first, _, rest = args.directory.strip("/").partition("/")
    roles = {name: role for role, name in environment.bucket_names(stack).items()}
    for name, mount in whole.mounts.items():
        if len(whole.mounts) > 1 and first not in ("", name):
            continue
        below = rest if len(whole.mounts) > 1 else args.directory.strip("/")
        bucket, prefix = mount.bucket, mount.prefix
        volume = environment.volumes.get(mount.claim or "")
        if volume is not None and volume.bucket is not None:
            bucket, prefix = volume.bucket, volume.prefix + f"{mount.path.strip('/')}/".lstrip("/")
        elif mount.uri is not None and mount.uri.startswith("oss://"):
            host, _, path = mount.uri.removeprefix("oss://").partition("/")
            bucket, prefix = roles.get(host), f"{path.strip('/')}/".lstrip("/")
        if bucket is not None:
            yield bucket, f"{prefix}{below}/" if below else prefix


def _volume_problems(environment: Environment) -> Iterator[Problem]:
    """Directories that a dataset has to itself, and a volume shows, too."""
    for name, args in environment.datasets.items():
        for entry, mount in args.mounts.items():
            for volume, other in environment.volumes.items():
                touches = other.prefix.startswith(mount.prefix) or mount.prefix.startswith(other.prefix)
                if mount.bucket is None or mount.bucket != other.bucket or not touches:
                    continue
                if args.consistency == "separate-writes":
                    message = (
                        f"the volume {volume} shows {other.bucket}/{other.prefix}, too, which separate-writes needs "
                        "for itself; use either"
                    )
                    yield Problem(f"datasets.{name}.mounts.{entry}.prefix", mount.prefix, message)


def dataset_notes(environment: Environment) -> dict[str, list[str]]:
    """What a platform engineer must know of datasets, by their names: who may change what they take for unchanged."""
    notes: dict[str, list[str]] = {}
    for name, args in environment.datasets.items():
        if args.consistency != "static" or args.of is not None:
            continue
        for mount in args.mounts.values():
            writers = [
                f"{owner} (its part {own.bucket}/{prefix_of(owner, tenant, entry)})"
                for owner, tenant in environment.tenants.items()
                for entry, own in tenant.prefixes.items()
                if own.bucket == mount.bucket
                and own.writers
                and mount.prefix.startswith(prefix_of(owner, tenant, entry))
            ]
            writers += [
                f"the volume {volume}"
                for volume, other in environment.volumes.items()
                if other.bucket is not None
                and other.bucket == mount.bucket
                and not other.read_only
                and mount.prefix.startswith(other.prefix)
            ]
            if writers:
                text = f"is static, and may be written by {', '.join(writers)}: what changes is not seen"
                notes.setdefault(name, []).append(text)
    return notes


def dataset_sharing(environment: Environment, stack: str) -> dict[tuple[str, str, Kind, str], str]:
    """What tenants may do of the platform because datasets say so: source, target, kind and what, with the reason."""
    tenants = owners(environment)
    allowed = loaders(dataset_plans(environment, stack).values())
    return {
        (tenants[space], PLATFORM, "API", ""): f"its jobs may load {', '.join(names)}"
        for space, names in allowed.items()
        if space in tenants
    }
