//! Redaction of secrets in responses. A server may echo a request's secret, in part or in another encoding.
//!
//! A text is searched as it is and with the escapes of URLs, JSON and HTML undone, nested up to two levels. Each match
//! is removed from the original text.

use std::ops::Range;

use secrecy::{ExposeSecret, SecretString};

/// Replaces a secret.
const MARK: &str = "[REDACTED]";
/// This many leading bytes of a secret are taken as a part of it.
const PART: usize = 16;
/// Maximum number of nested encodings.
const DEPTH: usize = 2;
/// Precedes a signature in an echoed header.
const SIGNATURE: &[u8] = b"signature=";

/// A decoded byte and the range of the text that encodes it.
#[derive(Clone, Copy)]
struct Decoded {
    byte: u8,
    from: usize,
    to: usize,
}

/// Undoes the escape at the beginning; returns the decoded bytes and the length of the escape.
type Undo = fn(&[Decoded]) -> Option<(Vec<u8>, usize)>;

/// Removes the secrets and any request signature. The time is linear in the length of the text.
pub(super) fn redacted(text: &str, secrets: &[SecretString]) -> String {
    let mut found = Vec::new();
    for view in views(text) {
        for secret in secrets {
            find(&view, secret.expose_secret().as_bytes(), text, &mut found);
        }
        find_signatures(&view, &mut found);
    }
    without(text, found)
}

/// All decodings of the text.
fn views(text: &str) -> Vec<Vec<Decoded>> {
    let plain: Vec<_> = text.bytes().enumerate().map(|(at, byte)| Decoded { byte, from: at, to: at + 1 }).collect();
    let mut views = vec![plain];
    let mut latest = 0;
    for _ in 0..DEPTH {
        let before = std::mem::replace(&mut latest, views.len());
        for index in before..latest {
            for undo in [percent as Undo, json, html] {
                views.extend(undone(&views[index], undo));
            }
        }
    }
    views
}

/// The text with these escapes undone; `None` if it has none.
fn undone(mut rest: &[Decoded], undo: Undo) -> Option<Vec<Decoded>> {
    let (mut decoded, mut is_any) = (Vec::with_capacity(rest.len()), false);
    while let Some(first) = rest.first() {
        let (bytes, length) = undo(rest).inspect(|_| is_any = true).unwrap_or((vec![first.byte], 1));
        let (from, to) = (first.from, rest[length - 1].to);
        decoded.extend(bytes.into_iter().map(|byte| Decoded { byte, from, to }));
        rest = &rest[length..];
    }
    is_any.then_some(decoded)
}

/// `%3D`, as in a URL.
fn percent(rest: &[Decoded]) -> Option<(Vec<u8>, usize)> {
    starts(rest, b"%")
        .then(|| number(rest, 1..3, 16))
        .flatten()
        .and_then(|byte| Some((vec![u8::try_from(byte).ok()?], 3)))
}

/// `\/`, `\u003d`, `\"`.
fn json(rest: &[Decoded]) -> Option<(Vec<u8>, usize)> {
    if !starts(rest, b"\\") {
        return None;
    }
    let byte = match rest.get(1)?.byte {
        b'u' => return utf16(rest),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        same @ (b'"' | b'\\' | b'/' | b'\'') => same,
        _ => return None,
    };
    Some((vec![byte], 2))
}

/// `\u003d`, or a surrogate pair.
fn utf16(rest: &[Decoded]) -> Option<(Vec<u8>, usize)> {
    let unit = |at: usize| {
        let rest = rest.get(at..).filter(|rest| starts(rest, b"\\u"))?;
        u16::try_from(number(rest, 2..6, 16)?).ok()
    };
    let first = unit(0)?;
    let one = char::decode_utf16([first]).next()?.ok().map(|one| (one, 6));
    let two = || Some((char::decode_utf16([first, unit(6)?]).next()?.ok()?, 12));
    let (letter, length) = one.or_else(two)?;
    Some((letter.to_string().into_bytes(), length))
}

