"""History: what shows finished jobs, when their pods are long gone.

`plan_history` decides in plain Python which servers there are and what each reads; `History` maps that plan to
resources.
"""

from .args import HistoryArgs, ObjectStoreArgs, RayHistoryArgs, SparkHistoryArgs, SparkLoginArgs
from .component import History
from .planning import (
    HistoryPlan,
    HistorySurroundings,
    RayServer,
    SparkServer,
    Writer,
    history_problems,
    plan_history,
)

__all__ = [
    "History",
    "HistoryArgs",
    "HistoryPlan",
    "HistorySurroundings",
    "ObjectStoreArgs",
    "RayHistoryArgs",
    "RayServer",
    "SparkHistoryArgs",
    "SparkLoginArgs",
    "SparkServer",
    "Writer",
    "history_problems",
    "plan_history",
]
