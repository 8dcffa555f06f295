import { execa } from 'execa';

/**
 * Evaluates an XPath expression on a drawing.
 * @throws if the drawing is not XML
 */
export async function inDrawing(svg: string, xpath: string): Promise<string> {
  const options = { input: svg, stripFinalNewline: true };
  const { stdout } = await execa('xmllint', ['--nonet', '--xpath', xpath, '-'], options);
  return stdout;
}
