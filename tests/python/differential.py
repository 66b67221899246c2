"""Sends the same random calls to two servers and compares the responses.

Reads one JSON document from standard input and writes one to standard output:

    {"first": {"endpoint", "access_key", "secret_key"}, "seeds": [NUMBER, ..], "calls": NUMBER FOR EACH}
    {"outcomes": {STATUS OR CODE: COUNT, ..}, "disagreements": [{"seed", "history", "first", "second"}, ..]}

The first server is already running; the script starts the second one, `second_server.py`.

The script compares the status, the error code and, after each call, everything that can be read. IDs are compared by
creation order, lists without a documented order as sets, and times and peering IDs not at all. A seed ends at its first
disagreement, and its history contains the calls before it.
"""

import collections
import http.client
import json
import random
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, urlsplit

from signer import sign

VPC = "22094d8f-c310-4621-913d-4c4d655d8495"
NETWORK = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
NOWHERE = "2a620c33-5609-40c9-affd-2b6453071b0f"

# Valid values, and invalid values that are picked occasionally. Both servers start with these queues and pools.
QUEUES = ["q1", "q2", "q3", "Q1", "pooled1", "pooled3"], ["default", "shared1", "missing"]
POOLS = ["pool1", "pool2", "pool3"], ["missing"]
NAMES = ["a", "b", "c", "d" * 64], ["e" * 65, "", "no-hyphen", "größe", None]
TARGETS = [VPC, NETWORK], ["", None]
ROUTES = ["r1", "r-2", "r_3", "r" * 64], ["r" * 65, "", "r 4", "r.5", None]
NETWORKS = ["192.168.0.0/16", "192.168.1.0/24", "127.0.0.0", "2407:c080:802:be7::/64"], ["10.0.0.0/33", "10.0.0.256", "", None]
HOSTS = ["a", "b.example.com", "h_1-x", "h" * 128], ["h" * 129, "1a", "", "a b"]
ADDRESSES = ["192.168.0.1", "10.0.0.1", "255.255.255.255"], ["192.168.0.256", "::1", "localhost", ""]
KEYS = ["team", "größe", "a b", "k" * 128], ["k" * 129, "", " a", "a ", "_sys_a", "a*b"]
VALUES = ["", "data", "a_b.c:d+e-f@g", "v" * 255], ["v" * 256, "a*b"]
ACTIONS = ["grant", "revoke", "update"], ["give", None]
PROJECTS = ["330e068af1334c9782f4226acc00a2e2", "fedcba9876543210fedcba9876543210"], [None]

# In calls, `<project>` and `<0>`, `<1>`, … are placeholders for the IDs of each server.
P = "/v2.0/<project>/datasource/enhanced-connections"
V3 = "/v3/<project>/datasource/enhanced-connections"
QUEUE_PATH = "/v1.0/<project>/queues"

Call = collections.namedtuple("Call", "method path query body wrong_key", defaults=("", None, False))


