"""Queries as data."""

import pytest

from components.observability import promql


def test_what_a_query_reads() -> None:
    query = 'sum by (a) (rate(x_total{b="c"}[5m])) / max_over_time(y[1h:1m]) > 2 unless on () {__name__="r:z",d=~"e"}'
    assert promql.selectors(query) == [
        promql.Selector("x_total", frozenset({"b"})),
        promql.Selector("y", frozenset()),
        promql.Selector("r:z", frozenset({"d"})),
    ]
    assert promql.metrics(query) == {"x_total", "y", "r:z"}


@pytest.mark.parametrize("query", ["sum(", "rate(x)", "unknown(x)", 'x{a="b"', ""])
def test_what_is_no_query(query: str) -> None:
    assert promql.fault(query)


@pytest.mark.parametrize(
    "selector",
    ['{job="a"}', '{__name__=~"r:.*"}', '{__name__!="a",b="c"}', '{__name__="a",__name__="b"}', '{a="b" or c="d"}'],
)
def test_what_does_not_name_its_metric_is_no_query(selector: str) -> None:
    assert (promql.fault(f"sum({selector})") or "").endswith("must name one metric")


def test_a_good_query_has_no_fault() -> None:
    assert promql.fault("up == 0") is None


def test_recorded_names_are_written_out() -> None:
    recorded = {"r:a": 'sum(q{z!="b"})', "r:b": "r:a * 2"}
    assert promql.written_out("r:b > 3", recorded) == '((sum(q{z!="b"})) * 2) > 3'
    assert promql.written_out("max_over_time(r:a[30m] offset 15m) < 1", recorded) == (
        'max_over_time((sum(q{z!="b"}))[30m:1m] offset 15m) < 1'
    )
    assert promql.written_out('{__name__="r:a"} > 3', recorded) == '(sum(q{z!="b"})) > 3'


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ('r:a{x="y"}', "with labels"),
        ('{__name__="r:a",x="y"}', "with labels"),
        ("r:a offset 5m", "with an offset"),
        ("r:a @ 5", "at a time"),
    ],
)
def test_what_cannot_be_written_out(query: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        promql.written_out(query, {"r:a": "q"})


def test_durations() -> None:
    assert (promql.seconds("5m"), promql.seconds("3d")) == (300, 259_200)
