//! `httpd.conf` and the CGI programs of its routes, for Debian's Apache httpd as
//! `targets/apache-cgi` starts it.

use std::net::SocketAddr;

use indexmap::IndexMap;
use serde::Serialize;

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
use super::mod_wasm::word;
use super::{ExportError, Need, Written};

/// The form of `targets/apache-cgi`.
#[derive(Debug)]
pub struct ApacheCgi;

/// The folder of the routes' CGI programs, below the deployment's.
const PROGRAMS: &str = "routes";

/// The folder that is there to have no documents: what no route serves is not found.
const DOCUMENTS: &str = "documents";

/// Where Debian keeps the modules of httpd.
const MODULES: &str = "/usr/lib/apache2/modules";

/// What every deployment has in common, below the lines that are its own.
const SETTINGS: &str = "\
PidFile httpd.pid
DefaultRuntimeDir .
ErrorLog /dev/stderr
LogLevel warn

# Started by root, it serves as this user, who must be able to read this folder.
User www-data
Group www-data

# Each connection has a process. (mod_cgi and threads do not go together: a guest's output stays open in the guests
# that start at the same time. mod_cgid, made for threads, drops a request whose guest does not read all of its body.)
StartServers 10
MinSpareServers 10
MaxSpareServers 250
MaxRequestWorkers 250
ServerLimit 250

KeepAlive On
KeepAliveTimeout 5
MaxKeepAliveRequests 0

# Seconds for each wait, of which an answer that stops half-way takes two.
Timeout 4
LimitRequestBody 33554432
RLimitMEM 536870912

# `%2F` reaches the guest as the slash it stands for (RFC 3875 section 4.1.5) instead of giving 404.
AllowEncodedSlashes On

<Directory />
    AllowOverride None
    Require all granted
</Directory>";

/// The file that `targets/apache-cgi/run-guest` reads.
#[derive(Serialize)]
struct Program<'a> {
    module: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a str>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    volumes: IndexMap<&'a str, String>,
}

impl Form for ApacheCgi {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::ArgumentTemplate => Some("httpd makes the arguments, as RFC 3875 says"),
            Need::EnvironmentFile => Some("httpd reads no file of variables"),
            Need::ModuleRoutes => Some("all routes stand in the configuration"),
            _ => None,
        }
    }

    fn configures(&self, _: Need) -> bool {
        true
    }

    fn file_name(&self) -> &'static str {
        "httpd.conf"
    }

    fn text(&self, layout: &Layout<'_>, listen: SocketAddr) -> Result<String, ExportError> {
        let folder = word(&layout.folder.display().to_string())?;
        let mut lines = vec![
            "# Apache httpd as a server of CGI programs: each route has one.".to_owned(),
            String::new(),
            "Define dollar $".to_owned(),
        ];
        let tls = layout.tls.is_some();
        for module in ["mpm_prefork", "authz_core", "alias", "env", "cgi"]
            .iter()
            .chain(tls.then_some(&"ssl"))
        {
            lines.push(format!(
                "LoadModule {module}_module {MODULES}/mod_{module}.so"
            ));
        }
        lines.push(String::new());
        lines.push("# Paths that do not begin with a slash begin here.".to_owned());
        lines.push(format!("ServerRoot {folder}"));
        lines.push(format!("Listen {listen}"));
        lines.push("ServerName localhost".to_owned());
        lines.push(format!("DocumentRoot {DOCUMENTS}"));
        if let Some((certificate, key)) = &layout.tls {
            let file = |path| word(&layout.relative(path));
            lines.push("SSLEngine On".to_owned());
            lines.push("SSLSessionCache none".to_owned());
            lines.push(format!("SSLCertificateFile {}", file(certificate)?));
            lines.push(format!("SSLCertificateKeyFile {}", file(key)?));
        }
        lines.push(SETTINGS.to_owned());
        lines.push(String::new());
        for (name, value) in &layout.environment {
            lines.push(format!("SetEnv {} {}", word(name)?, word(value)?));
        }
        lines.push("# Of several routes that match, the first serves.".to_owned());
        for (index, route) in layout.routes.iter().enumerate() {
            let program = program_path(index, route);
            let (pattern, target) = match route.route.route.strip_suffix("/...") {
                // What follows the program's path is PATH_INFO.
                Some(prefix) => (
                    format!("^{}(/.*)?$", regex::escape(prefix)),
                    format!("{program}$1"),
                ),
                None => (format!("^{}$", regex::escape(&route.route.route)), program),
            };
            lines.push(format!(
                "ScriptAliasMatch {} {}",
                word(&pattern)?,
                word(&target)?
            ));
        }
        Ok(lines.join("\n") + "\n")
    }

    fn folders(&self) -> &'static [&'static str] {
        &[PROGRAMS, DOCUMENTS]
    }

    fn programs(&self, layout: &Layout<'_>) -> Result<Vec<(String, String)>, ExportError> {
        let routes = layout.routes.iter().enumerate();
        routes
            .map(|(index, route)| {
                let path = program_path(index, route);
                let program = toml::to_string(&Program {
                    module: route.module.display().to_string(),
                    entrypoint: route.route.entrypoint.as_deref(),
                    volumes: route
                        .volumes
                        .iter()
                        .map(|(name, folder)| (*name, folder.display().to_string()))
                        .collect(),
                })
                .map_err(|error| ExportError(format!("failed to write {path}: {error}")))?;
                Ok((path, format!("#!/usr/bin/env run-guest\n{program}")))
            })
            .collect()
    }

    fn command(&self, written: &Written, _: SocketAddr) -> Vec<String> {
        vec![
            "targets/apache-cgi/start".to_owned(),
            written.config.display().to_string(),
        ]
    }

    fn premise(&self) -> &'static str {
        "`targets/apache-cgi/setup` installs what `targets/apache-cgi/start` needs: Debian's Apache httpd, and \
         `run-guest`, which runs the guests. Started by root, httpd serves as the user `www-data`, who must be able \
         to read this folder and the repository's `target/apache-cgi`."
    }
}

