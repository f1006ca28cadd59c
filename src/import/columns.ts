import { COLUMN_NAMES, type ColumnName, isColumnName } from './orderItemTable.ts';

/** How the names of a file become columns. */
export interface NameOptions {
  /** The names in the file of columns that have other names there. */
  readonly map?: ReadonlyMap<ColumnName, string>;
  /** Whether names that are no columns are left out. Otherwise they are defects. */
  readonly ignoreUnknown?: boolean;
}

/**
 * Parses the renamed columns of a command line, such as `id=uuid,order_id=Order`.
 *
 * @throws Error that names the invalid part.
 */
export function parseColumnMap(text: string): ReadonlyMap<ColumnName, string> {
  const map = new Map<ColumnName, string>();
  for (const part of text.split(',')) {
    const [column = '', ...names] = part.split('=');
    const [name, inFile] = [column.trim(), names.join('=').trim()];
    if (!isColumnName(name) || inFile === '') {
      throw new Error(
        `--map takes COLUMN=NAME, separated by commas, not ${JSON.stringify(part)}. The columns are ${COLUMN_NAMES.join(', ')}.`,
      );
    }
    if (map.has(name)) throw new Error(`--map has the column ${name} twice.`);
    map.set(name, inFile);
  }
  return map;
}

/**
 * Creates a function that finds the column of a name in a file: the one that `map` gives it, or the one of the same name, in any
 * case and with blanks around it.
 */
export function createColumnFinder({ map = new Map() }: NameOptions): (name: string) => ColumnName | null {
  const renamed = new Map([...map].map(([column, name]) => [name.toLowerCase(), column]));
  return (name) => {
    if (renamed.size === 0 && isColumnName(name)) return name;
    const plain = name.trim().toLowerCase();
    const column = renamed.get(plain) ?? plain;
    // A column that has another name in the file does not have its own name there, too.
    return isColumnName(column) && (renamed.has(plain) || !map.has(column)) ? column : null;
  };
}

/** Names what a file has and a table has not. */
export function describeUnknown(name: string): string {
  return `${JSON.stringify(name.slice(0, 100))}, which is none of the columns ${COLUMN_NAMES.join(', ')}; --map renames columns, --ignore-unknown leaves others out`;
}
