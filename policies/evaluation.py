"""Rules over resources: violations, what must wait for apply, and exceptions. Nothing here knows the engine."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError

from components.inputs import Problem, one_of
from components.messages import problems_of

from .rule import STACK, Config, Deferred, Inputs, Level, Resource, Resources, Rule, Severity, Subject

C = TypeVar("C", bound=Config)

SEVERITIES: Sequence[Severity] = ("critical", "high", "medium", "low")
Outcome = Literal["violated", "passed", "deferred", "excepted", "not applicable", "disabled"]


class Exemption(Config):
    """One exception to a rule. From the day after `expires`, what it was about is a violation again."""

    model_config = ConfigDict(str_strip_whitespace=True)

    resource: Annotated[str, Field(min_length=1)]
    """Name or URN of the resource, with `*` for any text; `stack` for what a rule says of the whole stack."""

    owner: Annotated[str, Field(min_length=1)]
    """Who answers for it."""

    reason: Annotated[str, Field(min_length=10)]
    """Why it must be, in a sentence."""

    expires: date
    """The last day on which it holds, as YYYY-MM-DD."""

    def about(self, resource: Resource) -> bool:
        """Whether it is about a resource."""
        names = ("stack",) if resource.type == STACK else (resource.name, resource.urn)
        # Names may hold the other characters that have a meaning in patterns of files: `topics[0]`.
        pattern = ".*".join(re.escape(part) for part in self.resource.split("*"))
        return any(re.fullmatch(pattern, name, re.DOTALL) for name in names)


@dataclass(frozen=True)
class Setting:
    """How one rule is held: its level, its configuration, and its exceptions."""

    level: Level
    config: Config
    exceptions: Sequence[Exemption] = ()


@dataclass(frozen=True)
class Finding:
    """What a rule says of a resource; resource: its URN, "" for the stack as a whole.

    kind: `violation`; `deferred` where a value is unknown before apply, with the path of the property in `unknown`;
    `excepted` with the exception that it has; `expired` for a violation whose exception has ended.
    """

    rule: str
    severity: Severity
    level: Level
    resource: str
    message: str
    kind: Literal["violation", "deferred", "excepted", "expired"] = "violation"
    unknown: str = ""

    @property
    def fails(self) -> bool:
        """Whether it must stop what is about to happen."""
        return self.kind in ("violation", "expired") and self.level in ("mandatory", "remediate")


@dataclass(frozen=True)
class Report:
    """What all rules say.

    outcomes: of each rule, the worst of what it found; idle: exceptions, with their rules' names, that are about
    nothing that these look at.
    """

    findings: Sequence[Finding]
    outcomes: Mapping[str, Outcome]
    idle: Sequence[tuple[str, Exemption]] = ()

    @property
    def violations(self) -> list[Finding]:
        """What is not as it must be."""
        return [finding for finding in self.findings if finding.kind in ("violation", "expired")]

    @property
    def failed(self) -> bool:
        """Whether a mandatory rule is violated."""
        return any(finding.fails for finding in self.findings)


class InvalidConfig(ValueError):
    """Raised for a configuration that does not fit its rules. problems: one text for each, with path and value."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def settings(rules: Sequence[Rule], config: Mapping[str, Mapping[str, Any]]) -> dict[str, Setting]:
    """The settings of rules out of the content of a `--policy-pack-config` file. `all` sets the level of the rest.

    Raises `InvalidConfig` with all problems.
    """
    problems: list[str] = []
    known = {rule.name for rule in rules}
    problems += [f"{name}: {one_of(name, known, 'a rule')}" for name in config if name not in known and name != "all"]
    found: dict[str, Setting] = {}
    common = config.get("all", {})
    for rule in rules:
        try:
            found[rule.name] = setting(rule, {**common, **config.get(rule.name, {})})
        except InvalidConfig as error:
            problems += error.problems
    if problems:
        raise InvalidConfig(problems)
    return found


class _Common(Config):
    enforcement_level: Level | None = None
    exceptions: Sequence[Exemption] = ()


COMMON = {"enforcementLevel", "exceptions"}
"""Keys that every rule's configuration may have."""


