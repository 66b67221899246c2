//! `hosts_from_text`: host records from the text of a hosts file, such as `/etc/hosts` of an MRS node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::dli::rules;
use crate::framework::function::{Function, FunctionError, Parameter};
use crate::framework::types::Type;
use crate::framework::value::Value;

/// The number of faulty lines in an error.
const MAX_FAULTS: usize = 5;

pub(super) fn function() -> Function {
    Function {
        name: "hosts_from_text",
        summary: "Host records from the text of a hosts file",
        description: "Returns the host records of a text in the format of `/etc/hosts`, as a map from name to IPv4 \
                      address for `hosts` of `dli_enhanced_connection`. Each line has an address and one or more \
                      names; each name becomes a record. Comments, empty lines and both kinds of line ends are \
                      accepted. Lines with loopback, link-local, multicast, broadcast and unspecified addresses are \
                      left out. Names keep their case.\n\nIt is an error if an address or a name is not valid, if a \
                      name has two IPv4 addresses, if a name has only an IPv6 address, or if there are more than \
                      20,000 records. The error names the line.",
        parameters: vec![Parameter {
            name: "text",
            ty: Type::String,
            description: "The text of the hosts file, for example from `file`.",
        }],
        result: Type::map(Type::String),
        call,
    }
}

fn call(arguments: &[Value]) -> Result<Value, FunctionError> {
    let text = arguments.first().and_then(Value::as_str).unwrap_or_default();
    let hosts = hosts(text).map_err(|text| FunctionError { argument: 0, text })?;
    Ok(Value::map(hosts.into_iter().map(|(name, (address, _))| (name, Value::from(address)))))
}

/// Address and line number by name.
type Hosts<'a> = BTreeMap<&'a str, (&'a str, usize)>;

fn hosts(text: &str) -> Result<Hosts<'_>, String> {
    let mut hosts = Hosts::new();
    let mut faults = Vec::new();
    let mut without_ipv4 = Vec::new();
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let content = line.split_once('#').map_or(line, |(content, _)| content);
        let mut words = content.split_whitespace();
        let Some(address) = words.next() else { continue };
        // macOS writes a zone: fe80::1%lo0.
        let parsed = address.split('%').next().unwrap_or_default().parse::<IpAddr>();
        let Ok(parsed) = parsed else {
            faults.push((number, format!("{address:?} is not an IP address")));
            continue;
        };
        let mut names = words.peekable();
        if names.peek().is_none() {
            faults.push((number, format!("{address} has no name")));
        }
        if is_local(parsed) {
            continue;
        }
        for name in names {
            if let Some(violation) = rules::HOST_NAME.violation(name) {
                faults.push((number, format!("the name {name:?} {violation}")));
            } else if parsed.is_ipv6() {
                without_ipv4.push((number, name, address));
            } else if let Some((other, first)) = hosts.insert(name, (address, number)) {
                if other != address {
                    faults.push((number, format!("{name:?} is {address}, but {other} on line {first}")));
                }
                hosts.insert(name, (other, first));
            }
        }
    }
    without_ipv4.retain(|(_, name, _)| !hosts.contains_key(name));
    faults.extend(without_ipv4.into_iter().map(|(number, name, address)| {
        let text = format!(
            "{name:?} has only the IPv6 address {address}, and host records need IPv4; remove the line, or add one \
             with the IPv4 address"
        );
        (number, text)
    }));
    if !faults.is_empty() {
        return Err(describe(faults));
    }
    if hosts.len() > rules::MAX_HOSTS {
        return Err(format!(
            "the text has {} host records; a connection has at most {}",
            hosts.len(),
            rules::MAX_HOSTS
        ));
    }
    Ok(hosts)
}

/// Whether an address means something only on the machine of the file.
fn is_local(address: IpAddr) -> bool {
    let is_special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    is_special
        || match address {
            IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
            // Link-local addresses, and fe00::0 of Debian.
            IpAddr::V6(address) => address.segments()[0] & 0xff00 == 0xfe00,
        }
}

