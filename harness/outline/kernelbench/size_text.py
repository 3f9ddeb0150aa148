"""Numbers of a graph that follow the sizes, found by tracing it at several: what is 5, 7, 11 where `rows` is 5, 7, 11 is `rows`."""

import itertools
import math

from problem import Varying


class Dim:
    """A whole number of the graph: its value in each trace, and how C writes it over the sizes. `name`: of the size that it is, else None."""

    def __init__(self, values, text, name=None):
        self.values = tuple(values)
        self.text = text
        self.name = name

    @property
    def literal(self):
        return int(self.text) if self.text.lstrip("-").isdigit() else None

    def __mul__(self, other):
        values = [a * b for a, b in zip(self.values, other.values)]
        if self.literal is not None and other.literal is not None:
            return Dim(values, str(self.literal * other.literal))
        if self.literal == 1:
            return other
        if other.literal == 1:
            return self
        return Dim(values, f"{self.factor()} * {other.factor()}")

    def factor(self):
        """As it stands in a product."""
        return f"({self.text})" if any(sign in self.text for sign in "+-/") else self.text


def literal(value, traces):
    return Dim([value] * traces, str(value))


def product(dims, traces):
    total = literal(1, traces)
    for dim in dims:
        total = total * dim
    return total


class SizeText:
    def __init__(self, trials):
        self.trials = trials
        self.names = list(trials[0])
        self.of = {name: tuple(trial[name] for trial in trials) for name in self.names}

    def dim(self, values):
        """Raises Refusal where the numbers follow no rule that is looked for."""
        values = tuple(int(value) for value in values)
        if len(set(values)) == 1:
            return Dim(values, str(values[0]))
        for name, own in self.of.items():
            if own == values:
                return Dim(values, name, name)
        for count in (1, 2, 3, 4):
            for chosen in itertools.combinations_with_replacement(self.names, count):
                parts = [math.prod(trial[name] for name in chosen) for trial in self.trials]
                if all(value % part == 0 for value, part in zip(values, parts)):
                    ratios = {value // part for value, part in zip(values, parts)}
                    if len(ratios) == 1 and (ratio := ratios.pop()) > 0:
                        return Dim(values, " * ".join([*chosen, *([str(ratio)] if ratio > 1 else [])]))
        for name, own in self.of.items():
            for step in range(1, 9):
                for shift in range(-32, 33):
                    if all((size + shift) // step == value for size, value in zip(own, values)):
                        inner = name if shift == 0 else f"{name} {'+' if shift > 0 else '-'} {abs(shift)}"
                        return Dim(values, inner if step == 1 else f"({inner}) / {step}")
            slope, rest = divmod(values[1] - values[0], own[1] - own[0])
            shift = values[0] - slope * own[0]
            if rest == 0 and slope > 1 and all(slope * size + shift == value for size, value in zip(own, values)):
                return Dim(values, f"{slope} * {name} {'+' if shift > 0 else '-'} {abs(shift)}")
        raise Varying(f"a number of its graph follows its sizes in a way that is not looked for: {values} where they are {self.trials}", values)

    def number(self, values):
        """A real number of the graph, as C."""
        if len({repr(value) for value in values}) == 1:
            return real(values[0])
        for count in (1, 2, 3, 4):
            for chosen in itertools.combinations(self.names, count):
                parts = [math.prod(trial[name] for name in chosen) for trial in self.trials]
                text = f"(ACC)({' * '.join(chosen)})"
                for rule, written in (
                    (lambda part: part, text),
                    (lambda part: 1 / part, f"(1 / {text})"),
                    (math.sqrt, f"SQRT({text})"),
                    (lambda part: 1 / math.sqrt(part), f"(1 / SQRT({text}))"),
                    (lambda part: part**-0.25, f"(1 / SQRT(SQRT({text})))"),
                ):
                    if all(math.isclose(rule(part), value, rel_tol=1e-14) for part, value in zip(parts, values)):
                        return written
        raise Varying(f"a number of its graph follows its sizes in a way that is not looked for: {values} where they are {self.trials}", values)


def real(value):
    """Without the cast a product with a float would be a double's."""
    if math.isnan(value):
        return "NAN"
    if value in (math.inf, -math.inf):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    if float(value).is_integer() and abs(value) < 2**24:
        return str(int(value)) if value >= 0 else f"({int(value)})"
    return f"(ACC){value!r}" if value >= 0 else f"(-(ACC){-value!r})"
