//! Limits and name rules of the documents, shared by the provider, the client and the emulator.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use uuid::Uuid;

/// Maximum number of host records of a connection (document: "A maximum of 20,000 records are supported").
pub const MAX_HOSTS: usize = 20_000;
/// Maximum number of tags of a connection.
pub const MAX_TAGS: usize = 20;

/// A rule for a kind of text.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name of the text in title case, such as `Connection Name`.
    pub title: &'static str,
    /// The allowed texts, as a sentence without its full stop.
    pub expected: &'static str,
    /// The document that states the rule.
    pub document: &'static str,
    /// The violation, as the end of the sentence "… because it ‹reason›", if any.
    check: fn(&str) -> Option<String>,
}

impl Rule {
    /// The violation as the end of a sentence ("has 65 characters"), if any.
    #[must_use]
    pub fn violation(&self, text: &str) -> Option<String> {
        (self.check)(text)
    }

    /// Whether the rule allows `text`.
    #[must_use]
    pub fn allows(&self, text: &str) -> bool {
        self.violation(text).is_none()
    }
}

/// `name` of a connection.
pub const CONNECTION_NAME: Rule = Rule {
    title: "Connection Name",
    expected: "1 to 64 characters, each an ASCII letter, a digit or an underscore",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter name",
    check: |text| length(text, 1, 64).or_else(|| characters(text, "_")),
};

/// `dest_vpc_id`, the VPC at the other end.
pub const VPC_ID: Rule = Rule {
    title: "VPC ID",
    expected: "a UUID such as 22094d8f-c310-4621-913d-4c4d655d8495",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter dest_vpc_id",
    check: uuid,
};

/// `dest_network_id`, the network id of the subnet at the other end.
pub const NETWORK_ID: Rule = Rule {
    title: "Subnet ID",
    expected: "the network ID of a subnet, a UUID such as 78f2562a-36e4-4b39-95b9-f5aab22e1281",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter dest_network_id",
    check: uuid,
};

/// `routetable_id`, the route table of the subnet.
pub const ROUTE_TABLE_ID: Rule = Rule {
    title: "Route Table ID",
    expected: "a UUID such as 22094d8f-c310-4621-913d-4c4d655d8495",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter routetable_id",
    check: uuid,
};

/// The id of a connection.
pub const CONNECTION_ID: Rule = Rule {
    title: "Connection ID",
    expected: "a UUID such as 2a620c33-5609-40c9-affd-2b6453071b0f",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", response parameter connection_id",
    check: uuid,
};

/// The characters of an ID of any kind. No document states them.
pub const OBJECT_ID: Rule = Rule {
    title: "ID",
    expected: "1 to 64 characters, each an ASCII letter, a digit, an underscore or a hyphen",
    document: "none",
    check: |text| length(text, 1, 64).or_else(|| characters(text, "_-")),
};

/// The name of a queue.
pub const QUEUE_NAME: Rule = Rule {
    title: "Queue Name",
    expected: "1 to 128 characters, each an ASCII letter, a digit or an underscore, not digits only, not starting with \
              an underscore",
    document: "DLI API Reference, \"Creating a Queue\", request parameter queue_name",
    check: |text| {
        length(text, 1, 128)
            .or_else(|| characters(text, "_"))
            .or_else(|| text.starts_with('_').then(|| "starts with an underscore".to_owned()))
            .or_else(|| text.bytes().all(|b| b.is_ascii_digit()).then(|| "consists of digits only".to_owned()))
    },
};

/// Excludes the shared queue `default`, in any case, which cannot be bound.
pub const QUEUE_NOT_DEFAULT: Rule = Rule {
    title: "Queue",
    expected: "a queue other than the shared queue default, for which datasource connections cannot be created",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", Function",
    check: |text| text.eq_ignore_ascii_case("default").then(|| "is the default queue".to_owned()),
};

/// The name of an elastic resource pool. The service keeps it in lower case.
pub const POOL_NAME: Rule = Rule {
    title: "Elastic Resource Pool Name",
    expected: "1 to 128 characters, each a lower-case ASCII letter, a digit or an underscore, not digits only, not \
              starting with an underscore",
    document: "DLI API Reference, \"Creating an Elastic Resource Pool\", request parameter elastic_resource_pool_name",
    check: |text| {
        (QUEUE_NAME.check)(text)
            .or_else(|| text.chars().find(char::is_ascii_uppercase).map(|upper| format!("contains {upper:?}")))
    },
};

