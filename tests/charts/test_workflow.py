"""The chart workflow."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, refused, render
from support import ROOT

RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
STEP: dict[str, Any] = {"jobClass": "ray-worker", "command": ["python"], "args": ["/etc/job/a.py", "{{workflow.name}}"]}
FLOW: dict[str, Any] = {"image": "example.com/flow:1", "platform": PLATFORM, "steps": {"data": STEP}}
JOB: dict[str, Any] = {
    "manifest": "apiVersion: ray.io/v1\nkind: RayJob\nmetadata: {name: '{{workflow.name}}-x'}\n",
    "successCondition": "status.jobStatus == SUCCEEDED",
    "failureCondition": "status.jobStatus == FAILED",
}
EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "charts/workflow/ci/example-values.yaml").read_text(encoding="utf-8"))


def _spec(values: dict[str, Any]) -> dict[str, Any]:
    return one(render("workflow", values), "WorkflowTemplate")["spec"]


def _templates(spec: dict[str, Any]) -> dict[str, Any]:
    return {template["name"]: template for template in spec["templates"]}


def _tasks(spec: dict[str, Any]) -> dict[str, Any]:
    return {task["name"]: task for task in _templates(spec)["main"]["dag"]["tasks"]}


def test_steps_have_what_the_platform_says() -> None:
    manifests = render("workflow", FLOW)
    spec = one(manifests, "WorkflowTemplate")["spec"]
    assert spec["entrypoint"] == "main"
    assert spec["serviceAccountName"] == "workflow"
    assert spec["podMetadata"]["labels"]["queue"] == "data"
    assert spec["activeDeadlineSeconds"] == 86400
    assert spec["ttlStrategy"] == {"secondsAfterSuccess": 86400, "secondsAfterFailure": 604800}
    assert spec["podGC"] == {"strategy": "OnPodSuccess"}
    assert not {"onExit", "arguments", "parallelism", "artifactRepositoryRef"} & set(spec)
    assert _tasks(spec) == {"data": {"name": "data", "template": "data"}}
    step, placement = _templates(spec)["data"], PLATFORM["jobClasses"]["ray-worker"]
    assert step["metadata"]["labels"]["job-class"] == "ray-worker"
    assert step["metadata"]["labels"]["queue"] == "data"
    assert step["metadata"]["annotations"] == {"class": "ray-worker"}
    assert step["affinity"] == placement["affinity"]
    assert step["tolerations"] == placement["tolerations"]
    assert step["priorityClassName"] == "job-normal"
    assert not {"retryStrategy", "activeDeadlineSeconds", "inputs", "outputs", "resource"} & set(step)
    container = step["container"]
    assert container["image"] == "example.com/flow:1"
    assert container["command"] == ["python"]
    assert container["args"] == ["/etc/job/a.py", "{{workflow.name}}"]
    assert container["resources"] == placement["resources"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {"name": "OSS_REGION", "value": "cn-hangzhou"} in container["env"]


def test_a_workflow_runs_the_template() -> None:
    marker = {"Workflow": {"labels": {"queue": "data"}, "annotations": {"a": "b"}, "suspend": True}}
    platform = {**PLATFORM, "queue": {**PLATFORM["queue"], "markers": marker}}
    flow = one(render("workflow", {**FLOW, "platform": platform}), "Workflow")
    assert flow["metadata"]["labels"]["queue"] == "data"
    assert flow["metadata"]["annotations"] == {"a": "b"}
    assert flow["spec"] == {"suspend": True, "workflowTemplateRef": {"name": "demo"}}
    values = {**FLOW, "platform": platform, "schedule": {"cron": "0 4 * * 1", "timezone": "UTC", "suspend": True}}
    cron = one(render("workflow", values), "CronWorkflow")["spec"]
    assert cron.pop("workflowSpec") == flow["spec"]
    assert cron.pop("workflowMetadata") == {
        "labels": flow["metadata"]["labels"],
        "annotations": flow["metadata"]["annotations"],
    }
    assert cron == {
        "schedules": ["0 4 * * 1"],
        "timezone": "UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": 600,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 3,
        "suspend": True,
    }


def test_steps_follow_each_other() -> None:
    steps = {
        "publish": {**STEP, "after": ["train", "check"], "when": "{{workflow.parameters.publish}} == yes"},
        "check": {**STEP, "after": ["data"]},
        "train": {**STEP, "after": ["data"]},
        "data": STEP,
    }
    spec = _spec({**FLOW, "steps": steps, "parallelism": 2, "parameters": {"publish": "yes", "day": "1"}})
    tasks = _tasks(spec)
    assert {name: task.get("dependencies", []) for name, task in tasks.items()} == {
        "data": [],
        "check": ["data"],
        "train": ["data"],
        "publish": ["train", "check"],
    }
    assert tasks["publish"]["when"] == "{{workflow.parameters.publish}} == yes"
    assert spec["parallelism"] == 2
    assert spec["arguments"]["parameters"] == [{"name": "day", "value": "1"}, {"name": "publish", "value": "yes"}]


def test_a_step_has_settings_of_its_own() -> None:
    step = {
        **STEP,
        "image": "example.com/other:2",
        "resources": RESOURCES,
        "env": {"A": "b"},
        "retries": 3,
        "timeoutSeconds": 600,
        "labels": {"c": "d"},
    }
    values = {
        **FLOW,
        "steps": {"data": step},
        "env": {"ALL": "yes"},
        "files": {"a.py": "print()"},
        "volumes": [{"claim": "raw", "path": "/raw"}],
        "secrets": ["tokens"],
    }
    manifests = render("workflow", values)
    assert one(manifests, "ConfigMap")["data"] == {"a.py": "print()"}
    template = _templates(one(manifests, "WorkflowTemplate")["spec"])["data"]
    assert template["retryStrategy"] == {
        "limit": "3",
        "retryPolicy": "Always",
        "backoff": {"duration": "60", "factor": "2"},
    }
    assert template["activeDeadlineSeconds"] == 600
    assert template["metadata"]["labels"]["c"] == "d"
    assert [volume["name"] for volume in template["volumes"]] == ["claim-0", "files"]
    container = template["container"]
    assert container["image"] == "example.com/other:2"
    assert container["resources"] == RESOURCES
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/raw", "/etc/job"]
    assert container["envFrom"] == [{"secretRef": {"name": "tokens"}}]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    assert (env["A"], env["ALL"]) == ("b", "yes")


def test_artifacts_go_from_step_to_step_and_by_key() -> None:
    data = {**STEP, "outputs": {"pages": {"path": "/out"}, "log": {"path": "/log", "key": "logs/{{workflow.name}}"}}}
    inputs = {"pages": {"path": "/in", "fromStep": "data.pages"}, "words": {"path": "/words", "key": "words.txt"}}
    steps = {"data": data, "train": {**STEP, "after": ["data"], "inputs": inputs}}
    spec = _spec({**FLOW, "steps": steps, "artifactRepository": "artifacts"})
    assert spec["artifactRepositoryRef"] == {"configMap": "artifacts"}
    templates = _templates(spec)
    assert templates["data"]["outputs"]["artifacts"] == [
        {"name": "log", "path": "/log", "oss": {"key": "logs/{{workflow.name}}"}},
        {"name": "pages", "path": "/out"},
    ]
    assert templates["train"]["inputs"]["artifacts"] == [
        {"name": "pages", "path": "/in"},
        {"name": "words", "path": "/words", "oss": {"key": "words.txt"}},
    ]
    assert _tasks(spec)["train"]["arguments"]["artifacts"] == [
        {"name": "pages", "from": "{{tasks.data.outputs.artifacts.pages}}"}
    ]


def test_a_step_may_make_a_job() -> None:
    spec = _spec({**FLOW, "steps": {"data": {"job": JOB, "timeoutSeconds": 60}}})
    template = _templates(spec)["data"]
    assert template == {
        "name": "data",
        "activeDeadlineSeconds": 60,
        "resource": {"action": "create", "setOwnerReference": True, **JOB},
    }


def test_a_container_runs_in_the_end() -> None:
    exit_step = {"resources": RESOURCES, "args": ["{{workflow.status}}"]}
    spec = _spec({**FLOW, "onExit": exit_step})
    assert spec["onExit"] == "on-exit"
    assert "on-exit" not in _tasks(spec)
    container = _templates(spec)["on-exit"]["container"]
    assert container["args"] == ["{{workflow.status}}"]
    assert container["resources"] == RESOURCES


def test_a_workflow_on_any_cluster_says_its_resources() -> None:
    values = {"image": "example.com/flow:1", "steps": {"data": {"resources": RESOURCES}}}
    manifests = render("workflow", values)
    spec = one(manifests, "WorkflowTemplate")["spec"]
    assert spec["serviceAccountName"] == "default"
    assert set(_templates(spec)["data"]) == {"name", "metadata", "container"}
    assert "annotations" not in one(manifests, "Workflow")["metadata"]
    assert "resources: missing" in refused("workflow", {**values, "steps": {"data": {"args": ["a"]}}})


def test_the_example_renders_on_any_cluster() -> None:
    tasks = _tasks(_spec(EXAMPLE))
    assert {name: task.get("dependencies") for name, task in tasks.items()} == {
        "data": None,
        "train": ["data"],
        "evaluate": ["train"],
        "publish": ["evaluate"],
    }


def _steps(**after: list[str]) -> dict[str, Any]:
    return {"steps": {name: {**STEP, "after": names} for name, names in after.items()}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (_steps(a=[], b=["c"]), 'steps.b.after: "c" is no step; there are: a, b'),
        (_steps(a=["a"]), "steps: a wait for each other"),
        (_steps(a=[], b=["d", "a"], c=["b"], d=["c"], e=["d"]), "steps: b, c, d, e wait for each other, or for steps"),
        ({"steps": {"main": STEP}}, "steps.main: the name is taken"),
        ({"steps": {"on-exit": STEP}}, "steps.on-exit: the name is taken"),
        ({"steps": {}}, "at '/steps': minProperties"),
        ({"steps": {"Data": STEP}}, "at '/steps': additional properties 'Data' not allowed"),
        ({"steps": {"data": {**STEP, "outputs": {"A": {"path": "/a"}}}}}, "additional properties 'A' not allowed"),
        ({"parameters": {"a b": "c"}}, "at '/parameters': additional properties 'a b' not allowed"),
        ({"steps": {"data": {**STEP, "jobClass": "big"}}}, 'jobClass "big" is not one of the namespace\'s'),
        ({"steps": {"data": {"job": {**JOB, "successCondition": ""}}}}, "successCondition"),
        ({"steps": {"data": {"job": JOB, "command": ["a"]}}}, "steps.data.command: a step that makes a job has no"),
        (
            {"steps": {"data": {**STEP, "inputs": {"a": {"path": "/a"}}}}},
            "steps.data.inputs.a: must have either key or fromStep",
        ),
        (
            {"steps": {"data": {**STEP, "inputs": {"a": {"path": "/a", "key": "a", "fromStep": "b.c"}}}}},
            "fromStep",
        ),
        (
            {"steps": {"data": {**STEP, "inputs": {"a": {"path": "/a", "fromStep": "b.c"}}}}},
            'steps.data.inputs.a.fromStep = "b.c": is no output of a step in after',
        ),
        (
            {
                "steps": {
                    "b": STEP,
                    "data": {**STEP, "after": ["b"], "inputs": {"a": {"path": "/a", "fromStep": "b.c"}}},
                }
            },
            'steps.data.inputs.a.fromStep = "b.c": is no output of a step in after',
        ),
        ({"parallelism": 0}, "at '/parallelism'"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("workflow", {**FLOW, **values})
