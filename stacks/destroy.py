"""`python -m stacks.destroy`: take an environment down, in the two steps that its protection needs.

Deletion protection in the cloud is not lifted by `pulumi destroy`, so an update lifts it first. Both steps ask before
they act. Buckets that hold objects stay, unless they have `forceDestroy`.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from .loading import DIRECTORY, PROJECT, InvalidEnvironment
from .up import NotReady, prepare, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Lift the protection where there is one, then destroy; give the exit code of the step that ended it."""
    parser = argparse.ArgumentParser(prog="python -m stacks.destroy", description="Lift protection, then destroy.")
    try:
        stack, environment, pulumi, further = prepare(parser, arguments)
    except (NotReady, InvalidEnvironment) as error:
        print(error, file=sys.stderr)
        return 2
    if environment.protection:
        with tempfile.TemporaryDirectory() as directory:
            # The stack's own file keeps its protection, whatever becomes of this.
            config = Path(directory) / f"Pulumi.{stack}.yaml"
            content = yaml.safe_load((DIRECTORY / config.name).read_text(encoding="utf-8"))
            content["config"][f"{PROJECT}:protection"] = False
            config.write_text(yaml.safe_dump(content), encoding="utf-8")
            # Without the policy pack: it would rightly refuse a production that is not protected.
            code = run([pulumi, "up", "--stack", stack, "--config-file", str(config), *further])
        if code:
            return code
    return run([pulumi, "destroy", "--stack", stack, *further])


if __name__ == "__main__":
    sys.exit(main())
