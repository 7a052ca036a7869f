"""The preview as a document: what `--format json` prints, and what every other output is made of.

`schema` in every document is the version of this format. Keys are only added within a version; a change of meaning or a
removal raises it.
"""

import functools
import importlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from ipaddress import IPv4Network
from typing import Any, Literal

from pulumi import _types  # pyright: ignore[reportPrivateUsage]
from pydantic import JsonValue

from components import catalog
from components.admission import AdmissionPlan
from components.alarms import STORAGE_ALARMS
from components.cache import DatasetPlan
from components.cache.options import CONSISTENCY
from components.capacity import Range, Resource, pool_sizes, total_capacity
from components.cost import Usage, estimate
from components.history import RayServer
from components.inputs import Args
from components.job_classes import Rung
from components.logs import StorePlan, log_notes
from components.logs.formats import FORMATS
from components.logs.planning import StoreKind
from components.logs.questions import alarms_of, queries_of, runbook
from components.network import plan_network
from components.observability import told
from components.observability.args import SEVERITIES
from components.observability.routing import Route
from components.platform import SystemPlan
from components.queues import QueuePlan, markers
from components.queues.planning import queue_notes, settings_of
from components.tenancy import TenantPlan, assets_of, tenant_isolation
from components.tenancy import declared as sharing
from components.tenancy.planning import own_bucket, prefix_of, promises
from components.throttling.planning import GuaranteeRow, not_protected, plan_throttling, support_request
from components.throttling.wire import UNLIMITED
from policies.evaluation import Outcome, Report
from policies.reports import idle_exceptions

from ..addresses import AddressNeed, address_needs
from ..datasets import dataset_notes, dataset_plans, dataset_sharing
from ..environment import Environment, job_class_plans, pool_plans, roles
from ..gatekeeper import admission_plan
from ..history import history_notes, history_plan, history_sharing
from ..logs import log_plan
from ..observability import monitoring_notes, monitoring_plan, report_line, watched_systems
from ..policy_config import policy_config, usage_by_resource
from ..queues import queue_plan
from ..tenancy import network_of, promised, surroundings, tenancy_notes, tenant_plans
from .recording import Options, Recorded, Recording


class DocumentResource(Args):
    """One resource. Unknown values read `[unknown]`, secret ones `[secret]`."""

    urn: str
    type: str
    name: str
    custom: bool
    """False for components, which have no counterpart in a provider."""
    parent: str
    """URN of the component that it belongs to, or an empty text."""
    provider: str
    """URN of the provider that manages it, or an empty text."""
    inputs: Mapping[str, JsonValue]
    options: Mapping[str, JsonValue]
    """Resource options that differ from Pulumi's defaults."""
    dependencies: Sequence[str]
    property_dependencies: Mapping[str, Sequence[str]]
    """URNs that the value of an input comes from, by input."""
    unknown_outputs: Sequence[str]
    """Outputs that only the cloud can give."""


class DocumentFinding(Args):
    """What a rule says of a resource."""

    policy: str
    severity: Literal["critical", "high", "medium", "low"]
    enforcement_level: Literal["mandatory", "advisory", "remediate", "disabled"]
    resource: str
    """URN of the resource, or an empty text for the whole stack."""
    message: str
    kind: Literal["violation", "deferred", "excepted", "expired"] = "violation"
    """`deferred`: a value is unknown before apply; `excepted`, `expired`: there is an exception, or was."""
    unknown: str = ""
    """Path of the property that is unknown."""

    @property
    def fails(self) -> bool:
        """Whether it must stop what is about to happen."""
        return self.kind in ("violation", "expired") and self.enforcement_level in ("mandatory", "remediate")


class DocumentPolicies(Args):
    """How the rules came out."""

    outcomes: Mapping[str, Outcome] = {}
    """The outcome of each rule, the worst of what it found."""
    idle_exceptions: Sequence[str] = ()
    """What to say of exceptions that fit nothing."""
    config: Mapping[str, Mapping[str, JsonValue]] = {}
    """The content of a `--policy-pack-config` file: level and configuration by policy."""


class DocumentRange(Args):
    """An amount at the minimum and at the maximum size of all pools."""

    minimum: float
    maximum: float


class DocumentPool(Args):
    """One node pool."""

    name: str
    instance_types: Sequence[str]
    spot: bool
    nodes: DocumentRange
    vcpu: DocumentRange
    memory_gib: DocumentRange
    gpus: DocumentRange
    pods: DocumentRange


class DocumentAddresses(Args):
    """The vSwitches of one role in one zone."""

    role: Literal["nodes", "pods"]
    zone: str
    cidrs: Sequence[str]
    available: int
    """Addresses that the vSwitches can give away."""


class DocumentAddressNeed(Args):
    """What one role needs when every pool is full, beside what the vSwitches can give."""

    role: Literal["nodes", "pods"]
    needed: int
    terms: str
    """The sum, spelt out."""
    available: int
    after_zone_loss: int
    """What is left when the zone with the most addresses is lost."""


