// A page of organizations as Relay applications have it: a query, a fragment that is paged, and one for each row.
const React = require('react');
const { graphql, useFragment, useLazyLoadQuery, useMutation, usePaginationFragment } = require('react-relay');

function Page({ search, see }) {
  const data = useLazyLoadQuery(
    graphql`
      query appPageQuery($search: String) {
        viewer { seller { name } }
        ...appList @arguments(search: $search)
      }
    `,
    { search },
  );
  return React.createElement(List, { query: data, see });
}

function List({ query, see }) {
  const { data, hasNext, loadNext, isLoadingNext, refetch } = usePaginationFragment(
    graphql`
      fragment appList on Query
      @refetchable(queryName: "appListPaginationQuery")
      @argumentDefinitions(first: { type: "Int", defaultValue: 7 }, after: { type: "String" }, search: { type: "String" }) {
        organizations(first: $first, after: $after, search: $search) @connection(key: "List_organizations") {
          totalCount
          edges { node { id ...appRow } }
        }
      }
    `,
    query,
  );
  const [exclude] = useMutation(graphql`
    mutation appExcludeMutation($input: SetOrganizationsExcludedInput!) {
      setOrganizationsExcluded(input: $input) { organizations { ...appRow } userErrors { code message } }
    }
  `);
  see({ list: { total: data.organizations.totalCount, hasNext, loadNext, isLoadingNext, refetch, exclude } });
  return data.organizations.edges.map(({ node }) => React.createElement(Row, { key: node.id, row: node }));
}

function Row({ row }) {
  const { id, name, excludedFromSync } = useFragment(
    graphql`
      fragment appRow on Organization { id name excludedFromSync }
    `,
    row,
  );
  return React.createElement('row', { id, name, excluded: excludedFromSync });
}

// Records are found again by their id alone.
function Card({ id }) {
  const { node } = useLazyLoadQuery(
    graphql`query appCardQuery($id: ID!) { node(id: $id) { ...appRow @alias(as: "organization") } }`,
    { id },
  );
  return React.createElement(Row, { row: node.organization });
}

const FollowRun = graphql`subscription appFollowSubscription($id: ID!) { jobProgress(id: $id) { id state finishedAt } }`;
const StartSync = graphql`mutation appSyncMutation { syncOrganizations { job { id } } }`;

module.exports = { Page, Card, FollowRun, StartSync };
