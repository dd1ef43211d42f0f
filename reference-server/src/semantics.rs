//! The rules of WAGI as single steps.
//!
//! Each method of [`Semantics`] decides one thing, takes and gives plain data, and knows nothing
//! of the steps before and after; [`pipeline`](crate::pipeline) puts them together. The default
//! methods keep the rules. A server that breaks one rule replaces one step.

use bytes::Bytes;

use crate::arguments;
use crate::config::Volume;
use crate::configured_environment::{self, Variables};
use crate::errors::{self, Failure, Outcome, Run};
use crate::http;
use crate::meta_variables::{self, Call};
use crate::module_routes::{self, SubRoute};
use crate::request::{Authority, Field, Request, Target};
use crate::request_body::{self, Received};
use crate::request_fields;
use crate::response::{self, HeadEnd};
use crate::routing::{self, Route};

/// The steps of serving a request.
pub trait Semantics: Send + Sync + 'static {
    // Start-up: chapters `loading`, `entrypoints`, `module-routes`, `volumes`,
    // `configured-environment`.

    /// The function to call, from the one that is configured. Rules
    /// `loading.entrypoint.default`, `entrypoints.configured`.
    fn entrypoint(&self, configured: Option<&str>) -> String {
        configured.unwrap_or("_start").to_owned()
    }

    /// The function to call where `wanted` is configured or printed, by default or by name, of the
    /// functions that the module exports and that could be called; none if it is not there. Rules
    /// `loading.entrypoint.missing`, `entrypoints.missing`, `module-routes.missing-target`.
    fn find_entrypoint(&self, wanted: &str, exported: &[String]) -> Option<String> {
        exported.iter().find(|name| *name == wanted).cloned()
    }

    /// Whether a module's `_routes` that ended like this has succeeded. Rule
    /// `module-routes.refused.trap`.
    fn judge_routes(&self, outcome: &Outcome) -> Result<(), Failure> {
        errors::judge(outcome)
    }

    /// The table that a module's `_routes` printed.
    fn parse_sub_routes(&self, output: &[u8]) -> Result<Vec<SubRoute>, String> {
        module_routes::parse(output)
    }

    /// The text of the route for a path below a parent route.
    fn join_sub_route(&self, parent: &Route, path: &str) -> String {
        module_routes::join(parent, path)
    }

    /// The places of a module's sub-routes in the order in which they are tried, given in the
    /// order printed.
    fn order_sub_routes(&self, printed: Vec<usize>) -> Vec<usize> {
        module_routes::order(printed)
    }

    /// The directories that a guest can open, from those that are configured for its route.
    fn volumes(&self, configured: &[Volume]) -> Vec<Volume> {
        configured.to_vec()
    }

    /// The variable in a line of an environment file; none if the line has no variable.
    fn parse_environment_line(&self, line: &str) -> Result<Option<(String, String)>, String> {
        configured_environment::parse_line(line)
    }

    /// The variables that the configuration sets, from those of a file and those set directly.
    fn configured_environment(&self, file: Variables, direct: Variables) -> Variables {
        configured_environment::configured(file, direct)
    }

    // The request: chapters `http`, `routing`, `request-body`.

    /// The parts of the request target.
    fn split_target(&self, target: &str) -> Target {
        Target::split(target)
    }

    /// Whether the request's Host fields are as HTTP wants them.
    fn check_host(&self, request: &Request) -> Result<(), Failure> {
        http::check_host(request)
    }

    /// The host that the client wants to speak to.
    fn authority(&self, request: &Request, target: &Target) -> Result<Authority, Failure> {
        http::authority(request, target)
    }

    /// Whether a route serves a path.
    fn route_matches(&self, route: &Route, path: &str) -> bool {
        routing::matches(route, path)
    }

    /// Chooses among all routes that match, given with their places in the table and in that order.
    fn choose_route(&self, matching: &[(usize, &Route)]) -> Option<usize> {
        routing::choose(matching)
    }

    /// What becomes of a request whose path no route serves.
    fn no_route(&self, path: &str) -> Failure {
        routing::no_route(path)
    }

    /// The request body, if it is one that a guest may see.
    fn accept_body(&self, received: Received) -> Result<Bytes, Failure> {
        request_body::accept(received)
    }

    /// What the guest reads from standard input.
    fn standard_input(&self, body: Bytes) -> Bytes {
        request_body::standard_input(body)
    }

    // Chapter `meta-variables`; an empty value is a null one.

    /// `GATEWAY_INTERFACE`.
    fn gateway_interface(&self) -> String {
        meta_variables::gateway_interface()
    }

    /// `SERVER_SOFTWARE`.
    fn server_software(&self) -> String {
        meta_variables::server_software()
    }

    /// `SERVER_PROTOCOL`.
    fn server_protocol(&self, call: &Call<'_>) -> String {
        meta_variables::server_protocol(call.request.version)
    }

    /// `SERVER_NAME`.
    fn server_name(&self, call: &Call<'_>) -> String {
        meta_variables::server_name(call)
    }

    /// `SERVER_PORT`.
    fn server_port(&self, call: &Call<'_>) -> String {
        meta_variables::server_port(call)
    }

    /// `REQUEST_METHOD`: the method as it was sent. Rule `meta-variables.request-method.verbatim`.
    fn request_method(&self, call: &Call<'_>) -> String {
        call.request.method.clone()
    }

    /// `SCRIPT_NAME`.
    fn script_name(&self, call: &Call<'_>) -> String {
        meta_variables::script_name(call)
    }

    /// `PATH_INFO`.
    fn path_info(&self, call: &Call<'_>) -> Result<String, Failure> {
        meta_variables::path_info(call)
    }

    /// `PATH_TRANSLATED`, from `PATH_INFO`.
    fn path_translated(&self, path_info: &str) -> String {
        meta_variables::path_translated(path_info)
    }

    /// `X_RAW_PATH_INFO`.
    fn raw_path_info(&self, call: &Call<'_>) -> String {
        meta_variables::raw_path_info(call)
    }

    /// `QUERY_STRING`.
    fn query_string(&self, call: &Call<'_>) -> String {
        meta_variables::query_string(&call.target)
    }

    /// `CONTENT_LENGTH`.
    fn content_length(&self, call: &Call<'_>) -> String {
        meta_variables::content_length(call.request)
    }

    /// `CONTENT_TYPE`, from the values of the request's Content-Type fields. Rules
    /// `meta-variables.content-type.value`, `meta-variables.content-type.null`.
    fn content_type(&self, values: &[String]) -> String {
        request_fields::join("content-type", values)
    }

    /// `REMOTE_ADDR`.
    fn remote_addr(&self, call: &Call<'_>) -> String {
        meta_variables::remote_addr(call.request)
    }

    /// `REMOTE_HOST`: the peer's address, as no name is looked up. Rule
    /// `meta-variables.remote-host.peer`.
    fn remote_host(&self, call: &Call<'_>) -> String {
        meta_variables::remote_addr(call.request)
    }

    /// `AUTH_TYPE`: null, as the server authenticates nobody. Rule
    /// `meta-variables.auth-type.null`.
    fn auth_type(&self, _call: &Call<'_>) -> String {
        String::new()
    }

    /// `REMOTE_USER`: null, as the server authenticates nobody. Rule
    /// `meta-variables.remote-user.null`.
    fn remote_user(&self, _call: &Call<'_>) -> String {
        String::new()
    }

    /// `X_MATCHED_ROUTE`.
    fn matched_route(&self, call: &Call<'_>) -> String {
        meta_variables::matched_route(call)
    }

    /// `X_FULL_URL`.
    fn full_url(&self, call: &Call<'_>) -> String {
        meta_variables::full_url(call)
    }

    // Chapter `request-fields`.

    /// Whether the field of this name is kept from the guest.
    fn withholds_field(&self, name: &str) -> bool {
        request_fields::withheld(name)
    }

    /// The name of the variable for the field of this name; none if the field is left out.
    fn variable_name(&self, field_name: &str) -> Option<String> {
        request_fields::variable_name(field_name)
    }

    /// The value of the variable for a field's value; none if the value is left out.
    fn variable_value(&self, field_value: &[u8]) -> Option<String> {
        request_fields::variable_value(field_value)
    }

    /// One value for several fields of the same name.
    fn join_values(&self, field_name: &str, values: &[String]) -> String {
        request_fields::join(field_name, values)
    }

    // Chapters `configured-environment`, `arguments`, `argument-templates`.

    /// The guest's environment, from the configured variables and those of the request.
    fn merge_environment(&self, configured: &Variables, request: Variables) -> Variables {
        configured_environment::merge(configured, request)
    }

    /// `argv[0]` where no template is configured: the script name. See `arguments.first`.
    fn first_argument(&self, call: &Call<'_>) -> String {
        self.script_name(call)
    }

    /// The other arguments where no template is configured.
    fn split_query(&self, query: Option<&str>) -> Vec<String> {
        arguments::split_query(query)
    }

    /// A template with the values of the request in it.
    fn expand_template(&self, template: &str, script_name: &str, query: Option<&str>) -> String {
        arguments::expand_template(template, script_name, query)
    }

    /// The arguments in an expanded template.
    fn split_template(&self, expanded: &str) -> Vec<String> {
        arguments::split_template(expanded)
    }

    // The answer: chapters `errors`, `response`.

    /// Whether a guest that ended like this has succeeded.
    fn judge(&self, outcome: &Outcome) -> Result<(), Failure> {
        errors::judge(outcome)
    }

    /// Where the head of the output ends.
    fn find_head_end(&self, output: &[u8]) -> Option<HeadEnd> {
        response::find_head_end(output)
    }

    /// The lines of the head.
    fn split_lines<'a>(&self, head: &'a [u8]) -> Vec<&'a [u8]> {
        response::split_lines(head)
    }

    /// The field in a line of the head; none to leave the line out.
    fn parse_line(&self, line: &[u8]) -> Result<Option<Field>, Failure> {
        response::parse_line(line).map(Some)
    }

    /// The value of the CGI field of this name.
    fn cgi_field<'a>(&self, fields: &'a [Field], name: &str) -> Result<Option<&'a [u8]>, Failure> {
        response::cgi_field(fields, name)
    }

    /// The code in the value of a Status field.
    fn parse_status(&self, value: &[u8]) -> Result<u16, Failure> {
        response::parse_status(value)
    }

    /// The status of the response, from the guest's status code, its Location and its
    /// Content-Type.
    fn choose_status(
        &self,
        status: Option<u16>,
        location: Option<&[u8]>,
        content_type: Option<&[u8]>,
    ) -> Result<u16, Failure> {
        response::choose_status(status, location, content_type)
    }

    /// Whether a field of the guest is not sent to the client.
    fn drops_field(&self, field: &Field) -> bool {
        response::drops(field)
    }

    /// The fields of the response, from those of the guest that are sent: the same, with all
    /// repetitions and in the same order. Rules `response.fields.passed-on`,
    /// `response.fields.set-cookie`, `response.fields.repeats`, `response.content-type.sent`,
    /// `response.location.value`.
    fn response_fields(&self, fields: Vec<Field>) -> Vec<Field> {
        fields
    }

    /// The length to announce and the body to send, for the body that the guest wrote.
    fn frame(&self, method: &str, status: u16, body: Bytes) -> (Option<u64>, Bytes) {
        response::frame(method, status, body)
    }

    /// The body that tells the client of a failure. If a guest ran, `run` is what it left.
    fn failure_body(&self, failure: &Failure, run: Option<&Run>) -> Bytes {
        errors::failure_body(failure, run)
    }
}

/// The steps as the specification wants them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conforming;

impl Semantics for Conforming {}
