"""Results as Markdown and as a chart."""

from collections.abc import Iterable
from statistics import median

import chart
from contenders import (
    BARE,
    LUA,
    MODULE,
    NATIVE,
    NATIVE_REGEXES,
    NATIVE_REGEXES_JIT,
    NJS,
    OPTIONS,
    POLICY,
    POLICY_REGEXES,
    SIZES,
    WAYS,
    Contender,
)
from environment import ROOT
from results import FOLDER, Results
from throughput import CONNECTIONS, LOADED, Ratio, Run, ratio

README = ROOT / "README.md"
BEGIN = "<!-- bench -->"
END = "<!-- /bench -->"

KINDS = {"none": "no origin", "allowed": "allowed", "denied": "denied", "preflight": "preflight"}


def write(results: Results) -> None:
    """Writes results.md, chart.svg, and the part of the project's README.md."""
    (FOLDER / "chart.svg").write_text(_chart(results))
    (FOLDER / "results.md").write_text(
        "\n\n".join(
            [
                "# Results",
                "Written by `make bench`; [how it is measured](../README.md).",
                _environment(results),
                "![Instructions that CORS adds to a request](chart.svg)",
                "## Instructions per request",
                _ways(results),
                "What the module takes otherwise, above the server without CORS:",
                _options(results),
                "## Number of origins",
                _sizes(results),
                "## Loading 1,000,000 origins",
                _loading(results),
                "## Under load",
                _throughput(results),
            ]
        )
        + "\n"
    )
    readme = README.read_text()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"error: {README} has no {BEGIN} and {END}")
    README.write_text(f"{before}{BEGIN}\n{_summary(results)}\n{END}{after}")


def _summary(results: Results) -> str:
    where = results.environment
    parts = [
        "![Instructions that CORS adds to a request](bench/results/chart.svg)",
        _ways(results),
        _loading_sentence(results),
        _throughput_sentence(results),
        f"nginx {where['nginx']} on {where['system']}, Rust {where['rustc']}, "
        f"{where['processor']}; commit {where['commit']}, {where['date']}. "
        "[All results](bench/results/results.md), [how they are measured](bench/README.md).",
    ]
    return "\n\n".join(part for part in parts if part)


def _loading_sentence(results: Results) -> str:
    own, native = results.loading[POLICY.key], results.loading[NATIVE.key]
    return (
        f"1,000,000 origins are loaded in {own.wall:.2f} s and take {own.peak:.0f} MB at most; "
        f"a `map` of them takes {native.wall:.2f} s and {native.peak:.0f} MB."
    )


def _throughput_sentence(results: Results) -> str:
    if not results.throughput:
        return ""
    rates = [_series(runs, "rate") for _, runs in results.throughput]
    own, itself = (ratio(rates[index], rates[0]) for index in (LOADED.index(POLICY), 1))
    return (
        f"Under load, throughput is {_ratio(own)} times that without CORS. That of the server "
        f"without CORS, measured against itself in the same way, is {_ratio(itself)}. In brackets "
        "are 95 % intervals."
    )


def _environment(results: Results) -> str:
    names = {
        "date": "date",
        "commit": "commit of the module",
        "processor": "processor",
        "cores": "processors used",
        "system": "system",
        "nginx": "nginx",
        "rustc": "Rust",
        "libc": "C library",
        "valgrind": "valgrind",
        "architecture": "architecture",
    }
    return _table(["", ""], [[title, results.environment[name]] for name, title in names.items()])


def _ways(results: Results) -> str:
    rows = [
        [_row(contender), *(_way(results, contender, kind) for kind in KINDS)]
        for contender in WAYS
        if contender.key in results.instructions
    ]
    return "Instructions that CORS adds to a request:\n\n" + _table(["", *KINDS.values()], rows)


def _way(results: Results, contender: Contender, kind: str) -> str:
    if contender is BARE:
        return f"{results.cost(BARE.key, kind).instructions:,.0f}"
    return _signed(results.added(contender.key, kind))


def _row(contender: Contender) -> str:
    return "no CORS, altogether" if contender is BARE else _own(contender)


def _own(contender: Contender) -> str:
    return f"**{contender.title}**" if MODULE in contender.modules else contender.title


def _options(results: Results) -> str:
    rows = []
    for contender in (POLICY, *OPTIONS):
        if contender.key not in ("log", "log-decision"):
            cells = [_signed(results.added(contender.key, kind)) for kind in KINDS]
            rows.append([contender.title, *cells])
    # The two lines of the log are equal for an allowed origin, and nearly for the others.
    variable = [results.added("log-decision", kind) - results.added("log", kind) for kind in KINDS]
    rows.append(["`$cors_decision` in an access log, by itself", *map(_signed, variable)])
    return _table(["", *KINDS.values()], rows)


