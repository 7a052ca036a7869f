"""What changes between two previews of one environment, and which property forces a replacement."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, JsonValue

from components import catalog
from components.inputs import Args

from .document import Document, DocumentRange, DocumentResource

FOLDERS = ("components", "policies", "stacks")
"""What a preview of another revision needs."""

STACK_FILE = re.compile(r"stacks/Pulumi\.(.+)\.yaml")

Action = Literal["added", "changed", "removed", "replaced"]


class DiffFailed(Exception):
    """The other revision cannot be compared with; the text says why."""


class PropertyChange(Args):
    """One property that differs. `path` is that of an input, or `options.<name>` for a resource option."""

    path: str
    before: JsonValue = None
    after: JsonValue = None
    replaces: bool = False
    """Whether the change of this property replaces the resource."""

    def __str__(self) -> str:
        forced = " (forces replacement)" if self.replaces else ""
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}{forced}"


class Change(Args):
    """One resource that differs."""

    urn: str
    type: str
    name: str
    custom: bool
    """False for components."""
    action: Action
    kept: bool = False
    """Whether a removed resource stays in the cloud: Pulumi only forgets it."""
    exists: bool = False
    """Whether an added resource has the name in the cluster of one that stays there, so that it cannot be created."""
    properties: Sequence[PropertyChange] = ()

    def lines(self) -> Iterator[str]:
        """One line a property, for people."""
        return map(str, self.properties)


class Diff(Args):
    """All that differs from a base revision."""

    base: str
    changes: Sequence[Change]
    policies: Sequence[PropertyChange] = ()
    """Levels, quotas and configuration of policies that differ."""
    cost_before: Mapping[str, DocumentRange]
    """Monthly cost at the base revision, by currency."""

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.changes or self.policies)


class Base(Args):
    """What a comparison needs of the other revision's document, whose format may be an older or a newer one."""

    model_config = ConfigDict(extra="ignore")

    class Resource(DocumentResource):
        model_config = ConfigDict(extra="ignore")

    class Cost(Args):
        model_config = ConfigDict(extra="ignore")

        totals: Mapping[str, DocumentRange]

    class Policies(Args):
        model_config = ConfigDict(extra="ignore")

        config: Mapping[str, Mapping[str, JsonValue]] = {}

    resources: Sequence[Resource]
    policies: Policies = Policies()
    cost: Cost


def compare(base: str, before: Base | Document | None, after: Document) -> Diff:
    """Compare two documents. before: None where the base revision does not have the environment."""
    new = {resource.urn: resource for resource in after.resources}
    old = _renamed({resource.urn: resource for resource in before.resources} if before else {}, new)
    differences = {urn: list(_properties(old[urn], resource)) for urn, resource in new.items() if urn in old}
    _drag_along(new, differences)
    changes: list[Change] = []
    for urn, resource in new.items():
        if urn not in old:
            changes.append(_change(resource, "added"))
        elif differences[urn]:
            replaced = any(change.replaces for change in differences[urn])
            changes.append(_change(resource, "replaced" if replaced else "changed", differences[urn]))
    changes += [_change(resource, "removed") for urn, resource in old.items() if urn not in new]
    staying = {_in_cluster(old[c.urn]) for c in changes if c.kept} - {None}
    changes = [
        c.model_copy(update={"exists": c.action == "added" and _in_cluster(new[c.urn]) in staying}) for c in changes
    ]
    settings: list[PropertyChange] = []
    # A new environment has nothing to compare with, and neither has a base from before documents held settings.
    if before and before.policies.config:
        found = _differences(before.policies.config, after.policies.config, "")
        settings = [PropertyChange(path=path, before=one, after=other) for path, one, other in found]
    return Diff(base=base, changes=changes, policies=settings, cost_before=before.cost.totals if before else {})


