"""What an environment's tenants share a cluster with, and what it can promise them."""

from collections.abc import Iterator, Mapping, Sequence

from components import catalog
from components.cache.options import CONSISTENCY
from components.cache.rendering import CLAIM_GIB
from components.inputs import InvalidInput, Problem, parse_cidr
from components.job_classes import plan_job_classes, priority_of
from components.job_classes.planning import PRIORITIES
from components.network import NetworkPlan, plan_network
from components.node_pools import NodePoolPlan
from components.platform.planning import closure, form_of
from components.queues.planning import queue_names
from components.tenancy import (
    Available,
    PodPrices,
    PromiseRow,
    Surroundings,
    TenantPlan,
    plan_tenant,
    promise_problems,
    promise_rows,
    tenants_problems,
)
from components.tenancy.planning import JobClassUse, own_buckets, prefix_of
from components.tenancy.problems import WIDEST_NETWORK
from components.throttling.planning import plan_throttling

from .addresses import address_needs
from .environment import ACCESS_LOGS, Environment, compute, history_claims, roles, tenant_roles
from .systems import systems_of

OWN_KINDS = frozenset({"system", "cache"})
"""Kinds of node pools that are the platform's and take no pods of tenants."""

WHOLE_GPUS = ("default", "topology")
"""How pools schedule GPUs that are given away whole."""

ACK_IMAGES = "registry-{region}-vpc.ack.aliyuncs.com/"
"""Where ACK's own images come from. Source: AliyunContainerService/benchmark-for-spark @6cb2181a, setup.md."""


def surroundings(environment: Environment, stack: str) -> Surroundings:
    """What the tenants of an environment share; what its other sections have wrong is left out."""
    cloud = environment.flavor == "ack"
    network = network_of(environment)
    systems = installed(environment)
    nodes = [str(vswitch.cidr) for vswitch in network.of("nodes")] if network else []
    services = parse_cidr(environment.cluster.service_cidr)
    registry = environment.registry if cloud else None
    domain = ""
    if registry is not None and registry.instance_id is None:
        domain = (
            f"{registry.instance_name or environment.name(stack)}-registry-vpc.{environment.region}.cr.aliyuncs.com"
        )
    shared = [f"{domain}/{space}/" for space in sorted(registry.namespaces)] if registry and domain else []
    return Surroundings(
        flavor=environment.flavor,
        name=environment.name(stack),
        # The access logs tell of everybody's data.
        buckets={r: n for r, n in environment.bucket_names(stack).items() if r != ACCESS_LOGS} if cloud else {},
        groups=environment.tenancy.groups,
        images=[
            *([ACK_IMAGES.format(region=environment.region)] if cloud else []),
            *shared,
            *environment.tenancy.images,
            *([environment.history.ray.collector_image] if environment.history.ray else []),
        ],
        open_to=sorted({*environment.tenancy.open_to, *systems.values()}),
        api_server_cidrs=nodes if cloud else environment.tenancy.api_server_cidrs,
        api_service=f"{services[1]}/32" if cloud and services and services.num_addresses > 1 else "",
        # Managed CoreDNS answers from the control plane's side of the VPC.
        dns_cidrs=[environment.network.cidr] if cloud and network and environment.network else [],
        internal_cidrs=[*(str(v.cidr) for v in network.of("pods")), environment.cluster.service_cidr]
        if network
        else [],
        log_project=f"{environment.name(stack)}-logs" if cloud else "",
        registry=registry is not None,
        registry_domain=domain,
        registry_namespaces=registry.namespaces if registry else (),
        kubectl_image=environment.scheduling.kubectl_image,
        timezone=environment.cluster.timezone,
        job_classes={
            name: JobClassUse(args.namespaces, priority_of(args)) for name, args in environment.job_classes.items()
        },
        storage_classes=environment.storage_classes,
        claims=_claims(environment),
        gpu_models=_gpu_models(environment),
        traffic_classes=_traffic_classes(environment, stack),
        reserved={
            *systems.values(),
            *environment.tenancy.open_to,
            *([environment.caching.namespace] if environment.datasets else []),
            *([environment.history.namespace] if environment.history.spark or environment.history.ray else []),
        },
        systems=set(systems),
        prices=_prices(environment) if cloud else {},
        queues=queue_names(environment.queues, environment.tenants),
    )


def tenant_plans(environment: Environment, around: Surroundings) -> Mapping[str, TenantPlan]:
    """The plans of all tenants of a valid environment. around: its surroundings."""
    return {name: plan_tenant(name, args, around) for name, args in environment.tenants.items()}


