"""Reading an environment: layers merged, values checked, all problems reported at once."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError

from components.inputs import Problem, join, one_of
from components.messages import EXPECTED, path_of, problem_of, schema_at

from .checks import check
from .environment import Environment, settled
from .layers import FileProblems, Layer, merge, parse_value, place_of, read_layer

PROJECT = "ack-ai-blueprint"
DIRECTORY = Path(__file__).parent
SECRET = "[secret]"  # noqa: S105  (what stands in place of a secret, not one)


def _is_text(annotation: Any) -> bool:
    return annotation is str or (isinstance(annotation, UnionType) and str in get_args(annotation))


_TEXTS = frozenset(
    field.alias or name for name, field in Environment.model_fields.items() if _is_text(field.annotation)
)
"""Keys of a single text, which is not parsed further."""


LAYER_KEYS = frozenset({"flavor", "applications", "group"})
"""Keys that choose the layers of an environment."""

STACK_FILE_KEYS = ("config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider")
"""Keys of a stack's file, of which only `config` is read here. Source: pulumi/pulumi, sdk/go/common/workspace,
`ProjectStack`."""

SECRET_SECTIONS = frozenset({"kubernetes"})
"""Keys that may hold a secret: what is made of them is marked as one for the engine."""


class InvalidEnvironment(Exception):
    """An environment that cannot be used. Its text is the whole report: every problem with place, value and remedy."""

    def __init__(self, stack: str, problems: Iterable[tuple[str, Problem]]) -> None:
        self.stack = stack
        self.problems: Sequence[tuple[str, Problem]] = tuple(problems)
        super().__init__(stack, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'s' * (count != 1)} in environment {self.stack}", ""]
        for place, problem in self.problems:
            if problem.path:
                lines.append(f"  {problem.path}" + ("" if problem.value is None else f" = {_shown(problem.value)}"))
            lines += [f"    {problem.message}", f"    {place}", ""]
        return "\n".join(lines).rstrip()


@dataclass(frozen=True)
class StackConfig:
    """The configuration of a stack as Pulumi holds it: values by full key, objects as JSON, and the secret keys."""

    values: Mapping[str, str]
    secrets: frozenset[str] = frozenset()


def environments() -> Sequence[str]:
    """The environments that have a file in `stacks/`."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in DIRECTORY.glob("Pulumi.*.yaml"))


def read_stack_config(stack: str) -> StackConfig:
    """Read `Pulumi.<stack>.yaml` as Pulumi does, but for secrets: their text is unknown without the passphrase."""
    if stack not in environments():
        problem = Problem("", None, f"{stack!r} is {one_of(stack, environments(), 'an environment')}")
        raise InvalidEnvironment(stack, [(f"stacks/Pulumi.{stack}.yaml", problem)])
    layer = _read_stack_file(stack)
    config = layer.data.get("config") or {}
    if not isinstance(config, Mapping):
        problem = Problem("config", config, "must be a mapping of keys to values")
        raise InvalidEnvironment(stack, [(layer.places["config"], problem)])
    if problems := [*_stack_file_problems(layer)]:
        raise InvalidEnvironment(stack, problems)
    values: dict[str, str] = {}
    secrets: set[str] = set()
    for key, value in config.items():
        # As the Pulumi CLI does: a key without a namespace is the project's.
        full = key if ":" in key else f"{PROJECT}:{key}"
        clear = _without_secrets(value)
        if clear != value:
            secrets.add(full)
        values[full] = clear if isinstance(clear, str) else json.dumps(clear)
    return StackConfig(values, frozenset(secrets))


def _stack_file_problems(layer: Layer) -> Iterator[tuple[str, Problem]]:
    """Keys that the Pulumi CLI would pass over in silence."""
    for key, value in layer.data.items():
        if key not in STACK_FILE_KEYS:
            yield layer.places[key], Problem(key, value, one_of(key, STACK_FILE_KEYS, "a key of a stack's file"))
    for key, value in (layer.data.get("config") or {}).items():
        namespace = key.partition(":")[0] if ":" in key else PROJECT
        if namespace != PROJECT and difflib.get_close_matches(namespace, [PROJECT]):
            meant = f"not a namespace of this project's keys; did you mean {PROJECT}?"
            yield layer.places[join("config", key)], Problem(key, value, meant)


