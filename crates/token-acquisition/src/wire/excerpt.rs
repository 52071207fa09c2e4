//! The first words of an answer that a token endpoint does not give, as far as they are safe to tell.
//!
//! Safe are words of a page's title, or of a plain text, up to the first that is not: that is longer
//! than words are, has a character that names and tokens have, or has to do with what was sent: a
//! proxy may repeat the request, whole, cut off or in quotation marks. Nothing is told of JSON, which
//! may be a token answer that was cut off.

use super::Form;

/// As many characters are told at most.
const MOST: usize = 80;

/// No word of a gateway's apology is longer; a token is.
const LONGEST_WORD: usize = 20;

/// A shorter word stands in any text by chance.
const SHORTEST_SECRET: usize = 4;

/// The safe beginning, if there is any.
pub(super) fn excerpt(body: &[u8], sent: &Form) -> Option<String> {
    let start = body.get(..body.len().min(4 * 1024))?;
    let text = std::str::from_utf8(start).or_else(|error| {
        // A character that the cut went through is no reason to tell nothing.
        std::str::from_utf8(start.get(..error.valid_up_to()).unwrap_or_default())
    });
    let text = text.ok()?.trim_start();
    let told = if text.starts_with('<') { title(text)? } else { text };
    if told.starts_with(['{', '[', '"']) {
        return None;
    }
    let mut safe = String::new();
    for word in told.split_whitespace() {
        if safe.len() + word.len() > MOST || !is_safe(word, sent) {
            break;
        }
        if !safe.is_empty() {
            safe.push(' ');
        }
        safe.push_str(word);
    }
    (!safe.is_empty()).then_some(safe)
}

fn title(page: &str) -> Option<&str> {
    let folded = page.to_ascii_lowercase();
    let open = folded.find("<title")?;
    let start = open + folded.get(open..)?.find('>')? + 1;
    let end = folded.get(start..)?.find('<').map_or(page.len(), |length| start + length);
    page.get(start..end)
}

fn is_safe(word: &str, sent: &Form) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".,:;!'()/-".contains(c);
    word.len() <= LONGEST_WORD && word.chars().all(is_plain) && !sent.has_to_do_with(word, SHORTEST_SECRET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: Option<&str>) {
        let mut form = Form::default();
        form.set("client_secret", "s3cret?%G&= of the daemon");
        form.set("assertion", "eyJ0.eyJ1.c2ln");
        assert_eq!(excerpt(body.as_bytes(), &form).as_deref(), expected, "{body}");
    }

    #[test]
    fn what_a_gateway_says_is_told() {
        check("<html><head><TITLE>\n502 Bad Gateway</TITLE>..", Some("502 Bad Gateway"));
        check(
            "  upstream connect error or disconnect/reset before headers",
            Some("upstream connect error or disconnect/reset before headers"),
        );
        check("SSH-2.0-OpenSSH\r\n", Some("SSH-2.0-OpenSSH"));
        check(
            "<!DOCTYPE html><title>Access denied for bob@contoso.example</title>",
            Some("Access denied for"),
        );
    }

    #[test]
    fn what_was_posted_and_what_may_be_a_token_is_not() {
        for body in [
            "",
            "<html>no title",
            "<title>",
            r#"{"access_token":"at-1"#,
            r#"["at-1"]"#,
            "access_token=eyJ0eXAi&token_type=Bearer",
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.e30.x",
            "daemon",
            "S3CRET?%G&=",
            "eyJ0.eyJ1.c2ln",
            "\u{fc}ber",
        ] {
            check(body, None);
        }
        check("invalid s3cret?%G&= sent", Some("invalid"));
        check("who is DAEMON here", Some("who is"));
        // Cut off, and in the quotation marks of whoever repeats it.
        check("Blocked: parameter 's3cret' of this request", Some("Blocked: parameter"));
        check("Blocked: daem... is suspicious", Some("Blocked:"));
        check("Blocked: (xdaemonx)", Some("Blocked:"));
    }
}
