/* SPDX-License-Identifier: Apache-2.0 */
/* What test_imapflow.py has imapflow do: `node client.js SCENARIO`, with host, port, ca and password in the environment.
 * A scenario that does not throw has passed. Each has an account of its own. */
'use strict';
const assert = require('node:assert/strict');
const { createRequire } = require('node:module');
const { once } = require('node:events');
const fs = require('node:fs');
const { ImapFlow } = createRequire(process.env.MODULES + '/')('imapflow');

const ca = fs.readFileSync(process.env.CA);
const clients = [];
const secure = process.env.SECURE === 'yes';

/** A client that is logged in; `said` is every line that went over the wire. */
async function connect(more = {}) {
    const client = new ImapFlow({
        host: 'localhost', port: Number(process.env.PORT), secure, tls: { ca }, doSTARTTLS: secure ? undefined : true,
        auth: { user: process.env.USER_ADDRESS, pass: process.env.PASSWORD }, logger: false, emitLogs: true,
        disableAutoIdle: true, ...more
    });
    client.said = [];
    clients.push(client);
    client.on('log', entry => entry.msg && client.said.push(`${entry.src || ''} ${entry.msg}`));
    client.on('error', error => client.said.push(`error ${error}`));
    await client.connect();
    return client;
}

const sent = (client, words) => client.said.some(line => line.startsWith('s ') && line.includes(words));

const letter = (subject, text = 'Hello') => Buffer.from(
    `From: Anna <anna@example.test>\r\nTo: =?utf-8?q?J=C3=BCrgen?= <bob@example.test>\r\nSubject: ${subject}\r\n` +
    `Message-ID: <${subject}@example.test>\r\nDate: Mon, 30 Nov 2026 10:00:00 +0000\r\n` +
    `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
    `--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n${text}=C3=BC\r\n` +
    `--b\r\nContent-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n` +
    `Content-Disposition: attachment; filename=x.bin\r\n\r\nAAECAwQF\r\n--b--\r\n`);

async function all(iterable) {
    const found = [];
    for await (const item of iterable) found.push(item);
    return found;
}

/** Waits for COUNT events, at most ten seconds. */
async function events(client, name, count, cause) {
    const got = [];
    const enough = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${name}: ${got.length} of ${count}`)), 10000);
        const take = event => {
            got.push(event);
            if (got.length < count) return;
            clearTimeout(timer);
            client.off(name, take);
            resolve(got);
        };
        client.on(name, take);
    });
    enough.catch(() => {});
    await cause();
    return enough;
}