class Server:
    def __init__(self, given, project):
        self.given, self.project = given, project
        self.host = urlsplit(given["endpoint"]).netloc
        self.wire = http.client.HTTPConnection(self.host, timeout=30)
        # IDs in creation order.
        self.ids = []

    def ask(self, call):
        """The comparable content of a response."""
        path, data = self.placed(call.path), b""
        date = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers = [("Host", self.host), ("X-Sdk-Date", date)]
        if call.body is not None:
            data = self.placed(json.dumps(call.body)).encode()
            headers.append(("Content-Type", "application/json"))
        keys = self.given["access_key"], "wrong" if call.wrong_key else self.given["secret_key"]
        signed = sign(*keys, call.method, path, call.query, headers, data)
        self.wire.request(call.method, f"{path}?{call.query}".rstrip("?"), data, dict(signed))
        response = self.wire.getresponse()
        status, read = response.status, response.read()
        answer = json.loads(read) if read else None
        if status >= 400:
            return status, answer["error_code"]
        if status == 201:
            self.ids.append(answer["connection_id"])
        return status, answer and self.meaning(call, answer)

    def placed(self, text):
        text = text.replace("<project>", self.project)
        for number, each in enumerate(self.ids):
            text = text.replace(f"<{number}>", each)
        return text

    def meaning(self, call, answer):
        if call.method != "GET":
            return str(answer["is_success"]).lower()
        if "connections" in answer:
            return [self.connection(each) for each in answer["connections"]]
        if "dest_vpc_id" in answer:
            return self.connection(answer)
        if "tags" in answer:
            tags = sorted((each["key"], each["value"]) for each in answer["tags"])
            # The content of a page depends on an undocumented order.
            return len(tags) if call.query else tags, answer["count"]
        if "privileges" in answer:
            return sorted((each["object"].partition(".")[0], each["applicant_project_id"], each["privileges"])
                          for each in answer["privileges"])
        if "queues" in answer:
            keys = ("queue_name", "queue_type", "resource_mode", "charging_mode")
            every = [*QUEUES[0], *QUEUES[1]]
            return sorted(([each.get(key) for key in keys], each["elastic_resource_pool_name"] or "")
                          for each in answer["queues"] if each["queue_name"] in every)
        if "queueName" in answer:
            return [answer[key] for key in ("queueName", "queueType", "resource_mode", "chargingMode")]
        if "elastic_resource_pools" in answer:
            return sorted((each["elastic_resource_pool_name"], each["status"]) for each in answer["elastic_resource_pools"])
        raise ValueError(f"{call}: nothing is known of {answer}")

    def connection(self, shown):
        return {
            "id": self.ids.index(shown["id"]), "name": shown["name"], "status": shown["status"].upper(),
            "to": [shown["dest_vpc_id"], shown["dest_network_id"]],
            "bound": [sorted((each["name"], each["status"], bool(each["peer_id"])) for each in shown[key])
                      for key in ("available_queue_info", "elastic_resource_pools")],
            "hosts": sorted((each["name"], each["ip"]) for each in shown["hosts"]),
            "routes": sorted((each["name"], each["cidr"]) for each in shown["routes"]),
        }

    def held(self, numbers):
        """Everything that can be read about these connections."""
        calls = [Call("GET", P)]
        for number in numbers:
            calls += [Call("GET", f"{P}/<{number}>/privileges"), Call("GET", tags_of(f"<{number}>"))]
        return [self.ask(call) for call in calls]


def tags_of(connection):
    return f"/v3/<project>/dli_enhanced_datasource/{connection}/tags"


