"""Functions with kinks, and PyTorch's gradient on a given side of each.

A unit that stands within rounding of a kink of ReLU or of a tie of a maximum may fall on either side in single precision, and each side has its own
gradient: a difference that says nothing about correctness. `Watch` records what every such function is given (PyTorch's values, or as outputs of an
exported model whatever runs it), and `Replay` computes with the pieces that recorded values choose, so that two gradients are compared on the same piece.
"""
import contextlib

import torch
import torch.nn.functional as F


def relu(x, at, inplace=False):
    return torch.where(at > 0, x, torch.zeros_like(x))


def hardtanh(x, at, low=-1.0, high=1.0, inplace=False):
    return torch.where(at <= low, torch.full_like(x, low), torch.where(at >= high, torch.full_like(x, high), x))


def relu6(x, at, inplace=False):
    return hardtanh(x, at, 0.0, 6.0)


def hardsigmoid(x, at, inplace=False):
    return torch.where(at <= -3, torch.zeros_like(x), torch.where(at >= 3, torch.ones_like(x), x / 6 + 0.5))


def hardswish(x, at, inplace=False):
    return x * hardsigmoid(x, at)


def max_pool(original, dims):
    def pooled(x, at, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        _, places = original(at, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=True)
        return x.flatten(-dims).gather(-1, places.flatten(-dims)).view(places.shape)
    return pooled


PIECES = {
    "relu": relu, "relu6": relu6, "hardtanh": hardtanh, "hardsigmoid": hardsigmoid, "hardswish": hardswish,
    "max_pool2d": max_pool(F.max_pool2d, 2), "max_pool3d": max_pool(F.max_pool3d, 3),
}


@contextlib.contextmanager
def replaced(wrap):
    """torch.nn.functional with each function as `wrap` makes it of the name and the original."""
    originals = {name: getattr(F, name) for name in PIECES}
    for name, original in originals.items():
        setattr(F, name, wrap(name, original))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(F, name, original)


class Watch(torch.nn.Module):
    """The network with what its functions with kinks are given as further outputs, in the order of the calls."""

    def __init__(self, module, pick):
        super().__init__()
        self.module, self.pick, self.training = module, pick, module.training

    def forward(self, *inputs):
        seen = []

        def wrap(_, original):
            def call(x, *arguments, **options):
                seen.append(x.clone())    # a value of its own: what follows may work in place
                return original(x, *arguments, **options)
            return call
        with replaced(wrap):
            output = self.pick(self.module(*inputs))
        return (output, *seen)


@contextlib.contextmanager
def replay(values):
    """Within it, each function with kinks takes the piece that the next of the values chooses."""
    left = iter(values)

    def wrap(name, _):
        return lambda x, *arguments, **options: PIECES[name](x, next(left).to(x.dtype), *arguments, **options)
    with replaced(wrap):
        yield
    if next(left, None) is not None:
        raise RuntimeError("fewer functions with kinks were called than values were recorded")
