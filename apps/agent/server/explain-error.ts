import { DiskError } from '../../files/disk-error.ts';
import { MaintenanceError } from '../../guests/maintenance.ts';
import { ApiError } from '../../http/error.ts';
import { LibvirtError, type LibvirtFailure } from '../../libvirt/error.ts';
import { NetworkError } from '../../network/qx-network.ts';
import { isExplainedByStorage, StorageError } from '../../storage/error.ts';
import { AgentError } from '../configuration/error.ts';

const LIBVIRT_STATUS: Readonly<Record<LibvirtFailure, number>> = {
  invalid: 400,
  'not-found': 404,
  refused: 409,
  unavailable: 503,
};

/** Turns an error into the answer to a request; returns `undefined` if the error is a bug. */
export function explainError(error: unknown): ApiError | undefined {
  if (error instanceof LibvirtError) {
    return new ApiError(LIBVIRT_STATUS[error.failure], error.message);
  }
  if (error instanceof StorageError || error instanceof MaintenanceError) {
    return new ApiError(409, error.message.replace(/\.$/, ''));
  }
  if (error instanceof DiskError) return new ApiError(507, error.message);
  if (error instanceof AgentError) return new ApiError(502, error.message);
  if (isExplainedByStorage(error) || error instanceof NetworkError) {
    return new ApiError(503, error.message);
  }
  return undefined;
}
