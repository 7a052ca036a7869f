"""Where logs go: stores, pipelines that never read twice, and what is refused."""

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pytest

from components.inputs import InvalidInput
from components.logs import LoggedTenant, LogPlan, LogsArgs, Pipeline, log_notes, plan_logs
from components.logs.planning import RAY, SPARK
from components.logs.questions import alarms_of, queries_of
from components.logs.sls import alarm_inputs, index_inputs
from components.platform.args import Flavor

from .logging_of import TENANTS, logged, planned

LOGTAIL = {"logtail": "kube-system", "kuberay": "ray-system"}
PODS: Mapping[str, Mapping[str, str]] = {"Ray": RAY, "Spark": {"spark-role": "driver"}, "others": {}}


def test_stores() -> None:
    stores = {store.name: store for store in planned(business={"hotDays": 14}).stores}
    assert {name: (s.kind, s.tenant, s.retention_days, s.hot_days, s.keep, s.ours) for name, s in stores.items()} == {
        "tenant-data": ("business", "data", 30, 14, True, True),
        "tenant-data-engine": ("engine", "data", 14, None, True, True),
        "tenant-lab": ("business", "lab", 60, 14, False, True),
        "platform": ("platform", "", 30, None, False, True),
        "network": ("network", "", 30, None, False, True),
        "k8s-event": ("events", "", 90, None, False, False),
        "audit-<cluster id>": ("audit", "", None, None, False, False),
    }
    assert stores["tenant-data"].fields["context"] == "json"
    assert {"level", "logger", "message", "__tag__:_namespace_"} <= stores["tenant-data"].fields.keys()


def _reads(pipeline: Pipeline, namespace: str, labels: Mapping[str, str], stream: str) -> bool:
    """Whether a pipeline takes lines of a stream of a pod."""

    def has(wanted: Mapping[str, str]) -> bool:
        return any(key in labels and value in ("", labels[key]) for key, value in wanted.items())

    return (
        namespace in pipeline.namespaces
        and stream in pipeline.streams
        and (not pipeline.included or has(pipeline.included))
        and not has(pipeline.excluded)
    )


@pytest.mark.parametrize("flavor", ["ack", "upstream"])
@pytest.mark.parametrize("structured", [True, False])
def test_every_line_is_collected_once(flavor: Flavor, structured: bool) -> None:
    plan = planned(flavor, structured=structured)
    for space in ("ray", "spark", "lab", "ray-system"):
        for pod, labels in PODS.items():
            if (space, pod) in (("spark", "Ray"), ("lab", "Ray"), ("lab", "Spark"), ("ray", "Spark")):
                continue  # Nothing of this kind runs there.
            for stream in ("stdout", "stderr"):
                found = [p for p in plan.pipelines if _reads(p, space, labels, stream)]
                only = sorted(p.only for p in found)
                assert only in ([""], ["program", "spark"]), (space, pod, stream, [p.name for p in found])
                # Whoever shares a container with another must say so, or one of them gets nothing.
                assert len(found) == 1 or all(p.shared for p in found)


def test_pipelines_of_one_container_say_that_they_share_it() -> None:
    pipelines = [p for p in planned().pipelines if p.streams]
    for one, other in combinations(pipelines, 2):
        same = {*one.namespaces} & {*other.namespaces}
        if same and not (one.included == RAY or other.included == RAY):
            assert one.shared, one.name
            assert other.shared, other.name


def test_files_of_ray_are_told_apart_by_their_names() -> None:
    paths = {p.name: (p.kind, p.store, p.path, p.excluded_files) for p in planned().pipelines if p.path}
    files = "/tmp/ray/session_2*/logs/"  # noqa: S108
    assert paths == {
        "tenant-data-ray-engine": (
            "engine",
            "tenant-data-engine",
            f"{files}*.*",
            ("worker-*", "job-driver-*", "debug_state*"),
        ),
        "tenant-data-ray-workers": ("business", "tenant-data", f"{files}worker-*", ()),
        "tenant-data-ray-drivers": ("business", "tenant-data", f"{files}job-driver-*", ()),
    }
    assert not [p for p in planned("upstream").pipelines if p.path]
    assert "RAY_LOG_TO_STDERR" in log_notes(planned("upstream"))[0]


