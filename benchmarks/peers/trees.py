"""Tree SHAP beside XGBoost and shap's C code, in the same run: rows a second, and ratios.

From the repository's root, with xgboost and numpy (Debian: python3-xgboost 1.7.4); shap is its sources (v0.49.1), of which only the C extension is built, with g++:

    python3 benchmarks/peers/trees.py --small small.json small_X.npy [--shap FOLDER] [--only small,big,forest,one] [--cache FOLDER] [--repeat 3]

The other models are trained once and kept in the cache folder. Each work is done by Limn and the peers in turn, the best of the repeats counts, and peers explain as few
rows as take them some seconds. Times are wall-clock of one thread unless said; Limn's are of the explanation in a process that has run it before, with its own check
that values add up, and with the building of its tables (in brackets: without, for rows that follow).
"""
import argparse
import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time

import numpy as np
import xgboost as xgb

arguments = argparse.ArgumentParser()
arguments.add_argument("--small", nargs=2, required=True, metavar=("MODEL", "ROWS"))
arguments.add_argument("--shap")
arguments.add_argument("--only", default="small,big,forest,one")
arguments.add_argument("--cache", default=os.path.join(tempfile.gettempdir(), "limn-trees"))
arguments.add_argument("--repeat", type=int, default=3)
options = arguments.parse_args()
os.makedirs(options.cache, exist_ok=True)


def data(rows, features):
    """The data of the models: a product, a wave, a square, a step and many small linear effects."""
    random = np.random.RandomState(0)
    x = random.randn(rows, features).astype(np.float32)
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.5 * x[:, 3] ** 2 + (x[:, 4] > 0) * x[:, 5] + 0.3 * x[:, 6:].sum(1) + 0.1 * random.randn(rows)
    return x, y


def made(name, rows, features, rounds, **parameters):
    model, table = (os.path.join(options.cache, name + end) for end in (".json", "_X.npy"))
    if not (os.path.exists(model) and os.path.exists(table)):
        print(f"training {name}", file=sys.stderr)
        x, y = data(rows, features)
        booster = xgb.train(dict(tree_method="hist", seed=0, **parameters), xgb.DMatrix(x, y), rounds)
        np.save(table, x[:10000])
        booster.save_model(model)
    return model, table


class Shap:
    """shap's C functions on a model of XGBoost, without its Python."""

    def __init__(self, folder, model):
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        library = os.path.join(options.cache, "_cext" + suffix)
        if not os.path.exists(library):
            includes = ["-I" + sysconfig.get_paths()["include"], "-I" + np.get_include()]
            subprocess.run(["g++", "-O2", "-shared", "-fPIC", *includes, os.path.join(folder, "shap/cext/_cext.cc"), "-o", library], check=True)
        spec = importlib.util.spec_from_file_location("_cext", library)
        self.code = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.code)
        with open(model) as file:
            learner = json.load(file)["learner"]
        trees = learner["gradient_booster"]["model"]["trees"]
        size = max(len(t["left_children"]) for t in trees)

        def table(make, kind, fill=0):
            rows = np.full((len(trees), size), fill, kind)
            for i, t in enumerate(trees):
                values = np.asarray(make(t), kind)
                rows[i, : len(values)] = values
            return rows

        left, right = table(lambda t: t["left_children"], np.int32, -1), table(lambda t: t["right_children"], np.int32, -1)
        default = np.where(table(lambda t: t["default_left"], np.int32) != 0, left, right).astype(np.int32)
        conditions = table(lambda t: t["split_conditions"], np.float32)
        thresholds = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)  # shap tests <=, XGBoost <
        values = np.where(left < 0, conditions, 0).astype(np.float64)[:, :, None].copy()
        cover = table(lambda t: t["sum_hessian"], np.float64)
        features = table(lambda t: t["split_indices"], np.int32)
        depth = self.expectations(left, right, cover, values)
        self.arrays = (left, right, default, features, thresholds, np.zeros_like(features), values, cover, depth)
        self.base = np.array([float(learner["learner_model_param"]["base_score"])])

    @staticmethod
    def expectations(left, right, cover, values):
        """Fills in the means of inner nodes; returns the depth."""
        deepest = 0
        for t in range(len(left)):
            order, depth = [0], {0: 0}
            for node in order:
                if left[t, node] >= 0:
                    for child in (left[t, node], right[t, node]):
                        depth[child] = depth[node] + 1
                        order.append(child)
            deepest = max(deepest, max(depth.values()))
            for node in reversed(order):
                l, r = left[t, node], right[t, node]
                if l >= 0:
                    both = cover[t, l] + cover[t, r]
                    values[t, node] = 0 if both == 0 else (values[t, l] * cover[t, l] + values[t, r] * cover[t, r]) / both
        return deepest

    def explain(self, x, background=None, interactions=False):
        x = np.ascontiguousarray(x, np.float64)
        n, f = x.shape
        phi = np.zeros((n, f + 1, f + 1, 1) if interactions else (n, f + 1, 1))
        missing = None if background is None else np.isnan(background)
        self.code.dense_tree_shap(*self.arrays, x, np.isnan(x), None, background, missing, -1, self.base.copy(), phi, 0 if background is not None else 1, 0, interactions)
        return phi[..., 0]


