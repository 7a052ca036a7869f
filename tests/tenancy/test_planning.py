"""What a tenant is made of: names, limits, ways through the network, what is admitted, what its jobs may reach."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import celpy
import pytest
from celpy.adapter import json_to_cel
from celpy.celtypes import IntType, ListType
from celpy.evaluation import CELEvalError
from hypothesis import given
from hypothesis import strategies as st

from components.identity import object_statements
from components.kubectl import kubectl_job
from components.storage import BucketArgs, Grant
from components.tenancy import (
    Connection,
    JobLimits,
    PodPrices,
    Promise,
    Surroundings,
    TenantArgs,
    TenantDataset,
    TenantHome,
    TenantNamespace,
    TenantPlan,
    TenantPrefix,
    TenantResources,
    own_buckets,
    plan_tenant,
)
from components.tenancy.planning import (
    JOB_DEADLINES,
    JOB_SIZES,
    admission_policy,
    budget_expression,
    exceptions,
    shares,
    tenant_assets,
)

AROUND = Surroundings(
    flavor="ack",
    name="acme-test",
    buckets={"raw": "acme-test-raw", "models": "acme-test-models", "vision-scratch": "acme-test-vision-scratch"},
    groups={"vision": ["ram-user/11", "ram-user/12"]},
    images=["registry.example.com/shared/"],
    open_to=["monitoring", "arms-prom"],
    api_server_cidrs=["10.0.1.0/24"],
    api_service="172.20.0.1/32",
    dns_cidrs=["10.0.0.0/16"],
    log_project="acme-test-logs",
    registry=True,
    registry_domain="images.example.com",
    kubectl_image="registry.k8s.io/kubectl:v1.35.0",
)
UPSTREAM = Surroundings(flavor="upstream", name="acme-local", api_server_cidrs=["172.16.0.0/12"])
METADATA = "100.100.100.200/32"


def _tenant(**values: Any) -> TenantArgs:
    filled: dict[str, Any] = {"owners": ["ram-user/1"], "cost_center": "cv-1", **values}
    return TenantArgs(**filled)


def _plan(around: Surroundings = AROUND, **values: Any) -> TenantPlan:
    return plan_tenant("vision", _tenant(**values), around)


def _namespaces(*names: str, **values: Any) -> dict[str, TenantNamespace]:
    return {name: TenantNamespace(**values) for name in names}


def _amount(quantity: str) -> float:
    """A quantity of Kubernetes in vCPUs, GiB or pieces."""
    for suffix, factor in (("Gi", 1), ("Mi", 1 / 1024), ("m", 1 / 1000)):
        if quantity.endswith(suffix):
            return int(quantity.removesuffix(suffix)) * factor
    return int(quantity)


# Names, labels and people.


def test_without_namespaces_a_tenant_has_one_with_its_name() -> None:
    (space,) = _plan().namespaces
    assert space.name == "vision"
    assert space.service_accounts == []


def test_a_former_name_stays_in_the_cloud_and_the_present_one_is_shown() -> None:
    plan = _plan(formerly=["sight", "eyes"], buckets={"scratch": BucketArgs()}, prefixes={"own": _prefix("raw")})
    assert (plan.name, plan.id) == ("vision", "sight")
    assert [space.name for space in plan.namespaces] == ["sight"]
    assert (plan.registry_namespace, plan.log_store) == ("sight", "tenant-sight")
    assert plan.labels == {"tenant": "vision", "cost-center": "cv-1"}
    assert "images.example.com/sight/" in plan.images
    assert list(own_buckets("vision", plan.args, {})) == ["sight-scratch"]
    assert next(tenant_assets("vision", _plan(formerly=["sight"], prefixes={"own": _prefix("raw")}), AROUND)) == (
        "raw/sight/",
        "oss:GetObject",
        "acs:oss:*:*:acme-test-raw/sight/*",
    )


@pytest.mark.parametrize(
    ("around", "jobs", "injected"), [(AROUND, ["ray"], True), (AROUND, [], False), (UPSTREAM, ["ray"], False)]
)
def test_labels(around: Surroundings, jobs: list[str], injected: bool) -> None:
    (space,) = _plan(around, namespaces=_namespaces("a", jobs=jobs, pod_security="restricted")).namespaces
    expected = {
        "tenant": "vision",
        "cost-center": "cv-1",
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
    }
    if injected:
        expected["pod-identity.alibabacloud.com/injection"] = "on"
    assert space.labels == expected


def test_groups_are_their_members_on_ack_and_themselves_elsewhere() -> None:
    engineers = ["group/vision", "ram-user/11", "ram-role/2"]
    assert _plan(engineers=engineers).people["engineer"] == ["ram-user/11", "ram-user/12", "ram-role/2"]
    assert _plan(UPSTREAM, engineers=["group/vision", "user/ada"]).people["engineer"] == ["group/vision", "user/ada"]


def test_own_buckets_are_for_owners_and_engineers_that_are_users() -> None:
    args = _tenant(
        owners=["ram-role/9", "ram-user/1"],
        engineers=["group/vision"],
        viewers=["ram-user/7"],
        automation=["ram-user/8"],
        buckets={"scratch": BucketArgs(), "given": BucketArgs(grants={"other": Grant(principals=["5"])})},
    )
    buckets = own_buckets("vision", args, AROUND.groups)
    assert set(buckets) == {"vision-scratch", "vision-given"}
    assert buckets["vision-scratch"].grants == {"people": Grant(principals=["1", "11", "12"], access="write")}
    assert set(buckets["vision-given"].grants) == {"people", "other"}
    roles_alone = own_buckets("vision", _tenant(owners=["ram-role/9"], buckets={"scratch": BucketArgs()}), {})
    assert roles_alone["vision-scratch"].grants == {}


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (
            AROUND,
            [
                "registry.example.com/shared/",
                "registry.k8s.io/kubectl:v1.35.0",
                "ghcr.io/vision/",
                "images.example.com/vision/",
            ],
        ),
        (UPSTREAM, ["ghcr.io/vision/"]),
    ],
)
def test_images(around: Surroundings, expected: list[str]) -> None:
    assert _plan(around, images=["ghcr.io/vision/"]).images == expected


# Quotas.


def test_a_quota_names_what_a_tenant_has_none_of() -> None:
    (space,) = _plan(resources=TenantResources(vcpu=Promise(), memory_gib=Promise())).namespaces
    assert space.quota == {
        "requests.cpu": "0",
        "requests.memory": "0Gi",
        "requests.nvidia.com/gpu": "0",
        "requests.aliyun.com/gpu": "0",
        "requests.aliyun.com/gpu-mem": "0",
        "pods": "100",
        "requests.storage": "200Gi",
        "persistentvolumeclaims": "20",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def test_a_quota_is_the_namespaces_share_of_the_maxima() -> None:
    resources = TenantResources(
        vcpu=Promise(guaranteed=2, maximum=10),
        memory_gib=Promise(guaranteed=41),
        gpus={"A10": Promise(maximum=4), "A100": Promise(maximum=4)},
        gpu_memory_gib=Promise(maximum=48),
        pods=9,
    )
    spaces = {**_namespaces("large", share=75), **_namespaces("small")}
    plans = {space.name: space for space in _plan(resources=resources, namespaces=spaces).namespaces}
    large, small = plans["large"], plans["small"]
    assert large.quota == {
        "requests.cpu": "7500m",
        "requests.memory": "31488Mi",
        "requests.nvidia.com/gpu": "6",
        "requests.aliyun.com/gpu": "6",
        "requests.aliyun.com/gpu-mem": "36",
        "pods": "6",
        "requests.storage": "150Gi",
        "persistentvolumeclaims": "15",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }
    assert (small.quota["requests.cpu"], small.quota["pods"]) == ("2500m", "2")


def test_homes_and_the_platforms_volumes_have_room_and_shared_classes_no_more() -> None:
    around = replace(AROUND, storage_classes=["homes", "scratch"], claims={"vision": (2, 300)})
    args = _tenant(home=TenantHome(storage_class="homes", size_gib=50))
    (space,) = plan_tenant("vision", args, around).namespaces
    stored = {key: value for key, value in space.quota.items() if "storage" in key or "claims" in key}
    assert stored == {
        "requests.storage": "550Gi",
        "persistentvolumeclaims": "23",
        "homes.storageclass.storage.k8s.io/requests.storage": "50Gi",
        "scratch.storageclass.storage.k8s.io/requests.storage": "0",
    }


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([None], [1]),
        ([None, None], [0.5, 0.5]),
        ([60, None, None], [0.6, 0.2, 0.2]),
        ([100, None], [1, 0]),
        ([10, 20], [0.1, 0.2]),
    ],
)
def test_shares(stated: list[float | None], expected: list[float]) -> None:
    spaces = {f"n{index}": TenantNamespace(share=share) for index, share in enumerate(stated)}
    assert list(shares(spaces).values()) == pytest.approx(expected)


PROMISES = st.floats(0, 100_000).map(lambda amount: Promise(maximum=amount))
SHARES = st.lists(st.none() | st.integers(1, 100), min_size=1, max_size=6).filter(
    lambda stated: (total := sum(filter(None, stated))) < 100 or (total == 100 and None not in stated)
)


@given(
    vcpu=PROMISES,
    memory=PROMISES,
    gpus=st.integers(0, 40),
    gpu_memory=PROMISES,
    pods=st.integers(1, 50_000),
    stated=SHARES,
)
def test_the_namespaces_of_a_tenant_never_get_more_than_it_has(
    vcpu: Promise, memory: Promise, gpus: int, gpu_memory: Promise, pods: int, stated: list[int | None]
) -> None:
    # Shares of GPUs that do not come to whole ones are refused.
    gpus *= 100 * max(1, stated.count(None))
    resources = TenantResources(
        vcpu=vcpu, memory_gib=memory, gpus={"A10": Promise(maximum=gpus)}, gpu_memory_gib=gpu_memory, pods=pods
    )
    spaces = {f"n{index}": TenantNamespace(share=share) for index, share in enumerate(stated)}
    quotas = [space.quota for space in _plan(resources=resources, namespaces=spaces).namespaces]
    for key, most in (
        ("requests.cpu", vcpu.most),
        ("requests.memory", memory.most),
        ("requests.nvidia.com/gpu", gpus),
        ("requests.aliyun.com/gpu", gpus),
        ("requests.aliyun.com/gpu-mem", gpu_memory.most),
        ("pods", pods),
    ):
        amounts = [_amount(quota[key]) for quota in quotas]
        assert sum(amounts) <= most + 1e-6
        assert min(amounts) >= 0


def test_whole_shares_give_whole_gpus() -> None:
    resources = TenantResources(gpus={"A10": Promise(maximum=100)})
    spaces = {**_namespaces("small", share=29), **_namespaces("large", share=71)}
    quotas = [space.quota for space in _plan(resources=resources, namespaces=spaces).namespaces]
    assert {quota["requests.nvidia.com/gpu"] for quota in quotas} == {"29", "71"}


def test_whole_amounts_are_written_as_such() -> None:
    spaces = {**_namespaces("small", share=7), **_namespaces("large", share=93)}
    plan = _plan(resources=TenantResources(vcpu=Promise(maximum=10_000)), namespaces=spaces)
    assert {space.quota["requests.cpu"] for space in plan.namespaces} == {"700", "9300"}


# The network.

PACKAGES = Connection(cidrs=["151.101.0.0/16", "203.0.113.0/24"], ports=[443, 80])
BALANCERS = Connection(cidrs=["10.0.9.0/24"], ports=[8000])


def _blocks(rules: Sequence[Mapping[str, Any]], side: str) -> dict[str, tuple[list[str], list[int]]]:
    """Networks that rules name: what is left out of each, and the ports."""
    return {
        peer["ipBlock"]["cidr"]: (peer["ipBlock"].get("except", []), [port["port"] for port in rule["ports"]])
        for rule in rules
        for peer in rule[side]
        if "ipBlock" in peer
    }


def _spaces(rule: Mapping[str, Any], side: str) -> list[str]:
    (expression,) = rule[side][0]["namespaceSelector"]["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("kubernetes.io/metadata.name", "In")
    return list(expression["values"])


def test_out_of_a_namespace_leads_only_what_is_named() -> None:
    plan = _plan(namespaces=_namespaces("b", "a"), egress={"packages": PACKAGES})
    policies = [space.network_policy for space in plan.namespaces]
    assert policies[0] == policies[1]
    policy = policies[0]
    assert (policy["podSelector"], policy["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert _spaces(policy["egress"][0], "to") == ["a", "b"]
    assert "ports" not in policy["egress"][0]
    assert _spaces(policy["egress"][1], "to") == ["kube-system"]
    assert _blocks(policy["egress"], "to") == {
        "10.0.0.0/16": ([], [53, 53]),
        "169.254.20.10/32": ([], [53, 53]),
        "10.0.1.0/24": ([], [6443]),
        "172.20.0.1/32": ([], [443]),
        "100.64.0.0/10": ([METADATA], [443]),
        "151.101.0.0/16": ([], [443, 80]),
        "203.0.113.0/24": ([], [443, 80]),
    }
    assert {port["protocol"] for port in policy["egress"][1]["ports"]} == {"UDP", "TCP"}


def test_into_a_namespace_leads_only_what_is_named() -> None:
    (space,) = _plan(ingress={"balancers": BALANCERS}).namespaces
    own, platform, balancers = space.network_policy["ingress"]
    assert _spaces(own, "from") == ["vision"]
    assert _spaces(platform, "from") == ["arms-prom", "monitoring"]
    assert balancers == {
        "from": [{"ipBlock": {"cidr": "10.0.9.0/24"}}],
        "ports": [{"protocol": "TCP", "port": 8000}],
    }


def test_outside_the_cloud_there_are_no_cloud_services() -> None:
    (space,) = _plan(UPSTREAM).namespaces
    assert set(_blocks(space.network_policy["egress"], "to")) == {"172.16.0.0/12", "169.254.20.10/32"}
    assert len(space.network_policy["ingress"]) == 1


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (
            AROUND,
            [
                *("the tenant's own namespaces", "DNS", "the API server"),
                "Alibaba Cloud's services, without the metadata service",
            ],
        ),
        (UPSTREAM, ["the tenant's own namespaces", "DNS", "the API server"]),
    ],
)
def test_exceptions_in_words(around: Surroundings, expected: list[str]) -> None:
    named = [
        "packages (out to 151.101.0.0/16, 203.0.113.0/24, port 443, 80)",
        "balancers (in from 10.0.9.0/24, port 8000)",
    ]
    assert exceptions(_tenant(), around) == expected
    args = _tenant(egress={"packages": PACKAGES}, ingress={"balancers": BALANCERS})
    assert exceptions(args, around) == [*expected, *named]


# RAM.


def _prefix(bucket: str, prefix: str | None = None, **values: Any) -> TenantPrefix:
    return TenantPrefix(bucket=bucket, prefix=prefix, **values)


DATA: Mapping[str, Any] = {
    "namespaces": {"vision": TenantNamespace(jobs=["ray", "inference", "notebook", "workflow"])},
    "prefixes": {"own": _prefix("raw"), "weights": _prefix("models", "weights/v1/", writers=["ray"])},
    "datasets": {"public": TenantDataset(bucket="raw", prefix="public/")},
    "buckets": {"scratch": BucketArgs()},
}


@pytest.mark.parametrize(
    ("kind", "own", "weights", "scratch", "reads_logs"),
    [
        ("ray", True, True, True, False),
        ("inference", False, False, False, False),
        ("notebook", True, False, True, True),
        ("workflow", True, False, True, True),
    ],
)
def test_a_role_reaches_what_its_kind_of_job_needs(
    kind: str, own: bool, weights: bool, scratch: bool, reads_logs: bool
) -> None:
    account = next(account for account in _plan(**DATA).accounts if account.name == kind)
    assert account.role_name == f"acme-test-vision-{kind}"
    assert account.subject == f"system:serviceaccount:vision:{kind}"
    store = "acs:log:*:*:project/acme-test-logs/logstore/tenant-vision"
    read = {"Effect": "Allow", "Action": ["log:GetLogStoreLogs"], "Resource": [store, f"{store}-engine"]}
    assert account.statements == [
        *object_statements("acme-test-raw", "vision/", write=own),
        *object_statements("acme-test-models", "weights/v1/", write=weights),
        *object_statements("acme-test-raw", "public/", write=False),
        *object_statements("acme-test-vision-scratch", "", write=scratch),
        {"Effect": "Allow", "Action": ["log:PostLogStoreLogs"], "Resource": [store]},
        *([read] if reads_logs else []),
    ]


def test_outside_the_cloud_service_accounts_have_no_role() -> None:
    (account,) = _plan(UPSTREAM, namespaces=_namespaces("vision", jobs=["ray"])).accounts
    assert (account.role_name, list(account.statements)) == ("", [])


def test_a_tenants_assets() -> None:
    plan = _plan(**DATA)
    assert list(tenant_assets("vision", plan, AROUND)) == [
        ("raw/vision/", "oss:GetObject", "acs:oss:*:*:acme-test-raw/vision/*"),
        ("models/weights/v1/", "oss:GetObject", "acs:oss:*:*:acme-test-models/weights/v1/*"),
        ("vision-scratch", "oss:GetObject", "acs:oss:*:*:acme-test-vision-scratch/*"),
        ("logs", "log:GetLogStoreLogs", "acs:log:*:*:project/acme-test-logs/logstore/tenant-vision"),
        ("engine logs", "log:GetLogStoreLogs", "acs:log:*:*:project/acme-test-logs/logstore/tenant-vision-engine"),
    ]


# Budgets.


def test_a_budgets_expression_prices_what_running_pods_request() -> None:
    plan = _plan(namespaces=_namespaces("a", "b"), resources=TenantResources(gpus={"A10": Promise(maximum=1)}))
    expression = budget_expression(plan, PodPrices(0.06, 0.03, {"A10": 13.3, "A100": 34.7}), 1500)
    assert expression.endswith(")[30d:1h]) > 1500")
    assert expression.count('namespace=~"a|b",phase="Running"') == 4
    for resource, price in (("cpu", "0.06"), ("memory", f"{0.03 / 2**30:g}"), ("nvidia_com_gpu", "13.3")):
        metric = f'kube_pod_container_resource_requests{{namespace=~"a|b",resource="{resource}"}}'
        assert f"(sum({metric} * on (namespace, pod) group_left () (" in expression
        assert f"== 1)) * {price} or vector(0))" in expression


def test_without_gpus_a_budget_counts_none() -> None:
    assert "gpu" not in budget_expression(_plan(), PodPrices(1, 1, {"A10": 1}, 1), 10)


def test_shared_gpus_count_by_their_memory() -> None:
    plan = _plan(resources=TenantResources(gpu_memory_gib=Promise(maximum=24)))
    expression = budget_expression(plan, PodPrices(1, 1, {"A10": 1}, 0.5), 10)
    assert 'resource="aliyun_com_gpu_mem"' in expression
    assert "nvidia_com_gpu" not in expression


def test_a_budget_is_exact() -> None:
    assert budget_expression(_plan(), PodPrices(1, 1), 1_234_567).endswith("> 1234567")


# Admission: the expressions themselves are evaluated.


def _total(numbers: ListType) -> IntType:
    """`sum` of Kubernetes' CEL libraries, which CEL itself does not have."""
    return reduce(lambda left, right: IntType(left + right), numbers, IntType(0))


