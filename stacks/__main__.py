"""The program: `pulumi preview`, `pulumi up` and the offline preview all run this."""

import pulumi

from stacks.environment import EXAMPLE_PREFIX
from stacks.loading import InvalidEnvironment, StackConfig, load_environment
from stacks.program import deploy

stack = pulumi.get_stack()
config = StackConfig(pulumi.runtime.get_config_env(), frozenset(pulumi.runtime.get_config_secret_keys_env()))
try:
    environment = load_environment(stack, config)
except InvalidEnvironment as invalid:
    raise pulumi.RunError(str(invalid)) from None
if environment.has_example_prefix and not pulumi.runtime.is_dry_run():
    raise pulumi.RunError(EXAMPLE_PREFIX)
for name, value in deploy(environment, stack).items():
    pulumi.export(name, value)
