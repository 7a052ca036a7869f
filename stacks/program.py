"""The platform of one environment, composed of components."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from components.admission import AdmissionPolicies
from components.alarms import StorageAlarms
from components.cache import DatasetArgs, DatasetCloud, Datasets
from components.cluster import Cluster
from components.colocation import Colocation
from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.file_systems import FileSystem
from components.history import History, HistoryPlan
from components.job_classes import JobClasses
from components.logs import LogCollection, StorePlan
from components.logs.planning import COLLECTORS
from components.network import Network
from components.node_pools import Autoscaler, NodePool, NodePoolArgs
from components.observability import CostReport, Monitoring, report_volume
from components.observability.report import CLAIM
from components.platform import Platform
from components.queues import Queues
from components.registry import Registry
from components.serverless import Serverless
from components.storage import Bucket
from components.tenancy import CloudResources, Surroundings, Tenant, TenantMembers, TenantRoles
from components.throttling import Throttling
from components.throttling.wire import DIRECTIONS
from components.training import TrainingRuntimes
from components.volumes import VolumeArgs, Volumes

from .datasets import FLUID, dataset_surroundings
from .environment import ACCESS_LOGS, Environment, bucket_owners, compute
from .gatekeeper import SYSTEMS as ADMISSION_SYSTEMS
from .gatekeeper import admission_plan
from .history import history_plan
from .logs import log_plan, log_stores
from .observability import PROMETHEUS, monitoring_plan, report_bucket, watched_systems
from .queues import SYSTEMS, gpu_flavors, queue_plan
from .systems import placement_of, systems_of
from .tenancy import surroundings


def deploy(environment: Environment, stack: str) -> Mapping[str, Any]:
    """Register everything that an environment declares, and give the stack's outputs."""
    if environment.flavor == "upstream":
        return _deploy_upstream(environment, stack)
    return _deploy_ack(environment, stack)


