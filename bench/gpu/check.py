#!/usr/bin/env python3
"""What scripts/gpu-check runs once nearsky-gpu-check is built: parity, sanitizer, speed against PyTorch.

    bench/gpu/check.py CHECK RESULT.json|- [parity] [sanitize] [speed]

One line a check while it runs, one table at the end. The result is written only when everything was
run and agreed, by this very program: a number without its parity is none. Parts may be run one after
another; what agreed is remembered beside the program. Exit 1 when anything did not agree.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "bench"))
from machine import describe, median  # noqa: E402

SURVEY = 76e6
SECONDS = 6
ROUNDS = 3
BUNDLED = os.path.join(ROOT, "models", "nearsky.safetensors")


class Run:
    def __init__(self, check, folder):
        self.check, self.folder, self.rows, self.failed = check, folder, [], False

    def weights(self, arch, source):
        out = os.path.join(self.folder, f"{arch}-{os.path.basename(source)}")
        if not os.path.exists(out):
            subprocess.run([sys.executable, os.path.join(HERE, "weights.py"), self.check, arch, out,
                            source], check=True)
        return out

    def add(self, what, value, good):
        self.rows.append((what, value, "" if good is None else "ok" if good else "FAILED"))
        self.failed = self.failed or good is False
        print(f"  {what}: {value} {self.rows[-1][2]}", flush=True)

    def ask(self, *words):
        """The JSON of a check, or None; what it says goes to stderr as it is."""
        done = subprocess.run([self.check, *words], stdout=subprocess.PIPE, text=True)
        lines = done.stdout.splitlines()
        return (json.loads(lines[-1]) if lines else None), done.returncode == 0


def layers(run):
    for arch, size, batch, precision in (("resnet50", 96, 512, "bf16"), ("resnet50", 152, 128, "bf16"),
                                         ("resnet18", 96, 512, "bf16"), ("resnet34", 64, 64, "bf16"),
                                         ("resnet50", 64, 64, "fp16"), ("resnet18", 152, 64, "fp16"),
                                         ("resnet50", 96, 64, "fp32"), ("resnet18", 152, 64, "fp32"),
                                         ("resnet50", 96, 64, "int8"), ("resnet18", 96, 64, "int8")):
        result, good = run.ask("layers", f"arch={arch}", f"size={size}", f"batch={batch}",
                               f"precision={precision}", "weights=" + run.weights(arch, "1"))
        worst = result["worst"] if result else "none"
        run.add(f"layers {arch} {size} px {precision}: worst, in tolerances", worst, good)


def training(run):
    for arch, size, batch in (("resnet18", 96, 64), ("resnet50", 96, 32), ("resnet50", 152, 16)):
        result, good = run.ask("train", f"arch={arch}", f"size={size}", f"batch={batch}")
        run.add(f"training {arch} {size} px bf16, every layer both ways: worst, in tolerances",
                f"{result['worst']} ({result['where']})" if result else "none", good)


def steps(run):
    for arch, size, batch in (("resnet18", 96, 64), ("resnet50", 96, 32)):
        result, _ = run.ask("train-steps", f"arch={arch}", f"size={size}", f"batch={batch}")
        name = f"training {arch} {size} px"
        run.add(f"{name}: a step with the card's views, gradients apart",
                f"{result['gradients_apart']} ({'same' if result['views_same_bits'] else 'other'} bits)"
                if result else "none",
                bool(result) and result["loss_apart"] < 1e-3 and result["gradients_apart"] < 0.1)
        run.add(f"{name}: a recorded step has a plain one's bits",
                result["recorded_same_bits"] if result else "none", bool(result) and result["recorded_same_bits"])


def cards():
    """What CUDA_VISIBLE_DEVICES leaves."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [card for card in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if card]
    tool = shutil.which("nvidia-smi")
    done = subprocess.run([tool, "-L"], stdout=subprocess.PIPE, text=True) if tool else None
    return [str(i) for i in range(len(done.stdout.splitlines()))] if done else []


