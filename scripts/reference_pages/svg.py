"""Boxes, words and arrows as SVG that looks the same on a light and on a dark page: it brings its own paper."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_STYLE = """\
.paper{fill:#fbfaf7;stroke:#d9d5cb}
.box{fill:#ffffff;stroke:#6b7280;stroke-width:1.4}
.pure{fill:#e8f1fb;stroke:#3b6ea5;stroke-width:1.4}
.acts{fill:#fdf0dc;stroke:#b7791f;stroke-width:1.4}
.world{fill:#f1efe9;stroke:#9ca3af;stroke-width:1.4;stroke-dasharray:5 4}
.line{fill:none;stroke:#4b5563;stroke-width:1.6}
text{font-family:"DejaVu Sans","Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2937;font-size:15px}
.small{font-size:12.5px;fill:#57606a}
.name{font-weight:600}
"""


@dataclass(frozen=True)
class Box:
    """`x`, `y`: its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> tuple[float, float]:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height


class Picture:
    def __init__(self, width: int, height: int, title: str) -> None:
        self._size = width, height
        self._title = title
        self._parts: list[str] = []

    def box(self, at: Box, kind: str, name: str, under: str = "") -> Box:
        """`kind`: box, pure, acts or world."""
        self._parts.append(f'<rect class="{kind}" x="{at.x:g}" y="{at.y:g}" width="{at.width:g}" height="{at.height:g}" rx="7"/>')
        middle = at.x + at.width / 2
        self.words(middle, at.y + at.height / 2 + (-2 if under else 5), name, kind="name")
        if under:
            self.words(middle, at.y + at.height / 2 + 16, under)
        return at

    def words(self, x: float, y: float, text: str, *, kind: str = "small", anchor: str = "middle") -> None:
        self._parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>')

    def arrow(self, *points: tuple[float, float]) -> None:
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        self._parts.append(f'<path class="line" marker-end="url(#tip)" d="M{path}"/>')

    def line(self, *points: tuple[float, float]) -> None:
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        self._parts.append(f'<path class="line" d="M{path}"/>')

    def svg(self) -> str:
        width, height = self._size
        tip = '<path d="M0 0 L9 4.5 L0 9 z" fill="#4b5563"/>'
        marker = f'<marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">{tip}</marker>'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
                f"<title>{escape(self._title)}</title>",
                f"<style>{_STYLE}</style>",
                f"<defs>{marker}</defs>",
                f'<rect class="paper" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12"/>',
                *self._parts,
                "</svg>\n",
            ]
        )
