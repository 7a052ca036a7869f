"""The in-cluster systems as resources: add-ons of ACK, and Helm releases."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from ..inputs import Problem, require_valid
from ..kubectl import kubectl_job
from ..pod_security import service_account
from .planning import SHARED_NAMESPACE, SystemPlan

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
RELEASES_KEPT = 5
"""Revisions of a release that Helm keeps; each is a Secret."""


class Platform(pulumi.ComponentResource):
    """The systems of one cluster, in the order in which they need each other.

    An ACK add-on is an add-on resource, everything else a Helm release, which is rolled back where it fails, and which
    needs a Kubernetes provider of the cluster in `opts`. Each namespace of a release has a network policy, and each
    controller of several pods a disruption budget.

    Example:

        plan = plan_systems({"kuberay": SystemArgs()}, "ack")
        Platform("platform", plan, cluster_id=cluster.cluster_id)
    """

    systems: Mapping[str, pulumi.Resource]
    """The resource of each installed system: what uses a system's resource definitions depends on it."""

    plan: Sequence[SystemPlan]
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        plan: Sequence[SystemPlan],
        *,
        network_policies: bool = True,
        kubectl_image: str | None = None,
        cluster_id: pulumi.Input[str] | None = None,
        log_project: pulumi.Input[str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the systems of a plan.

        network_policies: whether the namespaces of releases have one; kubectl_image: an image with kubectl as its entry
        point, required where a release must be mended; cluster_id: the ACK cluster, required with add-ons; log_project:
        for the add-ons that take one; deleted_with: the cluster's resource, whose end makes the removal of each system
        needless. Raises `InvalidInput` with all problems before anything is registered.
        """
        self.plan = plan
        add_ons = [system.name for system in plan if not system.in_cluster]
        mended = [system.name for system in plan if system.patches]
        problems: list[Problem] = []
        if add_ons and cluster_id is None:
            message = f"missing; the add-ons {', '.join(add_ons)} need the cluster's id"
            problems.append(Problem("cluster_id", None, message))
        if mended and kubectl_image is None:
            message = f"missing; {', '.join(mended)} must be mended with kubectl"
            problems.append(Problem("kubectl_image", None, message))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:platform:Platform", resource_name, None, opts)
        self._name, self._deleted_with = resource_name, deleted_with
        installed: dict[str, pulumi.Resource] = {}
        for system in plan:
            needs = [installed[name] for name in system.requires if name in installed]
            if system.channel == "manifests":
                installed[system.name] = self._manifests(system, needs)
            elif system.in_cluster:
                installed[system.name] = self._release(system, kubectl_image or "", needs)
            else:
                installed[system.name] = self._add_on(system, cluster_id or "", log_project, needs)
        if network_policies:
            own = {system.namespace for system in plan if system.in_cluster}
            for namespace in sorted(own - {SHARED_NAMESPACE}):
                self._network_policy(namespace, installed)
        self.systems = installed
        self.register_outputs({"systems": {system.name: system.version or "current" for system in plan}})

    def _options(self, needs: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(needs), deleted_with=self._deleted_with)

    def _add_on(
        self,
        system: SystemPlan,
        cluster_id: pulumi.Input[str],
        log_project: pulumi.Input[str] | None,
        needs: Sequence[pulumi.Resource],
    ) -> pulumi.Resource:
        cleans_up = system.cleanup_cloud_resources
        options = self._options(needs)
        if cleans_up:
            # An add-on that made cloud resources must be removed while the cluster still runs.
            options.deleted_with = None
        return alicloud.cs.KubernetesAddon(
            f"{self._name}-{system.name}",
            cluster_id=cluster_id,
            # The provider would otherwise make up a name, and ACK answers AddonNotFound.
            name=system.package,
            version=system.version,
            config=_config(system, log_project),
            cleanup_cloud_resources=True if cleans_up else None,
            opts=options,
        )

    def _manifests(self, system: SystemPlan, needs: Sequence[pulumi.Resource]) -> pulumi.Resource:
        return kubernetes.kustomize.v2.Directory(
            f"{self._name}-{system.name}", directory=system.repository, opts=self._options(needs)
        )

    def _release(self, system: SystemPlan, kubectl_image: str, needs: Sequence[pulumi.Resource]) -> pulumi.Resource:
        oci = system.repository.startswith("oci://")
        release = kubernetes.helm.v3.Release(
            f"{self._name}-{system.name}",
            name=system.package,
            chart=f"{system.repository}/{system.package}" if oci else system.package,
            version=system.version,
            namespace=system.release_namespace or system.namespace,
            create_namespace=True,
            repository_opts=None if oci else {"repo": system.repository},
            values=dict(system.values),
            # What must be mended after the release never gets ready by itself, and would be rolled back.
            atomic=not system.patches,
            skip_await=bool(system.patches),
            timeout=system.timeout_seconds,
            max_history=RELEASES_KEPT,
            opts=self._options(needs),
        )
        for patch in system.patches:
            self._mend(system, patch, kubectl_image, release)
        for index, labels in enumerate(system.budgets):
            name = system.name if index == 0 else f"{system.name}-{index + 1}"
            kubernetes.policy.v1.PodDisruptionBudget(
                f"{self._name}-{name}",
                metadata={"name": name, "namespace": system.namespace, "labels": MANAGED},
                spec={"max_unavailable": 1, "selector": {"match_labels": dict(labels)}},
                opts=self._options([release]),
            )
        return release

    def _mend(self, system: SystemPlan, patch: Mapping[str, str], kubectl_image: str, release: pulumi.Resource) -> None:
        """A Job that replaces one value of a Deployment after each release."""
        name = f"mend-{patch['deployment']}"
        rule: kubernetes.rbac.v1.PolicyRuleArgsDict = {
            "api_groups": ["apps"],
            "resources": ["deployments"],
            "resource_names": [patch["deployment"]],
            "verbs": ["get", "patch"],
        }
        binding = service_account(
            f"{self._name}-{name}", name, system.namespace, [rule], MANAGED, self._options([release])
        )
        # Helm undoes the change in each release, so each release has a Job of its own.
        release_of = json.dumps([system.version, system.values], sort_keys=True)
        digest = hashlib.sha256(release_of.encode()).hexdigest()
        change = [{"op": "replace", "path": patch["path"], "value": patch["to"]}]
        command = ["patch", "deployment", patch["deployment"], "--type=json", f"--patch={json.dumps(change)}"]
        kubernetes.batch.v1.Job(
            f"{self._name}-{name}",
            metadata={"name": f"{name}-{digest[:10]}", "namespace": system.namespace, "labels": MANAGED},
            spec=kubectl_job(kubectl_image, name, command),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[release, binding],
                deleted_with=self._deleted_with,
                # The template of a Job cannot be changed.
                replace_on_changes=["spec"],
                delete_before_replace=True,
            ),
        )

    def _network_policy(self, namespace: str, installed: Mapping[str, pulumi.Resource]) -> None:
        here = [system for system in self.plan if system.namespace == namespace and system.in_cluster]
        namespaces = sorted({SHARED_NAMESPACE, *(system.namespace for system in self.plan)})
        kubernetes.networking.v1.NetworkPolicy(
            f"{self._name}-{namespace}",
            metadata={"name": "platform", "namespace": namespace, "labels": MANAGED},
            spec={"pod_selector": {}, "policy_types": ["Ingress"], "ingress": ingress_rules(here, namespaces)},
            opts=self._options([installed[system.name] for system in here]),
        )


def ingress_rules(
    systems: Sequence[SystemPlan], namespaces: Sequence[str]
) -> list[kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict]:
    """Who reaches the pods of a namespace: those of the platform everything, all pods what serves them.

    systems: of that namespace; namespaces: of the platform. Webhooks are open to any address, as no source says where
    a managed API server calls from; it authenticates what it calls.
    """

    platform: kubernetes.meta.v1.LabelSelectorRequirementArgsDict = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": list(namespaces),
    }
    rules: list[kubernetes.networking.v1.NetworkPolicyIngressRuleArgsDict] = [
        {"from_": [{"namespace_selector": {"match_expressions": [platform]}}]}
    ]
    webhooks = sorted({port for system in systems for port in system.webhook_ports})
    if webhooks:
        rules.append({"ports": _ports(webhooks)})
    served = sorted({port for system in systems for port in system.serves} - {*webhooks})
    if served:
        rules.append({"ports": _ports(served), "from_": [{"namespace_selector": {}}]})
    return rules


def _ports(ports: Sequence[int]) -> list[kubernetes.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"protocol": "TCP", "port": port} for port in ports]


def _config(system: SystemPlan, log_project: pulumi.Input[str] | None) -> pulumi.Input[str] | None:
    def text(project: str | None) -> str:
        values = dict(system.values) if project is None else {system.log_project_key: project, **system.values}
        # Compact and sorted, or every preview shows a change.
        return json.dumps(values, separators=(",", ":"), sort_keys=True)

    if system.log_project_key and log_project is not None:
        return pulumi.Output.from_input(log_project).apply(text)
    return text(None) if system.values else None
