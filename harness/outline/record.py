"""Records what a trusted framework does: builds a user's reference model, trains it for some steps, and writes down all that it said.

Usage: record.py REQUEST.json, in which "file" is the user's Python file and "seed" is what its model is drawn by, and
    "work": "describe"                                                  prints configuration, names and shapes of parameters, batch, optimizer
    "work": "record", "steps": N, "optimizer": {...}, "precisions": ["f32", "bf16"], "out": recording.safetensors
    "work": "time", "mode": "eager" | "compiled", "steps": N, "optimizer": {...}, "threads": T
Prints one line of JSON. In place of "file", "megatron" names what a run of Megatron-LM left behind (megatron_run.py).

The user's file has
    model()            a torch.nn.Module: tokens [batch, length] -> logits [batch, length, vocabulary], or an object with .logits;
                       its parameters named as in Hugging Face's checkpoints, or renamed by
    rename(name)       (optional) the name of Hugging Face for one of its own
    batch(step)        tokens and targets of the step (from 0), whole numbers [micro_batches, batch, length]; -100 is ignored
    config             (optional) the fields of config.json, a dictionary; else the model's own .config
    optimizer          (optional) a dictionary: learning_rate, final_learning_rate, schedule, warmup_steps, ... of the outline
    observe            (optional) names of modules whose outputs are recorded too

Steps are those of torch.optim.AdamW: matrices decay, vectors do not, gradients are clipped to a global norm. Float64 is float64 as far as
the model itself keeps to it. Weights begin, and go on from the last step but one, as float32 holds them, and so are the optimizer's numbers,
so that any type can be told them.
"""

import importlib.util
import json
import math
import os
import resource
import struct
import sys
import time
from pathlib import Path

# The answer owns stdout; what the user's file prints goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402

IGNORED = -100


import megatron_run  # noqa: E402
from megatron_run import Refusal  # noqa: E402


def load(request):
    if "megatron" in request:
        return megatron_run.load(request["megatron"])
    path = request["file"]
    sys.path.insert(0, str(Path(path).parent))
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, meaning in (("model", "returns the reference, a torch.nn.Module"), ("batch", "returns tokens and targets of a step")):
        if not callable(getattr(module, name, None)):
            raise Refusal(f"it has no function {name}(), which {meaning}")
    return module


def config_of(reference, model):
    config = getattr(reference, "config", None)
    config = config() if callable(config) else config
    config = getattr(model, "config", None) if config is None else config
    if config is None:
        raise Refusal("it says nothing of its shape: give it a dictionary `config` with the fields of a Hugging Face config.json")
    if hasattr(config, "to_diff_dict"):
        full, written = config.to_dict(), json.loads(config.to_json_string(use_diff=True))
        # What differs from the class's defaults, and what decides the arithmetic whether it differs or not.
        decisive = ("hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim vocab_size "
                    "rms_norm_eps rope_theta rope_parameters rope_scaling tie_word_embeddings hidden_act attention_bias mlp_bias "
                    "max_position_embeddings scale_emb scale_depth dim_model_base model_type attention_dropout").split()
        config = {**written, **{name: full[name] for name in decisive if name in full}}
        config.setdefault("architectures", [type(model).__name__])
    if not isinstance(config, dict):
        raise Refusal(f"its config is a {type(config).__name__}; expected a dictionary with the fields of config.json")
    return json.loads(json.dumps(config))


def batch_of(reference, step, vocabulary=None):
    pair = reference.batch(step)
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise Refusal(f"batch({step}) returned a {type(pair).__name__}; expected tokens and targets")
    tensors = []
    for name, values in zip(("tokens", "targets"), pair):
        values = torch.as_tensor(values)
        if values.is_floating_point() or values.dim() not in (2, 3):
            raise Refusal(f"batch({step}): {name} are {values.dtype} {list(values.shape)}; expected whole numbers [micro_batches, batch, length]")
        tensors.append(values.long() if values.dim() == 3 else values.long()[None])
    tokens, targets = tensors
    if tokens.shape != targets.shape:
        raise Refusal(f"batch({step}): tokens are {list(tokens.shape)}, targets {list(targets.shape)}")
    if vocabulary is not None:
        if not (0 <= tokens.min() and tokens.max() < vocabulary):
            raise Refusal(f"batch({step}): tokens lie in [{tokens.min()}, {tokens.max()}], the vocabulary has {vocabulary}")
        counted = targets[targets != IGNORED]
        if counted.numel() and not (0 <= counted.min() and counted.max() < vocabulary):
            raise Refusal(f"batch({step}): targets lie in [{counted.min()}, {counted.max()}], the vocabulary has {vocabulary}")
    return tokens, targets


def named_parameters(reference, model):
    rename = getattr(reference, "rename", lambda name: name)
    return {rename(name): parameter for name, parameter in model.named_parameters()}


def logits_of(model, tokens):
    result = model(tokens)
    result = getattr(result, "logits", result)
    if not torch.is_tensor(result) or result.shape[:2] != tokens.shape or result.dim() != 3:
        found = list(result.shape) if torch.is_tensor(result) else type(result).__name__
        raise Refusal(f"the model returned {found} for tokens {list(tokens.shape)}; expected logits [batch, length, vocabulary]")
    return result


