"""Compares builds of decoder.c with its twin in PyTorch, with Hugging Face's Llama, and with themselves after a restore.

Usage: compare_decoder_with_pytorch.py MODE=LIBRARY..., the modes at the end of this file. Prints one JSON object per comparison, case and
tensor: the norm of the difference over the norm of the expected tensor; of what is right or wrong, 0 or 1.
"""

import ctypes
import json
import sys
import tempfile
from pathlib import Path

import torch

# The folder of the references is no place for bytecode.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "reference-kernels"))
import decoder_twin  # noqa: E402

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SHAPE = "layers hidden query_heads kv_heads head_dim feed_forward vocabulary tied schedule warmup_steps decay_start total_steps".split()
CONSTANTS = (
    "norm_eps rope_base embedding_scale residual_scale logit_scale learning_rate final_learning_rate beta1 beta2 adam_eps weight_decay"
    " max_gradient_norm"
).split()
PARTS = ["weight", "first_moment", "second_moment"]
CONSTANT, COSINE, WSD = range(3)

BASE_SHAPE = dict(layers=2, hidden=20, query_heads=2, kv_heads=2, head_dim=8, feed_forward=28, vocabulary=37, tied=1)
BASE_SHAPE |= dict(schedule=CONSTANT, warmup_steps=0, decay_start=0, total_steps=100)
BASE_CONSTANTS = dict(norm_eps=1e-5, rope_base=10000.0, embedding_scale=1.0, residual_scale=1.0, logit_scale=1.0)
BASE_CONSTANTS |= dict(learning_rate=1e-2, final_learning_rate=1e-3, beta1=0.9, beta2=0.95, adam_eps=1e-8, weight_decay=0.1)
BASE_CONSTANTS |= dict(max_gradient_norm=1e6)
MUP = dict(embedding_scale=12.0, residual_scale=1.4 / 2**0.5, logit_scale=0.4)

# name, changes of the shape, changes of the constants, (micro-batches, batch, length), completed steps, share of targets ignored
CASES = [
    ("tied, one query head a key head", {}, {}, (1, 2, 9), 0, 0),
    (
        "untied, groups of two, muP, cosine in its decay",
        dict(query_heads=4, head_dim=6, tied=0, schedule=COSINE, warmup_steps=10, total_steps=50),
        MUP,
        (2, 2, 7),
        29,
        0,
    ),
    (
        "groups of three, muP, wsd in its decay, clipped, ignored targets",
        dict(layers=3, query_heads=6, schedule=WSD, warmup_steps=3, decay_start=20, total_steps=60),
        MUP | dict(max_gradient_norm=0.1, beta2=0.999),
        (3, 2, 8),
        33,
        0.4,
    ),
    (
        "wider than the lanes of a sum, in its warm-up",
        dict(hidden=72, query_heads=3, kv_heads=1, head_dim=66, feed_forward=129, vocabulary=131, tied=0, schedule=WSD, warmup_steps=8)
        | dict(decay_start=50),
        dict(max_gradient_norm=0.3, rope_base=5e6),
        (1, 1, 67),
        0,
        0.2,
    ),
    ("wsd at the start of its decay", dict(layers=1, tied=0, schedule=WSD, decay_start=5, total_steps=9), {}, (2, 2, 9), 4, 0.5),
    ("cosine past its end", dict(layers=1, kv_heads=1, schedule=COSINE, total_steps=20), {}, (1, 3, 4), 19, 0),
    ("one token", dict(layers=1, schedule=COSINE, warmup_steps=30, total_steps=20), {}, (1, 1, 1), 29, 0),
    ("no target counts", {}, MUP, (2, 1, 3), 0, 1),
]


