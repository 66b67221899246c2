#!/usr/bin/env python3
"""Takes the provider's place: starts it and notes what it took, in a file beside this one's directory.

Standard streams, environment and exit status are handed over. The peak is read from the process's own memory map while
it runs, because the kernel's account of a child (`ru_maxrss`) begins with the peak of the process that started it.
"""

import os
import subprocess
import sys
import threading

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
child = subprocess.Popen([os.path.join(here, "measured", "terraform-provider-dli")] + sys.argv[1:])
peak = 0
ended = threading.Event()


def watch():
    global peak
    while True:
        try:
            with open(f"/proc/{child.pid}/status") as status:
                peak = next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), peak)
        except OSError:
            return
        if ended.wait(0.005):
            return


watching = threading.Thread(target=watch)
watching.start()
_, status, usage = os.wait4(child.pid, 0)
ended.set()
watching.join()
with open(os.path.join(here, "usage"), "a") as file:
    file.write(f"{int((usage.ru_utime + usage.ru_stime) * 1e6)} {peak}\n")
sys.exit(os.waitstatus_to_exitcode(status))
