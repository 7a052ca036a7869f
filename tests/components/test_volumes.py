"""Volumes: bound to their claims alone, mounted with roles that reach one part of one bucket, valid Kubernetes."""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pulumi
import pulumi_kubernetes as kubernetes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.file_systems import FileSystemArgs, Mount
from components.identity import trust_policy
from components.inputs import InvalidInput
from components.volumes import (
    CPFS_OPTIONS,
    OSS_SUBJECT,
    NasStorageClassArgs,
    VolumeArgs,
    Volumes,
    access_policy,
    exported_path,
    volume_names,
    volumes_problems,
)
from stacks.preview.recording import Recorded, Recording
from support import named, only, recorded, shown

VOLUME = "kubernetes:core/v1:PersistentVolume"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
ATTACHMENT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"
CPFS_DOMAIN = "cpfs-1-2.cn-hangzhou.cpfs.aliyuncs.com"
FILE_SYSTEMS = {
    "home": FileSystemArgs(kind="capacity"),
    "fast": FileSystemArgs(kind="extreme-standard", capacity_gib=100),
    "parallel": FileSystemArgs(kind="cpfs-100", capacity_gib=3_600, export_domain=CPFS_DOMAIN),
    "unknown": FileSystemArgs(kind="cpfs-100", capacity_gib=3_600),
    "fixed": FileSystemArgs(kind="capacity", writable=False),
}
MOUNTS = {
    "home": Mount("standard", "home.cn-hangzhou.nas.aliyuncs.com", "/"),
    "fast": Mount("extreme", "fast.cn-hangzhou.extreme.nas.aliyuncs.com", "/share"),
    "parallel": Mount("cpfs", CPFS_DOMAIN, "/share"),
}
BUCKETS = {"raw": "acme-test-raw", "models": "acme-test-models"}
DATASET = VolumeArgs(bucket="raw", prefix="tpch/", namespaces=["spark", "ray"])
EVERY_KIND = {
    "tpch": DATASET,
    "models": VolumeArgs(bucket="models", client="ossfs", access_mode="ReadWriteMany", namespaces=["ray"]),
    "home": VolumeArgs(file_system="home", access_mode="ReadWriteMany", path="/users", namespaces=["ray"]),
    "fast": VolumeArgs(file_system="fast", path="/train", size_gib=10, namespaces=["ray"]),
    "parallel": VolumeArgs(file_system="parallel", mount_options=None, namespaces=["ray"]),
}
CLASSES = {"nas": NasStorageClassArgs(file_system="home", path="/claims")}


def _volume(**values: Any) -> VolumeArgs:
    filled: dict[str, Any] = {"namespaces": ["ray"], **values}
    return VolumeArgs(**filled)


def _make(
    volumes: Mapping[str, VolumeArgs], classes: Mapping[str, NasStorageClassArgs] | None = None, **further: Any
) -> Volumes:
    provider = kubernetes.Provider("kubernetes", kubeconfig="{}")
    values: dict[str, Any] = {
        "name": "acme-test",
        "region": "cn-hangzhou",
        "buckets": BUCKETS,
        "file_systems": FILE_SYSTEMS,
        "mounts": MOUNTS,
        "rrsa_provider_arn": "acs:ram::1:oidc-provider/ack-rrsa-c1",
        "rrsa_issuer_url": "https://oidc.example.com/c1",
        "opts": pulumi.ResourceOptions(providers=[provider]),
        **further,
    }
    return Volumes("volumes", volumes, classes, **values)


def _recorded(
    volumes: Mapping[str, VolumeArgs], classes: Mapping[str, NasStorageClassArgs] | None = None, **further: Any
) -> Recording:
    return recorded(lambda: _make(volumes, classes, **further))


def _of(recording: Recording, type_token: str) -> list[Recorded]:
    return [resource for resource in recording.resources if resource.type == type_token]


def _csi(recording: Recording, name: str) -> dict[str, Any]:
    return dict(named(recording, name).inputs["spec"]["csi"])


