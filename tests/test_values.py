"""What the charts are told of a namespace: classes, service accounts, queue and buckets, as its environment says."""

from typing import Any

import pytest
import yaml

from charts.rendering import PLATFORM, one, render
from components.inputs import InvalidInput
from components.job_templates.common import PlatformValues
from stacks import values
from stacks.charts import chart_names
from stacks.environment import Environment, job_class_plans
from stacks.loading import load_environment, read_stack_config
from stacks.values import dumped, platform_values
from support import ROOT, environment, overlaid

ENDPOINT = {"region": "cn-hangzhou", "endpoint": "oss-cn-hangzhou-internal.aliyuncs.com"}
KUEUE = {"kueue.x-k8s.io/queue-name": "default"}
QUOTA = "quota.scheduling.koordinator.sh/name"
RESOURCES = {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
KOORDINATOR: dict[str, Any] = {
    "queues": {"engine": "koordinator"},
    "systems": {"koordinator": {}, "koord-queue": {}, "job-queue": {"enabled": False}},
}


def _shipped(stack: str, namespace: str) -> PlatformValues:
    return platform_values(load_environment(stack, read_stack_config(stack)), stack, namespace)


def _printed(stack: str, namespace: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert values.main([stack, namespace]) == 0, capsys.readouterr().err
    printed: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return printed


@pytest.mark.parametrize(
    ("namespace", "tenant", "classes", "accounts", "queue", "buckets", "logs"),
    [
        (
            "ray",
            ("data", "data-200"),
            ["ray-head", "ray-worker"],
            ["ray"],
            "root-data",
            ["raw", "curated", "event-logs"],
            "oss://acme-prod-event-logs/data/",
        ),
        (
            "spark",
            ("data", "data-200"),
            ["spark-driver", "spark-executor", "large-memory"],
            ["spark"],
            "root-data",
            ["raw", "curated", "event-logs"],
            "oss://acme-prod-event-logs/data/",
        ),
        (
            "training",
            ("pretraining", "llm-100"),
            ["training-small", "training-large", "pipeline"],
            ["training", "workflow"],
            "root-pretraining",
            ["checkpoints", "models", "curated"],
            "",
        ),
        ("serving", ("inference", "serve-300"), ["inference"], ["inference"], "root-inference", [], ""),
        (
            "notebooks",
            ("research", "lab-400"),
            ["notebook", "training-small"],
            ["notebook", "training"],
            "root-research",
            ["research-scratch", "curated"],
            "",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_a_namespace_of_production(
    namespace: str,
    tenant: tuple[str, str],
    classes: list[str],
    accounts: list[str],
    queue: str,
    buckets: list[str],
    logs: str,
) -> None:
    found = _shipped("prod", namespace)
    assert (found.environment, found.namespace, found.scheduler_name) == ("prod", namespace, "")
    assert (found.tenant, found.cost_center) == tenant
    assert sorted(found.job_classes) == sorted(classes)
    assert list(found.service_accounts) == accounts
    assert found.queue.name == queue
    # Only what the tenant reads or writes, whatever else the environment has.
    assert found.object_storage.buckets == {role: f"acme-prod-{role}" for role in buckets}
    assert found.object_storage.event_logs == logs


def test_jobs_of_production_wait_suspended_and_start_together() -> None:
    queue = _shipped("prod", "ray").queue
    assert sorted(queue.markers) == ["Job", "PyTorchJob", "RayJob", "SparkApplication", "TFJob"]
    assert queue.markers["RayJob"].suspend is queue.markers["Job"].suspend is True
    for kind in ("PyTorchJob", "SparkApplication", "TFJob"):
        assert queue.markers[kind].annotations == {"scheduling.x-k8s.io/suspend": "true"}
        assert queue.markers[kind].suspend is False
    assert queue.gang_labels == {
        "pod-group.scheduling.sigs.k8s.io/name": "{name}",
        "pod-group.scheduling.sigs.k8s.io/min-available": "{pods}",
    }
    assert queue.gang_annotations == {}


@pytest.mark.parametrize(
    ("stack", "namespace", "claim"),
    [
        ("prod", "spark", "spark-events-data"),
        ("prod", "backfill", "spark-events-data"),
        ("prod", "ray", ""),
        ("dev", "spark", "spark-events"),
    ],
)
def test_drivers_write_where_the_history_server_reads(stack: str, namespace: str, claim: str) -> None:
    history = _shipped(stack, namespace).history
    assert (history.spark_claim, history.spark_directory) == (claim, "")


@pytest.mark.parametrize(
    ("place", "directory"), [({"claim": "logs"}, ""), ({"directory": "s3a://logs/{tenant}"}, "s3a://logs/playground")]
)
def test_upstream_only_an_address_is_known_to_drivers(place: dict[str, str], directory: str) -> None:
    found = platform_values(
        environment(
            "local",
            history={"spark": {"image": "docker.io/apache/spark:4.0.1", **place}},
            tenants={"playground": {"namespaces": {"playground": {"jobs": ["spark"]}}}},
            systems={"spark-operator": {}},
        ),
        "local",
        "playground",
    )
    assert (found.history.spark_claim, found.history.spark_directory) == ("", directory)


@pytest.mark.parametrize("namespace", ["ray", "training", "serving"])
def test_placements_are_those_of_the_classes(namespace: str) -> None:
    plans = job_class_plans(load_environment("prod", read_stack_config("prod")))
    for name, placement in _shipped("prod", namespace).job_classes.items():
        assert placement.model_dump(by_alias=True, mode="json") == plans[name].placement


@pytest.mark.parametrize(
    ("stack", "namespace", "classes"),
    [
        ("dev", "spark", ["spark-driver", "spark-executor"]),
        ("dev", "notebooks", ["notebook"]),
        ("staging", "training", ["training-large", "training-small"]),
    ],
)
def test_without_tenants_a_namespace_is_one_of_a_class(stack: str, namespace: str, classes: list[str]) -> None:
    shipped = load_environment(stack, read_stack_config(stack))
    found = platform_values(shipped, stack, namespace)
    assert sorted(found.job_classes) == classes
    history = {"history"} if namespace == "spark" else set[str]()
    assert dumped(found).keys() == {"environment", "namespace", "jobClasses", "objectStorage", *history}
    # Nobody says who uses which bucket, so all are there, each as a whole.
    assert found.object_storage.buckets == shipped.bucket_names(stack)
    assert found.object_storage.event_logs == f"oss://acme-{stack}-event-logs/"


def test_elsewhere_there_are_markers_and_accounts_but_neither_classes_nor_buckets() -> None:
    found = _shipped("local", "playground")
    keys = {"environment", "namespace", "tenant", "costCenter", "queue", "serviceAccounts", "datasets"}
    assert dumped(found).keys() == keys
    assert (found.tenant, found.cost_center, *found.service_accounts) == ("playground", "none", "ray", "notebook")
    assert found.queue.name == "root-playground"
    for kind in ("Job", "RayJob", "RayService", "SparkApplication", "TrainJob"):
        assert found.queue.markers[kind].labels == KUEUE
    for kind in ("RayCluster", "RayJob", "SparkApplication"):
        assert found.queue.markers[kind].elastic == {"kueue.x-k8s.io/elastic-job": "true"}
    assert found.queue.markers["Workflow"].pods == KUEUE
    # Kueue admits a job as a whole.
    assert (found.queue.gang_labels, found.queue.gang_annotations) == ({}, {})


def test_koordinator_has_a_scheduler_of_its_own() -> None:
    found = platform_values(environment("local", **KOORDINATOR), "local", "playground")
    assert found.scheduler_name == "koord-scheduler"
    assert found.queue.markers["RayJob"].labels == found.queue.markers["RayJob"].pods == {QUOTA: "playground"}
    assert found.queue.markers["RayJob"].suspend is True
    assert found.queue.gang_labels == {}
    assert found.queue.gang_annotations == {
        "gang.scheduling.koordinator.sh/name": "{name}",
        "gang.scheduling.koordinator.sh/min-available": "{pods}",
    }
    job = one(render("ray-job", {**_minimal(found), "platform": dumped(found)}, namespace="playground"), "RayJob")
    assert job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["schedulerName"] == "koord-scheduler"


@pytest.mark.parametrize(
    "further",
    [{"queues": {"enabled": False}}, {"queues": {"enabled": False, "engine": "koordinator"}}],
    ids=["kueue", "koordinator"],
)
def test_where_jobs_do_not_queue_nothing_is_said_of_queues(further: dict[str, Any]) -> None:
    found = platform_values(environment("local", **further), "local", "playground")
    assert "queue" not in dumped(found)
    assert found.scheduler_name == ""


@pytest.mark.parametrize(
    ("made", "stack", "namespace", "message"),
    [
        (
            environment("prod"),
            "prod",
            "rya",
            "namespace = 'rya': not one of the environment's; allowed: backfill, nightly, notebooks, ray, serving, "
            "spark, training",
        ),
        (environment("prod"), "prod", "trainings", "not one of the environment's; did you mean 'training'?"),
        (
            environment("local"),
            "local",
            "ray",
            "namespace = 'ray': not one of the environment's; allowed: playground",
        ),
        (environment("local", tenants={"playground": None}), "local", "playground", "there is none"),
    ],
    ids=["another", "near", "local", "none"],
)
def test_an_unknown_namespace(made: Environment, stack: str, namespace: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        platform_values(made, stack, namespace)
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("stack", "namespace", "message"),
    [
        ("dev", "spakr", "namespace = 'spakr': not one of the environment's; did you mean 'spark'?\n"),
        ("nowhere", "spark", "'nowhere' is not an environment"),
    ],
)
def test_what_is_wrong_is_said(stack: str, namespace: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert values.main([stack, namespace]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_what_is_not_set_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    printed = _printed("prod", "ray", capsys)
    assert list(printed) == ["platform"]
    assert printed["platform"] == dumped(_shipped("prod", "ray"))
    assert dumped(PlatformValues.model_validate(printed["platform"])) == printed["platform"]
    assert not {"schedulerName", "gangAnnotations"} & {*printed["platform"], *printed["platform"]["queue"]}


STEP = {"successCondition": "a == b", "failureCondition": "a == c", "manifest": "kind: Job\n"}
MINIMAL: dict[str, dict[str, Any]] = {
    "inference-service": {},
    "notebook": {},
    "ray-cluster": {"workers": {"text": {}}},
    "ray-job": {"entrypoint": "python /app/a.py", "workers": {"text": {}}},
    "ray-service": {"serveConfig": "applications: []", "workers": {"text": {}}},
    "spark-job": {"mainApplicationFile": "local:///a.py"},
    "training-job": {},
    "workflow": {"steps": {"data": {"job": STEP}}},
    "zeppelin": {"anonymous": True},
}
NAMESPACES = {
    **dict.fromkeys(("ray-cluster", "ray-job", "ray-service"), "ray"),
    **dict.fromkeys(("training-job", "workflow"), "training"),
    "inference-service": "serving",
    "notebook": "notebooks",
    "spark-job": "spark",
    "zeppelin": "notebooks",
}


def _minimal(platform: PlatformValues) -> dict[str, Any]:
    """A Ray job for where there may be no classes."""
    own = {} if platform.job_classes else {"jobClass": "", "resources": RESOURCES}
    return {"image": "example.com/ray:1", **MINIMAL["ray-job"], "head": own, "workers": {"text": own}}


@pytest.mark.parametrize("chart", sorted(MINIMAL))
def test_what_is_printed_feeds_every_chart(chart: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(chart_names()) == set(MINIMAL)
    given: dict[str, Any] = {"image": "example.com/image:1", **MINIMAL[chart]}
    given |= _printed("prod", NAMESPACES[chart], capsys)
    manifests = render(chart, given, namespace=NAMESPACES[chart])
    tenants = {manifest["metadata"]["labels"]["tenant"] for manifest in manifests}
    assert tenants == {given["platform"]["tenant"]}


def test_the_charts_are_tested_with_what_an_environment_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert PLATFORM.keys() == _printed("prod", "ray", capsys)["platform"].keys()


def test_a_part_of_another_tenant_has_a_queue_of_its_own() -> None:
    resources = {"vcpu": {"maximum": 4}, "memoryGib": {"maximum": 8}, "pods": 9}
    part = {"owners": ["group/kids"], "costCenter": "kids", "parent": "playground", "resources": resources}
    made = environment("local", tenants={"corner": part})
    assert platform_values(made, "local", "corner").queue.name == "root-playground-corner"
    assert platform_values(made, "local", "playground").queue.name == "root-playground-playground-own"


def test_an_overlaid_environment_prints_its_own_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = overlaid("dev", {"prefix": "mine"})
    monkeypatch.setattr(values, "read_stack_config", lambda stack: changed)
    buckets = _printed("dev", "spark", capsys)["platform"]["objectStorage"]["buckets"]
    assert buckets["raw"] == "mine-dev-raw"


def test_every_namespace_of_every_environment_has_values() -> None:
    for path in sorted((ROOT / "stacks").glob("Pulumi.*.yaml")):
        stack = path.name.split(".")[1]
        shipped = load_environment(stack, read_stack_config(stack))
        spaces = {space for args in shipped.job_classes.values() for space in args.namespaces}
        spaces |= {space for name, args in shipped.tenants.items() for space in args.namespaces_of(name)}
        assert spaces
        for namespace in spaces:
            assert platform_values(shipped, stack, namespace).namespace == namespace


NODES_ALONE = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
"""Fluid mounts nothing on virtual nodes."""


def _holds(cache: str) -> dict[str, Any]:
    """A preference for nodes that hold a part of a cache."""
    held = {"key": f"fluid.io/s-datasets-{cache}", "operator": "Exists"}
    return {"weight": 100, "preference": {"matchExpressions": [held]}}


IN_ZONE = {
    "weight": 50,
    "preference": {
        "matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["cn-hangzhou-i"]}]
    },
}


@pytest.mark.parametrize(
    ("namespace", "datasets"),
    [
        ("training", {"tokens": ("tokens", True, True, [_holds("tokens"), IN_ZONE])}),
        (
            "notebooks",
            {
                "images": ("images", True, True, [_holds("images")]),
                # A part of another has that one's cache, and is where that one is.
                "tokens-english": ("tokens", True, True, [_holds("tokens"), IN_ZONE]),
                # Nothing caches it, so no node holds any of it, and there is nothing to wait for.
                "workspace": ("workspace", False, False, []),
            },
        ),
        ("serving", {"model-cache": ("model-cache", True, True, [_holds("model-cache")])}),
        *((namespace, {}) for namespace in ("ray", "spark", "nightly", "backfill")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_said_of_datasets(
    namespace: str, datasets: dict[str, tuple[str, bool, bool, list[dict[str, Any]]]]
) -> None:
    found = _shipped("prod", namespace)
    assert found.datasets.keys() == datasets.keys()
    for name, (cache, read_only, waits, prefers) in datasets.items():
        dataset = found.datasets[name]
        assert (dataset.claim, dataset.cache, dataset.read_only, dataset.waits) == (name, cache, read_only, waits)
        assert [dict(entry) for entry in dataset.requires] == [NODES_ALONE]
        assert [dict(entry) for entry in dataset.prefers] == prefers
    # With it pods wait until all is cached; there is no other use for it.
    assert found.kubectl_image == ("registry.k8s.io/kubectl:v1.35.0" if datasets else "")
    assert ("kubectlImage" in dumped(found)) == ("datasets" in dumped(found)) == bool(datasets)


def test_readers_of_a_cache_that_may_not_cross_zones_must_be_in_its_own() -> None:
    made = environment("prod", datasets={"tokens": {"crossZone": False}})
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["cn-hangzhou-i"]}
    for namespace, name in (("training", "tokens"), ("notebooks", "tokens-english")):
        found = platform_values(made, "prod", namespace).datasets[name]
        assert [dict(entry) for entry in found.requires] == [NODES_ALONE, zone]


def test_nobody_waits_for_a_cache_that_never_holds_all() -> None:
    small = {
        "mounts": {"a": {"uri": "s3://samples/a/"}},
        "sizeGib": 1000,
        "namespaces": ["training"],
        "runtime": {"workers": 1, "tier": {"medium": "local-disk", "quotaGib": 100}},
    }
    part = {"of": "small", "directory": "/a", "namespaces": ["training"]}
    found = platform_values(environment("staging", datasets={"small": small, "part": part}), "staging", "training")
    assert [found.datasets[name].waits for name in ("small", "part")] == [False, False]


def test_elsewhere_datasets_are_claims_too() -> None:
    found = _shipped("local", "playground")
    dataset = found.datasets["zookeeper"]
    assert (dataset.claim, dataset.cache, dataset.read_only) == ("zookeeper", "zookeeper", True)
    # AlluxioRuntime does not say reliably when all is cached.
    assert dataset.waits is False
