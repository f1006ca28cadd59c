/** An error that an operator can resolve. Its message is a sentence that says what to do, so nobody needs its stack. */
export class OperatorError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OperatorError';
  }
}