def test_kubernetes_knows_every_field() -> None:
    recording = _recorded(EVERY_KIND, CLASSES)
    built_in = [resource for resource in recording.resources if resource.type in (VOLUME, CLAIM, CLASS)]
    assert len(built_in) == 13
    for resource in built_in:
        kubernetes_validate.validate(dict(resource.inputs), "1.35", strict=True)


def test_a_volume_and_its_claim_name_each_other() -> None:
    recording = _recorded(EVERY_KIND)
    volumes = {volume.inputs["metadata"]["name"]: volume.inputs["spec"] for volume in _of(recording, VOLUME)}
    claims = {claim.inputs["spec"]["volumeName"]: claim.inputs for claim in _of(recording, CLAIM)}
    assert volumes.keys() == claims.keys() == volume_names(EVERY_KIND).keys()
    for name, spec in volumes.items():
        claim = claims[name]
        reference = {key: spec["claimRef"][key] for key in ("name", "namespace")}
        assert reference == claim["metadata"]
        assert spec["csi"]["volumeHandle"] == name
        assert spec["storageClassName"] == claim["spec"]["storageClassName"] == ""
        assert spec["accessModes"] == claim["spec"]["accessModes"]
        assert spec["capacity"] == claim["spec"]["resources"]["requests"]
        assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert all(list(volume.options.replace_on_changes) == ["spec"] for volume in _of(recording, VOLUME))


def test_a_bucket_is_mounted_by_role_and_never_with_keys() -> None:
    recording = _recorded({"tpch": DATASET})
    csi = _csi(recording, "volumes-tpch-spark")
    assert csi == {
        "driver": "ossplugin.csi.alibabacloud.com",
        "volumeHandle": "tpch-spark",
        "readOnly": True,
        "volumeAttributes": {
            "bucket": "acme-test-raw",
            "url": "https://oss-cn-hangzhou-internal.aliyuncs.com",
            "path": "/tpch/",
            "fuseType": "ossfs2",
            "authType": "rrsa",
            "roleName": "acme-test-tpch",
        },
    }
    assert len(_of(recording, ROLE)) == 1
    trust = json.loads(only(recording, ROLE).inputs["assumeRolePolicyDocument"])
    assert trust["Statement"][0]["Condition"]["StringEquals"]["oidc:sub"] == OSS_SUBJECT
    assert only(recording, ATTACHMENT).inputs == {
        "roleName": "acme-test-tpch",
        "policyName": "acme-test-tpch",
        "policyType": "Custom",
    }
    assert only(recording, ATTACHMENT).urn in named(recording, "volumes-tpch-ray").dependencies
    text = json.dumps([dict(resource.inputs) for resource in recording.resources])
    assert "akId" not in text
    assert "nodePublishSecretRef" not in text


def test_ossfs_1_shows_objects_to_everybody() -> None:
    attributes = _csi(_recorded({"models": EVERY_KIND["models"]}), "volumes-models-ray")["volumeAttributes"]
    assert attributes["fuseType"] == "ossfs"
    assert attributes["otherOpts"] == "-o umask=022 -o allow_other"
    assert attributes["path"] == "/"


def test_own_options_replace_the_defaults() -> None:
    volumes = {
        "tpch": DATASET.model_copy(update={"mount_options": ["close_to_open=true", "log_level=info"]}),
        "home": EVERY_KIND["home"].model_copy(update={"mount_options": ["vers=4.0"]}),
    }
    recording = _recorded(volumes)
    attributes = _csi(recording, "volumes-tpch-ray")["volumeAttributes"]
    assert attributes["otherOpts"] == "-o close_to_open=true -o log_level=info"
    assert named(recording, "volumes-home-ray").inputs["spec"]["mountOptions"] == ["vers=4.0"]


def test_an_own_role_needs_no_rrsa_and_none_is_made() -> None:
    volume = DATASET.model_copy(update={"role_name": "datasets"})
    recording = _recorded({"tpch": volume}, rrsa_provider_arn=None, rrsa_issuer_url=None)
    assert not _of(recording, ROLE)
    assert _csi(recording, "volumes-tpch-ray")["volumeAttributes"]["roleName"] == "datasets"


