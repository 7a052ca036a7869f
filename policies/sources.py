"""Resources out of files: an exported state, a preview of Pulumi's, or a preview of this project's.

Shapes: `pulumi stack export` (pulumi 3.260, pkg/resource/stack, version 3 of deployments), `pulumi preview --json`, and
`python -m stacks.preview <environment> --format json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .rule import UNKNOWN, Inputs, Resource

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
UNKNOWNS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
        "[unknown]",
        "[secret]",
    }
)
"""What stands for values that are unknown or kept secret. Source: pulumi 3.272.0 sdk, pulumi/runtime/rpc.py."""


class InvalidSource(ValueError):
    """Raised for a file that holds no resources, with what is wrong."""


def read(path: Path) -> list[Resource]:
    """The resources in a file. Raises `InvalidSource`."""
    try:
        return resources(json.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidSource(f"{path}: is no JSON: {error}") from None
    except InvalidSource as error:
        raise InvalidSource(f"{path}: {error}") from None
    except RecursionError:
        raise InvalidSource(f"{path}: is nested too deeply") from None
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidSource(f"{path}: holds resources of another form: {type(error).__name__} {error}") from None


def resources(content: Any) -> list[Resource]:
    """The resources in the content of such a file. Raises `InvalidSource`."""
    if not isinstance(content, Mapping):
        raise InvalidSource("is neither a state nor a preview")
    if "deployment" in content:
        # A stack that was never updated has none. What waits for its deletion was replaced.
        entries = (content["deployment"] or {}).get("resources") or ()
        return _with_providers([entry for entry in entries if not entry.get("delete")])
    if "steps" in content:
        return _with_providers(_stepped(content), (content.get("config") or {}).get("alicloud:region"))
    if "resources" in content:
        return _with_providers(content["resources"])
    raise InvalidSource(
        "is neither a state (`pulumi stack export`) nor a preview (`pulumi preview --json`, or JSON of this "
        "project's own preview)"
    )


GONE = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace"})
PARTS = frozenset({"create-replacement", "import-replacement", "read-replacement", "refresh"})
"""Steps beside another one of the same resource, in previews with `--show-replacement-steps` or `--refresh`."""


def _stepped(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The resources that there will be after a preview. Raises `InvalidSource` where it does not show all."""
    steps = content["steps"]
    hidden = (content.get("changeSummary") or {}).get("same", 0) - sum(step["op"] == "same" for step in steps)
    if hidden > 0:
        raise InvalidSource(
            f"does not show {hidden} resources that stay the same, which rules must see, too: make it by "
            "`pulumi preview --json --show-sames`"
        )
    steps = [step for step in steps if step["op"] not in GONE and step.get("newState")]
    whole = {step["newState"]["urn"] for step in steps if step["op"] not in PARTS}
    return [
        {**step["newState"], "operation": step["op"]}
        for step in steps
        if step["op"] not in PARTS or step["newState"]["urn"] not in whole
    ]


def _with_providers(entries: Sequence[Mapping[str, Any]], region: str | None = None) -> list[Resource]:
    """region: of default providers, which previews do not show."""
    found = [entry for entry in entries if entry["type"].startswith("pulumi:providers:")]
    providers = {entry["urn"]: plain(entry.get("inputs") or {}) for entry in found}
    made = [_resource(entry, providers) for entry in entries]
    if region is None:
        return made
    return [
        replace(one, provider={"region": region}) if one.type.startswith("alicloud:") and not one.provider else one
        for one in made
    ]


def _resource(entry: Mapping[str, Any], providers: Mapping[str, Mapping[str, Any]]) -> Resource:
    options: Mapping[str, Any] = entry.get("options") or entry
    provider: str = entry.get("provider") or ""
    # A provider is referred to by its URN and its id.
    urn = provider if provider in providers else provider.rpartition("::")[0]
    return Resource(
        type=entry["type"],
        name=name_in(entry["urn"]),
        # What the program says comes before what the cloud made of it.
        inputs=Inputs({**plain(entry.get("outputs") or {}), **plain(entry.get("inputs") or {})}),
        urn=entry["urn"],
        protect=bool(options.get("protect")),
        ignore_changes=tuple(options.get("ignoreChanges") or ()),
        parent=entry.get("parent") or "",
        dependencies=tuple(entry.get("dependencies") or ()),
        property_dependencies={
            key: tuple(urns or ()) for key, urns in (entry.get("propertyDependencies") or {}).items()
        },
        provider=providers.get(urn, {}),
        operation=entry.get("operation", ""),
    )


def name_in(urn: str) -> str:
    """The name of a resource, in which `::` may stand, too."""
    return urn.split("::", 3)[-1]


def plain(value: Any) -> Any:
    """A value out of JSON, with UNKNOWN in place of what is unknown, and of secrets that are encrypted."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            if "plaintext" in value:
                return plain(json.loads(value["plaintext"]))
            return plain(value["value"]) if "value" in value else UNKNOWN
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in UNKNOWNS else value
