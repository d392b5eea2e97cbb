"""The small library that the course builds, one module a topic."""

__version__ = "0.1.0"
