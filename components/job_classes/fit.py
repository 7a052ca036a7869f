"""Where a pod fits: how many of it a node or a serverless offer holds, and at what price."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .. import catalog
from ..capacity import Range
from ..catalog import InstanceType, PriceBook
from ..node_pools import NodePoolArgs, NodePoolPlan
from ..node_pools.planning import SHARED_MEMORY_SCHEDULES, Allocatable
from ..serverless import ComputeQos, ServerlessArgs, smallest_size
from .args import JobClassArgs, PodShape

PODS_PER_SHARED_GPU = 20
"""Pods that share one GPU at most. Source: ACK page on installing ack-ai-installer, 2026-06-23."""

VISIBLE_GPU_MEMORY = 0.9
"""Share of a GPU's nominal memory that is counted on for sharing: cards show less than their name says, and no source
gives the figures. An assumption, on the safe side."""


@dataclass(frozen=True)
class Fit:
    """How a pod fits on a pool or serverless offer.

    types: the instance types, or the serverless size, that hold it; per_node: pods of it on one node, by the smallest
    and the largest of these types; price: CNY or other currency an hour and pod, None where the price book has none;
    problem: why it does not fit, "" where it does.
    """

    types: Sequence[str] = ()
    per_node: Range = field(default_factory=Range)
    price: Range | None = None
    currency: str = ""
    problem: str = ""

    @property
    def fits(self) -> bool:
        """Whether the pod fits at all."""
        return not self.problem


def fit_pool(
    job: JobClassArgs,
    args: NodePoolArgs,
    plan: NodePoolPlan,
    book: PriceBook,
    region: str,
    reclaim: tuple[float, float] | None,
) -> Fit:
    """How a class's pod fits on a pool.

    reclaim: with colocation, the shares of a node's CPU and memory that best-effort pods can have at most.
    """
    problem = _pool_problem(job, args, plan)
    if problem:
        return Fit(problem=problem)
    if args.kind == "lingjun":
        # Lingjun machine types are not in the catalog; the pod is taken to need a node of its own.
        return Fit(types=("a Lingjun node",), per_node=Range(1, 1))
    held: list[tuple[InstanceType, int]] = []
    reasons: dict[str, list[str]] = {}
    for node in plan.allocatable:
        name = node.instance_type.name
        if job.gpu_models and (node.instance_type.gpu is None or node.instance_type.gpu.model not in job.gpu_models):
            model = node.instance_type.gpu.model if node.instance_type.gpu else None
            reasons.setdefault(f"{model or 'GPUs of no name'}, not {' or '.join(job.gpu_models)}", []).append(name)
            continue
        count, reason = pods_on(node, job.pod, reclaim)
        if count:
            held.append((node.instance_type, count))
        else:
            reasons.setdefault(reason, []).append(name)
    if not held:
        return Fit(problem="; ".join(f"{reason} ({', '.join(names)})" for reason, names in reasons.items()))
    prices = [book.find(instance_type.name, region) for instance_type, _ in held]
    counts = [count for _, count in held]
    known = [price for price in prices if price is not None]
    amounts = [
        price.amount * _share(job.pod, instance_type)
        for price, (instance_type, _) in zip(prices, held, strict=True)
        if price is not None
    ]
    complete = len(known) == len(held) and len({price.currency for price in known}) == 1
    return Fit(
        types=[instance_type.name for instance_type, _ in held],
        per_node=Range(min(counts), max(counts)),
        # What other pods asked for is paid already.
        price=Range(0, 0) if job.colocated else Range(min(amounts), max(amounts)) if complete else None,
        currency=known[0].currency if complete else "",
    )


def _pool_problem(job: JobClassArgs, args: NodePoolArgs, plan: NodePoolPlan) -> str:
    pod = job.pod
    schedule = args.gpu.schedule if args.kind == "gpu" else "default"
    shared = schedule in SHARED_MEMORY_SCHEDULES
    if (pod.gpus or pod.gpu_memory_gib is not None) and args.kind not in ("gpu", "lingjun"):
        return f"is of kind {args.kind} and has no GPUs"
    if plan.architecture not in job.architectures:
        return f"its nodes are {plan.architecture}, the class is built for {', '.join(job.architectures)}"
    if job.erdma and not args.erdma:
        return "its nodes have no eRDMA (erdma: true)"
    if pod.gpus and shared:
        return f"its GPUs are shared by memory (gpu.schedule: {schedule}); ask for gpuMemoryGib"
    if pod.gpu_memory_gib is not None and not shared:
        return "its GPUs are not shared; set gpu.schedule to cgpu, core_mem, share or mps"
    # Jobs by memory and jobs by memory and compute cannot share a node (ACK page on cGPU, 2026-03-26).
    if shared and pod.gpu_memory_gib is not None and pod.gpu_core_percent is None and schedule == "core_mem":
        return "its GPUs are shared by memory and compute (gpu.schedule: core_mem); give gpuCorePercent"
    if pod.gpu_core_percent is not None and schedule != "core_mem":
        return f"its GPUs are shared by memory alone (gpu.schedule: {schedule}); leave gpuCorePercent out"
    if pod.gpus and job.gpu_topology and schedule != "topology":
        return "its GPUs are not chosen by how they are linked; set gpu.schedule: topology, or leave gpuTopology out"
    if pod.gpus and not job.gpu_topology and schedule == "topology":
        return "its GPUs are chosen by how they are linked (gpu.schedule: topology); set gpuTopology"
    if job.colocated and args.kubelet.cpu_manager_policy == "static":
        return "its CPUs are bound (kubelet.cpuManagerPolicy: static), which colocation is not to be mixed with"
    return ""


def pods_on(node: Allocatable, pod: PodShape, reclaim: tuple[float, float] | None = None) -> tuple[int, str]:
    """How many pods of a shape one node holds, and where none: what it lacks."""
    cpu_share, memory_share = reclaim or (1, 1)
    vcpu, memory = node.vcpu * cpu_share, node.memory_gib * memory_share
    # A hair of tolerance, so that a sum of decimal fractions counts as what it is meant to be.
    whom = "best-effort pods" if reclaim else "pods"
    limits = {
        f"{vcpu:.2f} vCPU for {whom}": math.floor(vcpu / pod.vcpu + 1e-9),
        f"{memory:.1f} GiB for {whom}": math.floor(memory / pod.memory_gib + 1e-9),
    }
    if node.pods is not None:
        limits[f"{node.pods} pods a node"] = node.pods
    if pod.gpus:
        limits[f"{node.gpus} GPUs a node"] = node.gpus // pod.gpus
    if pod.gpu_memory_gib is not None:
        visible = math.floor(node.gpu_memory_gib * VISIBLE_GPU_MEMORY)
        each = min(visible // pod.gpu_memory_gib, PODS_PER_SHARED_GPU)
        if pod.gpu_core_percent is not None:
            each = min(each, 100 // pod.gpu_core_percent)
        limits[f"{visible} GiB a GPU to share, of {node.gpu_memory_gib}"] = node.gpus * each
    count = min(limits.values())
    return count, "" if count else ", ".join(reason for reason, limit in limits.items() if not limit)


def _share(pod: PodShape, instance_type: InstanceType) -> float:
    """The share of a node that a pod takes: of what it takes most of."""
    shares = [pod.vcpu / instance_type.vcpu, pod.memory_gib / instance_type.memory_gib]
    gpu = instance_type.gpu
    if gpu is not None:
        shares.append(pod.gpus / gpu.count)
        if pod.gpu_memory_gib is not None:
            shares.append(pod.gpu_memory_gib / (gpu.memory_gb * gpu.count))
        if pod.gpu_core_percent is not None:
            shares.append(pod.gpu_core_percent / 100 / gpu.count)
    return min(max(shares), 1)


def fit_serverless(job: JobClassArgs, args: ServerlessArgs, qos: ComputeQos, book: PriceBook, region: str) -> Fit:
    """How a class's pod fits on serverless pods."""
    pod = job.pod
    problem = _serverless_problem(job, args)
    if problem:
        return Fit(problem=problem)
    if pod.gpus:
        model = job.serverless.gpu_model or ""
        return Fit(types=(f"{pod.gpus} x {model}",), per_node=Range(1, 1))
    offer = catalog.serverless()[args.provider]
    size = smallest_size(offer, pod.vcpu, pod.memory_gib, large=args.large_pods)
    if size is None:
        most = [*offer.sizes, *(offer.ticket_sizes if args.large_pods else ())]
        largest = f"{max(vcpu for vcpu, _ in most):g} vCPU and {max(memory for _, memory in most):g} GiB"
        ticket = "" if args.large_pods or not offer.ticket_sizes else " (more with a ticket: serverless.largePods)"
        return Fit(problem=f"pods have {largest} at most{ticket}, in fixed ratios")
    vcpu, memory = size
    compute = f"acs.{job.serverless.compute_class}.{qos}" if args.provider == "acs" else "eci.general-purpose"
    prices = [book.find(f"{compute}.{part}", region) for part in ("vcpu", "memory")]
    amount = None
    if prices[0] is not None and prices[1] is not None:
        amount = prices[0].amount * vcpu + prices[1].amount * memory
    return Fit(
        types=(f"{vcpu:g} vCPU, {memory:g} GiB",),
        per_node=Range(1, 1),
        price=None if amount is None else Range(amount, amount),
        currency=prices[0].currency if amount is not None and prices[0] is not None else "",
    )


