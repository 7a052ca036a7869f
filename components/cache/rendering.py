"""The objects of Fluid and of its autoscalers that datasets are made of.

Fields: fluid-cloudnative/fluid v1.0.8 (30 October 2025), api/v1alpha1 and pkg/ddc; CronHorizontalPodAutoscaler:
AliyunContainerService/kubernetes-cronhpa-controller @31c63be; ScaledObject: keda.sh/docs/2.17.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..job_classes.planning import KEEP
from .args import CachingArgs, MasterArgs, RuntimeKind, SecretKey
from .planning import MEDIUM_TYPES, ZONE_LABEL, DatasetPlan, load_schedule

API_VERSION = "data.fluid.io/v1alpha1"
KINDS: Mapping[RuntimeKind, str] = {
    "jindo": "JindoRuntime",
    "alluxio": "AlluxioRuntime",
    "juicefs": "JuiceFSRuntime",
    "thin": "ThinRuntime",
}
NFS_PROFILE = "nfs"
"""Name of the ThinRuntimeProfile of file systems."""

NETWORKS = {"host": "HostNetwork", "container": "ContainerNetwork"}
CLEAN_UP = {"when-unused": "OnDemand", "with-dataset": "OnRuntimeDeleted"}
WORKER_ROLES: Mapping[RuntimeKind, str] = {
    "jindo": "jindofs-worker",
    "alluxio": "alluxio-worker",
    "juicefs": "juicefs-worker",
    "thin": "thin-worker",
}
"""The label `role` of workers' pods, beside `release`, which is the dataset's name."""

CLAIM_GIB = 1
"""GiB that the claim of a dataset shows, whatever its size: Fluid's own 100 PiB would count against quotas."""

METADATA_PATH = "/root/jindofs-meta"
"""Where the master of a JindoRuntime keeps its metadata on a volume. Source: seed 003."""

CLAIM_SIZE = {"pvc.fluid.io/resources.requests.storage": f"{CLAIM_GIB}Gi"}
STAYS = {"podMetadata": {"annotations": {KEEP: "false", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}}
"""Annotations that keep a pod's node from scale-in: a worker that goes takes what it cached along."""

Manifest = Mapping[str, Any]


def render(plan: DatasetPlan, mounts: Mapping[str, Any], caching: CachingArgs) -> list[Manifest]:
    """What of a dataset lies in the namespace of caches: the dataset, its runtime, its operations, its autoscaler.

    mounts: the mount points of file systems, by the mounts' names, which only the cloud can name. Nothing for a
    dataset that is a part of another.
    """
    if plan.source:
        return []
    return [_dataset(plan, mounts), _runtime(plan), *_operations(plan), *_scaling(plan, caching)]


def claims(plan: DatasetPlan) -> list[Manifest]:
    """The dataset in each of its namespaces: a reference, from which Fluid makes the claim of its name. It makes their
    ThinRuntimes, too."""
    return [
        {
            "apiVersion": API_VERSION,
            "kind": "Dataset",
            "metadata": {
                "name": plan.name,
                "namespace": namespace,
                "annotations": CLAIM_SIZE,
            },
            "spec": {
                "mounts": [{"mountPoint": mount, "name": plan.name}],
                "accessModes": [plan.options.access_mode],
            },
        }
        for namespace, mount in plan.claims.items()
    ]


def profile(caching: CachingArgs) -> Manifest:
    """The ThinRuntimeProfile with which file systems are mounted. Source: fluid v1.0.8, addons/nfs."""
    image, _, tag = caching.nfs_image.rpartition(":")
    fuse = {
        "image": image,
        "imageTag": tag,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/entrypoint.sh"],
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "ThinRuntimeProfile",
        "metadata": {"name": NFS_PROFILE},
        "spec": {"fileSystemType": "nfs", "fuse": fuse},
    }


def _metadata(plan: DatasetPlan, suffix: str = "") -> dict[str, Any]:
    return {"name": f"{plan.name}{suffix}", "namespace": plan.namespace}


def _dataset(plan: DatasetPlan, mounts: Mapping[str, Any]) -> Manifest:
    args = plan.args
    alone = len(args.mounts) == 1
    points = {**plan.mount_points, **mounts}
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in plan.node_selector.items()]
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Dataset",
        "metadata": {**_metadata(plan), "annotations": CLAIM_SIZE},
        "spec": {
            "mounts": [
                {
                    "name": name,
                    "mountPoint": points[name],
                    "path": "/" if alone else f"/{name}",
                    **({"options": options} if (options := plan.mount_options(mount)) else {}),
                    **({"encryptOptions": _secrets(mount.secrets)} if mount.secrets else {}),
                }
                for name, mount in args.mounts.items()
            ],
            "accessModes": [plan.options.access_mode],
            "placement": "Shared" if args.runtime.share_nodes else "Exclusive",
            # Fluid tells readers' pods of a zone by these terms, too.
            **({"nodeAffinity": affinity} if expressions else {}),
            **({"tolerations": list(plan.tolerations)} if plan.tolerations else {}),
        },
    }


