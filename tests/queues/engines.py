"""How each engine admits jobs: small models that read nothing but the objects that are rendered for it.

ElasticQuotaTree: ACK page on elastic quota trees; kube-queue's elasticquotatree/elasticquota.go for what is kept.
Kueue: kubernetes-sigs/kueue v0.19.2 pkg/cache/scheduler/resource_node.go. Koordinator: koordinator-sh/koordinator
v1.8.0 pkg/scheduler/plugins/elasticquota, with enableCheckParentQuota.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.queues.rendering import GPU, KOORDINATOR, KOORDINATOR_ROOT, LOCAL_QUEUE, Manifest

UNITS: Mapping[str, float] = {"Gi": 2**30, "Mi": 2**20, "m": 1e-3}

Request = Mapping[str, float]
"""What a job asks for, by resource name."""


def parsed(quantity: str) -> int:
    """A quantity in thousandths, so that sums of them are exact."""
    for suffix, factor in UNITS.items():
        if quantity.endswith(suffix):
            return round(int(quantity.removesuffix(suffix)) * factor * 1000)
    return int(quantity) * 1000


def amounts(quantities: Mapping[str, str]) -> dict[str, int]:
    """Quantities in thousandths."""
    return {resource: parsed(text) for resource, text in quantities.items()}


@dataclass
class Node:
    """A quota: of its parent, with what it has at least and at most; nothing said of a maximum is no limit."""

    name: str
    parent: str
    minimum: Mapping[str, int]
    maximum: Mapping[str, int]
    kept: Mapping[str, int] = field(default_factory=dict[str, int])
    used: dict[str, int] = field(default_factory=dict[str, int])
    children: list[str] = field(default_factory=list[str])


class Engine(ABC):
    """A cluster whose jobs an engine admits, empty at first."""

    jobs: list[tuple[str, Mapping[str, int]]]
    """Those that run: leaf and amounts, in the order of their admission."""

    def __init__(self) -> None:
        self.jobs = []

    def submit(self, namespace: str, request: Request) -> bool:
        """Whether a job is admitted; it runs from then on."""
        leaf = self.leaf_of(namespace)
        asked = self.counted(leaf, {name: round(amount * 1000) for name, amount in request.items() if amount})
        if asked is None or not self.fits(leaf, asked):
            return False
        self.use(leaf, asked)
        self.jobs.append((leaf, asked))
        return True

    def reclaim(self, namespace: str, request: Request) -> bool:
        """Whether a job is admitted if those that borrow have to give back, the last job first."""
        while not self.submit(namespace, request):
            leaf = self.leaf_of(namespace)
            asked = self.counted(leaf, {name: round(amount * 1000) for name, amount in request.items() if amount})
            borrowed = [job for job in reversed(self.jobs) if asked and self._borrows(job[0], leaf, asked)]
            if not borrowed:
                return False
            self.jobs.remove(borrowed[0])
            self.use(borrowed[0][0], {name: -amount for name, amount in borrowed[0][1].items()})
        return True

    def _borrows(self, other: str, leaf: str, asked: Mapping[str, int]) -> bool:
        """Whether a leaf, and each queue above it up to those above the asking one too, is over its minimum."""
        above = {leaf, *self.above(leaf)}
        apart = [node for node in (other, *self.above(other)) if node not in above]
        return bool(apart) and any(all(self.over(node, name) for node in apart) for name in asked)

    @abstractmethod
    def leaf_of(self, namespace: str) -> str:
        """The queue of a namespace."""

    def counted(self, leaf: str, asked: Mapping[str, int]) -> Mapping[str, int] | None:
        """What a job is counted as. None: its queue does not know of what it asks for."""
        return asked

    @abstractmethod
    def fits(self, leaf: str, asked: Mapping[str, int]) -> bool:
        """Whether a queue has room."""

    @abstractmethod
    def use(self, leaf: str, asked: Mapping[str, int]) -> None:
        """Count what a job uses."""

    @abstractmethod
    def above(self, node: str) -> Iterator[str]:
        """The queues above one, the root last."""

    @abstractmethod
    def over(self, node: str, resource: str) -> bool:
        """Whether a queue uses more than its minimum."""


class ElasticQuotaTree(Engine):
    """ACK: what is used is within the maximum on the way to the root; a queue that keeps a part of its minimum counts
    as if it used that."""

    nodes: dict[str, Node]

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        super().__init__()
        (tree,) = manifests
        self.nodes = {}
        self.spaces: dict[str, str] = {}
        self._read(tree["spec"]["root"], "")

    def _read(self, spec: Mapping[str, Any], parent: str) -> None:
        minimum = amounts(spec["min"])
        kept: dict[str, int] = {}
        if limit := spec.get("attributes", {}).get("alibabacloud.com/lendlimit"):
            # Go: min.Clone().Sub(limit), so that what the limit leaves out is kept.
            lent = amounts(json.loads(limit))
            kept = {name: amount - lent.get(name, 0) for name, amount in minimum.items()}
        assert spec["name"] not in self.nodes
        self.nodes[spec["name"]] = Node(spec["name"], parent, minimum, amounts(spec["max"]), kept)
        assert not (spec.get("children") and spec.get("namespaces")), "namespaces are of leaves"
        for space in spec.get("namespaces", ()):
            assert space not in self.spaces
            self.spaces[space] = spec["name"]
        for child in spec.get("children", ()):
            self.nodes[spec["name"]].children.append(child["name"])
            self._read(child, spec["name"])

    def leaf_of(self, namespace: str) -> str:
        return self.spaces[namespace]

    def above(self, node: str) -> Iterator[str]:
        while parent := self.nodes[node].parent:
            yield parent
            node = parent

    def _uses(self, name: str, resource: str) -> int:
        node = self.nodes[name]
        below = sum(self._counts(child, resource) for child in node.children)
        return below if node.children else node.used.get(resource, 0)

    def _counts(self, name: str, resource: str) -> int:
        return max(self._uses(name, resource), self.nodes[name].kept.get(resource, 0))

    def fits(self, leaf: str, asked: Mapping[str, int]) -> bool:
        self.use(leaf, asked)
        fits = all(
            self._uses(name, resource) <= self.nodes[name].maximum.get(resource, 2**62)
            for name in (leaf, *self.above(leaf))
            for resource in asked
        )
        self.use(leaf, {resource: -amount for resource, amount in asked.items()})
        return fits

    def use(self, leaf: str, asked: Mapping[str, int]) -> None:
        used = self.nodes[leaf].used
        for resource, amount in asked.items():
            used[resource] = used.get(resource, 0) + amount

    def over(self, node: str, resource: str) -> bool:
        return self._uses(node, resource) > self.nodes[node].minimum.get(resource, 0)


class KubeQueue(ElasticQuotaTree):
    """kube-queue's own arithmetic (ParentUsedOverMaxWithOverSell): from the second queue above a leaf on, what a job
    adds is compared with what is used in truth, without what the queues beside it keep.

    Left out: it takes quotas of 2^31 and more for none, so that memory, in bytes, is held by ACK's scheduler alone.
    """

    def _truly(self, name: str, resource: str) -> int:
        node = self.nodes[name]
        return sum(self._truly(child, resource) for child in node.children) or node.used.get(resource, 0)

    def fits(self, leaf: str, asked: Mapping[str, int]) -> bool:
        for resource, amount in asked.items():
            if self._truly(leaf, resource) + amount > self.nodes[leaf].maximum.get(resource, 2**62):
                return False
            child = leaf
            for name in self.above(leaf):
                used = self._uses(name, resource) - self._counts(child, resource) + self._truly(child, resource)
                if used + amount > self.nodes[name].maximum.get(resource, 2**62):
                    return False
                child = name
        return True


@dataclass
class Quota:
    """What a node of Kueue says of a flavour's resource."""

    nominal: int
    borrowing: int | None
    lending: int | None


