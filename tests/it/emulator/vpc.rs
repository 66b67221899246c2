//! VPCs, subnets and route tables.

use serde_json::{Value, json};
use terraform_provider_dli::dli::vpc::{RouteTable, Subnet, SubnetId, Vpc};
use terraform_provider_dli::emulator::{Fault, Quirk, Settings, operations_of};

use super::harness::{Cloud, NOWHERE, PROJECT, Reply};

const VPC: &str = "22094d8f-c310-4621-913d-4c4d655d8495";
const SUBNET: &str = "78f2562a-36e4-4b39-95b9-f5aab22e1281";
/// A VPC that a test declares.
const OTHER: &str = "3ec3b33f-ac1c-4630-ad1c-7dba1ed79d85";

/// Checks status and code of an error of the VPC service, which has field names of its own.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.body["code"].as_str()), (status, Some(code)), "{}", reply.body);
    assert!(reply.body["message"].as_str().is_some_and(|text| !text.is_empty()), "{}", reply.body);
}

async fn get(cloud: &Cloud, version: &str, path: &str) -> Reply {
    cloud.get(&format!("/{version}/{PROJECT}/{path}")).await
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|row| row["id"].as_str().expect("an ID")).collect()
}

/// The VPC and the subnet of the documents' example exist in every project; the fields are those of the documents.
#[tokio::test]
async fn seeded_networks_are_shown() {
    let cloud = Cloud::start().await;
    let v1 = get(&cloud, "v1", &format!("vpcs/{VPC}")).await.ok(200);
    assert_eq!(
        v1,
        json!({"vpc": {
            "id": VPC, "name": "vpc-default", "description": "", "cidr": "192.168.0.0/16", "status": "OK", "routes": [],
            "enterprise_project_id": "0", "tenant_id": PROJECT, "created_at": "2024-01-01T00:00:00",
            "updated_at": "2024-01-01T00:00:00",
        }})
    );
    let v3 = get(&cloud, "v3", &format!("vpc/vpcs/{VPC}")).await.ok(200);
    assert_eq!((&v3["vpc"]["extend_cidrs"], &v3["vpc"]["status"]), (&json!([]), &json!("ACTIVE")));
    assert_eq!(v3["vpc"]["created_at"], "2024-01-01T00:00:00Z");
    let shown = get(&cloud, "v1", &format!("subnets/{}", SUBNET.to_uppercase())).await.ok(200);
    let subnet = &shown["subnet"];
    for (field, value) in [
        ("id", SUBNET),
        ("neutron_network_id", SUBNET),
        ("vpc_id", VPC),
        ("cidr", "192.168.0.0/24"),
        ("gateway_ip", "192.168.0.1"),
        ("status", "ACTIVE"),
        ("primary_dns", ""),
    ] {
        assert_eq!(subnet[field], value, "{field}");
    }
    assert_eq!((&subnet["dhcp_enable"], &subnet["dnsList"]), (&json!(true), &json!([])));
    assert_ne!(subnet["neutron_subnet_id"], SUBNET);
    let tables = get(&cloud, "v1", &format!("routetables?vpc_id={VPC}")).await.ok(200);
    let table = &tables["routetables"][0];
    assert_eq!((&table["default"], &table["subnets"]), (&json!(true), &json!([{"id": SUBNET}])));
    let path = format!("routetables/{}", table["id"].as_str().expect("an ID"));
    assert_eq!(&get(&cloud, "v1", &path).await.ok(200)["routetable"], table);
}

