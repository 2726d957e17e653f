#!/usr/bin/python3
"""Runs the golden networks in PyTorch and stores what they compute.

    tests/encoder/export_goldens.py BUILD/tests/encoder/write_golden_model

The C side writes the weights (random, so they are never stored); this side defines the ResNets anew
with torchvision's parameter names, loads the weights by name, and stores samples of every stage.
Only inputs, samples, embeddings, hashes and versions go into tests/encoder/golden/.
"""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
from torch import nn

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
SAMPLES = 128
SIZES = {"imagenet": 64, "small": 32}
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}


class Block(nn.Module):
    """Basic block, or a bottleneck with its stride on the 3x3."""

    def __init__(self, inputs, width, outputs, stride, bottleneck):
        super().__init__()
        if bottleneck:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        else:
            shapes = [(inputs, width, 3, stride), (width, outputs, 3, 1)]
        self.depth = len(shapes)
        for i, (a, b, kernel, step) in enumerate(shapes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        skip = x if self.downsample is None else self.downsample(x)
        for i in range(1, self.depth + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            x = torch.relu(x if i < self.depth else x + skip)
        return x


class ResNet(nn.Module):
    def __init__(self, arch, stem):
        super().__init__()
        bottleneck = arch == "resnet50"
        small = stem == "small"
        self.conv1 = nn.Conv2d(3, 64, 3 if small else 7, 1 if small else 2, 1 if small else 3,
                               bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        channels = 64
        for layer, count in enumerate(BLOCKS[arch], 1):
            width = 64 << (layer - 1)
            outputs = width * 4 if bottleneck else width
            blocks = []
            for block in range(count):
                stride = 2 if block == 0 and layer > 1 else 1
                blocks.append(Block(channels, width, outputs, stride, bottleneck))
                channels = outputs
            setattr(self, f"layer{layer}", nn.Sequential(*blocks))

    def forward(self, x):
        stages = {}
        x = stages["conv1"] = torch.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        for layer in range(1, 5):
            x = stages[f"layer{layer}"] = getattr(self, f"layer{layer}")(x)
        stages["avgpool"] = x.mean((2, 3))
        return stages


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32"
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin:8 + length + end], "<f4")
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors, hashlib.sha256(data).hexdigest()


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, values in sorted(tensors.items()):
        dtype = {"float32": "F32", "float16": "F16"}[str(values.dtype)]
        raw = values.tobytes()
        header[name] = {"dtype": dtype, "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def make_input():
    """Two images with a blob and noise; float16, so that both sides read the same numbers."""
    random = numpy.random.default_rng(7)
    y, x = numpy.mgrid[0:64, 0:64].astype("f4")
    images = random.normal(0, 0.2, (2, 3, 64, 64))
    for n in range(2):
        for c in range(3):
            r2 = ((x - 30 - 3 * n) / (6 + 2 * c)) ** 2 + ((y - 33) / (9 - 2 * n)) ** 2
            images[n, c] += (1.5 - 0.3 * c) * numpy.exp(-r2 / 2)
    return images.astype("float16")


def sample(values):
    """SAMPLES values, an odd stride apart, and mean and root mean square of all."""
    flat = values.double().flatten()
    stride = (len(flat) // SAMPLES) | 1
    picked = flat[(torch.arange(SAMPLES) * stride) % len(flat)]
    sums = torch.stack([flat.mean(), (flat ** 2).mean().sqrt()])
    return picked.float().numpy(), sums.float().numpy()


def export(writer, arch, stem, images, folder):
    weights = os.path.join(folder, "model.safetensors")
    subprocess.run([writer, arch, stem, weights], check=True)
    state, sha256 = read_safetensors(weights)
    network = ResNet(arch, stem).eval()
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected and all(n.endswith("num_batches_tracked") for n in missing), missing
    size = SIZES[stem]
    edge = (64 - size) // 2
    crop = images[:, :, edge:edge + size, edge:edge + size].astype("float32")
    tensors = {}
    with torch.no_grad():
        for name, values in network(torch.from_numpy(crop.copy())).items():
            tensors[name + ".samples"], tensors[name + ".sums"] = sample(values)
            if name == "avgpool":
                tensors["embedding"] = nn.functional.normalize(values).numpy()
    metadata = {"arch": arch, "stem": stem, "size": str(size), "model_sha256": sha256,
                "torch": torch.__version__, "numpy": numpy.__version__}
    write_safetensors(os.path.join(HERE, f"{arch}-{stem}.safetensors"), tensors, metadata)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.backends.mkldnn.enabled = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    images = make_input()
    write_safetensors(os.path.join(HERE, "input.safetensors"), {"images": images},
                      {"numpy": numpy.__version__})
    with tempfile.TemporaryDirectory() as folder:
        for arch in BLOCKS:
            for stem in SIZES:
                export(sys.argv[1], arch, stem, images, folder)
                print(arch, stem)


if __name__ == "__main__":
    main()
