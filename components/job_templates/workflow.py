"""Values of the chart for workflows. Fields: Argo Workflows 4.1 as in hera 7.1, November 2026."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..inputs import Args
from .common import JobValues, PodValues
from .schedules import ScheduleValues

Name = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]{0,60}[a-z0-9])?$")]
MountPath = Annotated[str, Field(pattern=r"^/.+")]
NAMED = Field(json_schema_extra={"additionalProperties": False})
"""For maps whose keys have a pattern: Helm refuses the others."""


class InputValues(Args):
    """A file or folder that a step has before it starts, from a key or from an earlier step."""

    path: MountPath
    """Where it is put."""

    key: str = ""
    """Its key in the bucket of the artifact repository."""

    from_step: Annotated[str, Field(pattern=r"^([a-z][-a-z0-9]*\.[a-z][-a-z0-9]*)?$")] = ""
    """An output of a step that is in `after`, as `<step>.<output>`."""


class OutputValues(Args):
    """A file or folder that a step leaves."""

    path: MountPath
    """Where it lies."""

    key: str = ""
    """Its key in the bucket of the artifact repository. Empty: what the repository says."""


class JobStepValues(Args):
    """A job that a step makes and waits for. Argo replaces its own `{{…}}` in all of these."""

    manifest: Annotated[str, Field(min_length=1)]
    """The job, as YAML text of any kind, such as one that another chart rendered. Its name must be new in each run:
    `{{workflow.name}}-train`, or `generateName`."""

    success_condition: Annotated[str, Field(min_length=1)]
    """When it has succeeded, such as `status.jobStatus == SUCCEEDED`. All of several must hold."""

    failure_condition: Annotated[str, Field(min_length=1)]
    """When it has failed, such as `status.jobDeploymentStatus == Failed`. One of several is enough."""


class ExitValues(PodValues):
    """A container that runs when the workflow has ended, whatever became of it; `{{workflow.status}}` tells."""

    image: str = ""
    """Its image. Empty: that of the workflow."""

    command: Sequence[str] = ()
    """Its command. Empty: the image's."""

    args: Sequence[str] = ()
    """Arguments of the command."""

    env: Mapping[str, str] = {}
    """Further environment variables. Not for secrets."""


class StepValues(ExitValues):
    """One step: a container, or with `job` a job that it makes."""

    after: Sequence[Name] = ()
    """Steps that must have succeeded, or been left out by their `when`, before."""

    when: str = ""
    """Condition, such as `{{workflow.parameters.publish}} == yes`. Empty: always."""

    retries: Annotated[int, Field(ge=0, le=100)] = 0
    """How often it is tried again, each time after twice the wait, first a minute."""

    timeout_seconds: Annotated[int, Field(ge=0)] = 0
    """Seconds after which one try of it is ended. 0: no limit but the workflow's."""

    inputs: Annotated[Mapping[Name, InputValues], NAMED] = {}
    """What it has before it starts, by name."""

    outputs: Annotated[Mapping[Name, OutputValues], NAMED] = {}
    """What it leaves, by name."""

    job: JobStepValues | None = None
    """The job that it makes. None: it is a container."""


class WorkflowValues(JobValues):
    """Steps that depend on each other, once or by a schedule."""

    steps: Annotated[Mapping[Name, StepValues], Field(min_length=1), NAMED]
    """The steps by name."""

    parameters: Annotated[Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], str], NAMED] = {}
    """Parameters with their defaults: `{{workflow.parameters.<name>}}` in steps."""

    on_exit: ExitValues | None = None
    """A container that runs in the end, such as one that notifies. None: none does."""

    parallelism: Annotated[int, Field(ge=1)] | None = None
    """Most steps at once. None: no limit."""

    active_deadline_seconds: Annotated[int, Field(ge=60)] = 86_400
    """Seconds after which the workflow is ended."""

    ttl_seconds_after_success: Annotated[int, Field(ge=0)] = 86_400
    """Seconds for which a workflow that succeeded stays."""

    ttl_seconds_after_failure: Annotated[int, Field(ge=0)] = 604_800
    """Seconds for which a failed one stays."""

    pod_gc: Literal["OnPodSuccess", "OnPodCompletion", "OnWorkflowSuccess", "OnWorkflowCompletion"] = "OnPodSuccess"
    """When pods go. `OnPodSuccess` keeps those that failed, to be looked at."""

    artifact_repository: str = ""
    """ConfigMap of the namespace that names the artifact repository. Empty: Argo's own."""

    schedule: ScheduleValues | None = None
    """When it runs. None: once, now."""
