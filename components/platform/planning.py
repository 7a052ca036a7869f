"""Decides which in-cluster systems are installed, in which form and order, and with which values."""

import functools
import graphlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .. import catalog
from ..inputs import InvalidInput, Problem, minor_version, one_of
from .args import Flavor, OperatorsArgs, SystemArgs
from .values import chart_values, merged, secret_problems, stated, value_problems

Channel = Literal["add-on", "marketplace chart", "chart", "manifests"]
"""ACK's component catalogue, the repository of its cloud-native AI suite, a community's chart, or its manifests where
it publishes no chart."""

MAINLAND_CHARTS = "https://aliacs-app-catalog.oss-cn-hangzhou.aliyuncs.com/charts-incubator/"
OTHER_CHARTS = "https://aliacs-k8s-ap-southeast-1.oss-ap-southeast-1.aliyuncs.com/app/charts-incubator"
"""ACK's repository of marketplace charts, and its mirror outside the mainland.
Source: AliyunContainerService/benchmark-for-spark@6cb2181a docs/benchmark/setup.md, April 2025."""


SHARED_NAMESPACE = "kube-system"
"""Namespace of Kubernetes' own parts, and of ACK's add-ons where the catalog names no other."""


@dataclass(frozen=True)
class Placement:
    """Where the controllers of systems run. Empty: anywhere."""

    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class SystemPlan:
    """One system as it will be installed.

    package: the add-on's or chart's name; version: None for ACK's current one; repository: of the chart, or the
    directory of the manifests, "" for add-ons; release_namespace: where Helm keeps the release, if not in `namespace`,
    which the chart then makes itself; needed_by: systems for which it comes along, where nobody asked for it;
    definitions: the custom resource definitions that it owns; replicas: of its controllers, 0 for add-ons; budgets:
    labels of each controller's pods that need a disruption budget beside the chart, none where the chart makes it or
    there is one pod; patches: what a version gets wrong, as one value of a Deployment: `deployment`, `path`, `to`;
    log_project_key: key of the configuration that takes the log project, "" where none is known; unconfirmed:
    what no source confirms of this form, "" for nothing.
    """

    name: str
    title: str
    channel: Channel
    package: str
    version: str | None
    repository: str
    namespace: str
    values: Mapping[str, Any]
    requires: Sequence[str]
    definitions: Sequence[str]
    needed_by: Sequence[str] = ()
    replicas: int = 0
    budgets: Sequence[Mapping[str, str]] = ()
    webhook_ports: Sequence[int] = ()
    serves: Sequence[int] = ()
    timeout_seconds: int = 600
    patches: Sequence[Mapping[str, str]] = ()
    release_namespace: str = ""
    cleanup_cloud_resources: bool = False
    log_project_key: str = ""
    unconfirmed: str = ""

    @property
    def in_cluster(self) -> bool:
        """Whether it is installed through the cluster's API server, and not by ACK."""
        return self.channel != "add-on"


def plan_systems(
    systems: Mapping[str, SystemArgs],
    flavor: Flavor,
    kubernetes_version: str | None = None,
    *,
    operators: OperatorsArgs | None = None,
    placement: Placement | None = None,
    region: str = "",
    charts: bool = True,
    wiring: Mapping[str, Mapping[str, Any]] | None = None,
) -> Sequence[SystemPlan]:
    """Decide what is installed, each system after those that it requires, which come along.

    flavor: `ack` takes the ACK form of each, `upstream` the open one; kubernetes_version: `1.35` or longer, None: not
    checked; region: of the ACK cluster, which chooses between the repositories of marketplace charts; charts: whether
    the cluster's API server is there to install charts through; wiring: values by system that follow from the rest of
    the platform, which `values` of a system win over. Raises `InvalidInput` with all problems; paths are relative to
    `systems`.
    """
    operators = operators or OperatorsArgs()
    wanted = closure(systems, flavor)
    problems = [
        problem
        for name, args in {**wanted, **systems}.items()
        for problem in _problems(name, args, wanted, systems, flavor, kubernetes_version)
    ]
    problems += _owner_problems(wanted, flavor)
    if problems:
        raise InvalidInput(problems)
    forms = {name: form_of(name, flavor) for name in wanted}
    users = {name: sorted(other for other in wanted if name in forms[other].requires) for name in wanted}
    order = graphlib.TopologicalSorter({name: forms[name].requires for name in wanted}).static_order()
    plans = [
        _plan(
            forms[name],
            wanted[name],
            operators,
            placement or Placement(),
            region,
            wiring.get(name, {}) if wiring else {},
            () if name in systems else users[name],
        )
        for name in order
    ]
    return [plan for plan in plans if charts or not plan.in_cluster]


