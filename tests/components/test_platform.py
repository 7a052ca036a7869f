"""The systems: one catalog, two forms, an order that is computed, and releases that the platform can rely on."""

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
from pydantic import JsonValue

from components import catalog
from components.inputs import InvalidInput
from components.platform import Flavor, OperatorResources, OperatorsArgs, Placement, Platform, SystemArgs, plan_systems
from components.platform import planning as planning_module
from components.platform.component import ingress_rules
from components.platform.planning import MAINLAND_CHARTS, OTHER_CHARTS, Form, closure, form_of
from components.platform.upgrades import upgrades
from components.platform.values import at, merged, mirrored, mirrored_images, secret_problems, value_problems
from stacks.preview.recording import Recorded, Recording
from support import named, recorded

ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon"
RELEASE = "kubernetes:helm.sh/v3:Release"
KUBECTL = "registry.k8s.io/kubectl:v1.35.0"
FLAVORS: tuple[Flavor, ...] = ("ack", "upstream")


def _platform(systems: Mapping[str, SystemArgs], flavor: Flavor = "ack", **further: Any) -> Recording:
    planned = {key: further.pop(key) for key in ("operators", "placement", "region") if key in further}
    arguments: dict[str, Any] = {"cluster_id": "c1", "kubectl_image": KUBECTL, **further}
    return recorded(lambda: Platform("platform", plan_systems(systems, flavor, **planned), **arguments))


def _problems(systems: Mapping[str, SystemArgs], flavor: Flavor = "ack", version: str | None = None) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        plan_systems(systems, flavor, version)
    return str(caught.value).splitlines()


def _forms() -> Iterator[Form]:
    for name, entry in catalog.systems().items():
        for flavor in FLAVORS:
            if flavor in entry:
                yield form_of(name, flavor)


FORMS = list(_forms())
CHARTS = [form for form in FORMS if form.channel in ("chart", "marketplace chart")]


def test_add_ons_have_their_own_name_and_a_stable_configuration() -> None:
    values: dict[str, JsonValue] = {"b": "2", "a": {"y": 1, "x": 2}}
    recording = _platform({"prometheus": SystemArgs(values=values), "kuberay": SystemArgs(version="v1.7.0")})
    prometheus = named(recording, "platform-prometheus").inputs
    assert prometheus["name"] == "arms-prometheus"
    assert prometheus["config"] == '{"a":{"x":2,"y":1},"b":"2","prometheusMode":"default"}'
    assert json.loads(prometheus["config"])
    kuberay = named(recording, "platform-kuberay").inputs
    assert kuberay == {"clusterId": "c1", "name": "kuberay-operator", "version": "v1.7.0"}


def test_a_system_that_made_cloud_resources_is_removed_before_the_cluster() -> None:
    def program() -> None:
        import pulumi

        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        systems = {"virtual-node": SystemArgs(), "kuberay": SystemArgs(), "keda": SystemArgs()}
        Platform("platform", plan_systems(systems, "ack"), cluster_id="c1", deleted_with=cluster)

    recording = recorded(program)
    assert named(recording, "platform-virtual-node").options.deleted_with == ""
    assert named(recording, "platform-virtual-node").inputs["cleanupCloudResources"] is True
    assert named(recording, "platform-kuberay").options.deleted_with.endswith("::cluster")
    releases = [resource for resource in recording.resources if resource.type == RELEASE]
    assert all(release.options.deleted_with.endswith("::cluster") for release in releases)


def test_systems_that_take_a_log_project_get_it() -> None:
    systems = {"node-problem-detector": SystemArgs(), "logs": SystemArgs()}
    recording = _platform(systems, log_project="acme-logs")
    detector = named(recording, "platform-node-problem-detector").inputs
    assert detector["config"] == '{"sls_project_name":"acme-logs"}'
    assert named(recording, "platform-logs").inputs["config"] == '{"IngressDashboardEnabled":"false"}'


def _release(recording: Recording, name: str) -> Recorded:
    (release,) = [r for r in recording.resources if r.type == RELEASE and r.name == f"platform-{name}"]
    return release


