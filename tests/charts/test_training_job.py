"""The chart training-job."""

import json
from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, check, one, refused, render
from support import ROOT

RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
JOB: dict[str, Any] = {"image": "example.com/train:1", "command": ["torchrun"], "args": ["train.py"]}
ALONE: dict[str, Any] = {**JOB, "workers": {"jobClass": "", "resources": RESOURCES}}
EXAMPLE: dict[str, Any] = yaml.safe_load(
    (ROOT / "charts/training-job/ci/example-values.yaml").read_text(encoding="utf-8")
)
KINDS = {
    "pytorch": ("PyTorchJob", "pytorchReplicaSpecs", "pytorch", {"Master": 1, "Worker": 3}),
    "tensorflow": ("TFJob", "tfReplicaSpecs", "tensorflow", {"Worker": 3}),
    "mpi": ("MPIJob", "mpiReplicaSpecs", "mpi", {"Launcher": 1, "Worker": 3}),
    "xgboost": ("XGBoostJob", "xgbReplicaSpecs", "xgboost", {"Master": 1, "Worker": 3}),
}


def _job(values: dict[str, Any], framework: str = "pytorch") -> tuple[dict[str, Any], dict[str, Any]]:
    """The job, and the replicas of it."""
    kind, specs, _, _ = KINDS[framework]
    job = one(render("training-job", {**values, "framework": framework}), kind)
    return job, job["spec"][specs]


@pytest.mark.parametrize("framework", KINDS)
def test_a_job_has_what_platform_and_queue_say(framework: str) -> None:
    kind, _, container_name, sizes = KINDS[framework]
    job, replicas = _job({**JOB, "platform": PLATFORM, "workers": {"replicas": 3}}, framework)
    suspended = {"scheduling.x-k8s.io/suspend": "true"}
    assert job["metadata"].get("annotations", {}) == (suspended if kind != "MPIJob" else {})
    assert {name: replica["replicas"] for name, replica in replicas.items()} == sizes
    assert job["spec"]["runPolicy"] == {
        "activeDeadlineSeconds": 86400,
        "backoffLimit": 3,
        "ttlSecondsAfterFinished": 86400,
        "cleanPodPolicy": "Running",
    }
    placement = PLATFORM["jobClasses"]["training-small"]
    for name, replica in replicas.items():
        assert replica["restartPolicy"] == "OnFailure"
        pod = replica["template"]
        assert pod["metadata"]["labels"]["job-class"] == "training-small"
        assert pod["metadata"]["labels"]["pod-group/name"] == "demo"
        assert pod["metadata"]["labels"]["pod-group/min-available"] == str(sum(sizes.values()))
        assert pod["spec"]["affinity"] == placement["affinity"]
        assert pod["spec"]["tolerations"] == placement["tolerations"]
        assert pod["spec"]["priorityClassName"] == "job-normal"
        assert pod["spec"]["serviceAccountName"] == "training"
        container = pod["spec"]["containers"][0]
        assert container["name"] == container_name
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        if name != "Launcher":
            assert container["resources"] == placement["resources"]


def test_only_the_launcher_of_mpi_has_the_command() -> None:
    job, replicas = _job({**JOB, "platform": PLATFORM, "processesPerNode": 4}, "mpi")
    launcher, worker = (replicas[name]["template"]["spec"]["containers"][0] for name in ("Launcher", "Worker"))
    assert (launcher["command"], launcher["args"]) == (["torchrun"], ["train.py"])
    assert not {"command", "args"} & set(worker)
    assert launcher["resources"]["requests"] == {"cpu": "1", "memory": "2Gi"}
    assert job["spec"]["slotsPerWorker"] == 4
    assert _job({**JOB, "platform": PLATFORM}, "mpi")[0]["spec"]["slotsPerWorker"] == 1
    values = {**JOB, "platform": PLATFORM, "launcher": {"jobClass": "training-large"}}
    own = _job(values, "mpi")[1]["Launcher"]["template"]
    assert own["metadata"]["labels"]["job-class"] == "training-large"


