"""`python -m stacks.destroy`: take an environment down, in the two steps that its protection needs.

Deletion protection in the cloud is not lifted by `pulumi destroy`, so an update lifts it first. Both steps ask before
they act. Buckets that hold objects stay, unless they have `forceDestroy`.
"""

import argparse
import sys
from collections.abc import Sequence

from .loading import PROJECT, InvalidEnvironment, load_environment, read_stack_config
from .up import NoCli, find_cli, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Lift the protection where there is one, then destroy; give the exit code of the step that ended it."""
    parser = argparse.ArgumentParser(prog="python -m stacks.destroy", description="Lift protection, then destroy.")
    parser.add_argument("environment")
    parser.add_argument("pulumi", nargs="*", help="further arguments for both steps, after --")
    options = parser.parse_args(arguments)
    stack: str = options.environment
    try:
        pulumi = find_cli(stack)
        environment = load_environment(stack, read_stack_config(stack))
    except (NoCli, InvalidEnvironment) as error:
        print(error, file=sys.stderr)
        return 2
    if environment.protection:
        # Without the policy pack: it would rightly refuse a production that is not protected.
        lift = [pulumi, "up", "--stack", stack, "--config", f"{PROJECT}:protection=false", *options.pulumi]
        code = run(lift)
        if code:
            return code
    return run([pulumi, "destroy", "--stack", stack, *options.pulumi])


if __name__ == "__main__":
    sys.exit(main())
