"""Compares a float64 build of the references with PyTorch float64 and its autograd.

Usage: compare_with_pytorch.py NAME LIBRARY... Prints one JSON object per library, tensor and shape: the norm of the difference
over the norm of PyTorch's tensor. The formulas of PyTorch are its own functions, not ours, wherever it has them.
"""

import ctypes
import json
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def call(function, arrays, sizes, scalars=()):
    """Calls a reference with pointers to contiguous tensors, then sizes, then scalars."""
    pointers = [ctypes.c_void_p(array.data_ptr()) for array in arrays]
    values = [ctypes.c_int64(size) for size in sizes] + [ctypes.c_double(scalar) for scalar in scalars]
    status = function(*pointers, *values)
    if status != 0:
        raise RuntimeError(f"the reference returned {status}")


library_path = ""


def report(tensor, sizes, got, expected):
    """Norm-wise: element-wise relative differences mean nothing near zero."""
    norm = torch.linalg.vector_norm(expected).item()
    difference = torch.linalg.vector_norm(got - expected).item()
    relative = difference / norm if norm > 0 else difference
    finite = bool(torch.isfinite(got).all())
    print(json.dumps({"library": library_path, "tensor": tensor, "sizes": sizes, "difference": relative if finite else 1e300}))


def rmsnorm(library):
    for rows, dim in [(1, 2), (3, 17), (16, 64), (37, 333), (128, 129)]:
        eps = 1e-6
        # Small values in some rows, so that eps matters.
        x = (torch.randn(rows, dim) * torch.logspace(-4, 1, rows).unsqueeze(1)).requires_grad_()
        weight = (1 + 0.25 * torch.randn(dim)).requires_grad_()
        dy = torch.randn(rows, dim)
        expected = torch.nn.functional.rms_norm(x, (dim,), weight, eps)
        expected.backward(dy)
        y, rstd = torch.full((rows, dim), torch.nan), torch.full((rows,), torch.nan)
        dx, dweight = torch.full((rows, dim), torch.nan), torch.full((dim,), torch.nan)
        call(library.rmsnorm_forward, [x.detach(), weight.detach(), y, rstd], [rows, dim], [eps])
        call(library.rmsnorm_backward, [dy, x.detach(), weight.detach(), rstd, dx, dweight], [rows, dim])
        report("y", [rows, dim], y, expected.detach())
        report("rstd", [rows, dim], rstd, torch.rsqrt(x.detach().square().mean(1) + eps))
        report("dx", [rows, dim], dx, x.grad)
        report("dweight", [rows, dim], dweight, weight.grad)


def linear(library):
    for tokens, inputs, outputs in [(1, 1, 1), (3, 17, 5), (16, 32, 48), (65, 70, 33), (40, 131, 257)]:
        sizes = [tokens, inputs, outputs]
        x = torch.randn(tokens, inputs, requires_grad=True)
        weight = torch.randn(outputs, inputs, requires_grad=True)
        dy = torch.randn(tokens, outputs)
        expected = torch.nn.functional.linear(x, weight)
        expected.backward(dy)
        y, dx, dweight = (torch.full_like(like, torch.nan) for like in (dy, x.detach(), weight.detach()))
        call(library.linear_forward, [x.detach(), weight.detach(), y], sizes)
        call(library.linear_dgrad, [dy, weight.detach(), dx], sizes)
        call(library.linear_wgrad, [dy, x.detach(), dweight], sizes)
        report("y", sizes, y, expected.detach())
        report("dx", sizes, dx, x.grad)
        report("dweight", sizes, dweight, weight.grad)


def softmax_cross_entropy(library):
    for rows, classes in [(1, 2), (3, 17), (8, 64), (5, 1003), (33, 70)]:
        # In a single row that one class dominates, probability - 1 cancels, in PyTorch as here: nothing to compare.
        for scale, offset in [(3, 0), (3, 1000)] if rows == 1 else [(3, 0), (30, 0), (3, 1000), (300, -1000)]:
            sizes = [rows, classes]
            logits = (torch.randn(rows, classes) * scale + offset).requires_grad_()
            target = torch.randint(0, classes, (rows,), dtype=torch.int32)
            target[rows // 2 + 1 :: 3] = -100
            dloss = 0.5 + 0.2 * torch.randn(rows)
            expected = torch.nn.functional.cross_entropy(logits, target.long(), reduction="none", ignore_index=-100)
            expected.backward(dloss)
            loss, lse = torch.full((rows,), torch.nan), torch.full((rows,), torch.nan)
            dlogits = torch.full((rows, classes), torch.nan)
            call(library.cross_entropy_forward, [logits.detach(), target, loss, lse], sizes)
            call(library.cross_entropy_backward, [logits.detach(), target, lse, dloss, dlogits], sizes)
            report("lse", sizes, lse, torch.logsumexp(logits.detach(), 1))
            report("loss", sizes, loss, expected.detach())
            report("dlogits", sizes, dlogits, logits.grad)
            if (dlogits[target == -100] != 0).any() or (loss[target == -100] != 0).any():
                report("ignored rows", sizes, torch.ones(1), torch.zeros(1))


if __name__ == "__main__":
    compare = {"rmsnorm": rmsnorm, "linear": linear, "softmax_cross_entropy": softmax_cross_entropy}[sys.argv[1]]
    for library_path in sys.argv[2:]:
        torch.manual_seed(20240607)
        compare(ctypes.CDLL(library_path))
