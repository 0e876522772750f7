"""A forward pass of each model on this machine's processor, PyTorch and tubelet in turn, and the ratios.
usage: host.py HOST_FORWARD [ROUNDS]   (HOST_FORWARD: target/release/examples/host_forward)
PB_THREADS sets the threads of both. Medians of the rounds; a ratio below 1 says that tubelet took less."""
import json, os, statistics, subprocess, sys

PROGRAM = sys.argv[1]
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
THREADS = os.environ.get("PB_THREADS", str(os.cpu_count()))
HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["joint", "fe", "fsa", "fdp"]


def last_line(command, **variables):
    run = subprocess.run(command, env={**os.environ, **variables}, cwd=HERE, check=True, capture_output=True, text=True)
    return json.loads(run.stdout.strip().splitlines()[-1])


def peer(kind):
    found = last_line([sys.executable, "sdpa4.py", kind], RUNS="1", PB_THREADS=THREADS)
    return dict(cpu_s=found["cpu_s"], wall_s=found["median_s"], peak_mib=found["peak_rss_mib"])


def own(number):
    return last_line([os.path.abspath(PROGRAM), str(number), THREADS])


PROGRAM = os.path.abspath(PROGRAM)
results = []
for number, kind in enumerate(MODELS, 1):
    rounds = [(peer(kind), own(number)) for _ in range(ROUNDS)]
    row = dict(model=number, threads=int(THREADS), rounds=ROUNDS, device=rounds[0][1]["device"])
    for what in ("cpu_s", "wall_s", "peak_mib"):
        theirs, ours = (statistics.median(pair[side][what] for pair in rounds) for side in (0, 1))
        row[what] = dict(pytorch=round(theirs, 3), tubelet=round(ours, 3), ratio=round(ours / theirs, 3))
    results.append(row)
    print(json.dumps(row), flush=True)
