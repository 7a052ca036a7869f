"""What is wrong with tenants, each in itself and all together."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network

from .. import identity
from ..alarms import alarm_problems
from ..inputs import Problem, one_of, parse_cidr
from .args import Promise, TenantArgs
from .planning import (
    METADATA_SERVICE,
    Surroundings,
    amount_path,
    amounts,
    own_bucket,
    plan_tenant,
    prefix_of,
    promises,
    role_name,
    shares,
)

RESERVED_TENANTS = frozenset({"default", "others", "platform", "root", "system"})
NO_NAMES = frozenset({"null", "true", "false", "yes", "no", "on", "off"})
"""What YAML takes for something else than a name."""

RESERVED_NAMESPACES = re.compile(r"default|kube-.*|ack-.*|arms-.*|istio-.*|.*-system|tenant-operations")
"""Namespaces that Kubernetes, ACK and their systems take for themselves."""

OTHER_METADATA_SERVICE = "169.254.169.254"
"""Where other clouds have it."""

WIDEST_NETWORK = 8
"""Prefix length of the widest network that a tenant may name. Two halves of everything are as wide as everything."""


def tenants_problems(tenants: Mapping[str, TenantArgs], around: Surroundings) -> list[Problem]:
    """What is wrong with tenants; paths begin with their names."""
    problems = [problem.under(name) for name, args in tenants.items() for problem in _own(name, args, tenants, around)]
    problems += _shared_names(tenants)
    problems += _parents(tenants)
    problems += _prefixes(tenants)
    problems += _foreign_buckets(tenants)
    problems += _traffic(tenants, around)
    for name, args in tenants.items():
        if not any(problem.path.partition(".")[0] == name for problem in problems):
            problems += (problem.under(name) for problem in _policies(name, args, around))
    return problems


def _own(name: str, args: TenantArgs, tenants: Mapping[str, TenantArgs], around: Surroundings) -> Iterator[Problem]:
    if name in RESERVED_TENANTS:
        yield Problem("", name, "is a name of the platform's own; take another")
    if name in NO_NAMES:
        yield Problem("", name, "is not a name in every reader of YAML; take another")
    yield from _members(args, around)
    yield from _namespaces(name, args, around)
    yield from _amounts(args, around)
    yield from _parts_of_namespaces(name, args)
    yield from _connections(args, around)
    yield from _working_hours(name, args, around)
    yield from _cloud_only(args) if around.flavor == "upstream" else _cloud(name, args, tenants, around)


def _working_hours(name: str, args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    if args.working_hours is None:
        return
    if around.kubectl_image is None:
        yield Problem("workingHours", None, "needs scheduling.kubectlImage: an image with kubectl stops notebooks")
    if not any("notebook" in space.jobs for space in args.namespaces_of(name).values()):
        yield Problem("workingHours", None, "has nothing to stop: no namespace has jobs: [notebook]")


def _cloud(name: str, args: TenantArgs, tenants: Mapping[str, TenantArgs], around: Surroundings) -> Iterator[Problem]:
    """What is wrong with a tenant's part of the cloud."""
    if args.id_of(name) in around.registry_namespaces:
        yield Problem("", args.id_of(name), "is a namespace of the registry that all share; take another name")
    yield from (problem.under("notifications") for problem in alarm_problems(args.notifications))
    for role in args.buckets:
        if own_bucket(args.id_of(name), role) not in around.buckets:
            yield Problem(f"buckets.{role}", role, "is not among the buckets that are made")
    for key, entries in (("prefixes", args.prefixes), ("datasets", args.datasets)):
        for entry, part in entries.items():
            if part.bucket not in around.buckets:
                message = one_of(part.bucket, around.buckets, "a bucket's role")
                yield Problem(f"{key}.{entry}.bucket", part.bucket, message)
    for entry, own in args.prefixes.items():
        for index, reader in enumerate(own.readers):
            if reader == name or reader not in tenants:
                others = sorted(set(tenants) - {name})
                yield Problem(f"prefixes.{entry}.readers[{index}]", reader, one_of(reader, others, "another tenant"))
    if args.home is not None and args.home.storage_class not in around.storage_classes:
        message = one_of(args.home.storage_class, around.storage_classes, "one of storageClasses")
        yield Problem("home.storageClass", args.home.storage_class, message)
    classes = around.traffic_classes
    if args.throttling is not None and classes is not None and args.throttling.traffic_class not in classes:
        message = one_of(args.throttling.traffic_class, classes, "one of throttling.classes")
        yield Problem("throttling.trafficClass", args.throttling.traffic_class, message)
    if args.budget and args.notifications.silent:
        yield Problem("budget", dict(args.budget), "tells nobody; name somebody under notifications")
    if args.budget and "prometheus" not in around.systems:
        yield Problem("budget", dict(args.budget), "needs the system prometheus, which measures what pods request")
    for currency, amount in args.budget.items():
        if currency not in around.prices:
            message = "the price book has no pods of this region in that currency"
            yield Problem(f"budget.{currency}", amount, message)