CEL = celpy.Environment()


def _refusals(args: TenantArgs, resource: str, manifest: Mapping[str, Any], *, group: str = "") -> list[str]:
    """The messages with which Kubernetes would refuse an object. An expression that fails refuses, too."""
    messages: list[str] = []
    activation = {
        "object": json_to_cel(dict(manifest)),
        "request": json_to_cel({"resource": {"group": group, "version": "v1", "resource": resource}}),
    }
    for validation in admission_policy(args, ["registry.example.com/a/", "ghcr.io/o'neil/"])["validations"]:
        program = CEL.program(CEL.compile(validation["expression"]), functions={"sum": _total})
        try:
            admitted = bool(program.evaluate(activation))
        except CELEvalError:
            admitted = False
        if not admitted:
            messages.append(validation["message"])
    return messages


def _pod(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "spec": {"containers": [{"name": "main", "image": "registry.example.com/a/ray:1"}], **spec},
    }


def _container(image: str) -> list[dict[str, str]]:
    return [{"name": "other", "image": image}]


INSIDE, OUTSIDE = _container("ghcr.io/o'neil/tool@sha256:1"), _container("docker.io/library/busybox")
IMAGES = "images must come from registry.example.com/a/, ghcr.io/o'neil/"
PRIORITIES = "priorityClassName must be one of: job-normal, job-low"
VOLUMES = (
    "volumes must be one of: persistentVolumeClaim, ephemeral, configMap, secret, emptyDir, projected, downwardAPI"
)
SPARK_RULE = (
    "Spark must have mode cluster and no sparkConf of spark.kubernetes.namespace, spark.kubernetes.authenticate, "
    "spark.kubernetes.driver.master, spark.master, spark.submit"
)
CLAIM = {"name": "home", "persistentVolumeClaim": {"claimName": "home"}}
CSI = {"name": "data", "csi": {"driver": "ossplugin.csi.alibabacloud.com"}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"initContainers": INSIDE, "ephemeralContainers": INSIDE}, []),
        ({"containers": OUTSIDE}, [IMAGES]),
        ({"containers": [*INSIDE, *OUTSIDE]}, [IMAGES]),
        ({"containers": _container("busybox")}, [IMAGES]),
        ({"containers": _container("registry.example.com/ab/ray")}, [IMAGES]),
        ({"containers": _container("evil.example.com/registry.example.com/a/ray")}, [IMAGES]),
        ({"containers": [{"name": "none"}]}, [IMAGES]),
        ({"initContainers": OUTSIDE}, [IMAGES]),
        ({"ephemeralContainers": OUTSIDE}, [IMAGES]),
        ({"priorityClassName": "job-low"}, []),
        ({"priorityClassName": ""}, []),
        ({"priorityClassName": "job-high"}, [PRIORITIES]),
        ({"priorityClassName": "system-cluster-critical"}, [PRIORITIES]),
        ({"volumes": [CLAIM, {"name": "tmp", "emptyDir": {}}]}, []),
        ({"volumes": [CLAIM, CSI]}, [VOLUMES]),
        ({"containers": OUTSIDE, "priorityClassName": "job-high", "volumes": [CSI]}, [IMAGES, PRIORITIES, VOLUMES]),
    ],
)
def test_pods(spec: dict[str, Any], expected: list[str]) -> None:
    args = _tenant(priorities=["normal", "low"])
    assert _refusals(args, "pods", _pod(**spec)) == expected
    limited = _tenant(priorities=["normal", "low"], largest_job=JobLimits(pods=1, hours=1))
    assert _refusals(limited, "pods", _pod(**spec)) == expected