class Trainer:
    """The functions of forge_trainer.h in a float64 library."""

    def __init__(self, path, real=torch.float64):
        self.path, self.library, self.real, self.mode = path, ctypes.CDLL(path), real, ""

    def call(self, name, arrays, sizes, which=()):
        pointers = [ctypes.c_void_p(array.data_ptr()) for array in arrays]
        values = [ctypes.c_int64(size) for size in sizes] + [ctypes.c_int32(number) for number in which]
        return getattr(self.library, name)(*pointers, *values)

    def must(self, name, *arguments):
        status = self.call(name, *arguments)
        if status != 0:
            raise RuntimeError(f"{name} of {self.path} returned {status}")

    def create(self, shape, constants):
        fields = torch.tensor([shape[field] for field in SHAPE], dtype=torch.int32)
        values = torch.tensor([constants[field] for field in CONSTANTS], dtype=self.real)
        self.must("trainer_create", [fields, values], [len(SHAPE), len(CONSTANTS)])

    def write(self, tensors, part):
        for number, tensor in enumerate(tensors.values()):
            self.must("trainer_write", [tensor.detach().to(self.real).contiguous()], [tensor.numel()], [number, PARTS.index(part)])

    def read(self, like, part):
        """Tensors of the names and sizes of `like`."""
        results = {name: torch.full(tensor.shape, torch.nan, dtype=self.real) for name, tensor in like.items()}
        for number, tensor in enumerate(results.values()):
            self.must("trainer_read", [tensor], [tensor.numel()], [number, PARTS.index(part)])
        return results

    def seek(self, steps):
        self.must("trainer_seek", [torch.tensor([steps], dtype=torch.int32)], [1])

    def logits(self, tokens, vocabulary):
        results = torch.full((*tokens.shape, vocabulary), torch.nan, dtype=self.real)
        self.must("trainer_logits", [tokens, results], results.shape)
        return results

    def step(self, tokens, targets):
        report = torch.full((3,), torch.nan, dtype=self.real)
        self.must("trainer_step", [tokens, targets, report], [*tokens.shape, 3])
        return report

    def save(self):
        words = torch.full((1,), -1, dtype=torch.int32)
        self.must("trainer_image_words", [words], [1])
        image = torch.full((words.item(),), -1, dtype=torch.int32)
        self.must("trainer_save", [image], [image.numel()])
        return image

    def restore(self, image):
        self.must("trainer_restore", [image], [image.numel()])


def report(trainer, case, tensor, got, expected):
    """Norm-wise: element-wise relative differences mean nothing near zero."""
    got, expected = torch.as_tensor(got, dtype=torch.float64), torch.as_tensor(expected, dtype=torch.float64)
    norm = torch.linalg.vector_norm(expected).item()
    difference = torch.linalg.vector_norm(got - expected).item()
    relative = difference / norm if norm > 0 else difference
    finite = bool(torch.isfinite(got).all())
    print_answer(trainer, case, tensor, relative if finite else 1e300)


def print_answer(trainer, case, tensor, difference):
    print(json.dumps({"mode": trainer.mode, "library": trainer.path, "case": case, "tensor": tensor, "difference": difference}))


def draw_weights(shape):
    return {
        name: 1 + 0.25 * torch.randn(size) if len(size) == 1 else torch.randn(size) / size[1] ** 0.5
        for name, size in decoder_twin.parameter_shapes(shape).items()
    }


def draw_batch(shape, sizes, ignored):
    """Tokens and targets; the share of ignored targets differs from micro-batch to micro-batch."""
    tokens = torch.randint(0, shape["vocabulary"], sizes, dtype=torch.int32)
    targets = torch.randint(0, shape["vocabulary"], sizes, dtype=torch.int32)
    share = ignored if ignored == 1 else ignored * torch.linspace(0.2, 1.8, sizes[0]).view(-1, 1, 1)
    targets[torch.rand(sizes) < share] = -100
    return tokens, targets


def compare_parts(trainer, case, twin, steps):
    for part in PARTS:
        expected = twin.part(part)
        for name, tensor in trainer.read(expected, part).items():
            report(trainer, case, f"{part} after {steps} steps: {name}", tensor, expected[name])


