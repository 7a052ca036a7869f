"""One line about a resource, for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from components.alarms import BANDWIDTH_METRICS, BYTES_A_MINUTE
from components.observability.args import SEVERITIES
from components.storage import RESTORE_TIMES

from .diff import Diff
from .document import (
    Document,
    DocumentAdmission,
    DocumentAdmissionRule,
    DocumentAlarm,
    DocumentDataset,
    DocumentFinding,
    DocumentHistoryServer,
    DocumentJobClass,
    DocumentLogs,
    DocumentLogStore,
    DocumentMonitor,
    DocumentMonitoring,
    DocumentPipeline,
    DocumentPromise,
    DocumentQueue,
    DocumentQueues,
    DocumentRange,
    DocumentRung,
    DocumentSystem,
    DocumentTenancy,
    DocumentTenant,
    DocumentThrottle,
    DocumentWay,
)

Inputs = Mapping[str, Any]


def describe(type_token: str, inputs: Inputs) -> str:
    """What a platform engineer wants to know of a resource at a glance; "" where its name says it all."""
    describer = _DESCRIBERS.get(type_token)
    return describer(inputs) if describer else ""


def short_type(type_token: str) -> str:
    """`alicloud:vpc/switch:Switch` as `vpc.Switch`, `ack-ai-blueprint:network:Network` as `Network`."""
    package, module, name = type_token.split(":")
    if package == "pulumi":
        return "provider"
    if package == "pulumi-python":
        return f"{module.partition('/')[2]}.{name}"
    if package == "ack-ai-blueprint":
        return name
    return f"{module.split('/')[0].split('.')[0]}.{name}"


def span(minimum: float, maximum: float, unit: str = "") -> str:
    """`3`, or `3 to 60` where the two differ."""
    text = f"{minimum:,.0f}" if minimum == maximum else f"{minimum:,.0f} to {maximum:,.0f}"
    return f"{text} {unit}".rstrip()


def money(totals: Mapping[str, DocumentRange]) -> str:
    """`CNY 100 to 200 + USD 5`."""
    return " + ".join(f"{currency} {span(total.minimum, total.maximum)}" for currency, total in totals.items())


def cost_before(document: Document, diff: Diff | None) -> str:
    """` (before: CNY 90)` where a comparison shows another cost, else ""."""
    before = diff.cost_before if diff is not None else {}
    return f" (before: {money(before)})" if before and before != document.cost.totals else ""


def ladder(job: DocumentJobClass) -> str:
    """The rungs of a class in their order: `data > data-spot (spot) > acs general-purpose`."""
    parts: dict[str, list[str]] = {}
    for rung in job.rungs:
        parts.setdefault(rung.when, []).append(f"{rung.name} (spot)" if rung.kind == "spot" else rung.name)
    return "; ".join((f"{when}: " if when != "always" else "") + " > ".join(names) for when, names in parts.items())


def rung_cells(rung: DocumentRung) -> tuple[str, str, str, str, str]:
    """Name, what holds a pod, pods a node, pods at most and price of a rung, as a table shows them."""
    spot, when = " (spot)" if rung.kind == "spot" else "", f"{rung.when}: " if rung.when != "always" else ""
    if rung.price is None:
        price = "no price"
    elif not rung.price.maximum:
        price = "paid already"
    else:
        low, high = (f"{amount:,.2f}" for amount in (rung.price.minimum, rung.price.maximum))
        bound = "up to " if rung.upper_bound else ""
        price = f"{bound}{rung.currency} {high if low == high or bound else f'{low} to {high}'}"
    per_node = "" if rung.kind == "serverless" else span(rung.per_node.minimum, rung.per_node.maximum)
    return f"{when}{rung.name}{spot}", " or ".join(rung.holds), per_node, f"{rung.pods:,}", price


def throttle_cells(throttle: DocumentThrottle) -> tuple[str, str, str, str, str]:
    """Kind, name, upload, download and note of a throttle, as a table shows them; Gbit/s."""
    amounts = (
        f"{'-' if part.worst is None else part.worst} to {'unlimited' if part.best is None else part.best}"
        for part in (throttle.upload, throttle.download)
    )
    upload, download = amounts
    return throttle.kind, throttle.name, upload, download, throttle.note


TENANT_COLUMNS = ("tenant", "namespaces", "people", "vCPU", "memory GiB", "GPUs", "pods", "budget of 30 days")


def tenant_cells(tenant: DocumentTenant) -> tuple[str, ...]:
    """A tenant as a table shows it."""
    name = f"{tenant.name} (of {tenant.parent})" if tenant.parent else tenant.name
    gpus = [f"{_promise(v)} {k.removeprefix('gpus.')}" for k, v in tenant.promised.items() if k.startswith("gpus.")]
    if "gpuMemoryGib" in tenant.promised:
        gpus.append(f"{_promise(tenant.promised['gpuMemoryGib'])} GiB shared")
    return (
        name,
        ", ".join(tenant.namespaces),
        ", ".join(f"{count} {role}" for role, count in tenant.members.items()),
        *(_promise(tenant.promised[key]) if key in tenant.promised else "0" for key in ("vcpu", "memoryGib")),
        ", ".join(gpus),
        f"{tenant.pods:,}",
        " + ".join(f"{currency} {amount:,.0f}" for currency, amount in tenant.budget.items()),
    )


def _promise(value: DocumentRange) -> str:
    return span(value.minimum, value.maximum)


PROMISE_COLUMNS = ("resource", "guaranteed", "can be relied on", "at most", "may be there", "over-commitment", "")


def promise_cells(promise: DocumentPromise) -> tuple[str, ...]:
    """A row of the capacity arithmetic as a table shows it."""
    return (
        f"{promise.resource} {promise.unit}".rstrip(),
        f"{promise.guaranteed:,.0f}",
        f"{promise.firm:,.0f}",
        f"{promise.maximum:,.0f}",
        f"{promise.most:,.0f}",
        "" if promise.ratio is None else f"{promise.ratio:.2f}",
        promise.note or promise.source,
    )


SYSTEM_COLUMNS = ("system", "version", "channel", "namespace", "needs", "what it is for")


def system_cells(system: DocumentSystem) -> tuple[str, ...]:
    """A system as a table shows it."""
    along = f" (for {', '.join(system.needed_by)})" if system.needed_by else ""
    return (
        f"{system.name}{along}",
        system.version,
        system.channel,
        system.namespace,
        ", ".join(system.requires),
        system.title,
    )


QUEUE_COLUMNS = ("queue", "tenants", "vCPU", "memory GiB", "GPUs", "pods", "")


def queue_cells(queue: DocumentQueue) -> tuple[str, ...]:
    """A queue as a table shows it: its minimum to its maximum of each resource."""
    gpus = [f"{_promise(v)} {k.removeprefix('gpus.')}" for k, v in queue.amounts.items() if k.startswith("gpus.")]
    shared = queue.amounts.get("gpuMemoryGib")
    if shared is not None and shared.maximum:
        gpus.append(f"{_promise(shared)} GiB shared")
    return (
        f"{'  ' * queue.depth}{queue.name}",
        ", ".join(queue.tenants),
        *(_promise(queue.amounts[key]) if key in queue.amounts else "" for key in ("vcpu", "memoryGib")),
        ", ".join(gpu for gpu in gpus if not gpu.startswith("0 ")),
        _promise(queue.amounts["pods"]) if "pods" in queue.amounts else "",
        ", ".join(queue.settings),
    )


def queue_sums(queue: DocumentQueue) -> str:
    """`root: minima below sum to 4,728 of 35,888 vCPU, …`, for a queue that has others below it."""
    parts = [
        f"{amount:,.0f} of {queue.amounts[path].minimum:,.0f} {path}"
        for path, amount in queue.minima_below.items()
        if queue.amounts[path].minimum
    ]
    return f"{queue.name}: the minima below it sum to {', '.join(parts)}"


def queue_lines(queues: DocumentQueues) -> list[str]:
    """What stands below the table of queues."""
    kinds = f"Engine {queues.engine}. These jobs queue: {', '.join(queues.kinds)}; the pods of others only count."
    return [*(queue_sums(queue) for queue in queues.queues if queue.minima_below), kinds, *queues.notes]


ADMISSION_COLUMNS = ("rule", "", "by", "where", "what must be true")


def admission_cells(rule: DocumentAdmissionRule) -> tuple[str, ...]:
    """A rule that is held at admission as a table shows it."""
    told = [
        f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in rule.parameters.items()
        if value
    ]
    where = ", ".join(rule.namespaces) or "all tenants"
    return (rule.rule, rule.level, ", ".join(rule.by), where, "; ".join([rule.must.removesuffix("."), *told]))


def admission_lines(admission: DocumentAdmission) -> list[str]:
    """What stands below the table of rules."""
    return [f"Not held there, {reason}: {', '.join(names)}." for reason, names in admission.left_out.items()]


DATASET_COLUMNS = (
    *("dataset", "from", "GiB", "cache", "held", "Gbit/s: all, a reader", "target"),
    *("a pass: first, then (min)", "warm-up (min)", "limited by", "its part of the nodes"),
)


def dataset_cells(dataset: DocumentDataset) -> tuple[str, ...]:
    """A dataset as a table shows it."""
    size = "" if dataset.size_gib is None else f"{dataset.size_gib:,.0f}"
    if dataset.of:
        cache = f"that of {dataset.of}"
    elif not dataset.medium:
        cache = f"none ({dataset.kind})"
    else:
        where = " in ".join(filter(None, [dataset.pool, dataset.zone]))
        cache = f"{dataset.workers} x {dataset.quota_gib:,} GiB {dataset.medium}{f', {where}' if where else ''}"
    first = (f"{dataset.name} ({dataset.consistency})", ", ".join(dataset.sources), size, cache)
    delivery = dataset.delivery
    if delivery is None:
        return (*first, "", "", "", "", "", "", "")
    reader = "" if delivery.reader_gbps is None else f", {_short(delivery.reader_gbps)}"
    passes = [m for m in (delivery.cold_epoch_minutes, delivery.epoch_minutes) if m is not None]
    return (
        *first,
        f"{delivery.hits:.0%}",
        f"{_short(delivery.cache_gbps)}{reader}",
        delivery.target,
        ", ".join(map(_short, passes)),
        span(delivery.warm_up_minutes.minimum, delivery.warm_up_minutes.maximum),
        delivery.limit,
        "no price" if delivery.month is None else f"{delivery.currency} {delivery.month:,.0f}",
    )


def _short(amount: float) -> str:
    """An amount with a digit after the point where it is small."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.1f}".removesuffix(".0")


