"""The resources of datasets: each after what it needs, replaced where Fluid would not look again."""

import json
from collections.abc import Mapping
from typing import Any

import kubernetes_validate
import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes
import pytest

from cache.datasets import AROUND, CACHING, IMAGE, RAW, UPSTREAM, around, dataset, part
from components.cache import CachingArgs, DatasetArgs, DatasetCloud, Datasets, DatasetSurroundings
from components.cache.component import FIXED, SCRIPT
from components.file_systems import Mount
from components.inputs import InvalidInput
from stacks.preview.recording import Recorded, Recording
from support import named, recorded

ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
FLUID = "kubernetes:data.fluid.io/v1alpha1:"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
CLOUD = DatasetCloud("acs:ram::1:oidc-provider/ack-rrsa-c1", "https://oidc.example.com/c1")
MOUNTS = {
    "home": Mount("standard", "home.cn-hangzhou.nas.aliyuncs.com", "/"),
    "parallel": Mount("cpfs", "cpfs.example.com", "/share"),
}
WINDOWS = {"night": {"start": "0 20 * * *", "end": "0 8 * * *", "workers": 4}}
DATASETS: Mapping[str, DatasetArgs] = {
    "tokens": dataset(
        RAW,
        namespaces=["jobs", "lab"],
        loads={"first": {"once": True}, "then": {"after": "first"}},
        runtime={"workers": 2, "master": {"metadata": {"sizeGib": 40}}},
        scaling={"windows": WINDOWS},
    ),
    "piece": part("tokens"),
    "output": dataset({"data": {"bucket": "models", "prefix": "out/"}}, consistency="separate-writes", tenant="vision"),
    "home": dataset({"data": {"fileSystem": "home", "path": "/users"}}, consistency="read-write"),
    "samples": dataset(runtime={"kind": "alluxio", "workers": 3}),
}
RICH = around(systems=None)


def _recorded(
    datasets: Mapping[str, DatasetArgs] = DATASETS,
    surroundings: DatasetSurroundings = RICH,
    caching: CachingArgs = CACHING,
    **values: Any,
) -> Recording:
    filled: dict[str, Any] = {"cloud": CLOUD, "mounts": MOUNTS, "tags": {"team": "platform"}, **values}

    def program() -> None:
        cluster = alicloud.vpc.Network("cluster")
        provider = kubernetes.Provider("kubernetes", kubeconfig="{}")
        fluid = kubernetes.core.v1.Namespace("fluid", opts=pulumi.ResourceOptions(provider=provider))
        Datasets(
            "datasets",
            datasets,
            caching,
            around=surroundings,
            deleted_with=cluster,
            opts=pulumi.ResourceOptions(providers=[provider], depends_on=[fluid]),
            **filled,
        )

    return recorded(program)


def _made(recording: Recording) -> list[Recorded]:
    (component,) = (resource for resource in recording.resources if resource.type.endswith(":Datasets"))
    return [resource for resource in recording.resources if resource.parent == component.urn]


def _of(recording: Recording, type_token: str) -> list[Recorded]:
    return [resource for resource in _made(recording) if resource.type == type_token]


def _before(recording: Recording, name: str) -> set[str]:
    """What of the datasets one resource is made after."""
    names = {resource.urn: resource.name.removeprefix("datasets-") for resource in _made(recording)}
    return {names[urn] for urn in named(recording, f"datasets-{name}").dependencies if urn in names}


TOKENS = {"dataset-datasets-tokens", "jindoruntime-datasets-tokens"}
FIRST = {"namespace", "refresher"}


def test_each_is_made_after_what_it_needs() -> None:
    recording = _recorded()
    expected: dict[str, set[str]] = {
        "namespace": set(),
        "tokens-metadata": {*FIRST, "thinruntimeprofile-nfs"},
        "dataset-datasets-tokens": {*FIRST, "thinruntimeprofile-nfs", "tokens-metadata"},
        "jindoruntime-datasets-tokens": {"dataset-datasets-tokens"},
        "dataload-datasets-tokens-first": TOKENS,
        "dataload-datasets-tokens-then": {*TOKENS, "dataload-datasets-tokens-first"},
        "cronhorizontalpodautoscaler-datasets-tokens": TOKENS,
        "tokens-workers": {"jindoruntime-datasets-tokens"},
        "dataset-jobs-tokens": TOKENS,
        "dataset-lab-tokens": TOKENS,
        # A part is made after its whole.
        "dataset-jobs-piece": TOKENS,
        "dataset-datasets-home": {*FIRST, "thinruntimeprofile-nfs"},
        "thinruntime-datasets-home": {"dataset-datasets-home"},
        "dataset-jobs-home": {"dataset-datasets-home", "thinruntime-datasets-home"},
        "alluxioruntime-datasets-samples": {"dataset-datasets-samples"},
        "samples-workers": {"alluxioruntime-datasets-samples"},
        "refresher": set(),
    }
    for name, before in expected.items():
        if name != "refresher":
            assert (name, _before(recording, name)) == (name, before)
    names = {resource.name.removeprefix("datasets-") for resource in _made(recording)}
    assert expected.keys() <= names
    assert "piece-workers" not in names
    assert "output-workers" not in names


