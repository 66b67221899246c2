"""Writes tests/data/signing: requests signed by Huawei's signer, with all intermediate results.

    python3 -m venv VENV && VENV/bin/pip install huaweicloudsdkcore==3.1.219
    VENV/bin/python tests/python/signing_corpus.py

Each file contains one request: the input, the canonical request, the string to sign and the Authorization header.
"""

import json
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

ACCESS_KEY = "AKEXAMPLE0000000000A"
SECRET_KEY = "SKEXAMPLE000000000000000000000000000000A"
PROJECT = "48cc2c48765f481480c7db940d6409d1"
P = f"/v2.0/{PROJECT}/datasource/enhanced-connections"
ID = "2a620c33-5609-40c9-affd-2b6453071b0f"
HOST = ("Host", "dli.cn-north-4.myhuaweicloud.com")
DATE = ("X-Sdk-Date", "20260101T000000Z")
JSON = ("Content-Type", "application/json")

# name: method, path as sent, query pairs, headers, body
CASES = {
    "root-path": ("GET", "/", [], [HOST, DATE], ""),
    "path-with-final-slash": ("GET", f"{P}/", [], [HOST, DATE], ""),
    "path-with-escaped-space": ("DELETE", f"/v3/{PROJECT}/routes/a%20b", [], [HOST, DATE], ""),
    "path-with-escaped-slash": ("GET", "/v1.0/p/queues/a%2Fb", [], [HOST, DATE], ""),
    "path-with-unicode": ("GET", "/v1.0/p/queues/" + quote("größe键"), [], [HOST, DATE], ""),
    "path-with-unreserved": ("GET", "/a-b_c.d~e", [], [HOST, DATE], ""),
    "query-unsorted": ("GET", P, [("name", "t_1"), ("limit", "0"), ("status", "ACTIVE")], [HOST, DATE], ""),
    "query-repeated-key": ("GET", P, [("a", "2"), ("a", "1"), ("b", "")], [HOST, DATE], ""),
    "query-reserved": ("GET", P, [("tags", "a b=c+d,e=/?#&%"), ("k y", "~-_.")], [HOST, DATE], ""),
    "query-unicode": ("GET", P, [("tags", "größe=键")], [HOST, DATE], ""),
    "host-with-port": ("GET", P, [], [("Host", "127.0.0.1:7080"), DATE], ""),
    "date-alone": ("GET", P, [], [DATE], ""),
    "header-with-spaces": ("GET", P, [], [HOST, DATE, ("X-Language", "  en-us ")], ""),
    "security-token": ("GET", P, [], [HOST, DATE, ("X-Security-Token", "TOKEN=="), ("X-Project-Id", PROJECT)], ""),
    "put-empty-list": ("PUT", f"{P}/{ID}", [], [HOST, DATE, JSON], '{"hosts":[]}'),
    "put-unicode-body": ("PUT", f"{P}/{ID}", [], [HOST, DATE, JSON], '{"tags":[{"key":"größe","value":"键"}]}'),
    "post-bind": ("POST", f"{P}/{ID}/associate-queue", [], [JSON, DATE, HOST], '{"queues":["q1","q2"]}'),
}


class Credentials:
    ak = ACCESS_KEY
    sk = SECRET_KEY


class Exact(Signer):
    """Signs the given headers and adds none."""

    @classmethod
    def _process_header_host(cls, request):
        pass


def signed(case):
    method, path, query, headers, body = case
    request = SdkRequest(
        method=method,
        schema="https",
        host="",
        resource_path=path,
        query_params=list(query),
        header_params=dict(headers),
        body=body.encode() if body else None,
    )
    signer = Exact(Credentials)
    names = signer._process_signed_headers(request)
    canonical = signer._process_canonical_request(request, names)
    time = datetime.strptime(DATE[1], "%Y%m%dT%H%M%SZ")
    return {
        "secret_key": SECRET_KEY,
        "access_key": ACCESS_KEY,
        "method": method,
        "path": path,
        "query": query,
        "headers": headers,
        "body": body,
        "canonical_request": canonical,
        "string_to_sign": signer._process_string_to_sign(canonical, time),
        "authorization": signer.sign(request).header_params["Authorization"],
    }


def main():
    folder = Path(__file__).parent.parent / "data" / "signing"
    for name, case in CASES.items():
        text = json.dumps(signed(case), indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n")


main()