def test_releases_are_atomic_and_bounded() -> None:
    args = SystemArgs(replicas=2, values={"reconcileConcurrency": 3}, resources=OperatorResources(vcpu=0.5))
    operators = OperatorsArgs(timeout_seconds=300)
    recording = _platform({"kuberay": args}, "upstream", operators=operators)
    release = _release(recording, "kuberay")
    assert release.inputs["repositoryOpts"] == {"repo": "https://ray-project.github.io/kuberay-helm/"}
    assert (release.inputs["atomic"], release.inputs["createNamespace"]) == (True, True)
    assert (release.inputs["timeout"], release.inputs["maxHistory"], release.inputs["skipAwait"]) == (300, 5, False)
    values = release.inputs["values"]
    assert (values["replicas"], values["reconcileConcurrency"]) == (2, 3)
    assert values["priorityClassName"] == "system-cluster-critical"
    assert values["resources"] == {
        "requests": {"cpu": "500m", "memory": "256Mi"},
        "limits": {"cpu": "2000m", "memory": "2048Mi"},
    }
    assert "nodeSelector" not in values


def test_controllers_run_where_the_platform_says() -> None:
    placement = Placement({"workload": "system"}, [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}])
    recording = _platform({"spark-operator": SystemArgs()}, "upstream", placement=placement)
    values = _release(recording, "spark-operator").inputs["values"]
    for part in ("controller", "webhook"):
        assert values[part]["nodeSelector"] == {"workload": "system"}
        assert values[part]["tolerations"] == [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}]


def test_every_controller_has_a_budget_of_its_own() -> None:
    recording = _platform({"koordinator": SystemArgs(replicas=2)}, "upstream")
    budgets = [r for r in recording.resources if r.type == "kubernetes:policy/v1:PodDisruptionBudget"]
    selected = [budget.inputs["spec"]["selector"]["matchLabels"]["koord-app"] for budget in budgets]
    assert selected == ["koord-manager", "koord-scheduler", "koord-descheduler"]
    assert len({budget.inputs["metadata"]["name"] for budget in budgets}) == 3


@pytest.mark.parametrize("flavor", FLAVORS)
def test_agents_run_where_what_they_watch_is(flavor: Flavor) -> None:
    placement = Placement({"workload": "system"})
    plan = plan_systems({"gpu-exporter": SystemArgs()}, flavor, placement=placement)[-1]
    assert plan.values["nodeSelector"] in ({"workload": "gpu"}, {"nvidia.com/gpu.present": "true"})
    assert plan.values["tolerations"] == [{"operator": "Exists"}]


def test_webhooks_of_a_marketplace_chart_are_open_as_those_of_its_project() -> None:
    for name, entry in catalog.systems().items():
        own = entry.get("ack")
        if isinstance(own, dict) and own.get("marketplace") and own["chart"].startswith("ack-spark"):
            assert own["webhookPorts"] == entry["upstream"]["webhookPorts"], name


def test_controllers_of_several_pods_have_a_disruption_budget() -> None:
    operators = OperatorsArgs(replicas=2)
    systems = {"kuberay": SystemArgs(), "spark-operator": SystemArgs()}
    recording = _platform(systems, "upstream", operators=operators)
    assert _release(recording, "spark-operator").inputs["values"]["controller"]["podDisruptionBudget"] == {
        "enable": True
    }
    budgets = [r for r in recording.resources if r.type == "kubernetes:policy/v1:PodDisruptionBudget"]
    assert [budget.name for budget in budgets] == ["platform-kuberay"]
    kubernetes_validate.validate(dict(budgets[0].inputs), "1.35", strict=True)
    assert budgets[0].inputs["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == "kuberay-operator"
    assert any(urn.endswith("Release::platform-kuberay") for urn in budgets[0].dependencies)
    alone = _platform({"kuberay": SystemArgs()}, "upstream")
    assert not [r for r in alone.resources if r.type == "kubernetes:policy/v1:PodDisruptionBudget"]


def test_images_and_charts_come_from_a_mirror() -> None:
    operators = OperatorsArgs(registry="mirror.example.com/k8s", chart_repository="oci://mirror.example.com/charts")
    recording = _platform({"kuberay": SystemArgs(), "spark-operator": SystemArgs()}, "upstream", operators=operators)
    kuberay, spark = (_release(recording, name).inputs for name in ("kuberay", "spark-operator"))
    assert kuberay["values"]["image"]["repository"] == "mirror.example.com/k8s/kuberay/operator"
    assert kuberay["chart"] == "oci://mirror.example.com/charts/kuberay-operator"
    assert "repositoryOpts" not in kuberay
    # The repository has no host of its own: the chart joins the two.
    assert spark["values"]["image"] == {"registry": "mirror.example.com/k8s"}


def test_a_repository_keeps_to_the_host_that_the_chart_has_for_it() -> None:
    images = {"host": "quay.io", "a.repository": "x/a", "b.image": "ghcr.io/x/b"}
    assert mirrored_images(images, "m.example") == {"host": "m.example", "b.image": "m.example/x/b"}
    beside = {"a.registry": "quay.io", "a.repository": "x/a", "b.repository": "x/b"}
    assert mirrored_images(beside, "m.example") == {"a.registry": "m.example", "b.repository": "m.example/x/b"}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("quay.io/kuberay/operator", "m.example/x/kuberay/operator"),
        ("argoproj/argocli", "m.example/x/argoproj/argocli"),
        ("localhost:5000/a", "m.example/x/a"),
        ("quay.io", "m.example/x"),
        ("alpine", "m.example/x/alpine"),
    ],
)
def test_the_host_of_an_image_is_replaced(image: str, expected: str) -> None:
    assert mirrored(image, "m.example/x") == expected


