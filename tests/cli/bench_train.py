"""`nearsky bench train`: pairs and labels, on the CPU and on a card (of host memory: TEST-MODULE), with one report; one
line where there is no card.

usage: bench_train.py NEARSKY-BINARY TEST-MODULE   (Python's standard library only)
"""

import json
import os
import subprocess
import sys
import unittest

NEARSKY, MODULE = os.path.abspath(sys.argv.pop(1)), os.path.abspath(sys.argv.pop(1))
SMALL = ["--size", "16", "--sub-batch", "4", "--threads", "1", "--seconds", "0.1"]


def bench(*words, status=0, **variables):
    done = subprocess.run([NEARSKY, "bench", "train", *SMALL, *words], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "NEARSKY_CUDA_MODULE": MODULE, **variables})
    if done.returncode != status:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}, not {status}\n{done.stderr}")
    return done


class BenchTrain(unittest.TestCase):
    def report(self, *words):
        report = json.loads(bench("--json", *words).stdout)
        self.assertGreater(report["pairs_per_s"], 0)
        self.assertGreater(report["pairs_per_cpu_s"], 0)
        self.assertGreater(report["steps"], 0)
        self.assertEqual((report["size"], report["sub_batch"], report["threads"]), (16, 4, 1))
        self.assertEqual(report["labels"], "--labels" in words)
        return report

    def test_cpu_and_card(self):
        keys = set()
        for labels in [], ["--labels"]:
            cpu = self.report("--precision", "fp32", *labels)
            self.assertEqual((cpu["device"], cpu["precision"]), ("cpu", "fp32"))
            self.assertGreater(cpu["kernel_pairs_per_cpu_s"], cpu["pairs_per_cpu_s"] / 2)
            self.assertGreater(cpu["kernel_ratio"], 0)
            card = self.report("--device", "cuda", *labels)
            self.assertEqual((card["device"], card["precision"]), ("cuda", "bf16"))
            self.assertIsNone(card["kernel_pairs_per_cpu_s"])  # it does not tell
            self.assertIsNone(card["kernel_ratio"])
            keys |= {tuple(cpu), tuple(card)}
        self.assertEqual(len(keys), 1)

    def test_words(self):
        self.assertIn("images/s", bench("--precision", "fp32", "--labels").stdout)
        said = bench("--device", "cuda").stdout
        self.assertIn("pairs/s", said)
        self.assertIn("kernels alone: not told", said)

    def test_no_card(self):
        for variables, word in (({"NEARSKY_TEST_NO_CARD": "1"}, "--device cpu"),
                                ({"NEARSKY_CUDA_MODULE": "/nowhere/nearsky_cuda.so"}, "--device cpu")):
            done = bench("--device", "cuda", status=1, **variables)
            self.assertIn(word, done.stderr)
            self.assertEqual((done.stderr.count("\n"), done.stdout), (1, ""))
        self.assertIn("--precision bf16", bench("--device", "cuda", "--precision", "fp32", status=1).stderr)
        self.assertIn("abacus", bench("--device", "abacus", status=1).stderr)
        bench("--sub-batch", "1", status=2)


if __name__ == "__main__":
    unittest.main()
