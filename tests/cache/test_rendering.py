"""The objects of Fluid, checked against the models of its own SDK, and those of its autoscalers."""

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any, cast

import fluid.models
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.datasets import (
    AROUND,
    CACHING,
    HERE,
    JUICE,
    NFS,
    POOLS,
    RAW,
    UPSTREAM,
    around,
    dataset,
    part,
    plan,
    pool,
    problems,
)
from components.cache import CachingArgs, DatasetArgs, DatasetSurroundings, plan_datasets
from components.cache.planning import MEMORY_PATH
from components.cache.rendering import (
    KINDS,
    Manifest,
    claims,
    node_preferences,
    node_requirements,
    profile,
    render,
    scaled,
)

GROUP = "data.fluid.io/v1alpha1"
MISSING = {
    "ThinFuseSpec": {"lifecycle": "V1Lifecycle", "podMetadata": "PodMetadata"},
    "JuiceFSRuntimeSpec": {"management": "RuntimeManagement"},
}
"""Fields of fluid v1.0.8 (api/v1alpha1) that the SDK lacks."""

SIMPLE: Mapping[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi)?"
ENUMS: Mapping[tuple[str, str], str] = {
    ("Level", "mediumtype"): "MEM|SSD|HDD",
    ("Level", "volumeType"): "hostPath|emptyDir",
    ("Level", "quota"): QUANTITY,
    ("Level", "quotaList"): f"{QUANTITY}(,{QUANTITY})+",
    ("Level", "path"): "/.+",
    ("Level", "high"): r"0\.[0-9]+",
    ("Level", "low"): r"0\.[0-9]+",
    ("DatasetSpec", "placement"): "Exclusive|Shared",
    ("JindoRuntimeSpec", "networkmode"): "HostNetwork|ContainerNetwork",
    ("DataLoadSpec", "policy"): "Once|Cron",
    ("DataMigrateSpec", "policy"): "Once|Cron",
    ("ScriptProcessor", "restartPolicy"): "Never|OnFailure",
    ("OperationRef", "kind"): "DataLoad|DataBackup|DataMigrate|DataProcess",
    ("Mount", "mountPoint"): ".{5,}",
    **{
        (f"{kind}FuseSpec", "cleanPolicy"): "OnDemand|OnRuntimeDeleted"
        for kind in ("Jindo", "Alluxio", "JuiceFS", "Thin")
    },
    **{
        (f"{kind}{part}", "networkMode"): "HostNetwork|ContainerNetwork"
        for kind in ("Alluxio", "JuiceFS")
        for part in ("CompTemplateSpec", "FuseSpec")
    },
}
"""What of fluid's CRDs is an enumeration or a pattern, and what Fluid reads as one."""

REQUIRED: Mapping[str, set[str]] = {
    "Level": {"mediumtype", "volumeType", "path", "high", "low"},
    "Mount": {"mountPoint", "name"},
    "DataLoadSpec": {"dataset", "target", "policy"},
    "TargetDataset": {"name", "namespace"},
    "TargetPath": {"path"},
    "TargetDatasetWithMountPath": {"name", "namespace", "mountPath"},
    "DataMigrateSpec": {"from", "to", "policy"},
    "DatasetToMigrate": {"name", "namespace"},
    "ExternalStorage": {"uri"},
    "OperationRef": {"kind", "name", "namespace"},
    "ScriptProcessor": {"source", "restartPolicy", "image", "imageTag"},
    "ThinRuntimeProfileSpec": {"fileSystemType"},
}
"""What the CRDs, or their controllers, miss."""


