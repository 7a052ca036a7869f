"""The policy pack over a recorded program, through the same analyzer that the engine talks to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_policy.policy as sdk
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, Policy

from .recording import Recorded, Recording

SEVERITIES = ("critical", "high", "medium", "low", "unspecified")
_LEVELS: Mapping[str, analyzer_pb2.EnforcementLevel.ValueType] = {
    "advisory": analyzer_pb2.ADVISORY,
    "mandatory": analyzer_pb2.MANDATORY,
    "disabled": analyzer_pb2.DISABLED,
    "remediate": analyzer_pb2.REMEDIATE,
}


@dataclass(frozen=True)
class Finding:
    """One violation. `resource` is a URN, or "" where the whole stack violates."""

    policy: str
    severity: str
    level: str
    resource: str
    message: str


@dataclass(frozen=True)
class Findings:
    """All violations, and how many policies ran, could not be decided, or were off."""

    violations: Sequence[Finding]
    checked: int
    disabled: int


def run_policies(recording: Recording, policies: Sequence[Policy], config: Mapping[str, Mapping[str, Any]]) -> Findings:
    """Run policies over a recording.

    config: as in a `--policy-pack-config` file. What depends on an unknown value is an advisory finding, as it is in
    the engine.
    """
    analyzer = sdk._PolicyAnalyzerServicer(  # pyright: ignore[reportPrivateUsage]
        "ack-ai-blueprint", "0.1.0", list(policies), EnforcementLevel.MANDATORY
    )
    analyzer.Configure(_configuration(config), None)
    providers = {r.urn: r for r in recording.resources if r.type.startswith("pulumi:providers:")}
    found: list[Finding] = []
    for resource in recording.resources:
        response = analyzer.Analyze(_analyze_request(resource, providers), None)
        found += [_finding(d, resource.urn) for d in response.diagnostics]
    stack_request = analyzer_pb2.AnalyzeStackRequest(
        resources=[_analyzer_resource(resource, providers) for resource in recording.resources]
    )
    found += [_finding(d, d.urn) for d in analyzer.AnalyzeStack(stack_request, None).diagnostics]
    found.sort(key=lambda f: (f.level != "mandatory", SEVERITIES.index(f.severity), f.policy, f.resource))
    disabled = sum(config.get(policy.name, {}).get("enforcementLevel") == "disabled" for policy in policies)
    return Findings(found, len(policies) - disabled, disabled)


def _configuration(config: Mapping[str, Mapping[str, Any]]) -> analyzer_pb2.ConfigureAnalyzerRequest:
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, values in config.items():
        properties = struct_pb2.Struct()
        properties.update({key: value for key, value in values.items() if key != "enforcementLevel"})
        request.policyConfig[name].CopyFrom(
            analyzer_pb2.PolicyConfig(enforcementLevel=_LEVELS[values["enforcementLevel"]], properties=properties)
        )
    return request


def _analyze_request(resource: Recorded, providers: Mapping[str, Recorded]) -> analyzer_pb2.AnalyzeRequest:
    return analyzer_pb2.AnalyzeRequest(
        type=resource.type,
        properties=resource.request.object,
        urn=resource.urn,
        name=resource.name,
        options=_options(resource),
        provider=_provider(resource, providers),
    )


def _analyzer_resource(resource: Recorded, providers: Mapping[str, Recorded]) -> analyzer_pb2.AnalyzerResource:
    return analyzer_pb2.AnalyzerResource(
        type=resource.type,
        properties=resource.request.object,
        urn=resource.urn,
        name=resource.name,
        options=_options(resource),
        provider=_provider(resource, providers),
        parent=resource.parent,
        dependencies=resource.dependencies,
        propertyDependencies={
            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
            for name, urns in resource.property_dependencies.items()
        },
    )


def _options(resource: Recorded) -> analyzer_pb2.AnalyzerResourceOptions:
    options = resource.options
    return analyzer_pb2.AnalyzerResourceOptions(
        protect=options.protect,
        ignoreChanges=options.ignore_changes,
        aliases=options.aliases,
        additionalSecretOutputs=options.additional_secret_outputs,
        parent=resource.parent,
    )


def _provider(resource: Recorded, providers: Mapping[str, Recorded]) -> analyzer_pb2.AnalyzerProviderResource | None:
    provider = providers.get(resource.provider.rpartition("::")[0])
    if provider is None:
        return None
    return analyzer_pb2.AnalyzerProviderResource(
        type=provider.type, properties=provider.request.object, urn=provider.urn, name=provider.name
    )


def _finding(diagnostic: analyzer_pb2.AnalyzeDiagnostic, urn: str) -> Finding:
    severity = analyzer_pb2.PolicySeverity.Name(diagnostic.severity).removeprefix("POLICY_SEVERITY_").lower()
    message = diagnostic.message.removeprefix(diagnostic.description).lstrip("\n")
    level = analyzer_pb2.EnforcementLevel.Name(diagnostic.enforcementLevel).lower()
    return Finding(diagnostic.policyName, severity, level, urn, message or diagnostic.description)
