"""MiniCPM4-0.5B, 433,873,920 parameters, in plain PyTorch; one step of 128 tokens.

    forge outline specs/models/outlines/minicpm4_0.5b.py --name minicpm4-outline --steps 1

Weights are drawn, not downloaded: what is recorded is the arithmetic. PyTorch takes some 12 GB for it; the reference in float64, weights,
moments, gradients and all, 18 GB: a machine of 24 GB is enough.
"""

import importlib.util
from pathlib import Path

import torch

spec = importlib.util.spec_from_file_location("minicpm_tiny", Path(__file__).parent / "minicpm_tiny.py")
minicpm = importlib.util.module_from_spec(spec)
spec.loader.exec_module(minicpm)

minicpm.config |= {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 73448,
    "max_position_embeddings": 32768,
}
config, model = minicpm.config, minicpm.MiniCPM
optimizer = {"warmup_steps": 2000, "decay_start": 250000, "total_steps": 300000}


def batch(step):
    draw = torch.Generator().manual_seed(step)
    tokens = torch.randint(0, config["vocab_size"], (1, 1, 129), generator=draw)
    return tokens[:, :, :-1], tokens[:, :, 1:]