def _complaints(model: str, value: Any, path: str = "") -> Iterator[str]:
    """What an object has that its model does not know."""
    if model in SIMPLE:
        if not isinstance(value, SIMPLE[model]) or (isinstance(value, bool) and model != "bool"):
            yield f"{path}: {value!r} is no {model}"
    elif item := re.fullmatch(r"list\[(.+)\]", model):
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
        else:
            for index, entry in enumerate(cast(list[Any], value)):
                yield from _complaints(item[1], entry, f"{path}[{index}]")
    elif item := re.fullmatch(r"dict\(str, (.+)\)", model):
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no mapping"
        else:
            for key, entry in cast(dict[str, Any], value).items():
                yield from _complaints(item[1], entry, f"{path}.{key}")
    elif not isinstance(value, dict):
        yield f"{path}: {value!r} is no {model}"
    else:
        known = getattr(fluid.models, model)
        types: dict[str, str] = {known.attribute_map[key]: of for key, of in known.openapi_types.items()}
        types |= MISSING.get(model, {})
        fields = cast(dict[str, Any], value)
        for key in sorted(REQUIRED.get(model, set()) - fields.keys()):
            yield f"{path}.{key}: missing"
        for key, entry in fields.items():
            if key not in types:
                yield f"{path}.{key}: unknown to {model}"
                continue
            yield from _complaints(types[key], entry, f"{path}.{key}")
            if (model, key) in ENUMS and not re.fullmatch(ENUMS[model, key], str(entry)):
                yield f"{path}.{key}: {entry!r} is not one of {ENUMS[model, key]}"


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return json.loads(json.dumps(value))


def _object_complaints(manifest: Manifest) -> list[str]:
    found = [*_complaints(manifest["kind"], _plain(manifest))]
    if manifest["apiVersion"] != GROUP:
        found.append(f"apiVersion: {manifest['apiVersion']}")
    return found


KEYS = {"accessKeyId": {"name": "keys", "key": "id"}, "accessKeySecret": {"name": "keys", "key": "secret"}}
WINDOWS = {"night": {"start": "0 20 * * *", "end": "0 8 * * *", "workers": 4}}
NOON = {"noon": {"start": "0 11 * * *", "end": "0 13 * * *", "workers": 3}}
EVERYTHING: Mapping[str, DatasetArgs] = {
    "tokens": dataset(
        RAW,
        consistency="periodic",
        refresh="0 1 * * *",
        zone=HERE,
        loads={
            "first": {"once": True, "paths": ["/a", "/b"]},
            "then": {"after": "first", "metadata": False},
            "nightly": {"readyBy": "0 6 * * *"},
        },
        processes={"unpack": {"image": "registry:5000/tools:1.2", "script": "tar -xf a.tar", "after": "first"}},
        scaling={"windows": WINDOWS},
        runtime={"workers": 2, "copies": 2, "network": "container", "master": {"replicas": 3}},
    ),
    "kept": dataset(runtime={"master": {"metadata": {}, "memoryLimitGib": None}, "properties": {"a": "b"}}),
    "memory": dataset(pool="fast", runtime={"shareNodes": False, "fuse": {"cleanUp": "when-unused"}}),
    "disks": dataset(pool="disks", runtime={"tier": {"medium": "cloud-disk"}}),
    "two-mounts": dataset({"one": {"claim": "old", "path": "/a/"}, "two": {"uri": "s3://a/b", "secrets": KEYS}}),
    "alluxio": dataset(
        {"data": {"uri": "s3://samples/output/"}},
        consistency="separate-writes",
        runtime={"kind": "alluxio", "cleanUp": {"graceSeconds": 5}, "network": "container"},
        scaling={"metric": {"query": "sum(up)", "server": "http://p:9090", "perWorker": 2.5, "maximum": 4}},
    ),
    "juice": dataset(
        {"data": {"uri": "juicefs:///work", "secrets": {"metaurl": {"name": "juice", "key": "metaurl"}}}},
        consistency="read-write",
        runtime={"cleanUp": {}},
        migrations={
            "in": {"source": "oss://a/b", "secrets": KEYS, "path": "/in"},
            "out": {"target": "oss://a/c", "schedule": "0 3 * * *"},
            "last": {"target": "oss://a/d", "after": "in"},
        },
        scaling={"windows": WINDOWS},
    ),
    "home": dataset({"data": {"fileSystem": "home", "path": "/users"}}, consistency="read-write"),
    "piece": part("tokens"),
}
TOKENS = "-".join(["tokens", "token"])
SERVERS = {"data": "home.cn-hangzhou.nas.aliyuncs.com/users"}
RICH = around(systems=None, pools={**POOLS, "nvme": pool("nvme", "ecs.i4.8xlarge", 8, kind="cache")})


def _all(datasets: Mapping[str, DatasetArgs] = EVERYTHING, surroundings: DatasetSurroundings = RICH) -> list[Manifest]:
    plans = plan_datasets(datasets, CACHING, surroundings)
    return [
        manifest
        for name, found in plans.items()
        for manifest in [*render(found, SERVERS if name == "home" else {}, CACHING), *claims(found)]
    ]


