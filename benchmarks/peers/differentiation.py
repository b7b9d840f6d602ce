#!/usr/bin/env python3
"""Limn beside ONNX Runtime, PyTorch and Captum: networks forwards, and backwards to their input; Integrated Gradients, Occlusion, the start of a process, and memory.

Each work of each peer has a process of its own, which stays and is warm; rounds go from one to the next, and medians over the rounds are compared. The networks are made by
Limn.Benchmarks with random weights, and PyTorch gets the same ones. Needs numpy; a peer that is missing is left out and named.
    dotnet publish benchmarks/Limn.Benchmarks -c Release -r linux-x64 --self-contained false -o limn-benchmarks
    npm ci --prefix tests/onnxruntime                       # ONNX Runtime
    python3 benchmarks/peers/differentiation.py --limn limn-benchmarks/Limn.Benchmarks [--only resnet18,bert] [--threads 1,2] [--batches 8,1] [--rounds 5]
PyTorch and torchvision are those of the Python that runs this; Captum may lie on the PYTHONPATH.
"""
import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NETWORKS = ["resnet18", "squeezenet1_1", "mobilenet_v2", "vgg11", "vit_tiny", "bert"]
LIMN, ORT, TORCH, CAPTUM = "Limn", "ONNX Runtime", "PyTorch", "Captum"
BARS = {"forward": (ORT, 1.0), "backward": (TORCH, 0.55), "integrated-gradients": (CAPTUM, 0.55), "occlusion": (CAPTUM, 0.6)}
NAMES = {"forward": "forward", "backward": "forward + backward", "integrated-gradients": "Integrated Gradients, 50 steps", "occlusion": "Occlusion, 32 / 16"}
EXPLAINED = "resnet18"    # the network of the two explanations
ERROR_BAR, START_BAR, STARTS = 2e-5, 0.5, 7
NOISE = 3e-7    # of the standard deviation: about what rounding leaves at a unit


class Child:
    """A process that has prepared one work and answers lines with lines of JSON."""

    def __init__(self, command, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        if "avx512f" in cpu():
            environment.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.told = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self.process.args)[:200]} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu():
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


