"""Writes the report of last month's costs. It runs in the cluster, on Python 3.11 or later alone.

It asks the HTTP API of Prometheus what each hour of the month cost, a day at a time, and writes `cost-YYYY-MM.csv` and
`cost-YYYY-MM.md`; made again, a report replaces the one before. Configuration, a JSON file: `cost`, a query of the cost
of an hour by tenant, queue, kind and currency; `presence`, one that has a result whenever the first could have;
`timezone`; `keepMonths`. The address (`url`), which may be a secret by itself, and the `token`, which may be empty, lie
in files.
"""

import csv
import http.client
import json
import math
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

CONFIGURATION = "/etc/report/configuration.json"
SERVER = "/etc/prometheus"
DIRECTORY = "/reports"

HOUR = 3600
SAMPLES = 12
"""Samples of an hour: one every five minutes."""

CHUNK = 24
"""Hours that are asked for at once."""

LABELS = ("tenant", "queue", "kind", "currency")
COLUMNS = ("month", *LABELS, "cost", "share_of_hours")
FILE = re.compile(r"cost-(\d{4}-\d{2})\.(csv|md)")

Costs = dict[tuple[str, ...], float]
"""Costs by tenant, queue, kind and currency."""


class Failed(Exception):
    """Why there is no report, in words that hold no secret."""


def before(month: str, count: int = 1) -> str:
    """The month some months before one, as `YYYY-MM`."""
    year, number = map(int, month.split("-"))
    index = year * 12 + number - 1 - count
    return f"{index // 12:04}-{index % 12 + 1:02}"


def bounds(month: str, zone: zoneinfo.ZoneInfo) -> tuple[int, int]:
    """When a month begins and ends in a time zone, in seconds since 1970."""
    year, number = map(int, month.split("-"))
    start = datetime(year, number, 1, tzinfo=zone)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    return round(start.timestamp()), round(end.timestamp())


def hourly(query: str) -> str:
    """The mean of what is sampled in an hour, where nothing counts as none.

    Two minutes less than an hour hold twelve steps, whether or not a range has its first moment.
    """
    return f"sum_over_time(({query})[58m:5m]) / {SAMPLES}"


