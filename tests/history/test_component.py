"""History servers as resources: hardened, reached by those alone that may, and valid Kubernetes."""

import json
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.history import (
    History,
    HistoryArgs,
    HistorySurroundings,
    RayHistoryArgs,
    SparkHistoryArgs,
    Writer,
    plan_history,
)
from components.inputs import InvalidInput
from components.platform import Placement
from components.storage import BucketArgs
from stacks.preview.recording import Recording
from support import named, recorded

IMAGE = "docker.io/apache/spark:4.0.1"
PEOPLE = ["ram-user/1", "ram-role/2", "group/data", "user/ann"]
DATA = Writer("data", "data", ["spark"], {"event-logs": "data/"}, PEOPLE, ["ray", "nightly"], {"event-logs": "data/"})
RAY = RayHistoryArgs(
    image="quay.io/kuberay/historyserver:v1.7.1",
    collector_image="quay.io/kuberay/collector:v1.7.1",
    dashboard_image="docker.io/rayproject/ray:2.56.0",
    memory_gib=3,
)
OTHER = Writer("other", "other", ["etl"], {"event-logs": "other/"})
ACK = HistorySurroundings(
    "ack",
    "acme-test",
    {"event-logs": BucketArgs()},
    [DATA, OTHER],
    placement=Placement({"workload": "system"}, [{"key": "a", "operator": "Exists"}]),
)


def _recorded(
    around: HistorySurroundings, *, in_cluster: bool = True, ray: RayHistoryArgs | None = None, **values: Any
) -> Recording:
    plan = plan_history(HistoryArgs(spark=SparkHistoryArgs(image=IMAGE, **values), ray=ray), around)

    def program() -> History:
        provider = kubernetes.Provider("kubernetes", kubeconfig="{}")
        cloud: dict[str, Any] = {
            "name": "acme-test",
            "region": "cn-hangzhou",
            "buckets": {"event-logs": "acme-test-event-logs"},
            "rrsa_provider_arn": "acs:ram::1:oidc-provider/ack-rrsa-c1",
            "rrsa_issuer_url": "https://oidc.example.com/c1",
        }
        opts = pulumi.ResourceOptions(providers=[provider])
        return History("history", plan, in_cluster=in_cluster, **(cloud if around.flavor == "ack" else {}), opts=opts)

    return recorded(program)


def _pod(recording: Recording, name: str = "history-spark-history-data") -> dict[str, Any]:
    return next(
        r.inputs["spec"]["template"]["spec"]
        for r in recording.resources
        if r.name == name and r.type == "kubernetes:apps/v1:StatefulSet"
    )


def test_everything_is_valid_kubernetes() -> None:
    recording = _recorded(ACK, open_to=["ingress"], ray=RAY.model_copy(update={"open_to": ["ingress"]}))
    kinds: set[str] = set()
    for resource in recording.resources:
        if not resource.type.startswith("kubernetes:"):
            continue
        module, _, kind = resource.type.removeprefix("kubernetes:").partition(":")
        kinds.add(kind)
        manifest = {"apiVersion": module.removeprefix("core/"), "kind": kind, **resource.inputs}
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    assert {
        "StatefulSet",
        "Service",
        "ServiceAccount",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Role",
        "RoleBinding",
    } <= kinds


