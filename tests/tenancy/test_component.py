"""The resources of tenants: guarded namespaces, roles without wildcards, identities without keys."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import kubernetes_validate
import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
import pytest

from components import catalog
from components.alarms import NotificationArgs
from components.inputs import InvalidInput
from components.job_classes import PodShape
from components.logs import StorePlan
from components.storage import BucketArgs
from components.tenancy import (
    CloudResources,
    Connection,
    JobLimits,
    PodPrices,
    Promise,
    Surroundings,
    Tenant,
    TenantArgs,
    TenantDataset,
    TenantHome,
    TenantLogs,
    TenantMembers,
    TenantNamespace,
    TenantPrefix,
    TenantResources,
    TenantRoles,
    WorkingHours,
    plan_tenant,
)
from components.tenancy.roles import JOBS, PEOPLE, Rule
from stacks.preview.recording import Recorded, Recording
from support import named, only, recorded

NAMESPACE = "kubernetes:core/v1:Namespace"
PATCH = "kubernetes:core/v1:NamespacePatch"
QUOTA = "kubernetes:core/v1:ResourceQuota"
LIMITS = "kubernetes:core/v1:LimitRange"
NETWORK = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CRON_JOB = "kubernetes:batch/v1:CronJob"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding"
ADMISSION = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
ADMISSION_BINDING = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding"
ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
ATTACHMENT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"
STORE = "alicloud:log/store:Store"
INDEX = "alicloud:log/storeIndex:StoreIndex"
IMAGES = "alicloud:cs/registryEnterpriseNamespace:RegistryEnterpriseNamespace"
RULE = "alicloud:arms/prometheusAlertRule:PrometheusAlertRule"
PERMISSION = "alicloud:cs/kubernetesPermission:KubernetesPermission"

AROUND = Surroundings(
    flavor="ack",
    name="acme-test",
    buckets={"raw": "acme-test-raw", "vision-scratch": "acme-test-vision-scratch"},
    groups={"vision": ["ram-user/11", "ram-user/12"]},
    images=["registry.example.com/"],
    open_to=["arms-prom"],
    api_server_cidrs=["10.0.1.0/24"],
    log_project="acme-test-logs",
    registry=True,
    registry_domain="images.example.com",
    kubectl_image="registry.example.com/kubectl:1",
    timezone="Asia/Singapore",
    storage_classes=["homes"],
    gpu_models=["A10"],
    systems=["logs", "pod-identity", "prometheus"],
    prices={"CNY": PodPrices(0.06, 0.03, {"A10": 30.0})},
)
UPSTREAM = Surroundings(
    flavor="upstream",
    name="acme-local",
    images=["ghcr.io/"],
    api_server_cidrs=["172.16.0.0/12"],
    kubectl_image="registry.example.com/kubectl:1",
)
VISION = TenantArgs(
    owners=["ram-user/1"],
    engineers=["group/vision"],
    automation=["ram-role/2"],
    cost_center="cv-1",
    namespaces={
        "vision": TenantNamespace(jobs=["ray", "workflow", "inference"], share=75),
        "lab": TenantNamespace(jobs=["notebook"], pod_security="restricted"),
    },
    resources=TenantResources(vcpu=Promise(guaranteed=8, maximum=16), gpus={"A10": Promise(maximum=4)}, pods=40),
    pod_defaults=PodShape(vcpu=0.25, memory_gib=0.5),
    largest_job=JobLimits(pods=8, hours=24),
    egress={"packages": Connection(cidrs=["151.101.0.0/16"], ports=[443])},
    prefixes={"own": TenantPrefix(bucket="raw")},
    datasets={"public": TenantDataset(bucket="raw", prefix="public/")},
    buckets={"scratch": BucketArgs()},
    home=TenantHome(storage_class="homes", size_gib=50),
    logs=TenantLogs(retention_days=14),
    notifications=NotificationArgs(mail=["vision@example.com"], dingtalk=["https://oapi.dingtalk.com/robot/send?a=1"]),
    working_hours=WorkingHours(end="20:30"),
    budget={"CNY": 2000},
)
LOCAL = TenantArgs(
    owners=["group/vision-leads", "user/ada@example.com"],
    engineers=["group/vision"],
    cost_center="cv-1",
    namespaces={"vision": TenantNamespace(jobs=["ray", "notebook"])},
    working_hours=WorkingHours(),
)


def _changed(args: TenantArgs = VISION, **values: Any) -> TenantArgs:
    return args.model_copy(update=values)


def _cloud(**values: Any) -> CloudResources:
    given: dict[str, Any] = {
        "cluster_id": "c1",
        "rrsa_provider_arn": "acs:ram::1:oidc-provider/ack-rrsa-c1",
        "rrsa_issuer_url": "https://oidc.example.com/c1",
        "kms_key_id": "key-1",
        "log_project": "acme-test-logs",
        "registry_instance_id": "cri-1",
        **values,
    }
    return CloudResources(**given)


def _opts() -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[kubernetes.Provider("kubernetes", kubeconfig="{}")])


def _tenant(args: TenantArgs = VISION, around: Surroundings = AROUND, **further: Any) -> Recording:
    values: dict[str, Any] = {"cloud": _cloud()} if around.flavor == "ack" else {}
    values |= further
    return recorded(lambda: Tenant("tenant-vision", "vision", args, around=around, opts=_opts(), **values))


def _with_cluster(args: TenantArgs = VISION) -> Recording:
    def program() -> None:
        cluster = alicloud.vpc.Network("cluster")
        Tenant("tenant-vision", "vision", args, around=AROUND, cloud=_cloud(), deleted_with=cluster, opts=_opts())

    return recorded(program)


def _of(recording: Recording, type_token: str) -> list[Recorded]:
    return [resource for resource in recording.resources if resource.type == type_token]


def _made(recording: Recording) -> list[Recorded]:
    return [resource for resource in recording.resources if resource.custom and "pulumi:providers" not in resource.type]


def _metadata(resource: Recorded) -> dict[str, Any]:
    return dict(resource.inputs["metadata"])


def _statements(recording: Recording, kind: str, key: str = "policyDocument") -> list[dict[str, Any]]:
    space = "lab" if kind == "notebook" else "vision"
    type_token = ROLE if key == "assumeRolePolicyDocument" else POLICY
    (found,) = (r for r in _of(recording, type_token) if r.name == f"tenant-vision-{space}-{kind}")
    return list(json.loads(found.inputs[key])["Statement"])


# What lies in the cluster.


def test_kubernetes_knows_every_field() -> None:
    version = ".".join(catalog.kubernetes_versions().default.split(".")[:2])
    builtin: list[Recorded] = []
    for recording in (_tenant(), _tenant(LOCAL, UPSTREAM), recorded(lambda: TenantRoles("roles", opts=_opts()))):
        builtin += [r for r in _made(recording) if r.type.startswith("kubernetes:")]
    kinds = {resource.inputs["kind"] for resource in builtin}
    assert kinds == {
        *("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "PersistentVolumeClaim"),
        *("CronJob", "ClusterRole", "RoleBinding"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
    for resource in builtin:
        kubernetes_validate.validate(dict(resource.inputs), version, strict=True)


def test_every_namespace_is_guarded() -> None:
    recording = _tenant()
    plan = plan_tenant("vision", VISION, AROUND)
    for space in plan.namespaces:
        namespace = named(recording, f"tenant-vision-{space.name}")
        assert _metadata(namespace) == {
            "name": space.name,
            "labels": {"app.kubernetes.io/managed-by": "pulumi", **space.labels},
        }
        for suffix, type_token in (("quota", QUOTA), ("limits", LIMITS), ("network", NETWORK)):
            guard = named(recording, f"tenant-vision-{space.name}-{suffix}")
            assert guard.type == type_token
            assert namespace.urn in guard.dependencies
            assert (_metadata(guard)["name"], _metadata(guard)["namespace"]) == ("tenant", space.name)
            assert _metadata(guard)["labels"]["tenant"] == "vision"
        quota = named(recording, f"tenant-vision-{space.name}-quota").inputs["spec"]
        assert quota == {"hard": space.quota}
        assert named(recording, f"tenant-vision-{space.name}-network").inputs["spec"] == space.network_policy
        (limit,) = named(recording, f"tenant-vision-{space.name}-limits").inputs["spec"]["limits"]
        assert limit["defaultRequest"] == {"cpu": "0.25", "memory": "512Mi"}
    assert {_metadata(r)["labels"]["pod-security.kubernetes.io/enforce"] for r in _of(recording, NAMESPACE)} == {
        "baseline",
        "restricted",
    }


def test_admission_holds_in_the_tenants_namespaces_and_no_others() -> None:
    recording = _tenant()
    policy, binding = only(recording, ADMISSION), only(recording, ADMISSION_BINDING)
    assert policy.inputs["spec"] == plan_tenant("vision", VISION, AROUND).admission
    assert _metadata(policy)["name"] == _metadata(binding)["name"] == binding.inputs["spec"]["policyName"]
    assert binding.inputs["spec"]["validationActions"] == ["Deny"]
    assert binding.inputs["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"] == [
        {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["lab", "vision"]}
    ]
    assert policy.urn in binding.dependencies


def test_each_kind_of_job_has_an_account_bound_to_its_role() -> None:
    recording = _tenant()
    accounts = {_metadata(r)["name"]: r for r in _of(recording, ACCOUNT)}
    assert set(accounts) == {"ray", "workflow", "inference", "notebook"}
    for kind, account in accounts.items():
        annotations = _metadata(account).get("annotations") or {}
        space = _metadata(account)["namespace"]
        assert annotations == {"pod-identity.alibabacloud.com/role-name": f"acme-test-{space}-{kind}"}
    bindings = {_metadata(r)["name"]: r.inputs for r in _of(recording, BINDING)}
    assert set(bindings) == {"job-ray", "job-workflow", "job-inference", "job-notebook", "notebook-stopper"}
    assert bindings["job-ray"]["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "ClusterRole",
        "name": "job-ray",
    }
    assert bindings["job-ray"]["subjects"] == [{"kind": "ServiceAccount", "name": "ray", "namespace": "vision"}]


def test_homes_are_claims_in_every_namespace() -> None:
    claims = {_metadata(r)["namespace"]: r.inputs for r in _of(_tenant(), CLAIM)}
    assert set(claims) == {"vision", "lab"}
    for claim in claims.values():
        assert claim["metadata"]["name"] == "home"
        assert claim["spec"] == {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "homes",
            "resources": {"requests": {"storage": "50Gi"}},
        }


def test_notebooks_stop_at_the_end_of_working_hours() -> None:
    recording = _tenant()
    job = only(recording, CRON_JOB)
    spec = job.inputs["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == (
        "30 20 * * *",
        "Asia/Singapore",
        "Forbid",
    )
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == "notebook-stopper"
    (container,) = pod["containers"]
    assert container["image"] == "registry.example.com/kubectl:1"
    selector = "--selector=app.kubernetes.io/component=notebook"
    assert container["args"] == ["scale", "deployments,statefulsets", "--namespace=lab", selector, "--replicas=0"]
    # From where no tenant's quota holds, into the one namespace where notebooks run.
    assert _metadata(job)["namespace"] == "tenant-operations"
    (binding,) = [r for r in _of(recording, BINDING) if _metadata(r)["name"] == "notebook-stopper"]
    assert _metadata(binding)["namespace"] == "lab"
    assert binding.inputs["subjects"] == [
        {"kind": "ServiceAccount", "name": "notebook-stopper", "namespace": "tenant-operations"}
    ]


def test_what_stops_notebooks_may_scale_and_nothing_else() -> None:
    recording = recorded(lambda: TenantRoles("roles", opts=_opts()))
    account, space = only(recording, ACCOUNT), only(recording, NAMESPACE)
    assert _metadata(account)["namespace"] == _metadata(space)["name"] == "tenant-operations"
    assert space.urn in account.dependencies
    assert [(rule["resources"], rule["verbs"]) for rule in _roles()["notebook-stopper"]] == [
        (["deployments", "statefulsets"], ["get", "list"]),
        (["deployments/scale", "statefulsets/scale"], ["get", "patch", "update"]),
    ]


def test_without_working_hours_nothing_stops() -> None:
    recording = _tenant(_changed(working_hours=None))
    assert not _of(recording, CRON_JOB)
    assert "notebook-stopper" not in {_metadata(r)["name"] for r in _of(recording, BINDING)}


def test_an_existing_namespace_is_labelled_and_not_made() -> None:
    recording = _tenant(_changed(namespaces={"vision": TenantNamespace(jobs=["notebook"], existing=True)}))
    patch = only(recording, PATCH)
    assert not _of(recording, NAMESPACE)
    assert _metadata(patch)["name"] == "vision"
    assert _metadata(patch)["labels"]["tenant"] == "vision"
    assert _metadata(patch)["annotations"] == {"pulumi.com/patchForce": "true"}
    for type_token in (QUOTA, LIMITS, NETWORK):
        assert patch.urn in only(recording, type_token).dependencies


# Upstream, and the cloud side alone.


def test_upstream_binds_people_and_makes_nothing_in_a_cloud() -> None:
    recording = _tenant(LOCAL, UPSTREAM)
    assert not [r for r in _made(recording) if r.type.startswith("alicloud:")]
    bindings = {_metadata(r)["name"]: r.inputs for r in _of(recording, BINDING)}
    assert set(bindings) == {"tenant-owner", "tenant-engineer", "job-ray", "job-notebook", "notebook-stopper"}
    api = "rbac.authorization.k8s.io"
    assert bindings["tenant-owner"]["subjects"] == [
        {"kind": "Group", "name": "vision-leads", "apiGroup": api},
        {"kind": "User", "name": "ada@example.com", "apiGroup": api},
    ]
    assert bindings["tenant-engineer"]["subjects"] == [{"kind": "Group", "name": "vision", "apiGroup": api}]
    assert bindings["tenant-owner"]["roleRef"] == {"apiGroup": api, "kind": "ClusterRole", "name": "tenant-owner"}
    assert {binding["metadata"]["namespace"] for binding in bindings.values()} == {"vision"}
    assert all(not (_metadata(account).get("annotations")) for account in _of(recording, ACCOUNT))


def test_without_the_api_server_there_is_the_cloud_side_alone() -> None:
    recording = _tenant(in_cluster=False)
    assert {r.type for r in _made(recording)} == {ROLE, POLICY, ATTACHMENT, STORE, INDEX, IMAGES}
    assert len(_of(recording, ROLE)) == 4


def test_on_ack_people_are_not_bound_by_a_tenant() -> None:
    assert not [r for r in _of(_tenant(), BINDING) if _metadata(r)["name"].startswith("tenant-")]


# Identities and data.


def test_a_role_is_for_one_service_account_of_one_cluster() -> None:
    recording = _tenant()
    for kind in ("ray", "workflow", "inference", "notebook"):
        space = "lab" if kind == "notebook" else "vision"
        assert _statements(recording, kind, "assumeRolePolicyDocument") == [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Federated": ["acs:ram::1:oidc-provider/ack-rrsa-c1"]},
                "Condition": {
                    "StringEquals": {
                        "oidc:aud": "sts.aliyuncs.com",
                        "oidc:iss": "https://oidc.example.com/c1",
                        "oidc:sub": f"system:serviceaccount:{space}:{kind}",
                    }
                },
            }
        ]
    assert {r.inputs["roleName"] for r in _of(recording, ROLE)} == {
        *("acme-test-vision-ray", "acme-test-vision-workflow", "acme-test-vision-inference", "acme-test-lab-notebook")
    }
    for attachment in _of(recording, ATTACHMENT):
        assert attachment.inputs["roleName"] == attachment.inputs["policyName"]
        assert attachment.inputs["policyType"] == "Custom"
    assert len(_of(recording, ATTACHMENT)) == 4


def test_a_policy_is_the_plans_with_key_and_registry() -> None:
    recording = _tenant()
    planned = {account.name: list(account.statements) for account in plan_tenant("vision", VISION, AROUND).accounts}

    def key(*actions: str) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": list(actions), "Resource": ["acs:kms:*:*:key/key-1"]}

    writing = key("kms:Decrypt", "kms:GenerateDataKey")
    assert _statements(recording, "ray") == [*planned["ray"], writing]
    assert _statements(recording, "inference") == [*planned["inference"], key("kms:Decrypt")]
    assert _statements(recording, "workflow") == [
        *planned["workflow"],
        writing,
        {"Effect": "Allow", "Action": ["cr:GetAuthorizationToken"], "Resource": ["*"]},
        {
            "Effect": "Allow",
            "Action": ["cr:PullRepository", "cr:PushRepository"],
            "Resource": ["acs:cr:*:*:repository/cri-1/vision/*"],
        },
    ]


def test_without_key_and_registry_a_policy_is_the_plans() -> None:
    around = replace(AROUND, registry=False, registry_domain="")
    recording = _tenant(around=around, cloud=_cloud(kms_key_id=None, registry_instance_id=None))
    planned = {account.name: list(account.statements) for account in plan_tenant("vision", VISION, around).accounts}
    assert _statements(recording, "workflow") == planned["workflow"]
    assert not _of(recording, IMAGES)


def test_there_are_no_keys() -> None:
    contacts = "alicloud:arms/alertContact:AlertContact"
    made = [r for r in (*_tenant().resources, *_members().resources) if r.type != contacts]
    text = json.dumps([[r.type, r.inputs] for r in made]).lower()
    for word in ("accesskey", "access_key", "secretkey", "akid", "password", "core/v1:secret", "[secret]"):
        assert word not in text


def test_the_roles_ids_are_known_by_namespace_and_kind() -> None:
    names: list[str] = []

    def program() -> None:
        tenant = Tenant("tenant-vision", "vision", VISION, around=AROUND, cloud=_cloud(), opts=_opts())
        names.extend(tenant.role_ids)

    recorded(program)
    assert sorted(names) == ["lab-notebook", "vision-inference", "vision-ray", "vision-workflow"]


def test_logs_and_images() -> None:
    recording = _tenant()
    store, images = only(recording, STORE), only(recording, IMAGES)
    assert {key: store.inputs[key] for key in ("projectName", "logstoreName", "retentionPeriod")} == {
        "projectName": "acme-test-logs",
        "logstoreName": "tenant-vision",
        "retentionPeriod": 14,
    }
    assert only(recording, INDEX).inputs["logstore"] == "tenant-vision"
    assert images.inputs["name"] == "vision"
    assert (images.inputs["defaultVisibility"], images.inputs["instanceId"]) == ("PRIVATE", "cri-1")


def test_a_planned_log_store_has_tiers_and_fields() -> None:
    plan = StorePlan("tenant-vision", "business", "vision", 14, 7, {"level": "text", "context": "json"})
    recording = _tenant(log_store=plan)
    assert (only(recording, STORE).name, only(recording, STORE).inputs["hotTtl"]) == ("tenant-vision-logs", 7)
    fields = only(recording, INDEX).inputs["fieldSearches"]
    assert [(field["name"], field["type"]) for field in fields] == [("level", "text"), ("context", "json")]


def test_a_tenant_alone_collects_nothing() -> None:
    assert not [r for r in _tenant().resources if "Pipeline" in r.type]


# Budgets.


def test_a_budget_is_told_at_three_steps() -> None:
    recording = _tenant()
    rules = _of(recording, RULE)
    names = [rule.inputs["prometheusAlertRuleName"] for rule in rules]
    assert names == [f"tenant-vision-budget-cny-{percent}" for percent in (50, 80, 100)]
    assert [rule.inputs["expression"].rpartition(" > ")[2] for rule in rules] == ["1000", "1600", "2000"]
    for rule, percent in zip(rules, (50, 80, 100), strict=True):
        assert f"{percent} % of CNY 2,000" in rule.inputs["message"]
        assert rule.inputs["clusterId"] == "c1"
        assert rule.inputs["notifyType"] == "DISPATCH_RULE"
        labels = {label["name"]: label["value"] for label in rule.inputs["labels"]}
        assert labels == {"tenant": "vision", "cost-center": "cv-1"}
    contacts = _of(recording, "alicloud:arms/alertContact:AlertContact")
    # Whoever has the address of a robot may write to its group.
    told = {c.inputs.get("email") or c.inputs["dingRobotWebhookUrl"] for c in contacts}
    assert told == {"vision@example.com", "[secret]"}
    route = only(recording, "alicloud:arms/dispatchRule:DispatchRule")
    assert route.inputs["notifyRules"][0]["notifyChannels"] == ["email", "dingTalk"]
    (expression,) = route.inputs["labelMatchExpressionGrids"][0]["labelMatchExpressionGroups"][0][
        "labelMatchExpressions"
    ]
    assert expression == {"key": "_aliyun_arms_alert_name", "operator": "re", "value": "tenant-vision-.*"}


def test_without_a_budget_nobody_is_told() -> None:
    assert not [r for r in _made(_tenant(_changed(budget={}))) if r.type.startswith("alicloud:arms")]


# What stays and what goes.

GUARDS = {NAMESPACE, QUOTA, LIMITS, NETWORK, ADMISSION, ADMISSION_BINDING, CLAIM, STORE, INDEX, IMAGES}
ACCESS = {ACCOUNT, BINDING, CRON_JOB, ROLE, POLICY, ATTACHMENT, RULE}


def test_access_ends_with_the_tenant_and_what_guards_its_data_stays() -> None:
    kept = {r.type: r.options.retain_on_delete for r in _made(_tenant())}
    assert {type_token for type_token, retained in kept.items() if retained} == GUARDS
    assert {type_token for type_token, retained in kept.items() if not retained} >= ACCESS


def test_with_removal_delete_nothing_stays() -> None:
    recording = _tenant(_changed(removal="delete"))
    assert {r.type for r in _made(recording)} >= GUARDS
    assert not any(r.options.retain_on_delete for r in recording.resources)


def test_what_lies_in_the_cluster_goes_with_it() -> None:
    recording = _with_cluster()
    cluster = named(recording, "cluster").urn
    made = [r for r in _made(recording) if r.name != "cluster"]
    inside = {r.options.deleted_with for r in made if r.type.startswith("kubernetes:")}
    outside = {r.options.deleted_with for r in made if r.type.startswith("alicloud:ram")}
    assert (inside, outside) == ({cluster}, {""})


def test_nothing_comes_before_its_namespace() -> None:
    recording = _tenant()
    spaces = {_metadata(r)["name"]: r.urn for r in _of(recording, NAMESPACE)}
    inside = [r for r in _made(recording) if "namespace" in r.inputs.get("metadata", {})]
    assert {QUOTA, ACCOUNT, BINDING, CLAIM, LIMITS, NETWORK} <= {r.type for r in inside}
    for resource in inside:
        # The stopper waits for its account, which waits for the namespace.
        if resource.type != CRON_JOB:
            assert spaces[_metadata(resource)["namespace"]] in resource.dependencies


def test_a_renamed_tenant_is_known_by_its_former_names() -> None:
    around = replace(AROUND, buckets={**AROUND.buckets, "sight-scratch": "acme-test-sight-scratch"})
    recording = _tenant(_changed(formerly=["sight", "eyes"]), around)
    component = named(recording, "tenant-vision")
    assert component.options.aliases == ("tenant-sight", "tenant-eyes")
    assert only(recording, STORE).inputs["logstoreName"] == "tenant-sight"
    assert {role.inputs["roleName"] for role in _of(recording, ROLE)} >= {"acme-test-vision-ray"}
    assert {_metadata(r)["labels"]["tenant"] for r in _of(recording, NAMESPACE)} == {"vision"}


def test_a_namespace_is_known_by_what_made_it_before() -> None:
    alias = pulumi.Alias(name="job-classes-vision", parent="urn:pulumi:test::project::old::job-classes")
    recording = _tenant(namespace_aliases={"vision": [alias]})
    assert "job-classes-vision" in named(recording, "tenant-vision-vision").options.aliases
    assert named(recording, "tenant-vision-lab").options.aliases == ()


def test_cloud_resources_have_the_tenants_tags() -> None:
    for role in _of(_tenant(tags={"environment": "test", "tenant": "other"}), ROLE):
        assert role.inputs["tags"] == {"environment": "test", "tenant": "vision", "cost-center": "cv-1"}


@pytest.mark.parametrize(
    ("args", "around", "message"),
    [
        (_changed(namespaces={"kube-system": TenantNamespace()}), AROUND, r"vision\.namespaces\.kube-system"),
        (_changed(owners=["user/ada"]), AROUND, r"vision\.owners\[0\] = 'user/ada'"),
        (_changed(notifications=NotificationArgs()), AROUND, "tells nobody"),
        (_changed(home=TenantHome(storage_class="none")), AROUND, r"home\.storageClass"),
        (_changed(), AROUND, "cloud = None: missing"),
        (_changed(LOCAL, owners=["ram-user/1"]), UPSTREAM, "RAM is Alibaba Cloud's"),
        (_changed(LOCAL, home=TenantHome(storage_class="homes")), UPSTREAM, "has no effect with flavor: upstream"),
    ],
)
def test_bad_input_registers_nothing(args: TenantArgs, around: Surroundings, message: str) -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=message):
            Tenant("tenant-vision", "vision", args, around=around)

    assert recorded(program).resources == []


def test_parents_and_readers_need_not_be_known() -> None:
    prefixes = {"own": TenantPrefix(bucket="raw", readers=["speech"])}
    assert _of(_tenant(_changed(parent="research", prefixes=prefixes)), NAMESPACE)


# Roles.


def _roles() -> dict[str, list[dict[str, Any]]]:
    found = _of(recorded(lambda: TenantRoles("roles", opts=_opts())), CLUSTER_ROLE)
    return {_metadata(role)["name"]: list(role.inputs["rules"]) for role in found}


def test_roles_are_of_people_and_jobs() -> None:
    roles = _roles()
    named = {f"tenant-{role}" for role in PEOPLE} | {f"job-{kind}" for kind in JOBS}
    assert set(roles) == {*named, "notebook-stopper"}
    assert set(PEOPLE) == {"owner", "engineer", "viewer", "automation"}


def test_no_role_has_a_wildcard_or_may_widen_itself() -> None:
    for rules in _roles().values():
        for rule in rules:
            for key in ("apiGroups", "resources", "verbs"):
                assert rule[key]
                assert not any("*" in value for value in rule[key])
            assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
            assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
            assert "nonResourceURLs" not in rule


def _verbs(rules: Sequence[Mapping[str, Any]], resource: str, group: str = "") -> set[str]:
    return {v for rule in rules if resource in rule["resources"] and group in rule["apiGroups"] for v in rule["verbs"]}


def test_secrets_are_read_by_owners_alone() -> None:
    touching = {name: verbs for name, rules in _roles().items() if (verbs := _verbs(rules, "secrets"))}
    assert set(touching) == {"tenant-owner", "tenant-engineer"}
    assert {"get", "list", "watch"} <= touching["tenant-owner"]
    assert not {"get", "list", "watch", "patch"} & touching["tenant-engineer"]


@pytest.mark.parametrize(
    "resource",
    ["resourcequotas", "limitranges", "networkpolicies", "serviceaccounts", "events", "serviceaccounts/token"],
)
def test_nobody_changes_what_guards_a_namespace(resource: str) -> None:
    group = "networking.k8s.io" if resource == "networkpolicies" else ""
    for rules in _roles().values():
        assert _verbs(rules, resource, group) <= {"get", "list", "watch"}


def test_only_people_who_work_in_a_namespace_open_shells() -> None:
    shells = {name for name, rules in _roles().items() if _verbs(rules, "pods/exec")}
    assert shells == {"tenant-owner", "tenant-engineer"}
    changing = {
        name for name, rules in _roles().items() for rule in rules if set(rule["verbs"]) - {"get", "list", "watch"}
    }
    assert "tenant-viewer" not in changing


def test_a_role_holds_what_the_ones_below_it_hold() -> None:
    def held(rules: Sequence[Rule]) -> set[tuple[str, str, str]]:
        return {(rule.group, resource, verb) for rule in rules for resource in rule.resources for verb in rule.verbs}

    order: Sequence[Sequence[Rule]] = [PEOPLE[role] for role in ("viewer", "automation", "engineer", "owner")]
    for below, above in pairwise(order):
        assert held(below) < held(above)


def test_roles_go_with_the_cluster() -> None:
    def program() -> None:
        TenantRoles("roles", deleted_with=alicloud.vpc.Network("cluster"), opts=_opts())

    recording = recorded(program)
    cluster = named(recording, "cluster").urn
    assert {role.options.deleted_with for role in _of(recording, CLUSTER_ROLE)} == {cluster}


# Members.

SPEECH = TenantArgs(
    owners=["ram-user/11", "ram-role/2"],
    viewers=["ram-user/1"],
    cost_center="sp-1",
    namespaces={"speech": TenantNamespace(), "speech-lab": TenantNamespace()},
)


def _members(change: Callable[[TenantArgs], TenantArgs] = lambda args: args, **values: Any) -> Recording:
    def program() -> None:
        opts = _opts()
        tenants = [
            Tenant(f"tenant-{name}", name, change(args), around=AROUND, cloud=_cloud(), opts=opts, **values)
            for name, args in (("vision", VISION), ("speech", SPEECH))
        ]
        TenantMembers("members", tenants, cluster_id="c1")

    return recorded(program)


def test_a_person_has_one_permission_resource_over_all_tenants() -> None:
    recording = _members()
    found = {r.name: r for r in _of(recording, PERMISSION)}
    assert set(found) == {
        *("members-ram-user-1", "members-ram-user-11", "members-ram-user-12", "members-ram-role-2"),
    }
    assert {name.rpartition("-")[2]: r.inputs["uid"] for name, r in found.items()} == {
        uid: uid for uid in ("1", "2", "11", "12")
    }

    def held(name: str) -> set[tuple[str, str]]:
        return {(entry["namespace"], entry["roleName"]) for entry in found[name].inputs["permissions"]}

    assert held("members-ram-user-1") == {
        *(("vision", "tenant-owner"), ("lab", "tenant-owner")),
        *(("speech", "tenant-viewer"), ("speech-lab", "tenant-viewer")),
    }
    assert held("members-ram-user-11") == {
        *(("vision", "tenant-engineer"), ("lab", "tenant-engineer")),
        *(("speech", "tenant-owner"), ("speech-lab", "tenant-owner")),
    }
    assert held("members-ram-user-12") == {("vision", "tenant-engineer"), ("lab", "tenant-engineer")}
    assert held("members-ram-role-2") == {
        *(("vision", "tenant-automation"), ("lab", "tenant-automation")),
        *(("speech", "tenant-owner"), ("speech-lab", "tenant-owner")),
    }


def test_permissions_are_for_namespaces_of_one_cluster() -> None:
    recording = _members()
    spaces = {_metadata(r)["name"]: r.urn for r in _of(recording, NAMESPACE)}
    for permission in _of(recording, PERMISSION):
        is_role = "ram-role" in permission.name
        for entry in permission.inputs["permissions"]:
            assert (entry["cluster"], entry["roleType"], entry["isCustom"]) == ("c1", "namespace", True)
            assert entry.get("isRamRole", False) == is_role
            assert spaces[entry["namespace"]] in permission.dependencies
        # They are ACK's, not the cluster's, and end before it.
        assert not permission.options.deleted_with
        assert not permission.options.retain_on_delete


def test_a_member_in_two_roles_has_the_wider() -> None:
    both = _members(lambda args: _changed(args, viewers=["ram-user/12"]))
    found = named(both, "members-ram-user-12").inputs["permissions"]
    entries = [(entry["namespace"], entry["roleName"]) for entry in found]
    assert len({space for space, _ in entries}) == len(entries)
    assert ("vision", "tenant-engineer") in entries
    assert ("speech", "tenant-viewer") in entries
