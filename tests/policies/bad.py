"""One deliberately bad stack: what makes each rule fail, all together, as a state and a configuration."""

import json
from collections.abc import Mapping
from typing import Any

from cases import cases, changed, resources, urn

from policies.rule import Resource


def bad_stack() -> tuple[list[Resource], dict[str, dict[str, Any]]]:
    """The first failing case of every rule, each with names of its own, and the rules' configuration."""
    made: list[Resource] = []
    config: dict[str, dict[str, Any]] = {}
    for name, case in cases().items():
        change = case["fails"][0]
        given = {f"{name}-{key}": _renamed(value, name, case) for key, value in changed(case, change).items()}
        made += resources(given)
        config[name] = {**case.get("config", {}), **change.get("config", {})}
    return made, config


def _renamed(values: Mapping[str, Any], name: str, case: Mapping[str, Any]) -> dict[str, Any]:
    """A resource whose links lead to those of the same case."""

    def own(targets: Any) -> Any:
        return [f"{name}-{each}" for each in targets] if isinstance(targets, list) else f"{name}-{targets}"

    options = dict(values.get("options", {}))
    if "parent" in options:
        options["parent"] = own(options["parent"])
    if "dependsOn" in options:
        options["dependsOn"] = own(list(options["dependsOn"]))
    links = {key: own(targets) for key, targets in values.get("links", {}).items()}
    return {**values, "options": options, "links": links}


def _written(resource: Resource) -> Any:
    """The inputs of a resource as JSON; what is unknown is a text that says so."""
    return json.loads(json.dumps(resource.inputs.plain, default=repr))


def bad_state() -> tuple[dict[str, Any], dict[str, Any]]:
    """The same as the content of an exported state and of a `--policy-pack-config` file."""
    made, config = bad_stack()
    regions = sorted({str(one.provider["region"]) for one in made if one.provider})
    providers = {region: urn(region, "pulumi:providers:alicloud") for region in regions}
    entries: list[dict[str, Any]] = [
        {
            "urn": providers[region],
            "type": "pulumi:providers:alicloud",
            "custom": True,
            "id": region,
            "inputs": {"region": region},
        }
        for region in regions
    ]
    entries += [
        {
            "urn": one.urn,
            "type": one.type,
            "custom": True,
            "id": one.name,
            "inputs": _written(one),
            "outputs": _written(one),
            "parent": one.parent,
            "provider": f"{providers[one.provider['region']]}::{one.provider['region']}" if one.provider else "",
            "protect": one.protect,
            "dependencies": list(one.dependencies),
            "propertyDependencies": {key: list(urns) for key, urns in one.property_dependencies.items()},
        }
        for one in made
    ]
    return {"version": 3, "deployment": {"manifest": {"time": "2026-11-22T00:00:00Z"}, "resources": entries}}, config
