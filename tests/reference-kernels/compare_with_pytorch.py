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
    """Calls a reference with pointers to contiguous tensors, then sizes, then scalars, of which whole numbers are int32_t."""
    pointers = [ctypes.c_void_p(array.data_ptr()) for array in arrays]
    values = [ctypes.c_int64(size) for size in sizes]
    values += [ctypes.c_int32(scalar) if isinstance(scalar, int) else ctypes.c_double(scalar) for scalar in scalars]
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


def rope(library):
    for tokens, heads, pairs, base in [(1, 1, 1, 1e4), (3, 2, 17, 1e4), (8, 4, 32, 5e6), (37, 5, 33, 1e4), (5000, 1, 4, 5e6)]:
        sizes = [tokens, heads, 2, pairs]
        angle = torch.outer(torch.arange(tokens).double(), base ** (-torch.arange(pairs).double() / pairs))
        x = torch.randn(sizes, requires_grad=True)
        dy = torch.randn(sizes)
        # A pair is a complex number, and turning it a product.
        turned = torch.complex(x[:, :, 0], x[:, :, 1]) * torch.polar(torch.ones_like(angle), angle).unsqueeze(1)
        expected = torch.stack([turned.real, turned.imag], 2)
        expected.backward(dy)
        y, dx = torch.full(sizes, torch.nan), torch.full(sizes, torch.nan)
        call(library.rope_forward, [x.detach(), angle.cos(), angle.sin(), y], sizes)
        call(library.rope_backward, [dy, angle.cos(), angle.sin(), dx], sizes)
        report("y", sizes, y, expected.detach())
        report("dx", sizes, dx, x.grad)


def swiglu(library):
    for rows, dim in [(1, 1), (3, 17), (16, 64), (37, 333), (65, 129)]:
        for scale, offset in [(1, 0), (30, 0), (300, 0), (1, 1000), (1, -40)]:
            gate = (torch.randn(rows, dim) * scale + offset).requires_grad_()
            up = torch.randn(rows, dim, requires_grad=True)
            dy = torch.randn(rows, dim)
            expected = torch.nn.functional.silu(gate) * up
            expected.backward(dy)
            y, dgate, dup = (torch.full((rows, dim), torch.nan) for _ in range(3))
            call(library.swiglu_forward, [gate.detach(), up.detach(), y], [rows, dim])
            call(library.swiglu_backward, [dy, gate.detach(), up.detach(), dgate, dup], [rows, dim])
            report("y", [rows, dim, scale, offset], y, expected.detach())
            report("dgate", [rows, dim, scale, offset], dgate, gate.grad)
            report("dup", [rows, dim, scale, offset], dup, up.grad)


