"""Curves over the number of rows as one SVG, from the sizes of `scripts/bench index`."""
import math

PANELS = (("built in, s", "build_s", True), ("memory, GB", "ram_bytes", True),
          ("p50, ms", "p50_ms", True), ("p99, ms", "p99_ms", True),
          ("recall@10", "recall_at_10", False), ("disk, GB", "disk_bytes", True))
WIDE, HIGH, LEFT, TOP = 260, 120, 60, 40
STYLE = """<style>
svg { font: 12px sans-serif; fill: #333; }
path { fill: none; stroke-width: 2; } .lists { stroke: #0072b2; } .graph { stroke: #d55e00; }
.frame { stroke: #999; fill: none; }
@media (prefers-color-scheme: dark) { svg { fill: #ddd; } }
</style>"""


def value(one, key):
    number = one.get(key)
    return number / 1e9 if number is not None and key.endswith("_bytes") else number


def panel(sizes, index, title, key, logarithmic):
    left = LEFT + index % 2 * (WIDE + 100)
    top = TOP + index // 2 * (HIGH + 60)
    lines = {"lists": [(s["rows"], value(s, key)) for s in sizes],
             "graph": [(s["rows"], value(s["graph"], key)) for s in sizes]}
    points = [p for line in lines.values() for p in line if p[1]]
    if not points:
        return ""
    scale = math.log10 if logarithmic else float
    low, high = (f(scale(y) for _, y in points) for f in (min, max))
    first, last = (f(math.log10(x) for x, _ in points) for f in (min, max))
    high, last = max(high, low + 1e-9), max(last, first + 1e-9)
    out = [f'<text x="{left}" y="{top - 8}">{title}</text>',
           f'<rect class="frame" x="{left}" y="{top}" width="{WIDE}" height="{HIGH}"/>',
           f'<text x="{left}" y="{top + HIGH + 16}">10^{first:.1f} rows</text>',
           f'<text x="{left + WIDE}" y="{top + HIGH + 16}" text-anchor="end">10^{last:.1f}</text>']
    for bound, y in ((high, top + 10), (low, top + HIGH)):
        shown = 10 ** bound if logarithmic else bound
        out.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{shown:.3g}</text>')
    for name, line in lines.items():
        at = [(left + (math.log10(x) - first) / (last - first) * WIDE,
               top + HIGH - (scale(y) - low) / (high - low) * HIGH) for x, y in line if y]
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in at)
        out.append(f'<path class="{name}" d="M{path}"/>')
    return "\n".join(out)


def draw(sizes, path):
    panels = [panel(sizes, i, *p) for i, p in enumerate(PANELS)]
    wide, high = LEFT + 2 * (WIDE + 100), TOP + 3 * (HIGH + 60)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}">\n'
                   f"<title>An index over its rows: lists blue, graph orange</title>\n{STYLE}\n"
                   + "\n".join(panels) + "\n</svg>\n")
