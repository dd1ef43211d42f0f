//! What is tested: where each deployment is served, and what the server claims to offer.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use clap::ValueEnum as _;

use crate::case::MAIN_DEPLOYMENT;
use crate::id::CaseId;
use crate::problem::near_miss;
use crate::spec::Profile;
use crate::suite::Suite;
use crate::suite::deployment::Deployment;
use crate::wire::Endpoint;

/// The target of a run.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// How reports name it.
    pub name: String,
    /// Where each deployment is served.
    pub endpoints: HashMap<String, Endpoint>,
    /// Deployments that should be served and are not: why.
    pub gone: HashMap<String, String>,
    /// Cases that the target cannot be asked, since its configuration has no words for what they
    /// need: why.
    pub inexpressible: HashMap<CaseId, String>,
    /// Optional profiles that it does not claim.
    pub unclaimed: BTreeSet<Profile>,
    /// Profiles that it claims by name: it owes that their cases can be run.
    pub claimed: BTreeSet<Profile>,
    /// Starts servers for the cases that are about starting; not there if the target was started
    /// by someone else.
    pub launcher: Option<Arc<dyn Launcher>>,
}

/// Starts servers.
pub trait Launcher: std::fmt::Debug + Send + Sync {
    /// Starts a server for `deployment`.
    fn start<'a>(
        &'a self,
        suite: &'a Suite,
        deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Started> + Send + 'a>>;

    /// Starts the server of a deployment that cases share again, since it no longer answers; `None`
    /// if it is not a server that can be started again.
    fn restart<'a>(
        &'a self,
        _suite: &'a Suite,
        _deployment: &'a Deployment,
    ) -> Pin<Box<dyn Future<Output = Option<Restarted>> + Send + 'a>> {
        Box::pin(async { None })
    }

    /// The folder of what servers printed, if it is kept.
    fn logs(&self) -> Option<&Path> {
        None
    }
}

/// What became of a server that was started again.
pub struct Restarted {
    /// How the one before has ended, in words that follow "the server": `ended with exit code 1`.
    pub how: String,
    /// Where the new one serves, or why it does not.
    pub endpoint: Result<Endpoint, String>,
}

/// What became of an attempt to start a server.
pub enum Started {
    /// It serves, until this is dropped.
    Serving(Endpoint, Box<dyn Send + Sync>),
    /// It refused, with this message.
    Refused(String),
    /// It runs, but neither refused nor serves: what is known of it.
    Silent(String),
    /// It could not be tried: why.
    Failed(String),
}

/// `[DEPLOYMENT=]URL` as the command line has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentUrl {
    /// The deployment served there; `main` unless given.
    pub deployment: String,
    /// The server's URL.
    pub url: String,
}

impl std::str::FromStr for DeploymentUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (deployment, url) = match text.split_once('=') {
            Some((name, url)) if !name.contains([':', '/']) => (name, url),
            _ => (MAIN_DEPLOYMENT, text),
        };
        Ok(Self {
            deployment: deployment.to_owned(),
            url: url.to_owned(),
        })
    }
}

impl Target {
    /// A server that someone else started.
    ///
    /// # Errors
    /// A deployment that does not exist or is named twice, or a URL that is none.
    pub fn at(suite: &Suite, urls: &[DeploymentUrl]) -> Result<Self, String> {
        let mut endpoints = HashMap::new();
        for DeploymentUrl { deployment, url } in urls {
            let known: Vec<&str> = suite
                .deployments
                .iter()
                .map(|deployment| deployment.name.as_str())
                .filter(|name| !name.contains('/'))
                .collect();
            if !known.contains(&deployment.as_str()) {
                return Err(format!(
                    "there is no deployment `{deployment}`{}: the deployments are {}",
                    near_miss(deployment, known.iter().copied()),
                    known.join(", ")
                ));
            }
            let endpoint = Endpoint::parse(url)?;
            if endpoints.insert(deployment.clone(), endpoint).is_some() {
                return Err(format!(
                    "two URLs are given for the deployment `{deployment}`"
                ));
            }
        }
        let name = match urls {
            [only] => only.url.clone(),
            several => {
                let each = several
                    .iter()
                    .map(|one| format!("{}={}", one.deployment, one.url));
                each.collect::<Vec<_>>().join(" ")
            }
        };
        Ok(Self {
            name,
            endpoints,
            ..Self::default()
        })
    }

    /// Claims exactly these of the optional profiles.
    pub fn claim(&mut self, profiles: impl IntoIterator<Item = Profile>) {
        let is_optional = |profile: &Profile| *profile != Profile::Core;
        self.claimed = profiles.into_iter().filter(is_optional).collect();
        let optional = Profile::value_variants().iter().copied();
        let optional = optional.filter(is_optional);
        self.unclaimed = optional
            .filter(|profile| !self.claimed.contains(profile))
            .collect();
    }
}
