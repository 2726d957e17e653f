#!/usr/bin/python3
"""The peer of `nearsky bench embed`: the same network in PyTorch, images in memory to unit vectors.

    bench/peer_torch.py ARCH SIZE MODE THREADS SECONDS [BATCH]

MODE is DTYPE-LAYOUT-GRAPH: fp32 or bf16, nchw or nhwc, eager or frozen (traced, batch norms folded,
optimize_for_inference). The network is the one that the golden tests compare nearsky's with. Prints
JSON; a mode that this PyTorch cannot run prints {"error": ...}.
"""
import json
import os
import sys
import time

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "encoder"))
from export_goldens import ResNet  # noqa: E402


class Embedder(torch.nn.Module):
    def __init__(self, arch):
        super().__init__()
        self.network = ResNet(arch, "imagenet")

    def forward(self, images):
        return torch.nn.functional.normalize(self.network(images)["avgpool"])


def build(arch, images, dtype, layout, graph):
    model = Embedder(arch).eval()
    if layout == "nhwc":
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    if dtype == "bf16":
        model, images = model.bfloat16(), images.bfloat16()
    if graph == "frozen":
        model = torch.jit.optimize_for_inference(torch.jit.trace(model, images))
    return model, images


def measure(model, images, seconds):
    for _ in range(3):
        model(images)
    count, start, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        model(images)
        count += len(images)
    return count / (time.monotonic() - start), count / (time.process_time() - cpu)


def main():
    arch, size, mode, threads, seconds = sys.argv[1:6]
    batch = int(sys.argv[6]) if len(sys.argv) > 6 else 32
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    report = {"mode": mode, "threads": int(threads), "batch": batch, "torch": torch.__version__,
              "onednn": bool(torch.backends.mkldnn.is_available())}
    try:
        with torch.inference_mode():
            model, images = build(arch, torch.randn(batch, 3, int(size), int(size)),
                                  *mode.split("-"))
            rate, cpu_rate = measure(model, images, float(seconds))
        report.update(images_per_s=round(rate, 1), images_per_cpu_s=round(cpu_rate, 1))
    except RuntimeError as error:
        report["error"] = str(error).strip().splitlines()[-1]
    print(json.dumps(report))


main()