def schedule(optimizer, completed):
    """The learning rate of the step that follows so many: as forge_trainer.h has it."""
    peak, final = optimizer["learning_rate"], optimizer["final_learning_rate"]
    warmup, start, total = (optimizer[name] for name in ("warmup_steps", "decay_start", "total_steps"))
    if completed < warmup:
        return peak * (completed + 1) / warmup
    begin = start if optimizer["schedule"] == "wsd" else warmup
    if optimizer["schedule"] == "constant" or completed < begin:
        return peak
    progress = min(1.0, (completed - begin) / (total - begin))
    if optimizer["schedule"] == "cosine":
        return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * progress))
    return peak * (final / peak) ** progress


class Training:
    """The user's model with AdamW around it."""

    def __init__(self, reference, model, optimizer, autocast=False):
        self.model, self.options, self.autocast = model.train(), as_float32(optimizer), autocast
        self.parameters = named_parameters(reference, model)
        matrices = [parameter for parameter in self.parameters.values() if parameter.dim() > 1]
        vectors = [parameter for parameter in self.parameters.values() if parameter.dim() == 1]
        groups = [{"params": matrices, "weight_decay": self.options["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(self.options["beta1"], self.options["beta2"]), eps=self.options["eps"])

    def backward(self, tokens, targets):
        """The mean over all targets that count, in whichever micro-batch they are, and its gradient."""
        self.optimizer.zero_grad(set_to_none=True)
        counted = max(1, int((targets != IGNORED).sum()))
        total = 0.0
        for inputs, wanted in zip(tokens, targets):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
                logits = logits_of(self.model, inputs)
            logits = logits if logits.dtype == torch.float64 else logits.float()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum") / counted
            loss.backward()
            total += loss.item()
        return total

    def update(self, completed):
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.options["max_gradient_norm"]).item()
        rate = schedule(self.options, completed)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return norm, rate

    def norm(self):
        return math.sqrt(sum(parameter.grad.double().square().sum().item() for parameter in self.parameters.values()))

    def moments(self, key):
        return {name: self.optimizer.state[parameter][key] for name, parameter in self.parameters.items()}

    def round_to_float32(self):
        for parameter in self.parameters.values():
            parameter.data.copy_(parameter.data.float())
            for key in ("exp_avg", "exp_avg_sq"):
                self.optimizer.state[parameter][key].copy_(self.optimizer.state[parameter][key].float())


def watch(reference, model, kept):
    for name in getattr(reference, "observe", ()):
        modules = dict(model.named_modules())
        if name not in modules:
            raise Refusal(f"observe names {name!r}, which is no module of the model; there are {', '.join(list(modules)[1:9])}, ...")

        def note(_module, _inputs, output, name=name):
            output = output[0] if isinstance(output, tuple) else output
            kept.setdefault(f"activation/{name}", output.detach().double())

        modules[name].register_forward_hook(note)


def whole(values, name):
    if not torch.isfinite(values).all():
        raise Refusal(f"{name} is not finite: what does not train cannot be an exam")
    return values


def train(reference, initial, optimizer, steps, batches, precision, is_small):
    """One run in one precision. Returns its tensors by name."""
    model = reference.model()
    with torch.no_grad():
        for name, parameter in named_parameters(reference, model).items():
            parameter.copy_(initial[name])
    if precision == "f64":
        model = model.double()
    kept = {}
    if precision == "f64":
        watch(reference, model, kept)
    training = Training(reference, model, optimizer, precision == "bf16")
    losses, norms, rates = [], [], []
    for step, (tokens, targets) in enumerate(batches):
        is_first, is_last = step == 0, step == steps - 1 and steps > 1
        if is_last and precision == "f64":
            training.round_to_float32()
            for name, parameter in training.parameters.items():
                kept[f"point/weight/{name}"] = parameter.detach().float()
                kept[f"point/first_moment/{name}"] = training.moments("exp_avg")[name].float()
                kept[f"point/second_moment/{name}"] = training.moments("exp_avg_sq")[name].float()
        if is_first or (is_last and precision == "f64"):
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                logits = logits_of(model, tokens[0])
            kept["point/logits" if is_last else "logits"] = whole(logits, f"logits of step {step + 1}").flatten(0, 1)
        losses.append(training.backward(tokens, targets))
        # Of a large model in the training precision only the curve: its gradients would be gigabytes.
        if is_first and (precision == "f64" or is_small):
            for name, parameter in training.parameters.items():
                if parameter.grad is None:
                    raise Refusal(f"{name} has no gradient: the loss does not depend on it")
                gradient = whole(parameter.grad, f"the gradient of {name}")
                # Clipping scales it in its place; but there is no second step of a large model, and no room for a second copy.
                kept[f"gradient/{name}"] = gradient.clone() if is_small else gradient
        if is_last and precision == "f64":
            for name, parameter in training.parameters.items():
                kept[f"point/gradient/{name}"] = parameter.grad.clone()
        norm, rate = training.update(step) if is_small else (training.norm(), schedule(training.options, step))
        norms.append(norm)
        rates.append(rate)
        print(f"{precision} step {step + 1}/{steps}: loss {losses[-1]:.6f}, gradient norm {norm:.4g}", file=sys.stderr, flush=True)
    reported = {"loss": losses, "gradient_norm": norms, "learning_rate": rates}
    kept |= {name: whole(torch.tensor(values).double(), f"{name} in {precision}") for name, values in reported.items()}
    if precision == "f64" and is_small:
        for name, parameter in training.parameters.items():
            kept[f"end/weight/{name}"] = parameter.detach()
            kept[f"end/first_moment/{name}"] = training.moments("exp_avg")[name]
            kept[f"end/second_moment/{name}"] = training.moments("exp_avg_sq")[name]
    wanted = torch.float64 if precision == "f64" else torch.float32
    is_exact = lambda name: name.startswith(("point/weight", "point/first", "point/second"))
    return {
        name: tensor if is_exact(name) else tensor.to(torch.float64 if name in ("loss", "gradient_norm", "learning_rate") else wanted)
        for name, tensor in kept.items()
    }


LARGEST_KEPT_WHOLE = 64_000_000


def build(reference, seed):
    torch.manual_seed(seed)
    model = reference.model()
    if not isinstance(model, torch.nn.Module):
        raise Refusal(f"model() returned a {type(model).__name__}; expected a torch.nn.Module")
    return model


def describe(request):
    reference = load(request)
    model = build(reference, request["seed"])
    options = getattr(reference, "optimizer", {})
    options = options() if callable(options) else options
    if not isinstance(options, dict):
        raise Refusal(f"its optimizer is a {type(options).__name__}; expected a dictionary")
    tokens, _ = batch_of(reference, 0)
    parameters = {name: list(parameter.shape) for name, parameter in named_parameters(reference, model).items()}
    return {
        "framework": f"torch {torch.__version__}",
        "model": type(model).__name__,
        "config": config_of(reference, model),
        "parameters": parameters,
        "batch": list(tokens.shape),
        "optimizer": options,
        **{name: getattr(reference, name) for name in ("described", "training", "curve", "notes") if "megatron" in request},
    }


def record(request):
    from safetensors.torch import save_file

    reference = load(request)
    model = build(reference, request["seed"])
    vocabulary = config_of(reference, model).get("vocab_size")
    initial = {name: parameter.detach().float().clone() for name, parameter in named_parameters(reference, model).items()}
    del model
    steps, optimizer = request["steps"], request["optimizer"]
    is_small = sum(values.numel() for values in initial.values()) <= LARGEST_KEPT_WHOLE
    if steps > 1 and not is_small:
        raise Refusal(f"of a model of more than {LARGEST_KEPT_WHOLE:,} parameters one step is recorded, for a second would be many gigabytes: give --steps 1")
    batches = [batch_of(reference, step, vocabulary) for step in range(steps)]
    if len({tokens.shape for tokens, _ in batches}) != 1:
        raise Refusal("its batches differ in shape; a recording has one")
    tensors = {f"weight/{name}": values for name, values in initial.items()}
    tensors["tokens"] = torch.stack([tokens for tokens, _ in batches]).int()
    tensors["targets"] = torch.stack([targets for _, targets in batches]).int()
    for precision in ["f64", *request["precisions"]]:
        run = train(reference, initial, optimizer, steps, batches, precision, is_small)
        tensors |= {f"{precision}/{name}": tensor for name, tensor in run.items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, request["out"])
    curves = {precision: tensors[f"{precision}/loss"].tolist() for precision in ["f64", *request["precisions"]]}
    return {"losses": curves}


def as_float32(optimizer):
    """What forge_trainer.h is told."""
    held = lambda value: struct.unpack("f", struct.pack("f", value))[0] if isinstance(value, float) else value
    return {name: held(value) for name, value in optimizer.items()}


def measure(request):
    """Tokens per second of steps in float32, each mode as a process of its own; the first ones warm up."""
    torch.set_num_threads(request["threads"])
    reference = load(request)
    model = build(reference, request["seed"])
    training = Training(reference, model, request["optimizer"])
    if request["mode"] == "compiled":
        training.model = torch.compile(model)
    tokens, targets = batch_of(reference, 0)
    seconds = []
    for step in range(request["steps"] + 2):
        begun = time.perf_counter()
        training.backward(tokens, targets)
        training.update(step)
        seconds.append(time.perf_counter() - begun)
    median = sorted(seconds[2:])[(len(seconds) - 2) // 2]
    return {"tokensPerSecond": tokens.numel() / median, "peakBytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def main(path):
    request = json.loads(Path(path).read_text())
    try:
        answer = {"status": "done", **{"describe": describe, "record": record, "time": measure}[request["work"]](request)}
    except Refusal as refusal:
        answer = {"status": "refused", "reason": str(refusal)}
    print(json.dumps(answer, allow_nan=False), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