/// The codes are those of the VPC documents, except for route tables.
#[tokio::test]
async fn undeclared_networks_do_not_exist() {
    let cloud = Cloud::start().await;
    for (version, path, status, code) in [
        ("v1", format!("vpcs/{NOWHERE}"), 404, "VPC.0003"),
        ("v3", format!("vpc/vpcs/{NOWHERE}"), 404, "VPC.0003"),
        ("v1", format!("subnets/{NOWHERE}"), 404, "VPC.0202"),
        ("v1", format!("routetables/{NOWHERE}"), 404, "VPC.2702"),
        ("v1", "vpcs/vpc-1".to_owned(), 400, "VPC.0101"),
        ("v1", "subnets/subnet-1".to_owned(), 400, "VPC.0201"),
    ] {
        refused(&get(&cloud, version, &path).await, status, code);
    }
    let none = get(&cloud, "v1", &format!("subnets?vpc_id={NOWHERE}")).await.ok(200);
    assert_eq!(none, json!({"subnets": []}));
    // DLI itself accepts any network.
    let body = json!({"name": "test", "dest_vpc_id": NOWHERE, "dest_network_id": NOWHERE, "queues": ["q1"]});
    cloud.create(body).await;
}

#[tokio::test]
async fn lists_have_filters_and_pages() {
    let cloud = Cloud::start().await;
    let edit = |number: usize| {
        let subnet = Subnet {
            id: format!("4779ab1c-7c1a-44b1-a02e-93dfc361b3{number:02}"),
            vpc_id: OTHER.to_owned(),
            cidr: format!("10.0.{number}.0/24"),
            ..Subnet::default()
        };
        cloud
            .emulator
            .edit(PROJECT, |project| project.networks().put_subnet(subnet))
            .expect("no file")
            .expect("a free network");
    };
    let vpc = Vpc { id: OTHER.to_owned(), cidr: "10.0.0.0/16".to_owned(), ..Vpc::default() };
    cloud.emulator.edit(PROJECT, |project| project.networks().put_vpc(vpc)).expect("no file").expect("a valid VPC");
    (0..3).for_each(edit);
    let of_vpc = format!("subnets?vpc_id={OTHER}");
    let listed = async |query: &str| get(&cloud, "v1", &format!("{of_vpc}{query}")).await.ok(200)["subnets"].clone();
    let all = listed("").await;
    assert_eq!(ids(&all).len(), 3);
    assert_eq!(ids(&listed("&limit=2").await), ids(&all)[..2]);
    assert_eq!(ids(&listed(&format!("&limit=2&marker={}", ids(&all)[1])).await), ids(&all)[2..]);
    for path in ["vpcs", "vpcs?id=22094d8f-c310-4621-913d-4c4d655d8495&id=3ec3b33f-ac1c-4630-ad1c-7dba1ed79d85"] {
        assert_eq!(ids(&get(&cloud, "v1", path).await.ok(200)["vpcs"]), [VPC, OTHER]);
    }
    assert_eq!(ids(&get(&cloud, "v3", &format!("vpc/vpcs?id={OTHER}")).await.ok(200)["vpcs"]), [OTHER]);
}

/// The filters are those of the VPC documents for each version.
#[tokio::test]
async fn lists_of_vpcs_have_the_filters_of_their_version() {
    let cloud = Cloud::start().await;
    let project = "5e2ac3a5-5a1b-4a2c-9a3e-0f6a2a8f4d11";
    let vpc = json!({"vpc": {"name": "other", "cidr": "10.0.0.0/16", "enterprise_project_id": project}});
    let created = cloud.call("POST", &format!("/v1/{PROJECT}/vpcs"), vpc).await.ok(200);
    let other = created["vpc"]["id"].as_str().expect("an ID");
    for (version, query, found) in [
        ("v1", "enterprise_project_id=0", &[VPC][..]),
        ("v1", &format!("enterprise_project_id={project}"), &[other]),
        ("v1", "enterprise_project_id=all_granted_eps", &[VPC, other]),
        ("v1", &format!("enterprise_project_id=0&id={other}"), &[]),
        ("v3", "name=other", &[other]),
        ("v3", "name=other&name=vpc-default", &[VPC, other]),
        ("v3", "name=othe", &[]),
        ("v3", "cidr=10.0.0.0/16", &[other]),
        ("v3", "cidr=10.0.0.0/16&cidr=192.168.0.0/16&limit=1", &[VPC]),
        ("v3", "name=vpc-default&cidr=10.0.0.0/16", &[]),
        ("v3", &format!("name=other&id={VPC}&id={other}"), &[other]),
    ] {
        let path = if version == "v1" { "vpcs" } else { "vpc/vpcs" };
        let listed = get(&cloud, version, &format!("{path}?{query}")).await.ok(200);
        assert_eq!(ids(&listed["vpcs"]), found, "{version} {query}");
    }
}

