/** What a token may be good for. */
export type Scope = 'order-items:read' | 'order-items:cancel';

export const SCOPES: readonly Scope[] = ['order-items:read', 'order-items:cancel'];

/** Whoever sent a request, as a verified token names them. */
export interface Caller {
  /** The token's `sub`. */
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
}

/** There is no valid token: none, a malformed one, an expired one, or one that is not of our issuer. */
export class Unauthenticated extends Error {
  /** The value of `WWW-Authenticate`, RFC 6750 section 3. */
  readonly challenge: string;

  /** @param defect what is wrong with the token, for its sender; null when no token came at all. */
  constructor(defect: string | null, options?: ErrorOptions) {
    super(defect ?? 'A bearer token is required.', options);
    this.name = 'Unauthenticated';
    // RFC 6750 section 3.1: no error code for a request without any authentication.
    this.challenge =
      defect === null
        ? 'Bearer realm="order-items"'
        : `Bearer realm="order-items", error="invalid_token", error_description="${defect}"`;
  }
}

/** The token is valid and lacks a scope. */
export class ScopeMissing extends Error {
  /** The value of `WWW-Authenticate`, RFC 6750 section 3. */
  readonly challenge: string;

  constructor(scope: Scope) {
    super(`The token lacks the scope ${scope}.`);
    this.name = 'ScopeMissing';
    this.challenge = `Bearer realm="order-items", error="insufficient_scope", scope="${scope}"`;
  }
}

/** The issuer cannot be asked for its keys, and the token's key is not known here. */
export class IssuerUnavailable extends Error {
  constructor(options?: ErrorOptions) {
    super('The token cannot be checked, because its issuer does not answer.', options);
    this.name = 'IssuerUnavailable';
  }
}

/** @throws ScopeMissing */
export function requireScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.has(scope)) throw new ScopeMissing(scope);
}
