// An edge node with devices, by the JavaScript of Eclipse Tahu (`npm install sparkplug-client`), told what to do line by line.
//
//     edge_node.js mqtt://127.0.0.1:PORT GROUP NODE
//
// It is born when it is connected and whenever a command asks for it, with the metrics that it was last told. Input are lines of JSON:
//
//     {"node": [METRIC, ..]}                    what its own birth says from now on
//     {"device": "press", "metrics": [..]}      what that device's birth says from now on; without `metrics` it has none
//     {"birth": true}                           be born again
//     {"data": [..], "device": "press"}         say new values, of the node itself if there is no device
//     {"death": "press"}                        this device is gone
//     {"skip": 1}                               leave out a sequence number, as if a message were lost
//     {"raw": "NDEATH/gw-7", "payload": {..}}   publish this as it is
//     {"vanish": true}                          end without a word, so that the broker publishes the death
//
// Output are lines of JSON: {"born": true} and {"command": {payload}}; and {"done": n} after the n-th line of input.
"use strict";

const { createInterface } = require("node:readline");
const sparkplug = require("sparkplug-client");
const { encodePayload } = require("sparkplug-payload").get("spBv1.0");

const [serverUrl, groupId, edgeNode] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));
let metrics = [];
const devices = new Map();

const client = sparkplug.newClient({
  serverUrl,
  groupId,
  edgeNode,
  username: "",
  password: "",
  clientId: `${groupId}-${edgeNode}`,
  version: "spBv1.0",
});

const payload = (metrics) => ({
  timestamp: Date.now(),
  // Its own metric goes on to the list, so the list is a copy.
  metrics: metrics.map((metric) => ({ timestamp: Date.now(), ...metric })),
});

function birth() {
  const rebirth = { name: "Node Control/Rebirth", type: "Boolean", value: false };
  client.publishNodeBirth(payload([rebirth, ...metrics]));
  for (const [device, metrics] of devices) client.publishDeviceBirth(device, payload(metrics));
  say({ born: true });
}

function act(told) {
  if (told.node) metrics = told.node;
  else if (told.data && told.device) client.publishDeviceData(told.device, payload(told.data));
  else if (told.data) client.publishNodeData(payload(told.data));
  else if (told.device && told.metrics) devices.set(told.device, told.metrics);
  else if (told.device) devices.delete(told.device);
  else if (told.birth) birth();
  else if (told.death) client.publishDeviceDeath(told.death, payload([]));
  else if (told.skip) client.incrementSeqNum();
  else if (told.raw) {
    const [verb, ...rest] = told.raw.split("/");
    client.client.publish(["spBv1.0", groupId, verb, ...rest].join("/"), Buffer.from(encodePayload(told.payload)));
  } else if (told.vanish) client.client.stream.destroy();
}

let lines = 0;
client.on("ncmd", (command) => {
  say({ command });
  if (command.metrics.some(({ name, value }) => name === "Node Control/Rebirth" && value)) birth();
});
client.once("birth", () => {
  birth();
  createInterface({ input: process.stdin })
    .on("line", (line) => {
      act(JSON.parse(line));
      say({ done: ++lines });
    })
    .on("close", () => process.exit(0));
});
client.on("birth", () => lines > 0 && birth());
