"""Compares instructions with those that are committed."""

from contenders import ALL, BARE, MILLION, MODULE
from results import Results

# Of what the module adds. For what adds next to nothing: some instructions depend on addresses,
# as in a memcpy across the border of a page.
TOLERANCE = 0.03
FLOOR = 10.0

# Where origins are in a table, how many probes collide depends on its seed, which is drawn anew each time.
SEEDED = ("exact-100", "exact-10000", "wildcards-10000", "stars-2", "stars-10000")
SEEDED_TOLERANCE = 0.10

# What is compared. A million origins take long in valgrind, and go through the same code as 10,000.
CHECKED = tuple(
    contender
    for contender in ALL
    if contender is BARE or (MODULE in contender.modules and contender.origins is not MILLION)
)


def compare(found: Results, committed: Results) -> list[str]:
    """What differs too much: what the module adds to the server without it, and its allocations."""
    complaints = []
    for contender in CHECKED:
        if contender is BARE:
            continue
        for kind in contender.kinds:
            name = f"{contender.key}, {kind}"
            if not committed.has(contender.key, kind):
                complaints.append(f"{name}: not among the committed results")
                continue
            now, before = found.added(contender.key, kind), committed.added(contender.key, kind)
            tolerance = SEEDED_TOLERANCE if contender.key in SEEDED else TOLERANCE
            if abs(now - before) > max(abs(before) * tolerance, FLOOR):
                complaints.append(
                    f"{name}: {before:+,.0f} instructions committed, {now:+,.0f} found"
                )
            allocations = found.cost(contender.key, kind).allocations
            committed_ones = committed.cost(contender.key, kind).allocations
            if round(allocations) != round(committed_ones):
                complaints.append(
                    f"{name}: {committed_ones:.0f} allocations committed, {allocations:.0f} found"
                )
    return complaints
