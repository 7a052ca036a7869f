"""Rules for data and AI platforms on Alibaba Cloud: quotas, budget, safety and placement. `RULES` holds them all."""

from .evaluation import Exemption, Finding, Report, evaluate, settings
from .pack import policies
from .rule import Config, Deferred, Inputs, Resource, Rule, Subject, rule
from .rules import RULES

__all__ = [
    "RULES",
    "Config",
    "Deferred",
    "Exemption",
    "Finding",
    "Inputs",
    "Report",
    "Resource",
    "Rule",
    "Subject",
    "evaluate",
    "policies",
    "rule",
    "settings",
]
