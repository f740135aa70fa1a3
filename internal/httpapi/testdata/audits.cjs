// Runs the audits of GraphQL over HTTP against the server at GRAPHQL_URL, as
// the holder of GRAPHQL_TOKEN, and prints a line of JSON for each.
const { serverAudits } = require('graphql-http');

const fetchFn = (url, init = {}) =>
  fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${process.env.GRAPHQL_TOKEN}` } });

(async () => {
  for (const audit of serverAudits({ url: process.env.GRAPHQL_URL, fetchFn })) {
    const result = await audit.fn();
    console.log(JSON.stringify({ id: audit.id, name: audit.name, status: result.status, reason: result.reason ?? '' }));
  }
})();