def _in_cluster(resource: DocumentResource) -> tuple[str, str, str] | None:
    """Type, namespace and name of a resource in a cluster, None for others."""
    metadata = resource.inputs.get("metadata")
    if not isinstance(metadata, Mapping) or not resource.type.startswith("kubernetes:"):
        return None
    return resource.type, str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _renamed(
    old: Mapping[str, DocumentResource], new: Mapping[str, DocumentResource]
) -> Mapping[str, DocumentResource]:
    """The old resources under the URNs that aliases give them, as the engine finds them: a child also by the former
    names of its parent, where its own name begins with its parent's."""
    gone = {(resource.type, resource.name): urn for urn, resource in old.items() if urn not in new}
    former: dict[str, Sequence[str]] = {}
    moved: dict[str, str] = {}
    for urn, resource in new.items():
        own = resource.options.get("aliases") or []
        assert isinstance(own, list)
        parent = new.get(resource.parent)
        inherited = [
            f"{name}{resource.name.removeprefix(parent.name)}"
            for name in former.get(resource.parent, ())
            if parent is not None and resource.name.startswith(parent.name)
        ]
        former[urn] = [*map(str, own), *inherited]
        found = [gone[resource.type, name] for name in former[urn] if (resource.type, name) in gone]
        if found and urn not in old:
            moved[found[0]] = urn

    def now(urns: Sequence[str]) -> list[str]:
        return sorted(moved.get(urn, urn) for urn in urns)

    return {
        moved.get(urn, urn): resource.model_copy(
            update={
                "parent": moved.get(resource.parent, resource.parent),
                "dependencies": now(resource.dependencies),
                "property_dependencies": {name: now(urns) for name, urns in resource.property_dependencies.items()},
            }
        )
        for urn, resource in old.items()
    }


def _drag_along(resources: Mapping[str, DocumentResource], differences: Mapping[str, list[PropertyChange]]) -> None:
    """Add what a replacement does to the resources that take a value of the replaced one."""
    waiting = [urn for urn, changes in differences.items() if any(change.replaces for change in changes)]
    seen = set(waiting)
    while waiting:
        replaced = waiting.pop()
        for urn, changes in differences.items():
            resource = resources[urn]
            if resource.provider == replaced and urn not in seen:
                of = f"of {replaced.rpartition('::')[2]}"
                changes.append(PropertyChange(path="provider", before=of, after=f"{of}, replaced", replaces=True))
                seen.add(urn)
                waiting.append(urn)
            ignored = resource.options.get("ignoreChanges") or []
            for name, sources in resource.property_dependencies.items():
                stated = any(change.path.split(".")[0].split("[")[0] == name for change in changes)
                if replaced not in sources or stated or name in ignored:  # pyright: ignore[reportOperatorIssue]
                    continue
                of = f"of {replaced.rpartition('::')[2]}"
                forced = name in _replacing(resource)
                changes.append(PropertyChange(path=name, before=of, after=f"{of}, replaced", replaces=forced))
                if forced and urn not in seen:
                    seen.add(urn)
                    waiting.append(urn)


def summary(diff: Diff) -> str:
    """`2 to add, 1 to replace`, not counting components."""
    counts = {
        verb: sum(change.custom and change.action == action for change in diff.changes if not change.kept)
        for action, verb in (("added", "add"), ("changed", "change"), ("replaced", "replace"), ("removed", "remove"))
    }
    counts["forget, which stay in the cloud"] = sum(change.custom and change.kept for change in diff.changes)
    return ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count) or "no change"


def removed_environments(revision: str, present: Sequence[str], root: Path) -> Sequence[str]:
    """The environments that a git revision has and the working tree has not. Raises `DiffFailed`."""
    listed = (
        _git(root, revision, "ls-tree", "--name-only", "--end-of-options", revision, "stacks/").decode().split("\n")
    )
    names = (STACK_FILE.fullmatch(path) for path in listed)
    return sorted({name[1] for name in names if name} - set(present))


