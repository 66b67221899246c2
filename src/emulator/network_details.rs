//! Details of VPCs and subnets that connections do not use: descriptions, DNS servers, tags and times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::api_error::ApiError;
use super::details::{DEFAULT_PROJECT, SEEDED_AT};
use super::network_limits;
use crate::dli::vpc::{Subnet, Vpc};

/// The tags of a VPC or subnet by key.
pub(super) type Tags = BTreeMap<String, String>;

/// The details of a VPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct VpcDetails {
    pub(super) description: String,
    pub(super) enterprise_project_id: String,
    pub(super) tags: Tags,
    /// Milliseconds since the Unix epoch.
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Default for VpcDetails {
    fn default() -> Self {
        Self {
            description: String::new(),
            enterprise_project_id: DEFAULT_PROJECT.to_owned(),
            tags: Tags::new(),
            created_at: SEEDED_AT,
            updated_at: SEEDED_AT,
        }
    }
}

/// A DHCP option of a subnet, such as `ntp`. A null value removes the option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DhcpOption {
    pub(super) opt_name: String,
    pub(super) opt_value: Option<String>,
}

/// The details of a subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SubnetDetails {
    pub(super) description: String,
    pub(super) availability_zone: String,
    pub(super) dhcp_enable: bool,
    /// The first two are also shown as `primary_dns` and `secondary_dns`.
    pub(super) dns_servers: Vec<String>,
    pub(super) dhcp_options: Vec<DhcpOption>,
    pub(super) tags: Tags,
    /// Milliseconds since the Unix epoch.
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl Default for SubnetDetails {
    fn default() -> Self {
        Self {
            description: String::new(),
            availability_zone: String::new(),
            dhcp_enable: true,
            dns_servers: Vec::new(),
            dhcp_options: Vec::new(),
            tags: Tags::new(),
            created_at: SEEDED_AT,
            updated_at: SEEDED_AT,
        }
    }
}

/// The settings of a VPC in a request. A missing field of an update stays as it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct VpcSettings {
    pub(super) name: Option<String>,
    pub(super) cidr: Option<String>,
    description: Option<String>,
    enterprise_project_id: Option<String>,
    tags: Vec<String>,
}

/// The settings of a subnet in a request. A missing field of an update stays as it is.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SubnetSettings {
    pub(super) name: Option<String>,
    pub(super) cidr: Option<String>,
    pub(super) gateway_ip: Option<String>,
    pub(super) vpc_id: Option<String>,
    pub(super) ipv6_enable: Option<bool>,
    description: Option<String>,
    availability_zone: Option<String>,
    dhcp_enable: Option<bool>,
    primary_dns: Option<String>,
    secondary_dns: Option<String>,
    #[serde(rename = "dnsList")]
    dns_list: Option<Vec<String>>,
    extra_dhcp_opts: Option<Vec<DhcpOption>>,
    tags: Vec<String>,
}

impl VpcDetails {
    /// Applies the settings of a request at this time. Enterprise project and tags are settings of a new VPC only.
    pub(super) fn apply(&mut self, settings: VpcSettings, is_new: bool, now: i64) -> Result<(), ApiError> {
        let VpcSettings { description, enterprise_project_id, tags, .. } = settings;
        if let Some(description) = description {
            network_limits::description("VPC.0101", &description)?;
            self.description = description;
        }
        if is_new {
            self.enterprise_project_id = enterprise_project_id.unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
            self.tags = tags_of_texts(&tags)?;
            self.created_at = now;
        }
        self.updated_at = now;
        Ok(())
    }
}

impl SubnetDetails {
    /// Applies the settings of a request at this time. Zone and tags are settings of a new subnet only.
    pub(super) fn apply(&mut self, settings: SubnetSettings, is_new: bool, now: i64) -> Result<(), ApiError> {
        if let Some(servers) = settings.dns_servers(&self.dns_servers)? {
            self.dns_servers = servers;
        }
        let SubnetSettings { description, availability_zone, dhcp_enable, extra_dhcp_opts, tags, .. } = settings;
        if let Some(description) = description {
            network_limits::description("VPC.0201", &description)?;
            self.description = description;
        }
        self.dhcp_enable = dhcp_enable.unwrap_or(self.dhcp_enable);
        for option in extra_dhcp_opts.into_iter().flatten() {
            self.dhcp_options.retain(|other| other.opt_name != option.opt_name);
            self.dhcp_options.extend(Some(option).filter(|option| option.opt_value.is_some()));
        }
        if is_new {
            self.availability_zone = availability_zone.unwrap_or_default();
            self.tags = tags_of_texts(&tags)?;
            self.created_at = now;
        }
        self.updated_at = now;
        Ok(())
    }
}

impl SubnetSettings {
    /// The new DNS servers, if the request sets any. The list takes precedence over the two fields, which it contains
    /// (documented). A secondary server alone becomes the primary one (documented).
    fn dns_servers(&self, current: &[String]) -> Result<Option<Vec<String>>, ApiError> {
        let servers = if let Some(list) = &self.dns_list {
            list.clone()
        } else if self.primary_dns.is_some() || self.secondary_dns.is_some() {
            let at = |given: &Option<String>, index: usize| given.as_ref().or(current.get(index)).cloned();
            let pair = [at(&self.primary_dns, 0), at(&self.secondary_dns, 1)];
            pair.into_iter().flatten().filter(|server| !server.is_empty()).collect()
        } else {
            return Ok(None);
        };
        servers.iter().try_for_each(|server| network_limits::address(server))?;
        Ok(Some(servers))
    }
}

