"""The preview for a pull request: Markdown with what a reviewer needs first, the rest folded."""

from collections.abc import Iterable, Sequence

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
from .document import Document, DocumentQueues, DocumentTenancy, DocumentThrottling

MARKER = "<!-- ack-ai-blueprint preview -->"
"""First line of every comment, by which the next run finds it."""


def render(document: Document, diff: Diff | None = None) -> str:
    """One environment as a section."""
    mark = "❌" if document.failed else "✅"
    parts = [f"## {mark} `{document.environment}`", "", *_facts(document, diff), ""]
    findings = [(f.fails, *finding_cells(f, document.environment)) for f in decided(document)]
    if findings:
        parts += _table(
            ("Level", "Severity", "Policy", "Resource", "Finding"),
            [
                (f"**{level}**" if fails else level, severity, f"`{policy}`", resource, text)
                for fails, level, severity, policy, resource, text in findings
            ],
        )
    if diff is not None and diff.policies:
        parts += _table(("Policy setting",), [(_code(str(change)),) for change in diff.policies])
    if diff is not None and diff.changes:
        parts += _table(
            ("", "Resource", "Type", "Properties"),
            [
                (
                    c.action + ", stays in the cloud" * c.kept + ", **exists already**" * c.exists,
                    f"`{c.name}`",
                    short_type(c.type),
                    "<br>".join(map(_code, c.lines())),
                )
                for c in diff.changes
            ],
        )
    if document.capacity.pools:
        parts += _folded("Node pools", _pools(document))
    if document.job_classes:
        parts += _folded("Job classes and where they run", _job_classes(document))
    if document.throttling is not None:
        parts += _folded("OSS throttling", _throttling(document.throttling))
    if document.datasets:
        lines = [f"- {line}" for line in dataset_lines(document.datasets)]
        parts += _folded("Datasets", [*_table(DATASET_COLUMNS, map(dataset_cells, document.datasets)), *lines, ""])
    if document.tenancy is not None:
        if document.tenancy.holes:
            parts += [*(f"- **Hole between tenants**: {line}" for line in holes(document.tenancy)), ""]
        parts += _folded("Tenants, what they are promised, and who reaches whom", _tenancy(document.tenancy))
    if document.queues is not None:
        parts += _folded("Queues", _queues(document.queues))
    if document.admission is not None:
        rows = _table(ADMISSION_COLUMNS, map(admission_cells, document.admission.rules))
        lines = [f"- {line}" for line in admission_lines(document.admission)]
        parts += _folded("Admission in the tenants' namespaces", [*rows, *lines, ""])
    if document.systems:
        parts += _folded("Systems", _table(SYSTEM_COLUMNS, map(system_cells, document.systems)))
    if document.monitoring is not None:
        lines = [f"- {line}" for line in monitoring_lines(document.monitoring)]
        tables = [
            *_table(MONITOR_COLUMNS, map(monitor_cells, document.monitoring.monitors)),
            *_table(ALARM_COLUMNS, map(alarm_cells, document.monitoring.alarms)),
        ]
        parts += _folded("Monitoring and alarms", [*tables, *lines, ""])
    if document.history is not None:
        lines = [f"- {line}" for line in document.history.notes]
        table = _table(HISTORY_COLUMNS, map(history_cells, document.history.servers))
        parts += _folded("History servers", [*table, *lines, ""])
    if document.logs is not None:
        tables = [
            *_table(LOG_STORE_COLUMNS, map(log_store_cells, document.logs.stores)),
            *_table(PIPELINE_COLUMNS, map(pipeline_cells, document.logs.pipelines)),
        ]
        lines = [f"- {line}" for line in log_lines(document.logs)]
        parts += _folded("Log stores and pipelines", [*tables, *lines, ""])
    if document.cost.lines:
        parts += _folded("Cost", _cost(document))
    parts += _folded("All resources by component", _resources(document))
    return "\n".join(parts)


