"""Rules as the engine runs them: through the SDK's analyzer, with the engine's requests."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi_policy.policy as sdk
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from policies.pack import policies
from policies.rule import Resource, Rule, Unknown

LEVELS = {
    "mandatory": analyzer_pb2.MANDATORY,
    "advisory": analyzer_pb2.ADVISORY,
    "remediate": analyzer_pb2.REMEDIATE,
    "disabled": analyzer_pb2.DISABLED,
}


class Analyzer:
    """An analyzer with a configuration, as in a `--policy-pack-config` file."""

    def __init__(self, rules: Sequence[Rule], config: Mapping[str, Mapping[str, Any]]) -> None:
        self.servicer = sdk._PolicyAnalyzerServicer(  # pyright: ignore[reportPrivateUsage]
            "ack-ai-blueprint", "0.1.0", policies(rules), EnforcementLevel.MANDATORY
        )
        request = analyzer_pb2.ConfigureAnalyzerRequest()
        for rule in rules:
            values = config.get(rule.name, {})
            level = LEVELS[values.get("enforcementLevel", rule.level)]
            request.policyConfig[rule.name].CopyFrom(
                analyzer_pb2.PolicyConfig(
                    enforcementLevel=level,
                    properties=struct({key: value for key, value in values.items() if key != "enforcementLevel"}),
                )
            )
        self.servicer.Configure(request, None)

    def diagnostics(self, resources: Sequence[Resource]) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        """What the engine is told: of each resource, then of the stack."""
        found: list[analyzer_pb2.AnalyzeDiagnostic] = []
        for resource in resources:
            response = self.servicer.Analyze(self.request(resource), None)
            for diagnostic in response.diagnostics:
                diagnostic.urn = diagnostic.urn or resource.urn
                found.append(diagnostic)
        stack = analyzer_pb2.AnalyzeStackRequest(resources=[_of_stack(resource) for resource in resources])
        return [*found, *self.servicer.AnalyzeStack(stack, None).diagnostics]

    def remedied(self, resource: Resource) -> list[Any]:
        """The remediations that the engine would make."""
        request = analyzer_pb2.AnalyzeRequest(**_shared(resource))
        return list(self.servicer.Remediate(request, None).remediations)

    def request(self, resource: Resource) -> analyzer_pb2.AnalyzeRequest:
        """The engine's question about one resource."""
        return analyzer_pb2.AnalyzeRequest(**_shared(resource))


def struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Values as the wire has them, with the sentinel for what is unknown."""
    made = struct_pb2.Struct()
    made.update(_wired(values))
    return made


def _wired(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN_STRING_VALUE
    if isinstance(value, Mapping):
        return {key: _wired(item) for key, item in value.items()}
    return [_wired(item) for item in value] if isinstance(value, list | tuple) else value


def _shared(resource: Resource) -> dict[str, Any]:
    return {
        "type": resource.type,
        "name": resource.name,
        "urn": resource.urn,
        "properties": struct(resource.inputs.plain),
        "options": analyzer_pb2.AnalyzerResourceOptions(
            protect=resource.protect, ignoreChanges=resource.ignore_changes, parent=resource.parent
        ),
        "provider": analyzer_pb2.AnalyzerProviderResource(
            type="pulumi:providers:any", name="any", urn="any", properties=struct(resource.provider)
        )
        if resource.provider
        else None,
    }


def _of_stack(resource: Resource) -> analyzer_pb2.AnalyzerResource:
    return analyzer_pb2.AnalyzerResource(
        **_shared(resource),
        parent=resource.parent,
        dependencies=resource.dependencies,
        propertyDependencies={
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in resource.property_dependencies.items()
        },
    )
