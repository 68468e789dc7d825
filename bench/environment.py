"""Where and with what something was measured."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from nginx import Builds

ROOT = Path(__file__).resolve().parent.parent

# What the instructions of a request depend on, besides the module's source.
DECISIVE = ("nginx", "rustc", "libc", "valgrind", "architecture")


def describe(builds: Builds) -> dict[str, str]:
    """The machine and the versions, by name."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": _commit(),
        "processor": _cpu("model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "nginx": _output(str(builds.nginx), "-v").rpartition("/")[2],
        "rustc": _rustc(builds.module),
        "libc": os.confstr("CS_GNU_LIBC_VERSION") or "",
        "valgrind": _output("valgrind", "--version").removeprefix("valgrind-"),
        "architecture": _architecture(),
    }


def differences(here: dict[str, str], there: dict[str, str]) -> list[str]:
    """What keeps instructions from being compared."""
    return [
        f"{name} {there.get(name)}, here {here[name]}"
        for name in DECISIVE
        if here[name] != there.get(name)
    ]


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).strip()


def _commit() -> str:
    """The commit that was built; what bench/ writes itself is no change to it."""
    git = ("git", "-C", str(ROOT))
    try:
        commit = _output(*git, "rev-parse", "--short", "HEAD")
        changed = _output(
            *git, "status", "--porcelain", "--", ".", ":!bench/results", ":!README.md"
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit} with changes" if changed else commit


def _cpu(field: str) -> str:
    found = re.search(rf"^{field}\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _architecture() -> str:
    """With what decides which processor valgrind plays, and so which memcpy the C library takes."""
    return platform.machine() + (" with AVX2" if "avx2" in _cpu("flags").split() else "")


def _rustc(module: Path) -> str:
    """The compiler that built the module, which is not always the one of the PATH."""
    found = re.search(rb"rustc version ([^ \0]+)", module.read_bytes())
    return found[1].decode() if found else "unknown"
