"""The values of the charts for jobs: typed, with the meaning of each, and from what an environment knows.

`charts/` holds the charts. Their `values.schema.json`, `values.yaml` and the table in each README are made of these
classes; `platform` is what `python -m stacks.values` prints for a namespace.
"""

import importlib
from pathlib import Path

from .common import JobValues, PlatformValues

__all__ = ["CHARTS", "JobValues", "PlatformValues"]

_MODELS = {
    "inference-service": ("inference", "InferenceServiceValues"),
    "notebook": ("notebook", "NotebookValues"),
    "ray-cluster": ("ray", "RayClusterValues"),
    "ray-job": ("ray", "RayJobValues"),
    "ray-service": ("ray", "RayServiceValues"),
    "spark-job": ("spark", "SparkJobValues"),
    "training-job": ("training", "TrainingJobValues"),
    "workflow": ("workflow", "WorkflowValues"),
    "zeppelin": ("zeppelin", "ZeppelinValues"),
}

CHARTS: dict[str, type[JobValues]] = {
    name: getattr(importlib.import_module(f".{module}", __name__), model)
    for name, (module, model) in _MODELS.items()
    if (Path(__file__).parent / f"{module}.py").exists()
}
"""The values of each chart, by its name."""
