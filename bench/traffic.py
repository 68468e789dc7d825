"""The requests that are measured, and what a policy has to answer to them."""

import socket
from dataclasses import dataclass

# What a browser sends along.
BROWSER = (
    "Host: localhost",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-US,en;q=0.5",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://app.example.com/",
    "Connection: keep-alive",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: cross-site",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
)

KINDS = ("none", "allowed", "denied", "preflight")


def request_bytes(kind: str, allowed: str, denied: str) -> bytes:
    """A request without an origin, of one that is allowed or denied, or an allowed preflight."""
    method = "GET"
    headers = list(BROWSER)
    if kind != "none":
        headers.append(f"Origin: {denied if kind == 'denied' else allowed}")
    if kind == "preflight":
        method = "OPTIONS"
        headers += [
            "Access-Control-Request-Method: PUT",
            "Access-Control-Request-Headers: content-type",
        ]
    return "\r\n".join([f"{method} / HTTP/1.1", *headers, "", ""]).encode()


@dataclass(frozen=True)
class Response:
    """Status and headers, whose names are in lower case."""

    status: int
    headers: dict[str, str]


class Connection:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(60)
        self._file = self._socket.makefile("rb")

    def exchange(self, request: bytes) -> Response:
        """Sends a request, and reads the response with its body."""
        self._socket.sendall(request)
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            if name.lower() in headers:
                value = f"{headers[name.lower()]}, {value.strip()}"
            headers[name.lower()] = value.strip()
        self._file.read(int(headers.get("content-length", 0)))
        return Response(status, headers)

    def close(self) -> None:
        """Closes it."""
        self._file.close()
        self._socket.close()


def cors_headers(response: Response) -> dict[str, str]:
    """The part of the headers that a policy decides."""
    return {
        name: value
        for name, value in response.headers.items()
        if name == "vary" or name.startswith("access-control-")
    }


def expected(answers: str, kind: str, allowed: str) -> tuple[int, dict[str, str]]:
    """Status and CORS headers of the policy `api` or of one like it:

    - `nothing`: no policy.
    - `everybody`: every origin is allowed.
    - `by-hand`: what does not depend on the origin is there for everybody.
    - `enforced`: a denied origin gets 403.
    - `static`: everybody gets the answer of the allowed origin.
    - `merged`: the application exposes a header too.
    """
    if answers == "nothing":
        return 200, {}
    if answers == "enforced" and kind == "denied":
        return 403, {"vary": "Origin"}
    origin_allowed = answers == "static" or kind in ("allowed", "preflight")
    headers = {}
    if answers not in ("everybody", "static"):
        headers["vary"] = "Origin"
    if answers == "everybody":
        headers["access-control-allow-origin"] = "*"
    elif origin_allowed:
        headers["access-control-allow-origin"] = allowed
    if answers == "by-hand" or answers != "everybody" and origin_allowed:
        headers["access-control-allow-credentials"] = "true"
    if answers in ("everybody", "by-hand") or origin_allowed:
        if kind == "preflight":
            headers["access-control-allow-methods"] = "GET, PUT"
            headers["access-control-allow-headers"] = "Content-Type"
        else:
            exposed = "ETag, X-Total" if answers == "merged" else "ETag"
            headers["access-control-expose-headers"] = exposed
    return 204 if kind == "preflight" else 200, headers


def check(response: Response, answers: str, kind: str, allowed: str) -> None:
    """Fails unless the response says what it has to: only equals are compared."""
    status, headers = expected(answers, kind, allowed)
    found = cors_headers(response)
    if kind == "preflight":
        # Browsers do not look for it there; the module sends it, the others do not.
        found.pop("access-control-expose-headers", None)
    if (response.status, found) != (status, headers):
        raise SystemExit(
            f"error: {kind}: expected {status} {headers}, but got {response.status} {found}"
        )
