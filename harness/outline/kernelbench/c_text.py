"""C over forge.h: values of a graph as expressions, and the loops that fill memory with them."""

from problem import Refusal
from size_text import literal, product, real

# Of loops: each nest has its own, so that a spec can name every loop.
LETTERS = "ijklmnuvw"

HELPERS = {
    "LOG1P": "#ifdef FORGE_ACCUMULATE_F64\n#define LOG1P(x) log1p(x)\n#else\n#define LOG1P(x) log1pf(x)\n#endif",
    "EXPM1": "#ifdef FORGE_ACCUMULATE_F64\n#define EXPM1(x) expm1(x)\n#else\n#define EXPM1(x) expm1f(x)\n#endif",
    "larger": "static ACC larger(ACC a, ACC b) { return a > b ? a : b; }",
    "smaller": "static ACC smaller(ACC a, ACC b) { return a < b ? a : b; }",
    "magnitude": "static ACC magnitude(ACC x) { return x < 0 ? -x : x; }",
    "sigmoid": "static ACC sigmoid(ACC x) { return 1 / (1 + EXP(-x)); }",
    "gelu": "static ACC gelu(ACC x) { return x * (1 + ERF(x / SQRT((ACC)2))) / 2; }",
    "gelu_tanh": "static ACC gelu_tanh(ACC x) {\n  return x * (1 + TANH((ACC)0.7978845608028654 * (x + (ACC)0.044715 * x * x * x))) / 2;\n}",
    "sign": "static ACC sign(ACC x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }",
}


# References include forge.h and what it includes.
ALLOCATION = "void *malloc(size_t size);\nvoid free(void *memory);\n"


class Value:
    """A tensor of the graph. `at(indices)` is its element as a C expression without side effects; `flat(index)` the same by its place in
    memory, where it lies there in order. `cheap`: reading it twice costs no more than reading memory twice. `leaves`: the two inputs of which
    it is the product, or the one that it is, in whatever order of dimensions."""

    def __init__(self, dims, at=None, flat=None, cheap=False, leaves=()):
        self.dims = list(dims)
        self.flat = flat
        self.cheap = cheap
        self.leaves = frozenset(leaves)
        self.at = at if at is not None else lambda indices: flat(flat_index(self.dims, indices))


class Part(str):
    """One of the indices that an index over several dimensions at once falls into."""

    def __new__(cls, text, whole, place, dims):
        self = super().__new__(cls, text)
        self.whole = whole
        self.place = place
        self.dims = dims
        return self


def flat_index(dims, indices):
    """Where an element lies in memory, in order. Indices that an index over all of them fell into are that index again."""
    pairs = [(dim, index) for dim, index in zip(dims, indices) if dim.literal != 1]
    text = None
    while pairs:
        dim, index = pairs.pop(0)
        if isinstance(index, Part) and index.place == 0:
            behind = len(index.dims) - 1
            rest = pairs[:behind]
            if len(rest) == behind and all(
                isinstance(other, Part) and other.whole == index.whole and other.place == place + 1 and own.values == index.dims[place + 1].values
                for place, (own, other) in enumerate(rest)
            ) and dim.values == index.dims[0].values:
                dim, index = product(index.dims, len(dim.values)), index.whole
                pairs = pairs[behind:]
        text = str(index) if text is None else f"{grouped(text)} * {dim.factor()} + {index}" if " " not in dim.text else f"{grouped(text)} * ({dim.text}) + {index}"
    return text or "0"


