"""Jobs that run kubectl in the cluster, and who they are."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi
import pulumi_kubernetes as kubernetes

from .pod_security import CONFINED, NOBODY


def kubectl_job(image: str, service_account: str, arguments: Sequence[str]) -> kubernetes.batch.v1.JobSpecArgsDict:
    """The spec of a Job that runs kubectl once, as nobody and with nothing to write to.

    image: with kubectl as its entry point. Finished jobs go after a day.
    """
    return {
        "backoff_limit": 6,
        # Tenants may demand that jobs end; until then, one that finds no room in a quota is tried again.
        "active_deadline_seconds": 3300,
        "ttl_seconds_after_finished": 86_400,
        "template": {
            "spec": {
                "service_account_name": service_account,
                "restart_policy": "OnFailure",
                "security_context": cast(Any, NOBODY),
                "containers": [
                    {
                        "name": "kubectl",
                        "image": image,
                        "args": list(arguments),
                        "resources": {
                            "requests": {"cpu": "50m", "memory": "64Mi"},
                            "limits": {"cpu": "500m", "memory": "128Mi"},
                        },
                        "security_context": cast(Any, CONFINED),
                    }
                ],
            }
        },
    }


def kubectl_identity(
    resource_name: str,
    name: str,
    namespace: str,
    rule: kubernetes.rbac.v1.PolicyRuleArgsDict,
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """Register a service account that may do one thing in its namespace: the account, its role and their binding.

    resource_name: of all three; name: in the cluster.
    """
    metadata: kubernetes.meta.v1.ObjectMetaArgsDict = {"name": name, "namespace": namespace, "labels": dict(labels)}
    return [
        kubernetes.core.v1.ServiceAccount(resource_name, metadata=metadata, opts=opts),
        kubernetes.rbac.v1.Role(resource_name, metadata=metadata, rules=[rule], opts=opts),
        kubernetes.rbac.v1.RoleBinding(
            resource_name,
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            subjects=[{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            opts=opts,
        ),
    ]
