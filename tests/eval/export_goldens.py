#!/usr/bin/env python3
"""Writes golden/sklearn.json: what scikit-learn and numpy make of small problems, for tests/eval.

Run with Debian's python3-sklearn (it was 1.2.1): /usr/bin/python3 tests/eval/export_goldens.py
"""
import json
import os

import numpy as np
import sklearn
from sklearn.metrics import ndcg_score, roc_auc_score, roc_curve


def ranking(rng):
    """With ties, and enough negatives for a false-positive rate of 1e-2."""
    n = 400
    y = (np.arange(n) % 4 == 0).astype(int)
    scores = np.round(rng.normal(size=n) + 1.2 * y, 1)
    fpr, tpr, _ = roc_curve(y, scores, drop_intermediate=False)
    return dict(scores=scores.tolist(), positive=y.tolist(), auroc=roc_auc_score(y, scores),
                tpr_at_1e2=tpr[fpr <= 0.01].max())


def weighted(rng):
    """The same, objects counting as often as they were drawn."""
    n = 300
    y = (np.arange(n) % 2).astype(int)
    scores = np.round(rng.normal(size=n) + 0.5 * y, 1)
    weight = rng.poisson(1.0, n)
    return dict(scores=scores.tolist(), positive=y.tolist(), weight=weight.tolist(),
                auroc=roc_auc_score(y, scores, sample_weight=weight))


def retrieval(rng):
    """P@10 and nDCG@10 of every object, by cosine, itself left out; means by class."""
    n, dim, classes = 90, 7, 3
    label = np.arange(n) % classes
    x = (rng.normal(size=(n, dim)) + 0.8 * rng.normal(size=(classes, dim))[label]).astype(np.float32)
    unit = x.astype(float) / np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    cosine = unit @ unit.T
    precision, gain = np.zeros(n), np.zeros(n)
    for i in range(n):
        others = np.arange(n) != i
        relevant = (label == label[i])[others]
        order = np.argsort(-cosine[i][others])
        precision[i] = relevant[order[:10]].mean()
        gain[i] = ndcg_score([relevant.astype(float)], [cosine[i][others]], k=10)
    return dict(n=n, dim=dim, classes=classes, x=x.ravel().tolist(),
                p_at_10=[precision[label == c].mean() for c in range(classes)],
                ndcg_at_10=[gain[label == c].mean() for c in range(classes)])


def components(rng):
    """Deviations along the principal components."""
    n, dim = 80, 12
    x = (rng.normal(size=(n, dim)) * np.logspace(0, -2, dim) @ rng.normal(size=(dim, dim)))
    x = x.astype(np.float32)
    centred = x.astype(float) - x.astype(float).mean(0)
    return dict(n=n, dim=dim, x=x.ravel().tolist(),
                deviation=(np.linalg.svd(centred, compute_uv=False) / np.sqrt(n)).tolist())


def main():
    rng = np.random.default_rng(20260101)
    golden = dict(made_by=f"scikit-learn {sklearn.__version__}, numpy {np.__version__}",
                  ranking=ranking(rng), weighted=weighted(rng), retrieval=retrieval(rng),
                  components=components(rng))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "sklearn.json")
    with open(path, "w") as stream:
        json.dump(golden, stream, indent=None, separators=(",", ":"))
        stream.write("\n")


if __name__ == "__main__":
    main()
