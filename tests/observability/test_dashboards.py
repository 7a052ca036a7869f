"""Dashboards: every panel shows something that a monitor brings, and Grafana's own model takes all of them."""

import json
from collections.abc import Iterator

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from components.observability import promql
from components.observability.alarms import labels_of, provided
from components.observability.dashboards import Panel, dashboard_files, filled, grafana
from components.observability.monitors import monitors_of
from components.observability.planning import MonitoringPlan
from components.platform.args import Flavor

from .watching import planned

FLAVORS: tuple[Flavor, ...] = ("upstream", "ack")


def _panels() -> Iterator[tuple[str, Panel]]:
    for name, file in dashboard_files().items():
        for panels in file.rows.values():
            for panel in panels:
                yield name, panel


def test_every_query_is_promql_over_metrics_and_labels_that_a_monitor_declares() -> None:
    monitors = {f"{flavor} {n}": m for flavor in FLAVORS for n, m in monitors_of(flavor).items()}
    recorded = {recording.name for flavor in FLAVORS for recording in planned(flavor).rules.recordings}
    known, labels = provided(monitors) | recorded, labels_of(monitors)
    for name, panel in _panels():
        for legend, query in panel.queries.items():
            text = filled(query, dashboard_files()[name].variables)
            assert promql.fault(text) is None, (name, panel.title, legend)
            assert promql.metrics(text) <= known, (name, panel.title, legend)
            for selector in promql.selectors(text):
                unknown = selector.labels - labels.get(selector.metric, selector.labels)
                assert not unknown, (name, panel.title, selector.metric, unknown)


def test_every_panel_is_shown_somewhere() -> None:
    plans = [planned(flavor) for flavor in FLAVORS]
    left_out = [{(d.id, title) for d in plan.dashboards for title in d.left_out} for plan in plans]
    assert not left_out[0] & left_out[1]
    # Nothing but what there is: a fifth of the panels cannot be left out unseen.
    assert all(len(left) < 0.2 * len(list(_panels())) for left in left_out)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_grafanas_model_takes_them(flavor: Flavor) -> None:
    register_default_plugins()
    plan = planned(flavor)
    for dashboard in plan.dashboards:
        data = json.loads(grafana(dashboard, plan.unrecorded))
        model = Model.from_json(data)
        assert model.uid == dashboard.id
        assert model.panels is not None
        rows = len(dashboard.rows)
        assert len(model.panels) == dashboard.panels + rows
        assert len({panel["id"] for panel in data["panels"]}) == len(data["panels"])
        _nothing_overlaps(data["panels"])


def _nothing_overlaps(panels: list[dict[str, dict[str, int]]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells


def _text(plan: MonitoringPlan, name: str) -> str:
    return grafana(next(d for d in plan.dashboards if d.id == name), plan.unrecorded)


def test_what_managed_prometheus_does_not_record_is_written_out() -> None:
    assert "namespace:cost:hour" in _text(planned("upstream"), "cost")
    assert "namespace:cost:hour" not in _text(planned("ack"), "cost")


def test_ids_stay() -> None:
    """Links to dashboards are made of their ids."""
    assert dashboard_files().keys() == {
        *("cache", "cost", "job", "platform", "queues", "ray", "spark", "storage", "training"),
    }


def test_the_same_dashboard_is_the_same_text() -> None:
    assert [grafana(d) for d in planned().dashboards] == [grafana(d) for d in planned().dashboards]