def test_without_images_or_priorities_nothing_is_admitted_that_needs_one() -> None:
    policy = admission_policy(_tenant(priorities=[]), [])
    messages = [validation["message"] for validation in policy["validations"]]
    assert messages == [
        "images must come from nowhere: no registry is allowed",
        "priorityClassName must be one of: none",
        VOLUMES,
        "a Service may not have externalIPs",
        SPARK_RULE,
        SPARK_RULE,
    ]
    assert _refusals(_tenant(priorities=[]), "pods", _pod(priorityClassName="job-low")) == [
        "priorityClassName must be one of: none"
    ]


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "others", "nfs": {"server": "homes.cn-hangzhou.nas.aliyuncs.com", "path": "/"}},
        {"name": "unseen", "image": {"reference": "docker.io/library/busybox"}},
    ],
    ids=["nfs", "image"],
)
def test_volumes_that_go_around_network_and_images(volume: dict[str, Any]) -> None:
    assert _refusals(_tenant(), "pods", _pod(volumes=[volume]))


def _ray(*groups: Mapping[str, Any]) -> dict[str, Any]:
    return {"workerGroupSpecs": [{"groupName": f"g{index}", **group} for index, group in enumerate(groups)]}


def _torch(**replicas: Any) -> dict[str, Any]:
    return {
        "pytorchReplicaSpecs": {role: {} if count is None else {"replicas": count} for role, count in replicas.items()}
    }


