"""The in-cluster systems: operators and agents, as ACK add-ons or as charts, from one catalog.

`plan_systems` decides what is installed, in which form and order; `Platform` maps that plan to resources; `upgrades`
says what newer versions would change.
"""

from .args import Flavor, OperatorResources, OperatorsArgs, SystemArgs
from .component import Platform
from .planning import Placement, SystemPlan, plan_systems

__all__ = [
    "Flavor",
    "OperatorResources",
    "OperatorsArgs",
    "Placement",
    "Platform",
    "SystemArgs",
    "SystemPlan",
    "plan_systems",
]
