"""What writes the report of costs, against a server that answers as Prometheus does."""

import ast
import csv
import json
import re
import sys
import threading
import urllib.parse
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.observability import reporter

SECRET_PATH = "/api/v1/prometheus/d53c-secret/5108/c1234/cn-hangzhou"  # noqa: S105
TOKEN = "token-of-prometheus"  # noqa: S105
CONFIGURATION = {"cost": "the_cost", "presence": "the_presence", "timezone": "Asia/Shanghai", "keepMonths": 3}
SHANGHAI = zoneinfo.ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 2, 6, 15, tzinfo=SHANGHAI)
RAY = ("data", "batch", "ray", "CNY")
NOTEBOOK = ("lab", "(none)", "notebook", "CNY")

Rate = Callable[[int], float | None]
"""The cost of the hour that ends at a moment, None for no sample."""


@dataclass
class Prometheus:
    """A server of samples: costs by labels, and whether anything is known at a moment.

    answer: status and body in place of what it knows; missing: bytes that its answers break off before.
    """

    address: str = ""
    costs: dict[tuple[str, ...], Rate] = field(default_factory=dict[tuple[str, ...], Rate])
    known: Rate = lambda _: 1.0
    answer: tuple[int, bytes] | None = None
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    paths: list[str] = field(default_factory=list[str])
    missing: int = 0
    tokens: list[str | None] = field(default_factory=list[str | None])

    def query_range(self, fields: dict[str, str]) -> tuple[int, bytes]:
        """The answer to a query over a range."""
        self.asked.append(fields)
        if self.answer is not None:
            return self.answer
        start, end, step = (int(fields[name]) for name in ("start", "end", "step"))
        if "the_presence" in fields["query"]:
            found: Mapping[tuple[str, ...], Rate] = {(): self.known}
        else:
            assert "the_cost" in fields["query"]
            found = self.costs
        result: list[Any] = []
        for labels, rate in found.items():
            values = [[at, str(value)] for at in range(start, end + 1, step) if (value := rate(at)) is not None]
            if values:
                metric = dict(zip(reporter.LABELS, labels, strict=False))
                result.append({"metric": metric, "values": values})
        return 200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    """A server on this machine, for as long as a test runs."""
    state = Prometheus()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.paths.append(self.path)
            state.tokens.append(self.headers["Authorization"])
            status, body = state.query_range(dict(urllib.parse.parse_qsl(text, strict_parsing=True)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + state.missing))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def _run(prometheus: Prometheus, directory: Path, now: datetime = NOW, token: str = "", **said: Any) -> str:
    server = {"url": prometheus.address, "token": token}
    return reporter.report({**CONFIGURATION, **said}, server, str(directory), now)