def _secrets(secrets: Mapping[str, SecretKey]) -> list[dict[str, Any]]:
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": secret.key}}}
        for name, secret in sorted(secrets.items())
    ]


def _runtime(plan: DatasetPlan) -> Manifest:
    spec = {"jindo": _jindo, "alluxio": _alluxio, "juicefs": _juicefs, "thin": _thin}[plan.kind](plan)
    return {"apiVersion": API_VERSION, "kind": KINDS[plan.kind], "metadata": _metadata(plan), "spec": spec}


def _jindo(plan: DatasetPlan) -> dict[str, Any]:
    runtime, options = plan.args.runtime, plan.options
    metadata = runtime.master.metadata
    master: dict[str, Any] = {
        "replicas": runtime.master.replicas,
        "resources": _master_resources(runtime.master),
        **_nodes(plan),
        **STAYS,
    }
    if metadata is not None:
        master["volumeMounts"] = [{"name": "metadata", "mountPath": METADATA_PATH}]
    properties = {**options.shared, **({"namespace.meta-dir": METADATA_PATH} if metadata is not None else {})}
    if properties:
        master["properties"] = properties
    return {
        "replicas": plan.workers,
        "networkmode": NETWORKS[runtime.network],
        **({"secret": plan.secret} if plan.statements else {}),
        "tieredstore": _tiers(plan),
        "master": master,
        "worker": {"resources": _worker_resources(plan), **_nodes(plan), **STAYS},
        "fuse": {
            "resources": _fuse_resources(plan),
            "cleanPolicy": CLEAN_UP[runtime.fuse.clean_up],
            "args": [f"-o{argument}" for argument in _written(options.arguments)],
            **({"properties": dict(options.client)} if options.client else {}),
        },
        **(
            {"volumes": [{"name": "metadata", "persistentVolumeClaim": {"claimName": metadata_claim(plan)}}]}
            if metadata is not None
            else {}
        ),
    }


def metadata_claim(plan: DatasetPlan) -> str:
    """Name of the claim of the master's volume."""
    return f"{plan.name}-metadata"


def _alluxio(plan: DatasetPlan) -> dict[str, Any]:
    runtime, options = plan.args.runtime, plan.options
    network = {"networkMode": NETWORKS[runtime.network]}
    return {
        "replicas": plan.workers,
        "tieredstore": _tiers(plan),
        "properties": {**options.shared, **options.client},
        "master": {
            "replicas": runtime.master.replicas,
            "resources": _master_resources(runtime.master),
            **_selector(plan),
            **network,
            **STAYS,
        },
        "worker": {"resources": _worker_resources(plan), **_selector(plan), **network, **STAYS},
        "fuse": {
            "resources": _fuse_resources(plan),
            "cleanPolicy": CLEAN_UP[runtime.fuse.clean_up],
            "args": ["fuse", f"--fuse-opts={','.join(_written(options.arguments))}"],
            **network,
        },
        **_management(plan),
    }


def _juicefs(plan: DatasetPlan) -> dict[str, Any]:
    runtime, options = plan.args.runtime, plan.options
    network = {"networkMode": NETWORKS[runtime.network]}
    return {
        "replicas": plan.workers,
        "tieredstore": _tiers(plan),
        "worker": {
            "resources": _worker_resources(plan),
            **_selector(plan),
            **network,
            **STAYS,
            **({"options": dict(options.worker)} if options.worker else {}),
        },
        "fuse": {
            "resources": _fuse_resources(plan),
            "cleanPolicy": CLEAN_UP[runtime.fuse.clean_up],
            "options": dict(options.client),
            **network,
        },
        **_management(plan),
    }


def _thin(plan: DatasetPlan) -> dict[str, Any]:
    fuse = {"resources": _fuse_resources(plan), "cleanPolicy": CLEAN_UP[plan.args.runtime.fuse.clean_up]}
    return {"profileName": NFS_PROFILE, "fuse": fuse}


