#!/usr/bin/env python3
"""Imports configurations of nginx, and compares what browsers can do before and after.

    t/import/compare.py [CONF…]

Each configuration runs as it is, and once more as `cors-policy import` changes it, with the policies
that come with it. Both servers get the same requests. What a page may do differently has to be in the
messages of the import. The configurations are those of cli/tests/import/nginx; some cannot run here, and
those with an open question about their origins are not changed.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nginx import MODULE, ROOT, SOCKET, Nginx, Request, Response

TOOL = ROOT / "target/debug/cors-policy"
CONFIGURATIONS = ROOT / "cli/tests/import/nginx"

URIS = {
    "bucket-proxy": ["/assets/x"],
    "client-and-service": ["/user/info", "/login", "/x"],
    "fonts": ["/a.woff2", "/api/x"],
    "nginx": ["/x", "/api/x", "/public/x", "/auth/x"],
    "object-storage": ["/x"],
    "php": ["/x.php"],
}
"""Paths of locations that are not the beginning of their paths."""

NOT_RUN = {
    "headers-more": "needs a module that is not built here",
    "lua": "needs modules that are not built here",
    "module-already": "needs the module before and after",
    "open-beside": "has a policy without origins, which nginx refuses",
    "template": "is no configuration yet",
    "part-of-location": "is a part of a location",
}

# The application, which has no CORS of its own.
APPLICATION = f"""
error_log error.log crit;
events {{}}
http {{
    access_log off;
    server {{
        listen unix:{SOCKET};
        location / {{
            if ($request_method = OPTIONS) {{ return 405; }}
            return 200 "from the application";
        }}
        location ~ missing {{ return 404; }}
    }}
}}
"""

SIMPLE = ("GET", "HEAD", "POST")
HEADERS = ("content-type", "authorization", "x-unknown")


@dataclass(frozen=True)
class Ability:
    """What a page may do."""

    uri: str
    origin: str | None
    method: str
    header: str | None = None
    credentials: bool = False

    def __str__(self) -> str:
        header = f" with {self.header}" if self.header else ""
        credentials = " and credentials" if self.credentials else ""
        return f"{self.method} {self.uri}{header}{credentials} from {self.origin}"


@dataclass(frozen=True)
class Outcome:
    """Whether a page may, and with what."""

    may_read: bool
    status: int
    exposed: frozenset[str] = frozenset()


def prepared(text: str, application: str) -> str:
    """A configuration that can run here, in front of an application at this address."""
    text = re.sub(r"(?m)^(\s*)listen [^;]*;", rf"\1listen unix:{SOCKET};", text)
    text = text.replace("fastcgi_pass unix:/run/php/php-fpm.sock;", "proxy_pass http://x;")
    text = text.replace("fastcgi_hide_header", "proxy_hide_header")
    text = re.sub(r"proxy_pass [^;]*;", f"proxy_pass http://{application};", text)
    text = text.replace("    include fastcgi_params;\n", "").replace("    include mime.types;\n", "")
    text = re.sub(r"include snippets/missing.conf;", "", text)
    text = text.replace("server localhost:3000;", f"server {application};")
    return re.sub(r"root [^;]*;", "root html;", text)


def wrapped(text: str, with_module: bool) -> str:
    """A whole nginx.conf."""
    main = f"load_module {MODULE};\n" if with_module else ""
    main += "error_log error.log crit;\n"
    common = "access_log off;"
    if re.search(r"(?m)^http \{", text):
        return main + re.sub(r"(?m)^http \{", lambda _: f"http {{\n{common}", text, count=1)
    return f"{main}events {{}}\nhttp {{\n{common}\n{text}\n}}\n"


class Case:
    """A configuration, and what the import makes of it."""

    def __init__(self, path: Path, folder: Path, application: str) -> None:
        self.name = path.stem
        self.before = {
            name: prepared(text, application) for name, text in self._files(path).items()
        }
        for name, text in self.before.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        command = [TOOL, "import", "--from", "nginx", "--format", "json", path.name]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode not in (0, 1):
            raise SystemExit(f"error: {path}: {run.stderr}")
        report = json.loads(run.stdout)
        self.document: str | None = report["document"]
        self.messages = [f"{f['level']}: {f['message']}" for f in report["findings"]]
        self.diff: str | None = report["diff"]
        self.main = path.name
        if self.diff:
            subprocess.run(
                ["patch", "-p0", "--quiet"], cwd=folder, input=self.diff, text=True, check=True
            )
        self.after = {
            name: (folder / name).read_text() if (folder / name).exists() else ""
            for name in self.before
        }

    @staticmethod
    def _files(path: Path) -> dict[str, str]:
        if path.parent.name != "included":
            return {path.name: path.read_text()}
        files = (file for file in path.parent.rglob("*.conf") if file.is_file())
        return {str(f.relative_to(path.parent)): f.read_text() for f in files}

    def uris(self) -> list[str]:
        """A path of each location, and one that is not there."""
        found = URIS.get(self.name)
        if found is None:
            text = "".join(self.before.values())
            prefixes = re.findall(r"location (?:= |\^~ )?(/[^ {]*) \{", text)
            found = [prefix.rstrip("/") + "/x" for prefix in prefixes if prefix != "/50x.html"]
        missing = [re.sub(r"[^/.]*(\.\w+)?$", r"missing\1", uri, count=1) for uri in found[:2]]
        return [*dict.fromkeys([*found, *missing])]

    def origins(self) -> list[str | None]:
        """Origins that are named, like ones, and others."""
        texts = [*self.before.values(), self.document or "", *self.messages]
        literal = re.compile(r"https?://(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::[0-9]+)?")
        unescaped = [text.replace("\\.", ".") for text in texts]
        named = [origin for text in unescaped for origin in literal.findall(text)]
        # Examples of stars.
        stars = re.findall(r"https?://[a-z0-9.*-]*\*[a-z0-9.*-]*", self.document or "")
        named += [star.replace("*", label) for star in stars for label in ("a", "a.b")]
        near = []
        for origin in dict.fromkeys(named):
            scheme, _, host = origin.partition("://")
            other = "http" if scheme == "https" else "https"
            near += [f"{other}://{host}", f"{origin}.evil.net", f"{scheme}://evil{host}"]
            near += [f"{scheme}://sub.{host}", f"{origin}:8443"]
        rest = [None, "null", "https://foreign.example", "http://foreign.example:8080"]
        return [*rest, *dict.fromkeys([*named, *near])]

    def abilities(self) -> Iterator[Ability]:
        """Everything that is compared."""
        for uri in self.uris():
            for origin in self.origins():
                for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                    for credentials in (False, True):
                        yield Ability(uri, origin, method, None, credentials)
                for header in HEADERS:
                    yield Ability(uri, origin, "POST", header)


def allows(response: Response, ability: Ability) -> bool:
    """Fetch's CORS check (https://fetch.spec.whatwg.org/#cors-check)."""
    allowed = response.value("Access-Control-Allow-Origin")
    if allowed is None or ability.origin is None:
        return False
    if not ability.credentials and allowed == "*":
        return True
    if allowed != ability.origin:
        return False
    return not ability.credentials or response.value("Access-Control-Allow-Credentials") == "true"


