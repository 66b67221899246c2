//! Generates types, values and JSON from fuzz input.
//!
//! After the end of the input, every byte is 0 and selects the first or smallest choice. Every input is therefore
//! valid, and shorter inputs generate simpler data.

use std::fmt::Write as _;

use terraform_provider_dli::framework::{
    number::Number,
    types::Type,
    value::{Refinement, Value},
};

/// Strings that pass a first validation.
const WORDS: [&str; 44] = [
    "",
    "test",
    "name",
    "q1",
    "Q2",
    "pool1",
    "pooled1",
    "default",
    "10.0.0.1",
    "192.168.2.0/24",
    "2407:c080:802:be7::/64",
    "22094d8f-c310-4621-913d-4c4d655d8495",
    "2a620c33-5609-40c9-affd-2b6453071b0f",
    "48cc2c48765f481480c7db940d6409d1",
    "cn-north-4",
    "http://127.0.0.1:9",
    "https://dli.example.com",
    "10m",
    "1h30m",
    "0s",
    "9223372036s",
    "584554530872y",
    "-1",
    "9223372036854775807",
    "1e2147483647",
    "0.1",
    "true",
    "ACTIVE",
    "DELETED",
    "CREATING",
    "grant",
    "revoke",
    "*",
    "..",
    "a/b",
    "_sys_a",
    "größe",
    "\u{202e}\u{0}\u{1b}[31m",
    "DLI.0001",
    "APIGW.0308",
    "policy user over ratelimit,limit:200,time:5 minute",
    "*:throttle=5/1s@0.2/7",
    "Show*:stale=2s containing a",
    "*:clock-skew=-20m*1",
];

/// Field names of the service and of the emulator's control API.
const FIELDS: [&str; 64] = [
    "name",
    "dest_vpc_id",
    "dest_network_id",
    "queues",
    "elastic_resource_pools",
    "routetable_id",
    "hosts",
    "ip",
    "tags",
    "key",
    "value",
    "cidr",
    "projectId",
    "action",
    "privileges",
    "object",
    "is_success",
    "message",
    "id",
    "connection_id",
    "connections",
    "status",
    "count",
    "available_queue_info",
    "peer_id",
    "err_msg",
    "create_time",
    "update_time",
    "routes",
    "isPrivis",
    "queueName",
    "queue_name",
    "queue_type",
    "charging_mode",
    "resource_mode",
    "elastic_resource_pool_name",
    "cidr_in_vpc",
    "error_code",
    "error_msg",
    "error",
    "code",
    "request_id",
    "applicant_project_id",
    "advance",
    "binding",
    "delete",
    "latency",
    "project",
    "connection",
    "create_connection",
    "add_route",
    "add_tags",
    "bind",
    "settle_binding",
    "put_queue",
    "put_pool",
    "operation",
    "containing",
    "times",
    "trouble",
    "projects",
    "type",
    "keys",
    "err",
];

/// A reader of choices.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    rest: &'a [u8],
    /// Number of enclosing values of the dynamic type.
    dynamic_depth: usize,
}

