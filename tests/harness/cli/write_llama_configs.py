"""Writes config.json files with Hugging Face's own class, and counts the parameters that its model has.

Reads from standard input {"folder", "configs": {name: arguments of LlamaConfig}}. Writes FOLDER/NAME/config.json and prints one line of
JSON: {name: {"parameters", "without_embeddings"}}. Models are made on the meta device, so no weight is ever allocated.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

task = json.load(sys.stdin)
counts = {}
for name, arguments in task["configs"].items():
    LlamaConfig(**arguments).save_pretrained(Path(task["folder"]) / name)
    # From the file, as whoever has nothing but the file would.
    config = LlamaConfig.from_pretrained(Path(task["folder"]) / name)
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    outside = {id(module.weight) for module in (model.model.embed_tokens, model.lm_head)}
    parameters = list(model.parameters())
    counts[name] = {
        "parameters": model.num_parameters(),
        "without_embeddings": sum(weight.numel() for weight in parameters if id(weight) not in outside),
    }
print(json.dumps(counts))
