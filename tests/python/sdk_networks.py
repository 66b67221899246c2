"""Calls every served operation of VPC, DNS and EPS with Huawei's SDKs.

Reads one JSON document from standard input and writes the rows of table.py to standard output:

    {"access_key": .., "secret_key": .., "project_id": .., "domain_id": .., "endpoint": ..}
"""

import json
import sys
from ipaddress import ip_address, ip_network

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkdli.v1 import DliClient
from huaweicloudsdkdli.v1 import model as dli
from huaweicloudsdkdns.v2 import DnsClient, ListNameServersRequest
from huaweicloudsdkeps.v1 import EpsClient
from huaweicloudsdkeps.v1 import model as eps
from huaweicloudsdkvpc.v2 import VpcClient
from huaweicloudsdkvpc.v2 import model as m
from huaweicloudsdkvpc.v3 import VpcClient as VpcClientV3
from huaweicloudsdkvpc.v3 import model as m3

from table import ROWS, refused, row, same

NOWHERE = "2a620c33-5609-40c9-affd-2b6453071b0f"
ENTERPRISE_PROJECT = "e0000000-0000-4000-8000-000000000001"

GIVEN = json.load(sys.stdin)


def client(kind, credentials=BasicCredentials(GIVEN["access_key"], GIVEN["secret_key"], GIVEN["project_id"])):
    return kind.new_builder().with_credentials(credentials).with_endpoint(GIVEN["endpoint"]).build()


VPC, VPC3, DNS, DLI = client(VpcClient), client(VpcClientV3), client(DnsClient), client(DliClient)
EPS = client(EpsClient, GlobalCredentials(GIVEN["access_key"], GIVEN["secret_key"], GIVEN["domain_id"]))


def pairs(tags):
    return {each.key: each.value for each in tags}


def vpcs():
    """Creates a VPC and returns its ID."""

    def create():
        option = m.CreateVpcOption(name="sdk-vpc", cidr="10.0.0.0/16", description="of the SDK", tags=["made*by-sdk"])
        made = VPC.create_vpc(m.CreateVpcRequest(m.CreateVpcRequestBody(option))).vpc
        same("VPC", (made.name, made.cidr, made.description, made.status, made.enterprise_project_id, made.routes),
             ("sdk-vpc", "10.0.0.0/16", "of the SDK", "OK", "0", []))
        same("tenant", made.tenant_id, GIVEN["project_id"])
        return made.id

    def show(identifier):
        return VPC.show_vpc(m.ShowVpcRequest(identifier)).vpc

    def update():
        option = m.UpdateVpcOption(name="sdk-renamed", description="")
        VPC.update_vpc(m.UpdateVpcRequest(vpc, m.UpdateVpcRequestBody(option)))
        found = show(vpc)
        same("VPC", (found.name, found.description, found.cidr), ("sdk-renamed", "", "10.0.0.0/16"))

    def show_v3():
        found = VPC3.show_vpc(m3.ShowVpcRequest(vpc)).vpc
        same("VPC", (found.name, found.status, found.extend_cidrs, pairs(found.tags)),
             ("sdk-renamed", "ACTIVE", [], {"made": "by-sdk"}))

    vpc = row("CreateVpc", "with a description and a tag", create)
    refused("CreateVpc", "a description with an angle bracket", 400, "VPC.0101", "description",
            lambda: VPC.create_vpc(m.CreateVpcRequest(m.CreateVpcRequestBody(
                m.CreateVpcOption(name="a", cidr="10.0.0.0/16", description="<b>")))))
    row("UpdateVpc", "name and description", update)
    row("ShowVpc", "by ID", lambda: same("ID", show(vpc).id, vpc))
    row("ListVpcs", "by ID", lambda: same("IDs", [each.id for each in VPC.list_vpcs(m.ListVpcsRequest(id=vpc)).vpcs],
                                          [vpc]))
    row("ShowVpcV3", "by ID", show_v3)
    row("ListVpcsV3", "by ID", lambda: same("IDs", [each.id for each in VPC3.list_vpcs(
        m3.ListVpcsRequest(id=[vpc])).vpcs], [vpc]))
    refused("ShowVpc", "one that never was", 404, "VPC.0003", NOWHERE, lambda: show(NOWHERE))
    return vpc


