"""What the tests of the course read: chapters, exercises, package modules."""

import ast
import io
import zipfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted(ROOT.glob("notebooks/*.ipynb"))
SOLUTIONS = sorted(ROOT.glob("exercises/solutions/*.ipynb"))
LEARNER = sorted(ROOT.glob("exercises/*.ipynb"))


def zipped(members):
    """The bytes of a zip archive of {path: bytes}."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def name(path):
    return path.relative_to(ROOT).as_posix()


def cells(path, kind=None):
    book = nbformat.read(path, as_version=4)
    return [cell for cell in book.cells if kind in (None, cell.cell_type)]


def package_module(cell):
    """`descent` for a cell whose first line is `# gdcourse/descent.py`, else None."""
    first = cell.source.split("\n", 1)[0]
    if first.startswith("# gdcourse/") and first.endswith(".py"):
        return first.removeprefix("# gdcourse/").removesuffix(".py")
    return None


def definitions(source):
    """{name: AST node without docstrings} of the functions, classes and constants at top level."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = without_docstrings(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
    return found


def other_statements(source):
    """[source] of what stands at top level and is neither a definition, nor an import, nor a text."""
    other = []
    for node in ast.parse(source).body:
        defines = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)
        names = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (defines or names or text):
            other.append(ast.unparse(node))
    return other


def without_docstrings(node):
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                inner.body = body[1:] or [ast.Pass()]
    return node


def imported_names(source):
    """[(gdcourse module, name)] that a cell imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gdcourse."):
            found += [(node.module.removeprefix("gdcourse."), alias.name) for alias in node.names]
    return found
