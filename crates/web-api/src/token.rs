//! A compact JWS as it came: three segments, a header that says how it is signed, and a payload
//! that is not looked into before the signature is checked.
//! <https://www.rfc-editor.org/rfc/rfc7515>, <https://www.rfc-editor.org/rfc/rfc8725>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use memchr::memchr_iter;

use crate::{
    Flaw,
    algorithm::Algorithm,
    json::{Item, Members},
};

/// A token, split. Nothing in it is trusted yet.
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Header and payload as they were signed.
    pub(crate) signed: &'a str,
    /// The header as it stands there: base64url.
    pub(crate) header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// What a header says of the signature.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: String,
    pub(crate) is_for_graph: bool,
}

/// The longest token that .NET takes.
const LONGEST: usize = 256_000;

impl<'a> Token<'a> {
    pub(crate) fn split(text: &'a str) -> Result<Self, Flaw> {
        if text.len() > LONGEST {
            return Err(Flaw::Malformed("the token is longer than 256000 characters"));
        }
        let mut dots = memchr_iter(b'.', text.as_bytes());
        let (Some(first), Some(second)) = (dots.next(), dots.next()) else {
            return Err(NOT_A_JWT);
        };
        match dots.count() {
            0 => {}
            2 => return Err(ENCRYPTED),
            _ => return Err(NOT_A_JWT),
        }
        let (signed, signature) = text.split_at(second);
        let (header, payload) = signed.split_at(first);
        let (payload, signature) = (payload.trim_start_matches('.'), signature.trim_start_matches('.'));
        Ok(Self { text, signed, header, payload, signature })
    }

    pub(crate) fn read_header(&self) -> Result<Header, Flaw> {
        let header =
            decode_text(self.header).ok_or(Flaw::Malformed("the token's header is not base64url"))?;
        let header = Members::read(&header).ok_or(Flaw::Malformed("the token's header is not JSON"))?;
        let (algorithm, kid) = read_header(&header)?;
        // Entra signs Graph's tokens over a header whose nonce is hashed, so that only Graph can
        // check them.
        Ok(Header { algorithm, kid: kid.to_owned(), is_for_graph: header.has("nonce") })
    }

    pub(crate) fn signature(&self) -> Result<Vec<u8>, Flaw> {
        URL_SAFE_NO_PAD.decode(self.signature).ok().ok_or(Flaw::Malformed("the signature is not base64url"))
    }

    pub(crate) fn payload(&self) -> Result<String, Flaw> {
        decode_text(self.payload).ok_or(Flaw::Malformed("the token's payload is not base64url of a text"))
    }
}

fn read_header<'h>(header: &'h Members<'_>) -> Result<(Algorithm, &'h str), Flaw> {
    let algorithm = header.text("alg").and_then(Algorithm::parse).ok_or(Flaw::Algorithm)?;
    let is_odd = |name: &&str| !matches!(header.get(name), None | Some(Item::Null | Item::Text(_)));
    if REGISTERED.iter().any(is_odd) {
        return Err(Flaw::Malformed("a member of the token's header is no text"));
    }
    // We understand no extension; a critical one must then be refused (RFC 7515 section 4.1.11).
    if header.has("crit") {
        return Err(Flaw::Malformed("the token needs an extension that is not known here (crit)"));
    }
    if header.has("zip") {
        return Err(Flaw::Malformed("the token is compressed"));
    }
    let is_access_token = |typ: &str| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt");
    if header.has("typ") && !header.text("typ").is_some_and(is_access_token) {
        return Err(Flaw::Malformed("the token's type is neither JWT nor at+jwt"));
    }
    let kid = header.text("kid").filter(|kid| !kid.is_empty()).ok_or(Flaw::UnknownKey)?;
    Ok((algorithm, kid))
}

fn decode_text(segment: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(segment).ok()?).ok()
}

/// Members that are texts wherever they stand (RFC 7515 section 4.1); most of them are not used.
const REGISTERED: [&str; 8] = ["kid", "typ", "cty", "x5t", "x5t#S256", "x5u", "jku", "enc"];

const NOT_A_JWT: Flaw = Flaw::Malformed("the token is not of three segments");
const ENCRYPTED: Flaw = Flaw::Malformed("the token is encrypted, and decryption is not supported");

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expected: Result<(&str, &str), Flaw>) {
        let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header));
        let found = Token::split(&token).and_then(|token| token.read_header());
        let found = found.map(|header| (header.algorithm.name(), header.kid));
        assert_eq!(found, expected.map(|(algorithm, kid)| (algorithm, kid.to_owned())), "{header}");
    }

    fn refused(header: &str) {
        let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header));
        assert!(Token::split(&token).unwrap().read_header().is_err(), "{header}");
    }

    #[test]
    fn headers() {
        check(
            r#"{"typ":"JWT","alg":"RS256","kid":"k1","x5t":"?","jku":"https://evil"}"#,
            Ok(("RS256", "k1")),
        );
        check(r#"{"alg":"PS512","kid":"K1","typ":"at+JWT"}"#, Ok(("PS512", "K1")));
        check(r#"{"kid":"k1"}"#, Err(Flaw::Algorithm));
        for algorithm in
            ["none", "HS256", "rs256", "ES256", "", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
        {
            check(&format!(r#"{{"alg":"{algorithm}","kid":"k1"}}"#), Err(Flaw::Algorithm));
        }
        check(r#"{"alg":"RS256"}"#, Err(Flaw::UnknownKey));
        check(r#"{"alg":"RS256","kid":""}"#, Err(Flaw::UnknownKey));
        check(r#"{"alg":"RS256","kid":null,"x5t":null}"#, Err(Flaw::UnknownKey));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        refused(r#"{"alg":"RS256","kid":"k1","crit":[]}"#);
        refused(r#"{"alg":"RS256","kid":"k1","crit":["exp"],"exp":1}"#);
        refused(r#"{"alg":"RS256","kid":"k1","zip":"DEF"}"#);
        refused(r#"{"alg":"RS256","kid":"k1","typ":"dpop+jwt"}"#);
        refused(r#"{"alg":"RS256","kid":"k1","typ":null}"#);
        refused(r#"{"alg":"RS256","kid":"k1","alg":"none"}"#);
        refused(r#"{"alg":"RS256","kid":"k1"} "x""#);
        refused(r#"{"alg":"RS256","kid":"k1","x5t":5}"#);
        refused("[]");
    }

    #[test]
    fn segments() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"k1"}"#);
        let read = |text: &str| Token::split(text).and_then(|token| token.read_header()).map(drop);
        for hostile in ["", ".", "..", "a", "a.b", "é.é.é"] {
            assert!(read(hostile).is_err(), "{hostile}");
        }
        for hostile in ["e30", "e30.c2ln.", "e30.c2ln.c2ln", "e30.a.b.c"] {
            assert!(Token::split(&format!("{header}.{hostile}")).is_err(), "{hostile}");
        }
        assert!(read(&format!("{header}=.e30.c2ln")).is_err());
        assert!(Token::split(&format!("{header}.e30=.c2ln")).unwrap().payload().is_err());
        assert!(Token::split(&format!("{header}.e30.c2ln=")).unwrap().signature().is_err());
        assert!(Token::split(&format!("{header}.e30.c2lo.")).is_err());
        assert!(Token::split(&"a".repeat(LONGEST + 1)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,80}\\..{0,80}\\..{0,80}") {
            let read = Token::split(&text).and_then(|token| token.read_header());
            proptest::prop_assert!(read.is_err());
        }
    }
}
