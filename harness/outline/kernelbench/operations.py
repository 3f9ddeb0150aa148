"""What PyTorch's operations mean, as C: one function for each of ATen's, by its name in an exported graph."""

import math

import torch
from c_text import Value, flat_index, grouped, unflattened
from problem import Refusal
from size_text import literal, product

TABLE = {}


def operation(*names):
    def register(function):
        for name in names:
            TABLE[name] = function
        return function

    return register


# ---- Elementwise ----

UNARY = {
    "relu": lambda c, x: c.call("larger", x, "0"),
    "sigmoid": lambda c, x: c.call("sigmoid", x),
    "tanh": lambda c, x: f"TANH({x})",
    "exp": lambda c, x: f"EXP({x})",
    "log": lambda c, x: f"LOG({x})",
    "log1p": lambda c, x: c.call("LOG1P", x),
    "expm1": lambda c, x: c.call("EXPM1", x),
    "sqrt": lambda c, x: f"SQRT({x})",
    "rsqrt": lambda c, x: f"(1 / SQRT({x}))",
    "reciprocal": lambda c, x: f"(1 / {grouped(x)})",
    "erf": lambda c, x: f"ERF({x})",
    "sin": lambda c, x: f"SIN({x})",
    "cos": lambda c, x: f"COS({x})",
    "neg": lambda c, x: f"(-{grouped(x)})",
    "abs": lambda c, x: c.call("magnitude", x),
    "sign": lambda c, x: c.call("sign", x),
    "logical_not": lambda c, x: f"(!{grouped(x)})",
}
BINARY = {
    "add": lambda c, x, y: f"({x} + {y})",
    "sub": lambda c, x, y: f"({x} - {y})",
    "mul": lambda c, x, y: f"{grouped(x)} * {grouped(y)}",
    "div": lambda c, x, y: f"{grouped(x)} / {grouped(y)}",
    "maximum": lambda c, x, y: c.call("larger", x, y),
    "minimum": lambda c, x, y: c.call("smaller", x, y),
    "gt": lambda c, x, y: f"({x} > {y})",
    "ge": lambda c, x, y: f"({x} >= {y})",
    "lt": lambda c, x, y: f"({x} < {y})",
    "le": lambda c, x, y: f"({x} <= {y})",
    "eq": lambda c, x, y: f"({x} == {y})",
    "ne": lambda c, x, y: f"({x} != {y})",
    "logical_and": lambda c, x, y: f"({x} && {y})",
    "bitwise_and": lambda c, x, y: f"({x} && {y})",
}
# (ACC) of a product would be of its first factor; written for the elements of both sides, which are grouped.


def unary(write):
    return lambda c, node, x, *rest, **named: c.broadcast(lambda text: write(c, text), x)


def binary(write):
    def apply(c, node, x, y, *rest, alpha=None, rounding_mode=None, **named):
        if rounding_mode is not None:
            raise Refusal(f"division that rounds ({rounding_mode})")
        x, y = c.operand(x), c.operand(y)
        if alpha is not None and alpha != 1:
            y = c.broadcast(lambda text: f"{grouped(text)} * {alpha}", y)
        return c.broadcast(lambda a, b: write(c, a, b), x, y)

    return apply


for name, write in UNARY.items():
    TABLE[name] = unary(write)
for name, write in BINARY.items():
    TABLE[name] = binary(write)


@operation("rsub")
def _(c, node, x, y, alpha=1):
    return TABLE["sub"](c, node, y, x)


@operation("pow")
def _(c, node, x, exponent):
    if not isinstance(exponent, (int, float)) or isinstance(x, (int, float)):
        return c.broadcast(lambda a, b: f"POW({a}, {b})", c.operand(x), c.operand(exponent))
    if exponent in (2, 3):
        x = c.kept(x)
        return c.broadcast(lambda text: " * ".join([text] * int(exponent)), x)
    if exponent == 0.5:
        return c.broadcast(lambda text: f"SQRT({text})", x)
    return c.broadcast(lambda text: f"POW({text}, {c.operand(exponent)})", x)


@operation("gelu")
def _(c, node, x, approximate="none"):
    return c.broadcast(lambda text: c.call("gelu" if approximate == "none" else "gelu_tanh", text), x)