def _management(plan: DatasetPlan) -> dict[str, Any]:
    clean_up = plan.args.runtime.clean_up
    if clean_up is None:
        return {}
    policy = {"gracePeriodSeconds": clean_up.grace_seconds, "maxRetryAttempts": clean_up.attempts}
    return {"management": {"cleanCachePolicy": policy}}


def _selector(plan: DatasetPlan) -> dict[str, Any]:
    return {"nodeSelector": dict(plan.node_selector)} if plan.node_selector else {}


def _nodes(plan: DatasetPlan) -> dict[str, Any]:
    return {**_selector(plan), **({"tolerations": list(plan.tolerations)} if plan.tolerations else {})}


def _tiers(plan: DatasetPlan) -> dict[str, Any]:
    """One level. A list of sizes wherever there are several directories, since JindoRuntime reads past the end of a
    single one; and no size that Kubernetes writes in Ti, which it takes for another number (fluid v1.0.8)."""
    tier = plan.tier
    if tier is None:
        return {}
    quotas = [quota - (quota % 1024 == 0) for quota in tier.quotas.values()]
    size = (
        {"quota": f"{quotas[0]}Gi"} if len(quotas) == 1 else {"quotaList": ",".join(f"{quota}Gi" for quota in quotas)}
    )
    level = {
        "mediumtype": MEDIUM_TYPES[tier.medium],
        "volumeType": "emptyDir" if tier.medium == "memory" else "hostPath",
        "path": ",".join(tier.quotas),
        **size,
        "high": f"{tier.high:g}",
        "low": f"{tier.low:g}",
    }
    return {"levels": [level]}


def _written(arguments: Mapping[str, str | None]) -> list[str]:
    return [name if value is None else f"{name}={value}" for name, value in arguments.items()]


def _amounts(vcpu: float, memory_gib: float) -> dict[str, str]:
    return {"cpu": f"{round(vcpu * 1000)}m", "memory": f"{round(memory_gib * 1024)}Mi"}


def _master_resources(master: MasterArgs) -> dict[str, Any]:
    limit = {"limits": {"memory": f"{round(master.memory_limit_gib * 1024)}Mi"}} if master.memory_limit_gib else {}
    return {"requests": _amounts(master.vcpu, master.memory_gib), **limit}


def _worker_resources(plan: DatasetPlan) -> dict[str, Any]:
    worker, tier = plan.args.runtime.worker, plan.tier
    cached = tier.quota_gib if tier is not None and tier.medium == "memory" else 0
    return {"requests": _amounts(worker.vcpu, worker.memory_gib + cached)}


def _fuse_resources(plan: DatasetPlan) -> dict[str, Any]:
    fuse = plan.args.runtime.fuse
    return {"requests": _amounts(fuse.vcpu, fuse.memory_gib)}


def _operations(plan: DatasetPlan) -> Iterator[Manifest]:
    args = plan.args
    kinds = {
        **dict.fromkeys(args.loads, "DataLoad"),
        **dict.fromkeys(args.processes, "DataProcess"),
        **dict.fromkeys(args.migrations, "DataMigrate"),
    }

    def after(name: str | None) -> dict[str, Any]:
        if name is None:
            return {}
        return {"runAfter": {"kind": kinds[name], **_metadata(plan, f"-{name}")}}

    if args.refresh is not None:
        yield _load(plan, "refresh", args.refresh, ["/"], metadata=True)
    for name, load in args.loads.items():
        if load.on_event:
            continue  # Jobs make it themselves.
        made = _load(plan, name, load_schedule(load, plan), load.paths, metadata=load.metadata)
        yield {**made, "spec": {**made["spec"], **after(load.after)}}
    for name, process in args.processes.items():
        image, _, tag = process.image.rpartition(":")
        script = {
            "image": image,
            "imageTag": tag,
            "command": ["sh"],
            "source": process.script,
            "restartPolicy": "Never",
        }
        yield {
            "apiVersion": API_VERSION,
            "kind": "DataProcess",
            "metadata": _metadata(plan, f"-{name}"),
            "spec": {
                "dataset": {**_metadata(plan), "mountPath": process.mount_path},
                "processor": {"script": script},
                **after(process.after),
            },
        }
    for name, migration in args.migrations.items():
        elsewhere = {
            "externalStorage": {
                "uri": migration.source or migration.target,
                **({"encryptOptions": _secrets(migration.secrets)} if migration.secrets else {}),
            }
        }
        here = {"dataset": {**_metadata(plan), "path": migration.path}}
        yield {
            "apiVersion": API_VERSION,
            "kind": "DataMigrate",
            "metadata": _metadata(plan, f"-{name}"),
            "spec": {
                "from": elsewhere if migration.source else here,
                "to": here if migration.source else elsewhere,
                **_policy(migration.schedule),
                **after(migration.after),
            },
        }


