"""Container Registry Enterprise Edition: instance, namespaces, repositories, retention, scans and its way into the VPC.

On-demand loading of images (image acceleration) is switched on for each repository in the console: pulumi-alicloud
4.0.0 has nothing for it. Full mode takes the edition Standard or Advanced, index-only mode also Basic, and such images
run inside VPCs only (page on loading resources of a container image on demand, 2026-03-26).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args, Problem, one_of, require_valid

INSTANCE_NAME = r"^(?=.{3,30}$)[a-z0-9]+([-_.][a-z0-9]+)*$"
"""A legal instance name. Source: API CreateInstance, alibabacloud.com/help/en/doc-detail/208144, 2024-08-12. Which
delimiters are meant is UNCONFIRMED; these are those of namespaces."""

NAMESPACE_NAME = r"^(?=.{2,120}$)[a-z0-9]+([-_.]+[a-z0-9]+)*$"
"""A legal namespace name. Source: pulumi-alicloud 4.0.0, cs.RegistryEnterpriseNamespace."""

REPOSITORY_NAME = r"^(?=.{2,64}$)[a-z0-9]+([-_./]+[a-z0-9]+)*$"
"""A legal repository name. Source: help.aliyun.com/document_detail/2588974 (undated) for its length; its characters are
UNCONFIRMED."""

Visibility = Literal["PRIVATE", "PUBLIC"]


class RegistryNamespaceArgs(Args):
    """A namespace of images."""

    default_visibility: Visibility = "PRIVATE"
    """Visibility of repositories that a push makes."""

    auto_create: bool = False
    """Whether a push makes a missing repository."""


class RepositoryArgs(Args):
    """A repository of images."""

    visibility: Visibility = "PRIVATE"
    """Who may pull: `PUBLIC` is anybody."""

    immutable_tags: bool = True
    """Whether a tag, once pushed, keeps its image."""

    summary: Annotated[str, Field(min_length=1)] = "Images"
    """What it holds, in a few words."""


class RetentionArgs(Args):
    """Which images stay. What neither rule nor number keeps is deleted, for good."""

    namespace: str | None = None
    """Namespace it is about. None: all."""

    repository: str | None = None
    """Repository it is about, without its namespace. None: all of the namespace."""

    keep: Annotated[int, Field(ge=1)] = 30
    """Images that each repository keeps."""

    keep_tags: str | None = None
    """Regular expression of tags that stay besides, such as `release-.*`."""

    schedule: Literal["WEEK", "MONTH"] | None = "WEEK"
    """How often it runs. None: only by hand."""


class ScanArgs(Args):
    """Which images are scanned."""

    namespaces: Sequence[str] = ()
    """Namespaces it is about. Empty: all."""

    repositories: Sequence[str] = ()
    """Repositories it is about, without their namespace, of which there must be one. Empty: all of the namespaces."""

    tags: str = ".*"
    """Regular expression of tags it is about."""

    kind: Literal["VUL", "SBOM"] = "VUL"
    """`VUL`: known vulnerabilities. `SBOM`: what is in the image. Changing it replaces the rule."""

    automatic: bool = True
    """Whether each push is scanned. False: only by hand."""


class RegistryArgs(Args):
    """A registry.

    An instance is bought by subscription. Removing it is a refund with immediate release (the provider calls billing's
    RefundInstance), which ends all images in it and may be refused. What describes the instance itself counts only when
    it is bought: change it in the console, then here.
    """

    instance_id: Annotated[str, Field(pattern=r"^cri-[a-z0-9]+$")] | None = None
    """Id of an existing instance. Then none is bought, and namespaces that are not listed are taken to exist in it."""

    instance_name: str | None = None
    """Name of the instance, 3 to 30 characters. None: that of the environment."""

    instance_type: Literal["Economy", "Basic", "Standard", "Advanced"] = "Basic"
    """Edition. Accounts of the international site can buy `Basic` and `Advanced` only."""

    period_months: Annotated[int, Field(ge=1)] = 1
    """Months to pay for: below 12, or whole years."""

    renew_months: Annotated[int, Field(ge=1)] | None = 1
    """Months by which the subscription is renewed by itself. None: never; the registry then ends with its period."""

    scanner: Literal["ACR", "SAS", "DISABLE"] = "ACR"
    """Scan engine: the included one (Trivy), that of Security Center, or none."""

    namespaces: Mapping[str, RegistryNamespaceArgs] = {}
    """Namespaces by name."""

    repositories: Mapping[str, RepositoryArgs] = {}
    """Repositories by `namespace/name`."""

    retention: Mapping[str, RetentionArgs] = {}
    """Rules of which images stay, by a name of your choice."""

    scans: Mapping[str, ScanArgs] = {}
    """Rules of which images are scanned, by name."""

    vpc_access: bool = True
    """Whether the VPC reaches it, by a private name. Nothing here opens it to the Internet."""

    charts: bool = False
    """Whether the VPC also reaches its Helm charts."""


def registry_problems(args: RegistryArgs) -> list[Problem]:
    """What is wrong with a registry; paths are relative to `registry`."""
    problems: list[Problem] = []
    given = args.model_fields_set
    if args.instance_id is not None:
        for key, field, value in (
            ("instanceName", "instance_name", args.instance_name),
            ("instanceType", "instance_type", args.instance_type),
            ("periodMonths", "period_months", args.period_months),
            ("renewMonths", "renew_months", args.renew_months),
            ("scanner", "scanner", args.scanner),
        ):
            if field in given:
                problems.append(Problem(key, value, "an existing instance has its own; remove it"))
    elif args.instance_name is not None:
        problems += instance_name_problems(args.instance_name)
    for key, months in (("periodMonths", args.period_months), ("renewMonths", args.renew_months)):
        if months is not None and months > 12 and months % 12:
            problems.append(Problem(key, months, "must be below 12 or whole years, such as 12, 24, 36"))
    for name in args.namespaces:
        if not re.fullmatch(NAMESPACE_NAME, name):
            message = "not a namespace: 2 to 120 lowercase letters and digits, with -, _ and . between them"
            problems.append(Problem(f"namespaces.{name}", name, message))
    for name in args.repositories:
        namespace, slash, repository = name.partition("/")
        if not slash or not re.fullmatch(REPOSITORY_NAME, repository):
            message = "not namespace/name, the name of 2 to 64 lowercase letters and digits, with -, _, . and / between"
            problems.append(Problem(f"repositories.{name}", name, message))
        else:
            problems += _namespace_problems(f"repositories.{name}", namespace, args)
    problems += _rule_problems(args)
    if args.scans and args.instance_id is None and args.scanner == "DISABLE":
        problems.append(Problem("scans", sorted(args.scans), "need a scanner; allowed: ACR, SAS"))
    if args.charts and not args.vpc_access:
        problems.append(Problem("charts", True, "needs vpcAccess"))
    return problems


def instance_name_problems(name: str) -> list[Problem]:
    """What is wrong with an instance's name."""
    if re.fullmatch(INSTANCE_NAME, name):
        return []
    message = "not a name of 3 to 30 lowercase letters and digits, with -, _ or . between them"
    return [Problem("instanceName", name, message)]