def subnets(vpc):
    """Creates a subnet and returns its ID."""

    def create():
        option = m.CreateSubnetOption(
            name="sdk-subnet", cidr="10.0.1.0/24", gateway_ip="10.0.1.1", vpc_id=vpc, primary_dns="100.125.0.81",
            secondary_dns="100.125.0.82", extra_dhcp_opts=[m.ExtraDhcpOption("addresstime", "5h")])
        made = VPC.create_subnet(m.CreateSubnetRequest(m.CreateSubnetRequestBody(option))).subnet
        same("subnet", (made.name, made.dhcp_enable, made.dns_list, made.ipv6_enable),
             ("sdk-subnet", True, ["100.125.0.81", "100.125.0.82"], False))
        same("options", [(each.opt_name, each.opt_value) for each in made.extra_dhcp_opts], [("addresstime", "5h")])
        return made.id

    def show(identifier):
        return VPC.show_subnet(m.ShowSubnetRequest(identifier)).subnet

    def update():
        option = m.UpdateSubnetOption(name="sdk-renamed", dhcp_enable=False, ipv6_enable=True, dns_list=["10.0.1.9"])
        VPC.update_subnet(m.UpdateSubnetRequest(vpc, subnet, m.UpdateSubnetRequestBody(option)))
        found = show(subnet)
        same("subnet", (found.name, found.dhcp_enable, found.primary_dns, found.secondary_dns, found.ipv6_enable),
             ("sdk-renamed", False, "10.0.1.9", "", True))
        same("gateway", ip_address(found.gateway_ip_v6) in ip_network(found.cidr_v6), True)

    def tables():
        listed = VPC.list_route_tables(m.ListRouteTablesRequest(subnet_id=subnet)).routetables
        same("tables", [(each.vpc_id, each.default) for each in listed], [(vpc, True)])
        return listed[0].id

    subnet = row("CreateSubnet", "with DNS servers and an option", create)
    refused("CreateSubnet", "outside of the VPC", 400, "VPC.0203", "range",
            lambda: VPC.create_subnet(m.CreateSubnetRequest(m.CreateSubnetRequestBody(m.CreateSubnetOption(
                name="a", cidr="10.1.0.0/24", gateway_ip="10.1.0.1", vpc_id=vpc)))))
    row("UpdateSubnet", "name, DHCP, IPv6 and DNS", update)
    row("ShowSubnet", "by ID", lambda: same("ID", show(subnet).id, subnet))
    row("ListSubnets", "of the VPC", lambda: same("IDs", [each.id for each in VPC.list_subnets(
        m.ListSubnetsRequest(vpc_id=vpc)).subnets], [subnet]))
    table = row("ListRouteTables", "of the subnet", tables)
    row("ShowRouteTable", "the default one", lambda: same("subnets", [each.id for each in VPC.show_route_table(
        m.ShowRouteTableRequest(table)).routetable.subnets], [subnet]))
    return subnet


