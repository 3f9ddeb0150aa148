"""PyTorch trains the same model: one process that speaks JSON lines on stdin and stdout, started and frozen by the harness.

{"command": "load", mode, threads, bf16, shape, constants, weights: file}   mode: "eager" | "compiled" | "hf"; weights are raw float32, tensors
                                                             in the order of forge_trainer.h, moments zero
{"command": "train", batches: [{tokens, targets, batch, length, micro_batches, learning_rate}]}   one step each: seconds in all, losses
{"command": "peak"}                                          most bytes resident so far
"""

import ctypes
import json
import math
import os
import resource
import signal
import sys
import time

# Whoever started this may be killed while this is frozen: the kernel then ends it too (PR_SET_PDEATHSIG).
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
# The answers own stdout; what libraries print goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

IGNORED = -100


def parameter_shapes(shape):
    hidden, inner = shape["hidden"], shape["feed_forward"]
    query, kv = shape["query_heads"] * shape["head_dim"], shape["kv_heads"] * shape["head_dim"]
    yield "model.embed_tokens.weight", (shape["vocabulary"], hidden)
    for layer in range(shape["layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (query, hidden)
        yield prefix + "self_attn.k_proj.weight", (kv, hidden)
        yield prefix + "self_attn.v_proj.weight", (kv, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, query)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.gate_proj.weight", (inner, hidden)
        yield prefix + "mlp.up_proj.weight", (inner, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not shape["tied"]:
        yield "lm_head.weight", (shape["vocabulary"], hidden)


class Layer(torch.nn.Module):
    def __init__(self, weights, shape, constants):
        super().__init__()
        self.shape, self.constants = shape, constants
        self.names = list(weights)
        for name, weight in weights.items():
            self.register_parameter(name, torch.nn.Parameter(weight))

    def forward(self, x, cos, sin):
        eps, residual = self.constants["norm_eps"], self.constants["residual_scale"]
        batch, length, hidden = x.shape
        head_dim = self.shape["head_dim"]

        def heads(values, count):
            return values.view(batch, length, count, head_dim).transpose(1, 2)

        def rotate(values):
            first, second = values.chunk(2, dim=-1)
            return values * cos + torch.cat((-second, first), dim=-1) * sin

        normed = F.rms_norm(x, (hidden,), self.input_norm, eps)
        query = rotate(heads(F.linear(normed, self.q), self.shape["query_heads"]))
        key = rotate(heads(F.linear(normed, self.k), self.shape["kv_heads"]))
        value = heads(F.linear(normed, self.v), self.shape["kv_heads"])
        grouped = self.shape["query_heads"] != self.shape["kv_heads"]
        attended = F.scaled_dot_product_attention(query, key, value.to(query.dtype), is_causal=True, enable_gqa=grouped)
        x = x + residual * F.linear(attended.transpose(1, 2).reshape(batch, length, -1), self.o)
        normed = F.rms_norm(x, (hidden,), self.second_norm, eps)
        return x + residual * F.linear(F.silu(F.linear(normed, self.gate)) * F.linear(normed, self.up), self.down)


LAYER_NAMES = ["input_norm", "q", "k", "v", "o", "second_norm", "gate", "up", "down"]


class Decoder(torch.nn.Module):
    """MiniCPM's scales (arXiv:2404.06395, section 3.1) on a Llama-like decoder, as plain as PyTorch's fast paths allow."""

    def __init__(self, weights, shape, constants):
        super().__init__()
        self.shape, self.constants = shape, constants
        tensors = list(weights.values())
        self.embedding = torch.nn.Parameter(tensors[0])
        layers = [dict(zip(LAYER_NAMES, tensors[1 + 9 * layer : 10 + 9 * layer])) for layer in range(shape["layers"])]
        self.layers = torch.nn.ModuleList(Layer(layer, shape, constants) for layer in layers)
        self.norm = torch.nn.Parameter(tensors[1 + 9 * shape["layers"]])
        self.head = None if shape["tied"] else torch.nn.Parameter(tensors[-1])

    def forward(self, tokens, targets):
        dim, length = self.shape["head_dim"], tokens.shape[1]
        rates = self.constants["rope_base"] ** (-torch.arange(0, dim, 2, dtype=torch.float32) / dim)
        angles = torch.outer(torch.arange(length, dtype=torch.float32), rates)
        cos, sin = torch.cat((angles, angles), -1).cos(), torch.cat((angles, angles), -1).sin()
        x = F.embedding(tokens, self.embedding) * self.constants["embedding_scale"]
        for layer in self.layers:
            x = layer(x, cos, sin)
        x = F.rms_norm(x, (x.shape[-1],), self.norm, self.constants["norm_eps"])
        head = self.embedding if self.head is None else self.head
        logits = F.linear(x * self.constants["logit_scale"], head)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum")


class HuggingFace(torch.nn.Module):
    """LlamaForCausalLM as it comes: without MiniCPM's three scales, which it does not know, so its losses are another model's."""

    def __init__(self, weights, shape, constants):
        super().__init__()
        from transformers import LlamaConfig, LlamaForCausalLM

        config = LlamaConfig(
            hidden_size=shape["hidden"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["query_heads"],
            num_key_value_heads=shape["kv_heads"],
            head_dim=shape["head_dim"],
            intermediate_size=shape["feed_forward"],
            vocab_size=shape["vocabulary"],
            tie_word_embeddings=bool(shape["tied"]),
            rms_norm_eps=constants["norm_eps"],
            rope_theta=constants["rope_base"],
            use_cache=False,
        )
        self.model = LlamaForCausalLM(config)
        self.model.load_state_dict(weights, strict=False)

    def forward(self, tokens, targets):
        logits = self.model(input_ids=tokens).logits
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum")


class Loaded:
    def __init__(self, request):
        torch.set_num_threads(request["threads"])
        shape, constants = request["shape"], request["constants"]
        self.constants, self.bf16 = constants, request["bf16"]
        flat = torch.from_file(request["weights"], shared=False, size=os.path.getsize(request["weights"]) // 4)
        weights, at = {}, 0
        for name, size in parameter_shapes(shape):
            count = math.prod(size)
            weights[name] = flat[at : at + count].reshape(size).clone()
            at += count
        self.model = (HuggingFace if request["mode"] == "hf" else Decoder)(weights, shape, constants)
        parameters = list(self.model.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.dim() > 1], "weight_decay": constants["weight_decay"]},
                {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
            ],
            betas=(constants["beta1"], constants["beta2"]),
            eps=constants["adam_eps"],
            fused=True,
        )
        self.loss = torch.compile(self.model) if request["mode"] == "compiled" else self.model

    def step(self, batch):
        for group in self.optimizer.param_groups:
            group["lr"] = batch["learning_rate"]
        shape = (batch["micro_batches"], batch["batch"], batch["length"])
        tokens = torch.tensor(batch["tokens"]).reshape(shape)
        targets = torch.tensor(batch["targets"]).reshape(shape)
        counted = int((targets != IGNORED).sum())
        total = 0.0
        self.optimizer.zero_grad(set_to_none=True)
        for part, wanted in zip(tokens, targets):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                loss = self.loss(part, wanted) / counted
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.constants["max_gradient_norm"])
        self.optimizer.step()
        return total


def answer(loaded, request):
    if request["command"] == "load":
        return Loaded(request), {}
    if request["command"] == "peak":
        return loaded, {"bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}
    losses, seconds = [], 0.0
    for batch in request["batches"]:
        started = time.perf_counter()
        losses.append(loaded.step(batch))
        seconds += time.perf_counter() - started
    return loaded, {"seconds": seconds, "losses": losses}


def main():
    say = lambda value: print(json.dumps(value), file=answers, flush=True)  # noqa: E731
    say({"status": "done", "version": f"torch {torch.__version__}"})
    loaded = None
    for line in sys.stdin:
        try:
            loaded, result = answer(loaded, json.loads(line))
            say({"status": "done", **result})
        except ImportError as error:
            say({"status": "skipped", "reason": str(error)})
        except Exception as error:  # noqa: BLE001
            say({"status": "failed", "reason": f"{type(error).__name__}: {error}"})


main()
