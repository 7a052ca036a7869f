"""Colocation: best-effort pods on what other pods asked for and do not use, by Koordinator (ack-koordinator).

Source of every field and default, unless said otherwise: ACK pages on dynamic resource overcommitment (2026-03-26), CPU
Suppress (2026-06-25), CPU QoS, memory QoS and load-aware hotspot descheduling (2026-03-26).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml
from pydantic import Field

from .inputs import Args, Problem, require_valid

Percent = Annotated[int, Field(ge=1, le=100)]


class DeschedulerArgs(Args):
    """Moves pods from nodes that are used more than others. Switch the descheduler on in the add-on as well: whether
    its API can is UNCONFIRMED. After a change, restart the Deployment kube-system/ack-koord-descheduler."""

    enabled: bool = False
    """Whether its configuration is written."""

    dry_run: bool = True
    """Whether it only says what it would move."""

    interval_seconds: Annotated[int, Field(ge=30, le=300)] = 120
    """Seconds between two rounds, at most five minutes."""

    low_cpu_percent: Percent = 20
    """Nodes below this and the memory's low mark take pods."""

    high_cpu_percent: Percent = 50
    """Nodes above this or the memory's high mark, five rounds long, lose pods."""

    low_memory_percent: Percent = 30
    """Low mark of memory."""

    high_memory_percent: Percent = 60
    """High mark of memory."""

    pod_labels: Mapping[str, str] = {"koordinator.sh/qosClass": "BE"}
    """Labels of the pods that it may move. Default: best-effort pods."""

    excluded_namespaces: Sequence[str] = ("kube-system", "koordinator-system")
    """Namespaces whose pods stay."""


class ColocationArgs(Args):
    """Over-commitment by colocation. Needs the system `koordinator` and a cluster with a Pro specification."""

    enabled: bool = False
    """Whether best-effort pods may have what others do not use."""

    cpu_reclaim_percent: Percent = 65
    """Share of a node's CPU up to which idle CPU is given to best-effort pods."""

    memory_reclaim_percent: Percent = 65
    """The same for memory."""

    memory_by_request: bool = False
    """Whether memory that others asked for counts as used, even if it is not."""

    cpu_suppress_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """CPU utilisation of a node above which best-effort pods get less. None: as `cpuReclaimPercent`, as ACK advises."""

    isolate: bool = True
    """Whether the kernel favours other pods in CPU time and memory. Needs Alibaba Cloud Linux."""

    descheduler: DeschedulerArgs = DeschedulerArgs()
    """Load-aware descheduling."""


def colocation_problems(args: ColocationArgs) -> list[Problem]:
    """What is wrong with colocation; paths are relative to `colocation`."""
    problems: list[Problem] = []
    descheduler = args.descheduler
    for what, low, high in (
        ("Cpu", descheduler.low_cpu_percent, descheduler.high_cpu_percent),
        ("Memory", descheduler.low_memory_percent, descheduler.high_memory_percent),
    ):
        if low >= high:
            message = f"not below descheduler.high{what}Percent = {high}"
            problems.append(Problem(f"descheduler.low{what}Percent", low, message))
    if descheduler.enabled and not args.enabled:
        problems.append(Problem("descheduler.enabled", True, "needs colocation.enabled"))
    return problems


