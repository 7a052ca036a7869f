"""What rules of several areas look at: types of resources, and how their properties are read."""

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.manifests import PodTemplate, UnreadableTemplate, pod_templates

from .rule import Deferred, Inputs, Items, Resource, Subject, Unknown, whole

BUCKET = "alicloud:oss/bucket:Bucket"
BUCKET_POLICY = "alicloud:oss/bucketPolicy:BucketPolicy"
MANAGED_CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes"
DEDICATED_CLUSTER = "alicloud:cs/kubernetes:Kubernetes"
SERVERLESS_CLUSTER = "alicloud:cs/serverlessKubernetes:ServerlessKubernetes"
EDGE_CLUSTER = "alicloud:cs/edgeKubernetes:EdgeKubernetes"
CLUSTERS = frozenset({MANAGED_CLUSTER, DEDICATED_CLUSTER, SERVERLESS_CLUSTER, EDGE_CLUSTER})
KEY = "alicloud:kms/key:Key"
NAT_GATEWAY = "alicloud:vpc/natGateway:NatGateway"
NETWORK = "alicloud:vpc/network:Network"
VSWITCH = "alicloud:vpc/switch:Switch"


def listed(value: Any) -> list[Any]:
    """What may be written as one or as several; nothing for None."""
    return [] if value is None else list(value) if isinstance(value, list | tuple | Items) else [value]


def section(inputs: Inputs, key: str) -> Inputs:
    """An object in properties, empty where it is absent."""
    return inputs.get(key) or Inputs({})


def stated(inputs: Inputs) -> set[str]:
    """The properties that a program states, known or not: without what the provider filled in."""
    filled: Collection[str] = inputs.plain.get("__defaults") or ()
    return inputs.plain.keys() - {*filled, "__defaults"}


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a name fits one of some patterns, in which `*` is any text."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def zones(subject: Subject[Any], key: str) -> int:
    """In how many zones the vSwitches of a property lie at most: those of the program by their zone, any other in one
    of its own."""
    linked = subject.resource.property_dependencies.get(key, ())
    switches = [switch for switch in subject.of(VSWITCH) if switch.urn in linked]
    named = {switch.inputs.get("zoneId") or switch.inputs.get("availabilityZone") for switch in switches}
    return len(subject.inputs.get(key) or ()) - len(switches) + len(named)


def node_labels(pool: Inputs) -> Mapping[str, str]:
    """The labels that a node pool gives its nodes."""
    return {label["key"]: label.get("value") or "" for label in pool.get("labels") or ()}


def any_kubernetes(resource: Resource) -> bool:
    """Whether a resource lies in a cluster."""
    return resource.kubernetes


HOLDS_PODS = frozenset(
    {
        *("spec", "template", "templates", "jobTemplate", "workflowSpec", "driver", "executor", "predictor"),
        *("podTemplate", "leaderWorkerTemplate", "leaderTemplate", "workerTemplate", "transformer", "explainer"),
        *("containerSet", "workerSpec"),
        *("rayClusterSpec", "headGroupSpec", "workerGroupSpecs", "Launcher", "Master", "Worker"),
        *("pytorchReplicaSpecs", "tfReplicaSpecs", "mpiReplicaSpecs"),
    }
)
"""Where pod templates, or what holds them, stand in manifests."""


def templates(subject: Subject[Any], role: str = "") -> Iterator[PodTemplate]:
    """The pod templates of a resource in a cluster; role: only those of this role, "" for all.

    Raises `Deferred` where what holds templates is unknown, or what decides where their pods run.
    """
    manifest = {"kind": subject.resource.kind, **subject.inputs.plain}
    _require_known(manifest, "")
    for template in pod_templates(manifest):
        if role and template.role != role:
            continue
        try:
            template.check()
        except UnreadableTemplate:
            parts = [template.spec.get(key) for key in ("tolerations", "nodeSelector", "affinity", "containers")]
            whole([template.metadata, template.labels, template.annotations, *parts], template.path)
            continue  # The API server refuses it.
        whole({key: template.spec.get(key) for key in ("tolerations", "nodeSelector", "affinity")}, template.path)
        yield template


def _require_known(value: Any, path: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            if isinstance(item, Unknown) and key in HOLDS_PODS:
                raise Deferred(below)
            _require_known(item, below)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_known(item, f"{path}[{index}]")


def where(template: PodTemplate) -> str:
    """What messages call a pod template."""
    return template.path or "Pod"
