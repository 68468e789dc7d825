"""A running nginx, and requests to it."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NGINX = os.environ.get("TEST_NGINX_BINARY") or str(ROOT / "dist/nginx")
MODULE = os.environ.get("TEST_NGINX_LOAD_MODULES") or str(
    ROOT / "dist/ngx_http_cors_policy_module.so"
)

SOCKET = "nginx.sock"
"""Where the server that is tested listens, in nginx's folder."""

TIMEOUT = 10
"""How long nginx may take to start, or to answer, in seconds."""


@dataclass(frozen=True)
class Request:
    """A request of a browser, or one like it."""

    method: str
    uri: str
    origin: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def lines(self) -> list[tuple[str, str]]:
        """Its headers with `Origin`."""
        origin = [] if self.origin is None else [("Origin", self.origin)]
        return [*origin, *self.headers]

    def __str__(self) -> str:
        lines = "".join(f" {name}: {value};" for name, value in self.lines())
        return f"{self.method} {self.uri}{lines}"


@dataclass
class Response:
    """A response without its body."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        """The values of a header, one a line."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The value of a header as browsers join its lines; `None` if there is none."""
        values = self.values(name)
        return ", ".join(values) if values else None


class Nginx:
    """nginx in one process with a configuration. Use it in a `with` statement."""

    def __init__(self, config: str, files: dict[str, str] | None = None) -> None:
        # In /tmp, since the path of a socket has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="cors-policy-import.", dir="/tmp"))
        (self.folder / "nginx.conf").write_text(config)
        for name, text in (files or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Nginx":
        with open(self.folder / "output", "wb") as output:
            self._process = subprocess.Popen(
                [
                    *(NGINX, "-p", self.folder, "-c", "nginx.conf", "-e", "error.log"),
                    *("-g", "daemon off; master_process off; pid nginx.pid;"),
                ],
                # The paths of sockets are relative to this folder.
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                socket.socket(socket.AF_UNIX).connect(str(self.folder / SOCKET))
                return self
            except OSError:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    message = self.errors()
                    self.__exit__()
                    raise SystemExit(f"error: nginx does not start:\n{message}") from None
                time.sleep(0.002)

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(TIMEOUT)
        shutil.rmtree(self.folder)

    def errors(self) -> str:
        """What nginx had to say."""
        log = self.folder / "error.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return (self.folder / "output").read_text(errors="replace") + text

    def ask(self, request: Request) -> Response:
        """The response to a request on a connection of its own."""
        head = [f"{request.method} {request.uri} HTTP/1.1", "Host: localhost", "Connection: close"]
        head += [f"{name}: {value}" for name, value in request.lines()]
        if request.method in ("POST", "PUT", "PATCH"):
            head.append("Content-Length: 0")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT)
            connection.connect(str(self.folder / SOCKET))
            connection.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
            received = b""
            while more := connection.recv(65536):
                received += more
        text, _, _ = received.decode("latin-1").partition("\r\n\r\n")
        first, *lines = text.split("\r\n")
        response = Response(int(first.split(" ")[1]))
        for line in lines:
            name, _, value = line.partition(":")
            response.headers.append((name, value.strip()))
        return response
