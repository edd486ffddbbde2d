"""An issuer of tokens by Authlib, and a receiver that takes what it has issued.

    issuer.py CLIENT_ID CLIENT_SECRET METHOD

METHOD is client_secret_basic or client_secret_post. It prints its port, then one line of JSON for each request. POST /token
issues, POST /revoke forgets all tokens, and any other POST is a webhook that needs one.
"""
import hmac
import http.server
import json
import os
import secrets
import sys
import urllib.parse

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator

CLIENT_ID, CLIENT_SECRET, METHOD = sys.argv[1:]
TOKENS = set()


class Request(OAuth2Request):
    def __init__(self, uri, form, headers):
        super().__init__("POST", uri, headers=headers)
        self.payload = BasicOAuth2Payload(form)

    @property
    def form(self):
        return self.payload.data

    @property
    def args(self):
        return {}


class Client(ClientMixin):
    def get_client_id(self):
        return CLIENT_ID

    def get_allowed_scope(self, scope):
        return " ".join(part for part in (scope or "").split() if part == "alerts")

    def check_client_secret(self, client_secret):
        return hmac.compare_digest(client_secret.encode(), CLIENT_SECRET.encode())

    def check_endpoint_auth_method(self, method, endpoint):
        return method == METHOD

    def check_grant_type(self, grant_type):
        return grant_type == "client_credentials"


class Issuer(AuthorizationServer):
    def query_client(self, client_id):
        return Client() if client_id == CLIENT_ID else None

    def save_token(self, token, request):
        TOKENS.add(token["access_token"])

    def send_signal(self, name, *args, **kwargs):
        pass

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        return status, body


class Credentials(grants.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


ISSUER = Issuer(scopes_supported=["alerts"])
ISSUER.register_grant(Credentials)
generate = BearerTokenGenerator(lambda **_: secrets.token_urlsafe(32), expires_generator=lambda *_: 3600)
ISSUER.register_token_generator("default", generate)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        said = {"path": self.path}
        if self.path == "/token":
            form = dict(urllib.parse.parse_qsl(body))
            status, answer = ISSUER.create_token_response(Request("http://issuer/token", form, self.headers))
            said["form"] = {key: value for key, value in form.items() if key != "client_secret"}
        elif self.path == "/revoke":
            TOKENS.clear()
            status, answer = 204, None
        else:
            token = self.headers.get("authorization", "").removeprefix("Bearer ")
            status, answer = (204, None) if token in TOKENS else (401, {"error": "invalid_token"})
            said["event"] = json.loads(body)["event"]
        print(json.dumps({**said, "status": status}), flush=True)
        data = json.dumps(answer).encode() if answer else b""
        self.send_response(status)
        if status != 204:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
