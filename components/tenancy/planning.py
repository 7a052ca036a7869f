"""Decides what each tenant is made of: names, quotas, network policies, admission rules and RAM policies."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import identity
from ..job_classes.args import Priority
from ..platform import Flavor
from ..storage import BucketArgs, Grant
from .args import JobKind, Promise, Role, TenantArgs, TenantNamespace

TENANT_LABEL = "tenant"
COST_LABEL = "cost-center"
QUEUE_LABEL = "queue"
NAME_LABEL = "kubernetes.io/metadata.name"
"""The label by which Kubernetes itself names every namespace."""

NOTEBOOKS = {"app.kubernetes.io/component": "notebook"}
"""Label of the Deployments and StatefulSets that are stopped out of working hours."""

CLOUD_SERVICES = "100.64.0.0/10"
"""Where OSS, Log Service and STS answer inside a VPC: the range that Alibaba Cloud keeps for its services.
Source: alibabacloud.com/help/en/eip, security hardening of 100.64.0.0/10, 2026-03-25."""

METADATA_SERVICE = "100.100.100.200"
"""Where an instance asks for the credentials of its RAM role. Source: ECS page on instance metadata, undated copy."""

NODE_LOCAL_DNS = "169.254.20.10/32"
"""Address of NodeLocal DNSCache. Source: kubernetes.io/docs/tasks/administer-cluster/nodelocaldns."""

KUBEFLOW = {
    "pytorch": "pytorchReplicaSpecs",
    "tf": "tfReplicaSpecs",
    "mpi": "mpiReplicaSpecs",
    "xgboost": "xgbReplicaSpecs",
}
"""Where the jobs of the training operator say how many pods they have. Source: kubeflow/arena @e30882c1, its CRDs."""

JOB_SIZES: Mapping[tuple[str, str], str] = {
    ("batch", "jobs"): "has(object.spec.parallelism) ? object.spec.parallelism : 1",
    ("ray.io", "rayjobs"): (
        "has(object.spec.rayClusterSpec) && has(object.spec.rayClusterSpec.workerGroupSpecs) ? "
        "object.spec.rayClusterSpec.workerGroupSpecs.map(g, (has(g.maxReplicas) ? g.maxReplicas : {none}) "
        "* (has(g.numOfHosts) ? g.numOfHosts : 1)).sum() : 0"
    ),
    ("ray.io", "rayclusters"): (
        "has(object.spec.workerGroupSpecs) ? "
        "object.spec.workerGroupSpecs.map(g, (has(g.maxReplicas) ? g.maxReplicas : {none}) "
        "* (has(g.numOfHosts) ? g.numOfHosts : 1)).sum() : 0"
    ),
    ("sparkoperator.k8s.io", "sparkapplications"): (
        "has(object.spec.dynamicAllocation) && object.spec.dynamicAllocation.enabled ? "
        "(has(object.spec.dynamicAllocation.maxExecutors) ? object.spec.dynamicAllocation.maxExecutors : {none}) : "
        "(has(object.spec.executor.instances) ? object.spec.executor.instances : 1)"
    ),
    **{
        ("kubeflow.org", f"{kind}jobs"): (
            f"object.spec.{specs}.map(r, has(object.spec.{specs}[r].replicas) ? object.spec.{specs}[r].replicas : 1)"
            ".sum() + (has(object.spec.elasticPolicy) && has(object.spec.elasticPolicy.maxReplicas) ? "
            "object.spec.elasticPolicy.maxReplicas : 0)"
        )
        for kind, specs in KUBEFLOW.items()
    },
    ("trainer.kubeflow.org", "trainjobs"): (
        "has(object.spec.trainer) && has(object.spec.trainer.numNodes) ? object.spec.trainer.numNodes : {none}"
    ),
}
"""How many pods one job has at most, in CEL, by API group and resource; `{none}` stands for no limit of its own."""

JOB_DEADLINES: Mapping[tuple[str, str], str] = {
    ("batch", "jobs"): "object.spec",
    ("ray.io", "rayjobs"): "object.spec",
    **{("kubeflow.org", f"{kind}jobs"): "object.spec.runPolicy" for kind in KUBEFLOW},
}
"""Where `activeDeadlineSeconds` of a job stands, by API group and resource."""

SPARK_KEYS = (
    *("spark.kubernetes.namespace", "spark.kubernetes.authenticate", "spark.kubernetes.driver.master"),
    *("spark.master", "spark.submit"),
)
"""Beginnings of Spark's settings that would take a job into another namespace, or give it another's identity: the
operator hands them on behind its own (kubeflow/spark-operator, submission.go)."""

VOLUMES = (*("persistentVolumeClaim", "ephemeral", "configMap", "secret", "emptyDir", "projected", "downwardAPI"),)
"""Kinds of volumes that pods of tenants may have."""

BUDGET_PERCENT = (50, 80, 100)
"""Parts of a budget at which its alarms go off."""

UNBOUNDED = 1_000_000_000
"""Pods of a job that states no limit."""


@dataclass(frozen=True)
class PodPrices:
    """List prices of what a pod requests, an hour: of a vCPU, of a GiB of memory, of a whole GPU by model, and of a GiB
    of a shared GPU. Those of GPUs are those of their nodes."""

    vcpu: float
    memory_gib: float
    gpus: Mapping[str, float] = field(default_factory=dict[str, float])
    gpu_memory_gib: float = 0


@dataclass(frozen=True)
class JobClassUse:
    """Where pods of a job class run, and with which priority."""

    namespaces: Collection[str]
    priority: Priority


@dataclass(frozen=True)
class Surroundings:
    """What tenants share a cluster with, as far as it is known before anything runs.

    name: first part of names in the cloud; buckets: names by role, tenants' own among them; groups: members of groups
    on ACK; images: registries allowed for all; open_to: namespaces whose pods may connect to tenants';
    api_server_cidrs, api_service, dns_cidrs: where the API server and DNS answer; internal_cidrs: networks of pods and
    Services; log_project: "" for no log stores; registry: whether tenants get a namespace in one; registry_domain: ""
    where its name is not known; registry_namespaces: those of the platform; kubectl_image: for what stops notebooks;
    timezone: an IANA name; claims: how many the platform gives each namespace, and their GiB. The rest is what tenants
    may name: job_classes, storage_classes, gpu_models; traffic_classes with the download that each is guaranteed, in
    Gbit/s, None where throttling is off; reserved: namespaces of the platform; systems: those that run; prices: by
    currency; queues: by tenant.
    """

    flavor: Flavor
    name: str
    buckets: Mapping[str, str] = field(default_factory=dict[str, str])
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    images: Sequence[str] = ()
    open_to: Sequence[str] = ()
    api_server_cidrs: Sequence[str] = ()
    api_service: str = ""
    dns_cidrs: Sequence[str] = ()
    internal_cidrs: Sequence[str] = ()
    log_project: str = ""
    registry: bool = False
    registry_domain: str = ""
    registry_namespaces: Collection[str] = ()
    kubectl_image: str | None = None
    timezone: str = "Asia/Shanghai"
    job_classes: Mapping[str, JobClassUse] = field(default_factory=dict[str, JobClassUse])
    storage_classes: Collection[str] = ()
    claims: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    gpu_models: Collection[str] = ()
    traffic_classes: Mapping[str, int] | None = None
    reserved: Collection[str] = ()
    systems: Collection[str] = ()
    prices: Mapping[str, PodPrices] = field(default_factory=dict[str, PodPrices])
    queues: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class ServiceAccountPlan:
    """The service account of a kind of job in a namespace.

    name: the kind; role_name: of its RAM role, "" for none; statements: of the role's policy, without the KMS key.
    """

    namespace: str
    name: JobKind
    role_name: str
    statements: Sequence[Mapping[str, Any]]

    @property
    def subject(self) -> str:
        """As tokens name it."""
        return f"system:serviceaccount:{self.namespace}:{self.name}"


@dataclass(frozen=True)
class NamespacePlan:
    """One namespace: its labels, the hard limits of its quota, and its network policy's spec."""

    name: str
    args: TenantNamespace
    labels: Mapping[str, str]
    quota: Mapping[str, str]
    network_policy: Mapping[str, Any]
    service_accounts: Sequence[ServiceAccountPlan]