def _one(kind: str, name: str) -> Any:
    (found,) = (
        manifest
        for manifest in _all()
        if (manifest["kind"], manifest["metadata"]["name"]) == (kind, name)
        and manifest["metadata"]["namespace"] == "datasets"
    )
    return found


def test_every_object_of_fluid_is_one_that_fluid_knows() -> None:
    manifests = [*_all(), profile(CACHING)]
    fluids = [manifest for manifest in manifests if manifest["apiVersion"] == GROUP]
    assert {manifest["kind"] for manifest in fluids} == {
        *("Dataset", "JindoRuntime", "AlluxioRuntime", "JuiceFSRuntime", "ThinRuntime", "ThinRuntimeProfile"),
        *("DataLoad", "DataProcess", "DataMigrate"),
    }
    for manifest in fluids:
        assert not _object_complaints(manifest)


@pytest.mark.parametrize("args", [dataset(), dataset(JUICE), dataset(runtime={"kind": "jindo"})])
def test_every_object_upstream_is_one_that_fluid_knows(args: DatasetArgs) -> None:
    for manifest in _all({"tokens": args}, UPSTREAM):
        assert not _object_complaints(manifest)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("spec", "surprise"), 1, ".spec.surprise: unknown to JindoRuntimeSpec"),
        (("spec", "networkMode"), "HostNetwork", ".spec.networkMode: unknown to JindoRuntimeSpec"),
        (("spec", "worker", "affinity"), {}, ".spec.worker.affinity: unknown to JindoCompTemplateSpec"),
        (
            ("spec", "fuse", "resources", "request"),
            {},
            ".spec.fuse.resources.request: unknown to V1ResourceRequirements",
        ),
        (("spec", "replicas"), "2", ".spec.replicas: '2' is no int"),
        (("spec", "replicas"), True, ".spec.replicas: True is no int"),
        (("spec", "fuse", "args"), "-oro", ".spec.fuse.args: '-oro' is no list"),
        (("spec", "fuse", "properties"), {"a": 1}, ".spec.fuse.properties.a: 1 is no str"),
        (("spec", "networkmode"), "Host", ".spec.networkmode: 'Host' is not one of HostNetwork|ContainerNetwork"),
    ],
)
def test_what_checks_objects_refuses_what_fluid_does_not_know(path: Sequence[str], value: Any, complaint: str) -> None:
    changed = copy.deepcopy(_plain(_one("JindoRuntime", "tokens")))
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    assert _object_complaints(changed) == [complaint]


def test_names_and_namespaces() -> None:
    assert [
        (manifest["kind"], manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        for manifest in _all()
        if manifest["metadata"]["name"].startswith(("tokens", "piece"))
    ] == [
        ("Dataset", "jobs", "piece"),
        ("Dataset", "datasets", "tokens"),
        ("JindoRuntime", "datasets", "tokens"),
        ("DataLoad", "datasets", "tokens-refresh"),
        ("DataLoad", "datasets", "tokens-first"),
        ("DataLoad", "datasets", "tokens-nightly"),
        ("DataLoad", "datasets", "tokens-then"),
        ("DataProcess", "datasets", "tokens-unpack"),
        ("CronHorizontalPodAutoscaler", "datasets", "tokens"),
        ("Dataset", "jobs", "tokens"),
    ]


def _shuffled(value: Any, random: Random) -> Any:
    """The same with all mappings in another order, as of a file that was written in another."""
    if isinstance(value, dict):
        entries = [*cast(dict[str, Any], value).items()]
        random.shuffle(entries)
        return {key: _shuffled(entry, random) for key, entry in entries}
    if isinstance(value, list):
        return [_shuffled(entry, random) for entry in cast(list[Any], value)]
    return value


WRITTEN = {
    name: args.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, args in {**EVERYTHING, "hours": dataset(JUICE, scaling={"windows": {**WINDOWS, **NOON}})}.items()
}


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(random: Random) -> None:
    def objects(written: Mapping[str, Any]) -> list[Manifest]:
        return _all({name: DatasetArgs.model_validate(values) for name, values in written.items()})

    assert objects(_shuffled(WRITTEN, random)) == objects(WRITTEN)


def test_all_of_them_have_room() -> None:
    """Else tests would look at objects that nobody gets."""
    assert not problems(EVERYTHING, RICH)


def test_mounts_and_where_pods_see_them() -> None:
    (alone,) = _one("Dataset", "tokens")["spec"]["mounts"]
    assert (alone["mountPoint"], alone["path"], alone["name"]) == ("oss://acme-test-raw/tokens/", "/", "data")
    assert alone["options"]["fs.oss.endpoint"] == "oss-cn-hangzhou-internal.aliyuncs.com"
    one, two = _one("Dataset", "two-mounts")["spec"]["mounts"]
    assert [(mount["mountPoint"], mount["path"]) for mount in (one, two)] == [
        ("pvc://old/a", "/one"),
        ("s3://a/b", "/two"),
    ]
    assert two["encryptOptions"] == [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "keys", "key": key}}}
        for name, key in (("accessKeyId", "id"), ("accessKeySecret", "secret"))
    ]
    (server,) = _one("Dataset", "home")["spec"]["mounts"]
    assert server["mountPoint"] == SERVERS["data"]


