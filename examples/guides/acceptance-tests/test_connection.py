import json
import subprocess


def terraform(*arguments):
    return subprocess.run(["terraform", *arguments], check=True, stdout=subprocess.PIPE).stdout


def test_queue_is_bound():
    terraform("init")
    terraform("apply", "-auto-approve")
    assert json.loads(terraform("output", "-json", "binding_status")) == {"q1": "ACTIVE"}
    terraform("plan", "-detailed-exitcode")
    terraform("destroy", "-auto-approve")
