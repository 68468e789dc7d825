"""What a run has found, and its file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from contenders import BARE
from instructions import Cost
from loading import Loading
from throughput import Run

FOLDER = Path(__file__).resolve().parent / "results"


@dataclass
class Results:
    """All of it, by the keys of the contenders."""

    environment: dict[str, str]
    instructions: dict[str, dict[str, Cost]] = field(default_factory=dict)
    """By contender and kind of request."""
    loading: dict[str, Loading] = field(default_factory=dict)
    throughput: list[tuple[str, list[Run]]] = field(default_factory=list)
    """In each round, one run of each."""

    def has(self, key: str, kind: str) -> bool:
        """Whether this was measured."""
        return kind in self.instructions.get(key, {})

    def cost(self, key: str, kind: str) -> Cost:
        """What a request takes."""
        return self.instructions[key][kind]

    def added(self, key: str, kind: str) -> float:
        """The instructions more than those of the server without CORS."""
        return self.cost(key, kind).instructions - self.cost(BARE.key, kind).instructions

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(_rounded(asdict(self)), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Reads what `write` has written."""
        document = json.loads(path.read_text())
        return cls(
            document["environment"],
            {
                key: {kind: Cost(**cost) for kind, cost in costs.items()}
                for key, costs in document["instructions"].items()
            },
            {key: Loading(**loading) for key, loading in document["loading"].items()},
            [(key, [Run(**run) for run in runs]) for key, runs in document["throughput"]],
        )


def _rounded(value: object) -> object:
    match value:
        case float():
            return round(value, 4)
        case dict():
            return {key: _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
    return value
