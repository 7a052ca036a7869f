"""`python -m stacks.generate`: JSON Schemas for editors, the reference pages and those of tenants, out of the code."""

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import cast

import yaml

from components import catalog
from components.admission import DECLARATIONS, Declaration
from components.alarms import STORAGE_ALARMS
from components.job_templates import CHARTS, JobValues
from components.logs.questions import LOG_ALARMS
from components.observability.alarms import AlarmRule, rule_groups
from components.observability.monitors import monitors_of
from components.observability.objectives import objective_rules
from components.platform.args import Flavor
from components.platform.planning import Form, form_of, window_text
from components.schema import Schema, described_schema
from policies.pack import schema
from policies.rule import Rule
from policies.rules import RULES

from .environment import Environment
from .loading import DIRECTORY, PROJECT, environments, load_environment, read_stack_config
from .preview.diff import Diff
from .preview.document import Document
from .preview.recording import record_environment
from .tenant_page import tenant_page

ROOT = DIRECTORY.parent
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with `--check` name those that are out of date and give 1."""
    parser = argparse.ArgumentParser(
        prog="python -m stacks.generate", description="Write what is generated from the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file is out of date")
    check: bool = parser.parse_args(arguments).check
    wanted = files()
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    gone = sorted(set((ROOT / "docs" / "tenants").glob("*/*.md")) - wanted.keys())
    for path in stale:
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        print(f"{path.relative_to(ROOT)} {'is out of date: run make generate' if check else 'written'}")
    for path in gone:
        if not check:
            path.unlink()
        print(f"{path.relative_to(ROOT)} {'is of no tenant: run make generate' if check else 'deleted'}")
    return int(check and bool(stale or gone))


def files() -> Mapping[Path, str]:
    """All generated files and what they must hold."""
    return {
        DIRECTORY / "stack.schema.json": _json(stack_schema()),
        DIRECTORY / "profile.schema.json": _json(profile_schema()),
        DIRECTORY / "preview" / "document.schema.json": _json(document_schema()),
        **{ROOT / "tests" / "graphs" / f"{stack}.txt": graph(stack) for stack in environments()},
        ROOT / "docs" / "environment.md": environment_page(),
        ROOT / "docs" / "policies.md": policies_page(),
        ROOT / "policies" / "README.md": pack_readme(),
        ROOT / "docs" / "admission.md": admission_page(),
        ROOT / "docs" / "systems.md": systems_page(),
        ROOT / "docs" / "runbooks.md": runbooks_page(),
        **tenant_pages(),
        **{path: text for name, model in CHARTS.items() for path, text in chart_files(name, model).items()},
    }


def runbooks_page() -> str:
    """What to do when an alarm fires, by alarm: where the alarms themselves point to."""
    lines = [
        "# Runbooks",
        "",
        "Generated from `components/observability/rules/`, `components/observability/objectives.py`, "
        "`components/alarms.py` and `components/logs/questions.py`; do not edit. What each alarm means and what to do, "
        "in this order. Thresholds, severities and waits are defaults: [environment.md](environment.md), "
        "`observability.alarms` and `logs.alarms`, changes them.",
    ]
    known = {rule.record for group in rule_groups().values() for rule in group.recordings}
    brought = {metric for name in ("upstream", "ack") for m in monitors_of(name).values() for metric in m.metrics}
    objectives, _ = objective_rules({}, known | brought)
    for group in (*rule_groups().values(), objectives):
        if not group.alarms:
            continue
        lines += ["", f"## {group.title}"]
        for rule in group.alarms:
            lines += _runbook(rule.name, rule.severity, rule.owner, rule.meaning, rule.steps, _terms(rule))
    lines += ["", "## Buckets, by CloudMonitor"]
    for name, alarm in STORAGE_ALARMS.items():
        lines += _runbook(name, alarm.severity, "platform", alarm.meaning, alarm.steps, "")
    lines += ["", "## Logs"]
    for alarm in LOG_ALARMS.values():
        terms = f"; {'fewer than' if alarm.silence else 'from'} {alarm.threshold} in {alarm.minutes} minutes"
        lines += _runbook(alarm.name, alarm.severity, alarm.owner, alarm.meaning, alarm.steps, terms)
    return "\n".join(lines) + "\n"


def _runbook(name: str, severity: str, owner: str, meaning: str, steps: Sequence[str], terms: str) -> list[str]:
    return [
        "",
        f"### {name}",
        "",
        f"{severity.capitalize()}, for {'the tenant' if owner == 'tenant' else 'the platform'}{terms}. {meaning}",
        "",
        *(f"{number}. {step}" for number, step in enumerate(steps, 1)),
    ]


def _terms(rule: AlarmRule) -> str:
    threshold = f"; threshold {rule.threshold:g} {rule.unit}" if rule.threshold is not None and rule.unit else ""
    wait = f"; after {rule.for_minutes} minutes" if rule.for_minutes else ""
    return threshold + wait


def tenant_pages() -> Mapping[Path, str]:
    """The pages for the teams of all environments."""
    loaded = {stack: load_environment(stack, read_stack_config(stack)) for stack in environments()}
    return {
        ROOT / "docs" / "tenants" / stack / f"{name}.md": tenant_page(environment, stack, name)
        for stack, environment in loaded.items()
        for name in environment.tenants
    }


CHART_TABLE = "<!-- values: generated from the schema -->"
"""Line of a chart's README below which its table of values stands."""


