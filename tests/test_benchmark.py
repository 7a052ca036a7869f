"""The benchmark still measures: more pools and buckets than one cluster has by default."""

from benchmarks.preview import preview_of


def test_an_environment_beyond_the_default_quotas_can_be_measured() -> None:
    _, few = preview_of(40)
    _, many = preview_of(80)
    assert many - few >= 40
