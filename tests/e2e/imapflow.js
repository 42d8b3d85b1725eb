// Reads the first message of the inbox with imapflow and prints its text. Argument: a JSON object.
'use strict';

const fs = require('node:fs');
// Debian 12's Node 18 has this only as a module; imapflow wants it as a global.
globalThis.crypto ??= require('node:crypto').webcrypto;
const { ImapFlow } = require('imapflow');

const wanted = JSON.parse(process.argv[2]);
const read = (path) => (path ? fs.readFileSync(path) : undefined);

async function main() {
  const client = new ImapFlow({
    host: 'localhost',
    port: wanted.port,
    secure: wanted.secure,
    doSTARTTLS: wanted.secure ? undefined : true,
    auth: { user: wanted.user, pass: wanted.password },
    tls: { ca: read(wanted.ca), cert: read(wanted.cert), key: read(wanted.key) },
    logger: false,
  });
  await client.connect();
  await client.mailboxOpen('INBOX', { readOnly: true });
  const message = await client.fetchOne('1', { source: true });
  console.log(message.source.toString());
  await client.logout();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
