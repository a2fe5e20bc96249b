//! The page: a summary, what is due, what a policy has against the keys, the inventory, and the life of each key.
//!
//! Every text of others is escaped. There is no script, and nothing is fetched.

mod told;

use crate::output::printable;
use keyward_pkcs11::admin::Key;
use keyward_pkcs11::admin::report::{Entry, Report, Weight};
use keyward_pkcs11::ck::date::display_utc;
use keyward_pkcs11::ck::text::hex;
use keyward_pkcs11::object::{State, Window};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn of(report: &Report) -> String {
    let title = escaped(&format!("Keys of {}", report.label));
    let made = display_utc(report.at);
    let sections = [
        head(report),
        summary(report),
        due(report),
        findings(report),
        told::section(report),
        inventory(report),
        lives(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}, {made}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
        sections.concat()
    )
}

/// Text that a browser takes for text.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn day(at: u64) -> String {
    display_utc(at).chars().take(10).collect()
}

/// What a key is called on the page: its label, or else what tells it from others.
fn name(key: &Key) -> String {
    match (key.facts.label.is_empty(), key.facts.id.is_empty()) {
        (false, _) => escaped(&key.facts.label),
        (true, false) => format!("id {}", hex(&key.facts.id)),
        (true, true) => format!("without a label, {}", key.uid),
    }
}

fn what(key: &Key) -> String {
    escaped(&format!("{} {}", key.class_word(), key.kind()))
}

fn head(report: &Report) -> String {
    format!(
        "<header>\n<h1>Keys of {}</h1>\n<p class=\"quiet\">Token {}, policy <b>{}</b> in force. Written {} by keyward {}.</p>\n\
         </header>\n",
        escaped(&report.label),
        escaped(&report.serial),
        escaped(&report.policy),
        display_utc(report.at),
        env!("CARGO_PKG_VERSION"),
    )
}

fn summary(report: &Report) -> String {
    let of = |state: State| report.entries.iter().filter(|entry| entry.key.state == state).count();
    let weighing = |weight| report.entries.iter().filter(|entry| entry.weight() == Some(weight)).count();
    let destroyed = of(State::Destroyed) + of(State::DestroyedCompromised);
    let mut sums = vec![
        ("", report.entries.len() - destroyed, "keys"),
        ("well", of(State::Active), "active"),
        ("", of(State::Suspended), "suspended"),
        ("", of(State::Deactivated), "deactivated"),
        ("now", of(State::Compromised), "compromised"),
        ("", destroyed, "destroyed"),
        ("now", weighing(Weight::Now), "need something now"),
        ("soon", weighing(Weight::Soon), "need something soon"),
    ];
    sums.push(("now", report.told.alarms.len(), "alarms"));
    sums.push(("", report.told.denials.len(), "kinds of refusals"));
    if report.against.is_some() {
        sums.push(("now", report.entries.iter().map(|entry| entry.findings.len()).sum(), "findings"));
    }
    let item = |(class, count, word): (&str, usize, &str)| {
        let class = if count == 0 { "quiet" } else { class };
        format!("<li class=\"{class}\"><b>{count}</b> {word}</li>\n")
    };
    format!("<ul class=\"sums\">\n{}</ul>\n", sums.into_iter().map(item).collect::<String>())
}

fn due(report: &Report) -> String {
    let mut rows: Vec<_> = report
        .entries
        .iter()
        .flat_map(|entry| entry.remarks.iter().map(move |remark| (remark.weight, entry, remark)))
        .collect();
    rows.sort_by_key(|(weight, ..)| std::cmp::Reverse(*weight));
    if rows.is_empty() {
        return "<section>\n<h2>What to do</h2>\n<p class=\"well\">Nothing is due, weak or unused.</p>\n</section>\n"
            .to_owned();
    }
    let row = |(weight, entry, remark): (Weight, &Entry, &keyward_pkcs11::admin::report::Remark)| {
        format!(
            "<tr><td class=\"mark {0}\">{0}</td><td class=\"label\">{1}</td><td>{2}</td><td>{3}</td></tr>\n",
            weight.word(),
            name(&entry.key),
            what(&entry.key),
            escaped(&remark.text)
        )
    };
    let rows: String = rows.into_iter().map(row).collect();
    format!(
        "<section>\n<h2>What to do</h2>\n<div class=\"wide\"><table>\n\
         <thead><tr><th>when</th><th>key</th><th>what</th><th>why</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n\
         </section>\n"
    )
}

fn findings(report: &Report) -> String {
    let Some(against) = &report.against else { return String::new() };
    let rows: String = report
        .entries
        .iter()
        .flat_map(|entry| entry.findings.iter().map(move |finding| (entry, finding)))
        .map(|(entry, finding)| {
            format!(
                "<tr><td class=\"label\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                name(&entry.key),
                what(&entry.key),
                escaped(&finding.text),
                escaped(&finding.rules.join("; "))
            )
        })
        .collect();
    let body = if rows.is_empty() {
        "<p class=\"well\">The policy has nothing against any key.</p>\n".to_owned()
    } else {
        format!(
            "<div class=\"wide\"><table>\n<thead><tr><th>key</th><th>what</th><th>finding</th><th>rule and clause</th></tr></thead>\n\
             <tbody>\n{rows}</tbody>\n</table></div>\n"
        )
    };
    format!(
        "<section>\n<h2>Against the policy {}</h2>\n<p class=\"quiet\">What it would refuse if these keys were made today, and \
         whose time it holds to be over.</p>\n{body}</section>\n",
        escaped(against)
    )
}

