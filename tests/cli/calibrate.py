"""`nearsky calibrate` from the command line: a model with scales, the same bytes every time, which int8 then takes
on a card (of host memory: TEST-MODULE); without scales, without a model, without stamps it is refused.

usage: calibrate.py NEARSKY-BINARY TEST-MODULE   (Python's standard library only)
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

NEARSKY, MODULE = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
SMALL = ["--size", "32", "--batch", "8", "--sub-batch", "4", "--queue", "64", "--hidden", "16", "--projection", "8",
         "--precision", "fp32", "--device", "cpu", "--threads", "2", "--loader-threads", "1", "--epochs", "1"]


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "NEARSKY_CUDA_MODULE": MODULE})
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Calibrate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-test-")
        cls.store, cls.model = cls.path("store"), cls.path("model.safetensors")
        run("simulate", cls.path("sky"), "--stamps", "24", "--seed", "3")
        run("ingest", cls.store, cls.path("sky"))
        run("train", cls.store, "--out", cls.model, *SMALL)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def calibrate(self, name, *words):
        out = self.path(name)
        report = json.loads(run("calibrate", self.store, "--model", self.model, "--out", out, "--device", "cpu",
                                "--json", *words).stdout)
        self.assertEqual(report["sha256"], hashlib.sha256(read(out)).hexdigest())
        self.assertEqual(report["model"], out)
        return out, report

    def test_a_model_with_scales(self):
        first, report = self.calibrate("first.safetensors")
        second, _ = self.calibrate("second.safetensors")
        fewer, less = self.calibrate("fewer.safetensors", "--stamps", "5")
        self.assertEqual((report["stamps"], report["left_out"], less["stamps"]), (24, 0, 5))
        self.assertEqual(read(first), read(second))
        self.assertEqual(len({read(self.model), read(first), read(fewer)}), 3)
        self.assertIn(b"nsky.int8", read(first))
        self.assertNotIn(b"nsky.int8", read(self.model))

    def test_int8_takes_it(self):
        scaled, report = self.calibrate("scaled.safetensors")
        words = ["embed", self.store, "--precision", "int8", "--device", "cuda", "--model"]
        said = run(*words, self.model, status=1).stderr
        self.assertIn("no scales for int8", said)
        self.assertIn("nearsky calibrate STORE --model FILE --out NEW", said)
        self.assertEqual(said.count("\n"), 1)
        run(*words, scaled)
        about = run("info", self.store, "--json").stdout
        self.assertIn(report["sha256"], about)
        self.assertIn("int8", about)
        run("embed", self.store, "--model", scaled, "--precision", "fp32", "--device", "cpu")  # a model like others

    def test_what_is_not_there(self):
        empty, out = self.path("empty"), self.path("none.safetensors")
        os.mkdir(self.path("nothing"))
        run("ingest", empty, self.path("nothing"))
        for store, model, word in ((empty, self.model, "nearsky ingest"),
                                   (self.path("no-such"), self.model, "no survey store"),
                                   (self.store, self.path("no-such.safetensors"), "no such file"),
                                   (self.store, os.path.join(self.path("sky"), "truth.csv"), "truth.csv")):
            done = run("calibrate", store, "--model", model, "--out", out, "--device", "cpu", status=1)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertFalse(os.path.exists(out))

    def test_wrong_words(self):
        self.assertIn("--model", run("calibrate", self.store, status=2).stderr)
        self.assertIn("--stamps", run("calibrate", self.store, "--model", self.model, "--out", "x", "--stamps", "0",
                                      status=2).stderr)
        self.assertIn("abacus", run("calibrate", self.store, "--model", self.model, "--out", self.path("x"), "--device",
                                    "abacus", status=1).stderr)


if __name__ == "__main__":
    unittest.main()