def _policy(schedule: str | None) -> dict[str, Any]:
    return {"policy": "Once"} if schedule is None else {"policy": "Cron", "schedule": schedule}


def _load(plan: DatasetPlan, name: str, schedule: str | None, paths: Sequence[str], *, metadata: bool) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": "DataLoad",
        "metadata": _metadata(plan, f"-{name}"),
        "spec": {
            # Fluid does not find a dataset without it.
            "dataset": _metadata(plan),
            "loadMetadata": metadata,
            "target": [{"path": path, "replicas": plan.args.runtime.copies} for path in paths],
            **({"tolerations": list(plan.tolerations)} if plan.tolerations else {}),
            **_policy(schedule),
        },
    }


def _scaling(plan: DatasetPlan, caching: CachingArgs) -> Iterator[Manifest]:
    scaling = plan.args.scaling
    target = {"apiVersion": API_VERSION, "kind": KINDS[plan.kind], "name": plan.name}
    if plan.kind == "jindo" and scaling.windows:
        jobs = [
            {"name": f"{name}-{when}", "schedule": f"0 {cron}", "targetSize": workers}
            for name, window in scaling.windows.items()
            for when, cron, workers in (("start", window.start, window.workers), ("end", window.end, plan.workers))
        ]
        yield {
            "apiVersion": "autoscaling.alibabacloud.com/v1beta1",
            "kind": "CronHorizontalPodAutoscaler",
            "metadata": _metadata(plan),
            "spec": {"scaleTargetRef": target, "jobs": jobs},
        }
    elif scaling.windows or scaling.metric is not None:
        triggers: list[dict[str, Any]] = [
            {
                "type": "cron",
                "name": name,
                "metadata": {
                    "timezone": caching.timezone,
                    "start": window.start,
                    "end": window.end,
                    "desiredReplicas": str(window.workers),
                },
            }
            for name, window in scaling.windows.items()
        ]
        metric = scaling.metric
        if metric is not None:
            metadata = {"serverAddress": metric.server, "query": metric.query, "threshold": f"{metric.per_worker:g}"}
            triggers.append({"type": "prometheus", "name": "metric", "metadata": metadata})
        most = [plan.workers, *(window.workers for window in scaling.windows.values())]
        yield {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": _metadata(plan),
            "spec": {
                "scaleTargetRef": target,
                "minReplicaCount": plan.workers,
                "maxReplicaCount": max([*most, *([metric.maximum] if metric else [])]),
                "triggers": triggers,
            },
        }


def scaled(plan: DatasetPlan) -> bool:
    """Whether something else than this program sets the number of workers."""
    return bool(plan.args.scaling.windows or plan.args.scaling.metric)


def node_requirements(plan: DatasetPlan) -> list[dict[str, Any]]:
    """What nodes of pods that mount a dataset must be: no virtual ones, where Fluid mounts nothing, and where it must
    not cross zones, in that of the workers."""
    found: list[dict[str, Any]] = [{"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}]
    if not plan.args.cross_zone:
        found.append({"key": ZONE_LABEL, "operator": "In", "values": [plan.zone]})
    return found


def node_preferences(plan: DatasetPlan) -> list[dict[str, Any]]:
    """What nodes such pods go to first: those that hold a part of the cache, then those of its zone. As Fluid's webhook
    weighs them, which knows no nodes of a reference (fluid v1.0.8)."""
    held = {"key": f"fluid.io/s-{plan.namespace}-{plan.source or plan.name}", "operator": "Exists"}
    found: list[dict[str, Any]] = []
    if plan.kind != "thin":
        found.append({"weight": 100, "preference": {"matchExpressions": [held]}})
    if plan.zone:
        zone = {"key": ZONE_LABEL, "operator": "In", "values": [plan.zone]}
        found.append({"weight": 50, "preference": {"matchExpressions": [zone]}})
    return found


def waitable(plan: DatasetPlan) -> bool:
    """Whether pods can wait until all of it is cached. JindoRuntime alone says 100 % just then (fluid v1.0.8)."""
    whole = plan.delivery is None or plan.delivery.hits == 1
    return plan.kind == "jindo" and whole and not scaled(plan)
