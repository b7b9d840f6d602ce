"""Kernel SHAP, Permutation SHAP and LIME of a small network: Limn beside shap and lime, alternating, on one thread and on two.

All are timed in a process that has run them before. Needs numpy (with OpenBLAS, or the peers' model is slow), PyTorch (writes the network as ONNX), and, found on the
PYTHONPATH, shap and lime; a peer that is missing is left out. Permutation SHAP is compared at equal error: Limn takes as many orders as bring its root mean squared error,
against a long run, down to shap's.
    dotnet publish benchmarks/Limn.Benchmarks -c Release -o limn-benchmarks
    python3 benchmarks/peers/black_box.py --limn limn-benchmarks/Limn.Benchmarks [--rows 50] [--repeat 3]
"""
import argparse, json, os, subprocess, sys, tempfile, time, types

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"): os.environ.setdefault(name, "1")
import numpy as np
import torch

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--limn", default="limn-benchmarks/Limn.Benchmarks", help="the program of benchmarks/Limn.Benchmarks")
parser.add_argument("--rows", type=int, default=50, help="rows that Limn explains at once (a peer explains a tenth of them)")
parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are printed")
options = parser.parse_args()

FEATURES, HIDDEN, BACKGROUND, COALITIONS, ORDERS, SAMPLES = 20, 64, 100, 2048, 12, 5000
random = np.random.default_rng(0)
w1, b1, w2 = (random.standard_normal(s).astype(np.float32) for s in ((FEATURES, HIDDEN), (HIDDEN,), (HIDDEN, 1)))
background, rows = random.standard_normal((BACKGROUND, FEATURES)).astype(np.float32), random.standard_normal((options.rows, FEATURES)).astype(np.float32)
model = lambda x: (np.tanh(np.asarray(x, np.float32) @ w1 + b1) @ w2)[:, 0]
few = rows[: max(1, options.rows // 10)]

folder = tempfile.mkdtemp()
net = torch.nn.Sequential(torch.nn.Linear(FEATURES, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, 1))
with torch.no_grad():
    net[0].weight.copy_(torch.from_numpy(w1.T)); net[0].bias.copy_(torch.from_numpy(b1)); net[2].weight.copy_(torch.from_numpy(w2.T)); net[2].bias.zero_()
torch.onnx.export(net, torch.zeros(2, FEATURES), f"{folder}/net.onnx", input_names=["x"], dynamic_axes={"x": {0: "rows"}})
np.save(f"{folder}/rows.npy", rows); np.save(f"{folder}/background.npy", background)


def limn(method, threads, *settings):
    done = subprocess.run([options.limn, "explain", folder, method, str(threads), *settings], check=True, capture_output=True, text=True)
    return float(done.stdout), np.load(f"{folder}/values.npy")


def timed(work):
    start = time.perf_counter(); values = work(few)
    return 1000 * (time.perf_counter() - start) / len(few), values


peers = {}
try:
    import shap
    from shap.explainers import Kernel, Permutation
    kernel, order = Kernel(model, background), Permutation(model, background, seed=0)
    peers["kernel-shap"] = ("shap, l1_reg=False", lambda x: kernel.shap_values(x, nsamples=COALITIONS, l1_reg=False, silent=True))
    peers["permutation-shap"] = ("shap", lambda x: order(x, max_evals=ORDERS * (2 * FEATURES + 1), silent=True).values)
except ImportError as e: print(f"shap is left out: {e}", file=sys.stderr)
try:
    sys.modules.setdefault("pyDOE2", types.SimpleNamespace(lhs=None))  # lime asks for it, and needs it for one option only
    from lime.lime_tabular import LimeTabularExplainer
    tabular = LimeTabularExplainer(random.standard_normal((1000, FEATURES)).astype(np.float32), mode="regression", random_state=0)
    for kept in (10, 5):
        peers[f"lime {kept}"] = ("lime", lambda x, kept=kept: [tabular.explain_instance(r, model, num_features=kept, num_samples=SAMPLES) for r in x])
except ImportError as e: print(f"lime is left out: {e}", file=sys.stderr)

orders = ORDERS
if "permutation-shap" in peers:
    truth = limn("permutation-shap", 1, "samples=400")[1][:len(few)]
    error = lambda values: float(np.sqrt(np.mean((values - truth) ** 2)))
    theirs = error(timed(peers["permutation-shap"][1])[1])
    for orders in range(1, ORDERS + 1):
        ours = error(limn("permutation-shap", 1, f"samples={orders}")[1][:len(few)])
        if ours <= theirs: break
    print(f"permutation-shap: root mean squared error {ours:.4f} of Limn with {orders} order(s) for each background row, {theirs:.4f} of shap with {ORDERS} shared ones")

work = {"kernel-shap": ("kernel-shap", f"samples={COALITIONS}"), "permutation-shap": ("permutation-shap", f"samples={orders}"),
        "lime 10": ("lime", f"samples={SAMPLES}", "keep=10"), "lime 5": ("lime", f"samples={SAMPLES}", "keep=5")}
times = {}
for _ in range(options.repeat):
    for name, settings in work.items():
        for threads in (1, 2): times.setdefault((name, f"Limn, {threads} thread{'s' * (threads > 1)}"), []).append(limn(settings[0], threads, *settings[1:])[0])
        if name in peers: times.setdefault((name, peers[name][0]), []).append(timed(peers[name][1])[0])

print(f"{'work':<20}{'who':<22}{'ms a row':>10}{'ratio':>8}{'1 /':>7}")
for name in work:
    mine = {who: float(np.median(t)) for (n, who), t in times.items() if n == name}
    peer = next((t for who, t in mine.items() if not who.startswith("Limn")), None)
    for who, t in mine.items(): print(f"{name:<20}{who:<22}{t:>10.2f}{'' if peer is None else f'{t / peer:>8.3f}{peer / t:>7.1f}'}")