def dataset_lines(datasets: Sequence[DocumentDataset]) -> list[str]:
    """What stands below the table of datasets."""
    lines: dict[str, list[str]] = {}
    for dataset in datasets:
        lines.setdefault(f"{dataset.consistency}: {dataset.guarantees} It costs: {dataset.costs}", []).append(
            dataset.name
        )
    return [
        *(f"{', '.join(names)}: {text.partition(': ')[2]}" for text, names in lines.items()),
        *(f"{dataset.name} {note}." for dataset in datasets for note in dataset.notes),
        "Figures are for the baseline of networks, without what targets of larger datasets take of them, and what "
        "throttling guarantees, or else allows; the source is not shared out. Costs are a part of the pools'.",
    ]


FEW_TENANTS = 8
"""Up to so many, who reaches whom is shown as a matrix; above, only what is reached."""


MONITOR_COLUMNS = ("monitor", "reads", "targets", "series", "samples a second")
ALARM_COLUMNS = ("severity", "alarm", "threshold", "for (min)", "tells")


def monitor_cells(monitor: DocumentMonitor) -> tuple[str, ...]:
    """A monitor as a table shows it."""
    kind = {"managed": "by managed Prometheus", "chart": "by its chart"}.get(monitor.kind, monitor.kind)
    ranges = (monitor.targets, monitor.series, monitor.samples_per_second)
    return (monitor.name, f"{monitor.title} ({kind})", *(span(r.minimum, r.maximum) for r in ranges))


