"""The layer that layer.py wrote, in PyTorch; one line of JSON, as the programs in rust/ print it.
usage: layer_pytorch.py FOLDER"""
import json, os, sys, time

folder, sys.argv[1] = sys.argv[1], "joint"
from common import own, peak_rss_mib, THREADS
import torch
from safetensors.torch import load_file
from sdpa4 import Block

torch.set_num_threads(THREADS)
tensors = load_file(os.path.join(folder, "layer.safetensors"))
x, expected = tensors.pop("input"), tensors.pop("expected")
layer = Block().eval()
layer.load_state_dict(tensors)
fastest = float("inf")
with torch.no_grad():
    layer(x)
    for _ in range(5):
        start = own()
        y = layer(x)
        fastest = min(fastest, own() - start)
error = ((y - expected).norm() / expected.norm()).item()
print(json.dumps(dict(engine="pytorch", shape=list(x.shape), cpu_s=fastest, relative_l2=error, peak_mib=peak_rss_mib())))