/// Lists the first faults in the order of their lines.
fn describe(mut faults: Vec<(usize, String)>) -> String {
    faults.sort_by_key(|(number, _)| *number);
    let shown = faults.iter().take(MAX_FAULTS).map(|(number, text)| format!("line {number}: {text}"));
    let more = faults.len().checked_sub(MAX_FAULTS).filter(|more| *more > 0).map(|more| format!("and {more} more"));
    shown.chain(more).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Value, String> {
        function().evaluate(&[text.into()]).map_err(|error| error.text)
    }

    fn records(pairs: &[(&str, &str)]) -> Value {
        Value::map(pairs.iter().map(|(name, address)| (*name, Value::from(*address))))
    }

    #[test]
    fn hosts_file_of_a_node_is_read() {
        let text = "\u{feff}# comment\r\n127.0.0.1   localhost localhost.localdomain\r\n::1 localhost6\r\n\r\n\
                    192.168.0.1\tnode-master1KxYz.mrs.com node-master1KxYz # master\r\n  192.168.0.2  Node_2\r\n\
                    fe00::0 ip6-localnet\nff02::1 ip6-allnodes\nfe80::1%lo0 localhost\n255.255.255.255 broadcasthost\n\
                    127.0.1.1 me\n169.254.169.254 metadata\n0.0.0.0 blocked\n192.168.0.2 Node_2\n\
                    2407:c080::2 Node_2";
        let expected = [
            ("node-master1KxYz.mrs.com", "192.168.0.1"),
            ("node-master1KxYz", "192.168.0.1"),
            ("Node_2", "192.168.0.2"),
        ];
        assert_eq!(parse(text), Ok(records(&expected)));
        assert_eq!(parse(""), Ok(records(&[])));
        assert_eq!(parse(" \n#\n\t# x"), Ok(records(&[])));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("10.0.0.1 a\n10.0.0.300 b", "line 2: \"10.0.0.300\" is not an IP address"),
            ("10.0.0.1 a\n10.0.0.2 b a", "line 2: \"a\" is 10.0.0.2, but 10.0.0.1 on line 1"),
            ("\n10.0.0.1", "line 2: 10.0.0.1 has no name"),
            ("10.0.0.1 -a", "line 1: the name \"-a\" starts with '-', not with a letter"),
            ("10.0.0.1 a\u{e4}", "line 1: the name \"a\u{e4}\" contains '\u{e4}'"),
        ] {
            assert_eq!(parse(text).expect_err(text), expected);
        }
        let only_ipv6 = parse("2407:c080::1 a b\n10.0.0.1 b").expect_err("a has no IPv4 address");
        assert!(only_ipv6.starts_with("line 1: \"a\" has only the IPv6 address 2407:c080::1"), "{only_ipv6}");
        let many = parse(&"x y\n".repeat(20)).expect_err("no line is valid");
        assert!(many.ends_with("line 5: \"x\" is not an IP address\nand 15 more"), "{many}");
    }

    fn lines(count: u32) -> String {
        let line =
            |number: u32| format!("10.{}.{}.{}\thost-{number:05}\r\n", number >> 16, number >> 8 & 255, number & 255);
        (0..count).map(line).collect()
    }

    #[test]
    fn number_of_records_is_limited() {
        assert!(parse(&lines(20_000)).is_ok());
        let error = parse(&lines(20_001)).expect_err("too many");
        assert!(error.contains("20001 host records") && error.contains("at most 20000"), "{error}");
    }

    #[test]
    fn many_records_take_a_moment() {
        let text = lines(20_000);
        let measure = || {
            let begun = Instant::now();
            assert!(parse(&text).is_ok());
            begun.elapsed()
        };
        let best = (0..5).map(|_| measure()).min().expect("five runs");
        assert!(best < Duration::from_millis(100), "{best:?}");
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in any::<String>()) {
            let _ = parse(&text);
        }

        /// Names with one address each, in any order and grouping.
        #[test]
        fn every_record_is_found(
            hosts in prop::collection::btree_map("[a-zA-Z][a-zA-Z0-9._-]{0,9}", 1..200_u8, 0..20), reverse: bool,
        ) {
            let mut lines: Vec<_> = hosts.iter().map(|(name, octet)| format!(" 10.1.2.{octet} \t{name} #")).collect();
            if reverse {
                lines.reverse();
            }
            let expected = hosts.iter().map(|(name, octet)| (name.as_str(), Value::from(format!("10.1.2.{octet}"))));
            prop_assert_eq!(parse(&lines.join("\n")), Ok(Value::map(expected)));
        }
    }
}
