"""The resources of tenants: in the cluster, and on Alibaba Cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

from .. import identity
from ..arms import contacts, dispatch_rule
from ..inputs import Problem, require_valid
from ..kubectl import kubectl_job
from ..logs.planning import StorePlan
from ..logs.sls import index_inputs, store_inputs
from .args import Role, TenantArgs
from .planning import (
    BUDGET_PERCENT,
    NAME_LABEL,
    NOTEBOOKS,
    NamespacePlan,
    ServiceAccountPlan,
    Surroundings,
    TenantPlan,
    budget_expression,
    plan_tenant,
)
from .problems import tenants_problems
from .roles import JOBS, PEOPLE, STOPPER_RULES, Rule, job_role, people_role

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
OPERATIONS = "tenant-operations"
"""Namespace of what the platform runs for tenants."""

STOPPER = "notebook-stopper"
"""Service account, role and bindings of what stops notebooks."""

WIDEST_FIRST: Sequence[Role] = ("owner", "engineer", "automation", "viewer")
"""Each may do all that those behind it may."""

PEOPLE_KINDS = {"group": "Group", "user": "User"}


@dataclass(frozen=True)
class CloudResources:
    """What tenants need of Alibaba Cloud that only the cloud can name.

    registry_instance_id: None for no registry; log_project: None for no log stores.
    """

    cluster_id: pulumi.Input[str]
    rrsa_provider_arn: pulumi.Input[str]
    rrsa_issuer_url: pulumi.Input[str]
    kms_key_id: pulumi.Input[str] | None = None
    log_project: pulumi.Input[str] | None = None
    registry_instance_id: pulumi.Input[str] | None = None


class TenantRoles(pulumi.ComponentResource):
    """The ClusterRoles that all tenants' people and jobs are bound to, once in a cluster, and a namespace for what the
    platform runs for them.

    The roles give nothing by themselves: bindings in a tenant's namespaces do. Needs a Kubernetes provider in `opts`.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the roles. deleted_with: the cluster's resource, whose end makes their removal needless."""
        super().__init__("ack-ai-blueprint:tenancy:TenantRoles", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        roles = {people_role(role): rules for role, rules in PEOPLE.items()}
        roles |= {job_role(kind): rules for kind, rules in JOBS.items()}
        roles[STOPPER] = STOPPER_RULES
        for name, rules in roles.items():
            kubernetes.rbac.v1.ClusterRole(
                f"{resource_name}-{name}", metadata={"name": name, "labels": MANAGED}, rules=_rules(rules), opts=child
            )
        namespace = kubernetes.core.v1.Namespace(
            f"{resource_name}-{OPERATIONS}",
            metadata={
                "name": OPERATIONS,
                "labels": {**MANAGED, "pod-security.kubernetes.io/enforce": "restricted"},
            },
            opts=child,
        )
        kubernetes.core.v1.ServiceAccount(
            f"{resource_name}-{STOPPER}",
            metadata={"name": STOPPER, "namespace": OPERATIONS, "labels": MANAGED},
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[namespace])),
        )
        self.register_outputs({})


class TenantMembers(pulumi.ComponentResource):
    """What people may do in tenants' namespaces on ACK: one permission resource for each RAM user or role.

    ACK's permission resource holds all that one RAM identity may do in all clusters and overwrites the rest, so who is
    a member of two tenants has one resource, and nobody who administers the cluster may be a member. RBAC is the second
    of two layers: the identity also needs the RAM permission to get the cluster's kubeconfig. Sources: facts on
    cs.KubernetesPermission; alibabacloud.com/help/en/ack/af4889, 2026-03-26.
    """

    def __init__(
        self,
        resource_name: str,
        tenants: Sequence["Tenant"],
        *,
        cluster_id: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the permissions of all members of all tenants. Let it depend on `TenantRoles`."""
        super().__init__("ack-ai-blueprint:tenancy:TenantMembers", resource_name, None, opts)
        spaces = {name: space for tenant in tenants for name, space in tenant.namespaces.items()}
        for person, bindings in permissions([tenant.plan for tenant in tenants]).items():
            kind, _, uid = person.partition("/")
            alicloud.cs.KubernetesPermission(
                f"{resource_name}-{kind}-{uid}",
                uid=uid,
                permissions=[
                    {
                        "cluster": cluster_id,
                        "role_type": "namespace",
                        "role_name": people_role(role),
                        "namespace": namespace,
                        "is_custom": True,
                        "is_ram_role": kind == "ram-role",
                    }
                    for namespace, role in bindings
                ],
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[spaces[namespace] for namespace, _ in bindings if namespace in spaces],
                ),
            )
        self.register_outputs({})


