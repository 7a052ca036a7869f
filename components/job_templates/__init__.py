"""The values of the charts for jobs: typed, with the meaning of each, and from what an environment knows.

`charts/` holds the charts. Their `values.schema.json`, `values.yaml` and the table in each README are made of these
classes; `platform` is what `python -m stacks.values` prints for a namespace.
"""

from .common import JobValues, PlatformValues
from .inference import InferenceServiceValues
from .notebook import NotebookValues
from .ray import RayClusterValues, RayJobValues, RayServiceValues
from .spark import SparkJobValues
from .training import TrainingJobValues
from .workflow import WorkflowValues
from .zeppelin import ZeppelinValues

__all__ = ["CHARTS", "JobValues", "PlatformValues"]

CHARTS: dict[str, type[JobValues]] = {
    "inference-service": InferenceServiceValues,
    "notebook": NotebookValues,
    "ray-cluster": RayClusterValues,
    "ray-job": RayJobValues,
    "ray-service": RayServiceValues,
    "spark-job": SparkJobValues,
    "training-job": TrainingJobValues,
    "workflow": WorkflowValues,
    "zeppelin": ZeppelinValues,
}
"""The values of each chart, by its name."""