def setting(rule: Rule, values: Mapping[str, Any], *, strict: bool = True) -> Setting:
    """The setting of one rule out of its part of a configuration.

    strict: whether a number must be written as one; the engine, which has checked, hands over fractions alone. Raises
    `InvalidConfig`.
    """
    problems: list[Problem] = []

    def validated(model: type[C], part: Mapping[str, Any]) -> C:
        try:
            return model.model_validate_json(json.dumps(part), strict=strict, by_alias=True, by_name=False)
        except ValidationError as invalid:
            problems.extend(problems_of(invalid, model))
            return model.model_construct()

    common = validated(_Common, {key: value for key, value in values.items() if key in COMMON})
    own = validated(rule.config, {key: value for key, value in values.items() if key not in COMMON})
    if problems:
        raise InvalidConfig([str(problem.under(rule.name)) for problem in problems])
    return Setting(common.enforcement_level or rule.level, own, common.exceptions)


def look(rule: Rule, said: Setting, resource: Resource, resources: Resources, today: date) -> Iterator[Finding]:
    """What one rule says of one resource."""

    def finding(
        message: str, kind: Literal["violation", "deferred", "excepted", "expired"], unknown: str = ""
    ) -> Finding:
        urn = "" if resource.type == STACK else resource.urn
        return Finding(rule.name, rule.severity, said.level, urn, message, kind, unknown)

    about = [exemption for exemption in said.exceptions if exemption.about(resource)]
    held = next((exemption for exemption in about if exemption.expires >= today), None)

    def said_of(message: str) -> Finding:
        if held is not None:
            return finding(f"{message} Excepted until {held.expires} by {held.owner}: {held.reason}", "excepted")
        if about:
            ended = max(about, key=lambda exemption: exemption.expires)
            return finding(f"{message} The exception of {ended.owner} ended on {ended.expires}.", "expired")
        return finding(message, "violation")

    try:
        yield from map(said_of, rule.check(Subject(resource, resources, said.config)))
    except Deferred as deferred:
        what = f"{deferred.path} is not known yet, or a secret"
        yield finding(f"Cannot be checked before apply: {what}. `pulumi up` checks it.", "deferred", deferred.path)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Custom resources and programs in YAML may hold anything. What cannot be read is not held to be right.
        yield said_of(f"Cannot be checked: a property is of another type than expected ({error}).")


ORDER: Sequence[Outcome] = ("violated", "deferred", "excepted", "passed")
OUTCOMES: Mapping[str, Outcome] = {
    "violation": "violated",
    "expired": "violated",
    "deferred": "deferred",
    "excepted": "excepted",
}


def evaluate(
    rules: Sequence[Rule],
    resources: Sequence[Resource],
    said: Mapping[str, Setting],
    *,
    today: date | None = None,
    progress: Callable[[Rule], None] | None = None,
) -> Report:
    """What rules say of resources, the worst first.

    said: by the rules' names, see `settings`; today: on which exceptions are looked at.
    """
    day = today or date.today()
    stack = next((r for r in resources if r.type == STACK), Resource(STACK, "stack", Inputs({}), ""))
    everything = Resources(resources)
    findings: list[Finding] = []
    outcomes: dict[str, Outcome] = {}
    idle: list[tuple[str, Exemption]] = []
    for rule in rules:
        if progress:
            progress(rule)
        held = said[rule.name]
        if held.level == "disabled":
            outcomes[rule.name] = "disabled"
            continue
        about = [resource for resource in resources if rule.applies(resource)] if rule.types else [stack]
        found = [
            each for one in about for each in look(rule, held, one, everything if rule.stack else Resources([one]), day)
        ]
        findings += found
        idle += [(rule.name, exemption) for exemption in held.exceptions if not any(map(exemption.about, about))]
        reached: set[Outcome] = {OUTCOMES[each.kind] for each in found}
        outcomes[rule.name] = (
            next(outcome for outcome in ORDER if outcome in {*reached, "passed"}) if about else "not applicable"
        )
    findings.sort(key=lambda f: (not f.fails, SEVERITIES.index(f.severity), f.rule, f.resource))
    return Report(findings, outcomes, idle)
