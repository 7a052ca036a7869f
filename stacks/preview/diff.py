"""What changes between two previews of one environment, and which property forces a replacement."""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue

from components import catalog
from components.inputs import Args

from .document import Document, DocumentRange, DocumentResource

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


class Change(Args):
    """One resource that differs."""

    urn: str
    type: str
    name: str
    custom: bool
    """False for components."""
    action: Action
    properties: Sequence[PropertyChange] = ()

    def lines(self) -> Iterator[str]:
        """One line a property, for people."""
        for change in self.properties:
            forced = " (forces replacement)" if change.replaces else ""
            yield f"{change.path}: {_shown(change.before)} -> {_shown(change.after)}{forced}"


class Diff(Args):
    """All that differs from a base revision."""

    base: str
    changes: Sequence[Change]
    cost_before: Mapping[str, DocumentRange]
    """Monthly cost at the base revision, by currency."""


def compare(base: str, before: Document | None, after: Document) -> Diff:
    """Compare two documents. before: None where the base revision does not have the environment."""
    old = {resource.urn: resource for resource in before.resources} if before else {}
    new = {resource.urn: resource for resource in after.resources}
    changes: list[Change] = []
    for urn, resource in new.items():
        if urn not in old:
            changes.append(_change(resource, "added"))
            continue
        properties = list(_properties(old[urn], resource))
        if properties:
            action: Action = "replaced" if any(change.replaces for change in properties) else "changed"
            changes.append(_change(resource, action, properties))
    changes += [_change(resource, "removed") for urn, resource in old.items() if urn not in new]
    return Diff(base=base, changes=changes, cost_before=before.cost.totals if before else {})


def summary(diff: Diff) -> str:
    """`2 to add, 1 to replace`, not counting components."""
    counts = {
        verb: sum(change.custom and change.action == action for change in diff.changes)
        for action, verb in (("added", "add"), ("changed", "change"), ("replaced", "replace"), ("removed", "remove"))
    }
    return ", ".join(f"{count} to {verb}" for verb, count in counts.items() if count) or "no change"


def document_at(revision: str, environment: str, root: Path) -> Document | None:
    """Preview an environment as it is at a git revision. None: it does not exist there. Raises `DiffFailed`."""
    with tempfile.TemporaryDirectory(prefix="preview-") as directory:
        try:
            archive = subprocess.run(
                ["git", "archive", "--format=tar", revision], cwd=root, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise DiffFailed("git is not installed; --diff compares with a git revision") from None
        if archive.returncode:
            raise DiffFailed(f"cannot read revision {revision}: {archive.stderr.decode().strip()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(directory, filter="data")
        if not (Path(directory) / "stacks" / f"Pulumi.{environment}.yaml").is_file():
            return None
        result = subprocess.run(
            [sys.executable, "-m", "stacks.preview", environment, "--format", "json"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode not in (0, 1):
            raise DiffFailed(f"{environment} cannot be previewed at {revision}:\n{result.stderr.strip()}")
        return Document.model_validate(json.loads(result.stdout))


def _change(resource: DocumentResource, action: Action, properties: Sequence[PropertyChange] = ()) -> Change:
    return Change(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        custom=resource.custom,
        action=action,
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


def _replacing(resource: DocumentResource) -> frozenset[str]:
    forced = resource.options.get("replaceOnChanges") or []
    assert isinstance(forced, list)
    own = catalog.replacing_properties().get(resource.type, frozenset())
    # The Kubernetes provider replaces a release on these (pulumi-kubernetes, provider/pkg/provider/helm_release.go).
    helm = frozenset({"name", "namespace"}) if resource.type == "kubernetes:helm.sh/v3:Release" else frozenset[str]()
    return own | helm | frozenset(map(str, forced))


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