def _deploy_ack(environment: Environment, stack: str) -> Mapping[str, Any]:
    network_args = environment.network
    assert network_args is not None, "checked when the environment was loaded"
    name, tags, protected = environment.name(stack), environment.all_tags(stack), environment.protection
    provider = alicloud.Provider("alicloud", region=environment.region)
    opts = pulumi.ResourceOptions(providers=[provider])
    kept = pulumi.ResourceOptions(providers=[provider], protect=protected)

    network = Network(
        "network",
        network_args,
        name=name,
        region=environment.region,
        deletion_protection=protected,
        tags=tags,
        opts=kept,
    )
    key = EncryptionKey(
        "encryption",
        environment.encryption,
        name=name,
        description=f"Secrets and buckets of {name}",
        deletion_protection=protected,
        # What outlives the environment must stay readable.
        retain=any(args.retain and args.encryption == "kms" for args in environment.file_systems.values())
        or any(tenant.buckets and tenant.removal == "keep" for tenant in environment.tenants.values()),
        tags=tags,
        opts=kept,
    )
    buckets = _buckets(environment, stack, key, kept)
    node_vswitch_ids = {zone: ids[0] for zone, ids in network.node_vswitch_ids.items()}
    file_systems = {
        file_system: FileSystem(
            file_system,
            args,
            name=f"{name}-{file_system}",
            region=environment.region,
            vpc_id=network.vpc_id,
            vpc_cidr=network_args.cidr,
            vswitch_ids=node_vswitch_ids,
            kms_key_id=key.key_id,
            tags=tags,
            opts=kept,
        )
        for file_system, args in environment.file_systems.items()
    }
    registry = environment.registry and Registry(
        "registry",
        environment.registry,
        name=name,
        region=environment.region,
        vpc_id=network.vpc_id,
        vswitch_id=next(iter(node_vswitch_ids.values())),
        tags=tags,
        opts=kept,
    )
    cluster = Cluster(
        "cluster",
        environment.cluster,
        name=name,
        vswitch_ids=list(node_vswitch_ids.values()),
        pod_vswitch_ids=[switch for ids in network.pod_vswitch_ids.values() for switch in ids],
        security_group_id=network.security_group_id,
        encryption_key_id=key.key_id,
        deletion_protection=protected,
        tags=tags,
        opts=kept,
    )
    pools = {
        pool: NodePool(
            pool,
            _with_fallback(args, environment),
            name=f"{name}-{pool}",
            cluster_id=cluster.cluster_id,
            vswitch_ids=[switch for zone in environment.zones_of(args) for switch in network.node_vswitch_ids[zone]],
            security_group_id=network.security_group_id,
            tags=tags,
            opts=opts,
        )
        for pool, args in environment.node_pools.items()
    }
    system_pools = [pools[pool] for pool, args in environment.node_pools.items() if args.kind == "system"]
    after_system_pools = pulumi.ResourceOptions(providers=[provider], depends_on=system_pools)
    autoscaler = Autoscaler(
        "autoscaler",
        environment.autoscaler,
        cluster_id=cluster.cluster_id,
        pools=environment.node_pools,
        scaling_group_ids={pool: resource.scaling_group_id for pool, resource in pools.items()},
        opts=after_system_pools,
    )
    inside = _inside(environment, cluster, provider, [autoscaler, *system_pools])
    platform = Platform(
        "platform",
        watched_systems(environment, stack),
        network_policies=environment.operators.network_policies,
        kubectl_image=environment.scheduling.kubectl_image,
        cluster_id=cluster.cluster_id,
        log_project=cluster.log_project,
        deleted_with=cluster.resource,
        opts=inside() if inside else after_system_pools,
    )
    tenants = _tenants(environment, stack, cluster, key, registry, platform, inside, opts)
    job_classes = inside and _in_cluster(environment, cluster, pools, platform, tenants, inside)
    if inside:
        _queues(environment, stack, platform, tenants, inside, deleted_with=cluster.resource)
        _admission(environment, stack, platform, tenants, inside, cluster)
    volumes = None
    if environment.volumes or environment.storage_classes:
        volumes = Volumes(
            "volumes",
            environment.volumes,
            environment.storage_classes,
            name=name,
            region=environment.region,
            buckets={role: bucket.name for role, bucket in buckets.items()},
            file_systems=environment.file_systems,
            mounts={file_system: resource.mount for file_system, resource in file_systems.items()},
            rrsa_provider_arn=cluster.rrsa_provider_arn,
            rrsa_issuer_url=cluster.rrsa_issuer_url,
            kms_key_id=key.key_id,
            tags=tags,
            deleted_with=cluster.resource,
            in_cluster=inside is not None,
            # The namespaces come first.
            opts=inside(*_used(_spaces(environment.volumes), tenants, job_classes)) if inside else opts,
        )
    datasets = None
    if environment.datasets:
        autoscalers = [platform.systems.get(system) for system in ("cron-autoscaler", "keda")]
        datasets = Datasets(
            "datasets",
            environment.datasets,
            environment.caching,
            around=dataset_surroundings(environment, stack, {name: pool.plan for name, pool in pools.items()}),
            cloud=DatasetCloud(
                rrsa_provider_arn=cluster.rrsa_provider_arn,
                rrsa_issuer_url=cluster.rrsa_issuer_url,
                kms_key_id=key.key_id,
            ),
            mounts={file_system: resource.mount for file_system, resource in file_systems.items()},
            in_cluster=inside is not None,
            tags=tags,
            deleted_with=cluster.resource,
            opts=inside(
                *(platform.systems.get(FLUID), *autoscalers, volumes),
                *_used(_spaces(environment.datasets), tenants, job_classes),
                *(buckets[role] for role in _cached(environment)),
            )
            if inside
            else opts,
        )
    history = None
    shown = history_plan(environment, stack)
    if shown is not None and (shown.spark or shown.ray):
        history = History(
            "history",
            shown,
            name=name,
            region=environment.region,
            buckets={role: bucket.name for role, bucket in buckets.items()},
            rrsa_provider_arn=cluster.rrsa_provider_arn,
            rrsa_issuer_url=cluster.rrsa_issuer_url,
            kms_key_id=key.key_id,
            tags=tags,
            deleted_with=cluster.resource,
            in_cluster=inside is not None,
            opts=inside(*_used(_shown(shown), tenants, job_classes), *(buckets[role] for role in _kept(shown)))
            if inside
            else opts,
        )
    watching = platform.systems.get(PROMETHEUS)
    _monitoring(
        environment,
        stack,
        inside(watching) if inside else pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=watching)),
        in_cluster=inside is not None,
        cluster=cluster,
    )
    _logs(environment, stack, network, cluster, platform, tenants, inside, opts)
    if inside:
        _cost_report(environment, stack, inside, cluster, buckets, key, watching)
    limits = _throttling(environment, stack, buckets, volumes, datasets, history, tenants)
    if not environment.notifications.silent:
        StorageAlarms(
            "storage-alarms",
            environment.notifications,
            environment.storage_alarms,
            name=name,
            buckets={role: bucket.name for role, bucket in buckets.items()},
            limits=limits,
            opts=opts,
        )
    return {
        "clusterId": cluster.cluster_id,
        "apiServerIntranet": cluster.api_server_intranet,
        "kubeconfig": cluster.kubeconfig,
        "rrsaProviderArn": cluster.rrsa_provider_arn,
        "vpcId": network.vpc_id,
        "nodeVswitchIds": network.node_vswitch_ids,
        "podVswitchIds": network.pod_vswitch_ids,
        "securityGroupId": network.security_group_id,
        "egressAddress": network.egress_address,
        "logProject": cluster.log_project,
        "buckets": {role: bucket.name for role, bucket in buckets.items()},
        **({"fileSystems": {n: r.file_system_id for n, r in file_systems.items()}} if file_systems else {}),
        **({"registry": registry.instance_id} if registry else {}),
        "nodePools": {pool: resource.node_pool_id for pool, resource in pools.items()},
        **(
            {"tenants": {n: [space.name for space in r.plan.namespaces] for n, r in tenants.items()}} if tenants else {}
        ),
    }


