"""nginx with one of the configurations of conf/."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from contenders import MODULE, Contender

CONF = Path(__file__).parent / "conf"


@dataclass(frozen=True)
class Builds:
    """What was built and unpacked for the measurement, all of it for the same nginx."""

    nginx: Path
    module: Path
    others: Path
    """Debian's modules and their libraries, by build/debian-nginx-modules."""

    def path(self, module: str) -> Path:
        """Where a module's file is."""
        return self.module if module == MODULE else self.others / "modules" / module

    def lacks(self, contender: Contender) -> list[str]:
        """The modules of a contender that are not there."""
        return [module for module in contender.modules if not self.path(module).exists()]


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Setup:
    """A folder from which nginx can run as a contender. Use it in a `with` statement."""

    def __init__(self, builds: Builds, contender: Contender) -> None:
        self.builds = builds
        self.contender = contender
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="cors-policy-bench."))
        for file in CONF.iterdir():
            shutil.copy(file, self.folder)
        (self.folder / contender.conf).rename(self.folder / "contender.conf")
        (self.folder / "listen.conf").write_text(f"listen 127.0.0.1:{self.port};\n")
        (self.folder / "lua").symlink_to((builds.others / "lua").absolute())
        contender.origins.write(self.folder)

    def __enter__(self) -> "Setup":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def command(self, *more: str) -> list[str]:
        """nginx's command line."""
        main = [
            f"load_module {self.builds.path(name).absolute()};" for name in self.contender.modules
        ]
        main.append(self.contender.main)
        return [
            str(self.builds.nginx.absolute()),
            *("-p", str(self.folder)),
            *("-c", "nginx.conf"),
            *("-e", "error.log"),
            *("-g", " ".join(main)),
            *more,
        ]

    def environment(self) -> dict[str, str]:
        """The environment for nginx: where the libraries of the other modules are.

        Nothing else, since it stands in memory above the stack, and moves that.
        """
        return {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": str((self.builds.others / "lib").absolute()),
        }

    def start(self, *before: str) -> "Server":
        """Starts nginx, behind the words of `before`, and waits until it listens."""
        return Server(self, before)

    def errors(self) -> str:
        """What nginx had to say."""
        log = self.folder / "error.log"
        return log.read_text() if log.exists() else ""


class Server:
    """A running nginx of one process. Use it in a `with` statement."""

    def __init__(self, setup: Setup, before: tuple[str, ...]) -> None:
        self.setup = setup
        with open(setup.folder / "output", "wb") as output:
            self._process = subprocess.Popen(
                [*before, *setup.command()],
                env=setup.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.pid = self._process.pid
        while not self._listens():
            if self._process.poll() is not None:
                raise SystemExit(f"error: nginx did not start:\n{self.output()}{setup.errors()}")
            time.sleep(0.02)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()

    def stop(self) -> None:
        """Ends nginx and waits for it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """What was written to the standard streams."""
        return (self.setup.folder / "output").read_text()

    def _listens(self) -> bool:
        # Without a connection, which would be counted.
        return (self.setup.folder / "nginx.pid").exists() and self.is_idle()

    def is_idle(self) -> bool:
        """Whether nginx waits for something to happen."""
        with open(f"/proc/{self.pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] == b"S"

    def wait_idle(self) -> None:
        """Waits until nginx has nothing more to do."""
        while not self.is_idle():
            if self._process.poll() is not None:
                raise SystemExit(f"error: nginx ended:\n{self.output()}{self.setup.errors()}")
