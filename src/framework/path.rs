//! Attribute paths.

use std::fmt;

use super::value::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into an attribute or block of an object.
    Attribute(String),
    /// To the element of a map.
    Key(String),
    /// To the element of a list or tuple.
    Index(usize),
    /// To the element of a set. The protocol cannot express it: an encoded path ends at the set.
    Element(Value),
}

/// A path from the root of a resource's (or the provider's) configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<Step>);

impl Path {
    /// Returns the empty path, which stands for the whole object.
    pub fn root() -> Self {
        Self::default()
    }

    /// Returns the path of a root attribute.
    pub fn attribute(name: impl Into<String>) -> Self {
        Self(vec![Step::Attribute(name.into())])
    }

    /// Returns this path extended by a step.
    pub fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Returns the path of an attribute below this one.
    pub fn field(&self, name: impl Into<String>) -> Self {
        self.step(Step::Attribute(name.into()))
    }

    /// Returns the path of a map element below this one.
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// Returns the path with these steps from the root.
    pub fn from_steps(steps: &[Step]) -> Self {
        Self(steps.to_vec())
    }

    /// Returns the steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Returns the first step, the root attribute.
    pub fn head(&self) -> Option<&Step> {
        self.0.first()
    }
}

/// As Terraform writes it: `hosts["ecs-97f8-0001"]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Element(Value::String(text)) => write!(f, "[{text:?}]")?,
                Step::Element(Value::Number(number)) => write!(f, "[{number}]")?,
                Step::Element(_) => f.write_str("[…]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_matches_terraform() {
        assert_eq!(Path::attribute("hosts").key("9bad").to_string(), r#"hosts["9bad"]"#);
        assert_eq!(Path::attribute("a").step(Step::Index(3)).field("b").to_string(), "a[3].b");
        assert_eq!(Path::attribute("queues").step(Step::Element("Q 1".into())).to_string(), r#"queues["Q 1"]"#);
    }
}