def chart_files(name: str, model: type[JobValues]) -> Mapping[Path, str]:
    """Schema, values and README of a chart, and defaults of the entries that users name: Helm fills in none."""
    folder = ROOT / "charts" / name
    schema = deepcopy(described_schema(model))
    # Helm hands these to every chart: its own, and what is for the library.
    schema["properties"] |= {key: {"type": "object", "description": "Helm's own."} for key in ("common", "global")}
    for part in [schema, *schema["$defs"].values()]:
        for value in part.get("properties", {}).values():
            if "patternProperties" in value:
                value["additionalProperties"] = False
    defaults = {
        definition: {key: value["default"] for key, value in part["properties"].items() if "default" in value}
        for definition, part in schema["$defs"].items()
        if "properties" in part
    }
    readme = folder / "README.md"
    prose = readme.read_text(encoding="utf-8").partition(CHART_TABLE)[0] if readme.is_file() else f"# {name}\n\n"
    table = [*_section(described_schema(model), schema["$defs"], "Values", "", {})]
    return {
        folder / "values.schema.json": _json({"$schema": DRAFT, **schema}),
        folder / "values.yaml": _values(described_schema(model)),
        folder / "defaults.json": _json(defaults),
        readme: f"{prose}{CHART_TABLE}\n\n" + "\n".join(table).rstrip() + "\n",
    }


def _values(schema: Schema) -> str:
    """The default values of a chart, each below its meaning."""
    lines = ["# Generated from the schema; do not edit. Keys without a default are required."]
    for key, value in schema["properties"].items():
        lines += ["", *(f"# {line}" for line in textwrap.wrap(_prose(value.get("description", "")), 116))]
        if "default" in value:
            lines.append(yaml.safe_dump({key: value["default"]}, sort_keys=False, width=10_000).rstrip())
        else:
            lines.append(f"# {key}:")
    return "\n".join(lines) + "\n"


def graph(stack: str) -> str:
    """Type and name of every resource of an environment: what its URNs are made of, one a line."""
    recording = record_environment(stack, read_stack_config(stack))
    return "".join(sorted(resource.urn.split("::", 2)[2] + "\n" for resource in recording.resources))


def profile_schema() -> Schema:
    """The schema of a layer: an environment of which any key may be left out, and any entry of a map be removed."""
    schema = deepcopy(described_schema(Environment))
    for part in [schema, *schema["$defs"].values()]:
        part.pop("required", None)
        for key, value in part.get("properties", {}).items():
            part["properties"][key] = _layered(value)
    return {"$schema": DRAFT, **schema, "title": "Layer of an environment"}