@dataclass(frozen=True)
class TenantPlan:
    """What a tenant is made of.

    id: what its names are made of; grants: of its own buckets to its people; admission: the spec of its admission
    policy; images: from where its pods may pull; registry_namespace, log_store: "" for none; people: by role, groups
    resolved.
    """

    name: str
    id: str
    args: TenantArgs
    namespaces: Sequence[NamespacePlan]
    people: Mapping[Role, Sequence[str]]
    images: Sequence[str]
    admission: Mapping[str, Any]
    registry_namespace: str
    log_store: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels and tags of everything of the tenant."""
        return {TENANT_LABEL: self.name, COST_LABEL: self.args.cost_center}

    @property
    def accounts(self) -> list[ServiceAccountPlan]:
        """All service accounts."""
        return [account for namespace in self.namespaces for account in namespace.service_accounts]


def plan_tenant(name: str, args: TenantArgs, around: Surroundings) -> TenantPlan:
    """Decide what one tenant is made of; its arguments and surroundings have been checked."""
    identifier = args.id_of(name)
    spaces = args.namespaces_of(name)
    # What switches job classes and stops notebooks runs in tenants' namespaces, too.
    images = [*around.images, *([around.kubectl_image] if around.kubectl_image else []), *args.images]
    registry_namespace = identifier if around.registry else ""
    if around.registry_domain:
        images.append(f"{around.registry_domain}/{identifier}/")
    log_store = f"tenant-{identifier}" if around.log_project else ""
    parts = shares(spaces)
    return TenantPlan(
        name=name,
        id=identifier,
        args=args,
        namespaces=[
            NamespacePlan(
                name=space,
                args=namespace,
                labels=_labels(name, args, namespace, around),
                quota=_quota(space, args, parts[space], around),
                network_policy=network_policy(args, list(spaces), around),
                service_accounts=[
                    ServiceAccountPlan(
                        namespace=space,
                        name=kind,
                        role_name=role_name(around, space, kind) if around.flavor == "ack" else "",
                        statements=_statements(name, args, kind, around) if around.flavor == "ack" else (),
                    )
                    for kind in namespace.jobs
                ],
            )
            for space, namespace in spaces.items()
        ],
        people={
            role: _people(members, around.groups if around.flavor == "ack" else None)
            for role, members in args.members().items()
        },
        images=images,
        admission=admission_policy(args, images),
        registry_namespace=registry_namespace,
        log_store=log_store,
    )


def tenant_people(args: TenantArgs, groups: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Owners, engineers and viewers, each once. groups: None where they are the cluster's own and stay as they are."""
    return _people((*args.owners, *args.engineers, *args.viewers), groups)


