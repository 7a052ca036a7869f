"""The page that tells a team what its tenant is, out of the same plans as the resources."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from components.history import RayServer
from components.history.planning import DASHBOARD_PORT, SPARK_PORT
from components.job_classes.planning import CLASS_LABEL
from components.manifests import number
from components.tenancy import Surroundings, TenantPlan
from components.tenancy.args import JobKind, Role
from components.tenancy.planning import BUDGET_PERCENT, NOTEBOOKS, exceptions, own_bucket, prefix_of
from components.tenancy.problems import promises
from components.tenancy.promises import NAMES

from .environment import Environment, job_class_plans
from .history import history_plan
from .tenancy import surroundings, tenant_plans
from .values import links_of

MAY: Mapping[Role, str] = {
    "owner": "all that engineers may, and read secrets",
    "engineer": "run jobs, notebooks and services, open shells, put secrets in place without reading them back",
    "viewer": "look on, without secrets",
    "automation": "submit jobs, without shells and secrets",
}
ACCOUNT_AT: Mapping[JobKind, str] = {
    "ray": "`serviceAccountName: ray` in the pod templates of head and workers",
    "spark": "`serviceAccount: spark` under `driver` and `executor`",
    "training": "`serviceAccountName: training` in the pod template of each replica",
    "inference": "`serviceAccountName: inference` in the pod template",
    "notebook": "`serviceAccountName: notebook` in the pod template",
    "workflow": "`serviceAccountName: workflow` in the spec of the Workflow",
}
"""Where the service account of each kind of job is named."""

LINK_NAMES = {
    "metrics": "metrics of a job",
    "logs": "logs of a job",
    "sparkHistory": "history of Spark jobs",
    "rayHistory": "history of Ray jobs",
}

QUOTAS: Mapping[str, str] = {
    "requests.cpu": "vCPU",
    "requests.memory": "memory GiB",
    "requests.nvidia.com/gpu": "GPUs",
    "requests.aliyun.com/gpu-mem": "GiB of shared GPUs",
    "pods": "pods",
}


def tenant_page(environment: Environment, stack: str, name: str) -> str:
    """What a team must know of its tenant, in Markdown. name: one of the environment's tenants."""
    around = surroundings(environment, stack)
    plan = tenant_plans(environment, around)[name]
    sections = {
        "Who": _people(plan, around),
        "Access": _access(environment, plan, around),
        "What it may use": _resources(plan),
        "Jobs": _jobs(environment, stack, plan, around),
        "Data": _data(environment, plan, around),
        "Network": _network(plan, around),
        "Logs": _logs(plan, around),
        "Finished jobs": _history(environment, stack, plan),
        "Notebooks": _notebooks(plan, around),
        "Budget and alarms": _budget(plan),
        "When it is removed": _removal(plan),
    }
    where = (
        f"the ACK cluster {around.name} in {environment.region}" if around.flavor == "ack" else "a Kubernetes cluster"
    )
    part = f", a part of {plan.args.parent}," if plan.args.parent else ""
    lines = [
        f"# {name} in {stack}",
        "",
        f"Generated from the environment {stack}; do not edit.",
        "",
        *([f"{plan.args.description}.", ""] if plan.args.description else []),
        f"The tenant `{name}`{part} shares {where}. Cost center: {plan.args.cost_center}.",
        *([] if environment.in_cluster else ["", "Nothing in the cluster is made yet: `inCluster` is false."]),
    ]
    for heading, content in sections.items():
        if body := "\n".join(content).strip():
            lines += ["", f"## {heading}", "", body]
    return "\n".join(lines) + "\n"