def test_file_systems() -> None:
    recording = _recorded(EVERY_KIND)
    home, fast = _csi(recording, "volumes-home-ray"), _csi(recording, "volumes-fast-ray")
    assert home["driver"] == fast["driver"] == "nasplugin.csi.alibabacloud.com"
    assert home["volumeAttributes"] == {"server": "home.cn-hangzhou.nas.aliyuncs.com", "path": "/users"}
    assert (home["readOnly"], fast["readOnly"]) == (False, True)
    assert fast["volumeAttributes"]["path"] == "/share/train"
    parallel = named(recording, "volumes-parallel-ray").inputs["spec"]
    assert parallel["csi"]["volumeAttributes"] == {
        "server": CPFS_DOMAIN,
        "path": "/share",
        "mountProtocol": "cpfs-nfs",
        "volumeAs": "subpath",
    }
    assert parallel["mountOptions"] == list(CPFS_OPTIONS)


def test_storage_class() -> None:
    kept = NasStorageClassArgs(file_system="fast", reclaim="Retain")
    recording = _recorded({}, {**CLASSES, "kept": kept})
    nas, other = named(recording, "volumes-class-nas").inputs, named(recording, "volumes-class-kept").inputs
    assert nas["parameters"] == {
        "volumeAs": "subpath",
        "server": "home.cn-hangzhou.nas.aliyuncs.com:/claims",
        "archiveOnDelete": "true",
    }
    assert (nas["reclaimPolicy"], other["reclaimPolicy"]) == ("Delete", "Retain")
    assert other["parameters"]["server"].endswith(":/share")
    assert "archiveOnDelete" not in other["parameters"]


def _matches(statement: Mapping[str, Any], action: str, resource: str, prefix: str | None = None) -> bool:
    """Whether a statement allows an action, as RAM compares: `*` stands for any characters."""
    conditions = statement.get("Condition", {}).get("StringLike", {}).get("oss:Prefix")
    return (
        any(fnmatch.fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and (conditions is None or any(fnmatch.fnmatchcase(prefix or "", pattern) for pattern in conditions))
    )


SEGMENT = st.from_regex(r"[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]{0,6}", fullmatch=True)
PREFIX = st.lists(SEGMENT, max_size=3).map(lambda parts: "".join(f"{part}/" for part in parts))


@given(prefix=PREFIX, key=st.text("abcdefgh/._-", max_size=12), write=st.booleans())
def test_a_role_reaches_its_part_of_the_bucket_and_nothing_else(prefix: str, key: str, write: bool) -> None:
    statements = json.loads(access_policy("acme-raw", prefix, write=write))["Statement"]

    def allowed(action: str, resource: str, listed: str | None = None) -> bool:
        return any(_matches(statement, action, resource, listed) for statement in statements)

    inside, outside = f"acs:oss:*:*:acme-raw/{prefix}{key}", f"acs:oss:*:*:acme-raw/{key}"
    assert allowed("oss:GetObject", inside)
    assert allowed("oss:GetObject", outside) == key.startswith(prefix)
    for action in ("oss:PutObject", "oss:DeleteObject"):
        assert allowed(action, inside) == write
    assert allowed("oss:ListObjects", "acs:oss:*:*:acme-raw", prefix + key)
    assert allowed("oss:ListObjects", "acs:oss:*:*:acme-raw", key) == key.startswith(prefix)
    for action in ("oss:PutBucketAcl", "oss:PutBucketPolicy", "oss:DeleteBucket", "oss:PutObjectAcl"):
        assert not allowed(action, inside)
        assert not allowed(action, "acs:oss:*:*:acme-raw")
    assert not allowed("oss:GetObject", f"acs:oss:*:*:acme-raw-2/{prefix}{key}")


@pytest.mark.parametrize(
    ("write", "actions"), [(False, ["kms:Decrypt"]), (True, ["kms:Decrypt", "kms:GenerateDataKey"])]
)
def test_encrypted_buckets_take_their_key(write: bool, actions: list[str]) -> None:
    statements = json.loads(access_policy("acme-raw", "", write=write, kms_key_id="key-1"))["Statement"]
    assert statements[-1] == {"Effect": "Allow", "Action": actions, "Resource": ["acs:kms:*:*:key/key-1"]}
    assert "Condition" not in statements[0]


def test_the_key_reaches_the_role() -> None:
    volume = DATASET.model_copy(update={"access_mode": "ReadWriteMany"})
    document = json.loads(only(_recorded({"tpch": volume}, kms_key_id="key-1"), POLICY).inputs["policyDocument"])
    assert document == json.loads(access_policy("acme-test-raw", "tpch/", write=True, kms_key_id="key-1"))


def test_trust_is_for_one_cluster_and_one_account() -> None:
    assert json.loads(trust_policy("arn", "https://issuer", OSS_SUBJECT))["Statement"] == [
        {
            "Action": "sts:AssumeRole",
            "Effect": "Allow",
            "Principal": {"Federated": ["arn"]},
            "Condition": {
                "StringEquals": {
                    "oidc:aud": "sts.aliyuncs.com",
                    "oidc:iss": "https://issuer",
                    "oidc:sub": "system:serviceaccount:ack-csi-fuse:csi-fuse-ossfs",
                }
            },
        }
    ]


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [("/", "/", "/"), ("/", "/a/b", "/a/b"), ("/share", "/", "/share"), ("/share", "/a", "/share/a")],
)
def test_exported_path(root: str, path: str, expected: str) -> None:
    assert exported_path(root, path) == expected