def _people(members: Iterable[str], groups: Mapping[str, Sequence[str]] | None) -> list[str]:
    """The RAM users and roles behind members. groups: None where groups are the cluster's own and stay as they are."""
    people: list[str] = []
    for member in members:
        kind, _, name = member.partition("/")
        people += [member] if groups is None or kind != "group" else groups.get(name, ())
    return list(dict.fromkeys(people))


def role_name(around: Surroundings, namespace: str, kind: JobKind) -> str:
    """Name of the RAM role of a service account."""
    return f"{around.name}-{namespace}-{kind}"


def own_buckets(name: str, args: TenantArgs, groups: Mapping[str, Sequence[str]]) -> dict[str, BucketArgs]:
    """A tenant's own buckets by role among all buckets, granted to its owners and engineers that are RAM users."""
    people = _people([*args.owners, *args.engineers], groups)
    users = [person.removeprefix("ram-user/") for person in people if person.startswith("ram-user/")]
    grants = {"people": Grant(principals=users, access="write")} if users else {}
    return {
        own_bucket(args.id_of(name), role): bucket.model_copy(update={"grants": {**grants, **bucket.grants}})
        for role, bucket in args.buckets.items()
    }


def prefix_of(tenant: str, args: TenantArgs, entry: str) -> str:
    """The part of a bucket that an entry of `prefixes` stands for. tenant: its name."""
    return args.prefixes[entry].prefix or f"{args.id_of(tenant)}/"


