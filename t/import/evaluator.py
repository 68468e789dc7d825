#!/usr/bin/env python3
"""Random configurations of the idiom: does the evaluator of nginx-conf answer as nginx does?

    t/import/evaluator.py [--seed N] [--count N]

Each configuration has maps, `set`, `if`, `return`, `rewrite`, `limit_except`, and `add_header` at every
level. The evaluator and a running nginx get the same requests; statuses and headers must be equal. A
difference is printed with its configuration, whose seed makes it again.
"""

import argparse
import random
import subprocess
import sys
import time

from nginx import ROOT, SOCKET, Nginx, Request

ANSWER = ROOT / "target/debug/examples/answer"

ORIGINS = [
    "https://app.example.com",
    "https://a.example.com",
    "http://localhost:3000",
    "https://shop.example.org",
    "https://evil.example",
    "null",
]
PATTERNS = [
    r"^https://app\.example\.com$",
    r"^https?://(.+\.)?example\.com$",
    r"^https://([a-z]+)\.example\.(com|org)$",
    r"example",
    r"^http://localhost(:[0-9]+)?$",
    r"(?<group>[a-z]+)\.example",
    r"^(?!https://evil)https",
    r"^GET",
    r".*",
    r"^$",
]
HEADERS = [
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Credentials",
    "X-One",
    "X-Two",
    "Vary",
]
METHODS = ["GET", "HEAD", "POST", "OPTIONS", "PUT"]
STATUSES = ["200", "201", "204", "301", "302", "307", "400", "403", "404", "405", "500"]
PATHS = ["/", "/api/", "/api/v1/x", "/api/v2", "/files/a.png", "/files/b.js", "/exact", "/other"]
UPSTREAM = [("Access-Control-Allow-Origin", "https://upstream.example"), ("X-One", "up"), ("X-Up", "1")]


