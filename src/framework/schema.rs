//! Schemas as data: attributes, nested blocks, validators and plan modifiers.

#[cfg(test)]
mod testing;

use std::{collections::BTreeMap, sync::Arc};

use super::{plan_modifier::PlanModifier, types::Type, validator::Validator, value::Value};

/// The schema of a resource, or of the provider's own configuration.
#[derive(derive_more::Debug, Clone, Default)]
pub struct Schema {
    /// Schema version; a change that makes stored state unreadable increments it.
    pub version: i64,
    /// Attributes and blocks of the root.
    pub body: BlockBody,
    /// Validators of the whole configuration.
    #[debug(skip)]
    pub validators: Vec<Arc<dyn Validator>>,
}

impl Schema {
    /// Creates a schema of attributes.
    pub fn new(description: impl Into<String>, attributes: Vec<Attribute>) -> Self {
        let body = BlockBody { attributes, description: description.into(), ..BlockBody::default() };
        Self { body, ..Self::default() }
    }
}

/// The attributes and nested blocks of a block.
#[derive(Debug, Clone, Default)]
pub struct BlockBody {
    /// Attributes, in documentation order.
    pub attributes: Vec<Attribute>,
    /// Nested blocks.
    pub blocks: Vec<Block>,
    /// Description in Markdown.
    pub description: String,
    /// Deprecation message; `None` if not deprecated.
    pub deprecation: Option<String>,
}

/// One attribute.
#[derive(derive_more::Debug, Clone)]
pub struct Attribute {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// Type or nested attributes.
    pub kind: AttributeKind,
    /// Whether it is required, optional or computed.
    pub presence: Presence,
    /// Whether Terraform hides the value in its output. The state still contains it.
    pub sensitive: bool,
    /// Value if the configuration has none. Only with [`Presence::OptionalComputed`].
    pub default: Option<Value>,
    /// Description in Markdown.
    pub description: String,
    /// Deprecation message; `None` if not deprecated.
    pub deprecation: Option<String>,
    /// Validators of a known value.
    #[debug(skip)]
    pub validators: Vec<Arc<dyn Validator>>,
    /// Plan modifiers, in order.
    #[debug(skip)]
    pub plan_modifiers: Vec<Arc<dyn PlanModifier>>,
    /// Compares two values for equal meaning; the prior spelling is kept if they are equal.
    pub semantic_equality: Option<fn(&Value, &Value) -> bool>,
}

/// The kind of an attribute's value.
#[derive(Debug, Clone)]
pub enum AttributeKind {
    /// A value of a type.
    Plain(Type),
    /// Nested attributes.
    Nested(Nesting, Vec<Attribute>),
}

/// Nesting mode of nested attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Nesting {
    Single,
    List,
    Set,
    Map,
}

/// Whether the configuration or the provider sets an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The configuration must set it.
    Required,
    /// The configuration may set it.
    Optional,
    /// The provider sets it.
    Computed,
    /// The configuration may set it; otherwise the provider does.
    OptionalComputed,
}

/// A nested block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// Nesting mode.
    pub nesting: BlockNesting,
    /// Attributes and nested blocks.
    pub body: BlockBody,
}

/// Nesting mode of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockNesting {
    /// At most one block.
    Single,
    /// Exactly one block; all attributes are null if it is missing.
    Group,
    /// Blocks in order.
    List {
        /// Minimum number of blocks.
        min_items: i64,
        /// Maximum number of blocks; 0 means no limit.
        max_items: i64,
    },
    /// Blocks without order.
    Set {
        /// Minimum number of blocks.
        min_items: i64,
        /// Maximum number of blocks; 0 means no limit.
        max_items: i64,
    },
    /// Blocks with one label each.
    Map,
}

impl Attribute {
    /// Creates an optional attribute of a type.
    pub fn new(name: &'static str, ty: Type) -> Self {
        Self::with_kind(name, AttributeKind::Plain(ty))
    }

    /// Creates an optional string.
    pub fn string(name: &'static str) -> Self {
        Self::new(name, Type::String)
    }

