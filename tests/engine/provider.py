"""A stand-in for the providers of both clouds: real gRPC, resources in memory.

It echoes the inputs, makes up an id and the computed outputs that the components read, and refuses what the real cloud
refuses: the deletion of what is protected, unknown or in use, and every look-up but those of a kubeconfig and of the
managed Prometheus of a cluster.
"""

import itertools
import json
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes"
BUCKET = "alicloud:oss/bucket:Bucket"
TAKEN_ALONG = {
    CLUSTER: ("alicloud:cs/kubernetesAddon:", "alicloud:cs/kubernetesPolicyInstance:"),
    "alicloud:log/project:Project": ("alicloud:log/store",),
    "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": ("alicloud:cs/registryEnterpriseNamespace:",),
}
"""What goes with a resource without a call of its own."""
CREDENTIAL = "alicloud:cs/getClusterCredential:getClusterCredential"
PROMETHEUS = "alicloud:arms/getPrometheus:getPrometheus"
KUBECONFIG = "text of a kubeconfig"
"""What every kubeconfig of the stand-in begins with."""
TOKEN = "token of the managed Prometheus of"  # noqa: S105
"""What every token of managed Prometheus begins with."""

NAMED: Mapping[str, str] = {"alicloud:oss/bucket:Bucket": "bucket", "alicloud:log/project:Project": "projectName"}
"""Types whose id is their name, and the input that holds it."""

COMPUTED: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "alicloud:vpc/natGateway:NatGateway": lambda id_: {"snatTableIds": f"table-of-{id_}"},
    "alicloud:ecs/eipAddress:EipAddress": lambda id_: {"ipAddress": "203.0.113.7"},
    "alicloud:cs/nodePool:NodePool": lambda id_: {"nodePoolId": f"np-{id_}"},
    "alicloud:oss/bucket:Bucket": lambda id_: {"intranetEndpoint": "oss-internal.example"},
    "alicloud:kms/key:Key": lambda id_: {"arn": f"acs:kms:cn-hangzhou:1:key/{id_}"},
    "alicloud:nas/mountTarget:MountTarget": lambda id_: {"mountTargetDomain": f"{id_}.nas.example"},
    "alicloud:ram/role:Role": lambda id_: {
        "arn": f"acs:ram::1:role/{id_}",
        "roleId": f"3{zlib.crc32(id_.encode()):015}",
    },
    CLUSTER: lambda id_: {
        "connections": [{"apiServerIntranet": "https://10.0.0.9:6443"}],
        "rrsaMetadata": {
            "ramOidcProviderArn": f"acs:ram::1:oidc-provider/{id_}",
            "rrsaOidcIssuerUrl": f"https://oidc.example/{id_}",
        },
    },
}
"""The computed outputs that the components read, by type, made from the id."""

UNKNOWN_BEFORE_APPLY: Mapping[str, Sequence[str]] = json.loads(
    (Path(__file__).parent / "computed.json").read_text(encoding="utf-8")
)["types"]
"""The outputs that the real provider fills in, which are unknown in a first preview, by type."""