def listed(response: Response, name: str) -> list[str]:
    value = response.value(name) or ""
    return [token.strip() for token in value.split(",") if token.strip()]


def passes(response: Response, ability: Ability) -> bool:
    """Fetch's CORS-preflight fetch (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""
    if not allows(response, ability) or not 200 <= response.status < 300:
        return False
    methods = listed(response, "Access-Control-Allow-Methods")
    star = "*" in methods and not ability.credentials
    if ability.method not in (*SIMPLE, *methods) and not star:
        return False
    if ability.header is None:
        return True
    headers = [name.lower() for name in listed(response, "Access-Control-Allow-Headers")]
    return ability.header in headers or ("*" in headers and not ability.credentials)


class Browser:
    """A page's view of a server."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx
        self.asked: dict[Request, Response] = {}

    def ask(self, request: Request) -> Response:
        if request not in self.asked:
            self.asked[request] = self.nginx.ask(request)
        return self.asked[request]

    def outcome(self, ability: Ability) -> Outcome:
        """What comes of a page's attempt."""
        response = self.ask(Request(ability.method, ability.uri, ability.origin))
        may_read = allows(response, ability)
        # OPTIONS is asked as if it needed no preflight: the response itself is of interest.
        if ability.method not in (*SIMPLE, "OPTIONS") or ability.header:
            fields = [("Access-Control-Request-Method", ability.method)]
            if ability.header:
                fields.append(("Access-Control-Request-Headers", ability.header))
            preflight = self.ask(Request("OPTIONS", ability.uri, ability.origin, tuple(fields)))
            may_read = may_read and passes(preflight, ability)
        exposed = listed(response, "Access-Control-Expose-Headers") if may_read else []
        return Outcome(may_read, response.status, frozenset(name.lower() for name in exposed))


