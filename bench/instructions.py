"""Instructions per request, counted by callgrind.

callgrind is told to write out what it has counted whenever a connection begins, so that one run
of nginx gives numbers for each connection. The difference between a long and a short connection
is what its further requests take, without start, connection and end.

What the C library's malloc and free take is left out: for the same block it is some hundred
instructions more or less, as the holes in the heap happen to be, which any other line in
nginx.conf changes. How often they are called is counted instead.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from contenders import Contender
from nginx import Builds, Server, Setup
from traffic import Connection, check, request_bytes

# Requests on a connection. What caches and compilers at run time do, they have done by then.
WARM_UP = 300
SHORT = 25
LONG = 75
# Of each length.
REPEATS = 7

ALLOCATE = ("malloc", "calloc", "realloc", "posix_memalign", "memalign", "aligned_alloc")
ALLOCATOR = (*ALLOCATE, "free")


@dataclass(frozen=True)
class Cost:
    """What a request takes."""

    instructions: float
    """Without those of the allocator."""
    allocations: float
    """Calls of the allocator for memory."""


@dataclass(frozen=True)
class Part:
    """What callgrind has counted on one connection."""

    instructions: int
    """Without those of the allocator."""
    allocations: int
    disturbed: bool
    """Whether nginx formatted the time anew meanwhile, which it does once a second."""


def measure(builds: Builds, contender: Contender) -> dict[str, Cost]:
    """The cost of a request of each kind."""
    with Setup(builds, contender) as setup:
        parts = _connections(setup, _plan(contender))
    result = {}
    for kind in contender.kinds:
        _, *of_kind = parts[: 1 + 2 * REPEATS]
        del parts[: 1 + 2 * REPEATS]
        short, long = _undisturbed(of_kind[0::2]), _undisturbed(of_kind[1::2])
        result[kind] = Cost(
            _slope([part.instructions for part in short], [part.instructions for part in long]),
            _slope([part.allocations for part in short], [part.allocations for part in long]),
        )
    return result


def _slope(short: list[float], long: list[float]) -> float:
    return (median(long) - median(short)) / (LONG - SHORT)


def _undisturbed(parts: list[Part]) -> list[Part]:
    """Those in which no second began; all, if there are none, as then a request takes long enough
    for that not to matter."""
    return [part for part in parts if not part.disturbed] or parts


def _plan(contender: Contender) -> list[tuple[str, int]]:
    """The connections: the kind and the number of their requests."""
    lengths = [WARM_UP] + [SHORT, LONG] * REPEATS
    return [(kind, length) for kind in contender.kinds for length in lengths]


def _connections(setup: Setup, plan: list[tuple[str, int]]) -> list[Part]:
    """What each connection took."""
    valgrind = (
        "valgrind",
        "--tool=callgrind",
        "--dump-before=ngx_http_init_connection",
        "--dump-line=no",
        f"--callgrind-out-file={setup.folder}/callgrind.out",
    )
    with setup.start(*valgrind) as server:
        for kind, length in plan:
            _connect(server, kind, length)
        # Has the last one written out.
        _connect(server, kind, 1)
    # The first is the start of nginx.
    files = [setup.folder / f"callgrind.out.{n + 2}" for n in range(len(plan))]
    return [read_part(file.read_text().splitlines()) for file in files]


def _connect(server: Server, kind: str, length: int) -> None:
    contender = server.setup.contender
    allowed = contender.origins.allowed
    request = request_bytes(kind, allowed, contender.origins.denied)
    connection = Connection(server.setup.port)
    for _ in range(length):
        response = connection.exchange(request)
        # A request that is there before nginx waits for it takes another way than a later one.
        server.wait_idle()
    connection.close()
    server.wait_idle()
    check(response, contender.answers, kind, allowed)


def read_part(lines: Iterable[str]) -> Part:
    """The sum over a part, without what is called in the allocator by others than the C library.

    https://valgrind.org/docs/manual/cl-format.html
    """
    names: dict[tuple[str, str], str] = {}

    def name(table: str, value: str) -> str:
        # The first time with a number in front, then the number alone.
        number, _, text = value.partition(" ")
        return names.setdefault((table, number), text)

    total = allocator = allocations = calls = 0
    caller = callee = function = ""
    for line in lines:
        key, equals, value = line.partition("=")
        match key:
            case "ob":
                caller = callee = name("object", value)
            case "cob":
                callee = name("object", value)
            case "fn":
                name("function", value)
            case "cfn":
                function = name("function", value)
            case "calls":
                calls = int(value.split()[0])
            case _ if line.startswith(("summary: ", "totals: ")):
                total = int(line.split()[1])
            case _ if calls and not equals:
                # What these calls took. An object that is not named is that of the caller.
                if function in ALLOCATOR and _is_libc(callee) and not _is_libc(caller):
                    allocator += int(line.split()[-1])
                    allocations += calls if function in ALLOCATE else 0
                calls = 0
                callee = caller
    if not total:
        raise SystemExit("error: callgrind has written no total")
    return Part(total - allocator, allocations, "ngx_gmtime" in names.values())


def _is_libc(path: str) -> bool:
    return path.rpartition("/")[2].startswith("libc.")