class Chance:
    """Random calls, most of them valid. None has two errors, because it is not documented which one is reported."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.flawed = False
        # Created connections, and those that still exist.
        self.made, self.living = 0, set()

    def often(self, of_ten):
        return self.random.random() * 10 < of_ten

    def flaw(self):
        """Whether the next value is the only error of the call."""
        now = not self.flawed and self.often(0.5)
        self.flawed |= now
        return now

    def pick(self, values):
        return self.random.choice(values[self.flaw()])

    def some(self, most, make):
        return [make() for _ in range(self.random.randint(0, most))]

    def connection(self):
        """An existing, deleted or unknown connection."""
        if self.living and not self.flaw():
            return f"<{self.random.choice(sorted(self.living))}>"
        self.flawed = True
        return f"<{self.random.randrange(self.made)}>" if self.made and self.often(7) else NOWHERE

    def learn(self, call, made, status):
        """Records the result of a call."""
        self.made, self.flawed = made, False
        if status == 201:
            self.living.add(made - 1)
        elif status < 400 and call.method == "DELETE" and (found := re.fullmatch(rf"{P}/<(\d+)>", call.path)):
            self.living.discard(int(found[1]))

    def hosts(self):
        return self.some(4, lambda: {"name": self.pick(HOSTS), "ip": self.pick(ADDRESSES)})

    def tags(self):
        return self.some(3, lambda: {"key": self.pick(KEYS), "value": self.pick(VALUES)})

    def targets(self):
        chosen = {}
        if self.often(6):
            chosen["queues"] = self.some(2, lambda: self.pick(QUEUES))
        if self.often(6):
            chosen["elastic_resource_pools"] = self.some(2, lambda: self.pick(POOLS))
        return chosen

    def call(self):
        kinds = [self.create] * 4 + [self.bind] * 4 + [self.route] * 4 + [self.tag] * 3 + [
            self.show, self.list, self.delete, self.update, self.update, self.authorize, self.authorize, self.queue,
            self.pool, self.odd]
        return self.random.choice(kinds)()

    def create(self):
        body = {"name": self.pick(NAMES), "dest_vpc_id": self.pick(TARGETS), "dest_network_id": self.pick(TARGETS)}
        body |= self.targets()
        if self.often(5):
            body["hosts"] = self.hosts()
        if self.often(5):
            body["tags"] = self.tags()
        return Call("POST", P, body={key: value for key, value in body.items() if value is not None})

    def show(self):
        return Call("GET", f"{P}/{self.connection()}" + self.random.choice(["", "", "/privileges"]))

    def list(self):
        filters = {"status": ["ACTIVE", "deleted", ""], "name": [*NAMES[0], "A", ""], "limit": ["0", "1", "2", "-1", "x"],
                   "offset": ["0", "1", "9", "-1"], "tags": ["team=data", "team=", "größe=data,team=data", "a b=a_b.c:d+e-f@g"]}
        pairs = [f"{key}={quote(self.random.choice(filters[key]), safe='')}" for key in sorted(filters) if self.often(3)]
        return Call("GET", P, "&".join(pairs))

    def delete(self):
        return Call("DELETE", f"{P}/{self.connection()}")

    def update(self):
        return Call("PUT", f"{P}/{self.connection()}", body={} if self.flaw() else {"hosts": self.hosts()})

    def bind(self):
        operation = self.random.choice(["associate-queue", "associate-queue", "disassociate-queue"])
        return Call("POST", f"{P}/{self.connection()}/{operation}", body=self.targets())

    def route(self):
        path, name = f"{self.random.choice([P, V3])}/{self.connection()}/routes", self.pick(ROUTES)
        if self.often(4) and name:
            return Call("DELETE", f"{path}/{quote(name, safe='')}")
        body = {"name": name, "cidr": self.pick(NETWORKS)}
        return Call("POST", path, body={key: value for key, value in body.items() if value is not None})

    def authorize(self):
        names = self.pick(([["BIND_QUEUE"]], [["DROP_QUEUE"]]))
        body = {"projectId": self.pick(PROJECTS), "action": self.pick(ACTIONS),
                "privileges": [{"object": f"edsconnections.{self.connection()}", "privileges": names}]}
        return Call("PUT", "/v1.0/<project>/authorization", body={key: value for key, value in body.items() if value})

    def tag(self):
        path = tags_of(self.connection())
        if self.often(2):
            return Call("GET", path, self.random.choice(["", "limit=1", "limit=2&offset=1"]))
        return Call("POST", f"{path}/{self.random.choice(['create', 'delete'])}", body={"tags": self.tags()})

    def queue(self):
        if self.often(5):
            return Call("GET", f"{QUEUE_PATH}/{self.pick(QUEUES)}")
        return Call("GET", QUEUE_PATH, self.random.choice(["", "queue_type=all", "queue_type=general&with-charge-info=true"]))

    def pool(self):
        return Call("GET", "/v3/<project>/elastic-resource-pools", self.random.choice(
            ["", "limit=1", "name=ool2", "name=POOL", "status=AVAILABLE", "status=FAILED", "limit=1&offset=2"]))

    def odd(self):
        """Requests that the gateway rejects."""
        return self.random.choice([
            Call("GET", P, wrong_key=True), Call("PATCH", P, body={}), Call("GET", f"{P}/"),
            Call("GET", "/v9/<project>/queues"), Call("POST", P, body=[]), Call("DELETE", P),
        ])


def run(given, seed):
    """The number of calls by outcome, and the disagreements."""
    # Each seed has its own empty project.
    project = f"{seed:032x}"
    servers = [Server(given[name], project) for name in ("first", "second")]
    chance, history, outcomes = Chance(seed), [], collections.Counter()
    for number in range(given["calls"]):
        call = chance.call()
        history.append(call)
        answers = [server.ask(call) for server in servers]
        status, meant = answers[0]
        outcomes[meant if status >= 400 else str(status)] += 1
        chance.learn(call, len(servers[0].ids), status)
        if answers[0] == answers[1] and call.method != "GET":
            last = number + 1 == given["calls"]
            touched = range(chance.made) if last else re.findall(r"<(\d+)>", f"{call.path}{call.body}")
            answers = [server.held(touched) for server in servers]
        if answers[0] != answers[1]:
            return outcomes, {"seed": seed, "history": history, "first": answers[0], "second": answers[1]}
    return outcomes, None


def main():
    given = json.load(sys.stdin)
    second = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("second_server.py"), "0"], stdout=subprocess.PIPE, text=True)
    try:
        given["second"] = {"endpoint": second.stdout.readline().strip(), "access_key": "SECONDACCESSKEY",
                           "secret_key": "canary-secret-of-the-second"}
        outcomes, disagreements = collections.Counter(), []
        for seed in given["seeds"]:
            counted, disagreement = run(given, seed)
            outcomes += counted
            disagreements += [disagreement] if disagreement else []
    finally:
        second.kill()
        second.wait()
    json.dump({"outcomes": outcomes, "disagreements": disagreements}, sys.stdout)


main()
