"""The preview for people: a tree, tables and a summary on a terminal, or plain text when piped."""

from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from policies.reports import counts

from .describe import (
    ADMISSION_COLUMNS,
    ALARM_COLUMNS,
    DATASET_COLUMNS,
    HISTORY_COLUMNS,
    LOG_STORE_COLUMNS,
    MONITOR_COLUMNS,
    PIPELINE_COLUMNS,
    PROMISE_COLUMNS,
    QUEUE_COLUMNS,
    SYSTEM_COLUMNS,
    TENANT_COLUMNS,
    admission_cells,
    admission_lines,
    alarm_cells,
    cost_before,
    counted,
    dataset_cells,
    dataset_lines,
    decided,
    describe,
    finding_cells,
    history_cells,
    holes,
    isolation_rows,
    isolation_sums,
    ladder,
    log_lines,
    log_store_cells,
    money,
    monitor_cells,
    monitoring_lines,
    pipeline_cells,
    promise_cells,
    queue_cells,
    queue_lines,
    rung_cells,
    short_type,
    span,
    system_cells,
    tenant_cells,
    throttle_cells,
    waiting,
)
from .diff import Diff, summary
from .document import Document, DocumentRange, DocumentResource

LEVEL_STYLES = {"mandatory": "bold red", "advisory": "yellow"}
CHANGE_SIGNS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "replaced": ("+-", "magenta"),
}
PIPED_WIDTH = 10_000
"""What is piped is not wrapped: a line is what a table row or a message is."""


def console(*, stderr: bool = False) -> Console:
    """A console, without colour codes and line breaks of its own where the output is not a terminal."""
    plain = Console(stderr=stderr, highlight=False)
    return plain if plain.is_terminal else Console(stderr=stderr, highlight=False, width=PIPED_WIDTH, no_color=True)


def print_document(document: Document, diff: Diff | None = None) -> None:
    """Print a document, without the blanks that fill up a table's last column where it is piped."""
    target = console()
    if target.is_terminal:
        target.print(render(document, diff))
        return
    with target.capture() as capture:
        target.print(render(document, diff))
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def render(document: Document, diff: Diff | None = None) -> RenderableType:
    """Everything that a document says, the summary last so that it stays in sight."""
    parts: list[RenderableType] = [_title(document), "", _tree(document)]
    for heading, part in (
        ("Addresses", _addresses(document)),
        ("Node pools", _pools(document)),
        ("Job classes", _job_classes(document)),
        ("Fit: where a pod of each class runs, in this order", _fit(document)),
        ("OSS throttling: who gets how much, in Gbit/s at worst and at best", _throttling(document)),
        ("Datasets: what caches them, and what that delivers", _datasets(document)),
        ("Systems, in the order of installation", _systems(document)),
        ("Monitoring: what is read, by estimate", _monitors(document)),
        ("Alarms: when, and whom they tell", _alarms(document)),
        ("History servers: where finished jobs are shown", _history(document)),
        ("Log stores: what is kept, and for how long", _log_stores(document)),
        ("Log pipelines: what is collected from where", _pipelines(document)),
        ("Tenants: what each is guaranteed, and may use", _tenants(document)),
        ("Promised to all tenants, beside what there is", _promises(document)),
        ("Queues: what each gets whenever its jobs ask, and may use", _queues(document)),
        ("Admission: what Gatekeeper holds in the tenants' namespaces, whoever submits it", _admission(document)),
        ("Isolation: what each tenant reaches of the others, by the resources above", _isolation(document)),
        ("Estimated monthly cost", _cost(document)),
        ("Policies", _findings(document)),
        ("UNCONFIRMED: no source says so, check before apply", _unconfirmed(document)),
        ("Outputs", _outputs(document)),
        ("Changes", None if diff is None else _changes(diff)),
    ):
        if part is not None:
            parts += ["", Text(heading, style="bold"), part]
    return Group(*parts, "", _summary(document, diff))


def _title(document: Document) -> Text:
    where = document.region or "any Kubernetes"
    return Text(f"Preview of {document.environment} ({document.flavor}, {where})", style="bold")