const scenarios = {
    /** What a client learns when it connects: compression is on, rev2 and CONDSTORE are enabled, ID is answered. */
    async connects() {
        const c = await connect({ qresync: true, clientInfo: { name: 'test', version: '1' } });
        assert.equal(c.serverInfo.name, 'Mailstead');
        for (const name of ['CONDSTORE', 'QRESYNC', 'IMAP4REV2']) assert.ok(c.enabled.has(name), name);
        assert.ok(sent(c, 'COMPRESS DEFLATE') || c.said.some(line => line.includes('COMPRESS')), c.said.join('\n'));
        assert.ok(c._inflate, 'compression is not on');
        assert.deepEqual(c.namespace, { prefix: '', delimiter: '/' });
        assert.equal(c.secureConnection, true);
        await c.logout();
        const plain = await connect({ disableCompression: true });
        assert.ok(!plain._inflate);
        await plain.logout();
        await assert.rejects(connect({ auth: { user: process.env.USER_ADDRESS, pass: 'wrong' } }), error => {
            assert.equal(error.authenticationFailed, true);
            assert.match(error.responseText, /username or the password is wrong/);
            return true;
        });
    },

    /** The tree of mailboxes: special uses, umlauts, levels, STATUS of all in the same LIST, RENAME, DELETE. */
    async mailboxes() {
        const c = await connect();
        const uses = Object.fromEntries((await c.list()).filter(m => m.specialUse).map(m => [m.path, m.specialUse]));
        assert.deepEqual(uses, { Archive: '\\Archive', Drafts: '\\Drafts', INBOX: '\\Inbox', Junk: '\\Junk', Sent: '\\Sent',
            Trash: '\\Trash' });
        const made = await c.mailboxCreate(['Projekte', 'Größe & Maß', '日本']);
        assert.equal(made.created, true);
        assert.ok(made.mailboxId);
        assert.equal((await c.mailboxCreate('Projekte')).created, false);
        const tree = await c.listTree();
        const names = folders => Object.fromEntries(folders.map(f => [f.name, f.folders ? names(f.folders) : {}]));
        assert.deepEqual(names(tree.folders).Projekte, { 'Größe & Maß': { 日本: {} } });
        await c.append('Projekte/Größe & Maß/日本', letter('kept'));
        const renamed = await c.mailboxRename('Projekte', 'Vorhaben/2026');
        assert.equal(renamed.newPath, 'Vorhaben/2026');
        const found = (await c.list({ statusQuery: { messages: true, unseen: true, uidNext: true, size: true } }))
            .find(m => m.path === 'Vorhaben/2026/Größe & Maß/日本');
        assert.equal(found.status.messages, 1);
        assert.equal(found.status.unseen, 1);
        assert.equal(found.status.size, letter('kept').length);
        assert.ok(sent(c, 'RETURN') || c.said.some(line => line.includes('STATUS')));
        const subscribed = async () => !!(await c.list()).find(m => m.path === found.path).subscribed;
        assert.equal(await subscribed(), true); // imapflow does so when it creates one, and RENAME keeps it
        await c.mailboxUnsubscribe(found.path);
        assert.equal(await subscribed(), false);
        await c.mailboxSubscribe(found.path);
        assert.equal(await subscribed(), true);
        await assert.rejects(c.mailboxDelete('INBOX'));
        await assert.rejects(c.mailboxOpen('not there'), error => error.serverResponseCode === 'NONEXISTENT' || /NONEXISTENT/.test(error.responseText));
        await c.mailboxDelete(found.path);
        await c.mailboxDelete('Vorhaben/2026/Größe & Maß');
        assert.ok(!(await c.list()).some(m => m.path.includes('Maß')));
        await c.logout();
    },

    /** APPEND with flags and date, FETCH of everything, parts, download, COPY, MOVE, STORE, keywords, delete. */
    async messages() {
        const c = await connect();
        const date = new Date('2020-02-29T12:34:56Z');
        const put = await c.append('INBOX', letter('first', 'eins'), ['\\Flagged', '$Label1', 'Wichtig'], date);
        assert.equal(put.uid, 1);
        assert.ok(put.uidValidity);
        await c.append('INBOX', letter('second', 'x'.repeat(300000)));
        await c.append('INBOX', letter('third'));
        const box = await c.mailboxOpen('INBOX');
        assert.equal(box.exists, 3);
        assert.equal(box.uidNext, 4);
        assert.ok(box.permanentFlags.has('\\*') && box.highestModseq && box.mailboxId);
        const one = await c.fetchOne(1, { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true,
            source: true, headers: ['subject'], bodyParts: ['1', '2.MIME'], threadId: true });
        assert.deepEqual([...one.flags].sort(), ['$Label1', 'Wichtig', '\\Flagged']);
        assert.equal(one.envelope.subject, 'first');
        assert.deepEqual(one.envelope.to, [{ name: 'Jürgen', address: 'bob@example.test' }]);
        assert.equal(one.internalDate.toISOString(), date.toISOString());
        assert.ok(one.source.equals(letter('first', 'eins')));
        assert.equal(one.size, one.source.length);
        assert.equal(one.headers.toString(), 'Subject: first\r\n\r\n');
        assert.equal(one.bodyParts.get('1').toString(), 'eins=C3=BC');
        assert.match(one.bodyParts.get('2.mime').toString(), /^Content-Type: application/);
        assert.deepEqual(one.bodyStructure.childNodes.map(n => [n.part, n.type, n.disposition || '']),
            [['1', 'text/plain', ''], ['2', 'application/octet-stream', 'attachment']]);
        assert.equal(one.bodyStructure.childNodes[1].dispositionParameters.filename, 'x.bin');
        assert.ok(one.emailId && one.modseq);
        const text = await c.download('1', '1');
        assert.equal(Buffer.concat(await all(text.content)).toString(), 'einsü');
        const binary = await c.download('1', '2');
        assert.ok(Buffer.concat(await all(binary.content)).equals(Buffer.from([0, 1, 2, 3, 4, 5])));
        const large = await c.download('2', '1', { chunkSize: 64 * 1024 });
        assert.equal(Buffer.concat(await all(large.content)).toString(), 'x'.repeat(300000) + 'ü');
        await c.messageFlagsAdd('1:2', ['\\Seen', 'Neu']);
        await c.messageFlagsRemove('1', ['Wichtig']);
        await c.messageFlagsSet('3', ['\\Answered']);
        const flags = (await all(c.fetch('1:*', { flags: true }))).map(m => [...m.flags].sort());
        assert.deepEqual(flags, [['$Label1', 'Neu', '\\Flagged', '\\Seen'], ['Neu', '\\Seen'], ['\\Answered']]);
        const modseq = (await c.status('INBOX', { highestModseq: true })).highestModseq;
        await c.messageFlagsAdd('2', ['\\Flagged']);
        const changed = await all(c.fetch('1:*', { uid: true, flags: true }, { changedSince: modseq }));
        assert.deepEqual(changed.map(m => m.uid), [2]);
        const copied = await c.messageCopy('1:2', 'Archive');
        assert.deepEqual([...copied.uidMap], [[1, 1], [2, 2]]);
        const moved = await c.messageMove('3', 'Junk');
        assert.deepEqual([...moved.uidMap], [[3, 1]]);
        await c.messageDelete('2', { uid: true });
        assert.deepEqual((await all(c.fetch('1:*', { uid: true }))).map(m => m.uid), [1]);
        const counts = await c.status('Archive', { messages: true, unseen: true, uidNext: true });
        assert.deepEqual([counts.messages, counts.unseen, counts.uidNext], [2, 0, 3]);
        assert.equal(await c.messageCopy('1', 'nowhere'), false); // so it says NO
        await c.logout();
    },

    /** SEARCH as imapflow writes it, with umlauts, dates, keywords, OR and NOT; QUOTA. */
    async searches() {
        const c = await connect();
        await c.append('INBOX', letter('apple', 'Grün'), ['\\Seen'], new Date('2020-01-01T00:00:00Z'));
        await c.append('INBOX', letter('pear'), ['Obst'], new Date('2024-06-01T12:00:00Z'));
        await c.append('INBOX', letter('=?utf-8?q?Gr=C3=BCne_Birne?='), ['\\Flagged']);
        await c.mailboxOpen('INBOX');
        const find = query => c.search(query, { uid: true });
        assert.deepEqual(await find({ seen: false }), [2, 3]);
        assert.deepEqual(await find({ subject: 'grüne' }), [3]);
        assert.deepEqual(await find({ to: 'jürgen' }), [1, 2, 3]);
        assert.deepEqual(await find({ keyword: 'obst' }), [2]);
        assert.deepEqual(await find({ before: new Date('2023-01-01') }), [1]);
        assert.deepEqual(await find({ or: [{ flagged: true }, { subject: 'apple' }] }), [1, 3]);
        assert.deepEqual(await find({ not: { or: [{ subject: 'apple' }, { subject: 'pear' }] } }), [3]);
        assert.deepEqual(await find({ header: { 'message-id': '<pear@example.test>' } }), [2]);
        assert.deepEqual(await find({ larger: 1000000 }), []);
        const emailId = (await c.fetchOne('2', { uid: true, envelope: true })).emailId;
        assert.deepEqual(await find({ emailId }), [2]);
        const quota = await c.getQuota('INBOX');
        assert.equal(quota.storage.limit, 10 * 1024 * 1024);
        assert.ok(quota.storage.usage > 0 && quota.storage.usage < 100 * 1024);
        await assert.rejects(c.append('INBOX', letter('too much', 'x'.repeat(11 * 1024 * 1024))), error => {
            assert.match(error.serverResponseCode || error.responseText, /OVERQUOTA|TOOBIG/);
            return true;
        });
        await c.logout();
    },

    /** IDLE: what another client does is told at once, as EXISTS, flags and VANISHED. */
    async idles() {
        const other = await connect();
        const c = await connect({ qresync: true });
        await c.mailboxOpen('INBOX');
        const idle = c.idle();
        const [exists] = await events(c, 'exists', 1, () => other.append('INBOX', letter('new')));
        assert.equal(exists.count, 1);
        await other.append('INBOX', letter('newer'));
        await other.mailboxOpen('INBOX');
        const [flags] = await events(c, 'flags', 1, () => other.messageFlagsAdd('1', ['\\Seen', 'Hallo']));
        assert.deepEqual([...flags.flags].sort(), ['Hallo', '\\Seen']);
        const [gone] = await events(c, 'expunge', 1, () => other.messageDelete('1'));
        assert.deepEqual([gone.vanished, gone.uid, gone.earlier], [true, 1, false]);
        // after VANISHED imapflow counts on as before: from 1, which is what the first of these makes it again
        const [again] = await events(c, 'exists', 1, async () => {
            await other.append('INBOX', letter('newest'));
            await other.append('INBOX', letter('newest'));
        });
        assert.equal(again.count, 3);
        assert.equal((await c.fetchOne('*', { envelope: true })).envelope.subject, 'newest'); // ends the IDLE
        await idle;
        await c.logout();
        await other.logout();
    },

    /** QRESYNC: a client that comes again is told what has changed since, and nothing else. */
    async resynchronizes() {
        const other = await connect();
        for (let n = 1; n <= 20; n++) await other.append('INBOX', letter(`m${n}`));
        const c = await connect({ qresync: true });
        const before = await c.mailboxOpen('INBOX');
        await c.logout();
        await other.mailboxOpen('INBOX');
        await other.messageFlagsAdd('3,17', ['\\Flagged'], { uid: true });
        await other.messageDelete('5:7,20', { uid: true });
        await other.append('INBOX', letter('m21'));
        const again = await connect({ qresync: true });
        const gone = [], changed = [];
        again.on('expunge', event => gone.push([event.uid, event.vanished, event.earlier]));
        again.on('flags', event => changed.push([event.uid, [...event.flags]]));
        const box = await again.mailboxOpen('INBOX', { changedSince: before.highestModseq, uidValidity: before.uidValidity });
        assert.equal(box.qresync, true);
        assert.equal(box.exists, 17);
        assert.deepEqual(gone, [5, 6, 7, 20].map(uid => [uid, true, true]));
        assert.deepEqual(changed, [[3, ['\\Flagged']], [17, ['\\Flagged']], [21, []]]);
        await again.mailboxClose();
        const nothing = await again.mailboxOpen('INBOX', { changedSince: box.highestModseq, uidValidity: box.uidValidity });
        assert.equal(nothing.qresync, true);
        assert.deepEqual([gone.length, changed.length], [4, 3]);
        await again.logout();
        await other.logout();
    },

    /** A mailbox that bob shares (RFC 4314): found, read, written to, and what he does there is heard of in IDLE. */
    async shares() {
        const bob = await connect({ auth: { user: 'bob@example.test', pass: process.env.PASSWORD } });
        const setRights = rights => bob.exec('SETACL', [process.env.USER_ADDRESS, rights]
            .reduce((all, value) => [...all, { type: 'STRING', value }], [{ type: 'STRING', value: 'Team' }]));
        await bob.mailboxCreate('Team');
        await bob.append('Team', letter('from bob'));
        const c = await connect({ qresync: true });
        assert.ok(!(await c.list()).some(m => m.path.endsWith('Team')));
        (await setRights('lr')).next();
        assert.deepEqual(c.namespaces.other, [{ prefix: 'Other Users/', delimiter: '/' }]);
        const team = 'Other Users/bob@example.test/Team';
        assert.ok((await c.list()).some(m => m.path === team));
        const box = await c.mailboxOpen(team);
        assert.deepEqual([box.exists, box.readOnly], [1, true]);
        assert.equal((await c.fetchOne('1', { envelope: true })).envelope.subject, 'from bob');
        assert.ok(await c.messageCopy('1', 'INBOX'));
        await assert.rejects(c.append(team, letter('may not')), error => /NOPERM/.test(error.serverResponseCode || error.responseText));
        (await setRights('lrswipkxte')).next();
        await c.mailboxOpen('INBOX');
        await c.mailboxOpen(team);
        assert.deepEqual([...(await c.messageMove('1', 'Archive')).uidMap], [[1, 1]]);
        assert.equal((await c.append(team, letter('from alice'))).uid, 2);
        const idle = c.idle();
        await events(c, 'exists', 1, () => bob.append('Team', letter('again from bob')));
        assert.equal((await c.fetchOne('*', { envelope: true })).envelope.subject, 'again from bob');
        await idle;
        await c.logout();
        await bob.logout();
    },

    /** Two connections that change the same mailbox at once, and a third that keeps a model of it. */
    async together() {
        const watcher = await connect({ qresync: true });
        await watcher.mailboxOpen('INBOX');
        const here = new Set();
        watcher.on('expunge', event => here.delete(event.uid));
        const writers = [await connect(), await connect()];
        await Promise.all(writers.map(async (w, i) => {
            for (let n = 0; n < 15; n++) {
                const put = await w.append('INBOX', letter(`w${i}-${n}`));
                if (n % 3 === 0) {
                    await w.mailboxOpen('INBOX');
                    await w.messageMove(String(put.uid), 'Archive', { uid: true });
                }
                for await (const m of watcher.fetch('1:*', { uid: true }, { uid: true })) here.add(m.uid);
            }
        }));
        await watcher.noop();
        here.clear();
        for await (const m of watcher.fetch('1:*', { uid: true, envelope: true })) here.add(m.uid);
        assert.equal(here.size, 20);
        assert.equal(watcher.mailbox.exists, 20);
        assert.equal((await watcher.status('Archive', { messages: true })).messages, 10);
        for (const w of [watcher, ...writers]) await w.logout();
    }
};

if (process.argv[2] === '--list') {
    console.log(Object.keys(scenarios).join('\n'));
} else {
    scenarios[process.argv[2]]().then(() => process.exit(0), error => {
        console.error(error);
        if (process.env.VERBOSE) console.error(clients.map(c => c.said.slice(-60).join('\n')).join('\n----\n'));
        process.exit(1);
    });
}
