"""What PyTorch does for each entry of the shipped specs: the shortest call that a user would write; for products, what libraries of its own do."""

from dataclasses import dataclass
from typing import Callable

import torch
import torch.nn.functional as F


@dataclass
class Operation:
    """`function(scalars)` is what is run or compiled, once for all sets of inputs."""

    function: Callable
    arguments: Callable
    outputs: tuple
    # The gradient of the function's result, for backward entries: those of the differentiable arguments are the outputs.
    gradient: Callable | None = None
    # Products alone: the two factors, as views, of which the result is the first times the transpose of the second.
    factors: Callable | None = None

    def step(self, function, inputs):
        """One timed call on one set of inputs; returns the outputs by the spec's names."""
        arguments = self.arguments(inputs)
        if self.gradient is None:
            return lambda: dict(zip(self.outputs, (function(*arguments),)))
        # Autograd's part alone: the forward pass runs here, and its graph is retained.
        differentiated = tuple(argument for argument in arguments if argument.requires_grad)
        result, gradient = function(*arguments), self.gradient(inputs)
        return lambda: dict(zip(self.outputs, torch.autograd.grad(result, differentiated, gradient, retain_graph=True)))


def rms_norm(scalars):
    # The backward entry takes rstd instead of eps; the forward pass that PyTorch needs has to have one.
    eps = scalars.get("eps", 1e-6)
    return lambda x, weight: F.rms_norm(x, (x.shape[-1],), weight, eps)


def cross_entropy(scalars):
    return lambda logits, target: F.cross_entropy(logits, target, reduction="none", ignore_index=-100)


def named(*names):
    return lambda inputs: tuple(inputs[name] for name in names)


def differentiable(tensor):
    return tensor.detach().requires_grad_(True)


def onednn(first, second):
    # What torch.compile calls for frozen weights; F.linear has MKL multiply f32, which on some chips leaves half of the vector width idle.
    return torch.ops.mkldnn._linear_pointwise(first, second, None, "none", [], "")


def openblas(first, second):
    return torch.from_numpy(first.numpy() @ second.numpy().T)


# Libraries that multiply matrices, by the mode that the harness knows them by.
LIBRARIES = {"onednn": onednn, "openblas": openblas}

OPERATIONS = {
    # PyTorch does not return rstd: it writes a little less.
    "rmsnorm_forward": Operation(rms_norm, named("x", "weight"), ("y",)),
    "rmsnorm_backward": Operation(
        rms_norm,
        lambda inputs: (differentiable(inputs["x"]), differentiable(inputs["weight"])),
        ("dx", "dweight"),
        lambda inputs: inputs["dy"],
    ),
    "linear_forward": Operation(
        lambda scalars: lambda x, weight: F.linear(x, weight),
        named("x", "weight"),
        ("y",),
        factors=named("x", "weight"),
    ),
    "linear_dgrad": Operation(
        lambda scalars: lambda dy, weight: dy @ weight,
        named("dy", "weight"),
        ("dx",),
        factors=lambda inputs: (inputs["dy"], inputs["weight"].T),
    ),
    "linear_wgrad": Operation(
        lambda scalars: lambda dy, x: dy.T @ x,
        named("dy", "x"),
        ("dweight",),
        factors=lambda inputs: (inputs["dy"].T, inputs["x"].T),
    ),
    "cross_entropy_forward": Operation(cross_entropy, lambda inputs: (inputs["logits"], inputs["target"].long()), ("loss",)),
    "cross_entropy_backward": Operation(
        cross_entropy,
        lambda inputs: (differentiable(inputs["logits"]), inputs["target"].long()),
        ("dlogits",),
        # PyTorch's loss has the logits' type, and so has its gradient.
        lambda inputs: inputs["dloss"].to(inputs["logits"].dtype),
    ),
}
