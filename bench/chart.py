"""Bar charts as SVG, for light and dark pages."""

from dataclasses import dataclass
from html import escape

WIDTH = 760
LABELS = 250
VALUES = 80
BAR = 18
STEP = 26
MARGIN = 16

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .value { font-variant-numeric: tabular-nums; }
    .label { text-anchor: end; }
    .other { fill: #8c959f; }
    .own { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3; }
        .other { fill: #6e7681; }
        .own { fill: #4493f8; }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One bar."""

    label: str
    value: float
    own: bool
    """Whether it is this project's, and stands out."""


@dataclass(frozen=True)
class Panel:
    """Some bars of one scale."""

    title: str
    bars: list[Bar]


def draw(title: str, panels: list[Panel]) -> str:
    """Panels one below another."""
    parts = []
    y = MARGIN
    for panel in panels:
        y += 14
        parts.append(f'<text class="title" x="{MARGIN}" y="{y}">{escape(panel.title)}</text>')
        y += 12
        largest = max(max(bar.value for bar in panel.bars), 1)
        for bar in panel.bars:
            parts += _bar(bar, y, largest)
            y += STEP
        y += MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
        f'height="{y}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(bar: Bar, y: int, largest: float) -> list[str]:
    left = MARGIN + LABELS
    space = WIDTH - left - VALUES - MARGIN
    # What is less than nothing has its number alone.
    length = max(bar.value / largest * space, 1)
    text = y + BAR - 4
    value = f"{bar.value:+,.0f}".replace("-", "−")
    return [
        f'<text class="label" x="{left - 8}" y="{text}">{escape(bar.label)}</text>',
        f'<rect class="{"own" if bar.own else "other"}" x="{left}" y="{y}" '
        f'width="{length:.1f}" height="{BAR}" rx="2"/>',
        f'<text class="value" x="{left + length + 8:.1f}" y="{text}">{value}</text>',
    ]
