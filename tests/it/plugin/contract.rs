//! The proto files match upstream's in messages, names, numbers, types, services and streaming.

use std::fmt::Write as _;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};
use sha2::{Digest as _, Sha256};
use terraform_provider_dli::plugin;

/// Everything that affects the wire format, one sorted line each. Order and comments do not.
fn listing(package: &str) -> String {
    let services = FileDescriptorSet::decode(plugin::wire::DESCRIPTORS).expect("a descriptor set");
    let mut lines = Vec::new();
    for file in services.file.iter().filter(|file| file.package() == package) {
        list_file(file, &mut lines);
    }
    lines.sort();
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("a string");
        text
    })
}

fn list_file(file: &FileDescriptorProto, lines: &mut Vec<String>) {
    for message in &file.message_type {
        list_message(file.package(), message, lines);
    }
    for enumeration in &file.enum_type {
        list_enum(file.package(), enumeration, lines);
    }
    for service in &file.service {
        for method in &service.method {
            let stream = |on| if on { "stream " } else { "" };
            lines.push(format!(
                "rpc {}.{}/{} {}{} -> {}{}",
                file.package(),
                service.name(),
                method.name(),
                stream(method.client_streaming()),
                method.input_type(),
                stream(method.server_streaming()),
                method.output_type(),
            ));
        }
    }
}

fn list_message(parent: &str, message: &DescriptorProto, lines: &mut Vec<String>) {
    let name = format!("{parent}.{}", message.name());
    lines.push(format!("message {name}"));
    for field in &message.field {
        lines.push(format!("field {name} {}", field_line(message, field)));
    }
    for nested in &message.nested_type {
        list_message(&name, nested, lines);
    }
    for enumeration in &message.enum_type {
        list_enum(&name, enumeration, lines);
    }
}

fn field_line(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let label = match field.label() {
        Label::Repeated => "repeated",
        Label::Required => "required",
        Label::Optional if field.proto3_optional() => "optional",
        Label::Optional => "single",
    };
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().to_owned(),
        scalar => scalar.as_str_name().to_owned(),
    };
    let oneof = match field.oneof_index {
        Some(index) if !field.proto3_optional() => {
            let index = usize::try_from(index).expect("a positive index");
            message.oneof_decl[index].name()
        }
        _ => "-",
    };
    format!("{}={} {label} {kind} {oneof}", field.name(), field.number())
}

fn list_enum(parent: &str, enumeration: &EnumDescriptorProto, lines: &mut Vec<String>) {
    for value in &enumeration.value {
        lines.push(format!("enum {parent}.{} {}={}", enumeration.name(), value.name(), value.number()));
    }
}

fn digest(package: &str) -> String {
    hex::encode(Sha256::digest(listing(package)))
}

/// The digest of the same listing of `docs/plugin-protocol/tfplugin6.proto` of hashicorp/terraform (protocol 6.11).
#[test]
fn tfplugin6_matches_protocol_6_11() {
    assert_eq!(
        digest("tfplugin6"),
        "6eb61063ff6af8640c77bbb6875fa07630da6aab790abe11c0a319e7d98885cb",
        "{}",
        listing("tfplugin6")
    );
}

/// The digest of the same listing of `internal/plugin/grpc_{broker,controller,stdio}.proto` of hashicorp/go-plugin.
#[test]
fn plugin_matches_go_plugins_services() {
    assert_eq!(
        digest("plugin"),
        "ab2e8c7353ae5051e5971d4de3d190e90615e1e859633cdd47725659150133cb",
        "{}",
        listing("plugin")
    );
}
