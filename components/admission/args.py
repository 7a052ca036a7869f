"""What a user may say of admission policies."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ..inputs import Args
from ..job_classes.args import NAMESPACE

Level = Literal["deny", "warn", "dryrun", "disabled"]
"""What happens to an object that breaks a rule: it is refused, let in with a warning, let in and only reported, or not
looked at. ACK's policies have no `dryrun`."""


class AdmissionRuleArgs(Args):
    """How one rule is held at admission."""

    level: Level | None = None
    """`deny`, `warn`, `dryrun` (not on ACK) or `disabled`. None: the rule's own, and `disabled` where it lacks a
    parameter, or ACK a policy."""

    parameters: Mapping[str, JsonValue] = {}
    """Parameters of the rule."""

    namespaces: Sequence[Annotated[str, Field(pattern=NAMESPACE)]] = ()
    """Those of the tenants' namespaces in which it is held. Empty: all of them."""


class AdmissionArgs(Args):
    """Which rules Gatekeeper holds in the tenants' namespaces, over whatever is submitted there."""

    enabled: bool | None = None
    """Whether rules are held at admission. None: where the system `gatekeeper` runs and there are tenants."""

    rules: Mapping[str, AdmissionRuleArgs] = {}
    """What is otherwise than by default, by rule."""
