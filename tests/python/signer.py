"""Signs requests with Huawei's signer.

Reads one JSON document from standard input and writes one to standard output:

    {"access_key": .., "secret_key": .., "requests": [{"method", "path", "query", "headers", "body"}, ..]}

`path` and `query` are percent-encoded, `headers` are pairs, and `body` is base64. The output contains the header pairs
of each request, including `Authorization`. All given headers are signed; only a missing date is added.
"""

import base64
import json
import sys
from urllib.parse import unquote

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer


class Credentials:
    def __init__(self, ak, sk):
        self.ak = ak
        self.sk = sk


class ExactSigner(Signer):
    """Signs the given headers without adding any, so that received requests can be checked."""

    @classmethod
    def _process_header_host(cls, request):
        pass


def pairs(query):
    for pair in filter(None, query.split("&")):
        key, _, value = pair.partition("=")
        yield unquote(key), unquote(value)


def sign(access_key, secret_key, method, path, query, headers, body):
    """The header pairs, including `Authorization`."""
    request = SdkRequest(
        method=method,
        schema="http",
        host="",
        resource_path=path,
        query_params=list(pairs(query)),
        header_params=dict(headers),
        body=body,
    )
    return list(ExactSigner(Credentials(access_key, secret_key)).sign(request).header_params.items())


def main():
    given = json.load(sys.stdin)
    keys = given["access_key"], given["secret_key"]
    signed = [
        sign(*keys, each["method"], each["path"], each["query"], each["headers"], base64.b64decode(each["body"]))
        for each in given["requests"]
    ]
    json.dump(signed, sys.stdout)


if __name__ == "__main__":
    main()
