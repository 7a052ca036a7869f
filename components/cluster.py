"""The cluster: ACK Pro with a private API, Terway, RRSA, encrypted secrets, logs and a maintenance window."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from . import catalog
from .inputs import Args, Problem, minor_version, one_of, parse_cidr, require_valid

ControlPlaneLog = Literal[
    "apiserver",
    "kcm",
    "scheduler",
    "ccm",
    "controlplane-events",
    "alb",
    "cluster-autoscaler",
    "ack-goatscaler",
    "kuberay-operator",
]
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

CREATION_ADDONS: Sequence[alicloud.cs.ManagedKubernetesAddonArgsDict] = (
    {"name": "terway-eniip", "config": '{"ENITrunking":"true","IPVlan":"false","NetworkPolicy":"true"}'},
    {"name": "terway-controlplane", "config": '{"ENITrunking":"true"}'},
    {"name": "csi-plugin"},
    {"name": "managed-csiprovisioner"},
    {"name": "managed-coredns"},
    {"name": "nginx-ingress-controller", "disabled": True},
)
"""Add-ons without which a cluster does not start: network, volumes, DNS. They count only when the cluster is created;
everything else is an add-on resource of its own. Keys from terraform-provider-alicloud r/cs_managed_kubernetes."""


class MaintenanceWindow(Args):
    """When ACK may work on the cluster."""

    days: Annotated[Sequence[Weekday], Field(min_length=1)] = ("Saturday", "Sunday")
    """Days of the week."""

    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "02:00"
    """Start of the window, HH:MM in the cluster's time zone."""

    hours: Annotated[int, Field(ge=1, le=24)] = 4
    """Length of the window in hours."""


