import type { ErrorObject } from "ajv";

/** Keys whose value decides which branch of a union is meant. */
const decidingKeys = ["role", "kind"];

/**
 * Errors of a union are those of all its branches. Kept are those of the branch whose `role` or `kind` is the given one; where no
 * branch fits, or it is a union of words, one error that lists the choices takes their place.
 */
export function resolveUnions(errors: ErrorObject[]): ErrorObject[] {
  const unions = errors
    .filter(({ keyword }) => keyword === "anyOf")
    .sort((left, right) => left.schemaPath.length - right.schemaPath.length);
  let remaining = errors.filter(({ keyword }) => keyword !== "anyOf");
  for (const union of unions) {
    const others = remaining.filter((error) => !isInside(error, union));
    const branches = branchesOf(
      remaining.filter((error) => isInside(error, union)),
      union,
    );
    if (branches.length > 0) remaining = [...others, ...mostUseful(branches, union)];
  }
  return remaining;
}

/** The same union stands in every element of a list or mapping: the place in the document tells them apart. */
function isInside(error: ErrorObject, union: ErrorObject): boolean {
  const samePlace = error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`);
  return samePlace && error.schemaPath.startsWith(`${union.schemaPath}/`);
}

function branchesOf(errors: ErrorObject[], union: ErrorObject): ErrorObject[][] {
  const branches = new Map<string, ErrorObject[]>();
  for (const error of errors) {
    const index = error.schemaPath.slice(union.schemaPath.length + 1).split("/")[0]!;
    branches.set(index, [...(branches.get(index) ?? []), error]);
  }
  return [...branches.values()];
}

function mostUseful(branches: ErrorObject[][], union: ErrorObject): ErrorObject[] {
  const isMissing = ({ keyword, instancePath, params }: ErrorObject): boolean =>
    keyword === "required" && instancePath === union.instancePath && decidingKeys.includes(params.missingProperty);
  const isOtherWord = ({ keyword, instancePath }: ErrorObject): boolean =>
    keyword === "const" &&
    (instancePath === union.instancePath || decidingKeys.some((key) => instancePath === `${union.instancePath}/${key}`));

  const meant = branches.filter((branch) => !branch.some((error) => isMissing(error) || isOtherWord(error)));
  if (meant.length > 0) return meant.sort((left, right) => left.length - right.length)[0]!;

  const words = branches.flatMap((branch) => branch.filter(isOtherWord));
  if (words.length > 0)
    return [{ ...words[0]!, keyword: "enum", params: { allowedValues: words.map(({ params }) => params.allowedValue) } }];

  const missing = branches.flat().find(isMissing)!;
  return [branches.flat().find((error) => isUnknownEverywhere(error, missing, branches)) ?? withChoices(missing, union)];
}

/** Where the deciding key is absent, an unknown key that no branch has is most likely it, misspelt. */
function isUnknownEverywhere(error: ErrorObject, missing: ErrorObject, branches: ErrorObject[][]): boolean {
  if (error.keyword !== "additionalProperties" || error.instancePath !== missing.instancePath) return false;
  const { additionalProperty } = error.params;
  return branches.every((branch) => branch.some(({ params }) => params.additionalProperty === additionalProperty));
}

/** The error of an absent deciding key, with the words that it could have as its description. */
function withChoices(missing: ErrorObject, union: ErrorObject): ErrorObject {
  const key = String(missing.params.missingProperty);
  const branches = union.schema as { properties?: Record<string, { const?: string }> }[];
  const words = branches.map(({ properties }) => properties?.[key]?.const).join(", ");
  return { ...missing, parentSchema: { properties: { [key]: { description: `one of ${words}` } } } };
}
