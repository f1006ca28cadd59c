/** A code for a reason, which programs can group by, with its label for people. */
export interface ReasonCode {
  readonly code: string;
  readonly label: string;
}

/** The codes that cancels can state, or `any`. */
export type ReasonCodes = readonly ReasonCode[] | 'any';

/** The codes of a shop that takes pre-orders. */
export const DEFAULT_REASON_CODES: readonly ReasonCode[] = [
  { code: 'changed_mind', label: 'Changed their mind' },
  { code: 'ordered_by_mistake', label: 'Ordered by mistake' },
  { code: 'found_elsewhere', label: 'Found it elsewhere' },
  { code: 'release_delayed', label: 'The release was delayed' },
  { code: 'payment_failed', label: 'The payment failed' },
  { code: 'out_of_stock', label: 'Out of stock' },
  { code: 'fraud', label: 'Suspected fraud' },
  { code: 'other', label: 'Another reason' },
];

const CODE = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Parses a list of codes with labels, such as `late=Delivered too late,wrong=Ordered by mistake`. A code without a label is
 * its own label. `*` accepts any code.
 *
 * @returns the codes, or null if the text is no such list.
 */
export function parseReasonCodes(text: string): ReasonCodes | null {
  if (text.trim() === '*') return 'any';
  const codes = text.split(',').map((entry) => {
    const [code = '', ...label] = entry.split('=');
    return { code: code.trim(), label: label.join('=').trim() || code.trim() };
  });
  const areDistinct = new Set(codes.map(({ code }) => code)).size === codes.length;
  return areDistinct && codes.every(({ code }) => CODE.test(code)) ? codes : null;
}

/** Whether a cancel can state this code. */
export function acceptsCode(codes: ReasonCodes, code: string): boolean {
  return codes === 'any' ? CODE.test(code) : codes.some((accepted) => accepted.code === code);
}

/** Returns the defect of a code that is not accepted, a sentence without its period. */
export function describeUnknownCode(codes: ReasonCodes): string {
  return codes === 'any'
    ? 'the reason code does not have 1 to 64 letters, digits, dots, hyphens or underscores'
    : `the reason code is not one of: ${codes.map(({ code }) => code).join(', ')}`;
}