def vpc_tags(vpc):
    def show():
        return pairs(VPC.show_vpc_tags(m.ShowVpcTagsRequest(vpc)).tags)

    def create():
        body = m.CreateVpcResourceTagRequestBody(m.ResourceTag("team", "a"))
        VPC.create_vpc_resource_tag(m.CreateVpcResourceTagRequest(vpc, body))
        same("tags", show(), {"made": "by-sdk", "team": "a"})

    def create_several(*tags):
        body = m.BatchCreateVpcTagsRequestBody("create", [m.ResourceTag(*tag) for tag in tags])
        VPC.batch_create_vpc_tags(m.BatchCreateVpcTagsRequest(vpc, body))

    def replace():
        create_several(("team", "b"), ("stage", ""))
        same("tags", show(), {"made": "by-sdk", "team": "b", "stage": ""})

    def delete_several():
        body = m.BatchDeleteVpcTagsRequestBody("delete", [m.ResourceTag("stage", "x"), m.ResourceTag("absent", "")])
        VPC.batch_delete_vpc_tags(m.BatchDeleteVpcTagsRequest(vpc, body))
        same("tags", show(), {"made": "by-sdk", "team": "b"})

    def delete(key):
        VPC.delete_vpc_tag(m.DeleteVpcTagRequest(vpc, key))

    row("CreateVpcResourceTag", "a new key", create)
    row("BatchCreateVpcTags", "a new key and a present one", replace)
    refused("BatchCreateVpcTags", "a key twice", 400, "VPC.1801", "twice", lambda: create_several(("a", ""), ("a", "")))
    refused("BatchCreateVpcTags", "19 more tags", 400, "VPC.1801", "at most 20",
            lambda: create_several(*[(f"k{number}", "") for number in range(19)]))
    row("BatchDeleteVpcTags", "one that is there and one not", delete_several)
    row("DeleteVpcTag", "one that is there", lambda: delete("made"))
    refused("DeleteVpcTag", "one that is not", 404, "VPC.1801", "made", lambda: delete("made"))
    row("ShowVpcTags", "what is left", lambda: same("tags", show(), {"team": "b"}))
    row("ListVpcTags", "of all VPCs", lambda: same("tags", [(each.key, each.values) for each in VPC.list_vpc_tags(
        m.ListVpcTagsRequest()).tags], [("team", ["b"])]))
    refused("ShowVpcTags", "of no VPC", 404, "VPC.0003", NOWHERE,
            lambda: VPC.show_vpc_tags(m.ShowVpcTagsRequest(NOWHERE)))


def subnet_tags(subnet):
    def show():
        return pairs(VPC.show_subnet_tags(m.ShowSubnetTagsRequest(subnet)).tags)

    def create():
        body = m.CreateSubnetTagRequestBody(m.ResourceTag("team", "a"))
        VPC.create_subnet_tag(m.CreateSubnetTagRequest(subnet, body))

    def create_several():
        body = m.BatchCreateSubnetTagsRequestBody("create", [m.ResourceTag("stage", "1"), m.ResourceTag("zone", "2")])
        VPC.batch_create_subnet_tags(m.BatchCreateSubnetTagsRequest(subnet, body))
        same("tags", show(), {"team": "a", "stage": "1", "zone": "2"})

    def delete_several():
        body = m.BatchDeleteSubnetTagsRequestBody("delete", [m.ResourceTag("zone", "2")])
        VPC.batch_delete_subnet_tags(m.BatchDeleteSubnetTagsRequest(subnet, body))

    row("CreateSubnetTag", "a new key", create)
    row("BatchCreateSubnetTags", "two new keys", create_several)
    row("BatchDeleteSubnetTags", "one of three", delete_several)
    row("DeleteSubnetTag", "one of two", lambda: VPC.delete_subnet_tag(m.DeleteSubnetTagRequest(subnet, "team")))
    row("ShowSubnetTags", "what is left", lambda: same("tags", show(), {"stage": "1"}))
    row("ListSubnetTags", "of all subnets", lambda: same("tags", [(each.key, each.values) for each in (
        VPC.list_subnet_tags(m.ListSubnetTagsRequest()).tags)], [("stage", ["1"])]))


def name_servers():
    def listed(**query):
        servers = DNS.list_name_servers(ListNameServersRequest(**query)).nameservers
        return [(each.type, each.region, [record.priority for record in each.ns_records]) for each in servers]

    row("ListNameServers", "of a region", lambda: same("servers", listed(region="eu-west-101"),
                                                       [("private", "eu-west-101", [1, 2])]))
    row("ListNameServers", "of both types", lambda: same("types", [each[0] for each in listed()],
                                                         ["public", "private"]))
    refused("ListNameServers", "of an unknown type", 400, "DNS.0304", "secret", lambda: listed(type="secret"))


