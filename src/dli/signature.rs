//! SDK-HMAC-SHA256, the request signature of the API gateway: request → canonical request → string to sign → signature.
//! Pure: the caller passes the time and adds the headers.
//!
//! Unlike AWS Signature Version 4 there is no key derivation: the secret key signs directly.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::{
    OffsetDateTime, PrimitiveDateTime, UtcDateTime, format_description::BorrowedFormatItem, macros::format_description,
};

/// Name of the algorithm; the first word of the `Authorization` header.
pub const ALGORITHM: &str = "SDK-HMAC-SHA256";
/// Header with the time of signing; always signed.
pub const DATE_HEADER: &str = "x-sdk-date";
/// Header with the security token of temporary keys.
pub const TOKEN_HEADER: &str = "x-security-token";
/// Header with the project id.
pub const PROJECT_HEADER: &str = "x-project-id";
/// Maximum difference of the date from the gateway's clock, in minutes.
pub const MAX_SKEW_MINUTES: i64 = 15;

/// Characters that are percent-encoded: all but RFC 3986's unreserved ones.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const DATE_FORMAT: &[BorrowedFormatItem<'static>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// The signed parts of a request.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The path of the request line, percent-encoded, without the query.
    pub path: &'a str,
    /// Decoded pairs of the query, in any order.
    pub query: &'a [(String, String)],
    /// The headers to sign, [`DATE_HEADER`] among them; names in any case, in any order.
    pub headers: &'a [(&'a str, &'a str)],
    /// Lower-case hex SHA-256 of the body: [`payload_hash`].
    pub payload_hash: &'a str,
}

/// Formats a time for the date header: `20191115T033655Z`.
#[must_use]
pub fn format_date(time: OffsetDateTime) -> String {
    UtcDateTime::from(time).format(DATE_FORMAT).expect("a UTC time has all the parts that the format names")
}

/// Parses the date header.
#[must_use]
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, DATE_FORMAT).ok().map(PrimitiveDateTime::assume_utc)
}

/// Lower-case hex SHA-256 of a body.
#[must_use]
pub fn payload_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// The query as it is signed and must be sent: sorted, a space as `%20`.
#[must_use]
pub fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = query.iter().collect();
    pairs.sort();
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    pairs.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect::<Vec<_>>().join("&")
}

/// The path as it is signed: decoded as a whole, encoded again, with a final slash. An escaped slash (`%2F`) is
/// therefore signed as a plain one.
#[must_use]
pub fn canonical_uri(path: &str) -> String {
    const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut uri = percent_encode(&decoded, RESERVED_IN_PATH).to_string();
    if !uri.ends_with('/') {
        uri.push('/');
    }
    uri
}

/// Names of the signed headers, in lower case, sorted, joined by semicolons.
#[must_use]
pub fn signed_headers(headers: &[(&str, &str)]) -> String {
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.join(";")
}

/// Six parts joined by line breaks; the headers end with an additional one.
#[must_use]
pub fn canonical_request(request: &Signable<'_>) -> String {
    let mut headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
    headers.sort();
    let lines = headers.iter().fold(String::new(), |lines, (name, value)| lines + name + ":" + value + "\n");
    [
        request.method,
        &canonical_uri(request.path),
        &canonical_query(request.query),
        &lines,
        &signed_headers(request.headers),
        request.payload_hash,
    ]
    .join("\n")
}

/// Algorithm, date and the hash of the canonical request.
#[must_use]
pub fn string_to_sign(date: &str, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{date}\n{}", hex::encode(Sha256::digest(canonical_request)))
}

/// Lower-case hex HMAC-SHA256 with the secret key.
#[must_use]
pub fn signature(secret_key: &str, string_to_sign: &str) -> String {
    hex::encode(keyed(secret_key, string_to_sign).finalize().into_bytes())
}

/// Whether `claimed` is the signature, compared in constant time.
#[must_use]
pub fn is_signature(claimed: &str, secret_key: &str, string_to_sign: &str) -> bool {
    hex::decode(claimed).is_ok_and(|claimed| keyed(secret_key, string_to_sign).verify_slice(&claimed).is_ok())
}

fn keyed(secret_key: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac
}

/// The parsed `Authorization` header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// The access key.
    pub access_key: String,
    /// Names of the signed headers in lower case, in the header's order.
    pub signed_headers: Vec<String>,
    /// Lower-case hex.
    pub signature: String,
}

impl Authorization {
    /// Signs `request`; returns the header's value. `date` is the value of [`DATE_HEADER`].
    #[must_use]
    pub fn sign(request: &Signable<'_>, date: &str, access_key: &str, secret_key: &str) -> String {
        let signature = signature(secret_key, &string_to_sign(date, &canonical_request(request)));
        let signed = signed_headers(request.headers);
        format!("{ALGORITHM} Access={access_key}, SignedHeaders={signed}, Signature={signature}")
    }