@operation("leaky_relu")
def _(c, node, x, slope=0.01):
    x = c.kept(x)
    return c.broadcast(lambda text: f"({text} > 0 ? {text} : {c.operand(slope)} * {text})", x)


@operation("elu")
def _(c, node, x, alpha=1.0, scale=1.0, input_scale=1.0):
    x = c.kept(x)
    a, s, i = c.operand(alpha), c.operand(scale), c.operand(input_scale)
    return c.broadcast(lambda t: f"({t} > 0 ? {s} * {t} : {s} * {a} * {c.call('EXPM1', f'{t} * {i}')})", x)


@operation("hardtanh", "clamp", "clamp_min", "clamp_max")
def _(c, node, x, low=None, high=None, **named):
    low, high = named.get("min", named.get("min_val", low)), named.get("max", named.get("max_val", high))
    if node == "hardtanh":
        low, high = -1 if low is None else low, 1 if high is None else high
    if node == "clamp_max":
        low, high = None, low
    if low is not None:
        x = c.broadcast(lambda a, b: c.call("larger", a, b), x, c.operand(low))
    if high is not None:
        x = c.broadcast(lambda a, b: c.call("smaller", a, b), x, c.operand(high))
    return x


@operation("where")
def _(c, node, condition, x, y):
    return c.broadcast(lambda a, b, d: f"({a} ? {b} : {d})", condition, c.operand(x), c.operand(y))


@operation("full", "full_like", "scalar_tensor", "zeros", "zeros_like", "ones", "ones_like")
def _(c, node, first, value=None, **named):
    if node.startswith("scalar"):
        value = first
    elif node.startswith(("zeros", "ones")):
        value = 0 if node.startswith("zeros") else 1
    return c.broadcast(lambda text: text, c.spread(c.operand(value), c.result()))


@operation("arange", "iota")
def _(c, node, *given, start=0, step=1, dtype=None, **named):
    if node == "arange":
        start, step = (given[0] if len(given) > 1 else 0), (given[2] if len(given) > 2 else 1)
    if start != 0 or step != 1:
        raise Refusal("a range that does not begin at 0 in steps of 1")
    return Value(c.result(), at=lambda indices: indices[0], cheap=True)


# ---- Where elements lie ----


@operation("clone", "alias", "detach", "_to_copy", "lift_fresh_copy", "contiguous", "copy", "view_as")
def _(c, node, x, *rest, **named):
    return rest[0] if node == "copy" else x


@operation("permute")
def _(c, node, x, order):
    order = [place % len(x.dims) for place in order]
    dims = [x.dims[place] for place in order]

    def at(indices):
        own = [None] * len(order)
        for index, place in zip(indices, order):
            own[place] = index
        return x.at(own)

    return Value(dims, at=at, cheap=x.cheap, leaves=x.leaves)


@operation("t")
def _(c, node, x):
    return x if len(x.dims) < 2 else TABLE["permute"](c, node, x, [1, 0])


@operation("transpose")
def _(c, node, x, one, other):
    order = list(range(len(x.dims)))
    order[one], order[other] = order[other], order[one]
    return TABLE["permute"](c, node, x, order)


@operation("expand")
def _(c, node, x, *shape, **named):
    return c.spread(x, c.result())


@operation("view", "_unsafe_view", "reshape", "unsqueeze", "squeeze")
def _(c, node, x, *rest, **named):
    dims = c.result()
    kept = [k for k, dim in enumerate(x.dims) if dim.literal != 1]
    if [x.dims[k].values for k in kept] == [dim.values for dim in dims if dim.literal != 1]:
        # Only ones come and go.
        def at(indices):
            places = [index for index, dim in zip(indices, dims) if dim.literal != 1]
            own = ["0"] * len(x.dims)
            for k, index in zip(kept, places):
                own[k] = index
            return x.at(own)

        return Value(dims, at=at, flat=x.flat, cheap=x.cheap, leaves=x.leaves) if x.flat is None else Value(
            dims, flat=x.flat, cheap=x.cheap, leaves=x.leaves
        )
    x = c.in_order(x)
    return Value(dims, flat=x.flat, cheap=x.cheap, leaves=x.leaves)