def test_workers_stay_on_their_pool_and_in_their_zone() -> None:
    spec = _one("Dataset", "tokens")["spec"]
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    zone = "topology.kubernetes.io/zone"
    assert term["matchExpressions"] == [
        {"key": "node-pool", "operator": "In", "values": ["nvme"]},
        {"key": zone, "operator": "In", "values": [HERE]},
    ]
    runtime = _one("JindoRuntime", "tokens")["spec"]
    for component in ("master", "worker"):
        assert runtime[component]["nodeSelector"] == {"node-pool": "nvme", zone: HERE}
        assert runtime[component]["tolerations"] == spec["tolerations"]
    assert (spec["placement"], _one("Dataset", "memory")["spec"]["placement"]) == ("Shared", "Exclusive")
    # The other runtimes have the dataset's tolerations.
    assert _one("Dataset", "alluxio")["spec"]["tolerations"]
    assert _one("AlluxioRuntime", "alluxio")["spec"]["worker"]["nodeSelector"] == {"node-pool": "nvme"}


def test_tiers_have_one_level() -> None:
    def level(kind: str, name: str) -> Any:
        (found,) = _one(kind, name)["spec"]["tieredstore"]["levels"]
        return found

    assert level("JindoRuntime", "memory") == {
        "mediumtype": "MEM",
        "volumeType": "emptyDir",
        "path": MEMORY_PATH,
        "quota": "106Gi",
        "high": "0.95",
        "low": "0.7",
    }
    disks = level("JindoRuntime", "disks")
    assert (disks["path"], disks["quotaList"], disks["volumeType"]) == ("/mnt/one,/mnt/two", "53Gi,53Gi", "hostPath")
    assert "quota" not in disks


def test_resources() -> None:
    memory = _one("JindoRuntime", "memory")["spec"]
    # The cache in memory comes on top, and only masters have a limit.
    assert memory["worker"]["resources"] == {"requests": {"cpu": "2000m", "memory": f"{(4 + 106) * 1024}Mi"}}
    assert memory["fuse"]["resources"] == {"requests": {"cpu": "1000m", "memory": "8192Mi"}}
    assert memory["master"]["resources"]["limits"] == {"memory": "8192Mi"}
    assert "limits" not in _one("JindoRuntime", "kept")["spec"]["master"]["resources"]
    assert _one("JindoRuntime", "disks")["spec"]["worker"]["resources"]["requests"]["memory"] == "4096Mi"


def test_the_masters_metadata_are_where_the_seed_has_them() -> None:
    spec = _one("JindoRuntime", "kept")["spec"]
    assert spec["volumes"] == [{"name": "metadata", "persistentVolumeClaim": {"claimName": "kept-metadata"}}]
    assert spec["master"]["volumeMounts"] == [{"name": "metadata", "mountPath": "/root/jindofs-meta"}]
    assert spec["master"]["properties"] == {"a": "b", "namespace.meta-dir": "/root/jindofs-meta"}


def test_tokens_are_named_where_there_is_a_role() -> None:
    assert _one("JindoRuntime", "tokens")["spec"]["secret"] == TOKENS
    assert "secret" not in _one("JindoRuntime", "kept")["spec"]