def own_bucket(identifier: str, role: str) -> str:
    """The role of a tenant's own bucket among all buckets."""
    return f"{identifier}-{role}"


def shares(spaces: Mapping[str, TenantNamespace]) -> dict[str, float]:
    """The part of a tenant's maxima that each namespace gets, from 0 to 1."""
    stated = sum(space.share for space in spaces.values() if space.share is not None)
    rest = [name for name, space in spaces.items() if space.share is None]
    even = max(0.0, 100 - stated) / len(rest) if rest else 0
    return {name: (even if space.share is None else space.share) / 100 for name, space in spaces.items()}


def _labels(name: str, args: TenantArgs, namespace: TenantNamespace, around: Surroundings) -> dict[str, str]:
    labels = {
        TENANT_LABEL: name,
        COST_LABEL: args.cost_center,
        **({QUEUE_LABEL: around.queues[name]} if name in around.queues else {}),
        "pod-security.kubernetes.io/enforce": namespace.pod_security,
        "pod-security.kubernetes.io/warn": "restricted",
        "pod-security.kubernetes.io/audit": "restricted",
    }
    if around.flavor == "ack" and namespace.jobs:
        labels["pod-identity.alibabacloud.com/injection"] = "on"
    return labels


def _quota(space: str, args: TenantArgs, share: float, around: Surroundings) -> dict[str, str]:
    """Hard limits of one namespace. What a tenant has none of is zero: what a quota does not name is unlimited.

    Colocated pods count as pods alone: quotas leave out resources of kubernetes.io, such as kubernetes.io/batch-cpu
    (kubernetes/kubernetes, pkg/quota/v1/evaluator/core/pods.go).
    """
    resources = args.resources
    home = args.home.size_gib if args.home is not None else 0
    given = around.claims.get(space, (0, 0))

    def part(amount: float) -> str:
        thousandths = int(round(amount * share * 1000, 3))
        return f"{thousandths}m" if thousandths % 1000 else f"{thousandths // 1000}"

    gpus = round(sum(promise.most for promise in resources.gpus.values()) * share)
    mebibytes = int(resources.memory_gib.most * share * 1024)
    memory = f"{mebibytes}Mi" if mebibytes % 1024 else f"{mebibytes // 1024}Gi"
    return {
        "requests.cpu": part(resources.vcpu.most),
        "requests.memory": memory,
        "requests.nvidia.com/gpu": f"{gpus}",
        # The name of whole GPUs where they are chosen by how they are linked.
        "requests.aliyun.com/gpu": f"{gpus}",
        "requests.aliyun.com/gpu-mem": f"{int(resources.gpu_memory_gib.most * share)}",
        "pods": f"{int(resources.pods * share)}",
        "requests.storage": f"{int(resources.storage_gib * share) + home + given[1]}Gi",
        "persistentvolumeclaims": f"{int(resources.claims * share) + bool(home) + given[0]}",
        # What lies in shared file systems, so that no claim grows beyond what was agreed.
        **{
            f"{name}.storageclass.storage.k8s.io/requests.storage": (
                f"{home}Gi" if args.home is not None and name == args.home.storage_class else "0"
            )
            for name in sorted(around.storage_classes)
        },
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def network_policy(args: TenantArgs, own: Sequence[str], around: Surroundings) -> dict[str, Any]:
    """The spec of the one network policy of a namespace: nothing in or out but what is named here.

    It is one and not one for each exception, since ACK advises against more than 100 in a cluster (page on network
    policies, undated copy of 2026). own: the tenant's namespaces.
    """

    def spaces(names: Iterable[str]) -> dict[str, Any]:
        expression = {"key": NAME_LABEL, "operator": "In", "values": sorted(names)}
        return {"namespaceSelector": {"matchExpressions": [expression]}}

    def blocks(cidrs: Iterable[str]) -> list[dict[str, Any]]:
        return [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]

    def tcp(*ports: int) -> list[dict[str, Any]]:
        return [{"protocol": "TCP", "port": port} for port in ports]

    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    egress: list[dict[str, Any]] = [
        {"to": [spaces(own)]},
        {"to": [spaces(["kube-system"]), *blocks([*around.dns_cidrs, NODE_LOCAL_DNS])], "ports": dns},
    ]
    if around.api_server_cidrs:
        egress.append({"to": blocks(around.api_server_cidrs), "ports": tcp(6443)})
    if around.api_service:
        egress.append({"to": blocks([around.api_service]), "ports": tcp(443)})
    if around.flavor == "ack":
        services = {"cidr": CLOUD_SERVICES, "except": [f"{METADATA_SERVICE}/32"]}
        egress.append({"to": [{"ipBlock": services}], "ports": tcp(443)})
    egress += [{"to": blocks(rule.cidrs), "ports": tcp(*rule.ports)} for _, rule in sorted(args.egress.items())]
    ingress: list[dict[str, Any]] = [{"from": [spaces(own)]}]
    if around.open_to:
        ingress.append({"from": [spaces(around.open_to)]})
    ingress += [{"from": blocks(rule.cidrs), "ports": tcp(*rule.ports)} for _, rule in sorted(args.ingress.items())]
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": ingress, "egress": egress}


def exceptions(args: TenantArgs, around: Surroundings) -> list[str]:
    """What the network policy lets through, in words."""
    named = [
        f"{name} (out to {', '.join(rule.cidrs)}, port {', '.join(map(str, rule.ports))})"
        for name, rule in args.egress.items()
    ]
    named += [
        f"{name} (in from {', '.join(rule.cidrs)}, port {', '.join(map(str, rule.ports))})"
        for name, rule in args.ingress.items()
    ]
    cloud = ["Alibaba Cloud's services, without the metadata service"] if around.flavor == "ack" else []
    return ["the tenant's own namespaces", "DNS", "the API server", *cloud, *named]


def _literal(text: str) -> str:
    """A text as CEL writes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(_literal, texts)) + "]"


def admission_policy(args: TenantArgs, images: Sequence[str]) -> dict[str, Any]:
    """The spec of a ValidatingAdmissionPolicy (Kubernetes 1.30) over what is created in a tenant's namespaces."""
    pods = "object.kind != 'Pod'"
    priorities = [f"job-{priority}" for priority in args.priorities]
    allowed = ", ".join(priorities) or "none"
    kinds: list[tuple[str, str]] = [("", "services")]
    prefixes = _listed(images)
    validations: list[dict[str, Any]] = [
        {
            "expression": f"{pods} || "
            + " && ".join(
                f"(!has(object.spec.{key}) || object.spec.{key}.all(c, {prefixes}.exists(p, c.image.startsWith(p))))"
                for key in ("containers", "initContainers", "ephemeralContainers")
            ),
            "message": f"images must come from {', '.join(images) or 'nowhere: no registry is allowed'}",
        },
        {
            "expression": f"{pods} || !has(object.spec.priorityClassName) || object.spec.priorityClassName == '' || "
            f"object.spec.priorityClassName in {_listed(priorities)}",
            "message": f"priorityClassName must be one of: {allowed}",
        },
        # Others are mounted by the node, past network and image rules, with whatever role or server they name.
        {
            "expression": f"{pods} || !has(object.spec.volumes) || object.spec.volumes.all(v, "
            + " || ".join(f"has(v.{kind})" for kind in VOLUMES)
            + ")",
            "message": f"volumes must be one of: {', '.join(VOLUMES)}",
        },
    ]
    # An address that is none of the cluster's would be taken from everybody else (CVE-2020-8554).
    validations.append(
        {
            "expression": f"{_other('', 'services')} || !has(object.spec.externalIPs) || "
            "object.spec.externalIPs.size() == 0",
            "message": "a Service may not have externalIPs",
        }
    )
    for resource, at in (("sparkapplications", "object.spec"), ("scheduledsparkapplications", "object.spec.template")):
        kinds.append(("sparkoperator.k8s.io", resource))
        keys = " || ".join(f"k.startsWith({_literal(key)})" for key in SPARK_KEYS)
        validations.append(
            {
                "expression": f"{_other('sparkoperator.k8s.io', resource)} || "
                f"((!has({at}.mode) || {at}.mode == 'cluster') && "
                f"(!has({at}.sparkConf) || !{at}.sparkConf.exists(k, {keys})))",
                "message": f"Spark must have mode cluster and no sparkConf of {', '.join(SPARK_KEYS)}",
            }
        )
    limits = args.largest_job
    if limits.pods is not None:
        kinds += JOB_SIZES
        for (group, resource), size in JOB_SIZES.items():
            validations.append(
                {
                    "expression": f"{_other(group, resource)} || ({size.format(none=UNBOUNDED)}) <= {limits.pods}",
                    "message": f"a job may have at most {limits.pods} worker pods, and must say so: "
                    "maxReplicas of Ray's groups, maxExecutors or instances of Spark, replicas, numNodes",
                }
            )
    if limits.hours is not None:
        kinds += JOB_DEADLINES
        for (group, resource), at in JOB_DEADLINES.items():
            validations.append(
                {
                    "expression": f"{_other(group, resource)} || (has({at}) && has({at}.activeDeadlineSeconds) && "
                    f"{at}.activeDeadlineSeconds <= {limits.hours * 3600})",
                    "message": f"a job must end within {limits.hours} hours: set activeDeadlineSeconds",
                }
            )
    return {
        "failurePolicy": "Fail",
        # What runs when the rules become narrower may still be finished.
        "matchConditions": [
            {"name": "new", "expression": "request.operation == 'CREATE' || object.spec != oldObject.spec"}
        ],
        "matchConstraints": {
            "resourceRules": [
                _rule("", "v1", "pods", "pods/ephemeralcontainers"),
                *(_rule(group, "*", resource) for group, resource in dict.fromkeys(kinds)),
            ]
        },
        "validations": validations,
    }


def _rule(group: str, version: str, *resources: str) -> dict[str, Any]:
    """The rule by which a policy looks at what is made or changed."""
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": list(resources),
        "operations": ["CREATE", "UPDATE"],
    }


