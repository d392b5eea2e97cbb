"""Grading a class: restore the answers, run them in a sandbox, judge what they printed outside of it."""
