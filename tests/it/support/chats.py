#!/usr/bin/env python3
"""Reads what the chats are sent in tests/formats, with nothing of andon in it: Slack's own SDK, a reader of CommonMark, the standard
library's reader of HTML, the field names of Google's discovery document, and apprise, which sends the same text to the same places.

    chats.py tests/formats

The last line says how much was read. Each check is shown to be able to fail first, by something that must be refused.
"""

import html.parser
import json
import pathlib
import re
import sys
import urllib.parse

import apprise
import requests
from markdown_it import MarkdownIt
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

FOLDER = pathlib.Path(sys.argv[1])
NOTHING = "\u200b"


def must(fine, what):
    if not fine:
        raise SystemExit(f"wrong: {what}")


def requests_of(name):
    """Case, method, url, headers and body of every request in a golden file."""
    text = (FOLDER / f"{name}.txt").read_text()
    found = []
    for case in re.split(r"^=== ", text, flags=re.M)[1:]:
        title, _, rest = case.partition("\n")
        for one in re.split(r"^(?=(?:POST|PATCH) https?://|POST \*\*\*)", rest, flags=re.M):
            if not one.strip():
                continue
            head, _, body = one.partition("\n\n")
            first, *lines = head.split("\n")
            method, url = first.split(" ", 1)
            headers = dict(line.lower().split(": ", 1) for line in lines)
            found.append((f"{name}, {title}", method, url, headers, json.loads(body)))
    must(len(found) >= 15, f"{name}: only {len(found)} requests")
    return found


def long(text):
    return len(text)


# --- Slack, by its own SDK


def validate(blocks):
    parsed = Block.parse_all(blocks)
    must(len(parsed) == len(blocks), f"a block is not known: {blocks}")
    for block in parsed:
        block.validate_json()


def refused(blocks):
    try:
        validate(blocks)
    except SlackObjectFormationError:
        return True
    return False


def plain(text):
    return {"type": "plain_text", "text": text}


must(refused([{"type": "header", "text": plain("x" * 151)}]), "the SDK takes every header")
must(refused([{"type": "section", "fields": [plain("x")] * 11}]), "the SDK takes every number of fields")


def slack(name):
    for case, _, _, headers, body in requests_of(name):
        must(headers["content-type"].startswith("application/json"), case)
        must(0 < long(body["text"]) <= 4000, f"{case}: text")
        blocks = body["blocks"] + [block for one in body["attachments"] for block in one["blocks"]]
        validate(body["blocks"])
        for one in body["attachments"]:
            validate(one["blocks"])
            must(re.fullmatch(r"#[0-9A-F]{6}", one["color"]), f"{case}: {one['color']}")
        must(len(blocks) <= 50, case)
        texts = [body["text"]] + [text["text"] for text in mrkdwn(blocks)]
        for text in texts:
            calls = re.findall(r"<[^>]*>", text)
            must(all(call in ("<@U024BE7LH>", "<!subteam^SAZ94GDB8>") for call in calls), f"{case}: {calls}")
            must(not re.search(r"&(?!(amp|lt|gt);)", text), f"{case}: a cut entity in {text}")
            must(long(text) <= 3000, f"{case}: {long(text)}")
        for text in mrkdwn(blocks):
            must(text["verbatim"] is True, case)


def mrkdwn(value):
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from mrkdwn(inner)


# --- Teams and Discord, whose texts are Markdown

COMMON = MarkdownIt("commonmark").enable(["strikethrough"])


def markup(text):
    """The kinds of everything in a text that is no text."""
    kinds = []
    for token in COMMON.parse(text):
        kinds += [child.type for child in token.children or [] if child.type not in ("text", "softbreak")]
        if token.type not in ("paragraph_open", "paragraph_close", "inline"):
            kinds.append(token.type)
    return kinds


for markdown in ["*b*", "_i_", "~~s~~", "`c`", "[l](https://evil.example)", "<a href='x'>", "# h", "> q"]:
    must(markup(markdown), f"{markdown} is text to the reader of Markdown")


