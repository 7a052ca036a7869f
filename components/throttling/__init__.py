"""OSS throttling: who gets how much of a resource pool's bandwidth, by bucket, group, requester and priority.

`plan_throttling` decides in plain Python; `Throttling` maps that plan to resources, which call OSS themselves, since
neither a provider nor a typed SDK knows resource pools.
"""

from .args import (
    Direction,
    GroupArgs,
    Limits,
    PrioritiesArgs,
    PriorityLevel,
    RequesterArgs,
    RequestLimits,
    RequestRates,
    ThrottlingArgs,
    TrafficClass,
)
from .component import Throttling
from .planning import GuaranteeRow, ThrottlingPlan, not_protected, plan_throttling, support_request
from .wire import Qos

__all__ = [
    "Direction",
    "GroupArgs",
    "GuaranteeRow",
    "Limits",
    "PrioritiesArgs",
    "PriorityLevel",
    "Qos",
    "RequestLimits",
    "RequestRates",
    "RequesterArgs",
    "Throttling",
    "ThrottlingArgs",
    "ThrottlingPlan",
    "TrafficClass",
    "not_protected",
    "plan_throttling",
    "support_request",
]
