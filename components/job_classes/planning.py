"""Decides where each class of jobs runs, in which order, and what its pods must say for it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .. import catalog
from ..catalog import PriceBook
from ..colocation import ColocationArgs
from ..inputs import InvalidInput, Problem, one_of
from ..node_pools import NodePoolArgs, NodePoolPlan, Taint
from ..node_pools.planning import MEMORY_INTENSIVE_GIB_PER_VCPU
from ..serverless import ComputeQos, ServerlessArgs, pod_annotations, pod_labels
from .args import JobClassArgs, PodShape, Priority, SchedulingArgs, Spread, Strategy
from .fit import Fit, fit_pool, fit_serverless

CLASS_LABEL = "job-class"
"""The pod label by which a class's ResourcePolicy finds its pods."""

POOL_LABEL = "node-pool"
"""The node label that names a node's pool."""

PRIORITIES: Mapping[Priority, int] = {"high": 10_000, "normal": 1_000, "low": 100}
"""Values of the priority classes `job-high`, `job-normal` and `job-low`."""

WAIT_LABEL = "k8s.aliyun.com/resource-policy-wait-for-ecs-scaling"
"""Makes a ResourcePolicy wait in a unit until its pool has grown; not written to pods.
Source: ACK page on priority-based resource scheduling, 2026-01-28."""

KEEP = "goatscaler.io/safe-to-evict"
"""Keeps a pod's node from scale-in: label in ACK's page on managed node pools, annotation in third-party code; both are
set. `cluster-autoscaler.kubernetes.io/safe-to-evict` is the same for cluster-autoscaler."""

RungKind = Literal["on-demand", "spot", "serverless"]
Step = tuple[RungKind, ComputeQos]

ORDERS: Mapping[Strategy, Sequence[Step]] = {
    "reliable": (("on-demand", "default"),),
    "elastic": (("on-demand", "default"), ("spot", "default"), ("serverless", "default")),
    "cheapest": (
        ("serverless", "best-effort"),
        ("spot", "default"),
        ("serverless", "default"),
        ("on-demand", "default"),
    ),
    "staggered": (("serverless", "default"),),
}
"""The rungs of each strategy, the first to be tried first. `staggered` has those of `elastic` off peak; `cheapest` is
ordered by price, and by this list where prices are equal or missing."""

SPOT_RATIO = 0.23
"""Price of spot beside on demand, to order rungs by: the highest of eight ratios derived from measurements of g8i and
g8y in cn-hangzhou, September 2026 (0.19 to 0.23). Never shown as a price."""


@dataclass(frozen=True)
class Rung:
    """One place where pods of a class may run.

    name: of the pool, or of the serverless class; pool: "" for serverless; nodes: of the pool at most; pods: of the
    class at most, all nodes taken; limit: set by the class, None for none; upper_bound: whether the price is only that,
    as of all spot.
    """

    name: str
    kind: RungKind
    pool: str
    qos: ComputeQos
    fit: Fit
    nodes: int
    pods: int
    limit: int | None
    unit: Mapping[str, Any]
    upper_bound: bool


@dataclass(frozen=True)
class JobClassPlan:
    """Where a class runs, and what its pods must say.

    off_peak_rungs: only for the strategy `staggered`; rejected: why it does not fit elsewhere, by name; placement: what
    a pod template must have; resource_policy, off_peak_policy: the spec of its ResourcePolicy, None where one rung
    needs no order.
    """

    name: str
    args: JobClassArgs
    rungs: Sequence[Rung]
    off_peak_rungs: Sequence[Rung]
    rejected: Mapping[str, str]
    priority: Priority
    placement: Mapping[str, Any]
    resource_policy: Mapping[str, Any] | None
    off_peak_policy: Mapping[str, Any] | None


@dataclass(frozen=True)
class Compute:
    """What job classes are placed on."""

    pools: Mapping[str, tuple[NodePoolArgs, NodePoolPlan]]
    serverless: ServerlessArgs
    colocation: ColocationArgs
    region: str
    scaler: str = "goatscaler"
    cluster_spec: str = "ack.pro.small"

    @property
    def book(self) -> PriceBook:
        """The prices."""
        return catalog.price_book()