class DocumentRung(Args):
    """One place where pods of a job class may run."""

    when: Literal["always", "peak", "off-peak"]
    name: str
    """Of the node pool, or of the serverless class."""
    kind: Literal["on-demand", "spot", "serverless"]
    holds: Sequence[str]
    """Instance types that hold a pod, or the serverless size that it is rounded up to."""
    per_node: DocumentRange
    """Pods of the class on one node, by the smallest and the largest of these types."""
    pods: int
    """Pods of the class at most, all nodes taken."""
    price: DocumentRange | None
    """Of a pod and hour. None: no price."""
    upper_bound: bool
    """Whether the price is only that, as of all spot."""
    currency: str


class DocumentJobClass(Args):
    """One class of jobs: the rungs in the order in which they are tried, and why it does not fit elsewhere."""

    name: str
    role: Literal["leader", "worker", "service"]
    strategy: Literal["reliable", "elastic", "cheapest", "staggered"]
    priority: Literal["high", "normal", "low"]
    pod: str
    maximum_pods: int
    rungs: Sequence[DocumentRung]
    rejected: Mapping[str, str]
    placement: Mapping[str, JsonValue]
    """What a pod template of the class must have."""


class DocumentBandwidth(Args):
    """Bandwidth of one direction, in Gbit/s. None: nothing is guaranteed, or no limit of its own."""

    worst: int | None
    best: int | None


class DocumentThrottle(Args):
    """Who gets how much of the pool."""

    kind: str
    """`class`, `level`, `group`, `bucket` or `requester`."""
    name: str
    upload: DocumentBandwidth
    download: DocumentBandwidth
    note: str


class DocumentThrottling(Args):
    """OSS throttling: the pool, who gets how much of it, and what is not protected."""

    enabled: bool
    pool: str
    rows: Sequence[DocumentThrottle]
    notes: Sequence[str]
    not_protected: Sequence[str]
    support_request: str
    """The ticket by which the pool is ordered, or a bucket is added to it."""


class DocumentTenant(Args):
    """One tenant."""

    name: str
    description: str
    parent: str
    """Tenant that it is a part of, or an empty text."""
    cost_center: str
    namespaces: Sequence[str]
    members: Mapping[str, int]
    """How many people and pipelines have each role."""
    promised: Mapping[str, DocumentRange]
    """Guarantee and maximum by resource: `vcpu`, `memoryGib`, `gpuMemoryGib`, `gpus.<model>`."""
    pods: int
    ram_roles: int
    reads: Sequence[str]
    """Parts of buckets that it may read, those of its own among them."""
    budget: Mapping[str, float]
    removal: Literal["keep", "delete"]


class DocumentPromise(Args):
    """One resource: what all tenants together are promised, beside what there is."""

    resource: str
    unit: str
    guaranteed: float
    maximum: float
    firm: float
    """What can be relied on."""
    most: float
    """What there may be at times."""
    ratio: float | None
    """Over-commitment: the maxima by the most that there may be. None: there is nothing."""
    source: str
    note: str


class DocumentWay(Args):
    """How one tenant reaches another. `*` stands for everybody, `platform` for what belongs to no tenant."""

    source: str
    target: str
    kind: Literal["network", "API", "identity", "data", "quota"]
    what: str
    """For data: the part of a bucket, or another thing of the target's; else an empty text."""
    how: Sequence[str]
    declared: str
    """Why it is meant to be so, or an empty text: then it is a hole."""


class DocumentTenancy(Args):
    """The tenants, what they are promised, and who reaches whom."""

    tenants: Sequence[DocumentTenant]
    promises: Sequence[DocumentPromise]
    ways: Sequence[DocumentWay]
    """All that anybody reaches of anybody else, computed from the resources; what is not here is not reachable."""
    notes: Sequence[str]

    @property
    def holes(self) -> list[DocumentWay]:
        """What nobody declared."""
        return [way for way in self.ways if not way.declared]


class DocumentSystem(Args):
    """One in-cluster system, in the order of installation."""

    name: str
    title: str
    version: str
    """`current` for what ACK gives."""
    channel: Literal["add-on", "marketplace chart", "chart", "manifests"]
    package: str
    """Name of the add-on or chart."""
    source: str
    """Repository of the chart, or directory of the manifests; empty for add-ons."""
    namespace: str
    requires: Sequence[str]
    needed_by: Sequence[str]
    """Systems for which it comes along, where nobody asked for it."""
    definitions: Sequence[str]
    """Custom resource definitions that it owns."""


class DocumentQueue(Args):
    """One queue of the tree, after its parent."""

    name: str
    path: str
    """Names from the root, joined by hyphens."""
    depth: int
    """0 for the root."""
    tenants: Sequence[str]
    namespaces: Sequence[str]
    amounts: Mapping[str, DocumentRange]
    """Minimum and maximum by resource: `vcpu`, `memoryGib`, `gpuMemoryGib`, `gpus.<model>`, `pods`."""
    minima_below: Mapping[str, float]
    """Sum of the minima of the queues below it, by resource. Empty for leaves."""
    settings: Sequence[str]
    """What differs from the defaults, in words."""


class DocumentQueues(Args):
    """The queues of the cluster."""

    engine: Literal["elastic-quota-tree", "kueue", "koordinator"]
    queues: Sequence[DocumentQueue]
    kinds: Sequence[str]
    """Kinds of jobs that queue; the pods of others only count."""
    notes: Sequence[str]


