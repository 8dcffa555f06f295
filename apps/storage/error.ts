import { ExplainedError } from '../error.ts';
import { CommandError } from '../process/command-error.ts';
import { ServiceError } from '../services/control.ts';

/** A pool cannot be had, or not as it was asked for. `message` is for the operator. */
export class StorageError extends ExplainedError {}

/** Whether an error is about the world and not a bug. */
export function isTold(error: unknown): error is Error {
  return (
    error instanceof StorageError || error instanceof CommandError || error instanceof ServiceError
  );
}
