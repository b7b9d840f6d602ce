"""PyTorch's and Captum's side of differentiation.py: torch_peer.py SETTINGS, with {"network", "model", "input", "work", "threads", "double", "noise"}."""
import json
import re
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torchvision.models as vision
from torch import nn
from torchvision.models.vision_transformer import VisionTransformer

import networks
import onnx_weights

NETWORKS = {
    "resnet18": vision.resnet18, "squeezenet1_1": vision.squeezenet1_1, "mobilenet_v2": vision.mobilenet_v2, "vgg11": vision.vgg11,
    "vit_tiny": lambda: VisionTransformer(224, 16, 12, 3, 192, 768),
    "bert": lambda: networks.Bert(vocabulary=30522),
}
EXPLAIN = {"integrated-gradients": (5, 10, 50), "occlusion": (1, 8, 16)}    # how many rows at once; the fastest is taken
KINKS = (nn.ReLU, nn.ReLU6, nn.MaxPool2d)


def load(name, path):
    """The network with the weights of the file, under whose names they are stored."""
    network = NETWORKS[name]().eval()
    wanted = network.state_dict()
    weights = {}
    for key, array in onnx_weights.read(path).items():
        key = key.replace("in_proj.", "in_proj_")
        if key.endswith(".T"):
            key, array = key[:-2], array.T
        if key in wanted:
            weights[key] = torch.from_numpy(np.array(array)).expand_as(wanted[key]) if key == "kinds.weight" else torch.from_numpy(np.array(array))
    missing = [k for k in wanted if k not in weights and not k.endswith("num_batches_tracked")]
    if missing:
        raise ValueError(f"{path} lacks {missing[:3]}")
    network.load_state_dict(weights, strict=False)
    return network.requires_grad_(False)


def explain(network, x, work):
    from captum.attr import IntegratedGradients, Occlusion
    with torch.no_grad():
        target = network(x).argmax(1)
    if work == "occlusion":
        method = Occlusion(network)
        make = lambda rows: lambda: {"attribution": method.attribute(x, (3, 32, 32), strides=(3, 16, 16), target=target, perturbations_per_eval=rows)}
    else:
        method = IntegratedGradients(network)
        make = lambda rows: lambda: {"attribution": method.attribute(x, target=target, n_steps=50, internal_batch_size=rows)}
    runs = {rows: make(rows) for rows in EXPLAIN[work]}
    next(iter(runs.values()))()

    def seconds(run):
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    best = min(runs, key=lambda rows: seconds(runs[rows]))
    return runs[best], {"Rows": best}


def make(settings):
    network, x, work = load(settings["network"], settings["model"]), torch.from_numpy(np.load(settings["input"])), settings["work"]
    if settings.get("double"):
        network, x = network.double(), x.double() if x.is_floating_point() else x
    if settings.get("noise"):
        torch.manual_seed(0)
        for module in network.modules():
            if isinstance(module, KINKS):
                module.register_forward_pre_hook(lambda m, i: i[0] + settings["noise"] * i[0].std() * torch.randn_like(i[0]))
    if work in EXPLAIN:
        return explain(network, x, work)
    if work == "forward":
        def forward():
            with torch.no_grad():
                return {"output": network(x)}
        return forward, {}
    at = []
    if not x.is_floating_point():
        def keep(module, inputs, output):
            at[:] = [output.detach().requires_grad_()]
            return at[0]
        network.words.register_forward_hook(keep)
    with torch.no_grad():
        classes = network(x).argmax(1)

    def backward():
        fed = x.detach().requires_grad_() if x.is_floating_point() else x
        output = network(fed)
        return {"output": output.detach(), "gradient": torch.autograd.grad(output.gather(1, classes[:, None]).sum(), fed if x.is_floating_point() else at[0])[0]}
    return backward, {}


def main():
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    say = lambda answer: print(json.dumps(answer), flush=True)
    run, told = make(settings)
    run()
    say(told)
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "run":
            times, began = [], time.perf_counter()
            while not times or time.perf_counter() - began < float(rest):
                start = time.perf_counter()
                run()
                times.append(time.perf_counter() - start)
            say({"Ms": 1000 * statistics.median(times)})
        elif word == "save":
            Path(rest).mkdir(parents=True, exist_ok=True)
            for name, values in run().items():
                np.save(Path(rest) / f"{name}.npy", values.detach().numpy())
            say({})
        elif word == "memory":
            say({"Bytes": 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])})
        else:
            raise ValueError(f"'{line}' is no request")


if __name__ == "__main__":
    main()
