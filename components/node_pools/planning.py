"""What a pool will be, and what pods can get of its nodes."""

import base64
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .. import catalog
from ..catalog import InstanceType
from ..inputs import InvalidInput, Problem, one_of
from .args import AutoscalerArgs, DataDisk, NodePoolArgs, SystemDisk, Taint

DISK_SIZES: Mapping[str, range] = {
    "PL0": range(40, 2049),
    "PL1": range(40, 2049),
    "PL2": range(461, 2049),
    "PL3": range(1261, 2049),
}
"""System disk sizes in GiB by performance level; 40 GiB is the least that holds the node images.
Source: pulumi-alicloud 4.0.0, cs.NodePool.system_disk_size."""

MEMORY_INTENSIVE_GIB_PER_VCPU = 7
"""Memory a vCPU that instance types of a pool of kind `memory` have at least; the r families have 8 GiB."""

SHARED_MEMORY_SCHEDULES = frozenset({"cgpu", "core_mem", "share", "mps"})
"""GPU modes in which pods ask for GPU memory and not for whole GPUs."""

VISIBLE_MEMORY = 0.94
"""Share of an instance type's memory that its kernel shows to Kubernetes. From the example of ACK's page on resource
reservation (8 GiB shown as 7,925,980 KiB); larger nodes show more, so this is on the safe side."""

MEBIBYTES = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024}

LOCAL_DISK_PATH = "/mnt/nvme"
"""Local NVMe disks are mounted at `/mnt/nvme0`, `/mnt/nvme1` and so on, the paths of Fluid's tiers."""


@dataclass(frozen=True)
class Allocatable:
    """What pods can get of one node, before DaemonSets take their part. GPU memory is in GiB a card."""

    instance_type: InstanceType
    vcpu: float
    memory_gib: float
    pods: int | None
    gpus: int
    gpu_memory_gib: int


@dataclass(frozen=True)
class NodePoolPlan:
    """What a pool will be.

    pods_per_node: what the scheduler may put on one node, None where no source gives the instance type's limit;
    pod_addresses_per_node: the most addresses that one node can take; allocatable: by instance type, in their order;
    local_disk_paths: where the local disks of the type with the fewest are mounted.
    """

    instance_types: Sequence[InstanceType]
    minimum: int
    maximum: int
    labels: Mapping[str, str]
    taints: Sequence[Taint]
    image_type: str
    pods_per_node: int | None
    pod_addresses_per_node: int | None
    allocatable: Sequence[Allocatable]
    local_disk_paths: Sequence[str]
    pre_user_data: str | None

    @property
    def architecture(self) -> str:
        """CPU architecture, as in the label kubernetes.io/arch."""
        arm = self.instance_types and self.instance_types[0].architecture == "arm64"
        return "arm64" if arm else "amd64"


def plan_node_pool(args: NodePoolArgs, pool: str = "") -> NodePoolPlan:
    """Decide what a pool will be.

    pool: its name among the pools, for the label `node-pool`; "" for none. Raises `InvalidInput` with all problems.
    """
    known = catalog.instance_types()
    types = [known[name] for name in args.instance_types if name in known]
    problems = [*_type_problems(args, types), *_size_problems(args, types), *_other_problems(args, types)]
    if problems:
        raise InvalidInput(problems)
    allocatable = [_allocatable(instance_type, args) for instance_type in types]
    for node in allocatable:
        if node.vcpu <= 0 or node.memory_gib <= 0:
            had = f"{node.instance_type.vcpu} vCPU, {node.instance_type.memory_gib:g} GiB"
            raise InvalidInput([Problem("kubelet", None, f"reserves all that {node.instance_type.name} has ({had})")])
    limits = [_pod_limit(instance_type, args) for instance_type in types]
    sourced = [limit for limit in limits if limit is not None]
    complete = bool(limits) and len(sourced) == len(limits)
    disks = min((t.local_disks.count if t.local_disks else 0 for t in types), default=0) if args.kind == "cache" else 0
    return NodePoolPlan(
        instance_types=types,
        minimum=args.autoscaling.minimum if args.autoscaling else args.size or 0,
        maximum=args.autoscaling.maximum if args.autoscaling else args.size or 0,
        labels={**_own_labels(args, pool), **args.labels},
        taints=[*_own_taints(args, types), *args.taints],
        image_type=args.image_type or ("AliyunLinux3Arm64" if _is_arm(types) else "AliyunLinux3"),
        pods_per_node=args.max_pods or (min(sourced) if complete else None),
        pod_addresses_per_node=args.max_pods or (max(sourced) if complete else None),
        allocatable=allocatable,
        local_disk_paths=[f"{LOCAL_DISK_PATH}{index}" for index in range(disks)],
        pre_user_data=_mount_local_disks(types, disks) if disks else None,
    )


