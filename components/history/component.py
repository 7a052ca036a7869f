"""History servers as resources."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from ..pod_security import CONFINED, NOBODY
from ..volumes import Volumes
from .args import SparkHistoryArgs
from .planning import EVENTS_PATH, SPARK_PORT, STORE_PATH, HistoryPlan, SparkServer

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
NAME_LABEL = "kubernetes.io/metadata.name"
RBAC = "rbac.authorization.k8s.io"

SUBJECTS = {"ram-user": "User", "user": "User", "group": "Group"}
"""What members are to the API server. A RAM user is the user of its number; what a RAM role is, no source says."""


class History(pulumi.ComponentResource):
    """Servers that show finished jobs out of what they wrote to object storage.

    A server is a StatefulSet of one pod, whose name a role can hold: a tenant's people may forward a port to their own
    server and to no other. Network policies let in nobody but whom `openTo` names.
    Needs a Kubernetes provider of the cluster in `opts`, and before it the namespaces of the jobs.

    Example:

        args = HistoryArgs(spark=SparkHistoryArgs(image="docker.io/apache/spark:4.0.1", directory="s3a://logs/spark"))
        plan = plan_history(args, HistorySurroundings("upstream", writers=[Writer(spark=["spark"])]))
        History("history", plan)
    """

    plan: HistoryPlan
    """The decisions behind the resources."""

    role_ids: Mapping[str, pulumi.Output[str]]
    """Ids of the RAM roles with which servers and drivers mount their parts of the bucket, by the claims' names."""

    def __init__(
        self,
        resource_name: str,
        plan: HistoryPlan,
        *,
        name: str = "",
        region: str = "",
        buckets: Mapping[str, pulumi.Input[str]] | None = None,
        rrsa_provider_arn: pulumi.Input[str] | None = None,
        rrsa_issuer_url: pulumi.Input[str] | None = None,
        kms_key_id: pulumi.Input[str] | None = None,
        tags: Mapping[str, str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        in_cluster: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register what a plan says.

        name: first part of the names of RAM roles; region, buckets, rrsa_provider_arn, rrsa_issuer_url, kms_key_id: as
        for `Volumes`, on ACK; deleted_with: the cluster's resource, whose end makes the removal of what lies in it
        needless; in_cluster: False makes the RAM roles alone.
        """
        self.plan = plan
        super().__init__("ack-ai-blueprint:history:History", resource_name, None, opts)
        self._name, self._deleted_with = resource_name, deleted_with
        self._space = plan.args.namespace
        first: list[pulumi.Resource] = []
        if in_cluster:
            first = [self._namespace()]
        self.role_ids = {}
        if plan.volumes:
            volumes = Volumes(
                f"{resource_name}-volumes",
                plan.volumes,
                name=name,
                region=region,
                buckets=buckets,
                rrsa_provider_arn=rrsa_provider_arn,
                rrsa_issuer_url=rrsa_issuer_url,
                kms_key_id=kms_key_id,
                tags=tags,
                deleted_with=deleted_with,
                in_cluster=in_cluster,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[*first]),
            )
            self.role_ids = volumes.role_ids
            first.append(volumes)
        if in_cluster and plan.args.spark is not None:
            for server in plan.spark:
                self._spark(plan.args.spark, server, first)
        self.register_outputs({"servers": [server.name for server in plan.spark]})

    def _options(self, *first: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(first), deleted_with=self._deleted_with)

    def _namespace(self) -> pulumi.Resource:
        namespace = kubernetes.core.v1.Namespace(
            f"{self._name}-namespace",
            metadata={
                "name": self._space,
                "labels": {**MANAGED, "pod-security.kubernetes.io/enforce": "restricted"},
            },
            opts=self._options(),
        )
        spark = self.plan.args.spark
        # What is mounted comes through the node; what is read by address takes a way out.
        out = [] if spark is not None and spark.directory is not None else ["Egress"]
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-network",
            metadata={"name": "nobody", "namespace": self._space, "labels": MANAGED},
            spec={"pod_selector": {}, "policy_types": ["Ingress", *out]},
            opts=self._options(namespace),
        )

    def _spark(self, args: SparkHistoryArgs, server: SparkServer, first: list[pulumi.Resource]) -> None:
        full = f"{self._name}-{server.name}"
        labels = {
            **MANAGED,
            "app.kubernetes.io/name": server.name,
            **({"tenant": server.tenant} if server.tenant else {}),
        }
        metadata: Any = {"name": server.name, "namespace": self._space, "labels": labels}
        selector = {"app.kubernetes.io/name": server.name}
        if args.open_to:
            names: Any = {"key": NAME_LABEL, "operator": "In", "values": sorted(args.open_to)}
            kubernetes.networking.v1.NetworkPolicy(
                full,
                metadata=metadata,
                spec={
                    "pod_selector": {"match_labels": selector},
                    "policy_types": ["Ingress"],
                    "ingress": [
                        {
                            "from_": [{"namespace_selector": {"match_expressions": [names]}}],
                            "ports": [{"protocol": "TCP", "port": SPARK_PORT}],
                        }
                    ],
                },
                opts=self._options(*first),
            )
        service = kubernetes.core.v1.Service(
            full,
            # The pod may be long in coming, as long as nobody has made its claim.
            metadata=metadata | {"annotations": {"pulumi.com/skipAwait": "true"}},
            spec={
                "selector": selector,
                "ports": [{"name": "http", "port": SPARK_PORT, "target_port": "http"}],
            },
            opts=self._options(*first),
        )
        kubernetes.apps.v1.StatefulSet(
            full,
            metadata=metadata,
            spec={
                "replicas": 1,
                "service_name": server.name,
                "selector": {"match_labels": selector},
                "template": {"metadata": {"labels": labels}, "spec": spark_pod(args, server, self.plan)},
            },
            opts=self._options(*first, service),
        )
        self._people(server, metadata, first)

    def _people(self, server: SparkServer, metadata: Any, first: list[pulumi.Resource]) -> None:
        """Who may forward a port to a server."""
        subjects: list[kubernetes.rbac.v1.SubjectArgsDict] = [
            {"kind": SUBJECTS[kind], "name": name, "api_group": RBAC}
            for kind, _, name in (member.partition("/") for member in server.people)
            if kind in SUBJECTS
        ]
        if not subjects:
            return
        full = f"{self._name}-{server.name}"
        role = kubernetes.rbac.v1.Role(
            full,
            metadata=metadata,
            rules=[
                {"api_groups": [""], "resources": ["pods"], "resource_names": [server.pod], "verbs": ["get"]},
                {
                    "api_groups": [""],
                    "resources": ["pods/portforward"],
                    "resource_names": [server.pod],
                    "verbs": ["create"],
                },
            ],
            opts=self._options(*first),
        )
        kubernetes.rbac.v1.RoleBinding(
            full,
            metadata=metadata,
            role_ref={"api_group": RBAC, "kind": "Role", "name": server.name},
            subjects=subjects,
            opts=self._options(role),
        )


def spark_pod(args: SparkHistoryArgs, server: SparkServer, plan: HistoryPlan) -> Any:
    """The spec of a server's pod, which writes to scratch space alone.

    Source of command and probe: Spark 4.0.1, run in November 2026.
    """
    heap = args.memory_gib * 1024 * 3 // 4
    mounts: list[Any] = [
        {"name": "store", "mount_path": STORE_PATH},
        {"name": "scratch", "mount_path": "/tmp"},  # noqa: S108  (its own, in the pod)
    ]
    volumes: list[Any] = [
        {"name": "store", "empty_dir": {"size_limit": f"{args.disk_gib + 1}Gi"}},
        {"name": "scratch", "empty_dir": {"size_limit": "1Gi"}},
    ]
    if server.claim:
        part = {"sub_path": server.sub_path} if server.sub_path else {}
        mounts.append({"name": "event-logs", "mount_path": EVENTS_PATH, "read_only": True, **part})
        claim = {"claim_name": server.claim, **({"read_only": True} if plan.flavor == "ack" else {})}
        volumes.append({"name": "event-logs", "persistent_volume_claim": claim})
    probe = {"http_get": {"path": "/api/v1/version", "port": "http"}, "period_seconds": 10}
    return {
        "automount_service_account_token": False,
        "security_context": {**NOBODY, "run_as_user": args.user, "run_as_group": args.user},
        **({"node_selector": dict(plan.placement.node_selector)} if plan.placement.node_selector else {}),
        **({"tolerations": [dict(each) for each in plan.placement.tolerations]} if plan.placement.tolerations else {}),
        "containers": [
            {
                "name": "server",
                "image": args.image,
                "command": ["/opt/spark/bin/spark-class", "org.apache.spark.deploy.history.HistoryServer"],
                "env": [
                    {"name": "SPARK_HISTORY_OPTS", "value": " ".join(server.options)},
                    {"name": "SPARK_DAEMON_MEMORY", "value": f"{heap}m"},
                ],
                **({"env_from": [{"secret_ref": {"name": args.secret}}]} if args.secret else {}),
                "ports": [{"name": "http", "container_port": SPARK_PORT}],
                "startup_probe": {**probe, "failure_threshold": 30},
                "readiness_probe": probe,
                "liveness_probe": {**probe, "period_seconds": 30, "timeout_seconds": 10},
                "resources": {
                    "requests": {
                        "cpu": f"{args.vcpu:g}",
                        "memory": f"{args.memory_gib}Gi",
                        "ephemeral-storage": f"{args.disk_gib + 2}Gi",
                    },
                    "limits": {"memory": f"{args.memory_gib}Gi"},
                },
                "security_context": CONFINED,
                "volume_mounts": mounts,
            }
        ],
        "volumes": volumes,
    }
