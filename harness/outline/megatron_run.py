"""What a run of Megatron-LM leaves behind, as record.py reads it: a log that begins with the arguments, a checkpoint, a tokenised dataset.

load(request) takes {"log": file, "checkpoint": folder or None, "data": prefix or None, "length": tokens} and returns what a user's file
would have: config, optimizer, model(), batch(step), and besides `curve` (what the log says of each iteration), `training` and `notes`.

Names and layouts are those of Megatron-LM's `megatron/core` (linear_qkv holds, for each query group, its query heads, a key and a value head;
linear_fc1 holds gate above up) and of `megatron/core/datasets/indexed_dataset.py`.
"""

import argparse
import re
import struct
import types
from pathlib import Path

import torch
from torch import nn


class Refusal(Exception):
    """What is wrong with what was named, for whoever named it."""


# ---- The log ----

BEGIN, END = "---- arguments ----", "---- end of arguments ----"
FIELDS = {
    "loss": "lm loss",
    "gradientNorm": "grad norm",
    "learningRate": "learning rate",
    "milliseconds": "elapsed time per iteration (ms)",
    "teraflopsPerGpu": "throughput per GPU (TFLOP/s/GPU)",
    "globalBatch": "global batch size",
}


def read_log(path):
    """Arguments by name, as text, and one entry for each iteration that was logged."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror}: name the output of Megatron's rank 0 and of its last rank")
    arguments, within, curve = {}, False, []
    for line in lines:
        if BEGIN in line:
            within = True
        elif END in line:
            within = False
        elif within:
            found = re.match(r".*?\b(\w+) \.{3,} ?(.*)$", line)
            if found:
                arguments[found[1]] = found[2].strip()
        found = re.search(r"\biteration\s+(\d+)/\s*(\d+) \|(.*)", line)
        if found:
            values = dict(re.findall(r"\s*([^|:]+?):\s*([-+.\deE]+)\s*\|", found[3]))
            entry = {"iteration": int(found[1])}
            # What is not finite is not a figure: it is left out.
            entry |= {name: float(values[words]) for name, words in FIELDS.items() if words in values}
            curve.append(entry)
        # Arguments are printed before the tokenizer is made, which pads the vocabulary.
        found = re.search(r"> padded vocab \(size: \d+\) with \d+ dummy tokens \(new size: (\d+)\)", line)
        if found and arguments and arguments.get("padded_vocab_size", "None") == "None":
            arguments["padded_vocab_size"] = found[1]
    if not arguments:
        raise Refusal(f"{path}: there is no block '------ arguments ------' in it: Megatron prints it when it starts, on rank 0; name the log from its beginning")
    if not curve:
        raise Refusal(f"{path}: there is no line ' iteration  1/  100 | ... | lm loss: ... |' in it: Megatron prints them on its last rank (--log-interval)")
    return arguments, curve


class Arguments:
    def __init__(self, values, path):
        self.values, self.path = values, path

    def text(self, name, default=None):
        value = self.values.get(name)
        return default if value in (None, "None") else value

    def number(self, name, default=None):
        value = self.text(name)
        if value is None:
            if default is not None:
                return default
            raise Refusal(f"{self.path}: among its arguments there is no {name}")
        try:
            return float(value)
        except ValueError:
            raise Refusal(f"{self.path}: {name} is {value!r}, expected a number")

    def whole(self, name, default=None):
        return int(self.number(name, default))

    def flag(self, name):
        return self.text(name, "False") == "True"

    def demand(self, name, accepted, meaning):
        value = self.text(name)
        if value is not None and value not in accepted:
            other = " or ".join(accepted) if accepted else "none"
            raise Refusal(f"{self.path}: {name} is {value}: {meaning}, and decoder.c is no other model; {other} can be outlined")


def hold_to_demands(arguments):
    """Refuses what would make another model of it than a Llama."""
    demand = arguments.demand
    demand("normalization", ["RMSNorm"], "norms are RMSNorm")
    demand("position_embedding_type", ["rope"], "positions are rotary")
    demand("swiglu", ["True"], "the feed-forward network is SwiGLU")
    for name, meaning in {
        "add_bias_linear": "no product of matrices has a bias",
        "add_qkv_bias": "no product of matrices has a bias",
        "qk_layernorm": "queries and keys have no norm of their own",
        "apply_layernorm_1p": "gains are as they are",
        "rotary_interleaved": "features i and i + half make a pair",
        "use_rope_scaling": "positions are not scaled",
        "multi_latent_attention": "attention is grouped-query attention",
        "attention_output_gate": "attention has no gate",
        "apply_residual_connection_post_layernorm": "residuals branch off before norms",
    }.items():
        demand(name, ["False"], meaning)
    for name in ("num_experts", "window_size", "mtp_num_layers", "no_rope_freq"):
        demand(name, [], f"there is no {name}")
    demand("rotary_seq_len_interpolation_factor", ["1"], "positions are not scaled")
    if arguments.number("rotary_percent", 1.0) != 1.0:
        raise Refusal(f"{arguments.path}: rotary_percent is {arguments.text('rotary_percent')}: all features of a head are rotated")
    for name in ("attention_dropout", "hidden_dropout"):
        if arguments.number(name, 0.0) != 0.0:
            raise Refusal(f"{arguments.path}: {name} is {arguments.text(name)}: nothing is dropped at random in an exam; train with 0")


def config_of(arguments, vocabulary):
    """The same as a Hugging Face config.json says of a Llama."""
    hidden, heads = arguments.whole("hidden_size"), arguments.whole("num_attention_heads")
    grouped = arguments.flag("group_query_attention")
    return {
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": hidden,
        "intermediate_size": arguments.whole("ffn_hidden_size"),
        "num_hidden_layers": arguments.whole("num_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": arguments.whole("num_query_groups") if grouped else heads,
        "head_dim": arguments.whole("kv_channels", hidden // heads),
        "vocab_size": arguments.whole("padded_vocab_size", vocabulary),
        "rms_norm_eps": arguments.number("norm_epsilon", 1e-5),
        "rope_theta": arguments.number("rotary_base", 10000),
        "tie_word_embeddings": not arguments.flag("untie_embeddings_and_output_weights"),
        "max_position_embeddings": arguments.whole("max_position_embeddings", arguments.whole("seq_length")),
    }


def optimizer_of(arguments, notes):
    total = arguments.whole("lr_decay_iters", arguments.whole("train_iters"))
    fraction = arguments.number("lr_warmup_fraction", -1)
    warmup = round(fraction * total) if fraction >= 0 else arguments.whole("lr_warmup_iters", 0)
    style = arguments.text("lr_decay_style", "linear")
    peak = arguments.number("lr")
    final = arguments.number("min_lr", 0.0)
    if final <= 0:
        final = peak / 1000
        notes.append(f"min_lr is 0, which the outline's schedule cannot reach: it ends at {final:g}")
    start = total - 1
    if style == "WSD":
        start = total - arguments.whole("lr_wsd_decay_iters")
        notes.append(f"Megatron's WSD decays by {arguments.text('lr_wsd_decay_style', 'exponential')} between the same ends; the outline's as peak (final / peak)^progress")
    elif style not in ("cosine", "constant"):
        notes.append(f"lr_decay_style {style} is none of the outline's schedules: it has a cosine between the same ends")
    clip = arguments.number("clip_grad", 1.0)
    if clip <= 0:
        clip = 1e9
        notes.append("Megatron did not clip gradients; the outline clips at a norm that none reaches")
    if arguments.text("optimizer", "adam") != "adam":
        raise Refusal(f"{arguments.path}: optimizer is {arguments.text('optimizer')}; a trainer's exam has AdamW")
    if arguments.number("start_weight_decay", arguments.number("weight_decay", 0.01)) != arguments.number("weight_decay", 0.01):
        notes.append("the weight decay grows while Megatron trains; the outline's stays")
    return {
        "learning_rate": peak,
        "final_learning_rate": final,
        "schedule": {"WSD": "wsd", "constant": "constant"}.get(style, "cosine"),
        "warmup_steps": min(warmup, total - 1),
        "decay_start": max(start, min(warmup, total - 1)),
        "total_steps": total,
        "beta1": arguments.number("adam_beta1", 0.9),
        "beta2": arguments.number("adam_beta2", 0.999),
        "eps": arguments.number("adam_eps", 1e-8),
        "weight_decay": arguments.number("weight_decay", 0.01),
        "max_gradient_norm": clip,
    }


# ---- The checkpoint ----


class Stand:
    """In the place of whatever a checkpoint is made of besides tensors: classes of Megatron's, NumPy's random state, signals. It does nothing."""

    def __new__(cls, *_args, **_kwargs):
        return object.__new__(cls)

    def __init__(self, *_args, **_kwargs):
        pass

    def __setstate__(self, _state):
        pass


def load_safely(path):
    """torch.load that executes nothing: tensors and plain values; whatever else it names, classes or functions, stands empty."""
    allowed = [argparse.Namespace, types.SimpleNamespace]
    for _ in range(64):
        try:
            with torch.serialization.safe_globals(allowed):
                return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:
            found = re.search(r"GLOBAL ([\w.]+)\.(\w+) was not an allowed global|Unsupported global: GLOBAL ([\w.]+)\.(\w+)", str(error))
            module, name = (found[1] or found[3], found[2] or found[4]) if found else (None, None)
            if module is None or module.split(".")[0] == "torch":
                raise Refusal(f"{path} cannot be loaded without running code from it: {str(error).splitlines()[0]}")
            stand = type(name, (Stand,), {"__module__": module})
            allowed.append((stand, f"{module}.{name}"))
    raise Refusal(f"{path} is made of more classes than a checkpoint of Megatron's is")


def find_checkpoint(folder):
    folder = Path(folder)
    latest = folder / "latest_checkpointed_iteration.txt"
    if latest.exists():
        said = latest.read_text().strip()
        folder = folder / (said if said == "release" else f"iter_{int(said):07d}")
    if not folder.is_dir():
        raise Refusal(f"{folder} does not exist: name a checkpoint's folder, or the one above it that has latest_checkpointed_iteration.txt")
    if (folder / ".metadata").exists() or (folder / "metadata.json").exists():
        raise Refusal(f"{folder} is a distributed checkpoint (torch_dist): have Megatron write it with --ckpt-format torch, or convert it with its tools/checkpoint/convert.py")
    parts = sorted(folder.glob("mp_rank_*/model_optim_rng.pt"))
    if not parts:
        raise Refusal(f"there is no mp_rank_00/model_optim_rng.pt in {folder}")
    if len(parts) > 1:
        raise Refusal(f"{folder} is split over {len(parts)} ranks: convert it to one with Megatron's tools/checkpoint/convert.py --target-tensor-parallel-size 1 --target-pipeline-parallel-size 1")
    return parts[0]


def read_checkpoint(path):
    """Tensors of the model by Megatron's names, and the iteration."""
    saved = load_safely(path)
    if not isinstance(saved, dict) or not isinstance(saved.get("model"), dict):
        raise Refusal(f"{path} holds no 'model' of tensors by name")
    given = {
        name.removeprefix("module."): value
        for name, value in saved["model"].items()
        if torch.is_tensor(value) and "_extra_state" not in name
    }
    iteration = saved.get("iteration", 0)
    return given, iteration if isinstance(iteration, int) else 0