/// The name of a route, unique within its connection.
pub const ROUTE_NAME: Rule = Rule {
    title: "Route Name",
    expected: "1 to 64 characters, each an ASCII letter, a digit, an underscore or a hyphen",
    document: "DLI API Reference, \"Creating a Route\", request parameter name; DLI User Guide, \"Adding a Route\"",
    check: |text| length(text, 1, 64).or_else(|| characters(text, "_-")),
};

/// The network of a route.
pub const ROUTE_CIDR: Rule = Rule {
    title: "Route CIDR",
    expected: "an IPv4 or IPv6 network with its prefix length and no bits set after it, such as 192.168.2.0/24 or \
              2407:c080:802:be7::/64",
    document: "DLI API Reference, \"Creating a Route\", request parameter cidr; DLI User Guide, \"Adding a Route\"",
    check: |text| match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(net), _) if net.trunc() == net => None,
        (Ok(net), _) => Some(format!("has bits set after its prefix; the network is {}", net.trunc())),
        (_, Ok(address)) => Some(format!("has no prefix length; one address alone is {}", IpNet::from(address))),
        _ => Some("is not a CIDR".to_owned()),
    },
};

/// Networks that the cloud itself uses, which a route should avoid (User Guide, "Adding a Route").
pub const RESERVED_ROUTES: [&str; 2] = ["100.64.0.0/10", "100.125.0.0/16"];

/// Parses a network and clears the bits after its prefix. `None` if the text is not a network.
///
/// The service also accepts a single address, and returns it unchanged.
#[must_use]
pub fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok().map(|net| net.trunc())
}

/// A region, as a part of host names. Spaces around it and upper case do not matter.
pub const REGION: Rule = Rule {
    title: "Region",
    expected: "the ID of a region, such as cn-north-4: ASCII letters, digits and hyphens",
    document: "Regions and Endpoints",
    check: |text| length(text.trim(), 1, 63).or_else(|| characters(text.trim(), "-")),
};

