//! Header fields as `HTTP_*` variables (chapter `request-fields`).

/// Whether a field is kept from the guest, by its name in any case.
///
/// - Credentials: `request-fields.withheld.authorization`,
///   `request-fields.withheld.proxy-authorization`.
/// - What other variables hold: `request-fields.withheld.content-type`,
///   `request-fields.withheld.content-length`.
/// - What guests would mistake for a setting: `request-fields.proxy.never-http-proxy`.
/// - What concerns only the connection: `request-fields.withheld.connection`.
pub fn withheld(name: &str) -> bool {
    const WITHHELD: [&str; 12] = [
        "authorization",
        "proxy-authorization",
        "content-type",
        "content-length",
        "proxy",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    WITHHELD
        .iter()
        .any(|withheld| withheld.eq_ignore_ascii_case(name))
}

/// The name of the variable for a field: `HTTP_`, then the field's name in upper case with `_`
/// for `-` (rule `request-fields.name.mapped`). Other characters are kept.
///
/// None for a name that holds `_`: such a field would pass for the one with `-` in its place
/// (rule `request-fields.underscore.no-shadow`).
pub fn variable_name(field_name: &str) -> Option<String> {
    (!field_name.contains('_'))
        .then(|| format!("HTTP_{}", field_name.to_ascii_uppercase().replace('-', "_")))
}

/// The value of a field as the guest gets it: the same bytes (rule
/// `request-fields.value.intact`), or none if they are not UTF-8, which the guest's interface
/// wants (rule `request-fields.non-ascii.no-invention`).
pub fn variable_value(field_value: &[u8]) -> Option<String> {
    String::from_utf8(field_value.to_vec()).ok()
}

/// Joins the values of fields of the same name, in order: cookies by semicolons, all others by
/// commas. Rules `request-fields.repeats.joined`, `request-fields.repeats.cookie`.
pub fn join(field_name: &str, values: &[String]) -> String {
    let separator = if field_name.eq_ignore_ascii_case("cookie") {
        "; "
    } else {
        ", "
    };
    values.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let table = [
            ("x-foo-bar", Some("HTTP_X_FOO_BAR")),
            ("Host", Some("HTTP_HOST")),
            ("X-9", Some("HTTP_X_9")),
            ("x.y", Some("HTTP_X.Y")),
            ("x_y", None),
            ("x-y_z", None),
        ];
        for (name, expected) in table {
            assert_eq!(variable_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn values() {
        let table: [(&[u8], Option<&str>); 4] = [
            (b"a, \"b\"\\ =%20\tc", Some("a, \"b\"\\ =%20\tc")),
            (b"", Some("")),
            ("é".as_bytes(), Some("é")),
            (b"\xe9", None),
        ];
        for (value, expected) in table {
            assert_eq!(variable_value(value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn withheld_fields() {
        for name in [
            "Authorization",
            "PROXY-authorization",
            "proxy",
            "Content-Type",
        ] {
            assert!(withheld(name), "{name}");
        }
        for name in [
            "x-authorization",
            "host",
            "cookie",
            "accept",
            "content-language",
        ] {
            assert!(!withheld(name), "{name}");
        }
    }

    #[test]
    fn joining() {
        let values = ["a=1".to_owned(), String::new(), "b".to_owned()];
        assert_eq!(join("x-a", &values), "a=1, , b");
        assert_eq!(join("Cookie", &values), "a=1; ; b");
        assert_eq!(join("cookie", &values[..1]), "a=1");
    }
}
