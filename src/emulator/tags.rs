//! Tags of a connection.

use std::collections::BTreeMap;

use super::{api_error::ApiError, limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::wire::{Tag, TagList};

pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (offset, limit) = request.page(0)?;
    let all = service.tags(request.segment("connection_id"))?;
    let page = all.iter().skip(offset).take(limit);
    let tags = page.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    Ok(ApiResponse::ok(&TagList { tags, count: i64::try_from(all.len()).unwrap_or(i64::MAX) }))
}

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
        record.tags.retain(|key, _| tags.iter().all(|tag| tag.key != *key));
        Ok(())
    }

    /// The tags of a connection.
    pub fn tags(&self, id: &str) -> Result<&BTreeMap<String, String>, ApiError> {
        self.existing(id).map(|record| &record.tags)
    }
}