def test_order_of_what_renews_tokens() -> None:
    recording = _recorded()
    (deployment,) = _of(recording, "kubernetes:apps/v1:Deployment")
    types = {resource.urn: resource.type.rpartition(":")[2] for resource in _made(recording)}
    before = sorted(types[urn] for urn in deployment.dependencies if urn in types)
    # No role without its policy: a token of one is good for nothing.
    assert before == ["ConfigMap", "RoleBinding", "RolePolicyAttachment", "RolePolicyAttachment"]


def _options(recording: Recording, name: str) -> tuple[list[str], bool, list[str]]:
    options = named(recording, f"datasets-{name}").options
    return [*options.replace_on_changes], options.delete_before_replace, [*options.ignore_changes]


def test_what_fluid_reads_once_is_replaced() -> None:
    recording = _recorded()
    for name in (
        *("dataset-datasets-tokens", "dataset-jobs-tokens", "dataset-jobs-piece"),
        *("dataload-datasets-tokens-first", "cronhorizontalpodautoscaler-datasets-tokens"),
    ):
        assert (name, *_options(recording, name)) == (name, ["spec"], True, [])
    # Who scales its workers counts them.
    assert _options(recording, "jindoruntime-datasets-tokens") == ([*FIXED], True, ["spec.replicas"])
    assert _options(recording, "alluxioruntime-datasets-samples") == ([*FIXED], True, [])


def test_another_network_makes_another_runtime_of_every_kind() -> None:
    assert {"spec.networkmode", "spec.master.networkMode", "spec.worker.networkMode", "spec.fuse.networkMode"} <= {
        *FIXED
    }


def test_what_a_replacement_takes_along() -> None:
    recording = _recorded()
    urns = {resource.urn: resource.name.removeprefix("datasets-") for resource in _made(recording)}

    def along(name: str) -> set[str]:
        request = named(recording, f"datasets-{name}").request
        return {urns[urn] for urn in request.replace_with}

    assert along("jindoruntime-datasets-tokens") == {"dataset-datasets-tokens"}
    for name in ("dataload-datasets-tokens-first", "dataset-jobs-tokens", "dataset-jobs-piece"):
        assert along(name) == TOKENS


