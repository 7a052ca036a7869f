"""The chart inference-service."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, refused, render
from support import ROOT

EXAMPLE: dict[str, Any] = yaml.safe_load(
    (ROOT / "charts/inference-service/ci/example-values.yaml").read_text(encoding="utf-8")
)
RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
SERVICE: dict[str, Any] = {"image": "example.com/serve:1", "platform": PLATFORM}
ALONE: dict[str, Any] = {"image": "example.com/serve:1", "pods": {"jobClass": "", "resources": RESOURCES}}
PROMETHEUS = {"serverAddress": "http://prometheus:9090", "query": "sum(waiting)", "threshold": 2.5}
FOUND = {"app.kubernetes.io/name": "inference-service", "app.kubernetes.io/instance": "demo"}


def _kinds(manifests: list[dict[str, Any]]) -> list[str]:
    return sorted(manifest["kind"] for manifest in manifests)


def _deployment(manifests: list[dict[str, Any]], name: str = "demo") -> dict[str, Any]:
    found = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == ("Deployment", name)]
    assert len(found) == 1
    return found[0]


def _container(deployment: dict[str, Any]) -> dict[str, Any]:
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_a_service_has_what_the_platform_says() -> None:
    manifests = render("inference-service", SERVICE)
    assert _kinds(manifests) == ["Deployment", "PodDisruptionBudget", "Service"]
    template = _deployment(manifests)["spec"]["template"]
    placement = PLATFORM["jobClasses"]["inference"]
    assert template["metadata"]["labels"]["job-class"] == "inference"
    assert template["metadata"]["labels"]["tenant"] == "data"
    assert template["metadata"]["annotations"] == placement["annotations"]
    assert template["spec"]["affinity"] == placement["affinity"]
    assert template["spec"]["tolerations"] == placement["tolerations"]
    assert template["spec"]["priorityClassName"] == "job-normal"
    assert template["spec"]["serviceAccountName"] == "inference"
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["enableServiceLinks"] is False
    container = template["spec"]["containers"][0]
    assert container["resources"] == placement["resources"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {"name": "OSS_REGION", "value": "cn-hangzhou"} in container["env"]
    own = render("inference-service", {**SERVICE, "pods": {"resources": RESOURCES}})
    assert _container(_deployment(own))["resources"] == RESOURCES


def test_a_service_on_any_cluster_says_its_resources() -> None:
    deployment = _deployment(render("inference-service", ALONE))
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "default"
    assert "job-class" not in deployment["spec"]["template"]["metadata"]["labels"]
    assert "env" not in _container(deployment)
    assert "resources: missing" in refused("inference-service", {"image": "example.com/serve:1"})


@pytest.mark.parametrize("engine", ["Deployment", "KServe"])
def test_selectors_have_no_labels_of_a_job_class(engine: str) -> None:
    serverless = {"alibabacloud.com/acs": "true", "alibabacloud.com/compute-class": "gpu"}
    classes = {"inference": {**PLATFORM["jobClasses"]["inference"], "labels": serverless}}
    pods = {"labels": {"app.kubernetes.io/instance": "another", "team": "a"}}
    values = {**SERVICE, "platform": {**PLATFORM, "jobClasses": classes}, "pods": pods, "engine": engine}
    manifests = render("inference-service", values)
    assert one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == FOUND
    if engine == "KServe":
        predictor = one(manifests, "InferenceService")["spec"]["predictor"]
        labels, spread = predictor["labels"], predictor["topologySpreadConstraints"]
    else:
        spec = _deployment(manifests)["spec"]
        labels, spread = spec["template"]["metadata"]["labels"], spec["template"]["spec"]["topologySpreadConstraints"]
        assert spec["selector"]["matchLabels"] == {**FOUND, "track": "stable"}
        assert one(manifests, "Service")["spec"]["selector"] == FOUND
    assert {**serverless, **FOUND, "team": "a"}.items() <= labels.items()
    assert spread[0]["labelSelector"]["matchLabels"].items() <= labels.items()
    assert not serverless.keys() & spread[0]["labelSelector"]["matchLabels"].keys()


def test_the_example_loads_its_model_and_drains() -> None:
    manifests = render("inference-service", EXAMPLE)
    assert _kinds(manifests) == [
        *("Deployment", "Deployment", "Ingress", "PodDisruptionBudget", "ScaledObject", "Service"),
    ]
    spec = _deployment(manifests)["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 2}
    assert spec["progressDeadlineSeconds"] == 1800
    pod = spec["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 300
    assert pod["topologySpreadConstraints"][0]["topologyKey"] == "topology.kubernetes.io/zone"
    assert {"name": "model", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}} in pod["volumes"]
    assert {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}} in pod["volumes"]
    container = pod["containers"][0]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}
    assert {"name": "MODEL_PATH", "value": "/model"} in container["env"]
    mount = {"name": "model", "mountPath": "/model", "subPath": "qwen3-32b-fp8/v3", "readOnly": True}
    assert mount in container["volumeMounts"]
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in container["volumeMounts"]  # noqa: S108
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 1200
    assert container["livenessProbe"]["failureThreshold"] == 12
    assert container["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    ingress = one(manifests, "Ingress")["spec"]
    assert ingress["tls"] == [{"hosts": ["qwen.ai.example.com"], "secretName": "qwen-tls"}]
    assert ingress["rules"][0]["http"]["paths"][0]["backend"] == {"service": {"name": "demo", "port": {"number": 80}}}


def test_number_of_pods_stays_without_a_maximum() -> None:
    manifests = render("inference-service", {**SERVICE, "replicas": {"minimum": 3}})
    assert _deployment(manifests)["spec"]["replicas"] == 3
    assert "HorizontalPodAutoscaler" not in _kinds(manifests)


def test_cpu_or_memory_scales() -> None:
    values = {**SERVICE, "replicas": {"minimum": 2, "maximum": 8}, "scaling": {"metric": "memory", "percent": 60}}
    manifests = render("inference-service", values)
    assert "replicas" not in _deployment(manifests)["spec"]
    spec = one(manifests, "HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 8)
    target = {"type": "Utilization", "averageUtilization": 60}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "memory", "target": target}}]
    assert spec["behavior"] == {"scaleDown": {"stabilizationWindowSeconds": 300}}


@pytest.mark.parametrize(("engine", "target"), [("Deployment", "demo"), ("KServe", "demo-predictor")])
def test_a_query_scales_to_nothing(engine: str, target: str) -> None:
    values = {
        **SERVICE,
        "engine": engine,
        "replicas": {"minimum": 0, "maximum": 4},
        "scaling": {"prometheus": {**PROMETHEUS, "authentication": "arms"}},
    }
    manifests = render("inference-service", values)
    assert "HorizontalPodAutoscaler" not in _kinds(manifests)
    spec = one(manifests, "ScaledObject")["spec"]
    assert spec["scaleTargetRef"]["name"] == target
    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (0, 4, 300)
    assert spec["triggers"] == [
        {
            "type": "prometheus",
            "metadata": {
                "serverAddress": "http://prometheus:9090",
                "query": "sum(waiting)",
                "threshold": "2.5",
                "activationThreshold": "0",
            },
            "authenticationRef": {"name": "arms"},
        }
    ]
    if engine == "KServe":
        service = one(manifests, "InferenceService")
        assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
        assert service["spec"]["predictor"]["minReplicas"] == 0
    else:
        assert "replicas" not in _deployment(manifests)["spec"]


def test_kserve_makes_the_deployment() -> None:
    values = {
        **SERVICE,
        "engine": "KServe",
        "replicas": {"minimum": 1, "maximum": 4},
        "model": {"claim": "models"},
        "ingress": {"className": "nginx", "host": "a.example.com"},
    }
    manifests = render("inference-service", values)
    assert _kinds(manifests) == ["InferenceService", "Ingress", "PodDisruptionBudget"]
    service = one(manifests, "InferenceService")
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "hpa",
    }
    predictor = service["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 4)
    assert (predictor["scaleMetric"], predictor["scaleTarget"]) == ("cpu", 70)
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert predictor["labels"]["job-class"] == "inference"
    assert predictor["annotations"] == {"class": "inference"}
    assert predictor["affinity"] == PLATFORM["jobClasses"]["inference"]["affinity"]
    container = predictor["containers"][0]
    assert container["name"] == "kserve-container"
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert {"name": "MODEL_PATH", "value": "/model"} in container["env"]
    backend = one(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    assert backend["service"]["name"] == "demo-predictor"
    fixed = one(render("inference-service", {**SERVICE, "engine": "KServe"}), "InferenceService")
    assert fixed["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert "scaleMetric" not in fixed["spec"]["predictor"]


def test_a_canary_takes_its_part_of_the_pods() -> None:
    canary = {
        "percent": 25,
        "image": "example.com/serve:2",
        "args": ["--new"],
        "env": {"MODE": "new"},
        "model": {"claim": "models", "subPath": "v2"},
    }
    values = {**SERVICE, "replicas": {"minimum": 7}, "args": ["--old"], "env": {"MODE": "old"}, "canary": canary}
    manifests = render("inference-service", values)
    stable, new = _deployment(manifests), _deployment(manifests, "demo-canary")
    assert (stable["spec"]["replicas"], new["spec"]["replicas"]) == (6, 1)
    assert new["spec"]["selector"]["matchLabels"] == {**FOUND, "track": "canary"}
    assert one(manifests, "Service")["spec"]["selector"] == FOUND
    assert (_container(stable)["image"], _container(new)["image"]) == ("example.com/serve:1", "example.com/serve:2")
    assert (_container(stable)["args"], _container(new)["args"]) == (["--old"], ["--new"])
    assert {"name": "MODE", "value": "old"} in _container(stable)["env"]
    assert {"name": "MODE", "value": "new"} in _container(new)["env"]
    assert "volumes" not in stable["spec"]["template"]["spec"]
    assert _container(new)["volumeMounts"][0]["subPath"] == "v2"


def test_a_canary_says_only_what_differs() -> None:
    values = {**SERVICE, "replicas": {"minimum": 2}, "args": ["--old"], "canary": {"percent": 50}}
    manifests = render("inference-service", values)
    stable, new = (_deployment(manifests, name)["spec"]["template"] for name in ("demo", "demo-canary"))
    assert stable["spec"]["containers"] == new["spec"]["containers"]
    assert stable["metadata"]["labels"] == {**new["metadata"]["labels"], "track": "stable"}
    bare = {**values, "canary": {"percent": 50, "args": []}}
    assert "args" not in _container(_deployment(render("inference-service", bare), "demo-canary"))


def test_a_canary_stays_while_the_rest_scales() -> None:
    scaled = {**SERVICE, "replicas": {"minimum": 10, "maximum": 20}, "canary": {"percent": 20}}
    manifests = render("inference-service", scaled)
    spec = one(manifests, "HorizontalPodAutoscaler")["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (8, 18)
    assert spec["scaleTargetRef"]["name"] == "demo"
    assert "replicas" not in _deployment(manifests)["spec"]
    assert _deployment(manifests, "demo-canary")["spec"]["replicas"] == 2
    queried = one(render("inference-service", {**scaled, "scaling": {"prometheus": PROMETHEUS}}), "ScaledObject")
    assert (queried["spec"]["minReplicaCount"], queried["spec"]["maxReplicaCount"]) == (8, 18)


def test_what_is_off_is_not_made() -> None:
    values = {**SERVICE, "disruptionBudget": False, "spreadZones": False, "rollout": {"drainSeconds": 0}}
    manifests = render("inference-service", values)
    assert _kinds(manifests) == ["Deployment", "Service"]
    assert "topologySpreadConstraints" not in _deployment(manifests)["spec"]["template"]["spec"]
    assert "lifecycle" not in _container(_deployment(manifests))


def test_maintenance_takes_one_pod_at_a_time() -> None:
    spec = one(render("inference-service", SERVICE), "PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"] == FOUND


def test_files_start_pods_anew() -> None:
    def annotation(text: str) -> str:
        manifests = render("inference-service", {**SERVICE, "files": {"server.yaml": text}})
        assert one(manifests, "ConfigMap")["data"] == {"server.yaml": text}
        annotations = _deployment(manifests)["spec"]["template"]["metadata"]["annotations"]
        assert annotations["class"] == "inference"
        return annotations["checksum/files"]

    assert annotation("a: 1") != annotation("a: 2")


def test_a_user_makes_it_restricted() -> None:
    pod = _deployment(render("inference-service", {**SERVICE, "pods": {"runAsUser": 1000}}))["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 1000}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replicas": {"minimum": 0}}, "replicas.minimum = 0: without a pod there is no use of CPU"),
        (
            {"replicas": {"minimum": 0}, "scaling": {"prometheus": PROMETHEUS}},
            "replicas.maximum: missing; with replicas.minimum = 0",
        ),
        ({"replicas": {"minimum": 4, "maximum": 2}}, "replicas.maximum = 2: below the minimum of 4"),
        (
            {"replicas": {"minimum": 2}, "canary": {"percent": 15}},
            "canary.percent = 15: less than one of 2 pods; requests are split as pods are, so replicas.minimum must be "
            "7 or more",
        ),
        (
            {
                "replicas": {"minimum": 0, "maximum": 4},
                "scaling": {"prometheus": PROMETHEUS},
                "canary": {"percent": 50},
            },
            "canary.percent = 50: less than one of 0 pods",
        ),
        ({"engine": "KServe", "replicas": {"minimum": 2}, "canary": {"percent": 50}}, "canary: not with engine KServe"),
        (
            {"rollout": {"drainSeconds": 90}},
            "rollout.terminationSeconds = 90: pods would be killed while they drain for 90 seconds",
        ),
        ({"pods": {"jobClass": "inferrence"}}, 'jobClass "inferrence" is not one of the namespace\'s: inference'),
        ({"engine": "Knative"}, "at '/engine': value must be one of"),
        ({"canary": {"percent": 0}, "replicas": {"minimum": 2}}, "at '/canary"),
        ({"port": 80}, "at '/port': minimum: got 80, want 1,024"),
        ({"ingress": {"host": "a.example.com"}}, "missing property 'className'"),
        ({"scaling": {"prometheus": {**PROMETHEUS, "serverAddress": "prometheus:9090"}}}, "serverAddress"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("inference-service", {**SERVICE, **values})
