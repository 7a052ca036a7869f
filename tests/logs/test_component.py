"""What reaches Log Service and the cluster."""

import json
import re
from typing import Any

import pytest

from components.inputs import InvalidInput
from components.logs import LogCollection, LogPlan, LogsArgs, plan_logs
from components.logs.formats import SPARK_LOGGER
from stacks.preview.recording import Recorded, Recording
from support import named, recorded

from .logging_of import TENANTS, logged, planned

STORE, INDEX = "alicloud:log/store:Store", "alicloud:log/storeIndex:StoreIndex"
PIPELINE = "kubernetes:telemetry.alibabacloud.com/v1alpha1:ClusterAliyunPipelineConfig"
OLDER = "kubernetes:log.alibabacloud.com/v1alpha1:AliyunLogConfig"


def _collected(plan: LogPlan, **further: Any) -> Recording:
    return recorded(lambda: LogCollection("logs", plan, project="acme-logs", cluster_id="c1", **further))


def _named(recording: Recording, type_token: str) -> dict[str, Any]:
    return {r.name: r.inputs for r in recording.resources if r.type == type_token}


def named_store(recording: Recording) -> Recorded:
    """The store of engine logs, which has an index of its name."""
    return next(r for r in recording.resources if (r.type, r.name) == (STORE, "logs-tenant-data-engine"))


def test_stores_of_engines_and_of_the_platform() -> None:
    recording = _collected(planned(engine={"hotDays": 7, "retentionDays": 90}))
    stores = _named(recording, STORE)
    assert stores == {
        "logs-tenant-data-engine": {
            "projectName": "acme-logs",
            "logstoreName": "tenant-data-engine",
            "retentionPeriod": 90,
            "hotTtl": 7,
            "autoSplit": True,
            "maxSplitShardCount": 64,
        },
        "logs-platform": {
            "projectName": "acme-logs",
            "logstoreName": "platform",
            "retentionPeriod": 30,
            "autoSplit": True,
            "maxSplitShardCount": 64,
        },
        "logs-network": {
            "projectName": "acme-logs",
            "logstoreName": "network",
            "retentionPeriod": 30,
            "autoSplit": True,
            "maxSplitShardCount": 64,
        },
    }
    index = _named(recording, INDEX)["logs-platform"]
    assert (index["logstore"], index["project"]) == ("platform", "acme-logs")
    assert all(field["type"] in ("text", "json") for field in index["fieldSearches"]), "the default is a number"
    kept = [r.name for r in recording.resources if r.options.retain_on_delete]
    assert kept == ["logs-tenant-data-engine", "logs-tenant-data-engine"]


def test_the_flow_log_of_the_vpc() -> None:
    recording = _collected(planned(network={"traffic": "All"}), vpc_id="vpc-1")
    (flow,) = [r for r in recording.resources if r.type == "alicloud:vpc/flowLog:FlowLog"]
    assert flow.inputs == {
        "flowLogName": "acme-logs-vpc",
        "resourceType": "VPC",
        "resourceId": "vpc-1",
        "trafficType": "All",
        "projectName": "acme-logs",
        "logStoreName": "network",
    }
    # The store and its index.
    assert [urn.rpartition("::")[2] for urn in flow.dependencies] == ["logs-network", "logs-network"]
    without = (_collected(planned(network={"enabled": False}), vpc_id="vpc-1"), _collected(planned()))
    assert not [r for each in without for r in each.resources if r.type == "alicloud:vpc/flowLog:FlowLog"]


