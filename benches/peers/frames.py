"""Times PyAV on the frames that the example `frames` decodes, the two in turn, and prints seconds and their ratio.

    pip install av numpy
    cargo build --release --example frames
    python benches/peers/frames.py target/release/examples/frames clip.mp4 [MORE…]

Each decodes 32 frames, every second one, from the middle of the video, in a process of its own; PyAV seeks to the key frame
before the first and trusts it and the frame rate. The time is that of the whole process, so PyAV's includes the start of
Python; `inside` is without it.
"""
import statistics
import subprocess
import sys
import time

PEER = """
import sys, time
import av
start = time.perf_counter()
container = av.open(sys.argv[1])
stream = container.streams.video[0]
stream.thread_type = "AUTO"
rate, base = stream.average_rate, stream.time_base
total = stream.frames or int(container.duration / av.time_base * rate)
first = (total - 63) // 2
wanted = {first + 2 * place for place in range(32)}
origin = stream.start_time or 0
container.seek(origin + int(first / rate / base), stream=stream)
found = 0
for frame in container.decode(stream):
    place = round(float((frame.pts - origin) * base * rate))
    if place in wanted:
        frame.to_ndarray(format="rgb24")
        found += 1
    if place >= max(wanted):
        break
print(time.perf_counter() - start)
"""
ROUNDS = 5


def timed(command):
    start = time.perf_counter()
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return time.perf_counter() - start, printed


program, *videos = sys.argv[1:]
for video in videos:
    ours, peer, inside = [], [], []
    for _ in range(ROUNDS):
        ours.append(timed([program, video])[0])
        seconds, printed = timed([sys.executable, "-c", PEER, video])
        peer.append(seconds)
        inside.append(float(printed))
    ours, peer, inside = map(statistics.median, (ours, peer, inside))
    print(f"{video}: tubelet {ours:.2f} s, PyAV {peer:.2f} s (inside {inside:.2f} s), ratio {ours / peer:.2f}")
