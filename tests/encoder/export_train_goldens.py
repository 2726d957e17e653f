#!/usr/bin/python3
"""Trains the tiny network of train_networks.h in PyTorch, in float64, and stores what comes of it.

    tests/encoder/export_train_goldens.py

Inputs, initial parameters and queue are formulas that both sides compute exactly, so only results
are stored: ten losses, the first step's gradients, and parameters, slow parameters and running
statistics after the tenth. test_train_golden.c replays the same ten steps.
"""
import os
import sys

import numpy
import torch
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from export_goldens import write_safetensors  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
SIDE, BATCH, STEPS, QUEUE, DIM, CLASSES = 12, 16, 10, 64, 8, 5
TEMPERATURE, MOMENTUM, DECAY, RATE, KEEP = 0.2, 0.9, 1e-2, 0.02, 0.9
# Of the heads: classes, a number, a flag, and classes that are to be near each other; every third object has no class, every fourth no number.
HEADS, HEAD_OUTPUTS, CLIP = {"class": 1.0, "number": 0.5, "flag": 0.25, "near": 0.3}, CLASSES + 1 + 2, 0.5
CASES = {
    # sub-batch, both views queries, predictor, labels (None, one column, several)
    "split": (8, True, True, None),
    "plain": (16, False, False, None),
    "labels": (8, False, False, "one"),
    "heads": (8, False, False, "several"),
}


def spread(first, count):
    """Numbers in [-1, 1) that look random: top bits of a product modulo 2^32."""
    index = numpy.arange(first, first + count, dtype=numpy.uint64)
    mixed = (index * numpy.uint64(2654435761)) % numpy.uint64(2 ** 32)
    mixed = mixed ^ (mixed >> numpy.uint64(15))
    mixed = (mixed * numpy.uint64(2246822519)) % numpy.uint64(2 ** 32)
    return ((mixed >> numpy.uint64(16)).astype("f8") / 32768 - 1)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + skip)


def mlp(inputs, hidden, outputs):
    return nn.Sequential(nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                         nn.Linear(hidden, outputs))


class Tiny(nn.Module):
    def __init__(self, predictor, labels):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(8, 16, 2), Block(16, 16, 1))
        if labels:
            self.classifier = nn.Linear(16, CLASSES if labels == "one" else HEAD_OUTPUTS)
        else:
            self.projection = mlp(16, 16, DIM)
        self.predictor = mlp(DIM, 16, DIM) if predictor else None
        self.labels = labels
        self.vectors = []

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer1(x).mean((2, 3))
        if self.labels == "several":
            x = nn.functional.normalize(x) * 4
            self.vectors.append(x)
        if self.labels:
            return self.classifier(x)
        x = self.projection(x)
        return x if self.predictor is None else self.predictor(x)


def start(network):
    """Parameters in the order of the C graph, which is the order of definition here."""
    at = 0
    with torch.no_grad():
        for name, p in network.named_parameters():
            values = spread(at, p.numel())
            if p.dim() > 1:
                fan_in = p[0].numel()
                values = values * 2.0 ** -int(numpy.floor(numpy.log2(fan_in) / 2))
            else:
                values = values / 4 + (1 if name.endswith("weight") else 0)
            p.copy_(torch.from_numpy(values).reshape(p.shape))
            at += p.numel()


def company(network, images, sub_batch):
    return torch.cat([network(chunk) for chunk in images.split(sub_batch)])


def near_loss(vectors, classes, known):
    """Khosla et al. 2020, at a temperature of 0.1, summed over those that have company."""
    unit = nn.functional.normalize(vectors)
    logits = unit @ unit.T / 0.1
    others = known[:, None] & known[None, :] & ~torch.eye(len(known), dtype=torch.bool)
    same = others & (classes[:, None] == classes[None, :])
    friends = same.sum(1)
    each = logits.masked_fill(~others, -1e30).logsumexp(1)
    mean = (logits * same).sum(1) / friends.clamp(min=1)
    return (each - mean)[friends > 0].sum()