def slo_config(args: ColocationArgs) -> Mapping[str, str]:
    """The data of the ConfigMap `ack-slo-config`: each value a JSON text."""
    suppress = args.cpu_reclaim_percent if args.cpu_suppress_percent is None else args.cpu_suppress_percent
    data: dict[str, Any] = {
        "colocation-config": {
            "enable": args.enabled,
            "metricAggregateDurationSeconds": 60,
            "cpuReclaimThresholdPercent": args.cpu_reclaim_percent,
            "memoryReclaimThresholdPercent": args.memory_reclaim_percent,
            "memoryCalculatePolicy": "request" if args.memory_by_request else "usage",
        },
        "resource-threshold-config": {
            "clusterStrategy": {"enable": args.enabled, "cpuSuppressThresholdPercent": suppress}
        },
    }
    if args.isolate:
        on = {"enable": args.enabled}
        data["resource-qos-config"] = {
            "clusterStrategy": {
                "lsClass": {"cpuQOS": {**on, "groupIdentity": 2}, "memoryQOS": on},
                "beClass": {"cpuQOS": {**on, "groupIdentity": -1}, "memoryQOS": on},
            }
        }
    return {key: json.dumps(value, separators=(",", ":"), sort_keys=True) for key, value in data.items()}


def descheduler_config(args: DeschedulerArgs) -> str:
    """The content of the ConfigMap `koord-descheduler-config`, a YAML text."""
    version = "descheduler/v1alpha2"
    profile = {
        "name": "koord-descheduler",
        "plugins": {
            "balance": {"enabled": [{"name": "LowNodeLoad"}]},
            "evict": {"enabled": [{"name": "MigrationController"}]},
        },
        "pluginConfig": [
            {
                "name": "MigrationController",
                "args": {
                    "apiVersion": version,
                    "kind": "MigrationControllerArgs",
                    "defaultJobMode": "EvictDirectly",
                    "evictLocalStoragePods": False,
                },
            },
            {
                "name": "LowNodeLoad",
                "args": {
                    "apiVersion": version,
                    "kind": "LowNodeLoadArgs",
                    "lowThresholds": {"cpu": args.low_cpu_percent, "memory": args.low_memory_percent},
                    "highThresholds": {"cpu": args.high_cpu_percent, "memory": args.high_memory_percent},
                    "anomalyCondition": {"consecutiveAbnormalities": 5},
                    "detectorCacheTimeout": "5m",
                    "evictableNamespaces": {"exclude": list(args.excluded_namespaces)},
                    "podSelectors": [{"name": "evictable", "selector": {"matchLabels": dict(args.pod_labels)}}],
                },
            },
        ],
    }
    configuration = {
        "apiVersion": version,
        "kind": "DeschedulerConfiguration",
        # ACK's page says not to change the lease.
        "leaderElection": {
            "resourceLock": "leases",
            "resourceName": "koord-descheduler",
            "resourceNamespace": "kube-system",
        },
        "deschedulingInterval": f"{args.interval_seconds}s",
        "dryRun": args.dry_run,
        "profiles": [profile],
    }
    return yaml.safe_dump(configuration, sort_keys=False)


class Colocation(pulumi.ComponentResource):
    """The configuration of Koordinator in a cluster.

    Let it depend on the system `koordinator`. Needs a Kubernetes provider of the cluster in `opts`.
    """

    def __init__(
        self,
        resource_name: str,
        args: ColocationArgs,
        *,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the configuration.

        deleted_with: the cluster's resource, whose end makes its removal needless. Raises `InvalidInput` with all
        problems before anything is registered.
        """
        require_valid(colocation_problems(args))
        super().__init__("ack-ai-blueprint:colocation:Colocation", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        # Other features keep settings in the same ConfigMap, so only its keys of colocation are ours.
        kubernetes.core.v1.ConfigMapPatch(
            f"{resource_name}-slo",
            metadata={
                "name": "ack-slo-config",
                "namespace": "kube-system",
                "annotations": {"pulumi.com/patchForce": "true"},
            },
            data=slo_config(args),
            opts=child,
        )
        if args.descheduler.enabled:
            kubernetes.core.v1.ConfigMapPatch(
                f"{resource_name}-descheduler",
                metadata={
                    "name": "koord-descheduler-config",
                    "namespace": "kube-system",
                    "annotations": {"pulumi.com/patchForce": "true"},
                },
                data={"koord-descheduler-config": descheduler_config(args.descheduler)},
                opts=child,
            )
        self.register_outputs({})
