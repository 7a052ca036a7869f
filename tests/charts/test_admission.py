"""What the charts make passes every rule that is held at admission without a word of anybody."""

from typing import Any

import pytest
import yaml

from charts.rendering import CHARTS, PLATFORM, render
from components.admission import DECLARATIONS
from components.manifests import pod_templates
from policies.evaluation import evaluate, setting
from policies.rule import Inputs, Resource
from policies.workloads import DECLARED
from support import ROOT

HELD = {declaration.name for declaration in DECLARATIONS if declaration.admission != "disabled"}
RULES = [rule for rule in DECLARED if rule.name in HELD or rule.level == "mandatory"]
QUEUED = {"jobs-name-their-queue": {"labels": ["queue"]}}


@pytest.mark.parametrize("platform", [{}, {"platform": PLATFORM}], ids=["anywhere", "on the platform"])
@pytest.mark.parametrize("chart", CHARTS)
def test_the_example_of_a_chart_is_let_in(chart: str, platform: dict[str, Any]) -> None:
    values = yaml.safe_load((ROOT / "charts" / chart / "ci" / "example-values.yaml").read_text(encoding="utf-8"))
    if platform:
        values.pop("schedule", None)  # Runs of a schedule do not queue.
    # The platform of the tests queues Ray alone by a label.
    settings = QUEUED if platform and chart.startswith("ray") else {}
    held = {rule.name: setting(rule, settings.get(rule.name, {})) for rule in RULES}
    templates = 0
    for manifest in render(chart, {**values, **platform}):
        resource = Resource(f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}", chart, Inputs(manifest), chart)
        templates += len(pod_templates(manifest))
        assert [(found.rule, found.message) for found in evaluate(RULES, [resource], held).findings] == []
    assert templates