def test_all_in_the_cluster_go_with_it() -> None:
    recording = _recorded()
    cluster = named(recording, "cluster").urn
    for resource in _made(recording):
        if resource.type.startswith("kubernetes:"):
            assert resource.options.deleted_with == cluster
            assert resource.provider.startswith(named(recording, "kubernetes").urn)
            assert resource.inputs["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pulumi"
    (component,) = (resource for resource in recording.resources if resource.type.endswith(":Datasets"))
    assert [*component.dependencies] == [named(recording, "fluid").urn]


def test_the_namespace_lets_privileged_clients_in() -> None:
    found = named(_recorded(), "datasets-namespace").inputs["metadata"]
    assert found["name"] == "datasets"
    assert found["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_a_role_is_that_of_the_one_account_that_renews() -> None:
    recording = _recorded()
    roles = {role.inputs["roleName"]: role for role in _of(recording, ROLE)}
    assert roles.keys() == {"acme-test-dataset-tokens", "acme-test-dataset-output"}
    (statement,) = json.loads(roles["acme-test-dataset-tokens"].inputs["assumeRolePolicyDocument"])["Statement"]
    assert statement["Principal"] == {"Federated": [CLOUD.rrsa_provider_arn]}
    assert statement["Condition"]["StringEquals"] == {
        "oidc:aud": "sts.aliyuncs.com",
        "oidc:iss": CLOUD.rrsa_issuer_url,
        "oidc:sub": "system:serviceaccount:datasets:token-refresher",
    }
    assert roles["acme-test-dataset-tokens"].inputs["tags"] == {"team": "platform"}
    assert roles["acme-test-dataset-output"].inputs["tags"] == {"team": "platform", "tenant": "vision"}


@pytest.mark.parametrize(
    ("key", "reads", "writes"), [(None, [], []), ("k1", ["kms:Decrypt"], ["kms:Decrypt", "kms:GenerateDataKey"])]
)
def test_policies_with_and_without_a_key(key: str | None, reads: list[str], writes: list[str]) -> None:
    cloud = DatasetCloud(CLOUD.rrsa_provider_arn, CLOUD.rrsa_issuer_url, key)
    policies = {
        policy.inputs["policyName"]: json.loads(policy.inputs["policyDocument"])["Statement"]
        for policy in _of(_recorded(cloud=cloud), POLICY)
    }

    def actions(name: str) -> list[str]:
        return [action for statement in policies[name] for action in statement["Action"]]

    assert actions("acme-test-dataset-tokens") == ["oss:ListObjects", "oss:GetObject", *reads]
    assert actions("acme-test-dataset-output") == [
        *("oss:ListObjects", "oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:AbortMultipartUpload"),
        *("oss:ListParts", *writes),
    ]
    assert policies["acme-test-dataset-output"][1]["Resource"] == ["acs:oss:*:*:acme-test-models/out/*"]
    assert "*" not in actions("acme-test-dataset-output")


def test_no_secret_is_in_the_state_of_a_stack() -> None:
    recording = _recorded()
    assert not _of(recording, "kubernetes:core/v1:Secret")
    # What renews tokens makes those that runtimes name.
    (role,) = _of(recording, "kubernetes:rbac.authorization.k8s.io/v1:Role")
    runtimes = [named(recording, f"datasets-jindoruntime-datasets-{name}") for name in ("output", "tokens")]
    assert [runtime.inputs["spec"]["secret"] for runtime in runtimes] == role.inputs["rules"][0]["resourceNames"]


def test_what_renews_tokens_may_change_its_own_secrets_alone() -> None:
    recording = _recorded()
    (role,) = _of(recording, "kubernetes:rbac.authorization.k8s.io/v1:Role")
    secrets: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"]}
    change, make = role.inputs["rules"]
    assert {**change, "resourceNames": sorted(change["resourceNames"])} == {
        **secrets,
        "resourceNames": ["output-token", "tokens-token"],
        "verbs": ["patch"],
    }
    # What is made has no name yet by which it could be allowed.
    assert make == {**secrets, "verbs": ["create"]}
    (binding,) = _of(recording, "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding")
    assert binding.inputs["subjects"] == [
        {"kind": "ServiceAccount", "name": "token-refresher", "namespace": "datasets"}
    ]
    assert binding.inputs["roleRef"]["name"] == role.inputs["metadata"]["name"]
    assert not [made for made in _made(recording) if "ClusterRole" in made.type]


def test_what_renews_tokens_runs_the_script_with_an_identity_of_its_own() -> None:
    recording = _recorded()
    (files,) = _of(recording, "kubernetes:core/v1:ConfigMap")
    assert files.inputs["data"]["refresher.py"] == SCRIPT
    (deployment,) = _of(recording, "kubernetes:apps/v1:Deployment")
    pod = deployment.inputs["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    (token,) = pod["volumes"][1]["projected"]["sources"]
    assert token["serviceAccountToken"]["audience"] == "sts.aliyuncs.com"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
        *("/etc/refresher", "/var/run/secrets/sts", "/".join(["", "tmp"]))
    }


def test_another_dataset_has_its_token_before_its_cache_is_made() -> None:
    def template(recording: Recording) -> Any:
        (deployment,) = _of(recording, "kubernetes:apps/v1:Deployment")
        return deployment.inputs["spec"]["template"]

    one, all_of_them = _recorded({"tokens": DATASETS["tokens"]}), _recorded()
    assert (
        template(one)["metadata"]["annotations"]["renews"] != template(all_of_them)["metadata"]["annotations"]["renews"]
    )
    # It starts anew for nothing else.
    assert template(all_of_them) == template(_recorded(dict(reversed([*DATASETS.items()]))))


def test_operations_are_made_after_those_that_they_wait_for() -> None:
    loads = {"first": {"once": True}, "second": {"after": "first"}}
    script = {"image": "busybox:1", "script": "true"}
    recording = _recorded({"tokens": dataset(RAW, loads=loads, processes={"then": {**script, "after": "second"}})})
    behind = "datasets-tokens"
    assert _before(recording, f"dataload-{behind}-second") == {*TOKENS, f"dataload-{behind}-first"}
    assert _before(recording, f"dataprocess-{behind}-then") == {*TOKENS, f"dataload-{behind}-second"}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        pytest.param(
            "dataprocess",
            {"loads": {"a": {"after": "b"}}, "processes": {"b": {"image": "busybox:1", "script": "true"}}},
            id="a load after a process",
        ),
        pytest.param("dataload", {"loads": {"a": {"after": "b"}, "b": {"once": True}}}, id="names the other way round"),
    ],
)
def test_operations_are_made_after_those_that_they_wait_for_whatever_their_names(
    kind: str, values: Mapping[str, Any]
) -> None:
    recording = _recorded({"tokens": dataset(RAW, **values)})
    assert f"{kind}-datasets-tokens-b" in _before(recording, "dataload-datasets-tokens-a")


