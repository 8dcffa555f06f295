import { type Agent, agentSchema } from '../../api/agent.ts';
import { type Image, readImage } from '../../host/image.ts';
import { AnswerError } from '../../http/ask.ts';
import { makePrintable } from '../../text/printable.ts';
import { askAgent } from '../client/ask-agent.ts';
import type { DeploymentPlaces } from './places.ts';

/** The answer of `qx-node version`. */
export interface Versions {
  image: Image;
  /** The running agent; `null` if it does not answer. */
  agent: Agent | null;
  /** Why it does not answer. */
  problem: string | null;
}

/** Reads the running image and agent. */
export async function readVersions(places: DeploymentPlaces): Promise<Versions> {
  const image = await readImage(places.root);
  try {
    const question = { socketPath: places.socket, path: '/v1/agent', schema: agentSchema };
    return { image, agent: await askAgent(question), problem: null };
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error;
    return { image, agent: null, problem: error.message };
  }
}

/** Describes image and agent for people, in lines. */
export function describeVersions({ image, agent, problem }: Versions): string {
  const { product, version, base, architecture, build } = image;
  const lines = [
    `Image   ${product} ${version} for ${architecture}, ${base}, build ${build ?? 'not known'}`,
    `Agent   ${agent === null ? `not known: ${problem}` : describeAgent(agent)}`,
  ];
  const { runs = null, takenBack = null, lost = null } = agent?.deployment ?? {};
  if (runs !== null) {
    lines.push(`        ${[...facts(runs), runs.state].join(', ')}; \`qx-node deploy --undo\``);
    if (lost !== null) lines.push(`        lost at the next restart: ${lost}`);
  }
  if (takenBack !== null) {
    const what = [`qx-node ${takenBack.version}`, ...facts(takenBack)].join(', ');
    lines.push(`        taken back on ${takenBack.at}: ${what}`, `        ${takenBack.reason}`);
  }
  return `${lines.map(makePrintable).join('\n')}\n`;
}

function describeAgent({ version, id }: Agent): string {
  return `qx-node ${version}, ${id === null ? "the image's own" : "deployed, not the image's own"}`;
}

function facts({ serial, since }: { serial: number | null; since: string | null }): string[] {
  return [
    ...(serial === null ? [] : [`serial ${serial}`]),
    ...(since === null ? [] : [`deployed on ${since}`]),
  ];
}
