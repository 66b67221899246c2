//! States of other providers for the same service, for `moved` blocks.
//!
//! The providers share their code: version 1.47 of `huaweicloud` and all later ones write the same attributes, with
//! schema version 0. A null, a missing and an empty value mean the same in them.

use crate::dli::rules;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::MoveSources;
use crate::framework::types::Type;
use crate::framework::value::Value;

/// The types of the providers.
const PROVIDERS: &[&str] = &["huaweicloud", "flexibleengine", "g42cloud"];

/// The resource type `PROVIDER_{type_name}` of each provider, whose state has these attributes.
pub(crate) fn sources<const N: usize>(type_name: &'static str, attributes: [(&str, Type); N]) -> MoveSources {
    let attributes = attributes.map(|(name, ty)| (name.to_owned(), ty));
    MoveSources { providers: PROVIDERS, type_name, version: 0, ty: Type::Object(attributes.into()) }
}

/// A string that is not empty.
pub(crate) fn text(source: &Value, name: &str) -> Option<String> {
    source.get(name).as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A string that must not be empty.
pub(crate) fn required(source: &Value, name: &str) -> Result<String, Diagnostics> {
    text(source, name).ok_or_else(|| damaged(source, &format!("it has no {name}")))
}

/// The ID of a connection.
pub(crate) fn connection_id(source: &Value, name: &str) -> Result<String, Diagnostics> {
    let id = required(source, name)?;
    match rules::OBJECT_ID.violation(&id) {
        None => Ok(id),
        Some(violation) => Err(damaged(source, &format!("its {name} {id:?} {violation}"))),
    }
}

/// The strings of a list or set, except for empty ones.
pub(crate) fn texts<'a>(source: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    source.get(name).strings().filter(|text| !text.is_empty())
}

fn damaged(source: &Value, fault: &str) -> Diagnostics {
    let id = source.get("id").as_str().unwrap_or("without an ID");
    let text = format!(
        "The resource {id} cannot be moved: {fault}. The state was probably damaged or edited by hand. Nothing was \
         moved.\n\nRestore the state from a backup (terraform.tfstate.backup). Or import the object under its new \
         type, and take the old resource out of the state with a removed block that has destroy = false."
    );
    Diagnostic::error("Damaged Source State", text).into()
}