def document_at(revision: str, environment: str, root: Path) -> Base | None:
    """Preview an environment as it is at a git revision. None: it does not exist there. Raises `DiffFailed`."""
    commit = (
        _git(root, revision, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    folders = _git(root, revision, "ls-tree", "--name-only", commit, *FOLDERS).decode().split()
    if "stacks" not in folders:
        return None
    archive = _git(root, revision, "archive", "--format=tar", commit, *folders)
    with tempfile.TemporaryDirectory(prefix="preview-") as directory:
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(directory, filter="data")
        except tarfile.TarError as error:
            raise DiffFailed(f"revision {revision} cannot be unpacked: {error}") from None
        if not (Path(directory) / "stacks" / f"Pulumi.{environment}.yaml").is_file():
            return None
        result = subprocess.run(
            [sys.executable, "-m", "stacks.preview", environment, "--format", "json"],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": directory},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode not in (0, 1):
        raise DiffFailed(f"{environment} cannot be previewed at {revision}:\n{result.stderr.strip()}")
    try:
        return Base.model_validate(json.loads(result.stdout))
    except ValueError:
        raise DiffFailed(f"the preview at {revision} is in a format that this one does not read") from None


def _git(root: Path, revision: str, *arguments: str) -> bytes:
    try:
        result = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        raise DiffFailed("git is not installed; --diff compares with a git revision") from None
    if result.returncode:
        raise DiffFailed(f"cannot read revision {revision}: {result.stderr.decode().strip()}")
    return result.stdout


def _change(resource: DocumentResource, action: Action, properties: Sequence[PropertyChange] = ()) -> Change:
    return Change(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        custom=resource.custom,
        action=action,
        kept=action == "removed" and bool(resource.options.get("retainOnDelete")),
        properties=properties,
    )


def _properties(before: DocumentResource, after: DocumentResource) -> Iterator[PropertyChange]:
    replacing = _replacing(after)
    ignored = after.options.get("ignoreChanges") or []
    assert isinstance(ignored, list)
    for path, old, new in _differences(before.inputs, after.inputs, ""):
        top = path.split(".")[0].split("[")[0]
        if top in ignored:
            continue
        yield PropertyChange(path=path, before=old, after=new, replaces=top in replacing)
    for name in sorted(set(before.property_dependencies) | set(after.property_dependencies)):
        old_urns, new_urns = before.property_dependencies.get(name, ()), after.property_dependencies.get(name, ())
        if (
            list(old_urns) != list(new_urns)
            and before.inputs.get(name) == after.inputs.get(name)
            and name not in ignored
        ):
            yield PropertyChange(path=name, before=_names(old_urns), after=_names(new_urns), replaces=name in replacing)
    for path, old, new in _differences(before.options, after.options, "options"):
        yield PropertyChange(path=path, before=old, after=new)
    if before.provider != after.provider:
        yield PropertyChange(path="provider", before=before.provider, after=after.provider, replaces=True)


KUBERNETES_REPLACING: Mapping[str, frozenset[str]] = {
    "kubernetes:helm.sh/v3:Release": frozenset({"name", "namespace"}),
    "pulumi:providers:kubernetes": frozenset({"clusterIdentifier"}),
}
"""What the Kubernetes provider replaces on (pulumi-kubernetes, provider/pkg/provider: helm_release.go, DiffConfig)."""


def _replacing(resource: DocumentResource) -> frozenset[str]:
    forced = resource.options.get("replaceOnChanges") or []
    assert isinstance(forced, list)
    own = catalog.replacing_properties().get(resource.type, frozenset())
    return own | KUBERNETES_REPLACING.get(resource.type, frozenset()) | frozenset(map(str, forced))


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(set(before) | set(after)):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{index}]")
    elif before != after:
        yield path, before, after


def _names(urns: Sequence[str]) -> list[JsonValue]:
    return [urn.rpartition("::")[2] for urn in urns]


def _shown(value: JsonValue) -> str:
    return "absent" if value is None else json.dumps(value, ensure_ascii=False)
