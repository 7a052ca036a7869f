"""Hygiene: tags, names, versions, and what must stay as it is."""

import functools
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from components.capacity import NODE_POOL

from .resources import CLUSTERS, KEY, MANAGED_CLUSTER, NAT_GATEWAY, NETWORK, VSWITCH, matches, section, stated
from .rule import Config, Resource, Subject, rule
from .storage import BUCKET, DISK, FILE_SYSTEM, INSTANCE

ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
RELEASE = "kubernetes:helm.sh/v3:Release"
CHART = "kubernetes:helm.sh/v4:Chart"

TAGGED = frozenset(
    {
        MANAGED_CLUSTER,
        NODE_POOL,
        "alicloud:ecs/eipAddress:EipAddress",
        "alicloud:ecs/securityGroup:SecurityGroup",
        INSTANCE,
        DISK,
        KEY,
        "alicloud:log/project:Project",
        FILE_SYSTEM,
        BUCKET,
        NAT_GATEWAY,
        NETWORK,
        VSWITCH,
    }
)
"""Resource types that cost money or own what does, and take tags (pulumi-alicloud 4.0.0)."""


class Tags(Config):
    tags: Sequence[str] = ("environment", "managed-by")
    """Tags that must be present."""


@rule(
    "required-tags",
    area="hygiene",
    severity="low",
    types=TAGGED,
    needs=["tags"],
    config=Tags,
    must="Resources that cost money must carry the required tags.",
    how="Add the tags under tags, for all resources at once by a transform of the stack.",
    reference="https://help.aliyun.com/en/resource-management/tag/user-guide/overview",
)
def required_tags(subject: Subject[Tags]) -> Iterator[str]:
    present = section(subject.inputs, "tags").plain
    missing = [tag for tag in subject.config.tags if tag not in present]
    if missing:
        yield f"The tags {', '.join(missing)} are missing. Add them under tags."


BUCKET_TAGS = 10
"""Tags that a bucket can have. Source: pulumi-alicloud 4.0.0, oss.Bucket."""

RESOURCE_TAGS = 20
"""Tags that any other resource can have. Source: the reference of the rule."""


@rule(
    "tags-within-limit",
    area="hygiene",
    severity="low",
    types=TAGGED,
    needs=["tags"],
    must="Resources must have no more tags than the cloud takes, and none with names that it keeps for itself.",
    how="Remove tags, or rename them.",
    reference="https://www.alibabacloud.com/help/en/resource-management/latest/limits",
)
def tags_within_limit(subject: Subject[Config]) -> Iterator[str]:
    tags = section(subject.inputs, "tags")
    most = BUCKET_TAGS if subject.resource.type == BUCKET else RESOURCE_TAGS
    if len(tags) > most:
        yield f"The resource has {len(tags)} tags and can have {most}. Remove some under tags."
    for tag in tags:
        if tag.startswith(("aliyun", "acs:")) or "http://" in tag or "https://" in tag:
            yield f"The tag {tag} is refused: none may start with aliyun or acs:, or hold a URL. Rename it under tags."


def _regular_expression(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"must be a regular expression: {error}") from None
    return text


class Names(Config):
    patterns: Mapping[str, Mapping[str, Annotated[str, AfterValidator(_regular_expression)]]] = {}
    """Regular expressions that names must match as a whole, by type of resource and path of the property, such as
    `alicloud:oss/bucket:Bucket: {bucket: "acme-.*"}`. Default: none."""


def _any(_: Resource) -> bool:
    return True


@rule(
    "names-match",
    area="hygiene",
    severity="low",
    types=_any,
    config=Names,
    must="Names must be of the form that is configured for their type.",
    how="Rename the resource; mind that most names cannot be changed without replacing it.",
    reference="https://www.pulumi.com/docs/iac/concepts/resources/names/",
)
def names_match(subject: Subject[Names]) -> Iterator[str]:
    for path, pattern in subject.config.patterns.get(subject.resource.type, {}).items():
        *above, key = path.split(".")
        name = functools.reduce(section, above, subject.inputs).get(key)
        if not re.fullmatch(pattern, name or ""):
            yield f"{path} is {name or 'not set'} and must be of the form {pattern}. Rename the resource."


@rule(
    "protected-resources",
    area="hygiene",
    severity="high",
    types={BUCKET, FILE_SYSTEM, NETWORK},
    needs=["tags"],
    level="advisory",
    must="Buckets, file systems and networks must be protected from deletion by Pulumi.",
    how="Set the resource option protect; in an environment of this project, set protection: true.",
    reference="https://www.pulumi.com/docs/iac/concepts/resources/options/protect/",
)
def protected_resources(subject: Subject[Config]) -> Iterator[str]:
    # What a tenant owns stays in the cloud when it is removed from the program, which protection would not allow.
    if not subject.resource.protect and "tenant" not in section(subject.inputs, "tags").plain:
        yield "The resource is not protected. Set the resource option protect."


IMPORTANT = frozenset({*CLUSTERS, BUCKET, FILE_SYSTEM, KEY, NETWORK})
"""What holds data or everything else."""

REPLACING = frozenset({"replace", "create-replacement", "delete-replaced"})
"""Operations of a preview that replace a resource."""


@rule(
    "nothing-important-replaced",
    area="hygiene",
    severity="critical",
    types=IMPORTANT,
    must="A preview must not replace a cluster, network, bucket, file system or key.",
    how="Take back the change of the property that replaces it, or make the new one beside it and move.",
    reference="https://www.pulumi.com/docs/iac/operations/stack-management/protecting-against-undesired-changes/",
)
def nothing_important_replaced(subject: Subject[Config]) -> Iterator[str]:
    if subject.resource.operation in REPLACING:
        yield "The resource would be deleted and made anew. Take back the change, or make the new one beside it."


