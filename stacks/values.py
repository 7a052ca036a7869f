"""`python -m stacks.values ENV NAMESPACE`: what the charts for jobs need to know of a namespace, as Helm values.

Exit codes: 0, 2 where the environment or the namespace is wrong.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from components.cache.rendering import node_preferences, node_requirements, waitable
from components.history.links import link_templates
from components.inputs import InvalidInput, Problem, one_of
from components.job_classes import JobClassPlan
from components.job_templates.common import (
    HistoryValues,
    LinkValues,
    MarkerValues,
    ObjectStorageValues,
    PlacementValues,
    PlatformDatasetValues,
    PlatformValues,
    QueueValues,
    RayCollectorValues,
    ResourceValues,
)
from components.queues import QueuePlan, gang, markers
from components.queues.rendering import KOORDINATOR_SCHEDULER
from components.tenancy import TenantPlan
from components.tenancy.planning import own_bucket, prefix_of

from .datasets import dataset_plans
from .environment import Environment, job_class_plans
from .history import history_plan
from .loading import InvalidEnvironment, load_environment, read_stack_config
from .queues import queue_plan
from .tenancy import owners, surroundings, tenant_plans

EVENT_LOGS = "event-logs"
"""Role of the bucket that keeps what jobs did."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.values", description="Print Helm values for a namespace.")
    parser.add_argument("environment")
    parser.add_argument("namespace")
    options = parser.parse_args(arguments)
    try:
        environment = load_environment(options.environment, read_stack_config(options.environment))
        values = platform_values(environment, options.environment, options.namespace)
    except (InvalidEnvironment, InvalidInput) as error:
        print(error, file=sys.stderr)
        return 2
    print(yaml.safe_dump({"platform": dumped(values)}, sort_keys=False, allow_unicode=True), end="")
    return 0


def dumped(values: PlatformValues) -> dict[str, Any]:
    """Values as Helm takes them, without what is not set."""
    return values.model_dump(by_alias=True, exclude_defaults=True, mode="json")


def platform_values(environment: Environment, stack: str, namespace: str) -> PlatformValues:
    """What a valid environment knows of a namespace. Raises `InvalidInput` where it does not know it."""
    tenants = tenant_plans(environment, surroundings(environment, stack))
    of_tenants = {space.name: plan for plan in tenants.values() for space in plan.namespaces}
    tenant = of_tenants.get(namespace)
    classes = {name: plan for name, plan in job_class_plans(environment).items() if namespace in plan.args.namespaces}
    if tenant is None and not classes:
        spaces = {*of_tenants, *(space for args in environment.job_classes.values() for space in args.namespaces)}
        raise InvalidInput([Problem("namespace", namespace, one_of(namespace, spaces, "one of the environment's"))])
    queues = queue_plan(environment, stack)
    return PlatformValues(
        environment=stack,
        namespace=namespace,
        tenant=tenant.name if tenant else "",
        cost_center=tenant.args.cost_center if tenant else "",
        scheduler_name=KOORDINATOR_SCHEDULER if queues.nodes and queues.engine == "koordinator" else "",
        queue=_queue(queues, namespace),
        job_classes={name: _placement(plan) for name, plan in classes.items()},
        service_accounts=_accounts(tenant, namespace),
        object_storage=_storage(environment, stack, tenant),
        history=_history(environment, stack, namespace),
        links=LinkValues.model_validate(links_of(environment, stack, namespace)),
        datasets=(datasets := _datasets(environment, stack, namespace)),
        kubectl_image=(environment.scheduling.kubectl_image or "") if datasets else "",
    )


def _history(environment: Environment, stack: str, namespace: str) -> HistoryValues:
    """Where the jobs of a namespace write what the history servers show."""
    plan = history_plan(environment, stack)
    if plan is None:
        return HistoryValues()
    spark, ray, said = plan.spark_of(namespace), plan.ray_of(namespace), plan.args.ray
    return HistoryValues(
        spark_claim=spark.events if spark else "",
        spark_directory=spark.directory if spark and not spark.claim else "",
        ray=RayCollectorValues(image=said.collector_image, env=ray.environment, secret=said.secret or "")
        if ray and said
        else RayCollectorValues(),
    )


def links_of(environment: Environment, stack: str, namespace: str) -> dict[str, str]:
    """The links of the jobs of a namespace, by what they show."""
    plan = history_plan(environment, stack)
    spark, ray = (plan and plan.spark_of(namespace)), (plan and plan.ray_of(namespace))
    tenant = owners(environment).get(namespace, "")
    return link_templates(environment.links, namespace, tenant, spark=spark is not None, ray=ray is not None)


def _datasets(environment: Environment, stack: str, namespace: str) -> dict[str, PlatformDatasetValues]:
    """The datasets that have a claim in a namespace."""
    plans = dataset_plans(environment, stack)
    return {
        name: PlatformDatasetValues(
            claim=name,
            cache=plan.source or name,
            read_only=not plan.writes,
            waits=waitable(plans[plan.source or name]),
            requires=node_requirements(plan),
            prefers=node_preferences(plan),
        )
        for name, plan in plans.items()
        if namespace in plan.claims
    }


def _queue(plan: QueuePlan, namespace: str) -> QueueValues:
    leaf = plan.leaf_of(namespace)
    if leaf is None:
        return QueueValues()
    together = gang(plan)
    return QueueValues(
        name=leaf.path,
        markers={
            kind: MarkerValues(
                labels=marker.labels,
                annotations=marker.annotations,
                elastic=marker.elastic,
                pods=marker.pods,
                suspend=marker.suspend,
            )
            for kind, marker in markers(plan, namespace).items()
        },
        gang_labels=together.labels,
        gang_annotations=together.annotations,
    )


def _placement(plan: JobClassPlan) -> PlacementValues:
    placement: Mapping[str, Any] = plan.placement
    return PlacementValues(
        labels=placement["labels"],
        annotations=placement["annotations"],
        affinity=placement["affinity"],
        tolerations=tuple(placement["tolerations"]),
        priority_class_name=placement["priorityClassName"],
        resources=ResourceValues(**placement["resources"]),
    )


def _accounts(tenant: TenantPlan | None, namespace: str) -> tuple[str, ...]:
    spaces = tenant.namespaces if tenant else ()
    return tuple(account.name for space in spaces if space.name == namespace for account in space.service_accounts)


def _storage(environment: Environment, stack: str, tenant: TenantPlan | None) -> ObjectStorageValues:
    """The buckets that a tenant reads or writes; without tenants, all."""
    if environment.flavor == "upstream":
        return ObjectStorageValues()
    names = environment.bucket_names(stack)
    prefixes = _prefixes(tenant) if tenant else dict.fromkeys(names, "")
    logs = f"oss://{names[EVENT_LOGS]}/{prefixes[EVENT_LOGS]}" if EVENT_LOGS in prefixes else ""
    return ObjectStorageValues(
        region=environment.region,
        endpoint=f"oss-{environment.region}-internal.aliyuncs.com",
        buckets={role: names[role] for role in prefixes},
        event_logs=logs,
    )


def _prefixes(tenant: TenantPlan) -> dict[str, str]:
    """The buckets that a tenant reads or writes, each with the first part of it that does, its own before others'."""
    args = tenant.args
    found = {own_bucket(tenant.id, role): "" for role in args.buckets}
    for entry, own in args.prefixes.items():
        found.setdefault(own.bucket, prefix_of(tenant.name, args, entry))
    for dataset in args.datasets.values():
        found.setdefault(dataset.bucket, dataset.prefix)
    return found


if __name__ == "__main__":
    sys.exit(main())
