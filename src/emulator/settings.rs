//! The settings of an emulator, which are also the command-line arguments of `dli-emulator`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgAction, Args, Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use super::clock::{Clock, SystemClock};
use super::project::Project;
use super::{durations, faults::Fault, quirks::Quirks, seed::Seed, throttle::Limit};

/// Default access key.
pub const ACCESS_KEY: &str = "emulator";
/// Default secret key. Every secret that an emulator issues contains it.
pub const SECRET_KEY: &str = "emulator-secret";

/// Settings of an emulator. Most of them can be changed while it runs. Some are secret, so none is shown.
#[derive(Clone, derive_more::Debug, Parser)]
#[debug("Settings {{ .. }}")]
pub struct Settings {
    /// File that keeps the state across restarts. One process at a time can use it.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// JSON file with the queues, pools and networks that every project has at first, in place of the built-in ones.
    #[arg(long, value_parser = |path: &str| Seed::read_file(path), value_name = "FILE")]
    pub seed_file: Option<Seed>,
    /// Host name under which clients may use the emulator, also for the control API (repeatable).
    ///
    /// IP addresses, localhost and names without a dot need not be allowed for signed requests. For the control API and
    /// the page, every host except localhost and loopback addresses must be allowed. If the emulator listens on another
    /// address, these must be allowed too.
    #[arg(long = "allowed-host", value_name = "NAME")]
    pub allowed_hosts: Vec<String>,
    /// Access key that requests must be signed with.
    #[arg(long, default_value = ACCESS_KEY, value_name = "KEY")]
    pub access_key: String,
    /// Secret key of the access key.
    #[arg(long, default_value = SECRET_KEY, value_name = "KEY")]
    pub secret_key: String,
    /// Security token that requests must carry; makes the keys temporary.
    #[arg(long, value_name = "TOKEN")]
    pub security_token: Option<String>,
    /// Time that a binding stays CREATING, such as 500ms or 1m.
    #[arg(long, default_value = "2s", value_parser = durations::parse, value_name = "TIME")]
    pub binding_delay: Duration,
    /// Delay of each response, after the request has taken effect.
    #[arg(long, default_value = "0s", value_parser = durations::parse, value_name = "TIME")]
    pub latency: Duration,
    /// Make bindings of this queue or pool FAILED with this text (repeatable).
    #[arg(long = "fail-binding", value_parser = name_and_text, value_name = "NAME=TEXT")]
    pub failing: Vec<(String, String)>,
    /// Time that a deleted connection stays ACTIVE.
    #[arg(long, default_value = "0s", value_parser = durations::parse, value_name = "TIME")]
    pub delete_delay: Duration,
    /// Time that a connectivity test runs.
    #[arg(long, default_value = "0s", value_parser = durations::parse, value_name = "TIME")]
    pub connectivity_delay: Duration,
    /// Deviations from the documented behavior.
    #[arg(skip)]
    pub quirks: Quirks,
    /// Inject a fault, such as 'CreateEnhancedConnection:lose-answer*1' or '*:throttle@0.2/7' (repeatable).
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Request limit per user, such as 5/1s.
    #[arg(long, value_name = "REQUESTS/TIME")]
    pub limit: Option<Limit>,
    /// Difference between the emulator's clock and the correct time, such as 20m or -20m.
    ///
    /// It affects signature checks, the `Date` header and all timestamps.
    #[arg(long, default_value = "0s", value_parser = durations::parse_signed, allow_hyphen_values = true)]
    #[arg(value_name = "TIME")]
    pub clock_skew: time::Duration,
    /// The account in IAM.
    #[command(flatten)]
    pub iam_account: IamAccount,
    /// Version of the metadata service.
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub metadata: Metadata,
    /// Random seed for the order of lists.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub seed: u64,
    /// Whether to log each request to standard error.
    #[arg(long = "quiet", action = ArgAction::SetFalse, help = "Disable the request log")]
    pub log: bool,
    /// The time source for bindings and signatures.
    #[arg(skip = Arc::new(SystemClock) as Arc<dyn Clock>)]
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// The objects of a new project.
    pub(super) fn initial_project(&self) -> Project {
        self.seed_file.as_ref().map_or_else(Project::seeded, Seed::project)
    }
}

impl Default for Settings {
    /// The defaults of the command line, but without a binding delay and a request log.
    fn default() -> Self {
        Self { binding_delay: Duration::ZERO, log: false, ..Self::parse_from([""]) }
    }
}

/// The IAM account, its user and its agencies. The password is secret, so nothing is shown.
#[derive(Clone, derive_more::Debug, Args)]
#[debug("IamAccount {{ .. }}")]
pub struct IamAccount {
    /// Account name.
    #[arg(skip = "emulator")]
    pub domain_name: String,
    /// Account id.
    #[arg(skip = "d0000000000000000000000000000001")]
    pub domain_id: String,
    /// User name.
    #[arg(skip = "terraform")]
    pub user_name: String,
    /// User id.
    #[arg(skip = "a0000000000000000000000000000001")]
    pub user_id: String,
    /// Password of the user terraform in the domain emulator.
    #[arg(long, default_value = "emulator-password", value_name = "TEXT")]
    pub password: String,
    /// The agency that can be assumed.
    #[arg(skip = "dli-agency")]
    pub agency: String,
    /// The agency of the cloud server, whose keys the metadata service issues.
    #[arg(skip = "ecs-agency")]
    pub machine: String,
    /// Name and id of each project that IAM knows; a region's default project has its name. DLI requests may use any
    /// other project as well.
    #[arg(skip = [("emulated".to_owned(), "0123456789abcdef0123456789abcdef".to_owned())])]
    pub projects: Vec<(String, String)>,
    /// Lifetime of tokens and temporary keys; as documented by default.
    #[arg(long = "credential-lifetime", value_parser = durations::parse, value_name = "TIME")]
    pub lifetime: Option<Duration>,
}

impl Default for IamAccount {
    fn default() -> Self {
        Settings::default().iam_account
    }
}

/// The version of the metadata service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Metadata {
    /// Keys require a token.
    #[default]
    V2,
    /// Token requests fail with HTTP 405; keys require no token.
    V1,
    /// The server has no agency and therefore no keys.
    NoAgency,
    /// There is no metadata service (HTTP 404).
    Absent,
}

fn name_and_text(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.to_ascii_lowercase(), text.to_owned())),
        _ => Err("expected NAME=TEXT, such as q2='Failed to get subnet'".to_owned()),
    }
}