def _namespace_problems(path: str, namespace: str, args: RegistryArgs) -> list[Problem]:
    if args.instance_id is not None or namespace in args.namespaces:
        return []
    return [Problem(path, namespace, one_of(namespace, args.namespaces, "a namespace of this registry"))]


def _rule_problems(args: RegistryArgs) -> list[Problem]:
    problems: list[Problem] = []
    for name, rule in args.retention.items():
        path = f"retention.{name}"
        if rule.namespace is not None:
            problems += _namespace_problems(f"{path}.namespace", rule.namespace, args)
        if rule.repository is not None:
            if rule.namespace is None:
                problems.append(Problem(f"{path}.repository", rule.repository, "needs its namespace"))
            else:
                problems += _repository_problems(f"{path}.repository", rule.namespace, rule.repository, args)
        if rule.keep_tags is not None:
            problems += _pattern_problems(f"{path}.keepTags", rule.keep_tags)
    for name, scan in args.scans.items():
        path = f"scans.{name}"
        for index, namespace in enumerate(scan.namespaces):
            problems += _namespace_problems(f"{path}.namespaces[{index}]", namespace, args)
        if scan.repositories and len(scan.namespaces) != 1:
            problems.append(Problem(f"{path}.namespaces", list(scan.namespaces), "must be one, that of repositories"))
        elif scan.repositories:
            for index, repository in enumerate(scan.repositories):
                where = f"{path}.repositories[{index}]"
                problems += _repository_problems(where, scan.namespaces[0], repository, args)
        problems += _pattern_problems(f"{path}.tags", scan.tags)
    return problems


def _repository_problems(path: str, namespace: str, repository: str, args: RegistryArgs) -> list[Problem]:
    space = args.namespaces.get(namespace)
    if space is None or space.auto_create or f"{namespace}/{repository}" in args.repositories:
        return []
    known = [name.partition("/")[2] for name in args.repositories if name.startswith(f"{namespace}/")]
    return [Problem(path, repository, one_of(repository, known, f"a repository of {namespace}"))]


def _pattern_problems(path: str, pattern: str) -> list[Problem]:
    try:
        re.compile(pattern)
    except re.error as error:
        return [Problem(path, pattern, f"not a regular expression: {error}")]
    return []


def scan_scope(scan: ScanArgs) -> Literal["INSTANCE", "NAMESPACE", "REPO"]:
    """What a scan rule is about, as the cloud calls it."""
    return "REPO" if scan.repositories else "NAMESPACE" if scan.namespaces else "INSTANCE"


def retention_scope(rule: RetentionArgs) -> Literal["INSTANCE", "NAMESPACE", "REPO"]:
    """What a retention rule is about, as the cloud calls it. Source: the provider's tests, for all but NAMESPACE."""
    return "REPO" if rule.repository else "NAMESPACE" if rule.namespace else "INSTANCE"


