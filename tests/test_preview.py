"""The offline preview as a command: exit codes, formats, differences, and no colour where it is piped."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from components.network import Network, NetworkArgs, ZoneScale
from stacks.preview.__main__ import main
from stacks.preview.recording import ProgramFailed
from support import ENVIRONMENTS, ROOT, named, recorded

Output = pytest.CaptureFixture[str]


def _json(capsys: Output, *arguments: str) -> dict[str, Any]:
    main([*arguments, "--format", "json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project that a test may change, under git, with one commit."""
    copy = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("components", "policies", "stacks"):
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=ignored)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "base"]):
        subprocess.run([*git, *command], cwd=copy, check=True)
    return copy


def _run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stacks.preview", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def _edit(checkout: Path, stack: str, **values: Any) -> None:
    path = checkout / "stacks" / f"Pulumi.{stack}.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for key, value in values.items():
        content["config"][f"ack-ai-blueprint:{key}"] = value
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_text(stack: str, capsys: Output) -> None:
    assert main([stack]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    assert not [line for line in captured.out.splitlines() if line != line.rstrip()]
    assert captured.out.splitlines()[-1].startswith(f"{stack}: ")


def test_production_shows_the_platform_of_the_seeds(capsys: Output) -> None:
    main(["prod"])
    text = capsys.readouterr().out
    for expected in (
        "1.35.7-aliyun.1, ack.pro.small, private API, Terway, RRSA, encrypted secrets",
        "3 to 50 x ecs.g8i.8xlarge or ecs.g7.8xlarge",
        "spot, taint spot",
        "1 to 8 x ecs.gn7i-4x.16xlarge",
        "6 x ecs.i4.8xlarge, taint workload",
        "acme-prod-raw, versioned, encrypted (KMS)",
        "add-on kuberay-operator",
        "add-on ack-virtual-node",
        "+ serverless 50,000 = 56,839 of 98,292; 65,528 when a zone is lost.",
        "acs general-purpose best-effort > data-arm-spot (spot) > data-spot (spot) > acs general-purpose > data",
        "peak: acs general-purpose; off-peak: data > data-spot (spot) > acs general-purpose",
        "up to CNY 2.90",
        "rules checked, 3 violated, 1 to be checked at apply,",
        "no-access-key-shapes cannot be checked before apply: charList of ",
    ):
        assert expected in text


def _section(text: str, title: str) -> list[str]:
    """The lines of a section, without its title."""
    lines = text.splitlines()
    start = lines.index(title)
    return lines[start + 1 : lines.index("", start)]


def test_production_shows_what_caches_data(capsys: Output) -> None:
    main(["prod"])
    header, *lines = _section(capsys.readouterr().out, "Datasets: what caches them, and what that delivers")
    assert header.split() == [
        *("dataset", "from", "GiB", "cache", "held", "Gbit/s:", "all,", "a", "reader", "target"),
        *("a", "pass:", "first,", "then", "(min)", "warm-up", "(min)", "limited", "by"),
        *("its", "part", "of", "the", "nodes"),
    ]
    rows = {line.split()[0]: " ".join(line.split()) for line in lines if re.search(r"^\S+ \(", line)}
    assert list(rows) == ["images", "model-cache", "tokens", "tokens-english", "workspace"]
    limits = "(network of the (readers'|workers') nodes|cache medium|(bandwidth of|requests to) the source)"
    numbers = r"[0-9.,]+, [0-9.,]+ "
    for name, start, target in (
        ("images", r"\(static\) bucket curated/data/images/ 1,500 [0-9]+ x [0-9,]+ GiB ", "a pass in 15 min, warm"),
        ("model-cache", r"\(event-driven\) bucket models/ 600 [0-9]+ x [0-9,]+ GiB ", "2 Gbit/s a pod, warm"),
        (
            "tokens",
            r"\(periodic\) bucket curated/data/tokens/ 12,000 2 x 6,316 GiB local-disk, cache in cn-hangzhou-i ",
            "2 Gbit/s a pod, warm",
        ),
    ):
        # Plan, bandwidth, target, passes, warm-up, what limits it, and its cost.
        pattern = f"{name} {start}.*100% {numbers}{target} {numbers}[0-9.,]+( to [0-9.,]+)? {limits} CNY [0-9,]+"
        assert re.fullmatch(pattern, rows[name]), (pattern, rows[name])
    assert rows["tokens-english"] == "tokens-english (periodic) tokens/en that of tokens"
    assert rows["workspace"] == "workspace (read-write) file system workspaces/research none (thin)"
    text = "\n".join(lines)
    for expected in (
        "model-cache: Readers see a change at the source after 30 seconds at the latest.",
        "tokens, tokens-english: Readers see the state of the last refresh,",
        "images many small files are bound by latency, of which no figures are public: measure it.",
        "images is static, and may be written by data (its part curated/data/): what changes is not seen.",
        "workspace has no cache: readers get what the file system gives.",
    ):
        assert expected in text


ADMISSION = "Admission: what Gatekeeper holds in the tenants' namespaces, whoever submits it"


def test_what_is_held_at_admission_is_shown(capsys: Output) -> None:
    main(["prod"])
    _, *lines = _section(capsys.readouterr().out, ADMISSION)
    rows = [re.split(r" {2,}", line) for line in lines]
    assert ["services-have-probes", "warn", "ACKRequiredProbes", "serving"] in [row[:4] for row in rows]
    hosts = "ACKPSPHostNamespace, ACKPSPHostNetworkingPorts, ACKBlockVolumeTypes"
    assert ["pods-without-host-access", "deny", hosts, "all tenants"] in [row[:4] for row in rows]
    unheld = dict(line.removeprefix("Not held there, ").split(": ") for line in lines if line.startswith("Not held"))
    assert "gang-size" in unheld["since ACK has no policy that means the same"]
    assert "labels-present" in unheld["for want of parameters"]
    assert "pods-not-root" in unheld["unless a level is stated"]
    main(["local"])
    _, *lines = _section(capsys.readouterr().out, ADMISSION)
    assert any(re.match(r"gang-size +deny +GangSize +all tenants ", line) for line in lines)
    (queued,) = [line for line in lines if line.startswith("jobs-name-their-queue ")]
    assert queued.endswith("labels: kueue.x-k8s.io/queue-name")
    main(["dev"])
    assert "Admission:" not in capsys.readouterr().out


def test_what_is_held_at_admission_is_in_json_and_markdown(capsys: Output) -> None:
    main(["prod", "--format", "json"])
    admission = json.loads(capsys.readouterr().out)["admission"]
    (probes,) = [rule for rule in admission["rules"] if rule["rule"] == "services-have-probes"]
    assert (probes["level"], probes["by"], probes["namespaces"]) == ("warn", ["ACKRequiredProbes"], ["serving"])
    assert "gang-size" in admission["leftOut"]["since ACK has no policy that means the same"]
    main(["prod", "--format", "markdown"])
    text = capsys.readouterr().out
    assert "<summary>Admission in the tenants' namespaces</summary>" in text
    assert "| services-have-probes | warn | ACKRequiredProbes | serving |" in text


def test_datasets_outside_the_cloud_have_no_figures(capsys: Output) -> None:
    main(["local"])
    _, *lines = _section(capsys.readouterr().out, "Datasets: what caches them, and what that delivers")
    row = "zookeeper (static) https://downloads.apache.org/zookeeper/stable/ 0 1 x 1 GiB memory"
    assert " ".join(lines[0].split()) == row
    main(["dev"])
    assert "Datasets: what" not in capsys.readouterr().out


def test_json_has_the_figures_of_datasets(capsys: Output) -> None:
    datasets = {dataset["name"]: dataset for dataset in _json(capsys, "prod")["datasets"]}
    tokens = datasets["tokens"]
    assert (tokens["kind"], tokens["pool"], tokens["medium"], tokens["workers"]) == ("jindo", "cache", "local-disk", 2)
    assert tokens["delivery"]["limit"] == "network of the workers' nodes"
    assert tokens["delivery"]["hits"] == 1
    # At best it is filled no later than with what is guaranteed.
    warm_up = tokens["delivery"]["warmUpMinutes"]
    assert 0 < warm_up["minimum"] <= warm_up["maximum"]
    assert (datasets["tokens-english"]["of"], datasets["tokens-english"].get("delivery")) == ("tokens", None)
    assert (datasets["workspace"]["kind"], datasets["workspace"].get("delivery")) == ("thin", None)


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_json_is_as_its_schema_says(stack: str, capsys: Output) -> None:
    document = _json(capsys, stack)
    schema = json.loads((ROOT / "stacks" / "preview" / "document.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert document["environment"] == stack


def test_json_holds_options_dependencies_and_unknown_outputs(capsys: Output) -> None:
    resources = {resource["name"]: resource for resource in _json(capsys, "prod")["resources"]}
    switch = resources["network-pods-cn-hangzhou-h"]
    assert switch["inputs"]["vpcId"] == "[unknown]"
    assert switch["propertyDependencies"]["vpcId"] == [resources["network-vpc"]["urn"]]
    assert switch["options"] == {"protect": True, "version": "4.0.0"}
    assert {"id", "status"} <= set(switch["unknownOutputs"])
    assert "cidrBlock" not in switch["unknownOutputs"]
    assert resources["raw-bucket"]["options"]["ignoreChanges"] == ["policy", "acl"]


def test_markdown(capsys: Output) -> None:
    assert main(["dev", "staging", "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("<!-- ack-ai-blueprint preview -->\n")
    assert text.count("## ✅") == 2
    assert text.count("<details>") == text.count("</details>") == 19


def test_datasets_are_folded_in_markdown(capsys: Output) -> None:
    assert main(["prod", "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    (folded,) = [part for part in text.split("<details>")[1:] if "<summary>Datasets</summary>" in part]
    body = folded.partition("</details>")[0]
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[1:] if "---" not in row] == [
        "| images (static)",
        "| model-cache (event-driven)",
        "| tokens (periodic)",
        "| tokens-english (periodic)",
        "| workspace (read-write)",
    ]
    assert "- workspace has no cache: readers get what the file system gives." in body


def test_stack_files_and_profiles_fit_their_schemas() -> None:
    for schema_name, pattern in (("stack", "Pulumi.*.yaml"), ("profile", "profiles/**/*.yaml")):
        schema = json.loads((ROOT / "stacks" / f"{schema_name}.schema.json").read_text(encoding="utf-8"))
        paths = list((ROOT / "stacks").glob(pattern))
        assert paths
        for path in paths:
            jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema)


def test_unknown_environment_is_bad_input(capsys: Output) -> None:
    assert main(["prd"]) == 2
    assert "not an environment; did you mean" in capsys.readouterr().err


def test_json_of_several_environments_is_refused(capsys: Output) -> None:
    assert main(["dev", "prod", "--format", "json"]) == 2
    assert "name it" in capsys.readouterr().err


def test_bad_input_is_exit_code_2_without_a_traceback(checkout: Path) -> None:
    _edit(checkout, "dev", region="cn-nowhere", prefx="x")
    result = _run(checkout, "dev")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("2 problems in environment dev\n")
    assert "Traceback" not in result.stderr


def test_a_file_with_a_duplicate_key_is_bad_input(checkout: Path) -> None:
    path = checkout / "stacks" / "profiles" / "base.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "tags: {}\n", encoding="utf-8")
    result = _run(checkout, "dev")
    assert result.returncode == 2
    assert 'tags = "tags"\n    stands twice in one mapping; names are unique\n' in result.stderr
    assert "stacks/profiles/base.yaml:" in result.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"config: [1, 2]\n", "config = [1, 2]"),
        (b"config: hello\n", "must be a mapping"),
        (b"config:\n  1: x\n", "a key must be a text; quote it"),
        (b"config:\n  ack-ai-blueprint:tags: {2024: x}\n", "a key must be a text; quote it"),
        (b"config: &a\n  x: *a\n", "or within itself"),
        (b"config: " + b"[" * 300 + b"]" * 300 + b"\n", "nested deeper than"),
        ("config: {}\n".encode("utf-16"), "not a text in UTF-8"),
        (b"config:\n\tx: 1\n", "not valid YAML"),
        (b"config:\n  ack-ai-blueprint:group: " + b"x" * 300 + b"\n", "not a profile in stacks/profiles/groups/"),
        (b"config:\n  ack-ai-blueprint:group: ../base\n", "not a profile in stacks/profiles/groups/"),
        (b"config:\n  ack-ai-blueprint:group: /etc/passwd\n", "not a profile in stacks/profiles/groups/"),
        (b"config:\n  ack-ai-blueprint:applications: data-processing\n", 'applications = "data-processing"'),
        (b"config:\n  ack-ai-blueprint:flavor: aks\n", "allowed: ack, upstream"),
        (b"config:\n  ack-ai-blueprint:prefix: " + b"9" * 5000 + b"\n", "not a number that JSON can hold"),
    ],
)
def test_odd_files_end_in_the_report(checkout: Path, content: bytes, message: str) -> None:
    (checkout / "stacks" / "Pulumi.dev.yaml").write_bytes(content)
    result = _run(checkout, "dev")
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_an_empty_file_is_an_environment_that_lacks_everything(checkout: Path) -> None:
    (checkout / "stacks" / "Pulumi.dev.yaml").write_bytes(b"")
    result = _run(checkout, "dev")
    assert result.returncode == 2
    assert "missing; flavor: ack needs cidr, zones and scalePerZone" in result.stderr


def test_only_the_kubeconfig_may_be_a_secret(checkout: Path) -> None:
    _edit(checkout, "dev", systems={"prometheus": {"values": {"password": {"secure": "v1:abc"}}}})
    result = _run(checkout, "dev")
    assert result.returncode == 2
    assert 'systems = "[secret]"\n    holds a secret; only kubernetes.kubeconfig may be one' in result.stderr


def test_secrets_are_never_shown(checkout: Path) -> None:
    _edit(checkout, "local", kubernetes={"kubeconfig": {"secure": "v1:abc"}, "context": 7})
    result = _run(checkout, "local")
    assert result.returncode == 2
    assert 'kubernetes.context = "[secret]"' in result.stderr
    _edit(checkout, "local", kubernetes={"kubeconfig": {"secure": "v1:abc"}})
    resources = json.loads(_run(checkout, "local", "--format", "json").stdout)["resources"]
    assert [r["inputs"]["kubeconfig"] for r in resources if r["name"] == "kubernetes"] == ["[secret]"]


def test_a_mandatory_finding_is_exit_code_1(checkout: Path) -> None:
    _edit(checkout, "dev", quotas={"nodes": 5})
    result = _run(checkout, "dev")
    assert result.returncode == 1
    assert "nodes-within-quota" in result.stdout
    assert "1 mandatory and 0 advisory findings" in result.stdout


def test_diff_names_what_changes_and_what_forces_a_replacement(checkout: Path) -> None:
    _edit(
        checkout,
        "dev",
        cluster={"serviceCidr": "172.30.0.0/16"},
        buckets={"extra": {}, "artifacts": None, "raw": {"expireOldVersionsAfterDays": 5}},
        usage={},
    )
    changes = json.loads(_run(checkout, "dev", "--diff", "HEAD", "--format", "json").stdout)["diff"]["changes"]
    actions = {change["name"]: change["action"] for change in changes}
    graph = (ROOT / "tests" / "graphs" / "dev.txt").read_text(encoding="utf-8").split()
    in_cluster = {
        line.rpartition("::")[2]
        for line in graph
        if re.search(
            r"(Platform|LogCollection)\$(alicloud:cs/|kubernetes:)|TrainingRuntimes\$|Monitoring\$|History\$.*kubernetes:",
            line,
        )
    }
    # They go with the bucket that they were in.
    reports = {name for name in (line.rpartition("::")[2] for line in graph) if name.startswith("cost-report")}
    assert reports
    assert actions == {
        **dict.fromkeys(reports, "removed"),
        "extra": "added",
        "extra-bucket": "added",
        "extra-https": "added",
        "extra-policy": "added",
        "extra-public-access-block": "added",
        "raw-bucket": "changed",
        "cluster-ack": "replaced",
        "data-pool": "replaced",
        "data-spot-pool": "replaced",
        "system-pool": "replaced",
        "autoscaler-config": "replaced",
        **dict.fromkeys(in_cluster, "replaced"),
        "kubernetes": "replaced",
        # Their saved queries name stores by the cluster's id.
        "logs-jobs": "changed",
        "logs-platform": "changed",
        "volumes-curated-role": "changed",
        "history-volumes-spark-history-role": "changed",
        "history-volumes-spark-events-role": "changed",
        "volumes-curated-notebooks": "replaced",
        "volumes-curated-notebooks-claim": "replaced",
        **dict.fromkeys(
            (
                *("job-classes-notebooks", "job-classes-ray", "job-classes-spark"),
                *("job-classes-high", "job-classes-normal", "job-classes-low"),
                *("job-classes-ray.ray-worker", "job-classes-spark.spark-executor"),
            ),
            "replaced",
        ),
        "artifacts": "removed",
        "artifacts-bucket": "removed",
        "artifacts-https": "removed",
        "artifacts-policy": "removed",
        "artifacts-public-access-block": "removed",
    }
    replaced = next(change for change in changes if change["name"] == "cluster-ack")
    assert replaced["properties"] == [
        {"path": "serviceCidr", "before": "172.20.0.0/16", "after": "172.30.0.0/16", "replaces": True}
    ]
    text = _run(checkout, "dev", "--diff", "HEAD").stdout
    assert 'serviceCidr: "172.20.0.0/16" -> "172.30.0.0/16" (forces replacement)' in text
    # What has no resource of its own, as a directory of manifests, is not counted.
    count = sum(change["action"] == "replaced" and change["custom"] for change in changes)
    gone = sum(change["action"] == "removed" and change["custom"] for change in changes)
    assert gone > 4
    assert f"4 to add, 6 to change, {count} to replace, {gone} to remove" in text


def test_only_environments_that_change_are_shown(checkout: Path) -> None:
    _edit(checkout, "staging", serverless={"maximumPods": 4000}, tags={"team": "data"})
    result = _run(checkout, "--diff", "HEAD", "--changed", "--format", "markdown")
    assert result.returncode == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("## ")] == ["## ✅ `staging`"]
    unchanged = _run(checkout, "dev", "--diff", "HEAD", "--changed", "--format", "markdown")
    assert unchanged.stdout.splitlines()[-1] == "No environment changes."


def test_leaving_out_what_does_not_change_hides_no_violation(checkout: Path) -> None:
    _edit(checkout, "prod", policies={"required-tags": {"config": {"tags": ["owner"]}}})
    result = _run(checkout, "--diff", "HEAD", "--changed", "--format", "markdown")
    assert result.returncode == 1
    assert [line for line in result.stdout.splitlines() if line.startswith("## ")] == ["## ❌ `prod`"]
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "commit", "--all", "--quiet", "--message", "violated"], cwd=checkout, check=True)
    assert _run(checkout, "prod", "--diff", "HEAD", "--changed").returncode == 1


