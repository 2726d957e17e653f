#!/usr/bin/python3
"""nearsky-gpu-check on a card made of host memory: agrees, says so in JSON, and notices a wrong weight."""
import json
import os
import subprocess
import sys
import tempfile

CHECK = sys.argv[1]
WEIGHTS = os.path.join("bench", "gpu", "weights.py")


def run(*words, expected=0):
    done = subprocess.run([CHECK, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != expected:
        sys.exit(f"{words}: exit {done.returncode}, not {expected}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        random, bundled = os.path.join(folder, "random"), os.path.join(folder, "bundled")
        subprocess.run([sys.executable, WEIGHTS, CHECK, "resnet18", random, "3"], check=True)
        subprocess.run([sys.executable, WEIGHTS, CHECK, "resnet18", bundled,
                        os.path.join("models", "nearsky.safetensors")], check=True)
        small = ["arch=resnet18", "size=24", "batch=4"]
        for precision in "bf16", "fp16", "fp32", "int8":
            out, _ = run("layers", *small, "weights=" + random, "precision=" + precision)
            assert json.loads(out)["worst"] <= 1, out
        out, _ = run("vectors", *small, "weights=" + bundled, "count=9", "threads=2")
        result = json.loads(out)
        assert result["cosine_min"] >= 0.999 and result["same_bits"], out
        out, _ = run("vectors", "arch=resnet18", "size=64", "batch=4", "weights=" + bundled, "count=6",
                     "threads=2", "precision=int8")
        assert json.loads(out)["cosine_min"] >= 0.995, out
        out, _ = run("views", "size=40", "count=8")
        assert json.loads(out)["worst"] == 0, out
        out, _ = run("speed", *small, "weights=" + bundled, "seconds=0.3", "threads=2")
        assert json.loads(out)["stamps_per_s"] > 0, out
        with open(random, "r+b") as file:  # a file cut short is no weights
            file.truncate(os.path.getsize(random) - 4)
        run("layers", *small, "weights=" + random, expected=1)
        _, said = run("layers", "arch=resnet18", expected=2)
        assert "weights" in said
        run("vectors", "size=9999", expected=2)
        for arch in "resnet18", "resnet50":
            out, _ = run("train", "arch=" + arch, "size=32", "batch=4")
            assert json.loads(out)["worst"] <= 1, out
        out, _ = run("train-steps", "arch=resnet18", "size=32", "batch=8")
        result = json.loads(out)
        assert result["views_same_bits"] and result["recorded_same_bits"], out
        # Two ranks, on the NCCL of host memory that is in this program.
        ranks = ["train-ranks", "arch=resnet18", "size=16", "batch=8", "folder=" + folder]
        run(*ranks)
        begun = [subprocess.Popen([CHECK, *ranks, f"rank={i}", "ranks=2"], stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "NEARSKY_NCCL": ""}) for i in (1, 2)]
        for one in begun:
            out = one.communicate()[0]
            assert one.returncode == 0 and json.loads(out)["gradients_apart"] < 1e-4, out
        run(*ranks, "rank=3", "ranks=2", expected=2)
        for batch in 2, 9:
            out, _ = run("labels", "arch=resnet18", "size=32", f"batch={batch}")
            result = json.loads(out)
            assert result["worst"] <= 1 and result["same_update"] and result["same_bits"], out
        # Their peer, where there is PyTorch.
        done = subprocess.run([sys.executable, os.path.join("bench", "gpu", "peer_train.py"), "--cpu", "32"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if "No module named" not in done.stderr:
            assert done.returncode == 0 and len(json.loads(done.stdout)["losses"]) == 2, done.stderr
        out, _ = run("train-speed", "arch=resnet18", "size=16", "batch=4", "seconds=0.1")
        assert json.loads(out)["pairs_per_s"] > 0, out


main()
