"""States of jobs as metrics: what kube-state-metrics is told to read, and what it finds in objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import kubeflow_spark_api.models as spark
import pytest
from kubeflow.training import models as training
from kubeflow.training.constants import constants

from components.observability import prometheus_values
from components.observability.alarms import rule_groups
from components.observability.job_state import JOB_KINDS, RUNTIMES, custom_resource_state
from components.observability.monitors import monitors_of

from .watching import planned, watched

EVERYTHING = dict.fromkeys(watched("upstream").systems, "")


def _names(state: Mapping[str, Any]) -> set[str]:
    return {metric["name"] for resource in state["spec"]["resources"] for metric in resource["metrics"]}


def test_only_kinds_of_systems_that_run_are_read() -> None:
    """Kube-state-metrics would ask for the others for ever, and log each answer."""
    state = custom_resource_state({"kuberay": "kuberay", "fluid": "fluid-system"})
    kinds = [resource["groupVersionKind"]["kind"] for resource in state["spec"]["resources"]]
    assert kinds == ["RayJob", *RUNTIMES]


def test_metrics_are_those_of_the_catalog() -> None:
    catalogued = monitors_of("upstream")["job-metrics"].metrics.keys()
    assert _names(custom_resource_state(EVERYTHING)) == catalogued - {"kube_namespace_labels", "kube_pod_labels"}


def test_every_kind_says_when_it_was_made_and_how_it_is() -> None:
    for resource in custom_resource_state(EVERYTHING)["spec"]["resources"]:
        names = {metric["name"] for metric in resource["metrics"]}
        kind = resource["groupVersionKind"]["kind"]
        assert resource["metricNamePrefix"] == ""
        assert resource["commonLabels"] == {"kind": kind}
        if kind not in RUNTIMES:
            assert "job_created_timestamp_seconds" in names
            assert names & {"job_phase", "job_condition_timestamp_seconds"}


def test_rules_know_every_phase_in_which_a_job_waits_runs_or_has_ended() -> None:
    """A phase that is none of them would be a job that nobody sees."""
    rules = " ".join(query for r in rule_groups()["jobs"].recordings for query in r.queries)
    known = set(_between(rules, 'phase=~"', '"'))
    passing = {"Initializing", "Suspending", "Retrying", "SUBMITTED", "PENDING_RERUN", "INVALIDATING"}
    passing |= {"SUCCEEDING", "FAILING", "SUSPENDING", "RESUMING", "UNKNOWN"}
    for kind in JOB_KINDS:
        assert set(kind.phases) <= known | passing, kind.kind


def _between(text: str, before: str, after: str) -> Sequence[str]:
    return [value for part in text.split(before)[1:] for value in part.split(after)[0].split("|")]


def test_training_jobs_have_the_fields_that_are_read() -> None:
    fields = training.KubeflowOrgV1JobStatus.attribute_map.values()
    assert {"conditions", "startTime"} <= set(fields)
    condition = training.KubeflowOrgV1JobCondition.attribute_map.values()
    assert {"type", "status", "lastTransitionTime"} <= set(condition)
    assert {"Running", "Succeeded", "Failed"} <= set(constants.JOB_CONDITIONS)


def test_spark_applications_have_the_fields_that_are_read() -> None:
    model = spark.SparkV1beta2SparkApplicationStatus
    fields = {field.alias or name for name, field in model.model_fields.items()}
    assert {"applicationState", "lastSubmissionAttemptTime", "terminationTime"} <= fields


@pytest.mark.parametrize("flavor", ["upstream", "ack"])
def test_the_chart_gets_the_configuration(flavor: Any) -> None:
    values = prometheus_values(planned(flavor))["job-metrics"]
    state = custom_resource_state(planned(flavor).watched.systems)
    assert values["customResourceState"] == {"enabled": True, "config": state}
    # The chart grants the reading of definitions alone.
    readable = {
        (group, plural)
        for rule in values["rbac"]["extraRules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        if rule["verbs"] == ["list", "watch"]
    }
    resources = state["spec"]["resources"]
    assert readable == {(r["groupVersionKind"]["group"], r["resourcePlural"]) for r in resources}
