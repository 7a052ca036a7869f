"""`python -m stacks.tenant ENV NAME`: what a tenant adds to an environment, which it writes down if it is not there.

A new tenant needs `--owner` and `--cost-center`. Its block is put behind the last one in `stacks/Pulumi.<ENV>.yaml`
once the environment is valid with it; all else in the file stays as it is. `--page` prints the page for the team
instead. Exit codes: 0, 2 for bad input.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import yaml

from components.tenancy import rbac

from . import loading
from .environment import Environment, bucket_owners
from .layers import parse_value
from .loading import PROJECT, InvalidEnvironment, StackConfig, load_environment, read_stack_config
from .logs import logged_of
from .preview.describe import counted, short_type
from .preview.diff import Change, compare, summary
from .preview.document import Document, DocumentRange, build
from .preview.findings import Findings
from .preview.recording import ProgramFailed, record_environment
from .tenancy import surroundings, tenant_plans
from .tenant_page import tenant_page

KEY = f"{PROJECT}:tenants"
TENANT = "ack-ai-blueprint:tenancy:Tenant"
BUCKET = "ack-ai-blueprint:storage:Bucket"
LOGS = "ack-ai-blueprint:logs:LogCollection$"


class Refused(Exception):
    """A tenant that cannot be written or shown; the text says why, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    options = _parser().parse_args(arguments)
    stack, name = str(options.environment), str(options.name)
    try:
        config = read_stack_config(stack)
        environment = load_environment(stack, config)
        if options.page:
            if name not in environment.tenants:
                raise Refused(f"{stack} has no tenant {name}; it has {', '.join(environment.tenants) or 'none'}")
            print(tenant_page(environment, stack, name), end="")
            return 0
        path, text = loading.DIRECTORY / f"Pulumi.{stack}.yaml", ""
        before, after = config, config
        if name in environment.tenants:
            before = _without(config, stack, name)
        else:
            text = with_tenant(path.read_bytes().decode("utf-8"), stack, name, _block(name, options))
            after = StackConfig({**config.values, KEY: json.dumps(_own(text))}, config.secrets)
            environment = load_environment(stack, after)
            if name not in environment.tenants:
                raise Refused(f"A profile declares {name}, but not for {stack}: see its key environments")
        shown = effect(environment, name, _document(stack, before), _document(stack, after))
        if text:
            path.write_text(text, encoding="utf-8", newline="")
    except (InvalidEnvironment, OSError, ProgramFailed, Refused) as error:
        print(error, file=sys.stderr)
        return 2
    if text:
        print(f"stacks/{path.name} has the tenant {name} now. make generate brings what is generated up to date.")
    else:
        print(f"{stack} has the tenant {name}; nothing is written.")
    print(f"\n{shown}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stacks.tenant", description="Add a tenant, or show what it adds.")
    parser.add_argument("environment")
    parser.add_argument("name")
    parser.add_argument("--owner", action="append", default=[], metavar="MEMBER", help="such as ram-user/<id>")
    parser.add_argument("--cost-center", help="who pays")
    parser.add_argument(
        "--jobs", default="", metavar="KIND,…", help="kinds of jobs, such as ray,notebook; default: none"
    )
    parser.add_argument("--page", action="store_true", help="print the page for the team of a tenant that is there")
    return parser


def _block(name: str, options: argparse.Namespace) -> list[str]:
    """A new tenant as lines of YAML."""
    missing = [option for option in ("owner", "cost_center") if not getattr(options, option)]
    if missing:
        names = " and ".join(f"--{option.replace('_', '-')} ({option.upper()}=… of make)" for option in missing)
        raise Refused(f"A new tenant needs {names}: who answers for it, and who pays")
    kinds = ", ".join(_scalar(kind) for kind in options.jobs.split(",") if kind)
    return [
        "# What else a tenant may have: docs/environment.md, section tenants.<name>.",
        f"{_scalar(name)}:",
        f"  owners: [{', '.join(map(_scalar, options.owner))}]",
        f"  costCenter: {_scalar(options.cost_center)}",
        "  namespaces:",
        f"    {_scalar(name)}: {{{f'jobs: [{kinds}]' if kinds else ''}}}",
        "  resources:",
        "    vcpu: {guaranteed: 0, maximum: 16}",
        "    memoryGib: {guaranteed: 0, maximum: 64}",
        "    pods: 100",
    ]


