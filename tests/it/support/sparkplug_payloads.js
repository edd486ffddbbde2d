// Writes Sparkplug B payloads with the JavaScript of Eclipse Tahu (`npm install sparkplug-payload`).
//
// Input and output are those of sparkplug_payloads.py beside it; this one always writes the type.
"use strict";

const { readFileSync } = require("node:fs");
const { encodePayload } = require("sparkplug-payload").get("spBv1.0");

const DATASET = { numOfColumns: 1, types: ["Int32"], columns: ["a"], rows: [[1]] };
const TEMPLATE = {
  templateRef: "kind",
  isDefinition: false,
  metrics: [{ name: "inside", type: "Int8", value: 1 }],
  parameters: [],
};

function metric({ quality, historical, null: isNull, ...told }) {
  const metric = { timestamp: 900, ...told };
  if (told.type === "DataSet") metric.value = DATASET;
  if (told.type === "Template") metric.value = TEMPLATE;
  if (told.type === "Bytes" || told.type === "File") metric.value = Uint8Array.from(told.value);
  if (isNull) metric.value = null;
  if (historical) metric.isHistorical = true;
  if (quality !== undefined) metric.properties = { Quality: { type: "Int32", value: quality } };
  return metric;
}

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const asked = JSON.parse(line);
  const payload = encodePayload({ ...asked, metrics: asked.metrics.map(metric) });
  console.log(JSON.stringify({ hex: Buffer.from(payload).toString("hex") }));
}
