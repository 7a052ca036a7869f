"""The command that compares an environment's throttling with the real resource pool."""

from collections.abc import Iterator

import pytest

from stacks import pool
from stacks.loading import StackConfig, load_environment, read_stack_config
from support import overlaid
from throttling import double

ROLES = sorted(load_environment("prod", read_stack_config("prod")).buckets)


@pytest.fixture
def oss(monkeypatch: pytest.MonkeyPatch) -> Iterator[double.Oss]:
    """A pool as prod declares it, which prod is told to use."""
    totals = double.limits(TotalUploadBandwidth=200, TotalDownloadBandwidth=400)
    state = double.Oss(dict(totals), dict(totals), [f"acme-prod-{role}" for role in ROLES])

    def config(name: str) -> StackConfig:
        return overlaid(name, {"throttling": {"pool": double.POOL}} if name == "prod" else {})

    monkeypatch.setattr(pool, "read_stack_config", config)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with double.served(state) as endpoint:
        for variable, value in double.variables(endpoint).items():
            monkeypatch.setenv(variable, value)
        yield state


def test_a_pool_as_declared(oss: double.Oss, capsys: pytest.CaptureFixture[str]) -> None:
    assert pool.main(["prod"]) == 0
    assert "has the declared bandwidth and holds all 5 buckets" in capsys.readouterr().out
    assert not any(call.startswith(("PUT", "DELETE")) for call in oss.calls)


def test_what_differs_is_told(oss: double.Oss, capsys: pytest.CaptureFixture[str]) -> None:
    oss.pool["TotalDownloadBandwidth"] = 300
    oss.members.remove("acme-prod-raw")
    assert pool.main(["prod"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "the pool has download.total: 300Gbps, but poolBandwidth says 400Gbps; "
        "set poolBandwidth.download.total: 300Gbps",
        "not in the pool pool-1: acme-prod-raw; ask Alibaba Cloud's support to add them",
    ]


def test_the_ticket(oss: double.Oss, capsys: pytest.CaptureFixture[str]) -> None:
    assert pool.main(["prod", "--request"]) == 0
    out = capsys.readouterr().out
    assert "Total download bandwidth: 400 Gbps" in out
    assert "acme-prod-raw" in out
    assert oss.calls == []


@pytest.mark.usefixtures("oss")
def test_bad_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.main(["nowhere"]) == 2
    assert pool.main(["dev"]) == 2
    assert "throttling.enabled is false" in capsys.readouterr().err
    for variable in double.variables(""):
        monkeypatch.delenv(variable)
    assert pool.main(["prod"]) == 2
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in capsys.readouterr().err