/// `&amp;`, `&#61;`, `&#x3D;`.
fn html(rest: &[Decoded]) -> Option<(Vec<u8>, usize)> {
    const NAMES: [(&[u8], u8); 5] =
        [(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];
    if let Some((name, byte)) = NAMES.into_iter().find(|(name, _)| starts(rest, name)) {
        return Some((vec![byte], name.len()));
    }
    if !starts(rest, b"&#") {
        return None;
    }
    let (begin, radix) = if rest.get(2)?.byte.eq_ignore_ascii_case(&b'x') { (3, 16) } else { (2, 10) };
    let end = rest.iter().take(begin + 8).position(|decoded| decoded.byte == b';')?;
    let letter = char::from_u32(number(rest, begin..end, radix)?)?;
    Some((letter.to_string().into_bytes(), end + 1))
}

fn starts(rest: &[Decoded], with: &[u8]) -> bool {
    rest.len() >= with.len() && rest.iter().zip(with).all(|(decoded, byte)| decoded.byte.eq_ignore_ascii_case(byte))
}

fn number(rest: &[Decoded], digits: Range<usize>, radix: u32) -> Option<u32> {
    let digits = rest.get(digits).filter(|digits| !digits.is_empty())?;
    digits
        .iter()
        .try_fold(0u32, |number, digit| number.checked_mul(radix)?.checked_add(char::from(digit.byte).to_digit(radix)?))
}

/// Finds the secret or a part of it.
fn find(view: &[Decoded], secret: &[u8], text: &str, found: &mut Vec<Range<usize>>) {
    let mut rest = view;
    while let Some(first) = rest.first() {
        let common = rest.iter().zip(secret).take_while(|(decoded, byte)| decoded.byte == **byte).count();
        let is_whole = common == secret.len();
        if common == 0 || !(is_whole || common >= PART) {
            rest = &rest[1..];
            continue;
        }
        let end = rest[common - 1].to;
        found.push(first.from..if is_whole { end } else { end_of_word(text, end) });
        rest = &rest[common..];
    }
}

/// A truncated secret, or one in an unknown encoding, extends to the end of the word.
fn end_of_word(text: &str, from: usize) -> usize {
    let from = (from..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    let is_end = |c: char| c.is_whitespace() || c.is_control() || "\"'<>,;(){}[]".contains(c);
    text[from..].find(is_end).map_or(text.len(), |length| from + length)
}

/// Finds signatures in the form of the `Authorization` header.
fn find_signatures(view: &[Decoded], found: &mut Vec<Range<usize>>) {
    for at in 0..view.len() {
        if !starts(&view[at..], SIGNATURE) {
            continue;
        }
        let digits = &view[at + SIGNATURE.len()..];
        let count = digits.iter().take_while(|digit| digit.byte.is_ascii_hexdigit()).count();
        found.extend(count.checked_sub(1).map(|last| digits[0].from..digits[last].to));
    }
}

/// Replaces these ranges, which may overlap, by the mark.
fn without(text: &str, mut parts: Vec<Range<usize>>) -> String {
    parts.sort_by_key(|part| part.start);
    let (mut rest, mut left) = (0, String::with_capacity(text.len()));
    for part in parts {
        if part.start >= rest {
            left.push_str(text.get(rest..part.start).unwrap_or_default());
            left.push_str(MARK);
        }
        rest = rest.max(part.end);
    }
    left.push_str(text.get(rest..).unwrap_or_default());
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token with characters that each encoding escapes.
    const TOKEN: &str = "MIIEAgYJKoZIhvcNAQ/cCoIID8z=CCA+8CAQExDTALBglghkgBZQMEAgEwgg==";

    fn without_token(text: &str) -> String {
        redacted(text, &[TOKEN.into()])
    }

    #[test]
    fn token_is_found_in_every_encoding() {
        let quoted = serde_json::Value::from(TOKEN).to_string();
        let gson = quoted.replace('=', "\\u003d");
        let php = quoted.replace('/', "\\/");
        let percent = TOKEN.replace('/', "%2F").replace('=', "%3D").replace('+', "%2B");
        let html = TOKEN.replace('/', "&#x2F;").replace('=', "&#61;").replace('+', "&#X2b;");
        let forms = [
            TOKEN.to_owned(),
            php.replace('=', "\\u003D"),
            gson.replace('\\', "\\\\"),
            percent.replace('%', "%25"),
            percent.replace("%2F", "%2f"),
            percentless(&gson),
            gson,
            php,
            percent,
            html,
        ];
        for source in forms {
            let source = source.trim_matches('"');
            for text in
                [format!("the token {source} has expired"), format!("{{\"t\":\"{source}\"}}"), source.to_owned()]
            {
                assert_eq!(without_token(&text), text.replace(source, MARK), "{source}");
            }
        }
    }

    /// JSON in a URL.
    fn percentless(json: &str) -> String {
        json.replace('\\', "%5C").replace('/', "%2F")
    }

    #[test]
    fn part_of_a_token_is_redacted_to_the_word_end() {
        assert_eq!(without_token(&format!("token {} expired", &TOKEN[..40])), "token [REDACTED] expired");
        assert_eq!(without_token(&format!("token {}... expired", &TOKEN[..16])), "token [REDACTED] expired");
        // The rest is in an unknown encoding.
        assert_eq!(without_token(&format!("<{}=3Drest> b", &TOKEN[..20])), "<[REDACTED]> b");
        let shorter = format!("token {} expired", &TOKEN[..15]);
        assert_eq!(without_token(&shorter), shorter);
        assert_eq!(redacted("größer MIIEAgYJKoZIhvcNü b", &["MIIEAgYJKoZIhvcNAQ".into()]), "größer [REDACTED] b");
    }

    #[test]
    fn other_text_is_not_redacted() {
        let secrets: Vec<SecretString> = vec!["".into(), TOKEN.into(), "100%25".into()];
        for text in ["", "a 100% \\u12 \\ud800 \\ &# &#x; &#xffffffff; %", "größer", "signature time:20260101T000000Z"]
        {
            assert_eq!(redacted(text, &secrets), text);
        }
        assert_eq!(redacted("100%25 and 100%2525", &secrets), "[REDACTED] and [REDACTED]");
        assert_eq!(redacted("a\"b\\c a\\\"b\\\\c a\\u0022b", &["a\"b\\c".into()]), "[REDACTED] [REDACTED] a\\u0022b");
        assert_eq!(redacted("\\ud83d\\ude00! 😀!", &["😀!".into()]), "[REDACTED] [REDACTED]");
    }

    #[test]
    fn signature_is_redacted() {
        let header = "SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=";
        let signature = "461dc2f4f20bbc67131911a2a1301388690bc834a8e88f623cd69ca7e8d2c21f";
        assert_eq!(redacted(&format!("{header}{signature}, no"), &[]), format!("{header}{MARK}, no"));
        assert_eq!(redacted(&format!("signature%3D{signature}&a"), &[]), format!("signature%3D{MARK}&a"));
    }

    #[test]
    fn redaction_time_is_linear() {
        let secrets: Vec<SecretString> = vec!["%".repeat(20_000).into(), "ab".repeat(20_000).into()];
        for text in ["%25".repeat(20_000), "ab".repeat(30_000), "\\\\".repeat(30_000), "&amp;".repeat(12_000)] {
            let began = std::time::Instant::now();
            assert!(redacted(&text, &secrets).len() <= text.len());
            assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
        }
    }
}