def _cached(environment: Environment) -> list[str]:
    """The buckets that datasets are of, by their roles."""
    mounts = [mount for args in environment.datasets.values() for mount in args.mounts.values()]
    return sorted({mount.bucket for mount in mounts if mount.bucket is not None})


def _used(
    namespaces: Iterable[str], tenants: Mapping[str, Tenant], job_classes: JobClasses | None = None
) -> list[pulumi.Resource]:
    """Those of some namespaces that are made here."""
    spaces = dict(job_classes.namespaces) if job_classes else {}
    spaces |= {name: space for tenant in tenants.values() for name, space in tenant.namespaces.items()}
    used = {*namespaces}
    return [space for name, space in spaces.items() if name in used]


def _shown(plan: HistoryPlan) -> set[str]:
    """The namespaces whose jobs have a history server."""
    return {space for server in (*plan.spark, *plan.ray) for space in server.namespaces}


def _kept(plan: HistoryPlan) -> list[str]:
    """The buckets with event logs, by their roles."""
    return sorted({entry.bucket for entry in (plan.args.spark, plan.args.ray) if entry is not None})


def _spaces(entries: Mapping[str, VolumeArgs] | Mapping[str, DatasetArgs]) -> set[str]:
    """The namespaces in which volumes or datasets have claims."""
    return {space for args in entries.values() for space in args.namespaces}