def plan_job_classes(
    classes: Mapping[str, JobClassArgs], compute: Compute, scheduling: SchedulingArgs | None = None
) -> Mapping[str, JobClassPlan]:
    """Decide where each class runs. Raises `InvalidInput` with all problems; paths are relative to `jobClasses`."""
    problems: list[Problem] = []
    plans: dict[str, JobClassPlan] = {}
    for name, args in classes.items():
        found = [*_class_problems(args, compute)]
        if not found:
            plans[name] = plan = _plan(name, args, compute)
            found = [*_plan_problems(plan, compute)]
        problems += [problem.under(name) for problem in found]
        if args.strategy == "staggered" and (scheduling is None or scheduling.kubectl_image is None):
            message = "switches by time with kubectl; name its image under scheduling.kubectlImage"
            problems.append(Problem(f"{name}.strategy", "staggered", message))
    if problems:
        raise InvalidInput(problems)
    return plans


def priority_of(args: JobClassArgs) -> Priority:
    """The scheduling priority of a class's pods."""
    return args.priority or ("low" if args.colocated else "normal" if args.role == "worker" else "high")


def order_problems(plans: Mapping[str, JobClassPlan], compute: Compute) -> list[Problem]:
    """What keeps a cluster from honouring the order of rungs; paths are those of an environment."""
    ordered = {name: plan for name, plan in plans.items() if plan.resource_policy or plan.off_peak_policy}
    problems: list[Problem] = []
    what = "have an order of rungs, a ResourcePolicy, which"
    if ordered and not compute.cluster_spec.startswith("ack.pro"):
        message = f"the job classes {', '.join(ordered)} {what} needs a Pro specification, such as ack.pro.small"
        problems.append(Problem("cluster.spec", compute.cluster_spec, message))
    scaled = [
        name
        for name, plan in ordered.items()
        if any(rung.pool and compute.pools[rung.pool][0].autoscaling for rung in (*plan.rungs, *plan.off_peak_rungs))
    ]
    if scaled and compute.scaler != "goatscaler":
        message = (
            f"the job classes {', '.join(scaled)} {what} cluster-autoscaler does not honour: "
            "it may scale the wrong pool; use goatscaler"
        )
        problems.append(Problem("autoscaler.scaler", compute.scaler, message))
    return problems


def _class_problems(args: JobClassArgs, compute: Compute) -> Iterator[Problem]:
    pod = args.pod
    if pod.gpus and pod.gpu_memory_gib is not None:
        yield Problem("pod.gpuMemoryGib", pod.gpu_memory_gib, "a pod has either whole GPUs (gpus) or a share of one")
    if pod.gpu_core_percent is not None and pod.gpu_memory_gib is None:
        yield Problem("pod.gpuCorePercent", pod.gpu_core_percent, "needs gpuMemoryGib")
    if args.gpu_topology and not pod.gpus:
        yield Problem("gpuTopology", True, "needs pods with whole GPUs")
    if args.role == "leader" and args.strategy == "cheapest":
        message = "starts on spot: a leader (Ray head, Spark driver) never does; use reliable, elastic or staggered"
        yield Problem("strategy", args.strategy, message)
    models = {t.gpu.model for t in catalog.instance_types().values() if t.gpu and t.gpu.model}
    models |= catalog.serverless()["acs"].gpus.keys()
    for index, model in enumerate(args.gpu_models):
        if model not in models:
            yield Problem(f"gpuModels[{index}]", model, one_of(model, models, "a GPU model of the catalog"))
    if args.pack and args.spread:
        yield Problem("spread", args.spread, f"pods cannot gather by {args.pack} (pack) and be spread; leave one out")
    yield from _pools_problems(args, compute)
    yield from _serverless_problems(args, compute)
    if args.colocated:
        if not compute.colocation.enabled:
            yield Problem("colocated", True, "needs colocation.enabled: true")
        if args.role != "worker" or args.strategy != "reliable":
            message = f"only for role worker and strategy reliable, not {args.role} and {args.strategy}"
            yield Problem("colocated", True, message)
        if pod.gpus or pod.gpu_memory_gib is not None:
            yield Problem("colocated", True, "reclaims CPU and memory only, no GPUs")
    for key, maximum in args.maxima.items():
        yield from _maximum_problems(args, compute, key, maximum)
    for index, namespace in enumerate(args.namespaces):
        if namespace.startswith("kube-"):
            yield Problem(f"namespaces[{index}]", namespace, "is one of Kubernetes itself; jobs need their own")
    doubled = sorted({name for name in args.namespaces if args.namespaces.count(name) > 1})
    if doubled:
        yield Problem("namespaces", list(args.namespaces), f"names {', '.join(doubled)} twice")


