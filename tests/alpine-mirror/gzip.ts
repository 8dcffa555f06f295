import { constants, crc32, createDeflateRaw, deflateRawSync } from 'node:zlib';

/** Header as Alpine's packages have it: no time, best compression, Unix. */
const HEADER = Buffer.from('1f8b0800000000000203', 'hex');

/** How hard to compress: 1 to 9. Deterministic for one version of zlib. */
export const LEVEL = constants.Z_BEST_COMPRESSION;

function trailer(crc: number, length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(crc, 0);
  bytes.writeUInt32LE(length % 2 ** 32, 4);
  return bytes;
}

/** A gzip member with this content. */
export function gzipMember(content: Uint8Array, level = LEVEL): Buffer {
  const data = deflateRawSync(content, { level });
  return Buffer.concat([HEADER, data, trailer(crc32(content), content.length)]);
}

/** The same as a stream, for content that must not be whole in memory. */
export async function* gzipStream(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  level = LEVEL,
): AsyncGenerator<Buffer> {
  yield HEADER;
  const deflate = createDeflateRaw({ level });
  let [crc, length] = [0, 0];
  const feed = async () => {
    for await (const chunk of content) {
      crc = crc32(chunk, crc);
      length += chunk.length;
      if (!deflate.write(chunk)) await new Promise((resolve) => deflate.once('drain', resolve));
    }
    deflate.end();
  };
  const feeding = feed();
  feeding.catch((error: Error) => deflate.destroy(error));
  for await (const chunk of deflate) yield chunk;
  await feeding;
  yield trailer(crc, length);
}
