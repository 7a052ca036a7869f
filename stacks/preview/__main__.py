"""`python -m stacks.preview`: what an environment would create, cost and violate, with no cloud, account or CLI.

Exit codes: 0, 1 where a mandatory policy is violated, 2 for bad input.
"""

import gc

if __name__ == "__main__":
    # The command ends within seconds and keeps nearly all that it makes: collecting takes a fifth of its time.
    gc.disable()

import argparse
import json
import os
import sys
from collections.abc import Sequence

from policies.evaluation import Report
from policies.reports import FORMATS
from policies.rules import RULES

from ..loading import DIRECTORY, InvalidEnvironment, environments, load_environment, read_stack_config
from ..policy_config import policy_config
from .diff import Diff, DiffFailed, compare, document_at, removed_environments
from .document import Document, build
from .findings import run_policies
from .recording import ProgramFailed, record_environment

ROOT = DIRECTORY.parent
REPORTS = ("sarif", "junit")
"""Formats that hold the rules' findings alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.changed and options.diff is None:
        parser.error("--changed needs --diff")
    names: list[str] = options.environment or list(environments())
    if options.format in ("json", *REPORTS) and len(names) > 1:
        print(f"--format {options.format} prints one environment: name it", file=sys.stderr)
        return 2
    code = 0
    printed: list[str] = []
    for name in names:
        try:
            document, diff, report = _preview(name, options.diff, unknown_outputs=options.format == "json")
        except (InvalidEnvironment, ProgramFailed, DiffFailed) as error:
            print(error, file=sys.stderr)
            code = 2
            continue
        code = max(code, int(document.failed))
        # What a mandatory policy refuses is shown even where this revision is not to blame: it fails the check.
        if options.changed and options.format != "json" and diff is not None and diff.empty and not document.failed:
            continue
        printed.append(name)
        if options.format in REPORTS:
            sys.stdout.write(FORMATS[options.format](report, RULES, f"stacks/Pulumi.{name}.yaml"))
        else:
            _print(document, diff, options.format, first=len(printed) == 1)
    removed: Sequence[str] = ()
    if options.diff is not None and not options.environment:
        try:
            removed = removed_environments(options.diff, names, ROOT)
        except DiffFailed as error:
            print(error, file=sys.stderr)
            code = 2
    _print_rest(removed, options.format, nothing=not printed and code == 0)
    return code


def _print_rest(removed: Sequence[str], form: str, *, nothing: bool) -> None:
    """Print what the environments themselves do not show: those that are gone, or that nothing changes."""
    if form in ("json", *REPORTS):
        return
    from .markdown import MARKER

    if form == "markdown" and nothing:
        print(MARKER)
    if nothing and not removed:
        print("No environment changes.")
    for name in removed:
        heading = f"## ⚠️ `{name}` removed\n\n" if form == "markdown" else f"{name}: "
        print(
            f"{heading}Its file is gone, its resources stay in the cloud. Take them down first: make destroy ENV={name}"
        )


def _preview(name: str, base: str | None, *, unknown_outputs: bool) -> tuple[Document, Diff | None, Report]:
    from .text import console

    with console(stderr=True).status(f"Previewing {name}") if sys.stderr.isatty() else _Silent():
        config = read_stack_config(name)
        environment = load_environment(name, config)
        recording = record_environment(name, config)
        findings = run_policies(recording, RULES, policy_config(environment, name))
        document = build(environment, recording, findings, unknown_outputs=unknown_outputs)
        diff = None if base is None else compare(base, document_at(base, name, ROOT), document)
    return document, diff, findings


def _print(document: Document, diff: Diff | None, form: str, *, first: bool) -> None:
    if form == "json":
        content = document.model_dump(by_alias=True)
        if diff is not None:
            content["diff"] = diff.model_dump(by_alias=True)
        print(json.dumps(content, indent=2, ensure_ascii=False))
    elif form == "markdown":
        from .markdown import MARKER, render

        print(f"{MARKER}\n" if first else "")
        print(render(document, diff))
    else:
        from .text import print_document

        print_document(document, diff)


class _Silent:
    def __enter__(self) -> None: ...

    def __exit__(self, *exception: object) -> None: ...


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stacks.preview", description="Preview environments offline.")
    parser.add_argument("environment", nargs="*", help=f"default: all ({', '.join(environments())})")
    parser.add_argument("--format", choices=("text", "json", "markdown", *REPORTS), default="text")
    parser.add_argument("--diff", metavar="REF", help="compare with the same environment at a git revision")
    parser.add_argument("--changed", action="store_true", help="with --diff: leave out environments that do not change")
    return parser


if __name__ == "__main__":
    try:
        exit_code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:  # The reader, such as head, has seen enough.
        os._exit(0)
    os._exit(exit_code)  # Freeing every object before leaving would take a fifth of the time.
