"""The rules of the pack over a recorded program."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format

from policies.evaluation import Report, evaluate, settings
from policies.rule import Inputs, Resource, Rule
from policies.sources import plain

from .recording import Recorded, Recording


def run_policies(recording: Recording, rules: Sequence[Rule], config: Mapping[str, Mapping[str, Any]]) -> Report:
    """Hold a recording against rules. config: as in a `--policy-pack-config` file."""
    return evaluate(rules, recorded_resources(recording), settings(rules, config))


def recorded_resources(recording: Recording) -> list[Resource]:
    """The registrations of a recording as rules see them."""
    inputs = {r.urn: plain(json_format.MessageToDict(r.request.object)) for r in recording.resources}
    return [_resource(recorded, inputs) for recorded in recording.resources]


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
