"""What rules say, as text, Markdown, JSON, SARIF 2.1.0 for code scanning, and JUnit XML for CI."""

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from urllib.parse import quote
from xml.etree import ElementTree

from .evaluation import SEVERITIES, Finding, Outcome, Report
from .rule import Rule
from .sources import name_in

VERSION = "0.1.0"
"""Version of the pack. A test holds it against the pack's metadata."""

SARIF_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
SECURITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""Severity as code scanning sorts it. Source: docs.github.com, SARIF support for code scanning, `security-severity`."""


def counts(outcomes: Mapping[str, Outcome]) -> str:
    """How many rules came out how, in words. outcomes: by the rules' names."""
    found = Counter(outcomes.values())
    checked = sum(found[outcome] for outcome in ("passed", "violated", "deferred", "excepted"))
    words = {"deferred": "to be checked at apply"}
    rest: Sequence[Outcome] = ("violated", "deferred", "excepted", "not applicable", "disabled")
    parts = [f"{found[outcome]} {words.get(outcome, outcome)}" for outcome in rest if found[outcome]]
    return ", ".join([f"{checked} rules checked", *parts])


def short(finding: Finding) -> str:
    """What a finding is about, without the rest of its URN."""
    return name_in(finding.resource) or "stack"


def label(finding: Finding) -> str:
    """How a finding is to be taken."""
    return {"violation": finding.level, "expired": finding.level}.get(finding.kind, finding.kind)


def text(report: Report, rules: Sequence[Rule], source: str = "") -> str:
    """Findings grouped by severity, then the counts."""
    lines: list[str] = []
    ordered = sorted(report.findings, key=lambda finding: SEVERITIES.index(finding.severity))
    for severity, group in groupby(ordered, key=lambda finding: finding.severity):
        lines += [severity.capitalize(), *(f"  {label(f)}  {f.rule}  {short(f)}: {f.message}" for f in group), ""]
    return "\n".join([*lines, *idle_exceptions(report), counts(report.outcomes)]) + "\n"


def idle_exceptions(report: Report) -> list[str]:
    """What to say of exceptions that fit nothing."""
    return [
        f"The exception of {name} for {each.resource}, of {each.owner}, fits nothing." for name, each in report.idle
    ]


def markdown(report: Report, rules: Sequence[Rule], source: str = "") -> str:
    """The same as a table, for a pull request."""
    lines = [f"**Policies**: {counts(report.outcomes)}", ""]
    lines += [f"- {_cell(each)}" for each in idle_exceptions(report)]
    lines += [""] if report.idle else []
    if report.findings:
        lines += ["| severity | level | rule | resource | |", "|---|---|---|---|---|"]
    for severity in SEVERITIES:
        lines += [
            f"| {severity} | {label(f)} | `{f.rule}` | {_code(short(f))} | {_cell(f.message)} |"
            for f in report.findings
            if f.severity == severity
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """A text in one cell of a table: names and properties of a program may hold anything."""
    shown = html.escape(" ".join(text.split()), quote=False)
    return shown.replace("|", "&#124;").replace("`", "&#96;")


def _code(text: str) -> str:
    # Nothing is escaped between backticks.
    return f"`{text}`" if _cell(text) == text else f"<code>{_cell(text)}</code>"


def as_json(report: Report, rules: Sequence[Rule], source: str = "") -> str:
    """Findings and the outcome of each rule."""
    findings = [
        {
            "rule": f.rule,
            "severity": f.severity,
            "level": f.level,
            "kind": f.kind,
            "resource": f.resource,
            "message": f.message,
        }
        for f in report.findings
    ]
    idle = [{"rule": name, "resource": each.resource, "owner": each.owner} for name, each in report.idle]
    content = {
        "failed": report.failed,
        "findings": findings,
        "idleExceptions": idle,
        "outcomes": dict(report.outcomes),
    }
    return json.dumps(content, indent=2) + "\n"


def sarif(report: Report, rules: Sequence[Rule], source: str = "") -> str:
    """Violations for code scanning. source: path of the file that they are shown at.

    Source: SARIF 2.1.0, docs.oasis-open.org/sarif/sarif/v2.1.0.
    """
    results = [
        {
            "ruleId": finding.rule,
            "level": SARIF_LEVELS[finding.severity] if finding.kind in ("violation", "expired") else "note",
            "message": {"text": finding.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(source or "stack")},
                        "region": {"startLine": 1},
                    },
                    "logicalLocations": [{"name": short(finding), "fullyQualifiedName": finding.resource or "stack"}],
                }
            ],
            "partialFingerprints": {"resource/v1": f"{finding.rule}/{finding.resource}"},
            **(
                {"suppressions": [{"kind": "external", "justification": finding.message}]}
                if finding.kind == "excepted"
                else {}
            ),
        }
        for finding in report.findings
        if finding.kind != "deferred"
    ]
    described = [
        {
            "id": rule.name,
            "shortDescription": {"text": rule.must},
            "help": {"text": rule.how},
            "defaultConfiguration": {"level": SARIF_LEVELS[rule.severity]},
            "properties": {"tags": [rule.area], "security-severity": SECURITY[rule.severity]},
            **({"helpUri": rule.reference} if rule.reference.startswith("http") else {}),
        }
        for rule in rules
    ]
    driver = {"name": "ack-ai-blueprint", "version": VERSION, "rules": described}
    content = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(content, indent=2) + "\n"


NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that no XML may hold. Source: www.w3.org/TR/xml, 2.2 Characters."""


def junit(report: Report, rules: Sequence[Rule], source: str = "") -> str:
    """A test case for each rule: failed where a mandatory rule is violated, skipped where it did not run."""
    failing = {f.rule for f in report.findings if f.fails}
    idle = [name for name, outcome in report.outcomes.items() if outcome in ("not applicable", "disabled", "deferred")]
    skipped = {name for name in idle if name not in failing}
    totals = {"tests": str(len(rules)), "failures": str(len(failing)), "skipped": str(len(skipped))}
    suite = ElementTree.Element("testsuite", {"name": "ack-ai-blueprint policies", "errors": "0", **totals})
    for rule in rules:
        case = ElementTree.SubElement(suite, "testcase", classname=rule.area, name=rule.name)
        said = "\n".join(f"{short(f)}: {f.message}" for f in report.findings if f.rule == rule.name)
        if rule.name in failing:
            ElementTree.SubElement(case, "failure", message=rule.must).text = said
        elif rule.name in skipped:
            ElementTree.SubElement(case, "skipped", message=said or report.outcomes[rule.name])
        elif said:
            ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(suite)
    return NOT_XML.sub("\N{REPLACEMENT CHARACTER}", ElementTree.tostring(suite, encoding="unicode")) + "\n"


FORMATS: Mapping[str, Callable[[Report, Sequence[Rule], str], str]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
    "sarif": sarif,
    "junit": junit,
}
"""Renderers by the name of their format."""
