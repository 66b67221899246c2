"""Calls every operation of the service with Huawei's SDK, as a customer's program does.

Reads one JSON document from standard input and writes one to standard output:

    {"access_key": .., "secret_key": .., "project_id": .., "region": .., "pooled_queue": .., ..}
    rows, see table.py

The SDK reads the endpoint from its variable `HUAWEICLOUD_SDK_REGION_DLI_<REGION>`. The SDK is unmodified; the script
checks the values of its models and exceptions. Later steps use the results of earlier ones; a failed step does not end
the run.
"""

import json
import sys
import warnings

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkdli.v1 import DliClient
from huaweicloudsdkdli.v1 import model as m
from huaweicloudsdkdli.v1.region.dli_region import DliRegion

from table import ROWS, Mismatch, refused, row, same

# The SDK warns about the route calls of v2.0, which are also tested.
warnings.simplefilter("ignore", DeprecationWarning)

TAG_TYPE = "dli_enhanced_datasource"
VPC = "22094d8f-c310-4621-913d-4c4d655d8495"
NETWORK = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
ROUTE_TABLE = "5c7e1b9e-5b67-4d0a-8a3e-6d3f1a2b4c5d"
NOWHERE = "2a620c33-5609-40c9-affd-2b6453071b0f"
STRANGER = "fedcba9876543210fedcba9876543210"

GIVEN = json.load(sys.stdin)


def client(secret_key=GIVEN["secret_key"]):
    credentials = BasicCredentials(GIVEN["access_key"], secret_key, GIVEN["project_id"])
    return DliClient.new_builder().with_credentials(credentials).with_region(DliRegion.value_of(GIVEN["region"])).build()


CLIENT = client()


def succeeded(status, answer):
    """Requires success in the status and in the body."""
    same("status", answer.status_code, status)
    same("is_success", answer.is_success, True)
    return answer


# Parts of a connection in comparable form, because their order is not documented.


def host(name, ip):
    return m.EnhancedConnectionHost(name=name, ip=ip)


def hosts(shown):
    return sorted((each.name, each.ip) for each in shown.hosts)


def bound(shown):
    """Names with states. Each peering must have an ID and a time, and no error."""
    rows = list(shown.available_queue_info) + list(shown.elastic_resource_pools)
    for each in rows:
        if not each.peer_id or each.err_msg or each.update_time < shown.create_time:
            raise Mismatch(f"no sound peering: {each!r}")
    names = lambda peerings: sorted((each.name, each.status) for each in peerings)
    return names(shown.available_queue_info), names(shown.elastic_resource_pools)


def show(identifier):
    return CLIENT.show_enhanced_connection(m.ShowEnhancedConnectionRequest(connection_id=identifier))


def listed(**filters):
    return succeeded(200, CLIENT.list_enhanced_connections(m.ListEnhancedConnectionsRequest(**filters)))


def raw_routes(identifier):
    """The service returns routes, but the SDK's model has no field for them, so they are read from the raw body."""
    return sorted((each["name"], each["cidr"]) for each in json.loads(show(identifier).raw_content)["routes"])


def new(name, **more):
    body = m.CreateEnhancedConnectionRequestBody(name=name, dest_vpc_id=VPC, dest_network_id=NETWORK, **more)
    return CLIENT.create_enhanced_connection(m.CreateEnhancedConnectionRequest(body=body))


def delete(identifier):
    return CLIENT.delete_enhanced_connection(m.DeleteEnhancedConnectionRequest(connection_id=identifier))


# Steps.


