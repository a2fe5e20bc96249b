//! What the audit trail tells: whether it holds, alarms, refusals.

use super::escaped;
use keyward_pkcs11::admin::report::{Occurrence, Report};
use keyward_pkcs11::ck::date::display_utc;

/// The section.
pub(super) fn section(report: &Report) -> String {
    let told = &report.told;
    let verified = if told.holds {
        let visible: String = told.found.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
        let visible =
            if visible.is_empty() { visible } else { format!("<ul class=\"quiet\">\n{visible}</ul>\n") };
        format!("<p class=\"well\">The trail verifies: {} records.</p>\n{visible}", told.records)
    } else {
        let broken: String = told.found.iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
        format!("<p class=\"now\">The trail does not verify.</p>\n<ul class=\"now\">\n{broken}</ul>\n")
    };
    let left_out = match told.left_out {
        0 => String::new(),
        more => format!("<p class=\"quiet\">And {more} more: see <code>keyward audit show</code>.</p>\n"),
    };
    format!(
        "<section>\n<h2>What the audit trail tells</h2>\n{verified}<h3>Alarms</h3>\n{}<h3>Refusals</h3>\n{}{left_out}</section>\n",
        table(&told.alarms, "No alarm was raised."),
        table(&told.denials, "Nothing was refused.")
    )
}

fn table(of: &[Occurrence], none: &str) -> String {
    if of.is_empty() {
        return format!("<p class=\"quiet\">{none}</p>\n");
    }
    let rows: String = of.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table>\n<thead><tr><th>last</th><th>times</th><th>key</th><th>what</th><th>by</th><th>why</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn row(each: &Occurrence) -> String {
    let key = match (each.label.is_empty(), each.object) {
        (false, _) => escaped(&each.label),
        (true, Some(uid)) => uid.to_string(),
        (true, None) => "the token".to_owned(),
    };
    let rules = each.rules.join(", ");
    let why = [each.reason, &rules, &each.detail].into_iter().filter(|part| !part.is_empty());
    let why: Vec<&str> = why.collect();
    format!(
        "<tr><td class=\"moment\">{}</td><td>{}</td><td class=\"label\">{key}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        display_utc(each.last),
        each.count,
        escaped(&each.operation),
        escaped(&each.user),
        escaped(&why.join("; "))
    )
}