class DocumentAdmissionRule(Args):
    """One rule that is held at admission."""

    rule: str
    level: Literal["deny", "warn", "dryrun"]
    by: Sequence[str]
    """ACK's policies, or the kind of Gatekeeper's constraint."""
    namespaces: Sequence[str]
    """Empty: all that have the label of a tenant."""
    parameters: Mapping[str, JsonValue]
    must: str


class DocumentAdmission(Args):
    """What Gatekeeper holds in the tenants' namespaces, whoever submits it."""

    rules: Sequence[DocumentAdmissionRule]
    left_out: Mapping[str, Sequence[str]]
    """Rules that are not held there, by the reason."""


class DocumentDelivery(Args):
    """What a cache delivers with what its source guarantees."""

    capacity_gib: float
    hits: float
    """Share of reads that it answers once it is warm, 0 to 1."""
    cache_gbps: float
    """Of all workers together."""
    pod_gbps: float
    """Of one pod that reads alone."""
    reader_gbps: float | None
    """Of each reader while all read. None: nothing is known of their nodes."""
    epoch_minutes: float | None
    """Of a pass of all readers over the data, once it is warm."""
    cold_epoch_minutes: float | None
    """Of the first pass."""
    warm_up_minutes: DocumentRange
    """Of filling it before: with all that the source can give, and with what it guarantees."""
    limit: str
    """What keeps it from more."""
    target: str
    """What was asked for, or an empty text."""
    month: float | None
    """Cost of the workers' part of their nodes, which the pools' cost holds already. None: no price."""
    currency: str


class DocumentDataset(Args):
    """One dataset: where data come from, what caches them, and what that delivers."""

    name: str
    description: str
    of: str
    """The dataset that this is a part of, or an empty text."""
    sources: Sequence[str]
    size_gib: float | None
    namespaces: Sequence[str]
    tenant: str
    kind: Literal["jindo", "alluxio", "juicefs", "thin"]
    consistency: Literal["static", "periodic", "event-driven", "separate-writes", "read-write"]
    guarantees: str
    costs: str
    pool: str
    zone: str
    medium: str
    """Of the cache; an empty text where there is none."""
    workers: int
    quota_gib: int
    """Cache of one worker."""
    delivery: DocumentDelivery | None
    """None: there is no cache, or its nodes are not known."""
    notes: Sequence[str]


class DocumentMonitor(Args):
    """What reads the metrics of one part of the platform, and what it brings by estimate."""

    name: str
    title: str
    kind: Literal["PodMonitor", "ServiceMonitor", "chart", "managed"]
    targets: DocumentRange
    series: DocumentRange
    samples_per_second: DocumentRange
    unconfirmed: str = ""
    """What no source confirms of it, or an empty text."""


class DocumentAlarm(Args):
    """One alarm."""

    name: str
    severity: Literal["critical", "warning", "info"]
    owner: Literal["platform", "tenant"]
    channel: Literal["Prometheus", "CloudMonitor", "Log Service", "Loki"]
    threshold: float | None
    unit: str
    comparison: str = ""
    """How values are compared with the threshold, such as `<`."""
    for_minutes: int
    tells: Sequence[str]
    """Names of targets that it can reach."""
    runbook: str


class DocumentObjective(Args):
    """One service-level objective, over 30 days."""

    name: str
    title: str
    percent: float
    seconds: float | None = None


class DocumentDashboard(Args):
    """One dashboard."""

    id: str
    title: str
    folder: str
    panels: int
    left_out: Sequence[str]
    """Panels of which no system brings the metrics."""


class DocumentHistoryServer(Args):
    """A server that shows finished jobs. days: for which a job must be there; kept_days: for which the bucket keeps
    logs, None for ever; members: people who may open it."""

    name: str
    tenant: str
    kind: Literal["Spark", "Ray"]
    namespaces: Sequence[str]
    reads: str
    days: int | None
    kept_days: int | None
    address: str
    members: int


class DocumentHistory(Args):
    """What shows finished jobs."""

    servers: Sequence[DocumentHistoryServer]
    notes: Sequence[str]


class DocumentMonitoring(Args):
    """What is watched, and who is told."""

    monitors: Sequence[DocumentMonitor]
    alarms: Sequence[DocumentAlarm]
    objectives: Sequence[DocumentObjective]
    dashboards: Sequence[DocumentDashboard]
    samples_per_second: DocumentRange
    sample_limit: int
    retention_days: int
    paid_gb: DocumentRange
    """GB of samples a month that are paid for."""
    report: str = ""
    """When the report of costs is made, where it lies and for how long, or an empty text."""
    notes: Sequence[str]


class DocumentLogStore(Args):
    """Where logs are kept."""

    name: str
    kind: StoreKind
    tenant: str
    """Tenant that it belongs to, or an empty text for the platform's."""
    retention_days: int | None
    """None: not ours to say."""
    hot_days: int | None
    """None: all of them."""
    made: bool
    """False for what ACK makes."""
    pipelines: int
    alarms: Sequence[str]
    month: DocumentRange | None
    """Cost. None: no price, or no volume is stated."""
    currency: str


class DocumentPipeline(Args):
    """One way of entries into a store."""

    name: str
    kind: Literal["business", "engine", "platform"]
    namespaces: Sequence[str]
    source: str
    format: str
    """What is taken apart, or an empty text for lines as they are."""
    store: str


