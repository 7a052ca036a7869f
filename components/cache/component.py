"""Datasets and their caches as resources."""

import graphlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from ..file_systems import Mount
from ..identity import document, key_statement
from ..inputs import Problem, require_valid
from ..pod_identity import pod_role
from ..pod_security import CONFINED, NOBODY, service_account
from ..tenancy.planning import NAME_LABEL
from ..volumes import exported_path
from .args import CachingArgs, DatasetArgs
from .events import LOADER, MOST_LOADS, group_of, load_policy, loaders
from .planning import DatasetPlan, DatasetSurroundings, plan_datasets
from .problems import datasets_problems
from .refresher import RENEWED
from .rendering import (
    WORKER_ROLES,
    Manifest,
    claims,
    metadata_claim,
    profile,
    render,
    scaled,
)

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
REFRESHER = "token-refresher"
"""Name of what renews the tokens of caches."""

SCRIPT = (Path(__file__).parent / "refresher.py").read_text(encoding="utf-8")
REFRESHER_LABELS = {**MANAGED, "app.kubernetes.io/name": REFRESHER}

FIXED: Sequence[str] = (
    *("spec.tieredstore", "spec.networkmode", "spec.secret", "spec.volumes", "spec.properties"),
    *("spec.master.replicas", "spec.master.properties", "spec.master.nodeSelector", "spec.master.volumeMounts"),
    *("spec.worker.nodeSelector", "spec.worker.options", "spec.fuse.args", "spec.fuse.properties", "spec.fuse.options"),
    *("spec.fuse.cleanPolicy", "spec.profileName"),
    *("spec.master.networkMode", "spec.worker.networkMode", "spec.fuse.networkMode"),
)
"""What of a runtime counts only when it is made: its controller passes over later changes (fluid v1.0.8)."""


@dataclass(frozen=True)
class DatasetCloud:
    """What caches need of Alibaba Cloud that only the cloud can name.

    kms_key_id: the key of the buckets, None for none.
    """

    rrsa_provider_arn: pulumi.Input[str]
    rrsa_issuer_url: pulumi.Input[str]
    kms_key_id: pulumi.Input[str] | None = None


