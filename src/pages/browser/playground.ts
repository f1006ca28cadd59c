import { keepAccessible, set } from './accessible.ts';
import { element } from './elements.ts';
import { findExamples } from './examples.ts';
import { tasksWith } from './tasks.ts';
import { readTabToken } from './token.ts';

interface GraphQLParams {
  readonly query: string;
  readonly operationName?: string | null;
  readonly variables?: unknown;
}

interface GraphiQLOptions {
  readonly title: string;
  readonly logo: string;
  readonly fetcher: (params: GraphQLParams, options?: { headers?: Record<string, string> }) => Promise<unknown>;
  readonly defaultTabs: readonly { query: string; variables: string; headers: string }[];
  /** The headers of a new tab. */
  readonly headers: string;
  readonly defaultEditorToolsVisibility: 'variables';
  readonly shouldPersistHeaders: boolean;
  readonly storage: Storage;
  readonly onEditQuery: () => void;
}

declare const YogaGraphiQL: { renderYogaGraphiQL: (root: HTMLElement, options: GraphiQLOptions) => void };

/** The worker scripts of Monaco, the editor. */
const WORKERS: Readonly<Record<string, string>> = {
  editorWorkerService: '/pages/editor.worker.js',
  json: '/pages/json.worker.js',
  graphql: '/pages/graphql.worker.js',
};
Object.assign(globalThis, {
  MonacoEnvironment: { globalAPI: false, getWorkerUrl: (_module: string, label: string) => WORKERS[label] },
});

const token = await readTabToken();
const authorization = token === null ? {} : { Authorization: `Bearer ${token}` };
const headers = JSON.stringify(authorization, null, 2);

/** Adds the token to requests. GraphiQL stores tabs without their headers, so a restored tab has none. */
const send: GraphiQLOptions['fetcher'] = (params, options) =>
  ask(params, options).catch((error: unknown) => ({ errors: [{ message: `There is no answer. ${String(error)}` }] }));

const ask: GraphiQLOptions['fetcher'] = async ({ operationName, ...params }, { headers: given = {} } = {}) => {
  const isGiven = Object.keys(given).some((name) => name.toLowerCase() === 'authorization');
  const answer = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(isGiven ? {} : authorization), ...given },
    // Just after a tab is opened, the operation name can still be that of the previous tab.
    body: JSON.stringify(hasOperation(params.query, operationName ?? '') ? { ...params, operationName } : params),
  });
  return answer.json();
};

const tabs = tasksWith(await findExamples(token)).map(({ query, variables }) => ({
  query,
  variables: JSON.stringify(variables, null, 2),
  headers,
}));
// The content of the first tab. After a reload, the storage has the previous content.
if (sessionStorage.getItem('graphiql:tabState') === null) {
  sessionStorage.setItem('graphiql:query', tabs[0]?.query ?? '');
  sessionStorage.setItem('graphiql:variables', tabs[0]?.variables ?? '');
}

const playground = element('playground', HTMLElement);
YogaGraphiQL.renderYogaGraphiQL(playground, {
  title: 'order-items',
  logo: '<img src="/pages/icon.svg" alt="" width="24" height="24">',
  fetcher: send,
  defaultTabs: tabs,
  headers,
  defaultEditorToolsVisibility: 'variables',
  shouldPersistHeaders: false,
  // Storage of this browser tab only, because queries can hold personal data.
  storage: sessionStorage,
  // By default, GraphiQL writes the query into the URL.
  onEditQuery: () => undefined,
});

// A tab must not contain the buttons that open and close it. So the tabs are a list with a current element.
keepAccessible(playground, (root) => {
  for (const tab of root.querySelectorAll('.graphiql-tab')) {
    const isCurrent = tab.classList.contains('graphiql-tab-active');
    if (tab.parentElement !== null) set(tab.parentElement, 'role', 'list');
    set(tab, 'role', 'listitem');
    tab.removeAttribute('aria-selected');
    const opener = tab.querySelector('button');
    if (opener !== null) set(opener, 'aria-current', String(isCurrent));
  }
});

function hasOperation(document: string, name: string): boolean {
  return [...document.matchAll(/\b(?:query|mutation|subscription)\s+(\w+)/g)].some(([, found]) => found === name);
}