PREFLIGHTS = (
    "preflights fail today|preflights of .* are answered|who answers OPTIONS|takes preflights to the "
    "application|`return` of the server answers OPTIONS"
)
LEFT_OUT = (
    r"also lets in|is left out of allow_origins|can read that today|`\*` is left out of allow_|"
    "have another Access-Control-Allow-Credentials|"
    "the (header|method) .* is left out"
)


def reasons(ability: Ability, before: Outcome, after: Outcome) -> str:
    """The messages that may explain a difference, as an expression."""
    needs_preflight = ability.method not in (*SIMPLE, "OPTIONS") or ability.header is not None
    if ability.method == "OPTIONS":
        return "an OPTIONS in|" + PREFLIGHTS
    if before.may_read and not after.may_read:
        return LEFT_OUT
    if not before.may_read and after.may_read:
        common = "never matched before|several origins in one header|may not read the responses"
        common += "|gets less today|have another Access-Control-Allow-Credentials"
        if before.status >= 400:
            common += "|errors cannot be read today"
        if ability.method in SIMPLE:
            common += f"|responses to [A-Za-z ]*{ability.method}"
        return f"{common}|{PREFLIGHTS}" if needs_preflight else common
    return "left out of expose_headers|have another Access-Control-Expose-Headers"


def compare(case: Case) -> tuple[int, Counter[str], list[str]]:
    """How many abilities there are, the differences by message, and those without one."""
    explained: Counter[str] = Counter()
    unexplained = []
    count = 0
    files = {"html/index.html": "", "html/x": "", "html/api/x": "", "html/files/x": ""}
    files |= {"html/fonts/x": "", "html/me/x": "", "html/widgets/x": "", "html/a.woff2": ""}
    files |= {"htpasswd": "", "cors.yaml": case.document or ""}
    main = case.main
    before = Nginx(wrapped(case.before[main], False), {**without(case.before, main), **files})
    after = Nginx(wrapped(case.after[main], True), {**without(case.after, main), **files})
    with before, after:
        old, new = Browser(before), Browser(after)
        for ability in case.abilities():
            count += 1
            was, is_now = old.outcome(ability), new.outcome(ability)
            if (was.may_read, was.exposed) == (is_now.may_read, is_now.exposed):
                continue
            reason = re.compile(reasons(ability, was, is_now))
            message = next((m for m in case.messages if reason.search(m)), None)
            if message is None:
                unexplained.append(f"{case.name}: {ability}: {was} -> {is_now}")
            else:
                explained[message] += 1
        vary(case, new, unexplained)
    return count, explained, unexplained


def vary(case: Case, browser: Browser, unexplained: list[str]) -> None:
    """Where an answer differs between origins, `Vary` says so."""
    for request, response in browser.asked.items():
        allowed = response.value("Access-Control-Allow-Origin")
        if allowed not in (None, "*") and "origin" not in (response.value("Vary") or "").lower():
            unexplained.append(f"{case.name}: no Vary in the answer to {request}")


def without(files: dict[str, str], name: str) -> dict[str, str]:
    return {other: text for other, text in files.items() if other != name}


def compare_all(files: list[Path], application: str) -> tuple[int, int, int, list[str]]:
    """Compares every configuration, and prints what comes of it."""
    compared = abilities = differences = 0
    problems: list[str] = []
    for path in files:
        if path.stem in NOT_RUN:
            print(f"{path.stem}: not run, {NOT_RUN[path.stem]}")
            continue
        folder = Path(tempfile.mkdtemp(prefix="cors-policy-import.", dir="/tmp"))
        try:
            case = Case(path, folder, application)
        finally:
            shutil.rmtree(folder)
        if case.diff is None:
            print(f"{case.name}: not changed: {'; '.join(case.messages)[:100]}")
            continue
        count, explained, unexplained = compare(case)
        compared += 1
        abilities += count
        differences += sum(explained.values())
        problems += unexplained
        print(f"{case.name}: {count} attempts, {sum(explained.values())} differ as it is said")
        for message, number in explained.most_common():
            print(f"    {number:5} {message[:110]}")
    return compared, abilities, differences, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="CONF")
    files = parser.parse_args().files
    if not files:
        files = sorted([*CONFIGURATIONS.glob("*.conf"), CONFIGURATIONS / "included/nginx.conf"])
    with Nginx(APPLICATION) as application:
        totals = compare_all(files, f"unix:{application.folder / SOCKET}")
    compared, abilities, differences, problems = totals
    for problem in problems[:40]:
        print(f"not said: {problem}", file=sys.stderr)
    print(
        f"{compared} configurations, {abilities} attempts of pages on two servers, {differences} "
        f"differences that the import names, {len(problems)} that it does not"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