def _is_arm(types: Sequence[InstanceType]) -> bool:
    return bool(types) and types[0].architecture == "arm64"


def _own_labels(args: NodePoolArgs, pool: str) -> dict[str, str]:
    labels = {"workload": args.kind}
    if pool:
        labels["node-pool"] = pool
    if args.kind == "gpu":
        # Removing the label does not restore exclusive use, so `default` is written out.
        labels["ack.node.gpu.schedule"] = args.gpu.schedule
        if args.gpu.placement:
            labels["ack.node.gpu.placement"] = args.gpu.placement
        if args.gpu.driver_version:
            labels["ack.aliyun.com/nvidia-driver-version"] = args.gpu.driver_version
    if args.spot is not None:
        labels["spot"] = "true"
    if args.erdma:
        labels["erdma"] = "true"
    return labels


def _own_taints(args: NodePoolArgs, types: Sequence[InstanceType]) -> list[Taint]:
    taints: list[Taint] = []
    if args.kind in ("gpu", "lingjun"):
        taints.append(Taint(key="nvidia.com/gpu"))
    if args.kind in ("cache", "memory"):
        taints.append(Taint(key="workload", value=args.kind))
    if _is_arm(types):
        taints.append(Taint(key="kubernetes.io/arch", value="arm64"))
    if args.spot is not None:
        taints.append(Taint(key="spot", value="true"))
    return taints


def _pod_limit(instance_type: InstanceType, args: NodePoolArgs) -> int | None:
    """Pods that Terway can give an address on one node, without the interfaces that it keeps for eRDMA.

    The reserve is min(2, ERI) interfaces from 8 on and min(1, ERI) from 3 on; the number of ERIs has no source, so the
    most counts. Source: Terway pkg/aliyun/client/limit.go, 2026-07-23.
    """
    if not args.erdma or instance_type.eni is None or instance_type.ipv4_per_eni is None:
        return instance_type.pods
    reserved = 2 if instance_type.eni >= 8 else 1 if instance_type.eni >= 3 else 0
    return (instance_type.eni - 1 - reserved) * instance_type.ipv4_per_eni


def _allocatable(instance_type: InstanceType, args: NodePoolArgs) -> Allocatable:
    """What ACK's default reservation leaves: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of
    the rest; and of the memory min(11 MiB x pods + 255 MiB, a quarter) plus 200 MiB, of which 100 MiB are the
    kubelet's default threshold of eviction.

    Source: github cloudpilot-ai/karpenter-provider-alibabacloud@19a5e48 pkg/providers/instancetype/types.go, which
    cites ACK's page on resource reservation and adds the 200 MiB from what it saw; read 2026-11-22.
    """
    limit = _pod_limit(instance_type, args)
    pods = args.max_pods or limit
    kubelet = args.kubelet
    visible = instance_type.memory_gib * 1024 * VISIBLE_MEMORY
    cores = instance_type.vcpu
    vcpu = 0.06 * min(cores, 1) + 0.01 * min(max(cores - 1, 0), 1) + 0.005 * min(max(cores - 2, 0), 2)
    reserved_vcpu = vcpu + 0.0025 * max(cores - 4, 0)
    evicted = mebibytes_of(kubelet.eviction_hard.get("memory.available", "100Mi"), visible)
    reserved_mib = min(11 * (pods or 256) + 255, instance_type.memory_gib * 1024 / 4) + 100 + evicted
    reserved = [kubelet.kube_reserved, kubelet.system_reserved]
    cpu = [cores_of(amounts.cpu) for amounts in reserved if amounts.cpu]
    memory = [mebibytes_of(amounts.memory, visible) for amounts in reserved if amounts.memory]
    if cpu:
        reserved_vcpu = sum(cpu)
    if memory:
        reserved_mib = sum(memory) + evicted
    gpu = instance_type.gpu
    return Allocatable(
        instance_type=instance_type,
        vcpu=round(cores - reserved_vcpu, 3),
        memory_gib=round((visible - reserved_mib) / 1024, 2),
        pods=pods,
        gpus=gpu.count if gpu else 0,
        gpu_memory_gib=int(gpu.memory_gb) if gpu else 0,
    )