def _with_fallback(args: NodePoolArgs, environment: Environment) -> NodePoolArgs:
    """A pool as declared; without the ResourcePolicies in the cluster, on-demand instances step in for spot."""
    if args.spot is None or environment.in_cluster:
        return args
    return args.model_copy(update={"spot": args.spot.model_copy(update={"on_demand_fallback": True})})


def _inside(
    environment: Environment,
    cluster: Cluster,
    alicloud_provider: alicloud.Provider,
    after: Sequence[pulumi.Resource],
) -> Callable[..., pulumi.ResourceOptions] | None:
    """Options of what lies in the cluster itself, behind its API server; None where nothing does.

    They take the resources that come first, None for those that are not there.
    """
    wanted = (
        *(environment.job_classes, environment.volumes, environment.storage_classes, environment.tenants),
        environment.datasets,
        *(environment.history.spark, environment.history.ray),
        *(environment.serverless.profiles, environment.serverless.image_caches),
        # Koordinator also where colocation is off, or switching it off would leave its last settings in force.
        *(system.in_cluster or system.name == "koordinator" for system in systems_of(environment)),
    )
    if not environment.in_cluster or not any(wanted):
        return None
    provider = kubernetes.Provider(
        "kubernetes",
        kubeconfig=cluster.kubeconfig,
        # Without it, a new kubeconfig, and each update brings one, would replace every resource.
        cluster_identifier=cluster.cluster_id,
        opts=pulumi.ResourceOptions(deleted_with=cluster.resource),
    )

    def opts(*first: pulumi.Resource | None) -> pulumi.ResourceOptions:
        needed = [resource for resource in first if resource is not None]
        return pulumi.ResourceOptions(providers=[alicloud_provider, provider], depends_on=[*after, *needed])

    return opts


def _in_cluster(
    environment: Environment,
    cluster: Cluster,
    pools: Mapping[str, NodePool],
    platform: Platform,
    tenants: Mapping[str, Tenant],
    opts: Callable[..., pulumi.ResourceOptions],
) -> JobClasses | None:
    """Register serverless profiles, colocation and job classes."""
    serverless = environment.serverless
    virtual_node, koordinator = (platform.systems.get(system) for system in ("virtual-node", "koordinator"))
    whole = cluster.resource
    if serverless.profiles or serverless.image_caches:
        zones = environment.network.zones if environment.network else ()
        Serverless(
            "serverless",
            serverless,
            region=environment.region,
            zones=zones,
            deleted_with=whole,
            opts=opts(virtual_node),
        )
    if koordinator is not None:
        Colocation("colocation", environment.colocation, deleted_with=whole, opts=opts(koordinator))
    if not environment.job_classes:
        return None
    return JobClasses(
        "job-classes",
        environment.job_classes,
        compute=compute(environment, {name: pool.plan for name, pool in pools.items()}),
        scheduling=environment.scheduling,
        timezone=environment.cluster.timezone,
        existing={name: space for tenant in tenants.values() for name, space in tenant.namespaces.items()},
        deleted_with=whole,
        opts=opts(virtual_node),
    )


def _queues(
    environment: Environment,
    stack: str,
    platform: Platform,
    tenants: Mapping[str, Tenant],
    opts: Callable[..., pulumi.ResourceOptions],
    deleted_with: pulumi.Resource | None = None,
) -> None:
    """Register the queues, behind the systems that they are and the namespaces that they serve, and what training jobs
    run on."""
    if "trainer" in platform.systems:
        TrainingRuntimes("training", deleted_with=deleted_with, opts=opts(platform.systems["trainer"]))
    plan = queue_plan(environment, stack)
    if not plan.nodes:
        return
    spaces = [space for tenant in tenants.values() for space in tenant.namespaces.values()]
    Queues(
        "queues",
        plan,
        gpu_flavors=gpu_flavors(environment),
        # On ACK the job classes make them.
        priority_classes=environment.flavor == "upstream",
        deleted_with=deleted_with,
        opts=opts(*(platform.systems.get(name) for name in SYSTEMS[plan.engine]), *spaces),
    )