class Kueue(Engine):
    """Kueue's resource nodes: a job fits what its queue keeps for itself and may use of its cohort."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        super().__init__()
        self.parents: dict[str, str] = {}
        self.quotas: dict[str, dict[str, Quota]] = {}
        self.usage: dict[str, dict[str, int]] = {}
        self.groups: dict[str, dict[str, list[str]]] = {}
        self.spaces: dict[str, str] = {}
        self.selected: dict[str, Sequence[str]] = {}
        self.reclaims: dict[str, bool] = {}
        flavors = {manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == "ResourceFlavor"}
        for manifest in manifests:
            name, spec = manifest["metadata"]["name"], manifest.get("spec", {})
            if manifest["kind"] == "LocalQueue":
                assert name == LOCAL_QUEUE
                self.spaces[manifest["metadata"]["namespace"]] = spec["clusterQueue"]
            if manifest["kind"] == "ClusterQueue":
                name = f"queue/{name}"
                (selector,) = spec["namespaceSelector"]["matchExpressions"]
                self.selected[name] = selector["values"]
                self.reclaims[name] = spec["preemption"]["reclaimWithinCohort"] == "Any"
            if manifest["kind"] in ("Cohort", "ClusterQueue"):
                self.parents[name] = spec.get("cohortName", spec.get("parentName", ""))
                self.usage[name] = {}
                self._read(name, spec["resourceGroups"], flavors)
        assert not {name for name in self.parents.values() if name} - self.parents.keys(), "cohorts are all there"

    def _read(self, node: str, groups: Sequence[Mapping[str, Any]], flavors: set[str]) -> None:
        self.quotas[node] = {}
        self.groups[node] = {}
        for group in groups:
            for flavor in group["flavors"]:
                assert flavor["name"] in flavors
                assert [resource["name"] for resource in flavor["resources"]] == group["coveredResources"]
                for resource in flavor["resources"]:
                    key = f"{flavor['name']}/{resource['name']}"
                    assert key not in self.quotas[node], "a flavour's resource is in one group"
                    limits = [resource.get(limit) for limit in ("borrowingLimit", "lendingLimit")]
                    borrowing, lending = (None if limit is None else parsed(limit) for limit in limits)
                    quota = Quota(parsed(resource["nominalQuota"]), borrowing, lending)
                    # What its webhooks refuse.
                    assert quota.nominal >= 0
                    assert self.parents[node] or (borrowing is None and lending is None)
                    assert min(borrowing or 0, lending or 0) >= 0
                    assert not node.startswith("queue/") or (lending or 0) <= quota.nominal
                    self.quotas[node][key] = quota
                    self.groups[node].setdefault(resource["name"], []).append(key)

    def leaf_of(self, namespace: str) -> str:
        leaf = f"queue/{self.spaces[namespace]}"
        assert namespace in self.selected[leaf]
        return leaf

    def above(self, node: str) -> Iterator[str]:
        while parent := self.parents[node]:
            yield parent
            node = parent

    def counted(self, leaf: str, asked: Mapping[str, int]) -> Mapping[str, int] | None:
        found: dict[str, int] = {}
        for resource, amount in {**asked, "pods": 1000}.items():
            if resource not in self.groups[leaf]:
                return None
            (key,) = self.groups[leaf][resource]  # One model of GPUs.
            found[key] = amount
        return found

    def _quota(self, node: str, key: str) -> Quota:
        return self.quotas[node].get(key, Quota(0, None, None))

    def _subtree(self, node: str, key: str) -> int:
        children = [child for child, parent in self.parents.items() if parent == node]
        lent = sum(self._subtree(child, key) - self._local(child, key) for child in children)
        return self._quota(node, key).nominal + lent

    def _local(self, node: str, key: str) -> int:
        lending = self._quota(node, key).lending
        return 0 if lending is None else max(0, self._subtree(node, key) - lending)

    def _available(self, node: str, key: str) -> int:
        usage, subtree, local = self.usage[node].get(key, 0), self._subtree(node, key), self._local(node, key)
        if not self.parents[node]:
            return subtree - usage
        above = self._available(self.parents[node], key)
        borrowing = self._quota(node, key).borrowing
        if borrowing is not None:
            above = min(subtree - local - max(0, usage - local) + borrowing, above)
        return max(0, local - usage) + above

    def fits(self, leaf: str, asked: Mapping[str, int]) -> bool:
        return all(amount <= self._available(leaf, key) for key, amount in asked.items())

    def use(self, leaf: str, asked: Mapping[str, int]) -> None:
        for key, amount in asked.items():
            self._use(leaf, key, amount)

    def _use(self, node: str, key: str, amount: int) -> None:
        local, before = self._local(node, key), self.usage[node].get(key, 0)
        self.usage[node][key] = before + amount
        change = max(0, before + amount - local) - max(0, before - local)
        if self.parents[node] and change:
            self._use(self.parents[node], key, change)

    def over(self, node: str, resource: str) -> bool:
        return self.usage[node].get(resource, 0) > self._subtree(node, resource)

    def _borrows(self, other: str, leaf: str, asked: Mapping[str, int]) -> bool:
        return self.reclaims[leaf] and super()._borrows(other, leaf, asked)


class Koordinator(Engine):
    """Koordinator: the maximum of a quota and, with enableCheckParentQuota, of those above it, and the cluster's size.

    Runtime quotas stay out of it: they say who gives back when more is asked for than there is, and an empty cluster
    that refuses a job keeps no request of it here.
    """

    def __init__(self, manifests: Sequence[Manifest], cluster: Mapping[str, str]) -> None:
        super().__init__()
        self.nodes = {KOORDINATOR_ROOT: Node(KOORDINATOR_ROOT, "", {}, amounts(cluster))}
        self.spaces: dict[str, str] = {}
        for manifest in manifests:
            metadata, spec = manifest["metadata"], manifest["spec"]
            parent = self.nodes[metadata["labels"][f"{KOORDINATOR}/parent"]]  # Parents are made first.
            node = Node(metadata["name"], parent.name, amounts(spec["min"]), amounts(spec["max"]))
            self.nodes[node.name] = node
            parent.children.append(node.name)
            for space in json.loads(metadata.get("annotations", {}).get(f"{KOORDINATOR}/namespaces", "[]")):
                assert metadata["labels"][f"{KOORDINATOR}/is-parent"] == "false"
                self.spaces[space] = node.name
        for node in self.nodes.values():
            # What its webhook refuses.
            assert node.minimum.keys() <= node.maximum.keys()
            assert all(amount <= node.maximum[name] for name, amount in node.minimum.items())
            children = [self.nodes[child] for child in node.children]
            if node.parent:
                assert all(child.maximum.keys() == node.maximum.keys() for child in children)
                for resource in node.minimum:
                    assert sum(child.minimum[resource] for child in children) <= node.minimum[resource]

    def leaf_of(self, namespace: str) -> str:
        return self.spaces[namespace]

    def above(self, node: str) -> Iterator[str]:
        while parent := self.nodes[node].parent:
            yield parent
            node = parent

    def fits(self, leaf: str, asked: Mapping[str, int]) -> bool:
        return all(
            self.nodes[name].used.get(resource, 0) + amount <= self.nodes[name].maximum.get(resource, 2**62)
            for name in (leaf, *self.above(leaf))
            for resource, amount in asked.items()
        )

    def use(self, leaf: str, asked: Mapping[str, int]) -> None:
        for name in (leaf, *self.above(leaf)):
            for resource, amount in asked.items():
                self.nodes[name].used[resource] = self.nodes[name].used.get(resource, 0) + amount

    def over(self, node: str, resource: str) -> bool:
        return self.nodes[node].used.get(resource, 0) > self.nodes[node].minimum.get(resource, 0)


def request(vcpu: float, memory_gib: float, gpus: int = 0) -> Request:
    """What a job asks for."""
    return {"cpu": vcpu, "memory": memory_gib * 2**30, GPU: gpus}
