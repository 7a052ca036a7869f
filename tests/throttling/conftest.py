"""One double and one plugin process for all tests of throttling."""

from collections.abc import Iterator

import pytest

from .double import Oss, new_oss, served, variables
from .plugin import Plugin, started


@pytest.fixture(scope="session")
def endpoint_of_oss() -> Iterator[tuple[str, Oss]]:
    """The double and where it answers."""
    state = new_oss()
    with served(state) as endpoint:
        yield endpoint, state


@pytest.fixture(scope="session")
def shared_plugin(endpoint_of_oss: tuple[str, Oss]) -> Iterator[Plugin]:
    """The plugin process, with the double's credentials."""
    with started(variables(endpoint_of_oss[0])) as plugin:
        yield plugin


@pytest.fixture
def endpoint(endpoint_of_oss: tuple[str, Oss]) -> str:
    """Where the double answers."""
    return endpoint_of_oss[0]


@pytest.fixture
def oss(endpoint_of_oss: tuple[str, Oss], monkeypatch: pytest.MonkeyPatch) -> Oss:
    """The double, empty."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    endpoint_of_oss[1].clear()
    return endpoint_of_oss[1]


@pytest.fixture
def plugin(shared_plugin: Plugin, oss: Oss) -> Plugin:
    """The plugin, on an empty double."""
    return shared_plugin
