"""What the tests of observability share: everything that can be watched, in both flavours."""

from typing import Any

from components import catalog
from components.capacity import Range
from components.observability import (
    AlarmTargetArgs,
    Audience,
    MonitoringPlan,
    ObservabilityArgs,
    Watched,
    plan_monitoring,
)
from components.platform.args import Flavor
from components.platform.planning import SHARED_NAMESPACE, form_of

TENANTS = {
    "data": {"ray": ["ray"], "spark": ["spark"]},
    "lab": {"training": ["training"], "notebooks": ["notebook"]},
}
ON_CALL = AlarmTargetArgs(mail=["on-call@example.com"])
SCALES = (
    *("nodes", "gpus", "pods", "ray-pods", "spark-executors", "namespaces", "datasets", "jobs"),
    *("jindo-datasets", "alluxio-datasets", "juicefs-datasets"),
)


def watched(flavor: Flavor = "upstream", *only: str, **update: Any) -> Watched:
    """Every system of a flavour, or those named, with two tenants who can be told."""
    systems = {name: form_of(name, flavor) for name in only or catalog.systems() if flavor in catalog.systems()[name]}
    values: dict[str, Any] = {
        "systems": {name: form.data.get("namespace", SHARED_NAMESPACE) for name, form in systems.items()},
        "targets": {scale: Range(1, 10) for scale in SCALES},
        "audience": Audience({"platform": ON_CALL, "data": ON_CALL}, TENANTS, "Asia/Shanghai"),
        "prices": {"CNY": {"cpu": 0.5, "memory": 0.1 / 2**30}} if flavor == "ack" else {},
    }
    return Watched(flavor, **{**values, **update})


def planned(flavor: Flavor = "upstream", **said: Any) -> MonitoringPlan:
    """The plan of all that can be watched."""
    smtp = {"smtp": {"host": "smtp.example.com:587", "sender": "alarms@example.com"}} if flavor == "upstream" else {}
    return plan_monitoring(ObservabilityArgs.model_validate({**smtp, **said}), watched(flavor))
