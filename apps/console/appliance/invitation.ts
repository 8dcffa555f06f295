import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { parseNodeConfig } from '../../agent/configuration/node-config.ts';
import { getErrorCode } from '../../process/code-of.ts';
import { StickError, withStick } from '../../support/stick-mount.ts';
import type { Invitation } from '../deps.ts';

/**
 * File on a stick with which an operator of a control plane invites a host: in the form of `node.yaml`, with
 * `controlPlane` and `joinToken`.
 */
export const INVITATION_FILE = 'quantix-join.yaml';

/** Maximum number of bytes of the file that are read. */
const MOST = 64 * 1024;

/** Reads the invitation on a stick. @throws StickError, CommandError, AgentError naming what is wrong with the file */
export async function readInvitation(device: string, signal: AbortSignal): Promise<Invitation> {
  return await withStick({ device, access: 'ro', signal }, (folder) =>
    readInvitationIn(folder, device),
  );
}

/** Reads the invitation in a folder. @param where name of the folder for people */
export async function readInvitationIn(folder: string, where: string): Promise<Invitation> {
  const text = await readFile(join(folder, INVITATION_FILE), where);
  const file = `${where}, ${INVITATION_FILE}`;
  const { controlPlane: address, joinToken: token } = await parseNodeConfig(text, {
    file,
    pools: z.array(z.never()),
  });
  if (address === undefined || token === undefined) {
    throw new StickError({ what: 'controlPlane or joinToken is missing', where: file });
  }
  return { address, token };
}

/** Reads the beginning of a regular file; links are refused, because a stick is not trusted. */
async function readFile(path: string, where: string): Promise<string> {
  try {
    await using file = await open(
      path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    if (!(await file.stat()).isFile()) throw new StickError({ what: 'no file', where: path });
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST), 0, MOST, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    if (getErrorCode(error) !== 'ENOENT' && getErrorCode(error) !== 'ELOOP') throw error;
    throw new StickError({
      what: `there is no file ${INVITATION_FILE}`,
      where,
      fix: 'It has the lines `controlPlane: https://…` and `joinToken: qxj1.…`.',
      cause: error,
    });
  }
}
