// A certified OAuth 2 / OpenID server on loopback, in memory: `node oauth_server.mjs CLIENT SCOPES`.
// One public client; PKCE with S256 is required; refresh tokens rotate, and using one twice ends
// the grant. Ends when its standard input does, so that it never outlives its tests.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.OIDC_ROOT}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [client, scopes] = process.argv.slice(2);

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client,
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      redirect_uris: ['http://localhost:1455/auth/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    }],
    pkce: { required: () => true },
    scopes: scopes.split(' '),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: 3, AuthorizationCode: 30, RefreshToken: 600, Interaction: 300, Session: 300,
      Grant: 600, IdToken: 300,
    },
    features: { devInteractions: { enabled: true } },
    cookies: { keys: ['test'] },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    // OpenAI takes the refresh token as JSON, too; this server takes forms only.
    if (request.method === 'POST' && request.headers['content-type'] === 'application/json') {
      let text = '';
      for await (const chunk of request) text += chunk;
      const form = new URLSearchParams(JSON.parse(text)).toString();
      request.headers['content-type'] = 'application/x-www-form-urlencoded';
      request.headers['content-length'] = String(Buffer.byteLength(form));
      request.body = form;
    }
    answer(request, response);
  });
  console.log(`READY ${issuer}`);
});
process.stdin.on('end', () => process.exit(0)).resume();
