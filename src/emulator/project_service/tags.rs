//! Tags of a connection.

use std::collections::BTreeMap;

use super::ProjectService;
use crate::{
    dli::wire::Tag,
    emulator::{api_error::ApiError, limits},
};

impl ProjectService<'_> {
    /// Adds tags. Existing keys are overwritten (an inference).
    pub fn put_tags(&mut self, id: &str, tags: Vec<Tag>) -> Result<(), ApiError> {
        limits::tags(&tags)?;
        let record = self.record_mut(id)?;
        let mut all = record.tags.clone();
        all.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
        limits::tag_count(all.len())?;
        record.tags = all;
        Ok(())
    }

    /// Removes tags by key. Missing keys and the values are ignored (both inferences).
    pub fn remove_tags(&mut self, id: &str, tags: &[Tag]) -> Result<(), ApiError> {
        limits::tags(tags)?;
        let record = self.record_mut(id)?;
        for tag in tags {
            record.tags.remove(&tag.key);
        }
        Ok(())
    }

    /// The tags of a connection.
    pub fn tags(&self, id: &str) -> Result<&BTreeMap<String, String>, ApiError> {
        self.existing(id).map(|record| &record.tags)
    }
}