class DocumentLogs(Args):
    """What logs are collected, and where they are kept."""

    collector: Literal["loongcollector", "logtail", "alloy"]
    stores: Sequence[DocumentLogStore]
    pipelines: Sequence[DocumentPipeline]
    saved_queries: int
    notes: Sequence[str]


class DocumentCapacity(Args):
    """What the environment can hold."""

    nodes: DocumentRange
    vcpu: DocumentRange
    memory_gib: DocumentRange
    gpus: DocumentRange
    pods: DocumentRange
    serverless_pods: int
    gpus_by_model: Mapping[str, DocumentRange]
    pools: Sequence[DocumentPool]
    addresses: Sequence[DocumentAddresses]
    address_needs: Sequence[DocumentAddressNeed]
    unknown_instance_types: Sequence[str]


class DocumentCostLine(Args):
    """One line of the estimate, a month."""

    resource: str
    item: str
    minimum: float | None
    """None: no price."""
    maximum: float | None
    currency: str
    note: str


class DocumentCost(Args):
    """The estimated cost of a month at list prices."""

    price_date: str
    """Date of the price book."""
    complete: bool
    """False: at least the totals; see the lines without amounts."""
    totals: Mapping[str, DocumentRange]
    """By currency; currencies are not converted."""
    lines: Sequence[DocumentCostLine]


class Document(Args):
    """The preview of one environment."""

    schema_version: Literal[1] = 1
    environment: str
    project: str
    flavor: Literal["ack", "upstream"]
    region: str
    resources: Sequence[DocumentResource]
    outputs: Mapping[str, JsonValue]
    findings: Sequence[DocumentFinding]
    policies: DocumentPolicies
    capacity: DocumentCapacity
    job_classes: Sequence[DocumentJobClass] = ()
    throttling: DocumentThrottling | None = None
    """None: an environment without buckets."""
    tenancy: DocumentTenancy | None = None
    """None: an environment without tenants."""
    systems: Sequence[DocumentSystem] = ()
    queues: DocumentQueues | None = None
    """None: jobs do not queue."""
    admission: DocumentAdmission | None = None
    """None: nothing is held at admission but what tenants bring."""
    datasets: Sequence[DocumentDataset] = ()
    monitoring: DocumentMonitoring | None = None
    """None: nothing is watched."""
    history: DocumentHistory | None = None
    """None: nothing shows finished jobs."""
    logs: DocumentLogs | None = None
    """None: nothing collects logs."""
    unconfirmed: Mapping[str, str] = {}
    """What no source confirms of an in-cluster system, by its name."""
    cost: DocumentCost

    @property
    def failed(self) -> bool:
        """Whether a mandatory policy is violated, or a tenant reaches what nobody let it."""
        holes = self.tenancy.holes if self.tenancy else ()
        return bool(holes) or any(finding.fails for finding in self.findings)


def declared(recording: Recording) -> list[Resource]:
    """The recorded resources, as capacity and cost count them."""
    regions = {
        r.urn: str(r.inputs.get("region", "")) for r in recording.resources if r.type.startswith("pulumi:providers:")
    }
    return [
        Resource(r.type, r.name, r.inputs, regions.get(r.provider.rpartition("::")[0], "")) for r in recording.resources
    ]


def build(
    environment: Environment, recording: Recording, findings: Report, *, unknown_outputs: bool = False
) -> Document:
    """Put a document together. unknown_outputs: list each resource's unknown outputs, which loads every SDK module."""
    resources = declared(recording)
    systems = watched_systems(environment, recording.stack)
    cost = _cost(environment, recording.stack, resources)
    watched = _monitoring(environment, recording.stack)
    return Document(
        environment=recording.stack,
        project=recording.project,
        flavor=environment.flavor,
        region=environment.region if environment.flavor == "ack" else "",
        resources=[_resource(r, unknown_outputs=unknown_outputs) for r in recording.resources],
        outputs=recording.outputs,
        findings=[
            DocumentFinding.model_validate(
                {
                    "policy": f.rule,
                    "severity": f.severity,
                    "enforcement_level": f.level,
                    "resource": f.resource,
                    "message": f.message,
                    "kind": f.kind,
                    "unknown": f.unknown,
                }
            )
            for f in findings.findings
        ],
        policies=DocumentPolicies(
            outcomes=findings.outcomes,
            idle_exceptions=idle_exceptions(findings),
            config=policy_config(environment, recording.stack),
        ),
        capacity=_capacity(environment, resources),
        job_classes=_job_classes(environment),
        throttling=_throttling(environment, recording.stack),
        tenancy=tenancy(environment, recording),
        systems=[_system(system) for system in systems],
        datasets=_datasets(environment, recording.stack),
        monitoring=watched,
        history=_history(environment, recording.stack),
        logs=_logs(environment, recording, cost),
        queues=_queues(queue_plan(environment, recording.stack)) if environment.in_cluster else None,
        admission=_admission(admission_plan(environment, recording.stack)),
        unconfirmed={
            **{f"system {system.name}": system.unconfirmed for system in systems if system.unconfirmed},
            **{f"monitor {m.name}": m.unconfirmed for m in (watched.monitors if watched else ()) if m.unconfirmed},
        },
        cost=cost,
    )