class Race:
    """All that is measured for one set of options."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.peers = [LIMN]
        runtime = Path(options.onnxruntime)
        if shutil.which("node") and (runtime / "node_modules/onnxruntime-node").exists():
            self.peers.append(ORT)
        else:
            print(f"ONNX Runtime is left out: no node, or no onnxruntime-node in {runtime}/node_modules", file=sys.stderr)
        for module, peer in (("torchvision", TORCH), ("captum", CAPTUM)):
            if importlib.util.find_spec(module):
                self.peers.append(peer)
            else:
                print(f"{peer} is left out: this Python cannot import {module}", file=sys.stderr)
        if TORCH not in self.peers and CAPTUM in self.peers:
            self.peers.remove(CAPTUM)
        self.peaks = {t: json.loads(subprocess.run([options.limn, "peak", str(t)], check=True, capture_output=True, text=True).stdout) for t in options.threads}

    def child(self, peer, network, work, batch, threads, **more):
        data = self.folder / f"{network}.{batch}.npy"
        rows = np.load(self.folder / f"{network}.npy")[:batch]
        np.save(data, rows)
        settings = {"network": network, "model": str(self.folder / f"{network}.onnx"), "input": str(data), "work": work, "threads": threads, **more}
        if peer == LIMN:
            return Child([self.options.limn, "differentiate", json.dumps(settings)], threads)
        if peer == ORT:
            raw = data.with_suffix(".raw")
            rows.tofile(raw)
            settings.update(runtime=self.options.onnxruntime, raw=str(raw), dims=rows.shape, type=str(rows.dtype))
            return Child(["node", HERE / "onnxruntime_peer.mjs", json.dumps(settings)], threads)
        return Child([sys.executable, HERE / "torch_peer.py", json.dumps(settings)], threads)

    def race(self, network, works, batch, threads, save=False):
        """Medians of milliseconds, bytes and what was told, by (peer, work); with `save` the tensors are kept, too."""
        runners = [(peer, work) for work, of in works.items() for peer in of if peer in self.peers]
        children = {}
        try:
            for peer, work in runners:
                children[peer, work] = self.child(peer, network, work, batch, threads)
            for child in children.values():
                child.ask(f"run {self.options.warm}")
            times = {key: [] for key in children}
            for _ in range(self.options.rounds):
                for key, child in children.items():
                    time.sleep(0.05)    # threads of the one before go to sleep
                    times[key].append(child.ask(f"run {self.options.seconds}")["Ms"])
            results = {key: (statistics.median(times[key]), child.ask("memory")["Bytes"], child.told) for key, child in children.items()}
            for (peer, work), child in children.items():
                if save:
                    child.ask(f"save {self.folder / 'saved' / work / peer}")
            return results
        finally:
            for child in children.values():
                child.close()

    def saved(self, peer, network, work, batch, name, **more):
        """The tensors that a work gives."""
        target = self.folder / "saved" / network / name
        child = self.child(peer, network, work, batch, self.options.threads[0], **more)
        try:
            child.ask(f"save {target}")
        finally:
            child.close()
        raw = target / "output.raw"
        return {"output": np.fromfile(raw, np.float32)} if raw.exists() else {p.stem: np.load(p).ravel() for p in target.glob("*.npy")}


def off(got, reference):
    return float(np.linalg.norm(got.ravel() - reference.ravel()) / np.linalg.norm(reference))


def table(title, columns, rows):
    print(f"\n**{title}**\n\n| {' | '.join(c.lstrip('>') for c in columns)} |")
    print(f"| {' | '.join('---:' if c.startswith('>') else '---' for c in columns)} |")
    for row in rows:
        print(f"| {' | '.join(str(c) for c in row)} |", flush=True)


def speeds(race, measured):
    for network, batch, threads, results in measured:
        for work in NAMES:
            if (LIMN, work) not in results:
                continue
            ours, _, told = results[LIMN, work]
            other, bar = BARS[work]
            theirs = results.get((other, work), (None,))[0]
            beside = results.get((TORCH, work), (None,))[0] if other != TORCH else None
            rate = told["Flops"] / ours / 1e6 if told.get("Flops") else None
            yield (NAMES[work], network, batch, threads, f"{ours:.1f}", "" if theirs is None else f"{other} {theirs:.1f}", "" if theirs is None else f"{ours / theirs:.2f}", bar,
                   "" if theirs is None else "yes" if ours <= bar * theirs else "no", "" if beside is None else f"{beside:.1f}",
                   "" if rate is None else f"{rate:.1f}", "" if rate is None else f"{100 * rate / race.peaks[threads]['Gflops']:.0f} %")


def memories(measured):
    megabytes = lambda results, peer, work: f"{results[peer, work][1] / 1e6:.0f}" if (peer, work) in results else ""
    for network, batch, threads, results in measured:
        if (LIMN, "forward") in results:
            yield (network, batch, threads, megabytes(results, LIMN, "forward"), megabytes(results, ORT, "forward"), megabytes(results, TORCH, "forward"),
                   megabytes(results, LIMN, "backward"), megabytes(results, TORCH, "backward"))


def accuracies(race, networks, batch):
    for network in networks:
        truth = race.saved(TORCH, network, "backward", batch, "float64", double=True)
        noisy = race.saved(TORCH, network, "backward", batch, "noisy", double=True, noise=NOISE)
        ours, single = race.saved(LIMN, network, "backward", batch, "limn"), race.saved(TORCH, network, "backward", batch, "float32")
        plain = race.saved(LIMN, network, "forward", batch, "limn-forward")
        other = off(race.saved(ORT, network, "forward", batch, "ort")["output"], truth["output"]) if ORT in race.peers else None
        output, gradient, kinks = max(off(r["output"], truth["output"]) for r in (ours, plain)), off(ours["gradient"], truth["gradient"]), off(noisy["gradient"], truth["gradient"])
        met = "no" if output > ERROR_BAR else "yes" if gradient <= ERROR_BAR else "kinks" if gradient <= 3 * kinks else "no"
        yield (network, batch, f"{output:.1e}", f"{gradient:.1e}", "" if other is None else f"{other:.1e}", f"{off(single['output'], truth['output']):.1e}",
               f"{off(single['gradient'], truth['gradient']):.1e}", f"{kinks:.1e}", ERROR_BAR, met, f"{np.std(truth['output']):.2g}", f"{np.linalg.norm(truth['gradient']) / np.sqrt(batch):.2g}")


def explanations_agree(race):
    for work in ("integrated-gradients", "occlusion"):
        ours, theirs = (np.load(race.folder / "saved" / work / peer / "attribution.npy") for peer in (LIMN, CAPTUM))
        yield NAMES[work], f"{off(ours, theirs):.1e}"


def starts(options, file):
    times = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([options.limn, "first-gradient", str(file)], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main():
    names = lambda text: text.split(",")
    numbers = lambda text: [int(n) for n in text.split(",")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limn", required=True, help="the program of benchmarks/Limn.Benchmarks, published, or the folder it lies in")
    parser.add_argument("--only", type=names, default=NETWORKS, help=f"networks, with commas between: {', '.join(NETWORKS)}")
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="numbers of threads (default 1,2)")
    parser.add_argument("--batches", type=numbers, default=[8, 1], help="rows at once, at most 8 (default 8,1)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which medians are taken (default 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long a peer runs in a round (default 0.5)")
    parser.add_argument("--warm", type=float, default=3, help="how long each runs before the first round (default 3)")
    parser.add_argument("--onnxruntime", default=str(HERE.parents[1] / "tests/onnxruntime"), help="the folder whose node_modules has onnxruntime-node (default tests/onnxruntime)")
    parser.add_argument("--squeezenet", help="the file whose first gradient is timed (default: SqueezeNet 1.1 as Limn.Benchmarks makes it)")
    parser.add_argument("--skip-explanations", action="store_true", help="leave Integrated Gradients and Occlusion out")
    options = parser.parse_args()
    if unknown := set(options.only) - set(NETWORKS):
        parser.error(f"no such network: {', '.join(sorted(unknown))}; there are {', '.join(NETWORKS)}")
    if not all(1 <= b <= 8 for b in options.batches):
        parser.error("--batches takes numbers from 1 to 8")
    if not all(t >= 1 for t in options.threads):
        parser.error("--threads takes numbers of at least 1")
    if Path(options.limn).is_dir():
        options.limn = str(Path(options.limn) / "Limn.Benchmarks")
    if not shutil.which(options.limn):
        parser.error(f"'{options.limn}' was not found; publish benchmarks/Limn.Benchmarks and name it with --limn")
    options.limn = str(Path(shutil.which(options.limn)).resolve())

    with tempfile.TemporaryDirectory() as scratch:
        folder, race = Path(scratch), Race(options, Path(scratch))
        for threads, peak in race.peaks.items():
            print(f"{threads} thread{'s' * (threads > 1)}: {peak['Gflops']:.0f} GFLOP/s in registers, {peak['GBytes']:.1f} GB/s copying memory")
        subprocess.run([options.limn, "networks", str(folder), *sorted({*options.only, *([] if options.squeezenet else ["squeezenet1_1"])})], check=True)
        measured = []
        for network in options.only:
            for batch in options.batches:
                for threads in options.threads:
                    print(f"{network}, {batch} rows, {threads} threads", file=sys.stderr, flush=True)
                    measured.append((network, batch, threads, race.race(network, {"forward": [LIMN, ORT, TORCH], "backward": [LIMN, TORCH]}, batch, threads)))
        if EXPLAINED in options.only and not options.skip_explanations:
            for threads in options.threads:
                print(f"explanations, {threads} threads", file=sys.stderr, flush=True)
                measured.append((EXPLAINED, 1, threads, race.race(EXPLAINED, {"integrated-gradients": [LIMN, CAPTUM], "occlusion": [LIMN, CAPTUM]}, 1, threads, save=threads == options.threads[0])))
        table("Time", ["work", "network", ">batch", ">threads", ">Limn ms", ">peer ms", ">ratio", ">bar", "met", ">PyTorch ms", ">GFLOP/s", ">of peak"], speeds(race, measured))
        table("Memory at the peak, MB of the process", ["network", ">batch", ">threads", ">Limn forward", ">ONNX Runtime", ">PyTorch", ">Limn + backward", ">PyTorch + backward"], memories(measured))
        if TORCH in race.peers:
            table(f"Accuracy: relative L2 to PyTorch in float64; noise: float64 with {NOISE:g} of it at each kink", ["network", ">batch", ">Limn output", ">gradient", ">ONNX Runtime output",
                  ">PyTorch float32 output", ">gradient", ">noise gradient", ">bar", "met", ">std of outputs", ">norm of gradients"], accuracies(race, options.only, max(options.batches)))
            print("\n'kinks': units within rounding of a ReLU's kink or a tie of a pooling decide the gradient; float64 with as little noise is off by as much.")
        if CAPTUM in race.peers and EXPLAINED in options.only and not options.skip_explanations:
            table("Explanations, relative L2 to Captum's", ["method", ">difference"], explanations_agree(race))
        seconds = starts(options, options.squeezenet or folder / "squeezenet1_1.onnx")
        table("Start of a process to the first gradient", ["file", ">s", ">bar", "met"], [(Path(options.squeezenet or "squeezenet1_1.onnx").name, f"{seconds:.2f}", START_BAR, "yes" if seconds <= START_BAR else "no")])
    return 0


if __name__ == "__main__":
    sys.exit(main())