def load_environment(stack: str, config: StackConfig) -> Environment:
    """The environment of a stack: its configuration over the profiles that it names. Raises `InvalidEnvironment`."""
    file = f"stacks/Pulumi.{stack}.yaml"
    own = _own_layer(stack, config, file)
    layers, missing, unread = _profiles(own.data)
    below = merge(layers, _null_is_value)
    merged = merge([below, own], _null_is_value)
    secret = {key.partition(":")[2] for key in config.secrets if key.startswith(f"{PROJECT}:")}

    def placed(problem: Problem) -> tuple[str, Problem]:
        hidden = re.split(r"[.\[]", problem.path)[0] in secret and problem.value is not None
        place = place_of(problem.path, merged.places, file)
        return place, replace(problem, value=SECRET) if hidden else problem

    environment, found, pruned = _validate(merged.data)
    # Without a profile that it names, an environment lacks more than its author knows.
    incomplete = bool(missing or unread) or any(problem.path in LAYER_KEYS for problem in found)
    problems = [*unread, *(placed(problem) for problem in [*missing, *_secret_problems(secret)])]
    problems += [placed(problem) for problem in found if not (incomplete and problem.message == EXPECTED["missing"])]
    if not incomplete:
        problems += map(placed, _idle_nulls(own.data, below.data, ""))
    problems += map(placed, _stack_problems(environment, stack))
    environment = settled(environment, stack)
    for problem in () if incomplete else check(environment, stack):
        if not any(_related(problem.path, path) for path in pruned) and not _follows(problem.path, pruned):
            problems.append(placed(problem))
    if problems:
        raise InvalidEnvironment(stack, problems)
    return environment


def _stack_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    """Tenants of stacks that there are not: they would exist nowhere."""
    known = sorted({*environments(), stack})
    for name, tenant in environment.tenants.items():
        for index, other in enumerate(tenant.environments):
            if other not in known:
                yield Problem(f"tenants.{name}.environments[{index}]", other, one_of(other, known, "an environment"))


def _idle_nulls(own: Mapping[str, Any], below: Any, path: str) -> Iterator[Problem]:
    """Nulls that remove nothing: most likely an entry that was meant to have its defaults."""
    for key, value in own.items():
        set_below = isinstance(below, Mapping) and key in below
        if value is None and not set_below and not _null_is_value(join(path, key)):
            yield Problem(
                join(path, key), None, "null removes what a profile sets, but none sets this; for defaults write {}"
            )
        elif isinstance(value, Mapping):
            yield from _idle_nulls(value, below[key] if set_below else None, join(path, key))


def merged_layer(stack: str, config: StackConfig) -> Layer:
    """Every value that a valid environment sets, and where. Raises `InvalidEnvironment`."""
    load_environment(stack, config)
    own = _own_layer(stack, config, f"stacks/Pulumi.{stack}.yaml")
    layers, _, _ = _profiles(own.data)
    return merge([*layers, own], _null_is_value)


def _null_is_value(path: str) -> bool:
    """Whether null says something at a key, such as never: where it is allowed, and not the default anyway."""
    annotation: Any = Environment
    field = None
    for part in path.split("."):
        fields = getattr(annotation, "model_fields", None)
        if fields is None:
            _, annotation = (*get_args(annotation), None, None)[:2]  # The values of a mapping.
            field = None
        else:
            field = next((field for name, field in fields.items() if part == (field.alias or name)), None)
            annotation = field and field.annotation
        annotation = _bare(annotation)
        if annotation is None:
            return False
    return field is not None and field.default is not None and type(None) in get_args(field.annotation)


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and without the None beside it."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = next(option for option in get_args(annotation) if option is not type(None))
    return annotation


def _secret_problems(secret: Iterable[str]) -> Iterator[Problem]:
    for key in sorted(set(secret) - SECRET_SECTIONS):
        allowed = "only kubernetes.kubeconfig may be one, everything else stands in clear in the state"
        yield Problem(key, SECRET, f"holds a secret; {allowed}. Give workloads their secrets in the cluster")


def _read_stack_file(stack: str) -> Layer:
    path = DIRECTORY / f"Pulumi.{stack}.yaml"
    try:
        return read_layer(path, f"stacks/{path.name}") if path.is_file() else Layer({})
    except FileProblems as bad:
        raise InvalidEnvironment(stack, bad.problems) from None


def _own_layer(stack: str, config: StackConfig, file: str) -> Layer:
    data: dict[str, Any] = {}
    for key, text in config.values.items():
        namespace, _, name = key.partition(":")
        if namespace == PROJECT:
            data[name] = text if name in _TEXTS else parse_value(text)
    # What stands in no file, such as configuration set in a pipeline, is still this stack's own.
    places = dict.fromkeys(_paths(data, ""), file)
    for place, line in _read_stack_file(stack).places.items():
        section, _, key = place.partition(".")
        if section == "config" and key:
            places[key.removeprefix(f"{PROJECT}:")] = line
    return Layer(data, places)


