"""What watches the platform and its jobs: metrics, alarms, objectives and dashboards."""

from .alarms import Alarm
from .args import (
    AlarmArgs,
    AlarmTargetArgs,
    MaintenanceArgs,
    MetricsArgs,
    ObjectiveArgs,
    ObservabilityArgs,
    OwnAlarmArgs,
    ReportArgs,
    RouteArgs,
    SmtpArgs,
)
from .component import Monitoring
from .monitors import Load, Monitor
from .planning import MonitoringPlan, Watched, monitoring_problems, plan_monitoring
from .report import CostReport, report_volume
from .routing import PLATFORM, Audience, told
from .values import prometheus_values

__all__ = [
    "PLATFORM",
    "Alarm",
    "AlarmArgs",
    "AlarmTargetArgs",
    "Audience",
    "CostReport",
    "Load",
    "MaintenanceArgs",
    "MetricsArgs",
    "Monitor",
    "Monitoring",
    "MonitoringPlan",
    "ObjectiveArgs",
    "ObservabilityArgs",
    "OwnAlarmArgs",
    "ReportArgs",
    "RouteArgs",
    "SmtpArgs",
    "Watched",
    "monitoring_problems",
    "plan_monitoring",
    "prometheus_values",
    "report_volume",
    "told",
]