def test_a_change_of_policies_is_a_change(checkout: Path) -> None:
    _edit(checkout, "dev", policies={"bucket-versioning": {"level": "disabled"}}, quotas={"nodes": 9})
    result = _run(checkout, "--diff", "HEAD", "--changed")
    assert result.returncode == 0
    assert '~  policy bucket-versioning.enforcementLevel: "mandatory" -> "disabled"' in result.stdout
    assert "~  policy nodes-within-quota.maximum: 10 -> 9" in result.stdout
    assert "Preview of prod" not in result.stdout


def test_an_environment_that_is_gone_is_named(checkout: Path) -> None:
    (checkout / "stacks" / "Pulumi.staging.yaml").unlink()
    result = _run(checkout, "--diff", "HEAD", "--changed", "--format", "markdown")
    assert result.returncode == 0
    assert "## ⚠️ `staging` removed" in result.stdout
    assert "make destroy ENV=staging" in result.stdout


def test_an_unchanged_environment_is_still_a_json_document(checkout: Path) -> None:
    result = _run(checkout, "dev", "--diff", "HEAD", "--changed", "--format", "json")
    assert json.loads(result.stdout)["diff"]["changes"] == []


def test_changed_needs_something_to_compare_with(capsys: Output) -> None:
    with pytest.raises(SystemExit):
        main(["dev", "--changed"])
    assert "--changed needs --diff" in capsys.readouterr().err