@dataclass(frozen=True)
class Form:
    """A system in one of its forms, as the catalog states it. data: the form's own part."""

    name: str
    title: str
    channel: Channel
    package: str
    requires: Sequence[str]
    conflicts: Sequence[str]
    definitions: Sequence[str]
    data: Mapping[str, Any]

    @property
    def releases(self) -> Sequence[Mapping[str, Any]]:
        """What the catalog knows of its versions, the oldest first."""
        return self.data.get("releases", ())

    def release(self, version: str | None) -> Mapping[str, Any]:
        """What the catalog knows of a version, and of the newest where it does not know it."""
        known = [release for release in self.releases if release["version"] == version]
        return known[0] if known else self.releases[-1] if self.releases else {}

    def window(self, version: str | None = None) -> Mapping[str, str]:
        """The `minimum` and `maximum` Kubernetes that a version takes, as far as known; None: the newest."""
        return {**self.data.get("kubernetes", {}), **self.release(version).get("kubernetes", {})}


@functools.cache
def form_of(name: str, flavor: Flavor) -> Form:
    """A system of the catalog in one flavour: on ACK it may be the open chart. Raises `KeyError`."""
    entry = catalog.systems()[name]
    data = entry[flavor]
    if data == "upstream":
        data = entry["upstream"]
    channel = _channel(data)
    return Form(
        name=name,
        title=entry["title"],
        channel=channel,
        package=data.get("addon") or data.get("chart") or name,
        requires=data.get("requires", entry.get("requires", ())),
        conflicts=data.get("conflicts", entry.get("conflicts", ())),
        definitions=data.get("definitions", entry.get("definitions", ())),
        data={**({"kubernetes": entry["kubernetes"]} if "kubernetes" in entry else {}), **data},
    )


def window_text(window: Mapping[str, str]) -> str:
    """The Kubernetes versions that a system takes, in words; "" where none are known."""
    bounds = [window[bound] for bound in ("minimum", "maximum") if bound in window]
    return f"Kubernetes {' to '.join(bounds)}{' or later' if 'maximum' not in window else ''}" if bounds else ""


def _channel(data: Mapping[str, Any]) -> Channel:
    if "addon" in data:
        return "add-on"
    if "manifests" in data:
        return "manifests"
    return "marketplace chart" if data.get("marketplace") else "chart"


def closure(systems: Mapping[str, SystemArgs], flavor: Flavor) -> dict[str, SystemArgs]:
    """The enabled systems of this flavour with all that they require, unless it is switched off."""
    known = catalog.systems()
    wanted = {name: args for name, args in systems.items() if args.enabled}
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if flavor not in known.get(name, {}):
            continue
        for required in form_of(name, flavor).requires:
            if required not in wanted and (required not in systems or systems[required].enabled):
                wanted[required] = SystemArgs()
                todo.append(required)
    return {name: args for name, args in wanted.items() if flavor in known.get(name, {})}


def _problems(
    name: str,
    args: SystemArgs,
    wanted: Mapping[str, SystemArgs],
    systems: Mapping[str, SystemArgs],
    flavor: Flavor,
    version: str | None,
) -> Iterator[Problem]:
    known = catalog.systems()
    if name not in known:
        yield Problem(name, None, one_of(name, known, "a system of the catalog"))
        return
    if not args.enabled:
        users = sorted(other for other in wanted if name in form_of(other, flavor).requires)
        if users:
            yield Problem(f"{name}.enabled", False, f"is needed by {', '.join(users)}")
        return
    if flavor not in known[name]:
        yield Problem(name, None, f"has no {flavor} form; switch it off with enabled: false")
        return
    form = form_of(name, flavor)
    for other in form.conflicts:
        if other in wanted and (name < other or name not in form_of(other, flavor).conflicts):
            yield Problem(name, None, f"cannot run beside {other}; switch one of them off")
    window = form.window(args.version)
    minor = minor_version(version) if version else None
    lowest, highest = (minor_version(window.get(bound, "")) for bound in ("minimum", "maximum"))
    if minor and lowest and minor < lowest and not args.untested:
        yield Problem(name, None, f"needs Kubernetes {window['minimum']} or later, not {version}")
    if minor and highest and minor > highest and not args.untested:
        message = f"is tested up to Kubernetes {window['maximum']}, not with {version}; untested: true takes the risk"
        yield Problem(name, None, message)
    if name in systems:
        yield from (problem.under(name) for problem in _setting_problems(form, args))