def _spark(**values: Any) -> dict[str, Any]:
    return {"executor": {}, **values}


SIZE = (
    "a job may have at most 4 worker pods, and must say so: "
    "maxReplicas of Ray's groups, maxExecutors or instances of Spark, replicas, numNodes"
)
JOB, RAY_JOB, RAY_CLUSTER = ("batch", "jobs"), ("ray.io", "rayjobs"), ("ray.io", "rayclusters")
SPARK, TORCH = ("sparkoperator.k8s.io", "sparkapplications"), ("kubeflow.org", "pytorchjobs")


@pytest.mark.parametrize(
    ("kind", "spec", "admitted"),
    [
        (JOB, {}, True),
        (JOB, {"parallelism": 4}, True),
        (JOB, {"parallelism": 5}, False),
        (RAY_JOB, {"rayClusterSpec": _ray({"maxReplicas": 1}, {"maxReplicas": 3})}, True),
        (RAY_JOB, {"rayClusterSpec": _ray({"maxReplicas": 2}, {"maxReplicas": 3})}, False),
        (RAY_JOB, {"rayClusterSpec": _ray({"replicas": 1})}, False),
        (RAY_JOB, {"rayClusterSpec": _ray({"replicas": 1}, {"maxReplicas": 1})}, False),
        (RAY_JOB, {"rayClusterSpec": _ray()}, True),
        (RAY_JOB, {"rayClusterSpec": {"headGroupSpec": {}}}, True),
        (RAY_JOB, {"clusterSelector": {"ray.io/cluster": "shared"}}, True),
        (RAY_CLUSTER, _ray({"maxReplicas": 4}), True),
        (RAY_CLUSTER, _ray({"maxReplicas": 4}, {"maxReplicas": 1}), False),
        (RAY_CLUSTER, _ray({"minReplicas": 1, "replicas": 1}), False),
        (RAY_CLUSTER, {"headGroupSpec": {}}, True),
        (SPARK, _spark(), True),
        (SPARK, _spark(executor={"instances": 4}), True),
        (SPARK, _spark(executor={"instances": 5}), False),
        (SPARK, _spark(dynamicAllocation={"enabled": True, "maxExecutors": 4}), True),
        (SPARK, _spark(dynamicAllocation={"enabled": True, "maxExecutors": 5}), False),
        (SPARK, _spark(dynamicAllocation={"enabled": True}), False),
        (SPARK, _spark(dynamicAllocation={"enabled": False}, executor={"instances": 4}), True),
        (SPARK, _spark(dynamicAllocation={"enabled": False, "maxExecutors": 1}, executor={"instances": 5}), False),
        (TORCH, _torch(Master=1, Worker=3), True),
        (TORCH, _torch(Master=1, Worker=4), False),
        (TORCH, _torch(Master=None, Worker=3), True),
        (TORCH, _torch(Master=None, Worker=None), True),
        (TORCH, {}, False),
    ],
)
def test_sizes_of_jobs(kind: tuple[str, str], spec: dict[str, Any], admitted: bool) -> None:
    group, resource = kind
    args = _tenant(largest_job=JobLimits(pods=4))
    found = _refusals(args, resource, {"kind": "Job", "spec": spec}, group=group)
    assert found == ([] if admitted else [SIZE])
    assert _refusals(_tenant(), resource, {"kind": "Job", "spec": spec}, group=group) == []


