"""Clusters: supported, protected, encrypted and watched."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import Field

from components import catalog

from .resources import (
    CLUSTERS,
    DEDICATED_CLUSTER,
    EDGE_CLUSTER,
    KEY,
    MANAGED_CLUSTER,
    NAT_GATEWAY,
    SERVERLESS_CLUSTER,
    section,
    stated,
    zones,
)
from .rule import Config, Subject, rule


def _minor(version: str) -> list[int]:
    """Major and minor number of a version."""
    return [int(number) for number in re.findall(r"\d+", version)[:2]]


class Versions(Config):
    minimum: Annotated[str, Field(pattern=r"^\d+\.\d+$")] = min(catalog.kubernetes_versions().minors, key=_minor)
    """Oldest minor version that may run, such as 1.35. Default: the oldest that ACK supports, as this release knows."""


@rule(
    "kubernetes-version-supported",
    area="cluster",
    severity="high",
    types=CLUSTERS,
    needs=["version"],
    config=Versions,
    must="Clusters must run a version of Kubernetes that ACK supports.",
    how="Raise version to a supported one, one minor version at a time; leave it out for the newest at creation.",
    reference="https://www.alibabacloud.com/help/en/ack/product-overview/support-for-kubernetes-versions",
)
def kubernetes_version_supported(subject: Subject[Versions]) -> Iterator[str]:
    version, minimum = subject.inputs.get("version"), subject.config.minimum
    if version is not None and _minor(version) < _minor(minimum):
        yield f"Kubernetes {version} is too old to be supported. Set version to {minimum} or later."


PROTECTED: Mapping[str, bool | str] = {
    MANAGED_CLUSTER: True,
    DEDICATED_CLUSTER: True,
    SERVERLESS_CLUSTER: True,
    EDGE_CLUSTER: True,
    NAT_GATEWAY: True,
    KEY: "Enabled",
}
"""Types with deletion protection in the cloud, and the value of `deletionProtection` that switches it on."""


@rule(
    "deletion-protection",
    area="cluster",
    severity="high",
    types=PROTECTED,
    needs=["deletionProtection"],
    level="advisory",
    must="Clusters, NAT gateways and keys must be protected from deletion in the cloud.",
    how="Set deletionProtection; in an environment of this project, set protection: true.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "cluster-high-availability-architecture-recommend-configuration",
)
def deletion_protection(subject: Subject[Config]) -> Iterator[str]:
    value = PROTECTED[subject.resource.type]
    if subject.inputs.get("deletionProtection") != value:
        yield f"Deletion protection is off. Set deletionProtection to {'true' if value is True else value}."


@rule(
    "cluster-is-pro",
    area="cluster",
    severity="medium",
    types={MANAGED_CLUSTER, SERVERLESS_CLUSTER, EDGE_CLUSTER},
    needs=["clusterSpec"],
    level="advisory",
    must="Clusters must be of a Pro specification.",
    how="Set clusterSpec to ack.pro.small or a larger one; a basic cluster can be migrated, a Pro one not back.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/product-overview/cluster-management-fee",
)
def cluster_is_pro(subject: Subject[Config]) -> Iterator[str]:
    if not str(subject.inputs.get("clusterSpec")).startswith("ack.pro."):
        yield (
            "The cluster is not of a Pro specification, which ResourcePolicies, GPU sharing and encrypted Secrets "
            "need. Set clusterSpec to ack.pro.small."
        )


class ControlPlaneLogs(Config):
    components: Sequence[str] = ("apiserver", "kcm", "scheduler", "ccm")
    """Components of the control plane whose logs must be kept."""

    days: Annotated[int, Field(ge=1)] = 14
    """Days for which they must be kept."""


@rule(
    "control-plane-logged",
    area="cluster",
    severity="medium",
    types={MANAGED_CLUSTER},
    needs=["controlPlaneLogComponents", "controlPlaneLogTtl"],
    config=ControlPlaneLogs,
    level="advisory",
    must="The logs of the control plane must be kept.",
    how="Name the components in controlPlaneLogComponents, and the days in controlPlaneLogTtl.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "collect-control-plane-component-logs-in-ack-pro-clusters",
)
def control_plane_logged(subject: Subject[ControlPlaneLogs]) -> Iterator[str]:
    kept = subject.inputs.get("controlPlaneLogComponents") or ()
    missing = [component for component in subject.config.components if component not in kept]
    if missing:
        yield f"The logs of {', '.join(missing)} are not kept. Add them to controlPlaneLogComponents."
    days = int(subject.inputs.get("controlPlaneLogTtl") or 30)
    if days < subject.config.days:
        yield f"Logs are kept for {days} days only. Set controlPlaneLogTtl to {subject.config.days} or more."


@rule(
    "audit-logged",
    area="cluster",
    severity="high",
    types={MANAGED_CLUSTER},
    needs=["auditLogConfig.enabled"],
    must="Requests to the API server must be audited.",
    how="Set auditLogConfig.enabled to true.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/security-and-compliance/"
    "logging-and-auditing",
)
def audit_logged(subject: Subject[Config]) -> Iterator[str]:
    if section(subject.inputs, "auditLogConfig").get("enabled") is not True:
        yield "Nobody can tell who changed what in the cluster. Set auditLogConfig.enabled to true."


@rule(
    "secrets-encrypted",
    area="cluster",
    severity="high",
    types={MANAGED_CLUSTER, SERVERLESS_CLUSTER},
    needs=["disableEncryption"],
    must="Kubernetes Secrets must be encrypted with a key of KMS.",
    how="Set encryptionProviderKey and disableEncryption: false; both are needed, and a Pro cluster.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/security-and-compliance/"
    "use-kms-to-encrypt-kubernetes-secrets-2",
)
def secrets_encrypted(subject: Subject[Config]) -> Iterator[str]:
    empty = subject.inputs.given("encryptionProviderKey") == ""
    if empty or "encryptionProviderKey" not in stated(subject.inputs):
        yield "Secrets lie unencrypted in etcd. Set encryptionProviderKey to the id of a KMS key."
    elif subject.inputs.get("disableEncryption"):
        yield "The key for Secrets is ignored. Set disableEncryption to false."


@rule(
    "pod-identity-enabled",
    area="cluster",
    severity="medium",
    types={MANAGED_CLUSTER, SERVERLESS_CLUSTER},
    needs=["enableRrsa"],
    level="advisory",
    must="Pods must be able to take RAM roles of their own (RRSA).",
    how="Set enableRrsa to true; it cannot be switched off again.",
    reference="https://www.alibabacloud.com/help/zh/container-service-for-kubernetes/latest/use-rrsa-to-enforce-access-control",
)
def pod_identity_enabled(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("enableRrsa") is not True:
        yield "Pods share the nodes' rights or need access keys. Set enableRrsa to true."


class ClusterZones(Config):
    minimum: Annotated[int, Field(ge=1)] = 2
    """Zones in which the control plane must lie at least. Three of them raise ACK's service level agreement."""