def _serverless_problem(job: JobClassArgs, args: ServerlessArgs) -> str:
    pod, model = job.pod, job.serverless.gpu_model
    if not args.maximum_pods:
        return "there are none (serverless.maximumPods is 0)"
    if "amd64" not in job.architectures:
        return "serverless pods are amd64"
    if job.erdma or job.gpu_topology or pod.gpu_memory_gib is not None:
        return "they have neither shared GPUs, nor GPU topology, nor eRDMA"
    if job.serverless.compute_class == "gpu" or pod.gpus:
        if args.provider != "acs" or job.serverless.compute_class != "gpu" or not pod.gpus or model is None:
            return "GPU pods need provider acs, gpus, serverless.computeClass: gpu and serverless.gpuModel"
        if model not in args.gpu_models:
            return f"ACS GPU pods need an invitation; {model} is not under serverless.gpuModels"
        if job.gpu_models and model not in job.gpu_models:
            return f"{model} is not among the class's gpuModels"
        gpu = catalog.serverless()["acs"].gpus[model]  # Checked with the class.
        if pod.gpus not in gpu.counts or pod.vcpu > gpu.vcpu or pod.memory_gib > gpu.memory_gib:
            counts = ", ".join(map(str, gpu.counts))
            return f"{model} pods have {counts} GPUs, up to {gpu.vcpu} vCPU and {gpu.memory_gib} GiB"
    if args.provider == "eci" and job.serverless.compute_class != "general-purpose":
        return "ECI has only the compute class general-purpose"
    return ""