def _rows(directory: Path, month: str) -> list[dict[str, str]]:
    with open(directory / f"cost-{month}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(directory: Path, month: str) -> str:
    return (directory / f"cost-{month}.md").read_text(encoding="utf-8")


def _steady(cost: float) -> Rate:
    return lambda _: cost


def test_a_month_is_summed_by_tenant_queue_and_kind(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: _steady(2.5), NOTEBOOK: _steady(0.5)}
    assert _run(prometheus, tmp_path) == "2026-10"
    hours = 31 * 24
    rows = _rows(tmp_path, "2026-10")
    assert [tuple(row[label] for label in reporter.LABELS) for row in rows] == [RAY, NOTEBOOK]
    assert [float(row["cost"]) for row in rows] == [2.5 * hours, 0.5 * hours]
    assert {row["month"] for row in rows} == {"2026-10"}
    text = _text(tmp_path, "2026-10")
    assert "| data | CNY | 1,860.00 |" in text
    assert "| notebook | CNY | 372.00 |" in text
    assert "| CNY | CNY | 2,232.00 |" in text
    assert "744.0 of 744 hours" in text
    assert "at least" not in text
    # Nothing to compare with.
    assert "change" not in text


def test_currencies_are_never_added(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: _steady(1), (*RAY[:3], "USD"): _steady(2)}
    _run(prometheus, tmp_path)
    assert "| data | CNY | 744.00 |" in _text(tmp_path, "2026-10")
    assert "| data | USD | 1,488.00 |" in _text(tmp_path, "2026-10")


def test_queries_cover_every_hour_once_and_at_most_a_day_at_a_time(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: _steady(1)}
    _run(prometheus, tmp_path)
    asked = [fields for fields in prometheus.asked if "the_cost" in fields["query"]]
    ends = [at for f in asked for at in range(int(f["start"]), int(f["end"]) + 1, int(f["step"]))]
    start = round(datetime(2026, 10, 1, tzinfo=SHANGHAI).timestamp())
    assert ends == [start + (hour + 1) * 3600 for hour in range(744)]
    assert all(int(f["end"]) - int(f["start"]) < 86_400 for f in asked)
    assert set(prometheus.paths) == {f"{SECRET_PATH}/api/v1/query_range"}


@pytest.mark.parametrize(
    ("zone", "now", "month", "hours"),
    [
        # The first hours of a month in Shanghai are still the month before in UTC.
        ("Asia/Shanghai", datetime(2026, 10, 31, 17, tzinfo=UTC), "2026-10", 744),
        ("UTC", datetime(2026, 10, 31, 17, tzinfo=UTC), "2026-09", 720),
        # The end and the beginning of summer time.
        ("Europe/Berlin", datetime(2026, 11, 2, tzinfo=UTC), "2026-10", 745),
        ("Europe/Berlin", datetime(2026, 4, 2, tzinfo=UTC), "2026-03", 743),
        ("Asia/Kolkata", datetime(2026, 3, 2, tzinfo=UTC), "2026-02", 672),
        ("Asia/Shanghai", datetime(2028, 3, 2, tzinfo=UTC), "2028-02", 696),
        ("Asia/Shanghai", datetime(2027, 1, 2, tzinfo=UTC), "2026-12", 744),
    ],
)
def test_months_are_those_of_the_time_zone(
    prometheus: Prometheus, tmp_path: Path, zone: str, now: datetime, month: str, hours: int
) -> None:
    prometheus.costs = {RAY: _steady(1)}
    assert _run(prometheus, tmp_path, now, timezone=zone) == month
    assert float(_rows(tmp_path, month)[0]["cost"]) == hours
    first = int(prometheus.asked[0]["start"]) - 3600
    assert datetime.fromtimestamp(first, zoneinfo.ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") == f"{month}-01 00:00"


def test_gaps_are_told(prometheus: Prometheus, tmp_path: Path) -> None:
    start = round(datetime(2026, 10, 1, tzinfo=SHANGHAI).timestamp())

    def after_ten_days(at: int) -> float | None:
        return 1.0 if at > start + 240 * 3600 else None

    prometheus.costs, prometheus.known = {RAY: after_ten_days}, after_ten_days
    _run(prometheus, tmp_path)
    (row,) = _rows(tmp_path, "2026-10")
    assert float(row["cost"]) == 504
    assert float(row["share_of_hours"]) == pytest.approx(504 / 744, abs=1e-6)
    assert "504.0 of 744 hours (67.7%" in _text(tmp_path, "2026-10")
    assert "**at least**" in _text(tmp_path, "2026-10")


def test_hours_without_a_job_are_no_gap(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: lambda at: 1.0 if at % 86_400 == 0 else None}
    _run(prometheus, tmp_path)
    assert float(_rows(tmp_path, "2026-10")[0]["cost"]) == 31
    assert "at least" not in _text(tmp_path, "2026-10")


def test_a_month_without_any_job_is_a_report(prometheus: Prometheus, tmp_path: Path) -> None:
    _run(prometheus, tmp_path)
    assert _rows(tmp_path, "2026-10") == []
    assert "744.0 of 744 hours" in _text(tmp_path, "2026-10")


def test_a_month_without_samples_is_none(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.known = lambda _: None
    with pytest.raises(reporter.Failed, match="no samples of 2026-10"):
        _run(prometheus, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_number_does_not_count(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: lambda at: float("nan") if at % 7200 == 0 else 1.0, NOTEBOOK: _steady(float("inf"))}
    _run(prometheus, tmp_path)
    assert [float(row["cost"]) for row in _rows(tmp_path, "2026-10")] == [372, 0]


def test_the_month_before_is_compared(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: _steady(1), ("gone", "batch", "ray", "CNY"): _steady(1)}
    _run(prometheus, tmp_path, datetime(2026, 10, 2, 6, tzinfo=SHANGHAI))
    prometheus.costs = {RAY: _steady(2), NOTEBOOK: _steady(1)}
    _run(prometheus, tmp_path)
    text = _text(tmp_path, "2026-10")
    # September has 720 hours, October 744.
    assert "| data | CNY | 1,488.00 | +107 % |" in text
    assert "| lab | CNY | 744.00 | new |" in text
    assert "| gone | CNY | 0.00 | -100 % |" in text
    assert "inexact" not in text


def test_a_month_before_with_gaps_makes_changes_inexact(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs, prometheus.known = {RAY: _steady(1)}, _steady(0.5)
    _run(prometheus, tmp_path, datetime(2026, 10, 2, 6, tzinfo=SHANGHAI))
    prometheus.known = _steady(1)
    _run(prometheus, tmp_path)
    assert "Of the month before 50.0% of the hours are known" in _text(tmp_path, "2026-10")


@pytest.mark.parametrize(
    "text", ["", "month,cost\n2026-09,1\n", "month,tenant,queue,kind,currency,cost,share_of_hours\na"]
)
def test_a_month_before_that_cannot_be_read_keeps_no_report_from_being_written(
    prometheus: Prometheus, tmp_path: Path, text: str
) -> None:
    (tmp_path / "cost-2026-09.csv").write_text(text)
    prometheus.costs = {RAY: _steady(1)}
    _run(prometheus, tmp_path)
    assert "| data | CNY | 744.00 |" in _text(tmp_path, "2026-10")


def test_made_again_it_is_the_same(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.costs = {RAY: _steady(1), NOTEBOOK: _steady(2)}
    _run(prometheus, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    _run(prometheus, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert before.keys() == {"cost-2026-10.csv", "cost-2026-10.md"}


def test_old_reports_go_and_nothing_else(prometheus: Prometheus, tmp_path: Path) -> None:
    old = [f"cost-{month}.{end}" for month in ("2025-12", "2026-07") for end in ("csv", "md")]
    kept = ["cost-2026-08.csv", "cost-2026-08.md", "cost-2026-09.csv", "notes.md", "cost-2026-07.csv.bak"]
    for name in (*old, *kept):
        (tmp_path / name).write_text("")
    _run(prometheus, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, "cost-2026-10.csv", "cost-2026-10.md"}


def test_the_token_is_sent_where_there_is_one(prometheus: Prometheus, tmp_path: Path) -> None:
    _run(prometheus, tmp_path)
    assert set(prometheus.tokens) == {None}
    prometheus.tokens.clear()
    _run(prometheus, tmp_path, token=TOKEN)
    assert set(prometheus.tokens) == {TOKEN}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, b"no " + TOKEN.encode() + b" for " + SECRET_PATH.encode()), r"answers 401: no \*\*\* for \*\*\*"),
        ((422, b'{"status":"error","error":"too many points"}'), "422: .*too many points"),
        ((503, b""), "answers 503"),
        ((200, b"<html>busy</html>"), "makes no sense: JSONDecodeError"),
        ((200, b"[]"), "makes no sense: TypeError"),
        ((200, b'{"status": "success"}'), "makes no sense: KeyError"),
        ((200, b'{"status": "error"}'), "without success"),
    ],
)
def test_refusals_are_told_without_secrets_and_nothing_is_written(
    prometheus: Prometheus, tmp_path: Path, answer: tuple[int, bytes], said: str
) -> None:
    prometheus.answer = answer
    with pytest.raises(reporter.Failed, match=said) as failed:
        _run(prometheus, tmp_path, token=TOKEN)
    assert TOKEN not in str(failed.value)
    assert SECRET_PATH not in str(failed.value)
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_breaks_off_is_told(prometheus: Prometheus, tmp_path: Path) -> None:
    prometheus.missing = 100
    with pytest.raises(reporter.Failed, match="makes no sense: IncompleteRead"):
        _run(prometheus, tmp_path)


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(reporter.Failed, match="cannot be reached"):
        _run(Prometheus("http://127.0.0.1:9"), tmp_path)


def test_each_hour_has_twelve_samples_with_either_meaning_of_a_range() -> None:
    """Prometheus 3 leaves a range's first moment out, and version 2 takes it in."""
    found = re.fullmatch(r"sum_over_time\(\(up\)\[(\d+)m:(\d+)m\]\) / (\d+)", reporter.hourly("up"))
    assert found is not None
    length, step, samples = map(int, found.groups())
    # Moments that are multiples of the step, back from the end of an hour.
    open_range = [minute for minute in range(0, 120, step) if 0 <= minute < length]
    closed_range = [minute for minute in range(0, 120, step) if 0 <= minute <= length]
    assert len(open_range) == len(closed_range) == samples == 60 / step


@pytest.fixture
def pod(prometheus: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of the pod."""
    for name in ("server", "reports"):
        (tmp_path / name).mkdir()
    (tmp_path / "configuration.json").write_text(json.dumps(CONFIGURATION))
    (tmp_path / "server" / "url").write_text(f"{prometheus.address}\n")
    (tmp_path / "server" / "token").write_text("")
    monkeypatch.setattr(reporter, "CONFIGURATION", str(tmp_path / "configuration.json"))
    monkeypatch.setattr(reporter, "SERVER", str(tmp_path / "server"))
    monkeypatch.setattr(reporter, "DIRECTORY", str(tmp_path / "reports"))
    return tmp_path


def test_it_runs_as_a_whole(prometheus: Prometheus, pod: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prometheus.costs = {RAY: _steady(1)}
    reporter.main()
    assert len(list((pod / "reports").iterdir())) == 2
    assert SECRET_PATH not in "".join(capsys.readouterr())


def test_it_fails_with_a_reason(prometheus: Prometheus, pod: Path) -> None:
    """A text as the exit status is printed, and the status is 1."""
    prometheus.known = lambda _: None
    with pytest.raises(SystemExit, match="no report: Prometheus has no samples"):
        reporter.main()
    (pod / "server" / "url").write_text("")
    with pytest.raises(SystemExit, match="address of Prometheus is not known"):
        reporter.main()
    (pod / "server" / "url").write_text(prometheus.address)
    (pod / "configuration.json").write_text(json.dumps({**CONFIGURATION, "timezone": "Mars/Olympus"}))
    with pytest.raises(SystemExit, match="no time zone"):
        reporter.main()
    (pod / "configuration.json").unlink()
    with pytest.raises(SystemExit, match="No such file"):
        reporter.main()


def test_it_needs_nothing_but_python() -> None:
    tree = ast.parse(Path(reporter.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not any(node.level for node in found)
    imported = {name.partition(".")[0] for name in (*names, *(node.module or "" for node in found))}
    assert imported <= sys.stdlib_module_names