def weights_of(path, given, config):
    """By name of Hugging Face, float32."""
    taken = set()

    def take(*names, shape):
        name = next((name for name in names if name in given), None)
        if name is None:
            raise Refusal(f"{path} has no {names[0]}; it has {', '.join(list(given)[:4])}, ...")
        if list(given[name].shape) != list(shape):
            raise Refusal(f"{path}: {name} is {list(given[name].shape)}, by the log's arguments it is {list(shape)}: is the log another run's?")
        taken.add(name)
        return given[name].float()

    hidden, inner, vocabulary = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    groups, features = config["num_key_value_heads"], config["head_dim"]
    queries = config["num_attention_heads"] // groups
    weights = {"model.embed_tokens.weight": take("embedding.word_embeddings.weight", shape=[vocabulary, hidden])}
    for layer in range(config["num_hidden_layers"]):
        of, to = f"decoder.layers.{layer}.", f"model.layers.{layer}."
        fused = take(of + "self_attention.linear_qkv.weight", shape=[groups * (queries + 2) * features, hidden])
        fused = fused.view(groups, queries + 2, features, hidden)
        weights[to + "input_layernorm.weight"] = take(of + "self_attention.linear_qkv.layer_norm_weight", of + "input_layernorm.weight", shape=[hidden])
        weights[to + "self_attn.q_proj.weight"] = fused[:, :queries].reshape(-1, hidden)
        weights[to + "self_attn.k_proj.weight"] = fused[:, queries].reshape(-1, hidden)
        weights[to + "self_attn.v_proj.weight"] = fused[:, queries + 1].reshape(-1, hidden)
        weights[to + "self_attn.o_proj.weight"] = take(of + "self_attention.linear_proj.weight", shape=[hidden, groups * queries * features])
        weights[to + "post_attention_layernorm.weight"] = take(of + "mlp.linear_fc1.layer_norm_weight", of + "pre_mlp_layernorm.weight", shape=[hidden])
        gate, up = take(of + "mlp.linear_fc1.weight", shape=[2 * inner, hidden]).chunk(2)
        weights |= {to + "mlp.gate_proj.weight": gate, to + "mlp.up_proj.weight": up}
        weights[to + "mlp.down_proj.weight"] = take(of + "mlp.linear_fc2.weight", shape=[hidden, inner])
    weights["model.norm.weight"] = take("decoder.final_layernorm.weight", shape=[hidden])
    if not config["tie_word_embeddings"]:
        weights["lm_head.weight"] = take("output_layer.weight", shape=[vocabulary, hidden])
    left = [name for name in given if name not in taken and not (name == "output_layer.weight" and config["tie_word_embeddings"])]
    if left:
        raise Refusal(f"{path} has {left[0]}, which a Llama has not")
    return weights


