import { ExplainedError, messageOf } from '../../error.ts';
import { DiskError } from '../../files/disk-error.ts';
import { LibvirtError, type LibvirtFailure } from '../../libvirt/error.ts';
import { TaskErrorCode } from '../../proto/gen/quantix/v1/task_pb.js';
import { isExplainedByStorage } from '../../storage/error.ts';

/** Why a task failed: a code for the control plane, and a message for people. */
export class TaskFailure extends ExplainedError {
  readonly code: TaskErrorCode;

  constructor(code: TaskErrorCode, what: string, cause?: unknown) {
    super({ what: what.replace(/\.$/, ''), cause });
    this.code = code;
  }
}

const OF_LIBVIRT: Readonly<Record<LibvirtFailure, TaskErrorCode>> = {
  invalid: TaskErrorCode.INVALID,
  'not-found': TaskErrorCode.NOT_FOUND,
  refused: TaskErrorCode.CONFLICT,
  unavailable: TaskErrorCode.UNAVAILABLE,
};

/** Turns an error of any part of the agent into a TaskFailure; its code is UNSPECIFIED if the error is a bug. */
export function explainFailure(error: unknown): TaskFailure {
  if (error instanceof TaskFailure) return error;
  if (error instanceof LibvirtError) {
    return new TaskFailure(OF_LIBVIRT[error.failure], error.message, error);
  }
  if (error instanceof DiskError) {
    return new TaskFailure(TaskErrorCode.UNAVAILABLE, error.message, error);
  }
  if (isExplainedByStorage(error) || error instanceof ExplainedError) {
    return new TaskFailure(TaskErrorCode.CONFLICT, error.message, error);
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return new TaskFailure(TaskErrorCode.UNAVAILABLE, error.message, error);
  }
  const what = messageOf(error);
  return new TaskFailure(TaskErrorCode.UNSPECIFIED, `the agent failed: ${what}`, error);
}
