// Says whether a patched source file still compiles, and puts it into an already built dist/. One language service for
// all patches of a copy: only the patched file is looked at again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * What no JavaScript would run either: unknown names, modules, members and arguments. What else the type checker says (unused,
 * unreachable, perhaps undefined) is how a sabotage breaks things.
 */
const fatal = new Set([2304, 2305, 2307, 2339, 2448, 2454, 2551, 2552, 2554]);

function isFatal({ code, messageText }) {
  const text = ts.flattenDiagnosticMessageText(messageText, ' ');
  // A condition that is always the same narrows what follows to `never`.
  return fatal.has(code) && !text.includes("on type 'never'");
}

export class Compiler {
  #patched = new Map();
  #service;
  #options;

  constructor(root) {
    const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config;
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, root);
    this.root = root;
    this.#options = { ...options, incremental: false, tsBuildInfoFile: undefined, noEmit: true };
    this.#service = ts.createLanguageService({
      getScriptFileNames: () => fileNames,
      getScriptVersion: (file) => String(this.#patched.get(file)?.version ?? 0),
      getScriptSnapshot: (file) => {
        const text = this.#patched.get(file)?.text ?? ts.sys.readFile(file);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => root,
      getCompilationSettings: () => this.#options,
      getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
      fileExists: ts.sys.fileExists,
      readFile: ts.sys.readFile,
      readDirectory: ts.sys.readDirectory,
      directoryExists: ts.sys.directoryExists,
      getDirectories: ts.sys.getDirectories,
    });
  }

  /** The first complaint about `file` (relative) with this text, if any. */
  complaint(file, text) {
    if (!file.endsWith('.ts')) return undefined;
    const path = join(this.root, file);
    const version = (this.#patched.get(path)?.version ?? 0) + 1;
    this.#patched.set(path, { version, text });
    try {
      const found =
        this.#service.getSyntacticDiagnostics(path)[0] ??
        this.#service.getSemanticDiagnostics(path).find(isFatal);
      return found && `TS${found.code}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
    } finally {
      this.#patched.set(path, { version: version + 1, text: readFileSync(path, 'utf8') });
    }
  }

  /** Puts `text` into dist/ of `copy` as what `file` compiles to. */
  emit(copy, file, text) {
    const { outputText } = ts.transpileModule(text, {
      // Alone it does not see package.json, which says that all files are modules.
      compilerOptions: { ...this.#options, module: ts.ModuleKind.ESNext, noEmit: false, sourceMap: false },
      fileName: join(this.root, file),
    });
    const target = join(copy, file.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
}