def heads_loss(said, step, vectors, sub_batch):
    """Summed over what has a label, divided by the batch."""
    index = torch.arange(BATCH)
    near = sum(near_loss(*chunk) for chunk in zip(vectors.split(sub_batch),
                                                  ((index + step) % 3).split(sub_batch),
                                                  (index % 5 != 4).split(sub_batch)))
    classes, number, flag = said.split([CLASSES, 1, 2], 1)
    one = nn.functional.cross_entropy(classes, index * (step + 1) % CLASSES, reduction="none")
    two = nn.functional.smooth_l1_loss(number[:, 0], ((index + step) % 7 - 3).double(),
                                       reduction="none")
    three = nn.functional.cross_entropy(flag, (index + step) % 3 // 2, reduction="none")
    return (HEADS["class"] * one[index % 3 != 2].sum() + HEADS["number"] * two[index % 4 != 1].sum()
            + HEADS["flag"] * three.sum() + HEADS["near"] * near) / BATCH


def run(sub_batch, symmetric, predictor, labels):
    query = Tiny(predictor, labels).double().train()
    key = Tiny(False, labels).double().train()
    start(query)
    start(key)
    weights = [p for p in query.parameters() if p.dim() > 1]
    others = [p for p in query.parameters() if p.dim() == 1]
    optimiser = torch.optim.SGD([{"params": weights, "weight_decay": DECAY}, {"params": others}],
                                lr=RATE, momentum=MOMENTUM)
    queue = torch.from_numpy(spread(9000000, QUEUE * DIM).reshape(QUEUE, DIM).copy())
    queue = nn.functional.normalize(queue).float().double()
    losses, gradients, at = [], None, 0
    for step in range(STEPS):
        count = 2 * BATCH * 3 * SIDE * SIDE
        views = torch.from_numpy(spread(1000000 + step * count, count))
        views = views.reshape(2, BATCH, 3, SIDE, SIDE)
        views[1] = (views[0] + views[1] / 4)  # a view of the same
        optimiser.zero_grad()
        if labels == "several":
            said = company(query, views[0], sub_batch)
            loss = heads_loss(said, step, torch.cat(query.vectors), sub_batch)
            query.vectors.clear()
        elif labels:
            loss = nn.functional.cross_entropy(company(query, views[0], sub_batch),
                                               torch.arange(BATCH) * (step + 1) % CLASSES)
        else:
            pairs = [(0, 1), (1, 0)] if symmetric else [(0, 1)]
            with torch.no_grad():
                keys = [nn.functional.normalize(company(key, views[k], sub_batch))
                        for _, k in pairs]
            loss = 0
            for (q, _), k in zip(pairs, keys):
                z = nn.functional.normalize(company(query, views[q], sub_batch))
                logits = torch.cat([(z * k).sum(1, keepdim=True), z @ queue.T], 1) / TEMPERATURE
                target = torch.zeros(BATCH, dtype=torch.long)
                loss = loss + nn.functional.cross_entropy(logits, target) / len(pairs)
        loss.backward()
        losses.append(loss.item())
        if labels == "several":
            length = torch.cat([p.grad.flatten() for p in query.parameters()]).norm()
            for p in query.parameters():
                p.grad *= min(1.0, CLIP / length.item())
        if step == 0:
            gradients = torch.cat([p.grad.flatten() for p in query.parameters()]).clone()
        optimiser.step()
        if labels != "one":
            slow = dict(key.named_parameters())
            with torch.no_grad():
                for name, p in query.named_parameters():
                    if name in slow:
                        slow[name].mul_(KEEP).add_(p, alpha=1 - KEEP)
        if not labels:
            for k in torch.cat(keys):
                queue[at] = k
                at = (at + 1) % QUEUE
    flat = lambda n: torch.cat([p.detach().flatten() for p in n.parameters()])  # noqa: E731
    out = {"losses": torch.tensor(losses), "gradients": gradients, "params": flat(query)}
    if labels != "one":
        out["slow_params"] = flat(key)
    if not labels:
        out["queue"] = queue.flatten()
    if sub_batch == BATCH and not symmetric:  # one forward run a step, as PyTorch keeps statistics
        norms = [m for m in query.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
        out["stats"] = torch.cat([torch.cat([m.running_mean, m.running_var]) for m in norms])
    return {name: values.float().numpy() for name, values in out.items()}


def main():
    torch.set_num_threads(1)
    for name, case in CASES.items():
        tensors = run(*case)
        path = os.path.join(HERE, f"train-{name}.safetensors")
        write_safetensors(path, tensors, {"torch": torch.__version__})
        print(path, tensors["losses"])


if __name__ == "__main__":
    main()
