"""Turns a KernelBench problem into a plain C function, and finds out whether both say the same in float64.

Usage: outline_problem.py REQUEST.json, in which "file" is the problem, "name" what the function is called, "forge_h" the folder of forge.h,
and "sizes" numbers of the problem's top level to take in place of its own. Prints one line of JSON: the function's
text and all that a spec says of it.

The module is exported as ATen's operations at three assignments of small sizes; what differs between the graphs follows the sizes. Each
operation is written as loops (operations.py). The C is then built with float64 and held to the module itself, norm-wise within 1e-12, at
those sizes.
"""

import ctypes
import json
import math
import operator
import os
import re
import shutil
import subprocess
import sys
import tempfile

# The answer owns stdout; what the problem prints goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402
from c_text import ALLOCATION, HELPERS, Function, Value  # noqa: E402
from operations import TABLE  # noqa: E402
from problem import LARGE, SMALLEST_SIZE, Problem, Refusal, Varying, trial_sizes  # noqa: E402
from size_text import SizeText, literal, product  # noqa: E402

TRACES = 3
AGREEMENT = 1e-12
NEITHER = {"operator", "j0", "j1", "jn", "y0", "y1", "yn", "gamma", "signal", "index", "int", "double", "float", "auto", "register", "scratch", "sum", "best"}


def graph_of(built):
    with torch.no_grad(), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        exported = torch.export.export(built.module, tuple(built.arguments), strict=False)
        return exported.run_decompositions()


def built_and_exported(problem, assignments):
    """What cannot be run at small sizes has a number that goes with others."""
    try:
        builds = [problem.build(values) for values in assignments]
        return builds, [graph_of(built) for built in builds]
    except Refusal:
        raise
    except Exception as error:
        first = str(error).strip().split("\n")[0]
        raise Varying(f"it cannot be exported: {type(error).__name__}: {first}", ()) from error


def c_name(name, taken):
    """A name for C's parameter, in lower case, that nothing else has."""
    name = re.sub(r"[^a-z0-9_]", "_", name.lower()).strip("_")
    if not name[:1].isalpha() or name in NEITHER or re.fullmatch(r"[ijklmnuvw]\d*_\d+|t\d+|r", name):
        name = f"p_{name}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


