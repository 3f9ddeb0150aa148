"""PyTorch as a peer: one process that speaks JSON lines on stdin and stdout, started and frozen by the harness.

{"command": "load", entry, threads, sets: [{name: {path, type, shape}}], scalars}  reads the inputs
{"command": "prepare", mode, results: folder}                                      one untimed call, its outputs written as raw files;
                                                    mode: "eager" | "compiled" | a library that multiplies matrices
{"command": "time", mode, sets: [index, ...]}                                      one call per index; seconds in all calls together
{"command": "release"}                                                             forgets inputs and graphs
"""

import ctypes
import gc
import json
import os
import signal
import sys
import time

# Whoever started this may be killed while this is frozen: the kernel then ends it too (PR_SET_PDEATHSIG).
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
# The answers own stdout; what libraries print goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch  # noqa: E402
import torch._dynamo  # noqa: E402
import torch._functorch.config  # noqa: E402
from pytorch_operations import LIBRARIES, OPERATIONS  # noqa: E402

# A backward graph that is run again and again must keep its buffers.
torch._functorch.config.donated_buffer = False

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "i32": torch.int32}


class Loaded:
    def __init__(self, request):
        self.operation = OPERATIONS[request["entry"]]
        self.scalars = request["scalars"]
        self.sets = [{name: read_tensor(**where) for name, where in named.items()} for named in request["sets"]]
        self.steps = {}


def read_tensor(path, type, shape):
    elements = 1
    for extent in shape:
        elements *= extent
    # A copy: the file is about to go, and its pages are not those that PyTorch would have.
    return torch.from_file(path, shared=False, size=elements, dtype=TYPES[type]).reshape(shape).clone()


def write_tensor(tensor, folder, name):
    type_name = next(key for key, dtype in TYPES.items() if dtype == tensor.dtype)
    path = os.path.join(folder, name)
    contiguous = tensor.detach().contiguous()
    with open(path, "wb") as file:
        file.write((ctypes.c_char * contiguous.nbytes).from_address(contiguous.data_ptr()))
    return {"path": path, "type": type_name, "shape": list(tensor.shape)}


def prepare(loaded, mode, results):
    if mode in LIBRARIES:
        return prepare_library(loaded, mode, results)
    function, breaks = loaded.operation.function(loaded.scalars), None
    if mode == "compiled":
        # First, as explaining forgets what was compiled.
        breaks = torch._dynamo.explain(function)(*loaded.operation.arguments(loaded.sets[0])).graph_break_count
        # Shapes are what they are: compiled for other sizes before, PyTorch would otherwise go for dynamic ones.
        function = torch.compile(function, dynamic=False)
    loaded.steps[mode] = [loaded.operation.step(function, inputs) for inputs in loaded.sets]
    return first_call(loaded, mode, results, breaks)


def prepare_library(loaded, mode, results):
    operation = loaded.operation
    if operation.factors is None:
        return {"status": "skipped", "reason": f"{mode} multiplies matrices, which this entry does not"}
    pairs = [operation.factors(inputs) for inputs in loaded.sets]
    if mode == "openblas" and pairs[0][0].dtype != torch.float32:
        return {"status": "skipped", "reason": "OpenBLAS as numpy ships it multiplies no bf16"}
    (output,) = operation.outputs
    loaded.steps[mode] = [lambda pair=pair: {output: LIBRARIES[mode](*pair)} for pair in pairs]
    return first_call(loaded, mode, results, None)


def first_call(loaded, mode, results, breaks):
    outputs = loaded.steps[mode][0]()
    written = {name: write_tensor(tensor, results, name) for name, tensor in outputs.items()}
    return {"status": "done", "graphBreaks": breaks, "outputs": written}


def time_calls(steps, sets):
    total = 0
    for index in sets:
        step = steps[index]
        started = time.perf_counter_ns()
        outputs = step()
        total += time.perf_counter_ns() - started
        del outputs
    return {"seconds": total / 1e9}


def answer(state, request):
    command = request["command"]
    if command == "load":
        if request["entry"] not in OPERATIONS:
            return {"status": "skipped", "reason": f"no PyTorch operation is known for the entry {request['entry']}"}
        torch._dynamo.reset()
        torch.set_num_threads(request["threads"])
        state["loaded"] = Loaded(request)
        return {"status": "done"}
    if command == "prepare":
        return prepare(state["loaded"], request["mode"], request["results"])
    if command == "time":
        return {"status": "done", **time_calls(state["loaded"].steps[request["mode"]], request["sets"])}
    state.clear()
    gc.collect()
    return {"status": "done"}


def say(reply):
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def main():
    say({"status": "done", "version": f"PyTorch {torch.__version__}"})
    state = {}
    for line in sys.stdin:
        try:
            say(answer(state, json.loads(line)))
        except Exception as error:  # the harness decides what a failed request means
            say({"status": "failed", "reason": f"{type(error).__name__}: {error}"[:2000]})


main()