class ClusterArgs(Args):
    """One ACK managed cluster."""

    version: str = catalog.kubernetes_versions().default
    """Kubernetes version, `x.y.z-aliyun.n`. Raise it to upgrade; ACK has no way back."""

    spec: Literal["ack.standard", "ack.pro.small", "ack.pro.xlarge", "ack.pro.2xlarge", "ack.pro.4xlarge"] = (
        "ack.pro.small"
    )
    """Cluster specification. Serverless overflow and ResourcePolicy need a Pro specification."""

    service_cidr: str = "172.20.0.0/16"
    """CIDR block of Services. It may not overlap the VPC and cannot be changed later."""

    proxy_mode: Literal["ipvs", "iptables", "nftables"] = "ipvs"
    """kube-proxy mode; `nftables` needs Kubernetes 1.35. Changing it replaces the cluster."""

    public_api: bool = False
    """Whether the API server also gets a public address. Counts only when the cluster is created."""

    secret_encryption: bool = True
    """Whether Kubernetes Secrets are encrypted with a KMS key."""

    control_plane_logs: Sequence[ControlPlaneLog] = ("apiserver", "kcm", "scheduler", "ccm", "controlplane-events")
    """Control-plane components whose logs are kept."""

    audit_log: bool = True
    """Whether API requests are audited into the same log project."""

    log_retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which control-plane logs are kept."""

    maintenance_window: MaintenanceWindow = MaintenanceWindow()
    """When ACK may upgrade and repair."""

    auto_upgrade: Literal["none", "patch", "stable", "rapid"] = "none"
    """Channel of automatic upgrades. With any channel but none, `version` only serves to create the cluster."""

    timezone: str = "Asia/Shanghai"
    """Time zone of control plane and nodes, an IANA name."""

    kubeconfig_minutes: Annotated[int, Field(ge=15, le=4320)] = 60
    """Minutes for which the exported kubeconfig is valid, 15 to 4,320."""


def cluster_problems(args: ClusterArgs) -> list[Problem]:
    """What is wrong with a cluster, besides the types of its arguments."""
    problems: list[Problem] = []
    minors = catalog.kubernetes_versions().minors
    minor = minor_version(args.version)
    if minor is None or not re.fullmatch(r"\d+\.\d+\.\d+-aliyun\.\d+", args.version):
        problems.append(Problem("version", args.version, "not of the form x.y.z-aliyun.n, such as 1.35.7-aliyun.1"))
    elif "{}.{}".format(*minor) not in minors:
        allowed = ", ".join(f"{minor} (until {end})" for minor, end in minors.items())
        problems.append(Problem("version", args.version, f"not a version that ACK supports; allowed: {allowed}"))
    elif args.proxy_mode == "nftables" and minor < (1, 35):
        problems.append(Problem("proxyMode", args.proxy_mode, "needs Kubernetes 1.35 or later"))
    services = parse_cidr(args.service_cidr)
    if services is None:
        problems.append(Problem("serviceCidr", args.service_cidr, "not an IPv4 CIDR block without host bits"))
    zones = available_timezones()
    if args.timezone not in zones:
        problems.append(Problem("timezone", args.timezone, one_of(args.timezone, zones, "an IANA time zone")))
    if services is not None and not services.is_private:
        problems.append(Problem("serviceCidr", args.service_cidr, "not a private range, such as 172.20.0.0/16"))
    for key, values in (
        ("controlPlaneLogs", args.control_plane_logs),
        ("maintenanceWindow.days", args.maintenance_window.days),
    ):
        if len(set(values)) < len(values):
            problems.append(Problem(key, list(values), "names one twice"))
    return problems


class Cluster(pulumi.ComponentResource):
    """An ACK managed cluster with its log project.

    Example:

        Cluster("cluster", ClusterArgs(), name="acme-data-dev", vswitch_ids=[...], pod_vswitch_ids=[...],
                security_group_id=network.security_group_id)
    """

    resource: alicloud.cs.ManagedKubernetes
    """The cluster's resource, for `deleted_with` of what lies in the cluster."""

    cluster_id: pulumi.Output[str]
    """Id of the cluster."""

    api_server_intranet: pulumi.Output[str]
    """Address of the API server inside the VPC."""

    rrsa_provider_arn: pulumi.Output[str]
    """ARN of the OIDC provider that ACK makes for pod identity (RRSA)."""

    rrsa_issuer_url: pulumi.Output[str]
    """Issuer of the service accounts' tokens."""

    log_project: pulumi.Output[str]
    """Log project of control plane and audit, and of the systems that take one."""

    kubeconfig: pulumi.Output[str]
    """A kubeconfig for the intranet address that ends by itself: a secret, asked for anew at every update."""

    def __init__(
        self,
        resource_name: str,
        args: ClusterArgs,
        *,
        name: str,
        vswitch_ids: Sequence[pulumi.Input[str]],
        pod_vswitch_ids: Sequence[pulumi.Input[str]],
        security_group_id: pulumi.Input[str],
        encryption_key_id: pulumi.Input[str] | None = None,
        deletion_protection: bool = False,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the cluster.

        name: the cluster's name, unique in the account, and prefix of the log project's name, unique over all of
        Alibaba Cloud; vswitch_ids: of control plane and nodes; pod_vswitch_ids: of pods, counts only at creation;
        encryption_key_id: KMS key for Secrets, required with `secret_encryption`. Raises `InvalidInput` with all
        problems before anything is registered.
        """
        problems = cluster_problems(args)
        if args.secret_encryption and encryption_key_id is None:
            problems.append(Problem("secretEncryption", True, "needs encryption_key_id"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:cluster:Cluster", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        project = alicloud.log.Project(
            f"{resource_name}-logs",
            project_name=f"{name}-logs",
            description="Control plane and audit logs",
            tags=tags,
            opts=child,
        )
        upgrades = args.auto_upgrade != "none"
        cluster = alicloud.cs.ManagedKubernetes(
            f"{resource_name}-ack",
            name=name,
            cluster_spec=args.spec,
            version=args.version,
            profile="Default",
            vswitch_ids=list(vswitch_ids),
            pod_vswitch_ids=list(pod_vswitch_ids),
            service_cidr=args.service_cidr,
            proxy_mode=args.proxy_mode,
            security_group_id=security_group_id,
            new_nat_gateway=False,
            slb_internet_enabled=args.public_api,
            enable_rrsa=True,
            encryption_provider_key=encryption_key_id if args.secret_encryption else None,
            disable_encryption=not args.secret_encryption,
            control_plane_log_components=list(args.control_plane_logs),
            control_plane_log_project=project.id,
            control_plane_log_ttl=str(args.log_retention_days),
            audit_log_config={"enabled": args.audit_log, "sls_project_name": project.id},
            maintenance_window={
                "enable": True,
                "maintenance_time": _maintenance_time(args),
                "duration": f"{args.maintenance_window.hours}h",
                "weekly_period": ",".join(args.maintenance_window.days),
            },
            operation_policy={
                "cluster_auto_upgrade": {"enabled": upgrades, "channel": args.auto_upgrade if upgrades else None}
            },
            timezone=args.timezone,
            addons=CREATION_ADDONS,
            # The certificate authority and client certificates stay out of the state.
            skip_set_certificate_authority=True,
            deletion_protection=deletion_protection,
            tags=tags,
            # What counts only at creation would do nothing later but show up in every preview.
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=["addons", "podVswitchIds", *(["version"] if upgrades else [])]
            ),
        )
        self.resource = cluster
        self.cluster_id = cluster.id
        self.api_server_intranet = cluster.connections[0].apply(lambda connection: connection.api_server_intranet or "")
        self.rrsa_provider_arn = cluster.rrsa_metadata.apply(lambda rrsa: rrsa.ram_oidc_provider_arn or "")
        self.rrsa_issuer_url = cluster.rrsa_metadata.apply(lambda rrsa: rrsa.rrsa_oidc_issuer_url or "")
        self.log_project = project.id
        credential = alicloud.cs.get_cluster_credential_output(
            cluster_id=cluster.id,
            temporary_duration_minutes=args.kubeconfig_minutes,
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        self.kubeconfig = pulumi.Output.secret(credential.kube_config)
        self.register_outputs(
            {
                "clusterId": self.cluster_id,
                "apiServerIntranet": self.api_server_intranet,
                "rrsaProviderArn": self.rrsa_provider_arn,
                "rrsaIssuerUrl": self.rrsa_issuer_url,
                "logProject": self.log_project,
            }
        )


def _maintenance_time(args: ClusterArgs) -> str:
    # The date only anchors the offset; ACK reads the time of day.
    hour, minute = map(int, args.maintenance_window.start.split(":"))
    return datetime(2026, 1, 1, hour, minute, tzinfo=ZoneInfo(args.timezone)).isoformat()
