"""The policy pack, as `pulumi preview --policy-pack policies` runs it.

Building it starts a server and blocks, so nothing else is here.
"""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.rules import RULES

PolicyPack(name="ack-ai-blueprint", enforcement_level=EnforcementLevel.MANDATORY, policies=RULES)
