"""Hugging Face's LlamaForCausalLM as it stands: what `forge outline` records.

    forge outline specs/models/outlines/llama_tiny.py --name my-llama --agreement 1e-5

It computes norms, rotary angles and softmax in float32 whatever it is asked, so it agrees with float64 to some 1e-6 only.
"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

config = LlamaConfig(
    hidden_size=192,
    intermediate_size=512,
    num_hidden_layers=3,
    num_attention_heads=6,
    num_key_value_heads=2,
    head_dim=32,
    vocab_size=4096,
    rms_norm_eps=1e-6,
    rope_theta=10000.0,
    tie_word_embeddings=False,
    max_position_embeddings=2048,
)

optimizer = {"learning_rate": 3e-4, "final_learning_rate": 3e-5, "schedule": "cosine", "warmup_steps": 2, "total_steps": 1000}


def model():
    return LlamaForCausalLM(config)


def batch(step):
    draw = torch.Generator().manual_seed(step)
    tokens = torch.randint(0, config.vocab_size, (1, 2, 33), generator=draw)
    return tokens[:, :, :-1], tokens[:, :, 1:]
