import { execa } from 'execa';

/**
 * What an XPath expression finds in a drawing, by a parser that refuses what is no XML.
 * @throws if it is none
 */
export async function inDrawing(svg: string, xpath: string): Promise<string> {
  const options = { input: svg, stripFinalNewline: true };
  const { stdout } = await execa('xmllint', ['--nonet', '--xpath', xpath, '-'], options);
  return stdout;
}
