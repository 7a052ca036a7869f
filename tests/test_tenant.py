"""Tenants as the command writes and shows them, and the pages for their teams."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.admission import AdmissionArgs, plan_admission
from components.tenancy.planning import exceptions
from components.tenancy.roles import JOBS, PEOPLE
from stacks import generate, loading, tenant
from stacks.environment import Environment
from stacks.loading import load_environment, read_stack_config
from stacks.preview.document import Document
from stacks.tenancy import surroundings, tenant_plans
from stacks.tenant import Refused, with_tenant
from stacks.tenant_page import tenant_page
from support import ROOT, environment

NEW = ("--owner", "ram-user/123", "--cost-center", "cv-1")
PROD = environment("prod")


def _copied(directory: Path, patch: pytest.MonkeyPatch) -> Path:
    copy = directory / "stacks"
    shutil.copytree(ROOT / "stacks", copy, symlinks=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    patch.setattr(loading, "DIRECTORY", copy)
    return copy


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the environments' files that a test may change."""
    return _copied(tmp_path, monkeypatch)


@dataclass
class Written:
    """What the command made of prod, with the documents that it compared."""

    before: str
    after: str
    environment: Environment
    effect: str
    documents: tuple[Document, Document]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A tenant `vision` new in prod, one of whose owners is of `pretraining`, too."""
    seen: list[Written] = []
    with pytest.MonkeyPatch.context() as patch:
        path = _copied(tmp_path_factory.mktemp("written"), patch) / "Pulumi.prod.yaml"
        before, effect = path.read_text(encoding="utf-8"), tenant.effect

        def seeing(environment: Environment, name: str, without: Document, after: Document) -> str:
            assert path.read_text(encoding="utf-8") == before, "written before it was compared"
            text = effect(environment, name, without, after)
            seen.append(Written(before, "", environment, text, (without, after)))
            return text

        patch.setattr(tenant, "effect", seeing)
        owners = ("--owner", "ram-user/200000000000000010", "--jobs", "ray,notebook")
        assert tenant.main(["prod", "vision", *NEW, *owners]) == 0
        seen[0].after = path.read_text(encoding="utf-8")
        seen[0].environment = load_environment("prod", read_stack_config("prod"))
    return seen[0]


def test_a_new_tenant_stands_behind_the_last_and_nothing_else_changes(written: Written) -> None:
    start = written.after.index("    # What else a tenant may have")
    end = written.after.index("  ack-ai-blueprint:colocation:")
    assert written.after[:start] + written.after[end:] == written.before
    args = written.environment.tenants["vision"]
    assert (args.owners, args.cost_center) == (["ram-user/123", "ram-user/200000000000000010"], "cv-1")
    assert {name: list(space.jobs) for name, space in args.namespaces.items()} == {"vision": ["ray", "notebook"]}
    assert list(written.environment.tenants) == [*PROD.tenants, "vision"]


def test_the_written_resources_are_the_defaults(written: Written) -> None:
    args = written.environment.tenants["vision"]
    assert args.resources == type(args.resources)()


def test_the_effect_of_a_new_tenant(written: Written) -> None:
    before, after = written.documents
    old = {resource.urn for resource in before.resources}
    count = sum(resource.custom and resource.urn not in old for resource in after.resources)
    lines = written.effect.splitlines()
    # ACK's policies name the namespaces of all tenants, but for the one on probes.
    policies = sum(resource.type.endswith(":KubernetesPolicyInstance") for resource in before.resources) - 1
    assert lines[0] == f"What it adds to prod: {count} to add, {3 + policies} to change"
    assert "2 core.ServiceAccount" in lines[1]
    # It names nobody to tell, so that the platform's people are told of its jobs.
    changed = f"scheduling.ElasticQuotaTree, {policies} cs.KubernetesPolicyInstance, arms.DispatchRule"
    assert [line for line in lines if line.startswith(f"  of the platform: changed {changed}; added ")]
    assert "  nothing of other tenants changes" in lines
    # The one resource of somebody who is a member of two tenants.
    assert (
        "  tenant-members-ram-user-200000000000000010: is a member of other tenants, too; keeps what it may do there"
        in lines
    )
    # Its namespaces have counters of jobs, which managed Prometheus is paid for.
    assert "Monthly cost at list prices: USD +" in written.effect
    assert "Budget of its pods: none." in written.effect
    assert "(+16), ratio" in next(line for line in lines if line.startswith("  vCPU:"))
    assert [line.split(":")[0].strip() for line in lines if "maximum" in line] == ["vCPU", "memory GiB", "pods"]


def test_a_change_of_another_tenant_is_said(written: Written) -> None:
    before, after = written.documents

    def with_quota(document: Document, suffix: str, pods: str) -> Document:
        resources = [
            resource.model_copy(update={"inputs": {**resource.inputs, "spec": {"hard": {"pods": pods}}}})
            if resource.name == f"tenant-{suffix}-quota"
            else resource
            for resource in document.resources
        ]
        return document.model_copy(update={"resources": resources})

    text = tenant.effect(written.environment, "vision", before, with_quota(after, "data-ray", "1"))
    assert "nothing of other tenants changes" not in text
    assert "    tenant-data-ray-quota changed " in text
    text = tenant.effect(written.environment, "data", before, with_quota(before, "data-ray", "1"))
    assert "  of the tenant: changed core.ResourceQuota\n" in text


def test_permissions_that_are_taken_away_are_a_change_of_another_tenant(written: Written) -> None:
    before, after = written.documents
    # The other way round, the member loses what it may do in the namespace `vision`.
    text = tenant.effect(written.environment, "data", after, before)
    assert "    tenant-members-ram-user-200000000000000010 changed permissions: " in text


def test_a_tenant_that_is_there_is_shown_and_nothing_is_written(
    stacks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stacks / "Pulumi.prod.yaml"
    before = path.read_bytes()
    assert tenant.main(["prod", "research", *NEW]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert path.read_bytes() == before
    assert lines[0] == "prod has the tenant research; nothing is written."
    own = next(line for line in lines if line.startswith("  of the tenant: "))
    assert "added oss.Bucket, " in own
    assert "changed core.Namespace" in own, "a namespace that a job class would make without the tenant"
    assert "  nothing of other tenants changes" in lines
    assert any(line.startswith("  GPUs A10: ") and "(+8)" in line for line in lines)
    assert "Budget of its pods: CNY 60,000." in "\n".join(lines)


def test_the_first_tenant_of_an_environment(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stacks / "Pulumi.dev.yaml"
    before = path.read_text(encoding="utf-8")
    assert tenant.main(["dev", "vision", *NEW]) == 0
    roles = len(PEOPLE) + len(JOBS) + 1
    held = plan_admission(AdmissionArgs(), "ack", ["vision"]).rules
    policies = sum(len(rule.declaration.ack) for rule in held)
    shared = f"  of the platform: added {roles} rbac.ClusterRole, core.Namespace, core.ServiceAccount, "
    shared += f"scheduling.ElasticQuotaTree, {policies} cs.KubernetesPolicyInstance\n"
    assert shared in capsys.readouterr().out
    after = path.read_text(encoding="utf-8")
    assert after.startswith(f"{before}  ack-ai-blueprint:tenants:\n    # ")
    assert list(load_environment("dev", read_stack_config("dev")).tenants) == ["vision"]
    assert tenant.main(["dev", "vision", "--page"]) == 0
    assert capsys.readouterr().out.startswith("# vision in dev\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["vision", "--cost-center", "cv-1"], "A new tenant needs --owner (OWNER=… of make): "),
        (["vision"], "A new tenant needs --owner (OWNER=… of make) and --cost-center (COST_CENTER=… of make): "),
        (["Vision", *NEW], "a name must match ^[a-z]"),
        (["a: b", *NEW], 'tenants.a: b = "a: b"'),
        (["platform", *NEW], "is a name of the platform's own"),
        # Alarms about namespaces of no tenant are called so.
        (["others", *NEW], "is a name of the platform's own"),
        (["ray", *NEW], 'tenants.ray.namespaces.ray = "ray"\n    belongs to data\n    stacks/Pulumi.prod.yaml'),
        (["vision", *NEW, "--jobs", "rya"], "allowed: inference, notebook, ray, spark"),
        (["vision", *NEW, "--owner", "x]"], 'owners[1] = "x]"\n    must match'),
        (["vision", "--page"], "prod has no tenant vision; it has pretraining, data, inference, research"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    stacks: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    path = stacks / "Pulumi.prod.yaml"
    before = path.read_bytes()
    assert tenant.main(["prod", *arguments]) == 2
    out, err = capsys.readouterr()
    assert expected in err
    assert out == ""
    assert path.read_bytes() == before


def test_an_environment_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert tenant.main(["nowhere", "vision", *NEW]) == 2
    assert "is not an environment" in capsys.readouterr().err


BLOCK = ["# Why.", "b:", "  owners: [x]"]
ADDED = "    # Why.\n    b:\n      owners: [x]\n"
HEAD = "config:\n  ack-ai-blueprint:tenants:\n    a:\n      costCenter: c"


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (f"{HEAD}  # Of a.\n", ""),
        (f"{HEAD}\n    # Of tenants.\n", "  # Of the next.\n  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n", "\n\n# At the end.\n"),
        (f"{HEAD}\n", "encryptionsalt: v1\n"),
        (f"{HEAD.replace('ack-ai-blueprint:tenants', 'tenants')}\n", ""),
        (f"{HEAD.replace(' c', '')}\n", "  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n      images:\n      - x/\n      - y/ # Last.\n", "  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n      description: |\n        Two\n        lines.\n", "  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n      description: two\n        lines.\n", "  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n      description: {{\n      }}\n", "  ack-ai-blueprint:group: g\n"),
        (f"{HEAD}\n    c:\n", "  ack-ai-blueprint:group: g\n"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_where_a_block_is_put(before: str, behind: str, newline: str) -> None:
    text = f"{before}{behind}".replace("\n", newline)
    assert with_tenant(text, "dev", "b", BLOCK) == f"{before}{ADDED}{behind}".replace("\n", newline)


def test_a_file_without_a_last_line_break() -> None:
    assert with_tenant(HEAD, "dev", "b", BLOCK) == f"{HEAD}\n{ADDED}"
    first = with_tenant("config:\n    ack-ai-blueprint:group: g", "dev", "b", BLOCK)
    assert first.endswith("g\n    ack-ai-blueprint:tenants:\n      # Why.\n      b:\n        owners: [x]\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("config:\n  ack-ai-blueprint:tenants: {}\n", "tenants is not a mapping with a key a line"),
        ("config:\n  ack-ai-blueprint:tenants: {a: {}}\n", "write it so, or remove it if it is empty"),
        ("config:\n  ack-ai-blueprint:tenants:\n", "tenants is not a mapping"),
        ("config:\n  ack-ai-blueprint:tenants: [a]\n", "tenants is not a mapping"),
        ("config: {}\n", "config is not a mapping"),
        ("", "config is not a mapping"),
        (f"{HEAD}\n    b: {{environments: [prod]}}\n", "has b, but not for dev: see its key environments"),
        (f"{HEAD}\n    b:\n", "or the null there"),
        # The last value is written elsewhere, so the line behind it is not the one to write on.
        (f"config:\n  tags: &x\n    y: z\n{HEAD.removeprefix('config:')[1:]}\n    c: *x\n", "put this there by hand"),
    ],
)
def test_what_cannot_be_written_is_refused(text: str, expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        with_tenant(text, "dev", "b", BLOCK)


def test_a_flow_style_leaves_the_file_as_it_is(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = stacks / "Pulumi.dev.yaml"
    text = f"{path.read_text(encoding='utf-8')}  ack-ai-blueprint:tenants: {{}}\n"
    path.write_text(text, encoding="utf-8")
    assert tenant.main(["dev", "vision", *NEW]) == 2
    assert "remove it if it is empty" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == text


def test_a_tenant_of_a_profile_that_is_for_other_environments(stacks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = stacks / "profiles" / "base.yaml"
    text = "\ntenants:\n  vision: {owners: [ram-user/1], costCenter: c, environments: [prod]}\n"
    profile.write_text(profile.read_text(encoding="utf-8") + text, encoding="utf-8")
    before = (stacks / "Pulumi.dev.yaml").read_bytes()
    assert tenant.main(["dev", "vision", *NEW]) == 2
    assert "A profile declares vision, but not for dev" in capsys.readouterr().err
    assert (stacks / "Pulumi.dev.yaml").read_bytes() == before


@pytest.mark.parametrize("name", PROD.tenants)
def test_a_page_says_what_the_plan_says(name: str) -> None:
    page, around = tenant_page(PROD, "prod", name), surroundings(PROD, "prod")
    plan = tenant_plans(PROD, around)[name]
    args = plan.args
    for person in (person for people in plan.people.values() for person in people):
        assert person in page
    for account in plan.accounts:
        assert f"| {account.name} |" in page
        assert f"`{account.role_name}`" in page
    for space in plan.namespaces:
        classes = [job for job, job_args in PROD.job_classes.items() if space.name in job_args.namespaces]
        section = page.split(f"### In `{space.name}`")[1].split("###")[0].split("- Priority")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")][1:] == classes
        assert f"kubectl apply --namespace {space.name} " in section
        pods = int(space.quota["pods"])
        assert f"| `{space.name}` | {int(space.quota['requests.cpu']):,} | " in page
        assert f" {pods:,} |" in next(line for line in page.splitlines() if line.startswith(f"| `{space.name}` |"))
    for image in (*plan.images, *(f"job-{priority}" for priority in args.priorities)):
        assert f"`{image}`" in page
    for exception in exceptions(args, around):
        assert f"- {exception}\n" in page
    for own in (*args.prefixes.values(), *args.datasets.values()):
        assert f"`oss://{around.buckets[own.bucket]}/{own.prefix or f'{name}/'}`" in page
    assert f"`tenant-{name}`" in page
    assert (f"at most {(args.largest_job.hours or 0) * 3600}." in page) is (args.largest_job.hours is not None)
    assert all(f"{currency} {amount:,.0f}" in page for currency, amount in args.budget.items())
    assert all(mail in page for mail in args.notifications.mail)


def test_a_page_names_what_the_team_has_and_nothing_else() -> None:
    pages = {name: tenant_page(PROD, "prod", name) for name in PROD.tenants}
    assert {name for name, page in pages.items() if "## Notebooks" in page} == {"research"}
    assert "scaled to nothing at 22:00 (Asia/Shanghai)" in pages["research"]
    assert {name for name, page in pages.items() if "the claim `home`" in page} == {"research"}
    assert {name for name, page in pages.items() if "traffic class" in page} == {"pretraining", "data"}
    for kind, names in {"serviceAccount: spark": {"data"}, "serviceAccountName: inference": {"inference"}}.items():
        assert {name for name, page in pages.items() if kind in page} == names
    # A prefix's writers are the tenant's own kinds of those that may write.
    assert "| raw | `oss://acme-prod-raw/data/` | ray, spark |  |  |" in pages["data"]
    assert (
        "| curated | `oss://acme-prod-curated/data/` | ray, spark |  | tenant pretraining, tenant research |"
        in pages["data"]
    )
    # The address of a robot is its password.
    assert "1 DingTalk robot" in pages["inference"]
    assert "access_token" not in pages["inference"]


def test_a_page_says_what_removal_deletes() -> None:
    low = environment("prod", tenants={"inference": {"removal": "delete", "budget": None}})
    page = tenant_page(low, "prod", "inference")
    assert "are deleted" in page
    assert "There is no budget" in page


def test_the_page_of_a_cluster_elsewhere() -> None:
    team = {"owners": ["group/a"], "costCenter": "c", "namespaces": {"a": {"jobs": ["ray"]}, "b": {}}}
    page = tenant_page(environment("local", tenants={"vision": team}), "local", "vision")
    assert "RAM" not in page
    assert "identity provider" in page
    assert "`serviceAccountName: ray`" in page.split("### In `a`")[1].split("### In `b`")[0]
    assert "No kind of job has a service account here." in page.split("### In `b`")[1]
    assert "log store" not in page


def test_generate_deletes_pages_of_tenants_that_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    kept, gone = (tmp_path / "docs" / "tenants" / "prod" / f"{name}.md" for name in ("kept", "gone"))
    monkeypatch.setattr(generate, "files", lambda: {kept: "text"})
    assert generate.main([]) == 0
    gone.write_text("old", encoding="utf-8")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == "docs/tenants/prod/gone.md is of no tenant: run make generate\n"
    assert gone.exists()
    assert generate.main([]) == 0
    assert [path.name for path in kept.parent.iterdir()] == ["kept.md"]
    assert generate.main(["--check"]) == 0