def compare_with_twin(trainer, case, shape, constants, sizes, completed_steps, ignored):
    weights, (tokens, targets) = draw_weights(shape), draw_batch(shape, sizes, ignored)
    # A twin and a trainer with zero moments, of which one step tells the gradient.
    twin = decoder_twin.build(shape, constants)
    twin.write(weights, completed_steps=completed_steps)
    trainer.create(shape, constants)
    trainer.write(weights, "weight")
    trainer.seek(completed_steps)
    for micro_batch in tokens:
        report(trainer, case, "logits", trainer.logits(micro_batch, shape["vocabulary"]), twin.logits(micro_batch.long()).detach())
    for steps in range(1, 4):
        got, (loss, norm, rate, gradients) = trainer.step(tokens, targets), twin.step(tokens, targets)
        report(trainer, case, "loss", got[0], loss)
        report(trainer, case, "gradient norm", got[1], norm)
        report(trainer, case, "learning rate", got[2], rate)
        if steps == 1:
            clip = min(1, constants["max_gradient_norm"] / (norm + 1e-6))
            for name, moment in trainer.read(weights, "first_moment").items():
                report(trainer, case, f"gradient: {name}", moment / (1 - constants["beta1"]) / clip, gradients[name])
        if steps != 2:
            compare_parts(trainer, case, twin, steps)
        tokens, targets = draw_batch(shape, sizes, ignored)
    # Moments that are written, as a harness does that sets a trainer to a point of a trajectory.
    first = {name: 0.01 * torch.randn(tensor.shape) for name, tensor in weights.items()}
    second = {name: 1e-3 * torch.rand(tensor.shape) for name, tensor in weights.items()}
    twin.write(weights, first, second, completed_steps + 7)
    trainer.write(weights, "weight")
    trainer.write(first, "first_moment")
    trainer.write(second, "second_moment")
    trainer.seek(completed_steps + 7)
    report(trainer, case, "loss", trainer.step(tokens, targets)[0], twin.step(tokens, targets)[0])
    compare_parts(trainer, case, twin, "written moments and 1")


def compare_command_line(trainer):
    """The twin again, through the files of its command line."""
    from safetensors.torch import load_file, save_file

    name, shape, constants, sizes, completed_steps, ignored = list(cases())[2]
    weights, batches = draw_weights(shape), [draw_batch(shape, sizes, ignored) for _ in range(2)]
    second = {name: 1e-3 * torch.rand(tensor.shape) for name, tensor in weights.items()}
    with tempfile.TemporaryDirectory() as folder:
        request = {"shape": shape | {"schedule": "wsd"}, "constants": constants, "completed_steps": completed_steps, "logits": True}
        (Path(folder) / "request.json").write_text(json.dumps(request))
        tokens, targets = (torch.stack(list(part)).long() for part in zip(*batches))
        moments = {f"second_moment/{name}": tensor for name, tensor in second.items()}
        save_file(weights | moments | {"tokens": tokens, "targets": targets}, Path(folder) / "in.safetensors")
        decoder_twin.main(Path(folder))
        expected = load_file(Path(folder) / "out.safetensors")
    trainer.create(shape, constants)
    trainer.write(weights, "weight")
    trainer.write(second, "second_moment")
    trainer.seek(completed_steps)
    for step, (tokens, targets) in enumerate(batches):
        logits = torch.stack([trainer.logits(micro_batch, shape["vocabulary"]) for micro_batch in tokens])
        report(trainer, "command line", "logits", logits, expected["logits"][step])
        report(trainer, "command line", "report", trainer.step(tokens, targets), expected["report"][step])
    for part in PARTS:
        for name, tensor in trainer.read(weights, part).items():
            report(trainer, "command line", f"{part}: {name}", tensor, expected[name if part == "weight" else f"{part}/{name}"])


