// PostgreSQL's wire protocol, as much of it as a front door needs.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

export const SSL_REQUEST = 80877103;
export const GSS_REQUEST = 80877104;
export const CANCEL_REQUEST = 80877102;

/** Cuts a stream of bytes into messages; the first of a session has no type. */
export class Messages {
  #rest = Buffer.alloc(0);
  #begun = false;

  /** The session has begun: messages have types from here on. */
  begin() {
    this.#begun = true;
  }

  /** The next whole message as {type, body, bytes}, or undefined. */
  next() {
    const head = this.#begun ? 1 : 0;
    if (this.#rest.length < head + 4) return undefined;
    const length = head + this.#rest.readUInt32BE(head);
    if (this.#rest.length < length) return undefined;
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    const type = this.#begun ? String.fromCharCode(bytes[0]) : "";
    return { type, body: bytes.subarray(head + 4), bytes };
  }

  add(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
  }
}

export function message(type, ...parts) {
  const body = Buffer.concat(parts.map((part) => (typeof part === "string" ? text(part) : part)));
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export function text(value) {
  return Buffer.from(`${value}\0`);
}

export function int(value, bytes = 4) {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
}

/** The zero-ended texts at the start of a body: as many as asked for, and where they end. */
export function texts(body, count, from = 0) {
  const found = [];
  let at = from;
  for (let n = 0; n < count; n++) {
    const end = body.indexOf(0, at);
    found.push(body.toString("utf8", at, end));
    at = end + 1;
  }
  return [found, at];
}

export function ready(status) {
  return message("Z", Buffer.from(status));
}

export function failure(severity, code, words) {
  return message("E", `S${severity}`, `V${severity}`, `C${code}`, `M${words}`, Buffer.alloc(1));
}

/** What a server says when a session begins. */
export function greeting(number) {
  const settings = {
    server_version: "17.5",
    server_encoding: "UTF8",
    client_encoding: "UTF8",
    DateStyle: "ISO, MDY",
    IntervalStyle: "postgres",
    TimeZone: "UTC",
    integer_datetimes: "on",
    standard_conforming_strings: "on",
    is_superuser: "on",
  };
  return Buffer.concat([
    message("R", int(0)),
    ...Object.entries(settings).map(([name, value]) => message("S", name, value)),
    message("K", int(number), int(0)),
    ready("I"),
  ]);
}
