"""Makes the small LightGBM models in tests/Limn.Tests/Trees/Models, with their predictions. Needs lightgbm (4.6.0 was used) and numpy.

    python3 benchmarks/peers/lightgbm_fixtures.py tests/Limn.Tests/Trees/Models [the lightgbm program of version 2]

lightgbm_NAME.txt, and lightgbm_NAME.csv: a row each of features (nan is missing), margins, predictions and, per output, contributions with the bias last.
With the program of version 2 (2.2.3 was used) also lightgbm_v2.txt, whose CSV has no contributions.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import lightgbm as lgb
import numpy as np

FEATURES = 5
folder = pathlib.Path(sys.argv[1])


def data(seed, rows=400):
    random = np.random.RandomState(seed)
    x = random.randn(rows, FEATURES).astype(np.float32)
    x[random.rand(rows, FEATURES) < 0.1] = np.nan
    x[random.rand(rows, FEATURES) < 0.1] = 0
    z = np.nan_to_num(x)
    return random, x, z[:, 0] * z[:, 1] + z[:, 2] - 0.5 * z[:, 3] ** 2


def categorical(random, x):
    x[:, 1] = random.randint(0, 71, len(x))
    x[:, 2] = random.randint(0, 3, len(x))
    x[::9, 1] = np.nan


def save(name, booster, x):
    booster.save_model(folder / f"lightgbm_{name}.txt")
    rows = np.array(x[:40], dtype=np.float32)
    edges = [np.nan, 0, -0.0, 1e-36, -1e-36, 1e-34, -0.5, -1, 30.9, 31, 32, 63, 64, 65, 70, 71, 96, 1000, 1e9, -1e9]
    rows[:20, 1] = edges
    rows[20:40, 3] = edges
    margin = booster.predict(rows, raw_score=True).reshape(40, -1)
    prediction = booster.predict(rows).reshape(40, -1)
    contributions = booster.predict(rows, pred_contrib=True).reshape(40, -1)
    if booster.params.get("boosting") == "rf":  # raw scores and contributions are sums over the trees, what predictions are made from is the mean
        margin, contributions = margin / booster.num_trees(), contributions / booster.num_trees()
    np.savetxt(folder / f"lightgbm_{name}.csv", np.hstack([rows, margin, prediction, contributions]), fmt="%.9g", delimiter=",")


def train(name, objective, label, x, rounds=5, categories=(), **options):
    settings = dict(objective=objective, num_leaves=8, learning_rate=0.3, min_data_in_leaf=5, min_data_per_group=5, cat_smooth=1,
                    seed=0, num_threads=1, deterministic=True, verbose=-1, **options)
    names = ["age", "kind", "size", "x_3", "längd"]
    table = lgb.Dataset(x.astype(np.float64), label, feature_name=names, categorical_feature=list(categories), params=settings)
    save(name, lgb.train(settings, table, rounds), x)


random, x, y = data(1)
complete = np.nan_to_num(x)
train("regression", "regression", y, x)
train("complete", "regression_l1", complete[:, 0] + y, complete)                      # no missing values in training: NaN is compared as 0
train("zero", "huber", y, x, zero_as_missing=True)
train("binary", "binary", (y > 0).astype(int), x, sigmoid=2.5)
train("multiclass", "multiclass", np.digitize(y, [-1, 0.5]), x, 3, num_class=3)
train("ova", "multiclassova", np.digitize(y, [-1, 0.5]), x, 3, num_class=3, sigmoid=0.7)
train("poisson", "poisson", random.poisson(np.exp(np.clip(y, -3, 2))), x)
train("sqrt", "regression", 3 * y, x, reg_sqrt=True)
train("lambda", "cross_entropy_lambda", 1 / (1 + np.exp(-y)), x)
train("dart", "binary", (y > 0).astype(int), x, 8, boosting="dart", drop_rate=0.5)
train("rf", "binary", (y > 0).astype(int), x, 6, boosting="rf", bagging_freq=1, bagging_fraction=0.6)
train("leaf", "regression", y, x, 2, min_gain_to_split=1e9)
categorical(random, x)
label = y + (x[:, 1] % 7 == 3) * 2 - 2 * (x[:, 2] == 1)
train("categories", "regression", np.nan_to_num(label), x, 6, [1, 2], max_cat_to_onehot=4)
linear = lgb.train(dict(objective="regression", linear_tree=True, num_leaves=4, verbose=-1), lgb.Dataset(complete.astype(np.float64), y), 2)
linear.save_model(folder / "lightgbm_linear.txt")

if len(sys.argv) > 2:
    with tempfile.TemporaryDirectory() as work:
        path = pathlib.Path(work)
        np.savetxt(path / "train.csv", np.hstack([np.nan_to_num(label)[:, None], x]), fmt="%.9g", delimiter=",")
        run = lambda **options: subprocess.run([sys.argv[2], *(f"{k}={v}" for k, v in options.items())], cwd=path, check=True, stdout=subprocess.DEVNULL)
        model = "lightgbm_v2.txt"  # which the file says of itself
        run(task="train", objective="regression", data="train.csv", output_model=model, num_trees=5, num_leaves=8, min_data_in_leaf=5, min_data_per_group=5, cat_smooth=1, categorical_feature="1,2", num_threads=1)
        np.savetxt(path / "rows.csv", np.hstack([np.zeros((40, 1)), x[:40]]), fmt="%.9g", delimiter=",")
        outputs = []
        for raw in ["true", "false"]:
            run(task="predict", data="rows.csv", input_model=model, output_result="out.txt", predict_raw_score=raw)
            outputs.append(np.loadtxt(path / "out.txt").reshape(40, -1))
        shutil.copy(path / model, folder)
        np.savetxt(folder / "lightgbm_v2.csv", np.hstack([x[:40], *outputs]), fmt="%.9g", delimiter=",")
