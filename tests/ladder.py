"""The speed ladders that "Use one GPU well" shows, measured on an NVIDIA GPU: gdcourse/data/results_ladder.csv.

    python tests/ladder.py

The models and the steps are the chapter's own, run from its cells. First comes the chapter's ladder, with its small
model; then its plan, a model of 1.6 billion parameters, for which the GPU should have 80 GB. It takes two minutes and
writes the table anew. Columns:
- model: "small" or "plan"; rung: what a row changes;
- seconds of a step, the median of several; none where the step does not fit;
- mb: megabytes that a step takes at once, for "small" above weights and moments, for "plan" all together.
"""

import csv
import gc
import platform
from datetime import date
from pathlib import Path

import torch
from tqdm import tqdm

from gdcourse.student import read_notebook

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "gdcourse" / "data" / "results_ladder.csv"
CELLS = ("quiet", "imports", "device-best", "text", "attention", "fused", "block", "model", "device-peak")
CELLS += ("step", "device-seconds", "ladder", "ladder-rows", "ladder-climb")
PLAN = {"T": 1024, "d": 1600, "blocks": 48, "heads": 25, "V": 50257}


def chapter():
    """The names that the chapter's cells define."""
    book = read_notebook(ROOT / "notebooks" / "21_one_gpu.ipynb")
    sources = {cell["id"]: cell["source"] for cell in book["cells"]}
    names = {}
    for cell in CELLS:
        exec(sources[cell], names)
    return names


def small(names):
    """Rows of the chapter's ladder."""
    for rung, (seconds, mb) in names["climb"](names["here"], turns=30).items():
        yield "small", rung, seconds, mb


def changes(names):
    """(rung, options) of the plan's ladder; each row changes the one before."""
    options = {"attend": names["by_hand"], "kind": {"foreach": False}, "tf32": False}
    for rung, change in (
        ("8 texts at once", {}),
        ("8 pieces of 1 text", {"pieces": 8}),
        ("fused AdamW", {"kind": {"fused": True}}),
        ("fused attention", {"attend": names["fused"]}),
        ("8 texts at once again", {"pieces": 1}),
        ("TF32", {"tf32": True}),
        ("bfloat16", {"bf16": True}),
        ("compiled blocks", {"compiled": True}),
        ("recomputation", {"recompute": True}),
    ):
        options = options | change
        yield rung, options


def plan(names, sizes=PLAN, repeat=5):
    """Rows of the plan's ladder. Its texts are random: bytes and seconds do not depend on the words.

    Puts ``sizes`` into ``names``, from which the chapter's functions read them.
    """
    here = names["here"]
    names |= sizes
    names["batch"] = lambda ids, B, seed: torch.randint(names["V"], (2, B, names["T"]), device=here)
    for rung, options in tqdm(list(changes(names)), "plan", disable=None):
        torch.set_float32_matmul_precision("high" if options.pop("tf32") else "highest")
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            with here:  # the weights are drawn there
                step = names["rung"](here, **options)
            seconds = names["seconds"](step, repeat)
            yield "plan", rung, seconds, torch.cuda.max_memory_allocated() / 1e6
        except torch.OutOfMemoryError:
            yield "plan", rung, None, None
        step = None
    torch.set_float32_matmul_precision("highest")


def write(rows):
    about = f"torch {torch.__version__}, Python {platform.python_version()}, {torch.cuda.get_device_name()}"
    with open(TABLE, "w", newline="", encoding="utf8") as file:
        file.write(f"# python tests/ladder.py: {about}, {date.today()}\n")
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("model", "rung", "seconds", "mb"))
        for model, rung, seconds, mb in rows:
            table.writerow((model, rung, f"{seconds:.5f}" if seconds else "", f"{mb:.1f}" if mb else ""))


def main():
    if not torch.cuda.is_available():
        raise SystemExit("no NVIDIA GPU here; the table stays as it is")
    names = chapter()
    write([*small(names), *plan(names)])


if __name__ == "__main__":
    main()