def _tree(document: Document) -> Tree:
    root = Tree(f"{document.project}-{document.environment}")
    children: dict[str, list[DocumentResource]] = {}
    for resource in document.resources:
        children.setdefault(resource.parent, []).append(resource)

    def add(branch: Tree, parent: str) -> None:
        silent: list[str] = []
        for resource in children.get(parent, []):
            text = describe(resource.type, resource.inputs)
            if resource.custom and not text:
                silent.append(short_type(resource.type).rpartition(".")[2])
                continue
            protected = " [dim]protected[/dim]" if resource.options.get("protect") and not resource.custom else ""
            label = f"[green]+[/green] [cyan]{escape(resource.name)}[/cyan] {short_type(resource.type)}"
            add(branch.add(f"{label}{protected}" + (f" [dim]{escape(text)}[/dim]" if text else "")), resource.urn)
        if silent:
            branch.add(f"[green]+[/green] {counted(silent)}")

    add(root, "")
    return root


def _table(*columns: str, numbers: Sequence[int] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        # Where a terminal is narrow, cells are folded: cut off, instance types could not be told apart.
        table.add_column(column, justify="right" if index in numbers else "left", overflow="fold")
    return table


def _range(value: DocumentRange) -> str:
    return span(value.minimum, value.maximum)


def _addresses(document: Document) -> RenderableType | None:
    capacity = document.capacity
    if not capacity.addresses:
        return None
    table = _table("role", "zone", "vSwitches", "addresses", numbers=(3,))
    for row in capacity.addresses:
        table.add_row(row.role, row.zone, ", ".join(row.cidrs), f"{row.available:,}")
    sums = [
        f"{need.role.capitalize()}: {need.terms} = {need.needed:,} of {need.available:,}; "
        f"{need.after_zone_loss:,} when a zone is lost."
        for need in capacity.address_needs
    ]
    return Group(table, *sums)


def _pools(document: Document) -> RenderableType | None:
    capacity = document.capacity
    if not capacity.pools:
        return None
    table = _table("pool", "instance types", "nodes", "vCPU", "memory GiB", "GPUs", "pods", numbers=(2, 3, 4, 5, 6))
    for pool in capacity.pools:
        types = " or ".join(pool.instance_types) + (" (spot)" if pool.spot else "")
        amounts = (pool.nodes, pool.vcpu, pool.memory_gib, pool.gpus, pool.pods)
        table.add_row(pool.name, types, *map(_range, amounts))
    totals = (capacity.nodes, capacity.vcpu, capacity.memory_gib, capacity.gpus, capacity.pods)
    table.add_row("total", "", *map(_range, totals), style="bold")
    models = ", ".join(f"{_range(value)} {model}" for model, value in capacity.gpus_by_model.items())
    notes = [f"GPUs: {models}."] if models else []
    if capacity.serverless_pods:
        notes.append(f"Serverless: up to {capacity.serverless_pods:,} pods more.")
    if capacity.unknown_instance_types:
        notes.append(f"Not counted, not in the catalog: {', '.join(capacity.unknown_instance_types)}.")
    return Group(table, *notes)


def _job_classes(document: Document) -> RenderableType | None:
    if not document.job_classes:
        return None
    table = _table("class", "role", "strategy", "priority", "pod", "pods", "rungs", numbers=(5,))
    for job in document.job_classes:
        table.add_row(job.name, job.role, job.strategy, job.priority, job.pod, f"{job.maximum_pods:,}", ladder(job))
    return table


def _fit(document: Document) -> RenderableType | None:
    if not document.job_classes:
        return None
    table = _table("class", "rung", "holds it", "pods a node", "pods at most", "a pod and hour", numbers=(3, 4, 5))
    for job in document.job_classes:
        for index, rung in enumerate(job.rungs):
            table.add_row(job.name if index == 0 else "", *rung_cells(rung))
    note = (
        "Nodes are counted without what ACK reserves, and before DaemonSets take their part. Classes share the pools: "
        "the counts do not add up. Spot at the on-demand price as upper bound."
    )
    return Group(table, note)


def _throttling(document: Document) -> RenderableType | None:
    throttling = document.throttling
    if throttling is None:
        return None
    lines = [f"Not protected: {line}" for line in throttling.not_protected]
    if not throttling.enabled:
        return Group(*map(escape, lines))
    table = _table("level", "name", "upload", "download", "", numbers=(2, 3))
    for row in throttling.rows:
        table.add_row(*throttle_cells(row))
    return Group(f"Pool {throttling.pool}:", table, *map(escape, [*throttling.notes, *lines]))


def _datasets(document: Document) -> RenderableType | None:
    if not document.datasets:
        return None
    table = _table(*DATASET_COLUMNS, numbers=(2, 4, 10))
    for dataset in document.datasets:
        table.add_row(*map(escape, dataset_cells(dataset)))
    return Group(table, *map(escape, dataset_lines(document.datasets)))


def _systems(document: Document) -> RenderableType | None:
    if not document.systems:
        return None
    table = _table(*SYSTEM_COLUMNS)
    for system in document.systems:
        table.add_row(*map(escape, system_cells(system)))
    return table


def _history(document: Document) -> RenderableType | None:
    if document.history is None:
        return None
    table = _table(*HISTORY_COLUMNS)
    for server in document.history.servers:
        table.add_row(*map(escape, history_cells(server)))
    return Group(table, *map(escape, document.history.notes))


def _monitors(document: Document) -> RenderableType | None:
    if document.monitoring is None:
        return None
    table = _table(*MONITOR_COLUMNS, numbers=(2, 3, 4))
    for monitor in document.monitoring.monitors:
        table.add_row(*map(escape, monitor_cells(monitor)))
    return Group(table, *map(escape, monitoring_lines(document.monitoring)))


def _alarms(document: Document) -> RenderableType | None:
    if document.monitoring is None:
        return None
    table = _table(*ALARM_COLUMNS, numbers=(3,))
    for alarm in document.monitoring.alarms:
        table.add_row(*map(escape, alarm_cells(alarm)))
    return table


def _log_stores(document: Document) -> RenderableType | None:
    if document.logs is None:
        return None
    table = _table(*LOG_STORE_COLUMNS, numbers=(2, 3, 4, 6))
    for store in document.logs.stores:
        table.add_row(*map(escape, log_store_cells(store)))
    return Group(table, *map(escape, log_lines(document.logs)))


def _pipelines(document: Document) -> RenderableType | None:
    if document.logs is None:
        return None
    table = _table(*PIPELINE_COLUMNS)
    for pipeline in document.logs.pipelines:
        table.add_row(*map(escape, pipeline_cells(pipeline)))
    return table


def _queues(document: Document) -> RenderableType | None:
    if document.queues is None:
        return None
    table = _table(*QUEUE_COLUMNS, numbers=(2, 3, 5))
    for queue in document.queues.queues:
        table.add_row(*queue_cells(queue))
    return Group(table, *map(escape, queue_lines(document.queues)))


def _admission(document: Document) -> RenderableType | None:
    if document.admission is None:
        return None
    table = _table(*ADMISSION_COLUMNS)
    for rule in document.admission.rules:
        table.add_row(*map(escape, admission_cells(rule)))
    return Group(table, *map(escape, admission_lines(document.admission)))


def _tenants(document: Document) -> RenderableType | None:
    if document.tenancy is None:
        return None
    table = _table(*TENANT_COLUMNS, numbers=(3, 4, 6, 7))
    for tenant in document.tenancy.tenants:
        table.add_row(*tenant_cells(tenant))
    return table


def _promises(document: Document) -> RenderableType | None:
    if document.tenancy is None or not document.tenancy.promises:
        return None
    table = _table(*PROMISE_COLUMNS, numbers=(1, 2, 3, 4, 5))
    for promise in document.tenancy.promises:
        table.add_row(*promise_cells(promise), style="yellow" if promise.note else "")
    return table


def _isolation(document: Document) -> RenderableType | None:
    if document.tenancy is None:
        return None
    columns, rows = isolation_rows(document.tenancy)
    table = _table(*columns)
    for row in rows:
        table.add_row(*map(escape, row))
    found = [Text(f"HOLE: {line}", style="bold red") for line in holes(document.tenancy)]
    parts: list[RenderableType] = [table] if rows else []
    return Group(*parts, *found, isolation_sums(document.tenancy), *map(escape, document.tenancy.notes))


def _cost(document: Document) -> RenderableType | None:
    cost = document.cost
    if not cost.lines:
        return None
    table = _table("resource", "item", "minimum", "maximum", "", "", numbers=(2, 3))
    for line in cost.lines:
        if line.minimum is None or line.maximum is None:
            table.add_row(line.resource, line.item, "no price", "no price", "", line.note, style="yellow")
        else:
            table.add_row(
                line.resource, line.item, _money(line.minimum), _money(line.maximum), line.currency, line.note
            )
    at_least = "" if cost.complete else "at least"
    for currency, total in cost.totals.items():
        table.add_row("total", at_least, _money(total.minimum), _money(total.maximum), currency, "", style="bold")
    note = f"List prices of {cost.price_date}, pay-as-you-go, with all pools at their minimum and maximum sizes."
    return Group(table, note)


def _money(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"


def _findings(document: Document) -> RenderableType:
    said = counts(document.policies.outcomes)
    table = _table("level", "severity", "policy", "resource", "")
    for finding in decided(document):
        label, *cells = finding_cells(finding, document.environment)
        table.add_row(Text(label, style=LEVEL_STYLES.get(label, "")), *map(escape, cells))
    parts: list[RenderableType] = [f"{said}:", table] if table.row_count else [f"{said}: no findings"]
    return Group(*parts, *map(escape, waiting(document)))


def _unconfirmed(document: Document) -> RenderableType | None:
    lines = [f"{name}: {what}" for name, what in document.unconfirmed.items()]
    return Group(*lines) if lines else None


def _outputs(document: Document) -> RenderableType | None:
    if not document.outputs:
        return None
    table = _table("output", "value")
    for name, value in document.outputs.items():
        table.add_row(name, escape(_output(value)))
    return table


def _output(value: object) -> str:
    if isinstance(value, Mapping):
        between, of = ("; ", ":") if any(isinstance(item, list) for item in value.values()) else (", ", "")
        return between.join(f"{name}{of} {_output(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_output, value))
    return str(value)


def _changes(diff: Diff) -> RenderableType:
    if diff.empty:
        return f"none against {diff.base}"
    lines = [Text(f"against {diff.base}:")]
    lines += [Text.assemble(("~  ", "yellow"), ("policy ", "cyan"), str(change)) for change in diff.policies]
    for change in diff.changes:
        sign, style = CHANGE_SIGNS[change.action]
        stays = ", stays in the cloud" if change.kept else ", EXISTS ALREADY: what stays has its name" * change.exists
        lines.append(Text.assemble((f"{sign:<2} ", style), (change.name, "cyan"), f" {short_type(change.type)}{stays}"))
        lines += [Text(f"     {line}") for line in change.lines()]
    return Group(*lines)


def _summary(document: Document, diff: Diff | None) -> Text:
    custom = sum(resource.custom for resource in document.resources)
    components = len(document.resources) - custom
    parts = [f"{custom} resources in {components} components"]
    if diff is not None:
        parts.append(summary(diff))
    cost = document.cost
    if cost.totals:
        before = cost_before(document, diff)
        parts.append(f"{'' if cost.complete else 'at least '}{money(cost.totals)} a month{before}")
    mandatory = sum(finding.fails for finding in document.findings)
    advisory = sum(finding.kind in ("violation", "expired") for finding in document.findings) - mandatory
    parts.append(f"{mandatory} mandatory and {advisory} advisory findings")
    if document.tenancy is not None and document.tenancy.holes:
        parts.append(f"{len(document.tenancy.holes)} holes between tenants")
    style = "bold red" if document.failed else "bold green"
    return Text(f"{document.environment}: {'; '.join(parts)}", style=style)
