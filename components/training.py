"""The runtimes of Kubeflow Trainer: what a TrainJob runs on, unless it says otherwise.

The trainer's chart would make them with a Job that installs kubectl from the Internet, so they are made here. Source:
kubeflow/trainer v2.3.0, charts/kubeflow-trainer/files/runtimes, and a checked custom resource of August 2026.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

PYTORCH_IMAGE = "pytorch/pytorch:2.13.0-cuda13.0-cudnn9-runtime"
"""Image of the runtime for PyTorch; a TrainJob names its own."""


def torch_runtime(image: str) -> Mapping[str, Any]:
    """The spec of the runtime `torch-distributed`: one pod a node, started by torchrun's own conventions."""
    pod = {"spec": {"containers": [{"name": "node", "image": image}]}}
    job = {
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {"template": pod},
    }
    return {
        "mlPolicy": {"numNodes": 1, "torch": {}},
        "template": {"spec": {"replicatedJobs": [{"name": "node", "template": job}]}},
    }


class TrainingRuntimes(pulumi.ComponentResource):
    """The ClusterTrainingRuntimes of a cluster. Let it depend on the system `trainer`; needs a Kubernetes provider of
    the cluster in `opts`."""

    def __init__(
        self,
        resource_name: str,
        *,
        image: str = PYTORCH_IMAGE,
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the runtimes.

        image: of PyTorch; deleted_with: the cluster's resource, whose end makes their removal needless.
        """
        super().__init__("ack-ai-blueprint:training:TrainingRuntimes", resource_name, None, opts)
        kubernetes.apiextensions.CustomResource(
            f"{resource_name}-torch-distributed",
            api_version="trainer.kubeflow.org/v1alpha1",
            kind="ClusterTrainingRuntime",
            metadata={
                "name": "torch-distributed",
                "labels": {
                    "app.kubernetes.io/managed-by": "pulumi",
                    "trainer.kubeflow.org/framework": "torch",
                },
            },
            spec=torch_runtime(image),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=deleted_with),
        )
        self.register_outputs({})
