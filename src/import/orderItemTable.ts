/** A column of `order_item` in an import. */
export interface TableColumn {
  readonly sqlType: string;
  /**
   * The table's default as SQL, for a new row without a value. The statement needs it because rows of one file can differ in
   * the columns that they have. Null if the column is required.
   */
  readonly defaultSql: string | null;
  readonly nullable?: true;
}

export const COLUMN_NAMES = [
  'id',
  'order_id',
  'product_id',
  'external_id',
  'customer_id',
  'status',
  'is_pre_order',
  'release_date',
  'quantity',
  'price_amount',
  'price_currency',
  'version',
  'created_at',
  'updated_at',
] as const;

export type ColumnName = (typeof COLUMN_NAMES)[number];

/** The columns of the table that the migrations create. A test compares the defaults. */
export const COLUMNS: Readonly<Record<ColumnName, TableColumn>> = {
  id: { sqlType: 'uuid', defaultSql: null },
  order_id: { sqlType: 'text', defaultSql: null },
  product_id: { sqlType: 'text', defaultSql: null },
  external_id: { sqlType: 'text', defaultSql: 'NULL', nullable: true },
  customer_id: { sqlType: 'text', defaultSql: 'NULL', nullable: true },
  status: { sqlType: 'text', defaultSql: "'pending'" },
  is_pre_order: { sqlType: 'boolean', defaultSql: 'false' },
  release_date: { sqlType: 'date', defaultSql: 'NULL', nullable: true },
  quantity: { sqlType: 'integer', defaultSql: '1' },
  price_amount: { sqlType: 'numeric(19,4)', defaultSql: null },
  price_currency: { sqlType: 'char(3)', defaultSql: null },
  version: { sqlType: 'integer', defaultSql: '1' },
  created_at: { sqlType: 'timestamptz', defaultSql: 'now()' },
  updated_at: { sqlType: 'timestamptz', defaultSql: 'now()' },
};

export const REQUIRED_COLUMNS: readonly ColumnName[] = COLUMN_NAMES.filter((name) => COLUMNS[name].defaultSql === null);

/** The column that a table brought along can lack. */
export const OPTIONAL_COLUMN: ColumnName = 'customer_id';

const NAMES: ReadonlySet<string> = new Set(COLUMN_NAMES);

export function isColumnName(name: string): name is ColumnName {
  return NAMES.has(name);
}

/** The values of a record. Undefined means that the record lacks the column, null that the value is empty. */
export type RowValues = Partial<Record<ColumnName, string | null>>;

export interface FileRow {
  readonly line: number;
  readonly values: Readonly<RowValues>;
}
