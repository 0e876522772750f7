"""One encoder layer of ViT-B on one thread of this machine's processor: tubelet, tract, rten and PyTorch in turn.
usage: layers.py TARGET [ROUNDS]   (TARGET: rust/target/release, after cargo build --release in rust/)
Medians of the rounds; a ratio below 1 says that tubelet took less."""
import json, os, statistics, subprocess, sys, tempfile

TARGET = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ["pytorch", "tract", "rten"]
ONE = {**os.environ, "PB_THREADS": "1", "RTEN_NUM_THREADS": "1"}


def measured(engine, folder):
    command = [sys.executable, "layer_pytorch.py", folder] if engine == "pytorch" else [os.path.join(TARGET, engine), folder]
    run = subprocess.run(command, env=ONE, cwd=HERE, check=True, capture_output=True, text=True)
    return json.loads(run.stdout.strip().splitlines()[-1])


for kind in ["joint", "fe"]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "layer.py", kind, folder], cwd=HERE, check=True, stdout=subprocess.DEVNULL)
        rounds = [{engine: measured(engine, folder) for engine in ["tubelet", *PEERS]} for _ in range(ROUNDS)]
    row = dict(layer=kind, shape=rounds[0]["tubelet"]["shape"], threads=1, rounds=ROUNDS, device=rounds[0]["tubelet"]["device"])
    median = lambda engine, what: statistics.median(round[engine][what] for round in rounds)
    for engine in ["tubelet", *PEERS]:
        row[engine] = {what: round(median(engine, what), 4) for what in ["cpu_s", "peak_mib"]}
        row[engine]["relative_l2"] = median(engine, "relative_l2")
    row["ratio"] = {engine: round(median("tubelet", "cpu_s") / median(engine, "cpu_s"), 3) for engine in PEERS}
    print(json.dumps(row), flush=True)