impl<'a> Source<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, dynamic_depth: 0 }
    }

    pub fn byte(&mut self) -> u8 {
        let (byte, rest) = self.rest.split_first().map_or((0, self.rest), |(byte, rest)| (*byte, rest));
        self.rest = rest;
        byte
    }

    /// A number below `end`, at most 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// True in one of `cases` cases; false at the end of the input.
    pub fn rarely(&mut self, cases: usize) -> bool {
        self.below(cases) == cases - 1
    }

    pub fn pick<'t, T: ?Sized>(&mut self, choices: &[&'t T]) -> &'t T {
        choices[self.below(choices.len())]
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The remaining bytes.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Up to 255 bytes.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.rest.len());
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        bytes
    }

    pub fn integer(&mut self) -> i64 {
        i64::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// One of `WORDS`, or a random string.
    pub fn text(&mut self) -> String {
        if self.rarely(3) { String::from_utf8_lossy(self.bytes()).into_owned() } else { self.pick(&WORDS).to_owned() }
    }

    /// A type, nested up to `depth` times.
    pub fn ty(&mut self, depth: usize) -> Type {
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0 => Type::String,
            1 => Type::Bool,
            2 => Type::Number,
            3 => Type::Dynamic,
            4 => Type::list(self.ty(depth - 1)),
            5 => Type::set(self.ty(depth - 1)),
            6 => Type::map(self.ty(depth - 1)),
            7 => Type::Tuple((0..self.below(4)).map(|_| self.ty(depth - 1)).collect()),
            _ => {
                Type::Object((0..self.below(4)).map(|_| (self.pick(&FIELDS).to_owned(), self.ty(depth - 1))).collect())
            }
        }
    }

    /// A value of a type.
    pub fn value(&mut self, ty: &Type) -> Value {
        match self.below(10) {
            1 => return Value::Null,
            2 => return Value::Unknown(None),
            3 => return Value::Unknown(Some(Box::new(self.refinement()))),
            _ => {}
        }
        match ty {
            Type::Bool => Value::Bool(self.rarely(2)),
            Type::Number => Value::Number(self.number()),
            Type::String => Value::String(self.text()),
            Type::List(element) => Value::List(self.list(|source| source.value(element))),
            Type::Set(element) => Value::set(self.list(|source| source.value(element))),
            Type::Map(element) => Value::map(self.list(|source| (source.text(), source.value(element)))),
            Type::Tuple(elements) => Value::List(elements.iter().map(|ty| self.value(ty)).collect()),
            Type::Object(attributes) => Value::map(attributes.iter().map(|(name, ty)| (name.clone(), self.value(ty)))),
            // The codecs limit the nesting depth, and each dynamic value adds up to three levels.
            Type::Dynamic if self.dynamic_depth == 16 => Value::Null,
            Type::Dynamic => {
                self.dynamic_depth += 1;
                let ty = self.ty(1);
                let value = self.value(&ty);
                self.dynamic_depth -= 1;
                Value::Dynamic(Box::new((ty, value)))
            }
        }
    }

    /// A decimal number, often a limit value.
    pub fn number(&mut self) -> Number {
        const LIMITS: [&str; 8] =
            ["0", "1e2147483647", "1e-2147483648", "9223372036854775808", "-0.1", "1e64", "1e65", "10e2147483647"];
        let zero = Number::from(0_i64);
        match self.below(4) {
            0 => Number::from(self.integer()),
            1 => self.pick(&LIMITS).parse().unwrap_or(zero),
            2 => Number::from_f64(f64::from_bits(self.integer().cast_unsigned())).unwrap_or(zero),
            _ => {
                let digits: String = self.bytes().iter().map(|byte| char::from(b'0' + byte % 10)).collect();
                let exponent = i32::from(self.byte()) * 10 - 1280;
                format!("{}.{digits}e{exponent}", self.below(10)).parse().unwrap_or(zero)
            }
        }
    }

    fn refinement(&mut self) -> Refinement {
        Refinement {
            null: self.rarely(2).then_some(false),
            prefix: self.rarely(3).then(|| self.text()),
            lower: self.rarely(3).then(|| (self.number(), self.rarely(2))),
            upper: self.rarely(3).then(|| (self.number(), self.rarely(2))),
            min_length: self.rarely(3).then(|| self.integer()),
            max_length: self.rarely(3).then(|| self.integer()),
        }
    }

    fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(5)).map(|_| element(self)).collect()
    }

    /// JSON with known field names, or bytes that are not JSON.
    pub fn body(&mut self) -> Vec<u8> {
        match self.below(8) {
            6 => self.rest().to_vec(),
            7 => Vec::new(),
            _ => {
                let mut text = String::new();
                self.document(&mut text, 5);
                text.into_bytes()
            }
        }
    }

    fn document(&mut self, out: &mut String, depth: usize) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match if depth == 0 { self.below(5) } else { [5, 5, 5, 6, 0, 1, 2, 3][self.below(8)] } {
            0 => *out += &quoted(&self.text()),
            1 => *out += self.pick(&["true", "false", "null", "{}", "[]", "\"true\""]),
            2 => {
                let _ = write!(out, "{}", self.integer());
            }
            3 => {
                let _ = write!(out, "{}", self.byte());
            }
            4 => *out += &self.number().to_string(),
            5 => {
                *out += "{";
                for position in 0..self.below(8) {
                    let comma = if position == 0 { "" } else { "," };
                    let _ = write!(out, "{comma}{}:", quoted(self.pick(&FIELDS)));
                    self.document(out, depth - 1);
                }
                *out += "}";
            }
            _ => {
                *out += "[";
                for position in 0..self.below(4) {
                    *out += if position == 0 { "" } else { "," };
                    self.document(out, depth - 1);
                }
                *out += "]";
            }
        }
    }
}

/// Whether a value has a type; independent of the codecs.
pub fn fits(value: &Value, ty: &Type) -> bool {
    match (value, ty) {
        (Value::Null | Value::Unknown(_), _)
        | (Value::Bool(_), Type::Bool)
        | (Value::Number(_), Type::Number)
        | (Value::String(_), Type::String) => true,
        (Value::List(elements), Type::List(element)) => elements.iter().all(|value| fits(value, element)),
        (Value::Set(elements), Type::Set(element)) => {
            elements.is_sorted() && elements.iter().all(|value| fits(value, element))
        }
        (Value::List(values), Type::Tuple(types)) => {
            values.len() == types.len() && values.iter().zip(types).all(|(value, ty)| fits(value, ty))
        }
        (Value::Map(entries), Type::Map(element)) => entries.values().all(|value| fits(value, element)),
        (Value::Map(entries), Type::Object(attributes)) => {
            entries.len() == attributes.len()
                && entries.iter().all(|(name, value)| attributes.get(name).is_some_and(|ty| fits(value, ty)))
        }
        (Value::Dynamic(typed), Type::Dynamic) => fits(&typed.1, &typed.0),
        _ => false,
    }
}