def reads_as_text(case, text):
    # A digit, a stop and a space begin a list, which says the same.
    found = [kind for kind in markup(text) if "list" not in kind]
    must(not found, f"{case}: {found} in {text}")


CARD = {"$schema", "type", "version", "msteams", "body", "actions"}


def teams():
    for case, _, _, _, body in requests_of("teams"):
        must(len(json.dumps(body, ensure_ascii=False).encode()) <= 20_000, f"{case}: too large")
        must(body["type"] == "message" and len(body["attachments"]) == 1, case)
        attachment = body["attachments"][0]
        must(set(attachment) == {"contentType", "contentUrl", "content"}, case)
        must(attachment["contentUrl"] is None, case)
        card = attachment["content"]
        must(set(card) <= CARD and (card["type"], card["version"]) == ("AdaptiveCard", "1.4"), case)
        mentions = {entity["text"] for entity in card["msteams"].get("entities", [])}
        must(mentions <= {"<at>Kim Lee</at>"}, f"{case}: {mentions}")
        seen = 0
        for part in card["body"]:
            must(part["type"] in ("TextBlock", "FactSet"), f"{case}: {part}")
            texts = [part["text"]] if part["type"] == "TextBlock" else [fact["value"] for fact in part["facts"]]
            for text in texts:
                if text in mentions:
                    seen += 1
                    continue
                must("<at>" not in text, f"{case}: {text}")
                reads_as_text(case, text)
        must(seen == len(mentions), case)
        for action in card.get("actions", []):
            must(action["type"] == "Action.OpenUrl" and action["url"].startswith("https://"), case)
    for case, _, _, _, body in requests_of("teams-connector"):
        must(body["@type"] == "MessageCard" and body["summary"], case)
        must(len(json.dumps(body, ensure_ascii=False).encode()) <= 28 * 1024, f"{case}: too large")
        for text in [body["title"], body["text"]] + [fact["value"] for fact in body["sections"][0]["facts"]]:
            must(long(text) <= 2048, case)
            reads_as_text(case, text)


def discord(name):
    for case, method, url, _, body in requests_of(name):
        must(long(body["content"]) <= 2000 and len(body["embeds"]) == 1, case)
        must(body["allowed_mentions"]["parse"] == [], case)
        called = body["allowed_mentions"].get("users", []) + body["allowed_mentions"].get("roles", [])
        embed, content = body["embeds"][0], body["content"]
        for mention in re.findall(r"^(?:<@&?(\d+)> )*", content)[:1]:
            must(not mention or mention in called, f"{case}: {mention}")
        content = re.sub(r"^(<@&?\d+> )*", "", content)
        fields = embed["fields"]
        must(1 <= len(fields) <= 25 and long(embed["title"]) <= 256, case)
        counted = long(embed["title"])
        texts = [content, embed["title"]]
        for field in fields:
            must(1 <= long(field["name"]) <= 256 and 1 <= long(field["value"]) <= 1024, case)
            counted += long(field["name"]) + long(field["value"])
            if field["name"] != "Links":
                texts.append(field["value"])
        must(counted <= 6000, f"{case}: {counted}")
        for text in texts:
            must(not re.search(r"@(everyone|here)|(?<!\\)<[@#:t]", text), f"{case}: {text}")
            reads_as_text(case, text)
        wants = ("PATCH", "/messages/") if method == "PATCH" else ("POST", "wait=true")
        must(wants[1] in url, f"{case}: {method} {url}")


# --- Telegram and Google Chat, whose texts are HTML