def grouped(text):
    """As a factor: in parentheses where an operator stands outside of any."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and sign in "+-*/%?<>&|=" and place > 0:
            return f"({text})"
    return f"({text})" if text[:1] in "+-!" else text


def unflattened(dims, index):
    """The indices of the element at this place of a tensor that lies in order."""
    places = [k for k, dim in enumerate(dims) if dim.literal != 1]
    present = [dims[k] for k in places]
    indices = ["0"] * len(dims)
    for order, k in enumerate(places):
        behind = product(present[order + 1 :], len(dims[k].values))
        whole = index if behind.literal == 1 else f"{grouped(index)} / {behind.factor() if ' ' not in behind.text else f'({behind.text})'}"
        indices[k] = Part(whole if order == 0 else f"{grouped(whole)} % {dims[k].factor()}", index, order, present)
    return indices


class Function:
    """One C function being written."""

    def __init__(self, traces):
        self.traces = traces
        self.lines = []
        self.helpers = []
        self.scratch = []
        self.work = []
        self.nests = 0
        self.last = (None, 0, None)
        self.independent = []

    def helper(self, name):
        if name not in self.helpers:
            self.helpers.append(name)
        return name

    def call(self, name, *arguments):
        return f"{self.helper(name)}({', '.join(arguments)})"

    def fill(self, dims, statements, target):
        """Loops over dims, in whose body `statements(indices)` gives lines and the element; `target(index)` is where it goes."""
        indices = []
        indent = "  "
        for dim in dims:
            if dim.literal == 1:
                indices.append("0")
                continue
            index = f"{self.prefix()}{len(indices)}"
            self.lines.append(f"{indent}for (int64_t {index} = 0; {index} < {dim.text}; {index}++)")
            indices.append(index)
            indent += "  "
        self.nests += 1
        self.independent += [index for index in indices if index != "0"]
        lines, element = statements(indices)
        place = flat_index(dims, indices)
        body = [*lines, target(place).replace("VALUE", element)]
        if len(lines) > 0 and indent == "  ":
            self.lines += ["  {", *[f"    {line}" for line in body], "  }"]
        elif len(lines) > 0:
            self.lines[-1] += " {"
            self.lines += [*[indent + line for line in body], f"{indent[2:]}}}"]
        else:
            self.lines += [indent + line for line in body]

    def keep(self, dims, statements, operations=None):
        """Memory of the function's own, filled; a Value that reads it. `operations`: of one element, in FLOP, a Dim."""
        name, begin = f"t{len(self.scratch)}", len(self.lines)
        size = product(dims, self.traces)
        self.scratch.append((name, size))
        self.work.append(size * (operations or literal(1, self.traces)))
        self.fill(dims, statements, lambda place: f"{name}[{place}] = VALUE;")
        found = Value(dims, flat=lambda index: f"{name}[{index}]", cheap=True)
        self.last = (found, begin, statements)
        return found

    def write(self, result, output):
        """The function's result, straight where it belongs if it is what was computed last."""
        last, begin, statements = self.last
        if result is last:
            del self.lines[begin:]
            self.scratch.pop()
            self.nests -= 1
            self.independent = [index for index in self.independent if not index.startswith(self.prefix())]
        else:
            statements = lambda indices: ([], result.at(indices))
            self.work.append(product(result.dims, self.traces))
        self.fill(result.dims, statements, lambda place: f"{output}[{place}] = store(VALUE);")

    def prefix(self):
        """Of the loop variables of the next nest."""
        return f"{LETTERS[self.nests % len(LETTERS)]}{self.nests // len(LETTERS) or ''}_"

    def kept(self, value):
        if value.cheap:
            return value
        return self.keep(value.dims, lambda indices: ([], value.at(indices)))

    def in_order(self, value):
        return value if value.flat is not None else self.keep(value.dims, lambda indices: ([], value.at(indices)))

    def over(self, value, axes):
        """For reductions over `axes`: the dims that stay (1 where reduced), how many elements one of them takes in, and an element by r."""
        rank = len(value.dims)
        axes = sorted(axis % rank for axis in axes) if axes else list(range(rank))
        reduced = [value.dims[axis] for axis in axes]
        stays = [literal(1, self.traces) if axis in axes else dim for axis, dim in enumerate(value.dims)]

        def element(indices, r="r"):
            within = unflattened(reduced, r)
            return value.at([within[axes.index(axis)] if axis in axes else index for axis, index in enumerate(indices)])

        return stays, product(reduced, self.traces), element

    def sum(self, value, axes, scale=lambda sum, count: sum, of=lambda element: element):
        stays, count, element = self.over(value, axes)

        def statements(indices):
            return ["ACC sum;", f"SUM(sum, r, {count.text}, {of(element(indices))});"], scale("sum", count)

        return self.keep(stays, statements, count)

    def mean(self, value, axes):
        return self.sum(value, axes, lambda sum, count: f"{sum} / (ACC)({count.text})")

    def variance(self, value, axes, mean, correction=0):
        """Of the differences from the mean."""
        value = self.kept(value)
        centred = self.broadcast(lambda x, m: f"({x} - {m})", value, mean)
        divisor = lambda count: count.text if correction == 0 else f"{count.text} - {correction}"
        return self.sum(centred, axes, lambda sum, count: f"{sum} / (ACC)({divisor(count)})", lambda x: f"{x} * {x}")

    def extreme(self, value, axes, sign):
        """The largest (">") or smallest ("<") along axes."""
        value = self.kept(value)
        stays, count, element = self.over(value, axes)
        start = "-INFINITY" if sign == ">" else "INFINITY"

        def statements(indices):
            lines = [
                f"ACC best = {start};",
                f"for (int64_t r = 0; r < {count.text}; r++)",
                f"  if ({element(indices)} {sign} best) best = {element(indices)};",
            ]
            return lines, "best"

        return self.keep(stays, statements, count)

    def broadcast(self, write, *operands, cheap=False):
        """Elementwise over values and C texts of numbers."""
        values = [operand for operand in operands if isinstance(operand, Value)]
        rank = max((len(value.dims) for value in values), default=0)
        dims = []
        for place in range(rank):
            found = literal(1, self.traces)
            for value in values:
                own = place - (rank - len(value.dims))
                if own >= 0 and value.dims[own].literal != 1:
                    if found.literal != 1 and found.values != value.dims[own].values:
                        raise Refusal("shapes that do not broadcast")
                    found = value.dims[own]
            dims.append(found)

        def at(indices):
            texts = []
            for operand in operands:
                if not isinstance(operand, Value):
                    texts.append(operand)
                    continue
                own = indices[rank - len(operand.dims) :]
                texts.append(operand.at(["0" if dim.literal == 1 else index for dim, index in zip(operand.dims, own)]))
            return write(*texts)

        return Value(dims, at=at, cheap=cheap)

    def scratch_lines(self):
        if not self.scratch:
            return [], []
        sizes = [size for _, size in self.scratch]
        begin = [f"  ACC *scratch = malloc(sizeof(ACC) * (size_t)({' + '.join(size.text for size in sizes)}));", "  if (!scratch) return 1;"]
        for place, (name, _) in enumerate(self.scratch):
            before = "scratch" if place == 0 else f"{self.scratch[place - 1][0]} + {sizes[place - 1].factor() if ' ' not in sizes[place - 1].text else sizes[place - 1].text}"
            begin.append(f"  ACC *{name} = {before};")
        return begin, ["  free(scratch);"]


__all__ = ["Function", "HELPERS", "Value", "flat_index", "grouped", "real", "unflattened"]