def tenancy_problems(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> Iterator[Problem]:
    """What is wrong with the tenants of an environment. pools: the plans of its node pools."""
    around = surroundings(environment, stack)
    yield from (problem.under("tenants") for problem in tenants_problems(environment.tenants, around))
    yield from _shared_problems(environment)
    if environment.flavor == "upstream":
        return
    yield from _volume_problems(environment)
    yield from _file_problems(environment)
    yield from _bucket_problems(environment)
    yield from _role_problems(environment)
    if can_be_counted(environment, pools):
        rows = promised(environment, stack, pools)
        yield from (problem.under("tenants") for problem in promise_problems(environment.tenants, rows))


def can_be_counted(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> bool:
    """Whether what there is can be added up: not where pools, job classes or region are wrong anyway."""
    if pools.keys() != environment.node_pools.keys() or network_of(environment) is None:
        return False
    try:
        plan_job_classes(environment.job_classes, compute(environment, pools), environment.scheduling)
    except InvalidInput:
        return False
    return True


def _shared_problems(environment: Environment) -> Iterator[Problem]:
    """What is wrong with what all tenants share."""
    upstream = environment.flavor == "upstream"
    for name, members in environment.tenancy.groups.items():
        for index, member in enumerate(members):
            kind = member.partition("/")[0]
            if not upstream and not kind.startswith("ram-"):
                message = (
                    "groups do not hold groups" if kind == "group" else "ACK knows ram-user/<id> and ram-role/<id>"
                )
                yield Problem(f"tenancy.groups.{name}[{index}]", member, message)
    if not upstream and "api_server_cidrs" in environment.tenancy.model_fields_set:
        message = "has no effect with flavor: ack, where the API server is in the vSwitches of the nodes; remove it"
        yield Problem("tenancy.apiServerCidrs", list(environment.tenancy.api_server_cidrs), message)
    for index, text in enumerate(environment.tenancy.api_server_cidrs):
        cidr = parse_cidr(text)
        if cidr is None or cidr.prefixlen < WIDEST_NETWORK:
            message = f"not an IPv4 CIDR block without host bits, of /{WIDEST_NETWORK} or smaller"
            yield Problem(f"tenancy.apiServerCidrs[{index}]", text, message)


def _bucket_problems(environment: Environment) -> Iterator[Problem]:
    """Own buckets that have the name of one of the platform's."""
    for name, tenant in environment.tenants.items():
        for full, args in own_buckets(name, tenant, environment.tenancy.groups).items():
            if environment.buckets[full] != args:
                role = full.removeprefix(f"{tenant.id_of(name)}-")
                yield Problem(f"tenants.{name}.buckets.{role}", full, "has the name of one of buckets; give it another")


NETWORK_POLICIES = 100
"""Network policies of a cluster that ACK advises not to exceed.
Source: alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/use-network-policies, read 2026-11-22."""


def tenancy_notes(environment: Environment) -> list[str]:
    """What a platform engineer must know of an environment's tenants, beside the tables."""
    notes: list[str] = []
    spaces = sum(len(tenant.namespaces_of(name)) for name, tenant in environment.tenants.items())
    if spaces > NETWORK_POLICIES:
        notes.append(f"{spaces} namespaces have a network policy each; ACK advises to stay below {NETWORK_POLICIES}.")
    if environment.flavor == "ack" and environment.serverless.maximum_pods:
        notes.append(
            "On nodes Terway enforces the network policies. For serverless pods that takes the add-on Poseidon, which "
            "this program does not install: without it, they reach and are reached as if there were no policies."
        )
    notes += _priority_notes(environment)
    if environment.flavor == "upstream":
        notes.append("Network policies hold where the cluster's network enforces them; kind's default does not.")
    return notes


def _priority_notes(environment: Environment) -> Iterator[str]:
    """Tenants whose workers go before another's on the nodes and after them in OSS: they would wait for data."""
    ranks: dict[str, tuple[int, int]] = {}
    for name, tenant in environment.tenants.items():
        spaces = tenant.namespaces_of(name)
        workers = [
            PRIORITIES[priority_of(args)]
            for args in environment.job_classes.values()
            if args.role == "worker" and spaces.keys() & {*args.namespaces}
        ]
        traffic = environment.throttling.classes.get(tenant.throttling.traffic_class) if tenant.throttling else None
        if workers and traffic is not None:
            ranks[name] = (max(workers), traffic.priority)
    for one, (jobs, bandwidth) in ranks.items():
        behind = [other for other, (others, theirs) in ranks.items() if jobs > others and bandwidth < theirs]
        if behind:
            yield (
                f"Jobs of {one} go before those of {', '.join(behind)} on the nodes, and after them in OSS (traffic "
                "classes), so they may hold nodes and wait for data."
            )


def _volume_problems(environment: Environment) -> Iterator[Problem]:
    """Volumes that show one tenant's part of a bucket to another."""
    for volume, args in environment.volumes.items():
        for index, space in enumerate(args.namespaces):
            for message in refusals(environment, space, args.bucket, args.prefix, writes=not args.read_only):
                yield Problem(f"volumes.{volume}.namespaces[{index}]", space, message)


def refusals(
    environment: Environment, namespace: str, bucket: str | None, prefix: str, *, writes: bool
) -> Iterator[str]:
    """Why a tenant's namespace may not see, or write, a part of a bucket: whose it is, and does not let it."""
    reader = owners(environment).get(namespace)
    for name, tenant in environment.tenants.items() if reader else ():
        parts = [
            (own.bucket, prefix_of(name, tenant, entry), () if writes else own.readers)
            for entry, own in tenant.prefixes.items()
        ]
        parts += [(own, "", ()) for own in own_buckets(name, tenant, {})]
        for whose, part, readers in parts:
            touches = part.startswith(prefix) or prefix.startswith(part)
            if whose == bucket and touches and reader not in (name, *readers):
                does = "write" if writes else "see"
                yield f"belongs to {reader}, and would {does} {whose}/{part} of {name}, which does not let it"


def _file_problems(environment: Environment) -> Iterator[Problem]:
    """Volumes and datasets of file systems through which one tenant would see what another writes, or its homes."""
    spaces = owners(environment)
    homes = [
        (storage.file_system, storage.path, name)
        for name, tenant in environment.tenants.items()
        if tenant.home and (storage := environment.storage_classes.get(tenant.home.storage_class))
    ]
    seen: list[tuple[str, str, str, bool]] = []
    for where, file_system_name, directory, read_only, namespaces in _mounted(environment):
        for index, space in enumerate(namespaces):
            tenant, path = spaces.get(space), f"{where}.namespaces[{index}]"
            if tenant is None:
                continue
            for file_system, root, owner in homes:
                if file_system == file_system_name and overlap(root, directory):
                    message = f"belongs to {tenant}, and would see the homes of {owner} in {file_system}{root}"
                    yield Problem(path, space, message)
                    break
            for file_system, root, other, reads in seen:
                if (file_system, other) == (file_system_name, tenant) or file_system != file_system_name:
                    continue
                if overlap(root, directory) and not (reads and read_only):
                    message = f"belongs to {tenant}; {other} is there, too, and tenants share files only to read them"
                    yield Problem(path, space, message)
                    break
            seen.append((file_system_name, directory, tenant, read_only))


def _mounted(environment: Environment) -> Iterator[tuple[str, str, str, bool, Sequence[str]]]:
    """Directories of file systems that are mounted: the entry, where, whether only to read, in which namespaces."""
    for volume, args in environment.volumes.items():
        if args.file_system is not None:
            yield f"volumes.{volume}", args.file_system, args.path, args.read_only, args.namespaces
    for dataset, args in environment.datasets.items():
        whole = environment.datasets.get(args.of or "", args)
        for mount in whole.mounts.values():
            volume = environment.volumes.get(mount.claim or "")
            file_system = mount.file_system or (volume.file_system if volume else None)
            if file_system is not None:
                root = f"{volume.path.rstrip('/')}{mount.path}" if volume else mount.path
                directory = f"{root.rstrip('/')}{args.directory}" if args.of else root
                writes = CONSISTENCY[whole.consistency].writes
                yield f"datasets.{dataset}", file_system, directory, not writes, args.namespaces


def owners(environment: Environment) -> Mapping[str, str]:
    """The tenant of each namespace: of two that claim one, which is told elsewhere, the first."""
    owners: dict[str, str] = {}
    for name, tenant in environment.tenants.items():
        for space in tenant.namespaces_of(name):
            owners.setdefault(space, name)
    return owners


def overlap(one: str, other: str) -> bool:
    """Whether one directory is the other, or holds it."""
    first, second = (f"{path.rstrip('/')}/" for path in (one, other))
    return first.startswith(second) or second.startswith(first)


def _role_problems(environment: Environment) -> Iterator[Problem]:
    accounts = [role for name, tenant in environment.tenants.items() for role in tenant_roles(name, tenant)]
    for volume, args in environment.volumes.items():
        if volume in accounts and args.bucket is not None and args.role_name is None:
            message = "makes the RAM role of a tenant's service account of that name; give the volume another"
            yield Problem(f"volumes.{volume}", volume, message)
    made = len(roles(environment))
    for key, quota in (
        ("ramRoles", environment.service_quotas.ram_roles),
        ("ramPolicies", environment.service_quotas.ram_policies),
    ):
        if made > quota:
            takers = "volumes, datasets, history and tenants' service accounts"
            message = f"{takers} take {made:,}; have it raised, or need fewer of them"
            yield Problem(f"serviceQuotas.{key}", quota, message)


def promised(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> list[PromiseRow]:
    """The capacity arithmetic of an environment with tenants; none without. pools: the plans of its node pools."""
    if not environment.tenants:
        return []
    return list(promise_rows(environment.tenants, available(environment, stack, pools)))


def available(environment: Environment, stack: str, pools: Mapping[str, NodePoolPlan]) -> Mapping[str, Available]:
    """What an environment on ACK can give to tenants, by the path of a promise.

    Nodes on demand and serverless pods of default quality are firm; spot and best-effort pods may be there. Of a pool
    with several instance types the smallest counts as firm, the largest at most. Nodes count without what ACK reserves.
    """
    open_pools = {name: plan for name, plan in pools.items() if environment.node_pools[name].kind not in OWN_KINDS}
    found: dict[str, Available] = {}
    serverless = _serverless(environment, pools)
    for path, amount, extra in (
        ("vcpu", lambda t: t.vcpu, serverless["vcpu"]),
        ("memoryGib", lambda t: t.memory_gib, serverless["memoryGib"]),
    ):
        firm, most = 0.0, 0.0
        for name, plan in open_pools.items():
            amounts = [amount(instance_type) for instance_type in plan.instance_types] or [0.0]
            firm += 0 if environment.node_pools[name].spot else plan.maximum * min(amounts)
            most += plan.maximum * max(amounts)
        source = f"pools {firm:,.0f} + serverless {extra[0]:,.0f}" if extra[0] else f"pools {firm:,.0f}"
        found[path] = Available(firm + extra[0], most + extra[1], source)
    found |= _gpus(environment, open_pools)
    network = network_of(environment)
    if network is not None and all(plan.pod_addresses_per_node is not None for plan in pools.values()):
        pods = address_needs(environment, pools, network)[0]
        held = pods.after_zone_loss if environment.survive_zone_loss else pods.available
        own = sum(
            plan.maximum * (plan.pod_addresses_per_node or 0) for name, plan in pools.items() if name not in open_pools
        )
        free = min(held - own, environment.service_quotas.pods_per_cluster)
        found["pods"] = Available(free, free, "addresses, and ACK's pods of a cluster")
    guaranteed = _traffic_classes(environment, stack)
    if guaranteed:
        total = sum(guaranteed.values())
        found["throttling"] = Available(total, total, "guarantees of traffic classes")
    for currency, amount in environment.quotas.monthly_cost.items():
        found[f"budget.{currency}"] = Available(amount, amount, "quotas.monthlyCost")
    return found


def _gpus(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> dict[str, Available]:
    whole: dict[str, list[float]] = {}
    shared = [0.0, 0.0]
    for name, plan in pools.items():
        args = environment.node_pools[name]
        firm = 0 if args.spot else plan.maximum
        gpus = [instance_type.gpu for instance_type in plan.instance_types]
        if args.gpu.schedule not in WHOLE_GPUS:
            sizes = [gpu.count * gpu.memory_gb if gpu else 0 for gpu in gpus]
            shared[0] += firm * min(sizes, default=0)
            shared[1] += plan.maximum * max(sizes, default=0)
            continue
        for model in {gpu.model for gpu in gpus if gpu}:
            # A node may be of a type without this model.
            counts = [gpu.count if gpu and gpu.model == model else 0 for gpu in gpus]
            amounts = whole.setdefault(model or "unnamed", [0.0, 0.0])
            amounts[0] += firm * min(counts)
            amounts[1] += plan.maximum * max(counts)
    found = {
        f"gpus.{model}": Available(whole[model][0], whole[model][1], "pools of whole GPUs") for model in sorted(whole)
    }
    return {**found, "gpuMemoryGib": Available(shared[0], shared[1], "pools of shared GPUs")}


def _serverless(environment: Environment, pools: Mapping[str, NodePoolPlan]) -> Mapping[str, tuple[float, float]]:
    """vCPUs and GiB that serverless pods of the job classes can add: firm, and at most."""
    totals = {"vcpu": [0.0, 0.0], "memoryGib": [0.0, 0.0]}
    plans = plan_job_classes(environment.job_classes, compute(environment, pools), environment.scheduling)
    taken = [0, 0]
    for plan in plans.values():
        rungs = [rung for rung in (*plan.rungs, *plan.off_peak_rungs) if rung.kind == "serverless"]
        counts = (
            max((rung.pods for rung in rungs if rung.qos == "default"), default=0),
            max((rung.pods for rung in rungs), default=0),
        )
        for index, count in enumerate(counts):
            # All classes share the pods that find an address.
            pods = min(count, environment.serverless.maximum_pods - taken[index])
            taken[index] += pods
            totals["vcpu"][index] += pods * plan.args.pod.vcpu
            totals["memoryGib"][index] += pods * plan.args.pod.memory_gib
    granted = environment.service_quotas.serverless_vcpu
    parts = [min(1.0, granted / vcpu) if vcpu else 0.0 for vcpu in totals["vcpu"]]
    return {key: (amounts[0] * parts[0], amounts[1] * parts[1]) for key, amounts in totals.items()}


def _gpu_models(environment: Environment) -> list[str]:
    known = catalog.instance_types()
    names = [name for pool in environment.node_pools.values() for name in pool.instance_types]
    gpus = [known[name].gpu for name in names if name in known]
    groups = [group.gpu_model for group in environment.kubernetes.node_groups.values() if group.gpus]
    return sorted({*(gpu.model or "unnamed" for gpu in gpus if gpu is not None), *groups})


def _traffic_classes(environment: Environment, stack: str) -> dict[str, int] | None:
    """Gbit/s of download that each traffic class is guaranteed, as far as it is. None: throttling is off, or wrong."""
    if not environment.throttling.enabled:
        return None
    try:
        plan = plan_throttling(environment.throttling, environment.bucket_names(stack), roles(environment))
    except InvalidInput:
        return None
    guaranteed = {
        row.name: row.worst.items["download_total"]
        for row in plan.table
        if row.kind == "class" and row.worst is not None
    }
    return {name: guaranteed.get(name, 0) for name in environment.throttling.classes}


def _prices(environment: Environment) -> dict[str, PodPrices]:
    """What pods cost, by currency: vCPU and memory as of general-purpose ACS pods, a GPU as its part of the dearest
    node."""
    book, region = catalog.price_book(), environment.region
    vcpu, memory = (book.find(f"acs.general-purpose.default.{item}", region) for item in ("vcpu", "memory"))
    if vcpu is None or memory is None:
        return {}
    known = catalog.instance_types()
    gpus: dict[str, float] = {}
    shared = 0.0
    for pool in environment.node_pools.values():
        for name in (name for name in pool.instance_types if name in known):
            gpu, price = known[name].gpu, book.find(name, region)
            if gpu is None or price is None or price.currency != vcpu.currency:
                continue
            model, each = gpu.model or "unnamed", price.amount / gpu.count
            if pool.gpu.schedule in WHOLE_GPUS:
                gpus[model] = max(gpus.get(model, 0), each)
            else:
                shared = max(shared, each / gpu.memory_gb)
    return {vcpu.currency: PodPrices(vcpu.amount, memory.amount, gpus, shared)}


def _claims(environment: Environment) -> dict[str, tuple[int, int]]:
    """How many claims the platform's volumes, datasets and event logs are in each namespace, and their GiB."""
    found: dict[str, tuple[int, int]] = {}
    for args in (*environment.volumes.values(), *history_claims(environment).values()):
        for space in args.namespaces:
            count, size = found.get(space, (0, 0))
            found[space] = (count + 1, size + args.size_gib)
    for args in environment.datasets.values():
        for space in args.namespaces:
            count, size = found.get(space, (0, 0))
            found[space] = (count + 1, size + CLAIM_GIB)
    return found


def installed(environment: Environment) -> Mapping[str, str]:
    """The namespaces of the systems that run, by their names; where something is wrong with them, of those wanted."""
    try:
        plan = systems_of(environment)
    except InvalidInput:
        wanted = closure(environment.systems, environment.flavor)
        return {name: form_of(name, environment.flavor).data.get("namespace", "kube-system") for name in wanted}
    return {system.name: system.namespace for system in plan}


def network_of(environment: Environment) -> NetworkPlan | None:
    """The plan of an environment's network, None where it has none or a wrong one."""
    if environment.network is None or environment.region not in catalog.regions():
        return None
    try:
        return plan_network(environment.network, environment.region)
    except InvalidInput:
        return None
