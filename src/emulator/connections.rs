//! Create, list, show, delete connections, and replace their hosts.

use serde::Serialize;

use super::{
    account::Account,
    operation::{Answer, Call, Operation, tag_filter},
    project::Record,
    refusal::Refusal,
};
use crate::dli::wire::{
    Connection, ConnectionCreated, ConnectionList, CreateConnection, Outcome, ReplaceHosts, STATUS_ACTIVE,
    STATUS_DELETED,
};

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateEnhancedConnection",
        method: "POST",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections",
        run: create,
    },
    Operation {
        name: "ListEnhancedConnections",
        method: "GET",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections",
        run: list,
    },
    Operation {
        name: "ShowEnhancedConnection",
        method: "GET",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}",
        run: show,
    },
    Operation {
        name: "DeleteEnhancedConnection",
        method: "DELETE",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}",
        run: delete,
    },
    Operation {
        name: "UpdateEnhancedConnection",
        method: "PUT",
        pattern: "/v2.0/{project_id}/datasource/enhanced-connections/{connection_id}",
        run: update,
    },
];

/// How many connections one page of the list holds when nothing is said.
const PAGE: usize = 100;

fn create(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let connection_id = account.create(call.json::<CreateConnection>()?)?;
    Ok(Answer::json(201, &ConnectionCreated { outcome: Outcome::success(""), connection_id }))
}

fn show(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    #[derive(Serialize)]
    struct Shown {
        #[serde(flatten)]
        outcome: Outcome,
        #[serde(flatten)]
        connection: Connection,
    }
    let connection = account.connection(call.segment("connection_id"))?;
    Ok(Answer::ok(&Shown { outcome: Outcome::success(""), connection }))
}

fn list(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    let filter = Filter::read(call)?;
    let most = match call.number("limit")?.unwrap_or(PAGE) {
        0 => usize::MAX,
        most => most,
    };
    let offset = call.number("offset")?.unwrap_or(0);
    let page = account.records().iter().filter(|record| filter.meets(record, account.now)).skip(offset).take(most);
    let connections: Vec<_> = page.map(|record| record.shown(account.now)).collect();
    // "Number returned", says the page.
    let count = i64::try_from(connections.len()).unwrap_or(i64::MAX);
    Ok(Answer::ok(&ConnectionList { outcome: Outcome::success(""), count, connections }))
}

fn delete(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    account.delete(call.segment("connection_id"))?;
    Ok(Answer::ok(&Outcome::success("Deleted")))
}

fn update(account: &mut Account<'_>, call: &Call<'_>) -> Result<Answer, Refusal> {
    account.replace_hosts(call.segment("connection_id"), call.json::<ReplaceHosts>()?.hosts)?;
    Ok(Answer::ok(&Outcome::success("")))
}

/// What "list" is narrowed to.
struct Filter<'a> {
    name: Option<&'a str>,
    status: Option<&'static str>,
    tags: Vec<(&'a str, &'a str)>,
}

impl<'a> Filter<'a> {
    fn read(call: &'a Call<'_>) -> Result<Self, Refusal> {
        let status = match call.parameter("status") {
            None => None,
            Some(text) if text.eq_ignore_ascii_case(STATUS_ACTIVE) => Some(STATUS_ACTIVE),
            Some(text) if text.eq_ignore_ascii_case(STATUS_DELETED) => Some(STATUS_DELETED),
            Some(text) => {
                return Err(Refusal::parameter(format!(
                    "The parameter status is invalid: {text:?} is neither ACTIVE nor DELETED"
                )));
            }
        };
        let tags = call.parameter("tags").map(tag_filter).transpose()?.unwrap_or_default();
        Ok(Self { name: call.parameter("name"), status, tags })
    }

    fn meets(&self, record: &Record, now: i64) -> bool {
        self.name.is_none_or(|name| record.name == name)
            && self.status.is_none_or(|status| record.status(now) == status)
            && self.tags.iter().all(|(key, value)| record.tags.get(*key).is_some_and(|held| held == value))
    }
}
