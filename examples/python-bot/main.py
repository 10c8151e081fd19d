"""A bot that works through imaginary tasks. SIGTERM ends it cleanly; SIGUSR1 makes it crash, to see a restart."""

import itertools
import os
import signal
import sys
import time


def stop(signum, frame):
    print("Told to stop: putting the task away.")
    sys.exit(0)


def crash(signum, frame):
    raise RuntimeError("something went wrong, as asked for")


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGUSR1, crash)

print(f"Up, PID {os.getpid()}.")
for number in itertools.count(1):
    print(f"Task {number} done.")
    time.sleep(2)
