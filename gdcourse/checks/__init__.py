"""Checks of the exercises: ``from gdcourse.checks.ch01 import check``."""
