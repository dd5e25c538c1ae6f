"""What the providers' own libraries say: one JSON request on stdin, one JSON answer on stdout.

{"op": "sign", "scheme", "secret", "at", "id", "body"} -> {"headers": {name: value}}
{"op": "check", "scheme", "secret", "headers", "body"} -> {"accepted": bool}
{"op": "now"}                                          -> {"now": seconds}
"""

import json
import sys
import time
from datetime import datetime, timezone

import standardwebhooks
import stripe


def sign(request):
    at, body, secret = request["at"], request["body"], request["secret"]
    if request["scheme"] == "stripe":
        # Older versions have no public function that signs.
        signature = stripe.WebhookSignature._compute_signature(f"{at}.{body}", secret)
        return {"stripe-signature": f"t={at},v1={signature}"}
    webhook = standardwebhooks.Webhook(secret)
    signed_at = datetime.fromtimestamp(at, tz=timezone.utc)
    return {
        "webhook-id": request["id"],
        "webhook-timestamp": str(at),
        "webhook-signature": webhook.sign(request["id"], signed_at, body),
    }


def check(request):
    body, secret, headers = request["body"], request["secret"], request["headers"]
    try:
        if request["scheme"] == "stripe":
            stripe.Webhook.construct_event(body, headers["stripe-signature"], secret)
        else:
            standardwebhooks.Webhook(secret).verify(body, headers)
    except (
        stripe.SignatureVerificationError,
        standardwebhooks.WebhookVerificationError,
    ):
        return False
    return True


def answer(request):
    if request["op"] == "sign":
        return {"headers": sign(request)}
    if request["op"] == "check":
        return {"accepted": check(request)}
    return {"now": int(time.time())}


json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
