#!/usr/bin/env python3
"""The peer of nearsky-gpu-check: the same network in PyTorch on the same card, channels last, bf16,
torch.compile: stamps on the card (float16) to unit vectors on the card, stretched by the same formula.

    bench/gpu/peer.py ARCH SIZE SECONDS

Tries what torch.compile offers, and batches, and keeps the best. Also measures the card's two
ceilings: a copy inside its memory, and a large bf16 matrix product on random numbers. Prints JSON.
"""
import json
import os
import sys
import time

import torch
import torch._inductor.config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "encoder"))
from export_goldens import ResNet  # noqa: E402

BATCHES = 512, 256
# torch.compile's mode, and whether weights are constants to it (which folds the batch norms).
MODES = ("default", True), ("default", False), ("max-autotune", True), ("reduce-overhead", True)
WARM_RUNS = 5
TRY_BUDGET_S = 100  # compilation included; what has not been begun by then is left out


class Embedder(torch.nn.Module):
    def __init__(self, arch):
        super().__init__()
        self.network = ResNet(arch, "imagenet")
        self.register_buffer("scale", torch.tensor([6.0, 3.4, 2.2]).view(1, 3, 1, 1))

    def forward(self, flux):
        v = torch.nan_to_num(flux.float()) * self.scale + 0.03
        mean = v.clamp(min=0).mean(1, keepdim=True)
        gain = torch.asinh(20 * mean) / 20 ** 0.5 / mean.clamp(min=1e-6)
        image = (v * gain).clamp(0, 1).bfloat16().contiguous(memory_format=torch.channels_last)
        return torch.nn.functional.normalize(self.network(image)["avgpool"].float()).half()


def events(run, repeats):
    """Median seconds of a run, timed on the card."""
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) * 1e-3)
    return sorted(times)[len(times) // 2]


def rate(run, batch, seconds):
    for _ in range(WARM_RUNS):
        run()
    torch.cuda.synchronize()
    count, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        for _ in range(4):
            run()
        torch.cuda.synchronize()
        count += 4 * batch
    return count / (time.monotonic() - start)


def ceilings():
    n = 8192
    a, b = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    product = events(lambda: a @ b, 20)
    block = torch.randn(1 << 29, device="cuda")
    other = torch.empty_like(block)
    other.copy_(block)
    copy = events(lambda: other.copy_(block), 20)
    return {"copy_gb_per_s": 2 * block.numel() * 4 / copy / 1e9,
            "matmul_tflop_per_s": 2 * n ** 3 / product / 1e12}


def build(arch, mode, frozen):
    torch._dynamo.reset()
    torch._inductor.config.freezing = frozen
    model = Embedder(arch).eval().cuda()
    model.network = model.network.to(memory_format=torch.channels_last).bfloat16()
    return torch.compile(model, mode=mode, dynamic=False)


def best_of(arch, size, seconds):
    tried, began, best = {}, time.monotonic(), None
    for mode, frozen in MODES:
        model = build(arch, mode, frozen)
        for batch in BATCHES:
            if time.monotonic() - began > TRY_BUDGET_S:
                break
            flux = (0.1 * torch.randn(batch, 3, size, size, device="cuda")).half()
            name = f"{mode}{' frozen' if frozen else ''} x{batch}"
            try:
                tried[name] = round(rate(lambda: model(flux), batch, 1), 1)
            except RuntimeError as error:
                tried[name] = 0
                print(name, str(error).splitlines()[-1], file=sys.stderr)
            if best is None or tried[name] > tried[best[0]]:
                best = name, model, flux
    name, model, flux = best
    return name, rate(lambda: model(flux), len(flux), seconds), tried


def main():
    arch, size, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    torch.manual_seed(1)
    with torch.inference_mode():
        report = ceilings()
        mode, images_per_s, tried = best_of(arch, size, seconds)
    report.update(name="PyTorch", version=torch.__version__, arch=arch, size=size, mode=mode,
                  images_per_s=round(images_per_s, 1), tried=tried,
                  card=torch.cuda.get_device_name(0))
    print(json.dumps(report))


main()
