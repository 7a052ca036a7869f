"""Running a Pulumi program against a monitor that records every registration.

The monitor answers as the engine does in a first preview: inputs come back, everything else is unknown. A program that
would fail on unknowns fails here, and a look-up in a cloud is refused.
"""

import asyncio
import json
import logging
import os
import runpy
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi.runtime
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2

from components.tenancy import after_apply

from ..loading import DIRECTORY, PROJECT, SECRET, StackConfig

UNKNOWN = "[unknown]"
STACK = "pulumi:pulumi:Stack"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105


class ProgramFailed(Exception):
    """The program ended with an error of its own making."""


@dataclass(frozen=True)
class Options:
    """The resource options of one registration, as far as they differ from the defaults."""

    protect: bool = False
    ignore_changes: Sequence[str] = ()
    aliases: Sequence[str] = ()
    deleted_with: str = ""
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    replace_on_changes: Sequence[str] = ()
    additional_secret_outputs: Sequence[str] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict[str, str])
    import_id: str = ""
    version: str = ""


@dataclass(frozen=True)
class Recorded:
    """One registration; `request` is what the engine would get. Unknown inputs read "[unknown]", secrets "[secret]".

    applied: the inputs as they would be once the cloud has said what `Applied` stands in for.
    """

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    provider: str
    inputs: Mapping[str, Any]
    applied: Mapping[str, Any]
    options: Options
    dependencies: Sequence[str]
    property_dependencies: Mapping[str, Sequence[str]]
    request: resource_pb2.RegisterResourceRequest


@dataclass(frozen=True)
class Recording:
    """All registrations of a program in the order in which it makes them, and the stack's outputs."""

    project: str
    stack: str
    resources: Sequence[Recorded]
    outputs: Mapping[str, Any]


Applied = Mapping[str, Callable[[str, Mapping[str, Any]], tuple[str, Mapping[str, Any]]]]
"""What the cloud would say of resources by their type: id and outputs, made of name and inputs."""

AFTER_APPLY = "<<after-apply>>"
"""Marks what stands in for an output: a text that holds it is unknown in a first preview."""


def record(
    program: Callable[[], None],
    project: str,
    stack: str,
    config: Mapping[str, str] | None = None,
    secret_keys: Sequence[str] = (),
    applied: Applied | None = None,
) -> Recording:
    """Run a program as a first preview of a stack and record what it registers.

    config: values by full key, objects as JSON, as the engine hands them over; applied: outputs to stand in for those
    that a first preview does not know, so that what is made of them can be looked at, too. Raises `ProgramFailed` with
    the message of a `pulumi.RunError`, and lets any other exception of the program through.
    """
    monitor = _RecordingMonitor(project, stack, applied or {})
    pulumi.runtime.reset_options()
    pulumi.runtime.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=set(monitor.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
            engine=mocks.MockEngine(logging.getLogger("pulumi")),
            project=project,
            stack=stack,
            dry_run=True,
            organization="organization",
            callbacks=None,
        )
    )
    pulumi.runtime.settings.ROOT.set(None)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(_Inline())
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    made: dict[tuple[str, str], int] = {}

    def note(args: pulumi.ResourceTransformationArgs) -> None:
        made.setdefault((args.type_, args.name), len(made))

    def noted() -> None:
        pulumi.runtime.register_stack_transformation(note)
        program()

    try:
        with _environment(config or {}, secret_keys):
            loop.run_until_complete(pulumi.runtime.run_in_stack(noted))
    except pulumi.RunError as error:
        raise ProgramFailed(str(error)) from None
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    # The SDK waits for dependencies in sets: what it registers first is by chance, what the program makes first is not.
    ordered = sorted(monitor.recorded, key=lambda each: made[each.type, each.name])
    return Recording(project, stack, ordered, monitor.outputs)


def record_environment(stack: str, config: StackConfig) -> Recording:
    """Record this project's own program, as `pulumi preview` of a stack with that configuration would run it."""

    def program() -> None:
        runpy.run_path(str(DIRECTORY), run_name="__main__")

    return record(program, PROJECT, stack, config.values, sorted(config.secrets), after_apply())


