#!/usr/bin/env python3
"""Well-known architectures, built by PyTorch with random weights, exported to ONNX, and held against PyTorch's output and gradient.

Needs PyTorch and torchvision (1.13 and 0.14 are known to work; the exporter needs nothing else) and a published limn.
The reference is PyTorch in double precision; what PyTorch itself loses in single precision is printed beside Limn's error.
Where a gradient is off by more than the bar, it is compared once more on the piece of the function that Limn stands on (see kinks.py): there a
difference can no longer come from a unit within rounding of a ReLU's kink or of a tie.
Exits with 1 if an output is off by more than 1e-4, a gradient (on Limn's piece) by more than 1e-3 (relative L2), or if anything fails.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import nn
import torchvision.models as vision
from torchvision.models.vision_transformer import VisionTransformer

import kinks
import networks

OUTPUT_BAR, GRADIENT_BAR = 1e-4, 1e-3


@dataclass
class Case:
    """An architecture, what it is fed, and how it is exported. Inputs of whole numbers are token ids; `words` names their embedding."""
    build: Callable[[], nn.Module]
    inputs: dict[str, tuple] = field(default_factory=lambda: {"input": (1, 3, 224, 224)})
    opset: int = 17
    dynamic: tuple = ()            # axes left open in the file, of every input and the output
    vocabulary: int = 0            # of the first input, if it is token ids
    masked: bool = False           # the second input is an attention mask
    exported: dict[str, tuple] = field(default_factory=dict)    # the shapes at export where they differ
    pick: Callable = lambda outputs: outputs if torch.is_tensor(outputs) else outputs["out"] if "out" in outputs else outputs[0]


def picture(size, rows=1):
    return {"input": (rows, 3, size, size)}


def plain(name, **options):
    return lambda: vision.get_model(name, weights=None, **options)


def segmenter(name):
    return lambda: vision.get_model(name, weights=None, weights_backbone=None, num_classes=5)


CASES = {
    "alexnet": Case(plain("alexnet"), opset=11),
    "vgg11": Case(plain("vgg11"), opset=13),
    "squeezenet1_1": Case(plain("squeezenet1_1"), opset=9),
    "resnet18": Case(plain("resnet18"), picture(224, 2), dynamic=(0,), exported=picture(224)),
    "resnet50": Case(plain("resnet50")),
    "resnext50": Case(plain("resnext50_32x4d"), picture(160)),
    "densenet121": Case(plain("densenet121"), opset=11),
    "googlenet": Case(plain("googlenet", aux_logits=False, init_weights=False)),
    "inception_v3": Case(plain("inception_v3", aux_logits=False, init_weights=False), picture(299)),
    "mobilenet_v2": Case(plain("mobilenet_v2"), opset=13),
    "mobilenet_v3_small": Case(plain("mobilenet_v3_small"), opset=13),
    "mobilenet_v3_large": Case(plain("mobilenet_v3_large")),
    "mnasnet1_0": Case(plain("mnasnet1_0")),
    "shufflenet_v2": Case(plain("shufflenet_v2_x1_0")),
    "efficientnet_b0": Case(plain("efficientnet_b0")),
    "efficientnet_v2_s": Case(plain("efficientnet_v2_s"), picture(160)),
    "regnet_y_400mf": Case(plain("regnet_y_400mf")),
    "convnext_tiny": Case(plain("convnext_tiny")),
    "vit_s_16": Case(lambda: VisionTransformer(224, 16, 12, 6, 384, 1536)),
    "swin_t": Case(plain("swin_t")),
    "maxvit": Case(lambda: vision.maxvit.MaxVit((112, 112), 16, 7, [16, 32], [1, 2], 16, 0.0, num_classes=10), picture(112)),
    "fcn": Case(segmenter("fcn_resnet50"), picture(96), opset=11),
    "deeplabv3": Case(segmenter("deeplabv3_mobilenet_v3_large"), picture(160), opset=16),
    "lraspp": Case(segmenter("lraspp_mobilenet_v3_large"), picture(160)),
    "unet_learned": Case(lambda: networks.UNet(True), picture(128)),
    "unet_bilinear": Case(lambda: networks.UNet(False), picture(128, 2), dynamic=(0, 2, 3), exported=picture(64)),
    "yolo": Case(networks.Yolo, picture(192), opset=16),
    "yolo_dynamic": Case(networks.Yolo, {"input": (2, 3, 96, 160)}, dynamic=(0, 2, 3), exported=picture(128)),
    "r3d": Case(lambda: vision.video.VideoResNet(vision.video.resnet.BasicBlock, [vision.video.resnet.Conv3DSimple] * 4, [1, 1, 1, 1],
                                                 vision.video.resnet.BasicStem, num_classes=10), {"input": (1, 3, 8, 56, 56)}),
    "bert": Case(networks.Bert, {"input_ids": (2, 48), "attention_mask": (2, 48)}, vocabulary=1000, masked=True, dynamic=(0, 1),
                 exported={"input_ids": (1, 16), "attention_mask": (1, 16)}),
    "gpt2": Case(networks.Gpt2, {"input_ids": (1, 32)}, vocabulary=1000),
    "gpt2_dynamic": Case(networks.Gpt2, {"input_ids": (2, 40)}, vocabulary=1000, dynamic=(0, 1), exported={"input_ids": (1, 16)}, opset=13),
    "lstm_tagger": Case(lambda: networks.Tagger(nn.LSTM), {"input_ids": (3, 24)}, vocabulary=500, opset=14),
    "lstm_dynamic": Case(lambda: networks.Tagger(nn.LSTM), {"input_ids": (3, 24)}, vocabulary=500, dynamic=(0, 1), exported={"input_ids": (1, 10)}),
    "gru_tagger": Case(lambda: networks.Tagger(nn.GRU), {"input_ids": (3, 24)}, vocabulary=500, opset=11),
    "rnn_tagger": Case(lambda: networks.Tagger(nn.RNN), {"input_ids": (3, 24)}, vocabulary=500),
    "gru_series": Case(networks.Gru, {"input": (4, 50, 12)}),
    "encoder": Case(networks.Encoder, {"input": (4, 20, 128)}),
    "encoder_first": Case(lambda: networks.Encoder(first=True), {"input": (4, 20, 128)}, dynamic=(0, 1), exported={"input": (2, 9, 128)}, opset=14),
    "matcher": Case(networks.Matcher, {"picture": (3, 1, 28, 28), "series": (3, 20)}, opset=13),
}


def feed(case, shapes):
    """Random inputs: normal numbers, token ids, or a mask that leaves the last third out of the last row."""
    made = {}
    for i, (name, shape) in enumerate(shapes.items()):
        if case.masked and i == 1:
            mask = torch.ones(shape, dtype=torch.int64)
            mask[-1, -(shape[1] // 3):] = 0
            made[name] = mask
        else:
            made[name] = torch.randint(1, case.vocabulary, shape) if case.vocabulary else torch.randn(shape)
    return made


def enliven(case, module):
    """Random where the initialisation is constant, and the statistics of batch normalisation from data, so that signals neither die nor explode."""
    with torch.no_grad():
        for value in module.parameters():
            if value.numel() > 1 and bool((value == value.flatten()[0]).all()):
                middle = value.flatten()[0].item()
                value.copy_(torch.empty_like(value).uniform_(0.5, 1.5) * middle if middle > 0.01 else torch.randn_like(value) * 0.1)
    normalizations = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if normalizations:
        for m in normalizations:
            m.momentum = None
        module.train()
        with torch.no_grad():
            module(*feed(case, {n: (4, *s[1:]) for n, s in case.inputs.items()}).values())
    module.eval()
    for m in module.modules():    # in evaluation it takes fused kernels that cannot be exported; without dropout, training mode is the same function
        if isinstance(m, (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)):
            m.training = True
            if isinstance(m, nn.MultiheadAttention):
                m.dropout = 0.0
    return module


def reference(case, module, inputs, weights, kind):
    """Output, the gradient of the weighted output at each place that is explained, and the seconds that both took."""
    module = module.to(kind)
    given = [t.to(kind) if t.is_floating_point() else t for t in inputs.values()]
    places = []
    if case.vocabulary:
        def keep(_, __, value):
            value = value.detach().requires_grad_()
            places.append(value)
            return value
        handle = module.words.register_forward_hook(keep)
    else:
        places = [t.requires_grad_() for t in given]
    began = time.perf_counter()
    output = case.pick(module(*given))
    score = (output * torch.from_numpy(weights).to(kind)).sum()
    gradients = torch.autograd.grad(score, places)
    took = time.perf_counter() - began
    if case.vocabulary:
        handle.remove()
    return output.detach().double().numpy(), [g.double().numpy() for g in gradients], took


def export(case, module, path, shapes):
    inputs = feed(case, shapes)
    axes = {n: {a: f"axis{a}" for a in case.dynamic} for n in [*shapes, "output"]} if case.dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, tuple(inputs.values()), str(path), input_names=list(shapes), output_names=["output"], opset_version=case.opset,
                          dynamic_axes=axes, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=True)


def limn(command, *arguments):
    began = time.perf_counter()
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"limn {arguments[0]} exits {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout, time.perf_counter() - began


def same_piece(case, module, inputs, weights, command, feeds, folder):
    """The gradient in double precision on the piece of the function that Limn stands on: its own values decide every ReLU and maximum."""
    watched = kinks.Watch(module.float(), case.pick)
    path = folder / "watched.onnx"
    export(case, watched, path, case.inputs)
    limn(command, "predict", path, *feeds, "--output", folder / "watched")
    count = len(list((folder / "watched").glob("output.*.npy")))
    values = [torch.from_numpy(np.load(folder / "watched" / f"output.{i}.npy")) for i in range(1, count)]
    given = [t.detach() for t in inputs.values()]
    with torch.no_grad():
        single = watched(*(t.float() if t.is_floating_point() else t for t in given))[1:]
        exact = watched.double()(*(t.double() if t.is_floating_point() else t for t in given))[1:]
    for i, (got, rounded, wanted) in enumerate(zip(values, single, exact, strict=True)):
        far, usual = (float((v - wanted).norm() / wanted.norm()) for v in (got, rounded))
        if not far <= max(OUTPUT_BAR, 2 * usual):    # deep within, single precision itself may lose more than the bar of outputs
            raise RuntimeError(f"inner value {i} of {len(values)} is off by {far:.1e}; PyTorch's in single precision by {usual:.1e}")
    with kinks.replay(values):
        return reference(case, module, inputs, weights, torch.float64)[1]


def off(got, wanted):
    if got.shape != wanted.shape:
        raise RuntimeError(f"shape {got.shape}, wanted {wanted.shape}")
    return float(np.linalg.norm(got.astype(np.float64) - wanted) / max(np.linalg.norm(wanted), 1e-300))


def measure(name, case, command, folder):
    torch.manual_seed(sum(map(ord, name)))
    module = enliven(case, case.build())
    inputs = feed(case, case.inputs)
    path = folder / "model.onnx"
    export(case, module, path, case.exported or case.inputs)

    with torch.no_grad():
        shape = case.pick(module(*inputs.values())).shape
    target = 3
    weights = np.zeros(shape, np.float32)
    if len(shape) == 2:
        weights[:, target] = 1
    else:
        weights[:] = np.random.default_rng(7).standard_normal(shape[1:]).astype(np.float32)
        np.save(folder / "weights.npy", weights[0])
    singles = [reference(case, module, inputs, weights, torch.float32) for _ in range(2)]
    single = singles[-1]
    output, gradients, _ = reference(case, module, inputs, weights, torch.float64)

    feeds = []
    for n, value in inputs.items():
        np.save(folder / f"{n}.npy", value.detach().numpy())
        feeds += ["--input", f"{n}={folder / n}.npy" if len(inputs) > 1 else folder / f"{n}.npy"]
    what = ["--target", target] if len(shape) == 2 else ["--target-mask", folder / "weights.npy"]
    nodes = len(json.loads(limn(command, "inspect", path, "--json")[0])["layers"])
    _, forward = limn(command, "predict", path, *feeds, "--output", folder / "predicted")
    _, backward = limn(command, "explain", path, *feeds, "--method", "saliency", "--set", "absolute=false", *what, "--output", folder / "explained")
    told = json.loads((folder / "explained" / "explanation.json").read_text())
    explained = sorted((folder / "explained").glob("attribution*.npy"))
    explained = [p for p in explained if "tokens" not in p.name]
    if len(explained) != len(gradients):
        raise RuntimeError(f"{len(explained)} attributions, {len(gradients)} wanted: {[p.name for p in explained]}")
    if len(explained) > 1:
        explained = [folder / "explained" / f"attribution.{n}.npy" for n in inputs]

    got = [np.load(p) for p in explained]
    gradient = max(map(off, got, gradients))
    matched = None
    if gradient > GRADIENT_BAR:
        matched = max(map(off, got, same_piece(case, module, inputs, weights, command, feeds, folder)))
    return {
        "matched": matched, "model": name, "opset": case.opset, "megabytes": path.stat().st_size / 1e6, "nodes": nodes,
        "output": off(np.load(folder / "predicted" / "output.0.npy"), output),
        "gradient": gradient,
        "output32": off(single[0], output), "gradient32": max(map(off, single[1], gradients)),
        "predict": forward, "explain": backward, "inside": told["elapsedSeconds"], "torch": single[2], "flags": told["flags"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limn", default=os.environ.get("LIMN"), help="the command (default: $LIMN, else what src/Limn.Cli was built to, else limn on the path)")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this architecture; repeat it for several")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep models, inputs and results here (default: a temporary folder, one model at a time)")
    parser.add_argument("--list", action="store_true", help="print the architectures' names")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    unknown = set(options.only or ()) - set(CASES)
    if unknown:
        parser.error(f"no such architecture: {', '.join(sorted(unknown))}; --list names them")
    built = Path(__file__).resolve().parents[2] / "src/Limn.Cli/bin/Release/net10.0/limn"
    command = options.limn or (str(built) if built.exists() else shutil.which("limn"))
    if not command or not shutil.which(command):
        parser.error("limn was not found; publish src/Limn.Cli and name it with --limn or LIMN")
    torch.set_num_threads(os.cpu_count())
    warnings.simplefilter("ignore", UserWarning)    # the exporter's and torchvision's own

    print("| model | opset | MB | nodes | output error | gradient error | on Limn's piece | PyTorch float32: output | gradient | limn predict | limn explain | of that, explaining | PyTorch |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    failed = []
    for name in options.only or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (options.output or Path(scratch)) / name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                r = measure(name, CASES[name], command, folder)
            except Exception as error:    # one that fails must not hide the others; it is reported and decides the exit code
                failed.append(f"{name}: {type(error).__name__}: {error}")
                print(f"| {name} | failed |", flush=True)
                continue
        print(f"| {name} | {r['opset']} | {r['megabytes']:.1f} | {r['nodes']} | {r['output']:.1e} | {r['gradient']:.1e} | {'' if r['matched'] is None else format(r['matched'], '.1e')} | {r['output32']:.1e} | {r['gradient32']:.1e} | "
              f"{r['predict']:.2f} s | {r['explain']:.2f} s | {r['inside']:.2f} s | {r['torch']:.2f} s |", flush=True)
        if not (r["output"] <= OUTPUT_BAR and min(r["gradient"], r["matched"] or r["gradient"]) <= GRADIENT_BAR):
            failed.append(f"{name}: output off by {r['output']:.2e}, gradient by {r['gradient']:.2e}, on the same piece by {r['matched']}")
        if r["flags"]:
            print(f"{name}: {', '.join(r['flags'])}", file=sys.stderr)
    for line in failed:
        print(line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
