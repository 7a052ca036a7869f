"""The in-cluster systems: operators and agents, as ACK add-ons or as charts, from one catalog.

`plan_systems` decides what is installed, in which form and order; `Platform` maps that plan to resources.
"""

import graphlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
from pydantic import JsonValue

from . import catalog
from .inputs import Args, InvalidInput, Problem, minor_version, one_of

Flavor = Literal["ack", "upstream"]

CHART_TIMEOUT_SECONDS = 600
"""How long a chart may take until its release is rolled back."""


class SystemArgs(Args):
    """One system of the catalog."""

    enabled: bool = True
    """Whether it is installed."""

    version: str | None = None
    """Version to pin. None: ACK's current version, or the chart version of the catalog."""

    values: Mapping[str, JsonValue] = {}
    """Add-on configuration or chart values, laid over the catalog's. Never put a secret here."""


@dataclass(frozen=True)
class SystemPlan:
    """One system as it will be installed. `package` is the add-on's or chart's name; `repository` is "" for add-ons."""

    name: str
    title: str
    channel: Literal["add-on", "chart"]
    package: str
    version: str | None
    repository: str
    namespace: str
    values: Mapping[str, Any]
    requires: Sequence[str]
    definitions: Sequence[str]
    cleanup_cloud_resources: bool
    log_project_key: str
    """Key of the configuration that takes the log project, "" where none is known."""
    unconfirmed: str
    """What no source confirms of this form, "" for nothing."""


def plan_systems(
    systems: Mapping[str, SystemArgs], flavor: Flavor, kubernetes_version: str | None = None
) -> Sequence[SystemPlan]:
    """Decide what is installed, each system after those that it requires.

    flavor: `ack` installs add-ons, `upstream` charts; kubernetes_version: `1.35` or longer, None: not checked. Raises
    `InvalidInput` with all problems; paths are relative to `systems`.
    """
    known = catalog.systems()
    enabled = {name: args for name, args in systems.items() if args.enabled}
    problems = [
        problem
        for name, args in systems.items()
        for problem in _problems(name, args, enabled, flavor, kubernetes_version)
    ]
    owners: dict[str, str] = {}
    for name in enabled:
        for definition in known.get(name, {}).get("definitions", ()):
            owner = owners.setdefault(definition, name)
            if owner != name and owner not in known[name].get("conflicts", ()):
                problems.append(Problem(name, None, f"brings the resource definition {definition}, which {owner} owns"))
    if problems:
        raise InvalidInput(problems)
    order = graphlib.TopologicalSorter({name: known[name].get("requires", ()) for name in enabled}).static_order()
    return [_plan(name, enabled[name], flavor) for name in order]


def _problems(
    name: str, args: SystemArgs, enabled: Mapping[str, SystemArgs], flavor: Flavor, version: str | None
) -> Iterator[Problem]:
    known = catalog.systems()
    if name not in known:
        yield Problem(name, None, one_of(name, known, "a system of the catalog"))
        return
    if not args.enabled:
        users = [other for other in enabled if other in known and name in known[other].get("requires", ())]
        if users:
            yield Problem(f"{name}.enabled", False, f"is needed by {', '.join(users)}")
        return
    entry = known[name]
    if flavor not in entry:
        yield Problem(name, None, f"has no {flavor} form; switch it off with enabled: false")
    for other in entry.get("conflicts", ()):
        if other in enabled and name < other:
            yield Problem(name, None, f"cannot run beside {other}; switch one of them off")
    for required in entry.get("requires", ()):
        if required not in enabled:
            yield Problem(name, None, f"needs {required}, which is not enabled")
    window = entry.get("kubernetes", {})
    minor = minor_version(version) if version else None
    lowest, highest = (minor_version(window.get(bound, "")) for bound in ("minimum", "maximum"))
    if minor and lowest and minor < lowest:
        yield Problem(name, None, f"needs Kubernetes {window['minimum']} or later, not {version}")
    if minor and highest and minor > highest:
        yield Problem(name, None, f"is tested up to Kubernetes {window['maximum']}, not with {version}")