def alarm_cells(alarm: DocumentAlarm) -> tuple[str, ...]:
    """An alarm as a table shows it."""
    threshold = (
        ""
        if alarm.threshold is None or not alarm.unit
        else f"{alarm.comparison} {alarm.threshold:g} {alarm.unit}".lstrip()
    )
    minutes = f"{alarm.for_minutes}" if alarm.for_minutes else "at once"
    name = alarm.name if alarm.channel == "Prometheus" else f"{alarm.name} ({alarm.channel})"
    return (alarm.severity, name, threshold, minutes, ", ".join(alarm.tells) or "nobody")


def monitoring_lines(monitoring: DocumentMonitoring) -> list[str]:
    """What stands below the tables of monitoring."""
    rate = monitoring.samples_per_second
    counts = {severity: sum(a.severity == severity for a in monitoring.alarms) for severity in SEVERITIES}
    objectives = [
        f"{objective.title}: {objective.percent:g} %"
        + (f" within {objective.seconds:g} s" if objective.seconds else "")
        for objective in monitoring.objectives
    ]
    return [
        f"Samples a second: {span(rate.minimum, rate.maximum)} by estimate, at most {monitoring.sample_limit:,}; "
        f"kept {monitoring.retention_days} days.",
        *(
            [f"Paid for: {span(monitoring.paid_gb.minimum, monitoring.paid_gb.maximum)} GB a month."]
            if monitoring.paid_gb.maximum
            else []
        ),
        "Alarms: " + ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) + ".",
        *([f"Objectives over 30 days: {'; '.join(objectives)}."] if objectives else []),
        "Dashboards: " + ", ".join(f"{d.title} ({d.panels})" for d in monitoring.dashboards) + ".",
        *([monitoring.report] if monitoring.report else []),
        *monitoring.notes,
    ]


