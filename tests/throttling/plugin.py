"""The real dynamic provider plugin: `python -m pulumi.dynamic`, called over gRPC as the engine does."""

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import dynamic
from pulumi.runtime import _serialization, rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.throttling.provider import PROVIDERS

ROOT = Path(__file__).parent.parent.parent
UNKNOWN = rpc.UNKNOWN
SERIALIZED: Mapping[str, str] = {
    kind: _serialization._serialize(True, dynamic.serialize_provider, made())[0]  # pyright: ignore[reportPrivateUsage]
    for kind, made in PROVIDERS.items()
}
"""What stands for each provider in a state, by the kind of resource."""


class Failed(Exception):
    """A call failed; the text is all that the engine would show."""


class Plugin:
    """Calls, with plain dictionaries as properties."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub

    def check(self, kind: str, news: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """The checked inputs; raises `Failed` with the failures."""
        answer = self._call(
            "Check", provider_pb2.CheckRequest(olds=_struct(olds or {}), news=_struct(_with(kind, news)))
        )
        if answer.failures:
            raise Failed("; ".join(f"{failure.property}: {failure.reason}" for failure in answer.failures))
        return MessageToDict(answer.inputs)

    def diff(self, kind: str, id_: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[bool, list[str]]:
        """Whether there are changes, and what replaces. olds: outputs."""
        answer = self._call(
            "Diff", provider_pb2.DiffRequest(id=id_, olds=_struct(olds), news=_struct(_with(kind, news)))
        )
        assert answer.changes != provider_pb2.DiffResponse.DIFF_UNKNOWN
        assert answer.deleteBeforeReplace or not answer.replaces
        return answer.changes == provider_pb2.DiffResponse.DIFF_SOME, list(answer.replaces)

    def create(self, kind: str, news: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """The id and the outputs."""
        answer = self._call("Create", provider_pb2.CreateRequest(properties=_struct(_with(kind, news))))
        return answer.id, MessageToDict(answer.properties)

    def read(
        self, kind: str, id_: str, outputs: Mapping[str, Any] | None
    ) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
        """Id ("" if gone), outputs and inputs. outputs: None reads by the id alone."""
        request = provider_pb2.ReadRequest(id=id_, properties=_struct(outputs or {}), inputs=_struct(_with(kind, {})))
        answer = self._call("Read", request)
        return answer.id, MessageToDict(answer.properties), MessageToDict(answer.inputs)

    def update(self, kind: str, id_: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs."""
        request = provider_pb2.UpdateRequest(id=id_, olds=_struct(olds), news=_struct(_with(kind, news)))
        return MessageToDict(self._call("Update", request).properties)

    def delete(self, id_: str, outputs: Mapping[str, Any]) -> None:
        """Delete."""
        self._call("Delete", provider_pb2.DeleteRequest(id=id_, properties=_struct(outputs)))

    def _call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=30)
        except grpc.RpcError as error:
            raise Failed(str(error.details())) from None  # pyright: ignore[reportAttributeAccessIssue]


def _with(kind: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**properties, "__provider": SERIALIZED[kind]}


def _struct(properties: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(dict(properties))
    return struct


@contextmanager
def started(variables: Mapping[str, str]) -> Generator[Plugin]:
    """A plugin process with only these environment variables, and in another directory than the project's."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.dynamic", "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(provider_pb2.ConfigureRequest(), timeout=30, wait_for_ready=True)
            yield Plugin(stub)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