def test_hosts_of_a_replica_count() -> None:
    spec = _ray({"maxReplicas": 1, "numOfHosts": 100})
    assert _refusals(_tenant(largest_job=JobLimits(pods=4)), "rayclusters", {"spec": spec}, group="ray.io")


HOURS = "a job must end within 2 hours: set activeDeadlineSeconds"
Around = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (JOB, lambda deadline: deadline),
        (RAY_JOB, lambda deadline: deadline),
        (TORCH, lambda deadline: {**_torch(Master=1), "runPolicy": deadline}),
    ],
    ids=["jobs", "rayjobs", "pytorchjobs"],
)
@pytest.mark.parametrize(
    ("deadline", "admitted"),
    [
        ({"activeDeadlineSeconds": 7200}, True),
        ({"activeDeadlineSeconds": 1}, True),
        ({"activeDeadlineSeconds": 7201}, False),
        ({}, False),
    ],
)
def test_deadlines_of_jobs(kind: tuple[str, str], where: Around, deadline: dict[str, Any], admitted: bool) -> None:
    group, resource = kind
    args = _tenant(largest_job=JobLimits(hours=2))
    found = _refusals(args, resource, {"kind": "Job", "spec": where(deadline)}, group=group)
    assert found == ([] if admitted else [HOURS])