def _other(group: str, resource: str) -> str:
    return f"request.resource.group != {_literal(group)} || request.resource.resource != {_literal(resource)}"


def _statements(tenant: str, args: TenantArgs, kind: JobKind, around: Surroundings) -> list[Mapping[str, Any]]:
    """What the RAM role of a kind of job may do, without its key."""
    statements: list[Mapping[str, Any]] = []
    for entry, own in sorted(args.prefixes.items()):
        bucket = around.buckets[own.bucket]
        statements += identity.object_statements(bucket, prefix_of(tenant, args, entry), write=kind in own.writers)
    for _, dataset in sorted(args.datasets.items()):
        statements += identity.object_statements(around.buckets[dataset.bucket], dataset.prefix, write=False)
    identifier = args.id_of(tenant)
    for role in sorted(args.buckets):
        bucket = around.buckets[own_bucket(identifier, role)]
        statements += identity.object_statements(bucket, "", write=kind != "inference")
    if around.log_project:
        # Sources: SLS pages on RAM policies; writing is `log:Post*`, reading `log:Get*`, each on one log store.
        store = f"acs:log:*:*:project/{around.log_project}/logstore/tenant-{identifier}"
        statements.append({"Effect": "Allow", "Action": ["log:PostLogStoreLogs"], "Resource": [store]})
        if kind in ("notebook", "workflow"):
            # What Ray and Spark write for the tenant is collected beside what its programs write.
            stores = [store, f"{store}-engine"]
            statements.append({"Effect": "Allow", "Action": ["log:GetLogStoreLogs"], "Resource": stores})
    return statements


