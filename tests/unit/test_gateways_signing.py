"""AWS's signature, by botocore's own signer as the oracle."""

from __future__ import annotations

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.gateways import signing

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(
    body=st.binary(max_size=200),
    secret=TEXT,
    token=st.none() | TEXT,
    host=st.sampled_from(["dynamodb.ap-northeast-1.amazonaws.com", "127.0.0.1:4567"]),
    service=st.sampled_from(["dynamodb", "sqs"]),
)
def test_it_is_what_botocore_signs(
    body: bytes, secret: str, token: str | None, host: str, service: str
) -> None:
    """Of the same headers at the same moment the whole Authorization is the same."""
    own = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem"}
    credentials = Credentials("AKID", secret, token)
    ours = signing.headers(credentials, service, "ap-northeast-1", host, own, body)
    request = AWSRequest("POST", f"https://{host}/", headers=own, data=body)
    request.headers["X-Amz-Date"] = ours["X-Amz-Date"]
    if token:
        request.headers["X-Amz-Security-Token"] = token
    request.context["timestamp"] = ours["X-Amz-Date"]
    signer = SigV4Auth(credentials, service, "ap-northeast-1")
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["Authorization"].endswith(f"Signature={signature}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}," in ours["Authorization"]
    assert f"Credential={signer.scope(request)}," in ours["Authorization"]