def test_a_pipeline_of_spark() -> None:
    recording = _collected(planned())
    engine, program = (named(recording, f"logs-tenant-data-spark{part}") for part in ("-engine", ""))
    assert (engine.type, engine.inputs["metadata"]["name"]) == (PIPELINE, "tenant-data-spark-engine")
    config = engine.inputs["spec"]["config"]
    (source,) = config["inputs"]
    assert source["ContainerFilters"] == {"K8sNamespaceRegex": "^(spark)$", "IncludeK8sLabel": {"spark-role": ""}}
    assert (source["IgnoringStdout"], source["IgnoringStderr"]) == (True, False)
    assert source["AllowingIncludedByMultiConfigs"] is True
    assert source["Multiline"]["UnmatchedContentTreatment"] == "single_line"
    assert config["flushers"] == [{"Type": "flusher_sls", "Logstore": "tenant-data-engine"}]
    assert config["processors"][-1] == {"Type": "processor_filter_regex_native", "Include": {"logger": SPARK_LOGGER}}
    assert program.inputs["spec"]["config"]["processors"][-1]["ConditionExp"] == {
        "operator": "not",
        "operands": [{"key": "logger", "type": "regex", "exp": SPARK_LOGGER}],
    }
    parsers = [p for p in config["processors"] if "parse" in p["Type"]]
    assert all(parser["KeepingSourceWhenParseFail"] for parser in parsers), "or lines of no form would be lost"
    assert "logstores" not in engine.inputs["spec"]
    index = next(r for r in recording.resources if (r.type, r.name) == (INDEX, "logs-tenant-data-engine"))
    assert {*engine.dependencies} == {named_store(recording).urn, index.urn}


def test_files_have_the_time_that_they_say() -> None:
    recording = _collected(planned(fileTimeZone="GMT+08:00"))
    config = named(recording, "logs-tenant-data-ray-engine").inputs["spec"]["config"]
    assert config["global"] == {"EnableTimestampNanosecond": True}
    (source,) = config["inputs"]
    assert source["EnableContainerDiscovery"] is True
    assert source["ContainerFilters"]["IncludeK8sLabel"] == {"ray.io/is-ray-node": "^yes$"}
    # Beside it stands a container that mounts the same files.
    assert source["ContainerFilters"]["ExcludeEnv"] == {"RAY_ROLE": ""}
    assert source["ExcludeFiles"] == ["worker-*", "job-driver-*", "debug_state*"]
    assert source["ExternalK8sLabelTag"]["ray.io/cluster"] == "ray_cluster"
    assert config["processors"][-1] == {
        "Type": "processor_parse_timestamp_native",
        "SourceKey": "time",
        "SourceFormat": "%Y-%m-%d %H:%M:%S,%f",
        "SourceTimezone": "GMT+08:00",
    }
    plain = named(recording, "logs-tenant-data-ray").inputs["spec"]["config"]
    assert "processors" not in plain
    assert "Multiline" not in plain["inputs"][0]


def _holds(condition: Any, entry: dict[str, str]) -> bool:
    """A condition as ProcessorFilterNative sees it: what is not there does not match."""
    if "operator" not in condition:
        return re.fullmatch(condition["exp"], entry.get(condition["key"], "\0")) is not None
    found = [_holds(each, entry) for each in condition["operands"]]
    assert len(found) == {"not": 1, "and": 2}[condition["operator"]]
    return all(found) if condition["operator"] == "and" else not found[0]


def test_levels_are_dropped_and_rates_limited_last() -> None:
    recording = _collected(planned(business={"droppedLevels": ["DEBUG", "INFO"], "linesPerSecond": 500}))
    processors = named(recording, "logs-tenant-lab-stdout").inputs["spec"]["config"]["processors"]
    conditions = [p["ConditionExp"] for p in processors[-3:-1]]
    assert processors[-1] == {"Type": "processor_rate_limit", "Limit": "500/s"}
    assert [c["operands"][0]["operands"][0] for c in conditions] == [
        {"key": key, "type": "regex", "exp": "(?:DEBUG|debug|D|INFO|info|I)"} for key in ("level", "levelname")
    ]
    # The trace behind a program's last words has no level of its own.
    trace = 'step 3\nTraceback (most recent call last):\n  File "a.py", line 1\nValueError: bad'
    java = 'started\nException in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat A.main(A.java:1)'
    cases = [
        ({"level": "INFO", "message": "step 3"}, False),
        ({"level": "INFO", "message": "two\nlines"}, False),
        ({"level": "INFO", "message": trace}, True),
        ({"level": "INFO", "message": java}, True),
        ({"level": "INFO", "message": "x\n[rank0]: Traceback (most recent call last):\n[rank0]:   File"}, True),
        ({"level": "ERROR", "message": "x"}, True),
        ({"levelname": "INFO", "name": "root"}, False),
        ({"content": "epoch 1"}, True),
    ]
    for entry, kept in cases:
        assert all(_holds(condition, entry) for condition in conditions) == kept, entry