def _layered(schema: Schema) -> Schema:
    if schema.get("writeOnly"):
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "object", "required": ["secure"]}]}
    for key in ("additionalProperties", "patternProperties"):
        entries = schema.get(key)
        if isinstance(entries, dict) and key == "additionalProperties":
            schema = {**schema, key: {"anyOf": [entries, {"type": "null"}]}}
        elif isinstance(entries, dict):
            nullable = {pattern: {"anyOf": [entry, {"type": "null"}]} for pattern, entry in entries.items()}
            schema = {**schema, key: nullable}
    return schema


def stack_schema() -> Schema:
    """The schema of `Pulumi.<env>.yaml`."""
    layer = profile_schema()
    properties = {f"{PROJECT}:{key}": value for key, value in layer["properties"].items()}
    return {
        "$schema": DRAFT,
        "title": "Stack configuration of an environment",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": properties,
                "patternProperties": {f"^(?!{PROJECT}:)[^:]+:.+$": {}},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": layer["$defs"],
    }


def document_schema() -> Schema:
    """The schema of `--format json`."""
    schema, diff = (deepcopy(described_schema(model, "serialization")) for model in (Document, Diff))
    schema["$defs"].update(diff.pop("$defs"))
    schema["$defs"]["Diff"] = diff
    schema["properties"]["diff"] = {"$ref": "#/$defs/Diff", "description": "Only with --diff."}
    return {"$schema": DRAFT, **schema, "title": "Preview of an environment"}