@contextmanager
def _environment(config: Mapping[str, str], secret_keys: Sequence[str]) -> Generator[None]:
    """The variables by which the engine hands the configuration to a program."""
    wanted = {"PULUMI_CONFIG": json.dumps(dict(config)), "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(secret_keys))}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    pulumi.runtime.set_all_config(dict(config), list(secret_keys))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _RecordingMonitor(mocks.MockMonitor):
    def __init__(self, project: str, stack: str, applied: Applied) -> None:
        super().__init__(_NoMocks())
        self.project = project
        self.stack = stack
        self.applied = applied
        self.recorded: list[Recorded] = []
        self.urns: set[str] = set()
        self.outputs: Mapping[str, Any] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        above = parent.split("::")[2] if parent else STACK
        chain = type_ if above == STACK else f"{above}${type_}"
        return f"urn:pulumi:{self.stack}::{self.project}::{chain}::{name}"

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self.urns:
            raise ProgramFailed(f"two resources have the URN {urn}; give one of them another name")
        kept = resource_pb2.RegisterResourceRequest()
        kept.CopyFrom(request)
        self.urns.add(urn)
        marked = AFTER_APPLY.encode() in request.object.SerializeToString()
        if marked:
            _mask(kept.object)
        recorded = _recorded(urn, kept, request.object if marked else None)
        self.recorded.append(recorded)
        identifier, outputs = "", request.object
        if request.type in self.applied:
            identifier, known = self.applied[request.type](request.name, recorded.applied)
            outputs = struct_pb2.Struct()
            outputs.CopyFrom(request.object)
            outputs.update({name: _marked(value) for name, value in known.items()})
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identifier and _marked(identifier), object=outputs)

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> resource_pb2.ReadResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=request.properties)

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> empty_pb2.Empty:
        if request.urn == self.make_urn("", STACK, f"{self.project}-{self.stack}"):
            _mask(request.outputs)
            self.outputs = _decoded_struct(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> resource_pb2.ResourceInvokeResponse:
        raise ProgramFailed(
            f"the program looks up {request.tok} in the cloud; a preview must not, so take the value from configuration"
        )


class _Inline(ThreadPoolExecutor):
    """Runs each call at once: the monitor never waits."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class _NoMocks(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError("not used")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError("not used")


def _marked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _marked(item) for name, item in value.items()}
    return f"{AFTER_APPLY}{value}"


def _mask(struct: struct_pb2.Struct) -> None:
    """Make every text unknown that holds what stands in for an output."""
    for name in list(struct.fields):
        _mask_value(struct.fields[name])


def _mask_value(value: struct_pb2.Value) -> None:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        _mask(value.struct_value)
    elif kind == "list_value":
        for item in value.list_value.values:
            _mask_value(item)
    elif kind == "string_value" and AFTER_APPLY in value.string_value:
        value.string_value = rpc.UNKNOWN


def _recorded(urn: str, request: resource_pb2.RegisterResourceRequest, applied: struct_pb2.Struct | None) -> Recorded:
    inputs = _decoded_struct(request.object)
    timeouts = request.customTimeouts
    return Recorded(
        urn=urn,
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent="" if _type_of(request.parent) == STACK else request.parent,
        provider=request.provider,
        inputs=inputs,
        applied=inputs if applied is None else _decoded_struct(applied),
        options=Options(
            protect=request.protect,
            ignore_changes=tuple(request.ignoreChanges),
            aliases=tuple(alias.urn or alias.spec.name for alias in request.aliases) + tuple(request.aliasURNs),
            deleted_with=request.deletedWith,
            retain_on_delete=request.retainOnDelete,
            delete_before_replace=request.deleteBeforeReplace,
            replace_on_changes=tuple(request.replaceOnChanges),
            additional_secret_outputs=tuple(request.additionalSecretOutputs),
            custom_timeouts={
                name: getattr(timeouts, name) for name in ("create", "update", "delete") if getattr(timeouts, name)
            },
            import_id=request.importId,
            version=request.version,
        ),
        dependencies=tuple(sorted(request.dependencies)),
        property_dependencies={
            name: tuple(sorted(urns.urns)) for name, urns in sorted(request.propertyDependencies.items()) if urns.urns
        },
        request=request,
    )


def _type_of(urn: str) -> str:
    return urn.split("::")[2] if urn else STACK


def _decoded_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _decoded(value) for name, value in sorted(struct.fields.items())}


def _decoded(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE in fields:
            secret = fields[_SIGNATURE].string_value == _SECRET_SIGNATURE
            return SECRET if secret else _decoded(fields.get("urn", fields.get("value", struct_pb2.Value())))
        return _decoded_struct(value.struct_value)
    if kind == "list_value":
        return [_decoded(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == rpc.UNKNOWN else text.replace(AFTER_APPLY, "")
    return None