def compare_with_hugging_face(trainer, case, shape, constants, sizes, completed_steps, ignored):
    """Its float64 is float32 in norms, angles, softmax and loss."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape["vocabulary"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["feed_forward"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["query_heads"],
        num_key_value_heads=shape["kv_heads"],
        head_dim=shape["head_dim"],
        rms_norm_eps=constants["norm_eps"],
        rope_parameters={"rope_type": "default", "rope_theta": constants["rope_base"]},
        tie_word_embeddings=bool(shape["tied"]),
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).double()
    weights, (tokens, targets) = draw_weights(shape), draw_batch(shape, sizes, ignored)
    model.load_state_dict(weights, strict=not shape["tied"])
    all_tokens, all_targets = tokens.long().flatten(0, 1), targets.long().flatten(0, 1)
    result = model(input_ids=all_tokens, labels=all_targets, shift_labels=all_targets, use_cache=False)
    result.loss.backward()
    trainer.create(shape, constants | {"max_gradient_norm": 1e9})
    trainer.write(weights, "weight")
    logits = torch.cat([trainer.logits(micro_batch, shape["vocabulary"]) for micro_batch in tokens])
    report(trainer, case, "logits", logits, result.logits.detach())
    report(trainer, case, "loss", trainer.step(tokens, targets)[0], result.loss.detach())
    expected = dict(model.named_parameters())
    for name, moment in trainer.read(weights, "first_moment").items():
        report(trainer, case, f"gradient: {name}", moment / (1 - constants["beta1"]), expected[name].grad)


def says(trainer, case, what, right):
    print_answer(trainer, case, what, 0 if right else 1)


def train(trainer, case, steps):
    """A trainer of that case after so many steps, and the weights that it began with."""
    _, shape, constants, sizes, _, ignored = list(cases())[case]
    weights = draw_weights(shape)
    trainer.create(shape, constants)
    trainer.write(weights, "weight")
    for _ in range(steps):
        trainer.step(*draw_batch(shape, sizes, ignored))
    return weights, draw_batch(shape, sizes, ignored)


def check_restore(trainer):
    """A step after save, another trainer and restore is the step that would have come, bit for bit."""
    weights, batch = train(trainer, 2, 3)
    image = trainer.save()
    expected = [trainer.step(*batch), *(trainer.read(weights, part) for part in PARTS)]
    went_on = trainer.save()
    train(trainer, 3, 1)
    trainer.restore(image)
    says(trainer, "restore", "image", torch.equal(trainer.save(), image))
    says(trainer, "restore", "report", torch.equal(trainer.step(*batch), expected[0]))
    for part, tensors in zip(PARTS, expected[1:], strict=True):
        got = trainer.read(weights, part)
        says(trainer, "restore", part, all(torch.equal(got[name], tensor) for name, tensor in tensors.items()))
    says(trainer, "restore", "image of the step after", torch.equal(trainer.save(), went_on) and not torch.equal(went_on, image))


def check_threads(trainer):
    """All that a trainer has after two steps is the same with one thread and with three."""
    images = []
    for threads in (1, 3):
        trainer.library.omp_set_num_threads(threads)
        torch.manual_seed(20240607)
        train(trainer, 3, 2)
        images.append(trainer.save())
    says(trainer, "threads", "image", torch.equal(*images))


def check_refusals(trainer):
    """Each bad argument is refused, and changes nothing."""
    whole = lambda *numbers: torch.tensor(numbers, dtype=torch.int32)  # noqa: E731
    reals = lambda count: torch.zeros(count, dtype=trainer.real)  # noqa: E731
    tokens, targets, answer, image = whole(1, 2, 3, 0), whole(0, -100, 1, 2), reals(4 * 37), whole(*range(64))
    calls = {
        "write": lambda: trainer.call("trainer_write", [reals(20)], [20], [1, 0]),
        "read": lambda: trainer.call("trainer_read", [answer], [20], [1, 0]),
        "seek": lambda: trainer.call("trainer_seek", [whole(1)], [1]),
        "logits": lambda: trainer.call("trainer_logits", [tokens, answer], [1, 4, 37]),
        "step": lambda: trainer.call("trainer_step", [tokens, targets, answer], [1, 1, 4, 3]),
        "image words": lambda: trainer.call("trainer_image_words", [whole(0)], [1]),
        "save": lambda: trainer.call("trainer_save", [image], [64]),
    }
    for name, call in calls.items():
        says(trainer, "before there is a trainer", name, call() != 0)

    train(trainer, 0, 1)
    before = trainer.save()

    def create(changes=(), constants=(), shape_count=len(SHAPE), constant_count=len(CONSTANTS)):
        shape, numbers = BASE_SHAPE | dict(changes), BASE_CONSTANTS | dict(constants)
        values = torch.tensor([numbers[field] for field in CONSTANTS], dtype=trainer.real)
        return trainer.call("trainer_create", [whole(*(shape[field] for field in SHAPE)), values], [shape_count, constant_count])

    def step(tokens, targets, *sizes):
        return trainer.call("trainer_step", [tokens, targets, answer], sizes)

    def altered(index, value):
        return trainer.call("trainer_restore", [before.index_fill(0, torch.tensor([index]), value)], [before.numel()])

    # Pairs of so many tokens and heads, and weights so wide, have no room in any address space.
    vast = dict(layers=512, hidden=65536, query_heads=1024, kv_heads=1024, head_dim=1024, feed_forward=262144)
    calls = {
        "create: heads that are no groups": lambda: create(dict(query_heads=3)),
        "create: odd head_dim": lambda: create(dict(head_dim=7)),
        "create: no layers": lambda: create(dict(layers=0)),
        "create: too wide": lambda: create(dict(hidden=65537)),
        "create: tied 2": lambda: create(dict(tied=2)),
        "create: schedule 3": lambda: create(dict(schedule=3)),
        "create: warm-up below zero": lambda: create(dict(warmup_steps=-1)),
        "create: a constant is no number": lambda: create((), dict(norm_eps=float("nan"))),
        "create: too few sizes": lambda: create(shape_count=len(SHAPE) - 1),
        "create: too many constants": lambda: create(constant_count=len(CONSTANTS) + 1),
        "create: more than the memory": lambda: create(vast),
        "write: no such tensor": lambda: trainer.call("trainer_write", [reals(20)], [20], [20, 0]),
        "write: tensor -1": lambda: trainer.call("trainer_write", [reals(20)], [20], [-1, 0]),
        "write: no such part": lambda: trainer.call("trainer_write", [reals(20)], [20], [1, 3]),
        "write: another count": lambda: trainer.call("trainer_write", [reals(20)], [19], [1, 0]),
        "read: another count": lambda: trainer.call("trainer_read", [answer], [21], [1, 0]),
        "seek: below zero": lambda: trainer.call("trainer_seek", [whole(-1)], [1]),
        "seek: two numbers": lambda: trainer.call("trainer_seek", [whole(1, 2)], [2]),
        "logits: another vocabulary": lambda: trainer.call("trainer_logits", [tokens, answer], [1, 4, 36]),
        "logits: no tokens": lambda: trainer.call("trainer_logits", [tokens, answer], [1, 0, 37]),
        "logits: token out of range": lambda: trainer.call("trainer_logits", [whole(1, 2, 37, 0), answer], [1, 4, 37]),
        "step: token below zero": lambda: step(whole(1, -1, 3, 0), targets, 1, 1, 4, 3),
        "step: target out of range": lambda: step(tokens, whole(0, 37, 1, 2), 1, 1, 4, 3),
        "step: target -1": lambda: step(tokens, whole(0, -1, 1, 2), 1, 1, 4, 3),
        "step: another report": lambda: step(tokens, targets, 1, 1, 4, 4),
        "step: no micro-batch": lambda: step(tokens, targets, 0, 1, 4, 3),
        "image words: two numbers": lambda: trainer.call("trainer_image_words", [whole(0, 0)], [2]),
        "save: another size": lambda: trainer.call("trainer_save", [before.clone()], [before.numel() - 1]),
        "restore: another size": lambda: trainer.call("trainer_restore", [before], [before.numel() - 1]),
        "restore: nothing": lambda: trainer.call("trainer_restore", [before], [0]),
        "restore: another shape": lambda: altered(SHAPE.index("vocabulary"), 38),
        "restore: no shape at all": lambda: altered(SHAPE.index("head_dim"), 7),
    }
    for name, call in calls.items():
        says(trainer, "refusals", name, call() != 0 and torch.equal(trainer.save(), before))

    _, shape, constants, *_ = next(cases())
    trainer.create(shape | dict(layers=1, hidden=1, query_heads=16, kv_heads=16, head_dim=2, feed_forward=1), constants)
    before, length = trainer.save(), 2**20
    many = torch.zeros(length, dtype=torch.int32)
    refused = step(many, many, 1, 1, length, 3) != 0
    says(trainer, "refusals", "step: more than the memory", refused and torch.equal(trainer.save(), before))


def cases():
    for name, shape, constants, *rest in CASES:
        yield name, BASE_SHAPE | shape, BASE_CONSTANTS | constants, *rest


def each_case(compare, wanted=lambda number, constants: True):
    def all_cases(trainer):
        for number, case in enumerate(cases()):
            if wanted(number, case[2]):
                torch.manual_seed(20240607)
                compare(trainer, *case)

    return all_cases


MODES = {
    "twin": each_case(compare_with_twin),
    "twin-once": each_case(compare_with_twin, lambda number, _: number == 2),
    "command-line": compare_command_line,
    "hugging-face": each_case(compare_with_hugging_face, lambda _, constants: constants["residual_scale"] == 1),
    "restore": check_restore,
    "refusals": check_refusals,
    "threads": check_threads,
}

if __name__ == "__main__":
    for argument in sys.argv[1:]:
        mode, library_path = argument.split("=", 1)
        torch.manual_seed(20240607)
        # A library says in its name if its numbers are float64.
        trainer = Trainer(library_path, torch.float64 if "F64" in Path(library_path).name else torch.float32)
        trainer.mode = mode
        MODES[mode](trainer)