def _problems(volumes: Mapping[str, VolumeArgs], classes: Mapping[str, NasStorageClassArgs] | None = None) -> list[str]:
    found = volumes_problems(volumes, classes or {}, buckets=BUCKETS, file_systems=FILE_SYSTEMS)
    return [shown(problem) for problem in found]


PREFIX_MESSAGE = "not a prefix like a/b/: letters, digits and _.=+- between slashes, one slash at its end, none before"
PATH_MESSAGE = "not a path like /a/b: letters, digits and _.=+-, a slash first and none at its end"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["volumes.data = null: must name either a bucket or a fileSystem"]),
        (
            {"bucket": "raw", "file_system": "home"},
            ["volumes.data = null: must name either a bucket or a fileSystem"],
        ),
        (
            {"bucket": "logs"},
            ['volumes.data.bucket = "logs": not a bucket\'s role; allowed: models, raw'],
        ),
        (
            {"bucket": "raw", "path": "/a"},
            ['volumes.data.path = "/a": is for file systems; a bucket has a prefix'],
        ),
        *(
            ({"bucket": "raw", "prefix": prefix}, [f'volumes.data.prefix = "{prefix}": {PREFIX_MESSAGE}'])
            for prefix in ("a", "/a/", "a//b/", "*/", "a/../b/", "../", "./", "a b/")
        ),
        (
            {"file_system": "home", "prefix": "a/", "client": "ossfs", "role_name": "reader"},
            [
                'volumes.data.prefix = "a/": is for buckets',
                'volumes.data.client = "ossfs": is for buckets',
                'volumes.data.roleName = "reader": is for buckets',
            ],
        ),
        *(
            ({"file_system": "home", "path": path}, [f'volumes.data.path = "{path}": {PATH_MESSAGE}'])
            for path in ("a", "/a/", "//", "/..", "/a b")
        ),
        (
            {"file_system": "hime"},
            ["volumes.data.fileSystem = \"hime\": not a file system; did you mean 'home'?"],
        ),
        (
            {"file_system": "unknown"},
            [
                'volumes.data.fileSystem = "unknown": CPFS; give its exportDomain, which the console shows once the '
                "file system exists"
            ],
        ),
        (
            {"file_system": "fixed", "access_mode": "ReadWriteMany"},
            ['volumes.data.accessMode = "ReadWriteMany": the file system fixed is not writable; use ReadOnlyMany'],
        ),
        (
            {"bucket": "raw", "namespaces": ["ray", "ray"]},
            ['volumes.data.namespaces[1] = "ray": stands twice; name each namespace once'],
        ),
        (
            {"bucket": "raw", "namespaces": ["n" * 60]},
            [f'volumes.data.namespaces[0] = "{"n" * 60}": makes a volume name of 65 characters; at most 63'],
        ),
    ],
)
def test_problems_of_volumes(values: Mapping[str, Any], expected: list[str]) -> None:
    assert _problems({"data": _volume(**values)}) == expected