def creation():
    def everything():
        tags = [m.Tag("team", "data"), m.Tag("stage", "")]
        return succeeded(201, new(
            "sdk_all", queues=["q1"], elastic_resource_pools=["pool1"], routetable_id=ROUTE_TABLE, tags=tags,
            hosts=[host("ecs-97f8-0001", "192.168.0.1"), host("ecs-97f8-0002", "192.168.0.2")],
        )).connection_id

    def least():
        return succeeded(201, new("sdk_least")).connection_id

    first = row("CreateEnhancedConnection", "with all there is", everything)
    second = row("CreateEnhancedConnection", "with what is required", least)
    refused("CreateEnhancedConnection", "a name against the rules", 400, "DLI.0001", "name", lambda: new("no-hyphen"))
    refused("CreateEnhancedConnection", "21 tags", 400, "DLI.0001", "tags",
            lambda: new("sdk_tags", tags=[m.Tag(f"k{n}", "v") for n in range(21)]))
    refused("CreateEnhancedConnection", "an address that is none", 400, "DLI.0001", "ip",
            lambda: new("sdk_hosts", hosts=[host("a", "192.168.0.256")]))
    refused("CreateEnhancedConnection", "a queue that is not there", 400, "DLI.0002", "There is no queue named missing",
            lambda: new("sdk_queue", queues=["missing"]))
    refused("CreateEnhancedConnection", "a wrong secret key", 401, "APIGW.0301", "",
            lambda: client("wrong").create_enhanced_connection(m.CreateEnhancedConnectionRequest(
                body=m.CreateEnhancedConnectionRequestBody(name="x", dest_vpc_id=VPC, dest_network_id=NETWORK))))
    return first, second


def reading(first, second):
    def whole():
        shown = succeeded(200, show(first))
        same("id", shown.id, first)
        same("name", shown.name, "sdk_all")
        same("status", shown.status, "ACTIVE")
        same("vpc and network", (shown.dest_vpc_id, shown.dest_network_id), (VPC, NETWORK))
        same("hosts", hosts(shown), [("ecs-97f8-0001", "192.168.0.1"), ("ecs-97f8-0002", "192.168.0.2")])
        same("bindings", bound(shown), ([("q1", "ACTIVE")], [("pool1", "ACTIVE")]))
        same("ipv6_enable", shown.ipv6_enable, False)
        same("digits of create_time", len(str(shown.create_time)), 13)

    def bare():
        shown = succeeded(200, show(second))
        same("hosts and bindings", (hosts(shown), bound(shown)), ([], ([], [])))

    def names(**filters):
        page = listed(**filters)
        same("count", page.count >= len(page.connections), True)
        return [each.name for each in page.connections]

    def filters():
        same("in the order of creation", names(), ["sdk_all", "sdk_least"])
        same("name", names(name="sdk_least"), ["sdk_least"])
        same("part of a name", names(name="sdk"), [])
        same("status in lower case", names(status="active"), ["sdk_all", "sdk_least"])
        same("status", names(status="DELETED"), [])
        same("tag", names(tags="team=data"), ["sdk_all"])
        same("tags", names(tags="team=data,stage="), ["sdk_all"])
        same("another's tag", names(tags="team=other"), [])
        same("first page", names(limit=1, offset=0), ["sdk_all"])
        same("second page", names(limit=1, offset=1), ["sdk_least"])
        same("no limit", names(limit=0), ["sdk_all", "sdk_least"])

    def fields():
        each = listed(name="sdk_all").connections[0]
        same("id", each.id, first)
        same("hosts", hosts(each), [("ecs-97f8-0001", "192.168.0.1"), ("ecs-97f8-0002", "192.168.0.2")])
        same("bindings", bound(each), ([("q1", "ACTIVE")], [("pool1", "ACTIVE")]))
        same("is_privis: true is shared with nobody", each.is_privis, True)

    row("ShowEnhancedConnection", "every field", whole)
    row("ShowEnhancedConnection", "one of nothing", bare)
    refused("ShowEnhancedConnection", "one that never was", 400, "DLI.0001", NOWHERE, lambda: show(NOWHERE))
    row("ListEnhancedConnections", "filters and pages", filters)
    row("ListEnhancedConnections", "every field", fields)


