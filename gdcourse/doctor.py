"""What this machine has for the course, what is missing, and the command that installs it."""

import os
import platform
import shutil
from importlib import metadata

from gdcourse import fetch

# (distribution, extra of gdcourse that brings it, what it is for)
PACKAGES = [
    ("numpy", "", "every chapter"),
    ("matplotlib", "", "the figures"),
    ("jupyterlab", "lab", "running chapters and exercises"),
    ("ipykernel", "lab", "running chapters and exercises"),
    ("nbclient", "lab", "`python -m gdcourse check`"),
    ("torch", "torch", "the sections in PyTorch"),
    ("transformers", "finetune", '"Fine-tune an encoder"'),
    ("safetensors", "finetune", '"Fine-tune an encoder"'),
    ("scikit-learn", "finetune", '"Fine-tune an encoder"'),
    ("jupyter-book", "book", "building the site"),
    ("pytest", "test", "the tests"),
    ("nbval", "test", "testing notebooks"),
    ("playwright", "test", "testing the site in a browser"),
    ("nbgrader", "grade", "its own tools on our notebooks"),
]
# (finding, what to install, why, command)
TOOLS = [
    ("browser", "chromium", "testing the site in a browser", "apt install chromium"),
    ("sandbox", "bubblewrap", "grading other people's notebooks", "apt install bubblewrap"),
    ("cjk_font", "a Chinese font", "Chinese in figures", "apt install fonts-noto-cjk"),
]
DATA = {"shakespeare": "chapters to come"}  # what a set is for, if not for "Fine-tune an encoder"
CJK_FONTS = ("Noto Sans CJK", "Source Han Sans", "PingFang", "Microsoft YaHei", "SimHei", "WenQuanYi")


def browser():
    """Path of a Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def sandbox():
    """True when a kernel can start in bubblewrap here."""
    from gdcourse.grading.sandbox import probe

    return probe("bubblewrap") == ""


def cjk_font():
    """Name of a font with Chinese characters that matplotlib finds, or None."""
    from matplotlib import font_manager

    names = {font.name for font in font_manager.fontManager.ttflist}
    return next((n for n in sorted(names) if n.startswith(CJK_FONTS)), None)


def gpu():
    """Name of the accelerator that PyTorch sees, or None."""
    try:
        import torch
    except ImportError:
        return None
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple GPU (mps)" if torch.backends.mps.is_available() else None


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def report():
    """All findings: a dict that JSON can hold. ``missing`` lists {what, why, install}."""
    packages = {name: version(name) for name, _, _ in PACKAGES}
    data = {name: fetch.is_installed(name) for name in fetch.PACKAGES}
    tools = {"gpu": gpu(), "browser": browser(), "sandbox": sandbox(), "cjk_font": None}
    if packages["matplotlib"]:
        tools["cjk_font"] = cjk_font()
    pip = 'python -m pip install -c constraints.txt -e ".{}"'
    missing = [
        {"what": name, "why": why, "install": pip.format(f"[{extra}]" if extra else "")}
        for name, extra, why in PACKAGES
        if not packages[name]
    ]
    missing += [
        {"what": name, "why": DATA.get(name, '"Fine-tune an encoder"'), "install": fetch.command(name)}
        for name, there in data.items()
        if not there
    ]
    missing += [
        {"what": what, "why": why, "install": command}
        for name, what, why, command in TOOLS
        if not tools[name]
    ]
    return {
        "gdcourse": version("gdcourse"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "packages": packages,
        "data": data,
        **tools,
        "missing": missing,
    }


def as_text(facts):
    """The report for a person to read."""
    tools = {name: facts[name] for name in ("gpu", "browser", "sandbox", "cjk_font")}
    found = facts["packages"] | facts["data"] | tools
    lines = [
        f"gdcourse {facts['gdcourse']}, Python {facts['python']}, {facts['cores']} cores",
        facts["system"],
        "",
    ]
    for name, value in found.items():
        lines.append(f"  {'✓' if value else '·'} {name:<14} {'yes' if value is True else value or 'none'}")
    if facts["missing"]:
        lines += ["", "Missing, and only needed for what is named:"]
        lines += [f"  {m['what']} ({m['why']}): {m['install']}" for m in facts["missing"]]
    return "\n".join(lines)
