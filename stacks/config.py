"""`python -m stacks.config`: an environment's values after all layers, each with the file and line that sets it."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.inputs import join

from .layers import place_of
from .loading import InvalidEnvironment, load_environment, merged_layer, read_stack_config
from .policy_config import policy_config


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the values, or the policy pack's configuration that they make; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks.config", description="Show an environment's values.")
    parser.add_argument("environment")
    parser.add_argument(
        "--policies", action="store_true", help="print the content of a file for pulumi's --policy-pack-config instead"
    )
    options = parser.parse_args(arguments)
    stack: str = options.environment
    try:
        config = read_stack_config(stack)
        if options.policies:
            print(json.dumps(policy_config(load_environment(stack, config), stack), indent=2))
            return 0
        layer = merged_layer(stack, config)
    except InvalidEnvironment as error:
        print(error, file=sys.stderr)
        return 2
    lines = [(f"{path} = {json.dumps(value, ensure_ascii=False)}", path) for path, value in _leaves(layer.data, "")]
    width = min(72, max((len(text) for text, _ in lines), default=0))
    for text, path in sorted(lines):
        print(f"{text:<{width}}  {place_of(path, layer.places, '')}")
    return 0


def _leaves(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, join(path, key))
        else:
            yield join(path, key), value


if __name__ == "__main__":
    sys.exit(main())
