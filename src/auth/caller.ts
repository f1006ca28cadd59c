/** What a token allows for all items. With `:own` after it, a scope allows the same for the items of one customer. */
export type ItemScope = 'order-items:read' | 'order-items:cancel';

/** What a token allows. */
export type Scope = ItemScope | 'order-items:events';

export const SCOPES: readonly Scope[] = ['order-items:read', 'order-items:cancel', 'order-items:events'];

/** The sender of a request, as a verified token names them. */
export interface Caller {
  /** The token's `sub`. */
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
  /** The customer whose items the `:own` scopes allow. Null if the token names none, and then these scopes allow nothing. */
  readonly customer: string | null;
}

/** The token is missing, malformed, expired, or from another issuer. */
export class Unauthenticated extends Error {
  /** The value of `WWW-Authenticate`, RFC 6750 section 3. */
  readonly challenge: string;

  /** @param defect tells the sender what is wrong with the token. Null if there is none. */
  constructor(defect: string | null) {
    super(defect ?? 'A bearer token is required.');
    this.name = 'Unauthenticated';
    // RFC 6750 section 3.1: no error code for a request without any authentication.
    this.challenge =
      defect === null
        ? 'Bearer realm="order-items"'
        : `Bearer realm="order-items", error="invalid_token", error_description="${defect}"`;
  }
}

/** The token is valid but lacks a scope. */
export class ScopeMissing extends Error {
  /** The value of `WWW-Authenticate`, RFC 6750 section 3. */
  readonly challenge: string;

  constructor(scope: Scope) {
    super(`The token lacks the scope ${scope}.`);
    this.name = 'ScopeMissing';
    this.challenge = `Bearer realm="order-items", error="insufficient_scope", scope="${scope}"`;
  }
}

/** The issuer does not answer, and the cache lacks the token's key. */
export class IssuerUnavailable extends Error {
  constructor(options?: ErrorOptions) {
    super('The token cannot be checked, because its issuer does not answer.', options);
    this.name = 'IssuerUnavailable';
  }
}

/**
 * Requires a scope, for all items or for those of one customer.
 *
 * @returns the customer to whose items it limits the caller. Null means that it allows all items.
 * @throws ScopeMissing
 */
export function requireScope(caller: Caller, scope: ItemScope): string | null {
  if (caller.scopes.has(scope)) return null;
  if (caller.customer !== null && hasOwnScope(caller, scope)) return caller.customer;
  throw new ScopeMissing(scope);
}

/**
 * Requires a scope in the form that is limited to no customer.
 *
 * @throws ScopeMissing
 */
export function requireScopeForAll(caller: Caller, scope: Scope): void {
  if (!caller.scopes.has(scope)) throw new ScopeMissing(scope);
}

/** Whether the caller has a scope, for all items or for those of one customer. */
export function hasScope(caller: Caller, scope: ItemScope): boolean {
  return caller.scopes.has(scope) || (caller.customer !== null && hasOwnScope(caller, scope));
}

/** Whether the token has the `:own` form of a scope. */
export function hasOwnScope({ scopes }: Caller, scope: ItemScope): boolean {
  return scopes.has(`${scope}:own`);
}