fn inventory(report: &Report) -> String {
    let row = |entry: &Entry| {
        let key = &entry.key;
        let strength = entry.strength.map_or_else(|| "?".to_owned(), |bits| bits.to_string());
        format!(
            "<tr><td class=\"label\">{}</td><td class=\"kind\">{}</td><td>{}</td><td>{}</td><td>{strength}</td><td class=\"moment\">{}</td>\
             <td class=\"moment\">{}</td><td class=\"moment\">{}</td><td>{}</td><td>{}</td></tr>\n",
            name(key),
            what(key),
            key.state.word(),
            key.purpose_word(),
            day(key.facts.initial_date),
            until(key, key.windows.0, &[State::PreActive, State::Active]),
            until(key, key.windows.1, &[State::PreActive, State::Active, State::Deactivated]),
            budget(key),
            key.facts.origin.word(),
        )
    };
    let rows: String = report.entries.iter().map(row).collect();
    format!(
        "<section>\n<h2>Inventory</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>key</th><th>what</th><th>state</th>\
         <th>purpose</th><th>bits of security</th><th>made</th><th>protects until</th><th>processes until</th><th>budget</th><th>origin</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )
}

/// How much of the tightest of a key's budgets is spent, in percent.
fn budget(key: &Key) -> String {
    let counted = key.limits.iter().filter(|limit| limit.unit.seconds() == 0);
    let percent = counted.map(|limit| u128::from(limit.used) * 100 / u128::from(limit.most.max(1))).max();
    percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"))
}

fn end(window: Window) -> String {
    window.to.map_or_else(|| "always".to_owned(), day)
}

/// The end of a window, where the state lets it count.
fn until(key: &Key, window: Window, states: &[State]) -> String {
    if states.contains(&key.state) { end(window) } else { "-".to_owned() }
}

fn lives(report: &Report) -> String {
    let lives: String = report.entries.iter().map(|entry| life(entry, report.at)).collect();
    format!("<section>\n<h2>The life of each key</h2>\n{lives}</section>\n")
}

fn life(entry: &Entry, now: u64) -> String {
    let key = &entry.key;
    let lines: String = key.history().iter().map(|line| format!("<li>{}</li>\n", escaped(line))).collect();
    let history = if lines.is_empty() {
        "<p class=\"quiet\">No transition since it was made.</p>\n".to_owned()
    } else {
        format!("<ol class=\"history\">\n{lines}</ol>\n")
    };
    let rules = if key.rules.is_empty() { "none".to_owned() } else { escaped(&key.rules.join(", ")) };
    let limits: String =
        key.limits.iter().map(|limit| format!("<p>{}</p>\n", escaped(&limit.to_string()))).collect();
    format!(
        "<article>\n<h3>{}</h3>\n<p class=\"quiet\">{}, {}, unique id {}; rules that apply: {rules}</p>\n{limits}{}{history}</article>\n",
        name(key),
        what(key),
        key.state.word(),
        key.uid,
        timeline(key, now)
    )
}

/// A bar from the making of the key to the last of its dates, with what it may do when, and today.
fn timeline(key: &Key, now: u64) -> String {
    let begin = key.facts.initial_date.min(now);
    let ends = [key.windows.0.to, key.windows.1.to, Some(now)];
    let last = ends.into_iter().flatten().max().unwrap_or(now).max(begin.saturating_add(1));
    // Half a tenth more, so that what is open at its end is seen to go on.
    let limit = last.saturating_add((last - begin) / 20);
    let place = |at: u64| {
        let at = at.clamp(begin, limit) - begin;
        u128::from(at) * 1000 / u128::from((limit - begin).max(1))
    };
    let piece = |class: &str, window: Window| {
        let from = place(window.from.unwrap_or(begin));
        let to = place(window.to.unwrap_or(limit));
        let width = to.saturating_sub(from);
        format!("<i class=\"{class}\" style=\"left:{}%;width:{}%\"></i>", permille(from), permille(width))
    };
    format!(
        "<div class=\"bar\" role=\"img\" aria-label=\"protects until {}, processes until {}\">{}{}\
         <i class=\"today\" style=\"left:{}%\"></i></div>\n<div class=\"ends\"><span>made {}</span><span>today {}</span></div>\n",
        end(key.windows.0),
        end(key.windows.1),
        piece("process", key.windows.1),
        piece("protect", key.windows.0),
        permille(place(now)),
        day(key.facts.initial_date),
        day(now),
    )
}

fn permille(part: u128) -> String {
    format!("{}.{}", part / 10, part % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_taken_for_html() {
        assert_eq!(
            escaped("<script>alert('&\"')</script>\u{1b}"),
            "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;\u{fffd}"
        );
    }

    #[test]
    fn places_on_the_bar_are_decimal_numbers() {
        assert_eq!(permille(0), "0.0");
        assert_eq!(permille(1000), "100.0");
        assert_eq!(permille(987), "98.7");
    }
}