def test_two_volumes_of_one_name() -> None:
    volumes = {
        "a": VolumeArgs(bucket="raw", namespaces=["b-c"]),
        "a-b": VolumeArgs(bucket="raw", namespaces=["c"]),
    }
    message = "makes a second volume a-b-c beside that of volumes.a"
    assert _problems(volumes) == [f'volumes.a-b.namespaces[0] = "c": {message}']


def test_illegal_names() -> None:
    message = "not a name: at most 63 lowercase letters, digits and hyphens"
    assert _problems({"Data": DATASET}, {"Nas": NasStorageClassArgs(file_system="home")}) == [
        f'volumes.Data = "Data": {message}',
        f'storageClasses.Nas = "Nas": {message}',
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"file_system": "hime"},
            "storageClasses.nas.fileSystem = \"hime\": not a file system; did you mean 'home'?",
        ),
        (
            {"file_system": "parallel"},
            'storageClasses.nas.fileSystem = "parallel": CPFS has no dynamic volumes; use a NAS file system, '
            "or entries under volumes",
        ),
        ({"file_system": "home", "path": "a"}, f'storageClasses.nas.path = "a": {PATH_MESSAGE}'),
        (
            {"file_system": "home", "reclaim": "Retain", "archive": True},
            "storageClasses.nas.archive = true: has no effect with reclaim: Retain; remove it",
        ),
    ],
)
def test_problems_of_storage_classes(values: Mapping[str, Any], expected: str) -> None:
    assert _problems({}, {"nas": NasStorageClassArgs(**values)}) == [expected]


def test_what_is_used_here_has_no_problems() -> None:
    assert _problems(EVERY_KIND, CLASSES) == []


@pytest.mark.parametrize(
    ("volumes", "further", "message"),
    [
        ({"tpch": DATASET}, {"rrsa_provider_arn": None}, "the cluster has no RRSA"),
        ({"tpch": DATASET}, {"rrsa_issuer_url": None}, "the cluster has no RRSA"),
        ({"tpch": DATASET}, {"name": "n" * 64}, "at most 64 characters"),
        ({"tpch": DATASET}, {"buckets": {}}, "not a bucket's role"),
        ({"home": EVERY_KIND["home"]}, {"file_systems": {}}, "not a file system"),
    ],
)
def test_bad_input_registers_nothing(
    volumes: Mapping[str, VolumeArgs], further: Mapping[str, Any], message: str
) -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match=message):
            _make(volumes, **further)

    assert {resource.type for resource in recorded(program).resources} == {"pulumi:providers:kubernetes"}


@pytest.mark.parametrize(
    "values",
    [
        {"namespaces": []},
        {"namespaces": ["Ray"]},
        {"size_gib": 0},
        {"mount_options": ["a b"]},
        {"role_name": "a/b"},
        {"access_mode": "ReadWriteOncePod"},
    ],
)
def test_impossible_values_are_refused(values: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError):
        _volume(**{"bucket": "raw", **values})


NAMES = st.from_regex(r"[ab](-[ab]){0,2}", fullmatch=True)


@given(st.dictionaries(NAMES, st.lists(NAMES, min_size=1, max_size=3), max_size=4))
def test_accepted_volumes_have_names_of_their_own(spaces: Mapping[str, list[str]]) -> None:
    volumes = {name: VolumeArgs(bucket="raw", namespaces=namespaces) for name, namespaces in spaces.items()}
    if not _problems(volumes):
        assert len(volume_names(volumes)) == sum(len(namespaces) for namespaces in spaces.values())


def test_outputs() -> None:
    made: list[Volumes] = []
    recorded(lambda: made.append(_make(EVERY_KIND)))
    assert made[0].claims["tpch"] == ["spark", "ray"]
    assert set(made[0].role_names) == {"tpch", "models"}
