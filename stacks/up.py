"""`python -m stacks.up`: the real `pulumi up` of an environment, with the policy pack and its configuration."""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .loading import DIRECTORY, InvalidEnvironment, load_environment, read_stack_config
from .policy_config import policy_config

NO_CLI = """\
The Pulumi CLI is not on PATH. Install it (https://www.pulumi.com/docs/install/), then:
  pulumi login                      where the state lives; an OSS bucket works, see docs/going-live.md
  pulumi stack init {stack}
  make up ENV={stack}
Without it, `make preview ENV={stack}` shows what would be created."""


class NoCli(Exception):
    """The Pulumi CLI is missing; the text says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the environment, write the policy configuration, and hand over to `pulumi up`; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.up", description="Run pulumi up with the policy pack.")
    parser.add_argument("environment")
    parser.add_argument("pulumi", nargs="*", help="further arguments for pulumi up, after --")
    options = parser.parse_args(arguments)
    stack: str = options.environment
    try:
        pulumi = find_cli(stack)
        environment = load_environment(stack, read_stack_config(stack))
    except (NoCli, InvalidEnvironment) as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "policies.json"
        config.write_text(json.dumps(policy_config(environment, stack)), encoding="utf-8")
        policies = ["--policy-pack", "policies", "--policy-pack-config", str(config)]
        return run([pulumi, "up", "--stack", stack, *policies, *options.pulumi])


def find_cli(stack: str) -> str:
    """The path of the Pulumi CLI. Raises `NoCli`."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise NoCli(NO_CLI.format(stack=stack))
    return pulumi


def run(command: Sequence[str]) -> int:
    """Run a command in the project's folder and give its exit code."""
    return subprocess.run(command, cwd=DIRECTORY.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