def _of_the_provider(resource: Resource) -> bool:
    return resource.type.startswith("alicloud:")


@functools.cache
def deprecated_properties(kind: str) -> frozenset[str]:
    """The input properties of a type that the installed SDK calls deprecated; none for types that it does not know."""
    _, module, name = kind.split(":")
    try:
        package = importlib.import_module(f"pulumi_alicloud.{module.partition('/')[0]}")
        arguments: Mapping[str, Any] = vars(getattr(package, f"{name}Args"))
    except (ImportError, AttributeError):
        return frozenset()
    getters = [vars(value.fget) for value in arguments.values() if isinstance(value, property)]
    return frozenset(getter["_pulumi_name"] for getter in getters if "_pulumi_deprecated_callable" in getter)


@rule(
    "no-deprecated-properties",
    area="hygiene",
    severity="low",
    types=_of_the_provider,
    level="advisory",
    must="Programs must not use properties that the provider is going to drop.",
    how="Use what the documentation of the property names instead.",
    reference="https://www.pulumi.com/registry/packages/alicloud/",
)
def no_deprecated_properties(subject: Subject[Config]) -> Iterator[str]:
    for key in sorted(stated(subject.inputs) & deprecated_properties(subject.resource.type)):
        yield f"{key} is deprecated. Use what its documentation names instead."


BUILT_IN = frozenset(
    {
        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io"),
        *("coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "helm.sh"),
        *("networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io"),
        *("storage.k8s.io", "storagemigration.k8s.io"),
    }
)
"""Groups that need no definition: those of Kubernetes itself, and what pulumi-kubernetes 4.34.2 makes of Helm."""


def _group(resource: Resource) -> str:
    return resource.type.split(":")[1].partition("/")[0]


def _is_custom(resource: Resource) -> bool:
    """Whether a resource is of a kind that something must define first."""
    return resource.kubernetes and "." in _group(resource) and _group(resource) not in BUILT_IN


class Definitions(Config):
    known: Sequence[str] = ("scheduling.alibabacloud.com",)
    """API groups that the cluster brings itself, with `*` for any text. Default: that of ResourcePolicies."""


@rule(
    "definitions-have-owner",
    area="hygiene",
    severity="medium",
    types=_is_custom,
    stack=True,
    config=Definitions,
    level="advisory",
    must="Custom resources must come after what may bring their definition: a chart, manifest, add-on or definition.",
    how="Let the resource depend on what installs its operator: dependsOn.",
    reference="https://www.pulumi.com/docs/iac/concepts/resources/options/dependson/",
)
def definitions_have_owner(subject: Subject[Definitions]) -> Iterator[str]:
    group = _group(subject.resource)
    if not matches(group, subject.config.known) and not any(_brings_definitions(one) for one in _before(subject)):
        yield f"Nothing that may define {group} comes before the resource. Let it depend on what installs its operator."


def _brings_definitions(resource: Resource) -> bool:
    return resource.type in (ADDON, DEFINITION) or resource.type.startswith(
        ("kubernetes:helm.sh/", "kubernetes:kustomize", "kubernetes:yaml")
    )


def _before(subject: Subject[Any]) -> Iterator[Resource]:
    """All that a resource depends on, itself or by what it is a part of."""
    known, found, waiting = subject.resources.by_urn, set[str](), [subject.resource]
    while waiting:
        one = waiting.pop()
        for urn in {*one.dependencies, one.parent} & known.keys() - found:
            found.add(urn)
            waiting.append(known[urn])
            yield known[urn]


class Addons(Config):
    names: Sequence[str] = ()
    """Names of add-ons whose version must be stated, with `*` for any text. Default: none, since ACK keeps the versions
    of add-ons together, and a version that is stated fights its upgrades."""


@rule(
    "add-on-versions-pinned",
    area="hygiene",
    severity="low",
    types={ADDON},
    needs=["version"],
    config=Addons,
    must="Add-ons that are named so must state their version.",
    how="Set version.",
    reference="https://www.pulumi.com/registry/packages/alicloud/api-docs/cs/kubernetesaddon/",
)
def add_on_versions_pinned(subject: Subject[Addons]) -> Iterator[str]:
    name = subject.inputs.get("name") or subject.resource.name
    if matches(name, subject.config.names) and subject.inputs.get("version") is None:
        yield f"{name} is of whatever version is newest when it is installed. Set version."


EXACT = r"v?\d+\.\d+\.\d+([-+].*)?"
"""A version that stands for one chart."""

DIGEST = r"@sha256:[0-9a-f]{64}$"
"""What stands behind the address of a chart that is named by its content."""


@rule(
    "chart-versions-pinned",
    area="hygiene",
    severity="medium",
    types={RELEASE, CHART},
    needs=["version", "chart"],
    must="Helm charts must be of one exact version.",
    how="Set version to a full one, such as 1.2.3; charts in directories, in archives and by digest need none.",
    reference="https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v3/release/",
)
def chart_versions_pinned(subject: Subject[Config]) -> Iterator[str]:
    chart, version = subject.inputs["chart"], subject.inputs.get("version")
    # A name has no slash, one with its repository has one; Helm's directories for charts are called so.
    path = "://" not in chart and (chart.startswith((".", "/", "charts/")) or chart.count("/") > 1)
    pinned = path or chart.endswith(".tgz") or re.search(DIGEST, chart)
    if not pinned and not re.fullmatch(EXACT, str(version)):
        yield f"{chart} is of whatever version is newest at installation. Set version to a full one, such as 1.2.3."