    /// Creates an optional bool.
    pub fn bool(name: &'static str) -> Self {
        Self::new(name, Type::Bool)
    }

    /// Creates an optional attribute with nested attributes.
    pub fn nested(name: &'static str, nesting: Nesting, attributes: Vec<Self>) -> Self {
        Self::with_kind(name, AttributeKind::Nested(nesting, attributes))
    }

    fn with_kind(name: &'static str, kind: AttributeKind) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Optional,
            sensitive: false,
            default: None,
            description: String::new(),
            deprecation: None,
            validators: Vec::new(),
            plan_modifiers: Vec::new(),
            semantic_equality: None,
        }
    }

    /// Makes it required.
    pub fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// Makes it computed.
    pub fn computed(self) -> Self {
        Self { presence: Presence::Computed, ..self }
    }

    /// Makes it optional with a default value.
    pub fn default(self, value: impl Into<Value>) -> Self {
        Self { presence: Presence::OptionalComputed, default: Some(value.into()), ..self }
    }

    /// Hides the value in Terraform's output.
    pub fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// Sets the description, in Markdown.
    pub fn description(self, markdown: impl Into<String>) -> Self {
        Self { description: markdown.into(), ..self }
    }

    /// Marks it as deprecated; `instead` says what to use.
    pub fn deprecated(self, instead: impl Into<String>) -> Self {
        Self { deprecation: Some(instead.into()), ..self }
    }

    /// Adds a validator of known values.
    pub fn validator(mut self, validator: impl Validator + 'static) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// Adds a plan modifier.
    pub fn plan_modifier(mut self, modifier: impl PlanModifier + 'static) -> Self {
        self.plan_modifiers.push(Arc::new(modifier));
        self
    }

    /// Keeps the prior value if `same` holds for it and the new one.
    pub fn semantic_equality(self, same: fn(&Value, &Value) -> bool) -> Self {
        Self { semantic_equality: Some(same), ..self }
    }

    /// The type of its values.
    pub fn ty(&self) -> Type {
        match &self.kind {
            AttributeKind::Plain(ty) => ty.clone(),
            AttributeKind::Nested(nesting, attributes) => {
                let object = Type::Object(attributes.iter().map(|a| (a.name.to_owned(), a.ty())).collect());
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }

    /// Whether the provider can set it.
    pub fn is_computed(&self) -> bool {
        matches!(self.presence, Presence::Computed | Presence::OptionalComputed)
    }
}

impl Block {
    /// The type of its values.
    pub fn ty(&self) -> Type {
        let object = self.body.ty();
        match self.nesting {
            BlockNesting::Single | BlockNesting::Group => object,
            BlockNesting::List { .. } => Type::list(object),
            BlockNesting::Set { .. } => Type::set(object),
            BlockNesting::Map => Type::map(object),
        }
    }
}

impl BlockBody {
    /// The type of its values: an object of all attributes and blocks.
    pub fn ty(&self) -> Type {
        let attributes = self.attributes.iter().map(|a| (a.name.to_owned(), a.ty()));
        let blocks = self.blocks.iter().map(|b| (b.name.to_owned(), b.ty()));
        Type::Object(attributes.chain(blocks).collect::<BTreeMap<_, _>>())
    }
}

impl Schema {
    /// The type of its values.
    pub fn ty(&self) -> Type {
        self.body.ty()
    }

    /// An object with every attribute null, and with no blocks.
    pub fn empty(&self) -> Value {
        let blocks = self.body.blocks.iter().map(|block| {
            let none = match block.nesting {
                BlockNesting::Single | BlockNesting::Group => Value::Null,
                BlockNesting::List { .. } => Value::List(Vec::new()),
                BlockNesting::Set { .. } => Value::Set(Vec::new()),
                BlockNesting::Map => Value::map::<String>([]),
            };
            (block.name, none)
        });
        Value::map(self.body.attributes.iter().map(|a| (a.name, Value::Null)).chain(blocks))
    }
}