def _facts(document: Document, diff: Diff | None) -> Iterable[str]:
    custom = sum(resource.custom for resource in document.resources)
    where = f"{document.flavor}, {document.region}" if document.region else document.flavor
    yield f"- **Platform**: {where}, {custom} resources"
    if diff is not None:
        yield f"- **Against `{diff.base}`**: {summary(diff)}"
    cost = document.cost
    if cost.totals:
        at_least = "" if cost.complete else "at least "
        before = cost_before(document, diff)
        yield f"- **Monthly cost**: {at_least}{money(cost.totals)}{before}, list prices of {cost.price_date}"
    yield f"- **Policies**: {counts(document.policies.outcomes)}"
    yield from (f"  - {line}" for line in waiting(document))


def _pools(document: Document) -> list[str]:
    return _table(
        ("Pool", "Instance types", "Nodes", "vCPU", "Memory GiB", "GPUs", "Pods"),
        [
            (
                pool.name + (" (spot)" if pool.spot else ""),
                " or ".join(pool.instance_types),
                *(span(r.minimum, r.maximum) for r in (pool.nodes, pool.vcpu, pool.memory_gib, pool.gpus, pool.pods)),
            )
            for pool in document.capacity.pools
        ],
    )


def _job_classes(document: Document) -> list[str]:
    rows = [
        (f"`{job.name}`" if index == 0 else "", f"{job.strategy}, {job.pod}" if index == 0 else "", *rung_cells(rung))
        for job in document.job_classes
        for index, rung in enumerate(job.rungs)
    ]
    return _table(("Class", "", "Rung", "Holds it", "Pods a node", "Pods at most", "A pod and hour"), rows)


def _throttling(throttling: DocumentThrottling) -> list[str]:
    parts: list[str] = []
    if throttling.enabled:
        headings = (f"Pool {throttling.pool}", "", "Upload Gbit/s", "Download Gbit/s", "")
        parts += _table(headings, [throttle_cells(row) for row in throttling.rows])
        parts += [f"- {line}" for line in throttling.notes]
    return [*parts, *(f"- **Not protected**: {line}" for line in throttling.not_protected), ""]


def _tenancy(tenancy: DocumentTenancy) -> list[str]:
    columns, rows = isolation_rows(tenancy)
    return [
        *_table(TENANT_COLUMNS, map(tenant_cells, tenancy.tenants)),
        *(_table(PROMISE_COLUMNS, map(promise_cells, tenancy.promises)) if tenancy.promises else ()),
        *(_table(columns, rows) if rows else ()),
        *(f"- {line}" for line in (isolation_sums(tenancy), *tenancy.notes)),
        "",
    ]


def _queues(queues: DocumentQueues) -> list[str]:
    rows = [(cells[0].replace("  ", "— "), *cells[1:]) for cells in map(queue_cells, queues.queues)]
    return [*_table(QUEUE_COLUMNS, rows), *(f"- {line}" for line in queue_lines(queues)), ""]


def _cost(document: Document) -> list[str]:
    return _table(
        ("Resource", "Item", "Minimum", "Maximum", "Currency", "Note"),
        [
            (
                line.resource,
                line.item,
                "no price" if line.minimum is None else f"{line.minimum:,.2f}",
                "no price" if line.maximum is None else f"{line.maximum:,.2f}",
                line.currency,
                line.note,
            )
            for line in document.cost.lines
        ],
    )


def _resources(document: Document) -> list[str]:
    lines: list[str] = []
    for component in (resource for resource in document.resources if not resource.parent):
        lines.append(f"- `{component.name}` {short_type(component.type)}")
        silent: list[str] = []
        for child in (resource for resource in document.resources if resource.parent == component.urn):
            text = describe(child.type, child.inputs)
            if text:
                lines.append(f"  - `{child.name}` {short_type(child.type)}: {_escaped(text)}")
            else:
                silent.append(short_type(child.type).rpartition(".")[2])
        if silent:
            lines.append(f"  - {counted(silent)}")
    return [*lines, ""]


def _folded(title: str, body: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *body, "</details>", ""]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(headings) + " |",
        "|" + "---|" * len(headings),
        *("| " + " | ".join(map(_escaped, row)) + " |" for row in rows),
        "",
    ]


def _code(text: str) -> str:
    return f"<code>{text}</code>"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