def test_a_master_may_differ_from_the_workers() -> None:
    values = {**JOB, "platform": PLATFORM, "master": {"resources": RESOURCES}, "processesPerNode": "gpu"}
    job, replicas = _job(values)
    assert replicas["Master"]["template"]["spec"]["containers"][0]["resources"] == RESOURCES
    assert replicas["Worker"]["template"]["spec"]["containers"][0]["resources"] != RESOURCES
    assert job["spec"]["nprocPerNode"] == "gpu"
    assert list(_job({**JOB, "platform": PLATFORM, "workers": {"replicas": 0}})[1]) == ["Master"]


def test_tensorflow_may_have_a_chief_and_parameter_servers() -> None:
    values = {**JOB, "platform": PLATFORM, "chief": {}, "parameterServers": {"replicas": 2, "labels": {"a": "b"}}}
    _, replicas = _job(values, "tensorflow")
    assert {name: replica["replicas"] for name, replica in replicas.items()} == {"Chief": 1, "PS": 2, "Worker": 1}
    assert replicas["PS"]["template"]["metadata"]["labels"]["a"] == "b"
    assert replicas["PS"]["template"]["metadata"]["labels"]["pod-group/min-available"] == "4"


def test_elastic_workers_have_no_master_and_start_with_the_fewest() -> None:
    marker = {"PyTorchJob": {"elastic": {"elastic": "true"}, "suspend": True}}
    platform = {**PLATFORM, "queue": {**PLATFORM["queue"], "markers": marker}}
    values = {**JOB, "platform": platform, "workers": {"replicas": 4}, "elastic": {"minimum": 2, "maximum": 8}}
    job, replicas = _job(values)
    assert list(replicas) == ["Worker"]
    assert job["spec"]["elasticPolicy"] == {
        "rdzvBackend": "c10d",
        "minReplicas": 2,
        "maxReplicas": 8,
        "maxRestarts": 10,
    }
    assert job["metadata"]["annotations"] == {"elastic": "true"}
    assert job["spec"]["runPolicy"]["suspend"] is True
    assert replicas["Worker"]["template"]["metadata"]["labels"]["pod-group/min-available"] == "2"
    _, replicas = _job({**values, "gang": {"minimum": 3}})
    assert replicas["Worker"]["template"]["metadata"]["labels"]["pod-group/min-available"] == "3"


def test_a_gang_may_be_off_or_smaller() -> None:
    values: dict[str, Any] = {**JOB, "platform": PLATFORM, "workers": {"replicas": 3}}
    _, replicas = _job({**values, "gang": {"enabled": False}})
    assert "pod-group/name" not in replicas["Worker"]["template"]["metadata"]["labels"]
    _, replicas = _job({**values, "gang": {"minimum": 2}})
    assert replicas["Master"]["template"]["metadata"]["labels"]["pod-group/min-available"] == "2"
    assert "gang.minimum = 5: the job has only 4 pods" in refused("training-job", {**values, "gang": {"minimum": 5}})


def test_a_job_on_any_cluster_says_its_resources() -> None:
    job, replicas = _job(ALONE)
    assert "annotations" not in job["metadata"]
    for replica in replicas.values():
        pod = replica["template"]
        assert not {"job-class", "pod-group/name"} & set(pod["metadata"]["labels"])
        assert pod["spec"]["serviceAccountName"] == "default"
        assert pod["spec"]["containers"][0]["resources"] == RESOURCES
        assert "volumes" not in pod["spec"]
    message = refused("training-job", JOB)
    assert 'resources: missing; the job class "training-small" says nothing of them' in message


def test_checkpoints_and_shared_memory_are_in_every_pod() -> None:
    values = {
        **ALONE,
        "checkpointDirectory": "/checkpoints/a",
        "sharedMemoryGib": 16,
        "volumes": [{"claim": "checkpoints", "path": "/checkpoints", "readOnly": False}],
        "files": {"train.py": "print()"},
        "secrets": ["tokens"],
    }
    manifests = render("training-job", values)
    assert one(manifests, "ConfigMap")["data"] == {"train.py": "print()"}
    for replica in one(manifests, "PyTorchJob")["spec"]["pytorchReplicaSpecs"].values():
        spec = replica["template"]["spec"]
        assert spec["containers"][0]["env"] == [{"name": "CHECKPOINT_DIR", "value": "/checkpoints/a"}]
        assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": "tokens"}}]
        mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
        assert mounts == {"claim-0": "/checkpoints", "files": "/etc/job", "shared-memory": "/dev/shm"}  # noqa: S108
        assert spec["volumes"][-1] == {
            "name": "shared-memory",
            "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"},
        }


