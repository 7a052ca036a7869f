"""`python -m stacks.up`: the real `pulumi up` of an environment, with the policy pack and its configuration."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.throttling.client import MissingCredentials, credentials_from
from policies.rule import Deferred

from .environment import EXAMPLE_PREFIX, Environment
from .loading import DIRECTORY, InvalidEnvironment, load_environment, read_stack_config
from .policy_config import deployed_cost, policy_config

NO_CLI = """\
The Pulumi CLI is not on PATH. Install it (https://www.pulumi.com/docs/install/), then:
  pulumi login                      where the state lives; an OSS bucket works, see docs/going-live.md
  pulumi stack init {stack}
and run this again. Without it, `make preview ENV={stack}` shows what would be created."""

NO_STACK = """\
{reason}
No stack {stack} can be read. Choose where the state lives and make the stack (docs/going-live.md):
  pulumi login
  pulumi stack init {stack}"""


class NotReady(Exception):
    """The Pulumi CLI, the stack or an access key is missing; the text says what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the environment, write the policy configuration, and hand over to `pulumi up`; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.up", description="Run pulumi up with the policy pack.")
    try:
        stack, environment, pulumi, further = prepare(parser, arguments)
    except (NotReady, InvalidEnvironment) as error:
        print(error, file=sys.stderr)
        return 2
    if environment.has_example_prefix:
        print(EXAMPLE_PREFIX, file=sys.stderr)
        return 2
    try:
        deployed = _deployed(environment, stack, pulumi)
    except NotReady as error:
        print(error, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "policies.json"
        config.write_text(json.dumps(policy_config(environment, stack, deployed)), encoding="utf-8")
        policies = ["--policy-pack", "policies", "--policy-pack-config", str(config)]
        return run([pulumi, "up", "--stack", stack, *policies, *further])


def prepare(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None
) -> tuple[str, Environment, str, Sequence[str]]:
    """The stack, its environment, the CLI's path and further arguments for it.

    Raises `InvalidEnvironment` and `NotReady`.
    """
    parser.add_argument("environment")
    parser.add_argument("pulumi", nargs="*", help="further arguments for pulumi, after --")
    options = parser.parse_args(arguments)
    stack: str = options.environment
    environment = load_environment(stack, read_stack_config(stack))
    cli = find_cli(stack)
    if environment.throttling.enabled:
        # Its resources come last, so a missing key would show at the end of a long run.
        try:
            credentials_from(os.environ)
        except MissingCredentials as error:
            raise NotReady(str(error)) from None
    return stack, environment, cli, options.pulumi


def _deployed(environment: Environment, stack: str, pulumi: str) -> Mapping[str, float] | None:
    """What is deployed costs a month, where a rule needs to know it and there is a state; else None.

    Raises `NotReady` where there is one that cannot be read.
    """
    if environment.quotas.monthly_cost_increase_percent is None:
        return None
    command = [pulumi, "stack", "export", "--stack", stack, "--non-interactive"]
    done = subprocess.run(command, cwd=DIRECTORY.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReady(f"{done.stderr.strip()}\nThe rule cost-change-within-limit needs what is deployed.")
    try:
        state = json.loads(done.stdout)
        if not (state.get("deployment") or {}).get("resources"):
            return None
        return deployed_cost(environment, stack, state)
    except (AttributeError, Deferred, KeyError, TypeError, ValueError) as error:
        raise NotReady(
            f"What is deployed cannot be estimated, for the rule cost-change-within-limit: {error}"
        ) from None


def find_cli(stack: str) -> str:
    """The path of the Pulumi CLI, where it knows the stack. Raises `NotReady`."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise NotReady(NO_CLI.format(stack=stack))
    # `pulumi up` would offer to make a missing stack, and wait for an answer.
    found = subprocess.run(
        [pulumi, "stack", "--stack", stack, "--non-interactive"],
        cwd=DIRECTORY.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        raise NotReady(NO_STACK.format(stack=stack, reason=found.stderr.strip()))
    return pulumi


def run(command: Sequence[str]) -> int:
    """Run a command in the project's folder and give its exit code."""
    return subprocess.run(command, cwd=DIRECTORY.parent, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