@operation("select")
def _(c, node, x, axis, place):
    axis %= len(x.dims)
    if place < 0:
        raise Refusal("an index from the end")
    dims = x.dims[:axis] + x.dims[axis + 1 :]
    return Value(dims, at=lambda indices: x.at([*indices[:axis], str(place), *indices[axis:]]), cheap=x.cheap)


@operation("slice")
def _(c, node, x, axis=0, start=None, end=None, step=1):
    start = start or 0
    if start < 0 or step != 1:
        raise Refusal("a slice from the end or with a step")

    def at(indices):
        own = list(indices)
        if start:
            own[axis] = f"({own[axis]} + {start})"
        return x.at(own)

    axis %= len(x.dims)
    return x if start == 0 and [d.values for d in x.dims] == [d.values for d in c.result()] else Value(c.result(), at=at, cheap=x.cheap)


@operation("gather")
def _(c, node, x, axis, index, **named):
    x, axis = c.kept(x), axis % len(x.dims)
    return Value(index.dims, at=lambda indices: x.at([*indices[:axis], index.at(indices), *indices[axis + 1 :]]))


@operation("flip")
def _(c, node, x, axes):
    axes = {axis % len(x.dims) for axis in axes}
    turned = lambda axis, index: f"({x.dims[axis].text} - 1 - {index})" if axis in axes and x.dims[axis].literal != 1 else index
    return Value(x.dims, at=lambda indices: x.at([turned(axis, index) for axis, index in enumerate(indices)]), cheap=x.cheap)


@operation("cat")
def _(c, node, values, axis=0):
    axis %= len(values[0].dims)

    def at(indices):
        text, begin = None, product([], c.traces)
        parts, begins = [], []
        offset = None
        for value in values:
            begins.append(offset)
            offset = value.dims[axis].text if offset is None else f"{offset} + {value.dims[axis].text}"
        for value, begin in reversed(list(zip(values, begins))):
            own = list(indices)
            if begin is not None:
                own[axis] = f"({own[axis]} - ({begin}))"
            part = value.at(own)
            end = value.dims[axis].text if begin is None else f"{begin} + {value.dims[axis].text}"
            text = part if text is None else f"({indices[axis]} < {grouped(end)} ? {part} : {text})"
        return text

    return Value(c.result(), at=at)


@operation("tril", "triu")
def _(c, node, x, diagonal=0):
    sign = "<=" if node == "tril" else ">="
    shift = "" if diagonal == 0 else f" + {diagonal}" if diagonal > 0 else f" - {-diagonal}"
    return Value(x.dims, at=lambda indices: f"({indices[-1]} {sign} {indices[-2]}{shift} ? {x.at(indices)} : 0)", leaves=x.leaves)


@operation("constant_pad_nd")
def _(c, node, x, pads, value=0):
    before = [pads[2 * (len(x.dims) - 1 - axis)] if 2 * (len(x.dims) - 1 - axis) < len(pads) else 0 for axis in range(len(x.dims))]

    def at(indices):
        own = [index if pad == 0 else f"({index} - {pad})" for index, pad in zip(indices, before)]
        inside = [f"{index} >= 0 && {index} < {dim.factor()}" for index, dim, result in zip(own, x.dims, c_dims) if dim.values != result.values]
        return f"({' && '.join(inside)} ? {x.at(own)} : {c.operand(value)})"

    c_dims = c.result()
    return Value(c_dims, at=at)


# ---- Sums and extremes ----


@operation("any")
def _(c, node, x, axes=None, keepdim=False, **named):
    axes = [axes] if isinstance(axes, int) else axes
    return c.broadcast(lambda count: f"({count} != 0)", c.without(c.sum(x, axes, of=lambda element: f"({element} != 0)"), axes, keepdim), cheap=True)


@operation("isnan")
def _(c, node, x):
    return c.broadcast(lambda text: f"({text} != {text})", c.kept(x))


@operation("sum")
def _(c, node, x, axes=None, keepdim=False, **named):
    return c.without(c.sum(x, axes), axes, keepdim)


