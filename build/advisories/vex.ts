import { Enums, Models } from '@cyclonedx/cyclonedx-library';
import { BASES } from '../bases.ts';
import { formatCycloneDx } from '../sbom/cyclonedx.ts';
import { type BillOfMaterials, makePackageUrl } from '../sbom/materials.ts';
import type { Finding } from './assess.ts';
import type { Review } from './reviews.ts';

const { AnalysisJustification, AnalysisState } = Enums.Vulnerability;

/**
 * Formats the vulnerabilities of an image as CycloneDX 1.6 JSON: its packages, their vulnerabilities
 * (`vulnerabilities`), and the reviews of these (`analysis`; absent if unreviewed). The same content gives the same
 * text.
 * @param materials the packages, and the time to state in the document
 */
export function formatVex(materials: BillOfMaterials, findings: readonly Finding[]): string {
  return formatCycloneDx(
    materials,
    findings.map((finding) => vulnerabilityOf(finding, materials)),
  );
}

function vulnerabilityOf(
  finding: Finding,
  materials: BillOfMaterials,
): Models.Vulnerability.Vulnerability {
  const { id, state, fixed, source, packages, review } = finding;
  const { advisories, packageUrl } = BASES[materials.base];
  const refs = packages.map((locked) => new Models.BomRef(makePackageUrl(locked, materials)));
  const publisher = new Models.Vulnerability.Source({
    name: packageUrl.supplier,
    url: `${advisories}${encodeURIComponent(id)}`,
  });
  return new Models.Vulnerability.Vulnerability({
    bomRef: `${id}/${source}`,
    id,
    source: publisher,
    affects: new Models.Vulnerability.AffectRepository(
      refs.map((ref) => new Models.Vulnerability.Affect(ref)),
    ),
    ...(state === 'fixed' ? { recommendation: `Update ${source} to ${fixed}.` } : {}),
    ...(review === undefined ? {} : { analysis: analysisOf(review) }),
  });
}

const STATES = {
  not_affected: AnalysisState.NotAffected,
  false_positive: AnalysisState.FalsePositive,
  resolved: AnalysisState.Resolved,
  exploitable: AnalysisState.Exploitable,
  in_triage: AnalysisState.InTriage,
} as const satisfies Record<Review['state'], Enums.Vulnerability.AnalysisState>;

const JUSTIFICATIONS = {
  code_not_present: AnalysisJustification.CodeNotPresent,
  code_not_reachable: AnalysisJustification.CodeNotReachable,
  requires_configuration: AnalysisJustification.RequiresConfiguration,
  requires_dependency: AnalysisJustification.RequiresDependency,
  requires_environment: AnalysisJustification.RequiresEnvironment,
  protected_by_compiler: AnalysisJustification.ProtectedByCompiler,
  protected_at_runtime: AnalysisJustification.ProtectedAtRuntime,
  protected_at_perimeter: AnalysisJustification.ProtectedAtPerimeter,
  protected_by_mitigating_control: AnalysisJustification.ProtectedByMitigatingControl,
} as const satisfies Record<
  NonNullable<Review['justification']>,
  Enums.Vulnerability.AnalysisJustification
>;

function analysisOf(review: Review): Models.Vulnerability.Analysis {
  const { state, justification, reason, reviewer, date, expires } = review;
  return new Models.Vulnerability.Analysis({
    state: STATES[state],
    ...(justification === undefined ? {} : { justification: JUSTIFICATIONS[justification] }),
    detail: `${reason} (${reviewer}, ${date}; to be looked at again on ${expires})`,
  });
}
