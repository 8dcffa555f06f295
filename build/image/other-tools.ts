import { z } from 'zod';
import { readJson } from '../process/read-json.ts';
import type { ImageFacts } from './facts.ts';

/** What of a build manifest says which tools made an image; see `buildManifest`. */
const toolsSchema = z.object({
  inputs: z.object({ tools: z.record(z.string(), z.string()), node: z.string() }),
});

/**
 * Tools that are not those that an image was made with, which by itself is reason enough for other bytes.
 * @param manifest path of the manifest that is beside that image
 * @returns a text each, `mksquashfs 4.5.1 → 4.6.1`; none if the manifest is missing or says nothing of tools
 */
export function otherTools(
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