/// The form of a region that host names contain.
#[must_use]
pub fn normal_region(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// The domain of a cloud.
pub const CLOUD: Rule = Rule {
    title: "Cloud",
    expected: "a domain, such as myhuaweicloud.com",
    document: "Regions and Endpoints",
    check: |text| {
        let is_label = |label: &str| length(label, 1, 63).is_none() && characters(label, "-").is_none();
        (!text.contains('.') || !text.split('.').all(is_label)).then(|| "is not a domain".to_owned())
    },
};

/// The project that a connection is shared with.
pub const PROJECT_ID: Rule = Rule {
    title: "Project ID",
    expected: "1 to 64 ASCII letters or digits",
    document: "DLI API Reference, path parameter project_id of every call",
    check: |text| length(text, 1, 64).or_else(|| characters(text, "")),
};

/// The name of a host record.
pub const HOST_NAME: Rule = Rule {
    title: "Host Name",
    expected: "1 to 128 characters, starting with an ASCII letter, each a letter, a digit, an underscore, a hyphen or \
              a dot",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", hosts request parameter name",
    check: |text| {
        length(text, 1, 128).or_else(|| characters(text, "_-.")).or_else(|| {
            let first = text.chars().next()?;
            (!first.is_ascii_alphabetic()).then(|| format!("starts with {first:?}, not with a letter"))
        })
    },
};

/// The address of a host record.
pub const HOST_IP: Rule = Rule {
    title: "Host Address",
    expected: "an IPv4 address such as 192.168.0.1",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", hosts request parameter ip",
    check: |text| text.parse::<Ipv4Addr>().is_err().then(|| "is not an IPv4 address".to_owned()),
};

/// The address of a connectivity test.
pub const CONNECTIVITY_ADDRESS: Rule = Rule {
    title: "Address",
    expected: "HOST:PORT, where the host is a domain name, an IPv4 address, or an IPv6 address in brackets, and the \
               port a number from 0 to 65535",
    document: "DLI API Reference, \"Creating an Address Connectivity Test Request\", request parameter address; DLI \
               User Guide, \"Testing Address Connectivity\"",
    check: |text| host_of_address(text).is_none().then(|| "is not HOST:PORT".to_owned()),
};

/// The host of an address `HOST:PORT`; `None` if the address is not valid.
#[must_use]
pub fn host_of_address(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_domain = (1..=255).contains(&host.len())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_port = is_number && port.parse::<u16>().is_ok();
    (is_port && (is_domain || address.parse::<SocketAddr>().is_ok())).then_some(host)
}

/// The key of a tag.
pub const TAG_KEY: Rule = Rule {
    title: "Tag Key",
    expected: "1 to 128 letters of any language, digits, spaces or any of _ . : + - @, neither starting nor ending \
              with a space, not starting with _sys_",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", Table 4, parameter key",
    check: |text| {
        length(text, 1, 128)
            .or_else(|| tag_characters(text))
            .or_else(|| text.starts_with("_sys_").then(|| "starts with _sys_".to_owned()))
            .or_else(|| text.starts_with(' ').then(|| "starts with a space".to_owned()))
            .or_else(|| text.ends_with(' ').then(|| "ends with a space".to_owned()))
    },
};

/// The value of a tag; it may be empty.
pub const TAG_VALUE: Rule = Rule {
    title: "Tag Value",
    expected: "at most 255 letters of any language, digits, spaces or any of _ . : + - @",
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", Table 4, parameter value",
    check: |text| length(text, 0, 255).or_else(|| tag_characters(text)),
};

/// Maximum number of objects of a connection.
#[derive(Debug, Clone, Copy)]
pub struct CountRule {
    /// Name of the objects in title case, such as `Host Records`.
    pub title: &'static str,
    /// The maximum.
    pub max: usize,
    /// The document that states the rule.
    pub document: &'static str,
}

/// How many host records.
pub const HOST_COUNT: CountRule = CountRule {
    title: "Host Records",
    max: MAX_HOSTS,
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter hosts",
};

/// How many tags.
pub const TAG_COUNT: CountRule = CountRule {
    title: "Tags",
    max: MAX_TAGS,
    document: "DLI API Reference, \"Creating an Enhanced Datasource Connection\", request parameter tags",
};

fn length(text: &str, least: usize, most: usize) -> Option<String> {
    match text.chars().count() {
        0 if least > 0 => Some("is empty".to_owned()),
        n if n < least || n > most => Some(format!("has {n} characters")),
        _ => None,
    }
}

/// ASCII letters, digits, and the characters of `extra`.
fn characters(text: &str, extra: &str) -> Option<String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || extra.as_bytes().contains(&byte);
    // A character begins at the first byte that is not allowed, because only ASCII comes before it.
    let at = text.bytes().position(|byte| !is_allowed(byte))?;
    unexpected(&text[at..], |_| false)
}

fn tag_characters(text: &str) -> Option<String> {
    unexpected(text, |c| c.is_alphanumeric() || " _.:+-@".contains(c))
}

fn unexpected(text: &str, allowed: impl Fn(char) -> bool) -> Option<String> {
    text.chars().find(|&c| !allowed(c)).map(|c| format!("contains {c:?}"))
}

/// The hyphenated form of 36 characters, in either case.
fn uuid(text: &str) -> Option<String> {
    (text.len() != 36 || Uuid::try_parse(text).is_err()).then(|| "is not a UUID".to_owned())
}

