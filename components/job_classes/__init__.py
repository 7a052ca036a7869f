"""Classes of jobs: what their pods need, where they run and in which order, and whether they fit.

`plan_job_classes` decides in plain Python; `JobClasses` maps that plan to resources.
"""

from .args import JobClassArgs, OffPeak, PodShape, SchedulingArgs, ServerlessRung
from .component import JobClasses
from .fit import Fit
from .planning import Compute, JobClassPlan, Rung, order_problems, plan_job_classes, priority_of

__all__ = [
    "Compute",
    "Fit",
    "JobClassArgs",
    "JobClassPlan",
    "JobClasses",
    "OffPeak",
    "PodShape",
    "Rung",
    "SchedulingArgs",
    "ServerlessRung",
    "order_problems",
    "plan_job_classes",
    "priority_of",
]