def _admission(
    environment: Environment,
    stack: str,
    platform: Platform,
    tenants: Mapping[str, Tenant],
    opts: Callable[..., pulumi.ResourceOptions],
    cluster: Cluster | None = None,
) -> None:
    """Register what Gatekeeper holds, behind it and the namespaces that it is about."""
    plan = admission_plan(environment, stack)
    if plan is None:
        return
    spaces = [space for tenant in tenants.values() for space in tenant.namespaces.values()]
    AdmissionPolicies(
        "admission",
        plan,
        cluster_id=cluster.cluster_id if cluster else None,
        deleted_with=cluster.resource if cluster else None,
        opts=opts(*(platform.systems[name] for name in ADMISSION_SYSTEMS[plan.flavor]), *spaces),
    )


def _monitoring(
    environment: Environment,
    stack: str,
    opts: pulumi.ResourceOptions,
    *,
    in_cluster: bool = True,
    cluster: Cluster | None = None,
) -> None:
    """Register what watches the cluster. opts: behind the system that does."""
    plan = monitoring_plan(environment, stack)
    if plan is None:
        return
    Monitoring(
        "monitoring",
        plan,
        name=environment.name(stack),
        namespace=plan.watched.systems[PROMETHEUS],
        cluster_id=cluster.cluster_id if cluster else None,
        in_cluster=in_cluster,
        deleted_with=cluster.resource if cluster else None,
        opts=opts,
    )


def _logs(
    environment: Environment,
    stack: str,
    network: Network,
    cluster: Cluster,
    platform: Platform,
    tenants: Mapping[str, Tenant],
    inside: Callable[..., pulumi.ResourceOptions] | None,
    outside: pulumi.ResourceOptions,
) -> None:
    """Register what collects logs on ACK, behind the system that does. inside, outside: as of the tenants."""
    plan = log_plan(environment, stack)
    if plan is None:
        return
    LogCollection(
        "logs",
        plan,
        project=cluster.log_project,
        tenants=tenants,
        cluster_id=cluster.cluster_id,
        vpc_id=network.vpc_id,
        in_cluster=inside is not None,
        deleted_with=cluster.resource,
        opts=inside(*(platform.systems.get(name) for name in COLLECTORS["ack"])) if inside else outside,
    )


def _cost_report(
    environment: Environment,
    stack: str,
    opts: Callable[..., pulumi.ResourceOptions],
    cluster: Cluster | None = None,
    buckets: Mapping[str, Bucket] | None = None,
    key: EncryptionKey | None = None,
    watching: pulumi.Resource | None = None,
) -> None:
    """Register the monthly report of costs. watching: the system that it asks."""
    plan = monitoring_plan(environment, stack)
    bucket = report_bucket(environment)
    if plan is None or not plan.reports or (cluster and bucket is None):
        return
    namespace = plan.watched.systems[PROMETHEUS]
    volume = cluster and Volumes(
        "cost-report-volume",
        {CLAIM: report_volume(bucket or "", namespace)},
        name=environment.name(stack),
        region=environment.region,
        buckets={role: bucket.name for role, bucket in (buckets or {}).items()},
        rrsa_provider_arn=cluster.rrsa_provider_arn,
        rrsa_issuer_url=cluster.rrsa_issuer_url,
        kms_key_id=key.key_id if key else None,
        tags=environment.all_tags(stack),
        deleted_with=cluster.resource,
        opts=opts(watching),
    )
    CostReport(
        "cost-report",
        plan,
        namespace=namespace,
        cluster_id=cluster.cluster_id if cluster else None,
        watching=watching,
        placement=placement_of(environment),
        volume=volume,
        deleted_with=cluster.resource if cluster else None,
        opts=opts(watching),
    )