def budget_expression(plan: TenantPlan, prices: PodPrices, limit: float) -> str:
    """PromQL that holds once what a tenant's running pods requested in 30 days costs more than a limit.

    Metrics: kube-state-metrics, docs/metrics/workload/pod-metrics.md (kube_pod_container_resource_requests in cores and
    bytes, nvidia_com_gpu in GPUs; kube_pod_status_phase). That ACK's Prometheus keeps them for 30 days and takes a
    subquery over them is UNCONFIRMED.
    """
    spaces = "|".join(namespace.name for namespace in plan.namespaces)
    running = f'on (namespace, pod) group_left () (kube_pod_status_phase{{namespace=~"{spaces}",phase="Running"}} == 1)'

    def requested(resource: str, price: float) -> str:
        metric = f'kube_pod_container_resource_requests{{namespace=~"{spaces}",resource="{resource}"}}'
        return f"(sum({metric} * {running}) * {price:g} or vector(0))"

    hourly = [requested("cpu", prices.vcpu), requested("memory", prices.memory_gib / 2**30)]
    resources = plan.args.resources
    dearest = max((prices.gpus.get(model, 0) for model in resources.gpus), default=0)
    if dearest:
        # Metrics do not tell the model, so the dearest of the tenant's own counts.
        hourly += [requested(name, dearest) for name in ("nvidia_com_gpu", "aliyun_com_gpu")]
    if resources.gpu_memory_gib.most:
        hourly.append(requested("aliyun_com_gpu_mem", prices.gpu_memory_gib))
    return f"sum_over_time(({' + '.join(hourly)})[30d:1h]) > {limit:.12g}"


