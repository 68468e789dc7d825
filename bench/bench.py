"""Measures the module beside what people use now: see README.md in this folder.

    python3 bench.py run NGINX MODULE OTHERS [ROUNDS SECONDS]
    python3 bench.py check NGINX MODULE OTHERS

NGINX is the one nginx for everything, MODULE the module built for it, OTHERS a folder made by
build/debian-nginx-modules. `run` writes results/ and the part of the project's README.md that shows
them. `check` compares instructions with the results that are there, and exits with 1 where they
differ, or with 3 where they cannot be compared.
"""

import sys
import time
from pathlib import Path

import check
import environment
import instructions
import loading
import report
import throughput
from contenders import ALL, BARE, NATIVE, POLICY, Contender
from nginx import Builds
from results import FOLDER, Results

COMMITTED = FOLDER / "results.json"


def say(text: str) -> None:
    """Tells how far it is."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """The command line."""
    match arguments:
        case ["run", nginx, module, others]:
            return run(Builds(Path(nginx), Path(module), Path(others)), 10, 3)
        case ["run", nginx, module, others, rounds, seconds]:
            return run(Builds(Path(nginx), Path(module), Path(others)), int(rounds), int(seconds))
        case ["check", nginx, module, others]:
            return compare(Builds(Path(nginx), Path(module), Path(others)))
    say(__doc__)
    return 2


def run(builds: Builds, rounds: int, seconds: int) -> int:
    """Measures everything, and writes it down."""
    results = Results(environment.describe(builds))
    count(results, builds, ALL)

    say("Loading 1,000,000 origins")
    for contender in (BARE, loading.million(POLICY), loading.million(NATIVE)):
        loaded = loading.measure(builds, contender)
        results.loading[contender.key] = loaded
        say(f"  {contender.title}: {loaded.wall:.2f} s, {loaded.peak:.0f} MB")

    if len(throughput.cores()) < 2:
        say("Throughput: not measured, as there is one processor for both nginx and wrk")
    else:
        say(f"Throughput: {rounds} rounds of {len(throughput.LOADED)} times {seconds} seconds")
        results.throughput = throughput.measure(builds, rounds, seconds)

    FOLDER.mkdir(exist_ok=True)
    results.write(COMMITTED)
    report.write(results)
    say(f"Written: {FOLDER} and README.md")
    return 0


def compare(builds: Builds) -> int:
    """Compares instructions with the committed ones."""
    if not COMMITTED.exists():
        say(f"not run: there is no {COMMITTED} to compare with (make bench)")
        return 3
    committed = Results.read(COMMITTED)
    here = environment.describe(builds)
    if differences := environment.differences(here, committed.environment):
        say("not run: the committed results are of " + "; of ".join(differences))
        return 3
    found = Results(here)
    count(found, builds, check.CHECKED)
    complaints = check.compare(found, committed)
    for complaint in complaints:
        say(complaint)
    if complaints:
        say(
            "What the module adds to a request is not what the committed results say, of commit "
            f"{committed.environment['commit']}. If it is meant to be so, run make bench."
        )
    return 1 if complaints else 0


def count(results: Results, builds: Builds, contenders: tuple[Contender, ...]) -> None:
    """Counts the instructions of contenders."""
    say("Instructions per request")
    for contender in contenders:
        if lacks := builds.lacks(contender):
            say(f"  {contender.title}: not measured, for want of {', '.join(lacks)}")
            continue
        begin = time.monotonic()
        costs = instructions.measure(builds, contender)
        results.instructions[contender.key] = costs
        numbers = ", ".join(f"{kind} {cost.instructions:,.0f}" for kind, cost in costs.items())
        say(f"  {contender.title}: {numbers} ({time.monotonic() - begin:.0f} s)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
