"""Which history servers there are, what each reads, and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from components.history import (
    HistoryArgs,
    HistorySurroundings,
    SparkHistoryArgs,
    SparkLoginArgs,
    Writer,
    history_problems,
    plan_history,
)
from components.history.planning import spark_options
from components.inputs import Problem
from components.storage import BucketArgs, Transition
from support import shown

IMAGE = "docker.io/apache/spark:4.0.1"
DATA = Writer("data", "data", ["spark", "backfill"], {"event-logs": "data/"}, ["ram-user/1", "ram-role/2"])
OLD = Writer("renamed", "old", ["etl"], {"event-logs": "own/part/"})
BARE = Writer("bare", "bare", ["bare"])
NO_SPARK = Writer("models", "models", [], {"event-logs": "models/"})
BUCKETS = {"event-logs": BucketArgs(expire_after_days=30), "logs": BucketArgs()}


def _args(**values: Any) -> HistoryArgs:
    return HistoryArgs(spark=SparkHistoryArgs(image=IMAGE, **values))


def _ack(*writers: Writer, **values: Any) -> HistorySurroundings:
    filled: dict[str, Any] = {"name": "acme-test", "buckets": BUCKETS, "writers": writers, **values}
    return HistorySurroundings("ack", **filled)


def _problems(args: HistoryArgs, around: HistorySurroundings) -> list[str]:
    return [shown(problem) for problem in history_problems(args, around)]


def test_each_tenant_has_a_server_that_reads_its_part_alone() -> None:
    around = _ack(DATA, OLD, BARE, NO_SPARK)
    assert _problems(_args(), around) == []
    plan = plan_history(_args(), around)
    assert [(s.name, s.tenant, s.namespaces, s.place, s.claim, s.events) for s in plan.spark] == [
        (
            "spark-history-data",
            "data",
            ["backfill", "spark"],
            "event-logs/data/spark/",
            "spark-history-data",
            "spark-events-data",
        ),
        (
            "spark-history-old",
            "renamed",
            ["etl"],
            "event-logs/own/part/spark/",
            "spark-history-old",
            "spark-events-old",
        ),
    ]
    assert plan.without == ["bare"]
    assert plan.address(plan.spark[0]) == "http://spark-history-data.history:18080"
    assert plan.spark_of("backfill") == plan.spark[0]
    assert plan.spark_of("bare") is None


def test_who_reads_does_not_write_and_who_writes_is_elsewhere() -> None:
    volumes = plan_history(_args(user=1000), _ack(DATA, OLD)).volumes
    assert {(name, v.prefix, v.read_only, tuple(v.namespaces)) for name, v in volumes.items()} == {
        ("spark-history-data", "data/spark/", True, ("history",)),
        ("spark-events-data", "data/spark/", False, ("backfill", "spark")),
        ("spark-history-old", "own/part/spark/", True, ("history",)),
        ("spark-events-old", "own/part/spark/", False, ("etl",)),
    }
    assert {"uid=1000", "gid=1000", "max_stat_cache_size=0"} <= {*(volumes["spark-history-data"].mount_options or ())}


def test_without_tenants_one_server_shows_all() -> None:
    around = _ack(Writer(spark=["spark"], prefixes={"event-logs": ""}))
    plan = plan_history(_args(), around)
    assert [(s.name, s.place, s.events) for s in plan.spark] == [("spark-history", "event-logs/spark/", "spark-events")]
    nobody = _ack(Writer(prefixes={"event-logs": ""}))
    message = "spark.namespaces = []: must name the namespaces of Spark jobs: there are no tenants"
    assert _problems(_args(), nobody) == [message]
    assert plan_history(_args(), _ack(NO_SPARK)).spark == []
    assert plan_history(HistoryArgs(), around).spark == []
    assert _problems(HistoryArgs(), around) == []


@pytest.mark.parametrize(
    ("values", "place", "claim", "part", "directory"),
    [
        ({"claim": "logs"}, "claim logs/data/spark", "logs", "data/spark", "file:///event-logs"),
        ({"directory": "s3a://logs/{tenant}/spark"}, "s3a://logs/data/spark", "", "", "s3a://logs/data/spark"),
    ],
)
def test_upstream_reads_a_claim_or_an_address(
    values: dict[str, str], place: str, claim: str, part: str, directory: str
) -> None:
    around = HistorySurroundings("upstream", writers=[DATA])
    assert _problems(_args(**values), around) == []
    plan = plan_history(_args(**values), around)
    server = plan.spark[0]
    assert (server.place, server.claim, server.sub_path, server.directory) == (place, claim, part, directory)
    assert (server.events, plan.volumes, plan.without) == ("", {}, [])


UPSTREAM = HistorySurroundings("upstream", writers=[DATA, OLD])


@pytest.mark.parametrize(
    ("values", "around", "problems"),
    [
        (
            {"claim": "a", "secret": "b"},
            _ack(DATA),
            [
                'spark.claim = "a": has no effect with flavor: ack; remove it',
                'spark.secret = "b": has no effect with flavor: ack; remove it',
            ],
        ),
        (
            {"bucket": "event-log"},
            _ack(DATA),
            ["spark.bucket = \"event-log\": not a bucket's role; did you mean 'event-logs'?"],
        ),
        (
            {"retention_days": 31},
            _ack(DATA),
            [
                "spark.retentionDays = 31: longer than buckets.event-logs keeps logs (expireAfterDays = 30); raise "
                "that or lower this"
            ],
        ),
        (
            {},
            UPSTREAM,
            ["spark = null: must name either a claim or a directory with the event logs"],
        ),
        (
            {"claim": "a", "secret": "b", "bucket": "c"},
            UPSTREAM,
            [
                'spark.bucket = "c": has no effect with flavor: upstream; remove it',
                'spark.secret = "b": is for a directory; a claim needs none',
            ],
        ),
        (
            {"directory": "s3a://logs/{team}"},
            UPSTREAM,
            [
                'spark.directory = "s3a://logs/{team}": {team} stands for nothing; allowed: {tenant}',
                'spark.directory = "s3a://logs/{team}": would show each of data, renamed the history of the others; '
                "put {tenant} in it",
            ],
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], around: HistorySurroundings, problems: Sequence[str]) -> None:
    assert _problems(_args(**values), around) == problems


def test_logs_that_cannot_be_read_any_more_are_refused() -> None:
    cold = [Transition(after_days=10, storage_class="IA"), Transition(after_days=20, storage_class="Archive")]
    around = _ack(DATA, buckets={"event-logs": BucketArgs(transitions=cold)})
    assert _problems(_args(), around) == [
        "spark.retentionDays = 30: buckets.event-logs moves logs to Archive after 20 days, where no server can read "
        "them; move them later, or to IA"
    ]
    assert _problems(_args(retention_days=20), around) == []


def test_names_that_are_taken_or_too_long() -> None:
    space = "a" * 63
    around = _ack(
        Writer("data", "data", [space, "spark"], {"event-logs": "data/"}), claims={("spark-events-data", "spark")}
    )
    found = history_problems(_args(), around)
    assert found == [
        Problem(
            "spark",
            space,
            "spark-events-data.namespaces[0]: makes a volume name of 81 characters; at most 63",
        ),
        Problem(
            "spark",
            "spark-events-data",
            "makes a claim spark-events-data in spark, which volumes or datasets make already; name theirs otherwise",
        ),
    ]


def test_a_login_is_said_to_the_server() -> None:
    login = SparkLoginArgs(
        filter="com.example.Login", parameters={"realm": "x"}, admins=["a", "b"], admin_groups=["platform"]
    )
    options = spark_options(SparkHistoryArgs(image=IMAGE, login=login), "file:///event-logs")
    assert options[-6:] == [
        "-Dspark.history.store.maxDiskUsage=10g",
        "-Dspark.ui.filters=com.example.Login",
        "-Dspark.com.example.Login.param.realm=x",
        "-Dspark.history.ui.acls.enable=true",
        "-Dspark.history.ui.admin.acls=a,b",
        "-Dspark.history.ui.admin.acls.groups=platform",
    ]
    assert "-Dspark.history.fs.cleaner.enabled=false" in options
    bare = SparkLoginArgs(filter="com.example.Login")
    assert spark_options(SparkHistoryArgs(image=IMAGE, login=bare), "x")[-1] == "-Dspark.history.ui.acls.enable=true"


@pytest.mark.parametrize(
    "values",
    [
        {"image": "a b"},
        {"directory": "s3a://key:secret@logs"},
        {"directory": "s3a://logs -Dx=y"},
        {"login": {"filter": "Login"}},
        {"login": {"filter": "a.B", "parameters": {"a": "b c"}}},
        {"login": {"filter": "a.B", "admins": ["a,b"]}},
        {"openTo": ["Not_A_Namespace"]},
    ],
)
def test_values_that_could_become_other_options(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SparkHistoryArgs.model_validate({"image": IMAGE, **values})