class Translation(Function):
    """Graphs of one module at several sizes, read side by side, as one C function."""

    def __init__(self, problem, held):
        super().__init__(TRACES)
        free = problem.sizes(held)
        # What stays as it is, by the names of the problem.
        self.numbers = {name: value for name, value in {**problem.values, **held}.items() if name not in free}
        self.trials = trial_sizes(free, TRACES) if free else [{}] * TRACES
        self.builds, self.exported = built_and_exported(problem, [{**held, **trial} for trial in self.trials])
        taken = set()
        self.size_names = {name: c_name(name, taken) for name in free}
        self.taken = taken
        self.text = SizeText([{self.size_names[name]: value for name, value in trial.items()} for trial in self.trials])
        self.inputs = {}
        self.values = {}
        self.now = None
        self.fixed = {}
        self.translate()

    # ---- What operations ask of it ----

    def result(self):
        """Of the operation at hand; of several results, the first."""
        return self.dims_of(self.now)

    def of_shape(self, dims):
        """This function, for an operation that is no node of the graph."""
        shaped = object.__new__(Translation)
        shaped.__dict__ = {**self.__dict__, "now": dims}
        return shaped

    def operand(self, value):
        if isinstance(value, Value):
            return value
        if isinstance(value, Different):
            return self.text.number(value.values)
        return self.text.number([float(value)] * TRACES)

    def spread(self, value, dims):
        one = Value(dims, at=lambda indices: "0", cheap=True)
        return self.broadcast(lambda text, _: text, value, one, cheap=isinstance(value, str) or value.cheap)

    def without(self, value, axes, keepdim):
        """Without the dims that a reduction left as 1."""
        if keepdim:
            return value
        rank = len(value.dims)
        reduced = {axis % rank for axis in axes} if axes else set(range(rank))
        return Value([dim for axis, dim in enumerate(value.dims) if axis not in reduced], flat=value.flat, cheap=value.cheap)

    def quotient(self, dim, parts):
        return dim if parts == 1 else self.text.dim([value // parts for value in dim.values])

    # ---- The graphs ----

    def dims_of(self, nodes):
        if not isinstance(nodes, tuple):
            return nodes
        values = [node.meta["val"] for node in nodes]
        values = [value[0] if isinstance(value, (tuple, list)) else value for value in values]
        return [self.text.dim(column) for column in zip(*[value.shape for value in values])]

    def argument(self, column):
        """One argument in all graphs."""
        first = column[0]
        if isinstance(first, torch.fx.Node):
            return self.value(first.name)
        if isinstance(first, (list, tuple)):
            return [self.argument(parts) for parts in zip(*column)]
        if isinstance(first, (int, float)) and not isinstance(first, bool) and len(set(column)) > 1:
            return Different(column)
        return first

    def value(self, name):
        if name not in self.values:
            self.values[name] = self.compute(self.nodes[name])
        return self.values[name]

    def compute(self, nodes):
        node = nodes[0]
        if node.op == "placeholder":
            raise Refusal(f"it reads {node.name}, which is no tensor of numbers")
        if node.target is operator.getitem:
            found = self.value(node.args[0].name)[node.args[1]]
            if found is None:
                raise Refusal(f"it uses the second result of {node.args[0].target}")
            return self.once(node, found)
        name = str(node.target).split(".")
        name = name[1] if len(name) > 1 else name[0]
        if name not in TABLE:
            if any(word in name for word in ("rand", "bernoulli", "dropout")):
                raise Refusal("it draws numbers at random when it is called (dropout?): there is no right answer to compare with")
            raise Refusal(f"{node.target} is an operation that is not translated yet")
        arguments = [self.argument(column) for column in zip(*[one.args for one in nodes])]
        named = {key: self.argument([one.kwargs[key] for one in nodes]) for key in node.kwargs}
        self.now = nodes
        try:
            found = TABLE[name](self, name, *arguments, **named)
        except Varying as varying:
            raise Varying(f"{node.target}: {varying}", varying.values) from varying
        except Refusal as refusal:
            raise Refusal(f"{node.target}: {refusal}") from refusal
        except (TypeError, AttributeError, IndexError, ValueError) as error:
            different = next((argument for argument in arguments if isinstance(argument, Different)), None)
            if different is not None:
                raise Varying(f"{node.target} with {different.values}, which follow its sizes", different.values) from error
            raise Refusal(f"{node.target} in a form that is not translated yet ({error})") from error
        return found if isinstance(found, tuple) else self.once(node, found)

    def once(self, node, value):
        """What is used twice is computed once."""
        return self.kept(value) if len(node.users) > 1 and not value.cheap and self.floating(node) else value

    def floating(self, node):
        value = node.meta.get("val")
        return isinstance(value, torch.Tensor) and value.dtype.is_floating_point

    def translate(self):
        columns = list(zip(*[exported.graph.nodes for exported in self.exported]))
        same = len({len(exported.graph.nodes) for exported in self.exported}) == 1
        if not same or any(len({str(node.target) for node in nodes if node.op == "call_function"}) > 1 for nodes in columns):
            raise Refusal("what it computes depends on its sizes: its graph is another one where they differ")
        self.nodes = {nodes[0].name: nodes for nodes in columns}
        self.read_inputs(columns)
        outputs = [spec.arg.name for spec in self.exported[0].graph_signature.output_specs if spec.kind.name == "USER_OUTPUT"]
        if len(outputs) != 1:
            raise Refusal(f"it returns {len(outputs)} tensors; a problem returns one")
        last = self.nodes[outputs[0]][0].meta["val"]
        if not last.dtype.is_floating_point:
            raise Refusal(f"it returns {last.dtype}: the spec format has no gate for whole numbers yet")
        result = self.value(outputs[0])
        self.output_dims = result.dims
        self.output = c_name("y", self.taken)
        self.leaves = result.leaves
        self.write(result, self.output)

    def read_inputs(self, columns):
        specs = {spec.arg.name: spec for spec in self.exported[0].graph_signature.input_specs}
        places = iter(self.builds[0].names)
        for nodes in columns:
            if nodes[0].op != "placeholder":
                continue
            spec = specs[nodes[0].name]
            own = next(places) if spec.kind.name == "USER_INPUT" else spec.target
            if own is None or not isinstance(nodes[0].meta.get("val"), torch.Tensor) or not any(True for _ in nodes[0].users):
                continue
            if spec.kind.name == "CONSTANT_TENSOR":
                self.values[nodes[0].name] = self.constant(spec.target)
                continue
            kind = nodes[0].meta["val"].dtype
            if not kind.is_floating_point and (kind != torch.int64 or spec.kind.name != "USER_INPUT"):
                continue
            if spec.kind.name == "BUFFER" and self.only_statistics(nodes[0]):
                self.values[nodes[0].name] = None
                continue
            name = c_name(own.split(".", 1)[1] if own.startswith("_") and "." in own else own, self.taken)
            dims = self.dims_of(nodes)
            whole = kind == torch.int64
            access = (lambda index, name=name: f"{name}[{index}]") if whole else (lambda index, name=name: f"load({name}[{index}])")
            self.values[nodes[0].name] = Value(dims, flat=access, cheap=True, leaves=() if whole else (name,))
            self.inputs[name] = (own, spec.kind.name == "USER_INPUT", dims, whole)
        # What the module is called with first, its parameters behind.
        self.inputs = dict(sorted(self.inputs.items(), key=lambda item: not item[1][1]))

    def only_statistics(self, node):
        """Running statistics are written and not read where the batch's own are used."""
        return all("batch_norm" in str(user.target) or user.target in (torch.ops.aten.add.Tensor, torch.ops.aten.copy_.default) for user in node.users)

    def constant(self, name):
        values = [exported.constants[name] for exported in self.exported]
        if values[0].numel() != 1:
            raise Refusal(f"it holds a constant tensor of {values[0].numel()} numbers: make it a parameter")
        text = self.text.number([value.item() for value in values])
        return self.broadcast(lambda _: text, Value([literal(size, TRACES) for size in values[0].shape], at=lambda _: "0"), cheap=True)

    # ---- C ----

    def tensor_of(self, built, own, is_input):
        return built.tensors[own] if is_input else built.states[own]

    def source(self, name):
        begin, end = self.scratch_lines()
        parameters = [f"const {'int32_t' if whole else 'STORE'} *{parameter}" for parameter, (_, _, _, whole) in self.inputs.items()]
        parameters.append(f"STORE *{self.output}")
        parameters += [f"int64_t {size}" for size in self.sizes()]
        unused = [size for size in self.sizes() if not re.search(rf"\b{size}\b", "\n".join(begin + self.lines))]
        helpers = [HELPERS[helper] for helper in self.helpers]
        body = [*[f"  (void){size};" for size in unused], *begin, *self.lines, *end, "  return 0;"]
        head = [ALLOCATION] if self.scratch else []
        return "\n".join(['#include "forge.h"', "", *head, *[f"{helper}\n" for helper in helpers], f"int {name}({', '.join(parameters)}) {{", *body, "}", ""])

    def sizes(self):
        """Of all buffers, in order: the problem's own first, then numbers that stay."""
        for dims in [*[dims for _, _, dims, _ in self.inputs.values()], self.output_dims]:
            self.shape(dims)
        return [*self.size_names.values(), *self.fixed.values()]

    def shape(self, dims):
        """Names of sizes; a spec has each once in a shape, so that the second of two equal numbers has a name of its own."""
        names, met = [], {}
        for dim in dims or [literal(1, TRACES)]:
            if dim.name is not None:
                if dim.name in names:
                    raise Varying(f"{dim.name} occurs twice in a shape", dim.values)
                names.append(dim.name)
                continue
            if dim.literal is None:
                raise Refusal(f"a size of its output is {dim.text}: a spec's sizes stand each for itself")
            key = (dim.literal, met.setdefault(dim.literal, 0))
            met[dim.literal] += 1
            if key not in self.fixed:
                named = [name for name, value in self.numbers.items() if value == dim.literal and value >= SMALLEST_SIZE]
                known = "one" if dim.literal == 1 else named[0] if len(named) == 1 else f"of_{dim.literal}"
                self.fixed[key] = c_name(known, self.taken)
            names.append(self.fixed[key])
        return names


class Different(tuple):
    """A number that is another one in each graph."""

    def __new__(cls, values):
        return super().__new__(cls, values)

    @property
    def values(self):
        return tuple(self)


def called(function, translation, built, trial, tensors):
    """What the C function makes of these tensors."""
    sizes = {**{translation.size_names[name]: value for name, value in trial.items()}, **{name: value for (value, _), name in translation.fixed.items()}}
    expected_shape = [sizes[size] for size in translation.shape(translation.output_dims)]
    out = torch.full(expected_shape, torch.nan, dtype=torch.float64)
    held = [tensor.to(torch.int32).contiguous() if whole else tensor.detach().double().contiguous() for tensor, (_, _, _, whole) in zip(tensors, translation.inputs.values())]
    status = function(*[ctypes.c_void_p(tensor.data_ptr()) for tensor in [*held, out]], *[ctypes.c_int64(sizes[size]) for size in translation.sizes()])
    if status != 0:
        raise Refusal(f"its translation returned {status}")
    return out


def answered(built, translation, tensors):
    """What the module itself makes of them."""
    given = dict(zip([own for own, _, _, _ in translation.inputs.values()], tensors))
    arguments = [given.get(name, argument) if isinstance(argument, torch.Tensor) else argument for name, argument in zip(built.names, built.arguments)]
    states = {name: given.get(name, state.clone()) for name, state in built.states.items()}
    with torch.no_grad():
        return torch.func.functional_call(built.module, states, tuple(arguments))


def tensors_of(translation, built):
    return [translation.tensor_of(built, own, is_input).detach() for own, is_input, _, _ in translation.inputs.values()]


def agreement(translation, library, name):
    function = getattr(ctypes.CDLL(library), name)
    worst = 0.0
    for trial, built in zip(translation.trials, translation.builds):
        tensors = tensors_of(translation, built)
        expected = answered(built, translation, tensors).double()
        got = called(function, translation, built, trial, tensors).reshape(expected.shape)
        norm = torch.linalg.vector_norm(expected).item()
        off = torch.linalg.vector_norm(got - expected).item()
        worst = max(worst, off / norm if norm > 0 else off) if off == off else float("inf")
    return worst


def slices(translation):
    """Sizes along which a part of the output depends on that part of the inputs alone: tried out, with other numbers in one place."""
    built, found = translation.builds[0], []
    output = [dim.name for dim in translation.output_dims]
    for size in translation.size_names.values():
        shapes = [[dim.name for dim in dims] for _, _, dims, _ in translation.inputs.values()]
        if output.count(size) != 1 or any(shape.count(size) > 1 for shape in shapes) or not any(size in shape for shape in shapes):
            continue
        tensors = tensors_of(translation, built)
        if any(size in shape and not tensor.is_floating_point() for tensor, shape in zip(tensors, shapes)):
            continue
        before = answered(built, translation, tensors)
        changed = []
        for tensor, shape in zip(tensors, shapes):
            if size in shape:
                tensor = tensor.clone()
                part = tensor.select(shape.index(size), 2)
                part.copy_(part * 1.5 + 0.25)
            changed.append(tensor)
        after = answered(built, translation, changed)
        axis = output.index(size)
        others = [place for place in range(before.shape[axis]) if place != 2]
        index = torch.tensor(others)
        if torch.equal(before.index_select(axis, index), after.index_select(axis, index)):
            found.append(size)
    return found


def drawn(tensor, is_input):
    """How a spec draws such a tensor: inputs follow the regimes, parameters lie where the module's own do."""
    if is_input:
        return {"kind": "signal"}
    spread = tensor.double().std(correction=0).item() if tensor.numel() > 1 else 0.0
    return {"kind": "weight", "centre": round(tensor.double().mean().item(), 3) + 0.0, "spread": round(max(spread, 0.1), 3)}


LONGEST_FORMULA = 300


def formula(works):
    """The sum of all loops' work, like terms together; of very many the largest."""
    counted = {}
    for work in works:
        factors = work.text.split(" * ") if "(" not in work.text else [work.text]
        number = math.prod(int(factor) for factor in factors if factor.isdigit())
        kind = " * ".join(sorted(factor for factor in factors if not factor.isdigit()))
        counted[kind] = counted.get(kind, 0) + number
    terms = [" * ".join(part for part in (str(number) if number > 1 or not kind else "", kind) if part) for kind, number in counted.items()]
    terms.sort(key=lambda term: -term.count(" * "))
    while len(" + ".join(terms)) > LONGEST_FORMULA:
        terms.pop()
    return " + ".join(terms)


def main(request):
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    problem = Problem(request["file"])
    asked = request["sizes"]
    for name in asked:
        if name not in problem.values:
            raise Refusal(f"it has no number {name} at its top level; there are: {', '.join(problem.values)}")
    # Of what may vary it is where it is timed, and not held.
    problem.values.update(asked)
    free = problem.sizes({})
    held = {name: value for name, value in asked.items() if name not in free}
    if request["small"]:
        held.update(problem.shrunk(problem.sizes(held), held))
    translation = hold_what_must_be(problem, held, asked, request["small"])
    name = request["name"]
    text = translation.source(name)
    with tempfile.TemporaryDirectory() as folder:
        source, library = os.path.join(folder, "reference.c"), os.path.join(folder, "reference.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        flags = ["-DFORGE_STORE_F64", "-DFORGE_ACCUMULATE_F64", "-std=c11", "-O1", "-fopenmp-simd", "-fPIC", "-shared", f"-I{request['forge_h']}"]
        compiler = next((found for found in map(shutil.which, ("gcc", "clang", "cc")) if found), None)
        if compiler is None:
            raise Refusal("there is no C compiler here to hold its translation to it: install gcc")
        built = subprocess.run([compiler, *flags, source, "-o", library, "-lm"], capture_output=True, text=True)
        if built.returncode != 0:
            raise RuntimeError(f"the translation does not compile, which is a fault of Forge's:\n{built.stderr[:2000]}\n{text}")
        worst = agreement(translation, library, name)
    if not worst <= AGREEMENT:
        raise Refusal(f"its translation says otherwise than the module, by {worst:.1e} in float64: a fault of Forge's, please report it")
    inputs = {
        parameter: {
            "shape": translation.shape(dims),
            "whole": whole,
            "below": below(translation, own) if whole else None,
            "draw": None if whole else drawn(translation.tensor_of(translation.builds[0], own, is_input), is_input),
        }
        for parameter, (own, is_input, dims, whole) in translation.inputs.items()
    }
    linear = sorted(translation.leaves) if len(translation.leaves) == 2 and len(translation.inputs) == 2 else None
    if linear:
        # A spec's probes know one sum over one size.
        shared = set(inputs[linear[0]]["shape"]) & set(inputs[linear[1]]["shape"]) - set(translation.shape(translation.output_dims))
        linear = linear if len(shared) == 1 else None
    return {
        "text": text,
        "agreement": worst,
        "checked": translation.trials,
        "inputs": inputs,
        "output": {"name": translation.output, "shape": translation.shape(translation.output_dims), "slice": slices(translation)},
        "sizes": {**{own: problem.values[size] for size, own in translation.size_names.items()}, **{size: value for (value, _), size in translation.fixed.items()}},
        "fixed": list(translation.fixed.values()),
        "held": {size: value for size, value in held.items()},
        "flops": formula(translation.work),
        "independent": translation.independent,
        "bilinear": [parameter for parameter in translation.inputs if parameter in linear] if linear else None,
        "operations": sorted({str(node.target) for node in translation.exported[0].graph.nodes if node.op == "call_function" and node.target is not operator.getitem}),
        "framework": f"PyTorch {torch.__version__}",
    }


def below(translation, own):
    """Whole numbers are places in a dimension: the one whose size they come near to."""
    most = [built.tensors[own].max().item() for built in translation.builds]
    for name, values in translation.text.of.items():
        if all(highest < value for highest, value in zip(most, values)) and all(highest >= value // 2 for highest, value in zip(most, values)):
            return name
    raise Refusal(f"what its whole numbers {own} count is not clear: no size is just above them")


def hold_what_must_be(problem, held, asked, small):
    """A size that the output's follow from is held, at the problem's value or a small one: a spec's sizes stand each for itself. So is what a number follows that must not."""
    for _ in range(len(problem.values) + 1):
        try:
            translation = Translation(problem, held)
            derived = [dim for dim in translation.output_dims if dim.name is None and dim.literal is None]
            names = [name for name, size in translation.size_names.items() if any(re.search(rf"\b{size}\b", dim.text) for dim in derived)]
            if not derived:
                translation.sizes()
                return translation
        except Varying as varying:
            names = [problem.smallest_behind(varying.values, held)]
            if names == [None]:
                raise
        for name in names:
            value = problem.values[name]
            while small and name not in asked and value >= LARGE:
                value //= 2
            held[name] = value
    raise Refusal("the sizes of its output follow from those of its inputs in a way that is not looked for")


try:
    with open(sys.argv[1], encoding="utf-8") as file:
        answer = {"status": "done", **main(json.load(file))}
except Refusal as refusal:
    answer = {"status": "refused", "reason": str(refusal)}
print(json.dumps(answer), file=answers, flush=True)