def lm_head_cross_entropy(library):
    for tokens, features, classes in [(1, 1, 2), (3, 17, 5), (8, 32, 64), (5, 70, 333), (33, 65, 129)]:
        sizes = [tokens, features, classes]
        # With sharper ones a token may be sure of its class: probability - 1 cancels, in PyTorch as here.
        for scale in [1] if tokens == 1 else [1, 30]:
            hidden = (torch.randn(tokens, features) * scale).requires_grad_()
            weight = (torch.randn(classes, features) * 0.1).requires_grad_()
            target = torch.randint(0, classes, (tokens,), dtype=torch.int32)
            target[tokens // 2 + 1 :: 3] = -100
            dloss = 0.5 + 0.2 * torch.randn(tokens)
            logits = torch.nn.functional.linear(hidden, weight)
            expected = torch.nn.functional.cross_entropy(logits, target.long(), reduction="none", ignore_index=-100)
            expected.backward(dloss)
            loss, lse = torch.full((tokens,), torch.nan), torch.full((tokens,), torch.nan)
            dhidden, dweight = torch.full((tokens, features), torch.nan), torch.full((classes, features), torch.nan)
            call(library.lm_head_forward, [hidden.detach(), weight.detach(), target, loss, lse], sizes)
            call(library.lm_head_backward, [hidden.detach(), weight.detach(), target, lse, dloss, dhidden, dweight], sizes)
            report("lse", sizes, lse, torch.logsumexp(logits.detach(), 1))
            report("loss", sizes, loss, expected.detach())
            report("dhidden", sizes, dhidden, hidden.grad)
            report("dweight", sizes, dweight, weight.grad)
            if (dhidden[target == -100] != 0).any() or (loss[target == -100] != 0).any():
                report("ignored rows", sizes, torch.ones(1), torch.zeros(1))


def adamw(library):
    for pieces, width in [(1, 1), (3, 17), (8, 64), (5, 333), (33, 70)]:
        for step, max_norm in [(1, 1.0), (2, 0.01), (10, 0.01), (1000, 1e-4)]:
            sizes = [pieces, width]
            gradient = torch.randn(pieces, width) * 1e-4 * torch.logspace(-3, 3, pieces).unsqueeze(1)
            weight, first = torch.randn(pieces, width) * 0.02, torch.randn(pieces, width) * 1e-5
            # PyTorch has no second moments below zero, so none are compared with it.
            second = 1e-9 * torch.rand(pieces, width)
            learning_rate, beta1, beta2, eps, weight_decay = 0.01, 0.9, 0.95, 1e-8, 0.1
            parameter = torch.nn.Parameter(weight.clone())
            norm = torch.nn.utils.get_total_norm([gradient])
            # Its own clipping adds 1e-6 to the norm.
            parameter.grad = gradient * (max_norm / norm).clamp(max=1)
            options = {"lr": learning_rate, "betas": (beta1, beta2), "eps": eps, "weight_decay": weight_decay, "foreach": False}
            optimizer = torch.optim.AdamW([parameter], **options)
            optimizer.state[parameter] = {"step": torch.tensor(step - 1.0), "exp_avg": first.clone(), "exp_avg_sq": second.clone()}
            optimizer.step()
            sums = torch.full((pieces,), torch.nan)
            call(library.gradient_squares, [gradient, sums], sizes)
            results = [torch.full((pieces, width), torch.nan) for _ in range(4)]
            scalars = [learning_rate, beta1, beta2, eps, weight_decay, norm.item(), max_norm, step]
            call(library.adamw_step, [gradient, weight, first, second, *results], sizes, scalars)
            state = optimizer.state[parameter]
            report("squares", sizes, sums, torch.linalg.vector_norm(gradient, dim=1).square())
            report("new_weight", [*sizes, step], results[0], parameter.detach())
            report("stored_weight", [*sizes, step], results[1], parameter.detach())
            report("new_first_moment", [*sizes, step], results[2], state["exp_avg"])
            report("new_second_moment", [*sizes, step], results[3], state["exp_avg_sq"])


def attention(library):
    for sizes in [(1, 3, 1, 1, 4), (2, 7, 2, 1, 8), (1, 17, 1, 4, 16), (2, 16, 3, 2, 5), (1, 65, 2, 2, 70)]:
        batch, tokens, kv_heads, group, features = sizes
        # A common offset of the keys moves all scores of a query alike.
        for spread, offset in [(1, 0), (3, 0), (1, 10)]:
            q = torch.randn(sizes, requires_grad=True)
            k = (torch.randn(batch, tokens, kv_heads, features) * spread + offset).requires_grad_()
            v = torch.randn(batch, tokens, kv_heads, features, requires_grad=True)
            dy = torch.randn(sizes)
            heads_first = [x.flatten(2, -2).transpose(1, 2) for x in (q, k.unsqueeze(3), v.unsqueeze(3))]
            expected = torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True, enable_gqa=True)
            expected = expected.transpose(1, 2).reshape(sizes)
            expected.backward(dy)
            scores = torch.einsum("bthgd,bjhd->bthgj", q, k).detach() / features**0.5
            hidden = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)[:, None, None, :]
            inputs = [x.detach() for x in (q, k, v)]
            y, lse, dq = torch.full(sizes, torch.nan), torch.full(sizes[:-1], torch.nan), torch.full(sizes, torch.nan)
            dk, dv = torch.full(k.shape, torch.nan), torch.full(v.shape, torch.nan)
            call(library.attention_forward, [*inputs, y, lse], sizes)
            call(library.attention_backward, [dy, *inputs, lse, dq, dk, dv], sizes)
            report("y", sizes, y, expected.detach())
            report("lse", sizes, lse, scores.masked_fill(hidden, -torch.inf).logsumexp(-1))
            report("dq", sizes, dq, q.grad)
            report("dk", sizes, dk, k.grad)
            report("dv", sizes, dv, v.grad)


def embedding(library):
    for tokens, classes, dim in [(1, 1, 1), (7, 3, 5), (64, 16, 32), (200, 9, 65), (33, 50, 17)]:
        sizes = [tokens, classes, dim]
        token = torch.randint(0, classes, (tokens,), dtype=torch.int32)
        table = torch.randn(classes, dim, requires_grad=True)
        dy = torch.randn(tokens, dim)
        expected = torch.nn.functional.embedding(token, table)
        expected.backward(dy)
        y, dtable = torch.full((tokens, dim), torch.nan), torch.full((classes, dim), torch.nan)
        call(library.embedding_forward, [token, table.detach(), y], sizes)
        call(library.embedding_backward, [token, dy, dtable], sizes)
        report("y", sizes, y, expected.detach())
        report("dtable", sizes, dtable, table.grad)


if __name__ == "__main__":
    compare = {
        "rmsnorm": rmsnorm,
        "linear": linear,
        "softmax_cross_entropy": softmax_cross_entropy,
        "rope": rope,
        "swiglu": swiglu,
        "lm_head_cross_entropy": lm_head_cross_entropy,
        "adamw": adamw,
        "attention": attention,
        "embedding": embedding,
    }[sys.argv[1]]
    for library_path in sys.argv[2:]:
        torch.manual_seed(20240607)
        compare(ctypes.CDLL(library_path))
