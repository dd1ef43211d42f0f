//! `httpd.conf`, for Apache httpd with the module mod_wasm.

use std::net::SocketAddr;

use super::format::Form;
use super::layout::{Layout, PlacedRoute};
use super::{ExportError, Need, Written};

/// The form of mod_wasm.
#[derive(Debug)]
pub struct ModWasm;

/// The modules of httpd that every deployment needs, unless they are built in. Their files are
/// looked for from the server's root.
const MODULES: [(&str, &str); 4] = [
    ("mpm_event_module", "modules/mod_mpm_event.so"),
    ("unixd_module", "modules/mod_unixd.so"),
    ("authz_core_module", "modules/mod_authz_core.so"),
    ("wasm_module", "modules/mod_wasm.so"),
];

/// The module of httpd that a deployment behind TLS needs too.
const TLS_MODULE: (&str, &str) = ("ssl_module", "modules/mod_ssl.so");

/// The directive that names the entrypoint. Releases of mod_wasm lack it; with these, a route that
/// needs it is left out, for a directive that httpd does not know would keep it from starting.
const ENTRYPOINT: &str = "WasmEntryPoint";

impl Form for ModWasm {
    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::ArgumentTemplate => Some("arguments are the same for every request"),
            Need::EnvironmentFile => {
                Some("variables stand in the configuration, and it names no file of them")
            }
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
        let mut lines = vec!["Define dollar $".to_owned()];
        let modules = MODULES
            .into_iter()
            .chain(layout.tls.is_some().then_some(TLS_MODULE));
        for (name, file) in modules {
            lines.push(format!("<IfModule !{name}>"));
            lines.push(format!("    LoadModule {name} {file}"));
            lines.push("</IfModule>".to_owned());
        }
        let own = |name: &str| word(&layout.folder.join(name).display().to_string());
        lines.push(String::new());
        lines.push(format!("Listen {listen}"));
        lines.push(format!("ServerName {listen}"));
        lines.push(format!("PidFile {}", own("httpd.pid")?));
        lines.push(format!("ErrorLog {}", own("error.log")?));
        lines.push(format!("DocumentRoot {}", own("modules")?));
        if let Some((certificate, key)) = &layout.tls {
            lines.push("SSLEngine On".to_owned());
            let mut file = |directive: &str, path: &std::path::Path| {
                lines.push(format!(
                    "{directive} {}",
                    word(&path.display().to_string())?
                ));
                Ok::<_, ExportError>(())
            };
            file("SSLCertificateFile", certificate)?;
            file("SSLCertificateKeyFile", key)?;
        }
        // Of several sections that match, the last one's settings win: the least specific first.
        for route in layout.routes.iter().rev() {
            lines.push(String::new());
            lines.extend(section(layout, route)?);
        }
        Ok(lines.join("\n") + "\n")
    }

    fn command(&self, written: &Written, _: SocketAddr) -> Vec<String> {
        let config = written.config.display().to_string();
        ["httpd", "-D", "FOREGROUND", "-f", &config]
            .map(str::to_owned)
            .into()
    }

    fn premise(&self) -> &'static str {
        "`httpd` is Apache httpd (`apache2` on Debian) with `modules/mod_wasm.so` in the folder of its \
         modules; add `-d FOLDER` if `modules/` is not in the server's root (`-d /usr/lib/apache2` on \
         Debian). The address to listen at stands in the configuration."
    }
}