def _pools_problems(args: JobClassArgs, compute: Compute) -> Iterator[Problem]:
    kinds = {kind for kind, _ in (*ORDERS[args.strategy], *(ORDERS["elastic"] if args.strategy == "staggered" else ()))}
    for index, name in enumerate(args.pools or ()):
        path = f"pools[{index}]"
        if name not in compute.pools:
            yield Problem(path, name, one_of(name, compute.pools, "one of nodePools"))
            continue
        pool = compute.pools[name][0]
        if args.pools and name in args.pools[:index]:
            yield Problem(path, name, "stands twice; name each pool once")
        if pool.kind in ("system", "cache"):
            yield Problem(path, name, f"is of kind {pool.kind}, whose nodes are not for jobs")
        if pool.spot is not None and args.role == "leader":
            message = "is a spot pool: a leader (Ray head, Spark driver) is never on spot, for its end ends the job"
            yield Problem(path, name, message)
        elif pool.spot is not None and "spot" not in kinds:
            yield Problem(path, name, f"is a spot pool, which strategy {args.strategy} does not use; elastic does")


def _serverless_problems(args: JobClassArgs, compute: Compute) -> Iterator[Problem]:
    rung = args.serverless
    models = catalog.serverless()["acs"].gpus
    if rung.gpu_model is not None and rung.gpu_model not in models:
        yield Problem("serverless.gpuModel", rung.gpu_model, one_of(rung.gpu_model, models, "a GPU model of ACS"))
    if rung.gpu_model is not None and rung.compute_class != "gpu":
        yield Problem("serverless.gpuModel", rung.gpu_model, "needs serverless.computeClass: gpu")
    if rung.compute_class == "gpu" and (rung.gpu_model is None or not args.pod.gpus):
        yield Problem("serverless.computeClass", "gpu", "needs serverless.gpuModel, and pods with whole GPUs")
    if rung.compute_class != "general-purpose" and compute.serverless.provider == "eci":
        yield Problem("serverless.computeClass", rung.compute_class, "ECI has only general-purpose")


def _maximum_problems(args: JobClassArgs, compute: Compute, key: str, maximum: int) -> Iterator[Problem]:
    path = f"maxima.{key}"
    if key != "serverless" and key not in compute.pools:
        yield Problem(path, maximum, one_of(key, ["serverless", *compute.pools], "a rung"))
    elif key == "serverless" and maximum > compute.serverless.maximum_pods:
        message = f"above serverless.maximumPods = {compute.serverless.maximum_pods:,}, for which there are addresses"
        yield Problem(path, maximum, message)
    elif key in compute.pools and compute.pools[key][0].autoscaling is not None:
        # The scaler would start nodes that the unit then leaves empty.
        message = f"pool {key} is autoscaled, and a ResourcePolicy must not cap such a pool; lower autoscaling.maximum"
        yield Problem(path, maximum, message)