/// The tags of a request that creates a VPC or subnet: texts such as `key*value` (documented).
fn tags_of_texts(texts: &[String]) -> Result<Tags, ApiError> {
    let pair = |text: &String| {
        let (key, value) =
            text.split_once('*').ok_or_else(|| network_limits::tag_error("Tag value can not be null"))?;
        Ok((key.to_owned(), value.to_owned()))
    };
    let pairs = texts.iter().map(pair).collect::<Result<Vec<_>, ApiError>>()?;
    network_limits::tags(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    Ok(pairs.into_iter().collect())
}

/// A VPC as v1 shows it, which has no secondary networks.
pub(super) fn vpc_v1(vpc: &Vpc, details: &VpcDetails, project: &str) -> Value {
    json!({
        "id": vpc.id,
        "name": vpc.name,
        "description": details.description,
        "cidr": vpc.cidr,
        "status": vpc.status,
        "routes": [],
        "enterprise_project_id": details.enterprise_project_id,
        "tenant_id": project,
        "created_at": time_text(details.created_at),
        "updated_at": time_text(details.updated_at),
    })
}

/// A VPC as v3 shows it. Its statuses have other names.
pub(super) fn vpc_v3(vpc: &Vpc, details: &VpcDetails, project: &str) -> Value {
    let tags: Vec<_> = details.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({
        "id": vpc.id,
        "name": vpc.name,
        "description": details.description,
        "cidr": vpc.cidr,
        "extend_cidrs": vpc.extend_cidrs,
        "status": if vpc.status == "OK" { "ACTIVE" } else { vpc.status.as_str() },
        "project_id": project,
        "enterprise_project_id": details.enterprise_project_id,
        "tags": tags,
        "created_at": time_text(details.created_at) + "Z",
        "updated_at": time_text(details.updated_at) + "Z",
    })
}

/// A subnet as v1 shows it.
pub(super) fn subnet_v1(subnet: &Subnet, details: &SubnetDetails, project: &str) -> Value {
    let mut shown = json!(subnet);
    let server = |index: usize| details.dns_servers.get(index).map_or("", String::as_str);
    for (key, value) in [
        ("description", json!(details.description)),
        ("availability_zone", json!(details.availability_zone)),
        ("dhcp_enable", json!(details.dhcp_enable)),
        ("primary_dns", json!(server(0))),
        ("secondary_dns", json!(server(1))),
        ("dnsList", json!(details.dns_servers)),
        ("extra_dhcp_opts", json!(details.dhcp_options)),
        ("tenant_id", json!(project)),
        ("created_at", json!(time_text(details.created_at))),
        ("updated_at", json!(time_text(details.updated_at))),
    ] {
        shown[key] = value;
    }
    if let Some(gateway) = subnet.networks().nth(1).and_then(|network| network.hosts().next()) {
        shown["gateway_ip_v6"] = json!(gateway.to_string());
    }
    shown
}

/// A time in milliseconds as text, such as `2024-01-01T00:00:00`.
fn time_text(milliseconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let time = OffsetDateTime::from_unix_timestamp(milliseconds / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(body: Value) -> SubnetSettings {
        serde_json::from_value(body).expect("settings of a subnet")
    }

    /// The documents define the relation of the three fields.
    #[test]
    fn dns_servers_have_two_forms() {
        let mut details = SubnetDetails::default();
        for (body, expected) in [
            (json!({"secondary_dns": "10.0.0.2"}), vec!["10.0.0.2"]),
            (json!({"primary_dns": "10.0.0.1", "secondary_dns": "10.0.0.2"}), vec!["10.0.0.1", "10.0.0.2"]),
            (json!({"primary_dns": "10.0.0.3"}), vec!["10.0.0.3", "10.0.0.2"]),
            (json!({"description": "unrelated"}), vec!["10.0.0.3", "10.0.0.2"]),
            (
                json!({"dnsList": ["10.0.0.4", "10.0.0.5", "10.0.0.6"], "primary_dns": "10.0.0.4"}),
                vec!["10.0.0.4", "10.0.0.5", "10.0.0.6"],
            ),
        ] {
            details.apply(settings(body.clone()), false, 0).expect("valid settings");
            assert_eq!(details.dns_servers, expected, "{body}");
        }
        assert!(details.apply(settings(json!({"primary_dns": "dns.example"})), false, 0).is_err());
    }

    #[test]
    fn null_removes_a_dhcp_option() {
        let mut details = SubnetDetails::default();
        let option = |value: Value| settings(json!({"extra_dhcp_opts": [{"opt_name": "ntp", "opt_value": value}]}));
        details.apply(option(json!("10.0.0.9")), true, 0).expect("valid settings");
        assert_eq!(details.dhcp_options.len(), 1);
        details.apply(option(Value::Null), false, 0).expect("valid settings");
        assert_eq!(details.dhcp_options, []);
    }
}
