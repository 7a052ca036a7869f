"""The benchmark still measures: more pools, buckets and tenants than one cluster has by default."""

from collections.abc import Callable

import pytest

from benchmarks.preview import preview_of, with_pools, with_tenants


@pytest.mark.parametrize("sections", [with_pools, with_tenants])
def test_an_environment_beyond_the_default_quotas_can_be_measured(
    sections: Callable[[int], dict[str, object]],
) -> None:
    _, few = preview_of(sections(40))
    _, many = preview_of(sections(80))
    assert many - few >= 40