def test_networks() -> None:
    assert _one("JindoRuntime", "tokens")["spec"]["networkmode"] == "ContainerNetwork"
    assert _one("JindoRuntime", "kept")["spec"]["networkmode"] == "HostNetwork"
    alluxio = _one("AlluxioRuntime", "alluxio")["spec"]
    assert {alluxio[key]["networkMode"] for key in ("master", "worker", "fuse")} == {"ContainerNetwork"}


def test_arguments_of_clients() -> None:
    assert "-ojindo_attr_size=50000" not in _one("JindoRuntime", "tokens")["spec"]["fuse"]["args"]
    assert _one("JindoRuntime", "kept")["spec"]["fuse"]["args"][:3] == ["-okernel_cache", "-oro", "-oattr_timeout=7200"]
    alluxio = _one("AlluxioRuntime", "alluxio")["spec"]["fuse"]
    assert alluxio["args"] == ["fuse", "--fuse-opts=rw,attr_timeout=0,entry_timeout=0"]
    juice = _one("JuiceFSRuntime", "juice")["spec"]
    assert juice["fuse"]["options"]["cache-size"] == "0"
    assert juice["worker"]["options"]["max-downloads"] == "200"
    assert juice["management"] == {"cleanCachePolicy": {"gracePeriodSeconds": 60, "maxRetryAttempts": 3}}


def test_loads() -> None:
    whole = {"name": "tokens", "namespace": "datasets"}
    refresh = _one("DataLoad", "tokens-refresh")["spec"]
    assert (refresh["policy"], refresh["schedule"], refresh["loadMetadata"]) == ("Cron", "0 1 * * *", True)
    assert refresh["target"] == [{"path": "/", "replicas": 2}]
    first = _one("DataLoad", "tokens-first")["spec"]
    assert first["target"] == [{"path": path, "replicas": 2} for path in ("/a", "/b")]
    assert (first["policy"], first["dataset"]) == ("Once", whole)
    assert "schedule" not in first
    then = _one("DataLoad", "tokens-then")["spec"]
    assert then["runAfter"] == {"kind": "DataLoad", "name": "tokens-first", "namespace": "datasets"}
    assert then["loadMetadata"] is False
    # Fluid would delete them, and the next update make them again.
    assert not any("ttlSecondsAfterFinished" in manifest["spec"] for manifest in _all())


def test_processes_and_migrations() -> None:
    process = _one("DataProcess", "tokens-unpack")["spec"]
    assert process["dataset"] == {"name": "tokens", "namespace": "datasets", "mountPath": "/data"}
    script = process["processor"]["script"]
    assert (script["image"], script["imageTag"], script["source"]) == ("registry:5000/tools", "1.2", "tar -xf a.tar")
    assert process["runAfter"]["name"] == "tokens-first"
    here = {"dataset": {"name": "juice", "namespace": "datasets", "path": "/in"}}
    into = _one("DataMigrate", "juice-in")["spec"]
    assert into["to"] == here
    assert into["from"]["externalStorage"]["uri"] == "oss://a/b"
    out = _one("DataMigrate", "juice-out")["spec"]
    assert (out["to"], out["schedule"]) == ({"externalStorage": {"uri": "oss://a/c"}}, "0 3 * * *")
    assert _one("DataMigrate", "juice-last")["spec"]["runAfter"]["kind"] == "DataMigrate"


def test_jindo_is_scaled_by_hours_of_acks_autoscaler() -> None:
    found = _one("CronHorizontalPodAutoscaler", "tokens")
    assert found["apiVersion"] == "autoscaling.alibabacloud.com/v1beta1"
    assert found["spec"] == {
        "scaleTargetRef": {"apiVersion": GROUP, "kind": "JindoRuntime", "name": "tokens"},
        "jobs": [
            {"name": "night-start", "schedule": "0 0 20 * * *", "targetSize": 4},
            {"name": "night-end", "schedule": "0 0 8 * * *", "targetSize": 2},
        ],
    }