def permissions(plans: Sequence[TenantPlan]) -> Mapping[str, Sequence[tuple[str, Role]]]:
    """Namespaces and roles of every RAM user and role, by its form as a member: the widest role of each."""
    result: dict[str, dict[str, Role]] = {}
    for plan in plans:
        for role in WIDEST_FIRST:
            for person in plan.people[role]:
                spaces = result.setdefault(person, {})
                for namespace in plan.namespaces:
                    spaces.setdefault(namespace.name, role)
    return {person: sorted(spaces.items()) for person, spaces in result.items()}


class Tenant(pulumi.ComponentResource):
    """One team in a cluster: namespaces with everything that guards them, identities, data access, logs and alarms.

    On Alibaba Cloud it also makes a RAM role for each service account, a log store, a namespace in the registry and the
    alarms of its budget. Its people's permissions come from `TenantMembers` there, since ACK has one for each person;
    elsewhere it binds groups and users itself. `TenantRoles` comes first, once in a cluster.

    What guards a namespace is as long-lived as the namespace: with `removal: keep`, access ends with the tenant, and
    namespaces, quotas, limits, network and admission policies, logs and images stay as they are.

    Example:

        Tenant("tenant-vision", "vision", TenantArgs(owners=["group/vision"], cost_center="cv-1"),
               around=Surroundings(flavor="upstream", name="acme-dev"))
    """

    plan: TenantPlan
    """The decisions behind the resources."""

    namespaces: Mapping[str, pulumi.Resource]
    """The namespaces' resources by name; empty while nothing reaches the cluster."""

    role_ids: Mapping[str, pulumi.Output[str]]
    """Ids of the RAM roles as `<namespace>-<kind>`, for throttling."""

    def __init__(
        self,
        resource_name: str,
        name: str,
        args: TenantArgs,
        *,
        around: Surroundings,
        cloud: CloudResources | None = None,
        log_store: StorePlan | None = None,
        in_cluster: bool = True,
        namespace_aliases: Mapping[str, Sequence[pulumi.Alias]] | None = None,
        tags: Mapping[str, str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register a tenant.

        name: the tenant's; around: what it shares a cluster with; cloud: required with flavor `ack`; log_store:
        more about its log store than how long logs are kept, as `components.logs` plans it; in_cluster: False makes the
        cloud side alone, as long as nothing reaches the cluster; namespace_aliases: what namespaces were known as to
        Pulumi before; tags: of cloud resources, besides the tenant's own; deleted_with: the cluster's
        resource, whose end makes the removal of what lies in it needless. Raises `InvalidInput` with all problems
        before anything is registered. Relations to other tenants are checked where all are known: `tenants_problems`.
        """
        # Parents and readers are other tenants, which a program with this one alone does not have.
        alone = args.model_copy(update={"parent": None, "prefixes": _without_readers(args)})
        problems = tenants_problems({name: alone}, around)
        if around.flavor == "ack" and cloud is None:
            problems.append(Problem("cloud", None, "missing; on ACK identities and logs need it"))
        require_valid(problems)
        self.plan = plan = plan_tenant(name, args, around)
        aliases = [pulumi.Alias(name=_renamed(resource_name, name, former)) for former in args.formerly]
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=aliases))
        super().__init__("ack-ai-blueprint:tenancy:Tenant", resource_name, None, opts)
        self._name, self._around, self._deleted_with = resource_name, around, deleted_with
        self._tags = {**(tags or {}), **plan.labels}
        self._kept = args.removal == "keep"
        self.namespaces, self.role_ids = {}, {}
        if cloud is not None:
            self._cloud(cloud, log_store, in_cluster=in_cluster)
        if in_cluster:
            aliases_of = namespace_aliases or {}
            self.namespaces = {n.name: self._namespace(n, aliases_of.get(n.name, ())) for n in plan.namespaces}
            self._admission()
        self.register_outputs({"namespaces": [namespace.name for namespace in plan.namespaces]})

    def _options(self, *first: pulumi.Resource, keep: bool = False, **more: Any) -> pulumi.ResourceOptions:
        """Options of what lies in the cluster. keep: whether it may outlive the tenant."""
        return pulumi.ResourceOptions(
            parent=self,
            depends_on=list(first),
            deleted_with=self._deleted_with,
            retain_on_delete=(keep and self._kept) or None,
            **more,
        )

    def _metadata(self, name: str, namespace: str | None = None) -> kubernetes.meta.v1.ObjectMetaArgsDict:
        """Metadata of what lies in the cluster. namespace: None for what belongs to none."""
        metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "labels": {**MANAGED, **self.plan.labels}}
        if namespace is not None:
            metadata["namespace"] = namespace
        return metadata

    def _namespace(self, plan: NamespacePlan, aliases: Sequence[pulumi.Alias]) -> pulumi.Resource:
        full, args = f"{self._name}-{plan.name}", self.plan.args
        labels = {**MANAGED, **plan.labels}
        if plan.args.existing:
            namespace: pulumi.Resource = kubernetes.core.v1.NamespacePatch(
                full,
                metadata={
                    "name": plan.name,
                    "labels": labels,
                    "annotations": {"pulumi.com/patchForce": "true"},
                },
                opts=self._options(keep=True, aliases=list(aliases)),
            )
        else:
            namespace = kubernetes.core.v1.Namespace(
                full,
                metadata={"name": plan.name, "labels": labels},
                # Deleting a namespace deletes all that runs in it.
                opts=self._options(keep=True, aliases=list(aliases)),
            )
        guard = self._options(namespace, keep=True)
        metadata = self._metadata("tenant", plan.name)
        kubernetes.core.v1.ResourceQuota(f"{full}-quota", metadata=metadata, spec={"hard": plan.quota}, opts=guard)
        defaults = {"cpu": f"{args.pod_defaults.vcpu:g}", "memory": f"{int(args.pod_defaults.memory_gib * 1024)}Mi"}
        kubernetes.core.v1.LimitRange(
            f"{full}-limits",
            metadata=metadata,
            # Without limits: who states a larger request and no limit would be refused for being above it.
            spec={"limits": [{"type": "Container", "default_request": defaults}]},
            opts=guard,
        )
        kubernetes.networking.v1.NetworkPolicy(
            f"{full}-network", metadata=metadata, spec=_spec(plan.network_policy), opts=guard
        )
        for account in plan.service_accounts:
            self._account(full, account, namespace)
        if self._around.flavor == "upstream":
            self._bindings(full, plan.name, namespace)
        if args.home is not None:
            kubernetes.core.v1.PersistentVolumeClaim(
                f"{full}-home",
                metadata=self._metadata("home", plan.name),
                spec={
                    "access_modes": ["ReadWriteMany"],
                    "storage_class_name": args.home.storage_class,
                    "resources": {"requests": {"storage": f"{args.home.size_gib}Gi"}},
                },
                opts=guard,
            )
        if args.working_hours is not None and "notebook" in plan.args.jobs:
            self._stopper(full, plan.name, args.working_hours.end, namespace)
        return namespace

    def _account(self, full: str, account: ServiceAccountPlan, namespace: pulumi.Resource) -> None:
        annotations = {"pod-identity.alibabacloud.com/role-name": account.role_name} if account.role_name else None
        metadata = self._metadata(account.name, account.namespace)
        kubernetes.core.v1.ServiceAccount(
            f"{full}-{account.name}",
            metadata={**metadata, "annotations": annotations},
            opts=self._options(namespace),
        )
        if account.name in JOBS:
            kubernetes.rbac.v1.RoleBinding(
                f"{full}-{account.name}",
                metadata=self._metadata(job_role(account.name), account.namespace),
                role_ref=_cluster_role(job_role(account.name)),
                subjects=[{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
                opts=self._options(namespace),
            )

    def _bindings(self, full: str, space: str, namespace: pulumi.Resource) -> None:
        for role, people in self.plan.people.items():
            if not people:
                continue
            parts = [person.partition("/") for person in people]
            kubernetes.rbac.v1.RoleBinding(
                f"{full}-{role}",
                metadata=self._metadata(people_role(role), space),
                role_ref=_cluster_role(people_role(role)),
                subjects=[
                    {"kind": PEOPLE_KINDS[kind], "name": name, "api_group": "rbac.authorization.k8s.io"}
                    for kind, _, name in parts
                ],
                opts=self._options(namespace),
            )

    def _stopper(self, full: str, space: str, end: str, namespace: pulumi.Resource) -> None:
        kubernetes.rbac.v1.RoleBinding(
            f"{full}-stopper",
            metadata=self._metadata(STOPPER, space),
            role_ref=_cluster_role(STOPPER),
            subjects=[{"kind": "ServiceAccount", "name": STOPPER, "namespace": OPERATIONS}],
            opts=self._options(namespace),
        )
        hour, minute = map(int, end.split(":"))
        selector = ",".join(f"{key}={value}" for key, value in NOTEBOOKS.items())
        arguments = ["scale", "deployments,statefulsets", f"--namespace={space}", f"--selector={selector}"]
        arguments.append("--replicas=0")
        kubernetes.batch.v1.CronJob(
            f"{full}-stopper",
            # In a namespace of the platform's: a quota that notebooks fill would leave no room for what stops them.
            metadata=self._metadata(f"stop-{space}"[:52], OPERATIONS),
            spec={
                "schedule": f"{minute} {hour} * * *",
                "time_zone": self._around.timezone,
                "concurrency_policy": "Forbid",
                "starting_deadline_seconds": 3600,
                "job_template": {"spec": kubectl_job(self._around.kubectl_image or "", STOPPER, arguments)},
            },
            opts=self._options(),
        )

    def _admission(self) -> None:
        name = f"tenant-{self.plan.id}"
        spaces = sorted(namespace.name for namespace in self.plan.namespaces)
        metadata = self._metadata(name)
        policy = kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{self._name}-admission", metadata=metadata, spec=_spec(self.plan.admission), opts=self._options(keep=True)
        )
        kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{self._name}-admission",
            metadata=metadata,
            spec={
                "policy_name": name,
                "validation_actions": ["Deny"],
                "match_resources": {
                    "namespace_selector": {
                        "match_expressions": [{"key": NAME_LABEL, "operator": "In", "values": spaces}]
                    }
                },
            },
            opts=self._options(policy, keep=True),
        )

    def _cloud(self, cloud: CloudResources, log_store: StorePlan | None, *, in_cluster: bool) -> None:
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=self._kept or None)
        self.role_ids = {
            f"{account.namespace}-{account.name}": self._role(account, cloud, child) for account in self.plan.accounts
        }
        if cloud.log_project is not None and self.plan.log_store:
            plan = log_store or StorePlan(
                self.plan.log_store, "business", self.plan.name, self.plan.args.logs.retention_days
            )
            store_args, index_args = store_inputs(plan), index_inputs(plan)
            store = alicloud.log.Store(f"{self._name}-logs", project_name=cloud.log_project, **store_args, opts=kept)
            alicloud.log.StoreIndex(
                f"{self._name}-logs",
                project=cloud.log_project,
                logstore=store.logstore_name.apply(lambda name: name or plan.name),
                **index_args,
                opts=kept,
            )
        if cloud.registry_instance_id is not None:
            alicloud.cs.RegistryEnterpriseNamespace(
                f"{self._name}-images",
                instance_id=cloud.registry_instance_id,
                name=self.plan.registry_namespace,
                auto_create=True,
                default_visibility="PRIVATE",
                opts=kept,
            )
        if self.plan.args.budget and in_cluster:
            self._budget(cloud.cluster_id, child)

    def _role(
        self, account: ServiceAccountPlan, cloud: CloudResources, opts: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        full = f"{self._name}-{account.namespace}-{account.name}"
        role = alicloud.ram.Role(
            full,
            role_name=account.role_name,
            description=f"{account.name} jobs of {self.plan.name} in {account.namespace}",
            assume_role_policy_document=pulumi.Output.all(cloud.rrsa_provider_arn, cloud.rrsa_issuer_url).apply(
                lambda known: identity.trust_policy(known[0], known[1], account.subject)
            ),
            tags=self._tags,
            opts=opts,
        )
        policy = alicloud.ram.Policy(
            full,
            policy_name=account.role_name,
            description=f"Data and logs of {self.plan.name}",
            policy_document=pulumi.Output.all(cloud.kms_key_id, cloud.registry_instance_id).apply(
                lambda known: identity.document(
                    [*account.statements, *_late_statements(self.plan, account, known[0], known[1])]
                )
            ),
            rotate_strategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
            opts=opts,
        )
        alicloud.ram.RolePolicyAttachment(
            full,
            role_name=role.role_name,
            policy_name=policy.policy_name,
            policy_type="Custom",
            opts=opts,
        )
        return role.role_id

    def _budget(self, cluster_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        args, prefix = self.plan.args, f"tenant-{self.plan.id}"
        told = args.notifications
        found = contacts(f"{self._name}-contact", prefix, opts, mail=told.mail, dingtalk=told.dingtalk)
        name = f"{self._around.name}-{prefix}"
        group = alicloud.arms.AlertContactGroup(
            f"{self._name}-contacts",
            alert_contact_group_name=name,
            contact_ids=[contact.resource.id for contact in found],
            opts=opts,
        )
        route = dispatch_rule(
            f"{self._name}-route",
            name,
            f"{prefix}-.*",
            [{"notify_object_id": group.id, "notify_type": "ARMS_CONTACT_GROUP", "name": name}],
            [channel for channel in ("mail", "dingtalk") if getattr(told, channel)],
            opts,
        )
        spaces = ", ".join(namespace.name for namespace in self.plan.namespaces)
        for currency, amount in args.budget.items():
            for percent in BUDGET_PERCENT:
                alicloud.arms.PrometheusAlertRule(
                    f"{self._name}-budget-{currency.lower()}-{percent}",
                    cluster_id=cluster_id,
                    prometheus_alert_rule_name=f"{prefix}-budget-{currency.lower()}-{percent}",
                    expression=budget_expression(self.plan, self._around.prices[currency], amount * percent / 100),
                    duration="60",
                    message=f"Pods in {spaces} cost {percent} % of {currency} {amount:,.0f} in 30 days",
                    labels=[{"name": key, "value": value} for key, value in self.plan.labels.items()],
                    notify_type="DISPATCH_RULE",
                    dispatch_rule_id=route.id,
                    opts=opts,
                )


def _late_statements(
    plan: TenantPlan, account: ServiceAccountPlan, key_id: str | None, registry_id: str | None
) -> list[Mapping[str, Any]]:
    """What a role may do with a key and a registry, whose ids are known once they are there.

    Source of the registry's: alibabacloud.com/help/en/doc-detail/144229.htm, 2024-02-28.
    """
    statements: list[Mapping[str, Any]] = []
    if key_id and account.statements:
        statements.append(identity.key_statement(key_id, write=account.name != "inference"))
    if registry_id and account.name == "workflow":
        images = f"acs:cr:*:*:repository/{registry_id}/{plan.registry_namespace}/*"
        statements += [
            {"Effect": "Allow", "Action": ["cr:GetAuthorizationToken"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["cr:PullRepository", "cr:PushRepository"], "Resource": [images]},
        ]
    return statements


def _spec(plan: Mapping[str, Any]) -> Any:
    """A spec as Kubernetes writes it, for which the SDK has types of its own."""
    return dict(plan)


def _without_readers(args: TenantArgs) -> dict[str, Any]:
    return {name: prefix.model_copy(update={"readers": ()}) for name, prefix in args.prefixes.items()}


def _renamed(resource_name: str, name: str, former: str) -> str:
    """What a tenant's component was called under a former name."""
    return resource_name.removesuffix(name) + former if resource_name.endswith(name) else former


def _cluster_role(name: str) -> kubernetes.rbac.v1.RoleRefArgsDict:
    return {"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}


def _rules(rules: Sequence[Rule]) -> list[kubernetes.rbac.v1.PolicyRuleArgsDict]:
    return [
        {"api_groups": [rule.group], "resources": list(rule.resources), "verbs": list(rule.verbs)} for rule in rules
    ]
