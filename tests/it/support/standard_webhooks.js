// Verifies recorded webhooks with the reference library of Standard Webhooks for JavaScript (`npm install standardwebhooks`).
//
//     standard_webhooks.js whsec_KEY < requests.jsonl
//
// Input and output are those of standard_webhooks.py beside it: a request is fine if the library accepts it and does not accept it with
// another body.
"use strict";

const { readFileSync } = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const webhook = new Webhook(process.argv[2]);

function accepts(headers, body) {
  try {
    webhook.verify(body, headers);
    return null;
  } catch (error) {
    return error instanceof WebhookVerificationError ? `refused: ${error.message}` : `not verifiable: ${error}`;
  }
}

function judge({ headers, body }) {
  const refusal = accepts(headers, body);
  if (refusal !== null) {
    return refusal;
  }
  return accepts(headers, `${body} `) === null ? "the signature fits another body too" : "ok";
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  console.log(JSON.stringify({ verdict: judge(JSON.parse(line)) }));
}
