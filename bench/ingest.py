#!/usr/bin/python3
"""`scripts/bench ingest`: bricks into a store, on one core, against astropy and Cutout2D.

Simulates bricks, then runs either side in turn on the same core, round by round, each into a fresh
folder. Ratios are of objects a second of CPU time, medians of the rounds; nearsky's time is that of
the whole process, the peer's without its imports. Prints JSON; see bench/README.md.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

from machine import ROOT, describe, median, run_json, say

IDIOMS = ("documented", "tuned")


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench ingest")
    parser.add_argument("--bricks", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sky", help="a folder of bricks, instead of simulated ones")
    parser.add_argument("nearsky")
    return parser.parse_args()


def ours(args, sky, folder, core):
    result = run_json([args.nearsky, "ingest", os.path.join(folder, "store"), sky, "--workers", "1",
                       "--json"], core)
    return {"objects": result["added"], "cpu_s": result["process_cpu_s"],
            "wall_s": result["process_wall_s"]}


def peer(idiom, sky, folder, core):
    return run_json([os.path.join(ROOT, "bench", "peer_astropy.py"), sky,
                     os.path.join(folder, idiom), idiom], core)


def one_round(args, sky, core):
    with tempfile.TemporaryDirectory(prefix="nearsky-bench-") as folder:
        results = {"nearsky": ours(args, sky, folder, core)}
        for idiom in IDIOMS:
            results[idiom] = peer(idiom, sky, folder, core)
    for name, result in results.items():
        if result["objects"] != results["nearsky"]["objects"]:
            sys.exit(f"{name} took {result['objects']} objects, nearsky "
                     f"{results['nearsky']['objects']}: not the same work")
        say(f"  {name}: {result['objects']} objects in {result['cpu_s']:.2f} s of CPU, "
            f"{result['wall_s']:.2f} s")
    return results


def rate(results, name):
    return results[name]["objects"] / results[name]["cpu_s"]


def main():
    args = parse()
    report = {"bench": "ingest", **describe()}
    core = max(os.sched_getaffinity(0))
    sky = args.sky
    folder = None if sky else tempfile.mkdtemp(prefix="nearsky-bench-sky-")
    if not sky:
        sky = folder
        subprocess.run([args.nearsky, "simulate", sky, "--bricks", str(args.bricks), "--seed", "1"],
                       check=True, stdout=subprocess.DEVNULL)
    rounds = [one_round(args, sky, core) for _ in range(args.rounds)]
    if folder:
        shutil.rmtree(folder)
    last = rounds[-1]
    report.update(objects=last["nearsky"]["objects"],
                  objects_per_cpu_s=round(median([rate(r, "nearsky") for r in rounds]), 1),
                  peer={"name": "astropy + Cutout2D", "version": last["tuned"]["astropy"],
                        "numpy": last["tuned"]["numpy"],
                        **{f"objects_per_cpu_s_{idiom}":
                           round(median([rate(r, idiom) for r in rounds]), 1)
                           for idiom in IDIOMS}},
                  ratio=round(median([rate(r, "nearsky") / rate(r, "documented")
                                      for r in rounds]), 2),
                  ratio_tuned=round(median([rate(r, "nearsky") / rate(r, "tuned")
                                            for r in rounds]), 2),
                  rounds=[{name: {key: round(result[key], 2) for key in ("cpu_s", "wall_s")}
                           for name, result in r.items()} for r in rounds])
    print(json.dumps(report, indent=2))


main()
