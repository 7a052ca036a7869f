"""The resources of node pools and of their autoscaler."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pulumi
import pulumi_alicloud as alicloud

from ..inputs import require_valid
from .args import AutoscalerArgs, NodePoolArgs, Reserved
from .planning import SHARED_MEMORY_SCHEDULES, NodePoolPlan, autoscaler_problems, plan_node_pool


class NodePool(pulumi.ComponentResource):
    """A managed node pool with encrypted disks, no public address, no password and hardened instance metadata.

    Example:

        NodePool("data", NodePoolArgs(kind="cpu", instance_types=["ecs.g8i.4xlarge"], size=3),
                 name="acme-data-dev-data", cluster_id=cluster.cluster_id, vswitch_ids=[...],
                 security_group_id=network.security_group_id)
    """

    node_pool_id: pulumi.Output[str]
    """Id of the pool, as in the node label `alibabacloud.com/nodepool-id`."""

    scaling_group_id: pulumi.Output[str]
    """Id of the pool's scaling group."""

    plan: NodePoolPlan
    """The decisions behind the resource."""

    def __init__(
        self,
        resource_name: str,
        args: NodePoolArgs,
        *,
        name: str,
        cluster_id: pulumi.Input[str],
        vswitch_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the pool and register it.

        resource_name: also the nodes' label `node-pool`; name: name of the pool in the cloud; vswitch_ids: the node
        vSwitches of its zones. Raises `InvalidInput` with all problems before anything is registered.
        """
        self.plan = plan = plan_node_pool(args, resource_name)
        super().__init__("ack-ai-blueprint:node_pools:NodePool", resource_name, None, opts)
        scaling, spot, ecs = args.autoscaling, args.spot, args.lingjun is None
        pool = alicloud.cs.NodePool(
            f"{resource_name}-pool",
            node_pool_name=name,
            cluster_id=cluster_id,
            vswitch_ids=list(vswitch_ids),
            security_group_ids=([security_group_id]) if ecs else None,
            type="lingjun" if args.lingjun else None,
            eflo_node_group=(
                {"cluster_id": args.lingjun.cluster_id, "group_id": args.lingjun.group_id} if args.lingjun else None
            ),
            instance_types=list(args.instance_types) or None,
            instance_charge_type=("PostPaid") if ecs else None,
            image_type=(plan.image_type) if ecs else None,
            key_name=args.key_pair,
            desired_size=None if scaling else str(plan.minimum),
            scaling_config=(
                {
                    "enable": True,
                    "min_size": scaling.minimum,
                    "max_size": scaling.maximum,
                    "type": _scaling_type(args),
                }
                if scaling
                else None
            ),
            scaling_policy=("release") if ecs else None,
            multi_az_policy=("COST_OPTIMIZED" if spot else "BALANCE") if ecs else None,
            spot_strategy=("NoSpot" if spot is None else "SpotWithPriceLimit" if spot.price_limits else "SpotAsPriceGo")
            if ecs
            else None,
            spot_price_limits=(
                [
                    {"instance_type": name, "price_limit": format(Decimal(str(price)), "f")}
                    for name, price in spot.price_limits.items()
                ]
                if spot and spot.price_limits
                else None
            ),
            spot_instance_pools=spot.instance_pools if spot else None,
            spot_instance_remedy=True if spot else None,
            on_demand_base_capacity="0" if spot else None,
            on_demand_percentage_above_base_capacity="0" if spot else None,
            compensate_with_on_demand=spot.on_demand_fallback if spot else None,
            system_disk_category=("cloud_essd") if ecs else None,
            system_disk_performance_level=(args.system_disk.performance_level) if ecs else None,
            system_disk_size=(args.system_disk.size_gib) if ecs else None,
            system_disk_encrypted=(True) if ecs else None,
            data_disks=[
                {
                    "category": "cloud_essd",
                    "performance_level": disk.performance_level,
                    "size": disk.size_gib,
                    "encrypted": "true",
                    "auto_format": "true",
                    "file_system": disk.file_system,
                    "mount_target": disk.mount_path,
                }
                for disk in args.data_disks
            ]
            or None,
            pre_user_data=plan.pre_user_data,
            labels=[{"key": key, "value": value} for key, value in sorted(plan.labels.items())],
            taints=[{"key": t.key, "value": t.value, "effect": t.effect} for t in plan.taints],
            cpu_policy=(args.kubelet.cpu_manager_policy) if ecs else None,
            kubelet_configuration=_kubelet(args),
            management={
                "enable": True,
                "auto_repair": args.auto_repair,
                "auto_repair_policy": {"restart_node": True},
                "auto_upgrade": args.auto_upgrade,
                "auto_upgrade_policy": {"auto_upgrade_kubelet": True} if args.auto_upgrade else None,
                "auto_vul_fix": args.auto_fix_vulnerabilities,
                "auto_vul_fix_policy": (
                    {"vul_level": "asap", "restart_node": False} if args.auto_fix_vulnerabilities else None
                ),
                "max_unavailable": args.update.maximum_unavailable,
            },
            rolling_policy={
                "max_parallelism": args.update.maximum_parallelism,
                "pause_policy": args.update.pause,
                "batch_interval": _text(args.update.batch_interval_minutes),
            },
            instance_metadata_options=({"http_tokens": "required"}) if ecs else None,
            install_cloud_monitor=(True) if ecs else None,
            tags=tags,
            # A scaling type cannot be changed (vendor's API model of node pools, February 2026), and names are unique.
            opts=pulumi.ResourceOptions(
                parent=self, replace_on_changes=["scalingConfig.type"], delete_before_replace=True
            ),
        )
        self.node_pool_id = pool.node_pool_id
        self.scaling_group_id = pool.scaling_group_id
        self.register_outputs({"nodePoolId": self.node_pool_id, "scalingGroupId": self.scaling_group_id})


def _scaling_type(args: NodePoolArgs) -> str:
    if args.spot:
        return "spot"
    if args.kind != "gpu":
        return "cpu"
    return "gpushare" if args.gpu.schedule in SHARED_MEMORY_SCHEDULES else "gpu"


def _kubelet(args: NodePoolArgs) -> alicloud.cs.NodePoolKubeletConfigurationArgsDict | None:
    kubelet = args.kubelet
    configuration: alicloud.cs.NodePoolKubeletConfigurationArgsDict = {
        "max_pods": _text(args.max_pods),
        "cpu_manager_policy": "static" if kubelet.cpu_manager_policy == "static" else None,
        "topology_manager_policy": kubelet.topology_manager_policy,
        "kube_reserved": _reserved(kubelet.kube_reserved),
        "system_reserved": _reserved(kubelet.system_reserved),
        "eviction_hard": {str(name): amount for name, amount in kubelet.eviction_hard.items()} or None,
        "pod_pids_limit": _text(kubelet.pod_pids_limit),
    }
    return configuration if any(value is not None for value in configuration.values()) else None


def _reserved(amounts: Reserved) -> dict[str, str] | None:
    named = {"cpu": amounts.cpu, "memory": amounts.memory, "ephemeral-storage": amounts.ephemeral_storage}
    return {name: amount for name, amount in named.items() if amount is not None} or None


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


class Autoscaler(pulumi.ComponentResource):
    """The node autoscaler of a cluster, one a cluster.

    It runs on the cluster's nodes, so let it depend on a pool that always has some. Destroying it leaves its settings
    in force: the scaler goes with the cluster. Needs the service role AliyunCSManagedAutoScalerRole. A cluster cannot
    leave goatscaler for cluster-autoscaler again without a support ticket (ACK page on instant elasticity, 2026-03-03).
    """

    def __init__(
        self,
        resource_name: str,
        args: AutoscalerArgs,
        *,
        cluster_id: pulumi.Input[str],
        pools: Mapping[str, NodePoolArgs] | None = None,
        scaling_group_ids: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the autoscaler's configuration.

        pools, scaling_group_ids: by pool name, needed with `priorities`. Raises `InvalidInput` with all problems before
        anything is registered.
        """
        require_valid(autoscaler_problems(args, pools or {}))
        super().__init__("ack-ai-blueprint:node_pools:Autoscaler", resource_name, None, opts)
        groups: dict[str, list[pulumi.Input[str]]] = {}
        for pool, priority in args.priorities.items():
            groups.setdefault(str(priority), []).append((scaling_group_ids or {})[pool])
        alicloud.cs.AutoscalingConfig(
            f"{resource_name}-config",
            cluster_id=cluster_id,
            scaler_type=args.scaler,
            expander=args.expander,
            priorities={priority: pulumi.Output.concat(*_joined(ids)) for priority, ids in groups.items()} or None,
            utilization_threshold=str(args.utilization_threshold),
            gpu_utilization_threshold=str(args.gpu_utilization_threshold),
            # The names mislead: the provider maps cool_down_duration to ScaleDownUnneededTime and unneeded_duration to
            # ScaleDownDelayAfterAdd (terraform-provider-alicloud@81c43b67, resource_alicloud_cs_autoscaling_config.go).
            cool_down_duration=f"{args.unneeded_minutes}m",
            unneeded_duration=f"{args.cool_down_minutes}m",
            max_graceful_termination_sec=args.graceful_termination_minutes * 60,
            # The provider never sends false, so what is false is left out.
            daemonset_eviction_for_nodes=True if args.evict_daemonset_pods else None,
            skip_nodes_with_local_storage=True if args.keep_nodes_with_local_storage else None,
            scan_interval=None if args.scan_seconds is None else f"{args.scan_seconds}s",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def _joined(ids: Sequence[pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    return [part for index, group in enumerate(ids) for part in ((",", group) if index else (group,))]
