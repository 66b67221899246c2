//! Schemas as data: what may be written, who decides each value, and what is checked and planned about it.

mod implementation_errors;

use std::{collections::BTreeMap, sync::Arc};

use super::{plan_modifier::PlanModifier, types::Type, validator::Validator, value::Value};

/// The schema of a resource, or of the provider's own configuration.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Counts up whenever stored state of the older form can no longer be read as this one.
    pub version: i64,
    /// Attributes and blocks of the root.
    pub body: BlockBody,
    /// Checks of the configuration as a whole.
    pub validators: Vec<Arc<dyn Validator>>,
}

/// Attributes and blocks that stand together.
#[derive(Debug, Clone, Default)]
pub struct BlockBody {
    /// Attributes, in the order in which documentation lists them.
    pub attributes: Vec<Attribute>,
    /// Nested blocks.
    pub blocks: Vec<Block>,
    /// Markdown.
    pub description: String,
    /// What to use instead, where this should no longer be used.
    pub deprecation: Option<String>,
}

/// One attribute.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// Its type, or the attributes nested in it.
    pub kind: AttributeKind,
    /// Who decides its value.
    pub presence: Presence,
    /// Whether Terraform hides it in what it shows. (It is stored and sent all the same.)
    pub sensitive: bool,
    /// Used where the configuration has none. Only with [`Presence::OptionalComputed`].
    pub default: Option<Value>,
    /// Markdown.
    pub description: String,
    /// What to use instead, where this should no longer be used.
    pub deprecation: Option<String>,
    /// Checks of a known value.
    pub validators: Vec<Arc<dyn Validator>>,
    /// What a change of it means for the plan.
    pub plan_modifiers: Vec<Arc<dyn PlanModifier>>,
    /// When two spellings mean the same; the one that Terraform has already is then kept.
    pub semantic_equality: Option<fn(&Value, &Value) -> bool>,
}

/// What an attribute holds.
#[derive(Debug, Clone)]
pub enum AttributeKind {
    /// A value of a type.
    Plain(Type),
    /// Attributes of its own, once or many times.
    Nested(Nesting, Vec<Attribute>),
}

/// How many times nested attributes stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// Once.
    Single,
    /// Many times, in order.
    List,
    /// Many times, in no order.
    Set,
    /// Many times, each under a key.
    Map,
}

/// Who decides the value of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The configuration, always.
    Required,
    /// The configuration, or nobody.
    Optional,
    /// The provider.
    Computed,
    /// The configuration, else the provider.
    OptionalComputed,
}

/// A nested block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Lower-case letters, digits and underscores.
    pub name: &'static str,
    /// How many times it may stand there.
    pub nesting: BlockNesting,
    /// What stands in it.
    pub body: BlockBody,
}

/// How many times a block may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockNesting {
    /// Once or not at all.
    Single,
    /// Once; where it is not written its attributes are null.
    Group,
    /// From `min_items` to `max_items` times (0: any number), in order.
    List {
        /// Fewest.
        min_items: i64,
        /// Most; 0 is no limit.
        max_items: i64,
    },
    /// From `min_items` to `max_items` times (0: any number), in no order.
    Set {
        /// Fewest.
        min_items: i64,
        /// Most; 0 is no limit.
        max_items: i64,
    },
    /// Any number of times, each under a label.
    Map,
}

impl Attribute {
    /// An optional attribute of a type.
    pub fn new(name: &'static str, ty: Type) -> Self {
        Self::with_kind(name, AttributeKind::Plain(ty))
    }

    /// An optional text.
    pub fn string(name: &'static str) -> Self {
        Self::new(name, Type::String)
    }

    /// An optional truth value.
    pub fn bool(name: &'static str) -> Self {
        Self::new(name, Type::Bool)
    }

    /// An optional attribute with attributes of its own.
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

    /// The configuration must set it.
    pub fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }

    /// The provider sets it.
    pub fn computed(self) -> Self {
        Self { presence: Presence::Computed, ..self }
    }

    /// The configuration may set it; otherwise it is `value`.
    pub fn default(self, value: impl Into<Value>) -> Self {
        Self { presence: Presence::OptionalComputed, default: Some(value.into()), ..self }
    }

    /// Terraform does not show it.
    pub fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    /// What it means, in Markdown.
    pub fn description(self, markdown: impl Into<String>) -> Self {
        Self { description: markdown.into(), ..self }
    }

    /// Should no longer be used; `instead` says what should.
    pub fn deprecated(self, instead: impl Into<String>) -> Self {
        Self { deprecation: Some(instead.into()), ..self }
    }

    /// Checks a known value.
    pub fn validator(mut self, validator: impl Validator + 'static) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// Takes part in planning.
    pub fn plan_modifier(mut self, modifier: impl PlanModifier + 'static) -> Self {
        self.plan_modifiers.push(Arc::new(modifier));
        self
    }

    /// Two values for which `same` holds are one: the one Terraform has already is kept.
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

    /// Whether the provider may decide it.
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
                BlockNesting::Map => Value::Map(BTreeMap::new()),
            };
            (block.name, none)
        });
        Value::map(self.body.attributes.iter().map(|a| (a.name, Value::Null)).chain(blocks))
    }
}
