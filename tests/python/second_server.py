"""A second, minimal server for the documented API, with Python's standard library and Huawei's signer.

It shares no code with the emulator, so that one misread document does not go unnoticed. Comments mark behavior that is
not documented with "Undocumented". One lock protects the state, which is in memory.

    second_server.py BINDING_SECONDS

The first line of standard output is the endpoint. `GET /held` needs no signature and returns all objects and requests.
"""

import ipaddress
import json
import re
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from signer import sign

ACCESS_KEY, SECRET_KEY = "SECONDACCESSKEY", "canary-secret-of-the-second"
MOST_BYTES = 12 * 1024 * 1024

NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
ROUTE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
HOST_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")
IDENTIFIER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONNECTIONS = "/datasource/enhanced-connections"


class Refusal(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def wrong(message):
    return Refusal(400, "DLI.0001", message)


def check(holds, message):
    if not holds:
        raise wrong(message)


def now():
    """The time in milliseconds, as everywhere in the service."""
    return time.time_ns() // 1_000_000


class Project:
    def __init__(self):
        self.connections = {}
        self.pools = ["pool1", "pool2", "pool3"]
        # Name, type, dedicated, pool.
        self.queues = {
            "default": ("sql", False, ""),
            "shared1": ("sql", False, ""),
            "q1": ("sql", True, ""),
            "q2": ("general", True, ""),
            "q3": ("sql", True, ""),
            "pooled1": ("general", True, "pool1"),
            "pooled2": ("sql", True, "pool1"),
            "pooled3": ("general", True, "pool3"),
        }

    def living(self, identifier):
        """The documented error for privileges of a missing connection. Undocumented for other calls."""
        found = self.connections.get(identifier)
        if found is None or found["status"] == "DELETED":
            raise wrong(f"Connection {identifier} does not exist")
        return found


class Service:
    def __init__(self, binding_seconds):
        self.binding_seconds = binding_seconds
        self.lock = threading.Lock()
        self.projects = {}
        self.requests = []

    # Connections.

    def create(self, project, body):
        check(NAME.fullmatch(text(body, "name")), "name is invalid")
        for field in ("dest_vpc_id", "dest_network_id"):
            check(IDENTIFIER.fullmatch(text(body, field)), f"{field} is invalid")
        hosts, tags = checked_hosts(body.get("hosts") or []), checked_tags(body.get("tags") or [])
        targets = self.targets(project, body)
        # Undocumented: whether names are unique. There is an error code for it.
        for other in project.connections.values():
            if other["name"] == body["name"] and other["status"] != "DELETED":
                raise Refusal(400, "DLI.0006", f"connection {body['name']} already exists")
        made = {
            "id": str(uuid.uuid4()), "name": body["name"], "status": "ACTIVE", "dest_vpc_id": body["dest_vpc_id"],
            "dest_network_id": body["dest_network_id"], "routetable_id": body.get("routetable_id"),
            "create_time": now(), "hosts": hosts, "routes": {}, "tags": tags, "peerings": {}, "shared_with": [],
        }
        project.connections[made["id"]] = made
        self.bind(made, targets)
        names = ",".join(name for _, name in targets)
        return 201, {"is_success": True, "message": f"Create peer connection for queues:{{{names}}}" if names else "",
                     "connection_id": made["id"]}

    def shown(self, made, listing):
        peerings = {kind: [self.peering(*each) for each in made["peerings"].items() if each[0][0] == kind]
                    for kind in ("queue", "pool")}
        # Undocumented: the order of host records. Here they are sorted by address, descending.
        hosts = sorted(made["hosts"], key=lambda each: ipaddress.ip_address(each["ip"]), reverse=True)
        routes = [{"name": name, "cidr": cidr, "create_time": made["create_time"]} for name, cidr in made["routes"].items()]
        shown = {
            "id": made["id"], "name": made["name"], "status": made["status"], "create_time": made["create_time"],
            "dest_vpc_id": made["dest_vpc_id"], "dest_network_id": made["dest_network_id"], "hosts": hosts,
            "routes": routes[::-1], "available_queue_info": peerings["queue"], "elastic_resource_pools": peerings["pool"],
        }
        if listing:
            shown["isPrivis"] = not made["shared_with"]
        return shown

    def peering(self, target, begun):
        settled = time.monotonic() >= begun["settles"]
        return {"peer_id": begun["id"], "name": target[1], "status": "ACTIVE" if settled else "CREATING", "err_msg": "",
                "update_time": begun["time"]}

    def list(self, project, query):
        chosen = sorted(project.connections.values(), key=lambda each: each["create_time"])
        if query.get("status"):
            chosen = [each for each in chosen if each["status"] == query["status"].upper()]
        if query.get("name"):
            chosen = [each for each in chosen if each["name"] == query["name"]]
        for pair in filter(None, query.get("tags", "").split(",")):
            key, _, value = pair.partition("=")
            chosen = [each for each in chosen if each["tags"].get(key) == value]
        page = paged(chosen, query)
        return 200, success(count=len(page), connections=[self.shown(each, True) for each in page])

    def show(self, project, identifier):
        made = project.connections.get(identifier) or project.living(identifier)
        return 200, success() | self.shown(made, False)

    def delete(self, project, identifier):
        made = project.living(identifier)
        # Undocumented: which fields a deleted connection has.
        made.update(status="DELETED", peerings={}, hosts=[], routes={}, tags={})
        return 200, success("Deleted")

    def update(self, project, identifier, body):
        check("hosts" in body, "hosts is mandatory")
        hosts = checked_hosts(body["hosts"])
        project.living(identifier)["hosts"] = hosts
        return 200, success()

    # Queues and pools, bound and unbound.

    def targets(self, project, body, unbinding=False):
        """A pooled queue stands for its pool. Undocumented: whether something that is not bound can be unbound."""
        targets = [("pool", name) for name in strings(body, "elastic_resource_pools")]
        for _, name in targets:
            if name not in project.pools:
                raise Refusal(400, "DLI.0002", f"There is no elastic resource pool named {name}")
        for name in map(str.lower, strings(body, "queues")):
            if name not in project.queues:
                raise Refusal(400, "DLI.0002", f"There is no queue named {name}")
            _, dedicated, pool = project.queues[name]
            if not dedicated and not unbinding:
                # Undocumented: the error code.
                raise Refusal(400, "DLI.0007", f"Queue {name} cannot be used for datasource connections")
            targets.append(("pool", pool) if pool else ("queue", name))
        return targets

    def bind(self, made, targets):
        # Undocumented: a name that is already bound. It stays unchanged.
        for target in targets:
            settles = time.monotonic() + self.binding_seconds
            made["peerings"].setdefault(target, {"id": str(uuid.uuid4()), "time": now(), "settles": settles})

    def associate(self, project, identifier, body):
        made, targets = project.living(identifier), self.targets(project, body)
        self.bind(made, targets)
        names = ",".join(name for _, name in targets)
        return 200, success(f"associated peer connection for queues: {{{names}}}.")

    def disassociate(self, project, identifier, body):
        made, targets = project.living(identifier), self.targets(project, body, unbinding=True)
        for target in targets:
            made["peerings"].pop(target, None)
        names = ",".join(name for _, name in targets)
        return 200, success(f"Disassociated peer connection for queues:{{{names}}}.")

    # Routes.

    def add_route(self, project, identifier, body):
        made, name, cidr = project.living(identifier), text(body, "name"), text(body, "cidr")
        check(ROUTE_NAME.fullmatch(name), "name is invalid")
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise wrong("cidr is invalid") from None
        held = [ipaddress.ip_network(each, strict=False) for each in made["routes"].values()]
        if name in made["routes"] or network in held:
            raise Refusal(400, "DLI.0006", f"route {name} already exists")
        made["routes"][name] = cidr
        return 200, success()

    def delete_route(self, project, identifier, name):
        made = project.living(identifier)
        if made["routes"].pop(name, None) is None:
            raise Refusal(400, "DLI.0002", f"route {name} does not exist")
        return 200, success("Deleted")

    # Sharing.

    def privileges(self, project, identifier):
        made = project.living(identifier)
        rows = [{"object": f"edsconnections.{identifier}", "applicant_project_id": each, "privileges": ["BIND_QUEUE"]}
                for each in made["shared_with"]]
        return 200, success(connection_id=identifier, privileges=rows)

    def authorize(self, project, body):
        action, applicant = text(body, "action"), text(body, "projectId")
        check(action in ("grant", "revoke", "update"), "action is invalid")
        for privilege in body.get("privileges") or []:
            kind, _, identifier = text(privilege, "object").partition(".")
            check(kind == "edsconnections", "object is invalid")
            names = strings(privilege, "privileges")
            check(set(names) <= {"BIND_QUEUE"}, "privileges is invalid")
            shared = project.living(identifier)["shared_with"]
            if applicant in shared and (action == "revoke" or not names):
                shared.remove(applicant)
            elif applicant not in shared and action != "revoke" and names:
                shared.append(applicant)
        return 200, success()

    # Tags.

    def tags(self, project, identifier, query):
        made = project.living(identifier)
        rows = [{"key": key, "value": value} for key, value in made["tags"].items()]
        return 200, {"tags": paged(rows, query), "count": len(rows)}

    def add_tags(self, project, identifier, body):
        made = project.living(identifier)
        after = made["tags"] | checked_tags(body.get("tags") or [])
        check(len(after) <= 20, "tags: at most 20")
        made["tags"] = after
        return 204, None

    def delete_tags(self, project, identifier, body):
        # Undocumented: whether the value must match. The rules of tags are the same for both calls.
        made = project.living(identifier)
        for key in checked_tags(body.get("tags") or []):
            made["tags"].pop(key, None)
        return 204, None

    # Queues and pools.

    def list_queues(self, project, query):
        kind = query.get("queue_type") or "sql"
        rows = []
        for number, (name, (its_kind, dedicated, pool)) in enumerate(project.queues.items()):
            row = {"queue_id": number, "queue_name": name, "queue_type": its_kind, "cu_count": 16,
                   "resource_mode": int(dedicated), "is_restarting": "false", "elastic_resource_pool_name": pool or None,
                   "create_time": 1553168490000, "owner": "second", "description": ""}
            if query.get("with-charge-info") == "true":
                row["charging_mode"] = 1
            if kind in ("all", its_kind):
                rows.append(row)
        # The spelling of the boolean in the documented sample.
        return 200, {"is_success": "true", "message": "", "queues": rows}

    def show_queue(self, project, name):
        if name.lower() not in project.queues:
            raise Refusal(400, "DLI.0002", f"There is no queue named {name}")
        kind, dedicated, pool = project.queues[name.lower()]
        return 200, success(queueName=name.lower(), queueType=kind, cuCount=16, chargingMode=1, owner="second",
                            resource_mode=int(dedicated), elastic_resource_pool_name=pool, create_time=1553168490000)

    def list_pools(self, project, query):
        rows = []
        for number, name in enumerate(project.pools):
            inside = [queue for queue, (_, _, pool) in project.queues.items() if pool == name]
            row = {"elastic_resource_pool_name": name, "id": number, "status": "AVAILABLE", "fail_reason": "",
                   "cidr_in_vpc": f"172.{16 + number}.0.0/18", "max_cu": 96, "min_cu": 64, "actual_cu": 64,
                   "current_cu": 64, "charging_mode": 1, "queues": inside, "owner": "second", "create_time": 1553168490000}
            if query.get("name", "") in name and query.get("status") in (None, "", "AVAILABLE"):
                rows.append(row)
        return 200, success(count=len(rows), elastic_resource_pools=paged(rows, query))

    def quotas(self, project):
        used = {"QUEUE": len(project.queues), "ELASTIC_RESOURCE_POOL": len(project.pools), "CU": 0}
        rows = [{"type": kind, "min": 0, "max": 1024, "quota": 1024, "used": each} for kind, each in used.items()]
        return 200, {"is_success": True, "quotas": {"resources": rows}}


def route_table():
    one, tagged = "/([^/]+)", "/dli_enhanced_datasource/([^/]+)/tags"
    table = [
        ("POST", "v2.0", CONNECTIONS, "create"),
        ("GET", "v2.0", CONNECTIONS, "list"),
        ("GET", "v2.0", CONNECTIONS + one, "show"),
        ("DELETE", "v2.0", CONNECTIONS + one, "delete"),
        ("PUT", "v2.0", CONNECTIONS + one, "update"),
        ("POST", "v2.0", CONNECTIONS + one + "/associate-queue", "associate"),
        ("POST", "v2.0", CONNECTIONS + one + "/disassociate-queue", "disassociate"),
        ("POST", "v3", CONNECTIONS + one + "/routes", "add_route"),
        ("POST", "v2.0", CONNECTIONS + one + "/routes", "add_route"),
        ("DELETE", "v3", CONNECTIONS + one + "/routes" + one, "delete_route"),
        ("DELETE", "v2.0", CONNECTIONS + one + "/routes" + one, "delete_route"),
        ("GET", "v2.0", CONNECTIONS + one + "/privileges", "privileges"),
        ("PUT", "v1.0", "/authorization", "authorize"),
        ("GET", "v3", tagged, "tags"),
        ("POST", "v3", tagged + "/create", "add_tags"),
        ("POST", "v3", tagged + "/delete", "delete_tags"),
        ("GET", "v1.0", "/queues", "list_queues"),
        ("GET", "v1.0", "/queues" + one, "show_queue"),
        ("GET", "v3", "/elastic-resource-pools", "list_pools"),
        ("GET", "v3", "/quotas", "quotas"),
    ]
    return [(verb, re.compile(f"/{re.escape(version)}/([^/]+){rest}"), name) for verb, version, rest, name in table]


ROUTES = route_table()
TAKE_QUERY = {"list", "tags", "list_queues", "list_pools"}


def text(body, field):
    value = body.get(field)
    check(isinstance(value, str), f"{field} is mandatory")
    return value


def strings(body, field):
    values = body.get(field) or []
    check(isinstance(values, list) and all(isinstance(each, str) for each in values), f"{field} is invalid")
    return values


def checked_hosts(hosts):
    check(isinstance(hosts, list) and len(hosts) <= 20_000, "hosts: at most 20000")
    for host in hosts:
        check(HOST_NAME.fullmatch(text(host, "name")), "hosts.name is invalid")
        try:
            ipaddress.IPv4Address(text(host, "ip"))
        except ValueError:
            raise wrong("hosts.ip is invalid") from None
    return [{"name": host["name"], "ip": host["ip"]} for host in hosts]


def checked_tags(tags):
    check(len(tags) <= 20, "tags: at most 20")
    found = {}
    for tag in tags:
        key, value = text(tag, "key"), text(tag, "value")
        sound = lambda each: all(c.isalpha() or c.isnumeric() or c in " _.:+-@" for c in each)
        check(1 <= len(key) <= 128 and sound(key) and key == key.strip() and not key.startswith("_sys_"), "tags.key is invalid")
        check(len(value) <= 255 and sound(value), "tags.value is invalid")
        check(key not in found, "tags.key occurs twice")
        found[key] = value
    return found


def success(message="", **more):
    return {"is_success": True, "message": message} | more


def paged(rows, query):
    """A limit of 0 means no limit; the default is 100."""
    try:
        limit, offset = int(query.get("limit") or 100), int(query.get("offset") or 0)
    except ValueError:
        raise wrong("limit or offset is invalid") from None
    check(limit >= 0 and offset >= 0, "limit or offset is invalid")
    return rows[offset:offset + limit] if limit else rows[offset:]


def believe(method, path, query, headers, body):
    """Compares the signature with that of Huawei's signer for the received request."""
    authorization = headers.get("authorization", "")
    given = re.fullmatch(r"SDK-HMAC-SHA256 Access=(\S+), SignedHeaders=(\S+), Signature=[0-9a-f]{64}", authorization)
    refusal = Refusal(401, "APIGW.0301", "Incorrect IAM authentication information")
    if not given or given[1] != ACCESS_KEY:
        raise refusal
    names = given[2].split(";")
    if "x-sdk-date" not in names or any(name not in headers for name in names):
        raise refusal
    date = datetime.strptime(headers["x-sdk-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if abs(datetime.now(timezone.utc) - date) > timedelta(minutes=15):
        raise refusal
    signed = sign(ACCESS_KEY, SECRET_KEY, method, path, query, [(name, headers[name]) for name in names], body)
    if dict(signed)["Authorization"] != authorization:
        raise refusal


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service = None

    def answer(self):
        url, request_id = urlsplit(self.path), uuid.uuid4().hex
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.command == "GET" and url.path == "/held":
            with self.service.lock:
                return self.write(200, {"projects": {key: held(each) for key, each in self.service.projects.items()},
                                        "requests": self.service.requests}, request_id)
        code = None
        try:
            status, written = self.operate(url, body)
        except Refusal as refusal:
            status, code = refusal.status, refusal.code
            written = {"error_code": code, "error_msg": refusal.message}
            if code.startswith("APIGW."):
                written["request_id"] = request_id
        with self.service.lock:
            self.service.requests.append({"method": self.command, "path": url.path, "status": status, "code": code})
        return self.write(status, written, request_id)

    def operate(self, url, body):
        for verb, pattern, name in ROUTES:
            match = pattern.fullmatch(url.path)
            if match and verb == self.command:
                break
        else:
            raise Refusal(404, "APIGW.0101", "The API does not exist or has not been published in the environment")
        if len(body) > MOST_BYTES:
            raise Refusal(413, "APIGW.0201", "Request entity too large")
        headers = {key.lower(): value for key, value in self.headers.items()}
        believe(self.command, url.path, url.query, headers, body)
        project, *segments = map(unquote, match.groups())
        arguments = list(segments)
        if name in TAKE_QUERY:
            arguments.append(dict(parse_qsl(url.query.replace("+", "%2B"))))
        if self.command in ("POST", "PUT"):
            arguments.append(read_json(body))
        with self.service.lock:
            held_by = self.service.projects.setdefault(project, Project())
            return getattr(self.service, name)(held_by, *arguments)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def write(self, status, body, request_id):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-Request-Id", request_id)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def read_json(body):
    try:
        read = json.loads(body)
    except ValueError:
        raise wrong("the body is no JSON") from None
    check(isinstance(read, dict), "the body is no object")
    return read


def held(project):
    """The existing connections as JSON."""
    living = [each for each in project.connections.values() if each["status"] != "DELETED"]
    return [each | {"peerings": sorted(name for _, name in each["peerings"])} for each in living]


def main():
    Handler.service = Service(float(sys.argv[1]))
    # A small response is written in two parts; the second must not wait for the acknowledgement of the first.
    Handler.wbufsize = -1
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


main()
