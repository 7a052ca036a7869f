"""Cases of rules: resources that pass, changes by which they fail with an exact message, and values to be unknown.

Each file in `areas/` holds the rules of one area:

    bucket-not-public:
      config: {…}                     # of the rule, where it has any
      given:                          # what passes; names are the keys
        raw: {type: "alicloud:oss/bucket:Bucket", inputs: {acl: private}}
      passes:                         # further changes that still pass: near misses
        - set: {raw.acl: public-read-never}
      fails:
        - set: {raw.acl: public-read}     # by resource and path of the property; null removes it
          says: {raw: "The bucket's ACL …"}    # one message or a list; the key `stack` for the stack as a whole
      unknown: [raw.acl]              # each alone makes the rule wait; `resource` alone: all of its inputs

A change may also have `config`, `resources` (further ones, as under `given`), `options` (by resource: protect, parent,
operation, ignoreChanges, dependsOn) and `without` (names of resources). `links: {block: {bucket: raw}}` under `given`'s
resources tells which resource, or list of them, a property refers to; `provider: {…}` the inputs of a resource's
provider. The text "[unknown]" stands for a value that is unknown.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from policies.evaluation import Report, evaluate, setting
from policies.rule import UNKNOWN, Inputs, Resource, Rule
from policies.sources import plain

DIRECTORY = Path(__file__).parent / "areas"
TODAY = date(2026, 11, 22)


@dataclass(frozen=True)
class Change:
    """A change of what passes. says: messages by resource, none where it still passes."""

    case: str
    index: int
    values: Mapping[str, Any]

    @property
    def says(self) -> dict[str, list[str]]:
        """The expected messages by resource."""
        said: Mapping[str, str | list[str]] = self.values.get("says", {})
        return {name: [text] if isinstance(text, str) else list(text) for name, text in said.items()}

    def __str__(self) -> str:
        return f"{self.case}-{self.index}"


def cases() -> dict[str, dict[str, Any]]:
    """All cases by the rules' names."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(DIRECTORY.glob("*.yaml")):
        for name, case in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            assert name not in found, f"{name} stands twice"
            found[name] = case
    return found


def urn(name: str, kind: str) -> str:
    """What the engine would call a resource."""
    return f"urn:pulumi:test::project::{kind}::{name}"


def changed(case: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of a case after a change, still as they are written."""
    given: dict[str, Any] = deepcopy({**case["given"], **change.get("resources", {})})
    for name in change.get("without", ()):
        del given[name]
    for path, value in change.get("set", {}).items():
        name, _, rest = path.partition(".")
        _set(given[name].setdefault("inputs", {}), rest, deepcopy(value))
    for name, options in change.get("options", {}).items():
        given[name].setdefault("options", {}).update(options)
    return given


def _set(inputs: Any, path: str, value: Any) -> None:
    keys: list[Any] = [int(index) if index else key for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    for key in keys[:-1]:
        inputs = inputs[key] if isinstance(key, int) else inputs.setdefault(key, {})
    if value is None:
        del inputs[keys[-1]]
    else:
        inputs[keys[-1]] = value


def resources(given: Mapping[str, Any], unknown: str = "") -> list[Resource]:
    """Resources as rules see them. unknown: a resource's property that is unknown before apply, or a resource."""
    urns = {name: urn(name, values["type"]) for name, values in given.items()}
    made: list[Resource] = []
    for name, values in given.items():
        inputs = plain(values.get("inputs", {}))
        where, _, path = unknown.partition(".")
        if where == name:
            inputs = dict.fromkeys(inputs, UNKNOWN) if not path else inputs
            if path:
                _set(inputs, path, UNKNOWN)
        options = values.get("options", {})
        links = {
            key: tuple(urns[each] for each in ([target] if isinstance(target, str) else target))
            for key, target in values.get("links", {}).items()
        }
        made.append(
            Resource(
                type=values["type"],
                name=name,
                inputs=Inputs(inputs),
                urn=urns[name],
                protect=options.get("protect", False),
                ignore_changes=options.get("ignoreChanges", ()),
                parent=urns.get(options.get("parent", ""), ""),
                dependencies=[
                    *(urns[n] for n in options.get("dependsOn", ())),
                    *(u for t in links.values() for u in t),
                ],
                property_dependencies=links,
                provider=values.get("provider", {}),
                operation=options.get("operation", ""),
            )
        )
    return made


def report(rule: Rule, config: Mapping[str, Any], made: Sequence[Resource]) -> Report:
    """What a rule says."""
    return evaluate([rule], made, {rule.name: setting(rule, config)}, today=TODAY)


def said(found: Report, kind: str = "violation") -> dict[str, list[str]]:
    """Messages of one kind by resource."""
    messages: dict[str, list[str]] = {}
    for finding in found.findings:
        if finding.kind == kind:
            messages.setdefault(finding.resource.rpartition("::")[2] or "stack", []).append(finding.message)
    return messages


def changes(key: str) -> list[Change]:
    """All changes under `fails` or `passes`."""
    return [
        Change(name, index, values) for name, case in cases().items() for index, values in enumerate(case.get(key, ()))
    ]
