/** What a program of the appliance wrote to standard error, as one line for a person, without its name. */
export function words(program: string, stderr: string): string {
  return stderr
    .split('\n')
    .map((line) => (line.startsWith(`${program}: `) ? line.slice(program.length + 2) : line).trim())
    .filter((line) => line !== '')
    .join('; ');
}
