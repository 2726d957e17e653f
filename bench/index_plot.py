"""Curves over the number of rows as one SVG, from the sizes of `scripts/bench index`."""
import math

PANELS = (("built in, s", "build_s", True), ("memory, GB", "ram_bytes", True),
          ("p50, ms", "p50_ms", True), ("p99, ms", "p99_ms", True),
          ("recall@10", "recall_at_10", False), ("disk, GB", "disk_bytes", True))
WIDE, HIGH, LEFT, TOP = 260, 120, 60, 40
STYLE = """<style>
svg { font: 12px sans-serif; fill: #333; background: #fff; }
path { fill: none; stroke-width: 2; } .grid { stroke: #ccc; stroke-width: 1; }
.lists { stroke: #0072b2; } .graph { stroke: #d55e00; }
circle.lists { fill: #0072b2; } circle.graph { fill: #d55e00; }
.frame { stroke: #999; fill: none; }
</style>"""


def value(one, key):
    number = one.get(key)
    return number / 1e9 if number is not None and key.endswith("_bytes") else number


def shown(rows):
    return f"{rows / 1e6:g}M" if rows >= 1e6 else f"{rows / 1e3:g}k"


def curve(name, points, place):
    """place: (rows, value) to a point of the picture."""
    at = [place(x, y) for x, y in points if y]
    out = [f'<path class="{name}" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in at)}"/>']
    return out + [f'<circle class="{name}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in at]


def panel(sizes, index, title, key, logarithmic):
    left = LEFT + index % 2 * (WIDE + 100)
    top = TOP + index // 2 * (HIGH + 60)
    lines = {"lists": [(s["rows"], value(s, key)) for s in sizes],
             "graph": [(s["rows"], value(s["graph"], key)) for s in sizes if "graph" in s]}
    points = [p for line in lines.values() for p in line if p[1]]
    if not points:
        return ""
    scale = math.log10 if logarithmic else float
    low, high = (f(scale(y) for _, y in points) for f in (min, max))
    first, last = (f(math.log10(x) for x, _ in points) for f in (min, max))
    high, last = max(high, low + 1e-9), max(last, first + 1e-9)

    def place(x, y):
        return (left + (math.log10(x) - first) / (last - first) * WIDE,
                top + HIGH - (scale(y) - low) / (high - low) * HIGH)

    out = [f'<text x="{left}" y="{top - 8}">{title}</text>']
    for size in sizes:
        x = place(size["rows"], 10 ** low if logarithmic else low)[0]
        out.append(f'<path class="grid" d="M{x:.1f} {top} V{top + HIGH}"/>')
        out.append(f'<text x="{x:.1f}" y="{top + HIGH + 16}" text-anchor="middle">'
                   f'{shown(size["rows"])}</text>')
    out.append(f'<rect class="frame" x="{left}" y="{top}" width="{WIDE}" height="{HIGH}"/>')
    for bound, y in ((high, top + 10), (low, top + HIGH)):
        number = 10 ** bound if logarithmic else bound
        text = f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
        out.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{text}</text>')
    for name, line in lines.items():
        if line:
            out += curve(name, line, place)
    return "\n".join(out)


def draw(sizes, path):
    panels = [panel(sizes, i, *p) for i, p in enumerate(PANELS)]
    wide, high = LEFT + 2 * (WIDE + 100), TOP + 3 * (HIGH + 60)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">\n'
                   f"<title>An index over its rows: lists blue, graph orange</title>\n{STYLE}\n"
                   + "\n".join(p for p in panels if p) + f'\n<circle class="lists" cx="{LEFT + 4}" cy="{high - 12}" r="3"/>'
                   f'<text x="{LEFT + 14}" y="{high - 8}">lists</text><circle class="graph" cx="{LEFT + 74}" '
                   f'cy="{high - 12}" r="3"/><text x="{LEFT + 84}" y="{high - 8}">graph</text>\n</svg>\n')