def _scalar(text: str) -> str:
    """A text in YAML, in quotes where it would be read as something else without."""
    return text if parse_value(f"[{text}]") == [text] and "#" not in text else json.dumps(text)


def with_tenant(text: str, stack: str, name: str, block: Sequence[str]) -> str:
    """A stack's file with one more tenant behind its last, and nothing else changed. Raises `Refused`."""
    file, advice = f"stacks/Pulumi.{stack}.yaml", "is not a mapping with a key a line, so nothing can be put behind it"
    config = _values(yaml.compose(text, Loader=yaml.SafeLoader)).get("config")
    if not _is_block(config):
        raise Refused(f"{file}: config {advice}; write it so")
    tenants = _values(config).get(KEY, _values(config).get("tenants"))
    if tenants is not None and not _is_block(tenants):
        raise Refused(f"{file}: {KEY} {advice}; write it so, or remove it if it is empty")
    own = _own(text)
    if name in own:
        raise Refused(f"{file}: {KEY} has {name}, but not for {stack}: see its key environments, or the null there")
    lines = block if tenants else [f"{KEY}:", *(f"  {line}" for line in block)]
    parent = tenants or config
    at, indent = _end(text, parent), " " * parent.start_mark.column
    newline = "\r\n" if "\r\n" in text else "\n"
    added = "".join(f"{indent}{line}{newline}" for line in lines)
    result = text[:at] + ("" if text[:at].endswith("\n") else newline) + added + text[at:]
    if _own(result) != {**own, **parse_value("\n".join(block))}:
        raise Refused(f"{file}: {KEY} is written in a way that this does not know; put this there by hand:\n\n{added}")
    return result


def _own(text: str) -> Mapping[str, Any]:
    """The tenants that a stack's file declares."""
    data = parse_value(text)
    config = data["config"] if isinstance(data, dict) else {}
    return config.get(KEY, config.get("tenants")) or {}


