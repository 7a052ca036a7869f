"""Run by the engine, as a directory, this is the policy pack; run as a module, `python -m policies`, it audits a file.

Building a pack starts a server and blocks, so nothing else is here.
"""

import sys

if __package__:
    from .audit import main

    sys.exit(main())

from pulumi_policy import EnforcementLevel, PolicyPack

from policies.pack import policies
from policies.rules import RULES

PolicyPack(name="ack-ai-blueprint", enforcement_level=EnforcementLevel.MANDATORY, policies=policies(RULES))
