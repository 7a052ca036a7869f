"""The graph of every shipped environment: what the facts force on it, and that no URN changes by accident."""

from collections.abc import Mapping

import jsonschema
import pytest

from components import catalog
from policies.pack import schema as config_schema
from policies.rules import RULES
from stacks.environment import bucket_owners
from stacks.loading import PROJECT, StackConfig, load_environment, read_stack_config
from stacks.policy_config import STATED, policy_config
from stacks.preview.findings import run_policies
from stacks.preview.recording import SECRET, ProgramFailed, Recording, record_environment
from support import ENVIRONMENTS, ROOT, overlaid

CLOUD = tuple(name for name in ENVIRONMENTS if name != "local")


@pytest.fixture(scope="module")
def recordings() -> Mapping[str, Recording]:
    return {stack: record_environment(stack, read_stack_config(stack)) for stack in ENVIRONMENTS}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_no_urn_changes_by_accident(stack: str, recordings: Mapping[str, Recording]) -> None:
    """A new or moved resource is meant: run `make generate` and commit the file. A rename carries an alias."""
    urns = sorted(resource.urn.split("::", 2)[2] for resource in recordings[stack].resources)
    assert urns == (ROOT / "tests" / "graphs" / f"{stack}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_resource_has_an_explicit_provider(stack: str, recordings: Mapping[str, Recording]) -> None:
    for resource in recordings[stack].resources:
        # Dynamic resources bring their own provider.
        if resource.custom and not resource.type.startswith(("pulumi:", "pulumi-python:dynamic")):
            assert resource.provider, resource.urn


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_child_is_named_after_its_component(stack: str, recordings: Mapping[str, Recording]) -> None:
    by_urn = {resource.urn: resource for resource in recordings[stack].resources}
    for resource in by_urn.values():
        if resource.parent:
            assert resource.name.startswith(f"{by_urn[resource.parent].name}-"), resource.urn


@pytest.mark.parametrize("stack", CLOUD)
def test_nothing_lacks_a_name_that_the_provider_would_make_up(stack: str, recordings: Mapping[str, Recording]) -> None:
    names = {
        "alicloud:vpc/network:Network": "vpcName",
        "alicloud:vpc/switch:Switch": "vswitchName",
        "alicloud:cs/nodePool:NodePool": "nodePoolName",
        "alicloud:cs/kubernetesAddon:KubernetesAddon": "name",
        "alicloud:cs/managedKubernetes:ManagedKubernetes": "name",
        "alicloud:oss/bucket:Bucket": "bucket",
        "alicloud:log/project:Project": "projectName",
    }
    for resource in recordings[stack].resources:
        if resource.type in names:
            assert resource.inputs[names[resource.type]], resource.urn


@pytest.mark.parametrize("stack", CLOUD)
def test_no_input_is_deprecated_or_would_replace_silently(stack: str, recordings: Mapping[str, Recording]) -> None:
    cluster = next(
        r for r in recordings[stack].resources if r.type == "alicloud:cs/managedKubernetes:ManagedKubernetes"
    )
    assert not {"workerVswitchIds", "loadBalancerSpec", "clientCert", "clientKey"} & set(cluster.inputs)
    assert {"vswitchIds", "podVswitchIds"} <= set(cluster.inputs)
    assert "serviceCidr" in catalog.replacing_properties()[cluster.type]


def test_production_is_protected_and_the_others_are_not(recordings: Mapping[str, Recording]) -> None:
    for stack in CLOUD:
        protected = {r.name for r in recordings[stack].resources if r.options.protect and not r.custom}
        environment = load_environment(stack, read_stack_config(stack))
        # Tenants' own stay in the cloud instead when they are removed, which protection would not allow.
        buckets = {role: b for role, b in environment.buckets.items() if role not in bucket_owners(environment)}
        expected = {
            "network",
            "encryption",
            "cluster",
            "homes",
            "workspaces",
            "registry",
            "encryption-cn-shanghai",
            *buckets,
        }
        expected |= {f"{role}-copy" for role, args in buckets.items() if args.replication}
        assert protected == (expected if stack == "prod" else set())


def test_node_pools_and_add_ons_wait_for_the_cluster(recordings: Mapping[str, Recording]) -> None:
    resources = recordings["prod"].resources
    cluster = next(r for r in resources if r.type == "alicloud:cs/managedKubernetes:ManagedKubernetes")
    for resource in resources:
        if resource.type.startswith(("alicloud:cs/nodePool", "alicloud:cs/kubernetesAddon")):
            assert cluster.urn in resource.dependencies, resource.urn
    system_pool = next(r for r in resources if r.name == "system" and not r.custom)
    for name in ("platform", "autoscaler"):
        waits_for = next(r for r in resources if r.name == name).dependencies
        assert system_pool.urn in waits_for or any("system-pool" in urn for urn in waits_for)


def test_local_creates_nothing_in_a_cloud(recordings: Mapping[str, Recording]) -> None:
    assert not [r.urn for r in recordings["local"].resources if r.type.startswith("alicloud:")]
    provider = next(r for r in recordings["local"].resources if r.type == "pulumi:providers:kubernetes")
    assert provider.inputs["clusterIdentifier"] == "kind-platform"


def test_a_secret_kubeconfig_stays_secret() -> None:
    config = overlaid("local", {"kubernetes": {"kubeconfig": "apiVersion: v1"}})
    recording = record_environment("local", StackConfig(config.values, frozenset({f"{PROJECT}:kubernetes"})))
    provider = next(r for r in recording.resources if r.type == "pulumi:providers:kubernetes")
    assert provider.inputs["kubeconfig"] == SECRET


def test_bad_configuration_ends_in_the_report() -> None:
    with pytest.raises(ProgramFailed) as caught:
        record_environment("dev", overlaid("dev", {"region": "cn-nowhere"}))
    assert str(caught.value).startswith('1 problem in environment dev\n\n  region = "cn-nowhere"\n')
    assert "stacks/profiles/flavors/ack.yaml" not in str(caught.value)


@pytest.mark.parametrize("stack", CLOUD)
def test_without_a_way_into_the_cluster_the_cloud_side_stands_alone(stack: str) -> None:
    """The first deployment: nothing inside the cluster, and no rule is violated for it."""
    config = overlaid(stack, {"inCluster": False})
    recording = record_environment(stack, config)
    assert not [resource.urn for resource in recording.resources if resource.type.startswith("kubernetes:")]
    findings = run_policies(recording, RULES, policy_config(load_environment(stack, config), stack))
    assert [finding for finding in findings.violations if finding.level == "mandatory"] == []


def test_throttles_know_the_ids_of_roles_though_nothing_reaches_the_cluster(
    recordings: Mapping[str, Recording],
) -> None:
    outside = record_environment("prod", overlaid("prod", {"inCluster": False}))
    for recording in (recordings["prod"], outside):
        by_name = {resource.name: resource for resource in recording.resources}
        throttle = by_name["throttling-requester-curated"]
        assert throttle.inputs["requester"] == "[unknown]"
        assert by_name["volumes-curated-role"].urn in throttle.property_dependencies["requester"]
        # All buckets come first.
        buckets = {r.urn for r in recording.resources if r.type == "alicloud:oss/bucket:Bucket"}
        names = {"raw", "curated", "event-logs", "checkpoints", "models", "artifacts", "access-logs"}
        assert {by_name[f"{name}-bucket"].urn for name in names} <= buckets & set(throttle.dependencies)


def test_bandwidth_alarms_follow_the_throttles(recordings: Mapping[str, Recording]) -> None:
    by_name = {resource.name: resource.inputs for resource in recordings["prod"].resources}
    # 80 % of what the class batch gets at most, which is 80 % of 400 Gbit/s.
    threshold = by_name["storage-alarms-raw-download-intranet"]["escalationsWarn"]["threshold"]
    assert int(threshold) == pytest.approx(0.8 * 0.8 * 400 * 1e9 / 8 * 60)
    quiet = record_environment("prod", overlaid("prod", {"notifications": {"mail": []}}))
    assert not [r for r in quiet.resources if r.type.startswith("alicloud:cms/")]


def test_without_a_pool_there_is_a_platform_all_the_same(recordings: Mapping[str, Recording]) -> None:
    off = record_environment("prod", overlaid("prod", {"throttling": {"enabled": False}}))
    gone = {r.type for r in recordings["prod"].resources} - {r.type for r in off.resources}
    assert gone
    for token in gone:
        assert token.startswith(("pulumi-python:dynamic/oss:", "ack-ai-blueprint:throttling")), token


def test_volumes_wait_for_their_namespaces(recordings: Mapping[str, Recording]) -> None:
    resources = {resource.name: resource for resource in recordings["prod"].resources}
    # Children wait for their component, and that waits for its dependencies.
    assert resources["tenant-pretraining-training"].urn in resources["volumes"].dependencies


def test_settings_stated_elsewhere_reach_their_rules() -> None:
    environment = load_environment("prod", read_stack_config("prod"))
    config = policy_config(environment, "prod")
    written = environment.model_dump(mode="json", by_alias=True)
    for name, paths in STATED.items():
        for key, path in paths.items():
            section, _, own = path.partition(".")
            said = written[section][own]
            assert config[name].get(key) == (None if said in ({}, []) else said), path


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_policies_take_the_configuration_of_every_environment(name: str) -> None:
    """The engine refuses a pack whose configuration does not meet its schema."""
    config = policy_config(load_environment(name, read_stack_config(name)), name)
    for rule in RULES:
        values = {key: value for key, value in config[rule.name].items() if key != "enforcementLevel"}
        schema = {"type": "object", "properties": config_schema(rule).properties, "additionalProperties": False}
        jsonschema.Draft202012Validator(schema).validate(values)
