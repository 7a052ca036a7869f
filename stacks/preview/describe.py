"""One line about a resource, for people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .diff import Diff
from .document import Document, DocumentRange

Inputs = Mapping[str, Any]


def describe(type_token: str, inputs: Inputs) -> str:
    """What a platform engineer wants to know of a resource at a glance; "" where its name says it all."""
    describer = _DESCRIBERS.get(type_token)
    return describer(inputs) if describer else ""


def short_type(type_token: str) -> str:
    """`alicloud:vpc/switch:Switch` as `vpc.Switch`, `ack-ai-blueprint:network:Network` as `Network`."""
    package, module, name = type_token.split(":")
    if package == "pulumi":
        return "provider"
    if package == "ack-ai-blueprint":
        return name
    return f"{module.split('/')[0].split('.')[0]}.{name}"


def span(minimum: float, maximum: float, unit: str = "") -> str:
    """`3`, or `3 to 60` where the two differ."""
    text = f"{minimum:,.0f}" if minimum == maximum else f"{minimum:,.0f} to {maximum:,.0f}"
    return f"{text} {unit}".rstrip()


def money(totals: Mapping[str, DocumentRange]) -> str:
    """`CNY 100 to 200 + USD 5`."""
    return " + ".join(f"{currency} {span(total.minimum, total.maximum)}" for currency, total in totals.items())


def cost_before(document: Document, diff: Diff | None) -> str:
    """` (before: CNY 90)` where a comparison shows another cost, else ""."""
    before = diff.cost_before if diff is not None else {}
    return f" (before: {money(before)})" if before and before != document.cost.totals else ""


def _pool(inputs: Inputs) -> str:
    scaling = inputs.get("scalingConfig")
    size = span(scaling["minSize"], scaling["maxSize"]) if scaling else str(inputs.get("desiredSize"))
    spot = "" if inputs.get("spotStrategy", "NoSpot") == "NoSpot" else ", spot"
    taints = [taint["key"] for taint in inputs.get("taints", ())]
    tainted = f", taint {', '.join(taints)}" if taints else ""
    return f"{size} x {' or '.join(inputs.get('instanceTypes', ()))}{spot}{tainted}"


def _bucket(inputs: Inputs) -> str:
    rule = inputs.get("serverSideEncryptionRule", {})
    parts = [
        inputs.get("bucket", ""),
        "versioned" if inputs.get("versioning", {}).get("status") == "Enabled" else "no versions",
        f"encrypted ({rule.get('sseAlgorithm', 'no')})",
        f"{inputs.get('storageClass', 'Standard')} {inputs.get('redundancyType', 'LRS')}",
    ]
    return ", ".join(parts)


def _cluster(inputs: Inputs) -> str:
    parts = [
        inputs.get("version", "version chosen by ACK"),
        inputs.get("clusterSpec", ""),
        "public API" if inputs.get("slbInternetEnabled") else "private API",
        "Terway",
        "RRSA" if inputs.get("enableRrsa") else "no RRSA",
        "no secret encryption" if inputs.get("disableEncryption") else "encrypted secrets",
    ]
    return ", ".join(parts)


def _release(inputs: Inputs) -> str:
    return f"chart {inputs.get('chart')} {inputs.get('version', '')} in {inputs.get('namespace')}"


def _joined(*names: str) -> Callable[[Inputs], str]:
    return lambda inputs: ", ".join(str(inputs[name]) for name in names if name in inputs)


_DESCRIBERS: Mapping[str, Callable[[Inputs], str]] = {
    "alicloud:cs/kubernetesAddon:KubernetesAddon": lambda i: f"add-on {i.get('name')} {i.get('version', '')}".rstrip(),
    "alicloud:cs/managedKubernetes:ManagedKubernetes": _cluster,
    "alicloud:cs/autoscalingConfig:AutoscalingConfig": _joined("scalerType", "expander"),
    "alicloud:cs/nodePool:NodePool": _pool,
    "alicloud:ecs/eipAddress:EipAddress": lambda i: f"{i.get('bandwidth')} Mbit/s, {i.get('internetChargeType')}",
    "alicloud:ecs/securityGroup:SecurityGroup": _joined("securityGroupType"),
    "alicloud:ecs/securityGroupRule:SecurityGroupRule": lambda i: f"{i.get('type')} from {i.get('cidrIp')} only",
    "alicloud:kms/key:Key": lambda i: f"rotated every {i.get('rotationInterval')}",
    "alicloud:log/project:Project": _joined("projectName"),
    "alicloud:oss/bucket:Bucket": _bucket,
    "alicloud:pvtz/zone:Zone": _joined("zoneName"),
    "alicloud:vpc/natGateway:NatGateway": lambda i: (
        "out only" + (", deletion protection" if i.get("deletionProtection") else "")
    ),
    "alicloud:vpc/network:Network": _joined("cidrBlock"),
    "alicloud:vpc/switch:Switch": _joined("cidrBlock", "zoneId"),
    "kubernetes:helm.sh/v3:Release": _release,
    "pulumi:providers:alicloud": _joined("region"),
    "pulumi:providers:kubernetes": _joined("context"),
}


def counted(names: Sequence[str]) -> str:
    """`2 SnatEntry, Alias`: names with how often each occurs, in order of appearance."""
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{count} {name}" if count > 1 else name for name, count in counts.items())
