"""Mutants of a rule: its check with one condition negated, one comparison or threshold changed. Cases must notice each.

Only the check itself and what its module defines beside it is changed, never what it imports.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from types import FunctionType, ModuleType
from typing import Any, cast

from policies.rule import Rule

BOUNDARIES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What can be changed at one place, each with a word for it."""
    if isinstance(node, ast.If | ast.IfExp):
        yield "negated", _with(node, test=ast.UnaryOp(op=ast.Not(), operand=node.test))
    if isinstance(node, ast.comprehension):
        for index, test in enumerate(node.ifs):
            ifs = [*node.ifs[:index], ast.UnaryOp(op=ast.Not(), operand=test), *node.ifs[index + 1 :]]
            yield "negated", _with(node, ifs=ifs)
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and/or", _with(node, op=other)
        for index in range(len(node.values)):
            rest = [value for place, value in enumerate(node.values) if place != index]
            yield "dropped", rest[0] if len(rest) == 1 else _with(node, values=rest)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in BOUNDARIES:
        yield "boundary", _with(node, ops=[BOUNDARIES[type(node.ops[0])]()])


def _with(node: Any, **values: Any) -> Any:
    return type(node)(**{**dict(ast.iter_fields(node)), **values})


class _Replace(ast.NodeTransformer):
    def __init__(self, place: int, number: int) -> None:
        self.place, self.number, self.count = place, number, -1

    def visit(self, node: ast.AST) -> Any:
        self.count += 1
        if self.count == self.place:
            return [change for _, change in _changes(node)][self.number]
        return self.generic_visit(node)


def _functions(rule: Rule) -> list[FunctionType]:
    """The check, and the functions of its module that it calls."""
    check = cast(FunctionType, inspect.unwrap(rule.check))
    module = cast(ModuleType, inspect.getmodule(check))
    found, waiting = list[FunctionType](), [check]
    while waiting:
        one = waiting.pop()
        found.append(one)
        for name in one.__code__.co_names:
            other = getattr(module, name, None)
            if inspect.isfunction(other) and other.__module__ == module.__name__ and other not in found:
                waiting.append(other)
    return found


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """All mutants of a rule, each with what was changed and where."""
    check = cast(FunctionType, rule.check)
    for function in _functions(rule):
        if function.__closure__:
            continue  # Made by another function, whose mutants are those of the rules that it makes.
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        definition = cast(ast.FunctionDef, tree.body[0])
        definition.decorator_list = []
        for place, node in enumerate(_walk(tree)):
            for number, (what, _) in enumerate(_changes(node)):
                changed = _Replace(place, number).visit(ast.parse(ast.unparse(tree)))
                yield (
                    f"{function.__name__}:{first + getattr(node, 'lineno', 1) - 1} {what} {ast.unparse(node)[:60]!r}",
                    replace(rule, check=_compiled(changed, function, check)),
                )


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes in the order in which `_Replace` meets them."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from _walk(child)


def _compiled(tree: ast.AST, function: FunctionType, check: FunctionType) -> Any:
    """The rule's check with one of the functions behind it changed."""
    names = dict(check.__globals__)
    exec(compile(ast.unparse(tree), function.__name__, "exec"), names)  # noqa: S102
    if function is check:
        return names[function.__name__]
    # Everything of the module that was compiled with the old names is made anew, so that it calls the changed one.
    for name, value in list(names.items()):
        if inspect.isfunction(value) and value.__module__ == function.__module__ and name != function.__name__:
            names[name] = FunctionType(value.__code__, names, name, value.__defaults__, value.__closure__)
            names[name].__kwdefaults__ = value.__kwdefaults__
    return FunctionType(check.__code__, names, check.__name__, check.__defaults__, check.__closure__)
