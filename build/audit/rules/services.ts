import { isServiceScript, listNames, parseService, type Service } from '../../openrc/service.ts';
import type { Tree } from '../../tree/tree.ts';
import { findExecutable, isExecutable } from '../executables.ts';
import type { Finding } from '../finding.ts';
import type { Survey } from '../survey.ts';

const RULE = 'service';
const SERVICES = 'etc/init.d';
const RUNLEVELS = 'etc/runlevels';
/** Maximum number of bytes of a service script. */
const LARGEST = 1024 * 1024;

/** The program and the dependencies of every OpenRC service must exist, and so must every service in a runlevel. */
export function findBrokenServices(survey: Survey): Finding[] {
  const { tree } = survey;
  const services = readServices(survey);
  const names = new Set(
    services.flatMap((service) => [service.name, ...listNames('provide', service)]),
  );
  return [
    ...services.flatMap((service) => serviceFindings(tree, service, names)),
    ...runlevelFindings(tree),
  ];
}

function readServices({ tree }: Survey): Service[] {
  return tree.names(SERVICES).flatMap((name) => {
    const file = tree.file(`${SERVICES}/${name}`);
    if (file === undefined || file.size > LARGEST) return [];
    const script = tree.bytes(file).toString('utf8');
    return isServiceScript(script) ? [parseService(name, script)] : [];
  });
}

function serviceFindings(tree: Tree, service: Service, names: ReadonlySet<string>): Finding[] {
  const { name, command } = service;
  const path = `${SERVICES}/${name}`;
  const findings: Finding[] = [];
  const file = tree.file(path);
  if (file !== undefined && !isExecutable(file)) {
    findings.push({ rule: RULE, path, what: 'is not executable', fix: 'Give it mode 0755.' });
  }
  for (const need of listNames('need', service)) {
    if (names.has(need)) continue;
    const fix = `Add the package or overlay with the service ${need}, or leave ${name} out.`;
    findings.push({
      rule: RULE,
      path,
      what: `needs the service ${need}, which does not exist`,
      fix,
    });
  }
  if (command !== undefined && findExecutable(tree, command) === undefined) {
    const fix = `Add the package that has ${command}, or leave the service out.`;
    findings.push({ rule: RULE, path, what: `runs ${command}, which is missing`, fix });
  }
  return findings;
}

function runlevelFindings(tree: Tree): Finding[] {
  const findings: Finding[] = [];
  for (const level of tree.names(RUNLEVELS)) {
    for (const name of tree.names(`${RUNLEVELS}/${level}`)) {
      const path = `${RUNLEVELS}/${level}/${name}`;
      const type = tree.lookup(path)?.type;
      if (type === 'file' || type === 'directory') continue;
      const fix = 'Add the package or overlay with this service, or take it out of the runlevel.';
      const what = `enables the service ${name}, which does not exist`;
      findings.push({ rule: RULE, path, what, fix });
    }
  }
  return findings;
}
