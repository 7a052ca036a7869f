"""History servers as resources: hardened, reached by those alone that may, and valid Kubernetes."""

import json
from typing import Any

import kubernetes_validate
import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.history import History, HistoryArgs, HistorySurroundings, SparkHistoryArgs, Writer, plan_history
from components.platform import Placement
from components.storage import BucketArgs
from stacks.preview.recording import Recording
from support import named, recorded

IMAGE = "docker.io/apache/spark:4.0.1"
PEOPLE = ["ram-user/1", "ram-role/2", "group/data", "user/ann"]
DATA = Writer("data", "data", ["spark"], {"event-logs": "data/"}, PEOPLE)
OTHER = Writer("other", "other", ["etl"], {"event-logs": "other/"})
ACK = HistorySurroundings(
    "ack",
    "acme-test",
    {"event-logs": BucketArgs()},
    [DATA, OTHER],
    placement=Placement({"workload": "system"}, [{"key": "a", "operator": "Exists"}]),
)


def _recorded(around: HistorySurroundings, *, in_cluster: bool = True, **values: Any) -> Recording:
    plan = plan_history(HistoryArgs(spark=SparkHistoryArgs(image=IMAGE, **values)), around)

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
    recording = _recorded(ACK, open_to=["ingress"])
    kinds: set[str] = set()
    for resource in recording.resources:
        if not resource.type.startswith("kubernetes:"):
            continue
        module, _, kind = resource.type.removeprefix("kubernetes:").partition(":")
        kinds.add(kind)
        manifest = {"apiVersion": module.removeprefix("core/"), "kind": kind, **resource.inputs}
        kubernetes_validate.validate(manifest, "1.33", strict=True)
    assert {"StatefulSet", "Service", "NetworkPolicy", "PersistentVolumeClaim", "Role", "RoleBinding"} <= kinds


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