def _paths(data: Any, path: str) -> Iterator[str]:
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _paths(value, join(path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _paths(value, f"{path}[{index}]")


def _profiles(own: Mapping[str, Any]) -> tuple[list[Layer], list[Problem], list[tuple[str, Problem]]]:
    """The layers below the environment's own, the profiles that do not exist, and the problems of their files."""
    wanted = [("", "base", ""), ("flavors", own.get("flavor", "ack"), "flavor")]
    applications = own.get("applications", [])
    if isinstance(applications, list):
        wanted += [("applications", name, f"applications[{index}]") for index, name in enumerate(applications)]
    if own.get("group") is not None:
        wanted.append(("groups", own["group"], "group"))
    layers: list[Layer] = []
    missing: list[Problem] = []
    unread: list[tuple[str, Problem]] = []
    for folder, name, key in wanted:
        directory = DIRECTORY / "profiles" / folder
        known = {path.stem: path for path in directory.glob("*.yaml")}
        if str(name) not in known:
            # A flavor is checked as one of the environment's values.
            if key != "flavor":
                where = directory.relative_to(DIRECTORY.parent).as_posix()
                missing.append(Problem(key, name, one_of(str(name), known, f"a profile in {where}/")))
            continue
        path = known[str(name)]
        try:
            layer = read_layer(path, path.relative_to(DIRECTORY.parent).as_posix())
        except FileProblems as bad:
            unread += bad.problems
            continue
        layers.append(layer)
        for chosen in LAYER_KEYS & layer.data.keys():
            reason = "chooses layers, so it stands in an environment's own file and not in a layer"
            unread.append((layer.places[chosen], Problem(chosen, layer.data[chosen], reason)))
    return layers, missing, unread


def _validate(data: Mapping[str, Any]) -> tuple[Environment, list[Problem], list[str]]:
    """The environment without its bad values, the problems of these values, and their paths."""
    rest: Any = json.loads(json.dumps(data))
    problems: list[Problem] = []
    pruned: list[str] = []
    for attempt in range(20):
        try:
            return _model(rest), problems, pruned
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                location = [part for part in error["loc"] if part != "[key]"]
                if attempt == 0:
                    problems.append(problem_of(error, Environment))
                named = "[key]" in error["loc"] or error["type"] == "extra_forbidden"
                neutral = None if named else _neutral(schema_at(location, Environment))
                pruned.append(path_of(_prune(rest, location, neutral, missing=error["type"] == "missing")))
    raise AssertionError("pruning did not end")  # pragma: no cover


def _model(data: Any) -> Environment:
    return Environment.model_validate_json(json.dumps(data), strict=True, by_alias=True, by_name=False)


def _prune(data: Any, location: Sequence[str | int], neutral: Any, *, missing: bool) -> Sequence[str | int]:
    """Put something neutral in place of a bad value, or remove it and what requires it; give the path that went."""
    drop = location[:-1] if missing and neutral is None else location
    while drop and isinstance(drop[-1], int):
        drop = drop[:-1]
    parent = data
    try:
        for part in drop[:-1]:
            parent = parent[part]
        if drop and neutral is not None and drop == location:
            parent[drop[-1]] = neutral
        elif drop:
            del parent[drop[-1]]
    except KeyError:
        pass  # An earlier problem has taken the parent away.
    return drop


def _neutral(schema: Mapping[str, Any]) -> Any:
    """The smallest value of a number or text, so that what stands beside it can still be checked; else None."""
    if "enum" in schema or "const" in schema:
        return None
    if schema.get("type") in ("integer", "number"):
        if "exclusiveMinimum" in schema and "exclusiveMaximum" in schema:
            return (schema["exclusiveMinimum"] + schema["exclusiveMaximum"]) / 2
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    free = schema.get("type") == "string" and not {"pattern", "format"} & schema.keys()
    return "x" * schema.get("minLength", 0) if free else None


def _follows(path: str, pruned: Iterable[str]) -> bool:
    """Whether a problem may follow from a bad value: of a job class or dataset, from what it is placed on, or its own;
    of a tenant, from another that is left out."""
    if path.startswith("tenants.") and any(re.fullmatch(r"tenants\.[^.]+", bad) for bad in pruned):
        return True
    section, *_ = path.split(".")
    if section not in FOLLOWING:
        return False
    own = ".".join(path.split(".")[:2])
    return any(re.split(r"[.\[]", bad)[0] in FOLLOWING[section] or _related(own, bad) for bad in pruned)


def _related(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return long == short or long.startswith((f"{short}.", f"{short}["))


PLACED_ON = ("nodePools", "serverless", "colocation", "scheduling", "autoscaler", "cluster")
"""Sections on which it depends where job classes fit."""

FOLLOWING: Mapping[str, Sequence[str]] = {
    "jobClasses": PLACED_ON,
    "datasets": (
        *(*PLACED_ON, "jobClasses", "network", "buckets", "throttling", "fileSystems", "volumes", "storageClasses"),
        *("tenants", "caching", "datasets"),
    ),
}
"""Sections whose problems may follow from bad values of others."""


def _shown(value: object) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            return SECRET
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
