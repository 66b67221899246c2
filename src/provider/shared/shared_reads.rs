//! Responses that the reads of one refresh share.
//!
//! Terraform refreshes each object on its own. Without sharing, 30 routes of a connection read that connection 30
//! times, and 1,000 connections with tags take 2,000 requests. The provider shares
//!
//! - the response about one connection, for [`LIFETIME`];
//! - pages of the list of connections, and of the list of their tags, once a second connection is read.
//!
//! Only refreshes and data sources use shared responses, and only until the run changes an object. A list may be older
//! than the response about one object, so a refresh uses it only if it confirms the state. Errors are not shared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Mutex as Lock;
use tokio::time::Instant;

use crate::dli::wire::{Connection, ConnectionFields, Privilege};
use crate::provider::shared::tags::Tags;

/// Lifetime of the response about one object, from the time of the request.
const LIFETIME: Duration = Duration::from_secs(5);

/// Lifetime of the pages of a list, from the time of the first request. A refresh that takes longer reads them again.
const LIST_LIFETIME: Duration = Duration::from_secs(30);

/// Maximum number of host records in the kept pages, which bounds their memory to about 100 MB.
const MAX_HOSTS: usize = 500_000;

/// The shared responses of one run.
#[derive(Debug, Default)]
pub(super) struct SharedReads {
    pub(super) connections: Objects<Arc<Connection>>,
    pub(super) privileges: Objects<Vec<Privilege>>,
    pub(super) tags: Objects<Tags>,
    /// The pool of each queue in a pool.
    pub(super) pools_of_queues: Objects<BTreeMap<String, String>>,
    pub(super) lists_of_connections: Lists<ListedRow>,
    pub(super) lists_of_tags: Lists<Tags>,
}

/// A row of the list of connections, as [`ListedConnection`](crate::client::ListedConnection).
#[derive(Debug, Clone, Default)]
pub(super) struct ListedRow {
    pub(super) connection: Arc<Connection>,
    pub(super) fields: ConnectionFields,
}

/// Which responses the reads of an operation share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// They send their own requests.
    None,
    /// They share responses about single objects.
    Objects,
    /// They also use pages of lists.
    Lists,
}

/// Responses about single objects, each with the time of its request. By project and ID in lower case.
#[derive(Debug)]
pub(super) struct Objects<T>(Mutex<BTreeMap<(String, String), Slot<T>>>);

/// The latest response about an object; locked while a read requests it.
type Slot<T> = Arc<Lock<Option<(Instant, T)>>>;

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Objects<T> {
    /// Returns the response that another read has received within [`LIFETIME`], or sends the request.
    pub(super) async fn get<E>(
        &self,
        project: &str,
        id: &str,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let request = async {
            let value = request.await?;
            self.drop_expired();
            Ok(value)
        };
        self.get_if(project, id, |sent, _| sent.elapsed() < LIFETIME, Box::pin(request)).await
    }

    /// Returns the response that another read has received if it `is_usable`, or sends the request. Other reads of the
    /// object wait. Errors are not kept.
    pub(super) async fn get_if<E>(
        &self,
        project: &str,
        id: &str,
        is_usable: impl Fn(Instant, &T) -> bool,
        request: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let slot = self.slot(project, id);
        let mut held = slot.lock().await;
        if let Some((sent, value)) = &*held
            && is_usable(*sent, value)
        {
            return Ok(value.clone());
        }
        let sent = Instant::now();
        let value = request.await?;
        *held = Some((sent, value.clone()));
        Ok(value)
    }

    /// Returns the response that a read has received, whatever its age.
    pub(super) async fn known(&self, project: &str, id: &str) -> Option<T> {
        let slot = self.slot(project, id);
        let held = slot.lock().await;
        held.as_ref().map(|(_, value)| value.clone())
    }

    fn slot(&self, project: &str, id: &str) -> Slot<T> {
        Arc::clone(self.0.lock().entry((project.to_owned(), id.to_ascii_lowercase())).or_default())
    }

    /// Drops responses that no read can use any more. Those that a read holds stay.
    fn drop_expired(&self) {
        let is_used = |slot: &Slot<T>| {
            let Ok(held) = slot.try_lock() else { return true };
            held.as_ref().is_some_and(|(sent, _)| sent.elapsed() < LIFETIME)
        };
        self.0.lock().retain(|_, slot| is_used(slot));
    }
}

/// The pages of one kind of list, by project.
#[derive(Debug, Default)]
pub(super) struct Lists<T>(Mutex<BTreeMap<String, Arc<List<T>>>>);

#[derive(Debug, Default)]
struct List<T> {
    /// The IDs that were asked for. Their number limits the number of requests: a list must not cost more than it
    /// saves.
    asked: Mutex<BTreeSet<String>>,
    pages: Lock<Pages<T>>,
}

#[derive(Debug, Default)]
struct Pages<T> {
    /// The time of the first request.
    since: Option<Instant>,
    /// By ID in lower case.
    items: BTreeMap<String, T>,
    /// The number of items on the pages read so far.
    offset: usize,
    requests: usize,
    weight: usize,
    /// Whether the last page was read, or the service does not respond.
    is_finished: bool,
}

impl<T: Clone + Default> Lists<T> {
    /// Returns an object from the list of its project, and reads further pages while they cost less than reading the
    /// objects one by one. `None` means that the object must be read on its own.
    ///
    /// `fetch` returns the objects from an offset with their IDs. After an error, the run reads no more pages.
    pub(super) async fn get<'a, E: Debug>(
        &self,
        project: &str,
        id: &str,
        weight: impl Fn(&T) -> usize,
        fetch: impl Fn(usize) -> BoxFuture<'a, Result<Vec<(String, T)>, E>>,
    ) -> Option<T> {
        let id = id.to_ascii_lowercase();
        let list = Arc::clone(self.0.lock().entry(project.to_owned()).or_default());
        list.asked.lock().insert(id.clone());
        if list.asked.lock().len() < 2 {
            return None;
        }
        let mut pages = list.pages.lock().await;
        if pages.since.is_some_and(|since| since.elapsed() >= LIST_LIFETIME) {
            *pages = Pages::default();
        }
        while !pages.items.contains_key(&id) {
            if pages.is_finished || pages.requests >= list.asked.lock().len() {
                return None;
            }
            pages.since.get_or_insert_with(Instant::now);
            match fetch(pages.offset).await {
                Ok(page) => pages.add(page, &weight),
                Err(error) => {
                    tracing::debug!(?error, "the list cannot be read; reading the objects one by one");
                    *pages = Pages { is_finished: true, ..Pages::default() };
                }
            }
        }
        pages.items.get(&id).cloned()
    }
}

impl<T> Pages<T> {
    fn add(&mut self, page: Vec<(String, T)>, weight: impl Fn(&T) -> usize) {
        self.requests += 1;
        self.offset += page.len();
        self.is_finished = page.is_empty();
        for (id, item) in page {
            let weight = weight(&item);
            if self.weight + weight <= MAX_HOSTS {
                self.weight += weight;
                self.items.insert(id.to_ascii_lowercase(), item);
            }
        }
    }
}
