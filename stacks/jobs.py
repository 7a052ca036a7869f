"""`python -m stacks.jobs ENV FILE…`: jobs as an environment places them, if they fit.

Reads Kubernetes manifests whose pod templates carry the label `job-class`, or, with `--chart` and `--namespace`, values
of one of the charts, which it renders with what the environment knows of the namespace. Checks that each pod fits a
rung of its class, that the tenant of its namespace admits it and that its queue can start it. Prints the manifests with
labels, affinities, tolerations and priority class of the class and what their queue wants, for `kubectl apply -f -`.
Exit codes: 0, 2 where something does not fit or cannot be read.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from components.cache import DatasetPlan
from components.cache.rendering import node_requirements
from components.inputs import InvalidInput, Problem, one_of
from components.job_classes import JobClassPlan, plan_job_classes
from components.job_classes.planning import CLASS_LABEL
from components.manifests import (
    PodTemplate,
    UnreadableQuantity,
    UnreadableTemplate,
    embedded,
    placed,
    pod_templates,
    with_embedded,
)
from components.node_pools import plan_node_pool
from components.queues import QueuePlan, gang, gang_problems, queued
from components.tenancy import TenantPlan

from .admission import refusals
from .charts import UnreadableChart, rendered
from .datasets import dataset_plans
from .environment import Environment, job_class_plans, whole_compute
from .loading import InvalidEnvironment, load_environment, read_stack_config
from .queues import queue_plan
from .tenancy import surroundings, tenant_plans
from .values import platform_values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.jobs", description="Place jobs, if they fit.")
    parser.add_argument("environment")
    parser.add_argument("file", nargs="+", type=Path)
    parser.add_argument("--chart", help="one of charts/, of which the files are values")
    parser.add_argument("--namespace", help="of the chart's release")
    options = parser.parse_args(arguments)
    if (options.chart is None) != (options.namespace is None):
        parser.error("--chart and --namespace go together")
    files: list[Path] = options.file
    try:
        environment = load_environment(options.environment, read_stack_config(options.environment))
        if options.chart:
            platform = platform_values(environment, options.environment, options.namespace)
            jobs = {file: rendered(options.chart, options.namespace, platform, file) for file in files}
        else:
            jobs = {file: _read(file) for file in files}
    except (InvalidEnvironment, InvalidInput, UnreadableChart, UnreadableManifest) as error:
        print(error, file=sys.stderr)
        return 2
    tenants = tenant_plans(environment, surroundings(environment, options.environment))
    queues = queue_plan(environment, options.environment)
    datasets = dataset_plans(environment, options.environment)
    problems = [
        (file, problem)
        for file, manifests in jobs.items()
        for problem in (
            *job_problems(environment, manifests),
            *tenant_problems(environment, tenants, manifests),
            *queue_problems(environment, queues, manifests),
            *dataset_problems(environment, datasets, manifests),
        )
    ]
    if problems:
        print(
            f"{len(problems)} problem{'s' if len(problems) > 1 else ''} with {options.environment}\n", file=sys.stderr
        )
        for file, problem in problems:
            print(f"  {problem}\n    {file}", file=sys.stderr)
        return 2
    placements = {name: plan.placement for name, plan in job_class_plans(environment).items()}

    def complete(manifest: Mapping[str, Any]) -> dict[str, Any]:
        return queued(placed(manifest, placements, CLASS_LABEL), queues)

    output = [with_embedded(manifest, complete) for manifests in jobs.values() for manifest in manifests]
    print(yaml.dump_all(output, Dumper=_Dumper, sort_keys=False, allow_unicode=True), end="")
    return 0


COMMON = frozenset({"cpu", "memory", "ephemeral-storage"})
"""Resources that any pod may ask for."""


class UnreadableManifest(Exception):
    """A file that holds no manifests."""


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out each time: anchors are hard to read in a manifest."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        documents = [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UnreadableManifest(f"{file}: not readable as YAML: {reason}") from None
    expanded = [item for document in documents for item in _items(document)]
    if not expanded or not all(isinstance(document, dict) and "kind" in document for document in expanded):
        raise UnreadableManifest(f"{file}: holds something else than Kubernetes manifests, each with a kind")
    for path, manifest in _with_embedded(expanded):
        try:
            for template in pod_templates(manifest):
                template.check()
        except UnreadableTemplate as error:
            raise UnreadableManifest(f"{file}: {path}: {error}") from None
    return expanded


def _items(document: Any) -> list[Any]:
    """What a document holds: the items of a list, else itself."""
    items = document.get("items") if isinstance(document, dict) and document.get("kind") == "List" else None
    return items if isinstance(items, list) else [document]


def job_problems(environment: Environment, manifests: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """What keeps jobs from running as their classes say; paths start with kind and name."""
    templates = [
        (path, manifest, template)
        for path, manifest in _with_embedded(manifests)
        for template in pod_templates(manifest)
    ]
    # Elsewhere than on ACK there are no classes, and jobs say by themselves where they run.
    if environment.job_classes and not any(CLASS_LABEL in template.labels for _, _, template in templates):
        yield Problem(
            "pod templates", len(templates), f"none has the label {CLASS_LABEL}; name one of jobClasses there"
        )
    plans = job_class_plans(environment)
    for path, manifest, template in templates:
        namespace = str((manifest.get("metadata") or {}).get("namespace", ""))
        for problem in _template_problems(environment, plans, template, namespace):
            yield problem.under(f"{path} {template.path}".rstrip())


def _with_embedded(manifests: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Manifests by kind and name, and those that workflows create behind them."""
    for manifest in manifests:
        path = f"{manifest['kind']}/{(manifest.get('metadata') or {}).get('name', '')}"
        yield path, manifest
        for where, job in embedded(manifest):
            yield f"{path} {where} {job['kind']}", job