/// The path of a route's CGI program from the deployment's folder. Its name tells the route to people.
fn program_path(index: usize, route: &PlacedRoute<'_>) -> String {
    let words = route
        .route
        .route
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty());
    let name: Vec<String> = std::iter::once(index.to_string())
        .chain(words.map(str::to_owned))
        .collect();
    format!("{PROGRAMS}/{}", name.join("-"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::ApacheCgi).replace(SETTINGS, "SETTINGS");
        let expected = r#"# Apache httpd as a server of CGI programs: each route has one.

Define dollar $
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cgi_module /usr/lib/apache2/modules/mod_cgi.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so

# Paths that do not begin with a slash begin here.
ServerRoot /srv/sample
Listen 127.0.0.1:3000
ServerName localhost
DocumentRoot documents
SSLEngine On
SSLSessionCache none
SSLCertificateFile cert.pem
SSLCertificateKeyFile key.pem
SETTINGS

SetEnv PLAIN value
SetEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
# Of several routes that match, the first serves.
ScriptAliasMatch "^/exact$" routes/0-exact
ScriptAliasMatch "^/text$" routes/1-text
ScriptAliasMatch "^/entry$" routes/2-entry
ScriptAliasMatch "^/files(/.*)?$" "routes/3-files$1"
ScriptAliasMatch "^(/.*)?$" "routes/4$1"
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn the_programs_of_the_routes() {
        let deployment = sample::deployment();
        let layout = Layout::of(&deployment, Path::new("/srv/sample"), Format::ApacheCgi);
        let programs = ApacheCgi.programs(&layout).expect("programs");
        let expected = [
            (
                "routes/2-entry",
                "#!/usr/bin/env run-guest\n\
                 module = \"/srv/sample/modules/entrypoints.wasm\"\n\
                 entrypoint = \"other\"\n",
            ),
            (
                "routes/3-files",
                "#!/usr/bin/env run-guest\n\
                 module = \"/srv/sample/modules/files.wasm\"\n\
                 \n\
                 [volumes]\n\
                 \"/first\" = \"/srv/sample/volumes/4-0/volume\"\n\
                 \"/second place\" = \"/srv/sample/volumes/4-1/volume\"\n",
            ),
        ];
        let found = programs.get(2..4).expect("two programs");
        for ((path, text), (expected_path, expected_text)) in found.iter().zip(expected) {
            assert_eq!(
                (path.as_str(), text.as_str()),
                (expected_path, expected_text)
            );
        }
        assert_eq!(programs.len(), layout.routes.len());
    }
}
