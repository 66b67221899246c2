//! `cidrs_overlap`: whether two networks have an address in common.

use crate::dli::rules;
use crate::framework::function::{Function, FunctionError, Parameter};
use crate::framework::types::Type;
use crate::framework::value::Value;

pub(super) fn function() -> Function {
    let parameter = |name| Parameter {
        name,
        ty: Type::String,
        description: "A network in CIDR notation, IPv4 or IPv6. An address alone is the network of this address.",
    };
    Function {
        name: "cidrs_overlap",
        summary: "Whether two networks overlap",
        description: "Returns whether two networks have an address in common. The network of a queue or elastic \
                      resource pool must not overlap the network of the subnet that a connection joins; use the \
                      function in a `precondition` or a `check` block. An IPv4 network never overlaps an IPv6 network.",
        parameters: vec![parameter("a"), parameter("b")],
        result: Type::Bool,
        call,
    }
}

fn call(arguments: &[Value]) -> Result<Value, FunctionError> {
    let network = |argument: usize| {
        let text = arguments.get(argument).and_then(Value::as_str).unwrap_or_default();
        rules::network(text).ok_or_else(|| {
            let text = format!("{text:?} is not a network such as 10.0.0.0/16 or 2407:c080::/32, nor an address");
            FunctionError { argument, text }
        })
    };
    Ok(rules::overlap(&network(0)?, &network(1)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(a: &str, b: &str) -> Result<Value, FunctionError> {
        function().evaluate(&[a.into(), b.into()])
    }

    #[test]
    fn common_addresses_are_found() {
        for (a, b, expected) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.0.0.0/16", "10.1.0.0/16", false),
            ("10.0.255.255/16", "10.0.0.0/24", true),
            ("0.0.0.0/0", "192.168.0.1", true),
            ("192.168.0.1", "192.168.0.1", true),
            ("192.168.0.1", "192.168.0.2/32", false),
            ("192.168.0.2/31", "192.168.0.3", true),
            ("2407:c080::/32", "2407:C080:802::/48", true),
            ("::/0", "0.0.0.0/0", false),
            ("::ffff:10.0.0.1", "10.0.0.1", false),
        ] {
            assert_eq!(overlap(a, b), Ok(expected.into()), "{a} {b}");
            assert_eq!(overlap(b, a), Ok(expected.into()), "{b} {a}");
        }
    }

    #[test]
    fn error_names_the_argument() {
        for (a, b, argument) in [("10.0.0.0/33", "10.0.0.0/8", 0), ("10.0.0.0/8", "10.0.0", 1), ("", "x", 0)] {
            assert_eq!(overlap(a, b).expect_err(a).argument, argument, "{a} {b}");
        }
    }
}
