"""The chart spark-job."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, refused, render
from components.manifests import pod_templates
from support import ROOT

RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "3", "memory": "8Gi"}}
JOB: dict[str, Any] = {"image": "example.com/spark:1", "mainApplicationFile": "local:///etc/job/clean.py"}
ALONE: dict[str, Any] = {
    **JOB,
    "driver": {"jobClass": "", "resources": RESOURCES},
    "executor": {"jobClass": "", "resources": RESOURCES},
}
FIXED = {"dynamicAllocation": {"enabled": False}, "executor": {"instances": 5}}
EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "charts/spark-job/ci/example-values.yaml").read_text(encoding="utf-8"))


def _platform(**marker: Any) -> dict[str, Any]:
    """A platform whose queue wants this of Spark's jobs."""
    return {**PLATFORM, "queue": {**PLATFORM["queue"], "markers": {"SparkApplication": marker}}}


def _spark(values: dict[str, Any]) -> dict[str, Any]:
    return one(render("spark-job", values), "SparkApplication")


def test_a_job_has_what_platform_and_queue_say() -> None:
    job = _spark({**JOB, "platform": PLATFORM})
    assert job["metadata"]["annotations"] == {"scheduling.x-k8s.io/suspend": "true", "elastic": "true"}
    assert job["metadata"]["labels"]["tenant"] == "data"
    spec = job["spec"]
    assert spec["mode"] == "cluster"
    assert "suspend" not in spec
    assert "sparkConf" not in spec
    assert spec["restartPolicy"] == {"type": "Never"}
    assert spec["timeToLiveSeconds"] == 86400
    assert spec["batchSchedulerOptions"] == {"priorityClassName": "job-normal"}
    for name, job_class in (("driver", "spark-driver"), ("executor", "spark-executor")):
        placement, pod = PLATFORM["jobClasses"][job_class], spec[name]
        assert pod["labels"]["job-class"] == job_class
        assert pod["annotations"] == {"class": job_class}
        assert pod["affinity"] == placement["affinity"]
        assert pod["tolerations"] == placement["tolerations"]
        assert pod["priorityClassName"] == "job-normal"
        assert pod["serviceAccount"] == "spark"
        assert pod["securityContext"]["allowPrivilegeEscalation"] is False
        assert {"name": "OSS_REGION", "value": "cn-hangzhou"} in pod["env"]
        assert "pod-group/name" not in pod["labels"]
    assert spec["executor"]["instances"] == 2
    assert spec["dynamicAllocation"] == {
        "enabled": True,
        "minExecutors": 1,
        "initialExecutors": 2,
        "maxExecutors": 10,
        "shuffleTrackingEnabled": True,
    }


