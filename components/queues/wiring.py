"""Values of the charts that queue jobs: which kinds they take, and how."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml

from .. import catalog
from .args import Engine, QueuesArgs

EXTENSIONS = ("argo", "batchjob", "mpi", "pytorch", "ray", "spark", "tf")
"""Switches of kube-queue's job extensions. Source: chart ack-kube-queue 1.22.2, koordinator-sh/koord-queue@298e9a8;
koord-queue 1.8.0 has all but `mpi`."""

KUEUE_NAMESPACES = {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]}
"""Namespaces in which Kueue's webhooks are asked: tenants' alone, for where Kueue is away nothing can be made there."""


def queue_values(engine: Engine, systems: Collection[str], args: QueuesArgs) -> Mapping[str, Mapping[str, Any]]:
    """Values by system that follow from the other systems and from the queues' settings."""
    blocking = bool(args.tree) and any(queue.order == "fifo" for queue in args.tree.values())
    if engine == "kueue":
        return {"job-queue": {"managerConfig": {"controllerManagerConfigYaml": kueue_configuration(systems, args)}}}
    extensions = {"batchjob", *_of(systems, "queueExtensions")}
    switches = {name: {"enable": name in extensions} for name in EXTENSIONS}
    if engine == "koordinator":
        switches.pop("mpi")
        return {"koord-queue": {"extension": switches}}
    return {"job-queue": {"extension": switches, "controller": {"enableBlockingMode": blocking}}}


def kueue_configuration(systems: Iterable[str], args: QueuesArgs) -> str:
    """Kueue's configuration, a YAML text: the chart takes it as a whole, so all of it stands here.

    systems: those that run. Source: kubernetes-sigs/kueue v0.19.2, charts/kueue/values.yaml and apis/config/v1beta2.
    """
    configuration: dict[str, Any] = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443", "enableClusterQueueResources": True},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "controller": {
            "groupKindConcurrency": {
                "Job.batch": 5,
                "Pod": 5,
                "Workload.kueue.x-k8s.io": 10,
                "LocalQueue.kueue.x-k8s.io": 5,
                "ClusterQueue.kueue.x-k8s.io": 5,
                "ResourceFlavor.kueue.x-k8s.io": 1,
            }
        },
        "clientConnection": {"qps": 300, "burst": 500},
        "manageJobsWithoutQueueName": False,
        "managedJobsNamespaceSelector": KUEUE_NAMESPACES,
        # All or nothing: a job whose pods do not all start in time gives its quota back and waits anew.
        "waitForPodsReady": {"timeout": "30m", "recoveryTimeout": "30m", "blockAdmission": False},
        # What no queue counts must not keep a pod from starting.
        "resources": {"excludeResourcePrefixes": ["ephemeral-storage", "hugepages-", "rdma/"]},
        # Pods bring steps of workflows, notebooks and services into the same quotas.
        "integrations": {"frameworks": ["batch/job", *_of(systems, "queueFrameworks"), "pod"]},
    }
    if args.fair_sharing:
        strategies = ["LessThanOrEqualToFinalShare", "LessThanInitialShare"]
        configuration["fairSharing"] = {"preemptionStrategies": strategies}
    return yaml.safe_dump(configuration, sort_keys=False)


def _of(systems: Iterable[str], key: str) -> list[str]:
    known = catalog.systems()
    return sorted({name for system in systems for name in known.get(system, {}).get(key, ())})
