"""The list of upgrades: what is pinned below the catalog's newest, what that would change, and what ACK chooses."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from components import catalog
from components.platform.planning import form_of
from stacks import upgrades
from stacks.loading import StackConfig
from support import overlaid

KUBERAY = catalog.systems()["kuberay"]["upstream"]
QUEUE = catalog.systems()["job-queue"]["upstream"]
WINDOW = "  Kubernetes 1.29 to 1.36"


def _report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stack: str, systems: Mapping[str, Any]
) -> list[str]:
    """The lines that are printed of a shipped environment with systems laid over its own."""
    changed = overlaid(stack, {"systems": systems})

    def read(name: str) -> StackConfig:
        assert name == stack
        return changed

    monkeypatch.setattr(upgrades, "read_stack_config", read)
    assert upgrades.main([stack]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.splitlines()


def _change(form: Mapping[str, Any], version: str) -> str:
    (release,) = [release for release in form["releases"] if release["version"] == version]
    return f"  {version}: {release['changes']}"


def test_there_is_nothing_to_upgrade(capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrades.main(["local"]) == 0
    assert capsys.readouterr().out == "local: 0 of 18 systems have a newer version in the catalog.\n"


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        (
            {"kuberay": {"version": "1.6.2"}},
            [
                "kuberay: 1.6.2 -> 1.7.0",
                WINDOW,
                _change(KUBERAY, "1.7.0"),
                "  to take it: remove systems.kuberay.version, or set it to 1.7.0",
                "",
                "local: 1 of 18 systems have a newer version in the catalog.",
            ],
        ),
        (
            {"job-queue": {"version": "0.18.6"}},
            [
                "job-queue: 0.18.6 -> 0.19.2",
                WINDOW,
                _change(QUEUE, "0.19.2"),
                "  to take it: remove systems.job-queue.version, or set it to 0.19.2",
                "",
                "local: 1 of 18 systems have a newer version in the catalog.",
            ],
        ),
        # The newest one is no upgrade.
        (
            {"kuberay": {"version": "1.7.0"}},
            ["local: 0 of 18 systems have a newer version in the catalog."],
        ),
        # What the catalog does not know may be older or newer: the newest alone is shown.
        (
            {"kuberay": {"version": "1.5.1"}},
            [
                "kuberay: 1.5.1 (not in the catalog) -> 1.7.0",
                WINDOW,
                _change(KUBERAY, "1.7.0"),
                "  to take it: remove systems.kuberay.version, or set it to 1.7.0",
                "",
                "local: 1 of 18 systems have a newer version in the catalog.",
            ],
        ),
    ],
    ids=["kuberay", "job-queue", "newest", "unknown"],
)
def test_a_pinned_version(
    systems: dict[str, Any],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _report(monkeypatch, capsys, "local", systems) == expected


def test_several_at_once_in_the_order_of_their_installation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = {"kuberay": {"version": "1.6.2"}, "job-queue": {"version": "0.18.6"}, "keda": {"version": "2.19.0"}}
    lines = _report(monkeypatch, capsys, "local", systems)
    titles = [line for line in lines if " -> " in line and not line.startswith(" ")]
    assert sorted(titles) == ["job-queue: 0.18.6 -> 0.19.2", "keda: 2.19.0 -> 2.20.2", "kuberay: 1.6.2 -> 1.7.0"]
    assert lines[-1].startswith("local: 3 of ")


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A catalog in which KubeRay 1.6.2 had other definitions."""
    before, after = KUBERAY["releases"]
    monkeypatch.setitem(KUBERAY, "releases", [{**before, "definitions": ["raygone.ray.io", "rayjobs.ray.io"]}, after])
    form_of.cache_clear()
    yield
    form_of.cache_clear()


@pytest.mark.usefixtures("older")
def test_definitions_that_come_and_go(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lines = _report(monkeypatch, capsys, "local", {"kuberay": {"version": "1.6.2"}})
    assert lines[3:5] == [
        "  new definitions: rayclusters.ray.io, raycronjobs.ray.io, rayservices.ray.io",
        "  gone definitions: raygone.ray.io",
    ]


def test_versions_that_ack_chooses_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    *_, last = _report(monkeypatch, capsys, "prod", {})
    prefix, _, rest = last.partition(" of ")
    names = rest.partition(";")[0].split(", ")
    assert prefix == "ACK chooses the versions"
    assert {"kuberay", "virtual-node", "pod-identity"} <= set(names)
    assert not {"job-queue", "spark-operator"} & set(names), "charts have the catalog's version"
    assert last.endswith("; pin one under systems.<name>.version.")
    # A pinned add-on is no longer ACK's to choose, and the catalog knows none that is newer.
    *_, last = _report(monkeypatch, capsys, "prod", {"kuberay": {"version": "v1.7.0"}})
    assert set(last.partition(" of ")[2].partition(";")[0].split(", ")) == set(names) - {"kuberay"}


def test_what_is_no_environment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert upgrades.main(["nowhere"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "'nowhere' is not an environment" in err
    changed = overlaid("local", {"systems": {"kuberay": {"replica": 2}}})
    monkeypatch.setattr(upgrades, "read_stack_config", lambda name: changed)
    assert upgrades.main(["local"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "systems.kuberay.replica = 2" in err
    assert "not a key here; did you mean 'replicas'?" in err
