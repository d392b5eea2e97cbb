"""A class of submissions for 03_gradient_descent: right, wrong, oddly packed, broken and hostile ones.

``write(folder)`` writes them all; ``ROWS`` says what each must get. An attack on an exercise must get 0 for it,
and leave the honest answers of the same notebook their points; where it spoils its own kernel for what comes
after, only those before it are there. All attackers know the paths of the host, and stop where they find
themselves outside of a sandbox; nothing here can harm a host by more than 2 GB of memory or disk.
No row tries to have something unpickled by the grader: only JSON leaves the sandbox, and nothing is unpickled.
"""

from tests.submissions import honest, hostile  # noqa: F401  each adds its rows
from tests.submissions.make import NAME, ROWS, SECRET, WORTH

__all__ = ["NAME", "ROWS", "SECRET", "WORTH", "table", "write"]


def write(folder, rows=None):
    """Write the submissions of all ``rows`` into ``folder``; a file begins with the number of its row."""
    folder.mkdir(parents=True)
    for k in range(len(ROWS)) if rows is None else rows:
        words = "".join(c if c.isalnum() else " " for c in ROWS[k].name).split()
        ROWS[k].build(folder / f"{k:03d}_{'_'.join(words)[:40]}")


def table(got):
    """The submissions with what they must get and what they got, as Markdown; ``got`` {row: (verdict, points)}."""
    lines = ["| | submission | expected | got |", "|---|---|---|---|"]
    for k, expected in enumerate(ROWS):
        verdict, points = got.get(k, ("missing", "-"))
        want = sum(expected.points.values()) if expected.verdict != "unreadable" else 0
        lines.append(
            f"| {expected.family} | {expected.name} | {expected.verdict}, {want} | {verdict}, {points} |"
        )
    return "\n".join(lines).replace("<", "&lt;")
