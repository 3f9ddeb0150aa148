"""The decoder of decoder.c a second time: plain PyTorch in float64, the gradient by autograd, the step by torch.optim.AdamW.

It shares no line and no habit with decoder.c, so that what both say is likely to be true: rotary pairs are complex numbers, norms and
attention are written on whole tensors, the backward pass is nobody's handwork.

Usage: decoder_twin.py FOLDER. Reads there request.json:
    {"shape": {...}, "constants": {...}, "completed_steps": 0, "logits": false}
with the fields of trainer_create by their names (schedule as its name or number), and in.safetensors: weights by their names of Hugging
Face; optionally first_moment/NAME and second_moment/NAME; int64 tokens and targets [steps, micro_batches, batch, length]. Takes one
step of training for each of tokens, and writes out.safetensors: weights and moments by the same names, report [steps, 3] (loss,
gradient norm, learning rate), gradient/NAME of the last step before it is clipped, and, if asked, logits of tokens before each step.
"""

import json
import math
import sys
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)

SCHEDULES = ["constant", "cosine", "wsd"]
IGNORED = -100


def parameter_shapes(shape):
    """Names as in checkpoints of Hugging Face, in the order of forge_trainer.h."""
    hidden, inner = shape["hidden"], shape["feed_forward"]
    query, kv = shape["query_heads"] * shape["head_dim"], shape["kv_heads"] * shape["head_dim"]
    names = {"model.embed_tokens.weight": (shape["vocabulary"], hidden)}
    for layer in range(shape["layers"]):
        prefix = f"model.layers.{layer}."
        names[prefix + "input_layernorm.weight"] = (hidden,)
        names[prefix + "self_attn.q_proj.weight"] = (query, hidden)
        names[prefix + "self_attn.k_proj.weight"] = (kv, hidden)
        names[prefix + "self_attn.v_proj.weight"] = (kv, hidden)
        names[prefix + "self_attn.o_proj.weight"] = (hidden, query)
        names[prefix + "post_attention_layernorm.weight"] = (hidden,)
        names[prefix + "mlp.gate_proj.weight"] = (inner, hidden)
        names[prefix + "mlp.up_proj.weight"] = (inner, hidden)
        names[prefix + "mlp.down_proj.weight"] = (hidden, inner)
    names["model.norm.weight"] = (hidden,)
    if not shape["tied"]:
        names["lm_head.weight"] = (shape["vocabulary"], hidden)
    return names


