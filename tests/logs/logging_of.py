"""What the tests of logs share: two tenants with all engines, in both flavours."""

from collections.abc import Mapping
from typing import Any

from components.logs import Logged, LoggedTenant, LogPlan, LogsArgs, plan_logs
from components.platform.args import Flavor

SYSTEMS: Mapping[Flavor, Mapping[str, str]] = {
    "ack": {"logs": "kube-system", "kuberay": "ray-system"},
    "upstream": {"loki": "logging", "alloy": "logging", "kuberay": "ray-system"},
}
TENANTS = {
    "data": LoggedTenant("data", {"ray": ["ray"], "spark": ["spark"]}, 30),
    "lab": LoggedTenant("lab", {"lab": ["notebook", "training"]}, 60, keep=False),
}


def logged(flavor: Flavor = "ack", **update: Any) -> Logged:
    """What there is to collect."""
    cloud: dict[str, Any] = {
        "project": "acme-logs",
        "region": "cn-hangzhou",
        "others": {"k8s-event": 90, "audit-<cluster id>": None},
    }
    values: dict[str, Any] = {"systems": SYSTEMS[flavor], "tenants": TENANTS, **(cloud if flavor == "ack" else {})}
    return Logged(flavor, **{**values, **update})


def planned(flavor: Flavor = "ack", systems: Any = None, **said: Any) -> LogPlan:
    """The plan of it."""
    around = logged(flavor, **({"systems": systems} if systems else {}))
    return plan_logs(LogsArgs.model_validate(said), around)