/// A subnet must fit into its VPC.
#[tokio::test]
async fn subnet_must_fit() {
    let cloud = Cloud::start().await;
    let put = |cidr: &str, vpc: &str| {
        let (cidr, vpc_id) = (cidr.to_owned(), vpc.to_owned());
        let subnet = Subnet { id: NOWHERE.to_owned(), cidr, vpc_id, ..Subnet::default() };
        let edited = cloud.emulator.edit(PROJECT, |project| project.networks().put_subnet(subnet)).expect("no file");
        edited.map_err(|error| error.code.into_owned())
    };
    assert_eq!(put("192.169.0.0/24", VPC), Err("VPC.0203".to_owned()));
    assert_eq!(put("192.168.0.128/25", VPC), Err("VPC.0204".to_owned()));
    assert_eq!(put("192.168", VPC), Err("VPC.0212".to_owned()));
    assert_eq!(put("192.168.1.0/24", OTHER), Err("VPC.0003".to_owned()));
    assert_eq!(put("192.168.1.0/24", VPC), Ok(()));
    assert_eq!(put("192.168.2.0/24", VPC), Ok(()), "it is replaced");
    let removed = cloud.emulator.edit(PROJECT, |project| project.networks().remove_vpc(VPC)).expect("no file");
    assert_eq!(removed.expect_err("it has subnets").status, 409);
}

/// A page by marker is complete only if an update changes no order.
#[tokio::test]
async fn update_keeps_the_order_and_the_subnets() {
    let cloud = Cloud::start().await;
    let put_vpc = |id: &str, cidr: &str| {
        let vpc = Vpc { id: id.to_owned(), cidr: cidr.to_owned(), ..Vpc::default() };
        let edited = cloud.emulator.edit(PROJECT, |project| project.networks().put_vpc(vpc)).expect("no file");
        edited.map_err(|error| error.code.into_owned())
    };
    let put_subnet = |id: &str, vpc: &str, cidr: &str| {
        let [id, vpc_id, cidr] = [id, vpc, cidr].map(str::to_owned);
        let subnet = Subnet { id, vpc_id, cidr, ..Subnet::default() };
        cloud
            .emulator
            .edit(PROJECT, |project| project.networks().put_subnet(subnet))
            .expect("no file")
            .expect("a free network");
    };
    let list = async |name: &str| get(&cloud, "v1", name).await.ok(200)[name].clone();
    assert_eq!(put_vpc(OTHER, "10.0.0.0/16"), Ok(()));
    assert_eq!(put_vpc(VPC, "192.168.0.0/20"), Ok(()));
    assert_eq!(ids(&list("vpcs").await), [VPC, OTHER]);
    // The subnet 192.168.0.0/24 would be outside.
    assert_eq!(put_vpc(VPC, "192.168.0.0/25"), Err("VPC.0203".to_owned()));
    assert_eq!(list("vpcs").await[0]["cidr"], "192.168.0.0/20");

    let table = "1479ab1c-7c1a-44b1-a02e-93dfc361b32d";
    put_subnet(NOWHERE, VPC, "192.168.1.0/24");
    let own = RouteTable {
        id: table.to_owned(),
        vpc_id: VPC.to_owned(),
        subnets: vec![SubnetId { id: SUBNET.to_owned() }],
        ..RouteTable::default()
    };
    cloud
        .emulator
        .edit(PROJECT, |project| project.networks().put_route_table(own))
        .expect("no file")
        .expect("a valid table");
    put_subnet(SUBNET, OTHER, "10.0.0.0/24");
    assert_eq!(ids(&list("subnets").await), [SUBNET, NOWHERE]);
    // In another VPC, the default route table applies.
    let shown = get(&cloud, "v1", &format!("routetables/{table}")).await.ok(200);
    assert_eq!(shown["routetable"]["subnets"], json!([]));
    let tables = get(&cloud, "v1", &format!("routetables?subnet_id={SUBNET}")).await.ok(200);
    assert_eq!((&tables["routetables"][0]["vpc_id"], &tables["routetables"][1]), (&json!(OTHER), &Value::Null));
}