def enterprise_projects(vpc):
    def migrate(kind, identifier, target=ENTERPRISE_PROJECT):
        body = eps.MigrateResource(project_id=GIVEN["project_id"], resource_type=kind, resource_id=identifier)
        EPS.migrate_resource(eps.MigrateResourceRequest(target, body))

    def found(target=ENTERPRISE_PROJECT, types=("dli-elastic-resource-pool", "vpcs"), **more):
        body = eps.ResqEpResouce(projects=[GIVEN["project_id"]], resource_types=list(types), **more)
        answer = EPS.show_resource_bind_enterprise_project(
            eps.ShowResourceBindEnterpriseProjectRequest(target, body))
        return answer.total_count, [(each.resource_type, each.resource_name) for each in answer.resources]

    def pool():
        listed = DLI.list_elastic_resource_pools(dli.ListElasticResourcePoolsRequest(name="pool2"))
        return listed.elastic_resource_pools[0]

    def both():
        migrate("dli-elastic-resource-pool", pool().resource_id)
        migrate("vpcs", vpc)
        same("enterprise project", pool().enterprise_project_id, ENTERPRISE_PROJECT)
        same("enterprise project", VPC.show_vpc(m.ShowVpcRequest(vpc)).vpc.enterprise_project_id, ENTERPRISE_PROJECT)

    row("MigrateResource", "a pool and a VPC", both)
    row("ListElasticResourcePools", "the migrated pool", lambda: same(
        "enterprise project", pool().enterprise_project_id, ENTERPRISE_PROJECT))
    row("ShowResourceBindEnterpriseProject", "both", lambda: same("resources", found(), (
        2, [("dli-elastic-resource-pool", "pool2"), ("vpcs", "sdk-renamed")])))
    row("ShowResourceBindEnterpriseProject", "by name", lambda: same("resources", found(
        matches=[eps.Match("resource_name", "renamed")]), (1, [("vpcs", "sdk-renamed")])))
    row("ShowResourceBindEnterpriseProject", "the second page", lambda: same("resources", found(offset=1, limit=1), (
        2, [("vpcs", "sdk-renamed")])))
    row("ShowResourceBindEnterpriseProject", "the default one", lambda: same("number", found("0")[0], 3))
    refused("MigrateResource", "of another type", 400, "EPS.0002", "ecs", lambda: migrate("ecs", vpc))
    refused("MigrateResource", "one that never was", 404, "EPS.0005", NOWHERE, lambda: migrate("vpcs", NOWHERE))
    refused("ShowResourceBindEnterpriseProject", "without types", 400, "EPS.0023", "type", lambda: found(types=()))
    refused("ShowResourceBindEnterpriseProject", "too large a page", 400, "EPS.0017", "limit",
            lambda: found(limit=1001))


def deletion(vpc, subnet):
    refused("DeleteVpc", "with a subnet", 409, "VPC.0103", subnet, lambda: VPC.delete_vpc(m.DeleteVpcRequest(vpc)))
    row("DeleteSubnet", "the only one", lambda: VPC.delete_subnet(m.DeleteSubnetRequest(vpc, subnet)))
    refused("ShowSubnetTags", "of a deleted subnet", 404, "VPC.0202", "",
            lambda: VPC.show_subnet_tags(m.ShowSubnetTagsRequest(subnet)))
    row("DeleteVpc", "without subnets", lambda: VPC.delete_vpc(m.DeleteVpcRequest(vpc)))
    row("ListVpcTags", "none is left", lambda: same("tags", VPC.list_vpc_tags(m.ListVpcTagsRequest()).tags, []))


def main():
    vpc = vpcs()
    subnet = subnets(vpc)
    vpc_tags(vpc)
    subnet_tags(subnet)
    name_servers()
    enterprise_projects(vpc)
    deletion(vpc, subnet)
    json.dump(ROWS, sys.stdout)


main()