@rule(
    "cluster-in-several-zones",
    area="cluster",
    severity="medium",
    types={MANAGED_CLUSTER},
    stack=True,
    needs=["vswitchIds"],
    config=ClusterZones,
    level="advisory",
    must="The control plane must lie in several zones.",
    how="Name vSwitches of several zones in vswitchIds.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "cluster-high-availability-architecture-recommend-configuration",
)
def cluster_in_several_zones(subject: Subject[ClusterZones]) -> Iterator[str]:
    key = next((key for key in CONTROL_PLANE_ZONES if key in stated(subject.inputs)), "vswitchIds")
    count, minimum = zones(subject, key), subject.config.minimum
    if count < minimum:
        yield f"The control plane lies in {count} zone(s). Name vSwitches of {minimum} zones in vswitchIds."


CONTROL_PLANE_ZONES = ("vswitchIds", "workerVswitchIds", "zoneIds")
"""Properties that tell the zones of a control plane: the present one, its older name, and zones themselves."""


@rule(
    "maintenance-window-set",
    area="cluster",
    severity="low",
    types={MANAGED_CLUSTER, SERVERLESS_CLUSTER},
    needs=["maintenanceWindow.enable"],
    level="advisory",
    must="Clusters must have a maintenance window.",
    how="Set maintenanceWindow with enable: true, maintenanceTime, duration and weeklyPeriod.",
    reference="https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
    "cluster-high-availability-architecture-recommend-configuration",
)
def maintenance_window_set(subject: Subject[Config]) -> Iterator[str]:
    if section(subject.inputs, "maintenanceWindow").get("enable") is not True:
        yield "Nothing says when ACK may upgrade and repair. Set maintenanceWindow with enable: true."


@rule(
    "version-has-one-owner",
    area="cluster",
    severity="high",
    types={MANAGED_CLUSTER, SERVERLESS_CLUSTER},
    needs=["operationPolicy.clusterAutoUpgrade.enabled"],
    must="The version of a cluster must be set either by the program or by ACK's automatic upgrades.",
    how="Leave version out, or ignore its changes, where operationPolicy.clusterAutoUpgrade is enabled.",
    reference="https://www.pulumi.com/registry/packages/alicloud/api-docs/cs/managedkubernetes/",
)
def version_has_one_owner(subject: Subject[Config]) -> Iterator[str]:
    upgrade = section(section(subject.inputs, "operationPolicy"), "clusterAutoUpgrade")
    ours = stated(subject.inputs) - {*subject.resource.ignore_changes}
    if upgrade.get("enabled") and "version" in ours:
        yield "Automatic upgrades and the program both set the version. Leave version out, or ignore its changes."
