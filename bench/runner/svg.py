"""Two kinds of charts as SVG text: lines over a scale, and bars side by side."""

import math
from html import escape

WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 68, 130, 40, 46
COLOURS = {"kafka": "#c44e52", "weir": "#2f6db3", "weir-caching": "#72a8dd", "floor": "#8c8c8c"}
FONT = 'font-family="sans-serif" font-size="12"'


class Chart:
    """A frame with a title, a logarithmic or linear scale upward, and a legend at the right."""

    def __init__(self, title: str, unit: str, highest: float, lowest: float = 0, is_log: bool = False):
        self._is_log = is_log
        self._low = 10 ** math.floor(math.log10(lowest)) if is_log else 0.0
        self._high = 10 ** math.ceil(math.log10(highest * 1.0001)) if is_log else highest * 1.08
        self._parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
                       f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
                       f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}, {escape(unit)}</text>']
        for value in self._ticks():
            y = self._y(value)
            self._parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
            self._parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>')
        self._legend = 0

    def legend(self, server: str, name: str) -> None:
        y = TOP + 8 + 20 * self._legend
        self._legend += 1
        self._parts.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{y - 9}" width="12" height="12" '
                           f'fill="{COLOURS[server]}"/>')
        self._parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{y + 2}">{escape(name)}</text>')

    def columns(self, names: list[str]) -> None:
        """Names below, one for each place, of one line or two."""
        size = 12 if len(names) < 6 else 10
        for at, name in enumerate(names):
            for number, text in enumerate(name.split("\n")):
                self._parts.append(f'<text x="{self._x(at, len(names)):.1f}" y="{HEIGHT - BOTTOM + 17 + 14 * number}" '
                                   f'text-anchor="middle" font-size="{size}">{escape(text)}</text>')

    def line(self, server: str, values: list[float | None]) -> None:
        points = [(self._x(at, len(values)), self._y(value)) for at, value in enumerate(values) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[server]}" stroke-width="2"/>')
        self._parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[server]}"/>' for x, y in points]

    def bars(self, server: str, values: list[float | None], place: int, of: int) -> None:
        """A bar for each place; this server is one of so many beside each other."""
        room = (WIDTH - LEFT - RIGHT) / len(values) * 0.8
        for at, value in enumerate(values):
            if value is not None:
                x, y = self._x(at, len(values)) - room / 2 + room * place / of, self._y(value)
                self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{room / of:.1f}" '
                                   f'height="{HEIGHT - BOTTOM - y:.1f}" fill="{COLOURS[server]}"/>')

    def text(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])

    def _x(self, at: int, count: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at + 0.5) / count

    def _y(self, value: float) -> float:
        if self._is_log:
            share = (math.log10(value) - math.log10(self._low)) / (math.log10(self._high) - math.log10(self._low))
        else:
            share = value / self._high
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _ticks(self) -> list[float]:
        if self._is_log:
            first, last = round(math.log10(self._low)), round(math.log10(self._high))
            return [10.0 ** exponent for exponent in range(first, last + 1)]
        step = 10 ** math.floor(math.log10(self._high))
        step = next(step * part for part in (0.2, 0.5, 1, 2) if self._high / (step * part) <= 6)
        return [step * at for at in range(int(self._high / step) + 1)]


def _number(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:g}"
