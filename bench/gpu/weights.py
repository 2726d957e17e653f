#!/usr/bin/env python3
"""Weights for nearsky-gpu-check: float32, in the order that `nearsky-gpu-check tensors` names.

    bench/gpu/weights.py CHECK ARCH OUT [MODEL.safetensors | seed]

Reads safetensors with the standard library and NumPy; without a file draws He-normal weights, with
batch norms that are not at rest (last ones of blocks halved, so that fifty layers stay in range).
"""
import json
import struct
import subprocess
import sys

import numpy


def tensors(check, arch):
    text = subprocess.run([check, "tensors", "arch=" + arch], check=True, stdout=subprocess.PIPE,
                          text=True).stdout
    for line in text.splitlines():
        name, *shape = line.split()
        yield name, [int(n) for n in shape]


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    types = {"F32": "<f4", "F16": "<f2"}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        if entry["dtype"] == "BF16":
            raw = numpy.frombuffer(data[first:end], "<u2").astype("<u4") << 16
            yield name, raw.view("<f4")
        elif entry["dtype"] in types:
            yield name, numpy.frombuffer(data[first:end], types[entry["dtype"]]).astype("<f4")


def draw(rng, name, shape):
    if len(shape) == 4:
        fan = shape[1] * shape[2] * shape[3]
        return rng.normal(0, (2 / fan) ** 0.5, shape)
    last = name.rsplit(".", 1)[1]
    if last == "weight":
        return rng.uniform(0.7, 1.3, shape) * (0.4 if "bn3" in name else 1)
    if last == "running_var":
        return rng.uniform(0.8, 1.25, shape)
    return rng.normal(0, 0.1, shape)


def main():
    check, arch, out, *source = sys.argv[1:]
    given = None
    if source and not source[0].isdigit():
        given = dict(read_safetensors(source[0]))
    rng = numpy.random.default_rng(int(source[0]) if source and given is None else 1)
    with open(out, "wb") as file:
        for name, shape in tensors(check, arch):
            values = given[name] if given else draw(rng, name, shape)
            if values.size != numpy.prod(shape):
                sys.exit(f"{source[0]}: {name} has {values.size} numbers, not {shape}")
            file.write(numpy.ascontiguousarray(values, "<f4").tobytes())


main()