def _resource(recorded: Recorded, *, unknown_outputs: bool) -> DocumentResource:
    return DocumentResource(
        urn=recorded.urn,
        type=recorded.type,
        name=recorded.name,
        custom=recorded.custom,
        parent=recorded.parent,
        provider=recorded.provider.rpartition("::")[0],
        inputs=recorded.inputs,
        options=_options(recorded.options),
        dependencies=recorded.dependencies,
        property_dependencies=recorded.property_dependencies,
        unknown_outputs=_unknown_outputs(recorded) if unknown_outputs else (),
    )


def _options(options: Options) -> dict[str, Any]:
    camel = {name: re.sub("_(.)", lambda m: m[1].upper(), name) for name in options.__dataclass_fields__}
    values = {name: getattr(options, name) for name in camel}
    return {camel[name]: list(value) if isinstance(value, tuple) else value for name, value in values.items() if value}


def _unknown_outputs(recorded: Recorded) -> list[str]:
    if not recorded.custom:
        return []
    return ["id", *sorted(_output_names(recorded.type) - set(recorded.inputs))]


@functools.cache
def _output_names(token: str) -> frozenset[str]:
    """The output properties of a resource type, read from its SDK class."""
    package, module, name = token.split(":")
    if package == "pulumi":
        return frozenset()
    path = module.split("/")[0] if package == "alicloud" else module.split("/")[0].replace(".", "_")
    modules = [f"pulumi_{package}.{path}", f"pulumi_{package}.{module.replace('/', '.').removesuffix('.k8s.io')}"]
    for candidate in modules:
        try:
            cls = getattr(importlib.import_module(candidate), name)
        except (ImportError, AttributeError):
            continue
        return frozenset(_types.resource_types(cls))
    return frozenset()


def _range(value: Range) -> DocumentRange:
    return DocumentRange(minimum=value.minimum, maximum=value.maximum)


def _capacity(environment: Environment, resources: Sequence[Resource]) -> DocumentCapacity:
    total = total_capacity(resources)
    network = environment.network
    addresses: list[DocumentAddresses] = []
    needs: Sequence[AddressNeed] = ()
    if network is not None:
        plan = plan_network(network, environment.region)
        needs = address_needs(environment, pool_plans(environment), plan)
        addresses = [
            DocumentAddresses(
                role=need.role,
                zone=zone,
                cidrs=[str(vswitch.cidr) for vswitch in plan.of(need.role, zone)],
                available=plan.addresses(need.role, zone),
            )
            for need in needs
            for zone in network.zones
        ]
    pools: list[DocumentPool] = []
    for resource in resources:
        for pool in pool_sizes([resource]):
            own = total_capacity([resource])
            pools.append(
                DocumentPool(
                    name=pool.name.removesuffix("-pool"),
                    instance_types=[*(t.name for t in pool.instance_types), *pool.unknown_types],
                    spot=pool.spot,
                    nodes=_range(own.nodes),
                    vcpu=_range(own.vcpu),
                    memory_gib=_range(own.memory_gib),
                    gpus=_range(own.gpus),
                    pods=_range(own.pods),
                )
            )
    return DocumentCapacity(
        nodes=_range(total.nodes),
        vcpu=_range(total.vcpu),
        memory_gib=_range(total.memory_gib),
        gpus=_range(total.gpus),
        pods=_range(total.pods),
        serverless_pods=environment.serverless.maximum_pods,
        gpus_by_model={model: _range(value) for model, value in total.gpus_by_model.items()},
        pools=pools,
        addresses=addresses,
        address_needs=[DocumentAddressNeed(**asdict(need)) for need in needs],
        unknown_instance_types=total.unknown,
    )


def _job_classes(environment: Environment) -> list[DocumentJobClass]:
    return [
        DocumentJobClass(
            name=plan.name,
            role=plan.args.role,
            strategy=plan.args.strategy,
            priority=plan.priority,
            pod=plan.args.pod.text,
            maximum_pods=plan.args.maximum_pods,
            rungs=[
                *(_rung(rung, "peak" if plan.off_peak_rungs else "always") for rung in plan.rungs),
                *(_rung(rung, "off-peak") for rung in plan.off_peak_rungs),
            ],
            rejected=plan.rejected,
            placement=plan.placement,
        )
        for plan in job_class_plans(environment).values()
    ]


def _throttling(environment: Environment, stack: str) -> DocumentThrottling | None:
    args, names = environment.throttling, environment.bucket_names(stack)
    if not names:
        return None
    plan = plan_throttling(args, names, roles(environment)) if args.enabled else None
    return DocumentThrottling(
        enabled=args.enabled,
        pool=plan.pool if plan else "",
        rows=[
            DocumentThrottle(
                kind=row.kind,
                name=row.name,
                upload=_bandwidth(row, "upload_total"),
                download=_bandwidth(row, "download_total"),
                note=row.note,
            )
            for row in (plan.table if plan else ())
        ],
        notes=plan.notes if plan else (),
        not_protected=not_protected(args, names),
        support_request=support_request(environment.region, plan) if plan else "",
    )


