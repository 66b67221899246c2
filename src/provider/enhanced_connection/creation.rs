//! Making a connection once and only once, although the service takes no idempotency token and an answer can be lost.
//!
//! | what happens | what is done |
//! |---|---|
//! | an earlier run was killed, and left a note of it | what the note proves is taken over; nothing is sent |
//! | the answer is lost | what has the name now is looked at; what is surely ours is taken over |
//! | nothing has the name, for some seconds | it is sent again |
//! | something has the name that is not surely ours | nothing is done, and the error says what is there |
//!
//! What is surely ours, [`Creation::made`] says.

use std::{collections::BTreeMap, time::Duration};

use super::{Connection, look_at, look_for};
use crate::{
    client::{ConnectionFilter, Error, Operation},
    dli::{code, wire},
    framework::diagnostic::{Diagnostic, Diagnostics},
    provider::{
        account::Account,
        enhanced_connection::model::timestamp,
        pending::{Creation, Pending},
        session::{Fault, Session},
        tagging::Tags,
    },
};

/// How often it is sent at most.
const ATTEMPTS: usize = 5;

/// Pauses between the looks for something that may show up late: what was written is not always read at once.
const LOOKS: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_millis(3500),
];

const NOTHING: &str = "Nothing was created.";
const NOT_SEEN: &str = "Nothing was created. Before a connection is created, the provider checks which connections have its name: \
                        without that, a lost answer could leave a connection behind that Terraform does not know. This \
                        needs the permission to list connections.";

/// How a connection came about.
#[derive(Debug)]
pub(super) enum Made {
    /// The service answered with this id.
    Answered(String),
    /// It was found, because the answer was lost.
    Found(wire::Connection),
    /// An earlier run made it, of which this was noted.
    Earlier(wire::Connection, Box<Creation>),
}

/// A creation under way.
struct Making<'a> {
    session: &'a Session,
    pending: &'a Pending,
    summary: &'a str,
    planned: &'a Connection,
    body: wire::CreateConnection,
}

/// Makes the connection, or finds that it was made.
pub(super) async fn make(
    session: &Session,
    account: &Account,
    planned: &Connection,
    tags: &Tags,
    summary: &str,
) -> Result<Made, Diagnostics> {
    let told = |fault: Fault| fault.tell(summary, NOTHING);
    // Two resources of one name, one after the other: what the first has made is not the second's.
    let name = format!("{}/{}", session.project.id(), planned.name);
    let _turn = session.read(async { Ok(account.locks().write(&name).await) }).await.map_err(told)?;
    let making = Making { session, pending: account.pending(), summary, planned, body: planned.to_create(tags) };
    let made = making.make().await?;
    account.pending().claim(match &made {
        Made::Answered(id) => id,
        Made::Found(shown) | Made::Earlier(shown, _) => &shown.id,
    });
    Ok(made)
}

