"""A pytest plugin: a notebook whose data or packages are not installed is skipped, and the command is named."""

import importlib.util
import json
import re
from functools import cache

import pytest

from gdcourse import fetch

FINETUNE = 'python -m pip install -c constraints.txt -e ".[finetune]"'


@cache
def lacks(path):
    """Why the notebook at ``path`` cannot run here, or None. It says what it needs by ``fetch.need("minilm")``."""
    try:
        cells = json.loads(path.read_text(encoding="utf8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    except (ValueError, LookupError, TypeError):
        return None  # not a notebook: nbval says so
    if "transformers" in code and not importlib.util.find_spec("transformers"):
        return f"needs transformers: {FINETUNE}"
    try:
        for names in re.findall(r"^fetch\.need\((.*)\)", code, re.MULTILINE):
            fetch.need(*re.findall(r'"([^"]+)"', names))
    except fetch.FetchError as error:
        return str(error)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.suffix == ".ipynb" and (reason := lacks(item.path)):
            item.add_marker(pytest.mark.skip(reason=reason))