def _plan_problems(plan: JobClassPlan, compute: Compute) -> Iterator[Problem]:
    args = plan.args
    rejected = "; ".join(f"{name}: {reason}" for name, reason in plan.rejected.items())
    ladders = {"": plan.rungs}
    if args.strategy == "staggered":
        ladders = {" by day (serverless pods)": plan.rungs, " off peak": plan.off_peak_rungs}
    for when, rungs in ladders.items():
        if not rungs:
            none = f"there is no pool of kind {' or '.join(_kinds(args.pod))} to try"
            yield Problem("pod", args.needs, f"fits nowhere with strategy {args.strategy}{when}. {rejected or none}")
            return
    names = {rung.name for rungs in ladders.values() for rung in rungs} | {rung.pool for rung in plan.rungs}
    for key, maximum in args.maxima.items():
        serverless = any(rung.kind == "serverless" for rungs in ladders.values() for rung in rungs)
        if not (serverless if key == "serverless" else key in names):
            yield Problem(f"maxima.{key}", maximum, "is not one of the class's rungs; remove it")
    for when, rungs in ladders.items():
        held = sum(_held_by(rungs).values())
        if args.maximum_pods > held:
            parts = " + ".join(f"{name} {pods:,}" for name, pods in _held_by(rungs).items())
            not_used = f" Not used: {rejected}." if rejected else ""
            message = f"its rungs hold {held:,} at most{when} ({parts}); lower it, or let pools grow.{not_used}"
            yield Problem("maximumPods", args.maximum_pods, message)
            break
    bare = [rung.pool for rung in plan.rungs if rung.kind == "spot" and not _falls_back(compute.pools[rung.pool][0])]
    if len(bare) == len(plan.rungs):
        remedy = f"set nodePools.{bare[0]}.spot.onDemandFallback: true, or let the class have another rung"
        yield Problem("strategy", args.strategy, f"runs on spot alone, without a fallback: {remedy}")


def _held_by(rungs: Sequence[Rung]) -> Mapping[str, int]:
    """Pods that rungs hold, by name: best-effort and other serverless pods share the addresses."""
    held: dict[str, int] = {}
    for rung in rungs:
        name = rung.pool or "serverless"
        held[name] = max(held.get(name, 0), rung.pods)
    return held


def _falls_back(pool: NodePoolArgs) -> bool:
    return pool.spot is not None and pool.spot.on_demand_fallback


def _plan(name: str, args: JobClassArgs, compute: Compute) -> JobClassPlan:
    rungs, rejected = _rungs(args, compute, ORDERS[args.strategy])
    off_peak: list[Rung] = []
    if args.strategy == "staggered":
        off_peak, others = _rungs(args, compute, ORDERS["elastic"])
        rejected |= others
    every = [*rungs, *(rung for rung in off_peak if rung not in rungs)]
    resource_policy = _policy(name, args, rungs, compute, forced=len(every) > len(rungs))
    priority = priority_of(args)
    return JobClassPlan(
        name=name,
        args=args,
        rungs=rungs,
        off_peak_rungs=off_peak,
        rejected=rejected,
        priority=priority,
        placement=_placement(name, args, every, compute, priority, ordered=resource_policy is not None),
        resource_policy=resource_policy,
        off_peak_policy=_policy(name, args, off_peak, compute, forced=True) if len(every) > len(rungs) else None,
    )


def _rungs(args: JobClassArgs, compute: Compute, order: Sequence[Step]) -> tuple[list[Rung], dict[str, str]]:
    rungs: list[Rung] = []
    rejected: dict[str, str] = {}
    for kind, qos in order:
        if args.role == "leader" and (kind == "spot" or qos == "best-effort"):
            continue
        if kind == "serverless":
            candidates = [_serverless_rung(args, compute, qos)]
        else:
            candidates = [_pool_rung(args, compute, name) for name in _candidates(args, compute, kind)]
        for rung in candidates:
            if not rung.fit.fits:
                rejected[rung.name] = rung.fit.problem
            elif rung.pods:
                rungs.append(rung)
            else:
                rejected[rung.name] = "its size is 0"
    if args.strategy == "cheapest":
        rungs.sort(key=lambda rung: _marginal_price(rung, compute))
    return rungs, rejected


def _marginal_price(rung: Rung, compute: Compute) -> float:
    """What one more pod costs an hour: nothing on nodes of fixed size, which are paid anyway."""
    if rung.pool and compute.pools[rung.pool][0].autoscaling is None:
        return 0
    if rung.fit.price is None:
        return math.inf
    return rung.fit.price.minimum * (SPOT_RATIO if rung.upper_bound else 1)


def _kinds(pod: PodShape) -> list[str]:
    """Kinds of pools that fit a pod, the best first."""
    if pod.gpus or pod.gpu_memory_gib is not None:
        return ["gpu"]
    return ["memory", "cpu"] if pod.memory_gib / pod.vcpu >= MEMORY_INTENSIVE_GIB_PER_VCPU else ["cpu"]


