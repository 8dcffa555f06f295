import { Models, SPDX } from '@cyclonedx/cyclonedx-library';

/**
 * A package's licence as CycloneDX has it: an SPDX id, an SPDX expression, or, if it is neither, just a name.
 * @param text as the package's index states it
 */
export function licenseOf(text: string): Models.License {
  const id = SPDX.fixupSpdxId(text);
  if (id !== undefined) return new Models.SpdxLicense(id);
  if (isExpression(text)) return new Models.LicenseExpression(text);
  return new Models.NamedLicense(text);
}

/**
 * Whether a text is an SPDX licence expression of known licences (SPDX 2.3, annex D):
 * operands and operators alternate and brackets match.
 */
function isExpression(text: string): boolean {
  let depth = 0;
  let wantsOperand = true;
  let before = '';
  for (const word of text.match(/[()]|[^\s()]+/g) ?? []) {
    if (word === '(' && wantsOperand) depth += 1;
    else if (word === ')' && !wantsOperand && depth > 0) depth -= 1;
    else if (wantsOperand && isOperand(word, before)) wantsOperand = false;
    else if (!wantsOperand && isOperator(word)) wantsOperand = true;
    else return false;
    before = word;
  }
  return depth === 0 && !wantsOperand;
}

function isOperator(word: string): boolean {
  return word === 'AND' || word === 'OR' || word === 'WITH';
}

function isOperand(word: string, before: string): boolean {
  if (before === 'WITH') return /^[A-Za-z0-9.-]+$/.test(word);
  return (
    SPDX.isSupportedSpdxId(word.replace(/\+$/, '')) || /^LicenseRef-[A-Za-z0-9.-]+$/.test(word)
  );
}
