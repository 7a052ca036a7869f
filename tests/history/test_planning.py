"""Which history servers there are, what each reads, and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from components.history import (
    HistoryArgs,
    HistorySurroundings,
    ObjectStoreArgs,
    RayHistoryArgs,
    SparkHistoryArgs,
    SparkLoginArgs,
    Writer,
    history_problems,
    plan_history,
)
from components.history.planning import ray_ports, spark_options
from components.inputs import Problem
from components.storage import BucketArgs, Transition
from support import shown

IMAGE = "docker.io/apache/spark:4.0.1"
DATA = Writer("data", "data", ["spark", "backfill"], {"event-logs": "data/"}, ["ram-user/1", "ram-role/2"])
OLD = Writer("renamed", "old", ["etl"], {"event-logs": "own/part/"})
RAY = Writer("data", "d1", ["spark"], {}, ["ram-user/1"], ["ray", "nightly"], {"event-logs": "data/"})
STORE = ObjectStoreArgs(bucket="logs", endpoint="http://minio.data:9000")
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
    assert plan.without == {"Spark": ["bare"]}
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
    assert (server.events, plan.volumes, plan.without) == ("", {}, {})


UPSTREAM = HistorySurroundings("upstream", writers=[DATA, OLD])


def test_a_tenant_of_another_name_keeps_its_history() -> None:
    around = HistorySurroundings("upstream", writers=[OLD])
    (server,) = plan_history(_args(directory="s3a://logs/{tenant}/spark"), around).spark
    assert (server.tenant, server.directory) == ("renamed", "s3a://logs/old/spark")
    (server,) = plan_history(_args(claim="logs"), around).spark
    assert server.sub_path == "old/spark"


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


def _ray(**values: Any) -> HistoryArgs:
    images = {"image": "quay.io/s:1", "collector_image": "quay.io/c:1", "dashboard_image": "quay.io/d:1"}
    return HistoryArgs(ray=RayHistoryArgs.model_validate({**images, **values}))


def test_each_tenant_with_ray_has_a_server_and_a_dashboard() -> None:
    around = _ack(RAY, DATA, region="cn-hangzhou", bucket_names={"event-logs": "acme-test-event-logs"})
    assert _problems(_ray(), around) == []
    plan = plan_history(_ray(), around)
    (server,) = plan.ray
    assert (server.name, server.dashboard, server.pod) == ("ray-history-d1", "ray-dashboard-d1", "ray-dashboard-d1-0")
    assert (server.role, server.prefix) == ("acme-test-ray-history-d1", "data/ray/")
    assert server.environment == {
        "STORAGE_BACKEND": "aliyunoss",
        "STORAGE_ROOT_DIR": "data/ray",
        "OSS_BUCKET": "acme-test-event-logs",
        "OSS_ENDPOINT": "oss-cn-hangzhou-internal.aliyuncs.com",
        "OSS_REGION": "cn-hangzhou",
        "ALIBABA_CLOUD_STS_REGION": "cn-hangzhou",
        "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true",
    }
    assert plan.ray_of("nightly") is server
    assert plan.ray_of("spark") is None
    assert (plan.spark, plan.volumes, plan.without) == ([], {}, {})
    assert plan.address(server) == "http://ray-dashboard-d1.history:8265"
    homeless = Writer("data", "data", ray=["ray"])
    assert plan_history(_ray(), _ack(homeless)).without == {"Ray": ["data"]}


def test_upstream_ray_keeps_its_logs_in_a_store_that_speaks_s3() -> None:
    around = HistorySurroundings("upstream", writers=[RAY, Writer(ray=["etl"])])
    args = _ray(store=STORE, **{"secret": "keys"})
    assert _problems(args, around) == []
    assert args.ray is not None
    assert ray_ports(args.ray) == [443, 6443, 9000]
    servers = plan_history(args, around).ray
    assert [(s.name, s.place, s.role) for s in servers] == [
        ("ray-history-d1", "s3://logs/d1/ray", ""),
        ("ray-history", "s3://logs/ray", ""),
    ]
    assert servers[0].environment == {
        "STORAGE_BACKEND": "s3",
        "STORAGE_ROOT_DIR": "d1/ray",
        "S3_BUCKET": "logs",
        "S3_ENDPOINT": "http://minio.data:9000",
        "S3_REGION": "us-east-1",
        "S3FORCE_PATH_STYLE": "true",
        "S3DISABLE_SSL": "true",
    }


@pytest.mark.parametrize(
    ("values", "around", "problems"),
    [
        (
            {"store": STORE, "secret": "keys"},
            _ack(RAY),
            [
                "ray.store = null: has no effect with flavor: ack; remove it",
                'ray.secret = "keys": has no effect with flavor: ack; remove it',
            ],
        ),
        (
            {"retention_days": 31},
            _ack(RAY),
            [
                "ray.retentionDays = 31: longer than buckets.event-logs keeps logs (expireAfterDays = 30); raise that "
                "or lower this"
            ],
        ),
        (
            {"namespaces": ["etl"]},
            _ack(RAY, Writer(ray=["etl"])),
            [
                'ray.namespaces = ["etl"]: are no tenant\'s, so that no RAM role lets their pods write event logs; '
                "make them a tenant's"
            ],
        ),
        ({}, _ack(Writer()), ["ray.namespaces = []: must name the namespaces of Ray jobs: there are no tenants"]),
        (
            {},
            _ack(RAY, name="a" * 60),
            [f'ray = "data": makes a role name {"a" * 60}-ray-history-d1; at most 64 characters'],
        ),
        (
            {},
            HistorySurroundings("upstream", writers=[RAY]),
            ["ray.store = null: missing; flavor: upstream needs a bucket that speaks S3"],
        ),
    ],
)
def test_what_is_refused_of_ray(values: dict[str, Any], around: HistorySurroundings, problems: Sequence[str]) -> None:
    assert _problems(_ray(**values), around) == problems


def test_jobs_of_no_tenant_do_not_see_those_of_tenants() -> None:
    nobodys = Writer(spark=["etl"], prefixes={"event-logs": ""})
    args = _args(directory="s3a://logs/spark")
    (problem,) = _problems(args, HistorySurroundings("upstream", writers=[DATA, nobodys]))
    assert "would show each of data, platform the history of the others" in problem
    plan = plan_history(
        _args(directory="s3a://logs/{tenant}"), HistorySurroundings("upstream", writers=[DATA, nobodys])
    )
    assert [server.directory for server in plan.spark] == ["s3a://logs/data", "s3a://logs/platform"]
