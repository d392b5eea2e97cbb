"""Marks for tests that need what the course does not ship, or an extra that may be missing."""

import pytest

from gdcourse import fetch

FINETUNE = 'needs: python -m pip install -c constraints.txt -e ".[torch,finetune]"'


def needs(*names):
    """Skip a test where one of these sets is not installed; the reason is the command that installs it."""
    missing = [name for name in names if not fetch.is_installed(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs data: {fetch.command(' '.join(missing))}")
