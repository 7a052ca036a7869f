"""The in-cluster systems of an environment: what its sections say of them, and what keeps its jobs from running."""

from collections.abc import Iterator, Mapping
from typing import Any

from components import catalog
from components.inputs import InvalidInput, Problem
from components.platform import Placement, SystemPlan, plan_systems
from components.platform.planning import closure
from components.platform.values import merged
from components.queues.planning import engine_of
from components.queues.wiring import queue_values

from .environment import Environment, kubernetes_version

ARTIFACTS = "artifacts"
"""Role of the bucket in which workflows keep what their steps hand on."""


def systems_of(
    environment: Environment, stack: str | None = None, wiring: Mapping[str, Mapping[str, Any]] | None = None
) -> list[SystemPlan]:
    """The systems of an environment, each after those that it needs.

    stack: None leaves out the values that need the names of buckets; wiring: more values that follow from the rest of
    the environment, by system. Raises `InvalidInput`.
    """
    names = environment.bucket_names(stack) if stack is not None and environment.flavor == "ack" else {}
    engine = engine_of(environment.queues, environment.flavor)
    running = sorted(closure(environment.systems, environment.flavor))
    artifacts = {"argo-workflows": _artifacts(names[ARTIFACTS], environment.region)} if ARTIFACTS in names else {}
    return list(
        plan_systems(
            environment.systems,
            environment.flavor,
            kubernetes_version(environment),
            operators=environment.operators,
            placement=placement_of(environment),
            region=environment.region,
            charts=environment.flavor == "upstream" or environment.in_cluster,
            wiring=merged(queue_values(engine, running, environment.queues), artifacts, wiring or {}),
        )
    )


def _artifacts(bucket: str, region: str) -> Mapping[str, Any]:
    """Argo's artifact repository: a part of the bucket for each namespace, which the pods' own RAM roles open.

    Sources: README of the chart argo-workflows 2.0.1, customArtifactRepository; its template controller/
    workflow-controller-config-map.yaml; argoproj/argo-workflows v4.1.2, OSSBucket.useSDKCreds.
    """
    return {
        "customArtifactRepository": {
            "oss": {
                "endpoint": f"https://oss-{region}-internal.aliyuncs.com",
                "bucket": bucket,
                "keyFormat": "{{workflow.namespace}}/{{workflow.name}}/{{pod.name}}",
                "useSDKCreds": True,
            }
        }
    }


def placement_of(environment: Environment) -> Placement:
    """Where the platform's own pods run: on ACK in the pools of kind system, elsewhere anywhere."""
    if environment.flavor == "upstream":
        return Placement()
    system = {name: args for name, args in environment.node_pools.items() if args.kind == "system"}
    taints = [taint for args in system.values() for taint in args.taints]
    tolerations = [{"key": taint.key, "operator": "Exists", "effect": taint.effect} for taint in dict.fromkeys(taints)]
    return Placement({"workload": "system"} if system else {}, tolerations)


def job_kind_problems(environment: Environment) -> Iterator[Problem]:
    """Kinds of jobs of tenants for which no system runs."""
    running = closure(environment.systems, environment.flavor).keys()
    runners: dict[str, list[str]] = {}
    for name, entry in catalog.systems().items():
        for kind in entry.get("runs", ()) if environment.flavor in entry else ():
            runners.setdefault(kind, []).append(name)
    users: dict[str, list[str]] = {}
    for tenant, args in environment.tenants.items():
        for space, namespace in args.namespaces_of(tenant).items():
            for kind in namespace.jobs:
                users.setdefault(kind, []).append(f"{tenant}/{space}")
    for kind, spaces in users.items():
        needed = runners.get(kind)
        if needed and not running & set(needed):
            name = needed[0]
            off = name in environment.systems
            what = f"is needed by jobs of kind {kind} in {', '.join(spaces)}"
            also = f", or {' or '.join(needed[1:])}" if needed[1:] else ""
            path = f"systems.{name}.enabled" if off else f"systems.{name}"
            yield Problem(path, False if off else None, f"{what}; {'switch it on' if off else 'add it'}{also}")


def mending_problems(environment: Environment) -> Iterator[Problem]:
    """Systems of which a release must be mended with kubectl, where no image has it."""
    if environment.scheduling.kubectl_image is not None:
        return
    try:
        systems = systems_of(environment)
    except InvalidInput:
        return  # Reported where the systems are checked.
    for system in systems:
        if system.patches:
            names = ", ".join(patch["deployment"] for patch in system.patches)
            message = (
                f"its {names} is mended with kubectl after each release; name its image under scheduling.kubectlImage"
            )
            yield Problem(f"systems.{system.name}", None, message)