impl Making<'_> {
    async fn make(&self) -> Result<Made, Diagnostics> {
        let told = |fault: Fault| fault.tell(self.summary, NOTHING);
        let (project_id, name) = (self.session.project.id(), self.planned.name.as_str());
        let before = match self.named().await {
            // Of what is made without this, nobody could tell afterwards whose it is.
            Err(fault) if fault.is_refused() && is_of_list(&fault) => return Err(fault.tell(self.summary, NOT_SEEN)),
            before => before.map_err(told)?,
        };
        let noted = self.pending.find(project_id, name);
        if let Some(noted) = noted.as_ref().filter(|noted| self.pending.is_earlier(noted))
            && let Some(earlier) = self.earlier(noted, &before).await?
        {
            return Ok(Made::Earlier(earlier, Box::new(noted.clone())));
        }
        let routes = self.planned.routes.as_ref();
        let now = self.session.project.server_now();
        let mut creation = self.pending.creation(project_id, &self.body, routes, &before, now);
        let mut open = false;
        let mut attempt = 1;
        loop {
            creation.again(self.session.project.server_now());
            self.pending.keep(&creation);
            let fault = match self.session.write(self.session.project.create_connection(&self.body)).await {
                Ok(id) => {
                    creation.id = Some(id.clone());
                    self.pending.keep(&creation);
                    return Ok(Made::Answered(id));
                }
                Err(fault) => fault,
            };
            let taken = fault.has_code(code::ALREADY_EXISTS);
            if !(fault.may_have_taken_effect() || open && taken) {
                match &noted {
                    _ if open => {}
                    // Of what an earlier run began, this tells nothing.
                    Some(noted) => self.pending.keep(noted),
                    None => self.pending.forget(project_id, name),
                }
                let there = if taken { self.named().await.unwrap_or_default() } else { Vec::new() };
                return Err(self.refused(fault, open, &there));
            }
            open = true;
            if matches!(fault, Fault::Interrupted { .. } | Fault::TimedOut { .. }) {
                return Err(fault.tell(self.summary, &look_for(name)));
            }
            tracing::info!(?fault, name, "the answer to a creation was lost; looking whether it was made");
            let others = match self.found(&creation).await {
                Ok(Ok(shown)) => {
                    creation.id = Some(shown.id.clone());
                    self.pending.keep(&creation);
                    return Ok(Made::Found(shown));
                }
                Ok(Err(others)) => others,
                // The first fault is what matters; that nobody could look is beside the point.
                Err(_) => return Err(fault.tell(self.summary, &look_for(name))),
            };
            if !others.is_empty() {
                return Err(fault.tell(self.summary, &format!("{}\n\n{}", described(name, &others), look_at(&others))));
            }
            if taken || attempt == ATTEMPTS || !fault.is_transient() {
                return Err(fault.tell(self.summary, &look_for(name)));
            }
            attempt += 1;
        }
    }

    /// What has the name.
    async fn named(&self) -> Result<Vec<wire::Connection>, Fault> {
        let name = &self.planned.name;
        let filter =
            ConnectionFilter { name: Some(name), status: Some(wire::STATUS_ACTIVE), ..ConnectionFilter::default() };
        let mut named = self.session.read(self.session.project.list_connections(&filter)).await?;
        named.retain(|connection| connection.name == *name && !connection.is_deleted());
        Ok(named)
    }

    /// What an earlier run made, and could not tell. Where that was a moment ago, it may show up late.
    async fn earlier(
        &self,
        noted: &Creation,
        named: &[wire::Connection],
    ) -> Result<Option<wire::Connection>, Diagnostics> {
        let told = |fault: Fault| fault.tell(self.summary, NOTHING);
        let ours = |shown: &wire::Connection| noted.made(shown) && !self.pending.is_claimed(&shown.id);
        let mut found: Vec<_> = named.iter().filter(|shown| ours(shown)).cloned().collect();
        let is_taken = noted.id.as_ref().is_some_and(|id| self.pending.is_claimed(id));
        if !is_taken && noted.is_recent(self.session.project.server_now()) {
            for pause in LOOKS {
                if !found.is_empty() {
                    break;
                }
                self.session.pause(pause, String::new).await.map_err(told)?;
                found.extend(self.named().await.map_err(told)?.into_iter().filter(ours));
            }
        }
        let Connection { name, dest_vpc_id, dest_network_id, .. } = self.planned;
        let shown = match &found[..] {
            [] => return Ok(None),
            [shown] => shown,
            several => {
                let text = format!(
                    "{}\n\nAn earlier run created one of them and could not tell Terraform; nothing shows which. {NOTHING} Import \
                     the one that is yours: terraform import ADDRESS ID",
                    described(name, several)
                );
                return Err(Diagnostic::error(format!("{}: Left by an Earlier Run", self.summary), text).into());
            }
        };
        if shown.dest_vpc_id.eq_ignore_ascii_case(dest_vpc_id)
            && shown.dest_network_id.eq_ignore_ascii_case(dest_network_id)
        {
            return Ok(Some(shown.clone()));
        }
        let text = format!(
            "{}\n\nAn earlier run created it and could not tell Terraform, and since then dest_vpc_id or dest_network_id was \
             changed in the configuration. {NOTHING} Import it; the next apply will then replace it: terraform import ADDRESS \
             {}",
            described(name, std::slice::from_ref(shown)),
            shown.id
        );
        Err(Diagnostic::error(format!("{}: Left by an Earlier Run", self.summary), text).into())
    }

    /// Looks until what was made is there, or until it would have been by now: what is surely ours, else all that has the
    /// name and was not there before.
    async fn found(&self, creation: &Creation) -> Result<Result<wire::Connection, Vec<wire::Connection>>, Fault> {
        let mut pauses = LOOKS.into_iter();
        loop {
            let mut named = self.named().await?;
            named.retain(|connection| !creation.was_there(&connection.id));
            let ours: Vec<_> = named.iter().filter(|shown| creation.made(shown)).collect();
            match (&ours[..], pauses.next()) {
                ([shown], _) => return Ok(Ok((*shown).clone())),
                ([], Some(pause)) if named.is_empty() => self.session.pause(pause, String::new).await?,
                _ => return Ok(Err(named)),
            }
        }
    }

    /// The service says that it did nothing.
    fn refused(&self, fault: Fault, open: bool, there: &[wire::Connection]) -> Diagnostics {
        let name = &self.planned.name;
        if open {
            return fault.tell(self.summary, &look_for(name));
        }
        if there.is_empty() {
            return fault.tell(self.summary, NOTHING);
        }
        let text = format!(
            "{}\n\n{NOTHING} Choose another name, or import the existing one: terraform import ADDRESS {}",
            described(name, there),
            there[0].id
        );
        fault.tell(self.summary, &text)
    }
}

/// What a state would hold that the earlier run had written: what it declared and the configuration does no longer, is its
/// own to remove.
pub(super) fn as_noted(now: Connection, noted: &Creation) -> Connection {
    let Creation { queues, elastic_resource_pools: pools, routes, tags, .. } = noted;
    Connection {
        queues: now.queues.or_else(|| (!queues.is_empty()).then(|| queues.clone())),
        elastic_resource_pools: now.elastic_resource_pools.or_else(|| (!pools.is_empty()).then(|| pools.clone())),
        hosts: now.hosts.or_else(|| noted.has_hosts().then(BTreeMap::new)),
        routes: now.routes.or_else(|| (!routes.is_empty()).then(|| routes.clone())),
        tags: now.tags.or_else(|| (!tags.is_empty()).then(|| tags.clone())),
        ..now
    }
}

/// Whether it was the list that was refused, and not IAM that was asked before.
fn is_of_list(fault: &Fault) -> bool {
    fault.called().and_then(Error::operation) == Some(Operation::ListConnections)
}

/// What is there, exactly.
fn described(name: &str, there: &[wire::Connection]) -> String {
    let one = |connection: &wire::Connection| {
        let wire::Connection { id, dest_vpc_id, dest_network_id, create_time, .. } = connection;
        let created = timestamp(*create_time).unwrap_or_else(|| "at an unknown time".to_owned());
        format!("{id} (created {created}, VPC {dest_vpc_id}, subnet {dest_network_id})")
    };
    let some = if there.len() == 1 { "is an enhanced connection" } else { "are enhanced connections" };
    format!("There {some} named {name:?}: {}.", there.iter().map(one).collect::<Vec<_>>().join(", "))
}
