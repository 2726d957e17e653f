#!/usr/bin/env python3
"""The peer of `nearsky-gpu-check train-speed`: the same step of momentum contrast in PyTorch on the same
card: torch.compile, channels last, bf16 autocast, float32 parameters, one view a query, the other its key,
65536 negatives, SGD with momentum, a momentum encoder. Images come from host memory each step, as there.

    bench/gpu/peer_train.py ARCH SIZE SECONDS [BATCH]

Prints JSON with pairs a second. --cpu SIZE runs two small steps without a card: that the program works.
"""
import json
import os
import sys
import time

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "encoder"))
from export_goldens import ResNet  # noqa: E402

HIDDEN, DIM, QUEUE, TEMPERATURE = 512, 128, 65536, 0.2


class Projected(torch.nn.Module):
    def __init__(self, arch, size):
        super().__init__()
        self.trunk = ResNet(arch, "imagenet")
        with torch.no_grad():
            width = self.trunk(torch.zeros(2, 3, size, size))["avgpool"].shape[1]
        self.head = torch.nn.Sequential(torch.nn.Linear(width, HIDDEN, bias=False),
                                        torch.nn.BatchNorm1d(HIDDEN), torch.nn.ReLU(),
                                        torch.nn.Linear(HIDDEN, DIM))

    def forward(self, images):
        return torch.nn.functional.normalize(self.head(self.trunk(images)["avgpool"]).float())


class Moco:
    def __init__(self, arch, size, device, queue, compiled):
        self.device = device
        query, key = (Projected(arch, size).train().to(device, memory_format=torch.channels_last)
                      for _ in range(2))
        key.load_state_dict(query.state_dict())
        self.slow, self.fast = list(key.parameters()), list(query.parameters())
        self.optimiser = torch.optim.SGD(query.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        self.queue = torch.nn.functional.normalize(torch.randn(queue, DIM, device=device))
        self.at = 0
        wrap = (lambda module: torch.compile(module, dynamic=False)) if compiled else (lambda module: module)
        self.query, self.key = wrap(query), wrap(key)

    def step(self, views):
        a, b = (v.to(self.device, non_blocking=True).to(memory_format=torch.channels_last) for v in views)
        with torch.autocast(self.device, torch.bfloat16):
            with torch.no_grad():
                keys = self.key(b)
            queries = self.query(a)
        logits = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ self.queue.T], 1) / TEMPERATURE
        loss = torch.nn.functional.cross_entropy(
            logits, torch.zeros(len(queries), dtype=torch.long, device=self.device))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        with torch.no_grad():
            torch._foreach_mul_(self.slow, 0.99)
            torch._foreach_add_(self.slow, self.fast, alpha=0.01)
            self.queue[self.at:self.at + len(keys)] = keys
        self.at = (self.at + len(keys)) % len(self.queue)
        return loss.item()  # as nearsky's step, which looks at the loss before it goes on


def rate(moco, views, seconds):
    for _ in range(5):
        moco.step(views)
    count, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        loss = moco.step(views)
        count += len(views[0])
    return count / (time.monotonic() - start), loss


def main():
    torch.manual_seed(1)
    if sys.argv[1] == "--cpu":
        moco = Moco("resnet18", int(sys.argv[2]), "cpu", 64, False)
        losses = [moco.step(torch.randn(2, 8, 3, int(sys.argv[2]), int(sys.argv[2]))) for _ in range(2)]
        print(json.dumps({"losses": losses}))
        return
    arch, size, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    batch = int(sys.argv[4]) if len(sys.argv) > 4 else 256
    torch.set_float32_matmul_precision("high")
    views = torch.randn(2, batch, 3, size, size).pin_memory()
    pairs_per_s, loss = rate(Moco(arch, size, "cuda", QUEUE, True), views, seconds)
    print(json.dumps({"name": "PyTorch", "version": torch.__version__, "arch": arch, "size": size, "batch": batch,
                      "loss": round(loss, 4), "pairs_per_s": round(pairs_per_s, 1),
                      "card": torch.cuda.get_device_name(0)}))


main()
