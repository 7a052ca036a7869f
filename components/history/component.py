"""History servers as resources."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from ..inputs import Problem, require_valid
from ..pod_identity import pod_role
from ..pod_security import CONFINED, NOBODY
from ..volumes import Volumes, access_policy
from .args import RayHistoryArgs, SparkHistoryArgs
from .planning import (
    DASHBOARD_PORT,
    EVENTS_PATH,
    RAY_PORT,
    SPARK_PORT,
    STORE_PATH,
    HistoryPlan,
    RayServer,
    SparkServer,
    ray_ports,
)

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
NAME_LABEL = "kubernetes.io/metadata.name"
INJECTION = "pod-identity.alibabacloud.com/injection"
RBAC = "rbac.authorization.k8s.io"

DNS: list[Any] = [{"ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]}]

RAY_USER = 1000
"""Of Ray's images, of which `ray-project/ray` writes its home to (Dockerfile of base-deps)."""

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
    """Ids of the RAM roles with which servers and drivers reach their parts of the bucket: by the claims' names, and by
    those of Ray's servers."""

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
        needless; in_cluster: False makes the RAM roles alone. Raises `InvalidInput` where a role has no cluster to be
        of.
        """
        if any(server.role for server in plan.ray) and (rrsa_provider_arn is None or rrsa_issuer_url is None):
            require_valid([Problem("ray", None, "needs RRSA: the cluster has none")])
        self.plan = plan
        super().__init__("ack-ai-blueprint:history:History", resource_name, None, opts)
        self._name, self._deleted_with = resource_name, deleted_with
        self._space = plan.args.namespace
        first: list[pulumi.Resource] = []
        if in_cluster:
            first = [self._namespace()]
        roles: dict[str, pulumi.Output[str]] = {}
        self.role_ids = roles
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
            roles |= volumes.role_ids
            first.append(volumes)
        for server in plan.ray:
            if not server.role or plan.args.ray is None:
                continue
            role, attachment = pod_role(
                f"{resource_name}-{server.name}",
                server.role,
                description=f"Ray's history server of {server.tenant}",
                subject=f"system:serviceaccount:{self._space}:{server.name}",
                policy_description=f"Reads {server.place}",
                policy_document=pulumi.Output.all((buckets or {})[plan.args.ray.bucket], kms_key_id).apply(
                    lambda known, prefix=server.prefix: access_policy(
                        known[0], prefix, write=False, kms_key_id=known[1]
                    )
                ),
                provider_arn=rrsa_provider_arn or "",
                issuer_url=rrsa_issuer_url or "",
                tags=tags,
                opts=pulumi.ResourceOptions(parent=self),
            )
            roles[server.name] = role.role_id
            first.append(attachment)
        if in_cluster and plan.args.spark is not None:
            for server in plan.spark:
                self._spark(plan.args.spark, server, first)
        if in_cluster and plan.args.ray is not None:
            for server in plan.ray:
                self._ray(plan.args.ray, server, first)
        self.register_outputs({"servers": [server.name for server in (*plan.spark, *plan.ray)]})

    def _options(self, *first: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(first), deleted_with=self._deleted_with)

    def _namespace(self) -> pulumi.Resource:
        namespace = kubernetes.core.v1.Namespace(
            f"{self._name}-namespace",
            metadata={
                "name": self._space,
                "labels": {
                    **MANAGED,
                    "pod-security.kubernetes.io/enforce": "restricted",
                    **({INJECTION: "on"} if any(server.role for server in self.plan.ray) else {}),
                },
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

    def _metadata(self, name: str, tenant: str) -> Any:
        labels = {**MANAGED, "app.kubernetes.io/name": name, **({"tenant": tenant} if tenant else {})}
        return {"name": name, "namespace": self._space, "labels": labels}

    def _serving(
        self,
        name: str,
        tenant: str,
        port: int,
        pod: Any,
        first: list[pulumi.Resource],
        ingress: list[Any],
        egress: list[Any] | None = None,
    ) -> None:
        """A server of one pod behind a service, with what may come in and go out beside what may anyway."""
        full, metadata = f"{self._name}-{name}", self._metadata(name, tenant)
        selector = {"app.kubernetes.io/name": name}
        if ingress or egress is not None:
            spec: Any = {
                "pod_selector": {"match_labels": selector},
                "policy_types": ["Ingress", *([] if egress is None else ["Egress"])],
                "ingress": [{"from_": ingress, "ports": [{"protocol": "TCP", "port": port}]}] if ingress else [],
                **({} if egress is None else {"egress": egress}),
            }
            kubernetes.networking.v1.NetworkPolicy(full, metadata=metadata, spec=spec, opts=self._options(*first))
        service = kubernetes.core.v1.Service(
            full,
            # The pod may be long in coming, as long as nobody has made its claim.
            metadata=metadata | {"annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"selector": selector, "ports": [{"name": "http", "port": port, "target_port": "http"}]},
            opts=self._options(*first),
        )
        kubernetes.apps.v1.StatefulSet(
            full,
            metadata=metadata,
            spec={
                "replicas": 1,
                "service_name": name,
                "selector": {"match_labels": selector},
                "template": {"metadata": {"labels": metadata["labels"]}, "spec": pod},
            },
            opts=self._options(*first, service),
        )

    def _spark(self, args: SparkHistoryArgs, server: SparkServer, first: list[pulumi.Resource]) -> None:
        pod = spark_pod(args, server, self.plan)
        self._serving(server.name, server.tenant, SPARK_PORT, pod, first, _from_namespaces(args.open_to))
        self._people(server.name, server, first)

    def _ray(self, args: RayHistoryArgs, server: RayServer, first: list[pulumi.Resource]) -> None:
        """The server, which alone reads, and before it the dashboard, which has nothing but the server: where that does
        not answer, it takes jobs itself (Ray 2.56.0, dashboard/http_server_head.py)."""
        metadata = self._metadata(server.name, server.tenant)
        role = {"annotations": {"pod-identity.alibabacloud.com/role-name": server.role}} if server.role else {}
        account = kubernetes.core.v1.ServiceAccount(
            f"{self._name}-{server.name}", metadata=metadata | role, opts=self._options(*first)
        )
        # Whether a job's cluster is still there. Source: ray-project/kuberay v1.7.0, session_processor.go, reader.go.
        for space in server.namespaces:
            full = f"{self._name}-{server.name}-{space}"
            there: Any = {**metadata, "namespace": space}
            rules = kubernetes.rbac.v1.Role(
                full,
                metadata=there,
                rules=[{"api_groups": ["ray.io"], "resources": ["rayclusters"], "verbs": ["get", "list"]}],
                opts=self._options(*first),
            )
            kubernetes.rbac.v1.RoleBinding(
                full,
                metadata=there,
                role_ref={"api_group": RBAC, "kind": "Role", "name": server.name},
                subjects=[{"kind": "ServiceAccount", "name": server.name, "namespace": self._space}],
                opts=self._options(rules, account),
            )
        dashboard = {"pod_selector": {"match_labels": {"app.kubernetes.io/name": server.dashboard}}}
        ports = [{"protocol": "TCP", "port": port} for port in ray_ports(args)]
        pod = ray_pod(args, server, self.plan)
        self._serving(
            server.name, server.tenant, RAY_PORT, pod, [*first, account], [dashboard], [*DNS, {"ports": ports}]
        )
        behind = {"pod_selector": {"match_labels": {"app.kubernetes.io/name": server.name}}}
        out = [*DNS, {"to": [behind], "ports": [{"protocol": "TCP", "port": RAY_PORT}]}]
        pod = dashboard_pod(args, server, self.plan)
        opened = _from_namespaces(args.open_to)
        self._serving(server.dashboard, server.tenant, DASHBOARD_PORT, pod, first, opened, out)
        self._people(server.dashboard, server, first)

    def _people(self, name: str, server: SparkServer | RayServer, first: list[pulumi.Resource]) -> None:
        """Who may forward a port to what they open of a server."""
        subjects: list[kubernetes.rbac.v1.SubjectArgsDict] = [
            {"kind": SUBJECTS[kind], "name": name, "api_group": RBAC}
            for kind, _, name in (member.partition("/") for member in server.people)
            if kind in SUBJECTS
        ]
        if not subjects:
            return
        full, metadata = f"{self._name}-{name}", self._metadata(name, server.tenant)
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
            role_ref={"api_group": RBAC, "kind": "Role", "name": name},
            subjects=subjects,
            opts=self._options(role),
        )


def _from_namespaces(names: Sequence[str]) -> list[Any]:
    if not names:
        return []
    return [
        {"namespace_selector": {"match_expressions": [{"key": NAME_LABEL, "operator": "In", "values": sorted(names)}]}}
    ]


def _pod(
    plan: HistoryPlan, user: int, container: Any, volumes: list[Any], *, probe: str, live: str = "", token: bool = False
) -> Any:
    """The spec of a pod of one container, with probes of the port `http`. probe, live: their paths."""

    def asked(path: str) -> Any:
        return {"http_get": {"path": path, "port": "http"}, "period_seconds": 10, "timeout_seconds": 5}

    return {
        "automount_service_account_token": token,
        "security_context": {**NOBODY, "run_as_user": user, "run_as_group": user},
        **({"node_selector": dict(plan.placement.node_selector)} if plan.placement.node_selector else {}),
        **({"tolerations": [dict(each) for each in plan.placement.tolerations]} if plan.placement.tolerations else {}),
        "containers": [
            {
                **container,
                "startup_probe": {**asked(probe), "failure_threshold": 30},
                "readiness_probe": asked(probe),
                "liveness_probe": {**asked(live or probe), "period_seconds": 30, "timeout_seconds": 10},
                "security_context": CONFINED,
            }
        ],
        **({"volumes": volumes} if volumes else {}),
    }


def _resources(vcpu: float, memory_gib: int, disk_gib: int = 0) -> Any:
    disk = {"ephemeral-storage": f"{disk_gib}Gi"} if disk_gib else {}
    requests = {"cpu": f"{vcpu:g}", "memory": f"{memory_gib}Gi", **disk}
    return {"requests": requests, "limits": {"memory": f"{memory_gib}Gi"}}


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
    container = {
        "name": "server",
        "image": args.image,
        "command": ["/opt/spark/bin/spark-class", "org.apache.spark.deploy.history.HistoryServer"],
        "env": [
            {"name": "SPARK_HISTORY_OPTS", "value": " ".join(server.options)},
            {"name": "SPARK_DAEMON_MEMORY", "value": f"{heap}m"},
        ],
        **({"env_from": [{"secret_ref": {"name": args.secret}}]} if args.secret else {}),
        "ports": [{"name": "http", "container_port": SPARK_PORT}],
        "resources": _resources(args.vcpu, args.memory_gib, args.disk_gib + 2),
        "volume_mounts": mounts,
    }
    return _pod(plan, args.user, container, volumes, probe="/api/v1/version")


def ray_pod(args: RayHistoryArgs, server: RayServer, plan: HistoryPlan) -> Any:
    """The spec of the pod of Ray's server, which writes nowhere.

    Sources: ray-project/kuberay v1.7.0, historyserver/Dockerfile.historyserver, cmd/historyserver and router.go.
    """
    container = {
        "name": "server",
        "image": args.image,
        "args": [f"--session-cache-max-memory={args.memory_gib * 512}Mi"],
        "env": [{"name": name, "value": value} for name, value in server.environment.items()],
        **({"env_from": [{"secret_ref": {"name": args.secret}}]} if args.secret else {}),
        "ports": [{"name": "http", "container_port": RAY_PORT}],
        "resources": _resources(args.vcpu, args.memory_gib),
    }
    pod = _pod(plan, 65_532, container, [], probe="/readz", live="/livez", token=True)
    return {**pod, "service_account_name": server.name}


def dashboard_pod(args: RayHistoryArgs, server: RayServer, plan: HistoryPlan) -> Any:
    """The spec of the pod of a dashboard: Ray without workers, whose pages ask the server.

    Source: Ray 2.56.0, `ray start --help`, and run so: some 460 MiB.
    """
    address = f"http://{server.name}.{plan.args.namespace}:{RAY_PORT}"
    container = {
        "name": "dashboard",
        "image": args.dashboard_image,
        "command": ["ray", "start", "--head", "--block", "--num-cpus=0", "--disable-usage-stats"],
        "args": [
            *("--dashboard-host=0.0.0.0", f"--dashboard-port={DASHBOARD_PORT}", "--object-store-memory=80000000"),
            f"--proxy-server-url={address}",
        ],
        "ports": [{"name": "http", "container_port": DASHBOARD_PORT}],
        "resources": _resources(args.vcpu, 2),
        "volume_mounts": [{"name": "scratch", "mount_path": "/tmp"}],  # noqa: S108  (its own, in the pod)
    }
    scratch = {"name": "scratch", "empty_dir": {"size_limit": "2Gi"}}
    # Of Ray itself: it does not ask the server.
    return _pod(plan, RAY_USER, container, [scratch], probe="/api/gcs_healthz")
