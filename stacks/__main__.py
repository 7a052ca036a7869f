"""The program: `pulumi preview`, `pulumi up` and the offline preview all run this."""

import pulumi

from stacks.loading import InvalidEnvironment, StackConfig, load_environment
from stacks.program import deploy

stack = pulumi.get_stack()
config = StackConfig(pulumi.runtime.get_config_env(), frozenset(pulumi.runtime.get_config_secret_keys_env()))
try:
    environment = load_environment(stack, config)
except InvalidEnvironment as invalid:
    raise pulumi.RunError(str(invalid)) from None
if environment.prefix == "acme" and not pulumi.runtime.is_dry_run() and environment.flavor == "ack":
    raise pulumi.RunError(
        'prefix = "acme": this is the example\'s. Bucket and log project names are unique over all of Alibaba Cloud, '
        "so choose your own: pulumi config set ack-ai-blueprint:prefix <name>"
    )
for name, value in deploy(environment, stack).items():
    pulumi.export(name, value)
