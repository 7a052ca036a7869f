"""The chart zeppelin."""

import re
from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, check, one, refused, render
from components.tenancy.planning import NOTEBOOKS
from components.tenancy.roles import JOBS, Rule
from support import ROOT

EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "charts/zeppelin/ci/example-values.yaml").read_text(encoding="utf-8"))
RESOURCES = {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}}
ZEPPELIN: dict[str, Any] = {
    "image": "example.com/zeppelin:0.12.1",
    "platform": PLATFORM,
    "shiroSecret": {"name": "logins", "key": "users.ini"},
}
FOUND = {"app.kubernetes.io/name": "zeppelin", "app.kubernetes.io/instance": "demo"}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _pod(values: dict[str, Any]) -> dict[str, Any]:
    return one(render("zeppelin", values), "Deployment")["spec"]["template"]["spec"]


def _env(values: dict[str, Any]) -> dict[str, Any]:
    entries = _pod(values)["containers"][0]["env"]
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in entries}


def _template(values: dict[str, Any], name: str = "demo") -> str:
    maps = [each for each in render("zeppelin", values, name) if each["kind"] == "ConfigMap"]
    return next(each for each in maps if each["metadata"]["name"] == f"{name}-interpreter")["data"]["interpreter.yaml"]


def _interpreter(values: dict[str, Any], group: str = "spark") -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod and the Service that Zeppelin would make of the template; as much of Jinja as is in it."""
    text = _template(values)
    kept = r"\1" if group == "spark" else r"\2"
    text = re.sub(r"(?s) *\{% if .*?%\}\n(.*?) *\{% else %\}\n(.*?) *\{% endif %\}\n", kept, text)
    text = re.sub(r" *\{% (for .*?|endfor) %\}\n", "", text)
    text = text.replace("{{ key }}", "ZEPPELIN_HOME").replace("{{ value }}", "/opt/zeppelin")
    text = re.sub(r'\{\{[\w.]+\|default\("(.*?)"\)\}\}', r"\1", text)
    text = re.sub(r"\{\{zeppelin\.k8s\.([\w.]+)\}\}", lambda match: match[1].lower().replace(".", "-"), text)
    assert "{" not in re.sub(r"\{[^{%].*\}|\{\}", "", text), text
    pod, service = yaml.safe_load_all(text)
    check(pod)
    check(service)
    return pod, service


def test_a_server_has_what_the_platform_says() -> None:
    manifests = render("zeppelin", ZEPPELIN)
    assert sorted(manifest["kind"] for manifest in manifests) == ["ConfigMap", "Deployment", "Service"]
    deployment = one(manifests, "Deployment")
    assert NOTEBOOKS.items() <= deployment["metadata"]["labels"].items()
    assert deployment["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert deployment["spec"]["selector"]["matchLabels"] == FOUND
    template = deployment["spec"]["template"]
    placement = PLATFORM["jobClasses"]["notebook"]
    assert FOUND.items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["labels"]["job-class"] == "notebook"
    assert template["spec"]["affinity"] == placement["affinity"]
    assert template["spec"]["serviceAccountName"] == "notebook"
    assert template["spec"]["containers"][0]["resources"] == placement["resources"]
    assert one(manifests, "Service")["spec"] == {
        "type": "ClusterIP",
        "selector": FOUND,
        "ports": [
            {"name": "http", "port": 80, "targetPort": "http"},
            {"name": "rpc", "port": 12320, "targetPort": "rpc"},
        ],
    }


def test_a_server_on_any_cluster_says_its_resources() -> None:
    pods = {"jobClass": "", "resources": RESOURCES}
    alone = {**ZEPPELIN, "platform": {}, "pods": pods, "interpreters": {"pods": pods}}
    assert _pod(alone)["serviceAccountName"] == "default"
    assert _pod(alone)["containers"][0]["resources"] == RESOURCES
    pod, _ = _interpreter(alone)
    assert pod["spec"]["serviceAccountName"] == "default"
    assert pod["spec"]["containers"][0]["resources"] == RESOURCES
    assert "resources: missing" in refused("zeppelin", {**alone, "pods": {}})
    assert "resources: missing" in refused("zeppelin", {**alone, "interpreters": {}})


def test_it_is_restricted() -> None:
    pod = _pod(EXAMPLE)
    interpreter, _ = _interpreter(EXAMPLE)
    user = {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 0}
    assert pod["securityContext"] == {**user, "fsGroup": 1000, "fsGroupChangePolicy": "OnRootMismatch"}
    assert interpreter["spec"]["securityContext"] == user
    for spec in (pod, interpreter["spec"]):
        assert len(spec["initContainers"]) == 1
        for container in (*spec["containers"], *spec["initContainers"]):
            assert container["securityContext"] == RESTRICTED
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}


def test_settings_of_pods() -> None:
    env = _env({**EXAMPLE, "env": {"ZEPPELIN_MEM": "-Xmx6g", "ZEPPELIN_ADDR": "::"}})
    assert env["ZEPPELIN_RUN_MODE"] == "k8s"
    assert env["ZEPPELIN_K8S_SERVICE_NAME"] == "demo"
    assert env["ZEPPELIN_SERVER_RPC_PORTRANGE"] == "12320:12320"
    assert env["ZEPPELIN_K8S_CONTAINER_IMAGE"] == EXAMPLE["image"]
    assert env["ZEPPELIN_K8S_SPARK_CONTAINER_IMAGE"] == EXAMPLE["interpreters"]["sparkImage"]
    assert env["SPARK_HOME"] == "/spark"
    assert env["SERVICE_DOMAIN"] == "zeppelin.ai.example.com"
    assert env["POD_UID"] == {"fieldRef": {"fieldPath": "metadata.uid"}}
    assert (env["ZEPPELIN_MEM"], env["ZEPPELIN_ADDR"]) == ("-Xmx6g", "::")
    pod = _pod(EXAMPLE)
    assert pod["automountServiceAccountToken"] is True
    assert pod["enableServiceLinks"] is False
    templates = {"name": "interpreter", "mountPath": "/opt/zeppelin/k8s/interpreter", "readOnly": True}
    assert templates in pod["containers"][0]["volumeMounts"]


def test_interpreters_in_the_server_need_nothing() -> None:
    values = {**ZEPPELIN, "interpreters": {"mode": "Server"}}
    assert sorted(manifest["kind"] for manifest in render("zeppelin", values)) == ["Deployment", "Service"]
    env = _env(values)
    assert env["ZEPPELIN_RUN_MODE"] == "local"
    assert not [name for name in env if "K8S" in name or name.startswith("POD_")]
    assert _pod(values)["automountServiceAccountToken"] is False


def test_logins_are_in_a_secret() -> None:
    pod = _pod(ZEPPELIN)
    items = [{"key": "users.ini", "path": "shiro.ini"}]
    assert {"name": "shiro", "secret": {"secretName": "logins", "items": items}} in pod["volumes"]
    assert pod["containers"][0]["volumeMounts"][0] == {
        "name": "shiro",
        "mountPath": "/opt/zeppelin/conf/shiro.ini",
        "subPath": "shiro.ini",
        "readOnly": True,
    }
    anonymous = _pod({**ZEPPELIN, "shiroSecret": None, "anonymous": True})
    assert [volume["name"] for volume in anonymous["volumes"]] == ["interpreter"]


def test_notebooks_are_on_a_claim() -> None:
    pod = _pod(EXAMPLE)
    assert {"name": "storage", "persistentVolumeClaim": {"claimName": "home"}} in pod["volumes"]
    mount = {"name": "storage", "mountPath": "/storage", "subPath": "zeppelin"}
    assert mount in pod["containers"][0]["volumeMounts"]
    assert pod["initContainers"][0]["args"] == ["/storage/zeppelin/notebook", "/storage/zeppelin/conf"]
    env = _env(EXAMPLE)
    assert (env["ZEPPELIN_NOTEBOOK_DIR"], env["ZEPPELIN_CONFIG_FS_DIR"]) == ("/storage/notebook", "/storage/conf")
    assert "ZEPPELIN_NOTEBOOK_DIR" not in _env(ZEPPELIN)


def test_a_new_claim_stays() -> None:
    values = {**ZEPPELIN, "storage": {"size": "50Gi"}}
    claim = one(render("zeppelin", values), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"]["resources"] == {"requests": {"storage": "50Gi"}}
    pod = _pod(values)
    assert {"name": "storage", "persistentVolumeClaim": {"claimName": "demo"}} in pod["volumes"]
    assert {"name": "storage", "mountPath": "/storage"} in pod["containers"][0]["volumeMounts"]
    assert pod["initContainers"][0]["args"] == ["/storage/notebook", "/storage/conf"]


def test_interpreters_are_placed_by_their_class() -> None:
    values = {
        **ZEPPELIN,
        "interpreters": {"sparkImage": "example.com/spark:3", "pods": {"jobClass": "spark-driver"}},
        "volumes": [{"claim": "curated", "path": "/data"}],
    }
    pod, service = _interpreter(values)
    placement = PLATFORM["jobClasses"]["spark-driver"]
    assert pod["metadata"]["labels"]["job-class"] == "spark-driver"
    assert pod["metadata"]["labels"]["tenant"] == "data"
    assert pod["metadata"]["annotations"].items() >= placement["annotations"].items()
    assert pod["spec"]["affinity"] == placement["affinity"]
    assert pod["spec"]["tolerations"] == placement["tolerations"]
    assert pod["spec"]["serviceAccountName"] == "spark"
    assert pod["spec"]["restartPolicy"] == "Never"
    container = pod["spec"]["containers"][0]
    assert container["resources"] == placement["resources"]
    assert {"name": "ZEPPELIN_HOME", "value": "/opt/zeppelin"} in container["env"]
    assert {"name": "claim-0", "mountPath": "/data", "readOnly": True} in container["volumeMounts"]
    assert container["args"][0] == "$(ZEPPELIN_HOME)/bin/interpreter.sh"
    assert pod["metadata"]["ownerReferences"] == service["metadata"]["ownerReferences"]
    assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert service["metadata"]["name"] == pod["metadata"]["name"]
    # Else the server's Service would lead to interpreters.
    assert not FOUND.items() <= pod["metadata"]["labels"].items()


def test_spark_alone_has_a_token_and_spark() -> None:
    pod, _ = _interpreter(EXAMPLE)
    assert pod["spec"]["automountServiceAccountToken"] is True
    init = pod["spec"]["initContainers"][0]
    assert init["image"] == EXAMPLE["interpreters"]["sparkImage"]
    assert init["volumeMounts"] == [{"name": "spark-home", "mountPath": "/spark"}]
    other, _ = _interpreter(EXAMPLE, group="python")
    assert other["spec"]["automountServiceAccountToken"] is False
    assert "initContainers" not in other["spec"]
    without, _ = _interpreter(ZEPPELIN)
    assert not {"initContainers", "volumes"} & without["spec"].keys()
    assert "ZEPPELIN_K8S_SPARK_CONTAINER_IMAGE" not in _env(ZEPPELIN)


@pytest.mark.parametrize(("group", "spark_image"), [("spark", "example.com/spark:1"), ("spark", ""), ("python", "")])
def test_interpreters_mount_datasets_and_wait(group: str, spark_image: str) -> None:
    platform = {**PLATFORM, "datasets": {"texts": {}}, "kubectlImage": "example.com/kubectl:1"}
    datasets = [{"name": "texts", "waitUntilCached": True}]
    values = {**ZEPPELIN, "platform": platform, "datasets": datasets, "interpreters": {"sparkImage": spark_image}}
    pod, _ = _interpreter(values, group)
    container = pod["spec"]["containers"][0]
    assert container["volumeMounts"][0]["mountPath"] == "/datasets/texts"
    assert {"name": "DATASET_TEXTS", "value": "/datasets/texts"} in container["env"]
    waits = ["wait-for-texts", *(["spark-home"] if spark_image else [])]
    assert [init["name"] for init in pod["spec"]["initContainers"]] == waits
    # Only what waits has a token in the pods of other interpreters.
    assert [mount["name"] for mount in pod["spec"]["initContainers"][0]["volumeMounts"]] == ["api-token"]
    assert "api-token" not in [mount["name"] for mount in container["volumeMounts"]]
    assert pod["spec"]["automountServiceAccountToken"] is (group == "spark")


def test_what_zeppelin_fills_in_is_on_one_line() -> None:
    for name in ("demo", "a-release-with-a-rather-long-name-of-fifty-characters"):
        for line in _template(EXAMPLE, name).splitlines():
            assert line.count("{{") == line.count("}}"), line
            assert line.count("{%") == line.count("%}"), line


def test_interpreters_have_an_image_of_their_own() -> None:
    values = {**ZEPPELIN, "interpreters": {"image": "example.com/interpreter:1", "serviceAccountName": "team"}}
    pod, _ = _interpreter(values)
    assert pod["spec"]["containers"][0]["image"] == "example.com/interpreter:1"
    assert pod["spec"]["serviceAccountName"] == "team"
    assert _env(values)["ZEPPELIN_K8S_CONTAINER_IMAGE"] == "example.com/interpreter:1"
    assert _pod(values)["containers"][0]["image"] == ZEPPELIN["image"]


def _rules(role: dict[str, Any]) -> list[tuple[set[str], set[str], set[str]]]:
    return [(set(rule["apiGroups"]), set(rule["resources"]), set(rule["verbs"])) for rule in role["rules"]]


def _rule(rule: Rule) -> tuple[set[str], set[str], set[str]]:
    return {rule.group}, set(rule.resources), set(rule.verbs)


def test_rights_are_made_only_if_asked_for() -> None:
    values = {**ZEPPELIN, "rbac": {"create": True}}
    manifests = render("zeppelin", values)
    made = {(each["kind"], each["metadata"]["name"]): each for each in manifests}
    for name, resources in (("demo", ["pods", "services"]), ("demo-interpreter", None)):
        assert ("ServiceAccount", name) in made
        (rule,) = made["Role", name]["rules"]
        assert rule["apiGroups"] == [""]
        assert resources is None or rule["resources"] == resources
        binding = made["RoleBinding", name]
        assert binding["roleRef"]["name"] == name
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "ray"}]
    assert _pod(values)["serviceAccountName"] == "demo"
    assert _interpreter(values)[0]["spec"]["serviceAccountName"] == "demo-interpreter"
    assert _rules(made["Role", "demo-interpreter"]) == [_rule(rule) for rule in JOBS["spark"] if not rule.group]
    waits = {**values, "datasets": [{"name": "texts", "waitUntilCached": True}]}
    waits["platform"] = {**PLATFORM, "datasets": {"texts": {}}, "kubectlImage": "example.com/kubectl:1"}
    roles = {each["metadata"]["name"]: each for each in render("zeppelin", waits) if each["kind"] == "Role"}
    assert _rules(roles["demo-interpreter"]) == [*map(_rule, JOBS["spark"])]
    assert _rules(roles["demo"])[1] == _rule(JOBS["notebook"][0])


def test_rights_go_to_accounts_that_exist() -> None:
    values = {
        **ZEPPELIN,
        "rbac": {"create": True},
        "serviceAccountName": "notebook",
        "interpreters": {"serviceAccountName": "spark"},
    }
    manifests = render("zeppelin", values)
    assert not [each for each in manifests if each["kind"] == "ServiceAccount"]
    bindings = [each for each in manifests if each["kind"] == "RoleBinding"]
    assert [each["subjects"][0]["name"] for each in bindings] == ["notebook", "spark"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shiroSecret": None}, "shiroSecret: missing; without it everybody who reaches the server may run code"),
        ({"storage": {"claim": "home", "size": "1Gi"}}, 'storage: has claim = "home" and size = "1Gi"'),
        ({"rbac": {"create": True}, "interpreters": {"mode": "Server"}}, "rbac.create: with interpreters.mode"),
        ({"interpreters": {"pods": {"jobClass": "none"}}}, 'jobClass "none" is not one of the namespace\'s'),
        ({"interpreters": {"mode": "Docker"}}, "at '/interpreters/mode': value must be one of"),
        ({"shiroIni": "[users]"}, "additional properties 'shiroIni' not allowed"),
    ],
)
def test_bad_values_are_refused(values: dict[str, Any], message: str) -> None:
    assert message in refused("zeppelin", {**ZEPPELIN, **values})
