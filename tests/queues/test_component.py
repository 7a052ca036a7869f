"""The resources of queues: each after those that it names."""

import json
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
import pytest

from components.queues import QueuePlan, Queues, ResourceFlavor
from components.queues.args import Engine
from components.queues.rendering import KOORDINATOR
from queues.trees import FLAVORS, plan, tenant
from stacks.preview.recording import Recorded, Recording
from support import named, only, recorded

KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2"
QUOTA = "kubernetes:scheduling.sigs.k8s.io/v1alpha1:ElasticQuota"
TREE = "kubernetes:scheduling.sigs.k8s.io/v1beta1:ElasticQuotaTree"
PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
TENANTS = {
    "vision": tenant((4, 8), (16, 32), gpus={"A10": (1, 2)}),
    "detection": tenant((2, 4), (8, 16), parent="vision", namespaces=("detect", "detect-lab")),
    "speech": tenant((2, 6), (8, 16)),
}
A10 = {"A10": ResourceFlavor({"gpu": "a10"}, [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}])}


def _queues(engine: Engine, found: QueuePlan | None = None, **values: Any) -> Recording:
    def program() -> None:
        cluster = alicloud.vpc.Network("cluster")
        provider = kubernetes.Provider("kubernetes", kubeconfig="{}")
        platform = kubernetes.core.v1.Namespace("platform", opts=pulumi.ResourceOptions(provider=provider))
        Queues(
            "queues",
            found or plan(TENANTS, engine=engine),
            gpu_flavors=A10,
            deleted_with=cluster,
            opts=pulumi.ResourceOptions(providers=[provider], depends_on=[platform]),
            **values,
        )

    return recorded(program)


def _made(recording: Recording) -> list[Recorded]:
    (component,) = (resource for resource in recording.resources if resource.type.endswith(":Queues"))
    return [resource for resource in recording.resources if resource.parent == component.urn]


def _after(recording: Recording, name: str) -> set[str]:
    """The objects of queues that one is made after."""
    names = {resource.urn: resource.name for resource in _made(recording)}
    return {names[urn] for urn in named(recording, name).dependencies if urn in names}


def test_order_of_kueues_objects() -> None:
    recording = _queues("kueue")
    plain = {"queues-resourceflavor-nodes"}
    both = {*plain, "queues-resourceflavor-gpu-a10"}
    expected: dict[str, set[str]] = {
        "queues-resourceflavor-nodes": set(),
        "queues-resourceflavor-gpu-a10": set(),
        "queues-workloadpriorityclass-job-high": set(),
        "queues-workloadpriorityclass-job-normal": set(),
        "queues-workloadpriorityclass-job-low": set(),
        "queues-workloadpriorityclass-fifo": set(),
        "queues-cohort-root": both,
        "queues-clusterqueue-speech": {*plain, "queues-cohort-root"},
        "queues-localqueue-speech-default": {"queues-clusterqueue-speech"},
        "queues-cohort-vision": {*both, "queues-cohort-root"},
        "queues-clusterqueue-detection": {*plain, "queues-cohort-vision"},
        "queues-localqueue-detect-default": {"queues-clusterqueue-detection"},
        "queues-localqueue-detect-lab-default": {"queues-clusterqueue-detection"},
        "queues-clusterqueue-vision-own": {*both, "queues-cohort-vision"},
        "queues-localqueue-vision-default": {"queues-clusterqueue-vision-own"},
    }
    assert {resource.name: _after(recording, resource.name) for resource in _made(recording)} == expected


def test_order_of_elastic_quotas() -> None:
    recording = _queues("koordinator")
    assert {resource.name: _after(recording, resource.name) for resource in _made(recording)} == {
        "queues-elasticquota-kube-system-speech": set(),
        "queues-elasticquota-kube-system-vision": set(),
        "queues-elasticquota-kube-system-detection": {"queues-elasticquota-kube-system-vision"},
        "queues-elasticquota-kube-system-vision-own": {"queues-elasticquota-kube-system-vision"},
    }
    quota = named(recording, "queues-elasticquota-kube-system-detection")
    assert quota.type == QUOTA
    # Its own labels beside those of all that is managed here.
    assert quota.inputs["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "pulumi",
        f"{KOORDINATOR}/is-parent": "false",
        f"{KOORDINATOR}/parent": "vision",
    }
    assert json.loads(quota.inputs["metadata"]["annotations"][f"{KOORDINATOR}/namespaces"]) == ["detect", "detect-lab"]


def test_one_elastic_quota_tree() -> None:
    recording = _queues("elastic-quota-tree")
    (tree,) = _made(recording)
    assert (tree.type, tree.name) == (TREE, "queues-elasticquotatree-kube-system-elasticquotatree")
    assert tree.inputs["spec"]["root"]["name"] == "root"
    assert tree.inputs["metadata"] == {
        "name": "elasticquotatree",
        "namespace": "kube-system",
        "labels": {"app.kubernetes.io/managed-by": "pulumi"},
    }


@pytest.mark.parametrize("engine", FLAVORS)
def test_all_go_with_the_cluster_and_wait_for_the_platform(engine: Engine) -> None:
    recording = _queues(engine, priority_classes=True)
    (component,) = (resource for resource in recording.resources if resource.type.endswith(":Queues"))
    # The children wait for the component, and are removed before it.
    assert [*component.dependencies] == [named(recording, "platform").urn]
    for resource in _made(recording):
        assert resource.options.deleted_with == named(recording, "cluster").urn
        assert resource.provider.startswith(named(recording, "kubernetes").urn)
        assert resource.inputs["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pulumi"


def test_priority_classes_where_no_job_classes_make_them() -> None:
    made = [resource for resource in _made(_queues("kueue", priority_classes=True)) if resource.type == PRIORITY]
    values = {resource.inputs["metadata"]["name"]: resource.inputs["value"] for resource in made}
    assert values == {"job-high": 10_000, "job-normal": 1_000, "job-low": 100}
    assert not [resource for resource in _made(_queues("kueue")) if resource.type == PRIORITY]


def test_workload_priority_classes_keep_their_value() -> None:
    recording = _queues("kueue")
    made = [resource for resource in _made(recording) if resource.type == f"{KUEUE}:WorkloadPriorityClass"]
    assert {resource.inputs["metadata"]["name"]: resource.inputs["value"] for resource in made} == {
        "job-high": 10_000,
        "job-normal": 1_000,
        "job-low": 100,
        "fifo": 0,
    }
    assert all("spec" not in resource.inputs for resource in made)
    assert {resource.inputs["apiVersion"] for resource in made} == {"kueue.x-k8s.io/v1beta2"}


def test_flavors_are_those_of_the_nodes() -> None:
    flavor = named(_queues("kueue"), "queues-resourceflavor-gpu-a10")
    assert flavor.inputs["spec"] == {"nodeLabels": {"gpu": "a10"}, "nodeTaints": [*A10["A10"].taints]}


def test_nothing_where_jobs_do_not_queue() -> None:
    assert not _made(_queues("kueue", plan(TENANTS, enabled=False)))


def test_objects_and_outputs_are_known_by_name() -> None:
    found: dict[str, pulumi.Resource] = {}

    def program() -> None:
        found.update(Queues("queues", plan(TENANTS)).objects)

    recording = recorded(program)
    assert {"Cohort//vision", "ClusterQueue//detection", "LocalQueue/detect-lab/default"} <= found.keys()
    assert len(found) == len(_made(recording))
    assert only(recording, "ack-ai-blueprint:queues:Queues").name == "queues"
