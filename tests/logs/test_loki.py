"""What Alloy and Loki are told. Neither is here to read it, so its form is checked by hand."""

import json
import re

import pytest
import yaml

from components.logs import LoggedTenant, LogsArgs, plan_logs
from components.logs.loki import SPARK_LINE, configuration, log_values
from components.platform.values import value_problems

from .logging_of import SYSTEMS, logged, planned
from .test_formats import SAMPLES

WATCHED = {**SYSTEMS["upstream"], "prometheus": "monitoring"}


def _chain(text: str, name: str) -> str:
    """One block of the configuration."""
    (found,) = re.findall(rf"^{re.escape(name)} \{{\n.*?^\}}", text, flags=re.MULTILINE | re.DOTALL)
    return found


def test_every_block_is_closed_and_every_name_is_there() -> None:
    text = configuration(planned("upstream"))
    depth = 0
    for line in text.splitlines():
        bare = re.sub(r'`[^`]*`|"(?:[^"\\]|\\.)*"', "", line)
        assert "`" not in bare, "what stands between backquotes holds none"
        depth += bare.count("{") - bare.count("}")
        assert depth >= 0, line
    assert depth == 0
    made = {f"{kind}.{name}" for kind, name in re.findall(r'^([a-z._]+) "(\w+)" \{', text, flags=re.MULTILINE)}
    used = set(re.findall(r"\b((?:discovery|loki)\.\w+\.\w+)\.(?:receiver|output|targets)\b", text))
    assert used <= made
    assert {name for name in made if name.startswith("loki.process.")} <= used


def test_no_two_blocks_have_the_same_name() -> None:
    named = {name: LoggedTenant(name, {name: ["ray", "spark"]}, 30) for name in ("data", "data-ray", "data-spark")}
    text = configuration(plan_logs(LogsArgs(), logged("upstream", tenants=named)))
    heads = re.findall(r'^[a-z._]+ "\w+" \{', text, flags=re.MULTILINE)
    assert len({*heads}) == len(heads)


def test_a_chain_reads_its_pods_and_says_whose_they_are() -> None:
    text = configuration(planned("upstream"))
    relabel = _chain(text, 'discovery.relabel "spark_tenant_data"')
    assert "__meta_kubernetes_pod_labelpresent_spark_role" in relabel
    assert "regex = `spark`" in relabel
    assert 'target_label = "tenant"\n    replacement = `data`' in relabel
    platform = _chain(text, 'discovery.relabel "platform"')
    assert '"tenant"' not in platform
    assert "regex = `logging|ray-system`" in platform
    assert "stage.multiline" in _chain(text, 'loki.process "ray_tenant_data"')
    assert "stage." not in _chain(configuration(planned("upstream", structured=False)), 'loki.process "tenant_data"')


def test_samples_levels_and_rates() -> None:
    said = {"business": {"keepPercent": 25, "linesPerSecond": 100, "droppedLevels": ["TRACE", "DEBUG"]}}
    chain = _chain(configuration(planned("upstream", **said)), 'loki.process "tenant_lab"')
    assert r'selector = "{kind=\"business\", level=~\"TRACE|trace|DEBUG|debug|D\"} !~ \"\\\\n(?:' in chain
    assert 'action = "drop"' in chain
    assert "stage.sampling {\n      rate = 0.25" in chain
    assert "rate = 100\n      burst = 100\n      drop = true" in chain


@pytest.mark.parametrize("sample", [s for s in SAMPLES["spark"] if "engine" in s], ids=lambda s: s["text"][:30])
def test_lines_of_spark_are_told_by_their_text(sample: dict[str, object]) -> None:
    assert bool(re.search(SPARK_LINE, str(sample["text"]))) == sample["engine"]


def test_without_engine_logs_those_lines_go() -> None:
    chain = _chain(configuration(planned("upstream", engine={"enabled": False})), 'loki.process "spark_tenant_data"')
    assert 'action = "drop"' in chain
    assert "static_labels" not in chain
    assert "stage.static_labels" in _chain(configuration(planned("upstream")), 'loki.process "spark_tenant_data"')


def test_events_are_read_once() -> None:
    text = configuration(planned("upstream"))
    assert text.count("loki.source.kubernetes_events") == 1
    assert "kubernetes_events" not in configuration(planned("upstream", events={"enabled": False}))


def test_each_tenant_and_kind_has_its_retention() -> None:
    values = log_values(planned("upstream", platform={"retentionDays": 90}))["loki"]
    limits = values["loki"]["limits_config"]
    assert limits["retention_period"] == "2160h"
    assert limits["max_line_size_truncate"] is True
    assert {stream["selector"]: stream["period"] for stream in limits["retention_stream"]} == {
        '{tenant="data", kind="business"}': "720h",
        '{tenant="data", kind="engine"}': "336h",
        '{tenant="lab", kind="business"}': "1440h",
        '{tenant="", kind="platform"}': "2160h",
        '{tenant="", kind="events"}': "720h",
    }
    assert "ruler" not in values, "nobody would be told"


def test_alarms_are_rules() -> None:
    values = log_values(planned("upstream", systems=WATCHED))["loki"]
    assert values["loki"]["rulerConfig"]["alertmanager_url"] == "http://alertmanager-operated.monitoring:9093"
    (made,) = values["extraObjects"]
    assert made["metadata"]["labels"] == {"loki_rule": ""}
    assert "{{" not in json.dumps(made), "the chart takes it for a template"
    (group,) = yaml.safe_load(made["data"]["logs.yaml"])["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert rules["CollectionSilent"]["expr"] == 'absent_over_time({kind=~"platform"} [60m])'
    assert rules["CollectionSilent"]["labels"] == {"severity": "critical", "owner": "platform"}
    spike = rules["ErrorsSpike"]["expr"]
    assert spike.startswith('sum by (tenant, namespace) (count_over_time({kind=~"business|engine", level=~"ERROR|')
    assert spike.endswith("[15m])) >= 100")
    assert r"|~ `(?i)\bTraceback\b`" in rules["Tracebacks"]["expr"]


def test_values_are_those_of_the_charts() -> None:
    for system, values in log_values(planned("upstream", systems=WATCHED)).items():
        assert not list(value_problems(system, values))
    content = log_values(planned("upstream"))["alloy"]["alloy"]["configMap"]["content"]
    assert "{{" not in content, "the chart takes it for a template"
    assert log_values(planned()) == {}