def test_a_server_is_nobody_and_writes_to_scratch_space_alone() -> None:
    pod = _pod(_recorded(ACK))
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 185
    assert pod["nodeSelector"] == {"workload": "system"}
    container = pod["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert [m["name"] for m in container["volumeMounts"] if not m.get("readOnly")] == ["store", "scratch"]
    assert pod["volumes"][-1] == {
        "name": "event-logs",
        "persistentVolumeClaim": {"claimName": "spark-history-data", "readOnly": True},
    }
    assert container["env"][1] == {"name": "SPARK_DAEMON_MEMORY", "value": "3072m"}


def test_each_server_has_a_role_for_its_part_alone() -> None:
    recording = _recorded(ACK)
    policy = json.loads(named(recording, "history-volumes-spark-history-data-policy").inputs["policyDocument"])
    text = json.dumps(policy)
    assert "acme-test-event-logs/data/spark/*" in text
    assert "Put" not in text
    assert "Put" in named(recording, "history-volumes-spark-events-data-policy").inputs["policyDocument"]


def test_nobody_may_connect_but_whom_open_to_names() -> None:
    def policies(recording: Recording) -> dict[str, Any]:
        return {r.name: r.inputs["spec"] for r in recording.resources if r.type.endswith(":NetworkPolicy")}

    closed = policies(_recorded(ACK))
    assert closed == {"history-network": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    opened = policies(_recorded(ACK, open_to=["ingress"]))["history-spark-history-data"]
    assert opened["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "spark-history-data"}}
    selector = opened["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]
    assert selector == {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["ingress"]}


def test_people_reach_their_own_server_alone() -> None:
    recording = _recorded(ACK)
    role = next(r.inputs for r in recording.resources if r.type.endswith(":Role") and r.type.startswith("kubernetes"))
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "resourceNames": ["spark-history-data-0"], "verbs": ["get"]},
        {
            "apiGroups": [""],
            "resources": ["pods/portforward"],
            "resourceNames": ["spark-history-data-0"],
            "verbs": ["create"],
        },
    ]
    binding = next(r.inputs for r in recording.resources if r.type.endswith(":RoleBinding"))
    assert [(s["kind"], s["name"]) for s in binding["subjects"]] == [("User", "1"), ("Group", "data"), ("User", "ann")]
    # Who has nobody has no role.
    assert "history-spark-history-other" not in {r.name for r in recording.resources if r.type.endswith(":RoleBinding")}


def test_without_a_way_into_the_cluster_there_are_roles_alone() -> None:
    types = {r.type.partition(":")[0] for r in _recorded(ACK, in_cluster=False).resources if r.custom}
    assert types == {"alicloud", "pulumi"}


@pytest.mark.parametrize("values", [{"claim": "logs"}, {"directory": "s3a://logs/{tenant}", "secret": "keys"}])
def test_upstream_makes_nothing_in_a_cloud(values: dict[str, Any]) -> None:
    recording = _recorded(HistorySurroundings("upstream", writers=[DATA]), **values)
    assert not [r.urn for r in recording.resources if r.type.startswith("alicloud:")]
    pod = _pod(recording)
    out = named(recording, "history-network").inputs["spec"]["policyTypes"]
    if "claim" in values:
        assert pod["containers"][0]["volumeMounts"][-1]["subPath"] == "data/spark"
        assert pod["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "logs"}
        assert out == ["Ingress", "Egress"]
    else:
        assert [volume["name"] for volume in pod["volumes"]] == ["store", "scratch"]
        assert pod["containers"][0]["envFrom"] == [{"secretRef": {"name": "keys"}}]
        assert out == ["Ingress"]


def _of(recording: Recording, name: str, kind: str) -> Mapping[str, Any]:
    return next(r.inputs for r in recording.resources if r.name == name and r.type.endswith(f":{kind}"))


def test_rays_server_reads_its_part_alone() -> None:
    recording = _recorded(ACK, ray=RAY)
    role = named(recording, "history-ray-history-data-role").inputs
    trust = json.loads(role["assumeRolePolicyDocument"])["Statement"][0]
    assert trust["Condition"]["StringEquals"]["oidc:sub"] == "system:serviceaccount:history:ray-history-data"
    policy = json.loads(named(recording, "history-ray-history-data-policy").inputs["policyDocument"])
    assert {action for statement in policy["Statement"] for action in statement["Action"]} == {
        "oss:ListObjects",
        "oss:GetObject",
    }
    assert policy["Statement"][1]["Resource"] == ["acs:oss:*:*:acme-test-event-logs/data/ray/*"]
    account = _of(recording, "history-ray-history-data", "ServiceAccount")["metadata"]
    assert account["annotations"] == {"pod-identity.alibabacloud.com/role-name": role["roleName"]}
    space = named(recording, "history-namespace").inputs["metadata"]["labels"]
    assert space["pod-identity.alibabacloud.com/injection"] == "on"
    assert (
        "pod-identity.alibabacloud.com/injection"
        not in (named(_recorded(ACK), "history-namespace").inputs["metadata"]["labels"])
    )


def test_rays_server_asks_for_clusters_of_its_tenant_alone() -> None:
    recording = _recorded(ACK, ray=RAY)
    for space in ("ray", "nightly"):
        rules = _of(recording, f"history-ray-history-data-{space}", "Role")
        assert rules["metadata"]["namespace"] == space
        assert rules["rules"] == [{"apiGroups": ["ray.io"], "resources": ["rayclusters"], "verbs": ["get", "list"]}]
        binding = _of(recording, f"history-ray-history-data-{space}", "RoleBinding")
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ray-history-data", "namespace": "history"}]
    assert not [r for r in recording.resources if "ClusterRole" in r.type]


def test_rays_dashboard_has_nothing_but_the_server() -> None:
    recording = _recorded(ACK, ray=RAY.model_copy(update={"open_to": ["ingress"]}))
    server, dashboard = _pod(recording, "history-ray-history-data"), _pod(recording, "history-ray-dashboard-data")
    assert server["serviceAccountName"] == "ray-history-data"
    assert (server["automountServiceAccountToken"], dashboard["automountServiceAccountToken"]) == (True, False)
    assert "serviceAccountName" not in dashboard
    assert server["containers"][0]["args"] == ["--session-cache-max-memory=1536Mi"]
    assert dashboard["containers"][0]["args"][-1] == "--proxy-server-url=http://ray-history-data.history:8080"
    for pod in (server, dashboard):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    inner = _of(recording, "history-ray-history-data", "NetworkPolicy")["spec"]
    outer = _of(recording, "history-ray-dashboard-data", "NetworkPolicy")["spec"]
    assert inner["ingress"][0]["from"] == [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "ray-dashboard-data"}}}
    ]
    assert [port["port"] for rule in inner["egress"] for port in rule["ports"]] == [53, 53, 443, 6443]
    assert outer["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["ingress"]
    assert outer["egress"][1]["to"] == [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "ray-history-data"}}}
    ]
    closed = _of(_recorded(ACK, ray=RAY), "history-ray-dashboard-data", "NetworkPolicy")["spec"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert closed["ingress"] == []
    opened = _of(recording, "history-ray-dashboard-data", "Role")["rules"]
    assert {name for rule in opened for name in rule["resourceNames"]} == {"ray-dashboard-data-0"}


def test_rays_server_needs_rrsa_on_ack() -> None:
    plan = plan_history(HistoryArgs(ray=RAY), ACK)
    with pytest.raises(InvalidInput, match="needs RRSA"):
        recorded(lambda: History("history", plan))
