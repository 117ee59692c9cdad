import { FUNCTIONS, display, isTrue } from './functions.ts';
import { templateError } from './lex.ts';
import { parseTemplate, type Node, type Operand, type Pipeline } from './parse.ts';

interface Scope {
  readonly dot: unknown;
  readonly variables: Map<string, unknown>;
}

/**
 * Compiles a Go template into a function from a JSON-like value to text. Function-valued fields are methods: they take the
 * arguments that follow them.
 * @throws invalid_argument
 */
export function compileTemplate(source: string): (value: unknown) => string {
  const nodes = parseTemplate(source);
  return (value) => renderAll(nodes, { dot: value, variables: new Map([['', value]]) });
}

function renderAll(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => render(node, scope)).join('');
}

function render(node: Node, scope: Scope): string {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'print': {
      const value = evaluate(node.pipeline, scope);
      return node.pipeline.declares.length > 0 ? '' : display(value);
    }
    case 'if':
      return renderAll(isTrue(evaluate(node.pipeline, scope)) ? node.body : node.otherwise, childOf(scope));
    case 'with': {
      const value = evaluate(node.pipeline, scope);
      return isTrue(value) ? renderAll(node.body, childOf(scope, value)) : renderAll(node.otherwise, childOf(scope));
    }
    case 'range':
      return renderRange(node, scope);
  }
}

function renderRange(node: Extract<Node, { body: unknown }>, scope: Scope): string {
  const value = evaluate({ ...node.pipeline, declares: [] }, scope);
  const entries = entriesOf(value);
  if (entries.length === 0) return renderAll(node.otherwise, childOf(scope));
  const [first, second] = node.pipeline.declares;
  return entries
    .map(([key, item]) => {
      const child = childOf(scope, item);
      if (second !== undefined) child.variables.set(first ?? '', key).set(second, item);
      else if (first !== undefined) child.variables.set(first, item);
      return renderAll(node.body, child);
    })
    .join('');
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === 'number') return Array.from({ length: value }, (_, at) => [at, at]);
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return [];
}

function childOf(scope: Scope, dot: unknown = scope.dot): Scope {
  return { dot, variables: new Map(scope.variables) };
}

function evaluate(pipeline: Pipeline, scope: Scope): unknown {
  let result: unknown;
  for (const [at, stage] of pipeline.stages.entries())
    result = call(stage.head, stage.args, at === 0 ? [] : [result], scope);
  for (const name of pipeline.declares) scope.variables.set(name, result);
  return result;
}

function call(head: Operand, args: readonly Operand[], piped: readonly unknown[], scope: Scope): unknown {
  if (head.kind === 'function') {
    if (head.name === 'and' || head.name === 'or') return lazyLogic(head.name, args, piped, scope);
    const known = Object.hasOwn(FUNCTIONS, head.name) ? FUNCTIONS[head.name] : undefined;
    if (known === undefined) throw templateError(`function "${head.name}" not defined`);
    return known(...args.map((arg) => operand(arg, scope)), ...piped);
  }
  const value = resolve(head, scope);
  if (typeof value === 'function') return value(...args.map((arg) => operand(arg, scope)), ...piped) as unknown;
  if (args.length > 0) throw templateError("can't give argument to non-function");
  return value;
}

function lazyLogic(name: 'and' | 'or', args: readonly Operand[], piped: readonly unknown[], scope: Scope): unknown {
  let last: unknown;
  for (const next of [...args.map((arg) => () => operand(arg, scope)), ...piped.map((value) => () => value)]) {
    last = next();
    if (isTrue(last) === (name === 'or')) return last;
  }
  return last;
}

function operand(node: Operand, scope: Scope): unknown {
  return node.kind === 'function' ? call(node, [], [], scope) : resolve(node, scope);
}

function resolve(node: Exclude<Operand, { kind: 'function' }>, scope: Scope): unknown {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'field':
      return walk(scope.dot, node.path);
    case 'variable': {
      if (!scope.variables.has(node.name)) throw templateError(`undefined variable "$${node.name}"`);
      return walk(scope.variables.get(node.name), node.path);
    }
    case 'pipeline':
      return walk(evaluate(node.pipeline, scope), node.path);
  }
}

function walk(start: unknown, path: readonly string[]): unknown {
  let value = start;
  for (const name of path) {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'object' || Array.isArray(value) || !Object.hasOwn(value, name))
      throw templateError(`executing "" at <.${path.join('.')}>: map has no entry for key "${name}"`);
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
