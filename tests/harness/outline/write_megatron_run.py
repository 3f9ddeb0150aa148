"""A small run of Megatron-LM as it is left on disk, written without Megatron: log, checkpoint, dataset.

Usage: write_megatron_run.py FOLDER. The same weights by their names of Hugging Face go to FOLDER/expected.safetensors.
Formats: megatron/training/training.py (log lines), arguments.py (their block), checkpointing.py (folders), core/datasets/indexed_dataset.py.
"""

import argparse
import enum
import random
import signal
import struct
import sys
import types
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file

folder = Path(sys.argv[1])
LAYERS, HIDDEN, HEADS, GROUPS, CHANNELS, INNER, VOCABULARY = 2, 32, 4, 2, 12, 48, 4096
ARGUMENTS = {
    "adam_beta1": 0.9, "adam_beta2": 0.95, "adam_eps": 1e-08, "add_bias_linear": False, "add_qkv_bias": False, "apply_layernorm_1p": False,
    "attention_dropout": 0.0, "clip_grad": 1.0, "ffn_hidden_size": INNER, "global_batch_size": 64, "group_query_attention": True,
    "hidden_dropout": 0.0, "hidden_size": HIDDEN, "kv_channels": CHANNELS, "lr": 0.003, "lr_decay_iters": 500, "lr_decay_style": "WSD",
    "lr_warmup_fraction": None, "lr_warmup_iters": 10, "lr_wsd_decay_iters": 50, "lr_wsd_decay_style": "exponential",
    "max_position_embeddings": 2048, "micro_batch_size": 2, "min_lr": 0.0003, "norm_epsilon": 1e-05, "normalization": "RMSNorm",
    "num_attention_heads": HEADS, "num_experts": None, "num_layers": LAYERS, "num_query_groups": GROUPS, "optimizer": "adam",
    "padded_vocab_size": None, "position_embedding_type": "rope", "qk_layernorm": False, "rotary_base": 10000,
    "rotary_interleaved": False, "rotary_percent": 1.0, "seq_length": 128, "swiglu": True, "train_iters": 500,
    "untie_embeddings_and_output_weights": True, "weight_decay": 0.1, "window_size": None,
}


def write_log():
    lines = ["using world size: 8, data-parallel size: 8", "------------------------ arguments ------------------------"]
    lines += [f"  {name} {'.' * (48 - len(name))} {value}" for name, value in ARGUMENTS.items()]
    lines += ["-------------------- end of arguments ---------------------", f"> padded vocab (size: 4000) with 96 dummy tokens (new size: {VOCABULARY})"]
    for iteration in range(10, 101, 10):
        loss = 8.3 - iteration / 50
        lines.append(
            f" [2026-01-02 03:04:05.678901] iteration {iteration:8d}/{500:8d} | consumed samples: {64 * iteration:12d} |"
            f" elapsed time per iteration (ms): {5130.04 + iteration:.1f} | throughput per GPU (TFLOP/s/GPU): {401.26:.1f} |"
            f" learning rate: {0.003:.6E} | global batch size: {64:5d} | lm loss: {loss:.6E} | loss scale: {1.0:.1f} |"
            f" grad norm: {1.25:.3f} | number of skipped iterations: {0:3d} | number of nan iterations: {0:3d} |"
        )
    (folder / "train.log").write_text("\n".join(lines) + "\n")


def write_checkpoint():
    torch.manual_seed(7)
    expected, saved = {}, {}

    def draw(*shape):
        return (0.2 * torch.randn(*shape)).bfloat16()

    expected["model.embed_tokens.weight"] = saved["embedding.word_embeddings.weight"] = draw(VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        of, to = f"decoder.layers.{layer}.", f"model.layers.{layer}."
        query, key, value = draw(HEADS * CHANNELS, HIDDEN), draw(GROUPS * CHANNELS, HIDDEN), draw(GROUPS * CHANNELS, HIDDEN)
        expected |= {to + "self_attn.q_proj.weight": query, to + "self_attn.k_proj.weight": key, to + "self_attn.v_proj.weight": value}
        rows, per_group = [], HEADS // GROUPS
        for group in range(GROUPS):
            for head in range(group * per_group, (group + 1) * per_group):
                rows.append(query[head * CHANNELS : (head + 1) * CHANNELS])
            rows += [key[group * CHANNELS : (group + 1) * CHANNELS], value[group * CHANNELS : (group + 1) * CHANNELS]]
        saved[of + "self_attention.linear_qkv.weight"] = torch.cat(rows)
        gate, up = draw(INNER, HIDDEN), draw(INNER, HIDDEN)
        saved[of + "mlp.linear_fc1.weight"] = torch.cat([gate, up])
        expected |= {to + "mlp.gate_proj.weight": gate, to + "mlp.up_proj.weight": up}
        for name, other, shape in (
            ("self_attention.linear_proj.weight", "self_attn.o_proj.weight", (HIDDEN, HEADS * CHANNELS)),
            ("mlp.linear_fc2.weight", "mlp.down_proj.weight", (HIDDEN, INNER)),
        ):
            saved[of + name] = expected[to + other] = draw(*shape)
        for name, other in (("self_attention.linear_qkv.layer_norm_weight", "input_layernorm.weight"), ("mlp.linear_fc1.layer_norm_weight", "post_attention_layernorm.weight")):
            saved[of + name] = expected[to + other] = 1 + draw(HIDDEN)
        saved[of + "mlp.linear_fc1._extra_state"] = torch.zeros(3, dtype=torch.uint8)
    saved["decoder.final_layernorm.weight"] = expected["model.norm.weight"] = 1 + draw(HIDDEN)
    saved["output_layer.weight"] = expected["lm_head.weight"] = draw(VOCABULARY, HIDDEN)
    # A class that is there only where Megatron is: whoever loads this must do without.
    module = types.ModuleType("megatron.core.enums")
    module.ModelType = enum.Enum("ModelType", {"encoder_or_decoder": 1}, module="megatron.core.enums")
    sys.modules |= {"megatron": types.ModuleType("megatron"), "megatron.core": types.ModuleType("megatron.core"), "megatron.core.enums": module}
    arguments = argparse.Namespace(**ARGUMENTS, model_type=module.ModelType.encoder_or_decoder)
    place = folder / "checkpoints" / "iter_0000100" / "mp_rank_00"
    place.mkdir(parents=True)
    # As Megatron saves it: random states of Python and NumPy, and a signal among the arguments.
    arguments.exit_signal = signal.SIGTERM
    states = {"random_rng_state": random.getstate(), "np_rng_state": numpy.random.get_state(), "torch_rng_state": torch.get_rng_state()}
    whole = {"args": arguments, "checkpoint_version": 3.0, "iteration": 100, "model": saved, "rng_state": [states]}
    torch.save(whole, place / "model_optim_rng.pt")
    (folder / "checkpoints" / "latest_checkpointed_iteration.txt").write_text("100")
    save_file({name: tensor.float().contiguous() for name, tensor in expected.items()}, folder / "expected.safetensors")


def write_data():
    tokens = torch.randint(0, VOCABULARY, (1000,), generator=torch.Generator().manual_seed(3))
    (folder / "text.bin").write_bytes(tokens.to(torch.uint16).numpy().tobytes())
    (folder / "text.idx").write_bytes(b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, 1, 2) + struct.pack("<iqqq", 1000, 0, 0, 1))
    save_file({"tokens": tokens.int()}, folder / "tokens.safetensors")


write_log()
write_checkpoint()
write_data()
