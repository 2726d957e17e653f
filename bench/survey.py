#!/usr/bin/python3
"""`scripts/bench survey`: a whole store of made-up objects, served, searched and ranked as the page does it.

Makes the store and its index (what is there already is used again), starts `nearsky serve` on loopback, and asks:
neighbours, filtered searches, cones, and rounds of label, train, rank, suggest. Prints JSON; see bench/README.md.
"""
import argparse
import http.client
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time

from machine import describe, run_json, say

API = "/api/v1"
TOP = 1000
EXAMPLES = 20  # clicked on in the first round, of each side
SUGGESTED = 10  # labelled in each further one
KIND = 1000  # the nearest of one object are what is looked for
FILTERS = {"magnitude": {"mag_z_max": 18.0}, "colour": {"g_r_min": 1.2, "type": "DEV"},
           "redshift": {"z_phot_min": 0.4, "z_phot_max": 0.45},
           "cone": {"ra": 180, "dec": 20, "radius": 36000}}


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench survey")
    parser.add_argument("--rows", default="100000", help="100k, 1M, 76M, ...")
    parser.add_argument("--dim", default="512", choices=("512", "2048"))
    parser.add_argument("--vectors", default="float16", choices=("float16", "int8"))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--lists", help="handed on to nearsky index")
    parser.add_argument("--graph", choices=("yes", "no"), help="handed on to nearsky index")
    parser.add_argument("--memory", help="handed on to nearsky index")
    parser.add_argument("--queries", type=int, default=200, help="of each sort")
    parser.add_argument("--rounds", type=int, default=7, help="of the loop")
    parser.add_argument("--store", help="where the store is made and stays; default: a temporary one")
    parser.add_argument("nearsky")
    return parser.parse_args()


