// Prints one JSON line for every message that the official schemas let a server send: the type's name, and a message of it
// with CANARY in every free text. Variants of one type cover the alternatives of its unions.
// The output is kept in tests/specs/mcp/messages.jsonl; a conformance test compares.
import * as core from "@modelcontextprotocol/core";
import { z } from "zod";

const draft = (schema) => z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" });

function samples(schema) {
  const root = draft(schema);
  let most = 1;
  const deepest = 12;
  function make(node, variant, depth) {
    if (node === true || node === undefined || depth > deepest) return "CANARY";
    if (node.$ref) return depth > 6 ? "CANARY" : make(resolve(node.$ref), variant, depth + 1);
    const choices = node.anyOf ?? node.oneOf;
    if (choices) {
      most = Math.max(most, choices.length);
      return make(choices[variant % choices.length], variant, depth + 1);
    }
    if (node.allOf) return Object.assign({}, ...node.allOf.map((part) => make(part, variant, depth + 1)));
    if ("const" in node) return node.const;
    if (node.enum) return node.enum[variant % node.enum.length];
    const type = Array.isArray(node.type) ? node.type[variant % node.type.length] : node.type;
    switch (type) {
      case "object": {
        const made = {};
        for (const [name, value] of Object.entries(node.properties ?? {})) made[name] = make(value, variant, depth + 1);
        const rest = node.additionalProperties;
        if (rest !== undefined && rest !== false && node.required?.every((name) => name in made) !== false) {
          made["x-CANARY"] = rest === true || Object.keys(rest).length === 0 ? { deep: ["CANARY"] } : make(rest, variant, depth + 1);
        }
        return made;
      }
      case "array":
        return (node.prefixItems ?? [node.items]).map((item) => make(item, variant, depth + 1));
      case "string":
        return "CANARY";
      case "number":
      case "integer":
        return 1;
      case "boolean":
        return true;
      case "null":
        return null;
      default:
        return "CANARY";
    }
  }
  function resolve(ref) {
    return ref.slice(2).split("/").filter(Boolean).reduce((at, name) => at[name], root);
  }
  const made = [];
  for (let variant = 0; variant < most; variant++) {
    const text = JSON.stringify(make(root, variant, 0));
    if (!made.includes(text)) made.push(text);
  }
  return made.map((text) => JSON.parse(text));
}

const print = (type, message) => console.log(JSON.stringify({ type, message }));

// What a server may answer, tell and ask: the members of the official unions, and what the newest revision adds beside them.
const isResult = (name) => /Result(WithTools)?Schema$/.test(name) && !/^(Client|Server|Result|Paginated|Elicit|CreateMessage|ListRoots)/.test(name);
for (const name of Object.keys(core).sort()) {
  if (!name.endsWith("Schema")) continue;
  const type = name.slice(0, -"Schema".length);
  if (isResult(name)) for (const result of samples(core[name])) print(type, { jsonrpc: "2.0", id: 1, result });
  else if (/Notification$/.test(type) && !["Notification", "ClientNotification", "ServerNotification", "JSONRPCNotification", "InitializedNotification", "RootsListChangedNotification"].includes(type))
    for (const told of samples(core[name])) print(type, { jsonrpc: "2.0", ...told });
  else if (["CreateMessageRequest", "ElicitRequest", "ListRootsRequest", "PingRequest"].includes(type))
    for (const asked of samples(core[name])) print(type, { jsonrpc: "2.0", id: 1, ...asked });
  else if (type === "JSONRPCErrorResponse") for (const error of samples(core[name])) print(type, { ...error, id: 1 });
}
// 2026-07-28: a result that asks for input. Its questions are the requests above without their envelope.
const asks = ["CreateMessageRequest", "ElicitRequest", "ListRootsRequest"].flatMap((type) => samples(core[`${type}Schema`]));
print("InputRequiredResult", {
  jsonrpc: "2.0",
  id: 1,
  result: { resultType: "input_required", inputRequests: Object.fromEntries(asks.map((ask, i) => [i === 0 ? "ask-CANARY" : `ask-${i}`, ask])), requestState: "CANARY", _meta: { "x-CANARY": "CANARY" } },
});