def _sizes(results: Results) -> str:
    rows = []
    for contender in (POLICY, *SIZES):
        title = contender.title.removeprefix("this module, ")
        cells = ["2 origins" if contender is POLICY else title]
        for kind in ("allowed", "denied"):
            added = results.added(contender.key, kind)
            whole = results.cost(contender.key, kind).instructions
            cells += [
                _signed(added),
                f"{added / results.added(POLICY.key, kind):.2f}",
                f"{whole / results.cost(POLICY.key, kind).instructions:.2f}",
            ]
        rows.append(cells)
    return (
        "What the module adds to a request, and how many times as much that is, and the whole "
        "request, as with two origins. The denied origin differs from the allowed one in its last "
        "label.\n\n"
        + _table(["", "allowed", "added", "whole", "denied", "added", "whole"], rows)
    )


def _loading(results: Results) -> str:
    bare = results.loading[BARE.key]
    titles = {
        BARE.key: "no CORS, nothing to load",
        POLICY.key: "**this module**, `allow_origins_file`",
        NATIVE.key: "`map`",
    }
    rows = [
        [
            title,
            f"{loading.wall:.2f} s",
            f"{loading.cpu:.2f} s",
            f"{loading.peak:.0f} MB",
            f"{loading.peak - bare.peak:+.0f} MB",
            f"{loading.resident:.0f} MB",
        ]
        for key, title in titles.items()
        if (loading := results.loading.get(key))
    ]
    header = ["", "`nginx -t`", "processor time", "peak", "above no CORS", "resident afterwards"]
    return _table(header, rows)


def _throughput(results: Results) -> str:
    if not results.throughput:
        return "Not measured: nginx and wrk need a processor each."
    base = results.throughput[0][1]
    rows = []
    for index, (contender, (_, runs)) in enumerate(zip(LOADED, results.throughput, strict=True)):
        rates = _series(runs, "rate")
        cells = [
            _own(contender) + (", once more" if index == 1 else ""),
            f"{median(rates):,.0f}",
            f"{min(rates):,.0f} to {max(rates):,.0f}",
        ]
        for name in ("rate", "p50", "p99", "cpu"):
            compared = _ratio(ratio(_series(runs, name), _series(base, name)))
            cells.append(compared if index else "")
        rows.append(cells)
    header = ["", "requests/s", "lowest to highest", "throughput", "median latency"]
    header += ["99 % latency", "processor time"]
    return (
        f"{len(base)} rounds, in each of which every server is put under load by {CONNECTIONS} "
        "connections, all of an allowed origin. nginx has one processor and wrk another. The last "
        "four columns have the median of the ratios to the first server in the same round, and its "
        "95 % interval. The second row is what the measurement itself makes of two equal "
        "servers.\n\n" + _table(header, rows)
    )


def _series(runs: list[Run], name: str) -> list[float]:
    return [getattr(run, name) for run in runs]


def _chart(results: Results) -> str:
    panels = [
        ("Request of an allowed origin, two origins", "allowed", (POLICY, NATIVE, LUA, NJS)),
        ("Preflight, two origins", "preflight", (POLICY, NATIVE, LUA, NJS)),
        (
            "Request of an allowed origin, 100 regular expressions",
            "allowed",
            (POLICY_REGEXES, NATIVE_REGEXES, NATIVE_REGEXES_JIT),
        ),
    ]
    return chart.draw(
        "Instructions that CORS adds to a request",
        [
            chart.Panel(title + ": instructions added", _bars(results, contenders, kind))
            for title, kind, contenders in panels
        ],
    )


def _bars(results: Results, contenders: Iterable[Contender], kind: str) -> list[chart.Bar]:
    names = {
        POLICY_REGEXES.key: POLICY.title,
        NATIVE_REGEXES.key: "map",
        NATIVE_REGEXES_JIT.key: "map with pcre_jit on",
    }
    return [
        chart.Bar(
            names.get(contender.key, contender.title.replace("`", "")),
            results.added(contender.key, kind),
            MODULE in contender.modules,
        )
        for contender in contenders
        if results.has(contender.key, kind)
    ]


def _ratio(value: Ratio) -> str:
    return f"{value.median:.3f} ({value.low:.3f} to {value.high:.3f})"


def _signed(value: float) -> str:
    """With a minus of its own, and without a sign before nothing."""
    return "0" if round(value) == 0 else f"{value:+,.0f}".replace("-", "−")


def _table(header: list[str], rows: list[list[str]]) -> str:
    rule = ["---"] + ["---:" for _ in header[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])