def cores_of(quantity: str) -> float:
    """A Kubernetes quantity of CPU, such as `500m` or `2`, as cores."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def mebibytes_of(quantity: str, whole: float) -> float:
    """A Kubernetes quantity of memory, such as `2Gi` or `5%` of a whole, as MiB."""
    if quantity.endswith("%"):
        return float(quantity[:-1]) / 100 * whole
    unit = quantity[-2:]
    return float(quantity[:-2]) * MEBIBYTES[unit] if unit in MEBIBYTES else float(quantity) / 1024**2


def _type_problems(args: NodePoolArgs, types: Sequence[InstanceType]) -> Iterator[Problem]:
    known = catalog.instance_types()
    if (args.kind == "lingjun") == bool(args.instance_types):
        message = (
            "are given by the Lingjun node group; leave them out" if args.instance_types else "missing; name 1 to 10"
        )
        yield Problem("instanceTypes", list(args.instance_types), message)
    for index, name in enumerate(args.instance_types):
        path = f"instanceTypes[{index}]"
        if name not in known:
            yield Problem(path, name, one_of(name, known, "an instance type of the catalog"))
            continue
        instance_type = known[name]
        if name in args.instance_types[:index]:
            yield Problem(path, name, "stands twice; name each instance type once")
        if instance_type.architecture != types[0].architecture:
            yield Problem(
                path,
                name,
                f"is {instance_type.architecture}, but {types[0].name} is {types[0].architecture}; use one",
            )
        for message in _unfit(args, instance_type):
            yield Problem(path, name, message)


def _unfit(args: NodePoolArgs, instance_type: InstanceType) -> Iterator[str]:
    if args.kind == "gpu" and instance_type.gpu is None:
        yield "has no GPU; a pool of kind gpu needs instance types with GPUs"
    if args.kind not in ("gpu", "lingjun") and instance_type.gpu is not None:
        yield "has GPUs; use kind: gpu"
    if args.kind == "cache" and (instance_type.local_disks is None or instance_type.local_disks.medium != "NVMe"):
        yield "has no local NVMe disk; a pool of kind cache needs one, such as ecs.i4.8xlarge"
    if args.kind == "memory" and instance_type.memory_gib / instance_type.vcpu < MEMORY_INTENSIVE_GIB_PER_VCPU:
        ratio = f"{instance_type.memory_gib / instance_type.vcpu:g} GiB a vCPU"
        yield f"has {ratio}; a pool of kind memory needs {MEMORY_INTENSIVE_GIB_PER_VCPU} or more, as ecs.r8i.4xlarge"
    if args.erdma and not instance_type.erdma:
        yield "has no eRDMA in the catalog; leave erdma out, or use a type such as ecs.gn8is.4xlarge"


def _size_problems(args: NodePoolArgs, types: Sequence[InstanceType]) -> Iterator[Problem]:
    if args.size is not None and args.autoscaling is not None:
        yield Problem(
            "size",
            args.size,
            "a pool is either fixed (size) or autoscaled (autoscaling), never both: they would fight",
        )
    if args.size is None and args.autoscaling is None:
        yield Problem("size", None, "missing; give size or autoscaling")
    if args.autoscaling is not None and args.autoscaling.maximum < args.autoscaling.minimum:
        yield Problem(
            "autoscaling.maximum", args.autoscaling.maximum, f"below autoscaling.minimum = {args.autoscaling.minimum}"
        )
    yield from _disk_problems("systemDisk", args.system_disk, DISK_SIZES[args.system_disk.performance_level])
    for index, disk in enumerate(args.data_disks):
        sizes = range(DISK_SIZES[disk.performance_level][0], 32_769)
        yield from _disk_problems(f"dataDisks[{index}]", disk, sizes)
        plain = posixpath.normpath(f"/{disk.mount_path.strip('/')}")
        if disk.mount_path != plain or plain == "/":
            message = "not a path below /" if plain == "/" else f"not a plain path; write {plain}"
            yield Problem(f"dataDisks[{index}].mountPath", disk.mount_path, message)
        if args.kind == "cache" and round(disk.size_gib * 1024**3 / 10**9) in _local_sizes(types):
            message = "is as large as a local disk, from which the nodes could not tell it; take another size"
            yield Problem(f"dataDisks[{index}].sizeGib", disk.size_gib, message)
        if disk.mount_path in [other.mount_path for other in args.data_disks[:index]]:
            yield Problem(f"dataDisks[{index}].mountPath", disk.mount_path, "stands twice; mount each disk elsewhere")


def _disk_problems(path: str, disk: SystemDisk | DataDisk, sizes: range) -> Iterator[Problem]:
    if disk.size_gib not in sizes:
        message = f"a {disk.performance_level} disk has {sizes[0]:,} to {sizes[-1]:,} GiB"
        yield Problem(f"{path}.sizeGib", disk.size_gib, message)


def _other_problems(args: NodePoolArgs, types: Sequence[InstanceType]) -> Iterator[Problem]:
    limits = [
        (limit, t.name) for t in types if (t.erdma or not args.erdma) and (limit := _pod_limit(t, args)) is not None
    ]
    if args.max_pods is not None and limits and args.max_pods > min(limits)[0]:
        limit, name = min(limits)
        erdma = " beside eRDMA" if args.erdma else ""
        yield Problem("maxPods", args.max_pods, f"Terway can give {name} {limit} pods at most{erdma}")
    if args.image_type is not None and types and _is_arm(types) != args.image_type.endswith("Arm64"):
        yield Problem("imageType", args.image_type, f"does not run on {types[0].name} ({types[0].architecture})")
    yield from _spot_problems(args)
    yield from _gpu_problems(args)
    yield from _lingjun_problems(args)
    for key in args.labels:
        if key in _own_labels(args, "any"):
            yield Problem(f"labels.{key}", args.labels[key], "is set by the pool itself; remove it")
    taints = [(taint.key, taint.effect) for taint in (*_own_taints(args, types), *args.taints)]
    own = len(taints) - len(args.taints)
    for index, taint in enumerate(args.taints):
        if taints[own + index] in taints[: own + index]:
            message = f"the effect {taint.effect} of this key stands twice, or is set by the pool itself; remove one"
            yield Problem(f"taints[{index}].key", taint.key, message)
    update = args.update
    if update.batch_interval_minutes is not None and update.pause != "NotPause":
        yield Problem("update.batchIntervalMinutes", update.batch_interval_minutes, "needs update.pause = NotPause")
    if args.key_pair is not None and not re.fullmatch(r"[A-Za-z][\w:-]{1,127}", args.key_pair):
        yield Problem(
            "keyPair",
            args.key_pair,
            "not a key pair name: 2 to 128 letters, digits, colons, underscores and hyphens, a letter first",
        )


def _spot_problems(args: NodePoolArgs) -> Iterator[Problem]:
    if args.spot is None or args.kind == "lingjun":
        return
    if args.kind == "system":
        yield Problem("spot", None, "add-ons and operators need nodes that stay: a pool of kind system cannot be spot")
    if len(args.instance_types) == 1:
        message = "one instance type only; a spot pool needs two or more, or one reclaim takes all its nodes"
        yield Problem("instanceTypes", list(args.instance_types), message)
    for name in args.spot.price_limits:
        if name not in args.instance_types:
            yield Problem(
                f"spot.priceLimits.{name}",
                args.spot.price_limits[name],
                one_of(name, args.instance_types, "one of the pool's instance types"),
            )


def _gpu_problems(args: NodePoolArgs) -> Iterator[Problem]:
    gpu = args.gpu
    if args.kind != "gpu" and "gpu" in args.model_fields_set:
        yield Problem("gpu", None, f"only pools of kind gpu share GPUs, not {args.kind}; remove gpu")
    if gpu.schedule in SHARED_MEMORY_SCHEDULES and args.kubelet.cpu_manager_policy == "static":
        message = f"nodes that share GPUs (gpu.schedule = {gpu.schedule}) need the policy none"
        yield Problem("kubelet.cpuManagerPolicy", "static", message)
    if gpu.placement is not None and gpu.schedule not in SHARED_MEMORY_SCHEDULES:
        shared = ", ".join(sorted(SHARED_MEMORY_SCHEDULES))
        yield Problem("gpu.placement", gpu.placement, f"needs shared GPUs: set gpu.schedule to one of {shared}")


def _lingjun_problems(args: NodePoolArgs) -> Iterator[Problem]:
    if args.kind == "lingjun" and args.lingjun is None:
        yield Problem("lingjun", None, "missing; kind: lingjun needs clusterId and groupId")
    if args.kind != "lingjun" and args.lingjun is not None:
        yield Problem("lingjun", None, f"needs kind: lingjun, not {args.kind}")
    if args.kind == "lingjun":
        if args.spot is not None:
            yield Problem("spot", None, "Lingjun nodes are not bought as spot")
        if args.autoscaling is not None:
            yield Problem("autoscaling", None, "Lingjun nodes are not autoscaled; give size")
        if args.erdma:
            message = "Lingjun nodes have RDMA by the component ack-rdma-device-plugin; leave erdma out"
            yield Problem("erdma", True, message)
        if args.max_pods is None:
            yield Problem("maxPods", None, "missing; no source gives the pod limit of Lingjun nodes, so state it")


def autoscaler_problems(args: AutoscalerArgs, pools: Mapping[str, NodePoolArgs]) -> list[Problem]:
    """What is wrong with an autoscaler beside the pools that it scales; paths are relative to the autoscaler."""
    problems: list[Problem] = []
    if args.scaler == "goatscaler" and args.expander != "least-waste":
        problems.append(
            Problem(
                "expander", args.expander, "goatscaler has only least-waste; others need scaler: cluster-autoscaler"
            )
        )
    if args.priorities and args.expander != "priority":
        message = (
            "count only with scaler: cluster-autoscaler and expander: priority; with goatscaler, order pools by "
            "strategy and pools of jobClasses"
        )
        problems.append(Problem("priorities", dict(args.priorities), message))
    if args.expander == "priority" and not args.priorities:
        problems.append(Problem("priorities", None, "missing; expander: priority needs the priority of each pool"))
    if args.scaler == "goatscaler":
        for key, value in (
            ("scanSeconds", args.scan_seconds),
            ("keepNodesWithLocalStorage", args.keep_nodes_with_local_storage or None),
        ):
            if value is not None:
                problems.append(Problem(key, value, "not a setting of goatscaler; needs scaler: cluster-autoscaler"))
    scaled = [name for name, pool in pools.items() if pool.autoscaling is not None]
    missing = [name for name in scaled if name not in args.priorities]
    if args.priorities and args.expander == "priority" and missing:
        message = f"missing for {', '.join(missing)}; every autoscaled pool needs one"
        problems.append(Problem("priorities", dict(args.priorities), message))
    for name, priority in args.priorities.items():
        if name not in scaled:
            problems.append(Problem(f"priorities.{name}", priority, one_of(name, scaled, "an autoscaled pool")))
    return problems


_MOUNT_LOCAL_DISKS = """#!/bin/bash
# Formats each blank local NVMe disk and mounts it, now and after a restart. A disk counts as local when it is an NVMe
# device of a size that the instance types' local disks have, and names a model that is not block storage, as cloud
# disks do. With too few of them the node does not start: caches would fill its system disk.
set -euo pipefail
number=0
for device in $(lsblk --nodeps --noheadings --paths --output NAME | grep '^/dev/nvme' | sort --version-sort); do
  gigabytes=$(($(blockdev --getsize64 "$device") / 1000000000))
  case " {sizes} " in *" $gigabytes "*) ;; *) continue ;; esac
  model=$(cat "/sys/block/$(basename "$device")/device/model" || true)
  case "$model" in '' | *'Block Storage'*) continue ;; esac
  if [ "$(lsblk --noheadings "$device" | wc --lines)" -ne 1 ]; then continue; fi
  path="{path}$number"
  number=$((number + 1))
  if findmnt --source "$device" >/dev/null; then continue; fi
  blkid "$device" >/dev/null || mkfs.ext4 -q -m 0 "$device"
  identifier=$(blkid --match-tag UUID --output value "$device")
  mkdir --parents "$path"
  if ! grep --quiet "$identifier" /etc/fstab; then
    echo "UUID=$identifier $path ext4 defaults,noatime,nofail 0 2" >>/etc/fstab
  fi
  mount "$path"
done
if [ "$number" -lt {count} ]; then
  echo "$number local disks found, {count} expected" >&2
  exit 1
fi
"""


def _local_sizes(types: Sequence[InstanceType]) -> set[int]:
    """Sizes of local disks in GB, to a gigabyte: the catalog rounds."""
    return {t.local_disks.size_gb + delta for t in types if t.local_disks for delta in (-1, 0, 1)}


def _mount_local_disks(types: Sequence[InstanceType], count: int) -> str:
    """The script that mounts local disks, in base64."""
    script = _MOUNT_LOCAL_DISKS.replace("{sizes}", " ".join(map(str, sorted(_local_sizes(types)))))
    script = script.replace("{path}", LOCAL_DISK_PATH).replace("{count}", str(count))
    return base64.b64encode(script.encode()).decode()
