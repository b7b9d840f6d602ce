"""Predicts with XGBoost what Limn wrote: python3 benchmarks/peers/xgboost_reads.py FOLDER. Needs xgboost (1.7.4 was used) and numpy.

For every NAME.json in the folder, NAME.csv holds rows (nan is missing); the predictions are written to NAME.out.csv, and the model as XGBoost saves it to
NAME.ubj. The test XGBoost_predicts_the_same_with_what_is_written runs it: LIMN_XGBOOST=python3 dotnet test tests/Limn.Tests --filter TreeWriter
"""
import pathlib
import sys

import numpy as np
import xgboost as xgb

for model in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    booster = xgb.Booster(model_file=model)
    rows = np.loadtxt(model.with_suffix(".csv"), delimiter=",", dtype=np.float32, ndmin=2)
    types = booster.feature_types
    table = xgb.DMatrix(rows, feature_names=booster.feature_names, feature_types=types, enable_categorical=True)
    np.savetxt(model.with_suffix(".out.csv"), booster.predict(table).reshape(len(rows), -1), fmt="%.9g", delimiter=",")
    again = model.with_suffix(".ubj")
    booster.save_model(again)  # what it read is whole