/// The section of one route.
fn section(layout: &Layout<'_>, route: &PlacedRoute<'_>) -> Result<Vec<String>, ExportError> {
    let (name, place) = match route.route.route.strip_suffix("/...") {
        // A prefix of whole components, which is what `Location` matches.
        Some("") => ("Location", "/".to_owned()),
        Some(prefix) => ("Location", prefix.to_owned()),
        None => (
            "LocationMatch",
            format!("^{}$", regex::escape(&route.route.route)),
        ),
    };
    let mut lines = vec![
        format!("<{name} {}>", word(&place)?),
        "    SetHandler wasm-handler".to_owned(),
    ];
    let mut directive = |name: &str, words: &[&str]| {
        let words = words.iter().map(|text| word(text));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        lines.push(format!("    {name} {}", words.join(" ")));
        Ok::<_, ExportError>(())
    };
    directive("WasmModule", &[&route.module.display().to_string()])?;
    if let Some(entrypoint) = &route.route.entrypoint {
        directive(ENTRYPOINT, &[entrypoint])?;
    }
    for (name, value) in &layout.environment {
        directive("WasmEnv", &[name, value])?;
    }
    for (name, folder) in &route.volumes {
        directive("WasmMapDir", &[name, &folder.display().to_string()])?;
    }
    directive("WasmEnableCGI", &["On"])?;
    lines.push(format!("</{name}>"));
    if route.route.entrypoint.is_some() {
        lines.insert(0, format!("<IfDirective {ENTRYPOINT}>"));
        lines.push("</IfDirective>".to_owned());
    }
    Ok(lines)
}

/// One word of a directive, in quotation marks where it must be.
///
/// # Errors
/// The text holds a line end, which no directive can.
pub(super) fn word(text: &str) -> Result<String, ExportError> {
    if text.contains(['\n', '\r']) {
        return Err(ExportError(format!(
            "a directive of httpd cannot hold a line end: {text:?}"
        )));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    // In quotation marks a backslash hides what follows; `${` begins a variable wherever it stands,
    // and a variable's value is not looked at again.
    let hidden = text.replace('\\', r"\\").replace('"', "\\\"");
    Ok(format!("\"{}\"", hidden.replace("${", "${dollar}{")))
}

#[cfg(test)]
mod tests {
    use crate::export::{Format, sample};

    #[test]
    fn the_whole_configuration() {
        let text = sample::text(Format::ModWasm);
        let expected = r#"Define dollar $
<IfModule !mpm_event_module>
    LoadModule mpm_event_module modules/mod_mpm_event.so
</IfModule>
<IfModule !unixd_module>
    LoadModule unixd_module modules/mod_unixd.so
</IfModule>
<IfModule !authz_core_module>
    LoadModule authz_core_module modules/mod_authz_core.so
</IfModule>
<IfModule !wasm_module>
    LoadModule wasm_module modules/mod_wasm.so
</IfModule>
<IfModule !ssl_module>
    LoadModule ssl_module modules/mod_ssl.so
</IfModule>

Listen 127.0.0.1:3000
ServerName 127.0.0.1:3000
PidFile /srv/sample/httpd.pid
ErrorLog /srv/sample/error.log
DocumentRoot /srv/sample/modules
SSLEngine On
SSLCertificateFile /srv/sample/cert.pem
SSLCertificateKeyFile /srv/sample/key.pem

<Location />
    SetHandler wasm-handler
    WasmModule /srv/sample/modules/observe.wasm
    WasmEnv PLAIN value
    WasmEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
    WasmEnableCGI On
</Location>

<Location /files>
    SetHandler wasm-handler
    WasmModule /srv/sample/modules/files.wasm
    WasmEnv PLAIN value
    WasmEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
    WasmMapDir /first /srv/sample/volumes/4-0/volume
    WasmMapDir "/second place" /srv/sample/volumes/4-1/volume
    WasmEnableCGI On
</Location>

<IfDirective WasmEntryPoint>
<LocationMatch "^/entry$">
    SetHandler wasm-handler
    WasmModule /srv/sample/modules/entrypoints.wasm
    WasmEntryPoint other
    WasmEnv PLAIN value
    WasmEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
    WasmEnableCGI On
</LocationMatch>
</IfDirective>

<LocationMatch "^/text$">
    SetHandler wasm-handler
    WasmModule /srv/sample/modules/hello.wat
    WasmEnv PLAIN value
    WasmEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
    WasmEnableCGI On
</LocationMatch>

<LocationMatch "^/exact$">
    SetHandler wasm-handler
    WasmModule /srv/sample/modules/say-query.wasm
    WasmEnv PLAIN value
    WasmEnv QUOTED "a \"b\" \\ ${dollar}{HOME} $x"
    WasmEnableCGI On
</LocationMatch>
"#;
        assert_eq!(text, expected);
    }
}