# ---- The model: a Llama in plain PyTorch ----


def rotate(x, base):
    length, features = x.shape[-2:]
    # bfloat16 knows no position above 256.
    wide = torch.promote_types(x.dtype, torch.float32)
    angles = torch.arange(length, dtype=wide)[:, None] * base ** (-torch.arange(0, features, 2, dtype=wide) / features)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    low, high = x.chunk(2, dim=-1)
    return torch.cat((low * cos - high * sin, high * cos + low * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, features = config["hidden_size"], config["head_dim"]
        self.heads, self.kv_heads, self.base = config["num_attention_heads"], config["num_key_value_heads"], config["rope_theta"]
        self.q_proj = nn.Linear(hidden, self.heads * features, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * features, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * features, bias=False)
        self.o_proj = nn.Linear(self.heads * features, hidden, bias=False)

    def forward(self, x):
        by_head = lambda values, heads: values.unflatten(-1, (heads, -1)).transpose(-3, -2)
        query, key = (rotate(by_head(of(x), heads), self.base) for of, heads in ((self.q_proj, self.heads), (self.k_proj, self.kv_heads)))
        value = by_head(self.v_proj(x), self.kv_heads)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        return self.o_proj(mixed.transpose(-3, -2).flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj, self.up_proj = nn.Linear(hidden, inner, bias=False), nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        norm = lambda: nn.RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.input_layernorm, self.self_attn = norm(), Attention(config)
        self.post_attention_layernorm, self.mlp = norm(), FeedForward(config)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.model.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.model.norm = nn.RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        if config["tie_word_embeddings"]:
            self.lm_head.weight = self.model.embed_tokens.weight
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens):
        x = self.model.embed_tokens(tokens)
        for layer in self.model.layers:
            x = layer(x)
        return self.lm_head(self.model.norm(x))


# ---- The dataset ----

DTYPES = {1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 8: torch.uint16}


def tokens_of(prefix, count):
    """The first tokens of an indexed dataset: PREFIX.idx says how wide they are, PREFIX.bin is one after the other."""
    index = Path(f"{prefix}.idx")
    try:
        head = index.read_bytes()[:18]
        data = Path(f"{prefix}.bin")
        if head[:9] != b"MMIDIDX\x00\x00" or struct.unpack("<Q", head[9:17])[0] != 1 or head[17] not in DTYPES:
            raise Refusal(f"{index} is no index of Megatron's (version 1, of whole numbers)")
        kind = DTYPES[head[17]]
        wanted = count * torch.tensor([], dtype=kind).element_size()
        with open(data, "rb") as stream:
            bytes_read = stream.read(wanted)
    except OSError as error:
        raise Refusal(f"{error.filename}: {error.strerror}: --data is the prefix of a .bin and an .idx")
    if len(bytes_read) < wanted:
        raise Refusal(f"{data} has fewer than {count} tokens: record fewer steps, or shorter ones")
    return torch.frombuffer(bytearray(bytes_read), dtype=kind).long()


def load(request):
    log = request["log"]
    values, curve = read_log(log)
    arguments, notes = Arguments(values, log), []
    hold_to_demands(arguments)
    length, weights, iteration = request["length"], None, 0
    if request.get("checkpoint"):
        path = find_checkpoint(request["checkpoint"])
        given, iteration = read_checkpoint(path)
        embedding = given.get("embedding.word_embeddings.weight")
        config = config_of(arguments, None if embedding is None else embedding.shape[0])
        weights = weights_of(path, given, config)
    else:
        config = config_of(arguments, None)
        notes.append("no checkpoint was named: weights are drawn")
    if not request.get("data"):
        notes.append("no dataset was named: tokens are drawn")

    def model():
        made = Llama(config)
        if weights is not None:
            made.load_state_dict(weights | ({"lm_head.weight": weights["model.embed_tokens.weight"]} if config["tie_word_embeddings"] else {}))
        return made

    def batch(step):
        if request.get("data"):
            found = tokens_of(request["data"], (step + 1) * length + 1)[step * length :]
        else:
            found = torch.randint(0, config["vocab_size"], (length + 1,), generator=torch.Generator().manual_seed(step))
        return found[None, None, :-1], found[None, None, 1:]

    described = f"Megatron-LM, {'weights of iteration ' + str(iteration) if weights is not None else 'arguments only'}"
    training = {"micro_batches": 1, "batch": arguments.whole("micro_batch_size", 1), "length": arguments.whole("seq_length")}
    return types.SimpleNamespace(
        **{"config": config, "model": model, "batch": batch, "optimizer": optimizer_of(arguments, notes)},
        **{"described": described, "training": training, "curve": curve, "notes": notes},
    )
