"""The queues that all kinds of jobs go through: one tree, rendered for the engine of the cluster.

`plan_queues` decides the tree; `Queues` maps it to resources; `markers`, `gang` and `queued` say what jobs need to
enter it.
"""

from .args import QueueAmounts, QueueArgs, QueuesArgs
from .component import Queues
from .jobs import QUEUE_LABELS, Gang, Marker, gang, gang_problems, markers, queued
from .planning import QueueNode, QueuePlan, plan_queues
from .rendering import ResourceFlavor

__all__ = [
    "QUEUE_LABELS",
    "Gang",
    "Marker",
    "QueueAmounts",
    "QueueArgs",
    "QueueNode",
    "QueuePlan",
    "Queues",
    "QueuesArgs",
    "ResourceFlavor",
    "gang",
    "gang_problems",
    "markers",
    "plan_queues",
    "queued",
]