def test_kinds_can_be_left_out() -> None:
    plan = planned(engine={"enabled": False}, platform={"enabled": False}, network={"enabled": False})
    assert {p.kind for p in plan.pipelines} == {"business"}
    assert [store.name for store in plan.own_stores] == ["tenant-data", "tenant-lab"]
    kept = planned(business={"enabled": False})
    assert "tenant-data" in {store.name for store in kept.stores}, "what is in it stays"
    assert "business" not in {p.kind for p in kept.pipelines}
    assert "tenant-data" not in {store.name for _, store in alarms_of(kept)}


def test_logtail_takes_lines_as_they_are() -> None:
    plan = planned(systems=LOGTAIL, structured=False)
    assert plan.collector == "logtail"
    assert [(p.name, p.store, p.format, p.streams) for p in plan.pipelines] == [
        ("tenant-data", "tenant-data", "", ("stdout", "stderr")),
        ("tenant-lab", "tenant-lab", "", ("stdout", "stderr")),
        ("platform", "platform", "", ("stdout", "stderr")),
    ]
    assert [store.name for store in plan.own_stores] == ["tenant-data", "tenant-lab", "platform", "network"]
    assert "ErrorsSpike" not in {alarm.name for alarm, _ in alarms_of(plan)}
    assert queries_of(plan) == {}


@pytest.mark.parametrize("systems", [LOGTAIL, None])
@pytest.mark.parametrize("structured", [True, False])
def test_alarms_ask_for_what_has_an_index(systems: Mapping[str, str] | None, structured: bool) -> None:
    if systems and structured:
        return  # Refused.
    plan = planned(systems=systems, structured=structured)
    found = alarms_of(plan)
    assert {alarm.name for alarm, _ in found} >= {"OutOfMemory", "Tracebacks", "GpuErrors", "CollectionSilent"}
    for alarm, store in found:
        query = alarm_inputs(alarm, store, plan, "acme")["configuration"]["query_lists"][0]["query"]
        indexed = {field["name"] for field in index_inputs(store)["field_searches"]}
        assert {*re.findall(r"GROUP BY \"(.+?)\"", query)} <= indexed, alarm.name
    assert plan.namespace == ("_namespace_" if systems else "__tag__:_namespace_")