/// Whether two networks share an address. One contains the other, or they are disjoint.
#[must_use]
pub fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// Whether two texts denote the same network.
pub fn same_network(a: &str, b: &str) -> bool {
    a == b || network(a).is_some_and(|a| network(b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of the documents.
    #[test]
    fn limits_are_exact_on_both_sides() {
        let cases: &[(&Rule, &[&str], &[&str])] = &[
            (&CONNECTION_NAME, &["a", "9", "_", "Test_1"], &["", "a-b", "a b", "ä", "a.b"]),
            (
                &VPC_ID,
                &["22094d8f-c310-4621-913d-4c4d655d8495", "22094D8F-C310-4621-913D-4C4D655D8495"],
                &[
                    "",
                    "22094d8fc3104621913d4c4d655d8495",
                    "{22094d8f-c310-4621-913d-4c4d655d8495}",
                    "22094d8f-c310-4621-913d-4c4d655d849g",
                ],
            ),
            (&QUEUE_NAME, &["q1", "1q", "Q_1"], &["", "123", "_q", "q-1"]),
            (&QUEUE_NOT_DEFAULT, &["default1"], &["default", "Default", "DEFAULT"]),
            (&POOL_NAME, &["pool1", "1p", "p_1"], &["", "123", "_p", "p-1", "Pool1"]),
            (&ROUTE_NAME, &["a", "r-1_2", "9"], &["", "a b", "a.b", "a/b", "ä"]),
            (
                &ROUTE_CIDR,
                &["192.168.2.0/24", "0.0.0.0/0", "10.0.0.1/32", "2407:c080:802:be7::/64"],
                &["", "192.168.2.0", "192.168.2.1/24", "192.168.2.0/33", "::1", "2407:c080:802:be7::1/64", "a/8"],
            ),
            (&PROJECT_ID, &["0123456789abcdef0123456789abcdef"], &["", "a-b"]),
            (&HOST_NAME, &["a", "ecs-97f8-0001", "test.test.com", "A_b"], &["", "9bad", "-a", "_a", ".a", "a b", "ä"]),
            (
                &HOST_IP,
                &["192.168.0.1", "0.0.0.0", "255.255.255.255"],
                &["", "256.1.1.1", "1.2.3", "::1", "01.2.3.4", "1.2.3.4 "],
            ),
            (
                &CONNECTIVITY_ADDRESS,
                &["10.0.0.1:80", "[2001:db8::1]:0", "10.0.0.1:65535", "example.com:80", "db:3306"],
                &["", "10.0.0.1", "10.0.0.1:65536", "10.0.0.256:1", "2001:db8::1:80", "a b:80", ":80", "db:+80", "db"],
            ),
            (&TAG_KEY, &["a", "größe", "键", "a b", "_.:+-@"], &["", " a", "a ", "_sys_a", "a/b", "a=b"]),
            (&TAG_VALUE, &["", "a", " a "], &["a/b", "a,b"]),
        ];
        for (rule, good, bad) in cases {
            for text in *good {
                assert_eq!(rule.violation(text), None, "{} {text:?}", rule.title);
            }
            for text in *bad {
                assert!(!rule.allows(text), "{} {text:?}", rule.title);
            }
        }
    }

    /// Both sides of each boundary; expected values from Python's `ipaddress.ip_network.overlaps`.
    #[test]
    fn networks_overlap_if_one_contains_the_other() {
        for (a, b, expected) in [
            ("10.0.0.0/16", "10.0.255.0/24", true),
            ("10.0.0.0/16", "10.1.0.0/24", false),
            ("10.0.255.255/32", "10.0.0.0/16", true),
            ("172.16.0.0/12", "172.31.255.0/24", true),
            ("172.16.0.0/12", "172.32.0.0/24", false),
            ("0.0.0.0/0", "192.168.0.0/24", true),
            ("2001:db8::/32", "2001:db8:ffff::/48", true),
            ("2001:db8::/32", "2001:db9::/48", false),
            ("0.0.0.0/0", "::/0", false),
        ] {
            let (a, b) = (network(a).expect("a network"), network(b).expect("a network"));
            assert_eq!((overlap(&a, &b), overlap(&b, &a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn networks_have_one_normal_form() {
        let form = |text: &str| network(text).map(|net| net.to_string());
        assert_eq!(form("127.0.0.0").as_deref(), Some("127.0.0.0/32"));
        assert_eq!(form("192.168.2.1/24").as_deref(), Some("192.168.2.0/24"));
        assert_eq!(form("2407:C080:0802:0BE7::/64").as_deref(), Some("2407:c080:802:be7::/64"));
        assert_eq!(form("somewhere"), None);
    }

    #[test]
    fn lengths_count_characters() {
        for (rule, most) in [
            (&CONNECTION_NAME, 64),
            (&ROUTE_NAME, 64),
            (&PROJECT_ID, 64),
            (&QUEUE_NAME, 128),
            (&POOL_NAME, 128),
            (&HOST_NAME, 128),
            (&TAG_KEY, 128),
            (&TAG_VALUE, 255),
        ] {
            assert!(rule.allows(&"a".repeat(most)), "{}", rule.title);
            assert_eq!(rule.violation(&"a".repeat(most + 1)), Some(format!("has {} characters", most + 1)));
        }
        assert!(TAG_KEY.allows(&"键".repeat(128)));
        assert!(!TAG_KEY.allows(&"键".repeat(129)));
    }
}
