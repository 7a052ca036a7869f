"""Jobs that run kubectl in the cluster."""

from collections.abc import Sequence
from typing import Any, cast

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