@operation("mean")
def _(c, node, x, axes=None, keepdim=False, **named):
    return c.without(c.mean(x, axes), axes, keepdim)


@operation("amax", "amin")
def _(c, node, x, axes=None, keepdim=False):
    return c.without(c.extreme(x, axes, ">" if node == "amax" else "<"), axes, keepdim)


@operation("max", "min")
def _(c, node, x, axis=None, keepdim=False):
    found = c.without(c.extreme(x, None if axis is None else [axis], ">" if node == "max" else "<"), None if axis is None else [axis], keepdim)
    return found if axis is None else (found, None)


@operation("var", "var_mean")
def _(c, node, x, axes=None, correction=1, keepdim=False, **named):
    correction = named.get("unbiased", correction)
    mean = c.mean(x, axes)
    variance = c.without(c.variance(x, axes, mean, int(1 if correction is None else correction)), axes, keepdim)
    return variance if node == "var" else (variance, c.without(mean, axes, keepdim))


@operation("linalg_vector_norm")
def _(c, node, x, order=2, axes=None, keepdim=False, **named):
    if order not in (1, 2):
        raise Refusal(f"a norm of order {order}")
    x = c.kept(x)
    if order == 1:
        found = c.sum(x, axes, of=lambda text: c.call("magnitude", text))
    else:
        found = c.sum(x, axes, lambda sum, count: f"SQRT({sum})", lambda text: f"{text} * {text}")
    return c.without(found, axes, keepdim)


@operation("cumsum")
def _(c, node, x, axis, **named):
    x, axis = c.kept(x), axis % len(x.dims)

    def statements(indices):
        element = x.at([*indices[:axis], "r", *indices[axis + 1 :]])
        return ["ACC sum;", f"SUM(sum, r, {indices[axis]} + 1, {element});"], "sum"

    return c.keep(x.dims, statements, x.dims[axis])


@operation("_softmax", "_log_softmax")
def _(c, node, x, axis, half_to_float=False):
    x = c.kept(x)
    shifted = c.broadcast(lambda a, b: f"({a} - {b})", x, c.extreme(x, [axis], ">"))
    if node == "_softmax":
        powers = c.kept(c.broadcast(lambda text: f"EXP({text})", shifted))
        return c.broadcast(lambda a, b: f"{a} / {b}", powers, c.sum(powers, [axis]))
    return c.broadcast(lambda a, b: f"({a} - LOG({b}))", shifted, c.sum(shifted, [axis], of=lambda text: f"EXP({text})"))


# ---- Products ----


@operation("mm", "bmm", "mv", "dot", "addmm", "baddbmm", "matmul")
def _(c, node, x, y, *rest, beta=1, alpha=1, **named):
    bias = None
    if node in ("addmm", "baddbmm"):
        bias, x, y = x, y, rest[0]
    if beta != 1 or alpha != 1:
        raise Refusal("a product with factors of its own")
    x, y = c.kept(x), c.kept(y)
    inner, dims = x.dims[-1], c.result()

    def statements(indices):
        batch = indices[: len(x.dims) - 2] if len(x.dims) > 2 else []
        left = x.at([*batch, *([indices[len(batch)]] if len(x.dims) > 1 else []), "r"])
        right = y.at([*batch, "r", *([indices[-1]] if len(y.dims) > 1 else [])])
        return ["ACC sum;", f"SUM(sum, r, {inner.text}, {grouped(left)} * {grouped(right)});"], "sum"

    found = c.keep(dims, statements, inner * literal(2, c.traces))
    found.leaves = frozenset() if bias is not None else (x.leaves | y.leaves if len(x.leaves) == len(y.leaves) == 1 else frozenset())
    return found if bias is None else c.broadcast(lambda a, b: f"({a} + {b})", found, bias)