@pytest.mark.parametrize("kind", [SPARK, RAY_CLUSTER, ("apps", "deployments")])
def test_what_has_no_deadline_is_not_asked_for_one(kind: tuple[str, str]) -> None:
    args = _tenant(largest_job=JobLimits(hours=2))
    assert _refusals(args, kind[1], {"kind": "Other", "spec": {}}, group=kind[0]) == []


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (JobLimits(), set[tuple[str, str]]()),
        (JobLimits(pods=1), set(JOB_SIZES)),
        (JobLimits(hours=1), set(JOB_DEADLINES)),
        (JobLimits(pods=1, hours=1), {*JOB_SIZES, *JOB_DEADLINES}),
    ],
)
def test_what_is_limited_is_asked_for(limits: JobLimits, expected: set[tuple[str, str]]) -> None:
    policy = admission_policy(_tenant(largest_job=limits), [])
    assert policy["failurePolicy"] == "Fail"
    pods, *jobs = policy["matchConstraints"]["resourceRules"]
    assert pods["resources"] == ["pods", "pods/ephemeralcontainers"]
    asked = [(rule["apiGroups"][0], rule["resources"][0]) for rule in jobs]
    always = {("", "services"), ("sparkoperator.k8s.io", "scheduledsparkapplications"), SPARK}
    assert len(asked) == len(expected | always)
    assert set(asked) == expected | always
    assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in (pods, *jobs))


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (SPARK, lambda spec: spec),
        (("sparkoperator.k8s.io", "scheduledsparkapplications"), lambda spec: {"template": spec}),
    ],
    ids=["once", "scheduled"],
)
@pytest.mark.parametrize(
    ("spec", "refused"),
    [
        ({}, False),
        ({"mode": "cluster", "sparkConf": {"spark.executor.memoryOverhead": "1g"}}, False),
        ({"mode": "client"}, True),
        ({"sparkConf": {"spark.kubernetes.namespace": "training"}}, True),
        ({"sparkConf": {"spark.kubernetes.authenticate.driver.serviceAccountName": "training"}}, True),
    ],
)
def test_spark_stays_in_its_namespace(
    kind: tuple[str, str], where: Around, spec: dict[str, Any], refused: bool
) -> None:
    manifest = {"kind": "Other", "spec": where({"executor": {}, **spec})}
    assert _refusals(_tenant(), kind[1], manifest, group=kind[0]) == ([SPARK_RULE] if refused else [])


