"""Logs of jobs and of the platform: how they are collected, taken apart, kept and asked."""

from .args import (
    BusinessLogsArgs,
    EngineLogsArgs,
    EventLogsArgs,
    KeptLogsArgs,
    LogAlarmArgs,
    LogKindArgs,
    LogsArgs,
    NetworkLogsArgs,
    SavedQueryArgs,
)
from .component import LogCollection
from .planning import (
    Logged,
    LoggedTenant,
    LogPlan,
    Pipeline,
    StorePlan,
    log_notes,
    log_problems,
    plan_logs,
    store_name_problems,
)

__all__ = [
    "BusinessLogsArgs",
    "EngineLogsArgs",
    "EventLogsArgs",
    "KeptLogsArgs",
    "LogAlarmArgs",
    "LogCollection",
    "LogKindArgs",
    "LogPlan",
    "Logged",
    "LoggedTenant",
    "LogsArgs",
    "NetworkLogsArgs",
    "Pipeline",
    "SavedQueryArgs",
    "StorePlan",
    "log_notes",
    "log_problems",
    "plan_logs",
    "store_name_problems",
]
