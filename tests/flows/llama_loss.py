"""Loss of a checkpoint that transformers loads, on one batch: llama_loss.py FOLDER < {"tokens": [[...]], "targets": [[...]]}."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
batch = json.load(sys.stdin)
with torch.no_grad():
    logits = model(input_ids=torch.tensor(batch["tokens"])).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).double(), torch.tensor(batch["targets"]).flatten())
print(json.dumps({"loss": loss.item(), "kind": type(model).__name__, "parameters": model.num_parameters()}))