def test_the_others_are_scaled_by_keda() -> None:
    metric = _one("ScaledObject", "alluxio")["spec"]
    assert metric == {
        "scaleTargetRef": {"apiVersion": GROUP, "kind": "AlluxioRuntime", "name": "alluxio"},
        "minReplicaCount": 1,
        "maxReplicaCount": 4,
        "triggers": [
            {
                "type": "prometheus",
                "name": "metric",
                "metadata": {"serverAddress": "http://p:9090", "query": "sum(up)", "threshold": "2.5"},
            }
        ],
    }
    hours = _one("ScaledObject", "juice")
    assert hours["apiVersion"] == "keda.sh/v1alpha1"
    (trigger,) = hours["spec"]["triggers"]
    assert trigger == {
        "type": "cron",
        "name": "night",
        "metadata": {
            "timezone": "Asia/Shanghai",
            "start": "0 20 * * *",
            "end": "0 8 * * *",
            "desiredReplicas": "4",
        },
    }
    plans = plan_datasets(EVERYTHING, CACHING, RICH)
    # A part is scaled with its whole.
    assert {name for name, found in plans.items() if scaled(found)} == {"tokens", "alluxio", "juice"}


def test_claims_are_references() -> None:
    (own,) = claims(plan(dataset(NFS, consistency="read-write")))
    assert own["metadata"]["namespace"] == "jobs"
    assert own["spec"] == {
        "mounts": [{"mountPoint": "dataset://datasets/tokens", "name": "tokens"}],
        "accessModes": ["ReadWriteMany"],
    }
    assert own["metadata"]["annotations"] == {"pvc.fluid.io/resources.requests.storage": "1Gi"}
    several = claims(plan(dataset(namespaces=["jobs", "lab"])))
    assert [manifest["metadata"]["namespace"] for manifest in several] == ["jobs", "lab"]


def test_the_profile_of_file_systems() -> None:
    spec = profile(CachingArgs(nfs_image="registry:5000/nfs:v2"))["spec"]
    assert (spec["fuse"]["image"], spec["fuse"]["imageTag"]) == ("registry:5000/nfs", "v2")
    thin = _one("ThinRuntime", "home")["spec"]
    assert thin["profileName"] == "nfs"
    assert {*KINDS.values()} == {"JindoRuntime", "AlluxioRuntime", "JuiceFSRuntime", "ThinRuntime"}


def test_nodes_of_readers() -> None:
    plans = plan_datasets(EVERYTHING, CACHING, RICH)
    virtual = {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]}
    assert node_requirements(plans["tokens"]) == [virtual]
    for name in ("tokens", "piece"):
        held, zone = node_preferences(plans[name])
        assert (held["weight"], zone["weight"]) == (100, 50)
        (expression,) = held["preference"]["matchExpressions"]
        assert expression == {"key": "fluid.io/s-datasets-tokens", "operator": "Exists"}
    assert node_preferences(plans["home"]) == []
    near = plan(dataset(zone=HERE, crossZone=False))
    assert node_requirements(near)[1:] == [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [HERE]}]


def test_keys_of_node_labels_are_those_of_fluid() -> None:
    caching = CachingArgs(namespace="caches-here")
    longest = "a" * 39
    assert problems({f"{longest}a": dataset()}, AROUND, caching)
    assert not problems({longest: dataset()}, AROUND, caching)
    (held,) = node_preferences(plan_datasets({longest: dataset()}, caching, AROUND)[longest])
    (expression,) = held["preference"]["matchExpressions"]
    # pkg/utils/label.go, GetNamespacedNameValueWithPrefix; the prefix counts.
    assert len(expression["key"]) < 63


def test_no_secret_stands_in_any_object() -> None:
    text = json.dumps([*_all(), profile(CACHING)], default=str)
    assert not re.search(r"LTAI|BEGIN [A-Z ]*PRIVATE KEY|://[^/\s:@\"]+:[^/\s@\"]+@", text)

    def walk(value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, dict):
            for key, entry in cast(dict[str, Any], value).items():
                yield key, entry
                yield from walk(entry)
        elif isinstance(value, list):
            for entry in cast(list[Any], value):
                yield from walk(entry)

    for key, value in walk(_plain(_all())):
        # Secrets are named, and their keys, nothing else.
        if re.search(r"(?i)secret|token|password|accesskey", key):
            assert value in ("tokens-token",) or (
                isinstance(value, dict) and {*cast(dict[str, Any], value)} == {"name", "key"}
            )
