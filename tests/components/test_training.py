"""The runtimes of Kubeflow Trainer: what its own model knows, made after its definition and gone with the cluster."""

from typing import Any

import pulumi
import pytest
from kubeflow_trainer_api.models import TrainerV1alpha1ClusterTrainingRuntime

from components.training import PYTORCH_IMAGE, TrainingRuntimes, torch_runtime
from stacks.loading import read_stack_config
from stacks.preview.recording import Recording, record_environment
from support import named, only, recorded

RUNTIME = "kubernetes:trainer.kubeflow.org/v1alpha1:ClusterTrainingRuntime"


def _recorded(**given: Any) -> Recording:
    def program() -> None:
        cluster = pulumi.ComponentResource("test:index:Cluster", "cluster")
        trainer = pulumi.CustomResource("test:index:Trainer", "trainer")
        TrainingRuntimes("training", deleted_with=cluster, opts=pulumi.ResourceOptions(depends_on=[trainer]), **given)

    return recorded(program)


@pytest.mark.parametrize(
    ("given", "image"),
    [({}, PYTORCH_IMAGE), ({"image": "mirror.example.com/pytorch:2"}, "mirror.example.com/pytorch:2")],
)
def test_a_runtime_is_one_for_trainer(given: dict[str, Any], image: str) -> None:
    inputs = dict(only(_recorded(**given), RUNTIME).inputs)
    read = TrainerV1alpha1ClusterTrainingRuntime.model_validate(inputs)
    # Nothing is said that the model does not know.
    assert read.model_dump(by_alias=True, exclude_unset=True, mode="json") == inputs
    assert (inputs["apiVersion"], inputs["kind"]) == ("trainer.kubeflow.org/v1alpha1", "ClusterTrainingRuntime")
    # Jobs of training find it by its name.
    assert inputs["metadata"]["name"] == "torch-distributed"
    assert inputs["metadata"]["labels"]["trainer.kubeflow.org/framework"] == "torch"
    assert inputs["spec"] == torch_runtime(image)


def test_pods_of_a_runtime_are_the_trainers() -> None:
    spec = torch_runtime("example.com/torch:1")
    assert spec["mlPolicy"] == {"numNodes": 1, "torch": {}}
    (job,) = spec["template"]["spec"]["replicatedJobs"]
    # Trainer fills in the job and the container of the name `node`, and finds them by this label.
    assert job["name"] == "node"
    assert job["template"]["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    (container,) = job["template"]["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "node", "image": "example.com/torch:1"}


def test_a_runtime_follows_its_system_and_goes_with_the_cluster() -> None:
    recording = _recorded()
    runtime = only(recording, RUNTIME)
    assert runtime.name == "training-torch-distributed"
    assert runtime.parent == named(recording, "training").urn
    assert runtime.options.deleted_with == named(recording, "cluster").urn
    # The component waits for the system, and what is in it for the component.
    assert named(recording, "training").dependencies == (named(recording, "trainer").urn,)


def test_an_environment_makes_them_after_trainer() -> None:
    recording = record_environment("local", read_stack_config("local"))
    runtime = only(recording, RUNTIME)
    component = next(resource for resource in recording.resources if resource.urn == runtime.parent)
    assert component.type == "ack-ai-blueprint:training:TrainingRuntimes"
    assert [urn.rpartition("::")[2] for urn in component.dependencies] == ["platform-trainer"]
    assert runtime.options.deleted_with == "", "elsewhere the cluster is not ours"


def test_without_trainer_there_are_none() -> None:
    recording = record_environment("prod", read_stack_config("prod"))
    trainer = [resource for resource in recording.resources if resource.name.endswith("-trainer")]
    runtimes = [resource for resource in recording.resources if resource.type == RUNTIME]
    assert len(runtimes) == len(trainer)
    assert all(runtime.options.deleted_with for runtime in runtimes)