HISTORY_COLUMNS = ("server", "shows jobs of", "reads", "days", "opened by", "inside the cluster")


def history_cells(server: DocumentHistoryServer) -> tuple[str, ...]:
    """A history server as a table shows it."""
    days = "" if server.days is None else f"{server.days} shown, {server.kept_days or 'all'} kept"
    people = f"{server.members} members of {server.tenant}" if server.tenant else ""
    return (f"{server.name} ({server.kind})", ", ".join(server.namespaces), server.reads, days, people, server.address)


LOG_STORE_COLUMNS = ("store", "kind", "days kept", "hot", "pipelines", "alarms", "a month")
PIPELINE_COLUMNS = ("pipeline", "kind", "namespaces", "from", "taken apart as", "store")


def log_store_cells(store: DocumentLogStore) -> tuple[str, ...]:
    """A log store as a table shows it."""
    days = "" if store.retention_days is None else f"{store.retention_days:,}"
    hot = "" if not store.made else "all" if store.hot_days is None else f"{store.hot_days:,}"
    month = "" if store.month is None else f"{store.currency} {span(store.month.minimum, store.month.maximum)}"
    name = store.name if store.made else f"{store.name} (ACK's)"
    return (name, store.kind, days, hot, f"{store.pipelines}", ", ".join(store.alarms), month)


def pipeline_cells(pipeline: DocumentPipeline) -> tuple[str, ...]:
    """A pipeline as a table shows it."""
    spaces, form = ", ".join(pipeline.namespaces), pipeline.format or "lines as they are"
    return (pipeline.name, pipeline.kind, spaces, pipeline.source, form, pipeline.store)


def log_lines(logs: DocumentLogs) -> list[str]:
    """What stands below the tables of logs."""
    collector = {"loongcollector": "LoongCollector", "logtail": "Logtail", "alloy": "Alloy"}[logs.collector]
    queries = f", {logs.saved_queries} saved queries on dashboards" if logs.saved_queries else ""
    return [f"Collected by {collector}{queries}.", *logs.notes]


def reached(tenancy: DocumentTenancy, source: str, target: str) -> list[DocumentWay]:
    """What one tenant reaches of another."""
    return [w for w in tenancy.ways if w.source in (source, "*") and w.target in (target, "*")]


def isolation_cell(ways: Sequence[DocumentWay]) -> str:
    """What one tenant reaches of another, in few words: `no`, or each way, holes in capitals."""
    parts = [
        f"reads {way.what}"
        if way.declared and way.what
        else way.kind
        if way.declared
        else f"HOLE: {way.kind} {way.what}"
        for way in ways
    ]
    return ", ".join(part.rstrip() for part in dict.fromkeys(parts)) or "no"


def isolation_rows(tenancy: DocumentTenancy) -> tuple[Sequence[str], list[list[str]]]:
    """Columns and rows of who reaches whom: a matrix for few tenants, else a row for each way."""
    names = [tenant.name for tenant in tenancy.tenants]
    if len(names) > FEW_TENANTS:
        rows = [[w.source, w.target, w.kind, w.what, w.declared or "HOLE"] for w in tenancy.ways]
        return ("from", "to", "kind", "what", ""), rows
    targets = [*names, "platform"]
    return ("from \\ to", *targets), [
        [source, *("-" if source == t else isolation_cell(reached(tenancy, source, t)) for t in targets)]
        for source in names
    ]