def environment_page() -> str:
    """The reference of everything that an environment may hold."""
    schema = described_schema(Environment)
    lines = [
        "# Environment reference",
        "",
        "Generated from the schema; do not edit. Each key stands in `stacks/Pulumi.<env>.yaml` as",
        f"`{PROJECT}:<key>`, and in `stacks/profiles/` as it is. A key that is not set has its default.",
        "",
        *_section(schema, schema["$defs"], "Top level", "", {}),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _section(
    schema: Schema, definitions: Mapping[str, Schema], title: str, prefix: str, sections: dict[str, str]
) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    if prefix and "description" in schema:
        yield _prose(schema["description"])
        yield ""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    nested: list[tuple[str, str]] = []
    for key, value in schema["properties"].items():
        path = f"{prefix}{key}"
        required = key in schema.get("required", ())
        default = "required" if required else _default(value)
        cells = (
            f"`{path}`",
            _type(value, definitions, path, nested, sections),
            default,
            _prose(value.get("description", "")),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""
    for path, name in nested:
        yield from _section(definitions[name], definitions, f"`{path}`", f"{path}.", sections)


def _type(
    schema: Schema,
    definitions: Mapping[str, Schema],
    path: str,
    nested: list[tuple[str, str]],
    sections: dict[str, str],
) -> str:
    """A type in words. sections: where each definition is described, by name; nested takes those that come next."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if "properties" not in definitions[name]:
            return "any value"
        described_at = sections.setdefault(name, path)
        if described_at == path:
            nested.append((path, name))
        return f"[section](#{_anchor(described_at)})"
    if "allOf" in schema:
        return _type(schema["allOf"][0], definitions, path, nested, sections)
    if "anyOf" in schema:
        return " or ".join(_type(option, definitions, path, nested, sections) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " \\| ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any value")
    if kind == "array":
        return f"list of {_type(schema['items'], definitions, f'{path}[]', nested, sections)}"
    if kind == "object":
        entries = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), {})
        return (
            f"map of {_type(entries, definitions, f'{path}.<name>', nested, sections)}"
            if isinstance(entries, dict)
            else "map"
        )
    names = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
    }
    lower = schema.get("minimum", schema.get("exclusiveMinimum"))
    upper = schema.get("maximum", schema.get("exclusiveMaximum"))
    bounds = f" {lower:,} to {upper:,}" if lower is not None and upper is not None else ""
    bounds = bounds or (f" from {lower:,}" if lower is not None else "")
    return f"{names.get(kind, kind)}{bounds}"


def _anchor(path: str) -> str:
    return "".join(character for character in path.lower() if character.isalnum() or character in "-_")


def _default(schema: Schema) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    if isinstance(value, dict) and value and "$ref" in schema:
        return "see section"
    return "none" if value is None else f"`{json.dumps(value)}`"


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def policies_page() -> str:
    """The rules and their settings, by area."""
    lines = [
        "# Policies",
        "",
        "Generated from the rules; do not edit. An environment sets level, configuration and exceptions under",
        "`policies`, and the quotas under `quotas`. Without a quota, the rule on it finds nothing.",
        "[How the pack is used](../policies/README.md).",
        "",
        *rules_table(RULES),
        "",
        "## Settings",
        "",
        "Every rule has `exceptions`, too: a list of `resource` (name or URN, `*` for any text, `stack`), `owner`,",
        "`reason` and `expires`.",
        "",
        "| rule | setting | default | |",
        "|---|---|---|---|",
    ]
    for rule in RULES:
        for key, value in schema(rule).properties.items():
            if key != "exceptions":
                default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
                lines.append(f"| `{rule.name}` | `{key}` | {default} | {_prose(str(value.get('description', '')))} |")
    return "\n".join(lines) + "\n"


def rules_table(rules: Sequence[Rule]) -> list[str]:
    """What each rule says and where it is held. Those that look at one resource stop it before it is made."""
    lines: list[str] = []
    for area in dict.fromkeys(rule.area for rule in rules):
        lines += [
            "",
            f"### {area.capitalize()}",
            "",
            "| rule | level | severity | what must be true | how | must know |",
            "|---|---|---|---|---|---|",
        ]
        for rule in (rule for rule in rules if rule.area == area):
            level = (
                f"{rule.level}, always" if rule.floor else f"{rule.level}, can remediate" if rule.remedy else rule.level
            )
            known = ", ".join(f"`{need}`" for need in rule.needs)
            name = f"[`{rule.name}`]({rule.reference})" if rule.reference.startswith("http") else f"`{rule.name}`"
            lines.append(f"| {name} | {level} | {rule.severity} | {_prose(rule.must)} | {_prose(rule.how)} | {known} |")
    return lines[1:]


def pack_readme() -> str:
    """The pack's README with its table of rules as they are."""
    path = ROOT / "policies" / "README.md"
    head, _, rest = path.read_text(encoding="utf-8").partition(TABLE_BEGINS)
    return "\n".join([f"{head}{TABLE_BEGINS}", "", *rules_table(RULES), "", TABLE_ENDS]) + rest.partition(TABLE_ENDS)[2]


TABLE_BEGINS, TABLE_ENDS = "<!-- rules, generated -->", "<!-- end of rules -->"


def admission_page() -> str:
    """Which rule over what runs in a cluster is held where."""
    lines = [
        "# Rules inside the cluster: which is held where",
        "",
        "Generated from the declarations in `components/admission/declarations.py`; do not edit. Each rule is one",
        "expression in CEL. At **preview** and **apply** the policy pack evaluates it over every pod, job and claim of",
        "a program; levels and exceptions are said under `policies`. At **admission** Gatekeeper holds the same over",
        "whatever is submitted to the namespaces of tenants, by whomever: elsewhere by a ConstraintTemplate with that",
        "very expression and a Constraint, on ACK by ACK's own policies that mean the same, where it has one",
        "(`cs.KubernetesPolicyInstance`). Level, parameters and namespaces are said under `admission`; what is said of",
        "parameters there counts at previews, too. The levels here are the defaults. A rule that needs a parameter is",
        "held once it has it.",
        "Objects that were there before are left alone until their spec changes.",
        "",
        "| rule | what must be true | preview and apply | admission elsewhere | admission on ACK | parameters "
        "| what else holds it for tenants |",
        "|---|---|---|---|---|---|---|",
    ]
    for declaration in DECLARATIONS:
        lines.append(f"| {' | '.join(map(_prose, _held(declaration)))} |")
    lines += [
        "",
        "Rules over the namespaces themselves (`namespaces-have-quota`, `namespaces-have-limits`,",
        "`namespaces-deny-by-default`, `namespaces-have-pod-security`) are held at preview and apply alone: tenants",
        "cannot make or change namespaces. What a tenant's ValidatingAdmissionPolicy refuses besides (volumes by kind,",
        "external addresses of Services, settings of Spark, size and duration of jobs) is in [tenants.md](tenants.md).",
        "",
        "`ACKContainerRequests` takes a maximum, which is set above any node. `ACKRequiredProbes` and",
        "`ACKBlockAutomountToken` hold every pod of their namespaces, so they need `namespaces`. That ACK's add-on",
        "`gatekeeper` evaluates templates of one's own in CEL is UNCONFIRMED, so rules for which ACK has no policy are",
        "not held there.",
        "",
        "Sources: open-policy-agent/gatekeeper v3.23.0 (2026-07-08), website/docs/validating-admission-policy.md;",
        "ACK's policies and their parameters: <https://www.alibabacloud.com/help/doc-detail/359819.html> (2026-03-26).",
    ]
    return "\n".join(lines) + "\n"


def _held(declaration: Declaration) -> tuple[str, ...]:
    """A declared rule as a row of the table."""
    kinds = [kind for kinds in declaration.kinds.values() for kind in kinds]
    needs = f" (with `{declaration.required}`)" if declaration.required else ""
    ack = ", ".join(f"`{policy.name}`" for policy in declaration.ack)
    whole = any(policy.whole for policy in declaration.ack)
    parameters = described_schema(declaration.parameters).get("properties", {})
    return (
        f"`{declaration.name}`",
        declaration.must,
        f"`{declaration.preview}`" if declaration.preview else f"{declaration.level}{needs}",
        f"{declaration.admission}{needs}: {', '.join(kinds)}",
        f"{'with `namespaces`' if whole else declaration.admission}: {ack}" if ack else "",
        "<br>".join(f"`{key}`: {value['description']}" for key, value in parameters.items()),
        declaration.tenants,
    )


FLAVORS: Mapping[str, str] = {"ack": "on ACK", "upstream": "elsewhere"}


def systems_page() -> str:
    """The catalog of systems, and the register of who owns which custom resource definition."""
    known = catalog.systems()
    lines = [
        "# Systems",
        "",
        "Generated from the catalog; do not edit. Each is switched on and off, pinned and configured under `systems`;",
        "what it needs comes along. [How systems and queues work](platform.md).",
        "",
        "| system | what it is for | on ACK | elsewhere | needs | conflicts |",
        "|---|---|---|---|---|---|",
    ]
    owners: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for name in sorted(known):
        forms = {flavor: form_of(name, cast(Flavor, flavor)) for flavor in FLAVORS if flavor in known[name]}
        cells = [_form(forms[flavor]) if flavor in forms else "" for flavor in FLAVORS]
        needs, conflicts = (
            ", ".join(sorted({other for form in forms.values() for other in getattr(form, key)}))
            for key in ("requires", "conflicts")
        )
        title = known[name]["title"]
        lines.append(f"| `{name}` | {_prose(title)} | {' | '.join(cells)} | {needs} | {conflicts} |")
        for flavor, form in forms.items():
            for definition in form.definitions:
                owners.setdefault(definition, {})[flavor] = ", ".join(
                    filter(None, [owners.get(definition, {}).get(flavor, ""), name])
                )
        own = {flavor: form for flavor, form in forms.items() if known[name][flavor] != "upstream"}
        for flavor, form in own.items():
            notes += [
                f"- `{name}` {FLAVORS[flavor]}, `{path}`: {why.rstrip('.')}."
                for path, why in form.data.get("why", {}).items()
            ]
            if "unconfirmed" in form.data:
                notes.append(f"- `{name}` {FLAVORS[flavor]}: UNCONFIRMED is {form.data['unconfirmed']}.")
    lines += [
        "",
        "## Who owns which resource definition",
        "",
        "Of several names in a cell only one system can run: they conflict.",
        "",
        "| definition | on ACK | elsewhere |",
        "|---|---|---|",
        *(
            f"| `{definition}` | {' | '.join(owners[definition].get(flavor, '') for flavor in FLAVORS)} |"
            for definition in sorted(owners)
        ),
        "",
        "## What is set, and what is not certain",
        "",
        *map(_prose, notes),
    ]
    return "\n".join(lines) + "\n"


def _form(form: Form) -> str:
    versions = ", ".join(release["version"] for release in reversed(form.releases))
    parts = [f"{form.channel} `{form.package}`", versions, window_text(form.window())]
    return "; ".join(part for part in parts if part)


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