def _candidates(args: JobClassArgs, compute: Compute, kind: RungKind) -> list[str]:
    """The pools to try: the best kind first, and of one kind those of fixed size first, as they are paid anyway."""
    kinds = _kinds(args.pod)
    pools = {
        name: pool
        for name, (pool, _) in compute.pools.items()
        if (pool.spot is not None) == (kind == "spot") and (name in args.pools if args.pools else pool.kind in kinds)
    }
    if args.pools:
        return [name for name in args.pools if name in pools]
    return sorted(pools, key=lambda name: (kinds.index(pools[name].kind), pools[name].autoscaling is not None))


def _pool_rung(args: JobClassArgs, compute: Compute, name: str) -> Rung:
    pool, plan = compute.pools[name]
    colocation = compute.colocation
    reclaim = (
        (colocation.cpu_reclaim_percent / 100, colocation.memory_reclaim_percent / 100) if args.colocated else None
    )
    fit = fit_pool(args, pool, plan, compute.book, compute.region, reclaim)
    limit = args.maxima.get(name)
    pods = int(plan.maximum * fit.per_node.maximum)
    selector = {POOL_LABEL: name, **({"spot": "true"} if pool.spot else {})}
    unit: dict[str, Any] = {"resource": "ecs", "nodeSelector": selector}
    if limit is not None:
        unit["max"] = limit
    # Batch resources never make a pool grow, so colocated pods wait for nothing.
    if pool.autoscaling is not None and not args.colocated:
        unit["podLabels"] = {WAIT_LABEL: "true"}
    return Rung(
        name=name,
        kind="spot" if pool.spot else "on-demand",
        pool=name,
        qos="default",
        fit=fit,
        nodes=plan.maximum,
        pods=pods if limit is None else min(pods, limit),
        limit=limit,
        unit=unit,
        upper_bound=pool.spot is not None,
    )


def _serverless_rung(args: JobClassArgs, compute: Compute, qos: ComputeQos) -> Rung:
    serverless = compute.serverless
    compute_class = args.serverless.compute_class
    limit = args.maxima.get("serverless")
    pods = min(limit or args.maximum_pods, serverless.maximum_pods)
    unit: dict[str, Any] = {"resource": serverless.provider, "max": pods}
    if serverless.provider == "acs":
        labels = pod_labels("acs", compute_class, qos)
        # The scheduler adds what sends a pod to ACS itself; the class and quality of service are ours to say.
        labels.pop("alibabacloud.com/acs")
        if args.serverless.gpu_model:
            labels["alibabacloud.com/gpu-model-series"] = args.serverless.gpu_model
        unit["podLabels"] = labels
    annotations = pod_annotations(serverless.provider, qos)
    if annotations:
        unit["podAnnotations"] = annotations
    fit = fit_serverless(args, serverless, qos, compute.book, compute.region)
    quality = "spot" if qos == "best-effort" and serverless.provider == "eci" else qos
    return Rung(
        name=" ".join([serverless.provider, compute_class, *([quality] if quality != "default" else [])]),
        kind="serverless",
        pool="",
        qos=qos,
        fit=fit,
        nodes=0,
        pods=pods,
        limit=limit,
        unit=unit,
        upper_bound=quality == "spot",
    )


def _policy(
    name: str, args: JobClassArgs, rungs: Sequence[Rung], compute: Compute, *, forced: bool
) -> Mapping[str, Any] | None:
    """The spec of the class's ResourcePolicy; pods are taken from its units in reverse order."""
    if len(rungs) < 2 and not forced and not any(rung.limit for rung in rungs):
        return None
    waits = any(rung.pool and compute.pools[rung.pool][0].autoscaling for rung in rungs[:-1])
    then: dict[str, Any] = {"policy": "LackResourceOrExceedMax"}
    if waits:
        then = {"policy": "TimeoutOrExceedMax", "timeout": f"{args.wait_minutes}m"}
    return {
        "selector": {CLASS_LABEL: name},
        "strategy": "prefer",
        "units": [dict(rung.unit) for rung in rungs],
        "whenTryNextUnits": then,
    }


