"""Where and of what the figures are."""

import os
import platform
import re
import subprocess
import time
from pathlib import Path

from .anchors import ROOT, TOOLS
from .processes import program


def first_line(*command):
    try:
        finished = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next(iter((finished.stdout + finished.stderr).strip().splitlines()), None)


def version(name, *arguments, folders=()):
    path = program(name, *folders)
    line = path and first_line(path, *arguments)
    found = line and re.search(r"\d+\.\d+(\.\d+)?", line)
    return found and f"{name} {found.group()}"


def describe():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    # The last that changed what ships.
    commit = first_line("git", "-C", ROOT, "log", "-1", "--format=%h", "--", "Sources", "Package.swift")
    changed = first_line("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no", "--", "Sources", "Package.swift")
    versions = [version("nginx", "-v"), version("haproxy", "-v"), version("envoy", "--version", folders=[TOOLS]),
                version("go", "version", folders=[TOOLS, ROOT / ".tools" / "httppeers" / "bin"]),
                version("node", "--version")]
    uvicorn = TOOLS / "pip"
    if uvicorn.exists():
        listed = subprocess.run([uvicorn, "list", "--format=freeze"], capture_output=True, text=True).stdout
        versions += [f"{name} {found.group(1)}" for name in ("fastapi", "pyjwt", "uvicorn")
                     if (found := re.search(rf"(?im)^{name}==(.*)$", listed))]
    return (f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())} of the sources of commit {commit}"
            f"{' with changes' if changed else ''}, on {os.cpu_count()} cores of {model.group(1) if model else platform.machine()},"
            f" Linux {platform.release()}, built by {version('swift', '--version')}."
            f" Beside {', '.join(filter(None, versions))}.")


def busy():
    """How many processes wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"