def test_a_new_environment_is_all_added(checkout: Path) -> None:
    shutil.copy(checkout / "stacks" / "Pulumi.dev.yaml", checkout / "stacks" / "Pulumi.lab.yaml")
    diff = json.loads(_run(checkout, "lab", "--diff", "HEAD", "--format", "json").stdout)["diff"]
    assert {change["action"] for change in diff["changes"]} == {"added"}


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        ("nowhere", "cannot read revision nowhere"),
        ("--output=here", "cannot read revision --output=here"),
        ("HEAD", "cannot be previewed at HEAD"),
    ],
)
def test_a_revision_that_cannot_be_compared_with(checkout: Path, revision: str, message: str) -> None:
    good = (checkout / "stacks" / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    _edit(checkout, "dev", region="cn-nowhere")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "commit", "--all", "--quiet", "--message", "bad"], cwd=checkout, check=True)
    (checkout / "stacks" / "Pulumi.dev.yaml").write_text(good, encoding="utf-8")
    result = _run(checkout, "dev", f"--diff={revision}")
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_look_up_on_the_preview_path_is_refused() -> None:
    def program() -> None:
        import pulumi_alicloud

        pulumi_alicloud.get_zones()

    with pytest.raises(Exception, match="looks up alicloud:index/getZones:getZones in the cloud"):
        recorded(program)