    /// Parses a header's value; `None` if it has another form.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut access_key = None;
        let mut headers = None;
        let mut signature = None;
        for part in header.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Access", value) => access_key = Some(value.to_owned()),
                ("SignedHeaders", value) => headers = Some(value.split(';').map(str::to_ascii_lowercase).collect()),
                ("Signature", value) => signature = Some(value.to_owned()),
                _ => return None,
            }
        }
        Some(Self { access_key: access_key?, signed_headers: headers?, signature: signature? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SK: &str = "SKEXAMPLE000000000000000000000000000000A";
    const AK: &str = "AKEXAMPLE0000000000A";
    const DATE: &str = "20260101T000000Z";
    const PROJECT: &str = "48cc2c48765f481480c7db940d6409d1";

    struct Vector<'a> {
        request: Signable<'a>,
        secret: &'a str,
        date: &'a str,
        canonical: &'a str,
        hash: &'a str,
        signature: &'a str,
    }

    /// Compares every intermediate result.
    fn check(vector: &Vector<'_>) {
        let canonical = canonical_request(&vector.request);
        assert_eq!(canonical, vector.canonical, "canonical request");
        let to_sign = string_to_sign(vector.date, &canonical);
        assert_eq!(to_sign, format!("SDK-HMAC-SHA256\n{}\n{}", vector.date, vector.hash), "string to sign");
        assert_eq!(signature(vector.secret, &to_sign), vector.signature, "signature");
        assert!(is_signature(vector.signature, vector.secret, &to_sign));
        assert!(!is_signature(&vector.signature.replacen(&vector.signature[..1], "x", 1), vector.secret, &to_sign));
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    /// Published in Huawei's signing guide.
    #[test]
    fn vector_1_list_vpcs() {
        check(&Vector {
            request: Signable {
                method: "GET",
                path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
                query: &[pair("limit", "2"), pair("marker", "13551d6b-755d-4757-b956-536f674975c0")],
                headers: &[
                    ("Content-Type", "application/json"),
                    ("Host", "service.region.example.com"),
                    ("X-Sdk-Date", "20191115T033655Z"),
                ],
                payload_hash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
            secret: "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
            date: "20191115T033655Z",
            canonical: "GET\n/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs/\n\
                        limit=2&marker=13551d6b-755d-4757-b956-536f674975c0\n\
                        content-type:application/json\nhost:service.region.example.com\nx-sdk-date:20191115T033655Z\n\n\
                        content-type;host;x-sdk-date\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            hash: "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
            signature: "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
        });
    }

    /// The following three were made with Huawei's Python SDK (huaweicloudsdkcore 3.1.219).
    #[test]
    fn vector_2_create() {
        let body = r#"{"name":"test","dest_vpc_id":"22094d8f-c310-4621-913d-4c4d655d8495","dest_network_id":"78f2562a-36e4-4b39-95b9-f5aab22e1281"}"#;
        let hash = payload_hash(body.as_bytes());
        assert_eq!(hash, "42771d3f98988f6ba243aca33bfa3bda980fae21393241ec2a7e7da5bc9fdd64", "payload");
        check(&Vector {
            request: Signable {
                method: "POST",
                path: "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections",
                query: &[],
                headers: &[
                    ("Content-Type", "application/json"),
                    ("Host", "dli.cn-north-4.myhuaweicloud.com"),
                    ("X-Project-Id", PROJECT),
                    ("X-Sdk-Date", DATE),
                ],
                payload_hash: &hash,
            },
            secret: SK,
            date: DATE,
            canonical: "POST\n/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections/\n\n\
                        content-type:application/json\nhost:dli.cn-north-4.myhuaweicloud.com\n\
                        x-project-id:48cc2c48765f481480c7db940d6409d1\nx-sdk-date:20260101T000000Z\n\n\
                        content-type;host;x-project-id;x-sdk-date\n\
                        42771d3f98988f6ba243aca33bfa3bda980fae21393241ec2a7e7da5bc9fdd64",
            hash: "ea551dc7f447fc92481c49ff75b302736b27be0a721b22be42116381aa2732ba",
            signature: "461dc2f4f20bbc67131911a2a1301388690bc834a8e88f623cd69ca7e8d2c21f",
        });
    }

    #[test]
    fn vector_3_list_with_tags() {
        check(&Vector {
            request: Signable {
                method: "GET",
                path: "/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections",
                query: &[
                    pair("tags", "a b=c+d,owner=x@y"),
                    pair("offset", "0"),
                    pair("name", "t_1"),
                    pair("limit", "100"),
                ],
                headers: &[
                    ("X-Security-Token", "TOKEN=="),
                    ("Host", "dli.cn-north-4.myhuaweicloud.com"),
                    ("X-Project-Id", PROJECT),
                    ("X-Sdk-Date", DATE),
                ],
                payload_hash: &payload_hash(b""),
            },
            secret: SK,
            date: DATE,
            canonical: "GET\n/v2.0/48cc2c48765f481480c7db940d6409d1/datasource/enhanced-connections/\n\
                        limit=100&name=t_1&offset=0&tags=a%20b%3Dc%2Bd%2Cowner%3Dx%40y\n\
                        host:dli.cn-north-4.myhuaweicloud.com\nx-project-id:48cc2c48765f481480c7db940d6409d1\n\
                        x-sdk-date:20260101T000000Z\nx-security-token:TOKEN==\n\n\
                        host;x-project-id;x-sdk-date;x-security-token\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            hash: "6c19a1bfd437266bc46156c8051a1aef693e6df6b3b78aea7c97608e28f90f3b",
            signature: "2859201794f4cb3d8b209d81e1001efe573372b0e22ebd4b949f1e2ac17a0db0",
        });
    }

    #[test]
    fn vector_4_delete_route() {
        check(&Vector {
            request: Signable {
                method: "DELETE",
                path: "/v3/48cc2c48765f481480c7db940d6409d1/datasource/\
                       enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f/routes/r%201",
                query: &[],
                headers: &[("Host", "dli.cn-north-4.myhuaweicloud.com"), ("X-Sdk-Date", DATE)],
                payload_hash: &payload_hash(b""),
            },
            secret: SK,
            date: DATE,
            canonical: "DELETE\n/v3/48cc2c48765f481480c7db940d6409d1/datasource/\
                        enhanced-connections/2a620c33-5609-40c9-affd-2b6453071b0f/routes/r%201/\n\n\
                        host:dli.cn-north-4.myhuaweicloud.com\nx-sdk-date:20260101T000000Z\n\n\
                        host;x-sdk-date\n\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            hash: "ac97fac9eae56bc206584058b14028fb96157a3b63cc40f53e188e4e25e43a4b",
            signature: "28d71306bf278baf3b17ab2b891aa75977d4d6fc21e0cc7577d035ac1bc2565e",
        });
    }

    /// Expected values from `Signer._process_canonical_uri` of huaweicloudsdkcore 3.1.219.
    #[test]
    fn path_is_decoded_before_it_is_split() {
        assert_eq!(canonical_uri("/v1.0/p/queues/a%2fb%20c%7E"), "/v1.0/p/queues/a/b%20c~/");
        assert_eq!(canonical_uri("/v1.0/p/queues/a+b:c/"), "/v1.0/p/queues/a%2Bb%3Ac/");
    }

    #[derive(serde::Deserialize)]
    struct Signed {
        access_key: String,
        secret_key: String,
        method: String,
        path: String,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        body: String,
        canonical_request: String,
        string_to_sign: String,
        authorization: String,
    }

    /// Requests signed by Huawei's own signer; `tests/python/signing_corpus.py` wrote them.
    #[test]
    fn corpus_matches_the_official_signer() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/signing");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 17, "{files:?}");
        for file in files {
            let case: Signed = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let headers: Vec<_> = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let hash = payload_hash(case.body.as_bytes());
            let request = Signable {
                method: &case.method,
                path: &case.path,
                query: &case.query,
                headers: &headers,
                payload_hash: &hash,
            };
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            assert_eq!(canonical_request(&request), case.canonical_request, "{name}: canonical request");
            let to_sign = string_to_sign(DATE, &case.canonical_request);
            assert_eq!(to_sign, case.string_to_sign, "{name}: string to sign");
            let header = Authorization::sign(&request, DATE, &case.access_key, &case.secret_key);
            assert_eq!(header, case.authorization, "{name}: header");
        }
    }

    #[test]
    fn authorization_header_round_trips() {
        let header = "SDK-HMAC-SHA256 Access=AKEXAMPLE0000000000A, SignedHeaders=host;x-sdk-date, Signature=28d7";
        let read = Authorization::parse(header).expect("the form of the document");
        assert_eq!(read.access_key, AK);
        assert_eq!(read.signed_headers, ["host", "x-sdk-date"]);
        assert_eq!(read.signature, "28d7");
        assert_eq!(Authorization::parse("AWS4-HMAC-SHA256 Credential=x"), None);
        assert_eq!(Authorization::parse("SDK-HMAC-SHA256 Access=a"), None);
    }

    #[test]
    fn dates_round_trip() {
        let time = parse_date("20191115T033655Z").expect("the form of the document");
        assert_eq!(time.unix_timestamp(), 1_573_789_015);
        assert_eq!(format_date(time), "20191115T033655Z");
        assert_eq!(parse_date("2019-11-15T03:36:55Z"), None);
    }
}
