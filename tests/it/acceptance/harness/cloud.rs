//! The emulator in this process, with its own runtime so that tests are not async.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use terraform_provider_dli::dli::wire::Connection;
use terraform_provider_dli::emulator::{
    ACCESS_KEY, ApiError, Emulator, IamAccount, LoggedRequest, ProjectService, SECRET_KEY, Settings,
};
use tokio::runtime::Runtime;

use super::Workspace;
use crate::acceptance::terraform::Terraform;

/// The project of the provider block.
pub(crate) const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// The region of the provider block.
pub(crate) const REGION: &str = "eu-west-101";

/// A running emulator. Dropping it stops it.
pub(crate) struct Cloud {
    /// `None` only during the drop.
    emulator: Option<Emulator>,
    runtime: Runtime,
}

impl Cloud {
    /// Starts an emulator without delays.
    pub(crate) fn start() -> Self {
        Self::start_with(Settings::default())
    }

    /// Starts an emulator with these settings, and the provider block's region in IAM.
    pub(crate) fn start_with(mut settings: Settings) -> Self {
        settings.iam_account.projects.push((REGION.to_owned(), PROJECT.to_owned()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let emulator = runtime.block_on(Emulator::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings));
        Self { emulator: Some(emulator.expect("a free port")), runtime }
    }

    /// A workspace whose provider uses this emulator.
    pub(crate) fn workspace(&self, terraform: &Terraform) -> Workspace {
        self.workspace_with(terraform, "")
    }

    /// As [`Cloud::workspace`], with more arguments in the provider block.
    pub(crate) fn workspace_with(&self, terraform: &Terraform, arguments: &str) -> Workspace {
        Workspace::new(terraform).with_provider(&self.provider_block(arguments))
    }

    /// The provider block for this emulator, with more arguments.
    pub(crate) fn provider_block(&self, arguments: &str) -> String {
        format!(
            "provider \"dli\" {{\n  region = \"{REGION}\"\n  project_id = \"{PROJECT}\"\n  \
             access_key = \"{ACCESS_KEY}\"\n  secret_key = \"{SECRET_KEY}\"\n  \
             endpoints = {{ dli = \"{}\" }}\n  {arguments}\n}}\n",
            self.emulator().endpoint()
        )
    }

    /// As [`Cloud::provider_block`], with the emulator as the VPC service too, so that networks are checked.
    pub(crate) fn provider_block_with_vpc(&self, arguments: &str) -> String {
        let endpoint = self.emulator().endpoint();
        let dli = format!("endpoints = {{ dli = \"{endpoint}\" }}");
        let both = format!("endpoints = {{ dli = \"{endpoint}\", vpc = \"{endpoint}\" }}");
        let block = self.provider_block(arguments);
        assert!(block.contains(&dli), "{block}");
        block.replace(&dli, &both)
    }

    /// A token of the emulator's user for the project.
    pub(crate) fn token(&self) -> String {
        let IamAccount { user_id, password, .. } = IamAccount::default();
        let body = serde_json::json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": {"id": user_id, "password": password}}},
            "scope": {"project": {"id": PROJECT}},
        }});
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let request = client.post(format!("{}/v3/auth/tokens", self.emulator().endpoint())).body(body.to_string());
        let response = self.runtime.block_on(request.send()).expect("a response");
        response.headers()["x-subject-token"].to_str().expect("ASCII").to_owned()
    }

    /// The emulator, for all other requests and settings.
    pub(crate) fn emulator(&self) -> &Emulator {
        self.emulator.as_ref().expect("a running emulator")
    }

    /// Injects a fault in its short form, such as `CreateEnhancedConnection:lose-answer*1`.
    #[track_caller]
    pub(crate) fn fault(&self, text: &str) {
        let fault = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        self.emulator().inject(fault).expect("a valid fault");
    }

    /// The connections that are not deleted.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        let mut connections = self.emulator().connections(PROJECT);
        connections.retain(|connection| !connection.is_deleted());
        connections
    }

    /// The only connection.
    #[track_caller]
    pub(crate) fn connection(&self) -> Connection {
        let connections = self.connections();
        assert_eq!(connections.len(), 1, "{connections:#?}");
        connections.into_iter().next().expect("one connection")
    }

    /// The requests so far, in the order of their responses.
    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.emulator().requests()
    }

    /// The requests that change something: the method, and the path relative to the list of connections.
    pub(crate) fn changes(&self) -> Vec<String> {
        let of_all = format!("/v2.0/{PROJECT}/datasource/enhanced-connections");
        let reads = ["ListResourcesByTags", "CreateConnectivityTask"];
        let is_read = |name: Option<&str>| name.is_some_and(|name| reads.contains(&name));
        let changing = self.requests().into_iter();
        let changing = changing.filter(|request| request.method != "GET" && !is_read(request.operation));
        let shown = changing.map(|request| format!("{} {}", request.method, request.path.replace(&of_all, "")));
        shown.map(|text| text.trim_end().to_owned()).collect()
    }

    /// Changes the project as a user of the console would.
    #[track_caller]
    pub(crate) fn edit<T>(&self, work: impl FnOnce(&mut ProjectService<'_>) -> Result<T, ApiError>) -> T {
        let edited = self.emulator().edit(PROJECT, work).expect("a state in memory");
        edited.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The tags of the only connection.
    #[track_caller]
    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        self.emulator().tags(PROJECT, &self.connection().id)
    }

    /// The route table with which the only connection was created.
    #[track_caller]
    pub(crate) fn routetable_id(&self) -> Option<String> {
        self.emulator().routetable_id(PROJECT, &self.connection().id)
    }

    /// Requires that no connection is left.
    #[track_caller]
    pub(crate) fn expect_empty(&self) {
        let left = self.connections();
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(emulator) = self.emulator.take() {
            self.runtime.block_on(emulator.stop());
        }
    }
}