def tenancy(environment: Environment, recording: Recording) -> DocumentTenancy | None:
    """The tenants of an environment, who reaches whom as it will be once the cloud has named what it names."""
    if not environment.tenants:
        return None
    stack = recording.stack
    around, pools = surroundings(environment, stack), pool_plans(environment)
    plans = tenant_plans(environment, around)
    network = network_of(environment)
    pod_networks = [vswitch.cidr for vswitch in network.of("pods")] if network else [IPv4Network("0.0.0.0/0")]
    resources = [Resource(r.type, r.name, r.applied) for r in recording.resources]
    found = tenant_isolation(resources, assets_of(plans, around), pod_networks)
    shared: dict[tuple[str, str, Any, str], str] = dict(sharing(plans))
    for entries in (dataset_sharing(environment, stack), history_sharing(environment, stack)):
        for way, reason in entries.items():
            shared[way] = f"{shared[way]}; {reason}" if way in shared else reason
    ways: dict[tuple[str, str, Any, str], list[str]] = {}
    for way in found.ways:
        ways.setdefault((way.source, way.target, way.kind, way.what), []).append(way.how)
    rows = promised(environment, stack, pools) if environment.flavor == "ack" else ()
    return DocumentTenancy(
        tenants=[_tenant(plan) for plan in plans.values()],
        promises=[
            DocumentPromise(
                resource=row.resource,
                unit=row.unit,
                guaranteed=row.guaranteed,
                maximum=row.maximum,
                firm=row.available.firm,
                most=row.available.most,
                ratio=None if row.ratio is None else round(row.ratio, 2),
                source=row.available.source,
                note=row.note,
            )
            for row in rows
        ],
        ways=[
            DocumentWay(
                source=source,
                target=target,
                kind=kind,
                what=what,
                how=how,
                declared=shared.get((source, target, kind, what), ""),
            )
            for (source, target, kind, what), how in ways.items()
        ],
        notes=tenancy_notes(environment),
    )


def _tenant(plan: TenantPlan) -> DocumentTenant:
    args = plan.args
    return DocumentTenant(
        name=plan.name,
        description=args.description,
        parent=args.parent or "",
        cost_center=args.cost_center,
        namespaces=[namespace.name for namespace in plan.namespaces],
        members={role: len(people) for role, people in plan.people.items() if people},
        promised={
            path: DocumentRange(minimum=promise.guaranteed, maximum=promise.most)
            for path, promise in promises(args)
            if promise.most
        },
        pods=args.resources.pods,
        ram_roles=len(plan.accounts),
        reads=[
            *(f"{own.bucket}/{prefix_of(plan.name, args, entry)}" for entry, own in args.prefixes.items()),
            *(f"{dataset.bucket}/{dataset.prefix}" for dataset in args.datasets.values()),
            *(f"{own_bucket(plan.id, role)}/" for role in args.buckets),
        ],
        budget={**args.budget},
        removal=args.removal,
    )


def _system(plan: SystemPlan) -> DocumentSystem:
    return DocumentSystem(
        name=plan.name,
        title=plan.title,
        version=plan.version or "current",
        channel=plan.channel,
        package=plan.package,
        source=plan.repository,
        namespace=plan.namespace,
        requires=plan.requires,
        needed_by=plan.needed_by,
        definitions=plan.definitions,
    )


def _queues(plan: QueuePlan) -> DocumentQueues | None:
    if not plan.nodes:
        return None
    namespace = plan.leaves[0].namespaces[0]
    depths: dict[str, int] = {}
    queues: list[DocumentQueue] = []
    for node in plan.nodes.values():
        depths[node.name] = depths[node.parent] + 1 if node.parent else 0
        below = [plan.nodes[child] for child in node.children]
        queues.append(
            DocumentQueue(
                name=node.name,
                path=node.path,
                depth=depths[node.name],
                tenants=node.tenants,
                namespaces=node.namespaces,
                amounts={
                    path: DocumentRange(minimum=node.minimum[path], maximum=node.maximum[path]) for path in node.maximum
                },
                minima_below={path: sum(child.minimum[path] for child in below) for path in node.maximum if below},
                settings=settings_of(node, fair_sharing=plan.fair_sharing),
            )
        )
    return DocumentQueues(
        engine=plan.engine, queues=queues, kinds=sorted(markers(plan, namespace)), notes=queue_notes(plan)
    )


def _admission(plan: AdmissionPlan | None) -> DocumentAdmission | None:
    if plan is None:
        return None
    return DocumentAdmission(
        rules=[
            DocumentAdmissionRule.model_validate(
                {
                    "rule": rule.declaration.name,
                    "level": rule.level,
                    "by": plan.holders(rule),
                    "namespaces": rule.namespaces,
                    "parameters": rule.parameters,
                    "must": rule.declaration.must,
                }
            )
            for rule in plan.rules
        ],
        left_out={
            reason: [name for name in plan.left_out if plan.left_out[name] == reason]
            for reason in sorted({*plan.left_out.values()})
        },
    )


def _datasets(environment: Environment, stack: str) -> list[DocumentDataset]:
    notes = dataset_notes(environment)
    return [_dataset(plan, notes.get(name, ())) for name, plan in dataset_plans(environment, stack).items()]


