#!/usr/bin/python3
"""`scripts/bench index`: an index from building to filtered queries, and its peers on the same files.

For each number of rows: nearsky makes vectors, queries and exact answers in a folder, then nearsky
and the peers are asked in turn, round by round. A peer's settings are swept; at each recall@10 the
quickest setting that reaches it counts. Ratios are medians over the rounds of queries a second on
all cores; ratios of single queries (p50) stand beside them. Prints JSON; see bench/README.md.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

from index_plot import draw
from machine import describe, median, run_json, say

TARGETS = (0.95, 0.99)
EFFORTS = "0.5,0.75,1,1.5,2,3,4,6,8,12"
HNSW = {"settings": ["10", "14", "20", "28", "40", "56", "80", "112", "160", "224", "320"],
        "builds": ["hnsw:16:200", "hnsw:32:200"]}
PROBES = (8, 16, 32, 64, 128)
FILTER_PROBES = (8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256)
CANDIDATES = (20, 50, 100, 200, 1000)


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench index")
    parser.add_argument("--rows", default="10000,100000,1000000", help="each is measured")
    parser.add_argument("--full", action="store_true",
                        help="76,000,000 rows too: 78 GB of vectors at 512 dimensions, or 39 as "
                        "int8, and 21 for the index while it is built")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--vectors", choices=("float16", "int8"), default="float16",
                        help="how they are stored; the peers read float16 only")
    parser.add_argument("--peers", default="faiss,hnsw", metavar="A,B",
                        help="only those with one of these in their name; none: nearsky alone")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hnsw-rows", type=int, default=1000000, help="no hnswlib above")
    parser.add_argument("--graph-rows", type=int, default=10000000, help="no graph above")
    parser.add_argument("--folder", help="where files go and stay; default: a temporary one")
    parser.add_argument("--prepare", action="store_true",
                        help="build only, into --folder; a later run without it measures")
    parser.add_argument("--svg", help="draw the curves over rows into this file")
    parser.add_argument("nearsky")
    args = parser.parse_args()
    if args.prepare and not args.folder:
        parser.error("--prepare needs --folder, where what it builds stays")
    return args


def hnswlib_version():
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libhnswlib-dev"],
                           capture_output=True, text=True, check=False)
    return shown.stdout or "unknown"


def faiss_builds(rows, dim):
    """What fits in 136 bytes an object: fast-scan codes, 4-bit and 8-bit scalars (128 bytes, and 8
    of id), all with exact re-ranking of candidates from the same file that nearsky reads."""
    lists = 64
    while lists < 65536 and lists < 4 * rows ** 0.5:
        lists *= 2
    quantizer = "_HNSW32" if lists >= 4096 else ""
    kept = min(dim, 256)
    half = min(dim, 128)
    return [f"faiss:PCA{half},IVF{lists}{quantizer},PQ{half // 2}x4fs",
            f"faiss:PCA{half},IVF{lists}{quantizer},PQ{half}x4fs",
            f"faiss:PCA{kept},IVF{lists}{quantizer},SQ4",
            f"faiss:PCA{half},IVF{lists}{quantizer},SQ8"]


def faiss_settings(filters):
    settings = [f"{nprobe}:{candidates}" for nprobe in PROBES for candidates in CANDIDATES]
    for per in filters:
        settings += [f"f:{per}:{nprobe}:{200}" for nprobe in FILTER_PROBES]
    return settings


def as_served(got):
    """With the numbers of effort 1, which is what a search gets unless it asks for another."""
    return got and {**got, **next(p for p in got["points"] if p["effort"] == 1)}


class Size:
    """One number of rows: files, and what was measured in each round."""

    def __init__(self, args, rows, folder):
        self.args, self.rows, self.folder = args, rows, folder
        self.base = [args.nearsky, "bench", "index", folder, "--rows", str(rows), "--dim",
                     str(args.dim), "--vectors", args.vectors, "--queries", str(args.queries),
                     "--json"]
        # The graph asks for huge pages by itself; hnswlib and FAISS get theirs from malloc.
        self.peer = ["env", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1",
                     os.path.join(os.path.dirname(args.nearsky), "peer_index"), folder]
        self.kinds = ["lists", "graph"] if rows <= args.graph_rows else ["lists"]
        self.built, self.times, self.rounds = {}, {}, []

    def prepare(self):
        say(f"{self.rows} rows: vectors, exact answers, indexes")
        for kind in self.kinds:
            done = run_json(self.base + ["--index", kind, "--filters", "--prepare"])
            self.times[kind] = self.remembered(kind, done["build_s"])
        self.peers = self.chosen_peers()
        for peer in self.peers:
            say(f"  {peer}")
            self.built[peer] = run_json([*self.peer, peer,
                                         "20" if peer.startswith("hnsw") else "8:100"])
            self.built[peer]["build_s"] = self.remembered(peer, self.built[peer]["build_s"])

    def remembered(self, name, seconds):
        """Seconds of building; 0 is said by a run that found it built, in --folder."""
        path = os.path.join(self.folder, f"built-{name.replace(':', '-')}.txt")
        if seconds > 0:
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{seconds}\n")
        elif os.path.exists(path):
            with open(path, encoding="ascii") as file:
                seconds = float(file.read())
        return seconds

    def chosen_peers(self):
        if self.args.vectors != "float16":
            return []
        peers = faiss_builds(self.rows, self.args.dim)
        if self.rows <= self.args.hnsw_rows:
            peers += HNSW["builds"]
        return [p for p in peers if any(part in p for part in self.args.peers.split(","))]

    def round(self):
        got = {}
        for kind in self.kinds:
            got[kind] = run_json(self.base + ["--index", kind, "--efforts", EFFORTS, "--filters"]
                                 + (["--rank"] if kind == "lists" else []))
        for peer in self.peers:
            settings = HNSW["settings"] if peer.startswith("hnsw") else \
                faiss_settings([5000, 1000, 100, 10] if "SQ" in peer else [])
            got[peer] = run_json([*self.peer, peer, *settings])
        self.rounds.append(got)

    def best(self, got, names, target, key):
        """The best of the points that reach the recall, of all these names."""
        points = [p for name in names for p in got[name]["points"] if p["recall_at_10"] >= target]
        if not points:
            return None
        return max(p[key] for p in points) if key == "queries_per_s" else \
            min(p[key] for p in points)

    def ratio(self, ours, peers, target):
        out = {}
        if not peers:
            return out
        for name, key in (("throughput", "queries_per_s"), ("latency", "p50_ms")):
            pairs = [(self.best(r, ours, target, key), self.best(r, peers, target, key))
                     for r in self.rounds]
            pairs = [(a, b) for a, b in pairs if a and b]
            if pairs:
                out[name] = round(median([a / b if name == "throughput" else b / a
                                          for a, b in pairs]), 3)
        return out

    def filters(self):
        """At each selectivity: FAISS's quickest setting of at least nearsky's recall."""
        out = []
        for i, mine in enumerate(self.rounds[-1]["lists"]["filters"]):
            ratios = []
            for r in self.rounds:
                one = r["lists"]["filters"][i]
                rivals = [f["p50_ms"] for peer in self.peers for f in r[peer]["filtered"]
                          if int(f["of_10000"]) == one["of_10000"]
                          and f["recall_at_10"] >= min(one["recall_at_10"], 0.95)]
                if rivals:
                    ratios.append(min(rivals) / one["p50_ms"])
            out.append({**mine, "peer_ratio": round(median(ratios), 2) if ratios else None})
        return out

    def report(self):
        small = [p for p in self.peers if p.startswith("faiss")]
        graphs = [p for p in self.peers if p.startswith("hnsw")]
        lists, graph = (as_served(self.rounds[-1].get(kind)) for kind in ("lists", "graph"))
        keys = ("recall_at_10", "recall_at_100", "p50_ms", "p99_ms", "queries_per_s", "kind",
                "ram_bytes", "disk_bytes", "bytes_a_row", "rank_s", "rank_bandwidth_fraction")
        at = {str(t): self.ratio(["lists"], small, t) for t in TARGETS}
        graph_at = {str(t): self.ratio(["graph"], graphs, t) if graph else {} for t in TARGETS}
        ours = {"rows": self.rows, **{k: lists[k] for k in keys if k in lists},
                "build_s": self.times["lists"],
                "peer_ratio": at["0.95"].get("throughput"), "peer_ratios": at,
                "graph_peer_ratio": graph_at["0.95"].get("throughput"),
                "graph_peer_ratios": graph_at,
                "filters": self.filters(),
                "kind_filters": self.rounds[-1]["lists"]["kind_filters"], "points": lists["points"],
                "faiss": next((r["faiss"] for r in self.built.values()), None),
                "peers": [{"peer": p, "bytes": self.built[p]["bytes"],
                           "build_s": self.built[p]["build_s"],
                           "points": self.rounds[-1][p]["points"]} for p in self.peers]}
        if graph:
            ours["graph"] = {**{k: graph[k] for k in keys if k in graph},
                             "build_s": self.times["graph"], "points": graph["points"]}
        return ours

    def measure(self):
        for number in range(self.args.rounds):
            say(f"  round {number + 1} of {self.args.rounds}")
            self.round()
        return self.report()


def main():
    args = parse()
    rows = [int(float(r)) for r in args.rows.split(",")] + ([76000000] if args.full else [])
    top = args.folder or tempfile.mkdtemp(prefix="nearsky-bench-index-")
    report = {"bench": "index", "dim": args.dim, **describe()}
    sizes = []
    try:
        for count in rows:
            folder = os.path.join(top, str(count))
            os.makedirs(folder, exist_ok=True)
            size = Size(args, count, folder)
            size.prepare()
            if not args.prepare:
                sizes.append(size.measure())
            if not args.folder:
                shutil.rmtree(folder)
    finally:
        if not args.folder:
            shutil.rmtree(top, ignore_errors=True)
    if args.prepare:
        return
    last = sizes[-1]
    report.update({k: last[k] for k in last if k not in ("points", "peers", "filters", "kind_filters")})
    report.update(peer={"faiss": last["faiss"], "hnswlib": hnswlib_version()}, sizes=sizes)
    if args.svg:
        draw(sizes, args.svg)
    json.dump(report, sys.stdout, indent=2)
    print()


main()
