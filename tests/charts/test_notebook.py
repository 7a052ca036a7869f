"""The chart notebook."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, refused, render
from components.tenancy.planning import NOTEBOOKS
from support import ROOT

EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "charts/notebook/ci/example-values.yaml").read_text(encoding="utf-8"))
RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
NOTEBOOK: dict[str, Any] = {"image": "quay.io/jupyter/base-notebook:2026-10-20", "platform": PLATFORM}
FOUND = {"app.kubernetes.io/name": "notebook", "app.kubernetes.io/instance": "demo"}


def _stateful_set(values: dict[str, Any]) -> dict[str, Any]:
    return one(render("notebook", values), "StatefulSet")


def _pod(values: dict[str, Any]) -> dict[str, Any]:
    return _stateful_set(values)["spec"]["template"]["spec"]


def test_a_notebook_has_what_the_platform_says() -> None:
    manifests = render("notebook", NOTEBOOK)
    assert sorted(manifest["kind"] for manifest in manifests) == ["Service", "StatefulSet"]
    template = one(manifests, "StatefulSet")["spec"]["template"]
    placement = PLATFORM["jobClasses"]["notebook"]
    assert template["metadata"]["labels"]["job-class"] == "notebook"
    assert template["spec"]["affinity"] == placement["affinity"]
    assert template["spec"]["tolerations"] == placement["tolerations"]
    assert template["spec"]["serviceAccountName"] == "notebook"
    assert template["spec"]["containers"][0]["resources"] == placement["resources"]
    assert one(manifests, "Service")["spec"] == {
        "type": "ClusterIP",
        "selector": FOUND,
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    }


def test_a_notebook_on_any_cluster_says_its_resources() -> None:
    alone = {"image": "example.com/lab:1", "pods": {"jobClass": "", "resources": RESOURCES}}
    pod = _pod(alone)
    assert pod["serviceAccountName"] == "default"
    assert pod["containers"][0]["resources"] == RESOURCES
    assert "resources: missing" in refused("notebook", {"image": "example.com/lab:1"})


def test_working_hours_find_it() -> None:
    stateful_set = _stateful_set(NOTEBOOK)
    assert NOTEBOOKS.items() <= stateful_set["metadata"]["labels"].items()
    assert stateful_set["metadata"]["labels"]["tenant"] == "data"
    assert stateful_set["spec"]["replicas"] == 1
    assert stateful_set["spec"]["selector"]["matchLabels"] == FOUND
    assert FOUND.items() <= stateful_set["spec"]["template"]["metadata"]["labels"].items()


def test_it_is_restricted() -> None:
    pod = _pod(EXAMPLE)
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 100,
        "fsGroup": 100,
        "fsGroupChangePolicy": "OnRootMismatch",
    }
    assert [container["name"] for container in pod["initContainers"]] == ["make-directories"]
    for container in (*pod["containers"], *pod["initContainers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert pod["automountServiceAccountToken"] is False
    assert _pod({**NOTEBOOK, "pods": {"apiToken": True}})["automountServiceAccountToken"] is True


def test_no_service_sets_what_jupyter_reads() -> None:
    assert _pod(NOTEBOOK)["enableServiceLinks"] is False


def test_options_of_jupyter() -> None:
    container = _pod({**NOTEBOOK, "args": ["--debug"]})["containers"][0]
    assert "command" not in container  # The image's own starts what `args` names.
    assert container["args"] == [
        "start-notebook.py",
        "--ServerApp.ip=0.0.0.0",
        "--ServerApp.port=8888",
        "--ServerApp.base_url=/",
        "--ServerApp.open_browser=False",
        "--MappingKernelManager.cull_idle_timeout=7200",
        "--debug",
    ]
    assert container["readinessProbe"]["httpGet"] == {"path": "/api", "port": "http"}
    other = _pod({**NOTEBOOK, "command": ["jupyter", "lab"], "idleKernelSeconds": 0, "baseUrl": "/a/"})["containers"][0]
    assert other["args"][:2] == ["jupyter", "lab"]
    assert not any("cull" in argument for argument in other["args"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert other[probe]["httpGet"]["path"] == "/a/api"


def test_the_token_is_in_a_secret() -> None:
    env = _pod(EXAMPLE)["containers"][0]["env"]
    key = {"secretKeyRef": {"name": "mei-jupyter", "key": "token"}}
    assert {"name": "JUPYTER_TOKEN", "valueFrom": key} in env
    assert not any(entry["name"] == "JUPYTER_TOKEN" for entry in _pod(NOTEBOOK)["containers"][0]["env"])


def test_clusters_that_it_talks_to() -> None:
    values = {**NOTEBOOK, "rayAddress": "ray://head:10001", "sparkRemote": "sc://connect:15002"}
    env = _pod(values)["containers"][0]["env"]
    assert {"name": "RAY_ADDRESS", "value": "ray://head:10001"} in env
    assert {"name": "SPARK_REMOTE", "value": "sc://connect:15002"} in env
    names = {entry["name"] for entry in _pod(NOTEBOOK)["containers"][0]["env"]}
    assert not names & {"RAY_ADDRESS", "SPARK_REMOTE"}


def test_home_is_a_directory_of_a_claim() -> None:
    pod = _pod(EXAMPLE)
    assert {"name": "storage", "persistentVolumeClaim": {"claimName": "home"}} in pod["volumes"]
    mount = {"name": "storage", "mountPath": "/home/jovyan", "subPath": "notebooks/mei"}
    assert mount in pod["containers"][0]["volumeMounts"]
    assert {"name": "claim-0", "mountPath": "/data/curated", "readOnly": True} in pod["containers"][0]["volumeMounts"]
    assert pod["initContainers"][0]["args"] == ["/storage/notebooks/mei"]
    assert pod["initContainers"][0]["volumeMounts"] == [{"name": "storage", "mountPath": "/storage"}]
    unnamed = _pod({**NOTEBOOK, "home": {"claim": "home"}})
    assert unnamed["containers"][0]["volumeMounts"][0]["subPath"] == "demo"


def test_home_is_a_claim_of_its_own() -> None:
    stateful_set = _stateful_set({**NOTEBOOK, "home": {"size": "20Gi", "storageClass": "disk", "path": "/home/me"}})
    assert stateful_set["spec"]["volumeClaimTemplates"] == [
        {
            "metadata": {"name": "storage"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "disk",
                "resources": {"requests": {"storage": "20Gi"}},
            },
        }
    ]
    pod = stateful_set["spec"]["template"]["spec"]
    assert pod["containers"][0]["volumeMounts"] == [{"name": "storage", "mountPath": "/home/me"}]
    assert not {"initContainers", "volumes"} & pod.keys()
    default = _stateful_set({**NOTEBOOK, "home": {"size": "20Gi"}})
    assert "storageClassName" not in default["spec"]["volumeClaimTemplates"][0]["spec"]


def test_without_a_home_nothing_stays() -> None:
    stateful_set = _stateful_set(NOTEBOOK)
    assert "volumeClaimTemplates" not in stateful_set["spec"]
    assert not {"volumes", "initContainers"} & stateful_set["spec"]["template"]["spec"].keys()


def test_shared_memory() -> None:
    pod = _pod(EXAMPLE)
    assert {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}} in pod["volumes"]
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in pod["containers"][0]["volumeMounts"]  # noqa: S108


def test_an_ingress_leads_to_its_path() -> None:
    manifests = render("notebook", EXAMPLE)
    path = one(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]
    assert path["path"] == EXAMPLE["baseUrl"] == "/mei/"
    assert path["backend"]["service"] == {"name": "demo", "port": {"number": 80}}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"home": {"claim": "home", "size": "1Gi"}}, 'home: has claim = "home" and size = "1Gi"'),
        ({"home": {"claim": "home", "storageClass": "nas"}}, 'home.storageClass = "nas": is for a new claim'),
        ({"home": {"size": "1Gi", "subPath": "mei"}}, 'home.subPath = "mei": is for a claim that exists'),
        ({"home": {"claim": "home", "subPath": "../mei"}}, "at '/home/subPath'"),
        ({"home": {"size": "large"}}, "at '/home/size'"),
        ({"baseUrl": "/mei"}, "at '/baseUrl'"),
        (
            {"ingress": {"className": "nginx", "host": "a.example.com", "path": "/mei/"}},
            'baseUrl = "/": not below ingress.path = "/mei/"',
        ),
        ({"tokenSecret": {"name": "mei"}}, "missing property 'key'"),
        ({"token": "secret"}, "additional properties 'token' not allowed"),
        ({"command": []}, "at '/command'"),
        ({"pods": {"jobClass": "lab"}}, 'jobClass "lab" is not one of the namespace\'s'),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("notebook", {**NOTEBOOK, **values})