def host_records(second):
    def update(identifier, records):
        body = m.UpdateEnhancedConnectionRequestBody(hosts=records)
        return CLIENT.update_enhanced_connection(m.UpdateEnhancedConnectionRequest(identifier, body))

    def replaced():
        for records in [[("b.c", "10.0.0.2"), ("a", "10.0.0.1")], [("a", "10.0.0.3")], []]:
            succeeded(200, update(second, [host(*each) for each in records]))
            same("hosts", hosts(show(second)), sorted(records))

    def many():
        records = [(f"host-{n:05}", f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(20_000)]
        succeeded(200, update(second, [host(*each) for each in records]))
        same("hosts", hosts(show(second)) == records, True)

    row("UpdateEnhancedConnection", "replaces all", replaced)
    row("UpdateEnhancedConnection", "20,000 records", many)
    refused("UpdateEnhancedConnection", "20,001 records", 400, "DLI.0001", "20000",
            lambda: update(second, [host("a", "10.0.0.1")] * 20_001))
    refused("UpdateEnhancedConnection", "one that never was", 400, "DLI.0001", NOWHERE, lambda: update(NOWHERE, []))


def bindings(second):
    names = m.AssociateQueueToEnhancedConnectionRequestBody
    no_names = m.DisassociateQueueFromEnhancedConnectionRequestBody

    def bind(identifier, **what):
        return CLIENT.associate_queue_to_enhanced_connection(
            m.AssociateQueueToEnhancedConnectionRequest(identifier, names(**what)))

    def unbind(identifier, **what):
        return CLIENT.disassociate_queue_from_enhanced_connection(
            m.DisassociateQueueFromEnhancedConnectionRequest(identifier, no_names(**what)))

    def both():
        succeeded(200, bind(second, queues=["q2"], elastic_resource_pools=["pool2"]))
        same("bindings", bound(show(second)), ([("q2", "ACTIVE")], [("pool2", "ACTIVE")]))

    def through_a_queue():
        succeeded(200, bind(second, queues=[GIVEN["pooled_queue"]]))
        pools = [("pool2", "ACTIVE"), (GIVEN["pool_of_queue"], "ACTIVE")]
        same("bindings", bound(show(second)), ([("q2", "ACTIVE")], sorted(pools)))

    def undone():
        succeeded(200, unbind(second, queues=["q2"]))
        same("bindings", bound(show(second))[0], [])
        succeeded(200, unbind(second, elastic_resource_pools=["pool2", GIVEN["pool_of_queue"]]))
        same("bindings", bound(show(second)), ([], []))

    associate, disassociate = "AssociateQueueToEnhancedConnection", "DisassociateQueueFromEnhancedConnection"
    row(associate, "a queue and a pool", both)
    row(associate, "a queue of a pool binds the pool", through_a_queue)
    row(disassociate, "queues, then pools", undone)
    refused(associate, "the queue default", 400, "DLI.0007", "default", lambda: bind(second, queues=["default"]))
    refused(associate, "one that never was", 400, "DLI.0001", NOWHERE, lambda: bind(NOWHERE, queues=["q2"]))
    refused(disassociate, "one that never was", 400, "DLI.0001", NOWHERE, lambda: unbind(NOWHERE, queues=["q2"]))


def routes(second):
    def add(name, cidr):
        return CLIENT.create_route_to_enhanced_connection(m.CreateRouteToEnhancedConnectionRequest(
            second, m.CreateRouteToEnhancedConnectionRequestBody(name=name, cidr=cidr)))

    def remove(name):
        return CLIENT.delete_route_from_enhanced_connection(m.DeleteRouteFromEnhancedConnectionRequest(second, name))

    def add_deprecated(name, cidr):
        return CLIENT.create_enhanced_connection_routes(m.CreateEnhancedConnectionRoutesRequest(
            second, m.CreateEnhancedConnectionRoutesRequestBody(name=name, cidr=cidr)))

    def remove_deprecated(name):
        return CLIENT.delete_enhanced_connection_routes(m.DeleteEnhancedConnectionRoutesRequest(second, name))

    def added(call, name, cidr, after):
        succeeded(200, call(name, cidr))
        same("routes", raw_routes(second), after)

    def removed(call, name, after):
        succeeded(200, call(name))
        same("routes", raw_routes(second), after)

    newer, older = ("r-1", "192.168.2.0/24"), ("r_2", "127.0.0.0")
    row("CreateRouteToEnhancedConnection", "v3", lambda: added(add, *newer, [newer]))
    row("CreateEnhancedConnectionRoutes", "v2.0", lambda: added(add_deprecated, *older, [newer, older]))
    refused("CreateRouteToEnhancedConnection", "a name that is taken", 400, "DLI.0006", "r-1",
            lambda: add("r-1", "10.0.0.0/8"))
    row("DeleteRouteFromEnhancedConnection", "v3", lambda: removed(remove, "r-1", [older]))
    row("DeleteEnhancedConnectionRoutes", "v2.0", lambda: removed(remove_deprecated, "r_2", []))
    refused("DeleteRouteFromEnhancedConnection", "one that is not there", 400, "DLI.0002", "r-1", lambda: remove("r-1"))


def privileges(second):
    def authorize(action):
        privilege = m.Privilege(object=f"edsconnections.{second}", privileges=["BIND_QUEUE"])
        body = m.RunAuthorizationActionRequestBody(project_id=STRANGER, action=action, privileges=[privilege])
        return CLIENT.run_authorization_action(m.RunAuthorizationActionRequest(body=body))

    def privileges_of(identifier):
        return CLIENT.show_enhanced_connection_privilege(m.ShowEnhancedConnectionPrivilegeRequest(identifier))

    def shared(with_whom):
        shown = succeeded(200, privileges_of(second))
        same("connection_id", shown.connection_id, second)
        found = [(each.object, each.applicant_project_id, each.privileges) for each in shown.privileges]
        same("privileges", found, [(f"edsconnections.{second}", each, ["BIND_QUEUE"]) for each in with_whom])
        same("is_privis", listed(name="sdk_least").connections[0].is_privis, not with_whom)

    def done(action, after):
        succeeded(200, authorize(action))
        shared(after)

    row("ShowEnhancedConnectionPrivilege", "shared with nobody", lambda: shared([]))
    row("RunAuthorizationAction", "grant", lambda: done("grant", [STRANGER]))
    row("ShowEnhancedConnectionPrivilege", "shared with a project", lambda: shared([STRANGER]))
    row("RunAuthorizationAction", "revoke", lambda: done("revoke", []))
    refused("ShowEnhancedConnectionPrivilege", "one that never was", 400, "DLI.0001", f"Connection {NOWHERE} does not exist",
            lambda: privileges_of(NOWHERE))


def tags(first):
    def tags_of(**page):
        shown = CLIENT.show_resource_tags(m.ShowResourceTagsRequest(TAG_TYPE, first, **page))
        same("status", shown.status_code, 200)
        return {each.key: each.value for each in shown.tags}, shown.count

    def add(*pairs):
        return CLIENT.batch_create_resource_tags(m.BatchCreateResourceTagsRequest(
            TAG_TYPE, first, m.BatchCreateResourceTagsRequestBody([m.Tag(*pair) for pair in pairs])))

    def remove(*pairs):
        return CLIENT.batch_delete_resource_tags(m.BatchDeleteResourceTagsRequest(
            TAG_TYPE, first, m.BatchDeleteResourceTagsRequestBody([m.Tag(*pair) for pair in pairs])))

    def created_with():
        same("tags", tags_of(), ({"team": "data", "stage": ""}, 2))
        pages = [tags_of(limit=1, offset=offset)[0] for offset in (0, 1)]
        same("pages", pages[0] | pages[1], {"team": "data", "stage": ""})

    def added():
        same("status", add(("größe", "a b_.:+-@"), ("team", "other")).status_code, 204)
        same("tags", tags_of(), ({"team": "other", "stage": "", "größe": "a b_.:+-@"}, 3))

    def removed():
        same("status", remove(("größe", "a b_.:+-@"), ("stage", "")).status_code, 204)
        same("tags", tags_of(), ({"team": "other"}, 1))

    def found(**filters):
        body = m.ListResourcesByTagsRequestBody(**filters)
        page = CLIENT.list_resources_by_tags(m.ListResourcesByTagsRequest(TAG_TYPE, body=body))
        same("status", page.status_code, 200)
        same("count", page.total_count, len(page.resources))
        return {each.resource_id: {tag["key"]: tag["value"] for tag in each.tags} for each in page.resources}

    def listed_by_tags():
        same("all", found()[first], {"team": "data", "stage": ""})
        same("one value", found(tags=[m.TagWithValues("team", ["data", "x"])]), {first: {"team": "data", "stage": ""}})
        same("any value", list(found(tags=[m.TagWithValues("stage", [])])), [first])
        same("another value", found(tags=[m.TagWithValues("team", ["x"])]), {})
        same("without tags", first in found(without_any_tag=True), False)

    row("ShowResourceTags", "those of the creation", created_with)
    row("ListResourcesByTags", "all, and filtered", listed_by_tags)
    row("BatchCreateResourceTags", "a new one, and one anew", added)
    row("BatchDeleteResourceTags", "two of three", removed)
    refused("BatchCreateResourceTags", "a key against the rules", 400, "DLI.0001", "_sys_", lambda: add(("_sys_a", "b")))


def surroundings():
    def queues():
        every = succeeded(200, CLIENT.list_queues(m.ListQueuesRequest(queue_type="all", with_charge_info=True))).queues
        names = {each.queue_name for each in every}
        same("queues are there", {"default", "q1", "q2", GIVEN["pooled_queue"]} <= names, True)
        kinds = {each.queue_type for each in every}
        same("kinds", kinds, {"sql", "general"})
        found = next(each for each in every if each.queue_name == "q1")
        same("modes", (found.resource_mode, found.charging_mode), (1, 1))
        same("numbers", (type(found.cu_count), type(found.create_time)), (int, int))
        default = succeeded(200, CLIENT.list_queues(m.ListQueuesRequest())).queues
        same("kinds without a type", {each.queue_type for each in default}, {"sql"})

    def queue():
        shown = succeeded(200, CLIENT.show_queue(m.ShowQueueRequest(queue_name=GIVEN["pooled_queue"].upper())))
        same("queue", (shown.queue_name, shown.elastic_resource_pool_name), (GIVEN["pooled_queue"], GIVEN["pool_of_queue"]))
        same("modes", (shown.queue_type, shown.resource_mode, shown.charging_mode), ("general", 1, 1))
        same("number", type(shown.cu_count), int)

    def pools():
        page = succeeded(200, CLIENT.list_elastic_resource_pools(m.ListElasticResourcePoolsRequest()))
        found = {each.elastic_resource_pool_name: each for each in page.elastic_resource_pools}
        same("count", page.count, len(found))
        pool = found[GIVEN["pool_of_queue"]]
        same("status", pool.status, "AVAILABLE")
        same("its queues", GIVEN["pooled_queue"] in pool.queues, True)
        part = m.ListElasticResourcePoolsRequest(name=GIVEN["pool_of_queue"][1:], limit=1)
        same("part of a name", len(CLIENT.list_elastic_resource_pools(part).elastic_resource_pools), 1)

    def queues_of(pool, **page):
        request = m.ListElasticResourcePoolQueuesRequest(elastic_resource_pool_name=pool, **page)
        return succeeded(200, CLIENT.list_elastic_resource_pool_queues(request))

    def queues_of_a_pool():
        every = queues_of(GIVEN["pool_of_queue"])
        same("count", every.count, len(every.queues))
        found = next(each for each in every.queues if each.queue_name == GIVEN["pooled_queue"])
        same("queue", (found.queue_type, bool(found.owner), type(found.create_time)), ("general", True, int))
        names = [each.queue_name for each in every.queues]
        same("pages", [queues_of(GIVEN["pool_of_queue"], limit=1, offset=at).queues[0].queue_name for at in (0, 1)], names[:2])
        one = queues_of(GIVEN["pool_of_queue"], queue_name=GIVEN["pooled_queue"])
        same("by name", [each.queue_name for each in one.queues], [GIVEN["pooled_queue"]])
        same("none", queues_of("pool2").queues, [])

    def quotas():
        answer = CLIENT.show_quota(m.ShowQuotaRequest())
        same("status", (answer.status_code, answer.is_success), (200, True))
        found = {each.type: each for each in answer.quotas.resources}
        same("types", {"CU", "QUEUE", "ELASTIC_RESOURCE_POOL"} <= set(found), True)
        same("within", all(0 <= each.used <= each.quota for each in found.values()), True)

    row("ListQueues", "of all kinds, and of the default one", queues)
    row("ShowQueue", "in other letters", queue)
    refused("ShowQueue", "one that is not there", 400, "DLI.0002", "There is no queue named missing",
            lambda: CLIENT.show_queue(m.ShowQueueRequest(queue_name="missing")))
    row("ListElasticResourcePools", "all, and by part of a name", pools)
    row("ListElasticResourcePoolQueues", "all, pages, and by name", queues_of_a_pool)
    refused("ListElasticResourcePoolQueues", "of one that is not there", 400, "DLI.0002", "missing",
            lambda: queues_of("missing"))
    row("ShowQuota", "of the project", quotas)


def connectivity():
    def task(queue, address):
        return CLIENT.create_connectivity_task(
            m.CreateConnectivityTaskRequest(queue, m.CreateConnectivityTaskRequestBody(address=address)))

    def outcome(identifier):
        return CLIENT.show_connectivity_task(m.ShowConnectivityTaskRequest("q1", str(identifier)))

    made = row("CreateConnectivityTask", "from a queue that is bound",
               lambda: succeeded(200, task("q1", "192.168.0.1:3306")).task_id)
    row("ShowConnectivityTask", "reaches",
        lambda: same("connectivity", succeeded(200, outcome(made)).connectivity, "REACHABLE"))
    refused("CreateConnectivityTask", "an address without a port", 400, "DLI.0001", "address",
            lambda: task("q1", "192.168.0.1"))


def queue_lifecycle():
    def create():
        body = m.CreateQueueRequestBody(queue_name="SDK_queue", cu_count=16, resource_mode=1, engine="spark")
        same("name", succeeded(200, CLIENT.create_queue(m.CreateQueueRequest(body=body))).queue_name, "sdk_queue")
        found = listed_queue("sdk_queue")
        same("queue", (found.cu_count, found.platform, found.enterprise_project_id), (16, "x86_64", "0"))

    def listed_queue(name):
        listed = CLIENT.list_queues(m.ListQueuesRequest(queue_type="all")).queues
        return next((each for each in listed if each.queue_name == name), None)

    def act(action, count, after):
        body = m.RunQueueActionRequestBody(action=action, cu_count=count)
        succeeded(200, CLIENT.run_queue_action(m.RunQueueActionRequest("sdk_queue", body)))
        same("CUs", listed_queue("sdk_queue").cu_count, after)

    def change_network():
        body = m.UpdateQueueCidrRequestBody(cidr_in_vpc="10.90.0.0/24")
        succeeded(200, CLIENT.update_queue_cidr(m.UpdateQueueCidrRequest("sdk_queue", body)))
        same("network", listed_queue("sdk_queue").cidr_in_vpc, "10.90.0.0/24")

    def properties():
        listed = succeeded(200, CLIENT.list_queue_properties(m.ListQueuePropertiesRequest("sdk_queue")))
        return {each.key: each.value for each in listed.properties}

    def create_property():
        body = m.CreateQueuePropertyRequestBody(m.CommonQueueProperty(compute_engine_max_instance=3))
        succeeded(200, CLIENT.create_queue_property(m.CreateQueuePropertyRequest("sdk_queue", body)))
        same("properties", properties(), {"computeEngine.maxInstance": "3"})

    def update_property():
        body = m.UpdateQueuePropertyRequestBody(m.AdvancedQueueProperty(job_max_concurrent=9))
        succeeded(200, CLIENT.update_queue_property(m.UpdateQueuePropertyRequest("sdk_queue", body)))

    def delete_property():
        body = m.DeleteQueuePropertyRequestBody(keys=["computeEngine.maxInstance"])
        succeeded(200, CLIENT.delete_queue_property(m.DeleteQueuePropertyRequest("sdk_queue", body)))
        same("properties", properties(), {"job.maxConcurrent": "9"})

    def listed_pool(name):
        listed = CLIENT.list_elastic_resource_pools(m.ListElasticResourcePoolsRequest(name=name))
        return next(iter(listed.elastic_resource_pools), None)

    def create_pool():
        body = m.CreateElasticResourcePoolRequestBody(
            elastic_resource_pool_name="sdk_pool", min_cu=64, max_cu=96, cidr_in_vpc="10.91.0.0/16")
        succeeded(200, CLIENT.create_elastic_resource_pool(m.CreateElasticResourcePoolRequest(body=body)))
        found = listed_pool("sdk_pool")
        same("pool", (found.status, found.current_cu, found.prepay_cu, found.label), ("AVAILABLE", 64, 0, {}))

    def update_pool():
        body = m.UpdateElasticResourcePoolRequestBody(description="changed", max_cu=128)
        succeeded(200, CLIENT.update_elastic_resource_pool(m.UpdateElasticResourcePoolRequest("sdk_pool", body)))
        same("pool", (listed_pool("sdk_pool").description, listed_pool("sdk_pool").max_cu), ("changed", 128))

    def policies():
        listed = CLIENT.list_elastic_resource_pool_queues(m.ListElasticResourcePoolQueuesRequest("sdk_pool"))
        return [(each.impact_start_time, each.min_cu, each.max_cu) for each in listed.queues[0].queue_scaling_policies]

    def add_to_pool():
        body = m.AssociateQueueToElasticResourcePoolRequestBody("sdk_queue")
        succeeded(200, CLIENT.associate_queue_to_elastic_resource_pool(
            m.AssociateQueueToElasticResourcePoolRequest("sdk_pool", body)))
        same("policies", policies(), [("00:00", 32, 32)])

    def update_policies():
        policy = m.QueueScalingPolicy(
            priority=1, impact_start_time="00:00", impact_stop_time="24:00", min_cu=16, max_cu=64)
        body = m.UpdateElasticResourcePoolQueueRequestBody([policy])
        succeeded(200, CLIENT.update_elastic_resource_pool_queue(
            m.UpdateElasticResourcePoolQueueRequest("sdk_pool", "sdk_queue", body)))
        same("policies", policies(), [("00:00", 16, 64)])

    def delete_pool():
        return CLIENT.delete_elastic_resource_pool(m.DeleteElasticResourcePoolRequest("sdk_pool"))

    def delete_queue():
        succeeded(200, CLIENT.delete_queue(m.DeleteQueueRequest("sdk_queue")))
        same("queue", listed_queue("sdk_queue"), None)

    row("CreateQueue", "with an upper-case name", create)
    row("RunQueueAction", "scale out", lambda: act("scale_out", 16, 32))
    row("UpdateQueueCidr", "not bound", change_network)
    row("CreateQueueProperty", "a number", create_property)
    row("UpdateQueueProperty", "another number", update_property)
    row("ListQueueProperties", "two", lambda: same("keys", len(properties()), 2))
    row("DeleteQueueProperty", "one of two", delete_property)
    row("CreateElasticResourcePool", "paid per use", create_pool)
    row("UpdateElasticResourcePool", "size and description", update_pool)
    row("AssociateQueueToElasticResourcePool", "a dedicated queue", add_to_pool)
    row("UpdateElasticResourcePoolQueue", "the default policy", update_policies)
    refused("DeleteElasticResourcePool", "with a queue", 400, "DLI.0007", "sdk_queue", delete_pool)
    row("DeleteQueue", "in a pool", delete_queue)
    row("DeleteElasticResourcePool", "empty", lambda: succeeded(200, delete_pool()))
    refused("DeleteQueue", "one that never was", 400, "DLI.0002", "sdk_queue",
            lambda: CLIENT.delete_queue(m.DeleteQueueRequest("sdk_queue")))


def deletion(first, second):
    def gone(identifier):
        succeeded(200, delete(identifier))
        same("status", show(identifier).status, "DELETED")

    row("DeleteEnhancedConnection", "one that is bound", lambda: gone(first))
    row("DeleteEnhancedConnection", "the other one", lambda: gone(second))
    row("ListEnhancedConnections", "nothing is left", lambda: same("names", listed(status="ACTIVE").connections, []))
    row("ListEnhancedConnections", "what was deleted", lambda: same(
        "ids", [each.id for each in listed(status="DELETED").connections], [first, second]))
    refused("DeleteEnhancedConnection", "one that never was", 400, "DLI.0001", NOWHERE, lambda: delete(NOWHERE))


def main():
    first, second = creation()
    reading(first, second)
    host_records(second)
    bindings(second)
    routes(second)
    privileges(second)
    tags(first)
    surroundings()
    connectivity()
    queue_lifecycle()
    deletion(first, second)
    json.dump(ROWS, sys.stdout)


main()