def ranks(run):
    """Two cards, or four, against one of them."""
    there = cards()
    count = 4 if len(there) >= 4 else 2
    if len(there) < 2:
        run.add("training by several cards", "one card here: not run", None)
        return
    environment = dict(os.environ)
    ask = "import nvidia.nccl as n; print(list(n.__path__)[0])"  # PyTorch's
    library = subprocess.run([sys.executable, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             text=True).stdout.strip()
    if library and "NEARSKY_NCCL" not in environment:
        environment["NEARSKY_NCCL"] = os.path.join(library, "lib", "libnccl.so.2")
    with tempfile.TemporaryDirectory() as folder:
        words = [run.check, "train-ranks", "arch=resnet18", "size=96", "batch=64", f"folder={folder}"]
        good = subprocess.run(words, stdout=subprocess.PIPE).returncode == 0
        begun = [subprocess.Popen([*words, f"rank={i + 1}", f"ranks={count}"], stdout=subprocess.PIPE, text=True,
                                  env={**environment, "CUDA_VISIBLE_DEVICES": there[i]}) for i in range(count)]
        said = [one.communicate()[0].splitlines() for one in begun]
    good = good and all(one.returncode == 0 for one in begun) and all(said)
    apart = max(json.loads(lines[-1])["gradients_apart"] for lines in said) if good else "none"
    run.add(f"training by {count} cards: gradients apart from one card's", apart, good)


def labels(run):
    for arch, size, batch in (("resnet18", 96, 256), ("resnet50", 96, 64)):
        result, good = run.ask("labels", f"arch={arch}", f"size={size}", f"batch={batch}")
        run.add(f"a step from labels {arch} {size} px bf16: worst, in tolerances",
                f"{result['worst']} ({result['where']})" if result else "none", good)


def vectors(run):
    """The least cosine of all."""
    cosines = []
    for arch, size, views, precision, source in (
            ("resnet18", 96, 1, "bf16", BUNDLED), ("resnet18", 96, 8, "bf16", BUNDLED),
            ("resnet18", 96, 1, "fp16", BUNDLED), ("resnet18", 96, 1, "fp32", BUNDLED),
            ("resnet18", 64, 1, "int8", BUNDLED), ("resnet50", 96, 1, "bf16", "1"),
            ("resnet50", 152, 1, "bf16", "1"), ("resnet34", 64, 8, "bf16", "1")):
        result, good = run.ask("vectors", f"arch={arch}", f"size={size}", f"views={views}", "count=64",
                               f"precision={precision}", "weights=" + run.weights(arch, source))
        least = result["cosine_min"] if result else 0
        if precision != "int8":  # it is judged by itself: bf16 is what is timed
            cosines.append(least)
        run.add(f"vectors {arch} {size} px {precision}, {views} views: least cosine to ref",
                least, good and bool(result) and result["same_bits"])
    return min(cosines)


def views(run):
    for size in 96, 152:
        result, good = run.ask("views", f"size={size}", "count=48")
        run.add(f"augmented views {size} px: largest difference to the CPU's",
                result["worst"] if result else "none", good)


def report_sanitizer(run, what, done):
    if done.returncode != 0:
        print(done.stdout[-4000:])
    run.add("compute-sanitizer " + what, "quiet" if done.returncode == 0 else "see above",
            done.returncode == 0)


def sanitize(run):
    tool = shutil.which("compute-sanitizer")
    tool = tool or next((path for path in ("/usr/local/cuda/bin/compute-sanitizer",)
                         if os.path.exists(path)), None)
    if not tool:
        run.add("compute-sanitizer", "not here: not run", False)
        return
    weights = run.weights("resnet18", "1")
    for kind in "memcheck", "racecheck":
        done = subprocess.run([tool, "--tool", kind, "--error-exitcode", "9", run.check, "vectors",
                               "arch=resnet18", "size=64", "batch=8", "views=8", "count=3",
                               "weights=" + weights], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        report_sanitizer(run, kind, done)
        for command, what in ("train", "training"), ("labels", "training from labels"), ("train-steps", "steps"):
            done = subprocess.run([tool, "--tool", kind, "--error-exitcode", "9", run.check, command,
                                   "arch=resnet18", "size=32", "batch=8"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            report_sanitizer(run, f"{kind}, {what}", done)


def peer(arch, size, program="peer.py"):
    done = subprocess.run([sys.executable, os.path.join(HERE, program), arch, str(size),
                           str(SECONDS)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def training_speed(run, arch):
    """Pairs a second at 96 px, as speed(): before and behind the peer's."""
    words = ["train-speed", f"arch={arch}", "size=96", "batch=256", f"seconds={SECONDS}"]
    mine = [run.ask(*words)[0] for _ in range(ROUNDS - 1)]
    theirs = peer(arch, 96, "peer_train.py")
    mine.append(run.ask(*words)[0])
    name = f"training {arch} 96 px bf16"
    if None in mine:
        run.add(name, "did not run", False)
        return None
    pairs = median([m["pairs_per_s"] for m in mine])
    result = {"pairs_per_s": pairs, "rounds": mine, "peer": theirs,
              "ratio": round(pairs / theirs["pairs_per_s"], 3)}
    run.add(f"{name}: pairs/s", f"{pairs:.0f}", None)
    run.add(f"{name}: PyTorch", f"{theirs['pairs_per_s']:.0f}", None)
    run.add(f"{name}: ratio", result["ratio"], None)
    return result


def speed(run, size):
    """nearsky's median of a few runs, before and behind the peer's: a card that warms up shows."""
    words = ["speed", "arch=resnet50", f"size={size}", f"seconds={SECONDS}",
             "weights=" + run.weights("resnet50", "1")]
    mine = [run.ask(*words)[0] for _ in range(ROUNDS - 1)]
    theirs = peer("resnet50", size)
    mine.append(run.ask(*words)[0])
    if None in mine:
        run.add(f"speed resnet50 {size} px", "did not run", False)
        return None
    compute = median([m["compute_images_per_s"] for m in mine])
    stamps = median([m["stamps_per_s"] for m in mine])
    last = mine[-1]
    result = {"compute_images_per_s": compute, "stamps_per_s": stamps, "rounds": mine,
              "peer": theirs, "ratio": round(compute / theirs["images_per_s"], 3),
              "arithmetic_fraction": round(compute * last["gflop_per_image"] / 1e3
                                           / theirs["matmul_tflop_per_s"], 3),
              "bandwidth_fraction": round(compute * last["mb_per_image"] / 1e3
                                          / theirs["copy_gb_per_s"], 3)}
    name = f"resnet50 {size} px bf16"
    run.add(f"{name}: images/s computed", f"{compute:.0f}", None)
    run.add(f"{name}: PyTorch ({theirs['mode']})", f"{theirs['images_per_s']:.0f}", None)
    run.add(f"{name}: ratio", result["ratio"], None)
    run.add(f"{name}: share of arithmetic, of bandwidth",
            f"{result['arithmetic_fraction']}, {result['bandwidth_fraction']}", None)
    run.add(f"{name}: stamps/s, memory to memory", f"{stamps:.0f}", None)
    return result


class Agreed:
    """What parity and sanitizer found of this build on this card."""

    def __init__(self, check, card):
        with open(check, "rb") as file:
            self.key = card + " " + hashlib.sha256(file.read()).hexdigest()
        self.path = os.path.join(os.path.dirname(check), "agreed.json")
        self.known = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                known = json.load(file)
            self.known = known if known.get("key") == self.key else {}

    def put(self, name, value):
        self.known.update({"key": self.key, name: value})
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump(self.known, file)


def write(path, card, cosine, speeds, trained):
    report = {"bench": "gpu", "card": card, **describe(),
              "ratio_r50_96": speeds[96]["ratio"], "ratio_r50_152": speeds[152]["ratio"],
              "hours_76m": round(SURVEY / speeds[96]["stamps_per_s"] / 3600, 3),
              "ratio_train_r18_96": trained["resnet18"]["ratio"],
              "ratio_train_r50_96": trained["resnet50"]["ratio"], "training_96": trained,
              "cosine_min": cosine, "resnet50_96": speeds[96], "resnet50_152": speeds[152]}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
        file.write("\n")
    print("wrote", path)


def main():
    check, path, *parts = sys.argv[1:]
    parts = parts or ["parity", "sanitize", "speed"]
    done = subprocess.run([check, "card"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(1)
    card = done.stdout.strip()
    print(card)
    agreed, speeds, trained = Agreed(check, card), {}, {}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(check, folder)
        if "parity" in parts:
            layers(run)
            training(run)
            steps(run)
            ranks(run)
            labels(run)
            cosine = vectors(run)
            views(run)
            agreed.put("cosine_min", None if run.failed else cosine)
        if "sanitize" in parts:
            sanitize(run)
            agreed.put("sanitized", not run.failed)
        if "speed" in parts:
            speeds = {size: speed(run, size) for size in (96, 152)}
            trained = {arch: training_speed(run, arch) for arch in ("resnet18", "resnet50")}
    width = max(len(row[0]) for row in run.rows)
    print()
    for what, value, verdict in run.rows:
        print(f"{what:<{width}}  {value!s:>12}  {verdict}")
    cosine = agreed.known.get("cosine_min")
    if not run.failed and cosine and agreed.known.get("sanitized") and len(speeds) == 2 and path != "-":
        write(path, card, cosine, speeds, trained)
    sys.exit(1 if run.failed else 0)


main()
