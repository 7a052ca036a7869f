"""The rules of the pack over a recorded program."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from policies.evaluation import Report, evaluate, settings
from policies.rule import UNKNOWN, Inputs, Resource, Rule, Unknown
from policies.sources import plain

from .recording import Recorded, Recording


def run_policies(recording: Recording, rules: Sequence[Rule], config: Mapping[str, Mapping[str, Any]]) -> Report:
    """Hold a recording against rules. config: as in a `--policy-pack-config` file.

    A first preview of the engine knows less: what stands in for the cloud's answers here is unknown there.
    """
    return evaluate(rules, recorded_resources(recording), settings(rules, config))


def recorded_resources(recording: Recording) -> list[Resource]:
    """The registrations of a recording as rules see them."""
    inputs = {
        r.urn: _filled(plain(json_format.MessageToDict(r.request.object)), r.applied) for r in recording.resources
    }
    return [_resource(recorded, inputs) for recorded in recording.resources]


def _filled(value: Any, applied: Any) -> Any:
    """A value with what stands in for the cloud's answers, where a recording has that: the rest of a policy document
    can be looked at although the id in it is unknown."""
    if isinstance(value, Unknown):
        return plain(applied)
    if isinstance(value, Mapping) and isinstance(applied, Mapping):
        return {key: _filled(item, applied.get(key, UNKNOWN)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(applied, list) and len(value) == len(applied):
        return [_filled(item, other) for item, other in zip(value, applied, strict=True)]
    return value


def _resource(recorded: Recorded, inputs: Mapping[str, Mapping[str, Any]]) -> Resource:
    return Resource(
        type=recorded.type,
        name=recorded.name,
        inputs=Inputs(inputs[recorded.urn]),
        urn=recorded.urn,
        protect=recorded.options.protect,
        ignore_changes=recorded.options.ignore_changes,
        parent=recorded.parent,
        dependencies=recorded.dependencies,
        property_dependencies=recorded.property_dependencies,
        provider=inputs.get(recorded.provider.rpartition("::")[0], {}),
    )