def _cloud_only(args: TenantArgs) -> Iterator[Problem]:
    for key, value in (
        *(("prefixes", args.prefixes), ("datasets", args.datasets), ("buckets", args.buckets), ("home", args.home)),
        *(("throttling", args.throttling), ("budget", args.budget)),
        ("notifications", not args.notifications.silent),
    ):
        if value:
            yield Problem(key, None, "has no effect with flavor: upstream, which creates nothing in a cloud; remove it")


def _members(args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    cloud = around.flavor == "ack"
    for role, members in (
        *(("owners", args.owners), ("engineers", args.engineers)),
        *(("viewers", args.viewers), ("automation", args.automation)),
    ):
        for index, member in enumerate(members):
            kind, _, name = member.partition("/")
            path = f"{role}[{index}]"
            if cloud and kind == "group" and name not in around.groups:
                yield Problem(path, member, one_of(name, around.groups, "one of tenancy.groups, as ACK needs"))
            elif cloud and kind == "user":
                yield Problem(path, member, "ACK knows ram-user/<id>, ram-role/<id> and groups of them")
            elif not cloud and kind.startswith("ram-"):
                yield Problem(path, member, "RAM is Alibaba Cloud's; name group/<name> or user/<name> here")
            if member in members[:index]:
                yield Problem(path, member, "stands twice")
    groups = [owner.removeprefix("group/") for owner in args.owners if owner.startswith("group/")]
    if cloud and len(groups) == len(args.owners) and not any(around.groups.get(name) for name in groups):
        yield Problem("owners", list(args.owners), "are groups without members; somebody must answer for the tenant")


def _namespaces(name: str, args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    spaces = args.namespaces_of(name)
    for space, namespace in spaces.items():
        path = f"namespaces.{space}"
        if space in around.reserved or RESERVED_NAMESPACES.fullmatch(space):
            yield Problem(path, space, "is a namespace of the platform's; take another")
        for key, entries in (("jobs", namespace.jobs), ("jobClasses", namespace.job_classes)):
            doubled = sorted({entry for entry in entries if list(entries).count(entry) > 1})
            if doubled:
                yield Problem(f"{path}.{key}", list(entries), f"names {', '.join(doubled)} twice")
        for index, job_class in enumerate(namespace.job_classes):
            if job_class not in around.job_classes:
                message = one_of(job_class, around.job_classes, "one of jobClasses")
                yield Problem(f"{path}.jobClasses[{index}]", job_class, message)
        refused = [
            job_class
            for job_class, use in around.job_classes.items()
            if (space in use.namespaces or job_class in namespace.job_classes) and use.priority not in args.priorities
        ]
        if refused:
            message = (
                f"refuses pods of the job classes {', '.join(refused)}, which run in {space}; allow their priorities"
            )
            yield Problem("priorities", list(args.priorities), message)
        if around.flavor == "upstream":
            continue
        if namespace.jobs and "pod-identity" not in around.systems:
            message = "get RAM roles by pod identity; add systems.pod-identity: {}"
            yield Problem(f"{path}.jobs", list(namespace.jobs), message)
        for kind in namespace.jobs:
            role = role_name(around, space, kind)
            if not re.fullmatch(identity.ROLE_NAME, role):
                yield Problem(f"{path}.jobs", kind, f"makes a role name {role}; at most 64 characters")
    stated = sum(namespace.share or 0 for namespace in spaces.values())
    open_ended = any(namespace.share is None for namespace in spaces.values())
    if stated > 100 or (stated == 100 and open_ended):
        message = f"the shares of its namespaces come to {stated:g} %"
        yield Problem("namespaces", None, f"{message}, with nothing left for those without" if open_ended else message)


def _amounts(args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    for path, promise in promises(args):
        if promise.most < promise.guaranteed:
            message = f"below the guarantee of {promise.guaranteed:,.12g}"
            yield Problem(f"resources.{path}.maximum", promise.maximum, message)
    for model in args.resources.gpus:
        if model not in around.gpu_models and around.flavor == "ack":
            message = one_of(model, around.gpu_models, "a GPU model of the node pools")
            yield Problem(f"resources.gpus.{model}", model, message)


def _parts_of_namespaces(name: str, args: TenantArgs) -> Iterator[Problem]:
    gpus = sum(promise.most for promise in args.resources.gpus.values())
    for space, share in shares(args.namespaces_of(name)).items():
        if abs(gpus * share - round(gpus * share)) > 1e-6:
            message = f"gives it {gpus * share:.12g} of {gpus:.12g} GPUs, which are whole; other shares or maxima do"
            yield Problem(f"namespaces.{space}.share", round(share * 100, 2), message)
        if 0 < args.resources.pods * share < 1:
            message = f"leaves it no pod of {args.resources.pods}; raise resources.pods or its share"
            yield Problem(f"namespaces.{space}.share", round(share * 100, 2), message)


def _connections(args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    internal = [network for network in map(parse_cidr, around.internal_cidrs) if network is not None]
    for key, connections in (("egress", args.egress), ("ingress", args.ingress)):
        for name, connection in connections.items():
            for index, text in enumerate(connection.cidrs):
                message = _cidr_message(text, internal)
                if message:
                    yield Problem(f"{key}.{name}.cidrs[{index}]", text, message)


def _cidr_message(text: str, internal: Sequence[IPv4Network]) -> str:
    cidr = parse_cidr(text)
    if cidr is None:
        return "not an IPv4 CIDR block without host bits, such as 203.0.113.0/24"
    if cidr.prefixlen < WIDEST_NETWORK:
        return f"is everywhere, or nearly; name networks of /{WIDEST_NETWORK} or smaller"
    touched = [str(network) for network in internal if network.overlaps(cidr)]
    if touched:
        return f"reaches into {', '.join(touched)}, where other tenants' pods and Services are"
    if any(cidr.overlaps(IPv4Network(address)) for address in (METADATA_SERVICE, OTHER_METADATA_SERVICE)):
        return "holds the metadata service, which gives away the role of the node"
    return ""


def _shared_names(tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    """Namespaces, and names that two tenants would share."""
    owners: dict[str, str] = {}
    identifiers: dict[str, str] = {}
    buckets: dict[str, str] = {}
    for name, args in tenants.items():
        identifier = args.id_of(name)
        taken = identifiers.setdefault(identifier, name)
        if taken != name:
            path = f"{name}.formerly[0]" if args.formerly else name
            yield Problem(path, identifier, f"gives it the names in the cloud that {taken} has; give one another")
        for index, former in enumerate(args.formerly):
            if former in tenants:
                whose = "its name now" if former == name else "another tenant's name"
                yield Problem(f"{name}.formerly[{index}]", former, f"is {whose}")
        for role in args.buckets:
            taken = buckets.setdefault(own_bucket(identifier, role), name)
            if taken != name:
                yield Problem(f"{name}.buckets.{role}", role, f"has the name of a bucket of {taken}; give it another")
        for space in args.namespaces_of(name):
            owner = owners.setdefault(space, name)
            if owner != name:
                yield Problem(f"{name}.namespaces.{space}", space, f"belongs to {owner}")


def _parents(tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    children: dict[str, list[str]] = {}
    for name, args in tenants.items():
        if args.parent is None:
            continue
        if args.parent not in tenants:
            yield Problem(f"{name}.parent", args.parent, one_of(args.parent, tenants, "a tenant"))
            continue
        above, seen = args.parent, {name}
        while above is not None and above not in seen:
            seen.add(above)
            parent = tenants.get(above)
            above = parent.parent if parent else None
        if above == name:
            yield Problem(f"{name}.parent", args.parent, "closes a circle")
            continue
        children.setdefault(args.parent, []).append(name)
    for parent, names in children.items():
        mine = amounts(tenants[parent])
        theirs = {name: amounts(tenants[name]) for name in names}
        for path in dict.fromkeys(path for found in theirs.values() for path in found):
            limit = mine.get(path, Promise())
            total = sum(found[path].guaranteed for found in theirs.values() if path in found)
            if total > limit.guaranteed:
                message = f"less than the {total:,.12g} that its parts {', '.join(names)} are guaranteed"
                yield Problem(f"{parent}.{amount_path(path)}", limit.guaranteed, message)
            for name in names:
                most = theirs[name][path].most if path in theirs[name] else 0
                if most > limit.most:
                    message = f"over the maximum of its parent {parent}, {limit.most:,.12g}"
                    where = f"resources.{path}.maximum" if path in dict(promises(tenants[name])) else amount_path(path)
                    yield Problem(f"{name}.{where}", most, message)


def _prefixes(tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    """Parts of buckets that two tenants own, or that one reads without the other's leave."""
    owned: dict[str, list[tuple[str, str, str]]] = {}
    for name, args in tenants.items():
        for entry, own in args.prefixes.items():
            owned.setdefault(own.bucket, []).append((prefix_of(name, args, entry), name, entry))
    for parts in owned.values():
        parts.sort()
        # Sorted, a part stands right behind those that it lies in.
        stack: list[tuple[str, str, str]] = []
        for prefix, name, entry in parts:
            while stack and not prefix.startswith(stack[-1][0]):
                stack.pop()
            for outer, other, _ in stack:
                if other != name:
                    message = f"lies in or around {outer}, which belongs to {other}: each could read the other's"
                    yield Problem(f"{name}.prefixes.{entry}.prefix", prefix, message)
            stack.append((prefix, name, entry))
    for name, args in tenants.items():
        for entry, dataset in args.datasets.items():
            for prefix, other, other_entry in foreign(name, dataset.bucket, dataset.prefix, owned):
                if name not in tenants[other].prefixes[other_entry].readers:
                    message = f"reaches {prefix}, which belongs to {other}; it must name {name} among its readers"
                    yield Problem(f"{name}.datasets.{entry}.prefix", dataset.prefix, message)


def _foreign_buckets(tenants: Mapping[str, TenantArgs]) -> Iterator[Problem]:
    """Buckets of another tenant's own, which it cannot share."""
    owners = {own_bucket(args.id_of(name), role): name for name, args in tenants.items() for role in args.buckets}
    for name, args in tenants.items():
        for key, parts in (("prefixes", args.prefixes), ("datasets", args.datasets)):
            for entry, part in parts.items():
                owner = owners.get(part.bucket, name)
                if owner != name:
                    message = f"is a bucket of {owner} alone; data for both belong into one of buckets"
                    yield Problem(f"{name}.{key}.{entry}.bucket", part.bucket, message)


def foreign(
    name: str, bucket: str, prefix: str, owned: Mapping[str, Collection[tuple[str, str, str]]]
) -> list[tuple[str, str, str]]:
    """The parts of others that a prefix reaches: prefix, tenant and entry. owned: those of all, by bucket."""
    return [
        part
        for part in owned.get(bucket, ())
        if part[1] != name and (part[0].startswith(prefix) or prefix.startswith(part[0]))
    ]


def _traffic(tenants: Mapping[str, TenantArgs], around: Surroundings) -> Iterator[Problem]:
    """Parts of traffic classes that come to more than the class is guaranteed."""
    parts: dict[str, dict[str, int]] = {}
    for name, args in tenants.items():
        if args.throttling is not None and args.parent not in tenants:
            parts.setdefault(args.throttling.traffic_class, {})[name] = args.throttling.guaranteed_gbps
    for traffic_class, members in parts.items():
        guaranteed = (around.traffic_classes or {}).get(traffic_class)
        if guaranteed is not None and sum(members.values()) > guaranteed:
            largest = max(members, key=members.__getitem__)
            terms = " + ".join(f"{name} {amount}" for name, amount in members.items())
            message = (
                f"{terms} = {sum(members.values())} Gbit/s, but the class {traffic_class} is guaranteed {guaranteed}"
            )
            yield Problem(f"{largest}.throttling.guaranteedGbps", members[largest], message)


def _policies(name: str, args: TenantArgs, around: Surroundings) -> Iterator[Problem]:
    for account in plan_tenant(name, args, around).accounts:
        # A key's statement, which is not known yet, has at most 140 characters.
        length = len(identity.document(account.statements)) + 140
        if account.role_name and length > identity.LONGEST_POLICY:
            message = (
                f"has so many prefixes, datasets and buckets that a RAM policy of {length:,} characters comes of it; "
                f"at most {identity.LONGEST_POLICY:,}"
            )
            yield Problem(f"namespaces.{account.namespace}.jobs", account.name, message)
