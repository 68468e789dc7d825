"""Throughput and latency under load, by wrk, of servers that take turns.

Machines get faster and slower while they are measured, more than the servers differ. So only what
was measured within one round is compared, and the servers of a round go in turn, each round in
another order. The bare server takes part twice: what the two differ in is what the measurement
cannot see.
"""

import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from math import comb
from statistics import median

from contenders import BARE, NATIVE, POLICY, TWO
from nginx import Builds, Server, Setup
from traffic import BROWSER

CONNECTIONS = 32
LOADED = (BARE, BARE, POLICY, NATIVE)


@dataclass(frozen=True)
class Run:
    """One run of wrk."""

    rate: float
    """Requests a second."""
    p50: float
    """Milliseconds that half of the requests took at most (the median)."""
    p99: float
    """Milliseconds that 99 % of the requests took at most."""
    cpu: float
    """Microseconds of the server's processor time for a request."""


@dataclass(frozen=True)
class Ratio:
    """The median of ratios, with an interval that has the true one in at least 95 % of cases."""

    median: float
    low: float
    high: float


def cores() -> list[int]:
    """The processors that this process may use."""
    return sorted(os.sched_getaffinity(0))


def measure(builds: Builds, rounds: int, seconds: float) -> list[tuple[str, list[Run]]]:
    """The runs of each server by its key: of the round n the nth."""
    server_core, client_core, *_ = cores()
    with ExitStack() as stack:
        servers = []
        for contender in LOADED:
            setup = stack.enter_context(Setup(builds, contender))
            servers.append(stack.enter_context(setup.start(*_on(server_core))))
        runs: list[list[Run]] = [[] for _ in LOADED]
        for server in servers:
            _load(server, client_core, 1)
        for turn in range(rounds):
            order = list(range(len(servers)))
            # Round by round another one begins, and every other one goes backwards.
            order = order[turn % len(order) :] + order[: turn % len(order)]
            for index in order if turn % 2 else reversed(order):
                runs[index].append(_load(servers[index], client_core, seconds))
    return [(contender.key, of_it) for contender, of_it in zip(LOADED, runs, strict=True)]


def ratio(values: list[float], base: list[float]) -> Ratio:
    """Compares two series pair by pair.

    The interval is that of the sign test, which assumes nothing about the distribution.
    """
    ratios = sorted(value / to for value, to in zip(values, base, strict=True))
    outside = _outside(len(ratios))
    return Ratio(median(ratios), ratios[outside], ratios[-1 - outside])


def _outside(count: int) -> int:
    """How many of the smallest values, and of the largest, the interval leaves out."""
    outside = 0
    # How likely no more than so many of all values are below the true median.
    while sum(comb(count, n) for n in range(outside + 2)) / 2**count <= 0.025:
        outside += 1
    return outside


def _on(core: int) -> tuple[str, ...]:
    return ("taskset", "--cpu-list", str(core))


def _load(server: Server, core: int, seconds: float) -> Run:
    before = _cpu_time(server.pid)
    headers = [f"-H{header}" for header in (*BROWSER, f"Origin: {TWO.allowed}")]
    command = [
        *_on(core),
        *("wrk", "--latency", "--threads", "1", "--connections", str(CONNECTIONS)),
        *("--duration", f"{seconds}s", *headers, f"http://127.0.0.1:{server.setup.port}/"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    used = _cpu_time(server.pid) - before
    if done.returncode or re.search("Socket errors|Non-2xx", done.stdout):
        raise SystemExit(f"error: wrk failed:\n{done.stdout}{done.stderr}")
    return Run(
        float(_field(done.stdout, r"Requests/sec: *([\d.]+)")),
        _milliseconds(_field(done.stdout, r"^ *50% *([\d.]+[mu]?s)$")),
        _milliseconds(_field(done.stdout, r"^ *99% *([\d.]+[mu]?s)$")),
        used / int(_field(done.stdout, r"(\d+) requests in")) * 1e6,
    )


def _field(output: str, pattern: str) -> str:
    found = re.search(pattern, output, re.MULTILINE)
    if not found:
        raise SystemExit(f"error: wrk has not said {pattern}:\n{output}")
    return found[1]


def _milliseconds(time: str) -> float:
    for unit, factor in {"us": 1e-3, "ms": 1.0, "s": 1e3}.items():
        if time.endswith(unit):
            return float(time.removesuffix(unit)) * factor
    raise SystemExit(f"error: wrk's unit of time is not known: {time}")


def _cpu_time(pid: int) -> float:
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9
