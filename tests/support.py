"""What several tests need: programs recorded as in a first preview, and environments made of a shipped one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from components.inputs import Problem
from stacks.environment import Environment
from stacks.layers import Layer, merge
from stacks.loading import PROJECT, StackConfig, load_environment, read_stack_config
from stacks.preview.recording import Recorded, Recording, record

ROOT = Path(__file__).parent.parent
ENVIRONMENTS = ("dev", "local", "prod", "staging")


def recorded(program: Callable[[], object]) -> Recording:
    """A program, recorded as stack `test` of project `project`."""

    def run() -> None:
        program()

    return record(run, "project", "test")


def only(recording: Recording, type_token: str) -> Recorded:
    """The one resource of a type."""
    found = [resource for resource in recording.resources if resource.type == type_token]
    assert len(found) == 1, [resource.urn for resource in recording.resources]
    return found[0]


def named(recording: Recording, name: str) -> Recorded:
    """The one resource with a logical name."""
    found = [resource for resource in recording.resources if resource.name == name]
    assert len(found) == 1, [resource.urn for resource in recording.resources]
    return found[0]


def overlaid(base: str, values: Mapping[str, Any]) -> StackConfig:
    """The configuration of a shipped environment with values laid over it, as `pulumi config set --path` would."""
    config = dict(read_stack_config(base).values)
    for key, value in values.items():
        full = f"{PROJECT}:{key}"
        before = yaml.safe_load(config.get(full, "null"))
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            value = merge([Layer(before), Layer(value)]).data
        if value is None:
            config.pop(full, None)
        else:
            config[full] = value if isinstance(value, str) else json.dumps(value)
    return StackConfig(config)


def environment(base: str = "dev", **values: Any) -> Environment:
    """A shipped environment with values laid over it."""
    return load_environment(base, overlaid(base, values))


def shown(problem: Problem) -> str:
    """A problem as fixtures write it."""
    return f"{problem.path} = {json.dumps(problem.value, ensure_ascii=False, default=str)}: {problem.message}"
