"""`python -m stacks.size --size-gib 1000 …`: the cheapest cache for data, without an environment.

Compares instance types of the catalog, each in memory and on the local disks that it has, by the formulas of
`components.cache.sizing`, at the list prices of a region; a worker has a node to itself and pays all of it. `--chart`
draws what the readers get together, by their number and that of workers, as SVG or PNG. Exit codes: 0, 1 where nothing
meets the target, 2 where the input is wrong.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from components import catalog
from components.cache import Data, Delivery, Proposal, Readers, Source, Target, WorkerNode, propose
from components.cache.planning import worker_nodes
from components.cache.sizing import Medium, Pattern, curves, nearness, with_workers
from components.inputs import InvalidInput, Problem, one_of, require_valid
from components.node_pools import NodePoolArgs, plan_node_pool

PODS = 32
"""Pods of a node, as Kubernetes' own part of its memory depends on them."""

SHOWN = 8
"""Instance types that are compared in the answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        require_valid(_problems(options))
    except InvalidInput as error:
        print(error, file=sys.stderr)
        return 2
    data = Data(options.size_gib, options.files, options.pattern, copies=options.copies)
    readers = Readers(options.readers, _node_gbps(options), options.readers_per_node, options.each)
    source = Source(_source_gbps(options), catalog.oss_requests_per_second())
    stated = options.pod_gbps is not None or options.epoch_minutes is not None
    target = Target(options.pod_gbps, options.epoch_minutes, cold=options.cold) if stated else None
    proposals = [
        found
        for node in _nodes(options)
        if (found := propose([node], data, readers, source, target, workers=options.workers)) is not None
    ]
    if not proposals:
        print("--instance-types: none has room for a cache of that medium, or so many workers", file=sys.stderr)
        return 2
    ranked = sorted(proposals, key=lambda proposal: _rank(proposal, target))
    _print(ranked, target)
    if options.chart is not None:
        _draw(options.chart, ranked[0].delivery, data, readers, source, target)
        print(f"Drawn: {options.chart}")
    return 0 if ranked[0].met else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stacks.size", description="The cheapest cache for data.")
    parser.add_argument("--size-gib", type=float, required=True, help="size of the data")
    parser.add_argument("--files", type=int, help="number of files")
    parser.add_argument("--pattern", choices=get_args(Pattern), default="sequential", help="how they are read")
    parser.add_argument("--readers", type=int, default=1, help="pods that read at the same time")
    parser.add_argument("--readers-per-node", type=int, default=1)
    parser.add_argument("--each", choices=("part", "all"), default="part", help="what each reads in a pass")
    parser.add_argument("--reader-type", help="instance type that readers run on")
    parser.add_argument("--reader-gbps", type=float, help="bandwidth of a node that readers run on")
    parser.add_argument("--pod-gbps", type=float, help="target: Gbit/s of each reader")
    parser.add_argument("--epoch-minutes", type=float, help="target: minutes of a pass")
    parser.add_argument("--cold", action="store_true", help="the target is for the first pass")
    parser.add_argument("--region", default="cn-hangzhou", help="for prices, and what OSS gives an account")
    parser.add_argument("--source-gbps", type=float, help="bandwidth of the source; default: OSS in that region")
    parser.add_argument("--medium", choices=get_args(Medium), help="default: the cheapest")
    parser.add_argument("--instance-types", nargs="+", default=[], help="types, or families such as i4; default: all")
    parser.add_argument("--workers", type=int, help="default: the fewest that do")
    parser.add_argument("--most-workers", type=int, default=64)
    parser.add_argument("--copies", type=int, default=1, help="of each block in the cache")
    parser.add_argument("--chart", type=Path, help="file to draw to: .svg or .png")
    return parser


def _problems(options: argparse.Namespace) -> Iterator[Problem]:
    for name in ("size_gib", "files", "readers", "readers_per_node", "reader_gbps", "pod_gbps", "epoch_minutes"):
        yield from _positive(options, name)
    for name in ("source_gbps", "workers", "most_workers", "copies"):
        yield from _positive(options, name)
    types = catalog.instance_types()
    families = {instance_type.family for instance_type in types.values()}
    for name in options.instance_types:
        if name not in types and name not in families:
            yield Problem("--instance-types", name, one_of(name, {*types, *families}, "an instance type or family"))
    if options.reader_type is not None and options.reader_type not in types:
        yield Problem("--reader-type", options.reader_type, one_of(options.reader_type, types, "an instance type"))
    if options.region not in catalog.regions():
        yield Problem("--region", options.region, one_of(options.region, catalog.regions(), "a region of the catalog"))
    stated = options.pod_gbps is not None or options.epoch_minutes is not None
    if stated and options.reader_type is None and options.reader_gbps is None:
        yield Problem("--reader-gbps", None, "missing; a target needs the readers' nodes: this, or --reader-type")
    if options.cold and not stated:
        yield Problem("--cold", True, "needs a target: --pod-gbps or --epoch-minutes")
    if options.medium == "cloud-disk":
        yield Problem("--medium", "cloud-disk", "is of a node pool's data disks; size it in an environment")
    if options.workers is not None and options.workers > options.most_workers:
        yield Problem("--workers", options.workers, f"more than --most-workers = {options.most_workers}")
    if options.chart is not None and options.chart.suffix not in (".svg", ".png"):
        yield Problem("--chart", str(options.chart), "must end in .svg or .png")
    elif options.chart is not None and not options.chart.parent.is_dir():
        yield Problem("--chart", str(options.chart), "its folder does not exist")


def _positive(options: argparse.Namespace, name: str) -> Iterator[Problem]:
    value = getattr(options, name)
    if value is not None and not (math.isfinite(value) and value > 0):
        yield Problem(f"--{name.replace('_', '-')}", value, "must be above 0")


def _node_gbps(options: argparse.Namespace) -> float:
    if options.reader_gbps is not None:
        return float(options.reader_gbps)
    return catalog.instance_types()[options.reader_type].network_gbps if options.reader_type else math.inf


def _source_gbps(options: argparse.Namespace) -> float | None:
    if options.source_gbps is not None:
        return float(options.source_gbps)
    region = catalog.oss_throughput().get(options.region)
    return region.read_gbps if region else None


def _nodes(options: argparse.Namespace) -> Iterator[WorkerNode]:
    """The instance types of the catalog as nodes of a cache; those with GPUs are too dear for it."""
    for name, instance_type in catalog.instance_types().items():
        wanted = options.instance_types
        if instance_type.gpu is not None or (wanted and not {name, instance_type.family} & {*wanted}):
            continue
        nvme = instance_type.local_disks is not None and instance_type.local_disks.medium == "NVMe"
        args = NodePoolArgs(kind="cache" if nvme else "cpu", instance_types=[name], size=1, max_pods=PODS)
        try:
            plan = plan_node_pool(args)
        except InvalidInput:
            continue  # Nothing is left of so small a node.
        for node in worker_nodes(name, args, plan, options.region, options.most_workers):
            if options.medium in (None, node.medium):
                yield replace(node, node_gib=None)


def _rank(proposal: Proposal, target: Target | None) -> tuple[Any, ...]:
    delivery = proposal.delivery
    if proposal.met:
        return 0, delivery.month is None, delivery.month or 0, delivery.workers, delivery.node.name
    return 1, *(-amount for amount in nearness(delivery, target)), delivery.node.name


COLUMNS = ("", "cache", "GiB", "held", "Gbit/s: all, a pod, a reader", "a pass: first, then (min)", "warm-up (min)")


def _print(ranked: Sequence[Proposal], target: Target | None) -> None:
    from rich.table import Table

    from .preview.text import console

    best = ranked[0]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in (*COLUMNS, "limited by", "a month"):
        table.add_column(column, overflow="fold")
    # What misses the target is shown only where nothing meets it.
    shown = [proposal for proposal in ranked if proposal.met] or ranked
    for index, proposal in enumerate(shown[:SHOWN]):
        table.add_row(*_cells(proposal, mark=_mark(proposal) if index == 0 else ""))
    console().print(table)
    if not best.met:
        what = "the target" if target else "all data"
        print(f"Nothing here reaches {what}; the nearest is limited by the {best.bottleneck}.")
    node = best.delivery.node
    terms = {
        "capacity": f"{best.delivery.workers} x {best.delivery.quota_gib:,.0f} GiB",
        "cache bandwidth": f"{best.delivery.workers} x min({_gbps(node.network_gbps)} network, {_medium(node)})",
    }
    for name, term in terms.items():
        print(f"{name} = {term}")
    prices = catalog.price_book().date
    print(f"Network baselines, no latency; list prices of {prices}, whole nodes. Measure before you rely on it.")


def _mark(proposal: Proposal) -> str:
    """What the first row is, as far as it has a price to compare."""
    return "cheapest" if proposal.met and proposal.delivery.month is not None else ""


def _cells(proposal: Proposal, *, mark: str) -> tuple[str, ...]:
    found = proposal.delivery
    known = math.isfinite(found.shared_pod_gbps)
    passes = [found.cold_epoch_minutes, found.epoch_minutes]
    rates = [found.cache_gbps, found.pod_gbps, found.shared_pod_gbps]
    return (
        mark,
        f"{found.workers} x {found.node.name}, {found.quota_gib:,.0f} GiB {found.node.medium}",
        f"{found.capacity_gib:,.0f}",
        f"{found.hits:.0%}",
        ", ".join(f"{rate:,.1f}" for rate in rates if math.isfinite(rate)),
        ", ".join(f"{minutes:,.1f}" for minutes in passes) if known else "",
        f"{found.warm_up_minutes:,.1f}",
        proposal.bottleneck,
        "no price" if found.month is None else f"{found.node.currency} {found.month:,.0f}",
    )


def _gbps(amount: float) -> str:
    return f"{amount:g} Gbit/s"


def _medium(node: WorkerNode) -> str:
    if node.medium == "memory":
        return "memory, which no network outruns"
    return (
        "disks of which no source says how fast they are"
        if node.read_gbps is None
        else f"{_gbps(node.read_gbps)} disks"
    )


def _draw(file: Path, best: Delivery, data: Data, readers: Readers, source: Source, target: Target | None) -> None:
    """A chart of what the readers get together, by their number and that of workers."""
    # Loaded here, as it takes a second, and only charts need it.
    from matplotlib.figure import Figure

    counts = sorted({max(1, best.workers // 2), best.workers, best.workers * 2, best.workers * 4})
    most = max(readers.pods * 2, 8)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.add_subplot()
    node = replace(best.node, workers=max(counts))
    for curve in curves(node, counts, most, data, readers, source):
        xs, ys = zip(*curve.points, strict=True)
        chosen = curve.workers == best.workers
        held = with_workers(node, curve.workers, data, readers, source).hits
        label = f"{curve.workers} worker{'s' * (curve.workers > 1)}{' (planned)' * chosen}"
        label += "" if held == 1 else f", {held:.0%} held"
        axes.plot(xs, ys, label=label, linewidth=3 if chosen else 1, linestyle="-" if held == 1 else "--")
    if target is not None and target.pod_gbps is not None:
        axes.plot([0, most], [0, most * target.pod_gbps], linestyle=":", color="black", label="target")
    axes.axvline(readers.pods, linestyle="--", color="grey", linewidth=1)
    axes.set(
        title=f"{data.size_gib:,.0f} GiB on {node.name} ({node.medium})",
        xlabel="readers",
        ylabel="Gbit/s of all readers",
        xlim=(0, most),
        ylim=(0, None),
    )
    axes.legend()
    axes.grid(alpha=0.3)
    settings: Mapping[str, Any] = {"metadata": {"Date": None}} if file.suffix == ".svg" else {}
    figure.savefig(file, **settings)


if __name__ == "__main__":
    sys.exit(main())