def test_a_budget_is_of_workers() -> None:
    budgets = {budget.inputs["metadata"]["name"]: budget.inputs["spec"] for budget in _of(_recorded(), BUDGET)}
    assert budgets == {
        "tokens-workers": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"release": "tokens", "role": "jindofs-worker"}},
        },
        "samples-workers": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"release": "samples", "role": "alluxio-worker"}},
        },
    }


def test_the_volume_of_the_masters_metadata() -> None:
    (claim,) = _of(_recorded(), "kubernetes:core/v1:PersistentVolumeClaim")
    assert claim.inputs["metadata"]["name"] == "tokens-metadata"
    # It waits for its first pod, which comes later.
    assert claim.inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    assert claim.inputs["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "alicloud-disk-topology-alltype",
        "resources": {"requests": {"storage": "40Gi"}},
    }
    runtime = named(_recorded(), "datasets-jindoruntime-datasets-tokens").inputs["spec"]
    assert runtime["volumes"][0]["persistentVolumeClaim"]["claimName"] == "tokens-metadata"


def test_file_systems_are_mounted_where_the_cloud_says() -> None:
    recording = _recorded()
    (mount,) = named(recording, "datasets-dataset-datasets-home").inputs["spec"]["mounts"]
    assert mount["mountPoint"] == "home.cn-hangzhou.nas.aliyuncs.com/users"
    profile = named(recording, "datasets-thinruntimeprofile-nfs").inputs
    assert "namespace" not in profile["metadata"]


def test_kubernetes_knows_every_built_in_object() -> None:
    recording = _recorded()
    built_in = [
        resource
        for resource in _made(recording)
        if resource.type.startswith("kubernetes:")
        and not resource.type.startswith((FLUID, "kubernetes:autoscaling.alibabacloud.com"))
    ]
    assert {resource.inputs["kind"] for resource in built_in} == {
        *("Namespace", "ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Deployment"),
        *("PersistentVolumeClaim", "PodDisruptionBudget"),
    }
    for resource in built_in:
        inputs: Any = dict(resource.inputs)
        # What the cloud says is not known at a preview.
        if resource.inputs["kind"] == "ConfigMap" and not isinstance(inputs["data"], dict):
            inputs["data"] = {}
        kubernetes_validate.validate(inputs, "1.35", strict=True)


def test_upstream_there_is_no_cloud() -> None:
    recording = _recorded({"samples": dataset(), "piece": part("samples")}, UPSTREAM, CachingArgs(), cloud=None)
    assert [resource.name.removeprefix("datasets-") for resource in _made(recording)] == [
        *("namespace", "dataset-datasets-samples", "alluxioruntime-datasets-samples"),
        *("dataset-jobs-piece", "dataset-jobs-samples"),
    ]


def test_before_anything_reaches_the_cluster_there_are_roles_alone() -> None:
    recording = _recorded(in_cluster=False)
    types = {resource.type for resource in _made(recording)}
    assert types == {ROLE, POLICY, "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"}
    assert len(_of(recording, ROLE)) == 2


def test_without_datasets_there_is_nothing() -> None:
    assert not _made(_recorded({}))


@pytest.mark.parametrize(
    ("datasets", "cloud", "problem"),
    [
        ({"tokens": dataset(pool="nvm")}, CLOUD, "tokens.pool = 'nvm': not one of nodePools; did you mean 'nvme'?"),
        (
            {"tokens": dataset(RAW)},
            None,
            "cloud = None: missing; datasets of buckets take a RAM role, and need it",
        ),
    ],
)
def test_nothing_is_registered_if_anything_is_wrong(
    datasets: Mapping[str, DatasetArgs], cloud: DatasetCloud | None, problem: str
) -> None:
    seen: list[str] = []

    def program() -> None:
        with pytest.raises(InvalidInput) as caught:
            Datasets("datasets", datasets, CACHING, around=AROUND, cloud=cloud)
        seen.append(str(caught.value))

    assert not recorded(program).resources
    assert seen == [problem]


def test_what_others_are_told() -> None:
    found: list[Datasets] = []

    def program() -> None:
        provider = kubernetes.Provider("kubernetes", kubeconfig="{}")
        found.append(
            Datasets(
                "datasets",
                DATASETS,
                CACHING,
                around=RICH,
                cloud=CLOUD,
                mounts=MOUNTS,
                opts=pulumi.ResourceOptions(providers=[provider]),
            )
        )

    recorded(program)
    assert found[0].role_ids.keys() == {"tokens", "output"}
    assert list(found[0].plans) == sorted(DATASETS)
