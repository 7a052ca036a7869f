"""`python -m stacks.upgrades ENV`: which systems have a newer version in the catalog, and what it would change.

Exit codes: 0, 2 where the environment is wrong.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from components.platform.upgrades import Upgrade, upgrades

from .loading import InvalidEnvironment, load_environment, read_stack_config
from .systems import systems_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.upgrades", description="Show upgrades of systems.")
    parser.add_argument("environment")
    name: str = parser.parse_args(arguments).environment
    try:
        environment = load_environment(name, read_stack_config(name))
    except InvalidEnvironment as error:
        print(error, file=sys.stderr)
        return 2
    plans = systems_of(environment)
    found = upgrades(plans, environment.systems, environment.flavor)
    for upgrade in found:
        print("\n".join(_lines(upgrade)))
    managed = [plan.name for plan in plans if plan.version is None]
    print(f"{name}: {len(found)} of {len(plans)} systems have a newer version in the catalog.")
    if managed:
        print(f"ACK chooses the versions of {', '.join(managed)}; pin one under systems.<name>.version.")
    return 0


def _lines(upgrade: Upgrade) -> Iterator[str]:
    unknown = "" if upgrade.known else " (not in the catalog)"
    yield f"{upgrade.name}: {upgrade.current}{unknown} -> {upgrade.newest}"
    if upgrade.kubernetes:
        yield f"  {upgrade.kubernetes}"
    yield from (f"  {version}: {text}" for version, text in upgrade.changes.items() if text)
    for what, names in (("new", upgrade.definitions_added), ("gone", upgrade.definitions_removed)):
        if names:
            yield f"  {what} definitions: {', '.join(names)}"
    yield from (f"  values: {problem}" for problem in upgrade.values)
    yield f"  to take it: remove systems.{upgrade.name}.version, or set it to {upgrade.newest}"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