def _plan(name: str, args: SystemArgs, flavor: Flavor) -> SystemPlan:
    entry = catalog.systems()[name]
    form = entry[flavor]
    return SystemPlan(
        name=name,
        title=entry["title"],
        channel="add-on" if flavor == "ack" else "chart",
        package=form["addon" if flavor == "ack" else "chart"],
        version=args.version or form.get("version"),
        repository=form.get("repository", ""),
        namespace=form.get("namespace", "kube-system"),
        values={**form.get("config", {}), **form.get("values", {}), **args.values},
        requires=entry.get("requires", ()),
        definitions=entry.get("definitions", ()),
        cleanup_cloud_resources=form.get("cleanupCloudResources", False),
        log_project_key=form.get("logProjectKey", ""),
        unconfirmed=form.get("unconfirmed", ""),
    )


def _config(system: SystemPlan, log_project: pulumi.Input[str] | None) -> pulumi.Input[str] | None:
    def text(project: str | None) -> str:
        values = dict(system.values) if project is None else {system.log_project_key: project, **system.values}
        # Compact and sorted, or every preview shows a change.
        return json.dumps(values, separators=(",", ":"), sort_keys=True)

    if system.log_project_key and log_project is not None:
        return pulumi.Output.from_input(log_project).apply(text)
    return text(None) if system.values else None


class Platform(pulumi.ComponentResource):
    """The systems of one cluster.

    On ACK each system is an add-on resource; on any other Kubernetes it is a Helm release, installed through the
    Kubernetes provider given in `opts`.

    Example:

        Platform("platform", {"kuberay": SystemArgs()}, flavor="ack", cluster_id=cluster.cluster_id)
    """

    systems: Mapping[str, pulumi.Resource]
    """The resource of each installed system: what uses a system's resource definitions depends on it."""

    plan: Sequence[SystemPlan]
    """The decisions behind the resources."""

    def __init__(
        self,
        resource_name: str,
        systems: Mapping[str, SystemArgs],
        *,
        flavor: Flavor,
        kubernetes_version: str | None = None,
        cluster_id: pulumi.Input[str] | None = None,
        log_project: pulumi.Input[str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Plan the systems and register them.

        cluster_id: the ACK cluster, required with flavor `ack`; log_project: for the add-ons that take one;
        deleted_with: the cluster's resource, whose end makes the removal of each add-on needless. Raises
        `InvalidInput` with all problems before anything is registered.
        """
        self.plan = plan_systems(systems, flavor, kubernetes_version)
        if flavor == "ack" and cluster_id is None:
            raise InvalidInput([Problem("cluster_id", None, "missing; add-ons need the cluster's id")])
        super().__init__("ack-ai-blueprint:platform:Platform", resource_name, None, opts)
        installed: dict[str, pulumi.Resource] = {}
        for system in self.plan:
            needs = [installed[name] for name in system.requires]
            if system.channel == "chart":
                installed[system.name] = kubernetes.helm.v3.Release(
                    f"{resource_name}-{system.name}",
                    name=system.package,
                    chart=system.package,
                    version=system.version,
                    namespace=system.namespace,
                    create_namespace=True,
                    repository_opts={"repo": system.repository},
                    values=dict(system.values),
                    atomic=True,
                    timeout=CHART_TIMEOUT_SECONDS,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=needs),
                )
            else:
                cleans_up = system.cleanup_cloud_resources
                installed[system.name] = alicloud.cs.KubernetesAddon(
                    f"{resource_name}-{system.name}",
                    cluster_id=cluster_id or "",
                    # The provider would otherwise make up a name, and ACK answers AddonNotFound.
                    name=system.package,
                    version=system.version,
                    config=_config(system, log_project),
                    cleanup_cloud_resources=True if cleans_up else None,
                    # An add-on that made cloud resources must be removed while the cluster still runs.
                    opts=pulumi.ResourceOptions(
                        parent=self, depends_on=needs, deleted_with=None if cleans_up else deleted_with
                    ),
                )
        self.systems = installed
        self.register_outputs({"systems": {system.name: system.version or "current" for system in self.plan}})
