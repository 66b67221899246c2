//! Tags of a connection.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::project::Record;
use super::{api_error::ApiError, limits, project_service::ProjectService, request::ApiRequest, response::ApiResponse};
use crate::dli::wire::{Tag, TagList, TaggedResource, TaggedResources};

/// Default page size of "list resource instances".
const DEFAULT_LIMIT: usize = 1000;

pub(super) fn list(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    let (offset, limit) = request.page(0)?;
    let all = service.tags(request.segment("connection_id"))?;
    let page = all.iter().skip(offset).take(limit);
    let tags = page.map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect();
    Ok(ApiResponse::ok(&TagList { tags, count: i64::try_from(all.len()).unwrap_or(i64::MAX) }))
}

/// Lists connections with their tags. The filters by tag and by name are combined; a key without values matches any.
pub(super) fn list_tagged(service: &mut ProjectService<'_>, request: &ApiRequest) -> Result<ApiResponse, ApiError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Filter {
        without_any_tag: bool,
        tags: Vec<Values>,
        matches: Vec<Tag>,
    }
    #[derive(Deserialize)]
    struct Values {
        key: String,
        values: Vec<String>,
    }
    let (offset, limit) = service.page(request, DEFAULT_LIMIT)?;
    let Filter { without_any_tag, tags, matches } = request.json()?;
    let has = |record: &Record, Values { key, values }: &Values| {
        record.tags.get(key).is_some_and(|value| values.is_empty() || values.contains(value))
    };
    let meets = |record: &&Record| {
        !record.is_gone(service.now)
            && (!without_any_tag || record.tags.is_empty())
            && tags.iter().all(|values| has(record, values))
            && matches.iter().all(|field| field.key == "resource_name" && record.name.contains(&field.value))
    };
    let found: Vec<_> = service.project.connections.iter().filter(meets).collect();
    let resource = |record: &&Record| TaggedResource {
        resource_id: record.id.clone(),
        resource_name: record.name.clone(),
        tags: record.tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect(),
    };
    let resources = found.iter().skip(offset).take(limit).map(resource).collect();
    let total_count = i64::try_from(found.len()).unwrap_or(i64::MAX);
    Ok(ApiResponse::ok(&TaggedResources { resources, total_count }))
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
