"""Priorities of jobs beside those of their traffic: a note where the two are at odds."""

from typing import Any

import pytest

from stacks.tenancy import tenancy_notes
from support import environment

ODD = "Jobs of data go before those of pretraining on the nodes, and after them in OSS (traffic classes), so they may "


@pytest.mark.parametrize(
    ("job_classes", "noted"),
    [
        ({}, False),
        ({"ray-worker": {"priority": "high"}}, True),
        ({name: {"priority": "low"} for name in ("training-small", "training-large", "pipeline")}, True),
        ({"ray-worker": {"priority": "low"}}, False),
    ],
    ids=["as shipped", "data first", "training last", "data last"],
)
def test_jobs_that_go_first_and_read_last_are_noted(job_classes: dict[str, Any], noted: bool) -> None:
    traffic = {"data": {"throttling": {"trafficClass": "batch"}}}
    notes = tenancy_notes(environment("prod", jobClasses=job_classes, tenants=traffic))
    assert any(note.startswith(ODD) for note in notes) is noted
