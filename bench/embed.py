#!/usr/bin/python3
"""`scripts/bench embed`: images a second through the network, against PyTorch in its best mode.

Every mode of the peer is tried for a moment; the best one is then measured in turn with nearsky,
round by round, and the ratio is the median of the rounds'. Prints JSON; see bench/README.md.
"""
import argparse
import json
import os
import subprocess

from machine import ROOT, describe, median, run_json, say

MODES = [f"{dtype}-{layout}-{graph}" for dtype in ("fp32", "bf16") for layout in ("nchw", "nhwc")
         for graph in ("eager", "frozen")]
RATES = ("images_per_s", "images_per_cpu_s")


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench embed")
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--size", type=int, default=96, help="pixels a side")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default=None,
                        help="nearsky's; default: bf16 where the CPU has it")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)),
                        help="cores that either side uses; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of one measurement")
    parser.add_argument("nearsky")
    return parser.parse_args()


def ours(args):
    command = [args.nearsky, "bench", "embed", "--json", "--arch", args.arch, "--size",
               str(args.size), "--workers", str(args.workers), "--seconds", str(args.seconds)]
    return run_json(command + (["--precision", args.precision] if args.precision else []))


def peer(args, mode, processes, seconds):
    """The rates of processes that run at once, added."""
    command = [os.path.join(ROOT, "bench", "peer_torch.py"), args.arch, str(args.size), mode,
               str(args.workers // processes), str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
               for _ in range(processes)]
    reports = [json.loads(process.communicate()[0]) for process in running]
    total = dict(reports[0], processes=processes)
    if any("error" in report for report in reports):
        return dict(total, images_per_s=0, images_per_cpu_s=0)
    total["images_per_s"] = round(sum(report["images_per_s"] for report in reports), 1)
    total["images_per_cpu_s"] = round(median([r["images_per_cpu_s"] for r in reports]), 1)
    return total


def choose(args):
    """The best (mode, processes), and what was tried."""
    tried = {}
    for mode in MODES:
        tried[mode, 1] = peer(args, mode, 1, args.seconds / 2)
    best = max(tried, key=lambda key: tried[key]["images_per_s"])
    if args.workers > 1:  # one process a core, which beats threads where others use the machine
        tried[best[0], args.workers] = peer(args, best[0], args.workers, args.seconds / 2)
        best = max(tried, key=lambda key: tried[key]["images_per_s"])
    for (mode, processes), report in tried.items():
        say(f"  peer {mode}, {processes} processes: {report['images_per_s']} images/s "
            + report.get("error", ""))
    return best, {f"{mode} x{processes}": report["images_per_s"]
                  for (mode, processes), report in tried.items()}


def middle(rounds, side, key):
    return median([r[side][key] for r in rounds])


def ratio(rounds, key):
    return round(median([r["nearsky"][key] / r["peer"][key] for r in rounds]), 2)


def main():
    args = parse()
    report = {"bench": "embed", **describe()}
    (mode, processes), tried = choose(args)
    rounds = []
    for _ in range(args.rounds):
        mine, theirs = ours(args), peer(args, mode, processes, args.seconds)
        rounds.append({side: {key: result[key] for key in RATES}
                       for side, result in (("nearsky", mine), ("peer", theirs))})
        say(f"  {rounds[-1]}")
    report.update({key: mine[key] for key in ("arch", "size", "precision", "device", "batch",
                                              "onednn", "workers")})
    report.update(images_per_s=middle(rounds, "nearsky", "images_per_s"),
                  peer={"name": "PyTorch", "version": theirs["torch"], "mode": mode,
                        "processes": processes, "threads": theirs["threads"],
                        "images_per_s": middle(rounds, "peer", "images_per_s"), "tried": tried},
                  ratio=ratio(rounds, "images_per_s"),
                  ratio_cpu=ratio(rounds, "images_per_cpu_s"), rounds=rounds)
    print(json.dumps(report, indent=2))


main()
