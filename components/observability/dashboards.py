"""Dashboards: files with panels, rendered for Grafana, with those panels of which all metrics are there."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from ..inputs import Args
from . import promql
from .alarms import Rules, provided
from .monitors import Monitor

WIDTH = 24
"""Columns of Grafana's grid."""

SCHEMA = 39
"""Schema version of the dashboards' JSON, Grafana 11."""


class Panel(Args):
    """One question, answered by queries."""

    title: str
    queries: Annotated[Mapping[str, str], Field(min_length=1)]
    """PromQL by legend; `{{namespace}}` in a legend stands for a label."""

    unit: str = "short"
    """Unit of the values, by Grafana's names, such as `percentunit`, `bytes`, `s`."""

    kind: Literal["timeseries", "stat", "table", "bargauge"] = "timeseries"
    width: Annotated[int, Field(ge=3, le=WIDTH)] = 12
    height: Annotated[int, Field(ge=3, le=20)] = 7
    description: str = ""


class Variable(Args):
    """Something that a reader chooses."""

    query: str = ""
    """Values of a label: `label_values(metric, label)`. Empty: the reader types them."""

    several: bool = True
    """Whether more than one may be chosen, or all."""


class DashboardFile(Args):
    """A dashboard as its file states it. The file's name is its id, which stays."""

    title: str
    folder: str
    question: str
    variables: Mapping[str, Variable] = {}
    rows: Mapping[str, Sequence[Panel]]


@dataclass(frozen=True)
class Dashboard:
    """A dashboard of an environment. left_out: panels of which metrics are missing."""

    id: str
    file: DashboardFile
    rows: Mapping[str, Sequence[Panel]]
    left_out: Sequence[str]

    @property
    def panels(self) -> int:
        """How many panels there are."""
        return sum(map(len, self.rows.values()))


@functools.cache
def dashboard_files() -> Mapping[str, DashboardFile]:
    """All dashboards, by id."""
    files = sorted((Path(__file__).parent / "dashboards").glob("*.yaml"))
    return {path.stem: DashboardFile(**yaml.safe_load(path.read_text(encoding="utf-8"))) for path in files}


def filled(query: str, variables: Mapping[str, Variable]) -> str:
    """A panel's query with something in place of Grafana's variables, so that it can be parsed."""
    for variable in (*sorted(variables, key=len, reverse=True), "__rate_interval", "__range", "__interval"):
        query = query.replace(f"${variable}", "5m" if variable.startswith("__") else ".*")
    return query


def plan_dashboards(monitors: Mapping[str, Monitor], rules: Rules) -> list[Dashboard]:
    """The dashboards that show something, with what of them does."""
    there = provided(monitors) | {recording.name for recording in rules.recordings}
    found: list[Dashboard] = []
    for name, file in dashboard_files().items():
        rows: dict[str, list[Panel]] = {}
        left_out: list[str] = []
        for row, panels in file.rows.items():
            for panel in panels:
                queries = {
                    legend: query
                    for legend, query in panel.queries.items()
                    if promql.metrics(filled(query, file.variables)) <= there
                }
                if queries:
                    rows.setdefault(row, []).append(panel.model_copy(update={"queries": queries}))
                else:
                    left_out.append(panel.title)
        if rows:
            found.append(Dashboard(name, file, rows, left_out))
    return found


def grafana(dashboard: Dashboard, recorded: Mapping[str, str] | None = None) -> str:
    """A dashboard as Grafana's JSON, the same text for the same dashboard.

    recorded: queries that are written out, by their names, where nothing records them. Source of the fields:
    grafana/grafana, kinds/dashboard/dashboard_kind.cue, as in grafana-foundation-sdk 10.1.
    """
    file = dashboard.file
    panels: list[dict[str, Any]] = []
    top = 0
    for row, members in dashboard.rows.items():
        panels.append({"type": "row", "title": row, "collapsed": False, "panels": [], "gridPos": _place(0, top, 24, 1)})
        top += 1
        left, tallest = 0, 0
        for panel in members:
            if left + panel.width > WIDTH:
                left, top, tallest = 0, top + tallest, 0
            panels.append(_panel(panel, _place(left, top, panel.width, panel.height), recorded or {}))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    whole = {
        "uid": dashboard.id,
        "title": file.title,
        "description": file.question,
        "tags": ["ack-ai-blueprint"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_datasource(), *(_variable(n, v) for n, v in file.variables.items())]},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, 1)],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}


def _panel(panel: Panel, place: Mapping[str, int], recorded: Mapping[str, str]) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "expr": _expression(query.strip(), recorded),
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
                **({"format": "table"} if panel.kind == "table" else {}),
            }
            for index, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def _expression(query: str, recorded: Mapping[str, str]) -> str:
    """A query as it is, but for recorded names; those that have some have no variables of Grafana."""
    if not any(name in query for name in recorded):
        return query
    return promql.written_out(query, recorded)


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(name: str, variable: Variable) -> dict[str, Any]:
    if not variable.query:
        return {"name": name, "label": name, "type": "textbox", "query": "", "current": {"text": "", "value": ""}}
    several = {"multi": True, "includeAll": True, "allValue": ".*"} if variable.several else {}
    return {
        "name": name,
        "label": name.replace("_", " "),
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "query": {"query": variable.query, "refId": name},
        "refresh": 2,
        "sort": 1,
        **several,
    }
