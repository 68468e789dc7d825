"""What is measured: configurations of nginx, each with its list of origins."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from traffic import KINDS

MODULE = "ngx_http_cors_policy_module.so"


@dataclass(frozen=True)
class Origins:
    """A list of patterns, an origin that it allows and one that it nearly does."""

    count: int
    pattern: Callable[[int], str]
    regex: Callable[[int], str] | None
    allowed: str
    denied: str

    def write(self, folder: Path) -> None:
        """Writes it as `allow_origins_file`, and as `map` for the native idiom."""
        numbers = range(self.count)
        with open(folder / "origins.txt", "w", encoding="ascii") as file:
            file.writelines(f"{self.pattern(n)}\n" for n in numbers)
        with open(folder / "origins.conf", "w", encoding="ascii") as file:
            if self.count > 1000:
                # nginx's own are too small. With others it takes as long, and as much memory.
                file.write("map_hash_max_size 1000000;\nmap_hash_bucket_size 512;\n")
            file.write('map $http_origin $cors_origin {\n    default "";\n')
            entry = self.regex or self.pattern
            file.writelines(f'    "{entry(n)}" $http_origin;\n' for n in numbers)
            file.write("}\n")


TWO = Origins(
    2,
    lambda n: ("https://app.example.com", "https://admin.example.com")[n],
    None,
    "https://app.example.com",
    "https://evil.example.net",
)


def exact(count: int) -> Origins:
    """Exact origins."""
    return Origins(
        count,
        lambda n: f"https://app{n}.example.com",
        None,
        f"https://app{count // 2}.example.com",
        f"https://app{count // 2}.example.net",
    )


WILDCARDS = Origins(
    10_000,
    lambda n: f"https://*.site{n}.example.com",
    None,
    "https://www.site5000.example.com",
    "https://www.site5000.example.net",
)



def stars(count: int) -> Origins:
    """Wildcards within labels, each before a name of its own."""
    return Origins(
        count,
        lambda n: f"https://pr-*.site{n}.example.com",
        None,
        f"https://pr-417.site{count // 2}.example.com",
        f"https://pr-417.site{count // 2}.example.net",
    )


STARS_OF_ONE_NAME = Origins(
    10_000,
    lambda n: f"https://pr-{n}-*.example.com",
    None,
    "https://pr-5000-417.example.com",
    "https://pr-5000-417.example.net",
)

# The one that matches stands in the middle, which is what a list that is tried in turn takes on
# the average.
REGEXES = Origins(
    100,
    lambda n: rf"regex:https://pr-[0-9]+\.site{n}\.example\.com",
    lambda n: rf"~^https://pr-[0-9]+\.site{n}\.example\.com$",
    "https://pr-417.site50.example.com",
    "https://pr-417.site50.example.net",
)

MILLION = exact(1_000_000)


@dataclass(frozen=True)
class Contender:
    """One configuration: a file of conf/, and what it is measured with."""

    key: str
    title: str
    conf: str
    modules: tuple[str, ...] = ()
    origins: Origins = TWO
    answers: str = "api"
    """What its responses have to say: see traffic.py."""
    main: str = ""
    """More for the main level of nginx.conf."""
    kinds: tuple[str, ...] = KINDS


def _module(
    key: str,
    title: str,
    conf: str = "module.conf",
    origins: Origins = TWO,
    answers: str = "api",
    kinds: tuple[str, ...] = KINDS,
) -> Contender:
    return Contender(key, title, conf, (MODULE,), origins, answers, kinds=kinds)


def _size(key: str, title: str, origins: Origins) -> Contender:
    return _module(key, title, origins=origins, kinds=("allowed", "denied"))


BARE = Contender("bare", "no CORS", "bare.conf", answers="nothing")
POLICY = _module("module", "this module")
NATIVE = Contender("native", "`map`, `add_header`, `if`", "native.conf", answers="by-hand")

POLICY_REGEXES = _module("regexes", "this module, 100 regular expressions", origins=REGEXES)
NATIVE_EXACT = Contender(
    "native-exact", "the same, silent where an origin is not allowed", "native-exact.conf"
)
NATIVE_REGEXES = Contender(
    "native-regexes",
    "`map`, 100 regular expressions",
    "native.conf",
    origins=REGEXES,
    answers="by-hand",
)
NATIVE_REGEXES_JIT = Contender(
    "native-regexes-jit",
    "the same, with `pcre_jit on`",
    "native.conf",
    origins=REGEXES,
    answers="by-hand",
    main="pcre_jit on;",
)
LUA = Contender(
    "lua",
    "`header_filter_by_lua`",
    "lua.conf",
    ("ndk_http_module.so", "ngx_http_lua_module.so"),
)
NJS = Contender("njs", "`js_header_filter` (njs)", "njs.conf", ("ngx_http_js_module.so",))

WAYS = (
    BARE,
    POLICY,
    NATIVE,
    NATIVE_EXACT,
    LUA,
    NJS,
    POLICY_REGEXES,
    NATIVE_REGEXES,
    NATIVE_REGEXES_JIT,
)

OPTIONS = (
    _module("off", "loaded, location without a policy", "module-off.conf", answers="nothing"),
    _module(
        "everybody", "a policy for everybody (`*`)", "module-everybody.conf", answers="everybody"
    ),
    _module("enforce", "`enforce: true`", "module-enforce.conf", answers="enforced"),
    _module("static", "`static_origin: true`", "module-static.conf", answers="static"),
    _module(
        "merge",
        "`upstream_headers: merge`, and a header that the application exposes",
        "module-merge.conf",
        answers="merged",
    ),
    _module("dry-run", "`cors_policy_dry_run on`", "module-dry-run.conf", answers="nothing"),
    _module("watch", "`cors_policy_file cors.yaml watch=1h`", "module-watch.conf"),
    _module("log", "an access log", "module-log.conf"),
    _module("log-decision", "the same, with `$cors_decision`", "module-log-decision.conf"),
)

SIZES = (
    _size("exact-100", "100 origins", exact(100)),
    _size("exact-10000", "10,000 origins", exact(10_000)),
    _size("exact-1000000", "1,000,000 origins", MILLION),
    _size("wildcards-10000", "10,000 wildcards", WILDCARDS),
    _size("stars-2", "2 patterns with `*` inside a label", stars(2)),
    _size("stars-10000", "10,000 patterns with `*` inside a label", stars(10_000)),
    _size("stars-of-one-name-10000", "the same, all of them below one name", STARS_OF_ONE_NAME),
    POLICY_REGEXES,
)

ALL = WAYS + OPTIONS + SIZES[:-1]
