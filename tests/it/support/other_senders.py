"""What other senders make of the same message: apprise for services, botocore for the signature of AWS.

    other_senders.py apprise URL BASE    sends one message by this URL of apprise, with the service's own address replaced by BASE
    other_senders.py botocore            reads a request as JSON (url, headers, body, key, secret, region), prints the Authorization
"""
import json
import sys
import urllib.parse

if sys.argv[1] == "apprise":
    import apprise
    import requests

    base = sys.argv[3]
    send = requests.sessions.Session.request

    def elsewhere(self, method, url, **more):
        parts = urllib.parse.urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return send(self, method, base + parts.path + query, **more)

    requests.sessions.Session.request = elsewhere
    sender = apprise.Apprise()
    assert sender.add(sys.argv[2]), "apprise does not know this URL"
    sender.notify(title="title", body="body")
    print("{}")
else:
    import datetime

    import botocore.auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    told = json.load(sys.stdin)
    headers = {name: told["headers"][name] for name in ("content-type", "x-amz-date")}
    moment = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")

    class Moment(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment.replace(tzinfo=tz)

        @classmethod
        def utcnow(cls):
            return moment

    botocore.auth.datetime.datetime = Moment
    if hasattr(botocore.auth, "get_current_datetime"):
        botocore.auth.get_current_datetime = lambda *_, **__: moment
    request = AWSRequest(method="POST", url=told["url"], headers=headers, data=told["body"].encode())
    credentials = Credentials(told["key"], told["secret"], told.get("token"))
    botocore.auth.SigV4Auth(credentials, "sns", told["region"]).add_auth(request)
    print(json.dumps({"authorization": request.headers["Authorization"]}))