def _tenants(
    environment: Environment,
    stack: str,
    cluster: Cluster,
    key: EncryptionKey,
    registry: Registry | None,
    platform: Platform,
    inside: Callable[..., pulumi.ResourceOptions] | None,
    outside: pulumi.ResourceOptions,
) -> Mapping[str, Tenant]:
    """Register the tenants on ACK. inside, outside: options of what lies in the cluster, and of the rest."""
    if not environment.tenants:
        return {}
    identities = platform.systems.get("pod-identity")
    roles = inside and TenantRoles("tenant-roles", deleted_with=cluster.resource, opts=inside())
    tenants = _each_tenant(
        environment,
        surroundings(environment, stack),
        log_stores(log_plan(environment, stack)),
        cloud=CloudResources(
            cluster_id=cluster.cluster_id,
            rrsa_provider_arn=cluster.rrsa_provider_arn,
            rrsa_issuer_url=cluster.rrsa_issuer_url,
            kms_key_id=key.key_id,
            log_project=cluster.log_project,
            registry_instance_id=registry.instance_id if registry else None,
        ),
        in_cluster=inside is not None,
        tags=environment.all_tags(stack),
        deleted_with=cluster.resource,
        opts=inside(roles, identities) if inside else outside,
    )
    if inside:
        TenantMembers(
            "tenant-members",
            list(tenants.values()),
            cluster_id=cluster.cluster_id,
            opts=inside(roles),
        )
    return tenants


def _each_tenant(
    environment: Environment, around: Surroundings, stores: Mapping[str, StorePlan], **shared: Any
) -> dict[str, Tenant]:
    made_before = {space for args in environment.job_classes.values() for space in args.namespaces}
    parent = "ack-ai-blueprint:job_classes:JobClasses::job-classes"
    urn = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{parent}"
    return {
        name: Tenant(
            f"tenant-{name}",
            name,
            args,
            around=around,
            log_store=stores.get(name),
            # Before a tenant owned it, a namespace of a job class was made with the class.
            namespace_aliases={
                space: [pulumi.Alias(name=f"job-classes-{space}", parent=urn)]
                for space in args.namespaces_of(name)
                if space in made_before
            },
            **shared,
        )
        for name, args in environment.tenants.items()
    }


def _throttling(
    environment: Environment,
    stack: str,
    buckets: Mapping[str, Bucket],
    volumes: Volumes | None,
    datasets: Datasets | None,
    history: History | None,
    tenants: Mapping[str, Tenant],
) -> Mapping[str, Mapping[str, float]]:
    """Register the throttles; gives what each bucket can get at most, in Gbit/s by role and direction."""
    if not environment.throttling.enabled:
        return {}
    throttling = Throttling(
        "throttling",
        environment.throttling,
        region=environment.region,
        buckets=environment.bucket_names(stack),
        role_ids={
            **(volumes.role_ids if volumes else {}),
            **({f"dataset-{name}": role_id for name, role_id in datasets.role_ids.items()} if datasets else {}),
            **(history.role_ids if history else {}),
            **{role: role_id for tenant in tenants.values() for role, role_id in tenant.role_ids.items()},
        },
        after=[*buckets.values(), *([volumes] if volumes else [])],
    )
    return {
        row.name: {
            direction: row.best.items[f"{direction}_total"]
            for direction in DIRECTIONS
            if f"{direction}_total" in row.best.finite
        }
        for row in throttling.plan.table
        if row.kind == "bucket"
    }


