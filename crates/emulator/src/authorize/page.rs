//! The pages: sign in and accept, an error, and the form that posts an answer back.

use http::StatusCode;

use crate::directory::{App, Directory, Tenant, User};
use crate::exchange::{Exchange, Form, Reply};
use crate::refusal::Refusal;

/// Asks who signs in, and whether the application may.
pub(super) fn ask(
    directory: &Directory,
    exchange: &Exchange,
    client: &App,
    tenant: Option<&Tenant>,
    asked: &Form,
) -> Reply {
    let lives_here = |home: Option<&Tenant>| match (tenant, home) {
        (Some(tenant), Some(home)) => tenant.id == home.id,
        (None, home) => home.is_some(),
        (Some(_), None) => false,
    };
    let users =
        directory.users.iter().filter(|user| user.agent.is_none() && lives_here(directory.home(user)));
    let hint = asked.get("login_hint");
    let choices: Vec<String> = users.map(|user| choice(user, hint)).collect();
    let wanted: Vec<String> =
        asked.get("scope").unwrap_or_default().split_whitespace().map(escaped).collect();
    // A request that came by POST is carried along; one that came by GET is still in the address.
    let carried: String = exchange.form.iter().map(|(name, value)| hidden(name, value)).collect();
    html(
        StatusCode::OK,
        "Sign in to the emulator",
        &format!(
            r#"<h1>{}</h1><form method="post">{carried}{}<p>It asks for <code>{}</code></p>
<button name="decision" value="accept">Accept</button>
<button name="decision" value="deny" formnovalidate>Cancel</button></form>"#,
            escaped(client.label()),
            choices.concat(),
            wanted.join("</code>, <code>")
        ),
    )
}

fn choice(user: &User, hint: Option<&str>) -> String {
    let checked = if hint.is_some_and(|hint| hint.eq_ignore_ascii_case(&user.upn)) { " checked" } else { "" };
    format!(
        r#"<p><label><input type="radio" name="user" value="{0}"{checked} required> {1} <small>{2}</small></label></p>"#,
        escaped(&user.object_id),
        escaped(&user.display_name),
        escaped(&user.upn)
    )
}

/// An error that must not go to an address nobody has checked.
pub(super) fn refused(refusal: &Refusal, exchange: &Exchange) -> Reply {
    let text = escaped(&refusal.description(exchange));
    let mut reply =
        html(refusal.status(), "Sign in: error", &format!("<h1>We could not sign you in</h1><p>{text}</p>"));
    reply.aadsts = Some(refusal.number());
    reply
}

/// `response_mode=form_post`.
pub(super) fn form_post(to: &str, fields: &[(&'static str, String)]) -> Reply {
    let inputs: String = fields.iter().map(|(name, value)| hidden(name, value)).collect();
    html(
        StatusCode::OK,
        "Working...",
        &format!(
            r#"<form method="post" action="{}">{inputs}<noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>"#,
            escaped(to)
        ),
    )
}

fn hidden(name: &str, value: &str) -> String {
    format!(r#"<input type="hidden" name="{}" value="{}">"#, escaped(name), escaped(value))
}

fn html(status: StatusCode, title: &str, body: &str) -> Reply {
    let page = format!(
        r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px system-ui;max-width:36em;margin:4em auto;padding:0 1em}}button{{font:inherit;padding:.4em 1.2em}}</style>
</head><body>{body}</body></html>"#
    );
    Reply::text(status, "text/html; charset=utf-8", page).never_stored()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