@operation("convolution")
def _(c, node, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    x, weight, dims = c.kept(x), c.kept(weight), c.result()
    rank = len(dims) - 2
    window = weight.dims[2:]
    every = lambda given: list(given) * (rank if len(given) == 1 else 1)
    stride, padding, dilation = every(stride), every(padding), every(dilation)
    # Of one group.
    channels_in = c.quotient(x.dims[1], groups)
    channels_out = c.quotient(dims[1], groups)
    terms = product([channels_in, *window], c.traces)

    def statements(indices):
        batch, channel, *places = indices
        within = unflattened([channels_in, *window], "r")
        group = "0" if groups == 1 else f"{grouped(channel)} / {channels_out.factor()}"
        own = within[0] if groups == 1 else f"({group} * {channels_in.factor()} + {within[0]})"
        lines, inside, sources = [], [], []
        for axis, (place, offset) in enumerate(zip(places, within[1:])):
            step = grouped(offset) if dilation[axis] == 1 else f"{grouped(offset)} * {dilation[axis]}"
            if not transposed:
                source = f"{place} * {stride[axis]} + {step}" if stride[axis] != 1 else f"{place} + {step}"
                if padding[axis]:
                    source += f" - {padding[axis]}"
                if padding[axis]:
                    inside.append(f"{source} >= 0 && {source} < {x.dims[axis + 2].factor()}")
            else:
                whole = f"{place}{f' + {padding[axis]}' if padding[axis] else ''} - {step}"
                source = whole if stride[axis] == 1 else f"({whole}) / {stride[axis]}"
                inside.append(f"{whole} >= 0")
                if stride[axis] != 1:
                    inside.append(f"({whole}) % {stride[axis]} == 0")
                inside.append(f"{source} < {x.dims[axis + 2].factor()}")
            sources.append(f"({source})")
        out = channel if groups == 1 else f"({channel} % {channels_out.factor()})"
        factor = weight.at([own, out, *within[1:]]) if transposed else weight.at([channel, *within])
        term = f"{x.at([batch, own, *sources])} * {factor}"
        if inside:
            term = f"({' && '.join(inside)} ? {term} : 0)"
        return [*lines, "ACC sum;", f"SUM(sum, r, {terms.text}, {term});"], "sum"

    found = c.keep(dims, statements, terms * literal(2, c.traces))
    if bias is None:
        return found
    return c.broadcast(lambda a, b: f"({a} + {b})", found, TABLE["view"](c.of_shape([literal(1, c.traces), dims[1], *[literal(1, c.traces)] * rank]), "view", bias))


# ---- Normalisations ----


def normalised(c, x, axes, eps):
    """(x - mean) / sqrt(variance + eps), the variance of all, not of a sample."""
    x = c.kept(x)
    mean = c.mean(x, axes)
    root = c.kept(c.broadcast(lambda v: f"1 / SQRT({v} + {c.operand(eps)})", c.variance(x, axes, mean)))
    return c.broadcast(lambda a, m, r: f"({a} - {m}) * {r}", x, mean, root)


def scaled(c, x, weight, bias):
    if weight is not None:
        x = c.broadcast(lambda a, b: f"{grouped(a)} * {b}", x, weight)
    return x if bias is None else c.broadcast(lambda a, b: f"({a} + {b})", x, bias)


@operation("native_layer_norm")
def _(c, node, x, shape, weight, bias, eps):
    return (scaled(c, normalised(c, x, list(range(-len(shape), 0)), eps), weight, bias),)


@operation("native_group_norm")
def _(c, node, x, weight, bias, batch, channels, places, groups, eps):
    x = c.in_order(c.kept(x))
    one = literal(1, c.traces)
    rest = product([c.quotient(x.dims[1], groups), *x.dims[2:]], c.traces)
    grouped_dims = [x.dims[0], literal(groups, c.traces), rest]
    found = c.in_order(c.kept(normalised(c, Value(grouped_dims, flat=x.flat, cheap=True), [2], eps)))
    whole = Value(x.dims, flat=found.flat, cheap=True)
    by_channel = lambda value: None if value is None else Value([x.dims[1], *[one] * (len(x.dims) - 2)], flat=c.in_order(value).flat, cheap=True)
    return (scaled(c, whole, by_channel(weight), by_channel(bias)),)


@operation("_native_batch_norm_legit_functional", "_native_batch_norm_legit", "_native_batch_norm_legit_no_training", "native_batch_norm")
def _(c, node, x, weight, bias, mean=None, variance=None, *rest):
    if node.endswith("no_training") or False in rest:
        raise Refusal("batch normalisation with running statistics")
    eps = rest[-1]
    one = literal(1, c.traces)
    by_channel = lambda value: None if value is None else Value([x.dims[1], *[one] * (len(x.dims) - 2)], flat=c.in_order(value).flat, cheap=True)
    axes = [axis for axis in range(len(x.dims)) if axis != 1]
    return (scaled(c, normalised(c, x, axes, eps), by_channel(weight), by_channel(bias)),)


# ---- Windows ----


def windows(c, x, kernel, stride, padding, dilation):
    """For each axis behind the channels: where the element r of a window lies, and whether that is inside."""
    rank = len(kernel)
    every = lambda given, otherwise: list(given) * (rank if len(given) == 1 else 1) if given else list(otherwise)
    stride, padding, dilation = every(stride, kernel), every(padding, [0] * rank), every(dilation, [1] * rank)

    def places(indices):
        within = unflattened([literal(width, c.traces) for width in kernel], "r")
        found, inside = [], []
        for axis, (index, offset) in enumerate(zip(indices[-rank:], within)):
            step = grouped(offset) if dilation[axis] == 1 else f"{grouped(offset)} * {dilation[axis]}"
            source = f"{index} * {stride[axis]} + {step}" + (f" - {padding[axis]}" if padding[axis] else "")
            if padding[axis]:
                inside.append(f"{source} >= 0")
            inside.append(f"{source} < {x.dims[axis - rank].factor()}")
            found.append(f"({source})")
        return [*indices[:-rank], *found], " && ".join(inside)

    return places


@operation("max_pool1d", "max_pool2d_with_indices", "max_pool3d_with_indices", "max_pool2d", "max_pool3d", "_low_memory_max_pool_with_offsets")
def _(c, node, x, kernel, stride=(), padding=(0,), dilation=(1,), ceil_mode=False):
    x = c.kept(x)
    kernel = list(kernel) * (int(node[8]) if len(kernel) == 1 and node[8:9].isdigit() else 1)
    places = windows(c, x, kernel, stride, padding, dilation)

    def statements(indices):
        at, inside = places(indices)
        return [
            "ACC best = -INFINITY;",
            f"for (int64_t r = 0; r < {math.prod(kernel)}; r++)",
            f"  if ({inside} && {x.at(at)} > best) best = {x.at(at)};",
        ], "best"

    found = c.keep(c.result(), statements, literal(math.prod(kernel), c.traces))
    return (found, None) if node.endswith("indices") else found


@operation("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _(c, node, x, kernel, stride=(), padding=(0,), ceil_mode=False, count_include_pad=True, divisor_override=None):
    if ceil_mode or divisor_override is not None or (any(padding) and not count_include_pad):
        raise Refusal("average pooling with ceil_mode, a divisor of its own, or without its padding")
    x = c.kept(x)
    kernel = list(kernel) * (int(node[8]) if len(kernel) == 1 else 1)
    places = windows(c, x, kernel, stride, padding, (1,))

    def statements(indices):
        at, inside = places(indices)
        return ["ACC sum;", f"SUM(sum, r, {math.prod(kernel)}, ({inside} ? {x.at(at)} : 0));"], f"sum / {math.prod(kernel)}"

    return c.keep(c.result(), statements, literal(math.prod(kernel), c.traces))


@operation("adaptive_avg_pool1d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def _(c, node, x, size):
    if any(one != 1 for one in size):
        raise Refusal("adaptive pooling to more than one place")
    return c.mean(x, list(range(-len(size), 0)))


# ---- Losses ----


@operation("nll_loss_forward")
def _(c, node, x, target, weight, reduction, ignore):
    if weight is not None or reduction == 0 or len(x.dims) != 2:
        raise Refusal("a loss with weights, without a mean, or of more than two dimensions")
    rows, one = x.dims[0], literal(1, c.traces)
    x = c.kept(x)

    def statements(indices):
        return ["ACC sum;", f"SUM(sum, r, {rows.text}, -{x.at(['r', target.at(['r'])])});"], f"sum / (ACC)({rows.text})" if reduction == 1 else "sum"

    return (c.keep([], statements, rows), None)


__all__ = ["TABLE", "flat_index", "torch"]
