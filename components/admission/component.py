"""The rules as resources: Gatekeeper's templates and constraints, or instances of ACK's policies."""

from collections.abc import Sequence

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from ..inputs import Problem, require_valid
from .planning import AdmissionPlan, RulePlan

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}


class AdmissionPolicies(pulumi.ComponentResource):
    """What Gatekeeper holds in the tenants' namespaces of one cluster. Let it depend on the system `gatekeeper`, on ACK
    on `policy-templates`, too.

    Example:

        plan = plan_admission(AdmissionArgs(), "upstream", ["training"])
        AdmissionPolicies("admission", plan, opts=pulumi.ResourceOptions(depends_on=[platform]))
    """

    def __init__(
        self,
        resource_name: str,
        plan: AdmissionPlan,
        *,
        cluster_id: pulumi.Input[str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the rules of a plan.

        cluster_id: of the ACK cluster, required on ACK; elsewhere `opts` needs a Kubernetes provider of the cluster;
        deleted_with: the cluster's resource, whose end makes the removal of each needless. Raises `InvalidInput`.
        """
        if plan.flavor == "ack" and cluster_id is None:
            require_valid([Problem("cluster_id", None, "missing; instances of ACK's policies are of a cluster")])
        super().__init__("ack-ai-blueprint:admission:AdmissionPolicies", resource_name, None, opts)
        self._name, self._plan, self._deleted_with = resource_name, plan, deleted_with
        for rule in plan.rules:
            if cluster_id is not None and plan.flavor == "ack":
                self._instances(rule, cluster_id)
            else:
                self._constraint(rule)
        self.register_outputs({"rules": {rule.declaration.name: rule.level for rule in plan.rules}})

    def _options(self, *first: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(first), deleted_with=self._deleted_with)

    def _constraint(self, rule: RulePlan) -> None:
        name, kind = rule.declaration.name, rule.declaration.kind
        template = kubernetes.apiextensions.CustomResource(
            f"{self._name}-{name}-template",
            api_version="templates.gatekeeper.sh/v1",
            kind="ConstraintTemplate",
            # Gatekeeper wants the kind in lower case.
            metadata={"name": kind.lower(), "labels": MANAGED},
            spec=rule.template,
            opts=self._options(),
        )
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-{name}",
            api_version="constraints.gatekeeper.sh/v1beta1",
            kind=kind,
            metadata={"name": name, "labels": MANAGED},
            spec=rule.constraint(self._plan.excluded),
            # Gatekeeper defines the kind once it has the template; the provider tries again until then.
            opts=self._options(template),
        )

    def _instances(self, rule: RulePlan, cluster_id: pulumi.Input[str]) -> None:
        namespaces: Sequence[str] = rule.namespaces or self._plan.namespaces
        for policy, parameters in rule.instances(namespaces).items():
            alicloud.cs.KubernetesPolicyInstance(
                f"{self._name}-{policy}",
                cluster_id=cluster_id,
                policy_name=policy,
                action=rule.level,
                # None would be all, those of the platform among them.
                namespaces=list(namespaces),
                parameters=dict(parameters) or None,
                opts=self._options(),
            )
