"""The queues of a cluster as resources."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from ..job_classes.component import priority_classes as make_priority_classes
from .planning import QueuePlan
from .rendering import Manifest, ResourceFlavor, references, render

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}


class Queues(pulumi.ComponentResource):
    """The tree of queues of one cluster, as its engine takes it.

    Needs a Kubernetes provider of the cluster in `opts`, and the systems that own its definitions and the namespaces of
    its leaves before it: give them to `depends_on`.

    Example:

        plan = plan_queues(QueuesArgs(), tenants, {}, "upstream")
        Queues("queues", plan, opts=ResourceOptions(depends_on=[platform]))
    """

    objects: Mapping[str, pulumi.Resource]
    """The objects by kind, namespace and name, joined by slashes."""

    def __init__(
        self,
        resource_name: str,
        plan: QueuePlan,
        *,
        gpu_flavors: Mapping[str, ResourceFlavor] | None = None,
        priority_classes: bool = False,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the objects of a plan.

        gpu_flavors: nodes by GPU model, for the engine `kueue`; priority_classes: whether to make `job-high`,
        `job-normal` and `job-low`, where no job classes do; deleted_with: the cluster's resource, whose end makes their
        removal needless.
        """
        super().__init__("ack-ai-blueprint:queues:Queues", resource_name, None, opts)
        if priority_classes:
            make_priority_classes(resource_name, pulumi.ResourceOptions(parent=self, deleted_with=deleted_with))
        made: dict[str, pulumi.Resource] = {}
        for rendered in render(plan, gpu_flavors or {}):
            metadata = rendered["metadata"]
            name, namespace = metadata["name"], metadata.get("namespace", "")
            key = "/".join([rendered["kind"], namespace, name])
            made[key] = _object(
                f"{resource_name}-{rendered['kind'].lower()}-{'-'.join(part for part in (namespace, name) if part)}",
                rendered,
                pulumi.ResourceOptions(
                    parent=self,
                    deleted_with=deleted_with,
                    depends_on=[made[first] for first in references(rendered) if first in made],
                    # Kueue refuses to change it; jobs that wait do so until it is there again.
                    replace_on_changes=["spec.clusterQueue"] if rendered["kind"] == "LocalQueue" else None,
                    delete_before_replace=True if rendered["kind"] == "LocalQueue" else None,
                ),
            )
        self.objects = made
        self.register_outputs({"queues": [node.path for node in plan.leaves]})


def _object(resource_name: str, manifest: Manifest, opts: pulumi.ResourceOptions) -> pulumi.Resource:
    metadata: Any = {**manifest["metadata"], "labels": {**MANAGED, **manifest["metadata"].get("labels", {})}}
    if "spec" in manifest:
        return kubernetes.apiextensions.CustomResource(
            resource_name,
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            metadata=metadata,
            spec=manifest["spec"],
            opts=opts,
        )
    # The SDK's class knows no fields beside the spec, and a priority class has none.
    token = f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"
    return pulumi.CustomResource(token, resource_name, {**manifest, "metadata": metadata}, opts)