class Decoder:
    """Parameters and the optimizer around them; build() makes one."""

    def __init__(self, shape, constants):
        self.shape, self.constants, self.completed_steps = shape, constants, 0
        self.parameters = {name: torch.zeros(size, requires_grad=True) for name, size in parameter_shapes(shape).items()}
        gains = [tensor for tensor in self.parameters.values() if tensor.dim() == 1]
        matrices = [tensor for tensor in self.parameters.values() if tensor.dim() == 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": constants["weight_decay"]}, {"params": gains, "weight_decay": 0.0}],
            betas=(constants["beta1"], constants["beta2"]),
            eps=constants["adam_eps"],
            foreach=False,
        )

    def write(self, weights, first_moments=None, second_moments=None, completed_steps=0):
        """Weights by name; moments by name, zero where there are none; and how many steps have been completed."""
        self.completed_steps = completed_steps
        for name, parameter in self.parameters.items():
            parameter.data.copy_(weights[name].reshape(parameter.shape))
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(completed_steps)),
                "exp_avg": (first_moments or {}).get(name, torch.zeros_like(parameter)).detach().clone().reshape(parameter.shape),
                "exp_avg_sq": (second_moments or {}).get(name, torch.zeros_like(parameter)).detach().clone().reshape(parameter.shape),
            }

    def part(self, part):
        """A dictionary of weight, first_moment or second_moment by name."""
        if part == "weight":
            return {name: parameter.detach() for name, parameter in self.parameters.items()}
        key = {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}[part]
        return {name: self.optimizer.state[parameter][key] for name, parameter in self.parameters.items()}

    def norm(self, x, gain):
        return gain * x / (x.square().mean(-1, keepdim=True) + self.constants["norm_eps"]).sqrt()

    def rotate(self, x):
        """Features i and i + head_dim / 2 of x[..., length, head_dim] are a complex number; position p turns it by p base^(-2i/head_dim)."""
        length, head_dim = x.shape[-2:]
        frequencies = self.constants["rope_base"] ** (torch.arange(0, head_dim, 2) / -head_dim)
        turn = torch.exp(1j * torch.outer(torch.arange(length).double(), frequencies))
        low, high = x.chunk(2, -1)
        turned = torch.complex(low, high) * turn
        return torch.cat([turned.real, turned.imag], -1)

    def attention(self, x, prefix):
        batch, length, _ = x.shape
        heads, kv_heads, head_dim = (self.shape[field] for field in ("query_heads", "kv_heads", "head_dim"))

        def project(name, count):
            return (x @ self.parameters[f"{prefix}self_attn.{name}_proj.weight"].T).view(batch, length, count, head_dim).transpose(1, 2)

        query = self.rotate(project("q", heads)).unflatten(1, (kv_heads, heads // kv_heads))
        key, value = self.rotate(project("k", kv_heads)).unsqueeze(2), project("v", kv_heads).unsqueeze(2)
        scores = query @ key.mT / math.sqrt(head_dim)
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        mixed = scores.masked_fill(later, -torch.inf).softmax(-1) @ value
        joined = mixed.flatten(1, 2).transpose(1, 2).reshape(batch, length, heads * head_dim)
        return joined @ self.parameters[f"{prefix}self_attn.o_proj.weight"].T

    def feed_forward(self, x, prefix):
        gate, up, down = (self.parameters[f"{prefix}mlp.{name}_proj.weight"] for name in ("gate", "up", "down"))
        inner = x @ gate.T
        return (inner * torch.sigmoid(inner) * (x @ up.T)) @ down.T

    def logits(self, tokens):
        """Of tokens[batch, length]."""
        parameters, scale = self.parameters, self.constants["residual_scale"]
        x = parameters["model.embed_tokens.weight"][tokens] * self.constants["embedding_scale"]
        for layer in range(self.shape["layers"]):
            prefix = f"model.layers.{layer}."
            x = x + scale * self.attention(self.norm(x, parameters[prefix + "input_layernorm.weight"]), prefix)
            x = x + scale * self.feed_forward(self.norm(x, parameters[prefix + "post_attention_layernorm.weight"]), prefix)
        head = parameters["model.embed_tokens.weight" if self.shape["tied"] else "lm_head.weight"]
        return self.norm(x, parameters["model.norm.weight"]) * self.constants["logit_scale"] @ head.T

    def loss(self, tokens, targets):
        """Of tokens[micro_batches, batch, length]: the mean over all targets that count, in whichever micro-batch they are."""
        tokens, targets = tokens.long().flatten(0, 1), targets.long().flatten(0, 1)
        counted = targets != IGNORED
        if not counted.any():
            return 0.0 * self.logits(tokens).sum()
        return -self.logits(tokens)[counted].log_softmax(-1).gather(1, targets[counted][:, None]).mean()

    def gradients(self, tokens, targets):
        """The loss and its gradient by name."""
        loss = self.loss(tokens, targets)
        return loss.item(), dict(zip(self.parameters, torch.autograd.grad(loss, list(self.parameters.values()))))

    def learning_rate(self):
        peak, final = self.constants["learning_rate"], self.constants["final_learning_rate"]
        warmup, start, total = (self.shape[field] for field in ("warmup_steps", "decay_start", "total_steps"))
        schedule, step = self.shape["schedule"], self.completed_steps
        name = schedule if isinstance(schedule, str) else SCHEDULES[schedule]
        if step < warmup:
            return peak * (step + 1) / warmup
        if name == "constant":
            return peak
        if name == "cosine":
            progress = min(1.0, (step - warmup) / max(1, total - warmup)) if total > warmup else 1.0
            return final + 0.5 * (peak - final) * (1 + math.cos(math.pi * progress))
        if step < start:
            return peak
        progress = min(1.0, (step - start) / (total - start)) if total > start else 1.0
        return math.exp((1 - progress) * math.log(peak) + progress * math.log(final))

    def step(self, tokens, targets):
        """One step of training. Returns the loss before it, the gradient's norm before it is clipped, the learning rate, the gradient."""
        loss, gradients = self.gradients(tokens, targets)
        rate = self.learning_rate()
        for name, parameter in self.parameters.items():
            parameter.grad = gradients[name].clone()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.constants["max_gradient_norm"])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.completed_steps += 1
        return loss, norm.item(), rate, gradients


def build(shape, constants):
    """A decoder whose weights are yet to be written. Fields as in forge_trainer.h, in lower case."""
    return Decoder(shape, constants)


def main(folder):
    from safetensors.torch import load_file, save_file

    request = json.loads((folder / "request.json").read_text())
    given = load_file(folder / "in.safetensors")
    decoder = build(request["shape"], request["constants"])
    moments = [
        {name: given[f"{part}/{name}"] for name in decoder.parameters if f"{part}/{name}" in given}
        for part in ("first_moment", "second_moment")
    ]
    decoder.write(given, *moments, completed_steps=request.get("completed_steps", 0))
    reports, logits, gradients = [], [], {}
    for tokens, targets in zip(given["tokens"], given["targets"], strict=True):
        if request.get("logits"):
            logits.append(torch.stack([decoder.logits(micro_batch.long()).detach() for micro_batch in tokens]))
        *report, gradients = decoder.step(tokens, targets)
        reports.append(report)
    results = {"report": torch.tensor(reports).reshape(-1, 3), **decoder.part("weight")}
    for part in ("first_moment", "second_moment"):
        results |= {f"{part}/{name}": tensor for name, tensor in decoder.part(part).items()}
    results |= {f"gradient/{name}": tensor for name, tensor in gradients.items()}
    if logits:
        results["logits"] = torch.stack(logits)
    save_file({name: tensor.contiguous() for name, tensor in results.items()}, folder / "out.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
