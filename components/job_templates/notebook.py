"""Values of the chart notebook.

Sources, read in November 2026: jupyter-server 2.21.1 (auth/identity.py: JUPYTER_TOKEN;
services/kernels/kernelmanager.py: culling; base/handlers.py: `/api` needs no token), jupyter/docker-stacks
(docker-stacks-foundation/Dockerfile: user 1000, group 100; base-notebook/start-notebook.py).
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from .common import JobValues, PodValues
from .web import ClaimValues, Directory, IngressValues, Port, Quantity, SecretKeyValues


class NotebookPodValues(PodValues):
    """The notebook's pod."""

    job_class: str = "notebook"
    """The job class whose placement it has."""

    shared_memory: Quantity = ""
    """Size of `/dev/shm`, which counts as memory of the pod; PyTorch's data loaders need it. Empty: the runtime's."""

    api_token: bool = False
    """Whether it gets a token for the Kubernetes API, such as for Spark in client mode."""


class HomeValues(ClaimValues):
    """The home directory. Without a claim and without a size, files go with the pod."""

    path: Directory = "/home/jovyan"
    """Where it is mounted."""


class NotebookValues(JobValues):
    """A JupyterLab for one person."""

    command: Annotated[Sequence[str], Field(min_length=1)] = ("start-notebook.py",)
    """What starts Jupyter and takes its options. Other images than Jupyter's own: such as `[jupyter, lab]`."""

    args: Sequence[str] = ()
    """Further options of Jupyter."""

    port: Port = 8888
    """Port that it listens on."""

    base_url: Annotated[str, Field(pattern=r"^/([A-Za-z0-9_.~/-]*/)?$")] = "/"
    """Path below which it answers, with a slash at its end; where several share a host, each has its own."""

    token_secret: SecretKeyValues | None = None
    """Where its token is. None: Jupyter makes one at each start and prints it to its log."""

    idle_kernel_seconds: Annotated[int, Field(ge=0)] = 7200
    """Seconds after which a kernel is ended that does nothing and that no browser shows. 0: never."""

    pods: NotebookPodValues = NotebookPodValues()
    """The pod."""

    home: HomeValues = HomeValues()
    """The home directory."""

    ray_address: str = ""
    """Value of `RAY_ADDRESS`, such as `ray://cluster-head-svc:10001`. Empty: not set."""

    spark_remote: str = ""
    """Value of `SPARK_REMOTE`, a Spark Connect server such as `sc://spark-connect:15002`. Empty: not set."""

    ingress: IngressValues | None = None
    """The way in from outside the cluster. None: only from inside."""
