"""The charts ray-job, ray-cluster and ray-service."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, refused, render
from support import ROOT

RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
JOB: dict[str, Any] = {"image": "example.com/ray:1", "entrypoint": "python /etc/job/clean.py", "workers": {"text": {}}}
ALONE: dict[str, Any] = {
    **JOB,
    "head": {"jobClass": "", "resources": RESOURCES},
    "workers": {"text": {"jobClass": "", "resources": RESOURCES}},
}


def _head(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]


def _workers(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]


def test_a_job_has_what_platform_and_queue_say() -> None:
    job = one(render("ray-job", {**JOB, "platform": PLATFORM}), "RayJob")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["queue"] == "data"
    assert job["metadata"]["labels"]["tenant"] == "data"
    assert job["metadata"]["annotations"] == {"elastic": "true"}
    head, worker = _head(job), _workers(job)["template"]
    assert head["metadata"]["labels"]["job-class"] == "ray-head"
    assert head["metadata"]["labels"]["goatscaler.io/safe-to-evict"] == "false"
    for pod, name in ((head, "ray-head"), (worker, "ray-worker")):
        placement = PLATFORM["jobClasses"][name]
        assert pod["spec"]["affinity"] == placement["affinity"]
        assert pod["spec"]["tolerations"] == placement["tolerations"]
        assert pod["spec"]["priorityClassName"] == "job-normal"
        assert pod["spec"]["serviceAccountName"] == "ray"
        assert pod["spec"]["containers"][0]["resources"] == placement["resources"]
        assert pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False
    env = {entry["name"]: entry["value"] for entry in head["spec"]["containers"][0]["env"]}
    assert env["OSS_ENDPOINT"] == "oss-cn-hangzhou-internal.aliyuncs.com"
    assert env["BUCKET_EVENT_LOGS"] == "acme-test-event-logs"


def test_a_job_without_autoscaling_is_not_elastic() -> None:
    values = {**JOB, "platform": PLATFORM, "autoscaling": False, "workers": {"text": {"replicas": 4}}}
    job = one(render("ray-job", values), "RayJob")
    assert "annotations" not in job["metadata"]
    assert "autoscalerOptions" not in job["spec"]["rayClusterSpec"]
    group = _workers(job)
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (4, 4, 4)


def test_a_job_on_any_cluster_says_its_resources() -> None:
    job = one(render("ray-job", ALONE), "RayJob")
    assert "suspend" not in job["spec"]
    assert "job-class" not in _head(job)["metadata"]["labels"]
    assert _head(job)["spec"]["serviceAccountName"] == "default"
    assert _head(job)["spec"]["containers"][0]["resources"] == RESOURCES
    assert "resources: missing" in refused("ray-job", JOB)


def test_volumes_files_and_secrets_are_in_every_pod() -> None:
    values = {
        **ALONE,
        "files": {"clean.py": "print()"},
        "volumes": [
            {"claim": "curated", "path": "/data"},
            {"claim": "out", "path": "/out", "subPath": "a", "readOnly": False},
        ],
        "secrets": ["tokens"],
        "env": {"STAGE": "clean"},
    }
    manifests = render("ray-job", values)
    assert one(manifests, "ConfigMap")["data"] == {"clean.py": "print()"}
    for pod in (_head(one(manifests, "RayJob")), _workers(one(manifests, "RayJob"))["template"]):
        claims = [volume["persistentVolumeClaim"] for volume in pod["spec"]["volumes"][:2]]
        assert claims == [{"claimName": "curated", "readOnly": True}, {"claimName": "out", "readOnly": False}]
        container = pod["spec"]["containers"][0]
        assert container["volumeMounts"] == [
            {"name": "claim-0", "mountPath": "/data", "readOnly": True},
            {"name": "claim-1", "mountPath": "/out", "readOnly": False, "subPath": "a"},
            {"name": "files", "mountPath": "/etc/job", "readOnly": True},
        ]
        assert container["envFrom"] == [{"secretRef": {"name": "tokens"}}]
        assert {"name": "STAGE", "value": "clean"} in container["env"]


def test_a_gang_counts_head_and_workers() -> None:
    values = {
        **JOB,
        "platform": PLATFORM,
        "gang": {"enabled": True},
        "workers": {"a": {"replicas": 3}, "b": {"replicas": 2}},
    }
    job = one(render("ray-job", values), "RayJob")
    labels = _head(job)["metadata"]["labels"]
    assert (labels["pod-group/name"], labels["pod-group/min-available"]) == ("demo", "6")
    assert "pod-group/name" not in job["spec"]["submitterPodTemplate"]["metadata"]["labels"]
    values["gang"] = {"enabled": True, "minimum": 7}
    assert "gang.minimum = 7: the job has only 6 pods" in refused("ray-job", values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"workers": {"text": {"minimum": 5, "maximum": 4}}}, "workers.text.minimum = 5: above the maximum of 4"),
        ({"head": {"jobClass": "ray-hed"}}, 'jobClass "ray-hed" is not one of the namespace\'s: inference'),
        ({"entrypoint": ""}, "at '/entrypoint': minLength: got 0, want 1"),
        ({"image": None}, "at '/image': got null, want string"),
        ({"workers": {}}, "at '/workers'"),
        ({"wrokers": {}}, "additional properties 'wrokers' not allowed"),
        ({"workers": {"text": {"replicas": "three"}}}, "at '/workers/text/replicas': got string, want integer"),
        ({"submissionMode": "InteractiveMode"}, "at '/submissionMode': value must be one of"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("ray-job", {**JOB, "platform": PLATFORM, **values})


def test_a_cluster_is_queued_only_where_the_queue_takes_it() -> None:
    values = {"image": "example.com/ray:1", "workers": {"text": {}}, "platform": PLATFORM}
    cluster = one(render("ray-cluster", values), "RayCluster")
    assert "suspend" not in cluster["spec"]
    assert cluster["metadata"]["labels"]["queue"] == "data"
    assert cluster["spec"]["autoscalerOptions"]["idleTimeoutSeconds"] == 120
    assert cluster["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_a_service_moves_traffic_to_a_new_cluster() -> None:
    config = "applications:\n- name: app\n  import_path: app:deployment\n"
    values = {"image": "example.com/ray:1", "workers": {"text": {}}, "platform": PLATFORM, "serveConfig": config}
    service = one(render("ray-service", values), "RayService")
    assert service["spec"]["serveConfigV2"] == config
    assert service["spec"]["upgradeStrategy"] == {"type": "NewCluster"}
    assert service["metadata"]["labels"]["queue"] == "data"


@pytest.mark.parametrize("chart", ["ray-cluster", "ray-job", "ray-service"])
def test_the_example_renders_on_any_cluster(chart: str) -> None:
    values = yaml.safe_load((ROOT / "charts" / chart / "ci" / "example-values.yaml").read_text(encoding="utf-8"))
    manifests = render(chart, values)
    assert manifests[0]["kind"].startswith("Ray")


COLLECTOR = {
    "image": "quay.io/kuberay/collector:v1.7.1",
    "env": {"STORAGE_BACKEND": "aliyunoss", "STORAGE_ROOT_DIR": "data/ray"},
}
KEPT: dict[str, Any] = {**PLATFORM, "history": {"ray": COLLECTOR}}


def test_a_collector_beside_each_pod_keeps_its_history() -> None:
    job = one(render("ray-job", {**JOB, "platform": KEPT}), "RayJob")
    for pod, role in ((_head(job), "Head"), (_workers(job)["template"], "Worker")):
        main, collector = pod["spec"]["containers"]
        env = {entry["name"]: entry.get("value") for entry in collector["env"]}
        assert env["RAY_ROLE"] == role
        assert (env["OWNER_KIND"], env["OWNER_NAME"]) == ("rayjob", job["metadata"]["name"])
        assert (env["STORAGE_BACKEND"], env["STORAGE_ROOT_DIR"]) == ("aliyunoss", "data/ray")
        assert "envFrom" not in collector
        assert collector["securityContext"]["allowPrivilegeEscalation"] is False
        (mount,) = collector["volumeMounts"]
        assert mount["name"] == "ray-history"
        assert mount in main["volumeMounts"]
        events = {entry["name"]: entry["value"] for entry in main["env"]}
        assert events["RAY_DASHBOARD_AGGREGATOR_AGENT_EVENTS_EXPORT_ADDR"] == "http://localhost:8084/v1/events"
        assert events["OSS_ENDPOINT"] == "oss-cn-hangzhou-internal.aliyuncs.com"
        assert pod["spec"]["volumes"] == [{"name": "ray-history", "emptyDir": {}}]
        assert pod["spec"]["terminationGracePeriodSeconds"] == 120
    submitter = job["spec"]["submitterPodTemplate"]["spec"]
    assert [container["name"] for container in submitter["containers"]] == ["ray-job-submitter"]


def test_a_collector_names_the_owner_of_its_cluster_and_its_keys() -> None:
    values = {"image": "example.com/ray:1", "workers": {"text": {}}}
    platform = {**KEPT, "history": {"ray": {**COLLECTOR, "secret": "keys"}}}
    cluster = one(render("ray-cluster", {**values, "platform": platform}), "RayCluster")["spec"]
    service = one(render("ray-service", {**values, "platform": KEPT, "serveConfig": "applications: []"}), "RayService")[
        "spec"
    ]["rayClusterConfig"]
    owners: list[str | None] = []
    for spec in (cluster, service):
        collector = spec["headGroupSpec"]["template"]["spec"]["containers"][1]
        owners.append({entry["name"]: entry.get("value") for entry in collector["env"]}.get("OWNER_KIND"))
    assert owners == [None, "rayservice"]
    collector = cluster["headGroupSpec"]["template"]["spec"]["containers"][1]
    assert collector["envFrom"] == [{"secretRef": {"name": "keys"}}]


def test_no_history_where_the_job_or_its_ray_has_none() -> None:
    job = one(render("ray-job", {**JOB, "platform": KEPT, "history": False}), "RayJob")
    assert len(_head(job)["spec"]["containers"]) == 1
    assert "volumes" not in _head(job)["spec"]
    assert "history is kept from Ray 2.55 on" in refused("ray-job", {**JOB, "platform": KEPT, "rayVersion": "2.52.0"})