def isolation_sums(tenancy: DocumentTenancy) -> str:
    """`12 pairs x 5 kinds of access: …`: how many ways there could be, are meant to be, and are not."""
    count = len(tenancy.tenants)
    return (
        f"{count * (count - 1)} pairs, each by network, API, identity, data and quota: "
        f"{len(tenancy.ways) - len(tenancy.holes)} ways declared, {len(tenancy.holes)} holes."
    )


def holes(tenancy: DocumentTenancy) -> list[str]:
    """What nobody declared, one line each."""
    return [f"{way.source} reaches {way.target} by {way.kind}: {'; '.join(way.how)}" for way in tenancy.holes]


def _pool(inputs: Inputs) -> str:
    scaling = inputs.get("scalingConfig")
    size = span(scaling["minSize"], scaling["maxSize"]) if scaling else str(inputs.get("desiredSize"))
    spot = "" if inputs.get("spotStrategy", "NoSpot") == "NoSpot" else ", spot"
    labels = {label["key"]: label["value"] for label in inputs.get("labels", ())}
    sharing = labels.get("ack.node.gpu.schedule", "default")
    shared = f", GPUs {sharing}" if sharing != "default" else ""
    taints = [taint["key"] for taint in inputs.get("taints", ())]
    tainted = f", taint {', '.join(taints)}" if taints else ""
    types = " or ".join(inputs.get("instanceTypes") or ("Lingjun nodes",))
    bound = ", CPUs bound" if inputs.get("cpuPolicy") == "static" else ""
    return f"{size} x {types}{spot}{shared}{bound}{tainted}"


def _resource_policy(inputs: Inputs) -> str:
    units = [
        unit.get("nodeSelector", {}).get("node-pool")
        or " ".join([unit["resource"], *unit.get("podLabels", {}).values()])
        for unit in inputs["spec"]["units"]
    ]
    return f"in {inputs['metadata']['namespace']}: {' > '.join(units)}"


def _bucket(inputs: Inputs) -> str:
    rule = inputs.get("serverSideEncryptionRule", {})
    parts = [
        inputs.get("bucket", ""),
        "versioned" if inputs.get("versioning", {}).get("status") == "Enabled" else "no versions",
        f"encrypted ({rule.get('sseAlgorithm', 'no')})",
        f"{inputs.get('storageClass', 'Standard')} {inputs.get('redundancyType', 'LRS')}",
    ]
    for rule in inputs.get("lifecycleRules", ()):
        for transition in rule.get("transitions", ()):
            name = transition["storageClass"]
            restored = f" (restored in {RESTORE_TIMES[name]})" if name in RESTORE_TIMES else ""
            parts.append(f"{name} after {transition['days']} days{restored}")
    return ", ".join(parts)


def _alarm(inputs: Inputs) -> str:
    condition, metric = inputs.get("escalationsWarn", {}), inputs.get("metric")
    threshold = condition.get("threshold", "")
    if any(metric in metrics for metrics in BANDWIDTH_METRICS.values()):
        threshold = f"{int(threshold) / BYTES_A_MINUTE:g} Gbit/s"
    return f"{metric} {condition.get('comparisonOperator')} {threshold}"


def _event_rule(inputs: Inputs) -> str:
    pattern = inputs.get("eventPattern", {})
    return f"{', '.join(pattern.get('levelLists', ()))}: {len(pattern.get('nameLists', ()))} events of OSS"


def _file_system(inputs: Inputs) -> str:
    kind = f"{inputs.get('fileSystemType')} {inputs.get('storageType')}"
    capacity = f", {inputs['capacity']:,} GiB" if "capacity" in inputs else ""
    return kind + capacity + (", encrypted" if inputs.get("encryptType") else "")


def _volume(inputs: Inputs) -> str:
    spec = inputs["spec"]
    attributes = spec["csi"]["volumeAttributes"]
    source = attributes.get("bucket") or attributes.get("server")
    claim = spec["claimRef"]
    return f"{claim['namespace']}/{claim['name']}: {source}{attributes['path']}, {', '.join(spec['accessModes'])}"


def _throttle(inputs: Inputs) -> str:
    limits: Mapping[str, Any] = inputs.get("limits") or {}
    whose = inputs.get("bucket") or inputs.get("group") or inputs.get("requester")
    return f"{whose}: " + ", ".join(f"{name} {value:g}" for name, value in limits.items() if value not in (None, -1))