@dataclass
class Resource:
    """A resource that exists."""

    type: str
    inputs: Struct


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Both providers at once; `resources` is what exists, by id, `configurations` what they were configured with."""

    def __init__(self, replacements: Mapping[str, list[str]]) -> None:
        """replacements: by type, the inputs whose change replaces a resource."""
        self.resources: dict[str, Resource] = {}
        self.configurations: list[Mapping[str, Any]] = []
        self._replacements = replacements
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: Any
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: plugin_pb2.PluginAttach, context: Any) -> Empty:
        return Empty()

    def GetPluginInfo(self, request: Empty, context: Any) -> plugin_pb2.PluginInfo:
        # Newer than what any SDK asks for, or the engine warns.
        return plugin_pb2.PluginInfo(version="1000.0.0")

    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        return _difference(request.old_inputs, request.news, [])

    def Configure(self, request: provider_pb2.ConfigureRequest, context: Any) -> provider_pb2.ConfigureResponse:
        self.configurations.append(MessageToDict(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    def Check(self, request: provider_pb2.CheckRequest, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: provider_pb2.DiffRequest, context: Any) -> provider_pb2.DiffResponse:
        return _difference(request.old_inputs, request.news, self._replacements.get(_type(request.urn), []))

    def Create(self, request: provider_pb2.CreateRequest, context: Any) -> provider_pb2.CreateResponse:
        kind, inputs = _type(request.urn), request.properties
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=_outputs(kind, inputs, None))
        with self._lock:
            number = f"{kind.rpartition(':')[2].lower()}-{next(self._numbers)}"
            id_ = str(inputs[NAMED[kind]]) if kind in NAMED else number
            if id_ in self.resources:
                _refuse(context, grpc.StatusCode.ALREADY_EXISTS, f"{id_} exists already")
            self.resources[id_] = Resource(kind, inputs)
        return provider_pb2.CreateResponse(id=id_, properties=_outputs(kind, inputs, id_))

    def Construct(self, request: provider_pb2.ConstructRequest, context: Any) -> provider_pb2.ConstructResponse:
        """A remote component, such as a directory of manifests: itself alone, as in a cluster that is not there yet."""
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            registered = resource_pb2_grpc.ResourceMonitorStub(channel).RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    custom=False,
                    object=request.inputs,
                    dependencies=list(request.dependencies),
                )
            )
        return provider_pb2.ConstructResponse(urn=registered.urn)

    def Read(self, request: provider_pb2.ReadRequest, context: Any) -> provider_pb2.ReadResponse:
        found = self.resources.get(request.id)
        if found is None:
            return provider_pb2.ReadResponse()
        outputs = _outputs(found.type, found.inputs, request.id)
        return provider_pb2.ReadResponse(id=request.id, inputs=found.inputs, properties=outputs)

    def Update(self, request: provider_pb2.UpdateRequest, context: Any) -> provider_pb2.UpdateResponse:
        found = self._existing(request.id, context)
        if not request.preview:
            found.inputs = request.news
        return provider_pb2.UpdateResponse(properties=_outputs(found.type, request.news, request.id))

    def Delete(self, request: provider_pb2.DeleteRequest, context: Any) -> Empty:
        with self._lock:
            found = self._existing(request.id, context)
            if MessageToDict(found.inputs).get("deletionProtection") in (True, "Enabled"):
                _refuse(context, grpc.StatusCode.FAILED_PRECONDITION, f"deletion protection of {request.id} is on")
            others = {id_: other for id_, other in self.resources.items() if id_ != request.id}
            users = [id_ for id_, other in others.items() if request.id in _leaves(MessageToDict(other.inputs))]
            # What lies in a cluster holds nothing outside, and a bucket may write its log to one that is gone.
            users = [id_ for id_ in users if (found.type, others[id_].type) != (BUCKET, BUCKET)]
            taken = ("kubernetes:", *TAKEN_ALONG.get(found.type, ()))
            blocking = [id_ for id_ in users if not others[id_].type.startswith(taken)]
            if blocking:
                _refuse(
                    context, grpc.StatusCode.FAILED_PRECONDITION, f"{request.id} is in use by {', '.join(blocking)}"
                )
            for id_ in {request.id, *users}:
                del self.resources[id_]
        return Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: Any) -> provider_pb2.InvokeResponse:
        answer = provider_pb2.InvokeResponse()
        if request.tok == PROMETHEUS:
            (id_,) = MessageToDict(request.args)["ids"]
            self._existing(id_, context)
            instance = {"httpApiIntraUrl": f"http://{id_}.arms.example", "authToken": f"{TOKEN} {id_}"}
            getattr(answer, "return").update({"prometheis": [instance]})
            return answer
        if request.tok != CREDENTIAL:
            _refuse(context, grpc.StatusCode.UNIMPLEMENTED, f"the program looks up {request.tok}")
        self._existing(str(request.args["clusterId"]), context)
        number = next(self._numbers)
        getattr(answer, "return").update(
            {
                **MessageToDict(request.args),
                "kubeConfig": f"{KUBECONFIG} {number}",
                "expiration": f"in {number} minutes",
            }
        )
        return answer

    def Cancel(self, request: Empty, context: Any) -> Empty:
        return Empty()

    def _existing(self, id_: str, context: Any) -> Resource:
        if id_ not in self.resources:
            _refuse(context, grpc.StatusCode.NOT_FOUND, f"there is no {id_}")
        return self.resources[id_]


@contextmanager
def served(replacements: Path) -> Generator[tuple[Provider, int]]:
    """A running stand-in and its port. replacements: the catalog's file of inputs whose change replaces a resource."""
    provider = Provider(json.loads(replacements.read_text(encoding="utf-8"))["types"])
    server: Any = grpc.server(ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield provider, port
    finally:
        server.stop(grace=None).wait()


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _outputs(kind: str, inputs: Struct, id_: str | None) -> Struct:
    """Inputs and computed outputs; without an id, as in a preview, the latter are unknown."""
    outputs = Struct()
    if id_ is None:
        outputs.update(dict.fromkeys(UNKNOWN_BEFORE_APPLY.get(kind, ()), UNKNOWN))
    elif kind in COMPUTED:
        outputs.update(COMPUTED[kind](id_))
    outputs.MergeFrom(inputs)
    return outputs


def _difference(olds: Struct, news: Struct, replacing: list[str]) -> provider_pb2.DiffResponse:
    keys = sorted({*olds.fields, *news.fields})
    changed = [key for key in keys if key not in olds or key not in news or olds.fields[key] != news.fields[key]]
    # By path, as the real providers say it: `replace_on_changes` of a nested property looks there.
    kinds = provider_pb2.PropertyDiff
    paths = {
        path: provider_pb2.PropertyDiff(
            kind=kinds.UPDATE_REPLACE if path.partition(".")[0].partition("[")[0] in replacing else kinds.UPDATE,
            inputDiff=True,
        )
        for key in changed
        for path in _paths(key, _plain(olds, key), _plain(news, key))
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=changed,
        replaces=[key for key in changed if key in replacing],
        detailedDiff=paths,
        hasDetailedDiff=True,
    )


def _plain(struct: Struct, key: str) -> Any:
    return MessageToDict(struct.fields[key]) if key in struct.fields else None


def _paths(path: str, old: Any, new: Any) -> Iterator[str]:
    """The paths at which two values differ, as deep as both are mappings."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield from _paths(
                    f"{path}.{key}" if key.isidentifier() else f'{path}["{key}"]', old.get(key), new.get(key)
                )
    else:
        yield path


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def _refuse(context: Any, code: Any, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")