def _dataset(plan: DatasetPlan, notes: Sequence[str]) -> DocumentDataset:
    args = plan.args
    chosen = CONSISTENCY[args.consistency]
    return DocumentDataset(
        name=plan.name,
        description=args.description,
        of=plan.source,
        sources=[f"{plan.source}{args.directory}"] if plan.source else [m.text for m in args.mounts.values()],
        size_gib=args.size_gib,
        namespaces=args.namespaces,
        tenant=args.tenant or "",
        kind=plan.kind,
        consistency=args.consistency,
        guarantees=chosen.guarantees.replace("`staleSeconds`", f"{args.stale_seconds} seconds"),
        costs=chosen.costs,
        pool=plan.pool,
        zone=plan.zone,
        medium=plan.tier.medium if plan.tier else "",
        workers=plan.workers,
        quota_gib=plan.tier.quota_gib if plan.tier else 0,
        delivery=_delivery(plan),
        notes=[*plan.notes, *notes],
    )


def _delivery(plan: DatasetPlan) -> DocumentDelivery | None:
    found, best, target = plan.delivery, plan.at_best, plan.args.target
    if found is None or best is None or plan.proposal is None:
        return None
    known = math.isfinite(found.shared_pod_gbps)
    wanted = [
        *([f"{target.pod_gbps:g} Gbit/s a pod"] if target and target.pod_gbps else []),
        *([f"a pass in {target.epoch_minutes:g} min"] if target and target.epoch_minutes else []),
    ]
    return DocumentDelivery(
        capacity_gib=found.capacity_gib,
        hits=round(found.hits, 4),
        cache_gbps=found.cache_gbps,
        pod_gbps=round(found.pod_gbps, 3),
        reader_gbps=round(found.shared_pod_gbps, 3) if known else None,
        epoch_minutes=round(found.epoch_minutes, 2) if known else None,
        cold_epoch_minutes=round(found.cold_epoch_minutes, 2) if known else None,
        warm_up_minutes=DocumentRange(minimum=round(best.warm_up_minutes, 2), maximum=round(found.warm_up_minutes, 2)),
        limit=plan.proposal.bottleneck,
        target=f"{', '.join(wanted)}, {target.when}" if target and wanted else "",
        month=None if found.month is None else round(found.month, 2),
        currency=found.node.currency,
    )


def _monitoring(environment: Environment, stack: str) -> DocumentMonitoring | None:
    plan = monitoring_plan(environment, stack)
    if plan is None:
        return None
    reached = told(plan.rules.alarms, plan.routes)
    alarms = [
        DocumentAlarm(
            name=alarm.name,
            severity=alarm.severity,
            owner=alarm.owner,
            channel="Prometheus",
            threshold=alarm.threshold,
            unit=alarm.unit,
            comparison=alarm.comparison,
            for_minutes=alarm.for_minutes,
            tells=reached[alarm.name],
            runbook=alarm.runbook,
        )
        for alarm in plan.rules.alarms
    ]
    alarms += _storage_alarms(environment) + _log_alarms(environment, stack, plan.routes)
    return DocumentMonitoring(
        monitors=[
            DocumentMonitor(
                name=name,
                title=monitor.title,
                kind=monitor.kind,
                targets=_range(plan.loads[name].targets),
                series=_range(plan.loads[name].series),
                samples_per_second=_range(plan.loads[name].samples_per_second),
                unconfirmed=monitor.unconfirmed,
            )
            for name, monitor in plan.monitors.items()
        ],
        alarms=sorted(alarms, key=lambda alarm: SEVERITIES.index(alarm.severity)),
        objectives=[
            DocumentObjective(name=name, title=objective.title, percent=args.percent, seconds=seconds)
            for name, (objective, args, seconds) in plan.objectives.items()
        ],
        dashboards=[
            DocumentDashboard(
                id=dashboard.id,
                title=dashboard.file.title,
                folder=dashboard.file.folder,
                panels=dashboard.panels,
                left_out=dashboard.left_out,
            )
            for dashboard in plan.dashboards
        ],
        samples_per_second=_range(plan.samples_per_second),
        sample_limit=plan.args.metrics.samples_per_second,
        retention_days=plan.retention_days,
        paid_gb=_range(plan.gigabytes),
        report=report_line(environment, plan),
        notes=monitoring_notes(plan),
    )


def _history(environment: Environment, stack: str) -> DocumentHistory | None:
    plan = history_plan(environment, stack)
    if plan is None:
        return None
    ack = environment.flavor == "ack"
    servers: list[DocumentHistoryServer] = []
    for server in (*plan.spark, *plan.ray):
        of_ray = isinstance(server, RayServer)
        entry = plan.args.ray if of_ray else plan.args.spark
        assert entry is not None, "there are no servers without it"
        bucket = environment.buckets.get(entry.bucket)
        servers.append(
            DocumentHistoryServer(
                name=server.name,
                tenant=server.tenant,
                kind="Ray" if of_ray else "Spark",
                namespaces=server.namespaces,
                reads=server.place,
                days=entry.retention_days if ack else None,
                kept_days=bucket.expire_after_days if bucket else None,
                address=plan.address(server),
                members=len(server.people),
            )
        )
    return DocumentHistory(servers=servers, notes=history_notes(plan))


