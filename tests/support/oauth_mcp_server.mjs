// A certified OAuth 2.1 server on loopback for MCP: `node oauth_mcp_server.mjs RESOURCE SECONDS`.
// Clients register by themselves; PKCE with S256 is required; access tokens are JWTs for RESOURCE that
// live for SECONDS; refresh tokens rotate, and using one twice ends the grant. Ends with its stdin.
// The program `robot` is known beforehand, by its secret and, with a public key as a JWK in ROBOT_KEY,
// as `robot-with-key`.
import http from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.OIDC_ROOT}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [resource, seconds] = process.argv.slice(2);
const robot = {
  client_id: 'robot', client_secret: 'secret', grant_types: ['client_credentials'],
  redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_basic',
};
const { client_secret: _, ...withoutSecret } = robot;
const withKey = process.env.ROBOT_KEY && {
  ...withoutSecret, client_id: 'robot-with-key', token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [JSON.parse(process.env.ROBOT_KEY)] },
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clientDefaults: { token_endpoint_auth_method: 'none', application_type: 'native' },
    clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt'],
    clients: withKey ? [robot, withKey] : [robot],
    pkce: { required: () => true },
    scopes: ['openid', 'offline_access', 'mcp'],
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    ttl: {
      AccessToken: Number(seconds), AuthorizationCode: 60, RefreshToken: 600, Interaction: 300,
      Session: 300, Grant: 600, IdToken: 300,
    },
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'mcp offline_access', audience: resource, accessTokenFormat: 'jwt',
          accessTokenTTL: Number(seconds),
        }),
      },
    },
    cookies: { keys: ['test'] },
  });
  server.on('request', provider.callback());
  console.log(`READY ${issuer}`);
});
process.stdin.on('end', () => process.exit(0)).resume();