#[tokio::test]
async fn default_route_table_is_not_replaced() {
    let cloud = Cloud::start().await;
    let list = async || get(&cloud, "v1", "routetables").await.ok(200)["routetables"].clone();
    let before = list().await;
    let id = before[0]["id"].as_str().expect("an ID").to_uppercase();
    let table = RouteTable { id, vpc_id: VPC.to_owned(), ..RouteTable::default() };
    let edited = cloud.emulator.edit(PROJECT, |project| project.networks().put_route_table(table)).expect("no file");
    assert_eq!(edited.expect_err("it is the default one").status, 409);
    assert_eq!(list().await, before);
}

#[tokio::test]
async fn ipv6_networks_of_subnets_differ() {
    let cloud = Cloud::start().await;
    let create = async |number: usize| {
        let cidr = format!("192.168.{number}.0/24");
        let body = json!({"subnet": {"name": "six", "cidr": cidr, "vpc_id": VPC, "ipv6_enable": true}});
        cloud.call("POST", &format!("/v1/{PROJECT}/subnets"), body).await.ok(200)["subnet"].clone()
    };
    let (first, second) = (create(1).await, create(2).await);
    let path = format!("/v1/{PROJECT}/vpcs/{VPC}/subnets/{}", first["id"].as_str().expect("an ID"));
    cloud.call("DELETE", &path, Value::Null).await.ok(204);
    let third = create(3).await;
    assert!(third["cidr_v6"].is_string(), "{third}");
    assert_ne!(third["cidr_v6"], second["cidr_v6"]);
}

/// The requests of the documents' examples.
#[tokio::test]
async fn networks_are_created_changed_and_deleted() {
    let cloud = Cloud::start().await;
    let call =
        async |method: &str, path: &str, body: Value| cloud.call(method, &format!("/v1/{PROJECT}/{path}"), body).await;
    let created = call("POST", "vpcs", json!({"vpc": {"name": "vpc", "cidr": "10.0.0.0/16"}})).await.ok(200);
    let vpc = created["vpc"]["id"].as_str().expect("an ID").to_owned();
    assert_eq!((&created["vpc"]["cidr"], &created["vpc"]["status"]), (&json!("10.0.0.0/16"), &json!("OK")));
    let path = format!("vpcs/{vpc}");
    let updated = call("PUT", &path, json!({"vpc": {"name": "renamed"}})).await.ok(200);
    assert_eq!((&updated["vpc"]["name"], &updated["vpc"]["cidr"]), (&json!("renamed"), &json!("10.0.0.0/16")));

    let body = |cidr: &str, v6: bool| {
        json!({"subnet": {
            "name": "subnet", "cidr": cidr, "gateway_ip": "10.0.1.1", "vpc_id": vpc, "ipv6_enable": v6,
        }})
    };
    refused(&call("POST", "subnets", body("10.1.0.0/24", false)).await, 400, "VPC.0203");
    let created = call("POST", "subnets", body("10.0.1.0/24", true)).await.ok(200);
    let subnet = created["subnet"]["id"].as_str().expect("an ID").to_owned();
    assert_eq!(created["subnet"]["ipv6_enable"], true);
    assert!(created["subnet"]["cidr_v6"].as_str().is_some_and(|cidr| cidr.ends_with("::/64")));
    refused(&call("DELETE", &path, Value::Null).await, 409, "VPC.0103");
    let of_vpc = format!("{path}/subnets/{subnet}");
    let renamed = call("PUT", &of_vpc, json!({"subnet": {"name": "other"}})).await.ok(200);
    assert_eq!(renamed, json!({"subnet": {"id": subnet, "status": "ACTIVE"}}));
    assert_eq!(get(&cloud, "v1", &format!("subnets/{subnet}")).await.ok(200)["subnet"]["name"], "other");
    refused(&call("DELETE", &format!("vpcs/{VPC}/subnets/{subnet}"), Value::Null).await, 400, "VPC.0207");
    // A connection to it supports IPv6.
    let body = json!({"name": "six", "dest_vpc_id": vpc, "dest_network_id": subnet});
    let connection = cloud.create(body).await;
    assert_eq!(cloud.get(&connection).await.ok(200)["ipv6_enable"], true);
    assert_eq!(call("DELETE", &of_vpc, Value::Null).await.ok(204), Value::Null);
    assert_eq!(call("DELETE", &path, Value::Null).await.ok(204), Value::Null);
    refused(&get(&cloud, "v1", &path).await, 404, "VPC.0003");
}