@pytest.mark.parametrize(
    ("region", "repository"),
    [
        ("cn-hangzhou", MAINLAND_CHARTS),
        ("cn-hongkong", OTHER_CHARTS),
        ("ap-southeast-1", OTHER_CHARTS),
    ],
)
def test_marketplace_charts_come_from_the_repository_of_the_region(region: str, repository: str) -> None:
    (plan,) = plan_systems({"spark-operator": SystemArgs()}, "ack", region=region)
    assert (plan.channel, plan.repository) == ("marketplace chart", repository)
    assert plan.values["image"]["registry"] == f"registry-{region}-vpc.ack.aliyuncs.com"


def test_what_a_version_gets_wrong_is_mended_after_its_release() -> None:
    recording = _platform({"job-queue": SystemArgs()})
    release = _release(recording, "job-queue")
    assert (release.inputs["atomic"], release.inputs["skipAwait"]) == (False, True)
    job = next(r for r in recording.resources if r.type == "kubernetes:batch/v1:Job")
    assert job.inputs["metadata"]["name"].startswith("mend-job-extensions-")
    # Helm writes the wrong command back with each change of the values, so each has a Job of its own.
    other = _platform({"job-queue": SystemArgs(values={"global": {"clusterType": "other"}})})
    names = [r.inputs["metadata"]["name"] for r in other.resources if r.type == "kubernetes:batch/v1:Job"]
    assert names != [job.inputs["metadata"]["name"]]
    (container,) = job.inputs["spec"]["template"]["spec"]["containers"]
    assert container["image"] == KUBECTL
    assert '"value": "/usr/bin/kube-queue-controllers"' in container["args"][-1]
    role = next(r for r in recording.resources if r.type.endswith(":Role"))
    assert role.inputs["rules"][0]["resourceNames"] == ["job-extensions"]
    for resource in (job, role):
        kubernetes_validate.validate(dict(resource.inputs), "1.35", strict=True)
    with pytest.raises(InvalidInput, match="job-queue must be mended with kubectl"):
        _platform({"job-queue": SystemArgs()}, kubectl_image=None)


def test_manifests_are_those_of_the_version() -> None:
    recording = _platform({"training-operator": SystemArgs(version="1.9.3")}, "upstream")
    directory = named(recording, "platform-training-operator")
    assert directory.type == "kubernetes:kustomize/v2:Directory"
    assert "?ref=v1.9.3&" in directory.inputs["directory"]


def test_a_namespace_is_open_to_the_platform_and_for_what_it_serves() -> None:
    recording = _platform({"argo-workflows": SystemArgs(), "keda": SystemArgs()}, "upstream")
    policies = {r.name: r for r in recording.resources if r.type.endswith(":NetworkPolicy")}
    assert sorted(policies) == ["platform-argo", "platform-keda"]
    for policy in policies.values():
        kubernetes_validate.validate(dict(policy.inputs), "1.35", strict=True)
    first, served = policies["platform-argo"].inputs["spec"]["ingress"]
    assert first["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"] == ["argo", "keda", "kube-system"]
    assert served == {"ports": [{"protocol": "TCP", "port": 2746}], "from": [{"namespaceSelector": {}}]}
    _, webhooks = policies["platform-keda"].inputs["spec"]["ingress"]
    assert webhooks == {"ports": [{"protocol": "TCP", "port": 6443}, {"protocol": "TCP", "port": 9443}]}
    assert not [
        r
        for r in _platform({"keda": SystemArgs()}, "upstream", network_policies=False).resources
        if r.type.endswith(":NetworkPolicy")
    ]