def _values(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """The values of a mapping by their keys."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def _is_block(node: yaml.Node | None) -> TypeGuard[yaml.MappingNode]:
    return isinstance(node, yaml.MappingNode) and not node.flow_style


def _end(text: str, node: yaml.Node) -> int:
    """Where the line after a block ends that holds its last value, and comments that are indented as its entries."""
    column = node.start_mark.column
    while isinstance(node, yaml.CollectionNode) and not node.flow_style:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    at = node.end_mark.index
    if text[at - 1] != "\n":
        at = text.find("\n", at) + 1 or len(text)
    while comment := re.compile(rf" {{{column},}}#.*(\n|$)").match(text, at):
        at = comment.end()
    return at


def _without(config: StackConfig, stack: str, name: str) -> StackConfig:
    """The configuration of a stack as if a tenant were one of the other stacks."""
    own = json.loads(config.values.get(KEY, "{}"))
    own.setdefault(name, {})["environments"] = [other for other in loading.environments() if other != stack]
    return StackConfig({**config.values, KEY: json.dumps(own)}, config.secrets)


def _document(stack: str, config: StackConfig) -> Document:
    return build(load_environment(stack, config), record_environment(stack, config), Findings([], 0, 0))


def effect(environment: Environment, name: str, before: Document, after: Document) -> str:
    """What a tenant adds, in words. before, after: the environment without it and with it."""
    stack = after.environment
    diff = compare("", before, after)
    owners = _owners(before, environment, stack) | _owners(after, environment, stack)
    parts: dict[str, list[Change]] = {}
    for change in diff.changes:
        whose = owners.get(change.urn, set())
        if whose <= {name}:
            part = "own" if whose else "platform"
        else:
            part = "others" if name not in whose or not _only_gains(change) else "shared"
        parts.setdefault(part, []).append(change)
    budget = ", ".join(f"{currency} {amount:,.0f}" for currency, amount in environment.tenants[name].budget.items())
    rows = list(_rows(before, after))
    return "\n".join(
        [
            f"What it adds to {stack}: {summary(diff)}",
            f"  of the tenant: {_counted(parts.get('own', ()))}",
            f"  of the platform: {_counted(parts.get('platform', ()))}",
            *(
                f"  {change.name}: is a member of other tenants, too; keeps what it may do there"
                for change in parts.get("shared", ())
            ),
            "  CHANGES of other tenants:" if "others" in parts else "  nothing of other tenants changes",
            *(f"    {change.name} {change.action} {'; '.join(change.lines())}" for change in parts.get("others", ())),
            "",
            f"Monthly cost at list prices: {_cost(before, after)}. Budget of its pods: {budget or 'none'}.",
            "",
            "Capacity, all tenants together:" if rows else "Capacity: no row changes.",
            *rows,
            "",
            f"Page for the team: docs/tenants/{stack}/{name}.md once make generate has run, or "
            f"python -m stacks.tenant {stack} {name} --page",
        ]
    )


def _owners(document: Document, environment: Environment, stack: str) -> dict[str, set[str]]:
    """The tenants that resources belong to, by URN; the others are the platform's."""
    buckets, people = bucket_owners(environment), dict[str, set[str]]()
    for name, plan in tenant_plans(environment, surroundings(environment, stack)).items():
        for person in (person for members in plan.people.values() for person in members):
            people.setdefault(f"tenant-members-{person.replace('/', '-')}", set()).add(name)
    stores = {f"logs-{tenant.store}-": name for name, tenant in logged_of(environment, stack).tenants.items() if name}
    owners: dict[str, set[str]] = {}
    for resource in document.resources:
        if resource.type == TENANT:
            owners[resource.urn] = {resource.name.removeprefix("tenant-")}
        elif resource.type == BUCKET and resource.name in buckets:
            owners[resource.urn] = {buckets[resource.name]}
        elif resource.type == rbac.PERMISSION:
            owners[resource.urn] = people.get(resource.name, set())
        elif LOGS in resource.urn:
            near = [start for start in stores if f"{resource.name}-".startswith(start)]
            owners[resource.urn] = {stores[max(near, key=len)]} if near else set()
        elif resource.parent in owners:
            owners[resource.urn] = owners[resource.parent]
    return owners


def _only_gains(change: Change) -> bool:
    """Whether permissions change in that there are more."""
    return change.action == "changed" and all(
        p.path == "permissions" and all(old in _listed(p.after) for old in _listed(p.before)) for p in change.properties
    )


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _counted(changes: Sequence[Change]) -> str:
    """How many resources of each type are added, and so on."""
    actions: dict[str, list[str]] = {}
    for change in changes:
        if change.custom:
            actions.setdefault(change.action, []).append(short_type(change.type))
    return "; ".join(f"{action} {counted(types)}" for action, types in actions.items()) or "nothing"


def _cost(before: Document, after: Document) -> str:
    """The difference of two estimates."""
    old, new = before.cost.totals, after.cost.totals
    nothing = DocumentRange(minimum=0, maximum=0)
    parts: list[str] = []
    for currency in dict.fromkeys([*old, *new]):
        one, other = old.get(currency, nothing), new.get(currency, nothing)
        low, high = other.minimum - one.minimum, other.maximum - one.maximum
        if max(abs(low), abs(high)) >= 0.01:
            parts.append(f"{currency} {low:+,.2f}" + ("" if low == high else f" to {high:+,.2f}"))
    return " and ".join(parts) or "no difference; what its pods use is in the total already"


def _rows(before: Document, after: Document) -> Iterator[str]:
    """The capacity rows that differ."""
    old = {(row.resource, row.unit): row for row in (before.tenancy.promises if before.tenancy else ())}
    for row in after.tenancy.promises if after.tenancy else ():
        was = old.get((row.resource, row.unit))
        guaranteed, maximum = (was.guaranteed, was.maximum) if was else (0, 0)
        if (guaranteed, maximum) != (row.guaranteed, row.maximum):
            ratio = "there is none" if row.ratio is None else f"ratio {row.ratio:g}"
            yield (
                f"  {' '.join((row.resource, row.unit)).rstrip()}: "
                f"guaranteed {row.guaranteed:,.10g} of {row.firm:,.10g} ({row.guaranteed - guaranteed:+,.10g}), "
                f"maximum {row.maximum:,.10g} of {row.most:,.10g} ({row.maximum - maximum:+,.10g}), {ratio}"
                + (f"; {row.note}" if row.note else "")
            )


if __name__ == "__main__":
    sys.exit(main())
