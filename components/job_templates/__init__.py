"""The values of the charts for jobs: typed, with the meaning of each, and from what an environment knows.

`charts/` holds the charts. Their `values.schema.json`, `values.yaml` and the table in each README are made of these
classes; `platform` is what `python -m stacks.values` prints for a namespace.
"""

from .common import JobValues, PlatformValues

__all__ = ["CHARTS", "JobValues", "PlatformValues"]

from .ray import RayClusterValues, RayJobValues, RayServiceValues

CHARTS: dict[str, type[JobValues]] = {
    "ray-cluster": RayClusterValues,
    "ray-job": RayJobValues,
    "ray-service": RayServiceValues,
}
"""The values of each chart, by its name."""