def test_trainer_runs_pytorch_on_a_runtime() -> None:
    values = {
        **JOB,
        "platform": PLATFORM,
        "operator": "trainer",
        "workers": {"replicas": 4},
        "processesPerNode": 8,
        "sharedMemoryGib": 8,
        "volumes": [{"claim": "checkpoints", "path": "/checkpoints", "readOnly": False}],
        "checkpointDirectory": "/checkpoints",
    }
    job = one(render("training-job", values), "TrainJob")
    assert job["metadata"]["annotations"] == {"scheduling.x-k8s.io/suspend": "true"}
    spec = job["spec"]
    assert spec["runtimeRef"]["name"] == "torch-distributed"
    assert spec["activeDeadlineSeconds"] == 86400
    assert (spec["trainer"]["numNodes"], spec["trainer"]["numProcPerNode"]) == (4, 8)
    assert (spec["trainer"]["command"], spec["trainer"]["args"]) == (["torchrun"], ["train.py"])
    assert spec["trainer"]["resourcesPerNode"] == PLATFORM["jobClasses"]["training-small"]["resources"]
    assert {"name": "CHECKPOINT_DIR", "value": "/checkpoints"} in spec["trainer"]["env"]
    (replicated,) = spec["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = replicated["template"]["spec"]["template"]
    assert replicated["name"] == "node"
    assert pod["metadata"]["labels"]["job-class"] == "training-small"
    assert pod["metadata"]["labels"]["pod-group/min-available"] == "4"
    assert pod["spec"]["affinity"] == PLATFORM["jobClasses"]["training-small"]["affinity"]
    assert pod["spec"]["serviceAccountName"] == "training"
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["claim-0", "shared-memory"]
    (container,) = pod["spec"]["containers"]
    assert set(container) == {"name", "volumeMounts", "securityContext"}
    minimal = one(render("training-job", {**ALONE, "operator": "trainer"}), "TrainJob")
    assert "numProcPerNode" not in minimal["spec"]["trainer"]


def test_checkpoints_may_go_to_a_dataset_and_trainer_mounts_it() -> None:
    requires = [{"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}]
    known = {"runs": {"readOnly": False, "claim": "runs-claim", "requires": requires}}
    values = {
        **JOB,
        "platform": {**PLATFORM, "datasets": known, "kubectlImage": "example.com/kubectl:1"},
        "operator": "trainer",
        "datasets": ["runs"],
        "checkpointDirectory": "/datasets/runs/a",
    }
    spec = one(render("training-job", values), "TrainJob")["spec"]
    assert {"name": "DATASET_RUNS", "value": "/datasets/runs"} in spec["trainer"]["env"]
    (replicated,) = spec["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = replicated["template"]["spec"]["template"]["spec"]
    claim = {"claimName": "runs-claim", "readOnly": False}
    assert pod["volumes"] == [{"name": "dataset-0", "persistentVolumeClaim": claim}]
    mount = {"name": "dataset-0", "mountPath": "/datasets/runs", "readOnly": False}
    assert pod["containers"][0]["volumeMounts"] == [{**mount, "mountPropagation": "HostToContainer"}]
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"][1:] == requires
    waits = {**values, "datasets": [{"name": "runs", "waitUntilCached": True}]}
    assert (
        "datasets[0].waitUntilCached = true: a TrainJob cannot add init containers; use operator: training-operator"
    ) in refused("training-job", waits)
    known["runs"]["readOnly"] = True
    assert "nor a dataset that may be written" in refused("training-job", values)


@pytest.mark.parametrize(
    ("operator", "success", "failures"),
    [("training-operator", "status.completionTime", 6), ("trainer", "status.jobsStatus.0.succeeded > 0", 4)],
)
def test_a_schedule_makes_the_same_job_in_each_run(operator: str, success: str, failures: int) -> None:
    values = {**JOB, "platform": PLATFORM, "operator": operator, "args": ["--format={{name}} {{{x}}}", "<&>"]}
    (once,) = render("training-job", values, name="demo-1")
    manifests = render("training-job", {**values, "schedule": {"cron": "0 3 * * *", "successfulRuns": 1}})
    cron = one(manifests, "CronWorkflow")
    workflow = cron["spec"].pop("workflowSpec")
    assert cron["spec"] == {
        "schedules": ["0 3 * * *"],
        "timezone": "Asia/Shanghai",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "suspend": False,
    }
    assert workflow["serviceAccountName"] == "workflow"
    assert workflow["podMetadata"]["labels"]["queue"] == "data"
    resource = workflow["templates"][0]["resource"]
    assert resource["successCondition"] == success
    assert resource["failureCondition"].split(", ")[-1] == f"status.conditions.{failures - 1}.type == Failed"
    tags = resource["manifest"].count("{{")
    assert tags == resource["manifest"].count("{{workflow.name}}") > 1
    made = json.loads(resource["manifest"].replace("{{workflow.name}}", "demo-1"))
    check(made)
    text = json.dumps(once, sort_keys=True).replace('"instance": "demo-1"', '"instance": "demo"')
    expected = json.loads(text.replace('app.kubernetes.io/instance": "demo-1"', 'app.kubernetes.io/instance": "demo"'))
    assert made == expected


def test_the_example_renders_on_any_cluster() -> None:
    _, replicas = _job(EXAMPLE)
    assert replicas["Worker"]["replicas"] == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"framework": "jax"}, "at '/framework': value must be one of"),
        ({"framework": "mpi", "operator": "trainer"}, "operator = trainer: the framework must be pytorch, not mpi"),
        ({"framework": "mpi", "master": {}}, "master: a MPIJob has none"),
        ({"launcher": {}}, "launcher: a PyTorchJob has none"),
        ({"operator": "trainer", "master": {}}, "master: a TrainJob has none"),
        ({"framework": "xgboost", "parameterServers": {"replicas": 1}}, "parameterServers: a XGBoostJob has none"),
        ({"framework": "xgboost", "processesPerNode": 2}, "processesPerNode: of pytorch and mpi alone, not of xgboost"),
        ({"framework": "mpi", "processesPerNode": "gpu"}, "processesPerNode = gpu: with mpi it must be a number"),
        ({"framework": "mpi", "workers": {"replicas": 0}}, "workers.replicas = 0: a MPIJob must have at least one"),
        ({"framework": "mpi", "elastic": {"minimum": 1, "maximum": 2}}, "elastic: of framework pytorch"),
        ({"operator": "trainer", "elastic": {"minimum": 1, "maximum": 2}}, "elastic: of framework pytorch"),
        (
            {"elastic": {"minimum": 1, "maximum": 2}, "master": {}},
            "elastic: there is no master then",
        ),
        (
            {"elastic": {"minimum": 2, "maximum": 4}},
            "workers.replicas = 1: must be from elastic.minimum = 2 to elastic.maximum = 4",
        ),
        ({"elastic": {"minimum": 2}}, "at '/elastic'"),
        ({"operator": "trainer", "secrets": ["a"]}, "secrets: a TrainJob takes no whole secrets"),
        (
            {"operator": "trainer", "platform": {**PLATFORM, "schedulerName": "koord-scheduler"}},
            "a TrainJob cannot name the scheduler koord-scheduler",
        ),
        (
            {"checkpointDirectory": "/data/a", "volumes": [{"claim": "data", "path": "/data"}]},
            "checkpointDirectory = /data/a: no volume with readOnly: false is mounted there",
        ),
        (
            {
                "checkpointDirectory": "/database",
                "volumes": [{"claim": "data", "path": "/data", "readOnly": False}],
            },
            "checkpointDirectory = /database",
        ),
        ({"workers": {"jobClass": "gpu"}}, 'jobClass "gpu" is not one of the namespace\'s'),
        ({"runPolicy": {"activeDeadlineSeconds": 1}}, "at '/runPolicy/activeDeadlineSeconds'"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("training-job", {**JOB, "platform": PLATFORM, **values})
