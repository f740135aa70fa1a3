// The explorer: GraphiQL with a bar above it that holds the token, a list of
// worked examples beside it, and subscriptions over server-sent events.
(() => {
  'use strict';

  const settings = JSON.parse(document.getElementById('settings').textContent);
  const examples = settings.examples || [];
  const offered = settings.tokens || [];
  const { createElement: h, useEffect, useMemo, useRef, useState } = React;
  const byId = (id) => document.getElementById(id);

  // ── The token ──────────────────────────────────────────────────────────
  // It lives in this tab, or in this browser where the user asked for that.
  // Storage can be switched off; then nothing is remembered.
  const tokenKey = 'crosswalk-explorer-token';
  const attempt = (use) => {
    try {
      return use();
    } catch {
      return null;
    }
  };
  const isRemembered = () => attempt(() => localStorage.getItem(tokenKey)) !== null;
  const storedToken = () =>
    attempt(() => sessionStorage.getItem(tokenKey)) || attempt(() => localStorage.getItem(tokenKey)) || '';
  const storeToken = (token, remember) => {
    attempt(() => sessionStorage.setItem(tokenKey, token));
    attempt(() => (remember && token ? localStorage.setItem(tokenKey, token) : localStorage.removeItem(tokenKey)));
  };

  const firstToken = () => storedToken() || (offered.length > 0 ? offered[0].value : '');

  const who = byId('who');
  const notice = byId('notice');
  const missing = 'Paste a token to run operations and to read the documentation. ' +
    'Whoever runs crosswalk issues one with: crosswalk token issue';

  function show(state, text, explanation) {
    who.className = 'who ' + state;
    who.textContent = text;
    who.title = text;
    notice.className = 'notice ' + state;
    notice.textContent = explanation || '';
    notice.hidden = !explanation;
  }

  // lookUp shows who holds the token, or why it is of no use.
  let lookUps = 0;
  async function lookUp(token, onRefused) {
    const number = ++lookUps;
    const latest = () => number === lookUps;
    if (!token) {
      show('', 'No token', missing);
      return;
    }
    try {
      const response = await send(token, { query: '{ viewer { subject role seller { name } } }' }, {});
      const result = await response.json();
      if (!latest()) {
        return;
      }
      if (response.status === 401 && onRefused) {
        onRefused();
        return;
      }
      if (response.status === 401) {
        show('bad', 'Token refused', messageOf(result) + ' Paste another one above.');
        return;
      }
      const viewer = result.data && result.data.viewer;
      show('good', viewer ? `${viewer.subject} · ${viewer.role} · ${viewer.seller.name}` : 'Token accepted');
    } catch {
      if (latest()) {
        show('bad', 'No answer', 'The server does not answer. Is it still running?');
      }
    }
  }

  const messageOf = (result) =>
    (result && result.errors && result.errors[0] && result.errors[0].message) || 'The server refused the request.';

  // ── Requests ───────────────────────────────────────────────────────────
  function send(token, operation, headers, accept) {
    const all = { 'Content-Type': 'application/json', Accept: accept || 'application/graphql-response+json, application/json;q=0.9' };
    if (token) {
      all.Authorization = 'Bearer ' + token;
    }
    return fetch(settings.endpoint, { method: 'POST', headers: { ...all, ...headers }, body: JSON.stringify(operation) });
  }

  // fetcher returns what GraphiQL sends operations with.
  function fetcher(token) {
    return (sent, options) => {
      const headers = (options && options.headers) || {};
      if (!token && !hasAuthorization(headers)) {
        return Promise.resolve({ errors: [{ message: missing, extensions: { code: 'UNAUTHENTICATED' } }] });
      }
      const { operation, kind } = chosen(sent);
      return kind === 'subscription' ? subscribe(token, operation, headers) : execute(token, operation, headers);
    };
  }

  const hasAuthorization = (headers) => Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');

  // chosen returns what is to be sent and of which kind it is. For a moment
  // after another tab was opened, GraphiQL still names the operation of the
  // one before.
  function chosen(sent) {
    const document = attempt(() => GraphiQL.GraphQL.parse(sent.query));
    const operations = ((document && document.definitions) || []).filter(({ kind }) => kind === 'OperationDefinition');
    const named = operations.find(({ name }) => name && name.value === sent.operationName);
    const definition = named || (operations.length === 1 ? operations[0] : undefined);
    const { operationName, ...unnamed } = sent;
    return {
      operation: named || operations.length !== 1 ? sent : unnamed,
      kind: definition && definition.operation,
    };
  }

  async function execute(token, operation, headers) {
    let response;
    try {
      response = await send(token, operation, headers);
    } catch {
      throw new Error('The server does not answer. Is it still running?');
    }
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      throw new Error(`The server answered with status ${response.status} and something that is not JSON.`);
    }
  }

  // subscribe yields every "next" event of a stream of server-sent events.
  async function* subscribe(token, operation, headers) {
    const response = await send(token, operation, headers, 'text/event-stream');
    if (!(response.headers.get('Content-Type') || '').startsWith('text/event-stream')) {
      yield await response.json();
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffer = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          return;
        }
        buffer += value;
        const events = buffer.split('\n\n');
        buffer = events.pop();
        for (const event of events) {
          if (event.startsWith('event: next')) {
            yield JSON.parse(event.slice(event.indexOf('data: ') + 'data: '.length));
          } else if (event.startsWith('event: complete')) {
            return;
          }
        }
      }
    } finally {
      reader.cancel();
    }
  }

  // ── What is kept between visits ────────────────────────────────────────
  const graphiqlStorage = GraphiQL.createLocalStorage({ namespace: 'crosswalk-explorer' });

  // Newcomers see the list of examples and find the first one's variables
  // filled in, which GraphiQL does for the other tabs only.
  const isFirstVisit = !attempt(() => graphiqlStorage.getItem('graphiql:tabState'));
  const isWide = matchMedia('(min-width: 1200px)').matches;
  if (isFirstVisit) {
    // The pane beside the editor takes a third unless told otherwise.
    attempt(() => graphiqlStorage.setItem('graphiql:docExplorerFlex', '0.25'));
  }

  // ── Examples ───────────────────────────────────────────────────────────
  const plugins = [{ title: 'Examples', icon: ExampleIcon, content: ExampleList }];

  function ExampleIcon() {
    const icon = useRef(null);
    useEffect(() => {
      // GraphiQL opens a plugin properly only when its button is pressed.
      if (isFirstVisit && isWide) {
        icon.current.closest('button').click();
      }
    }, []);
    return h('svg', {
      ref: icon, viewBox: '0 0 24 24', fill: 'none', stroke: 'currentColor',
      strokeWidth: 1.5, strokeLinecap: 'round', strokeLinejoin: 'round',
    }, h('path', { d: 'M5 4h14v16H5zM8.5 8.5h7M8.5 12h7M8.5 15.5h4' }));
  }

  function ExampleList() {
    const editor = GraphiQL.React.useEditorContext();
    const open = (example) => {
      editor.addTab();
      // The new tab has to be there before it can be filled.
      setTimeout(() => {
        editor.queryEditor.setValue(example.query);
        editor.variableEditor.setValue(example.variables || '');
      });
      // Its title comes a moment later, and makes it wider.
      setTimeout(() => {
        const tab = document.querySelector('.graphiql-tab-active');
        if (tab) {
          tab.scrollIntoView({ inline: 'nearest', block: 'nearest' });
        }
      }, 300);
    };
    return h('section', { className: 'examples', 'aria-label': 'Examples' },
      h('h2', null, 'Examples'),
      h('p', null, 'Each opens in a tab of its own, ready to run.'),
      examples.map((example) =>
        h('button', { key: example.title, type: 'button', onClick: () => open(example) },
          h('strong', null, example.title), h('span', null, example.description))));
  }

  const openExamples = examples.filter((example) => example.open);
  const defaultTabs = openExamples.length > 0
    ? openExamples.map(({ query, variables }) => ({ query, variables: variables || null }))
    : undefined;

  // ── The page ───────────────────────────────────────────────────────────
  let changeToken = () => {};

  function Explorer() {
    const [token, setToken] = useState(firstToken);
    changeToken = setToken;
    return h(GraphiQL, {
      // GraphiQL reads the schema again when the fetcher is another one.
      fetcher: useMemo(() => fetcher(token), [token]),
      defaultTabs,
      defaultQuery: '',
      storage: graphiqlStorage,
      plugins,
      shouldPersistHeaders: false,
      inputValueDeprecation: true,
      schemaDescription: true,
      isHeadersEditorEnabled: true,
      defaultEditorToolsVisibility: 'variables',
      variables: isFirstVisit && openExamples.length > 0 ? openExamples[0].variables : undefined,
    }, h(GraphiQL.Logo, null, h('span', { className: 'endpoint' }, settings.endpoint)));
  }

  let current = null;

  // useToken switches to a token; onRefused, when given, is called in place of
  // telling that the server refuses it.
  function useToken(token, onRefused) {
    current = token;
    storeToken(token, byId('token-remember').checked);
    byId('token').value = token;
    byId('token-choice').value = offered.some((offer) => offer.value === token) ? token : '';
    changeToken(token);
    lookUp(token, onRefused);
  }

  function prepareBar() {
    const choice = byId('token-choice');
    const input = byId('token');
    const remember = byId('token-remember');
    if (offered.length > 0) {
      choice.append(...offered.map(({ label, value }) => new Option(label, value)), new Option('another token', ''));
      byId('token-choice-label').hidden = false;
      choice.addEventListener('change', () => (choice.value ? useToken(choice.value) : (input.value = '', input.focus())));
    }
    remember.checked = isRemembered();
    remember.addEventListener('change', () => storeToken(input.value.trim(), remember.checked));
    byId('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      useToken(input.value.trim());
    });
    input.addEventListener('change', () => input.value.trim() !== current && useToken(input.value.trim()));
    byId('token-show').addEventListener('click', (event) => {
      const shown = input.type === 'text';
      input.type = shown ? 'password' : 'text';
      event.target.textContent = shown ? 'Show' : 'Hide';
      event.target.setAttribute('aria-pressed', String(!shown));
    });
    if (settings.schemaURL) {
      byId('schema-link').href = settings.schemaURL;
      byId('schema-link').hidden = false;
    }
  }

  prepareBar();
  ReactDOM.createRoot(byId('graphiql')).render(h(Explorer));
  // A token kept from an earlier demonstration gives way to one that works.
  const first = firstToken();
  const fallback = offered.length > 0 && !offered.some((offer) => offer.value === first)
    ? () => useToken(offered[0].value)
    : undefined;
  useToken(first, fallback);
})();