def _cluster(inputs: Inputs) -> str:
    parts = [
        inputs.get("version", "version chosen by ACK"),
        inputs.get("clusterSpec", ""),
        "public API" if inputs.get("slbInternetEnabled") else "private API",
        "Terway",
        "RRSA" if inputs.get("enableRrsa") else "no RRSA",
        "no secret encryption" if inputs.get("disableEncryption") else "encrypted secrets",
    ]
    return ", ".join(parts)


def _release(inputs: Inputs) -> str:
    chart = str(inputs.get("chart")).rpartition("/")[2]
    return f"chart {chart} {inputs.get('version', '')} in {inputs.get('namespace')}"


def _permission(inputs: Inputs) -> str:
    spaces: dict[str, list[str]] = {}
    for permission in inputs.get("permissions", ()):
        spaces.setdefault(permission["roleName"], []).append(permission.get("namespace", "the cluster"))
    return ", ".join(f"{role} in {', '.join(names)}" for role, names in spaces.items())


def _namespace(inputs: Inputs) -> str:
    metadata = inputs["metadata"]
    level = (metadata.get("labels") or {}).get("pod-security.kubernetes.io/enforce")
    return f"{metadata['name']}, {level} pods" if level else metadata["name"]


def _quota(inputs: Inputs) -> str:
    hard = {name.removeprefix("requests."): value for name, value in inputs["spec"]["hard"].items() if value != "0"}
    return f"{inputs['metadata']['namespace']}: " + ", ".join(f"{name} {value}" for name, value in hard.items())


def _fluid_dataset(inputs: Inputs) -> str:
    spec, metadata = inputs["spec"], inputs["metadata"]
    points = ", ".join(mount["mountPoint"] for mount in spec["mounts"])
    return f"{metadata['namespace']}/{metadata['name']}: {points}, {', '.join(spec['accessModes'])}"


def _fluid_runtime(inputs: Inputs) -> str:
    spec = inputs["spec"]
    levels = spec.get("tieredstore", {}).get("levels", ())
    sizes = [f"{level['mediumtype']} {level.get('quota') or level.get('quotaList')}" for level in levels]
    return f"{spec['replicas']} workers, {', '.join(sizes)}" if "replicas" in spec else "no cache"


def _fluid_operation(inputs: Inputs) -> str:
    spec = inputs["spec"]
    when = spec.get("schedule") or (f"after {spec['runAfter']['name']}" if "runAfter" in spec else "once")
    return f"at {when}" if spec.get("schedule") else when


def _joined(*names: str) -> Callable[[Inputs], str]:
    return lambda inputs: ", ".join(str(inputs[name]) for name in names if name in inputs)


