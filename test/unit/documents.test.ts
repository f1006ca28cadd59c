import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Document, findCodeBlocks, readDocument, readDocuments, readProse, ROOT } from '../support/documents.ts';

const documents = readDocuments();
const pages = documents.map((document) => [document.file, document] as const);
const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };

/** Returns the anchors that GitHub gives the headings of a page. */
function findAnchors(document: Document): string[] {
  return [...readProse(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Returns the links of a page that stay in the project. */
function findLocalLinks(document: Document): string[] {
  return [...readProse(document).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Returns what a page sets in code type outside of its blocks. */
function findInlineCode(document: Document): string[] {
  return [...readProse(document).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

describe('the documentation', () => {
  test('has a page for each topic', () => {
    expect(documents.map(({ file }) => file)).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'README.md',
        'SECURITY.md',
        ...[
          'architecture',
          'configuration',
          'data',
          'failures',
          'operations',
          'performance',
          'scaling',
          'supergraph',
        ].map((topic) => `docs/${topic}.md`),
        'docs/decisions/README.md',
      ]),
    );
  });

  test.each(pages)('%s links to files and headings that exist', (file, document) => {
    const broken = findLocalLinks(document).filter((target) => {
      const [name = '', anchor] = target.split('#');
      const linked = name === '' ? file : path.join(path.dirname(file), name);
      if (!existsSync(path.join(ROOT, linked))) return true;
      return anchor !== undefined && !findAnchors(readDocument(linked)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test.each(pages)('%s names files and folders that exist', (_, document) => {
    const named = findInlineCode(document).filter((code) =>
      /^(src|schema|migrations|test|bench|soak|supergraph|dashboard|docs|\.ci|\.github)(\/[\w.-]+)*\/?$/.test(code),
    );
    expect(named.filter((name) => !existsSync(path.join(ROOT, name)))).toEqual([]);
  });

  test.each(pages)('%s names npm scripts that exist', (_, document) => {
    const code = [...findInlineCode(document), ...findCodeBlocks(document).map((block) => block.code)].join('\n');
    const named = [...code.matchAll(/\bnpm run (?:-s |--silent )?([\w:-]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  test('is reachable: a reader who follows links from the README finds every page', () => {
    const found = new Set(['README.md']);
    for (const file of found) {
      for (const target of findLocalLinks(readDocument(file))) {
        const linked = path.join(path.dirname(file), target.replace(/#.*/, ''));
        const page = statSync(path.join(ROOT, linked), { throwIfNoEntry: false })?.isDirectory()
          ? `${linked}/README.md`
          : linked;
        if (page.endsWith('.md') && existsSync(path.join(ROOT, page))) found.add(path.normalize(page));
      }
    }
    expect([...found]).toEqual(expect.arrayContaining(documents.map(({ file }) => file)));
  });

  test('README is short enough to be read', () => {
    expect(readDocument('README.md').text.split('\n').length).toBeLessThanOrEqual(200);
  });

  test('README’s first two commands start the service and run the tests', () => {
    const commands = findCodeBlocks(readDocument('README.md')).filter(({ language }) => language === 'sh');
    expect(commands.slice(0, 2).map(({ code }) => code)).toEqual(['npm ci && npm start', 'npm ci && npm test']);
  });

  test('docs/configuration.md names the variables that the service reads, each once', () => {
    const read = [
      ...[...readFileSync(path.join(ROOT, 'src/config.ts'), 'utf8').matchAll(/^ {2}([A-Z_]+): /gm)].map(
        ([, name]) => name,
      ),
      ...new Set(readFileSync(path.join(ROOT, 'src/telemetry/tracingConfig.ts'), 'utf8').match(/OTEL_[A-Z_]+/g)),
    ];
    const documented = [...readDocument('docs/configuration.md').text.matchAll(/^\| (`[A-Z_`, ]+) \|/gm)].flatMap(
      ([, names = '']) => names.match(/[A-Z_]+/g) ?? [],
    );
    expect([...documented].sort()).toEqual([...read].sort());
  });
});
