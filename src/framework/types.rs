//! Terraform's types.

use std::collections::BTreeMap;

/// A type of Terraform's type system (cty).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Type {
    Bool,
    /// An exact decimal number.
    Number,
    String,
    /// Any type; each value carries its own.
    Dynamic,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    /// A fixed number of elements, each with its own type.
    Tuple(Vec<Type>),
    /// Named attributes, each with its own type. A value has all of them.
    Object(BTreeMap<String, Type>),
}

impl Type {
    /// A list of `element`.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A set of `element`.
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// A map of `element`.
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }
}