_DESCRIBERS: Mapping[str, Callable[[Inputs], str]] = {
    "alicloud:cms/alarm:Alarm": _alarm,
    "alicloud:cms/alarmContact:AlarmContact": _joined("channelsMail", "channelsDingWebHook"),
    "alicloud:cms/eventRule:EventRule": _event_rule,
    "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": _joined("instanceName", "instanceType"),
    "alicloud:nas/fileSystem:FileSystem": _file_system,
    "alicloud:nas/recycleBin:RecycleBin": lambda i: f"{i.get('reservedDays')} days",
    "alicloud:cs/kubernetesAddon:KubernetesAddon": lambda i: f"add-on {i.get('name')} {i.get('version', '')}".rstrip(),
    "alicloud:cs/managedKubernetes:ManagedKubernetes": _cluster,
    "alicloud:cs/autoscalingConfig:AutoscalingConfig": _joined("scalerType", "expander"),
    "alicloud:cs/nodePool:NodePool": _pool,
    "alicloud:ecs/eipAddress:EipAddress": lambda i: f"{i.get('bandwidth')} Mbit/s, {i.get('internetChargeType')}",
    "alicloud:ecs/securityGroup:SecurityGroup": _joined("securityGroupType"),
    "alicloud:ecs/securityGroupRule:SecurityGroupRule": lambda i: f"{i.get('type')} from {i.get('cidrIp')} only",
    "alicloud:kms/key:Key": lambda i: f"rotated every {i.get('rotationInterval')}",
    "alicloud:log/project:Project": _joined("projectName"),
    "alicloud:oss/bucket:Bucket": _bucket,
    "alicloud:oss/bucketReplication:BucketReplication": lambda i: (
        f"to {i.get('destination', {}).get('location')}, "
        + ("all" if i.get("action") == "ALL" else "without deletions")
    ),
    "alicloud:oss/bucketWorm:BucketWorm": lambda i: f"kept {i.get('retentionPeriodInDays')} days, {i.get('status')}",
    "alicloud:oss/bucketInventory:BucketInventory": lambda i: f"{i.get('schedule', {}).get('frequency')}",
    "alicloud:pvtz/zone:Zone": _joined("zoneName"),
    "alicloud:vpc/natGateway:NatGateway": lambda i: (
        "out only" + (", deletion protection" if i.get("deletionProtection") else "")
    ),
    "alicloud:vpc/network:Network": _joined("cidrBlock"),
    "alicloud:vpc/switch:Switch": _joined("cidrBlock", "zoneId"),
    "alicloud:cs/kubernetesPermission:KubernetesPermission": _permission,
    "alicloud:log/store:Store": lambda i: f"{i.get('logstoreName')}, {i.get('retentionPeriod')} days",
    "alicloud:ram/role:Role": _joined("roleName"),
    "kubernetes:core/v1:Namespace": _namespace,
    "kubernetes:core/v1:NamespacePatch": _namespace,
    "kubernetes:core/v1:ResourceQuota": _quota,
    "kubernetes:batch/v1:CronJob": lambda i: f"at {i['spec']['schedule']}, {i['spec'].get('timeZone', 'UTC')}",
    "kubernetes:core/v1:ConfigMapPatch": lambda i: f"{i['metadata']['namespace']}/{i['metadata']['name']}",
    "kubernetes:core/v1:PersistentVolume": _volume,
    **{
        f"kubernetes:data.fluid.io/v1alpha1:{kind}": describer
        for kinds, describer in (
            (("Dataset",), _fluid_dataset),
            (("JindoRuntime", "AlluxioRuntime", "JuiceFSRuntime", "ThinRuntime"), _fluid_runtime),
            (("DataLoad", "DataProcess", "DataMigrate"), _fluid_operation),
        )
        for kind in kinds
    },
    "kubernetes:helm.sh/v3:Release": _release,
    "kubernetes:kueue.x-k8s.io/v1beta2:ClusterQueue": lambda i: f"in cohort {i['spec'].get('cohortName')}",
    "kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue": lambda i: (
        f"of {i['metadata']['namespace']}: {i['spec']['clusterQueue']}"
    ),
    "kubernetes:kustomize/v2:Directory": _joined("directory"),
    "kubernetes:scheduling.alibabacloud.com/v1alpha1:ResourcePolicy": _resource_policy,
    "pulumi-python:dynamic/oss:BucketThrottle": _throttle,
    "pulumi-python:dynamic/oss:BucketRequesterThrottle": _throttle,
    "pulumi-python:dynamic/oss:BucketGroupThrottle": _throttle,
    "pulumi-python:dynamic/oss:PoolRequesterThrottle": _throttle,
    "pulumi-python:dynamic/oss:BucketGroupMembership": lambda i: f"{i.get('bucket')} in {i.get('group')}",
    "pulumi:providers:alicloud": _joined("region"),
    "pulumi:providers:kubernetes": _joined("context"),
}


def counted(names: Sequence[str]) -> str:
    """`2 SnatEntry, Alias`: names with how often each occurs, in order of appearance."""
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())


def decided(document: Document) -> list[DocumentFinding]:
    """What rules found, but for what only apply can tell."""
    return [finding for finding in document.findings if finding.kind != "deferred"]


def finding_cells(finding: DocumentFinding, environment: str) -> tuple[str, str, str, str, str]:
    """A finding: how it is to be taken, its severity, rule, resource and message."""
    label = "excepted" if finding.kind == "excepted" else finding.enforcement_level
    resource = finding.resource.rpartition("::")[2] or environment
    return label, finding.severity, finding.policy, resource, finding.message


def waiting(document: Document) -> list[str]:
    """What only apply can tell, a line for each rule, and exceptions that fit nothing."""
    found: dict[str, dict[str, list[str]]] = {}
    for finding in document.findings:
        if finding.kind == "deferred":
            paths = found.setdefault(finding.policy, {})
            name = finding.resource.rpartition("::")[2] or document.environment
            paths.setdefault(finding.unknown or finding.message, []).append(name)
    lines = [
        f"{policy} cannot be checked before apply: {', '.join(_where(path, paths[path]) for path in sorted(paths))}"
        for policy, paths in sorted(found.items())
    ]
    return [*lines, *document.policies.idle_exceptions]


def _where(path: str, names: Sequence[str]) -> str:
    return f"{path} of {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
