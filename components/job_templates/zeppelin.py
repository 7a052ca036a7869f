"""Values of the chart zeppelin.

Source: apache/zeppelin v0.12.1 (k8s/zeppelin-server.yaml, ZeppelinConfiguration.java, K8sRemoteInterpreterProcess.java,
K8sSpecTemplate.java, scripts/docker/zeppelin/bin/Dockerfile), read in November 2026. It has no chart of its own.
"""

from typing import Literal

from ..inputs import Args
from .common import JobValues, PodValues
from .web import ClaimValues, IngressValues, SecretKeyValues


class ZeppelinPodValues(PodValues):
    """The server's pod."""

    job_class: str = "notebook"
    """The job class whose placement it has."""


class InterpreterPodValues(PodValues):
    """The pods of interpreters."""

    job_class: str = "notebook"
    """The job class whose placement they have."""


class InterpreterValues(Args):
    """What runs the paragraphs of notebooks."""

    mode: Literal["Pods", "Server"] = "Pods"
    """`Pods`: each interpreter is a pod, which the server makes; needs rights. `Server`: all are processes in the
    server's pod, and need none."""

    image: str = ""
    """Image of the pods. Empty: the server's."""

    spark_image: str = ""
    """Image whose `/opt/spark` the Spark interpreter runs with, and that of its executors. Empty: no Spark in pods."""

    service_account_name: str = ""
    """Service account of the pods. Empty: the one that `rbac` makes, else `spark` if the platform has it, else the
    namespace's own."""

    pods: InterpreterPodValues = InterpreterPodValues()
    """The pods."""


class RbacValues(Args):
    """Rights in the namespace."""

    create: bool = False
    """Whether service accounts, roles and bindings are made. Tenants may not; the README says what is needed."""


class ZeppelinValues(JobValues):
    """Zeppelin: notebooks for a team."""

    pods: ZeppelinPodValues = ZeppelinPodValues()
    """The server's pod."""

    shiro_secret: SecretKeyValues | None = None
    """Where `shiro.ini` is, which says who may log in and do what. None: only with `anonymous`."""

    anonymous: bool = False
    """Whether everybody who reaches the server may use it, and so run code."""

    storage: ClaimValues = ClaimValues()
    """Where notebooks and the settings of interpreters are. Without a claim and a size they go with the pod."""

    interpreters: InterpreterValues = InterpreterValues()
    """What runs the paragraphs of notebooks."""

    rbac: RbacValues = RbacValues()
    """Rights in the namespace."""

    ingress: IngressValues | None = None
    """The way in from outside the cluster; it must let web sockets through. None: only from inside."""