def test_a_service_takes_no_addresses() -> None:
    service = {"kind": "Service", "spec": {"externalIPs": ["100.100.0.1"]}}
    assert _refusals(_tenant(), "services", service) == ["a Service may not have externalIPs"]
    assert _refusals(_tenant(), "services", {"kind": "Service", "spec": {"ports": []}}) == []


def test_the_platforms_own_jobs_are_admitted() -> None:
    spec = kubectl_job("registry.example.com/a/kubectl:1", "notebook-stopper", ["version"])
    deadline = {"activeDeadlineSeconds": spec["active_deadline_seconds"]} if "active_deadline_seconds" in spec else {}
    args = _tenant(largest_job=JobLimits(pods=1, hours=1))
    assert _refusals(args, "jobs", {"kind": "Job", "spec": deadline}, group="batch") == []


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20))
def test_a_text_in_an_expression_is_itself(text: str) -> None:
    policy = admission_policy(_tenant(), [text])
    program = CEL.program(CEL.compile(policy["validations"][0]["expression"]))
    for image, admitted in ((text, True), (f"{text}/a", True), ("\u2603" + text[1:], text[0] == "\u2603")):
        pod = _pod(containers=_container(image))
        assert bool(program.evaluate({"object": json_to_cel(pod)})) is admitted


def test_a_plan_is_json() -> None:
    plan = _plan(**DATA, largest_job=JobLimits(pods=1, hours=1), egress={"packages": PACKAGES})
    for part in (plan.admission, plan.namespaces[0].network_policy, plan.namespaces[0].quota):
        assert json.loads(json.dumps(part)) == part