def _people(plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    def shown(member: str) -> str:
        kind, _, group = member.partition("/")
        people = around.groups.get(group, ()) if kind == "group" and around.flavor == "ack" else ()
        return f"{member} ({', '.join(people)})" if people else member

    rows = [(role, MAY[role], ", ".join(map(shown, who))) for role, who in plan.args.members().items() if who]
    yield from _table(("role", "may", "members"), rows)
    yield ""
    yield "Nobody here changes quotas, limits, network policies and roles: they come from the environment's file."


def _access(environment: Environment, plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    if around.flavor == "ack":
        yield (
            "Two things are needed: a role above, given to a RAM user or a RAM role, and the RAM permission to get the "
            "cluster's kubeconfig, which the platform's team gives."
        )
        if not environment.cluster.public_api:
            yield "The API server has no public address: connect from inside the VPC."
    else:
        yield "The cluster's identity provider says who is in which group."
    yield ""
    yield "```sh"
    yield from (f"kubectl auth can-i --list --namespace {space.name}" for space in plan.namespaces)
    yield "```"


def _resources(plan: TenantPlan) -> Iterator[str]:
    amounts = {path: promise for path, promise in promises(plan.args) if promise.most}
    rows = [(_resource(path), f"{promise.guaranteed:,g}", f"{promise.most:,g}") for path, promise in amounts.items()]
    yield "All namespaces together; the maximum when others leave it:"
    yield ""
    yield from _table(
        ("resource", "guaranteed", "maximum"), [*rows, ("pods", "", f"{plan.args.resources.pods:,}")], numbers=(1, 2)
    )
    if plan.args.throttling is not None:
        traffic = plan.args.throttling
        yield ""
        yield (
            f"OSS: the traffic class `{traffic.traffic_class}`, {traffic.guaranteed_gbps} Gbit/s of whose guaranteed "
            "download are the tenant's part."
        )
    yield ""
    yield "What each namespace may ask for:"
    yield ""
    keys = [key for key in QUOTAS if any(number(space.quota[key]) for space in plan.namespaces)]
    yield from _table(
        ("namespace", *(QUOTAS[key] for key in keys)),
        [(f"`{s.name}`", *(_amount(key, s.quota[key]) for key in keys)) for s in plan.namespaces],
        numbers=range(1, len(keys) + 1),
    )
    defaults = plan.args.pod_defaults
    yield ""
    yield (
        f"A container that states nothing gets {defaults.vcpu:g} vCPU and {defaults.memory_gib:g} GiB. "
        "There are no Services of type LoadBalancer and NodePort."
    )


def _resource(path: str) -> str:
    kind, _, model = path.partition(".")
    return f"GPUs {model}" if kind == "gpus" else " ".join(NAMES[path]).rstrip()


def _amount(key: str, quantity: str) -> str:
    return f"{number(quantity) / (2**30 if key == 'requests.memory' else 1):,.10g}"


def _jobs(environment: Environment, stack: str, plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    args, classes = plan.args, job_class_plans(environment)
    priorities = [f"job-{priority}" for priority in args.priorities]
    for space in plan.namespaces:
        yield f"### In `{space.name}`"
        yield ""
        if space.service_accounts:
            roles = any(account.role_name for account in space.service_accounts)
            columns = ("kind", "how its pods name their service account", *(("RAM role",) if roles else ()))
            rows = [
                (account.name, ACCOUNT_AT[account.name], *((f"`{account.role_name}`",) if roles else ()))
                for account in space.service_accounts
            ]
            yield from _table(columns, rows)
        else:
            yield "No kind of job has a service account here."
        yield ""
        here = {name: job for name, job in classes.items() if space.name in job.args.namespaces}
        if here:
            yield from _table(
                (f"`{CLASS_LABEL}`", "role", "a pod has", "priority class"),
                [
                    (f"`{name}`", job.args.role, job.args.pod.text, f"`job-{job.priority}`")
                    for name, job in here.items()
                ],
            )
        else:
            yield "No job class names this namespace; pods run there without one."
        yield ""
        if here:
            yield f"Submit values of one of the charts in `charts/`, or manifests with the pod label `{CLASS_LABEL}`:"
            yield ""
            yield "```sh"
            chart = f"make job ENV={stack} CHART=<chart> NAMESPACE={space.name} FILE=values.yaml"
            yield f"{chart} | kubectl apply --filename -"
            yield f"make job ENV={stack} FILE=job.yaml | kubectl apply --namespace {space.name} --filename -"
            yield "```"
            yield ""
    yield f"- Priority classes: {_code(priorities) or 'none'}."
    yield f"- Images from: {_code(plan.images) or 'nowhere: no registry is allowed'}."
    if plan.registry_namespace:
        pushed = " Jobs of kind workflow push to it." if _kinds(plan) & {"workflow"} else ""
        yield f"- Own images: the namespace `{plan.registry_namespace}` of the registry.{pushed}"
    if args.largest_job.pods is not None:
        yield f"- A job has at most {args.largest_job.pods:,} worker pods, and says how many it has."
    if args.largest_job.hours is not None:
        hours = args.largest_job.hours
        yield (
            f"- A job ends within {hours} hours: Jobs, RayJobs and PyTorchJobs set `activeDeadlineSeconds` of at most "
            f"{hours * 3600}."
        )
    yield f"- Pods are held to the pod security level {_code(_levels(plan))}."
    yield "- Volumes are claims, config maps, secrets or scratch space."


def _levels(plan: TenantPlan) -> list[str]:
    return sorted({space.args.pod_security for space in plan.namespaces})


def _kinds(plan: TenantPlan) -> set[str]:
    return {account.name for account in plan.accounts}


def _data(environment: Environment, plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    kinds = sorted(_kinds(plan))
    rows: list[tuple[str, ...]] = []

    def row(entry: str, bucket: str, prefix: str, writers: Iterable[str], others: str = "") -> None:
        write = [kind for kind in kinds if kind in writers]
        read = [kind for kind in kinds if kind not in write]
        rows.append(
            (entry, f"`oss://{around.buckets[bucket]}/{prefix}`", *(", ".join(k) for k in (write, read)), others)
        )

    for entry, own in plan.args.prefixes.items():
        others = ", ".join(f"tenant {reader}" for reader in own.readers)
        row(entry, own.bucket, prefix_of(plan.name, plan.args, entry), own.writers, others)
    for entry, dataset in plan.args.datasets.items():
        row(f"{entry} (dataset)", dataset.bucket, dataset.prefix, ())
    for role in plan.args.buckets:
        people = "owners and engineers that are RAM users write"
        row(f"{role} (own bucket)", own_bucket(plan.id, role), "", {*kinds} - {"inference"}, people)
    if rows:
        yield from _table(("what", "where", "kinds that write", "kinds that only read", "others"), rows)
    if plan.args.home is not None:
        home = plan.args.home
        yield from ("", f"In each namespace, the claim `home`: {home.size_gib:,} GiB of class `{home.storage_class}`.")
    for name, volume in environment.volumes.items():
        spaces = [space.name for space in plan.namespaces if space.name in volume.namespaces]
        if spaces:
            yield from ("", f"In {_code(spaces)}, the platform's claim `{name}`{', only to read' * volume.read_only}.")


def _network(plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    yield "Pods connect with these and nothing else:"
    yield ""
    yield from (f"- {exception}" for exception in exceptions(plan.args, around))
    if around.open_to:
        yield f"- in from the platform: {_code(around.open_to)}"


def _logs(plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    yield "Everybody above reads logs by `kubectl logs`."
    if plan.log_store and "logs" in around.systems:
        yield (
            f"What pods write to standard output is also kept in the log store `{plan.log_store}` of the project "
            f"`{around.log_project}`, for {plan.args.logs.retention_days} days."
        )
        engines = {kind for namespace in plan.namespaces for kind in namespace.args.jobs} & {"ray", "spark"}
        if engines:
            names = " and ".join(sorted(engine.capitalize() for engine in engines))
            yield f"What {names} themselves write is beside it, in `{plan.log_store}-engine`."


def _history(environment: Environment, stack: str, plan: TenantPlan) -> Iterator[str]:
    shown = history_plan(environment, stack)
    for server in (*shown.spark, *shown.ray) if shown else ():
        if shown is None or server.tenant != plan.name:
            continue
        engine, port = ("Ray", DASHBOARD_PORT) if isinstance(server, RayServer) else ("Spark", SPARK_PORT)
        page = "/select_cluster" if engine == "Ray" else ""
        yield (
            f"{engine}'s history server `{server.name}` shows the jobs of {_code(server.namespaces)} out of their "
            f"event logs in `{server.place}`. Owners, engineers and viewers open it at http://localhost:{port}{page} "
            "with:"
        )
        yield from ("", "```sh")
        yield f"kubectl --namespace {shown.args.namespace} port-forward pod/{server.pod} {port}"
        yield from ("```", "")
    for space in plan.namespaces:
        for what, address in links_of(environment, stack, space.name).items():
            yield from (f"In `{space.name}`, {LINK_NAMES[what]}: `{address}`.", "")


def _notebooks(plan: TenantPlan, around: Surroundings) -> Iterator[str]:
    if plan.args.working_hours is None:
        return
    label = ", ".join(f"{key}: {value}" for key, value in NOTEBOOKS.items())
    yield (
        f"Deployments and StatefulSets with the label `{label}` are scaled to nothing at {plan.args.working_hours.end} "
        f"({around.timezone}) every day. To start one again:"
    )
    yield ""
    yield "```sh"
    for space in plan.namespaces:
        if "notebook" in space.args.jobs:
            yield f"kubectl scale statefulset/<name> --replicas=1 --namespace {space.name}"
    yield "```"


def _budget(plan: TenantPlan) -> Iterator[str]:
    told = plan.args.notifications
    whom = [*told.mail]
    for count, what in ((len(told.dingtalk), "DingTalk robot"), (len(told.webhooks), "web hook")):
        # Their addresses are as good as passwords.
        whom += [f"{count} {what}{'s' * (count > 1)}"] if count else []
    if plan.args.budget:
        amounts = " + ".join(f"{currency} {amount:,.0f}" for currency, amount in plan.args.budget.items())
        percent = ", ".join(map(str, BUDGET_PERCENT))
        yield (
            f"Pods may cost {amounts} in 30 days, by what they request and at list prices. At {percent} % of it "
            f"{', '.join(whom)} {'is' if len(whom) == 1 else 'are'} told. It stops nothing."
        )
    else:
        yield "There is no budget, and so no alarm of the tenant's own."


def _removal(plan: TenantPlan) -> Iterator[str]:
    if plan.args.removal == "keep":
        yield "Access ends. Namespaces with their limits, buckets and logs stay."
    else:
        yield "Access ends, and namespaces with all in them, logs, and buckets once they are empty, are deleted."


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Iterable[int] = ()) -> Iterator[str]:
    right = set(numbers)
    yield f"| {' | '.join(columns)} |"
    yield f"|{'|'.join('--:' if index in right else '---' for index in range(len(columns)))}|"
    yield from (f"| {' | '.join(row)} |" for row in rows)
