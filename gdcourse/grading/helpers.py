"""Names that an answer uses and that only a cell defines which is not graded: a hint for its learner."""

import ast
import re
import warnings

ENOUGH = 60_000  # characters; a hint is not worth the time to read more


def helpers_left_out(answers, others, given):
    """A note for each name that one of the ``answers`` {exercise: source} uses and only ``others`` define.

    ``others`` are the sources of the learner's cells that are not graded, ``given`` those of the
    assignment's own notebook.
    """
    if sum(map(len, [*answers.values(), *others])) > ENOUGH:
        return
    read = {name: tree(source) for name, source in answers.items()}
    known = set().union(*map(defined, [*map(tree, given), *read.values()]))
    elsewhere = set().union(*(defined(tree(source)) for source in filter(str.strip, others))) - known
    for name, module in read.items():
        for helper in sorted(used(module) & elsewhere)[:5]:
            yield f"{name}: `{helper[:60]}` is defined in a cell that is not graded: put it into the answer's cell"


def tree(source):
    """The syntax tree of ``source`` without its lines of IPython's magic; an empty one where there is none."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(re.sub(r"^[%!?].*", "", source, flags=re.M))
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # MemoryError: nested too deeply for the parser
        return ast.Module([], [])


def bound(nodes):
    """The names that the ``nodes`` of a syntax tree define, import or set, and those of parameters."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def defined(module):
    """The names that a module's top level binds."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        name
        for node in module.body
        for name in bound([node] if isinstance(node, functions) else ast.walk(node))
    }


def used(module):
    """The names that a module reads, and binds nowhere itself."""
    nodes = list(ast.walk(module))
    read = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return read - set(bound(nodes))
