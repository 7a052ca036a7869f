"""What a user may say of in-cluster systems."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ..inputs import Args

Flavor = Literal["ack", "upstream"]
Registry = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[a-z0-9._-]+)*$")]


class OperatorResources(Args):
    """What each pod of an operator asks for."""

    vcpu: Annotated[float, Field(gt=0, le=64)] = 0.1
    """vCPUs requested. The limit is four times that, and at least 2."""

    memory_gib: Annotated[float, Field(gt=0, le=512)] = 0.25
    """Memory requested, in GiB."""

    memory_limit_gib: Annotated[float, Field(gt=0, le=512)] = 2
    """Memory limit, in GiB."""


class SystemArgs(Args):
    """One system of the catalog."""

    enabled: bool = True
    """Whether it is installed."""

    version: str | None = None
    """Version to pin. None: of an add-on ACK's current one, of a chart the newest of the catalog."""

    untested: bool = False
    """Whether it may run on a Kubernetes that it is not tested with, at your own risk."""

    replicas: Annotated[int, Field(ge=1, le=9)] | None = None
    """Pods of its controllers. None: as `operators.replicas`. Charts only."""

    resources: OperatorResources | None = None
    """What each of these pods asks for. None: as `operators.resources`. Charts only."""

    values: Mapping[str, JsonValue] = {}
    """Add-on configuration or chart values, laid over those of the catalog. Keys of charts are checked against the
    chart's own. Never put a secret here: they stand in the state and in the cluster."""


class OperatorsArgs(Args):
    """What all systems share that are installed by a chart."""

    registry: Registry | None = None
    """Registry that images are pulled from instead of their own, with the path of a mirror if it has one, such as
    `registry.example.com/mirror`: the host of each image is replaced. `scheduling.kubectlImage` is
    named apart. None: the charts' own registries."""

    chart_repository: Annotated[str, Field(pattern=r"^(https?|oci)://\S+[^/\s]$")] | None = None
    """Repository that has the community charts instead of their own. None: their own."""

    replicas: Annotated[int, Field(ge=1, le=9)] = 1
    """Pods of each controller. With two or more each has a disruption budget."""

    resources: OperatorResources = OperatorResources()
    """What each pod of a controller asks for."""

    priority_class_name: str | None = "system-cluster-critical"
    """Priority class of controllers: they must not wait for the jobs that they start. None: none."""

    timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    """Seconds that a release may take until it is rolled back."""

    network_policies: bool = True
    """Whether only the API server, the platform and the systems themselves reach their namespaces, besides the ports
    that are for jobs and people."""
