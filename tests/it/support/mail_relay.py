"""A mail relay by aiosmtpd that wants TLS and a password, and reads what it gets with Python's own parser of mails.

    mail_relay.py starttls|implicit CERT KEY USER PASSWORD

It prints its port, then one line of JSON for each mail and each recipient that it refused. The first mail to anybody called `grey` is
refused for now, one to `gone` for ever, and one to `spam` after it was handed over.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

MODE, CERT, KEY, USER, PASSWORD = sys.argv[1:]


def tell(what):
    print(json.dumps(what), flush=True)


class Handler:
    def __init__(self):
        self.grey = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        code = None
        if name == "gone":
            code = "550 5.1.1 no such user"
        if name == "grey" and address not in self.grey:
            self.grey.add(address)
            code = "450 4.2.0 come back later"
        if code:
            tell({"refused": address, "code": code})
            return code
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        if any(address.startswith("spam@") for address in envelope.rcpt_tos):
            return "554 5.7.1 this looks like spam"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
        tell({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "parts": parts,
            "defects": [repr(defect) for part in mail.walk() for defect in part.defects],
            "longest": max(len(line) for line in envelope.content.split(b"\r\n")),
            "tls": session.ssl is not None or MODE == "implicit",
            "user": session.auth_data.login.decode(),
        })
        return "250 2.0.0 Ok: queued as 4ZBgPq1x"


def authenticate(server, session, envelope, mechanism, data):
    fine = data.login.decode() == USER and data.password.decode() == PASSWORD
    return AuthResult(success=fine, handled=False, auth_data=data)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERT, KEY)
    handler = Handler()
    starttls = MODE == "starttls"

    def session():
        return SMTP(handler, hostname="relay", authenticator=authenticate, auth_required=True, auth_require_tls=starttls,
                    tls_context=context if starttls else None, require_starttls=starttls)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=None if starttls else context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
