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
COMMON = 10  # what more learners than these share is how one writes it
BLOCK = 500  # forms that are compared with all others at once
HINT = (
    "A hint, no verdict: equal answers may come from a book, from a tutor, from work together that was "
    "allowed, or from there being one good way. Read both, and talk to both learners."
)
KEPT = set(keyword.kwlist) | set(keyword.softkwlist) | {"range", "len", "sum", "zip", "enumerate", "print"}


def report(answers, stubs):
    """Rows {"learners", "exercises": {exercise: similarity}, "compared", "text"}, the most alike pairs first.

    ``answers`` is {learner: {exercise: source}}, ``stubs`` {exercise: source}. Left out are stubs, short
    answers, answers that are no Python, and what many learners share. Raises ImportError without RapidFuzz.
    """
    pairs, compared = defaultdict(dict), Counter()
    for name, stub in stubs.items():
        learners_of = forms({who: given[name] for who, given in answers.items() if name in given}, stub)
        for learners in learners_of.values():
            compared.update(learners)
        for pair, similarity in alike(learners_of):
            pairs[pair][name] = similarity
    rows = [row(pair, found, min(compared[who] for who in pair)) for pair, found in pairs.items()]
    return sorted(rows, key=lambda row: (-sum(row["exercises"].values()), row["learners"]))


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
    most = min(COMMON, max(2, count.sum() // 2))
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
