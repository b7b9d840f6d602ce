"""Makes the small XGBoost models in tests/Limn.Tests/Trees/Models, with their predictions. Needs xgboost (1.7.4 was used) and numpy.

    python3 benchmarks/peers/tree_fixtures.py tests/Limn.Tests/Trees/Models

NAME.json, for some NAME.ubj too, and NAME.csv: a row each of features (nan is missing), margins and predictions.
"""
import pathlib
import sys

import numpy as np
import xgboost as xgb

FEATURES = 5
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def data(seed, rows=400):
    random = np.random.RandomState(seed)
    x = random.randn(rows, FEATURES).astype(np.float32)
    x[random.rand(rows, FEATURES) < 0.1] = np.nan
    z = np.nan_to_num(x)
    return random, x, z[:, 0] * z[:, 1] + z[:, 2] - 0.5 * z[:, 3] ** 2


def save(name, booster, x, binary=False, types=None):
    booster.save_model(folder / f"{name}.json")
    if binary:
        booster.save_model(folder / f"{name}.ubj")
    rows = xgb.DMatrix(x[:40], feature_types=types)
    margin = booster.predict(rows, output_margin=True).reshape(40, -1)
    prediction = booster.predict(rows).reshape(40, -1)
    np.savetxt(folder / f"{name}.csv", np.hstack([x[:40], margin, prediction]), fmt="%.9g", delimiter=",")


def train(name, objective, label, x, rounds=4, binary=False, types=None, **options):
    settings = dict(objective=objective, max_depth=3, eta=0.5, seed=0, nthread=1, **options)
    booster = xgb.train(settings, xgb.DMatrix(x, label, feature_types=types), rounds)
    save(name, booster, x, binary, types)


random, x, y = data(1)
train("dart", "binary:logistic", (y > 0).astype(int), x, 8, True, booster="dart", rate_drop=0.5, base_score=0.3)
train("multi", "multi:softprob", np.digitize(y, [-1, 0.5]), x, 3, True, num_class=3, num_parallel_tree=2, subsample=0.7)
train("poisson", "count:poisson", random.poisson(np.exp(np.clip(y, -3, 2))), x, base_score=1.7)
train("hinge", "binary:hinge", (y > 0).astype(int), x)
train("logitraw", "binary:logitraw", (y > 0).astype(int), x, base_score=0.4)
train("targets", "reg:squarederror", np.stack([y, -2 * y + 1], axis=1), x, 3)
x[:, 1] = random.randint(0, 40, len(x))
x[:, 2] = random.randint(0, 3, len(x))
train("categories", "reg:squarederror", y + (x[:, 1] % 7) - 2 * (x[:, 2] == 1), x, 5, True, ["q", "c", "c", "q", "q"], tree_method="approx", max_cat_to_onehot=5)
