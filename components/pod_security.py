"""What pods of the platform's own are and may: nobody, writing nowhere but where told, as the level `restricted` wants
it, and with a service account for a few things."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

NOBODY: dict[str, Any] = {
    "run_as_non_root": True,
    "run_as_user": 65_532,
    "seccomp_profile": {"type": "RuntimeDefault"},
}
"""Security context of a pod."""

CONFINED: dict[str, Any] = {
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""Security context of a container."""


def service_account(
    resource_name: str,
    name: str,
    namespace: str,
    rules: Sequence[kubernetes.rbac.v1.PolicyRuleArgsDict],
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Register a service account that may do these things alone, in its namespace: it, its role and their binding.

    resource_name: of all three; name: in the cluster. Gives the binding, behind which all of it is there.
    """
    metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": namespace, "labels": dict(labels)}
    account = kubernetes.core.v1.ServiceAccount(resource_name, metadata=metadata, opts=opts)
    role = kubernetes.rbac.v1.Role(resource_name, metadata=metadata, rules=list(rules), opts=opts)
    return kubernetes.rbac.v1.RoleBinding(
        resource_name,
        metadata=metadata,
        role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        subjects=[{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[account, role])),
    )