def test_kubernetes_own_namespace_is_left_open() -> None:
    recording = _platform({"metrics-server": SystemArgs()}, "upstream")
    assert named(recording, "platform-metrics-server").inputs["namespace"] == "kube-system"
    assert not [r for r in recording.resources if r.type.endswith(":NetworkPolicy")]
    assert ingress_rules([], ["kube-system"]) == ingress_rules([], ["kube-system"])[:1]


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A catalog in which `top` needs `middle`, which needs `bottom`; `rival` brings a definition of `bottom`."""
    systems: dict[str, Any] = {
        "top": {"title": "", "ack": {"addon": "top"}, "requires": ["middle"]},
        "middle": {"title": "", "ack": {"addon": "middle"}, "requires": ["bottom"]},
        "bottom": {"title": "", "ack": {"addon": "bottom"}, "definitions": ["things.example.com"]},
        "rival": {"title": "", "ack": {"addon": "rival"}, "definitions": ["things.example.com"]},
        "enemy": {"title": "", "ack": {"addon": "enemy"}, "conflicts": ["bottom"]},
        "old": {"title": "", "ack": {"addon": "old"}, "kubernetes": {"minimum": "1.30", "maximum": "1.34"}},
        "open": {
            "title": "",
            "upstream": {
                "chart": "open",
                "repository": "https://charts.example.com",
                "namespace": "open",
                "releases": [
                    {"version": "1.0", "kubernetes": {"maximum": "1.30"}, "definitions": ["olds.example.com"]},
                    {"version": "2.0", "kubernetes": {"minimum": "1.33"}, "changes": "Everything."},
                ],
                "definitions": ["news.example.com"],
            },
        },
    }
    monkeypatch.setattr(planning_module.catalog, "systems", lambda: systems)
    monkeypatch.setattr(planning_module.catalog, "chart_values", lambda: {"open": {"replicas": "number"}})
    form_of.cache_clear()
    yield systems
    form_of.cache_clear()


@pytest.mark.usefixtures("invented")
def test_what_a_system_requires_comes_first_and_along() -> None:
    plans = plan_systems({"top": SystemArgs()}, "ack")
    assert [plan.name for plan in plans] == ["bottom", "middle", "top"]
    assert [plan.needed_by for plan in plans] == [["middle"], ["top"], ()]
    assert sorted(closure({"top": SystemArgs()}, "ack")) == ["bottom", "middle", "top"]
    recording = _platform({"top": SystemArgs()})
    assert named(recording, "platform-top").dependencies == (named(recording, "platform-middle").urn,)


@pytest.mark.usefixtures("invented")
@pytest.mark.parametrize(
    ("systems", "version", "messages"),
    [
        (
            {"top": SystemArgs(), "bottom": SystemArgs(enabled=False)},
            None,
            ["bottom.enabled = False: is needed by middle"],
        ),
        (
            {"bottom": SystemArgs(), "rival": SystemArgs()},
            None,
            ["rival = None: brings the resource definition things.example.com, which bottom owns"],
        ),
        (
            {"bottom": SystemArgs(), "enemy": SystemArgs()},
            None,
            ["enemy = None: cannot run beside bottom; switch one of them off"],
        ),
        ({"old": SystemArgs()}, "1.29.1", ["old = None: needs Kubernetes 1.30 or later, not 1.29.1"]),
        (
            {"old": SystemArgs()},
            "1.35",
            ["old = None: is tested up to Kubernetes 1.34, not with 1.35; untested: true takes the risk"],
        ),
        ({"botom": SystemArgs()}, None, ["botom = None: not a system of the catalog; did you mean 'bottom'?"]),
        ({"open": SystemArgs()}, None, ["open = None: has no ack form; switch it off with enabled: false"]),
        (
            {"bottom": SystemArgs(replicas=2)},
            None,
            ["bottom.replicas = 2: the add-on bottom does not take it"],
        ),
    ],
)
def test_requirements_conflicts_owners_and_windows(
    systems: dict[str, SystemArgs], version: str | None, messages: list[str]
) -> None:
    assert _problems(systems, "ack", version) == messages


@pytest.mark.usefixtures("invented")
def test_a_version_has_its_own_window_and_definitions() -> None:
    (old,) = plan_systems({"open": SystemArgs(version="1.0")}, "upstream", "1.30")
    (new,) = plan_systems({"open": SystemArgs()}, "upstream", "1.35")
    assert (old.definitions, new.definitions) == (["olds.example.com"], ["news.example.com"])
    assert _problems({"open": SystemArgs(version="1.0")}, "upstream", "1.35")
    assert plan_systems({"open": SystemArgs(version="1.0", untested=True)}, "upstream", "1.35")


@pytest.mark.usefixtures("invented")
def test_an_upgrade_says_what_it_changes() -> None:
    systems = {"open": SystemArgs(version="1.0", values={"replicas": 2}), "bottom": SystemArgs(enabled=False)}
    (upgrade,) = upgrades(plan_systems(systems, "upstream"), systems, "upstream")
    assert (upgrade.current, upgrade.newest, upgrade.known) == ("1.0", "2.0", True)
    assert upgrade.changes == {"2.0": "Everything."}
    assert (upgrade.definitions_added, upgrade.definitions_removed) == (["news.example.com"], ["olds.example.com"])
    assert upgrade.kubernetes == "Kubernetes 1.33 or later"
    (unknown,) = upgrades(plan_systems({"open": SystemArgs(version="1.5")}, "upstream"), {}, "upstream")
    assert not unknown.known
    assert not upgrades(plan_systems({"open": SystemArgs()}, "upstream"), {}, "upstream")


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_system_of_the_catalog_can_be_installed_in_each_of_its_forms(flavor: Flavor) -> None:
    offered = [name for name, entry in catalog.systems().items() if flavor in entry]
    assert offered
    for name in offered:
        needed = merged(*(at(path, "stated") for path in form_of(name, flavor).data.get("needs", ())))
        if needed:
            assert any("missing" in message for message in _problems({name: SystemArgs()}, flavor))
        plans = plan_systems({name: SystemArgs(values=needed)}, flavor, region="cn-hangzhou")
        assert plans[-1].name == name


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_requirement_of_the_catalog_holds(flavor: Flavor) -> None:
    """A system that another needs cannot be switched off, one test a requirement."""
    needs = [(form.name, other) for form in FORMS for other in form.requires if form == _form(form.name, flavor)]
    assert needs
    for name, required in needs:
        systems = {name: SystemArgs(), required: SystemArgs(enabled=False)}
        assert f"{required}.enabled = False: is needed by {name}" in _problems(systems, flavor)


def _form(name: str, flavor: Flavor) -> Form | None:
    return form_of(name, flavor) if flavor in catalog.systems()[name] else None


@pytest.mark.parametrize("flavor", FLAVORS)
def test_every_conflict_of_the_catalog_is_refused(flavor: Flavor) -> None:
    pairs = {
        tuple(sorted((form.name, other)))
        for form in FORMS
        for other in form.conflicts
        if form == _form(form.name, flavor) and flavor in catalog.systems().get(other, {})
    }
    assert pairs
    for one, other in pairs:
        messages = _problems({one: SystemArgs(), other: SystemArgs()}, flavor)
        assert any("cannot run beside" in message for message in messages), (one, other)


@pytest.mark.parametrize("form", [f for f in FORMS if f.releases], ids=lambda form: f"{form.name}-{form.channel}")
def test_every_window_of_the_catalog_is_checked(form: Form) -> None:
    flavor = "ack" if form == _form(form.name, "ack") else "upstream"
    for release in form.releases:
        window: Mapping[str, str] = release.get("kubernetes", {})
        for bound, step, words in (("minimum", -1, "needs Kubernetes"), ("maximum", 1, "is tested up to")):
            if bound in window:
                minor = int(window[bound].partition(".")[2]) + step
                args = {form.name: SystemArgs(version=release["version"])}
                assert any(
                    message.startswith(f"{form.name} = None: {words}")
                    for message in _problems(args, flavor, f"1.{minor}")
                )


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_definition_has_one_owner(flavor: Flavor) -> None:
    """Two systems that bring the same definition conflict, so they never run together."""
    forms = [form for name in catalog.systems() if (form := _form(name, flavor))]
    for one, other in itertools.combinations(forms, 2):
        if {*one.definitions} & {*other.definitions}:
            assert other.name in one.conflicts or one.name in other.conflicts, (one.name, other.name)


def test_requirements_and_conflicts_name_systems_of_the_catalog() -> None:
    known = catalog.systems()
    for form in FORMS:
        assert {*form.requires, *form.conflicts} <= set(known), form.name
        assert not {*form.requires} & {*form.conflicts}


@pytest.mark.parametrize("form", CHARTS, ids=lambda form: f"{form.name}-{form.channel}")
def test_what_the_catalog_sets_are_values_of_the_chart(form: Form) -> None:
    """The catalog's own values, and the paths that the platform sets, are in the chart's tree of values."""
    tree = catalog.chart_values().get(form.package)
    if tree is None:
        assert form.channel == "marketplace chart", f"{form.package}: no values known"
        return
    assert not list(value_problems(form.package, form.data.get("values", {})))
    paths = [
        path
        for key in (
            "replicas",
            "resources",
            "nodeSelector",
            "tolerations",
            "priorityClassName",
            "images",
            "disruptionBudget",
        )
        for path in form.data.get(key, ())
    ]
    for path in paths:
        first, _, rest = path.partition(".")
        assert first in tree, f"{form.package}: {path}"
        below = tree[first]
        if rest and isinstance(below, Mapping):
            assert rest.partition(".")[0] in below, f"{form.package}: {path}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replica": 2}, "values.replica = 2: not a value of the chart kuberay-operator; did you mean 'replicas'?"),
        ({"replicas": "two"}, "values.replicas = 'two': must be a number"),
        ({"replicas": True}, "values.replicas = True: must be a number"),
        ({"image": "x"}, "values.image = 'x': must be a mapping"),
        (
            {"image": {"repositry": "x"}},
            "values.image.repositry = '…': not a value of the chart kuberay-operator; did you mean 'repository'?",
        ),
    ],
)
def test_values_are_typed(values: dict[str, Any], message: str) -> None:
    assert [str(problem) for problem in value_problems("kuberay-operator", values)] == [message]
    assert _problems({"kuberay": SystemArgs(values=values)}, "upstream") == [f"kuberay.{message}"]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"auth": {"password": "hunter2"}}, "values.auth.password"),
        ({"env": [{"name": "X", "value": "LTAI5tExampleExample00"}]}, "values.env[0].value"),
        ({"accessKeySecret": "abc"}, "values.accessKeySecret"),
        ({"tls": {"key": "-----BEGIN RSA PRIVATE KEY-----"}}, "values.tls.key"),
        ({"fernetKey": "a"}, "values.fernetKey"),
        ({"hub": {"cookieSecret": "a"}}, "values.hub.cookieSecret"),
        ({"data": {"metadataConnection": {"pass": "a"}}}, "values.data.metadataConnection.pass"),
        ({"env": [{"name": "DB_PASSWORD", "value": "a"}]}, "values.env[0].value"),
        ({"database": "postgresql://user:hunter2@db/x"}, "values.database"),
    ],
)
def test_secrets_are_refused_and_not_repeated(values: dict[str, Any], path: str) -> None:
    (problem,) = secret_problems("values", values)
    assert problem.path == path
    assert problem.value == "…"


@pytest.mark.parametrize(
    "values",
    [
        {"existingSecret": "db"},
        {"passwordSecretName": "db"},
        {"existingDatabaseSecret": {"name": "db", "passwordKey": "password"}},
        {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
        {"password": ""},
        {"token": None},
        {"secretKey": 3},
        {"url": "https://example.com/a@b"},
    ],
)
def test_names_of_secrets_are_no_secrets(values: dict[str, Any]) -> None:
    assert not list(secret_problems("values", values))


def test_later_values_win_and_lists_are_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1]}}, at("a.c", [2]), {"a": {"d": None}}) == {"a": {"b": 1, "c": [2], "d": None}}


def test_what_needs_the_api_server_can_be_left_out() -> None:
    plans = plan_systems({"kuberay": SystemArgs(), "kserve": SystemArgs()}, "ack", charts=False)
    assert [plan.name for plan in plans] == ["kuberay"]


def test_add_ons_need_a_cluster() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="the add-ons kuberay need the cluster's id"):
            Platform("platform", plan_systems({"kuberay": SystemArgs()}, "ack"))

    assert recorded(program).resources == []