class Registry(pulumi.ComponentResource):
    """A private registry: images private, tags immutable, reached from the VPC only.

    Pulling without secrets takes the add-on `managed-aliyun-acr-credential-helper`. The provider asks for a registry
    password before namespaces and repositories can be made: give one as a secret, or set it in the console.
    """

    instance_id: pulumi.Output[str]
    """Id of the instance."""

    vpc_domain: pulumi.Output[str] | None
    """Name under which the VPC reaches it, without a namespace. None with an existing instance: it has its own name.
    That it is built from the instance's name is how all published names look; no page says so (UNCONFIRMED)."""

    def __init__(
        self,
        resource_name: str,
        args: RegistryArgs,
        *,
        name: str,
        region: str,
        vpc_id: pulumi.Input[str] | None = None,
        vswitch_id: pulumi.Input[str] | None = None,
        password: pulumi.Input[str] | None = None,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register instance, namespaces, repositories, rules and the endpoint.

        name: the instance's, if its arguments give none; vpc_id, vswitch_id: where the endpoint takes an address;
        password: of the registry, a secret. Raises `InvalidInput` with all problems before anything is registered.
        """
        problems = registry_problems(args)
        if args.instance_id is None and args.instance_name is None:
            problems += instance_name_problems(name)
        if args.vpc_access and (vpc_id is None or vswitch_id is None):
            problems.append(Problem("vpcAccess", True, "needs a VPC and one of its vSwitches"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:registry:Registry", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.instance_id is not None:
            self.instance_id, self.vpc_domain = pulumi.Output.from_input(args.instance_id), None
        else:
            instance_name = args.instance_name or name
            instance = alicloud.cr.RegistryEnterpriseInstance(
                f"{resource_name}-instance",
                instance_name=instance_name,
                instance_type=args.instance_type,
                payment_type="Subscription",
                period=args.period_months,
                renewal_status="ManualRenewal" if args.renew_months is None else "AutoRenewal",
                renew_period=args.renew_months,
                image_scanner=args.scanner,
                default_oss_bucket="true",
                password=password,
                tags=tags,
                # They count only when the instance is bought; a change of renewal would buy another one.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    ignore_changes=["instanceType", "period", "renewalStatus", "renewPeriod", "imageScanner"],
                ),
            )
            self.instance_id = instance.id
            self.vpc_domain = pulumi.Output.from_input(f"{instance_name}-registry-vpc.{region}.cr.aliyuncs.com")
        namespaces = {
            space: alicloud.cs.RegistryEnterpriseNamespace(
                f"{resource_name}-{space}",
                instance_id=self.instance_id,
                name=space,
                auto_create=namespace.auto_create,
                default_visibility=namespace.default_visibility,
                opts=child,
            )
            for space, namespace in args.namespaces.items()
        }
        repositories: list[pulumi.Resource] = []
        for full, repository in args.repositories.items():
            space, _, short = full.partition("/")
            repositories.append(
                alicloud.cs.RegistryEnterpriseRepo(
                    f"{resource_name}-{full}",
                    instance_id=self.instance_id,
                    namespace=namespaces[space].name if space in namespaces else space,
                    name=short,
                    repo_type=repository.visibility,
                    tag_immutability=repository.immutable_tags,
                    summary=repository.summary,
                    opts=child,
                )
            )
        after = pulumi.ResourceOptions(parent=self, depends_on=[*namespaces.values(), *repositories])
        for rule_name, rule in args.retention.items():
            alicloud.cr.ArtifactLifecycleRule(
                f"{resource_name}-retention-{rule_name}",
                instance_id=self.instance_id,
                auto=rule.schedule is not None,
                schedule_time=rule.schedule,
                scope=retention_scope(rule),
                namespace_name=rule.namespace,
                repo_name=rule.repository,
                retention_tag_count=rule.keep,
                tag_regexp=rule.keep_tags,
                opts=after,
            )
        for rule_name, scan in args.scans.items():
            alicloud.cr.ScanRule(
                f"{resource_name}-scan-{rule_name}",
                instance_id=self.instance_id,
                rule_name=rule_name,
                scan_scope=scan_scope(scan),
                scan_type=scan.kind,
                trigger_type="AUTO" if scan.automatic else "MANUAL",
                repo_tag_filter_pattern=scan.tags,
                namespaces=list(scan.namespaces) or None,
                repo_names=list(scan.repositories) or None,
                opts=after,
            )
        if args.vpc_access and vpc_id is not None and vswitch_id is not None:
            for module in ("Registry", *(("Chart",) if args.charts else ())):
                alicloud.cr.VpcEndpointLinkedVpc(
                    f"{resource_name}-vpc-{module.lower()}",
                    instance_id=self.instance_id,
                    module_name=module,
                    vpc_id=vpc_id,
                    vswitch_id=vswitch_id,
                    enable_create_dns_record_in_pvzt=True,
                    opts=child,
                )
        self.register_outputs({"instanceId": self.instance_id, "vpcDomain": self.vpc_domain})