def _logs(environment: Environment, recording: Recording, cost: DocumentCost) -> DocumentLogs | None:
    plan = log_plan(environment, recording.stack)
    if plan is None:
        return None
    stores = {
        str(r.inputs["logstoreName"]): r.name for r in recording.resources if r.type == "alicloud:log/store:Store"
    }
    lines: dict[str, list[DocumentCostLine]] = {}
    for line in cost.lines:
        lines.setdefault(line.resource, []).append(line)
    alarms = alarms_of(plan)
    return DocumentLogs(
        collector=plan.collector,
        stores=[
            _log_store(
                store,
                [pipeline.name for pipeline in plan.pipelines if pipeline.store == store.name],
                [alarm.name for alarm, about in alarms if about == store],
                lines.get(stores.get(store.name, ""), ()),
            )
            for store in plan.stores
        ],
        pipelines=[
            DocumentPipeline(
                name=pipeline.name,
                kind=pipeline.kind,
                namespaces=pipeline.namespaces,
                source=pipeline.source,
                format=FORMATS[pipeline.format].title if pipeline.format else "",
                store=pipeline.store,
            )
            for pipeline in plan.pipelines
        ],
        saved_queries=sum(len(queries) for queries in queries_of(plan).values()),
        notes=log_notes(plan),
    )


def _log_store(
    store: StorePlan, pipelines: Sequence[str], alarms: Sequence[str], lines: Sequence[DocumentCostLine]
) -> DocumentLogStore:
    priced = [(line.minimum, line.maximum) for line in lines if line.minimum is not None and line.maximum is not None]
    whole = DocumentRange(minimum=sum(low for low, _ in priced), maximum=sum(high for _, high in priced))
    return DocumentLogStore(
        name=store.name,
        kind=store.kind,
        tenant=store.tenant,
        retention_days=store.retention_days,
        hot_days=store.hot_days,
        made=store.ours,
        pipelines=len(pipelines),
        alarms=alarms,
        month=whole if priced else None,
        currency=next((line.currency for line in lines if line.currency), ""),
    )


def _storage_alarms(environment: Environment) -> list[DocumentAlarm]:
    """Those that CloudMonitor raises on buckets."""
    if environment.notifications.silent or environment.flavor == "upstream":
        return []
    return [
        DocumentAlarm(
            name=name,
            severity=alarm.severity,
            owner="platform",
            channel="CloudMonitor",
            threshold=None,
            unit="",
            for_minutes=0,
            tells=["platform"],
            runbook=f"{environment.observability.runbooks}#{name.lower()}",
        )
        for name, alarm in STORAGE_ALARMS.items()
        if environment.storage_alarms.throttling or name == "BucketServerErrors"
    ]


def _log_alarms(environment: Environment, stack: str, routes: Sequence[Route]) -> list[DocumentAlarm]:
    """Those that are raised on logs."""
    plan = log_plan(environment, stack)
    if plan is None:
        return []
    found = {alarm.name: alarm for alarm, _ in alarms_of(plan)}
    cloud = environment.flavor == "ack"
    return [
        DocumentAlarm(
            name=alarm.name,
            severity=alarm.severity,
            owner=alarm.owner,
            channel="Log Service" if cloud else "Loki",
            threshold=alarm.threshold,
            unit="entry" if alarm.threshold == 1 else "entries",
            comparison="<" if alarm.silence else ">=",
            for_minutes=alarm.minutes,
            tells=[f"action policy {plan.args.action_policy}"]
            if cloud
            else sorted(
                {r.target for r in routes if alarm.severity in r.severities and r.owner in (None, alarm.owner)}
            ),
            runbook=runbook(alarm, plan),
        )
        for alarm in found.values()
    ]


def _bandwidth(row: GuaranteeRow, item: str) -> DocumentBandwidth:
    worst = row.worst.items[item] if row.worst else UNLIMITED
    best = row.best.items[item]
    return DocumentBandwidth(
        worst=None if worst == UNLIMITED else worst,
        best=None if best == UNLIMITED else best,
    )


def _rung(rung: Rung, when: Literal["always", "peak", "off-peak"]) -> DocumentRung:
    fit = rung.fit
    price = fit.price
    return DocumentRung(
        when=when,
        name=rung.name,
        kind=rung.kind,
        holds=fit.types,
        per_node=_range(fit.per_node),
        pods=rung.pods,
        price=None
        if price is None
        else DocumentRange(minimum=round(price.minimum, 4), maximum=round(price.maximum, 4)),
        upper_bound=rung.upper_bound,
        currency=fit.currency,
    )


def _cost(environment: Environment, stack: str, resources: Sequence[Resource]) -> DocumentCost:
    cost = estimate(resources, catalog.price_book(), Usage(**usage_by_resource(environment, stack)))
    return DocumentCost(
        price_date=cost.date,
        complete=cost.complete,
        totals={currency: _range(total) for currency, total in cost.totals.items()},
        lines=[
            DocumentCostLine(
                resource=line.resource,
                item=line.item,
                minimum=None if line.cost is None else round(line.cost.minimum, 2),
                maximum=None if line.cost is None else round(line.cost.maximum, 2),
                currency=line.currency,
                note=line.note,
            )
            for line in cost.lines
        ],
    )