/// The limits of the documents.
#[tokio::test]
async fn invalid_settings_are_rejected() {
    let cloud = Cloud::start().await;
    let vpc = async |fields: Value| cloud.call("POST", &format!("/v1/{PROJECT}/vpcs"), json!({"vpc": fields})).await;
    for (field, value) in [
        ("name", json!("a".repeat(65))),
        ("name", json!("a b")),
        ("description", json!("d".repeat(256))),
        ("description", json!("<")),
        ("description", json!(7)),
    ] {
        refused(&vpc(json!({"cidr": "10.0.0.0/16", field: value})).await, 400, "VPC.0101");
    }
    refused(&vpc(json!({"cidr": "10.0.0.0/16", "tags": ["a=b"]})).await, 400, "VPC.1801");
    vpc(json!({"cidr": "10.0.0.0/16", "name": "a".repeat(64), "tags": ["a*b"]})).await.ok(200);
    let subnet = async |fields: Value| {
        let mut body = json!({"subnet": {"name": "s", "cidr": "192.168.9.0/24", "vpc_id": VPC}});
        body["subnet"].as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        cloud.call("POST", &format!("/v1/{PROJECT}/subnets"), body).await
    };
    for fields in [json!({"name": ""}), json!({"primary_dns": "x"}), json!({"dnsList": ["::1"]})] {
        refused(&subnet(fields).await, 400, "VPC.0201");
    }
    assert_eq!(ids(&get(&cloud, "v1", "subnets").await.ok(200)["subnets"]), [SUBNET]);
    let made = subnet(json!({"ipv6_enable": true})).await.ok(200)["subnet"].clone();
    let path = format!("/v1/{PROJECT}/vpcs/{VPC}/subnets/{}", made["id"].as_str().expect("an ID"));
    let disabled = cloud.call("PUT", &path, json!({"subnet": {"ipv6_enable": false}})).await;
    refused(&disabled, 400, "VPC.0201");
    assert!(made["neutron_subnet_id_v6"].as_str().is_some_and(|id| id.len() == 36), "{made}");
}

/// Huawei's SDK tests the accepted tags.
#[tokio::test]
async fn invalid_tags_are_rejected() {
    let cloud = Cloud::start().await;
    let path = format!("/v2.0/{PROJECT}/vpcs/{VPC}/tags");
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    let act = async |body: Value| cloud.call("POST", &format!("{path}/action"), body).await;
    for tags in [
        json!([tag("", "")]),
        json!([tag(&"k".repeat(129), "")]),
        json!([tag("k", &"v".repeat(256))]),
        json!([tag("a b", "")]),
        json!([tag("k", "a*b")]),
        json!([tag("k", "1"), tag("k", "2")]),
        json!("k"),
    ] {
        refused(&act(json!({"action": "create", "tags": tags})).await, 400, "VPC.1801");
    }
    for body in [json!({"action": "replace", "tags": []}), json!({"tags": []}), json!({"action": "create"}), json!([])]
    {
        refused(&act(body).await, 400, "VPC.1801");
    }
    refused(&act(json!({"action": "delete", "tags": [tag("", "")]})).await, 400, "VPC.1801");
    let wrong = cloud.get(&format!("/v2.0/{PROJECT}/subnets/subnet-1/tags")).await;
    refused(&wrong, 400, "VPC.1801");
    assert_eq!(cloud.get(&path).await.ok(200), json!({"tags": []}));
    act(json!({"action": "create", "tags": [tag(&"k".repeat(128), &"v".repeat(255)), tag("ä_b-c.d", "")]}))
        .await
        .ok(204);
    let names: Vec<_> = cloud.emulator.requests().iter().filter_map(|request| request.operation).collect();
    assert_eq!(names[..7], ["BatchCreateVpcTags"; 7]);
    assert!(names.contains(&"BatchDeleteVpcTags"));
}

