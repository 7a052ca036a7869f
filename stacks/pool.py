"""`python -m stacks.pool ENVIRONMENT`: whether the real resource pool of OSS is as the environment says; only reads.

`--request` prints the ticket by which the pool is ordered instead, with no call. Exit codes: 0; 1 where the pool
differs; 2 for bad input, or where OSS cannot be asked.
"""

import argparse
import sys
from collections.abc import Sequence

from components.throttling import plan_throttling, support_request
from components.throttling.client import ThrottlingClient, ThrottlingError, preflight

from .environment import roles
from .loading import InvalidEnvironment, load_environment, read_stack_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.pool", description="Look at the resource pool.")
    parser.add_argument("environment")
    parser.add_argument("--request", action="store_true", help="print the ticket by which the pool is ordered")
    options = parser.parse_args(arguments)
    name: str = options.environment
    try:
        environment = load_environment(name, read_stack_config(name))
    except InvalidEnvironment as error:
        print(error, file=sys.stderr)
        return 2
    if not environment.throttling.enabled:
        print(f"{name}: throttling.enabled is false, so there is no pool to look at", file=sys.stderr)
        return 2
    plan = plan_throttling(environment.throttling, environment.bucket_names(name), roles(environment))
    if options.request:
        print(support_request(environment.region, plan))
        return 0
    try:
        client = ThrottlingClient(environment.region)
        findings = preflight(client, plan.pool, plan.bandwidth, plan.pool_buckets)
    except ThrottlingError as error:
        print(error, file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    if not findings:
        print(f"The pool {plan.pool} has the declared bandwidth and holds all {len(plan.pool_buckets)} buckets.")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
