"""One encoder layer of ViT-B, as ONNX for engines that read it, and as safetensors with an input and PyTorch's answer.
usage: layer.py joint|fe FOLDER   (joint: one sequence of 3137 tokens; fe: 16 of 197)"""
import os, sys
import torch
from safetensors.torch import save_file
from sdpa4 import Block, D, S, T

kind, folder = sys.argv[1:3]
shape = (1, T * S + 1, D) if kind == "joint" else (T, S + 1, D)
torch.manual_seed(0)
layer = Block().eval()
x = torch.randn(shape)
with torch.no_grad():
    expected = layer(x)
os.makedirs(folder, exist_ok=True)
save_file({**layer.state_dict(), "input": x, "expected": expected}, os.path.join(folder, "layer.safetensors"))
torch.onnx.export(layer, (x,), os.path.join(folder, "layer.onnx"), input_names=["input"], output_names=["output"],
                  opset_version=17, dynamo=False)
