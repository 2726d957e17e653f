"""`nearsky train` from the command line: stopped by SIGTERM and run again, its log and curves, the model it
writes in `nearsky embed`, labels, wrong words.

usage: train.py NEARSKY-BINARY   (Python's standard library only)
"""

import ast
import csv
import json
import math
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

NEARSKY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "nearsky"
SMALL = ["--size", "16", "--batch", "8", "--sub-batch", "4", "--queue", "64", "--hidden", "16", "--projection",
         "8", "--precision", "fp32", "--threads", "2", "--loader-threads", "1"]


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=600)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def log_of(model):
    try:
        with open(model + ".train/log.jsonl", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]
    except FileNotFoundError:
        return []


def weights_of(model):
    """The heads' words, weights [outputs][dim] and biases [outputs] of a model file."""
    with open(model, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    heads = json.loads(header["__metadata__"]["nsky.labels"])["heads"]
    read = {}
    for name in "fc.weight", "fc.bias":
        first, end = header[name]["data_offsets"]
        read[name] = struct.unpack(f"<{(end - first) // 4}f", data[first:end])
    outputs, dim = header["fc.weight"]["shape"]
    return heads, [read["fc.weight"][k * dim:(k + 1) * dim] for k in range(outputs)], read["fc.bias"]


def vectors_of(path):
    """Rows of a float32 .npy of format 1."""
    with open(path, "rb") as file:
        magic = file.read(10)
        shape = ast.literal_eval(file.read(struct.unpack("<H", magic[8:])[0]).decode())["shape"]
        values = struct.unpack(f"<{shape[0] * shape[1]}f", file.read())
    return [values[row * shape[1]:(row + 1) * shape[1]] for row in range(shape[0])]


def shares_of(logits):
    sizes = [math.exp(x - max(logits)) for x in logits]
    return [size / sum(sizes) for size in sizes]


class Train(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.sky = os.path.join(cls.folder.name, "sky")
        cls.store = os.path.join(cls.folder.name, "store")
        cls.truth = os.path.join(cls.sky, "truth.csv")
        run("simulate", cls.sky, "--stamps", "40", "--seed", "3")
        run("ingest", cls.store, cls.sky)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_heads(self):
        labels, model = self.path("heads.csv"), self.path("heads.safetensors")
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/training-labels")
        subprocess.run([sys.executable, script, self.truth, labels], check=True)
        with open(labels, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 40)
        self.assertTrue(all(row["class"] and row["g_r"] for row in rows))
        heads = "class:class:2,near:class,bins8:z_spec:0.5,number:log_1z,number:g_r,flag:is_lens"
        words = ["train", self.store, "--out", model, *SMALL, "--epochs", "2", "--labels", labels]
        said = self.path("heads-said.csv")
        report = json.loads(run(*words, "--heads", heads, "--clip", "5", "--momentum-encoder", "--snapshots",
                                "--json", "--predict", said).stdout)
        self.assertEqual(report["steps"], 10)
        line = log_of(model)[-1]
        self.assertEqual(len(line["heads"]), 6)
        self.assertGreater(line["gradient"], 0)
        run("embed", self.store, "--model", model, "--precision", "fp32", "--device", "cpu")
        self.check_said(model, said)
        self.assertIn("there twice", run(*words, "--heads", "flag:is_lens,class:class,flag:is_lens:2", "--fresh",
                                         status=1).stderr)
        self.assertIn("near alone", run(*words, "--heads", "near:class", "--fresh", status=1).stderr)
        self.assertIn("KIND:COLUMN", run(*words, "--heads", "rubbish", "--fresh", status=1).stderr)
        run(*words, "--heads", heads, "--clip", "-1", status=2)

    def check_said(self, model, said):
        """What --predict wrote against the vectors, the weights in the model file and what it says they mean."""
        heads, weight, bias = weights_of(model)
        run("export", self.store, "--what", "vectors", "--values", "float32", "--out", self.path("v.npy"))
        vectors = vectors_of(self.path("v.npy"))
        with open(said, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["id", "name", "class_class", "p_class_class", "bins8_z_spec",
                                         "sigma_bins8_z_spec", "number_log_1z", "number_g_r", "p_flag_is_lens"])
        self.assertEqual([row["name"] for row in rows], [f"sim3-{n:06}" for n in range(40)])
        for row, vector in zip(rows, vectors, strict=True):
            logits = [b + 4 * sum(x * y for x, y in zip(w, vector)) for w, b in zip(weight, bias)]
            kind, redshift, log_1z, colour, lens = heads
            shares = shares_of(logits[:redshift["first"]])
            best = shares.index(max(shares))
            if sorted(shares)[-1] - sorted(shares)[-2] > 1e-3:
                self.assertEqual(row["class_class"], kind["classes"][best])
            self.assertAlmostEqual(float(row["p_class_class"]), shares[best], delta=1e-3)
            shares = shares_of(logits[redshift["first"]:redshift["first"] + 8])
            centres = [redshift["low"] + (k + 0.5) * redshift["width"] for k in range(8)]
            mean = sum(s * c for s, c in zip(shares, centres))
            spread = math.sqrt(sum(s * (c - mean) ** 2 for s, c in zip(shares, centres)))
            self.assertAlmostEqual(float(row["bins8_z_spec"]), mean, delta=1e-3)
            self.assertAlmostEqual(float(row["sigma_bins8_z_spec"]), spread, delta=1e-3)
            for head, name in (log_1z, "number_log_1z"), (colour, "number_g_r"):
                value = head["mean"] + head["deviation"] * logits[head["first"]]
                self.assertAlmostEqual(float(row[name]), value, delta=3e-3 * head["deviation"])
            self.assertAlmostEqual(float(row["p_flag_is_lens"]), shares_of(logits[lens["first"]:])[1], delta=1e-3)

    def test_stopped_and_run_again(self):
        model, curves = self.path("m.safetensors"), self.path("curves.svg")
        words = ["train", self.store, "--out", model, *SMALL, "--epochs", "4", "--plot", curves, "--json",
                 "--probe-labels", self.truth, "--probe-column", "is_lens", "--probe-epochs", "2"]
        with subprocess.Popen([NEARSKY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
            while len(log_of(model)) < 6 and first.poll() is None:
                time.sleep(0.01)
            first.send_signal(signal.SIGTERM)
            _, words_said = first.communicate(timeout=600)
            self.assertEqual(first.returncode, 1)
            self.assertIn(b"run the same command to go on", words_said)
        self.assertFalse(os.path.exists(model))
        report = json.loads(run(*words).stdout)
        self.assertEqual(report["steps"], 20)
        log = log_of(model)
        self.assertEqual([line["step"] for line in log], list(range(1, 21)))
        self.assertEqual([line["step"] for line in log if "probe" in line], [10, 20])
        self.assertLess(report["loss"], log[0]["loss"] + 5)
        with open(curves, encoding="utf-8") as svg:
            self.assertIn("<svg", svg.read(200))
        run("embed", self.store, "--model", model)
        about = json.loads(run("info", self.store, "--json").stdout)
        self.assertIn("m", json.dumps(about))
        os.remove(curves)
        run("train", "--out", model, "--plot", curves)
        self.assertTrue(os.path.exists(curves))
        self.assertIn("another temperature", run(*words, "--temperature", "0.5", status=1).stderr)

    def test_labels(self):
        model, said = self.path("labels.safetensors"), self.path("said.csv")
        run("train", self.store, "--out", model, *SMALL, "--epochs", "1", "--labels", self.truth, "--label-column",
            "z_spec", "--bins", "5", "--predict", said)
        with open(said, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 40)
        for row in rows:
            self.assertGreaterEqual(float(row["estimate"]), 0)
        tuned = self.path("tuned.safetensors")
        run("train", self.store, "--out", tuned, *SMALL, "--epochs", "1", "--labels", self.truth, "--label-column",
            "is_lens", "--init", model)

    def test_classes_of_any_name(self):
        labels, said, names = self.path("odd.csv"), self.path("odd-said.csv"), ['a "b", c', "plain"]
        with open(labels, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["name", "a,b"]] + [[f"sim3-{n:06}", names[n % 2]] for n in range(40)])
        words = ["train", self.store, *SMALL, "--epochs", "1", "--labels", labels, "--predict", said]
        run(*words, "--label-column", "a,b", "--out", self.path("odd.safetensors"))
        with open(said, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["id", "name", "class", 'p_a "b", c', "p_plain"])
        for row in rows:
            shares = [float(row['p_a "b", c']), float(row["p_plain"])]
            self.assertAlmostEqual(sum(shares), 1, delta=2e-6)
            self.assertEqual(row["class"], names[shares.index(max(shares))])

    def test_wrong_words(self):
        out = ["--out", self.path("wrong.safetensors")]
        self.assertIn("--out", run("train", self.store, status=2).stderr)
        self.assertIn("store", run("train", *out, status=2).stderr)
        self.assertIn("--batch", run("train", self.store, *out, "--batch", "x", status=2).stderr)
        self.assertIn("multiple", run("train", self.store, *out, "--batch", "33", status=1).stderr)
        self.assertIn("dust", run("train", self.store, *out, "--augment", "dust=5", status=2).stderr)
        self.assertIn("no-such", run("train", "/no-such-store", *out, status=1).stderr)

    def test_ranks_refused(self):
        words = ["train", self.store, "--out", self.path("ranks.safetensors"), *SMALL]
        for rank in "0/2", "3/2", "2", "a/b":
            said = run(*words, "--rank", rank, status=2).stderr
            self.assertIn("--rank takes I/N, 1/4 to 4/4", said)
        self.assertIn("leave out --rank", run(*words, "--rank", "1/2", "--device", "cpu", status=1).stderr)
        self.assertIn("learned on one card", run(*words, "--rank", "1/2", "--labels", self.truth, "--label-column",
                                                 "is_lens", status=1).stderr)
        self.assertIn("--sub-batch times the ranks", run(*words, "--rank", "1/3", status=1).stderr)
        self.assertIn("--host-views", run("train", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
