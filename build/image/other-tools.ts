import { z } from 'zod';
import { readJson } from '../process/read-json.ts';
import type { ImageFacts } from './facts.ts';

/** The part of a build manifest that lists the tools that made an image; see `buildManifest`. */
const toolsSchema = z.object({
  inputs: z.object({ tools: z.record(z.string(), z.string()), node: z.string() }),
});

/**
 * Lists tools whose version differs from the version that made an image; another version alone can change the bytes.
 * @param manifest path of the manifest beside that image
 * @returns one text per tool, `mksquashfs 4.5.1 → 4.6.1`; none if the manifest is missing or lists no tools
 */
export function listOtherTools(
  manifest: string,
  { toolVersions }: Pick<ImageFacts, 'toolVersions'>,
): string[] {
  const before = readTools(manifest);
  if (before === undefined) return [];
  const now = new Map<string, string>([...Object.entries(toolVersions), ['Node', process.version]]);
  return [...before].flatMap(([tool, version]) => {
    const present = now.get(tool);
    return present === undefined || present === version ? [] : `${tool} ${version} → ${present}`;
  });
}

function readTools(manifest: string): Map<string, string> | undefined {
  const parsed = toolsSchema.safeParse(readJson(manifest));
  if (!parsed.success) return undefined;
  const { tools, node } = parsed.data.inputs;
  return new Map([...Object.entries(tools), ['Node', node]]);
}