def _problems(flavor: Flavor = "ack", *, around: Mapping[str, Any] | None = None, **said: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        plan_logs(LogsArgs.model_validate(said), logged(flavor, **(around or {})))
    return [f"{problem.path}: {problem.message}" for problem in caught.value.problems]


def test_what_is_refused() -> None:
    assert _problems(engine={"hotDays": 14}, business={"hotDays": 60}) == [
        "engine.hotDays: must be fewer than the days for which logs of engine are kept, 14; or leave it out",
        "business.hotDays: must be fewer than the days for which logs of tenant data are kept, 30; or leave it out",
        "business.hotDays: must be fewer than the days for which logs of tenant lab are kept, 60; or leave it out",
    ]
    assert _problems(business={"keepPercent": 10}, events={"retentionDays": 7}) == [
        "business.keepPercent: the collector on ACK draws no samples; use linesPerSecond or droppedLevels",
        "events: has no effect on ACK, where systems.node-problem-detector collects and keeps events; remove it",
    ]
    (lost,) = _problems(around={"systems": LOGTAIL})
    assert lost.startswith("structured: logtail takes lines as they are: no traces in one entry, no fields")
    assert _problems(
        around={"systems": LOGTAIL},
        structured=False,
        business={"linesPerSecond": 5, "droppedLevels": ["DEBUG"]},
        engine={"enabled": False},
    ) == [
        "business.linesPerSecond: has no effect on lines as they are; remove it",
        "business.droppedLevels: has no effect on lines as they are; remove it",
        "engine: has no effect with structured: false, which keeps all lines together; remove it",
    ]
    assert _problems(
        "upstream",
        engine={"hotDays": 7},
        savedQueries={"mine": {"title": "Mine", "query": "*"}},
        actionPolicy="mine",
        fileTimeZone="GMT+08:00",
    ) == [
        "engine.hotDays: has no effect upstream: Loki keeps all alike; remove it",
        "savedQueries: has no effect upstream, where there is no Log Service; remove it",
        "actionPolicy: has no effect upstream, where there is no Log Service; remove it",
        "fileTimeZone: has no effect upstream, where files in containers are not read; remove it",
    ]


def test_jobs_of_no_tenant_have_stores_of_their_own() -> None:
    nobodys = LoggedTenant("", {"scratch": ["ray", "spark"]}, 7, keep=False)
    plan = plan_logs(LogsArgs(), logged(tenants={"": nobodys, **TENANTS}))
    stores = {store.name: (store.kind, store.tenant, store.retention_days) for store in plan.own_stores}
    assert stores["jobs"] == ("business", "", 7)
    assert stores["jobs-engine"] == ("engine", "", 14)
    assert {p.name for p in plan.pipelines if p.namespaces == ["scratch"]} == {
        *("jobs-stdout", "jobs-stderr", "jobs-spark", "jobs-spark-engine"),
        *("jobs-ray", "jobs-ray-engine", "jobs-ray-workers", "jobs-ray-drivers"),
    }
    assert ("ErrorsSpike", "jobs") in {(alarm.name, store.name) for alarm, store in alarms_of(plan)}
    assert {"jobs", "platform", "tenant-data", "tenant-lab"} == queries_of(plan).keys()
    assert _problems(around={"tenants": {"": nobodys}}, business={"hotDays": 7}) == [
        "business.hotDays: must be fewer than the days for which logs of jobs of no tenant are kept, 7; or leave it out"
    ]


def test_two_stores_never_share_a_name() -> None:
    tenants = {**TENANTS, "data-engine": LoggedTenant("data-engine", {"other": ["ray"]}, 30)}
    # Jobs of `data` may read that store even where no engine logs are collected.
    cases: list[dict[str, Any]] = [{}, {"engine": {"enabled": False}}, {"structured": False}]
    for said in cases:
        assert _problems(around={"tenants": tenants}, **said) == [
            ": jobs of data read the store tenant-data-engine, its engine logs, which is that of data-engine; "
            "rename one of them"
        ]
    # Elsewhere a store is a tenant and a kind.
    plan_logs(LogsArgs(), logged("upstream", tenants=tenants))


def test_notes() -> None:
    plan = plan_logs(LogsArgs.model_validate({"engine": {"hotDays": 7}}), logged(serverless=True))
    assert [("UNCONFIRMED" in note) for note in log_notes(plan)] == [True, True]
    assert log_notes(planned(systems=LOGTAIL, structured=False)) == [
        "Logtail keeps all of a tenant's lines together, engine logs among them."
    ]


def test_alarms_can_be_changed() -> None:
    plan = planned(
        alarms={"Tracebacks": {"threshold": 5, "minutes": 30, "severity": "critical"}, "GpuErrors": {"enabled": False}}
    )
    found = {(alarm.name, store.name): alarm for alarm, store in alarms_of(plan)}
    assert {name for name, _ in found} == {"ErrorsSpike", "OutOfMemory", "Tracebacks", "CollectionSilent"}
    changed = found["Tracebacks", "tenant-lab"]
    assert (changed.threshold, changed.minutes, changed.severity) == (5, 30, "critical")
    assert ("Tracebacks", "tenant-data-engine") not in found
    assert found["CollectionSilent", "platform"].condition == "entries < 1"


def test_alarms_use_no_phrases() -> None:
    for alarm, _ in alarms_of(planned()):
        assert '#"' not in alarm.query()
        assert re.fullmatch(r".+ \| SELECT .+", alarm.query())


def test_own_queries_stand_beside_the_defaults() -> None:
    own = {"errors": {"title": "Ours", "query": "x"}, "new": {"title": "New", "query": "y", "kinds": ["engine"]}}

    def titles(plan: LogPlan) -> set[tuple[str, str]]:
        return {(store.name, query.title) for queries in queries_of(plan).values() for store, query in queries}

    found = titles(planned(savedQueries=own))
    assert {("tenant-data", "Ours"), ("tenant-data-engine", "New")} <= found
    assert ("tenant-data", "Errors by namespace") not in found
    assert ("k8s-event", "Warnings by object") in found
    assert queries_of(planned("upstream")) == {}
    assert SPARK == {"spark-role": ""}
