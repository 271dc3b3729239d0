/** Reads the import lines of a source file; enough for style-checked code, without a parser. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Import {
  /** Path of the importing file under src/, with forward slashes. */
  readonly file: string;
  /** Path of the imported file under src/ for a relative import, the package name and path otherwise. */
  readonly target: string;
  readonly relative: boolean;
  /** `type`: erased by the compiler. `static`: loaded with the file. `dynamic`: loaded when reached. */
  readonly kind: 'type' | 'static' | 'dynamic';
}

/** Source files under src/ without tests, sorted. */
export function sourceFiles(): string[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts') && !/\.(test|test-d|d)\.ts$/.test(path))
    .sort();
}

export function readSource(file: string): string {
  return readFileSync(join(ROOT, 'src', file), 'utf8');
}

const STATIC = /^(?:import|export)\s+(type\s)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm;
const DYNAMIC = /(?<!\w)import\(\s*(?:\/\*.*?\*\/\s*)?'([^']+)'/g;
/** `import('x').Y` in a type position is erased as well; only a following member access in a type looks like this. */
const TYPE_QUERY = /(?:typeof\s+|[:<|&=]\s*)import\(\s*'([^']+)'\s*\)(?:\.\w|[;,)>\s[\]])/g;

export function importsOf(file: string, text: string = readSource(file)): Import[] {
  const code = text.replace(/^\s*(?:\*|\/\/).*$/gm, '');
  const found: Import[] = [];
  for (const match of code.matchAll(STATIC)) found.push(resolve(file, String(match[2]), match[1] ? 'type' : 'static'));
  const inTypes = new Set(
    [...code.matchAll(TYPE_QUERY)]
      .filter((match) => !/\bawait\s*$/.test(match[0]))
      .map((match) => match.index + match[0].indexOf('import(')),
  );
  for (const match of code.matchAll(DYNAMIC)) found.push(resolve(file, String(match[1]), inTypes.has(match.index) ? 'type' : 'dynamic'));
  return found;
}

function resolve(file: string, specifier: string, kind: Import['kind']): Import {
  if (!specifier.startsWith('.')) return { file, target: specifier, relative: false, kind };
  return { file, target: posix.join(dirname(file), specifier).replace(/\.js$/, '.ts'), relative: true, kind };
}
