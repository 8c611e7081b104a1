import ts from 'typescript';

/** What a script or a declaration file imports, requires or refers to. */
export function specifiersIn(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** The exports of a declaration file, and the public methods of its classes, that have no documentation. */
export function undocumentedIn(file: string): string[] {
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, noLib: true, types: [] });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`${file} is no module.`);
  return checker
    .getExportsOfModule(module)
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .flatMap((symbol) => [symbol, ...publicMethodsOf(symbol)])
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0)
    .map((symbol) => checker.getFullyQualifiedName(symbol).replace(/^".*"\./, ''));
}

/** What only the browser and lit call. */
const HOOKS_OF_ELEMENTS = ['connectedCallback', 'disconnectedCallback', 'focus', 'render', 'updated', 'willUpdate'];

function publicMethodsOf(symbol: ts.Symbol): ts.Symbol[] {
  // Hooks of Nest, called by nobody else.
  if (symbol.name === 'NotificationsModule') return [];
  return [...(symbol.members?.values() ?? [])].filter(
    ({ name, flags, valueDeclaration }) =>
      !HOOKS_OF_ELEMENTS.includes(name) &&
      flags & ts.SymbolFlags.Method &&
      valueDeclaration &&
      !(ts.getCombinedModifierFlags(valueDeclaration) & ts.ModifierFlags.Private),
  );
}