/// Faults, rights and quirks work as for DLI, and the log names the operations.
#[tokio::test]
async fn faults_apply_and_requests_are_logged() {
    let cloud = Cloud::start().await;
    cloud.emulator.inject(Fault::refuse("ShowVpcV3", 403, "VPC.2201", "vpc:vpcs:get").times(1)).expect("a fault");
    refused(&get(&cloud, "v3", &format!("vpc/vpcs/{VPC}")).await, 403, "VPC.2201");
    cloud.emulator.set_quirks([Quirk::NoV3Vpcs]);
    for path in ["vpc/vpcs".to_owned(), format!("vpc/vpcs/{VPC}")] {
        get(&cloud, "v3", &path).await.refused(404, "APIGW.0101");
    }
    get(&cloud, "v1", &format!("vpcs/{VPC}")).await.ok(200);
    let mut unsigned = cloud.draft("GET", &format!("/v1/{PROJECT}/vpcs"), b"");
    unsigned.headers.retain(|(name, _)| name != "Authorization");
    cloud.send(unsigned).await.refused(401, "APIGW.0301");
    let names: Vec<_> = cloud.emulator.requests().iter().filter_map(|request| request.operation).collect();
    assert_eq!(names, ["ShowVpcV3", "ListVpcsV3", "ShowVpcV3", "ShowVpc", "ListVpcs"]);
    assert!(names.iter().all(|name| operations_of(&["VPC"]).any(|known| known == *name)));
}

/// Networks are in the state file; a file from before they existed has none.
#[tokio::test]
async fn networks_are_saved() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("state.json");
    let settings = Settings { state: Some(file.clone()), ..Settings::default() };
    let cloud = Cloud::with(settings.clone()).await;
    let vpc = Vpc { id: OTHER.to_owned(), cidr: "10.0.0.0/16".to_owned(), ..Vpc::default() };
    cloud
        .emulator
        .edit(PROJECT, |project| project.networks().put_vpc(vpc))
        .expect("a writable file")
        .expect("a valid VPC");
    cloud.emulator.stop().await;
    let again = Cloud::with(settings.clone()).await;
    get(&again, "v1", &format!("vpcs/{OTHER}")).await.ok(200);
    let tag = json!({"tag": {"key": "team", "value": "a"}});
    again.call("POST", &format!("/v2.0/{PROJECT}/subnets/{SUBNET}/tags"), tag.clone()).await.ok(204);
    again.emulator.stop().await;
    let again = Cloud::with(settings.clone()).await;
    let tags = get(&again, "v2.0", &format!("subnets/{SUBNET}/tags")).await.ok(200);
    assert_eq!(tags, json!({"tags": [tag["tag"]]}));
    again.emulator.stop().await;

    let mut state: Value = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    let removed = state["projects"][PROJECT].as_object_mut().expect("the project").remove("networks");
    assert!(removed.is_some_and(|networks| ids(&networks["vpcs"]) == [VPC, OTHER]));
    std::fs::write(&file, state.to_string()).expect("a writable file");
    let old = Cloud::with(settings).await;
    assert_eq!(get(&old, "v1", "vpcs").await.ok(200), json!({"vpcs": []}));
}
