//! An invented HubSpot account that the binary reads over HTTP, and the pipeline file that reads it.

use std::net::TcpListener;
use std::ops::Deref;
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use aqueduct_simulator::hubspot::{Effect, Fault, Match, Options, Simulator};
use tokio::runtime::{Builder, Runtime};

use crate::database::Database;
use crate::project::Project;

/// An account that answers until this is dropped.
pub(crate) struct Account(Simulator);

impl Deref for Account {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.0
    }
}

/// Serves the accounts of all tests.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

impl Account {
    pub(crate) fn start(options: Options) -> Self {
        Self(runtime().block_on(Simulator::start(options)).unwrap())
    }

    /// An account of so many contacts, none of them archived or merged before the test begins.
    pub(crate) fn of(contacts: usize) -> Self {
        Self::start(Options { contacts, archived_per_mille: 0, merged_per_mille: 0, ..Options::default() })
    }

    /// Writes `p.yaml`, which reads this account into a database, with these lines more, and sets the variables it names.
    pub(crate) fn pipeline(&self, project: &mut Project, database: &Database, more: &str) {
        project.set("TOKEN", self.access_token());
        project.set("ADDRESS", self.base_url());
        project.set("WAREHOUSE", database.url());
        project.write(
            "p.yaml",
            format!(
                "source:\n  connector: hubspot\n  config: {{ access_token: \"${{TOKEN}}\", base_url: \"${{ADDRESS}}\", \
                 requests_per_10_seconds: 10000 }}\ndestination: {{ url: \"${{WAREHOUSE}}\" }}\n{more}"
            ),
        );
    }

    /// Leaves the answer to a request hanging: the one after `passed` requests whose path and query contain `part`. What is given back
    /// waits until that request has arrived.
    pub(crate) fn stall(&self, part: &str, passed: u64) -> Stalled {
        let (sender, arrived) = mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let tell = move || sender.lock().unwrap().send(()).unwrap_or(());
        self.inject(Fault::next(1, Effect::call(tell)).when(Match::path(part).after(passed)));
        self.inject(Fault::always(Effect::Stall { at: 0 }).when(Match::path(part).after(passed)));
        Stalled(arrived)
    }
}

/// The address of a source that does not answer: nobody listens there.
pub(crate) fn nowhere() -> String {
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    format!("http://{address}")
}

/// In the requests for pages of contacts with their fields, and not in those that list contacts to ask for their links.
pub(crate) const PAGES_OF_CONTACTS: &str = "/objects/contacts?limit=100&archived=false&properties=email";

/// A request whose answer hangs.
pub(crate) struct Stalled(mpsc::Receiver<()>);

impl Stalled {
    /// Waits until the request has arrived.
    #[track_caller]
    pub(crate) fn wait(&self) {
        self.0.recv_timeout(Duration::from_secs(60)).expect("the request that hangs never came");
    }
}
