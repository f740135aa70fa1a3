// Drives the gateway with Relay: compiles app.js against the published schema in the current folder, renders it, and
// prints one check on each line: {"name": …, "problem": … or null}.
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { copyFileSync, mkdirSync, writeFileSync } = require('node:fs');
const { dirname, join } = require('node:path');

const { CROSSWALK_URL: address, CROSSWALK_TOKEN: token, CROSSWALK_ORGANIZATIONS: organizations } = process.env;
const uri = `${address}/graphql`;
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

const React = require('react');
const renderer = require('react-test-renderer');
const { RelayEnvironmentProvider, commitMutation, requestSubscription } = require('react-relay');
const { Environment, Network, Observable, RecordSource, Store } = require('relay-runtime');
const { createClient } = require('graphql-ws');

async function compile() {
  const answer = await fetch(`${address}/schema.graphqls`);
  assert.equal(answer.status, 200);
  writeFileSync('schema.graphql', await answer.text()); // the compiler reads no other extension
  mkdirSync('src');
  copyFileSync(join(__dirname, 'app.js'), join('src', 'app.js'));
  writeFileSync('relay.config.json', JSON.stringify({ src: './src', schema: './schema.graphql', language: 'javascript', eagerEsModules: false }));
  writeFileSync('package.json', '{}');
  const compiler = join(dirname(require.resolve('relay-compiler/package.json')), 'cli.js');
  execFileSync(process.execPath, [compiler], { stdio: ['ignore', 'ignore', 'pipe'] });
  const { code } = require('@babel/core').transformFileSync(join('src', 'app.js'), {
    babelrc: false, configFile: false, plugins: [[require.resolve('babel-plugin-relay'), { eagerEsModules: false }]],
  });
  writeFileSync(join('src', 'app.compiled.js'), code);
  return require(join(process.cwd(), 'src', 'app.compiled.js'));
}

const checks = [];
const check = (name, run) => checks.push({ name, run });

function makeEnvironment(socket) {
  const fetchOnce = async ({ text }, variables) => {
    const answer = await fetch(uri, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: text, variables }),
    });
    return answer.json();
  };
  const follow = ({ text }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
  return new Environment({ network: Network.create(fetchOnce, follow), store: new Store(new RecordSource()) });
}

async function render(component, properties) {
  const environment = makeEnvironment();
  let list;
  const see = (seen) => { list = seen.list; };
  let root;
  await renderer.act(async () => {
    root = renderer.create(
      React.createElement(RelayEnvironmentProvider, { environment },
        React.createElement(React.Suspense, { fallback: 'loading' }, React.createElement(component, { ...properties, see }))),
    );
  });
  const rows = () => root.root.findAllByType('row').map((row) => row.props);
  const until = async (condition) => {
    for (let tries = 0; !condition(); tries++) {
      assert.ok(tries < 3000, 'waited too long');
      await renderer.act(() => new Promise((resolve) => setTimeout(resolve, 5)));
    }
  };
  await until(() => rows().length > 0);
  return { until, rows, act: renderer.act, list: () => list };
}

check('usePaginationFragment collects every row once', async ({ Page }) => {
  const page = await render(Page, {});
  assert.equal(page.rows().length, 7);
  for (let pages = 1; page.list().hasNext; pages++) {
    assert.ok(pages < 20, 'the pages do not end');
    const before = page.rows().length;
    await page.act(async () => { page.list().loadNext(7); });
    await page.until(() => page.rows().length > before && !page.list().isLoadingNext);
  }
  const rows = page.rows();
  assert.equal(rows.length, Number(organizations));
  assert.equal(page.list().total, rows.length);
  assert.equal(new Set(rows.map((row) => row.id)).size, rows.length);
});

check('refetch asks with other arguments', async ({ Page }) => {
  const page = await render(Page, {});
  const { name } = page.rows()[3];
  await page.act(async () => { page.list().refetch({ search: name }, { fetchPolicy: 'network-only' }); });
  await page.until(() => page.rows().length > 0 && page.rows().every((row) => row.name.includes(name)));
});

check('the answer of a mutation changes the row on the page', async ({ Page }) => {
  const page = await render(Page, {});
  const { id, excluded } = page.rows()[2];
  await page.act(async () => {
    page.list().exclude({ variables: { input: { organizationIds: [id], excluded: !excluded } } });
  });
  await page.until(() => page.rows()[2].excluded === !excluded);
});

check('node finds a record again by its id', async ({ Page, Card }) => {
  const wanted = (await render(Page, {})).rows()[1];
  const card = await render(Card, { id: wanted.id });
  assert.deepEqual(card.rows(), [wanted]);
});

check('a run is followed to its end over WebSocket', async ({ FollowRun, StartSync }) => {
  const socket = createClient({
    url: uri.replace('http', 'ws'), connectionParams: { token },
    webSocketImpl: globalThis.WebSocket ?? require('ws'), // older Nodes have none of their own
  });
  const environment = makeEnvironment(socket);
  const started = await new Promise((onCompleted, onError) =>
    commitMutation(environment, { mutation: StartSync, variables: {}, onCompleted, onError }));
  const states = [];
  await new Promise((onCompleted, onError) =>
    requestSubscription(environment, {
      subscription: FollowRun, variables: { id: started.syncOrganizations.job.id },
      onNext: (data) => states.push(data.jobProgress.state), onCompleted, onError,
    }));
  await socket.dispose();
  assert.equal(states.at(-1), 'SUCCEEDED');
});

(async () => {
  const app = await compile();
  for (const { name, run } of checks) {
    const problem = await run(app).then(() => null, (error) => error.stack);
    console.log(JSON.stringify({ name, problem }));
  }
  process.exit(); // the renderer keeps a port open
})();
