"""Similarity: pairs of learners whose answers are suspiciously equal, names and layout apart.

A hint, no verdict. The comparison is RapidFuzz's, on tokens: on the right answers of tests/bank, disguised
by new names, another line, `+=` and other constants, it finds all at ALIKE.
"""

import ast
import io
import keyword
import tokenize
from collections import Counter, defaultdict
from itertools import combinations

import numpy as np

ALIKE = 0.9  # 1 - (tokens to insert and delete) / (tokens of both), from which two answers are named
FEWEST = 40  # tokens; shorter answers are alike by themselves
LONGEST = 20_000  # characters
COMMON = 10  # what more learners than these share is one row for all of them
PUBLISHED = "\0"  # stands for the published solution among the learners
BLOCK = 500  # forms that are compared with all others at once
HINT = (
    "A hint, no verdict: equal answers may come from a book, from a tutor, from work together that was "
    "allowed, or from there being one good way. Read both, and talk to both learners."
)
KEPT = set(keyword.kwlist) | set(keyword.softkwlist) | {"range", "len", "sum", "zip", "enumerate", "print"}


def report(answers, stubs, solutions=None):
    """Rows {"learners", "exercises": {exercise: similarity}, "compared", "text"}.

    ``answers`` is {learner: {exercise: source}}, ``stubs`` and the published ``solutions`` {exercise: source}.
    The first rows hold all who gave one and the same answer to an exercise, names and layout apart: the
    published solution, or one that more than COMMON of them share, or more than half of a small class. The
    others are pairs, the most alike first; answers alike to more than that are in no pair. Left out are
    stubs, short answers and answers that are no Python. Raises ImportError without RapidFuzz.
    """
    groups, pairs, compared = [], defaultdict(dict), Counter()
    for name, stub in stubs.items():
        sources = {who: given[name] for who, given in answers.items() if name in given}
        if name in (solutions or {}):
            sources[PUBLISHED] = solutions[name]
        learners_of = forms(sources, stub)
        groups += shared(name, learners_of)
        for learners in learners_of.values():
            compared.update(learners)
        for pair, similarity in alike(learners_of):
            pairs[pair][name] = similarity
    rows = [row(pair, found, min(compared[who] for who in pair)) for pair, found in pairs.items()]
    return groups + sorted(rows, key=lambda row: (-sum(row["exercises"].values()), row["learners"]))


def shared(name, learners_of):
    """A row for the PUBLISHED form, which leaves ``learners_of``, and one for each that is common."""
    published = next((learners for learners in learners_of.values() if PUBLISHED in learners), [])
    if published:
        published.remove(PUBLISHED)
    for learners in learners_of.values():
        count, is_published = len(learners), learners is published
        if count > (0 if is_published else common(learners_of)):
            source = "the published solution" if is_published else "each other"
            text = f"the same answer to {name} as {source} ({count} learner{'s' * (count > 1)})"
            yield {"learners": tuple(learners), "exercises": {name: 1.0}, "compared": 1, "text": text}


def common(learners_of):
    """How many learners may share an answer before it is common: COMMON, in a small class half of it."""
    return min(COMMON, max(2, sum(map(len, learners_of.values())) // 2))


def row(pair, found, compared):
    named = ", ".join(f"{name} {similarity:.0%}" for name, similarity in found.items())
    text = f"alike in {len(found)} of {compared} answers long enough to compare: {named}"
    return {"learners": pair, "exercises": found, "compared": compared, "text": text}


def forms(sources, stub):
    """{form: [learners]} of one exercise's answers; a form is a text with a character for each token."""
    opening, signs, found = tokens(stub), {}, defaultdict(list)
    for learner, source in sorted(sources.items()):
        given = tokens(source)
        same = [a == b for a, b in zip(given, opening)] + [False]
        rest = given[same.index(False) :]  # without the signature, which is everybody's
        if len(rest) >= FEWEST:
            found["".join(signs.setdefault(token, chr(256 + len(signs))) for token in rest)].append(learner)
    return found


def tokens(source):
    """The tokens of ``source`` without comments, docstrings and layout, its own names all alike; [] for no Python."""
    if len(source) > LONGEST:
        return []
    try:
        module = ast.parse(source)
        for node in ast.walk(module):
            drop_text(node)
        lines = io.StringIO(ast.unparse(module)).readline
        read = list(tokenize.generate_tokens(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return []
    return [
        sign(before.string, token) for before, token in zip([read[0], *read], read) if token.string.strip()
    ]


def drop_text(node):
    """Take the texts that stand alone, such as docstrings, out of the body of ``node``."""
    body = getattr(node, "body", None)
    if isinstance(body, list):
        texts = [s for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
        node.body = [s for s in body if s not in texts] or [ast.Pass()]


def sign(before, token):
    """What stands for a token: itself, but one sign for all texts, and one for all names but attributes."""
    if token.type == tokenize.STRING:
        return "text"
    own = token.type == tokenize.NAME and before != "." and token.string not in KEPT
    return "name" if own else token.string


def alike(learners_of):
    """((learner, learner), similarity) of each two learners whose forms are ALIKE, but for COMMON ones."""
    from rapidfuzz.distance import Indel
    from rapidfuzz.process import cdist

    there = list(learners_of)
    count = np.array([len(learners_of[form]) for form in there])
    most = common(learners_of)
    near = []
    for k in range(0, len(there), BLOCK):
        scores = cdist(
            there[k : k + BLOCK],
            there,
            scorer=Indel.normalized_similarity,
            score_cutoff=ALIKE,
            dtype=np.float32,
        )
        for i, row in enumerate(scores, start=k):
            others = np.flatnonzero(row)
            if count[others].sum() - 1 <= most:
                near += [(i, int(j), float(row[j])) for j in others if i <= j]
    for i, j, similarity in near:
        a, b = learners_of[there[i]], learners_of[there[j]]
        for pair in combinations(a, 2) if i == j else [(x, y) for x in a for y in b]:
            yield tuple(sorted(pair)), similarity