class Datasets(pulumi.ComponentResource):
    """Data that jobs read through caches (Fluid), as claims in their namespaces.

    All caches lie in one namespace, since their clients are privileged; jobs see references, so that tenants'
    namespaces stay as guarded as they are. Buckets are read with a RAM role for each dataset: something in the
    namespace takes the role by pod identity and renews the token that the cache reads. Needs a Kubernetes provider of
    the cluster in `opts`, and the system `fluid` and the namespaces of the claims before it: give them to `depends_on`.

    Example:

        around = DatasetSurroundings(flavor="upstream")
        docs = DatasetArgs(mounts={"docs": DatasetMountArgs(uri="https://downloads.example.com/docs/")}, size_gib=1,
                           namespaces=["jobs"])
        Datasets("datasets", {"docs": docs}, around=around)
    """

    plans: Mapping[str, DatasetPlan]
    """The decisions behind the resources."""

    role_ids: Mapping[str, pulumi.Output[str]]
    """Ids of the RAM roles that were made, by the dataset's name, for throttling."""

    def __init__(
        self,
        resource_name: str,
        datasets: Mapping[str, DatasetArgs],
        caching: CachingArgs | None = None,
        *,
        around: DatasetSurroundings,
        cloud: DatasetCloud | None = None,
        mounts: Mapping[str, Mount] | None = None,
        in_cluster: bool = True,
        tags: Mapping[str, str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register datasets, caches, and what they need.

        around: what they share a cluster with; cloud: needed for datasets with `credentials: rrsa`; mounts:
        `FileSystem.mount` by name; in_cluster: False makes the roles alone, as long as nothing reaches the cluster;
        deleted_with: the cluster's resource, whose end makes the removal of what lies in it needless. Raises
        `InvalidInput` with all problems before anything is registered.
        """
        caching = caching or CachingArgs()
        problems = datasets_problems(datasets, caching, around)
        if not problems:
            self.plans = plan_datasets(datasets, caching, around)
            if cloud is None and any(plan.statements for plan in self.plans.values()):
                problems.append(Problem("cloud", None, "missing; datasets of buckets take a RAM role, and need it"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:cache:Datasets", resource_name, None, opts)
        self._name, self._caching, self._deleted_with = resource_name, caching, deleted_with
        self._region = around.region
        self._attachments: list[pulumi.Resource] = []
        roles = {
            name: self._role(plan, around, cloud, tags)
            for name, plan in self.plans.items()
            if plan.statements and cloud is not None
        }
        self.role_ids = {name: role.role_id for name, role in roles.items()}
        if in_cluster and self.plans:
            self._in_cluster(mounts or {}, roles, cloud)
        self.register_outputs({"datasets": {name: list(plan.claims) for name, plan in self.plans.items()}})

    def _options(self, *first: pulumi.Resource, **more: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(first), deleted_with=self._deleted_with, **more)

    def _role(
        self,
        plan: DatasetPlan,
        around: DatasetSurroundings,
        cloud: DatasetCloud,
        tags: Mapping[str, str] | None,
    ) -> alicloud.ram.Role:
        role, attachment = pod_role(
            f"{self._name}-{plan.name}",
            f"{around.name}-{plan.role}",
            description=f"Cache of the dataset {plan.name}",
            subject=f"system:serviceaccount:{plan.namespace}:{REFRESHER}",
            policy_description=f"Data of the dataset {plan.name}",
            policy_document=pulumi.Output.from_input(cloud.kms_key_id).apply(
                lambda key: document(
                    [*plan.statements, *([key_statement(key, write=plan.writes)] if key is not None else [])]
                )
            ),
            provider_arn=cloud.rrsa_provider_arn,
            issuer_url=cloud.rrsa_issuer_url,
            tags={**(tags or {}), **({"tenant": plan.args.tenant} if plan.args.tenant else {})} or None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._attachments.append(attachment)
        return role

    def _in_cluster(
        self,
        mounts: Mapping[str, Mount],
        roles: Mapping[str, alicloud.ram.Role],
        cloud: DatasetCloud | None,
    ) -> None:
        namespace = kubernetes.core.v1.Namespace(
            f"{self._name}-namespace",
            metadata={
                "name": self._caching.namespace,
                # The clients of Fluid mount file systems on nodes (v1.0.8: privileged, hostPath).
                "labels": {**MANAGED, "pod-security.kubernetes.io/enforce": "privileged"},
            },
            opts=self._options(),
        )
        first: list[pulumi.Resource] = [namespace]
        if roles and cloud is not None:
            first.append(self._refresher(roles, cloud, namespace))
        if any(plan.kind == "thin" and not plan.source for plan in self.plans.values()):
            first.append(self._object(profile(self._caching), self._options(), cluster_wide=True))
        made: dict[str, Sequence[pulumi.Resource]] = {}
        for name, plan in self.plans.items():
            if not plan.source:
                made[name] = self._cache(plan, mounts, first)
        self._loaders(namespace)
        for name, plan in self.plans.items():
            behind = made[plan.source or name]
            for manifest in claims(plan):
                # A claim is copied from its cache once, and must go before it.
                self._object(manifest, self._options(*behind, replace_with=list(behind), **_REPLACED))

    def _cache(
        self, plan: DatasetPlan, mounts: Mapping[str, Mount], first: Sequence[pulumi.Resource]
    ) -> Sequence[pulumi.Resource]:
        """The dataset and its runtime."""
        servers = {
            name: _server(mounts[mount.file_system], mount.path)
            for name, mount in plan.args.mounts.items()
            if mount.file_system is not None
        }
        metadata = plan.args.runtime.master.metadata
        if metadata is not None:
            claim = kubernetes.core.v1.PersistentVolumeClaim(
                f"{self._name}-{plan.name}-metadata",
                metadata={
                    "name": metadata_claim(plan),
                    "namespace": plan.namespace,
                    "labels": MANAGED,
                    # The volume may wait for its first pod, which is not there yet.
                    "annotations": {"pulumi.com/skipAwait": "true"},
                },
                spec={
                    "access_modes": ["ReadWriteOnce"],
                    "storage_class_name": metadata.storage_class,
                    "resources": {"requests": {"storage": f"{metadata.size_gib}Gi"}},
                },
                opts=self._options(*first),
            )
            first = [*first, claim]
        manifests = render(plan, servers, self._caching)
        dataset = self._object(manifests[0], self._options(*first, **_REPLACED))
        runtime = self._object(
            manifests[1],
            self._options(
                dataset,
                # It goes with its dataset, whose end takes it along.
                replace_with=[dataset],
                replace_on_changes=list(FIXED),
                delete_before_replace=True,
                ignore_changes=["spec.replicas"] if scaled(plan) else None,
            ),
        )
        behind = [dataset, runtime]
        operations: dict[str, pulumi.Resource] = {}
        for manifest in _in_turn(manifests[2:]):
            after = operations.get(manifest["spec"].get("runAfter", {}).get("name", ""))
            needs = [*behind, *([after] if after is not None else [])]
            options = self._options(*needs, replace_with=behind, **_REPLACED)
            operations[manifest["metadata"]["name"]] = self._object(manifest, options)
        if plan.most_workers > 1 or plan.args.scaling.metric is not None:
            kubernetes.policy.v1.PodDisruptionBudget(
                f"{self._name}-{plan.name}-workers",
                metadata={"name": f"{plan.name}-workers", "namespace": plan.namespace, "labels": MANAGED},
                spec={
                    "max_unavailable": 1,
                    "selector": {"match_labels": {"release": plan.name, "role": WORKER_ROLES[plan.kind]}},
                },
                opts=self._options(runtime),
            )
        return behind

    def _loaders(self, namespace: pulumi.Resource) -> None:
        """Who may load datasets by themselves."""
        allowed = loaders(self.plans.values())
        if not allowed:
            return
        space = self._caching.namespace
        metadata: Any = {"name": LOADER, "namespace": space, "labels": MANAGED}
        rule: kubernetes.rbac.v1.PolicyRuleArgsDict = {
            "api_groups": ["data.fluid.io"],
            "resources": ["dataloads"],
            "verbs": ["create", "get"],
        }
        whole: Any = {"name": LOADER, "labels": MANAGED}
        kubernetes.core.v1.ResourceQuota(
            f"{self._name}-loader",
            metadata=metadata,
            spec={"hard": {"count/dataloads.data.fluid.io": str(MOST_LOADS)}},
            opts=self._options(namespace),
        )
        policy = kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{self._name}-loader",
            metadata=whole,
            spec=cast(Any, load_policy(allowed, space)),
            opts=self._options(namespace),
        )
        guard = kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{self._name}-loader",
            metadata=whole,
            spec={
                "policy_name": LOADER,
                "validation_actions": ["Deny"],
                "match_resources": {"namespace_selector": {"match_labels": {NAME_LABEL: space}}},
            },
            opts=self._options(policy),
        )
        role = kubernetes.rbac.v1.Role(
            f"{self._name}-loader", metadata=metadata, rules=[rule], opts=self._options(namespace, guard)
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{self._name}-loader",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": LOADER},
            subjects=[
                {"kind": "Group", "name": group_of(one), "api_group": "rbac.authorization.k8s.io"} for one in allowed
            ],
            opts=self._options(role),
        )

    def _object(
        self, manifest: Manifest, opts: pulumi.ResourceOptions, *, cluster_wide: bool = False
    ) -> pulumi.Resource:
        metadata = manifest["metadata"]
        place = [] if cluster_wide else [metadata["namespace"]]
        name = "-".join([self._name, manifest["kind"].lower(), *place, metadata["name"]])
        return kubernetes.apiextensions.CustomResource(
            name,
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            metadata={**metadata, "labels": MANAGED},
            spec=manifest["spec"],
            opts=opts,
        )

    def _refresher(
        self, roles: Mapping[str, alicloud.ram.Role], cloud: DatasetCloud, namespace: pulumi.Resource
    ) -> pulumi.Resource:
        """What renews the tokens, in Secrets that it makes, so that no token is ever in the state of a stack. It may
        change these alone; what may make some cannot be told by their names."""
        space = self._caching.namespace
        metadata: Any = {"name": REFRESHER, "namespace": space, "labels": REFRESHER_LABELS}
        arns = {self.plans[name].secret: role.arn for name, role in roles.items()}
        binding = service_account(
            f"{self._name}-refresher",
            REFRESHER,
            space,
            [
                {"api_groups": [""], "resources": ["secrets"], "resource_names": list(arns), "verbs": ["patch"]},
                {"api_groups": [""], "resources": ["secrets"], "verbs": ["create"]},
            ],
            REFRESHER_LABELS,
            self._options(namespace),
        )
        configuration = pulumi.Output.all(roles=arns, provider=cloud.rrsa_provider_arn).apply(
            lambda known: json.dumps(
                {
                    # Inside the VPC. Source: PyPI alibabacloud_credentials, provider/oidc.py.
                    "endpoint": f"https://sts-vpc.{self._region}.aliyuncs.com",
                    "namespace": space,
                    **known,
                },
                sort_keys=True,
            )
        )
        files = kubernetes.core.v1.ConfigMap(
            f"{self._name}-refresher",
            metadata=metadata,
            data={"refresher.py": SCRIPT, "configuration.json": configuration},
            opts=self._options(namespace),
        )
        return kubernetes.apps.v1.Deployment(
            f"{self._name}-refresher",
            metadata=metadata,
            spec=_refresher_spec(self._caching.python_image or "", list(arns)),
            opts=self._options(binding, files, *self._attachments),
        )


_REPLACED: Mapping[str, Any] = {"replace_on_changes": ["spec"], "delete_before_replace": True}
"""Of objects that Fluid reads once."""


def _in_turn(operations: Sequence[Manifest]) -> list[Manifest]:
    """Operations, each behind the one that it waits for."""
    named = {manifest["metadata"]["name"]: manifest for manifest in operations}
    waits = {
        name: [first for first in [manifest["spec"].get("runAfter", {}).get("name")] if first in named]
        for name, manifest in named.items()
    }
    return [named[name] for name in graphlib.TopologicalSorter(waits).static_order()]


def _server(mount: Mount, path: str) -> pulumi.Output[str]:
    """A directory of a file system, as the client of addons/nfs takes it: server and path."""
    return pulumi.Output.concat(mount.domain or "", exported_path(mount.root, path))


def _refresher_spec(image: str, secrets: Sequence[str]) -> Any:
    """The spec of the Deployment: one pod, which needs nothing but its files and its own tokens."""
    digest = hashlib.sha256("".join([SCRIPT, *secrets]).encode()).hexdigest()
    return {
        "replicas": 1,
        "selector": {"match_labels": {"app.kubernetes.io/name": REFRESHER}},
        "template": {
            "metadata": {
                "labels": REFRESHER_LABELS,
                # A new script needs a new pod, and so do new tokens: it is ready once it has renewed all.
                "annotations": {"renews": digest[:16]},
            },
            "spec": {
                "service_account_name": REFRESHER,
                "security_context": NOBODY,
                "containers": [
                    {
                        "name": "refresher",
                        "image": image,
                        "command": ["python3", "/etc/refresher/refresher.py"],
                        # Caches are made once there are tokens to read with.
                        "readiness_probe": {"exec_": {"command": ["test", "-e", RENEWED]}, "period_seconds": 5},
                        "resources": {
                            "requests": {"cpu": "10m", "memory": "64Mi"},
                            "limits": {"cpu": "500m", "memory": "128Mi"},
                        },
                        "security_context": CONFINED,
                        "volume_mounts": [
                            {"name": "files", "mount_path": "/etc/refresher", "read_only": True},
                            {"name": "identity", "mount_path": "/var/run/secrets/sts", "read_only": True},
                            {"name": "state", "mount_path": "/tmp"},  # noqa: S108  (its own, in the pod)
                        ],
                    }
                ],
                "volumes": [
                    {"name": "files", "config_map": {"name": REFRESHER}},
                    {
                        "name": "identity",
                        "projected": {
                            "sources": [
                                {
                                    "service_account_token": {
                                        "audience": "sts.aliyuncs.com",
                                        "expiration_seconds": 3600,
                                        "path": "token",
                                    }
                                }
                            ]
                        },
                    },
                    {"name": "state", "empty_dir": {}},
                ],
            },
        },
    }
