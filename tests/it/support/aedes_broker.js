// The broker aedes (`npm install aedes`), which shares nothing with mosquitto: MQTT 3.1.1, sessions in memory.
//
//     aedes_broker.js PORT
//
// It prints a line once it listens on 127.0.0.1.
"use strict";

const { createServer } = require("node:net");
const { Aedes } = require("aedes");

async function main() {
  const broker = await Aedes.createBroker();
  const server = createServer(broker.handle);
  server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listens"));
}

main();
