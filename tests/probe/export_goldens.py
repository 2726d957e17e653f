#!/usr/bin/env python3
"""Writes golden/sklearn.json: what scikit-learn makes of small problems, for tests/probe.

Run with Debian's python3-sklearn (it was 1.2.1): /usr/bin/python3 tests/probe/export_goldens.py
"""
import json
import os
import warnings

import numpy as np
import sklearn
from sklearn.calibration import _sigmoid_calibration
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import (accuracy_score, average_precision_score, f1_score, r2_score,
                             roc_auc_score, roc_curve)

warnings.simplefilter("ignore")


def logistic(rng):
    """Class-weighted, with LIBLINEAR's regularised bias, in the units of classifier.h."""
    n, dim, c = 90, 6, 3.0
    y = (np.arange(n) < 25).astype(int)
    x = (rng.normal(size=(n, dim)) + y[:, None] * rng.normal(size=dim)).astype(np.float32)
    centred = x.astype(float) - x.mean(0, dtype=float)
    scale = np.sqrt(n / (centred ** 2).sum())
    model = LogisticRegression(C=c, solver="liblinear", intercept_scaling=1, tol=1e-10,
                               class_weight="balanced", max_iter=10000)
    # "balanced" is n / (2 n_class), the rule of classifier.h
    model.fit(centred * scale, y)
    weights = model.coef_[0] * scale
    bias = model.intercept_[0] - weights @ x.mean(0, dtype=float)
    return dict(n=n, dim=dim, c=c, x=x.ravel().tolist(), label=y.tolist(),
                weights=weights.tolist(), bias=float(bias))


def several(rng):
    n, dim, c = 80, 5, 10.0
    y = np.arange(n) % 4
    x = (rng.normal(size=(n, dim)) + 1.5 * rng.normal(size=(4, dim))[y]).astype(np.float32)
    centred = x.astype(float) - x.mean(0, dtype=float)
    scale = np.sqrt(n / (centred ** 2).sum())
    weights, bias = [], []
    for k in range(4):
        model = LogisticRegression(C=c, solver="liblinear", tol=1e-10, class_weight="balanced",
                                   max_iter=10000).fit(centred * scale, y == k)
        weights.append((model.coef_[0] * scale).tolist())
        bias.append(float(model.intercept_[0] - np.dot(weights[-1], x.mean(0, dtype=float))))
    return dict(n=n, dim=dim, c=c, x=x.ravel().tolist(), label=y.tolist(), weights=weights,
                bias=bias)


def discriminant(rng, n, dim, positives):
    y = (np.arange(n) < positives).astype(int)
    x = (rng.normal(size=(n, dim)) * np.linspace(0.3, 2, dim) +
         y[:, None] * rng.normal(size=dim)).astype(np.float32)
    means = [x[y == k].mean(0, dtype=float) for k in (0, 1)]
    residual = x - np.array(means)[y]
    shrinkage = ledoit_wolf_shrinkage(residual, assume_centered=True)
    covariance = residual.T @ residual / n
    mu = np.trace(covariance) / dim
    covariance = (1 - shrinkage) * covariance + shrinkage * mu * np.eye(dim)
    weights = np.linalg.solve(covariance, means[1] - means[0])
    return dict(n=n, dim=dim, x=x.ravel().tolist(), label=y.tolist(), shrinkage=float(shrinkage),
                direction=(weights / np.linalg.norm(weights)).tolist())


def ridge(rng, n, dim):
    x = rng.normal(size=(n, dim)).astype(np.float32)
    y = x @ rng.normal(size=dim) + 0.7 + rng.normal(size=n)
    alphas = [0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0]
    model = RidgeCV(alphas=alphas).fit(x.astype(float), y)
    held_out = [float(Ridge(alpha=model.alpha_).fit(np.delete(x, i, 0).astype(float),
                                                    np.delete(y, i)).predict(x[i:i + 1])[0])
                for i in range(n)]
    return dict(n=n, dim=dim, x=x.ravel().tolist(), y=y.tolist(), alphas=alphas,
                alpha=float(model.alpha_), weights=model.coef_.tolist(),
                bias=float(model.intercept_), held_out=held_out)


def ranking(rng):
    n = 500
    y = (rng.random(n) < 0.2).astype(int)
    scores = np.round(rng.normal(size=n) + 1.2 * y, 1)  # many ties
    fpr, tpr, _ = roc_curve(y, scores, drop_intermediate=False)
    slope, offset = _sigmoid_calibration(scores, y)  # p = 1 / (1 + exp(A s + B))
    return dict(n=n, scores=scores.tolist(), positive=y.tolist(),
                auroc=roc_auc_score(y, scores), average_precision=average_precision_score(y, scores),
                tpr_1e2=float(tpr[fpr <= 1e-2].max()), slope=-float(slope), offset=-float(offset))


def classes(rng):
    n = 200
    truth = rng.integers(0, 5, n)
    guess = np.where(rng.random(n) < 0.6, truth, rng.integers(0, 6, n))
    return dict(n=n, truth=truth.tolist(), guess=guess.tolist(),
                accuracy=accuracy_score(truth, guess), macro_f1=f1_score(truth, guess,
                                                                         average="macro"))


def numbers(rng):
    n = 151
    truth = rng.random(n) * 0.8
    estimate = truth + 0.03 * rng.standard_t(2, n)
    d = (estimate - truth) / (1 + truth)
    return dict(n=n, truth=truth.tolist(), estimate=estimate.tolist(), r2=r2_score(truth, estimate),
                rmse=float(np.sqrt(np.mean((estimate - truth) ** 2))), bias=float(d.mean()),
                sigma_mad=float(1.4826 * np.median(np.abs(d - np.median(d)))),
                outliers_05=float((np.abs(d) > 0.05).mean()),
                outliers_15=float((np.abs(d) > 0.15).mean()))


def main():
    rng = np.random.default_rng(20)
    golden = dict(sklearn=sklearn.__version__, numpy=np.__version__, logistic=logistic(rng),
                  several=several(rng), discriminant_tall=discriminant(rng, 60, 8, 9),
                  discriminant_wide=discriminant(rng, 12, 20, 4), ridge_tall=ridge(rng, 50, 8),
                  ridge_wide=ridge(rng, 20, 33), ranking=ranking(rng), classes=classes(rng),
                  numbers=numbers(rng))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "sklearn.json")
    with open(path, "w") as f:
        json.dump(golden, f, separators=(",", ":"))
        f.write("\n")


main()