def test_alarms_have_the_vendors_form() -> None:
    recording = _collected(planned(actionPolicy="on-call"))
    alarm = named(recording, "logs-tenant-data-ErrorsSpike").inputs
    configuration = alarm["configuration"]
    assert alarm["schedule"] == {"type": "FixedRate", "interval": "15m", "runImmdiately": True, "delay": 10}
    assert configuration["severityConfigurations"] == [
        {"severity": 6, "evalCondition": {"condition": "entries >= 100", "countCondition": ""}}
    ]
    assert configuration["groupConfiguration"] == {"type": "custom", "fields": ["namespace"]}
    (query,) = configuration["queryLists"]
    assert (query["store"], query["region"], query["start"]) == ("tenant-data", "cn-hangzhou", "-900s")
    assert query["query"].startswith("(level: ERROR or ")
    assert configuration["policyConfiguration"] == {
        "alertPolicyId": "sls.builtin.dynamic",
        "actionPolicyId": "on-call",
        "repeatInterval": "1h",
    }
    assert configuration["labels"] == [{"key": "store", "value": "tenant-data"}]
    silent = named(recording, "logs-platform-CollectionSilent").inputs["configuration"]
    assert silent["groupConfiguration"] == {"type": "no_group"}
    assert silent["severityConfigurations"][0]["severity"] == 10


def test_saved_queries_are_charts() -> None:
    recording = _collected(planned())
    boards = _named(recording, "alicloud:log/dashboard:Dashboard")
    assert {"logs-tenant-data", "logs-tenant-lab", "logs-platform"} == boards.keys()
    charts = json.loads(boards["logs-platform"]["charList"])
    assert {chart["search"]["logstore"] for chart in charts} == {"platform", "k8s-event", "audit-c1"}
    places = [(chart["display"]["xPos"], chart["display"]["yPos"]) for chart in charts]
    assert len({*places}) == len(places)


def test_logtail_reads_the_older_kind() -> None:
    systems = {"logtail": "kube-system"}
    recording = _collected(planned(systems=systems, structured=False))
    assert not _named(recording, PIPELINE)
    older = _named(recording, OLDER)
    assert older["logs-tenant-data"]["metadata"]["namespace"] == "kube-system"
    spec = older["logs-tenant-data"]["spec"]
    assert spec["logtailConfig"]["configName"] == older["logs-tenant-data"]["metadata"]["name"] == "tenant-data"
    (source,) = spec["logtailConfig"]["inputDetail"]["plugin"]["inputs"]
    assert source["detail"] == {"Stdout": True, "Stderr": True, "K8sNamespaceRegex": "^(ray|spark)$"}


def test_without_a_way_into_the_cluster_stores_stand_alone() -> None:
    recording = _collected(planned(), in_cluster=False)
    assert not _named(recording, PIPELINE)
    assert _named(recording, STORE)


def test_upstream_has_no_resources() -> None:
    with pytest.raises(InvalidInput, match="no Log Service"):
        _collected(planned("upstream"))


def test_another_name_of_a_tenant_changes_nothing() -> None:
    renamed = {"research" if name == "data" else name: tenant for name, tenant in TENANTS.items()}
    before, after = (_collected(plan_logs(LogsArgs(), logged(tenants=each))) for each in (TENANTS, renamed))
    one, other = ({r.urn: (r.inputs, r.options) for r in recording.resources} for recording in (before, after))
    assert one == other