def make_store(args, store):
    say(f"a survey of {args.rows} rows in {store}")
    made = run_json([args.nearsky, "bench", "survey", store, "--rows", args.rows, "--dim", args.dim,
                     "--vectors", args.vectors, "--seed", args.seed, "--json"])
    options = [word for name in ("lists", "graph", "memory") if getattr(args, name)
               for word in ("--" + name, getattr(args, name))]
    say("its index")
    index = run_json([args.nearsky, "index", store, "--json", *options])
    folder = os.path.join(store, "generations", f"{index['generation']:04d}")
    files = {name: os.path.getsize(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}
    files["catalogue.db"] = os.path.getsize(os.path.join(store, "catalogue.db"))
    return {"made": made, "index": index,
            "bytes_per_row": {name: round(size / made["rows"], 2) for name, size in files.items()
                              if size > made["rows"]}}


def memory_of(pid):
    """Resident bytes: anonymous ones are the program's own, those of files the system may take back."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in file if line.startswith(("Rss", "VmHWM"))}
    return {"anonymous": kilobytes["RssAnon"] << 10, "files": kilobytes["RssFile"] << 10,
            "peak": kilobytes["VmHWM"] << 10}


class Server:
    def __init__(self, nearsky, store):
        start = time.monotonic()
        self.process = subprocess.Popen([nearsky, "serve", store, "--port", "0", "--json"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        if not select.select([self.process.stdout], [], [], 600)[0]:
            self.stop()
            sys.exit("nearsky serve did not start within ten minutes")
        line = self.process.stdout.readline()
        if not line:
            sys.exit("nearsky serve failed")
        port = json.loads(line)["port"]
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.ask("/readyz", parse_json=False)
        self.ready_s = time.monotonic() - start

    def ask(self, path, body=None, parse_json=True):
        self.connection.request("POST" if body else "GET", path, json.dumps(body) if body else None)
        response = self.connection.getresponse()
        text = response.read()
        if response.status not in (200, 201):
            sys.exit(f"{path}: {response.status} {text[:500].decode(errors='replace')}")
        return json.loads(text) if parse_json else text

    def timed(self, path, body=None):
        start = time.monotonic()
        answer = self.ask(path, body)
        return answer, time.monotonic() - start

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def percentile(values, share):
    values = sorted(values)
    return values[min(int(share * len(values)), len(values) - 1)]


def milliseconds(times):
    """first: before anything was in memory for it."""
    return {"first_ms": round(1e3 * times[0], 2), "p50_ms": round(1e3 * percentile(times, 0.5), 2),
            "p99_ms": round(1e3 * percentile(times, 0.99), 2), "asked": len(times)}


def seconds(times):
    return {"first_s": round(times[0], 3), "p50_s": round(percentile(times, 0.5), 3), "slowest_s": round(max(times), 3)}


def random_ids(server, count):
    ids = []
    while len(ids) < count:
        ids += [o["id"] for o in server.ask(f"{API}/objects/random?n={min(count - len(ids), 200)}")["objects"]]
    return ids


def measure_searches(server, ids):
    results = {"neighbours": [server.timed(f"{API}/objects/{i}/neighbors?k=50")[1] for i in ids],
               "neighbours grouped": [server.timed(f"{API}/objects/{i}/neighbors?k=50&group_arcsec=3")[1] for i in ids],
               "object": [server.timed(f"{API}/objects/{i}")[1] for i in ids]}
    places = [(o["ra"], o["dec"]) for o in (server.ask(f"{API}/objects/{i}") for i in ids[:50])]
    results["cone of 60 arcsec"] = [server.timed(f"{API}/objects?ra={ra}&dec={dec}&radius=60")[1] for ra, dec in places]
    for name, wanted in FILTERS.items():
        words = "&".join(f"{key}={value}" for key, value in wanted.items())
        results["filtered by " + name] = [server.timed(f"{API}/objects/{i}/neighbors?k=50&{words}")[1]
                                          for i in ids[:len(ids) // 4 + 1]]
    return {name: milliseconds(times) for name, times in results.items()}


def measure_loop(server, rounds, ids):
    """As somebody works: examples, train, look at the top, label what is suggested, again."""
    wanted = {hit["id"] for hit in server.ask(f"{API}/objects/{ids[0]}/neighbors?k={KIND}")["hits"]}
    near = list(wanted)
    random.Random(1).shuffle(near)
    positive, negative = near[:EXAMPLES], [i for i in ids[1:] if i not in wanted][:EXAMPLES]
    times = {"train": [], "rank": [], "suggest": []}
    found = methods = None
    for _ in range(rounds):
        _, spent = server.timed(f"{API}/probes", {"name": "bench", "positive": positive, "negative": negative,
                                                  "replace": True})
        times["train"].append(spent)
        ranked, spent = server.timed(f"{API}/probes/bench/rank?top={TOP}")
        times["rank"].append(spent)
        found, methods = sum(h["id"] in wanted for h in ranked["hits"]), ranked["stats"]["method"]
        suggested, spent = server.timed(f"{API}/probes/bench/suggest?n={SUGGESTED}")
        times["suggest"].append(spent)
        for hit in suggested["hits"]:
            (positive if hit["id"] in wanted else negative).append(hit["id"])
        positive += [i for i in near if i not in positive][:SUGGESTED]
    times["all"] = [sum(parts) for parts in zip(*times.values())]
    result = {name: seconds(values) for name, values in times.items()}
    result.update(rounds=rounds, labels=len(positive) + len(negative), of_kind_in_top=found, method=methods)
    return result


def measure_others(server):
    """Of a regression and of several classes: suggestions are made in other ways."""
    ids = random_ids(server, 60)
    server.ask(f"{API}/probes", {"name": "numbers", "column": "z_phot", "replace": True})
    server.ask(f"{API}/probes", {"name": "classes", "replace": True, "labels": {
        name: ids[15 * n:15 * n + 15] for n, name in enumerate("abcd")}})
    filtered = "&".join(f"{key}={value}" for key, value in FILTERS["magnitude"].items())
    paths = {"suggest, numbers": "numbers/suggest?n=10", "suggest, four classes": "classes/suggest?n=10&class=b",
             "rank, filtered": f"bench/rank?top={TOP}&{filtered}"}
    return {name: seconds([server.timed(f"{API}/probes/{path}")[1] for _ in range(3)]) for name, path in paths.items()}


def measure_server(args, store):
    server = Server(args.nearsky, store)
    pid = server.process.pid
    try:
        result = {"ready_s": round(server.ready_s, 3), "memory_when_ready": memory_of(pid)}
        ids = random_ids(server, args.queries)
        say("searches")
        result["searches"] = measure_searches(server, ids)
        result["memory_after_searches"] = memory_of(pid)
        say("the loop")
        result["loop"] = measure_loop(server, args.rounds, ids)
        result["others"] = measure_others(server)
        result["memory_after_all"] = memory_of(pid)
    finally:
        server.stop()
    return result


def main():
    args = parse()
    folder = None if args.store else tempfile.mkdtemp(prefix="nearsky-bench-")
    store = args.store or os.path.join(folder, "store")
    try:
        result = {"name": "survey", **describe(), **make_store(args, store)}
        result.update(measure_server(args, store))
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    json.dump(result, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
