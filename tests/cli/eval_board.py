"""`nearsky eval` from the command line: all columns on a small simulated sky; the same numbers twice and for any
number of threads; wrong usage and wrong labels.

usage: eval_board.py NEARSKY-BINARY   (Python's standard library only)
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

NEARSKY = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "nearsky"
RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/results")
STAMPS = 100
MODEL = "random:resnet18:1"


def run(*words, status=0):
    done = subprocess.run([NEARSKY, *words], capture_output=True, text=True, timeout=600)
    if done.returncode != status:
        raise AssertionError(f"nearsky {' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


class Scoreboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="nearsky-eval-")
        sky, cls.store = (os.path.join(cls.folder.name, name) for name in ("sky", "store"))
        cls.labels = os.path.join(sky, "truth.csv")
        run("simulate", sky, "--stamps", str(STAMPS), "--seed", "5", "--size", "96", "--lens-fraction", "0.3")
        run("ingest", cls.store, sky)
        run("embed", cls.store, "--model", MODEL, "--precision", "fp32")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def evaluate(self, *words):
        out = os.path.join(self.folder.name, "scores.json")
        done = run("eval", self.store, "--labels", self.labels, "--draws", "2", "--bootstrap", "50",
                   "--precision", "fp32", "--out", out, *words)
        with open(out) as stream:
            return json.load(stream), done.stdout

    def test_every_column(self):
        report, table = self.evaluate("--model", MODEL, "--views", "--whiten", "16", "--baselines", "all")
        names = [model["name"] for model in report["models"]]
        self.assertEqual(names, ["store", "store+w", MODEL, MODEL + "+w", MODEL + "+v", MODEL + "+v+w",
                                 "catalogue", "pixels", "hand-made", "random"])
        scores = {model["name"]: model["scores"] for model in report["models"]}
        for name in names:
            for key in ("retrieval.p_at_10.macro", "lens.20.all.auroc", "lens.20.matched.auroc",
                        "redshift.knn.sigma_mad", "redshift.ridge.sigma_mad"):
                score = scores[name][key]
                self.assertLessEqual(score["low"], score["value"], (name, key))
                self.assertLessEqual(score["value"], score["high"], (name, key))
        # The same weights on the same stamps: the store's vectors but for float16.
        for key in ("retrieval.p_at_10.macro", "lens.20.all.auroc"):
            self.assertAlmostEqual(scores["store"][key]["value"], scores[MODEL][key]["value"], delta=0.05)
        self.assertEqual({key: score for key, score in scores[MODEL].items() if "invariance" not in key},
                         scores["random"])
        self.assertNotEqual(scores[MODEL], scores[MODEL + "+v"])
        for change in ("rotation", "noise", "seeing"):
            first, ten = (scores[MODEL][f"invariance.{change}.{key}"]["value"] for key in ("first", "among_10"))
            self.assertTrue(0 <= first <= ten <= 1, change)
            self.assertLessEqual(scores[MODEL][f"invariance.{change}.cosine"]["value"], 1 + 1e-5)
        self.assertFalse([key for key in scores["hand-made"] if key.startswith("invariance")])
        self.assertIn("hand-made", table)
        self.assertEqual(report["labels"]["objects"], STAMPS - report["labels"]["not_in_store"])

    def test_same_numbers_for_any_number_of_threads(self):
        words = ("--baselines", "pixels,hand-made", "--seed", "7")
        first, _ = self.evaluate(*words, "--threads", "1")
        again, _ = self.evaluate(*words, "--threads", "3")
        self.assertEqual(first, again)
        other, _ = self.evaluate("--baselines", "pixels,hand-made", "--seed", "8")
        self.assertNotEqual(first["models"], other["models"])

    def test_results(self):
        self.evaluate("--baselines", "pixels", "--tasks", "retrieval,redshift")
        one = os.path.join(self.folder.name, "one.json")
        os.replace(os.path.join(self.folder.name, "scores.json"), one)
        self.evaluate("--baselines", "hand-made", "--no-store", "--tasks", "retrieval,redshift")
        two = os.path.join(self.folder.name, "scores.json")
        page = subprocess.run([sys.executable, RESULTS, one, two, "--columns", "hand-made=By hand,pixels"],
                              capture_output=True, text=True, check=True).stdout
        self.assertIn("| | By hand | pixels |", page)
        self.assertIn("P@10, mean of all classes", page)
        self.assertNotIn("Morphology", page)
        self.evaluate("--baselines", "hand-made", "--no-store", "--tasks", "retrieval", "--seed", "9")
        other = subprocess.run([sys.executable, RESULTS, one, two], capture_output=True, text=True)
        self.assertNotEqual(other.returncode, 0)
        self.assertIn("options are not those of", other.stderr)

    def test_plain_labels(self):
        plain = os.path.join(self.folder.name, "plain.csv")
        with open(self.labels) as truth, open(plain, "w") as out:
            header = truth.readline().rstrip("\n").split(",")
            name, kind = header.index("name"), header.index("class")
            out.write("name,label\n")
            for line in truth:
                fields = line.rstrip("\n").split(",")
                out.write(f"{fields[name]},{fields[kind]}\n")
        done = run("eval", self.store, "--labels", plain, "--draws", "2", "--bootstrap", "50", "--json")
        report = json.loads(done.stdout)
        self.assertIn("redshift", report["skipped"])
        self.assertIn("lens.20.matched.auroc", report["models"][0]["scores"])

    def test_wrong_usage(self):
        self.assertIn("--labels", run("eval", self.store, status=2).stderr)
        for words in (("--draws", "0"), ("--bootstrap", "x"), ("--baselines", "best"), ("--tasks", "all"),
                      ("--classes", "spiral"), ("--classes", "a,a"), ("--whiten", "1"), ("--precision", "fp8"),
                      ("--no-store",), ("--nonsense",), ("--seed", "-1"), ("two-stores",)):
            self.assertIn("--help", run("eval", self.store, "--labels", self.labels, *words, status=2).stderr)

    def test_wrong_labels(self):
        wrong = os.path.join(self.folder.name, "wrong.csv")
        with open(wrong, "w") as out:
            out.write("name,class\nnobody,lens\n")
        self.assertIn("another survey", run("eval", self.store, "--labels", wrong, status=1).stderr)
        self.assertIn("absent.csv", run("eval", self.store, "--labels", "absent.csv", status=1).stderr)
        self.assertIn("absent", run("eval", "absent", "--labels", self.labels, status=1).stderr)
        self.assertIn("absent", run("eval", self.store, "--labels", self.labels, "--model", "absent.safetensors",
                                    "--no-store", status=1).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
