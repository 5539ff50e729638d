"""Plots as SVG, written by hand: bars with their spread, and lines over logarithmic axes. Readable on light and dark."""

import math
from xml.sax.saxutils import escape

WIDTH = 760
STYLE = """<style>
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; } .quiet { fill: #656d76; font-size: 12px; }
.ours { fill: #0969da; } .trouble { fill: #cf222e; opacity: 0.12; } .theirs { fill: #8c959f; } .spread { stroke: #57606a; } .grid { stroke: #d0d7de; }
.mark { stroke: #cf222e; stroke-dasharray: 4 3; }
.line0 { stroke: #0969da; } .line1 { stroke: #bc4c00; } .line2 { stroke: #1a7f37; }
.dot0 { fill: #0969da; } .dot1 { fill: #bc4c00; } .dot2 { fill: #1a7f37; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; } .spread { stroke: #c9d1d9; }
  .ours { fill: #4493f8; } .theirs { fill: #656c76; }
}
</style>"""


def document(height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            f' role="img" aria-label="{escape(title)}">\n{STYLE}\n'
            f'<text class="title" x="16" y="26">{escape(title)}</text>\n' + "\n".join(parts) + "\n</svg>\n")


def text(x, y, content, kind="", anchor="start"):
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def segment(x1, y1, x2, y2, kind, width=1):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-width="{width}"/>'


def ticks(greatest):
    """Round numbers from nought to a little above the greatest."""
    step = 10 ** math.floor(math.log10(greatest))
    step = next(step * factor for factor in (0.2, 0.5, 1, 2) if greatest / (step * factor) <= 6)
    return [step * index for index in range(math.ceil(greatest / step) + 1)]


def bars(title, note, rows, mark=None, form="{:.2f}"):
    """Rows are (label, median, least, greatest, whether ours); `mark` is a value to compare with."""
    left, right, top, row_height = 190, WIDTH - 70, 62, 30
    steps = ticks(max([row[3] for row in rows] + [mark or 0]))

    def place(value):
        return left + (right - left) * value / steps[-1]

    bottom = top + row_height * len(rows)
    parts = [text(16, 46, note, "quiet")]
    for step in steps:
        parts += [segment(place(step), top, place(step), bottom, "grid"),
                  text(place(step), bottom + 18, f"{step:g}", "quiet", "middle")]
    for index, (label, median, least, greatest, is_ours) in enumerate(rows):
        y = top + row_height * index
        centre = y + row_height / 2
        parts += [text(left - 10, centre + 4.5, label, anchor="end"),
                  f'<rect class="{"ours" if is_ours else "theirs"}" x="{left}" y="{y + 6}"'
                  f' width="{place(median) - left:.1f}" height="{row_height - 12}" rx="2"/>']
        if greatest > least:
            parts += [segment(place(least), centre, place(greatest), centre, "spread", 1.5),
                      segment(place(least), centre - 4, place(least), centre + 4, "spread", 1.5),
                      segment(place(greatest), centre - 4, place(greatest), centre + 4, "spread", 1.5)]
        parts.append(text(right + 64, centre + 4.5, form.format(median), anchor="end"))
    if mark is not None:
        parts.append(segment(place(mark), top - 4, place(mark), bottom, "mark", 1.5))
    return document(bottom + 30, title, parts)


def y_line(left, right, y, power):
    """A line of the grid at a power of ten, with its number."""
    return [segment(left, y, right, y, "grid"), text(left - 8, y + 4, f"{10.0 ** power:g}", "quiet", "end")]


def curves(series):
    """Lines of {name: [(x, y), …]} in pixels, with their names at their ends, pushed apart where those meet."""
    parts = [f'<polyline class="line{index}" fill="none" stroke-width="2" points="'
             + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>' for index, points in enumerate(series.values())]
    ends = [(points[-1], name, index) for index, (name, points) in enumerate(series.items())]
    previous = -math.inf
    for (x, y), name, index in sorted(ends, key=lambda end: end[0][1]):
        previous = max(y, previous + 16)
        parts.append(f'<text class="dot{index}" x="{x + 10:.1f}" y="{previous + 4:.1f}">{escape(name)}</text>')
    return parts


def lines(title, note, series, x_title):
    """Each of {name: [(x, y), …]} over logarithmic axes."""
    left, right, top, bottom = 70, WIDTH - 190, 62, 330
    points = [point for values in series.values() for point in values]

    def bounds(axis):
        low, high = min(point[axis] for point in points), max(point[axis] for point in points)
        return math.floor(math.log10(low) + 1e-9), max(math.ceil(math.log10(high) - 1e-9), math.floor(math.log10(low)) + 1)

    (x_low, x_high), (y_low, y_high) = bounds(0), bounds(1)

    def place(x, y):
        return (left + (right - left) * (math.log10(x) - x_low) / (x_high - x_low),
                bottom - (bottom - top) * (math.log10(y) - y_low) / (y_high - y_low))

    parts = [text(16, 46, note, "quiet")]
    for power in range(x_low, x_high + 1):
        x = place(10 ** power, 10 ** y_low)[0]
        parts += [segment(x, top, x, bottom, "grid"), text(x, bottom + 18, f"{10 ** power:,}", "quiet", "middle")]
    for power in range(y_low, y_high + 1):
        parts += y_line(left, right, place(10 ** x_low, 10 ** power)[1], power)
    parts += curves({name: [place(*value) for value in values] for name, values in series.items()})
    for index, values in enumerate(series.values()):
        parts += [f'<circle class="dot{index}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
                  for x, y in (place(*value) for value in values)]
    parts.append(text((left + right) / 2, bottom + 38, x_title, "quiet", "middle"))
    return document(bottom + 52, title, parts)


def over_time(title, note, series, marks):
    """Each of {name: [(minutes, y), …]} over a logarithmic axis; marks are (name, begin, end) of what went wrong."""
    left, right, top, bottom = 70, WIDTH - 120, 78, 330
    points = [point for values in series.values() for point in values]
    x_steps = ticks(max(x for x, _ in points))
    low, high = (edge(math.log10(y)) for edge, y in (
        (math.floor, min(y for _, y in points)), (math.ceil, max(y for _, y in points))))

    def place(x, y):
        return (left + (right - left) * x / x_steps[-1],
                bottom - (bottom - top) * (math.log10(y) - low) / max(high - low, 1))

    parts = [text(16, 46, note, "quiet")]
    for name, begin, end in marks:
        x1, x2 = place(begin, 1)[0], place(end, 1)[0]
        parts += [f'<rect class="trouble" x="{x1:.1f}" y="{top}" width="{x2 - x1:.1f}" height="{bottom - top}"/>',
                  text((x1 + x2) / 2, top - 8, name, "quiet", "middle")]
    for step in x_steps:
        x = place(step, 1)[0]
        parts += [segment(x, top, x, bottom, "grid"), text(x, bottom + 18, f"{step:g}", "quiet", "middle")]
    for power in range(low, high + 1):
        parts += y_line(left, right, place(0, 10 ** power)[1], power)
    parts += curves({name: [place(*value) for value in values] for name, values in series.items()})
    parts.append(text((left + right) / 2, bottom + 38, "minutes", "quiet", "middle"))
    return document(bottom + 52, title, parts)
