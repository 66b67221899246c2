//! The connection resource as the tests configure it, and its plan actions.

/// The address of the connection below.
pub(super) const ADDRESS: &str = "dli_enhanced_connection.test";
pub(super) const CREATE: &[(&str, &str)] = &[(ADDRESS, "create")];
pub(super) const UPDATE: &[(&str, &str)] = &[(ADDRESS, "update")];
pub(super) const REPLACE: &[(&str, &str)] = &[(ADDRESS, "replace")];

/// The example request of the API documents.
pub(super) const EXAMPLE: &str = include_str!("../../../examples/quickstart/main.tf");

/// A connection with these attributes and the three required ones.
pub(super) fn connection(attributes: &str) -> String {
    format!(
        r#"
resource "dli_enhanced_connection" "test" {{
  name            = "test"
  dest_vpc_id     = "22094d8f-c310-4621-913d-4c4d655d8495"
  dest_network_id = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
  {attributes}
}}
"#
    )
}
