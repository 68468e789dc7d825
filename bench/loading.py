"""Time and memory that it takes to load a long list of origins."""

import os
import subprocess
import time
from dataclasses import dataclass, replace

from contenders import MILLION, Contender
from nginx import Builds, Setup

TIMES = 5


@dataclass(frozen=True)
class Loading:
    """Of the fastest of some runs, since whatever else the machine does can only add to it."""

    wall: float
    """Seconds that `nginx -t` takes."""
    cpu: float
    """Seconds of processor time in it."""
    peak: float
    """MB that were resident at most until nginx was ready (VmHWM)."""
    resident: float
    """MB that are resident once it is (VmRSS)."""


def measure(builds: Builds, contender: Contender) -> Loading:
    """Loads the contender's list some times, and starts nginx with it once."""
    with Setup(builds, contender) as setup:
        times = [_test(setup) for _ in range(TIMES)]
        # Not of `nginx -t`, whose memory is gone when it can be asked for.
        with setup.start() as server:
            memory = _memory(server.pid)
    return Loading(
        min(wall for wall, _ in times),
        min(cpu for _, cpu in times),
        memory["VmHWM"],
        memory["VmRSS"],
    )


def million(contender: Contender) -> Contender:
    """The contender with a million of origins."""
    return replace(contender, origins=MILLION)


def _test(setup: Setup) -> tuple[float, float]:
    begin = time.perf_counter()
    process = subprocess.Popen(
        setup.command("-t", "-q"), env=setup.environment(), stdin=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"error: nginx -t failed:\n{setup.errors()}")
    return wall, usage.ru_utime + usage.ru_stime


def _memory(pid: int) -> dict[str, float]:
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: int(fields[name].split()[0]) / 1000 * 1.024 for name in ("VmHWM", "VmRSS")}