def _setting_problems(form: Form, args: SystemArgs) -> Iterator[Problem]:
    for key in ("replicas", "resources"):
        value = getattr(args, key)
        if value is not None and not form.data.get(key):
            shown = value if key == "replicas" else value.model_dump(by_alias=True)
            yield Problem(key, shown, f"the {form.channel} {form.package} does not take it")
    secrets = list(secret_problems("values", args.values))
    yield from secrets
    if secrets:
        return  # What is wrong beside them would repeat them.
    if form.channel == "manifests" and args.values:
        yield Problem("values", dict(args.values), f"{form.name} is installed by its manifests, which take no values")
    elif form.channel != "add-on":
        yield from value_problems(form.package, args.values)
    for path in form.data.get("needs", ()):
        if not stated(args.values, path):
            yield Problem(f"values.{path}", None, f"missing; {form.package} has no default that would do")


def _owner_problems(wanted: Mapping[str, SystemArgs], flavor: Flavor) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for name in wanted:
        form = form_of(name, flavor)
        shared: dict[str, list[str]] = {}
        for definition in form.definitions:
            owner = owners.setdefault(definition, name)
            if owner != name and owner not in form.conflicts and name not in form_of(owner, flavor).conflicts:
                shared.setdefault(owner, []).append(definition)
        for owner, definitions in shared.items():
            what = "the resource definition" if len(definitions) == 1 else "the resource definitions"
            yield Problem(name, None, f"brings {what} {', '.join(definitions)}, which {owner} owns")


def _plan(
    form: Form,
    args: SystemArgs,
    operators: OperatorsArgs,
    placement: Placement,
    region: str,
    wired: Mapping[str, Any],
    needed_by: Sequence[str],
) -> SystemPlan:
    data = form.data
    version = args.version or (form.releases[-1]["version"] if form.releases else None)
    shared: dict[str, Any] = {
        "name": form.name,
        "title": form.title,
        "channel": form.channel,
        "package": form.package,
        "version": version,
        "requires": form.requires,
        "definitions": form.release(version).get("definitions", form.definitions),
        "needed_by": needed_by,
        "unconfirmed": data.get("unconfirmed", ""),
    }
    if form.channel == "add-on":
        return SystemPlan(
            repository="",
            namespace=data.get("namespace", SHARED_NAMESPACE),
            values={**data.get("config", {}), **args.values},
            cleanup_cloud_resources=data.get("cleanupCloudResources", False),
            log_project_key=data.get("logProjectKey", ""),
            **shared,
        )
    replicas = (args.replicas or operators.replicas) if data.get("replicas") else 1
    values = chart_values(
        data,
        version=version or "",
        region=region,
        replicas=replicas,
        resources=args.resources or operators.resources,
        operators=operators,
        node_selector=placement.node_selector,
        tolerations=placement.tolerations,
    )
    own_budget = replicas > 1 and not data.get("disruptionBudget")
    return SystemPlan(
        repository=_repository(form, version, operators, region),
        namespace=data["namespace"],
        values=merged(values, wired, args.values),
        replicas=replicas,
        budgets=data.get("selectors", ()) if own_budget else (),
        webhook_ports=data.get("webhookPorts", ()),
        serves=data.get("serves", ()),
        timeout_seconds=operators.timeout_seconds,
        patches=[
            {key: text for key, text in patch.items() if key != "versions"}
            for patch in data.get("patches", ())
            if version in patch["versions"]
        ],
        release_namespace=data.get("releaseNamespace", ""),
        **shared,
    )


def _repository(form: Form, version: str | None, operators: OperatorsArgs, region: str) -> str:
    if form.channel == "manifests":
        directory: str = form.data["manifests"]
        return directory.format(version=version)
    if form.channel == "marketplace chart":
        return MAINLAND_CHARTS if region.startswith("cn-") and region != "cn-hongkong" else OTHER_CHARTS
    return operators.chart_repository or form.data["repository"]
