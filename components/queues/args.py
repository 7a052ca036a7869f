"""What a user may say of queues: one tree that all kinds of jobs go through."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args

Engine = Literal["elastic-quota-tree", "kueue", "koordinator"]
"""What enforces the tree: ACK's scheduler with ack-kube-queue, Kueue, or Koordinator with koord-queue."""

Order = Literal["priority", "fifo"]
Preemption = Literal["never", "reclaim", "priority"]
Amount = Annotated[float, Field(ge=0)]


class QueueAmounts(Args):
    """Amounts of resources. What is left out keeps the default of the place where it stands."""

    vcpu: Amount | None = None
    """vCPUs."""

    memory_gib: Amount | None = None
    """Memory in GiB."""

    gpus: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    """Whole GPUs by model, such as `A10`."""

    gpu_memory_gib: Amount | None = None
    """Memory of shared GPUs in GiB."""

    pods: Annotated[int, Field(ge=0)] | None = None
    """Pods at the same time."""

    def by_path(self) -> dict[str, float]:
        """What is stated, by path: `vcpu`, `memoryGib`, `gpus.<model>`, `gpuMemoryGib`, `pods`."""
        stated = {
            "vcpu": self.vcpu,
            "memoryGib": self.memory_gib,
            **{f"gpus.{model}": count for model, count in self.gpus.items()},
            "gpuMemoryGib": self.gpu_memory_gib,
            "pods": self.pods,
        }
        return {path: amount for path, amount in stated.items() if amount is not None}


class QueueArgs(Args):
    """One queue of the tree. A queue without queues below it is a leaf, and takes the jobs of its tenants."""

    parent: str | None = None
    """The queue that it is a part of. None: it is the root; there is one."""

    tenants: Sequence[str] = ()
    """Tenants whose namespaces it serves. Leaves only, and a tenant is in one leaf."""

    minimum: QueueAmounts = QueueAmounts()
    """What it gets whenever its jobs ask. Default: of a leaf, what its tenants are guaranteed; of the others, the sum
    of the queues below. The root's is its maximum."""

    maximum: QueueAmounts = QueueAmounts()
    """What its jobs may use when others leave it. Default: of a leaf, what its tenants may use at most; of the others,
    the sum of the queues below; of the root, what pools and serverless pods can give."""

    lends: QueueAmounts = QueueAmounts()
    """What of its minimum others may use while it is idle. Default: all of it. Not with the engine `koordinator`."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """Its part of what is idle, beside that of its siblings. Needs `fairSharing`."""

    order: Order = "priority"
    """`priority`: jobs of higher priority first, those of one priority as they came; a job that does not fit lets the
    next one try. `fifo`: a job that does not fit holds up the rest, and with the engine `kueue` priorities do not
    count. On ACK all leaves have the same. Leaves only."""

    preemption: Preemption | None = None
    """`never`: waits for what it lent. `reclaim`: takes its minimum back from those that borrowed it. `priority`: also
    ends jobs of its own of lower priority for one of higher. None: `reclaim` with the engine `kueue`; the others have
    one way for all queues: ACK's scheduler does what `priority` says. Leaves only."""


class QueuesArgs(Args):
    """The queues of a cluster."""

    enabled: bool = True
    """Whether jobs queue. Needs the system `job-queue`, and a tenant."""

    engine: Engine | None = None
    """What enforces the tree. None: `elastic-quota-tree` on ACK, `kueue` elsewhere. `koordinator` is for clusters
    elsewhere whose jobs run under koord-scheduler."""

    fair_sharing: bool = False
    """Whether what is idle is shared by `weight` instead of to whoever asks first. Not with the engine
    `elastic-quota-tree`."""

    tree: Mapping[Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")], QueueArgs] = {}
    """Queues by name. Empty: a root, and below it a queue for each tenant, parts of tenants below these."""
