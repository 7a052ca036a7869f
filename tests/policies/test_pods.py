"""Where pods are found in a program, what is left alone, and what must wait."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from policies.evaluation import evaluate, setting
from policies.rule import UNKNOWN, Inputs, Resource
from policies.workloads import DECLARED

RULES = {rule.name: rule for rule in DECLARED}
BAD: dict[str, Any] = {"containers": [{"name": "a", "securityContext": {"privileged": True}}]}
TEMPLATE: dict[str, Any] = {"template": {"spec": BAD}}


def _said(kind: str, inputs: Mapping[str, Any], rule: str = "containers-not-privileged") -> list[tuple[str, str]]:
    """What a rule says of one resource: kind of each finding, and its message."""
    held = RULES[rule]
    resource = Resource(f"kubernetes:{kind}", "a", Inputs(inputs), "urn:a")
    found = evaluate([held], [resource], {rule: setting(held, {})}, today=date(2026, 11, 22))
    return [(finding.kind, finding.message) for finding in found.findings]


@pytest.mark.parametrize(
    ("kind", "inputs", "path"),
    [
        ("core/v1:Pod", {"spec": BAD}, ""),
        ("core/v1:ReplicationController", {"spec": TEMPLATE}, "spec.template"),
        ("apps/v1:DaemonSet", {"spec": TEMPLATE}, "spec.template"),
        ("batch/v1:CronJob", {"spec": {"jobTemplate": {"spec": TEMPLATE}}}, "spec.jobTemplate.spec.template"),
        ("ray.io/v1:RayCluster", {"spec": {"headGroupSpec": TEMPLATE}}, "spec.headGroupSpec.template"),
        (
            "ray.io/v1:RayJob",
            {"spec": {"rayClusterSpec": {"workerGroupSpecs": [TEMPLATE]}}},
            "spec.rayClusterSpec.workerGroupSpecs[0].template",
        ),
        (
            "kubeflow.org/v1:PyTorchJob",
            {"spec": {"pytorchReplicaSpecs": {"Master": TEMPLATE}}},
            "spec.pytorchReplicaSpecs.Master.template",
        ),
        (
            "sparkoperator.k8s.io/v1beta2:SparkApplication",
            {"spec": {"driver": {"securityContext": {"privileged": True}}}},
            "spec.driver",
        ),
        (
            "sparkoperator.k8s.io/v1beta2:ScheduledSparkApplication",
            {"spec": {"schedule": "@daily", "template": {"executor": {"sidecars": BAD["containers"]}}}},
            "spec.template.executor",
        ),
        (
            "argoproj.io/v1alpha1:CronWorkflow",
            {"spec": {"workflowSpec": {"templates": [{"container": {}, "sidecars": BAD["containers"]}]}}},
            "spec.workflowSpec.templates[0]",
        ),
        ("serving.kserve.io/v1beta1:InferenceService", {"spec": {"predictor": BAD}}, "spec.predictor"),
        ("example.com/v1:Anything", {"spec": {"parts": [TEMPLATE]}}, "spec.parts[0].template"),
    ],
)
def test_pods_are_found_in_every_kind(kind: str, inputs: Mapping[str, Any], path: str) -> None:
    ((found, message),) = _said(kind, inputs)
    name = "spark" if path == "spec.driver" else "a"
    assert found == "violation"
    assert message.startswith(f"{name} in {path} must not be privileged" if path else "a must not be privileged")


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("trainer.kubeflow.org/v1alpha1:ClusterTrainingRuntime", {"spec": TEMPLATE}),
        ("apps/v1:DeploymentPatch", {"spec": TEMPLATE}),
        ("serving.kserve.io/v1alpha1:ServingRuntime", {"spec": BAD}),
        ("serving.kserve.io/v1beta1:InferenceService", {"spec": {"predictor": {"model": {}}}}),
        ("core/v1:PodPatch", {"spec": BAD}),
        ("core/v1:Service", {"spec": UNKNOWN}),
        ("networking.k8s.io/v1:NetworkPolicy", {"spec": UNKNOWN}),
        ("helm.sh/v3:Release", {"values": UNKNOWN}),
    ],
)
def test_what_describes_no_whole_pods_need_not_say_all(kind: str, inputs: Mapping[str, Any]) -> None:
    assert _said(kind, inputs, "containers-have-requests") == []


@pytest.mark.parametrize(
    ("kind", "inputs", "path"),
    [
        ("apps/v1:Deployment", {"spec": UNKNOWN}, "spec"),
        ("apps/v1:Deployment", {"spec": {"template": {"spec": UNKNOWN}}}, "spec.template.spec"),
        ("ray.io/v1:RayCluster", {"spec": {"workerGroupSpecs": UNKNOWN}}, "spec.workerGroupSpecs"),
        (
            "ray.io/v1:RayCluster",
            {"spec": {"workerGroupSpecs": [{"template": UNKNOWN}]}},
            "spec.workerGroupSpecs[0].template",
        ),
        ("sparkoperator.k8s.io/v1beta2:SparkApplication", {"spec": UNKNOWN}, "spec"),
        ("sparkoperator.k8s.io/v1beta2:SparkApplication", {"spec": {"driver": UNKNOWN}}, "spec.driver"),
        ("argoproj.io/v1alpha1:Workflow", {"spec": {"templates": UNKNOWN}}, "spec.templates"),
        (
            "apps/v1:Deployment",
            {"spec": {"template": {"spec": {"containers": [UNKNOWN]}}}},
            "spec.template.spec.containers[0]",
        ),
    ],
)
def test_pods_that_may_be_there_must_wait(kind: str, inputs: Mapping[str, Any], path: str) -> None:
    ((found, message),) = _said(kind, inputs)
    assert (found, message) == (
        "deferred",
        f"Cannot be checked before apply: {path} is not known yet, or a secret. `pulumi up` checks it.",
    )


def test_what_is_known_to_be_wrong_does_not_wait() -> None:
    spec = {"headGroupSpec": TEMPLATE, "workerGroupSpecs": UNKNOWN}
    assert [kind for kind, _ in _said("ray.io/v1:RayCluster", {"spec": spec})] == ["violation", "deferred"]


def test_what_a_rule_does_not_look_at_may_be_unknown() -> None:
    container = {"name": "a", "image": UNKNOWN, "env": [{"name": "BUCKET", "value": UNKNOWN}], "securityContext": {}}
    spec = {"replicas": UNKNOWN, "template": {"metadata": UNKNOWN, "spec": {"containers": [container]}}}
    inputs = {"metadata": {"namespace": UNKNOWN}, "spec": spec}
    assert _said("apps/v1:Deployment", inputs) == []
    assert [kind for kind, _ in _said("apps/v1:Deployment", inputs, "images-not-latest")] == ["deferred"]
    spark = "sparkoperator.k8s.io/v1beta2:SparkApplication"
    inputs = {"spec": {"sparkConf": UNKNOWN, "driver": {}}}
    assert _said(spark, inputs) == []
    assert [kind for kind, _ in _said(spark, inputs, "images-not-latest")] == ["deferred"]


def test_pods_that_kubernetes_would_refuse_are_said() -> None:
    template = {"template": {"spec": {"containers": ["a"]}}}
    expected = [("violation", "spec.template is not what Kubernetes takes there: correct it.")]
    assert _said("apps/v1:Deployment", {"spec": template}, "containers-have-requests") == expected


def test_numbers_of_the_engine_are_whole() -> None:
    """It hands all numbers over as fractions, and CEL does not compare these with whole ones."""
    port = {"containerPort": 80.0, "hostPort": 0.0}
    pod = {"securityContext": {"runAsUser": 1000.0}, "containers": [{"name": "a", "ports": [port]}]}
    assert _said("core/v1:Pod", {"spec": pod}, "pods-not-root") == []
    assert _said("core/v1:Pod", {"spec": pod}, "pods-without-host-access") == []


def test_null_is_as_if_it_were_not_there() -> None:
    pod = {"containers": [{"name": "a", "securityContext": None}]}
    assert _said("core/v1:Pod", {"spec": pod}) == []


@pytest.mark.parametrize("rule", ["containers-have-requests", "containers-have-memory-limits"])
def test_spark_says_itself_what_its_pods_need(rule: str) -> None:
    spec = {"image": "spark:4.0.4", "driver": {"cores": 1}, "executor": {"memory": "4g"}}
    assert _said("sparkoperator.k8s.io/v1beta2:SparkApplication", {"spec": spec}, rule) == []
