"""The in-cluster resources of job classes: namespaces, priority classes, resource policies and their switches."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from ..inputs import require_valid
from ..kubectl import kubectl_job
from ..pod_security import service_account
from .args import JobClassArgs, SchedulingArgs
from .planning import PRIORITIES, Compute, JobClassPlan, order_problems, plan_job_classes

SWITCH = "job-class-switch"
"""Name of the service account and role with which staggered classes are switched."""

PULUMI_LABELS = {"app.kubernetes.io/managed-by": "pulumi"}


class JobClasses(pulumi.ComponentResource):
    """Classes of jobs in a cluster: what a job's pods need so that they run where the class says.

    Makes the namespaces, the priority classes `job-high`, `job-normal` and `job-low`, a ResourcePolicy for each class
    and namespace in which rungs have an order, and for staggered classes two CronJobs that switch it. Needs a
    Kubernetes provider of the cluster in `opts`.

    Example:

        JobClasses("job-classes", {"ray-worker": JobClassArgs(...)}, compute=Compute(...), timezone="Asia/Shanghai")
    """

    plans: Mapping[str, JobClassPlan]
    """The decisions behind the resources, by class: `plans[name].placement` is what a pod template must have."""

    namespaces: Mapping[str, pulumi.Resource]
    """The namespaces by name, those that were made and those that existed."""

    def __init__(
        self,
        resource_name: str,
        classes: Mapping[str, JobClassArgs],
        *,
        compute: Compute,
        scheduling: SchedulingArgs | None = None,
        timezone: str = "Asia/Shanghai",
        existing: Mapping[str, pulumi.Resource] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the classes and register their resources.

        compute: pools and serverless pods that they may use; timezone: of the off-peak hours, an IANA name;
        existing: namespaces by name that something else makes, such as a tenant; deleted_with: the cluster's resource,
        whose end makes their removal needless. Raises `InvalidInput` with all problems before anything is registered.
        """
        scheduling = scheduling or SchedulingArgs()
        self.plans = plans = plan_job_classes(classes, compute, scheduling)
        require_valid(order_problems(plans, compute))
        super().__init__("ack-ai-blueprint:job_classes:JobClasses", resource_name, None, opts)
        self._deleted_with = deleted_with
        child = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        made = {name for plan in plans.values() for name in plan.args.namespaces} - {"default", *(existing or {})}
        self.namespaces = {
            **(existing or {}),
            **{
                namespace: kubernetes.core.v1.Namespace(
                    f"{resource_name}-{namespace}",
                    metadata={"name": namespace, "labels": PULUMI_LABELS},
                    # Deleting a namespace deletes all that runs in it.
                    opts=pulumi.ResourceOptions(parent=self, deleted_with=deleted_with, retain_on_delete=True),
                )
                for namespace in sorted(made if scheduling.create_namespaces else ())
            },
        }
        priority_classes(resource_name, child)
        for plan in plans.values():
            for namespace in plan.args.namespaces:
                self._policy(resource_name, plan, namespace, scheduling, timezone)
        switched = {name for plan in plans.values() if plan.off_peak_policy for name in plan.args.namespaces}
        for namespace in sorted(switched):
            self._switch_identity(resource_name, namespace, plans)
        self.register_outputs({})

    def _options(self, namespace: str, **options: Any) -> pulumi.ResourceOptions:
        made = [self.namespaces[namespace]] if namespace in self.namespaces else []
        return pulumi.ResourceOptions(parent=self, depends_on=made, deleted_with=self._deleted_with, **options)

    def _policy(
        self, resource_name: str, plan: JobClassPlan, namespace: str, scheduling: SchedulingArgs, timezone: str
    ) -> None:
        if plan.resource_policy is None:
            return
        staggered = plan.off_peak_policy is not None
        kubernetes.apiextensions.CustomResource(
            f"{resource_name}-{namespace}.{plan.name}",
            api_version="scheduling.alibabacloud.com/v1alpha1",
            kind="ResourcePolicy",
            metadata={"name": plan.name, "namespace": namespace, "labels": {**PULUMI_LABELS, "role": plan.args.role}},
            spec=dict(plan.resource_policy),
            # The CronJobs below own the rungs of a staggered class, by day and by night.
            opts=self._options(namespace, ignore_changes=["spec"] if staggered else None),
        )
        if plan.off_peak_policy is None:
            return
        hours = scheduling.off_peak
        for when, time, spec in (
            ("peak", hours.end, plan.resource_policy),
            ("off-peak", hours.start, plan.off_peak_policy),
        ):
            kubernetes.batch.v1.CronJob(
                f"{resource_name}-{namespace}.{plan.name}-{when}",
                metadata={"name": f"{when}-{plan.name}", "namespace": namespace, "labels": PULUMI_LABELS},
                spec=_switch(plan.name, time, spec, scheduling.kubectl_image or "", timezone),
                opts=self._options(namespace),
            )

    def _switch_identity(self, resource_name: str, namespace: str, plans: Mapping[str, JobClassPlan]) -> None:
        names = [name for name, plan in plans.items() if plan.off_peak_policy and namespace in plan.args.namespaces]
        rule: kubernetes.rbac.v1.PolicyRuleArgsDict = {
            "api_groups": ["scheduling.alibabacloud.com"],
            "resources": ["resourcepolicies"],
            "resource_names": names,
            "verbs": ["get", "patch"],
        }
        service_account(
            f"{resource_name}-{namespace}-switch", SWITCH, namespace, [rule], PULUMI_LABELS, self._options(namespace)
        )


def priority_classes(resource_name: str, opts: pulumi.ResourceOptions) -> None:
    """Register the priority classes of jobs, once in a cluster."""
    for priority, value in PRIORITIES.items():
        kubernetes.scheduling.v1.PriorityClass(
            f"{resource_name}-{priority}",
            metadata={"name": f"job-{priority}", "labels": PULUMI_LABELS},
            value=value,
            description=f"Jobs of {priority} priority",
            opts=opts,
        )


def _switch(
    name: str, time: str, spec: Mapping[str, Any], image: str, timezone: str
) -> kubernetes.batch.v1.CronJobSpecArgsDict:
    hour, minute = time.split(":")
    # The spec as a whole: a merge would leave behind what the other one has and this one has not.
    change = [{"op": "replace", "path": "/spec", "value": spec}]
    patch = json.dumps(change, separators=(",", ":"), sort_keys=True)
    command: Sequence[str] = (
        *("patch", "resourcepolicies.scheduling.alibabacloud.com", name),
        *("--type=json", f"--patch={patch}"),
    )
    return {
        "schedule": f"{int(minute)} {int(hour)} * * *",
        "time_zone": timezone,
        "concurrency_policy": "Replace",
        # A switch missed while the control plane was away is made up for within the hour.
        "starting_deadline_seconds": 3600,
        "job_template": {"spec": kubectl_job(image, SWITCH, command)},
    }
