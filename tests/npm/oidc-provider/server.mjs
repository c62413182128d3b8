// An identity provider that nobody here wrote: npm oidc-provider (certified OpenID Connect), behind this small HTTP layer.
// The package decides everything about OpenID Connect: discovery, codes, PKCE, tokens, sessions, logout. Ours: the page
// on which somebody says who they are (no password: a test's person), and pairwise subjects from a salt of this process.
// First argument: the clients as JSON. Prints its address; a line `rotate` on standard input makes it sign with new keys
// from then on and publish those alone, and is answered by a line. Ends when its standard input does.
import crypto from 'node:crypto';
import http from 'node:http';
import readline from 'node:readline';
import Provider from 'oidc-provider';

const clients = JSON.parse(process.argv[2]);
const SALT = crypto.randomBytes(32);
const COOKIES = [crypto.randomBytes(32).toString('hex')];
let provider, callback;
let turn = 0;

function keys() {
  turn += 1;
  return [['RSA', 'RS256'], ['EC', 'ES256']].map(([kind, alg]) => {
    const { privateKey } = kind === 'RSA' ? crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }) : crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${turn}` };
  });
}

function make(issuer) {
  provider = new Provider(issuer, {
    clients, jwks: { keys: keys() }, cookies: { keys: COOKIES }, subjectTypes: ['pairwise'], acrValues: ['urn:test:card', 'urn:test:app'],
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
    pairwiseIdentifier: (ctx, account, client) => crypto.createHmac('sha256', SALT).update(`${client.clientId}\0${account}`).digest('base64url'),
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    // It refuses to call this machine; here that is where the services are.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    ttl: { Session: 3600, Interaction: 600, Grant: 3600, IdToken: 600, AccessToken: 600 },
  });
  callback = provider.callback();
}

const page = (uid) => `<!doctype html><html lang="ja"><meta charset="utf-8"><title>City ID</title><h1>City ID</h1>
<form method="post" action="/interaction/${uid}"><label>Name <input name="login" required></label>
<label><input type="checkbox" name="card"> Card</label><button name="do" value="in">Sign in</button></form>
<form method="post" action="/interaction/${uid}"><button name="do" value="stop">Cancel</button></form></html>`;

async function interact(request, response, uid) {
  if (request.method !== 'POST') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
    response.end(page(uid));
    return;
  }
  let raw = '';
  for await (const part of request) raw += part;
  const form = new URLSearchParams(raw);
  const said = form.get('do') === 'stop'
    ? { error: 'access_denied' }
    : { login: { accountId: form.get('login'), acr: form.get('card') ? 'urn:test:card' : 'urn:test:app', remember: false } };
  await provider.interactionFinished(request, response, said, { mergeWithLastSubmission: false });
}

const server = http.createServer((request, response) => {
  const [, uid] = /^\/interaction\/([\w-]+)$/.exec(request.url) ?? [];
  if (!uid) { callback(request, response); return; }
  interact(request, response, uid).catch((error) => {
    response.writeHead(400, { 'Content-Type': 'text/plain' });
    response.end(String(error.message));
  });
});

console.warn = console.info = () => {};
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  make(issuer);
  process.stdout.write(`${issuer}\n`);
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'rotate') make(issuer);
    process.stdout.write(`${line} done\n`);
  }).on('close', () => process.exit(0));
});
