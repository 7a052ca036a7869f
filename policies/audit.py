"""`python -m policies`: the rules over a state or a preview, without Pulumi's CLI.

Exit codes: 0, 1 where a mandatory rule is violated, 2 for bad input.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .evaluation import InvalidConfig, evaluate, settings
from .reports import FORMATS
from .rules import RULES
from .sources import InvalidSource, read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rules and print what they say; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m policies", description="Hold a state or a preview against the rules."
    )
    parser.add_argument(
        "file", type=Path, help="JSON of `pulumi stack export`, `pulumi preview --json --show-sames`, or a preview"
    )
    parser.add_argument("--config", type=Path, help="as for pulumi's --policy-pack-config")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--source", default="", help="file at which SARIF shows findings; default: the audited one")
    options = parser.parse_args(arguments)
    try:
        said = settings(RULES, _config(options.config))
        report = evaluate(RULES, read(options.file), said)
    except InvalidConfig as error:
        for problem in error.problems:
            print(f"{options.config}: {problem}", file=sys.stderr)
        return 2
    except InvalidSource as error:
        print(error, file=sys.stderr)
        return 2
    text = FORMATS[options.format](report, RULES, options.source or options.file.as_posix())
    encoding = sys.stdout.encoding or "utf-8"
    try:
        # What a terminal or a file cannot show, and half a surrogate that JSON may hold.
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:  # The reader, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if report.failed else 0


def _config(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidConfig([f"cannot be read: {error.strerror}"]) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidConfig([f"is no JSON: {error}"]) from None
    if not isinstance(content, dict):
        raise InvalidConfig(["must be an object with the rules' names as keys"])
    # A level alone may stand for all settings, as in Pulumi's own files.
    levels = {name: {"enforcementLevel": value} for name, value in content.items() if isinstance(value, str)}
    others = {name: value for name, value in content.items() if not isinstance(value, str)}
    bad = {name: value for name, value in others.items() if not isinstance(value, dict)}
    wrong = [f"{name} = {value!r}: must be a level or an object" for name, value in bad.items()]
    if wrong:
        raise InvalidConfig(wrong)
    return {**others, **levels}