def test_two_resources_of_one_name_are_refused() -> None:
    args = NetworkArgs(cidr="10.0.0.0/16", zones=["cn-hangzhou-h"], scale_per_zone=ZoneScale(nodes=1, pods=1))

    def program() -> None:
        for _ in range(2):
            Network("network", args, name="acme", region="cn-hangzhou")

    with pytest.raises(ProgramFailed, match="two resources have the URN"):
        recorded(program)


def test_the_recording_is_in_the_order_of_the_program_and_its_urns_are_nested() -> None:
    def program() -> None:
        import pulumi

        outer = pulumi.ComponentResource("a:b:Outer", "outer")
        inner = pulumi.ComponentResource("a:b:Inner", "inner", opts=pulumi.ResourceOptions(parent=outer))
        pulumi.ComponentResource("a:b:Leaf", "leaf", opts=pulumi.ResourceOptions(parent=inner))
        # The SDK registers it after what depends on nothing.
        pulumi.ComponentResource("a:b:Late", "late", opts=pulumi.ResourceOptions(depends_on=[outer]))
        pulumi.ComponentResource("a:b:Early", "early")

    recording = recorded(program)
    assert [resource.name for resource in recording.resources] == ["outer", "inner", "leaf", "late", "early"]
    assert named(recording, "leaf").urn == "urn:pulumi:test::project::a:b:Outer$a:b:Inner$a:b:Leaf::leaf"