def ask(server: Mapping[str, str], query: str, start: int, end: int) -> list[Any]:
    """The series of a query over the hours of a time. server: its `url` and `token`. Raises `Failed`."""
    fields = {"query": query, "start": str(start + HOUR), "end": str(end), "step": str(HOUR)}
    request = urllib.request.Request(
        f"{server['url'].rstrip('/')}/api/v1/query_range",
        urllib.parse.urlencode(fields).encode(),
        {"Authorization": server["token"]} if server["token"] else {},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            found = json.load(response)
        if found["status"] != "success":
            raise Failed("Prometheus answers without success")
        return found["data"]["result"]
    except urllib.error.HTTPError as error:
        said = error.read(1000).decode(errors="replace")
        raise Failed(f"Prometheus answers {error.code}: {hidden(said, server)}") from None
    except OSError as error:
        raise Failed(f"Prometheus cannot be reached: {hidden(str(error), server)}") from None
    except (http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        raise Failed(f"Prometheus answers what makes no sense: {type(error).__name__}") from None


def hidden(text: str, server: Mapping[str, str]) -> str:
    """A text without address and token."""
    path = urllib.parse.urlsplit(server["url"]).path.rstrip("/")
    for secret in (server["url"], path, server["token"]):
        text = text.replace(secret, "***") if secret else text
    return text


def chunks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The time between two moments in parts of at most a day."""
    for first in range(start, end, CHUNK * HOUR):
        yield first, min(first + CHUNK * HOUR, end)


def values(series: Mapping[str, Any]) -> Iterator[float]:
    """The values of a series that are numbers."""
    for _, text in series["values"]:
        value = float(text)
        if math.isfinite(value):
            yield value


def costs_of(server: Mapping[str, str], configuration: Mapping[str, Any], start: int, end: int) -> tuple[Costs, float]:
    """The costs between two moments, and for how many hours they are known. Raises `Failed`."""
    costs: Costs = {}
    known = 0.0
    for first, last in chunks(start, end):
        for series in ask(server, hourly(configuration["cost"]), first, last):
            key = tuple(series["metric"].get(label, "") for label in LABELS)
            costs[key] = costs.get(key, 0) + sum(values(series))
        present = f"({configuration['presence']}) * 0 + 1"
        known += sum(sum(values(series)) for series in ask(server, hourly(present), first, last))
    return costs, known


def read_costs(path: str) -> tuple[Costs, float] | None:
    """The costs of a report and its share of hours; None where there is none that can be read."""
    costs: Costs = {}
    share = 1.0
    try:
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                costs[tuple(row[label] for label in LABELS)] = float(row["cost"])
                share = float(row["share_of_hours"])
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return costs, share


def totals(costs: Costs, label: str) -> dict[tuple[str, str], float]:
    """Sums by one label and currency."""
    index = LABELS.index(label)
    found: dict[tuple[str, str], float] = {}
    for key, cost in costs.items():
        name = (key[index], key[-1])
        found[name] = found.get(name, 0) + cost
    return found


def change(now: float, then: float | None) -> str:
    """What changed against the month before, in percent."""
    if then is None:
        return "new"
    return f"{(now / then - 1) * 100:+.0f} %" if then else "-"


def table(title: str, now: Mapping[tuple[str, str], float], then: Mapping[tuple[str, str], float] | None) -> list[str]:
    """A table of sums, the largest first; those that are gone stand there, too."""
    columns = [title, "currency", "cost", *(["change"] if then is not None else [])]
    rows = ["| " + " | ".join(columns) + " |", "|---|---|---:|" + ("---:|" if then is not None else "")]
    for name in sorted({**(then or {}), **now}, key=lambda name: (-now.get(name, 0), name)):
        cost = now.get(name, 0)
        cells = [*name, f"{cost:,.2f}", *([change(cost, then.get(name))] if then is not None else [])]
        rows.append("| " + " | ".join(cells) + " |")
    return [*rows, ""]


def markdown(month: str, zone: str, costs: Costs, hours: tuple[float, int], then: tuple[Costs, float] | None) -> str:
    """The report in words. hours: for how many costs are known, and of how many; then: of the month before."""
    known, whole = hours
    lines = [f"# Costs of {month}", "", "Requests of pods at list prices, without network and storage.", ""]
    told = f"Costs are known for {known:,.1f} of {whole:,} hours ({share_of(hours):.1%}; months in {zone})"
    lines.append(f"{told}." if complete(share_of(hours)) else f"{told}, so every sum is **at least**.")
    if then is not None and not complete(then[1]):
        lines.append(f"Of the month before {then[1]:.1%} of the hours are known, so changes are inexact.")
    lines.append("")
    for label in ("currency", "tenant", "queue", "kind"):
        title = "all" if label == "currency" else label
        lines += table(title, totals(costs, label), totals(then[0], label) if then is not None else None)
    return "\n".join(lines)


def share_of(hours: tuple[float, int]) -> float:
    """The share of hours for which costs are known."""
    return hours[0] / hours[1]


def complete(share: float) -> bool:
    """Whether so few samples are missing that it does not show."""
    return share >= 0.9995


def rows_of(month: str, costs: Costs, share: float) -> Iterator[Sequence[str]]:
    """The rows of the CSV file."""
    yield COLUMNS
    for key, cost in sorted(costs.items()):
        yield (month, *key, f"{cost:.6f}", f"{share:.6f}")


def put(directory: str, name: str, lines: str) -> None:
    """Write a file as a whole or not at all."""
    part = os.path.join(directory, f".{name}.part")
    with open(part, "w", encoding="utf-8", newline="") as file:
        file.write(lines)
    os.replace(part, os.path.join(directory, name))


def tidy(directory: str, oldest: str) -> list[str]:
    """Remove the reports of months before one; gives their names."""
    old = [name for name in sorted(os.listdir(directory)) if (m := FILE.fullmatch(name)) and m[1] < oldest]
    for name in old:
        os.remove(os.path.join(directory, name))
    return old


def report(configuration: Mapping[str, Any], server: Mapping[str, str], directory: str, now: datetime) -> str:
    """Write the report of the month before `now`, and give its month. Raises `Failed` where nothing is known."""
    zone = zoneinfo.ZoneInfo(configuration["timezone"])
    month = before(now.astimezone(zone).strftime("%Y-%m"))
    start, end = bounds(month, zone)
    costs, known = costs_of(server, configuration, start, end)
    hours = (known, (end - start) // HOUR)
    if not known:
        raise Failed(f"Prometheus has no samples of {month}: not yet watched, or no longer kept")
    then = read_costs(os.path.join(directory, f"cost-{before(month)}.csv"))
    rows = rows_of(month, costs, share_of(hours))
    put(directory, f"cost-{month}.csv", "".join(",".join(row) + "\n" for row in rows))
    put(directory, f"cost-{month}.md", markdown(month, configuration["timezone"], costs, hours, then))
    print(f"cost-{month}: {known:.1f} of {hours[1]} hours", flush=True)
    for name in tidy(directory, before(month, configuration["keepMonths"] - 1)):
        print(f"{name}: removed", flush=True)
    return month


def read(path: str) -> str:
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def main() -> None:
    """Write the report, or say why not and fail."""
    try:
        server = {name: read(f"{SERVER}/{name}") for name in ("url", "token")}
        if not server["url"]:
            raise Failed("the address of Prometheus is not known; run `pulumi up` once more, now that it is there")
        report(json.loads(read(CONFIGURATION)), server, DIRECTORY, datetime.now(UTC))
    except zoneinfo.ZoneInfoNotFoundError as error:
        sys.exit(f"no report: the image has no time zone {error}")
    except (Failed, OSError) as error:
        sys.exit(f"no report: {error}")


if __name__ == "__main__":
    main()
