"""The report of costs as resources, in both flavours."""

import json
from typing import Any

import pytest
from pulumi_alicloud.arms.outputs import GetPrometheusPrometheiResult

from components.observability import CostReport, ObservabilityArgs, plan_monitoring, promql, report_volume
from components.observability.report import CLAIM, SCRIPT, report_configuration, server_of
from components.platform import Placement
from components.platform.args import Flavor
from components.volumes import volumes_problems
from stacks.loading import load_environment, read_stack_config
from stacks.observability import monitoring_notes, report_line
from stacks.preview.recording import Recording, record_environment
from support import environment, named, overlaid, recorded

from .watching import planned, watched

FLAVORS: tuple[Flavor, ...] = ("upstream", "ack")


def _upstream(**said: Any) -> Recording:
    plan = planned("upstream", **said)
    placement = Placement({"workload": "system"}, [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}])
    return recorded(lambda: CostReport("cost-report", plan, namespace="monitoring", placement=placement))


@pytest.fixture(scope="module")
def dev() -> Recording:
    """dev as it is shipped: on ACK, with a cluster that is not there yet."""
    return record_environment("dev", read_stack_config("dev"))


def _pod(recording: Recording) -> dict[str, Any]:
    return named(recording, "cost-report-job").inputs["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_a_pod_is_nobody_and_asks_for_little() -> None:
    pod = _pod(_upstream())
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"].keys() == {"requests", "limits"}
    assert (pod["nodeSelector"], pod["tolerations"][0]["key"]) == ({"workload": "system"}, "system")


def test_it_runs_once_a_month_and_is_tried_again() -> None:
    spec = named(_upstream(report={"dayOfMonth": 5}), "cost-report-job").inputs["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("15 6 5 * *", "Asia/Shanghai")
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] > 0
    # A failed run ends before its alarm goes, and both go before the next.
    assert job["activeDeadlineSeconds"] < job["ttlSecondsAfterFinished"] < 28 * 86_400


def test_upstream_reads_the_operators_service_and_has_a_claim_of_its_own() -> None:
    recording = _upstream(metrics={"storageClass": "fast"})
    secret = named(recording, "cost-report-server")
    assert secret.inputs["stringData"] == "[secret]"
    claim = named(recording, "cost-report-claim").inputs
    assert (claim["metadata"]["name"], claim["spec"]["storageClassName"]) == (CLAIM, "fast")
    # Whoever writes must be let into a disk.
    assert _pod(recording)["securityContext"]["fsGroup"] == _pod(recording)["securityContext"]["runAsUser"]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_program_is_told_what_prometheus_can_answer(flavor: Flavor) -> None:
    plan = planned(flavor, report={"keepMonths": 6})
    told = report_configuration(plan)
    assert (told["timezone"], told["keepMonths"]) == ("Asia/Shanghai", 6)
    for name in ("cost", "presence"):
        assert promql.fault(told[name]) is None
        recorded_names = {metric for metric in promql.metrics(told[name]) if ":" in metric}
        assert bool(recorded_names) == (flavor == "upstream")


def test_the_program_in_the_cluster_is_the_one_that_is_tested() -> None:
    recording = _upstream()
    data = named(recording, "cost-report-program").inputs["data"]
    assert data["reporter.py"] == SCRIPT
    assert json.loads(data["configuration.json"]) == report_configuration(planned("upstream"))


def test_on_ack_a_part_of_a_bucket_keeps_reports(dev: Recording) -> None:
    volume = named(dev, "cost-report-volume-cost-reports-arms-prom").inputs["spec"]
    attributes = volume["csi"]["volumeAttributes"]
    assert (attributes["path"], attributes["fuseType"]) == ("/cost-reports/", "ossfs")
    pod = _pod(dev)
    # ossfs says itself whose files are; an fsGroup would change the owner of each at every mount.
    assert f"uid={pod['securityContext']['runAsUser']}" in attributes["otherOpts"]
    assert "fsGroup" not in pod["securityContext"]
    assert pod["nodeSelector"] == {"workload": "system"}
    claim = next(v["persistentVolumeClaim"] for v in pod["volumes"] if v["name"] == "reports")
    assert claim == {
        "claimName": named(dev, "cost-report-volume-cost-reports-arms-prom-claim").inputs["metadata"]["name"]
    }


def test_nothing_is_looked_up_before_there_is_a_cluster(dev: Recording) -> None:
    """The recording refuses look-ups, and a secret that is not known yet is not shown."""
    assert named(dev, "cost-report-server").inputs["stringData"] in ("[secret]", "[unknown]")


def test_the_volume_is_one_that_can_be_made() -> None:
    args = report_volume("artifacts", "arms-prom")
    assert volumes_problems({CLAIM: args}, {}, buckets=["artifacts"], file_systems={}) == []
    assert not args.read_only


def test_address_and_token_of_managed_prometheus() -> None:
    texts = dict.fromkeys(
        (
            *("cluster_name", "cluster_type", "grafana_instance_id", "id", "push_gate_way_inter_url"),
            *("push_gate_way_intra_url", "remote_read_inter_url", "remote_read_intra_url", "remote_write_inter_url"),
            *("remote_write_intra_url", "resource_group_id", "security_group_id", "sub_clusters_json", "vpc_id"),
            *("vswitch_id", "cluster_id"),
        ),
        "",
    )
    instance = GetPrometheusPrometheiResult(
        **texts,
        tags={},
        auth_token="t",  # noqa: S106
        http_api_inter_url="http://public",
        http_api_intra_url="http://inside",
    )
    assert server_of([instance]) == {"url": "http://inside", "token": "t"}
    # The add-on has not made it yet: the program says what to do.
    assert server_of([]) == {"url": "", "token": ""}


def test_there_is_none_where_it_is_not_wanted_or_cannot_be() -> None:
    assert planned("upstream").reports
    assert planned("ack").reports
    assert not planned("ack", report={"enabled": False}).reports
    bare = plan_monitoring(ObservabilityArgs(), watched("upstream", "prometheus"))
    assert not bare.reports
    assert any(note.startswith("No report of costs") for note in monitoring_notes(bare))
    quiet = plan_monitoring(
        ObservabilityArgs.model_validate({"report": {"enabled": False}}), watched("upstream", "prometheus")
    )
    assert not any("report" in note for note in monitoring_notes(quiet))


def test_samples_that_are_not_kept_for_a_month_are_told() -> None:
    assert not any("lacks days" in note for note in monitoring_notes(planned("upstream")))
    short = planned("upstream", metrics={"retentionDays": 32})
    assert any("samples are kept 32 of 33" in note for note in monitoring_notes(short))
    assert not any("lacks days" in note for note in monitoring_notes(planned("ack", report={"dayOfMonth": 28})))


def test_an_environment_that_switches_it_off_has_none_of_it() -> None:
    config = overlaid("dev", {"observability": {"report": {"enabled": False}}})
    assert not [r.name for r in record_environment("dev", config).resources if r.name.startswith("cost-report")]


def test_without_a_bucket_there_is_none_and_the_preview_says_so() -> None:
    config = overlaid("dev", {"buckets": {"artifacts": None}, "usage": None})
    assert not [r.name for r in record_environment("dev", config).resources if r.name.startswith("cost-report")]
    assert report_line(load_environment("dev", config), planned("ack")).startswith("No report of costs: no bucket")


def test_one_line_says_when_where_and_how_long() -> None:
    cloud = load_environment("dev", overlaid("dev", {"observability": {"report": {"keepMonths": 12}}}))
    assert report_line(cloud, planned("ack", report={"keepMonths": 12})) == (
        "Report of costs: of the month before, on day 2 at 06:15 (Asia/Shanghai), in the bucket artifacts, "
        "cost-reports/, kept 12 months."
    )
    assert "in the claim cost-reports" in report_line(environment("local"), planned("upstream"))
    assert report_line(cloud, planned("ack", report={"enabled": False})) == ""
