import json
import os
import subprocess

import pytest


@pytest.fixture(scope="session", autouse=True)
def dli_emulator():
    """Starts a dli-emulator for all tests, and sets the variables that make clients use it."""
    # The emulator stops when its standard input ends, even if pytest is killed.
    command = ["dli-emulator", "--binding-delay", "0s", "--print-env", "--stop-on-eof", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as emulator:
        for name, value in json.loads(emulator.stdout.readline()).items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        yield os.environ["DLI_ENDPOINT"]