def promises(args: TenantArgs) -> Iterator[tuple[str, Promise]]:
    """What a tenant is promised, by path below `resources`."""
    resources = args.resources
    yield "vcpu", resources.vcpu
    yield "memoryGib", resources.memory_gib
    yield "gpuMemoryGib", resources.gpu_memory_gib
    for model, promise in sorted(resources.gpus.items()):
        yield f"gpus.{model}", promise


def amounts(args: TenantArgs) -> dict[str, Promise]:
    """All that a tenant is promised, by path: of `resources`, `pods`, `throttling` and `budget.<currency>`."""
    found = dict(promises(args))
    found["pods"] = Promise(guaranteed=0, maximum=args.resources.pods)
    if args.throttling is not None:
        found["throttling"] = Promise(guaranteed=args.throttling.guaranteed_gbps)
    return {**found, **{f"budget.{currency}": Promise(guaranteed=part) for currency, part in args.budget.items()}}


def amount_path(path: str) -> str:
    """Where a tenant states the guarantee of an amount."""
    if path == "throttling":
        return "throttling.guaranteedGbps"
    return (
        path if path.startswith("budget.") else "resources.pods" if path == "pods" else f"resources.{path}.guaranteed"
    )


def tenant_assets(name: str, plan: TenantPlan, around: Surroundings) -> Iterator[tuple[str, str, str]]:
    """What belongs to a tenant alone: label, an action and a resource of RAM."""
    for entry, own in plan.args.prefixes.items():
        prefix = prefix_of(name, plan.args, entry)
        yield f"{own.bucket}/{prefix}", "oss:GetObject", f"acs:oss:*:*:{around.buckets[own.bucket]}/{prefix}*"
    for role in plan.args.buckets:
        full = own_bucket(plan.id, role)
        yield full, "oss:GetObject", f"acs:oss:*:*:{around.buckets[full]}/*"
    if plan.log_store:
        resource = f"acs:log:*:*:project/{around.log_project}/logstore/{plan.log_store}"
        yield "logs", "log:GetLogStoreLogs", resource
        yield "engine logs", "log:GetLogStoreLogs", f"{resource}-engine"