def _buckets(
    environment: Environment, stack: str, key: EncryptionKey, opts: pulumi.ResourceOptions
) -> Mapping[str, Bucket]:
    regions = {args.replication.region: args for args in environment.buckets.values() if args.replication}
    providers = {region: alicloud.Provider(f"alicloud-{region}", region=region) for region in regions}
    keys = {
        region: EncryptionKey(
            f"encryption-{region}",
            EncryptionKeyArgs(),
            name=f"{environment.name(stack)}-copies",
            description=f"Copies of buckets of {environment.name(stack)}",
            deletion_protection=environment.protection,
            tags=environment.all_tags(stack),
            opts=pulumi.ResourceOptions(providers=[provider], protect=opts.protect),
        )
        for region, provider in providers.items()
        if any(
            args.replication.region == region and args.replication.kms_key_id is None
            for args in environment.buckets.values()
            if args.replication
        )
    }

    owners = bucket_owners(environment)

    def bucket(role: str, access_logs: Bucket | None) -> Bucket:
        args = environment.buckets[role]
        owner = environment.tenants.get(owners.get(role, ""))
        own = {"tenant": owners[role], "cost-center": owner.cost_center} if owner else {}
        region = args.replication.region if args.replication else ""
        return Bucket(
            role,
            args,
            bucket=environment.bucket_names(stack)[role],
            # Whether log delivery may write with a customer's key is UNCONFIRMED, so the service's own key it is.
            kms_key_id=None if role == ACCESS_LOGS else key.key_id,
            access_log_bucket=access_logs.name if access_logs else None,
            replica_provider=providers.get(region),
            replica_kms_key_id=keys[region].key_id if region in keys else None,
            retain=owner is not None and owner.removal == "keep",
            tags={**environment.all_tags(stack), **own},
            # Protection would win over `retain`, and nobody could be removed.
            opts=opts if owner is None else pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=False)),
        )

    access_logs = bucket(ACCESS_LOGS, None) if ACCESS_LOGS in environment.buckets else None
    others = {role: bucket(role, access_logs) for role in environment.buckets if role != ACCESS_LOGS}
    return {**({ACCESS_LOGS: access_logs} if access_logs else {}), **others}


def _deploy_upstream(environment: Environment, stack: str) -> Mapping[str, Any]:
    settings = environment.kubernetes
    provider = kubernetes.Provider(
        "kubernetes",
        kubeconfig=None if settings.kubeconfig is None else pulumi.Output.secret(settings.kubeconfig),
        context=settings.context,
        # Without it, any change of the kubeconfig would replace every resource.
        cluster_identifier=settings.context or "upstream",
    )
    platform = Platform(
        "platform",
        watched_systems(environment, stack),
        network_policies=environment.operators.network_policies,
        opts=pulumi.ResourceOptions(providers=[provider]),
    )
    tenants: Mapping[str, Tenant] = {}
    if environment.tenants:
        first = [platform, TenantRoles("tenant-roles", opts=pulumi.ResourceOptions(providers=[provider]))]
        options = pulumi.ResourceOptions(providers=[provider], depends_on=first)
        tenants = _each_tenant(environment, surroundings(environment, stack), {}, opts=options)

    def opts(*needed: pulumi.Resource | None) -> pulumi.ResourceOptions:
        first = [resource for resource in needed if resource is not None]
        return pulumi.ResourceOptions(providers=[provider], depends_on=first)

    _queues(environment, stack, platform, tenants, opts)
    _admission(environment, stack, platform, tenants, opts)
    watching = platform.systems.get(PROMETHEUS)
    _monitoring(environment, stack, opts(watching))
    _cost_report(environment, stack, opts, watching=watching)
    if environment.datasets:
        Datasets(
            "datasets",
            environment.datasets,
            environment.caching,
            around=dataset_surroundings(environment, stack, {}),
            opts=opts(
                platform.systems.get(FLUID),
                platform.systems.get("keda"),
                *_used(_spaces(environment.datasets), tenants),
            ),
        )
    shown = history_plan(environment, stack)
    if shown is not None and (shown.spark or shown.ray):
        History("history", shown, opts=opts(*_used(_shown(shown), tenants)))
    return {
        "systems": [system.name for system in platform.plan],
        **(
            {"tenants": {n: [space.name for space in r.plan.namespaces] for n, r in tenants.items()}} if tenants else {}
        ),
    }