def _placement(
    name: str, args: JobClassArgs, rungs: Sequence[Rung], compute: Compute, priority: Priority, *, ordered: bool
) -> Mapping[str, Any]:
    """What a pod template of the class must have, as Kubernetes writes it.

    ordered: whether a ResourcePolicy sends its pods to their rungs; labels that do so would override it.
    """
    labels = {CLASS_LABEL: name}
    annotations: dict[str, str] = {}
    if args.role != "worker":
        labels[KEEP] = "false"
        annotations |= {KEEP: "false", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
    if args.colocated:
        labels["koordinator.sh/qosClass"] = "BE"
    serverless = [rung for rung in rungs if rung.kind == "serverless"]
    if serverless and not ordered:
        provider = compute.serverless.provider
        labels |= pod_labels(provider, args.serverless.compute_class, serverless[0].qos)
        annotations |= pod_annotations(provider, serverless[0].qos)
        if args.serverless.gpu_model:
            labels["alibabacloud.com/gpu-model-series"] = args.serverless.gpu_model
    if serverless and compute.serverless.image_cache:
        annotations["image.alibabacloud.com/enable-image-cache"] = "true"
    pools = list(dict.fromkeys(rung.pool for rung in rungs if rung.pool))
    terms = [_term(POOL_LABEL, pools)] if pools else []
    if serverless:
        terms.append(_term("type", ["virtual-kubelet"]))
    taints: dict[tuple[str, str, str], Taint] = {}
    for pool in pools:
        taints |= {(t.key, t.value, t.effect): t for t in compute.pools[pool][1].taints}
    resources = _resources(args)
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {
        "labels": labels,
        "annotations": annotations,
        # Labels alone send pods to the one serverless class that there is.
        "affinity": {**({"nodeAffinity": required} if ordered or pools else {}), **_neighbours(name, args)},
        "tolerations": [_toleration(taint) for taint in taints.values()],
        "priorityClassName": f"job-{priority}",
        "resources": {"requests": resources, "limits": resources},
    }


TOPOLOGY: Mapping[Spread, str] = {"nodes": "kubernetes.io/hostname", "zones": "topology.kubernetes.io/zone"}


def _neighbours(name: str, args: JobClassArgs) -> dict[str, Any]:
    """Pods of a class beside or away from each other. As affinity, which Spark's pods know, too; a wish, so that no pod
    waits for it."""
    found: dict[str, Any] = {}
    wishes: Mapping[str, Spread | None] = {"podAffinity": args.pack, "podAntiAffinity": args.spread}
    for key, over in wishes.items():
        if over is not None:
            term = {"labelSelector": {"matchLabels": {CLASS_LABEL: name}}, "topologyKey": TOPOLOGY[over]}
            found[key] = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}
    return found


def _term(key: str, values: Sequence[str]) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": "In", "values": list(values)}]}


def _toleration(taint: Taint) -> dict[str, str]:
    if not taint.value:
        return {"key": taint.key, "operator": "Exists", "effect": taint.effect}
    return {"key": taint.key, "operator": "Equal", "value": taint.value, "effect": taint.effect}


def _resources(args: JobClassArgs) -> dict[str, str]:
    pod = args.pod
    if args.colocated:
        # Batch CPU is counted in millicores (ACK page on dynamic resource overcommitment, 2026-03-26).
        return {
            "kubernetes.io/batch-cpu": str(round(pod.vcpu * 1000)),
            "kubernetes.io/batch-memory": f"{round(pod.memory_gib * 1024)}Mi",
        }
    resources = {"cpu": f"{round(pod.vcpu * 1000)}m", "memory": f"{round(pod.memory_gib * 1024)}Mi"}
    if pod.gpus:
        resources["aliyun.com/gpu" if args.gpu_topology else "nvidia.com/gpu"] = str(pod.gpus)
    if pod.gpu_memory_gib is not None:
        resources["aliyun.com/gpu-mem"] = str(pod.gpu_memory_gib)
    if pod.gpu_core_percent is not None:
        resources["aliyun.com/gpu-core.percentage"] = str(pod.gpu_core_percent)
    if args.erdma:
        resources["aliyun/erdma"] = "1"
    return resources
