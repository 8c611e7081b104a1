import type { Results } from './results.js';
import { markdownTable } from './table.js';

/** `<!-- connect: connects a second; CPU µs a connect -->`, and the table below it, up to an empty line. */
const MARKED = /<!-- ([a-z0-9-]+): (.+?) -->\n(?:\n(?:\|.*\n)+)?/g;

/**
 * Fills in the tables of a page from the results that its comments name: scenario and metrics.
 *
 * @throws where a comment names what no results hold.
 */
export function fillTables(page: string, resultsOf: ReadonlyMap<string, Results>): string {
  return page.replace(MARKED, (_, scenario: string, list: string) => {
    const results = resultsOf.get(scenario);
    if (!results) throw new Error(`There are no results of ${scenario}`);
    const metrics = list.split('; ');
    for (const metric of metrics) {
      const isThere = Object.values(results.summaries).some((summary) => metric in summary);
      if (!isThere) throw new Error(`The results of ${scenario} have no "${metric}"`);
    }
    return `<!-- ${scenario}: ${list} -->\n\n${markdownTable(results.summaries, metrics)}\n`;
  });
}
