"""MiniCPM in plain PyTorch, with its muP scales (arXiv:2404.06395, section 3.1): what `forge outline` records.

    forge outline specs/models/outlines/minicpm_tiny.py --name my-minicpm
"""

import math

import torch
from torch import nn

config = {
    "architectures": ["MiniCPMForCausalLM"],
    "hidden_size": 256,
    "intermediate_size": 640,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 4096,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000,
    "tie_word_embeddings": True,
    "scale_emb": 12,
    "scale_depth": 1.4,
    "dim_model_base": 256,
    "max_position_embeddings": 4096,
}

optimizer = {"learning_rate": 1e-2, "final_learning_rate": 5e-4, "schedule": "wsd", "warmup_steps": 2, "decay_start": 1500, "total_steps": 2000}

observe = ["model.layers.0", "model.norm"]


def rotate(x, base):
    """Positions are turned into rotations of pairs (i, i + half) of features (arXiv:2104.09864)."""
    length, features = x.shape[-2:]
    # bfloat16 knows no position above 256.
    wide = torch.promote_types(x.dtype, torch.float32)
    rates = base ** (-torch.arange(0, features, 2, dtype=wide) / features)
    angles = torch.arange(length, dtype=wide)[:, None] * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, hidden, heads, kv_heads, base):
        super().__init__()
        self.heads, self.kv_heads, self.base = heads, kv_heads, base
        features = hidden // heads
        self.q_proj = nn.Linear(hidden, heads * features, bias=False)
        self.k_proj = nn.Linear(hidden, kv_heads * features, bias=False)
        self.v_proj = nn.Linear(hidden, kv_heads * features, bias=False)
        self.o_proj = nn.Linear(heads * features, hidden, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        split = lambda values, heads: values.view(batch, length, heads, -1).transpose(1, 2)
        query = rotate(split(self.q_proj(x), self.heads), self.base)
        key = rotate(split(self.k_proj(x), self.kv_heads), self.base)
        value = split(self.v_proj(x), self.kv_heads)
        group = self.heads // self.kv_heads
        key, value = key.repeat_interleave(group, 1), value.repeat_interleave(group, 1)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, scale):
        super().__init__()
        hidden, eps = config["hidden_size"], config["rms_norm_eps"]
        self.scale = scale
        self.input_layernorm = nn.RMSNorm(hidden, eps)
        self.self_attn = Attention(hidden, config["num_attention_heads"], config["num_key_value_heads"], config["rope_theta"])
        self.post_attention_layernorm = nn.RMSNorm(hidden, eps)
        self.mlp = FeedForward(hidden, config["intermediate_size"])

    def forward(self, x):
        x = x + self.scale * self.self_attn(self.input_layernorm(x))
        return x + self.scale * self.mlp(self.post_attention_layernorm(x))


class MiniCPM(nn.Module):
    def __init__(self):
        super().__init__()
        layers, hidden = config["num_hidden_layers"], config["hidden_size"]
        scale = config["scale_depth"] / math.sqrt(layers)
        # The names of Hugging Face's checkpoints begin with "model.".
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config["vocab_size"], hidden)
        self.model.layers = nn.ModuleList(Block(scale) for _ in range(layers))
        self.model.norm = nn.RMSNorm(hidden, config["rms_norm_eps"])
        nn.init.normal_(self.model.embed_tokens.weight, std=0.1)

    def forward(self, tokens):
        x = config["scale_emb"] * self.model.embed_tokens(tokens)
        for block in self.model.layers:
            x = block(x)
        x = self.model.norm(x) / (config["hidden_size"] / config["dim_model_base"])
        return x @ self.model.embed_tokens.weight.T


model = MiniCPM


def batch(step):
    """Two micro-batches of one sequence, each token to predict the next; a few targets are not counted."""
    draw = torch.Generator().manual_seed(1000 + step)
    tokens = torch.randint(0, config["vocab_size"], (2, 1, 33), generator=draw)
    targets = tokens[:, :, 1:].clone()
    targets[1, :, :5] = -100
    return tokens[:, :, :-1], targets
