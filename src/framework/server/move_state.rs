//! Moves states of other resource types, named by `moved` blocks, to resource types of this provider.

use super::{ResourceResponse, Server};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::ResponseState;
use crate::framework::types::Type;
use crate::framework::value::Value;

/// The origin of a state to move.
#[derive(Debug, Clone, Copy)]
pub struct MoveSource<'a> {
    /// Address of the provider that wrote the state, as `HOST/NAMESPACE/TYPE`.
    pub provider_address: &'a str,
    /// Resource type of the state.
    pub type_name: &'a str,
    /// Schema version of the state.
    pub version: i64,
}

impl Server {
    /// Returns the type of a state to move. Fails if the target resource type does not take such states over.
    ///
    /// The host and the namespace of the provider do not matter: mirrors and private registries have their own.
    pub fn move_source_type(&self, target: &str, source: MoveSource<'_>) -> Result<Type, Diagnostics> {
        let MoveSource { provider_address, type_name, version } = source;
        let accepted = self.resources.get(target)?.implementation.move_sources();
        let provider = provider_address.rsplit('/').next().unwrap_or_default();
        let names = |accepted: &super::MoveSources| -> Vec<String> {
            accepted.providers.iter().map(|provider| format!("{provider}_{}", accepted.type_name)).collect()
        };
        let is_known = |accepted: &&super::MoveSources| {
            accepted.providers.contains(&provider) && names(accepted).iter().any(|name| name == type_name)
        };
        let Some(found) = accepted.as_ref().filter(is_known) else {
            let choice = match &accepted {
                Some(accepted) => format!("Only these types can be moved to it: {}.", names(accepted).join(", ")),
                None => "No other type can be moved to it.".to_owned(),
            };
            let text = format!(
                "A {type_name} of the provider {provider_address} cannot be moved to a {target}. {choice} Nothing was \
                 moved.\n\nImport the object under its new type instead, and take the old resource out of the state \
                 with a removed block that has destroy = false."
            );
            return Err(Diagnostic::error("Move Not Supported", text).into());
        };
        if version == found.version {
            return Ok(found.ty.clone());
        }
        let text = format!(
            "The state holds a {type_name} of schema version {version}; this version of the provider can move version \
             {}. Nothing was moved.\n\nUse a newer version of this provider, or an older version of the provider {} \
             that writes the known version. Or import the object under its new type, and take the old resource out of \
             the state with a removed block that has destroy = false.",
            found.version, provider
        );
        Err(Diagnostic::error("Source State of an Unknown Version", text).into())
    }

    /// Converts a state of [`Server::move_source_type`]. Works offline, and before the provider is configured. On error
    /// the state is null.
    pub fn move_state(&self, target: &str, source: &Value) -> ResourceResponse {
        let mut response = ResponseState::default();
        let result = match self.resources.get(target) {
            Ok(_) if source.is_null() => {
                let text = format!(
                    "The state to move to the {target} is null. Nothing was moved.\n\nRestore the state from a backup \
                     (terraform.tfstate.backup)."
                );
                Err(Diagnostic::error("Damaged Source State", text).into())
            }
            Ok(registered) => registered.implementation.move_state(source, &mut response),
            Err(unknown) => Err(unknown),
        };
        let (state, private, mut diagnostics) = response.into_parts();
        match result {
            Err(errors) => {
                diagnostics.extend(errors);
                ResourceResponse { diagnostics, ..ResourceResponse::default() }
            }
            Ok(()) => ResourceResponse { identity: self.identity_of(target, &state), state, private, diagnostics },
        }
    }
}
