// Drives the gateway with Apollo Client, and prints one check on each line: {"name": …, "problem": … or null}.
const { createHash } = require('node:crypto');
const { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } = require('@apollo/client/core');
const { PersistedQueryLink } = require('@apollo/client/link/persisted-queries');
const { GraphQLWsLink } = require('@apollo/client/link/subscriptions');
const { relayStylePagination } = require('@apollo/client/utilities');
const { createClient } = require('graphql-ws');
const assert = require('node:assert/strict');

const { CROSSWALK_URL: address, CROSSWALK_TOKEN: token, CROSSWALK_ORGANIZATIONS: organizations } = process.env;
const uri = `${address}/graphql`;
const headers = { Authorization: `Bearer ${token}` };

const checks = [];
const check = (name, run) => checks.push({ name, run });

const makeClient = (link = new HttpLink({ uri, headers })) =>
  new ApolloClient({
    link,
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { organizations: relayStylePagination(['search', 'filter', 'orderBy']) } } },
    }),
  });

const Organizations = gql`
  query Organizations($first: Int, $after: String, $search: String) {
    organizations(first: $first, after: $after, search: $search) {
      totalCount
      edges { cursor node { id name excludedFromSync revision } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;

const Exclude = gql`
  mutation Exclude($id: ID!, $excluded: Boolean!) {
    setOrganizationsExcluded(input: { organizationIds: [$id], excluded: $excluded }) {
      organizations { id excludedFromSync revision }
      userErrors { code message }
    }
  }
`;

check('relayStylePagination collects every row once, in order', async () => {
  const client = makeClient();
  const watched = client.watchQuery({ query: Organizations, variables: { first: 7 } });
  let latest;
  const subscription = watched.subscribe((result) => {
    if (!result.loading && result.dataState === 'complete') latest = result.data.organizations;
  });
  await until(() => latest);
  for (let pages = 1; latest.pageInfo.hasNextPage; pages++) {
    assert.ok(pages < 20, 'the pages do not end');
    const before = latest.edges.length;
    await watched.fetchMore({ variables: { after: latest.pageInfo.endCursor } });
    await until(() => latest.edges.length > before);
  }
  subscription.unsubscribe();
  assert.equal(latest.edges.length, Number(organizations));
  assert.equal(latest.totalCount, latest.edges.length);
  const { data } = await makeClient().query({ query: Organizations, variables: { first: 1000 } });
  assert.deepEqual(latest.edges.map((edge) => edge.node.id), data.organizations.edges.map((edge) => edge.node.id));
});

check('other searches are lists of their own', async () => {
  const client = makeClient();
  const all = await client.query({ query: Organizations, variables: { first: 5 } });
  const { name } = all.data.organizations.edges[0].node;
  const found = await client.query({ query: Organizations, variables: { first: 5, search: name } });
  assert.ok(found.data.organizations.edges.every((edge) => edge.node.name.includes(name)));
  const again = await client.query({ query: Organizations, variables: { first: 5 }, fetchPolicy: 'cache-only' });
  assert.deepEqual(again.data, all.data);
});

check('the answer of a mutation changes the row in the list', async () => {
  const client = makeClient();
  const variables = { first: 5 };
  const before = await client.query({ query: Organizations, variables });
  const row = before.data.organizations.edges[2].node;
  const change = await client.mutate({ mutation: Exclude, variables: { id: row.id, excluded: !row.excludedFromSync } });
  assert.deepEqual(change.data.setOrganizationsExcluded.userErrors, []);
  const after = await client.query({ query: Organizations, variables, fetchPolicy: 'cache-only' });
  assert.equal(after.data.organizations.edges[2].node.excludedFromSync, !row.excludedFromSync);
  assert.equal(after.data.organizations.edges[2].node.revision, row.revision + 1);
});

check('errors carry their code', async () => {
  const client = makeClient(new HttpLink({ uri, headers: { Authorization: 'Bearer cw_nobody' } }));
  await assert.rejects(client.query({ query: Organizations }), (error) => {
    const { errors } = CombinedGraphQLErrors.is(error) ? error : JSON.parse(error.bodyText);
    assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED');
    return true;
  });
});

check('persisted queries are sent by hash', async () => {
  const sent = [];
  const spy = async (target, options) => {
    sent.push('query' in JSON.parse(options.body) ? 'text' : 'hash');
    return fetch(target, options);
  };
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const link = ApolloLink.from([new PersistedQueryLink({ sha256 }), new HttpLink({ uri, headers, fetch: spy })]);
  const first = await makeClient(link).query({ query: Organizations, variables: { first: 3 } });
  const second = await makeClient(link).query({ query: Organizations, variables: { first: 3 } });
  assert.deepEqual(second.data, first.data);
  assert.deepEqual(sent, ['hash', 'text', 'hash']);
});

check('a run is followed to its end over WebSocket', async () => {
  const socket = createClient({
    url: uri.replace('http', 'ws'), connectionParams: { token },
    webSocketImpl: globalThis.WebSocket ?? require('ws'), // older Nodes have none of their own
  });
  const over = ({ operationType }) => operationType === 'subscription';
  const client = makeClient(ApolloLink.split(over, new GraphQLWsLink(socket), new HttpLink({ uri, headers })));
  const { data } = await client.mutate({ mutation: gql`mutation { syncOrganizations { job { id } } }` });
  const progress = client.subscribe({
    query: gql`subscription FollowRun($id: ID!) { jobProgress(id: $id) { id state finishedAt } }`,
    variables: { id: data.syncOrganizations.job.id },
  });
  const states = [];
  await new Promise((resolve, reject) =>
    progress.subscribe({
      next: (result) => (result.error ? reject(result.error) : states.push(result.data.jobProgress.state)),
      error: reject,
      complete: resolve,
    }));
  await socket.dispose();
  assert.equal(states.at(-1), 'SUCCEEDED');
});

async function until(condition) {
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 3000, 'waited too long');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

(async () => {
  for (const { name, run } of checks) {
    const problem = await run().then(() => null, (error) => error.stack);
    console.log(JSON.stringify({ name, problem }));
  }
})();
