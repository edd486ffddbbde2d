#!/usr/bin/env python3
"""Verifies recorded webhooks with the reference library of Standard Webhooks (`pip install standardwebhooks`).

    standard_webhooks.py whsec_KEY < requests.jsonl

Each line of the input is {"headers": {..}, "body": ".."}; each line of the output is {"verdict": "ok"} or says what is wrong. A
request is fine if the library accepts it and does not accept it with another body, so that a verifier that says yes to
everything would be noticed.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def judge(webhook, headers, body):
    try:
        webhook.verify(body, headers)
    except WebhookVerificationError as error:
        return f"refused: {error}"
    except Exception as error:  # a header that is missing, a body that is not JSON
        return f"not verifiable: {error!r}"
    try:
        webhook.verify(body + " ", headers)
    except WebhookVerificationError:
        return "ok"
    return "the signature fits another body too"


def main():
    webhook = Webhook(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"verdict": judge(webhook, request["headers"], request["body"])}), flush=True)


if __name__ == "__main__":
    main()
