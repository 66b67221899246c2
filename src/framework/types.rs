//! Terraform's types.

use std::collections::BTreeMap;

/// A type of Terraform's type system (cty).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// A bool.
    Bool,
    /// An exact decimal number.
    Number,
    /// A Unicode string.
    String,
    /// Any type; each value carries its own.
    Dynamic,
    /// Ordered elements of one type.
    List(Box<Type>),
    /// Distinct, unordered elements of one type.
    Set(Box<Type>),
    /// String keys and elements of one type.
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
