"""Rules over what runs in a cluster, declared once: for previews, which evaluate them, and for admission.

`DECLARATIONS` are the rules, each in CEL; `plan_admission` decides which are held at admission and how;
`AdmissionPolicies` maps that to Gatekeeper's templates and constraints, or to instances of ACK's own policies.
"""

from .args import AdmissionArgs, AdmissionRuleArgs
from .component import AdmissionPolicies
from .declarations import DECLARATIONS, AckPolicy, Declaration
from .planning import AdmissionPlan, RulePlan, plan_admission

__all__ = [
    "DECLARATIONS",
    "AckPolicy",
    "AdmissionArgs",
    "AdmissionPlan",
    "AdmissionPolicies",
    "AdmissionRuleArgs",
    "Declaration",
    "RulePlan",
    "plan_admission",
]