@pytest.mark.parametrize(
    ("kind", "cpu", "memory", "size"),
    [
        ("Python", "4", "16Gi", {"cores": 4, "coreRequest": "4", "memory": "11702m", "memoryOverhead": "4682m"}),
        ("Scala", "4000m", "16384Mi", {"cores": 4, "coreRequest": "4000m", "memory": "14894m"}),
        ("Scala", "500m", "1Gi", {"cores": 1, "coreRequest": "500m", "memory": "640m", "memoryOverhead": "384m"}),
        ("Scala", "2.5", 2 * 2**30, {"cores": 2, "coreRequest": "2.5", "memory": "1664m", "memoryOverhead": "384m"}),
        ("Python", 1, "4G", {"cores": 1, "memory": "2724m", "memoryOverhead": "1090m"}),
    ],
)
def test_heap_and_overhead_are_together_what_the_pod_asks_for(
    kind: str, cpu: str | int, memory: str | int, size: dict[str, Any]
) -> None:
    pod = {"jobClass": "", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    job = _spark({**JOB, "type": kind, "mainClass": "a.B", "driver": pod, "executor": pod})
    assert job["spec"]["executor"].items() >= size.items()
    heap, beside = (int(job["spec"]["driver"][key].removesuffix("m")) for key in ("memory", "memoryOverhead"))
    assert int(pod_templates(job)[0].requests["memory"]) == (heap + beside) * 2**20
    assert "coreLimit" not in job["spec"]["driver"]


def test_tasks_and_heap_may_be_said() -> None:
    executor = {"cores": 8, "memory": "6g", "javaOptions": "-XX:+UseZGC"}
    pod = _spark({**ALONE, "executor": {**ALONE["executor"], **executor}})["spec"]["executor"]
    assert (pod["cores"], pod["coreRequest"], pod["coreLimit"]) == (8, "2", "3")
    assert (pod["memory"], pod["memoryOverhead"]) == ("6144m", "2048m")
    assert pod["javaOptions"] == "-XX:+UseZGC"


def test_executors_may_have_gpus() -> None:
    resources = {
        "requests": {"cpu": 8, "memory": "32Gi", "nvidia.com/gpu": 1},
        "limits": {"memory": "32Gi", "nvidia.com/gpu": 1},
    }
    job = _spark({**JOB, "platform": PLATFORM, "executor": {"resources": resources}})
    assert job["spec"]["executor"]["gpu"] == {"name": "nvidia.com/gpu", "quantity": 1}
    assert "gpu" not in job["spec"]["driver"]


def test_a_job_on_any_cluster_says_its_resources() -> None:
    job = _spark(ALONE)
    assert "annotations" not in job["metadata"]
    assert "batchSchedulerOptions" not in job["spec"]
    for name in ("driver", "executor"):
        pod = job["spec"][name]
        assert not {"affinity", "tolerations", "priorityClassName", "schedulerName", "annotations"} & set(pod)
        assert pod["serviceAccount"] == "default"
    assert "resources: missing" in refused("spark-job", JOB)


def test_the_queue_may_suspend_and_the_scheduler_be_another() -> None:
    job = _spark({**JOB, "platform": {**_platform(suspend=True), "schedulerName": "koord-scheduler"}})
    assert job["spec"]["suspend"] is True
    assert job["spec"]["driver"]["schedulerName"] == "koord-scheduler"


def test_a_gang_is_of_executors_whose_number_is_fixed() -> None:
    values: dict[str, Any] = {**JOB, **FIXED, "platform": PLATFORM, "gang": {"enabled": True}}
    job = _spark(values)
    assert "dynamicAllocation" not in job["spec"]
    assert job["metadata"]["annotations"] == {"scheduling.x-k8s.io/suspend": "true"}
    labels = job["spec"]["executor"]["labels"]
    assert (labels["pod-group/name"], labels["pod-group/min-available"]) == ("demo", "5")
    assert "pod-group/name" not in job["spec"]["driver"]["labels"]
    assert "the job has only 5 pods" in refused("spark-job", {**values, "gang": {"enabled": True, "minimum": 6}})
    assert "set dynamicAllocation.enabled: false" in refused("spark-job", {**values, "dynamicAllocation": {}})


def test_event_logs_go_to_a_claim() -> None:
    spec = _spark({**ALONE, "eventLogs": {"claim": "logs", "path": "/logs", "subPath": "data"}})["spec"]
    assert spec["sparkConf"] == {"spark.eventLog.enabled": "true", "spark.eventLog.dir": "file:///logs"}
    assert spec["volumes"] == [{"name": "event-logs", "persistentVolumeClaim": {"claimName": "logs"}}]
    mount = {"name": "event-logs", "mountPath": "/logs", "subPath": "data"}
    assert spec["driver"]["volumeMounts"] == [mount]
    assert "volumeMounts" not in spec["executor"]


def test_event_logs_go_where_the_history_server_reads() -> None:
    platform = {**PLATFORM, "history": {"sparkClaim": "spark-events"}}
    spec = _spark({**JOB, "platform": platform, "eventLogs": {"subPath": "ignored"}})["spec"]
    assert spec["sparkConf"] == {"spark.eventLog.enabled": "true", "spark.eventLog.dir": "file:///event-logs"}
    assert spec["volumes"] == [{"name": "event-logs", "persistentVolumeClaim": {"claimName": "spark-events"}}]
    assert spec["driver"]["volumeMounts"] == [{"name": "event-logs", "mountPath": "/event-logs"}]
    assert "volumeMounts" not in spec["executor"]
    own = _spark({**JOB, "platform": platform, "eventLogs": {"claim": "mine"}})["spec"]
    assert own["volumes"] == [{"name": "event-logs", "persistentVolumeClaim": {"claimName": "mine"}}]
    elsewhere = {**PLATFORM, "history": {"sparkDirectory": "s3a://logs/data/spark"}}
    assert _spark({**JOB, "platform": elsewhere})["spec"]["sparkConf"]["spark.eventLog.dir"] == "s3a://logs/data/spark"


def test_event_logs_go_to_the_bucket_only_with_a_way_to_log_in() -> None:
    provider = {"fs.oss.credentials.provider": "example.Provider"}
    spec = _spark({**JOB, "platform": PLATFORM, "hadoopConf": provider})["spec"]
    assert spec["sparkConf"]["spark.eventLog.dir"] == "oss://acme-test-event-logs/data/"
    assert spec["hadoopConf"] == provider
    assert "sparkConf" not in _spark({**ALONE, "hadoopConf": provider})["spec"]
    values = {**JOB, "platform": PLATFORM, "hadoopConf": provider, "sparkConf": {"spark.eventLog.enabled": "false"}}
    assert _spark(values)["spec"]["sparkConf"]["spark.eventLog.enabled"] == "false"


def test_what_the_application_needs() -> None:
    values = {
        **ALONE,
        "type": "Scala",
        "mainClass": "example.Clean",
        "arguments": ["--day", "2026-11-22"],
        "deps": {"jars": ["local:///opt/a.jar"], "pyFiles": ["local:///opt/a.py"]},
        "restart": {"policy": "OnFailure", "retries": 1},
        "secrets": ["tokens"],
        "env": {"STAGE": "clean"},
        "files": {"clean.sql": "select 1"},
        "volumes": [{"claim": "raw", "path": "/raw"}],
    }
    manifests = render("spark-job", values)
    assert one(manifests, "ConfigMap")["data"] == {"clean.sql": "select 1"}
    spec = one(manifests, "SparkApplication")["spec"]
    assert spec["mainClass"] == "example.Clean"
    assert spec["arguments"] == ["--day", "2026-11-22"]
    assert spec["deps"] == {"jars": ["local:///opt/a.jar"], "pyFiles": ["local:///opt/a.py"]}
    assert spec["restartPolicy"] == {
        "type": "OnFailure",
        "onFailureRetries": 1,
        "onFailureRetryInterval": 60,
        "onSubmissionFailureRetries": 3,
        "onSubmissionFailureRetryInterval": 30,
    }
    assert [volume["name"] for volume in spec["volumes"]] == ["claim-0", "files"]
    for name in ("driver", "executor"):
        assert [mount["mountPath"] for mount in spec[name]["volumeMounts"]] == ["/raw", "/etc/job"]
        assert spec[name]["envFrom"] == [{"secretRef": {"name": "tokens"}}]
        assert spec[name]["env"] == [{"name": "STAGE", "value": "clean"}]


def test_a_schedule_makes_runs_with_the_labels_of_the_queue() -> None:
    values = {
        **JOB,
        "platform": _platform(labels={"queue": "data"}, annotations={"a": "b"}),
        "schedule": {"cron": "@daily"},
    }
    job = one(render("spark-job", values), "ScheduledSparkApplication")
    assert job["metadata"]["labels"]["queue"] == "data"
    assert "annotations" not in job["metadata"]
    template = job["spec"].pop("template")
    assert template == _spark({**values, "schedule": None})["spec"]
    assert job["spec"] == {
        "schedule": "CRON_TZ=Asia/Shanghai @daily",
        "concurrencyPolicy": "Forbid",
        "suspend": False,
        "successfulRunHistoryLimit": 3,
        "failedRunHistoryLimit": 3,
    }


def test_the_example_renders_on_any_cluster() -> None:
    job = one(render("spark-job", EXAMPLE), "ScheduledSparkApplication")
    assert job["spec"]["schedule"] == "CRON_TZ=Asia/Shanghai 0 2 * * *"
    assert {template.role for template in pod_templates(job)} == {"leader", "worker"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"driver": {"jobClass": "spark"}}, 'jobClass "spark" is not one of the namespace\'s: inference'),
        ({"mainApplicationFile": ""}, "at '/mainApplicationFile': minLength"),
        ({"type": "R"}, "at '/type': value must be one of"),
        ({"type": "Java"}, "mainClass: missing; an application in Java must have one"),
        ({"executor": {"memory": "16 GB"}}, "at '/executor/memory'"),
        ({"executor": {"memory": "16g"}}, "executor: a heap of 16384 MiB in a pod of 16384 MiB: it must have at least"),
        (
            {"driver": {"resources": {"requests": {"cpu": 1, "memory": "800Mi"}}}},
            "driver: a heap of 416 MiB in a pod of 800 MiB",
        ),
        ({"driver": {"resources": {"requests": {"cpu": 1, "memory": "1GB"}}}}, 'memory "1GB" is not a quantity'),
        ({"driver": {"resources": {"requests": {"cpu": 1}}}}, "at most one kind of device, not for: cpu"),
        (
            {"dynamicAllocation": {"minimum": 5}},
            "dynamicAllocation.minimum = 5, initial = 2, maximum = 10: none may be above the next",
        ),
        ({"dynamicAllocation": {"initial": 20}}, "initial = 20, maximum = 10"),
        ({"schedule": {"cron": "daily"}}, "at '/schedule"),
        ({"schedule": {"cron": "@daily"}}, "schedule: its runs get no annotations"),
        (
            {**FIXED, "gang": {"enabled": True}, "schedule": {"cron": "@daily", "concurrencyPolicy": "Allow"}},
            "runs at the same time would share a gang",
        ),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("spark-job", {**JOB, "platform": PLATFORM, **values})
