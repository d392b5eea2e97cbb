"""A mark for tests that read a set of data or weights which the course does not ship."""

import pytest

from gdcourse import fetch


def needs(*names):
    """Skip a test where one of these sets is not installed; the reason is the command that installs it."""
    missing = [name for name in names if not fetch.is_installed(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs data: {fetch.command(' '.join(missing))}")
