"""Mutants of the declared expressions: whatever is changed in one, a case of its rule notices."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cases import cases
from test_mutants import noticed

from components.admission.declarations import DECLARATIONS, Declaration
from policies.workloads import declared

CASES = cases()
PREVIEWED = [declaration for declaration in DECLARATIONS if not declaration.preview]
CHANGES = (
    (r" && ", " || "),
    (r" \|\| ", " && "),
    (r"!(?=[a-z(\[])", ""),
    (r"(?<![!a-zA-Z])(?=has\()", "!"),
    (r" == ", " != "),
    (r" != ", " == "),
    (r" > ", " >= "),
    (r" > ", " < "),
    (r"\.all\(", ".exists("),
    (r"\.exists\(", ".all("),
    (r" \? (.*?) : ", r" ? false : "),
)
"""What is changed, one place at a time."""


def _mutants(declaration: Declaration) -> Iterator[tuple[str, Declaration]]:
    texts = {"offenders": declaration.offenders, **declaration.variables}
    for name, text in texts.items():
        for pattern, other in CHANGES:
            for match in re.finditer(pattern, text):
                changed = text[: match.start()] + match.expand(other) + text[match.end() :]
                what = f"{name}: …{changed[max(0, match.start() - 30) : match.start() + 40]}…"
                if name == "offenders":
                    yield what, replace(declaration, offenders=changed)
                else:
                    yield what, replace(declaration, variables={**declaration.variables, name: changed})


@pytest.mark.parametrize("declaration", PREVIEWED, ids=lambda declaration: declaration.name)
def test_no_mutant_of_an_expression_survives(declaration: Declaration) -> None:
    survivors = [
        what for what, mutant in _mutants(declaration) if not noticed(declared(mutant), CASES[declaration.name])
    ]
    assert survivors == []
