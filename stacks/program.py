"""The platform of one environment, composed of components."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.colocation import Colocation
from components.encryption import EncryptionKey, EncryptionKeyArgs
from components.job_classes import JobClasses
from components.network import Network
from components.node_pools import Autoscaler, NodePool, NodePoolArgs
from components.platform import Platform
from components.serverless import Serverless
from components.storage import Bucket

from .environment import ACCESS_LOGS, Environment, compute


def deploy(environment: Environment, stack: str) -> Mapping[str, Any]:
    """Register everything that an environment declares, and give the stack's outputs."""
    if environment.flavor == "upstream":
        return _deploy_upstream(environment)
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
        tags=tags,
        opts=kept,
    )
    buckets = _buckets(environment, stack, key, kept)
    cluster = Cluster(
        "cluster",
        environment.cluster,
        name=name,
        vswitch_ids=[ids[0] for ids in network.node_vswitch_ids.values()],
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
    platform = Platform(
        "platform",
        environment.systems,
        flavor="ack",
        kubernetes_version=environment.cluster.version,
        cluster_id=cluster.cluster_id,
        log_project=cluster.log_project,
        deleted_with=cluster.resource,
        opts=after_system_pools,
    )
    _in_cluster(environment, cluster, pools, [autoscaler, *system_pools], platform)
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
        "nodePools": {pool: resource.node_pool_id for pool, resource in pools.items()},
    }


def _with_fallback(args: NodePoolArgs, environment: Environment) -> NodePoolArgs:
    """A pool as declared; without the ResourcePolicies in the cluster, on-demand instances step in for spot."""
    if args.spot is None or environment.in_cluster:
        return args
    return args.model_copy(update={"spot": args.spot.model_copy(update={"on_demand_fallback": True})})


def _in_cluster(
    environment: Environment,
    cluster: Cluster,
    pools: Mapping[str, NodePool],
    after: Sequence[pulumi.Resource],
    platform: Platform,
) -> None:
    """Register what lies in the cluster itself, through its API server."""
    serverless, colocation = environment.serverless, environment.colocation
    needs_serverless = bool(serverless.profiles or serverless.image_caches)
    # Also where colocation is off, or switching it off would leave its last settings in force.
    koordinated = "koordinator" in platform.systems
    if not environment.in_cluster or not (environment.job_classes or needs_serverless or koordinated):
        return
    provider = kubernetes.Provider(
        "kubernetes",
        kubeconfig=cluster.kubeconfig,
        # Without it, a new kubeconfig, and each update brings one, would replace every resource.
        cluster_identifier=cluster.cluster_id,
        opts=pulumi.ResourceOptions(deleted_with=cluster.resource),
    )
    whole = cluster.resource

    def opts(*systems: str) -> pulumi.ResourceOptions:
        needed = [platform.systems[system] for system in systems if system in platform.systems]
        return pulumi.ResourceOptions(providers=[provider], depends_on=[*after, *needed])

    if needs_serverless:
        zones = environment.network.zones if environment.network else ()
        Serverless(
            "serverless",
            serverless,
            region=environment.region,
            zones=zones,
            deleted_with=whole,
            opts=opts("virtual-node"),
        )
    if koordinated:
        Colocation("colocation", colocation, deleted_with=whole, opts=opts("koordinator"))
    if environment.job_classes:
        JobClasses(
            "job-classes",
            environment.job_classes,
            compute=compute(environment, {name: pool.plan for name, pool in pools.items()}),
            scheduling=environment.scheduling,
            timezone=environment.cluster.timezone,
            deleted_with=whole,
            opts=opts("virtual-node"),
        )


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

    def bucket(role: str, access_logs: Bucket | None) -> Bucket:
        args = environment.buckets[role]
        region = args.replication.region if args.replication else ""
        return Bucket(
            role,
            args,
            bucket=f"{environment.name(stack)}-{role}",
            # Whether log delivery may write with a customer's key is UNCONFIRMED, so the service's own key it is.
            kms_key_id=None if role == ACCESS_LOGS else key.key_id,
            access_log_bucket=access_logs.name if access_logs else None,
            replica_provider=providers.get(region),
            replica_kms_key_id=keys[region].key_id if region in keys else None,
            tags=environment.all_tags(stack),
            opts=opts,
        )

    access_logs = bucket(ACCESS_LOGS, None) if ACCESS_LOGS in environment.buckets else None
    others = {role: bucket(role, access_logs) for role in environment.buckets if role != ACCESS_LOGS}
    return {**({ACCESS_LOGS: access_logs} if access_logs else {}), **others}


def _deploy_upstream(environment: Environment) -> Mapping[str, Any]:
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
        environment.systems,
        flavor="upstream",
        kubernetes_version=settings.version,
        opts=pulumi.ResourceOptions(providers=[provider]),
    )
    return {"systems": [system.name for system in platform.plan]}
