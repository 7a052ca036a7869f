"""Rules as policies of Pulumi, which the engine runs at preview and at apply."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pulumi.runtime
import pulumi_policy as sdk
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from components.schema import described_schema

from .evaluation import COMMON, Exemption, Setting, look, setting
from .rule import STACK, UNKNOWN, Deferred, Inputs, Resource, Resources, Rule
from .sources import UNKNOWNS

SEVERITIES = {
    "critical": sdk.Severity.CRITICAL,
    "high": sdk.Severity.HIGH,
    "medium": sdk.Severity.MEDIUM,
    "low": sdk.Severity.LOW,
}


class CannotKnow(UnknownValueError):
    """Tells the engine that a rule cannot decide before apply, in words of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.message = message


def plain(value: Any) -> Any:
    """What the SDK shows, as plain dictionaries and lists, with UNKNOWN in place of what is unknown before apply."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    # What remediations are handed keeps secrets, but does not raise for what is unknown.
    return UNKNOWN if isinstance(value, str) and value in UNKNOWNS else value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


_SEEN: dict[str, Mapping[str, Any]] = {}
"""Inputs by URN. In the first preview of a cluster the engine knows nothing of what will lie in it when it validates
the stack, but it has shown each resource's inputs before."""


def _resource(shown: Any) -> Resource:
    """A resource out of what the SDK hands over."""
    inputs = plain(shown.props)
    if isinstance(shown, sdk.ResourceValidationArgs):
        _SEEN[shown.urn] = inputs
    inputs = inputs or _SEEN.get(shown.urn, {})
    options, provider = shown.opts, shown.provider
    parent = getattr(shown, "parent", None)
    return Resource(
        type=shown.resource_type,
        name=shown.name,
        inputs=Inputs(inputs),
        urn=shown.urn,
        protect=bool(options.protect),
        ignore_changes=tuple(options.ignore_changes or ()),
        parent=parent.urn if parent is not None else options.parent or "",
        dependencies=tuple(each.urn for each in getattr(shown, "dependencies", ())),
        property_dependencies={
            key: tuple(each.urn for each in resources)
            for key, resources in getattr(shown, "property_dependencies", {}).items()
        },
        provider=plain(provider.props) if provider is not None else default_provider(shown.resource_type),
    )


def default_provider(kind: str) -> Mapping[str, Any]:
    """What a default provider takes from the stack's configuration: its region."""
    region = pulumi.runtime.get_config("alicloud:region") if kind.startswith("alicloud:") else None
    return {"region": region} if region else {}


def _report(
    rule: Rule, said: Setting, about: Sequence[Resource], resources: Resources, report: sdk.ReportViolation
) -> None:
    """Tell the engine what a rule says; at the end, of what must wait."""
    waiting: list[str] = []
    for resource in about:
        for finding in look(rule, said, resource, resources, date.today()):
            if finding.kind in ("violation", "expired"):
                report(finding.message, finding.resource or None)
            elif finding.kind == "deferred":
                waiting.append(f"{resource.name}: {finding.message}" if len(about) > 1 else finding.message)
    if waiting:
        raise CannotKnow(" ".join(waiting))


def _validate_resource(rule: Rule) -> Callable[[sdk.ResourceValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.ResourceValidationArgs, report: sdk.ReportViolation) -> None:
        resource = _resource(args)
        if not rule.applies(resource):
            args.not_applicable(f"not what {rule.name} looks at")
        _report(
            rule, setting(rule, _stated(args.get_config()), strict=False), [resource], Resources([resource]), report
        )

    return validate


def _validate_stack(rule: Rule) -> Callable[[sdk.StackValidationArgs, sdk.ReportViolation], None]:
    def validate(args: sdk.StackValidationArgs, report: sdk.ReportViolation) -> None:
        resources = Resources(_resource(each) for each in args.resources)
        about = [resource for resource in resources if rule.applies(resource)]
        if not about and rule.types:
            args.not_applicable(f"nothing that {rule.name} looks at")
        stack = Resource(STACK, "stack", Inputs({}), "")
        _report(rule, setting(rule, _stated(args.get_config()), strict=False), about or [stack], resources, report)

    return validate


def _stated(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what the engine fills in for settings that have no default."""
    return {key: value for key, value in config.items() if value is not None}


def _remediate(rule: Rule) -> Callable[[sdk.ResourceValidationArgs], Mapping[str, Any] | None]:
    def remediate(args: sdk.ResourceValidationArgs) -> Mapping[str, Any] | None:
        resource = _resource(args)
        if not rule.applies(resource):
            return None
        violated = [
            *look(
                rule,
                setting(rule, _stated(args.get_config()), strict=False),
                resource,
                Resources([resource]),
                date.today(),
            )
        ]
        if not any(finding.kind in ("violation", "expired") for finding in violated):
            return None
        return remedied(rule, args.props)

    return remediate


def remedied(rule: Rule, inputs: Any) -> Any:
    """Inputs as the rule's remedy sets them, changed in place: what the SDK hands over knows which of them are secret,
    and a copy of it would not."""
    for path, value in rule.remedy.items():
        key, _, inner = path.partition(".")
        if not inner:
            inputs[key] = value
        elif isinstance(inputs.get(key), Mapping):
            inputs[key][inner] = value
        else:
            inputs[key] = {inner: value}
    return inputs


def schema(rule: Rule) -> sdk.PolicyConfigSchema:
    """What can be configured of a rule, as the engine checks it."""
    own, exemption = described_schema(rule.config), described_schema(Exemption)
    properties: dict[str, Any] = {key: _inline(value, own) for key, value in own.get("properties", {}).items()}
    properties["exceptions"] = {
        "type": "array",
        "items": {
            key: _inline(exemption[key], exemption)
            for key in ("type", "properties", "required", "additionalProperties")
        },
        "description": "What is let through, by whom, why and until when.",
    }
    return sdk.PolicyConfigSchema(properties=properties)


def _inline(part: Any, definitions: Mapping[str, Any]) -> Any:
    """A part of a JSON Schema with what it refers to in its place, and without null and titles, which the engine's
    configuration does not have."""
    if isinstance(part, list):
        return [_inline(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inline(definitions["$defs"][part["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in part:
        choices = [choice for choice in part["anyOf"] if choice.get("type") != "null"]
        if len(choices) == 1:
            rest = {key: value for key, value in part.items() if key != "anyOf"}
            return _inline({**choices[0], **rest}, definitions)
    return {
        key: _inline(value, definitions)
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }


def policies(rules: Sequence[Rule]) -> list[sdk.Policy]:
    """Policies that hold rules, for a `PolicyPack`."""
    made: list[sdk.Policy] = []
    for rule in rules:
        shared: dict[str, Any] = {
            "name": rule.name,
            "description": rule.must,
            "enforcement_level": sdk.EnforcementLevel(rule.level),
            "config_schema": schema(rule),
            "severity": SEVERITIES[rule.severity],
            "tags": [rule.area],
            "remediation_steps": rule.how,
            "url": rule.reference if rule.reference.startswith("http") else None,
        }
        if rule.stack:
            made.append(sdk.StackValidationPolicy(validate=_validate_stack(rule), **shared))
        else:
            remedy = {"remediate": _remediate(rule)} if rule.remedy else {}
            made.append(sdk.ResourceValidationPolicy(validate=_validate_resource(rule), **remedy, **shared))
    return made


__all__ = ["COMMON", "CannotKnow", "Deferred", "plain", "policies", "remedied", "schema"]