class Generator:
    """Makes a configuration out of a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.maps = [f"m{n}" for n in range(self.random.randrange(4))]
        # Not those to come: nginx refuses to look up a map of itself.
        self.known_maps: list[str] = []
        self.sets = ["v0", "v1", "v2"]

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def pick(self, things: list[str]) -> str:
        return self.random.choice(things)

    def variable(self) -> str:
        known = ["http_origin", "request_method", "uri", "arg_x", "http_x_custom", "args"]
        return self.pick([*known, *["http_origin"] * 4, *self.known_maps * 2, *self.sets * 2])

    def value(self) -> str:
        """A text with variables, in quotes."""
        plain = [*ORIGINS, "*", "", "1", "0", "true", "GET, PUT", "on"]
        variable = self.variable()
        forms = [
            *[self.pick(plain)] * 3,
            *[f"${variable}"] * 4,
            f"${{{variable}}}x",
            f"{self.pick(plain)}${variable}",
            "$1",
            "$2-$1",
        ]
        if self.chance(0.05):
            forms = ["$group"]
        return f'"{self.pick(forms)}"'

    def pattern(self) -> str:
        return f'"{self.pick(PATTERNS)}"'

    def map(self, name: str, others: list[str]) -> list[str]:
        sources = ["$http_origin"] * 4 + ["$request_method", "$uri", "$request_method:$http_origin"]
        sources += [f"${other}" for other in others] + [f"${self.pick(self.sets)}"]
        lines = [f'map "{self.pick(sources)}" ${name} {{']
        if self.chance(0.8):
            lines.append(f"    default {self.value()};")
        if self.chance(0.1):
            lines.append("    volatile;")
        for key in self.random.sample([*ORIGINS, "GET", "OPTIONS", "1", "true", ""], 3):
            key = key.upper() if self.chance(0.2) else key
            lines.append(f'    "{key}" {self.value()};')
        for _ in range(self.random.randrange(3)):
            lines.append(f'    "~{self.pick(["", "*"])}{self.pick(PATTERNS)}" {self.value()};')
        return [*lines, "}"]

    def headers(self) -> list[str]:
        def line() -> str:
            always = " always" if self.chance(0.5) else ""
            return f"add_header {self.pick(HEADERS)} {self.value()}{always};"

        return [line() for _ in range(self.random.choice([0, 0, 1, 1, 2, 3]))]

    def condition(self) -> str:
        variable = self.variable()
        if self.chance(0.3):
            return f"$request_method = {self.pick(METHODS)}"
        if self.chance(0.3):
            return f"${variable} {self.pick(['~', '~*', '!~', '!~*'])} {self.pattern()}"
        if self.chance(0.5):
            return f"${variable} {self.pick(['=', '!='])} {self.value()}"
        return f"${variable}"

    def end(self) -> str:
        status = self.pick(STATUSES)
        if status in ("301", "302", "307"):
            return f"return {status} https://elsewhere.example/;"
        if self.chance(0.4) and status != "204":
            return f'return {status} "text";'
        return f"return {status};"

    def code(self, in_location: bool, nested: bool) -> list[str]:
        kind = self.random.random()
        if kind < 0.4:
            return [f"set ${self.pick(self.sets)} {self.value()};"]
        if kind < 0.8 and not nested:
            inner: list[str] = []
            for _ in range(self.random.choice([0, 1, 1, 2])):
                inner += self.code(in_location, nested=True)
            if in_location:
                inner += self.headers()
            if self.chance(0.3):
                inner.append(self.end())
            self.random.shuffle(inner)
            return [f"if ({self.condition()}) {{", *indented(inner), "}"]
        if kind < 0.88:
            flag = self.pick(["", " last", " break", " break", " redirect", " permanent"])
            source = self.pick(["^/api/(.*)$", "^/files/", "^(/ot)her$", "^/exact"])
            target = self.pick(["/other", "/files/$1", "/api/x", "/other?y=1", "/exact?", "/api/$1?x=2"])
            return [f"rewrite {source} {target}{flag};"]
        if kind < 0.92 and nested:
            return ["break;"]
        return []

    def level(self, in_location: bool) -> list[str]:
        lines = self.headers()
        for _ in range(self.random.choice([0, 1, 2, 3, 4] if in_location else [0, 0, 0, 1, 2])):
            lines += ["\n".join(self.code(in_location, nested=False))]
        # The rewrite module keeps the order of its own directives; add_header may be anywhere.
        self.random.shuffle(lines)
        return [line for text in lines for line in text.split("\n") if line]

    def location(self, arguments: str, inner: list[str]) -> list[str]:
        lines = self.level(in_location=True)
        content = self.random.random()
        if content < 0.4:
            lines.append("proxy_pass http://unix:backend.sock;")
            for name in ("Access-Control-Allow-Origin", "X-Up"):
                if self.chance(0.2):
                    lines.append(f"proxy_hide_header {name};")
        else:
            lines.append("empty_gif;")
            if content > 0.6:
                # A `break` may come before it.
                lines.append(self.end())
        if self.chance(0.15) and content < 0.6:
            methods = self.pick(["GET", "GET POST", "OPTIONS", "PUT"])
            lines.append(f"limit_except {methods} {{ deny all; }}")
        return [f"location {arguments} {{", *indented([*lines, *inner]), "}"]

    def config(self) -> str:
        http: list[str] = []
        for number, name in enumerate(self.maps):
            http += self.map(name, self.maps[:number])
            self.known_maps.append(name)
        http += self.headers()
        # So that nginx knows these variables in every configuration.
        unused = "".join(f"set ${name} $1; " for name in self.sets)
        named = "if ($uri ~ (?<group>x)) { break; }"
        v1 = self.location("/api/v1/", [])
        regex = self.location("~ \\.(png|js)$", [])
        server = [
            f"listen unix:{SOCKET};",
            *self.level(in_location=False),
            *self.location("/", []),
            *self.location("/api/", v1 if self.chance(0.5) else []),
            *self.location(self.pick(["/files/", "^~ /files/"]), []),
            *(regex if self.chance(0.6) else []),
            *self.location("= /exact", []),
        ]
        backend = [f'add_header {name} "{value}";' for name, value in UPSTREAM]
        # A backend that logs nothing answers every path.
        rest = ["listen unix:backend.sock;", *backend, "location / { return 200; }"]
        rest.append(f"location = /unused {{ {unused}{named} }}")
        lines = [
            "error_log error.log crit;",
            "events {}",
            "http {",
            *indented(
                [
                    "access_log off;",
                    *http,
                    *("server {", *indented(server), "}"),
                    *("server {", *indented(rest), "}"),
                ]
            ),
            "}",
        ]
        return "\n".join(lines) + "\n"

    def requests(self, count: int) -> list[Request]:
        def one() -> Request:
            query = self.pick(["", "", "?x=1", "?x=true&y=2"])
            custom = (("X-Custom", self.pick([*ORIGINS, "1"])),) if self.chance(0.3) else ()
            origin = None if self.chance(0.15) else self.pick(ORIGINS)
            return Request(self.pick(METHODS), self.pick(PATHS) + query, origin, custom)

        return [one() for _ in range(count)]


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def evaluate(config: str, requests: list[Request]) -> list[str]:
    """What the evaluator says, one line a request."""
    upstream = "".join(f"\t<{name}: {value}" for name, value in UPSTREAM)

    def line(request: Request) -> str:
        origin = "-" if request.origin is None else request.origin
        headers = "".join(f"\t{name}: {value}" for name, value in request.headers)
        return f"{request.method}\t{request.uri}\t{origin}{headers}{upstream}\n"

    run = subprocess.run(
        [ANSWER, config],
        input="".join(map(line, requests)),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise SystemExit(f"error: {run.stderr}")
    return run.stdout.splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="of the first configuration")
    parser.add_argument("--count", type=int, default=1000, help="how many configurations")
    parser.add_argument("--requests", type=int, default=20, help="to each of them")
    args = parser.parse_args()
    names = {name.lower() for name in [*HEADERS, "X-Up"]}
    differences = 0
    asked = 0
    began = time.monotonic()
    for seed in range(args.seed, args.seed + args.count):
        generator = Generator(seed)
        config = generator.config()
        requests = generator.requests(args.requests)
        with Nginx(config) as nginx:
            answers = evaluate(str(nginx.folder / "nginx.conf"), requests)
            for request, answer in zip(requests, answers, strict=True):
                response = nginx.ask(request)
                lines = [f"{n}: {v}" for n, v in response.headers if n.lower() in names]
                actual = "\t".join([str(response.status), *lines])
                asked += 1
                if actual != answer:
                    differences += 1
                    if differences < 4:
                        print(f"{config}\nseed {seed}: {request}", file=sys.stderr)
                        print(f"nginx:     {actual}\nevaluator: {answer}\n", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{args.count} configurations from seed {args.seed}, {asked} requests, "
        f"{differences} differences, {seconds:.0f} s"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