def tenant_problems(
    environment: Environment, tenants: Mapping[str, TenantPlan], manifests: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """What the tenants of the jobs' namespaces refuse; paths start with kind and name."""
    owners = {space.name: (plan, space) for plan in tenants.values() for space in plan.namespaces}
    placements = {name: plan.placement for name, plan in job_class_plans(environment).items()} if owners else {}
    for path, manifest in _with_embedded(manifests):
        metadata = manifest.get("metadata") or {}
        plan, space = owners.get(str(metadata.get("namespace", "")), (None, None))
        if plan is None or space is None:
            continue
        # A pod is a template, too.
        whole = refusals(plan.admission, manifest) if manifest["kind"] != "Pod" else ()
        yield from (Problem(path, None, f"{plan.name}: {why}") for why in whole)
        known = [account.name for account in space.service_accounts]
        for template in pod_templates(placed(manifest, placements, CLASS_LABEL)):
            where = f"{path} {template.path}".rstrip()
            pod = {"apiVersion": "v1", "kind": "Pod", "spec": template.pod_spec(manifest)}
            yield from (Problem(where, None, f"{plan.name}: {why}") for why in refusals(plan.admission, pod))
            colocated = environment.job_classes.get(template.labels.get(CLASS_LABEL, ""))
            if colocated is not None and colocated.colocated and "cpu" not in template.requests:
                message = "state requests of cpu: 0 and memory: 0, too; else the namespace's defaults are added"
                yield Problem(f"{where}.resources", sorted(template.requests), message)
            account = template.spec.get("serviceAccountName") or template.spec.get("serviceAccount")
            if account and account not in (*known, "default"):
                yield Problem(f"{where}.serviceAccount", account, one_of(str(account), known, f"one of {space.name}"))


def queue_problems(
    environment: Environment, queues: QueuePlan, manifests: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """What keeps jobs from ever leaving their queue, or from starting together; paths start with kind and name."""
    classes = job_class_plans(environment)
    words = {*gang(queues).labels, *gang(queues).annotations}
    for path, manifest in _with_embedded(manifests):
        yield from (problem.under(path) for problem in gang_problems(manifest, queues))
        for template in pod_templates(manifest):
            args = environment.job_classes.get(template.labels.get(CLASS_LABEL, ""))
            together = words & {*template.labels, *template.annotations}
            if args is None or not together:
                continue
            plan = classes[template.labels[CLASS_LABEL]]
            if any(rung.kind == "serverless" for rung in (*plan.rungs, *plan.off_peak_rungs)):
                name = template.labels[CLASS_LABEL]
                message = f"the class {name} runs on serverless pods, too, which do not start together; use another"
                yield Problem(f"{path} {template.path}".rstrip(), sorted(together)[0], message)


def dataset_problems(
    environment: Environment, datasets: Mapping[str, DatasetPlan], manifests: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    """What keeps pods from mounting the datasets whose claims they name; paths start with kind and name."""
    placements = {name: plan.placement for name, plan in job_class_plans(environment).items()} if datasets else {}
    for path, manifest in _with_embedded(manifests) if datasets else ():
        namespace = str((manifest.get("metadata") or {}).get("namespace", ""))
        for template in pod_templates(placed(manifest, placements, CLASS_LABEL)):
            where = f"{path} {template.path}".rstrip()
            claims = [str((v.get("persistentVolumeClaim") or {}).get("claimName", "")) for v in _volumes(template)]
            named = [datasets[claim] for claim in claims if claim in datasets and namespace in datasets[claim].claims]
            caches = [plan.source or plan.name for plan in named]
            for plan, cache in zip(named, caches, strict=True):
                if caches.count(cache) > 1:
                    message = f"two claims of the cache {cache}, and a pod can mount one; mount it once, with subPath"
                    yield Problem(where, plan.name, message)
            affinity = (template.spec.get("affinity") or {}).get("nodeAffinity") or {}
            required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
            for term in required.get("nodeSelectorTerms") or () if named else ():
                expressions = term.get("matchExpressions") or ()
                virtual = {"key": "type", "operator": "In", "values": ["virtual-kubelet"]} in expressions
                if virtual and node_requirements(named[0])[0] not in expressions:
                    message = (
                        "may run on serverless pods, where no dataset is mounted; demand nodes by the affinity "
                        "type NotIn [virtual-kubelet], as the charts do"
                    )
                    yield Problem(where, named[0].name, message)


def _volumes(template: PodTemplate) -> Sequence[Mapping[str, Any]]:
    volumes: Sequence[Mapping[str, Any]] = template.spec.get("volumes") or ()
    return volumes


def _template_problems(
    environment: Environment, plans: Mapping[str, JobClassPlan], template: PodTemplate, namespace: str
) -> Iterator[Problem]:
    classes = environment.job_classes
    name = template.labels.get(CLASS_LABEL)
    if name is None:
        return
    path = f"labels.{CLASS_LABEL}"
    if name not in classes:
        yield Problem(path, name, one_of(name, classes, "one of jobClasses"))
        return
    args = classes[name]
    if template.role == "leader" and args.role != "leader":
        leaders = ", ".join(sorted(other for other, job in classes.items() if job.role == "leader"))
        yield Problem(
            path, name, f"is a class of role {args.role}, but the end of this pod ends the job: use {leaders}"
        )
    if namespace and namespace not in args.namespaces:
        yield Problem("namespace", namespace, f"not one of the class's: {', '.join(args.namespaces)}")
    try:
        shape = template.shape()
    except UnreadableQuantity as error:
        yield Problem("resources", None, str(error))
        return
    if shape is None:
        yield Problem("resources", None, "missing; say how much CPU and memory a pod asks for")
        return
    # On the pools of the class, whatever its shape: the affinity of the class sends it nowhere else.
    compute = whole_compute(environment)
    known = dict.fromkeys(rung.pool for rung in (*plans[name].rungs, *plans[name].off_peak_rungs) if rung.pool)
    compute = replace(compute, pools={pool: compute.pools[pool] for pool in known})
    job = args.model_copy(update={"pod": shape, "maximum_pods": 1, "maxima": {}, "pools": list(known) or None})
    try:
        plan = plan_job_classes({name: job}, compute, environment.scheduling)[name]
    except InvalidInput as invalid:
        for problem in invalid.problems:
            yield Problem("resources", shape.text, problem.message)
        return
    asked, expected = (set(names) - COMMON for names in (template.requests, plan.placement["resources"]["requests"]))
    if asked != expected:
        wanted = f"ask for {', '.join(sorted(expected))}" if expected else "ask for cpu and memory alone"
        yield Problem("resources", sorted(asked), f"pods of this class {wanted}")
    selector = template.spec.get("nodeSelector") or {}
    pools = [environment.node_pools[rung.pool] for rung in (*plan.rungs, *plan.off_peak_rungs) if rung.pool]
    labels = [plan_node_pool(pool, rung).labels for rung, pool in environment.node_pools.items() if pool in pools]
    own = {key: value for key, value in selector.items() if any(key in there for there in labels)}
    if own and not any(own.items() <= there.items() for there in labels):
        yield Problem("nodeSelector", own, "no node of the class has these labels; leave it out")


if __name__ == "__main__":
    sys.exit(main())
