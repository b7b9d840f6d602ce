"""What scikit-learn makes of the samples of a local surrogate: ridge, lasso, lasso path, forward selection.

Writes samples.csv (weight, score, features) and expected.csv (what, then a number for each feature, the intercept and R2) into the folder given; the tests of
Limn.Games.Local read them. Needs numpy and scikit-learn.
"""
import sys
import numpy as np
from sklearn.linear_model import Lasso, LinearRegression, Ridge, lars_path

rng = np.random.default_rng(7)
n, m = 120, 8
z = (rng.random((n, m)) < 0.5).astype(float)
z[0] = 1
z[:, 7] = rng.normal(size=n)  # one feature that is a number
w = np.sqrt(np.exp(-((1 - z[:, :7]).sum(1)) / (0.75 * np.sqrt(m)) ** 2))
y = z @ np.array([2, -1, 0.5, 0, 0, 0.25, 0.1, -0.7]) + 0.8 * z[:, 0] * z[:, 1] + 0.2 * rng.normal(size=n)

lines = []


def add(what, coef, intercept, r2):
    lines.append(",".join([what] + [repr(float(v)) for v in [*coef, intercept, r2]]))


def fit(what, model, kept=None):
    kept = list(range(m)) if kept is None else sorted(int(k) for k in kept)
    model.fit(z[:, kept], y, sample_weight=w)
    coef = np.zeros(m)
    coef[kept] = model.coef_
    add(what, coef, model.intercept_, model.score(z[:, kept], y, sample_weight=w))


fit("ridge", Ridge(alpha=1))
fit("ridge-10", Ridge(alpha=10))
fit("least-squares", LinearRegression())
fit("lasso", Lasso(alpha=0.01, tol=1e-14, max_iter=1000000))
fit("lasso-0.1", Lasso(alpha=0.1, tol=1e-14, max_iter=1000000))

# As LIME selects: forward by R2, highest weights of a ridge, the lasso path from its end.
used = []
for _ in range(4):
    scores = {j: LinearRegression().fit(z[:, used + [j]], y, sample_weight=w).score(z[:, used + [j]], y, sample_weight=w) for j in range(m) if j not in used}
    used.append(max(scores, key=scores.get))
fit("forward", Ridge(alpha=1), used)
weights = np.abs(Ridge(alpha=0.01).fit(z, y, sample_weight=w).coef_ * z[0])
fit("highest-weights", Ridge(alpha=1), np.argsort(-weights)[:4])
zw = (z - np.average(z, axis=0, weights=w)) * np.sqrt(w[:, None])
yw = (y - np.average(y, weights=w)) * np.sqrt(w)
_, _, path = lars_path(zw, yw, method="lasso")
for i in range(path.shape[1] - 1, 0, -1):
    nonzero = path.T[i].nonzero()[0]
    if len(nonzero) <= 4:
        break
fit("lasso-path", Ridge(alpha=1), nonzero)
for i in range(path.shape[1]):
    add(f"path-{i}", path.T[i], 0, 0)

folder = sys.argv[1]
np.savetxt(f"{folder}/samples.csv", np.column_stack([w, y, z]), delimiter=",", fmt="%.17g")
with open(f"{folder}/expected.csv", "w") as out:
    out.write("\n".join(lines) + "\n")
