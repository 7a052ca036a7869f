"""`python -m stacks.links ENV --kind KIND --namespace NAMESPACE --name NAME`: where to look at a job.

Exit codes: 0, 2 where the environment or the namespace is wrong, or no address is known.
"""

import argparse
import sys
from collections.abc import Sequence

from components.history.links import job_links
from components.inputs import InvalidInput

from .loading import InvalidEnvironment, load_environment, read_stack_config
from .values import links_of, platform_values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.links", description="Print where to look at a job.")
    parser.add_argument("environment")
    parser.add_argument("--kind", required=True, help="such as RayJob or SparkApplication")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--application", default="", help="status.sparkApplicationId of a SparkApplication")
    options = parser.parse_args(arguments)
    try:
        environment = load_environment(options.environment, read_stack_config(options.environment))
        platform_values(environment, options.environment, options.namespace)
        templates = links_of(environment, options.environment, options.namespace)
    except (InvalidEnvironment, InvalidInput) as error:
        print(error, file=sys.stderr)
        return 2
    links = job_links(templates, options.kind, options.name, options.application)
    for what, address in links.items():
        print(f"{what}: {address}")
    if not links:
        print(f"{options.environment} names no addresses: set links", file=sys.stderr)
    return 0 if links else 2


if __name__ == "__main__":
    sys.exit(main())
