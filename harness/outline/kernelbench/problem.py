"""A KernelBench problem file (Ouyang et al., 2025, arXiv:2502.10517), unchanged: its module, its inputs, and the same at other sizes.

A problem holds a class Model, get_inputs() and get_init_inputs(), and whole numbers at its top level that both read. A number is a
*size* where the inputs' or parameters' shapes follow it; so the problem can be built as small as its exam needs.
"""

import ast
import inspect
import math
import operator
from types import ModuleType

import torch

# What is smaller is rather the width of a kernel or a stride than something that grows with the data.
SMALLEST_SIZE = 8
# What is not larger makes no exam slow.
LARGE = 32


ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Pow: operator.pow}


class Refusal(Exception):
    """What the problem has that an exam cannot be made of; the text is for its user."""


class Varying(Refusal):
    """A number that follows the sizes where one is needed that does not, or in a way that is not looked for: its value in each trace."""

    def __init__(self, reason, values):
        super().__init__(reason)
        self.values = tuple(values)


def literal_integer(node):
    """The value of an expression of whole numbers alone, else None."""
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) is int else None
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right = literal_integer(node.left), literal_integer(node.right)
        if left is not None and right is not None:
            return ARITHMETIC[type(node.op)](left, right)
    return None


def top_level_integers(tree):
    """Every whole number at the file's top level as name -> (its node's parent, how to replace it, value); of a tuple, name_0, name_1, ...; of
    `a, b = 1, 2` each by its own name."""
    found = {}

    def note(name, holder, place, node):
        if literal_integer(node) is not None:
            found[name] = (holder, place, literal_integer(node))

    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        target, value = statement.targets[0], statement.value
        several = value.elts if isinstance(value, (ast.Tuple, ast.List)) else None
        if isinstance(target, ast.Name) and several is None:
            note(target.id, statement, "value", value)
        elif isinstance(target, ast.Name):
            for place, element in enumerate(several):
                note(f"{target.id}_{place}", several, place, element)
        elif isinstance(target, ast.Tuple) and several is not None and len(several) == len(target.elts):
            for place, (name, element) in enumerate(zip(target.elts, several)):
                if isinstance(name, ast.Name):
                    note(name.id, several, place, element)
    return {name: place for name, place in found.items() if place[2] >= 1}


class Built:
    """The module and its inputs at some sizes, in float64. `tensors`: inputs by the names of forward's parameters, then parameters and buffers."""

    def __init__(self, module, arguments, names):
        self.module = module
        self.arguments = arguments
        self.names = names
        self.tensors = {name: value for name, value in zip(names, arguments) if isinstance(value, torch.Tensor)}
        self.states = {**dict(module.named_parameters()), **dict(module.named_buffers())}

    def shapes(self):
        return [tuple(tensor.shape) for tensor in [*self.tensors.values(), *self.states.values()]]


class Problem:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.source = file.read()
        try:
            self.values = {name: value for name, (_, _, value) in top_level_integers(ast.parse(self.source)).items()}
        except SyntaxError as error:
            raise Refusal(f"line {error.lineno}: {error.msg}") from error

    def build(self, values, device="cpu"):
        """Runs the file with other numbers at its top level. Whatever it throws is thrown."""
        values = {**self.values, **values}
        tree = ast.parse(self.source)
        for name, (holder, place, _) in top_level_integers(tree).items():
            if name in values:
                constant = ast.Constant(values[name])
                if isinstance(holder, list):
                    holder[place] = constant
                else:
                    setattr(holder, place, constant)
        module = ModuleType("problem")
        torch.manual_seed(1)
        with torch.device(device):
            exec(compile(ast.fix_missing_locations(tree), self.path, "exec"), module.__dict__)
            for name in ("Model", "get_inputs", "get_init_inputs"):
                if not callable(getattr(module, name, None)):
                    raise Refusal(f"it has no {name}: a KernelBench problem has a class Model, get_inputs() and get_init_inputs()")
            given = module.get_init_inputs()
            model = module.Model(**given[1]) if is_named(given) else module.Model(*given)
            arguments = list(module.get_inputs())
        names = [name for name in inspect.signature(model.forward).parameters][: len(arguments)]
        return Built(model, arguments, names)

    def sizes(self, held):
        """The numbers that shapes follow, one by one, and that the module still runs with; those of `held` are none."""
        try:
            whole = self.build(held, "meta")
        except Refusal:
            raise
        except Exception as error:
            raise Refusal(f"it cannot be built: {type(error).__name__}: {error}") from error
        return [
            name
            for name, value in self.values.items()
            if name not in held and value >= SMALLEST_SIZE and self.follows(whole, name, value, held)
        ]

    def shrunk(self, free, held):
        """Numbers that are no sizes, yet that shapes follow, halved while the module can be built and run: name -> value."""
        found = {}
        for name, value in self.values.items():
            if name in free or name in held:
                continue
            while value >= LARGE and self.runs({**held, **found, name: value // 2}):
                value //= 2
                found[name] = value
        return found

    def runs(self, values):
        try:
            built = self.build(values, "meta")
            built.module(*built.arguments)
        except Exception:
            return False
        return built.shapes() != self.build({}, "meta").shapes()

    def smallest_behind(self, values, held):
        """The size that has these values in the traces; else the smallest one, which is a kernel's width rather than an image's."""
        free = self.sizes(held)
        trials = trial_sizes(free, len(values)) if free else []
        own = [name for name in free if tuple(trial[name] for trial in trials) == values]
        return min(own or free, key=lambda name: ("batch" in name, self.values[name]), default=None)

    def follows(self, whole, name, value, held):
        try:
            other = self.build({**held, name: value + 1}, "meta")
            if other.shapes() == whole.shapes():
                return False
            other.module(*other.arguments)
        except Exception:
            return False
        changed = [(a, b) for one, two in zip(whole.shapes(), other.shapes()) for a, b in zip(one, two) if a != b]
        return all(a == value and b == value + 1 for a, b in changed)


def is_named(given):
    """KernelBench allows [positional, named] as well."""
    return len(given) == 2 and isinstance(given[0], (list, tuple)) and isinstance(given[1], dict)


PRIMES = [p for p in range(5, 400) if all(p % q for q in range(2, int(math.sqrt(p)) + 1))]


def trial_sizes(names, count):
    """`count` assignments of small primes; no two numbers of one are equal, and none keeps its value in another."""
    return [{name: PRIMES[count * place + turn] for place, name in enumerate(names)} for turn in range(count)]
