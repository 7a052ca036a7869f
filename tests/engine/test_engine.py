"""The real program under the real engine: a file backend, and a stand-in for the two providers (`provider.py`)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.rules import RULES
from stacks.loading import DIRECTORY, PROJECT, SECRET, environments, load_environment, read_stack_config
from stacks.preview.recording import STACK, UNKNOWN
from throttling import double

from .provider import KUBECONFIG, TOKEN, Provider, served

pytestmark = pytest.mark.skipif(
    shutil.which("pulumi") is None,
    reason="the pulumi CLI is not on PATH: install it to run the program under the real engine",
)

ROOT = DIRECTORY.parent
DYNAMIC = "pulumi-python:dynamic/"
"""Resources whose provider is a class of the project: the engine runs it in a process of its own."""

DYNAMIC_PROVIDER = "pulumi:providers:pulumi-python"

MARK_OF_SECRETS = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
"""What marks a secret in a state and in what a provider gets."""

REAL_PROVIDER = {
    "ALIBABA_CLOUD_ACCOUNT_TYPE": "Domestic",
    "ALICLOUD_ACCESS_KEY": "none",
    "ALICLOUD_ACCOUNT_ID": "1234567890123456",
    "ALICLOUD_SECRET_KEY": "none",
}
"""Credentials that open nothing: a preview of what does not exist yet reads nothing from the cloud."""


class Workspace:
    """A copy of the project in which commands run. provider: the stand-in that `variables` point the engine to."""

    def __init__(self, directory: Path, stack: str, provider: Provider, variables: Mapping[str, str]) -> None:
        self.root, self.stack, self.provider = directory / "project", stack, provider
        for name in ("components", "policies", "stacks"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, self.root / name, symlinks=True, ignore=ignored)
        shutil.copy(ROOT / "Pulumi.yaml", self.root)
        (self.root / ".venv").symlink_to(sys.prefix)
        home, state = directory / "home", directory / "state"
        home.mkdir()
        state.mkdir()
        self.variables = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            # Before the checkout, which an editable install puts on the path.
            "PYTHONPATH": str(self.root),
            "PULUMI_BACKEND_URL": f"file://{state}",
            "PULUMI_CONFIG_PASSPHRASE": "passphrase",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(home / ".pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **variables,
        }
        self.pulumi("stack", "init")
        self.set("prefix", "engine-test")
        if load_environment(stack, read_stack_config(stack)).throttling.enabled:
            self.set("throttling.pool", double.POOL)

    def run(self, *command: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command, which must succeed or fail as expected."""
        done = subprocess.run(
            command, cwd=self.root, env=self.variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert (done.returncode != 0) == fails, f"{command}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """Run the CLI on the stack and give all that it prints."""
        done = self.run(*self._cli(arguments), fails=fails)
        return done.stdout + done.stderr

    def answer(self, *arguments: str) -> Any:
        """Run the CLI on the stack and give the JSON that it prints."""
        return json.loads(self.run(*self._cli(arguments)).stdout)

    def _cli(self, arguments: Sequence[str]) -> Sequence[str]:
        return ("pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color", "never")

    def set(self, key: str, value: str, *flags: str) -> None:
        """Change the configuration."""
        self.pulumi("config", "set", "--path", f"{PROJECT}:{key}", value, *flags)

    def state(self) -> Sequence[Mapping[str, Any]]:
        """The resources of the state, secrets encrypted."""
        return self.answer("stack", "export")["deployment"].get("resources", [])

    def policy_config(self) -> dict[str, Any]:
        """The policy pack's configuration for the environment."""
        return json.loads(self.run(sys.executable, "-m", "stacks.config", self.stack, "--policies").stdout)

    def preview_with_policies(self, config: Mapping[str, Any], *, fails: bool = False) -> str:
        """Preview with the policy pack."""
        file = self.root / "policies.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return self.pulumi("preview", "--policy-pack", "policies", "--policy-pack-config", str(file), fails=fails)


@pytest.fixture
def oss() -> double.Oss:
    """A stand-in for OSS with a resource pool that holds the buckets of prod."""
    pool = double.limits(TotalUploadBandwidth=200, TotalDownloadBandwidth=400)
    roles = load_environment("prod", read_stack_config("prod")).buckets
    return double.Oss(pool, pool, [f"engine-test-prod-{role}" for role in roles])


@pytest.fixture
def workspace(tmp_path: Path, oss: double.Oss) -> Iterator[Callable[[str], Workspace]]:
    """Open a workspace for an environment."""
    with (
        served(ROOT / "components" / "catalog" / "replacements.json") as (provider, port),
        double.served(oss) as endpoint,
    ):
        providers = {"PULUMI_DEBUG_PROVIDERS": f"alicloud:{port},kubernetes:{port}"}
        variables = {**providers, **double.variables(endpoint, OSS_THROTTLING_TIMEOUT_SECONDS="10")}
        yield lambda stack: Workspace(tmp_path, stack, provider, variables)


def _is_in_cloud(resource: Mapping[str, Any]) -> bool:
    return resource["custom"] and not resource["type"].startswith(("pulumi:providers:", DYNAMIC))


def _like(recorded: Any, real: Any) -> bool:
    """Whether a recorded value is the real one, as far as a recording can know it; both keep secrets."""
    if recorded == SECRET:
        return isinstance(real, dict) and MARK_OF_SECRETS.items() <= real.items() and "ciphertext" in real
    if isinstance(recorded, dict) and isinstance(real, dict):
        return recorded.keys() == real.keys() and all(_like(recorded[key], real[key]) for key in recorded)
    if isinstance(recorded, list) and isinstance(real, list):
        return len(recorded) == len(real) and all(map(_like, recorded, real))
    return recorded in (real, UNKNOWN)


def _changes(work: Workspace) -> list[tuple[str, str]]:
    """What a preview would change, but for the Kubernetes provider: each update asks for a new kubeconfig."""
    steps = [(step["op"], step["urn"].rpartition("::")[2]) for step in work.answer("preview", "--json")["steps"]]
    return [(operation, name) for operation, name in steps if operation != "same" and name != "kubernetes"]


def _waiting(printed: str) -> dict[str, str]:
    """What the engine says of each rule that it could not run."""
    return dict(re.findall(r"can't run policy '([^']+)'.*?: (.*)", printed))


def _assert_only_waiting(printed: str) -> None:
    """Rules say themselves what they must wait for; those on quotas and costs decide in a first preview."""
    waiting = _waiting(printed)
    unsaid = {name: said for name, said in waiting.items() if "Cannot be checked before apply: " not in said}
    assert not unsaid, printed
    literal = {rule.name for rule in RULES if rule.area in ("quotas", "budget")}
    assert not literal & waiting.keys(), printed


@pytest.mark.parametrize("stack", environments())
def test_whole_cycle(stack: str, workspace: Callable[[str], Workspace], oss: double.Oss) -> None:
    """Create, no change in a second preview and in a refresh, and destroy: in two steps where it is protected."""
    work = workspace(stack)
    work.run(sys.executable, "-m", "stacks.up", stack, "--", "--yes", "--skip-preview", "--non-interactive")
    state = work.state()
    assert {resource["id"] for resource in state if _is_in_cloud(resource)} == set(work.provider.resources)
    assert KUBECONFIG not in json.dumps(state)
    assert TOKEN not in json.dumps(state)
    throttled = [resource for resource in state if resource["type"].startswith(DYNAMIC)]
    assert bool(throttled) == any(oss.settings().values())
    assert double.SECRET not in json.dumps(state)
    created = {resource["urn"]: resource for resource in state if resource["type"] not in (STACK, DYNAMIC_PROVIDER)}
    offline = json.loads(work.run(sys.executable, "-m", "stacks.preview", stack, "--format", "json").stdout)
    recorded = {resource["urn"]: resource for resource in offline["resources"]}
    # Equality also says that nothing uses a default provider, which would have no region.
    assert created.keys() == recorded.keys()
    for urn, resource in recorded.items():
        assert sorted(created[urn].get("dependencies", [])) == resource["dependencies"], urn
        if _is_in_cloud(created[urn]) or resource["type"].startswith(DYNAMIC):
            assert _like(resource["inputs"], created[urn]["inputs"]), (resource, created[urn])
    outside = [urn for urn, resource in created.items() if "/../" in resource.get("sourcePosition", "")]
    assert not outside, "the copy's program imports from elsewhere"
    assert _changes(work) == []
    known = work.preview_with_policies(work.policy_config())
    assert not _waiting(known), known
    work.pulumi("refresh", "--yes", "--expect-no-changes")

    protected = [resource["urn"] for resource in state if resource.get("protect")]
    assert bool(protected) == load_environment(stack, read_stack_config(stack)).protection
    if protected:
        existing = dict(work.provider.resources)
        refused = work.pulumi("destroy", "--yes", fails=True)
        assert "it is protected" in refused, refused
        assert work.provider.resources == existing
    work.run(sys.executable, "-m", "stacks.destroy", stack, "--", "--yes", "--skip-preview", "--non-interactive")
    assert work.state() == []
    assert not any(oss.settings().values())
    left = {resource.type for resource in work.provider.resources.values()}
    # What lies in a cluster goes with it, without a call of its own; where the cluster stays, it is taken down. File
    # systems stay, for their data, and of tenants what they have stored and the guards of their namespaces.
    stays = (
        *("kubernetes:", "alicloud:nas/fileSystem:", "alicloud:nas/recycleBin:"),
        *("alicloud:log/store", "alicloud:oss/", "alicloud:kms/key:"),
    )
    kept = ("kubernetes:core/v1:", "kubernetes:networking", "kubernetes:admission")
    images = "alicloud:cs/registryEnterpriseNamespace:"
    assert all(kind.startswith((*stays, images) if stack != "local" else kept) for kind in left), left
    buckets = [str(r.inputs["bucket"]) for r in work.provider.resources.values() if r.type.endswith(":Bucket")]
    assert all("-research-" in bucket for bucket in buckets), buckets


@pytest.mark.parametrize("stack", environments())
def test_policies_pass(stack: str, workspace: Callable[[str], Workspace]) -> None:
    """The pack passes with an environment's own quotas, and runs every rule."""
    work = workspace(stack)
    _assert_only_waiting(work.preview_with_policies(work.policy_config()))


@pytest.mark.parametrize("stack", [stack for stack in environments() if stack != "local"])
def test_the_real_provider_accepts_it(stack: str, tmp_path: Path) -> None:
    """The provider's own checks pass, the pack runs every rule on what the provider makes of the inputs."""
    listed = subprocess.run(["pulumi", "plugin", "ls", "--json"], capture_output=True, text=True, check=True).stdout
    if not any(plugin["name"] == "alicloud" for plugin in json.loads(listed)):
        pytest.skip("the alicloud provider is not installed: pulumi plugin install resource alicloud 4.0.0")
    installed = os.environ.get("PULUMI_HOME", str(Path.home() / ".pulumi"))
    work = Workspace(tmp_path, stack, Provider({}), {**REAL_PROVIDER, "PULUMI_HOME": installed})
    passed = work.preview_with_policies(work.policy_config())
    offline = json.loads(work.run(sys.executable, "-m", "stacks.preview", stack, "--format", "json").stdout)
    # The engine counts the stack too.
    assert f"+ {len(offline['resources']) + 1} to create" in passed, passed
    _assert_only_waiting(passed)


def test_policies_refuse_what_exceeds_a_quota(workspace: Callable[[str], Workspace]) -> None:
    """Quotas below what the environment needs fail the preview, and none is skipped for what only the cloud knows."""
    work = workspace("prod")
    names = ("nodes-within-quota", "vcpu-within-quota", "memory-within-quota", "gpus-within-quota")
    config = {
        **work.policy_config(),
        **{name: {"enforcementLevel": "mandatory", "maximum": 1} for name in names},
        "monthly-cost-within-budget": {"enforcementLevel": "mandatory", "budget": {"CNY": 1, "USD": 1}},
        "region-allowed": {"enforcementLevel": "mandatory", "regions": ["cn-beijing"]},
        "instance-family-allowed": {"enforcementLevel": "mandatory", "families": ["g8y"]},
    }
    refused = work.preview_with_policies(config, fails=True)
    for name in (*names, "monthly-cost-within-budget", "region-allowed", "instance-family-allowed"):
        assert re.search(rf"\[mandatory\].*{name}", refused), (name, refused)
    _assert_only_waiting(refused)


def test_bad_configuration_is_reported(workspace: Callable[[str], Workspace]) -> None:
    """The engine shows the same report as the offline preview, and no traceback."""
    work = workspace("dev")
    work.set("network.zones[0]", "cn-nowhere-x")
    work.set("nodePools.data.autoscaling.maximum", "many")
    report = work.run(sys.executable, "-m", "stacks.preview", "dev", fails=True).stderr
    assert 'network.zones[0] = "cn-nowhere-x"' in report, report
    assert 'nodePools.data.autoscaling.maximum = "many"' in report, report
    output = work.pulumi("preview", fails=True)
    assert [line for line in report.splitlines() if line.strip() not in output] == [], output
    assert "Traceback" not in output, output


def test_example_prefix_is_refused(workspace: Callable[[str], Workspace]) -> None:
    """`up` creates nothing under the names of the example."""
    work = workspace("dev")
    work.set("prefix", "acme")
    refused = work.pulumi("up", "--yes", "--skip-preview", fails=True)
    assert 'prefix = "acme": this is the example\'s' in refused, refused
    assert work.provider.resources == {}


def test_changed_configuration_changes_one_pool(workspace: Callable[[str], Workspace]) -> None:
    """A pool's maximum reaches the cloud as an update of this pool alone."""
    work = workspace("dev")
    work.pulumi("up", "--yes", "--skip-preview")
    work.set("nodePools.data.autoscaling.maximum", "5")
    assert _changes(work) == [("update", "data-pool")]
    (step,) = [step for step in work.answer("preview", "--json")["steps"] if step["urn"].endswith("::data-pool")]
    assert step["newState"]["inputs"]["scalingConfig"]["maxSize"] == 5


VISION = {
    "owners": ["ram-user/1"],
    "engineers": ["ram-user/2"],
    "costCenter": "cv",
    "namespaces": {"vision": {"jobs": ["ray"]}},
    "prefixes": {"images": {"bucket": "raw"}},
    "buckets": {"scratch": {}},
}


def _set_tenants(work: Workspace, tenants: Mapping[str, Any]) -> None:
    path = work.root / "stacks" / f"Pulumi.{work.stack}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["config"][f"{PROJECT}:tenants"] = tenants
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_tenants_come_get_another_name_and_go(workspace: Callable[[str], Workspace]) -> None:
    """The first only adds, the second replaces nothing, the third leaves data and guards where they are."""
    work = workspace("dev")
    work.pulumi("up", "--yes", "--skip-preview")
    _set_tenants(work, {"vision": VISION})
    assert {operation for operation, _ in _changes(work)} == {"create"}
    work.pulumi("up", "--yes", "--skip-preview")
    before = {resource["id"]: resource["type"] for resource in work.state() if _is_in_cloud(resource)}

    _set_tenants(work, {"sight": {**VISION, "formerly": ["vision"]}})
    assert {operation for operation, _ in _changes(work)} == {"update"}
    work.pulumi("up", "--yes", "--skip-preview")
    assert {resource["id"]: resource["type"] for resource in work.state() if _is_in_cloud(resource)} == before

    _set_tenants(work, {})
    assert {operation for operation, _ in _changes(work)} == {"delete"}
    work.pulumi("up", "--yes", "--skip-preview")
    left = {work.provider.resources[id_].type.rpartition(":")[2] for id_ in before if id_ in work.provider.resources}
    stated = {resource["id"] for resource in work.state() if _is_in_cloud(resource)}
    forgotten = {
        before[id_].rpartition(":")[2] for id_ in before if id_ not in stated and id_ in work.provider.resources
    }
    assert forgotten == {
        *("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
        *("Bucket", "BucketPublicAccessBlock", "BucketHttpsConfig", "Store", "StoreIndex"),
    }
    assert "KubernetesPermission" not in left


def test_a_further_zone_replaces_nothing(workspace: Callable[[str], Workspace]) -> None:
    """A zone added at the end leaves the vSwitches of the others as they are."""
    work = workspace("dev")
    work.pulumi("up", "--yes", "--skip-preview")
    work.set("network.zones[2]", "cn-hangzhou-j")
    steps = work.answer("preview", "--json")["steps"]
    assert {step["op"] for step in steps} == {"same", "create", "update"}, steps
    assert not [step["urn"] for step in steps if step["op"] == "update" and "vpc/switch" in step["urn"]]


def test_a_bucket_can_be_replaced(workspace: Callable[[str], Workspace]) -> None:
    """Another redundancy needs another bucket of the same name: the old one, which is empty, goes first."""
    work = workspace("dev")
    work.pulumi("up", "--yes", "--skip-preview")
    work.set("buckets.artifacts.redundancy", "ZRS")
    work.pulumi("up", "--yes", "--skip-preview")
    bucket = next(resource for resource in work.state() if resource["urn"].endswith("::artifacts-bucket"))
    assert bucket["inputs"]["redundancyType"] == "ZRS"


def test_secret_stays_secret(workspace: Callable[[str], Workspace]) -> None:
    """A kubeconfig given as a secret reaches the provider as one, and is encrypted in configuration and state."""
    work = workspace("local")
    work.set("kubernetes.kubeconfig", "the kubeconfig", "--secret")
    work.pulumi("up", "--yes", "--skip-preview")
    given = [configured.get("kubeconfig") for configured in work.provider.configurations]
    assert {**MARK_OF_SECRETS, "value": "the kubeconfig"} in given
    state = work.state()
    inputs = next(resource["inputs"] for resource in state if resource["type"] == "pulumi:providers:kubernetes")
    assert inputs["kubeconfig"] == {**MARK_OF_SECRETS, "ciphertext": inputs["kubeconfig"].get("ciphertext")}
    assert "the kubeconfig" not in json.dumps(state)
    assert "the kubeconfig" not in (work.root / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8")


def test_a_changed_cache_is_replaced_with_all_that_hangs_on_it(workspace: Callable[[str], Workspace]) -> None:
    """Fluid reads most of a runtime once: what changes goes, after what hangs on it; the number of workers does not."""
    work = workspace("local")
    work.run(sys.executable, "-m", "stacks.up", "local", "--", "--yes", "--skip-preview", "--non-interactive")
    work.set("datasets.zookeeper.runtime.workers", "2")
    work.set("datasets.zookeeper.runtime.tier.quotaGib", "1")
    runtime = "datasets-alluxioruntime-datasets-zookeeper"
    assert _changes(work) == [("update", runtime), ("create", "datasets-zookeeper-workers")]
    work.set("datasets.zookeeper.runtime.tier.quotaGib", "2")
    assert {name for operation, name in _changes(work) if operation == "replace"} == {
        *(runtime, "datasets-dataload-datasets-zookeeper-first"),
        "datasets-dataset-playground-zookeeper",
    }
    work.pulumi("up", "--yes", "--skip-preview")
    work.set("datasets.zookeeper.consistency", "event-driven")
    replaced = {name for operation, name in _changes(work) if operation == "replace"}
    assert replaced >= {runtime, "datasets-dataset-playground-zookeeper", "datasets-dataload-datasets-zookeeper-first"}
