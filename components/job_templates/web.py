"""What the charts share whose pods answer HTTP."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from ..inputs import Args

Port = Annotated[int, Field(ge=1024, le=65_535)]
Directory = Annotated[str, Field(pattern=r"^/.+")]
Quantity = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?([kMGT]i?)?)?$")]


class IngressValues(Args):
    """The way in from outside the cluster."""

    class_name: Annotated[str, Field(min_length=1)]
    """Its IngressClass, such as `nginx` or `alb`."""

    host: Annotated[str, Field(min_length=1)]
    """Name of the host."""

    path: Annotated[str, Field(pattern=r"^/")] = "/"
    """Where the paths start that come here."""

    annotations: Mapping[str, str] = {}
    """Annotations, such as the controller's time-outs."""

    tls_secret: str = ""
    """Secret with the certificate. Empty: no TLS of the Ingress's own."""


class SecretKeyValues(Args):
    """One key of a Secret in the namespace."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the Secret."""

    key: Annotated[str, Field(min_length=1)]
    """The key."""


class ClaimValues(Args):
    """Where files stay when the pod goes: a claim that exists, or a new one."""

    claim: str = ""
    """A claim that exists, such as a tenant's `home`. Its top directory must be writable for the pods."""

    size: Quantity = ""
    """Size of a new claim, such as `20Gi`."""

    storage_class: str = ""
    """Storage class of the new claim. Empty: the cluster's default."""

    sub_path: Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_./-]*)?$")] = ""
    """Directory of the existing claim, which is made if it is missing. Empty: one of the release's name."""