def timed(work, rows):
    best = np.inf
    for _ in range(options.repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return rows / best, result


def limn(model, table, rows, *more):
    """Rows a second with tables built, and without; and the values."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "values.npy")
        command = ["dotnet", "benchmarks/Limn.Benchmarks/bin/Release/net10.0/Limn.Benchmarks.dll", "trees", model, table, "--rows", str(rows), "--repeat", str(options.repeat + 2), "--output", out, *more]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        first, again = (float(v) for v in text.split())
        return rows / first * 1000, rows / again * 1000, np.load(out)


def report(work, bar, ours, peers, error):
    built, following, _ = ours
    names = ", ".join(f"{name} {rate:,.1f} ({built / rate:,.0f} x)" for name, rate in peers)
    print(f"| {work} | {built:,.0f} ({following:,.0f}) | {names} | {bar} | {error:.1e} |", flush=True)


def off(ours, theirs):
    """The largest difference of the first rows, relative to the range of theirs, less the bias."""
    rows, features = len(theirs), ours.shape[1]
    return np.abs(ours[:rows].squeeze() - theirs[:, :features]).max() / np.ptp(theirs[:, :features].sum(1))


subprocess.run(["dotnet", "build", "benchmarks/Limn.Benchmarks", "-c", "Release", "-v", "q", "--nologo"], check=True, stdout=sys.stderr)
print("| work | Limn, rows/s (tables kept) | peers, rows/s (ratio) | bar | off by |")
print("| --- | ---: | ---: | --- | ---: |")


def compare(name, model, table, bar, xgb_rows, shap_rows, interventional=None, interactions=None):
    x = np.load(table)
    booster = xgb.Booster({"nthread": 1}, model_file=model)
    few, some = xgb.DMatrix(x[:xgb_rows]), xgb.DMatrix(x)
    rate, values = timed(lambda: booster.predict(few, pred_contribs=True), xgb_rows)
    shap = Shap(options.shap, model) if options.shap else None
    peers = [("xgboost", rate)]
    if shap:
        peers.append(("shap", timed(lambda: shap.explain(x[:shap_rows]), shap_rows)[0]))
    ours = limn(model, table, len(x), "--threads", "1")
    report(f"{name}, path-dependent", bar, ours, peers, off(ours[2], values))
    two = limn(model, table, len(x), "--threads", "2")
    print(f"| {name}, two threads | {two[0]:,.0f} ({two[1]:,.0f}) | one thread ({two[0] / ours[0]:.2f} x, tables kept {two[1] / ours[1]:.2f} x) | 1.8 x | |", flush=True)
    rate, margins = timed(lambda: booster.predict(some, output_margin=True), len(x))
    ours = limn(model, table, len(x), "--threads", "1", "--margin")
    report(f"{name}, margin", "1 x", ours, [("xgboost", rate)], np.abs(ours[2].ravel() - margins).max() / np.ptp(margins))
    if interventional:
        hundred = limn(model, table, len(x), "--threads", "1", "--background", "100")
        peers = [("shap", *timed(lambda: shap.explain(x[:interventional], x[-100:].astype(np.float64)), interventional))] if shap else []
        report(f"{name}, interventional, 100", "100 x / 50 x", hundred, [p[:2] for p in peers], off(hundred[2], peers[0][2]) if peers else np.nan)
        many = limn(model, table, len(x), "--threads", "1", "--background", "100000")
        print(f"| {name}, interventional, 100,000 | {many[0]:,.0f} ({many[1]:,.0f}) | {hundred[0] / many[0]:.2f} times the time of 100 | 3 | |", flush=True)
    if interactions and shap:
        ours = limn(model, table, len(x), "--threads", "1", "--interactions")
        rate, values = timed(lambda: shap.explain(x[:interactions], interactions=True), interactions)
        error = np.abs(ours[2][:interactions].squeeze(-1) - values[:, :-1, :-1]).max() / np.ptp(values.sum((1, 2)))
        report(f"{name}, interactions", "150 x", ours, [("shap", rate)], error)


only = options.only.split(",")
if "small" in only:
    compare("small", *options.small, "40 x shap", 500, 500, interventional=50, interactions=10)
if "one" in only:
    ours = limn(*options.small, 1, "--threads", "1")
    print(f"| small, one row | {1000 / ours[0]:.3f} ms ({1000 / ours[1]:.3f} ms) | | 1 ms | |", flush=True)
if "big" in only:
    compare("big", *made("big", 50000, 50, 1000, max_depth=8, eta=0.1), "40 x xgboost", 50, 50, interventional=5)
if "forest" in only:
    forest = made("forest", 10000, 20, 1, max_depth=30, eta=1, num_parallel_tree=100, subsample=0.632, colsample_bynode=0.33, min_child_weight=1, reg_lambda=0)
    compare("forest to depth 30", *forest, "5 x shap", 4, 4)