class Reader(html.parser.HTMLParser):
    """Takes well-formed HTML of a few tags, and nothing else."""

    def __init__(self, tags):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.text, self.links = tags, [], "", []

    def handle_starttag(self, tag, attributes):
        must(tag in self.tags, f"<{tag}> in {self.rawdata}")
        self.open.append(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_endtag(self, tag):
        must(self.open and self.open.pop() == tag, f"</{tag}> in {self.rawdata}")

    def handle_data(self, data):
        self.text += data

    @classmethod
    def read(cls, case, text, tags):
        must(not re.search(r"&(?!(amp|lt|gt|quot);)", text), f"{case}: a cut entity in {text}")
        reader = cls(tags)
        reader.feed(text)
        reader.close()
        must(not reader.open, f"{case}: {reader.open} is not closed")
        return reader


def telegram():
    known = {
        "chat_id", "text", "parse_mode", "message_thread_id", "disable_notification", "link_preview_options", "reply_parameters",
    }
    for case, _, url, _, body in requests_of("telegram"):
        must(set(body) <= known and body["parse_mode"] == "HTML", case)
        must(url.endswith("/sendMessage") and isinstance(body["chat_id"], int), case)
        read = Reader.read(case, body["text"], ("b", "a"))
        must(1 <= len(read.text.encode("utf-16-le")) // 2 <= 4096, f"{case}: {len(read.text)}")
        must(all(link.startswith(("https://", "tg://user?id=42")) for link in read.links), f"{case}: {read.links}")
        names = set(re.findall(r"(?<!\w)@(\w+)", read.text))
        must(names <= {"kim_lee"}, f"{case}: {names}")


# The fields of `Message` and of the cards in it, as the discovery document of Google's API (chat, version 1) calls them.
MESSAGE = {
    "text": str,
    "fallbackText": str,
    "thread": {"name": str, "threadKey": str},
    "cardsV2": [{"cardId": str, "card": {
        "header": {"title": str, "subtitle": str, "imageUrl": str},
        "sections": [{"header": str, "widgets": [{
            "decoratedText": {"topLabel": str, "text": str, "bottomLabel": str, "wrapText": bool},
            "textParagraph": {"text": str},
            "buttonList": {"buttons": [{"text": str, "onClick": {"openLink": {"url": str}}}]},
        }]}],
    }}],
}


def fits(value, shape, path):
    if isinstance(shape, dict):
        must(isinstance(value, dict), f"{path} is no object")
        for key, inner in value.items():
            must(key in shape, f"{path}.{key} is not known")
            fits(inner, shape[key], f"{path}.{key}")
    elif isinstance(shape, list):
        must(isinstance(value, list) and value, f"{path} is no list with something in it")
        for inner in value:
            fits(inner, shape[0], f"{path}[]")
    else:
        must(isinstance(value, shape), f"{path} is {value!r}")


def google_chat():
    for case, _, url, _, body in requests_of("google-chat"):
        fits(body, MESSAGE, case)
        must(len(json.dumps(body, ensure_ascii=False).encode()) <= 32_000, f"{case}: too large")
        must(1 <= long(body["text"]) <= 4096 and len(body["thread"]["threadKey"]) <= 4000, case)
        calls = re.findall(r"<[^>]*>", body["text"].replace("<" + NOTHING, ""))
        must(all(call == "<users/107946847022116401880>" for call in calls), f"{case}: {calls}")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
        must(query["messageReplyOption"] == ["REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"], case)
        must(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", query["requestId"][0]), case)
        widgets = body["cardsV2"][0]["card"]["sections"][0]["widgets"]
        must(len(widgets) <= 100, case)
        for widget in widgets:
            if "decoratedText" in widget:
                Reader.read(case, widget["decoratedText"]["text"], ("font",))


# --- apprise, which knows these services too: the same place, the same kind of body

ANSWERS = {
    "api.telegram.org": '{"ok":true,"result":{"message_id":1}}',
    "slack.com": '{"ok":true,"channel":"C024BE91L","ts":"1.2"}',
}


def as_apprise_sends(url):
    """The requests that would leave this host."""
    left = []

    def send(_, request, **__):
        left.append(request)
        host = urllib.parse.urlsplit(request.url).hostname
        answer = requests.Response()
        answer.status_code = 200
        answer._content = ANSWERS.get(host, "ok").encode()
        answer.request = request
        return answer

    kept, requests.Session.send = requests.Session.send, send
    try:
        sender = apprise.Apprise()
        must(sender.add(url), f"apprise does not know {url}")
        must(sender.notify(title="CNC Mill #1", body="spindle 97.3", notify_type="failure"), f"apprise failed: {url}")
    finally:
        requests.Session.send = kept
    must(left, f"apprise sent nothing: {url}")
    return left[-1]


# A golden file, apprise's url for the same place, and what has to be in both bodies, of the same type.
BESIDE = [
    ("slack", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", ["attachments", "attachments.0.color"]),
    ("slack-bot", "slack://xoxb-1234-1234-abc124/C024BE91L", ["channel", "attachments", "attachments.0.color"]),
    ("discord", "discord://223704706495545344/canary/?format=markdown", ["embeds", "embeds.0.color", "embeds.0.title"]),
    ("telegram", "tgram://123456789:AAEcanarycanarycanarycanarycanarycan/-1001234567890/?format=html", ["chat_id", "text", "parse_mode"]),
    ("google-chat", "gchat://AAAA/canary/canary/plant", ["text", "thread"]),
    (
        "teams",
        "workflows://prod-07.westeurope.logic.azure.com:443/canary/canary/?image=no",
        ["type", "attachments.0.contentType", "attachments.0.content.type", "attachments.0.content.version",
         "attachments.0.content.$schema", "attachments.0.content.body.0.type", "attachments.0.content.body.0.text"],
    ),
]
# What differs because a token or a name of a workspace does.
SAME = {
    "slack": (r"^/services/[^/]+/[^/]+/[^/]+$", ()),
    "slack-bot": (r"^/api/chat\.postMessage$", ()),
    "discord": (r"^/api/webhooks/223704706495545344/canary$", ()),
    "telegram": (r"^/bot[^/]+/sendMessage$", ()),
    "google-chat": (r"^/v1/spaces/AAAA/messages$", ("key", "token", "messageReplyOption")),
    "teams": (r"^/workflows/canary/triggers/manual/paths/invoke$", ("api-version", "sig")),
}


def at(body, path, who):
    for key in path.split("."):
        key = int(key) if key.isdigit() else key
        try:
            body = body[key]
        except (KeyError, IndexError, TypeError):
            must(False, f"{who}: there is no {path} in {body}")
    return body


def beside():
    for name, url, fields in BESIDE:
        _, method, ours_url, headers, ours = requests_of(name)[0]
        theirs_request = as_apprise_sends(url)
        theirs = json.loads(theirs_request.body)
        place, query = SAME[name]
        for who, one in (("ours", ours_url.replace("***", "1:x")), ("theirs", theirs_request.url)):
            parts = urllib.parse.urlsplit(one)
            must(re.search(place, parts.path), f"{name}: {who} go to {parts.path}")
            missing = set(query) - set(urllib.parse.parse_qs(parts.query))
            must(not missing, f"{name}: {who} do not say {missing}")
        hosts = [urllib.parse.urlsplit(one).netloc for one in (ours_url, theirs_request.url)]
        must(hosts[0] == hosts[1], f"{name}: {hosts}")
        must(method == theirs_request.method, f"{name}: {method}")
        types = [one.lower().split(";")[0] for one in (headers["content-type"], theirs_request.headers["Content-Type"])]
        must(types[0] == types[1], f"{name}: {types}")
        for field in fields:
            pair = at(ours, field, f"{name}, ours"), at(theirs, field, f"{name}, theirs")
            fine = type(pair[0]) is type(pair[1])
            must(fine, f"{name}: {field} is {pair}")


slack("slack")
slack("slack-bot")
teams()
discord("discord")
discord("discord-forum")
telegram()
google_chat()
beside()
NAMES = ["slack", "slack-bot", "teams", "teams-connector", "discord", "discord-forum", "telegram", "google-chat"]
print(sum(len(requests_of(name)) for name in NAMES), "requests read,", len(BESIDE), "beside apprise's")
