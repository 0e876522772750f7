#!/bin/sh
# Stands in for an ffmpeg that is killed while it writes its first frame.
head -c 1000 /dev/zero
kill -9 $$
